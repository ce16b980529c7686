"""What has a shape of its own, in any language: e-mail and web addresses, phone numbers, IP addresses.

Used by entities.py and pii.py. Every pattern is linear in the length of the text.
"""

import ipaddress
import re
from collections.abc import Iterator

from . import Span

_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
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


def phone_numbers(text: str, language: str) -> list[Span]:
    """Numbers valid in the countries of the language, written with + anywhere, or reserved for examples."""
    from phonenumbers import PhoneNumberMatcher

    found: list[Span] = []
    for region in _REGIONS.get(language, ("US", "GB")):
        for match in PhoneNumberMatcher(text, region):
            found.append(Span(match.start, match.end - match.start))
    # Fictional numbers of the United Kingdom (07700 900xxx) are "possible", not "valid", to the library.
    for match in re.finditer(r"(?<![\d+])(?:\+44[ ]?|0)7700[ ]?900[ ]?\d{3}(?!\d)", text):
        found.append(Span(match.start(), len(match.group())))
    for match in _RESERVED.finditer(text):
        found.append(Span(match.start(), len(match.group())))
    found.sort(key=lambda span: (span.start, -span.length))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].start + kept[-1].length:
            kept.append(span)
    return kept
