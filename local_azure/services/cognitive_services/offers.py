"""What can be had: SKUs, models, names that are free, and how much of the limits is used."""

from starlette.responses import JSONResponse

from ..resource_manager import arm
from ..resource_manager.locations import REGIONS, plain
from . import accounts, limits
from .kinds import KINDS

_BASE = f"/subscriptions/{{subscription}}/providers/{accounts.PROVIDER}"
_LOCATION = f"{_BASE}/locations/{{location}}"

# Models that an account can deploy on Azure: a few of some hundred, from Microsoft's page on models sold by Azure.
# None can be deployed here yet. (name, version, what it does)
MODELS = (
    ("gpt-5", "2025-08-07", "chatCompletion"),
    ("gpt-5-mini", "2025-08-07", "chatCompletion"),
    ("gpt-5-nano", "2025-08-07", "chatCompletion"),
    ("text-embedding-3-large", "1", "embeddings"),
    ("text-embedding-3-small", "1", "embeddings"),
)
WITH_MODELS = ("AIServices", "OpenAI")


def _model(name, version, ability):
    sku = {"name": "GlobalStandard", "usageName": f"OpenAI.GlobalStandard.{name}", "capacity": {"minimum": 1}}
    return {
        "format": "OpenAI", "name": name, "version": version, "isDefaultVersion": True, "skus": [sku],
        "capabilities": {ability: "true"}, "lifecycleStatus": "GenerallyAvailable",
    }  # fmt: skip


def _region(request):
    """The region that the path names; 400 for one that there is not."""
    location = request.path_params["location"]
    if plain(location) not in REGIONS:
        raise accounts.error(400, "LocationNotAvailable", f"The provided location '{location:.80}' is not available.")
    return plain(location)


async def skus(request):
    """GET …/skus: each SKU of each kind, by region, as Azure lists them."""
    found = [
        {
            "resourceType": "accounts", "name": name, "tier": tier, "kind": kind.name, "locations": [region.upper()],
            "locationInfo": [{"location": region.upper(), "zones": [], "zoneDetails": []}], "restrictions": [],
        }
        for kind in KINDS.values() for name, tier in kind.skus.items() for region in kind.regions
    ]  # fmt: skip
    return JSONResponse({"value": found})


async def skus_of_account(request):
    kind = accounts.kind_of(accounts.require(request))
    found = [{"resourceType": accounts.TYPE, "sku": {"name": name, "tier": tier}} for name, tier in kind.skus.items()]
    return JSONResponse({"value": found})


async def models(request):
    region = _region(request)
    found = [
        {"kind": kind.name, "skuName": sku, "model": _model(*one)}
        for kind in KINDS.values() if kind.name in WITH_MODELS and region in kind.regions
        for sku in kind.skus for one in MODELS
    ]  # fmt: skip
    return arm.page(request, found)


async def models_of_account(request):
    account = accounts.require(request)
    found = [_model(*one) for one in MODELS] if account["kind"] in WITH_MODELS else []
    return arm.page(request, found)


async def usages(request):
    """GET …/locations/{location}/usages: how many accounts of how many."""
    region = _region(request)
    count = sum(one["location"] == region for one in accounts.all_accounts(request.app.state))
    usage = {
        "name": {"value": "AccountCount", "localizedValue": "Cognitive Services total account limit"},
        "currentValue": count, "limit": limits.ACCOUNTS, "unit": "Count",
    }  # fmt: skip
    return JSONResponse({"value": [usage]})


async def usages_of_account(request):
    """GET …/usages of an account: of what Azure counts there nothing is here, so the list is empty."""
    accounts.require(request)
    return JSONResponse({"value": []})


async def check_domain(request):
    """POST …/checkDomainAvailability."""
    body = await arm.body_of(request)
    name, kind = arm.expect(body, "subdomainName", str), arm.expect(body, "type", str)
    if not name or not kind:
        raise accounts.error(400, "BadRequest", "The request needs a subdomainName and a type.")
    reason = None
    if not limits.fits(limits.SUBDOMAIN, limits.SUBDOMAIN_LENGTH, name):
        reason = f"Sub domain name '{name:.100}' is not valid"
    elif accounts.taken(request.app.state, name):
        reason = f"Sub domain name '{name}' is already used. Please pick a different name."
    answer = {"isSubdomainAvailable": reason is None, "reason": reason, "subdomainName": name, "type": kind}
    return JSONResponse(answer | ({"kind": body["kind"]} if isinstance(body.get("kind"), str) else {}))


async def check_skus(request):
    """POST …/checkSkuAvailability: may these SKUs of a kind be had in the region?"""
    region, body = _region(request), await arm.body_of(request)
    names = arm.expect(body, "skus", list)
    if names is None:
        raise accounts.error(400, "BadRequest", "Value cannot be null. (Parameter 'requestObject.Skus')")
    kind_name, type_name = arm.expect(body, "kind", str, ""), arm.expect(body, "type", str, "")
    kind = KINDS.get(kind_name.lower())
    found = []
    for name in names:
        there = kind and isinstance(name, str) and region in kind.regions and name.upper() in kind.skus
        answer = {"kind": kind_name, "type": type_name, "skuName": name, "skuAvailable": bool(there)}
        if not there:
            answer |= {
                "reason": "NotAvailableForSubscription",
                "message": f"The SKU '{name!s:.40}' of kind '{kind_name:.80}' is not available in {region}.",
            }
        found.append(answer)
    return JSONResponse({"value": found})


routes = [
    arm.route(f"{_BASE}/skus", skus, versions=accounts.VERSIONS),
    arm.route(f"{accounts.ONE}/skus", skus_of_account, versions=accounts.VERSIONS),
    arm.route(f"{_LOCATION}/models", models, versions=accounts.VERSIONS),
    arm.route(f"{accounts.ONE}/models", models_of_account, versions=accounts.VERSIONS),
    arm.route(f"{_LOCATION}/usages", usages, versions=accounts.VERSIONS),
    arm.route(f"{accounts.ONE}/usages", usages_of_account, versions=accounts.VERSIONS),
    arm.route(f"{_BASE}/checkDomainAvailability", check_domain, ("POST",), accounts.VERSIONS),
    arm.route(f"{_LOCATION}/checkSkuAvailability", check_skus, ("POST",), accounts.VERSIONS),
    arm.route(f"{_LOCATION}/operationResults/{{operation}}", arm.operation_status, versions=None),
]
