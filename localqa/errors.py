"""The error tree: every error a user can meet has a code, an HTTP status and a remedy.

Modules raise these; `localqa.api.errors` maps them to HTTP in one place and the command-line tools
print them in one place (`report_and_exit`).
"""

import sys
from typing import ClassVar, NoReturn


class LocalQAError(Exception):
    """An expected failure: what went wrong (`message`) and what to do next (`remedy`)."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class InvalidInputError(LocalQAError):
    """A well-formed request whose content cannot be used; the message names the field."""

    code = "invalid_input"
    status = 422


class TooLargeError(LocalQAError):
    """A request over one of the configured limits."""

    code = "too_large"
    status = 413


class AdapterNotFoundError(LocalQAError):
    """No adapter of that name is known."""

    code = "adapter_not_found"
    status = 404


class AdapterError(LocalQAError):
    """An adapter folder that cannot be used with this base."""

    code = "bad_adapter"
    status = 422


class BaseModelError(LocalQAError):
    """The base cannot be found, read or trusted."""

    code = "base_unavailable"
    status = 503


class ChecksumError(BaseModelError):
    """A file of the base differs from its pinned checksum."""

    code = "checksum_mismatch"


class DataError(LocalQAError):
    """A data file that cannot be read as questions and answers."""

    code = "bad_data"
    status = 422


class ConfigError(LocalQAError):
    """A setting or flag that makes no sense."""

    code = "bad_config"


class ResourceError(LocalQAError):
    """The machine ran out of memory or disk."""

    code = "out_of_resources"
    status = 507


class OverloadedError(LocalQAError):
    """More work is waiting than the limits allow."""

    code = "overloaded"
    status = 503


class DeadlineError(LocalQAError):
    """The answer was not ready in time."""

    code = "deadline_exceeded"
    status = 504


class NotReadyError(LocalQAError):
    """The server is loading or draining."""

    code = "not_ready"
    status = 503


def report_and_exit(error: LocalQAError) -> NoReturn:
    """Print an error as a command-line tool should, and end with exit status 2."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.remedy:
        print(f"  what to do: {error.remedy}", file=sys.stderr)
    raise SystemExit(2)
