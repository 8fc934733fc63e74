"""Readers of formats that are text themselves: plain, Markdown, HTML, RTF and e-mails."""

import codecs
import email
import email.policy
import re
from email.message import EmailMessage, MIMEPart
from pathlib import PurePath
from typing import Final

from charset_normalizer import from_bytes

from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source, corrupted, encrypted
from localqa.documents.markup import MarkupWriter, parse, title_of

_DECLARED: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_HEAD: Final = 4096
_WESTERN: Final = "cp1252"
_ENCODINGS: Final = (
    *(f"cp125{number}" for number in range(9)),
    *("koi8_r", "mac_roman", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
)
"""That texts without a mark, and in no UTF, are written in."""
_AS_LIKELY: Final = 0.05
_UNDERLINED: Final = re.compile(r"[=\-~^#*]{3,}")
_SHOWN_HEADERS: Final = ("From", "To", "Cc", "Date", "Subject")


def read_text(source: Source) -> Document:
    """A plain text; a title underlined with marks is a heading."""
    builder = Builder(source.limits)
    for block in re.split(r"\n[^\S\n]*\n", decoded(source.data)):
        lines = [line for line in block.split("\n") if line.strip()]
        if len(lines) > 1 and _UNDERLINED.fullmatch(lines[1].strip()):
            builder.heading(lines[0], 1 if lines[1].strip()[0] in "=#*" else 2)
            lines = lines[2:]
        builder.paragraph("\n".join(lines), lines=True)
    return _built(builder, source)


def read_markdown(source: Source) -> Document:
    """Markdown, by way of HTML."""
    from markdown_it import MarkdownIt

    text = re.sub(r"\A---\n.*?\n---\n", "", decoded(source.data), flags=re.DOTALL)
    made = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(text)
    return _of_html(f"<body>{made}</body>", source)


def read_html(source: Source) -> Document:
    """A page, without what is the same on every page of its site."""
    declared = _DECLARED.search(source.data[:_HEAD])
    return _of_html(decoded(source.data, declared.group(1).decode() if declared else ""), source)


def read_rtf(source: Source) -> Document:
    """Rich text: its words alone."""
    from striprtf.striprtf import rtf_to_text

    if not source.data.lstrip().startswith(b"{\\rtf"):
        raise corrupted(source.name, "it does not begin as RTF does")
    builder = Builder(source.limits)
    for line in rtf_to_text(source.data.decode("latin-1"), errors="replace").split("\n"):
        cells = line.split("|") if line.count("|") > 1 else []
        if cells:
            builder.row(cells)
        else:
            builder.paragraph(line)
    return _built(builder, source)


def read_eml(source: Source) -> Document:
    """An e-mail: who, when and what about; its text; the names of what is attached."""
    data = source.data
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        data = decoded(data).encode()
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # what this policy makes
    if message.get_content_type() in (
        "multipart/encrypted",
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
    ):
        raise encrypted(source.name)
    builder = Builder(source.limits)
    shown = [f"{name}: {message[name]}" for name in _SHOWN_HEADERS if message[name]]
    builder.paragraph("\n".join(shown), lines=True)
    body = message.get_body(("plain", "html"))
    if body is not None and body.get_content_type() == "text/html":
        MarkupWriter(builder).write(parse(_content(body)))
    elif body is not None:
        for block in re.split(r"\n[^\S\n]*\n", _content(body).replace("\r\n", "\n")):
            builder.paragraph(block, lines=True)
    names = [part.get_filename() for part in message.iter_attachments() if part.get_filename()]
    notes = [f"attached and not read: {', '.join(map(str, names))}"] if names else []
    return builder.built(
        source.name, source.media_type, source.digest, title=str(message["Subject"] or ""), notes=notes
    )


def decoded(data: bytes, declared: str = "") -> str:
    """Bytes as text: by their mark, as UTF-8, as they say of themselves, or as is likeliest."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _lines(data.decode(name, errors="replace"))
    for name in filter(None, ("utf-8", declared)):
        try:
            return _lines(data.decode(name))
        except (UnicodeDecodeError, LookupError):
            continue
    return _lines(_guessed(data))


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


def _content(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, UnicodeDecodeError):
        payload = part.get_payload(decode=True)
        return decoded(payload if isinstance(payload, bytes) else b"")


def _of_html(text: str, source: Source) -> Document:
    builder = Builder(source.limits)
    tree = parse(text)
    MarkupWriter(builder).write(tree)
    return builder.built(source.name, source.media_type, source.digest, title=title_of(tree))


def _built(builder: Builder, source: Source) -> Document:
    return builder.built(source.name, source.media_type, source.digest, title=PurePath(source.name).name)
