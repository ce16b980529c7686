"""Accounts of Microsoft.CognitiveServices through Microsoft's own clients: made, called, secured, deleted, purged."""

import contextlib
import json
import os
import sqlite3
import time
import uuid
from datetime import datetime, timedelta

import pytest
import requests
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

import local_azure
from local_azure.identity import issue
from local_azure.services.cognitive_services import kinds, limits
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

VERSION = "2025-09-01"
GROUP = "rg-accounts"
REGION = "swedencentral"
PROVIDER = "Microsoft.CognitiveServices"
DETECT = {"kind": "LanguageDetection", "analysisInput": {"documents": [{"id": "1", "text": "Bonjour tout le monde"}]}}
REST = "/language/:analyze-text?api-version=2023-04-01"


@pytest.fixture(scope="module")
def client(server_home):
    credential, subscription = DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"]
    ResourceManagementClient(credential, subscription).resource_groups.create_or_update(GROUP, {"location": REGION})
    return CognitiveServicesManagementClient(credential, subscription)


@pytest.fixture
def name(client):
    """A name of this test's own; the account of that name is purged afterwards."""
    name = f"harbour-{uuid.uuid4().hex[:8]}"
    yield name
    purge(client, name)


def purge(client, name, region=REGION):
    client.accounts.begin_delete(GROUP, name).result()
    with contextlib.suppress(ResourceNotFoundError):
        client.deleted_accounts.begin_purge(region, GROUP, name).result()


def create(client, name, kind="TextAnalytics", sku="S", location=REGION, subdomain=True, **more):
    """An account, with its own name as its custom subdomain unless told otherwise."""
    properties = {"customSubDomainName": name if subdomain is True else subdomain} if subdomain else {}
    body = {
        "location": location,
        "kind": kind,
        "sku": {"name": sku},
        "properties": properties | more.pop("properties", {}),
    }
    return client.accounts.begin_create(GROUP, name, body | more).result()


def refusal(call, *arguments, **more):
    """The status and the code with which a call is refused."""
    with pytest.raises(HttpResponseError) as caught:
        call(*arguments, **more)
    return caught.value.status_code, caught.value.error.code


def ask(base, key=None, token=None, path=REST):
    """The status and the code of a plain call of Language."""
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(f"{base.rstrip('/')}{path}", json=DETECT, headers=headers, timeout=120)
    return (answer.status_code, None) if answer.ok else (answer.status_code, answer.json()["error"]["code"])


def token_for(audience="https://cognitiveservices.azure.com"):
    return issue(audience, load_secrets()["signing"])[0]


OK = (200, None)
WRONG = (401, "401")


# Making


def test_an_account_of_one_s_own_from_making_to_purging(client, name):
    began = time.monotonic()
    made = create(client, name, tags={"client": "harbour"})
    assert time.monotonic() - began < 25, "the client waited its 30 seconds between two looks"
    assert (made.name, made.kind, made.sku.name, made.location, made.tags) == (
        name, "TextAnalytics", "S", REGION, {"client": "harbour"},
    )  # fmt: skip
    base = f"https://{name}.cognitiveservices.azure.com/"
    properties = made.properties
    assert (properties.provisioning_state, properties.endpoint) == ("Succeeded", base)
    assert properties.endpoints["Text Analytics"] == base and "OpenAI Realtime API" not in properties.endpoints
    assert (properties.public_network_access, properties.is_migrated) == ("Enabled", False)
    assert made.etag and properties.internal_id and properties.date_created
    assert client.accounts.get(GROUP, name.upper()).id == made.id
    assert name in [one.name for one in client.accounts.list()]
    assert [one.name for one in client.accounts.list_by_resource_group(GROUP)] == [name]

    keys = client.accounts.list_keys(GROUP, name)
    for credential in (AzureKeyCredential(keys.key1), AzureKeyCredential(keys.key2), DefaultAzureCredential()):
        answer = TextAnalyticsClient(properties.endpoint, credential).detect_language(["Bonjour tout le monde"])
        assert answer[0].primary_language.iso6391_name == "fr"

    client.accounts.begin_delete(GROUP, name).result()
    assert ask(base, keys.key1) == (404, "ResourceNotFound")  # at once
    assert refusal(client.accounts.get, GROUP, name) == (404, "ResourceNotFound")
    client.deleted_accounts.begin_purge(REGION, GROUP, name).result()
    assert name not in [one.name for one in client.deleted_accounts.list()]


def test_the_first_answer_says_that_it_is_being_made(arm, client, name):
    path = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{GROUP}/providers/{PROVIDER}/accounts"
    body = {"location": REGION, "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}}
    first = arm("PUT", f"{path}/{name}", VERSION, json=body)
    assert (first.status_code, first.json()["properties"]["provisioningState"]) == (201, "Creating")
    operation = first.headers["azure-asyncoperation"].removeprefix("https://management.azure.com")
    status = arm("GET", operation, None).json()
    assert status["status"] == "Succeeded" and status["name"] in operation
    assert arm("GET", f"{path}/{name}", VERSION).json()["properties"]["provisioningState"] == "Succeeded"
    assert arm("PUT", f"{path}/{name}", VERSION, json=body).status_code == 200
    assert arm("HEAD", f"{path}/{name}", VERSION).status_code == 204
    assert arm("DELETE", f"{path}/{name}", VERSION).status_code == 200
    assert arm("DELETE", f"{path}/{name}", VERSION).status_code == 204
    assert arm("HEAD", f"{path}/{name}", VERSION).status_code == 404


def test_what_is_there_from_the_beginning(client):
    first = client.accounts.get("learning", "local-azure-course")
    assert (first.kind, first.sku.name, first.location) == ("AIServices", "S0", REGION)
    assert first.properties.endpoint == os.environ["FOUNDRY_ENDPOINT"] + "/"
    assert client.accounts.list_keys("learning", "local-azure-course").key1 == os.environ["FOUNDRY_KEY"]
    assert refusal(client.accounts.begin_delete, "learning", "local-azure-course") == (409, "ScopeLocked")


@pytest.mark.parametrize(
    ("kind", "sku", "suffixes"),
    [
        ("AIServices", "S0", (".cognitiveservices.azure.com", ".services.ai.azure.com")),
        ("CognitiveServices", "S0", (".cognitiveservices.azure.com",)),
        ("TextAnalytics", "S", (".cognitiveservices.azure.com",)),
    ],
)
def test_the_kinds_that_have_language(client, name, kind, sku, suffixes):
    create(client, name, kind, sku)
    key = client.accounts.list_keys(GROUP, name).key1
    for suffix in (".cognitiveservices.azure.com", ".services.ai.azure.com"):
        expected = OK if suffix in suffixes else (404, "ResourceNotFound")
        assert ask(f"https://{name}{suffix}", key) == expected


def test_openai_has_no_language(client, name):
    made = create(client, name, "OpenAI", "S0")
    assert made.properties.endpoint == f"https://{name}.openai.azure.com/"
    base, key = f"https://{name}.cognitiveservices.azure.com", client.accounts.list_keys(GROUP, name).key1
    assert ask(base, key) == (404, "404")
    assert ask(base, "0" * 32) == WRONG
    client.accounts.begin_update(GROUP, name, {"kind": "AIServices"}).result()  # an upgrade that Azure knows
    assert ask(base, key) == OK


def test_foundry_shows_where_each_of_its_services_is(client, name):
    made = create(client, name, "AIServices", "S0", identity={"type": "SystemAssigned"})
    assert made.properties.endpoints["AI Foundry API"] == f"https://{name}.services.ai.azure.com/"
    assert made.properties.endpoints["OpenAI Language Model Instance API"] == f"https://{name}.openai.azure.com/"
    assert made.identity.type == "SystemAssigned" and uuid.UUID(made.identity.principal_id)
    again = client.accounts.begin_update(GROUP, name, {"tags": {"a": "b"}}).result()
    assert again.identity.principal_id == made.identity.principal_id


# What is refused


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "Nonsense"}, (400, "InvalidApiSetId")),
        ({"kind": None}, (400, "InvalidKind")),
        ({"kind": "ComputerVision"}, (501, "NotImplemented")),
        ({"sku": {"name": "S0"}}, (400, "SpecialFeatureOrQuotaIdRequired")),
        ({"sku": None}, (400, "InvalidSkuId")),
        ({"location": None}, (400, "LocationRequired")),
        ({"location": "atlantis"}, (400, "LocationNotAvailableForResourceType")),
        ({"location": "westindia"}, (400, "LocationNotAvailableForResourceType")),
        ({"location": "polandcentral"}, (400, "InvalidApiSetId")),  # a region that has other kinds
        ({"properties": {"customSubDomainName": "no_underscore"}}, (400, "CustomDomainInvalid")),
        ({"properties": {"customSubDomainName": "-first"}}, (400, "CustomDomainInvalid")),
        ({"properties": {"customSubDomainName": "a"}}, (400, "CustomDomainInvalid")),
        ({"properties": {"customSubDomainName": "a" * 65}}, (400, "CustomDomainInvalid")),
        ({"properties": {"customSubDomainName": "Local-Azure-Course"}}, (409, "CustomDomainInUse")),
        ({"properties": {"publicNetworkAccess": "Sometimes"}}, (400, "InvalidRequestContent")),
        ({"properties": {"disableLocalAuth": "yes"}}, (400, "InvalidRequestContent")),
        (
            {"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}]}}},
            (501, "NotImplemented"),
        ),
        ({"properties": {"encryption": {"keySource": "Microsoft.KeyVault"}}}, (501, "NotImplemented")),
        ({"properties": {"userOwnedStorage": [{"resourceId": "/x"}]}}, (501, "NotImplemented")),
        ({"properties": {"restore": True}}, (400, "CanNotRestoreANonSoftDeletedResource")),
        ({"identity": {"type": "UserAssigned"}}, (501, "NotImplemented")),
        ({"tags": {str(number): "" for number in range(51)}}, (400, "TooManyTags")),
    ],
)
def test_what_an_account_cannot_be(arm, client, name, changes, expected):
    path = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{GROUP}/providers/{PROVIDER}/accounts"
    body = {"location": REGION, "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}} | changes
    answer = arm(
        "PUT", f"{path}/{name}", VERSION, json={key: value for key, value in body.items() if value is not None}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == expected, answer.text
    assert refusal(client.accounts.get, GROUP, name) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ("ab", None),
        ("a" * 64, None),
        ("A_b.c-1", None),
        ("a", "InvalidResourceName"),
        ("a" * 65, "InvalidResourceName"),
        ("-a", "InvalidResourceName"),
        ("a b", "InvalidResourceName"),
        ("büro", "InvalidResourceName"),
        ("azure", "ReservedResourceName"),
        ("my-microsoft-app", "ReservedResourceName"),
    ],
)
def test_names_of_accounts(arm, client, odd, code):
    group = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{GROUP}"
    path = f"{group}/providers/{PROVIDER}/accounts/{requests.utils.quote(odd)}"
    body = {"location": REGION, "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}}
    answer = arm("PUT", path, VERSION, json=body)
    if code:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    else:
        assert answer.status_code == 201, answer.text
        purge(client, odd)


def test_an_account_needs_its_group_and_its_provider(arm, client, name, server_home):
    base = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups"
    body = {"location": REGION, "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}}
    answer = arm("PUT", f"{base}/rg-none/providers/{PROVIDER}/accounts/{name}", VERSION, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceGroupNotFound")
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        database.execute("INSERT INTO resources VALUES ('provider', ?, ?)", (PROVIDER.lower(), '"Unregistered"'))
    answer = arm("PUT", f"{base}/{GROUP}/providers/{PROVIDER}/accounts/{name}", VERSION, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "MissingSubscriptionRegistration")
    resources = ResourceManagementClient(DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"])
    assert resources.providers.get(PROVIDER).registration_state == "Unregistered"
    assert resources.providers.register(PROVIDER).registration_state == "Registered"
    assert arm("PUT", f"{base}/{GROUP}/providers/{PROVIDER}/accounts/{name}", VERSION, json=body).status_code == 201


def test_an_account_stays_where_it_is_and_what_it_is(client, name):
    create(client, name)
    assert refusal(create, client, name, location="westeurope") == (409, "InvalidResourceLocation")
    assert refusal(create, client, name, kind="AIServices", sku="S0") == (400, "InvalidKind")
    assert refusal(create, client, name, subdomain=f"{name}-2") == (400, "CustomDomainCannotBeChanged")
    assert create(client, name, subdomain=False).properties.custom_sub_domain_name == name  # it is kept


def test_one_free_account_of_a_kind(client, name):
    """A deleted one keeps the place until it is purged."""
    other = f"{name}-2"
    create(client, name, sku="F0")
    assert create(client, name, sku="F0").sku.name == "F0"  # itself is not another
    assert refusal(create, client, other, sku="F0") == (400, "CanNotCreateMultipleFreeAccounts")
    create(client, other)
    assert refusal(client.accounts.begin_update, GROUP, other, {"sku": {"name": "F0"}}) == (
        400, "CanNotCreateMultipleFreeAccounts",
    )  # fmt: skip
    client.accounts.begin_delete(GROUP, name).result()
    assert refusal(create, client, other, sku="F0")[1] == "CanNotCreateMultipleFreeAccounts"
    client.deleted_accounts.begin_purge(REGION, GROUP, name).result()
    assert client.accounts.begin_update(GROUP, other, {"sku": {"name": "F0"}}).result().sku.name == "F0"
    purge(client, other)


def test_custom_subdomains_are_one_s_own(client, name):
    other = f"{name}-2"
    create(client, name)
    assert refusal(create, client, other, subdomain=name.upper()) == (409, "CustomDomainInUse")
    client.accounts.begin_delete(GROUP, name).result()
    assert refusal(create, client, other, subdomain=name) == (409, "CustomDomainInUse")  # 48 hours long
    client.deleted_accounts.begin_purge(REGION, GROUP, name).result()
    assert create(client, other, subdomain=name).properties.endpoint == f"https://{name}.cognitiveservices.azure.com/"
    purge(client, other)


def test_200_accounts_in_a_region_and_no_more(client, name, server_home, arm):
    group = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{GROUP}"
    create(client, name, location="japanwest")
    path = f"{group}/providers/{PROVIDER}/accounts/{name}".lower()
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        (value,) = database.execute("SELECT value FROM resources WHERE kind = 'ml' AND key = ?", (path,)).fetchone()
        for number in range(limits.ACCOUNTS - 1):
            copied = value.replace(f"accounts/{name}", f"accounts/{name}-{number}")
            database.execute("INSERT INTO resources VALUES ('ml', ?, ?)", (f"{path}-{number}", copied))
    (usage,) = client.usages.list("japanwest")
    assert (usage.current_value, usage.limit) == (limits.ACCOUNTS, limits.ACCOUNTS)
    assert refusal(create, client, f"{name}-more", location="japanwest")[0] == 400
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        database.execute("DELETE FROM resources WHERE kind = 'ml' AND key LIKE ?", (f"{path}-%",))
    purge(client, name, "japanwest")


# Keys and tokens


def test_two_accounts_do_not_share_their_keys(client, name):
    other = f"{name}-2"
    bases = [create(client, one).properties.endpoint for one in (name, other)]
    keys = [client.accounts.list_keys(GROUP, one).key1 for one in (name, other)]
    assert [ask(base, key) for base in bases for key in keys] == [OK, WRONG, WRONG, OK]
    assert ask(os.environ["FOUNDRY_ENDPOINT"], keys[0]) == WRONG
    assert ask(bases[0], os.environ["FOUNDRY_KEY"]) == WRONG
    purge(client, other)


def test_a_new_key_turns_the_old_one_away(client, name):
    base = create(client, name).properties.endpoint
    old = client.accounts.list_keys(GROUP, name)
    new = client.accounts.regenerate_key(GROUP, name, "Key1")
    assert new.key1 != old.key1 and new.key2 == old.key2
    assert [ask(base, key) for key in (old.key1, new.key1, old.key2)] == [WRONG, OK, OK]
    last = client.accounts.regenerate_key(GROUP, name, "Key2")
    assert [ask(base, key) for key in (old.key2, last.key2, new.key1)] == [WRONG, OK, OK]
    assert refusal(client.accounts.regenerate_key, GROUP, name, "Key3") == (400, "InvalidRequestContent")
    assert refusal(client.accounts.list_keys, GROUP, "nobody") == (404, "ResourceNotFound")


def test_the_course_s_own_key_can_be_rotated_too(client, workspace):
    """What start() exports next is the new one, also after a restart."""
    old = os.environ["FOUNDRY_KEY"]
    new = client.accounts.regenerate_key("learning", "local-azure-course", "Key1").key1
    assert [ask(os.environ["FOUNDRY_ENDPOINT"], key) for key in (old, new)] == [WRONG, OK]
    assert local_azure.environment()["FOUNDRY_KEY"] == new
    workspace.restart()
    assert os.environ["FOUNDRY_KEY"] == new and ask(os.environ["FOUNDRY_ENDPOINT"], new) == OK


def test_keys_can_be_turned_off(client, name):
    base = create(client, name).properties.endpoint
    keys = client.accounts.list_keys(GROUP, name)
    changed = client.accounts.begin_update(GROUP, name, {"properties": {"disableLocalAuth": True}}).result()
    assert changed.properties.disable_local_auth is True
    assert ask(base, keys.key1) == (403, "AuthenticationTypeDisabled")
    assert ask(base, "0" * 32) == WRONG
    assert ask(base, token=token_for()) == OK
    assert refusal(client.accounts.list_keys, GROUP, name) == (400, "BadRequest")
    assert refusal(client.accounts.regenerate_key, GROUP, name, "Key1") == (400, "BadRequest")
    client.accounts.begin_update(GROUP, name, {"properties": {"disableLocalAuth": False}}).result()
    assert ask(base, keys.key1) == OK


def test_tokens_and_what_is_none(client, name):
    base = create(client, name).properties.endpoint
    for audience in (
        "https://cognitiveservices.azure.com",
        "https://cognitiveservices.azure.com/",
        "https://ai.azure.com",
    ):
        assert ask(base, token=token_for(audience)) == OK
    for token in (token_for("https://management.azure.com"), "a.b.c", token_for()[:-3] + "abc"):
        assert ask(base, token=token) == (401, "Unauthorized")
    assert ask(base) == WRONG
    answer = requests.post(f"{base.rstrip('/')}{REST}", json=DETECT, headers={"api-key": "é".encode()}, timeout=120)
    assert answer.status_code == 401


def test_without_a_subdomain_there_are_only_keys_and_the_region(client, name):
    other = f"{name}-2"
    made = create(client, name, subdomain=False)
    base = f"https://{REGION}.api.cognitive.microsoft.com/"
    assert made.properties.endpoint == base and made.properties.custom_sub_domain_name is None
    key = client.accounts.list_keys(GROUP, name).key1
    assert ask(base, key) == OK
    assert ask(base, os.environ["FOUNDRY_KEY"]) == OK  # the key says which account is meant
    assert ask(base, "0" * 32) == WRONG
    assert ask("https://westeurope.api.cognitive.microsoft.com", key) == WRONG
    assert ask("https://atlantis.api.cognitive.microsoft.com", key) == (404, "ResourceNotFound")
    assert ask(base, token=token_for()) == (400, "BadRequest")
    assert ask(f"https://{name}.cognitiveservices.azure.com", key) == (404, "ResourceNotFound")
    changed = client.accounts.begin_update(GROUP, name, {"properties": {"customSubDomainName": other}}).result()
    assert changed.properties.endpoint == f"https://{other}.cognitiveservices.azure.com/"
    assert ask(changed.properties.endpoint, token=token_for()) == OK


def test_a_host_of_no_account_says_so(server_home):
    for host in ("nobody.cognitiveservices.azure.com", "local-azure-course.nothing.cognitiveservices.azure.com"):
        answer = requests.post(f"https://{host}{REST}", json=DETECT, timeout=120)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (404, "ResourceNotFound")
        assert error["message"].startswith("Subdomain does not map to a resource") and host in error["message"]


def test_the_public_can_be_kept_out(client, name):
    base = create(client, name, properties={"publicNetworkAccess": "disabled"}).properties.endpoint
    key = client.accounts.list_keys(GROUP, name).key1
    assert ask(base, key) == (403, "403")
    changes = {"publicNetworkAccess": "Enabled", "networkAcls": {"defaultAction": "Deny"}}
    assert client.accounts.begin_update(GROUP, name, {"properties": changes}).result().properties.network_acls
    assert ask(base, key) == (403, "AccessDenied")
    client.accounts.begin_update(GROUP, name, {"properties": {"networkAcls": {"defaultAction": "Allow"}}}).result()
    assert ask(base, key) == OK


def test_a_job_is_its_account_s_own(client, name):
    base = create(client, name).properties.endpoint
    key = client.accounts.list_keys(GROUP, name).key1
    task = {"kind": "KeyPhraseExtraction", "taskName": "k"}
    body = {"analysisInput": DETECT["analysisInput"], "tasks": [task]}
    where = "language/analyze-text/jobs?api-version=2023-04-01"
    sent = requests.post(f"{base}{where}", json=body, headers={"Ocp-Apim-Subscription-Key": key}, timeout=120)
    assert sent.status_code == 202
    address = sent.headers["operation-location"]
    assert requests.get(address, headers={"Ocp-Apim-Subscription-Key": key}, timeout=120).status_code == 200
    elsewhere = address.replace(base.rstrip("/"), os.environ["FOUNDRY_ENDPOINT"])
    asked = requests.get(elsewhere, headers={"Ocp-Apim-Subscription-Key": os.environ["FOUNDRY_KEY"]}, timeout=120)
    assert asked.status_code == 404


# Deleted, restored, purged


def test_a_deleted_account_can_be_restored(client, name):
    made = create(client, name, tags={"a": "b"})
    keys = client.accounts.list_keys(GROUP, name)
    client.accounts.begin_delete(GROUP, name).result()
    (lost,) = [one for one in client.deleted_accounts.list() if one.name == name]
    assert lost.id.endswith(f"/locations/{REGION}/resourceGroups/{GROUP}/deletedAccounts/{name}")
    dates = (lost.properties.deletion_date, lost.properties.scheduled_purge_date)
    gone, until = (datetime.fromisoformat(one) for one in dates)
    assert abs(until - gone - timedelta(hours=48)) < timedelta(seconds=1)
    assert client.deleted_accounts.get(REGION, GROUP, name).properties.endpoint == made.properties.endpoint
    with pytest.raises(ResourceExistsError) as caught:
        create(client, name)
    assert (caught.value.status_code, caught.value.error.code) == (409, "FlagMustBeSetForRestore")
    assert made.id in caught.value.message
    back = client.accounts.begin_create(GROUP, name, {"location": REGION, "properties": {"restore": True}}).result()
    assert (back.kind, back.tags, back.properties.endpoint) == ("TextAnalytics", {"a": "b"}, made.properties.endpoint)
    assert client.accounts.list_keys(GROUP, name).key1 == keys.key1
    assert ask(made.properties.endpoint, keys.key1) == OK
    assert name not in [one.name for one in client.deleted_accounts.list()]


def test_after_48_hours_nothing_is_left(client, name, server_home):
    create(client, name)
    client.accounts.begin_delete(GROUP, name).result()
    with contextlib.closing(sqlite3.connect(server_home / "store.sqlite3", timeout=120)) as database, database:
        query = "SELECT key, value FROM resources WHERE kind = 'deleted-account' AND key LIKE ?"
        ((key, value),) = database.execute(query, (f"%/{name}",)).fetchall()
        past = json.loads(value) | {"scheduledPurgeDate": "2020-01-01T00:00:00.000000Z"}
        database.execute(
            "UPDATE resources SET value = ? WHERE kind = 'deleted-account' AND key = ?", (json.dumps(past), key)
        )
    assert name not in [one.name for one in client.deleted_accounts.list()]
    assert create(client, name).properties.provisioning_state == "Succeeded"  # the name and the subdomain are free


def test_what_was_never_deleted(client, name):
    assert refusal(client.deleted_accounts.get, REGION, GROUP, name) == (404, "ResourceNotFound")
    assert refusal(client.deleted_accounts.begin_purge, REGION, GROUP, name) == (404, "ResourceNotFound")
    create(client, name)
    assert refusal(client.deleted_accounts.begin_purge, REGION, GROUP, name) == (404, "ResourceNotFound")
    client.accounts.begin_delete(GROUP, name).result()
    assert refusal(client.deleted_accounts.get, "westeurope", GROUP, name) == (404, "ResourceNotFound")


def test_accounts_survive_a_kill(client, name, workspace):
    base = create(client, name).properties.endpoint
    key = client.accounts.list_keys(GROUP, name).key1
    workspace.kill()
    assert ask(base, key) == OK


# What can be had


def test_skus_models_and_usages(client, name):
    create(client, name)
    by_kind = {}
    for one in client.resource_skus.list():
        by_kind.setdefault(one.kind, set()).add(one.name)
    assert by_kind == {kind.name: set(kind.skus) for kind in kinds.KINDS.values()}
    skus = client.accounts.list_skus(GROUP, name).value
    assert [(one.sku.name, one.sku.tier) for one in skus] == [("F0", "Free"), ("S", "Standard")]
    assert list(client.accounts.list_models(GROUP, name)) == []
    models = [one for one in client.models.list(REGION) if one.kind == "AIServices"]
    assert "gpt-5-mini" in [one.model.name for one in models]
    assert next(iter(client.accounts.list_models("learning", "local-azure-course"))).format == "OpenAI"
    assert not client.accounts.list_usages(GROUP, name).value
    assert refusal(lambda: list(client.models.list("atlantis")))[0] == 400


def test_is_a_subdomain_free(client):
    kind = f"{PROVIDER}/accounts"
    for subdomain, free in (("quite-new", True), ("LOCAL-azure-course", False), ("not_valid", False)):
        found = client.check_domain_availability(subdomain, kind)
        assert (found.is_subdomain_available, bool(found.reason)) == (free, not free)


def test_is_a_sku_to_be_had(client):
    asked = (["F0", "S", "S0"], "TextAnalytics", f"{PROVIDER}/accounts")
    found = {one.sku_name: one.sku_available for one in client.check_sku_availability(REGION, *asked).value}
    assert found == {"F0": True, "S": True, "S0": False}
    assert not any(one.sku_available for one in client.check_sku_availability("polandcentral", *asked).value)


@pytest.mark.parametrize(
    "below", ["deployments", "projects", "connections", "raiPolicies", "privateEndpointConnections"]
)
def test_what_accounts_do_not_have_yet(arm, below):
    base = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}/resourceGroups/learning/providers/{PROVIDER}/accounts"
    for method, path in (("GET", below), ("GET", f"{below}/x"), ("PUT", f"{below}/x"), ("DELETE", f"{below}/x")):
        answer = arm(method, f"{base}/local-azure-course/{path}", VERSION, json={} if method == "PUT" else None)
        assert answer.status_code == 501 and f"no {below} of accounts yet" in answer.json()["error"]["message"]
    assert arm("GET", f"{base}/nobody/{below}", VERSION).status_code == 404
