"""What goes in and comes out where documents are concerned."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field

from localqa.answering.imports import Job
from localqa.answering.library import READ, LibraryAsk, Located, Place
from localqa.api.schemas import MAX_TOP_K, NOT_BLANK, OWN_MODEL, Body, Text, TopK, rounded, span_of, whole
from localqa.api.source_schemas import InDocument, Source, in_document
from localqa.config import ADAPTER_NAME
from localqa.documents.importing import Outcome
from localqa.documents.library import COLLECTION_NAME, DEFAULT_COLLECTION, Entry, ReadOnce, Scope
from localqa.documents.search import Found
from localqa.extraction.answers import Answer

MAX_PASSAGES: Final = 100
MAX_DOCUMENTS: Final = 1000
"""That one question may name, and that one list may hold."""
NAME_CHARS: Final = 255
_QUESTION: Final = "How long is the notice period?"
_PASSAGE: Final = "Either party may end the agreement by giving two months' notice in writing."

CollectionName = Annotated[str, Field(pattern=COLLECTION_NAME)]


class TextRequest(Body):
    """A text to be kept as a document."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS)] = Field(
        description="What it is called; one of the same name in the collection is replaced.",
        json_schema_extra={"example": "notes.txt"},
    )
    text: Text = Field(
        description="The text; Markdown where the name ends in .md.",
        json_schema_extra={"minLength": 1, "pattern": NOT_BLANK, "example": _PASSAGE},
    )
    collection: CollectionName = Field(default=DEFAULT_COLLECTION, description="Where it belongs.")


class ScopedRequest(Body):
    """A question, and which documents it is about."""

    question: Text = Field(
        description="What to ask, in one sentence.",
        json_schema_extra={"minLength": 1, "pattern": NOT_BLANK, "example": _QUESTION},
    )
    collection: CollectionName | None = Field(default=None, description="Look in this one; null: in all.")
    documents: list[str] = Field(
        default=[], max_length=MAX_DOCUMENTS, description="Ids of the documents to look in; empty: in all."
    )

    @property
    def scope(self) -> Scope:
        """What is looked through."""
        return Scope(self.collection, tuple(self.documents))


class SearchRequest(ScopedRequest):
    """A question whose passages are looked for."""

    top_k: Annotated[int, Field(ge=1, le=MAX_PASSAGES), BeforeValidator(whole)] = Field(
        default=10, description="Passages to return."
    )


class LibraryRequest(ScopedRequest):
    """A question to the library."""

    top_k: TopK = Field(
        default=1, ge=1, le=MAX_TOP_K, description="Answers to return: the best and its alternatives."
    )
    passages: Annotated[int, Field(ge=1, le=MAX_PASSAGES), BeforeValidator(whole)] = Field(
        default=READ, description="Passages that are read at most."
    )
    adapter: Annotated[str, Field(pattern=ADAPTER_NAME)] | None = Field(
        default=None, description="Adapter that shall answer; null: the default one."
    )
    abstain: bool | None = Field(
        default=None, description="Whether it may say that the documents hold no answer; null: as it does."
    )
    min_score: float = Field(default=0.0, ge=0, le=1, description="Hold back answers that score less.")
    generate: bool = Field(
        default=False,
        description="Have a model of the Ollama server write the answer from the passages; each sentence "
        "comes with the words of a document that carry it, or is marked as unsupported.",
    )
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Model of the Ollama server; null: the one that the server is set to."
    )
    stream: bool = Field(
        default=False, description="With `generate`: send lines of JSON as they come, the last one whole."
    )

    def ask(self) -> LibraryAsk:
        """The same as it is answered."""
        return LibraryAsk(
            self.question,
            self.scope,
            adapter=self.adapter,
            top_k=self.top_k,
            passages=self.passages,
            abstain=self.abstain,
            min_score=self.min_score,
        )


class FoundAnswer(BaseModel):
    """A possible answer and where it stands."""

    answer: str = Field(description="The exact words.")
    score: float = Field(description="Probability, 0 to 1, that this is right.", ge=0, le=1)
    start: int = Field(description="First character in the passage.", ge=0)
    end: int = Field(description="One past the last character in the passage.", ge=0)
    source: Source = Field(description="Where it stands.")


class SentenceModel(BaseModel):
    """A sentence of a generated answer and what carries it."""

    text: str = Field(description="The sentence.")
    supported: bool = Field(description="Whether its content stands in the passage that is named.")
    source: Source | None = Field(description="The words that carry it; null where there are none.")


class PassageModel(InDocument):
    """A passage that a search has found."""

    text: str = Field(description="Its words.")
    start: int = Field(description="First character in the text of the document.")
    end: int = Field(description="One past the last one.")
    score: float = Field(description="What it is ranked by; higher is likelier.")

    @classmethod
    def of(cls, found: Found, documents: ReadOnce) -> "PassageModel":
        """A passage as it is sent, with its page in `documents`."""
        passage = found.passage
        return cls(
            **in_document(passage, documents.page_at(passage.document, passage.start)),
            text=passage.text,
            start=passage.start,
            end=passage.end,
            score=round(found.score, 6),
        )


class LibraryAnswer(BaseModel):
    """The answer out of the documents, or "not in your documents"."""

    answer: str = Field(description='The exact words, `passage[start:end]`; "" when the documents hold none.')
    score: float | None = Field(
        description="Probability, 0 to 1, that this verdict is right; null when generated.", ge=0, le=1
    )
    start: int | None = Field(description="First character in the passage; null when generated.", ge=0)
    end: int | None = Field(description="One past the last character in the passage.", ge=0)
    answerable: bool | None = Field(description="Whether the documents hold an answer.")
    null_score: float | None = Field(
        description='Score of "no answer" minus score of the best span, in logits; null if nothing was read.'
    )
    source: Source | None = Field(description="Where it stands; null when there is no answer.")
    adapter: str | None = Field(description="Adapter that answered.")
    model: str = Field(description="What answered: `bert-qa:ADAPTER`, or a model of the Ollama server.")
    alternatives: list[FoundAnswer] = Field(description="The next best answers; only with `top_k` > 1.")
    passages_read: int = Field(description="How many passages were read.")
    nearest: PassageModel | None = Field(
        description="The passage nearest to the question, where the documents hold no answer; null elsewhere."
    )
    sentences: list[SentenceModel] = Field(
        default=[], description="Of a generated answer, each with what carries it."
    )


class SearchResponse(BaseModel):
    """The passages, the likeliest first."""

    passages: list[PassageModel] = Field(description="Best first.")
    count: int = Field(description="How many.")


class DocumentModel(BaseModel):
    """A document in the library."""

    id: str = Field(description="Stays the same when the document is read anew.")
    collection: str = Field(description="The collection that it belongs to.")
    name: str = Field(description="File name.", json_schema_extra={"example": "lease.pdf"})
    title: str = Field(description="Its own title, or its name.")
    media_type: str = Field(description="Of the file.", json_schema_extra={"example": "application/pdf"})
    digest: str = Field(description="SHA-256 of the file.")
    characters: int = Field(description="Of its text.")
    pages: int = Field(description="How many; 0 for formats without pages.")
    passages: int = Field(description="How many.")
    added: float = Field(description="When it was read, in seconds since 1970.")

    @classmethod
    def of(cls, entry: Entry) -> "DocumentModel":
        """An entry as it is sent: where it lies on this machine is nobody's business."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class PageModel(BaseModel):
    """A page of a document."""

    number: int = Field(description="From 1 on.")
    start: int = Field(description="First character of it in the text.")
    end: int = Field(description="One past its last character.")
    width: float = Field(description="In points.")
    height: float = Field(description="In points.")


class DocumentResponse(DocumentModel):
    """A document with its text."""

    text: str = Field(description="All of it.")
    page_list: list[PageModel] = Field(description="Its pages; empty for formats without.")


class DocumentsResponse(BaseModel):
    """Documents of the library, by collection and name."""

    documents: list[DocumentModel] = Field(description="Those of this part of the list.")
    count: int = Field(description="How many of them.")
    total: int = Field(description="How many there are in all.")


class CollectionModel(BaseModel):
    """A collection of documents."""

    name: str = Field(description="Its name.")
    documents: int = Field(description="How many it holds.")
    passages: int = Field(description="Of all its documents.")


class CollectionsResponse(BaseModel):
    """The collections, by name."""

    collections: list[CollectionModel] = Field(description="By name.")


class OutcomeModel(BaseModel):
    """What became of a file."""

    name: str = Field(description="Of the file.")
    state: Literal["added", "replaced", "unchanged", "removed", "skipped", "failed"] = Field(
        description="What was done."
    )
    reason: str = Field(description="Why not, where it was not read.")
    remedy: str = Field(description="What to do about it.")
    document: DocumentModel | None = Field(description="What the library has of it.")

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeModel":
        """An outcome as it is sent."""
        entry = outcome.entry
        return cls(
            name=outcome.name,
            state=outcome.state,
            reason=outcome.reason,
            remedy=outcome.remedy,
            document=DocumentModel.of(entry) if entry else None,
        )


class ImportResponse(BaseModel):
    """An import and how far it is."""

    job: str = Field(description="Id, for `GET /api/documents/jobs/{id}`.")
    state: Literal["waiting", "running", "done", "failed"] = Field(description="Where it stands.")
    files: int = Field(description="How many it brings.")
    done: int = Field(description="How many are done.")
    outcomes: list[OutcomeModel] = Field(description="Of those that are done, in their order.")
    problem: str = Field(description="Why it broke off, where it did.")

    @classmethod
    def of(cls, job: Job) -> "ImportResponse":
        """A job as it is sent."""
        outcomes = list(job.outcomes)
        return cls(
            job=job.id,
            state=job.state,
            files=job.files,
            done=len(outcomes),
            outcomes=[OutcomeModel.of(one) for one in outcomes],
            problem=str(job.problem) if job.problem else "",
        )


def found_answer(answer: Answer, source: Source) -> FoundAnswer:
    """A possible answer as it is sent."""
    return FoundAnswer(**span_of(answer), source=source)


def source_of(place: Place, documents: ReadOnce) -> Source:
    """A place as it is sent."""
    return Source.of(place, documents[place.document.id])


def library_answer(found: Located, documents: ReadOnce) -> LibraryAnswer:
    """An answer as it is sent, with its places in `documents`."""
    answer, nearest = found.answer, found.nearest
    return LibraryAnswer(
        **span_of(answer),
        answerable=answer.answerable,
        null_score=rounded(answer.null_score),
        source=source_of(found.place, documents) if found.place else None,
        adapter=answer.adapter or None,
        model=f"{OWN_MODEL}:{answer.adapter}",
        alternatives=[found_answer(other, source_of(place, documents)) for other, place in found.others],
        passages_read=len(found.read),
        nearest=PassageModel.of(nearest, documents) if nearest else None,
    )
