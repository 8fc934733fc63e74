"""Parts of a text: its sentences, paragraphs and words, and what frames it."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import regex

from localqa.documents.indexed import UNSPACED

_ASKS: Final = (
    r"(?i:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|should|will|"
    r"would)\b"
)
"""What a sentence that asks begins with: behind it an abbreviation ends the one before."""
_SENTENCE_END: Final = regex.compile(
    r"(?<!\b(?:e\.g|i\.e|Mrs?|Ms|vs|approx|ca|cf))"
    rf"(?<!\b(?:Dr|Prof|St)(?=\.\s+(?!{_ASKS})))"
    r"(?<!\b(?:No|Nr|Art|Sec|Fig|Abs|pp?)(?=\.\s+\d))"
    rf"(?<!\b(?:Inc|Ltd|Co|Corp|\p{{L}}\.\p{{L}})(?=\.\s+(?!{_ASKS})\p{{Ll}}))"
    r"(?<![.!?:…])[.!?:…؟۔।]+[\"'”’)\]*_]*(?=\s|$)|[。！？]+[”’」』）]*|\n(?![ \t]*[a-z])\s*"
)
"""Not behind an abbreviation. A line that goes on in lower case was only wrapped."""
# In scripts without spaces two characters count as a word.
_WORD: Final = regex.compile(rf"[{UNSPACED}]{{1,2}}|(?:(?![{UNSPACED}])\w)+")
RULES: Final = ' \t\r\n-–—=_*~#`"“”'
"""White space, and what frames a text: lines of dashes, fences, quotes."""
_FRAMES: Final = re.compile(r"[ \t]*(?:[-=*_~#]{3,}|`{3}\w*|\"{3}|“)[ \t]*\r?(?:\n|$)|\s+|\"{3}")


class Part(NamedTuple):
    """A part of a text: code points [start, end)."""

    start: int
    end: int


def sentences(text: str, part: Part) -> Iterator[Part]:
    """Sentences and lines of a part of a text, which follow one another without gaps."""
    start = part.start
    for end in _SENTENCE_END.finditer(text, part.start, part.end):
        yield Part(start, end.end())
        start = end.end()
    if start < part.end:
        yield Part(start, part.end)


def words(text: str, part: Part, *, most: int = 3) -> int:
    """The number of words in a part of a text, counted up to `most`."""
    return sum(1 for _, _ in zip(range(most), _WORD.finditer(text, part.start, part.end), strict=False))


def stripped(text: str, part: Part) -> Part:
    """A part without the white space and the lines of dashes around it."""
    start, end = part
    while start < end and (frame := _FRAMES.match(text, start, end)):
        start = frame.end()
    while True:
        while end > start and text[end - 1].isspace():
            end -= 1
        line = text.rfind("\n", start, end) + 1 or start
        if end - line < 3 or text[line:end].strip(RULES) or line == start:
            return Part(start, end)
        end = line


def paragraphs(text: str, part: Part) -> Iterator[Part]:
    """What lies between the blank lines of a part."""
    start = part.start
    for blank in re.finditer(r"\n[ \t\r]*\n\s*", text[part.start : part.end]):
        yield Part(start, part.start + blank.start())
        start = part.start + blank.end()
    yield Part(start, part.end)
