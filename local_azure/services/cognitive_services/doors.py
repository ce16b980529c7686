"""Who is let in at an account's own address: which account a host name means, and whether key or token open it.

The words are those of Azure's services, as clients report them.
"""

import hmac

from ... import identity
from ...errors import AzureError
from ..resource_manager import arm
from ..resource_manager.locations import REGIONS
from . import accounts

REGIONAL = ".api.cognitive.microsoft.com"
LOOPBACK = ("127.0.0.1", "localhost")
AUDIENCES = ("https://cognitiveservices.azure.com", "https://ai.azure.com")


def admit(request, kinds):
    """The account that a request is for. Raises 404 where none has the host, 401 and 403 where it does not open.

    kinds: of accounts that have the service in question. On loopback the course's own account answers.
    """
    host, state = request.url.hostname or "", request.app.state
    key = request.headers.get("ocp-apim-subscription-key") or request.headers.get("api-key")
    if host.endswith(REGIONAL):
        account = _in_region(state, host.removesuffix(REGIONAL), key)
    else:
        account = _at(state, host)
        _open(state, request, account, key)
    _let_traffic_in(account)
    if account["kind"] not in kinds:
        raise AzureError(404, "404", "Resource not found")
    return account


def _at(state, host):
    if host in LOOPBACK:
        return arm.get(state, accounts.OWN)
    subdomain, _, suffix = host.partition(".")
    path = state.store.get(accounts.DOMAINS, subdomain)
    account = path and accounts.find(state, path)
    if not account or f".{suffix}" not in accounts.kind_of(account).suffixes:
        message = (
            f"Subdomain does not map to a resource. No account of this local Azure answers at {host}; on Azure the "
            f"name of an account that never was does not even resolve."
        )
        raise AzureError(404, "ResourceNotFound", message)
    return account


def _in_region(state, region, key):
    """At the address of a region only a key says which account is meant."""
    if region not in REGIONS:
        message = f"There is no region '{region}'; on Azure the name {region}{REGIONAL} does not resolve."
        raise AzureError(404, "ResourceNotFound", message)
    if key is None:
        message = "Please provide a custom subdomain for token authentication, otherwise API key is required."
        raise AzureError(400, "BadRequest", message)
    for account in accounts.all_accounts(state):
        if account["location"] == region and _fits(state, account, key):
            _check_key_allowed(account)
            return account
    raise _wrong_key()


def _open(state, request, account, key):
    if key is not None:
        if not _fits(state, account, key):
            raise _wrong_key()
        _check_key_allowed(account)
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _wrong_key()
    try:
        identity.verify(token, state.secrets["signing"], AUDIENCES)
    except identity.BadToken as error:
        message = (
            f"Access token is missing, invalid, audience is incorrect ({AUDIENCES[0]}), or have expired. "
            f"{error.message}"
        )
        raise AzureError(401, "Unauthorized", message) from None


def _fits(state, account, key):
    keys = accounts.keys_of(state, account).values()
    return any([hmac.compare_digest(key.encode(), one.encode()) for one in keys])


def _wrong_key():
    message = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource."
    )
    return AzureError(401, "401", message)


def _check_key_allowed(account):
    if account["properties"].get("disableLocalAuth"):
        message = "Key based authentication is disabled for this resource."
        raise AzureError(403, "AuthenticationTypeDisabled", message)


def _let_traffic_in(account):
    properties = account["properties"]
    if properties["publicNetworkAccess"] == "Disabled":
        raise AzureError(403, "403", "Public access is disabled. Please configure private endpoint.")
    if str((properties.get("networkAcls") or {}).get("defaultAction", "")).lower() == "deny":
        raise AzureError(403, "AccessDenied", "Access denied due to Virtual Network/Firewall rules.")
