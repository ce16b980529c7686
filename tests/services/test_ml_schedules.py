"""Schedules of Azure Machine Learning through the real MLClient: they fire, wait, are missed and end."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from waiting import wait_for_end

from local_azure.engines import timetable

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
YAML = """
$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json
name: from_yaml
display_name: every working day
trigger:
  type: cron
  expression: "30 6 * * mon-fri"
  start_time: "2030-07-10T10:00:00"
  time_zone: "W. Europe Standard Time"
create_job: ./pipeline.yml
"""
PIPELINE = """
type: pipeline
settings: {default_compute: azureml:cpu-cluster}
jobs:
  say:
    type: command
    command: echo hello
    environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1
"""


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def soon(seconds=1.0):
    """A time a little later, as a trigger takes it: without a zone, whole seconds."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(tzinfo=None, microsecond=0)


def pipeline(text="hello"):
    """A pipeline of one step that writes a text."""
    from azure.ai.ml import Input, Output, command, dsl

    step = command(
        name="say", command="echo '${{inputs.text}}' > ${{outputs.said}}", environment=ENVIRONMENT,
        inputs={"text": Input(type="string")}, outputs={"said": Output(type="uri_file")},
    )  # fmt: skip

    @dsl.pipeline(default_compute="cpu-cluster")
    def speaking(text: str):
        return {"said": step(text=text).outputs.said}

    return speaking(text=text)


def every_minute(**times):
    from azure.ai.ml.entities import RecurrenceTrigger

    return RecurrenceTrigger(frequency="minute", interval=1, **times)


@pytest.fixture(scope="module")
def schedule(workspace):
    """schedule(name, trigger, job) creates a schedule with the SDK and returns it."""
    from azure.ai.ml.entities import JobSchedule

    def create(name, trigger, job=None, **more):
        made = JobSchedule(name=name, trigger=trigger, create_job=job or pipeline(), **more)
        return workspace.ml.schedules.begin_create_or_update(made).result()

    return create


def jobs_of(workspace, name):
    return list(workspace.ml.jobs.list(scheduled_job_name=name))


def wait_for_jobs(workspace, name, count=1, seconds=120):
    """The jobs of a schedule, once there are so many."""
    until = time.monotonic() + seconds
    while len(found := jobs_of(workspace, name)) < count:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


# What fires


def test_a_schedule_fires_at_its_start(workspace, schedule, tmp_path):
    start = soon(2)
    assert schedule("punctual", every_minute(start_time=start)).is_enabled
    assert jobs_of(workspace, "punctual") == []
    (job,) = wait_for_jobs(workspace, "punctual")
    assert job.display_name == f"punctual-{start:%Y%m%dT%H%M%SZ}"
    assert job.experiment_name == "punctual"
    begun = datetime.fromisoformat(workspace.run_record(job.name).createdUtc)
    assert timedelta() <= begun - start.replace(tzinfo=UTC) < timedelta(seconds=1)
    assert workspace.wait(job.name)["status"] == "Completed"
    workspace.ml.jobs.download(job.name, download_path=tmp_path, output_name="said")
    (said,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert said.read_text() == "hello\n"


def test_without_a_start_time_the_first_job_begins_at_once(workspace, schedule):
    from azure.ai.ml.entities import CronTrigger

    schedule("prompt", CronTrigger(expression="0 0 * * 0"))
    (job,) = wait_for_jobs(workspace, "prompt")
    schedule("prompt", CronTrigger(expression="0 0 * * 0"), pipeline("changed"))
    time.sleep(0.3)
    assert [one.name for one in jobs_of(workspace, "prompt")] == [job.name]


def test_a_disabled_schedule_does_not_fire_and_can_be_deleted(workspace, schedule):
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    schedules = workspace.ml.schedules
    schedule("paused", every_minute(start_time=soon(2)))
    with pytest.raises(HttpResponseError, match="must be disabled"):
        schedules.begin_delete("paused").result()
    assert schedules.begin_disable("paused").result().is_enabled is False
    assert "paused" not in [one.name for one in schedules.list()]
    assert "paused" in [one.name for one in schedules.list(list_view_type="DisabledOnly")]
    with pytest.raises(HttpResponseError, match="Only an enabled schedule"):
        schedules.trigger("paused")
    time.sleep(2.2)
    assert jobs_of(workspace, "paused") == []
    assert schedules.begin_enable("paused").result().is_enabled
    assert "paused" in [one.name for one in schedules.list()]
    schedules.begin_disable("paused").result()
    schedules.begin_delete("paused").result()
    with pytest.raises(ResourceNotFoundError):
        schedules.get("paused")
    assert "paused" not in [one.name for one in schedules.list(list_view_type="All")]


def test_a_schedule_is_triggered_by_hand_and_its_expressions_are_filled(workspace, schedule, tmp_path):
    job = pipeline("${{name}} at ${{creation_context.trigger_time}}")
    schedule("by_hand", every_minute(start_time="2035-01-01T00:00:00"), job)
    first = workspace.ml.schedules.trigger("by_hand", schedule_time="2030-02-03T04:05:06Z")
    second = workspace.ml.schedules.trigger("by_hand", schedule_time="2030-02-03T04:05:06Z")
    assert first.schedule_action_type == "CreateJob" and first.job_name != second.job_name
    assert {one.name for one in jobs_of(workspace, "by_hand")} == {first.job_name, second.job_name}
    assert workspace.wait(first.job_name)["status"] == "Completed"
    workspace.ml.jobs.download(first.job_name, download_path=tmp_path, output_name="said")
    (said,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert said.read_text() == f"{first.job_name} at 2030-02-03T04:05:06Z\n"


def test_jobs_of_schedules_are_told_from_others(workspace, schedule):
    schedule("told", every_minute(start_time="2035-01-01T00:00:00"))
    name = workspace.ml.schedules.trigger("told").job_name
    own = workspace.ml.jobs.create_or_update(pipeline()).name
    scheduled = {job.name for job in workspace.ml.jobs.list(schedule_defined=True)}
    assert name in scheduled and own not in scheduled
    assert own in {job.name for job in workspace.ml.jobs.list(schedule_defined=False)}


def test_an_earlier_job_is_scheduled_by_its_name(workspace, schedule):
    source = workspace.ml.jobs.create_or_update(pipeline("again"))
    made = schedule("repeat", every_minute(start_time="2035-01-01T00:00:00"), f"azureml:{source.name}")
    assert list(made.create_job.jobs) == ["say"]
    job = workspace.ml.jobs.get(workspace.ml.schedules.trigger("repeat").job_name)
    assert job.inputs["text"]._data == "again" and job.name != source.name
    workspace.wait(source.name)
    workspace.ml.jobs.begin_delete(source.name)
    assert workspace.ml.schedules.begin_disable("repeat").result().is_enabled is False


def test_a_schedule_from_yaml(workspace, tmp_path):
    from azure.ai.ml.entities import CronTrigger
    from azure.ai.ml.entities._load_functions import load_schedule  # azure.ai.ml of this version does not export it

    (tmp_path / "schedule.yml").write_text(YAML)
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    loaded = load_schedule(tmp_path / "schedule.yml")
    made = workspace.ml.schedules.begin_create_or_update(loaded).result()
    assert made.display_name == "every working day" and isinstance(made.trigger, CronTrigger)
    assert made.trigger.time_zone == "W. Europe Standard Time" and made.provisioning_state == "Succeeded"
    name = workspace.ml.schedules.trigger("from_yaml").job_name
    assert workspace.wait(name)["status"] == "Completed"


def put(workspace, name, trigger, job=None, action="CreateJob", **more):
    job = {"jobType": "Command", "command": "echo", "environmentId": ENVIRONMENT} if job is None else job
    body = {"properties": {"action": {"actionType": action, "jobDefinition": job}, "trigger": trigger, **more}}
    return workspace.http("PUT", f"/schedules/{name}", body, version="2024-01-01-preview")


LATER = {"triggerType": "Cron", "expression": "0 0 * * *", "startTime": "2035-01-01T00:00:00"}


def test_a_command_is_scheduled_by_a_plain_request(workspace):
    assert put(workspace, "command", LATER).status_code == 201
    assert put(workspace, "command", LATER, description="again").status_code == 200
    assert workspace.ml.schedules.get("command").create_job.command == "echo"
    assert workspace.wait(workspace.ml.schedules.trigger("command").job_name)["status"] == "Completed"


def test_a_job_that_cannot_begin_is_there_and_says_why(workspace, schedule):
    from azure.ai.ml.entities import AmlCompute

    small = AmlCompute(name="short-lived", size="Standard_DS3_v2", max_instances=1)
    workspace.ml.compute.begin_create_or_update(small).result()
    job = pipeline()
    job.settings.default_compute = "short-lived"
    schedule("orphan", every_minute(start_time=soon(2)), job)
    workspace.ml.compute.begin_delete("short-lived").wait()
    (job,) = wait_for_jobs(workspace, "orphan")
    assert job.status == "Failed"
    assert "short-lived" in workspace.run_record(job.name).error["error"]["message"]


# After a restart


def test_a_schedule_outlives_the_server_and_fires_once_for_what_it_missed(workspace, schedule):
    start = soon(2)
    second = {"triggerType": "Recurrence", "frequency": "Minute", "interval": 1}
    schedule("missed", every_minute(start_time=start))
    ended = second | {"startTime": str(start), "endTime": str(start + timedelta(seconds=1))}
    assert put(workspace, "ended", ended).status_code == 201
    schedule("future", every_minute(start_time="2035-01-01T00:00:00"), tags={"kept": "yes"})
    workspace.kill(pause=4.5)  # later than what still counts as punctual
    (job,) = wait_for_jobs(workspace, "missed")
    assert job.display_name == f"missed-{start:%Y%m%dT%H%M%SZ}"
    assert workspace.wait(job.name)["status"] == "Completed", workspace.run_record(job.name).error
    assert workspace.ml.schedules.get("future").tags == {"kept": "yes"}
    workspace.restart()
    time.sleep(0.3)
    assert len(jobs_of(workspace, "missed")) == 1
    assert jobs_of(workspace, "ended") == [] and jobs_of(workspace, "future") == []


def test_a_schedule_does_not_keep_an_idle_server_running(workspace, tmp_path):
    code = f"""
import json, pathlib, requests, local_azure
local_azure.start()
from azure.identity import DefaultAzureCredential
token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token
job = {{"jobType": "Command", "command": "echo", "environmentId": {ENVIRONMENT!r}}}
body = {{"properties": {{"trigger": {LATER!r}, "action": {{"actionType": "CreateJob", "jobDefinition": job}}}}}}
address = "https://management.azure.com{workspace.path}/schedules/idle?api-version=2024-01-01-preview"
answer = requests.put(address, json=body, headers={{"Authorization": f"Bearer {{token}}"}})
assert answer.status_code == 201, answer.text
print(json.loads(pathlib.Path({str(tmp_path)!r}, "server.json").read_text())["pid"])
"""
    environment = os.environ | {
        "LOCAL_AZURE_HOME": str(tmp_path), "LOCAL_AZURE_ALWAYS": "1", "LOCAL_AZURE_IDLE_MINUTES": "0.02",
    }  # fmt: skip
    printed = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True).stdout
    wait_for_end(int(printed.split()[-1]))


# What is refused


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ({}, "triggerType is Cron or Recurrence"),
        ({"triggerType": "Cron", "expression": "61 * * * *"}, "not within 0 and 59"),
        ({"triggerType": "Cron", "expression": "0 0 0 * * *"}, "has 6 fields"),
        ({"triggerType": "Cron", "expression": "0 0 * * *", "timeZone": "Mars"}, "no time zone"),
        ({"triggerType": "Cron", "expression": "0 0 * * *", "startTime": "soon"}, "not a time"),
        ({"triggerType": "Cron", "expression": "0 0 * * *", "endTime": "2020-01-01"}, "has passed"),
        (LATER | {"endTime": "2034-01-01"}, "not after its start"),
        ({"triggerType": "Recurrence", "frequency": "Year", "interval": 1}, "the frequency is"),
        ({"triggerType": "Recurrence", "frequency": "Day", "interval": 0}, "the interval is"),
        ({"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "schedule": {"hours": [24]}}, "hours are"),
        ({"triggerType": "Recurrence", "frequency": "Day", "interval": 1, "schedule": {"hours": "9"}}, "whole numbers"),
        ({"triggerType": "Recurrence", "frequency": "Week", "interval": 1, "schedule": {"weekDays": ["x"]}}, "days"),
        ({"triggerType": "Recurrence", "frequency": "Hour", "interval": 1, "schedule": {"minutes": [5]}}, "pattern"),
        ({"triggerType": ["Cron"]}, "must be a text"),
    ],
)
def test_what_is_wrong_with_a_trigger_is_said(workspace, trigger, said):
    answer = put(workspace, "wrong", trigger)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "UserError"
    assert re.search(said, answer.json()["error"]["message"])


def test_what_is_wrong_with_the_rest_is_said(workspace):
    assert put(workspace, "wrong", LATER, job={}).status_code == 400
    assert "not a job of type Sweep" in put(workspace, "wrong", LATER, job={"jobType": "Sweep"}).text
    assert "no command" in put(workspace, "wrong", LATER, job={"jobType": "Command"}).text
    assert put(workspace, "wrong", LATER, job={"jobType": "Pipeline", "sourceJobId": "none"}).status_code == 404
    assert put(workspace, "wrong", LATER, job={"jobType": "Pipeline", "sourceJobId": 5}).status_code == 400
    assert put(workspace, "-wrong", LATER).status_code == 400
    assert put(workspace, "wrong", LATER, action="Other").status_code == 400
    for missing in ("CreateMonitor", "ImportData"):
        answer = put(workspace, "wrong", LATER, action=missing)
        assert answer.status_code == 501 and answer.json()["error"]["code"] == "NotImplemented"
    assert workspace.http("GET", "/schedules/wrong").status_code == 404
    assert workspace.http("DELETE", "/schedules/wrong").status_code == 204
    assert put(workspace, "right", LATER).status_code == 201
    answer = workspace.http("POST", "/schedules/right/trigger", {"scheduleTime": "x"}, version="2024-01-01-preview")
    assert answer.status_code == 400 and "scheduleTime" in answer.json()["error"]["message"]


def test_the_sdk_itself_schedules_pipelines_only():
    """As Azure does; a sentence of ours would not be seen."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import CronTrigger, JobSchedule
    from azure.ai.ml.exceptions import ValidationException

    job = command(command="echo", environment=ENVIRONMENT)
    made = JobSchedule(name="alone", trigger=CronTrigger(expression="* * * * *"), create_job=job)
    with pytest.raises(ValidationException, match="Unsupported job type"):
        made._to_rest_object()


# When something is due


def times(rule, when, count=3, start="2026-11-23T13:00:00", where="UTC"):
    """The next times of a rule in its own zone."""
    zone, moment, found = timetable.zone(where), utc(when), []
    for _ in range(count):
        moment = rule.after(moment, utc(start), zone)
        found.append(moment.astimezone(zone).strftime("%d.%m. %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("* * * * *", ["23.11. 13:21", "23.11. 13:22", "23.11. 13:23"]),
        ("15 16 * * 1", ["23.11. 16:15", "30.11. 16:15", "07.12. 16:15"]),
        ("0 9 * * Sat-sunday", None),
        ("0 9 * * 0,6", ["28.11. 09:00", "29.11. 09:00", "05.12. 09:00"]),
        ("*/20 8-16/8 * * tuesday", ["24.11. 08:00", "24.11. 08:20", "24.11. 08:40"]),
        ("50/5 23 * * *", ["23.11. 23:50", "23.11. 23:55", "24.11. 23:50"]),
        ("0 0 31 2 *", ["24.11. 00:00", "25.11. 00:00", "26.11. 00:00"]),  # day and month are not looked at
    ],
)
def test_cron_expressions(expression, found):
    if found is None:  # Saturday is 6 and Sunday 0: no range, as in NCrontab
        with pytest.raises(ValueError, match="not within"):
            timetable.Cron.parse(expression)
    else:
        assert times(timetable.Cron.parse(expression), "2026-11-23T13:20:05") == found


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (timetable.Recurrence("Minute", 7), ["23.11. 13:21", "23.11. 13:28", "23.11. 13:35"]),
        (timetable.Recurrence("Hour", 12), ["24.11. 01:00", "24.11. 13:00", "25.11. 01:00"]),
        (timetable.Recurrence("Day", 2), ["25.11. 13:00", "27.11. 13:00", "29.11. 13:00"]),
        (timetable.Recurrence("Day", 1, (9, 18), (0,)), ["23.11. 18:00", "24.11. 09:00", "24.11. 18:00"]),
        (timetable.Recurrence("Week", 2, (9,), (30,), (0, 4)), ["27.11. 09:30", "07.12. 09:30", "11.12. 09:30"]),
        (timetable.Recurrence("Month", 1, (0,), (0,), (), (31,)), ["31.12. 00:00", "31.01. 00:00", "31.03. 00:00"]),
        (timetable.Recurrence("Month", 2), ["23.01. 13:00", "23.03. 13:00", "23.05. 13:00"]),
    ],
)
def test_recurrences(rule, found):
    assert times(rule, "2026-11-23T13:20:05") == found


def test_before_its_start_nothing_is_due():
    for rule in (timetable.Cron.parse("0 * * * *"), timetable.Recurrence("Day", 1), timetable.Recurrence("Hour", 1)):
        assert times(rule, "2026-11-23T13:20:05", 2, start="2027-01-02T03:00:00")[0] == "02.01. 03:00"


def test_clocks_that_are_put_forward_and_back():
    half_past_two = timetable.Cron.parse("30 2 * * *")
    where = "W. Europe Standard Time"
    early = "2026-01-01T00:00:00"
    forward = times(half_past_two, "2026-03-28T00:00:00", 3, early, where)
    assert forward == ["28.03. 02:30", "29.03. 03:30", "30.03. 02:30"]  # 2:30 on the 29th does not exist
    assert times(half_past_two, "2026-10-24T12:00:00", 2, early, where) == ["25.10. 02:30", "26.10. 02:30"]
    hourly = timetable.Recurrence("Hour", 1)
    moments = [hourly.after(utc(f"2026-10-25T0{hour}:30:00"), utc(early), timetable.zone(where)) for hour in range(3)]
    assert [moment.hour for moment in moments] == [1, 2, 3]


def test_every_zone_of_the_sdk_is_known():
    from azure.ai.ml.constants import TimeZone

    for name in TimeZone:
        assert utc("2026-01-01").astimezone(timetable.zone(name.value)).utcoffset() is not None
