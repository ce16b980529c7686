"""Batch endpoints of Azure Machine Learning, through the real MLClient, and called by plain requests."""

import itertools
import json
import time
from types import SimpleNamespace

import pytest
import requests
import test_ml_fuzz as fuzz

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml:scoring:1"
HOST = "https://{}.local.inference.ml.azure.com/jobs"
STORE = "azureml://datastores/workspaceblobstore/paths"
LIST_VERSION = "2020-09-01-dataplanepreview"
SCRIPT = """
import json
import os
import time
from pathlib import Path

def init():
    global slope, output
    if os.environ.get("BROKEN"):
        raise RuntimeError("no such model: " + os.environ["BROKEN"])
    slope = json.loads((Path(os.environ["AZUREML_MODEL_DIR"]) / "weights.json").read_text())["slope"]
    output = Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
    print("init of process", os.getpid(), flush=True)

def run(mini_batch):
    found = []
    for path in mini_batch:
        text = Path(path).read_text().strip()
        marker = output / ("tried-" + Path(path).name)
        if text == "once" and not marker.exists():
            marker.write_text("")
            raise ValueError("the first time is no good")
        if text == "bad":
            raise ValueError("cannot read " + Path(path).name)
        if text == "exit":
            os._exit(7)
        if text == "sleep":
            time.sleep(60)
        if text == "skip":
            continue
        number = 0 if text == "once" else float(text)
        found.append((Path(path).name, slope * number, len(mini_batch)))
    kind = os.environ.get("KIND", "list")
    if kind == "files":
        for name, value, _ in found:
            (output / (name + ".out")).write_text(str(value))
    if kind == "dict":
        return {"found": found}
    if kind == "table":
        import pandas
        return pandas.DataFrame(found, columns=["file", "value", "size of batch"])
    return [f"{name} {value:g} {size}" for name, value, size in found]
"""


@pytest.fixture(autouse=True)
def no_header_kept():
    """azure-ai-ml keeps the name of a deployment in a header that all later calls of the process send."""
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)


@pytest.fixture(scope="module")
def project(workspace, tmp_path_factory):
    """A folder with a script; a model, an environment, an endpoint and a deployment of it in the workspace."""
    from azure.ai.ml.entities import BatchEndpoint, Environment, Model

    folder = tmp_path_factory.mktemp("project")
    (folder / "src").mkdir()
    (folder / "src" / "score.py").write_text(SCRIPT)
    (folder / "weights.json").write_text('{"slope": 3}')
    ml = workspace.ml
    ml.models.create_or_update(Model(name="line", version="1", path=str(folder / "weights.json")))
    ml.environments.create_or_update(Environment(name="scoring", version="1", image="python:3.11"))
    made = BatchEndpoint(name="tern-batch", description="late or not", tags={"client": "tern"})
    ml.batch_endpoints.begin_create_or_update(made).result()
    deploy(workspace, folder, "lines")
    make_default(workspace, "lines")
    return folder


def deployment(folder, name, endpoint="tern-batch", variables=None, **settings):
    from azure.ai.ml.entities import CodeConfiguration, ModelBatchDeployment, ModelBatchDeploymentSettings

    given = {"mini_batch_size": 2, "environment_variables": variables or {}, **settings}
    return ModelBatchDeployment(
        name=name, endpoint_name=endpoint, model="azureml:line:1", environment=ENVIRONMENT, compute="cpu-cluster",
        code_configuration=CodeConfiguration(code=str(folder / "src"), scoring_script="score.py"),
        settings=ModelBatchDeploymentSettings(**given),
    )  # fmt: skip


def deploy(workspace, folder, name, **settings):
    wanted = deployment(folder, name, **settings)
    return workspace.ml.batch_deployments.begin_create_or_update(wanted).result()


def make_default(workspace, name, endpoint="tern-batch"):
    found = workspace.ml.batch_endpoints.get(endpoint)
    found.defaults.deployment_name = name
    return workspace.ml.batch_endpoints.begin_create_or_update(found).result()


def write_files(folder, **contents):
    folder.mkdir(exist_ok=True)
    for name, text in contents.items():
        (folder / f"{name}.txt").write_text(str(text))
    return str(folder)


def invoke(workspace, path, name=None, endpoint="tern-batch", kind="uri_folder", **given):
    from azure.ai.ml import Input

    named = {"deployment_name": name} if name else {}
    return workspace.ml.batch_endpoints.invoke(endpoint, input=Input(type=kind, path=str(path)), **named, **given)


def scored(workspace, job, folder, expected="Completed"):
    """The lines of a job's result after its end, and the job."""
    found = workspace.wait(job.name)
    assert found["status"] == expected, workspace.run_record(job.name).error
    workspace.ml.jobs.download(job.name, output_name="score", download_path=str(folder))
    return (folder / "predictions.csv").read_text().splitlines()


def failure(workspace, job):
    """The message of a job that has failed."""
    assert workspace.wait(job.name)["status"] == "Failed"
    return workspace.run_record(job.name).error["error"]["message"]


def child_of(workspace, job):
    (child,) = workspace.ml.jobs.list(parent_job_name=job.name)
    return child


def parent_log(workspace, job):
    return workspace.log(job.name, "logs/azureml/executionlogs.txt")


# Scoring with a script


def test_files_are_scored_in_mini_batches(workspace, project, tmp_path):
    data = write_files(tmp_path / "data", a=1, b=2, c=3, d=4, e=5)
    job = invoke(workspace, data)
    assert (job.name.startswith("batchjob-"), job.type.endswith("/batchEndpoints/jobs")) == (True, True)
    lines = scored(workspace, job, tmp_path)
    assert lines == ["a.txt 3 2", "b.txt 6 2", "c.txt 9 2", "d.txt 12 2", "e.txt 15 1"]
    assert "Files: 5, mini-batches: 3, processes: 1" in parent_log(workspace, job)
    shown = workspace.ml.jobs.get(job.name)
    assert (shown.type, shown.status, shown.experiment_name) == ("pipeline", "Completed", "tern-batch")
    assert shown.tags["azureml.deploymentname"] == "lines"


def test_the_child_has_the_score_and_the_log(workspace, project, tmp_path):
    job = invoke(workspace, write_files(tmp_path / "data", a=1))
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1"]
    child = child_of(workspace, job)
    assert (child.display_name, child.status) == ("batchscoring", "Completed")
    workspace.ml.jobs.download(child.name, output_name="score", download_path=str(tmp_path))
    assert (tmp_path / "named-outputs" / "score" / "predictions.csv").read_text() == "a.txt 3 1\n"
    assert "init of process" in workspace.log(child.name)
    record = workspace.run_record(child.name)
    assert (record.parentRunId, record.rootRunId) == (job.name, job.name)


def test_a_job_can_be_streamed(workspace, project, tmp_path, capsys):
    job = invoke(workspace, write_files(tmp_path / "data", a=1))
    workspace.ml.jobs.stream(job.name)
    printed = capsys.readouterr().out
    assert "Streaming logs/azureml/executionlogs.txt" in printed
    assert "Files that were scored: 1 of 1" in printed


def test_processes_share_the_work(workspace, project, tmp_path):
    deploy(workspace, project, "shared", mini_batch_size=1, max_concurrency_per_instance=2)
    job = invoke(
        workspace, write_files(tmp_path / "data", **{f"f{number:02}": number for number in range(20)}), "shared"
    )
    lines = scored(workspace, job, tmp_path)
    assert lines == [f"f{number:02}.txt {3 * number} 1" for number in range(20)]
    inits = workspace.log(child_of(workspace, job).name).count("init of process")
    assert inits == 2


def test_a_table_is_written_with_blanks_and_without_names(workspace, project, tmp_path):
    deploy(workspace, project, "table", variables={"KIND": "table"})
    job = invoke(workspace, write_files(tmp_path / "data", a=1, b=2), "table")
    assert scored(workspace, job, tmp_path) == ["a.txt 3.0 2", "b.txt 6.0 2"]


def test_a_script_writes_its_own_files(workspace, project, tmp_path):
    deploy(workspace, project, "own", output_action="summary_only", variables={"KIND": "files"})
    job = invoke(workspace, write_files(tmp_path / "data", a=1, b=2), "own")
    assert workspace.wait(job.name)["status"] == "Completed"
    workspace.ml.jobs.download(job.name, output_name="score", download_path=str(tmp_path / "out"))
    assert {one.name: one.read_text() for one in (tmp_path / "out").iterdir()} == {
        "a.txt.out": "3.0",
        "b.txt.out": "6.0",
    }


def test_folders_in_the_folder_are_not_looked_into(workspace, project, tmp_path):
    data = write_files(tmp_path / "data", a=1)
    write_files(tmp_path / "data" / "more", b=2)
    job = invoke(workspace, data)
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1"]
    assert "not looked into: more" in parent_log(workspace, job)


# What fails


def test_failed_files_are_borne_by_default(workspace, project, tmp_path):
    deploy(workspace, project, "bearing", retry_settings=retries(0), mini_batch_size=1)
    job = invoke(workspace, write_files(tmp_path / "data", a=1, b="bad", c=3), "bearing")
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1", "c.txt 9 1"]
    log = parent_log(workspace, job)
    assert "ValueError: cannot read b.txt" in log
    assert "Files that were scored: 2 of 3" in log
    child = child_of(workspace, job).name
    assert "Traceback" in workspace.log(child, "logs/user/error.txt")


def retries(count, seconds=30):
    from azure.ai.ml.entities import BatchRetrySettings

    return BatchRetrySettings(max_retries=count, timeout=seconds)


@pytest.mark.parametrize(("threshold", "status"), [(2, "Completed"), (1, "Failed"), (0, "Failed")])
def test_the_error_threshold_counts_files(workspace, project, tmp_path, threshold, status):
    name = f"threshold-{threshold}"
    deploy(workspace, project, name, error_threshold=threshold, retry_settings=retries(0))
    job = invoke(workspace, write_files(tmp_path / "data", a="bad", b=2, c=3, d=4), name)
    assert workspace.wait(job.name)["status"] == status
    if status == "Failed":
        message = failure(workspace, job)
        assert f"files that have failed, 2, is above the error threshold {threshold}" in message
        assert "ValueError: cannot read a.txt" in message


def test_results_that_are_missing_count_as_failures(workspace, project, tmp_path):
    deploy(workspace, project, "missing", error_threshold=0, retry_settings=retries(0))
    job = invoke(workspace, write_files(tmp_path / "data", a="skip", b=2), "missing")
    assert "files that have failed, 1, is above" in failure(workspace, job)
    assert "run() returned 1 results for 2 files" in parent_log(workspace, job)


def test_a_mini_batch_is_tried_again(workspace, project, tmp_path):
    deploy(workspace, project, "again", retry_settings=retries(1))
    job = invoke(workspace, write_files(tmp_path / "data", a="once"), "again")
    assert scored(workspace, job, tmp_path) == ["a.txt 0 1"]
    assert "Mini-batch 1, try 1 of 2, has failed" in parent_log(workspace, job)


def test_a_mini_batch_that_takes_too_long(workspace, project, tmp_path):
    deploy(workspace, project, "slow", mini_batch_size=1, retry_settings=retries(0, 1))
    job = invoke(workspace, write_files(tmp_path / "data", a="sleep", b=2), "slow")
    assert scored(workspace, job, tmp_path) == ["b.txt 6 1"]
    assert "Mini-batch 1, try 1 of 1, has failed: run() has not returned within 1 seconds" in parent_log(workspace, job)


def test_a_process_that_ends(workspace, project, tmp_path):
    deploy(workspace, project, "ending", mini_batch_size=1, retry_settings=retries(0))
    job = invoke(workspace, write_files(tmp_path / "data", a="exit", b=2), "ending")
    assert scored(workspace, job, tmp_path) == ["b.txt 6 1"]
    assert "The process has ended with exit code 7" in parent_log(workspace, job)


def test_nothing_scored_is_a_failure(workspace, project, tmp_path):
    deploy(workspace, project, "nothing", retry_settings=retries(0))
    job = invoke(workspace, write_files(tmp_path / "data", a="bad"), "nothing")
    message = failure(workspace, job)
    assert "There is no succeeded mini batch item returned from run()" in message
    assert "ValueError: cannot read a.txt" in parent_log(workspace, job)


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"BROKEN": "late"}, "RuntimeError: no such model: late"), ({"KIND": "dict"}, "it returned dict")],
)
def test_a_script_that_cannot_be_used(workspace, project, tmp_path, variables, said):
    deploy(workspace, project, "unusable", variables=variables, error_threshold=0, retry_settings=retries(0))
    assert said in failure(workspace, invoke(workspace, write_files(tmp_path / "data", a=1), "unusable"))


def test_less_is_logged_when_asked(workspace, project, tmp_path):
    deploy(workspace, project, "quiet", logging_level="warning")
    job = invoke(workspace, write_files(tmp_path / "data", a=1), "quiet")
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1"]
    assert "mini-batches" not in parent_log(workspace, job)


def test_a_job_keeps_what_it_began_with(workspace, project, tmp_path):
    deploy(workspace, project, "changing", variables={"KIND": "table"})
    data = write_files(tmp_path / "data", a=1)
    jobs = [invoke(workspace, data, "changing")]
    deploy(workspace, project, "changing")
    jobs.append(invoke(workspace, data, "changing"))
    workspace.ml.batch_deployments.begin_delete("changing", "tern-batch").result()
    assert [scored(workspace, job, tmp_path / job.name) for job in jobs] == [["a.txt 3.0 1"], ["a.txt 3 1"]]


def test_jobs_on_all_nodes_wait_for_each_other(workspace, project, tmp_path):
    deploy(workspace, project, "wide", instance_count=2, mini_batch_size=1)
    data = write_files(tmp_path / "data", a=1, b=2)
    jobs = [invoke(workspace, data, "wide") for _ in range(3)]
    for job in jobs:
        assert scored(workspace, job, tmp_path / job.name) == ["a.txt 3 1", "b.txt 6 1"]
    records = [workspace.run_record(child_of(workspace, job).name) for job in jobs]
    for before, after in itertools.pairwise(sorted(records, key=lambda record: record.startTimeUtc)):
        assert before.endTimeUtc <= after.startTimeUtc


# The data


def test_data_is_named_in_many_ways(workspace, project, tmp_path):
    from azure.ai.ml.entities import Data

    data = workspace.ml.data.create_or_update(
        Data(name="to-score", version="1", type="uri_folder", path=write_files(tmp_path / "data", a=1))
    )
    store = workspace.ml.datastores.get_default()
    blob = data.path.partition("/paths/")[2].rstrip("/")
    short = f"azureml://datastores/workspaceblobstore/paths/{blob}"
    https = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}/{blob}"
    ways = [data.id, "azureml:to-score:1", "to-score@latest", short, data.path, https]
    jobs = [invoke(workspace, path) for path in ways]
    jobs.append(invoke(workspace, f"{short}/a.txt", kind="uri_file"))
    jobs.append(invoke(workspace, tmp_path / "data" / "a.txt", kind="uri_file"))
    for number, job in enumerate(jobs):
        assert scored(workspace, job, tmp_path / str(number)) == ["a.txt 3 1"]


def test_inputs_by_name(workspace, project, tmp_path):
    from azure.ai.ml import Input

    data = Input(type="uri_folder", path=write_files(tmp_path / "data", a=1))
    job = workspace.ml.batch_endpoints.invoke("tern-batch", inputs={"flights": data})
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1"]
    assert list(workspace.job(job.name)["inputs"]) == ["flights"]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({}, 400, "one input"),
        ({"a": {"jobInputType": "Literal", "value": "x"}}, 400, "literal"),
        ({"a": {"jobInputType": "MLTable", "uri": "azureml:x:1"}}, 400, "UriFolder or UriFile"),
        ({"a": {"jobInputType": "UriFolder"}}, 400, "no uri"),
        ({"a": {"jobInputType": "UriFolder", "uri": "azureml:unknown:1"}}, 404, "unknown"),
        ({"a": {"jobInputType": "UriFolder", "uri": "azureml://datastores/workspaceblobstore/paths/no"}}, 404, "exist"),
        ({"a": {"jobInputType": "UriFolder", "uri": "https://example.org/data"}}, 400, "elsewhere"),
        ({"a": 1}, 400, "must be an object"),
        ({"a": {"jobInputType": 1, "uri": "azureml:x:1"}}, 400, "must be a text"),
        (
            {name: {"jobInputType": "UriFolder", "uri": "azureml:x:1"} for name in "ab"},
            400, "2 were given",
        ),
    ],
)  # fmt: skip
def test_data_that_is_refused(workspace, project, given, status, said):
    answer = call(workspace, {"properties": {"inputData": given}})
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


def call(workspace, body, method="POST", endpoint="tern-batch", token=None, **headers):
    token = token or workspace.credential.get_token("https://ml.azure.com/.default").token
    headers = {"Authorization": f"Bearer {token}", **headers}
    data = body if isinstance(body, str) else json.dumps(body)
    headers["Content-Type"] = "application/json"
    return requests.request(method, HOST.format(endpoint), data=data, headers=headers, timeout=60)


# The call


def test_settings_of_a_call(workspace, project, tmp_path):
    from azure.ai.ml import Output

    data = write_files(tmp_path / "data", a=1, b=2)
    uri = "azureml://datastores/workspaceblobstore/paths/scores/december/late.csv"
    outputs = {"score": Output(type="uri_file", path=uri)}
    asked = [{"mini_batch_size": 1}, {"compute.instance_count": 2}, {"error_threshold": 0}]
    job = invoke(workspace, data, outputs=outputs, params_override=asked, experiment_name="december", job_name="night")
    found = workspace.wait(job.name)
    assert (found["status"], found["experimentName"], found["displayName"]) == ("Completed", "december", "night")
    workspace.ml.jobs.download(job.name, output_name="score", download_path=str(tmp_path))
    assert (tmp_path / "late.csv").read_text() == "a.txt 3 1\nb.txt 6 1\n"
    assert "Files: 2, mini-batches: 2, processes: 2" in parent_log(workspace, job)
    again = invoke(workspace, data, outputs=outputs)
    assert "has a file late.csv already" in failure(workspace, again)


def test_an_output_by_datastore_and_path(workspace, project, tmp_path):
    data = write_files(tmp_path / "data", a=1)
    asked = [
        {"output_dataset.datastore_id": "azureml:workspaceblobstore"}, {"output_dataset.path": "scores/by-path"},
        {"output_file_name": "mine.csv"},
    ]  # fmt: skip
    job = invoke(workspace, data, params_override=asked)
    assert workspace.wait(job.name)["status"] == "Completed"
    workspace.ml.jobs.download(job.name, output_name="score", download_path=str(tmp_path))
    assert (tmp_path / "mine.csv").read_text() == "a.txt 3 1\n"


def test_names_may_begin_with_capitals(workspace, project, tmp_path):
    uri = invoke_folder(workspace, tmp_path)
    given = {"flights": {"JobInputType": "UriFolder", "Uri": uri}}
    answer = call(workspace, {"properties": {"InputData": given}})
    assert answer.status_code == 201, answer.text
    assert workspace.wait(answer.json()["name"])["status"] == "Completed"


def invoke_folder(workspace, tmp_path):
    """The address of data that is in the workspace."""
    job = invoke(workspace, write_files(tmp_path / "data", a=1))
    workspace.wait(job.name)
    return workspace.job(job.name)["inputs"]["UriFolder"]["uri"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"miniBatchSize": 0}, "miniBatchSize"),
        ({"errorThreshold": -2}, "errorThreshold"),
        ({"outputFileName": "../x"}, "outputFileName"),
        ({"retrySettings": {"timeout": "soon"}}, "duration"),
        ({"compute": {"instanceCount": 3}}, "2 nodes at most"),
        ({"compute": {"instanceCount": 0}}, "1 or more"),
        ({"compute": {"target": "nowhere"}}, "Unknown compute target"),
        ({"outputData": {"a": {"jobOutputType": "UriFile", "uri": "https://example.org/x.csv"}}}, "datastore"),
        ({"outputData": {"a": {"jobOutputType": "UriFile", "uri": f"{STORE}/folder/"}}}, "name of a file"),
        ({"outputData": {"a": {"jobOutputType": "UriFolder", "uri": f"{STORE}/{'x' * 300}/"}}}, "at most"),
    ],
)
def test_settings_that_are_refused(workspace, project, tmp_path, given, said):
    data = {"a": {"jobInputType": "UriFolder", "uri": f"azureml:{SOURCE}:1"}}
    ensure_source(workspace, tmp_path)
    answer = call(workspace, {"properties": {"inputData": data, **given}})
    assert (answer.status_code, said in answer.text) == (400, True), answer.text


SOURCE = "source"


def ensure_source(workspace, tmp_path):
    from azure.ai.ml.entities import Data

    if workspace.http("GET", f"/data/{SOURCE}/versions/1").status_code == 404:
        path = write_files(tmp_path / "source", a=1)
        workspace.ml.data.create_or_update(Data(name=SOURCE, version="1", type="uri_folder", path=path))


@pytest.mark.parametrize("body", ["", "[]", "{", '{"properties": 1}', '{"properties": {"inputData": 1}}'])
def test_bodies_that_are_refused(workspace, project, body):
    answer = call(workspace, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_who_may_call(workspace, project):
    body = {"properties": {}}
    wrong = workspace.credential.get_token("https://storage.azure.com/.default").token
    assert call(workspace, body, token=wrong).status_code == 401
    assert requests.post(HOST.format("tern-batch"), json=body, timeout=60).status_code == 401
    assert call(workspace, body, "GET").status_code == 405
    token = workspace.credential.get_token("https://ml.azure.com/.default").token
    path = HOST.format("tern-batch").replace("/jobs", "/score")
    assert requests.post(path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code == 404
    assert call(workspace, body, endpoint="no-such-one").status_code == 404


def test_the_deployment_of_a_call(workspace, project, tmp_path):
    from azure.ai.ml.entities import BatchEndpoint
    from azure.ai.ml.exceptions import ValidationException
    from azure.core.exceptions import ResourceNotFoundError

    workspace.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="no-default")).result()
    data = write_files(tmp_path / "data", a=1)
    with pytest.raises(ValidationException, match="Deployment name lines not found"):
        invoke(workspace, data, "lines", endpoint="no-default")
    deploy(workspace, project, "only", endpoint="no-default")
    with pytest.raises(ResourceNotFoundError, match="no default deployment"):
        invoke(workspace, data, endpoint="no-default")
    with pytest.raises(ValidationException, match="not found"):
        invoke(workspace, data, "other", endpoint="no-default")
    header = {"azureml-model-deployment": "other"}
    assert call(workspace, {"properties": {}}, endpoint="no-default", **header).status_code == 404
    assert scored(workspace, invoke(workspace, data, "only", endpoint="no-default"), tmp_path) == ["a.txt 3 1"]
    workspace.ml.batch_endpoints.begin_delete("no-default").result()
    assert call(workspace, {"properties": {}}, endpoint="no-default").status_code == 404


def test_the_jobs_of_an_endpoint(workspace, project, tmp_path):
    deploy(workspace, project, "counted")
    data = write_files(tmp_path / "data", a=1)
    job = invoke(workspace, data, "counted")
    workspace.wait(job.name)
    found = workspace.ml.batch_deployments.list_jobs("tern-batch", name="counted")
    assert [(one.name, one.status) for one in found] == [(job.name, "Completed")]
    listed = workspace.ml.batch_endpoints.list_jobs("tern-batch")
    assert listed[0].name == job.name
    assert all(one.type.endswith("batchEndpoints/deployments/jobs") for one in listed)
    assert job.name in [one.name for one in workspace.ml.jobs.list()]
    path = f"https://local.api.azureml.ms/mferp/managementfrontend{workspace.path}/batchEndpoints"
    assert workspace.http("GET", f"{path}/none/jobs?api-version={LIST_VERSION}").status_code == 404
    assert workspace.http("GET", f"{path}/tern-batch/jobs?api-version=1").status_code == 400
    workspace.ml.batch_deployments.begin_delete("counted", "tern-batch").result()
    assert job.name in [one.name for one in workspace.ml.batch_endpoints.list_jobs("tern-batch")]


# Canceled, killed


def sleeping(workspace, project, tmp_path):
    """A job in the midst of a mini-batch."""
    deploy(workspace, project, "sleeper", retry_settings=retries(0, 60))
    job = invoke(workspace, write_files(tmp_path / "data", a="sleep"), "sleeper")
    until = time.monotonic() + 240
    while time.monotonic() < until:
        children = list(workspace.ml.jobs.list(parent_job_name=job.name))
        if children and children[0].status == "Running":
            break
        time.sleep(0.05)
    until = time.monotonic() + 240
    while "Ready" not in workspace.log(children[0].name) and time.monotonic() < until:
        time.sleep(0.05)
    return SimpleNamespace(name=job.name, child=children[0].name)


def processes_of(child):
    import psutil

    found = []
    for one in psutil.process_iter():
        try:
            found += [one.pid] if one.environ().get("AZUREML_RUN_ID") == child else []
        except (psutil.Error, OSError):
            continue
    return found


def test_a_job_can_be_canceled(workspace, project, tmp_path):
    job = sleeping(workspace, project, tmp_path)
    assert processes_of(job.child)
    workspace.ml.jobs.begin_cancel(job.name).result()
    assert workspace.wait(job.name)["status"] == "Canceled"
    assert workspace.run_record(job.child).status == "Canceled"
    assert processes_of(job.child) == []


def test_a_killed_server_leaves_nothing_half(workspace, project, tmp_path):
    job = sleeping(workspace, project, tmp_path)
    workspace.kill()
    assert "was stopped while the job ran" in failure(workspace, job)
    assert workspace.run_record(job.child).status == "Failed"
    assert "init of process" in workspace.log(job.child)
    assert processes_of(job.child) == []
    assert scored(workspace, invoke(workspace, write_files(tmp_path / "more", a=1)), tmp_path) == ["a.txt 3 1"]


# MLflow models


@pytest.fixture(scope="module")
def plane(workspace, project, tmp_path_factory):
    """A deployment `plane` of an MLflow model without code: y = 2a + b."""
    import mlflow
    import pandas
    from azure.ai.ml.entities import Model, ModelBatchDeployment, ModelBatchDeploymentSettings
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    rows = pandas.DataFrame({"a": [0.0, 1.0, 0.0, 1.0], "b": [0.0, 0.0, 1.0, 1.0]})
    model = LinearRegression().fit(rows, 2 * rows["a"] + rows["b"])
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    mlflow.sklearn.save_model(model, folder, signature=infer_signature(rows, model.predict(rows)))
    made = workspace.ml.models.create_or_update(Model(name="plane", version="1", type="mlflow_model", path=str(folder)))
    wanted = ModelBatchDeployment(
        name="plane", endpoint_name="tern-batch", model=made, compute="cpu-cluster",
        settings=ModelBatchDeploymentSettings(mini_batch_size=1, retry_settings=retries(0)),
    )  # fmt: skip
    workspace.ml.batch_deployments.begin_create_or_update(wanted).result()
    return "plane"


def test_an_mlflow_model_needs_no_script(workspace, plane, tmp_path):
    import pandas

    folder = tmp_path / "data"
    folder.mkdir()
    pandas.DataFrame({"b": [1, 0], "a": [3, 1], "more": ["x", "y"]}).to_csv(folder / "one.csv", index=False)
    (folder / "three.csv").write_text("a,b\nx,1\n")
    pandas.DataFrame({"a": [5.0], "b": [0.5]}).to_csv(folder / "two.csv", index=False)
    job = invoke(workspace, folder, plane)
    scored(workspace, job, tmp_path)
    found = pandas.read_csv(tmp_path / "predictions.csv", names=["row", "prediction", "file"])
    assert list(found["file"]) == ["one.csv", "one.csv", "two.csv"]
    assert list(found["row"]) == [0, 1, 0]
    assert list(found["prediction"]) == pytest.approx([7.0, 2.0, 10.5])
    log = parent_log(workspace, job)
    assert "three.csv'. Exception: could not convert string to float: 'x'" in log
    assert "Files that were scored: 2 of 3" in log


def test_files_that_an_mlflow_model_is_not_given(workspace, plane, tmp_path):
    import importlib.util

    data = write_files(tmp_path / "data", a=1)
    assert "File type 'txt' is not supported" in failure(workspace, invoke(workspace, data, plane))
    (tmp_path / "data" / "a.txt").rename(tmp_path / "data" / "a.parquet")
    said = "no succeeded mini batch" if importlib.util.find_spec("pyarrow") else "The package pyarrow"
    assert said in failure(workspace, invoke(workspace, data, plane))


# Endpoints and deployments


def test_an_endpoint_as_azure_shows_it(workspace, project):
    found = workspace.ml.batch_endpoints.get("tern-batch")
    assert (found.scoring_uri, found.auth_mode) == (HOST.format("tern-batch"), "aad_token")
    assert (found.description, found.tags, found.provisioning_state) == ("late or not", {"client": "tern"}, "Succeeded")
    assert found.defaults.deployment_name == "lines"
    assert "tern-batch" in [one.name for one in workspace.ml.batch_endpoints.list()]


def test_a_deployment_as_azure_shows_it(workspace, project):
    found = workspace.ml.batch_deployments.get("lines", "tern-batch")
    assert (found.mini_batch_size, found.error_threshold, found.max_concurrency_per_instance) == (2, -1, 1)
    assert (found.output_action, found.output_file_name, found.logging_level) == (
        "append_row",
        "predictions.csv",
        "Info",
    )
    assert (found.retry_settings.max_retries, found.retry_settings.timeout, found.instance_count) == (3, 30, 1)
    assert found.model.endswith("/models/line/versions/1")
    assert "lines" in [one.name for one in workspace.ml.batch_deployments.list("tern-batch")]


def test_yaml(workspace, project, tmp_path):
    from azure.ai.ml import load_batch_deployment, load_batch_endpoint

    (tmp_path / "endpoint.yml").write_text("name: from-yaml\nauth_mode: aad_token\ndescription: of a file\n")
    (tmp_path / "deployment.yml").write_text(
        f"""
name: lines
endpoint_name: from-yaml
model: azureml:line@latest
environment: {ENVIRONMENT}
code_configuration:
  code: {project / "src"}
  scoring_script: score.py
compute: azureml:cpu-cluster
resources:
  instance_count: 2
max_concurrency_per_instance: 2
mini_batch_size: 1
output_action: append_row
output_file_name: predictions.csv
retry_settings:
  max_retries: 1
  timeout: 20
error_threshold: 5
logging_level: debug
"""
    )
    ml = workspace.ml
    ml.batch_endpoints.begin_create_or_update(load_batch_endpoint(tmp_path / "endpoint.yml")).result()
    ml.batch_deployments.begin_create_or_update(load_batch_deployment(tmp_path / "deployment.yml")).result()
    made = ml.batch_deployments.get("lines", "from-yaml")
    assert (made.instance_count, made.max_concurrency_per_instance, made.error_threshold) == (2, 2, 5)
    assert (made.retry_settings.max_retries, made.retry_settings.timeout) == (1, 20)
    make_default(workspace, "lines", "from-yaml")
    job = invoke(workspace, write_files(tmp_path / "data", a=1, b=2), endpoint="from-yaml")
    assert scored(workspace, job, tmp_path) == ["a.txt 3 1", "b.txt 6 1"]
    assert "Mini-batch 1: a.txt" in parent_log(workspace, job)
    ml.batch_endpoints.begin_delete("from-yaml").result()


def test_a_name_is_an_endpoint_of_one_kind(workspace, project):
    from azure.ai.ml.entities import BatchEndpoint, ManagedOnlineEndpoint
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    ml = workspace.ml
    with pytest.raises(HttpResponseError, match="unique in a region"):
        ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="tern-batch")).result()
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="tern-online")).result()
    with pytest.raises(HttpResponseError, match="unique in a region"):
        ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="tern-online")).result()
    with pytest.raises(ResourceNotFoundError):
        ml.batch_endpoints.get("tern-online")
    with pytest.raises(ResourceNotFoundError):
        ml.online_endpoints.get("tern-batch")
    ml.online_endpoints.begin_delete("tern-online").result()
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="tern-online")).result()
    ml.batch_endpoints.begin_delete("tern-online").result()
    with pytest.raises(ResourceNotFoundError):
        ml.batch_endpoints.get("tern-online")


@pytest.mark.parametrize(
    ("name", "properties", "said"),
    [
        ("ab", {}, "3 to 32 characters"),
        ("under_score", {}, "cannot be the name"),
        ("by-key", {"authMode": "Key"}, "AADToken only"),
        ("defaulting", {"defaults": {"deploymentName": "none"}}, "does not exist"),
        ("defaulting", {"defaults": "none"}, "must be an object"),
        ("described", {"description": 1}, "must be a text"),
    ],
)
def test_endpoints_that_are_refused(workspace, name, properties, said):
    body = {"location": "local", "properties": {"authMode": "AADToken", **properties}}
    answer = workspace.http("PUT", f"/batchEndpoints/{name}", body, "2023-10-01")
    assert (answer.status_code, said in answer.text) == (400, True), answer.text
    assert workspace.http("GET", f"/batchEndpoints/{name}", None, "2023-10-01").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"model": None}, 400, "needs a model"),
        ({"model": {"assetId": "line/versions/9"}}, 404, "not found"),
        ({"codeConfiguration": None}, 400, "Only an MLflow model"),
        ({"environmentId": None}, 400, "needs an environment"),
        ({"compute": None}, 400, "needs a compute"),
        ({"compute": "nowhere"}, 400, "Unknown compute target"),
        ({"resources": {"instanceCount": 3}}, 400, "2 nodes at most"),
        ({"resources": {"instanceCount": 0}}, 400, "1 or more"),
        ({"miniBatchSize": 0}, 400, "miniBatchSize"),
        ({"miniBatchSize": "many"}, 400, "whole number"),
        ({"maxConcurrencyPerInstance": 0}, 400, "maxConcurrencyPerInstance"),
        ({"errorThreshold": -2}, 400, "errorThreshold"),
        ({"outputAction": "Print"}, 400, "AppendRow, SummaryOnly"),
        ({"loggingLevel": "Loud"}, 400, "Debug, Info, Warning"),
        ({"outputFileName": "a/b.csv"}, 400, "outputFileName"),
        ({"retrySettings": {"maxRetries": -1}}, 400, "maxRetries"),
        ({"retrySettings": {"timeout": "PT0S"}}, 400, "timeout"),
        ({"environmentVariables": {"A=B": "c"}}, 400, "environment variable"),
    ],
)  # fmt: skip
def test_deployments_that_are_refused(workspace, project, changes, status, said):
    there = workspace.http("GET", "/batchEndpoints/tern-batch/deployments/lines", None, "2023-10-01").json()
    path = there["properties"]["model"]["assetId"].partition("line/")[0]
    if (changes.get("model") or {}).get("assetId"):
        changes = {"model": {"assetId": path + changes["model"]["assetId"]}}
    body = {"location": "local", "properties": there["properties"] | changes}
    answer = workspace.http("PUT", "/batchEndpoints/tern-batch/deployments/refused", body, "2023-10-01")
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_an_endpoint_that_is_not_there(workspace, project, tmp_path):
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError):
        workspace.ml.batch_endpoints.get("nowhere")
    with pytest.raises(ResourceNotFoundError):
        deploy(workspace, project, "lines", endpoint="nowhere")
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.batch_deployments.get("none", "tern-batch")


def test_a_default_deployment_that_is_deleted(workspace, project):
    from azure.ai.ml.entities import BatchEndpoint

    workspace.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="changing")).result()
    deploy(workspace, project, "first", endpoint="changing")
    make_default(workspace, "first", "changing")
    workspace.ml.batch_deployments.begin_delete("first", "changing").result()
    assert workspace.ml.batch_endpoints.get("changing").defaults.deployment_name is None
    assert list(workspace.ml.batch_deployments.list("changing")) == []
    workspace.ml.batch_endpoints.begin_delete("changing").result()


# Pipeline components


def test_a_pipeline_component_is_deployed(workspace, project, tmp_path):
    from azure.ai.ml import Input, command, dsl
    from azure.ai.ml.entities import BatchEndpoint, PipelineComponentBatchDeployment
    from azure.core.exceptions import HttpResponseError

    step = command(
        name="say", command="cat ${{inputs.data}}/*.txt > ${{outputs.said}}/all.txt; echo ${{inputs.word}} >> "
        "${{outputs.said}}/all.txt",
        environment=ENVIRONMENT, inputs={"data": Input(type="uri_folder"), "word": Input(type="string")},
        outputs={"said": {"type": "uri_folder"}},
    )  # fmt: skip

    @dsl.pipeline()
    def saying(data: Input(type="uri_folder"), word: str):
        said = step.component(data=data, word=word)
        return {"said": said.outputs.said}

    ml = workspace.ml
    component = ml.components.create_or_update(saying)
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="of-steps")).result()
    wanted = PipelineComponentBatchDeployment(
        name="steps", endpoint_name="of-steps", component=component.id,
        settings={"continue_on_step_failure": False, "default_compute": "cpu-cluster"},
    )  # fmt: skip
    ml.batch_deployments.begin_create_or_update(wanted).result()
    assert ml.batch_deployments.get("steps", "of-steps").name == "steps"
    make_default(workspace, "steps", "of-steps")
    inputs = {
        "data": Input(type="uri_folder", path=write_files(tmp_path / "data", a="first\n")),
        "word": Input(type="string", default="last"),
    }
    job = ml.batch_endpoints.invoke("of-steps", inputs=inputs)
    assert workspace.wait(job.name)["status"] == "Completed", workspace.run_record(job.name).error
    ml.jobs.download(job.name, output_name="said", download_path=str(tmp_path))
    assert (tmp_path / "named-outputs" / "said" / "all.txt").read_text() == "first\nlast\n"
    assert [one.name for one in ml.batch_endpoints.list_jobs("of-steps")] == [job.name]
    unused = PipelineComponentBatchDeployment(name="unused", endpoint_name="of-steps", job_definition=job.name)
    with pytest.raises(HttpResponseError, match="components made from a job"):
        ml.batch_deployments.begin_create_or_update(unused).result()
    unused = PipelineComponentBatchDeployment(name="unused", endpoint_name="of-steps", component=step.component.id)
    with pytest.raises(HttpResponseError, match="needs a pipeline component"):
        ml.batch_deployments.begin_create_or_update(unused).result()
    assert [one.name for one in ml.batch_deployments.list("of-steps")] == ["steps"]


# What is malformed in one place at a time is answered in the shape of Azure, never with a failure

ENDPOINT = {"authMode": "AADToken", "description": "d", "properties": {"p": "v"}, "defaults": {"deploymentName": None}}
CALL = {
    "inputData": {"a": {"jobInputType": "UriFolder", "uri": "azureml:to-break:1", "mode": "ReadOnlyMount"}},
    "outputData": {"score": {"jobOutputType": "UriFolder", "uri": None, "mode": "ReadWriteMount"}},
    "compute": {"instanceCount": 1, "instanceType": None, "isLocal": False, "target": None},
    "errorThreshold": -1, "miniBatchSize": 1, "outputFileName": "p.csv", "name": "n", "properties": {"p": "v"},
    "retrySettings": {"maxRetries": 0, "timeout": "PT9S"}, "outputDataset": None,
}  # fmt: skip
OF_COMPONENT = {
    "deploymentConfiguration": {
        "deploymentConfigurationType": "PipelineComponent", "componentId": {"referenceType": "Id", "assetId": "none"},
        "settings": {"default_compute": "cpu-cluster"}, "description": "d", "tags": {"t": "v"},
    }
}  # fmt: skip


def changed_everywhere(body):
    """The body with other values at one place after the other; different ones at each."""
    for number, path in enumerate(fuzz.places(body)):
        for value in fuzz.values_at(number)[:1]:
            yield path, value, fuzz.with_value(body, path, value)


def check_answer(answer, path, value):
    assert answer.status_code < 500 or answer.status_code == 501, (path, value, answer.text)
    if answer.status_code >= 300:
        assert answer.json()["error"]["message"], (path, value)


def test_malformed_endpoints_and_deployments(workspace, project):
    deployed = workspace.http("GET", "/batchEndpoints/tern-batch/deployments/lines", None, "2023-10-01").json()
    for kind, body in {
        "broken": {"location": "local", "tags": {"t": "v"}, "properties": ENDPOINT},
        "tern-batch/deployments/broken": {"tags": {"t": "v"}, "properties": deployed["properties"]},
        "tern-batch/deployments/steps": {"properties": OF_COMPONENT},
    }.items():
        for path, value, changed in changed_everywhere(body):
            answer = workspace.http("PUT", f"/batchEndpoints/{kind}", changed, "2023-10-01")
            check_answer(answer, path, value)
            if answer.status_code < 300:
                assert workspace.http("GET", f"/batchEndpoints/{kind}", None, "2023-10-01").status_code == 200
    assert list(workspace.ml.batch_deployments.list("tern-batch"))
    workspace.ml.batch_endpoints.begin_delete("broken").result()


def test_malformed_calls(workspace, project, tmp_path):
    from azure.ai.ml.entities import Data

    data = Data(name="to-break", version="1", type="uri_folder", path=write_files(tmp_path / "data", a=1))
    workspace.ml.data.create_or_update(data)
    token = workspace.credential.get_token("https://ml.azure.com/.default").token
    accepted = []
    for path, value, changed in changed_everywhere({"properties": CALL}):
        answer = call(workspace, changed, token=token)
        check_answer(answer, path, value)
        if answer.status_code < 300:
            accepted.append((answer.json()["name"], path, value))
    assert accepted
    for name, path, value in accepted:
        workspace.wait(name)
        error = workspace.run_record(name).error or {"error": {"message": ""}}
        assert "The local Azure failed" not in error["error"]["message"], (path, value, error)
