"""The actions of `localqa documents` on the library of a running server."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.util import Retry

from localqa.cli.documents_told import (
    Told,
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
from localqa.cli.flags import key_headers
from localqa.documents.limits import Limits
from localqa.documents.walk import Found, Skipped, walk
from localqa.errors import LocalQAError
from localqa.terminal import printable

_CONNECT_S: Final = 5
_ANSWER_S: Final = 700
_WAIT_S: Final = 600
_AGAIN_S: Final = 1.0
_MOST: Final = 1000
_TRIES: Final = 8
_SAME_NAME: Final = "Name the folder that both are in: files below it go by their paths."
_OTHER_FOLDER: Final = "Remove them with `localqa documents remove`, if they are those of this folder."


class ServerError(LocalQAError):
    """The server could not be asked."""


class RefusedError(ServerError):
    """The server was asked, and refused."""


class Server:
    """A running server.

    Args:
        url: of it.
        key: for it, where it wants one; "" else.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._session = requests.Session()
        # Settings of the environment for other programs send no text of ours to a proxy.
        self._session.trust_env = False
        # One that has too much to do says when to come again: no folder is left half sent for that.
        busy = Retry(
            _TRIES,
            connect=0,
            read=0,
            status_forcelist=(429, 503),
            allowed_methods=None,
            raise_on_status=False,
        )
        self._session.mount(f"{self._url}/api/documents", HTTPAdapter(max_retries=busy))
        self._session.headers.update(key_headers(key))

    def ask(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        """The JSON that a route answers.

        Raises:
            ServerError: it cannot be reached.
            RefusedError: it refuses; with its own remedy.
        """
        try:
            reply = self._session.request(method, self._url + path, timeout=(_CONNECT_S, _ANSWER_S), **asked)
            body = reply.json()
        except requests.JSONDecodeError as e:
            raise ServerError(
                f"{self._url} answers, but not as a server of this project.", remedy="Correct --url."
            ) from e
        except requests.RequestException as e:
            raise ServerError(
                f"{self._url} cannot be reached ({type(e).__name__}).",
                remedy="Start it with `localqa serve`, or correct --url.",
            ) from e
        if reply.ok and isinstance(body, dict):
            return body
        error = body.get("error", {}) if isinstance(body, dict) else {}
        detail = error if isinstance(error, dict) else {"message": str(error)}
        raise RefusedError(str(detail.get("message", reply.reason)), remedy=str(detail.get("remedy", "")))

    def documents(self, collection: str | None) -> list[dict[str, Any]]:
        """All documents, as the server tells them."""
        found: list[dict[str, Any]] = []
        while True:
            asked = {"first": len(found), "most": _MOST} | ({"collection": collection} if collection else {})
            part = self.ask("GET", "/api/documents", params=asked)["documents"]
            found += part
            if len(part) < _MOST:
                return found


def add(args: argparse.Namespace) -> int:
    """Send files and folders, one after another; 1 where one of them could not be read."""
    paths = existing(args.paths)
    server = Server(args.url, args.key)
    known = {one["name"]: one for one in server.documents(args.collection)}
    outcomes: list[dict[str, Any]] = []
    seen, passed_over = set(), []
    sent: dict[str, Path] = {}
    with tqdm(unit="file", disable=None, leave=False) as bar:
        for one in walk(paths):
            if isinstance(one, Skipped):
                outcomes.append({"name": str(one.path), "state": "skipped", "reason": one.reason})
                passed_over.append(one.path)
                continue
            bar.set_postfix_str(printable(one.path.name[-40:]))
            if one.name in sent:
                outcomes.append(_failed(one, f"{one.path} has the name of {sent[one.name]}", _SAME_NAME))
                continue
            sent[one.name] = one.path
            new = list(_sent(server, one, known, args))
            # The server may have written its name otherwise.
            seen |= {one.name, *(outcome["name"] for outcome in new)}
            outcomes += new
            bar.update()
    outcomes += _vanished(server, paths, known, seen, passed_over) if args.sync else ()
    if args.json:
        print_json(outcomes)
    else:
        print_outcomes(outcomes, f"that of {args.url}", verbose=args.verbose)
    return int(any(one["state"] == "failed" for one in outcomes))


def list_(args: argparse.Namespace) -> int:
    """Print a table of the documents."""
    found = Server(args.url, args.key).documents(args.collection)
    (print_json if args.json else print_list)(found)
    return 0


def show(args: argparse.Namespace) -> int:
    """Print the text of a document."""
    server = Server(args.url, args.key)
    found = server.ask("GET", f"/api/documents/{_find(server, args.document)['id']}")
    if args.json:
        print_json(found)
    else:
        print_text(found["text"], found["page_list"])
    return 0


def remove(args: argparse.Namespace) -> int:
    """Forget documents, or a whole collection."""
    check_named(args.documents, args.collection)
    server = Server(args.url, args.key)
    if args.collection:
        found = server.ask("DELETE", f"/api/collections/{args.collection}")
        print_removed(found["documents"], as_json=args.json)
        return 0
    chosen = dict.fromkeys(_find(server, named)["id"] for named in args.documents)
    for document in chosen:
        server.ask("DELETE", f"/api/documents/{document}")
    print_removed(len(chosen), as_json=args.json)
    return 0


def search_(args: argparse.Namespace) -> int:
    """Print the passages that a question is likeliest answered by."""
    asked = {"question": args.question, "top_k": args.top_k, "collection": args.collection}
    found = Server(args.url, args.key).ask("POST", "/api/search", json=asked)
    if args.json:
        print_json(found)
    for one in [] if args.json else found["passages"]:
        print(f"{one['score']:.3f}  {_where(one)}\n{one['text']}\n")
    return 0


def ask(args: argparse.Namespace) -> int:
    """Print the answer with its file, page and passage; 1 where the documents hold none."""
    asked = {
        "question": args.question,
        "collection": args.collection,
        "top_k": args.top_k,
        "passages": args.passages,
        "adapter": args.adapter,
        "abstain": args.abstain,
        "min_score": args.min_score,
    }
    found = Server(args.url, args.key).ask("POST", "/api/ask", json=asked)
    if args.json:
        print_json(found)
    elif found["source"] is None:
        nearest = found["nearest"]
        print_nowhere(found["score"], (_where(nearest), nearest["text"]) if nearest else None)
    for one in [] if args.json else [*([found] if found["source"] else []), *found["alternatives"]]:
        print(f"{one['score']:6.1%}  {one['answer']}")
        print(f"        {_where(one['source'])}\n")
    return int(found["source"] is None)


def _where(one: Told) -> str:
    return where_of(one["name"], one["page"], one["heading"])


def _sent(
    server: Server, found: Found, known: dict[str, dict[str, Any]], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    before = known.get(found.name)
    # With --ocr the server knows whether there is something left to recognise.
    if before is not None and before["digest"] == found.digest and not args.ocr:
        yield {"name": found.name, "state": "unchanged", "reason": "", "document": before}
        return
    try:
        yield from _read_by(server, found, args)
    except RefusedError as e:
        yield _failed(found, e.message, e.remedy)
    except OSError as e:
        yield _failed(found, f"cannot be read: {e.strerror}")


def _read_by(server: Server, found: Found, args: argparse.Namespace) -> list[dict[str, Any]]:
    """What the server makes of a file."""
    size = found.path.stat().st_size
    if size > Limits().bytes:
        return [_failed(found, f"has {size:,} bytes, which is too large")]
    fields = {"collection": args.collection} | ({"password": args.password} if args.password else {})
    files = {"file": (found.name, found.path.read_bytes())}
    # Waited for by the same request: behind a proxy another replica knows nothing of it.
    reply = server.ask("POST", "/api/documents", params={"wait": _WAIT_S}, data=fields, files=files)
    while reply["state"] in ("waiting", "running"):
        time.sleep(_AGAIN_S)
        reply = server.ask("GET", f"/api/documents/jobs/{reply['job']}")
    if reply["state"] == "failed":
        raise ServerError(reply["problem"])
    outcomes: list[dict[str, Any]] = reply["outcomes"]
    return outcomes


def _failed(found: Found, reason: str, remedy: str = "") -> dict[str, Any]:
    return {"name": found.name, "state": "failed", "reason": reason, "remedy": remedy}


def _vanished(
    server: Server,
    paths: list[Path],
    known: dict[str, dict[str, Any]],
    seen: set[str],
    passed_over: list[Path],
) -> Iterator[dict[str, Any]]:
    """Remove what was sent from the folders before and is not in them any more.

    A server knows a folder by its last name alone: of one whose files are all others nothing is removed.
    """
    unsure = tuple(_names_below(paths, passed_over))
    for root in sorted({f"{path.resolve().name}/" for path in paths if path.is_dir()}):
        below = {name: one for name, one in known.items() if name.startswith(root)}
        if below and not seen & set(below):
            told = f"the server has {len(below)} documents of this name, and none is here: nothing is removed"
            yield {"name": root, "state": "skipped", "reason": told, "remedy": _OTHER_FOLDER}
            continue
        for name in sorted(set(below) - seen):
            if f"{name}/".startswith(unsure):
                continue
            server.ask("DELETE", f"/api/documents/{below[name]['id']}")
            yield {"name": name, "state": "removed", "reason": ""}


def _names_below(paths: list[Path], passed_over: list[Path]) -> Iterator[str]:
    """How names begin of what lies at, or below, what could not be looked at: it may well be there still."""
    for folder in paths:
        for path in passed_over:
            if path.is_relative_to(folder):
                yield f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}/"


def _find(server: Server, named: str) -> Told:
    return the_one(server.documents(None), named, "localqa documents list --url")
