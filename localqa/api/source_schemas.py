"""Possible answers, and where those out of the library stand, as they are sent."""

from typing import Any

from pydantic import BaseModel, Field

from localqa.answering.library import Place
from localqa.documents.document import Document
from localqa.documents.library import Kept


class BoxModel(BaseModel):
    """A part of a line on a page, in points from its top left corner."""

    page: int = Field(description="From 1 on.")
    left: float = Field(description="Of the box.")
    top: float = Field(description="Of the box.")
    right: float = Field(description="Of the box.")
    bottom: float = Field(description="Of the box.")


class InDocument(BaseModel):
    """What stands in a document of the library."""

    document: str = Field(description="Id of the document.")
    name: str = Field(description="Its name.", json_schema_extra={"example": "lease.pdf"})
    collection: str = Field(description="The collection that it belongs to.")
    page: int | None = Field(description="Page that it begins on, from 1 on; null for formats without pages.")
    heading: str = Field(description="The headings that it stands under, from the highest on.")


def in_document(passage: Kept, page: int | None) -> dict[str, Any]:
    """The fields of `InDocument` for a part of a passage that begins on this page."""
    return {
        "document": passage.document.id,
        "name": passage.document.name,
        "collection": passage.document.collection,
        "page": page,
        "heading": " > ".join(passage.headings),
    }


class Source(InDocument):
    """Where an answer stands."""

    passage: str = Field(description="The passage; the answer's own `start` and `end` count in it.")
    start: int = Field(description="First character of the answer in the text of the document.")
    end: int = Field(description="One past its last character there.")
    boxes: list[BoxModel] = Field(description="Where it is on its page; empty for formats without pages.")

    @classmethod
    def of(cls, place: Place, document: Document) -> "Source":
        """A place as it is sent."""
        return cls(
            **in_document(place.found.passage, document.page_at(place.start)),
            passage=place.found.passage.text,
            start=place.start,
            end=place.end,
            boxes=boxes_of(document, place.start, place.end),
        )


def boxes_of(document: Document, start: int, end: int) -> list[BoxModel]:
    """Where a part of a text is on its pages."""
    return [
        BoxModel(page=box.page, left=box.left, top=box.top, right=box.right, bottom=box.bottom)
        for box in document.boxes(start, end)
    ]


class AnswerSpan(BaseModel):
    """One possible answer: an exact part of the context."""

    answer: str = Field(description='The exact text, `context[start:end]`; "" when not answerable.')
    score: float = Field(description="Probability, 0 to 1, that this is right.", ge=0, le=1)
    start: int = Field(description="First character, counted in Unicode code points.", ge=0)
    end: int = Field(description="One past the last character.", ge=0)


class Alternative(AnswerSpan):
    """Another possible answer."""

    document: Source | None = Field(
        default=None,
        description="Where one out of the library stands; its `start` and `end` count in the passage.",
    )
