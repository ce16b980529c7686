"""Offsets in the three units that callers may count in, checked against texts whose units are known by definition."""

import pytest

from local_azure.engines import Span
from local_azure.services.language.positions import CODE_POINTS, TEXT_ELEMENTS, UTF16, Positions, text_elements


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("plain", 5, id="ascii"),
        pytest.param("a\r\nb", 3, id="line break of Windows"),
        pytest.param("café", 4, id="composed accent"),
        pytest.param("cafe\u0301", 4, id="combining accent"),
        pytest.param("\u0301a", 2, id="accent at the start"),
        pytest.param("\n\u0301", 2, id="accent after a control"),
        pytest.param("한국", 2, id="Korean syllables"),
        pytest.param("\u1112\u1161\u11ab", 1, id="Korean parts"),
        pytest.param("กำ", 1, id="Thai vowel"),
        pytest.param("की", 1, id="Devanagari vowel"),
        pytest.param("🙂", 1, id="emoji"),
        pytest.param("👍\U0001f3fd", 2, id="skin tone, younger than Unicode 8's rules"),
        pytest.param("👩\u200d👩\u200d👧", 3, id="family, younger than Unicode 8's rules"),
        pytest.param("❤\ufe0f", 1, id="variation selector"),
        pytest.param("1\ufe0f\u20e3", 1, id="key cap"),
        pytest.param("🇫🇷", 1, id="flag"),
    ],
)
def test_text_elements(text, elements):
    assert text_elements(text) == elements


TEXT = "A🙂 cafe\u0301 👩\u200d👧 Zoë"


@pytest.mark.parametrize("unit", [TEXT_ELEMENTS, CODE_POINTS, UTF16])
@pytest.mark.parametrize("word", ["A", "🙂", "cafe\u0301", "👩\u200d👧", "Zoë"])
def test_spans_in_each_unit(unit, word):
    start = TEXT.index(word)
    measure = {
        TEXT_ELEMENTS: text_elements,
        CODE_POINTS: len,
        UTF16: lambda text: len(text.encode("utf-16-le")) // 2,
    }[unit]
    expected = {"offset": measure(TEXT[:start]), "length": measure(word)}
    assert Positions(TEXT, unit).wire(Span(start, len(word))) == expected


def test_a_cut_text_element_counts_in_full():
    assert Positions("ae\u0301b").wire(Span(2, 1)) == {"offset": 1, "length": 1}
    assert Positions("ae\u0301b").wire(Span(1, 1)) == {"offset": 1, "length": 1}


def test_an_empty_span_has_no_length():
    assert Positions("e\u0301b").wire(Span(2, 0)) == {"offset": 1, "length": 0}
    assert Positions("").wire(Span(0, 0)) == {"offset": 0, "length": 0}
