"""How a text feels: a small classifier over sentence embeddings, and opinions found in the grammar of English.

Each sentence is embedded (engines/embeddings.py) and a logistic regression gives it three probabilities. Of an English
sentence it also sees what VADER's lexicon and rules make of it, which know slang, emoji and negation better than an
averaged vector does. The weights in `sentiment_weights.npz` come from tools/train_sentiment.py. The label of a document
follows Azure's rule.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import Engine, Span, embeddings, parsing, sentences, words

if TYPE_CHECKING:
    import numpy
    from spacy.tokens import Doc, Token

ENGINE = Engine(
    name="use-sentiment",
    version="2",
    languages=embeddings.ENGINE.languages,
    source="logistic regression of this project over " + embeddings.ENGINE.source + "; in English also over VADER",
    licence="MIT (our weights, VADER), CC BY 4.0 (our training sentences), Apache-2.0 (encoder)",
)
OPINION_LANGUAGES = words("en")
_LABELS = ("negative", "neutral", "positive")  # the order of the weights' columns


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities that sum to one. Of targets and assessments `neutral` is 0, as on Azure."""

    positive: float
    neutral: float
    negative: float

    def label(self) -> str:
        return max(("positive", "neutral", "negative"), key=lambda name: getattr(self, name))


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is said about a target."""

    span: Span
    label: str
    scores: Scores
    negated: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What an opinion is about. The label is mixed when the assessments disagree."""

    span: Span
    label: str
    scores: Scores
    assessments: list[Assessment]


@dataclass(frozen=True, slots=True)
class Sentence:
    span: Span
    label: str
    scores: Scores
    targets: list[Target] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The document: `label` is positive, neutral, negative or mixed."""

    label: str
    scores: Scores
    sentences: list[Sentence]


@lru_cache(maxsize=1)
def _weights() -> tuple["numpy.ndarray", "numpy.ndarray"]:
    import numpy

    with numpy.load(Path(__file__).with_name("sentiment_weights.npz")) as stored:
        return stored["weights"].astype(numpy.float32), stored["bias"].astype(numpy.float32)


@lru_cache(maxsize=1)
def vader():
    """VADER's analyser, loaded once."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def features(texts: list[str], language: str) -> "numpy.ndarray":
    """What the classifier sees: float32, shape (len(texts), 518). The last six are VADER's, and 0 outside English."""
    import numpy

    lexicon = numpy.zeros((len(texts), 6), dtype=numpy.float32)
    if language == "en":
        for row, text in zip(lexicon, texts, strict=True):
            said = vader().polarity_scores(text)
            compound = said["compound"]
            row[:] = compound, said["pos"], said["neg"], said["neu"], compound > 0.05, compound < -0.05
    return numpy.hstack([embeddings.embed(texts), lexicon])


def classify(texts: list[str], language: str) -> list[Scores]:
    """The probabilities of each text taken as one sentence."""
    import numpy

    if not texts:
        return []
    weights, bias = _weights()
    logits = features(texts, language) @ weights + bias
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    scores = []
    for row in powers / powers.sum(axis=1, keepdims=True):
        named = dict(zip(_LABELS, (round(float(value), 4) for value in row), strict=True))
        named["neutral"] = round(1 - named["negative"] - named["positive"], 4)
        scores.append(Scores(**named))
    return scores


def analyze(text: str, language: str, opinions: bool = False) -> Sentiment:
    """Sentiment of the document and of each sentence; with `opinions`, of what English sentences are about.

    Text without any sentence (white space) is neutral.
    """
    spans = sentences.split(text)
    scores = classify([span.of(text) for span in spans], language)
    targets: list[list[Target]] = [[] for _ in spans]
    if opinions and language in OPINION_LANGUAGES:
        targets = [_targets(span.of(text), span.start) for span in spans]
    found = [Sentence(*parts) for parts in zip(spans, (s.label() for s in scores), scores, targets, strict=True)]
    return Sentiment(document_label([sentence.label for sentence in found]), _average(spans, scores), found)


def document_label(labels: list[str]) -> str:
    """Azure's rule: both positive and negative sentences make a document mixed; neutral ones do not count."""
    kinds = set(labels) - {"neutral"}
    if len(kinds) > 1:
        return "mixed"
    return kinds.pop() if kinds else "neutral"


def _average(spans: list[Span], scores: list[Scores]) -> Scores:
    """Scores of a document: the mean over its sentences, weighted by their lengths."""
    total = sum(span.length for span in spans)
    if not total:
        return Scores(0.0, 1.0, 0.0)
    positive, negative = (
        round(sum(getattr(score, name) * span.length for span, score in zip(spans, scores, strict=True)) / total, 2)
        for name in ("positive", "negative")
    )
    return Scores(positive, round(1 - positive - negative, 2), negative)


# Opinions: (target, assessment) pairs in the parse of an English sentence.

_NOT_TARGETS = words("i you he she we they me him us them this that it who which what there")


def _targets(sentence: str, offset: int) -> list[Target]:
    document = parsing.parse(sentence)
    pairs: dict[int, tuple[Span, list[tuple[Span, Token, bool]]]] = {}
    for target, opinion, negated in _pairs(document):
        span = _phrase(target, {"compound", "nmod"}, document)
        place = Span(opinion.idx, len(opinion))
        if not span.start <= place.start < span.start + span.length:
            said = pairs.setdefault(target.i, (span, []))[1]
            if (place, opinion, negated) not in said:
                said.append((place, opinion, negated))
    found = []
    for span, said in pairs.values():
        assessments = []
        for (place, _, negated), scores in zip(said, _judged(said), strict=True):
            if scores.label() != "neutral":  # "the second card" judges nothing
                scores = _two_sided(scores, negated)
                assessments.append(Assessment(_move(place, offset), scores.label(), scores, negated))
        if assessments:
            mean = sum(a.scores.positive for a in assessments) / len(assessments)
            scores = Scores(round(mean, 2), 0.0, round(1 - mean, 2))
            labels = {a.label for a in assessments}
            label = "mixed" if len(labels) > 1 else labels.pop()
            found.append(Target(_move(span, offset), label, scores, assessments))
    return found


def _judged(said: list[tuple[Span, "Token", bool]]) -> list[Scores]:
    """The scores of each word that is said of one target.

    A word that only describes takes the side of one that judges and is joined to it by "and": old and dirty. With "but"
    it does not: old but friendly.
    """
    scored = classify([_frame(opinion) for _, opinion, _ in said], "en")
    judging = [
        index
        for index, ((_, opinion, _), scores) in enumerate(zip(said, scored, strict=True))
        if scores.label() != "neutral" and not _describes(opinion)
    ]
    for index, (_, opinion, negated) in enumerate(said):
        if index in judging or opinion.pos_ != "ADJ":
            continue
        partners = [other for other in judging if said[other][2] == negated and _joined(opinion, said[other][1])]
        if partners:
            phrase = f"So {opinion.lower_} and {said[partners[0]][1].lower_}."
            scored[index] = classify([phrase], "en")[0]
        elif _describes(opinion) and opinion.dep_ == "amod":
            scored[index] = Scores(0.0, 1.0, 0.0)  # "cold water", "a hot day"
    return scored


def _joined(one: "Token", other: "Token") -> bool:
    """Whether two adjectives stand in one list whose word, if it has one, is "and"."""
    if one.i != other.i and (one in other.conjuncts or other in one.conjuncts):
        between = one.doc[min(one.i, other.i) : max(one.i, other.i)]
        return not any(token.lower_ in ("but", "yet", "though", "or") for token in between)
    return False


def _describes(opinion: "Token") -> bool:
    return opinion.lower_ in _DESCRIBING


def _frame(opinion: "Token") -> str:
    """The opinion word in a tiny sentence: alone it is too little for the encoder, with its noun the noun decides."""
    if opinion.lemma_.lower() in _FEELING:
        return f"I {opinion.lemma_.lower()} it."
    if opinion.lemma_.lower() in _FAILING:
        return f"It {opinion.lower_}."
    return f"So {opinion.lower_}."


def _two_sided(scores: Scores, negated: bool) -> Scores:
    """Without the neutral share; a negated opinion counts the other way round."""
    positive = round(scores.positive / (scores.positive + scores.negative), 2)
    positive = round(1 - positive, 2) if negated else positive
    return Scores(positive, 0.0, round(1 - positive, 2))


def _move(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.length)


def _pairs(document: "Doc"):
    """Yields (noun, opinion word, negated): "the slow app", "the app is slow", "I love the app", "the app crashes"."""
    for token in document:
        if token.pos_ in ("NOUN", "PROPN"):
            for child in token.children:
                if child.dep_ == "amod" and child.pos_ == "ADJ":
                    words = (child, *child.conjuncts)
                    for word in words:
                        alone = len(words) == 1 and word.lower_ in _RELATIONAL
                        if not alone and not _fact(token, word):
                            yield token, word, _negated(word) or any(c.lower_ == "no" for c in token.children)
        if token.dep_ in ("acomp", "attr", "oprd") and token.head.pos_ in ("AUX", "VERB"):
            if token.pos_ not in ("ADJ", "VERB") and not any(child.dep_ == "amod" for child in token.children):
                continue
            for subject in _subjects(token.head):
                words = (token, *token.conjuncts) if token.pos_ in ("ADJ", "VERB") else _adjectives(token)
                for word in words:
                    if not _fact(subject, word):
                        yield subject, word, _negated(token.head) or _negated(word)
        if token.pos_ == "VERB" and token.dep_ in ("ROOT", "conj", "ccomp", "advcl"):
            objects = [child for child in token.children if child.dep_ == "dobj" and _is_target(child)]
            for noun in objects:
                for each in (noun, *(c for c in noun.conjuncts if _is_target(c))):
                    if token.lemma_.lower() in _FEELING:
                        yield each, token, _negated(token)
            if not objects and token.lemma_.lower() in _FAILING:
                for subject in _subjects(token):
                    yield subject, token, _negated(token)


# Adjectives that say which one, not how good.
_RELATIONAL = words(
    """mobile online digital new old other same next last first second third current previous monthly weekly daily
    annual personal financial medical national local international public private main whole more many much few
    several such own different available possible due"""
)
# What is so and not how good it is. Of a dish it may be a complaint, that it is cold; before a noun it tells which one.
_DESCRIBING = words(
    """hot cold warm cool mild wet dry long short big small large little tall wide thick thin heavy light dark rainy
    cloudy sunny windy snowy foggy icy old young new early late full empty red green blue yellow black white grey gray
    brown round square wooden plastic"""
)
_WEATHER = words(
    """day night morning evening afternoon week weekend month year season spring summer autumn fall winter weather
    temperature climate today yesterday"""
)
_FEELING = words(
    """love like enjoy adore hate dislike appreciate recommend despise loathe admire detest praise regret"""
)
_FAILING = words("""crash fail freeze break suck rock work disappoint impress hang lag stink delight shine""")


def _fact(noun: "Token", adjective: "Token") -> bool:
    """A hot day, a long night: how weather and time are."""
    return noun.lemma_.lower() in _WEATHER and adjective.lower_ in _DESCRIBING


def _adjectives(noun: "Token"):
    return [child for child in noun.children if child.dep_ == "amod"]


def _subjects(verb: "Token") -> list["Token"]:
    while verb.dep_ in ("conj", "xcomp") and not any(c.dep_ in ("nsubj", "nsubjpass") for c in verb.children):
        verb = verb.head
    found = []
    for child in verb.children:
        if child.dep_ in ("nsubj", "nsubjpass"):
            found += [noun for noun in (child, *child.conjuncts) if _is_target(noun)]
    return found


def _is_target(token: "Token") -> bool:
    return token.pos_ in ("NOUN", "PROPN") and token.lower_ not in _NOT_TARGETS


def _negated(token: "Token") -> bool:
    return any(
        child.dep_ == "neg" or (child.lower_ in ("never", "hardly", "barely", "no") and child.dep_ == "advmod")
        for child in token.children
    )


def _phrase(token: "Token", joined: set[str], document: "Doc") -> Span:
    """The token with the words that belong to it, as a stretch of the sentence."""
    first = last = token
    for child in token.children:
        if child.dep_ in joined:
            first = child if child.i < first.i and child.i == first.i - 1 else first
            last = child if child.i == last.i + 1 else last
    compounds = [child for child in token.children if child.dep_ == "compound" and child.i < token.i]
    if "compound" in joined and compounds:
        first = document[min(child.left_edge.i for child in compounds)]
    return Span(first.idx, last.idx + len(last) - first.idx)
