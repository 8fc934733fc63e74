"""Ask one question about a text and get the exact span that answers it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from localqa.bert_qa import BertQA
from localqa.cli.flags import add_adapter_flag, add_base_flag, add_verdict_flags, positive
from localqa.errors import InvalidInputError

EPILOG = 'example: localqa ask "What is BERT?" --context "BERT is an encoder."'


def run(args: argparse.Namespace) -> int:
    """Answer the question; returns the exit status.

    Raises:
        LocalQAError: a text that cannot be read, an unknown adapter, no base.
    """
    context = _context(args)
    qa = BertQA.load(base=args.base, adapter=args.adapter)
    answer = qa.answer(args.question, context, args.top_k, abstain=args.abstain, min_score=args.min_score)
    if args.json:
        print(json.dumps(asdict(answer), ensure_ascii=False, indent=2))
        return 0
    for one in (answer, *answer.alternatives):
        text = one.answer if one.answerable else "(the text does not answer this)"
        print(f"{one.score:6.1%}  [{one.start}:{one.end}]  {text}")
    return 0


def _context(args: argparse.Namespace) -> str:
    if args.context is not None:
        return str(args.context)
    try:
        # As text Python would read CRLF as one character, and the offsets would not be the file's.
        content = _standard_input() if args.file == "-" else Path(args.file).read_bytes()
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidInputError(f"Cannot read '{args.file}' ({e}).", remedy="Give a UTF-8 text file.") from e


def _standard_input() -> bytes:
    return sys.stdin.buffer.read() if sys.stdin else b""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("question")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--context", help="the text")
    source.add_argument("--file", help="a UTF-8 text file that holds the text; - for standard input")
    add_adapter_flag(parser)
    add_base_flag(parser)
    parser.add_argument("--top_k", type=positive, default=1, metavar="N", help="show the N best spans [1]")
    add_verdict_flags(parser)
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
