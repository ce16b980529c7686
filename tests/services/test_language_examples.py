"""The examples of Microsoft's published API descriptions, each done again with a text of our own.

A test's name is the example's: api-version, then the file below `examples` in the description. The reply must have the
published shape, and say what any reader of the text would. Examples of what is refused here must be refused.
"""

import pytest
from language_contract import differences

pytest_plugins = ("language_server",)

LANGUAGE = ("2022-05-01", "2023-04-01", "2024-11-01")
MEETING = "Ursula von der Leyen opened the summit in Prague on 6 October 2022."
REVIEW = "The room was wonderful. The breakfast was awful and the waiter was rude."
LETTER = "My name is Peter Novak and my card is 4111 1111 1111 1111."
HANDBOOK = (
    "The night shift at the depot begins at ten in the evening. Drivers must sign the log before they take the keys. "
    "A lorry that has a broken light may not leave the yard. The dispatcher decides which route is taken. "
    "Every delay of more than thirty minutes is reported to the customer by the dispatcher."
)
NEWER = ("type", "tags", "metadata")  # what 2024-11-01 adds to an entity


def languages(documents):
    assert [one["detectedLanguage"]["iso6391Name"] for one in documents] == ["en", "fr", "es"]


def sentiment(documents):
    assert [sentence["sentiment"] for sentence in documents[0]["sentences"]] == ["positive", "negative"]
    assert documents[0]["sentiment"] == "mixed"


def opinions(documents):
    sentiment(documents)
    _, second = documents[0]["sentences"]
    assert {target["text"] for target in second["targets"]} == {"breakfast", "waiter"}
    for target in second["targets"]:
        ((relation),) = target["relations"]
        _, _, document, _, sentence, _, assessment = relation["ref"].split("/")
        found = documents[int(document)]["sentences"][int(sentence)]["assessments"][int(assessment)]
        assert found["text"] == {"breakfast": "awful", "waiter": "rude"}[target["text"]]


def phrases(documents):
    assert any("summit" in phrase for phrase in documents[0]["keyPhrases"])


def entities(documents):
    found = {entity["text"]: entity["category"] for entity in documents[0]["entities"]}
    assert found["Prague"] == "Location"
    assert "Person" in found.values()


def personal(documents):
    found = {entity["category"]: entity["text"] for entity in documents[0]["entities"]}
    assert found["Person"] == "Peter Novak"
    assert found["CreditCardNumber"] == "4111 1111 1111 1111"
    assert documents[0]["redactedText"] == "My name is *********** and my card is *******************."


GREETINGS = ["Where is my order?", "Où est ma commande ?", "¿Dónde está mi pedido?"]
# Kind, texts, what must be in the documents, and the model of the reply in the older and in the newer API
KINDS = {
    "LanguageDetection": (GREETINGS, languages, "LanguageResult"),
    "SentimentAnalysis": ([REVIEW], sentiment, "SentimentResponse"),
    "KeyPhraseExtraction": ([MEETING], phrases, "KeyPhraseResult"),
    "EntityRecognition": ([MEETING], entities, "EntitiesResult"),
    "PiiEntityRecognition": ([LETTER], personal, "PiiResult"),
}


def listed(texts):
    return {"documents": [{"id": str(number), "text": text} for number, text in enumerate(texts, 1)]}


def analyze(http, version, kind, texts, query="", **parameters):
    body = {"kind": kind, "analysisInput": listed(texts), "parameters": {"modelVersion": "latest"} | parameters}
    return http("POST", f"/language/:analyze-text?api-version={version}{query}", json=body)


@pytest.mark.parametrize(
    ("version", "kind"),
    [pytest.param(v, k, id=f"{v}-Successful{k}Request") for v in LANGUAGE for k in KINDS],
)
@pytest.mark.parametrize("query", ["", "&showStats=true"], ids=["plain", "showStats"])
def test_language(http, version, kind, query):
    texts, says, _ = KINDS[kind]
    response = analyze(http, version, kind, texts, query)
    assert response.status_code == 200
    reply = response.json()
    assert not differences(reply, "AnalyzeTextTaskResult", version, NEWER if version == "2024-11-01" else ())
    assert reply["results"]["errors"] == []
    assert ("statistics" in reply["results"]) == bool(query)
    says(reply["results"]["documents"])
    assert response.headers["x-local-azure-engine"] == reply["results"]["modelVersion"]


@pytest.mark.parametrize("version", LANGUAGE, ids=lambda version: f"{version}-SuccessfulSentimentAnalysisRequest")
def test_language_opinions(http, version):
    reply = analyze(http, version, "SentimentAnalysis", [REVIEW], opinionMining=True).json()
    assert not differences(reply, "AnalyzeTextTaskResult", version)
    opinions(reply["results"]["documents"])


@pytest.mark.parametrize("version", LANGUAGE, ids=lambda version: f"{version}-SuccessfulEntityLinkingRequest")
def test_language_linking_is_refused(http, version):
    response = analyze(http, version, "EntityLinking", [MEETING])
    assert response.status_code == 400
    assert not differences(response.json(), "ErrorResponse", version)
    assert "What runs locally" in response.json()["error"]["innererror"]["message"]


OLDER = {
    "SuccessfulLanguagesRequest": ("languages", "LanguageDetection"),
    "SuccessfulSentimentRequest": ("sentiment", "SentimentAnalysis"),
    "SuccessfulKeyPhrasesRequest": ("keyPhrases", "KeyPhraseExtraction"),
    "SuccessfulEntitiesRequest": ("entities/recognition/general", "EntityRecognition"),
    "SuccessfulEntityPIIRequest": ("entities/recognition/pii", "PiiEntityRecognition"),
}


@pytest.mark.parametrize(
    ("version", "example"),
    [
        pytest.param(version, example, id=f"{version}-{example}")
        for version in ("v3.0", "v3.1")
        for example in OLDER
        if (version, example) != ("v3.0", "SuccessfulEntityPIIRequest")  # of a preview: v3.0 has no such route
    ],
)
def test_older(http, version, example):
    path, kind = OLDER[example]
    texts, says, model = KINDS[kind]
    url = f"/text/analytics/{version}/{path}?showStats=true&model-version=latest"
    response = http("POST", url, json=listed(texts))
    assert response.status_code == 200
    assert not differences(response.json(), model, version)
    assert response.json()["statistics"]["validDocumentsCount"] == len(texts)
    says(response.json()["documents"])


def test_older_opinions(http):
    url = "/text/analytics/v3.1/sentiment?opinionMining=true&stringIndexType=Utf16CodeUnit"
    reply = http("POST", url, json=listed([REVIEW])).json()
    assert not differences(reply, "SentimentResponse", "v3.1")
    opinions(reply["documents"])


def test_older_filters(http):
    url = "/text/analytics/v3.1/entities/recognition/pii?domain=phi&piiCategories=Person,Email"
    (document,) = http("POST", url, json=listed([LETTER])).json()["documents"]
    assert [entity["category"] for entity in document["entities"]] == ["Person"]


@pytest.mark.parametrize("version", ["v3.0", "v3.1"], ids=lambda version: f"{version}-SuccessfulEntityLinkingRequest")
def test_older_linking_is_refused(http, version):
    response = http("POST", f"/text/analytics/{version}/entities/linking", json=listed([MEETING]))
    assert response.status_code == 400
    assert not differences(response.json(), "ErrorResponse", version)


@pytest.mark.parametrize(
    "example", ["Request", "StatusRequest", "DeleteRequest"], ids=lambda e: f"v3.1-SuccessfulHealth{e}"
)
def test_older_health_is_refused(http, example):
    path = "/text/analytics/v3.1/entities/health/jobs"
    if example == "Request":
        response = http("POST", path, json=listed(["Take 100 mg twice a day."]))
        assert response.status_code == 400
    else:
        response = http(
            "GET" if example == "StatusRequest" else "DELETE", f"{path}/00000000-0000-0000-0000-000000000000"
        )
        assert response.status_code == 404
    assert not differences(response.json(), "ErrorResponse", "v3.1")
    assert "What runs locally" in response.text


@pytest.mark.parametrize("example", ["v3.1-SuccessfulAnalyzeRequest", "v3.1-SuccessfulAnalyzeStatusRequest"])
def test_older_job(http, wait, example):
    tasks = {
        "entityRecognitionTasks": [{"parameters": {"model-version": "latest"}, "taskName": "names"}],
        "entityRecognitionPiiTasks": [{"parameters": {"model-version": "latest", "piiCategories": ["Email"]}}],
        "keyPhraseExtractionTasks": [{}],
        "entityLinkingTasks": [{}],
        "sentimentAnalysisTasks": [{"parameters": {"opinionMining": True}}],
    }
    body = {"displayName": "night", "analysisInput": listed([MEETING, REVIEW]), "tasks": tasks}
    submitted = http("POST", "/text/analytics/v3.1/analyze", json=body)
    assert submitted.status_code == 202
    job = wait(submitted, "?showStats=true")
    assert not differences(job, "AnalyzeJobState", "v3.1", extra=("state",))
    assert job["status"] == "partiallyCompleted"
    assert [error["target"] for error in job["errors"]] == ["#/tasks/entityLinkingTasks/0"]
    entities(job["tasks"]["entityRecognitionTasks"][0]["results"]["documents"])
    assert job["tasks"]["entityRecognitionTasks"][0]["taskName"] == "names"
    review = job["tasks"]["sentimentAnalysisTasks"][0]["results"]["documents"][1]["sentences"][1]
    assert all(relation["ref"].startswith("#/documents/1/") for t in review["targets"] for relation in t["relations"])


@pytest.mark.parametrize(
    ("version", "example"),
    [
        pytest.param(
            version, f"SuccessfulAnalyzeTextJobs{example}Request", id=f"{version}-SuccessfulAnalyzeTextJobs{example}"
        )
        for version in LANGUAGE
        for example in ("MultipleTaskSubmit", "MultipleTaskStatus", "Cancel")
    ],
)
def test_language_job(http, wait, version, example):
    """Two tasks: one that is answered, and one for a model of the caller's own, which is refused in its place."""
    tasks = [
        {"kind": "EntityRecognition", "taskName": "names", "parameters": {"modelVersion": "latest"}},
        {
            "kind": "CustomEntityRecognition",
            "taskName": "regions",
            "parameters": {"projectName": "p", "deploymentName": "d"},
        },
    ]
    body = {"displayName": "regions", "analysisInput": listed([MEETING]), "tasks": tasks}
    submitted = http("POST", f"/language/analyze-text/jobs?api-version={version}", json=body)
    assert submitted.status_code == 202
    job = wait(submitted)
    found = differences(job, "AnalyzeTextJobState", version, NEWER if version == "2024-11-01" else ())
    assert found == ["$.tasks.items[1].results is missing"], "a failed task has none, whatever the description says"
    names, regions = job["tasks"]["items"]
    assert (names["taskName"], names["kind"], names["status"]) == ("names", "EntityRecognitionLROResults", "succeeded")
    entities(names["results"]["documents"])
    assert (regions["kind"], regions["status"]) == ("CustomEntityRecognitionLROResults", "failed")
    if "Cancel" in example:
        where = submitted.headers["operation-location"].replace("?", ":cancel?")
        assert http("POST", where).json()["error"]["code"] == "InvalidRequest"


@pytest.mark.parametrize("version", LANGUAGE, ids=lambda version: f"{version}-SuccessfulHealthcarePostRequest")
@pytest.mark.parametrize("parameters", [{}, {"fhirVersion": "4.0.1", "documentType": "DischargeSummary"}])
def test_health_is_refused(http, wait, version, parameters):
    body = {"analysisInput": listed(["Take 100 mg."]), "tasks": [{"kind": "Healthcare", "parameters": parameters}]}
    job = wait(http("POST", f"/language/analyze-text/jobs?api-version={version}", json=body))
    assert job["status"] == "failed"
    assert "What runs locally" in job["errors"][0]["message"]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        pytest.param(version, kind, id=f"{version}-Successful{kind}Task{example}")
        for version in LANGUAGE[1:]
        for kind in ("AbstractiveSummarization", "ExtractiveSummarization")
        for example in ("Submit", "Result")
    ],
)
def test_summaries(http, wait, version, kind):
    body = {"analysisInput": listed([HANDBOOK]), "tasks": [{"kind": kind, "parameters": {"sentenceCount": 2}}]}
    job = wait(http("POST", f"/language/analyze-text/jobs?api-version={version}", json=body), "&showStats=true")
    assert job["status"] == "succeeded", job
    assert not differences(job, "AnalyzeTextJobState", version)
    (document,) = job["tasks"]["items"][0]["results"]["documents"]
    if kind == "ExtractiveSummarization":
        assert len(document["sentences"]) == 2
        assert [one["offset"] for one in document["sentences"]] == sorted(
            one["offset"] for one in document["sentences"]
        )
    else:
        assert 0 < len(document["summaries"][0]["text"]) < len(HANDBOOK)


@pytest.mark.parametrize("length", ["short", "medium", "long"])
def test_summary_length(http, wait, length):
    tasks = [{"kind": "AbstractiveSummarization", "parameters": {"summaryLength": length}}]
    body = {"analysisInput": listed([HANDBOOK]), "tasks": tasks}
    job = wait(http("POST", "/language/analyze-text/jobs?api-version=2024-11-01", json=body))
    assert job["tasks"]["items"][0]["results"]["documents"][0]["summaries"]


def entities_of(http, **parameters):
    (document,) = analyze(http, "2024-11-01", "EntityRecognition", [MEETING], **parameters).json()["results"][
        "documents"
    ]
    return document["entities"]


@pytest.mark.parametrize(
    "example", ["Inclusion", "Exclusion"], ids=lambda e: f"2024-11-01-SuccessfulEntityRecognition{e}Request"
)
def test_entity_lists(http, example):
    everything = {entity["category"] for entity in entities_of(http)}
    assert {"Person", "Location"} < everything
    named = {entity["category"] for entity in entities_of(http, **{f"{example.lower()}List": ["Location"]})}
    assert named == ({"Location"} if example == "Inclusion" else everything - {"Location"})


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(
            {"inferenceOptions": {"excludeNormalizedValues": True}},
            id="2024-11-01-SuccessfulEntityRecognitionInferenceOptionsRequest",
        ),
        pytest.param(
            {"overlapPolicy": {"policyKind": "matchLongest"}}, id="2024-11-01-SuccessfulEntityRecognitionOverlapPolicy"
        ),
    ],
)
def test_entity_options_that_change_nothing_here(http, parameters):
    """No values are normalised here and no entities overlap, so these are accepted and the answer is the same."""
    assert entities_of(http, **parameters) == entities_of(http)
    for entity in entities_of(http):
        assert entity["tags"][0]["name"] == entity["category"]
        assert entity["type"] == entity["tags"][-1]["name"]
