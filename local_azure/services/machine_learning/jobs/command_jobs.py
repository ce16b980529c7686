"""Command jobs: what is checked when one is submitted, and how it runs. Trials and steps are checked alike."""

import re

from starlette.concurrency import run_in_threadpool

from .. import arm
from ..assets import assets
from ..assets.references import require_environment
from . import commands, running, runs, shapes
from .expressions import references

LITERAL = "literal"
LOCAL_PROPERTY = "IsLocal"  # what azure-ai-ml sends for compute="local"
MODELS = ("custom_model", "mlflow_model", "triton_model")
ALWAYS_SERVED = (None, "Tracking", "Studio")
LIMIT = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def check(state, workspace, name, asked):
    """Refuse a command job that Azure would refuse, or that cannot run here."""
    shapes.check(asked, shapes.COMMAND)
    check_task(state, workspace, asked)
    check_compute(state, workspace, asked)
    seconds_of(asked.get("limits"))
    sources(state, workspace, asked.get("inputs"))
    targets(state, workspace, name, asked.get("outputs"))
    check_references(asked["command"], asked)


def check_references(command, asked):
    """400 if a command names an input or an output that there is not."""
    known = {f"{kind}.{name}" for kind in ("inputs", "outputs") for name in asked.get(kind) or {}}
    for reference in references(command):
        if reference not in known:
            message = f"The command refers to ${{{{{reference}}}}}, and the job has no such input or output."
            raise arm.user_error(message, target="command")


def check_task(state, workspace, asked):
    """What a command job, a trial and a step have in common."""
    if not (asked.get("command") or "").strip():
        raise arm.user_error("The job has no command.", target="command")
    if asked.get("distribution"):
        raise _refused("distribution", "Distributed training, which shares one job among several processes or nodes,")
    resources = asked.get("resources") or {}
    if resources.get("instanceCount") not in (None, 1):
        raise _refused("resources.instanceCount", "A job on more than one node at once")
    if LOCAL_PROPERTY in (resources.get("properties") or {}):
        raise _refused("compute", "A job on compute 'local'", "Name cpu-cluster, or no compute at all.")
    if asked.get("notificationSetting"):
        raise _refused("notificationSetting", "Mail about a job")
    services = (asked.get("services") or {}).values()
    if any((given or {}).get("jobServiceType") not in ALWAYS_SERVED for given in services):
        raise _refused("services", "An interactive service within a job, such as JupyterLab or SSH,")
    _check_environment(state, workspace, asked.get("environmentId"))
    commands.code_path(state, workspace, asked.get("codeId"))


def _refused(target, what, instead="Run it on one machine, or on your own Azure."):
    return arm.user_error(f"{what} is not offered by the local Azure. {instead}", inner="NotSupported", target=target)


def _check_environment(state, workspace, reference):
    if not reference:
        raise arm.user_error("The job names no environment.", target="environmentId")
    require_environment(state, reference)


def check_compute(state, workspace, asked):
    """400 in Azure's words for a compute that there is not."""
    reference = asked.get("computeId")
    if reference and arm.name_of(reference).lower() != "serverless" and not _compute(state, reference):
        raise arm.user_error(f"Unknown compute target '{arm.name_of(reference)}'.", target="computeId")


def _compute(state, reference):
    return arm.find(state, commands.plain_id(reference))


def seconds_of(limits, name="timeout"):
    """A time limit in seconds, or None."""
    text = (limits or {}).get(name)
    if not text:
        return None
    found = LIMIT.fullmatch(text)
    if not found or not any(found.groups()):
        raise arm.user_error(f"limits.{name} is a duration such as PT10M, not {text!r}.", target=f"limits.{name}")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def sources(state, workspace, inputs):
    """The inputs of a job: values of literals by expression, and (path, mode) of files and folders by name."""
    values, paths = {}, {}
    for name, given in (inputs or {}).items():
        if given is None:
            continue  # an optional input that was left out
        if str(given.get("jobInputType")).lower() == LITERAL:
            values[f"inputs.{name}"] = commands.literal(given.get("value"))
        elif isinstance(given.get("uri"), str):
            paths[name] = (assets.resolve(state, workspace, given["uri"]), given.get("mode"))
        else:
            raise arm.user_error(f"The input {name} has neither a value nor a uri.", target=f"inputs.{name}")
    return values, paths


def targets(state, workspace, job_name, outputs):
    """The outputs of a job: name -> (path, type), and name -> {"uri", "type"} for its record."""
    paths, noted = {}, {}
    for name, given in (outputs or {}).items():
        given = given or {}
        kind = str(given.get("jobOutputType") or "uri_folder").lower()
        uri = commands.target_of(state, workspace, job_name, name, given)
        paths[name] = (commands.target_path(state, workspace, uri), kind)
        noted[name] = {"uri": uri, "type": kind}
    return paths, noted


async def run_alone(state, run):
    """Wait for a node, then run the command of a job."""
    asked, workspace = run["properties"], run["workspace"]
    values, given = sources(state, workspace, asked.get("inputs"))
    paths, noted = targets(state, workspace, run["name"], asked.get("outputs"))
    runs.move(state, run, "Queued", outputs=noted)
    async with running.a_node(state, run):
        limit = seconds_of(asked.get("limits"))

        async def finish():
            await register(state, run, paths)

        await commands.execute(state, run, asked["command"], values, given, paths, limit, finish)


async def register(state, run, paths):
    """Make assets of the outputs that were given an asset's name."""
    workspace = run["workspace"]
    for name, given in (run["properties"].get("outputs") or {}).items():
        if not (given or {}).get("assetName"):
            continue
        path, kind = paths[name]
        uri = runs.output(state, workspace, run["name"], name)
        if kind in MODELS:
            collection = "models"
            flavors = await run_in_threadpool(assets.flavors_of, path) if kind == "mlflow_model" else {}
            properties = {"modelType": kind, "modelUri": uri, "flavors": flavors, "jobName": run["name"]}
        else:
            collection, properties = "data", {"dataType": kind, "dataUri": uri}
        version = given.get("assetVersion") or assets.next_version(state, workspace, collection, given["assetName"])
        assets.put_version(state, workspace, collection, given["assetName"], str(version), properties)


running.RUNNERS["Command"] = run_alone
