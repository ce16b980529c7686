"""Azure Machine Learning: Azure Resource Manager's part, and the services at a workspace's own addresses.

Routes and shapes follow Microsoft's published API descriptions and what azure-ai-ml 1.35 sends and reads.
"""

from starlette.routing import Match, Route

from ..resource_manager import providers
from . import arm, computes, tracking, workspaces
from .assets import assets, datastores, registries
from .endpoints import (
    batch_deployments,
    batch_endpoints,
    batch_jobs,
    batch_scoring,
    deployments,
    endpoints,
    online_deployments,
    scoring,
)
from .jobs import history, jobs, running, schedules

__all__ = ["HOSTS", "resume", "routes"]

OWN_HOSTS = (".api.azureml.ms", ".experiments.azureml.net", ".inference.ml.azure.com")
HOSTS = ("management.azure.com", *OWN_HOSTS)


async def _remove_workspace(state, resource):
    await workspaces.delete(state, resource["id"])


providers.add(
    providers.Provider(
        arm.PROVIDER,
        (
            providers.Type("workspaces", arm.VERSIONS, remove=_remove_workspace),
            providers.Type("registries", arm.VERSIONS, remove=registries.delete),
            *(
                providers.Type(f"workspaces/{name}", arm.VERSIONS)
                for name in ("computes", "data", "datastores", "jobs", "models", "onlineEndpoints", "batchEndpoints")
            ),
        ),
    )
)
providers.add(
    providers.Provider(
        "Microsoft.Storage",
        (providers.Type("storageAccounts", deployments.STORAGE_VERSIONS, remove=deployments.remove_account),),
    )
)


async def resume(app):
    """What an earlier server left, and the workspace that is there from the beginning."""
    workspaces.ensure_first(app.state)
    await batch_jobs.resume(app.state)
    await running.resume(app.state)
    online_deployments.resume(app.state)
    schedules.resume(app.state)


class _Rest(Route):
    """Matches whatever is left, by host name: on loopback, a path alone does not say that Azure is meant."""

    def matches(self, scope):
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").partition(":")[0].lower()
        return super().matches(scope) if host.endswith(OWN_HOSTS) else (Match.NONE, {})


METHODS = ["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD"]
# What clients ask for at addresses that are not answered: a part of the path, and what it is
NOT_HERE = {
    "/connections": "connections of a workspace",
    "/package": "packages of models (models.package)",
    "/modelmanagement/": "model management of version 1 of the SDK (azureml-core)",
    "/featurestoreentities": "feature stores",
    "/featuresets": "feature stores",
    "/outboundrules": "managed networks of a workspace",
    "/privateendpointconnections": "private endpoints",
    "/privatelinkresources": "private endpoints",
    "/serverlessendpoints": "serverless endpoints of models",
    "/marketplacesubscriptions": "models of the marketplace",
    "/endpoints": "connections to Foundry resources",
    "/diagnose": "diagnosis of a workspace",
    "/quotas": "quotas of single workspaces",
    "/dataversion/": "mltable and azureml-fsspec (data by version)",
    "/datastore/v1.0": "mltable and azureml-fsspec (datastores by name)",
    "/dataset": "data sets of version 1 of the SDK",
    "/pipelines/": "pipelines of version 1 of the SDK",
    "/execution/": "runs of version 1 of the SDK (azureml-core)",
    "/labelingjobs": "labelling of data",
    "/virtualclusters": "virtual clusters",
    "/capabilityhosts": "capability hosts",
}


async def nothing_here(request):
    """What Azure may have at these addresses, and the local Azure has not.

    501 of Resource Manager; 400 of the services below it, whose clients try again for minutes after a 5xx.
    """
    arm.require_token(request)
    path = request.url.path.lower()
    what = next((what for part, what in NOT_HERE.items() if part in path), None)
    error = arm.not_yet(
        f"{what} ({request.method} {request.url.path})" if what else f"{request.method} {request.url.path}"
    )
    if request.url.hostname != "management.azure.com":
        error.status = 400
    raise error


routes = [
    *arm.routes,
    *workspaces.routes,
    *deployments.routes,
    *computes.routes,
    *datastores.routes,
    *assets.routes,
    *registries.routes,
    *jobs.routes,
    *schedules.routes,
    *history.routes,
    *tracking.routes,
    *endpoints.routes,
    *online_deployments.routes,
    *batch_endpoints.routes,
    *batch_deployments.routes,
    *batch_scoring.routes,
    *scoring.routes,
    *(
        arm.AnyCaseRoute(f"{start}/providers/{arm.PROVIDER}/{{rest:own}}", nothing_here, methods=METHODS)
        for start in ("/subscriptions/{subscription}", arm.GROUP)
    ),
    _Rest("/{rest:path}", nothing_here, methods=METHODS),
]
