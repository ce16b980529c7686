"""The address of a batch endpoint: where data is becomes a job, and which jobs there have been."""

import uuid

from starlette.responses import JSONResponse

from .... import identity
from ....errors import AzureError
from .. import arm
from ..jobs import jobs, running, runs, shapes
from . import batch_deployments, batch_endpoints, batch_jobs

CHOICE = "azureml-model-deployment"  # the header that names a deployment
AUDIENCES = ("https://ml.azure.com",)
LIST_VERSIONS = ("2020-09-01-dataplanepreview",)
DATA_TYPES = {"urifile": "uri_file", "urifolder": "uri_folder"}
NOT_HERE = ("MLTable", "CustomModel", "MLFlowModel", "TritonModel")
INPUT = {"jobInputType": shapes.TEXT, "uri": shapes.TEXT, "mode": shapes.TEXT, "value": shapes.SCALAR}
SHAPE = {
    **batch_deployments.SETTINGS,
    "inputData": shapes.Named(INPUT, shapes.NAME),
    "outputData": shapes.Named({"jobOutputType": shapes.TEXT, "uri": shapes.TEXT, "mode": shapes.TEXT}, shapes.NAME),
    "outputDataset": {"datastoreId": shapes.TEXT, "path": shapes.TEXT},
    "compute": {"target": shapes.TEXT, "instanceCount": shapes.WHOLE, "instanceType": shapes.TEXT},
    "name": shapes.TEXT,
    "properties": shapes.Named(shapes.SCALAR),
}


# A call


async def invoke(request, endpoint):
    """POST https://{endpoint}.{region}.inference.ml.azure.com/jobs: a job that scores the data named in the body."""
    state = request.app.state
    _require_token(request)
    if request.url.path.rstrip("/") != "/jobs":
        raise AzureError(404, "NotFound", f"A batch endpoint has the path /jobs; {request.url.path} is not there.")
    if request.method != "POST":
        raise AzureError(405, "MethodNotAllowed", "A batch endpoint is called with POST.")
    asked = _asked(await arm.body_of(request))
    shapes.check(asked, SHAPE)
    asked = shapes.given(asked)
    deployment = _choose(state, endpoint, request.headers.get(CHOICE))
    if deployment["properties"].get("deploymentConfiguration"):
        run = _pipeline(state, endpoint, deployment, asked)
    else:
        run = _batch(state, endpoint, deployment, asked)
    running.start(state, run)
    return JSONResponse(_as_job(run, endpoint["id"]), 201)


def _require_token(request):
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    headers = {"WWW-Authenticate": "Bearer"}
    if scheme.lower() != "bearer" or not given:
        raise AzureError(401, "AuthenticationFailed", "The request has no bearer token.", headers=headers)
    try:
        identity.verify(given, request.app.state.secrets["signing"], AUDIENCES)
    except AzureError as error:
        raise AzureError(401, "InvalidAuthenticationToken", error.message, headers=headers) from None


def _asked(body):
    """The properties that were sent. Names of members may begin with a capital letter, as in Azure's own examples."""
    asked = _camel(arm.properties_of(_camel(body)))
    for name in ("inputData", "outputData"):  # whose names are the caller's own
        if isinstance(asked.get(name), dict):
            asked[name] = {own: _camel(below) for own, below in asked[name].items()}
    return {name: _camel(value) if name == "compute" else value for name, value in asked.items()}


def _camel(value):
    """The same object with small first letters in its members' names."""
    if not isinstance(value, dict):
        return value
    return {name[:1].lower() + name[1:]: below for name, below in value.items()}


def _choose(state, endpoint, named):
    """The deployment that is named, or the default; 404 if there is none."""
    default = endpoint["properties"]["defaults"]["deploymentName"]
    if not named and not default:
        message = (
            f"The endpoint {endpoint['name']} has no default deployment. Name a deployment, or set the endpoint's "
            f"defaults.deployment_name."
        )
        raise arm.user_error(message, 404, "NotFound")
    found = arm.find(state, f"{endpoint['id']}/deployments/{named or default}")
    if not found:
        message = f"The endpoint {endpoint['name']} has no deployment {named or default}."
        raise arm.user_error(message, 404, "NotFound")
    return found


# Of a model


def _batch(state, endpoint, deployment, asked):
    """The record of the job that scores files with the model of a deployment."""
    workspace, has = batch_endpoints.workspace_of(endpoint["id"]), deployment["properties"]
    changed = asked.get("compute") or {}
    compute = changed.get("target") or has["compute"]
    count = changed.get("instanceCount", has["resources"]["instanceCount"])
    batch_deployments.check_nodes(state, workspace, compute, count)
    plan = has | batch_deployments.settings_of(asked, has)
    plan |= {"compute": compute, "instanceCount": count}
    data_name, data = _data(asked)
    plan["input"] = data
    plan["child"] = str(uuid.uuid4())
    plan["output"] = _output(state, workspace, plan, asked)
    properties = _job(endpoint, deployment, asked, "azureml.batchjob") | {
        "computeId": compute,
        "inputs": {data_name: data},
        "outputs": {batch_jobs.SCORE: {"jobOutputType": plan["output"]["jobOutputType"], "uri": plan["output"]["uri"]}},
    }
    batch_jobs.check(state, workspace, plan)
    return _create(state, workspace, f"batchjob-{uuid.uuid4()}", properties, endpoint, deployment, plan)


def _create(state, workspace, name, properties, endpoint, deployment, plan=None):
    run = runs.create(state, workspace, name, properties)
    marked = {"batch": {"endpoint": endpoint["id"], "deployment": deployment["name"], "plan": plan}}
    return runs.change(state, run, **marked, **({"runner": batch_jobs.RUNNER} if plan else {}))


def _job(endpoint, deployment, asked, kind):
    """What the jobs of all batch endpoints have in common. They stand in an experiment of the endpoint's name."""
    own = {name: str(value) for name, value in (asked.get("properties") or {}).items()}
    experiment = own.pop("experimentName", None) or endpoint["name"]
    tags = {"azureml.batchrun": "true", "azureml.deploymentname": deployment["name"], "azureml.jobtype": kind}
    named = {
        "azureml.endpointname": endpoint["name"], "azureml.deploymentname": deployment["name"],
        "azureml.runLineageType": "batchDeployment", "runSource": "BatchDeployment", "runType": "HTTP",
    }  # fmt: skip
    job = {"jobType": "Pipeline", "experimentName": experiment, "jobs": {}, "settings": {}, "isArchived": False}
    return job | {"displayName": asked.get("name"), "tags": tags, "properties": own | named}


def _data(asked):
    """(name, value) of the one input of a model deployment."""
    given = asked.get("inputData") or {}
    literals = [name for name, value in given.items() if str(value.get("jobInputType")).lower() == "literal"]
    if literals:
        message = f"The input {literals[0]} is a literal, and only deployments of pipeline components take literals."
        raise arm.user_error(message, target="inputData")
    if len(given) != 1:
        message = f"A deployment of a model takes one input, a folder or a file; {len(given)} were given."
        raise arm.user_error(message, target="inputData")
    ((name, value),) = given.items()
    return name, {"jobInputType": _data_type(value.get("jobInputType"), "inputData"), "uri": _uri(name, value)}


def _uri(name, value):
    if not value.get("uri"):
        raise arm.user_error(f"The input {name} has no uri.", inner="MissingField", target="inputData")
    return value["uri"]


def _data_type(given, target):
    kind = DATA_TYPES.get(str(given).replace("_", "").lower())
    if not kind:
        raise arm.user_error(f"{target} must be of the type UriFolder or UriFile; it is {given!r}.", target=target)
    return kind


def _output(state, workspace, plan, asked):
    """Where the scores go: {"uri", "jobOutputType", "folder", "file"}, the last two being an address and a name."""
    if dataset := asked.get("outputDataset"):
        store = arm.name_of(dataset.get("datastoreId") or "").removeprefix("azureml:")
        folder = f"azureml://datastores/{store}/paths/{(dataset.get('path') or '').strip('/')}"
        return {"jobOutputType": "uri_folder", "uri": folder, "folder": folder, "file": plan["outputFileName"]}
    given = asked.get("outputData") or {}
    if len(given) > 1:
        raise arm.user_error(f"A deployment of a model has one output; {len(given)} were given.", target="outputData")
    wanted = next(iter(given.values()), {})
    if not wanted.get("uri"):
        folder = f"azureml://datastores/workspaceblobstore/paths/azureml/{plan['child']}/{batch_jobs.SCORE}/"
        return {"jobOutputType": "uri_folder", "uri": folder, "folder": folder, "file": plan["outputFileName"]}
    uri, kind = wanted["uri"], _data_type(wanted.get("jobOutputType"), "outputData")
    if kind == "uri_folder":
        return {"jobOutputType": kind, "uri": uri, "folder": uri, "file": plan["outputFileName"]}
    folder, _, file = uri.rpartition("/")
    batch_deployments.check_file_name(file, "outputData")
    return {"jobOutputType": kind, "uri": uri, "folder": folder, "file": file}


# Of a pipeline component


def _pipeline(state, endpoint, deployment, asked):
    """The record of a pipeline job with the steps of a deployment's component."""
    workspace = batch_endpoints.workspace_of(endpoint["id"])
    has = deployment["properties"]["deploymentConfiguration"]
    settings = {name.rpartition(".")[2]: value for name, value in has["settings"].items()}
    compute = settings.get("default_compute")
    if compute and "/" not in compute:
        settings["default_compute"] = f"{workspace}/computes/{compute.removeprefix('azureml:')}"
    job = _job(endpoint, deployment, asked, "azureml.pipelinejob") | {
        "componentId": has["componentId"]["assetId"],
        "inputs": {name: _input(name, value) for name, value in (asked.get("inputData") or {}).items()},
        "outputs": {
            name: value | {"jobOutputType": _data_type(value.get("jobOutputType"), "outputData")}
            for name, value in (asked.get("outputData") or {}).items()
        },
        "settings": settings,
    }
    name = f"pipelinejob-{uuid.uuid4()}"
    jobs.CHECKS["Pipeline"](state, workspace, name, job)
    return _create(state, workspace, name, job, endpoint, deployment)


def _input(name, value):
    if str(value.get("jobInputType")).lower() == "literal":
        return {"jobInputType": "literal", "value": value.get("value")}
    return {"jobInputType": _data_type(value.get("jobInputType"), "inputData"), "uri": _uri(name, value)}


# Jobs there have been


async def listed(request):
    """GET …/batchEndpoints/{endpoint}/jobs, or of one deployment: the newest first."""
    state, endpoint = request.app.state, batch_endpoints.get(request)
    deployment = request.path_params.get("deployment")
    if deployment:
        arm.get(state, f"{endpoint['id']}/deployments/{deployment}")
    found = []
    for run in runs.everyone(state, arm.workspace_of(request)):
        mark = run.get("batch")
        if not mark or run["parent"] or mark["endpoint"].lower() != endpoint["id"].lower():
            continue
        if not deployment or mark["deployment"].lower() == deployment.lower():
            found.append(_as_job(run, f"{endpoint['id']}/deployments/{mark['deployment']}"))
    return arm.page(request, found)


def _as_job(run, parent):
    """A job as batch endpoints show it. parent: ARM id of the endpoint or the deployment."""
    job = runs.as_job(run)
    properties, shown = job["properties"], run["properties"]
    path = f"{parent}/jobs/{run['name']}"
    services = {
        name: {"jobEndpointType": name, "endpoint": service["endpoint"]}
        for name, service in properties["services"].items()
    }
    described = {
        "name": properties["displayName"],
        "status": properties["status"],
        "provisioningState": "Succeeded",
        "compute": {"target": shown.get("computeId"), "isLocal": False},
        "inputData": shown["inputs"],
        "outputData": run["outputs"] or None,
        "tags": properties["tags"],
        "properties": properties["properties"],
        "interactionEndpoints": services,
    }
    return {
        "id": path, "name": run["name"], "type": arm.type_of(path), "properties": described,
        "systemData": job["systemData"],
    }  # fmt: skip


_LIST = batch_endpoints.ONE.replace(arm.GROUP, f"/mferp/managementfrontend{arm.GROUP}")
routes = [
    arm.route(f"{_LIST}/jobs", listed, versions=LIST_VERSIONS),
    arm.route(f"{_LIST}/deployments/{{deployment}}/jobs", listed, versions=LIST_VERSIONS),
]
