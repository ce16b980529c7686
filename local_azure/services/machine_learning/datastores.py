"""Datastores: names for containers of a storage account."""

import hashlib
import uuid

from starlette.responses import JSONResponse

from .. import storage
from . import arm

DEFAULT = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
ARTIFACT_CONTAINER = "azureml"


def account_of(workspace):
    """The storage account of a workspace: a name of its own for each ARM id."""
    return "localazure" + hashlib.sha256(workspace.lower().encode()).hexdigest()[:8]


def create_built_in(state, workspace, account):
    """The two datastores that every workspace has."""
    containers = {DEFAULT: f"azureml-blobstore-{uuid.uuid4()}", ARTIFACTS: ARTIFACT_CONTAINER}
    for name, container in containers.items():
        storage.create_container(state, account, container)
        properties = {
            "datastoreType": "AzureBlob", "accountName": account, "containerName": container, "protocol": "https",
            "endpoint": "core.windows.net", "credentials": {"credentialsType": "AccountKey"}, "tags": {},
            "isDefault": name == DEFAULT, "serviceDataAccessAuthIdentity": "None", "properties": {},
            "description": None,
        }  # fmt: skip
        arm.put(state, f"{workspace}/datastores/{name}", {"properties": properties})


def path(state, workspace, name, relative=""):
    """Where a path of a datastore lies on disk. It need not exist; 404 if the datastore does not."""
    properties = arm.get(state, f"{workspace}/datastores/{name}")["properties"]
    return storage.path_of(state, properties["accountName"], properties["containerName"], relative)


async def read(request):
    where = f"{arm.workspace_of(request)}/datastores/{request.path_params['name']}"
    return JSONResponse(arm.get(request.app.state, where))


routes = [arm.route(f"{arm.WORKSPACE}/datastores/{{name}}", read)]
