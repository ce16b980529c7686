"""Datastores: names for containers of a storage account, and what opens them."""

import hashlib
import re
import uuid

from starlette.responses import JSONResponse, Response

from ... import storage
from .. import arm

DEFAULT = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
FILES, WORKING = "workspacefilestore", "workspaceworkingdirectory"
BUILT_IN = (DEFAULT, ARTIFACTS, FILES, WORKING)
ARTIFACT_CONTAINER = "azureml"
SECRETS = "ml-secret"  # kind of the store's records: what a learner gave to open a datastore; key: its ARM id
OPENED_BY = ("AccountKey", "Sas", "None")
MOST_HOURS = 72  # that a signature can be asked for


def account_of(workspace):
    """The storage account of a workspace or a registry: a name of its own for each ARM id."""
    return "localazure" + hashlib.sha256(workspace.lower().encode()).hexdigest()[:8]


def account_id(home):
    """The ARM id of the storage account of a workspace or a registry."""
    return f"{home.split('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/{account_of(home)}"


def ensure_account(state, workspace):
    """The storage account of a workspace as a resource of its group. It outlives the workspace."""
    path = account_id(workspace["id"])
    if not arm.find(state, path):
        body = {
            "location": workspace["location"], "kind": "StorageV2", "tags": {},
            "sku": {"name": "Standard_LRS", "tier": "Standard"},
            "properties": {
                "provisioningState": "Succeeded",
                "primaryEndpoints": {"blob": f"https://{account_of(workspace['id'])}.blob.core.windows.net/"},
            },
        }  # fmt: skip
        arm.put(state, path, body)


def new_container(state, home):
    """The name of an empty container in the account of a workspace or a registry."""
    container = f"{uuid.uuid4()}-{uuid.uuid4().hex[:16]}"
    storage.create_container(state, account_of(home), container)
    return container


def _blob_store(account, container, opened_by="AccountKey", **more):
    return {
        "datastoreType": "AzureBlob", "accountName": account, "containerName": container, "protocol": "https",
        "endpoint": "core.windows.net", "credentials": {"credentialsType": opened_by}, "description": None,
        "isDefault": False, "serviceDataAccessAuthIdentity": "None", "tags": {}, "properties": {}, **more,
    }  # fmt: skip


def create_built_in(state, workspace, account):
    """The datastores that every workspace has."""
    containers = {DEFAULT: f"azureml-blobstore-{uuid.uuid4()}", ARTIFACTS: ARTIFACT_CONTAINER}
    for name, container in containers.items():
        storage.create_container(state, account, container)
        properties = _blob_store(account, container, isDefault=name == DEFAULT)
        arm.put(state, f"{workspace}/datastores/{name}", {"properties": properties})
    ensure_file_stores(state, workspace)


def ensure_file_stores(state, workspace):
    """The two datastores of file shares, which are there by name alone: this machine has no file shares."""
    shares = {FILES: f"azureml-filestore-{uuid.uuid4()}", WORKING: f"code-{uuid.uuid4()}"}
    for name, share in shares.items():
        if not arm.find(state, f"{workspace}/datastores/{name}"):
            properties = _blob_store(account_of(workspace), None) | {
                "datastoreType": "AzureFile",
                "fileShareName": share,
            }
            properties.pop("containerName")
            arm.put(state, f"{workspace}/datastores/{name}", {"properties": properties})


def get(state, workspace, name):
    """The resource of a datastore; 404 in the service's words if there is none."""
    found = arm.find(state, f"{workspace}/datastores/{name}")
    if not found:
        raise arm.user_error(f"Could not find datastore: {name}.", 404, "NotFound")
    return found


def path(state, workspace, name, relative=""):
    """Where a path of a datastore lies on disk. It need not exist; 404 if the datastore does not."""
    properties = get(state, workspace, name)["properties"]
    if properties["datastoreType"] == "AzureFile":
        raise arm.not_yet(f"file shares, such as that of the datastore {name}", f"Take {DEFAULT}.")
    return storage.path_of(state, properties["accountName"], properties["containerName"], relative)


async def read(request):
    return JSONResponse(get(request.app.state, arm.workspace_of(request), request.path_params["name"]))


async def listed(request):
    """GET …/datastores: all, or the default, or those of some names."""
    found = arm.children(request.app.state, f"{arm.workspace_of(request)}/datastores")
    query = request.query_params
    if query.get("isDefault", "").lower() == "true":
        found = [one for one in found if one["properties"]["isDefault"]]
    if names := query.getlist("names"):
        found = [one for one in found if one["name"] in ",".join(names).split(",")]
    if text := query.get("searchText"):
        found = [one for one in found if text.lower() in one["name"].lower()]
    return arm.page(request, found, max(1, arm.number(request, "count", arm.PAGE)))


async def write(request):
    """PUT …/datastores/{name}: a container of blobs gets a name. Nothing is created in the account, as on Azure."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    given = arm.properties_of(await arm.body_of(request))
    if not re.fullmatch(r"[a-z0-9_]{1,255}", name):
        message = f"{name!r} cannot be the name of a datastore: small letters, digits and underscores."
        raise arm.user_error(message, inner="InvalidName", target="name")
    if given.get("datastoreType") != "AzureBlob":
        raise arm.not_yet(f"datastore of the type {given.get('datastoreType')}", "It has AzureBlob.")
    before = arm.find(state, f"{workspace}/datastores/{name}")
    if before and name in BUILT_IN:
        raise arm.user_error(f"{name} is a datastore of the workspace itself and cannot be changed.")
    for key in ("accountName", "containerName"):
        if not isinstance(given.get(key), str):
            raise arm.user_error(f"A datastore of blobs needs {key}.", inner="MissingField", target=key)
    storage.path_of(state, given["accountName"], given["containerName"])
    credentials = arm.expect(given, "credentials", dict, {"credentialsType": "None"})
    opened_by = credentials.get("credentialsType")
    if opened_by not in OPENED_BY:
        raise arm.not_yet(f"datastore that is opened by {opened_by}", f"It has {', '.join(OPENED_BY)}.")
    kept = {key: arm.expect(given, key, dict, {}) for key in ("tags", "properties")}
    kept["description"] = arm.expect(given, "description", str)
    properties = _blob_store(given["accountName"], given["containerName"], opened_by, **kept)
    resource = arm.put(state, f"{workspace}/datastores/{name}", {"properties": properties})
    if secrets := arm.expect(credentials, "secrets", dict):
        state.store.put(SECRETS, resource["id"].lower(), secrets)
    return JSONResponse(resource, 200 if before else 201)


async def remove(request):
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    if name in BUILT_IN:
        raise arm.user_error(f"{name} is a datastore of the workspace itself and cannot be deleted.")
    path = f"{workspace}/datastores/{name}"
    state.store.delete(SECRETS, path.lower())
    return Response(None, 200 if arm.delete(state, path) else 204)


async def list_secrets(request):
    """POST …/listSecrets: what opens the container. With expirableSecret, a signature instead of the account's key."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    asked = await arm.body_of(request)
    resource = get(state, workspace, name)
    properties = resource["properties"]
    kept = state.store.get(SECRETS, resource["id"].lower()) or {}
    opened_by = properties["credentials"]["credentialsType"]
    if opened_by == "None":
        raise arm.user_error(f"The datastore {name} keeps no credentials: each caller's own identity opens it.")
    if opened_by == "Sas":
        return JSONResponse({"secretsType": "Sas", "sasToken": str(kept.get("sasToken", "")).lstrip("?")})
    account = properties["accountName"]
    key = kept.get("key") or storage.account_key(state.secrets, account)
    if not asked.get("expirableSecret"):
        return JSONResponse({"secretsType": "AccountKey", "key": key})
    hours = asked.get("expireAfterHours", 1)
    hours = min(max(hours, 1), MOST_HOURS) if isinstance(hours, int) else 1
    signature = storage.sas_for(state.secrets, account, permissions="racwdl", hours=hours, key=key)
    return JSONResponse({"secretsType": "Sas", "sasToken": signature})


async def list_keys(request):
    """POST …/Microsoft.Storage/storageAccounts/{account}/listKeys: the key of a storage account."""
    key = storage.account_key(request.app.state.secrets, request.path_params["account"])
    return JSONResponse({"keys": [{"keyName": "key1", "value": key, "permissions": "FULL"}]})


_STORAGE = f"{arm.GROUP}/providers/Microsoft.Storage/storageAccounts/{{account}}"
STORAGE_VERSIONS = ("2023-01-01", "2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01")
routes = [
    arm.route(f"{arm.WORKSPACE}/datastores", listed),
    arm.route(f"{arm.WORKSPACE}/datastores/{{name}}", read),
    arm.route(f"{arm.WORKSPACE}/datastores/{{name}}", write, ("PUT",)),
    arm.route(f"{arm.WORKSPACE}/datastores/{{name}}", remove, ("DELETE",)),
    arm.route(f"{arm.WORKSPACE}/datastores/{{name}}/listSecrets", list_secrets, ("POST",)),
    arm.route(f"{_STORAGE}/listKeys", list_keys, ("POST",), STORAGE_VERSIONS),
]
