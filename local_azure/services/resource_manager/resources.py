"""Resources of whatever kind: listed over all providers, and their tags."""

from starlette.responses import JSONResponse, Response

from ...errors import AzureError
from ...userdata import SUBSCRIPTION
from . import arm, filters, limits, providers, resource_groups

VERSIONS = resource_groups.VERSIONS
SUBSCRIPTION_TAGS = "subscription-tags"  # kind of the store's records; key: the subscription
SHOWN = ("id", "name", "type", "kind", "location", "sku", "identity", "managedBy", "tags")
MEMBERS = {
    "name": lambda one: [one["name"]],
    "resourcetype": lambda one: [one["type"]],
    "location": lambda one: [one.get("location") or ""],
    "resourcegroup": lambda one: [one["id"].split("/")[4]],
    "resourceid": lambda one: [one["id"]],
    "tagname": lambda one: list(one.get("tags") or {}),
    "tagvalue": lambda one: list((one.get("tags") or {}).values()),
}
EXPANDED = {
    "createdTime": lambda one: one["systemData"]["createdAt"],
    "changedTime": lambda one: one["systemData"]["lastModifiedAt"],
    "provisioningState": lambda one: one["properties"].get("provisioningState", "Succeeded"),
}


async def listed(request):
    """GET …/resources of a subscription or a group."""
    names, query = request.path_params, request.query_params
    if "group" in names:
        resource_groups.require(request)
    found = providers.resources(request.app.state, names["subscription"], names.get("group"))
    if text := query.get("$filter"):
        passes = filters.by_tag(text) or filters.parse(text, MEMBERS)
        found = [one for one in found if passes(one)]
    wanted = [one.strip() for one in (query.get("$expand") or "").split(",") if one.strip()]
    if unknown := [one for one in wanted if one not in EXPANDED]:
        raise AzureError(400, "InvalidExpandInQueryString", f"Invalid $expand '{unknown[0]:.80}' in the query string.")
    return arm.top(request, [_shown(one) | {name: EXPANDED[name](one) for name in wanted} for one in found])


def _shown(resource):
    return {name: resource[name] for name in SHOWN if resource.get(name) is not None}


# Tags of a subscription, a group or a resource, by themselves


def _scope(request):
    """(what has the tags, how to keep them): the record of the scope, and a function that stores new tags."""
    state, scope = request.app.state, "/" + request.path_params["scope"].strip("/")
    if scope.lower() == f"/subscriptions/{SUBSCRIPTION}":
        kept = state.store.get(SUBSCRIPTION_TAGS, SUBSCRIPTION) or {}
        return {"id": scope, "tags": kept}, lambda tags: state.store.put(SUBSCRIPTION_TAGS, SUBSCRIPTION, tags)
    found = arm.find(state, scope)
    if not found:
        if scope.lower().startswith(f"{resource_groups.OWN.rsplit('/', 1)[0]}/".lower()) and scope.count("/") == 4:
            message = f"Resource group '{arm.name_of(scope)}' could not be found."
            raise AzureError(404, "ResourceGroupNotFound", message)
        raise arm.not_found(scope)
    if "systemData" in found:
        return found, lambda tags: arm.put(state, scope, found | {"tags": tags})
    return found, lambda tags: state.store.put(arm.KIND, scope.lower(), found | {"tags": tags})


def _tags(scope, tags):
    path = f"{scope}/providers/Microsoft.Resources/tags/default"
    body = {"id": path, "name": "default", "type": "Microsoft.Resources/tags", "properties": {"tags": tags}}
    return JSONResponse(body)


async def read_tags(request):
    found, _ = _scope(request)
    return _tags(found["id"], found.get("tags") or {})


async def write_tags(request):
    """PUT: these tags and no others."""
    found, keep = _scope(request)
    tags = limits.tags_of(arm.properties_of(await arm.body_of(request)))
    keep(tags)
    return _tags(found["id"], tags)


async def change_tags(request):
    """PATCH: merge, replace or delete."""
    found, keep = _scope(request)
    body = await arm.body_of(request)
    given, before = limits.tags_of(arm.properties_of(body)), found.get("tags") or {}
    operation = str(body.get("operation") or "").lower()
    if operation == "merge":
        tags = {key: value for key, value in before.items() if key.lower() not in {name.lower() for name in given}}
        tags = limits.tags_of({"tags": tags | given})
    elif operation == "replace":
        tags = given
    elif operation == "delete":
        gone = {(key.lower(), value) for key, value in given.items()}
        tags = {key: value for key, value in before.items() if (key.lower(), value) not in gone}
    else:
        raise arm.invalid("The operation must be Merge, Replace or Delete.", target="operation")
    keep(tags)
    return _tags(found["id"], tags)


async def delete_tags(request):
    _, keep = _scope(request)
    keep({})
    return Response(None, 200)


_TAGS = "/{scope:path}/providers/Microsoft.Resources/tags/default"
routes = [
    arm.route("/subscriptions/{subscription}/resources", listed, versions=VERSIONS),
    arm.route(f"{arm.GROUP}/resources", listed, versions=VERSIONS),
    arm.route(_TAGS, read_tags, versions=VERSIONS),
    arm.route(_TAGS, write_tags, ("PUT",), VERSIONS),
    arm.route(_TAGS, change_tags, ("PATCH",), VERSIONS),
    arm.route(_TAGS, delete_tags, ("DELETE",), VERSIONS),
]
