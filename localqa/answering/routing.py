"""Who answers a question: BERT from the text that came with it, or a model of the Ollama server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from localqa.answering.support import best_support, is_supported
from localqa.errors import DeadlineError, InvalidInputError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.answers import Answer, AnswersAll, Query
from localqa.ollama import Gone
from localqa.ollama.errors import CallerGoneError, OllamaModelError

if TYPE_CHECKING:
    # Its libraries are loaded where there is a server to ask, and not before.
    from localqa.answering.library import Place
    from localqa.ollama.client import Ollama

Route: TypeAlias = Literal["auto", "extractive", "ollama"]
Because: TypeAlias = Literal[
    "context_given", "library", "no_context", "not_in_library", "not_answerable", "requested", "ollama_failed"
]
"""Why the one that answers does: by rule, on request, or since the other one could not."""

NO_OLLAMA: Final = (
    "Send the text to search as context, or add documents to the library. Open questions, those without "
    "either, need an Ollama server, and none is configured: set OLLAMA_HOST."
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
        borders: of the sources that the text is made of, see `Query`.
        whole: read all of a long text, see `Query`.
        at: where the question stands among others that were sent, for messages: `qa_pairs[3].`.
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
    borders: tuple[int, ...] = ()
    whole: bool = False
    at: str = ""

    @property
    def may_fall_back(self) -> bool:
        """Whether a text that holds no answer sends the question on."""
        return self.route == "auto" and self.fallback and self.context is not None

    @property
    def may_generate(self) -> bool:
        """Whether an Ollama server may have to be asked."""
        return self.route == "ollama" or self.may_fall_back or self.context is None


@dataclass(frozen=True, slots=True)
class Extracted:
    """BERT answers.

    Attributes:
        because: why.
        answer: what.
        place: where it stands in the library, where it is from there; its offsets are those in its passage.
        others: where its alternatives stand there.
    """

    because: Because
    answer: Answer
    place: "Place | None" = None
    others: "tuple[Place, ...]" = ()


@dataclass(frozen=True, slots=True)
class Generated:
    """A model of the Ollama server answers.

    Attributes:
        because: why.
        model: its name there.
        pieces: the text as it comes; raises what `Ollama.generate` does.
        spans: what BERT found in the context, the likeliest first, to hold the text against.
        refusal: BERT's own "not answerable", where this is a fallback.
    """

    because: Because
    model: str
    pieces: Iterator[str] = iter(())
    spans: tuple[Answer, ...] = ()
    refusal: Answer | None = None

    def broken_off(self, error: LocalQAError) -> Extracted:
        """BERT's own answer where a fallback broke off; anything else that broke off is raised.

        Raises:
            LocalQAError: the error, where this was no fallback, or nobody waits any more.
        """
        if self.refusal is None or is_the_callers(error):
            raise error
        return Extracted("ollama_failed", self.refusal)


Answered: TypeAlias = Extracted | Generated


def is_the_callers(error: LocalQAError) -> bool:
    """Whether the caller left, or asked wrongly: no other answer stands in for that of a model then."""
    return isinstance(error, CallerGoneError | InvalidInputError)


@dataclass(frozen=True, slots=True)
class Support:
    """How a generated answer stands to its context; nothing where there was none.

    Attributes:
        supported: whether its content stands there.
        span: the part of the context that fits it best, found by BERT.
    """

    supported: bool | None = None
    span: Answer | None = None


def route(
    asks: Sequence[Ask], *, read: AnswersAll, ollama: "Ollama | None", gone: Gone
) -> Iterator[Answered]:
    """Decide who answers each question; what has a text is read at once, all of it together.

    A model begins with an answer when that one is asked for: an Ollama server takes so many at a time.

    Args:
        asks: the questions.
        read: BERT.
        ollama: the other one, if there is one.
        gone: whether the caller has left.

    Raises:
        InvalidInputError: no context for BERT, or no Ollama server.
        LocalQAError: what `read` raises, and what `Ollama.generate` does as answers are asked for; not where
            a fallback fails: BERT's own "not answerable" is the answer then.
    """
    for ask in asks:
        _check(ask, ollama)
    found = _read(asks, read, may_fall_back=ollama is not None)
    return (_answered(ask, one, ollama, gone) for ask, one in zip(asks, found, strict=True))


def support(ask: Ask, generated: Generated, text: str) -> Support:
    """How a generated answer stands to the context that it was given."""
    if ask.context is None:
        return Support()
    return Support(is_supported(text, ask.question, ask.context), best_support(text, generated.spans))


def _check(ask: Ask, ollama: "Ollama | None") -> None:
    if ask.route == "extractive" and ask.context is None:
        raise InvalidInputError(f"{ask.at}context: is missing.", remedy="Send the text to search as context.")
    if ollama is None and ask.route == "ollama":
        raise InvalidInputError(f"{ask.at}route: there is no Ollama server to ask.", remedy=NO_OLLAMA)
    if ollama is None and ask.context is None:
        raise InvalidInputError(f"{ask.at}context: is missing.", remedy=NO_OLLAMA)


def _read(asks: Sequence[Ask], read: AnswersAll, *, may_fall_back: bool) -> list[Answer | None]:
    """What BERT finds for each question; None where there is no context.

    Before anything is generated, too: what is wrong with a question costs nothing then. Where it is only to
    support what is generated, it may be left out when BERT has no time now.
    """
    queries = {
        at: _query(ask, ask.context, may_fall_back) for at, ask in enumerate(asks) if ask.context is not None
    }
    try:
        answers = read(list(queries.values())) if queries else []
    except (NotReadyError, OverloadedError, DeadlineError):
        if any(asks[at].route != "ollama" for at in queries):
            raise
        return [None] * len(asks)
    found = dict(zip(queries, answers, strict=True))
    return [found.get(at) for at in range(len(asks))]


def _query(ask: Ask, context: str, may_fall_back: bool) -> Query:
    """What BERT is asked. What is held back may still support what is generated: that is done here later."""
    generates = ask.route == "ollama"
    spans = max(ask.top_k, _SUPPORTING_SPANS) if may_fall_back and ask.may_fall_back else ask.top_k
    return Query(
        ask.question,
        context,
        ask.adapter,
        _SUPPORTING_SPANS if generates else spans,
        borders=ask.borders,
        whole=ask.whole,
        abstain=None if generates else ask.abstain,
    )


def _answered(ask: Ask, found: Answer | None, ollama: "Ollama | None", gone: Gone) -> Answered:
    if ollama is not None and (ask.route == "ollama" or found is None):
        because: Because = "requested" if ask.route == "ollama" else "no_context"
        return _generating(because, ask, ollama, gone, found)
    assert found is not None  # `_check` has let nothing else through
    held = found.held_back(ask.min_score)
    kept = held.kept(ask.min_score, ask.top_k)
    if held.answerable or ollama is None or not ask.may_fall_back:
        return Extracted("requested" if ask.route == "extractive" else "context_given", kept)
    try:
        return _generating("not_answerable", ask, ollama, gone, held, refusal=kept)
    except LocalQAError as e:
        if is_the_callers(e):
            raise
        return Extracted("ollama_failed", kept)


def _generating(
    because: Because,
    ask: Ask,
    ollama: "Ollama",
    gone: Gone,
    found: Answer | None,
    *,
    refusal: Answer | None = None,
) -> Generated:
    """A model at work; its first piece is there, so that what fails at once fails here."""
    model = ollama.model(ask.model)
    pieces = ollama.generate(ask.question, ask.context, model=model, gone=gone)
    begun = begin(pieces, asked=ask.model)
    spans = (*([found] if found.answerable else []), *found.alternatives) if found else ()
    return Generated(because, model, begun, spans, refusal)


def begin(pieces: Iterator[str], *, asked: str | None) -> Iterator[str]:
    """The same pieces once the first is there.

    Args:
        pieces: as a model writes them.
        asked: the model, where the caller named it.

    Raises:
        InvalidInputError: the caller named a model that is not there.
        LocalQAError: what `Ollama.generate` raises at once.
    """
    try:
        return _with_first(next(pieces, ""), pieces)
    except OllamaModelError as e:
        if asked is None:
            raise
        raise InvalidInputError(
            f"model: {e.message}", remedy=f"Pull it with `ollama pull {asked}`, name another one, or none."
        ) from e


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    try:
        yield first
        yield from rest
    finally:
        # Breaks the request off where nobody read to the end.
        close = getattr(rest, "close", None)
        if close is not None:
            close()
