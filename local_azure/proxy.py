"""One port for everything: plain HTTP, and a CONNECT proxy whose Azure connections end here.

`FrontDoor` is the protocol that uvicorn is given. A connection that begins with CONNECT is a proxy's: for an Azure host
TLS is terminated in place and the very same HTTP protocol goes on inside, with no second hop; any other host is passed
through untouched, by way of the proxy that was in force before ours, if there was one. Any other connection is HTTP.
"""

import asyncio
import base64
import binascii
import os
import socket
import urllib.parse
import urllib.request

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import certificates
from .hosts import UPSTREAM_VARIABLE, is_azure


class Spelt(bytes):
    """A header's name that uvicorn sends as it is spelt."""

    def lower(self):
        return self


class Status(int):
    """A status with a reason of its own: Azure Storage says there what is wrong, and some clients show nothing else."""

    def __new__(cls, code, reason):
        made = super().__new__(cls, code)
        made.reason = reason
        return made


class _StatusLines(dict):
    def __getitem__(self, code):
        if isinstance(code, Status):
            return f"HTTP/1.1 {code:d} {code.reason}\r\n".encode("ascii", errors="replace")
        return super().__getitem__(code)


httptools_impl.STATUS_LINE = _StatusLines(httptools_impl.STATUS_LINE)
HEAD_LIMIT = 16 * 1024  # bytes of a CONNECT request
CONNECT_SECONDS = 30
QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only


class FrontDoor(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which also understands CONNECT."""

    head = b""  # of a CONNECT request, while it arrives
    early = b""  # what TLS decrypted before the connection was announced to us
    deciding = True
    acknowledge = None  # the socket of a connection inside a proxy's

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.early:
            data, self.early = self.early, b""
            self.data_received(data)

    def data_received(self, data):
        if self.transport is None:
            self.early += data
            return
        if self.acknowledge:
            # urllib3 leaves Nagle's algorithm on towards a proxy, and sends a request in two parts: with the usual
            # delayed acknowledgement of the first, the second would wait 40 ms
            self.acknowledge.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        if not self.deciding:
            super().data_received(data)
            return
        self.head += data
        if not b"CONNECT ".startswith(self.head[:8]):
            self.deciding = False
            data, self.head = self.head, b""
            super().data_received(data)
        elif b"\r\n\r\n" in self.head:
            self.deciding = False
            self.transport.pause_reading()
            task = self.loop.create_task(self.connect(self.head))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif len(self.head) > HEAD_LIMIT:
            self.refuse(431, "Request Header Fields Too Large")

    def on_header(self, name, value):
        """uvicorn makes names of headers small; Blob Storage keeps the spelling of a blob's metadata."""
        super().on_header(name, value)
        if name[:10].lower() == b"x-ms-meta-":
            self.scope["state"].setdefault("spelling", {})[name.lower()] = name

    def refuse(self, status, reason):
        self.transport.write(f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        self.transport.close()

    async def connect(self, head):
        lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        target = lines[0].split(" ")[1]
        host, _, port = target.rpartition(":")
        host = host.strip("[]")
        if not host or not port.isdigit():
            self.refuse(400, "Bad Request")
            return
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if is_azure(host):
            await self.end_here(host, client_of(headers.get("proxy-authorization", "")))
        else:
            await self.pass_on(host, int(port))

    async def end_here(self, host, client):
        """Speak TLS as `host`, and answer in its place."""
        transport = self.transport
        context = await self.loop.run_in_executor(None, certificates.server_context, host)
        inner = FrontDoor(self.config, self.server_state, {**self.app_state, "client": client}, self.loop)
        inner.acknowledge = transport.get_extra_info("socket") if QUICKACK else None
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            encrypted = await self.loop.start_tls(transport, inner, context, server_side=True)
        except (OSError, asyncio.IncompleteReadError):  # the client does not trust us, or went away
            transport.close()
            return
        finally:
            self.connections.discard(self)
        if encrypted is not None:
            inner.connection_made(encrypted)

    async def pass_on(self, host, port):
        """Copy bytes both ways."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                other = await open_tunnel(self.loop, host, port)
        except (OSError, TimeoutError, ProxyRefusal):
            self.refuse(502, "Bad Gateway")
            return
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connections.discard(self)
        near = Pipe(other.transport)
        near.transport = self.transport
        other.peer = self.transport
        self.transport.set_protocol(near)
        self.transport.resume_reading()
        other.transport.resume_reading()


def client_of(authorization):
    """The name of the process behind a Proxy-Authorization header (see `start()`), or None."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


class Pipe(asyncio.Protocol):
    """Writes to `peer` what it receives, no faster than the peer takes it."""

    def __init__(self, peer=None):
        self.peer = peer
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.peer.write(data)

    def eof_received(self):
        if self.peer.can_write_eof():
            self.peer.write_eof()
        return True  # the other direction may still have something to say

    def connection_lost(self, exc):
        self.peer.close()

    def pause_writing(self):
        self.peer.pause_reading()

    def resume_writing(self):
        self.peer.resume_reading()


class ProxyRefusal(Exception):
    """The proxy that was in force before ours would not connect."""


class Tunnel(Pipe):
    """A `Pipe` whose first bytes are another proxy's answer to CONNECT."""

    def __init__(self, loop):
        super().__init__()
        self.head = b""
        self.opened = loop.create_future()

    def data_received(self, data):
        if self.opened.done():
            super().data_received(data)
            return
        self.head += data
        answer, found, rest = self.head.partition(b"\r\n\r\n")
        if not found:
            return
        self.transport.pause_reading()
        status = answer.split(b" ", 2)[1:2]
        if status == [b"200"] and not rest:  # nothing can follow before the client has spoken
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ProxyRefusal(answer[:200].decode("latin-1")))

    def connection_lost(self, exc):
        if not self.opened.done():
            self.opened.set_exception(ProxyRefusal("it closed the connection"))
        if self.peer:
            super().connection_lost(exc)


async def open_tunnel(loop, host, port):
    """A paused `Pipe` to host:port, through the upstream proxy if the environment named one for it."""
    upstream = os.environ.get(UPSTREAM_VARIABLE, "")
    if not upstream or urllib.request.proxy_bypass_environment(host):
        _, pipe = await loop.create_connection(Pipe, host, port)
        pipe.transport.pause_reading()
        return pipe
    url = urllib.parse.urlsplit(upstream if "//" in upstream else f"http://{upstream}")
    secure = url.scheme == "https"
    _, tunnel = await loop.create_connection(
        lambda: Tunnel(loop), url.hostname, url.port or (443 if secure else 80), ssl=secure or None
    )
    request = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n"
    if url.username:
        login = f"{urllib.parse.unquote(url.username)}:{urllib.parse.unquote(url.password or '')}"
        request += f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
    tunnel.transport.write(f"{request}\r\n".encode())
    try:
        await tunnel.opened
    except BaseException:
        tunnel.transport.close()
        raise
    return tunnel
