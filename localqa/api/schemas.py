"""What goes in and comes out over HTTP, as pydantic models with the descriptions that Swagger UI shows."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator
from pydantic_core import PydanticCustomError

from localqa.answering.routing import Ask, Because, Extracted, Generated, Route, Support
from localqa.api.source_schemas import Alternative, AnswerSpan, Source
from localqa.api.text import quoted
from localqa.config import ADAPTER_NAME
from localqa.extraction.answers import Answer

MAX_TOP_K: Final = 20
MAX_WORDS: Final = 2000
"""Of a summary."""
OWN_MODEL: Final = "bert-qa"
"""What BERT is called among the models of Ollama; `bert-qa:ADAPTER` is one adapter."""
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
    "model": "bert-qa:squad",
    "routed_because": "context_given",
    "adapter": "squad",
    "alternatives": [],
    "supported": None,
    "support": None,
    "document": None,
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
    "AskRequest": _QA_EXAMPLE,
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


def whole(value: object) -> object:
    """To JSON Schema 3.0 is a whole number, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_not_blank)]
# White space to Python is more than to JSON Schema's patterns.
NOT_BLANK: Final = r"[^\s\x1c-\x1f\x85]"


class Body(BaseModel):
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


TopK = Annotated[int, BeforeValidator(whole)]
_CONTEXT_EXTRA: Final[dict[str, Any]] = {"minLength": 1, "pattern": NOT_BLANK, "example": _CONTEXT}
_QUESTION_FIELD: Final = Field(
    description="What to ask, in one sentence.",
    json_schema_extra={"minLength": 1, "pattern": NOT_BLANK, "example": _QUESTION},
)
_ADAPTER_FIELD: Final = Field(
    default=None,
    description="Name of the adapter that shall answer; without it the default one does.",
    json_schema_extra={"example": "squad"},
)
_TOP_K_FIELD: Final = Field(
    default=1,
    ge=1,
    le=MAX_TOP_K,
    description="How many answers to return: the best one and up to `top_k - 1` alternatives.",
)


_ABSTAIN_FIELD: Final = Field(
    default=None,
    description='Whether BERT may say "not answerable": false gives the best span at any rate, true is for '
    "adapters that abstain alone; null: as the adapter does.",
)
_MIN_SCORE_FIELD: Final = Field(
    default=0.0,
    ge=0,
    le=1,
    description="Rather nothing than a guess: an answer of BERT that scores less is held back as not "
    "answerable, and so is every alternative.",
    json_schema_extra={"example": 0.6},
)


Read = Annotated[
    Literal["likeliest", "all"],
    Field(
        description="Of a long text (12,000 characters and more) the passages that the answer likeliest "
        "stands in are read; `all` reads every window, which takes longer the longer the text is.",
    ),
]


class PredictRequest(Body):
    """A question and the text that may hold its answer."""

    question: Text = _QUESTION_FIELD
    context: Text = Field(
        description="The text to search, of any length up to the limit; the answer is an exact part of it.",
        json_schema_extra=_CONTEXT_EXTRA,
    )
    abstain: bool | None = _ABSTAIN_FIELD
    min_score: float = _MIN_SCORE_FIELD
    read: Read = "likeliest"

    def ask(self) -> Ask:
        """The same as the router takes it."""
        return Ask(
            self.question,
            self.context,
            abstain=self.abstain,
            min_score=self.min_score,
            whole=self.read == "all",
        )


class QuestionRequest(Body):
    """A question, with the text that may hold its answer, and who shall answer it."""

    question: Text = _QUESTION_FIELD
    context: Text | None = Field(
        default=None,
        description="The text to search, of any length up to the limit. Without one the library of documents "
        "is asked, if it holds something, and then a model of the Ollama server, if `route` allows it.",
        json_schema_extra=_CONTEXT_EXTRA,
    )
    adapter: Annotated[str, Field(pattern=ADAPTER_NAME)] | None = _ADAPTER_FIELD
    top_k: TopK = _TOP_K_FIELD
    abstain: bool | None = _ABSTAIN_FIELD
    min_score: float = _MIN_SCORE_FIELD
    read: Read = "likeliest"
    route: Route = Field(
        default="auto",
        description="Who answers: `extractive` BERT from the context, `ollama` a model of the Ollama server; "
        "`auto` BERT where there is a context, else the library of documents, and Ollama where that holds "
        "no answer.",
    )
    fallback: bool | None = Field(
        default=None,
        description="With `auto`: whether Ollama answers where the context does not; null: as the server "
        "is set.",
    )
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="Model of the Ollama server; null: the one that the server is set to."
    )

    def ask(self, *, fallback: bool, at: str = "") -> Ask:
        """The same as the router takes it; `fallback` is the server's own setting, `at` see `Ask`."""
        return Ask(
            question=self.question,
            context=self.context,
            adapter=self.adapter,
            top_k=self.top_k,
            route=self.route,
            fallback=fallback if self.fallback is None else self.fallback,
            model=self.model,
            abstain=self.abstain,
            min_score=self.min_score,
            whole=self.read == "all",
            at=at,
        )


class AskRequest(QuestionRequest):
    """A question, and how its answer is to come."""

    stream: bool = Field(
        default=False,
        description='Send lines of JSON as they come: `{"delta": "..."}` for each piece of a generated '
        'answer, last the whole answer with `"done": true`.',
    )


class BatchRequest(Body):
    """Several questions at once, each as it would be asked alone."""

    # Failing fast keeps a list of a million broken pairs from becoming a million error reports.
    qa_pairs: Annotated[list[QuestionRequest], FailFast()] = Field(
        min_length=1,
        description="The questions, each with its own context; adapters and routes may be mixed.",
    )

    def asks(self, *, fallback: bool) -> list[Ask]:
        """The same as the router takes it, in order; `fallback` is the server's own setting."""
        return [
            pair.ask(fallback=fallback, at=f"qa_pairs[{index}].") for index, pair in enumerate(self.qa_pairs)
        ]


def rounded(value: float) -> float | None:
    """A number as it is sent; None for one that JSON cannot hold."""
    return round(value, _SCORE_DIGITS) if math.isfinite(value) else None


class AnswerResponse(BaseModel):
    """The answer, or an honest "not answerable"."""

    answer: str = Field(
        description='The exact text, `context[start:end]`; "" when not answerable; free text when generated.'
    )
    score: float | None = Field(
        description='Probability, 0 to 1, that this is right, also where it is "not answerable"; null when '
        "generated.",
        ge=0,
        le=1,
    )
    start: int | None = Field(
        description="First character, counted in Unicode code points; null when generated.", ge=0
    )
    end: int | None = Field(description="One past the last character; null when generated.", ge=0)
    answerable: bool | None = Field(
        description="Whether the context holds an answer; null when BERT was not asked."
    )
    null_score: float | None = Field(
        description='Score of "no answer" minus score of the best span, in logits: higher means less '
        "answerable; null when no span could be scored."
    )
    source: Literal["bert", "ollama"] = Field(description="What answered.")
    model: str = Field(description="Its name: `bert-qa:ADAPTER`, or a model of the Ollama server.")
    routed_because: Because = Field(description="Why that one answered.")
    adapter: str | None = Field(description="Adapter that answered, or found no answer; null when not asked.")
    alternatives: list[Alternative] = Field(
        description="The next best answers, best first, with `top_k` > 1."
    )
    supported: bool | None = Field(
        description="Whether the content of a generated answer stands in the context; null for other answers."
    )
    support: AnswerSpan | None = Field(
        description="The part of the context that best fits a generated answer."
    )
    document: Source | None = Field(
        default=None,
        description="Where an answer out of the library stands; its `start` and `end` count in the passage.",
    )

    @classmethod
    def extracted(cls, found: Extracted, sources: Sequence[Source | None] = ()) -> "AnswerResponse":
        """BERT's answer as it is sent, and where it and its alternatives stand in the library, if they do."""
        answer = found.answer
        document, *others = sources or [None] * (1 + len(answer.alternatives))
        return cls(
            **span_of(answer),
            answerable=answer.answerable,
            null_score=rounded(answer.null_score),
            source="bert",
            model=f"{OWN_MODEL}:{answer.adapter}",
            routed_because=found.because,
            adapter=answer.adapter,
            alternatives=[
                Alternative(**span_of(other), document=source)
                for other, source in zip(answer.alternatives, others, strict=True)
            ],
            supported=None,
            support=None,
            document=document,
        )

    @classmethod
    def generated(cls, found: Generated, text: str, support: Support) -> "AnswerResponse":
        """A generated answer as it is sent; `text` is all of it."""
        refusal = found.refusal
        return cls(
            answer=text,
            score=None,
            start=None,
            end=None,
            answerable=refusal.answerable if refusal else None,
            null_score=rounded(refusal.null_score) if refusal else None,
            source="ollama",
            model=found.model,
            routed_because=found.because,
            adapter=refusal.adapter if refusal else None,
            alternatives=[],
            supported=support.supported,
            support=AnswerSpan(**span_of(support.span)) if support.span else None,
        )


def span_of(answer: Answer) -> dict[str, Any]:
    """What is sent of a span."""
    return {
        "answer": answer.answer,
        "score": round(answer.score, _SCORE_DIGITS),
        "start": answer.start,
        "end": answer.end,
    }


class StreamLine(BaseModel):
    """A line of a streamed answer: a piece of it, the whole of it at the end, or what broke it off."""

    model_config = ConfigDict(extra="allow")

    delta: str | None = Field(default=None, description="The next piece of a generated answer.")
    done: bool | None = Field(default=None, description="True in the last line, beside the whole answer.")
    error: "ErrorDetail | None" = Field(default=None, description="What broke the answer off.")


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


class ErrorDetail(BaseModel):
    """What went wrong and what to do."""

    code: str = Field(description="Fixed word for this kind of error.")
    message: str = Field(description="What went wrong; for bad input it names the field.")
    remedy: str = Field(description="What to do next; may be empty.")
    request_id: str = Field(description="The value of X-Request-ID, to be found in the server's log.")


class ErrorResponse(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail = Field(description="The error.")
