"""What a text is about, in its own words: noun phrases, ranked.

English: the noun chunks of the parse. Other languages: runs of words between stop words and punctuation, which is
rougher (a verb may end up in a phrase).
"""

import re
from collections import Counter
from functools import cache

from . import Engine, parsing, sentences, words

ENGINE = Engine(
    name="key-phrases",
    version="1",
    languages=words("en es fr de pt it nl"),
    source="our ranking of noun phrases; English grammar from " + parsing.SOURCE + "; stop words from spaCy",
    licence="MIT",
)
_LONGEST = 5  # words in a phrase
_WORD = re.compile(r"[^\W_]+(?:[-'’.&][^\W_]+)*")
_SMALL_TALK = words(
    """hi hello hey thanks thank please regards sir madam dear lot lots thing things way bit one ones"""
)


def extract(text: str, language: str) -> list[str]:
    """Distinct phrases as they stand in the text, the most important first; may be empty."""
    candidates = _english(text) if language == "en" else _other(text, language)
    counted: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    for place, phrase in enumerate(candidates):
        counted[phrase.lower()] += 1
        first.setdefault(phrase.lower(), (place, phrase))
    words = Counter(word.lower() for phrase in first for word in phrase.split())

    def weight(phrase: str) -> tuple[float, int]:
        place, written = first[phrase]
        parts = phrase.split()
        shared = sum(words[part] for part in parts) / len(parts)
        named = 0.5 if any(word[0].isupper() for word in written.split()) else 0.0
        return -(counted[phrase] + 0.3 * shared + 0.3 * min(len(parts), 3) + named), place

    return [first[phrase][1] for phrase in sorted(first, key=weight)]


def _english(text: str) -> list[str]:
    found = []
    document = parsing.parse(text)
    for chunk in document.noun_chunks:
        tokens = list(chunk)
        while tokens and (tokens[0].is_stop or tokens[0].is_punct or tokens[0].pos_ in ("DET", "PRON", "NUM", "INTJ")):
            tokens.pop(0)
        while tokens and (tokens[-1].is_punct or tokens[-1].is_space or tokens[-1].pos_ in ("PRON", "INTJ", "SYM")):
            tokens.pop()
        if not tokens or len(tokens) > _LONGEST or tokens[-1].pos_ not in ("NOUN", "PROPN", "ADJ", "VERB", "X"):
            continue
        phrase = text[tokens[0].idx : tokens[-1].idx + len(tokens[-1])]
        if "\n" in phrase or len(phrase) < 2 or phrase.lower() in _SMALL_TALK or not any(map(str.isalpha, phrase)):
            continue
        found.append(phrase)
    return found


@cache
def _stop_words(language: str) -> frozenset[str]:
    from importlib import import_module

    return frozenset(import_module(f"spacy.lang.{language}.stop_words").STOP_WORDS)


def _other(text: str, language: str) -> list[str]:
    stop = _stop_words(language)
    found = []
    for sentence in sentences.split(text):
        piece = sentence.of(text)
        run: list[re.Match[str]] = []
        for match in (*_WORD.finditer(piece), None):
            joined = match is not None and (not run or piece[run[-1].end() : match.start()].isspace())
            word = match.group().lower() if match else ""
            elided = re.split("['’]", word)[-1]  # l'application, d'una
            useless = word in stop or elided in stop or len(elided) < 3 or not any(map(str.isalpha, word))
            if run and (not joined or useless):
                found += _phrase(piece, run)
                run = []
            if match and not useless:
                run.append(match)
    return found


def _phrase(piece: str, run: list[re.Match[str]]) -> list[str]:
    phrase = piece[run[0].start() : run[-1].end()]
    elided = re.match(r"\w{1,5}['’](?=\w)", phrase)
    if elided:
        phrase = phrase[elided.end() :]
    return [phrase] if len(run) <= _LONGEST and len(phrase) > 2 else []
