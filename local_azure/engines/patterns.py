"""What has a shape of its own, in any language: e-mail and web addresses, phone numbers, IP addresses.

Used by entities.py and pii.py. Every pattern is linear in the length of the text.
"""

import ipaddress
import re
from collections.abc import Iterator
from functools import cache

from . import Span

# Of the signs that a mailbox may hold, those that do not also stand around one: jo.o'neil+news@example.org
_MAILBOX = r"(?<![\w.+!#$%*^`{|}~-])[^\W_](?:[\w.+!#$%*^`{|}~'’-]{0,62}[\w+!#$%*^`{|}~-])?"
_DOMAIN = r"(?:(?!-)[^\W_](?:[^\W_]|-){0,62}\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})\b"
_EMAIL = re.compile(
    rf"{_MAILBOX}(?:@{_DOMAIN}|\s?[\[({{]\s?(?:at|@)\s?[\])}}]\s?(?:[\w-]{{1,63}}(?:\.|\s?[\[({{]\s?dot\s?[\])}}]\s?)){{1,4}}"
    r"[A-Za-z]{2,24}\b)"
)
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"'«»]{3,500}", re.IGNORECASE)
_BARE_HOST = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9-]{1,63}\.){1,4}"
    r"(?:com|org|net|edu|gov|io|dev|app|info|eu|uk|co\.uk|de|fr|es|it|pt|br|ch|at|nl)(?:/[^\s<>\"'«»]{0,300})?(?![\w@])"
)
_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d)")
_REGIONS = {
    "en": ("US", "GB", "IE", "AU", "CA", "IN"), "es": ("ES", "MX", "AR"), "fr": ("FR", "BE", "CA"),
    "de": ("DE", "AT", "CH"), "pt": ("PT", "BR"), "it": ("IT",),
}  # fmt: skip
# Numbers reserved for fiction and examples, which a strict check of the numbering plan refuses.
_RESERVED = re.compile(r"(?<!\d)(?:\+?1[ .-]?)?(?:\(\d{3}\)[ ]?|\d{3}[ .-])?555[ .-]?01\d{2}(?!\d)")


_MONTHS = {
    "en": """january february march april may june july august september october november december jan feb mar apr jun
        jul aug sep sept oct nov dec""",
    "fr": """janvier février fevrier mars avril mai juin juillet août aout septembre octobre novembre décembre decembre
        janv févr fév avr juil déc""",
    "de": """januar jänner februar märz maerz april mai juni juli august september oktober november dezember mär mrz okt
        dez""",
    "es": """enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre ene abr
        ago set dic""",
    "pt": """janeiro fevereiro março marco abril maio junho julho agosto setembro outubro novembro dezembro fev abr mai
        ago set out dez""",
    "it": """gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre gen mag giu
        lug ago set ott dic""",
}
_YEAR = r"(?:19|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_NUMBER_OF_MONTH = r"(?:0?[1-9]|1[0-2])"


@cache
def _dates(language: str) -> re.Pattern:
    """English months everywhere, in full and in short, and those of the language."""
    months = {*_MONTHS["en"].split(), *_MONTHS.get(language, "").split()}
    month = rf"(?:{'|'.join(sorted(months, key=len, reverse=True))})\b\.?"
    return re.compile(
        rf"""
        (?<![\w/.-])(?:
          {_DAY}(?P<mark>[ ]?[/.-][ ]?){_NUMBER_OF_MONTH}(?P=mark)(?:{_YEAR}|\d\d)           # 12/04/1961, 12. 4. 1961
          | {_NUMBER_OF_MONTH}(?P<other>[/-]){_DAY}(?P=other)(?:{_YEAR}|\d\d)                # 3/22/2018
          | {_YEAR}(?P<third>[/.-]){_NUMBER_OF_MONTH}(?P=third){_DAY}                        # 1961-04-12
            (?:T\d\d:\d\d(?::\d\d(?:\.\d{{1,9}})?)?(?:Z|[+-]\d\d:?\d\d)?)?
          | {_DAY}(?:st|nd|rd|th|er|º|\.)?(?:[ ]|-)(?:de[ ]|d['’]|of[ ])?{month}(?:,?[ -](?:de[ ]|del[ ])?{_YEAR})?
          | {month}[ ]{_DAY}(?:st|nd|rd|th)?(?:,?[ ]{_YEAR})?                              # May 3rd, 2019
        )(?![\w/]|[.-]\d)
        """,
        re.IGNORECASE | re.VERBOSE,
    )


def dates(text: str, language: str) -> Iterator[Span]:
    """Days of the calendar, in figures or with the name of a month."""
    for match in _dates(language).finditer(text):
        if not called_something_else(text, match.start()):
            yield Span(match.start(), len(match.group().rstrip(".")))


_BESIDE = 48  # characters in which that word is looked for
# A number that a word right before it calls an order or a version is not what its shape suggests.
_SOMETHING_ELSE = re.compile(
    r"(?:\b(?:order|invoice|ticket|case|reference|ref|tracking|parcel|version|isbn|ean|sku|serial|model|flight|booking"
    r"|pedido|factura|referencia|expediente|commande|facture|référence|colis|dossier|bestellung|rechnung|auftrag|sendung"
    r"|vorgang|encomenda|fatura|referência|ordine|fattura|riferimento|spedizione)"
    r"|\w*(?:bestellnummer|auftragsnummer|rechnungsnummer|sendungsnummer|artikelnummer|kundennummer|vorgangsnummer))"
    r"(?:[ -]?(?:number|no|nr|id|code|num|numéro|número|numero|nummer|n[°º]))?[ .:#]{0,3}"
    r"(?:(?:is|es|est|ist|é|è)\b ?)?(?:the |n[°º] ?)?#?$",
    re.IGNORECASE,
)


def called_something_else(text: str, start: int) -> bool:
    """Whether the words right before a number call it an order, an invoice, a version …"""
    return bool(_SOMETHING_ELSE.search(text[max(0, start - _BESIDE) : start]))


def emails(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        yield Span(match.start(), len(match.group()))


def urls(text: str) -> Iterator[Span]:
    """Addresses with a scheme or www, and bare host names in small letters under a well-known domain."""
    taken = []
    for match in _URL.finditer(text):
        address = match.group().rstrip(".,;:!?)]}…")
        taken.append((match.start(), match.start() + len(address)))
        yield Span(match.start(), len(address))
    for match in _BARE_HOST.finditer(text):
        if not any(start <= match.start() < end for start, end in taken):
            yield Span(match.start(), len(match.group().rstrip(".,;:!?)]}…")))


def ip_addresses(text: str) -> Iterator[Span]:
    for match in _IP.finditer(text):
        try:
            ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if sum(map(str.isalnum, match.group())) >= 3:
            yield Span(match.start(), len(match.group()))


# What stands between an area code and a trunk zero that is not dialled from abroad, and extensions.
_UNUSUAL = re.compile(r"(?<![\w+])(?:\+|00)\d{1,3}[ ]?\(0\)[ ./-]?\d(?:[ ./-]?\d){5,11}(?![\w])")
# Printed forms of a whole plan: the library knows which numbers exist, not how a country prints them.
_NORTH_AMERICA = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\)|\d{3})[ ./-]{0,2}\d{3}[ .-]?\d{4}(?:\D.*)?")
_INDIA = re.compile(r"(?:\+|00?|\().*|[6-9]\d{4}[ -]?\d{5}|[6-9]\d{2}[ -]\d{3}[ -]\d{4}|[6-9]\d{3}[ -]\d{3}[ -]\d{3}")
_DECIMAL = re.compile(r"[1-9]\d?\.\d{5,}")
_PRINTED = {"US": _NORTH_AMERICA, "CA": _NORTH_AMERICA, "IN": _INDIA}


def phone_numbers(text: str, language: str) -> list[Span]:
    """Numbers valid in the countries of the language, written with + anywhere, or reserved for examples."""
    from phonenumbers import PhoneNumberMatcher

    if sum(map(str.isdigit, text)) < 6:
        return []
    found: list[Span] = []
    for region in _REGIONS.get(language, ("US", "GB")):
        printed = _PRINTED.get(region)
        for match in PhoneNumberMatcher(text, region):
            if not printed or match.raw_string.startswith("+") or printed.fullmatch(match.raw_string):
                # the library counts a bracket around the whole number to it
                start = match.start + (
                    match.raw_string[0] == "(" and match.raw_string.count("(") > match.raw_string.count(")")
                )
                found.append(Span(start, match.end - start))
    # Fictional numbers of the United Kingdom (07700 900xxx) are "possible", not "valid", to the library.
    for match in re.finditer(r"(?<![\d+])(?:\+44[ ]?|0)7700[ ]?900[ ]?\d{3}(?!\d)", text):
        found.append(Span(match.start(), len(match.group())))
    for pattern in (_RESERVED, _UNUSUAL):
        for match in pattern.finditer(text):
            found.append(Span(match.start(), len(match.group())))
    days = {place for span in dates(text, language) for place in range(span.start, span.start + span.length)}
    found = [
        span
        for span in found
        if span.start not in days
        and not _DECIMAL.fullmatch(span.of(text))
        and not called_something_else(text, span.start)
    ]
    found.sort(key=lambda span: (span.start, -span.length))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].start + kept[-1].length:
            kept.append(span)
    return kept
