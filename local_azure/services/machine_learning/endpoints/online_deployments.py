"""Deployments of online endpoints: what is asked for, checked; made ready in the background; their logs."""

import asyncio
import logging
import uuid
from math import ceil
from pathlib import PurePosixPath

from starlette.responses import JSONResponse, Response

from ....engines import serving
from ....errors import AzureError
from .. import arm, computes, limits
from ..assets import references
from . import endpoints, instances

SPARE = 20  # per cent of the machines, in whole ones, are kept free for upgrades, and count against the quota
SERVERS = {"inferenceserver": "log", "storageinitializer": "storage"}  # containers whose log can be asked for
# vCPUs and family of machines that serve models and that no cluster of ours has
MORE_SIZES = {
    "Standard_D2a_v4": (2, "standardDAv4Family"),
    "Standard_D4a_v4": (4, "standardDAv4Family"),
    "Standard_E2s_v3": (2, "standardESv3Family"),
    "Standard_F8s_v2": (8, "standardFSv2Family"),
    "Standard_F16s_v2": (16, "standardFSv2Family"),
    "Standard_F32s_v2": (32, "standardFSv2Family"),
}
SIZES = {name: (vcpus, family) for name, (vcpus, _, _, family) in computes.SIZES.items()} | MORE_SIZES
PROBE = {"failureThreshold": 30, "initialDelay": "PT10S", "period": "PT10S", "successThreshold": 1, "timeout": "PT2S"}
CRASHED = (
    "User container has crashed or terminated. Please see troubleshooting guide, available here: "
    "https://aka.ms/oe-tsg#error-resourcenotready"
)
STOPPED = "The deployment was deleted, or the local Azure was stopped, before it was ready. Create it again."
COLLECTION = f"{endpoints.ONE}/deployments"
ONE = f"{COLLECTION}/{{deployment}}"

log = logging.getLogger("local_azure")


def get(request):
    """The deployment that the request's path names; 404 if there is none."""
    endpoint = endpoints.get(request)
    return arm.get(request.app.state, f"{endpoint['id']}/deployments/{request.path_params['deployment']}")


# What is asked for


def _seconds(text, name):
    """A duration in seconds; 400 if it is none."""
    try:
        return instances.seconds(text)
    except ValueError as error:
        raise arm.user_error(f"{name}: {error}.", target=name) from None


def _probe(given, name):
    """The settings of a probe, those that were not sent at their defaults."""
    asked = arm.expect(given, name, dict, {})
    probe = PROBE | {key: value for key, value in asked.items() if value is not None}
    for key in ("initialDelay", "period", "timeout"):
        _seconds(probe[key], f"{name}.{key}")
    for key in ("failureThreshold", "successThreshold"):
        if arm.expect(probe, key, int) < 1:
            raise arm.user_error(f"{name}.{key} must be 1 or more.", target=name)
    return probe


def variables(given):
    """The environment variables, which are text that a process can be given."""
    found = arm.expect(given, "environmentVariables", dict, {})
    for name, value in found.items():
        if not name or "=" in name or not isinstance(value, str) or "\0" in name + value:
            message = f"The environment variable {name!r} must have a name without = and a text as its value."
            raise arm.user_error(message, target="environmentVariables")
    return found


def _request_settings(given):
    asked = arm.expect(given, "requestSettings", dict, {})
    settings = {
        "requestTimeout": asked.get("requestTimeout") or "PT5S",
        "maxConcurrentRequestsPerInstance": arm.expect(asked, "maxConcurrentRequestsPerInstance", int, 1),
        "maxQueueWait": asked.get("maxQueueWait") or "PT0.5S",
    }
    if not 0 < _seconds(settings["requestTimeout"], "requestTimeout") <= limits.REQUEST_SECONDS:
        message = f"requestTimeout must be more than 0 and at most {limits.REQUEST_SECONDS} seconds."
        raise arm.user_error(message, target="requestTimeout")
    _seconds(settings["maxQueueWait"], "maxQueueWait")
    if settings["maxConcurrentRequestsPerInstance"] < 1:
        message = "maxConcurrentRequestsPerInstance must be 1 or more."
        raise arm.user_error(message, target="maxConcurrentRequestsPerInstance")
    return settings


def _size(given):
    size = given.get("instanceType")
    found = next((name for name in SIZES if name.lower() == str(size).lower()), None)
    if not found:
        message = f"Instance type {size!r} is not supported for online deployments here: {', '.join(SIZES)}."
        raise arm.user_error(message, target="instanceType")
    return found


def _capacity(body):
    capacity = arm.expect(arm.expect(body, "sku", dict, {}), "capacity", int, 1)
    if not 1 <= capacity <= limits.INSTANCES:
        message = f"A deployment has 1 to {limits.INSTANCES} instances, not {capacity}."
        raise arm.user_error(message, target="instanceCount")
    return capacity


def _scale(given):
    scale = arm.expect(given, "scaleSettings", dict, {})
    if scale.get("scaleType", "Default") != "Default":
        message = "Managed online deployments support the scale type Default only; Azure Monitor scales them."
        raise arm.user_error(message, target="scaleSettings")
    return {"scaleType": "Default"}


def served(state, given):
    """(model id or None, code configuration or None), checked: what is served, and by which script."""
    model, code = arm.expect(given, "model", str), arm.expect(given, "codeConfiguration", dict)
    resource = references.asset(state, model) if model else None
    if resource and references.is_registry(resource["id"]):
        model = references.with_public_id(resource)["id"]  # a label is settled now: the version stays
    found = resource["properties"] if resource else None
    if environment := arm.expect(given, "environmentId", str):
        references.require_environment(state, environment)
        registered = references.find_asset(state, environment)
        if not code and registered and registered["properties"].get("inferenceConfig"):
            instead = "It has no containers; it serves MLflow models, and others with a scoring script."
            raise arm.not_yet("deployments of a container that brings its own server (inferenceConfig)", instead)
    if code:
        references.asset(state, arm.expect(code, "codeId", str, ""))
        script = PurePosixPath(arm.expect(code, "scoringScript", str, ""))
        if not script.name or script.is_absolute() or ".." in script.parts or "\0" in str(script):
            message = "codeConfiguration needs a scoringScript: the path of a file in its folder."
            raise arm.user_error(message, inner="MissingField", target="scoringScript")
        if not given.get("environmentId"):
            message = "A deployment with a scoring script needs an environment."
            raise arm.user_error(message, inner="MissingField", target="environmentId")
        return model, {name: code[name] for name in ("codeId", "scoringScript")}
    if not found:
        message = "A deployment needs a model, or a codeConfiguration with a scoring script, or both."
        raise arm.user_error(message, inner="MissingField", target="model")
    if found["modelType"] != "mlflow_model":
        message = (
            f"The model is a {found['modelType']}. Only an MLflow model is deployed without code; for this one give a "
            f"codeConfiguration with a scoring script, and an environment."
        )
        raise arm.user_error(message, inner="MissingField", target="codeConfiguration")
    return model, None


def _deployment(state, body, given):
    """The record of a deployment, but for its state."""
    if str(given.get("endpointComputeType") or "Managed") != "Managed":
        raise arm.not_yet("deployments on Kubernetes", "It has managed online deployments.")
    model, code = served(state, given)
    size, capacity = _size(given), _capacity(body)
    properties = {
        "endpointComputeType": "Managed",
        "description": arm.expect(given, "description", str),
        "properties": endpoints.texts(given, "properties"),
        "model": model,
        "modelMountPath": arm.expect(given, "modelMountPath", str),
        "codeConfiguration": code,
        "environmentId": arm.expect(given, "environmentId", str),
        "environmentVariables": variables(given),
        "appInsightsEnabled": arm.expect(given, "appInsightsEnabled", bool, False),
        "instanceType": size,
        "scaleSettings": _scale(given),
        "requestSettings": _request_settings(given),
        "livenessProbe": _probe(given, "livenessProbe"),
        "readinessProbe": _probe(given, "readinessProbe"),
        "egressPublicNetworkAccess": arm.expect(given, "egressPublicNetworkAccess", str, "Enabled"),
        "dataCollector": _collector(given),
    }
    return {
        "location": arm.expect(body, "location", str, arm.REGION),
        "tags": endpoints.texts(body, "tags"),
        "kind": "Managed",
        "sku": {"name": "Default", "capacity": capacity},
        "properties": properties,
    }


def _collector(given):
    """No data collector, or one that collects nothing; 501 for one that would have to."""
    found = arm.expect(given, "dataCollector", dict)
    collections = arm.expect(found or {}, "collections", dict, {}).values()
    if any(isinstance(one, dict) and str(one.get("dataCollectionMode")).lower() == "enabled" for one in collections):
        raise arm.not_yet(
            "collection of a deployment's requests and answers (data_collector)", "Log them in the script."
        )
    return found


def _cores(deployment):
    vcpus, family = SIZES[deployment["properties"]["instanceType"]]
    machines = ceil(deployment["sku"]["capacity"] * (100 + SPARE) / 100)
    return machines * vcpus, family


def _check_quota(state, path, deployment):
    """400 OutOfQuota if the subscription has not the cores."""
    needed, family = _cores(deployment)
    start = "/".join(path.lower().split("/")[:3]) + "/"
    used = 0
    for key, one in state.store.items(arm.KIND, start):
        if "/onlineendpoints/" in key and "/deployments/" in key and key != path.lower():
            cores, other = _cores(one)
            used += cores if other == family else 0
    quota = computes.quota_of(family)
    if used + needed > quota:
        message = (
            f"Not enough quota available for {deployment['properties']['instanceType']} in SubscriptionId "
            f"{path.split('/')[2]}. Current usage/limit: {used}/{quota}. Additional needed: {needed}. Please "
            f"see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota"
        )
        raise AzureError(400, "OutOfQuota", message)


# Requests


async def listed(request):
    return arm.page(request, arm.children(request.app.state, f"{endpoints.get(request)['id']}/deployments"))


async def read(request):
    return JSONResponse(get(request))


async def write(request):
    """PUT …/deployments/{deployment}: a new deployment, or a new version of one; made ready in the background."""
    state, endpoint, name = request.app.state, endpoints.get(request), request.path_params["deployment"]
    body = await arm.body_of(request)
    path = f"{endpoint['id']}/deployments/{name}"
    before = arm.find(state, path)
    if before:
        endpoints.check_idle(before)
    else:
        endpoints.check_new_deployment(state, endpoint, name)
    made = _deployment(state, body, arm.properties_of(body))
    _check_quota(state, path, made)
    return _begin(request, path, made, before)


def _begin(request, path, made, before):
    """Keep what is asked for, and start to make it so."""
    state = request.app.state
    made["properties"]["provisioningState"] = "Updating" if before else "Creating"
    resource = arm.put(state, path, made)
    operation, revision = arm.start_operation(state, resource["id"]), uuid.uuid4().hex[:12]
    record = {"revision": revision, "operation": operation}
    state.store.put(instances.KIND, resource["id"].lower(), record)
    task = state.background(_provision(state, resource, revision, operation))
    instances.fleet(state, path).task = task
    instances.count_hours(state, resource)
    return arm.accepted(request, operation, resource, 200 if before else 201)


async def _provision(state, resource, revision, operation):
    """Whatever happens, the deployment and the operation have an end."""
    error = None
    try:
        await instances.deploy(state, resource, revision)
    except serving.NotReady:
        error = {"code": "ResourceNotReady", "message": CRASHED}
    except AzureError as refused:
        error = {"code": refused.code, "message": refused.message}
    except asyncio.CancelledError:
        _end(state, resource, operation, {"code": "OperationCanceled", "message": STOPPED})
        raise
    except Exception as failed:
        log.exception("deployment %s", resource["id"])
        message = f"The local Azure failed: {failed!r}. Its log is {state.home / 'server.log'}."
        error = {"code": "InternalServerError", "message": message}
    _end(state, resource, operation, error)
    if not arm.find(state, resource["id"]):  # its workspace was deleted meanwhile
        await instances.forget(state, resource["id"])


def _end(state, resource, operation, error):
    newest = arm.find(state, resource["id"])
    if newest:
        newest["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
        arm.put(state, newest["id"], newest)
    arm.finish_operation(state, operation, "Failed" if error else "Succeeded", error)


async def change(request):
    """PATCH: tags, and how many instances there are."""
    state, before, body = request.app.state, get(request), await arm.body_of(request)
    endpoints.check_idle(before)
    made = before | {"tags": endpoints.texts(body, "tags", before["tags"])}
    if not body.get("sku"):
        return arm.done(request, arm.put(state, before["id"], made), 200)
    made["sku"] = {"name": "Default", "capacity": _capacity(body)}
    _check_quota(state, before["id"], made)
    return _begin(request, before["id"], made, before)


async def remove(request):
    state, endpoint = request.app.state, endpoints.get(request)
    found = arm.find(state, f"{endpoint['id']}/deployments/{request.path_params['deployment']}")
    if not found:
        return Response(None, 204)
    for rule in ("traffic", "mirrorTraffic"):
        if share := endpoint["properties"][rule].get(found["name"]):
            message = (
                f"The deployment {found['name']} has {share} per cent of the {rule} of {endpoint['name']}. "
                f"Give it none before it is deleted."
            )
            raise arm.user_error(message, target=rule)
    arm.delete(state, found["id"])
    await instances.forget(state, found["id"])
    return arm.done(request, found, 202)


# Logs


async def get_logs(request):
    """POST …/getLogs: the state of the instance, and the last lines of a container's log."""
    state, found, body = request.app.state, get(request), await arm.body_of(request)
    which = str(body.get("containerType") or "InferenceServer").lower()
    if which not in SERVERS:
        raise arm.user_error("containerType must be InferenceServer or StorageInitializer.", target="containerType")
    tail = arm.expect(body, "tail", int, 500)
    ended = {"Creating": "InProgress", "Failed": "Failed"}.get(found["properties"]["provisioningState"], "Succeeded")
    stages = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")
    status = [f"{stage}: {ended if stage == stages[-1] else 'Succeeded'}" for stage in stages]
    if which == "storageinitializer":
        lines = [f"Model and code of {found['name']} were copied from the workspace's storage."]
    else:
        path = instances.log_of(state, found["id"])
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path else []
    lines = lines[-tail:] if tail > 0 else lines
    content = "\n".join(["Instance status:", *status, "", "Container logs:", *lines, ""])
    return JSONResponse({"content": content})


def resume(state):
    """End what an earlier server had begun. Instances start with the first call. Called at the start."""
    for key, record in state.store.items(instances.KIND):
        found = arm.find(state, key)
        if found and found["properties"]["provisioningState"] in ("Creating", "Updating"):
            error = {"code": "OperationCanceled", "message": STOPPED}
            _end(state, found, record["operation"], error)


routes = [
    arm.route(COLLECTION, listed),
    arm.route(ONE, read),
    arm.route(ONE, write, ("PUT",)),
    arm.route(ONE, change, ("PATCH",)),
    arm.route(ONE, remove, ("DELETE",)),
    arm.route(f"{ONE}/getLogs", get_logs, ("POST",)),
]
