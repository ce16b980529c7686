"""The address of an endpoint: who may call, which deployment answers, and what becomes of the model's answer."""

import asyncio
import logging
import platform
import random
import time

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Route, Router

from ....engines import serving
from ....errors import AzureError
from .. import arm
from . import batch_endpoints, batch_scoring, endpoints, instances

CHOICE = "azureml-model-deployment"  # the header that names a deployment, in requests and in answers
MOST_BYTES = 64 * 2**20  # of a request
NO_ROUTE = (
    "No valid deployments to route to. Please check that the endpoint has at least one deployment with positive weight "
    "values or use a deployment specific header to route."
)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ENGINE = {"x-local-azure-engine": f"score/python-{platform.python_version()}"}

log = logging.getLogger("local_azure")


async def score(request):
    """Any request to https://{endpoint}.{region}.inference.ml.azure.com."""
    state = request.app.state
    endpoint = endpoints.by_name(state, request.path_params["endpoint"])
    if not endpoint or request.path_params["region"].lower() != arm.REGION:
        message = f"There is no endpoint at {request.url.hostname}. On Azure the name would not resolve."
        raise AzureError(404, "EndpointNotFound", message)
    if batch_endpoints.is_one(endpoint):
        return await batch_scoring.invoke(request, endpoint)
    if reason := endpoints.refusal(state, endpoint, request.headers.get("authorization", "")):
        return PlainTextResponse(reason, 401, {"WWW-Authenticate": "Bearer"})
    deployment = _choose(state, endpoint, request.headers.get(CHOICE))
    if not deployment:
        return PlainTextResponse(NO_ROUTE, 404)
    body = await _body(request)
    if body is None:
        return PlainTextResponse(f"The request is larger than {MOST_BYTES} bytes.", 413)
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    asked = (request.method, request.url.path, request.url.query, headers, body)
    _mirror(state, endpoint, asked)
    return await _forward(state, deployment, asked)


def _choose(state, endpoint, named):
    """The deployment that is named, or one by the shares of traffic; None if there is none that can answer."""
    if named:
        found = arm.find(state, f"{endpoint['id']}/deployments/{named}")
    else:
        shares = endpoint["properties"]["traffic"]
        if not shares:
            return None
        (chosen,) = random.choices(list(shares), list(shares.values()))
        found = arm.find(state, f"{endpoint['id']}/deployments/{chosen}")
    return found if found and instances.can_answer(state, found) else None


async def _body(request):
    """What was sent; None if it is too long."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            return None
    return bytes(data)


async def _forward(state, deployment, asked):
    """The answer of a deployment, as the front of Azure passes it on: of a model's error the status becomes 424."""
    path, settings = deployment["id"], deployment["properties"]["requestSettings"]
    chosen = {CHOICE: deployment["name"], **ENGINE}
    most = 2 * settings["maxConcurrentRequestsPerInstance"] * deployment["sku"]["capacity"]
    if instances.fleet(state, path).busy >= most:
        await instances.end_stuck(state, deployment)
        message = f"Too many pending requests: {deployment['name']} takes {most} at a time."
        return PlainTextResponse(message, 429, chosen)
    began = time.perf_counter()
    try:
        instance = await instances.ready(state, deployment)
        limit = instances.seconds(settings["requestTimeout"])
        answer = await asyncio.wait_for(instance.ask(*asked), limit)
    except TimeoutError:
        return PlainTextResponse("upstream request timeout", 408, chosen)
    except (serving.Gone, serving.NotReady):
        return PlainTextResponse("The model's process has ended; its log says why.", 424, chosen | _failed(502))
    spent = {"ms-azureml-model-time": str(round((time.perf_counter() - began) * 1000))}
    if answer.status == 200:
        state.meter.add(path.split("/")[8], "Machine Learning", "Online endpoints", "requests", 1)
        return Response(answer.body, 200, answer.headers | chosen | spent)
    return Response(answer.body, 424, answer.headers | chosen | spent | _failed(answer.status))


def _failed(status):
    return {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": str(status)}


def _mirror(state, endpoint, asked):
    """Send a share of the requests to another deployment as well, whose answers nobody sees."""
    for name, share in endpoint["properties"]["mirrorTraffic"].items():
        deployment = arm.find(state, f"{endpoint['id']}/deployments/{name}")
        if deployment and instances.can_answer(state, deployment) and random.random() * 100 < share:
            state.background(_forward_quietly(state, deployment, asked))


async def _forward_quietly(state, deployment, asked):
    try:
        await _forward(state, deployment, asked)
    except Exception:
        log.exception("mirrored request to %s", deployment["id"])


routes = [Host("{endpoint}.{region}.inference.ml.azure.com", Router([Route("/{path:path}", score, methods=METHODS)]))]
