"""Personal data as people print it: each kind of number in its printed forms, and what only looks like one.

Numbers are published specimens, or made up with the right check digits.
"""

import re

import pytest

from local_azure.engines import formats, patterns, pii

# category, language, a sentence around the number, printed forms, false friends (whole sentences)
NUMBERS = [
    (
        "CreditCardNumber", "en", "Please block {} today.",
        ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "4111111111111111", "3782 822463 10005",
         "5555\u00a05555\u00a05555\u00a04444", "2223 0031 2200 3222", "6011 1111 1111 1117", "3056 930902 5904"],
        ["My card is 4111 1111 1111 1112.", "Article 4006381333931 is sold out.",
         "I counted 1111 2222 3333 4444 sheep.",
         "Tracking 9400 1000 0000 0000 0000 00."],
    ),
    (
        "InternationalBankingAccountNumber", "en", "Send it to {} please.",
        ["GB33 BUKB 2020 1555 5555 55", "GB33BUKB20201555555555", "gb33 bukb 2020 1555 5555 55",
         "GB33-BUKB-2020-1555-5555-55",
         "GB33 BUKB 202015 55555555", "DE89 3704 0044 0532 0130 00", "FR14 20041 01005 0500013M026 06",
         "CH93 0076 2011 6238 5295 7", "ES91 2100 0418 45 0200051332", "PT50.0002.0123.1234.5678.9015.4"],
        ["My IBAN is GB33 BUKB 2020 1555 5555 56.", "Our IBAN is missing.", "Model GB33 BUKB 2020 is out.",
         "XX33 BUKB 2020 1555 5555 55 is no country's."],
    ),
    (
        "USSocialSecurityNumber", "en", "My social security number is {}, thanks.",
        ["078-05-1120", "078 05 1120", "078051120", "078.05.1120", "078\u201105\u20111120"],
        ["My SSN is 000-12-3456.", "It is 666-12-3456.", "The code is 078 05 1120.", "My SSN is 078-00-1120."],
    ),
    (
        "USIndividualTaxpayerIdentification", "en", "My ITIN is {}.",
        ["912-70-1234", "912 70 1234", "912701234", "900.88.1234"],
        ["My ITIN is 912-93-1234.", "It is 912-70-1234 or so.", "My ITIN is 812-70-1234."],
    ),
    (
        "UKNationalInsuranceNumber", "en", "It says {} on the letter.",
        ["AB123456C", "AB 12 34 56 C", "ab123456c", "ab 12 34 56 c", "AB-12-34-56-C", "AB 123456 C"],
        ["The part is BG123456C.", "The part is AB123456E.", "Seat AB12 is free.", "OO123456C it says."],
    ),
    (
        "UKNationalInsuranceNumber", "en", "NINO: {}",
        ["AB 12 34 56", "ab123456", "AB-12-34-56"],
        ["Flight AB 12 34 56 was late.", "NINO: GB 12 34 56", "The NI team met at table AB 12 34."],
    ),
    (
        "UKNationalHealthNumber", "en", "My NHS number is {}.",
        ["943 476 5919", "9434765919", "943-476-5919", "943.476.5919", "450 557 7104"],
        ["My NHS number is 943 476 5918.", "The code is 943 476 5919 here.", "The NHS saw 943 476 people."],
    ),
    (
        "UKDriversLicenseNumber", "en", "The driving licence is {}.",
        ["MORGA657054SM9IJ", "MORGA 657054 SM9IJ", "morga657054sm9ij", "MORGA-657054-SM9IJ"],
        ["The driving licence is MORGA 697054 SM9IJ.", "It reads MORGA657054SM9IJ.", "My driving licence is gone."],
    ),
    (
        "UKUniqueTaxpayerNumber", "en", "UTR {}",
        ["12345 67890", "1234567890", "12345-67890"],
        ["Order 12345 67890", "UTR 12345 6789", "UTR was asked for twice in 12345 67890"],
    ),
    (
        "USUKPassportNumber", "en", "My passport number is {}.",
        ["512345678", "512 345 678", "51 23 45 678", "A12345678", "a1234 5678"],
        ["Order 512345678 is late.", "There were 512 345 678 visits.", "My passport has 32 pages."],
    ),
    ("USUKPassportNumber", "fr", "Mon passeport : {}", ["512345678", "512 345 678", "512-345-678"],
     ["Commande 512345678", "Mon passeport a 32 pages", "Il y a 512 345 678 raisons"]),
    ("DEPassportNumber", "de", "Mein Reisepass hat die Nummer {}.", ["C01X00T47", "C01X00T478", "C01X 00T 478",
     "c01x00t47"],
     ["Das Modell C01X00T47 ist neu.", "Mein Reisepass hat die Nummer A01X00T47.", "Mein Reisepass ist neu."]),
    ("FRPassportNumber", "fr", "Passeport n° {}.", ["12AB34567", "12 AB 34567", "12ab34567", "12-AB-34567"],
     ["Le vol 12AB34567 est annulé.", "Passeport n° 12A345678B.", "Passeport perdu."]),
    ("EUPassportNumber", "es", "Mi pasaporte es {}.", ["AAA123456", "AAA 123 456", "aaa123456", "AB-123456"],
     ["La pieza AAA123456 falta.", "Mi pasaporte es A12.", "Mi pasaporte caducó."]),
    ("EUPassportNumber", "it", "Passaporto: {}", ["YA1234567", "YA 1234567", "ya1234567", "YA 123 4567"],
     ["Pezzo: YA1234567", "Passaporto: YAB", "Passaporto scaduto"]),
    ("USDriversLicenseNumber", "en", "Driver's license {}", ["D1234567", "D 123 4567", "d123-4567", "D123-4567-8901"],
     ["Room D1234567", "Driver's license D12", "Driver's license renewed in 1234567 ways"]),
    ("ABARoutingNumber", "en", "Routing number {}", ["021000021", "0210-0002-1", "0210 0002 1", "021 000 021"],
     ["Routing number 021000022", "The code is 021000021 today", "Routing is slow"]),
    ("SWIFTCode", "en", "The BIC is {}.", ["BUKBGB22XXX", "BUKBGB22", "BUKB GB 22 XXX", "bukb gb 22", "bukbgb22xxx"],
     ["The word is BUKBGB22XXX.", "The BIC is required.", "Swift mandates reform."]),
    ("USBankAccountNumber", "en", "Account number {}", ["123456789", "12-3456-7890", "1234 5678 90", "1234 5678 9012"],
     ["My account moved in 2019", "Order 123456789", "The account has many numbers such as 123456789"]),
    ("CASocialInsuranceNumber", "en", "My SIN is {}", ["130 692 544", "130692544", "130-692-544"],
     ["My SIN is 130 692 545", "I waited since 130 692 544 seconds", "My SIN is lost"]),
    ("ESDNI", "es", "Me piden {} otra vez.",
     ["12345678Z", "12.345.678-Z", "12345678-Z", "12345678 z", "12 345 678 Z", "X1234567L", "X-1234567-L", "x1234567l",
      "Y-7.654.321-G"],
     ["El DNI 12345678A está mal.", "El pedido 12345678Z no llega.", "Hay 12.345.678 zapatos.", "Mi DNI caducó."]),
    ("ESSocialSecurityNumber", "es", "Mi número de la Seguridad Social es {}.", ["281234567840", "28/12345678/40",
     "28 12345678 40"],
     ["Mi número de la Seguridad Social es 281234567841.", "El pedido 281234567840.", "La Seguridad Social tardó."]),
    ("FRSocialSecurityNumber", "fr", "Mon numéro : {} merci.",
     ["2 69 05 49 588 157 80", "269054958815780", "2.69.05.49.588.157.80", "2-69-05-49-588-157-80",
      "269 0549 588 157 80",
      "2 95 04 2A 123 456 59", "2 95 04 2a 123 456 59"],
     ["Mon numéro : 2 69 05 49 588 157 81.", "Mon numéro : 3 69 05 49 588 157 80.", "Il y a 269 054 raisons."]),
    ("FRTaxIdentificationNumber", "fr", "Numéro fiscal : {}", ["30 23 217 600 053", "3023217600053",
     "30-23-217-600-053"],
     ["Numéro fiscal : 30 23 217 600 054", "La commande 3023217600053", "Numéro fiscal manquant"]),
    ("DETaxIdentificationNumber", "de", "Meine Steuer-ID ist {}.",
     ["86 095 742 719", "86095742719", "86 095742719", "860 957 427 19", "86.095.742.719", "47 036 892 816"],
     ["Meine Steuer-ID ist 86 095 742 718.", "Die Bestellung 86095742719 fehlt.",
      "Im Jahr 86 095 742 719 vielleicht."]),
    ("DETaxIdentificationNumber", "en", "My German tax number is {}", ["86 095 742 719", "86095742719",
     "86-095-742-719"],
     ["My German tax number is 86 095 742 710", "We sold 86 095 742 719 units", "The tax rose by 86 095"]),
    ("DEIdentityCardNumber", "de", "Personalausweis {}", ["T220001293", "T22000129", "T22 000 129", "lz6311t475",
     "L01X00T47"],
     ["Artikel T22000129", "Personalausweis fehlt", "Personalausweis A22000129"]),
    ("EUSocialSecurityNumber", "de", "Sozialversicherungsnummer: {}", ["65180539W001", "65 180539 W 001",
     "65-180539-w-001", "15 070649 C 103"],
     ["Sozialversicherungsnummer: 65 180539 W 002", "Artikel 65180539W001", "Sozialversicherungsnummer fehlt"]),
    ("ITFiscalCode", "it", "Il mio codice è {}.", ["RSSMRA85T10A562S", "rssmra85t10a562s", "RSS MRA 85T10 A562S",
     "RSS MRA 85T10A562S", "RSS-MRA-85T10-A562S"],
     ["Il mio codice è RSSMRA85T10A562T.", "Il mio codice è RSSMRA85T.", "Codice fiscale mancante."]),
    ("PTTaxIdentificationNumber", "pt", "O meu NIF é {}.", ["123456789", "123 456 789", "123.456.789", "123-456-789",
     "501 442 960"],
     ["O meu NIF é 123456780.", "A encomenda 123456789 não chegou.", "Foram 123 456 789 pessoas."]),
    ("PTCitizenCardNumber", "pt", "Cartão de cidadão {}", ["00000000 0 ZZ4", "000000000ZZ4", "00000000 0 zz4",
     "00000000-0-ZZ4"],
     ["Cartão de cidadão 00000000 0 ZZ5", "A peça 000000000ZZ4", "Cartão de cidadão perdido"]),
    ("BRCPFNumber", "pt", "Meu CPF é {}.", ["111.444.777-35", "11144477735", "111 444 777 35", "111.444.777\u201335",
     "529.982.247-25"],
     ["Meu CPF é 111.444.777-36.", "O pedido 11144477735 chegou.", "Meu CPF é 111.111.111-11."]),
    ("BRCPFNumber", "en", "He wrote {} on it.", ["111.444.777-35", "529.982.247-25", "529.982.247\u201025"],
     ["He wrote 11144477735 on it.", "He wrote 111.444.777-36 on it.", "He wrote 111.444.777 on it."]),
    ("BRLegalEntityNumber", "pt", "O CNPJ é {}.", ["11.222.333/0001-81", "11222333000181", "11 222 333 0001 81"],
     ["O CNPJ é 11.222.333/0001-82.", "O pedido 11222333000181.", "O CNPJ falta."]),
    ("INUniqueIdentificationNumber", "en", "Aadhaar {} is mine.", ["2341 2341 2346", "234123412346",
     "2341-2341-2346", "4991 1866 5246"],
     ["Aadhaar 2341 2341 2347 is wrong.", "The code 2341 2341 2346 is long.", "Aadhaar 1341 2341 2346 cannot be."]),
    ("INPermanentAccount", "en", "My PAN is {}.", ["ABCPE1234F", "abcpe1234f", "ABCPE 1234 F", "ABCPE-1234-F"],
     ["My PAN is ABCDE1234F.", "A frying pan costs 1234.", "Ask about abcpe 1234 f again."]),
    ("CHSocialSecurityNumber", "fr", "Elle note {} ici.", ["756.9217.0769.85", "7569217076985", "756 9217 0769 85",
     "756-9217-0769-85"],
     ["Elle note 756.9217.0769.86 ici.", "Elle note 757.9217.0769.85 ici.", "Elle note 756.9217 ici."]),
]  # fmt: skip

PHONES = {
    "en": ["020 7946 0958", "(020) 7946 0958", "+44 (0)20 7946 0958", "07911 123456", "(202) 456-1111", "202-456-1111",
           "202.456.1111", "+1 202 456 1111", "98765 43210", "+91-98765-43210", "0091 98765 43210", "9876543210"],
    "es": ["612 345 678", "612-345-678", "612 34 56 78", "91 123 45 67", "+34 612 345 678", "0034 612 345 678"],
    "fr": ["06 12 34 56 78", "06.12.34.56.78", "06-12-34-56-78", "0612345678", "+33 6 12 34 56 78",
     "+33 (0)6 12 34 56 78"],
    "de": ["030 901820", "030/901820", "(030) 90 18 20", "0171-1234567", "+49 (0)30 901820", "0049 30 901820"],
    "pt": ["912 345 678", "912345678", "21 123 4567", "+351 912 345 678", "(11) 91234-5678", "+55 11 91234-5678"],
    "it": ["06 69812345", "06/69812345", "347 1234567", "347-1234567", "+39 06 698 12345"],
}  # fmt: skip
NO_PHONES = [
    "It cost 1,234,567.89 in 2024.", "Order 0207 946 0958 is late.", "ISBN 978-3-16-148410-0", "Pi is 3.141592653.",
    "Version 10.2.11 of 24.12.2024 18:00", "It lies at 48.856613, 2.352222.", "Reference: 2024-556-781",
]  # fmt: skip
EMAILS = [
    "jo.o'neil+x@sub.example.co.uk", "j_okafor-2@example.org", "JO@EXAMPLE.COM", "élodie@exemple.fr",
     "o’neil@example.org",
    "info@bücher.example", "jo (at) example.org", "jo[at]example[dot]org", "a.b.c@d.e.example",
     "me@xn--bcher-kva.example",
]  # fmt: skip
NO_EMAILS = [
    "Three @ 5.50 each",
    "Ask @harbourbank today",
    "a@b.c",
    "jo@example",
    "It is at example.org (at noon)",
    "x @ y.z",
]


def found(text, language):
    return {(entity.category, entity.span.of(text)) for entity in pii.recognize(text, language)}


def cases(column):
    return [
        pytest.param(category, language, sentence, text, id=f"{category}-{language}-{text}")
        for category, language, sentence, *columns in NUMBERS
        for text in columns[column]
    ]


@pytest.mark.parametrize(("category", "language", "sentence", "number"), cases(0))
def test_printed_forms_are_found_whole(category, language, sentence, number):
    assert (category, number) in found(sentence.format(number), language)


@pytest.mark.parametrize(("category", "language", "sentence", "friend"), cases(1))
def test_false_friends_are_left_alone(category, language, sentence, friend):
    assert category not in {name for name, _ in found(friend, language)}


def test_every_kind_of_number_has_printed_forms_and_false_friends():
    assert {category for category, *_ in NUMBERS} == formats.CATEGORIES
    assert all(len(forms) >= 3 and len(friends) >= 3 for *_, forms, friends in NUMBERS)


@pytest.mark.parametrize(("language", "number"), [(name, one) for name, forms in PHONES.items() for one in forms])
def test_telephone_numbers_as_printed(language, number):
    for sentence in ("{}", "Tel. {}, 9-17h", "({})"):
        text = sentence.format(number)
        assert ("PhoneNumber", number) in found(text, language), text


@pytest.mark.parametrize("language", sorted(PHONES))
@pytest.mark.parametrize("text", NO_PHONES)
def test_what_only_looks_like_a_telephone_number(language, text):
    assert "PhoneNumber" not in {category for category, _ in found(text, language)}


@pytest.mark.parametrize("address", EMAILS)
def test_mailboxes_are_found_whole(address):
    for sentence in ("Write to {}.", "<{}>", "“{}”", "mail:{}, please", "({})"):
        text = sentence.format(address)
        assert address in {span.of(text) for span in patterns.emails(text)}, text


@pytest.mark.parametrize("text", NO_EMAILS)
def test_what_only_looks_like_a_mailbox(text):
    assert not list(patterns.emails(text))


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("Born 12/04/1961.", "en", "12/04/1961"), ("On 3/22/2018\nClean", "en", "3/22/2018"), ("since 2026-03-31",
         "en", "2026-03-31"),
        ("Sept. 4th, 2020 it was", "en", "Sept. 4th, 2020"), ("am 3. Mai 2024", "de", "3. Mai 2024"),
         ("am 12. 4. 1961", "de", "12. 4. 1961"),
        ("le 1er janvier 2020", "fr", "1er janvier 2020"), ("el 24 de diciembre de 2023", "es",
         "24 de diciembre de 2023"),
        ("em 5 de março", "pt", "5 de março"), ("il 7 sett. o 7 set 2020", "it", "7 set 2020"),
    ],
)  # fmt: skip
def test_days_as_written(text, language, day):
    assert ("Date", day) in found(text, language)


@pytest.mark.parametrize("text", ["Version 10.2.11", "3 out of 5", "12 sets of 4", "1/2 of it", "13.13.2020", "10.2.1"])
def test_what_only_looks_like_a_day(text):
    assert "Date" not in {category for category, _ in found(text, "en")}


def test_a_word_after_the_number_may_explain_it():
    assert ("USUKPassportNumber", "512345678") in found("512345678 is my passport number.", "en")
    assert "USUKPassportNumber" not in {name for name, _ in found("512345678 people have a passport.", "en")}


@pytest.mark.parametrize("spelling", ["999_99_9999", "AA_99_99_99_[A-D]", "[X-Z]_9_999_999_A", "**_9"])
def test_every_printed_form_comes_from_one_spelling(spelling):
    """Whatever the mark in the gaps, however few of them: what the pattern takes is the same number."""
    compact = "".join(
        {"9": "7", "A": "B", "*": "C"}.get(piece, piece[1:2]) for piece in re.findall(r"\[[^\]]*\]|[^_]", spelling)
    )
    pattern = re.compile(formats.printed(spelling))
    groups, place = [], 0
    for group in spelling.split("_"):
        length = len(re.findall(r"\[[^\]]*\]|.", group))
        groups.append(compact[place : place + length])
        place += length
    for mark in ("", " ", ".", "-", "/", " - ", "\u00a0", "\u2011", "\u202f"):
        assert pattern.fullmatch(mark.join(groups)), mark
    assert not pattern.fullmatch("_".join(groups)) and not pattern.fullmatch("   ".join(groups))
