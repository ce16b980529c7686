"""Batch endpoints: an address that takes the place of data, and the deployment that scores it if none is named."""

from starlette.responses import JSONResponse, Response

from .. import arm
from ..jobs import shapes
from . import endpoints

COLLECTION = f"{arm.WORKSPACE}/batchEndpoints"
ONE = f"{COLLECTION}/{{endpoint}}"
TYPE = f"{arm.PROVIDER}/workspaces/batchEndpoints"
AUTH_MODE = "AADToken"  # the only one that batch endpoints have
SHAPE = {"authMode": shapes.TEXT, "description": shapes.TEXT, "defaults": {"deploymentName": shapes.TEXT}}


def get(request):
    """The endpoint that the request's path names; 404 if there is none."""
    workspace, name = arm.workspace_of(request), request.path_params["endpoint"]
    return arm.get(request.app.state, f"{workspace}/batchEndpoints/{name}")


def is_one(endpoint):
    """Is an endpoint that was found by its name a batch endpoint? Names are shared with online endpoints."""
    return endpoint["type"] == TYPE


def workspace_of(path):
    """The ARM id of the workspace that an endpoint or a deployment, of that ARM id, belongs to."""
    return path[: path.lower().index("/batchendpoints/")]


async def listed(request):
    return arm.page(request, arm.children(request.app.state, f"{arm.workspace_of(request)}/batchEndpoints"))


async def read(request):
    return JSONResponse(get(request))


async def write(request):
    """PUT …/batchEndpoints/{endpoint}: a new endpoint, or new settings of one."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["endpoint"]
    body = await arm.body_of(request)
    given = arm.properties_of(body)
    shapes.check(given, SHAPE)
    path = f"{workspace}/batchEndpoints/{name}"
    before = arm.find(state, path)
    if not before:
        endpoints.check_name(name, "an endpoint")
        endpoints.check_place(state, path)
    path = before["id"] if before else path
    resource = arm.put(state, path, _endpoint(state, path, body, given))
    state.store.put(endpoints.NAMES, name.lower(), resource["id"])
    return arm.done(request, resource, 200 if before else 201)


def _endpoint(state, path, body, given):
    """The record of an endpoint."""
    if str(given.get("authMode") or AUTH_MODE).lower() != AUTH_MODE.lower():
        message = f"Batch endpoints support the authentication mode {AUTH_MODE} only, not {given['authMode']!r}."
        raise arm.user_error(message, target="authMode")
    default = (given.get("defaults") or {}).get("deploymentName")
    if default:
        found = arm.find(state, f"{path}/deployments/{default}")
        if not found:
            message = (
                f"The default deployment {default} does not exist in the endpoint {arm.name_of(path)}. Create the "
                f"deployment before it is made the default."
            )
            raise arm.user_error(message, target="defaults")
        default = found["name"]
    properties = {
        "authMode": AUTH_MODE,
        "description": given.get("description"),
        "properties": endpoints.texts(given, "properties") | {"azureml.onlineendpointid": path.lower()},
        "defaults": {"deploymentName": default},
        "keys": None,
        "scoringUri": f"https://{arm.name_of(path).lower()}.{endpoints.DOMAIN}/jobs",
        "swaggerUri": None,
        "provisioningState": "Succeeded",
    }
    location = arm.expect(body, "location", str, arm.REGION)
    return {"location": location, "tags": endpoints.texts(body, "tags"), "kind": None, "properties": properties}


async def change(request):
    """PATCH: tags."""
    before, body = get(request), await arm.body_of(request)
    made = before | {"tags": endpoints.texts(body, "tags", before["tags"])}
    return arm.done(request, arm.put(request.app.state, before["id"], made), 202)


async def remove(request):
    """DELETE: the endpoint goes with its deployments; jobs that they have begun go on."""
    state, workspace = request.app.state, arm.workspace_of(request)
    found = arm.find(state, f"{workspace}/batchEndpoints/{request.path_params['endpoint']}")
    if not found:
        return Response(None, 204)
    arm.delete(state, found["id"])
    state.store.delete(endpoints.NAMES, found["name"].lower())
    return arm.done(request, found, 202)


routes = [
    arm.route(COLLECTION, listed),
    arm.route(ONE, read),
    arm.route(ONE, write, ("PUT",)),
    arm.route(ONE, change, ("PATCH",)),
    arm.route(ONE, remove, ("DELETE",)),
]
