"""Summaries. Extractive: the sentences nearest to what the whole text says, without repeating each other.

Abstractive: those sentences made shorter by deleting asides, relative clauses and adverbials that the parse finds. It
never writes a word that is not in the text; Azure's service does, so expect its summaries to read better.
"""

import re
from dataclasses import dataclass

from . import Engine, Span, embeddings, parsing, sentences, words

ENGINE = Engine(
    name="use-summary",
    version="1",
    languages=embeddings.ENGINE.languages,
    source="maximal marginal relevance over " + embeddings.ENGINE.source,
    licence=embeddings.ENGINE.licence,
)
ABSTRACTIVE = Engine(
    name="sentence-compression",
    version="1",
    languages=words("en"),
    source="deletes clauses of extracted sentences, with grammar from " + parsing.SOURCE,
    licence=parsing.LICENCE,
)
_VARIETY = 0.35  # weight of not repeating what is already in the summary
_EARLY = 0.08  # what the first sentence gains over the last: texts begin with what matters


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sentence of the text and how well it stands for the whole, from 0 to 1."""

    span: Span
    rank: float


@dataclass(frozen=True, slots=True)
class Summary:
    """`contexts` are the sentences of the text that the summary was made from."""

    text: str
    contexts: list[Span]


def extract(text: str, language: str, count: int) -> list[Ranked]:
    """At most `count` sentences in order of rank, the best first; `language` may be any of `ENGINE.languages`."""
    import numpy

    spans = sentences.split(text)
    if not spans:
        return []
    vectors = embeddings.embed([span.of(text) for span in spans])
    lengths = numpy.array([len(span.of(text).split()) for span in spans])
    centre = (vectors * numpy.minimum(lengths, 25)[:, None]).sum(axis=0)
    centre /= max(float(numpy.linalg.norm(centre)), 1e-9)
    relevance = vectors @ centre + _EARLY * (1 - numpy.arange(len(spans)) / len(spans))
    relevance -= 0.3 * (lengths < 5)  # "Thank you." stands for nothing
    said = [" ".join(re.findall(r"\w+", span.of(text).lower())) for span in spans]
    again = numpy.array([words in said[:index] for index, words in enumerate(said)])
    chosen: list[int] = []
    while len(chosen) < min(count, int((~again).sum())):
        repeated = (vectors @ vectors[chosen].T).max(axis=1) if chosen else numpy.zeros(len(spans))
        gain = relevance - _VARIETY * repeated
        gain[again] = -numpy.inf  # the same words once more
        gain[chosen] = -numpy.inf
        chosen.append(int(gain.argmax()))
    chosen.sort(key=lambda index: -relevance[index])
    return [Ranked(spans[index], round(min(max(float(relevance[index]), 0.0), 1.0), 2)) for index in chosen]


def shorten(text: str, language: str, count: int) -> list[Summary]:
    """One summary of at most `count` compressed sentences, in the order of the text; empty for empty text."""
    chosen = sorted((ranked.span for ranked in extract(text, language, count)), key=lambda span: span.start)
    if not chosen:
        return []
    return [Summary(" ".join(compress(span.of(text)) for span in chosen), chosen)]


_DELETED = words("relcl advcl appos parataxis npadvmod intj")
_DELETED_ADVERBS = words(
    """however moreover furthermore meanwhile therefore also really very actually basically obviously certainly
    unfortunately fortunately indeed finally additionally overall generally quite rather simply"""
)


def compress(sentence: str) -> str:
    """The sentence without asides, relative clauses and commenting adverbs; no new word, same order."""
    document = parsing.parse(sentence)
    gone: set[int] = set()
    depth = 0
    for token in document:
        if token.text == "(":
            depth += 1
        if depth:
            gone.add(token.i)
        if token.text == ")" and depth:
            depth -= 1
        if token.dep_ in _DELETED and _is_aside(token):
            first, last = token.left_edge.i, token.right_edge.i
            gone.update(range(first, last + 1))
            if first and last + 1 < len(document) and document[last + 1].text == ",":
                gone.add(last + 1)
                if document[first - 1].text == ",":
                    gone.add(first - 1)
        if (
            token.dep_ == "advmod"
            and token.lower_ in _DELETED_ADVERBS
            and not any(c.dep_ == "neg" for c in token.children)
        ):
            gone.add(token.i)
    if any(token.dep_ == "ROOT" and token.i in gone for token in document) or len(gone) > 0.6 * len(document):
        return sentence
    kept = ""
    for token in document:
        if token.i in gone:
            continue
        if kept and not kept[-1].isspace() and token.i - 1 in gone and not token.is_punct:
            kept += " "  # the space went with the words that stood here
        kept += token.text_with_ws
    return _tidy(kept)


def _is_aside(token) -> bool:
    """Only what commas, dashes or brackets set off may go: "the card that I lost" needs its clause."""
    document = token.doc
    first, last = token.left_edge.i, token.right_edge.i
    before = document[first - 1].text if first else ""
    after = document[last + 1].text if last + 1 < len(document) else "."
    set_off = {",", "-", "–", "—", "(", ";", ")"}
    conditional = any(child.dep_ == "mark" and child.lower_ in ("if", "unless", "until") for child in token.children)
    return (
        not conditional and (before in set_off or (not before and after == ",")) and after in set_off | {".", "!", "?"}
    )


def _tidy(text: str) -> str:
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"[,;–—-]+\s*(?=[,.;:!?])", "", text)
    text = re.sub(r"^[\s,;–—-]+", "", text)
    text = re.sub(r",\s*,+", ",", re.sub(r"\s{2,}", " ", text)).strip()
    return text[:1].upper() + text[1:]
