"""The documents: `/openapi.json`, Swagger UI at `/docs`, and a small index at `/`."""

from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_openapi3_swagger.plugins import RegisterPlugin  # type: ignore[import-untyped]  # it ships no types

from localqa import __version__

_UI_PREFIX = "/swagger"

blueprint = Blueprint("documents", __name__)


def register_docs(app: Flask) -> None:
    """Serve the documents; Swagger UI comes with its assets, so that it works offline."""
    app.config["SWAGGER_CONFIG"] = {
        "tryItOutEnabled": True,
        "displayRequestDuration": True,
        # Swagger UI would otherwise ask a public service to check the document.
        "validatorUrl": None,
    }
    app.register_blueprint(RegisterPlugin.register(doc_url="openapi.json"))
    app.register_blueprint(blueprint)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The routes as JSON; a browser is shown the documentation, and clients of Ollama what they look for."""
    wanted = request.accept_mimetypes
    if wanted.best_match(["application/json", "text/html"]) == "text/html":
        response: Response = redirect(url_for("documents.docs"))  # type: ignore[assignment]  # Flask's is Werkzeug's subclass
    elif "application/json" not in wanted.values():
        # By these words they know that a server is there.
        response = Response("Ollama is running", content_type="text/plain; charset=utf-8")
    else:
        routes = {path: _summaries(operations) for path, operations in _document()["paths"].items()}
        response = jsonify(
            name="localqa", version=__version__, docs="/docs", openapi="/openapi.json", routes=routes
        )
    response.vary.add("Accept")
    return response


def _document() -> dict[str, Any]:
    document: dict[str, Any] = current_app.api_doc  # type: ignore[attr-defined]  # of `Api`
    return document


def _summaries(operations: dict[str, Any]) -> dict[str, str]:
    return {method.upper(): operation["summary"] for method, operation in operations.items()}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3 document; behind a path prefix it names that as the address."""
    document = _document()
    if request.script_root:
        document = document | {"servers": [{"url": request.script_root}]}
    return jsonify(document)


@blueprint.get("/docs")
def docs() -> str:
    """Swagger UI; its links are relative, so that it also works behind a path prefix."""
    return cast(str, current_app.view_functions["swagger.swagger"]())


@blueprint.get("/docs/")
def docs_folder() -> ResponseReturnValue:
    """The same page for those who type a slash."""
    return redirect(url_for("documents.docs"))
