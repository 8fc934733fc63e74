"""Where a span begins and ends: on what a reader would take as one piece.

A model chooses tokens, and tokens know nothing of what belongs together. A span is widened to whole
characters, words, numbers with their units, addresses and identifiers, holds both halves of a pair of
brackets or quotes or neither, and loses white space, markup and commas at its ends.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final, TypeAlias

import regex

BREAK: Final = regex.compile(r"(?>\r\n|\n|\r)[^\S\r\n]*(?>\r\n|\n|\r)|[\f\v\u2029]")
"""What ends a paragraph or a page: blank lines, form feeds. No answer goes over it."""

_REACH = 512
"""Characters beside a span in which the rest of what it cuts through is looked for."""
_PAIR_REACH = 100
"""The same for the partner of a bracket or quote: further away, the pair is not part of the answer."""
_PIECE_SPACES = 4
"""Spaces in the longest such piece: a telephone number."""
_ROUNDS = 4
"""How often the rules may uncover work for each other."""

_WORD = r"\p{L}\p{M}\p{N}\u00AD\u200C\u200D\u2060"
_LETTER: Final = regex.compile(f"[{_WORD}]")
# Scripts that are written without spaces, or with particles that belong to no answer: words end anywhere.
_SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}"
)
_UNSPACED: Final = regex.compile(f"[{_SPACELESS}]")
# What is one piece goes on over none of these.
_PIECE = rf"[[{_WORD}]--[{_SPACELESS}]]"
_NUMBER = r"\d++(?:[.,'’\u00A0\u202F]\d++)*+"
_CURRENCY = r"[$£€¥￥₹₽₩₺₴₪฿¢]"
_CURRENCIES = r"(?:EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK)"
_SI = (
    r"(?:[kKMGTPmµμcdnp]?(?:Hz|bit|byte|[BbWVΩgmslLJN]|Pa|mol|eV|cd|Wh|bar|bps)|[kM]?cal|dB|min|h|hrs?|rpm|ha|in|"
    r"ft|lbs?|oz|mph|kph|px|pt|dpi|ppm|psi|°\ ?[CFK]|K)"
)
_UNIT = rf"(?:{_SI}(?:[/·⋅]{_SI})?(?:[²³]|\^-?\d)?|%|％|‰|°|′|″|{_CURRENCY})(?![{_PIECE}])"
# After a space these would be words or initials as often as units.
_SPACED = rf"(?!(?:in|h|[BJKNLTs])(?![{_PIECE}/²³])){_UNIT}"
_SUBCLAUSE = r"(?:\([\p{L}\d]{1,5}\))"
_HEX = r"[0-9A-Fa-f]{1,4}+"
_TAG = (
    r"</?(?:a|abbr|b|big|br|cite|code|dd|div|dt|em|font|h[1-6]|i|li|mark|p|q|s|small|span|strong|sub|sup|td|th|tt|u)"
    r"(?:\s[^<>\n]*+)?/?>"
)
"""Of HTML, where it is only how words look."""
_PIECES: Final = tuple(
    regex.compile(pattern, regex.VERBOSE | regex.V1)
    for pattern in (
        # addresses
        rf"(?<![{_PIECE}])(?:[a-z][a-z0-9+.-]{{1,15}}://|www\.)"
        r"""(?:[^\s<>"()]|\([^\s<>"()]*+\))+(?<![.,;:!?'’”\]}}])""",
        rf"(?<![{_PIECE}.+%_'-])(?:mailto:)?[{_PIECE}.+%_'-]++@[{_PIECE}-]++(?:\.[{_PIECE}-]++)*+",
        rf"(?<![{_PIECE}.-])(?:[{_PIECE}-]++\.)+[a-z]{{2,24}}+(?![{_PIECE}])(?::\d++)?+"
        r"""(?:/[^\s<>"(),;]*+(?<![.:!?]))?""",
        rf"(?<![{_PIECE}.@-])[{_PIECE}.-]++@[{_PIECE}.-]++:[{_PIECE}.~-]*+/[^\s<>\"(),;]*+(?<![.:!?])",
        rf"(?<![{_PIECE}:])(?:(?:{_HEX}:){{2,7}}{_HEX}|(?:{_HEX}(?::{_HEX})*+)?+::(?:{_HEX}(?::{_HEX})*+)?+)"
        rf"(?:/\d{{1,3}})?(?![{_PIECE}:])",
        r"""(?<![^\s("'])(?:[A-Za-z]:\\|~?/|\.\.?/)[^\s<>"(),;|]++(?<![.:!?])""",
        # amounts
        rf"(?<![{_PIECE}])(?:[-+−±~≈<>≤≥]\ ?)?(?:{_CURRENCY}\ ?)?(?:{_NUMBER}|(?<!\S)\.\d++)"
        rf"(?:{_UNIT}|[\ \u00A0\u202F]{_SPACED})?",
        rf"(?<![{_PIECE}])(?:US|CA|AU|NZ|HK)?{_CURRENCY}\ ?{_NUMBER}(?:[kKmMbB]n?(?![{_PIECE}]))?",
        rf"(?<![{_PIECE}])(?:{_CURRENCIES}\ ?{_NUMBER}|{_NUMBER}\ ?{_CURRENCIES})(?![{_PIECE}])",
        rf"(?<![{_PIECE}])\d++'\ ?\d{{1,2}}(?:\"|''|”|″)?",
        # telephone numbers, dates, times, ratios
        rf"(?<![{_PIECE}])\+\d[\d\ ()./\u00A0-]{{5,20}}\d(?![{_PIECE}])",
        rf"(?<![{_PIECE}])(?:\d{{1,6}}[-/.:]){{2,}}\d{{1,6}}(?![{_PIECE}])(?::\d++)?",
        rf"(?<![{_PIECE}])(?:\d{{1,4}}[:/]\d{{1,4}}|\d{{3}}-\d{{4}})(?![{_PIECE}])",
        # identifiers: numbers of clauses, parts, files and norms
        rf"(?:[#№§¶]\ ?)?(?<![{_PIECE}])(?=[^\s\d]*+\d)(?=[^\s\p{{L}}]*+\p{{L}})"
        rf"[{_PIECE}]++(?:[-_./\\#][{_PIECE}]++)*+{_SUBCLAUSE}*+",
        rf"(?:[#№§¶]\ ?)?(?<![{_PIECE}.])[{_PIECE}]++(?:\.[{_PIECE}]++)*+{_SUBCLAUSE}++",
        r"[#№§¶]\ ?\d++(?:\.\d++)*+",
        rf"[#@][{_PIECE}]++",
        rf"(?<![{_PIECE}_])[{_PIECE}]++(?:_++[{_PIECE}]++)++(?:\(\))?",
        rf"(?<![{_PIECE}.:])[{_PIECE}]++(?:(?:\.|::|->)[{_PIECE}]++)*+\(\)",
        rf"(?<![{_PIECE}:])[{_PIECE}]++(?:::[{_PIECE}]++)++",
        # keys and sums in letters and digits
        rf"(?<![{_PIECE}])(?=\S*?\d)(?=\S*?[A-Za-z])[A-Za-z0-9_/+-]{{7,}}[A-Za-z0-9]={{0,2}}(?![{_PIECE}])",
        # names that go on in brackets: poly(methyl methacrylate), employee(s)
        rf"(?<![{_PIECE}])[{_PIECE}]++\([^()\n]{{1,60}}\)",
        # and that begin in them: (R)-ibuprofen
        rf"(?<![{_PIECE}])\([\p{{L}}\d,+±-]{{1,8}}\)-[{_PIECE}]++(?:-[{_PIECE}]++)*+",
        # abbreviations, names and negations with marks inside
        rf"(?<![{_PIECE}.])(?:\p{{L}}\.){{2,}}+",
        rf"(?<![{_PIECE}])(?:[OD]['’]\p{{Lu}}\p{{L}}+|\p{{L}}+n['’]t)(?![{_PIECE}])",
    )
)
"""What is one piece though tokens, or even spaces, part it."""
_CLUSTER: Final = regex.compile(r"\X")
_BULLETS = r"[-*+•‣▪◦·●■►▶–—>#]++"
_LEADING: Final = regex.compile(
    # An accent on a space has no letter to go with.
    rf"(?:{_TAG}(?=.)|[\s|\u200B\uFEFF\u2060,;:!?…]\p{{M}}*+|\.(?!\.*[{_WORD}])|(?:(?<=[\n\r\f]\s*)|(?<!\S\s*)){_BULLETS}\s++)++"
)
_TRAILING: Final = " \t\n\r\f\v\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\u200b\ufeff\u2060\u00ad,;:|"
_TRAILING_MARKUP: Final = regex.compile(rf"(?:\s++#++|(?:\s*+{_TAG})++)$")

_PARTNER: Final = {
    "(": ")", "[": "]", "{": "}", "（": "）", "【": "】", "［": "］", "「": "」", "『": "』", "《": "》",
    "〈": "〉", "〔": "〕", "〖": "〗", "｢": "｣", "⟨": "⟩",
    "«": "»", "‹": "›", "“": "”", "„": "“", "‚": "‘", "‘": "’",
}  # fmt: skip
_CLOSING: Final = frozenset(_PARTNER.values())
_EITHER: Final = "«»‹›”"
"""Quotes that open in one language and close in another, told by what stands beside them."""
_EMPHASIS: Final = frozenset("*_`~")
_MARKS: Final = regex.compile(
    r"\*{1,3}|_{1,3}|`{1,3}|~~|''|[\"＂'()\[\]{}（）【】［］「」『』《》〈〉〔〕〖〗｢｣⟨⟩«»‹›“”„‚‘’]"
)
_ALSO_PAIRS: Final = (("„", "”"), ("‚", "’"), ("»", "«"), ("›", "‹"), ("``", "''"))
Mark: TypeAlias = regex.Match[str]
_PARTED: Final = regex.compile(r"[\p{P}\p{S}\s]{0,2}")


def whole(context: str, start: int, end: int) -> tuple[int, int] | None:
    """The code points [start, end) that a reader would mark where a model means these.

    Args:
        context: the text.
        start, end: code points of tokens that the model chose; start < end.

    Returns the span; None where nothing but white space and marks is left.
    """
    for _ in range(_ROUNDS):
        before = start, end
        start, end = _trimmed(context, start, end)
        if start >= end:
            return None
        start, end = _with_whole_words(context, start, end)
        start, end = _with_whole_pieces(context, start, end)
        start, end = _with_whole_pairs(context, start, end)
        if (start, end) == before:
            break
    start, end = _trimmed(context, start, end)
    if start < end:
        start, end = _trimmed(context, *_with_whole_characters(context, start, end))
    return (start, end) if start < end else None


def _trimmed(context: str, start: int, end: int) -> tuple[int, int]:
    """Without white space, bullets and the marks between clauses at its ends."""
    while end > start:
        base = end
        while base > start + 1 and _is_mark(context[base - 1]):
            base -= 1
        if context[base - 1] not in _TRAILING and not context[base - 1].isspace():
            break
        end = base - 1
    markup = _TRAILING_MARKUP.search(context, max(start, end - _PAIR_REACH), end)
    if markup and markup.start() > start:
        end = markup.start()
    # A match may look at what stands before the span: a bullet is one at the beginning of a line alone.
    leading = _LEADING.match(context, start, end)
    return (leading.end() if leading else start), end


def _with_whole_words(context: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and _are_joined(context[start - 1], context[start]):
        start -= 1
    while start < end - 1 and _is_mark(context[start]):
        start += 1
    while end < len(context) and _are_joined(context[end - 1], context[end]):
        end += 1
    return start, end


def _is_mark(character: str) -> bool:
    """Whether it stands on the character before it."""
    return unicodedata.category(character).startswith("M")


def _are_joined(left: str, right: str) -> bool:
    """Whether a word goes on from one character to the next."""
    if left.isspace() or right.isspace():
        return False
    return (
        bool(_LETTER.match(left) and _LETTER.match(right))
        and not _UNSPACED.match(left)
        and not _UNSPACED.match(right)
    )


def _with_whole_pieces(context: str, start: int, end: int) -> tuple[int, int]:
    """With the whole of every address, amount and identifier that begins or ends outside the span."""
    first, last = start, end
    # Between a space and a letter nothing is cut; before a number a unit of money may stand, behind it any.
    if start and (not context[start - 1].isspace() or context[start].isdigit()):
        first, last = _around(context, start, first, last)
    if end < len(context) and (not context[end].isspace() or context[end - 1].isdigit()):
        first, last = _around(context, end, first, last)
    return first, last


def _around(context: str, edge: int, first: int, last: int) -> tuple[int, int]:
    """The span widened by the pieces that an edge cuts."""
    low, high = _few_words_before(context, edge), _few_words_after(context, edge)
    for pattern in _PIECES:
        for piece in pattern.finditer(context, low, high):
            if piece.start() < edge < piece.end():
                first, last = min(first, piece.start()), max(last, piece.end())
    return first, last


def _few_words_before(context: str, edge: int) -> int:
    spaces = 0
    for at in range(edge - 1, max(0, edge - _REACH) - 1, -1):
        spaces += context[at].isspace()
        if spaces > _PIECE_SPACES:
            return at + 1
    return max(0, edge - _REACH)


def _few_words_after(context: str, edge: int) -> int:
    spaces = 0
    for at in range(edge, min(len(context), edge + _REACH)):
        spaces += context[at].isspace()
        if spaces > _PIECE_SPACES:
            return at
    return min(len(context), edge + _REACH)


def _with_whole_pairs(context: str, start: int, end: int) -> tuple[int, int]:
    """With both halves of each pair of brackets, quotes or marks of emphasis, or with neither."""
    opened, closed = _unpaired(context, start, end)
    for mark in opened:
        partner = _closing_after(context, mark, end)
        at_edge = mark.start() == start
        if partner and at_edge and not _PARTED.fullmatch(context, end, partner.start()):
            partner = None
        if partner:
            return start, partner.end()
        if at_edge:
            return mark.end(), end
        if _closing_after(context, mark, end, reach=_REACH):
            return start, mark.start()
    for mark in reversed(closed):
        partner = _opening_before(context, mark, start)
        if mark.end() == end and (partner or mark.group()[0] in _EMPHASIS or mark.group() == '"'):
            return start, mark.start()
        if partner:
            return partner.start(), end
    if context[end : end + 1] == '"' and _is_inch(context, end):
        return start, end + 1
    return _without_emphasis_around(context, start, end)


def _unpaired(context: str, start: int, end: int) -> tuple[list[Mark], list[Mark]]:
    """The marks of a stretch that open or close a pair whose other half is not in it."""
    opened: list[Mark] = []
    closed: list[Mark] = []
    for mark, opens, closes in _marks(context, start, end):
        if closes and opened and _fit(opened[-1], mark):
            opened.pop()
        elif opens:
            opened.append(mark)
        elif closes and mark.group() not in "'’‘":  # as an apostrophe it closes nothing
            closed.append(mark)
    return opened, closed


def _marks(context: str, start: int, end: int) -> Iterator[tuple[Mark, bool, bool]]:
    """Each mark that may be half of a pair, and whether it may open or close one where it stands."""
    for mark in _MARKS.finditer(context, start, end):
        text = mark.group()
        before = context[mark.start() - 1 : mark.start()] if mark.start() else ""
        after = context[mark.end() : mark.end() + 1]
        free_before = not before or not (before.isalnum() or before in ".,;:!?%°")
        free_after = not after or not after.isalnum()
        if text == '"' and _is_inch(context, mark.start()):
            continue
        if text in _EITHER:
            opens = free_before and bool(after) and after.isalnum()
            closes = bool(before) and not before.isspace() and not (after and after.isalnum())
            # Between spaces, as French has them, each is what it is in most languages.
            if not opens and not closes:
                opens, closes = text in _PARTNER, text in _CLOSING
            yield mark, opens, closes
        elif text in _PARTNER or text in _CLOSING:
            # What closes in one language opens in another.
            closes = text in _CLOSING and (
                text not in "“‘" or not free_before or not after or after.isspace()
            )
            yield mark, text in _PARTNER and not (text in "“‘" and closes), closes
        else:
            opens = free_before and bool(after) and not after.isspace()
            yield mark, opens, free_after and bool(before) and not before.isspace()


def _is_inch(context: str, at: int) -> bool:
    """Whether a straight quote is a unit: behind a digit, where no quotation is open."""
    if not _is_behind_digit(context, at):
        return False
    low = max(0, at - _REACH)
    for pause in BREAK.finditer(context, low, at):
        low = pause.end()
    is_open = False
    for quote in range(low, at):
        if context[quote] == '"':
            is_open = not is_open and not _is_behind_digit(context, quote)
    return not is_open


def _is_behind_digit(context: str, at: int) -> bool:
    return context[at - 1 : at].isdigit() and not context[at + 1 : at + 2].isalnum()


def _fit(opening: Mark, closing: Mark) -> bool:
    """Whether two marks are a pair."""
    first, second = opening.group(), closing.group()
    return second == _PARTNER.get(first, first) or (first, second) in _ALSO_PAIRS


def _closing_after(context: str, opening: Mark, end: int, reach: int = _PAIR_REACH) -> Mark | None:
    """The partner of a mark behind a span, in the same paragraph."""
    depth: list[Mark] = [opening]
    limit = min(len(context), end + reach)
    pause = BREAK.search(context, end, limit)
    for mark, opens, closes in _marks(context, end, pause.start() if pause else limit):
        if closes and _fit(depth[-1], mark):
            depth.pop()
            if not depth:
                return mark
        elif opens and mark.group() not in "'‘":
            depth.append(mark)
    return None


def _opening_before(context: str, closing: Mark, start: int) -> Mark | None:
    """The partner of a mark before a span, in the same paragraph."""
    low = max(0, start - _PAIR_REACH)
    for pause in BREAK.finditer(context, low, start):
        low = pause.end()
    opened, _ = _unpaired(context, low, start)
    return opened[-1] if opened and _fit(opened[-1], closing) else None


def _without_emphasis_around(context: str, start: int, end: int) -> tuple[int, int]:
    """Without marks of emphasis around the whole of it."""
    first = _MARKS.match(context, start, end)
    if first and first.group()[0] in _EMPHASIS:
        size = len(first.group())
        if end - start > 2 * size and context[end - size : end] == first.group():
            return first.end(), end - size
    return start, end


def _with_whole_characters(context: str, start: int, end: int) -> tuple[int, int]:
    """On the borders of what is seen as one character, which may be many code points (UAX #29)."""
    if not context[start].isascii():
        start = max((one.start() for one in _clusters(context, start) if one.start() <= start), default=start)
    if end < len(context) and not context[end].isascii():
        end = min((one.end() for one in _clusters(context, end) if one.end() >= end), default=end)
    return start, end


def _clusters(context: str, at: int) -> Iterator[Mark]:
    low = at
    while low and at - low < _REACH and not context[low - 1].isspace():
        low -= 1
    # From a space on: it begins a cluster, and may have an accent of its own.
    return _CLUSTER.finditer(context, max(0, low - 1), min(len(context), at + _REACH))
