"""What the HTTP layer needs of the model side: `Reader`."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.answers import Answer, Patience, Query


class Reader(Protocol):
    """Answers questions with one base and its adapters (the real one: `localqa.engine.reader.Reader`)."""

    @property
    def default_adapter(self) -> str:
        """Name of the adapter that answers when a query names none."""

    def answer(self, queries: Sequence[Query], *, patience: Patience | None = None) -> list[Answer]:
        """Answer the queries in their order, as long as the caller has patience.

        Raises:
            AdapterNotFoundError: a query names an adapter that is not known.
            InvalidInputError: a query cannot be used.
            TooLargeError: a query is over a limit of the model.
            OverloadedError: too much is waiting already.
            DeadlineError: the caller's patience ended.
        """

    def embed(
        self, texts: Sequence[str], *, truncate: bool = True, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Texts as unit vectors, shape (texts, hidden), and the number of their tokens.

        Raises:
            InvalidInputError: a text that is too long where it must not be cut, or not Unicode.
            OverloadedError, DeadlineError: see `answer`.
        """

    def embedder(self) -> dict[str, Any]:
        """Of what embeds: length of a vector, max_tokens, loaded, bytes, modified (seconds since 1970)."""

    def load_adapter(self, name: str) -> bool:
        """Load an adapter by its name; says whether it was new.

        Raises:
            AdapterNotFoundError: it is not known.
            AdapterError: it cannot be used.
        """

    def remove_adapter(self, name: str) -> None:
        """Unload an adapter; queries that use it now are answered by it still.

        Raises:
            AdapterNotFoundError: it is not loaded.
            InvalidInputError: it is the default one.
        """

    def describe(self, name: str) -> dict[str, Any]:
        """Of a known adapter: name, loaded, bytes, modified (seconds since 1970), digest, stale, problem."""

    def broken(self) -> list[dict[str, str]]:
        """Name and problem of each folder that looks like an adapter and cannot be read."""

    def stop(self) -> None:
        """Answer what was accepted, take nothing new."""

    def adapters(self) -> list[str]:
        """Names of the known adapters, the default one first."""

    def info(self) -> dict[str, Any]:
        """What is loaded: base, checksum, engine, precision, parameters, adapters, max_length, stride."""
