"""Runs that MLflow begins, in a notebook or in a job's script, seen by azure-ai-ml beside the jobs."""

import time

import mlflow
import pytest
from azure.core.exceptions import ResourceNotFoundError

from local_azure.services.machine_learning.tracking.store import Tracking

pytest_plugins = ["ml_workspace"]

NESTED = """
import mlflow
with mlflow.start_run():
    for number in range(12):
        with mlflow.start_run(run_name=f"fold {number}", nested=True):
            mlflow.log_metric("loss", number)
"""


@pytest.fixture(scope="module")
def client(workspace):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(workspace.ml.workspaces.get(workspace.ml.workspace_name).mlflow_tracking_uri)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_a_notebooks_run_is_among_the_jobs(workspace, client):
    mlflow.set_experiment("by hand")
    with mlflow.start_run(run_name="first try", description="with all stations", tags={"client": "tern"}) as begun:
        assert workspace.ml.jobs.get(begun.info.run_id).status == "Running"
        mlflow.log_metric("auc", 0.7)
    job = workspace.ml.jobs.get(begun.info.run_id)
    assert (job.name, job.display_name, job.status) == (begun.info.run_id, "first try", "Completed")
    assert (job.experiment_name, job.description, job.tags["client"]) == ("by hand", "with all stations", "tern")
    assert job.creation_context.created_at
    assert job.name in [one.name for one in workspace.ml.jobs.list()]


def test_how_a_run_ended(workspace, client):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as failed:
        1 / 0  # noqa: B018
    killed = client.create_run("0").info.run_id
    client.set_terminated(killed, "KILLED")
    assert workspace.ml.jobs.get(failed.info.run_id).status == "Failed"
    assert workspace.ml.jobs.get(killed).status == "Canceled"


def test_runs_within_runs_are_children_and_not_listed_beside_them(workspace, client):
    with mlflow.start_run() as outer:
        inner = []
        for number in range(3):
            with mlflow.start_run(run_name=f"inner {number}", nested=True) as one:
                inner.append(one.info.run_id)
    children = list(workspace.ml.jobs.list(parent_job_name=outer.info.run_id))
    assert [one.display_name for one in children] == ["inner 0", "inner 1", "inner 2"]
    names = [one.name for one in workspace.ml.jobs.list()]
    assert outer.info.run_id in names and not set(inner) & set(names)


def test_what_a_jobs_script_begins_are_the_jobs_children(workspace, client, tmp_path):
    from azure.ai.ml import command

    (tmp_path / "nested.py").write_text(NESTED)
    job = command(
        code=str(tmp_path), command="python nested.py",
        environment="azureml://registries/azureml/environments/sklearn-1.5/versions/1",
    )  # fmt: skip
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed", workspace.log(name)
    children = list(workspace.ml.jobs.list(parent_job_name=name))
    assert [one.display_name for one in children] == [f"fold {number}" for number in range(12)]
    assert {one.status for one in children} == {"Completed"}
    listed = [one.name for one in workspace.ml.jobs.list()]
    assert listed.count(name) == 1 and not {one.name for one in children} & set(listed)


def test_a_jobs_own_run_is_not_listed_twice(workspace, client):
    workspace.put_job("once", command="true")
    workspace.wait("once")
    assert [one.name for one in workspace.ml.jobs.list()].count("once") == 1
    assert list(workspace.ml.jobs.list(parent_job_name="once")) == []


def test_a_deleted_job_does_not_come_back_as_a_run(workspace, client):
    workspace.put_job("goes", command="true")
    workspace.wait("goes")
    workspace.ml.jobs.begin_delete("goes")
    assert "goes" not in [one.name for one in workspace.ml.jobs.list()]
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.jobs.get("goes")


def test_a_run_is_archived_restored_and_deleted_like_a_job(workspace, client):
    run = client.create_run("0", run_name="old").info.run_id
    client.set_terminated(run)
    workspace.ml.jobs.archive(run)
    assert run not in [one.name for one in workspace.ml.jobs.list()]
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    workspace.ml.jobs.restore(run)
    assert client.get_run(run).info.lifecycle_stage == "active"
    job = workspace.ml.jobs.get(run)
    job.display_name = "new"
    workspace.ml.jobs.create_or_update(job)
    assert client.get_run(run).info.run_name == "new"
    assert workspace.http("DELETE", f"/jobs/{run}").status_code == 200
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.jobs.get(run)


def test_a_run_is_cancelled_and_its_files_are_downloaded(workspace, client, tmp_path):
    run = client.create_run("0").info.run_id
    client.log_text(run, "kept", "notes/a.txt")
    workspace.ml.jobs.begin_cancel(run)
    assert client.get_run(run).info.status == "KILLED"
    workspace.ml.jobs.download(run, download_path=tmp_path, all=True)
    assert [path.read_text() for path in tmp_path.rglob("a.txt")] == ["kept"]


def test_a_long_list_is_quick(workspace, client, server_home):
    """2,000 runs that MLflow has begun, half of them within others: a page of a list takes no longer for it."""
    tracking = Tracking(server_home / "mlflow.sqlite3")
    experiment = tracking.named_experiment(workspace.path, "many", create=True)
    with tracking._change():
        for number in range(1000):
            outer = tracking.create_run(workspace.path, experiment, name=f"outer {number}")["id"]
            tracking.create_run(workspace.path, experiment, tags={"mlflow.parentRunId": outer}.items())
    tracking.close()
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        answer = workspace.http("GET", "/jobs")
        times.append(time.perf_counter() - begun)
    assert len(answer.json()["value"]) == 100 and "nextLink" in answer.json()
    usual = []
    for _ in range(7):
        begun = time.perf_counter()
        workspace.http("GET", "/computes")
        usual.append(time.perf_counter() - begun)
    assert sorted(times)[3] < max(0.15, 10 * sorted(usual)[3]), (times, usual)
    assert len({one.name for one in workspace.ml.jobs.list()}) >= 1000
