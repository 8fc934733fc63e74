"""Bytes as text: in the encoding that they are marked with, are written in, or say of themselves."""

import codecs
import re
import unicodedata
from typing import Final

from charset_normalizer import from_bytes

_DECLARED: Final = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w:.-]{2,40})|<\?xml[^>]{0,200}encoding\s*=\s*[\"']([\w:.-]{2,40})",
    re.IGNORECASE,
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN: Final = "cp1252"
_AS_BROWSERS_DO: Final = {
    **dict.fromkeys(("ascii", "iso8859-1"), _WESTERN),
    **{"iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874", "gb2312": "gb18030"},
    **{"gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"},
}
"""Encodings and what is written under their names (the WHATWG's Encoding Standard)."""
_LABELS: Final = {
    **{"windows-874": "cp874", "iso-8859-8-i": "iso8859_8", "x-sjis": "shift_jis"},
    **{"x-euc-jp": "euc_jp", "x-gbk": "gbk"},
}
"""Names of encodings that Python does not know."""
_IN_ASCII: Final = ("iso2022", "hz", "utf-7")
"""Encodings, by how their names begin, whose bytes could be ASCII."""
_WIDE: Final = ("utf-16", "utf-32")
"""Encodings that no text in which they were declared, and not found out, can have."""
_ENCODINGS: Final = (
    *(f"cp125{number}" for number in range(9)),
    *("koi8_r", "mac_roman", "cp874", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
)
"""That texts without a mark, and in no UTF, are written in."""
_AS_LIKELY: Final = 0.05
_OUTNUMBERED: Final = 4
"""Letters of UTF-8, or of what is declared, for each byte that is none: others come nowhere near."""
_HEAD: Final = 1024
_PRINTABLE: Final = bytes((*range(0x20, 0x7F), *b"\t\n\r"))


def decoded_page(data: bytes) -> str:
    """The text of a page, or a chapter, which may declare its encoding."""
    declared = _DECLARED.search(data)
    return decoded(data, (declared[1] or declared[2]).decode("ascii", "replace") if declared else "")


def decoded(data: bytes, declared: str = "") -> str:
    """Bytes as text: by their mark, as UTF, as they say of themselves, or as is likeliest.

    Line ends are newlines then.
    """
    name = known(declared)
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _lines(data.decode(marked, errors="replace"))
    return _lines(_unmarked(data, name))


def decoded_exactly(data: bytes) -> str:
    """The same with its line ends as they are, and a mark of UTF-8 kept: places are those of the file."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    return _unmarked(data, "")


def _unmarked(data: bytes, name: str) -> str:
    if wide := wide_encoding(data[:_HEAD]):
        return data.decode(wide, errors="replace")
    if data.isascii() and name.startswith(_IN_ASCII):
        return data.decode(name, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _mostly(data, "utf-8") or _in_other(data, name)


def wide_encoding(head: bytes) -> str:
    """The UTF-16 that a text without a mark is in, by its beginning; empty where it is in none."""
    zeros, others = head.count(0), len(head.translate(None, _PRINTABLE + b"\0"))
    if not zeros or max(3 * zeros, 10 * others) < len(head):
        # Bytes of ASCII with a stray zero are Chinese to UTF-16.
        return ""
    found = {name: _ascii_in(head, name) for name in ("utf-16-le", "utf-16-be")}
    best = max(found, key=found.__getitem__)
    return best if found[best] else ""


def _ascii_in(head: bytes, name: str) -> int:
    """How many characters, such as spaces, are ASCII in this encoding; none where it cannot be a text's."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return 0
    return sum(map(str.isascii, text)) if all(map(_is_written, text)) else 0


def _is_written(character: str) -> bool:
    return character in "\t\n\v\f\r" or unicodedata.category(character) not in ("Cc", "Cn", "Co")


def known(declared: str) -> str:
    """The encoding that a name stands for; empty where there is none that could be."""
    try:
        name = codecs.lookup(_LABELS.get(declared.strip().lower(), declared)).name
    except (LookupError, ValueError):
        return ""
    return "" if name.startswith(_WIDE) else _AS_BROWSERS_DO.get(name, name)


def _mostly(data: bytes, name: str) -> str:
    """A text in an encoding that a few bytes spoil; empty where it is none."""
    text = data.decode(name, errors="replace")
    bad = text.count("\ufffd")
    letters = len(text) - len(text.encode("ascii", errors="ignore")) - bad
    return text if letters >= _OUTNUMBERED * bad else ""


def _in_other(data: bytes, name: str) -> str:
    """Bytes in no UTF: as they say of themselves, or by the likeliest encoding."""
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return _mostly(data, name) or _guessed(data)
    except (LookupError, ValueError):
        return _guessed(data)


def _guessed(data: bytes) -> str:
    """Bytes by the likeliest encoding; where Western Europe's is as likely as another one, by that."""
    found = from_bytes(data, cp_isolation=list(_ENCODINGS))
    best = found.best()
    if best is None:
        return data.decode(_WESTERN, errors="replace")
    for match in found:
        near = match.chaos <= best.chaos + _AS_LIKELY and match.coherence >= best.coherence - _AS_LIKELY
        if near and _WESTERN in (match.encoding, *match.could_be_from_charset):
            return data.decode(_WESTERN, errors="replace")
    return str(best)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
