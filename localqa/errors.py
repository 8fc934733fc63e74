"""The error tree, and the one table of what each error is in HTTP and what to do about it.

Modules raise these; `localqa.api.errors` maps them to HTTP in one place, in whatever shape a protocol has,
and the command-line tools print them in one place (`report_and_exit`).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NoReturn

from localqa.terminal import printable


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table.

    Attributes:
        status: of the response over HTTP.
        remedy: what to do next, where an error says nothing of its own.
        meaning: what the API's document says of it; "": it is not among what a documented route answers.
        example: a message, for that document.
    """

    status: int
    remedy: str = ""
    meaning: str = ""
    example: str = ""


_LATER: Final = "Ask again after the seconds in Retry-After."
_LOG: Final = "Try again. If it stays, look for the request_id in the server's log."
_OLLAMA: Final = "See the log of the Ollama server."

ERRORS: Final[Mapping[str, Kind]] = {
    "malformed_json": Kind(
        400,
        'Send a JSON object such as {"question": "...", "context": "..."}.',
        "The body is not JSON.",
        "The body is not valid JSON: expecting ',' delimiter at line 1, column 42.",
    ),
    "malformed_body": Kind(400, "Send the request again."),
    "malformed_request": Kind(400, "Send a request as HTTP/1.1 has it."),
    "malformed_host": Kind(400, "Ask for the server by its name or address."),
    "unauthorized": Kind(
        401,
        "Send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        "The request brings no API key, or a wrong one.",
        "There is no API key.",
    ),
    "forbidden": Kind(403),
    "origin_not_allowed": Kind(403),
    "host_not_allowed": Kind(403),
    "adapter_not_found": Kind(
        404,
        "Use one of the known adapters.",
        "The adapter is not known.",
        "There is no adapter 'legal'. Known: squad.",
    ),
    "document_not_found": Kind(
        404,
        "GET /api/documents lists what is there.",
        "The document, or the collection, is not in the library.",
        "There is no document '4f2a' in the library.",
    ),
    "collection_not_found": Kind(404, "GET /api/collections lists what is there."),
    "model_not_found": Kind(404, "There is no Ollama server; set OLLAMA_HOST to use one."),
    "not_found": Kind(404, "GET / lists the routes; /docs describes them."),
    "method_not_allowed": Kind(405, "See /docs for the methods of each route."),
    "request_timeout": Kind(
        408, "Send it again over a faster connection, or start the server with a larger QA_RECEIVE_S."
    ),
    "too_large": Kind(
        413,
        "Send less text at once, or start the server with a larger QA_MAX_BODY_BYTES.",
        "The body is too large.",
        "The body is over the limit of 2,097,152 bytes.",
    ),
    "unsupported_media_type": Kind(
        415,
        "Send the header `Content-Type: application/json`.",
        "The body does not say it is JSON.",
        "The content type must be application/json, but it is missing.",
    ),
    "invalid_input": Kind(
        422,
        "Correct what the message names.",
        "The body is JSON, but cannot be used; the message names the field.",
        "question: must not be empty.",
    ),
    "unreadable_document": Kind(422),
    "bad_adapter": Kind(422),
    "bad_data": Kind(422),
    "too_many_requests": Kind(
        429,
        _LATER,
        "The caller asks more often than this server allows.",
        "At most 60 per 1 minute are answered for one caller.",
    ),
    "internal_error": Kind(500, _LOG, "An error of the server's own.", "Something went wrong on the server."),
    "bad_config": Kind(500),
    "bad_library": Kind(500),
    "refused": Kind(500),
    "not_ready": Kind(
        503,
        "Try again in a few seconds.",
        "The model is loading or could not be loaded.",
        "The model is still loading.",
    ),
    "overloaded": Kind(503, _LATER, "Too much is waiting already.", "The server has too much to do."),
    "library_unavailable": Kind(
        503,
        _LATER,
        "The database of the library cannot be reached for now.",
        "The library postgresql://db/docs cannot be reached: connection refused.",
    ),
    "base_unavailable": Kind(503),
    "checksum_mismatch": Kind(503),
    "no_summarizer": Kind(503),
    "ollama_unavailable": Kind(503, _OLLAMA),
    "ollama_model_missing": Kind(503, "Pull a model, such as `ollama pull llama3.2`."),
    "deadline_exceeded": Kind(
        504,
        "Send less text at once, or ask again when the server has less to do.",
        "The answer was not ready in time.",
        "The answer was not ready in time.",
    ),
    "ollama_timeout": Kind(504, _OLLAMA),
    "caller_gone": Kind(504),
    "out_of_resources": Kind(
        507,
        "Make room on the server's disk, or in its memory.",
        "The server's disk or memory is full; nothing was changed.",
        "The disk of the library is full; nothing was changed.",
    ),
}
"""Code -> what it is."""


class LocalQAError(Exception):
    """An expected failure: what went wrong (`message`) and what to do next (`remedy`)."""

    code: ClassVar[str] = "internal_error"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a code that the table does not hold, where the class is written."""
        super().__init_subclass__(**kwargs)
        if cls.code not in ERRORS:
            raise TypeError(f"{cls.__name__}: the code '{cls.code}' is not in localqa.errors.ERRORS.")

    def __init__(self, message: str, *, remedy: str = "", logged: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.logged = message if logged is None else logged

    def __copy__(self) -> "LocalQAError":
        """The same without its traceback, whose frames hold whatever was worked on."""
        made = type(self).__new__(type(self), *self.args)
        made.__dict__.update(self.__dict__)
        return made

    @property
    def told_remedy(self) -> str:
        """What callers over HTTP are told to do: its own remedy, or the usual one of its kind."""
        return self.remedy or ERRORS[self.code].remedy

    @property
    def status(self) -> int:
        """Of the response over HTTP."""
        return ERRORS[self.code].status

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class InvalidInputError(LocalQAError):
    """A well-formed request whose content cannot be used; the message names the field."""

    code = "invalid_input"


class TooLargeError(LocalQAError):
    """A request over one of the configured limits."""

    code = "too_large"


class AdapterNotFoundError(LocalQAError):
    """No adapter of that name is known."""

    code = "adapter_not_found"


class AdapterError(LocalQAError):
    """An adapter folder that cannot be used with this base."""

    code = "bad_adapter"


class BaseModelError(LocalQAError):
    """The base cannot be found, read or trusted."""

    code = "base_unavailable"


class ChecksumError(BaseModelError):
    """A file of the base differs from its pinned checksum."""

    code = "checksum_mismatch"


class DataError(LocalQAError):
    """A data file, or a record of it, that cannot be read as questions and answers.

    Attributes:
        text: of the record, as it stands in the file; "": it is not about one record.
    """

    code = "bad_data"
    text = ""


class ConfigError(LocalQAError):
    """A setting or flag that makes no sense."""

    code = "bad_config"


class ResourceError(LocalQAError):
    """The machine ran out of memory or disk."""

    code = "out_of_resources"


class OverloadedError(LocalQAError):
    """More work is waiting than the limits allow."""

    code = "overloaded"


class DeadlineError(LocalQAError):
    """The answer was not ready in time."""

    code = "deadline_exceeded"


class NotReadyError(LocalQAError):
    """The server is loading or draining."""

    code = "not_ready"


def report_and_exit(error: LocalQAError) -> NoReturn:
    """Print an error as a command-line tool should, and end with exit status 2."""
    print(printable(f"error: {error.message}"), file=sys.stderr)
    if error.remedy:
        print(printable(f"  what to do: {error.remedy}"), file=sys.stderr)
    raise SystemExit(2)
