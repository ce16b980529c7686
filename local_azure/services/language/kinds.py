"""What the service can be asked for: one row for each kind, and how an engine's values look on the wire.

The rows follow Microsoft's published descriptions of the API, versions 2022-05-01 to 2024-11-01 and v3.0 and v3.1.
A kind without an engine is refused in words, never answered with something made up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

LANGUAGE_VERSIONS = ("2022-05-01", "2023-04-01", "2024-11-01")
OLDER_VERSIONS = ("v3.0", "v3.1")
LONG_WORD = 64  # characters; the service warns of longer ones in key phrase extraction


@dataclass(frozen=True)
class Options:
    """The parameters of a request or of a job's task, checked; names as in Python."""

    unit: str
    opinions: bool = False
    domain: str | None = None
    categories: frozenset[str] | None = None
    count: int = 3
    by_rank: bool = False
    inclusion: frozenset[str] | None = None
    exclusion: frozenset[str] = frozenset()
    version: str = LANGUAGE_VERSIONS[-1]


@dataclass(frozen=True)
class Kind:
    """One feature. `most` is the number of documents in a synchronous call; 0: jobs only."""

    name: str
    most: int = 0
    path: str = ""  # below /text/analytics/v3.x
    older_tasks: str = ""  # its property in the body of a v3.1 job
    older_since: str = "v3.0"
    in_jobs: bool = True
    since: str = LANGUAGE_VERSIONS[0]
    engine: str = ""  # module in local_azure.engines
    engine_name: str = "ENGINE"
    analyse: Callable | None = None  # (module, document, options, positions) -> fields of the document's result
    parameters: frozenset[str] = field(default=frozenset())
    missing: str = ""  # why there is no engine

    def module(self):
        """The engine's module, imported when first asked for: some take a second to load."""
        return import_module(f"local_azure.engines.{self.engine}")

    def described(self):
        """The engine's own description: name, version, languages."""
        return getattr(self.module(), self.engine_name)


def hundredths(score):
    """A confidence as Azure writes it, with two decimals."""
    return round(float(score), 2)


def shares(**scores):
    """Scores rounded to two decimals so that they still add up to one: the largest remainders are rounded up."""
    total = sum(scores.values()) or 1.0
    exact = {name: float(score) / total * 100 for name, score in scores.items()}
    whole = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: whole[name] - exact[name])[: 100 - sum(whole.values())]:
        whole[name] += 1
    return {name: value / 100 for name, value in whole.items()}


def _language(module, document, options, positions):
    found = module.identify(document.text, document.hint)
    score = hundredths(found.score)
    return {"detectedLanguage": {"name": found.name, "iso6391Name": found.code, "confidenceScore": score}}


def _three(scores):
    return shares(positive=scores.positive, neutral=scores.neutral, negative=scores.negative)


def _two(scores):
    return shares(positive=scores.positive, negative=scores.negative)


def _sentiment(module, document, options, positions):
    found = module.analyze(document.text, document.language, opinions=options.opinions)
    sentences = []
    for number, sentence in enumerate(found.sentences):
        wire = {
            "sentiment": sentence.label,
            "confidenceScores": _three(sentence.scores),
            **positions.wire(sentence.span),
            "text": sentence.span.of(document.text),
        }
        if options.opinions:
            wire |= _opinions(document.text, number, sentence.targets, positions)
        sentences.append(wire)
    return {"sentiment": found.label, "confidenceScores": _three(found.scores), "sentences": sentences}


def _opinions(text, number, targets, positions):
    """Targets and assessments of sentence `number`; `numbered` puts the document's own number into the pointers."""
    wire = {"targets": [], "assessments": []}
    seen = {}  # an assessment of two targets is listed once
    for target in targets:
        relations = []
        for assessment in target.assessments:
            if assessment.span not in seen:
                seen[assessment.span] = len(wire["assessments"])
                found = _opinion(text, assessment, positions) | {"isNegated": bool(assessment.negated)}
                wire["assessments"].append(found)
            pointer = f"#/documents/0/sentences/{number}/assessments/{seen[assessment.span]}"
            relations.append({"relationType": "assessment", "ref": pointer})
        wire["targets"].append(_opinion(text, target, positions) | {"relations": relations})
    return wire


def _opinion(text, part, positions):
    return {
        "sentiment": part.label,
        "confidenceScores": _two(part.scores),
        **positions.wire(part.span),
        "text": part.span.of(text),
    }


def numbered(document, number):
    """The document's result as the `number`-th of a reply: pointers into the reply carry that number."""
    if not any("targets" in sentence for sentence in document.get("sentences", ())):
        return document
    sentences = [
        sentence
        | {
            "targets": [
                target
                | {
                    "relations": [
                        relation | {"ref": relation["ref"].replace("#/documents/0/", f"#/documents/{number}/", 1)}
                        for relation in target["relations"]
                    ]
                }
                for target in sentence["targets"]
            ]
        }
        for sentence in document["sentences"]
    ]
    return document | {"sentences": sentences}


def _key_phrases(module, document, options, positions):
    wire = {"keyPhrases": list(module.extract(document.text, document.language))}
    if any(len(word) > LONG_WORD for word in document.text.split()):
        message = f"The document has words of more than {LONG_WORD} characters; phrases around them may be wrong."
        wire["warnings"] = [{"code": "LongWordsInDocument", "message": message}]
    return wire


def _entity(text, entity, positions):
    wire = {"text": entity.span.of(text), "category": entity.category}
    if entity.subcategory:
        wire["subcategory"] = entity.subcategory
    return wire | positions.wire(entity.span) | {"confidenceScore": hundredths(entity.score)}


def _entities(module, document, options, positions):
    wire = []
    for entity in module.recognize(document.text, document.language):
        tags = list(dict.fromkeys(filter(None, (entity.category, entity.subcategory))))
        if options.inclusion is not None and not options.inclusion.intersection(tags):
            continue
        if options.exclusion.intersection(tags):
            continue
        found = _entity(document.text, entity, positions)
        if options.version >= "2024-11-01" and options.version[0] != "v":
            found["type"] = tags[-1]
            found["tags"] = [{"name": tag, "confidenceScore": found["confidenceScore"]} for tag in tags]
        wire.append(found)
    return {"entities": wire}


def _pii(module, document, options, positions):
    found = module.recognize(document.text, document.language, domain=options.domain, categories=options.categories)
    redacted = list(document.text)
    for entity in found:
        for place in range(entity.span.start, entity.span.start + entity.span.length):
            redacted[place] = "*"
    entities = [_entity(document.text, entity, positions) for entity in found]
    return {"redactedText": "".join(redacted), "entities": entities}


def _extract(module, document, options, positions):
    ranked = list(module.extract(document.text, document.language, options.count))
    if not options.by_rank:
        ranked.sort(key=lambda sentence: sentence.span.start)
    sentences = [
        {"text": one.span.of(document.text), "rankScore": hundredths(one.rank), **positions.wire(one.span)}
        for one in ranked
    ]
    return {"sentences": sentences}


def _shorten(module, document, options, positions):
    summaries = [
        {"text": summary.text, "contexts": [positions.wire(span) for span in summary.contexts]}
        for summary in module.shorten(document.text, document.language, options.count)
    ]
    return {"summaries": summaries}


ALWAYS = frozenset(("modelVersion", "loggingOptOut"))
INDEXED = ALWAYS | {"stringIndexType"}
CUSTOM = frozenset(("loggingOptOut", "stringIndexType"))
OWN_MODEL = "it needs a model trained on your own labelled documents in your own Azure project"
FILTERS = frozenset(("inclusionList", "exclusionList"))

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "LanguageDetection", 1000, "languages", in_jobs=False,
            engine="languages", analyse=_language, parameters=ALWAYS,
        ),
        Kind(
            "SentimentAnalysis", 10, "sentiment", "sentimentAnalysisTasks",
            engine="sentiment", analyse=_sentiment, parameters=INDEXED | {"opinionMining"},
        ),
        Kind(
            "KeyPhraseExtraction", 10, "keyPhrases", "keyPhraseExtractionTasks",
            engine="key_phrases", analyse=_key_phrases, parameters=ALWAYS,
        ),
        Kind(
            "EntityRecognition", 5, "entities/recognition/general", "entityRecognitionTasks",
            engine="entities", analyse=_entities, parameters=INDEXED | FILTERS,
        ),
        Kind(
            "PiiEntityRecognition", 5, "entities/recognition/pii", "entityRecognitionPiiTasks", "v3.1",
            engine="pii", analyse=_pii, parameters=INDEXED | {"domain", "piiCategories"},
        ),
        Kind(
            "EntityLinking", 5, "entities/linking", "entityLinkingTasks", parameters=INDEXED,
            missing="it needs a knowledge base of the world's entities, and this machine has none",
        ),
        Kind(
            "Healthcare", parameters=INDEXED,
            missing="no openly licensed medical model is good enough to stand in for it",
        ),
        Kind(
            "ExtractiveSummarization", since="2023-04-01", engine="summaries", analyse=_extract,
            parameters=INDEXED | {"sentenceCount", "sortBy"},
        ),
        Kind(
            "AbstractiveSummarization", since="2023-04-01",
            engine="summaries", engine_name="ABSTRACTIVE", analyse=_shorten,
            parameters=INDEXED | {"sentenceCount", "summaryLength"},
        ),
        Kind("CustomEntityRecognition", parameters=CUSTOM, missing=OWN_MODEL),
        Kind("CustomSingleLabelClassification", parameters=CUSTOM, missing=OWN_MODEL),
        Kind("CustomMultiLabelClassification", parameters=CUSTOM, missing=OWN_MODEL),
    )
}  # fmt: skip


def refusal(kind):
    """The sentence that a kind without an engine is answered with."""
    return (
        f"{kind.name} is not answered by the local Azure: {kind.missing}. The page What runs locally lists what is; "
        "with your own endpoints in .env the same code runs on your Azure."
    )
