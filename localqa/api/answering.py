"""The routes that answer: `/api/qa`, `/api/qa/batch`, `/predict`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Response, stream_with_context
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from localqa.answering.routing import Answered, Ask, Extracted, Generated, support
from localqa.api.callers import patience
from localqa.api.document_schemas import source_of
from localqa.api.errors import told
from localqa.api.output import json_line
from localqa.api.schemas import (
    AnswerResponse,
    AskRequest,
    BatchRequest,
    BatchResponse,
    PredictRequest,
    PredictResponse,
    StreamLine,
)
from localqa.api.service import current_service
from localqa.api.source_schemas import Source
from localqa.api.spec import NDJSON, responses
from localqa.errors import LocalQAError

_BODY_ERRORS = (400, 401, 413, 415, 422, 429, 503, 504)

blueprint = APIBlueprint(
    "answering", __name__, abp_tags=[Tag(name="answers", description="Questions about a text you send.")]
)


@blueprint.post(
    "/api/qa",
    operation_id="answer",
    responses=responses(AnswerResponse, *_BODY_ERRORS, 404, lines=StreamLine),
)
def answer(body: AskRequest) -> Response | dict[str, Any]:
    """Answer a question, from a context or without one

    From a context the answer is an exact part of it: `context[start:end] == answer`, counted in code points.
    When the context does not hold one, `answerable` is false and `answer` is empty. Without a context the
    library of documents is asked first, if it holds any; where that has no answer, or where `route` or
    `fallback` say so, a model of the Ollama server answers. `source` tells which did, `routed_because` why.
    """
    service = current_service()
    ask = body.ask(fallback=service.settings.ollama_fallback)
    found = service.answerer.answer(ask, patience())
    if body.stream:
        return Response(stream_with_context(_lines(ask, found)), mimetype=NDJSON)
    return _whole(ask, found).model_dump()


@blueprint.post(
    "/api/qa/batch",
    operation_id="answer_batch",
    responses=responses(BatchResponse, *_BODY_ERRORS, 404),
)
def answer_batch(body: BatchRequest) -> dict[str, Any]:
    """Answer several questions at once

    Each pair is asked as `/api/qa` would be, with its own context, adapter and route; the results come in the
    same order. The contexts are read together, and a model of the Ollama server writes one answer after the
    other. One bad pair refuses the whole batch, and the message names it, such as `qa_pairs[3].context`.
    """
    service = current_service()
    asks = body.asks(fallback=service.settings.ollama_fallback)
    found = service.answerer.answer_batch(asks, patience())
    results = [_whole(ask, one) for ask, one in zip(asks, found, strict=True)]
    return BatchResponse(results=results, count=len(results)).model_dump()


@blueprint.post("/predict", operation_id="predict", responses=responses(PredictResponse, *_BODY_ERRORS))
def predict(body: PredictRequest) -> dict[str, Any]:
    """Answer a question, the short form

    Uses the default adapter and returns the question and context with the answer. That is always an exact
    part of the context: this form could not tell it from a generated one.
    """
    ask = body.ask()
    found = _whole(ask, current_service().answerer.answer(ask, patience()))
    assert found.score is not None  # from a context and without a fallback it is BERT's
    return PredictResponse(
        question=body.question, context=body.context, answer=found.answer, score=found.score
    ).model_dump()


def _whole(ask: Ask, found: Answered) -> AnswerResponse:
    """The answer once it is complete."""
    if isinstance(found, Extracted):
        return AnswerResponse.extracted(found, _sources(found))
    try:
        text = "".join(found.pieces)
    except LocalQAError as e:
        return AnswerResponse.extracted(found.broken_off(e))
    return AnswerResponse.generated(found, text, support(ask, found, text))


def _sources(found: Extracted) -> list[Source | None]:
    """Where an answer out of the library stands there, and where its alternatives do; none for others."""
    if found.because != "library" and not found.others:
        return []
    documents = current_service().answerer.shelf.documents()
    places = (found.place, *found.others)
    return [source_of(place, documents) if place else None for place in places]


def _lines(ask: Ask, found: Answered) -> Iterator[str]:
    """The answer as lines of JSON: its pieces, then the whole of it, or the error that broke it off."""
    text: list[str] = []
    try:
        if isinstance(found, Generated):
            try:
                for piece in found.pieces:
                    text.append(piece)
                    yield json_line({"delta": piece})
            except LocalQAError as e:
                found = found.broken_off(e)
            else:
                found = replace(found, pieces=iter(text))
        yield json_line({"done": True} | _whole(ask, found).model_dump())
    except LocalQAError as e:
        # The status has left already.
        yield json_line({"error": told(e).detail().model_dump()})
