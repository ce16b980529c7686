"""What every resource of Azure Resource Manager has in common: ids, envelopes, api-versions, errors, pages, operations.

A resource is one record of kind "ml" in the store; its key is its id in lower case, since ARM ids ignore case.
"""

import json
import re
import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ... import identity
from ...errors import AzureError
from ...userdata import SUBSCRIPTION

KIND = "ml"  # what a store's records of resources are called; the first were Azure Machine Learning's
OPERATION = "ml-operation"
HOST = "https://management.azure.com"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
AUDIENCES = (
    "https://management.core.windows.net/", "https://management.core.windows.net", "https://management.azure.com/",
    "https://management.azure.com",
)  # fmt: skip
WAIT = {"Retry-After-Ms": "100"}  # how soon to ask again: SDKs wait for seconds unless told
PAGE = 100
TYPES = {dict: "an object", list: "an array", str: "a string", bool: "true or false", int: "a whole number"}
MOST_BYTES = 4 * 1024 * 1024  # of a request to ARM


# Routes


class _Own(StringConvertor):
    """A rest of a path that is the provider's own: its registration is Resource Manager's, and tags, locks and roles of
    its resources are other providers'.
    """

    regex = "(?!.*providers/)(?!((un)?register|resourceTypes)/?$).+"


register_url_convertor("own", _Own())


class AnyCaseRoute(Route):
    """A route whose path ignores case, as ARM does."""

    def __init__(self, path, endpoint, **given):
        super().__init__(path, endpoint, **given)
        self.path_regex = re.compile(self.path_regex.pattern, re.IGNORECASE)


def route(path, handler, methods=("GET",), versions=None, audiences=AUDIENCES, place="global"):
    """A route for callers with a token, in a subscription that there is.

    versions: the api-versions taken; None where the address has none. place: the location that a refusal names.
    """

    async def guarded(request):
        require_token(request, audiences)
        require_subscription(request)
        if versions:
            check_version(request, versions, place)
        answer = await handler(request)
        return Response(None, 204) if request.method == "HEAD" else answer  # HEAD asks whether there is one

    return AnyCaseRoute(path, guarded, methods=list(methods), name=handler.__name__)


def require_token(request, audiences=AUDIENCES):
    """Let the request pass with a token for one of the audiences; 401 in ARM's words otherwise."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{identity.TENANT}"'}
    if scheme.lower() != "bearer" or not token:
        message = "Authentication failed. The 'Authorization' header is missing."
        raise AzureError(401, "AuthenticationFailed", message, headers=challenge)
    try:
        return identity.verify(token, request.app.state.secrets["signing"], audiences)
    except identity.BadToken as error:
        code, message = _token_refused(error, audiences)
        raise AzureError(401, code, message, headers=challenge) from None


def _token_refused(error, audiences):
    if error.why == "audience":
        allowed = ",".join(f"'{one}'" for one in audiences)
        return "InvalidAuthenticationTokenAudience", (
            f"The access token has been obtained for wrong audience or resource '{error.claims['aud']}'. It should "
            f"exactly match with one of the allowed audiences {allowed}."
        )
    if error.why == "expired":
        until = datetime.fromtimestamp(error.claims["exp"], UTC).strftime("%m/%d/%Y %I:%M:%S %p")
        today = datetime.now(UTC).strftime("%m/%d/%Y %I:%M:%S %p")
        message = f"The access token expiry UTC time '{until}' is earlier than current UTC time '{today}'."
        return "ExpiredAuthenticationToken", message
    return "InvalidAuthenticationToken", f"The access token is invalid. {error.message}"


def require_subscription(request):
    """404 unless the path's subscription is the one that there is; 400 for what cannot be a subscription's id."""
    given = request.path_params.get("subscription")
    if given is None or given.lower() == SUBSCRIPTION:
        return
    if not re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", given.lower()):
        message = f"The provided subscription identifier '{given}' is malformed or invalid."
        raise AzureError(400, "InvalidSubscriptionId", message)
    raise AzureError(404, "SubscriptionNotFound", f"The subscription '{given}' could not be found.")


def check_version(request, versions, place="global"):
    """The api-version of the request; 400 if it is missing or unknown."""
    version = request.query_params.get("api-version")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise AzureError(400, "MissingApiVersionParameter", message)
    if version.lower() in versions:
        return version.lower()
    supported = f"The supported versions are '{','.join(sorted(versions))}'."
    if re.fullmatch(r"\d{4}-\d\d-\d\d(-[a-z]+)?", version.lower()):
        message = (
            f"No registered resource provider found for location '{place}' and API version '{version}'. {supported}"
        )
        raise AzureError(400, "NoRegisteredProviderFound", message)
    raise AzureError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid. {supported}")


async def body_of(request):
    """The JSON object that was sent; 400 or 413 otherwise."""
    declared = request.headers.get("content-length", "0")
    data = bytearray()
    if not (declared.isdigit() and int(declared) > MOST_BYTES):
        async for part in request.stream():
            data += part
            if len(data) > MOST_BYTES:
                break
        else:
            return _parsed(bytes(data))
    raise AzureError(413, "RequestContentTooLarge", f"The request content is larger than {MOST_BYTES} bytes.")


def _not_a_number(name):
    raise ValueError(f"{name} is not JSON")


def _parsed(data):
    try:
        value = json.loads(data or b"{}", parse_constant=_not_a_number)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be text
    except (ValueError, RecursionError) as error:
        message = f"The request content was invalid and could not be deserialized: '{error}'."
        raise AzureError(400, "InvalidRequestContent", message) from None
    if not isinstance(value, dict):
        raise AzureError(400, "InvalidRequestContent", "The request content must be a JSON object.")
    return value


def properties_of(body):
    """The `properties` of a resource that was sent; 400 unless they are an object."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise AzureError(400, "InvalidRequestContent", "The request content has no object 'properties'.")
    return properties


def expect(given, name, kind, default=None, refuse=None):
    """The member `name` of an object that was sent, of that JSON type; the default where it is absent or null.

    refuse: makes the error of a message and a target; invalid() unless named.
    """
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise (refuse or invalid)(f"{name} must be {TYPES[kind]}; it is {value!r:.80}.", target=name)
    return value


def invalid(message, target=None):
    """400 InvalidRequestContent: what was sent has not the form that it must have."""
    return AzureError(400, "InvalidRequestContent", message, target=target)


# Ids


def name_of(path):
    return path.rsplit("/", 1)[-1]


def type_of(path):
    """Microsoft.MachineLearningServices/workspaces/data/versions of …/workspaces/w/data/d/versions/1."""
    provider, *rest = re.split("/providers/", path, flags=re.IGNORECASE)[-1].split("/")
    return "/".join([provider, *rest[::2]])


# Resources


def get(state, path):
    """The resource with this id; 404 in ARM's words otherwise."""
    found = state.store.get(KIND, path.lower())
    if found is None:
        raise not_found(path)
    return found


def find(state, path):
    """The resource with this id, or None."""
    return state.store.get(KIND, path.lower())


def put(state, path, body, who=identity.PRINCIPAL):
    """Create or replace a resource: the envelope (id, name, type, systemData) is added. Returns it."""
    before = find(state, path)
    path = before["id"] if before else path
    made = before["systemData"] if before else {"createdAt": now(), "createdBy": who, "createdByType": "Application"}
    changed = {"lastModifiedAt": now(), "lastModifiedBy": who, "lastModifiedByType": "Application"}
    kept = {name: value for name, value in body.items() if name not in ("id", "name", "type", "systemData")}
    resource = {"id": path, "name": name_of(path), "type": type_of(path), **kept, "systemData": made | changed}
    state.store.put(KIND, path.lower(), resource)
    return resource


def delete(state, path):
    """Remove a resource and all below it. True if there was one."""
    for key, _ in state.store.items(KIND, path.lower() + "/"):
        state.store.delete(KIND, key)
    return state.store.delete(KIND, path.lower())


def children(state, collection):
    """The resources directly in a collection such as …/workspaces/w/data, in order of name."""
    prefix = collection.lower() + "/"
    return [value for key, value in state.store.items(KIND, prefix) if "/" not in key[len(prefix) :]]


def here(request):
    """The address that was asked, as a client writes it."""
    return f"https://{request.url.hostname}{request.url.path}?{request.url.query}"


def now():
    """This moment as ARM writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# Errors


def not_found(path):
    """404 ResourceNotFound for an ARM id."""
    found = re.match("/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/(.+)", path, re.IGNORECASE)
    if not found:
        return AzureError(404, "ResourceNotFound", f"The resource '{path}' was not found.")
    provider, *rest = found[2].split("/")
    what = "/".join([provider] + [part for pair in zip(rest[::2], rest[1::2], strict=False) for part in pair])
    message = f"The Resource '{what}' under resource group '{found[1]}' was not found. For more details please go to "
    return AzureError(404, "ResourceNotFound", message + "https://aka.ms/ARMResourceNotFoundFix")


def locked(path):
    """409 ScopeLocked, as of what a lock keeps from being deleted: what the course itself stands on."""
    message = (
        f"The scope '{path}' cannot perform delete operation because following scope(s) are locked: '{path}'. Please "
        f"remove the lock and try again. It belongs to the course and stays; `python -m local_azure reset` empties it."
    )
    return AzureError(409, "ScopeLocked", message)


def not_yet(what, instead=""):
    """501 for what Azure has and the local Azure does not. instead: a sentence about what is there."""
    message = f"The local Azure has no {what} yet. {instead} The page What runs locally lists what it has."
    message = message.replace("  ", " ")
    return AzureError(501, "NotImplemented", message)


# Pages


def page(request, listed, size=PAGE, refuse=None):
    """A list as ARM returns it, `$skip` and `$top` heeded, with a nextLink if more is to come."""
    query = dict(request.query_params)
    skip, top = number(request, "$skip", 0, refuse), number(request, "$top", size, refuse)
    body = {"value": listed[skip : skip + top]}
    if top and skip + top < len(listed):
        following = urlencode(query | {"$skip": skip + top})
        body["nextLink"] = f"https://{request.url.hostname}{request.url.path}?{following}"
    return JSONResponse(body)


def top(request, listed):
    """A list of which `$top` wants the first few; in pages where it is not named."""
    if "$top" in request.query_params:
        return JSONResponse({"value": listed[: number(request, "$top", 0) or None]})
    return page(request, listed)


def number(request, name, default, refuse=None):
    """A whole number of 0 or more in the query; 400 if it is something else."""
    value = request.query_params.get(name) or str(default)
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise (refuse or invalid)(f"{name} must be a whole number.", target=name)
    return int(value)


# Operations that take a while


def start_operation(state, path):
    """Note that work on the resource `path` has begun; the operation's id. It survives a restart."""
    operation = str(uuid.uuid4())
    record = {"path": path, "status": "InProgress", "startTime": now(), "endTime": None, "error": None}
    state.store.put(OPERATION, operation, record)
    return operation


def finish_operation(state, operation, status="Succeeded", error=None):
    """Note the end: Succeeded, Failed or Canceled. error: {"code", "message"}."""
    record = state.store.get(OPERATION, operation)
    state.store.put(OPERATION, operation, record | {"status": status, "endTime": now(), "error": error})


def operation_of(request):
    """The record of the operation that the path names; 404 if there is none."""
    found = request.app.state.store.get(OPERATION, request.path_params["operation"])
    if found is None:
        raise AzureError(404, "OperationNotFound", f"There is no operation {request.path_params['operation']}.")
    return found


async def operation_status(request):
    """Where an operation stands: the answer at its Azure-AsyncOperation address."""
    found = operation_of(request)
    body = {
        "id": request.url.path,
        "name": request.path_params["operation"],
        **{name: found[name] for name in ("status", "startTime", "endTime")},
        "percentComplete": 0 if found["status"] == "InProgress" else 100,
    }
    if found["error"]:
        body["error"] = found["error"]
    return JSONResponse(body, headers=WAIT if found["status"] == "InProgress" else None)


async def operation_result(request):
    """The answer at an operation's Location: 202 while it runs, then the resource, or 204 when it is gone."""
    found = operation_of(request)
    if found["status"] == "InProgress":
        return JSONResponse(None, 202, headers={**WAIT, "Location": here(request)})
    if found["error"]:
        raise AzureError(400, found["error"]["code"], found["error"]["message"])
    resource = find(request.app.state, found["path"])
    return JSONResponse(resource) if resource else Response(None, 204)
