"""Resource groups: the course's own, those that were created, and those in which there is a workspace."""

import re

from starlette.responses import JSONResponse

from ...errors import AzureError
from ...userdata import RESOURCE_GROUP, SUBSCRIPTION
from . import arm

VERSIONS = ("2020-06-01", "2021-04-01", "2022-09-01", "2024-03-01", "2025-04-01", "2026-06-01")


def path_of(request):
    return f"/subscriptions/{request.path_params['subscription']}/resourceGroups/{request.path_params['group']}"


def find(state, path):
    """A resource group: one that was created, the course's own, or one in which there is a workspace. Else None."""
    found = arm.find(state, path)
    if found:
        return found
    _, _, subscription, _, group = path.split("/")
    own = (subscription.lower(), group.lower()) == (SUBSCRIPTION, RESOURCE_GROUP)
    if not own and not arm.workspaces(state, subscription, group):
        return None
    return _group(path, arm.REGION, {})


def _group(path, location, tags):
    properties = {"provisioningState": "Succeeded"}
    kind = "Microsoft.Resources/resourceGroups"
    name = arm.name_of(path)
    return {"id": path, "name": name, "type": kind, "location": location, "tags": tags, "properties": properties}


def require(request):
    """The resource group that a request's path names; 404 if there is none."""
    path = path_of(request)
    found = find(request.app.state, path)
    if not found:
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{arm.name_of(path)}' could not be found.")
    return found


async def read(request):
    return JSONResponse(require(request))


async def write(request):
    state, path = request.app.state, path_of(request)
    body = await arm.body_of(request)
    if not re.fullmatch(r"[\w().-]{1,90}", arm.name_of(path)) or path.endswith("."):
        raise AzureError(400, "InvalidResourceGroup", f"{arm.name_of(path)!r} cannot be the name of a resource group.")
    if not isinstance(body.get("location"), str):
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    there = find(state, path)
    group = _group(there["id"] if there else path, body["location"], arm.expect(body, "tags", dict, {}))
    state.store.put(arm.KIND, path.lower(), group)
    return JSONResponse(group, 200 if there else 201)


routes = [
    arm.route(arm.GROUP, read, ("GET", "HEAD"), VERSIONS),
    arm.route(arm.GROUP, write, ("PUT",), VERSIONS),
]
