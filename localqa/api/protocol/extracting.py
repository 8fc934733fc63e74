"""What is instruction, what is text and what is question in a chat or a prompt: decided here alone.

Text is what the system, tools and users say, without instructions, greetings and questions; where frameworks
mark it (see `shapes`), it is what they mark. What the assistant said is none. The question is what the user
says last. Each text is a source of its own: an answer is a part of one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localqa.api.protocol.conversing import Message, messages_of
from localqa.api.protocol.parts import Part, paragraphs, stripped, words
from localqa.api.protocol.phrases import is_remark, is_talk, rules_for_people, trimmed, without_instructions
from localqa.api.protocol.shapes import (
    Shape,
    beside_the_past,
    earlier_answer,
    free_shape,
    marked,
    rephrases,
    shape_of,
)
from localqa.api.protocol.templates import turns
from localqa.api.protocol.tool_results import as_read
from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer, Query

NOT_ANSWERABLE: Final = "The text does not answer this question."
_BETWEEN: Final = "\n\n"
_ASSISTANT: Final = ("assistant", "model", "ai", "bot", "chatbot", "gpt", "llm", "agent")
_TOOLS: Final = ("tool", "function", "ipython", "observation")
_SYSTEM: Final = ("system", "developer")
_LONG: Final = 100
"""Words of a question beyond which its first or last sentence is it, and the rest a text."""
_REMARK: Final = 20
"""Words up to which a message of the user says nothing that counts beside a marked text."""
_REMEDY: Final = (
    "bert-qa models answer from a text, not from instructions or from what the assistant said: send it as a "
    "system message, in an earlier message, or with the question as <context>TEXT</context>, or as "
    "`Context: TEXT` and, on a new line, `Question: ...`."
)


class NoTextError(InvalidInputError):
    """A question that came without a text.

    Attributes:
        question: that was asked; "" where there is none either.
    """

    def __init__(self, question: str) -> None:
        super().__init__("There is no text to answer from.", remedy=_REMEDY)
        self.question = question


@dataclass(frozen=True, slots=True)
class Source:
    """A text that may hold the answer: a part of a message, and where it begins in the context."""

    message: Message
    part: Part
    at: int

    @property
    def end(self) -> int:
        """Where it ends in the context."""
        return self.at + self.part.end - self.part.start


@dataclass(frozen=True, slots=True)
class Extraction:
    """A question about texts, out of messages.

    Attributes:
        question: what is asked.
        context: the texts, one behind the other.
        sources: where each of them comes from.
        repeats: the question is not to be answered but said again; the only source is the question.
        earlier: an answer that other texts gave before, to be said again where these hold no better one.
    """

    question: str
    context: str
    sources: tuple[Source, ...]
    repeats: bool = False
    earlier: Source | None = None

    @property
    def words(self) -> int:
        """How many words were asked."""
        return len(self.context.split()) + len(self.question.split())

    def query(self, adapter: str) -> Query:
        """The same as the model side takes it."""
        return Query(
            self.question, self.context, adapter, borders=tuple(source.at for source in self.sources)
        )

    def settled(self, answer: Answer) -> tuple["Extraction", Answer]:
        """The answer that holds, and what it is part of: the earlier one where the texts hold no better."""
        if self.earlier is None or (answer.answerable and answer.null_score <= 0):
            return self, answer
        before = _repeating(self.earlier.message, self.earlier.part)
        return before, before.repeated(answer.adapter)

    def repeated(self, adapter: str) -> Answer:
        """The question as the answer."""
        return Answer(
            self.context, 1.0, 0, len(self.context), answerable=True, null_score=0.0, adapter=adapter
        )

    def extras(self, answer: Answer) -> dict[str, Any]:
        """What is told of an answer beyond the protocol.

        `found_in` names the message that holds it, by its number, or the field, and the place there in code
        points, as `start` and `end` do. In a tool's JSON the answer stands there with its escapes.
        """
        found_in = self.found_in(answer)
        return {
            "score": round(answer.score, 6),
            "start": found_in["start"] if found_in else 0,
            "end": found_in["end"] if found_in else 0,
            "answerable": answer.answerable,
            "adapter": answer.adapter,
            "found_in": found_in,
        }

    def found_in(self, answer: Answer) -> dict[str, Any] | None:
        """Where an answer stands in what was sent; None where there is none."""
        for source in self.sources:
            if answer.answerable and source.at <= answer.start and answer.end <= source.end:
                shift = source.part.start - source.at
                return source.message.place(answer.start + shift, answer.end + shift)
        return None


def said(answer: Answer) -> str:
    """An answer as a message."""
    return answer.answer if answer.answerable else NOT_ANSWERABLE


def from_chat(sent: Sequence[Mapping[str, Any]], *, most: int) -> Extraction:
    """The last message of the user as a question about the texts in all messages.

    Args:
        sent: the messages as they came.
        most: characters that are read; more are refused.

    Raises:
        InvalidInputError: no question of the user, no text, too much of it, or content that is no text.
    """
    messages = messages_of(sent)
    _limit(messages, most)
    last = _last_of_user(messages)
    if last is not None:
        messages[last : last + 1] = _unfolded(messages[last], whole=False)
    return _extracted(messages)


def from_prompt(prompt: str, system: str = "", *, most: int) -> Extraction:
    """A prompt as a question about the system text, or about its own text; raises as `from_chat`."""
    messages = [Message("system", system, {"field": "system"})] if system.strip() else []
    asking = Message("user", prompt, {"field": "prompt"})
    _limit([*messages, asking], most)
    return _extracted([*messages, *_unfolded(asking, whole=True)])


def _limit(messages: Sequence[Message], most: int) -> None:
    chars = sum(len(message.text) for message in messages if message.role not in _ASSISTANT)
    if chars > most:
        raise InvalidInputError(
            f"The messages have {chars:,} characters, at most {most:,} are allowed.",
            remedy="Ask about fewer or shorter texts at once.",
        )


def _last_of_user(messages: Sequence[Message]) -> int | None:
    return max((at for at, one in enumerate(messages) if one.role == "user"), default=None)


def _unfolded(message: Message, *, whole: bool) -> list[Message]:
    """The messages of a conversation that was written into one; else the message itself."""
    spoken = turns(message.text, whole=whole)
    return [message.part_of(role, *part) for role, part in spoken] or [message]


def _extracted(messages: Sequence[Message]) -> Extraction:
    last = _last_of_user(messages)
    if last is None or not messages[last].text.strip():
        raise InvalidInputError("messages: there is no question of the user.", remedy=_REMEDY)
    asking = messages[last]
    shape = shape_of(asking.text)
    if shape is None and any(one.role in _SYSTEM and rephrases(one.text) for one in messages):
        shape = Shape(question=stripped(asking.text, Part(0, len(asking.text))), repeats=True)
    if shape is not None and shape.repeats and shape.question is not None:
        return _repeating(asking, shape.question)
    own, question = _own(asking, shape)
    others = [message for at, message in enumerate(messages) if at != last and message.role not in _ASSISTANT]
    texts = _texts(others, bool(own)) + own
    if not texts or (shape is None and len(question.split()) > _LONG):
        # Beside a mark only what it marks as the question can hold both.
        free = free_shape(asking.text, shape.question if shape is not None else None)
        if free is not None and free.question is not None:
            question = _of(asking, free.question)
            texts += [(asking, part) for part in free.texts if not _is_talk(asking.text, part)]
    if not texts:
        texts = [(one, part) for one in others for part in _doubtful(one)]
    if not texts:
        raise NoTextError(question)
    if not question:
        raise InvalidInputError("messages: there is no question of the user.", remedy=_REMEDY)
    return _put_together(
        question, texts, _earlier([asking, *(one for one in messages if one.role in _SYSTEM)])
    )


def _earlier(messages: Sequence[Message]) -> Source | None:
    """The answer that one of these messages asks to refine."""
    for message in messages:
        part = earlier_answer(message.text)
        if part is not None and part.start < part.end:
            return Source(message, part, 0)
    return None


def _own(asking: Message, shape: Shape | None) -> tuple[list[tuple[Message, Part]], str]:
    """The marked texts in the message that asks, and the question."""
    if shape is None:
        return [], asking.text.strip()
    question = _of(asking, shape.question) if shape.question is not None else ""
    return [(asking, part) for part in shape.texts], question


def _texts(others: Sequence[Message], has_marked: bool) -> list[tuple[Message, Part]]:
    """What the messages beside the one that asks hold of text, in their order.

    Where text is marked anywhere, a system message with instructions in it is one, whatever else it says.
    """
    found: list[tuple[Message, Sequence[Part], bool]] = []
    for message, values in _with_values(others):
        whole = Part(0, len(message.text))
        parts: Sequence[Part] = marked(message.text)
        if parts:
            has_marked = True
            found.append((message, parts, True))
        elif message.role in _SYSTEM:
            told = [without_instructions(message.text, part) for part in beside_the_past(message.text)]
            parts = [part for kept, _ in told for part in kept]
            instructs = any(instructs for _, instructs in told)
            found.append((message, [] if is_remark(message.text, parts) else parts, not instructs))
        elif message.role == "user":
            part = trimmed(message.text, whole, is_talk)
            remark = words(message.text, part, most=_REMARK + 1) <= _REMARK
            found.append((message, [part], not (remark and has_marked)))
        else:
            # Tools, and roles that hold documents.
            has_marked = has_marked or bool(message.text.strip())
            found.append((message, values or [stripped(message.text, whole)], True))
    return [
        (message, part)
        for message, parts, sure in found
        if sure or not has_marked
        for part in parts
        if words(message.text, part, most=1)
    ]


def _with_values(messages: Sequence[Message]) -> Iterator[tuple[Message, list[Part]]]:
    """The messages as they are read, and the values in those of them that are a tool's JSON."""
    for message in messages:
        if message.role in _TOOLS:
            yield from map(as_read, message.split())
        else:
            yield message, []


def _doubtful(message: Message) -> list[Part]:
    """What a message holds of text if its instructions are none."""
    return [rule for part in beside_the_past(message.text) for rule in rules_for_people(message.text, part)]


def _put_together(question: str, texts: Sequence[tuple[Message, Part]], earlier: Source | None) -> Extraction:
    sources: list[Source] = []
    at = 0
    for message, part in texts:
        for piece in _pieces(message, part):
            if words(message.text, piece, most=1):
                sources.append(Source(message, piece, at))
                at = sources[-1].end + len(_BETWEEN)
    if not sources:
        raise NoTextError(question)
    return Extraction(
        question,
        _BETWEEN.join(_of(one.message, one.part) for one in sources),
        tuple(sources),
        earlier=earlier,
    )


def _pieces(message: Message, part: Part) -> Iterator[Part]:
    """The paragraphs of a part, and its parts where the message was sent in several."""
    for start, end in message.cut(*part):
        for piece in paragraphs(message.text, Part(start, end)):
            yield stripped(message.text, piece)


def _repeating(message: Message, question: Part) -> Extraction:
    text = _of(message, question)
    return Extraction(text, text, (Source(message, question, 0),), repeats=True)


def _is_talk(text: str, part: Part) -> bool:
    left = trimmed(text, part, is_talk)
    return left.start >= left.end


def _of(message: Message, part: Part) -> str:
    return message.text[part.start : part.end]
