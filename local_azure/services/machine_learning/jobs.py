"""Jobs: submitted, listed, cancelled, archived, deleted; run in the background on the nodes of their compute."""

import asyncio
import logging
import re
import shutil

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from ...errors import AzureError
from . import arm, assets, commands, runs, tracking
from .expressions import references
from .nodes import Nodes

SERVERLESS_NODES = 2  # jobs that name no compute run here, as many at once as the first cluster takes
NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}"
MUTABLE = ("description", "tags", "displayName", "properties", "isArchived")
LITERAL = "literal"
LIMIT = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
STOPPED = "The local Azure was stopped while the job ran. Its logs and what it had written are kept."

log = logging.getLogger("local_azure")


# Submitting


async def submit(request):
    """PUT …/jobs/{name}: a new job, or the few things of an old one that can change."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    asked = arm.properties_of(await arm.body_of(request))
    if not re.fullmatch(NAME, name):
        message = (
            f"The job name '{name}' is invalid. It has 1 to 255 letters, digits, hyphens and underscores, and begins "
            f"with a letter or a digit."
        )
        raise arm.user_error(message)
    if before := runs.find(state, workspace, name):
        return JSONResponse(runs.as_job(_update(state, before, asked)))
    job = accept(state, workspace, name, asked)
    start(state, job)
    return JSONResponse(runs.as_job(job), 201)


def accept(state, workspace, name, asked):
    """Check a job that was asked for and make its record. AzureError says what is wrong with it."""
    kind = asked.get("jobType")
    if kind not in KINDS:
        if not isinstance(kind, str):
            raise arm.user_error("The job has no jobType.", target="jobType")
        raise arm.not_yet(f"jobs of type {kind}")
    check, _ = KINDS[kind]
    asked = {key: value for key, value in asked.items() if value is not None and key not in ("status", "services")}
    check(state, workspace, name, asked)
    return runs.create(state, workspace, name, asked)


def _update(state, run, asked):
    """Take the changes that Azure takes to a job that exists; 400 for all others, and 200 for none."""
    given = run["properties"]
    for key, value in asked.items():
        if key in MUTABLE or key in ("status", "services", "parentJobName") or value in (None, given.get(key)):
            continue
        message = (
            f"A job with this name already exists. If you are trying to create a new job, use a different name. If you "
            f"are trying to update an existing job, the existing job's {key} cannot be changed. Only description, "
            f"tags, displayName, properties, and isArchived can be updated."
        )
        raise arm.user_error(message, target=key)
    if run["status"] in runs.ENDED and not any(key in asked and asked[key] != given.get(key) for key in MUTABLE):
        message = (
            f"A job with this name already exists. If you are trying to create a new job, use a different name: "
            f"{run['name']} has ended ({run['status']})."
        )
        raise arm.user_error(message)
    return runs.describe(state, run, asked | {"hidden": asked.get("isArchived")})


def check_command(state, workspace, name, asked):
    """Refuse a command job that Azure would refuse, or that cannot run here."""
    check_task(state, workspace, asked)
    check_compute(state, workspace, asked)
    check_limits(asked.get("limits"))
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
    if not isinstance(asked.get("command"), str) or not asked["command"].strip():
        raise arm.user_error("The job has no command.", target="command")
    for key in ("environmentVariables", "inputs", "outputs", "tags", "properties", "resources", "limits", "services"):
        if not isinstance(asked.get(key) or {}, dict):
            raise arm.user_error(f"{key} must be an object.", target=key)
    if asked.get("distribution"):
        kind = (asked["distribution"] or {}).get("distributionType")
        raise _refused("distribution", f"Distributed training ({kind}) needs several nodes that share one job")
    if int((asked.get("resources") or {}).get("instanceCount") or 1) > 1:
        raise _refused("resources.instanceCount", "A job on more than one node at once")
    if (asked.get("resources") or {}).get("properties", {}).get("local"):
        raise _refused("compute", "A job on compute 'local'", "Name cpu-cluster, or no compute at all.")
    if asked.get("notificationSetting"):
        raise _refused("notificationSetting", "Mail about a job")
    _check_environment(state, workspace, asked.get("environmentId"))
    commands.code_path(state, workspace, asked.get("codeId"))


def _refused(target, what, instead="Run it on one machine, or on your own Azure."):
    return arm.user_error(f"{what} is not offered by the local Azure. {instead}", inner="NotSupported", target=target)


def _check_environment(state, workspace, reference):
    if not reference or not isinstance(reference, str):
        raise arm.user_error("The job names no environment.", target="environmentId")
    path = reference.removeprefix("azureml:")
    if path.lower().startswith("/subscriptions/") and "/labels/" not in path:
        arm.get(state, path)


def check_compute(state, workspace, asked):
    """400 in Azure's words for a compute that there is not."""
    reference = asked.get("computeId")
    if reference and arm.name_of(reference).lower() != "serverless" and not _compute(state, reference):
        raise arm.user_error(f"Unknown compute target '{arm.name_of(reference)}'.", target="computeId")


def _compute(state, reference):
    return arm.find(state, reference.removeprefix("azureml:"))


def check_limits(limits):
    """The time limit of a command in seconds, or None."""
    text = (limits or {}).get("timeout")
    if not text:
        return None
    found = LIMIT.fullmatch(text) if isinstance(text, str) else None
    if not found or not any(found.groups()):
        raise arm.user_error(f"limits.timeout is a duration such as PT10M, not {text!r}.", target="limits.timeout")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def sources(state, workspace, inputs):
    """The inputs of a job: values of literals by expression, and (path, mode) of files and folders by name."""
    values, paths = {}, {}
    for name, given in (inputs or {}).items():
        if given is None:
            continue  # an optional input that was left out
        if not isinstance(given, dict):
            raise arm.user_error(f"The input {name} must be an object.", target=f"inputs.{name}")
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


# Running


def start(state, run):
    """Run a job in the background."""
    _, runner = KINDS[run["properties"]["jobType"]]
    key = run["path"].lower()
    running = _running(state)
    task = state.background(_supervise(state, run, runner))
    running[key] = task
    task.add_done_callback(lambda _: running.pop(key, None))


def _running(state):
    """The tasks of the jobs that run in this server, by ARM id."""
    if not hasattr(state, "ml_running"):
        state.ml_running, state.ml_nodes = {}, Nodes()
    return state.ml_running


async def _supervise(state, run, runner):
    """Whatever happens to a job, its record has an end."""
    try:
        await tracking.begin(state, run)
        await runner(state, run)
    except asyncio.CancelledError:
        newest = runs.find(state, run["workspace"], run["name"])
        if newest and newest["status"] == "CancelRequested":
            _end(state, run, "Canceled")
            await tracking.end(state, newest | {"status": "Canceled"})
            return
        _end(state, run, "Failed", STOPPED)
        raise
    except AzureError as error:
        _end(state, run, "Failed", error.message)
    except Exception as error:
        log.exception("job %s", run["path"])
        _end(state, run, "Failed", f"The local Azure failed: {error!r}. Its log is {state.home / 'server.log'}.")
    ended = runs.find(state, run["workspace"], run["name"])
    if ended:
        await tracking.end(state, ended)


def _end(state, run, status, message=None):
    runs.move(state, run, status, **({"error": runs.system_error(message)} if message else {}))


async def run_command(state, run):
    """Wait for a node, then run the command of a job."""
    asked, workspace = run["properties"], run["workspace"]
    values, given = sources(state, workspace, asked.get("inputs"))
    paths, noted = targets(state, workspace, run["name"], asked.get("outputs"))
    runs.move(state, run, "Queued", outputs=noted)
    async with a_node(state, run):
        await commands.execute(state, run, asked["command"], values, given, paths, check_limits(asked.get("limits")))


def a_node(state, run):
    """Hold one node of a run's compute."""
    compute = run["properties"].get("computeId") or f"{run['workspace']}/serverless"
    return state.ml_nodes.one(compute.lower(), lambda: _nodes(state, compute))


def _nodes(state, compute):
    """How many nodes a compute has at most, at this moment."""
    found = _compute(state, compute)
    if not found:
        return SERVERLESS_NODES
    properties = found["properties"].get("properties") or {}
    return int((properties.get("scaleSettings") or {}).get("maxNodeCount", 1))


async def resume(state):
    """End the jobs that an earlier server left in the middle; begin those that still waited. Called at the start."""
    for _, run in state.store.items(runs.KIND):
        if run["status"] in runs.ENDED:
            continue
        waited = run["status"] in ("NotStarted", "Queued") and not run["parent"]
        if waited and run["properties"]["jobType"] == "Command":
            start(state, run)
            continue
        await commands.clean_up(state, run)
        runs.move(state, run, "Failed", error=runs.system_error(STOPPED))


# Looking, cancelling, deleting


async def read(request):
    """GET …/jobs/{name}"""
    return JSONResponse(runs.as_job(_named(request)))


def _named(request):
    workspace, name = arm.workspace_of(request), request.path_params["name"]
    return runs.get(request.app.state, workspace, name)


async def listed(request):
    """GET …/jobs: the newest first; listViewType, jobType, tag and properties choose."""
    query = request.query_params
    view = query.get("listViewType", "ActiveOnly")
    wanted = {"ActiveOnly": (False,), "ArchivedOnly": (True,), "All": (False, True)}.get(view)
    if wanted is None:
        raise arm.user_error(f"listViewType is ActiveOnly, ArchivedOnly or All, not {view}.")
    kind, tag = query.get("jobType"), query.get("tag")
    found = []
    for run in runs.everyone(request.app.state, arm.workspace_of(request)):
        asked = run["properties"]
        if run["parent"] or bool(asked.get("isArchived")) not in wanted:
            continue
        if kind and asked["jobType"].lower() != kind.lower():
            continue
        if tag and tag.partition("=")[0] not in (asked.get("tags") or {}):
            continue
        found.append(runs.as_job(run))
    return arm.page(request, found)


async def cancel(request):
    """POST …/jobs/{name}/cancel: its processes end; 400 for a job that has ended."""
    state, run = request.app.state, _named(request)
    if run["status"] in runs.ENDED:
        message = f"The job {run['name']} cannot be canceled: it is in the terminal state {run['status']}."
        raise arm.user_error(message)
    await stop(state, run)
    return Response(status_code=200)


async def stop(state, run):
    """Cancel a run and wait until it has ended."""
    runs.move(state, run, "CancelRequested")
    task = _running(state).get(run["path"].lower())
    if task:
        task.cancel()
        await asyncio.wait([task], timeout=10)
    runs.move(state, run, "Canceled")


async def delete(request):
    """DELETE …/jobs/{name}: with its logs and artifacts; 400 while it runs."""
    state, run = request.app.state, _named(request)
    if run["status"] not in runs.ENDED:
        raise arm.user_error(f"The job {run['name']} is {run['status']}. Cancel it before it is deleted.")
    for one in [run, *runs.children(state, run)]:
        state.store.delete(runs.KIND, one["path"].lower())
        await run_in_threadpool(shutil.rmtree, runs.folder(state, one), ignore_errors=True)
    return Response(status_code=200)


KINDS = {"Command": (check_command, run_command)}  # jobType -> what checks a job, what runs it

_JOB = f"{arm.WORKSPACE}/jobs/{{name}}"
routes = [
    arm.route(f"{arm.WORKSPACE}/jobs", listed),
    arm.route(_JOB, submit, ("PUT",)),
    arm.route(_JOB, read),
    arm.route(_JOB, delete, ("DELETE",)),
    arm.route(f"{_JOB}/cancel", cancel, ("POST",)),
]
