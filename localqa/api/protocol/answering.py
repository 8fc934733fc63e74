"""From a question about texts to what is said in reply, in either protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localqa.answering.routing import Ask, Extracted
from localqa.api.callers import patience
from localqa.api.protocol.extracting import Extraction, said
from localqa.api.protocol.formats import Format
from localqa.api.schemas import rounded
from localqa.api.service import current_service
from localqa.errors import InvalidInputError

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


def reply_to(extraction: Extraction, adapter: str, wish: Wish, written: Format | None) -> Reply:
    """Have a question answered by an adapter; raises as `Answerer.answer` and `Format.written` do."""
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
