"""The routes of the library: bring documents, look at them, remove them."""

import contextlib
import hashlib
import math
import threading
from copy import copy
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, cast

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from localqa.api.body import JsonRequest, MediaTypeError
from localqa.api.callers import caller_gone
from localqa.api.document_schemas import (
    MAX_DOCUMENTS,
    NAME_CHARS,
    CollectionModel,
    CollectionName,
    CollectionsResponse,
    DocumentModel,
    DocumentResponse,
    DocumentsResponse,
    ImportResponse,
    PageModel,
    TextRequest,
)
from localqa.api.messages import refuse
from localqa.api.service import current_service
from localqa.api.spec import responses
from localqa.api.text import printable, quoted
from localqa.documents.document import Document
from localqa.documents.formats import is_known, media_type_of
from localqa.documents.importing import PDF, Importer
from localqa.documents.library import (
    COLLECTION_NAME,
    DEFAULT_COLLECTION,
    CollectionNotFoundError,
    DocumentNotFoundError,
    Entry,
    Scope,
)
from localqa.documents.pictures import page_picture
from localqa.errors import InvalidInputError, OverloadedError, TooLargeError

_WAIT_S: Final = 20.0
"""After which an import that is not done goes on without its request."""
_DRAWING: Final = threading.BoundedSemaphore(2)
"""Each page is drawn by a process of its own."""
_DRAW_WAIT_S: Final = 10.0
_BYTES_OF_A_CHARACTER: Final = 12
"""Of a document as it is shown: its text, its JSON and its bytes."""
_FORM_ERROR_CHARS: Final = 200
_MARK_CHARS: Final = 12
"""By which names that are too long are told apart."""
_FORM_FIELDS: Final = ("collection", "password")
_MOST_FIRST: Final = 2**31 - 1
"""What every database counts to."""
_ERRORS: Final = (400, 401, 404, 413, 415, 422, 429, 503)
_PAGE_ERRORS: Final = (401, 404, 422, 429)
_FAILS: Final = responses(DocumentModel, *_PAGE_ERRORS)
_PICTURE: Final[dict[str | int, Any]] = {200: {"description": "The picture.", "content": {"image/png": {}}}}

FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "minItems": 1,
            "description": "The files; a field of another name that holds a file is taken, too.",
        },
        "collection": {
            "type": "string",
            "pattern": COLLECTION_NAME,
            "default": DEFAULT_COLLECTION,
            "description": "Where they belong.",
        },
        "password": {"type": "string", "description": "Of encrypted files."},
    },
    "required": ["file"],
    "additionalProperties": False,
}
"""The form that brings documents."""

blueprint = APIBlueprint(
    "library",
    __name__,
    abp_tags=[Tag(name="documents", description="A library of your documents, and questions to it.")],
)


class DocumentPath(BaseModel):
    """The document that a path names."""

    id: str = Field(description="Of the document.")


class PagePath(DocumentPath):
    """The page that a path names."""

    number: Annotated[int, Field(ge=1)] = Field(description="Of the page, from 1 on.")


class CollectionPath(BaseModel):
    """The collection that a path names."""

    name: CollectionName = Field(description="Of the collection.")


class JobPath(BaseModel):
    """The import that a path names."""

    id: str = Field(description="Of the import.")


class WaitQuery(BaseModel):
    """How long an import is waited for."""

    model_config = ConfigDict(extra="forbid")

    wait: Annotated[float, Field(ge=0, le=600)] = Field(
        default=_WAIT_S, description="Seconds after which it goes on in the background."
    )


class ListQuery(BaseModel):
    """The part of a list."""

    collection: CollectionName | None = Field(default=None, description="Of this collection alone.")
    first: Annotated[int, Field(ge=0, le=_MOST_FIRST)] = Field(default=0, description="Leave out so many.")
    most: Annotated[int, Field(ge=1, le=MAX_DOCUMENTS)] = Field(default=100, description="At most so many.")


@blueprint.post(
    "/api/documents",
    operation_id="add_documents",
    responses=responses(ImportResponse, *_ERRORS, 507) | {202: ImportResponse},
)
def add_documents(query: WaitQuery) -> tuple[dict[str, Any], int]:
    """Add documents to the library

    Files as `multipart/form-data` (any field name, several at once, with `collection` and `password` as
    fields beside them), or one text as JSON, `{"name", "text", "collection"}`. A file of a name that the
    collection has already replaces it; an unchanged one is passed over. What takes longer than `wait`
    goes on in the background: the status is 202 then, and `GET /api/documents/jobs/{job}` tells how far it
    is.
    """
    if request.mimetype == "multipart/form-data":
        files, importer = _sent_files()
    elif request.is_json:
        body = _checked(request.get_json())
        files, importer = [(_text_name(body.name), body.text.encode())], _importer(body.collection)
    else:
        raise MediaTypeError(
            "The content type must be multipart/form-data or application/json.",
            remedy="Send files as `curl -F file=@lease.pdf`, or a text as JSON with name and text.",
        )
    imports = current_service().imports
    size = sum(len(data) for _, data in files)
    job = imports.begin(len(files), size, lambda: importer.add_all(files))
    imports.wait(job, query.wait, caller_gone())
    if job.problem is not None:
        raise copy(job.problem)
    return ImportResponse.of(job).model_dump(), 200 if job.finished.is_set() else 202


@blueprint.get(
    "/api/documents", operation_id="list_documents", responses=responses(DocumentsResponse, 401, 422, 429)
)
def list_documents(query: ListQuery) -> dict[str, Any]:
    """The documents in the library

    By collection and name, so many at a time.
    """
    service = current_service()
    if not service.answerer.shelf.holds_documents:
        return DocumentsResponse(documents=[], count=0, total=0).model_dump()
    library, scope = service.answerer.shelf.library, Scope(query.collection)
    found = [DocumentModel.of(one) for one in library.entries(scope, first=query.first, most=query.most)]
    totals = {one.name: one.documents for one in library.collections()}
    total = sum(totals.values()) if query.collection is None else totals.get(query.collection, 0)
    return DocumentsResponse(documents=found, count=len(found), total=total).model_dump()


@blueprint.get(
    "/api/documents/jobs/<id>",
    operation_id="import_state",
    responses=responses(ImportResponse, 401, 404, 422, 429),
)
def import_state(path: JobPath) -> dict[str, Any]:
    """How far an import is

    Finished ones are remembered for a while; behind a proxy, by the replica that was asked alone.
    """
    job = current_service().imports.find(path.id)
    if job is None:
        raise DocumentNotFoundError(
            f"There is no import {quoted(path.id)}, or its result is no longer kept.",
            remedy="GET /api/documents lists what is there.",
        )
    return ImportResponse.of(job).model_dump()


@blueprint.get(
    "/api/documents/<id>", operation_id="show_document", responses=responses(DocumentResponse, *_PAGE_ERRORS)
)
def show_document(path: DocumentPath) -> dict[str, Any]:
    """A document with its text and its pages

    Places in answers count in this text, in code points.
    """
    library = current_service().answerer.shelf.holding(path.id)
    entry = library.entry(path.id)
    cast(JsonRequest, request).take_room(entry.characters * _BYTES_OF_A_CHARACTER)
    document = library.document(path.id)
    pages = [
        PageModel(**{name: getattr(page, name) for name in PageModel.model_fields}) for page in document.pages
    ]
    shown = DocumentModel.of(entry).model_dump()
    return DocumentResponse(**shown, text=document.text, page_list=pages).model_dump()


@blueprint.get(
    "/api/documents/<id>/pages/<int:number>.png",
    operation_id="page_picture",
    responses=_PICTURE | {status: _FAILS[status] for status in (*_PAGE_ERRORS, 500)},
)
def picture(path: PagePath) -> Response:
    """A page of a PDF as a picture

    110 pixels are an inch, 72 points: so boxes in answers are laid over it. The page of a poster is drawn
    smaller; the picture itself says how large it is (pHYs).
    """
    service = current_service()
    entry, document = _document(path.id)
    if entry.media_type != PDF:
        raise InvalidInputError(f"{printable(entry.name)} has no pages to be shown: it is no PDF.")
    if path.number > len(document.pages):
        raise DocumentNotFoundError(
            f"{printable(entry.name)} has no page {path.number}.", remedy=f"It has {len(document.pages)}."
        )
    data = service.answerer.shelf.library.original(entry.id)
    if data is None:
        raise DocumentNotFoundError(
            f"The file of {printable(entry.name)} was not kept.", remedy="Add it again."
        )
    if not _DRAWING.acquire(timeout=_DRAW_WAIT_S):
        raise OverloadedError("Too many pages are being drawn already.")
    try:
        return Response(page_picture(data, path.number), mimetype="image/png")
    finally:
        _DRAWING.release()


@blueprint.delete(
    "/api/documents/<id>", operation_id="remove_document", responses=responses(DocumentModel, *_PAGE_ERRORS)
)
def remove_document(path: DocumentPath) -> dict[str, Any]:
    """Remove a document

    None of its text is left in the library's files.
    """
    library = current_service().answerer.shelf.holding(path.id)
    entry = library.entry(path.id)
    library.remove(path.id)
    return DocumentModel.of(entry).model_dump()


@blueprint.get(
    "/api/collections", operation_id="list_collections", responses=responses(CollectionsResponse, 401, 429)
)
def list_collections() -> dict[str, Any]:
    """The collections of the library

    One is there as long as it holds a document.
    """
    shelf = current_service().answerer.shelf
    found = shelf.library.collections() if shelf.holds_documents else []
    shown = [CollectionModel(name=one.name, documents=one.documents, passages=one.passages) for one in found]
    return CollectionsResponse(collections=shown).model_dump()


@blueprint.delete(
    "/api/collections/<name>",
    operation_id="remove_collection",
    responses=responses(CollectionModel, *_PAGE_ERRORS),
)
def remove_collection(path: CollectionPath) -> dict[str, Any]:
    """Remove a collection with all its documents

    None of their text is left in the library's files.
    """
    shelf = current_service().answerer.shelf
    known = shelf.library.collections() if shelf.holds_documents else []
    found = next((one for one in known if one.name == path.name), None)
    if found is None:
        raise CollectionNotFoundError(f"There is no collection '{path.name}' in the library.")
    library = shelf.library
    with library.removing():
        for entry in library.entries(Scope(path.name)):
            # Somebody else may have removed it meanwhile.
            with contextlib.suppress(DocumentNotFoundError):
                library.remove(entry.id)
    return CollectionModel(name=found.name, documents=found.documents, passages=found.passages).model_dump()


def _document(document: str) -> tuple[Entry, Document]:
    library = current_service().answerer.shelf.holding(document)
    return library.entry(document), library.document(document)


def _sent_files() -> tuple[list[tuple[str, bytes]], Importer]:
    """The files of a form, and what brings them in."""
    service = current_service()
    cast(JsonRequest, request).check_encoding()
    request.max_content_length = service.settings.max_upload_bytes
    try:
        sent = list(request.files.items(multi=True))
    except RequestEntityTooLarge as e:
        if (request.content_length or math.inf) > request.max_content_length:
            raise
        # It is its parts that are too many, or a field beside the files that is too long.
        raise TooLargeError(
            f"files: the form holds more than {request.max_form_parts or 0:,} parts, or a field of more than "
            f"{request.max_form_memory_size or 0:,} bytes.",
            remedy="Send fewer files at once.",
        ) from e
    except ValueError as e:
        raise InvalidInputError(
            f"files: the form cannot be read: {printable(str(e), limit=_FORM_ERROR_CHARS)}.",
            remedy="Send whole forms whose file names are UTF-8 text, as `curl -F file=@lease.pdf` does.",
        ) from e
    for name, values in request.form.lists():
        if name not in _FORM_FIELDS or len(values) > 1:
            fault = "is no field of this form" if name not in _FORM_FIELDS else "is given more than once"
            raise InvalidInputError(
                f"{printable(name)}: {fault}.", remedy=f"Beside files there are {' and '.join(_FORM_FIELDS)}."
            )
    found = [(_file_name(file.filename), file.read()) for _, file in sent if file.filename]
    if not found:
        raise InvalidInputError(
            "files: there is none in the form.", remedy="Send them as `curl -F file=@lease.pdf`."
        )
    return found, _importer(request.form.get("collection", DEFAULT_COLLECTION), request.form.get("password"))


def _file_name(sent: str | None) -> str:
    """What a file is called: a path below a folder stays, what leads out of it does not."""
    parts = [
        part for part in PurePosixPath((sent or "").replace("\\", "/")).parts if part not in ("/", "..", ".")
    ]
    name = printable("/".join(parts), limit=None)
    if len(name) > NAME_CHARS:
        # Cut alone, it might be the name of another one.
        mark = hashlib.sha256(name.encode()).hexdigest()[:_MARK_CHARS]
        name = f"{mark}-{name[-(NAME_CHARS - _MARK_CHARS - 1) :]}"
    return name or "document"


def _text_name(sent: str) -> str:
    """What a text is called: its name tells whether it is Markdown."""
    name = _file_name(sent)
    is_text = is_known(name) and media_type_of(name) in ("text/plain", "text/markdown")
    return name if is_text else f"{name}.txt"


def _checked(values: object) -> TextRequest:
    """What was sent, by the same rules whether it came as JSON or in a form. Raises InvalidInputError."""
    try:
        return TextRequest.model_validate(values)
    except ValidationError as e:
        refuse(e)


def _importer(collection: str, password: str | None = None) -> Importer:
    _checked({"name": "-", "text": "-", "collection": collection})
    return current_service().answerer.shelf.importer(collection, password or None)


def describe(paths: dict[str, Any]) -> None:
    """Say in the API's document what a route takes that reads its body itself."""
    text = {"$ref": "#/components/schemas/TextRequest"}
    content = {"multipart/form-data": {"schema": FORM}, "application/json": {"schema": text}}
    paths["/api/documents"]["post"]["requestBody"] = {"required": True, "content": content}
