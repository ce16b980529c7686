"""Azure Machine Learning's upper limits: what is as large as it may be passes, one more is refused in Azure's words."""

import os

import mlflow
import pytest
from azure.ai.ml.entities import BuildContext, Environment, Model
from azure.core.exceptions import HttpResponseError
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from local_azure.services.machine_learning import limits

pytest_plugins = ["ml_workspace"]


@pytest.fixture(scope="module")
def client(workspace):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(workspace.ml.workspaces.get(workspace.ml.workspace_name).mlflow_tracking_uri)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


@pytest.fixture
def run(client):
    return client.create_run("0").info.run_id


def refused(call, field, limit, size):
    with pytest.raises(MlflowException) as error:
        call()
    said = str(error.value)
    assert f"A field of the entity is over the size limit. FieldName={field}, Limit={limit}, Size={size}. See" in said
    assert said.startswith("INVALID_PARAMETER_VALUE: Response: {'Error': {'Code': 'ValidationError'")
    assert error.value.get_http_status_code() == 400


def params(first, count):
    return [Param(f"p{number}", "1") for number in range(first, first + count)]


def points(count, names=1):
    return [Metric(f"m{number % names}", number, 0, number) for number in range(count)]


def tags(first, count):
    return [RunTag(f"t{number}", "1") for number in range(first, first + count)]


# Runs in MLflow


def test_a_run_has_200_parameters_whatever_the_batches(client, run):
    client.log_batch(run, params=params(0, 100))
    client.log_batch(run, params=params(100, 100))
    client.log_batch(run, params=params(0, 100))  # the same once more
    refused(lambda: client.log_param(run, "p200", "1"), "Parameters", 200, 201)
    refused(lambda: client.log_batch(run, params=params(150, 60)), "Parameters", 200, 210)
    assert len(client.get_run(run).data.params) == 200


def test_a_batch_has_250_rows_of_metrics(client, run):
    client.log_batch(run, metrics=points(250))
    refused(lambda: client.log_batch(run, metrics=points(251)), "MetricV2Dto.Value/Count", 250, 251)
    refused(lambda: client.log_batch(run, metrics=points(251, 5)), "MetricV2Dto.Value/Count", 250, 251)
    assert len(client.get_metric_history(run, "m0")) == 250


def test_a_run_has_50_names_of_metrics(client, run):
    client.log_batch(run, metrics=points(50, 50))
    client.log_metric(run, "m7", 1, step=9)
    refused(lambda: client.log_metric(run, "one more", 1), "Metrics", 50, 51)


def test_a_run_has_50_tags_of_ones_own(client, run):
    client.log_batch(run, tags=tags(0, 50))
    client.set_tag(run, "t7", "2")
    client.set_tag(run, "mlflow.note.content", "x" * limits.DESCRIPTION)
    refused(lambda: client.set_tag(run, "t50", "1"), "RunDto.Tags", 50, 51)
    note = "x" * (limits.DESCRIPTION + 1)
    refused(lambda: client.set_tag(run, "mlflow.note.content", note), "RunDto.Description/Length", 5000, 5001)


def test_tags_are_100_and_1000_characters_long(client, run):
    client.set_tag(run, "k" * 100, "v" * 1000)
    refused(lambda: client.set_tag(run, "k" * 101, "v"), "RunDto.Tags.Key/Length", 100, 101)
    refused(lambda: client.set_tag(run, "k", "v" * 1001), "RunDto.Tags.Value/Length", 1000, 1001)


@pytest.mark.parametrize(("kind", "most"), [("params", 100), ("tags", 100), ("metrics", 1000)])
def test_a_batch_has_as_much_as_mlflow_sends(workspace, client, run, kind, most):
    """MLflow's client divides what is more; a program that speaks for itself is refused."""
    entries = [{"key": "k", "value": "1", "timestamp": 0, "step": number} for number in range(most + 1)]
    url = f"https://local.api.azureml.ms/mlflow/v2.0{workspace.path}/api/2.0/mlflow/runs/log-batch"
    answer = workspace.http("POST", url, {"run_id": run, kind: entries})
    assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert f"at most {most} {kind}. Got {most + 1}" in answer.json()["message"]


def test_names_are_256_characters_long(client):
    most = "n" * 256
    made = client.create_experiment(most)
    assert client.get_experiment(made).name == most
    assert client.create_run(made, run_name=most).info.run_name == most
    refused(lambda: client.create_experiment("n" * 257), "ExperimentDto.Name/Length", 256, 257)
    refused(lambda: client.create_run(made, run_name="n" * 257), "RunDto.DisplayName/Length", 256, 257)


def test_an_experiment_has_50_tags(client):
    made = client.create_experiment("tagged", tags={f"t{number}": "1" for number in range(50)})
    client.set_experiment_tag(made, "t1", "v" * 1000)
    refused(lambda: client.set_experiment_tag(made, "t50", "1"), "ExperimentDto.Tags", 50, 51)
    refused(lambda: client.set_experiment_tag(made, "t1", "v" * 1001), "ExperimentDto.Tags.Value/Length", 1000, 1001)


# Jobs

FULL = {
    "displayName": "n" * 256,
    "description": "d" * 5000,
    "experimentName": "e" * 256,
    "tags": {f"{'k' * 98}{number:02d}": "v" * 1000 for number in range(50)},
    "properties": {f"{'k' * 98}{number:02d}": "v" * 1000 for number in range(50)},
    "inputs": {f"i{number}": {"jobInputType": "literal", "value": "1"} for number in range(200)},
    "outputs": {f"o{number}": {"jobOutputType": "uri_folder"} for number in range(20)},
}
TOO_MUCH = [
    ("displayName", "n" * 257, "RunDto.DisplayName/Length"),
    ("description", "d" * 5001, "RunDto.Description/Length"),
    ("experimentName", "e" * 257, "ExperimentName/Length"),
    ("tags", {f"t{number}": "" for number in range(51)}, "RunDto.Tags"),
    ("tags", {"k" * 101: ""}, "RunDto.Tags.Key/Length"),
    ("tags", {"k": "v" * 1001}, "RunDto.Tags.Value/Length"),
    ("properties", {f"t{number}": "" for number in range(51)}, "RunDto.Properties"),
    ("inputs", {f"i{number}": {"jobInputType": "literal", "value": "1"} for number in range(201)}, "RunDto.Inputs"),
    ("outputs", {f"o{number}": {"jobOutputType": "uri_folder"} for number in range(21)}, "RunDto.Outputs"),
]


def test_a_job_as_large_as_it_may_be(workspace):
    answer = workspace.put_job("full", command="true", **FULL)
    assert answer.status_code == 201, answer.text
    assert workspace.wait("full")["status"] == "Completed"


@pytest.mark.parametrize(("name", "value", "field"), TOO_MUCH)
def test_a_job_that_is_too_large_is_refused(workspace, name, value, field):
    answer = workspace.put_job("over", command="true", **{name: value})
    assert answer.status_code == 400, answer.text
    assert f"over the size limit. FieldName={field}, Limit=" in answer.json()["error"]["message"]
    assert workspace.http("GET", "/jobs/over").status_code == 404


def test_tags_that_are_added_later_count_too(workspace):
    workspace.put_job("grows", command="true", tags={f"t{number}": "" for number in range(49)})
    workspace.wait("grows")
    assert workspace.put_job("grows", command="true", tags={"t49": ""}).status_code == 200
    answer = workspace.put_job("grows", command="true", tags={"t50": ""})
    assert answer.status_code == 400 and "FieldName=RunDto.Tags, Limit=50, Size=51" in answer.text


# Assets


def test_a_model_has_1500_files(workspace, tmp_path):
    """Put where they would be uploaded to: an upload of so many files takes a minute."""
    (store,) = workspace.home.glob("storage/*/azureml-blobstore-*")
    folder = store / "models" / "wide"
    folder.mkdir(parents=True)
    for number in range(1500):
        (folder / str(number)).touch()
    path = "azureml://datastores/workspaceblobstore/paths/models/wide"
    assert workspace.ml.models.create_or_update(Model(name="wide", version="1", path=path)).version == "1"
    (folder / "1500").touch()
    with pytest.raises(HttpResponseError, match=r"ModelVersion\.Artifacts, Limit=1500, Size=1501"):
        workspace.ml.models.create_or_update(Model(name="wide", version="2", path=path))


@pytest.mark.parametrize(("files", "size", "field"), [(99, 0, None), (100, 0, "Files"), (1, 2**20, "/Bytes")])
def test_a_build_context_has_100_files_and_a_megabyte(workspace, tmp_path, files, size, field):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    for number in range(files):
        (tmp_path / str(number)).write_bytes(b"x" * size)
    environment = Environment(name=f"built-{files}-{size}", version="1", build=BuildContext(path=os.fspath(tmp_path)))
    if not field:
        assert workspace.ml.environments.create_or_update(environment).version == "1"
        return
    with pytest.raises(HttpResponseError, match=f"BuildContext.?{field}, Limit="):
        workspace.ml.environments.create_or_update(environment)
