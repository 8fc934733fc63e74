"""Generating answers with a model of the Ollama server."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from localqa.errors import TooLargeError
from localqa.ollama import TELLING_S, Gone
from localqa.ollama.errors import OllamaDownError, OllamaModelError
from localqa.ollama.prompts import Message, messages, summary_messages
from localqa.ollama.upstream import Upstream, whole
from localqa.strict_json import parse_foreign

_ERROR_CHARS: Final = 300
_ERROR_BYTES: Final = 1024 * 1024
_LINE_BYTES: Final = 1024 * 1024
_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Of all lines of an answer: a hundred thousand tokens."""
_CHARS_OF_A_TOKEN, _ANSWER_TOKENS = 2.5, 512
"""Rather few characters in a token, so that the room is large enough."""
_ROOMS: Final = (4096, 8192, 16_384, 32_768)
"""Tokens of context, of which the first is what a server gives unasked; a change loads the model anew."""


class Ollama:
    """Answers open questions.

    Args:
        upstream: the server.
        model: that answers; "": the first one that the server lists, which is the one changed last.
    """

    def __init__(self, upstream: Upstream, *, model: str = "") -> None:
        self.upstream = upstream
        self._model = model

    def models(self) -> list[dict[str, Any]]:
        """The models that the server has, as it describes them.

        Raises:
            OllamaDownError, OllamaSlowError: see `Upstream.stream`.
        """
        status, body = self.upstream.get("/api/tags", timeout_s=TELLING_S)
        listed = _object(body, self.upstream.url).get("models")
        if status != 200 or not isinstance(listed, list):
            raise _failed(self.upstream.url, status, body)
        return [model for model in listed if isinstance(model, dict)]

    def model(self, asked: str | None = None) -> str:
        """Name of the model that answers; `asked` is the one that the caller named.

        Raises:
            OllamaModelError: the server has no model at all.
        """
        if asked or self._model:
            return asked or self._model
        names = [str(model.get("name", "")) for model in self.models()]
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
            TooLargeError: the context is too long to be given to a model.
            OllamaDownError, OllamaSlowError: see `Upstream.stream`; also before the end of an answer.
        """
        room = _room(len(context) + len(question)) if context is not None else {}
        return self._chat(model, messages(question, context), room, gone)

    def summarize(
        self, text: str, max_words: int | None, *, model: str, gone: Gone = lambda: False
    ) -> Iterator[str]:
        """A summary of a text, piece by piece as it is generated; see `generate`.

        Args:
            text: what to summarise.
            max_words: most words that the model is asked for; it may take no notice.
            model: name on the server.
            gone: see `Upstream.stream`.
        """
        return self._chat(model, summary_messages(text, max_words), _room(len(text)), gone)

    def _chat(self, model: str, chat: list[Message], room: dict[str, Any], gone: Gone) -> Iterator[str]:
        body = {"model": model, "messages": chat, "stream": True} | room
        url = self.upstream.url
        ended = False
        with self.upstream.stream("POST", "/api/chat", json.dumps(body).encode(), gone=gone) as reply:
            if reply.status == 404:
                raise OllamaModelError(
                    f"Ollama at {url} does not have the model '{model}'.",
                    remedy=f"Pull it with `ollama pull {model}`, or name another one in OLLAMA_MODEL.",
                )
            if reply.status != 200:
                raise _failed(url, reply.status, whole(reply.chunks, most=_ERROR_BYTES, url=url))
            read = 0
            for line in lines(reply.chunks, most=_LINE_BYTES, url=url):
                read += len(line)
                if read > _ANSWER_BYTES:
                    raise OllamaDownError(
                        f"Ollama at {url} sent an answer of more than {_ANSWER_BYTES:,} bytes.",
                        remedy="Ask again, or ask another model.",
                    )
                part = _object(line, url)
                if "error" in part:
                    raise _failed(url, reply.status, line)
                message = part.get("message")
                piece = message.get("content") if isinstance(message, dict) else None
                if isinstance(piece, str) and piece:
                    yield piece
                ended = bool(part.get("done"))
        if not ended:
            raise OllamaDownError(
                f"Ollama at {url} ended before its answer did.", remedy="Ask again; if it stays, see its log."
            )


def _room(chars: int) -> dict[str, Any]:
    """The option that makes room for a text; none where the usual room is enough.

    Without it the server would leave out messages from the front until the rest fits: the text itself.

    Raises:
        TooLargeError: there is no such room.
    """
    tokens = chars / _CHARS_OF_A_TOKEN + _ANSWER_TOKENS
    if tokens <= _ROOMS[0]:
        return {}
    room = next((room for room in _ROOMS if tokens <= room), None)
    if room is None:
        raise TooLargeError(
            f"A text of {chars:,} characters is too long for a model of the Ollama server.",
            remedy=f"Send less than {int((_ROOMS[-1] - _ANSWER_TOKENS) * _CHARS_OF_A_TOKEN):,} characters.",
        )
    return {"options": {"num_ctx": room}}


def lines(chunks: Iterable[bytes], *, most: int, url: str) -> Iterator[bytes]:
    """The lines of a body that comes in pieces; blank ones are left out.

    Raises:
        OllamaDownError: a line of more than so many bytes.
    """
    rest = bytearray()
    for chunk in chunks:
        *ended, last = chunk.split(b"\n")
        for part in ended:
            rest += part
            line = bytes(rest)
            rest.clear()
            if line.strip():
                yield line
        rest += last
        if len(rest) > most:
            raise OllamaDownError(
                f"Ollama at {url} sent a line of more than {most:,} bytes.",
                remedy="Correct OLLAMA_HOST: another server may listen there.",
            )
    if rest.strip():
        yield bytes(rest)


def _object(text: bytes, url: str) -> dict[str, Any]:
    try:
        value = parse_foreign(text)
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
        said = str(parse_foreign(body)["error"])[:_ERROR_CHARS]
    except (ValueError, KeyError, TypeError):
        said = f"status {status}"
    return OllamaDownError(
        f"Ollama at {url} failed: {said}.",
        remedy="See the log of the Ollama server.",
        # What it says may hold what it was asked.
        logged=f"Ollama at {url} failed with status {status}.",
    )
