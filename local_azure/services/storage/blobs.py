"""Block blobs: written whole or in blocks, read whole or in ranges, described, removed."""

import base64
import hashlib
import os
import re
import shutil
import time
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from . import limits, places
from .containers import _xml, metadata_of, spell
from .errors import StorageError, condition_not_met, not_found, not_yet

CHUNK = 1024 * 1024
PROPERTIES = ("cache-control", "content-type", "content-encoding", "content-language", "content-disposition")


# Conditions


def _seconds(request, name):
    try:
        return parsedate_to_datetime(request.headers[name]).timestamp()
    except (KeyError, ValueError):
        return None


def _matches(etags, blob):
    return any(etag.strip() in ("*", blob.etag) for etag in etags.split(","))


def check_conditions(request, blob, reading=False):
    """304 or 412 where If-Match and its kin forbid; a missing blob is None."""
    given = request.headers
    if reading and given.get("if-none-match") == "*":
        message = "The request includes an unsatisfiable condition for this operation."
        raise StorageError(400, "UnsatisfiableCondition", message)
    if "if-match" in given and not (blob and _matches(given["if-match"], blob)):
        raise condition_not_met()
    unmodified = _seconds(request, "if-unmodified-since")
    if unmodified is not None and blob and int(blob.seconds) > unmodified:
        raise condition_not_met()
    modified = _seconds(request, "if-modified-since")
    stale = modified is not None and blob and int(blob.seconds) <= modified
    if stale or ("if-none-match" in given and blob and _matches(given["if-none-match"], blob)):
        if reading:
            headers = {"ETag": blob.etag, "Last-Modified": blob.modified}
            message = "The condition specified using HTTP conditional header(s) is not met."
            raise StorageError(304, "ConditionNotMet", message, headers=headers)
        if given.get("if-none-match") == "*":
            raise StorageError(409, "BlobAlreadyExists", "The specified blob already exists.")
        raise condition_not_met()


def _existing(request, state, account, container, name, reading=False):
    blob = places.blob(state, account, container, name)
    if blob is None:
        raise not_found()
    check_conditions(request, blob, reading)
    return blob


# Reading


def _described(blob):
    """The headers that describe a blob."""
    headers = {name: blob.property(name) for name in PROPERTIES if blob.property(name)}
    return headers | {
        "ETag": blob.etag,
        "Last-Modified": blob.modified,
        "x-ms-creation-time": blob.created,
        "x-ms-blob-type": "BlockBlob",
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "false",
        "Accept-Ranges": "bytes",
    }


def _range(request, size):
    """(first, last) of the bytes that are asked for, or None for all."""
    text = request.headers.get("x-ms-range") or request.headers.get("range")
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", text or "")
    if not found:
        return None
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if first >= size or last < first:
        message = "The range specified is invalid for the current size of the resource."
        raise StorageError(416, "InvalidRange", message, headers={"Content-Range": f"bytes */{size}"})
    return first, min(last, size - 1)


def _bytes(path, first, length):
    with path.open("rb") as file:
        file.seek(first)
        while length and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk


async def read(request, state, account, container, name):
    """GET and HEAD of a blob."""
    blob = _existing(request, state, account, container, name, reading=True)
    path = places.path_of(state, account, container, name)
    headers = _described(blob)
    if request.method == "HEAD":
        headers |= {"Content-Length": str(blob.size)} | ({"Content-MD5": blob.md5} if blob.md5 else {})
        return spell(Response(None, 200, headers), blob.metadata)
    asked = _range(request, blob.size)
    first, last = asked or (0, blob.size - 1)
    length = last - first + 1
    if request.headers.get("x-ms-structured-body"):
        raise not_yet("structured bodies of blob storage")
    if request.headers.get("x-ms-range-get-content-md5", "").lower() == "true":
        if length > limits.HASHED or not asked:
            message = f"A checksum is computed for a range of at most {limits.HASHED} bytes."
            raise StorageError(400, "OutOfRangeInput", message)
        data = await run_in_threadpool(lambda: b"".join(_bytes(path, first, length)))
        headers["Content-MD5"] = _md5(data)
    elif blob.md5:
        headers["x-ms-blob-content-md5" if asked else "Content-MD5"] = blob.md5
    headers["Content-Length"] = str(length)
    if asked:
        headers["Content-Range"] = f"bytes {first}-{last}/{blob.size}"
    body = _bytes(path, first, length)
    return spell(StreamingResponse(body, 206 if asked else 200, headers), blob.metadata)


async def metadata(request, state, account, container, name):
    blob = _existing(request, state, account, container, name, reading=True)
    headers = {one: value for one, value in _described(blob).items() if one not in PROPERTIES}
    return spell(Response(None, 200, headers), blob.metadata)


# Writing


def _md5(data):
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


# What a blob can be given on Azure and would silently not have here
UNKEPT = (
    "x-ms-content-crc64", "x-ms-structured-body", "x-ms-copy-source", "x-ms-access-tier", "x-ms-tags",
    "x-ms-legal-hold", "x-ms-immutability-policy-until-date", "x-ms-encryption-key", "x-ms-encryption-scope",
    "x-ms-lease-id",
)  # fmt: skip


def refuse_unkept(request):
    """501, by its name, for what would be accepted and not kept."""
    for header in UNKEPT:
        if header in request.headers:
            raise not_yet(f"{header} of blob storage")


async def _receive(request, path, most=limits.BLOB_BYTES):
    """Write the body to a file; its MD5 in base64. Refused: more than Azure takes, or another checksum than given."""
    refuse_unkept(request)
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        raise StorageError(411, "MissingContentLengthHeader", "Content-Length HTTP header is not specified.")
    if int(declared) > most:
        message = f"The request body is too large and exceeds the maximum permissible limit of {most} bytes."
        raise StorageError(413, "RequestBodyTooLarge", message)
    digest = hashlib.md5(usedforsecurity=False)
    waiting, held = [], 0
    with path.open("wb") as file:

        def write():
            for part in waiting:
                digest.update(part)
                file.write(part)
            waiting.clear()

        async for part in request.stream():
            waiting.append(part)
            held += len(part)
            if held >= CHUNK:
                await run_in_threadpool(write)
                held = 0
        await run_in_threadpool(write)
    md5 = base64.b64encode(digest.digest()).decode()
    if request.headers.get("content-md5", md5) != md5:
        message = "The MD5 value specified in the request did not match with the MD5 value calculated by the server."
        raise StorageError(400, "Md5Mismatch", message)
    return md5


def _properties(request, plain=False):
    """What describes the content: x-ms-blob-content-type and the like; with `plain`, Content-Type and the like too."""
    headers = request.headers
    given = {name: headers.get(f"x-ms-blob-{name}") or (headers.get(name) if plain else None) for name in PROPERTIES}
    return {name: value for name, value in given.items() if value}


def _keep(state, account, container, name, part, **record):
    """A finished part becomes the blob: its file, then its record. 409 where a folder has the name."""
    path = places.path_of(state, account, container, name)
    before = places.blob(state, account, container, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
    except OSError:
        message = (
            f"On this machine blobs are files: {name!r} cannot be both a blob and the beginning of another's name."
        )
        raise StorageError(409, "LocalNameConflict", message) from None
    key, now = places.key_of(account, container, name), time.time_ns()
    created = before.record.get("created", now / 1e9) if before else now / 1e9
    record |= {"created": created, "changed": now, "mtime": path.stat().st_mtime_ns}
    state.store.put(places.KIND, key, record)
    shutil.rmtree(places.blocks_of(state, account, container, name), ignore_errors=True)
    return places.blob(state, account, container, name)


def _written(blob, md5=None):
    headers = {"ETag": blob.etag, "Last-Modified": blob.modified, "x-ms-request-server-encrypted": "false"}
    return Response(None, 201, headers | ({"Content-MD5": md5} if md5 else {}))


async def put(request, state, account, container, name):
    """Put Blob: the whole content at once."""
    kind = request.headers.get("x-ms-blob-type", "")
    if "x-ms-copy-source" in request.headers:
        raise not_yet("copying of blobs")
    if kind in ("AppendBlob", "PageBlob"):
        raise not_yet(f"{kind} of blob storage")
    if kind != "BlockBlob":
        message = "An HTTP header that's mandatory for this request is not specified or not a type: x-ms-blob-type."
        raise StorageError(400, "MissingRequiredHeader", message)
    check_conditions(request, places.blob(state, account, container, name))
    part = places.new_part(state, account)
    try:
        md5 = await _receive(request, part)
        check_conditions(request, places.blob(state, account, container, name))
        metadata, properties = metadata_of(request), _properties(request, plain=True)
        blob = _keep(state, account, container, name, part, metadata=metadata, properties=properties, md5=md5)
    finally:
        part.unlink(missing_ok=True)
    return _written(blob, md5)


def _block_id(text):
    try:
        decoded = base64.b64decode(text or "", validate=True)
    except ValueError:
        decoded = b""
    if not 0 < len(decoded) <= limits.BLOCK_ID:
        message = "The value for one of the XML nodes or parameters, a block id, is not base64 of 1 to 64 bytes."
        raise StorageError(400, "InvalidQueryParameterValue", message)
    return decoded.hex()


def _count(folder):
    """The files of a folder. Each of them was written by a request, so that there are not too many to count."""
    with os.scandir(folder) as listed:
        return sum(1 for _ in listed)


async def put_block(request, state, account, container, name):
    block = _block_id(request.query_params.get("blockid"))
    folder = places.blocks_of(state, account, container, name)
    folder.mkdir(parents=True, exist_ok=True)
    part = places.new_part(state, account)
    try:
        md5 = await _receive(request, part, limits.BLOCK_BYTES)
        if not (folder / block).exists() and _count(folder) >= limits.UNCOMMITTED:
            message = f"The uncommitted block count cannot exceed the maximum limit of {limits.UNCOMMITTED:,} blocks."
            raise StorageError(409, "BlockCountExceedsLimit", message)
        part.replace(folder / block)
    finally:
        part.unlink(missing_ok=True)
    return Response(None, 201, {"Content-MD5": md5, "x-ms-request-server-encrypted": "false"})


async def _listed_blocks(request):
    """(Latest, Committed or Uncommitted; id) of each block of a list that was sent."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > limits.BLOCK_LIST_BYTES:
            raise StorageError(413, "RequestBodyTooLarge", "The block list is too large.")
    try:
        if b"<!" in data:
            raise ElementTree.ParseError("declarations are not taken")
        root = ElementTree.fromstring(bytes(data))
    except ElementTree.ParseError:
        message = "The XML specified is not syntactically valid."
        raise StorageError(400, "InvalidXmlDocument", message) from None
    if len(root) > limits.BLOCKS:
        raise StorageError(400, "BlockListTooLong", f"A block list has at most {limits.BLOCKS} blocks.")
    return [(child.tag, (child.text or "").strip()) for child in root]


async def put_block_list(request, state, account, container, name):
    """The blocks of the list, in its order, become the blob."""
    refuse_unkept(request)
    before = places.blob(state, account, container, name)
    check_conditions(request, before)
    wanted = await _listed_blocks(request)
    folder = places.blocks_of(state, account, container, name)
    offsets, position = {}, 0  # where committed blocks lie in the blob as it is
    for block, size in before.record.get("blocks", []) if before and before.untouched else []:
        offsets[block] = (position, size)
        position += size
    sources = []  # (path, first, length)
    for tag, text in wanted:
        block = _block_id(text)
        if tag in ("Latest", "Uncommitted") and (folder / block).is_file():
            sources.append((block, folder / block, 0, (folder / block).stat().st_size))
        elif tag in ("Latest", "Committed") and block in offsets:
            sources.append((block, places.path_of(state, account, container, name), *offsets[block]))
        else:
            raise StorageError(400, "InvalidBlockList", "The specified block list is invalid.")
    part = places.new_part(state, account)

    def join():
        with part.open("wb") as file:
            for _, path, first, length in sources:
                for chunk in _bytes(path, first, length):
                    file.write(chunk)

    try:
        await run_in_threadpool(join)
        blocks = [[block, length] for block, _, _, length in sources]
        given = {"metadata": metadata_of(request), "properties": _properties(request), "blocks": blocks}
        md5 = request.headers.get("x-ms-blob-content-md5")
        blob = _keep(state, account, container, name, part, **given, md5=md5)
    finally:
        part.unlink(missing_ok=True)
    return _written(blob)


async def block_list(request, state, account, container, name):
    blob = places.blob(state, account, container, name)
    folder = places.blocks_of(state, account, container, name)
    waiting = sorted(folder.iterdir()) if folder.is_dir() else []
    if blob is None and not waiting:
        raise not_found()
    kinds = {"CommittedBlocks": blob.record.get("blocks", []) if blob and blob.untouched else []}
    kinds["UncommittedBlocks"] = [(path.name, path.stat().st_size) for path in waiting]
    wanted = request.query_params.get("blocklisttype", "committed").lower()
    found = ""
    for kind, blocks in kinds.items():
        if wanted == "all" or kind.lower().startswith(wanted):
            found += f"<{kind}>"
            for block, size in blocks:
                name_ = base64.b64encode(bytes.fromhex(block)).decode()
                found += f"<Block><Name>{name_}</Name><Size>{size}</Size></Block>"
            found += f"</{kind}>"
    response = _xml(f"<BlockList>{found}</BlockList>")
    if blob:
        response.headers.update(
            {"ETag": blob.etag, "Last-Modified": blob.modified, "x-ms-blob-content-length": str(blob.size)}
        )
    return response


# Changing and removing


def _change(state, account, container, blob, **changes):
    record = {"created": blob.seconds, **blob.record, **changes, "changed": time.time_ns()}
    state.store.put(places.KIND, places.key_of(account, container, blob.name), record)
    changed = places.blob(state, account, container, blob.name)
    return Response(None, 200, {"ETag": changed.etag, "Last-Modified": changed.modified})


async def set_metadata(request, state, account, container, name):
    blob = _existing(request, state, account, container, name)
    return _change(state, account, container, blob, metadata=metadata_of(request))


PAGES = ("x-ms-blob-content-length", "x-ms-sequence-number-action", "x-ms-blob-sequence-number")


async def set_properties(request, state, account, container, name):
    """Set Blob Properties: those that are not named are cleared."""
    if any(header in request.headers for header in PAGES):
        raise not_yet("page blobs")
    blob = _existing(request, state, account, container, name)
    md5 = request.headers.get("x-ms-blob-content-md5")
    return _change(state, account, container, blob, properties=_properties(request), md5=md5)


async def delete(request, state, account, container, name):
    _existing(request, state, account, container, name)
    path = places.path_of(state, account, container, name)
    path.unlink(missing_ok=True)
    state.store.delete(places.KIND, places.key_of(account, container, name))
    places.remove_empty_folders(path, places.path_of(state, account, container))
    return Response(None, 202, {"x-ms-delete-type-permanent": "true"})
