"""Bytes of a data file as text, whatever editor, spreadsheet or shell wrote them."""

import codecs
import logging
import re
from typing import Final

from localqa.errors import ConfigError, DataError

BLANK: Final = re.compile(r"[\s\ufeff\u200b]*")
"""What a line holds that is none: white space of any script, and marks that nobody sees."""
_MARKS: Final = (
    # The longer mark first: that of UTF-32 begins as that of UTF-16 does.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_WESTERN = "cp1252"
_STRAY = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]*[^\x00-\x7f\W\d_][^\W\d_]*")
# Letters on both sides of a sign that stands in no word: bytes of another encoding.
_CUT_WORD = re.compile(r"[^\W\d_](?![’‘´·–—\xad\xa0ªº])[^\x00-\x7f\w\s][^\W\d_]")
_SIGN = re.compile(r"[^\x00-\x7f\w]")
_MOST_ODD = 0.1
_FEW_LINES = 20

_log = logging.getLogger(__name__)


def decode(data: bytes, *, name: str, encoding: str = "") -> str:
    """A file's bytes as text; a byte that is none becomes a lone surrogate, for `stray` to find.

    UTF-8, UTF-16 and UTF-32 are told by their marks or zeros. Where no byte beyond ASCII belongs to UTF-8
    and all make sense as Windows-1252, the file is read as that, and a log line says so.

    Args:
        data: the whole file.
        name: of the file, for messages.
        encoding: of the file where it is known, as Python calls it.

    Raises:
        ConfigError: there is no such encoding.
        DataError: the file is not in it.
    """
    if encoding:
        return _decode_as(data, encoding, name)
    for mark, found in _MARKS:
        if data.startswith(mark):
            return _lenient(data[len(mark) :], found).lstrip("\ufeff")
    wide = _unmarked_utf16(data)
    if wide:
        return _lenient(data, wide)
    text = data.decode("utf-8", "surrogateescape")
    if _STRAY.search(text) and not _BEYOND_ASCII.search(text) and not _is_cut_off(data):
        western = _as_western(data)
        if western is not None:
            _log.warning("%s: read as Windows-1252; if its letters are wrong, name its --encoding", name)
            return western
    return text


def stray(text: str) -> re.Match[str] | None:
    """The first place of decoded text where a byte is not text."""
    return None if text.isascii() else _STRAY.search(text)


def not_text(where: str, text: str) -> DataError:
    """The error for text with a stray byte in it."""
    found = stray(text)
    byte = f" (byte 0x{ord(found[0]) - 0xDC00:02x})" if found else ""
    return DataError(
        f"{where}: not UTF-8 text{byte}.", remedy="Save the file as UTF-8, or name its --encoding."
    )


def check_encoding(encoding: str) -> str:
    """The encoding itself.

    Raises:
        ConfigError: there is none of this name.
    """
    try:
        "".encode(encoding)
    except LookupError as e:
        raise ConfigError(
            f"There is no encoding {encoding[:40]!r}.", remedy="Name one such as utf-8, cp1252 or utf-16."
        ) from e
    return encoding


def _decode_as(data: bytes, encoding: str, name: str) -> str:
    codec = codecs.lookup(check_encoding(encoding)).name
    try:
        # One row in other bytes must not spoil the file.
        errors = "surrogateescape" if codec.startswith("utf-8") else "strict"
        return data.decode(encoding, errors).lstrip("\ufeff")
    except UnicodeDecodeError as e:
        line = 1 + data.count(b"\n", 0, e.start)
        raise DataError(
            f"{name}:{line}: not {encoding} text (byte 0x{data[e.start]:02x}).",
            remedy="Name another --encoding, or save the file as UTF-8.",
        ) from e


def _lenient(data: bytes, encoding: str) -> str:
    if encoding == "utf-8":
        return data.decode(encoding, "surrogateescape")
    width = 4 if "32" in encoding else 2
    whole = data[: len(data) - len(data) % width]
    try:
        return whole.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return whole.decode(encoding, "replace")


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: what data files begin with is ASCII, of which every other byte is zero."""
    if len(data) < 4 or b"\0" not in data[:4]:
        return None
    for encoding, zeros in (("utf-16-le", slice(1, 4, 2)), ("utf-16-be", slice(0, 4, 2))):
        others = slice(1 - zeros.start, 4, 2)
        if not any(data[zeros]) and all(data[others]):
            return encoding
    return None


def _is_cut_off(data: bytes) -> bool:
    """Whether UTF-8 merely ends inside a character."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as e:
        return e.reason == "unexpected end of data"
    return False


def _as_western(data: bytes) -> str | None:
    """The bytes as Windows-1252, where the words that they give could be words."""
    try:
        text = data.decode(_WESTERN)
    except UnicodeDecodeError:
        return None
    words = [word[0] for word in _WORD.finditer(text)]
    # A single byte in many lines, or a letter alone, is as likely damaged.
    single = len(text) - len(text.encode("ascii", "ignore")) == 1
    if (single and data.count(b"\n") > _FEW_LINES) or (
        all(len(word) == 1 for word in words) and not _SIGN.search(text)
    ):
        return None
    odd = sum(map(_is_odd, words)) + sum(1 for _ in _CUT_WORD.finditer(text))
    return text if odd <= _MOST_ODD * len(words) else None


def _is_odd(word: str) -> bool:
    """A word of no Western language: nothing but accents, or a capital behind a small letter."""
    if len(word) > 1 and not any(map(str.isascii, word)):
        return True
    return any(
        one.islower() and other.isupper() and not other.isascii()
        for one, other in zip(word, word[1:], strict=False)
    )
