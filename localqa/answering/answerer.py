"""The one way in: questions, summaries and embeddings, whatever protocol they came by."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from localqa.answering.library import NOTHING, LibraryAsk, Located, ask_library
from localqa.answering.limits import Work, check_ask, check_question, check_text, parts
from localqa.answering.long_texts import shortened
from localqa.answering.routing import (
    NO_OLLAMA,
    Answered,
    Ask,
    Because,
    Extracted,
    Generated,
    is_the_callers,
    route,
)
from localqa.answering.shelf import Shelf
from localqa.answering.summaries import Summarized, Summarizes, by_adapter, by_ollama
from localqa.answering.writing import Written, write
from localqa.config import Settings
from localqa.documents.library import Scope
from localqa.documents.search import Found, search
from localqa.errors import InvalidInputError, LocalQAError
from localqa.extraction.answers import Answer, Patience, Query
from localqa.ollama.finding import Finder
from localqa.reading.reads import Reads


class Counts(Protocol):
    """What is told of answers as they are given."""

    def in_progress(self) -> AbstractContextManager[object]:
        """Entered while a request is answered or waits."""

    def answers(self, answers: Sequence[Answer]) -> None:
        """Count BERT's answers, as they are given."""

    def routed(self, because: str, *, generated: bool) -> None:
        """Count a question by who answers it."""

    def summarized(self, source: str) -> None:
        """Count a summary."""


class Answerer:
    """Answers within the limits, from a text or by a model.

    Args:
        settings: the limits.
        reader: gives BERT, or raises NotReadyError while it is loaded.
        ollama: finds the Ollama server, if there is one.
        counts: is told what was answered.
        summarizer: the adapter that summarises, if there is one; it may come later.
    """

    def __init__(
        self,
        settings: Settings,
        reader: Callable[[], Reads],
        ollama: Finder,
        counts: Counts,
        summarizer: Summarizes | None = None,
    ) -> None:
        self.summarizer = summarizer
        self.shelf = Shelf(settings.library, reader, ocr=settings.ocr)
        self._settings = settings
        self._reader = reader
        self._ollama = ollama
        self._counts = counts
        self._work = Work(settings, counts.in_progress)

    @property
    def summaries(self) -> Literal["adapter", "ollama", "off"]:
        """What summarises."""
        if self.summarizer is not None or self._settings.summary_adapter:
            return "adapter"
        return "off" if self._ollama.state == "off" else "ollama"

    def answer(self, ask: Ask, patience: Patience) -> Answered:
        """Have a question answered by whom it is for.

        Raises:
            InvalidInputError: it is over a limit, which names the field, or there is nobody to answer it.
            NotReadyError: BERT is not loaded.
            OverloadedError: too many requests are answered already.
            LocalQAError: what the reader or the Ollama server raise.
        """
        return next(self._answers([ask], patience))

    def answer_batch(self, asks: Sequence[Ask], patience: Patience) -> Iterator[Answered]:
        """Have several questions answered, in order; raises as `answer` does.

        The texts are read now, all of them together; documents are searched and models begin to write as the
        answers are asked for, one after the other.
        """
        if len(asks) > self._settings.max_batch:
            raise InvalidInputError(
                f"qa_pairs: holds {len(asks):,} pairs, at most {self._settings.max_batch:,} are allowed.",
                remedy="Send them in several requests.",
            )
        return self._answers(asks, patience)

    def embed(
        self, texts: Sequence[str], patience: Patience, *, truncate: bool
    ) -> tuple[NDArray[np.float32], int]:
        """Texts as unit vectors, and the number of their tokens; raises as `Reads.embed` does.

        Raises:
            OverloadedError: too many requests are answered already.
        """
        reader = self._reader()
        with self._work.admitted(), self._work.reading(sum(map(len, texts)), patience):
            return reader.embed(texts, truncate=truncate, patience=patience)

    def ask_library(self, ask: LibraryAsk, patience: Patience) -> Located:
        """Have a question answered from the library.

        Raises:
            InvalidInputError: the question is over a limit.
            LocalQAError: as `answer` does, and what the library raises.
        """
        found = self._in_library(ask, patience)
        self._counts.routed("library", generated=False)
        return found

    def write_from_library(self, ask: LibraryAsk, model: str | None, patience: Patience) -> Written:
        """Have a model of the Ollama server write an answer from the passages that a question finds.

        Raises:
            InvalidInputError: there is no Ollama server, or the question is over a limit.
            LocalQAError: as `ask_library` does, and what `Ollama.generate` raises.
        """
        ollama = self._ollama.found()
        if ollama is None:
            raise InvalidInputError("generate: there is no Ollama server to ask.", remedy=NO_OLLAMA)
        located = self._in_library(ask, patience)
        self._counts.routed("library", generated=True)
        return write(ask, located, ollama, model=model, gone=patience.cancelled)

    def search(self, question: str, scope: Scope, most: int, patience: Patience) -> list[Found]:
        """The passages of the library that a question is likeliest answered by; raises as `ask_library`."""
        check_question("question", question, self._settings)
        if not self.shelf.holds_documents:
            return []
        library = self.shelf.searched
        vector = self.embed([question], patience, truncate=True)[0][0]
        return search(library, question, vector, scope=scope, most=most)

    def summarize(self, text: str, max_words: int | None, patience: Patience) -> Summarized:
        """Have a text summarised by the adapter that is for it, else by Ollama; raises as these do.

        Raises:
            InvalidInputError: the text is over the limit.
            OverloadedError: too many requests are answered already.
            NoSummarizerError: neither is there.
        """
        check_text("text", text, self._settings, remedy="Summarise it in parts.")
        name = self._settings.summary_adapter
        if self.summarizer is None and name:
            self._reader()  # raises while both are loading
        if self.summarizer is None:
            found = by_ollama(self._ollama.found(), text, max_words, patience.cancelled)
        else:
            with self._work.admitted(), self._work.reading(len(text), patience):
                found = by_adapter(self.summarizer, name, text, max_words, patience)
        self._counts.summarized(found.source)
        return found

    def _answers(self, asks: Sequence[Ask], patience: Patience) -> Iterator[Answered]:
        """What brings no text is asked of the library, if there is one; the rest goes by its route."""
        for ask in asks:
            check_ask(ask, self._settings)
        in_library = [ask.context is None and ask.route != "ollama" for ask in asks]
        if not any(in_library) or not self.shelf.holds_documents:
            return self._routed(asks, patience)
        routed = self._routed([ask for ask, own in zip(asks, in_library, strict=True) if not own], patience)
        return (
            self._from_library(ask, patience) if own else next(routed)
            for ask, own in zip(asks, in_library, strict=True)
        )

    def _from_library(self, ask: Ask, patience: Patience) -> Answered:
        """The library's answer; where it has none, and it may be asked, that of a model."""
        found = self._located(
            LibraryAsk(
                ask.question,
                adapter=ask.adapter,
                top_k=ask.top_k,
                abstain=ask.abstain,
                min_score=ask.min_score,
            ),
            patience,
        )
        alternatives = tuple(answer for answer, _ in found.others)
        answer = replace(found.answer, alternatives=alternatives)
        because: Because = "library"
        if found.place is None and ask.route == "auto" and self._ollama.found() is not None:
            try:
                written = next(self._routed([ask], patience, without_text="not_in_library"))
                # Where it breaks off later, what the library says is the answer.
                return replace(written, refusal=answer) if isinstance(written, Generated) else written
            except LocalQAError as e:
                if is_the_callers(e):
                    raise
                because = "ollama_failed"
        self._counts.routed(because, generated=False)
        return Extracted(because, answer, found.place, tuple(place for _, place in found.others))

    def _in_library(self, ask: LibraryAsk, patience: Patience) -> Located:
        """The answer of the library, which may hold nothing."""
        check_question("question", ask.question, self._settings)
        return self._located(ask, patience) if self.shelf.holds_documents else NOTHING

    def _located(self, ask: LibraryAsk, patience: Patience) -> Located:
        """The answer of a library that is there, to a question that was checked."""
        found = ask_library(
            ask,
            self.shelf.searched,
            embed=lambda texts: self.embed(texts, patience, truncate=True)[0],
            read=lambda queries: self._read(queries, patience),
        )
        self._counts.answers([found.answer] if found.read else [])
        return found

    def _routed(
        self, asks: Sequence[Ask], patience: Patience, *, without_text: Because = "no_context"
    ) -> Iterator[Answered]:
        """Answers by route; `without_text` is why a question that brings no text goes to a model."""
        ollama = self._ollama.found() if any(ask.may_generate for ask in asks) else None
        found = route(
            asks,
            read=lambda queries: self._read(queries, patience),
            ollama=ollama,
            gone=patience.cancelled,
        )

        def counted(one: Answered) -> Answered:
            if one.because == "no_context":
                one = replace(one, because=without_text)
            self._counts.routed(one.because, generated=isinstance(one, Generated))
            said = one.refusal if isinstance(one, Generated) else one.answer
            self._counts.answers([said] if said else [])
            return one

        return map(counted, found)

    def _read(self, queries: Sequence[Query], patience: Patience) -> list[Answer]:
        reader = self._reader()
        answers: list[Answer] = []
        with self._work.admitted():
            for part in parts(queries):
                with self._work.reading(sum(len(query.context) for query in part), patience):
                    read, ways = shortened(part)
                    found = reader.answer(read, patience=patience)
                answers += [way.widened(one) if way else one for way, one in zip(ways, found, strict=True)]
        return answers
