"""The OpenAPI document: what flask-openapi3 collects, made to say exactly what this server does."""

from typing import Any, Final

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from localqa import __version__
from localqa.api.body import JsonRequest
from localqa.api.messages import refuse
from localqa.api.schemas import EXAMPLES, ErrorResponse, StreamLine
from localqa.api.state_schemas import Limits

_DESCRIPTION: Final = """\
Extractive question answering: send a question and a text, get the exact part of the text that answers it,
with its offsets and a probability, or an honest "not answerable".

Every error has one shape, `{"error": {"code", "message", "remedy", "request_id"}}`, and every response
carries its `X-Request-ID`.
"""
NDJSON: Final = "application/x-ndjson"
_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})

# What each error means and an example of it: code, message, remedy.
_ERRORS: Final = {
    400: (
        "The body is not JSON.",
        "malformed_json",
        "The body is not valid JSON: expecting ',' delimiter at line 1, column 42.",
        'Send a JSON object such as {"question": "...", "context": "..."}.',
    ),
    404: (
        "The adapter is not known.",
        "adapter_not_found",
        "There is no adapter 'legal'. Known: squad.",
        "Use one of the known adapters.",
    ),
    413: (
        "The body is too large.",
        "too_large",
        "The body is over the limit of 2,097,152 bytes.",
        "Send less text at once, or start the server with a larger QA_MAX_BODY_BYTES.",
    ),
    415: (
        "The body does not say it is JSON.",
        "unsupported_media_type",
        "The content type must be application/json, but it is missing.",
        "Send the header `Content-Type: application/json`.",
    ),
    422: (
        "The body is JSON, but cannot be used; the message names the field.",
        "invalid_input",
        "question: must not be empty.",
        "Correct the request; /docs describes every field.",
    ),
    500: (
        "An error of the server's own.",
        "internal_error",
        "Something went wrong on the server.",
        "Try again. If it stays, look for the request_id in the server's log.",
    ),
    401: (
        "The request brings no API key, or a wrong one.",
        "unauthorized",
        "There is no API key.",
        "Send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    ),
    429: (
        "The caller asks more often than this server allows.",
        "too_many_requests",
        "At most 60 per 1 minute are answered for one caller.",
        "Ask again after the seconds in Retry-After.",
    ),
    504: (
        "The answer was not ready in time.",
        "deadline_exceeded",
        "The answer was not ready in time.",
        "Send less text at once, or ask again when the server has less to do.",
    ),
    503: (
        "The model is loading, could not be loaded, or too much is waiting already.",
        "not_ready",
        "The model is still loading.",
        "Try again in a few seconds.",
    ),
}


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
    description, code, message, remedy = _ERRORS[status]
    example = {"code": code, "message": message, "remedy": remedy, "request_id": "5f1c0c3f8d3e4b0a"}
    content = {"schema": {"$ref": "#/components/schemas/ErrorResponse"}, "example": {"error": example}}
    headers = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return {
        "description": description,
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

    def generate_spec_json(self) -> None:
        """Generate the document, then add the limits and tidy what was collected."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]  # flask-openapi3 leaves it untyped
        schemas = self.spec_json["components"]["schemas"]
        lines = StreamLine.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas["StreamLine"] = {key: value for key, value in lines.items() if key != "$defs"}
        for name, example in EXAMPLES.items():
            schemas[name]["example"] = example
        for name in ("PredictRequest", "QuestionRequest", "AskRequest"):
            fields = schemas[name]["properties"]
            fields["question"]["maxLength"] = self.limits.max_question_chars
            fields["context"]["maxLength"] = self.limits.max_context_chars
        schemas["SummaryRequest"]["properties"]["text"]["maxLength"] = self.limits.max_context_chars
        schemas["BatchRequest"]["properties"]["qa_pairs"]["maxItems"] = self.limits.max_batch
        for path in self.spec_json["paths"].values():
            for method in _METHODS & path.keys():
                _tidy(path[method])


def _tidy(operation: dict[str, Any]) -> None:
    if "requestBody" not in operation and "parameters" not in operation:
        operation["responses"].pop("422", None)
    if "description" in operation:
        # The collector joins the lines of a docstring, the empty one after its summary too, with breaks.
        operation["description"] = operation["description"].removeprefix("<br/>").replace("<br/>", " ")
