"""The routes that search the library and ask it: `/api/search`, `/api/ask`."""

from collections.abc import Iterator
from typing import Any, Final

from flask import Response, stream_with_context
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from localqa.answering.evidence import Sentence
from localqa.answering.writing import Written
from localqa.api.callers import patience
from localqa.api.document_schemas import (
    LibraryAnswer,
    LibraryRequest,
    PassageModel,
    SearchRequest,
    SearchResponse,
    SentenceModel,
    library_answer,
    source_of,
)
from localqa.api.errors import told
from localqa.api.output import json_line
from localqa.api.schemas import StreamLine
from localqa.api.service import current_service
from localqa.api.spec import NDJSON, responses
from localqa.documents.library import ReadOnce
from localqa.errors import LocalQAError

_ERRORS: Final = (400, 401, 404, 413, 415, 422, 429, 503, 504)

blueprint = APIBlueprint(
    "asking",
    __name__,
    abp_tags=[Tag(name="documents", description="A library of your documents, and questions to it.")],
)


@blueprint.post("/api/search", operation_id="search", responses=responses(SearchResponse, *_ERRORS))
def search(body: SearchRequest) -> dict[str, Any]:
    """The passages that a question is likeliest answered by

    Found by words and by vectors, the likeliest first; nothing is read for an answer.
    """
    service = current_service()
    service.answerer.shelf.check(body.scope)
    found = service.answerer.search(body.question, body.scope, body.top_k, patience())
    documents = service.answerer.shelf.documents()
    shown = [PassageModel.of(one, documents) for one in found]
    return SearchResponse(passages=shown, count=len(shown)).model_dump()


@blueprint.post(
    "/api/ask",
    operation_id="ask_library",
    responses=responses(LibraryAnswer, *_ERRORS, lines=StreamLine),
)
def ask(body: LibraryRequest) -> Response | dict[str, Any]:
    """Ask the documents in the library

    The likeliest passages are read together: the answer is the exact words of one of them, with its document,
    page and place, or an honest "not in your documents". With `generate` a model of the Ollama server writes
    from these passages, and each of its sentences comes with the words that carry it.
    """
    service = current_service()
    service.answerer.shelf.check(body.scope)
    if not body.generate:
        found = service.answerer.ask_library(body.ask(), patience())
        return library_answer(found, service.answerer.shelf.documents()).model_dump()
    written = service.answerer.write_from_library(body.ask(), body.model, patience())
    if body.stream:
        return Response(stream_with_context(_lines(written)), mimetype=NDJSON)
    for _ in written.pieces():
        pass
    return _written(written).model_dump()


def _lines(written: Written) -> Iterator[str]:
    try:
        for piece in written.pieces():
            yield json_line({"delta": piece})
        yield json_line({"done": True} | _written(written).model_dump())
    except LocalQAError as e:
        # The status has left already.
        yield json_line({"error": told(e).detail().model_dump()})


def _written(written: Written) -> LibraryAnswer:
    documents = current_service().answerer.shelf.documents()
    shown = [_sentence(one, documents) for one in written.sentences()]
    answer = library_answer(written.located, documents)
    return answer.model_copy(
        update={
            "answer": written.text,
            "score": None,
            "start": None,
            "end": None,
            "model": written.model,
            "sentences": shown,
        }
    )


def _sentence(one: Sentence, documents: ReadOnce) -> SentenceModel:
    source = source_of(one.place, documents) if one.place else None
    return SentenceModel(text=one.text, supported=source is not None, source=source)
