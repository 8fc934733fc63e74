"""Ask one question about a text or a document and get the exact span that answers it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from localqa.bert_qa import Answer, BertQA
from localqa.cli.flags import add_adapter_flag, add_base_flag, add_verdict_flags, positive
from localqa.documents.document import Document
from localqa.documents.encodings import decoded_exactly
from localqa.documents.formats import is_binary, is_document, is_known, media_type_of, unsupported
from localqa.documents.limits import Limits
from localqa.documents.reading import check_size, read_bytes
from localqa.errors import InvalidInputError
from localqa.terminal import printable

EPILOG = """\
examples:
  localqa ask "What is BERT?" --context "BERT is an encoder."
  localqa ask "How long is the notice period?" --file lease.pdf

Of a document, such as a PDF, offsets are those of the text that is read from it; a text file's are its own.
A library of many documents: localqa documents --help.
"""
_PLAIN: Final = ("text/plain", "text/markdown")


def run(args: argparse.Namespace) -> int:
    """Answer the question; returns the exit status.

    Raises:
        LocalQAError: a text that cannot be read, an unknown adapter, no base.
    """
    source = _source(args)
    context = source.text if isinstance(source, Document) else source
    for note in source.notes if isinstance(source, Document) else ():
        print(printable(f"note: {note}"), file=sys.stderr)
    qa = BertQA.load(base=args.base, adapter=args.adapter)
    answer = qa.answer(args.question, context, args.top_k, abstain=args.abstain, min_score=args.min_score)
    if args.json:
        print(json.dumps(_told(answer, source), ensure_ascii=False, indent=2))
        return 0
    for one in (answer, *answer.alternatives):
        text = one.answer if one.answerable else "(the text does not answer this)"
        page = _page(one, source)
        print(f"{one.score:6.1%}  [{one.start}:{one.end}]  {text}{f'  (page {page})' if page else ''}")
    return 0


def _told(answer: Answer, source: str | Document) -> dict[str, Any]:
    """An answer as JSON; of a document with its notes, and with the page that each span begins on."""
    told = asdict(answer)
    if isinstance(source, Document):
        told["notes"] = source.notes
        if source.pages:
            for one, values in zip(
                (answer, *answer.alternatives), (told, *told["alternatives"]), strict=True
            ):
                values["page"] = _page(one, source)
    return told


def _page(one: Answer, source: str | Document) -> int | None:
    return source.page_at(one.start) if isinstance(source, Document) and one.answerable else None


def _source(args: argparse.Namespace) -> str | Document:
    """The text, exactly as it was given; or what is read from a file that is no plain text.

    Raises:
        InvalidInputError: the file cannot be opened, or holds no text.
        DocumentError: the document cannot be read.
    """
    if args.context is not None:
        return str(args.context)
    limits = Limits(ocr=args.ocr)
    name = "standard input" if args.file == "-" else Path(args.file).name
    content = _content(args.file, limits)
    check_size(len(content), name, limits)
    if args.file == "-" or not is_known(name) or media_type_of(name) in _PLAIN:
        return _text(content, name)
    return read_bytes(content, name, limits=limits, password=args.password)


def _content(file: str, limits: Limits) -> bytes:
    """The bytes of a file, one more than may be at most; read once, as it may be a pipe."""
    if file == "-":
        return sys.stdin.buffer.read(limits.bytes + 1) if sys.stdin else b""
    try:
        with Path(file).open("rb") as stream:
            return stream.read(limits.bytes + 1)
    except IsADirectoryError as e:
        raise InvalidInputError(
            f"'{file}' is a folder.", remedy="localqa documents add FOLDER, then localqa documents ask."
        ) from e
    except OSError as e:
        raise InvalidInputError(
            f"Cannot read '{file}' ({e.strerror}).", remedy="Name a file that is there and may be read."
        ) from e


def _text(content: bytes, name: str) -> str:
    """A text with its line ends as they are: offsets are those of the file."""
    if is_document(content):
        raise InvalidInputError(
            f"{name} is a document, no plain text.",
            remedy="Give it by --file under a name that tells its format, such as lease.pdf.",
        )
    if not content.strip():
        raise InvalidInputError(f"{name} is blank.", remedy="Give a file that holds text.")
    if is_binary(content):
        if is_known(name) or not Path(name).suffix:
            raise InvalidInputError(
                f"{name} is no text.", remedy="Give a text, or a document such as lease.pdf."
            )
        raise unsupported(name)
    return decoded_exactly(content)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("question")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--context", help="the text")
    source.add_argument(
        "--file",
        help="a text, or a document (PDF, Word, HTML, ...), to answer from; - for text on standard input",
    )
    parser.add_argument("--password", help="of an encrypted PDF")
    parser.add_argument("--ocr", action="store_true", help="recognise scanned pages by Tesseract")
    add_adapter_flag(parser)
    add_base_flag(parser)
    parser.add_argument("--top_k", type=positive, default=1, metavar="N", help="show the N best spans [1]")
    add_verdict_flags(parser)
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
