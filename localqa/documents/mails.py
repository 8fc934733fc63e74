"""Reader of e-mails."""

import base64
import codecs
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from typing import Final

from localqa.documents.building import Builder
from localqa.documents.document import Document, DocumentError
from localqa.documents.encodings import decoded, decoded_page, known
from localqa.documents.formats import Source, encrypted
from localqa.documents.markup import MarkupWriter

_SHOWN_HEADERS: Final = ("From", "To", "Cc", "Date", "Subject")
_NO_PROSE: Final = frozenset(
    f"text/{kind}" for kind in ("calendar", "css", "directory", "rtf", "vcard", "x-vcard")
)
_DECLARED: Final = re.compile(r"=\?([\w.:-]+)(?=[*?])")
"""The encoding of an encoded word in a header."""
_ENRICHED: Final = re.compile(r"<param>.*?</param>|<(<|nl>)?[^<>]*>?", re.DOTALL | re.IGNORECASE)


def read_eml(source: Source) -> Document:
    """An e-mail: who, when and what about; its texts; the names of what is attached."""
    data = source.data
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        data = decoded(data).encode()
    # Before the first header either would make all of it a body.
    data = data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    # Of the two ways in which Python reads mails this one takes any header for what it is.
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    _check_is_open(message, source)
    builder = Builder(source.limits)
    unread: list[str] = []
    _write_mail(message, builder, unread)
    if unread:
        builder.note(f"attached and not read: {', '.join(unread)}")
    return builder.built(source.name, source.media_type, source.digest, title=_header(message, "Subject"))


def _check_is_open(message: Message, source: Source) -> None:
    kind = message.get_content_type()
    in_cms = kind in ("application/pkcs7-mime", "application/x-pkcs7-mime")
    if in_cms and message.get_param("smime-type") in ("signed-data", "compressed-data", "certs-only"):
        raise DocumentError(
            f"{source.name} is packed by S/MIME, which is not read.",
            reason="unsupported",
            remedy="Save it without its signature.",
        )
    if in_cms or kind == "multipart/encrypted":
        raise encrypted(source.name)


def _write_mail(message: Message, builder: Builder, unread: list[str]) -> None:
    headers = [f"{name}: {value}" for name in _SHOWN_HEADERS if (value := _header(message, name))]
    builder.paragraph("\n".join(headers), lines=True)
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/rfc822" and part.is_multipart():
            _write_mail(_attached_mail(part), builder, unread)
        elif not _is_text(part):
            unread.append(_understood("Subject", part.get_filename() or kind))
        elif kind == "text/html":
            MarkupWriter(builder).write(_content(part))
        else:
            text = _content(part)
            if kind in ("text/enriched", "text/richtext"):
                text = _ENRICHED.sub(_shown_tag, text)
            for block in re.split(r"\n[^\S\n]*\n", text):
                builder.paragraph(block, lines=True)


def _parts(message: Message) -> Iterator[Message]:
    """What is in a mail, in its order; of alternatives the plainest one that says something."""
    kind = message.get_content_type()
    if not message.is_multipart() or kind == "message/rfc822":
        yield message
    elif kind == "multipart/alternative":
        # The last one is the richest.
        offered = [list(_parts(part)) for part in reversed(_within(message))]
        offered.sort(key=lambda parts: [part.get_content_type() for part in parts] != ["text/plain"])
        chosen = next(filter(_says_something, offered), [])
        yield from chosen
        for part in (part for parts in offered if parts is not chosen for part in parts):
            if part.get_filename() and not _is_text(part) and part.get_content_maintype() != "image":
                yield part
    else:
        for part in _within(message):
            yield from _parts(part)


def _within(message: Message) -> list[Message]:
    return [part for part in message.get_payload() if isinstance(part, Message)]


def _says_something(parts: list[Message]) -> bool:
    return any(_is_text(part) and _content(part).strip() for part in parts)


def _is_text(part: Message) -> bool:
    """Whether a part is read; one that claims to have parts and has none is."""
    kind = part.get_content_type()
    is_prose = part.get_content_maintype() in ("text", "multipart") and kind not in _NO_PROSE
    return is_prose and part.get_content_disposition() != "attachment"


def _attached_mail(part: Message) -> Message:
    """A mail within another one; against the standard, some are in Base64."""
    mail = _within(part)[0]
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "base64":
        return mail
    try:
        return email.message_from_bytes(
            base64.b64decode(str(mail.get_payload())), policy=email.policy.compat32
        )
    except ValueError:
        return mail


def _header(message: Message, name: str) -> str:
    """A header as people read it; empty where there is none."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    text = decoded(str(raw).encode("utf-8", "surrogateescape"))
    return _understood(name, re.sub(r"\n[^\S\n]*", " ", text).strip())


def _understood(name: str, text: str) -> str:
    """What a header says, or the header as it stands where Python cannot make anything of it."""
    text = _DECLARED.sub(lambda word: f"=?{known(word[1]) or word[1]}", text)
    if "(" in text:
        # Of an address the name in brackets, as old mails have it, would be left out.
        name = "Subject"
    try:
        return str(email.policy.default.header_factory(name, text)) or text
    except Exception:
        # Its parser raises whatever a strange header leads it into.
        return text


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    data, declared = payload if isinstance(payload, bytes) else b"", part.get_content_charset()
    if part.get_content_type() == "text/html" and not declared:
        return decoded_page(data)
    return decoded(data, declared or "")


def _shown_tag(tag: re.Match[str]) -> str:
    return {"<": "<", "nl>": "\n"}.get((tag[1] or "").lower(), "")
