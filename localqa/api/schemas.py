"""What goes in and comes out over HTTP, as pydantic models with the descriptions that Swagger UI shows."""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError

from localqa.api.text import quoted
from localqa.config import ADAPTER_NAME
from localqa.extraction.answers import Answer, Query

MAX_TOP_K: Final = 20
_ECHO_FIELDS = 3
_SCORE_DIGITS = 6

_QUESTION = "What is machine learning?"
_CONTEXT = (
    "Machine learning is a subset of artificial intelligence that enables computers to learn and "
    "make decisions from data without being explicitly programmed."
)
_QA_EXAMPLE: Final = {"question": _QUESTION, "context": _CONTEXT}
_SUBSET = "a subset of artificial intelligence"
_START = _CONTEXT.index(_SUBSET)
_ANSWER_EXAMPLE: Final = {
    "answer": _SUBSET,
    "score": 0.8731,
    "start": _START,
    "end": _START + len(_SUBSET),
    "answerable": True,
    "null_score": -7.214,
    "source": "bert",
    "adapter": "squad",
    "alternatives": [],
}
_PREDICT_EXAMPLE: Final = {**_QA_EXAMPLE, "answer": _SUBSET, "score": 0.8731}
_BATCH_EXAMPLE: Final = {
    "qa_pairs": [
        {
            "question": "What does LoRA train?",
            "context": "LoRA freezes the pretrained weights and trains two small matrices per layer.",
        },
        {
            "question": "What does quantization reduce?",
            "context": "Quantization reduces the memory a model needs by storing its weights in fewer bits.",
            "adapter": "squad",
        },
    ]
}

# pydantic would sort the keys of an example in a model's own schema; these are shown as they are.
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "PredictRequest": _QA_EXAMPLE,
    "QuestionRequest": _QA_EXAMPLE,
    "BatchRequest": _BATCH_EXAMPLE,
    "AnswerResponse": _ANSWER_EXAMPLE,
    "PredictResponse": _PREDICT_EXAMPLE,
}


def _not_blank(text: str) -> str:
    if not text:
        raise PydanticCustomError("empty", "must not be empty")
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank: it holds nothing but white space")
    return text


def _whole(value: object) -> object:
    """To JSON Schema 3.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_not_blank)]
# White space to Python is more than to JSON Schema's patterns.
_NOT_BLANK: Final = r"[^\s\x1c-\x1f\x85]"


class _Body(BaseModel):
    """A request body: strict types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: object) -> object:
        """Name the known fields as well; pydantic's own message would not."""
        if not isinstance(data, dict):
            return data
        unknown = [name for name in data if name not in cls.model_fields]
        if unknown:
            named = ", ".join(quoted(name) for name in unknown[:_ECHO_FIELDS])
            more = f" and {len(unknown) - _ECHO_FIELDS} more" if len(unknown) > _ECHO_FIELDS else ""
            raise PydanticCustomError(
                "unknown_field",
                "unknown field {names} (known: {known})",
                {"names": named + more, "known": ", ".join(cls.model_fields)},
            )
        return data


class PredictRequest(_Body):
    """A question and the text that may hold its answer."""

    question: Text = Field(
        description="What to ask, in one sentence.",
        json_schema_extra={"minLength": 1, "pattern": _NOT_BLANK, "example": _QUESTION},
    )
    context: Text = Field(
        description="The text to search, of any length up to the limit; the answer is an exact part of it.",
        json_schema_extra={"minLength": 1, "pattern": _NOT_BLANK, "example": _CONTEXT},
    )

    def query(self) -> Query:
        """The same as the model side takes it."""
        return Query(question=self.question, context=self.context)


class QuestionRequest(PredictRequest):
    """A question, the text that may hold its answer, and how to answer it."""

    adapter: Annotated[str, Field(pattern=ADAPTER_NAME)] | None = Field(
        default=None,
        description="Name of the adapter that shall answer; without it the default one does.",
        json_schema_extra={"example": "squad"},
    )
    top_k: Annotated[int, BeforeValidator(_whole)] = Field(
        default=1,
        ge=1,
        le=MAX_TOP_K,
        description="How many answers to return: the best one and up to `top_k - 1` alternatives.",
    )

    def query(self) -> Query:
        """The same as the model side takes it."""
        return Query(question=self.question, context=self.context, adapter=self.adapter, top_k=self.top_k)


class BatchRequest(_Body):
    """Several questions at once; each has its own context and may name its own adapter."""

    # Failing fast keeps a list of a million broken pairs from becoming a million error reports.
    qa_pairs: Annotated[list[QuestionRequest], FailFast()] = Field(
        min_length=1, description="The questions with their contexts; adapters may be mixed."
    )

    def queries(self) -> list[Query]:
        """The same as the model side takes it, in order."""
        return [pair.query() for pair in self.qa_pairs]


def _finite(value: float) -> float | None:
    return round(value, _SCORE_DIGITS) if math.isfinite(value) else None


class Span(BaseModel):
    """One possible answer: an exact part of the context."""

    answer: str = Field(description='The exact text, `context[start:end]`; "" when not answerable.')
    score: float = Field(description="Probability, 0 to 1, that this is right.", ge=0, le=1)
    start: int = Field(description="First character, counted in Unicode code points.", ge=0)
    end: int = Field(description="One past the last character.", ge=0)


class AnswerResponse(Span):
    """The answer, or an honest "not answerable"."""

    answerable: bool = Field(description="Whether the context holds an answer.")
    null_score: float | None = Field(
        description='Score of "no answer" minus score of the best span, in logits: higher means less '
        "answerable; null when no span could be scored."
    )
    source: Literal["bert"] = Field(default="bert", description="What answered.")
    adapter: str = Field(description="Adapter that answered.")
    alternatives: list[Span] = Field(description="The next best answers, best first; only with `top_k` > 1.")

    @classmethod
    def of(cls, answer: Answer) -> "AnswerResponse":
        """The model side's answer as it is sent."""
        return cls(
            **_span(answer),
            answerable=answer.answerable,
            null_score=_finite(answer.null_score),
            adapter=answer.adapter,
            alternatives=[Span(**_span(other)) for other in answer.alternatives],
        )


def _span(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.answer,
        "score": round(answer.score, _SCORE_DIGITS),
        "start": answer.start,
        "end": answer.end,
    }


class BatchResponse(BaseModel):
    """The answers in the order of the questions."""

    results: list[AnswerResponse] = Field(description="One answer per pair, in order.")
    count: int = Field(description="Number of answers.", json_schema_extra={"example": 2})


class PredictResponse(BaseModel):
    """The question and context again, with the answer."""

    question: str = Field(description="The question as sent.")
    context: str = Field(description="The context as sent.")
    answer: str = Field(description='The exact text; "" when the context holds no answer.')
    score: float = Field(description="Probability, 0 to 1, that this is right.", ge=0, le=1)


class AdapterRequest(_Body):
    """The adapter to load."""

    name: Annotated[str, Field(pattern=ADAPTER_NAME)] = Field(
        description="Name of a folder in the server's folder of adapters.",
        json_schema_extra={"example": "squad"},
    )


class AdapterInfo(BaseModel):
    """An adapter that can be asked."""

    name: str = Field(description="What a question names it by.", json_schema_extra={"example": "squad"})
    loaded: bool = Field(description="Whether it is in memory.")
    bytes: int = Field(description="Size of its weights on disk.", ge=0)


class AdaptersResponse(BaseModel):
    """The adapters that can be asked."""

    adapters: list[AdapterInfo] = Field(description="The default one first.")
    default: str = Field(description="The one that answers a question that names none.")


class HealthResponse(BaseModel):
    """How the server is."""

    status: Literal["ok", "loading", "failed", "draining"] = Field(
        description="`ok` when questions are answered."
    )
    ready: bool = Field(description="Whether questions are answered now.")
    version: str = Field(description="Version of this server.", json_schema_extra={"example": "0.1.0"})
    adapter: str = Field(description="Default adapter.", json_schema_extra={"example": "squad"})
    adapters: list[str] = Field(
        description="Known adapters, the default one first; empty until ready.",
        json_schema_extra={"example": ["squad"]},
    )
    uptime_s: float = Field(description="Seconds since the start.", json_schema_extra={"example": 12.5})


class StatusResponse(BaseModel):
    """One word for a probe."""

    status: Literal["alive", "ready"] = Field(description="State of the server.")


class Limits(BaseModel):
    """What a request may hold."""

    max_body_bytes: int = Field(description="Largest request body in bytes.")
    max_question_chars: int = Field(description="Longest question in characters.")
    max_question_words: int = Field(description="Longest question in words.")
    max_context_chars: int = Field(description="Longest context in characters.")
    max_batch: int = Field(description="Most questions in one batch.")
    max_windows: int = Field(description="Most windows that one request may make.")
    max_requests: int = Field(description="Most requests that are answered or wait at the same time.")
    max_waiting_windows: int = Field(description="Most windows that wait for the engine.")
    deadline_s: float = Field(description="Seconds after which an answer is no longer waited for.")
    max_top_k: int = Field(default=MAX_TOP_K, description="Largest `top_k`.")


class ModelInfoResponse(BaseModel):
    """What is loaded and what it takes."""

    model_config = ConfigDict(extra="allow")

    base: str = Field(
        description="Base encoder.", json_schema_extra={"example": "sentence-transformers/all-MiniLM-L6-v2"}
    )
    checksum: str | None = Field(default=None, description="SHA-256 of the base's weights.")
    engine: str = Field(description="What runs the model.")
    precision: str = Field(description="Number format of the weights.")
    parameters: int | dict[str, Any] = Field(description="Number of parameters.")
    adapters: list[dict[str, Any]] = Field(description="The known adapters and what is known of each.")
    max_length: int = Field(description="Window size in tokens.", json_schema_extra={"example": 384})
    stride: int = Field(
        description="Overlap of neighbouring windows in tokens.", json_schema_extra={"example": 128}
    )
    limits: Limits = Field(description="What a request may hold.")


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    code: str = Field(description="Fixed word for this kind of error.")
    message: str = Field(description="What went wrong; for bad input it names the field.")
    remedy: str = Field(description="What to do next; may be empty.")
    request_id: str = Field(description="The value of X-Request-ID, to be found in the server's log.")


class ErrorResponse(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail = Field(description="The error.")
