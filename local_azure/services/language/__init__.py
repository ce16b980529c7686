"""Azure Language: the wire format of text analysis, in synchronous calls and in jobs. local_azure.engines computes.

Routes and shapes follow Microsoft's published API descriptions, Language 2022-05-01, 2023-04-01 and 2024-11-01 and Text
Analytics v3.0 and v3.1, and what the service was seen to reply in the recordings of Microsoft's own SDK tests.
"""

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ...errors import AzureError
from . import jobs
from .jobs import resume
from .kinds import KINDS, OLDER_VERSIONS, refusal
from .requests import account_of, api_version, documents, flag, invalid, kind_of, options, read_body
from .results import analyse, collect, count, engine_label

__all__ = ["ACCOUNTS", "HOSTS", "resume", "routes"]

HOSTS = (".cognitiveservices.azure.com", ".services.ai.azure.com", ".api.cognitive.microsoft.com")
ACCOUNTS = ("AIServices", "CognitiveServices", "TextAnalytics")  # the kinds that have Language


async def analyze_text(request):
    """POST /language/:analyze-text: one kind of analysis, answered at once."""
    version = api_version(request)
    body = await read_body(request)
    kind = kind_of(body.get("kind"), version, in_job=False)
    checked = options(kind, body.get("parameters"), version)
    results = await _answer(request, kind, body.get("analysisInput"), checked)
    return _reply(kind, {"kind": f"{kind.name}Results", "results": results})


def _older(kind):
    """The handler of POST /text/analytics/v3.x/…: parameters in the query, results at the top of the body."""

    async def handler(request):
        query = request.query_params
        version = request.path_params["version"]
        if version not in OLDER_VERSIONS or version < kind.older_since:
            raise AzureError(404, "404", "Resource not found.")
        given = {"modelVersion": query.get("model-version"), "loggingOptOut": flag(request, "loggingOptOut")}
        if version == "v3.1":
            given |= {"stringIndexType": query.get("stringIndexType"), "opinionMining": flag(request, "opinionMining")}
            given |= {"domain": query.get("domain"), "piiCategories": _listed(query.get("piiCategories"))}
        body = await read_body(request)
        return _reply(kind, await _answer(request, kind, body, options(kind, given, version)))

    return handler


def _listed(text):
    return [part for part in text.split(",") if part] if text else None


async def _answer(request, kind, container, checked):
    hint = "countryHint" if kind.name == "LanguageDetection" else "language"
    asked = documents(container, hint, kind.most)
    if kind.missing:
        raise invalid("InvalidParameterValue", refusal(kind), "The feature is not available.")
    with_statistics = flag(request, "showStats")
    outcomes = await run_in_threadpool(lambda: [analyse(kind, document, checked) for document in asked])
    count(request.app.state, account_of(request), kind, outcomes)
    return collect(kind, outcomes, with_statistics)


def _reply(kind, body):
    return JSONResponse(body, headers={"x-local-azure-engine": engine_label(kind)})


routes = [
    Route("/language/:analyze-text", analyze_text, methods=["POST"]),
    *(
        Route(f"/text/analytics/{{version}}/{kind.path}", _older(kind), methods=["POST"])
        for kind in KINDS.values()
        if kind.path
    ),
    *jobs.routes,
]
