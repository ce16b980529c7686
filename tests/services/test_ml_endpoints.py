"""Online endpoints of Azure Machine Learning, through the real MLClient, and called by plain requests."""

import collections
import contextlib
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests
from filelock import FileLock

pytest_plugins = ["ml_workspace"]

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "azureml-inference-server-http==1.5.1"  # Microsoft's, which a deployment on Azure runs
ENVIRONMENT = "azureml:scoring:1"
SCORE = """
import json
import os
import sys
import time
from pathlib import Path

def init():
    global model, colour
    if os.environ.get("ENDLESS"):
        time.sleep(600)
    if os.environ.get("BROKEN"):
        raise RuntimeError("no such model: " + os.environ["BROKEN"])
    colour = os.environ.get("COLOUR", "none")
    folder = os.environ.get("AZUREML_MODEL_DIR")
    model = json.loads((Path(folder) / "weights.json").read_text()) if folder else {"slope": 1}
    print("init of", colour, flush=True)

def run(raw):
    given = json.loads(raw)
    if "sleep" in given:
        time.sleep(given["sleep"])
    if "meet" in given:  # two instances of the model, each of them with a request
        Path(given["meet"], str(os.getpid())).touch()
        while len(os.listdir(given["meet"])) < 2:
            time.sleep(0.05)
    if "exit" in given:
        os._exit(given["exit"])
    if "print" in given:
        print("was told", given["print"], flush=True)
    if "set" in given:
        return {1, 2}
    return {"colour": colour, "results": [model["slope"] * value for value in given["data"]]}
"""


@pytest.fixture(scope="module")
def project(workspace, tmp_path_factory):
    """A folder with score.py and a request, and a model and an environment in the workspace."""
    from azure.ai.ml.entities import Environment, Model

    folder = tmp_path_factory.mktemp("project")
    (folder / "src").mkdir()
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "weights.json").write_text('{"slope": 3}')
    (folder / "request.json").write_text('{"data": [1, 2]}')
    workspace.ml.models.create_or_update(Model(name="line", version="1", path=str(folder / "weights.json")))
    workspace.ml.environments.create_or_update(Environment(name="scoring", version="1", image="python:3.11"))
    return folder


def make_endpoint(workspace, name, **given):
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    return workspace.ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, **given)).result()


def deployment(project, endpoint, name, **given):
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

    wanted = {
        "model": "azureml:line:1",
        "code_configuration": CodeConfiguration(code=str(project / "src"), scoring_script="score.py"),
        "environment": ENVIRONMENT,
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"COLOUR": name},
        **given,
    }
    return ManagedOnlineDeployment(name=name, endpoint_name=endpoint, **wanted)


@pytest.fixture(scope="module")
def endpoint(workspace, project):
    """An endpoint with two deployments, blue and green, and no traffic yet."""
    made = make_endpoint(workspace, "tern-delays", auth_mode="key", description="late or not", tags={"client": "tern"})
    for name in ("blue", "green"):
        wanted = deployment(project, "tern-delays", name)
        workspace.ml.online_deployments.begin_create_or_update(wanted).result()
    key = workspace.ml.online_endpoints.get_keys("tern-delays").primary_key
    return SimpleNamespace(name=made.name, uri=made.scoring_uri, key=key, made=made)


def set_traffic(workspace, **traffic):
    made = workspace.ml.online_endpoints.get("tern-delays")
    made.traffic, made.mirror_traffic = traffic, {}
    return workspace.ml.online_endpoints.begin_create_or_update(made).result()


def call(endpoint, body, deployment=None, key=None, session=requests, **headers):
    headers = {"Authorization": f"Bearer {key or endpoint.key}", "Content-Type": "application/json", **headers}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return session.post(endpoint.uri, data=data, headers=headers, timeout=60)


# From the model to an answer


def test_an_endpoint_is_described_as_on_azure(workspace, endpoint):
    made = workspace.ml.online_endpoints.get("tern-delays")
    assert made.scoring_uri == "https://tern-delays.local.inference.ml.azure.com/score"
    assert made.openapi_uri == "https://tern-delays.local.inference.ml.azure.com/swagger.json"
    assert (made.provisioning_state, made.auth_mode, made.description) == ("Succeeded", "key", "late or not")
    assert made.tags == {"client": "tern"}
    assert made.traffic == {"blue": 0, "green": 0}
    assert "tern-delays" in [one.name for one in workspace.ml.online_endpoints.list()]


def test_a_deployment_is_described_as_on_azure(workspace, endpoint):
    made = workspace.ml.online_deployments.get("blue", "tern-delays")
    assert (made.provisioning_state, made.instance_count, made.instance_type) == ("Succeeded", 1, "Standard_DS3_v2")
    assert made.request_settings.request_timeout_ms == 5000
    assert made.code_configuration.scoring_script == "score.py"
    assert made.environment_variables == {"COLOUR": "blue"}
    assert made.model.endswith("/models/line/versions/1")
    assert sorted(one.name for one in workspace.ml.online_deployments.list("tern-delays")) == ["blue", "green"]


def test_invoke_asks_the_deployment_that_is_named(workspace, endpoint, project):
    for name in ("blue", "green"):
        said = workspace.ml.online_endpoints.invoke(
            "tern-delays", request_file=str(project / "request.json"), deployment_name=name
        )
        assert json.loads(said) == {"colour": name, "results": [3, 6]}


def test_a_plain_request_with_the_key_is_answered(endpoint):
    answer = call(endpoint, {"data": [5]}, "green")
    assert (answer.status_code, answer.json()) == (200, {"colour": "green", "results": [15]})
    assert answer.headers["azureml-model-deployment"] == "green"
    assert answer.headers["content-type"] == "application/json"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0


def test_without_traffic_nothing_answers_unless_it_is_named(workspace, endpoint):
    set_traffic(workspace)
    answer = call(endpoint, {"data": [5]})
    assert answer.status_code == 404
    assert answer.text.startswith("No valid deployments to route to.")
    assert call(endpoint, {"data": [5]}, "purple").status_code == 404


def test_traffic_is_split_as_the_rule_says(workspace, endpoint):
    made = set_traffic(workspace, blue=80, green=20)
    assert made.traffic == {"blue": 80, "green": 20}
    with requests.Session() as session:
        seen = collections.Counter(call(endpoint, {"data": []}, session=session).json()["colour"] for _ in range(400))
    assert 40 <= seen["green"] <= 120  # five standard deviations of 400 draws at 20 per cent
    assert sum(seen.values()) == 400


def test_blue_goes_over_to_green(workspace, endpoint):
    set_traffic(workspace, blue=100)
    assert {call(endpoint, {"data": []}).json()["colour"] for _ in range(5)} == {"blue"}
    set_traffic(workspace, blue=0, green=100)
    assert {call(endpoint, {"data": []}).json()["colour"] for _ in range(5)} == {"green"}


def test_mirrored_requests_reach_the_other_deployment_and_change_no_answer(workspace, endpoint):
    made = workspace.ml.online_endpoints.get("tern-delays")
    made.traffic, made.mirror_traffic = {"blue": 100}, {"green": 50}
    made = workspace.ml.online_endpoints.begin_create_or_update(made).result()
    assert made.mirror_traffic == {"green": 50}
    with requests.Session() as session:
        answers = [call(endpoint, {"data": [], "print": f"mirror-{n}"}, session=session) for n in range(40)]
    assert {answer.json()["colour"] for answer in answers} == {"blue"}
    until = time.monotonic() + 240
    while not 8 <= (seen := logs(workspace, "green").count("was told mirror-")) <= 32:
        assert time.monotonic() < until, seen  # 40 draws at 50 per cent, four standard deviations
        time.sleep(0.1)
    assert logs(workspace, "blue").count("was told mirror-") == 40


# Who may call


def test_a_wrong_key_and_no_key_are_refused(endpoint):
    assert (call(endpoint, {"data": []}, "blue", key="wrong").status_code) == 401
    assert call(endpoint, {"data": []}, "blue", key="wrong").text == "key_auth_access_denied"
    assert requests.post(endpoint.uri, json={"data": []}, timeout=60).status_code == 401
    basic = {"Authorization": f"Basic {endpoint.key}"}
    assert requests.post(endpoint.uri, json={"data": []}, headers=basic, timeout=60).status_code == 401


def test_a_regenerated_key_replaces_the_old_one_alone(workspace, endpoint):
    before = workspace.ml.online_endpoints.get_keys("tern-delays")
    workspace.ml.online_endpoints.begin_regenerate_keys("tern-delays", key_type="secondary").result()
    after = workspace.ml.online_endpoints.get_keys("tern-delays")
    assert after.primary_key == before.primary_key
    assert after.secondary_key != before.secondary_key
    assert call(endpoint, {"data": []}, "blue", key=after.secondary_key).status_code == 200
    assert call(endpoint, {"data": []}, "blue", key=before.secondary_key).status_code == 401


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_tokens_open_an_endpoint(workspace, endpoint, project, mode):
    name = mode.replace("_", "-")
    made = make_endpoint(workspace, name, auth_mode=mode)
    assert made.auth_mode == mode
    refused = workspace.http("POST", f"/onlineEndpoints/{name}/listKeys")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UserError")
    token = workspace.ml.online_endpoints.get_keys(name).access_token
    uri = made.scoring_uri
    answer = requests.post(uri, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 404  # it may call, and there is no deployment
    assert (
        requests.post(uri, json={}, headers={"Authorization": f"Bearer {endpoint.key}"}, timeout=60).status_code == 401
    )
    if mode == "aml_token":
        assert call(endpoint, {"data": []}, "blue", key=token).status_code == 401  # the key of another door
    workspace.ml.online_endpoints.begin_delete(name).result()
    assert name not in [one.name for one in workspace.ml.online_endpoints.list()]


# What goes wrong in a model


@pytest.mark.parametrize("body", ["not JSON", '{"data": 5}', '{"set": 1}', b"\xff", ""])
def test_a_models_error_is_424_with_the_models_own_status(endpoint, body):
    answer = call(endpoint, body, "blue")
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"
    assert answer.headers["ms-azureml-model-error-statuscode"] == ("400" if body == b"\xff" else "500")
    assert set(answer.json()) == {"message"}
    assert call(endpoint, {"data": [1]}, "blue").status_code == 200


def test_a_traceback_is_in_the_log_and_not_in_the_answer(workspace, endpoint):
    answer = call(endpoint, '{"data": [1], "nonsense"', "blue")
    assert "JSONDecodeError" not in answer.text
    assert "json.decoder.JSONDecodeError" in logs(workspace, "blue")


def test_invoke_raises_what_the_model_answers(workspace, endpoint, tmp_path):
    from azure.core.exceptions import HttpResponseError

    (tmp_path / "bad.json").write_text('{"no": "data"}')
    with pytest.raises(HttpResponseError) as raised:
        workspace.ml.online_endpoints.invoke(
            "tern-delays", request_file=str(tmp_path / "bad.json"), deployment_name="blue"
        )
    assert raised.value.status_code == 424


def test_a_process_that_ends_is_started_again(endpoint):
    answer = call(endpoint, {"exit": 7}, "blue")
    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "502")
    assert call(endpoint, {"data": [2]}, "blue").json()["results"] == [6]


def test_health_swagger_and_other_paths(endpoint):
    base, key = endpoint.uri.removesuffix("/score"), {"Authorization": f"Bearer {endpoint.key}"}
    blue = key | {"azureml-model-deployment": "blue"}
    assert requests.get(base + "/", headers=blue, timeout=60).text == "Healthy"
    swagger = requests.get(base + "/swagger.json", headers=blue, timeout=60).json()
    assert "/score" in swagger["paths"]
    other = requests.get(base + "/nothing", headers=blue, timeout=60)
    assert (other.status_code, other.headers["ms-azureml-model-error-statuscode"]) == (424, "404")
    assert requests.get(base + "/", timeout=60).status_code == 401
    nowhere = requests.post("https://nobody.local.inference.ml.azure.com/score", json={}, timeout=60)
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "EndpointNotFound")


def test_a_description_beside_the_script_is_the_answer(workspace, endpoint, project, tmp_path):
    from azure.ai.ml.entities import CodeConfiguration

    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "swagger2.json").write_text('{"swagger": "2.0", "info": {"title": "two"}}')
    (tmp_path / "swagger3.json").write_text('{"openapi": "3.0.0", "info": {"title": "three"}}')
    code = CodeConfiguration(code=str(tmp_path), scoring_script="score.py")
    wanted = deployment(project, "tern-delays", "described", code_configuration=code)
    workspace.ml.online_deployments.begin_create_or_update(wanted).result()
    headers = {"Authorization": f"Bearer {endpoint.key}", "azureml-model-deployment": "described"}
    for version, title in (("", "two"), ("?version=3", "three"), ("?version=3.1", "ML service")):
        answer = requests.get(endpoint.made.openapi_uri + version, headers=headers, timeout=60)
        assert answer.json()["info"]["title"] == title
    workspace.ml.online_deployments.begin_delete("described", "tern-delays").result()


def test_what_would_not_be_collected_is_refused(workspace, endpoint, project):
    from azure.ai.ml.entities import DataCollector, DeploymentCollection
    from azure.core.exceptions import HttpResponseError

    collector = DataCollector(collections={"model_inputs": DeploymentCollection(enabled="true")})
    with pytest.raises(HttpResponseError, match="data_collector"):
        workspace.ml.online_deployments.begin_create_or_update(
            deployment(project, "tern-delays", "collecting", data_collector=collector)
        ).result()


# Logs, scale, time


def logs(workspace, name, lines=10000, **given):
    return workspace.ml.online_deployments.get_logs(name, "tern-delays", lines=lines, **given)


def test_the_log_has_what_the_script_prints_and_what_was_not_built(workspace, endpoint):
    text = logs(workspace, "green")
    assert text.startswith("Instance status:\nSystemSetup: Succeeded")
    assert "init of green" in text
    assert "builds no image" in text
    assert len(logs(workspace, "green", lines=1).split("Container logs:\n")[1].splitlines()) == 1
    assert "copied" in logs(workspace, "green", container_type="storage-initializer")


def test_a_slow_model_is_408_and_too_many_calls_are_429(workspace, endpoint, project):
    from azure.ai.ml.entities import OnlineRequestSettings

    settings = OnlineRequestSettings(request_timeout_ms=1000)
    slow = deployment(project, "tern-delays", "slow", request_settings=settings)
    workspace.ml.online_deployments.begin_create_or_update(slow).result()
    with ThreadPoolExecutor(4) as pool:  # nobody waits for the model: a call gives up after a minute
        answers = list(pool.map(lambda _: call(endpoint, {"sleep": 600, "data": []}, "slow"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [408, 408, 429, 429]  # two at a time may wait
    assert next(answer for answer in answers if answer.status_code == 408).text == "upstream request timeout"
    workspace.ml.online_deployments.begin_delete("slow", "tern-delays").result()


def test_two_instances_work_at_the_same_time(workspace, endpoint, project, tmp_path):
    pair = deployment(project, "tern-delays", "pair", instance_count=3)
    workspace.ml.online_deployments.begin_create_or_update(pair).result()
    assert "3 instances were asked for; 2 run" in logs(workspace, "pair")
    assert workspace.ml.online_deployments.get("pair", "tern-delays").instance_count == 3
    with ThreadPoolExecutor(2) as pool:  # one after the other, the first would wait for ever
        answers = list(pool.map(lambda _: call(endpoint, {"meet": str(tmp_path), "data": []}, "pair"), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    workspace.ml.online_deployments.begin_delete("pair", "tern-delays").result()


# Deployments that fail, change, go


def test_an_init_that_raises_fails_the_deployment_with_its_traceback_in_the_log(workspace, endpoint, project):
    from azure.core.exceptions import HttpResponseError

    broken = deployment(project, "tern-delays", "broken", environment_variables={"BROKEN": "weights"})
    with pytest.raises(HttpResponseError, match="User container has crashed") as raised:
        workspace.ml.online_deployments.begin_create_or_update(broken).result()
    assert raised.value.error.code == "ResourceNotReady"
    assert workspace.ml.online_deployments.get("broken", "tern-delays").provisioning_state == "Failed"
    text = logs(workspace, "broken")
    assert "UserContainerStart: Failed" in text
    assert "RuntimeError: no such model: weights" in text
    assert call(endpoint, {"data": []}, "broken").status_code == 404
    with pytest.raises(HttpResponseError, match="Failed"):
        set_traffic(workspace, broken=100)
    workspace.ml.online_deployments.begin_delete("broken", "tern-delays").result()


def test_an_init_that_never_ends_fails_when_its_probe_gives_up(workspace, endpoint, project):
    from azure.ai.ml.entities import ProbeSettings
    from azure.core.exceptions import HttpResponseError

    probe = ProbeSettings(initial_delay=1, period=1, failure_threshold=1)
    endless = deployment(
        project, "tern-delays", "endless", environment_variables={"ENDLESS": "1"}, readiness_probe=probe
    )
    with pytest.raises(HttpResponseError, match="User container has crashed"):
        workspace.ml.online_deployments.begin_create_or_update(endless).result()
    assert "Not ready after 2 seconds" in logs(workspace, "endless")
    workspace.ml.online_deployments.begin_delete("endless", "tern-delays").result()


def test_an_endpoint_is_deleted_while_its_deployment_is_made(workspace, endpoint, project):
    before = workspace.server.children(recursive=True)
    make_endpoint(workspace, "short-lived", auth_mode="key")
    made = deployment(project, "short-lived", "blue", environment_variables={"ENDLESS": "1"})
    workspace.ml.online_deployments.begin_create_or_update(made)
    answer = workspace.http(
        "PUT",
        "/onlineEndpoints/short-lived/deployments/blue",
        workspace.http("GET", "/onlineEndpoints/short-lived/deployments/blue").json(),
    )
    assert (answer.status_code, "being changed" in answer.json()["error"]["message"]) == (409, True)
    workspace.ml.online_endpoints.begin_delete("short-lived").result()
    assert len(workspace.server.children(recursive=True)) == len(before)
    assert not (workspace.home / "endpoints" / "short-lived" / "blue").exists()


def test_a_script_that_never_returns_is_ended_by_its_liveness_probe(workspace, endpoint, project):
    from azure.ai.ml.entities import OnlineRequestSettings, ProbeSettings

    stuck = deployment(
        project, "tern-delays", "stuck",
        request_settings=OnlineRequestSettings(request_timeout_ms=500),
        liveness_probe=ProbeSettings(initial_delay=1, period=1, failure_threshold=1),
    )  # fmt: skip
    workspace.ml.online_deployments.begin_create_or_update(stuck).result()
    assert {call(endpoint, {"sleep": 600, "data": []}, "stuck").status_code for _ in range(2)} == {408}
    until = time.monotonic() + 240
    while (status := call(endpoint, {"data": []}, "stuck").status_code) != 200:
        assert status == 429 and time.monotonic() < until
        time.sleep(0.2)
    workspace.ml.online_deployments.begin_delete("stuck", "tern-delays").result()


def test_a_new_version_replaces_the_old_one_while_that_serves(workspace, endpoint, project):
    name = "rolling"
    workspace.ml.online_deployments.begin_create_or_update(deployment(project, "tern-delays", name)).result()
    poller = workspace.ml.online_deployments.begin_create_or_update(
        deployment(project, "tern-delays", name, environment_variables={"COLOUR": "violet"})
    )
    seen = []
    with requests.Session() as session:
        while not poller.done() or not seen:
            seen.append(call(endpoint, {"data": []}, name, session=session))
        seen.append(call(endpoint, {"data": []}, name, session=session))
    assert {answer.status_code for answer in seen} == {200}
    assert seen[-1].json()["colour"] == "violet"
    folders = list((workspace.home / "endpoints" / "tern-delays" / name).iterdir())
    assert len(folders) == 1
    workspace.ml.online_deployments.begin_delete(name, "tern-delays").result()
    assert not (workspace.home / "endpoints" / "tern-delays" / name).exists()


def test_a_new_version_that_fails_leaves_the_old_one_serving(workspace, endpoint, project):
    from azure.core.exceptions import HttpResponseError

    name = "careful"
    workspace.ml.online_deployments.begin_create_or_update(deployment(project, "tern-delays", name)).result()
    broken = deployment(project, "tern-delays", name, environment_variables={"BROKEN": "weights"})
    with pytest.raises(HttpResponseError, match="User container has crashed"):
        workspace.ml.online_deployments.begin_create_or_update(broken).result()
    assert workspace.ml.online_deployments.get(name, "tern-delays").provisioning_state == "Failed"
    assert "no such model: weights" in logs(workspace, name)
    assert call(endpoint, {"data": [1]}, name).json() == {"colour": name, "results": [3]}
    workspace.ml.online_deployments.begin_delete(name, "tern-delays").result()
    assert call(endpoint, {"data": [1]}, name).status_code == 404


def test_a_killed_server_leaves_no_process_and_its_deployments_answer_again(workspace, endpoint):
    set_traffic(workspace, blue=100)
    assert call(endpoint, {"data": [1]}, "blue").status_code == 200
    children = [one for one in workspace.server.children(recursive=True) if "scoring.py" in " ".join(one.cmdline())]
    assert len(children) >= 2
    workspace.kill()
    _, alive = psutil.wait_procs(children, timeout=120)
    assert alive == []
    assert call(endpoint, {"data": [1]}, "blue").json() == {"colour": "blue", "results": [3]}
    assert len(workspace.server.children(recursive=True)) == 1  # green has not been asked yet
    assert call(endpoint, {"data": [1]}, "green").json() == {"colour": "green", "results": [3]}


# Refusals


@pytest.mark.parametrize(
    ("traffic", "mirror", "said"),
    [
        ({"blue": 60, "green": 60}, {}, "sum"),
        ({"blue": 50}, {}, "sum"),
        ({"purple": 100}, {}, "purple"),
        ({"blue": 100}, {"green": 60}, "50"),
        ({"blue": 100}, {"blue": 10}, "live traffic"),
        ({"blue": 100}, {"green": 10, "purple": 10}, "purple"),
        ({"blue": 101}, {}, "100"),
    ],
)
def test_impossible_traffic_is_refused(workspace, endpoint, traffic, mirror, said):
    from azure.core.exceptions import HttpResponseError

    made = workspace.ml.online_endpoints.get("tern-delays")
    made.traffic, made.mirror_traffic = traffic, mirror
    with pytest.raises(HttpResponseError, match=said) as raised:
        workspace.ml.online_endpoints.begin_create_or_update(made).result()
    assert raised.value.status_code == 400


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1abc", "abc-", "a_bc"])
def test_names_of_endpoints_and_deployments(workspace, endpoint, name):
    body = {"location": "local", "properties": {"authMode": "Key"}}
    answer = workspace.http("PUT", f"/onlineEndpoints/{name}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")
    answer = workspace.http("PUT", f"/onlineEndpoints/tern-delays/deployments/{name}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError")


def put_deployment(workspace, name="asked", endpoint="tern-delays", sku=None, **given):
    line = f"{workspace.path}/models/line/versions/1"
    properties = {"endpointComputeType": "Managed", "model": line, "instanceType": "Standard_DS3_v2", **given}
    body = {"location": "local", "sku": sku or {"name": "Default", "capacity": 1}, "properties": properties}
    return workspace.http("PUT", f"/onlineEndpoints/{endpoint}/deployments/{name}", body)


def test_what_a_deployment_cannot_be_is_refused(workspace, endpoint):
    model = f"{workspace.path}/models/line/versions/"
    blue = workspace.http("GET", "/onlineEndpoints/tern-delays/deployments/blue").json()["properties"]
    served = {name: blue[name] for name in ("codeConfiguration", "environmentId")}
    for status, code, said, given in (
        (400, "UserError", "Only an MLflow model", {}),
        (404, "ResourceNotFound", "models/line/versions/9", {"model": model + "9"}),
        (400, "UserError", "not supported", {**served, "instanceType": "Standard_Huge"}),
        (404, "ResourceNotFound", "'x'", {"codeConfiguration": {"codeId": "x", "scoringScript": "score.py"}}),
        (400, "UserError", "environment", {"codeConfiguration": served["codeConfiguration"]}),
        (400, "UserError", "scoringScript", {"codeConfiguration": {"codeId": blue["codeConfiguration"]["codeId"]}}),
        (501, "NotImplemented", "Kubernetes", {"endpointComputeType": "Kubernetes"}),
        (404, "UserError", "Microsoft's own", {"model": "azureml://registries/azureml/models/m/versions/1"}),
        (400, "UserError", "180", {**served, "requestSettings": {"requestTimeout": "PT5M"}}),
        (400, "UserError", "PT5S", {**served, "requestSettings": {"requestTimeout": "soon"}}),
        (400, "UserError", "PT5S", {**served, "livenessProbe": {"period": "often"}}),
        (400, "UserError", "1 or more", {**served, "readinessProbe": {"failureThreshold": 0}}),
        (400, "UserError", "a text", {**served, "environmentVariables": {"A": 1}}),
        (400, "UserError", "without =", {**served, "environmentVariables": {"A=B": "1"}}),
        (400, "UserError", "1 to 50", {**served, "sku": {"capacity": 51}}),
        (400, "UserError", "Default only", {**served, "scaleSettings": {"scaleType": "TargetUtilization"}}),
        (
            400,
            "UserError",
            "in its folder",
            {**served, "codeConfiguration": {**served["codeConfiguration"], "scoringScript": "../x.py"}},
        ),
        (400, "UserError", "an object", {"codeConfiguration": "score.py"}),
        (400, "UserError", "a string", {"model": 7}),
    ):
        answer = put_deployment(workspace, **given)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), (given, error)
        assert said in error["message"], (given, error)
    assert put_deployment(workspace, endpoint="nobody").status_code == 404


def test_a_container_with_a_server_of_its_own_is_not_there_yet(workspace, endpoint):
    from azure.ai.ml.entities import Environment

    route = {"port": 8501, "path": "/v1/models/line"}
    routes = {"liveness_route": route, "readiness_route": route, "scoring_route": route}
    made = workspace.ml.environments.create_or_update(
        Environment(name="server", version="1", image="tensorflow/serving", inference_config=routes)
    )
    answer = put_deployment(workspace, environmentId=made.id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert "container" in answer.json()["error"]["message"]


def test_more_cores_than_the_quota_are_refused(workspace, endpoint, project):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="Not enough quota") as raised:
        workspace.ml.online_deployments.begin_create_or_update(
            deployment(project, "tern-delays", "greedy", instance_count=30)
        ).result()
    assert raised.value.error.code == "OutOfQuota"


@pytest.mark.parametrize(("instances", "cores"), [(1, 8), (5, 24), (6, 32), (10, 48)])
def test_a_fifth_of_the_machines_is_held_in_reserve_in_whole_machines(instances, cores):
    """As Microsoft's page on quotas of online deployments counts: a machine of four cores needs eight."""
    from local_azure.services.machine_learning.endpoints.online_deployments import _cores

    one = {"properties": {"instanceType": "Standard_DS3_v2"}, "sku": {"capacity": instances}}
    assert _cores(one)[0] == cores


def test_a_deployment_with_traffic_is_not_deleted(workspace, endpoint):
    from azure.core.exceptions import HttpResponseError

    set_traffic(workspace, blue=90, green=10)
    with pytest.raises(HttpResponseError, match="10 per cent of the traffic"):
        workspace.ml.online_deployments.begin_delete("green", "tern-delays").result()


def test_what_is_not_there_is_404(workspace, endpoint, project):
    from azure.ai.ml.exceptions import ValidationException
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError):
        workspace.ml.online_endpoints.get("nobody")
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.online_deployments.get("purple", "tern-delays")
    with pytest.raises(ResourceNotFoundError):
        workspace.ml.online_deployments.begin_create_or_update(deployment(project, "nobody", "blue"))
    with pytest.raises(ValidationException, match="not found"):
        workspace.ml.online_endpoints.invoke(
            "tern-delays", request_file=str(project / "request.json"), deployment_name="purple"
        )


def test_a_local_deployment_needs_docker_and_the_sdk_says_so(workspace, endpoint, project):
    from azure.ai.ml.exceptions import MlException

    with pytest.raises(MlException, match=r"(?i)docker"):
        workspace.ml.online_deployments.begin_create_or_update(deployment(project, "tern-delays", "near"), local=True)


# MLflow models without code


# A model by hand: it loads without scikit-learn, whose import would take longer than all that is tested here.
MLMODEL = """
flavors:
  python_function:
    code: code
    loader_module: plane_of_two
signature:
  inputs: '[{"type": "double", "name": "distance"}, {"type": "long", "name": "stops"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
"""
LOADER = """
class Plane:
    def predict(self, table):
        assert str(table.distance.dtype) == "float64"
        return (2 * table.distance + table.stops).to_numpy()

def _load_pyfunc(path):
    return Plane()
"""


@pytest.fixture(scope="module")
def mlflow_key(workspace, tmp_path_factory):
    """The key of an endpoint whose deployment is an MLflow model with a signature, and no code."""
    from azure.ai.ml.entities import ManagedOnlineDeployment, Model

    folder = tmp_path_factory.mktemp("mlflow") / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "code" / "plane_of_two.py").write_text(LOADER)
    workspace.ml.models.create_or_update(Model(name="plane", version="1", type="mlflow_model", path=str(folder)))
    make_endpoint(workspace, "no-code", auth_mode="key")
    made = ManagedOnlineDeployment(
        name="blue", endpoint_name="no-code", model="azureml:plane:1", instance_type="Standard_F4s_v2", instance_count=1
    )
    workspace.ml.online_deployments.begin_create_or_update(made).result()
    yield workspace.ml.online_endpoints.get_keys("no-code").primary_key
    workspace.ml.online_endpoints.begin_delete("no-code").result()


def ask_mlflow(key, body, **headers):
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue", **headers}
    return requests.post("https://no-code.local.inference.ml.azure.com/score", json=body, headers=headers, timeout=60)


def test_an_mlflow_model_is_served_without_code(mlflow_key):
    rows = {"columns": ["distance", "stops"], "index": [0, 1], "data": [[1, 0], [3, 1]]}
    answer = ask_mlflow(mlflow_key, {"input_data": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json() == pytest.approx([2.0, 7.0])
    rows.pop("index")
    assert ask_mlflow(mlflow_key, {"input_data": rows}).json() == pytest.approx([2.0, 7.0])


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"dataframe_split": {"columns": [], "data": []}}, "400", "'input_data'"),
        ([1], "400", "JSON dictionary"),
        ({"input_data": {"columns": ["distance"], "index": [0], "data": [[1]]}}, "500", "Check the logs"),
        ({"input_data": [[1, 0]]}, "500", "Check the logs"),
    ],
)
def test_what_an_mlflow_model_cannot_read(mlflow_key, body, status, said):
    answer = ask_mlflow(mlflow_key, body)
    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, status)
    assert said in answer.json()["message"]


def test_mlflows_own_client_deploys_and_sets_traffic(workspace, mlflow_key, tmp_path):
    import mlflow
    from azure.core.exceptions import HttpResponseError
    from mlflow.deployments import get_deploy_client

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(workspace.ml.workspaces.get(workspace.ml.workspace_name).mlflow_tracking_uri)
    try:
        client = get_deploy_client(mlflow.get_tracking_uri())
        client.create_endpoint("by-mlflow")
        (tmp_path / "deployment.json").write_text('{"instance_type": "Standard_DS3_v2", "instance_count": 1}')
        config = {"deploy-config-file": str(tmp_path / "deployment.json")}
        client.create_deployment("default", "models:/plane/1", endpoint="by-mlflow", config=config)
        for traffic in ({"default": 0}, {"default": 100}):
            (tmp_path / "traffic.json").write_text(json.dumps({"traffic": traffic}))
            client.update_endpoint("by-mlflow", config={"endpoint-config-file": str(tmp_path / "traffic.json")})
            assert workspace.ml.online_endpoints.get("by-mlflow").traffic == traffic
        key = workspace.ml.online_endpoints.get_keys("by-mlflow").access_token
        rows = {"input_data": {"columns": ["distance", "stops"], "data": [[4, 1]]}}
        uri, headers = client.get_endpoint("by-mlflow")["properties"]["scoringUri"], {"Authorization": f"Bearer {key}"}
        assert requests.post(uri, json=rows, headers=headers, timeout=60).json() == [9.0]
        (tmp_path / "traffic.json").write_text('{"traffic": {"other": 100}}')
        with pytest.raises(HttpResponseError, match="does not exist"):
            client.update_endpoint("by-mlflow", config={"endpoint-config-file": str(tmp_path / "traffic.json")})
        assert [one["name"] for one in client.list_deployments("by-mlflow")] == ["default"]
        client.delete_endpoint("by-mlflow")
        assert "by-mlflow" not in [one.name for one in workspace.ml.online_endpoints.list()]
    finally:
        mlflow.set_tracking_uri(before)


# Beside Microsoft's own inference server


@pytest.fixture(scope="module")
def reference(project):
    """The address of azureml-inference-server-http with the same score.py, in an environment of its own."""
    folder = ROOT / ".cache" / f"inference-server-{REFERENCE.partition('==')[2]}"
    bin_folder = folder / ("Scripts" if os.name == "nt" else "bin")
    with FileLock(f"{folder}.lock"):
        if not (folder / "complete").exists():
            install_reference(folder, bin_folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"COLOUR": "blue", "AZUREML_MODEL_DIR": str(project)}
    process = subprocess.Popen(
        [bin_folder / "azmlinfsrv", "--entry_script", "score.py", "--port", str(port)], cwd=project / "src",
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 40
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"http://127.0.0.1:{port}/", timeout=120).status_code == 200:
                    break
            assert process.poll() is None and time.monotonic() < until, "azmlinfsrv did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def install_reference(folder, bin_folder):
    """About a minute, once. Without a package registry in reach the tests beside the reference are skipped."""
    folder.parent.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, capture_output=True)
    if importlib.util.find_spec("uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--python", bin_folder / "python", REFERENCE]
    else:
        command = [bin_folder / "python", "-m", "pip", "install", "--quiet", REFERENCE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        unreachable = re.search("resolve host|dns error|connect|timed out|network", done.stderr, re.IGNORECASE)
        assert unreachable, done.stderr
        pytest.skip(f"no package registry is in reach, so {REFERENCE} could not be installed")
    (folder / "complete").touch()


JSON = "application/json"
ASKED = [
    ("POST", "/score", '{"data": [1, 2]}', JSON),
    ("POST", "/score", '{"data": [1, 2]}', "text/plain"),
    ("POST", "/score", '{"data": [1, 2]}', "application/x-www-form-urlencoded"),
    ("POST", "/score", '{"data": "ab"}', JSON),
    ("POST", "/score", '{"data": 5}', JSON),
    ("POST", "/score", '{"no": 1}', JSON),
    ("POST", "/score", '{"set": 1}', JSON),
    ("POST", "/score", "not JSON", JSON),
    ("POST", "/score", "", JSON),
    ("POST", "/score", b"\xff", JSON),
    ("POST", "/score", '{"data": [NaN]}', JSON),
    ("GET", "/score?data=1&data=2", None, None),
    ("GET", "/score?data=[4]", None, None),
    ("GET", "/score", None, None),
    ("OPTIONS", "/score", None, None),
    ("PUT", "/score", "{}", JSON),
    ("DELETE", "/score", None, None),
    ("POST", "/", "{}", JSON),
    ("GET", "/", None, None),
    ("GET", "/nothing", None, None),
    ("GET", "/swagger.json", None, None),
    ("GET", "/swagger.json?version=2.0", None, None),
    ("GET", "/swagger.json?version=3", None, None),
    ("GET", "/swagger.json?version=3.1", None, None),
    ("GET", "/swagger.json?version=4", None, None),
    ("GET", "/swagger.json?version=", None, None),
    ("POST", "/swagger.json", "{}", JSON),
]


@pytest.mark.parametrize(("method", "path", "body", "kind"), ASKED)
def test_answers_are_those_of_the_inference_server(endpoint, reference, method, path, body, kind):
    headers = {"Content-Type": kind} if kind else {}
    theirs = requests.request(method, reference + path, data=body, headers=headers, timeout=60)
    headers |= {"Authorization": f"Bearer {endpoint.key}", "azureml-model-deployment": "blue"}
    address = endpoint.uri.removesuffix("/score") + path
    ours = requests.request(method, address, data=body, headers=headers, timeout=60)
    status = int(ours.headers.get("ms-azureml-model-error-statuscode", 200))
    assert status == theirs.status_code
    assert ours.status_code == (200 if theirs.status_code == 200 else 424)
    if "swagger" in path and status == 200:
        assert ours.json()["paths"].keys() <= theirs.json()["paths"].keys()
        assert all(ours.json().get(name) == theirs.json().get(name) for name in ("swagger", "openapi"))
    else:
        assert ours.content == theirs.content
    for name in ("content-type", "x-ms-run-function-failed"):
        assert ours.headers.get(name) == theirs.headers.get(name), name
    assert ("x-ms-run-fn-exec-ms" in ours.headers) == ("x-ms-run-fn-exec-ms" in theirs.headers)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"x-request-id": "one"},
        {"x-ms-client-request-id": "two"},
        {"x-ms-request-id": "three"},
        {"x-request-id": "one", "x-ms-client-request-id": "two", "x-ms-request-id": "three"},
        {"x-request-id": "x" * 101},
        {"x-ms-client-request-id": "x" * 101},
    ],
)
def test_ids_of_requests_come_back_as_from_the_inference_server(endpoint, reference, sent):
    theirs = requests.post(f"{reference}/score", data='{"data": []}', headers=sent, timeout=60)
    ours = call(endpoint, '{"data": []}', "blue", **sent)
    assert int(ours.headers.get("ms-azureml-model-error-statuscode", 200)) == theirs.status_code
    assert ours.json() == theirs.json()
    for name in ("x-request-id", "x-ms-request-id", "x-ms-client-request-id"):
        known = set(sent.values()) | {None}
        mine, other = ours.headers.get(name), theirs.headers.get(name)
        assert mine == other or not {mine, other} & known, name


# From files, as in the examples of Azure's documentation


def test_yaml_files_with_model_and_environment_in_place(workspace, project):
    from azure.ai.ml import load_online_deployment, load_online_endpoint

    (project / "conda.yaml").write_text("name: scoring\ndependencies:\n- python=3.11\n")
    (project / "endpoint.yml").write_text("name: from-files\nauth_mode: key\ntags:\n  client: tern\n")
    (project / "blue.yml").write_text(
        """
name: blue
endpoint_name: from-files
model:
  path: weights.json
code_configuration:
  code: src
  scoring_script: score.py
environment:
  conda_file: conda.yaml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  request_timeout_ms: 3000
"""
    )
    endpoints, deployments = workspace.ml.online_endpoints, workspace.ml.online_deployments
    endpoints.begin_create_or_update(load_online_endpoint(project / "endpoint.yml")).result()
    made = deployments.begin_create_or_update(load_online_deployment(project / "blue.yml")).result()
    assert (made.provisioning_state, made.request_settings.request_timeout_ms) == ("Succeeded", 3000)
    said = endpoints.invoke("from-files", request_file=str(project / "request.json"), deployment_name="blue")
    assert json.loads(said)["results"] == [3, 6]
    endpoints.begin_delete("from-files").result()


def test_tags_that_are_no_texts_and_unknown_identities_are_refused(workspace):
    for body in ({"tags": {"a": 1}}, {"identity": {"type": "Mine"}}, {"tags": "a"}, {"properties": 3}):
        given = {"location": "local", "properties": {"authMode": "Key"}, **body}
        assert workspace.http("PUT", "/onlineEndpoints/odd-one", given).status_code == 400, body
    assert workspace.http("GET", "/onlineEndpoints/odd-one").status_code == 404


def test_what_runs_for_a_workspace_ends_with_it(workspace, tmp_path):
    from azure.ai.ml import MLClient, command
    from azure.ai.ml.entities import Environment, Model, Workspace

    ml = workspace.ml
    ml.workspaces.begin_create(Workspace(name="passing")).result()
    other = MLClient(workspace.credential, ml.subscription_id, ml.resource_group_name, "passing")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text(SCORE)
    (tmp_path / "weights.json").write_text('{"slope": 3}')
    other.models.create_or_update(Model(name="line", version="1", path=str(tmp_path / "weights.json")))
    other.environments.create_or_update(Environment(name="scoring", version="1", image="python:3.11"))
    before = {process.pid for process in workspace.server.children(recursive=True)}
    make_endpoint(SimpleNamespace(ml=other), "passing-by")
    other.online_deployments.begin_create_or_update(deployment(tmp_path, "passing-by", "blue")).result()
    job = other.jobs.create_or_update(command(command="sleep 300", environment=ENVIRONMENT))
    until = time.monotonic() + 240
    while other.jobs.get(job.name).status != "Running" and time.monotonic() < until:
        time.sleep(0.05)
    begun = [one for one in workspace.server.children(recursive=True) if one.pid not in before]
    assert any("sleep" in " ".join(one.cmdline()) for one in begun) and len(begun) > 1
    ml.workspaces.begin_delete("passing", delete_dependent_resources=False).result()
    assert psutil.wait_procs(begun, timeout=120)[1] == []
    assert workspace.http("GET", f"/jobs/{job.name}").status_code == 404
    make_endpoint(workspace, "passing-by")  # the name is free again
    ml.online_endpoints.begin_delete("passing-by").result()
