"""Run history: what azure-ai-ml asks of a workspace's own address to stream, download, describe and list runs."""

from starlette.responses import JSONResponse

from .. import arm, limits
from . import outside, runs, shapes

WORKSPACE = f"/history/v1.0{arm.WORKSPACE}"
DESCRIPTION = {name: shapes.JOB[name] for name in ("displayName", "description", "tags", "properties")}
DESCRIPTION["hidden"] = shapes.FLAG


async def _run(request):
    return await outside.get(request.app.state, arm.workspace_of(request), request.path_params["run"])


async def read(request):
    """GET …/runs/{run}"""
    return JSONResponse(runs.as_run(await _run(request)))


async def describe(request):
    """PATCH …/runs/{run}: display name, description, tags, properties, hidden."""
    run, sent = await _run(request), await arm.body_of(request)
    shapes.check(sent, DESCRIPTION)
    limits.check_run(sent, run["properties"])
    state, sent = request.app.state, shapes.given(sent)
    changed = await outside.describe(state, run, sent) if run.get("outside") else runs.describe(state, run, sent)
    return JSONResponse(runs.as_run(changed))


async def details(request):
    """GET …/runs/{run}/details: the status, the error, and where the logs are.

    A client prints logs only after it has once seen the run unfinished, and a script here can end before its client
    asks for the first time. So the first answer of all for a run that has ended says Finalizing, the next how it ended.
    """
    state, run = request.app.state, await _run(request)
    body = runs.as_run(run) | {"logFiles": await runs.log_files(state, run), "createdTimeUtc": run["created"]}
    if not run["seen"]:
        runs.change(state, run, seen=True)
        if run["status"] in runs.ENDED:
            body |= {"status": "Finalizing", "error": None}
    return JSONResponse(body)


async def children(request):
    """GET …/runs/{run}/children"""
    listed = [runs.as_run(run) for run in await outside.children(request.app.state, await _run(request))]
    top = request.query_params.get("$top")
    return JSONResponse({"value": listed[: int(top)] if top and top.isdigit() else listed})


async def instances(request):
    """GET …/runs/{run}/serviceinstances/{node}: the interactive services of a job, of which there are none."""
    await _run(request)
    return JSONResponse({"instances": {}})


async def data(request):
    """POST …/rundata: a run, by the id in the body."""
    body = await arm.body_of(request)
    run = await outside.get(request.app.state, arm.workspace_of(request), str(body.get("runId")))
    return JSONResponse({"runMetadata": runs.as_run(run)})


async def data_of_many(request):
    """POST …/batchrundata: runs by their ids."""
    state, workspace, body = request.app.state, arm.workspace_of(request), await arm.body_of(request)
    wanted = body.get("runIds")
    found = {}
    for name in wanted if isinstance(wanted, list) else ():
        run = await outside.find(state, workspace, str(name))
        if run:
            found[run["name"]] = {"runMetadata": runs.as_run(run)}
    return JSONResponse({"runDatas": found})


async def output_uris(request):
    """POST …/batchGetResolvedUris: the addresses of runs' outputs, by the ids that run history gives them."""
    state, workspace = request.app.state, arm.workspace_of(request)
    found = {}
    wanted = (await arm.body_of(request)).get("values")
    for identifier in wanted if isinstance(wanted, list) else ():
        _, _, rest = str(identifier).partition(f"{workspace}/outputs/")
        name, _, output = rest.partition("/")
        run = runs.find(state, workspace, name) if output else None
        if run and output in run["outputs"]:
            given = run["outputs"][output]
            found[str(identifier)] = {"uri": given["uri"], "path": given["uri"], "type": given["type"]}
    return JSONResponse({"values": found})


def _routes():
    for base in ("", "/experiments/{experiment}", "/experimentids/{experiment}"):
        path = f"{WORKSPACE}{base}/runs/{{run}}"
        yield arm.route(path, read, versions=None)
        yield arm.route(path, describe, ("PATCH",), versions=None)
        yield arm.route(f"{path}/details", details, versions=None)
        yield arm.route(f"{path}/children", children, versions=None)


routes = [
    *_routes(),
    arm.route(f"{WORKSPACE}/runs/{{run}}/serviceinstances/{{node}}", instances, versions=None),
    arm.route(f"{WORKSPACE}/rundata", data, ("POST",), versions=None),
    arm.route(f"{WORKSPACE}/batchrundata", data_of_many, ("POST",), versions=None),
    arm.route(f"/data/v1.0{arm.WORKSPACE}/dataversion/batchGetResolvedUris", output_uris, ("POST",), versions=None),
    arm.route(f"/modelregistry/v1.0{arm.WORKSPACE}/models/batchGetResolvedUris", output_uris, ("POST",), versions=None),
]
