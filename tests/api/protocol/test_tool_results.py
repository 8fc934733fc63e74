"""What a tool found is read as words, wherever its JSON has braces, keys and escapes."""

import json

import pytest

from localqa.api.protocol.extracting import from_chat
from localqa.extraction.answers import Answer

TEXT = "The bridge was built by Dunmore and Sons in 1891. It has four lanes."


def of_tool(content):
    sent = [{"role": "user", "content": "Who built it?"}, {"role": "tool", "content": content}]
    return from_chat(sent, most=100_000)


def place_of(extraction, words):
    start = extraction.context.index(words)
    return extraction.found_in(Answer(words, 0.9, start, start + len(words), True, -5.0, "squad"))


def test_the_values_are_read():
    result = {"title": "Bridges", "year": 1891, "text": f"{TEXT}\n\nIt is old.", "note": ""}
    sent = json.dumps({"results": [result], "more": None})
    extraction = of_tool(sent)
    assert extraction.context == f'title": "Bridges\n\nyear": 1891\n\n{TEXT}\n\nIt is old.'
    assert len(extraction.sources) == 4
    place = place_of(extraction, "Dunmore")
    assert sent[place["start"] : place["end"]] == "Dunmore"


@pytest.mark.parametrize(
    "sent",
    [
        '{"temperature": 21, "unit": "C"}',
        '{"text": "It is a long text',
        "[1] It is old.",
        r'{"text": "half of a pair is \ud83d alone"}',
    ],
)
def test_what_is_told_otherwise_is_read_whole(sent):
    assert of_tool(sent).context == sent


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The bridge in Bern was built by Müller and Söhne from Zürich.", "Müller and Söhne"),
        ("Müller and Söhne built the bridge.", "Müller"),
        ("The bridge was built by Müller and Söhne", "Müller and Söhne"),
        ("橋は1891年に田中太郎が建てました。", "田中太郎"),
        ('The sign on it says "Keep out" in red.', '"Keep out"'),
        ("It lies in C:\\u00fc\\new and\tis\r\nold.", "C:\\u00fc\\new and\tis\r\nold"),
        ("The bridge 🌉 is by 𝔄nn and Bo.", "🌉 is by 𝔄nn"),
    ],
)
@pytest.mark.parametrize("in_parts", [False, True])
def test_escapes_are_read_as_what_they_stand_for(text, words, in_parts):
    sent = json.dumps({"Überschrift": "Brücke", "text": text})
    content = [{"type": "text", "text": one} for one in ("It is old.", sent)] if in_parts else sent
    extraction = of_tool(content)
    assert text in extraction.context
    place = place_of(extraction, words)
    assert place["message"] == 1
    assert place.get("part") == (1 if in_parts else None)
    assert json.loads(f'"{sent[place["start"] : place["end"]]}"') == words


def test_without_a_long_value_the_characters_are_read_whole():
    assert of_tool(json.dumps({"city": "Zürich"})).context == '{"city": "Zürich"}'


def test_marks_around_a_text_are_found_in_values():
    sent = json.dumps([f"<document>{TEXT} Für alle.</document>"])
    assert of_tool(sent).context == f"{TEXT} Für alle."


def test_no_character_is_made_that_no_text_has():
    sent = r'{"a": "half of a pair is \ud83d alone", "a": "and NUL is \u0000 in no text"}'
    assert [r"\ud83d" in of_tool(sent).context, r"\u0000" in of_tool(sent).context] == [True, True]
