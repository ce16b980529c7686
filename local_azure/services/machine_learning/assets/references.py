"""The many ways to name data, and where what is named lies on disk."""

import re
from urllib.parse import unquote, urlsplit

from ....errors import AzureError
from ... import storage
from ...storage.routes import HOST as BLOB_HOST
from .. import arm
from . import curated, datastores, versions

DATASTORE = re.compile(r"azureml:/*(?:subscriptions/.*?/)?datastores/([^/]+)/paths/?(.*)", re.IGNORECASE)
RUN = re.compile(r"azureml:/*jobs/([^/]+)/outputs/([^/]+)(?:/paths)?/?(.*)", re.IGNORECASE)
OF_REGISTRY = re.compile(
    r"azureml:/*registries/([^/]+)/(data|models|environments|components|codes)/([^/]+)/(versions|labels)/([^/]+)",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"(?:azureml:)?(/subscriptions/.*)/(data|models|environments|components)/([^/]+)/labels/([^/]+)",
    re.IGNORECASE,
)
ASSET = re.compile(r"(?:azureml:)?/*(?:.*/)?(data|models|codes)/([^/]+)/versions/([^/]+)", re.IGNORECASE)
SHORT = re.compile(r"(?:azureml:)?(?!azureml:)([^/:@]+)(?::([^/:@]+)|@([^/:@]+))")
ADDRESS = {"data": "dataUri", "models": "modelUri", "codes": "codeUri"}
REGISTRIES = "ml-registry"  # kind of the store's records: key a registry's name in small letters, value its ARM id
LABELS = {"components": ("latest", "default")}  # azure-ai-ml leaves it to the service which version is the default
MICROSOFTS = "azureml"  # the name of Microsoft's own registry, open to everybody on Azure


def long_form(workspace, uri):
    """The address of a datastore's path with the workspace in it, as Azure writes it; others are returned as they are.

    workspace: ARM id.
    """
    found = DATASTORE.fullmatch(uri)
    if not found:
        return uri
    _, _, subscription, _, group, *_, name = workspace.split("/")
    scope = f"subscriptions/{subscription}/resourcegroups/{group}/workspaces/{name}"
    return f"azureml://{scope}/datastores/{found[1]}/paths/{found[2]}"


def located(state, workspace, uri):
    """An address in its lasting form: outputs of jobs and runs:/… become paths of the datastore where they lie.

    Returns (address, name of the job or None).
    """
    mlflow = re.fullmatch(r"runs:/+([^/]+)/(.+)", uri)
    if mlflow:
        uri = f"azureml://jobs/{mlflow[1]}/outputs/artifacts/paths/{mlflow[2]}"
    found = RUN.fullmatch(uri)
    if not found:
        return long_form(workspace, uri), None
    from ..jobs import runs

    where = runs.output(state, workspace, found[1], found[2]).rstrip("/")
    return long_form(workspace, f"{where}/{found[3]}".rstrip("/")), found[1]


def version_of(state, workspace, collection, name, version=None, label=None):
    """The resource of an asset's version, by version or by label. 404 if there is none."""

    if label:
        if label.lower() not in LABELS.get(collection, ("latest",)):
            raise arm.user_error(f"{name} has no label {label}. Assets here have the label latest.", 404, "NotFound")
        found = versions.latest(state, f"{workspace}/{collection}/{name}")
        found = found or (curated.find(workspace, name) if collection == "environments" else None)
        if not found:
            raise missing(workspace, collection, name)
        return found
    found = arm.find(state, f"{workspace}/{collection}/{name}/versions/{version}")
    if not found and collection == "environments":
        found = curated.find(workspace, name, version)
    if not found:
        raise missing(workspace, collection, name, version)
    return found


def missing(home, collection, name, version=None):
    """404 for an asset that a workspace or a registry has not."""
    what = f"version {version} of {name}" if version else name
    kind = collection.removesuffix("s")
    where = "registry" if is_registry(home) else "workspace"
    return arm.user_error(f"The {kind} asset {what} was not found in {where} {arm.name_of(home)}.", 404, "NotFound")


# Assets by id, those of registries among them


def is_registry(path):
    """Is this the ARM id of a registry, or of something in one?"""
    return "/registries/" in path.lower()


def registry_of(state, name):
    """The ARM id of the registry of this name, which is the only one of all resource groups; 404 if there is none."""
    path = state.store.get(REGISTRIES, name.lower())
    if path and arm.find(state, path):
        return path
    message = f"Registry with name {name} was not found."
    if name.lower() == MICROSOFTS:
        message += (
            " It is Microsoft's own, with models, components and environments for everybody on Azure; the local Azure "
            "has no copy of it. Here are only registries that were created with ml_client.registries.begin_create."
        )
    raise arm.user_error(message, 404, "NotFound")


def asset(state, reference):
    """The resource of a version by its id, with a version or with …/labels/latest; 404 if there is none.

    reference: an ARM id, or azureml://registries/<registry>/<kind>/<name>/versions/<version>.
    """
    if found := LABELLED.fullmatch(reference):
        home, collection, name, label = found.groups()
        return version_of(state, home, collection.lower(), name, label=label)
    found = OF_REGISTRY.fullmatch(reference)
    if not found:
        path = reference.removeprefix("azureml:")
        return arm.find(state, path) or curated.by_id(path) or arm.get(state, path)
    registry, kind, name, by, which = found.groups()
    version, label = (which, None) if by.lower() == "versions" else (None, which)
    return version_of(state, registry_of(state, registry), kind.lower(), name, version, label)


def find_asset(state, reference):
    """The same, or None."""
    try:
        return asset(state, reference)
    except AzureError:
        return None


def require_environment(state, reference):
    """404 for an environment that there is not.

    Microsoft's own are taken as they are named: no image is built of any environment here.
    """
    path = reference.removeprefix("azureml:")
    of_registry = OF_REGISTRY.fullmatch(reference)
    own = path.lower().startswith("/subscriptions/") and "/labels/" not in path
    if own or (of_registry and of_registry[1].lower() != MICROSOFTS):
        asset(state, reference)


def with_public_id(resource):
    """A resource as clients see it: what is in a registry has an id of the registry's own, without a resource group."""
    found = re.fullmatch(f"/subscriptions/.*/{arm.PROVIDER}/(registries/[^/]+/.+)", resource["id"], re.IGNORECASE)
    return resource | {"id": f"azureml://{found[1]}"} if found else resource


def resolve(state, workspace, reference, collection="data"):
    """Where the file or folder that a reference names lies on disk. It exists; AzureError 400 or 404 otherwise.

    workspace: ARM id. reference: azureml:name:version, azureml:name@latest, an ARM id of a data, model or code version,
    azureml://registries/…, azureml://datastores/…/paths/…, azureml://subscriptions/…/datastores/…/paths/…, azureml://jobs/<run>/outputs/<name>
    (…/paths/… below it), runs:/<run>/<path>, or the https address of a blob here. collection: what a short name means.
    """
    path = _path(state, workspace, str(reference), collection)
    if not path.exists():
        message = f"The data that {reference} names does not exist: there is nothing at that path of its datastore."
        if re.match(r"https:|wasbs?:", str(reference), re.IGNORECASE):
            message = (
                f"There is no blob at {reference}: the local Azure has what was written to it, not the internet's."
            )
        raise arm.user_error(message, 404, "NotFound")
    return path


def _path(state, workspace, reference, collection):
    if re.match(r"runs:/|azureml:/*jobs/", reference, re.IGNORECASE):
        reference, _ = located(state, workspace, reference)
    if found := DATASTORE.fullmatch(reference):
        return datastores.path(state, workspace, found[1], unquote(found[2]))
    if re.match(r"https?:|wasbs?:|abfss?:|adl:", reference, re.IGNORECASE):
        return _blob(state, reference)
    if (found := OF_REGISTRY.fullmatch(reference)) and found[2].lower() in ADDRESS:
        address = asset(state, reference)["properties"][ADDRESS[found[2].lower()]]
        return _path(state, workspace, address, collection)
    if found := ASSET.fullmatch(reference):
        kind = found[1].lower()
        version = version_of(state, workspace, kind, found[2], found[3])
        return _path(state, workspace, version["properties"][ADDRESS[kind]], collection)
    if found := SHORT.fullmatch(reference):
        version = version_of(state, workspace, collection, *found.groups())
        return _path(state, workspace, version["properties"][ADDRESS[collection]], collection)
    message = (
        f"{reference!r} names no data. Write azureml:<name>:<version>, or an address such as azureml://datastores/…"
    )
    raise arm.user_error(message)


def _blob(state, address):
    parts = urlsplit(address)
    container, _, name = unquote(parts.path.lstrip("/")).partition("/")
    account = (parts.hostname or "").removesuffix(BLOB_HOST)
    if parts.scheme in ("wasb", "wasbs"):
        container, name = parts.username or "", unquote(parts.path.strip("/"))
    if parts.scheme not in ("https", "wasb", "wasbs") or not (parts.hostname or "").endswith(BLOB_HOST):
        message = f"The local Azure reads data of its own datastores and storage accounts; {address} is elsewhere."
        raise arm.user_error(message, inner="NotSupported")
    return storage.path_of(state, account, container, name)
