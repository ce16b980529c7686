"""MLflow against a workspace: its own client with Azure's plugin, unmodified, and plain HTTP for what is refused."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import matplotlib
import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression, LogisticRegression
from waiting import wait_for_end

import local_azure
from local_azure.identity import issue
from local_azure.services.machine_learning import tracking as ours
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]
matplotlib.use("agg")

HOST = "https://local.api.azureml.ms"
X = np.array([[0.0], [1.0], [2.0], [3.0]])


@pytest.fixture(scope="module")
def ml(server_home):
    names = [os.environ[name] for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")]
    return MLClient(DefaultAzureCredential(), *names)


@pytest.fixture(scope="module")
def uri(ml):
    return ml.workspaces.get(ml.workspace_name).mlflow_tracking_uri


@pytest.fixture(scope="module", autouse=True)
def tracking(uri):
    """The workspace as MLflow's tracking server, for the tests of this file."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield uri
    mlflow.set_tracking_uri(before)


@pytest.fixture
def experiment(request, client):
    """An experiment for one test: its id."""
    name = re.sub(r"[^\w-]+", "-", request.node.name)
    made = client.create_experiment(f"{name}-{uuid.uuid4().hex[:6]}")
    mlflow.set_experiment(experiment_id=made)
    return made


@pytest.fixture(scope="module")
def client(tracking):
    return mlflow.MlflowClient()


@pytest.fixture(scope="module")
def rest(server_home, workspace_id):
    """Plain HTTP to the tracking API: rest("POST", "runs/create", {…}) -> response."""
    token, _ = issue("https://management.azure.com", load_secrets()["signing"])
    session = requests.Session()

    def call(method, path, body=None, version="v2.0", prefix="/api/2.0/mlflow/", headers=None, where=workspace_id):
        sent = (
            {"params": body} if method == "GET" else {"json": body} if not isinstance(body, bytes) else {"data": body}
        )
        headers = {"Authorization": f"Bearer {token}"} if headers is None else headers
        return session.request(
            method, f"{HOST}/mlflow/{version}{where}{prefix}{path}", headers=headers, timeout=120, **sent
        )

    with session:
        yield call


# Runs


def test_the_address_is_the_one_that_the_plugin_expects(uri, workspace_id):
    assert uri == f"azureml://local.api.azureml.ms/mlflow/v2.0{workspace_id}"


def test_a_run_keeps_what_it_logs(experiment):
    with mlflow.start_run(run_name="first", tags={"team": "tern"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": 0.1, "kind": "tree"})
        mlflow.log_metric("rmse", 2.5)
        mlflow.set_tag("checked", "yes")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params == {"depth": "3", "rate": "0.1", "kind": "tree"}
    assert found.data.metrics == {"rmse": 2.5}
    assert found.data.tags["team"] == "tern" and found.data.tags["checked"] == "yes"
    assert (found.info.run_name, found.info.status, found.info.experiment_id) == ("first", "FINISHED", experiment)
    assert found.info.start_time <= found.info.end_time
    uuid.UUID(run.info.run_id)


def test_a_run_without_a_name_gets_one(experiment, client):
    names = {client.create_run(experiment).info.run_name for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch(r"[a-z]+_[a-z]+_[0-9a-f]{8}", name) for name in names)


def test_an_exception_fails_the_run(experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        _ = 1 / 0
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"


def test_metrics_have_steps_and_a_history(experiment, client):
    with mlflow.start_run() as run:
        for step, value in enumerate([0.9, 0.5, 0.7]):
            mlflow.log_metric("loss", value, step=step)
        mlflow.log_metric("loss", 0.6, step=1)  # late: the newest is that of the highest step
        mlflow.log_metrics({"nothing": math.nan, "much": math.inf, "little": -math.inf, "big": 1e300})
    run = mlflow.get_run(run.info.run_id)
    assert run.data.metrics["loss"] == 0.7
    history = client.get_metric_history(run.info.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(0, 0.9), (1, 0.5), (1, 0.6), (2, 0.7)]
    assert math.isnan(run.data.metrics["nothing"])
    assert (run.data.metrics["much"], run.data.metrics["little"]) == (math.inf, -math.inf)
    assert run.data.metrics["big"] == 1e300
    assert client.get_metric_history(run.info.run_id, "never") == []


def test_a_batch_is_logged_whole_or_not_at_all(experiment, client):
    run = client.create_run(experiment).info.run_id
    metrics = [Metric("m", float(step), 1_700_000_000_000, step) for step in range(250)]
    client.log_batch(run, metrics, [Param("p", "1")], [RunTag("t", "x")])
    assert len(client.get_metric_history(run, "m")) == 250
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_batch(run, [Metric("n", 1.0, 0, 0)], [Param("p", "2")], [])
    found = client.get_run(run).data
    assert found.params == {"p": "1"} and "n" not in found.metrics


def test_a_metric_that_is_sent_twice_counts_once(experiment, client):
    run = client.create_run(experiment).info.run_id
    for _ in range(2):
        client.log_batch(run, [Metric("m", 1.0, 1_700_000_000_000, 4)])
    assert len(client.get_metric_history(run, "m")) == 1


def test_logging_in_the_background_arrives(experiment):
    with mlflow.start_run() as run:
        for step in range(20):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_param("p", 1, synchronous=False)
        mlflow.flush_async_logging()
    found = mlflow.get_run(run.info.run_id).data
    assert found.metrics == {"m": 19.0} and found.params == {"p": "1"}


def test_runs_nest(experiment, client):
    with (
        mlflow.start_run(run_name="top") as top,
        mlflow.start_run(run_name="middle", nested=True) as middle,
        mlflow.start_run(run_name="leaf", nested=True) as leaf,
    ):
        mlflow.log_metric("m", 1)
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{top.info.run_id}'")
    assert [run.info.run_name for run in children] == ["middle"]
    found = client.get_run(leaf.info.run_id).data.tags
    assert found["mlflow.parentRunId"] == middle.info.run_id
    assert found["mlflow.rootRunId"] == top.info.run_id


def test_data_sets_are_noted_with_a_run(experiment):
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(table, name="parcels"), context="training")
    (given,) = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert given.dataset.name == "parcels"
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}


def test_a_deleted_run_can_be_restored_and_takes_nothing_meanwhile(experiment, client):
    run = client.create_run(experiment).info.run_id
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(run, "m", 1)
    assert client.search_runs([experiment]) == []
    assert [one.info.run_id for one in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)] == [run]
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    assert [one.info.run_id for one in client.search_runs([experiment])] == [run]


def test_tags_change_and_go(experiment, client):
    run = client.create_run(experiment, tags={"a": "1"}).info.run_id
    client.set_tag(run, "a", "2")
    assert client.get_run(run).data.tags["a"] == "2"
    client.delete_tag(run, "a")
    assert "a" not in client.get_run(run).data.tags
    with pytest.raises(MlflowException, match="No tag with name: a"):
        client.delete_tag(run, "a")
    client.set_tag(run, "mlflow.runName", "other")
    assert client.get_run(run).info.run_name == "other"
    client.update_run(run, status="KILLED", name="third")
    assert (client.get_run(run).info.status, client.get_run(run).data.tags["mlflow.runName"]) == ("KILLED", "third")


@pytest.mark.parametrize("name", ["", "a*b", "../up", "/top", "a//b", "a/../b", "x" * 251, "tab\t"])
def test_a_bad_name_is_refused(experiment, client, rest, name):
    run = client.create_run(experiment).info.run_id
    answer = rest("POST", "runs/log-metric", {"run_id": run, "key": name, "value": 1.0, "timestamp": 1})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.get_run(run).data.metrics == {}


def test_an_unknown_run_is_not_found():
    with pytest.raises(MlflowException, match="Run with id=nobody not found") as refusal:
        mlflow.get_run("nobody")
    assert refusal.value.error_code == "RESOURCE_DOES_NOT_EXIST"


# Experiments


def test_experiments_are_made_found_and_tagged(client):
    name = f"routes-{uuid.uuid4().hex[:6]}"
    made = client.create_experiment(name, tags={"team": "tern"})
    client.set_experiment_tag(made, "season", "winter")
    found = client.get_experiment_by_name(name)
    assert (found.experiment_id, found.tags) == (made, {"team": "tern", "season": "winter"})
    assert client.get_experiment(made).name == name
    assert client.get_experiment_by_name("nobody-made-this") is None
    names = [one.name for one in client.search_experiments(filter_string=f"name = '{name}' and tags.team = 'tern'")]
    assert names == [name]
    with pytest.raises(MlflowException, match="already exists"):
        client.create_experiment(name)


def test_a_deleted_experiment_keeps_its_name_and_its_runs(client):
    name = f"gone-{uuid.uuid4().hex[:6]}"
    made = client.create_experiment(name)
    run = client.create_run(made).info.run_id
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert name not in [one.name for one in client.search_experiments()]
    with pytest.raises(MlflowException, match="deleted state"):
        client.create_experiment(name)
    with pytest.raises(MlflowException, match="active"):
        client.create_run(made)
    client.restore_experiment(made)
    assert client.get_run(run).info.lifecycle_stage == "active"


def test_what_azure_refuses_of_experiments_is_refused(client, experiment):
    with pytest.raises(MlflowException, match="does not rename experiments"):
        client.rename_experiment(experiment, "other")
    with pytest.raises(MlflowException, match="keeps artifacts in the workspace"):
        client.create_experiment(f"elsewhere-{uuid.uuid4().hex[:6]}", artifact_location="file:///tmp")


def test_a_fresh_workspace_has_the_default_experiment(tmp_path):
    store = ours.store(SimpleNamespace(home=tmp_path))
    store.tag_experiment("/w", "0", "team", "tern")
    assert [one["name"] for one in store.search_experiments("/w", "ALL", None, [], 0, 10)] == ["Default"]
    assert store.search_runs("/w", ["0"], "ALL", None, [], 0, 10) == []
    store.set_experiment_stage("/other", "0", "deleted")
    assert store.experiment("/other", "0")["stage"] == "deleted"
    store.forget("/W")
    assert store.search_experiments("/w", "ALL", "tags.team = 'tern'", [], 0, 10) == []
    assert store.experiment("/other", "0")["stage"] == "deleted"
    store.close()


def test_without_an_experiment_runs_go_to_the_default(client):
    run = client.create_run("0")
    assert client.get_experiment(run.info.experiment_id).name == "Default"


# Searches

RUNS = (
    ("alpha", {"kind": "tree", "depth": "3"}, {"rmse": 1.0, "auc": 0.7}, {"team": "tern", "note": "it's 100% fine"}),
    ("beta", {"kind": "Tree", "depth": "10"}, {"rmse": 2.0}, {"team": "harbour"}),
    ("gamma", {"kind": "linear"}, {"rmse": 3.5, "auc": 0.9}, {"team": "tern", "a.b": "dot"}),
    ("delta", {}, {"rmse": math.nan}, {}),
)
FILTERS = (
    "", "metrics.rmse < 2", "metrics.rmse >= 2.0", "metric.rmse = 1", "metrics.rmse != 1", "metrics.auc > 0.8",
    "params.kind = 'tree'", "params.kind != 'tree'", "params.kind LIKE 'tr%'", "params.kind ILIKE 'TR%'",
    "param.depth = '10'", "tags.team = 'tern'", "tags.team LIKE '%ern'", "tags.`a.b` = 'dot'", "tags.a.b = 'dot'",
    "tags.team = 'tern' and metrics.auc > 0.8", "metrics.rmse < 3 AND params.kind ilike 'tree' AND tags.team = 'tern'",
    "attributes.run_name = 'beta'", "run_name LIKE '%a'", "attributes.status = 'RUNNING'", "status = 'FAILED'",
    "start_time > 0", "attributes.start_time < 5",
    'params."kind" = "tree"', "metrics.none > 0", "tags.note LIKE '%100%'", "params.kind LIKE 't_ee'",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(tracking, tmp_path_factory):
    """The same runs here and in MLflow's own file store: two (client, experiment id)."""
    stores = []
    for address in (tracking, tmp_path_factory.mktemp("mlruns").as_uri()):
        client = mlflow.MlflowClient(address)
        made = client.create_experiment(f"searched-{uuid.uuid4().hex[:6]}")
        for at, (name, params, metrics, tags) in enumerate(RUNS, start=1):
            run = client.create_run(made, start_time=1_700_000_000_000 + at, tags=tags, run_name=name).info.run_id
            client.log_batch(
                run,
                [Metric(key, value, 1_700_000_000_000, 0) for key, value in metrics.items()],
                [Param(key, value) for key, value in params.items()],
            )
        stores.append((client, made))
    return stores


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_filter_finds_what_mlflows_own_store_finds(searched, wanted):
    here, there = ([run.info.run_name for run in client.search_runs([made], wanted)] for client, made in searched)
    assert here == there


def test_the_filters_tell_runs_apart(searched):
    client, made = searched[0]
    counts = {len(client.search_runs([made], wanted)) for wanted in FILTERS}
    assert counts >= {0, 1, 2, 3, 4}


def test_runs_come_in_the_order_asked_for_and_page_by_page(searched):
    client, made = searched[0]
    newest_first = [name for name, *_ in reversed(RUNS)]
    assert [run.info.run_name for run in client.search_runs([made])] == newest_first
    ordered = client.search_runs([made], order_by=["attributes.start_time ASC"])
    assert [run.info.run_name for run in ordered] == newest_first[::-1]
    assert [run.info.run_name for run in client.search_runs([made], order_by=["run_name DESC"])] == [
        "gamma", "delta", "beta", "alpha",
    ]  # fmt: skip
    pages, token = [], None
    while True:
        page = client.search_runs([made], max_results=3, page_token=token)
        pages.append([run.info.run_name for run in page])
        token = page.token
        if not token:
            break
    assert pages == [newest_first[:3], newest_first[3:]]


def test_a_search_makes_a_table(searched):
    _, made = searched[0]
    table = mlflow.search_runs([made], filter_string="metrics.rmse < 3").sort_values("metrics.rmse")
    assert table["tags.mlflow.runName"].tolist() == ["alpha", "beta"]
    assert table["params.depth"].tolist() == ["3", "10"]


def test_azures_own_attributes_and_names_of_states_work(experiment, client):
    run = client.create_run(experiment, start_time=1_000).info.run_id
    client.set_terminated(run, "FAILED", end_time=61_000)
    named = f"attributes.run_id IN ('{run}', 'other')"
    for wanted in (
        named,
        "attributes.status = 'Failed'",
        "attributes.duration = '60000'",
        "attributes.creation_time > '0'",
    ):
        assert [one.info.run_id for one in client.search_runs([experiment], wanted)] == [run], wanted
    assert client.search_runs([experiment], order_by=["attributes.duration DESC"])[0].info.run_id == run


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"order_by": ["metrics.rmse DESC"]}, "does not order by metrics"),
        ({"order_by": ["params.kind"]}, "does not order by params"),
        ({"filter_string": "tags.team != 'tern'"}, "does not support the comparator != for tags"),
        ({"filter_string": "metrics.`mean error` > 1"}, "whose name needs quotes"),
        ({"filter_string": "metrics.rmse > 1 OR metrics.rmse < 0"}, "joined by AND"),
        ({"filter_string": "metrics.rmse > 'x'"}, "numeric value"),
        ({"filter_string": "params.kind = tree"}, "no comparison"),
        ({"filter_string": "params.depth = 3"}, "quoted string"),
        ({"filter_string": "params.kind > 'a'"}, "Invalid comparator"),
        ({"filter_string": "run_name IN ('a', 'b')"}, "Invalid comparator"),
        ({"filter_string": "attributes.colour = 'red'"}, "Invalid attribute key"),
        ({"filter_string": "nonsense"}, "no comparison"),
        ({"filter_string": "metrics.rmse > 1; DROP TABLE runs"}, "joined by AND"),
        ({"order_by": ["start_time; DROP TABLE runs"]}, "order_by"),
        ({"page_token": "%%%"}, "page token"),
        ({"max_results": 50001}, "max_results"),
    ],
)
def test_a_search_that_azure_does_not_have_is_refused(searched, given, sentence):
    client, made = searched[0]
    with pytest.raises(MlflowException, match=sentence) as refusal:
        client.search_runs([made], **given)
    assert refusal.value.error_code == "INVALID_PARAMETER_VALUE"


# Artifacts


def test_artifacts_of_every_kind_are_kept_listed_and_read(experiment, client, tmp_path, ml):
    from matplotlib import pyplot

    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "below" / "deep.txt").write_text("deep")
    (tmp_path / "folder" / "a b+c ü.txt").write_text("odd name")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    with mlflow.start_run() as run:
        mlflow.log_text("a note", "notes/note.txt")
        mlflow.log_dict({"answer": 42}, "answer.json")
        mlflow.log_figure(figure, "curve.png")
        mlflow.log_artifact(tmp_path / "table.csv")
        mlflow.log_artifact(tmp_path / "table.csv", "copies")
        mlflow.log_artifacts(str(tmp_path / "folder"), "folder")
    pyplot.close(figure)
    run = run.info.run_id
    top = {file.path: file.is_dir for file in client.list_artifacts(run)}
    assert top == {
        "answer.json": False, "copies": True, "curve.png": False, "folder": True, "notes": True, "table.csv": False,
    }  # fmt: skip
    assert [file.path for file in client.list_artifacts(run, "folder")] == ["folder/a b+c ü.txt", "folder/below"]
    address = mlflow.get_run(run).info.artifact_uri
    assert mlflow.artifacts.load_text(f"{address}/notes/note.txt") == "a note"
    assert mlflow.artifacts.load_dict(f"{address}/answer.json") == {"answer": 42}
    folder = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="folder", dst_path=str(tmp_path / "got"))
    got = {os.path.relpath(os.path.join(at, file), folder) for at, _, files in os.walk(folder) for file in files}
    assert got == {"a b+c ü.txt", os.path.join("below", "deep.txt")}
    png = mlflow.artifacts.download_artifacts(f"runs:/{run}/curve.png", dst_path=str(tmp_path / "got"))
    with open(png, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_an_artifact_is_not_replaced(experiment):
    with mlflow.start_run() as run:
        mlflow.log_text("first", "note.txt")
        named = f"Resource Conflict: ArtifactId ExperimentRun/dcid.{run.info.run_id}/note.txt already exists"
        with pytest.raises(Exception, match=re.escape(named)):
            mlflow.log_text("second", "note.txt")
        assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt") == "first"


def test_a_missing_artifact_names_those_that_there_are(experiment):
    with mlflow.start_run() as run:
        mlflow.log_text("x", "there.txt")
    with pytest.raises(Exception, match=r"absent\.txt"):
        mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="absent.txt")


def test_artifacts_lie_where_jobs_have_theirs(experiment, server_home):
    with mlflow.start_run() as run:
        mlflow.log_text("on disk", "deep/note.txt")
    (found,) = server_home.glob(f"storage/*/azureml/ExperimentRun/dcid.{run.info.run_id}/deep/note.txt")
    assert found.read_text() == "on disk"


@pytest.mark.parametrize("path", ["../outside.txt", "a/../../outside.txt", "a/./b", "nul\x00", "back\\slash", ""])
def test_an_artifact_cannot_leave_its_run(experiment, client, workspace_id, server_home, arm, path):
    run = client.create_run(experiment).info.run_id
    address = f"{HOST}/history/v1.0{workspace_id}/experiments/{experiment}/runs/{run}/artifacts"
    token, _ = issue("https://management.azure.com", load_secrets()["signing"])
    headers = {"Authorization": f"Bearer {token}"}
    given = {"headers": headers, "timeout": 20}
    sent = requests.post(f"{address}/batch/metadata", json={"paths": [{"path": path}]}, **given)
    assert sent.status_code == 400 or not sent.json()["artifactContentInformation"]
    assert requests.get(f"{address}/contentinfo", params={"path": path}, **given).status_code in (400, 404)


# Models


@pytest.fixture
def model():
    return LinearRegression().fit(X, 2 * X[:, 0])


def test_a_model_is_logged_registered_listed_and_loaded(experiment, client, ml, model, tmp_path):
    name = f"delays-{uuid.uuid4().hex[:6]}"
    signature = mlflow.models.infer_signature(X, model.predict(X))
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, "model", signature=signature, pip_requirements=["scikit-learn"])
    run = run.info.run_id
    assert info.model_uri == f"runs:/{run}/model"
    assert mlflow.sklearn.load_model(info.model_uri).predict([[5.0]])[0] == pytest.approx(10)
    (history,) = json.loads(mlflow.get_run(run).data.tags["mlflow.log-model.history"])
    assert history["artifact_path"] == "model" and "sklearn" in history["flavors"]

    version = mlflow.register_model(info.model_uri, name, tags={"by": "test"})
    assert (version.version, version.run_id, version.status) == ("1", run, "READY")
    again = mlflow.register_model(info.model_uri, name)
    assert again.version == "2"
    assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict(X)[3] == pytest.approx(6)
    assert mlflow.pyfunc.load_model(f"models:/{name}/latest").metadata.run_id == run

    assert name in [one.name for one in ml.models.list()]
    found = ml.models.get(name, version="1")
    assert (found.type, found.job_name, found.tags) == ("mlflow_model", run, {"by": "test"})
    assert set(found.flavors) == {"python_function", "sklearn"}
    assert ml.models.get(name, label="latest").version == "2"
    ml.models.download(name, version="1", download_path=tmp_path)
    assert (tmp_path / name / "model" / "MLmodel").is_file()


def test_a_model_of_mlclient_is_a_model_of_mlflow(client, ml, model, tmp_path):
    name = f"uploaded-{uuid.uuid4().hex[:6]}"
    mlflow.sklearn.save_model(model, tmp_path / "model", pip_requirements=["scikit-learn"])
    ml.models.create_or_update(Model(path=str(tmp_path / "model"), name=name, version="7", type="mlflow_model"))
    (found,) = client.search_model_versions(f"name = '{name}'")
    assert found.version == "7"
    assert mlflow.sklearn.load_model(f"models:/{name}/7").predict([[5.0]])[0] == pytest.approx(10)


@pytest.mark.parametrize("address", ["azureml://jobs/{run}/outputs/artifacts/paths/model", "runs:/{run}/model"])
def test_mlclient_registers_the_model_of_a_notebooks_run(experiment, ml, model, address):
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(model, "model", pip_requirements=["scikit-learn"])
    run = run.info.run_id
    asked = Model(path=address.format(run=run), name=f"of-{uuid.uuid4().hex[:6]}", type="mlflow_model")
    made = ml.models.create_or_update(asked)
    assert made.job_name == run and "sklearn" in made.flavors
    assert mlflow.sklearn.load_model(f"models:/{made.name}/{made.version}").predict([[5.0]])[0] == pytest.approx(10)
    absent = Model(path=address.format(run="nobody"), name=made.name, type="mlflow_model")
    with pytest.raises(ResourceNotFoundError):
        ml.models.create_or_update(absent)


def test_a_folder_is_registered_without_a_run(client, ml, model, tmp_path):
    name = f"folder-{uuid.uuid4().hex[:6]}"
    mlflow.sklearn.save_model(model, tmp_path / "regressor", pip_requirements=["scikit-learn"])
    version = mlflow.register_model((tmp_path / "regressor").as_uri(), name)
    assert version.version == "1" and not version.run_id
    assert mlflow.sklearn.load_model(f"models:/{name}/1").predict([[5.0]])[0] == pytest.approx(10)
    assert ml.models.get(name, "1").type == "mlflow_model"


@pytest.fixture
def registered(experiment, model, client):
    """The name of a model with two versions."""
    name = f"staged-{uuid.uuid4().hex[:6]}"
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(model, "model", pip_requirements=["scikit-learn"])
    for _ in range(2):
        mlflow.register_model(info.model_uri, name)
    return name


@pytest.mark.filterwarnings("ignore:.*[Mm]odel registry stages:FutureWarning")
def test_versions_are_described_staged_and_deleted(registered, client, ml):
    name = registered
    client.update_model_version(name, "1", description="The first that was good enough")
    client.set_model_version_tag(name, "1", "airport", "EWR")
    found = client.get_model_version(name, "1")
    assert (found.description, found.tags) == ("The first that was good enough", {"airport": "EWR"})
    assert ml.models.get(name, "1").tags == {"airport": "EWR"}
    client.delete_model_version_tag(name, "1", "airport")
    assert client.get_model_version(name, "1").tags == {}

    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert [one.version for one in client.get_latest_versions(name, ["Production"])] == ["2"]
    assert mlflow.pyfunc.load_model(f"models:/{name}/Production").predict([[5.0]])[0] == pytest.approx(10)
    with pytest.raises(MlflowException, match="Invalid Model Version stage"):
        client.transition_model_version_stage(name, "2", "Anywhere")

    client.delete_model_version(name, "2")
    assert [one.version for one in client.search_model_versions(f"name = '{name}'")] == ["1"]
    with pytest.raises(MlflowException, match=r"version=2\) not found"):
        client.get_model_version(name, "2")
    client.update_registered_model(name, description="All of them")
    client.set_registered_model_tag(name, "team", "tern")
    found = client.get_registered_model(name)
    assert (found.description, found.tags) == ("All of them", {"team": "tern"})
    assert [one.name for one in client.search_registered_models(f"name = '{name}'")] == [name]


def test_what_azure_refuses_of_models_is_refused(registered, client):
    with pytest.raises(MlflowException, match="does not rename models"):
        client.rename_registered_model(registered, "other")
    with pytest.raises(MlflowException, match="Delete its versions"):
        client.delete_registered_model(registered)
    with pytest.raises(MlflowException, match="LIKE"):
        client.search_registered_models("name LIKE 'a%'")
    with pytest.raises(MlflowException, match="already exists"):
        client.create_registered_model(registered)
    with pytest.raises(MlflowException, match="Invalid model name"):
        client.create_registered_model("no/slashes")
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model("nobody")


def test_what_is_no_model_is_not_registered(experiment, client):
    name = f"nothing-{uuid.uuid4().hex[:6]}"
    with mlflow.start_run() as run:
        mlflow.log_text("x", "text/note.txt")
    with pytest.raises(MlflowException, match="MLmodel"):
        mlflow.register_model(f"runs:/{run.info.run_id}/text", name)
    with pytest.raises(MlflowException):
        mlflow.register_model(f"runs:/{run.info.run_id}/absent", name)
    with pytest.raises(MlflowException, match="does not register models from"):
        client.create_model_version(name, "https://example.org/model")
    assert client.search_model_versions(f"name = '{name}'") == []


def test_autologging_records_a_fit(experiment):
    mlflow.sklearn.autolog(silent=True)
    try:
        with mlflow.start_run() as run:
            LogisticRegression(C=0.5).fit(X, np.array([0, 0, 1, 1]))
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5"
    assert found.data.metrics["training_accuracy_score"] == 1.0
    assert found.data.tags["estimator_name"] == "LogisticRegression"
    assert found.inputs.dataset_inputs
    loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert loaded.predict(X).tolist() == [0, 0, 1, 1]


# Restart, concurrency, other processes


def test_runs_survive_a_killed_server(experiment, client, server_home):
    with mlflow.start_run() as run:
        mlflow.log_metric("before", 1)
        mlflow.log_text("kept", "note.txt")
        pid = json.loads((server_home / "server.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
        os.environ.update(local_azure.environment())
        mlflow.log_metric("after", 2)
    found = mlflow.get_run(run.info.run_id)
    assert found.data.metrics == {"before": 1.0, "after": 2.0}
    assert found.info.status == "FINISHED"
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt") == "kept"


SCRIPT = """
import mlflow, sys
mlflow.set_experiment(sys.argv[1])
with mlflow.start_run(run_name=sys.argv[2]) as run:
    for step in range(10):
        mlflow.log_metric("m", step, step=step)
    mlflow.log_text("from " + sys.argv[2], "note.txt")
    client = mlflow.MlflowClient()
    for step in range(10):
        client.log_metric(sys.argv[3], sys.argv[2], step, step=step)
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/note.txt") == "from " + sys.argv[2]
"""


def test_two_processes_log_at_once_and_nothing_is_said_that_is_not_needed(client, uri):
    name = f"together-{uuid.uuid4().hex[:6]}"
    made = client.create_experiment(name)
    shared = client.create_run(made, run_name="shared").info.run_id
    environment = {key: value for key, value in os.environ.items() if key != "AZUREML_CURRENT_CLOUD"}
    environment["MLFLOW_TRACKING_URI"] = uri

    def process(number):
        command = [sys.executable, "-c", SCRIPT, name, f"process-{number}", shared]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)

    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(process, range(2)))
    for one in ended:
        assert one.returncode == 0, one.stderr
        assert one.stderr == ""
        assert all("View" in line for line in one.stdout.splitlines()), one.stdout
    runs = client.search_runs([made], "attributes.run_name LIKE 'process-%'")
    assert [run.data.metrics["m"] for run in runs] == [9.0, 9.0]
    assert client.get_run(shared).data.metrics == {"process-0": 9.0, "process-1": 9.0}


def test_threads_of_one_process_log_at_once(experiment, client):
    run = client.create_run(experiment).info.run_id
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda step: client.log_metric(run, "m", step, step=step), range(80)))
    assert sorted(point.step for point in client.get_metric_history(run, "m")) == list(range(80))


# Jobs


def test_a_jobs_run_is_made_taken_up_and_ended(tmp_path):
    state = SimpleNamespace(home=tmp_path)
    workspace = "/subscriptions/S/resourceGroups/G/providers/P/workspaces/W"
    ours.create_run_for_job(state, workspace, "delays", "calm_fig_1", "Train", {"team": "tern"})
    ours.create_run_for_job(state, workspace, "delays", "calm_fig_1", "Train", {"team": "tern"})  # asked again
    store = ours.store(state)
    made = store.run(workspace, "calm_fig_1")
    assert (made["status"], made["name"], made["tags"]["team"]) == ("SCHEDULED", "Train", "tern")
    store.log(workspace.upper(), "calm_fig_1", [("rmse", 2.0, 10, 0), ("rmse", 1.5, 20, 1)])
    assert store.run(workspace, "calm_fig_1")["status"] == "RUNNING"
    assert ours.metrics(state, "calm_fig_1") == {"rmse": [(0, 10, 2.0), (1, 20, 1.5)]}
    assert ours.metrics(state, "nobody") == {}
    ours.finish_run(state, "calm_fig_1", "FINISHED", workspace)
    ended = store.run(workspace, "calm_fig_1")
    assert ended["status"] == "FINISHED" and ended["ended"] >= ended["started"]
    store.close()


# What is refused


def test_what_azures_tracking_server_does_not_have_is_refused_as_there(rest):
    logged = rest("POST", "logged-models", {"experiment_id": "0"})
    assert logged.status_code == 404 and "mlflow<3" in logged.text
    assert rest("POST", "traces", {}, prefix="/api/3.0/mlflow/").status_code == 403
    assert rest("POST", "registered-models/alias", {}).status_code == 404
    with pytest.raises(ValueError):
        logged.json()  # a JSON body would be read as an error of MLflow itself


def test_both_versions_of_the_address_answer(rest):
    for version in ("v1.0", "v2.0"):
        assert rest("GET", "experiments/get", {"experiment_id": "0"}, version=version).status_code == 200


def test_a_token_and_a_workspace_are_needed(rest, workspace_id):
    none = rest("GET", "experiments/get", {"experiment_id": "0"}, headers={})
    assert (none.status_code, none.json()["error_code"]) == (401, "UNAUTHENTICATED")
    wrong = rest("GET", "experiments/get", {"experiment_id": "0"}, headers={"Authorization": "Bearer a.b.c"})
    assert wrong.status_code == 401
    elsewhere = rest("GET", "experiments/get", {"experiment_id": "0"}, where=f"{workspace_id}x")
    assert (elsewhere.status_code, elsewhere.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    lower = rest("GET", "experiments/get", {"experiment_id": "0"}, where=workspace_id.lower())
    assert lower.status_code == 200


JUNK = (
    {}, {"run_id": 7}, {"run_id": "x", "key": [], "value": {}}, {"name": None}, {"name": {"a": 1}}, {"tags": "x"},
    {"name": "n", "tags": [1]}, {"metrics": [{"key": "a", "value": "NaNa"}], "run_id": "x"}, {"experiment_id": [1]},
    {"max_results": "many"}, {"max_results": -1}, {"max_results": 1e400}, {"page_token": 5}, {"order_by": [5]},
    {"filter": 5}, {"filter": "'" * 40}, {"experiment_ids": [5]}, {"datasets": [{"dataset": 5}], "run_id": "x"},
    {"paths": 5}, {"run_id": "x", "model_json": "{"}, {"run_id": "x", "status": "DONE"}, {"stages": [5], "name": "n"},
    {"name": "n", "source": "azureml://x", "run_id": "r"}, {"name": "n", "version": []}, {"run_view_type": []},
    {"run_id": "x", "start_time": 10**30}, {"run_id": "x", "end_time": "soon"}, b"", b"{", b"[]", b"\xff\xfe",
    b'{"a": NaN}',
)  # fmt: skip


def test_no_request_breaks_the_server(rest):
    calls = [(method, path) for method, group in ours.CALLS.items() for path in group]
    seen = set()
    for method, path in calls:
        for body in JUNK:
            if method == "GET" and isinstance(body, bytes):
                continue
            body = json.dumps(body).encode() if isinstance(body, dict) and method != "GET" else body
            answer = rest(method, path, body)
            assert answer.status_code < 500, (method, path, body, answer.text)
            assert isinstance(answer.json(), dict)
            if answer.status_code != 200:
                assert set(answer.json()) == {"error_code", "message"}
            seen.add(answer.status_code)
    assert seen >= {200, 400, 404}
