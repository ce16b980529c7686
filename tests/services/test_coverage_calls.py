"""What COVERAGE.md says of the management clients and of blob storage is tried: each operation is called once.

The arguments are dummies, so an operation that is answered may well be refused for them; what is not yet there says so.
"""

import inspect
import os
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.storage.blob import BlobBlock, BlobServiceClient, CorsRule, ImmutabilityPolicy

from local_azure import coverage
from local_azure.services.storage import account_key
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ELSEWHERE = "https://elsewhere.blob.core.windows.net/c/b"
# By the name of the argument; whatever is not here gets a word
DUMMIES = {
    "account_name": "local-azure-course", "api_version": "2025-09-01", "location": "swedencentral",
    "resource_group_name": "learning", "resource_provider_namespace": "Microsoft.CognitiveServices",
    "parent_resource_path": "", "resource_type": "accounts", "resource_name": "nobody", "key_name": "Key3",
    "resource_id": "/subscriptions/{s}/resourceGroups/learning/providers/Microsoft.CognitiveServices/accounts/nobody",
    "scope": "/subscriptions/{s}", "skus": ["S"], "subscription_id": "{s}", "tag_name": "t", "tag_value": "v",
    "rai_blocklist_items": [], "rai_blocklist_items_names": [], "default": "default",
    "source_resource_group_name": "learning", "group_id": "g",
    # of blobs
    "block_id": "YQ==", "block_list": [BlobBlock("YQ==")], "blob": "a.txt", "container": "other", "data": b"x",
    "immutability_policy": ImmutabilityPolicy(expiry_time=NOW, policy_mode="Unlocked"), "key_expiry_time": NOW,
    "key_start_time": NOW - timedelta(hours=1), "legal_hold": True, "length": 512, "metadata": {"a": "b"},
    "copy_id": "c",
    "offset": 0, "page": b"x" * 512, "premium_page_blob_tier": "P10", "sequence_number_action": "update",
    "signed_identifiers": {}, "size": 512, "source_length": 1, "source_offset": 0, "source_url": ELSEWHERE,
    "standard_blob_tier": "Cool", "copy_source_url": ELSEWHERE, "tags": {"a": "b"},
    "previous_snapshot_url": ELSEWHERE, "filter_expression": "a='b'", "query_expression": "SELECT * FROM BlobStorage",
}  # fmt: skip
MORE = {  # what an operation needs beside its required arguments
    "set_service_properties": {"cors": [CorsRule(["https://example.org"], ["GET"])]},
    "check_existence": {"api_version": "2025-09-01"},
    "get_properties": {},
}
NAMES = {"BlobServiceClient": {"name": "other"}, "ContainerClient": {"name": "a.txt"}}
BLOBS = {"delete_blobs": ["a.txt"], "set_standard_blob_tier_blobs": ["Cool", "a.txt"]}
BLOBS["set_premium_page_blob_tier_blobs"] = ["P10", "a.txt"]


def calls():
    for client in (*coverage.MANAGEMENT, *coverage.STORAGE):
        for operation, (state, _) in client.operations.items():
            yield pytest.param(client, operation, state, id=f"{client.names[0].split(':')[1]}.{operation}")


def management(client):
    """The object that has the operations: a client, or one of its groups."""
    credential, subscription = DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"]
    clients = {
        "azure-mgmt-resource-subscriptions": lambda: SubscriptionClient(credential),
        "azure-mgmt-resource": lambda: ResourceManagementClient(credential, subscription),
        "azure-mgmt-cognitiveservices": lambda: CognitiveServicesManagementClient(credential, subscription),
    }
    _, _, attribute = client.service.partition(".")
    made = clients[client.package]()
    return getattr(made, attribute) if attribute else made


@pytest.fixture(scope="module")
def blobs(server_home):
    """The three clients of blob storage by their class, over a container and a blob that are there."""
    account = "coverage"
    key = account_key(load_secrets(), account)
    service = BlobServiceClient(f"https://{account}.blob.core.windows.net", credential=key, retry_total=0)

    def find(name):
        container = service.get_container_client("there")
        if not container.exists():
            container.create_container()
        container.upload_blob("a.txt", b"x", overwrite=True)
        return {"BlobServiceClient": service, "ContainerClient": container}.get(
            name, container.get_blob_client("a.txt")
        )

    return find


def arguments(owner, operation, cls):
    """A dummy for each argument that an operation needs."""
    needed = [
        one for one in inspect.signature(getattr(owner, operation)).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]  # fmt: skip
    dummies = DUMMIES | NAMES.get(cls, {})
    subscription = os.environ["AZURE_SUBSCRIPTION_ID"]
    found = {}
    for one in needed:
        value = dummies.get(one.name, {} if "models" in str(one.annotation) else "dummy-1")
        found[one.name] = value.format(s=subscription) if isinstance(value, str) else value
    return found | MORE.get(operation, {})


@pytest.mark.parametrize(("client", "operation", "state"), calls())
def test_each_operation_is_as_listed(server_home, blobs, client, operation, state):
    module, _, cls = client.names[0].partition(":")
    assert hasattr(import_module(module), cls)
    owner = blobs(cls) if client.package == "azure-storage-blob" else management(client)
    given = arguments(owner, operation, cls)
    if operation == "check_existence" and cls == "ResourceGroupsOperations":
        given.pop("api_version")
    if operation in BLOBS:  # takes any number of blobs, so nothing by name
        given = {}
    status = 200
    try:
        answer = getattr(owner, operation)(*BLOBS.get(operation, ()), **given)
        if hasattr(answer, "__next__") or hasattr(answer, "by_page"):
            list(answer)
        elif hasattr(answer, "result"):
            answer.result()
    except HttpResponseError as error:
        status, message = error.status_code, str(error)
    if state == coverage.NOT_YET:
        assert status == 501 and "What runs locally" in message
    else:
        assert status not in (405, 500, 501), message
