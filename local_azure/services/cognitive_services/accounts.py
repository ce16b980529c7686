"""Accounts of Microsoft.CognitiveServices: what one creates to use Language and its siblings.

An account is a resource of ARM. Beside it the store has its keys, and an index from its custom subdomain to it: with
that the host name of a request finds it.
"""

import secrets
import string
import uuid
from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response

from ... import identity
from ...errors import AzureError
from ...userdata import ACCOUNT, RESOURCE_GROUP, SUBSCRIPTION, home, save_secrets
from ..resource_manager import arm, providers, resource_groups, subscriptions
from ..resource_manager.limits import tags_of
from ..resource_manager.locations import plain
from . import limits
from .kinds import CHANGES, KINDS, NOT_YET, base_of, endpoints_of

PROVIDER = "Microsoft.CognitiveServices"
TYPE = f"{PROVIDER}/accounts"
ONE = f"{arm.GROUP}/providers/{PROVIDER}/accounts/{{account}}"
KEYS = "account-keys"  # kinds of the store's records; key: the account's id
DOMAINS = "account-domain"  # key: a custom subdomain; value: the id of the account that has it, deleted or not
DELETED = "deleted-account"  # key: the account's id
OWN = ONE.format(subscription=SUBSCRIPTION, group=RESOURCE_GROUP, account=ACCOUNT)
VERSIONS = (
    "2016-02-01-preview", "2017-04-18", "2021-04-30", "2021-10-01", "2022-03-01", "2022-10-01", "2022-12-01",
    "2023-05-01", "2023-10-01-preview", "2024-04-01-preview", "2024-06-01-preview", "2024-10-01",
    "2025-04-01-preview", "2025-06-01", "2025-07-01-preview", "2025-09-01", "2025-10-01-preview", "2025-12-01",
    "2026-01-15-preview", "2026-03-01", "2026-03-15-preview", "2026-05-01", "2026-05-15-preview",
)  # fmt: skip
# Properties that are kept as they were sent, with their JSON type
KEPT = {
    "publicNetworkAccess": str, "disableLocalAuth": bool, "restrictOutboundNetworkAccess": bool,
    "allowedFqdnList": list, "allowProjectManagement": bool, "dynamicThrottlingEnabled": bool,
    "storedCompletionsDisabled": bool, "networkAcls": dict, "apiProperties": dict,
}  # fmt: skip
# Properties that ask for something that is not here: refused by name
NOT_HERE = {
    "userOwnedStorage": "storage of one's own in an account", "amlWorkspace": "accounts with a workspace of their own",
    "migrationToken": "migrated accounts", "locations": "accounts in several regions",
    "raiMonitorConfig": "monitoring of content filters", "networkInjections": "accounts inside a network",
}  # fmt: skip
LETTERS = string.ascii_letters + string.digits


def error(status, code, message, **more):
    return AzureError(status, code, message, **more)


# What there is


def path_of(request):
    return ONE.format(**{name: request.path_params[name] for name in ("subscription", "group", "account")})


def find(state, path):
    """The account with this id, or None."""
    return arm.find(state, path)


def require(request):
    return arm.get(request.app.state, path_of(request))


def all_accounts(state, group=None):
    found = providers.resources(state, SUBSCRIPTION, group)
    return [one for one in found if one["type"].lower() == TYPE.lower()]


def deleted_accounts(state):
    """The accounts that were deleted and can still be restored: records with the account and its dates."""
    now, kept = arm.now(), []
    for _, record in state.store.items(DELETED):
        if record["scheduledPurgeDate"] <= now:
            forget(state, record["account"])
        else:
            kept.append(record)
    return kept


def deleted_account(state, path):
    return next((one for one in deleted_accounts(state) if one["account"]["id"].lower() == path.lower()), None)


def kind_of(account):
    return KINDS[account["kind"].lower()]


def ensure_first(state):
    """The account whose endpoint and key start() exports, unless it is there."""
    if not find(state, OWN):
        kind = KINDS["aiservices"]
        _put(state, OWN, kind, "S0", resource_groups.HOME, {}, {"customSubDomainName": ACCOUNT}, None)


# Making and changing


def _put(state, path, kind, sku, location, tags, properties, given_identity, before=None):
    """Store an account and what hangs on it. Returns it."""
    name, subdomain = arm.name_of(path), properties.get("customSubDomainName")
    kept = before["properties"] if before else {"internalId": uuid.uuid4().hex, "dateCreated": arm.now()}
    body = {
        "etag": f'"{uuid.uuid4()}"',
        "location": location,
        "kind": kind.name,
        "sku": {"name": sku},
        "tags": tags,
        "properties": {
            "publicNetworkAccess": "Enabled",
            "allowProjectManagement": False,
            **properties,
            "endpoint": base_of(kind, plain(location), subdomain),
            "endpoints": endpoints_of(kind, name, plain(location), subdomain),
            "internalId": kept["internalId"],
            "dateCreated": kept["dateCreated"],
            "isMigrated": False,
            "privateEndpointConnections": [],
            "capabilities": [{"name": "VirtualNetworks"}],
            "provisioningState": "Succeeded",
        },
    }
    if given_identity:
        body["identity"] = given_identity
    account = arm.put(state, path, body)
    if not before and account["id"].lower() != OWN.lower():
        state.store.put(KEYS, path.lower(), {"key1": new_key(), "key2": new_key()})
    if subdomain:
        state.store.put(DOMAINS, subdomain.lower(), account["id"])
    return account


def new_key():
    """A key as accounts have had them since 2024: 84 letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(84))


def _check_name(path):
    """The code and words of these two refusals are from memory."""
    name = arm.name_of(path)
    if not limits.fits(limits.NAME, limits.NAME_LENGTH, name):
        message = (
            f"The account name '{name:.100}' is invalid. It must have 2 to 64 characters, begin with a letter or a "
            f"digit, and have only letters, digits, '_', '.' and '-'."
        )
        raise error(400, "InvalidResourceName", message)
    if subscriptions.reserved(name):
        message = f"The resource name '{name}' or a part of the name is a trademarked or reserved word."
        raise error(400, "ReservedResourceName", message)


def _location(body, before):
    location = arm.expect(body, "location", str)
    if not location:
        if before:
            return before["location"]
        raise error(400, "LocationRequired", "The location property is required for this definition.")
    if before and plain(location) != plain(before["location"]):
        message = (
            f"The resource '{before['name']}' already exists in location '{before['location']}' in resource group "
            f"'{before['id'].split('/')[4]}'. A resource with the same name cannot be created in location "
            f"'{location:.80}'. Please select a new resource name."
        )
        raise error(409, "InvalidResourceLocation", message)
    regions = sorted({region for kind in KINDS.values() for region in kind.regions})
    if plain(location) not in regions:
        message = (
            f"The provided location '{location:.80}' is not available for resource type '{TYPE}'. List of available "
            f"regions for the resource type is '{','.join(regions)}'."
        )
        raise error(400, "LocationNotAvailableForResourceType", message)
    return plain(location)


def _kind(body, location, before):
    name = arm.expect(body, "kind", str) or (before["kind"] if before else None)
    if not name:
        raise error(400, "InvalidKind", "The kind property is required for this definition.")
    if name.lower() in (one.lower() for one in NOT_YET):
        raise arm.not_yet(f"accounts of the kind {name}")
    kind = KINDS.get(name.lower())
    if not kind or plain(location) not in kind.regions:
        message = f"The account type '{name:.80}' is either invalid or unavailable in given region."
        raise error(400, "InvalidApiSetId", message)
    if before and kind is not kind_of(before) and (before["kind"].lower(), name.lower()) not in CHANGES:
        message = f"The kind of an account cannot be changed from '{before['kind']}' to '{kind.name}'."
        raise error(400, "InvalidKind", message)  # from memory
    return kind


def _sku(state, path, body, kind, before):
    given = arm.expect(body, "sku", dict)
    name = arm.expect(given, "name", str) if given else before and before["sku"]["name"]
    if not name:
        raise error(400, "InvalidSkuId", "The sku property, with a name, is required for this definition.")
    names = {one.lower(): one for one in kind.skus}
    if name.lower() not in names:
        message = (
            f"The subscription does not have QuotaId/Feature required by SKU '{name:.40}' from kind '{kind.name}' or "
            f"contains blocked QuotaId/Feature."
        )
        raise error(400, "SpecialFeatureOrQuotaIdRequired", message)
    name = names[name.lower()]
    if kind.skus[name] == "Free" and _another_is_free(state, path, kind):
        message = f"Operation failed. Only one free account is allowed for account type '{kind.name}'."
        raise error(400, "CanNotCreateMultipleFreeAccounts", message)
    return name


def _another_is_free(state, path, kind):
    """A deleted account holds its place until it is purged."""
    there = [*all_accounts(state), *(one["account"] for one in deleted_accounts(state))]
    return any(
        one["kind"] == kind.name and kind.skus.get(one["sku"]["name"]) == "Free" and one["id"].lower() != path.lower()
        for one in there
    )


def _identity(body, before):
    given = arm.expect(body, "identity", dict)
    if given is None:
        return before.get("identity") if before else None
    kind = str(given.get("type") or "None").replace(" ", "").lower()
    if kind == "none":
        return None
    if kind != "systemassigned":
        raise arm.not_yet("accounts with a user-assigned identity")
    if before and before.get("identity"):
        return before["identity"]
    return {"type": "SystemAssigned", "principalId": str(uuid.uuid4()), "tenantId": identity.TENANT}


def _properties(state, path, body, before):
    given = arm.expect(body, "properties", dict, {})
    for name, what in NOT_HERE.items():
        if given.get(name):
            raise arm.not_yet(what)
    encryption = arm.expect(given, "encryption", dict, {})
    if str(encryption.get("keySource") or PROVIDER).lower() != PROVIDER.lower() or encryption.get("keyVaultProperties"):
        raise arm.not_yet("accounts that are encrypted with a key of one's own")
    kept = {} if not before else {name: before["properties"][name] for name in KEPT if name in before["properties"]}
    for name, kind in KEPT.items():
        value = arm.expect(given, name, kind)
        if value is not None:
            kept[name] = value
    access = kept.get("publicNetworkAccess", "Enabled")
    if access.lower() not in ("enabled", "disabled"):
        raise arm.invalid(f"publicNetworkAccess must be Enabled or Disabled; it is {access!r:.80}.")
    kept["publicNetworkAccess"] = access.capitalize()
    _check_rules(kept.get("networkAcls") or {})
    kept["customSubDomainName"] = _subdomain(state, path, given, before)
    return {name: value for name, value in kept.items() if value is not None}


def _check_rules(rules):
    action = str(rules.get("defaultAction") or "Allow").lower()
    if action not in ("allow", "deny"):
        raise arm.invalid("defaultAction of networkAcls must be Allow or Deny.", target="networkAcls")
    if rules.get("ipRules") or rules.get("virtualNetworkRules"):
        raise arm.not_yet("rules for addresses and networks of an account", "All or none are let in.")


def _subdomain(state, path, given, before):
    """The custom subdomain. That it cannot be changed is Microsoft's documentation; code and words are from memory."""
    name = arm.expect(given, "customSubDomainName", str) or None
    kept = before["properties"].get("customSubDomainName") if before else None
    if name is None:
        return kept
    if kept and kept.lower() != name.lower():
        message = f"The custom subdomain of an account cannot be changed. It is '{kept}'."
        raise error(400, "CustomDomainCannotBeChanged", message)
    if not limits.fits(limits.SUBDOMAIN, limits.SUBDOMAIN_LENGTH, name):
        raise error(400, "CustomDomainInvalid", f"Sub domain name '{name:.100}' is not valid.")
    if taken(state, name, path):
        message = (
            f"Please pick a different name. The subdomain name '{name}' is not available as it's already used by a "
            f"resource. If the resource using the name was deleted in the last 48 hours, you may need to purge the "
            f'deleted resource. Learn more at "https://go.microsoft.com/fwlink/?linkid=2215493"'
        )
        raise error(409, "CustomDomainInUse", message)
    return kept or name


def taken(state, subdomain, path=""):
    """Has an account other than this one, live or deleted, the custom subdomain?"""
    deleted_accounts(state)  # what is past its date goes first
    owner = state.store.get(DOMAINS, subdomain.lower())
    return owner is not None and owner.lower() != path.lower()


async def write(request):
    """PUT: a new account, a restored one, or new settings of one that is there."""
    state, path = request.app.state, path_of(request)
    body = await arm.body_of(request)
    resource_groups.require(request)
    providers.require_registered(state, PROVIDER)
    before = find(state, path)
    restore = arm.expect(arm.expect(body, "properties", dict, {}), "restore", bool, False)
    if not before:
        _check_name(path)
        if lost := deleted_account(state, path):
            if not restore:
                message = (
                    f"An existing resource with ID '{lost['account']['id']}' has been soft-deleted. To restore the "
                    f"resource, you must specify 'restore' to be 'true' in the property. If you don't want to restore "
                    f"existing resource, please purge it first."
                )
                raise error(409, "FlagMustBeSetForRestore", message)
            return _created(request, _restored(state, lost, body))
    if restore:  # code and words from memory
        message = f"There is no soft-deleted resource with ID '{path}' to restore."
        raise error(400, "CanNotRestoreANonSoftDeletedResource", message)
    account = _write(state, path, body, before)
    return JSONResponse(account) if before else _created(request, account)


def _write(state, path, body, before):
    path = before["id"] if before else path
    location = _location(body, before)
    kind = _kind(body, location, before)
    sku = _sku(state, path, body, kind, before)
    if not before:
        there = [one for one in all_accounts(state) if one["location"] == location]
        if len(there) >= limits.ACCOUNTS:  # code and words from memory
            message = f"The subscription has reached its limit of {limits.ACCOUNTS} accounts in {location}."
            raise error(400, "AccountLimitExceeded", message)
    tags = tags_of(body) if body.get("tags") is not None or not before else before.get("tags") or {}
    properties = _properties(state, path, body, before)
    return _put(state, path, kind, sku, location, tags, properties, _identity(body, before), before)


def _created(request, account):
    """201 with the account as Azure first answers it; what it is a moment later is at the operation's address."""
    operation = arm.start_operation(request.app.state, account["id"])
    arm.finish_operation(request.app.state, operation)
    where = f"/subscriptions/{SUBSCRIPTION}/providers/{PROVIDER}/locations/{account['location']}/operationResults"
    address = f"{arm.HOST}{where}/{operation}?api-version={request.query_params['api-version']}"
    first = account | {"properties": account["properties"] | {"provisioningState": "Creating"}}
    return JSONResponse(first, 201, headers={"Azure-AsyncOperation": address, "Retry-After-Ms": "1"})


def _restored(state, lost, body):
    """A deleted account comes back as it was, with its keys."""
    account = lost["account"]
    location = arm.expect(body, "location", str)
    if location and plain(location) != plain(account["location"]):
        _location(body, account)
    state.store.delete(DELETED, account["id"].lower())
    return arm.put(state, account["id"], account)


async def change(request):
    """PATCH: what is named changes, the rest stays."""
    state, before = request.app.state, require(request)
    resource_groups.require(request)
    body = await arm.body_of(request)
    return JSONResponse(_write(state, before["id"], body, before))


async def read(request):
    return JSONResponse(require(request))


async def listed(request):
    group = request.path_params.get("group")
    if group:
        resource_groups.require(request)
    return arm.page(request, all_accounts(request.app.state, group))


# Deleting


async def remove(request):
    """DELETE: 200 where there was one, 204 where there was none."""
    state = request.app.state
    account = find(state, path_of(request))
    if not account:
        return Response(None, 204)
    if account["id"].lower() == OWN.lower():
        raise arm.locked(account["id"])
    await delete(state, account)
    return Response(None, 200)


async def delete(state, account):
    """Soft-delete: nothing answers at its address from now on, and for 48 hours it can be restored."""
    until = datetime.now(UTC) + timedelta(hours=limits.KEPT_HOURS)
    record = {
        "account": account,
        "deletionDate": arm.now(),
        "scheduledPurgeDate": until.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    state.store.put(DELETED, account["id"].lower(), record)
    arm.delete(state, account["id"])


def forget(state, account):
    """Purge: the account's keys and name are gone for good."""
    state.store.delete(DELETED, account["id"].lower())
    state.store.delete(KEYS, account["id"].lower())
    if subdomain := account["properties"].get("customSubDomainName"):
        state.store.delete(DOMAINS, subdomain.lower())


# Keys


def keys_of(state, account):
    """{"key1", "key2"}. Those of the course's own account are this user's secrets, which start() exports."""
    if account["id"].lower() == OWN.lower():
        return {name: state.secrets[name] for name in ("key1", "key2")}
    return state.store.get(KEYS, account["id"].lower())


def _check_keys(account):
    if account["properties"].get("disableLocalAuth"):
        raise error(400, "BadRequest", "Failed to list key. disableLocalAuth is set to be true")


async def list_keys(request):
    account = require(request)
    _check_keys(account)
    return JSONResponse(keys_of(request.app.state, account))


async def regenerate_key(request):
    """POST: a new key in the place of the named one, which opens nothing from this moment on."""
    state, account = request.app.state, require(request)
    body = await arm.body_of(request)
    _check_keys(account)
    name = (arm.expect(body, "keyName", str) or "").lower()
    if name not in ("key1", "key2"):
        raise arm.invalid("keyName must be Key1 or Key2.", target="keyName")
    keys = keys_of(state, account) | {name: new_key()}
    if account["id"].lower() == OWN.lower():
        state.secrets |= keys
        save_secrets(home(), state.secrets)
    else:
        state.store.put(KEYS, account["id"].lower(), keys)
    return JSONResponse(keys)


_LIST = f"providers/{PROVIDER}/accounts"
routes = [
    arm.route(f"/subscriptions/{{subscription}}/{_LIST}", listed, versions=VERSIONS),
    arm.route(f"{arm.GROUP}/{_LIST}", listed, versions=VERSIONS),
    arm.route(ONE, read, versions=VERSIONS),
    arm.route(ONE, write, ("PUT",), VERSIONS),
    arm.route(ONE, change, ("PATCH",), VERSIONS),
    arm.route(ONE, remove, ("DELETE",), VERSIONS),
    arm.route(f"{ONE}/listKeys", list_keys, ("POST",), VERSIONS),
    arm.route(f"{ONE}/regenerateKey", regenerate_key, ("POST",), VERSIONS),
]
