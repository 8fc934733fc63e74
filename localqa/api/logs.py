"""How log lines look: one logfmt line per record, with the record's own fields at the end."""

import logging
import re
import time
from collections.abc import Sequence
from typing import Any, Final

from gunicorn.glogging import Logger

from localqa.api.text import printable

_PLAIN = re.compile(r"[A-Za-z0-9._/:+-]+")
_PATH_CHARS: Final = 200
_LINE_CHARS: Final = 2000


class LogfmtFormatter(logging.Formatter):
    """`2026-01-31T12:00:00Z INFO request method=POST path=/api/qa status=200 ms=12.3 request_id=...`.

    Whatever a line holds is printable: nothing that a client or another server sent can begin a line of its
    own, or speak to a terminal.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None

    def __init__(self, layout: str = "%(asctime)s %(levelname)s %(message)s") -> None:
        """By default time in UTC, level, message."""
        super().__init__(layout)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        """The line without a traceback, to which `format` adds one."""
        fields = getattr(record, "fields", {})
        pairs = (f" {name}={_value(value)}" for name, value in fields.items())
        line = printable(super().formatMessage(record), limit=_LINE_CHARS)
        return line + "".join(pairs)

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's own name)
        """A traceback, each of its lines marked as one."""
        return _marked(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  (logging's own name)
        """A stack, each of its lines marked as one."""
        return _marked(super().formatStack(stack_info))


def _marked(text: str) -> str:
    return "\n".join(f"  | {printable(line, limit=_LINE_CHARS)}" for line in text.split("\n"))


def _value(value: object) -> str:
    text = str(value)[:_PATH_CHARS]
    if _PLAIN.fullmatch(text):
        return text
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"'), limit=None) + '"'


def configure_logging(level: str, names: Sequence[str] = ("localqa",)) -> None:
    """Send the lines of some loggers to standard error, unless someone already set up handlers."""
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        if not logger.hasHandlers():
            handler = logging.StreamHandler()
            handler.setFormatter(LogfmtFormatter())
            logger.addHandler(handler)
            # Some library may give the root logger a handler later, and each line would come twice.
            logger.propagate = False


class PrintableLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own lines, in the form of the app's: what they quote of a request is made printable."""

    def setup(self, cfg: Any) -> None:
        """Set the handlers up."""
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(LogfmtFormatter())
