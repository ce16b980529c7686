"""Containers: made, described, listed, removed."""

import asyncio
from email.utils import formatdate
from xml.sax.saxutils import escape, quoteattr

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ... import folders
from ...proxy import Spelt
from . import limits, places
from .errors import StorageError, not_yet
from .signatures import no_public_access

PREFIX = "x-ms-meta-"


def metadata_of(request):
    """The x-ms-meta-… headers of a request, their names spelt as they were sent; 400 for what Azure does not take."""
    spelt = request.scope.get("state", {}).get("spelling", {})
    found = {}
    for raw, value in request.headers.raw:
        name = spelt.get(raw, raw).decode("latin-1")
        if name.lower().startswith(PREFIX):
            found[name[len(PREFIX) :]] = value.decode("latin-1")
    limits.check_metadata(found)
    return found


def spell(response, metadata):
    """Send names of metadata as they were spelt: Starlette would make them small."""
    for name, value in metadata.items():
        response.raw_headers.append((Spelt(f"{PREFIX}{name}".encode()), value.encode("latin-1")))
    return response


def _headers(path):
    changed = path.stat().st_mtime_ns
    return {"ETag": f'"0x{changed:X}"', "Last-Modified": formatdate(changed / 1e9, usegmt=True)}


async def service(request, state, account):
    """GET ?restype=service&comp=properties: nothing is switched on."""
    return _xml("<StorageServiceProperties><DefaultServiceVersion/></StorageServiceProperties>")


async def account(request, state, account):
    """GET ?restype=account&comp=properties: what kind of account this is."""
    return Response(
        None, 200, {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2", "x-ms-is-hns-enabled": "false"}
    )


async def create(request, state, account, container):
    if request.headers.get("x-ms-blob-public-access"):
        raise no_public_access()
    if not places.create_container(state, account, container, metadata_of(request)):
        raise StorageError(409, "ContainerAlreadyExists", "The specified container already exists.")
    return Response(None, 201, _headers(places.path_of(state, account, container)))


async def properties(request, state, account, container):
    record = state.store.get(places.CONTAINER, f"{account}/{container}") or {}
    headers = _headers(places.path_of(state, account, container))
    headers |= {"x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"}
    return spell(Response(None, 200, headers), record.get("metadata", {}))


async def set_metadata(request, state, account, container):
    state.store.put(places.CONTAINER, f"{account}/{container}", {"metadata": metadata_of(request)})
    return Response(None, 200, _headers(places.path_of(state, account, container)))


async def set_acl(request, state, account, container):
    """Set Container ACL: public access is not permitted, and no policies of signatures are kept."""
    if request.headers.get("x-ms-blob-public-access"):
        raise no_public_access()
    raise not_yet("stored access policies of containers")


async def delete(request, state, account, container):
    for key, _ in state.store.items(places.KIND, f"{account}/{container}/"):
        state.store.delete(places.KIND, key)
    state.store.delete(places.CONTAINER, f"{account}/{container}")
    if gone := folders.set_aside(state.home, places.path_of(state, account, container)):
        state.background(folders.remove(gone))
    return Response(None, 202)


def _xml(text):
    return Response(f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode(), 200, media_type="application/xml")


def _page(request):
    """Marker and number of a list that is asked for."""
    asked = request.query_params.get("maxresults", str(limits.LISTED))
    if not asked.isdecimal() or int(asked) < 1:
        message = "One of the query parameters specified in the request URI is outside the permissible range."
        raise StorageError(400, "OutOfRangeQueryParameterValue", message)
    return request.query_params.get("marker", ""), min(int(asked), limits.LISTED)


def _echo(request):
    found = ""
    for name, element in (("prefix", "Prefix"), ("marker", "Marker"), ("maxresults", "MaxResults")):
        if value := request.query_params.get(name):
            found += f"<{element}>{escape(value)}</{element}>"
    return found


async def list_containers(request, state, account):
    marker, most = _page(request)
    prefix = request.query_params.get("prefix", "")
    top = state.home / "storage" / account
    there = sorted(path.name for path in top.iterdir() if path.is_dir()) if top.is_dir() else []
    there = [name for name in there if name != places.BESIDE and name.startswith(prefix) and name >= marker]
    found = ""
    for name in there[:most]:
        record = state.store.get(places.CONTAINER, f"{account}/{name}") or {}
        headers = _headers(top / name)
        metadata = (
            _metadata(record.get("metadata", {})) if "metadata" in request.query_params.get("include", "") else ""
        )
        found += (
            f"<Container><Name>{name}</Name><Properties><Last-Modified>{headers['Last-Modified']}</Last-Modified>"
            f"<Etag>{escape(headers['ETag'])}</Etag><LeaseStatus>unlocked</LeaseStatus>"
            f"<LeaseState>available</LeaseState></Properties>{metadata}</Container>"
        )
    return _results(request, account, "", f"<Containers>{found}</Containers>", there[most : most + 1])


def _results(request, account, attribute, found, following):
    service = quoteattr(f"https://{account}.blob.core.windows.net/")
    marker = f"<NextMarker>{escape(following[0])}</NextMarker>" if following else "<NextMarker/>"
    return _xml(
        f"<EnumerationResults ServiceEndpoint={service}{attribute}>{_echo(request)}{found}{marker}</EnumerationResults>"
    )


def _metadata(metadata):
    return (
        "<Metadata>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in metadata.items()) + "</Metadata>"
    )


async def list_blobs(request, state, account, container):
    """GET ?restype=container&comp=list: by prefix, folded at a delimiter, a page at a time."""
    marker, most = _page(request)
    query = request.query_params
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    folder = places.path_of(state, account, container)
    if prefix.startswith("/") or ".." in prefix.split("/") or "\0" in prefix:
        names = []  # no blob has such a name
    else:
        names = await run_in_threadpool(_there, folder, prefix, delimiter, marker, most)
    with_metadata = "metadata" in query.get("include", "").lower()
    found = []
    for number, (name, status) in enumerate(names[:most]):
        if status is None:
            found.append(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>")
        else:
            record = state.store.get(places.KIND, places.key_of(account, container, name))
            found.append(_entry(places.Blob(name, status, record), with_metadata))
        if number % 100 == 99:
            await asyncio.sleep(0)  # requests are answered between two hundreds of thousands
    attribute = f" ContainerName={quoteattr(container)}"
    folded = f"<Delimiter>{escape(delimiter)}</Delimiter>" if delimiter else ""
    following = [name for name, _ in names[most:]]
    return _results(request, account, attribute, f"{folded}<Blobs>{''.join(found)}</Blobs>", following)


def _there(folder, prefix, delimiter, marker, most):
    """One page of a list and the name that follows it: (name, what the file system says; None for a folded name)."""
    entries = {}  # name -> is it folded; in order
    for name in places.names(folder, prefix):
        cut = name.find(delimiter, len(prefix)) if delimiter else -1
        entries.setdefault(name if cut < 0 else name[: cut + len(delimiter)], cut >= 0)
    found = []
    for name in sorted(entries):
        if name < marker:
            continue
        status = None if entries[name] else places.status(folder / name, folder)
        if entries[name] or status:
            found.append((name, status))
        if len(found) > most:
            break
    return found


def _entry(blob, with_metadata):
    optional = {"Content-MD5": blob.md5}
    for name in ("Encoding", "Language", "Disposition"):
        optional[f"Content-{name}"] = blob.property(f"content-{name.lower()}")
    optional["Cache-Control"] = blob.property("cache-control")
    rest = "".join(f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>" for name, value in optional.items())
    kind = escape(blob.property("content-type"))
    metadata = _metadata(blob.metadata) if with_metadata else ""
    return (
        f"<Blob><Name>{escape(blob.name)}</Name><Properties><Creation-Time>{blob.created}</Creation-Time>"
        f"<Last-Modified>{blob.modified}</Last-Modified><Etag>{escape(blob.etag.strip(chr(34)))}</Etag>"
        f"<Content-Length>{blob.size}</Content-Length><Content-Type>{kind}</Content-Type>"
        f"{rest}<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        f"<ServerEncrypted>false</ServerEncrypted></Properties>{metadata}</Blob>"
    )
