"""Long-running jobs: several kinds of analysis over the same documents, run in the background and kept for a day.

A job is one record in the store, rewritten when a task ends, so that the next server finishes a job that was accepted
before a kill. Its texts are dropped when it ends; results stay until the job expires.
"""

import logging
import time
import uuid
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...errors import AzureError
from ...userdata import ACCOUNT
from . import results
from .kinds import KINDS, refusal
from .positions import text_elements
from .requests import (
    MOST_ELEMENTS_IN_JOB,
    MOST_IN_JOB,
    Document,
    account_of,
    api_version,
    count,
    documents,
    expect,
    flag,
    invalid,
    kind_of,
    options,
    read_body,
)
from .results import analyse, collect, engine_label

STORE = "language-job"
LIFETIME = 24 * 3600  # seconds from submission to expiry
PAGE = 20  # documents of each task in one page, unless the caller asks for another number
MOST_ON_PAGE, MOST_ON_PAGE_OLDER = 25, 50
ENDED = ("succeeded", "partiallyCompleted", "failed", "cancelled")
WAIT_MS = "100"  # how soon to ask again: SDKs wait five seconds unless told, and here a job is done sooner

log = logging.getLogger("local_azure")
now = time.time  # tests turn this clock


async def submit(request):
    """POST /language/analyze-text/jobs: 202 and where to look."""
    version = api_version(request)
    body = await read_body(request)
    asked = _documents(body)
    tasks = []
    for number, task in enumerate(_listed(body.get("tasks"), "tasks")):
        kind = kind_of(expect(task, dict, f"tasks[{number}]").get("kind"), version, in_job=True)
        tasks.append(_task(kind, task, number, version))
    return _accept(request, body, asked, tasks, version)


async def submit_older(request):
    """POST /text/analytics/v3.1/analyze: tasks come in one list for each kind, parameters with the older names."""
    body = await read_body(request)
    asked = _documents(body)
    given = expect(body.get("tasks") or {}, dict, "tasks")
    tasks = []
    for kind in (kind for kind in KINDS.values() if kind.older_tasks):
        for task in _listed(given.get(kind.older_tasks), kind.older_tasks, may_be_empty=True):
            task = dict(expect(task, dict, kind.older_tasks))
            parameters = expect(task.get("parameters") or {}, dict, "parameters")
            task["parameters"] = parameters | {"modelVersion": parameters.get("model-version")}
            tasks.append(_task(kind, task, len(tasks), "v3.1"))
    _listed(tasks, "tasks")
    return _accept(request, body, asked, tasks, "v3.1")


def _listed(value, what, may_be_empty=False):
    listed = expect([] if value is None else value, list, what)
    if not listed and not may_be_empty:
        raise invalid("InvalidRequestBodyFormat", f"{what} must name at least one task.", "Invalid task in request.")
    return listed


def _documents(body):
    """The documents of a job. Too much text, or nothing but empty texts, refuses the whole job, as the service does."""
    asked = documents(body.get("analysisInput"), "language", MOST_IN_JOB)
    if not any(document.text.strip() for document in asked):
        raise invalid("InvalidDocumentBatch", "The text of every document is empty.", "Invalid document in request.")
    length = sum(text_elements(document.text) for document in asked)
    if length > MOST_ELEMENTS_IN_JOB:
        message = f"The documents have {length} text elements together; a job takes {MOST_ELEMENTS_IN_JOB}."
        raise invalid("InvalidDocumentBatch", message, "Invalid document in request.")
    return asked


def _task(kind, task, number, version):
    """A task of the record; its parameters are checked now and read again when it runs."""
    name = task.get("taskName")
    parameters = task.get("parameters") or {}
    options(kind, parameters, version, in_job=True)
    return {
        "kind": kind.name,
        "name": expect(name, str, "taskName") if name is not None else f"{kind.name}_{number}",
        "parameters": {name: value for name, value in parameters.items() if name in kind.parameters},
        "status": "notStarted",
        "updated": now(),
        "outcomes": [],
        "error": None,
    }


def _accept(request, body, asked, tasks, version):
    name = body.get("displayName")
    job = {
        "id": str(uuid.uuid4()),
        "name": expect(name, str, "displayName") if name is not None else None,
        "account": account_of(request),
        "version": version,
        "created": now(),
        "updated": now(),
        "status": "notStarted",
        "documents": [[document.id, document.text, document.hint] for document in asked],
        "tasks": tasks,
    }
    state = request.app.state
    state.store.put(STORE, job["id"], job)
    state.background(_run(state, job["id"]))
    return Response(status_code=202, headers=_location(request, job))


def _url(request, job):
    base = f"{request.url.scheme}://{request.url.netloc}"
    if job["version"] == "v3.1":
        return f"{base}/text/analytics/v3.1/analyze/jobs/{job['id']}"
    return f"{base}/language/analyze-text/jobs/{job['id']}"


def _location(request, job):
    query = "" if job["version"] == "v3.1" else f"?api-version={request.query_params['api-version']}"
    return {"operation-location": _url(request, job) + query}


async def resume(app):
    """Finish what an earlier server had accepted, and forget what has expired. Called once, when a server starts."""
    for key, job in app.state.store.items(STORE):
        if _expired(job):
            app.state.store.delete(STORE, key)
        elif job["status"] not in ENDED:
            app.state.background(_run(app.state, key))


def _expired(job):
    return now() >= job["created"] + LIFETIME


async def _run(state, key):
    """Run the tasks of a job one after the other, until all are done or the job was cancelled."""
    for number in range(len(state.store.get(STORE, key)["tasks"])):
        if not _running(state.store, key, number):
            continue
        job = state.store.get(STORE, key)
        try:
            changes = await _perform(state.store, job, number)
        except Exception:  # or the job would be "running" for ever
            log.exception("task %d of job %s failed", number, key)
            changes = {"status": "failed", "error": "The local Azure failed on this task; the server's log says how."}
        if _running(state.store, key, number):
            job = state.store.get(STORE, key)
            job["tasks"][number] |= changes | {"updated": now()}
            job["updated"] = now()
            if all(task["status"] in ENDED for task in job["tasks"]):
                _end(job, _overall(job["tasks"]))
            state.store.put(STORE, key, job)
            kind, account = KINDS[job["tasks"][number]["kind"]], job.get("account", ACCOUNT)
            results.count(state, account, kind, changes.get("outcomes", ()))


async def _perform(store, job, number):
    """The changes to a task that doing it makes. Looks before each document whether the job was cancelled."""
    task = job["tasks"][number]
    kind = KINDS[task["kind"]]
    if kind.missing:
        return {"status": "failed", "error": refusal(kind)}
    checked = options(kind, task["parameters"], job["version"], in_job=True)
    outcomes = []
    for document in job["documents"]:
        if not _running(store, job["id"], number):
            break
        outcome = await run_in_threadpool(analyse, kind, Document(*document), checked, MOST_ELEMENTS_IN_JOB)
        outcomes.append(outcome)
    return {"status": "succeeded", "outcomes": outcomes}


def _running(store, key, number):
    """Whether task `number` is still to be done; marks it and its job as running the first time."""
    job = store.get(STORE, key)
    if job is None or job["tasks"][number]["status"] in ENDED:
        return False
    if job["tasks"][number]["status"] == "notStarted":
        job["status"] = job["tasks"][number]["status"] = "running"
        job["updated"] = job["tasks"][number]["updated"] = now()
        store.put(STORE, key, job)
    return True


def _end(job, status):
    job["status"] = status
    job["documents"] = [[identifier, "", ""] for identifier, _, _ in job["documents"]]


def _overall(tasks):
    states = {task["status"] for task in tasks}
    return states.pop() if len(states) == 1 else "partiallyCompleted"


def _job(request):
    """The job that the path names. One of another account or API, an expired and an unknown one are alike not there."""
    store, key = request.app.state.store, request.path_params["job"]
    job = store.get(STORE, key)
    older = request.url.path.startswith("/text/")
    others = job and job.get("account", ACCOUNT) != account_of(request)
    if job is None or others or _expired(job) or (job["version"] == "v3.1") != older:
        raise AzureError(404, "NotFound", f"There is no job {key}. Jobs are kept for 24 hours.")
    return job


async def cancel(request):
    """POST …/jobs/{id}:cancel: what is not done is not begun; what is done stays."""
    api_version(request)
    job = _job(request)
    if job["status"] in ENDED:
        message = f"The job {job['id']} has ended ({job['status']}) and cannot be cancelled."
        raise AzureError(400, "InvalidRequest", message)
    for task in job["tasks"]:
        if task["status"] not in ENDED:
            task |= {"status": "cancelled", "updated": now()}
    _end(job, "cancelled")
    job["updated"] = now()
    request.app.state.store.put(STORE, job["id"], job)
    return Response(status_code=202, headers=_location(request, job))


async def status(request):
    """GET …/jobs/{id}: how far it is, and a page of the results of each task that has ended."""
    older = request.url.path.startswith("/text/")
    version = "v3.1" if older else api_version(request)
    job = _job(request)
    top = count(request, ("top", "$top"), PAGE, 1, MOST_ON_PAGE_OLDER if older else MOST_ON_PAGE)
    skip = count(request, ("skip", "$skip"), 0, 0, 10**9)
    with_statistics = flag(request, "showStats")
    states = [task["status"] for task in job["tasks"]]
    ended = [task for task in job["tasks"] if task["status"] in ENDED]
    items = [_item(task, top, skip, with_statistics) for task in ended]
    body = {
        "jobId": job["id"],
        "lastUpdateDateTime" if older else "lastUpdatedDateTime": _time(job["updated"]),
        "createdDateTime": _time(job["created"]),
        "expirationDateTime": _time(job["created"] + LIFETIME),
        "status": job["status"],
        "errors": _errors(ended, older),
        "tasks": {
            "completed": states.count("succeeded"),
            "failed": states.count("failed"),
            "inProgress": states.count("running") + states.count("notStarted"),
            "total": len(states),
        },
    }
    if job["name"] is not None:
        body["displayName"] = job["name"]
    for task, item in zip(ended, items, strict=True):
        where = KINDS[task["kind"]].older_tasks if older else "items"
        item = item | {"state": item["status"]} if older else {"kind": f"{task['kind']}LROResults"} | item
        body["tasks"].setdefault(where, []).append(item)
    if not older:
        body["tasks"].setdefault("items", [])
    if skip + top < len(job["documents"]):
        statistics = str(with_statistics).lower()
        link = f"{_url(request, job)}?showStats={statistics}&"
        link += f"$top={top}&$skip={skip + top}" if older else f"top={top}&skip={skip + top}&api-version={version}"
        body["@nextLink" if older else "nextLink"] = link
    headers = {} if job["status"] in ENDED else {"retry-after-ms": WAIT_MS}
    if engines := sorted({engine_label(KINDS[task["kind"]]) for task in ended if task["outcomes"]}):
        headers["x-local-azure-engine"] = ", ".join(engines)
    return JSONResponse(body, headers=headers)


def _item(task, top, skip, with_statistics):
    item = {"taskName": task["name"], "lastUpdateDateTime": _time(task["updated"]), "status": task["status"]}
    if task["status"] == "succeeded":
        item["results"] = collect(KINDS[task["kind"]], task["outcomes"][skip : skip + top], with_statistics)
    elif task["status"] == "cancelled":
        item["results"] = {"documents": [], "errors": [], "modelVersion": "latest"}
    return item


def _errors(ended, older):
    """Why tasks failed. Each error points to its task in this same reply, by which SDKs find it."""
    errors, places = [], {}
    for task in ended:
        where = KINDS[task["kind"]].older_tasks if older else "items"
        place = places[where] = places.get(where, -1) + 1
        if task["error"]:
            errors.append({"code": "InvalidRequest", "message": task["error"], "target": f"#/tasks/{where}/{place}"})
    return errors


def _time(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def health(request):
    """The health jobs of v3.1, which hold one kind of task alone: refused at once."""
    documents(await read_body(request), "language", MOST_IN_JOB)
    raise invalid("InvalidParameterValue", refusal(KINDS["Healthcare"]), "The feature is not available.")


async def no_health(request):
    raise AzureError(404, "NotFound", f"There is no job {request.path_params['job']}. {refusal(KINDS['Healthcare'])}")


routes = [
    Route("/language/analyze-text/jobs", submit, methods=["POST"]),
    Route("/language/analyze-text/jobs/{job}:cancel", cancel, methods=["POST"]),
    Route("/language/analyze-text/jobs/{job}", status),
    Route("/text/analytics/v3.1/analyze", submit_older, methods=["POST"]),
    Route("/text/analytics/v3.1/analyze/jobs/{job}", status),
    Route("/text/analytics/v3.1/entities/health/jobs", health, methods=["POST"]),
    Route("/text/analytics/v3.1/entities/health/jobs/{job}", no_health, methods=["GET", "DELETE"]),
]
