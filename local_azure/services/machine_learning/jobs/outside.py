"""Runs that were begun outside any job, by MLflow in a notebook or within a job's script, as jobs and in run history.

They are in MLflow's store alone. Azure shows them among the jobs: azure-ai-ml reads a list only if each entry has a
jobType that it knows, so they are commands here, without one (worked out from the client, not seen on a subscription).
"""

from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from ..tracking import runs as mlflow
from . import runs

STATUSES = {
    "RUNNING": "Running", "SCHEDULED": "NotStarted", "FINISHED": "Completed", "FAILED": "Failed", "KILLED": "Canceled",
}  # fmt: skip
PARENT, ROOT, NOTE = "mlflow.parentRunId", "mlflow.rootRunId", "mlflow.note.content"


async def find(state, workspace, name):
    """The record of a run with this name, of a job or of none; None if there is neither."""
    return runs.find(state, workspace, name) or await run_in_threadpool(_find, state, workspace, name)


async def get(state, workspace, name):
    """The same; 404 if there is neither."""
    found = await find(state, workspace, name)
    return found or runs.get(state, workspace, name)


def _find(state, workspace, name):
    records = mlflow.store(state).records(workspace, [name])
    return _as_record(workspace, records[0]) if records else None


async def top(state, workspace, archived):
    """(when it was made, name) of each run that is neither a job nor below another run. archived: which ones."""
    return await _listed(state, workspace, None, archived)


async def children(state, run):
    """The runs that a run started, the first one first: jobs, and what its script began with MLflow."""
    own = runs.children(state, run)
    names = await _listed(state, run["workspace"], run["name"], (False, True))
    more = await records(state, run["workspace"], [name for _, name in names])
    return sorted([*own, *more], key=lambda one: one["created"])


async def _listed(state, workspace, parent, archived):
    rows = await run_in_threadpool(mlflow.store(state).below, workspace, parent)
    return [
        (_time(row["started"]), row["id"])
        for row in rows
        if (row["stage"] == "deleted") in archived and not runs.find(state, workspace, row["id"])
    ]


async def records(state, workspace, names):
    """The records of runs outside jobs, by their names."""
    found = await run_in_threadpool(mlflow.store(state).records, workspace, names)
    return [_as_record(workspace, one) for one in found]


def _as_record(workspace, one):
    """A run of MLflow's store in the shape of a job's record."""
    tags, status = one["tags"], STATUSES[one["status"]]
    started, ended = _time(one["started"]), _time(one["ended"]) if one["ended"] else None
    properties = {
        "jobType": "Command", "command": "", "displayName": one["name"], "experimentName": one["experimentName"],
        "description": tags.get(NOTE), "isArchived": one["stage"] == "deleted", "properties": {}, "inputs": {},
        "outputs": {}, "tags": {key: value for key, value in tags.items() if key not in (PARENT, ROOT, NOTE)},
    }  # fmt: skip
    return {
        "path": runs.path_of(workspace, one["id"]), "workspace": workspace, "name": one["id"], "number": one["number"],
        "uuid": one["id"], "properties": properties, "status": status, "created": started, "modified": ended or started,
        "started": started, "ended": ended, "error": None, "warnings": [], "parent": tags.get(PARENT),
        "root": tags.get(ROOT) or one["id"], "pipelineChild": False, "outputs": {}, "seen": True, "kind": "Run",
        "outside": True,
    }  # fmt: skip


def _time(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def describe(state, run, sent):
    """What may change in a run: displayName, description, tags, hidden. Returns the record."""
    return await run_in_threadpool(_describe, state, run["workspace"], run["name"], sent)


def _describe(state, workspace, name, sent):
    store = mlflow.store(state)
    if sent.get("hidden") is not None:
        store.set_run_stage(workspace, name, "deleted" if sent["hidden"] else "active")
    tags = {key: str(value) for key, value in (sent.get("tags") or {}).items()}
    if sent.get("description") is not None:
        tags[NOTE] = sent["description"]
    if sent.get("displayName"):
        tags["mlflow.runName"] = sent["displayName"]
    if tags and not sent.get("hidden"):
        store.log(workspace, name, tags=tags.items(), limited=True)
    return _find(state, workspace, name)


async def end(state, run):
    """Cancel a run: nothing is stopped, since its program is not ours, but it counts as ended."""
    await run_in_threadpool(mlflow.store(state).update_run, run["workspace"], run["name"], "KILLED")


async def remove(state, workspace, names):
    """Remove runs, of jobs or of none, from MLflow's store."""
    await run_in_threadpool(mlflow.store(state).remove, workspace, names)
