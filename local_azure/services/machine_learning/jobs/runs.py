"""The record of every run: what was asked for, where it stands, and how Azure's two views of it look.

Azure Resource Manager shows a run as a job; run history shows the same run with its logs and error. A record is of kind
"ml-run", its key is the job's ARM id in lower case.
"""

import uuid
from datetime import datetime

from .... import folders, identity
from ... import storage
from .. import arm
from ..assets import datastores

KIND = "ml-run"
ENDED = ("Completed", "Failed", "Canceled")
USER_LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"  # where Azure's own says how the image was built
ELSEWHERE = []  # functions (state, workspace, name): whether there is a run that is no job; filled by the module mlflow
MOST_LOGS = 1000  # of each of these folders that are listed
LOG_FOLDERS = ("user_logs", "azureml-logs", "system_logs", "logs")


# Records


def path_of(workspace, name):
    """The ARM id of a job."""
    return f"{workspace}/jobs/{name}"


def create(state, workspace, name, properties, parent=None, child_of_pipeline=False):
    """A new run that has not started. properties: those of the ARM job, checked. Returns the record."""
    path = path_of(workspace, name)
    number = _next_number(state, workspace)
    experiment = properties.get("experimentName") or "Default"
    run = {
        "path": path, "workspace": workspace, "name": name, "number": number, "uuid": str(uuid.uuid4()),
        "properties": properties | {"experimentName": experiment, "displayName": properties.get("displayName") or name},
        "status": "NotStarted", "created": arm.now(), "modified": arm.now(), "started": None, "ended": None,
        "error": None, "warnings": [], "parent": parent and parent["name"], "root": parent["root"] if parent else name,
        "pipelineChild": child_of_pipeline, "outputs": {}, "seen": False,
    }  # fmt: skip
    folder(state, run).mkdir(parents=True, exist_ok=True)
    state.store.put(KIND, path.lower(), run)
    return run


def _next_number(state, workspace):
    """The number of a new run. Counted from the records once: a sweep may begin a thousand runs."""
    if not hasattr(state, "ml_run_numbers"):
        state.ml_run_numbers = {}
    key = workspace.lower()
    if key not in state.ml_run_numbers:
        state.ml_run_numbers[key] = max((run["number"] for run in everyone(state, workspace)), default=0)
    state.ml_run_numbers[key] += 1
    return state.ml_run_numbers[key]


def find(state, workspace, name):
    """The run with this name, or None."""
    return state.store.get(KIND, path_of(workspace, name).lower())


def get(state, workspace, name):
    """The run with this name; 404 otherwise."""
    run = find(state, workspace, name)
    if run is None:
        message = f"Run {name} was not found in the workspace {arm.name_of(workspace)}."
        raise arm.user_error(message, 404, "NotFound")
    return run


def everyone(state, workspace):
    """All runs of a workspace, the newest first."""
    runs = [run for _, run in state.store.items(KIND, f"{workspace.lower()}/jobs/")]
    return sorted(runs, key=lambda run: run["number"], reverse=True)


def children(state, run):
    """The runs that a run started, the first one first."""
    return [other for other in reversed(everyone(state, run["workspace"])) if other["parent"] == run["name"]]


def change(state, run, **changes):
    """Note changes to the newest record of a run. Returns it. None for a run that was deleted meanwhile."""
    key = run["path"].lower()
    newest = state.store.get(KIND, key)
    if newest is None:
        return None
    newest |= changes | {"modified": arm.now()}
    state.store.put(KIND, key, newest)
    return newest


def move(state, run, status, **changes):
    """Note a new status, with the time where it begins or ends something. An ended run stays as it ended."""
    newest = state.store.get(KIND, run["path"].lower())
    if newest is None or newest["status"] in ENDED:
        return newest
    if status == "Running" and not newest["started"]:
        changes["started"] = arm.now()
    if status in ENDED:
        changes["ended"] = arm.now()
    return change(state, run, status=status, **changes)


def describe(state, run, sent):
    """Take what may change in a run: displayName, description, tags and properties (both merged), hidden."""
    properties = dict(run["properties"])
    for name in ("displayName", "description"):
        if sent.get(name) is not None:
            properties[name] = sent[name]
    for name in ("tags", "properties"):
        if sent.get(name) is not None:
            properties[name] = (properties.get(name) or {}) | sent[name]
    if sent.get("hidden") is not None:
        properties["isArchived"] = bool(sent["hidden"])
    return change(state, run, properties=properties)


def user_error(message):
    """The error of a run whose own code or request is at fault, as run history has it."""
    return _error("UserError", message)


def system_error(message):
    """The error of a run that the service failed."""
    return _error("ServiceError", message)


def _error(code, message):
    return {
        "error": {"code": code, "message": message, "messageParameters": {}, "details": []},
        "environment": arm.REGION, "location": arm.REGION, "time": arm.now(), "componentName": "local_azure",
    }  # fmt: skip


# Files


def folder(state, run, relative=""):
    """Where a run's logs and artifacts lie on disk."""
    where = f"ExperimentRun/dcid.{run['name']}/{relative}".rstrip("/")
    return datastores.path(state, run["workspace"], datastores.ARTIFACTS, where)


def output(state, workspace, name, output_name):
    """The azureml:// address of a run's named output; of its own folder for the name `artifacts`; 404 otherwise."""
    if output_name in ("artifacts", "default") and any(knows(state, workspace, name) for knows in ELSEWHERE):
        return f"azureml://datastores/{datastores.ARTIFACTS}/paths/ExperimentRun/dcid.{name}"
    run = get(state, workspace, name)
    if output_name in ("artifacts", "default"):
        return f"azureml://datastores/{datastores.ARTIFACTS}/paths/ExperimentRun/dcid.{run['name']}"
    if output_name not in run["outputs"]:
        raise arm.user_error(f"The job {name} has no output named {output_name}.", 404, "NotFound")
    return run["outputs"][output_name]["uri"]


# As a job of Azure Resource Manager


def as_job(run):
    """The ARM resource. A child of a pipeline has no properties there: clients look it up in run history."""
    path, name = run["path"], run["name"]
    resource = {"id": path, "name": name, "type": f"{arm.PROVIDER}/workspaces/jobs", "systemData": _system_data(run)}
    if run["pipelineChild"]:
        return resource | {"properties": None}
    shown = {"status": run["status"], "services": services(run), "isArchived": False, "parentJobName": run["parent"]}
    return resource | {"properties": shown | run["properties"]}


def _system_data(run):
    by = {"createdBy": "local_azure", "createdByType": "User", "lastModifiedBy": "local_azure"}
    return by | {"createdAt": run["created"], "lastModifiedAt": run["modified"], "lastModifiedByType": "User"}


def services(run):
    """The two addresses that every job has: its page in the studio, and the tracking server."""
    studio = f"https://ml.azure.com/runs/{run['name']}?wsid={run['workspace']}"
    tracking = f"azureml://{arm.REGION}.api.azureml.ms/mlflow/v1.0{run['workspace']}?"
    nothing = {"port": None, "status": None, "errorMessage": None, "properties": None, "nodes": None}
    return {
        "Tracking": {"jobServiceType": "Tracking", "endpoint": tracking, **nothing},
        "Studio": {"jobServiceType": "Studio", "endpoint": studio, **nothing},
    }


# As a run of run history


def as_run(run):
    """What run history says of a run."""
    asked = run["properties"]
    compute = asked.get("computeId")
    kind = run.get("kind") or asked["jobType"]
    user = {"userObjectId": identity.PRINCIPAL, "userTenantId": identity.TENANT, "userName": "local_azure"}
    end = run["ended"] or (arm.now() if run["started"] else None)
    return {
        "runNumber": run["number"], "rootRunId": run["root"], "createdUtc": run["created"], "createdBy": user,
        "userId": identity.PRINCIPAL, "error": run["error"], "warnings": run["warnings"], "revision": 1,
        "runUuid": run["uuid"], "parentRunId": run["parent"], "lastModifiedUtc": run["modified"],
        "duration": _duration(run["created"], run["ended"] or arm.now()),
        "computeDuration": _duration(run["started"], end) if run["started"] else None,
        "runId": run["name"], "experimentId": experiment_id(run["workspace"], asked["experimentName"]),
        "status": run["status"], "startTimeUtc": run["started"], "endTimeUtc": run["ended"],
        "displayName": asked["displayName"], "name": None, "dataContainerId": f"dcid.{run['name']}",
        "description": asked.get("description"), "hidden": bool(asked.get("isArchived")),
        "runType": f"azureml.{kind.lower()}",
        "runTypeV2": {"orchestrator": kind, "traits": [], "computeType": "AmlCompute" if compute else "Serverless"},
        "properties": asked.get("properties") or {}, "tags": asked.get("tags") or {}, "parameters": {},
        "target": arm.name_of(compute) if compute else "serverless",
        "compute": {"target": arm.name_of(compute), "targetType": "AmlCompute"} if compute else None,
        "inputs": _references(asked.get("inputs")),
        "outputs": _outputs(run),
        "actionUris": {}, "services": {},
    }  # fmt: skip


def _references(inputs):
    listed = {name: value for name, value in (inputs or {}).items() if value and value.get("uri")}
    return {name: {"assetId": value["uri"], "type": value["jobInputType"]} for name, value in listed.items()}


def _outputs(run):
    return {
        name: {"assetId": output_id(run, name), "type": _data_type(given["type"])}
        for name, given in run["outputs"].items()
    }


def _data_type(kind):
    """An output's type as data: azure-ai-ml 1.35 does not download what is called a model, but it does a folder."""
    return "uri_folder" if kind.endswith("_model") else kind


def output_id(run, name):
    """The id under which a run's output is looked up."""
    return f"azureml://locations/{arm.REGION}/workspaces/{run['workspace']}/outputs/{run['name']}/{name}"


def experiment_id(workspace, name):
    """The id of an experiment: the same for the same name in the same workspace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace.lower()}/experiments/{name}"))


def _duration(start, end):
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    minutes, seconds = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:010.7f}"


async def log_files(state, run):
    """The addresses, with a signature that reads, of all logs that a run has so far."""
    where = folder(state, run)

    def files():
        found = []
        for name in LOG_FOLDERS:
            below = folders.files(where / name, lambda *_: None, most=MOST_LOGS) if (where / name).is_dir() else ()
            found += sorted(f"{name}/{one.name}" for one in below if not folders.unfit(one.name))
        return found

    account = datastores.account_of(run["workspace"])
    signature = storage.sas_for(state.secrets, account, datastores.ARTIFACT_CONTAINER, "r")
    base = f"https://{account}.blob.core.windows.net/{datastores.ARTIFACT_CONTAINER}/ExperimentRun/dcid.{run['name']}"
    return {name: f"{base}/{name}?{signature}" for name in await folders.in_thread(files)}
