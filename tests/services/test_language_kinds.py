"""How engines' values become the wire's: rounding that keeps sums, pointers, redaction."""

import random

import pytest

from local_azure.services.language.kinds import KINDS, numbered, shares


@pytest.mark.parametrize("seed", range(50))
def test_rounded_scores_still_add_up_to_one(seed):
    dice = random.Random(seed)
    raw = [dice.random() ** 3 for _ in range(3)]
    exact = [value / sum(raw) for value in raw]
    rounded = shares(positive=raw[0], neutral=raw[1], negative=raw[2])
    assert round(sum(rounded.values()), 10) == 1
    for value, name in zip(exact, ("positive", "neutral", "negative"), strict=True):
        assert abs(rounded[name] - value) < 0.01
        assert round(rounded[name], 2) == rounded[name]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((1, 0, 0), (1.0, 0.0, 0.0)),
        ((1, 1, 1), (0.34, 0.33, 0.33)),
        ((0.005, 0.005, 0.99), (0.01, 0.0, 0.99)),
        ((2, 0, 2), (0.5, 0.0, 0.5)),
    ],
)
def test_rounding_by_largest_remainder(scores, expected):
    assert tuple(shares(**dict(zip("abc", scores, strict=True))).values()) == expected


def test_pointers_name_the_document_that_they_are_in():
    target = {
        "text": "x",
        "relations": [{"relationType": "assessment", "ref": "#/documents/0/sentences/0/assessments/1"}],
    }
    document = {"sentences": [{"targets": [target], "assessments": []}], "sentiment": "neutral"}
    moved = numbered(document, 7)
    assert moved["sentences"][0]["targets"][0]["relations"][0]["ref"] == "#/documents/7/sentences/0/assessments/1"
    assert document["sentences"][0]["targets"][0] is target, "the stored result stays as it was"
    assert numbered({"keyPhrases": []}, 7) == {"keyPhrases": []}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_kind_has_an_engine_or_says_why_not(kind):
    assert bool(kind.engine) != bool(kind.missing)
    assert bool(kind.analyse) == bool(kind.engine)
    assert kind.most or kind.in_jobs
    if kind.engine:
        engine = kind.described()
        assert engine.name and engine.version and engine.licence and engine.source
