"""The route that summarises: `/api/summarize`."""

from typing import Annotated, Any, Final, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, BeforeValidator, Field

from localqa.api.callers import patience
from localqa.api.schemas import MAX_WORDS, NOT_BLANK, Body, Text, whole
from localqa.api.service import current_service
from localqa.api.spec import responses

_EXAMPLE_TEXT: Final = (
    "The ferry leaves the island every morning at seven. In winter it does not sail on Sundays, and it never "
    "takes cars. Whoever misses it has to wait for the next day, since no other boat goes to the mainland."
)

blueprint = APIBlueprint(
    "summarizing", __name__, abp_tags=[Tag(name="summaries", description="A text you send, made short.")]
)


class SummaryRequest(Body):
    """A text to be made short."""

    text: Text = Field(
        description="What to summarise, of any length up to the limit.",
        json_schema_extra={"minLength": 1, "pattern": NOT_BLANK, "example": _EXAMPLE_TEXT},
    )
    max_words: Annotated[int, Field(ge=1, le=MAX_WORDS), BeforeValidator(whole)] | None = Field(
        default=None,
        description="Most words of the summary; without it, it is as long as the model finds right.",
        json_schema_extra={"example": 30},
    )


class SummaryResponse(BaseModel):
    """The summary. It is generated: what it says need not stand in the text."""

    summary: str = Field(
        description="The summary.",
        json_schema_extra={"example": "The ferry leaves every morning at seven and takes no cars."},
    )
    source: Literal["adapter", "ollama"] = Field(description="What made it.")
    model: str = Field(
        description="Name of the adapter, or of the Ollama server's model.",
        json_schema_extra={"example": "llama3.2:latest"},
    )
    cut: bool = Field(
        description="Whether it ends before its own end: at `max_words`, or where the model stops."
    )


@blueprint.post(
    "/api/summarize",
    operation_id="summarize",
    responses=responses(SummaryResponse, 400, 401, 413, 415, 422, 429, 503, 504),
)
def summarize(body: SummaryRequest) -> dict[str, Any]:
    """Summarise a text

    By the adapter of this server that is for it, where `QA_SUMMARY_ADAPTER` names one, else by a model of the
    Ollama server. A summary longer than `max_words` ends with the last sentence that fits.
    """
    found = current_service().answerer.summarize(body.text, body.max_words, patience())
    return SummaryResponse(
        summary=found.text, source=found.source, model=found.model, cut=found.cut
    ).model_dump()
