"""From a question about texts to what is said in reply, in either protocol."""

from dataclasses import dataclass
from typing import Any, Final

from localqa.api.protocol.extracting import Extraction, said
from localqa.api.protocol.formats import Format
from localqa.api.service import current_service

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


def reply_to(extraction: Extraction, adapter: str, written: Format | None) -> Reply:
    """Have a question answered by an adapter; raises as `Service.answer_one` and `Format.written` do."""
    if extraction.repeats:
        source, answer = extraction, extraction.repeated(adapter)
    else:
        source, answer = extraction.settled(current_service().answer_one(extraction.query(adapter)))
    extras = source.extras(answer)
    text = said(answer) if written is None else written.written(extraction.question, answer.answer, extras)
    return Reply(text, extras, extraction.words, len(answer.answer.split()))


def most_characters() -> int:
    """How many characters the messages of a request may have."""
    settings = current_service().settings
    return settings.max_context_chars + settings.max_question_chars + _AROUND
