"""A local Azure as a notebook has it: a server process of its own, and this test process prepared by start().

Used as a plugin by the tests of Azure Machine Learning and of storage.
"""

import os

import pytest
import requests

import local_azure
from local_azure.identity import issue
from local_azure.userdata import load_secrets

LEFT_OVER = ("LOCAL_AZURE", "LOCAL_AZURE_UPSTREAM_PROXY", "LOCAL_AZURE_TRUSTED_BUNDLE", "FOUNDRY_ENDPOINT")


@pytest.fixture(scope="module")
def azure(tmp_path_factory):
    """The environment that start() makes, for the tests of one file; the folder of its server."""
    with pytest.MonkeyPatch.context() as patch:
        for name in LEFT_OVER:
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("local-azure")
        patch.setenv("LOCAL_AZURE_HOME", str(home))
        patch.setenv("LOCAL_AZURE_ALWAYS", "1")
        for name, value in local_azure.environment().items():
            patch.setenv(name, value)
        yield home
        local_azure.stop_server()


@pytest.fixture(scope="module")
def workspace_id(azure):
    """The ARM id of the workspace that is there from the beginning."""
    names = [os.environ[name] for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")]
    provider = "providers/Microsoft.MachineLearningServices"
    return f"/subscriptions/{names[0]}/resourceGroups/{names[1]}/{provider}/workspaces/{names[2]}"


@pytest.fixture(scope="module")
def arm(azure):
    """Plain HTTP to Azure Resource Manager with a token: arm("GET", path, version, json=…)."""
    token, _ = issue("https://management.azure.com", load_secrets()["signing"])

    def call(method, path, version="2024-10-01-preview", headers=None, **given):
        headers = {"Authorization": f"Bearer {token}"} if headers is None else headers
        query = {"api-version": version} if version else {}
        return requests.request(
            method, f"https://management.azure.com{path}", params=query, headers=headers, timeout=20, **given
        )

    return call
