"""Who may: shared access signatures, shared keys and tokens, checked as Azure Storage checks them.

Every account has one key, derived from this user's signing secret, so nothing needs to be kept.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlencode

from ... import identity
from ...errors import AzureError
from .errors import StorageError

AUDIENCES = ("https://storage.azure.com",)
FIRST_VERSION = "2020-12-06"  # since then, what is signed has an encryption scope
SIGNED_VERSION = "2022-11-02"
FAILED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
    "including the signature."
)
RESPONSE_HEADERS = ("rscc", "rscd", "rsce", "rscl", "rsct")


def account_key(secrets, account):
    """The key of an account, as Azure writes it: 64 bytes in base64."""
    digest = hmac.new(secrets["signing"].encode(), f"storage account {account}".encode(), hashlib.sha512).digest()
    return base64.b64encode(digest).decode()


def _sign(key, text):
    try:
        decoded = base64.b64decode(key)
    except ValueError:
        decoded = b""
    return base64.b64encode(hmac.new(decoded, text.encode(), hashlib.sha256).digest()).decode()


def _equal(given, right):
    return hmac.compare_digest(given.encode(), right.encode())


def sas_for(secrets, account, container="", permissions="rl", hours=1, key=None):
    """A shared access signature as a query string, for a container or (without one) the blobs of the whole account.

    permissions: of r(ead) a(dd) c(reate) w(rite) d(elete) l(ist).
    """
    expiry = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ordered = "".join(letter for letter in "racwdl" if letter in permissions)
    query = {"sv": SIGNED_VERSION, "se": expiry, "sp": ordered, "spr": "https"}
    query |= {"sr": "c"} if container else {"ss": "b", "srt": "sco"}
    text = _service_text(query, account, container, "") if container else _account_text(query, account)
    return urlencode(query | {"sig": _sign(key or account_key(secrets, account), text)})


def _service_text(query, account, container, name):
    resource = f"/blob/{account}/{container}" + (f"/{name}" if query.get("sr") == "b" else "")
    parts = [query.get(one, "") for one in ("sp", "st", "se")]
    parts += [resource, *(query.get(one, "") for one in ("si", "sip", "spr", "sv", "sr")), "", query.get("ses", "")]
    return "\n".join([*parts, *(query.get(one, "") for one in RESPONSE_HEADERS)])


def _account_text(query, account):
    names = ("sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses")
    return "\n".join([account, *(query.get(name, "") for name in names), ""])


def require(request, account, container, name, permissions, level):
    """Let the request pass, or raise 401 or 403.

    permissions: letters, one of which a signature must grant. level: s(ervice), c(ontainer) or o(bject).
    """
    secrets = request.app.state.secrets
    query = dict(request.query_params)
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if "sig" in query:
        _require_signature(query, secrets, account, container, name, permissions, level)
    elif scheme.lower() == "bearer":
        try:
            identity.verify(credential, secrets["signing"], AUDIENCES)
        except AzureError as error:
            raise StorageError(401, "InvalidAuthenticationInfo", error.message, headers=_challenge()) from None
    elif scheme == "SharedKey":
        if not _equal(credential, f"{account}:{_shared_key(request, secrets, account)}"):
            raise StorageError(403, "AuthenticationFailed", FAILED, "The key is not that of this account.")
    elif request.method in ("GET", "HEAD") and level in "co":
        raise no_public_access()
    else:
        message = (
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
        )
        raise StorageError(401, "NoAuthenticationInformation", message, headers=_challenge())


def no_public_access():
    """409 for whoever comes without credentials, or would let others come so: accounts are made like this by default
    (https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent).
    """
    message = "Public access is not permitted on this storage account."
    return StorageError(409, "PublicAccessNotPermitted", message)


def _challenge():
    authority = f"https://login.microsoftonline.com/{identity.TENANT}/oauth2/authorize"
    return {"WWW-Authenticate": f"Bearer authorization_uri={authority} resource_id={AUDIENCES[0]}"}


def _require_signature(query, secrets, account, container, name, permissions, level):
    if "skoid" in query or "si" in query or query.get("sr", "c") not in ("b", "c"):
        detail = "The local Azure takes signatures of an account's key for an account, a container or a blob."
        raise StorageError(403, "AuthenticationFailed", FAILED, detail)
    if query.get("sv", "") < FIRST_VERSION:
        raise StorageError(403, "AuthenticationFailed", FAILED, f"sv must be {FIRST_VERSION} or later.")
    text = _service_text(query, account, container, name) if "sr" in query else _account_text(query, account)
    if not _equal(query["sig"], _sign(account_key(secrets, account), text)):
        raise StorageError(403, "AuthenticationFailed", FAILED, "Signature did not match.")
    _require_time(query)
    if "sr" in query:
        allowed = level == "o" if query["sr"] == "b" else level in "co"
        if level == "c" and "l" not in permissions:
            allowed = False  # a container itself is not in the reach of a signature for it
    elif "b" not in query.get("ss", ""):
        message = "This request is not authorized to perform this operation using this service."
        raise StorageError(403, "AuthorizationServiceMismatch", message)
    else:
        allowed = level in query.get("srt", "")
    if not allowed:
        message = "This request is not authorized to perform this operation using this resource type."
        raise StorageError(403, "AuthorizationResourceTypeMismatch", message)
    if not set(permissions) & set(query.get("sp", "")):
        message = "This request is not authorized to perform this operation using this permission."
        raise StorageError(403, "AuthorizationPermissionMismatch", message)


def _require_time(query):
    now = datetime.now(UTC)
    try:
        start = datetime.fromisoformat(query["st"]) if query.get("st") else now
        expiry = datetime.fromisoformat(query["se"])
        start, expiry = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (start, expiry))
    except (KeyError, ValueError):
        raise StorageError(403, "AuthenticationFailed", FAILED, "st and se must be moments in ISO 8601.") from None
    if not start <= now <= expiry:
        detail = (
            f"Signature not valid in the specified time frame: Start [{start}] - Expiry [{expiry}] - Current [{now}]"
        )
        raise StorageError(403, "AuthenticationFailed", FAILED, detail)


def _shared_key(request, secrets, account):
    """The signature that a request with the account's key carries."""
    given = request.headers
    length = given.get("content-length", "")
    plain = ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match"]
    lines = [request.method, given.get("content-encoding", ""), given.get("content-language", "")]
    lines += ["" if length == "0" else length, *(given.get(name, "") for name in plain)]
    lines += [given.get("if-unmodified-since", ""), given.get("range", "")]
    ours = sorted((name, value) for name, value in given.items() if name.startswith("x-ms-"))  # by name: - is before :
    lines += [f"{name}:{value}" for name, value in ours]
    resource = f"/{account}{request.scope['raw_path'].decode()}"
    for name, value in sorted(_raw_query(request).items()):
        resource += f"\n{name}:{value}"
    return _sign(account_key(secrets, account), "\n".join([*lines, resource]))


def _raw_query(request):
    parts = [part.partition("=") for part in request.scope["query_string"].decode().split("&") if part]
    return {unquote(name).lower(): unquote(value) for name, _, value in parts}
