"""The error bodies of Azure.

A service raises `AzureError`; the server renders it in the shape that Foundry Tools (Language, Vision, …) have, so that
a client sees what its SDK knows how to read.
"""

from starlette.responses import JSONResponse


class AzureError(Exception):
    """An answer that is an error.

    status: HTTP status. code, message: what Azure's body carries. target: the part of the request at fault.
    inner: (code, message) of the cause, where there is one. headers: further response headers.
    more: further members of the body, as Azure Resource Manager has them (details, additionalInfo).
    """

    def __init__(self, status, code, message, target=None, inner=None, headers=None, more=None):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.target, self.inner, self.headers, self.more = target, inner, headers, more


def render(error):
    """The HTTP response for an `AzureError`: {"error": {"code", "message", "target"?, "innererror"?}}."""
    body = {"code": error.code, "message": error.message}
    if error.target:
        body["target"] = error.target
    if error.inner:
        body["innererror"] = {"code": error.inner[0], "message": error.inner[1]}
    body |= error.more or {}
    headers = dict(error.headers or {})
    if error.code:
        headers["x-ms-error-code"] = error.code
    return JSONResponse({"error": body}, error.status, headers=headers)


def unauthorized(reason):
    """401, as a resource answers a wrong or missing key or token."""
    return AzureError(401, "401", reason)


def not_found(what="The resource"):
    return AzureError(404, "404", f"{what} was not found.")


def unknown_host(host):
    """501 for an Azure host name that nothing here answers for. The call never leaves this machine."""
    return AzureError(
        501,
        "NotImplemented",
        f"The local Azure has no service at {host}. The page What runs locally lists those that it has; with your own "
        f"endpoints in .env the same code runs on your Azure.",
    )
