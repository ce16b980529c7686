"""Deployments of batch endpoints: a model and how files are scored with it. Nothing runs until there is data."""

from starlette.responses import JSONResponse, Response

from .... import folders
from .. import arm
from ..assets import references
from ..jobs import command_jobs, commands, running, shapes
from . import batch_endpoints, endpoints, online_deployments

ACTIONS = ("AppendRow", "SummaryOnly")
LEVELS = ("Debug", "Info", "Warning")
FILE_NAME = "predictions.csv"
COMPONENT = "PipelineComponent"
RETRY = {"maxRetries": 3, "timeout": "PT30S"}
UNSAID = {"errorThreshold": -1, "miniBatchSize": 10, "outputFileName": FILE_NAME, "retrySettings": RETRY}
COLLECTION = f"{batch_endpoints.ONE}/deployments"
ONE = f"{COLLECTION}/{{deployment}}"
SETTINGS = {
    "errorThreshold": shapes.WHOLE, "miniBatchSize": shapes.WHOLE, "outputFileName": shapes.TEXT,
    "retrySettings": {"maxRetries": shapes.WHOLE, "timeout": shapes.TEXT},
}  # fmt: skip
SHAPE = {
    **SETTINGS, "compute": shapes.TEXT, "description": shapes.TEXT, "environmentId": shapes.TEXT,
    "loggingLevel": shapes.TEXT, "outputAction": shapes.TEXT, "maxConcurrencyPerInstance": shapes.WHOLE,
    "model": {"referenceType": shapes.TEXT, "assetId": shapes.TEXT}, "codeConfiguration": shapes.ANY_OBJECT,
    "resources": {"instanceCount": shapes.WHOLE, "instanceType": shapes.TEXT, "properties": shapes.ANY_OBJECT},
    "deploymentConfiguration": {
        "deploymentConfigurationType": shapes.TEXT, "componentId": {"assetId": shapes.TEXT},
        "settings": shapes.Named(shapes.SCALAR), "description": shapes.TEXT, "tags": shapes.Named(shapes.SCALAR),
    },
}  # fmt: skip


def get(request):
    """The deployment that the request's path names; 404 if there is none."""
    endpoint = batch_endpoints.get(request)
    return arm.get(request.app.state, f"{endpoint['id']}/deployments/{request.path_params['deployment']}")


# What is asked for


def settings_of(given, before):
    """How files are scored: what was given, and for the rest what is there already; 400 for what cannot be."""
    retry = before["retrySettings"] | shapes.given(given.get("retrySettings") or {})
    found = {
        "errorThreshold": _whole(given, "errorThreshold", before, -1),
        "miniBatchSize": _whole(given, "miniBatchSize", before, 1),
        "outputFileName": given.get("outputFileName") or before["outputFileName"],
        "retrySettings": {key: retry[key] for key in RETRY},
    }
    if retry["maxRetries"] < 0:
        raise arm.user_error("retrySettings.maxRetries must be 0 or more.", target="retrySettings")
    if not command_jobs.seconds_of(retry, "timeout"):
        raise arm.user_error("retrySettings.timeout must be more than 0 seconds.", target="retrySettings")
    check_file_name(found["outputFileName"], "outputFileName")
    return found


def check_file_name(name, target):
    """400 unless a file in a folder can have this name."""
    if name in ("", ".", "..") or any(one in name for one in "/\\\0") or len(name.encode()) > folders.NAME_BYTES:
        raise arm.user_error(f"{target} must be the name of a file, not {name!r:.80}.", target=target)


def _whole(given, name, before, least):
    value = before[name] if given.get(name) is None else given[name]
    if value < least:
        raise arm.user_error(f"{name} must be {least} or more; it is {value}.", target=name)
    return value


def _one_of(given, name, allowed, default):
    value = given.get(name) or default
    found = next((one for one in allowed if one.lower() == value.lower()), None)
    if not found:
        raise arm.user_error(f"{name} must be one of {', '.join(allowed)}; it is {value!r}.", target=name)
    return found


def check_nodes(state, workspace, compute, count):
    """400 for a compute that there is not, or that will never have so many nodes."""
    command_jobs.check_compute(state, workspace, {"computeId": compute})
    if count < 1:
        raise arm.user_error(f"instanceCount must be 1 or more; it is {count}.", target="instanceCount")
    most = running.nodes(state, compute)
    if count > most:
        message = f"{count} instances were asked for, and the compute {arm.name_of(compute)} has {most} nodes at most."
        raise arm.user_error(message, target="instanceCount")


def _deployment(state, workspace, body, given):
    """The record of a deployment."""
    configuration = given.get("deploymentConfiguration")
    if configuration and configuration.get("deploymentConfigurationType") == COMPONENT:
        properties = _of_component(state, given, configuration)
    else:
        properties = _of_model(state, workspace, given)
    shared = {
        "description": given.get("description"),
        "properties": endpoints.texts(given, "properties"),
        "provisioningState": "Succeeded",
    }
    location = arm.expect(body, "location", str, arm.REGION)
    return {"location": location, "tags": endpoints.texts(body, "tags"), "properties": shared | properties}


def _of_model(state, workspace, given):
    """A model, with or without a script of its own."""
    model = (given.get("model") or {}).get("assetId")
    if not model:
        raise arm.user_error("A batch deployment needs a model.", inner="MissingField", target="model")
    model, code = online_deployments.served(state, given | {"model": model})
    if not given.get("compute"):
        message = "A batch deployment needs a compute: the cluster whose nodes score the files."
        raise arm.user_error(message, inner="MissingField", target="compute")
    resources = given.get("resources") or {}
    count = 1 if resources.get("instanceCount") is None else resources["instanceCount"]
    check_nodes(state, workspace, given["compute"], count)
    return {
        **settings_of(given, UNSAID),
        "model": {"referenceType": "Id", "assetId": model},
        "codeConfiguration": code,
        "environmentId": given.get("environmentId"),
        "environmentVariables": online_deployments.variables(given),
        "compute": commands.plain_id(given["compute"]),
        "resources": {"instanceCount": count, "instanceType": resources.get("instanceType"), "properties": {}},
        "maxConcurrencyPerInstance": _whole(given, "maxConcurrencyPerInstance", {"maxConcurrencyPerInstance": 1}, 1),
        "loggingLevel": _one_of(given, "loggingLevel", LEVELS, "Info"),
        "outputAction": _one_of(given, "outputAction", ACTIONS, "AppendRow"),
    }


def _of_component(state, given, configuration):
    """A pipeline component: each call of the endpoint is a pipeline of its steps."""
    component = (configuration.get("componentId") or {}).get("assetId")
    if not component:
        message = "A deployment of a pipeline component needs the component's id."
        raise arm.user_error(message, inner="MissingField", target="componentId")
    spec = references.asset(state, component)["properties"].get("componentSpec") or {}
    if spec.get("type") != "pipeline":
        message = f"A deployment needs a pipeline component; {component} is of the type {spec.get('type')}."
        raise arm.user_error(message, target="componentId")
    if not spec.get("jobs"):
        raise arm.not_yet("components made from a job that has run", "Register the pipeline component and name it.")
    settings = {name: str(value) for name, value in (configuration.get("settings") or {}).items() if value is not None}
    return {
        "deploymentConfiguration": {
            "deploymentConfigurationType": COMPONENT,
            "componentId": {"referenceType": "Id", "assetId": component},
            "settings": settings,
            "description": configuration.get("description"),
            "tags": configuration.get("tags") or {},
        },
        **UNSAID,
        "maxConcurrencyPerInstance": 1,
        "environmentVariables": {},
        "loggingLevel": "Info",
        "outputAction": "AppendRow",
    }


# Requests


async def listed(request):
    return arm.page(request, arm.children(request.app.state, f"{batch_endpoints.get(request)['id']}/deployments"))


async def read(request):
    return JSONResponse(get(request))


async def write(request):
    """PUT …/deployments/{deployment}: a new deployment, or a new version of one. Jobs keep what they began with."""
    state, endpoint, name = request.app.state, batch_endpoints.get(request), request.path_params["deployment"]
    body = await arm.body_of(request)
    given = arm.properties_of(body)
    shapes.check(given, SHAPE)
    path = f"{endpoint['id']}/deployments/{name}"
    before = arm.find(state, path)
    if not before:
        endpoints.check_new_deployment(state, endpoint, name)
    resource = arm.put(state, path, _deployment(state, arm.workspace_of(request), body, given))
    return arm.done(request, resource, 200 if before else 201)


async def change(request):
    """PATCH: tags and description."""
    before, body = get(request), await arm.body_of(request)
    made = before | {"tags": endpoints.texts(body, "tags", before["tags"])}
    given = arm.expect(body, "properties", dict, {})
    described = {"description": arm.expect(given, "description", str, before["properties"]["description"])}
    made["properties"] = before["properties"] | described
    return arm.done(request, arm.put(request.app.state, before["id"], made), 202)


async def remove(request):
    """DELETE: a deployment that was the default leaves the endpoint without one."""
    state, endpoint = request.app.state, batch_endpoints.get(request)
    found = arm.find(state, f"{endpoint['id']}/deployments/{request.path_params['deployment']}")
    if not found:
        return Response(None, 204)
    arm.delete(state, found["id"])
    if endpoint["properties"]["defaults"]["deploymentName"] == found["name"]:
        properties = endpoint["properties"] | {"defaults": {"deploymentName": None}}
        arm.put(state, endpoint["id"], endpoint | {"properties": properties})
    return arm.done(request, found, 202)


routes = [
    arm.route(COLLECTION, listed),
    arm.route(ONE, read),
    arm.route(ONE, write, ("PUT",)),
    arm.route(ONE, change, ("PATCH",)),
    arm.route(ONE, remove, ("DELETE",)),
]
