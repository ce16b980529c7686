"""The same requests to Azurite, Microsoft's emulator of storage, and to ours: the same answers where it matters.

Azurite comes from npm; tools/bench.py puts it into .cache/azurite. Where it is not, these tests are skipped.
"""

import base64
import hashlib
import re
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.storage.blob import generate_account_sas

from local_azure.services.storage import account_key
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

ACCOUNT = "devstoreaccount1"  # Azurite's documented account for development, and its key
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2025-01-05"
SECONDS = 20


@pytest.fixture(scope="module")
def azurite(root, tmp_path_factory):
    program = root / ".cache" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    if not program.exists() or not shutil.which("node"):
        pytest.skip("Azurite is not installed; `make bench` does it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--blobPort", str(port), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    folder = tmp_path_factory.mktemp("azurite")
    process = subprocess.Popen([*command, "--location", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None and time.monotonic() < deadline, "Azurite did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    process.terminate()
    process.wait(SECONDS)


@pytest.fixture(scope="module")
def both(server_home, azurite):
    """both(method, path, query, headers, body) -> the answers of Azurite and of ours."""
    expiry = datetime.now(UTC) + timedelta(hours=1)
    ours = f"https://{ACCOUNT}.blob.core.windows.net"
    signed = [
        (azurite, generate_account_sas(ACCOUNT, KEY, "sco", "rwdlac", expiry)),
        (ours, generate_account_sas(ACCOUNT, account_key(load_secrets(), ACCOUNT), "sco", "rwdlac", expiry)),
    ]

    def call(method, path, query="", headers=None, body=b""):
        answers = []
        for base, signature in signed:
            url = f"{base}/{path}?{query}&{signature}" if query else f"{base}/{path}?{signature}"
            given = {"x-ms-version": VERSION, **(headers or {})}
            answers.append(requests.request(method, url, headers=given, data=body, timeout=SECONDS))
        return answers

    return call


BLOB = {"x-ms-blob-type": "BlockBlob"}
MD5 = base64.b64encode(hashlib.md5(b"0123456789").digest()).decode()
BLOCK = {letter: base64.b64encode(letter.encode()).decode() for letter in "ab"}
LIST = f"<BlockList><Latest>{BLOCK['b']}</Latest><Latest>{BLOCK['a']}</Latest></BlockList>"
TEXT = {**BLOB, "Content-Type": "text/plain", "x-ms-meta-kind": "digits"}
NEW = {**BLOB, "If-None-Match": "*"}
CSV = {**NEW, "x-ms-blob-content-type": "text/csv"}
CHECKED = {"x-ms-range": "bytes=0-9", "x-ms-range-get-content-md5": "true"}
PLAIN = {"x-ms-blob-content-type": "text/plain"}
UNKNOWN = LIST.replace("Latest", "Uncommitted").encode()
CALLS = [  # in this order: each is asked of both, and what came before has happened in both
    ("create a container", "PUT", "depot", "restype=container", {"x-ms-meta-of": "tern"}, b""),
    ("create it again", "PUT", "depot", "restype=container", {}, b""),
    ("its properties", "GET", "depot", "restype=container", {}, b""),
    ("head of it", "HEAD", "depot", "restype=container", {}, b""),
    ("a container that is not there", "GET", "none", "restype=container", {}, b""),
    ("a list of one that is not there", "GET", "none", "restype=container&comp=list", {}, b""),
    ("put", "PUT", "depot/a/digits.txt", "", TEXT, b"0123456789"),
    ("put without a type", "PUT", "depot/x", "", {}, b"1"),
    ("put with a wrong checksum", "PUT", "depot/x", "", {**BLOB, "Content-MD5": MD5}, b"1"),
    ("put with the right checksum", "PUT", "depot/b", "", {**BLOB, "Content-MD5": MD5}, b"0123456789"),
    ("put where there is one", "PUT", "depot/b", "", NEW, b"1"),
    ("put where there is none", "PUT", "depot/c", "", CSV, b"1"),
    ("put if it matches", "PUT", "depot/c", "", {**BLOB, "If-Match": '"0x1"'}, b"1"),
    ("put into no container", "PUT", "none/c", "", BLOB, b"1"),
    ("an empty one", "PUT", "depot/empty", "", BLOB, b""),
    ("get", "GET", "depot/a/digits.txt", "", {}, b""),
    ("head", "HEAD", "depot/a/digits.txt", "", {}, b""),
    ("get the empty one", "GET", "depot/empty", "", {}, b""),
    ("range", "GET", "depot/a/digits.txt", "", {"x-ms-range": "bytes=2-4"}, b""),
    ("open range", "GET", "depot/a/digits.txt", "", {"Range": "bytes=7-"}, b""),
    ("range past the end", "GET", "depot/a/digits.txt", "", {"x-ms-range": "bytes=8-99"}, b""),
    ("range beyond", "GET", "depot/a/digits.txt", "", {"x-ms-range": "bytes=10-12"}, b""),
    ("range of the empty one", "GET", "depot/empty", "", {"x-ms-range": "bytes=0-10"}, b""),
    ("range with checksum", "GET", "depot/b", "", CHECKED, b""),
    ("get if it changed", "GET", "depot/b", "", {"If-None-Match": "*"}, b""),
    ("get if it matches", "GET", "depot/b", "", {"If-Match": '"0x1"'}, b""),
    ("get what is not there", "GET", "depot/none", "", {}, b""),
    ("head of what is not there", "HEAD", "depot/none", "", {}, b""),
    ("a block", "PUT", "depot/blocks", f"comp=block&blockid={BLOCK['a']}", {}, b"aaa"),
    ("another", "PUT", "depot/blocks", f"comp=block&blockid={BLOCK['b']}", {}, b"bbb"),
    ("a block with a bad id", "PUT", "depot/blocks", "comp=block&blockid=!", {}, b"bbb"),
    ("not yet a blob", "GET", "depot/blocks", "", {}, b""),
    ("the block list", "PUT", "depot/blocks", "comp=blocklist", PLAIN, LIST.encode()),
    ("the blob of blocks", "GET", "depot/blocks", "", {}, b""),
    ("its blocks", "GET", "depot/blocks", "comp=blocklist&blocklisttype=all", {}, b""),
    ("a list with an unknown block", "PUT", "depot/blocks", "comp=blocklist", {}, UNKNOWN),
    ("no XML", "PUT", "depot/blocks", "comp=blocklist", {}, b"<BlockList>"),
    ("set metadata", "PUT", "depot/b", "comp=metadata", {"x-ms-meta-a": "1", "x-ms-meta-b": "2"}, b""),
    ("metadata", "GET", "depot/b", "comp=metadata", {}, b""),
    ("metadata of nothing", "PUT", "depot/none", "comp=metadata", {"x-ms-meta-a": "1"}, b""),
    ("set properties", "PUT", "depot/b", "comp=properties", {"x-ms-blob-content-type": "text/html"}, b""),
    ("properties", "HEAD", "depot/b", "", {}, b""),
    ("list", "GET", "depot", "restype=container&comp=list", {}, b""),
    ("list with metadata", "GET", "depot", "restype=container&comp=list&include=metadata", {}, b""),
    ("list folded", "GET", "depot", "restype=container&comp=list&delimiter=/", {}, b""),
    ("list below", "GET", "depot", "restype=container&comp=list&prefix=a/", {}, b""),
    ("list of a page", "GET", "depot", "restype=container&comp=list&maxresults=2", {}, b""),
    ("list of none", "GET", "depot", "restype=container&comp=list&prefix=zzz", {}, b""),
    ("containers", "GET", "", "comp=list", {}, b""),
    ("delete", "DELETE", "depot/b", "", {}, b""),
    ("delete again", "DELETE", "depot/b", "", {}, b""),
    ("delete the container", "DELETE", "depot", "restype=container", {}, b""),
    ("delete it again", "DELETE", "depot", "restype=container", {}, b""),
]  # fmt: skip
# Where Azurite departs from Microsoft's reference of the service, we follow the reference: status and code of ours.
BY_THE_REFERENCE = {
    "put without a type": (400, "MissingRequiredHeader"),  # Azurite: no code
    "put with a wrong checksum": (400, "Md5Mismatch"),  # InvalidOperation
    "range beyond": (416, "InvalidRange"),  # 206 with a range that ends before it begins
    "no XML": (400, "InvalidXmlDocument"),  # no code
    "metadata": (200, None),  # the content too
}
HEADERS = (
    "content-length", "content-range", "x-ms-blob-type", "accept-ranges", "x-ms-error-code", "x-ms-lease-state",
    "x-ms-lease-status",
)  # fmt: skip
PRESENT = ("etag", "last-modified", "x-ms-request-id", "date")


def seen(answer, method):
    """What a client reads from an answer, without moments and ids."""
    found = {name: answer.headers.get(name) for name in HEADERS}
    found |= {name: name in answer.headers for name in PRESENT}
    found |= {name: value for name, value in answer.headers.items() if name.startswith("x-ms-meta-")}
    kind = answer.headers.get("content-type", "").partition(";")[0]
    found["body"] = elements(answer.text) if kind == "application/xml" else answer.content
    if found["x-ms-blob-type"]:
        found["content-type"] = kind
    if kind == "application/xml" or not found["x-ms-blob-type"]:
        found.pop("content-length")
    return answer.status_code, found


def elements(text):
    """Names, sizes and the like, in order, of a list or a block list; the code of an error."""
    names = "Name|Code|Content-Length|Content-Type|Content-MD5|Size|BlobType|NextMarker|Prefix|kind|a|b"
    found = re.findall(rf"<({names})>([^<]*)</", text)
    return [(name, value if name != "NextMarker" else bool(value)) for name, value in found if value]


def test_the_same_answers(both):
    different = []
    for what, *call in CALLS:
        answers = both(*call)
        if what in BY_THE_REFERENCE:
            ours = answers[1].status_code, answers[1].headers.get("x-ms-error-code")
            assert ours == BY_THE_REFERENCE[what], what
            continue
        theirs, ours = (seen(answer, call[0]) for answer in answers)
        if theirs != ours:
            parts = {name: (theirs[1].get(name), ours[1].get(name)) for name in {*theirs[1], *ours[1]}}
            differences = {name: pair for name, pair in parts.items() if pair[0] != pair[1]}
            different.append((what, theirs[0], ours[0], differences))
    assert different == [], "\n".join(map(str, ["Azurite, ours:", *different]))
