"""What is a place and no person: what buildings, streets and rivers end in, and how cities and countries are called.

The names come from babel, which has them in each language from Unicode's CLDR (Unicode licence). They set right what
the English recogniser takes for people: Londres, Westminster Abbey.
"""

from functools import lru_cache

from . import words

_LANGUAGES = ("en", "es", "fr", "de", "pt", "it")
BUILDINGS = words(
    """abbey airport aquarium arena basilica bridge building cathedral cemetery center centre chapel fort gallery
    gardens harbour harbor library lighthouse mall market memorial monument mosque museum palace pier plaza
    prison quay square stadium station synagogue temple terminal theatre theater tower tunnel zoo"""
)
NATURE = words("bay beach canyon canal coast creek falls forest island islands lake mountain mountains river valley")
STREETS = words("avenue boulevard drive road street")
ORGANISATIONS = words(
    """academy airlines airways association bakery bank café cafe church clinic club college committee company
    council foundation group hospital hostel hotel inn institute ministry pharmacy restaurant school
    supermarket university"""
)
# Surnames too: they make a place only where the sentence puts something on, in or at them.
SURNAMES = words(
    "castle church court field ford gate hall hill lake lane park place point rivers street woods bridge bay"
)
BEFORE_PLACES = words("the at in near on along around across down from to up outside inside past towards toward of by")
# Praise and blame at the head of a review begin with a capital and are no part of a name.
JUDGEMENTS = words(
    """amazing average awesome awful bad beautiful best brilliant charming cheap clean comfortable decent dirty
    excellent expensive fabulous fantastic fine friendly good great horrible lovely nice noisy old perfect
    pleasant poor quiet superb terrible tired wonderful worst"""
)
_PEOPLE_TOO = words(
    """act adelaide ciad chad christmas darwin denver easter eucla georgia israel johnston jordan lhi lindeman mackay
    malta melbourne north nsw paris phoenix regina samara santiago south stanley sydney victoria wake wallis
    west yap"""
)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    from zoneinfo import available_timezones

    from babel import Locale

    found = set()
    for zone in available_timezones():
        region, _, rest = zone.partition("/")
        if "/" not in rest and region in (
            "Africa",
            "America",
            "Asia",
            "Atlantic",
            "Australia",
            "Europe",
            "Indian",
            "Pacific",
        ):
            found.add(rest.replace("_", " "))
    for language in _LANGUAGES:
        locale = Locale.parse(language)
        found.update(name for code, name in locale.territories.items() if len(code) == 2)
        zones = locale._data["time_zones"]
        found.update(city for zone in zones for city in [zones[zone].get("city")] if city)
    return frozenset(name.lower() for name in found) - _PEOPLE_TOO


def is_known(name: str) -> bool:
    """Whether this is what a city or a country is called in one of the course's languages."""
    return name.lower() in _names()
