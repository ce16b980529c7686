"""Keys and tokens, as Azure checks them.

Tokens come from a managed-identity endpoint (the App Service protocol, api-version 2019-08-01), which is what makes an
unmodified `DefaultAzureCredential` work. They are JSON Web Tokens signed with the user's own secret (HS256), good for
an hour (those of a job for longer), and are checked on the way in: signature, expiry, audience.
"""

import base64
import hashlib
import hmac
import json
import time

from starlette.responses import JSONResponse

from .errors import AzureError, unauthorized

TENANT = "00000000-0000-0000-0000-00000000c0de"
PRINCIPAL = "00000000-0000-0000-0000-0000000001ea"
LIFETIME = 3600  # seconds


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sign(message, secret):
    return _encode(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest())


def issue(resource, secret, now=None, lifetime=LIFETIME):
    """A token for `resource` (an audience such as https://cognitiveservices.azure.com) and its expiry (epoch s)."""
    issued = int(now or time.time())
    claims = {
        "aud": resource, "iss": f"https://sts.windows.net/{TENANT}/", "tid": TENANT, "oid": PRINCIPAL, "sub": PRINCIPAL,
        "iat": issued, "nbf": issued, "exp": issued + lifetime, "idtyp": "app", "xms_local_azure": True,
    }  # fmt: skip
    message = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{message}.{_sign(message, secret)}", claims["exp"]


class BadToken(AzureError):
    """401 for a token. why: malformed, signature, expired or audience; each service has its own words for these."""

    def __init__(self, why, message, claims=None):
        super().__init__(401, "401", message)
        self.why, self.claims = why, claims


def verify(token, secret, audiences, now=None):
    """The token's claims. Raises `BadToken`, an `AzureError` 401 that says what is wrong with it."""
    message, _, signature = token.rpartition(".")
    try:
        claims = json.loads(_decode(message.split(".")[1]))
    except (IndexError, ValueError):
        raise BadToken("malformed", "The bearer token is not a JSON Web Token.") from None
    if not hmac.compare_digest(signature.encode(), _sign(message, secret).encode()):
        message = "The bearer token was not issued by this local Azure. Run local_azure.start() again."
        raise BadToken("signature", message)
    if claims["exp"] < (now or time.time()):
        raise BadToken("expired", "The bearer token has expired.", claims)
    if claims["aud"].rstrip("/") not in audiences:
        message = f"The bearer token is for {claims['aud']}, and this service takes {' or '.join(audiences)}."
        raise BadToken("audience", message, claims)
    return claims


async def token_endpoint(request):
    """GET ?api-version=2019-08-01&resource=… with the X-IDENTITY-HEADER that only this user's processes know."""
    secrets = request.app.state.secrets
    if not hmac.compare_digest(
        request.headers.get("x-identity-header", "").encode(), secrets["identity_header"].encode()
    ):
        raise unauthorized("The X-IDENTITY-HEADER is missing or wrong.")
    resource = request.query_params.get("resource")
    if not resource:
        raise AzureError(400, "invalid_request", "The query must name a resource.")
    token, expires = issue(resource, secrets["signing"])
    return JSONResponse(
        {
            "access_token": token,
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
        }
    )
