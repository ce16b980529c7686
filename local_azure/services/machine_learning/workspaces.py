"""Workspaces: the one that is there from the beginning, and those that a learner creates."""

import re
import uuid

from starlette.responses import JSONResponse, Response

from ... import identity
from ...userdata import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from .. import storage
from ..resource_manager import resource_groups
from . import arm, computes
from .assets import datastores

API_HOST = f"{arm.REGION}.api.azureml.ms"
SETTINGS = (
    "friendlyName",
    "description",
    "hbiWorkspace",
    "publicNetworkAccess",
    "imageBuildCompute",
    "containerRegistry",
)
NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}"


def create(state, path, location=arm.REGION, tags=None, settings=None):
    """A workspace with its storage account and built-in datastores, or its new settings. Returns the resource."""
    if not re.fullmatch(NAME, arm.name_of(path)):
        message = f"{arm.name_of(path)!r} cannot be a workspace's name: 3 to 33 letters, digits, hyphens, underscores."
        raise arm.user_error(message, inner="InvalidName", target="name")
    before = arm.find(state, path)
    path = before["id"] if before else path
    account = datastores.account_of(path)
    provider = f"{path.split('/providers/')[0]}/providers/Microsoft"
    kept = {name: value for name, value in (settings or {}).items() if name in SETTINGS and value is not None}
    body = {
        "location": location,
        "kind": "Default",
        "tags": tags or {},
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {"type": "SystemAssigned", "principalId": identity.PRINCIPAL, "tenantId": identity.TENANT},
        "properties": {
            "friendlyName": arm.name_of(path),
            "description": "",
            "hbiWorkspace": False,
            "publicNetworkAccess": "Enabled",
            "v1LegacyMode": False,
            "enableDataIsolation": False,
            **kept,
            "workspaceId": before["properties"]["workspaceId"] if before else str(uuid.uuid4()),
            "tenantId": identity.TENANT,
            "provisioningState": "Succeeded",
            "storageAccount": f"{provider}.Storage/storageAccounts/{account}",
            "keyVault": f"{provider}.KeyVault/vaults/{account}",
            "applicationInsights": f"{provider}.Insights/components/{account}",
            "discoveryUrl": f"https://{API_HOST}/discovery",
            "mlFlowTrackingUri": f"azureml://{API_HOST}/mlflow/v1.0{path}",
            "notebookInfo": None,
            "storageHnsEnabled": False,
        },
    }
    resource = arm.put(state, path, body)
    if not before:
        datastores.create_built_in(state, resource["id"], account)
        datastores.ensure_account(state, resource)
    return resource


def first():
    """The id of the workspace whose names start() exports."""
    return arm.workspace_path(SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)


def ensure_first(state):
    """The first workspace, with its cluster, unless it is there."""
    path = first()
    if not arm.find(state, path):
        create(state, path)
        computes.create_cluster(state, path, "cpu-cluster", most=2)
    for workspace in arm.workspaces(state):
        datastores.ensure_account(state, workspace)
        datastores.ensure_file_stores(state, workspace["id"])


async def delete(state, path):
    """A workspace goes with all that is in it, and what runs for it ends. Its storage account stays: it is another
    resource.
    """
    from . import tracking as mlflow
    from .endpoints import endpoints, instances
    from .jobs import running, runs, schedules

    for run in runs.everyone(state, path):
        if run["status"] not in runs.ENDED and not run["parent"]:
            await running.stop(state, run)
    await instances.forget(state, path)
    for kind in (datastores.SECRETS, endpoints.KEYS, runs.KIND, schedules.KIND):
        for key, _ in state.store.items(kind, path.lower() + "/"):
            state.store.delete(kind, key)
    for name, endpoint in state.store.items(endpoints.NAMES):
        if endpoint.lower().startswith(path.lower() + "/"):
            state.store.delete(endpoints.NAMES, name)
    mlflow.forget(state, path)
    arm.delete(state, path)


async def read(request):
    return JSONResponse(arm.get(request.app.state, arm.workspace_of(request)))


async def listed(request):
    names = request.path_params
    if "group" in names:
        resource_groups.require(request)
    found = arm.workspaces(request.app.state, names["subscription"], names.get("group"))
    if kinds := request.query_params.get("kind"):
        found = [one for one in found if one["kind"].lower() in kinds.lower().split(",")]
    return arm.page(request, found)


# What a workspace can have on Azure and would silently not have here: member, what it is, whether it is asked for
UNKEPT = (
    ("managedNetwork", "managed network (isolation_mode)", lambda one: _text(one, "isolationMode") != "disabled"),
    ("networkAcls", "network rules", bool),
    ("encryption", "customer-managed key", lambda one: _text(one, "status") == "enabled"),
    ("systemDatastoresAuthMode", "datastores that are opened by identity", lambda one: str(one).lower() != "accesskey"),
    ("enableDataIsolation", "isolation of data", lambda one: str(one).lower() == "true"),
    ("primaryUserAssignedIdentity", "user-assigned identity", bool),
    ("serverlessComputeSettings", "settings of serverless compute", lambda one: any(one.values())),
    ("hubResourceId", "project of a hub", bool),
)


def _text(value, name):
    return str((value or {}).get(name) or "disabled").lower()


def refuse_unkept(given, path=None):
    """501, by its name, for what would be accepted and not kept. given: members of ARM. path: of the workspace."""
    for member, what, asked in UNKEPT:
        value = given.get(member)
        if value and asked(value):
            raise arm.not_yet(
                f"{what} for a workspace", "It has workspaces on the open network, each with its account."
            )
    before = path and given.get("storageAccount")
    own = datastores.account_of(path) if before else None
    if before and arm.name_of(str(before)).lower() != own:
        raise arm.not_yet("storage account of one's own for a workspace", f"This one's is called {own}.")


def refuse_identity(body):
    if "userassigned" in str((arm.expect(body, "identity", dict) or {}).get("type")).lower().replace(",", ""):
        raise arm.not_yet("user-assigned identity for a workspace", "A workspace here has its own.")


async def write(request):
    """PUT: a workspace, without a template around it."""
    resource_groups.require(request)
    state, names = request.app.state, request.path_params
    path = arm.workspace_path(names["subscription"], names["group"], names["workspace"])
    body = await arm.body_of(request)
    if str(body.get("kind") or "Default").lower() != "default":
        raise arm.not_yet(f"workspaces of the kind {body['kind']}")
    there = arm.find(state, path)
    settings = arm.properties_of(body)
    refuse_unkept(settings, path)
    refuse_identity(body)
    location, tags = arm.expect(body, "location", str, arm.REGION), arm.expect(body, "tags", dict)
    resource = create(state, path, location, tags, settings)
    return arm.done(request, resource, 200 if there else 201)


async def change(request):
    """PATCH: description, tags and the like."""
    state = request.app.state
    before = arm.get(state, arm.workspace_of(request))
    body = await arm.body_of(request)
    given = arm.expect(body, "properties", dict, {})
    refuse_unkept(given)
    refuse_identity(body)
    settings = before["properties"] | {name: value for name, value in given.items() if value is not None}
    tags = arm.expect(body, "tags", dict, before["tags"])
    return JSONResponse(create(state, before["id"], before["location"], tags, settings))


async def remove(request):
    state, names = request.app.state, request.path_params
    found = arm.find(state, arm.workspace_path(names["subscription"], names["group"], names["workspace"]))
    if not found:
        return Response(None, 204)
    if found["id"].lower() == first().lower():
        message = (
            f"The workspace {WORKSPACE} belongs to the course and stays. `python -m local_azure reset` empties it."
        )
        raise arm.user_error(message, 409, "Conflict")
    await delete(state, found["id"])
    return arm.done(request, found, 202)


async def list_keys(request):
    """POST …/listKeys: the key of the workspace's storage account."""
    state, workspace = request.app.state, arm.get(request.app.state, arm.workspace_of(request))
    account = datastores.account_of(workspace["id"])
    return JSONResponse(
        {
            "userStorageKey": storage.account_key(state.secrets, account),
            "userStorageResourceId": workspace["properties"]["storageAccount"],
            "appInsightsInstrumentationKey": None,
            "containerRegistryCredentials": None,
            "notebookAccessKeys": None,
        }
    )


async def resync_keys(request):
    """POST …/resyncKeys: the one key there is never changes, so it is in step."""
    arm.workspace_of(request)
    return Response(None, 200)


async def discovery(request):
    """GET /discovery: the addresses of a workspace's other services. Clients ask without a token."""
    base = f"https://{API_HOST}"
    names = ("api", "history", "pipelines", "experimentation", "modelmanagement", "studio", "dataset", "index")
    return JSONResponse(dict.fromkeys(names, base))


_LIST = f"providers/{arm.PROVIDER}/workspaces"
routes = [
    arm.route(f"/subscriptions/{{subscription}}/{_LIST}", listed),
    arm.route(f"{arm.GROUP}/{_LIST}", listed),
    arm.route(arm.WORKSPACE, read),
    arm.route(arm.WORKSPACE, write, ("PUT",)),
    arm.route(arm.WORKSPACE, change, ("PATCH",)),
    arm.route(arm.WORKSPACE, remove, ("DELETE",)),
    arm.route(f"{arm.WORKSPACE}/listKeys", list_keys, ("POST",)),
    arm.route(f"{arm.WORKSPACE}/resyncKeys", resync_keys, ("POST",)),
    arm.AnyCaseRoute("/discovery", discovery),  # not arm.route: azure-ai-ml sends no token here
]
