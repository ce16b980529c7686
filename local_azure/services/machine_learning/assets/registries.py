"""Registries: assets that the workspaces of an organisation share, with a storage account of their own.

A registry is made through ARM. Its assets are reached at an address that clients discover by the registry's name alone.
They are kept like those of a workspace, so that this module has only what a workspace has not: discovery, signatures
for uploads and downloads, and import, which copies an asset of a workspace with its files.
"""

import re
import uuid

from starlette.responses import JSONResponse, Response

from .... import folders, identity
from ... import storage
from ...resource_manager import resource_groups
from .. import arm
from ..workspaces import API_HOST
from . import assets, datastores, references

NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}"
ASSETS_VERSIONS = ("2021-10-01-dataplanepreview",)
PREFIX = "/mferp/managementfrontend"  # of the addresses of a registry's assets
SHARED = ("models", "data", "environments")  # what can be imported from a workspace
SOURCE = re.compile(r"azureml://locations/[^/]+/workspaces/([^/]+)/([^/]+)/([^/]+)/versions/([^/]+)", re.IGNORECASE)
ACCOUNT = {"storageAccountType": "standard_lrs", "storageAccountHnsEnabled": False}


# The registry itself


def _path(request):
    names = request.path_params
    return arm.REGISTRY.format(subscription=names["subscription"], group=names["group"], registry=names["registry"])


def _check_free(state, path):
    """400 for a name that no registry can have; 409 for one that a registry of another resource group has."""
    name = arm.name_of(path)
    if not re.fullmatch(NAME, name):
        message = f"{name!r} cannot be a registry's name: 3 to 33 letters, digits, hyphens, underscores."
        raise arm.user_error(message, inner="InvalidName", target="name")
    other = state.store.get(references.REGISTRIES, name.lower())
    taken = other and other.lower() != path.lower() and arm.find(state, other)
    if taken or name.lower() == references.MICROSOFTS:
        message = f"The registry name {name} is taken. Names of registries are unique in all of Azure; choose another."
        raise arm.user_error(message, 409, "Conflict", target="name")


def _regions(path, location, given):
    """The regions of a registry as ARM describes them: the accounts that Azure would make, with ids."""
    regions = arm.expect(given, "regionDetails", list, [])
    if not all(isinstance(one, dict) and isinstance(one.get("location"), str) for one in regions):
        raise arm.user_error("Each of regionDetails needs a location.", inner="MissingField", target="regionDetails")
    if not any(_plain(one["location"]) == _plain(location) for one in regions):
        message = f"replication_locations (regionDetails) must name the registry's own location, {location}."
        raise arm.user_error(message, inner="MissingField", target="regionDetails")
    return [_region(path, one) for one in regions]


def _plain(region):
    return region.replace(" ", "").lower()


def _region(path, given):
    found = {"location": given["location"], "acrDetails": [], "storageAccountDetails": []}
    for account in arm.expect(given, "acrDetails", list, []):
        _check_account(account)
        own = account.get("systemCreatedAcrAccount")
        if isinstance(own, dict):
            made = {"acrAccountSku": own.get("acrAccountSku") or "Premium", "armResourceId": None}  # no image is kept
            account = {"systemCreatedAcrAccount": made}
        found["acrDetails"].append(account)
    for account in arm.expect(given, "storageAccountDetails", list, []) or [{"systemCreatedStorageAccount": {}}]:
        _check_account(account)
        own = account.get("systemCreatedStorageAccount")
        if isinstance(own, dict):
            kept = {name: own[name] for name in ACCOUNT if own.get(name) is not None}
            made = {"storageAccountName": datastores.account_of(path), **ACCOUNT, **kept}
            made["armResourceId"] = {"resourceId": datastores.account_id(path)}
            account = {"systemCreatedStorageAccount": made}
        found["storageAccountDetails"].append(account)
    return found


def _check_account(account):
    if not isinstance(account, dict):
        raise arm.user_error("An account of a registry must be an object.", target="regionDetails")
    for kind in ("userCreatedAcrAccount", "userCreatedStorageAccount"):
        if account.get(kind):
            raise arm.not_yet("account of your own in a registry", "A registry here makes its own storage account.")


def _registry(path, location, tags, given):
    """A registry as ARM keeps it."""
    return {
        "location": location,
        "kind": None,
        "tags": tags,
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": identity.PRINCIPAL, "tenantId": identity.TENANT},
        "properties": {
            "publicNetworkAccess": arm.expect(given, "publicNetworkAccess", str, "Enabled"),
            "discoveryUrl": f"https://{API_HOST}/registrymanagement/v1.0/registries/{arm.name_of(path)}/discovery",
            "intellectualPropertyPublisher": arm.expect(given, "intellectualPropertyPublisher", str),
            "managedResourceGroup": None,
            "mlFlowRegistryUri": f"azureml://{API_HOST}/mlflow/v1.0{path}",
            "registryPrivateEndpointConnections": [],
            "regionDetails": _regions(path, location, given),
            "provisioningState": "Succeeded",
        },
    }


async def write(request):
    """PUT: a new registry, or a registry's new settings."""
    state, path = request.app.state, _path(request)
    body = await arm.body_of(request)
    given = arm.properties_of(body)
    resource_groups.require(request)
    _check_free(state, path)
    before = arm.find(state, path)
    path = before["id"] if before else path
    location = arm.expect(body, "location", str)
    if not location:
        raise arm.user_error("The location property is required for a registry.", inner="MissingField")
    if before and _plain(before["location"]) != _plain(location):
        message = f"The registry {arm.name_of(path)} is in {before['location']}; its location cannot be changed."
        raise arm.user_error(message, 409, "Conflict", target="location")
    made = _registry(path, location, arm.expect(body, "tags", dict, {}), given)
    state.store.put(references.REGISTRIES, arm.name_of(path).lower(), path)
    return arm.done(request, arm.put(state, path, made), 200 if before else 201)


async def read(request):
    return JSONResponse(arm.get(request.app.state, _path(request)))


async def change(request):
    """PATCH: the tags."""
    state, body = request.app.state, await arm.body_of(request)
    before = arm.get(state, _path(request))
    return JSONResponse(arm.put(state, before["id"], before | {"tags": arm.expect(body, "tags", dict, before["tags"])}))


async def listed(request):
    state, names = request.app.state, request.path_params
    if "group" in names:
        resource_groups.require(request)
    start = f"/subscriptions/{names['subscription']}/"
    if "group" in names:
        start += f"resourceGroups/{names['group']}/"
    paths = [path for _, path in state.store.items(references.REGISTRIES) if path.lower().startswith(start.lower())]
    return arm.page(request, [found for path in paths if (found := arm.find(state, path))])


async def remove(request):
    state = request.app.state
    found = arm.find(state, _path(request))
    if not found:
        return Response(None, 204)
    await delete(state, found)
    return arm.done(request, found, 202)


async def delete(state, registry):
    """A registry goes with its assets and their files."""
    arm.delete(state, registry["id"])
    state.store.delete(references.REGISTRIES, registry["name"].lower())
    folder = storage.path_of(state, datastores.account_of(registry["id"]), "none").parent
    if gone := folders.set_aside(state.home, folder):
        state.background(folders.remove(gone))


async def discovery(request):
    """GET /registrymanagement/v1.0/registries/{registry}/discovery: where a registry is, by its name."""
    state = request.app.state
    found = arm.get(state, references.registry_of(state, request.path_params["registry"]))
    _, _, subscription, _, group, *_ = found["id"].split("/")
    regions = [_plain(one["location"]) for one in found["properties"]["regionDetails"]]
    fqdn = {"registryFqdn": API_HOST, "isPrivateLinkEnabled": False}
    return JSONResponse(
        {
            "registryName": found["name"],
            "tenantId": identity.TENANT,
            "subscriptionId": subscription,
            "resourceGroup": group,
            "workspaceName": None,
            "primaryRegion": _plain(found["location"]),
            "regions": regions,
            "primaryRegionResourceProviderUri": f"https://{API_HOST}/",
            "resourceId": found["id"],
            "registryFqdns": dict.fromkeys([*regions, arm.REGION], fqdn),  # all regions are this machine
        }
    )


# Its assets


def _asset_of(request, body):
    """(collection, name, version) that the body's assetId names, which must be what the path names; 400 otherwise."""
    names = request.path_params
    found = references.OF_REGISTRY.fullmatch(arm.expect(body, "assetId", str, ""))
    if not found or (found[1].lower(), found[3], found[5]) != (
        names["registry"].lower(), names["name"], names["version"],
    ):  # fmt: skip
        message = f"assetId must be azureml://registries/{names['registry']}/<kind>/<name>/versions/<version>."
        raise arm.user_error(message, target="assetId")
    return found[2].lower(), found[3], found[5]


def _check_new(state, home, collection, name, version):
    """400 for a name or version that there cannot be, 409 for a version that is there."""
    assets.check_new(collection, name, version)
    if arm.find(state, f"{home}/{collection}/{name}/versions/{version}"):
        message = f"The asset {name}:{version} already exists in registry {arm.name_of(home)}."
        raise arm.user_error(message, 409, "Conflict")


async def prepare_upload(request):
    """PUT …/tempdatarefs/{name}/versions/{version}: a container for an asset's files, and a signature to fill it.

    409 if the version is there: clients take that to mean that there is nothing to upload.
    """
    state, home = request.app.state, arm.home_of(request)
    collection, name, version = _asset_of(request, await arm.body_of(request))
    _check_new(state, home, collection, name, version)
    reference = assets.signed(state, home, datastores.new_container(state, home), "racwl")
    return JSONResponse(
        {
            "blobReferenceForConsumption": reference,
            "temporaryDataReferenceId": str(uuid.uuid4()),
            "temporaryDataReferenceType": "TemporaryBlobReference",
        }
    )


async def prepare_download(request):
    """POST …/datarefs/{name}/versions/{version}: a signature to read the files of an asset."""
    state, home = request.app.state, arm.home_of(request)
    collection, name, version = _asset_of(request, await arm.body_of(request))
    found = references.version_of(state, home, collection, name, version)
    path = references.resolve(state, home, found["properties"].get(references.ADDRESS.get(collection)) or "")
    account = storage.path_of(state, datastores.account_of(home), "none").parent
    if not path.is_relative_to(account):
        message = f"The files of {name}:{version} are not in the registry's own storage; read them where they are."
        raise arm.user_error(message)
    reference = assets.signed(state, home, path.relative_to(account).parts[0], "rl")
    return JSONResponse({"blobReferenceForConsumption": reference})


async def import_asset(request):
    """POST …/import: a copy of a workspace's asset, with its files, that does not change when the workspace does."""
    state, home = request.app.state, arm.home_of(request)
    given = arm.properties_of(await arm.body_of(request))
    found = SOURCE.fullmatch(arm.expect(given, "sourceAssetId", str, ""))
    if not found:
        message = "sourceAssetId must be azureml://locations/<region>/workspaces/<id>/<kind>/<name>/versions/<version>."
        raise arm.user_error(message, target="sourceAssetId")
    guid, collection, name, version = found.groups()
    collection = collection.lower()
    if collection not in SHARED:
        raise arm.not_yet(f"import of {collection} into a registry", f"It imports {', '.join(SHARED)}.")
    workspace = _workspace_with(state, guid)
    source = references.version_of(state, workspace, collection, name, version)
    name = arm.expect(given, "destinationName", str, name)
    version = arm.expect(given, "destinationVersion", str, version)
    _check_new(state, home, collection, name, version)
    properties = source["properties"] | {"isArchived": False}
    member = references.ADDRESS.get(collection)
    if member:
        properties |= {member: await _copied(state, workspace, home, properties[member])}
    elif address := (properties.get("build") or {}).get("contextUri"):
        context = await _copied(state, workspace, home, address)
        properties["build"] = properties["build"] | {"contextUri": f"{context}/"}
    arm.get(state, home)  # it may have been deleted meanwhile
    assets.put_version(state, home, collection, name, version, properties)
    operation = arm.start_operation(state, "")  # whose result is empty, as on Azure: clients then ask for the asset
    arm.finish_operation(state, operation)
    return arm.accepted(request, operation, None, 202)


def _workspace_with(state, guid):
    """The ARM id of the workspace with this id of its own, in whatever subscription; 404 if there is none."""
    for one in arm.workspaces(state):
        if one["properties"]["workspaceId"] == guid:
            return one["id"]
    raise arm.user_error(f"There is no workspace with the id {guid}.", 404, "NotFound")


async def _copied(state, workspace, home, address):
    """Copy what lies at an address of a workspace into a container of the registry's. Returns the new address."""
    path = references.resolve(state, workspace, address)
    account, container = datastores.account_of(home), datastores.new_container(state, home)
    name = re.sub("[#?%]", "_", path.name)  # which mean something else in an address
    target = storage.path_of(state, account, container, name)
    await folders.in_thread(folders.copy_any, path, target)
    return f"https://{account}.blob.core.windows.net/{container}/{name}"


_LIST = f"providers/{arm.PROVIDER}/registries"
_ASSETS = PREFIX + arm.REGISTRY


def _asset_route(suffix, handler, method):
    return arm.route(_ASSETS + suffix, handler, (method,), ASSETS_VERSIONS)


routes = [
    arm.route(f"/subscriptions/{{subscription}}/{_LIST}", listed),
    arm.route(f"{arm.GROUP}/{_LIST}", listed),
    arm.route(arm.REGISTRY, read),
    arm.route(arm.REGISTRY, write, ("PUT",)),
    arm.route(arm.REGISTRY, change, ("PATCH",)),
    arm.route(arm.REGISTRY, remove, ("DELETE",)),
    arm.route("/registrymanagement/v1.0/registries/{registry}/discovery", discovery, versions=None),
    _asset_route("/tempdatarefs/{name}/versions/{version}", prepare_upload, "PUT"),
    _asset_route("/datarefs/{name}/versions/{version}", prepare_download, "POST"),
    _asset_route("/import", import_asset, "POST"),
    *assets.routes_below(_ASSETS, ASSETS_VERSIONS),
]
