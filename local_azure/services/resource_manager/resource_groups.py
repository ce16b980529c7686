"""Resource groups: what they hold lives and goes with them."""

import re

from starlette.responses import JSONResponse, Response

from ...errors import AzureError
from ...userdata import RESOURCE_GROUP, SUBSCRIPTION
from . import arm, filters, limits, providers
from .locations import REGIONS, plain

VERSIONS = (
    "2015-11-01", "2016-02-01", "2016-06-01", "2016-09-01", "2017-05-10", "2018-02-01", "2018-05-01", "2019-05-01",
    "2019-05-10", "2019-07-01", "2019-08-01", "2019-10-01", "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01",
    "2021-04-01", "2022-09-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01",
    "2026-06-01",
)  # fmt: skip
TYPE = "Microsoft.Resources/resourceGroups"
HOME = "swedencentral"  # the region of the course's own group, and of what older versions made without a group
OWN = arm.GROUP.format(subscription=SUBSCRIPTION, group=RESOURCE_GROUP)
RESULTS = "/subscriptions/{subscription}/operationresults/{operation}"


def path_of(request):
    return arm.GROUP.format(**{name: request.path_params[name] for name in ("subscription", "group")})


def find(state, path):
    """The resource group with this id, or None."""
    return arm.find(state, path)


def require(request):
    """The resource group that a request's path names; 404 if there is none, 409 to changes while it is going."""
    path = path_of(request)
    found = find(request.app.state, path)
    if not found:
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{arm.name_of(path)}' could not be found.")
    if request.method not in ("GET", "HEAD", "DELETE") and found["properties"]["provisioningState"] == "Deleting":
        message = f"The resource group '{found['name']}' is in deprovisioning state and cannot perform this operation."
        raise AzureError(409, "ResourceGroupBeingDeleted", message)
    return found


def put(state, path, location, tags, status="Succeeded"):
    """Create or replace a group. Returns it."""
    before = find(state, path)
    path = before["id"] if before else path
    group = {
        "id": path, "name": arm.name_of(path), "type": TYPE, "location": location, "tags": tags,
        "properties": {"provisioningState": status},
    }  # fmt: skip
    state.store.put(arm.KIND, path.lower(), group)
    return group


def ensure(state):
    """The course's own group, and one for each resource that a version of this server before groups has left."""
    paths = [OWN, *(one["id"].split("/providers/")[0] for one in providers.resources(state, SUBSCRIPTION))]
    for path in paths:
        if not find(state, path):
            put(state, path, HOME, {})


def groups(state, subscription):
    start = f"/subscriptions/{subscription}/resourcegroups/".lower()
    found = [value for key, value in state.store.items(arm.KIND, start) if "/" not in key[len(start) :]]
    return sorted(found, key=lambda one: one["name"].lower())


def location_of(location):
    """The name of a region that was sent, as Azure keeps it; 400 for a place that there is not."""
    if plain(location) not in REGIONS:
        message = (
            f"The provided location '{location:.80}' is not available for resource group. List of available regions "
            f"is '{','.join(REGIONS)}'."
        )
        raise AzureError(400, "LocationNotAvailableForResourceGroup", message)
    return plain(location)


def check_name(name):
    """400 for what cannot be a group's name: letters, digits, - . ( ) _, no dot at the end, 90 characters at most."""
    bad = "".join(dict.fromkeys(re.sub(r"[\w.()-]", "", name))) or ("." if name.endswith(".") else "")
    if bad:
        message = (
            f"The provided resource group name '{name:.100}' has these invalid characters: '{bad}'. The name can only "
            f"be a letter, digit, '-', '.', '(', ')' or '_'."
        )
        raise AzureError(400, "InvalidResourceGroup", message)
    if len(name) > limits.GROUP_NAME:
        message = (
            f"The provided resource group name has a length of '{len(name)}' which exceeds the maximum length of "
            f"'{limits.GROUP_NAME}'."
        )
        raise AzureError(400, "InvalidResourceGroup", message)


async def read(request):
    return JSONResponse(require(request))


async def listed(request):
    found = groups(request.app.state, request.path_params["subscription"])
    if text := request.query_params.get("$filter"):
        passes = filters.by_tag(text) or filters.parse(text, {"name": lambda one: [one["name"]]})
        found = [one for one in found if passes(one)]
    return arm.top(request, found)


async def write(request):
    state, path = request.app.state, path_of(request)
    body = await arm.body_of(request)
    there = find(state, path)
    if there:
        require(request)
    check_name(arm.name_of(path))
    location = arm.expect(body, "location", str)
    if not location:
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    tags = limits.tags_of(body)
    if there and plain(location) != plain(there["location"]):
        message = (
            f"Invalid resource group location '{location:.80}'. The Resource group already exists in location "
            f"'{there['location']}'."
        )
        raise AzureError(409, "InvalidResourceGroupLocation", message)
    location = location_of(location)
    if not there and len(groups(state, request.path_params["subscription"])) >= limits.GROUPS:
        message = (
            f"Creating the resource group '{arm.name_of(path)}' would exceed the quota of '{limits.GROUPS}'. The "
            f"current resource group count is '{limits.GROUPS}', please delete some resource groups before creating a "
            f"new one."
        )
        raise AzureError(409, "ResourceGroupQuotaExceeded", message)
    return JSONResponse(put(state, path, location, tags), 200 if there else 201)


async def change(request):
    """PATCH: the tags, all at once."""
    found = require(request)
    body = await arm.body_of(request)
    tags = limits.tags_of(body) if body.get("tags") is not None else found["tags"]
    return JSONResponse(put(request.app.state, found["id"], found["location"], tags))


async def remove(request):
    """DELETE: goes on after the answer, and after a restart; 202 until all that was in the group is gone."""
    state, found = request.app.state, require(request)
    if found["id"].lower() == OWN.lower():
        raise arm.locked(found["id"])
    put(state, found["id"], found["location"], found["tags"], "Deleting")
    operation = arm.start_operation(state, found["id"])
    state.background(_remove(state, found["id"], operation))
    where = RESULTS.format(subscription=request.path_params["subscription"], operation=operation)
    location = f"{arm.HOST}{where}?api-version={request.query_params['api-version']}"
    return Response(None, 202, headers={"Location": location, **arm.WAIT})


async def _remove(state, path, operation):
    """Take away all that is in a group, then the group."""
    try:
        _, _, subscription, _, group = path.split("/")
        for resource in providers.resources(state, subscription, group):
            await providers.remove(state, resource)
        arm.delete(state, path)
    except Exception as error:
        put(state, path, find(state, path)["location"], find(state, path)["tags"], "Failed")
        arm.finish_operation(state, operation, "Failed", {"code": "InternalServerError", "message": repr(error)})
        raise
    arm.finish_operation(state, operation)


def resume(state):
    """Go on with deletions that the last server did not finish."""
    for group in groups(state, SUBSCRIPTION):
        if group["properties"]["provisioningState"] == "Deleting":
            open_ones = [
                key
                for key, one in state.store.items(arm.OPERATION)
                if one["path"] == group["id"] and one["status"] == "InProgress"
            ]
            operation = open_ones[0] if open_ones else arm.start_operation(state, group["id"])
            state.background(_remove(state, group["id"], operation))


async def result(request):
    """GET …/operationresults/{operation}: 202 while the deletion goes on, 200 with nothing when it is done."""
    found = arm.operation_of(request)
    if found["status"] == "InProgress":
        return Response(None, 202, headers={**arm.WAIT, "Location": arm.here(request)})
    if found["error"]:
        raise AzureError(409, found["error"]["code"], found["error"]["message"])
    return Response(None, 200)


async def not_yet(request):
    raise arm.not_yet(f"{request.url.path.rsplit('/', 1)[-1]} of resource groups")


routes = [
    arm.route("/subscriptions/{subscription}/resourceGroups", listed, versions=VERSIONS),
    arm.route(arm.GROUP, read, versions=VERSIONS),
    arm.route(arm.GROUP, write, ("PUT",), VERSIONS),
    arm.route(arm.GROUP, change, ("PATCH",), VERSIONS),
    arm.route(arm.GROUP, remove, ("DELETE",), VERSIONS),
    arm.route(RESULTS, result, versions=None),
    *(
        arm.route(f"{arm.GROUP}/{verb}", not_yet, ("POST",), None)
        for verb in ("exportTemplate", "moveResources", "validateMoveResources")
    ),
]
