"""Every page of the built site, in a browser: what it weighs, whom it asks, what axe says of it, whether it fits."""

import json
import re
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from axe import kinds_of, reviewed, run_axe, unreviewed, write_down
from browser import PHONE, SETTINGS, WIDE, scroll_through
from build_book import HTML
from run_notebooks import ROOT
from site_server import prefix
from test_site import STEMS, soup

pytestmark = pytest.mark.site

PAGES = [*STEMS, "search", "404"]
NOTEBOOKS = [stem for stem in STEMS if stem.startswith("notebooks/")]
BASE = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
KB = 1000
TEXT_BUDGET, NOTEBOOK_BUDGET, REQUESTS = 150 * KB, 250 * KB, 15


def each(pages):
    return pytest.mark.parametrize("name", pages)


# What a first visit costs, and whom it tells

@pytest.fixture
def first_visit(visitor, seen={}):  # noqa: B006  (one dict on purpose: a page is visited once per worker)
    """``first_visit(page)``: the answers that the server gave, what the console said, requests to other hosts."""

    def look(name):
        if name not in seen:
            visitor.site.log.clear()
            visit = visitor.open(name)
            scroll_through(visit.page)
            visit.page.wait_for_load_state("networkidle")
            seen[name] = list(visitor.site.log), visit.problems, visit.elsewhere
            visitor.close()
        return seen[name]

    return look


@each(PAGES)
def test_budget(name, first_visit):
    answers, _, _ = first_visit(name)
    size, budget = sum(answer.size for answer in answers), NOTEBOOK_BUDGET if name in NOTEBOOKS else TEXT_BUDGET
    listed = "\n".join(f"{answer.size:7} {answer.path}" for answer in answers)
    assert size <= budget, f"{size / KB:.0f} KB on the first visit, {budget / KB:.0f} are allowed:\n{listed}"
    assert len(answers) <= REQUESTS, f"{len(answers)} requests on the first visit:\n{listed}"


@each(PAGES)
def test_everything_asked_for_is_there(name, first_visit):
    answers, _, _ = first_visit(name)
    missing = [answer.path for answer in answers if answer.status != 200]
    assert missing == ([f"{prefix()}no/such/page.html"] if name == "404" else [])


@each(PAGES)
def test_no_other_host_is_asked(name, first_visit):
    assert first_visit(name)[2] == []


@each(PAGES)
def test_console_is_silent(name, first_visit):
    assert first_visit(name)[1] == []


@each(PAGES)
def test_search_index_is_loaded_for_searching_only(name, first_visit):
    loaded = any("searchindex" in answer.path for answer in first_visit(name)[0])
    assert loaded == (name == "search")


def test_the_checks_above_find_what_is_wrong(visitor):
    """A page that is broken on purpose: it asks another host, throws, and loads what is not there."""
    visitor.site.log.clear()
    opened = visitor.open("book/index")
    opened.page.evaluate(
        """() => {
            document.body.append(Object.assign(new Image(), { src: "https://example.org/pixel.png" }))
            document.body.append(Object.assign(new Image(), { src: "gone.png" }))
            setTimeout(() => { throw new Error("on purpose") })
        }"""
    )
    opened.page.wait_for_load_state("networkidle")
    opened.page.wait_for_timeout(200)
    assert opened.elsewhere == ["https://example.org/pixel.png"]
    assert any("on purpose" in line for line in opened.problems)
    assert any(answer.path.endswith("/gone.png") and answer.status == 404 for answer in visitor.site.log)
    assert visitor.close() != []


# Accessibility, as far as a program can judge it

def opened_up(page) -> None:
    """Unfold all that is folded, so that it is checked too."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")


@pytest.mark.parametrize("setting", SETTINGS)
@each(PAGES)
def test_axe(name, setting, visit):
    page = visit(name, **SETTINGS[setting]).page
    opened_up(page)
    violations, doubts = run_axe(page)
    write_down(name, setting, doubts)
    assert violations == []
    assert unreviewed(page, doubts) == [], (
        "axe cannot decide about these. Look at each yourself; then either mend the page, or add it to "
        "tests/website/axe_reviewed.json with what you saw."
    )


@pytest.mark.parametrize("chosen", ["light", "dark"])
@each(["book/index", "book/04-human-core", "notebooks/04-human-core", "book/then-and-now", "book/progress"])
def test_axe_with_the_mode_chosen_by_the_switch(name, chosen, visit):
    """The system says one thing, the reader the other."""
    other = {"light": "dark", "dark": "light"}[chosen]
    page = visit(name, script=f"localStorage.setItem('course-theme', '{chosen}')", color_scheme=other).page
    assert page.evaluate("document.documentElement.dataset.theme") == chosen
    opened_up(page)
    violations, doubts = run_axe(page)
    assert violations == [] and unreviewed(page, doubts) == []


def test_axe_finds_what_is_wrong(visit):
    page = visit("book/index").page
    page.evaluate("document.querySelector('article p').style.color = '#bbb'")
    page.evaluate("document.querySelector('article').append(document.createElement('button'))")
    violations, _ = run_axe(page)
    assert {line.split(":")[0] for line in violations} == {"color-contrast", "button-name"}


def test_reviewed_doubts_say_what_was_seen():
    for entry in reviewed():
        assert set(entry) == {"rule", "reason", "where", "seen"}
        assert len(entry["seen"].split()) >= 5, f"{entry['rule']}: say what you saw"
    kinds = [kinds_of(entry) for entry in reviewed()]
    assert len(kinds) == len(set(kinds))


# A page fits the screen

SIDEWAYS = """() => {
    const wide = document.documentElement.clientWidth
    const scrolls = (e) => ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX)
    const inside = (e) => e.parentElement !== document.body && (scrolls(e.parentElement) || inside(e.parentElement))
    const out = [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility() && !inside(e)
        && e.getBoundingClientRect().right > wide + 1 && !e.closest("[popover]:not(:popover-open)"))
    return [document.documentElement.scrollWidth - wide, out.map((e) => e.outerHTML.slice(0, 120))]
}"""
SCROLLING = """() => [...document.querySelectorAll("main *")]
    .filter((e) => e.checkVisibility() && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
    .map((e) => [getComputedStyle(e).overflowX, e.tabIndex, e.getAttribute("role"), e.getAttribute("aria-label"),
                 e.outerHTML.slice(0, 120)])
    .filter(([overflow]) => overflow !== "visible")"""


@pytest.mark.parametrize("width", [320, 390])
@each(PAGES)
def test_page_does_not_scroll_sideways(name, width, visit):
    page = visit(name, viewport={"width": width, "height": 844}).page
    opened_up(page)
    excess, out = page.evaluate(SIDEWAYS)
    assert excess <= 0 and out == []


@pytest.mark.parametrize("width", [390, 1366])
@each(PAGES)
def test_what_scrolls_inside_a_page_can_be_scrolled_with_the_keyboard(name, width, visit):
    page = visit(name, viewport={"width": width, "height": 844}).page
    opened_up(page)
    page.wait_for_timeout(100)  # the script learns of sizes after layout
    for overflow, tab_index, role, label, html in page.evaluate(SCROLLING):
        assert overflow in ("auto", "scroll"), f"cut off and out of reach: {html}"
        assert tab_index == 0 and role in ("group", "region") and label, f"scrolls, but not for the keyboard: {html}"
    needless = "main :is(pre, div)[aria-label$=scrolls][tabindex]"
    assert page.evaluate(f"[...document.querySelectorAll('{needless}')].every((e) => e.scrollWidth > e.clientWidth)")


def test_a_wide_element_is_noticed(visit):
    page = visit("book/index", viewport={"width": 390, "height": 844}).page
    page.evaluate("document.querySelector('article p').style.width = '500px'")
    excess, out = page.evaluate(SIDEWAYS)
    assert excess > 0 and out


# What stands in the page's source

@cache
def meta(name: str) -> dict[str, str]:
    """Name or property to content of the page's meta elements; a second one of the same name fails."""
    found = {}
    for tag in soup(HTML / f"{name}.html").find_all("meta"):
        key = tag.get("name") or tag.get("property")
        if key:
            assert key not in found, f"two meta elements {key}"
            found[key] = tag["content"]
    return found


@each(STEMS)
def test_description(name):
    assert 50 <= len(meta(name)["description"]) <= 160, meta(name)["description"]


def test_descriptions_differ():
    texts = [meta(name)["description"] for name in STEMS]
    assert len(set(texts)) == len(texts)


@each(STEMS)
def test_canonical_address(name):
    canonical = soup(HTML / f"{name}.html").select("link[rel=canonical]")
    assert [link["href"] for link in canonical] == [f"{BASE}{name}.html"]
    assert meta(name)["og:url"] == f"{BASE}{name}.html"


@each(STEMS)
def test_social_card(name):
    picture = meta(name)["og:image"]
    assert picture.startswith(BASE) and (HTML / unquote(picture[len(BASE) :])).is_file()
    assert meta(name)["og:title"] and len(meta(name)["og:description"]) >= 50


@each([stem for stem in STEMS if stem != STEMS[0]])
def test_breadcrumbs(name):
    crumbs = soup(HTML / f"{name}.html").select('nav[aria-label="Breadcrumb"] li')
    assert crumbs[0].a and crumbs[0].a["href"].endswith("index.html")
    assert crumbs[-1]["aria-current"] == "page"
    title = soup(HTML / f"{name}.html").h1
    assert crumbs[-1].get_text(strip=True) == title.get_text().removesuffix("#").strip()


@each(STEMS)
def test_edit_and_report(name):
    links = {a.get_text(strip=True): a["href"] for a in soup(HTML / f"{name}.html").select("footer.page-end a")}
    source = re.search(r"/edit/main/(.+)$", links["Edit this page"])[1]
    assert (ROOT / unquote(source)).is_file(), "the source to edit is not there"
    assert "/issues/new?" in links["Report a mistake"]
    assert source in parse_qs(urlsplit(links["Report a mistake"]).query)["body"][0]


@pytest.mark.parametrize("position", range(len(STEMS)), ids=lambda i: STEMS[i])
def test_previous_and_next(position):
    page = HTML / f"{STEMS[position]}.html"
    for rel, at in (("prev", position - 1), ("next", position + 1)):
        links = soup(page).select(f'nav[aria-label="Previous and next"] a[rel={rel}]')
        if not 0 <= at < len(STEMS):
            assert not links
            continue
        assert (page.parent / links[0]["href"]).resolve() == HTML.resolve() / f"{STEMS[at]}.html"
        title = soup(HTML / f"{STEMS[at]}.html").h1.get_text().removesuffix("#").strip()
        assert title in links[0].get_text(" ", strip=True), "the link does not say the title of its page"


@each(NOTEBOOKS)
def test_launch_links_open_that_very_notebook(name):
    links = {urlsplit(a["href"]).hostname: a["href"] for a in soup(HTML / f"{name}.html").select("ul.launch a")}
    binder = parse_qs(urlsplit(links["mybinder.org"]).query)
    assert binder["urlpath"] == [f"lab/tree/{name}.ipynb"]
    assert links["colab.research.google.com"].endswith(f"/blob/main/{name}.ipynb")
    container = parse_qs(urlsplit(links["codespaces.new"]).query)["devcontainer_path"][0]
    settings = json.loads((ROOT / container).read_text(encoding="utf-8"))
    assert settings["customizations"]["codespaces"]["openFiles"] == [f"{name}.ipynb"]


@each([stem for stem in STEMS if re.match(r"(book|notebooks)/\d\d-", stem)])
def test_facts_of_a_chapter(name):
    facts = soup(HTML / f"{name}.html").select_one(".facts").get_text(" ", strip=True)
    assert re.search(r"\d+ minutes? (to read|of practice)", facts)
    ran = soup(HTML / f"{name}.html").select(".ran")[-1].get_text(" ", strip=True)
    assert re.search(r"[Ll]ast r[au]n on \d+ \w+ 20\d\d with Python 3\.\d+\.\d+, \S+ \d", ran), ran


@each(STEMS)
def test_pictures_have_their_size_and_load_lazily(name):
    for image in soup(HTML / f"{name}.html").find_all("img"):
        assert image.get("loading") == "lazy", image
        assert int(image["width"]) > 0 and int(image["height"]) > 0


@each(PAGES)
def test_nothing_of_the_stock_theme_is_left(name):
    page = soup(HTML / f"{name}.html")
    assert not page.select("script[type^='text/x-thebe'], [class*='fa-'], [class*='sd-']")
    assert not [script for script in page.find_all("script") if "kernelName" in script.get_text()]


def test_sitemap_lists_exactly_the_pages():
    tree = ElementTree.parse(HTML / "sitemap.xml").getroot()
    listed = [element.text for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert sorted(listed) == sorted(f"{BASE}{name}.html" for name in STEMS)


# Without the script, on paper

NO_SCRIPT = {"java_script_enabled": False}


@each(PAGES)
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_without_javascript_nothing_dead_is_shown(name, size, visit):
    page = visit(name, **NO_SCRIPT, **size).page
    assert page.locator("h1").first.is_visible()
    for control in page.locator("button:visible, input:visible").all():
        works = control.evaluate("(e) => e.hasAttribute('popovertarget') || Boolean(e.closest('form[action]'))")
        assert works, f"does nothing without the script: {control.evaluate('(e) => e.outerHTML')}"
    dead = page.locator(".script-only:visible").all()
    assert [element.evaluate("(e) => e.outerHTML.slice(0, 100)") for element in dead] == []


@each(STEMS)
def test_print(name, visit):
    """On paper there are no bars, nothing is folded, and a dark page is printed dark on white."""
    page = visit(name, script="localStorage.setItem('course-theme', 'dark')").page
    page.evaluate("onbeforeprint = () => { folded = document.querySelectorAll('details:not([open])').length }")
    folds = page.locator("details").count()
    assert page.pdf().startswith(b"%PDF")
    assert page.evaluate("folded") == 0
    assert page.locator("details:not([open])").count() == folds, "folds stay open after printing"
    page.emulate_media(media="print")
    for selector in ("header.bar", "nav#contents", "footer.page-end", "button.copy", "a.skip", "label.tick"):
        assert page.locator(f"{selector}:visible").count() == 0, f"{selector} is printed"
    assert page.locator("article").is_visible()
    ink, paper = page.evaluate("['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name])")
    assert paper == "rgb(255, 255, 255)" and sum(map(int, re.findall(r"\d+", ink))) < 200
