"""The processes behind online deployments: filled folders, instances that are started, found, replaced and stopped.

An instance is started when its deployment is made, and again by the first call after a restart of the server. Images
and conda files are not built: a script runs with the Python of this course, and the log says so.
"""

import asyncio
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from starlette.concurrency import run_in_threadpool

import local_azure

from .... import folders
from ....engines import environments, processes, serving
from ....hosts import UPSTREAM_VARIABLE
from ..assets import references
from ..jobs import commands

KIND = "ml-deployment"  # records of what a deployment runs on; key: its ARM id in lower case
MOST = 2  # processes of one deployment, however many instances are asked for
MOST_COPIED = 100 * 2**20  # bytes of a model that are copied, so that a script cannot change the registered one
LAST_ANSWERS = 30  # seconds in which a version that was replaced may finish what it was asked
LOG = "inference.log"


@dataclass
class Fleet:
    """The instances of one deployment. revision: which of its versions they run."""

    revision: str = ""
    instances: list = field(default_factory=list)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task | None = None  # that makes a new version ready

    def free(self):
        """The living instance with the fewest calls; None if none lives."""
        alive = [one for one in self.instances if one.alive]
        return min(alive, key=lambda one: one.busy) if alive else None

    @property
    def busy(self):
        return sum(one.busy for one in self.instances)


def fleet(state, path):
    """The fleet of a deployment, perhaps an empty one."""
    if not hasattr(state, "ml_fleets"):
        state.ml_fleets = {}
    return state.ml_fleets.setdefault(path.lower(), Fleet())


def can_answer(state, deployment):
    """Is there a version to ask: the one that is asked for, or an older one where that one has failed?"""
    ready_or_replaced = deployment["properties"]["provisioningState"] in ("Succeeded", "Updating")
    return ready_or_replaced or fleet(state, deployment["id"]).free() is not None


async def deploy(state, deployment, revision):
    """Start a new version of a deployment. `serving.NotReady` if it cannot be; the old one then goes on serving."""
    found = fleet(state, deployment["id"])
    async with found.changing:
        old = found.instances
        code, model = _sources(state, deployment)
        await folders.in_thread(_prepare, state, deployment, revision, code, model)
        found.instances = await _start(state, deployment, revision)
        found.revision = revision
        await asyncio.gather(*(one.finish(LAST_ANSWERS) for one in old))
    await folders.in_thread(_remove_others, state, deployment["id"], revision)


async def ready(state, deployment):
    """An instance that can be asked: started if there is none, as after a restart of the server."""
    found = fleet(state, deployment["id"])
    chosen = found.free()
    if chosen:
        return chosen
    async with found.changing:
        chosen = found.free()
        if not chosen:
            revision = state.store.get(KIND, deployment["id"].lower())["revision"]
            await processes.in_thread(_clear, deployment["id"], revision)
            if not (_folder(state, deployment["id"]) / revision).is_dir():
                await folders.in_thread(_prepare, state, deployment, revision, *_sources(state, deployment))
            found.instances = await _start(state, deployment, revision)
            found.revision = revision
            chosen = found.free()
    return chosen


async def end_stuck(state, deployment):
    """End the instances that have been at work on one call for longer than their liveness probe bears."""
    limit = probe_seconds(deployment["properties"]["livenessProbe"])
    stuck = [one for one in fleet(state, deployment["id"]).instances if one.seconds > limit]
    if stuck:
        await asyncio.gather(*(one.stop() for one in stuck))


def probe_seconds(probe):
    """How long a probe may fail before the container is given up."""
    return seconds(probe["initialDelay"]) + probe["failureThreshold"] * seconds(probe["period"])


def seconds(text):
    """An ISO 8601 duration such as PT5S or PT0.5S in seconds; ValueError if it is none."""
    found = re.fullmatch(r"PT(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6}(?:\.\d{1,6})?)S)?", str(text))
    if not found or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration such as PT5S")
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def count_hours(state, deployment):
    """Each instance that was asked for is billed from now on, ready or not, called or not.

    Azure bills the workspace and tells deployments apart by two tags, azuremlendpoint and azuremldeployment
    (learn.microsoft.com/azure/machine-learning/how-to-view-online-endpoints-costs); here the meter ends in both names.
    """
    names, size = deployment["id"].split("/"), deployment["properties"]["instanceType"]
    workspace, endpoint, name = names[8], names[10], names[12]
    meter = f"Online deployments, {size}, {endpoint}/{name}"
    count = deployment["sku"]["capacity"]
    state.meter.begin(deployment["id"].lower(), workspace, "Machine Learning", meter, "instance-hours", count)


async def forget(state, path):
    """Stop and remove all that runs for the deployments at or below an ARM id."""
    prefix = path.lower()
    for key, _ in state.store.items(KIND, prefix):
        if key == prefix or key.startswith(prefix + "/"):
            state.store.delete(KIND, key)
            state.meter.end(key)
            found = fleet(state, key)
            if found.task and not found.task.done():
                found.task.cancel()
                await asyncio.wait([found.task])
            await asyncio.gather(*(one.stop() for one in found.instances))
            state.ml_fleets.pop(key)
            await folders.discard(state.home, _folder(state, key))


# Folders


def _folder(state, path):
    """Where all versions of a deployment lie. Names of endpoints are unique in the region."""
    _, endpoint, _, deployment = path.lower().rsplit("/", 3)
    return state.home / "endpoints" / endpoint / deployment


def _sources(state, deployment):
    """Where the code and the model of a deployment lie; None for what it has not."""
    asked, workspace = deployment["properties"], deployment["id"].split("/onlineEndpoints/")[0]
    code = commands.code_path(state, workspace, (asked.get("codeConfiguration") or {}).get("codeId"))
    return code, references.resolve(state, workspace, asked["model"]) if asked.get("model") else None


def _prepare(state, deployment, revision, code, model):
    """The folder of a version: the script's code, the model, and a log that begins with what was not built."""
    place, asked = _folder(state, deployment["id"]) / revision, deployment["properties"]
    (place / "azureml-app").mkdir(parents=True)
    environments.make(place / commands.PYTHON)
    _start_log(place / LOG, asked)
    if code:
        folders.copy_any(code, place / "azureml-app")
    if model:
        place_model(model, place / model_folder(asked["model"]))


def model_folder(model):
    """azureml-models/<name>/<version>: what AZUREML_MODEL_DIR ends with."""
    name, _, version = commands.plain_id(model).split("/")[-3:]
    return Path("azureml-models") / name / version


def place_model(model, folder):
    """Put a model where a script looks for it: under its own file or folder name, as on Azure."""
    folder.mkdir(parents=True)
    if folders.bytes_of(model, MOST_COPIED) > MOST_COPIED and os.name == "posix":
        (folder / model.name).symlink_to(model, target_is_directory=model.is_dir())
    else:
        folders.copy_any(model, folder / model.name)


def _start_log(path, asked):
    wanted = asked.get("environmentId")
    lines = [
        "The local Azure builds no image and no conda environment.",
        f"Asked for: {wanted or 'the environment of the MLflow model'}, {asked['instanceType']}",
        f"The model is served on this machine with Python {platform.python_version()}: {sys.executable}",
        "What the script imports must be installed there. On Azure, the environment decides.",
    ]
    if asked.get("appInsightsEnabled"):
        lines.append("Nothing is sent to Application Insights.")
    commands.write(path, "\n".join(lines) + "\n")


def _remove_others(state, path, revision):
    for other in _folder(state, path).iterdir():
        if other.name != revision:
            shutil.rmtree(other, ignore_errors=True)


def log_of(state, path):
    """The log of a deployment's newest version; None while there is none."""
    record = state.store.get(KIND, path.lower())
    log = _folder(state, path) / record["revision"] / LOG if record else None
    return log if log and log.exists() else None


# Processes


def _mark(path, revision, number):
    """By which the processes of an instance are found."""
    return f"{path.lower()}#{revision}.{number}"


def _clear(path, revision):
    """End what an earlier server may have left."""
    for number in range(MOST):
        serving.clear(_mark(path, revision, number))


async def _start(state, deployment, revision):
    """The instances of a version, all ready. A version of which one is not ready has none."""
    place, asked = _folder(state, deployment["id"]) / revision, deployment["properties"]
    environment = await run_in_threadpool(_variables, state, deployment, place)
    script = (asked.get("codeConfiguration") or {}).get("scoringScript")
    kind, path = ("script", script) if script else ("mlflow", _mlflow_folder(environment))
    count = min(deployment["sku"]["capacity"], MOST)
    if deployment["sku"]["capacity"] > MOST:
        text = f"{deployment['sku']['capacity']} instances were asked for; {MOST} run on this machine.\n"
        commands.write(place / LOG, text)
    begun = [
        serving.Instance.start(
            kind,
            path,
            place / "azureml-app",
            environment,
            place / LOG,
            _mark(deployment["id"], revision, number),
            probe_seconds(asked["readinessProbe"]),
        )
        for number in range(count)
    ]
    results = await asyncio.gather(*begun, return_exceptions=True)
    failed = [one for one in results if isinstance(one, BaseException)]
    if failed:
        await asyncio.gather(*(one.stop() for one in results if not isinstance(one, BaseException)))
        raise failed[0]
    return results


def _mlflow_folder(environment):
    (found,) = Path(environment["AZUREML_MODEL_DIR"]).iterdir()
    return found


def _variables(state, deployment, place):
    """The variables of an instance: this server's, those of start(), those that Azure sets, the deployment's own."""
    asked = deployment["properties"]
    port = state.server.servers[0].sockets[0].getsockname()[1]
    values = {
        **os.environ,
        **local_azure.variables(port, os.environ.get(UPSTREAM_VARIABLE, ""), "deployment"),
        "LOCAL_AZURE_HOME": str(state.home),
        **environments.variables(place / commands.PYTHON, os.environ.get("PATH", os.defpath)),
        "PYTHONIOENCODING": "utf-8",
        "AML_APP_ROOT": str(place / "azureml-app"),
    }
    if asked.get("codeConfiguration"):
        values["AZUREML_ENTRY_SCRIPT"] = asked["codeConfiguration"]["scoringScript"]
    if asked.get("model"):
        values["AZUREML_MODEL_DIR"] = str(place / model_folder(asked["model"]))
    return values | {name: str(value) for name, value in (asked.get("environmentVariables") or {}).items()}
