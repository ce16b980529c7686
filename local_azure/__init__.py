"""The Azure of this course: Microsoft's own SDKs, their real host names, and small models on this machine that answer.

    import local_azure
    local_azure.start()

With endpoints of your own in a file `.env`, `start()` leaves everything to your Azure, and says so.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import certifi
import dotenv
import psutil
from filelock import FileLock

from . import certificates
from .hosts import UPSTREAM_VARIABLE, is_azure
from .userdata import ACCOUNT, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, home, load_secrets

__all__ = ["fault", "start", "usage"]

ENDPOINT = f"https://{ACCOUNT}.cognitiveservices.azure.com"
TRACKING = "azureml://local.api.azureml.ms"  # MLflow's address of workspaces here begins like this
OWN_AZURE = ("FOUNDRY_ENDPOINT", "AZUREML_WORKSPACE_NAME")  # variables that, set by the learner, mean: my own Azure
# In `.env` a subscription alone does, too: chapter 1 creates everything in it. In the environment it does not, since
# people have it there for other work, which must not make a notebook cost money.
OWN_AZURE_IN_FILE = (*OWN_AZURE, "AZURE_SUBSCRIPTION_ID")
PLACEHOLDER = re.compile(r"[{}<>]|^(https?://)?your?([-_ ]|$)", re.IGNORECASE)  # {YOUR_ENDPOINT}, <…>, your-resource
MARK = "LOCAL_AZURE"  # set to the port in every process that `start()` prepared
ALWAYS_LOCAL = (
    "LOCAL_AZURE_ALWAYS"  # set to 1, `.env` is not looked at: the course's own tests must not cost anybody money
)
TRUSTED = "LOCAL_AZURE_TRUSTED_BUNDLE"  # the bundle that was in force before ours
START_SECONDS = 30
STOP_SECONDS = 10
JOB_MARK = "LOCAL_AZURE_PROCESS"  # in the environment of what runs for the server: see engines/processes.py
DETACHED = 0x00000208  # Windows: no console, and a process group of its own
# What the server, its jobs and its deployments take over from whoever starts it: what makes programs run on this
# machine, and pip find packages. Nothing else, since a node of Azure knows nothing of a learner's shell: a script that
# reads a setting of MLflow's, matplotlib's or the learner's own there would fail on Azure.
MACHINE = re.compile(
    r"(PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LANGUAGE|TZ|LC_.*|TMPDIR|TEMP|TMP|(HTTP|ALL|NO)_PROXY|SSL_.*|.*CA_BUNDLE"
    r"|PIP_.*|UV_.*|PYTHON.*|CONDA_.*|XDG_.*|LD_.*|DYLD_.*|(OMP|MKL|OPENBLAS)_.*|LOCAL_AZURE.*"
    r"|SYSTEM(ROOT|DRIVE)|WINDIR|COMSPEC|PATHEXT|(LOCAL)?APPDATA|PROGRAM(DATA|FILES.*)|COMMONPROGRAM.*|USER(NAME|PROFILE)"
    r"|HOME(DRIVE|PATH)|NUMBER_OF_PROCESSORS|PROCESSOR_.*)",
    re.IGNORECASE,
)


def start():
    """Prepare this process for Azure: the local one, or the learner's own when `.env` names it. Prints which."""
    if own := _own_azure():
        print(f"Your own Azure: {own}. What you run there may cost money.")
        return
    why = _not_meant(_dotenv())
    wanted = environment()
    for name in wanted:
        _before.setdefault(name, os.environ.get(name))
    os.environ.update(wanted)
    print(f"Local Azure, on this machine: {ENDPOINT.removeprefix('https://')}. No cost.{why}")


def _own_azure():
    """The learner's endpoint, from `.env` here or in a folder above, or the environment; None for the local Azure."""
    if os.environ.get(ALWAYS_LOCAL) == "1":
        return None
    named = _dotenv()
    if own := _first_own(named, OWN_AZURE_IN_FILE):
        _leave()
        os.environ.update(named)
        return own
    return None if MARK in os.environ else _first_own(os.environ, OWN_AZURE)


def _dotenv():
    file = dotenv.find_dotenv(usecwd=True)
    return {name: value for name, value in dotenv.dotenv_values(file).items() if value} if file else {}


def _first_own(named, variables):
    """The first value that names an Azure of the learner's own: neither a placeholder nor the local Azure's name."""
    return next((named[name] for name in variables if named.get(name) and not _why_local(name, named)), None)


def _why_local(name, named):
    """Why a value does not mean an Azure of the learner's own; None if it does. A lab's `.env` is to be filled in."""
    value = named[name].strip()
    if PLACEHOLDER.search(value):
        return f"{name} is still the placeholder {value}"
    host = urllib.parse.urlsplit(value).hostname or ""
    workspace = value == WORKSPACE and named.get("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION) == SUBSCRIPTION
    subscription = name == "AZURE_SUBSCRIPTION_ID" and value == SUBSCRIPTION
    if host.startswith(f"{ACCOUNT}.") or subscription or (name == "AZUREML_WORKSPACE_NAME" and workspace):
        return f"{name} names the local Azure"
    return None


def _not_meant(named):
    """A sentence about what stands in `.env` and leads to no Azure of the learner's own; "" if there is nothing."""
    if os.environ.get(ALWAYS_LOCAL) == "1":
        return ""
    return next((f" In .env, {_why_local(name, named)}." for name in OWN_AZURE_IN_FILE if named.get(name)), "")


_before = {}  # what start() replaced in this process: name -> value, or None where there was none


def _leave():
    """Put back what an earlier `start()` replaced in this process."""
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _before.clear()


def environment():
    """The variables that make this process's Azure calls end here, the server started if it was not running."""
    upstream = os.environ.get(UPSTREAM_VARIABLE) or ""
    if MARK not in os.environ:
        upstream = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY") or ""
    return variables(_ensure_server(upstream), upstream, f"client-{os.getpid()}")


def variables(port, upstream, client):
    """What `environment` sets, for a server on `port`. client: tells the server whose faults are whose."""
    bundles = (os.environ.get(name) for name in (TRUSTED, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
    trusted = next(filter(None, bundles), certifi.where())
    secrets = load_secrets()
    bundle = str(certificates.bundle(trusted))
    proxy = f"http://{client}:local@127.0.0.1:{port}"
    return {
        MARK: str(port),
        UPSTREAM_VARIABLE: upstream,
        TRUSTED: trusted,
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        **_no_proxy(),
        "REQUESTS_CA_BUNDLE": bundle,  # requests, and azure-core over it
        "SSL_CERT_FILE": bundle,  # httpx, aiohttp and the standard library
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/local/identity/token",
        "IDENTITY_HEADER": secrets["identity_header"],
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "FOUNDRY_ENDPOINT": ENDPOINT,
        "FOUNDRY_KEY": secrets["key1"],
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZURE_RESOURCE_GROUP": RESOURCE_GROUP,
        "AZUREML_WORKSPACE_NAME": WORKSPACE,
        "MLFLOW_TRACKING_URI": _tracking_uri(),
        "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",  # seconds between two looks of jobs.stream, whose jobs here are short
        "AZUREML_RUN_POLLING_INTERVAL_MAX": "2",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # files that are on this machine already need no bar
    }


def _tracking_uri():
    """The workspace as MLflow's server, as on a compute instance; another one that the learner has named stays."""
    named = os.environ.get("MLFLOW_TRACKING_URI") or ""
    if named and not named.startswith(TRACKING):
        return named
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.MachineLearningServices"
    return f"{TRACKING}/mlflow/v1.0{path}/workspaces/{WORKSPACE}"


def _no_proxy():
    """Loopback goes direct; no exception may let an Azure name past the proxy."""
    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    kept = [entry.strip() for entry in before.split(",") if entry.strip() not in ("", "*")]
    kept = [entry for entry in kept if not is_azure("x." + entry.lstrip("*."))]
    value = ",".join(dict.fromkeys([*kept, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}


def _build():
    """Changes whenever a file of this package does: an older server is then replaced."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*")):
        if file.suffix in (".py", ".npz"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _noted():
    """Port, process and build that the last server wrote down, or {}."""
    try:
        return json.loads((home() / "server.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _address():
    """What the running server wrote down, or {} if its process is gone."""
    noted = _noted()
    return noted if _alive(noted) else {}


def _alive(noted):
    return _process(noted) is not None


def _process(noted):
    """The server's process, whether or not it answers; None if it is gone, or its number is another program's now."""
    with contextlib.suppress(psutil.Error, KeyError):
        process = psutil.Process(noted["pid"])
        if process.status() != psutil.STATUS_ZOMBIE and "local_azure" in process.cmdline():
            return process
    return None


def _ask(port, path, method="GET", body=None, seconds=5):
    """Speak with the server itself. OSError (URLError among them) if there is none."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/local/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-local-azure-secret": load_secrets()["control"]},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=seconds) as answer:
        return json.load(answer)


def _ensure_server(upstream=""):
    """The port of this user's server, started or replaced if need be. One at a time: parallel kernels wait here."""
    with FileLock(home() / "server.lock", timeout=2 * START_SECONDS):
        load_secrets()
        certificates.ensure_authority()
        noted, build = _noted(), _build()
        if _alive(noted):
            with contextlib.suppress(OSError, ValueError):
                if noted["build"] == build:
                    _ask(noted["port"], f"status?client={os.getpid()}", seconds=START_SECONDS)
                    return noted["port"]
            stop_server()  # an older program's, or one that does not answer: two would write to the same files
        (home() / "server.json").unlink(missing_ok=True)
        return _launch(build, noted.get("port"), upstream)  # on the same port, for the sake of other kernels


def _launch(build, port, upstream):
    log = home() / "server.log"
    environment = {name: value for name, value in os.environ.items() if MACHINE.fullmatch(name)}
    environment[UPSTREAM_VARIABLE] = upstream
    detached = {"start_new_session": True} if os.name == "posix" else {"creationflags": DETACHED}
    command = [sys.executable, "-m", "local_azure", "serve", "--build", build, *(["--port", str(port)] if port else [])]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
            cwd=Path(__file__).parent.parent, **detached,
        )  # fmt: skip
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        if address := _address():
            _ask(address["port"], f"status?client={os.getpid()}", seconds=START_SECONDS)
            return address["port"]
        time.sleep(0.01)
    raise RuntimeError(f"The local Azure did not start. The last lines of {log} say why:\n{_tail(log)}")


def _tail(path, lines=5):
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def stop_server():
    """End this user's server, if one runs. True if it did. RuntimeError if it lives on.

    One that is alive and does not answer, or does not end, is ended without asking; what runs for it ends as well.
    """
    address = _address()
    process = _process(address)
    if not process:
        return False
    try:
        _ask(address["port"], "stop", method="POST", seconds=STOP_SECONDS)
        ended = _ends(process)
    except OSError:
        ended = False
    if not ended:
        _kill(process)
    (home() / "server.json").unlink(missing_ok=True)
    return True


def _ends(process):
    """Wait for a process to end. One that only its parent still knows has ended."""
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def _kill(process):
    with contextlib.suppress(psutil.Error):
        process.kill()  # one that was halted does not hear anything else
    if not _ends(process):
        raise RuntimeError(f"The server of the local Azure, process {process.pid}, cannot be ended.")
    for one in psutil.process_iter():  # its jobs
        with contextlib.suppress(psutil.Error, OSError):
            environment = one.environ()
            if environment.get(JOB_MARK) and environment.get("LOCAL_AZURE_HOME") == str(home()):
                one.kill()


@contextlib.contextmanager
def fault(kind, *, host="", times=None, seconds=1, everyone=False):
    """Let something go wrong for the calls in the `with` block, as it does on the real Azure now and then.

    kind: "throttle" (429 with Retry-After), "latency" (each answer late) or "outage" (503).
    host: part of the host name that is hit; times: how many requests, None for all of them in the block;
    seconds: the Retry-After, or the delay. everyone: also the calls of other processes.
    On your own Azure nothing can be ordered: the block runs as it is, and a line says so.
    """
    if MARK not in os.environ:
        print(f"On your own Azure a fault cannot be ordered; the {kind} is left out.")
        yield
        return
    port = os.environ[MARK]
    client = None if everyone else f"client-{os.getpid()}"
    wanted = dict(kind=kind, host=host, times=times, seconds=seconds, client=client)
    try:
        ordered = _ask(port, "faults", "PUT", wanted)
    except urllib.error.HTTPError as refusal:
        raise ValueError(json.load(refusal)["error"]["message"]) from None
    try:
        yield
    finally:
        _ask(port, f"faults/{ordered['number']}", "DELETE")


def usage(resource=None, since=None):
    """What was used so far, as a pandas DataFrame: one row for each resource, service, meter and unit, in that order.

    resource: the name of one account or workspace, for its rows alone. since: an earlier answer of `usage()`; the rows
    then hold what was added after it. A row that did not grow is left out. The units are those that Azure bills in.
    On your own Azure there are no rows, and a line says where Azure shows them.
    """
    import pandas

    columns, rows = ["resource", "service", "meter", "unit"], []
    if MARK in os.environ:
        rows = _ask(os.environ[MARK], "usage")
    else:
        print(
            "Your own Azure counts for itself: the resource's page in the portal has Metrics, for its calls, and Cost "
            "Management has what is billed, some hours later."
        )
    found = pandas.DataFrame(rows, columns=[*columns, "quantity"])
    found["quantity"] = found["quantity"].astype(float)  # of no rows, too: what is subtracted later stays a number
    if since is not None:
        before = since.set_index(columns)["quantity"]
        found["quantity"] -= before.reindex(pandas.MultiIndex.from_frame(found[columns]), fill_value=0).to_numpy()
        found = found[found["quantity"] > 0]
    if resource is not None:
        found = found[found["resource"] == resource]
    return found.reset_index(drop=True)
