"""The local Azure: one Starlette application on loopback, which routes by host name, then by path."""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import re
import socket
import time

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Match, Mount, Route, Router

from . import errors, identity
from .faults import Fault, Faults
from .hosts import is_telemetry
from .meter import Meter
from .proxy import FrontDoor
from .services import cognitive_services, language, machine_learning, resource_manager, storage, telemetry
from .store import Store
from .userdata import home, load_secrets, write_private

DEFAULT_PORT = 48220  # a free one is taken where this is in use
IDLE_MINUTES = 15  # without a request, and with every process that called start() gone
KEEP_ALIVE = 900  # seconds that an idle connection stays open: clients pool theirs
# Each has HOSTS, routes, perhaps prepare(app) and resume(app), called in this order; ACCOUNTS where an account's key or
# token opens it, the kinds of accounts that have it. Of several with the same host, the first that knows the path
# answers; the last of them refuses what nobody knows.
SERVICES = (language, cognitive_services, machine_learning, storage, resource_manager)
LOOPBACK = ("127.0.0.1", "localhost")

log = logging.getLogger("local_azure")


class Dispatcher:
    """Which service is meant, does a fault strike, may the caller: in this order, then the service's own routes."""

    def __init__(self):
        self.routers = {service: Router(service.routes) for service in (*SERVICES, telemetry)}
        self.control = Router(CONTROL)

    def service_for(self, host, scope):
        """The service module behind a host name: of several, and on loopback, the first that knows the path."""
        if is_telemetry(host):
            return telemetry
        here = SERVICES if host in LOOPBACK else [one for one in SERVICES if host.endswith(one.HOSTS)]
        if len(here) == 1:
            return here[0]
        for service in here:
            if any(route.matches(scope)[0] is not Match.NONE for route in service.routes):
                return service
        raise errors.not_found("The path") if host in LOOPBACK else errors.unknown_host(host)

    async def __call__(self, scope, receive, send):
        request = Request(scope)
        state = request.app.state
        host = request.url.hostname or ""
        if host in LOOPBACK and scope["path"].startswith("/local/"):
            await self.control(scope, receive, send)
            return
        state.last_request = time.monotonic()
        state.requests += 1
        if host.endswith(resource_manager.HOSTS):  # SDKs leave empty parts in paths; ARM skips them
            scope["path"] = re.sub("/+", "/", scope["path"].rstrip("/")) or "/"
        service = self.service_for(host, scope)
        await state.faults.strike(host, scope["state"].get("client"))
        if kinds := getattr(service, "ACCOUNTS", ()):
            scope["state"]["account"] = cognitive_services.admit(request, kinds)
        try:
            await self.routers[service](scope, receive, send)
        except (errors.AzureError, HTTPException):
            raise
        except Exception as error:
            # A bug of ours. The log has the traceback, the client gets Azure's shape, and its connection stays open.
            log.exception("%s %s", request.method, request.url)
            message = f"The local Azure failed: {error!r}. Its log is {home() / 'server.log'}."
            raise errors.AzureError(500, "InternalServerError", message) from error


def controlled(handler):
    """For the processes of this user alone: they know a secret that a web page in a browser does not."""

    async def guarded(request):
        secret = request.app.state.secrets["control"]
        if not hmac.compare_digest(request.headers.get("x-local-azure-secret", "").encode(), secret.encode()):
            raise errors.unauthorized("This address is for local_azure itself.")
        return await handler(request)

    return guarded


@controlled
async def status(request):
    state = request.app.state
    if pid := request.query_params.get("client"):
        state.clients.add(int(pid))
    memory = psutil.Process().memory_info().rss
    return JSONResponse(
        {
            "pid": os.getpid(),
            "uptime_seconds": round(time.monotonic() - state.started, 1),
            "memory_mb": round(memory / 2**20, 1),
            "requests": state.requests,
            "resources": state.store.count(),
            "faults": len(state.faults),
        }
    )


@controlled
async def faults(request):
    state = request.app.state
    if request.method == "DELETE":
        return JSONResponse({"lifted": state.faults.lift(int(request.path_params["number"]))})
    try:
        fault = Fault(**await request.json())
    except (TypeError, ValueError) as error:
        raise errors.AzureError(400, "InvalidFault", str(error)) from None
    return JSONResponse({"number": state.faults.order(fault)})


@controlled
async def usage(request):
    return JSONResponse(request.app.state.meter.rows())


@controlled
async def stop(request):
    request.app.state.server.should_exit = True
    return JSONResponse({"stopping": True})


CONTROL = [
    Route("/local/status", status),
    Route("/local/faults", faults, methods=["PUT"]),
    Route("/local/faults/{number:int}", faults, methods=["DELETE"]),
    Route("/local/usage", usage),
    Route("/local/stop", stop, methods=["POST"]),
    Route("/local/identity/token", identity.token_endpoint),
]


async def on_azure_error(request, error):
    return errors.render(error)


async def on_http_error(request, error):
    """What routing itself says: no such path, or not with this method."""
    azure = errors.AzureError(error.status_code, str(error.status_code), error.detail, headers=error.headers)
    if error.status_code == 404:
        azure = errors.not_found("The path")
    return errors.render(azure)


@contextlib.asynccontextmanager
async def lifespan(app):
    state = app.state
    state.store = Store(home() / "store.sqlite3")
    state.meter = Meter(home() / "usage.sqlite3")
    tasks, waiting = set(), set()

    def background(coroutine, keeps_awake=True):
        """Run beside the requests; finished, or cancelled, before the server ends.

        keeps_awake: the server does not stop as idle meanwhile.
        """
        task = asyncio.get_running_loop().create_task(coroutine)
        kept = tasks if keeps_awake else waiting
        kept.add(task)
        task.add_done_callback(kept.discard)
        return task

    state.background = background
    watch = asyncio.get_running_loop().create_task(stop_when_idle(state, tasks))
    for service in SERVICES:
        if hasattr(service, "prepare"):
            service.prepare(app)
    for service in SERVICES:
        if hasattr(service, "resume"):
            await service.resume(app)
    yield
    watch.cancel()
    ending = [*waiting, *tasks]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
    state.meter.close()
    state.store.close()


def alive(pid):
    """Whether a process runs. One that has ended and that its parent has not asked about, as in a container without an
    init process, does not.
    """
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def stop_when_idle(state, tasks):
    limit = float(os.environ.get("LOCAL_AZURE_IDLE_MINUTES", IDLE_MINUTES)) * 60
    while True:
        await asyncio.sleep(min(5, limit))
        state.clients = {pid for pid in state.clients if alive(pid)}
        if not tasks and not state.clients and time.monotonic() - state.last_request > limit:
            log.info("idle, stopping")
            state.server.should_exit = True
            return


def application():
    app = Starlette(
        routes=[Mount("/", app=Dispatcher())],
        lifespan=lifespan,
        exception_handlers={errors.AzureError: on_azure_error, HTTPException: on_http_error},
    )
    app.state.home = home()
    app.state.secrets = load_secrets()
    app.state.faults = Faults()
    app.state.requests = 0
    app.state.clients = set()
    app.state.started = app.state.last_request = time.monotonic()
    return app


def listen(preferred):
    """A listening socket on loopback, on the preferred port or else on a free one."""
    for port in (preferred, 0):
        # with no protocol named, asyncio would leave Nagle's algorithm on
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # on Windows it would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
            sock.listen(1024)
            return sock
        except OSError:
            sock.close()
    raise OSError("no free port on 127.0.0.1")


def serve(port=DEFAULT_PORT, build=""):
    """Run until told to stop, or idle. `build` is noted beside the port: a newer program replaces an older server."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    app = application()
    config = uvicorn.Config(
        app, http=FrontDoor, ws="none", log_config=None, access_log=False, timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=2, server_header=False,
    )  # fmt: skip
    app.state.server = server = uvicorn.Server(config)
    sock = listen(port)
    address = {"port": sock.getsockname()[1], "pid": os.getpid(), "build": build}
    write_private(home() / "server.json", json.dumps(address).encode())
    server.run(sockets=[sock])
