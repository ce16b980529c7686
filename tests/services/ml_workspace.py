"""A local Azure as a notebook has it: a server process of its own, and this test process prepared by start().

The server is a process of its own, so that tests can kill it. Used as a plugin by the tests of Azure Machine Learning
and of storage: `server_home` is the server's folder, `arm` plain HTTP, `workspace` what a notebook has after start().
"""

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests
from waiting import SECONDS, wait_for_end

import local_azure
from local_azure.identity import issue
from local_azure.userdata import load_secrets

LEFT_OVER = ("LOCAL_AZURE", "LOCAL_AZURE_UPSTREAM_PROXY", "LOCAL_AZURE_TRUSTED_BUNDLE", "FOUNDRY_ENDPOINT")
NAMES = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")  # what start() exports


@pytest.fixture(scope="module")
def server_home(tmp_path_factory):
    """The environment that start() makes, for the tests of one file; the folder of its server."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LEFT_OVER:
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("local-azure") / "home with a blank"
        patch.setenv("LOCAL_AZURE_HOME", str(home))
        patch.setenv("LOCAL_AZURE_ALWAYS", "1")
        patch.setenv("LOCAL_AZURE_IDLE_MINUTES", "5")
        for name, value in local_azure.environment().items():
            patch.setenv(name, value)
        yield home
        local_azure.stop_server()
        forget_mlflows_clients()


def forget_mlflows_clients():
    """MLflow keeps a client for each address, with a token of the server that answered there. The next file's server
    has the same address and other secrets.
    """
    if "mlflow" in sys.modules:
        from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
        from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

        ModelRegistryStoreRegistry._get_store_with_resolved_uri.cache_clear()
        TrackingStoreRegistry._get_store_with_resolved_uri.cache_clear()
    if loader := sys.modules.get("azureml.mlflow._internal.service_context_loader"):
        loader._AzureMLServiceContextLoader._tracking_uri_to_service_context.clear()


@pytest.fixture(scope="module")
def workspace_id(server_home):
    """The ARM id of the workspace that is there from the beginning."""
    subscription, group, name = (os.environ[name] for name in NAMES)
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices"
        f"/workspaces/{name}"
    )


@pytest.fixture(scope="module")
def arm(server_home):
    """Plain HTTP to Azure Resource Manager with a token: arm("GET", path, version, json=…)."""
    token, _ = issue("https://management.azure.com", load_secrets()["signing"])

    def call(method, path, version="2024-10-01-preview", headers=None, **given):
        headers = {"Authorization": f"Bearer {token}"} if headers is None else headers
        query = {"api-version": version} if version else {}
        return requests.request(
            method, f"https://management.azure.com{path}", params=query, headers=headers, timeout=120, **given
        )

    return call


@pytest.fixture(scope="module")
def workspace(server_home, workspace_id):
    """What a notebook has after start(): variables set, `ml` an MLClient; and `http` for requests of one's own."""
    return Workspace(server_home, workspace_id)


class Workspace:
    """The workspace of a server, through the SDK and through plain requests."""

    def __init__(self, home, path):
        from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential

        self.home, self.path = home, path
        self.credential = DefaultAzureCredential()
        self.ml = MLClient(self.credential, *(os.environ[name] for name in NAMES), enable_telemetry=False)

    @property
    def server(self):
        """The process of the server."""
        return psutil.Process(json.loads((self.home / "server.json").read_text())["pid"])

    def kill(self, pause=0):
        """End the server without warning, and start another, so many seconds later, as the next start() does."""
        server = self.server
        server.kill()
        wait_for_end(server.pid)
        time.sleep(pause)
        os.environ.update(local_azure.environment())

    def restart(self):
        """Stop the server as `python -m local_azure down` does, and start another."""
        assert local_azure.stop_server()
        os.environ.update(local_azure.environment())

    def http(self, method, path, body=None, version="2025-01-01-preview", host="management.azure.com"):
        """One request with a token; `path` below the workspace unless it begins with https."""
        token = self.credential.get_token("https://management.azure.com/.default").token
        query = f"?api-version={version}" if host == "management.azure.com" else ""
        return requests.request(
            method, f"https://{host}{self.path}{path}{query}" if path.startswith("/") or not path else path,
            json=body, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS,
        )  # fmt: skip

    def put_job(self, name, **properties):
        """Submit a command job by a plain request, which takes milliseconds."""
        environment = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
        given = {"jobType": "Command", "environmentId": environment, **properties}
        return self.http("PUT", f"/jobs/{name}", {"properties": given})

    def job(self, name):
        """The properties of a job."""
        answer = self.http("GET", f"/jobs/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()["properties"]

    def wait(self, name, *statuses):
        """Look every 20 ms until a job has one of the statuses (or has ended, if none is named); its properties."""
        wanted = statuses or ("Completed", "Failed", "Canceled")
        until = time.monotonic() + SECONDS
        while True:
            job = self.job(name)
            if job["status"] in wanted:
                return job
            assert time.monotonic() < until, job
            assert statuses == () or job["status"] not in ("Completed", "Failed", "Canceled"), job
            time.sleep(0.02)

    def folders(self, name):
        """The folders of this name that the server keeps. What is being removed meanwhile does not disturb."""
        walk = os.walk(self.home)  # rglob would stumble over a folder that goes away
        return [Path(here, name) for here, inner, _ in walk if name in inner]

    def run_record(self, name):
        """What run history says of a job."""
        path = f"https://local.api.azureml.ms/history/v1.0{self.path}/runs/{name}"
        answer = self.http("GET", path)
        assert answer.status_code == 200, answer.text
        return SimpleNamespace(**answer.json())

    def log(self, name, which="user_logs/std_log.txt"):
        """A log of a job, from the address that run history gives."""
        path = f"https://local.api.azureml.ms/history/v1.0{self.path}/runs/{name}/details"
        return requests.get(self.http("GET", path).json()["logFiles"][which], timeout=SECONDS).text
