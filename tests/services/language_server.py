"""A local Azure in a thread of the test process, and both of Microsoft's Language clients as one function.

Used as a plugin by the tests of Azure Language. Each test process has its own server, port and folder.
"""

import asyncio
import os
import threading
import time
from types import SimpleNamespace

import pytest
import requests
import uvicorn
from azure.ai.textanalytics import TextAnalyticsClient
from azure.ai.textanalytics.aio import TextAnalyticsClient as AsyncTextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from waiting import SECONDS

from local_azure.proxy import FrontDoor
from local_azure.server import application, listen


def start_server(folder):
    """A server over the store in `folder`: its base address, key and folder, and how to stop it."""
    before = os.environ.get("LOCAL_AZURE_HOME")
    os.environ["LOCAL_AZURE_HOME"] = str(folder)
    try:
        app = application()
        app.state.clients.add(os.getpid())  # it is not idle while these tests run
        config = uvicorn.Config(app, http=FrontDoor, ws="none", log_config=None, access_log=False, lifespan="on")
        app.state.server = server = uvicorn.Server(config)
        sock = listen(0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + SECONDS
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the test server did not start"
            time.sleep(0.01)
    finally:
        if before is None:
            del os.environ["LOCAL_AZURE_HOME"]
        else:
            os.environ["LOCAL_AZURE_HOME"] = before

    def stop():
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()

    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    return SimpleNamespace(base=base, key=app.state.secrets["key1"], folder=folder, stop=stop)


@pytest.fixture(scope="session")
def azure(tmp_path_factory):
    server = start_server(tmp_path_factory.mktemp("local-azure"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def http(azure):
    """A `requests` session with the key, without proxies: http("POST", path, json=…)."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Ocp-Apim-Subscription-Key"] = azure.key
    with session:
        yield lambda method, path, **given: session.request(
            method, path if path.startswith("http") else azure.base + path, timeout=SECONDS, **given
        )


@pytest.fixture(scope="session")
def wait(http):
    """Follow a job to its end: wait(response of the submission) -> the last status."""

    def follow(submitted, query=""):
        assert submitted.status_code == 202, submitted.text
        deadline = time.monotonic() + SECONDS
        while True:
            job = http("GET", submitted.headers["operation-location"] + query).json()
            if job["status"] not in ("notStarted", "running"):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.02)

    return follow


@pytest.fixture(params=["sync", "aio"])
def sdk(request, azure):
    """Microsoft's client, either of the two: sdk("detect_language", documents, api_version=…, **keywords).

    Long-running operations are followed to their end; the result is a list in every case.
    """

    def call(operation, *args, api_version=None, key=azure.key, **keywords):
        if request.param == "sync":
            with TextAnalyticsClient(azure.base, AzureKeyCredential(key), api_version=api_version) as client:
                result = getattr(client, operation)(*args, **keywords)
                return list(result.result()) if operation.startswith("begin_") else result

        async def run():
            async with AsyncTextAnalyticsClient(azure.base, AzureKeyCredential(key), api_version=api_version) as client:
                result = await getattr(client, operation)(*args, **keywords)
                if not operation.startswith("begin_"):
                    return result
                return [item async for item in await result.result()]

        return asyncio.run(run())

    return call
