"""Where Microsoft's SDKs report their own use: accepted, thrown away, and never sent on."""

import json

from starlette.responses import JSONResponse
from starlette.routing import Route


async def swallow(request):
    body = (await request.body()).strip()
    try:
        parsed = json.loads(body)
        count = len(parsed) if isinstance(parsed, list) else 1
    except ValueError:
        count = len(body.splitlines())  # one JSON object a line, or compressed
    return JSONResponse({"itemsReceived": count, "itemsAccepted": count, "errors": []})


routes = [Route("/{path:path}", swallow, methods=["GET", "POST"])]
