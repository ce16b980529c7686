"""Schedules: a job that is submitted again and again, by a cron expression or at intervals.

A schedule fires only while the local Azure runs, and does not keep it running: without a notebook that uses it, the
server stops after a while (server.py), and nothing begins until the next start(). Then a schedule that has missed its
time fires once, however many times it has missed, unless its end has passed. Azure's schedules fire without a break.

Jobs are named by schedule and time, so that no kill of the server makes one of them twice. When the next one is due is
a record of kind "ml-schedule", whose key is the schedule's ARM id in lower case.
"""

import asyncio
import contextlib
import logging
import re
from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response

from ....engines import timetable
from ....errors import AzureError
from .. import arm
from . import commands, jobs, running, runs, shapes

KIND = "ml-schedule"
NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}"
LONGEST_WAIT = 20  # seconds: a computer that slept has another time than it expected
LATE = timedelta(seconds=2)  # after more than this a time has been missed
NOT_HERE = {"CreateMonitor": "monitors of deployed models", "ImportData": "scheduled imports of data"}
KINDS_OF_JOBS = ("Pipeline", "Command")
VIEWS = {"EnabledOnly": (True,), "DisabledOnly": (False,), "All": (True, False)}
PATTERN = {"hours": "hours", "minutes": "minutes", "monthDays": "month_days"}
TRIGGER = {
    "triggerType": shapes.TEXT, "startTime": shapes.TEXT, "endTime": shapes.TEXT, "timeZone": shapes.TEXT,
    "expression": shapes.TEXT, "frequency": shapes.TEXT, "interval": shapes.WHOLE, "schedule": shapes.ANY_OBJECT,
}  # fmt: skip
SCHEDULE = {
    "action": {"actionType": shapes.TEXT, "jobDefinition": shapes.JOB}, "trigger": TRIGGER, "isEnabled": shapes.FLAG,
    "displayName": shapes.TEXT, "description": shapes.TEXT, "tags": shapes.Named(shapes.SCALAR),
    "properties": shapes.Named(shapes.SCALAR),
}  # fmt: skip

log = logging.getLogger("local_azure")


# Triggers


class Trigger:
    """When a schedule fires: its rule, start, end and time zone. AzureError 400 for a trigger that is wrong."""

    def __init__(self, given):
        kind = str(given.get("triggerType"))
        try:
            self.zone = timetable.zone(given.get("timeZone") or "UTC")
            self.start = timetable.moment(given["startTime"], self.zone) if given.get("startTime") else None
            self.end = timetable.moment(given["endTime"], self.zone) if given.get("endTime") else None
            if kind == "Cron":
                self.rule = timetable.Cron.parse(given.get("expression") or "")
            elif kind == "Recurrence":
                self.rule = _recurrence(given)
            else:
                raise ValueError(f"the triggerType is Cron or Recurrence, not {kind}")
        except ValueError as error:
            raise arm.user_error(f"The trigger of the schedule is wrong: {error}.", target="trigger") from None
        if self.start and self.end and self.end <= self.start:
            raise arm.user_error("The end time of the schedule is not after its start time.", target="trigger.endTime")

    def next(self, when, start):
        """The first time after a moment, counted from the start; None if there is no more."""
        found = self.rule.after(when, self.start or start, self.zone)
        return None if found is None or (self.end and found > self.end) else found

    def is_over(self, now):
        """Has the end passed?"""
        return self.end is not None and self.end < now


def _recurrence(given):
    """The rule of a trigger at intervals; ValueError if it is wrong."""
    pattern = given.get("schedule") or {}
    numbers = {}
    for name, ours in PATTERN.items():
        values = [] if pattern.get(name) is None else pattern[name]
        if not isinstance(values, list) or any(type(value) is not int for value in values):
            raise ValueError(f"schedule.{name} must be a list of whole numbers")
        numbers[ours] = tuple(sorted(set(values)))
    days = pattern.get("weekDays") or []
    if not isinstance(days, list) or any(str(day).capitalize() not in timetable.DAYS for day in days):
        raise ValueError("schedule.weekDays must be a list of days such as Monday")
    weekdays = tuple(sorted({timetable.DAYS.index(day.capitalize()) for day in days}))
    interval = 1 if given.get("interval") is None else given["interval"]
    rule = timetable.Recurrence(str(given.get("frequency")).capitalize(), interval, weekdays=weekdays, **numbers)
    unheeded = {"Minute": rule.has_pattern, "Hour": rule.has_pattern, "Day": weekdays or rule.month_days}
    if unheeded.get(rule.frequency) or (rule.frequency == "Week" and rule.month_days):
        raise ValueError(
            f"a schedule with the frequency {rule.frequency} has no such pattern: Day takes hours and minutes, Week "
            f"takes weekDays too, and Month also monthDays"
        )
    return rule


def _shown(given):
    """A trigger as Azure writes it."""
    shown = {"timeZone": "UTC"} | given
    if given["triggerType"] == "Recurrence":
        shown["frequency"] = given["frequency"].capitalize()
        if days := (given.get("schedule") or {}).get("weekDays"):
            shown["schedule"] = given["schedule"] | {"weekDays": [day.capitalize() for day in days]}
    return shown


# The job


def _definition(state, workspace, action):
    """The job that a schedule submits: the one that was sent, or an earlier job with what was sent to change it."""
    given = action.get("jobDefinition")
    if not given:
        raise arm.user_error("The schedule has no job definition.", target="action.jobDefinition")
    if not given.get("sourceJobId") or given.get("jobs") or given.get("command"):
        return given
    source = runs.get(state, workspace, _job_name(given["sourceJobId"]))["properties"]
    left_out = ("displayName", "experimentName", "isArchived", "properties", "tags", "services")
    inherited = {key: value for key, value in source.items() if key not in left_out}
    changed = {key: value for key, value in given.items() if value not in ("", {}, None)}
    together = inherited | changed | {"jobType": source["jobType"]}
    for name in ("inputs", "outputs", "settings"):
        together[name] = (inherited.get(name) or {}) | (changed.get(name) or {})
    return together


def _job_name(reference):
    """The name of a job from its ARM id or azureml:name."""
    if not isinstance(reference, str):
        raise arm.user_error("sourceJobId must be a text.", target="action.jobDefinition.sourceJobId")
    return arm.name_of(commands.plain_id(reference))


def _filled(definition, name, schedule, when):
    """The job of one time: its names, and ${{name}} and ${{creation_context.trigger_time}} in inputs and outputs."""
    values = {"name": name, "creation_context.trigger_time": when.strftime("%Y-%m-%dT%H:%M:%SZ")}
    known = re.compile(r"\$\{\{\s*(name|creation_context\.trigger_time)\s*\}\}")

    def fill(given):
        if isinstance(given, str):
            return known.sub(lambda found: values[found[1]], given)
        return {key: fill(value) for key, value in given.items()} if isinstance(given, dict) else given

    kept = {key: value for key, value in definition.items() if key not in ("sourceJobId", "isArchived")}
    return kept | {
        "displayName": f"{schedule}-{_stamp(when)}",
        "experimentName": definition.get("experimentName") or schedule,
        "inputs": fill(definition.get("inputs") or {}),
        "outputs": fill(definition.get("outputs") or {}),
    }


def _stamp(when):
    return when.strftime("%Y%m%dT%H%M%SZ")


def _new_name(schedule, when):
    """The name of the job of one time. Azure's documentation names only its display name, which is the same."""
    return f"{schedule[:200]}-{_stamp(when)}"


def _submit(state, schedule, name, when):
    """Begin the job of one time. Returns its record."""
    workspace = schedule["id"].split("/schedules/")[0]
    asked = _filled(schedule["properties"]["action"]["jobDefinition"], name, schedule["name"], when)
    run = jobs.accept(state, workspace, name, asked)
    run = runs.change(state, run, schedule=schedule["name"])
    running.start(state, run)
    return run


def _fail(state, schedule, name, when, message):
    """The record of a job that could not begin."""
    workspace = schedule["id"].split("/schedules/")[0]
    asked = _filled(schedule["properties"]["action"]["jobDefinition"], name, schedule["name"], when)
    run = runs.change(state, runs.create(state, workspace, name, asked), schedule=schedule["name"])
    runs.move(state, run, "Failed", error=runs.user_error(message))


# The clock


def resume(state):
    """Wait for what is due. Called when the server starts; what was missed meanwhile begins."""
    state.ml_schedules_changed = asyncio.Event()
    state.background(_keep(state), keeps_awake=False)


async def _keep(state):
    while not getattr(state, "server", None) or not state.server.started:  # a job needs the server's port
        await asyncio.sleep(0.02)
    while True:
        state.ml_schedules_changed.clear()
        seconds = _begin_due(state)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(state.ml_schedules_changed.wait(), seconds)


def _begin_due(state):
    """Begin all that is due. Returns the seconds until there may be more; None if nothing is waited for."""
    now, soonest = datetime.now(UTC), None
    for key, record in state.store.items(KIND):
        if not record["due"]:
            continue
        due = datetime.fromisoformat(record["due"])
        if due <= now:
            due = _fire(state, key, record, due, now)
        if due:
            soonest = min(soonest or due, due)
    return soonest and min(max(0, (soonest - now).total_seconds()), LONGEST_WAIT)


def _fire(state, key, record, due, now):
    """Submit the job of a time that has come, and note the next one, which is returned."""
    schedule = arm.find(state, key)
    if not schedule:  # its workspace is gone
        state.store.delete(KIND, key)
        return None
    trigger = Trigger(schedule["properties"]["trigger"])
    name = _new_name(schedule["name"], due)
    missed = now - due > LATE
    try:
        workspace = schedule["id"].split("/schedules/")[0]
        if not (missed and trigger.is_over(now)) and not runs.find(state, workspace, name):
            _submit(state, schedule, name, due)
    except AzureError as error:
        _fail(state, schedule, name, due, f"The schedule's job could not begin: {error.message}")
    except Exception:  # a bug of ours: the other schedules still fire
        log.exception("schedule %s", key)
    following = trigger.next(now, datetime.fromisoformat(record["start"]))
    state.store.put(KIND, key, record | {"due": following and following.isoformat()})
    return following


def _set_clock(state, schedule, before):
    """Note when a schedule is next due: at once if it is new and names no start, as on Azure."""
    key, now = schedule["id"].lower(), datetime.now(UTC)
    asked = schedule["properties"]
    trigger = Trigger(asked["trigger"])
    earlier = state.store.get(KIND, key) if before and before["properties"]["trigger"] == asked["trigger"] else None
    start = datetime.fromisoformat(earlier["start"]) if earlier else now
    due = now if not before and not trigger.start else trigger.next(now, start)
    due = due if asked["isEnabled"] else None
    state.store.put(KIND, key, {"start": start.isoformat(), "due": due and due.isoformat()})
    state.ml_schedules_changed.set()


# Requests


async def write(request):
    """PUT …/schedules/{name}: a new schedule, or an old one anew."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    asked = arm.properties_of(await arm.body_of(request))
    if not re.fullmatch(NAME, name):
        message = f"The schedule name '{name}' is invalid. It has 1 to 255 letters, digits, hyphens and underscores."
        raise arm.user_error(message, inner="InvalidName", target="name")
    shapes.check(asked, SCHEDULE)
    asked = shapes.given(asked)
    action = asked.get("action") or {}
    kind = action.get("actionType")
    if kind in NOT_HERE:
        raise arm.not_yet(NOT_HERE[kind], "Schedules that submit jobs are there.")
    if kind != "CreateJob":
        raise arm.user_error(f"The actionType of a schedule is CreateJob, not {kind}.", target="action.actionType")
    trigger = Trigger(asked.get("trigger") or {})
    path = f"{workspace}/schedules/{name}"
    before = arm.find(state, path)
    if not before and trigger.is_over(datetime.now(UTC)):
        raise arm.user_error("The end time of the schedule has passed.", target="trigger.endTime")
    definition = _definition(state, workspace, action)
    _check(state, workspace, name, definition)
    properties = {
        **{key: asked.get(key) for key in ("displayName", "description")},
        **{key: asked.get(key) or {} for key in ("tags", "properties")},
        "action": {"actionType": "CreateJob", "jobDefinition": definition},
        "trigger": _shown(asked["trigger"]),
        "isEnabled": asked.get("isEnabled", True),
        "provisioningState": "Succeeded",
    }
    schedule = arm.put(state, path, {"properties": properties})
    _set_clock(state, schedule, before)
    return arm.done(request, schedule, 200 if before else 201)


def _check(state, workspace, name, definition):
    """Refuse a job that could not be submitted, before it is time."""
    kind = definition.get("jobType")
    if kind not in KINDS_OF_JOBS:
        message = f"A schedule submits a pipeline, not a job of type {kind}: make that a step of a pipeline."
        raise arm.user_error(message, inner="NotSupported", target="action.jobDefinition.jobType")
    now = datetime.now(UTC)
    job = _new_name(name, now)
    jobs.check(state, workspace, job, _filled(definition, job, name, now))


async def read(request):
    """GET …/schedules/{name}"""
    return JSONResponse(_named(request))


def _named(request):
    return arm.get(request.app.state, f"{arm.workspace_of(request)}/schedules/{request.path_params['name']}")


async def listed(request):
    """GET …/schedules; listViewType chooses: EnabledOnly (if none is given), DisabledOnly or All."""
    view = request.query_params.get("listViewType", "EnabledOnly")
    if view not in VIEWS:
        raise arm.user_error(f"listViewType is EnabledOnly, DisabledOnly or All, not {view}.", target="listViewType")
    found = arm.children(request.app.state, f"{arm.workspace_of(request)}/schedules")
    return arm.page(request, [one for one in found if one["properties"]["isEnabled"] in VIEWS[view]])


async def remove(request):
    """DELETE …/schedules/{name}: 400 while it is enabled, as on Azure. Its jobs stay."""
    state, path = request.app.state, f"{arm.workspace_of(request)}/schedules/{request.path_params['name']}"
    schedule = arm.find(state, path)
    if not schedule:
        return Response(None, 204)
    if schedule["properties"]["isEnabled"]:
        message = f"The schedule {schedule['name']} is enabled. A schedule must be disabled before it is deleted."
        raise arm.user_error(message, target="isEnabled")
    arm.delete(state, path)
    state.store.delete(KIND, path.lower())
    return arm.done(request, schedule, 202)


async def trigger_once(request):
    """POST …/schedules/{name}/trigger: its job now, whenever it would be due; 400 if it is not enabled."""
    state, schedule = request.app.state, _named(request)
    body = await arm.body_of(request)
    if not schedule["properties"]["isEnabled"]:
        message = f"The schedule {schedule['name']} is disabled. Only an enabled schedule is triggered."
        raise arm.user_error(message, target="isEnabled")
    text = arm.expect(body, "scheduleTime", str)
    try:
        when = timetable.moment(text, UTC) if text else datetime.now(UTC)
    except ValueError as error:
        raise arm.user_error(f"scheduleTime is wrong: {error}.", target="scheduleTime") from None
    workspace, number = arm.workspace_of(request), 2
    name = first = _new_name(schedule["name"], when)
    while runs.find(state, workspace, name):
        name, number = f"{first}-{number}", number + 1
    run = _submit(state, schedule, name, when)
    return JSONResponse({"submissionId": run["name"], "scheduleActionType": "CreateJob"})


_ONE = f"{arm.WORKSPACE}/schedules/{{name}}"
routes = [
    arm.route(f"{arm.WORKSPACE}/schedules", listed),
    arm.route(_ONE, read),
    arm.route(_ONE, write, ("PUT",)),
    arm.route(_ONE, remove, ("DELETE",)),
    arm.route(f"{_ONE}/trigger", trigger_once, ("POST",)),
]
