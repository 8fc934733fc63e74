"""The tags that frameworks put around texts, questions and earlier conversations, and what is inside them."""

import re
from collections.abc import Iterator
from typing import Final

from localqa.api.protocol.parts import Part

# Tags around a text, by the last word of their names: `<context>`, `<retrieved-documents>`.
_TEXT_NOUNS: Final = """
context document doc source passage result text content data information snippet excerpt article knowledge
reference chunk file paragraph fragment page
"""
TEXT_TAGS: Final = rf"(?:[a-z]{{1,20}}[_-]){{0,3}}(?:{'|'.join(_TEXT_NOUNS.split())})s?"
# Within them: what holds the text alone, and what tells something of it.
_CONTENT_TAGS: Final = r"(?:document|doc|page|source)[_-](?:contents?|context|text)|content"
_ABOUT_TAGS: Final = r"(?:source|document|doc)[_-]id|id|name|title|url|metadata|file_?name"
QUESTION_TAGS: Final = "user_query|user_question|question|query|user_input"
PAST_TAGS: Final = "chat_history|conversation|history"


def elements(text: str, names: str, part: Part) -> Iterator[tuple[str, Part, Part]]:
    """The outermost elements of these names, a pattern, in a part: name, what is inside, and all of it.

    A closing tag belongs to the nearest opening one before it; those without one are only spoken of.
    """
    tags = re.compile(rf"[<\[](/?)({names})(?:\s[^<>\[\]]{{0,1000}})?[>\]]", re.IGNORECASE)
    opened: dict[str, list[re.Match[str]]] = {}
    found = []
    for tag in tags.finditer(text, part.start, part.end):
        name = tag[2].lower()
        if not tag[1]:
            opened.setdefault(name, []).append(tag)
        elif opened.get(name):
            begin = opened[name].pop()
            found.append((name, Part(begin.end(), tag.start()), Part(begin.start(), tag.end())))
    end = part.start
    for element in sorted(found, key=lambda one: one[2].start):
        if element[2].start >= end:
            end = element[2].end
            yield element


def inner_texts(text: str, part: Part, levels: int = 3) -> list[Part]:
    """The sources in an element: those in it that hold text, else what it says beside those about it."""
    contents = [inside for _, inside, _ in elements(text, _CONTENT_TAGS, part)]
    if contents:
        return contents
    nested = [inside for _, inside, _ in elements(text, TEXT_TAGS, part)]
    if nested and levels:
        return [inner for one in nested for inner in inner_texts(text, one, levels - 1)]
    parts, start = [], part.start
    for _, _, whole in elements(text, _ABOUT_TAGS, part):
        parts.append(Part(start, whole.start))
        start = whole.end
    return [one for one in (*parts, Part(start, part.end)) if text[one.start : one.end].strip()]
