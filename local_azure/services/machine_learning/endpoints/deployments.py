"""The little of template deployments that creating a workspace needs.

`MLClient.workspaces.begin_create` sends a template with a workspace and what it depends on. Of a template the workspace
is made; storage comes with it, and a key vault, a registry or monitoring have no counterpart here.
"""

import time

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response

from .... import folders
from ....errors import AzureError
from ... import storage
from ...resource_manager import resource_groups
from .. import arm, workspaces
from ..assets import datastores

# of the storage accounts, vaults and the like that a workspace names
DEPENDENT_VERSIONS = ("2015-05-01", "2019-04-01", "2019-06-01", "2019-09-01", "2020-02-02", "2022-07-01", "2023-01-01")
STORAGE_VERSIONS = ("2019-04-01", "2019-06-01", "2022-09-01", "2023-01-01", "2023-05-01", "2024-01-01", "2025-01-01")
DEPENDENTS = {"storageaccounts": "storageAccount", "vaults": "keyVault", "components": "applicationInsights"}
DEPLOYMENT = f"{arm.GROUP}/providers/Microsoft.Resources/deployments/{{deployment}}"


# Deployments


def _resources(template, kind):
    found = arm.expect(template, "resources", list, [])
    return [one for one in found if isinstance(one, dict) and str(one.get("type")).lower() == kind.lower()]


async def deploy(request):
    """PUT …/deployments/{deployment}: a template with a workspace in it."""
    began = time.monotonic()
    state, names = request.app.state, request.path_params
    properties = arm.properties_of(await arm.body_of(request))
    template = properties.get("template")
    if not isinstance(template, dict):
        raise AzureError(400, "InvalidTemplate", "The deployment has no template.")
    given = arm.expect(properties, "parameters", dict, {})
    given = {name: value.get("value") for name, value in given.items() if isinstance(value, dict)}
    name = given.get("workspaceName")
    if not _resources(template, f"{arm.PROVIDER}/workspaces") or not isinstance(name, str):
        raise arm.not_yet("templates other than that of a workspace")
    if str(given.get("kind") or "Default").lower() != "default":
        raise arm.not_yet(f"workspaces of the kind {given['kind']}")
    resource_groups.require(request)
    path = arm.workspace_path(names["subscription"], names["group"], name)
    _refuse_unkept(given)
    settings = {
        key: given.get(key) for key in ("friendlyName", "description", "publicNetworkAccess", "imageBuildCompute")
    }
    settings = {key: value for key, value in settings.items() if value}
    location, tags = arm.expect(given, "location", str, arm.REGION), arm.expect(given, "tagValues", dict)
    workspace = workspaces.create(state, path, location, tags, settings)
    duration = f"PT{time.monotonic() - began:.3f}S"
    where = DEPLOYMENT.format(**names)
    described = {
        "provisioningState": "Succeeded", "timestamp": arm.now(), "duration": duration, "mode": "Incremental",
        "correlationId": arm.start_operation(state, where), "outputs": {}, "dependencies": [], "providers": [],
        "outputResources": [{"id": workspace["id"]}],
    }  # fmt: skip
    arm.finish_operation(state, described["correlationId"])
    resource = arm.put(state, where, {"properties": described})
    return arm.accepted(request, described["correlationId"], resource)


# The template's names of what workspaces.py refuses
MEMBERS = {
    "managedNetwork": "managedNetwork", "systemDatastoresAuthMode": "systemDatastoresAuthMode",
    "enable_data_isolation": "enableDataIsolation", "primaryUserAssignedIdentity": "primaryUserAssignedIdentity",
    "serverless_compute_settings": "serverlessComputeSettings", "workspace_hub": "hubResourceId",
}  # fmt: skip
EXISTING = {
    "storageAccountOption": "storage account", "keyVaultOption": "key vault", "containerRegistryOption": "registry of "
    "containers", "applicationInsightsOption": "Application Insights",
}  # fmt: skip


def _refuse_unkept(given):
    """501, by its name, for what a workspace of this template would not have here."""
    members = {ours: given.get(theirs) for theirs, ours in MEMBERS.items()}
    members["encryption"] = {"status": given.get("encryption_status")}
    workspaces.refuse_unkept(members)
    workspaces.refuse_identity({"identity": given.get("identity")})
    for option, what in EXISTING.items():
        if str(given.get(option)).lower() == "existing":
            raise arm.not_yet(f"{what} of one's own for a workspace", "A workspace here makes its own.")


async def read_deployment(request):
    return JSONResponse(arm.get(request.app.state, DEPLOYMENT.format(**request.path_params)))


async def deployment_operations(request):
    """GET …/deployments/{deployment}/operations: what was made, each thing as one operation."""
    deployment = arm.get(request.app.state, DEPLOYMENT.format(**request.path_params))
    described, found = deployment["properties"], []
    for number, made in enumerate(described["outputResources"]):
        target = {"id": made["id"], "resourceType": arm.type_of(made["id"]), "resourceName": arm.name_of(made["id"])}
        properties = {
            "provisioningOperation": "Create", "provisioningState": "Succeeded", "targetResource": target,
            "timestamp": described["timestamp"], "duration": described["duration"], "statusCode": "OK",
        }  # fmt: skip
        found.append(
            {"id": f"{deployment['id']}/operations/{number}", "operationId": str(number), "properties": properties}
        )
    return arm.page(request, found)


# What a workspace depends on


def _dependent(request):
    """(id, is it the dependent of a workspace that is there) of a storage account, a vault or a monitor."""
    names = request.path_params
    path = f"{resource_groups.path_of(request)}/providers/{names['provider']}/{names['type']}/{names['name']}"
    member = DEPENDENTS[names["type"].lower()]
    there = arm.workspaces(request.app.state, names["subscription"], names["group"])
    return path, any(one["properties"][member].lower() == path.lower() for one in there)


async def read_dependent(request):
    path, there = _dependent(request)
    if found := arm.find(request.app.state, path):
        return JSONResponse(found)
    if not there:
        raise arm.not_found(path)
    body = {"id": path, "name": arm.name_of(path), "type": arm.type_of(path), "location": arm.REGION, "properties": {}}
    return JSONResponse(body)


async def remove_dependent(request):
    """DELETE: a storage account goes with its blobs. 204 for what there was not."""
    state, (path, there) = request.app.state, _dependent(request)
    if path.lower() == datastores.account_id(workspaces.first()).lower():
        raise arm.locked(path)
    if found := arm.find(state, path):
        await remove_account(state, found)
    return Response(None, 200 if there or found else 204)


async def remove_account(state, account):
    """A storage account goes with its blobs."""
    arm.delete(state, account["id"])
    folder = storage.path_of(state, account["name"], "none").parent
    if gone := folders.set_aside(state.home, folder):
        state.background(folders.remove(gone))


_OPERATIONS = f"{arm.GROUP}/deployments/{{deployment}}/operations"
_ONE = f"{arm.GROUP}/providers/{{provider}}/{{type:dependent}}/{{name}}"


class _Dependent(StringConvertor):
    """A part of a path that names a kind of resource that workspaces depend on."""

    regex = "|".join(DEPENDENTS)


register_url_convertor("dependent", _Dependent())
routes = [
    arm.route(DEPLOYMENT, deploy, ("PUT",), resource_groups.VERSIONS),
    arm.route(DEPLOYMENT, read_deployment, versions=resource_groups.VERSIONS),
    arm.route(_OPERATIONS, deployment_operations, versions=resource_groups.VERSIONS),
    arm.route(_ONE, read_dependent, versions=(*DEPENDENT_VERSIONS, *STORAGE_VERSIONS)),
    arm.route(_ONE, remove_dependent, ("DELETE",), (*DEPENDENT_VERSIONS, *STORAGE_VERSIONS)),
]
