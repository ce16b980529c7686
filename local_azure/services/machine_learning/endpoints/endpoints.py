"""Online endpoints: an address, keys or tokens that open it, and how its traffic is shared among deployments."""

import re
import secrets
import time

from starlette.responses import JSONResponse, Response

from .... import identity
from ....errors import AzureError
from .. import arm, limits
from . import instances

KEYS = "ml-endpoint-keys"  # kind of the store's records; key: the endpoint's ARM id in lower case
NAMES = "ml-endpoint-name"  # key: an endpoint's name in lower case; value: its ARM id, names being unique in a region
DOMAIN = f"{arm.REGION}.inference.ml.azure.com"
NAME = r"[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
AUTH_MODES = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
IDENTITIES = ("systemassigned", "userassigned", "systemassigned,userassigned", "none")
MOST_MIRRORED = 50  # per cent
COLLECTION = f"{arm.WORKSPACE}/onlineEndpoints"
ONE = f"{COLLECTION}/{{endpoint}}"


def get(request):
    """The endpoint that the request's path names; 404 if there is none."""
    workspace, name = arm.workspace_of(request), request.path_params["endpoint"]
    return arm.get(request.app.state, f"{workspace}/onlineEndpoints/{name}")


def check_name(name, what):
    """400 unless an endpoint or a deployment can have this name."""
    if not 3 <= len(name) <= 32:
        message = f"The name of {what} must have 3 to 32 characters; {name!r} has {len(name)}."
        raise arm.user_error(message, inner="InvalidName", target="name")
    if not re.fullmatch(NAME, name):
        message = (
            f"{name!r} cannot be the name of {what}. A name begins with a letter, goes on with letters, digits and "
            f"hyphens, and does not end with a hyphen."
        )
        raise arm.user_error(message, inner="InvalidName", target="name")


def check_new_deployment(state, endpoint, name):
    """400 for a name that a deployment cannot have, and for one deployment more than an endpoint may have."""
    check_name(name, "a deployment")
    if len(arm.children(state, f"{endpoint['id']}/deployments")) >= limits.DEPLOYMENTS:
        message = f"The endpoint {endpoint['name']} has {limits.DEPLOYMENTS} deployments, which is the limit."
        raise AzureError(400, "OutOfQuota", message)


def check_idle(deployment):
    """409 while an earlier request about a deployment is being worked on."""
    if deployment["properties"]["provisioningState"] in ("Creating", "Updating"):
        message = f"The deployment {deployment['name']} is being changed. Wait until that has finished."
        raise arm.user_error(message, 409, "Conflict")


def by_name(state, name):
    """The endpoint with this name, in whichever workspace; None if there is none."""
    path = state.store.get(NAMES, name.lower())
    return arm.find(state, path) if path else None


# Traffic


def _shares(given, name):
    """A traffic rule that was sent, {deployment: per cent}, without the zeroes."""
    shares = arm.expect(given, name, dict, {})
    for deployment, share in shares.items():
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
            message = f"The share of {deployment} in {name} must be a whole number from 0 to 100; it is {share!r}."
            raise arm.user_error(message, target=name)
    return {deployment: share for deployment, share in shares.items() if share}


def _known(state, path, shares, name):
    """The same shares under the deployments' own names; 400 for a deployment that cannot take traffic."""
    found = {one["name"].lower(): one for one in arm.children(state, f"{path}/deployments")}
    for deployment in shares:
        there = found.get(deployment.lower())
        if not there:
            message = (
                f"The {name} rule of the endpoint {arm.name_of(path)} names the deployment {deployment}, which does "
                f"not exist. Create the deployment before it is given traffic."
            )
            raise arm.user_error(message, target=name)
        if not instances.can_answer(state, there):
            message = (
                f"The deployment {deployment} is in the state {there['properties']['provisioningState']} and cannot "
                f"take traffic."
            )
            raise arm.user_error(message, target=name)
    return {found[deployment.lower()]["name"]: share for deployment, share in shares.items()}


def _traffic(state, path, given):
    """(traffic, mirrorTraffic), checked."""
    live = _known(state, path, _shares(given, "traffic"), "traffic")
    mirror = _known(state, path, _shares(given, "mirrorTraffic"), "mirrorTraffic")
    if sum(live.values()) not in (0, 100):
        message = f"The traffic of an endpoint must sum to 0 or to 100 per cent; {live} sums to {sum(live.values())}."
        raise arm.user_error(message, target="traffic")
    if len(mirror) > 1:
        raise arm.user_error("Traffic can be mirrored to one deployment only.", target="mirrorTraffic")
    for deployment, share in mirror.items():
        if share > MOST_MIRRORED:
            message = f"At most {MOST_MIRRORED} per cent of the traffic can be mirrored, not {share}."
            raise arm.user_error(message, target="mirrorTraffic")
        if deployment in live:
            message = f"The deployment {deployment} has live traffic; traffic is mirrored to one that has none."
            raise arm.user_error(message, target="mirrorTraffic")
    return live, mirror


# Requests


async def listed(request):
    found = arm.children(request.app.state, f"{arm.workspace_of(request)}/onlineEndpoints")
    wanted = request.query_params.get("name")
    return arm.page(request, [one for one in found if not wanted or one["name"].lower() == wanted.lower()])


async def read(request):
    return JSONResponse(get(request))


async def write(request):
    """PUT …/onlineEndpoints/{endpoint}: a new endpoint, or new settings of one."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["endpoint"]
    body = await arm.body_of(request)
    given = arm.properties_of(body)
    path = f"{workspace}/onlineEndpoints/{name}"
    before = arm.find(state, path)
    if not before:
        check_name(name, "an endpoint")
        check_place(state, path)
    path = before["id"] if before else path
    resource = arm.put(state, path, _endpoint(state, path, body, given))
    state.store.put(NAMES, name.lower(), resource["id"])
    if not state.store.get(KEYS, path.lower()):
        state.store.put(KEYS, path.lower(), {"primaryKey": _new_key(), "secondaryKey": _new_key()})
    return arm.done(request, resource, 200 if before else 201)


def check_place(state, path):
    """A name may be taken by another workspace of the region, and a subscription has so many endpoints."""
    name = arm.name_of(path)
    if by_name(state, name):
        message = f"There is an endpoint named {name} in this region already, and names are unique in a region."
        raise arm.user_error(message, 409, "Conflict", target="name")
    if sum(arm.find(state, other) is not None for _, other in state.store.items(NAMES)) >= limits.ENDPOINTS:
        message = f"The subscription has {limits.ENDPOINTS} endpoints, which is its quota. Delete one."
        raise AzureError(400, "OutOfQuota", message)


def _endpoint(state, path, body, given):
    """The record of an endpoint."""
    if given.get("compute"):
        raise arm.not_yet("endpoints on Kubernetes", "It has managed online endpoints.")
    mode = AUTH_MODES.get(str(given.get("authMode")).lower())
    if not mode:
        message = f"authMode must be one of {', '.join(AUTH_MODES.values())}; it is {given.get('authMode')!r}."
        raise arm.user_error(message, target="authMode")
    live, mirror = _traffic(state, path, given)
    host = f"{arm.name_of(path).lower()}.{DOMAIN}"
    properties = {
        "authMode": mode,
        "description": arm.expect(given, "description", str),
        "properties": texts(given, "properties") | {"azureml.onlineendpointid": path.lower()},
        "traffic": live,
        "mirrorTraffic": mirror,
        "publicNetworkAccess": arm.expect(given, "publicNetworkAccess", str, "Enabled"),
        "compute": None,
        "scoringUri": f"https://{host}/score",
        "swaggerUri": f"https://{host}/swagger.json",
        "provisioningState": "Succeeded",
    }
    return {
        "location": arm.expect(body, "location", str, arm.REGION),
        "tags": texts(body, "tags"),
        "kind": "Managed",
        "identity": _identity(body),
        "properties": properties,
    }


def texts(given, name, default=None):
    """An object of texts that was sent, such as tags; 400 if there is something else in it."""
    found = arm.expect(given, name, dict, default or {})
    for key, value in found.items():
        if value is not None and not isinstance(value, str):
            raise arm.user_error(f"{name} must hold texts; {key!r} is {value!r:.80}.", target=name)
    return {key: value for key, value in found.items() if value is not None}


def _identity(body):
    """The identity of an endpoint: its own, or ones that exist already and are named."""
    asked = arm.expect(body, "identity", dict, {})
    kind = arm.expect(asked, "type", str, "SystemAssigned")
    if kind.replace(" ", "").lower() not in IDENTITIES:
        raise arm.user_error(f"The type of an identity must be one of {', '.join(IDENTITIES)}; it is {kind!r}.")
    made = {"type": kind, "principalId": identity.PRINCIPAL, "tenantId": identity.TENANT}
    if users := arm.expect(asked, "userAssignedIdentities", dict, {}):
        clients = {"clientId": identity.PRINCIPAL, "principalId": identity.PRINCIPAL}
        made["userAssignedIdentities"] = {user: clients for user in users}
    return made


async def change(request):
    """PATCH: tags and identity; traffic too, which the client of MLflow's deployments sets so."""
    state, before, body = request.app.state, get(request), await arm.body_of(request)
    new = {"tags": texts(body, "tags", before["tags"])}
    new["identity"] = _identity(body) if body.get("identity") else before["identity"]
    given = {name: value for name, value in arm.expect(body, "properties", dict, {}).items() if value is not None}
    properties = before["properties"] | {name: given[name] for name in given if name in ("traffic", "mirrorTraffic")}
    properties["traffic"], properties["mirrorTraffic"] = _traffic(state, before["id"], properties)
    properties["publicNetworkAccess"] = arm.expect(given, "publicNetworkAccess", str, properties["publicNetworkAccess"])
    return arm.done(request, arm.put(state, before["id"], before | new | {"properties": properties}), 202)


async def remove(request):
    """DELETE: the endpoint goes with its deployments."""
    state, workspace = request.app.state, arm.workspace_of(request)
    found = arm.find(state, f"{workspace}/onlineEndpoints/{request.path_params['endpoint']}")
    if not found:
        return Response(None, 204)
    arm.delete(state, found["id"])
    state.store.delete(KEYS, found["id"].lower())
    state.store.delete(NAMES, found["name"].lower())
    await instances.forget(state, found["id"])
    return arm.done(request, found, 202)


# Keys and tokens


def _new_key():
    return secrets.token_hex(16)


async def list_keys(request):
    found = get(request)
    if found["properties"]["authMode"] != "Key":
        message = f"The endpoint {found['name']} does not use keys; its authentication mode is AMLToken or AADToken."
        raise arm.user_error(message)
    return JSONResponse(request.app.state.store.get(KEYS, found["id"].lower()))


async def regenerate_keys(request):
    """POST …/regenerateKeys: one of the two keys is replaced by a new one."""
    state, found = request.app.state, get(request)
    which = str((await arm.body_of(request)).get("keyType")).lower()
    if which not in ("primary", "secondary"):
        raise arm.user_error("keyType must be Primary or Secondary.", target="keyType")
    if found["properties"]["authMode"] != "Key":
        raise arm.user_error(f"The endpoint {found['name']} does not use keys.")
    keys = state.store.get(KEYS, found["id"].lower())
    state.store.put(KEYS, found["id"].lower(), keys | {f"{which}Key": _new_key()})
    operation = arm.start_operation(state, found["id"])
    arm.finish_operation(state, operation)
    return arm.accepted(request, operation, None, 202)


async def token(request):
    """POST …/token: opens the endpoint for an hour."""
    found = get(request)
    if found["properties"]["authMode"] == "Key":
        raise arm.user_error(f"The endpoint {found['name']} uses keys for authentication, not tokens.")
    issued, expires = identity.issue(audience(found), request.app.state.secrets["signing"])
    refresh = int(time.time()) + identity.LIFETIME // 2
    return JSONResponse(
        {"accessToken": issued, "expiryTimeUtc": expires, "refreshAfterTimeUtc": refresh, "tokenType": "Bearer"}
    )


def audience(endpoint):
    """For whom a token of an endpoint is: for this endpoint alone."""
    return f"https://{endpoint['name'].lower()}.{DOMAIN}"


def refusal(state, endpoint, header):
    """Why the Authorization header of a call does not open an endpoint; None if it does."""
    scheme, _, given = header.partition(" ")
    by_key = endpoint["properties"]["authMode"] == "Key"
    if scheme.lower() != "bearer" or not given:
        return "key_auth_bad_header_forbidden" if by_key else "The request has no bearer token."
    if by_key:
        keys = state.store.get(KEYS, endpoint["id"].lower()).values()
        opens = any(secrets.compare_digest(given.encode(), key.encode()) for key in keys)
        return None if opens else "key_auth_access_denied"
    wanted = {"AMLToken": (audience(endpoint),), "AADToken": ("https://ml.azure.com",)}
    try:
        identity.verify(given, state.secrets["signing"], wanted[endpoint["properties"]["authMode"]])
    except AzureError as error:
        return error.message
    return None


routes = [
    arm.route(COLLECTION, listed),
    arm.route(ONE, read),
    arm.route(ONE, write, ("PUT",)),
    arm.route(ONE, change, ("PATCH",)),
    arm.route(ONE, remove, ("DELETE",)),
    arm.route(f"{ONE}/listKeys", list_keys, ("POST",)),
    arm.route(f"{ONE}/regenerateKeys", regenerate_keys, ("POST",)),
    arm.route(f"{ONE}/token", token, ("POST",)),
]
