"""Workspaces, computes, datastores and assets of Azure Machine Learning, through an unmodified MLClient."""

import json
import os
import signal
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import psutil
import pytest
import requests
from azure.ai.ml import MLClient, Output, command, load_component, load_compute, load_data, load_environment, load_model
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    AmlCompute,
    AmlComputeSshSettings,
    AzureBlobDatastore,
    AzureFileDatastore,
    BuildContext,
    ComputeInstance,
    Data,
    Environment,
    Hub,
    ManagedNetwork,
    Model,
    NetworkSettings,
    SasTokenConfiguration,
    Workspace,
)
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from waiting import wait_for_end

import local_azure
from local_azure import coverage
from local_azure.errors import AzureError
from local_azure.identity import issue
from local_azure.services.machine_learning import arm as arm_of
from local_azure.services.machine_learning import workspaces
from local_azure.services.machine_learning.assets import assets, datastores
from local_azure.store import Store
from local_azure.userdata import RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, load_secrets

pytest_plugins = ["ml_workspace"]

PARCELS = "parcel,late\n1,0\n2,1\n"


@pytest.fixture(scope="module")
def client(server_home):
    return ml_client(os.environ["AZUREML_WORKSPACE_NAME"])


def ml_client(name):
    return MLClient(
        DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"], name
    )


@pytest.fixture
def name(request):
    """A name of its own for the asset of a test."""
    return f"a{abs(hash(request.node.name)) % 10**12}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parcels" / "2026").mkdir(parents=True)
    (tmp_path / "parcels" / "january.csv").write_text(PARCELS)
    (tmp_path / "parcels" / "2026" / "february.csv").write_text("parcel,late\n3,0\n")
    return tmp_path


def file_asset(client, name, folder, **more):
    path = folder / "parcels" / "january.csv"
    return client.data.create_or_update(Data(name=name, path=str(path), type="uri_file", **more))


# The workspace


def test_the_workspace_of_the_variables_is_there(client):
    workspace = client.workspaces.get(client.workspace_name)
    assert workspace.name == os.environ["AZUREML_WORKSPACE_NAME"]
    assert workspace.mlflow_tracking_uri.startswith("azureml://local.api.azureml.ms/mlflow/")
    assert workspace.storage_account.split("/")[-2] == "storageAccounts"
    assert [one.name for one in client.workspaces.list()].count(workspace.name) == 1
    assert client.workspaces.get_keys(client.workspace_name).user_storage_key


def test_another_workspace_is_not_there_until_it_is_created(client):
    with pytest.raises(ResourceNotFoundError) as missing:
        client.workspaces.get("depot")
    assert missing.value.error.code == "ResourceNotFound"
    made = client.workspaces.begin_create(Workspace(name="depot", display_name="Depot", tags={"of": "tern"})).result()
    assert (made.name, made.display_name, made.tags["of"]) == ("depot", "Depot", "tern")
    depot = ml_client("depot")
    assert [one.name for one in depot.compute.list()] == []
    assert depot.datastores.get_default().name == "workspaceblobstore"
    assert depot.datastores.get_default().account_name != client.datastores.get_default().account_name
    changed = client.workspaces.begin_update(Workspace(name="depot", display_name="North depot")).result()
    assert changed.display_name == "North depot"
    client.workspaces.begin_delete("depot", delete_dependent_resources=True).result()
    with pytest.raises(ResourceNotFoundError):
        client.workspaces.get("depot")


def test_resource_groups(client, arm, workspace_id, tmp_path):
    subscription = workspace_id.split("/resourceGroups/")[0]
    other = MLClient(DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], "north")
    for call in (lambda: list(other.workspaces.list()), lambda: other.workspaces.begin_create(Workspace(name="yard"))):
        with pytest.raises(ResourceNotFoundError) as missing:
            call()
        assert missing.value.error.code == "ResourceGroupNotFound"
    made = arm("PUT", f"{subscription}/resourceGroups/north", "2025-04-01", json={"location": "northeurope"})
    assert (made.status_code, made.json()["properties"]) == (201, {"provisioningState": "Succeeded"})
    assert list(other.workspaces.list()) == []
    path = f"{subscription}/resourceGroups/north/providers/Microsoft.MachineLearningServices/workspaces/yard"
    assert arm("PUT", path, json={"location": "northeurope", "properties": {}}).status_code == 201
    assert [one.location for one in other.workspaces.list()] == ["northeurope"]
    assert len(list(client.workspaces.list(scope="subscription"))) == 2
    other.workspaces.begin_delete("yard", delete_dependent_resources=False).result()


def test_a_hub_is_not_there_yet(client):
    with pytest.raises(HttpResponseError, match="kind hub yet"):
        client.workspaces.begin_create(Hub(name="hub", location="local")).result()


def test_the_first_workspace_cannot_be_deleted(client):
    with pytest.raises(ResourceExistsError, match="stays"):
        client.workspaces.begin_delete(client.workspace_name, delete_dependent_resources=False)


# Computes


def test_a_cluster_from_making_to_deleting(client):
    assert client.compute.get("cpu-cluster").max_instances == 2
    made = client.compute.begin_create_or_update(AmlCompute(name="depot-cluster", max_instances=4)).result()
    assert (made.type, made.provisioning_state, made.min_instances, made.max_instances) == (
        "amlcompute", "Succeeded", 0, 4,
    )  # fmt: skip
    made.max_instances = 1
    assert client.compute.begin_update(made).result().max_instances == 1
    assert "depot-cluster" in [one.name for one in client.compute.list()]
    assert list(client.compute.list_nodes("depot-cluster")) == []
    client.compute.begin_delete("depot-cluster").result()
    with pytest.raises(ResourceNotFoundError):
        client.compute.get("depot-cluster")


def test_a_cluster_from_yaml(client, tmp_path):
    (tmp_path / "cluster.yml").write_text(
        "name: from-yaml\ntype: amlcompute\nsize: Standard_DS2_v2\nmax_instances: 3\n"
    )
    made = client.compute.begin_create_or_update(load_compute(str(tmp_path / "cluster.yml"))).result()
    assert (made.size, made.max_instances) == ("Standard_DS2_v2", 3)
    client.compute.begin_delete("from-yaml").result()


@pytest.mark.parametrize(
    ("compute", "says"),
    [
        (AmlCompute(name="huge", size="Standard_DS4_v2", max_instances=101), "at most 100 nodes"),
        (
            AmlCompute(name="own", network_settings=NetworkSettings(vnet_name="v", subnet="s"), max_instances=1),
            "virtual network",
        ),
        (
            AmlCompute(name="ssh", ssh_settings=AmlComputeSshSettings(admin_username="kim", admin_password="x" * 9)),
            "to log in to",
        ),
        (AmlCompute(name="odd", size="Standard_None", max_instances=1), "not a size"),
        (AmlCompute(name="upside-down", min_instances=3, max_instances=2), "minNodeCount"),
        (AmlCompute(name="-x", max_instances=2), "cannot be the name"),
        (ComputeInstance(name="instance1", size="Standard_DS3_v2"), "has no compute of the type ComputeInstance"),
    ],
)
def test_clusters_that_cannot_be(client, compute, says):
    with pytest.raises(HttpResponseError, match=says):
        client.compute.begin_create_or_update(compute)
    with pytest.raises(ResourceNotFoundError):
        client.compute.get(compute.name)


def test_sizes_and_quota(client):
    """Machines with a GPU are there, with a quota of none until it is asked for."""
    sizes = {one.name: one for one in client.compute.list_sizes()}
    assert (sizes["Standard_DS3_v2"].gpus, sizes["Standard_NC6s_v3"].gpus) == (0, 1)
    limits = {one.name["value"]: one.limit for one in client.compute.list_usage()}
    assert (limits[sizes["Standard_E64s_v3"].family], limits[sizes["Standard_NC6s_v3"].family]) == (100, 0)
    assert {limits[one.family] for one in sizes.values() if one.gpus} == {0}
    assert {limits[one.family] for one in sizes.values() if not one.gpus} == {100}


def test_the_cores_of_waiting_nodes_count_against_the_quota(client, workspace_id, arm):
    """A cluster's least number of nodes is there all the time; its largest number only says how far it may grow."""
    family = "standardFSv2Family"
    subscription = workspace_id.split("/resourceGroups/")[0]

    def used():
        listed = arm("GET", f"{subscription}/providers/Microsoft.MachineLearningServices/locations/local/usages")
        return {one["name"]["value"]: one["currentValue"] for one in listed.json()["value"]}[family]

    waiting = AmlCompute(name="waiting", size="Standard_F4s_v2", min_instances=2, max_instances=100)
    assert used() == 0
    client.compute.begin_create_or_update(waiting).result()
    assert used() == 8
    client.compute.begin_delete("waiting").result()


@pytest.mark.parametrize(
    ("size", "least", "says"),
    [
        ("Standard_NC6s_v3", 0, "Standard NCSv3 family vCPU quota of 0 and .* at least 1 .* maps to 6 vCPUs"),
        ("Standard_ND96amsr_A100_v4", 1, "Standard NDAMSv4 A100 family vCPU quota of 0 .* 96 vCPUs"),
        ("Standard_F4s_v2", 26, "Standard FSv2 family vCPU quota of 100 .* at least 26 .* maps to 104 vCPUs"),
    ],
)
def test_a_size_without_quota_is_refused_in_azures_words(client, size, least, says):
    """The request is taken, and its result is the refusal: a program that does not wait for it learns nothing."""
    poller = client.compute.begin_create_or_update(
        AmlCompute(name="greedy", size=size, min_instances=least, max_instances=max(1, least))
    )
    with pytest.raises(HttpResponseError, match=says) as refused:
        poller.result()
    assert refused.value.error.code == "BadRequest"
    assert refused.value.error.details[0].code == "ClusterMinNodesExceedCoreQuota"
    with pytest.raises(ResourceNotFoundError):
        client.compute.get("greedy")


def test_as_many_nodes_as_the_quota_has_are_taken(client):
    made = client.compute.begin_create_or_update(
        AmlCompute(name="all-of-it", size="Standard_F4s_v2", min_instances=25, max_instances=100)
    ).result()
    assert (made.min_instances, made.max_instances) == (25, 100)
    client.compute.begin_delete("all-of-it").result()


def test_a_cluster_that_is_scaled_keeps_its_size(client):
    """azure-ai-ml sends a size of its own where none is named."""
    client.compute.begin_create_or_update(AmlCompute(name="kept", size="Standard_E8s_v3", max_instances=1)).result()
    made = client.compute.begin_create_or_update(AmlCompute(name="kept", max_instances=3)).result()
    assert (made.size, made.max_instances) == ("Standard_E8s_v3", 3)
    with pytest.raises(HttpResponseError, match="size of kept cannot be changed"):
        client.compute.begin_create_or_update(AmlCompute(name="kept", size="Standard_E4s_v3", max_instances=1))
    client.compute.begin_delete("kept").result()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"managed_network": ManagedNetwork(isolation_mode="AllowInternetOutbound")}, "managed network"),
        ({"storage_account": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/own1"},
         "storage account of one's own"),
        ({"enable_data_isolation": True}, "isolation of data"),
        ({"system_datastores_auth_mode": "identity"}, "opened by identity"),
    ],
)  # fmt: skip
def test_what_a_workspace_would_not_have_here_is_refused_by_name(client, given, says):
    with pytest.raises(HttpResponseError, match=says):
        client.workspaces.begin_create(Workspace(name="apart", location="local", **given)).result()
    assert "apart" not in [one.name for one in client.workspaces.list()]


@pytest.mark.parametrize(
    ("path", "host", "what", "status"),
    [
        ("/connections", "management.azure.com", "connections of a workspace", 501),
        ("/models/m/versions/1/package", "management.azure.com", "packages of models", 501),
        ("/serverlessEndpoints", "management.azure.com", "serverless endpoints", 501),
        ("/models", "local.api.azureml.ms/modelmanagement/v1.0", "model management of version 1", 400),
        ("/datastores/d", "local.api.azureml.ms/datastore/v1.0", "mltable", 400),
    ],
)
def test_what_is_not_there_has_a_name(client, workspace_id, arm, path, host, what, status):
    host, _, prefix = host.partition("/")
    token, _ = issue("https://management.azure.com", load_secrets()["signing"])
    url = f"https://{host}/{prefix + '/' if prefix else ''}{workspace_id.lstrip('/')}{path}"
    answer = requests.get(
        url, params={"api-version": "2024-10-01"}, headers={"Authorization": f"Bearer {token}"}, timeout=120
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, "NotImplemented")
    assert f"has no {what}" in answer.json()["error"]["message"]


# Datastores


def test_the_built_in_datastores(client):
    built_in = {"workspaceblobstore", "workspaceartifactstore", "workspacefilestore", "workspaceworkingdirectory"}
    assert {one.name for one in client.datastores.list()} >= built_in
    assert client.datastores.get("workspacefilestore").file_share_name.startswith("azureml-filestore-")
    files = "azureml://datastores/workspacefilestore/paths/a"
    with pytest.raises(HttpResponseError, match="no file shares"):
        client.models.create_or_update(Model(name="shared", version="1", path=files))
    default = client.datastores.get_default(include_secrets=True)
    assert default.name == "workspaceblobstore"
    url = f"https://{default.account_name}.blob.core.windows.net"
    with BlobServiceClient(url, default.credentials.sas_token) as blobs:
        assert default.container_name in [one.name for one in blobs.list_containers()]
    with pytest.raises(HttpResponseError, match="cannot be deleted"):
        client.datastores.delete("workspaceblobstore")


def test_a_datastore_of_one_s_own(client, workspace_id, arm, tmp_path):
    account = "terndepot"
    group = workspace_id.split("/providers/")[0]
    keys = arm("POST", f"{group}/providers/Microsoft.Storage/storageAccounts/{account}/listKeys", "2023-01-01").json()
    key = keys["keys"][0]["value"]
    with BlobServiceClient(f"https://{account}.blob.core.windows.net", key) as blobs:
        blobs.create_container("parcels").upload_blob("2026/january.csv", PARCELS)
    credentials = AccountKeyConfiguration(account_key=key)
    store = AzureBlobDatastore(
        name="depot", account_name=account, container_name="parcels", credentials=credentials, description="North"
    )
    made = client.datastores.create_or_update(store)
    assert (made.name, made.description, made.credentials.account_key) == ("depot", "North", None)
    assert client.datastores.get("depot", include_secrets=True).credentials.sas_token
    data = Data(
        name="from-depot", version="1", path="azureml://datastores/depot/paths/2026/january.csv", type="uri_file"
    )
    made = client.data.create_or_update(data)
    assert made.path.endswith("/workspaces/course/datastores/depot/paths/2026/january.csv")
    model = Model(name="in-depot", path=str(tmp_path / "model.txt"), type="custom_model", datastore="depot")
    (tmp_path / "model.txt").write_text("weights")
    client.models.create_or_update(model)
    client.models.download("in-depot", "1", str(tmp_path / "out"))
    assert next((tmp_path / "out").rglob("model.txt")).read_text() == "weights"
    client.datastores.delete("depot")
    with pytest.raises(ResourceNotFoundError, match="Could not find datastore: depot"):
        client.datastores.get("depot")


def test_a_signature_opens_a_datastore_too(client):
    store = AzureBlobDatastore(
        name="signed", account_name="terndepot", container_name="parcels",
        credentials=SasTokenConfiguration(sas_token="?sv=1&sig=x"),
    )  # fmt: skip
    client.datastores.create_or_update(store)
    assert client.datastores.get("signed", include_secrets=True).credentials.sas_token == "sv=1&sig=x"


def test_other_kinds_of_datastores_are_not_there_yet(client):
    store = AzureFileDatastore(
        name="files", account_name="terndepot", file_share_name="x",
        credentials=AccountKeyConfiguration(account_key="k"),
    )  # fmt: skip
    with pytest.raises(HttpResponseError, match="AzureFile yet") as refused:
        client.datastores.create_or_update(store)
    assert refused.value.status_code == 501


# Data


def test_versions_of_data_count_up(client, folder, name):
    first = file_asset(client, name, folder, description="January", tags={"month": "1"})
    assert (first.name, first.version, first.type, first.description) == (name, "1", "uri_file", "January")
    (folder / "parcels" / "january.csv").write_text(PARCELS + "9,1\n")
    assert file_asset(client, name, folder).version == "2"
    whole = client.data.create_or_update(Data(name=name, path=str(folder / "parcels"), type="uri_folder"))
    assert (whole.version, whole.type) == ("3", "uri_folder")
    assert client.data.get(name, label="latest").version == "3"
    assert [one.version for one in client.data.list(name)] == ["3", "2", "1"]
    (listed,) = [one for one in client.data.list() if one.name == name]
    assert listed.latest_version == "3"
    assert client.data.get(name, "1").tags == {"month": "1"}
    assert client.data.get(name, "1").creation_context.created_at.timestamp() == pytest.approx(time.time(), abs=60)


def test_versions_need_not_be_numbers(client, folder, name):
    assert file_asset(client, name, folder, version="2026-01-31").version == "2026-01-31"
    assert file_asset(client, name, folder, version="initial").version == "initial"
    assert client.data.get(name, label="latest").version == "initial"
    assert file_asset(client, name, folder).version == "1"


def test_a_version_is_immutable_but_for_what_describes_it(client, folder, name):
    made = file_asset(client, name, folder, version="1", tags={"a": "1"})
    again = file_asset(client, name, folder, version="1", description="The same file")
    assert (again.path, again.description) == (made.path, "The same file")
    (folder / "parcels" / "january.csv").write_text("other content")
    with pytest.raises(ResourceExistsError, match="A data version with this name and version already exists"):
        file_asset(client, name, folder, version="1")
    with pytest.raises(ResourceExistsError, match="dataType"):
        client.data.create_or_update(Data(name=name, version="1", path=made.path, type="uri_folder"))
    assert client.data.get(name, "1").path == made.path


def test_the_uploaded_file_is_a_blob_and_lies_on_disk(client, server_home, folder, name):
    made = file_asset(client, name, folder)
    default = client.datastores.get_default(include_secrets=True)
    relative = made.path.split("/paths/")[1]
    url = f"https://{default.account_name}.blob.core.windows.net"
    with BlobServiceClient(url, default.credentials.sas_token) as blobs:
        blob = blobs.get_blob_client(default.container_name, relative)
        assert blob.download_blob().readall().decode() == PARCELS
        assert blob.get_blob_properties().metadata["upload_status"] == "completed"
    with BlobServiceClient(url, DefaultAzureCredential()) as blobs:
        assert blobs.get_blob_client(default.container_name, relative).exists()
    path = server_home / "storage" / default.account_name / default.container_name / relative
    assert path.read_text() == PARCELS


def test_what_is_missing(client, folder, name):
    with pytest.raises(ResourceNotFoundError, match="not found") as missing:
        client.data.get(name, "1")
    assert missing.value.error.code == "UserError"
    file_asset(client, name, folder)
    with pytest.raises(ResourceNotFoundError, match=f"version 7 of {name}"):
        client.data.get(name, "7")
    with pytest.raises(Exception, match="Asset nothing does not exist in workspace course"):
        client.data.get("nothing", label="latest")
    with pytest.raises(ResourceNotFoundError):
        list(client.data.list("nothing"))
    with pytest.raises(ResourceNotFoundError):
        client.data.archive("nothing")


@pytest.mark.parametrize("bad", ["two words", "dots.are.not", "ü", "-first", "x" * 256])
def test_names_of_data(client, folder, bad):
    with pytest.raises(HttpResponseError, match="cannot be the name of a data asset"):
        file_asset(client, bad, folder, version="1")


def test_archived_assets_are_not_listed(client, folder, name):
    file_asset(client, name, folder)
    file_asset(client, name, folder)
    client.data.archive(name, version="2")
    assert [one.version for one in client.data.list(name)] == ["1"]
    assert [one.version for one in client.data.list(name, list_view_type=ListViewType.ARCHIVED_ONLY)] == ["2"]
    assert [one.version for one in client.data.list(name, list_view_type=ListViewType.ALL)] == ["2", "1"]
    assert client.data.get(name, label="latest").version == "1"
    assert client.data.get(name, "2").version == "2"
    client.data.restore(name, version="2")
    assert client.data.get(name, label="latest").version == "2"
    client.data.archive(name)
    assert name not in [one.name for one in client.data.list()]
    client.data.restore(name)
    assert name in [one.name for one in client.data.list()]


def test_a_table_is_a_folder_with_a_file_mltable(client, folder, name):
    (folder / "parcels" / "MLTable").write_text(
        "type: mltable\npaths:\n  - file: ./january.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n"
    )
    made = client.data.create_or_update(Data(name=name, path=str(folder / "parcels"), type="mltable"))
    assert (made.type, made.version) == ("mltable", "1")
    with pytest.raises(Exception, match="MLTable"):
        client.data.create_or_update(Data(name=name, path=str(folder), type="mltable"))


def test_data_from_yaml_with_a_relative_path(client, folder, name):
    (folder / "asset.yml").write_text(f"name: {name}\ntype: uri_folder\npath: ./parcels\ntags: {{from: yaml}}\n")
    made = client.data.create_or_update(load_data(str(folder / "asset.yml")))
    assert (made.version, made.tags) == ("1", {"from": "yaml"})
    (folder / "bad.yml").write_text(f"name: {name}\ntype: uri_parcel\npath: ./parcels\n")
    with pytest.raises(Exception, match="uri_folder"):
        load_data(str(folder / "bad.yml"))


def test_a_path_that_is_not_there(client, tmp_path, name):
    with pytest.raises(Exception, match="exist"):
        client.data.create_or_update(Data(name=name, path=str(tmp_path / "none.csv"), type="uri_file"))


# Environments


CONDA = {"name": "late", "channels": ["conda-forge"], "dependencies": ["python=3.11", {"pip": ["scikit-learn"]}]}


def test_environments_are_recorded(client, name):
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    made = client.environments.create_or_update(Environment(name=name, image=image, conda_file=CONDA))
    assert (made.version, made.image, made.conda_file) == ("1", image, CONDA)
    assert client.environments.get(name, label="latest").id.endswith(f"/environments/{name}/versions/1")
    again = client.environments.create_or_update(Environment(name=name, version="1", image=image, conda_file=CONDA))
    assert again.version == "1"
    with pytest.raises(ResourceExistsError, match="An environment version with this name and version already exists"):
        client.environments.create_or_update(Environment(name=name, version="1", image="python:3.12"))
    assert name in [one.name for one in client.environments.list()]
    client.environments.archive(name)
    assert name not in [one.name for one in client.environments.list()]


def test_environments_from_yaml_and_from_a_build_context(client, tmp_path, name):
    (tmp_path / "conda.yml").write_text("name: late\ndependencies:\n  - python=3.11\n")
    (tmp_path / "environment.yml").write_text(f"name: {name}.yaml\nimage: python:3.11\nconda_file: ./conda.yml\n")
    made = client.environments.create_or_update(load_environment(str(tmp_path / "environment.yml")))
    assert made.conda_file == {"name": "late", "dependencies": ["python=3.11"]}
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM python:3.11\n")
    context = BuildContext(path=str(tmp_path / "docker"))
    built = client.environments.create_or_update(Environment(name=name, build=context))
    assert built.build.path.startswith("https://") and built.build.dockerfile_path == "Dockerfile"


# Models


def test_a_model_of_one_s_own(client, folder, name):
    model = Model(
        name=name, path=str(folder / "parcels"), type="custom_model", tags={"for": "tern"}, properties={"auc": "0.7"}
    )
    made = client.models.create_or_update(model)
    assert (made.version, made.type, made.tags, made.properties) == (
        "1",
        "custom_model",
        {"for": "tern"},
        {"auc": "0.7"},
    )
    client.models.download(name, "1", str(folder / "out"))
    assert (folder / "out" / name / "parcels" / "2026" / "february.csv").read_text() == "parcel,late\n3,0\n"
    (folder / "parcels" / "january.csv").write_text("retrained")
    second = client.models.create_or_update(Model(name=name, path=str(folder / "parcels")))
    assert second.version == "2"
    assert client.models.get(name, label="latest").version == "2"
    assert [one.version for one in client.models.list(name)] == ["2", "1"]
    with pytest.raises(ResourceExistsError, match="Asset paths cannot be updated"):
        client.models.create_or_update(Model(name=name, version="1", path=str(folder / "parcels")))
    with pytest.raises(HttpResponseError, match="cannot be the version"):
        client.models.create_or_update(Model(name=name, version="v3", path=str(folder / "parcels")))
    client.models.archive(name, version="2")
    assert client.models.get(name, label="latest").version == "1"


def test_one_file_as_a_model(client, tmp_path, name):
    (tmp_path / "model.json").write_text('{"a": 1}')
    (tmp_path / "model.yml").write_text(f"name: {name}\nversion: 1\npath: ./model.json\ntype: custom_model\n")
    client.models.create_or_update(load_model(str(tmp_path / "model.yml")))
    client.models.download(name, "1", str(tmp_path / "out"))
    assert next((tmp_path / "out").rglob("model.json")).read_text() == '{"a": 1}'


def test_an_mlflow_model_has_flavors(client, tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"\x80")
    flavors = {"python_function": {"loader_module": "mlflow.sklearn"}, "sklearn": {"code": None, "pickled_model": "m"}}
    (folder / "MLmodel").write_text(json.dumps({"flavors": flavors}))
    made = client.models.create_or_update(Model(name=name, path=str(folder), type="mlflow_model"))
    assert made.flavors == {"python_function": {"loader_module": "mlflow.sklearn"}, "sklearn": {"pickled_model": "m"}}
    (folder / "MLmodel").write_text("flavors: 3")
    with pytest.raises(HttpResponseError, match="lists no flavors"):
        client.models.create_or_update(Model(name=name, path=str(folder), type="mlflow_model"))
    (folder / "MLmodel").unlink()
    with pytest.raises(HttpResponseError, match="file MLmodel"):
        client.models.create_or_update(Model(name=name, path=str(folder), type="mlflow_model"))


def test_a_model_of_a_path_where_nothing_is(client, name):
    path = "azureml://datastores/workspaceblobstore/paths/none/model"
    with pytest.raises(ResourceNotFoundError, match="nothing at that path"):
        client.models.create_or_update(Model(name=name, path=path, type="custom_model"))


# Components


@pytest.fixture
def component_file(client, tmp_path, name):
    client.environments.create_or_update(Environment(name="late", version="1", image="python:3.11"))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('training')\n")
    file = tmp_path / "component.yml"
    file.write_text(
        textwrap.dedent(f"""\
            name: {name}
            display_name: Train
            type: command
            inputs:
              data: {{type: uri_file}}
              rate: {{type: number, default: 0.1, optional: true}}
            outputs:
              model: {{type: uri_folder}}
            code: ./code
            environment: azureml:late@latest
            command: python train.py ${{{{inputs.data}}}} $[[--rate ${{{{inputs.rate}}}}]] ${{{{outputs.model}}}}
            """)
    )
    return file


def test_a_component_from_yaml(client, component_file, name):
    made = client.components.create_or_update(load_component(str(component_file)))
    assert (made.name, made.version, made.display_name) == (name, "1", "Train")
    assert made.environment.endswith("/environments/late/versions/1")
    got = client.components.get(name)
    assert (got.version, list(got.inputs), list(got.outputs)) == ("1", ["data", "rate"], ["model"])
    assert got.command.startswith("python train.py ${{inputs.data}}")
    unchanged = client.components.create_or_update(load_component(str(component_file)), skip_if_no_change=True)
    assert unchanged.version == "1"
    component_file.write_text(component_file.read_text().replace("python train.py", "python -u train.py"))
    assert client.components.create_or_update(load_component(str(component_file))).version == "2"
    assert client.components.get(name).command.startswith("python -u")
    assert [one.version for one in client.components.list(name)] == ["2", "1"]
    assert name in [one.name for one in client.components.list()]
    with pytest.raises(ResourceExistsError, match="already exists"):
        client.components.create_or_update(load_component(str(component_file)), version="1")


def test_the_same_code_is_kept_once(client, component_file, server_home):
    first = client.components.create_or_update(load_component(str(component_file)))
    component_file.write_text(component_file.read_text().replace("python train.py", "python -W error train.py"))
    second = client.components.create_or_update(load_component(str(component_file)))
    assert first.code == second.code and second.version == "2"
    assert [path.read_text() for path in server_home.glob("storage/*/*/code/train.py")] == ["print('training')\n"]


def test_a_component_can_be_taken_home(client, component_file, tmp_path, name):
    client.components.create_or_update(load_component(str(component_file)))
    client.components.download(name, str(tmp_path / "out"), version="1")
    assert next((tmp_path / "out").rglob("train.py")).read_text() == "print('training')\n"
    assert "python train.py" in (tmp_path / "out" / "component_spec.yaml").read_text()


# From a job: lineage


def test_outputs_of_a_job_become_a_model_and_data(client, tmp_path, name):
    save = (
        "mkdir -p outputs/model && echo weights > outputs/model/weights.txt && echo 1 > ${{outputs.scores}}/scores.csv"
    )
    job = command(
        command=save, environment=Environment(image="python:3.11"), compute="cpu-cluster",
        outputs={"scores": Output(type="uri_folder")},
    )  # fmt: skip
    run = client.jobs.create_or_update(job).name
    deadline = time.monotonic() + 240
    while client.jobs.get(run).status not in ("Completed", "Failed"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    path = f"azureml://jobs/{run}/outputs/artifacts/paths/outputs/model/"
    made = client.models.create_or_update(Model(name=name, path=path, type="custom_model"))
    assert (made.version, made.job_name) == ("1", run)
    assert made.path.endswith(f"/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{run}/outputs/model")
    client.models.download(name, "1", str(tmp_path))
    assert next(tmp_path.rglob("weights.txt")).read_text() == "weights\n"
    again = client.models.create_or_update(Model(name=name, path=f"runs:/{run}/outputs/model", type="custom_model"))
    assert (again.version, again.job_name, again.path) == ("2", run, made.path)
    scores = Data(name=name, path=f"azureml://jobs/{run}/outputs/scores", type="uri_folder")
    assert f"/{run}/scores" in client.data.create_or_update(scores).path
    with pytest.raises(ResourceNotFoundError, match="no output"):
        missing = f"azureml://jobs/{run}/outputs/none/paths/x"
        client.models.create_or_update(Model(name=name, path=missing, type="custom_model"))


# Where references lead on disk


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A workspace without a server: state, ARM id, and the folder of its default datastore."""
    home = tmp_path_factory.mktemp("shelf")
    state = SimpleNamespace(store=Store(home / "store.sqlite3"), home=home, secrets={"signing": "s"})
    workspaces.ensure_first(state)
    first = arm_of.workspace_path(SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE)
    folder = datastores.path(state, first, "workspaceblobstore")
    (folder / "in put").mkdir()
    (folder / "in put" / "a.csv").write_text("1")
    address = "azureml://datastores/workspaceblobstore/paths/in put/a.csv"
    for version in ("1", "2"):
        assets.put_version(state, first, "data", "train", version, {"dataType": "uri_file", "dataUri": address})
    assets.put_version(state, first, "models", "late", "1", {"modelType": "custom_model", "modelUri": address})
    yield SimpleNamespace(state=state, workspace=first, folder=folder)
    state.store.close()


def test_references_to_data(shelf):
    account, container = shelf.folder.parts[-2:]
    scope = "subscriptions/x/resourcegroups/y/workspaces/z"
    for reference in (
        "azureml:train:1",
        "train:2",
        "azureml:train@latest",
        f"{shelf.workspace}/data/train/versions/1",
        f"azureml:{shelf.workspace.upper()}/DATA/train/VERSIONS/1",
        f"{shelf.workspace}/models/late/versions/1",
        f"azureml://{scope}/data/train/versions/2",
        "azureml://locations/local/workspaces/0/data/train/versions/1",
        "azureml://datastores/workspaceblobstore/paths/in put/a.csv",
        "azureml://datastores/workspaceblobstore/paths/in%20put/a.csv",
        f"azureml://{scope}/datastores/workspaceblobstore/paths/in put/a.csv",
        f"https://{account}.blob.core.windows.net/{container}/in%20put/a.csv?sv=1&sig=2",
        f"wasbs://{container}@{account}.blob.core.windows.net/in put/a.csv",
    ):
        assert assets.resolve(shelf.state, shelf.workspace, reference) == shelf.folder / "in put" / "a.csv", reference
    assert assets.resolve(shelf.state, shelf.workspace, "late:1", "models").name == "a.csv"
    for whole in (
        "azureml://datastores/workspaceblobstore/paths/in put/",
        "azureml://datastores/workspaceblobstore/paths/",
    ):
        assert assets.resolve(shelf.state, shelf.workspace, whole).is_dir()


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("azureml:train:9", 404), ("azureml:none:1", 404), ("azureml:train@oldest", 404), ("azureml:none@latest", 404),
        ("azureml:train", 400), ("", 400), ("a b c", 400), ("/etc/passwd", 400), ("file:///etc/passwd", 400),
        ("azureml://datastores/none/paths/x", 404), ("azureml://datastores/workspaceblobstore/paths/none", 404),
        ("azureml://datastores/workspaceblobstore/paths/../../../secrets.json", 400),
        ("azureml://datastores/workspaceblobstore/paths/%2e%2e/%2e%2e/secrets.json", 400),
        ("azureml://datastores/workspaceblobstore/paths//etc/passwd", 404),
        ("https://example.org/a.csv", 400), ("https://x.blob.core.windows.net/a", 400),
        ("https://abc.blob.core.windows.net/../../secrets.json", 400), ("abfss://c@abc.dfs.core.windows.net/x", 400),
    ],
)  # fmt: skip
def test_references_that_lead_nowhere(shelf, reference, status):
    with pytest.raises(AzureError) as refused:
        assets.resolve(shelf.state, shelf.workspace, reference)
    assert refused.value.status == status, refused.value


@pytest.mark.parametrize(
    "address", ["https://abc.blob.core.windows.net/public/a.csv", "wasbs://public@abc.blob.core.windows.net/a.csv"]
)
def test_data_of_the_internet_is_said_to_be_elsewhere(shelf, address):
    with pytest.raises(AzureError, match="not the internet's") as refused:
        assets.resolve(shelf.state, shelf.workspace, address)
    assert refused.value.status == 404


# As others see it: plain HTTP


def test_arm_answers_as_arm_does(arm, workspace_id):
    resource = arm("GET", workspace_id).json()
    assert resource["id"] == workspace_id and resource["type"] == "Microsoft.MachineLearningServices/workspaces"
    assert set(resource["systemData"]) >= {"createdAt", "createdBy", "lastModifiedAt"}
    assert arm("GET", workspace_id.lower()).json() == arm("GET", workspace_id.upper()).json() == resource


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (None, "MissingApiVersionParameter"),
        ("2099-01-01", "NoRegisteredProviderFound"),
        ("new", "InvalidApiVersionParameter"),
    ],
)
def test_api_versions_that_are_refused(arm, workspace_id, version, code):
    answer = arm("GET", workspace_id, version)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    "version", ["2022-05-01", "2023-04-01-preview", "2024-04-01", "2025-01-01-preview", "2025-12-01"]
)
def test_api_versions_that_are_taken(arm, workspace_id, version):
    assert arm("GET", f"{workspace_id}/data", version).status_code == 200


def test_who_may(arm, workspace_id, server_home):
    wrong, _ = issue("https://storage.azure.com", load_secrets()["signing"])
    for headers, code in (
        ({}, "AuthenticationFailed"),
        ({"api-key": os.environ["FOUNDRY_KEY"]}, "AuthenticationFailed"),
        ({"Authorization": "Bearer nonsense"}, "InvalidAuthenticationToken"),
        ({"Authorization": "Bearer e30.e30.ü".encode()}, "InvalidAuthenticationToken"),
        ({"Authorization": f"Bearer {wrong}"}, "InvalidAuthenticationTokenAudience"),
    ):
        answer = arm("GET", workspace_id, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_what_azure_has_and_this_has_not_says_so(arm, workspace_id):
    for path in ("/featuresets", "/marketplaceSubscriptions/x", "/nothing"):
        answer = arm("GET", workspace_id + path)
        assert answer.status_code == 501 and "What runs locally" in answer.json()["error"]["message"]


LISTED_BELOW = {
    "azure_openai_deployments": "connection", "batch_deployments": "endpoint", "workspace_outbound_rules": "course",
}  # fmt: skip
WITHOUT_LIST = ("deployment_templates", "evaluators")  # in registries only; a kind of models
NOT_YET = [
    group.service.split(".")[1]
    for group in coverage.MACHINE_LEARNING
    if group.operations.get("list", ("",))[0] == coverage.NOT_YET
]


@pytest.mark.parametrize("group", sorted(set(NOT_YET) - set(WITHOUT_LIST)))
def test_groups_of_operations_that_are_not_there_yet_say_so(client, group):
    below = [LISTED_BELOW[group]] if group in LISTED_BELOW else []
    with pytest.raises(HttpResponseError, match="What runs locally") as refused:
        list(getattr(client, group).list(*below))
    own_service = group == "indexes"  # asked at the workspace's own address, whose clients try again after a 5xx
    assert refused.value.status_code == (400 if own_service else 501)


def test_lists_come_in_pages(arm, workspace_id, client, folder, name):
    for _ in range(3):
        file_asset(client, name, folder)
    first = arm("GET", f"{workspace_id}/data/{name}/versions?$top=2").json()
    assert [one["name"] for one in first["value"]] == ["3", "2"]
    following = arm("GET", first["nextLink"].removeprefix("https://management.azure.com"), None).json()
    assert [one["name"] for one in following["value"]] == ["1"] and "nextLink" not in following
    assert arm("GET", f"{workspace_id}/data/{name}/versions?$top=x").status_code == 400


ODD = [
    b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff", b'{"properties": 3}',
    b'{"properties": []}', b'{"properties": {}}', b'{"properties": {"tags": 3}}',
    b'{"properties": {"dataType": 3, "dataUri": {}}}', b'{"properties": {"dataType": "uri_file", "dataUri": ["x"]}}',
    b'{"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/../paths/../../x"}}',
    b'{"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/a/paths/x", "tags": 3}}',
    b'{"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/../../../../etc"}}',
    b'{"properties": {"componentSpec": 3}}', b'{"properties": {"image": {}, "build": 3}}',
    b'{"properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": 3}}}',
    b'{"properties": {"datastoreType": "AzureBlob", "accountName": "../x", "containerName": "y"}}',
    b'{"properties": {"datastoreType": "AzureBlob", "accountName": "abc", "containerName": "abc", "credentials": 3}}',
    b'{"properties": {"a": NaN}}', b"[" * 100_000, b'{"properties": {"description": "\\ud800"}}',
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/data/odd", "/data/odd/versions/1", "/models/odd/versions/1", "/components/odd/versions/1",
     "/environments/odd/versions/1", "/codes/odd/versions/1", "/computes/odd", "/datastores/odd"],
)  # fmt: skip
def test_no_body_makes_it_fail(arm, workspace_id, path):
    for body in ODD:
        answer = arm("PUT", workspace_id + path, data=body)
        assert answer.status_code in (200, 201, 400, 404, 409, 501), (body[:100], answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"]["code"] and answer.json()["error"]["message"]


# Together, and over time


def test_two_kernels_count_versions_without_losing_any(client, folder, name):
    paths = []
    for number in range(6):
        paths.append(folder / f"{number}.csv")
        paths[-1].write_text(f"{number}\n")

    def register(path):
        return client.data.create_or_update(Data(name=name, path=str(path), type="uri_file")).version

    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(register, paths))
    assert sorted(versions) == sorted({one.version for one in client.data.list(name)}) == list("123456")


def test_assets_survive_a_kill_of_the_server(client, folder, name, server_home):
    made = file_asset(client, name, folder, description="kept")
    server = psutil.Process(json.loads((server_home / "server.json").read_text())["pid"])
    server.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    wait_for_end(server.pid)
    os.environ.update(local_azure.environment())
    assert ml_client(client.workspace_name).data.get(name, "1").description == "kept"
    assert file_asset(client, name, folder).version == "2"
    assert made.version == "1"


# Curated environments, and what clients make by the way


def test_curated_environments_are_there(client):
    listed = [one.name for one in client.environments.list()]
    assert "AzureML-sklearn-1.5" in listed
    found = client.environments.get("AzureML-sklearn-1.5", label="latest")
    assert found.image == "mcr.microsoft.com/azureml/curated/sklearn-1.5:1"
    assert client.environments.get("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", version="33").version == "33"
    with pytest.raises(ResourceNotFoundError):
        client.environments.get("AzureML-none-1.0", label="latest")


def test_a_model_without_a_name_is_not_listed(client, workspace_id, arm):
    body = {"properties": {"modelType": "custom_model", "modelUri": _uploaded(client), "isAnonymous": True}}
    made = arm("PUT", f"{workspace_id}/models/3f2a9c/versions/1", json=body)
    assert made.status_code == 201, made.text
    assert "3f2a9c" not in [one.name for one in client.models.list()]
    assert client.models.get("3f2a9c", version="1").name == "3f2a9c"


def _uploaded(client):
    default = client.datastores.get_default(include_secrets=True)
    url = f"https://{default.account_name}.blob.core.windows.net"
    with BlobServiceClient(url, default.credentials.sas_token) as blobs:
        blobs.get_blob_client(default.container_name, "by-the-way/model.txt").upload_blob(b"1", overwrite=True)
    return "azureml://datastores/workspaceblobstore/paths/by-the-way/model.txt"


def test_a_version_of_ten_digits(client):
    made = client.models.create_or_update(Model(name="timed", version="1796043203", path=_uploaded(client)))
    assert made.version == "1796043203"
