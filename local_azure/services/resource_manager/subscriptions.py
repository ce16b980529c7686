"""The subscription, its tenant and its regions: there is one of each, and every token is its Owner's."""

from starlette.responses import JSONResponse

from ...errors import AzureError
from ...identity import TENANT
from ...userdata import SUBSCRIPTION
from . import arm
from .locations import REGIONS, plain

NAME = "Local Azure (this machine)"
VERSIONS = (
    "2014-04-01", "2015-11-01", "2016-06-01", "2018-06-01", "2019-06-01", "2019-11-01", "2020-01-01", "2021-01-01",
    "2021-04-01", "2022-09-01", "2022-12-01",
)  # fmt: skip
# Words that a name must not be, contain, or begin with: learn.microsoft.com/azure/azure-resource-manager/
# troubleshooting/error-reserved-resource-name
NEVER_WHOLE = {
    "access", "azure", "bing", "bizspark", "biztalk", "cortana", "directx", "dotnet", "dynamics", "excel", "exchange",
    "forefront", "groove", "hololens", "hyperv", "kinect", "lync", "msdn", "o365", "office", "office365", "onedrive",
    "onenote", "outlook", "powerpoint", "sharepoint", "skype", "visio", "visualstudio",
}  # fmt: skip
NEVER_INSIDE = ("microsoft", "windows")
NEVER_FIRST = ("login", "xbox")


def described():
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "displayName": NAME,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


async def listed(request):
    return JSONResponse({"value": [described()], "count": {"type": "Total", "value": 1}})


async def read(request):
    return JSONResponse(described())


async def tenants(request):
    tenant = {
        "id": f"/tenants/{TENANT}", "tenantId": TENANT, "countryCode": "SE", "displayName": NAME, "domains": [],
        "tenantCategory": "Home", "defaultDomain": "localazure.onmicrosoft.com", "tenantType": "AAD",
    }  # fmt: skip
    return JSONResponse({"value": [tenant]})


async def locations(request):
    return JSONResponse({"value": [region.listed(SUBSCRIPTION) for region in REGIONS.values()]})


def reserved(name):
    """Is a name one that Azure keeps for itself?"""
    name = name.lower()
    return name in NEVER_WHOLE or name.startswith(NEVER_FIRST) or any(word in name for word in NEVER_INSIDE)


async def check_name(request):
    """POST /providers/Microsoft.Resources/checkResourceName."""
    body = await arm.body_of(request)
    name, kind = (arm.expect(body, member, str) for member in ("name", "type"))
    if not name or not kind:
        raise arm.invalid("The request needs a name and a type.")
    return JSONResponse({"name": name, "type": kind, "status": "Reserved" if reserved(name) else "Allowed"})


async def check_zones(request):
    """POST …/checkZonePeers: which zone of other subscriptions is this one's first. Here there are no others."""
    body = await arm.body_of(request)
    location, others = arm.expect(body, "location", str, ""), arm.expect(body, "subscriptionIds", list, [])
    region = REGIONS.get(plain(location))
    if not region or not region.zones:
        raise arm.invalid(f"The location '{location}' has no availability zones.", target="location")
    for one in others:
        if str(one).lower().removeprefix("/subscriptions/").removeprefix("subscriptions/") != SUBSCRIPTION:
            raise AzureError(404, "SubscriptionNotFound", f"The subscription '{one!s:.80}' could not be found.")
    peers = [
        {
            "availabilityZone": zone,
            "peers": [{"subscriptionId": SUBSCRIPTION, "availabilityZone": zone} for _ in others[:1]],
        }
        for zone in "123"
    ]
    return JSONResponse({"subscriptionId": SUBSCRIPTION, "location": region.name, "availabilityZonePeers": peers})


routes = [
    arm.route("/subscriptions", listed, versions=VERSIONS),
    arm.route("/subscriptions/{subscription}", read, versions=VERSIONS),
    arm.route("/subscriptions/{subscription}/locations", locations, versions=VERSIONS),
    arm.route("/tenants", tenants, versions=VERSIONS),
    arm.route("/providers/Microsoft.Resources/checkResourceName", check_name, ("POST",), VERSIONS),
    arm.route(
        "/subscriptions/{subscription}/providers/Microsoft.Resources/checkZonePeers", check_zones, ("POST",), VERSIONS
    ),
]
