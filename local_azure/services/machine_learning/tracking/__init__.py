"""MLflow as a workspace of Azure Machine Learning speaks it, for the plugin that `azureml-mlflow` brings.

The store is a small SQLite one of our own (`store.py`, `search.py`), after trying the library's. MLflow 2.22.5 has one
on SQLAlchemy, but not for SQLAlchemy 2.1, which the environment has. That of MLflow 3.15 does run on it; it needed 5 s
of import and 4 s to make its tables before the first answer, 140 MB of memory more, and 8 to 30 ms for each metric
logged (two busy cores), where a whole call may cost 10 ms. `mlflow server` would be a second process of that size, and
needs the whole of MLflow with Flask and pyarrow, which would also hold pandas back at version 2.

Only what Azure answers is answered. Its tracking server has no logged models, with which version 3 of MLflow logs
models (404), and no traces (403): https://github.com/Azure/azure-sdk-for-python/issues/44896 and 40261.
"""

from starlette.responses import PlainTextResponse

from .. import arm
from ..jobs import runs as history
from . import artifacts, registry
from . import runs as api
from .answers import answered, answered_in_thread
from .runs import create_run_for_job, finish_run, forget, knows, metrics, start_run, store

__all__ = ["create_run_for_job", "finish_run", "forget", "knows", "metrics", "routes", "start_run", "store"]

history.ELSEWHERE.append(knows)  # an artifact may also be of a notebook's run, which is no job

CALLS = {
    "POST": {
        "experiments/create": api.create_experiment,
        "experiments/search": api.search_experiments,
        "experiments/delete": api.delete_experiment,
        "experiments/restore": api.restore_experiment,
        "experiments/update": api.update_experiment,
        "experiments/set-experiment-tag": api.set_experiment_tag,
        "runs/create": api.create_run,
        "runs/update": api.update_run,
        "runs/delete": api.delete_run,
        "runs/restore": api.restore_run,
        "runs/search": api.search_runs,
        "runs/log-metric": api.log_metric,
        "runs/log-parameter": api.log_parameter,
        "runs/log-batch": api.log_batch,
        "runs/log-model": api.log_model,
        "runs/log-inputs": api.log_inputs,
        "runs/set-tag": api.set_tag,
        "runs/delete-tag": api.delete_tag,
        "registered-models/create": registry.create_model,
        "registered-models/rename": registry.rename_model,
        "registered-models/get-latest-versions": registry.latest_versions,
        "registered-models/set-tag": registry.set_model_tag,
        "model-versions/create": registry.create_version,
        "model-versions/transition-stage": registry.transition,
        "model-versions/set-tag": registry.set_version_tag,
    },
    "GET": {
        "experiments/get": api.get_experiment,
        "experiments/get-by-name": api.get_experiment_by_name,
        "experiments/search": api.search_experiments,
        "runs/get": api.get_run,
        "metrics/get-history": api.metric_history,
        "registered-models/get": registry.get_model,
        "registered-models/search": registry.search_models,
        "registered-models/get-latest-versions": registry.latest_versions,
        "model-versions/get": registry.get_version,
        "model-versions/search": registry.search_versions,
        "model-versions/get-download-uri": registry.download_uri,
    },
    "PATCH": {
        "registered-models/update": registry.update_model,
        "model-versions/update": registry.update_version,
    },
    "DELETE": {
        "registered-models/delete": registry.delete_model,
        "registered-models/delete-tag": registry.delete_model_tag,
        "model-versions/delete": registry.delete_version,
        "model-versions/delete-tag": registry.delete_version_tag,
    },
}
PREVIEW = {
    "POST": {"runs/log-batch-async": api.log_batch_async},
    "GET": {"runs/get-run-data-status": api.get_run_data_status},
}


async def not_on_azure(request):
    """Calls of MLflow's API that Azure's tracking server does not answer, with its status and our reason."""
    arm.require_token(request)
    call = request.path_params["call"]
    if "traces" in call:
        return PlainTextResponse("Azure Machine Learning has no MLflow traces.", 403)
    reason = f"Azure Machine Learning's tracking server does not answer {call}."
    if "logged-models" in call:
        reason += " MLflow 3 needs it to log and to register models: take mlflow<3."
    return PlainTextResponse(reason, 404)


def _endpoint(work):
    """The tracking store is for any thread; the store of resources is for the event loop alone."""
    return (answered if work.__module__ == registry.__name__ else answered_in_thread)(work)


def _routes(calls, prefix):
    for version in ("v1.0", "v2.0"):
        base = f"/mlflow/{version}{arm.WORKSPACE}{prefix}"
        for method, handlers in calls.items():
            for path, work in handlers.items():
                yield arm.AnyCaseRoute(f"{base}/{path}", _endpoint(work), methods=[method], name=path)


_ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")
routes = [
    *_routes(CALLS, "/api/2.0/mlflow"),
    *_routes(PREVIEW, "/api/2.0/preview/mlflow"),
    *(
        arm.AnyCaseRoute(f"/mlflow/{version}{arm.WORKSPACE}/api/{{call:path}}", not_on_azure, methods=list(_ANY))
        for version in ("v1.0", "v2.0")
    ),
    *artifacts.routes,
]
