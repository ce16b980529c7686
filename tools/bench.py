"""Measure the local Azure beside two well-known local clouds, in one run on this machine: make bench

Prints, for local_azure, moto_server (PyPI) and Azurite (npm): seconds from the start of the command to the first
answer, milliseconds a call takes (median and 95th percentile, one requests session), memory at rest, and requests
a second with eight client processes. What a call is: for local_azure a keyed POST whose document is empty, so that
no engine runs; for moto the list of buckets; for Azurite the signed list of containers. local_azure is measured
directly and through its TLS proxy, the way notebooks use it.

Then, for local_azure alone and through its proxy, what Azure Machine Learning's clients ask most: a job, a data asset,
a logged metric, an online endpoint with a key, each as one plain request; the same job through MLClient, whose own work
is in it; and a job whose command does nothing, from its submission until it is Completed.
"""

import argparse
import contextlib
import datetime
import io
import itertools
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import psutil
import requests

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
CALLS = 1000
RATE_SECONDS = 4
CLIENTS = 8
EMPTY = {"kind": "LanguageDetection", "analysisInput": {"documents": [{"id": "1", "text": ""}]}}
JOBS = 20
SCORE = "def init():\n    pass\n\n\ndef run(raw):\n    return []\n"
LANGUAGE = "/language/:analyze-text?api-version=2023-04-01"


def call(session, request):
    method, url, keywords = request
    answer = session.request(method, url, timeout=30, **keywords)
    answer.raise_for_status()
    return answer


def wait_for_answer(request, process, limit=60):
    """Seconds until the first good answer."""
    start = time.perf_counter()
    with requests.Session() as session:
        session.trust_env = request[1].startswith("https")
        while time.perf_counter() - start < limit:
            if process.poll() is not None:
                raise SystemExit(f"{process.args[0]} ended with {process.returncode} before it answered")
            try:
                call(session, request)
                return time.perf_counter() - start
            except requests.RequestException:
                time.sleep(0.005)
    raise SystemExit(f"{process.args[0]} did not answer within {limit} s")


def milliseconds(request, calls=CALLS):
    """(median, 95th percentile) of one session's calls."""
    with requests.Session() as session:
        session.trust_env = request[1].startswith("https")
        return timed(lambda: call(session, request), calls, 20)  # the first few open the connection


def timed(function, calls, before=0):
    """(median, 95th percentile) in milliseconds of so many calls, some more before them left out."""
    taken = []
    for _ in range(before + calls):
        start = time.perf_counter()
        function()
        taken.append((time.perf_counter() - start) * 1000)
    taken = sorted(taken[before:])
    return statistics.median(taken), taken[int(len(taken) * 0.95)]


def _hammer(request, until):
    done = 0
    with requests.Session() as session:
        session.trust_env = request[1].startswith("https")
        while time.time() < until:
            call(session, request)
            done += 1
    return done


def per_second(request):
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        pool.map(time.sleep, [0.5] * CLIENTS)  # every client is up
        start = time.time()
        done = pool.starmap(_hammer, [(request, start + RATE_SECONDS)] * CLIENTS)
    return sum(done) / (time.time() - start)


def memory(process):
    """Resident megabytes of a process and its children."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(member.memory_info().rss for member in family) / 2**20


def measure(name, command, request, environment=None, proxied=None):
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            first = wait_for_answer(request, process)
            idle = memory(process)
            row = {"name": name, "first answer (s)": first, "idle (MB)": idle}
            row["median (ms)"], row["p95 (ms)"] = milliseconds(request)
            row[f"calls/s, {CLIENTS} clients"] = per_second(request)
            if proxied:
                row["proxy"] = proxied(process)
            return row
        finally:
            process.terminate()
            process.wait(20)


def bench_local_azure(runs):
    home = tempfile.mkdtemp()
    os.environ.update(LOCAL_AZURE_HOME=home, LOCAL_AZURE_ALWAYS="1")
    import local_azure
    from local_azure import certificates, userdata

    secrets = userdata.load_secrets()
    certificates.ensure_authority()
    headers = {"Ocp-Apim-Subscription-Key": secrets["key1"]}
    port = 48321

    def through_proxy(process):
        os.environ.update(local_azure.environment())
        secured = ("POST", local_azure.ENDPOINT + LANGUAGE, {"json": EMPTY, "headers": headers})
        median, p95 = milliseconds(secured)
        load_everything(secured)
        return {"median (ms)": median, "p95 (ms)": p95, "loaded (MB)": memory(process)}

    command = [sys.executable, "-m", "local_azure", "serve", "--port", str(port), "--build", local_azure._build()]
    request = ("POST", f"http://127.0.0.1:{port}{LANGUAGE}", {"json": EMPTY, "headers": headers})
    starts = []
    for _ in range(runs - 1):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        starts.append(wait_for_answer(request, process))
        process.terminate()
        process.wait(20)
    row = measure("local_azure", command, request, proxied=through_proxy)
    row["first answer (s)"] = statistics.median([*starts, row["first answer (s)"]])
    shutil.rmtree(home, ignore_errors=True)
    return row


def load_everything(secured):
    """One document through every engine, so that all of them are in memory."""
    text = (
        "Maria Lopez from Contoso in Lisbon wrote on Monday that the new app is slow, but the branch staff were kind."
    )
    document = {"id": "1", "text": text, "language": "en"}
    with requests.Session() as session:
        for kind in (
            "LanguageDetection",
            "SentimentAnalysis",
            "KeyPhraseExtraction",
            "EntityRecognition",
            "PiiEntityRecognition",
        ):
            sent = {
                key: document[key] for key in ("id", "text", *(() if kind == "LanguageDetection" else ("language",)))
            }
            body = {"kind": kind, "analysisInput": {"documents": [sent]}}
            if kind == "SentimentAnalysis":
                body["parameters"] = {"opinionMining": True}
            call(session, ("POST", secured[1], {**secured[2], "json": body}))


def bench_machine_learning():
    """What Azure Machine Learning's clients ask: {what: (median, 95th percentile) in milliseconds}."""
    home = tempfile.mkdtemp()
    os.environ.update(LOCAL_AZURE_HOME=home, LOCAL_AZURE_ALWAYS="1")
    import local_azure

    os.environ.update(local_azure.environment())
    try:
        return _machine_learning(Path(home))
    finally:
        local_azure.stop_server()
        shutil.rmtree(home, ignore_errors=True)


def _machine_learning(home):
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")
    subscription, group, name = (os.environ[one] for one in names)
    credential = DefaultAzureCredential()
    client = MLClient(credential, subscription, group, name, enable_telemetry=False)
    token = credential.get_token("https://management.azure.com/.default").token
    bearer = {"Authorization": f"Bearer {token}"}
    path = (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices"
        f"/workspaces/{name}"
    )

    def asked(method, where, body=None):
        address = f"https://management.azure.com{path}{where}?api-version=2025-01-01-preview"
        return method, address, {"headers": bearer, "json": body}

    numbers = itertools.count()
    environment = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
    idle = {"jobType": "Command", "command": "true", "environmentId": environment}

    with requests.Session() as session:

        def run_a_job():
            job = f"job{next(numbers)}"
            call(session, asked("PUT", f"/jobs/{job}", {"properties": idle}))
            while True:
                status = call(session, asked("GET", f"/jobs/{job}")).json()["properties"]["status"]
                if status in ("Completed", "Failed", "Canceled"):
                    break
                time.sleep(0.005)
            if status != "Completed":
                raise SystemExit(f"{job} is {status}")

        jobs = timed(run_a_job, JOBS, 2)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # progress bars
        uri, key = _deployed(client, home / "score")
    metric = {"run_id": "job0", "key": "loss", "value": 0.5, "timestamp": 0, "step": 1}
    tracking = f"https://local.api.azureml.ms/mlflow/v1.0{path}/api/2.0/mlflow/runs/log-metric"
    scored = {"headers": {"Authorization": f"Bearer {key}"}, "json": {"data": []}}
    return {
        "GET of a job": milliseconds(asked("GET", "/jobs/job0")),
        "MLClient.jobs.get": timed(lambda: client.jobs.get("job0"), 100, 3),
        "GET of a data asset": milliseconds(asked("GET", "/data/rows/versions/1")),
        "log-metric": milliseconds(("POST", tracking, {"headers": bearer, "json": metric})),
        "online endpoint, key": milliseconds(("POST", uri, scored)),
        "a job that does nothing": jobs,
    }


def _deployed(client, folder):
    """A data asset, and an endpoint whose script does nothing: its address and its key."""
    from azure.ai.ml.entities import CodeConfiguration, Data, Environment, ManagedOnlineDeployment
    from azure.ai.ml.entities import ManagedOnlineEndpoint as Endpoint

    folder.mkdir()
    (folder / "score.py").write_text(SCORE)
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    client.data.create_or_update(Data(name="rows", version="1", type="uri_file", path=folder / "rows.csv"))
    client.environments.create_or_update(Environment(name="plain", version="1", image="python:3.11"))
    endpoint = client.online_endpoints.begin_create_or_update(Endpoint(name="bench", auth_mode="key")).result()
    code = CodeConfiguration(code=str(folder), scoring_script="score.py")
    deployment = ManagedOnlineDeployment(
        name="blue", endpoint_name="bench", code_configuration=code, environment="azureml:plain:1",
        instance_type="Standard_DS3_v2", instance_count=1,
    )  # fmt: skip
    client.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    return endpoint.scoring_uri, client.online_endpoints.get_keys("bench").primary_key


def bench_moto(port=48322):
    folder = CACHE / "moto"
    if not (folder / "bin" / "moto_server").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", str(folder)], check=True)
        subprocess.run(
            [*uv, "pip", "install", "-q", "--compile-bytecode", "--python", str(folder), "moto[s3,server]"], check=True
        )
    command = [str(folder / "bin" / "moto_server"), "-p", str(port)]
    return measure("moto_server", command, ("GET", f"http://127.0.0.1:{port}/", {}))


def bench_azurite(port=48323):
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    folder = CACHE / "azurite"
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), "azurite"], check=True
        )
    account = "devstoreaccount1"  # Azurite's documented development account and key
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    signature = generate_account_sas(
        account, key, ResourceTypes(service=True), AccountSasPermissions(list=True), expiry
    )
    with tempfile.TemporaryDirectory() as location:
        command = [
            str(program),
            "--silent",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--location",
            location,
            "--blobPort",
            str(port),
        ]
        return measure("azurite", command, ("GET", f"http://127.0.0.1:{port}/{account}?comp=list&{signature}", {}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only-ours", action="store_true", help="leave moto_server and Azurite out")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    for name in ("HTTPS_PROXY", "https_proxy"):
        os.environ.pop(name, None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with mock.patch.dict(os.environ):  # what sends calls to our proxy must not reach the others
        rows = [bench_local_azure(runs=5)]
    with mock.patch.dict(os.environ):
        learning = bench_machine_learning()
    if not arguments.only_ours:
        rows += [bench_moto(), bench_azurite()]
    proxy = rows[0].pop("proxy")
    columns = [column for column in rows[0] if column != "name"]
    print(f"{'':14}" + "".join(f"{column:>24}" for column in columns))
    for row in rows:
        print(f"{row['name']:14}" + "".join(f"{row[column]:>24.2f}" for column in columns))
    print(f"local_azure through its TLS proxy: median {proxy['median (ms)']:.2f} ms, p95 {proxy['p95 (ms)']:.2f} ms")
    print(f"local_azure with every engine loaded: {proxy['loaded (MB)']:.0f} MB")
    print("Azure Machine Learning, through the proxy:")
    for what, (median, p95) in learning.items():
        print(f"  {what:24} median {median:8.2f} ms, p95 {p95:8.2f} ms")
    if arguments.json:
        figures = {"rows": rows, "proxy": proxy, "machine learning": learning}
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
