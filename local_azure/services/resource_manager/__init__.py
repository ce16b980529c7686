"""Azure Resource Manager: the subscription, its regions and providers, resource groups, and resources of any kind.

Shapes and refusals follow Microsoft's published API descriptions and the replies in the recordings of azure-cli's own
tests. What a provider's resources are is the provider's affair: services tell `providers` what they have.
"""

from starlette.routing import Match, Route

from . import arm, providers, resource_groups, resources, subscriptions

__all__ = ["HOSTS", "prepare", "resume", "routes"]

HOSTS = ("management.azure.com",)

providers.add(
    providers.Provider(
        "Microsoft.Resources",
        (
            providers.Type("subscriptions", subscriptions.VERSIONS, ()),
            providers.Type("tenants", subscriptions.VERSIONS, ()),
            providers.Type("resourceGroups", resource_groups.VERSIONS),
            providers.Type("resources", resource_groups.VERSIONS, ()),
            providers.Type("tags", resource_groups.VERSIONS, ()),
            providers.Type("deployments", resource_groups.VERSIONS),
        ),
    )
)


def prepare(app):
    """Before the other services: the groups that their resources stand in."""
    resource_groups.ensure(app.state)


async def resume(app):
    """After the other services: deletions that an earlier server did not finish."""
    resource_groups.resume(app.state)


class _Rest(Route):
    """Matches whatever is left, by host name: on loopback, a path alone does not say that Azure is meant."""

    def matches(self, scope):
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").partition(":")[0].lower()
        return super().matches(scope) if host.endswith(HOSTS) else (Match.NONE, {})


async def nothing_here(request):
    """What Azure may have at this address, and the local Azure has not."""
    arm.require_token(request)
    raise arm.not_yet(f"{request.method} {request.url.path}")


routes = [
    *subscriptions.routes,
    *providers.routes,
    *resource_groups.routes,
    *resources.routes,
    _Rest("/{rest:path}", nothing_here, methods=["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD"]),
]
