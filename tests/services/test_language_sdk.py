"""Microsoft's own clients, synchronous and asynchronous, against the local Azure, in each api-version that they speak.

What an engine finds is measured elsewhere (local_azure/engines/README.md). The texts here are so plain that none may
miss what is in them; what is tested is that it reaches the caller in the right place.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.ai.textanalytics import (
    AbstractiveSummaryAction,
    AnalyzeSentimentAction,
    DetectLanguageInput,
    ExtractiveSummaryAction,
    ExtractKeyPhrasesAction,
    PiiEntityCategory,
    PiiEntityDomain,
    RecognizeEntitiesAction,
    RecognizeLinkedEntitiesAction,
    RecognizePiiEntitiesAction,
    TextAnalyticsApiVersion,
    TextDocumentInput,
)
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

pytest_plugins = ("language_server",)

VERSIONS = [version.value for version in TextAnalyticsApiVersion]
LANGUAGE = [version for version in VERSIONS if version[0] != "v"]
every_version = pytest.mark.parametrize("version", VERSIONS)
language_versions = pytest.mark.parametrize("version", LANGUAGE)

PRAISE = "The adviser was wonderful. I am very happy with this excellent bank."
BLAME = "The app is terrible. I hate waiting and the support was awful."
MEETING = "Angela Merkel met the board of Siemens in Berlin on 4 May 2019."
LETTER = "Please call Maria Lopez on +44 20 7946 0958 or write to maria.lopez@example.com."
STORY = (
    "The port of Rotterdam closed two of its terminals on Monday after a storm damaged three cranes. "
    "Ships waited outside the harbour for eleven hours, and some were sent to Antwerp. "
    "The port authority said that no worker was hurt. "
    "Repairs of the cranes are expected to take about two weeks. "
    "Until then, lorries will collect containers from the northern terminals only. "
    "Carriers have asked their customers to expect delays of up to four days."
)


@every_version
def test_detect_language(sdk, version):
    documents = [
        DetectLanguageInput(id="b", text="Good morning, when will my parcel arrive?"),
        DetectLanguageInput(id="a", text="Guten Morgen, wann kommt mein Paket an?", country_hint="de"),
        DetectLanguageInput(id="c", text="Bonjour, quand est-ce que mon colis arrive ?", country_hint="none"),
        DetectLanguageInput(id="d", text="2019 !!"),
    ]
    found = sdk("detect_language", documents, api_version=version, show_stats=True)
    assert [one.id for one in found] == ["b", "a", "c", "d"]
    assert [one.primary_language.iso6391_name for one in found] == ["en", "de", "fr", "(Unknown)"]
    assert found[0].primary_language.name == "English"
    assert all(0 <= one.primary_language.confidence_score <= 1 for one in found)
    assert found[0].statistics.character_count == len(documents[0].text)
    assert found[0].statistics.transaction_count == 1


@every_version
def test_sentiment(sdk, version):
    found = sdk("analyze_sentiment", [PRAISE, BLAME, "", PRAISE + " " + BLAME], api_version=version)
    assert [one.is_error for one in found] == [False, False, True, False]
    assert found[2].error.code == "InvalidDocument"
    assert [found[place].sentiment for place in (0, 1, 3)] == ["positive", "negative", "mixed"]
    for one in (found[0], found[1], found[3]):
        for scores in (one.confidence_scores, *(sentence.confidence_scores for sentence in one.sentences)):
            assert round(scores.positive + scores.neutral + scores.negative, 10) == 1
    assert [sentence.text for sentence in found[0].sentences] == [
        "The adviser was wonderful.",
        "I am very happy with this excellent bank.",
    ]
    for sentence in found[0].sentences:
        if version != "v3.0":  # of which this client reads no positions
            assert PRAISE[sentence.offset : sentence.offset + sentence.length] == sentence.text


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_opinions(sdk, version):
    assert VERSIONS[-1] == "v3.0"
    texts = ["Nothing to say.", "The food was delicious but the service was terrible."]
    _, found = sdk("analyze_sentiment", texts, api_version=version, show_opinion_mining=True)
    opinions = [opinion for sentence in found.sentences for opinion in sentence.mined_opinions]
    assert {opinion.target.text: opinion.target.sentiment for opinion in opinions} == {
        "food": "positive",
        "service": "negative",
    }
    assert {opinion.target.text: [one.text for one in opinion.assessments] for opinion in opinions} == {
        "food": ["delicious"],
        "service": ["terrible"],
    }
    for opinion in opinions:
        for part in (opinion.target, *opinion.assessments):
            assert texts[1][part.offset : part.offset + part.length] == part.text
            assert round(part.confidence_scores.positive + part.confidence_scores.negative, 10) == 1


@every_version
def test_key_phrases(sdk, version):
    first, second = sdk("extract_key_phrases", [MEETING, "word " + "x" * 70], api_version=version)
    assert any("Siemens" in phrase for phrase in first.key_phrases)
    assert all(phrase in MEETING for phrase in first.key_phrases)
    assert first.warnings == []
    assert [warning.code for warning in second.warnings] == ["LongWordsInDocument"]


@every_version
def test_entities(sdk, version):
    (found,) = sdk("recognize_entities", [MEETING], api_version=version)
    categories = {entity.text: entity.category for entity in found.entities}
    assert categories["Angela Merkel"] == "Person"
    assert categories["Berlin"] == "Location"
    assert categories["Siemens"] == "Organization"
    assert "DateTime" in categories.values()
    for entity in found.entities:
        if version != "v3.0":
            assert MEETING[entity.offset : entity.offset + entity.length] == entity.text


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_pii(sdk, version):
    documents = [TextDocumentInput(id="1", text=LETTER, language="en")]
    (found,) = sdk("recognize_pii_entities", documents, api_version=version)
    categories = {entity.category: entity.text for entity in found.entities}
    assert categories["Email"] == "maria.lopez@example.com"
    assert categories["PhoneNumber"] == "+44 20 7946 0958"
    assert categories["Person"] == "Maria Lopez"
    expected = LETTER
    for entity in found.entities:
        expected = expected.replace(entity.text, "*" * len(entity.text))
    assert found.redacted_text == expected
    (only,) = sdk(
        "recognize_pii_entities", documents, api_version=version, categories_filter=[PiiEntityCategory.EMAIL]
    )  # fmt: skip
    assert [entity.category for entity in only.entities] == ["Email"]
    (health,) = sdk(
        "recognize_pii_entities",
        documents,
        api_version=version,
        domain_filter=PiiEntityDomain.PROTECTED_HEALTH_INFORMATION,
    )
    assert "Email" in {entity.category for entity in health.entities}


@pytest.mark.parametrize("unit", ["UnicodeCodePoint", "Utf16CodeUnit", "TextElement_v8"])
@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_offsets_in_the_unit_asked_for(sdk, version, unit):
    text = "🙂🙂 cafe\u0301: write to maria.lopez@example.com"
    (found,) = sdk("recognize_pii_entities", [text], api_version=version, string_index_type=unit)
    (email,) = [entity for entity in found.entities if entity.category == "Email"]
    before = text[: text.index("maria")]
    expected = {"UnicodeCodePoint": len(before), "Utf16CodeUnit": len(before) + 2, "TextElement_v8": len(before) - 1}
    assert (email.offset, email.length) == (expected[unit], len("maria.lopez@example.com"))


@every_version
def test_statistics_and_model_version(sdk, version):
    seen = []

    def hook(response):
        seen.append((response.model_version, response.statistics))

    texts = [PRAISE, "", PRAISE * 30]
    sdk(
        "analyze_sentiment", texts, api_version=version, show_stats=True, model_version="latest", raw_response_hook=hook
    )
    ((model, statistics),) = seen
    assert "/" in model
    assert (statistics.document_count, statistics.valid_document_count, statistics.erroneous_document_count) == (
        3,
        2,
        1,
    )
    assert statistics.transaction_count == 1 + -(-len(PRAISE) * 30 // 1000)


@every_version
def test_a_wrong_model_version(sdk, version):
    with pytest.raises(HttpResponseError) as caught:
        sdk("analyze_sentiment", [PRAISE], api_version=version, model_version="bad")
    assert caught.value.status_code == 400
    assert caught.value.error.code == "ModelVersionIncorrect"


@every_version
def test_too_many_documents(sdk, version):
    with pytest.raises(HttpResponseError) as caught:
        sdk("recognize_entities", [MEETING] * 6, api_version=version)
    assert caught.value.error.code == "InvalidDocumentBatch"


@every_version
def test_a_wrong_key(sdk, version):
    with pytest.raises(ClientAuthenticationError):
        sdk("detect_language", [PRAISE], api_version=version, key="0" * 32)


@every_version
def test_linked_entities_are_refused(sdk, version):
    with pytest.raises(HttpResponseError, match="What runs locally") as caught:
        sdk("recognize_linked_entities", [MEETING], api_version=version)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_actions(sdk, version):
    """Pages hold twenty documents; the client follows the links by itself."""
    documents = [PRAISE] * 21 + [""]
    actions = [RecognizeEntitiesAction(), AnalyzeSentimentAction(), ExtractKeyPhrasesAction(), AnalyzeSentimentAction()]
    found = sdk("begin_analyze_actions", documents, actions, api_version=version, show_stats=True, display_name="night")
    assert len(found) == len(documents)
    for number, results in enumerate(found[:-1]):
        assert {one.id for one in results} == {str(number)}
        assert [one.kind for one in results] == [
            "EntityRecognition",
            "SentimentAnalysis",
            "KeyPhraseExtraction",
            "SentimentAnalysis",
        ]
        assert results[1].sentiment == "positive"
        assert results[1].statistics.character_count == len(PRAISE)
    assert [one.is_error for one in found[-1]] == [True] * 4


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_an_action_that_is_refused_leaves_the_others_answered(sdk, version):
    actions = [RecognizeLinkedEntitiesAction(), RecognizePiiEntitiesAction(categories_filter=["Email"])]
    ((linked, pii),) = sdk("begin_analyze_actions", [LETTER], actions, api_version=version)
    assert linked.is_error and "What runs locally" in linked.error.message
    assert [entity.text for entity in pii.entities] == ["maria.lopez@example.com"]


@pytest.mark.parametrize("version", [version for version in LANGUAGE if version >= "2023"])
def test_summaries(sdk, version):
    (extracted,) = sdk("begin_extract_summary", [STORY], max_sentence_count=2, api_version=version)
    assert len(extracted.sentences) == 2
    for sentence in extracted.sentences:
        assert STORY[sentence.offset : sentence.offset + sentence.length] == sentence.text
        assert 0 <= sentence.rank_score <= 1
    (ranked,) = sdk("begin_extract_summary", [STORY], max_sentence_count=4, order_by="Rank", api_version=version)
    ranks = [sentence.rank_score for sentence in ranked.sentences]
    assert ranks == sorted(ranks, reverse=True) and len(ranks) == 4
    (shortened,) = sdk("begin_abstract_summary", [STORY], sentence_count=2, api_version=version)
    (summary,) = shortened.summaries
    assert 0 < len(summary.text) < len(STORY)
    assert all(0 <= context.offset < context.offset + context.length <= len(STORY) for context in summary.contexts)


@pytest.mark.parametrize("version", [version for version in LANGUAGE if version >= "2023"])
def test_summaries_as_actions(sdk, version):
    actions = [ExtractiveSummaryAction(max_sentence_count=1), AbstractiveSummaryAction(sentence_count=1)]
    ((extracted, shortened),) = sdk("begin_analyze_actions", [STORY], actions, api_version=version)
    assert len(extracted.sentences) == 1
    assert shortened.summaries[0].text


@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_health_is_refused(sdk, version):
    with pytest.raises(HttpResponseError, match="What runs locally"):
        sdk("begin_analyze_healthcare_entities", ["Take 100 mg twice a day."], api_version=version)


@language_versions
@pytest.mark.parametrize(
    "operation", ["begin_recognize_custom_entities", "begin_single_label_classify", "begin_multi_label_classify"]
)
def test_own_models_are_refused(sdk, version, operation):
    with pytest.raises(HttpResponseError, match="your own Azure project"):
        sdk(operation, [PRAISE], project_name="p", deployment_name="d", api_version=version)


@language_versions
def test_unknown_language(sdk, version):
    good, bad = sdk("extract_key_phrases", [{"id": "1", "text": PRAISE}, {"id": "2", "language": "tlh", "text": "x"}])
    assert good.key_phrases
    assert bad.error.code == "UnsupportedLanguageCode"


def test_logging_opt_out_and_default_language(sdk):
    (found,) = sdk("analyze_sentiment", [PRAISE], disable_service_logs=True, language="en")
    assert found.sentiment == "positive"


def test_callers_side_by_side_get_what_each_gets_alone(http):
    """Eight threads, every kind mixed: the engines are shared by all of them."""
    texts = [PRAISE, BLAME, MEETING, LETTER]
    kinds = [
        "LanguageDetection",
        "SentimentAnalysis",
        "KeyPhraseExtraction",
        "EntityRecognition",
        "PiiEntityRecognition",
    ]

    def ask(kind, text):
        body = {"kind": kind, "analysisInput": {"documents": [{"id": "1", "text": text}]}}
        return http("POST", "/language/:analyze-text?api-version=2023-04-01", json=body).json()

    questions = [(kind, text) for text in texts for kind in kinds]
    alone = [ask(*question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda question: ask(*question), questions * 3))
    assert together == alone * 3
