"""Azure Resource Manager as Azure Machine Learning speaks it: its paths, api-versions, errors and operations.

What all resources have in common comes from resource_manager and is passed on, so that the other modules of this folder
need one name only.
"""

import functools

from starlette.responses import JSONResponse

from ...errors import AzureError
from ..resource_manager import arm as general
from ..resource_manager.arm import (
    GROUP,
    KIND,
    PAGE,
    WAIT,
    AnyCaseRoute,
    body_of,
    children,
    delete,
    find,
    finish_operation,
    get,
    locked,
    name_of,
    not_found,
    not_yet,
    now,
    operation_result,
    operation_status,
    properties_of,
    put,
    start_operation,
    type_of,
)

__all__ = [
    "AUDIENCES", "GROUP", "KIND", "PAGE", "PROVIDER", "REGION", "REGISTRY", "VERSIONS", "WAIT", "WORKSPACE",
    "AnyCaseRoute", "accepted", "body_of", "check_version", "children", "delete", "done", "expect", "find",
    "finish_operation", "get", "home_of", "locked", "name_of", "not_found", "not_yet", "now", "number", "page",
    "properties_of", "put", "require_token", "route", "routes", "start_operation", "type_of", "user_error",
    "workspace_of", "workspace_path", "workspaces",
]  # fmt: skip

REGION = "local"  # of workspaces that name no region, and in the host names of all of them
PROVIDER = "Microsoft.MachineLearningServices"
WORKSPACE = f"{GROUP}/providers/{PROVIDER}/workspaces/{{workspace}}"
REGISTRY = f"{GROUP}/providers/{PROVIDER}/registries/{{registry}}"
AUDIENCES = (*general.AUDIENCES, "https://ml.azure.com", "https://ai.azure.com")
# Those that azure-ai-ml 1.35 and azureml-mlflow send, and those of the Azure documentation that differ in nothing that
# is answered here.
VERSIONS = (
    "2021-10-01", "2022-01-01-preview", "2022-02-01-preview", "2022-05-01", "2022-10-01", "2022-10-01-preview",
    "2022-12-01-preview", "2023-02-01-preview", "2023-04-01", "2023-04-01-preview", "2023-06-01-preview",
    "2023-08-01-preview", "2023-10-01", "2024-01-01-preview", "2024-04-01", "2024-04-01-preview", "2024-07-01-preview",
    "2024-10-01", "2024-10-01-preview", "2025-01-01-preview", "2025-12-01",
)  # fmt: skip


def route(path, handler, methods=("GET",), versions=VERSIONS):
    """A route for callers with a token. versions: the api-versions taken; None where the address has none."""
    return general.route(path, handler, methods, versions, AUDIENCES, REGION)


def require_token(request):
    """Let the request pass with a token for ARM or for Azure Machine Learning; 401 otherwise, in ARM's words."""
    return general.require_token(request, AUDIENCES)


def check_version(request, versions=VERSIONS):
    """The api-version of the request; 400 if it is missing or unknown."""
    return general.check_version(request, versions, REGION)


# Paths


def workspace_path(subscription, group, workspace):
    """The ARM id of a workspace."""
    return WORKSPACE.format(subscription=subscription, group=group, workspace=workspace)


def workspace_of(request):
    """The ARM id of the workspace that the request's path names, written as it was created; 404 if there is none."""
    names = request.path_params
    path = workspace_path(names["subscription"], names["group"], names["workspace"])
    return get(request.app.state, path)["id"]


def home_of(request):
    """The ARM id of the workspace or the registry whose assets the request's path names; 404 if there is none."""
    names = request.path_params
    if "registry" not in names:
        return workspace_of(request)
    path = REGISTRY.format(subscription=names["subscription"], group=names["group"], registry=names["registry"])
    return get(request.app.state, path)["id"]


def workspaces(state, subscription=None, group=None):
    """All workspaces, or those of a subscription, or of one of its resource groups."""
    start = f"/subscriptions/{subscription}/" if subscription else "/subscriptions/"
    start += f"resourcegroups/{group}/" if group else ""
    found = [value for _, value in state.store.items(KIND, start.lower())]
    return [one for one in found if one["type"].lower() == f"{PROVIDER}/workspaces".lower()]


# Errors, and what raises them


def user_error(message, status=400, inner="BadArgument", target=None):
    """The error of Azure Machine Learning itself for a request that is at fault: code UserError."""
    info = [
        {"type": "ComponentName", "info": {"value": "managementfrontend"}},
        {"type": "InnerError", "info": {"value": {"code": inner, "innerError": None}}},
        {"type": "Time", "info": {"value": now()}},
    ]
    return AzureError(status, "UserError", message, target=target, more={"details": [], "additionalInfo": info})


expect = functools.partial(general.expect, refuse=user_error)
page = functools.partial(general.page, refuse=user_error)
number = functools.partial(general.number, refuse=user_error)


# Operations that take a while


def accepted(request, operation, resource=None, status=201):
    """The answer to a request that began an operation: 201 with the resource, or 202."""
    subscription = request.path_params["subscription"]
    base = f"{general.HOST}/subscriptions/{subscription}/providers/{PROVIDER}/locations/{REGION}"
    query = f"?api-version={request.query_params['api-version']}"
    headers = {
        "Azure-AsyncOperation": f"{base}/mfeOperationsStatus/{operation}{query}",
        "Location": f"{base}/mfeOperationResults/{operation}{query}",
        **WAIT,
    }
    return JSONResponse(resource, status, headers=headers)


def done(request, resource, status):
    """The answer to a request for work that is finished already: the operation is there to be asked, as on Azure."""
    state = request.app.state
    operation = start_operation(state, resource["id"])
    finish_operation(state, operation)
    return accepted(request, operation, resource, status)


_LOCATION = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}"
routes = [
    route(f"{_LOCATION}/mfeOperationsStatus/{{operation}}", operation_status, versions=None),
    route(f"{_LOCATION}/mfeOperationResults/{{operation}}", operation_result, versions=None),
]
