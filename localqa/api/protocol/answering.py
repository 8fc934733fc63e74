"""From a question about texts to what is said in reply, in either protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from localqa.answering.library import LibraryAsk
from localqa.answering.routing import Ask, Extracted
from localqa.api.callers import patience
from localqa.api.protocol.extracting import Extraction, NoTextError, said
from localqa.api.protocol.formats import Format
from localqa.api.schemas import rounded
from localqa.api.service import current_service
from localqa.api.source_schemas import Source
from localqa.errors import InvalidInputError

NOT_IN_LIBRARY: Final = "The documents do not answer this question."
_AROUND: Final = 20_000
"""Characters of instructions and of earlier questions that a request may hold beside its texts."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said in reply.

    Attributes:
        text: the answer, in words or as JSON.
        extras: what is told of it beyond the protocol.
        words_asked: how many words were read.
        words_said: how many words the answer has.
    """

    text: str
    extras: dict[str, Any]
    words_asked: int
    words_said: int


@dataclass(frozen=True, slots=True)
class Wish:
    """How sure an answer has to be, see `Query`: Ollama's `options` and OpenAI's bodies may say so."""

    abstain: bool | None = None
    min_score: float = 0.0


def wish_in(options: object, at: str = "") -> Wish:
    """What is wished of an answer; everything else that clients set is about generating, and nothing here.

    Args:
        options: the object that may hold it.
        at: where that stands in the body, for messages.

    Raises:
        InvalidInputError: `abstain` is no truth value, or `min_score` no number from 0 to 1.
    """
    given: Mapping[str, Any] = options if isinstance(options, dict) else {}
    abstain, least = given.get("abstain"), given.get("min_score")
    if abstain is not None and not isinstance(abstain, bool):
        raise InvalidInputError(f"{at}abstain must be true or false.")
    if least is None:
        return Wish(abstain)
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise InvalidInputError(f"{at}min_score must be a number from 0 to 1.")
    return Wish(abstain, least)


def reply_to(extracted: Callable[[], Extraction], adapter: str, wish: Wish, written: Format | None) -> Reply:
    """Have a question answered by an adapter: from the texts that came, or else from the library.

    Args:
        extracted: the question and its texts; raises NoTextError where there are none.
        adapter: that answers.
        wish: how sure it has to be.
        written: how the answer is wanted; None: in words.

    Raises:
        LocalQAError: what `extracted`, `Answerer.answer` and `Format.written` raise.
    """
    try:
        extraction = extracted()
    except NoTextError as e:
        if not e.question or not current_service().answerer.shelf.holds_documents:
            raise
        return _from_library(e.question, adapter, wish, written)
    if extraction.repeats:
        source, answer = extraction, extraction.repeated(adapter)
    else:
        found = current_service().answerer.answer(_ask(extraction, adapter, wish), patience())
        assert isinstance(found, Extracted)  # by its route
        source, answer = extraction.settled(found.answer)
    extras = source.extras(answer)
    text = said(answer) if written is None else written.written(extraction.question, answer.answer, extras)
    extras |= {"null_score": rounded(answer.null_score)}
    return Reply(text, extras, extraction.words, len(answer.answer.split()))


def _from_library(question: str, adapter: str, wish: Wish, written: Format | None) -> Reply:
    """The library's answer, with its file and page behind it."""
    service = current_service()
    ask = LibraryAsk(question, adapter=adapter, abstain=wish.abstain, min_score=wish.min_score)
    found = service.answerer.ask_library(ask, patience())
    answer, place = found.answer, found.place
    source = Source.of(place, service.answerer.shelf.document(place.document.id)) if place else None
    extras: dict[str, Any] = {
        "score": round(answer.score, 6),
        "start": answer.start,
        "end": answer.end,
        "answerable": answer.answerable,
        "adapter": answer.adapter or adapter,
        "found_in": None,
    }
    if written is not None:
        text = written.written(question, answer.answer, extras)
    elif source is None:
        text = NOT_IN_LIBRARY
    else:
        page = f", page {source.page}" if source.page else ""
        text = f"{answer.answer} [{source.name}{page}]"
    extras |= {"null_score": rounded(answer.null_score), "source": source.model_dump() if source else None}
    words = sum(len(one.passage.text.split()) for one in found.read) + len(question.split())
    return Reply(text, extras, words, len(answer.answer.split()))


def _ask(extraction: Extraction, adapter: str, wish: Wish) -> Ask:
    query = extraction.query(adapter)
    return Ask(
        query.question,
        query.context,
        query.adapter,
        route="extractive",
        abstain=wish.abstain,
        min_score=wish.min_score,
        borders=query.borders,
    )


def most_characters() -> int:
    """How many characters the messages of a request may have."""
    settings = current_service().settings
    return settings.max_context_chars + settings.max_question_chars + _AROUND
