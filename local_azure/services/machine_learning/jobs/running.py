"""Runs that are under way: begun in the background, supervised to an end, stopped; found again after a crash."""

import asyncio
import contextlib
import logging

from ....errors import AzureError
from .. import arm, computes
from . import commands, runs, tracking
from .nodes import Nodes

SERVERLESS_NODES = 2  # jobs that name no compute run here, as many at once as the first cluster takes
STOPPED = "The local Azure was stopped while the job ran. Its logs and what it had written are kept."
RUNNERS = {}  # jobType, or a run's `runner` -> the coroutine function (state, run) that runs it; modules add their own

log = logging.getLogger("local_azure")


def start(state, run):
    """Run a job in the background. Returns its task."""
    key = run["path"].lower()
    running = _running(state)
    task = state.background(_supervise(state, run, RUNNERS[run.get("runner") or run["properties"]["jobType"]]))
    running[key] = task
    task.add_done_callback(lambda _: running.pop(key, None))
    return task


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
        await tracking.end(state, run | {"status": "Failed"})
        raise
    except AzureError as error:
        runs.move(state, run, "Failed", error=runs.user_error(error.message))
    except Exception as error:
        log.exception("job %s", run["path"])
        _end(state, run, "Failed", f"The local Azure failed: {error!r}. Its log is {state.home / 'server.log'}.")
    ended = runs.find(state, run["workspace"], run["name"])
    if ended:
        await tracking.end(state, ended)


def _end(state, run, status, message=None):
    runs.move(state, run, status, **({"error": runs.system_error(message)} if message else {}))


@contextlib.asynccontextmanager
async def a_node(state, run, count=1):
    """Hold one node of a run's compute, or `count` of them, and count the hours."""
    compute = run["properties"].get("computeId") or f"{run['workspace']}/serverless"
    async with state.ml_nodes.hold(compute.lower(), lambda: nodes(state, compute), count):
        meter = f"Compute nodes, {_size(state, run, compute)}"
        with state.meter.while_held(arm.name_of(run["workspace"]), "Machine Learning", meter, "node-hours", count):
            yield


def _size(state, run, compute):
    """What is billed for a node: the cluster's size of machine and, if it has a lower price, its priority."""
    found = arm.find(state, commands.plain_id(compute))
    if not found:
        return (run["properties"].get("resources") or {}).get("instanceType") or "serverless"
    properties = found["properties"]["properties"]
    return properties["vmSize"] + (" low priority" if properties.get("vmPriority") == "LowPriority" else "")


def nodes(state, compute):
    """How many nodes a compute has at most, at this moment."""
    found = arm.find(state, commands.plain_id(compute))
    if not found:
        return SERVERLESS_NODES
    return computes.most_nodes(found)


async def stop(state, run):
    """Cancel a run and wait until it has ended."""
    runs.move(state, run, "CancelRequested")
    task = _running(state).get(run["path"].lower())
    if task:
        task.cancel()
        await asyncio.wait([task], timeout=10)
    runs.move(state, run, "Canceled")


async def resume(state):
    """End the jobs that an earlier server left in the middle; begin those that still waited. Called at the start."""
    left = []
    for _, run in state.store.items(runs.KIND):
        if run["status"] in runs.ENDED:
            continue
        waited = run["status"] in ("NotStarted", "Queued") and not run["parent"]
        if waited and run["properties"]["jobType"] in ("Command", "AutoML"):
            start(state, run)
            continue
        left.append(run)
    state.background(_bury(state, left))


async def _bury(state, left):
    """End the jobs that an earlier server left in the middle. Beside the requests: their folders may be large."""
    for run in sorted(left, key=lambda run: run["parent"] is None):  # steps and trials before what they belong to
        try:
            await commands.clean_up(state, run)
        except Exception:
            log.exception("job %s", run["path"])
        runs.move(state, run, "Failed", error=runs.system_error(STOPPED))
        await tracking.end(state, run | {"status": "Failed"})
    await commands.tidy(state)
