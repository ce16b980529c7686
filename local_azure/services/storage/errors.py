"""Errors in the shape of Azure Storage: XML, and the code in a header too."""

import uuid
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from starlette.responses import Response

from ...errors import AzureError
from ...proxy import Status

VERSION = "2026-02-06"  # of the service, named in answers to callers that name none


class StorageError(AzureError):
    """An `AzureError` with a further sentence (detail) where authentication failed."""

    def __init__(self, status, code, message, detail=None, headers=None):
        super().__init__(status, code, message, headers=headers)
        self.detail = detail


def not_found(what="blob"):
    return StorageError(404, f"{what.capitalize()}NotFound", f"The specified {what} does not exist.")


def condition_not_met():
    message = "The condition specified using HTTP conditional header(s) is not met."
    return StorageError(412, "ConditionNotMet", message)


def not_yet(what):
    message = f"The local Azure has no {what} yet. The page What runs locally lists what it has."
    return StorageError(501, "NotImplemented", message)


def render(error, head=False):
    """The XML answer for an error; without a body to HEAD."""
    number = str(uuid.uuid4())
    headers = {"x-ms-error-code": error.code, "x-ms-request-id": number, **(error.headers or {})}
    if head or error.status == 304:
        return Response(None, Status(error.status, error.message), headers)
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    detail = getattr(error, "detail", None)
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}\nRequestId:{number}\nTime:{moment}</Message>"
        + (f"<AuthenticationErrorDetail>{escape(detail)}</AuthenticationErrorDetail>" if detail else "")
        + "</Error>"
    )
    status = Status(error.status, error.message.splitlines()[0])
    return Response(body.encode(errors="replace"), status, headers, media_type="application/xml")
