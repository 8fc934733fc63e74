"""The messages of a request, as they were sent: who says what, and where it stands."""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from localqa.errors import InvalidInputError

_BETWEEN: Final = "\n"
_NO_TEXT: Final = (
    "bert-qa models read text alone: there are images, or other content that is no text, in the {}."
)
_SEND_TEXT: Final = "Send the words that it shows as text, or ask a model that sees."


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or a part of a prompt that is one.

    Attributes:
        role: who says it.
        text: what is said.
        where: how `found_in` names it: `{"message": 3}` or `{"field": "prompt"}`.
        offset: of the text in what was sent.
        escapes: behind each escape that was read as the character it stands for, ascending: where that is in
            the text, and where it would be with all escapes as they were sent.
        parts: where each part of the content begins in what was sent, which is one behind the other; empty
            where it was sent in one piece.
    """

    role: str
    text: str
    where: Mapping[str, Any]
    offset: int = 0
    escapes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    parts: tuple[int, ...] = field(default=())

    def place(self, start: int, end: int) -> dict[str, Any]:
        """Where a part of the text stands in what was sent, in code points."""
        start, end = (moved(at, *self.escapes) + self.offset for at in (start, end))
        if not self.parts:
            return {**self.where, "start": start, "end": end}
        part = bisect.bisect_right(self.parts, start) - 1
        begin = self.parts[part]
        return {**self.where, "part": part, "start": start - begin, "end": end - begin}

    def part_of(self, role: str, start: int, end: int) -> "Message":
        """A part of the text as a message of its own."""
        return replace(self, role=role, text=self.text[start:end], offset=self.offset + start)

    def split(self) -> Iterator["Message"]:
        """Each part of the content that the text was sent in, as a message of its own."""
        for start, end in self.cut(0, len(self.text)):
            yield self.part_of(self.role, start, end)

    def cut(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """A stretch of the text in the parts of the content that it was sent in."""
        first = bisect.bisect_right(self.parts, start + self.offset)
        last = bisect.bisect_left(self.parts, end + self.offset)
        return pairwise([start, *(begin - self.offset for begin in self.parts[first:last]), end])


def moved(at: int, here: Sequence[int], there: Sequence[int]) -> int:
    """A place in one text as the place in another, where stretches are the same from these places on."""
    last = bisect.bisect_right(here, at) - 1
    return at if last < 0 else at - here[last] + there[last]


def messages_of(sent: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages of a chat.

    Raises:
        InvalidInputError: content that is no text.
    """
    found = []
    for at, message in enumerate(sent):
        role = message.get("role", "user")
        texts = _texts(message.get("content"), at)
        if message.get("images"):
            raise InvalidInputError(_NO_TEXT.format(f"message {at}"), remedy=_SEND_TEXT)
        starts: list[int] = []
        length = 0
        for text in texts:
            starts.append(length)
            length += len(text) + len(_BETWEEN)
        parts = tuple(starts) if isinstance(message.get("content"), list) else ()
        found.append(Message(_role(role), _BETWEEN.join(texts), {"message": at}, parts=parts))
    return found


def _role(given: object) -> str:
    """Who says it, in this protocol's words for what other programs call user and assistant."""
    role = str(given).strip().lower()
    return "user" if role == "human" else "assistant" if "assistant" in role else role


def refuse_images(body: Mapping[str, Any]) -> None:
    """Refuse the images of a prompt.

    Raises:
        InvalidInputError: there are some.
    """
    if body.get("images"):
        raise InvalidInputError(_NO_TEXT.format("request"), remedy=_SEND_TEXT)


def _texts(content: object, at: int) -> list[str]:
    """The text of a message in its parts, of which OpenAI's clients may send several."""
    if content is None:
        return [""]
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        texts = [_part(part) for part in content]
        if all(text is not None for text in texts):
            return [str(text) for text in texts] or [""]
    raise InvalidInputError(_NO_TEXT.format(f"message {at}"), remedy=_SEND_TEXT)


def _part(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type", "text") not in (
        "text",
        "input_text",
        "output_text",
        "refusal",
    ):
        return None
    text = part.get("text", part.get("refusal"))
    return text if isinstance(text, str) else None
