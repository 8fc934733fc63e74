"""Spans on the borders that a reader would choose: characters, words, amounts, addresses, pairs."""

import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from localqa.extraction.edges import BREAK, whole


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


CHARACTERS = [
    (f"It was written by {nfd('Zoé')} in 1990.", "Zoe", nfd("Zoé")),
    (f"It was written by {nfd('Brontë')} in 1990.", "Bronte", nfd("Brontë")),
    (f"It was written by {nfd('Andrej Babiš')}.", "Andrej Babis", nfd("Andrej Babiš")),
    (f"It was written by {nfd('ハバ')} in 1990.", "ハハ", nfd("ハバ")),
    (f"{nfd('Ängström')} measured it.", "ngstro", nfd("Ängström")),
    ("The sign is ❤️ on the door.", "❤", "❤️"),
    ("The sign is 👩🏽‍🚀 on the door.", "👩", "👩🏽‍🚀"),
    ("The flag is 🇩🇪🇫🇷 today.", "🇩", "🇩🇪"),
    ("The word is हिन्दी here.", "हिन", "हिन्दी"),
]
PAIRS = [
    (
        "The compound poly(methyl methacrylate) was used.",
        "poly(methyl methacrylate",
        "poly(methyl methacrylate)",
    ),
    ("Karl Berg (born 1901) built it.", "Karl Berg (born 1901", "Karl Berg (born 1901)"),
    ("It is given there (see Annex B) in full.", "see Annex B)", "see Annex B"),
    ("It is [sic] so.", "[sic", "[sic]"),
    ("a set {1, 2 [or 3]} of", "set {1, 2 [or 3]", "set {1, 2 [or 3]}"),
    (
        'She said: "We will not raise taxes (this year)."',
        '"We will not raise taxes',
        "We will not raise taxes",
    ),
    (
        'She said: "We will not raise taxes (this year)."',
        '"We will not raise taxes (this year)',
        '"We will not raise taxes (this year)."',
    ),
    ("the film “The Day” came", "film “The Day", "film “The Day”"),
    ("er sagte „Nein danke“ und ging", "„Nein danke", "„Nein danke“"),
    ("il a dit « bonjour » hier", "« bonjour", "« bonjour »"),
    ("the sign 'No entry' hung", "sign 'No entry", "sign 'No entry'"),
    ("Clauses a) and b) hold.", "b) hold", "b) hold"),
    ("It is two weeks' rent and more.", "two weeks' rent", "two weeks' rent"),
    ("Lombard's house is old.", "Lombard", "Lombard"),
    ('The 5" pipe is old.', '5" pipe', '5" pipe'),
    ("It is called 〈The Long Road〉 here.", "〈The Long Road", "〈The Long Road〉"),
    ("It is called ｢The Long Road｣ here.", "The Long Road｣", "The Long Road"),
    ("Er las »Der Weg« gern.", "»Der Weg", "»Der Weg«"),
    ("Er las »Der Weg« gern.", "Der Weg«", "Der Weg"),
    ("Han läste ”Vägen” ofta.", "Vägen”", "Vägen"),
    ("He read ``The Road'' often.", "The Road''", "The Road"),
    ("Il lit « La Route » et « Le Pont » .", "« La Route » et « Le Pont", "« La Route » et « Le Pont »"),
    ("The title is <i>Dune</i> here.", "<i>Dune", "Dune"),
    ("The title is <b class='x'>Dune</b> here.", "Dune</b>", "Dune"),
    ("Use <b> for it, or <video>.", "<b>", "<b>"),
    ('She said "there were 27" and left.', 'there were 27"', "there were 27"),
    ('{"year": "1999", "rent": "850"}', "850", "850"),
    ('{"year": "1999", "rent": "850"}', '850"', "850"),
    ('A 27" screen, called "Number 5" here.', 'Number 5"', "Number 5"),
]
WHOLE = [
    ("东京奥运会在2021年举行", "东京", "东京"),
    ("2019年3月15日に東京で開催された", "東京", "東京"),
    ("他在1949年出生于北京。", "1949", "1949"),
    ("価格は1,200円です", "1", "1,200"),
    ("価格は1,200円です", "200", "1,200"),
    ("売上は５０％です", "５０", "５０％"),
    ("In Tokyo (東京2020大会) it was.", "東京", "東京"),
    ("The host is 2001:db8::8a2e:370:7334 now.", "db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
    ("Its address is 00:1A:2b:3c:4D:5e there.", "1A:2b", "00:1A:2b:3c:4D:5e"),
    ("Clone git@github.com:acme/tools.git first.", "git@github.com", "git@github.com:acme/tools.git"),
    ("Call foo.bar() first.", "foo.bar", "foo.bar()"),
    ("Call std::sort here.", "std", "std::sort"),
    ("The key is sk-Abc_12/3+x== today.", "sk-Abc_12/3+x", "sk-Abc_12/3+x=="),
    ("Take (R)-ibuprofen daily.", "ibuprofen", "(R)-ibuprofen"),
    ('The monitor has a 27" screen.', "27", '27"'),
    ("He is 5'11\" tall.", "5'11", "5'11\""),
    ("It opened at 12:30: then it closed.", "12:30", "12:30"),
    ("Section 4.2.1(b) covers refunds.", "Section 4.2.1", "Section 4.2.1(b)"),
    ("Section 12(3)(a) covers refunds.", "Section 12(3", "Section 12(3)(a)"),
    ("As § 5 says.", "5", "§ 5"),
    ("Every employee(s) must", "employee", "employee(s)"),
    ("The organization was founded.", "organ", "organization"),
    ("He can't go.", "can", "can't"),
    ("Written by O'Brien in May.", "Brien", "O'Brien"),
    ("The U.S. army came.", "U.S", "U.S."),
    (
        "Write to support.desk+emea@example-corp.co.uk or call.",
        "desk+emea@",
        "support.desk+emea@example-corp.co.uk",
    ),
    ("Write to support.desk@example.com.", "support.desk", "support.desk@example.com"),
    ("See https://ex.org/a_(b)?q=1#x. Then go.", "ex.org/a", "https://ex.org/a_(b)?q=1#x"),
    ("See www.example.com/x/y.html, or not.", "example", "www.example.com/x/y.html"),
    ("Open docs.example.org now.", "docs", "docs.example.org"),
    ("Open /etc/app/main.conf now.", "etc/app", "/etc/app/main.conf"),
    ("Run C:\\Temp\\x.txt now.", "Temp", "C:\\Temp\\x.txt"),
    ("The file is config_v2.yaml.", "config", "config_v2.yaml"),
    ("It pays £1,150.00 a month.", "1,150", "£1,150.00"),
    ("It costs 500 EUR a month.", "500", "500 EUR"),
    ("It costs USD 500 a month.", "500", "USD 500"),
    ("It rose by 12.5% in May.", "12", "12.5%"),
    ("It grew to 5.2 million.", "5", "5.2"),
    ("It was -37.5 °C outside.", "37.5", "-37.5 °C"),
    ("It has up to 100 Mbit/s.", "100", "100 Mbit/s"),
    ("It weighs 4.5kg in all.", "4.5", "4.5kg"),
    ("It runs at 3.5 GHz and 12 V.", "3.5", "3.5 GHz"),
    ("Call +44 20 7946 0018 today.", "7946 0018", "+44 20 7946 0018"),
    ("Call 555-1234 today.", "555", "555-1234"),
    ("It is due on 2024-04-01 at noon.", "2024", "2024-04-01"),
    ("It is due at 14:30.", "14", "14:30"),
    ("Part AB-1234/C is old.", "AB", "AB-1234/C"),
    ("Serial SN#4711-X is old.", "4711", "SN#4711-X"),
    ("Version v2.0.1-rc1 is out.", "v2", "v2.0.1-rc1"),
    ("Host 10.0.0.1:8080 is up.", "10", "10.0.0.1:8080"),
]
LEFT_AS_THEY_ARE = [
    ("The German-speaking people came.", "German"),
    ("It was so in 1939-1945 there.", "1939"),
    ("They won 24–10 at home.", "24"),
    ("He has 5 in all.", "5"),
    ("They came in New York City:57 and left.", "New York City"),
    ("中国的首都是北京市。", "北京"),
    ("ประเทศไทยมีกรุงเทพ", "ไทย"),
    ("서울에서 왔다", "서울"),
    ("Either Linux/Unix or not.", "Linux"),
    ("It is 3 * 4 in all.", "3 * 4"),
    ("It was made by Acme Inc. in May.", "Acme Inc."),
]
TRIMMED = [
    ("Press and hold *Reset* now.", "hold *Reset", "hold *Reset*"),
    ("Press **Reset** now.", "**Reset**", "Reset"),
    ("Press **Reset** now.", "Reset**", "Reset"),
    ("Run `make test` now.", "`make test", "make test"),
    ("- Milk\n- Eggs\n", "- Milk", "Milk"),
    ("Buy:\n • Eggs\n", "• Eggs", "Eggs"),
    ("## Deposit\nFive weeks.", "## Deposit", "Deposit"),
    ("| Total | 5 |", "| Total |", "Total"),
    ("in Paris, France", "Paris, ", "Paris"),
    ("in\u00a0Paris\u200b, France", "\u00a0Paris\u200b", "Paris"),
    ("It is 12 months* in all.", "12 months*", "12 months"),
]


@pytest.mark.parametrize(("context", "chosen", "wanted"), [*CHARACTERS, *PAIRS, *WHOLE, *TRIMMED])
def test_the_span_is_what_a_reader_would_mark(context, chosen, wanted):
    at = context.index(chosen)
    found = whole(context, at, at + len(chosen))
    assert found
    assert context[slice(*found)] == wanted


@pytest.mark.parametrize(("context", "chosen"), LEFT_AS_THEY_ARE)
def test_what_is_whole_already_stays(context, chosen):
    at = context.index(chosen)
    assert whole(context, at, at + len(chosen)) == (at, at + len(chosen))


def test_marks_alone_are_nothing():
    assert whole("a , b", 2, 3) is None


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\n \t\n", "\f", "\r\r"])
def test_the_ends_of_paragraphs_and_pages(end):
    assert BREAK.search(f"one{end}two")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " "])
def test_lines_are_no_paragraphs(end):
    assert not BREAK.search(f"one{end}two")


PARTS = [
    *"a7 \n中ไ()\"'’“”„«»*_`.,-/@£%#|\u0308\u200b🇩",
    *("Ab", "\n\n", "e\u0301", "❤️", "👩🏽‍🚀", "**", "://", "°C", "\r\n"),
]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=40).map("".join), st.data())
@settings(max_examples=600, deadline=None)
def test_any_span_of_any_text_ends_on_whole_characters_inside_it(context, data):
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    found = whole(context, start, end)
    if found is None:
        assert not any(map(str.isalnum, context[start:end]))
        return
    first, last = found
    borders = {0} | {cluster.end() for cluster in regex.finditer(r"\X", context)}
    assert 0 <= first < last <= len(context)
    assert {first, last} <= borders
    assert context[first:last].strip() == context[first:last]


def test_a_hostile_text_costs_no_more_than_its_neighbourhood():
    context = "(" * 200_000 + "a.b-c@" * 50_000 + ")" * 200_000
    assert whole(context, 300_000, 300_001) is not None
