"""Chats and prompts as questions about a text: what a client of a language model sends, BERT can answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer, Query

NOT_ANSWERABLE: Final = "The text does not answer this question."
_LABEL: Final = re.compile(r"^[ \t]*(context|question|answer):[ \t]*", re.IGNORECASE | re.MULTILINE)
_BETWEEN: Final = "\n\n"
_REMEDY: Final = (
    "bert-qa models answer from a text: send it as the system message or in an earlier message, or write the "
    "prompt as `Context: ...` and, on a new line, `Question: ...`."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of the context came from: the number of its message, and its place in the context."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Extraction:
    """A question about a text, out of messages.

    Attributes:
        question: the last thing that the user says.
        context: the messages before it.
        places: which message each part of the context is.
    """

    question: str
    context: str
    places: tuple[Place, ...] = ()

    @property
    def words(self) -> int:
        """How many words were asked."""
        return len(self.context.split()) + len(self.question.split())

    def query(self, adapter: str) -> Query:
        """The same as the model side takes it."""
        return Query(self.question, self.context, adapter)

    def extras(self, answer: Answer) -> dict[str, Any]:
        """What is told of an answer beyond the protocol; offsets count code points of the context.

        `found_in` has the number of the message that holds the answer, and the offsets in it.
        """
        found_in = next(
            (
                {
                    "message": place.message,
                    "start": answer.start - place.start,
                    "end": answer.end - place.start,
                }
                for place in self.places
                if answer.answerable and place.start <= answer.start and answer.end <= place.end
            ),
            None,
        )
        return {
            "score": round(answer.score, 6),
            "start": answer.start,
            "end": answer.end,
            "answerable": answer.answerable,
            "adapter": answer.adapter,
            **({"found_in": found_in} if self.places else {}),
        }


def said(answer: Answer) -> str:
    """An answer as a message."""
    return answer.answer if answer.answerable else NOT_ANSWERABLE


def from_chat(messages: Sequence[Mapping[str, Any]]) -> Extraction:
    """The last message of the user as a question about all messages before it.

    Raises:
        InvalidInputError: no user's message, no text before it, or messages that are none.
    """
    texts = [text_of(message.get("content")) for message in messages]
    last = max((at for at, one in enumerate(messages) if one.get("role") == "user"), default=None)
    if last is None or not texts[last].strip():
        raise InvalidInputError("messages: there is no question of the user.", remedy=_REMEDY)
    before = [(at, text) for at, text in enumerate(texts[:last]) if text.strip()]
    if not before:
        return from_prompt(texts[last])
    places = []
    start = 0
    for at, text in before:
        places.append(Place(at, start, start + len(text)))
        start += len(text) + len(_BETWEEN)
    return Extraction(texts[last].strip(), _BETWEEN.join(text for _, text in before), tuple(places))


def from_prompt(prompt: str, system: str = "") -> Extraction:
    """A prompt as a question about the system text, or about the context in its own parts.

    Raises:
        InvalidInputError: there is no text to answer from.
    """
    if system.strip():
        return Extraction(prompt.strip(), system)
    context, question = _labelled(prompt)
    if not context.strip() or not question:
        raise InvalidInputError("There is no text to answer from.", remedy=_REMEDY)
    return Extraction(question, context)


def _labelled(prompt: str) -> tuple[str, str]:
    """The parts behind the first `Context:` and the last `Question:` that begin a line; "" without them."""
    labels = list(_LABEL.finditer(prompt))
    kinds = [label[1].lower() for label in labels]
    if "context" not in kinds or "question" not in kinds:
        return "", ""
    context = labels[kinds.index("context")]
    at = len(kinds) - 1 - kinds[::-1].index("question")
    question = labels[at]
    # What comes before a question may also follow it, and an empty `Answer:` may end the prompt.
    ends = [label.start() for label in labels[at + 1 :]] or [len(prompt)]
    text = (
        prompt[context.end() : question.start()]
        if context.end() <= question.start()
        else prompt[context.end() :]
    )
    return text.strip("\n"), prompt[question.end() : ends[0]].strip()


def text_of(content: object) -> str:
    """The text of a message, which OpenAI's clients may send in parts.

    Raises:
        InvalidInputError: it is no text.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part.get("text") for part in content if part.get("type") == "text"]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "\n".join(map(str, texts))
    raise InvalidInputError("messages: bert-qa models read text alone.", remedy="Send text as the content.")
