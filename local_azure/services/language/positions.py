"""Offsets and lengths in the unit that the caller counts in; engines count code points.

The units are those of the service's parameter stringIndexType. Text elements are grapheme clusters of Unicode 8 without
its rules for emoji sequences, which are younger: a family emoji of three people is three text elements, as in .NET.
"""

import unicodedata
from itertools import accumulate, pairwise

TEXT_ELEMENTS = "TextElements_v8"
CODE_POINTS = "UnicodeCodePoint"
UTF16 = "Utf16CodeUnit"

# What joins the character before it although its general category does not say so (Other_Grapheme_Extend and the
# vowels of Thai and Lao that Unicode counts as spacing marks).
_JOINING = frozenset("\u200c\u200d\uff9e\uff9f\u0e33\u0eb3")
_MARKS = frozenset(("Mn", "Me", "Mc"))
_CONTROLS = frozenset(("Cc", "Cf", "Zl", "Zp"))
_REGIONAL = range(0x1F1E6, 0x1F200)


def _hangul(code):
    """L, V, T, LV or LVT, the parts of a Korean syllable; "" for all else."""
    if 0xAC00 <= code <= 0xD7A3:
        return "LVT" if (code - 0xAC00) % 28 else "LV"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    return "T" if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB else ""


_SYLLABLE = {"L": ("L", "V", "LV", "LVT"), "LV": ("V", "T"), "V": ("V", "T"), "LVT": ("T",), "T": ("T",)}


def _joins(before, after):
    """Whether two neighbouring characters belong to one text element (Unicode Standard Annex 29, as of version 8)."""
    if before == "\r" and after == "\n":
        return True
    if unicodedata.category(before) in _CONTROLS and before not in _JOINING:
        return False
    if after in _JOINING or unicodedata.category(after) in _MARKS:
        return True
    if ord(before) in _REGIONAL and ord(after) in _REGIONAL:
        return True
    return _hangul(ord(after)) in _SYLLABLE.get(_hangul(ord(before)), ())


def _starts(text):
    """For each character 1 where a text element begins, else 0; None where that is everywhere."""
    if (text.isascii() or max(text) < "\u0300") and "\r\n" not in text:
        return None
    return [1] + [0 if _joins(before, after) else 1 for before, after in pairwise(text)]


def text_elements(text):
    """How many text elements a text has: what the service calls characters, in limits and in statistics."""
    if not text:
        return 0
    starts = _starts(text)
    return len(text) if starts is None else sum(starts)


class Positions:
    """Converts spans of one text. `unit` is a stringIndexType."""

    def __init__(self, text, unit=TEXT_ELEMENTS):
        self._before = None  # for each code point, how many units lie before it; None: as many as code points
        self._whole = unit == TEXT_ELEMENTS
        if not text:
            return
        if unit == UTF16 and max(text) > "\uffff":
            self._before = [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]
        elif unit == TEXT_ELEMENTS and (starts := _starts(text)) is not None:
            self._before = [0, *accumulate(starts)]

    def wire(self, span):
        """{"offset", "length"} of a span, both in the caller's unit. A text element that a span cuts counts in full."""
        start, end = span.start, span.start + span.length
        if self._before is None:
            return {"offset": start, "length": span.length}
        offset = self._before[end]
        if end > start:
            offset = self._before[start + 1] - 1 if self._whole else self._before[start]
        return {"offset": offset, "length": self._before[end] - offset}
