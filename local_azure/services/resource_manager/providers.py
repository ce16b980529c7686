"""Resource providers: which kinds of resources there are, in which regions and versions, and how each is removed.

A service says what it has with `add`; this module knows none of them. Source of the rules: Microsoft's page on resource
providers and types.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.responses import JSONResponse

from ...errors import AzureError
from . import arm
from .locations import REGIONS

REGISTRATION = "provider"  # kind of the store's records: providers that were unregistered; key: the namespace
VERSIONS = (
    "2015-01-01", "2015-11-01", "2016-06-01", "2016-09-01", "2017-05-10", "2018-05-01", "2019-05-10", "2019-10-01",
    "2020-01-01", "2020-06-01", "2020-10-01", "2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01",
    "2024-03-01", "2024-07-01", "2024-11-01", "2025-03-01", "2025-04-01", "2026-06-01",
)  # fmt: skip


@dataclass(frozen=True)
class Type:
    """A type of resource below a provider.

    versions: of its API, newest first. regions: names; () for a type that has no place. remove: what deletes a
    resource, given (state, resource), where it can stand in a group by itself.
    """

    name: str
    versions: tuple[str, ...]
    regions: tuple[str, ...] = tuple(REGIONS)
    remove: Callable[[object, dict], Awaitable[None]] | None = None


@dataclass(frozen=True)
class Provider:
    namespace: str
    types: tuple[Type, ...] = field(default=())

    @property
    def key(self):
        return self.namespace.lower()


PROVIDERS = {}


def add(provider):
    """Make a provider known. Called once by each service, when it is imported."""
    PROVIDERS[provider.key] = provider


def type_of(path):
    """The Type of a resource that stands in a group by itself, by its id; None for others."""
    found = re.fullmatch("/subscriptions/[^/]+/resourcegroups/[^/]+/providers/([^/]+)/([^/]+)/[^/]+", path.lower())
    provider = PROVIDERS.get(found[1]) if found else None
    return next((one for one in provider.types if one.name.lower() == found[2]), None) if provider else None


def registered(state, namespace):
    return state.store.get(REGISTRATION, namespace.lower()) != "Unregistered"


def require_registered(state, namespace):
    """409 where the subscription's registration of a provider was taken back."""
    if not registered(state, namespace):
        message = (
            f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for "
            f"how to register subscriptions."
        )
        raise AzureError(409, "MissingSubscriptionRegistration", message)


def resources(state, subscription, group=None):
    """The resources that stand in groups by themselves: all of a subscription, or of one group, in order of id."""
    start = f"/subscriptions/{subscription}/resourcegroups/" + (f"{group}/providers/" if group else "")
    found = [value for _, value in state.store.items(arm.KIND, start.lower())]
    return [one for one in found if type_of(one["id"])]


async def remove(state, resource):
    """Delete a resource as its provider does."""
    await type_of(resource["id"]).remove(state, resource)


# Answers


def _listed(state, provider, subscription):
    types = []
    for one in provider.types:
        capabilities = "None" if not one.regions else "SupportsTags, SupportsLocation" if one.remove else "None"
        types.append(
            {
                "resourceType": one.name,
                "locations": [REGIONS[region].display for region in one.regions],
                "apiVersions": sorted(one.versions, reverse=True),
                "capabilities": capabilities,
            }
        )
    body = {"namespace": provider.namespace, "resourceTypes": types}
    if not subscription:
        return body
    state_now = "Registered" if registered(state, provider.namespace) else "Unregistered"
    if provider.namespace == "Microsoft.Resources":
        return {"id": f"/subscriptions/{subscription}/providers/{provider.namespace}", **body} | {
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationFree",
        }
    return {
        "id": f"/subscriptions/{subscription}/providers/{provider.namespace}",
        **body,
        "registrationState": state_now,
        "registrationPolicy": "RegistrationRequired",
    }


def _named(request):
    name = request.path_params["namespace"]
    provider = PROVIDERS.get(name.lower())
    if provider:
        return provider
    if name.lower().startswith("microsoft."):
        raise arm.not_yet(f"resources of {name}")
    message = f"The resource namespace '{name}' is invalid."
    raise AzureError(404, "InvalidResourceNamespace", message)


async def listed(request):
    subscription = request.path_params.get("subscription")
    found = [_listed(request.app.state, PROVIDERS[key], subscription) for key in sorted(PROVIDERS)]
    return arm.page(request, found)


async def read(request):
    return JSONResponse(_listed(request.app.state, _named(request), request.path_params.get("subscription")))


async def resource_types(request):
    body = _listed(request.app.state, _named(request), request.path_params["subscription"])
    return JSONResponse({"value": body["resourceTypes"]})


async def register(request):
    state, provider = request.app.state, _named(request)
    state.store.delete(REGISTRATION, provider.key)
    return await read(request)


async def unregister(request):
    """POST: only when nothing of the provider is left. The status and words of the refusal are from memory."""
    state, provider, subscription = request.app.state, _named(request), request.path_params["subscription"]
    if provider.namespace == "Microsoft.Resources":
        message = f"The resource namespace '{provider.namespace}' needs no registration, and has none to take back."
        raise AzureError(400, "InvalidRequestContent", message)
    mark = f"/providers/{provider.key}/"
    if any(mark in one["id"].lower() for one in resources(state, subscription)):
        message = (
            f"The subscription cannot be unregistered from resource namespace '{provider.namespace}'. Please delete "
            f"existing resources for the provider before unregistering."
        )
        raise AzureError(409, "SubscriptionCannotBeUnregistered", message)
    state.store.put(REGISTRATION, provider.key, "Unregistered")
    return await read(request)


_SUBSCRIPTION = "/subscriptions/{subscription}/providers"
routes = [
    arm.route(_SUBSCRIPTION, listed, versions=VERSIONS),
    arm.route(f"{_SUBSCRIPTION}/{{namespace}}", read, versions=VERSIONS),
    arm.route(f"{_SUBSCRIPTION}/{{namespace}}/resourceTypes", resource_types, versions=VERSIONS),
    arm.route(f"{_SUBSCRIPTION}/{{namespace}}/register", register, ("POST",), VERSIONS),
    arm.route(f"{_SUBSCRIPTION}/{{namespace}}/unregister", unregister, ("POST",), VERSIONS),
    arm.route("/providers", listed, versions=VERSIONS),
    arm.route("/providers/{namespace}", read, versions=VERSIONS),
]
