"""Reading a request body as strict JSON: every way it can be broken is a clear 400, 413, 415 or 422."""

import json
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from flask import Request
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import get_input_stream

from localqa.answering.room import Leave
from localqa.api.callers import patience
from localqa.api.service import current_service
from localqa.api.text import quoted, refuse_unusable_text
from localqa.errors import ERRORS, InvalidInputError, LocalQAError, TooLargeError
from localqa.strict_json import (
    BYTES_OF_A_VALUE,
    MAX_DEPTH,
    TooDeepError,
    TooManyValuesError,
    count_values,
    parse,
)

_DRAIN_BYTES: Final = 64 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_LARGE: Final = 64 * 1024
_parsing = threading.Lock()


class MalformedBodyError(LocalQAError):
    """A body that is not JSON at all."""

    code = "malformed_json"


class MediaTypeError(LocalQAError):
    """A body that does not say it is JSON."""

    code = "unsupported_media_type"


class JsonRequest(Request):
    """A request whose `get_json` raises the error tree and gives nothing but a JSON object."""

    _body_read = False
    _leave: Leave | None = None

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that raises ValueError for a form that it cannot read, where another drops the rest."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> dict[str, Any]:
        """Parse the body; the arguments are Flask's and change nothing: no error is silent here.

        Raises:
            MediaTypeError: the content type is missing or not JSON, or the body is compressed.
            MalformedBodyError: the body is empty, not UTF-8 or not JSON.
            InvalidInputError: the JSON is no object, or holds NUL or lone surrogates.
            RequestEntityTooLarge: the body is over the limit.
        """
        self._check_media_type()
        value = self.json_of_any_type()
        refuse_unusable_text(value)
        # Nobody asks for the bytes again.
        self._cached_data = b""
        return value

    def json_of_any_type(self) -> dict[str, Any]:
        """The same without a look at the content type, which clients of other protocols may leave out.

        Text is taken as it is: what holds NUL or lone surrogates may be meant for another server. Large
        bodies are parsed one at a time, and only while there is room for what they become.
        """
        self.check_encoding()
        data = self.raw_body()
        if not data.strip():
            raise MalformedBodyError("The body is empty.")
        if self._leave is None:
            self._room_for(data)
        with _in_turn(data):
            value = _parse(_decoded(data))
        if not isinstance(value, dict):
            raise InvalidInputError(
                f"body: must be a JSON object, not {kind_of(value)}.", remedy=ERRORS["malformed_json"].remedy
            )
        return value

    def check_encoding(self) -> None:
        """Refuse a body that is compressed. Raises MediaTypeError."""
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise MediaTypeError(
                f"The content encoding {quoted(encoding)} is not supported.",
                remedy="Send the body uncompressed.",
            )

    def _check_media_type(self) -> None:
        if not self.is_json:
            sent = f"is {quoted(self.mimetype)}" if self.mimetype else "is missing"
            raise MediaTypeError(f"The content type must be application/json, but it {sent}.")

    def raw_body(self) -> bytes:
        """The body as it came.

        Raises:
            MalformedBodyError: it broke off.
            RequestEntityTooLarge: it is over the limit.
        """
        try:
            data = self.get_data(cache=True)
            if not self._body_read and self._goes_on_after(data):
                raise RequestEntityTooLarge
            if not self._body_read and len(data) < (self.content_length or 0):
                raise ClientDisconnected
        except ClientDisconnected as e:
            raise MalformedBodyError("The body ended before its announced length.") from e
        except (HTTPException, LocalQAError):
            raise
        except Exception as e:  # Each server has its own error for broken chunks; it is the client's fault.
            raise MalformedBodyError("The body could not be read: broken transfer encoding.") from e
        self._body_read = True
        return data

    def _room_for(self, data: bytes) -> None:
        """Wait until there is room for what a body becomes in Python.

        Raises:
            TooLargeError: more values than are taken.
            MalformedBodyError: nested too deeply.
            OverloadedError, DeadlineError: see `Room.enter`.
        """
        service = current_service()
        most = service.settings.max_values
        try:
            with _in_turn(data):
                values = count_values(data, most=most)
        except TooDeepError as e:
            raise MalformedBodyError(f"The body is nested too deeply: more than {MAX_DEPTH} levels.") from e
        except TooManyValuesError as e:
            raise TooLargeError(
                f"The body holds more than {most:,} values.",
                remedy="Send fewer at once, or start the server with a larger QA_MAX_VALUES.",
            ) from e
        # One character beyond the first 65,536 makes Python keep four bytes for each of a text.
        wide = not data.isascii() or b"\\u" in data
        size = len(data) * (4 if wide else 1) + values * BYTES_OF_A_VALUE
        self._leave = service.bodies.enter(size, patience())

    def take_room(self, size: int) -> None:
        """Wait until there is room for a large response, which has it until it has left.

        Raises:
            OverloadedError, DeadlineError: see `Room.enter`.
        """
        self.leave_room()
        self._leave = current_service().bodies.enter(size, patience())

    def leave_room(self) -> None:
        """Give back what the body took, once the response has left."""
        if self._leave is not None:
            self._leave()

    def _goes_on_after(self, data: bytes) -> bool:
        """Whether a chunked body is over the limit, where Werkzeug stops reading without a word."""
        if self.content_length is not None or len(data) != self.max_content_length:
            return False
        return bool(self.environ["wsgi.input"].read(1))

    def drain(self) -> None:
        """Read away a body that nobody read, so that the client can send it all and then see the answer.

        Without this a server closes the connection on a client in mid-sentence, which then reports
        a broken pipe in place of, say, a 413. Bodies announced as larger than 64 MiB are not waited for.
        """
        if self._body_read or (self.content_length or 0) > _DRAIN_BYTES:
            return
        stream = get_input_stream(self.environ, max_content_length=_DRAIN_BYTES)
        try:
            while stream.read(_CHUNK):
                pass
        except Exception:  # A client that went away or sent broken chunks has its answer coming anyway.
            return


def _in_turn(data: bytes) -> AbstractContextManager[object]:
    """Large bodies are worked on one at a time: it takes several times their size."""
    return _parsing if len(data) > _LARGE else nullcontext()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise MalformedBodyError(
            f"The body is not valid UTF-8 (byte {e.start}).", remedy="Encode the JSON text as UTF-8."
        ) from e


def _parse(text: str) -> object:
    """Parse JSON text, refusing what Python's parser takes beyond the standard."""
    try:
        return parse(text)
    except json.JSONDecodeError as e:
        message = (e.msg[:1].lower() + e.msg[1:]).removesuffix(" at")
        raise MalformedBodyError(
            f"The body is not valid JSON: {message} at line {e.lineno}, column {e.colno}."
        ) from e
    except RecursionError as e:
        raise MalformedBodyError("The body is nested too deeply.") from e
    except ValueError as e:
        # Python refuses to read integers of thousands of digits, and says so at length.
        said = "it holds a number of too many digits" if "digits" in str(e) else str(e)
        raise MalformedBodyError(f"The body is not valid JSON: {said}.") from e


def kind_of(value: object) -> str:
    """What a parsed JSON value is called in JSON's own words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds = ((str, "a string"), (int | float, "a number"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "an object")
