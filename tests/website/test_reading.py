"""What a reader does with the book in a browser: search, switch colours, copy, answer, tick, look up, print nothing."""

import json
import re
from itertools import pairwise
from urllib.parse import urlsplit

import nbformat
import pytest
from axe import run_axe
from browser import PHONE, WIDE
from build_book import HTML
from run_notebooks import ROOT
from test_site import STEMS, soup

pytestmark = pytest.mark.site

LANDING, TEXT, NOTEBOOK = "book/index", "book/04-human-core", "notebooks/04-human-core"
SEARCHED = "Wilson interval"


def stored(page) -> dict:
    """The progress that the browser keeps."""
    return json.loads(page.evaluate("localStorage.getItem('course-progress')") or "{}")


def focused(page, script: str):
    """A property of the element that has the focus, ``e``."""
    return page.evaluate(f"(() => {{ const e = document.activeElement; return {script} }})()")


# Search

def search_for(page, words: str) -> None:
    page.locator("header input[name=q]").fill(words)
    page.keyboard.press("Enter")
    page.locator("#search-results li").first.wait_for()
    page.get_by_text(re.compile("Pages found: \\d")).first.wait_for()


def test_search_finds_shows_and_highlights(visit):
    page = visit(TEXT).page
    search_for(page, SEARCHED)
    results = page.locator("#search-results li")
    excerpts = page.locator("#search-results li p.context")
    excerpts.first.wait_for()
    page.wait_for_function("!document.querySelector('#search-results li:not(:has(p.context))')")
    assert results.count() >= 2
    text = excerpts.first.inner_text()
    assert "wilson" in text.lower() and "[" not in text.split()[0], text
    violations, _ = run_axe(page)
    assert violations == []
    results.locator("a").first.click()
    page.locator("span.highlighted").first.wait_for()
    assert {word.lower() for word in page.locator("span.highlighted").all_inner_texts()} & {"wilson", "interval"}
    assert page.locator("span.highlighted:visible").count() >= 1


def test_search_that_finds_nothing_says_so(visit):
    page = visit("search").page
    page.locator("main input[name=q]").fill("xylophonist")
    page.keyboard.press("Enter")
    page.get_by_text("No page has all of these words").first.wait_for()
    assert page.locator("#search-results li").count() == 0


def test_phone_can_search(visit):
    page = visit(TEXT, **PHONE).page
    page.locator("header :is(a.to-search, form button):visible").first.tap()
    page.wait_for_url("**/search.html*")
    page.locator("main input[name=q]").fill(SEARCHED)
    page.keyboard.press("Enter")
    page.locator("#search-results li").first.wait_for()


# Colours

def background(page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_colours_cycle_and_are_kept(visit):
    page = visit(TEXT, color_scheme="light").page
    button, chosen = page.locator("button.theme"), "document.documentElement.dataset.theme ?? ''"
    seen = []
    for _ in range(4):
        seen.append((page.evaluate(chosen), background(page), button.get_attribute("aria-label")))
        button.click()
    (system, dark, light, again), labels = seen, {label for *_, label in seen}
    assert [system[0], light[0], dark[0]] == ["", "light", "dark"] and again == system and len(labels) == 3
    assert system[1] == light[1] == "rgb(255, 255, 255)" and sum(map(int, re.findall(r"\d+", dark[1]))) < 120
    assert page.evaluate(chosen) == "dark"
    page.reload()
    assert page.evaluate(chosen) == "dark" and background(page) == dark[1]
    page.goto(page.url.replace(TEXT, LANDING))
    assert background(page) == dark[1]


def test_system_colours_are_followed(visit):
    page = visit(TEXT, color_scheme="dark").page
    dark = background(page)
    page.emulate_media(color_scheme="light")
    assert background(page) != dark == "rgb(20, 23, 28)"


def test_no_flash_of_the_other_colours(visit):
    """The choice is applied when the first of the body is parsed, before anything can be painted."""
    watch = """
        localStorage.setItem("course-theme", "dark")
        new MutationObserver((_, me) => {
            if (!document.body) return
            window.atFirst = document.documentElement.dataset.theme
            me.disconnect()
        }).observe(document, { childList: true, subtree: true })
    """
    assert visit(TEXT, script=watch).page.evaluate("window.atFirst") == "dark"


# Copying

def test_copy_button_copies_the_code(visit):
    opened = visit(NOTEBOOK)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened.page
    cells = nbformat.read(ROOT / f"{NOTEBOOK}.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    blocks = page.locator(".cell_input")
    for number in (0, 3):
        source = sources[number]
        block = blocks.nth(number)
        block.hover()
        block.locator("button.copy").click()
        assert page.evaluate("navigator.clipboard.readText()") == source
        assert block.locator("button.copy").inner_text() == "Copied"
    assert page.locator(".cell_output button.copy").count() == 0


def test_copying_is_heard(visit):
    """A screen reader learns the result from the button's name or from a live region, not from a changed colour."""
    opened = visit(NOTEBOOK)
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = opened.page.locator("button.copy:visible").first
    button.focus()
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_timeout(100)
    name = button.evaluate("(e) => e.getAttribute('aria-label') ?? e.textContent")
    live = " ".join(opened.page.locator("[role=status], [aria-live]").all_inner_texts())
    assert "Copied" in name + live


def test_every_block_of_code_can_be_copied_with_the_keyboard(visit):
    page = visit(NOTEBOOK).page
    button = page.locator("button.copy:visible").first
    assert button.evaluate("(e) => getComputedStyle(e).opacity") == "0"
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert button.evaluate("(e) => getComputedStyle(e).opacity") == "1"
    assert page.locator("button.copy").count() == page.locator("article .highlight:not(.cell_output *)").count()


# Folded solutions, questions, ticks

def test_solution_unfolds_with_the_keyboard(visit):
    page = visit(NOTEBOOK).page
    fold = page.locator("details", has=page.locator("summary", has_text="Solution")).first
    assert not fold.locator("pre").first.is_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert fold.locator("pre").first.is_visible()
    page.keyboard.press("Space")
    assert not fold.locator("pre").first.is_visible()


def first_question(page):
    """The first question, a wrong option and the right one of it."""
    question = page.locator(".question").first
    return question, question.locator("details:not([data-right])").first, question.locator("details[data-right]")


def letter(option) -> str:
    return "ABCDE"[int(option.get_attribute("data-option")) - 1]


def test_question_answers_at_once_and_remembers(visit):
    page = visit(TEXT).page
    question, wrong, right = first_question(page)
    outcome = question.locator(".outcome")
    assert not wrong.locator(".reason").is_visible() and outcome.inner_text() == ""
    assert outcome.get_attribute("role") == "status"
    wrong.locator("summary").focus()
    page.keyboard.press("Enter")
    assert wrong.locator(".reason").is_visible() and wrong.locator(".verdict").inner_text() == "No."
    assert len(wrong.locator(".reason").inner_text().split()) >= 5
    said = outcome.inner_text()
    assert letter(wrong) in said and "not the right one" in said
    right.locator("summary").focus()
    page.keyboard.press("Space")
    assert right.locator(".verdict").inner_text() == "Right."
    assert outcome.inner_text() == said, "the first option opened is the answer"
    numbers = [int(option.get_attribute("data-option")) for option in (wrong, right)]
    assert stored(page)["answers"] == {TEXT: {question.get_attribute("id"): numbers}}
    page.reload()
    assert outcome.inner_text() == said
    assert wrong.locator(".reason").is_visible() and right.locator(".reason").is_visible()
    count = page.locator(".question").count()
    assert f"1 of {count} questions" in page.locator(f"#contents a[data-page='{TEXT}'] + .done").inner_text()


def test_right_answer_is_called_right(visit):
    page = visit(TEXT).page
    question, _, right = first_question(page)
    right.locator("summary").click()
    assert "is right" in question.locator(".outcome").inner_text()
    assert "answer" in right.get_attribute("class").split()


def test_every_question_has_one_right_option_and_reasons():
    chapters = [stem for stem in STEMS if stem.startswith("book/")]
    assert any(soup(HTML / f"{stem}.html").select(".question") for stem in chapters)
    for stem in chapters:
        for question in soup(HTML / f"{stem}.html").select(".question"):
            assert len(question.select("details[data-right]")) == 1
            assert 2 <= len(question.select("details")) <= 4
            assert all(len(reason.get_text().split()) >= 5 for reason in question.select(".reason"))


def tick_all(page, address) -> None:
    """Tick a chapter and the first exercise of its notebook, answer a question wrongly and the next rightly."""
    page.goto(address(TEXT))
    first_question(page)[1].locator("summary").click()
    page.locator(".question").nth(1).locator("details[data-right] summary").click()
    page.get_by_label("I have read this chapter").check()
    page.goto(address(NOTEBOOK))
    page.locator("input[data-exercise]").first.check()


def row_of(page) -> list[str]:
    return page.locator(f"tr[data-chapter='{TEXT}'] td").all_inner_texts()


@pytest.fixture
def reader(visit, visitor):
    """A page of a reader who has done a little of everything, on the progress page."""
    page = visit(None).page
    tick_all(page, visitor.address)
    page.goto(visitor.address("book/progress"))
    return page


def exercises_of_the_chapter():
    """How many exercises all notebooks of the chapter have together."""
    pages = HTML.glob(f"{NOTEBOOK[: len('notebooks/04-')]}*.html")
    return sum(len(soup(page).select("input[data-exercise]")) for page in pages)


def test_ticks_show_in_the_sidebar_and_stay(visit, visitor):
    page = visit(None).page
    tick_all(page, visitor.address)
    page.reload()
    assert page.locator("input[data-exercise]").first.is_checked()
    exercises = exercises_of_the_chapter()
    note = page.locator(f"#contents a[data-page='{TEXT}'] + .done")
    assert note.inner_text().startswith(f"read, 1 of {exercises} exercises, 2 of ")
    page.goto(visitor.address(TEXT))
    assert page.get_by_label("I have read this chapter").is_checked()
    page.get_by_label("I have read this chapter").uncheck()
    assert "read" not in note.inner_text()
    assert stored(page)["read"] == {}
    assert run_axe(page)[0] == []


def test_progress_page_counts(reader):
    exercises = exercises_of_the_chapter()
    questions = len(soup(HTML / f"{TEXT}.html").select(".question"))
    assert row_of(reader) == ["yes", f"1 of {exercises}", f"2 of {questions}", "1 of 2"]
    others = reader.locator(f"tr[data-chapter]:not([data-chapter='{TEXT}'])").all()
    assert others and all(other.locator("td").first.inner_text() == "not yet" for other in others)
    assert run_axe(reader)[0] == []


def test_progress_can_be_saved_erased_and_loaded(reader, tmp_path):
    before, row = stored(reader), row_of(reader)
    with reader.expect_download() as saving:
        reader.locator("#export").click()
    file = tmp_path / saving.value.suggested_filename
    saving.value.save_as(file)
    assert file.suffix == ".json" and json.loads(file.read_text(encoding="utf-8")) == before
    reader.once("dialog", lambda dialog: dialog.dismiss())
    reader.locator("#erase").click()
    assert stored(reader) == before, "erased although the reader said no"
    reader.once("dialog", lambda dialog: dialog.accept())
    reader.locator("#erase").click()
    assert stored(reader) == {} and row_of(reader)[0] == "not yet"
    assert reader.locator("#contents .done").count() == 0
    reader.locator("#import").set_input_files(file)
    reader.get_by_text("Loaded.").wait_for()
    assert stored(reader) == before and row_of(reader) == row


@pytest.mark.parametrize(
    "text",
    ["no JSON at all", "null", "[]", '"read"', '{"version": 2, "read": {}}', '{"read": {"book/index": true}}', ""],
)
def test_a_file_of_something_else_changes_nothing(reader, text, tmp_path):
    before = stored(reader)
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    reader.locator("#import").set_input_files(file)
    reader.get_by_text("Nothing was changed").wait_for()
    assert stored(reader) == before


def test_only_what_is_progress_is_taken_from_a_file(reader, tmp_path):
    file = tmp_path / "odd.json"
    state = {
        "version": 1,
        "read": {"book/01-the-role": True, "book/02-platform": "<b>yes</b>"},
        "exercises": 7,
        "answers": {TEXT: {"question-x": ["<b>", 1]}, "__proto__": {"polluted": [1]}},
        "extra": "x",
    }
    text = json.dumps(state)
    file.write_text(text, encoding="utf-8")
    reader.locator("#import").set_input_files(file)
    reader.get_by_text("Loaded.").wait_for()
    assert stored(reader) == {"version": 1, "read": {"book/01-the-role": True}, "exercises": {}, "answers": {}}
    assert reader.evaluate("({}).polluted === undefined")


# Tables

def test_one_column_at_a_time_says_how_it_is_sorted(visit):
    """That the order is right is tested in test_tables.py."""
    page = visit("book/then-and-now").page
    table = page.locator("table.sortable").first
    first, second = table.locator("thead th").nth(0), table.locator("thead th").nth(1)
    before = table.locator("tbody tr").all_inner_texts()
    first.locator("button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-sort") == "descending"
    second.locator("button").click()
    assert first.get_attribute("aria-sort") is None and second.get_attribute("aria-sort") == "ascending"
    after = table.locator("tbody tr").all_inner_texts()
    assert after != before and sorted(after) == sorted(before), "sorting lost or changed a row"


def test_on_a_phone_cells_say_their_column(visit):
    page = visit("book/then-and-now", **PHONE).page
    cell = page.locator("table.sortable tbody td").nth(1)
    names = [text.strip() for text in page.locator("table.sortable").first.locator("thead th").all_inner_texts()]
    assert cell.locator(".column").is_visible() and cell.locator(".column").inner_text() in names
    page.set_viewport_size(WIDE["viewport"])
    assert not cell.locator(".column").is_visible()


# Terms of the glossary

def in_view(page, box) -> bool:
    """Whether the whole box is on the screen, once it has been drawn: a popover finds its place in the first frames."""
    box.wait_for(state="visible")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    where, size = box.bounding_box(), page.viewport_size
    return where["x"] >= 0 and where["y"] >= 0 and where["x"] + where["width"] <= size["width"] + 1 and (
        where["y"] + where["height"] <= size["height"] + 1
    )


def test_term_opens_with_the_keyboard_and_gives_the_focus_back(visit):
    page = visit(TEXT).page
    term = page.locator("button.term").first
    box = page.locator(f"[id='{term.get_attribute('popovertarget')}']")
    assert not box.is_visible()
    term.focus()
    page.keyboard.press("Enter")
    assert in_view(page, box) and len(box.inner_text().split()) >= 10
    page.keyboard.press("Tab")
    assert focused(page, "e.textContent") == "Glossary", "the link of the definition is next"
    assert run_axe(page)[0] == []
    page.keyboard.press("Escape")
    assert not box.is_visible()
    assert focused(page, "e.getAttribute('popovertarget')") == term.get_attribute("popovertarget")


def test_every_term_opens_by_tap_within_the_screen(visit):
    page = visit(TEXT, **PHONE).page
    for term in page.locator("button.term").all():
        box = page.locator(f"[id='{term.get_attribute('popovertarget')}']")
        term.tap()
        assert in_view(page, box), term.inner_text()
        page.keyboard.press("Escape")
        assert not box.is_visible()
    term.tap()
    assert run_axe(page)[0] == []
    page.touchscreen.tap(4, 10 if box.bounding_box()["y"] > 60 else 800)
    assert not box.is_visible(), "a tap beside it closes a definition"


def test_term_opens_under_the_pointer(visit):
    page = visit(TEXT).page
    term = page.locator("button.term").first
    box = page.locator(f"[id='{term.get_attribute('popovertarget')}']")
    term.hover()
    box.wait_for(state="visible")
    page.mouse.move(5, 500)
    box.wait_for(state="hidden")


# The drawer of a phone

def test_drawer(visit):
    page = visit(TEXT, **PHONE).page
    drawer, menu = page.locator("nav#contents"), page.locator("button.menu")
    assert not drawer.is_visible()
    menu.tap()
    assert drawer.is_visible() and drawer.locator("a[aria-current=page]").is_visible()
    assert run_axe(page)[0] == []
    page.keyboard.press("Escape")
    assert not drawer.is_visible() and focused(page, "e.className") == "menu"
    page.keyboard.press("Enter")
    assert drawer.is_visible()
    page.keyboard.press("Tab")
    assert focused(page, "Boolean(e.closest('#contents'))"), "what the button opened comes next"
    drawer.locator("button.close").tap()
    assert not drawer.is_visible()
    menu.tap()
    drawer.locator("a[data-page='book/glossary']").tap()
    page.wait_for_url("**/book/glossary.html")
    assert not page.locator("nav#contents").is_visible()


# The keyboard alone

CONTROLS = "a[href], button, input, summary, select, textarea, [tabindex='0']"
REACHABLE = f"""() => [...document.querySelectorAll("{CONTROLS}")].filter((e) => {{
    const fold = e.closest("details:not([open])")
    return e.tabIndex >= 0 && e.checkVisibility({{ visibilityProperty: true }}) && (!fold || e.matches("summary"))
}}).map((e, i) => {{ e.dataset.tab = i; return e.outerHTML.slice(0, 160) }})"""
HERE = """() => {
    const e = document.activeElement
    const shown = e.type === "file" ? e.parentElement : e
    const { outlineStyle, outlineWidth, opacity } = getComputedStyle(shown)
    const box = e.getClientRects()[0] ?? e.getBoundingClientRect()
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, innerHeight / 2))
    const page = shown.closest("main, nav#contents, nav.here, header.bar, footer.site")
    return {
        tab: Number(e.dataset.tab ?? -1), html: e.outerHTML.slice(0, 160),
        ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && opacity > 0.9,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        covered: Boolean(top?.closest("header.bar")) && !e.closest("header.bar"),
        part: page ? page.id || page.className || page.tagName : "skip",
        y: box.y + scrollY + (page?.scrollTop ?? 0), height: box.height, fixed: Boolean(e.closest("header.bar")),
    }
}"""


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", [LANDING, TEXT, NOTEBOOK, "book/progress", "book/then-and-now"])
def test_tab_reaches_everything_in_order(name, size, visit):
    page = visit(name, reduced_motion="reduce", **size).page  # so that no scrolling is still under way
    page.wait_for_timeout(100)
    wanted = page.evaluate(REACHABLE)
    reached = []
    for _ in wanted:
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        assert here["tab"] >= 0, f"the focus was lost after {reached[-1]['html'] if reached else 'the start'}"
        assert here["ring"], f"no visible focus: {here['html']}"
        assert here["seen"] and not here["covered"], f"has the focus out of sight: {here['html']}"
        reached.append(here)
    assert 'class="skip"' in reached[0]["html"]
    assert [here["tab"] for here in reached] == list(range(len(wanted))), "not the order of the page"
    for one, other in pairwise(reached):
        if one["part"] == other["part"] and not one["fixed"]:
            same_line = abs(one["y"] - other["y"]) < max(one["height"], other["height"])
            assert same_line or other["y"] > one["y"], f"jumps up from {one['html']} to {other['html']}"


def test_lost_focus_ring_is_noticed(visit):
    page = visit(LANDING).page
    page.add_style_tag(content=":focus-visible { outline: none !important }")
    page.keyboard.press("Tab")
    assert not page.evaluate(HERE)["ring"]


@pytest.mark.parametrize("name", [TEXT, "404"])
def test_skip_link(name, visit):
    page = visit(name).page
    page.keyboard.press("Tab")
    assert focused(page, "e.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")
    page.keyboard.press("Tab")
    assert focused(page, "Boolean(e.closest('main'))")


# Motion, no script, no server, no such page

MOVING = """() => [...document.querySelectorAll("*")].filter((e) => {
    const { transitionDuration, animationName } = getComputedStyle(e)
    return transitionDuration.split(", ").some((d) => d !== "0s") || animationName !== "none"
}).map((e) => e.outerHTML.slice(0, 100))"""


def test_nothing_moves_for_those_who_asked_for_no_motion(visit):
    page = visit(TEXT, reduced_motion="reduce", **PHONE).page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.locator("button.menu").tap()
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate(MOVING) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"


def test_without_javascript_questions_folds_and_terms_open(visit):
    page = visit(TEXT, java_script_enabled=False).page
    _, wrong, _ = first_question(page)
    wrong.locator("summary").focus()
    page.keyboard.press("Enter")
    assert wrong.locator(".reason").is_visible()
    term = page.locator("button.term").first
    term.focus()
    page.keyboard.press("Enter")
    assert page.locator(f"[id='{term.get_attribute('popovertarget')}']").is_visible()


@pytest.mark.parametrize("name", ["search", "book/progress"])
def test_without_javascript_pages_that_need_it_say_so(name, visit):
    page = visit(name, java_script_enabled=False).page
    assert page.locator("main noscript p").is_visible()


def test_without_javascript_the_drawer_opens(visit):
    page = visit(TEXT, java_script_enabled=False, **PHONE).page
    page.locator("button.menu").tap()
    assert page.locator("nav#contents").is_visible()


def test_from_a_folder_without_a_server(visit):
    opened = visit(LANDING, address=(HTML / f"{LANDING}.html").as_uri())
    opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened.page
    search_for(page, SEARCHED)
    page.locator("#search-results li a").first.click()
    page.locator("span.highlighted").first.wait_for()
    page.goto((HTML / f"{TEXT}.html").as_uri())
    page.locator("button.theme").click()
    question, wrong, _ = first_question(page)
    wrong.locator("summary").click()
    code = page.locator("button.copy:visible")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert "not the right one" in question.locator(".outcome").inner_text()
    page.goto((HTML / f"{NOTEBOOK}.html").as_uri())
    code.first.click(force=True)
    assert page.evaluate("navigator.clipboard.readText()").startswith(("import", "from", "#"))
    width = "async (e) => { e.loading = 'eager'; await e.decode(); return e.naturalWidth }"
    assert page.locator("article img").first.evaluate(width) > 0


@pytest.mark.parametrize("address", ["nothing.html", "book/nothing.html", "a/deep/path/with/nothing/"])
def test_an_address_without_a_page(address, visit, visitor):
    page = visit(None).page
    answer = page.goto(f"{visitor.site.url}no/such/{address}")
    assert answer.status == 404
    assert page.locator("h1").inner_text().startswith("There is no page")
    assert page.locator("header.bar").evaluate("(e) => getComputedStyle(e).position") == "sticky", "no style sheet"
    links = page.evaluate("[...document.links].map((a) => a.href).filter((h) => h.startsWith(location.origin))")
    assert len(links) > 10
    assert [link for link in set(links) if not visitor.site.file_of(urlsplit(link).path)] == []
    search_for(page, SEARCHED)
    page.locator("#search-results li a").first.click()
    page.locator("span.highlighted").first.wait_for()
