"""The routes of adapters: which there are, load one, unload one, while questions are answered."""

from typing import Annotated, Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from localqa.api.service import current_service
from localqa.api.spec import responses
from localqa.api.state_schemas import (
    AdapterInfo,
    AdapterRequest,
    AdaptersResponse,
    BrokenAdapter,
    adapter_info,
)
from localqa.config import ADAPTER_NAME

blueprint = APIBlueprint(
    "adapters",
    __name__,
    abp_tags=[Tag(name="adapters", description="What can answer, and what is in memory.")],
)


class AdapterPath(BaseModel):
    """The adapter that a path names."""

    name: Annotated[str, Field(pattern=ADAPTER_NAME)] = Field(description="Name of the adapter.")


@blueprint.get(
    "/api/adapters", operation_id="list_adapters", responses=responses(AdaptersResponse, 401, 429, 503)
)
def list_adapters() -> dict[str, Any]:
    """The adapters that can be asked

    The default one first; `loaded` tells which are in memory, `digest` which weights, and `stale` whether
    their files have changed since. `broken` names the folders that cannot be asked, and why.
    """
    reader = current_service().reader
    adapters = [adapter_info(reader.describe(name)) for name in reader.adapters()]
    broken = [BrokenAdapter(**one) for one in reader.broken()]
    return AdaptersResponse(adapters=adapters, default=reader.default_adapter, broken=broken).model_dump()


@blueprint.post(
    "/api/adapters",
    operation_id="load_adapter",
    responses=responses(AdapterInfo, 400, 401, 404, 413, 415, 422, 429, 503),
)
def load_adapter(body: AdapterRequest) -> dict[str, Any]:
    """Load an adapter by name

    From the server's folder of adapters, after checking its files and its base; anew where its files have
    changed since it was loaded. A request that names an adapter does both too; this does so beforehand, and
    tells why where it cannot. What cannot replace a loaded adapter leaves it as it was.
    """
    reader = current_service().reader
    reader.load_adapter(body.name)
    return adapter_info(reader.describe(body.name)).model_dump()


@blueprint.delete(
    "/api/adapters/<name>",
    operation_id="unload_adapter",
    responses=responses(AdapterInfo, 401, 404, 422, 429, 503),
)
def unload_adapter(path: AdapterPath) -> dict[str, Any]:
    """Unload an adapter

    Frees its memory; its files stay, and questions that are being answered by it still are.
    """
    reader = current_service().reader
    reader.remove_adapter(path.name)
    return adapter_info(reader.describe(path.name)).model_dump()
