"""The meter: what was answered is counted in the units of Azure's bill, and `local_azure.usage()` shows it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import requests
from azure.ai.textanalytics import (
    AnalyzeSentimentAction,
    ExtractKeyPhrasesAction,
    TextAnalyticsClient,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

import local_azure
from local_azure.meter import Meter

pytest_plugins = ["ml_workspace"]

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "local-azure-course"
COLUMNS = ["resource", "service", "meter", "unit", "quantity"]


@pytest.fixture
def language(server_home):
    with TextAnalyticsClient(os.environ["FOUNDRY_ENDPOINT"], AzureKeyCredential(os.environ["FOUNDRY_KEY"])) as client:
        yield client


def grown(before, resource=ACCOUNT):
    """{(meter, unit): quantity} of what was added."""
    found = local_azure.usage(resource, since=before)
    assert list(found.columns) == COLUMNS
    assert set(found["resource"]) <= {resource}
    return {(row.meter, row.unit): row.quantity for row in found.itertuples()}


def test_each_answered_document_costs_a_record_for_every_thousand_text_elements(language):
    before = local_azure.usage()
    documents = ["x" * 1000, "x" * 1001, "e\u0301" * 1000, "Good.", ""]  # the last one is an error and costs nothing
    answers = language.detect_language(documents, show_stats=True)
    assert [answer.is_error for answer in answers] == [False] * 4 + [True]
    assert sum(answer.statistics.transaction_count for answer in answers[:4]) == 5
    assert grown(before) == {("LanguageDetection", "text records"): 5}


def test_each_task_of_a_job_is_counted_and_so_is_each_operation(language):
    before = local_azure.usage()
    language.analyze_sentiment(["It was clean.", "It was loud."], show_opinion_mining=True)
    documents = ["The clerk was friendly. " * 100, "The queue was long."]  # 2,400 characters, and 19
    job = language.begin_analyze_actions(documents, [AnalyzeSentimentAction(), ExtractKeyPhrasesAction()])
    assert len(list(job.result())) == 2
    assert grown(before) == {
        ("SentimentAnalysis", "text records"): 2 + 4,
        ("KeyPhraseExtraction", "text records"): 4,
    }


def test_what_is_refused_costs_nothing(language):
    before = local_azure.usage()
    with pytest.raises(ClientAuthenticationError):
        TextAnalyticsClient(os.environ["FOUNDRY_ENDPOINT"], AzureKeyCredential("0" * 32)).detect_language(["Hello"])
    with pytest.raises(HttpResponseError, match="InvalidDocumentBatch"):
        language.recognize_entities(["Hello there."] * 6)
    assert grown(before) == {}


def test_each_account_has_its_own_rows_and_keeps_them(server_home):
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient
    from azure.mgmt.resource.resources import ResourceManagementClient

    credential, subscription = DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"]
    group, names, before = "rg-usage", ["tern-day", "tern-night"], local_azure.usage()
    ResourceManagementClient(credential, subscription).resource_groups.create_or_update(
        group, {"location": "westeurope"}
    )
    manager = CognitiveServicesManagementClient(credential, subscription)
    for number, name in enumerate(names, 1):
        body = {
            "location": "westeurope",
            "kind": "TextAnalytics",
            "sku": {"name": "S"},
            "properties": {"customSubDomainName": name},
        }
        made = manager.accounts.begin_create(group, name, body).result()
        key = AzureKeyCredential(manager.accounts.list_keys(group, name).key1)
        with TextAnalyticsClient(made.properties.endpoint, key) as client:
            client.detect_language(["Bom dia."] * number)
    assert [grown(before, name) for name in names] == [
        {("LanguageDetection", "text records"): number} for number in (1, 2)
    ]
    assert grown(before) == {}, "nothing of it is the course's own account's"
    manager.accounts.begin_delete(group, names[0]).result()
    assert grown(before, names[0]) == {("LanguageDetection", "text records"): 1}, "deleting does not undo what was used"


def test_a_table_in_a_steady_order_that_survives_a_kill(workspace, language):
    language.detect_language(["Good morning."])
    before = local_azure.usage()
    assert list(before.columns) == COLUMNS
    assert list(before.index) == list(range(len(before)))
    keys = before[COLUMNS[:4]].apply(tuple, axis=1).tolist()
    assert keys == sorted(set(keys))
    workspace.kill()
    pd.testing.assert_frame_equal(
        local_azure.usage(ACCOUNT), before[before["resource"] == ACCOUNT].reset_index(drop=True)
    )
    assert local_azure.usage(since=before).query("resource == @ACCOUNT").empty
    assert local_azure.usage("another-account").empty


def test_a_node_is_counted_while_a_job_holds_it(workspace):
    before = local_azure.usage()
    cluster = f"{workspace.path}/computes/cpu-cluster"
    size = workspace.ml.compute.get("cpu-cluster").size
    python = json.dumps(sys.executable)
    began = time.time()
    assert workspace.put_job(
        "count", command=f"{python} -c 'import time; time.sleep(2)'", computeId=cluster
    ).status_code
    workspace.wait("count", "Running")
    held = grown(before, "course")
    assert set(held) == {(f"Compute nodes, {size}", "node-hours")}, "a job that runs is counted while it runs"
    workspace.wait("count", "Completed")
    hours = grown(before, "course")[f"Compute nodes, {size}", "node-hours"]
    assert 2 / 3600 <= hours <= (time.time() - began) / 3600
    assert grown(before, "course")[f"Compute nodes, {size}", "node-hours"] == hours, "and not after it"


SCORE = """
def init():
    pass

def run(raw):
    return raw
"""


def online_endpoint(workspace, name):
    """A new endpoint without a deployment."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    return workspace.ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()


def deploy(workspace, folder, endpoint, name, count):
    """A deployment on so many machines, which returns what it is sent."""
    from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment

    (folder / "score.py").write_text(SCORE)
    workspace.ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name=name, endpoint_name=endpoint, instance_type="Standard_DS3_v2", instance_count=count,
            environment=Environment(name=endpoint, version="1", image="python:3.11"),
            code_configuration=CodeConfiguration(code=str(folder), scoring_script="score.py"),
        )
    ).result()  # fmt: skip


def test_an_online_deployment_is_counted_until_it_is_deleted_and_its_requests_too(workspace, tmp_path):
    endpoint = online_endpoint(workspace, "counted")
    before, began = local_azure.usage(), time.time()
    deploy(workspace, tmp_path, "counted", "blue", 2)
    key = workspace.ml.online_endpoints.get_keys("counted").primary_key
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
    assert requests.post(endpoint.scoring_uri, data="{}", headers=headers, timeout=60).status_code == 200
    row = ("Online deployments, Standard_DS3_v2, counted/blue", "instance-hours")
    first = grown(before, "course")
    assert set(first) == {row, ("Online endpoints", "requests")}
    assert first["Online endpoints", "requests"] == 1
    workspace.restart()
    time.sleep(0.1)
    assert first[row] < grown(before, "course")[row], "it is there, called or not"
    workspace.ml.online_endpoints.begin_delete("counted").result()
    hours, most = grown(before, "course")[row], 2 * (time.time() - began) / 3600
    assert first[row] < hours <= most
    time.sleep(0.1)
    assert grown(before, "course")[row] == hours


def test_each_online_deployment_has_a_row_of_its_own(workspace, tmp_path):
    endpoint = online_endpoint(workspace, "apart")
    before = local_azure.usage()
    deploy(workspace, tmp_path, "apart", "blue", 1)
    deploy(workspace, tmp_path, "apart", "green", 2)
    endpoint.traffic = {"blue": 100, "green": 0}
    workspace.ml.online_endpoints.begin_create_or_update(endpoint).result()
    meter = "Online deployments, Standard_DS3_v2, apart"
    blue, green = (f"{meter}/blue", "instance-hours"), (f"{meter}/green", "instance-hours")
    assert set(grown(before, "course")) == {blue, green}
    since = local_azure.usage()
    time.sleep(0.5)
    waited = grown(since, "course")
    assert waited[green] == pytest.approx(2 * waited[blue], rel=0.1), "by its machines, with no traffic as with all"
    workspace.ml.online_deployments.begin_delete("green", "apart").result()
    since = local_azure.usage()
    time.sleep(0.1)
    assert set(grown(since, "course")) == {blue}, "deleted, it is paid for no longer; the other one is"
    workspace.ml.online_endpoints.begin_delete("apart").result()


def test_an_addition_costs_microseconds(tmp_path):
    import asyncio

    async def add(count):
        meter = Meter(tmp_path / "usage.sqlite3")
        began = time.process_time()
        for number in range(count):
            meter.add(f"account-{number % 7}", "Language", "SentimentAnalysis", "text records", 1)
        spent = time.process_time() - began
        meter.close()
        return spent / count

    assert asyncio.run(add(20_000)) < 50e-6
    assert sum(quantity for *_, quantity in Meter(tmp_path / "usage.sqlite3").rows()) == 20_000


def test_on_one_s_own_azure_there_are_no_figures_and_a_line_says_where_they_are(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCAL_AZURE")}
    code = "import local_azure\nlocal_azure.start()\nfound = local_azure.usage()\nprint(len(found), *found.columns)"
    environment = kept | {"FOUNDRY_ENDPOINT": "https://mine.cognitiveservices.azure.com", "PYTHONPATH": str(ROOT)}
    environment["LOCAL_AZURE_HOME"] = str(tmp_path / "home")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert "Metrics" in lines[1]
    assert "Cost Management" in lines[1]
    assert lines[2] == "0 resource service meter unit quantity"
