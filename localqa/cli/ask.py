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
from localqa.documents.formats import is_known, media_type_of
from localqa.documents.reading import read_file
from localqa.errors import InvalidInputError

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
    """An answer as JSON, with the page that each span of a document with pages begins on."""
    told = asdict(answer)
    if isinstance(source, Document) and source.pages:
        for one, values in zip((answer, *answer.alternatives), (told, *told["alternatives"]), strict=True):
            values["page"] = _page(one, source)
    return told


def _page(one: Any, source: str | Document) -> int | None:
    return source.page_at(one.start) if isinstance(source, Document) and one.answerable else None


def _source(args: argparse.Namespace) -> str | Document:
    """The text, exactly as it was given; or what is read from a file that is no plain text.

    Raises:
        InvalidInputError: the file cannot be opened, or is no text that is known.
        DocumentError: the document cannot be read.
    """
    if args.context is not None:
        return str(args.context)
    path = Path(args.file)
    readable = args.file != "-" and is_known(path.name)
    try:
        # As text Python would read CRLF as one character, and the offsets would not be the file's.
        content = _standard_input() if args.file == "-" else path.read_bytes()
        if not readable or media_type_of(path.name) in _PLAIN:
            return content.decode("utf-8")
    except OSError as e:
        raise InvalidInputError(
            f"Cannot read '{args.file}' ({e.strerror}).", remedy="Name a file that is there and may be read."
        ) from e
    except UnicodeDecodeError as e:
        if not readable:
            raise InvalidInputError(
                f"'{args.file}' is no text in UTF-8 ({e}).",
                remedy="Give a text, or a document whose name tells its format, such as lease.pdf.",
            ) from e
    return read_file(path, password=args.password)


def _standard_input() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin else b""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("question")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--context", help="the text")
    source.add_argument(
        "--file",
        help="a text file or a document (PDF, Word, HTML, ...) that holds the text; - for standard input",
    )
    parser.add_argument("--password", help="of a document that is encrypted")
    add_adapter_flag(parser)
    add_base_flag(parser)
    parser.add_argument("--top_k", type=positive, default=1, metavar="N", help="show the N best spans [1]")
    add_verdict_flags(parser)
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
