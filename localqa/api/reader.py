"""What the HTTP layer needs of the model side: `Reader`."""

from collections.abc import Sequence
from typing import Any, Protocol

from localqa.extraction.answers import Answer, Query


class Reader(Protocol):
    """Answers questions with one base and its adapters (the real one: `localqa.engine.reader.Reader`)."""

    @property
    def default_adapter(self) -> str:
        """Name of the adapter that answers when a query names none."""

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer the queries in their order.

        Raises:
            AdapterNotFoundError: a query names an adapter that is not known.
            InvalidInputError: a query cannot be used.
            TooLargeError: a query is over a limit of the model.
        """

    def adapters(self) -> list[str]:
        """Names of the known adapters, the default one first."""

    def info(self) -> dict[str, Any]:
        """What is loaded: base, checksum, engine, precision, parameters, adapters, max_length, stride."""
