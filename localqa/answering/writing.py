"""Answers that a model of the Ollama server writes from passages of the library, held against them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from localqa.answering.evidence import Sentence, held_against, numbered
from localqa.answering.library import LibraryAsk, Located
from localqa.answering.routing import begin
from localqa.ollama import Gone

if TYPE_CHECKING:
    from localqa.ollama.client import Ollama


class Written:
    """An answer as it is written.

    Args:
        question: that is answered.
        located: what BERT found, and the passages that the model writes from.
        model: name of the model.
        source: the text as it comes; raises what `Ollama.generate` does.
    """

    def __init__(self, question: str, located: Located, model: str, source: Iterator[str]) -> None:
        self.located = located
        self.model = model
        self._question = question
        self._source = source
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """What has come so far."""
        return "".join(self._said)

    def pieces(self) -> Iterator[str]:
        """The text as it comes."""
        for piece in self._source:
            self._said.append(piece)
            yield piece

    def sentences(self) -> list[Sentence]:
        """The sentences that have come, each with what carries it."""
        return held_against(self.text, self._question, self.located.read)


def write(ask: LibraryAsk, located: Located, ollama: "Ollama", *, model: str | None, gone: Gone) -> Written:
    """Begin to write, which is when what fails at once fails; no model is asked where no passage was found.

    Args:
        ask: the question.
        located: BERT's answer and the passages that were read.
        ollama: the server.
        model: on it; None: the one in the settings.
        gone: whether the caller has left.
    """
    name = ollama.model(model)
    if not located.read:
        return Written(ask.question, located, name, iter(()))
    pieces = ollama.generate(ask.question, numbered(located.read), model=name, gone=gone)
    return Written(ask.question, located, name, begin(pieces, asked=model))
