"""Generating answers with a model of the Ollama server."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from localqa.ollama import Gone
from localqa.ollama.errors import OllamaDownError, OllamaModelError
from localqa.ollama.prompts import messages
from localqa.ollama.upstream import Upstream

_ERROR_CHARS: Final = 300


class Ollama:
    """Answers open questions.

    Args:
        upstream: the server.
        model: that answers; "": the first one that the server lists, which is the one changed last.
    """

    def __init__(self, upstream: Upstream, *, model: str = "") -> None:
        self.upstream = upstream
        self._model = model

    def models(self, gone: Gone = lambda: False) -> list[dict[str, Any]]:
        """The models that the server has, as it describes them.

        Raises:
            OllamaDownError, OllamaSlowError: see `Upstream.stream`.
        """
        status, body = self.upstream.fetch("GET", "/api/tags", gone=gone)
        listed = _object(body, self.upstream.url).get("models")
        if status != 200 or not isinstance(listed, list):
            raise _failed(self.upstream.url, status, body)
        return [model for model in listed if isinstance(model, dict)]

    def model(self, asked: str | None = None, gone: Gone = lambda: False) -> str:
        """Name of the model that answers.

        Args:
            asked: by the caller.
            gone: see `Upstream.stream`.

        Raises:
            OllamaModelError: the server has no model at all.
        """
        if asked or self._model:
            return asked or self._model
        names = [str(model.get("name", "")) for model in self.models(gone)]
        if not names:
            raise OllamaModelError(
                f"Ollama at {self.upstream.url} has no model.",
                remedy="Pull one, such as `ollama pull llama3.2`, or name one in OLLAMA_MODEL.",
            )
        return names[0]

    def generate(
        self, question: str, context: str | None, *, model: str, gone: Gone = lambda: False
    ) -> Iterator[str]:
        """The answer to a question, piece by piece as it is generated.

        Args:
            question: to be answered.
            context: text to answer from; None: from what the model knows.
            model: name on the server.
            gone: see `Upstream.stream`.

        Raises:
            OllamaModelError: the server does not have the model.
            OllamaDownError, OllamaSlowError: see `Upstream.stream`; also before the end of an answer.
        """
        body = {"model": model, "messages": messages(question, context), "stream": True}
        url = self.upstream.url
        with self.upstream.stream("POST", "/api/chat", json.dumps(body).encode(), gone=gone) as reply:
            if reply.status == 404:
                raise OllamaModelError(
                    f"Ollama at {url} does not have the model '{model}'.",
                    remedy=f"Pull it with `ollama pull {model}`, or name another one in OLLAMA_MODEL.",
                )
            if reply.status != 200:
                raise _failed(url, reply.status, b"".join(reply.chunks))
            for line in lines(reply.chunks):
                part = _object(line, url)
                if "error" in part:
                    raise _failed(url, reply.status, line)
                message = part.get("message")
                piece = message.get("content") if isinstance(message, dict) else None
                if isinstance(piece, str) and piece:
                    yield piece
                if part.get("done"):
                    return
        raise OllamaDownError(
            f"Ollama at {url} ended before its answer did.", remedy="Ask again; if it stays, see its log."
        )


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a body that comes in pieces; blank ones are left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def _object(text: bytes, url: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise OllamaDownError(
            f"Ollama at {url} sent something that is not Ollama's protocol.",
            remedy="Correct OLLAMA_HOST: another server may listen there.",
        )
    return value


def _failed(url: str, status: int, body: bytes) -> OllamaDownError:
    """What the server itself says went wrong."""
    try:
        said = str(json.loads(body)["error"])[:_ERROR_CHARS]
    except (ValueError, KeyError, TypeError):
        said = f"status {status}"
    return OllamaDownError(f"Ollama at {url} failed: {said}.", remedy="See the log of the Ollama server.")
