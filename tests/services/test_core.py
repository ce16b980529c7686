"""The core of the local Azure, as a learner's process sees it: unmodified clients, real host names, one server."""

import http.client
import http.server
import json
import os
import signal
import socket
import socketserver
import ssl
import stat
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from waiting import has_ended, wait_for_end

from local_azure.userdata import SUBSCRIPTION

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE = "https://local-azure-course.cognitiveservices.azure.com/language/:analyze-text?api-version=2023-04-01"
EMPTY = {"kind": "LanguageDetection", "analysisInput": {"documents": [{"id": "1", "text": ""}]}}
CLEAN = ("LOCAL_AZURE", "FOUNDRY_", "HTTPS_PROXY", "https_proxy", "IDENTITY_", "AZURE_TOKEN_CREDENTIALS")


class Machine:
    """A user with a home folder of their own, in which code is run as a notebook would run it."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.work = folder / "work"
        self.work.mkdir(parents=True)

    def environment(self, **extra):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
        return {
            **kept,
            "LOCAL_AZURE_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            **extra,
        }

    def popen(self, code, **extra):
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], cwd=self.work, env=self.environment(**extra),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, code, **extra):
        """What the code prints; a failure shows its traceback."""
        process = self.popen(code, **extra)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return output

    def command(self, *arguments, **extra):
        return subprocess.run(
            [sys.executable, "-m", "local_azure", *arguments], cwd=self.work, env=self.environment(**extra),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    @property
    def address(self):
        return json.loads((self.home / "server.json").read_text())

    def close(self):
        self.command("down")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """One machine for the tests that leave the server as they found it."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    assert machine.command("up").returncode == 0
    yield machine
    machine.close()


@pytest.fixture
def fresh(tmp_path):
    """A machine on which nothing ran yet."""
    machine = Machine(tmp_path)
    yield machine
    machine.close()


START = "import local_azure, os\nlocal_azure.start()\n"


# One call: which Azure, and where


def test_start_says_that_it_is_the_local_azure(machine):
    printed = machine.run(START)
    assert printed.splitlines() == [
        "Local Azure, on this machine: local-azure-course.cognitiveservices.azure.com. No cost."
    ]


class Recorder(http.server.BaseHTTPRequestHandler):
    """An Azure of the test's own, which answers language detection and keeps the headers it was sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, dict(self.headers)))
        found = {"name": "Klingon", "iso6391Name": "tlh", "confidenceScore": 1.0}
        documents = [{"id": "0", "warnings": [], "detectedLanguage": found}]
        body = {
            "kind": "LanguageDetectionResults",
            "results": {"documents": documents, "errors": [], "modelVersion": "1"},
        }
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def own_azure():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


DETECT = """
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
client = TextAnalyticsClient(os.environ["FOUNDRY_ENDPOINT"], AzureKeyCredential(os.environ["FOUNDRY_KEY"]))
print(client.detect_language(["What is my balance?"])[0].primary_language.iso6391_name)
"""


def test_with_endpoints_of_one_s_own_in_dotenv_nothing_is_answered_here(fresh, own_azure):
    endpoint = f"http://127.0.0.1:{own_azure.server_port}"
    (fresh.work / ".env").write_text(f"FOUNDRY_ENDPOINT={endpoint}\nFOUNDRY_KEY=mine\n")
    printed = fresh.run(START + DETECT).splitlines()
    assert printed == [f"Your own Azure: {endpoint}. What you run there may cost money.", "tlh"]
    assert own_azure.seen[0][1]["Ocp-Apim-Subscription-Key"] == "mine"
    assert not (fresh.home / "server.json").exists(), "a server was started although it was not needed"


def test_an_endpoint_in_the_environment_counts_as_one_s_own(fresh, own_azure):
    endpoint = f"http://127.0.0.1:{own_azure.server_port}"
    assert fresh.run(START, FOUNDRY_ENDPOINT=endpoint).startswith(f"Your own Azure: {endpoint}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "FOUNDRY_ENDPOINT={YOUR_FOUNDRY_ENDPOINT}",
            "FOUNDRY_ENDPOINT is still the placeholder {YOUR_FOUNDRY_ENDPOINT}",
        ),
        ("FOUNDRY_ENDPOINT=<your endpoint>", "FOUNDRY_ENDPOINT is still the placeholder <your endpoint>"),
        ("FOUNDRY_ENDPOINT=your_project_endpoint", "FOUNDRY_ENDPOINT is still the placeholder your_project_endpoint"),
        ("FOUNDRY_ENDPOINT=https://{resource}.services.ai.azure.com/", "is still the placeholder https://{resource}"),
        (
            "FOUNDRY_ENDPOINT=https://local-azure-course.services.ai.azure.com/",
            "FOUNDRY_ENDPOINT names the local Azure",
        ),
        ("AZUREML_WORKSPACE_NAME=course", "AZUREML_WORKSPACE_NAME names the local Azure"),
        ("AZURE_SUBSCRIPTION_ID=<subscription id>", "AZURE_SUBSCRIPTION_ID is still the placeholder <subscription id>"),
        (f"AZURE_SUBSCRIPTION_ID={SUBSCRIPTION}", "AZURE_SUBSCRIPTION_ID names the local Azure"),
    ],
)
def test_a_dotenv_that_names_nobodys_azure_means_the_local_one_and_says_why(machine, line, why):
    (machine.work / ".env").write_text(f"{line}\n")
    try:
        printed = machine.run(START + "print(os.environ['FOUNDRY_ENDPOINT'])").splitlines()
    finally:
        (machine.work / ".env").unlink()
    assert printed[0].startswith("Local Azure, on this machine: ") and "In .env, " in printed[0] and why in printed[0]
    assert printed[1] == "https://local-azure-course.cognitiveservices.azure.com"


def test_one_s_own_workspace_may_be_called_as_the_local_one(fresh):
    (fresh.work / ".env").write_text("AZUREML_WORKSPACE_NAME=course\nAZURE_SUBSCRIPTION_ID=1b4e28ba-2fa1-11d2\n")
    assert fresh.run(START).startswith("Your own Azure: course.")
    (fresh.work / ".env").write_text("FOUNDRY_ENDPOINT=<endpoint>\nAZUREML_WORKSPACE_NAME=harbour\n")
    assert fresh.run(START).startswith("Your own Azure: harbour.")


def test_a_subscription_in_dotenv_is_enough_to_create_everything_in_it(fresh):
    """In the environment it is not: people have it there for other work."""
    mine = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    assert fresh.run(START, AZURE_SUBSCRIPTION_ID=mine).startswith("Local Azure")
    (fresh.work / ".env").write_text(f"AZURE_SUBSCRIPTION_ID={mine}\n")
    assert fresh.run(START).startswith(f"Your own Azure: {mine}.")


def test_mlflow_tracks_in_the_workspace_as_on_a_compute_instance(fresh):
    """Set without MLflow being loaded; a server that the learner has named stays."""
    code = START + "import sys; print('mlflow' in sys.modules); import mlflow; mlflow.set_experiment('e')\n"
    code += "with mlflow.start_run(): mlflow.log_metric('m', 1)\nprint(mlflow.search_runs().shape[0])"
    printed = fresh.run(code).splitlines()
    assert (printed[1], printed[-1]) == ("False", "1")
    assert list(fresh.work.iterdir()) == []
    printed = fresh.run(START + "print(os.environ['MLFLOW_TRACKING_URI'])", MLFLOW_TRACKING_URI="http://mine:5000")
    assert printed.splitlines()[1] == "http://mine:5000"


def test_dotenv_is_found_from_a_folder_below_it_and_can_be_ruled_out(machine, own_azure):
    endpoint = f"http://127.0.0.1:{own_azure.server_port}"
    below = machine.work / "own" / "notebooks"
    below.mkdir(parents=True)
    (below.parent / ".env").write_text(f"FOUNDRY_ENDPOINT={endpoint}\n")
    go_there = f"import os; os.chdir({str(below)!r})\n"
    assert machine.run(go_there + START).startswith("Your own Azure")
    assert machine.run(go_there + START, LOCAL_AZURE_ALWAYS="1").startswith("Local Azure")


def test_adding_dotenv_later_leaves_the_local_azure_behind(machine, own_azure):
    endpoint = f"http://127.0.0.1:{own_azure.server_port}"
    code = f"""
    import local_azure, os
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    local_azure.start()
    open("later.env", "w").write("FOUNDRY_ENDPOINT={endpoint}\\n")
    os.makedirs("later", exist_ok=True); os.chdir("later"); os.rename("../later.env", ".env")
    local_azure.start()
    print(os.environ["FOUNDRY_ENDPOINT"], os.environ.get("HTTPS_PROXY"), os.environ.get("IDENTITY_ENDPOINT"))
    print(os.environ.get("REQUESTS_CA_BUNDLE") == before)
    """
    printed = machine.run(code).splitlines()
    assert printed[-2:] == [f"{endpoint} None None", "True"]


# Unmodified clients of each kind, at real host names


def test_requests_httpx_aiohttp_and_the_standard_library_get_an_answer(machine):
    code = (
        START
        + f"""
import asyncio, aiohttp, httpx, json, requests, urllib.request
url, body = {LANGUAGE!r}, {EMPTY!r}
key = {{"Ocp-Apim-Subscription-Key": os.environ["FOUNDRY_KEY"]}}
print(requests.post(url, json=body, headers=key).status_code)
print(httpx.post(url, json=body, headers=key).status_code)
async def post():
    async with aiohttp.ClientSession(trust_env=True) as session, session.post(url, json=body, headers=key) as answer:
        return answer.status
print(asyncio.run(post()))
request = urllib.request.Request(url, json.dumps(body).encode(), {{**key, "Content-Type": "application/json"}})
print(urllib.request.urlopen(request).status)
"""
    )
    assert machine.run(code).splitlines()[1:] == ["200"] * 4


def test_an_unmodified_default_credential_works_in_both_kinds_of_client(machine):
    code = (
        START
        + """
import asyncio
from azure.identity import DefaultAzureCredential
from azure.identity.aio import DefaultAzureCredential as AsyncCredential
from azure.ai.textanalytics import TextAnalyticsClient
from azure.ai.textanalytics.aio import TextAnalyticsClient as AsyncClient
endpoint = os.environ["FOUNDRY_ENDPOINT"]
print(TextAnalyticsClient(endpoint, DefaultAzureCredential()).detect_language([""])[0].error.code)
async def detect():
    async with AsyncCredential() as credential, AsyncClient(endpoint, credential) as client:
        return (await client.detect_language([""]))[0].error.code
print(asyncio.run(detect()))
"""
    )
    assert machine.run(code).splitlines()[1:] == ["InvalidDocument"] * 2


def test_a_wrong_key_is_refused_in_azure_s_words(machine):
    code = (
        START
        + """
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError
try:
    TextAnalyticsClient(os.environ["FOUNDRY_ENDPOINT"], AzureKeyCredential("0" * 32)).detect_language(["x"])
except ClientAuthenticationError as error:
    print(error.status_code, error.error.code)
"""
    )
    assert machine.run(code).splitlines()[1:] == ["401 401"]


def test_tokens_are_checked(machine):
    code = (
        START
        + f"""
import requests, time
from local_azure import identity, userdata
secrets = userdata.load_secrets()
def status(token):
    return requests.post({LANGUAGE!r}, json={EMPTY!r}, headers={{"Authorization": f"Bearer {{token}}"}}).status_code
right = identity.issue("https://cognitiveservices.azure.com", secrets["signing"])[0]
print(status(right))
print(status(right[:-2] + "xx"), status("not.a.token"), status("nonsense"))
print(status("a.bm90IGpzb24.b"), status("a.W10.b"))
print(status(identity.issue("https://management.azure.com", secrets["signing"])[0]))
print(status(identity.issue("https://cognitiveservices.azure.com", secrets["signing"], now=time.time() - 7200)[0]))
print(requests.post({LANGUAGE!r}, json={EMPTY!r}).status_code)
print(requests.get(os.environ["IDENTITY_ENDPOINT"] + "?resource=x").status_code)
"""
    )
    assert machine.run(code).splitlines()[1:] == ["200", "401 401 401", "401 401", "401", "401", "401", "401"]


# Hosts


def test_an_unknown_azure_host_is_refused_here_and_never_reached(machine):
    code = (
        START
        + """
import requests
for host in ("somebody.search.windows.net", "azuremlschemasprod.azureedge.net"):
    answer = requests.get(f"https://{host}/indexes")
    error = answer.json()["error"]
    print(answer.status_code, error["code"], host in error["message"])
"""
    )
    assert machine.run(code).splitlines()[1:] == ["501 NotImplemented True"] * 2


def test_what_sdks_report_to_microsoft_is_swallowed(machine):
    code = (
        START
        + """
import requests
for host in ("westeurope-5.in.applicationinsights.azure.com", "dc.services.visualstudio.com"):
    print(requests.post(f"https://{host}/v2.1/track", data='{"name": "a"}\\n{"name": "b"}').json())
"""
    )
    assert machine.run(code).splitlines()[1:] == ["{'itemsReceived': 2, 'itemsAccepted': 2, 'errors': []}"] * 2


def tunnel(port, target, authorization=None):
    """A socket to `target`, through the proxy on `port`; the status line if it refused."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    extra = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{extra}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(1)
        if not data:
            break
        head += data
    return connection, head.decode().split("\r\n")[0]


def test_other_hosts_pass_untouched(machine, own_azure):
    """Ten megabytes each way: neither side may be cut short or run ahead."""
    size = 10_000_000

    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            left = size
            while left and (data := self.request.recv(65536)):
                self.request.sendall(data)
                left -= len(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        connection, answer = tunnel(machine.address["port"], f"127.0.0.1:{echo.server_address[1]}")
        assert answer.startswith("HTTP/1.1 200")
        sent = os.urandom(size)
        writer = threading.Thread(target=connection.sendall, args=(sent,))
        writer.start()
        received = bytearray()
        while len(received) < size and (data := connection.recv(65536)):
            received += data
        writer.join()
        connection.close()
        echo.shutdown()
    assert bytes(received) == sent


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT nonsense HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT " + b"x" * 20000, b"431"),
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"400"),
    ],
    ids=["no port", "nobody there", "too long", "TLS to the plain port"],
)
def test_a_bad_request_to_the_proxy_is_answered_and_the_server_goes_on(machine, sent, status):
    with socket.create_connection(("127.0.0.1", machine.address["port"]), timeout=120) as connection:
        connection.sendall(sent)
        assert status in connection.recv(100)
    assert machine.command("status").returncode == 0


def test_a_client_that_does_not_trust_us_harms_nobody(machine):
    connection, answer = tunnel(machine.address["port"], "x.cognitiveservices.azure.com:443")
    assert answer.startswith("HTTP/1.1 200")
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="x.cognitiveservices.azure.com")
    assert machine.command("status").returncode == 0


class UpstreamProxy(socketserver.BaseRequestHandler):
    """A company's proxy, which wants a password."""

    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.server.seen.append(head.decode())
        if b"Proxy-Authorization: Basic dXNlcjpwYXNz" not in head:
            self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        self.request.sendall(b"upstream heard " + self.request.recv(4096))


@pytest.mark.parametrize(("login", "status"), [("user:pass@", "200"), ("", "502")])
def test_an_existing_proxy_is_chained(fresh, login, status):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), UpstreamProxy) as upstream:
        upstream.seen = []
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        fresh.run(START, HTTPS_PROXY=f"http://{login}127.0.0.1:{upstream.server_address[1]}", NO_PROXY="")
        connection, answer = tunnel(fresh.address["port"], "pypi.org:443")
        assert answer.split()[1] == status
        assert upstream.seen[0].startswith("CONNECT pypi.org:443 HTTP/1.1\r\n")
        if status == "200":
            connection.sendall(b"hello")
            assert connection.recv(100) == b"upstream heard hello"
        _, answer = tunnel(fresh.address["port"], "x.cognitiveservices.azure.com:443")
        assert answer.startswith("HTTP/1.1 200")
        assert len(upstream.seen) == 1, "an Azure name was sent to the company's proxy"
        upstream.shutdown()


def test_no_exception_lets_an_azure_name_past_the_proxy(machine):
    code = START + "print(os.environ['NO_PROXY'])"
    printed = machine.run(code, NO_PROXY="*.azure.com,intranet.example,*,.windows.net,vault.azure.net", no_proxy="")
    assert printed.splitlines()[1] == "intranet.example,127.0.0.1,localhost"


# Certificates and secrets


def test_secrets_are_for_the_user_alone(machine):
    for name in ("authority.key", "secrets.json"):
        mode = stat.S_IMODE((machine.home / name).stat().st_mode)
        assert mode == 0o600, f"{name} has mode {oct(mode)}"


def test_the_authority_is_trusted_for_azure_s_names_only(machine):
    """With its key in hand, a certificate for another site still convinces nobody."""
    code = """
    import ssl, socket, threading
    from local_azure import certificates
    trust = ssl.create_default_context(cafile=certificates.home() / "authority.pem")
    for host in ("x.cognitiveservices.azure.com", "bank.example"):
        near, far = socket.socketpair()
        def serve(context=certificates.server_context(host)):
            try:
                context.wrap_socket(far, server_side=True).close()
            except (ssl.SSLError, OSError):
                pass
        threading.Thread(target=serve).start()
        try:
            trust.wrap_socket(near, server_hostname=host)
            print("trusted")
        except ssl.SSLCertVerificationError as error:
            print(error.verify_message)
    """
    assert machine.run(code).splitlines() == ["trusted", "permitted subtree violation"]


def test_a_company_s_own_authorities_stay_trusted(machine, tmp_path):
    import certifi

    company = tmp_path / "company.pem"
    company.write_text("# our company\n" + Path(certifi.where()).read_text())
    printed = machine.run(START + "print(open(os.environ['SSL_CERT_FILE']).read())", REQUESTS_CA_BUNDLE=str(company))
    assert "# our company" in printed
    assert (machine.home / "authority.pem").read_text() in printed


def test_what_controls_the_server_needs_its_secret(machine):
    connection = http.client.HTTPConnection("127.0.0.1", machine.address["port"], timeout=120)
    for method, path in (("GET", "/local/status"), ("PUT", "/local/faults"), ("POST", "/local/stop")):
        connection.request(method, path, headers={"x-local-azure-secret": "guess"})
        answer = connection.getresponse()
        assert answer.status == 401
        answer.read()


def test_a_web_page_cannot_reach_it_under_another_name(machine):
    connection = http.client.HTTPConnection("127.0.0.1", machine.address["port"], timeout=120)
    connection.request("GET", "/local/status", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 501


def test_it_listens_on_loopback_only(machine):
    listening = [c for c in psutil.Process(machine.address["pid"]).net_connections("inet") if c.status == "LISTEN"]
    assert [connection.laddr.ip for connection in listening] == ["127.0.0.1"]


def test_a_bug_of_ours_is_answered_in_azure_s_shape(tmp_path, monkeypatch, caplog):
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from local_azure import server

    async def broken(request):
        return 1 / 0

    monkeypatch.setenv("LOCAL_AZURE_HOME", str(tmp_path))
    monkeypatch.setattr(server.language, "routes", [Route("/broken", broken)])
    with TestClient(server.application(), base_url="http://127.0.0.1") as client:
        answer = client.get("/broken", headers={"api-key": client.app.state.secrets["key1"]})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalServerError"
    assert "ZeroDivisionError" in caplog.text, "the log has no traceback"


# One server, found again, that ends by itself


def test_eight_kernels_that_start_at_once_share_one_server(fresh):
    code = START + "print(os.environ['LOCAL_AZURE'], local_azure._ask(os.environ['LOCAL_AZURE'], 'status')['pid'])"
    kernels = [fresh.popen(code) for _ in range(8)]
    printed = {kernel.communicate(timeout=120)[0].splitlines()[-1] for kernel in kernels}
    assert len(printed) == 1, printed


def test_a_changed_program_replaces_the_server(fresh):
    first = fresh.run(START + "print(os.environ['LOCAL_AZURE'])") and fresh.address
    fresh.run("import local_azure; local_azure._build = lambda: 'a later one'; local_azure.start()")
    assert fresh.address["pid"] != first["pid"]
    assert has_ended(first["pid"])


def test_it_stops_when_idle_and_not_while_a_kernel_lives(fresh):
    code = START + "import sys; print('up', flush=True); sys.stdin.read()"
    kernel = subprocess.Popen(
        [sys.executable, "-c", code], cwd=fresh.work, env=fresh.environment(LOCAL_AZURE_IDLE_MINUTES="0.02"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    kernel.stdout.readline()
    assert kernel.stdout.readline().strip() == "up"
    pid = fresh.address["pid"]
    time.sleep(3)  # more than twice the limit
    assert not has_ended(pid)
    kernel.stdin.close()
    wait_for_end(pid)  # before anybody has collected the kernel, as in a container without an init process
    assert kernel.wait() == 0


def test_it_survives_a_kill_with_everything_it_acknowledged(fresh):
    """Jobs are sent as fast as they are taken, until SIGKILL; each that was acknowledged is there afterwards."""
    code = (
        START
        + """
import requests, sys
session = requests.Session()
session.headers["Ocp-Apim-Subscription-Key"] = os.environ["FOUNDRY_KEY"]
job = {"analysisInput": {"documents": [{"id": "1", "language": "xx", "text": "x"}]},
       "tasks": [{"kind": "KeyPhraseExtraction", "taskName": "phrases"}]}
url = os.environ["FOUNDRY_ENDPOINT"] + "/language/analyze-text/jobs?api-version=2023-04-01"
while True:
    answer = session.post(url, json=job)
    assert answer.status_code == 202, answer.text
    print(answer.headers["operation-location"], flush=True)
"""
    )
    writer = fresh.popen(code)
    writer.stdout.readline()
    acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
    os.kill(fresh.address["pid"], signal.SIGKILL)
    acknowledged += [line.strip() for line in writer.communicate(timeout=60)[0].splitlines()]
    reader = (
        START
        + f"""
import requests, time
key = {{"Ocp-Apim-Subscription-Key": os.environ["FOUNDRY_KEY"]}}
for url in {acknowledged!r}:
    until = time.time() + 20
    while time.time() < until:
        job = requests.get(url, headers=key).json()
        if job.get("status") not in ("notStarted", "running"):
            break
        time.sleep(0.05)
    print(job.get("status", job))
"""
    )
    statuses = fresh.run(reader).splitlines()[1:]
    assert len(statuses) == len(acknowledged) >= 20
    assert set(statuses) <= {"succeeded", "partiallyCompleted", "failed"}, set(statuses)


def test_after_a_kill_the_set_up_cell_brings_it_back(fresh):
    code = (
        START
        + f"""
import psutil, requests
def detect():
    return requests.post({LANGUAGE!r}, json={EMPTY!r}, headers={{"api-key": os.environ["FOUNDRY_KEY"]}}).status_code
print(detect(), port := os.environ["LOCAL_AZURE"])
server = psutil.Process(local_azure._address()["pid"]); server.kill(); server.wait()
try:
    detect()
except requests.exceptions.ConnectionError as error:
    print("lost")
local_azure.start()
print(detect(), os.environ["LOCAL_AZURE"])
"""
    )
    printed = fresh.run(code).splitlines()
    assert printed[1].startswith("200 ")
    assert printed[2] == "lost"
    assert printed[4] == printed[1], "it came back on another port, where other kernels do not look for it"


def test_after_a_reset_the_set_up_cell_brings_it_back(fresh):
    """Keys, certificates and the bundle are new; the process has those of before in its environment."""
    code = (
        START
        + f"""
import requests, subprocess, sys
def detect():
    return requests.post({LANGUAGE!r}, json={EMPTY!r}, headers={{"api-key": os.environ["FOUNDRY_KEY"]}}).status_code
print(detect())
subprocess.run([sys.executable, "-m", "local_azure", "reset"], check=True, stdout=subprocess.DEVNULL)
local_azure.start()
print(detect())
"""
    )
    printed = fresh.run(code).splitlines()
    assert [printed[1], printed[3]] == ["200", "200"]


def test_a_server_that_cannot_start_says_why(fresh):
    code = """
    import local_azure, sys
    sys.executable = "/bin/false"
    try:
        local_azure.start()
    except RuntimeError as error:
        print(error)
    """
    assert "did not start" in fresh.run(code)


# Faults on demand


def test_a_throttle_is_retried_by_the_sdk_and_then_over(machine):
    code = (
        START
        + """
import time
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
seen = []
client = TextAnalyticsClient(os.environ["FOUNDRY_ENDPOINT"], AzureKeyCredential(os.environ["FOUNDRY_KEY"]),
                             raw_response_hook=lambda response: seen.append(response))
start = time.monotonic()
with local_azure.fault("throttle", times=1, seconds=1):
    print(client.detect_language([""])[0].error.code)
print(time.monotonic() - start >= 1)
print(len(seen[0].http_request.headers) > 0)
with local_azure.fault("throttle", seconds=2):
    import requests
    answer = requests.get(os.environ["FOUNDRY_ENDPOINT"])
    print(answer.status_code, answer.headers["Retry-After"])
print(requests.get(os.environ["FOUNDRY_ENDPOINT"]).status_code)
"""
    )
    assert machine.run(code).splitlines()[1:] == ["InvalidDocument", "True", "True", "429 2", "401"]


def test_latency_and_outage(machine):
    code = (
        START
        + """
import requests, time
get = lambda: requests.get(os.environ["FOUNDRY_ENDPOINT"], headers={"api-key": os.environ["FOUNDRY_KEY"]}).status_code
start = time.monotonic()
with local_azure.fault("latency", seconds=0.5):
    print(get())
print(time.monotonic() - start >= 0.5)
with local_azure.fault("outage"):
    print(get())
"""
    )
    assert machine.run(code).splitlines()[1:] == ["404", "True", "503"]


def test_a_fault_strikes_only_the_process_that_ordered_it(machine):
    ordering = (
        START
        + """
import requests, sys
with local_azure.fault("outage"):
    print(requests.get(os.environ["FOUNDRY_ENDPOINT"]).status_code, flush=True)
    sys.stdin.read()
"""
    )
    first = subprocess.Popen(
        [sys.executable, "-c", ordering], cwd=machine.work, env=machine.environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    first.stdout.readline()
    assert first.stdout.readline().strip() == "503"
    other = machine.run(START + "import requests; print(requests.get(os.environ['FOUNDRY_ENDPOINT']).status_code)")
    first.communicate()
    assert other.splitlines()[1] == "401"


def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(machine):
    code = (
        START
        + """
for wrong in (dict(kind="fire"), dict(kind="outage", times=0), dict(kind="latency", seconds=1000)):
    try:
        with local_azure.fault(wrong.pop("kind"), **wrong):
            print("ordered")
    except ValueError as error:
        print(error)
"""
    )
    printed = machine.run(code).splitlines()[1:]
    assert (
        printed[0].startswith("kind is one of throttle") and "times is" in printed[1] and "seconds lies" in printed[2]
    )


def test_on_one_s_own_azure_a_fault_is_left_out_and_said(machine):
    code = "import local_azure\nwith local_azure.fault('outage'):\n    print('goes on')"
    assert machine.run(code).splitlines() == [
        "On your own Azure a fault cannot be ordered; the outage is left out.",
        "goes on",
    ]


# The command line


def test_env_prepares_a_shell(machine):
    printed = machine.command("env").stdout
    (machine.work / "ask.py").write_text(
        "import requests, os; print(requests.get(os.environ['FOUNDRY_ENDPOINT']).status_code)"
    )
    shell = f'{printed}\n"{sys.executable}" ask.py'
    done = subprocess.run(
        ["sh", "-c", shell], cwd=machine.work, env=machine.environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "401", done.stderr
    assert machine.command("env", "--powershell").stdout.startswith("$env:LOCAL_AZURE = '")


def test_status_down_and_reset(fresh):
    assert "not running" in fresh.command("status").stdout
    fresh.command("up")
    assert "MB of memory" in fresh.command("status").stdout
    assert fresh.command("down").stdout == "Stopped.\n"
    assert fresh.command("down").stdout == "It was not running.\n"
    key = (fresh.home / "secrets.json").read_text()
    fresh.command("up")
    assert (fresh.home / "secrets.json").read_text() == key, "keys change with every start"
    fresh.command("reset")
    assert not fresh.home.exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows halts no process")
@pytest.mark.parametrize("command", ["down", "reset", "up"])
def test_a_server_that_does_not_answer_is_told_apart_from_none(fresh, command):
    fresh.command("up")
    server = psutil.Process(fresh.address["pid"])
    server.suspend()
    told = fresh.command("status")
    assert told.returncode == 2 and f"process {server.pid}, is alive and does not answer" in told.stdout
    done = fresh.command(command)
    assert done.returncode == 0, done
    assert has_ended(server.pid)
    if command == "up":
        assert "MB of memory" in fresh.command("status").stdout
    else:
        assert done.stdout.startswith("Stopped") and fresh.home.exists() == (command == "down")
        assert "not running" in fresh.command("status").stdout


def test_another_program_with_the_servers_number_is_not_touched(fresh):
    """After a crash, the number of the process may belong to somebody else."""
    fresh.command("up")
    noted = fresh.address
    server = psutil.Process(noted["pid"])
    server.kill()
    wait_for_end(server.pid)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (fresh.home / "server.json").write_text(json.dumps(noted | {"pid": other.pid}))
        assert "not running" in fresh.command("status").stdout
        assert fresh.command("down").stdout == "It was not running.\n"
        assert other.poll() is None
        other.communicate(b"\n")


def test_many_clients_at_once(machine):
    code = (
        START
        + f"""
import requests
from concurrent.futures import ThreadPoolExecutor
def post(_):
    return requests.post({LANGUAGE!r}, json={EMPTY!r}, headers={{"api-key": os.environ["FOUNDRY_KEY"]}}).status_code
with ThreadPoolExecutor(16) as pool:
    print(set(pool.map(post, range(160))))
"""
    )
    with ThreadPoolExecutor(2) as pool:
        assert [printed.splitlines()[1] for printed in pool.map(machine.run, [code, code])] == ["{200}"] * 2
