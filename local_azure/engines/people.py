"""Names of people by rule, in the languages for which no licensed recogniser is installed: es, pt, de, it, perhaps fr.

A name begins with a first name of `given_names.csv` and goes on with capitals (Javier Ruiz, João dos Santos), or stands
where people name somebody (soy …, mein Nachbar …, le titulaire est …). A first name that is also a word (Rosa, Pierre,
Ernst) counts only with a family name. This finds less than a recogniser: no lone family names, nobody in small letters.
"""

import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from . import Span, places, words

LANGUAGES = words("es fr de pt it")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ\u0100-\u024f][^\W\d_]*(?:['’-][^\W\d_]+)*"
_PARTICLE = r"(?:de la|de los|de|del|da|das|do|dos|di|della|von der|von|van der|van|zu|el|al|ben|bin|ibn|le|la)"
_WORDS = re.compile(rf"(?<![\w@./#-]){_CAPITAL}(?:[ \u00a0](?:{_PARTICLE}[ \u00a0])?{_CAPITAL}){{0,4}}(?![\w@])")
# Before a name, by language: titles; what people say of themselves and forms say of others; whose, and who.
_TITLES = {
    "es": "señor, señora, sr., sra., don, doña", "fr": "monsieur, madame, m., mme, mlle", "de": "herr, herrn, frau",
    "pt": "senhor, senhora, sr., sra., dona", "it": "signor, signora, sig., sig.ra, dott.",
}  # fmt: skip
_SAID = {
    "es": "soy, me llamo, mi nombre es, titular es, cliente es, a nombre de, a favor de",
    "fr": "je suis, je m'appelle, mon nom est, ici, c'est, titulaire est, client est, au nom de, virement vers, dr",
    "de": "ich heiße, mein name ist, inhaber ist, inhaber heißt, inhaberin ist, kunde heißt, kundin heißt",
    "pt": "sou o, sou a, sou, chamo-me, me chamo, meu nome é, titular é, cliente é, em nome de, a favor de",
    "it": "sono, mi chiamo, il mio nome è, titolare è, cliente è, a nome di, a favore di",
}  # fmt: skip
_WHOSE = {
    "es": "mi su nuestro nuestra", "fr": "mon ma son sa notre", "pt": "meu minha seu sua",
    "de": "mein meine meinem meinen meiner ihr ihre sein seine unser unsere", "it": "mio mia suo sua nostro nostra",
}  # fmt: skip
_WHO = {
    "es": """hermano hermana marido mujer esposo esposa madre padre hijo hija abuelo abuela vecino vecina jefe jefa
        amigo amiga novio novia compañero compañera asesor asesora abogado abogada médico médica primo prima tío tía""",
    "fr": """sœur soeur frère mari femme mère père fils fille voisin voisine chef cheffe ami amie collègue conseiller
        conseillère avocat avocate médecin cousin cousine oncle tante compagnon compagne""",
    "de": """frau mann schwester bruder mutter vater sohn tochter nachbar nachbarin chef chefin freund freundin kollege
        kollegin oma opa tante onkel berater beraterin vermieter vermieterin arzt ärztin""",
    "pt": """irmã irmão marido mulher esposa mãe pai filho filha avó avô vizinho vizinha chefe amigo amiga namorado
        namorada colega gestor gestora advogado advogada médico médica primo prima tio tia""",
    "it": """moglie marito sorella fratello madre padre figlio figlia nonno nonna vicino vicina capo amico amica collega
        consulente avvocato medico cugino cugina zio zia""",
}  # fmt: skip
_STREET = re.compile(
    r"(?:calle|avenida|plaza|paseo|rue|avenue|boulevard|place|quai|straße|strasse|platz|allee|rua|praça|travessa|via|viale"
    r"|corso|piazza)[ \u00a0](?:de |da |do |del |della |di )?$",
    re.IGNORECASE,
)
# First names that are words, months, feasts or firms too.
_WORDS_TOO = words(
    """abril alba américa ana ángel april asunción august augusto aurora bella benigno bianca blanca blanche branca
    bruno capucine carina cécile céleste chance chiara clara claire clement clément clemente concepción
    constant constanze consuelo cruz desirée désirée dia diamante dolores domingo dominique ernst esperança
    esperanza europa fabrice felice félix felix fiore flor flora florencia florence fortuna france franca
    francesca franco frank gala gioia gloria glória grazia graça heide heidi heiko herbert hoffnung ines
    iris jade jardín jesus jesús jose julio juillet june junio justo kai lea leal león leon letizia libertad
    lilie linda linde lourdes luce luna luz madonna magdalena mai maia mar marc marguerite marin marina
    marino mark mars martí marzia maya mayo mercedes mia milagros mina mira modesto moritz natale natividad
    nieves noël noel olive oliva olivier orchidée pace pascal pascua paz perla pia pierre pilar pino placido
    prima primo prune rey reina reyes rocío rosa rosario rose ruby rubí salvador salvatore santa santiago
    santo santos serena sergio silva sofia sofía sol stein stella tea terra thea valencia vera verena
    victoire victoria violette viola violeta vitória vittoria wolf zita"""
)
# Capitals that begin a sentence or a title and are no family name.
_NOT_NAMES = words(
    """navidad noël noel natal natale weihnachten ostern pascua pâques páscoa pasqua bank banco banque banca
    sparkasse konto karte rechnung vertrag telefon brief filiale kunde kundin service servicio serviço
    servizio atención cliente clientèle clienti team straße platz calle rue rua via avenida euro euros iban
    bic pin app"""
)
_ARTICLES = {
    "es": words("el la los las un una del al lo"), "fr": words("le la les un une du des au aux l d"),
    "de": words("der die das den dem des ein eine einen einem einer im am zum zur vom beim ins"),
    "pt": words("um uma na no nas nos"), "it": words("il lo la i gli le un una uno del della al alla nel nella"),
}  # fmt: skip


@lru_cache
def _before(language: str) -> tuple[re.Pattern, re.Pattern]:
    """The end of a text that a title, or something else that names a person, comes last in."""

    def ends(*choices: str) -> re.Pattern:
        return re.compile(rf"(?<!\w)(?:{'|'.join(choices)})[ \u00a0]$", re.IGNORECASE)

    said = [re.escape(one).replace("'", "['’]") for one in _SAID[language].split(", ")]
    who = rf"(?:{'|'.join(_WHOSE[language].split())}) (?:{'|'.join(_WHO[language].split())}),?"
    return ends(*(re.escape(one) for one in _TITLES[language].split(", "))), ends(*said, who)


@lru_cache(maxsize=1)
def _given() -> dict[str, tuple[frozenset[str], int]]:
    """First names in small letters: the languages where they are usual, and in how many countries' lists they are."""
    with Path(__file__).with_name("given_names.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"].lower(): (words(row["languages"]), int(row["lists"])) for row in csv.DictReader(file)}


def find(text: str, language: str) -> Iterator[Span]:
    """The names of people in a text of one of `LANGUAGES`, without overlaps, in order."""
    if language not in LANGUAGES:
        return
    title, named = _before(language)
    for match in _WORDS.finditer(text):
        parts = list(re.finditer(_CAPITAL, match.group()))
        for number in range(len(parts)):
            start = match.start() + parts[number].start()
            before = text[max(0, start - 40) : start]
            if _STREET.search(before):
                break
            if title.search(before):
                right = parts[number].group().lower() not in _NOT_NAMES
            else:
                right = _is_name(parts[number:], before, bool(named.search(before)), language)
            if right:
                yield Span(start, match.start() + _end(parts[number:]).end() - start)
                break


def _end(parts):
    """The last word of a name: what is no name ends it."""
    last = parts[0]
    for part in parts[1:]:
        if part.group().lower() in _NOT_NAMES:
            break
        last = part
    return last


def _is_name(parts, before: str, introduced: bool, language: str) -> bool:
    first = parts[0].group()
    simple = first.lower().split("-")[0]
    usual, lists = _given().get(simple, (frozenset(), 0))
    whole = len(parts) > 1 and _end(parts) is not parts[0]
    if simple in _NOT_NAMES | _ARTICLES[language] or (first.isupper() and len(first) > 1):
        return False
    if not lists:
        return introduced and whole
    if whole:
        return language in usual or lists >= 3 or introduced or not places.is_known(first)
    if simple in _WORDS_TOO or places.is_known(first) or not (language in usual or lists >= 8):
        return introduced and simple not in places.JUDGEMENTS
    previous = re.search(r"([^\W\d_]+)['’ \u00a0]+$", before)
    begins = not before.strip() or bool(re.search(r"[.!?…:\n]\s*$", before))
    return begins or introduced or not (previous and previous.group(1).lower() in _ARTICLES[language])
