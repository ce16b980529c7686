"""Personal data under Azure's category names: numbers with check digits (presidio's recognisers), shapes, and names.

The patterns work in every language of the engine. Names of people and organisations need a model and are found only in
the languages of `entities.ENGINE`. A pattern that has no check digit counts only when a word near it says what it is
("passport", "routing"): without that, any nine digits would be a passport.
"""

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from . import Engine, Span, entities, parsing, patterns, words
from .entities import Entity

ENGINE = Engine(
    name="presidio-pii",
    version=version("presidio-analyzer"),
    languages=words("en es fr de pt it"),
    source="patterns and check digits of presidio-analyzer (PyPI); names from " + parsing.SOURCE,
    licence="MIT",
)


@dataclass(frozen=True, slots=True)
class _Number:
    """One kind of number: a class of presidio, or a pattern of ours with an optional check."""

    category: str
    recognizer: str = ""  # class in presidio_analyzer.predefined_recognizers
    pattern: str = ""
    near: str = ""  # words of which one must stand nearby when the number proves nothing by itself
    check: str = ""  # name of a function here: (digits and letters only) -> bool
    languages: str = ""  # empty: all
    score: float = 0.85


_NUMBERS = (
    _Number("CreditCardNumber", recognizer="CreditCardRecognizer"),
    _Number("InternationalBankingAccountNumber", recognizer="IbanRecognizer"),
    _Number("USSocialSecurityNumber", pattern=r"(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}"),
    _Number(
        "USSocialSecurityNumber",
        pattern=r"(?!000|666|9\d\d)(?:\d{9}|\d{3} \d\d \d{4})",
        near="ssn|social security",
    ),
    _Number("USIndividualTaxpayerIdentification", recognizer="UsItinRecognizer", near="itin|taxpayer|tax id"),
    _Number(
        "UKNationalInsuranceNumber",
        pattern=r"(?!BG|GB|NK|KN|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D]",
    ),
    _Number("UKNationalHealthNumber", recognizer="NhsRecognizer", near="nhs|national health|patient"),
    _Number(
        "UKDriversLicenseNumber",
        pattern=r"[A-Z9]{5}\d[0156]\d[0-3]\d\d[A-Z9]{2}\d[A-Z]{2}",
        near="driv|licen[cs]e",
    ),
    _Number(
        "USUKPassportNumber",
        pattern=r"[A-Z]?\d{8,9}",
        near="passport|pasaporte|passeport|reisepass|passaporte|passaporto",
    ),
    _Number(
        "USDriversLicenseNumber",
        pattern=r"[A-Z]\d{6,8}|[A-Z]\d{12,13}",
        near="driver'?s? licen[cs]e|driving licen[cs]e",
    ),
    _Number("ABARoutingNumber", pattern=r"\d{9}", near="routing|aba", check="_aba"),
    _Number(
        "SWIFTCode",
        pattern=r"[A-Z]{4}(?:A[DETU]|B[ER]|C[AHNZ]|D[EK]|ES|F[IR]|G[BR]|HK|I[ENT]|JP|LU|MX|N[LO]|P[LT]|S[EG]|US|ZA)"
        r"[A-Z0-9]{2}(?:[A-Z0-9]{3})?",
        near="swift|bic",
    ),
    _Number("USBankAccountNumber", pattern=r"\d{8,17}", languages="en", near="account|acct|a/c"),
    _Number("CASocialInsuranceNumber", recognizer="CaSinRecognizer", near="sin|social insurance"),
    _Number("ESDNI", pattern=r"(?:\d{8}|[XYZ]\d{7})[ -]?[A-HJ-NP-TV-Z]", check="_spanish"),
    _Number(
        "FRSocialSecurityNumber",
        pattern=r"[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d",
        check="_french",
    ),
    _Number("DETaxIdentificationNumber", recognizer="DeTaxIdRecognizer", near="steuer|tax|idnr|identifikation"),
    _Number(
        "DEIdentityCardNumber",
        pattern=r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}",
        near="ausweis|personalausweis|identity card",
    ),
    _Number("ITFiscalCode", recognizer="ItFiscalCodeRecognizer"),
    _Number(
        "PTTaxIdentificationNumber",
        pattern=r"[12356789]\d{2} ?\d{3} ?\d{3}",
        near="nif|contribuinte|fiscal",
        check="_portuguese",
    ),
    _Number("BRCPFNumber", pattern=r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}", check="_cpf", near="cpf|cadastro"),
)

_SHAPES = ("Email", "URL", "IPAddress", "PhoneNumber", "Address", "Date", "Age")
_NAMES = ("Person", "PersonType", "Organization")
CATEGORIES = frozenset(_NAMES) | frozenset(_SHAPES) | {number.category for number in _NUMBERS}
# Azure answers with all of its categories when none are asked for; so do we.
DEFAULT_CATEGORIES = CATEGORIES
# With the domain phi (protected health information), Azure leaves out what says nothing about a patient.
PHI_CATEGORIES = CATEGORIES - {"PersonType", "SWIFTCode", "ABARoutingNumber"}

_WINDOW = 48  # characters before a number in which the word that explains it is looked for
_MONTH = (
    "(?:jan|feb|fev|fév|mar|mär|apr|abr|avr|may|mai|maj|mayo|jun|juin|jul|juil|aug|ago|août|sep|set|oct|okt|out|ott"
    r"|nov|dec|dez|dic|déc|gen|giu|lug|ene)[^\W\d_]*"
)
_YEAR = r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"""
    \b\d{{1,2}}[/.-]\d{{1,2}}[/.-](?:19|20)?\d\d\b            # 12/04/1961
    | \b{_YEAR}-\d\d-\d\d\b                                   # 1961-04-12
    | \b\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?[ ](?:de[ ]|d'|of[ ])?{_MONTH}(?:[ ](?:de[ ])?{_YEAR})?\b
    | \b(?:january|february|march|april|may|june|july|august|september|october|november|december)
      [ ]\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ ]{_YEAR})?\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_AGE = re.compile(
    r"\b\d{1,3}[ -]years?[ -]old\b|\baged? \d{1,3}\b|\b\d{1,3} (?:años|ans|jahre alt|anos|anni)\b"
    r"|(?<=I am )\d{2}(?=[ ,.!])|(?<=I'm )\d{2}(?=[ ,.!])",
    re.IGNORECASE,
)
_CAPITAL = r"[A-ZÀ-ÖØ-Þ](?:[^\W\d_]|['’-])+"
_ADDRESS = re.compile(
    rf"""
    \b\d{{1,5}}[A-Za-z]?,?[ ](?:{_CAPITAL}[ ]){{1,3}}              # 12 Rose Lane, London N1 4AB
      (?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Square|Place|Pl|Terrace|Crescent|Gardens
        |Boulevard|Blvd|Row|Hill|Grove|Park)\b\.?
      (?:,?[ ]{_CAPITAL}(?:[ ]{_CAPITAL})?)?
      (?:,?[ ](?:[A-Z]{{1,2}}\d[A-Z\d]?[ ]?\d[A-Z]{{2}}|[A-Z]{{2}}[ ]\d{{5}}))?
    | \b(?:\d{{1,4}}(?:[ ]bis|[ ]ter)?,?[ ])                       # 12 rue Victor Hugo, 75002 Paris
      (?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Cc]hemin|[Pp]lace|[Qq]uai)[ ]
      (?:de[ ]|du[ ]|des[ ]|la[ ]|le[ ]|les[ ]|l['’]|d['’])*
      {_CAPITAL}(?:[ ]{_CAPITAL})*(?:,?[ ]\d{{5}}[ ]{_CAPITAL})?
    | \b(?:[Cc]alle|C/|[Aa]venida|[Aa]vda\.?|[Pp]laza|[Pp]aseo|[Rr]ua|[Tt]ravessa|[Pp]raça|[Vv]ia|[Vv]iale|[Cc]orso
        |[Pp]iazza)[ ]?(?:de[ ]|del[ ]|da[ ]|do[ ]|das[ ]|dos[ ]|la[ ]|las[ ]|los[ ]|el[ ]|di[ ]|della[ ]|dei[ ])*
      {_CAPITAL}(?:[ ](?:de[ ]|da[ ]|do[ ])?{_CAPITAL})*,?[ ](?:n\.?[ºo°][ ]?)?\d{{1,4}}      # Calle Mayor 4
      (?:,?[ ]\d{{4,5}}(?:-\d{{3}})?[ ]{_CAPITAL})?
    | \b[A-ZÄÖÜ][^\W\d_]*(?:straße|strasse|str\.|weg|gasse|allee|platz)[ ]\d{{1,4}}[ ]?[a-z]?\b   # Hauptstraße 7
      (?:,?[ ]\d{{5}}[ ]{_CAPITAL})?
    """,
    re.VERBOSE,
)
# Where only patterns see names: what people write when they give their own, and titles.
_INTRODUCED = re.compile(
    rf"""
    (?: \b[Mm]e[ ]llamo | \b[Mm]i[ ]nombre[ ]es | \b[Jj]e[ ]m['’]appelle | \b[Mm]on[ ]nom[ ]est | \b[Ii]ch[ ]heiße
      | \b[Mm]ein[ ]Name[ ]ist | \b[Cc]hamo-me | \b[Oo][ ]meu[ ]nome[ ]é | \b[Mm]i[ ]chiamo | \b[Mm]y[ ]name[ ]is
      | \bMr\.? | \bMrs\.? | \bMs\.? | \bDr\.? | \bHerrn? | \bFrau | \bSra?\. | \bMme | \bM\. | \bSig\.(?:ra)? )
    [ ](?P<name>{_CAPITAL}(?:[ ](?:de[ ]|da[ ]|van[ ]|von[ ]|di[ ])?{_CAPITAL}){{0,3}})
    """,
    re.VERBOSE,
)
_loading = threading.Lock()


@lru_cache(maxsize=1)
def _recognizers() -> dict[str, object]:
    import logging

    from presidio_analyzer import predefined_recognizers

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    return {n.recognizer: getattr(predefined_recognizers, n.recognizer)() for n in _NUMBERS if n.recognizer}


def recognize(text: str, language: str, domain: str | None = None, categories: set[str] | None = None) -> list[Entity]:
    """Personal data in order of position, without overlaps.

    `domain` may be "phi"; `categories` keeps only those named (unknown names keep nothing). Check digits give a score
    of 1.0, an explained or distinctive shape 0.85 to 0.99, and a name its label's precision on spaCy's test set.
    """
    wanted = PHI_CATEGORIES if domain == "phi" else DEFAULT_CATEGORIES
    if categories is not None:
        wanted = CATEGORIES & frozenset(categories)
    found: list[Entity] = [Entity(span, "Email", None, 0.99) for span in patterns.emails(text)]
    found += _numbers(text, language)
    found += [Entity(span, "URL", None, 0.95) for span in patterns.urls(text)]
    found += [Entity(span, "IPAddress", None, 0.99) for span in patterns.ip_addresses(text)]
    found += [Entity(span, "PhoneNumber", None, 0.9) for span in patterns.phone_numbers(text, language)]
    for pattern, category in ((_ADDRESS, "Address"), (_DATE, "Date"), (_AGE, "Age")):
        found += [Entity(Span(m.start(), len(m.group())), category, None, 0.85) for m in pattern.finditer(text)]
    if wanted.intersection(_NAMES):
        found += _people(text, language)
    # Overlaps are settled before the filter, so that leaving a category out never uncovers a wrong one beneath it.
    return [entity for entity in entities.without_overlaps(found) if entity.category in wanted]


def _people(text: str, language: str) -> list[Entity]:
    found = []
    for match in _INTRODUCED.finditer(text):
        found.append(Entity(Span(match.start("name"), len(match["name"])), "Person", None, 0.8))
    if language in entities.ENGINE.languages:
        named = [e for e in entities.recognize(text, language) if e.category in _NAMES]
        found = [e for e in named if not _part_of_number(text, e)] + found
    return found


def _part_of_number(text: str, entity: Entity) -> bool:
    """The recogniser's favourite mistakes: "IBAN GB33…" or "NHS" in "NHS number" as an organisation."""
    words, after = entity.span.of(text), text[entity.span.start + entity.span.length :]
    label = words.isupper() and re.match(r" (?:number|no\.?|card|code)\b", after, re.IGNORECASE)
    return entity.category in ("Organization", "Person") and bool(label or sum(map(str.isdigit, words)) >= 4)


def _numbers(text: str, language: str) -> list[Entity]:
    with _loading:
        recognizers = _recognizers()
    found: list[tuple[bool, int, Entity]] = []
    for number in _NUMBERS:
        if number.languages and language not in number.languages.split():
            continue
        if number.recognizer:
            recognizer = recognizers[number.recognizer]
            matches = [(r.start, r.end, r.score) for r in recognizer.analyze(text, recognizer.supported_entities, None)]
        else:
            matches = [
                (m.start(), m.end(), number.score)
                for m in re.finditer(rf"(?<![\w-])(?:{number.pattern})(?![\w-])", text)
            ]
        for start, end, score in matches:
            value = text[start:end].rstrip()
            compact = "".join(filter(str.isalnum, value))
            if number.check and not globals()[number.check](compact.upper()):
                continue
            before = text[max(0, start - _WINDOW) : start].lower()
            explained = [m.end() for m in re.finditer(rf"(?<![^\W_])(?:{number.near})", before)] if number.near else [0]
            if not explained:
                continue
            certain = score == 1.0 or bool(number.check)
            entity = Entity(Span(start, len(value)), number.category, None, 1.0 if certain else number.score)
            found.append((not certain, len(before) - explained[-1] if number.near else 0, entity))
    # Check digits first, then the number whose explaining word is nearest.
    return [entity for _, _, entity in sorted(found, key=lambda item: item[:2])]


# Check digits that presidio lacks or does not apply.


def _aba(digits: str) -> bool:
    return sum(int(d) * w for d, w in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0 and digits != "000000000"


def _spanish(value: str) -> bool:
    number = value[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == value[-1]


def _french(value: str) -> bool:
    number = value[:-2].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and len(number) == 13 and 97 - int(number) % 97 == int(value[-2:])


def _portuguese(digits: str) -> bool:
    rest = sum(int(d) * w for d, w in zip(digits[:8], range(9, 1, -1), strict=True)) % 11
    return int(digits[8]) == (0 if rest < 2 else 11 - rest)


def _cpf(digits: str) -> bool:
    def check(length: int) -> int:
        rest = sum(int(d) * w for d, w in zip(digits, range(length + 1, 1, -1), strict=False)) * 10 % 11
        return rest % 10

    return len(set(digits)) > 1 and check(9) == int(digits[9]) and check(10) == int(digits[10])
