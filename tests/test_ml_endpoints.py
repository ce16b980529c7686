"""Online endpoints of Azure Machine Learning, through the real MLClient, and called by plain requests."""

import collections
import json
from types import SimpleNamespace

import pytest
import requests

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml:scoring:1"
SCORE = """
import json
import os
import sys
import time
from pathlib import Path

def init():
    global model, colour
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
