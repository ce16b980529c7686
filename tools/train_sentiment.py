"""Train the sentiment classifier: `python tools/train_sentiment.py`.

Reads the labelled sentences in local_azure/engines/training/, embeds them, fits a logistic regression on the training
set, chooses its strength and calibrates its confidence (one temperature) on the development set, and writes
local_azure/engines/sentiment_weights.npz. Never reads tests/data/ or data/: those measure the result.
"""

import csv
import sys
from pathlib import Path

import numpy
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_azure.engines import embeddings  # noqa: E402

FOLDER = ROOT / "local_azure" / "engines" / "training"
LABELS = ("negative", "neutral", "positive")


def read(name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Embeddings (n, 512) and class numbers (n,) of one file."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return embeddings.embed([row["text"] for row in rows]), numpy.array(
        [LABELS.index(row["sentiment"]) for row in rows]
    )


def loss(logits: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Mean negative log-likelihood."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return float(numpy.mean(numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(len(labels)), labels]))


def main() -> None:
    train, train_labels = read("sentiment_train.csv")
    dev, dev_labels = read("sentiment_dev.csv")
    best = None
    for strength in (0.3, 1, 3, 10, 30):
        model = LogisticRegression(C=strength, max_iter=1000, class_weight="balanced").fit(train, train_labels)
        logits = dev @ model.coef_.T + model.intercept_
        temperature = min(numpy.arange(0.3, 4, 0.05), key=lambda t, logits=logits: loss(logits / t, dev_labels))
        result = loss(logits / temperature, dev_labels)
        accuracy = numpy.mean(logits.argmax(axis=1) == dev_labels)
        print(f"C={strength:<4} temperature={temperature:.2f} dev loss={result:.4f} dev accuracy={accuracy:.3f}")
        if best is None or result < best[0]:
            best = (result, strength, temperature, model)
    _, strength, temperature, model = best
    target = FOLDER.parent / "sentiment_weights.npz"
    numpy.savez_compressed(
        target,
        weights=(model.coef_.T / temperature).astype(numpy.float32),
        bias=(model.intercept_ / temperature).astype(numpy.float32),
    )
    print(
        f"kept C={strength}, temperature {temperature:.2f}: {target.relative_to(ROOT)}, {target.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
