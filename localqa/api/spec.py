"""The OpenAPI document: what flask-openapi3 collects, made to say exactly what this server does."""

from collections.abc import Callable
from typing import Any, Final

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from localqa import __version__
from localqa.api.body import JsonRequest
from localqa.api.document_schemas import LibraryAnswer, TextRequest
from localqa.api.messages import refuse
from localqa.api.schemas import EXAMPLES, ErrorResponse, StreamLine
from localqa.api.state_schemas import Limits
from localqa.errors import ERRORS

_DESCRIPTION: Final = """\
Extractive question answering: send a question and a text, get the exact part of the text that answers it,
with its offsets and a probability, or an honest "not answerable".

Every error has one shape, `{"error": {"code", "message", "remedy", "request_id"}}`, and every response
carries its `X-Request-ID`.
"""
NDJSON: Final = "application/x-ndjson"
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})


def responses(
    success: type[BaseModel], *errors: int, lines: type[BaseModel] | None = None
) -> dict[str | int, Any]:
    """The responses of a route for its documentation.

    Args:
        success: what it gives.
        errors: statuses that it can end in.
        lines: what it gives line by line, where it can be asked to.
    """
    found: dict[str | int, Any] = {200: success}
    if lines is not None:
        content = {
            kind: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
            for kind, model in (("application/json", success), (NDJSON, lines))
        }
        found[200] = {"description": "OK", "content": content}
    return found | {status: _error(status) for status in sorted({*errors, 500})}


def _error(status: int) -> dict[str, Any]:
    """What the table of errors says of those with a status; the first of them is the example."""
    kinds = {code: kind for code, kind in ERRORS.items() if kind.status == status and kind.meaning}
    code, first = next(iter(kinds.items()))
    example = {
        "code": code,
        "message": first.example,
        "remedy": first.remedy,
        "request_id": "5f1c0c3f8d3e4b0a",
    }
    content = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}, "example": {"error": example}}
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {
        "description": " ".join(kind.meaning for kind in kinds.values()),
        "content": {"application/json": content},
        **({"headers": headers} if status in (429, 503) else {}),
    }


class Api(OpenAPI):
    """A Flask app that documents itself, with this server's limits in its document."""

    request_class = JsonRequest

    def __init__(self, import_name: str, *, limits: Limits) -> None:
        """Build the bare app; the limits go into its document."""
        super().__init__(
            import_name,
            info=Info(title="localqa", version=__version__, description=_DESCRIPTION),
            # The routes of the documents are our own, see `localqa.api.docs`.
            doc_ui=False,
            security_schemes={"key": {"type": "http", "scheme": "bearer"}},
            validation_error_model=ErrorResponse,
            validation_error_callback=refuse,
            static_folder=None,
        )
        self.limits = limits
        self.describers: list[Callable[[dict[str, Any]], None]] = []

    def generate_spec_json(self) -> None:
        """Generate the document, then add the limits and tidy what was collected."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]  # flask-openapi3 leaves it untyped
        schemas = self.spec_json["components"]["schemas"]
        for model in (StreamLine, LibraryAnswer, TextRequest):
            made = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= {name: one for name, one in made.pop("$defs", {}).items() if name not in schemas}
            schemas[model.__name__] = made
        for name, example in EXAMPLES.items():
            schemas[name]["example"] = example
        for name in ("PredictRequest", "QuestionRequest", "AskRequest", "LibraryRequest", "SearchRequest"):
            fields = schemas[name]["properties"]
            fields["question"]["maxLength"] = self.limits.max_question_chars
            if "context" in fields:
                fields["context"]["maxLength"] = self.limits.max_context_chars
        schemas["SummaryRequest"]["properties"]["text"]["maxLength"] = self.limits.max_context_chars
        schemas["BatchRequest"]["properties"]["qa_pairs"]["maxItems"] = self.limits.max_batch
        for describe in self.describers:
            describe(self.spec_json["paths"])
        for path in self.spec_json["paths"].values():
            for method in _METHODS & path.keys():
                _tidy(path[method])


def _tidy(operation: dict[str, Any]) -> None:
    if "requestBody" not in operation and "parameters" not in operation:
        operation["responses"].pop("422", None)
    if "description" in operation:
        # The collector joins the lines of a docstring, the empty one after its summary too, with breaks.
        operation["description"] = operation["description"].removeprefix("<br/>").replace("<br/>", " ")
