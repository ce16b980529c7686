"""Each job has an MLflow run of the same id: this is the one place where the two meet."""

import inspect
import logging

STATUSES = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}

log = logging.getLogger("local_azure")


async def _call(function, *arguments):
    """A job does not fail because nothing tracks it; the server's log says why."""
    try:
        from .. import tracking as mlflow

        result = getattr(mlflow, function)(*arguments)
        return await result if inspect.isawaitable(result) else result
    except ImportError:
        return None
    except Exception:
        log.exception("MLflow: %s", function)
        return None


async def begin(state, run):
    """The MLflow run of a job, under the job's experiment."""
    asked = run["properties"]
    tags = {name: str(value) for name, value in (asked.get("tags") or {}).items()}
    if run["parent"]:
        tags["mlflow.parentRunId"] = run["parent"]
    where = run["workspace"], asked["experimentName"], run["name"], asked["displayName"], tags
    return await _call("create_run_for_job", state, *where)


async def start(state, run):
    """Note in MLflow that the job runs now, whether or not its script ever logs anything."""
    return await _call("start_run", state, run["name"], run["workspace"])


async def end(state, run):
    """Note in MLflow how the job ended."""
    return await _call("finish_run", state, run["name"], STATUSES[run["status"]], run["workspace"])


async def metrics(state, run):
    """The metrics that a run has logged: {name: [(step, milliseconds, value), …]}."""
    return await _call("metrics", state, run["name"], run["workspace"]) or {}
