"""Who summarises: the adapter that is for it, or a model of the Ollama server."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from localqa.errors import DeadlineError, LocalQAError
from localqa.extraction.answers import Patience
from localqa.ollama import Gone
from localqa.ollama.errors import CallerGoneError
from localqa.summarization.splitting import within

if TYPE_CHECKING:
    from localqa.ollama.client import Ollama
    from localqa.summarization.summarizer import Summary


class NoSummarizerError(LocalQAError):
    """Nothing here can summarise."""

    code = "no_summarizer"


@dataclass(frozen=True, slots=True)
class Summarized:
    """A summary and who made it.

    Attributes:
        text: the summary.
        source: what made it.
        model: name of the adapter or the model.
        cut: whether it was longer than the words that were wanted.
    """

    text: str
    source: Literal["adapter", "ollama"]
    model: str
    cut: bool


class Summarizes(Protocol):
    """What an adapter that summarises can do; see `localqa.summarization.summarizer.Summarizer`."""

    def summarize(
        self, text: str, *, max_words: int | None = None, on_step: Callable[[], object] = ...
    ) -> "Summary":
        """Summarise a text."""


def by_adapter(
    summarizer: Summarizes, name: str, text: str, max_words: int | None, patience: Patience
) -> Summarized:
    """Have the adapter summarise, as long as somebody waits for it.

    Raises:
        DeadlineError: it took too long.
        CallerGoneError: nobody waits any more.
    """

    def go_on() -> None:
        if time.monotonic() > patience.deadline:
            raise DeadlineError(
                "The summary was not ready in time.",
                remedy="Send less text at once, or start the server with a larger QA_DEADLINE_S.",
            )
        if patience.cancelled():
            raise CallerGoneError("The caller has left.")

    found = summarizer.summarize(text, max_words=max_words, on_step=go_on)
    return Summarized(found.text, "adapter", name, found.cut)


def by_ollama(ollama: "Ollama | None", text: str, max_words: int | None, gone: Gone) -> Summarized:
    """Have a model of the Ollama server summarise; raises also as `Ollama.summarize` does.

    Raises:
        NoSummarizerError: there is no such server.
    """
    if ollama is None:
        raise NoSummarizerError(
            "This server has nothing that summarises.",
            remedy="Start it with QA_SUMMARY_ADAPTER=NAME, an adapter trained with fine_tune.py --task "
            "summarization, or with OLLAMA_HOST set.",
        )
    model = ollama.model()
    whole = "".join(ollama.summarize(text, max_words, model=model, gone=gone)).strip()
    kept = within(whole, max_words) if max_words else whole
    return Summarized(kept, "ollama", model, kept != whole)
