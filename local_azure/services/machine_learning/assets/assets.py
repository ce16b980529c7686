"""Data, environments, models, components and code: named, versioned, and immutable but for what describes them."""

import re
import reprlib
import uuid
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import JSONResponse, Response

from .... import folders
from ....errors import AzureError
from ... import storage
from .. import arm, limits
from . import curated, datastores, references, versions
from .references import resolve, version_of

__all__ = ["put_version", "resolve", "routes", "version_of"]

NAME = r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}"
DOTTED_NAME = r"[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}"
VERSION = r"[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}"  # an environment without a name has its hash for a version
DATA_TYPES = {"uri_file": "uri_file", "uri_folder": "uri_folder", "mltable": "mltable"}
MODEL_TYPES = ("custom_model", "mlflow_model", "triton_model")
DEFAULT_VERSION = "azureml_default"  # what clients call the version of a component when they name none
DESCRIBING = ("description", "tags", "properties", "isArchived", "isAnonymous", "stage", "provisioningState")
MLMODEL = "MLmodel"
MOST_DESCRIBED = 2**20  # bytes of that file
ANONYMOUS = "azureml_anonymous"  # the name of components that were given none


@dataclass(frozen=True)
class Kind:
    """One kind of asset: what its names look like, and which of its properties a version never changes."""

    collection: str
    singular: str
    fixed: tuple[str, ...]
    name: str = DOTTED_NAME
    version: str = VERSION
    empty_list: bool = False  # is the list of versions of an unknown name empty, rather than 404?

    @property
    def article(self):
        return "an" if self.singular[0] in "aeiou" else "a"


KINDS = {
    kind.collection.lower(): kind
    for kind in (
        Kind("data", "data", ("dataUri", "dataType"), name=NAME),
        Kind("models", "model", ("modelUri", "modelType"), version="[1-9][0-9]{0,9}", empty_list=True),
        Kind("environments", "environment", ("image", "condaFile", "build", "osType", "inferenceConfig")),
        Kind("components", "component", ("componentSpec",)),
        Kind("codes", "code", ("codeUri",), empty_list=True),
    )
}


# What is asked for


def _kind(request):
    return KINDS[request.path_params["collection"].lower()]


def _container_path(request):
    kind = _kind(request)
    return f"{arm.home_of(request)}/{kind.collection}/{request.path_params['name']}"


def _checked_name(kind, name):
    if not re.fullmatch(kind.name, name):
        message = (
            f"{name!r} cannot be the name of {kind.article} {kind.singular} asset. A name begins with a letter or a "
            f"digit and goes on with letters, digits, hyphens{', dots' if '.' in kind.name else ''} and underscores, "
            "255 at most."
        )
        raise arm.user_error(message, inner="InvalidName", target="name")


def _checked_version(kind, version):
    if not re.fullmatch(kind.version, version) or version == DEFAULT_VERSION:
        what = "a whole number from 1" if kind.collection == "models" else "letters, digits, hyphens, dots, underscores"
        message = f"{version!r} cannot be the version of {kind.article} {kind.singular} asset: {what}."
        raise arm.user_error(message, inner="InvalidVersion", target="version")


def check_new(collection, name, version):
    """400 for a name or a version that an asset of this kind cannot have."""
    kind = KINDS[collection.lower()]
    _checked_name(kind, name)
    _checked_version(kind, str(version))


def _check_words(given):
    """400 unless what describes an asset has the types of ARM."""
    for name, kind in {"description": str, "tags": dict, "properties": dict, "isArchived": bool}.items():
        arm.expect(given, name, kind)


def _answer(resource, status=200):
    return JSONResponse(references.with_public_id(resource), status)


def _page(request, found):
    return arm.page(request, [references.with_public_id(one) for one in found])


# Containers: what all versions of a name have in common


def _next(kept):
    """The version that comes after the highest number."""
    numbers = [int(one["name"]) for one in kept if one["name"].isdecimal()]
    return str(max(numbers, default=0) + 1)


def next_version(state, workspace, collection, name):
    """The number of the version that would come next."""
    return _next(versions.of(state, f"{workspace}/{collection}/{name}"))


def _described(state, container):
    """A container as it is sent: its latest and next versions are worked out."""
    kept = versions.of(state, container["id"])
    newest = versions.latest(state, container["id"])
    found = {"latestVersion": newest["name"] if newest else None, "nextVersion": _next(kept)}
    if kept and "dataType" in kept[0]["properties"]:
        found["dataType"] = kept[0]["properties"]["dataType"]
    return container | {"properties": container["properties"] | found}


def _in_view(request, resources):
    """Those that the list view asks for: ActiveOnly, ArchivedOnly or All."""
    view = request.query_params.get("listViewType", "ActiveOnly")
    view = view.removeprefix("ListViewType.").replace("_", "").lower()  # azure-ai-ml may send the name in its own code
    if view not in ("activeonly", "archivedonly", "all"):
        raise arm.user_error(f"listViewType must be ActiveOnly, ArchivedOnly or All; it is {view!r}.")
    return [one for one in resources if view == "all" or one["properties"]["isArchived"] == (view == "archivedonly")]


async def list_containers(request):
    state = request.app.state
    path = f"{arm.home_of(request)}/{_kind(request).collection}"
    found = [one for one in _in_view(request, arm.children(state, path)) if not _is_hidden(state, one)]
    shown = [_described(state, one) for one in found]
    if path.endswith("/environments") and not references.is_registry(path):
        shown += _in_view(request, curated.containers(arm.home_of(request)))
    return _page(request, shown)


def _is_hidden(state, container):
    """Whether a name is only of what clients made by the way, such as the model of a deployment: it is not listed."""
    if container["name"] in (ANONYMOUS, "CliV2AnonymousEnvironment"):
        return True
    kept = versions.of(state, container["id"])
    return bool(kept) and all(one["properties"].get("isAnonymous") for one in kept)


async def get_container(request):
    found = arm.find(request.app.state, _container_path(request))
    if not found:
        raise references.missing(arm.home_of(request), _kind(request).collection, request.path_params["name"])
    return _answer(_described(request.app.state, found))


def _container(given, before=None):
    kept = (before or {"properties": {}})["properties"]
    _check_words(given)
    read = {name: given.get(name, kept.get(name)) for name in ("description", "tags", "properties")}
    return {"properties": read | {"isArchived": bool(given.get("isArchived", kept.get("isArchived", False)))}}


async def put_container(request):
    state, path = request.app.state, _container_path(request)
    given = arm.properties_of(await arm.body_of(request))
    before = arm.find(state, path)
    if not before:
        _checked_name(_kind(request), request.path_params["name"])
    resource = arm.put(state, path, _container(given, before))
    return _answer(_described(state, resource), 200 if before else 201)


async def delete_container(request):
    there = arm.delete(request.app.state, _container_path(request))
    return Response(None, 200 if there else 204)


# Versions


def _tagged(request, kept):
    """Those that have all the tags of the query: name or name=value, with commas between."""
    wanted = request.query_params.get("tags") or request.query_params.get("$tags") or ""
    for part in filter(None, wanted.split(",")):
        name, there, value = part.partition("=")
        kept = [one for one in kept if name in (one["properties"].get("tags") or {})]
        if there:
            kept = [one for one in kept if one["properties"]["tags"][name] == value]
    return kept


async def list_versions(request):
    state, kind, container = request.app.state, _kind(request), _container_path(request)
    query = request.query_params
    if kind.collection == "codes" and query.get("hash"):
        return _page(request, _with_hash(state, arm.home_of(request), query["hash"]))
    if not kind.empty_list and not arm.find(state, container):
        home, name = arm.home_of(request), request.path_params["name"]
        if kind.collection == "environments" and (found := curated.find(home, name)):
            return _page(request, [found])
        raise references.missing(arm.home_of(request), kind.collection, request.path_params["name"])
    found = versions.of(state, container)
    if re.fullmatch(r"createdtime( asc)?", query.get("$orderBy", ""), re.IGNORECASE):
        found.reverse()
    if query.get("version"):
        found = [one for one in found if one["name"] == query["version"]]
    return _page(request, _tagged(request, _in_view(request, found)))


def _with_hash(state, workspace, wanted):
    """Code of this content that the workspace has: the same folder is kept once, whoever sends it."""
    found = [value for key, value in state.store.items(arm.KIND, f"{workspace.lower()}/codes/") if "/versions/" in key]
    return [one for one in found if (one["properties"].get("properties") or {}).get("hash_sha256") == wanted]


async def get_version(request):
    state, kind = request.app.state, _kind(request)
    version, name = request.path_params["version"], request.path_params["name"]
    by_label = version if version != DEFAULT_VERSION else None
    workspace = arm.home_of(request)
    found = version_of(state, workspace, kind.collection, name, by_label, None if by_label else "latest")
    return _answer(found)


async def delete_version(request):
    there = arm.delete(request.app.state, f"{_container_path(request)}/versions/{request.path_params['version']}")
    return Response(None, 200 if there else 204)


async def put_version_request(request):
    """PUT …/versions/{version}: a new version, or new words about one."""
    given = arm.properties_of(await arm.body_of(request))
    names = request.path_params
    workspace, state = arm.home_of(request), request.app.state
    made = not arm.find(state, f"{_container_path(request)}/versions/{names['version']}")
    collection = _kind(request).collection
    properties = _COMPLETE[collection](state, workspace, given)
    await _check_size(state, workspace, properties)
    if properties.get("modelType") == "mlflow_model":
        path = references.resolve(state, workspace, properties["modelUri"])
        properties["flavors"] = await run_in_threadpool(flavors_of, path)
    if collection == "components":  # clients read name and version from there
        own = {"name": names["name"]} if names["name"] != ANONYMOUS else {}  # which keeps the name it was written with
        properties["componentSpec"] |= {"version": names["version"], **own}
    resource = put_version(state, workspace, collection, names["name"], names["version"], properties)
    return _answer(resource, 201 if made else 200)


async def _check_size(state, workspace, properties):
    """400 for a model or a Docker build context of more files than it may have."""
    if address := properties.get("modelUri"):
        path = references.resolve(state, workspace, address)
        count, _ = await folders.in_thread(folders.extent, path, limits.MODEL_FILES)
        limits.check("ModelVersion.Artifacts", limits.MODEL_FILES, count)
    if address := (properties.get("build") or {}).get("contextUri"):
        try:
            path = references.resolve(state, workspace, address)
        except AzureError:
            return  # an address elsewhere; nothing is built here
        count, size = await folders.in_thread(folders.extent, path, limits.CONTEXT_FILES)
        limits.check("Environment.BuildContext.Files", limits.CONTEXT_FILES, count)
        limits.check("Environment.BuildContext/Bytes", limits.CONTEXT_BYTES, size)


def put_version(state, workspace, collection, name, version, properties):
    """Keep a version of an asset. 409 if it is there with other content: only what describes it can change.

    properties: as in ARM, completed. Returns the resource.
    """
    kind = KINDS[collection.lower()]
    container = f"{workspace}/{kind.collection}/{name}"
    path = f"{container}/versions/{version}"
    before = arm.find(state, path)
    _check_words(properties)
    if before:
        _refuse_change(kind, name, version, before["properties"], properties)
        kept = before["properties"] | {one: properties[one] for one in DESCRIBING if properties.get(one) is not None}
        return arm.put(state, path, {"properties": kept})
    check_new(kind.collection, name, version)
    if not arm.find(state, container):
        arm.put(state, container, _container({"tags": {}, "properties": {}}))
    defaults = {"description": None, "tags": {}, "properties": {}, "isArchived": False, "isAnonymous": False}
    return arm.put(state, path, {"properties": defaults | properties | {"provisioningState": "Succeeded"}})


def _refuse_change(kind, name, version, before, given):
    changed = [one for one in kind.fixed if given.get(one) is not None and not _same(one, before.get(one), given[one])]
    if not changed:
        return
    if kind.collection in ("models", "codes"):
        raise arm.user_error("Asset paths cannot be updated.", 409, "Conflict")
    message = (
        f"{kind.article.capitalize()} {kind.singular} version with this name and version already exists: {name}:"
        f"{version}. Of a version only description, tags and isArchived can be changed, not {' and '.join(changed)}. "
        "Use another version."
    )
    raise arm.user_error(message, 409, "Conflict")


def _same(name, before, given):
    if name != "componentSpec":
        return before == given
    words = ("description", "tags", "display_name", "_source", "name", "version")  # these describe a component
    return _without(before, words) == _without(given, words)


def _without(spec, names):
    return {name: value for name, value in (spec or {}).items() if name not in names}


# What each kind needs


def _text(given, name, what):
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise arm.user_error(f"{what} needs {name}.", inner="MissingField", target=name)
    return value


def _data(state, workspace, given):
    kind = str(given.get("dataType")).lower()
    if kind not in DATA_TYPES:
        raise arm.user_error(f"dataType must be one of {', '.join(DATA_TYPES)}; it is {given.get('dataType')!r}.")
    address, _ = references.located(state, workspace, _text(given, "dataUri", "A data asset"))
    return given | {"dataType": DATA_TYPES[kind], "dataUri": address}


def _model(state, workspace, given):
    kind = given.get("modelType") or "custom_model"
    if kind not in MODEL_TYPES:
        raise arm.user_error(f"modelType must be one of {', '.join(MODEL_TYPES)}; it is {kind!r}.")
    address, job = references.located(state, workspace, _text(given, "modelUri", "A model"))
    references.resolve(state, workspace, address)
    read = {"modelType": kind, "modelUri": address, "flavors": given.get("flavors") or {}, "stage": given.get("stage")}
    return given | read | {"jobName": given.get("jobName") or job}


def flavors_of(path):
    """The flavors of an MLflow model, as its file MLmodel lists them; every value as text."""
    import yaml  # takes a while to load

    try:
        if not (path / MLMODEL).is_file():  # a pipe would be waited for
            raise FileNotFoundError
        if (path / MLMODEL).stat().st_size > MOST_DESCRIBED:
            raise KeyError("flavors")
        described = yaml.safe_load((path / MLMODEL).read_text(encoding="utf-8"))
        flavors = described["flavors"].items()
    except OSError:
        message = f"An MLflow model is a folder with a file {MLMODEL}; there is none at {path.name}."
        raise arm.user_error(message, inner="InvalidModel") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise arm.user_error(f"The file {MLMODEL} of {path.name} lists no flavors.", inner="InvalidModel") from None
    return {
        flavor: {"data": {key: _said(value) for key, value in (data or {}).items() if value is not None}}
        for flavor, data in flavors
    }


def _said(value):
    """A value as text. YAML can name a list within itself, and in a kilobyte one that no memory holds."""
    if not isinstance(value, (list, dict)):
        return str(value)
    short = reprlib.Repr()
    short.maxlevel, short.maxlist, short.maxdict, short.maxstring = 4, 20, 20, 500
    return short.repr(value)


def _environment(state, workspace, given):
    if bool(given.get("image")) == bool(given.get("build")):
        message = "An environment needs either an image or a build context."
        raise arm.user_error(message, inner="MissingField", target="image")
    if build := arm.expect(given, "build", dict):
        build = {"dockerfilePath": "Dockerfile"} | {key: value for key, value in build.items() if value is not None}
    return {"osType": "Linux", **given, "build": build, "environmentType": "UserCreated"}


def _component(state, workspace, given):
    if not isinstance(given.get("componentSpec"), dict) or not given["componentSpec"].get("type"):
        raise arm.user_error("A component needs a componentSpec with a type.", target="componentSpec")
    return given


def _code(state, workspace, given):
    references.resolve(state, workspace, _text(given, "codeUri", "Code"))
    return given


_COMPLETE = {
    "data": _data,
    "models": _model,
    "environments": _environment,
    "components": _component,
    "codes": _code,
}


async def start_pending_upload(request):
    """POST …/startPendingUpload: a container of its own for code that is about to come, and a signature to fill it."""
    state, kind, workspace = request.app.state, _kind(request), arm.home_of(request)
    if kind.collection != "codes":
        raise arm.not_yet(f"startPendingUpload of {kind.collection}")
    await arm.body_of(request)
    reference = signed(state, workspace, datastores.new_container(state, workspace), "racwl")
    return JSONResponse(
        {
            "blobReferenceForConsumption": reference,
            "pendingUploadId": str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
        }
    )


def signed(state, home, container, permissions):
    """A reference to a container of a workspace's or a registry's account, with a signature that opens it."""
    account = datastores.account_of(home)
    address = f"https://{account}.blob.core.windows.net/{container}"
    signature = storage.sas_for(state.secrets, account, container, permissions)
    return {
        "blobUri": address,
        "storageAccountArmId": datastores.account_id(home),
        "credential": {"credentialType": "SAS", "sasUri": f"{address}?{signature}"},
    }


class _Collection(Convertor):
    """A part of a path that names one of the kinds."""

    regex = "|".join(KINDS)

    def convert(self, value):
        return value.lower()

    def to_string(self, value):
        return value


register_url_convertor("collection", _Collection())


def routes_below(base, api_versions=arm.VERSIONS):
    """The routes of assets below the path of a workspace or of a registry."""
    handlers = {
        "": {"GET": list_containers},
        "/{name}": {"GET": get_container, "PUT": put_container, "DELETE": delete_container},
        "/{name}/versions": {"GET": list_versions},
        "/{name}/versions/{version}": {"GET": get_version, "PUT": put_version_request, "DELETE": delete_version},
    }
    return [
        arm.route(f"{base}/{{collection:collection}}{suffix}", handler, (method,), api_versions)
        for suffix, methods in handlers.items()
        for method, handler in methods.items()
    ]


_UPLOAD = f"{arm.WORKSPACE}/{{collection:collection}}/{{name}}/versions/{{version}}/startPendingUpload"
routes = [*routes_below(arm.WORKSPACE), arm.route(_UPLOAD, start_pending_upload, ("POST",))]
