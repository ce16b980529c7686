"""Named entities: spaCy's recogniser under Azure's category names, and patterns for what has a fixed shape."""

import re
from dataclasses import dataclass

from . import Engine, Span, parsing, patterns, places, words

ENGINE = Engine(
    name="spacy-entities",
    version=parsing.model_version(),
    languages=parsing.languages(),
    source=parsing.SOURCE + "; our patterns for addresses, phone numbers and quantities",
    licence=parsing.LICENCE,
)


@dataclass(frozen=True, slots=True)
class Entity:
    """`category` and `subcategory` under Azure's names."""

    span: Span
    category: str
    subcategory: str | None
    score: float


_FROM_SPACY = {
    "PERSON": ("Person", None), "PER": ("Person", None), "ORG": ("Organization", None),
    "GPE": ("Location", "GPE"), "LOC": ("Location", None), "FAC": ("Location", "Structural"),
    "EVENT": ("Event", None), "PRODUCT": ("Product", None), "DATE": ("DateTime", "Date"),
    "TIME": ("DateTime", "Time"), "MONEY": ("Quantity", "Currency"), "PERCENT": ("Quantity", "Percentage"),
    "QUANTITY": ("Quantity", "Dimension"), "ORDINAL": ("Quantity", "Ordinal"), "CARDINAL": ("Quantity", "Number"),
}  # fmt: skip
_NUMBER = r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|several|a few|a|an)"
_UNIT = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|quarters?|years?|decades?)"
_AGE = re.compile(rf"{_NUMBER}[ -]years?[ -]old|aged? \d{{1,3}}", re.IGNORECASE)
_DURATION = re.compile(
    rf"(?:about |almost |over |nearly |the (?:last|past|next) )*{_NUMBER}[ -]+(?:more )?{_UNIT}", re.I
)
_RANGE = re.compile(
    r"\b(?:between|from)\b.+\b(?:and|to|until)\b|\d\s*[-–]\s*\d"
    r"|\b(?:this|last|next) (?:week|weekend|month|year|quarter)\b",
    re.I,
)
_SET = re.compile(r"\b(?:every|each|daily|weekly|monthly|annual|annually|yearly)\b", re.I)
_TEMPERATURE = re.compile(r"[-−]?\d+(?:[.,]\d+)? ?(?:°\s?[CF]?|degrees)", re.IGNORECASE)
_MONEY = re.compile(
    r"(?:[£$€¥]\s?\d[\d.,]*\d|[£$€¥]\s?\d)(?:\s?(?:k|m|bn|million|billion))?\b"
    r"|\b\d[\d.,]*\s?(?:€|£|EUR|GBP|USD|CHF|euros?|pounds?|dollars?)(?!\w)",
    re.IGNORECASE,
)
_PERSON_TYPES = words(
    """accountant actor adviser advisor agent analyst architect artist attorney baker banker barista broker builder
    captain cashier chef clerk coach consultant cook counsellor dentist developer doctor driver editor electrician
    engineer farmer firefighter gardener guard hairdresser judge landlord lawyer lecturer librarian manager mechanic
    midwife musician nurse officer optician paramedic pharmacist photographer physician pilot plumber policeman
    professor programmer psychologist receptionist researcher scientist secretary student surgeon surveyor teacher
    technician teller tenant therapist translator vet waiter waitress widow writer"""
)
# Abbreviations of everyday business, which the recogniser takes for organisations.
_NOT_NAMES = words(
    """ssn iban pin atm pdf sms app id faq sim cvv apr isa vat dob nhs-number url ip otp bic swift email api ok asap
    pls thx omg wtf lol"""
)


def recognize(text: str, language: str) -> list[Entity]:
    """Entities in order of position, without overlaps. A name's score is its label's precision on spaCy's test set."""
    found = [Entity(span, "Email", None, 0.99) for span in patterns.emails(text)]
    found += [Entity(span, "URL", None, 0.95) for span in patterns.urls(text)]
    found += [Entity(span, "IP", None, 0.99) for span in patterns.ip_addresses(text)]
    found += [Entity(span, "PhoneNumber", None, 0.9) for span in patterns.phone_numbers(text, language)]
    found += [Entity(span, "DateTime", "Date", 0.9) for span in patterns.dates(text, language)]
    found += _quantities(text)
    if language in ENGINE.languages:
        found += _names(text, language)
    return without_overlaps(found)


def without_overlaps(entities: list[Entity]) -> list[Entity]:
    """Of entities that share characters the first in the list is kept; the result is in order of position."""
    kept: list[Entity] = []
    taken: set[int] = set()
    for entity in entities:
        places = range(entity.span.start, entity.span.start + entity.span.length)
        if taken.isdisjoint(places):
            taken.update(places)
            kept.append(entity)
    return sorted(kept, key=lambda entity: entity.span.start)


def _quantities(text: str) -> list[Entity]:
    found = []
    for pattern, subcategory in ((_AGE, "Age"), (_TEMPERATURE, "Temperature"), (_MONEY, "Currency")):
        for match in pattern.finditer(text):
            found.append(Entity(Span(match.start(), len(match.group())), "Quantity", subcategory, 0.9))
    return found


def _names(text: str, language: str) -> list[Entity]:
    if not any(map(str.isalpha, text)):
        return []  # thousands of signs or emoji cost seconds to parse and name nobody
    document = parsing.parse(text, language)
    found = []
    for name in document.ents:
        if name.label_ not in _FROM_SPACY:
            continue
        category, subcategory = _FROM_SPACY[name.label_]
        name = _one_line(name)
        words = name.text.strip()
        if category in ("Organization", "Person", "Product", "Location") and not _is_name(name, category):
            continue
        if category in ("Person", "Organization") and _is_praise(name):
            continue
        if category in ("Person", "Location", "Organization") and (house := _house_of(name)):
            name, category, subcategory = house, "Location", "Structural"
        elif category == "Person":
            name, category, subcategory = _person_or_place(name)
        if category == "DateTime":
            subcategory = _time_kind(words, subcategory)
        if category == "Location" and subcategory == "GPE" and name[0].lower_ == "the" and len(name) > 1:
            name = name[1:]
        if category == "Person" and name[-1].lower_ in ("'s", "’s") and len(name) > 1:
            name = name[:-1]
        score = parsing.precision(name.label_, language)
        found.append(Entity(Span(name.start_char, len(name.text)), category, subcategory, score))
    if language == "en":
        for token in document:
            if token.pos_ == "NOUN" and token.lemma_.lower() in _PERSON_TYPES:
                found.append(Entity(Span(token.idx, len(token)), "PersonType", None, 0.8))
    return found


def _one_line(name):
    """A name does not go on in the next line: "3/2/2018⏎Clean"."""
    for place, token in enumerate(name):
        if "\n" in token.text_with_ws and place + 1 < len(name):
            return name[: place + 1] if token.text.strip() else name[:place] or name
    return name


def _is_praise(name) -> bool:
    """ "Good Hotel": capitals at the head of a review, and nobody's name."""
    words = [token.lower_ for token in name if not token.is_punct]
    kinds = places.ORGANISATIONS | places.BUILDINGS | places.STREETS
    return len(words) > 1 and words[-1] in kinds and all(word in places.JUDGEMENTS for word in words[:-1])


def _house_of(name):
    """All of St Paul's Cathedral, where the recogniser stops at St Paul; None where no such house follows."""
    document, end = name.doc, name.end - (name[-1].lower_ in ("'s", "’s"))
    after = document[end : end + 2]
    if (
        len(after) == 2
        and after[0].lower_ in ("'s", "’s")
        and after[1].lower_ in places.BUILDINGS
        and after[1].is_title
    ):
        return document[name.start : end + 2]
    return None


def _person_or_place(name):
    """A person that the recogniser named, or the place or house that the words show it to be, and its kind."""
    last = name[-1].lower_
    first = name.doc[name.start - 1].lower_ if name.start else ""
    if places.is_known(name.text):
        return name, "Location", "GPE"
    if len(name) > 1:
        named = places.SURNAMES & {last}
        placed = first in places.BEFORE_PLACES or name[0].lower_ == "the"
        if last in places.BUILDINGS and (not named or placed):
            return name, "Location", "Structural"
        if last in places.NATURE | places.STREETS and (not named or placed):
            return name, "Location", None
        if named and placed and first not in ("by", "of", "to", "from", "the"):
            return name, "Location", None
        if last in places.ORGANISATIONS:
            return name, "Organization", None
    elif first in ("in", "at", "near"):
        return name, "Location", None
    return name, "Person", None


def _is_name(name, category: str) -> bool:
    words = [token for token in name if not token.is_punct]
    if not words or all(token.lower_ in _NOT_NAMES for token in words):
        return False
    if not any(character.isalpha() for character in name.text):
        return False
    if category in ("Person", "Location", "Organization") and not any(token.text[0].isupper() for token in words):
        return False
    return any(token.pos_ in ("PROPN", "NOUN", "X", "ADJ") for token in words)


def _time_kind(words: str, subcategory: str | None) -> str | None:
    if _SET.search(words):
        return "Set"
    if _DURATION.fullmatch(words.strip()) and not words.lower().endswith("ago"):
        return "Duration"
    if _RANGE.search(words):
        return "TimeRange" if subcategory == "Time" else "DateRange"
    return subcategory
