"""Command jobs of Azure Machine Learning, through the real MLClient and, for errors, by plain requests."""

import contextlib
import io
import json
import os
import sys
import time
from datetime import datetime

import psutil
import pytest

from local_azure import identity
from local_azure.errors import AzureError
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"

TRAIN = """
import argparse, json, os, pathlib
arguments = argparse.ArgumentParser()
arguments.add_argument("--data")
arguments.add_argument("--rate", type=float)
arguments.add_argument("--model")
given = arguments.parse_args()
rows = pathlib.Path(given.data).read_text().splitlines()[1:]
print("rows", len(rows), "rate", given.rate, flush=True)
pathlib.Path(given.model, "model.json").write_text(json.dumps({"mean": sum(map(float, rows)) / len(rows)}))
pathlib.Path("outputs/report.txt").write_text("fine")
pathlib.Path(given.data).write_text("spoilt")
"""


@pytest.fixture(scope="module")
def trained(workspace, tmp_path_factory):
    """A job as in tutorials, with code, a data asset, a number and an output: (name, what stream printed)."""
    from azure.ai.ml import Input, Output, command
    from azure.ai.ml.constants import AssetTypes
    from azure.ai.ml.entities import Data, Environment

    folder = tmp_path_factory.mktemp("project")
    (folder / "src").mkdir()
    (folder / "src" / "train.py").write_text(TRAIN)
    (folder / "data.csv").write_text("x\n1\n2\n6\n")
    data = Data(name="numbers", version="1", type=AssetTypes.URI_FILE, path=str(folder / "data.csv"))
    workspace.ml.data.create_or_update(data)
    environment = Environment(
        name="plain", version="1", image="mcr.microsoft.com/azureml/base", conda_file={"name": "x"}
    )
    workspace.ml.environments.create_or_update(environment)
    job = command(
        code=str(folder / "src"),
        command="python train.py --data ${{inputs.data}} --rate ${{inputs.rate}} --model ${{outputs.model}}",
        inputs={"data": Input(type=AssetTypes.URI_FILE, path="azureml:numbers:1"), "rate": 0.5},
        outputs={"model": Output(type=AssetTypes.URI_FOLDER)},
        environment="azureml:plain:1",
        compute="cpu-cluster",
        experiment_name="means",
        display_name="first mean",
        tags={"client": "tern"},
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        name = workspace.ml.jobs.create_or_update(job).name
        workspace.ml.jobs.stream(name)
    return name, printed.getvalue()


def submit(workspace, **given):
    from azure.ai.ml import command

    return workspace.ml.jobs.create_or_update(command(environment=ENVIRONMENT, **given)).name


# A job from end to end


def test_a_job_completes_and_its_log_is_streamed(workspace, trained):
    name, printed = trained
    job = workspace.ml.jobs.get(name)
    assert job.status == "Completed"
    assert (job.display_name, job.experiment_name, job.compute) == ("first mean", "means", "cpu-cluster")
    assert "rows 3 rate 0.5" in printed
    assert printed.count("Streaming user_logs/std_log.txt") == 1


def test_a_jobs_outputs_and_artifacts_are_downloaded(workspace, trained, tmp_path):
    workspace.ml.jobs.download(trained[0], download_path=tmp_path, all=True)
    model = tmp_path / "named-outputs" / "model" / "model.json"
    assert json.loads(model.read_text()) == {"mean": 3.0}
    assert (tmp_path / "artifacts" / "outputs" / "report.txt").read_text() == "fine"
    assert "rows 3" in (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text()


def test_one_named_output_is_downloaded(workspace, trained, tmp_path):
    workspace.ml.jobs.download(trained[0], download_path=tmp_path, output_name="model")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["model.json"]


def test_a_script_cannot_spoil_the_asset_that_it_was_given(workspace, trained, tmp_path):
    from azure.ai.ml import Input

    name = submit(
        workspace, command="cat ${{inputs.data}}", inputs={"data": Input(path="azureml:numbers:1", type="uri_file")}
    )
    workspace.wait(name)
    assert "6" in workspace.log(name)


def test_an_output_is_the_input_of_another_job(workspace, trained):
    from azure.ai.ml import Input

    model = Input(type="uri_folder", path=f"azureml://jobs/{trained[0]}/outputs/model")
    name = submit(workspace, command="cat ${{inputs.model}}/model.json", inputs={"model": model})
    assert workspace.wait(name)["status"] == "Completed"
    assert json.loads(workspace.log(name)) == {"mean": 3.0}


def test_run_history_knows_from_which_data_a_run_was_made(workspace, trained):
    run = workspace.run_record(trained[0])
    assert run.inputs["data"]["assetId"].endswith("/data/numbers/versions/1")
    assert run.outputs["model"]["type"] == "uri_folder"
    assert run.startTimeUtc < run.endTimeUtc


def test_a_log_says_that_no_image_was_built_and_which_python_ran(workspace, trained):
    text = workspace.log(trained[0], "azureml-logs/20_image_build_log.txt")
    assert "builds no image" in text and "mcr.microsoft.com/azureml/base" in text
    assert sys.version.split()[0] in text


def test_a_folder_of_ones_own_is_uploaded(workspace, tmp_path):
    from azure.ai.ml import Input

    (tmp_path / "parcels").mkdir()
    (tmp_path / "parcels" / "a.txt").write_text("late")
    folder = Input(type="uri_folder", path=str(tmp_path / "parcels"))
    name = submit(workspace, command="cat ${{inputs.folder}}/a.txt", inputs={"folder": folder})
    assert workspace.wait(name)["status"] == "Completed"
    assert workspace.log(name) == "late"


# The process of a job


def test_a_script_finds_the_variables_that_azure_sets(workspace):
    names = [
        "AZUREML_RUN_ID",
        "AZUREML_ROOT_RUN_ID",
        "MLFLOW_RUN_ID",
        "AZUREML_ARM_WORKSPACE_NAME",
        "MODE",
        "MLFLOW_TRACKING_URI",
    ]
    script = f"import json, os; print(json.dumps([os.environ[name] for name in {names}]))"
    workspace.put_job("variables", command=f'python -c "{script}"', environmentVariables={"MODE": "test"})
    assert workspace.wait("variables")["status"] == "Completed", workspace.log("variables")
    tracking = workspace.http("GET", "").json()["properties"]["mlFlowTrackingUri"]
    expected = ["variables", "variables", "variables", os.environ["AZUREML_WORKSPACE_NAME"], "test", tracking]
    assert json.loads(workspace.log("variables")) == expected


def test_a_jobs_token_outlasts_the_job(workspace):
    """The usual token is good for an hour. A job may run for longer, and a laptop sleep meanwhile."""
    workspace.put_job("long", command="echo $MLFLOW_TRACKING_TOKEN; test $MLFLOW_TRACKING_TOKEN = $AZUREML_RUN_TOKEN")
    assert workspace.wait("long")["status"] == "Completed", workspace.log("long")
    secret, in_a_week = load_secrets()["signing"], time.time() + 7 * 86400
    token = workspace.log("long").strip()
    assert identity.verify(token, secret, ["https://ml.azure.com"], in_a_week)["exp"] > in_a_week
    usual, _ = identity.issue("https://ml.azure.com", secret)
    with pytest.raises(AzureError, match="expired"):
        identity.verify(usual, secret, ["https://ml.azure.com"], in_a_week)


def test_the_mlflow_run_of_a_job_runs_as_soon_as_the_job_does(workspace):
    """Also where the script logs nothing at all."""

    def mlflow_status(name):
        path = f"https://local.api.azureml.ms/mlflow/v1.0{workspace.path}/api/2.0/mlflow/runs/get?run_id={name}"
        return workspace.http("GET", path).json()["run"]["info"]["status"]

    workspace.put_job("silent", command="while [ ! -e outputs/stop ]; do sleep 0.05; done")
    workspace.wait("silent", "Running")
    assert mlflow_status("silent") == "RUNNING"
    workspace.http("POST", "/jobs/silent/cancel")
    assert workspace.wait("silent")["status"] == "Canceled" and mlflow_status("silent") == "KILLED"


def test_a_script_can_itself_call_azure(workspace):
    script = (
        "import azure.identity as i, requests as r; t = i.DefaultAzureCredential().get_token('https://management.azure.com/.default');"
        f"print(r.get('https://management.azure.com{workspace.path}?api-version=2024-10-01', "
        "headers=dict(Authorization='Bearer ' + t.token)).json()['name'])"
    )
    workspace.put_job("caller", command=f'python -c "{script}"')
    assert workspace.wait("caller")["status"] == "Completed", workspace.log("caller")
    assert workspace.log("caller").strip() == os.environ["AZUREML_WORKSPACE_NAME"]


def test_jobs_work_in_folders_of_their_own(workspace):
    workspace.put_job("one", command="pwd; echo one > here.txt; ls")
    workspace.put_job("two", command="pwd; echo two > here.txt; ls")
    workspace.wait("one"), workspace.wait("two")
    first, second = workspace.log("one").split(), workspace.log("two").split()
    assert first[0] != second[0] and first[1:] == second[1:] == ["here.txt", "logs", "outputs"]
    assert not os.path.exists(first[0])


def test_what_an_optional_input_needs_is_left_out_with_it(workspace):
    command = "echo start $[[--rate ${{inputs.rate}}]] $[[--data ${{inputs.data}}]] end"
    workspace.put_job("optional", command=command, inputs={"rate": {"jobInputType": "literal", "value": "3"}})
    workspace.wait("optional")
    assert workspace.log("optional").split() == ["start", "--rate", "3", "end"]


def test_a_log_grows_while_the_script_runs(workspace):
    workspace.put_job("slow", command="echo begun; sleep 30")
    workspace.wait("slow", "Running")
    until = time.monotonic() + 240
    while not workspace.log("slow") and time.monotonic() < until:
        time.sleep(0.05)
    assert workspace.log("slow") == "begun\n"
    assert workspace.job("slow")["status"] == "Running"
    assert workspace.http("POST", "/jobs/slow/cancel").status_code == 200


def test_a_cluster_runs_as_many_jobs_at_once_as_it_has_nodes(workspace, tmp_path):
    compute = f"{workspace.path}/computes/cpu-cluster"
    wait = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    for number in range(3):
        workspace.put_job(f"line-{number}", command=wait, computeId=compute)
    workspace.wait("line-0", "Running")
    workspace.wait("line-1", "Running")
    assert workspace.job("line-2")["status"] == "Queued"
    (tmp_path / "go").touch()
    runs = [workspace.wait(f"line-{number}") and workspace.run_record(f"line-{number}") for number in range(3)]
    first_end = min(run.endTimeUtc for run in runs[:2])
    assert runs[2].startTimeUtc >= first_end
    assert runs[1].startTimeUtc < runs[0].endTimeUtc


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_a_job_knows_nothing_of_the_shell_that_started_the_server(workspace, monkeypatch):
    """As a node of Azure: what a learner set at home, or a notebook for itself, is not there."""
    strange = {"MLFLOW_EXPERIMENT_ID": "7", "MPLBACKEND": "module://ipykernel", "AZURE_CLIENT_SECRET": "s", "MINE": "1"}
    with monkeypatch.context() as patch:
        for name, value in strange.items():
            patch.setenv(name, value)
        workspace.restart()
    workspace.put_job("alone", command="env", environmentVariables={"ASKED": "yes"})
    assert workspace.wait("alone")["status"] == "Completed"
    seen = dict(line.split("=", 1) for line in workspace.log("alone").splitlines() if "=" in line)
    assert seen["ASKED"] == "yes" and seen["MLFLOW_RUN_ID"] == "alone"
    assert not set(strange) & set(seen)


# How jobs fail


def test_a_failing_script_leaves_its_traceback_and_raises_in_stream(workspace, capsys):
    from azure.ai.ml.exceptions import JobException

    name = submit(workspace, command="python -c \"print('before'); {}['delay']\"")
    with pytest.raises(JobException, match=r"UserError[\s\S]*status code 1[\s\S]*KeyError: 'delay'"):
        workspace.ml.jobs.stream(name)
    assert "KeyError: 'delay'" in capsys.readouterr().out
    assert workspace.ml.jobs.get(name).status == "Failed"
    assert workspace.run_record(name).error["error"]["code"] == "UserError"


def test_a_missing_module_leads_to_the_log_that_says_what_was_not_built(workspace):
    workspace.put_job("lacks", command="python -c 'import tern_private'")
    assert workspace.wait("lacks")["status"] == "Failed"
    said = workspace.run_record("lacks").error["error"]["message"]
    assert "No module named 'tern_private'" in said and "azureml-logs/20_image_build_log.txt" in said
    assert "builds no image" in workspace.log("lacks", "azureml-logs/20_image_build_log.txt")


def test_a_job_is_canceled_at_its_time_limit(workspace, capsys):
    name = submit(workspace, command="sleep 60", timeout=1)
    workspace.ml.jobs.stream(name)
    assert workspace.ml.jobs.get(name).status == "Canceled"
    assert "longer than its limit of 1 seconds" in capsys.readouterr().out


def test_cancel_ends_every_process_of_a_job(workspace):
    command = (
        "python -c 'import time; time.sleep(300)' & setsid python -c 'import time; time.sleep(301)' & echo up; wait"
    )
    workspace.put_job("family", command=command)
    workspace.wait("family", "Running")
    until = time.monotonic() + 240
    while len(sleepers := processes_of("family")) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(sleepers) >= 3
    workspace.ml.jobs.begin_cancel("family").result()
    assert workspace.job("family")["status"] == "Canceled"
    assert processes_of("family") == []


def processes_of(name):
    """The processes that have this job's run id in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("AZUREML_RUN_ID") == name and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_a_job_that_has_ended_cannot_be_canceled(workspace, trained):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="terminal state Completed"):
        workspace.ml.jobs.begin_cancel(trained[0]).result()


# What can be done with a job


def test_archived_jobs_are_not_listed(workspace, trained):
    jobs = workspace.ml.jobs
    jobs.archive(trained[0])
    assert trained[0] not in [job.name for job in jobs.list()]
    assert trained[0] in [job.name for job in jobs.list(list_view_type="ArchivedOnly")]
    jobs.restore(trained[0])
    assert trained[0] in [job.name for job in jobs.list()]


def test_names_and_tags_can_change(workspace, trained):
    job = workspace.ml.jobs.update(trained[0], display_name="second mean", tags={"checked": "yes"})
    assert (job.display_name, job.tags) == ("second mean", {"client": "tern", "checked": "yes"})
    job.tags["by"] = "us"
    changed = workspace.ml.jobs.create_or_update(job)
    assert changed.tags == {"client": "tern", "checked": "yes", "by": "us"}


def test_jobs_are_listed_newest_first_in_pages(workspace, trained):
    workspace.put_job("later", command="true")
    workspace.wait("later")
    names = [job.name for job in workspace.ml.jobs.list()]
    assert names.index("later") < names.index(trained[0])
    first = workspace.http("GET", "/jobs").json()
    assert [job["name"] for job in first["value"]] == names[: len(first["value"])]


def test_a_job_has_no_interactive_services(workspace, trained):
    assert workspace.ml.jobs.show_services(trained[0]) is None
    assert workspace.ml.jobs.get(trained[0]).services["Studio"].endpoint.startswith("https://ml.azure.com/runs/")


def test_a_deleted_job_is_gone_with_its_files(workspace):
    from azure.core.exceptions import ResourceNotFoundError

    workspace.put_job("unwanted", command="true")
    workspace.wait("unwanted")
    assert workspace.folders("dcid.unwanted")
    workspace.ml.jobs.begin_delete("unwanted").result()
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.jobs.get("unwanted")
    assert not workspace.folders("dcid.unwanted")


# What Azure refuses


def refused(workspace, name="refused", status=400, **properties):
    answer = workspace.put_job(name, **properties)
    error = answer.json()["error"]
    assert answer.status_code == status, answer.text
    assert answer.headers["x-ms-error-code"] == error["code"]
    return error


def test_an_unknown_compute_is_refused(workspace):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="Unknown compute target 'gpu-cluster'"):
        submit(workspace, command="true", compute="gpu-cluster")


def test_a_missing_version_of_an_asset_is_refused(workspace, trained):
    from azure.ai.ml import Input
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="numbers"):
        submit(workspace, command="cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path="azureml:numbers:7")})


def test_the_name_of_an_ended_job_cannot_be_used_again(workspace, trained):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="already exists"):
        submit(workspace, name=trained[0], command="true")


@pytest.mark.parametrize("name", ["with blank", "dots.in.it", "-begins", "a" * 256, "é"])
def test_a_bad_name_is_refused(workspace, name):
    assert "job name" in refused(workspace, name, command="true")["message"]


WRONG = {
    "no command": ({}, "command"),
    "blank command": ({"command": "  "}, "command"),
    "unknown input": ({"command": "echo ${{inputs.x}}"}, "command"),
    "unknown type": ({"command": "true", "inputs": {"x": {"jobInputType": "uri_file"}}}, "inputs.x"),
    "inputs a list": ({"command": "true", "inputs": ["x"]}, "inputs"),
    "input a text": ({"command": "true", "inputs": {"x": "y"}}, "inputs.x"),
    "compute a number": ({"command": "true", "computeId": 7}, "computeId"),
    "bad limit": ({"command": "true", "limits": {"jobLimitsType": "Command", "timeout": "soon"}}, "limits.timeout"),
    "two nodes": ({"command": "true", "resources": {"instanceCount": 2}}, "resources.instanceCount"),
    "distributed": ({"command": "true", "distribution": {"distributionType": "PyTorch"}}, "distribution"),
    "interactive": ({"command": "true", "services": {"a": {"jobServiceType": "JupyterLab"}}}, "services"),
    "mail": ({"command": "true", "notificationSetting": {"emails": ["a@b"]}}, "notificationSetting"),
}


@pytest.mark.parametrize("properties, target", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(workspace, properties, target):
    error = refused(workspace, **properties)
    assert error["code"] == "UserError" and error["target"] == target


def test_other_kinds_of_job_are_not_there_yet(workspace):
    assert "Spark" in refused(workspace, status=501, jobType="Spark")["message"]
    assert refused(workspace, jobType=None)["target"] == "jobType"


def test_an_unknown_environment_and_unknown_code_are_refused(workspace):
    missing = f"{workspace.path}/environments/none/versions/1"
    assert "none" in refused(workspace, status=404, command="true", environmentId=missing)["message"]
    missing = f"{workspace.path}/codes/none/versions/1"
    assert "none" in refused(workspace, status=404, command="true", codeId=missing)["message"]


@pytest.mark.parametrize("change", [{"tags": ["a"]}, {"displayName": 7}, {"hidden": "yes"}, {"properties": {"a": []}}])
def test_a_wrong_change_is_refused(workspace, trained, change):
    path = f"https://local.api.azureml.ms/history/v1.0{workspace.path}/experiments/means/runs/{trained[0]}"
    answer = workspace.http("PATCH", path, change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")


def test_names_that_would_leave_a_jobs_folder_are_refused(workspace):
    for name in ("../up", "a/b", "", "a\\b"):
        given = {name: {"jobInputType": "literal", "value": "1"}}
        assert refused(workspace, command="true", inputs=given)["target"] == "inputs"
    up = {"o": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/../../up"}}
    assert refused(workspace, command="true", outputs=up)


def test_a_job_that_is_not_there_is_404(workspace):
    for method, path in (("GET", ""), ("POST", "/cancel"), ("DELETE", "")):
        answer = workspace.http(method, f"/jobs/nobody{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "UserError")


def test_without_a_token_nothing_is_told(workspace):
    import requests

    answer = requests.get(
        f"https://management.azure.com{workspace.path}/jobs?api-version=2024-01-01-preview", timeout=9
    )
    assert answer.status_code == 401


# A crash


def test_after_a_kill_a_job_is_failed_with_its_log_and_its_process_is_gone(workspace):
    workspace.put_job("orphan", command="echo kept; echo part > outputs/part.txt; sleep 300", computeId=None)
    workspace.wait("orphan", "Running")
    until = time.monotonic() + 240
    while not workspace.log("orphan") and time.monotonic() < until:
        time.sleep(0.05)
    assert processes_of("orphan")
    workspace.kill()
    job = workspace.wait("orphan")
    assert job["status"] == "Failed"
    assert processes_of("orphan") == []
    assert workspace.log("orphan") == "kept\n"
    assert "stopped while the job ran" in workspace.run_record("orphan").error["error"]["message"]
    (folder,) = workspace.folders("dcid.orphan")
    assert (folder / "outputs" / "part.txt").read_text() == "part\n"


def test_a_job_does_not_outlive_a_server_that_is_stopped(workspace):
    workspace.put_job("stopped", command="echo kept; sleep 300")
    workspace.wait("stopped", "Running")
    until = time.monotonic() + 240
    while not workspace.log("stopped") and time.monotonic() < until:
        time.sleep(0.05)
    workspace.restart()
    assert workspace.wait("stopped")["status"] == "Failed"
    assert processes_of("stopped") == []
    assert workspace.log("stopped") == "kept\n"


def test_a_job_that_still_waited_runs_after_a_kill(workspace):
    compute = f"{workspace.path}/computes/cpu-cluster"
    for name in ("busy-1", "busy-2"):
        workspace.put_job(name, command="sleep 300", computeId=compute)
        workspace.wait(name, "Running")
    workspace.put_job("patient", command="echo at last", computeId=compute)
    workspace.wait("patient", "Queued")
    workspace.kill()
    assert workspace.wait("patient")["status"] == "Completed"
    assert datetime.fromisoformat(workspace.run_record("patient").createdUtc)
    assert [workspace.wait(name)["status"] for name in ("busy-1", "busy-2")] == ["Failed", "Failed"]
