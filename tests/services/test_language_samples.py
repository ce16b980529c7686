"""The samples that Microsoft ships with its Language client, run as they are, at real Azure host names.

They are fetched by `make sdk-samples` (tools/fetch_sdk_samples.py); without them these tests are skipped. One process
runs them all, prepared by `local_azure.start()`, so that token credentials, the proxy and both clients take part.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / f"azure-ai-textanalytics-{version('azure-ai-textanalytics')}" / "samples"
SAMPLES = sorted(FOLDER.rglob("sample_*.py"))
SECONDS = 120

LINKING = "EntityLinking is not answered by the local Azure"
HEALTH = "Healthcare is not answered by the local Azure"
OWN = "your own Azure project"
# What a sample that asks for something refused must say, by the sample's name without _async; and why it is refused.
REFUSED = {
    "sample_recognize_linked_entities": (LINKING, "no knowledge base to link to"),
    "sample_analyze_healthcare_entities": (HEALTH, "no medical model"),
    "sample_analyze_healthcare_entities_with_cancellation": (
        "has ended (failed)",
        "no medical model; nothing to cancel",
    ),
    "sample_single_label_classify": (OWN, "needs a model of the caller's own"),
    "sample_multi_label_classify": (OWN, "needs a model of the caller's own"),
    "sample_recognize_custom_entities": (OWN, "needs a model of the caller's own"),
}
# Samples of several actions, of which one is refused and the others are answered.
PARTLY_REFUSED = {
    "sample_analyze_actions": ("Is an error with code", "links entities, besides four actions that are answered"),
    "sample_analyze_healthcare_action": ("Is an error with code", "health, besides personal data, which is answered"),
}
# Words that a sample's output must hold, so that an empty answer cannot pass.
SAYS = {
    "sample_abstract_summary": "Summaries",
    "sample_analyze_sentiment": "positive",
    "sample_authentication": "Language detected: English",
    "sample_detect_language": "Chinese_Simplified",
    "sample_extract_key_phrases": "The articles that mention Microsoft are articles number: 2, 3",
    "sample_recognize_pii_entities": "'859-98-0987'",
    "sample_recognize_entities": "has category 'Organization'",
    "sample_analyze_actions": "order@contososteakhouse.com",
}

DRIVER = """
import contextlib, io, json, os, runpy, sys, traceback
import local_azure
with contextlib.redirect_stdout(io.StringIO()):
    local_azure.start()
os.environ["AZURE_LANGUAGE_ENDPOINT"] = os.environ["FOUNDRY_ENDPOINT"]
os.environ["AZURE_LANGUAGE_KEY"] = os.environ["FOUNDRY_KEY"]
for name in ("SINGLE_LABEL_CLASSIFY", "MULTI_LABEL_CLASSIFY", "CUSTOM_ENTITIES"):
    os.environ[name + "_PROJECT_NAME"] = os.environ[name + "_DEPLOYMENT_NAME"] = "harbour"
runs = {}
for path in sys.argv[1:]:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_path(path, run_name="__main__")
            error = ""
        except Exception:
            error = traceback.format_exc()
    runs[path] = {"output": output.getvalue(), "error": error}
local_azure.stop_server()
print(json.dumps(runs))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, worker_id):
    """What each sample printed, and the exception that it ended with. Test processes side by side share one run."""
    if worker_id == "master":
        return run_all(tmp_path_factory.mktemp("samples"))
    shared = tmp_path_factory.getbasetemp().parent / "samples.json"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            shared.write_text(json.dumps(run_all(tmp_path_factory.mktemp("samples"))), encoding="utf-8")
    return json.loads(shared.read_text(encoding="utf-8"))


def run_all(home):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "FOUNDRY_"))}
    environment |= {"LOCAL_AZURE_HOME": str(home), "LOCAL_AZURE_ALWAYS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", DRIVER, *map(str, SAMPLES)],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


def stem(path):
    return path.stem.removesuffix("_async")


@pytest.mark.skipif(not SAMPLES, reason="make sdk-samples fetches them")
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SAMPLES])
def test_sample(runs, path):
    run = runs[str(path)]
    said = run["output"] + run["error"]
    if stem(path) in REFUSED:
        words, reason = REFUSED[stem(path)]
        assert words in said, reason
        return
    assert not run["error"]
    words, reason = PARTLY_REFUSED.get(stem(path), ("", ""))
    assert words in said, reason
    assert words or not re.search(r"is an error|has an error", said, re.IGNORECASE), "a document was not answered"
    assert SAYS.get(stem(path), "") in run["output"]


@pytest.mark.skipif(not SAMPLES, reason="make sdk-samples fetches them")
def test_tables_name_samples_that_exist():
    assert REFUSED.keys() | PARTLY_REFUSED.keys() | SAYS.keys() <= {stem(path) for path in SAMPLES}
    assert not REFUSED.keys() & PARTLY_REFUSED.keys()
