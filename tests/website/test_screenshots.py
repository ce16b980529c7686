"""Pages as they look, beside kept pictures: icons have vanished before while every score stayed at 100.

Pictures are compared tile by tile, since an icon is a thousandth of a screen: the tile that differs most decides. When
a change was meant, look at the new pictures and keep them:

    python -m pytest tests/website/test_screenshots.py --renew-screenshots
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from browser import SETTINGS
from build_book import BUILD
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

pytestmark = pytest.mark.site

KEPT = Path(__file__).with_name("screenshots")
SEEN = BUILD / "screenshots"  # what a failed test saw
TILE, STEP = 48, 24  # pixels: an icon of 20 pixels is always within one tile
DIFFERENT = 64  # levels, of 255, by which a pixel must differ in a channel to count; kept pictures have few colours
TOLERANCE = 0.01  # share of the pixels of the worst tile

# The same font on every machine, no date that moves with each run, nothing that blinks.
STEADY = """
* { font-family: "DejaVu Sans" !important; caret-color: transparent !important; }
code, pre, kbd, pre *, code * { font-family: "DejaVu Sans Mono" !important; }
.ran { display: none !important; }
"""
HAS_FONT = """() => {
    const pen = document.createElement("canvas").getContext("2d")
    const width = (rest) => { pen.font = `20px "DejaVu Sans", ${rest}`; return pen.measureText("mmmmiiiiii").width }
    return width("monospace") === width("serif")
}"""
PLOT, TABLE = ".cell_output img", "table.sortable"
VIEWS = {
    "landing": ("book/index", None, list(SETTINGS)),
    "text": ("book/03-certification-path", None, list(SETTINGS)),
    "notebook": ("notebooks/03-certification-path", None, list(SETTINGS)),
    "plot": ("notebooks/03-certification-path", PLOT, list(SETTINGS)),
    "then-and-now": ("book/then-and-now", TABLE, [setting for setting in SETTINGS if setting.endswith("-390")]),
}


def prepared(visit, view: str, setting: str):
    """The page of a view, ready for its picture."""
    name, selector, _ = VIEWS[view]
    page = visit(name, reduced_motion="reduce", **SETTINGS[setting]).page
    page.add_style_tag(content=STEADY)
    if not page.evaluate(HAS_FONT):
        sentence = "The screenshots need the font DejaVu Sans. On Debian and Ubuntu: sudo apt install fonts-dejavu-core"
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    if selector == PLOT:
        page.locator(PLOT).first.scroll_into_view_if_needed()
        page.locator(PLOT).first.evaluate("(image) => image.decode()")
    elif selector:
        page.locator(selector).first.evaluate("(element) => element.scrollIntoView()")
    page.evaluate("document.fonts.ready")
    return page


def picture(page, view: str) -> Image.Image:
    """A screenful, or the plot of a view."""
    png = page.locator(PLOT).first.screenshot() if VIEWS[view][1] == PLOT else page.screenshot()
    return Image.open(io.BytesIO(png)).convert("RGB")


def few_colours(image: Image.Image) -> Image.Image:
    """As it is kept: a fraction of the bytes, and no difference that an eye finds."""
    return image.quantize(64, kmeans=2, dither=Image.Dither.NONE)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ in the tile that differs most; 1 when the sizes differ."""
    if one.size != other.size:
        return 1.0
    apart = np.abs(np.asarray(one.convert("RGB"), dtype=int) - np.asarray(other.convert("RGB"), dtype=int)).max(axis=2)
    differs = np.pad(apart > DIFFERENT, ((0, TILE), (0, TILE)))
    tiles = sliding_window_view(differs, (TILE, TILE))[::STEP, ::STEP]
    return float(tiles.mean(axis=(2, 3)).max())


@pytest.mark.parametrize(
    ("view", "setting"), [(view, setting) for view, (_, _, settings) in VIEWS.items() for setting in settings]
)
def test_page_looks_as_it_did(view, setting, visit, request):
    kept = KEPT / f"{view}-{setting}.png"
    now = picture(prepared(visit, view, setting), view)
    if request.config.getoption("--renew-screenshots"):
        KEPT.mkdir(exist_ok=True)
        few_colours(now).save(kept, optimize=True)
        return
    assert kept.is_file(), "there is no kept picture: run with --renew-screenshots and look at it"
    share = difference(now, Image.open(kept))
    if share > TOLERANCE:
        SEEN.mkdir(parents=True, exist_ok=True)
        now.save(SEEN / kept.name)
    assert share <= TOLERANCE, (
        f"{share:.1%} of the pixels of one tile differ from tests/website/screenshots/{kept.name}; what was seen is in "
        f"_build/screenshots. If it is as it should be: pytest tests/website/test_screenshots.py --renew-screenshots"
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_vanished_icon_is_noticed(setting, visit):
    page = prepared(visit, "text", setting)
    icons = page.locator("header.bar svg:visible")
    assert icons.count() >= 2
    before = few_colours(picture(page, "text"))
    assert difference(picture(page, "text"), before) <= TOLERANCE / 5, "two pictures of one page differ"
    for icon in icons.all():
        icon.evaluate("(svg) => { svg.style.opacity = 0 }")
        assert difference(picture(page, "text"), before) > 2 * TOLERANCE
        icon.evaluate("(svg) => { svg.style.opacity = '' }")


def test_every_kept_picture_is_compared(request):
    if request.config.getoption("--renew-screenshots"):
        pytest.skip("the pictures are being made")
    wanted = {f"{view}-{setting}.png" for view, (_, _, settings) in VIEWS.items() for setting in settings}
    assert {path.name for path in KEPT.glob("*")} == wanted
