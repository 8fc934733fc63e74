"""The API as the page asks it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import requests

from localqa.errors import LocalQAError, NotReadyError

_TELLING_S: Final = 3.0
"""Seconds in which the server tells of itself."""
_ANSWER_S: Final = 300.0
"""Seconds of silence after which an answer is given up; the server's own deadline is shorter."""
_CONNECT_S: Final = 3.0
_AGAIN_S: Final = 1.0
"""Seconds between two looks at an import that takes long."""
_LISTED: Final = 1000
_LATER: Final = (requests.codes.too_many_requests, requests.codes.service_unavailable)


class RefusedError(LocalQAError):
    """The API refused, in its own words."""

    code = "refused"


class BusyError(RefusedError):
    """The API refused for now.

    Attributes:
        seconds: after which it may be asked again.
    """

    def __init__(self, message: str, *, remedy: str, seconds: float) -> None:
        super().__init__(message, remedy=remedy)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Api:
    """A running server.

    Every method raises NotReadyError where the server does not answer, and RefusedError, with the server's
    own message and remedy, where it refuses.

    Attributes:
        url: its address.
        key: one of its API keys; "": it has none.
    """

    url: str
    key: str = ""

    def health(self) -> dict[str, Any]:
        """How the server is, see `GET /api/health`."""
        return self._having(
            ("ready", "status", "adapter", "adapters", "ollama"),
            self._json("GET", "/api/health", timeout=_TELLING_S),
        )

    def ask(self, question: str, context: str, adapter: str | None, *, top_k: int) -> dict[str, Any]:
        """The answer to a question from a text, see `POST /api/qa`."""
        body = {"question": question, "context": context, "top_k": top_k, "route": "extractive"}
        found = self._json("POST", "/api/qa", body | ({"adapter": adapter} if adapter else {}))
        return self._having(("answer", "answerable", "adapter", "alternatives"), found)

    def generate(self, question: str, context: str) -> Iterator[dict[str, Any]]:
        """The lines of a generated answer: `{"delta": ...}` for each piece, last the whole answer."""
        body: dict[str, Any] = {"question": question, "route": "ollama", "stream": True}
        if context.strip():
            body["context"] = context
        with self._sent("POST", "/api/qa", body, timeout=_ANSWER_S, stream=True) as response:
            for line in self._lines(response):
                part = self._part(line)
                if part.get("error"):
                    raise RefusedError(part["error"]["message"], remedy=part["error"]["remedy"])
                yield part

    def summarize(self, text: str, max_words: int | None) -> dict[str, Any]:
        """The summary of a text, see `POST /api/summarize`."""
        body = {"text": text} | ({"max_words": max_words} if max_words else {})
        return self._having(("summary", "source", "model", "cut"), self._json("POST", "/api/summarize", body))

    def documents(self) -> tuple[list[dict[str, Any]], int]:
        """The first documents in the library, see `GET /api/documents`, and how many there are."""
        found = self._having(("documents", "total"), self._json("GET", f"/api/documents?most={_LISTED}"))
        return found["documents"], found["total"]

    def add_file(self, path: Path, password: str = "") -> dict[str, Any]:
        """What became of a file that is added to the library, see `POST /api/documents`."""
        with path.open("rb") as stream:
            files: dict[str, Any] = {"file": (path.name, stream)}
            if password:
                files["password"] = (None, password)
            job = self._json("POST", "/api/documents", files=files)
        while self._having(("state", "outcomes", "job"), job)["state"] in ("waiting", "running"):
            time.sleep(_AGAIN_S)
            try:
                job = self._json("GET", f"/api/documents/jobs/{job['job']}")
            except BusyError as e:
                # It goes on meanwhile.
                time.sleep(e.seconds)
        if not job["outcomes"]:
            raise RefusedError(job["problem"] or "The file was not read.")
        outcome: dict[str, Any] = job["outcomes"][0]
        return outcome

    def remove_document(self, document: str) -> dict[str, Any]:
        """Take a document out of the library; returns what is told of it."""
        return self._having(("name",), self._json("DELETE", f"/api/documents/{quote(document, safe='')}"))

    def ask_documents(self, question: str, *, top_k: int) -> dict[str, Any]:
        """The answer out of the library, see `POST /api/ask`."""
        found = self._json("POST", "/api/ask", {"question": question, "top_k": top_k})
        return self._having(("answer", "answerable", "source", "alternatives", "score"), found)

    def page_picture(self, document: str, page: int) -> bytes:
        """A page as a PNG, see `GET /api/documents/{id}/pages/{number}.png`."""
        path = f"/api/documents/{quote(document, safe='')}/pages/{page}.png"
        with self._sent("GET", path, None, timeout=_ANSWER_S) as response:
            return response.content

    def _having(self, names: Sequence[str], found: dict[str, Any]) -> dict[str, Any]:
        """What was answered, once it has what the page shows."""
        if not set(names) <= found.keys():
            raise self._strange()
        return found

    def _part(self, line: bytes) -> dict[str, Any]:
        try:
            part = json.loads(line)
        except ValueError as e:
            raise self._strange() from e
        if not isinstance(part, dict):
            raise self._strange()
        return part

    def _lines(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from (line for line in response.iter_lines(chunk_size=1) if line.strip())
        except requests.RequestException as e:
            raise self._away("broke off in the middle of an answer") from e

    def _json(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        timeout: float = _ANSWER_S,
        files: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        with self._sent(method, path, body, timeout=timeout, files=files) as response:
            try:
                found = response.json()
            except ValueError as e:
                raise self._strange() from e
        if not isinstance(found, dict):
            raise self._strange()
        return found

    def _sent(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        *,
        timeout: float,
        stream: bool = False,
        files: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        """The response, once its status says that it is none of an error."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        url = self.url.rstrip("/") + path
        session = requests.Session()
        # Settings of the environment for other programs send neither text nor key to a proxy.
        session.trust_env = False
        try:
            response = session.request(
                method,
                url,
                json=body,
                files=files,
                headers=headers,
                timeout=(_CONNECT_S, timeout),
                stream=stream,
                allow_redirects=False,
            )
        except requests.Timeout as e:
            raise self._away("does not answer in time") from e
        except requests.RequestException as e:
            raise self._away("does not answer") from e
        if response.status_code in (requests.codes.ok, requests.codes.accepted):
            return response
        with response:
            try:
                error = response.json()["error"]
                refusal = self._refusal(response, error)
            except (ValueError, KeyError, TypeError):
                refusal = self._strange()
        raise refusal

    def _refusal(self, response: requests.Response, error: Mapping[str, str]) -> RefusedError:
        """In the server's own words, but for what people at a page cannot do."""
        status, remedy = response.status_code, error["remedy"]
        wait = response.headers.get("Retry-After", "")
        if status == requests.codes.unauthorized:
            remedy = "Start this page with LOCALQA_KEY set to one of the server's keys."
        if status in _LATER and wait.isdecimal():
            remedy = f"Ask again in {wait} seconds." if status == requests.codes.too_many_requests else remedy
            return BusyError(error["message"], remedy=remedy, seconds=float(wait))
        return RefusedError(error["message"], remedy=remedy)

    def _away(self, what: str) -> NotReadyError:
        return NotReadyError(
            f"The API at {self.url} {what}.",
            remedy="Start it with `make serve`, or name another one: .venv/bin/python demo.py --api URL.",
        )

    def _strange(self) -> RefusedError:
        return RefusedError(
            f"What answers at {self.url} is not this project's API.",
            remedy="Name its address: .venv/bin/python demo.py --api URL.",
        )
