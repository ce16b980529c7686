"""Accounts that were deleted: kept for 48 hours, to be restored or purged."""

from starlette.responses import JSONResponse, Response

from ..resource_manager import arm
from ..resource_manager.locations import plain
from . import accounts

_BASE = f"/subscriptions/{{subscription}}/providers/{accounts.PROVIDER}"
ONE = f"{_BASE}/locations/{{location}}/resourceGroups/{{group}}/deletedAccounts/{{account}}"


def _described(record):
    account = record["account"]
    _, _, subscription, _, group = account["id"].split("/")[:5]
    path = ONE.format(subscription=subscription, location=account["location"], group=group, account=account["name"])
    dates = {name: record[name] for name in ("deletionDate", "scheduledPurgeDate")}
    return account | {
        "id": path,
        "type": f"{accounts.PROVIDER}/locations/resourceGroups/deletedAccounts",
        "properties": account["properties"] | dates,
    }


def _record(request):
    names = request.path_params
    found = accounts.deleted_account(request.app.state, accounts.path_of(request))
    if not found or plain(found["account"]["location"]) != plain(names["location"]):
        raise arm.not_found(accounts.path_of(request))
    return found


async def listed(request):
    return arm.page(request, [_described(one) for one in accounts.deleted_accounts(request.app.state)])


async def read(request):
    return JSONResponse(_described(_record(request)))


async def purge(request):
    """DELETE: for good. Its name and its place as the one free account of a kind are open again."""
    accounts.forget(request.app.state, _record(request)["account"])
    return Response(None, 200)


routes = [
    arm.route(f"{_BASE}/deletedAccounts", listed, versions=accounts.VERSIONS),
    arm.route(ONE, read, versions=accounts.VERSIONS),
    arm.route(ONE, purge, ("DELETE",), accounts.VERSIONS),
]
