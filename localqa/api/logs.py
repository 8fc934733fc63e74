"""How log lines look: one logfmt line per record, with the record's own fields at the end."""

import json
import logging
import re
import time
from typing import Final

_PLAIN = re.compile(r"[A-Za-z0-9._/:+-]+")
_PATH_CHARS: Final = 200


class LogfmtFormatter(logging.Formatter):
    """`2026-01-31T12:00:00Z INFO request method=POST path=/api/qa status=200 ms=12.3 request_id=...`."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None

    def __init__(self) -> None:
        """Time in UTC, level, message."""
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        """The line without a traceback, to which `format` adds one."""
        fields = getattr(record, "fields", {})
        pairs = (f" {name}={_value(value)}" for name, value in fields.items())
        return super().formatMessage(record) + "".join(pairs)


def _value(value: object) -> str:
    text = str(value)[:_PATH_CHARS]
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def configure_logging(level: str) -> None:
    """Send the lines of `localqa` to standard error, unless someone already set up handlers."""
    logger = logging.getLogger("localqa")
    logger.setLevel(level.upper())
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(LogfmtFormatter())
        logger.addHandler(handler)
        # A library that gives the root logger a handler later would have each line printed twice.
        logger.propagate = False
