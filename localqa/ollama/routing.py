"""Who answers a question: BERT from the text that came with it, or a model of the Ollama server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from localqa.errors import DeadlineError, InvalidInputError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.answers import Answer, Query
from localqa.ollama import Gone
from localqa.ollama.errors import CallerGoneError
from localqa.ollama.support import best_support, is_supported

if TYPE_CHECKING:
    # Its libraries are loaded where there is a server to ask, and not before.
    from localqa.ollama.client import Ollama

Route: TypeAlias = Literal["auto", "extractive", "ollama"]
Because: TypeAlias = Literal["context_given", "no_context", "not_answerable", "requested", "ollama_failed"]
"""Why the one that answers does: by rule, on request, or since the other one could not."""

NO_OLLAMA: Final = (
    "Send the text to search as context. Open questions, those without a context, need an Ollama server, and "
    "none is configured: set OLLAMA_HOST."
)
_SUPPORTING_SPANS: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """A question on its way.

    Attributes:
        question: what is asked.
        context: the text that may hold the answer, if one came.
        adapter: that shall answer from the text; None: the default one.
        top_k: answers wanted from the text.
        route: who shall answer.
        fallback: whether Ollama answers what the text does not.
        model: of the Ollama server; None: the one in the settings.
        abstain: whether the text may be found to hold no answer, see `Query`.
        min_score: below it an answer from the text is held back, see `Query`.
    """

    question: str
    context: str | None = None
    adapter: str | None = None
    top_k: int = 1
    route: Route = "auto"
    fallback: bool = False
    model: str | None = None
    abstain: bool | None = None
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Routed:
    """Who answers.

    Attributes:
        because: why.
        answer: BERT's; where a model answers, what supports it, or None without a context.
        model: that generates the answer; None: BERT's is the answer.
        pieces: the generated text as it comes; raises what `Ollama.generate` does.
    """

    because: Because
    answer: Answer | None = None
    model: str | None = None
    pieces: Iterator[str] = iter(())


@dataclass(frozen=True, slots=True)
class Support:
    """How a generated answer stands to its context; nothing where there was none.

    Attributes:
        supported: whether its content stands there.
        span: the part of the context that fits it best, found by BERT.
    """

    supported: bool | None = None
    span: Answer | None = None


Answerer: TypeAlias = Callable[[Query], Answer]


def route(ask: Ask, *, answer: Answerer, ollama: "Ollama | None", gone: Gone) -> Routed:
    """Decide who answers, and begin.

    Args:
        ask: the question.
        answer: BERT.
        ollama: the other one, if there is one.
        gone: whether the caller has left.

    Raises:
        InvalidInputError: no context for BERT, and no Ollama server.
        LocalQAError: what `answer` or `Ollama.generate` raise; not where a fallback fails: BERT's own "not
            answerable" is the answer then.
    """
    if ask.route == "ollama":
        return _generating("requested", ask, _needed(ollama, "route"), gone, _spans(ask, answer))
    if ask.context is None:
        if ask.route == "extractive":
            raise InvalidInputError("context: is missing.", remedy="Send the text to search as context.")
        return _generating("no_context", ask, _needed(ollama, "context"), gone)
    may_fall_back = ask.route == "auto" and ask.fallback and ollama is not None
    wanted = max(ask.top_k, _SUPPORTING_SPANS) if may_fall_back else ask.top_k
    # What is held back may still support what is generated: it is taken away below, not by the reader.
    found = answer(Query(ask.question, ask.context, ask.adapter, wanted, abstain=ask.abstain))
    found = found.held_back(ask.min_score)
    if found.answerable or ollama is None or not may_fall_back:
        because: Because = "requested" if ask.route == "extractive" else "context_given"
        return Routed(because, found.kept(ask.min_score, ask.top_k))
    try:
        return _generating("not_answerable", ask, ollama, gone, found)
    except CallerGoneError:
        raise
    except LocalQAError:
        return Routed("ollama_failed", found.kept(ask.min_score, ask.top_k))


def fallen_back(ask: Ask, routed: Routed, error: LocalQAError) -> Routed:
    """BERT's own answer where a fallback broke off; anything else that broke off is raised.

    Raises:
        LocalQAError: the error, where the generated answer was no fallback, or nobody waits any more.
    """
    if routed.because != "not_answerable" or routed.answer is None or isinstance(error, CallerGoneError):
        raise error
    return Routed("ollama_failed", routed.answer.kept(ask.min_score, ask.top_k))


def support(ask: Ask, routed: Routed, generated: str) -> Support:
    """How a generated answer stands to the context that it was given."""
    if ask.context is None:
        return Support()
    found = routed.answer
    spans = [*([found] if found.answerable else []), *found.alternatives] if found else []
    return Support(is_supported(generated, ask.question, ask.context), best_support(generated, spans))


def _spans(ask: Ask, answer: Answerer) -> Answer | None:
    """BERT's spans for what will be generated, before it is: what is wrong costs nothing then.

    None where there is no context, or BERT has no time for it now.
    """
    if ask.context is None:
        return None
    try:
        return answer(Query(ask.question, ask.context, ask.adapter, _SUPPORTING_SPANS))
    except (NotReadyError, OverloadedError, DeadlineError):
        return None


def _needed(ollama: "Ollama | None", field: str) -> "Ollama":
    if ollama is None:
        what = "is missing" if field == "context" else "there is no Ollama server to ask"
        raise InvalidInputError(f"{field}: {what}.", remedy=NO_OLLAMA)
    return ollama


def _generating(
    because: Because, ask: Ask, ollama: "Ollama", gone: Gone, found: Answer | None = None
) -> Routed:
    """A model at work; its first piece is there, so that what fails at once fails here."""
    model = ollama.model(ask.model)
    pieces = ollama.generate(ask.question, ask.context, model=model, gone=gone)
    first = next(pieces, "")
    return Routed(because, found, model, _with_first(first, pieces))


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    try:
        yield first
        yield from rest
    finally:
        # Breaks the request off where nobody read to the end.
        close = getattr(rest, "close", None)
        if close is not None:
            close()
