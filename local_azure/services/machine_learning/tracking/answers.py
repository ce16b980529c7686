"""How MLflow's REST API says things: bodies read, records shown, errors in its own shape."""

import math

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from ....errors import AzureError
from .. import arm
from .search import invalid

CODES = {
    400: "INVALID_PARAMETER_VALUE", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    413: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR", 501: "NOT_IMPLEMENTED",
}  # fmt: skip
KNOWN = (*CODES.values(), "RESOURCE_ALREADY_EXISTS", "INVALID_STATE", "ENDPOINT_NOT_FOUND")


def answered(work):
    """An endpoint for a handler `work(state, workspace, body)` that returns the body of an answer, or None."""

    async def run(*given):
        return work(*given)

    return _endpoint(work, run)


def answered_in_thread(work):
    """The same for a handler that may take a while and needs no resource of ARM."""

    async def run(*given):
        return await run_in_threadpool(work, *given)

    return _endpoint(work, run)


def _endpoint(work, run):
    """Token, workspace and body checked; errors in MLflow's shape."""

    async def endpoint(request):
        try:
            arm.require_token(request)
            workspace = arm.workspace_of(request)
            body = await _sent(request)
            return JSONResponse(plain(await run(request.app.state, workspace, body) or {}))
        except AzureError as error:
            return refused(error)

    endpoint.__name__ = work.__name__
    return endpoint


def refused(error):
    """An error as MLflow's clients read it. What is too large is told in Azure's own shape, which they print whole."""
    if error.code == "ValidationError":
        empty = "Severity", "MessageFormat", "MessageParameters", "ReferenceCode", "DetailsUri", "Target", "InnerError"
        told = {"Code": error.code, "Message": error.message, **dict.fromkeys(empty), "Details": []}
        place = {"Environment": arm.REGION, "Location": arm.REGION, "Time": arm.now(), "ComponentName": "mlflow"}
        body = {"Error": told, **place, "statusCode": error.status, "error_code": CODES[error.status]}
        return JSONResponse(body, error.status)
    code = error.code if error.code in KNOWN else CODES.get(error.status, "BAD_REQUEST")
    return JSONResponse({"error_code": code, "message": error.message}, error.status, headers=error.headers)


async def _sent(request):
    if request.method != "GET":
        return await arm.body_of(request)
    query = request.query_params
    return {name: query.getlist(name) if len(query.getlist(name)) > 1 else query[name] for name in query}


def plain(value):
    """A value without the numbers that JSON cannot write: they become words, which the clients read."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


# What was sent


def text(body, *keys, needed=True):
    """The string under one of the keys. needed: 400 where there is none."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
        if value not in (None, ""):
            raise invalid(f"Invalid value {value!r} for parameter '{key}' supplied: a string is needed.")
    if needed:
        raise invalid(f"Missing value for required parameter '{keys[0]}'.")
    return None


def whole(body, key, default=None, least=None, most=None):
    """The whole number under the key; clients write it as a number or as text."""
    value = body.get(key)
    if value in (None, ""):
        return default
    try:
        number = int(value) if not isinstance(value, (bool, float)) or value == int(value) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or abs(number) >= 2**63:
        raise invalid(f"Invalid value {value!r} for parameter '{key}' supplied: a whole number is needed.")
    if (least is not None and number < least) or (most is not None and number > most):
        raise invalid(f"Invalid value {number} for parameter '{key}' supplied: it must be {least} to {most}.")
    return number


def number(body, key):
    value = body.get(key)
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(
            f"Invalid value {value!r} for parameter '{key}' supplied: a metric's value must be a number."
        ) from None


def records(body, key, most=None):
    """The list of objects under the key."""
    value = body.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise invalid(f"Invalid value for parameter '{key}' supplied: a list of objects is needed.")
    if most is not None and len(value) > most:
        raise invalid(
            f"A batch logging request can contain at most {most} {key}. Got {len(value)} {key}. Please split up {key} "
            "across multiple requests and try again."
        )
    return value


def texts(body, key):
    """The list of strings under the key; one string is a list of one."""
    value = body.get(key) or []
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid(f"Invalid value for parameter '{key}' supplied: a list of strings is needed.")
    return value


def pairs(body, key, most=None):
    """The (key, value) pairs of tags or params. A value that is empty is not sent by the clients."""
    return [pair(one) for one in records(body, key, most)]


def pair(one):
    value = one.get("value", "")
    if not isinstance(value, str):
        raise invalid(f"Invalid value {value!r} for parameter 'value' supplied: a string is needed.")
    return text(one, "key"), value


def listed(mapping):
    """A dictionary as the list of {"key", "value"} that the clients read."""
    return [{"key": key, "value": value} for key, value in mapping.items()]
