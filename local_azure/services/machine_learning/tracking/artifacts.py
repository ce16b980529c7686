"""Artifacts: which files a run has, and signed addresses in blob storage where they are written and read.

An artifact is named origin/container/path, and that is its path in the datastore of artifacts: ExperimentRun/dcid.<run>
for a run's files, LocalUpload/<id> for a model that is registered from a folder of the learner's. For a registered
model the origin is Model and the container name:version; its files lie wherever they were registered from.
"""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ....errors import AzureError
from ... import storage
from .. import arm
from ..assets import datastores
from . import registry, runs
from .answers import texts

RUNS = "ExperimentRun"
MODELS = "Model"
MOST = 5000  # files in one listing


def folder(state, workspace, origin, container):
    """(account, container of blobs, prefix) of an origin and container; 404 for a run or model that is not there."""
    if origin == MODELS:
        name, _, version = container.rpartition(":")
        return registry.place(state, workspace, name, version)
    properties = arm.get(state, f"{workspace}/datastores/{datastores.ARTIFACTS}")["properties"]
    return properties["accountName"], properties["containerName"], f"{origin}/{container}"


def _address(state, place, path, permissions):
    account, container, prefix = place
    storage.path_of(state, account, container, f"{prefix}/{path}")  # refuses what could leave the folder
    signature = storage.sas_for(state.secrets, account, container, permissions)
    return f"https://{account}.blob.core.windows.net/{container}/{quote(f'{prefix}/{path}')}?{signature}"


def _exists(state, place, path):
    account, container, prefix = place
    return storage.path_of(state, account, container, f"{prefix}/{path}").is_file()


def _files(state, place, below=""):
    """The paths of all files below a path, in order."""
    account, container, prefix = place
    top = storage.path_of(state, account, container, prefix)
    found = storage.names(top)
    below = below.strip("/")
    return [path for path in found if not below or path == below or path.startswith(f"{below}/")][:MOST]


def _shown(origin, container, path):
    name = f"{origin}/{container}/{path}"
    return {"artifactId": name, "origin": origin, "container": container, "path": path, "etag": None,
            "createdTime": None, "dataPath": None, "tags": {}}  # fmt: skip


def _information(state, place, origin, container, path, permissions="r"):
    address = _address(state, place, path, permissions)
    return {"contentUri": address, "origin": origin, "container": container, "path": path, "tags": {}}


# Requests


def _named(request):
    """(workspace, origin, container) that a request's path names."""
    names, workspace = request.path_params, arm.workspace_of(request)
    if "run" in names:
        runs.store(request.app.state).run(workspace, names["run"])
        return workspace, RUNS, f"dcid.{names['run']}"
    return workspace, names["origin"], names["container"]


def _path(request):
    path = request.query_params.get("path", "").strip("/")
    if not path:
        raise arm.user_error("The query must name a path.", target="path")
    return path


def _missing(origin, container, path):
    message = f"Artifact {origin}/{container}/{path} was not found."
    return arm.user_error(message, 404, "NotFound")


def _handler(work):
    """An endpoint for `work(state, place, origin, container, request, body)`, which looks at files in a thread."""

    async def endpoint(request):
        state = request.app.state
        body = await arm.body_of(request) if request.method == "POST" else {}
        workspace, origin, container = _named(request)
        place = folder(state, workspace, origin, container)
        return JSONResponse(await run_in_threadpool(work, state, place, origin, container, request, body))

    endpoint.__name__ = work.__name__
    return endpoint


def everything(state, place, origin, container, request, body):
    """GET: all artifacts, or with a path those below it."""
    found = _files(state, place, request.query_params.get("path", ""))
    return {"value": [_shown(origin, container, path) for path in found], "continuationToken": None, "nextLink": None}


def one(state, place, origin, container, request, body):
    """GET …/metadata?path=: whether an artifact is there."""
    if not _exists(state, place, path := _path(request)):
        raise _missing(origin, container, path)
    return _shown(origin, container, path)


def information(state, place, origin, container, request, body):
    """GET …/contentinfo?path=: where an artifact can be read."""
    if not _exists(state, place, path := _path(request)):
        raise _missing(origin, container, path)
    return _information(state, place, origin, container, path)


def informations(state, place, origin, container, request, body):
    """GET …/prefix/contentinfo?path=: where all artifacts below a path can be read."""
    found = _files(state, place, request.query_params.get("path", ""))
    shown = [_information(state, place, origin, container, path) for path in found]
    return {"value": shown, "continuationToken": None, "nextLink": None}


def address(state, place, origin, container, request, body):
    """GET …/artifacturi?path=: the signed address as such."""
    return information(state, place, origin, container, request, body)["contentUri"]


def announce(state, place, origin, container, request, body):
    """POST …/batch/metadata: artifacts that will be uploaded; where to. An artifact cannot be replaced."""
    if origin == MODELS:
        raise arm.user_error("The files of a registered model do not change.", 409, "Conflict")
    paths = [path for one in body.get("paths") or [] for path in texts(one, "path")]
    shown, where, errors = {}, {}, {}
    for path in paths:
        if _exists(state, place, path):
            message = f"Resource Conflict: ArtifactId {origin}/{container}/{path} already exists."
            errors[path] = {"error": {"code": "UserError", "message": message}}
            continue
        shown[path] = _shown(origin, container, path)
        where[path] = _information(state, place, origin, container, path, "rcw")
    return {"artifacts": shown, "artifactContentInformation": where, "errors": errors}


async def clouds(request):
    """GET /metadata/endpoints: which Azure this is. MLflow's plugin asks where no MLClient told it."""
    cloud = {
        "name": "AzureCloud", "portal": "https://portal.azure.com", "resourceManager": "https://management.azure.com/",
        "authentication": {
            "loginEndpoint": "https://login.microsoftonline.com/", "tenant": "common", "identityProvider": "AAD",
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        },
        "suffixes": {
            "storage": "core.windows.net", "keyVaultDns": "vault.azure.net", "acrLoginServer": "azurecr.io",
            "sqlServerHostname": "database.windows.net", "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        },
        "graphAudience": "https://graph.windows.net/", "gallery": "https://gallery.azure.com/",
        "batch": "https://batch.core.windows.net/", "media": "https://rest.media.azure.net",
        "sqlManagement": "https://management.core.windows.net:8443/", "vmImageAliasDoc": "https://aka.ms/vmalias",
        "activeDirectoryDataLake": "https://datalake.azure.net/",
    }  # fmt: skip
    if "api-version" not in request.query_params:
        raise AzureError(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
    return JSONResponse([cloud])


def _routes(prefix):
    given = (
        ("", everything, "GET"), ("/path", everything, "GET"), ("/metadata", one, "GET"),
        ("/contentinfo", information, "GET"), ("/prefix/contentinfo", informations, "GET"),
        ("/artifacturi", address, "GET"), ("/batch/metadata", announce, "POST"),
    )  # fmt: skip
    return [arm.route(prefix + end, _handler(work), (method,), versions=None) for end, work, method in given]


_RUN = f"/history/v1.0{arm.WORKSPACE}/{{by}}/{{experiment}}/runs/{{run}}/artifacts"
routes = [
    Route("/metadata/endpoints", clouds),
    *_routes(_RUN.replace("{by}", "experiments")),
    *_routes(_RUN.replace("{by}", "experimentids")),
    *_routes(f"/artifact/v2.0{arm.WORKSPACE}/artifacts/{{origin}}/{{container}}"),
]
