"""The routes that answer: `/api/qa`, `/api/qa/batch`, `/predict`."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from localqa.api.schemas import (
    AnswerResponse,
    BatchRequest,
    BatchResponse,
    PredictRequest,
    PredictResponse,
    QuestionRequest,
)
from localqa.api.service import current_service
from localqa.api.spec import responses

_BODY_ERRORS = (400, 401, 413, 415, 422, 429, 503, 504)

blueprint = APIBlueprint(
    "answering", __name__, abp_tags=[Tag(name="answers", description="Questions about a text you send.")]
)


@blueprint.post("/api/qa", operation_id="answer", responses=responses(AnswerResponse, *_BODY_ERRORS, 404))
def answer(body: QuestionRequest) -> dict[str, Any]:
    """Answer a question from a context

    The answer is an exact part of the context: `context[start:end] == answer`, counted in code points.
    When the context does not hold one, `answerable` is false and `answer` is empty.
    """
    return AnswerResponse.of(current_service().answer_one(body.query())).model_dump()


@blueprint.post(
    "/api/qa/batch",
    operation_id="answer_batch",
    responses=responses(BatchResponse, *_BODY_ERRORS, 404),
)
def answer_batch(body: BatchRequest) -> dict[str, Any]:
    """Answer several questions at once

    Each pair has its own context and may name its own adapter; the results come in the same order.
    One bad pair refuses the whole batch, and the message names it, such as `qa_pairs[3].context`.
    """
    results = [AnswerResponse.of(found) for found in current_service().answer_batch(body.queries())]
    return BatchResponse(results=results, count=len(results)).model_dump()


@blueprint.post("/predict", operation_id="predict", responses=responses(PredictResponse, *_BODY_ERRORS))
def predict(body: PredictRequest) -> dict[str, Any]:
    """Answer a question, the short form

    Uses the default adapter and returns the question and context with the answer.
    """
    found = AnswerResponse.of(current_service().answer_one(body.query()))
    return PredictResponse(
        question=body.question, context=body.context, answer=found.answer, score=found.score
    ).model_dump()
