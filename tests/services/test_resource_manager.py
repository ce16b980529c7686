"""Azure Resource Manager through Microsoft's own clients: subscription, regions, providers, groups, resources, tags."""

import contextlib
import json
import os
import sqlite3
import time
import uuid

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

import local_azure
from local_azure.identity import TENANT, issue
from local_azure.services.resource_manager import limits, locations
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

VERSION = "2025-04-01"
ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
ACCOUNTS = "Microsoft.CognitiveServices/accounts"


@pytest.fixture(scope="module")
def subscription(server_home):
    return os.environ["AZURE_SUBSCRIPTION_ID"]


@pytest.fixture(scope="module")
def client(subscription):
    return ResourceManagementClient(DefaultAzureCredential(), subscription)


@pytest.fixture(scope="module")
def subscriptions(server_home):
    return SubscriptionClient(DefaultAzureCredential())


@pytest.fixture
def group(client):
    """A group of this test's own."""
    name = f"rg-{uuid.uuid4().hex[:8]}"
    client.resource_groups.create_or_update(name, {"location": "swedencentral"})
    yield name
    with contextlib.suppress(HttpResponseError):
        client.resource_groups.begin_delete(name).result()


def put_account(arm, subscription, group, name, **changes):
    """An account, by a plain request."""
    path = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{ACCOUNTS}/{name}"
    body = {"location": "swedencentral", "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}} | changes
    answer = arm("PUT", path, "2025-09-01", json=body)
    assert answer.status_code == 201, answer.text
    return path


def code_of(caught):
    return caught.value.status_code, caught.value.error.code


# Subscription, tenant, regions


def test_the_subscription_and_its_tenant(subscriptions, subscription):
    (one,) = subscriptions.subscriptions.list()
    assert (one.subscription_id, one.tenant_id, one.state) == (subscription, TENANT, "Enabled")
    assert subscriptions.subscriptions.get(subscription).display_name == one.display_name
    assert [tenant.tenant_id for tenant in subscriptions.tenants.list()] == [TENANT]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [(str(uuid.UUID(int=7)), (404, "SubscriptionNotFound")), ("mine", (400, "InvalidSubscriptionId"))],
)
def test_there_is_no_other_subscription(subscriptions, given, refusal):
    with pytest.raises(HttpResponseError) as caught:
        subscriptions.subscriptions.get(given)
    assert code_of(caught) == refusal
    with pytest.raises(HttpResponseError) as caught:
        list(ResourceManagementClient(DefaultAzureCredential(), given).resource_groups.list())
    assert code_of(caught) == refusal


def test_regions_have_names_places_and_pairs(subscriptions, subscription):
    regions = {one.name: one for one in subscriptions.subscriptions.list_locations(subscription)}
    sweden = regions["swedencentral"]
    assert (sweden.display_name, sweden.regional_display_name) == ("Sweden Central", "(Europe) Sweden Central")
    assert (sweden.metadata.geography_group, sweden.metadata.physical_location) == ("Europe", "Gävle")
    assert [zone.logical_zone for zone in sweden.availability_zone_mappings] == ["1", "2", "3"]
    assert regions["westeurope"].metadata.paired_region[0].name == "northeurope"
    assert regions["italynorth"].metadata.paired_region == []
    assert regions["westus"].availability_zone_mappings is None
    for region in locations.REGIONS.values():
        assert float(region.latitude) and float(region.longitude)
        assert region.name == locations.plain(region.display)
        # the one that is left out is open to nobody
        assert region.pair in locations.REGIONS or region.pair in ("", "swedensouth")


def test_names_that_azure_keeps_for_itself(subscriptions):
    for name, status in (("harbour", "Allowed"), ("Office365", "Reserved"), ("mymicrosoftapp", "Reserved")):
        assert subscriptions.check_resource_name({"name": name, "type": ACCOUNTS}).status == status


def test_zones_are_one_s_own(subscriptions, subscription):
    peers = subscriptions.subscriptions.check_zone_peers(
        subscription, {"location": "swedencentral", "subscriptionIds": [f"subscriptions/{subscription}"]}
    )
    assert [one.availability_zone for one in peers.availability_zone_peers] == ["1", "2", "3"]
    with pytest.raises(HttpResponseError):
        subscriptions.subscriptions.check_zone_peers(subscription, {"location": "westus", "subscriptionIds": []})


# Who may


@pytest.mark.parametrize(
    ("audience", "age", "code"),
    [
        ("https://cognitiveservices.azure.com", 0, "InvalidAuthenticationTokenAudience"),
        ("https://ml.azure.com", 0, "InvalidAuthenticationTokenAudience"),
        ("https://management.azure.com", 7200, "ExpiredAuthenticationToken"),
    ],
)
def test_tokens_that_do_not_open_resource_manager(arm, subscription, audience, age, code):
    token, _ = issue(audience, load_secrets()["signing"], now=time.time() - age)
    answer = arm("GET", f"/subscriptions/{subscription}", VERSION, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert "authorization_uri" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("audience", ["https://management.azure.com/", "https://management.core.windows.net/"])
def test_both_names_of_resource_manager_are_audiences(arm, subscription, audience):
    token, _ = issue(audience, load_secrets()["signing"])
    answer = arm("GET", f"/subscriptions/{subscription}", "2022-12-01", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_what_is_no_token_is_refused(arm, subscription):
    for headers, code in (
        ({}, "AuthenticationFailed"),
        ({"api-key": os.environ["FOUNDRY_KEY"]}, "AuthenticationFailed"),
        ({"Authorization": "Bearer a.b.c"}, "InvalidAuthenticationToken"),
    ):
        for path in (f"/subscriptions/{subscription}/resourceGroups", "/subscriptions", "/nothing/here"):
            answer = arm("GET", path, VERSION, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_versions_of_the_api(arm, subscription):
    for version, code in (
        (None, "MissingApiVersionParameter"),
        ("1999-01-01", "NoRegisteredProviderFound"),
        ("newest", "InvalidApiVersionParameter"),
    ):
        answer = arm("GET", f"/subscriptions/{subscription}/resourceGroups", version)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


# Providers


def test_providers_say_what_they_have(client):
    found = {one.namespace: one for one in client.providers.list()}
    assert {"Microsoft.CognitiveServices", "Microsoft.MachineLearningServices", "Microsoft.Storage"} <= set(found)
    one = client.providers.get("microsoft.cognitiveservices")
    types = {kind.resource_type: kind for kind in one.resource_types}
    assert one.registration_state == "Registered" and "2025-09-01" in types["accounts"].api_versions
    assert "Sweden Central" in types["accounts"].locations
    assert "West India" not in types["accounts"].locations
    tenant = client.providers.get_at_tenant_scope("Microsoft.CognitiveServices")
    assert tenant.registration_state is None
    types = client.provider_resource_types.list("Microsoft.Storage").value
    assert [kind.resource_type for kind in types] == ["storageAccounts"]


def test_providers_that_are_not_here(client):
    with pytest.raises(HttpResponseError) as caught:
        client.providers.get("Microsoft.Compute")
    assert code_of(caught) == (501, "NotImplemented")
    with pytest.raises(HttpResponseError) as caught:
        client.providers.get("Contoso.Nothing")
    assert code_of(caught) == (404, "InvalidResourceNamespace")


def test_every_provider_can_be_registered(client):
    """Also those whose services take whatever else is asked for below their names."""
    for provider in client.providers.list():
        assert client.providers.register(provider.namespace).registration_state == "Registered", provider.namespace


def test_a_provider_is_registered_before_it_is_used(client, arm, subscription, group):
    """With all its resources gone a provider can be unregistered; then nothing of it can be created."""
    with pytest.raises(HttpResponseError) as caught:
        client.providers.unregister("Microsoft.CognitiveServices")
    assert caught.value.status_code == 409  # the course's own account is there
    with pytest.raises(HttpResponseError):
        client.providers.unregister("Microsoft.Resources")
    assert client.providers.register("Microsoft.CognitiveServices").registration_state == "Registered"


# Groups


def test_a_group_from_making_to_deleting(client, subscription):
    assert client.resource_groups.check_existence("rg-harbour") is False
    made = client.resource_groups.create_or_update("rg-harbour", {"location": "Sweden Central", "tags": {"a": "b"}})
    assert (made.name, made.location, made.tags, made.type) == (
        "rg-harbour", "swedencentral", {"a": "b"}, "Microsoft.Resources/resourceGroups",
    )  # fmt: skip
    assert made.id == f"/subscriptions/{subscription}/resourceGroups/rg-harbour"
    assert made.properties.provisioning_state == "Succeeded"
    assert client.resource_groups.check_existence("RG-Harbour") is True
    assert client.resource_groups.get("RG-HARBOUR").name == "rg-harbour"
    again = client.resource_groups.create_or_update("rg-harbour", {"location": "swedencentral"})
    assert not again.tags  # a PUT replaces
    assert client.resource_groups.update("rg-harbour", {"tags": {"c": "d"}}).tags == {"c": "d"}
    assert "rg-harbour" in [one.name for one in client.resource_groups.list()]
    began = time.monotonic()
    client.resource_groups.begin_delete("rg-harbour").result()
    assert time.monotonic() - began < 25, "the client waited its 30 seconds between two looks"
    assert client.resource_groups.check_existence("rg-harbour") is False
    for call in (client.resource_groups.get, client.resource_groups.begin_delete):
        with pytest.raises(ResourceNotFoundError) as caught:
            call("rg-harbour")
        assert code_of(caught) == (404, "ResourceGroupNotFound")
        assert caught.value.error.message == "Resource group 'rg-harbour' could not be found."


def test_a_group_stays_where_it_is(client, group):
    with pytest.raises(ResourceExistsError) as caught:
        client.resource_groups.create_or_update(group, {"location": "westeurope"})
    assert code_of(caught) == (409, "InvalidResourceGroupLocation")
    assert "already exists in location 'swedencentral'" in caught.value.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "LocationRequired"),
        ({"location": "atlantis"}, "LocationNotAvailableForResourceGroup"),
        ({"location": "swedencentral", "tags": {"a": 1}}, "InvalidRequestContent"),
        ({"location": "swedencentral", "tags": {"a<b": "c"}}, "InvalidTagNameCharacters"),
        ({"location": "swedencentral", "tags": {"Team": "a", "team": "b"}}, "InvalidRequestContent"),
        ({"location": 7}, "InvalidRequestContent"),
    ],
)
def test_what_a_group_cannot_be(arm, subscription, body, code):
    answer = arm("PUT", f"/subscriptions/{subscription}/resourceGroups/rg-odd", VERSION, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("name", "status"),
    [("a" * 90, 201), ("a" * 91, 400), ("dot.", 400), ("a b", 400), ("a#b", 400), ("(x)_y-z.é1", 201)],
)
def test_names_of_groups(arm, subscription, name, status):
    path = f"/subscriptions/{subscription}/resourceGroups/{requests.utils.quote(name, safe='')}"
    answer = arm("PUT", path, VERSION, json={"location": "swedencentral"})
    assert answer.status_code == status, answer.text
    if status == 201:
        assert arm("GET", path, VERSION).json()["name"] == name
        assert arm("DELETE", path, VERSION).status_code == 202
    else:
        assert answer.json()["error"]["code"] == "InvalidResourceGroup"


def test_limits_of_tags(arm, subscription, group):
    path = f"/subscriptions/{subscription}/resourceGroups/{group}"

    def put(tags):
        answer = arm("PUT", path, VERSION, json={"location": "swedencentral", "tags": tags})
        return answer.status_code if answer.status_code == 200 else answer.json()["error"]["code"]

    assert put({f"t{number}": "" for number in range(limits.TAGS)}) == 200
    assert put({f"t{number}": "" for number in range(limits.TAGS + 1)}) == "TooManyTags"
    assert put({"n" * limits.TAG_NAME: "v" * limits.TAG_VALUE}) == 200
    assert put({"n" * (limits.TAG_NAME + 1): ""}) == "InvalidTagNameLength"
    assert put({"n": "v" * (limits.TAG_VALUE + 1)}) == "InvalidTagValueLength"


def test_980_groups_and_no_more(arm, subscription, client, server_home):
    """Most of them are written into the store: by requests it takes half a minute."""
    base = f"/subscriptions/{subscription}/resourceGroups"
    made = [f"rg-many-{number}" for number in range(limits.GROUPS - 1 - len(list(client.resource_groups.list())))]
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        for name in made:
            group = {
                "id": f"{base}/{name}", "name": name, "type": "Microsoft.Resources/resourceGroups",
                "location": "swedencentral", "tags": {}, "properties": {"provisioningState": "Succeeded"},
            }  # fmt: skip
            database.execute("INSERT INTO resources VALUES ('ml', ?, ?)", (group["id"].lower(), json.dumps(group)))
    body = {"location": "swedencentral"}
    assert arm("PUT", f"{base}/rg-the-last", VERSION, json=body).status_code == 201
    refused = arm("PUT", f"{base}/rg-one-more", VERSION, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ResourceGroupQuotaExceeded")
    assert arm("PUT", f"{base}/{made[0]}", VERSION, json=body).status_code == 200  # one that is there can be changed
    assert len(list(client.resource_groups.list())) == limits.GROUPS  # over several pages
    assert len(list(client.resource_groups.list(top=7))) == 7
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        database.execute("DELETE FROM resources WHERE key LIKE '%/rg-many-%'")
    client.resource_groups.begin_delete("rg-the-last").result()


def test_groups_are_found_by_their_tags(client, group):
    client.resource_groups.update(group, {"tags": {"Client": "Kestrel's", "team": "a"}})

    def names(text):
        return [one.name for one in client.resource_groups.list(filter=text)]

    assert names("tagName eq 'client' and tagValue eq 'Kestrel''s'") == [group]
    assert names("tagName eq 'client'") == [group]
    assert names("tagName eq 'client' and tagValue eq 'a'") == []  # that is another tag's value
    with pytest.raises(HttpResponseError) as caught:
        names("size gt 3")
    assert code_of(caught) == (400, "InvalidFilterInQueryString")


def test_the_course_s_own_group_is_locked(client):
    with pytest.raises(ResourceExistsError) as caught:
        client.resource_groups.begin_delete("learning")
    assert code_of(caught) == (409, "ScopeLocked")
    (storage,) = client.resources.list_by_resource_group(
        "learning", filter="resourceType eq 'Microsoft.Storage/storageAccounts'"
    )
    with pytest.raises(ResourceExistsError) as caught:
        client.resources.begin_delete_by_id(storage.id, api_version="2023-01-01")
    assert code_of(caught) == (409, "ScopeLocked")
    assert client.resource_groups.get("learning").location == "swedencentral"
    assert client.resource_groups.update("learning", {"tags": {"mine": "yes"}}).tags == {"mine": "yes"}


@pytest.mark.parametrize("verb", ["exportTemplate", "moveResources", "validateMoveResources"])
def test_what_groups_cannot_do_yet(arm, subscription, group, verb):
    answer = arm("POST", f"/subscriptions/{subscription}/resourceGroups/{group}/{verb}", VERSION, json={})
    assert answer.status_code == 501 and "What runs locally" in answer.json()["error"]["message"]


# What is in a group


def test_a_group_goes_with_all_that_is_in_it(client, arm, workspace, subscription, group, server_home):
    """A workspace with what lies below it, its storage and its files, and an account."""
    account = put_account(arm, subscription, group, f"in-{group}")
    base = f"/subscriptions/{subscription}/resourceGroups/{group}/providers"
    path = f"{base}/Microsoft.MachineLearningServices/workspaces/yard"
    assert arm("PUT", path, json={"location": "swedencentral", "properties": {}}).status_code == 201
    storage = arm("GET", path).json()["properties"]["storageAccount"]
    job = {"properties": {"jobType": "Command", "command": "sleep 60", "environmentId": ENVIRONMENT}}
    assert arm("PUT", f"{path}/jobs/long", "2024-04-01", json=job).status_code == 201
    folder = server_home / "storage" / storage.rsplit("/", 1)[-1]
    assert folder.is_dir()
    found = {one.type for one in client.resources.list_by_resource_group(group)}
    assert found == {ACCOUNTS, "Microsoft.MachineLearningServices/workspaces", "Microsoft.Storage/storageAccounts"}
    client.resource_groups.begin_delete(group).result()
    assert not folder.is_dir()
    for gone, version in ((path, "2024-10-01"), (account, "2025-09-01"), (f"{path}/jobs/long", "2024-10-01")):
        assert arm("GET", gone, version).status_code == 404
    deleted = arm("GET", f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/deletedAccounts", None)
    assert deleted.status_code == 400
    deleted = arm(
        "GET", f"/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/deletedAccounts", "2025-09-01"
    )
    assert f"in-{group}" in [one["name"] for one in deleted.json()["value"]]
    assert list(client.resources.list(filter=f"resourceGroup eq '{group}'")) == []


def test_a_deletion_goes_on_after_a_kill(client, arm, workspace, subscription, group):
    for number in range(3):
        put_account(arm, subscription, group, f"kill-{number}-{group}")
    path = f"/subscriptions/{subscription}/resourceGroups/{group}"
    assert arm("DELETE", path, VERSION).status_code == 202
    workspace.kill()
    until = time.monotonic() + 240
    while arm("GET", path, VERSION).status_code != 404:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_group_that_goes_takes_nothing_in(arm, subscription, group, server_home):
    """Its state is set by hand here: in a few milliseconds nobody could meet it."""
    path = f"/subscriptions/{subscription}/resourceGroups/{group}"
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        database.execute(
            "UPDATE resources SET value = replace(value, 'Succeeded', 'Deleting') WHERE key = ?", (path.lower(),)
        )
    assert arm("GET", path, VERSION).json()["properties"]["provisioningState"] == "Deleting"
    for method, body in (("PUT", {"location": "swedencentral"}), ("PATCH", {"tags": {}})):
        answer = arm(method, path, VERSION, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ResourceGroupBeingDeleted")


def test_resources_are_found_by_type_name_and_tag(client, arm, subscription, group):
    put_account(arm, subscription, group, f"a-{group}", tags={"of": "tern"})
    put_account(arm, subscription, group, f"b-{group}")

    def names(text):
        return [one.name for one in client.resources.list(filter=text) if group in one.id]

    both = [f"a-{group}", f"b-{group}"]
    assert names(f"resourceType eq '{ACCOUNTS}'") == both
    assert names("resourceType eq 'microsoft.cognitiveservices/ACCOUNTS'") == both
    assert names(f"resourceType eq '{ACCOUNTS}' and name eq 'a-{group}'") == both[:1]
    assert names("tagName eq 'of' and tagValue eq 'tern'") == both[:1]
    assert names(f"substringof('b-{group}', name)") == both[1:]
    assert names("startswith(name, 'a-') or startswith(name, 'b-')") == both
    assert names(f"resourceGroup eq '{group}' and name ne 'a-{group}'") == both[1:]
    assert names("location eq 'swedencentral'") == both
    for wrong in (
        "name eq",
        "name like 'x'",
        "colour eq 'red'",
        "name eq 'x",
        "(name eq 'x')",
        "name eq 'x' and",
        "''",
    ):
        with pytest.raises(HttpResponseError) as caught:
            names(wrong)
        assert code_of(caught) == (400, "InvalidFilterInQueryString"), wrong
    assert len(list(client.resources.list(top=1))) == 1
    shown = next(iter(client.resources.list_by_resource_group(group, expand="createdTime,provisioningState")))
    assert shown.created_time and shown.provisioning_state == "Succeeded"
    with pytest.raises(HttpResponseError):
        list(client.resources.list(expand="everything"))


def test_a_resource_by_its_id(client, arm, subscription, group):
    path = put_account(arm, subscription, group, f"id-{group}")
    assert client.resources.check_existence_by_id(path, api_version="2025-09-01") is True
    found = client.resources.get_by_id(path, api_version="2025-09-01")
    assert (found.kind, found.type) == ("TextAnalytics", ACCOUNTS)
    again = client.resources.get(
        group, "Microsoft.CognitiveServices", "", "accounts", f"id-{group}", api_version="2025-09-01"
    )
    assert again.id == found.id  # the SDK leaves an empty part in the path
    changed = client.resources.begin_update_by_id(path, {"tags": {"a": "b"}}, api_version="2025-09-01").result()
    assert changed.tags == {"a": "b"}
    client.resources.begin_delete_by_id(path, api_version="2025-09-01").result()
    assert client.resources.check_existence_by_id(path, api_version="2025-09-01") is False


def test_tags_by_themselves(client, arm, workspace_id, subscription, group):
    account = put_account(arm, subscription, group, f"tag-{group}", tags={"a": "1"})
    whole = f"/subscriptions/{subscription}"
    for scope in (f"{whole}/resourceGroups/{group}", account, workspace_id, whole):
        put = client.tags.begin_create_or_update_at_scope(scope, {"properties": {"tags": {"a": "1", "b": "2"}}})
        assert put.result().properties.tags == {"a": "1", "b": "2"}
        for operation, tags, left in (
            ("Merge", {"B": "3"}, {"a": "1", "B": "3"}),
            ("Delete", {"a": "1", "b": "other"}, {"B": "3"}),
            ("Replace", {"c": "4"}, {"c": "4"}),
        ):
            body = {"operation": operation, "properties": {"tags": tags}}
            assert client.tags.begin_update_at_scope(scope, body).result().properties.tags == left
        assert client.tags.get_at_scope(scope).properties.tags == {"c": "4"}
        client.tags.begin_delete_at_scope(scope).result()
        assert not client.tags.get_at_scope(scope).properties.tags
    assert client.resource_groups.get(group).tags == {}
    with pytest.raises(HttpResponseError) as caught:
        client.tags.get_at_scope(f"/subscriptions/{subscription}/resourceGroups/none")
    assert code_of(caught) == (404, "ResourceGroupNotFound")
    with pytest.raises(HttpResponseError):
        client.tags.begin_update_at_scope(account, {"operation": "Shuffle", "properties": {"tags": {}}})


# What an older version of this server left


def test_resources_of_an_older_version_get_a_group(server_home, arm, workspace, subscription, client):
    """Before there were groups, a workspace could stand in one that nobody had made."""
    local_azure.stop_server()
    provider = "microsoft.machinelearningservices"
    source = f"/subscriptions/{subscription}/resourcegroups/learning/providers/{provider}/workspaces/course"
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3")) as database, database:
        (value,) = database.execute("SELECT value FROM resources WHERE key = ?", (source,)).fetchone()
        old = json.loads(value.replace("resourceGroups/learning", "resourceGroups/Old-Group"))
        database.execute("INSERT INTO resources VALUES ('ml', ?, ?)", (old["id"].lower(), json.dumps(old)))
    os.environ.update(local_azure.environment())
    assert client.resource_groups.get("old-group").name == "Old-Group"
    client.resource_groups.begin_delete("old-group").result()
