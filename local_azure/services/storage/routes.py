"""Which operation a request asks for, by path, method and `comp`; and what every answer carries."""

import uuid

from starlette.routing import Match, Route

from . import blobs, containers, errors, places, signatures

HOST = ".blob.core.windows.net"
METHODS = ["GET", "HEAD", "PUT", "DELETE", "POST"]
# (level, method, comp) -> handler, permissions of which one is needed
SERVICE = {("GET", "list"): (containers.list_containers, "l"), ("GET", "properties"): (containers.service, "r")}
CONTAINER = {
    ("PUT", ""): (containers.create, "cw"),
    ("GET", ""): (containers.properties, "r"),
    ("HEAD", ""): (containers.properties, "r"),
    ("GET", "metadata"): (containers.properties, "r"),
    ("HEAD", "metadata"): (containers.properties, "r"),
    ("PUT", "metadata"): (containers.set_metadata, "w"),
    ("PUT", "acl"): (containers.set_acl, "w"),
    ("DELETE", ""): (containers.delete, "d"),
    ("GET", "list"): (containers.list_blobs, "l"),
}
BLOB = {
    ("GET", ""): (blobs.read, "r"),
    ("HEAD", ""): (blobs.read, "r"),
    ("GET", "metadata"): (blobs.metadata, "r"),
    ("HEAD", "metadata"): (blobs.metadata, "r"),
    ("GET", "blocklist"): (blobs.block_list, "r"),
    ("PUT", ""): (blobs.put, "cw"),
    ("PUT", "block"): (blobs.put_block, "w"),
    ("PUT", "blocklist"): (blobs.put_block_list, "w"),
    ("PUT", "metadata"): (blobs.set_metadata, "w"),
    ("PUT", "properties"): (blobs.set_properties, "w"),
    ("DELETE", ""): (blobs.delete, "d"),
}


class BlobRoute(Route):
    """Matches by host name: on loopback, a path alone does not say that blobs are meant."""

    def matches(self, scope):
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").partition(":")[0].lower()
        return super().matches(scope) if host.endswith(HOST) else (Match.NONE, {})


async def answer(request):
    """Any request to an account."""
    try:
        response = await _answer(request)
    except errors.StorageError as error:
        response = errors.render(error, request.method == "HEAD")
    response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
    response.headers["x-ms-version"] = request.headers.get("x-ms-version", errors.VERSION)
    if client := request.headers.get("x-ms-client-request-id"):
        response.headers["x-ms-client-request-id"] = client
    return response


async def _answer(request):
    account = request.url.hostname.removesuffix(HOST)
    container, _, name = request.path_params["path"].partition("/")
    query = request.query_params
    if name:
        level, table = "o", BLOB
    elif container:
        level, table = "c", CONTAINER
    else:
        level, table = "s", SERVICE
    comp = query.get("comp", "").lower()
    handler, permissions = table.get((request.method, comp), (None, "racwdl"))
    if level == "c" and query.get("restype") != "container":
        handler = None
    if account.endswith("-secondary"):
        raise errors.not_yet("second regions of storage accounts")
    if level == "s" and comp == "properties" and query.get("restype") == "account":
        handler = containers.account
    signatures.require(request, account, container, name, permissions, level)
    if handler is None:
        raise errors.not_yet(f"{request.method} {comp or query.get('restype', '')} of blob storage")
    if "snapshot" in query or "versionid" in query:
        raise errors.not_yet("snapshots and versions of blobs")
    state = request.app.state
    if level == "s":
        return await handler(request, state, account)
    if handler is not containers.create and not places.path_of(state, account, container).is_dir():
        raise errors.not_found("container")
    if name != name.strip("/"):  # Azure has such blobs; files cannot be named so
        if request.method != "PUT":
            raise errors.not_found()
        message = "A blob's name here has no slash at its beginning or end."
        raise errors.StorageError(400, "InvalidResourceName", message)
    return await handler(request, state, account, container, *([name] if name else []))


routes = [BlobRoute("/{path:path}", answer, methods=METHODS)]
