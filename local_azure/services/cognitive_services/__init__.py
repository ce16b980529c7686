"""Microsoft.CognitiveServices: the accounts behind Language and its siblings, their keys and their addresses.

Shapes and refusals follow Microsoft's published API descriptions and the replies in the recordings of azure-cli's own
tests. Where a refusal is from memory, its place says so.
"""

from ..resource_manager import arm, providers
from . import accounts, deleted, offers
from .doors import admit
from .kinds import KINDS

__all__ = ["HOSTS", "admit", "resume", "routes"]

HOSTS = ("management.azure.com",)

_REGIONS = tuple(sorted({region for kind in KINDS.values() for region in kind.regions}))
providers.add(
    providers.Provider(
        accounts.PROVIDER,
        (
            providers.Type("accounts", accounts.VERSIONS, _REGIONS, accounts.delete),
            providers.Type("deletedAccounts", accounts.VERSIONS, ()),
            providers.Type("locations", accounts.VERSIONS, ()),
            providers.Type("locations/models", accounts.VERSIONS, _REGIONS),
            providers.Type("locations/usages", accounts.VERSIONS, _REGIONS),
            providers.Type("operations", accounts.VERSIONS, ()),
        ),
    )
)


async def resume(app):
    """The account that is there from the beginning."""
    accounts.ensure_first(app.state)


async def not_yet(request):
    arm.get(request.app.state, accounts.path_of(request))
    raise arm.not_yet(f"{request.path_params['rest'].split('/')[0]} of accounts")


routes = [
    *accounts.routes,
    *deleted.routes,
    *offers.routes,
    arm.route(f"{accounts.ONE}/{{rest:own}}", not_yet, ("GET", "PUT", "PATCH", "POST", "DELETE"), accounts.VERSIONS),
]
