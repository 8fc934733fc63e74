"""A library of your documents: add files and folders, ask, see the answer with its file and page."""

import argparse
import contextlib
import json
import re
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from localqa.answering.library import READ, LibraryAsk, Located, Place, ask_library
from localqa.answering.shelf import Shelf
from localqa.cli.documents_told import (
    Told,
    check_asked,
    check_named,
    existing,
    print_json,
    print_list,
    print_nowhere,
    print_outcomes,
    print_removed,
    print_text,
    the_one,
    where_of,
)
from localqa.cli.flags import add_key_flag, add_verdict_flags, positive, server_address
from localqa.config import Settings
from localqa.documents.importing import Outcome, reindex
from localqa.documents.library import (
    COLLECTION_NAME,
    DEFAULT_COLLECTION,
    DocumentNotFoundError,
    Entry,
    Kept,
    Library,
    ReadOnce,
    Scope,
)
from localqa.documents.places import shown
from localqa.documents.search import search
from localqa.errors import InvalidInputError
from localqa.terminal import printable

if TYPE_CHECKING:
    from localqa.reading.reader import Reader

EPILOG = """\
examples:
  localqa documents add docs/
  localqa documents ask "How long is the notice period?"
  localqa documents list
"""
_EXPORT_KEYS: Final = ("id", "collection", "name", "source", "media_type", "digest", "title", "added")


class Own:
    """The library of this machine and what reads it, each loaded when it is needed."""

    def __init__(self, args: argparse.Namespace) -> None:
        flags = {name: getattr(args, name, None) for name in ("adapter", "ocr")}
        self.settings = Settings.load(library=args.library, **flags)
        self.shelf = Shelf(self.settings.library, lambda: self.reader, ocr=self.settings.ocr)

    @cached_property
    def reader(self) -> "Reader":
        """BERT."""
        from localqa.reading.loading import load_reader

        return load_reader(self.settings)

    def entries(self, collection: str | None = None) -> list[Entry]:
        """The documents; where there is no library none is made."""
        if not self.shelf.holds_documents:
            return []
        self.shelf.check(Scope(collection))
        return self.shelf.library.entries(Scope(collection))

    def held(self, collection: str | None = None) -> Library:
        """The library, which holds documents, of that collection if one is named.

        Raises:
            InvalidInputError: it is empty, or not there; none is made.
            CollectionNotFoundError: there is no such collection.
        """
        if not self.shelf.holds_documents:
            where = shown(self.settings.library)
            raise InvalidInputError(
                f"There are no documents in the library {where}.",
                remedy="Add some with `localqa documents add`, or correct --library or QA_LIBRARY.",
            )
        self.shelf.check(Scope(collection))
        return self.shelf.library


def run(args: argparse.Namespace) -> int:
    """Do the action that was named; returns the exit status.

    Raises:
        LocalQAError: the library cannot be used, or what is named is not in it.
    """
    if getattr(args, "url", None):
        from localqa.cli import documents_remote

        return int(getattr(documents_remote, args.action.__name__)(args))
    return int(args.action(args))


def add(args: argparse.Namespace) -> int:
    """Read files and folders; 1 where one of them could not be read."""
    paths = existing(args.paths)
    own = Own(args)
    importer = own.shelf.importer(args.collection, args.password)
    outcomes = []
    with tqdm(unit="file", disable=None, leave=False) as bar:
        for outcome in importer.add(paths, sync=args.sync):
            outcomes.append(outcome)
            bar.update()
            bar.set_postfix_str(printable(Path(outcome.name).name[-40:]))
    return report(outcomes, args, shown(own.settings.library))


def report(outcomes: list[Outcome], args: argparse.Namespace, where: str) -> int:
    """Tell what became of the files; 1 where one of them could not be read."""
    told = [asdict(one) for one in outcomes]
    if args.json:
        print_json(told)
    else:
        print_outcomes(told, where, verbose=args.verbose)
    return int(any(one.state == "failed" for one in outcomes))


def list_(args: argparse.Namespace) -> int:
    """Print a table of the documents."""
    told = [asdict(one) for one in Own(args).entries(args.collection)]
    (print_json if args.json else print_list)(told)
    return 0


def show(args: argparse.Namespace) -> int:
    """Print the text of a document, with its pages marked."""
    own = Own(args)
    entry = _find(own, args.document)
    document = own.shelf.document(entry["id"])
    if args.json:
        print_json({**entry, "text": document.text})
    else:
        print_text(document.text, [asdict(page) for page in document.pages])
    return 0


def remove(args: argparse.Namespace) -> int:
    """Forget documents, or a whole collection."""
    check_named(args.documents, args.collection)
    own = Own(args)
    named = list(dict.fromkeys(_find(own, one)["id"] for one in args.documents))
    library = own.held(args.collection)
    chosen = named or [one.id for one in own.entries(args.collection)]
    with library.removing():
        for document in chosen:
            # Somebody else may have removed it meanwhile.
            with contextlib.suppress(DocumentNotFoundError):
                library.remove(document)
    print_removed(len(chosen), as_json=args.json)
    return 0


def export(args: argparse.Namespace) -> int:
    """Write every document with its text as a line of JSON."""
    library = Own(args).held(args.collection)
    for entry in tqdm(library.entries(Scope(args.collection)), unit="document", disable=None, leave=False):
        line = {key: getattr(entry, key) for key in _EXPORT_KEYS}
        with contextlib.suppress(DocumentNotFoundError):
            print(json.dumps(line | {"text": library.document(entry.id).text}, ensure_ascii=False))
    return 0


def reindex_(args: argparse.Namespace) -> int:
    """Make the passages and vectors anew that another embedder made."""
    own = Own(args)
    library = own.held()
    total = len(own.entries())
    with library.removing():
        outcomes = list(
            tqdm(reindex(library, own.shelf.embedder), total=total, unit="document", disable=None)
        )
    return report(outcomes, args, shown(own.settings.library))


def search_(args: argparse.Namespace) -> int:
    """Print the passages that a question is likeliest answered by."""
    check_asked(args.question)
    own = Own(args)
    own.held(args.collection)
    library = own.shelf.searched
    vector = own.shelf.embedder.vectors([args.question])[0]
    found = search(library, args.question, vector, scope=Scope(args.collection), most=args.top_k)
    documents = own.shelf.documents()
    if args.json:
        from localqa.api.document_schemas import PassageModel, SearchResponse

        shown = [PassageModel.of(one, documents) for one in found]
        print_json(SearchResponse(passages=shown, count=len(shown)).model_dump())
    for one in [] if args.json else found:
        print(f"{one.score:.3f}  {_where(one.passage, documents, one.passage.start)}\n{one.passage.text}\n")
    return 0


def ask(args: argparse.Namespace) -> int:
    """Print the answer with its file, page and passage; 1 where the documents hold none."""
    check_asked(args.question)
    own = Own(args)
    own.held(args.collection)
    found = ask_library(
        LibraryAsk(
            args.question,
            Scope(args.collection),
            top_k=args.top_k,
            passages=args.passages,
            abstain=args.abstain,
            min_score=args.min_score,
        ),
        own.shelf.searched,
        embed=own.shelf.embedder.vectors,
        read=own.reader.answer,
    )
    documents = own.shelf.documents()
    if args.json:
        from localqa.api.document_schemas import library_answer

        print_json(library_answer(found, documents).model_dump())
    elif found.place is None:
        near = found.nearest and found.nearest.passage
        told = (_where(near, documents, near.start), near.text) if near else None
        print_nowhere(found.answer.score, told)
    for answer, place in () if args.json else _all(found):
        passage = place.found.passage
        print(f"{answer.score:6.1%}  {answer.answer}\n        {_where(passage, documents, place.start)}")
        print(f"        ...{_around(passage.text, answer.start, answer.end)}...\n")
    return int(found.place is None)


def _all(found: Located) -> list[tuple[Any, Place]]:
    return [*([(found.answer, found.place)] if found.place else []), *found.others]


def _where(passage: Kept, documents: ReadOnce, at: int) -> str:
    """Document, page and headings of a place in a passage."""
    page = documents.page_at(passage.document, at)
    return where_of(passage.document.name, page, " > ".join(passage.headings))


def _around(text: str, start: int, end: int, *, beside: int = 120) -> str:
    """The answer between brackets, with what stands beside it, on one line."""
    before, after = text[max(0, start - beside) : start], text[end : end + beside]
    return " ".join(f"{before}[{text[start:end]}]{after}".split())


def _find(own: Own, named: str) -> Told:
    return the_one([asdict(one) for one in own.entries()], named, "localqa documents list")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the actions of this verb and their flags."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, do: Any, text: str, *, remote: bool = True) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        where = one.add_mutually_exclusive_group()
        where.add_argument(
            "--library", metavar="FILE", help="an SQLite file, or postgresql://... [QA_LIBRARY]"
        )
        if remote:
            where.add_argument(
                "--url",
                type=server_address,
                help="of a running server, in place of the library of this machine",
            )
            add_key_flag(one)
        one.add_argument("--json", action="store_true", help="print JSON")
        one.set_defaults(action=do)
        return one

    one = action("add", add, "read files and folders into the library")
    one.add_argument("paths", nargs="+", metavar="PATH", help="files, and folders with all below them")
    _add_collection(one, "that they go into", DEFAULT_COLLECTION)
    one.add_argument(
        "--sync", action="store_true", help="remove documents whose files have vanished from there"
    )
    one.add_argument("--password", help="for encrypted files")
    one.add_argument(
        "--ocr", action="store_const", const=True, help="recognise scanned pages by Tesseract [QA_OCR]"
    )
    one.add_argument("--verbose", action="store_true", help="list unchanged files, too")
    one = action("list", list_, "the documents in the library")
    _add_collection(one, "to list")
    one = action("show", show, "the text of a document")
    one.add_argument("document", help="id, the beginning of it, or name")
    one = action("remove", remove, "forget documents; none of their text is left in a library's file")
    one.add_argument("documents", nargs="*", help="ids, or names")
    _add_collection(one, "to remove as a whole")
    one = action("export", export, "every document with its text, a line of JSON each", remote=False)
    _add_collection(one, "to export")
    one = action("reindex", reindex_, "make vectors anew after a change of QA_BASE", remote=False)
    one.add_argument("--verbose", action="store_true", help="list unchanged documents, too")
    one = action("search", search_, "the passages that a question is likeliest answered by")
    one.add_argument("question")
    one.add_argument("--top_k", type=positive, default=5, metavar="N", help="passages to show [5]")
    _add_collection(one, "to search")
    one = action("ask", ask, "answer a question from the documents, with file and page")
    one.add_argument("question")
    one.add_argument("--top_k", type=positive, default=1, metavar="N", help="show the N best answers [1]")
    one.add_argument(
        "--passages", type=positive, default=READ, metavar="N", help=f"passages to read at most [{READ}]"
    )
    one.add_argument("--adapter", help="adapter that answers [QA_ADAPTER]")
    _add_collection(one, "to ask")
    add_verdict_flags(one)


def _add_collection(parser: argparse.ArgumentParser, told: str, default: str | None = None) -> None:
    shown = f" [{default}]" if default else " [all]"
    parser.add_argument(
        "--collection", type=_collection, default=default, metavar="NAME", help=f"collection {told}{shown}"
    )


def _collection(text: str) -> str:
    if not re.fullmatch(COLLECTION_NAME, text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: a collection's name has small letters, digits, '.', '_' and '-', at most 64"
        )
    return text
