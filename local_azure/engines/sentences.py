"""Where sentences begin and end: rules on punctuation, for any language.

A full stop ends a sentence unless it belongs to an abbreviation, an initial or a number; a line break always does.
People who chat begin sentences with small letters and hang an emoji after the full stop, so both are accepted.
"""

import re

from . import Span, words

# Abbreviations of the six languages of the sentiment engine, without their last full stop. The first never end a
# sentence; the second do not before a number; the third end one when a capital follows.
_WITH_NAME = words(
    """mr mrs ms dr prof rev mt sgt capt vs e.g i.e cf approx sr sra srta dra dña ud p.ej avda mme mlle mgr bd réf hr
    fr z.b d.h u.a ggf bspw bzw vgl inkl zzgl sig dott egr spett p.es exmo exma ex.mo"""
)
_WITH_NUMBER = words("no nos nr núm n.º pág p pp art abs tel fig vol ref ext apt")
_MAY_END = words(
    """a.m p.m u.s u.k etc usw ecc inc ltd co corp st ave dept est evtl jan feb mar apr jun jul aug sep sept oct okt
    nov dec dez"""
)
_EMOJI = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2764\ufe0f\u200d\U0001f3fb-\U0001f3ff]"
_END = re.compile(
    r"(?P<stop>[.!?…]+|[。！？｡]+)"
    r"(?P<close>[\"'”’»›)\]}]*)"
    rf"(?P<emoji>(?:[ \t]*{_EMOJI}+)*)"
)
_LAST_WORD = re.compile(r"[\w.\-]*\w$")


def split(text: str) -> list[Span]:
    """The sentences of `text`, in order, without the white space around them; every other character is in one."""
    spans: list[Span] = []
    for line in re.finditer(r"[^\r\n\u2028\u2029]+", text):
        start = line.start()
        for match in _END.finditer(text, line.start(), line.end()):
            if match.end() > start and _ends_here(text, match, start, line.end()):
                _add(spans, text, start, match.end())
                start = match.end()
        _add(spans, text, start, line.end())
    return spans


def _ends_here(text: str, match: re.Match[str], start: int, line_end: int) -> bool:
    stop, after = match["stop"], text[match.end() : line_end]
    if not after.strip():
        return True
    if stop[0] in "。！？｡":
        return True
    if not after[0].isspace() and not match["emoji"]:
        return False  # 3.14, example.org
    following = after.lstrip()[0]
    if set(stop) & set("!?"):
        return True
    if stop in ("...", "..", "…") or len(stop) > 3:
        return not following.islower()  # "well... maybe" goes on
    word = _LAST_WORD.search(text[start : match.start()])
    if word is None:
        return True
    last = word.group().lower()
    if len(last) == 1 and last.isalpha():
        return False  # an initial: J. Silva
    if last.isdigit() and following.islower():
        return False  # an ordinal, as in German: am 3. mai
    if last in _WITH_NUMBER:
        return not following.isdigit()
    if last in _MAY_END:
        return following.isupper()
    return last not in _WITH_NAME


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        spans.append(Span(start + piece.index(stripped), len(stripped)))
