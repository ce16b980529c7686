"""Workspaces: the one that is there from the beginning, and those that a learner creates."""

import uuid

from starlette.responses import JSONResponse

from ... import identity
from ...userdata import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE
from . import arm, computes, datastores

API_HOST = f"{arm.REGION}.api.azureml.ms"


def create(state, path, location=arm.REGION, tags=None, properties=None, kind="Default"):
    """A workspace with its storage account and built-in datastores. Returns the resource."""
    group = path.split("/providers/")[0]
    account = datastores.account_of(path)
    provider = f"{group}/providers/Microsoft"
    before = arm.find(state, path)
    body = {
        "location": location,
        "kind": kind,
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
            **(properties or {}),
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
    return resource


def ensure_first(state):
    """The workspace whose names start() exports, with its cluster, unless it is there."""
    path = arm.workspace_path(SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)
    if not arm.find(state, path):
        create(state, path)
        computes.create_cluster(state, path, "cpu-cluster", most=2)


async def read(request):
    return JSONResponse(arm.get(request.app.state, arm.workspace_of(request)))


async def discovery(request):
    """GET /discovery: the addresses of a workspace's other services. Clients ask without a token."""
    base = f"https://{API_HOST}"
    names = ("api", "history", "pipelines", "experimentation", "modelmanagement", "studio", "dataset", "index")
    return JSONResponse(dict.fromkeys(names, base))


routes = [
    arm.route(arm.WORKSPACE, read),
    arm.AnyCaseRoute("/discovery", discovery),
]
