"""Bodies, queries and paths, malformed in one place at a time: answered in Azure's shape, never with a failure."""

import json
import os

import pytest

pytest_plugins = ["ml_workspace"]

VERSION = "2025-09-01"
REGION = "swedencentral"
PROVIDER = "Microsoft.CognitiveServices"
VALUES = [None, 7, -1.5, True, "", "text", [], ["x"], {}, {"x": "y"}, {"x": {"y": None}}, [[]], "é" * 300, "a\x00b"]
BODY = {
    "location": REGION, "kind": "TextAnalytics", "sku": {"name": "S", "tier": "Standard", "capacity": 1},
    "identity": {"type": "SystemAssigned", "userAssignedIdentities": {}}, "tags": {"t": "v"},
    "properties": {
        "customSubDomainName": "fuzz", "publicNetworkAccess": "Enabled", "disableLocalAuth": False, "restore": False,
        "networkAcls": {"defaultAction": "Allow", "bypass": "None", "ipRules": [], "virtualNetworkRules": []},
        "encryption": {"keySource": PROVIDER, "keyVaultProperties": {}}, "userOwnedStorage": [], "locations": {},
        "allowProjectManagement": False, "apiProperties": {"statisticsEnabled": False}, "allowedFqdnList": ["a"],
        "restrictOutboundNetworkAccess": False, "dynamicThrottlingEnabled": False, "raiMonitorConfig": {},
    },
}  # fmt: skip
OTHERS = [
    ("PATCH", "{account}", {"tags": {"a": "b"}, "sku": {"name": "S"}, "properties": {"disableLocalAuth": False}}),
    ("POST", "{account}/regenerateKey", {"keyName": "Key1"}),
    ("POST", "{base}/checkDomainAvailability", {"subdomainName": "x", "type": "t", "kind": "k"}),
    ("POST", "{base}/locations/swedencentral/checkSkuAvailability", {"skus": ["S"], "kind": "k", "type": "t"}),
    ("PUT", "{group}", {"location": REGION, "tags": {"a": "b"}}),
    ("PATCH", "{group}", {"tags": {"a": "b"}}),
    ("PUT", "{group}/providers/Microsoft.Resources/tags/default", {"properties": {"tags": {"a": "b"}}}),
    ("PATCH", "{account}/providers/Microsoft.Resources/tags/default", {"operation": "Merge", "properties": {}}),
    ("POST", "/providers/Microsoft.Resources/checkResourceName", {"name": "x", "type": "t"}),
    ("POST", "{subscription}/providers/Microsoft.Resources/checkZonePeers", {"location": "x", "subscriptionIds": []}),
]  # fmt: skip

BROKEN = (b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"location": NaN}', b'{"a": "\\ud800"}', b"[" * 9999)


def places(value, path=()):
    """The path of every member below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*path, key)
        yield from places(below, (*path, key))


def with_value(body, path, value):
    body = json.loads(json.dumps(body))
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


@pytest.fixture(scope="module")
def named(arm, server_home):
    """Paths by name; the group and the account are there."""
    subscription = f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}"
    group = f"{subscription}/resourceGroups/rg-fuzz"
    account = f"{group}/providers/{PROVIDER}/accounts/there"
    assert arm("PUT", group, "2022-09-01", json={"location": REGION}).status_code == 201
    body = {"location": REGION, "kind": "TextAnalytics", "sku": {"name": "S"}, "properties": {}}
    assert arm("PUT", account, VERSION, json=body).status_code == 201
    return {
        "subscription": subscription,
        "group": group,
        "base": f"{subscription}/providers/{PROVIDER}",
        "account": account,
    }


def test_malformed_bodies_are_answered_in_azure_s_shape(arm, named):
    taken = 0
    fuzz = named["account"].replace("there", "fuzz")
    for method, path, body in (("PUT", fuzz, BODY), *OTHERS):
        path = path.format(**named)
        version = VERSION if f"/{PROVIDER}" in path and "Microsoft.Resources" not in path else "2022-09-01"
        for number, place in enumerate(places(body)):
            for value in VALUES[number % 5 :: 5]:
                answer = arm(method, path, version, json=with_value(body, place, value))
                assert answer.status_code < 500 or answer.status_code == 501, (path, place, value, answer.text)
                if answer.ok:
                    taken += 1
                else:
                    assert answer.json()["error"]["message"], (path, place, value)
        for data in BROKEN:
            answer = arm(method, path, version, data=data, headers=None)
            assert answer.status_code < 500, (path, data, answer.text)
    assert taken
    assert arm("GET", named["account"], VERSION).json()["properties"]["provisioningState"] == "Succeeded"
    assert arm("GET", f"{named['group']}/resources", "2022-09-01").status_code == 200


ODD_PATHS = (
    "{subscription}/resourceGroups?$top=x",
    "{subscription}/resourceGroups?$top=-1",
    "{subscription}/resources?$filter=%00",
    "{subscription}/resources?$filter='",
    "{subscription}/resources?$skip=9e9",
    "{subscription}/resourceGroups/%2e%2e",
    "{subscription}/resourceGroups/..%2f..",
    "{subscription}/resourceGroups/%00",
    "{subscription}/resourceGroups/" + "x" * 3000,
    "{base}/locations/%F0%9F%8C%8D/models",
    "{base}/locations/swedencentral/operationResults/none",
    "{group}/providers/" + PROVIDER + "/accounts/%ff",
    "/subscriptions/%/resourceGroups",
    "/subscriptions//",
    "//",
    "/",
)


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_queries_and_paths(arm, named, path):
    path = path.format(**named)
    for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        answer = arm(method, path, VERSION, json={} if method in ("PUT", "POST", "PATCH") else None)
        assert answer.status_code < 500 or answer.status_code == 501, (method, path, answer.text)
