"""Jobs through time: begun, watched, paged, cancelled, expired, and finished by the next server after a kill."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest
import requests
from azure.ai.textanalytics import AnalyzeSentimentAction, ExtractKeyPhrasesAction, TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from language_contract import differences

from local_azure.engines import key_phrases, sentiment
from local_azure.services.language import jobs
from local_azure.store import Store

pytest_plugins = ("language_server",)

URL = "/language/analyze-text/jobs?api-version=2023-04-01"
OLDER = "/text/analytics/v3.1/analyze"
TEXT = "The new branch in Leeds opened on Monday."


def sent(count=2, tasks=("KeyPhraseExtraction", "SentimentAnalysis"), **fields):
    documents = [{"id": f"d{number}", "text": TEXT, "language": "en"} for number in range(count)]
    return {
        "analysisInput": {"documents": documents},
        "tasks": [{"kind": kind, "taskName": kind[:4]} for kind in tasks],
    } | fields


def stored(folder, key):
    """A job's record, read beside the server."""
    store = Store(folder / "store.sqlite3")
    job = store.get(jobs.STORE, key)
    store.close()
    return job


def key_of(address):
    return address.split("/")[-1].split("?")[0]


@pytest.fixture
def gate(monkeypatch):
    """Holds the sentiment engine until it is opened, so that a job can be seen running."""
    opened, reached = threading.Event(), threading.Event()
    honest = sentiment.analyze

    def held(*args, **keywords):
        reached.set()
        assert opened.wait(120)
        return honest(*args, **keywords)

    monkeypatch.setattr(sentiment, "analyze", held)
    opened.reached = reached
    yield opened
    opened.set()


def test_a_job_from_begin_to_end(http, wait, gate):
    submitted = http("POST", URL, json=sent(displayName="Monday"))
    assert (submitted.status_code, submitted.content) == (202, b"")
    where = submitted.headers["operation-location"]
    assert where.endswith("?api-version=2023-04-01")
    assert gate.reached.wait(120)
    running = http("GET", where)
    state = running.json()
    assert state["status"] == "running"
    assert int(running.headers["retry-after-ms"]) < 1000
    assert {name: state["tasks"][name] for name in ("completed", "failed", "inProgress", "total")} == {
        "completed": 1,
        "failed": 0,
        "inProgress": 1,
        "total": 2,
    }
    assert [item["taskName"] for item in state["tasks"]["items"]] == ["KeyP"]
    gate.set()
    ended = wait(submitted)
    assert (ended["status"], ended["displayName"], ended["errors"]) == ("succeeded", "Monday", [])
    assert ended["jobId"] in where
    assert not differences(ended, "AnalyzeTextJobState", "2023-04-01")
    assert [item["kind"] for item in ended["tasks"]["items"]] == [
        "KeyPhraseExtractionLROResults",
        "SentimentAnalysisLROResults",
    ]
    last = http("GET", where)
    assert "retry-after-ms" not in last.headers
    label = f"{key_phrases.ENGINE.name}/{key_phrases.ENGINE.version}"
    assert label in last.headers["x-local-azure-engine"]


def test_texts_are_forgotten_when_a_job_ends(azure, http, wait):
    ended = wait(http("POST", URL, json=sent(tasks=["SentimentAnalysis"])))
    assert stored(azure.folder, ended["jobId"])["documents"] == [["d0", "", ""], ["d1", "", ""]]


def test_pages(http, wait):
    submitted = http("POST", URL, json=sent(25, ["KeyPhraseExtraction"]))
    first = wait(submitted, "&showStats=true")
    (item,) = first["tasks"]["items"]
    assert [one["id"] for one in item["results"]["documents"]] == [f"d{number}" for number in range(20)]
    assert item["results"]["statistics"]["documentsCount"] == 20
    assert not differences(first, "AnalyzeTextJobState", "2023-04-01")
    second = http("GET", first["nextLink"]).json()
    assert [one["id"] for one in second["tasks"]["items"][0]["results"]["documents"]] == [
        f"d{n}" for n in range(20, 25)
    ]
    assert second["tasks"]["items"][0]["results"]["statistics"]["transactionsCount"] == 5
    assert "nextLink" not in second
    third = http("GET", submitted.headers["operation-location"] + "&top=2&skip=24").json()
    assert [one["id"] for one in third["tasks"]["items"][0]["results"]["documents"]] == ["d24"]
    none = http("GET", submitted.headers["operation-location"] + "&skip=99").json()
    assert none["tasks"]["items"][0]["results"]["documents"] == []


def test_pages_of_the_older_api(http, wait):
    tasks = {"keyPhraseExtractionTasks": [{"parameters": {"model-version": "latest"}}]}
    submitted = http("POST", OLDER, json=sent(25) | {"tasks": tasks})
    first = wait(submitted)
    assert not differences(first, "AnalyzeJobState", "v3.1", extra=("state",))
    assert first["tasks"]["keyPhraseExtractionTasks"][0]["state"] == "succeeded"
    assert "$skip=20" in first["@nextLink"]
    second = http("GET", first["@nextLink"]).json()
    assert len(second["tasks"]["keyPhraseExtractionTasks"][0]["results"]["documents"]) == 5


def test_partial_failure(http, wait):
    ended = wait(http("POST", URL, json=sent(tasks=["Healthcare", "KeyPhraseExtraction", "EntityLinking"])))
    assert ended["status"] == "partiallyCompleted"
    assert [item["status"] for item in ended["tasks"]["items"]] == ["failed", "succeeded", "failed"]
    assert [error["target"] for error in ended["errors"]] == ["#/tasks/items/0", "#/tasks/items/2"]
    assert all("What runs locally" in error["message"] for error in ended["errors"])
    assert (ended["tasks"]["completed"], ended["tasks"]["failed"]) == (1, 2)


def test_failure_of_everything(http, wait):
    ended = wait(http("POST", URL, json=sent(tasks=["EntityLinking"])))
    assert (ended["status"], len(ended["errors"])) == ("failed", 1)


def test_a_task_that_breaks_does_not_run_for_ever(http, wait, monkeypatch):
    monkeypatch.setattr(jobs, "analyse", None)
    ended = wait(http("POST", URL, json=sent(tasks=["KeyPhraseExtraction"])))
    assert ended["status"] == "failed"


def test_cancel(http, wait, gate):
    submitted = http("POST", URL, json=sent())
    where = submitted.headers["operation-location"]
    assert gate.reached.wait(120)
    cancelled = http("POST", where.replace("?", ":cancel?"))
    assert (cancelled.status_code, cancelled.headers["operation-location"]) == (202, where)
    state = http("GET", where).json()
    assert state["status"] == "cancelled"
    done, stopped = state["tasks"]["items"]
    assert done["status"] == "succeeded" and len(done["results"]["documents"]) == 2
    assert stopped["status"] == "cancelled" and stopped["results"]["documents"] == []
    gate.set()
    again = http("POST", where.replace("?", ":cancel?"))
    assert again.status_code == 400
    assert http("GET", where).json() == state, "what was under way must not revive the job"


def test_cancel_through_the_client(azure, gate):
    with TextAnalyticsClient(azure.base, AzureKeyCredential(azure.key)) as client:
        actions = [AnalyzeSentimentAction(), ExtractKeyPhrasesAction()]
        poller = client.begin_analyze_actions([TEXT], actions, polling_interval=0.05)
        assert gate.reached.wait(120)
        poller.cancel()
        ((sentiments, phrases),) = list(poller.result())
        assert poller.status() == "cancelled"
        assert sentiments.is_error and "cancelled" in sentiments.error.message
        assert phrases.is_error
        with pytest.raises(HttpResponseError) as caught:
            poller.cancel()
        assert caught.value.status_code == 400


def test_the_client_is_told_about_its_job(azure):
    with TextAnalyticsClient(azure.base, AzureKeyCredential(azure.key)) as client:
        poller = client.begin_analyze_actions([TEXT], [ExtractKeyPhrasesAction()], display_name="Monday")
        poller.result()
        details = poller.details
        assert details["display_name"] == "Monday"
        assert (details["actions_succeeded_count"], details["total_actions_count"]) == (1, 1)
        assert (details["expires_on"] - details["created_on"]).total_seconds() == 24 * 3600
        later = client.begin_analyze_actions(None, None, continuation_token=poller.continuation_token())
        ((again,),) = list(later.result())
        assert again.key_phrases


def test_expiry(http, wait, monkeypatch):
    submitted = http("POST", URL, json=sent())
    wait(submitted)
    where = submitted.headers["operation-location"]
    honest = jobs.now
    monkeypatch.setattr(jobs, "now", lambda: honest() + jobs.LIFETIME - 60)
    assert http("GET", where).status_code == 200
    monkeypatch.setattr(jobs, "now", lambda: honest() + jobs.LIFETIME + 60)
    gone = http("GET", where)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "NotFound")


def test_jobs_of_one_api_are_not_in_the_other(http, wait):
    identifier = wait(http("POST", URL, json=sent()))["jobId"]
    assert http("GET", f"{OLDER}/jobs/{identifier}").status_code == 404
    assert http("GET", "/text/analytics/v3.1/entities/health/jobs/x").status_code == 404
    assert http("DELETE", "/text/analytics/v3.1/entities/health/jobs/x").status_code == 404


def test_the_next_server_finishes_what_was_accepted(tmp_path, http):
    """Killed as soon as it has acknowledged; the next one does the work, and drops what has expired meanwhile."""
    process, base, head = served(tmp_path)
    submitted = http("POST", base + URL, json=sent(25, ["KeyPhraseExtraction"]), headers=head)
    expired = http("POST", base + URL, json=sent(1, ["KeyPhraseExtraction"]), headers=head)
    process.kill()
    process.wait()
    assert (submitted.status_code, expired.status_code) == (202, 202)
    job = stored(tmp_path, key_of(submitted.headers["operation-location"]))
    assert job["status"] in ("notStarted", "running"), "it was quicker than the kill"
    change(tmp_path, key_of(expired.headers["operation-location"]), created=0)
    process, base, head = served(tmp_path)
    try:
        where = f"{base}/language/analyze-text/jobs/{job['id']}?api-version=2023-04-01"
        deadline = time.monotonic() + 240
        while (state := http("GET", where, headers=head).json())["status"] in ("notStarted", "running"):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        assert state["status"] == "succeeded"
        assert [len(item["results"]["documents"]) for item in state["tasks"]["items"]] == [20]
        gone = http("GET", where.replace(job["id"], key_of(expired.headers["operation-location"])), headers=head)
        assert gone.status_code == 404
    finally:
        process.kill()
        process.wait()
    assert stored(tmp_path, key_of(expired.headers["operation-location"])) is None


def served(folder):
    """A server of its own over the store in `folder`: the process, its base address, and a header with its key."""
    (folder / "server.json").unlink(missing_ok=True)
    environment = os.environ | {"LOCAL_AZURE_HOME": str(folder)}
    process = subprocess.Popen([sys.executable, "-m", "local_azure", "serve"], env=environment)
    deadline = time.monotonic() + 240
    while True:
        with contextlib.suppress(OSError, ValueError):
            base = f"http://127.0.0.1:{json.loads((folder / 'server.json').read_text())['port']}"
            requests.get(base, timeout=5)
            break
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    key = json.loads((folder / "secrets.json").read_text())["key1"]
    return process, base, {"Ocp-Apim-Subscription-Key": key}


def change(folder, key, **fields):
    store = Store(folder / "store.sqlite3")
    store.put(jobs.STORE, key, store.get(jobs.STORE, key) | fields)
    store.close()
