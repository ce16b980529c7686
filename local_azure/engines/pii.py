"""Personal data under Azure's category names: numbers with check digits (presidio's recognisers), shapes, and names.

The patterns work in every language of the engine. Names of people come from a model in the languages of
`entities.ENGINE`, and from the rules of people.py in the others; organisations need the model. A number that has no
check digit counts only when a word near it says what it is ("passport", "routing"): without that, any nine digits would
be a passport.
"""

import re
import threading
from importlib.metadata import version

from . import Engine, Span, entities, formats, parsing, patterns, people, words
from .entities import Entity

ENGINE = Engine(
    name="presidio-pii",
    version=version("presidio-analyzer"),
    languages=words("en es fr de pt it"),
    source="patterns and check digits of presidio-analyzer (PyPI); names from "
    + parsing.SOURCE
    + " and first names of Faker",
    licence="MIT",
)


_SHAPES = ("Email", "URL", "IPAddress", "PhoneNumber", "Address", "Date", "Age")
_NAMES = ("Person", "PersonType", "Organization")
CATEGORIES = frozenset(_NAMES) | frozenset(_SHAPES) | formats.CATEGORIES
# Azure answers with all of its categories when none are asked for; so do we.
DEFAULT_CATEGORIES = CATEGORIES
# With the domain phi (protected health information), Azure leaves out what says nothing about a patient.
PHI_CATEGORIES = CATEGORIES - {"PersonType", "SWIFTCode", "ABARoutingNumber"}

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
    found += [Entity(span, "Date", None, 0.85) for span in patterns.dates(text, language)]
    for pattern, category in ((_ADDRESS, "Address"), (_AGE, "Age")):
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
    else:
        found += [Entity(span, "Person", None, 0.7) for span in people.find(text, language)]
    return found


def _part_of_number(text: str, entity: Entity) -> bool:
    """The recogniser's favourite mistakes: "IBAN GB33…" or "NHS" in "NHS number" as an organisation."""
    words, after = entity.span.of(text), text[entity.span.start + entity.span.length :]
    label = words.isupper() and re.match(r" (?:number|no\.?|card|code)\b", after, re.IGNORECASE)
    return entity.category in ("Organization", "Person") and bool(label or sum(map(str.isdigit, words)) >= 4)


def _numbers(text: str, language: str) -> list[Entity]:
    with _loading:
        formats.load()
    found = [
        match
        for form in formats.FORMATS
        if not form.languages or language in form.languages
        for match in formats.find(form, text)
    ]
    # Check digits first, then the number whose explaining word is nearest, then the longer one.
    found.sort(key=lambda match: (not match.checked, match.distance, -match.span.length))
    return [Entity(match.span, match.category, None, 1.0 if match.checked else 0.85) for match in found]
