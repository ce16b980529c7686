"""Registries of Azure Machine Learning: two workspaces share models, data, environments and components."""

import json
import re

import pytest
import requests
from azure.ai.ml import Input, MLClient, command, load_component, load_model, load_registry
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.dsl import pipeline
from azure.ai.ml.entities import (
    BuildContext,
    CodeConfiguration,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    Registry,
    RegistryRegionDetails,
    SystemCreatedAcrAccount,
    SystemCreatedStorageAccount,
    Workspace,
)
from azure.ai.ml.exceptions import ValidationException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

pytest_plugins = ["ml_workspace"]

REGISTRY = "tern-shared"
VERSION = "2021-10-01-dataplanepreview"
YAML = f"""
name: {REGISTRY}
description: what all depots use
tags:
  of: tern
location: local
replication_locations:
  - location: local
  - location: northeurope
"""
COMPONENT = f"""
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: count_lines
version: 1
type: command
inputs:
  parcels:
    type: uri_file
outputs:
  counted:
    type: uri_folder
code: ./src
environment: azureml://registries/{REGISTRY}/environments/counting/versions/1
command: python count.py ${{{{inputs.parcels}}}} ${{{{outputs.counted}}}}
"""
COUNT = """
import sys
from pathlib import Path

lines = Path(sys.argv[1]).read_text().splitlines()
Path(sys.argv[2], "lines.txt").write_text(str(len(lines)))
print("counted", len(lines))
"""
SCORE = """
import json
import os
from pathlib import Path

def init():
    global slope
    slope = json.loads(Path(os.environ["AZUREML_MODEL_DIR"], "weights.json").read_text())["slope"]

def run(raw):
    return {"results": [slope * value for value in json.loads(raw)["data"]]}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "registry.yml").write_text(YAML)
    (folder / "component.yml").write_text(COMPONENT)
    (folder / "src").mkdir()
    (folder / "src" / "count.py").write_text(COUNT)
    (folder / "scoring").mkdir()
    (folder / "scoring" / "score.py").write_text(SCORE)
    (folder / "weights.json").write_text('{"slope": 3}')
    (folder / "parcels.csv").write_text("parcel,late\n1,0\n2,1\n")
    (folder / "months" / "2026").mkdir(parents=True)
    (folder / "months" / "2026" / "may.csv").write_text("parcel,late\n3,0\n")
    (folder / "image").mkdir()
    (folder / "image" / "Dockerfile").write_text("FROM python:3.11\n")
    (folder / "delays").mkdir()
    (folder / "delays" / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n")
    return folder


@pytest.fixture(scope="module")
def ml(workspace, project):
    """A client of the first workspace; the registry has been created with it."""
    workspace.ml.registries.begin_create(load_registry(project / "registry.yml")).result()
    return workspace.ml


@pytest.fixture(scope="module")
def shared(workspace, ml):
    """A client of the registry, which needs to know nothing but its name."""
    return MLClient(workspace.credential, registry_name=REGISTRY)


@pytest.fixture(scope="module")
def depot(workspace, ml):
    """A client of a second workspace."""
    ml.workspaces.begin_create(Workspace(name="depot")).result()
    return MLClient(workspace.credential, ml.subscription_id, ml.resource_group_name, "depot")


@pytest.fixture
def name(request):
    """A name of its own for the asset of a test."""
    return re.sub(r"\W", "-", request.node.name.removeprefix("test_"))[:80]


def plain_put(workspace, path, body, version="2024-10-01-preview"):
    token = workspace.credential.get_token("https://management.azure.com/.default").token
    return requests.put(
        f"https://management.azure.com{path}?api-version={version}",
        json=body, headers={"Authorization": f"Bearer {token}"}, timeout=120,
    )  # fmt: skip


def of_registry(workspace, method, path, body=None, version=VERSION):
    """A plain request below the address of the registry's assets."""
    home = workspace.path.rsplit("/workspaces/", 1)[0] + f"/registries/{REGISTRY}"
    address = f"https://local.api.azureml.ms/mferp/managementfrontend{home}{path}?api-version={version}"
    return workspace.http(method, address, body)


# The registry


def test_a_registry_from_a_file(ml):
    found = ml.registries.get(REGISTRY)
    assert (found.name, found.location, found.tags) == (REGISTRY, "local", {"of": "tern"})
    assert [one.location for one in found.replication_locations] == ["local", "northeurope"]
    storage = found.replication_locations[0].storage_config
    assert isinstance(storage, SystemCreatedStorageAccount)
    assert storage.arm_resource_id.split("/")[-2] == "storageAccounts"
    assert found.discovery_url.endswith(f"/registries/{REGISTRY}/discovery")
    assert [one.name for one in ml.registries.list()] == [REGISTRY]
    assert [one.name for one in ml.registries.list(scope="subscription")] == [REGISTRY]


def entity(name, location="westeurope", tags=None, regions=("westeurope",)):
    details = [
        RegistryRegionDetails(
            location=one,
            acr_config=[SystemCreatedAcrAccount(acr_account_sku="Premium")],
            storage_config=SystemCreatedStorageAccount(storage_account_hns=True, storage_account_type="Standard_ZRS"),
        )
        for one in regions
    ]
    return Registry(name=name, location=location, tags=tags, replication_locations=details)


def test_a_registry_from_making_to_deleting(workspace, ml, project):
    made = ml.registries.begin_create(entity("yard", tags={"of": "tern"})).result()
    assert (made.name, made.location) == ("yard", "westeurope")
    assert made.replication_locations[0].storage_config.storage_account_hns is True
    changed = ml.registries.begin_create(entity("yard", tags={"of": "kestrel"}, regions=("westeurope", "uksouth")))
    assert changed.result().tags == {"of": "kestrel"}
    yard = MLClient(workspace.credential, registry_name="YARD")  # names ignore case
    yard.models.create_or_update(Model(name="line", version="1", path=str(project / "weights.json")))
    account = ml.registries.get("yard").replication_locations[0].storage_config.arm_resource_id.rsplit("/", 1)[1]
    assert (workspace.home / "storage" / account).is_dir()
    ml.registries.begin_delete(name="yard").result()
    assert not (workspace.home / "storage" / account).exists()
    with pytest.raises(ResourceNotFoundError) as missing:
        ml.registries.get("yard")
    assert missing.value.error.code == "ResourceNotFound"
    with pytest.raises(ResourceNotFoundError, match="Registry with name yard was not found"):
        MLClient(workspace.credential, registry_name="yard")
    ml.registries.begin_delete(name="yard").result()  # nothing is there, and nothing happens
    ml.registries.begin_create(entity("yard")).result()
    assert list(MLClient(workspace.credential, registry_name="yard").models.list()) == []
    ml.registries.begin_delete(name="yard").result()


def test_what_a_registry_cannot_be(workspace, ml):
    with pytest.raises(HttpResponseError, match="cannot be a registry's name"):
        ml.registries.begin_create(entity("my registry"))
    with pytest.raises(HttpResponseError, match="must name the registry's own location"):
        ml.registries.begin_create(entity("yard", regions=("uksouth",)))
    with pytest.raises(HttpResponseError, match="location cannot be changed"):
        ml.registries.begin_create(entity(REGISTRY))
    with pytest.raises(HttpResponseError, match="name azureml is taken"):
        ml.registries.begin_create(entity("azureml"))
    own = entity("yard")
    own.replication_locations[0].acr_config = ["/subscriptions/s/resourceGroups/g/providers/p/registries/r"]
    with pytest.raises(HttpResponseError, match="account of your own") as refused:
        ml.registries.begin_create(own)
    assert refused.value.status_code == 501
    subscription = workspace.path.split("/resourceGroups/")[0]
    other = f"{subscription}/resourceGroups/other"
    path = f"{other}/providers/Microsoft.MachineLearningServices/registries/{REGISTRY}"
    body = {"location": "local", "properties": {"regionDetails": [{"location": "local"}]}}
    assert plain_put(workspace, path, body).json()["error"]["code"] == "ResourceGroupNotFound"
    assert plain_put(workspace, other, {"location": "westeurope"}, "2025-04-01").status_code == 201
    taken = plain_put(workspace, path, body)
    assert (taken.status_code, taken.json()["error"]["target"]) == (409, "name")
    for wrong in ({}, {"regionDetails": "local"}, {"regionDetails": [{}]}, {"regionDetails": [None]}):
        assert plain_put(workspace, path, {"location": "local", "properties": wrong}).status_code in (400, 409)
    account = [{"location": "local", "storageAccountDetails": [1]}]
    free = path.replace(REGISTRY, "free")
    assert (
        plain_put(workspace, free, {"location": "local", "properties": {"regionDetails": account}}).status_code == 400
    )


def test_microsofts_own_registry_is_not_here(workspace, ml):
    with pytest.raises(ResourceNotFoundError, match="Microsoft's own") as missing:
        MLClient(workspace.credential, registry_name="azureml")
    assert missing.value.error.code == "UserError"
    job = command(
        command="true", environment="azureml:plain:1", compute="cpu-cluster",
        inputs={"model": Input(type="custom_model", path="azureml://registries/azureml/models/bert/versions/1")},
    )  # fmt: skip
    ml.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11"))
    with pytest.raises(HttpResponseError, match="Microsoft's own"):
        ml.jobs.create_or_update(job)


def test_discovery_needs_a_token_and_a_registry(workspace, ml):
    address = f"https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/{REGISTRY}/discovery"
    assert requests.get(address, timeout=120).status_code == 401
    found = workspace.http("GET", address).json()
    assert found["regions"] == ["local", "northeurope"]
    assert found["resourceGroup"] == ml.resource_group_name
    assert workspace.http("GET", address.replace(REGISTRY, "none")).status_code == 404


# Models


@pytest.mark.parametrize("what", ["weights.json", "months"])
def test_a_model_goes_into_a_registry_and_comes_out(shared, project, tmp_path, what):
    name = f"to-and-fro-{what.split('.')[0]}"
    made = shared.models.create_or_update(Model(name=name, path=str(project / what), tags={"by": "hand"}))
    assert made.id == f"azureml://registries/{REGISTRY}/models/{name}/versions/1"
    assert (made.version, made.type, made.tags) == ("1", "custom_model", {"by": "hand"})
    shared.models.download(name, "1", tmp_path)
    sent = [one for one in [project / what, *(project / what).rglob("*")] if one.is_file()]
    got = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert sorted(one.read_text() for one in got) == sorted(one.read_text() for one in sent)


def test_versions_labels_and_lists_of_models(shared, project, name):
    for version in ("1", None, "7"):
        shared.models.create_or_update(Model(name=name, version=version, path=str(project / "weights.json")))
    assert [one.version for one in shared.models.list(name)] == ["7", "2", "1"]
    assert shared.models.get(name, label="latest").version == "7"
    shared.models.archive(name, version="7")
    assert [one.version for one in shared.models.list(name)] == ["2", "1"]
    assert shared.models.get(name, label="latest").version == "2"
    shared.models.restore(name, version="7")
    assert shared.models.get(name, label="latest").version == "7"
    assert name in [one.name for one in shared.models.list()]
    shared.models.archive(name)
    assert name not in [one.name for one in shared.models.list()]
    assert name in [one.name for one in shared.models.list(list_view_type=ListViewType.ALL)]
    shared.models.restore(name)
    with pytest.raises(ResourceNotFoundError, match=f"not found in registry {REGISTRY}"):
        shared.models.get(name, "99")
    with pytest.raises(HttpResponseError, match="whole number"):
        shared.models.create_or_update(Model(name=name, version="first", path=str(project / "weights.json")))


def test_only_words_about_a_version_can_be_changed(workspace, shared, project, name):
    made = shared.models.create_or_update(Model(name=name, version="1", path=str(project / "weights.json")))
    made.tags["approved"] = "yes"
    assert shared.models.create_or_update(made).tags == {"approved": "yes"}
    other = shared.models.create_or_update(Model(name=name, version="2", path=str(project / "months")))
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated") as refused:
        shared.models.create_or_update(Model(name=name, version="1", path=other.path))
    assert refused.value.status_code == 409
    body = {"assetId": f"azureml://registries/{REGISTRY}/models/{name}/versions/1"}
    assert of_registry(workspace, "PUT", f"/tempdatarefs/{name}/versions/1", body).status_code == 409


def test_a_model_of_mlflow_is_looked_into(shared, project, name):
    path = project / "model.yml"
    path.write_text(f"name: {name}\nversion: 3\ntype: mlflow_model\npath: ./delays\n")
    shared.models.create_or_update(load_model(path))
    assert shared.models.get(name, "3").flavors["python_function"]["loader_module"] == "mlflow.sklearn"


# Sharing


def test_a_model_is_shared_between_workspaces(workspace, ml, shared, depot, project, tmp_path, name):
    source = project / "months"
    ml.models.create_or_update(Model(name=name, version="4", path=str(source), description="May", tags={"by": "hand"}))
    given = ml.models.share(name, "4", registry_name=REGISTRY, share_with_name="shared-model", share_with_version="1")
    assert given.id == f"azureml://registries/{REGISTRY}/models/shared-model/versions/1"
    assert (given.description, given.tags) == ("May", {"by": "hand"})
    assert ml.models.get(name, "4").id.startswith("/subscriptions/")  # the client is the workspace's again
    shared.models.download("shared-model", "1", tmp_path)
    assert (tmp_path / "shared-model" / "months" / "2026" / "may.csv").read_text() == "parcel,late\n3,0\n"
    # the copy is a copy
    for file in (workspace.home / "storage").rglob("may.csv"):
        if "LocalUpload" in file.parts:
            file.write_text("changed")
    shared.environments.create_or_update(Environment(name="counting", version="1", image="python:3.11"))
    ran = depot.jobs.create_or_update(
        command(
            command="cat ${{inputs.model}}/2026/may.csv",
            environment=f"azureml://registries/{REGISTRY}/environments/counting/versions/1",
            inputs={"model": Input(type="custom_model", path=given.id)},
        )
    )
    depot.jobs.stream(ran.name)
    depot.jobs.download(ran.name, download_path=tmp_path, all=True)
    assert "3,0" in next(tmp_path.rglob("std_log.txt")).read_text()


def test_what_cannot_be_shared(workspace, ml, project, name):
    ml.models.create_or_update(Model(name=name, version="1", path=str(project / "weights.json")))
    words = {"share_with_name": name, "share_with_version": "1"}
    with pytest.raises(ResourceNotFoundError, match="Registry with name nowhere was not found"):
        ml.models.share(name, "1", registry_name="nowhere", **words)
    with pytest.raises(HttpResponseError, match="was not found in workspace"):
        ml.models.share(name, "8", registry_name=REGISTRY, **words)
    with pytest.raises(HttpResponseError, match="cannot be the name"):
        ml.models.share(name, "1", registry_name=REGISTRY, share_with_name="a b", share_with_version="1")
    ml.models.share(name, "1", registry_name=REGISTRY, **words)
    with pytest.raises(ValidationException, match="already exists in registry"):
        ml.models.share(name, "1", registry_name=REGISTRY, **words)
    guid = ml.workspaces.get(ml.workspace_name)._workspace_id

    def ask(source, **more):
        return of_registry(workspace, "POST", "/import", {"properties": {"sourceAssetId": source, **more}})

    start = f"azureml://locations/local/workspaces/{guid}"
    assert ask(f"{start}/models/{name}/versions/1").status_code == 409
    assert ask(f"{start}/components/{name}/versions/1").status_code == 501
    assert ask(f"azureml://locations/local/workspaces/none/models/{name}/versions/1").status_code == 404
    assert ask("azureml:weights:1").status_code == 400
    assert ask(f"{start}/models/{name}/versions/1", destinationVersion=2).status_code == 400


def test_data_and_environments_are_shared(ml, shared, project, name):
    ml.data.create_or_update(Data(name=name, version="1", path=str(project / "months"), type="uri_folder"))
    build = BuildContext(path=str(project / "image"))
    ml.environments.create_or_update(Environment(name=name, version="1", build=build))
    words = {"registry_name": REGISTRY, "share_with_name": "shared-asset", "share_with_version": "2"}
    data = ml.data.share(name, "1", **words)
    environment = ml.environments.share(name, "1", **words)
    assert data.id == f"azureml://registries/{REGISTRY}/data/shared-asset/versions/2"
    assert environment.id == f"azureml://registries/{REGISTRY}/environments/shared-asset/versions/2"
    account = re.match("https://([a-z0-9]+)[.]blob", data.path)[1]
    assert environment.build.path.startswith(f"https://{account}.")
    assert ml.environments.get(name, "1").build.path != environment.build.path
    assert shared.data.get("shared-asset", label="latest").type == "uri_folder"


# Data, environments, components: used by a workspace's jobs


def test_data_and_environments_of_a_registry(shared, project, name):
    made = shared.data.create_or_update(Data(name=name, version="1", path=str(project / "months"), type="uri_folder"))
    assert made.path.startswith("https://")
    shared.data.create_or_update(Data(name=name, version="2", path=str(project / "months"), type="uri_folder"))
    assert [one.version for one in shared.data.list(name)] == ["2", "1"]
    shared.data.archive(name, version="2")
    assert shared.data.get(name, label="latest").version == "1"
    shared.environments.create_or_update(Environment(name=name, version="1", image="python:3.11"))
    made = shared.environments.create_or_update(Environment(name=name, build=BuildContext(path=str(project / "image"))))
    assert (made.version, made.build.dockerfile_path) == ("2", "Dockerfile")
    assert shared.environments.get(name, label="latest").version == "2"
    shared.environments.archive(name, version="2")
    assert [one.version for one in shared.environments.list(name)] == ["1"]
    with pytest.raises(HttpResponseError, match="can be changed, not image"):
        shared.environments.create_or_update(Environment(name=name, version="1", image="python:3.12"))


def test_a_component_of_a_registry_in_a_pipeline(workspace, ml, shared, project, tmp_path):
    shared.environments.create_or_update(Environment(name="counting", version="1", image="python:3.11"))
    shared.data.create_or_update(Data(name="parcels", version="1", path=str(project / "parcels.csv"), type="uri_file"))
    made = shared.components.create_or_update(load_component(project / "component.yml"))
    assert made.id == f"azureml://registries/{REGISTRY}/components/count_lines/versions/1"
    assert [one.name for one in shared.components.list()] == ["count_lines"]
    count = shared.components.get("count_lines", label="latest")

    @pipeline(default_compute="cpu-cluster")
    def counting(parcels):
        return {"counted": count(parcels=parcels).outputs.counted}

    job = counting(Input(type="uri_file", path=f"azureml://registries/{REGISTRY}/data/parcels/labels/latest"))
    ran = ml.jobs.create_or_update(job)
    assert workspace.wait(ran.name)["status"] == "Completed"
    ml.jobs.download(ran.name, download_path=tmp_path, output_name="counted")
    assert next(tmp_path.rglob("lines.txt")).read_text() == "3"
    shared.components.archive("count_lines", version="1")
    assert list(shared.components.list("count_lines")) == []
    shared.components.restore("count_lines", version="1")


@pytest.mark.parametrize(
    ("kind", "path", "sentence"),
    [
        ("uri_file", f"azureml://registries/{REGISTRY}/data/nothing/versions/1", "version 1 of nothing was not found"),
        (
            "uri_file",
            f"azureml://registries/{REGISTRY}/data/nothing/labels/latest",
            "nothing was not found in",
        ),
        ("uri_file", "azureml://registries/nowhere/data/parcels/versions/1", "Registry with name nowhere"),
        ("uri_file", f"azureml://registries/{REGISTRY}/environments/counting/versions/1", "names no data"),
    ],
)
def test_a_job_names_what_a_registry_has_not(ml, kind, path, sentence):
    environment = Environment(image="python:3.11")
    job = command(command="true", environment=environment, inputs={"data": Input(type=kind, path=path)})
    with pytest.raises(HttpResponseError, match=sentence):
        ml.jobs.create_or_update(job)


def test_a_job_names_an_environment_that_a_registry_has_not(workspace, ml):
    missing = f"azureml://registries/{REGISTRY}/environments/nothing/versions/1"
    refused = workspace.put_job("no-environment", command="true", environmentId=missing)
    assert (refused.status_code, "nothing was not found" in refused.text) == (404, True)


# An online deployment, and what survives


@pytest.mark.parametrize("version", ["versions/5", "labels/latest"])
def test_a_model_of_a_registry_is_deployed_in_another_workspace(shared, depot, project, version):
    name = f"slope-by-{version[:6]}"
    shared.models.create_or_update(Model(name=name, version="5", path=str(project / "weights.json")))
    depot.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    depot.environments.create_or_update(Environment(name="scoring", version="1", image="python:3.11"))
    blue = ManagedOnlineDeployment(
        name="blue", endpoint_name=name, model=f"azureml://registries/{REGISTRY}/models/{name}/{version}",
        code_configuration=CodeConfiguration(code=str(project / "scoring"), scoring_script="score.py"),
        environment="azureml:scoring:1", instance_type="Standard_DS3_v2", instance_count=1,
    )  # fmt: skip
    made = depot.online_deployments.begin_create_or_update(blue).result()
    assert made.model == f"azureml://registries/{REGISTRY}/models/{name}/versions/5"
    (project / "request.json").write_text('{"data": [1, 2]}')
    answer = depot.online_endpoints.invoke(name, deployment_name="blue", request_file=str(project / "request.json"))
    assert json.loads(answer) == {"results": [3, 6]}


def test_a_deployment_of_a_model_that_a_registry_has_not(depot, project):
    depot.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="empty-line")).result()
    for model, sentence in (("none/versions/1", "version 1 of none"), ("none/labels/latest", "none was not found")):
        blue = ManagedOnlineDeployment(
            name="blue", endpoint_name="empty-line", model=f"azureml://registries/{REGISTRY}/models/{model}",
            code_configuration=CodeConfiguration(code=str(project / "scoring"), scoring_script="score.py"),
            environment=Environment(image="python:3.11"), instance_type="Standard_DS3_v2", instance_count=1,
        )  # fmt: skip
        with pytest.raises(HttpResponseError, match=sentence):
            depot.online_deployments.begin_create_or_update(blue)


def test_a_client_of_a_registry_that_knows_a_workspace(workspace, ml, shared, project, name):
    client = MLClient(
        workspace.credential, ml.subscription_id, ml.resource_group_name, registry_name=REGISTRY,
        workspace_reference=ml.workspace_name,
    )  # fmt: skip
    client.models.create_or_update(Model(name=name, version="1", path=str(project / "weights.json")))
    assert shared.models.get(name, "1").id == client.models.get(name, "1").id


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/tempdatarefs/a/versions/1", {}, 400),
        ("PUT", "/tempdatarefs/a/versions/1", {"assetId": 3}, 400),
        ("PUT", "/tempdatarefs/a/versions/1", {"assetId": f"azureml://registries/{REGISTRY}/models/b/versions/1"}, 400),
        ("PUT", "/tempdatarefs/a/versions/x", {"assetId": f"azureml://registries/{REGISTRY}/models/a/versions/x"}, 400),
        ("PUT", "/tempdatarefs/a/versions/1", {"assetId": "azureml://registries/other/models/a/versions/1"}, 400),
        ("POST", "/datarefs/a/versions/1", {"assetId": f"azureml://registries/{REGISTRY}/models/a/versions/1"}, 404),
        ("POST", "/import", {}, 400),
        ("POST", "/import", {"properties": {"sourceAssetId": ["x"]}}, 400),
        ("PUT", "/models/a/versions/1", {"properties": {"modelUri": "azureml://datastores/x/paths/y"}}, 404),
        ("PUT", "/models/a/versions/1", {"properties": {}}, 400),
        ("GET", "/models", None, 200),
        ("GET", "/datastores", None, 400),
        ("POST", "/models/a/versions/1/package", {}, 400),
    ],
)
def test_requests_that_no_client_sends(workspace, ml, method, path, body, status):
    answer = of_registry(workspace, method, path, body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["error"]["message"]
    assert of_registry(workspace, method, path, body, "2020-01-01").status_code in (400, 501)


def test_a_registry_is_still_there_after_a_kill(workspace, ml, shared, project, name, tmp_path):
    shared.models.create_or_update(Model(name=name, version="1", path=str(project / "weights.json")))
    workspace.kill()
    assert [one.name for one in ml.registries.list()] == [REGISTRY]
    MLClient(workspace.credential, registry_name=REGISTRY).models.download(name, "1", tmp_path)
    assert json.loads((tmp_path / name / "weights.json").read_text()) == {"slope": 3}
