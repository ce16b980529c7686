"""What a caller sent, read and checked. What is wrong with a whole request is an `AzureError`, worded for a learner."""

import json
import re
from dataclasses import dataclass
from datetime import date

from ...errors import AzureError
from . import countries
from .kinds import KINDS, LANGUAGE_VERSIONS, Options
from .positions import CODE_POINTS, TEXT_ELEMENTS, UTF16, text_elements

MOST_BYTES = 1024 * 1024  # of a request, every feature
MOST_ELEMENTS = 5120  # text elements of a document in a synchronous call
MOST_ELEMENTS_IN_JOB = 125_000  # text elements of all documents of a job
MOST_IN_JOB = 25  # documents of a job
MOST_SENTENCES = 20  # of a summary
LENGTHS = {"short": 1, "medium": 3, "long": 5}  # sentences of an abstractive summary, where the caller names a length
UNITS = {"TextElements_v8": TEXT_ELEMENTS, "TextElement_v8": TEXT_ELEMENTS, CODE_POINTS: CODE_POINTS, UTF16: UTF16}


def account_of(request):
    """The name of the account that a request reached: by its host name, or by its key where the host is a region's."""
    return request.state.account["name"]


def invalid(code, message, title="Invalid request."):
    """400 with the service's two levels of codes."""
    return AzureError(400, "InvalidRequest", title, inner=(code, message))


@dataclass(frozen=True)
class Document:
    """One text. `hint` is its language, or its country when the language is to be detected; as sent, or empty."""

    id: str
    text: str
    hint: str

    @property
    def language(self):
        """The language without region or script, as engines name it: pt for pt-BR. English when nothing is said."""
        return self.hint.split("-")[0].lower() or "en"


async def read_body(request):
    """The JSON object of a request. Never more than a megabyte is held."""
    declared = request.headers.get("content-length", "0")
    body = bytearray()
    if not (declared.isdigit() and int(declared) > MOST_BYTES):
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                break
        else:
            return _parse(bytes(body))
    raise AzureError(
        413,
        "InvalidRequest",
        "The request is too large.",
        inner=("InvalidDocumentBatch", f"A request takes {MOST_BYTES} bytes at most. Send the documents in several."),
    )


def _not_a_number(name):
    raise ValueError(f"{name} is not JSON")


def _parse(body):
    if not body.strip():
        raise invalid("EmptyRequest", "The request has no body.")
    try:
        value = json.loads(body, parse_constant=_not_a_number)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be text
    except (ValueError, RecursionError) as error:
        raise invalid("InvalidRequestBodyFormat", f"The body is not valid JSON ({error}).") from None
    return expect(value, dict, "The body")


TYPES = {dict: "an object", list: "an array", str: "a string", bool: "true or false", int: "a whole number"}


def expect(value, kind, what):
    """The value if it is of that JSON type; 400 otherwise."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise invalid("InvalidRequestBodyFormat", f"{what} must be {TYPES[kind]}.")
    return value


def documents(container, kind_of_hint, most):
    """The documents of a request in order. 400 where the list itself is at fault; a bad text is an error of its own.

    kind_of_hint: "language" or "countryHint".
    """
    container = expect({} if container is None else container, dict, "analysisInput")
    listed = container.get("documents")
    if listed is None or listed == []:
        raise invalid("MissingInputDocuments", "The request names no documents.")
    if len(expect(listed, list, "documents")) > most:
        message = f"Batch request contains too many records. Max {most} records are permitted."
        raise invalid("InvalidDocumentBatch", message, "Invalid document in request.")
    read = [_document(one, number, kind_of_hint) for number, one in enumerate(listed)]
    if len({one.id for one in read}) < len(read):
        message = "Request contains duplicated Ids. Make sure each document has a unique Id."
        raise invalid("InvalidDocument", message, "Invalid document in request.")
    return read


def _document(value, number, kind_of_hint):
    where = f"documents[{number}]"
    expect(value, dict, where)
    if value.get("id") in (None, ""):
        raise invalid("InvalidDocument", f"{where} has no id.", "Invalid document in request.")
    read = {name: "" if value.get(name) is None else value[name] for name in ("id", "text", kind_of_hint)}
    for name, part in read.items():
        expect(part, str, f"{where}.{name}")
    return Document(read["id"], read["text"], read[kind_of_hint])


def document_error(document, kind, most=MOST_ELEMENTS):
    """What is wrong with one document, as the error object of its result; None if it can be analysed."""
    if not document.text.strip():
        return error_object("Invalid document in request.", "InvalidDocument", "Document text is empty.")
    if len(document.text) > most and (length := text_elements(document.text)) > most:
        message = (
            "A document within the request was too large to be processed. Limit document size to: "
            f"{most} text elements. For additional details on the data limitations see "
            f"https://aka.ms/text-analytics-data-limits. This document has {length}."
        )
        return error_object("Invalid document in request.", "InvalidDocument", message)
    if kind.name == "LanguageDetection":
        if document.hint and document.hint.upper() not in countries.CODES:
            message = "Country hint is not valid. Please specify an ISO 3166-1 alpha-2 two letter country code."
            return error_object("Invalid Country Hint.", "InvalidCountryHint", message)
        return None
    supported = kind.described().languages
    if supported and document.language not in supported:
        listed = ",".join(sorted(supported))
        message = (
            f"Invalid language code. Supported languages: {listed}. For additional details see "
            "https://aka.ms/text-analytics/language-support. These are the local engine's languages; Azure has more."
        )
        return error_object("Invalid Language Code.", "UnsupportedLanguageCode", message)
    return None


def error_object(title, code, message, outer="InvalidArgument"):
    """The error of one document, in the service's shape."""
    return {"code": outer, "message": title, "innererror": {"code": code, "message": message}}


def flag(request, name):
    """A yes-or-no in the query; no when it is absent."""
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false"):
        raise invalid("InvalidParameterValue", f"{name} must be true or false.", "Invalid parameter in request")
    return value == "true"


def count(request, names, default, least, most):
    """A whole number in the query under the first of `names` that is there."""
    value = next((request.query_params[name] for name in names if name in request.query_params), str(default))
    if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
        message = f"{names[0]} must be a whole number from {least} to {most}."
        raise invalid("InvalidParameterValue", message, "Invalid parameter in request")
    return int(value)


def api_version(request):
    """The api-version of a request below /language. Others than those listed are not found, as at Azure's gateway."""
    version = request.query_params.get("api-version", "")
    if version not in LANGUAGE_VERSIONS:
        raise AzureError(404, "404", f"Resource not found. api-version must be one of {', '.join(LANGUAGE_VERSIONS)}.")
    return version


def kind_of(value, version, in_job):
    """The `Kind` that a body names, if this version has it there."""
    possible = [
        kind.name for kind in KINDS.values() if (kind.in_jobs if in_job else kind.most) and version >= kind.since
    ]
    if value not in possible:
        message = f"kind must be one of {', '.join(sorted(possible))} in api-version {version}; it is {value!r}."
        raise invalid("InvalidRequestBodyFormat", message, "Invalid task in request.")
    return KINDS[value]


def options(kind, given, version, in_job=False):
    """Parameters of a request or a task, checked. Unknown names are ignored, as the service does."""
    given = expect({} if given is None else given, dict, "parameters")
    given = {name: value for name, value in given.items() if name in kind.parameters and value is not None}
    for name in ("loggingOptOut", "opinionMining"):
        expect(given.get(name, False), bool, name)
    _check_model(kind, given.get("modelVersion", "latest"), in_job)
    read = {"unit": _choice(given, "stringIndexType", UNITS, TEXT_ELEMENTS), "version": version}
    if "opinionMining" in kind.parameters:
        read["opinions"] = given.get("opinionMining", False)
    if "domain" in kind.parameters:
        read["domain"] = _choice(given, "domain", {"phi": "phi", "none": None}, None)
    if kind.engine and (names := _names(given, "piiCategories")):
        read["categories"] = _categories(kind.module().CATEGORIES, names)
    if version == LANGUAGE_VERSIONS[-1] and "inclusionList" in kind.parameters:
        read["inclusion"] = _names(given, "inclusionList") or None
        read["exclusion"] = _names(given, "exclusionList")
    if "sentenceCount" in kind.parameters:
        length = _choice(given, "summaryLength", LENGTHS, 3)
        read["count"] = _sentences(kind, expect(given.get("sentenceCount", length), int, "sentenceCount"))
        read["by_rank"] = _choice(given, "sortBy", {"Offset": False, "Rank": True}, False)
    return Options(**read)


def _parameter(message):
    return invalid("InvalidParameterValue", message, "Invalid parameter in request")


def _choice(given, name, possible, default):
    if name not in given:
        return default
    value = given[name]
    if not isinstance(value, str) or value not in possible:
        raise _parameter(f"{name} must be one of {', '.join(possible)}; it is {value!r}.")
    return possible[value]


def _sentences(kind, number):
    if not 1 <= number <= MOST_SENTENCES:
        raise _parameter(_in_task(kind, number, "sentenceCount", f"1 (min) to {MOST_SENTENCES} (max)"))
    return number


def _in_task(kind, value, name, supported):
    """The service's sentence for a parameter of a task that cannot be."""
    return (
        f"Job task: '{kind.name}' failed with validation error: Job task parameter value '{value}' is not supported "
        f"for {name} parameter for job task type {kind.name}. Supported values {supported}."
    )


def _names(given, name):
    return frozenset(expect(one, str, f"{name}[]") for one in expect(given.get(name, []), list, name))


def _categories(known, names):
    """The categories that a caller wants; None for the usual ones.

    A name that the engine cannot find is refused, since an empty answer would look like a clean text.
    """
    if unknown := names - known - {"All", "Default"}:
        message = f"piiCategories has {', '.join(sorted(unknown))}. The local engine finds {', '.join(sorted(known))}."
        raise _parameter(message)
    if "All" in names:
        return frozenset(known)
    return None if "Default" in names else names


def _check_model(kind, version, in_job):
    """`latest`, or a date: code that names a dated model of Azure's runs; which model answered, the reply says."""
    if version == "latest" or (isinstance(version, str) and _is_date(version)):
        return
    if in_job:
        raise _parameter(_in_task(kind, version, "model-version", "latest, or a date like 2022-11-01"))
    message = f"{version!r} is not a model version of {kind.name}. Possible values: latest, or a date like 2022-11-01."
    raise invalid("ModelVersionIncorrect", message)


def _is_date(text):
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and date.fromisoformat(text) <= date.today()
    except ValueError:
        return False
