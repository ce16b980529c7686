"""MLflow's tracking API: experiments, runs, and what runs log."""

import json
import threading

from ....errors import AzureError
from .. import arm, limits
from . import search
from .answers import listed, number, pair, pairs, records, text, texts, whole
from .search import invalid
from .store import MOST_RUNS, STAGES, Tracking, now

HISTORY = 25000  # points of a metric in one page
_opening = threading.Lock()


def store(state):
    """The store of all workspaces, opened when it is first needed."""
    with _opening:
        if not hasattr(state, "mlflow"):
            state.mlflow = Tracking(state.home / "mlflow.sqlite3")
    return state.mlflow


def base(workspace):
    """The tracking address of a workspace."""
    return f"azureml://{arm.REGION}.api.azureml.ms/mlflow/v2.0{workspace}"


# As the clients read it


def as_experiment(workspace, record):
    return {
        "experiment_id": record["id"],
        "name": record["name"],
        "artifact_location": f"{base(workspace)}/experiments/{record['id']}",
        "lifecycle_stage": record["stage"],
        "creation_time": record["created"],
        "last_update_time": record["updated"],
        "tags": listed(record["tags"]),
    }


def as_info(workspace, record):
    info = {
        "run_id": record["id"],
        "run_uuid": record["id"],
        "run_name": record["name"],
        "experiment_id": record["experiment"],
        "user_id": record["user"],
        "status": record["status"],
        "start_time": record["started"],
        "artifact_uri": f"{base(workspace)}/experiments/{record['experiment']}/runs/{record['id']}/artifacts",
        "lifecycle_stage": record["stage"],
    }
    return info | ({"end_time": record["ended"]} if record["ended"] else {})


def as_run(workspace, record):
    data = {"metrics": record["metrics"], "params": listed(record["params"]), "tags": listed(record["tags"])}
    return {"info": as_info(workspace, record), "data": data, "inputs": {"dataset_inputs": record["inputs"]}}


def page(found, most, start, name, shown):
    """One page of a search whose store returned one record more than wanted if there are more."""
    body = {name: [shown(one) for one in found[:most]]}
    return body | ({"next_page_token": search.token_of(start + most)} if len(found) > most else {})


def view_of(body, key):
    view = body.get(key) or "ACTIVE_ONLY"
    if view not in STAGES:
        raise invalid(f"Invalid value {view!r} for parameter '{key}' supplied: not one of {list(STAGES)}.")
    return view


# Experiments


def create_experiment(state, workspace, body):
    if text(body, "artifact_location", needed=False):
        message = "Azure Machine Learning keeps artifacts in the workspace: an artifact_location cannot be chosen."
        raise invalid(message)
    tags = pairs(body, "tags")
    limits.check_experiment_tags(dict(tags))
    made = store(state).create_experiment(workspace, text(body, "name"), tags)
    return {"experiment_id": made}


def get_experiment(state, workspace, body):
    found = store(state).experiment(workspace, text(body, "experiment_id"))
    return {"experiment": as_experiment(workspace, found)}


def get_experiment_by_name(state, workspace, body):
    found = store(state).named_experiment(workspace, text(body, "experiment_name"))
    return {"experiment": as_experiment(workspace, found)}


def search_experiments(state, workspace, body):
    start, most = search.offset_of(body.get("page_token")), whole(body, "max_results", 1000, 1, MOST_RUNS)
    view, filter_string = view_of(body, "view_type"), text(body, "filter", needed=False)
    found = store(state).search_experiments(workspace, view, filter_string, texts(body, "order_by"), start, most)
    return page(found, most, start, "experiments", lambda one: as_experiment(workspace, one))


def delete_experiment(state, workspace, body):
    store(state).set_experiment_stage(workspace, text(body, "experiment_id"), "deleted")


def restore_experiment(state, workspace, body):
    store(state).set_experiment_stage(workspace, text(body, "experiment_id"), "active")


def update_experiment(state, workspace, body):
    raise invalid("Azure Machine Learning does not rename experiments.")


def set_experiment_tag(state, workspace, body):
    store(state).tag_experiment(workspace, text(body, "experiment_id"), *pair(body))


# Runs


def create_run(state, workspace, body):
    tracking = store(state)
    experiment = tracking.experiment(workspace, text(body, "experiment_id", needed=False) or "0")
    tags, name = pairs(body, "tags"), text(body, "run_name", needed=False)
    limits.check_note([*tags, ("mlflow.runName", name)])
    limits.check_tags(dict(tags))
    made = tracking.create_run(
        workspace,
        experiment,
        name=name,
        user=text(body, "user_id", needed=False) or "",
        started=whole(body, "start_time", least=0),
        tags=tags,
    )
    return {"run": as_run(workspace, made)}


def get_run(state, workspace, body):
    return {"run": as_run(workspace, store(state).run(workspace, _run(body)))}


def _run(body):
    return text(body, "run_id", "run_uuid")


def update_run(state, workspace, body):
    given = text(body, "status", needed=False), whole(body, "end_time", least=0), text(body, "run_name", needed=False)
    limits.check_note({"mlflow.runName": given[-1]})
    return {"run_info": as_info(workspace, store(state).update_run(workspace, _run(body), *given))}


def delete_run(state, workspace, body):
    store(state).set_run_stage(workspace, _run(body), "deleted")


def restore_run(state, workspace, body):
    store(state).set_run_stage(workspace, _run(body), "active")


def search_runs(state, workspace, body):
    start, most = search.offset_of(body.get("page_token")), whole(body, "max_results", 1000, 1, MOST_RUNS)
    view, filter_string = view_of(body, "run_view_type"), text(body, "filter", needed=False)
    wanted = texts(body, "experiment_ids"), view, filter_string, texts(body, "order_by")
    found = store(state).search_runs(workspace, *wanted, start, most)
    return page(found, most, start, "runs", lambda one: as_run(workspace, one))


# What runs log


def _metric(one):
    return text(one, "key"), number(one, "value"), whole(one, "timestamp", now()), whole(one, "step", 0)


def log_metric(state, workspace, body):
    store(state).log(workspace, _run(body), metrics=[_metric(body)], limited=True)


def log_parameter(state, workspace, body):
    store(state).log(workspace, _run(body), params=[pair(body)], limited=True)


def set_tag(state, workspace, body):
    store(state).log(workspace, _run(body), tags=[pair(body)], limited=True)


def delete_tag(state, workspace, body):
    store(state).delete_tag(workspace, _run(body), text(body, "key"))


def log_batch(state, workspace, body):
    metrics = [_metric(one) for one in records(body, "metrics", limits.BATCH_METRICS)]
    params, tags = pairs(body, "params", limits.BATCH_PARAMETERS), pairs(body, "tags", limits.BATCH_TAGS)
    if len(metrics) + len(params) + len(tags) > limits.BATCH:
        raise invalid(f"A batch logging request can contain at most {limits.BATCH} metrics, params, and tags.")
    limits.check("MetricV2Dto.Value/Count", limits.METRIC_ROWS, len(metrics))
    if len({key for key, _ in params}) < len(params):
        raise invalid("Duplicate parameter keys have been submitted: each key of a batch may occur once.")
    store(state).log(workspace, _run(body), metrics, params, tags, limited=True)


def log_batch_async(state, workspace, body):
    """What Azure takes in the background is written before the answer: there is nothing to wait for."""
    log_batch(state, workspace, body)
    return {"batch_tracking_id": ""}


def get_run_data_status(state, workspace, body):
    return {"is_complete": True}


def log_model(state, workspace, body):
    """A model was logged: it joins the list in the run's tag."""
    try:
        model = json.loads(text(body, "model_json"))
    except ValueError:
        raise invalid("The parameter 'model_json' is not JSON.") from None
    missing = [name for name in ("artifact_path", "flavors", "utc_time_created", "run_id") if name not in model]
    if missing:
        raise invalid(f"Model json is missing mandatory fields: {missing}")
    tracking, run = store(state), _run(body)
    logged = json.loads(tracking.run(workspace, run)["tags"].get("mlflow.log-model.history", "[]"))
    tracking.log(workspace, run, tags=[("mlflow.log-model.history", json.dumps([*logged, model]))])


def log_inputs(state, workspace, body):
    inputs = records(body, "datasets", limits.INPUTS)
    for one in inputs:
        if not isinstance(one.get("dataset"), dict):
            raise invalid("Missing value for required parameter 'dataset'.")
        for name in ("name", "digest"):
            text(one["dataset"], name)
    store(state).add_inputs(workspace, _run(body), inputs)


def metric_history(state, workspace, body):
    start, most = search.offset_of(body.get("page_token")), whole(body, "max_results", HISTORY, 1, HISTORY)
    found = store(state).history(workspace, _run(body), text(body, "metric_key"), start, most + 1)
    return page(found, most, start, "metrics", lambda point: point)


# For jobs


def create_run_for_job(state, workspace, experiment_name, run_id, display_name, tags):
    """The MLflow run of a job: the same id, under the job's experiment, scheduled until its script takes it up."""
    tracking = store(state)
    experiment = tracking.named_experiment(workspace, experiment_name, create=True)
    if experiment["stage"] == "deleted":
        tracking.set_experiment_stage(workspace, experiment["id"], "active")
        experiment = tracking.experiment(workspace, experiment["id"])
    given = {key: value for key, value in tags.items() if key != "mlflow.runName"}
    return tracking.create_run(workspace, experiment, run_id, display_name, tags=given.items(), status="SCHEDULED")


def start_run(state, run_id, workspace=None):
    """The job runs now."""
    _finish(state, run_id, "RUNNING", workspace)


def finish_run(state, run_id, status, workspace=None):
    """The job has ended: FINISHED, FAILED or KILLED."""
    _finish(state, run_id, status, workspace)


def _finish(state, run_id, status, workspace):
    tracking = store(state)
    workspace = workspace or tracking.workspace_of(run_id)
    if workspace is None:
        raise AzureError(404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={run_id} not found")
    tracking.update_run(workspace, run_id, status)


def forget(state, workspace):
    """The workspace is deleted, with its experiments and runs."""
    store(state).forget(workspace)


def knows(state, workspace, run_id):
    """Whether there is a run with this id, of a job or of a notebook."""
    return store(state).known(workspace, run_id)


def metrics(state, run_id, workspace=None):
    """All that a run has logged: {name: [(step, milliseconds, value), …]}; {} for a run that is not known."""
    tracking = store(state)
    workspace = workspace or tracking.workspace_of(run_id)
    return tracking.histories(workspace, run_id) if workspace else {}
