"""Serve a built site on loopback as GitHub Pages does the published one: under its prefix, gzipped, with its 404 page.

The browser tests and tools/lighthouse.py measure through this server, so that a byte counted here is one that a reader
waits for.
"""

import gzip
import mimetypes
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPRESSED = ("text/", "application/javascript", "application/json", "application/xml", "image/svg+xml")


def prefix() -> str:
    """The path below which the site is published, ``/course/``, from _config.yml."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return urlsplit(config["html"]["baseurl"]).path


@dataclass(frozen=True)
class Answer:
    """One answered request; ``size`` counts the bytes of headers and body as sent."""

    path: str
    status: int
    size: int


class Site:
    """A folder that is being served; ``log`` holds the answers given so far."""

    def __init__(self, folder: Path, below: str):
        self.folder, self.below, self.log = folder, below, []
        self.packed: dict[Path, bytes] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                site.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}{below}"

    def file_of(self, path: str) -> Path | None:
        """The file at a path of the site, or None."""
        if not path.startswith(self.below):
            return None
        found = (self.folder / unquote(path[len(self.below) :])).resolve()
        if found.is_dir():
            found /= "index.html"
        return found if found.is_file() and found.is_relative_to(self.folder.resolve()) else None

    def body_of(self, file: Path, kind: str) -> tuple[bytes, bool]:
        """What is sent of a file, and whether it is gzipped."""
        if not kind.startswith(COMPRESSED):
            return file.read_bytes(), False
        if file not in self.packed:
            self.packed[file] = gzip.compress(file.read_bytes(), 6, mtime=0)
        return self.packed[file], True

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        file, status = self.file_of(path), 200
        if file is None:
            file, status = self.folder / "404.html", 404
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        body, packed = self.body_of(file, kind) if file.is_file() else (b"Not found", False)
        text = kind.startswith("text/") or kind == "application/javascript"
        headers = {
            "Content-Type": f"{kind}; charset=utf-8" if text else kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "max-age=600",
        }
        if packed:
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        self.log.append(Answer(path, status, len(body) + sum(len(k) + len(v) + 4 for k, v in headers.items())))
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)


@contextmanager
def serve(folder: Path, below: str | None = None):
    """A running Site of ``folder``, at ``below`` or where the book is published."""
    site = Site(folder, below or prefix())
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
