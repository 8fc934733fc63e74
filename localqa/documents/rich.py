"""Reader of rich text (RTF)."""

import re
from pathlib import PurePath
from typing import Final

from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source, corrupted
from localqa.documents.numerals import FIGURE

_CELL, _NOTE, _NOTE_END, _HIDDEN, _HIDDEN_END, _RAISED, _LOWERED = "\x1f\x1d\x1c\x0e\x0f\x10\x11"
_APART: Final = "{}"
"""Keeps a mark from being taken for the stand-in of the letter before it, which is left out."""
_MEANT: Final = re.compile(
    r"\\(?:[^a-z]|(nestcell|cell|footnote|shptxt|super|sub|(?:v|deleted)0?|plain)(?![a-z0-9]) ?)|[{}]"
)
"""Words that striprtf does not tell from text, or leaves out, and what they are in."""
_BINARY: Final = re.compile(r"(?<!\\)\\bin(?:f?sxn\d*|(\d{1,9})) ?")
"""Bytes of a picture, so many, or words that only begin alike."""
_OPENED: Final = re.compile(
    r"(?<!\\)\\(?:\*\s*(?=\\footnote(?![a-z]))|\*\s*\\shpinst(?![a-z]) ?|shp(?:grp)?(?![a-z]) ?)"
)
"""What has striprtf leave a note or the words in a box out."""
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_FIGURE: Final = re.compile(rf"(?<=\d)([{_RAISED}{_LOWERED}])(?={FIGURE.pattern})")
_IN_NOTE: Final = re.compile(f"{_NOTE}([^{_NOTE_END}]*){_NOTE_END}")
_IN_HIDDEN: Final = re.compile(f"{_HIDDEN}[^{_HIDDEN_END}]*{_HIDDEN_END}")


def read_rtf(source: Source) -> Document:
    """Rich text: its words alone."""
    from striprtf.striprtf import rtf_to_text

    if not source.data.lstrip().startswith(b"{\\rtf"):
        raise corrupted(source.name, "it does not begin as RTF does")
    builder = Builder(source.limits)
    rtf = _OPENED.sub("", _ascii(_without_binary(source.data.decode("latin-1"))))
    # Without the space the address of a link would be read behind its words.
    text = rtf_to_text(_marked(rtf.replace("\\fldinst{", "\\fldinst {")), errors="replace")
    # Characters beyond U+FFFF come as two halves.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _FIGURE.sub(lambda mark: "^" if mark[1] == _RAISED else "_", text)
    text = text.replace(_RAISED, "").replace(_LOWERED, "")
    text = _IN_HIDDEN.sub(lambda hidden: "\n" if "\n" in hidden[0] else "", text)
    # A note of several paragraphs is one line, like what it belongs to.
    for line in _IN_NOTE.sub(lambda note: note[0].replace("\n", " "), text).split("\n"):
        own = _IN_NOTE.sub("", line)
        if _CELL in own:
            builder.row(own.split(_CELL))
        else:
            builder.paragraph(own)
        for note in _IN_NOTE.findall(line):
            builder.paragraph(note)
    return builder.built(source.name, source.media_type, source.digest, title=PurePath(source.name).name)


def _without_binary(rtf: str) -> str:
    """RTF without bytes of pictures, in which there may be braces; `\\bin` in a text stays what it is."""
    parts: list[str] = []
    at = 0
    for found in _BINARY.finditer(rtf):
        if found.start() >= at:
            parts += (rtf[at : found.start()], _APART)
            at = found.end() + int(found[1] or 0)
    # striprtf looks for the letters alone.
    return "".join((*parts, rtf[at:])).replace("\\bin", f"\\{_APART}bin")


def _ascii(rtf: str) -> str:
    """RTF of bytes alone: some programs write UTF-8 into it, which the format does not know."""
    try:
        text = rtf.encode("latin-1").decode()
    except UnicodeDecodeError:
        return rtf
    return _NOT_ASCII.sub(_escaped, text)


def _escaped(letter: re.Match[str]) -> str:
    units = letter[0].encode("utf-16-le")
    return "".join(f"{{\\uc1\\u{units[at] + 256 * units[at + 1]}?}}" for at in range(0, len(units), 2))


def _marked(rtf: str) -> str:
    """RTF with a mark behind each cell, and around each note and what is hidden or deleted."""
    parts, at = [], 0
    ends = [""]  # marks that are due where the groups end that are open
    for found in _MEANT.finditer(rtf):
        parts.append(rtf[at : found.start()])
        at = found.end()
        if found[0] == "{":
            ends.append("")
        elif found[0] == "}" and len(ends) > 1:
            parts.append(ends.pop())
        elif found[1] in ("v", "deleted") and _HIDDEN_END not in "".join(ends):
            parts.append(_APART + _HIDDEN)
            ends[-1] = _APART + _HIDDEN_END + ends[-1]
        elif found[1] in ("v0", "deleted0", "plain") and _HIDDEN_END in ends[-1]:
            parts.append(_APART + _HIDDEN_END)
            ends[-1] = ends[-1].replace(_HIDDEN_END, "")
        elif found[1] in ("super", "sub"):
            parts.append(_APART + (_RAISED if found[1] == "super" else _LOWERED))
        elif found[1] in ("footnote", "shptxt"):
            parts.append(_APART + _NOTE)
            ends[-1] += _APART + _NOTE_END
        elif found[1] in ("cell", "nestcell"):
            parts.append(_APART + _CELL)
        if found[1] is None:
            parts.append(found[0])
    return "".join((*parts, rtf[at:]))
