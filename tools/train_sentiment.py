"""Train the sentiment classifier: `python tools/train_sentiment.py FOLDER`.

Learns from the labelled sentences in local_azure/engines/training/ and from the English texts that VADER's authors
rated and published (FOLDER: the unpacked `hutto_ICWSM_2014.tar.gz` from the source distribution of `vaderSentiment`,
MIT). Of these every fifth is left for measuring, and every fifth for choosing. They are ten times as many as our
sentences and English only, so each counts a fifth. The strength of the regression and the temperature that calibrates
its confidence are those with the smallest loss on the development part; the weights go to
local_azure/engines/sentiment_weights.npz. Never reads tests/data/ or data/: those measure the result.
"""

import csv
import sys
from pathlib import Path

import numpy
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_azure.engines import sentiment  # noqa: E402

FOLDER = ROOT / "local_azure" / "engines" / "training"
TARGET = FOLDER.parent / "sentiment_weights.npz"
LABELS = ("negative", "neutral", "positive")
SHARE = 0.2  # of one published text, where a sentence of ours counts 1
PUBLISHED = ("tweets", "amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets")
MEASURED, CHOSEN = 0, 1  # which of every five published texts is for what; the others are learnt from


def seen(texts: list[str], language: str) -> numpy.ndarray:
    """Features of many texts, some at a time."""
    parts = [sentiment.features(texts[i : i + 64], language) for i in range(0, len(texts), 64)]
    return numpy.concatenate(parts)


def ours(name: str) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Features (n, 518), class numbers (n,) and shares (n,) of one of our files."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    vectors = [sentiment.features([row["text"]], row["language"]) for row in rows]
    return (
        numpy.concatenate(vectors),
        numpy.array([LABELS.index(row["sentiment"]) for row in rows]),
        numpy.ones(len(rows)),
    )


def published(folder: Path, name: str) -> list[tuple[str, str]]:
    """(text, label) of one set of VADER's authors: twenty raters' mean within half a point of zero is neutral."""
    lines = (folder / f"{name}_GroundTruth.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split("\t") for line in lines if line.count("\t") == 2]
    return [
        (text, "positive" if float(mean) > 0.5 else "negative" if float(mean) < -0.5 else "neutral")
        for _, mean, text in rows
    ]


def theirs(folder: Path, wanted) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """As `ours`, of the published texts whose number modulo five is `wanted`."""
    rows = [row for name in PUBLISHED for number, row in enumerate(published(folder, name)) if wanted(number % 5)]
    labels = numpy.array([LABELS.index(label) for _, label in rows])
    return seen([text for text, _ in rows], "en"), labels, numpy.full(len(rows), SHARE)


def fit(vectors, labels, shares, strength: float) -> LogisticRegression:
    model = LogisticRegression(C=strength, max_iter=3000, class_weight="balanced")
    return model.fit(vectors, labels, sample_weight=shares)


def loss(logits: numpy.ndarray, labels: numpy.ndarray, shares: numpy.ndarray) -> float:
    """Mean negative log-likelihood."""
    logits = logits - logits.max(axis=1, keepdims=True)
    surprise = numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(len(labels)), labels]
    return float(numpy.average(surprise, weights=shares))


def joined(first, second):
    return [numpy.concatenate(parts) for parts in zip(first, second, strict=True)]


def main() -> None:
    folder = Path(sys.argv[1])
    train = joined(ours("sentiment_train.csv"), theirs(folder, lambda fifth: fifth not in (MEASURED, CHOSEN)))
    dev = joined(ours("sentiment_dev.csv"), theirs(folder, lambda fifth: fifth == CHOSEN))
    results = []
    for strength in (0.3, 1, 3, 10):
        logits = fit(*train, strength).decision_function(dev[0])
        temperatures = numpy.arange(0.3, 4, 0.05)
        temperature = min(temperatures, key=lambda t, logits=logits: loss(logits / t, *dev[1:]))
        accuracy = numpy.average(logits.argmax(axis=1) == dev[1], weights=dev[2])
        results.append((loss(logits / temperature, *dev[1:]), strength, float(temperature)))
        print(f"strength {strength:<4} temperature {temperature:.2f} loss {results[-1][0]:.4f} accuracy {accuracy:.3f}")
    _, strength, temperature = min(results)
    everything = joined(train, dev)
    model = fit(*everything, strength)
    numpy.savez_compressed(
        TARGET,
        weights=(model.coef_.T / temperature).astype(numpy.float32),
        bias=(model.intercept_ / temperature).astype(numpy.float32),
    )
    print(f"kept strength {strength}, temperature {temperature:.2f}, from {len(everything[1])} texts:")
    print(f"{TARGET.relative_to(ROOT)}, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
