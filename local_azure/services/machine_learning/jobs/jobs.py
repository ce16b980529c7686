"""Jobs: submitted, listed, cancelled, archived, deleted; run in the background (running.py)."""

import re

from starlette.responses import JSONResponse, Response

from .... import folders
from .. import arm, limits
from . import automl, command_jobs, outside, pipelines, running, runs, shapes, sweeps

NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}"
MUTABLE = ("description", "tags", "displayName", "properties", "isArchived")
# jobType -> what refuses a job that is wrong: (state, workspace, name, asked)
CHECKS = {
    "AutoML": automl.check, "Command": command_jobs.check, "Pipeline": pipelines.check, "Sweep": sweeps.check,
}  # fmt: skip


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
    shapes.check(asked, shapes.JOB)
    asked = shapes.given(asked)
    if before := await outside.find(state, workspace, name):
        limits.check_run(asked, before["properties"])
        return JSONResponse(runs.as_job(await _update(state, before, asked)))
    job = accept(state, workspace, name, asked)
    running.start(state, job)
    return JSONResponse(runs.as_job(job), 201)


def accept(state, workspace, name, asked):
    """Make the record of a job that was asked for, in the shape of JOB and without None. AzureError if it is wrong."""
    asked = {key: value for key, value in asked.items() if key not in ("status", "parentJobName")}
    check(state, workspace, name, asked)
    asked.pop("services", None)
    return runs.create(state, workspace, name, asked)


def check(state, workspace, name, asked):
    """AzureError if a job that was asked for is wrong."""
    kind = asked.get("jobType")
    if kind not in CHECKS:
        if not kind:
            raise arm.user_error("The job has no jobType.", target="jobType")
        raise arm.not_yet(f"jobs of type {kind}")
    limits.check_run(asked)
    CHECKS[kind](state, workspace, name, asked)


async def _update(state, run, asked):
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
    changes = asked | {"hidden": asked.get("isArchived")}
    return await outside.describe(state, run, changes) if run.get("outside") else runs.describe(state, run, changes)


# Looking, cancelling, deleting


async def read(request):
    """GET …/jobs/{name}"""
    return JSONResponse(runs.as_job(await _named(request)))


async def _named(request):
    return await outside.get(request.app.state, arm.workspace_of(request), request.path_params["name"])


async def listed(request):
    """GET …/jobs: the newest first; listViewType, jobType, tag, scheduled and scheduleId choose."""
    query = request.query_params
    view = query.get("listViewType", "ActiveOnly")
    wanted = {"ActiveOnly": (False,), "ArchivedOnly": (True,), "All": (False, True)}.get(view)
    if wanted is None:
        raise arm.user_error(f"listViewType is ActiveOnly, ArchivedOnly or All, not {view}.")
    kind, tag = query.get("jobType"), query.get("tag")
    scheduled, schedule = query.get("scheduled"), query.get("scheduleId")
    found = []
    state, workspace = request.app.state, arm.workspace_of(request)
    for run in runs.everyone(state, workspace):
        asked = run["properties"]
        if run["parent"] or bool(asked.get("isArchived")) not in wanted:
            continue
        if kind and asked["jobType"].lower() != kind.lower():
            continue
        if scheduled and bool(run.get("schedule")) != (scheduled.lower() == "true"):
            continue
        if schedule and (run.get("schedule") or "").lower() != arm.name_of(schedule).lower():
            continue
        if tag and tag.partition("=")[0] not in (asked.get("tags") or {}):
            continue
        found.append((run["created"], run))
    if not (schedule or tag or (scheduled or "").lower() == "true") and (kind or "command").lower() == "command":
        found += await outside.top(state, workspace, wanted)
    found.sort(key=lambda entry: entry[0], reverse=True)
    return arm.page(request, await _shown(request, workspace, [run for _, run in found]))


async def _shown(request, workspace, found):
    """A list of jobs of which the page that is asked for is looked up and the rest is left as it is."""
    first, most = arm.number(request, "$skip", 0), arm.number(request, "$top", arm.PAGE)
    wanted = found[first : first + most]
    names = [one for one in wanted if isinstance(one, str)]
    more = {one["name"]: one for one in await outside.records(request.app.state, workspace, names)}
    there = [more.get(one) if isinstance(one, str) else one for one in wanted]
    page = [runs.as_job(one) for one in there if one]
    return [*found[:first], *page, *found[first + most :]]


async def cancel(request):
    """POST …/jobs/{name}/cancel: its processes end; 400 for a job that has ended."""
    state, run = request.app.state, await _named(request)
    if run["status"] in runs.ENDED:
        message = f"The job {run['name']} cannot be canceled: it is in the terminal state {run['status']}."
        raise arm.user_error(message)
    if run["parent"] and run.get("kind") == automl.KIND:
        message = f"{run['name']} is a trial of automated ML and ends with its job: cancel {run['parent']}."
        raise arm.user_error(message)
    await (outside.end if run.get("outside") else running.stop)(state, run)
    return Response(status_code=200)


async def delete(request):
    """DELETE …/jobs/{name}: with its logs and artifacts; 400 while it runs."""
    state, run = request.app.state, await _named(request)
    if run["status"] not in runs.ENDED:
        raise arm.user_error(f"The job {run['name']} is {run['status']}. Cancel it before it is deleted.")
    gone = [run, *await outside.children(state, run)]
    await outside.remove(state, run["workspace"], [one["name"] for one in gone])
    for one in gone:
        state.store.delete(runs.KIND, one["path"].lower())
        if away := folders.set_aside(state.home, runs.folder(state, one)):
            state.background(folders.remove(away))
    return Response(status_code=200)


_JOB = f"{arm.WORKSPACE}/jobs/{{name}}"
routes = [
    arm.route(f"{arm.WORKSPACE}/jobs", listed),
    arm.route(_JOB, submit, ("PUT",)),
    arm.route(_JOB, read),
    arm.route(_JOB, delete, ("DELETE",)),
    arm.route(f"{_JOB}/cancel", cancel, ("POST",)),
]
