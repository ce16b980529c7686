"""Runs one command as a node of Azure runs it: code in a folder of its own, inputs, outputs, environment, logs.

Command jobs, the trials of a sweep and the steps of a pipeline all come here. Images and conda files are not built: the
command runs with the Python of this course, and a log says so.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
from pathlib import Path

from starlette.concurrency import run_in_threadpool

import local_azure

from .... import folders, identity
from ....engines import environments, processes
from ....hosts import UPSTREAM_VARIABLE
from .. import arm
from ..assets import assets, datastores, references
from . import runs, tracking
from .expressions import expand

MOST_COPIED = 100 * 2**20  # bytes of an input that are copied, so that a script cannot change what it was given
PYTHON = "python"  # in a node's folder: the environment that is the job's own
READ_ONLY = ("ReadOnlyMount", "Download", "EvalDownload", "EvalMount", None)
TOKEN_LIFETIME = 30 * 86400  # seconds: a job, and a lid that was closed on it, may outlast the usual hour
ERROR_LENGTH = 4000  # characters of a traceback in a run's error; the log has all
TRACEBACK = "Traceback (most recent call last):"
PLAIN = re.compile(r"[^\w./+@%=:,-]")  # what a shell may take apart in a path


async def execute(state, run, command, values, sources, targets, seconds=None, finish=None):
    """Prepare, run and finish a command. Moves the run through its statuses, and returns its last record.

    command: text with expressions. values: of the expressions that are not paths, such as inputs.rate.
    sources: input name -> (path on disk, mode). targets: output name -> (path on disk, type). seconds: time limit.
    finish: a coroutine function that is called, while the run is finalizing, if the command has succeeded.
    """
    place, artifacts = work_folder(state, run), runs.folder(state, run)
    log = artifacts / runs.USER_LOG
    try:
        runs.move(state, run, "Preparing")
        start_logs(state, run)
        code = code_path(state, run["workspace"], run["properties"].get("codeId"))
        paths = await folders.in_thread(prepare, state.home, place, code, sources, targets, log)
        text = _expanded(command, values | paths)
        environment = await environment_of(state, run, place, paths)
        runs.move(state, run, "Running")
        await tracking.start(state, run)
        outcome = await processes.run(text, place / "wd", environment, log, mark(run), seconds)
        runs.move(state, run, "Finalizing")
        await folders.in_thread(collect, place, artifacts, targets)
        if finish and outcome.code == 0:
            await finish()
        said = await folders.in_thread(last_traceback, log) if outcome.code else ""
        return _ended(state, run, text, outcome, said, log, seconds)
    except asyncio.CancelledError:
        await asyncio.shield(folders.in_thread(collect, place, artifacts, targets))
        raise
    finally:
        leave(state, run)


def _expanded(command, values):
    try:
        return expand(command, values)
    except KeyError as error:
        message = f"The command needs {error}, which was not given. What may be left out stands within $[[ ]]."
        raise arm.user_error(message, target="command") from None


def mark(run):
    """By which all processes of a run are found."""
    return f"{run['path'].lower()}#{run['uuid']}"


async def clean_up(state, run):
    """After a crash: end what is left of a run's processes, and keep what it had written."""
    place = work_folder(state, run)
    await processes.in_thread(processes.end_family, mark(run))
    with contextlib.suppress(OSError):
        await folders.in_thread(collect, place, runs.folder(state, run))
    leave(state, run)


def leave(state, run):
    """Give a run's node back: its folder is gone at once, and removed beside everything else."""
    if gone := folders.set_aside(state.home, work_folder(state, run)):
        state.background(folders.remove(gone), keeps_awake=False)


async def tidy(state):
    """Remove what an earlier server did not come to remove: folders of nodes that no run has any more."""
    used = {run["uuid"] for _, run in state.store.items(runs.KIND) if run["status"] not in runs.ENDED}
    nodes = state.home / "nodes"
    for node in await folders.in_thread(lambda: list(nodes.iterdir()) if nodes.is_dir() else []):
        if node.name not in used:
            folders.set_aside(state.home, node)
    await folders.remove(*folders.left_over(state.home))


# Before


def work_folder(state, run):
    """A run's own folder on its node. Its path has no blanks, since commands do not expect them."""
    return _plain(state.home) / "nodes" / run["uuid"]


def _plain(path):
    """The same folder by a name that a shell does not take apart."""
    if os.name != "posix" or re.fullmatch(r"[\w./+@%-]+", str(path)):
        return path
    short = Path(tempfile.gettempdir()) / f"local-azure-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if not (short.is_symlink() and short.resolve() == path.resolve()):
        short.unlink(missing_ok=True)
        short.symlink_to(path, target_is_directory=True)
    return short


def prepare(home, place, code, sources, targets, log=None):
    """The folder, filled: code, inputs, empty outputs. Returns the paths by the names that expressions have.

    log: the file that says what was left out.
    """
    left = folders.Left()
    folder = place / "wd"
    folder.mkdir(parents=True)
    for made in (folder / "outputs", folder / "logs", place / "tmp"):
        made.mkdir()
    environments.make(place / PYTHON)
    if code:
        _copy(code, folder, left)
    paths = {}
    for name, (source, mode) in sources.items():
        paths[f"inputs.{name}"] = str(_input(home, place / "inputs" / name, source, mode, left))
    for name, (target, kind) in targets.items():
        parent = target.parent if kind == "uri_file" else target
        parent.mkdir(parents=True, exist_ok=True)
        seen = _named_plainly(_seen(home, parent), place / "targets" / name)
        paths[f"outputs.{name}"] = str(seen / target.name if kind == "uri_file" else seen)
    if log and left.count:
        folders.append(log, left.text + "\n")
    return paths


def code_path(state, workspace, code):
    """Where a code snapshot lies on disk; None if there is none."""
    if not code:
        return None
    uri = references.asset(state, code)["properties"].get("codeUri")
    return assets.resolve(state, workspace, uri)


def plain_id(reference):
    """An ARM id without the azureml: that may stand before it."""
    return reference.removeprefix("azureml:")


def _copy(source, folder, skip):
    folders.copy_any(source, folder if source.is_dir() else folder / source.name, skip)


def _input(home, place, source, mode, skip):
    """The path that a command gets for an input: of a copy, unless it is large or may be written to."""
    if mode not in READ_ONLY or folders.bytes_of(source, MOST_COPIED) > MOST_COPIED:
        return _named_plainly(_seen(home, source), place)
    place.mkdir(parents=True)
    if source.is_dir():
        _copy(source, place, skip)
        return place
    goes = place / PLAIN.sub("_", source.name)
    folders.copy_any(source, goes)
    return goes


def _named_plainly(path, place):
    """The same file or folder under a name that a shell does not take apart: a link in `place`, if it needs one."""
    if os.name != "posix" or not PLAIN.search(str(path)):
        return path
    place.mkdir(parents=True, exist_ok=True)
    link = place / PLAIN.sub("_", path.name)
    link.symlink_to(path)
    return link


def _seen(home, path):
    """A path below the home folder, by the name that has no blanks."""
    return _plain(home) / path.relative_to(home)


def start_logs(state, run):
    """What ran instead of an image, and the empty log of the script: clients print the first log that they see."""
    asked = run["properties"]
    environment = references.find_asset(state, asked.get("environmentId") or "")
    given = environment["properties"] if environment else {}
    wanted = [f"image {given['image']}"] if given.get("image") else []
    wanted += ["a Dockerfile"] if given.get("build") else []
    wanted += ["a conda file"] if given.get("condaFile") else []
    lines = [
        "The local Azure builds no image and no conda environment.",
        f"Asked for: {asked.get('environmentId')}" + (f" ({', '.join(wanted)})" if wanted else ""),
        f"The command runs on this machine with Python {platform.python_version()}: {sys.executable}",
        "What the script imports must be installed there. On Azure, the environment decides.",
    ]
    write(runs.folder(state, run, runs.BUILD_LOG), "\n".join(lines) + "\n")
    write(runs.folder(state, run, runs.USER_LOG), "")


def write(path, text):
    """Add text to a log."""
    folders.append(path, text)


async def environment_of(state, run, place, paths):
    """The variables of a job: this server's, those of start(), those that Azure sets, and the job's own, which win."""
    workspace, asked = run["workspace"], run["properties"]
    _, _, subscription, _, group, *_ = workspace.split("/")
    port = state.server.servers[0].sockets[0].getsockname()[1]
    scope = f"azureml://{arm.REGION}.api.azureml.ms/mlflow/v1.0{workspace}"
    token, expires = identity.issue("https://ml.azure.com", state.secrets["signing"], lifetime=TOKEN_LIFETIME)
    experiment = asked["experimentName"]
    values = {
        **os.environ,
        **await run_in_threadpool(local_azure.variables, port, os.environ.get(UPSTREAM_VARIABLE, ""), "job"),
        "LOCAL_AZURE_HOME": str(state.home),
        **environments.variables(place / PYTHON, os.environ.get("PATH", os.defpath)),
        **_temporary(place),
        "PWD": str(place / "wd"),  # a shell takes this name of the folder, which has no blanks, if it is right
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "AZUREML_RUN_ID": run["name"],
        "AZUREML_ROOT_RUN_ID": run["root"],
        "AZUREML_ARM_SUBSCRIPTION": subscription,
        "AZUREML_ARM_RESOURCEGROUP": group,
        "AZUREML_ARM_WORKSPACE_NAME": arm.name_of(workspace),
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_EXPERIMENT_ID": runs.experiment_id(workspace, experiment),
        "AZUREML_EXPERIMENT_SCOPE": f"{workspace}/experiments/{experiment}",
        "AZUREML_WORKSPACE_ID": arm.get(state, workspace)["properties"]["workspaceId"],
        "AZUREML_WORKSPACE_SCOPE": workspace,
        "AZUREML_SERVICE_ENDPOINT": f"https://{arm.REGION}.api.azureml.ms",
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"https://{arm.REGION}.api.azureml.ms/discovery",
        "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT": f"https://{arm.REGION}.api.azureml.ms",
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": str(expires),
        "MLFLOW_TRACKING_URI": scope,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": run["name"],
        "MLFLOW_EXPERIMENT_NAME": experiment,
    }
    for name, path in paths.items():
        kind, _, short = name.partition("s.")
        values[f"AZURE_ML_{kind.upper()}_{short}"] = path
    return values | {name: str(value) for name, value in (asked.get("environmentVariables") or {}).items()}


def _temporary(place):
    """A folder for temporary files that goes with the node."""
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place / "tmp"))


# After


def collect(place, artifacts, targets=None):
    """Keep what the script wrote to ./outputs and ./logs, as Azure does. Blocks: for a thread.

    targets: the job's named outputs, which are in their place already. What cannot be kept, or will not be found there
    by a client, has a line in the log.
    """
    left = folders.Left()
    for name in ("outputs", "logs"):
        written = place / "wd" / name
        if written.is_dir():
            skip = functools.partial(_left_in, left, name)
            folders.copy(written, artifacts / name, skip, within=place, move=True)
    for name, (target, kind) in (targets or {}).items():
        if kind != "uri_file" and target.is_dir():
            folders.settle(target, functools.partial(_left_in, left, name))
    if left.count:
        folders.append(artifacts / runs.USER_LOG, left.text + "\n")


def _left_in(left, folder, name, why):
    left(f"{folder}/{name}", why)


def _ended(state, run, command, outcome, said, log, seconds):
    if outcome.said_too_much:
        message = f"The job was ended: it printed more than {processes.MOST_SAID // 2**20} MB."
        write(log, f"\n{message}\n")
        return runs.move(state, run, "Failed", error=runs.user_error(message))
    if outcome.timed_out:
        message = f"The job was canceled: it ran longer than its limit of {seconds:g} seconds."
        write(log, f"\n{message}\n")
        warning = {"source": "limits.timeout", "message": message}
        return runs.move(state, run, "Canceled", warnings=[*run["warnings"], warning])
    if outcome.code == 0:
        return runs.move(state, run, "Completed")
    program = (command.split() or ["?"])[0]
    message = (
        f"Execution failed. User process '{program}' exited with status code {outcome.code}. Please check log file "
        f"'{runs.USER_LOG}' for error details." + (f" Error: {said}" if said else "")
    )
    if "ModuleNotFoundError" in said:
        message += (
            f"\nThe environment that the job asked for was not built: the log '{runs.BUILD_LOG}' says what ran in its "
            "place. The command may install a package first: pip install …"
        )
    return runs.move(state, run, "Failed", error=runs.user_error(message))


def last_traceback(log):
    """The last traceback in a log, its middle left out if it is long; or else the last lines."""
    text = folders.tail(log, 16 * ERROR_LENGTH)
    start = text.rfind(TRACEBACK)
    said = text[start:] if start >= 0 else "\n".join(text.splitlines()[-5:])
    if len(said) <= ERROR_LENGTH:
        return said
    return f"{said[: ERROR_LENGTH // 2]}\n…\n{said[-ERROR_LENGTH // 2 :]}"


def literal(value):
    """A literal input as it stands in a command."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def target_of(state, workspace, name, output_name, output):
    """The azureml:// address to which a run's output goes: the one asked for, or Azure's default."""
    uri = output.get("uri") or "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/${{output_name}}"
    names = {"default_datastore": datastores.DEFAULT, "name": name, "output_name": output_name}
    try:
        uri = expand(uri, names)
    except KeyError as error:
        raise arm.user_error(f"The path of the output {output_name} has an unknown expression: {error}.") from None
    return uri


def target_path(state, workspace, uri):
    """Where an azureml:// address of a datastore lies on disk. It need not exist."""
    found = re.fullmatch(r"azureml://(?:.*/)?datastores/([^/]+)/paths/(.*)", uri, re.IGNORECASE)
    if not found:
        raise arm.user_error(f"An output goes to a path of a datastore (azureml://datastores/…/paths/…), not to {uri}.")
    return datastores.path(state, workspace, found[1], found[2].strip("/"))
