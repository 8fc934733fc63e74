"""The one record every data format is read into."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GoldAnswer:
    """One accepted answer: `context[start:start + len(text)] == text`, in code points."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """One past the last code point."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Example:
    """One question about one context with its accepted answers (none: not answerable).

    `source` says where it came from as "file:record", for messages.
    """

    id: str
    question: str
    context: str
    answers: tuple[GoldAnswer, ...] = ()
    title: str = ""
    source: str = ""

    @property
    def is_impossible(self) -> bool:
        """Whether the context holds no answer (SQuAD 2.0)."""
        return not self.answers
