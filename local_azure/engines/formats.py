"""Numbers that name a person: how each is spelled, and from that every way in which people print it.

A format is written once, in its compact spelling, with a low line wherever people leave a gap: 99_999_999_999. The
patterns that are made from it take any usual mark in a gap (blank, dot, hyphen, dash, slash, the blanks that do not
break) or none, and capital or small letters. What proves a match is its check digits, or a word beside it, or a printed
form that nothing else has.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from . import Span, patterns, words

_BLANK = "[ \u00a0\u2007\u2009\u202f]"
_MARK = "[-./\u2010\u2011\u2012\u2013]"
_GAP = f"(?:{_BLANK}?{_MARK}{_BLANK}?|{_BLANK}{{1,2}})?"
_TOKENS = {"9": "[0-9]", "A": "[A-Z]", "*": "[A-Z0-9]", "_": _GAP}
_BEFORE = rf"(?<![^\W_])(?<![0-9][.,/\-\u2013])(?<![$£€¥])(?<![$£€¥]{_BLANK})"
_AFTER = rf"(?![^\W_]|[.,/\-\u2013][0-9]|{_BLANK}?[€£$%])"
_WINDOW = 48  # characters before a number in which the word that explains it is looked for
# After it, the word must be said of the number: "512345678 is my passport number".
_SAID_OF_IT = re.compile(
    r"[ ,:(=-]{0,3}(?:(?:is|was|es|est|ist|war|é|è|foi|as|als|como|comme|come)\b)?[ ,:(-]{0,2}"
    r"(?:(?:my|our|his|her|the|their|mi|mon|ma|le|la|el|il|lo|mein|meine|die|der|das|o|a|meu|minha|mio|mia)\b ?){0,2}"
)
_FILLER = re.compile(
    r"(?:[\s.:#=,()-]|\b(?:number|no|nr|num|is|was|are|code|id|my|the|of|es|est|ist|é|è|numéro|número|numero|nummer|de"
    r"|mi|n)\b|[°º])*$",
    re.IGNORECASE,
)
# Small words of one or two letters that stand before a number and are no part of it.
_LITTLE_WORDS = words(
    """a am an as at by do go he if in is it me mr my no nr of on or so to up us we al da de el en es et eu il im ja je
    la le li lo me mi mo na ne ni os ou per pr se si su te tu um un va y zu
    à é è"""
)


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of number.

    spellings: compact. 9 is a digit, A a letter, * either, _ where there may be a gap, the rest a regular expression.
    check: whether letters and digits, in capitals and without gaps, have the right check digits.
    near: words of which one must stand beside it, unless the check is enough; a word with * may go on.
    close: nothing but "number", "is" and the like may stand between that word and the number.
    bare: printed forms, as a regular expression, that need no such word.
    sure: a right check means this number whatever it is called.
    """

    category: str
    spellings: tuple[str, ...]
    near: str = ""
    check: Callable[[str], bool] | None = None
    close: bool = False
    bare: str = ""
    sure: bool = False
    languages: frozenset[str] = frozenset()  # empty: all


@dataclass(frozen=True, slots=True)
class Match:
    """A number that was found. distance: characters to the word that explains it."""

    span: Span
    category: str
    checked: bool
    distance: int


def printed(spelling: str) -> str:
    """The regular expression for every printed form of a compact spelling."""
    pieces = re.findall(r"\[[^\]]*\]|\{[^}]*\}|.", spelling)
    return "".join(_TOKENS.get(piece, piece) for piece in pieces)


@cache
def _patterns(form: Format) -> tuple[re.Pattern, ...]:
    # Within a lookahead, so that a wrong candidate does not use up the characters of a right one.
    return tuple(re.compile(f"{_BEFORE}(?=({printed(one)}){_AFTER})", re.IGNORECASE) for one in form.spellings)


@lru_cache
def _word(near: str) -> re.Pattern:
    # * stands for the rest of the word; without it the word ends there
    words = [re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", "[ -]?") for word in near.split("|")]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(words)})(?![^\W_])", re.IGNORECASE)


def find(form: Format, text: str) -> Iterator[Match]:
    """The numbers of one format in a text."""
    if form.near and not form.bare and not _word(form.near).search(text):
        return
    for pattern in _patterns(form):
        for match in pattern.finditer(text):
            start, end = match.span(1)
            value = text[start:end]
            compact = "".join(filter(str.isalnum, value)).upper()
            if value != value.upper() and not any(map(str.isdigit, value)):
                continue  # a word in small letters
            if re.split(r"[\W_]", value)[0] in _LITTLE_WORDS:
                continue  # "is 512 345" is no passport
            if form.check and not form.check(compact):
                continue
            distance = _explained(form, text, start, end)
            if distance is None:
                if form.near and not (form.bare and re.fullmatch(form.bare, value, re.IGNORECASE)):
                    continue
                if not form.sure and patterns.called_something_else(text, start):
                    continue
                distance = _WINDOW
            yield Match(Span(start, end - start), form.category, form.check is not None, distance)


def _explained(form: Format, text: str, start: int, end: int) -> int | None:
    """How far away the word is that says what a number is; None if there is none."""
    if not form.near:
        return None
    before = text[max(0, start - _WINDOW) : start]
    places = [match.end() for match in _word(form.near).finditer(before)]
    if form.close:
        places = [place for place in places if _FILLER.match(before, place)]
    if places:
        return len(before) - places[-1]
    after = _SAID_OF_IT.match(text, end)
    said = _word(form.near).match(text, after.end())
    return after.end() - end if said else None


# Check digits. Each gets letters and digits only, in capitals.


def _presidio(name: str) -> Callable[[str], bool]:
    """The check of a recogniser of presidio's."""

    def check(value: str) -> bool:
        recognizer = _recognizer(name)
        valid = recognizer.validate_result(value)
        return valid if valid is not None else not recognizer.invalidate_result(value)

    return check


@cache
def _recognizer(name: str):
    import logging

    from presidio_analyzer import predefined_recognizers

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    return getattr(predefined_recognizers, name)()


def load() -> None:
    """Import presidio, which takes a second, before several threads ask for it at once."""
    _recognizer("CreditCardRecognizer")


def _card(digits: str) -> bool:
    return len(set(digits)) > 1 and _presidio("CreditCardRecognizer")(digits)


def _iban(value: str) -> bool:
    return int("".join(str(int(character, 36)) for character in value[4:] + value[:4])) % 97 == 1


def _aba(digits: str) -> bool:
    return sum(int(d) * w for d, w in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0 and digits != "000000000"


def _spanish(value: str) -> bool:
    number = value[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == value[-1]


def _spanish_security(digits: str) -> bool:
    province, number = digits[:2], digits[2:10]
    whole = int(province + number) if number[0] != "0" else int(province) * 10**7 + int(number)
    return whole % 97 == int(digits[10:])


def _french(value: str) -> bool:
    number = value[:-2].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and len(number) == 13 and 97 - int(number) % 97 == int(value[-2:])


def _french_tax(digits: str) -> bool:
    return int(digits[:10]) % 511 == int(digits[10:])


def _portuguese(digits: str) -> bool:
    rest = sum(int(d) * w for d, w in zip(digits[:8], range(9, 1, -1), strict=True)) % 11
    return int(digits[8]) == (0 if rest < 2 else 11 - rest)


def _portuguese_card(value: str) -> bool:
    total = 0
    for place, character in enumerate(value):
        part = int(character, 36) * (2 if place % 2 == 0 else 1)
        total += part - 9 if part >= 10 and place % 2 == 0 else part
    return total % 10 == 0


def _travel_document(value: str) -> bool:
    """The last of ten signs is the check digit that the machine-readable lines have (ICAO 9303)."""
    return sum(int(sign, 36) * (7, 3, 1)[place % 3] for place, sign in enumerate(value[:-1])) % 10 == int(value[-1])


def _cpf(digits: str) -> bool:
    def check(length: int) -> int:
        rest = sum(int(d) * w for d, w in zip(digits, range(length + 1, 1, -1), strict=False)) * 10 % 11
        return rest % 10

    return len(set(digits)) > 1 and check(9) == int(digits[9]) and check(10) == int(digits[10])


def _cnpj(digits: str) -> bool:
    def check(length: int) -> int:
        weights = [(length - 1 - place) % 8 + 2 for place in range(length)]
        rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
        return 0 if rest < 2 else 11 - rest

    return len(set(digits)) > 1 and check(12) == int(digits[12]) and check(13) == int(digits[13])


def _italian(value: str) -> bool:
    """Shape and check letter of an Italian fiscal code, by presidio."""
    recognizer = _recognizer("ItFiscalCodeRecognizer")
    return bool(recognizer.analyze(value, recognizer.supported_entities, None)) and recognizer.validate_result(value)


def _swiss(digits: str) -> bool:
    total = sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == int(digits[12])


# The table


def _anywhere(spelling: str) -> str:
    """A gap between any two signs: where a check digit makes sure, it does not matter how somebody groups."""
    return "_".join(re.findall(r"\[[^\]]*\]|.", spelling))


def _ibans() -> tuple[str, ...]:
    """Country codes by the length of their IBAN; banks print it in fours and in groups of their own."""
    lengths = {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST", 26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA",
        30: "JO KW MU", 31: "MT SC", 32: "LC",
    }  # fmt: skip
    return tuple(
        "(?:" + "|".join(f"[{code[0]}][{code[1]}]" for code in codes.split()) + ")_9_9_" + _anywhere("*" * (length - 4))
        for length, codes in lengths.items()
    )


_CARD = "card*|maestro*|karte|kartennummer|kreditkarte*|bankkarte*|girokarte*|carte*|tarjeta*|cartão*|carta|visa"
_DRIVING = "driving licen*|driver's licen*|driver’s licen*|driver licen*|drivers licen*|licen*"
_PASSPORT = "passport*|pasaporte*|passeport*|reisepass*|pass|passnummer|passaporte*|passaporto*"
_TAX = "steuer*|tax*|tin|idnr|id-nr|identifikation*|identification*|fiscal*|impôt*"
_SECURITY = "ssn|ss#|social security*|social sec"

_IDENTITY = "ausweis*|personalausweis*|perso|identity card*|id card*"
_GERMAN = "[CFGHJKLMNPRTV-Z]" + "[CFGHJKLMNPRTV-Z0-9]" * 8  # no vowels, and no letters that look like digits

FORMATS = (
    Format(
        "CreditCardNumber",
        (
            "4999_9999_9999_9999",  # Visa
            "(?:5[1-5]99|222[1-9]|22[3-9]9|2[3-6]99|27[01]9|2720)_9999_9999_9999",  # Mastercard
            "3[47]99_999999_99999",  # American Express
            "3[47]99_9999_9999_999",
            "(?:6011|65[0-9]{2}|64[4-9]9|62[0-9]{2}|352[89]|35[3-8]9)_9999_9999_9999",  # Discover, UnionPay, JCB
            "3(?:0[0-5]|[689][0-9])9_999999_9999",  # Diners Club
            "(?:4999|62[0-9]{2})_9999_9999_9999_999",
        ),
        check=_card,
        sure=True,
    ),
    Format(  # debit cards, and the thirteen digits of old ones, which bar codes have too
        "CreditCardNumber",
        ("(?:50|5[6-9]|6[0-9])99_9999_9999", "(?:50|5[6-9]|6[0-9])99_9999_9999_9999(?:_999)?", "4999_999_999_999"),
        near=_CARD,
        check=_card,
    ),
    Format("InternationalBankingAccountNumber", _ibans(), check=_iban, sure=True),
    Format(
        "USSocialSecurityNumber",
        ("(?!000|666)[0-8]99_(?!00)99_(?!0000)9999",),
        near=_SECURITY,
        bare=r"\d{3}[-\u2010\u2011\u2013]\d\d[-\u2010\u2011\u2013]\d{4}",
    ),
    Format(
        "USIndividualTaxpayerIdentification",
        ("[9]99_(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|[9][0-24-9])_9999",),
        near="itin|taxpayer*|tax id*",
    ),
    Format(
        "UKNationalInsuranceNumber",
        ("(?!BG|GB|NK|KN|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]_99_99_99_[A-D]",),
    ),
    Format(  # the last letter is often left out
        "UKNationalInsuranceNumber",
        ("(?!BG|GB|NK|KN|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]_99_99_99",),
        near="ni|nino|national insurance*",
        close=True,
    ),
    Format(
        "UKNationalHealthNumber",
        (_anywhere("9" * 10),),
        near="nhs*|national health*|patient*",
        check=_presidio("NhsRecognizer"),
    ),
    Format(
        "UKDriversLicenseNumber",
        ("[A-Z9]{5}_9[0156]9[0-3]99_[A-Z9]{2}_[0-9]_AA", "[A-Z9]{5}_9[0156]9[0-3]99_[A-Z9]{2}[0-9]AA_99"),
        near=_DRIVING,
    ),
    Format("UKUniqueTaxpayerNumber", (_anywhere("9" * 10),), near="utr|unique taxpayer*", close=True),
    Format("USUKPassportNumber", (_anywhere("9" * 9), _anywhere("9" * 8), _anywhere("A" + "9" * 8)), near=_PASSPORT),
    Format("DEPassportNumber", (_anywhere(_GERMAN + "9"),), near=_PASSPORT, check=_travel_document),
    Format("DEPassportNumber", (_anywhere(_GERMAN),), near=_PASSPORT),
    Format("FRPassportNumber", ("99_AA_99999", "99_AA_99_999"), near=_PASSPORT),
    Format(  # Spain, Italy, Portugal, Austria
        "EUPassportNumber",
        ("AA[A-Z]?_999_999", "AA_9999999", "AA_999_9999", "A_999_999", "A_9999999", "A_999_9999"),
        near=_PASSPORT,
    ),
    Format(
        "USDriversLicenseNumber",
        ("A_999_999(?:9{1,2})?", "A999_9999(?:_9999(?:_9)?)?", "A_999_999_99_999(?:_9)?", "A[0-9]{12,13}"),
        near=_DRIVING,
    ),
    Format("ABARoutingNumber", ("9999_9999_9", "999_999_999"), near="routing*|aba|transit*", check=_aba),
    Format(
        "SWIFTCode",
        (
            "AAAA_(?:[A][DETU]|[B][ER]|C[A]|C[HNZ]|D[EK]|ES|F[IR]|G[BR]|HK|I[ENT]|JP|LU|MX|N[LO]|P[LT]|S[EG]|US|Z[A])"
            "_**(?:_***)?",
        ),
        near="swift*|bic*",
    ),
    Format(
        "USBankAccountNumber",
        ("[0-9]{8,17}", "99_9999_9999", "9999_9999(?:_99)?", "999_999_999(?:_999)?", "9999_9999_9999(?:_9999)?"),
        near="account*|acct*|a/c",
        close=True,
        languages=words("en"),
    ),
    Format(
        "CASocialInsuranceNumber",
        ("999_999_999",),
        near="sin|social insurance*|nas|assurance sociale*",
        check=_presidio("CaSinRecognizer"),
        close=True,
    ),
    Format("ESDNI", ("99_999_999_[A-HJ-NP-TV-Z]", "[X-Z]_9_999_999_[A-HJ-NP-TV-Z]"), check=_spanish),
    Format(
        "ESSocialSecurityNumber",
        ("99_99999999_99", "99_9999_9999_99", "99_999_99999_99"),
        near="seguridad social*|afiliación*|naf|nuss|nss",
        check=_spanish_security,
    ),
    Format("FRSocialSecurityNumber", ("[12]_99_99_[0-9][0-9AB]_999_999_99",), check=_french, sure=True),
    Format("FRTaxIdentificationNumber", ("[0-3]9_99_999_999_999",), near="fiscal*|impôt*|spi|tax*", check=_french_tax),
    Format(
        "DETaxIdentificationNumber", (_anywhere("[1-9]" + "9" * 10),), near=_TAX, check=_presidio("DeTaxIdRecognizer")
    ),
    Format("DEIdentityCardNumber", (_anywhere(_GERMAN + "9"),), near=_IDENTITY, check=_travel_document),
    Format("DEIdentityCardNumber", (_anywhere(_GERMAN),), near=_IDENTITY),
    Format(
        "EUSocialSecurityNumber",  # the number of the German pension insurance
        ("99_[0-9]{2}_[01]9_99_A_99_9",),
        near="sozialversicherung*|rentenversicherung*|versicherungsnummer*|sv-nummer|sv-nr|rvnr",
        check=_presidio("DeSocialSecurityRecognizer"),
    ),
    Format(
        "ITFiscalCode",
        ("AAA_AAA_**A**_A***A",),
        check=_italian,
    ),
    Format(
        "PTTaxIdentificationNumber",
        ("[1235-9]99_999_999",),
        near="nif|n.i.f|contribuinte*|fiscal*|nif/nipc",
        check=_portuguese,
    ),
    Format(
        "PTCitizenCardNumber",
        ("[0-9]{8}_9_**9", "99_999_999_9_**9"),
        near="cartão de cidadão*|cartao de cidadao*|cidadão|cc|bi|citizen card*",
        check=_portuguese_card,
    ),
    Format(
        "BRCPFNumber",
        ("999_999_999_99",),
        near="cpf*|cadastro*",
        check=_cpf,
        bare=r"\d{3}\.\d{3}\.\d{3}[-\u2010\u2011\u2013]\d\d",
    ),
    Format(
        "BRLegalEntityNumber",
        ("99_999_999_9999_99",),
        near="cnpj*",
        check=_cnpj,
        bare=r"\d{2}\.\d{3}\.\d{3}/\d{4}[-\u2010\u2011\u2013]\d\d",
    ),
    Format(
        "INUniqueIdentificationNumber",
        ("[2-9]999_9999_9999",),
        near="aadhaar*|aadhar*|adhaar*|uidai*|uid|आधार*",
        check=_presidio("InAadhaarRecognizer"),
    ),
    Format(
        "INPermanentAccount",
        ("AAA[ABCFGHLJPT]A_9999_A",),
        near="pan|permanent account*|income tax*",
        bare=r"[A-Z]{5}\d{4}[A-Z]",
    ),
    Format("CHSocialSecurityNumber", ("756_9999_9999_99",), check=_swiss, sure=True),
)
CATEGORIES = frozenset(form.category for form in FORMATS)
