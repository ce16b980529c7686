"""Which language a text is written in: py3langid, a naive Bayes model over byte n-grams, with a prior and whole words.

py3langid knows 140 languages and takes them all for equally likely, so that one word of English may come out as Breton.
Here a few dozen widely written languages weigh more, and the languages of the caller's country more still. Of a text of
a few words the letters say little, and people begin with a greeting: there each word also counts by how often it is
used in each of forty languages (`word_frequencies.npz`). On a longer text neither changes anything.
"""

import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from math import exp, log
from pathlib import Path

from . import Engine, words

ENGINE = Engine(
    name="py3langid",
    version=version("py3langid"),
    languages=frozenset(),
    source="py3langid (model trained by its authors); words of wordfreq 3.1; a prior of ours over languages",
    licence="BSD-3-Clause; the words CC BY-SA 4.0",
)


@dataclass(frozen=True, slots=True)
class Language:
    """`code` as Azure writes it (ISO 639-1, with zh_chs and zh_cht for Chinese); `score` from 0 to 1."""

    name: str
    code: str
    score: float


UNKNOWN = Language("(Unknown)", "(Unknown)", 0.0)

# Names under which Azure lists the languages.
_NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani", "ba": "Bashkir",
    "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "br": "Breton", "bs": "Bosnian", "ca": "Catalan",
    "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fo": "Faroese",
    "fr": "French", "fy": "Western Frisian", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician",
    "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "ht": "Haitian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh", "km": "Central Khmer", "kn": "Kannada",
    "ko": "Korean", "ku": "Kurdish", "ky": "Kirghiz", "la": "Latin", "lb": "Luxembourgish", "lg": "Ganda",
    "ln": "Lingala", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mg": "Malagasy", "mk": "Macedonian",
    "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese",
    "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "oc": "Occitan", "or": "Odia",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "qu": "Quechua", "ro": "Romanian",
    "ru": "Russian", "rw": "Kinyarwanda", "sa": "Sanskrit", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "sn": "Shona", "so": "Somali", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai", "tk": "Turkmen", "tl": "Tagalog",
    "tr": "Turkish", "tt": "Tatar", "ug": "Uighur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek",
    "vi": "Vietnamese", "xh": "Xhosa", "yo": "Yoruba", "zh": "Chinese_Simplified", "zu": "Zulu",
}  # fmt: skip

# Regional labels of py3langid counted with the language that Azure lists.
_PART_OF = {"ary": "ar", "arz": "ar", "yue": "zh", "wuu": "zh", "grc": "el", "hbo": "he", "uzs": "uz", "sdh": "ku",
            "pcm": "en", "gug": "qu"}  # fmt: skip

_PRIOR_OF_ENGLISH = 2.0
_MOST_WRITTEN = words("ar de en es fr hi it ja ko nl pl pt ru tr uk zh")
_WIDELY_WRITTEN = words("""bg bn ca cs da el et fa fi he hr hu id lt lv ms no ro sk sl sq sr sv sw ta te th tl ur vi""")
_HINT = 4.0  # how many times likelier a language of the caller's country is

_COUNTRIES = {
    "us": "en es", "gb": "en", "ie": "en", "au": "en", "nz": "en", "ca": "en fr", "za": "en af zu xh", "in": "en hi",
    "de": "de", "at": "de", "ch": "de fr it", "li": "de", "lu": "fr de lb", "be": "nl fr de", "nl": "nl", "fr": "fr",
    "mc": "fr", "es": "es ca gl eu", "mx": "es", "ar": "es", "co": "es", "cl": "es", "pe": "es", "ve": "es",
    "ec": "es", "uy": "es", "cr": "es", "pt": "pt", "br": "pt", "ao": "pt", "mz": "pt", "it": "it", "sm": "it",
    "pl": "pl", "cz": "cs", "sk": "sk", "hu": "hu", "ro": "ro", "bg": "bg", "gr": "el", "hr": "hr", "rs": "sr",
    "si": "sl", "tr": "tr", "ru": "ru", "ua": "uk", "dk": "da", "no": "no", "se": "sv", "fi": "fi sv", "ee": "et",
    "lv": "lv", "lt": "lt", "is": "is", "jp": "ja", "kr": "ko", "cn": "zh", "tw": "zh", "hk": "zh en", "sg": "en zh",
    "th": "th", "vn": "vi", "id": "id", "my": "ms", "ph": "tl en", "il": "he", "sa": "ar", "eg": "ar", "ae": "ar",
    "ma": "ar fr", "ir": "fa", "pk": "ur en", "ke": "sw en", "ng": "en ha yo ig",
}  # fmt: skip

# A few characters that only traditional or only simplified Chinese uses.
_TRADITIONAL = frozenset(
    "們個這來時會說國學對開關問題體點當經過還後從發東車長門見書買賣愛錢銀帳號請謝歡語話寫讀聽嗎麼給"
)
_SIMPLIFIED = (
    frozenset("们个这来时会说国学对开关问题体点当经过还后从发东车长门见书买卖爱钱银账号请谢欢语话写读听吗么给")
    - _TRADITIONAL
)
_NOT_LATIN = words(
    """am ar as ba be bg bn el fa gu he hi hy ja ka kk km kn ko ky lo mk ml mn mr my ne or pa ps ru sa si ta te tg th
    tt ug uk ur zh"""
)
# The scripts of the languages above, as the names of their letters begin.
_SCRIPTS = words(
    """ARABIC ARMENIAN BENGALI CJK CYRILLIC DEVANAGARI ETHIOPIC GEORGIAN GREEK GUJARATI GURMUKHI HANGUL HEBREW HIRAGANA
    KANNADA KATAKANA KHMER LAO LATIN MALAYALAM MYANMAR ORIYA SINHALA TAMIL TELUGU THAI FULLWIDTH HALFWIDTH"""
)
_SHORT = 8  # words; beyond them the letters alone are surer
_WORDS_WEIGH = 0.6  # of a word's evidence, since the letters of the same word have been counted already
_RAREST = 70  # tenths of a power of ten: how rare a word is taken for that a language's list lacks
_NO_LIST = 65  # and that of a language without a list
_loading = threading.Lock()


@lru_cache(maxsize=1)
def _model():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=1)
def _lists():
    import numpy

    with numpy.load(Path(__file__).with_name("word_frequencies.npz")) as data:
        codes = [code.split() for code in data["codes"].tolist()]
        return codes, *(data[name] for name in ("words", "starts", "languages", "rarity"))


@lru_cache(maxsize=1)
def _listed() -> frozenset[str]:
    return frozenset(code for codes in _lists()[0] for code in codes)


def _rarity(word: str) -> dict[str, int]:
    """In which languages a word is common, and how rare it is there; empty for a word of no list."""
    codes, known, starts, languages, rarity = _lists()
    wanted = word.encode()
    place = int(known.searchsorted(wanted)) if len(wanted) <= known.itemsize else len(known)
    if place == len(known) or known[place] != wanted:
        return {}
    entries = range(int(starts[place]), int(starts[place + 1]))
    return {code: int(rarity[entry]) for entry in entries for code in codes[languages[entry]]}


def _from_words(words: list[str]) -> dict[str, float]:
    """The logarithm of what the words say for each language, by code; "" for languages without a list."""
    found = [rare for rare in map(_rarity, words) if rare]
    evidence = {"": _NO_LIST * len(found)}
    if found:
        evidence |= {code: sum(rare.get(code, _RAREST) for rare in found) for code in _listed()}
    return {code: -tenths / 10 * log(10) * _WORDS_WEIGH for code, tenths in evidence.items()}


def _prior(code: str, hinted: list[str]) -> float:
    prior = 1.0 if code in _MOST_WRITTEN else 0.4 if code in _WIDELY_WRITTEN else 0.05
    if code == "en":
        prior *= _PRIOR_OF_ENGLISH
    if code in hinted:
        prior *= _HINT if code == hinted[0] else _HINT / 2
    return prior


def identify(text: str, country_hint: str = "") -> Language:
    """The most likely language; `UNKNOWN` when the text has no letters or the model knows nothing about them.

    `country_hint` is an ISO 3166-1 alpha-2 code or empty. The score is the model's probability under our prior.
    """
    letters = "".join(
        character if character.isalpha() or unicodedata.combining(character) else " " for character in text
    )
    letters = " ".join(letters.split())
    if not letters:
        return UNKNOWN
    scripts = [unicodedata.name(letter, "").split(" ")[0] for letter in letters if letter.isalpha()]
    if sum(script in _SCRIPTS for script in scripts) * 2 < len(scripts):
        return UNKNOWN
    with _loading:
        model = _model()
    ranked = model.rank(letters)
    hinted = _COUNTRIES.get(country_hint.lower(), "").split()
    words = letters.lower().split()
    spoken = _from_words(words) if len(words) <= _SHORT else {"": 0.0}
    if ranked[0][1] < 2.5 / len(ranked) and not hinted and len(spoken) == 1:
        return UNKNOWN  # all languages alike: the model has seen none of these letter groups, no list these words
    latin = all(script == "LATIN" for script in scripts)
    probabilities: dict[str, float] = {}
    for label, probability in ranked:
        code = _PART_OF.get(label, label)
        if code in _NAMES and not (latin and code in _NOT_LATIN):
            probabilities[code] = probabilities.get(code, 0.0) + probability
    logarithms = {
        code: log(max(probability, 1e-300)) + log(_prior(code, hinted)) + spoken.get(code, spoken[""])
        for code, probability in probabilities.items()
    }
    highest = max(logarithms.values())
    weights = {code: exp(value - highest) for code, value in logarithms.items()}
    code = max(weights, key=weights.__getitem__)
    score = round(weights[code] / sum(weights.values()), 4)
    if code == "zh":
        traditional = len(_TRADITIONAL & set(text)) > len(_SIMPLIFIED & set(text))
        return (
            Language("Chinese_Traditional", "zh_cht", score) if traditional else Language(_NAMES[code], "zh_chs", score)
        )
    return Language(_NAMES[code], code, score)
