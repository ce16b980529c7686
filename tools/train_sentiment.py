"""Train the sentiment classifier: `python tools/train_sentiment.py`.

Reads the labelled sentences in local_azure/engines/training/, embeds them, and fits a logistic regression. Its strength
and the temperature that calibrates its confidence are those with the smallest loss on the development set; the weights
that are kept come from both sets together, and go to local_azure/engines/sentiment_weights.npz. Never reads tests/data/
or data/: those measure the result.
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
TARGET = FOLDER.parent / "sentiment_weights.npz"
LABELS = ("negative", "neutral", "positive")


def read(name: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Embeddings (n, 512) and class numbers (n,) of one file."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [LABELS.index(row["sentiment"]) for row in rows]
    return embeddings.embed([row["text"] for row in rows]), numpy.array(labels)


def fit(vectors: numpy.ndarray, labels: numpy.ndarray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000, class_weight="balanced").fit(vectors, labels)


def loss(logits: numpy.ndarray, labels: numpy.ndarray) -> float:
    """Mean negative log-likelihood."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return float(numpy.mean(numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(len(labels)), labels]))


def main() -> None:
    train, train_labels = read("sentiment_train.csv")
    dev, dev_labels = read("sentiment_dev.csv")
    results = []
    for strength in (0.3, 1, 3, 10, 30):
        logits = fit(train, train_labels, strength).decision_function(dev)
        temperatures = numpy.arange(0.3, 4, 0.05)
        temperature = min(temperatures, key=lambda t, logits=logits: loss(logits / t, dev_labels))
        accuracy = float(numpy.mean(logits.argmax(axis=1) == dev_labels))
        results.append((loss(logits / temperature, dev_labels), strength, float(temperature)))
        print(f"strength {strength:<4} temperature {temperature:.2f} loss {results[-1][0]:.4f} accuracy {accuracy:.3f}")
    _, strength, temperature = min(results)
    labels = numpy.concatenate([train_labels, dev_labels])
    model = fit(numpy.concatenate([train, dev]), labels, strength)
    numpy.savez_compressed(
        TARGET,
        weights=(model.coef_.T / temperature).astype(numpy.float32),
        bias=(model.intercept_ / temperature).astype(numpy.float32),
    )
    print(f"kept strength {strength}, temperature {temperature:.2f}, from {len(labels)} sentences:")
    print(f"{TARGET.relative_to(ROOT)}, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
