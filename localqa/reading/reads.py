"""What those above need of a reader: `Reads`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.answers import Answer, Patience, Query
from localqa.reading.told import AdapterState, EmbedderInfo, ReaderInfo


class Reads(Protocol):
    """Answers questions by adapters and embeds texts; `localqa.reading.reader.Reader` does."""

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

    def embedder(self) -> EmbedderInfo:
        """What embeds."""

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

    def describe(self, name: str) -> AdapterState:
        """What is known of an adapter."""

    def broken(self) -> list[dict[str, str]]:
        """Name and problem of each folder that looks like an adapter and cannot be asked."""

    def stop(self) -> None:
        """Answer what was accepted, take nothing new."""

    def adapters(self) -> list[str]:
        """Names of the known adapters, the default one first."""

    def info(self) -> ReaderInfo:
        """What answers when no adapter is named, what embeds, and which bases are in memory."""
