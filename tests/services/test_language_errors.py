"""What a caller does wrong, answered in Azure's shape: the whole request, or the one document that is at fault."""

import json
import re

import pytest

pytest_plugins = ("language_server",)

URL = "/language/:analyze-text?api-version=2023-04-01"
JOBS = "/language/analyze-text/jobs?api-version=2023-04-01"
DETECT = {"kind": "LanguageDetection"}
GOOD = {"id": "good", "text": "The parcel arrived on Tuesday and the driver was kind."}


def body(*documents, **fields):
    return DETECT | {"analysisInput": {"documents": list(documents)}} | fields


def job(*documents, tasks=({"kind": "KeyPhraseExtraction"},), **fields):
    return {"analysisInput": {"documents": list(documents)}, "tasks": list(tasks)} | fields


def check(response, status, inner, says=""):
    """The error object is Azure's, with the inner code asked for, and one readable sentence."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "innererror"}
    assert error["code"] == "InvalidRequest"
    assert error["innererror"]["code"] == inner
    assert says in error["innererror"]["message"]
    assert error["innererror"]["message"].endswith((".", ")"))


@pytest.mark.parametrize(
    ("content", "inner"),
    [
        pytest.param(b"", "EmptyRequest", id="no body"),
        pytest.param(b"  \n", "EmptyRequest", id="white space"),
        pytest.param(b"{", "InvalidRequestBodyFormat", id="cut off"),
        pytest.param(b"\xff\xfe{}", "InvalidRequestBodyFormat", id="not UTF-8"),
        pytest.param(b"[]", "InvalidRequestBodyFormat", id="an array"),
        pytest.param(b"null", "InvalidRequestBodyFormat", id="null"),
        pytest.param(b'"text"', "InvalidRequestBodyFormat", id="a string"),
        pytest.param(b'{"kind": NaN}', "InvalidRequestBodyFormat", id="NaN"),
        pytest.param(b'{"kind": ' + b"[" * 100_000, "InvalidRequestBodyFormat", id="nested without end"),
        pytest.param(b'{"kind": ' + b"9" * 5000 + b"}", "InvalidRequestBodyFormat", id="an endless number"),
        pytest.param(b'{"kind": "LanguageDetection", "x": "\\ud83d"}', "InvalidRequestBodyFormat", id="half an emoji"),
        pytest.param(b"{}", "InvalidRequestBodyFormat", id="no kind"),
    ],
)
@pytest.mark.parametrize("url", [URL])
def test_malformed_bodies(http, url, content, inner):
    check(http("POST", url, data=content), 400, inner)


@pytest.mark.parametrize(
    "path",
    [
        JOBS,
        "/text/analytics/v3.1/analyze",
        "/text/analytics/v3.0/sentiment",
        "/text/analytics/v3.1/entities/health/jobs",
    ],
)
def test_malformed_bodies_on_the_other_routes(http, path):
    check(http("POST", path, data=b'{"docum'), 400, "InvalidRequestBodyFormat")
    check(http("POST", path, data=b"{}"), 400, "MissingInputDocuments")


@pytest.mark.parametrize(
    ("sent", "inner"),
    [
        pytest.param({"kind": 5}, "InvalidRequestBodyFormat", id="kind is a number"),
        pytest.param({"kind": ["LanguageDetection"]}, "InvalidRequestBodyFormat", id="kind is an array"),
        pytest.param({"kind": "Poetry"}, "InvalidRequestBodyFormat", id="unknown kind"),
        pytest.param({"kind": "ExtractiveSummarization"}, "InvalidRequestBodyFormat", id="a kind for jobs only"),
        pytest.param(DETECT, "MissingInputDocuments", id="no analysisInput"),
        pytest.param(DETECT | {"analysisInput": None}, "MissingInputDocuments", id="analysisInput null"),
        pytest.param(DETECT | {"analysisInput": {}}, "MissingInputDocuments", id="no documents"),
        pytest.param(body(), "MissingInputDocuments", id="documents empty"),
        pytest.param(DETECT | {"analysisInput": []}, "InvalidRequestBodyFormat", id="analysisInput an array"),
        pytest.param(
            DETECT | {"analysisInput": {"documents": {}}}, "InvalidRequestBodyFormat", id="documents an object"
        ),
        pytest.param(
            DETECT | {"analysisInput": {"documents": "x"}}, "InvalidRequestBodyFormat", id="documents a string"
        ),
        pytest.param(body("x"), "InvalidRequestBodyFormat", id="a document is a string"),
        pytest.param(body(None), "InvalidRequestBodyFormat", id="a document is null"),
        pytest.param(body({"text": "x"}), "InvalidDocument", id="no id"),
        pytest.param(body({"id": "", "text": "x"}), "InvalidDocument", id="empty id"),
        pytest.param(body({"id": 1, "text": "x"}), "InvalidRequestBodyFormat", id="id is a number"),
        pytest.param(body({"id": "1", "text": ["x"]}), "InvalidRequestBodyFormat", id="text is an array"),
        pytest.param(
            body({"id": "1", "text": "x", "countryHint": 1}), "InvalidRequestBodyFormat", id="hint is a number"
        ),
        pytest.param(body(GOOD, GOOD), "InvalidDocument", id="the same id twice"),
        pytest.param(body(GOOD, parameters=[]), "InvalidRequestBodyFormat", id="parameters an array"),
        pytest.param(body(GOOD, parameters={"loggingOptOut": "yes"}), "InvalidRequestBodyFormat", id="flag a string"),
        pytest.param(body(GOOD, parameters={"modelVersion": "bad"}), "ModelVersionIncorrect", id="unknown model"),
        pytest.param(body(GOOD, parameters={"modelVersion": 3}), "ModelVersionIncorrect", id="model a number"),
        pytest.param(body(GOOD, parameters={"modelVersion": "2099-01-01"}), "ModelVersionIncorrect", id="future model"),
        pytest.param(body(GOOD, parameters={"modelVersion": "2022-13-01"}), "ModelVersionIncorrect", id="no such date"),
    ],
)
def test_wrong_requests(http, sent, inner):
    check(http("POST", URL, json=sent), 400, inner)


@pytest.mark.parametrize(
    ("kind", "parameters", "inner"),
    [
        ("SentimentAnalysis", {"opinionMining": "true"}, "InvalidRequestBodyFormat"),
        ("SentimentAnalysis", {"stringIndexType": "Bytes"}, "InvalidParameterValue"),
        ("SentimentAnalysis", {"stringIndexType": {}}, "InvalidParameterValue"),
        ("PiiEntityRecognition", {"domain": "bank"}, "InvalidParameterValue"),
        ("PiiEntityRecognition", {"piiCategories": "Person"}, "InvalidRequestBodyFormat"),
        ("PiiEntityRecognition", {"piiCategories": [5]}, "InvalidRequestBodyFormat"),
        ("PiiEntityRecognition", {"piiCategories": ["ShoeSize"]}, "InvalidParameterValue"),
    ],
)
def test_wrong_parameters(http, kind, parameters, inner):
    sent = {"kind": kind, "analysisInput": {"documents": [GOOD]}, "parameters": parameters}
    check(http("POST", URL, json=sent), 400, inner)


@pytest.mark.parametrize("value", ["maybe", "1", ""])
def test_statistics_flag_must_be_true_or_false(http, value):
    check(http("POST", f"{URL}&showStats={value}", json=body(GOOD)), 400, "InvalidParameterValue")


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("LanguageDetection", 1000),
        ("SentimentAnalysis", 10),
        ("KeyPhraseExtraction", 10),
        ("EntityRecognition", 5),
        ("PiiEntityRecognition", 5),
        ("EntityLinking", 5),
    ],
)
def test_documents_in_one_call(http, kind, most):
    """The numbers of the service's published limits."""
    many = [{"id": str(number), "text": "."} for number in range(most + 1)]
    refused = http("POST", URL, json={"kind": kind, "analysisInput": {"documents": many}})
    says = f"Batch request contains too many records. Max {most} records are permitted."
    check(refused, 400, "InvalidDocumentBatch", says)
    if kind in ("LanguageDetection", "SentimentAnalysis"):
        allowed = http("POST", URL, json={"kind": kind, "analysisInput": {"documents": many[:-1]}})
        assert [one["id"] for one in allowed.json()["results"]["documents"]] == [one["id"] for one in many[:-1]]


@pytest.mark.parametrize(
    ("version", "known"), [("2022-05-01", True), ("2024-11-01", True), ("2021-11-01", False), ("", False)]
)
def test_api_versions(http, version, known):
    response = http("POST", f"/language/:analyze-text?api-version={version}", json=body(GOOD))
    assert response.status_code == (200 if known else 404)
    if not known:
        assert response.json()["error"]["code"] == "404"


def test_summaries_are_not_in_the_first_version(http):
    sent = job(GOOD, tasks=[{"kind": "ExtractiveSummarization"}])
    response = http("POST", JOBS.replace("2023-04-01", "2022-05-01"), json=sent)
    check(response, 400, "InvalidRequestBodyFormat", "2022-05-01")


@pytest.mark.parametrize(
    "path", ["v3.2-preview.1/languages", "v2.1/languages", "v3.0/entities/recognition/pii", "v3.1/poetry"]
)
def test_older_routes_that_do_not_exist(http, path):
    response = http("POST", f"/text/analytics/{path}", json={"documents": [GOOD]})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "404"


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_request(http, chunked):
    content = json.dumps(body({"id": "1", "text": "x" * 3_000_000})).encode()
    check(http("POST", URL, data=iter([content]) if chunked else content), 413, "InvalidDocumentBatch")


def test_the_rest_of_a_batch_is_answered(http):
    documents = [
        {"id": "empty", "text": ""},
        GOOD,
        {"id": "blank", "text": " \t\n"},
        {"id": "none", "text": None},
        {"id": "missing"},
        {"id": "long", "text": "x" * 5121},
        {"id": "country", "text": "hello there", "countryHint": "United States"},
        {"id": "no country", "text": "hello there", "countryHint": "XX"},
        {"id": "last", "text": "Guten Morgen, wann kommt mein Paket?", "countryHint": "de"},
    ]
    reply = http("POST", URL + "&showStats=true", json=body(*documents)).json()["results"]
    assert [one["id"] for one in reply["documents"]] == ["good", "last"]
    errors = {one["id"]: one["error"] for one in reply["errors"]}
    assert list(errors) == ["empty", "blank", "none", "missing", "long", "country", "no country"]
    assert {error["code"] for error in errors.values()} == {"InvalidArgument"}
    codes = [error["innererror"]["code"] for error in errors.values()]
    assert codes == ["InvalidDocument"] * 5 + ["InvalidCountryHint"] * 2
    said = [(error["message"], error["innererror"]["message"]) for error in errors.values()]
    assert said[:4] == [("Invalid document in request.", "Document text is empty.")] * 4
    assert said[4][0] == "Invalid document in request."
    assert said[4][1].startswith(
        "A document within the request was too large to be processed. Limit document size to: 5120"
    )
    country = "Country hint is not valid. Please specify an ISO 3166-1 alpha-2 two letter country code."
    assert said[5:] == [("Invalid Country Hint.", country)] * 2
    assert reply["statistics"] == {
        "documentsCount": 9,
        "validDocumentsCount": 2,
        "erroneousDocumentsCount": 7,
        "transactionsCount": 2,
    }


def test_the_limit_counts_text_elements(http):
    reply = http("POST", URL, json=body({"id": "1", "text": "e\u0301" * 5120}, {"id": "2", "text": "e\u0301" * 5121}))
    assert [one["id"] for one in reply.json()["results"]["documents"]] == ["1"]


@pytest.mark.parametrize(
    "kind", ["SentimentAnalysis", "KeyPhraseExtraction", "EntityRecognition", "PiiEntityRecognition"]
)
def test_languages_that_an_engine_lacks(http, kind):
    documents = [GOOD | {"language": "tlh"}, {"id": "2", "text": GOOD["text"], "language": "en-GB"}, GOOD | {"id": "3"}]
    reply = http("POST", URL, json={"kind": kind, "analysisInput": {"documents": documents}}).json()["results"]
    assert [one["id"] for one in reply["documents"]] == ["2", "3"]
    (error,) = reply["errors"]
    assert error["error"]["innererror"]["code"] == "UnsupportedLanguageCode"
    assert error["error"]["message"] == "Invalid Language Code."
    supported = re.match(
        r"Invalid language code\. Supported languages: ([a-z,]+)\. ", error["error"]["innererror"]["message"]
    )
    assert "en" in supported[1].split(",")


def test_a_language_that_is_none_inside_a_job(http, wait):
    """Each task that has an engine says so of the document, and goes on with the others."""
    kinds = [
        "SentimentAnalysis", "KeyPhraseExtraction", "EntityRecognition", "PiiEntityRecognition",
        "ExtractiveSummarization", "AbstractiveSummarization",
    ]  # fmt: skip
    documents = [GOOD | {"language": "klingon"}, GOOD | {"id": "2", "language": "en"}]
    done = wait(http("POST", JOBS, json=job(*documents, tasks=[{"kind": kind} for kind in kinds])))
    assert done["status"] == "succeeded"
    for item in done["tasks"]["items"]:
        assert [one["id"] for one in item["results"]["documents"]] == ["2"]
        (error,) = item["results"]["errors"]
        assert (error["error"]["code"], error["error"]["message"]) == ("InvalidArgument", "Invalid Language Code.")
        assert error["error"]["innererror"]["code"] == "UnsupportedLanguageCode"


def test_the_sentence_for_a_parameter_of_a_task(http):
    sent = job(GOOD, tasks=[{"kind": "ExtractiveSummarization", "parameters": {"sentenceCount": 21}}])
    says = (
        "Job task: 'ExtractiveSummarization' failed with validation error: Job task parameter value '21' is not "
        "supported for sentenceCount parameter for job task type ExtractiveSummarization. Supported values 1 (min) "
        "to 20 (max)."
    )
    check(http("POST", JOBS, json=sent), 400, "InvalidParameterValue", says)


@pytest.mark.parametrize(
    ("sent", "inner"),
    [
        pytest.param(job(), "MissingInputDocuments", id="no documents"),
        pytest.param(job(*({"id": str(n), "text": "."} for n in range(26))), "InvalidDocumentBatch", id="26 documents"),
        pytest.param(job(GOOD, {"id": "2", "text": "x" * 125_000}), "InvalidDocumentBatch", id="too much text"),
        pytest.param(job({"id": "1", "text": ""}), "InvalidDocumentBatch", id="nothing but empty texts"),
        pytest.param(job(GOOD, tasks=[]), "InvalidRequestBodyFormat", id="no tasks"),
        pytest.param(job(GOOD, tasks=["x"]), "InvalidRequestBodyFormat", id="a task is a string"),
        pytest.param(job(GOOD, tasks=[{}]), "InvalidRequestBodyFormat", id="a task without kind"),
        pytest.param(job(GOOD, tasks=[{"kind": "LanguageDetection"}]), "InvalidRequestBodyFormat", id="not for jobs"),
        pytest.param(
            job(GOOD, tasks=[{"kind": "KeyPhraseExtraction", "taskName": 1}]), "InvalidRequestBodyFormat", id="name"
        ),
        pytest.param(job(GOOD, displayName=1), "InvalidRequestBodyFormat", id="display name"),
        pytest.param(
            job(GOOD, tasks={"kind": "KeyPhraseExtraction"}), "InvalidRequestBodyFormat", id="tasks an object"
        ),
        pytest.param(
            job(GOOD, tasks=[{"kind": "KeyPhraseExtraction", "parameters": {"modelVersion": "bad"}}]),
            "InvalidParameterValue",
            id="unknown model",
        ),
        *(
            pytest.param(
                job(GOOD, tasks=[{"kind": "ExtractiveSummarization", "parameters": parameters}]),
                inner,
                id=str(parameters),
            )
            for parameters, inner in [
                ({"sentenceCount": 0}, "InvalidParameterValue"),
                ({"sentenceCount": 21}, "InvalidParameterValue"),
                ({"sentenceCount": "3"}, "InvalidRequestBodyFormat"),
                ({"sentenceCount": True}, "InvalidRequestBodyFormat"),
                ({"sortBy": "Length"}, "InvalidParameterValue"),
            ]
        ),
    ],
)
def test_wrong_jobs(http, sent, inner):
    check(http("POST", JOBS, json=sent), 400, inner)


@pytest.mark.parametrize("query", ["top=0", "top=26", "top=x", "top=-1", "skip=-1", "skip=1.5", "skip="])
def test_wrong_pages(http, wait, query):
    submitted = http("POST", JOBS, json=job(GOOD))
    wait(submitted)
    check(http("GET", f"{submitted.headers['operation-location']}&{query}"), 400, "InvalidParameterValue")


def test_a_page_of_the_older_api_may_be_longer(http, wait):
    tasks = {"keyPhraseExtractionTasks": [{"parameters": {}}]}
    submitted = http("POST", "/text/analytics/v3.1/analyze", json=job(GOOD) | {"tasks": tasks})
    wait(submitted)
    assert http("GET", submitted.headers["operation-location"] + "?$top=50").status_code == 200
    check(http("GET", submitted.headers["operation-location"] + "?$top=51"), 400, "InvalidParameterValue")


def test_an_engine_that_stumbles_costs_one_document(http, monkeypatch):
    from local_azure.engines import languages

    honest = languages.identify

    def stumble(text, hint=""):
        if "stumble" in text:
            raise ZeroDivisionError("on purpose")
        return honest(text, hint)

    monkeypatch.setattr(languages, "identify", stumble)
    reply = http("POST", URL, json=body({"id": "1", "text": "stumble"}, GOOD)).json()["results"]
    assert [one["id"] for one in reply["documents"]] == ["good"]
    assert reply["errors"][0]["error"]["code"] == "InternalServerError"


def test_wrong_key_and_wrong_method(http):
    wrong = http("POST", URL, json=body(GOOD), headers={"Ocp-Apim-Subscription-Key": "0" * 32})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "401")
    assert http("GET", URL).status_code == 405
    assert "error" in http("GET", URL).json()
