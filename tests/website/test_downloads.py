"""The PDF and the zip that readers take along: complete, in order, tagged, and usable without a network."""

import re
import zipfile
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from build_book import HTML, entries
from make_downloads import NAME, PAGE, PDF, ZIP, pack_site
from run_notebooks import ROOT

pytestmark = pytest.mark.site

ON_SCREEN_ONLY = {"book/progress"}
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
STEMS = [TOC["root"], *(entry["file"] for entry in entries(TOC) if entry["file"] not in ON_SCREEN_ONLY)]
PATHS = re.compile(rb"\s(?:l|c|re)\n")  # operators of a page that draw lines, curves and rectangles


@cache
def page_of_site(stem: str) -> BeautifulSoup:
    return BeautifulSoup((HTML / f"{stem}.html").read_text(encoding="utf-8"), "html.parser")


def title(stem: str) -> str:
    heading = page_of_site(stem).find("h1")
    for sign in heading.select(".headerlink"):
        sign.extract()
    return " ".join(heading.get_text().split())


@cache
def pdf():
    from pypdf import PdfReader  # here, so that tests can be collected without tests/requirements.txt

    assert PDF.is_file(), "make it first: make downloads"
    return PdfReader(PDF)


def outline() -> list[tuple[str, int, int]]:
    """``(title, depth, page)`` of each line of the outline, in order; pages count from 0."""

    def below(items, depth):
        for item in items:
            if isinstance(item, list):
                yield from below(item, depth + 1)
            else:
                yield item.title, depth, pdf().get_destination_page_number(item)

    return list(below(pdf().outline, 0))


def place(stem: str) -> tuple[int, int, int]:
    """``(index in the outline, depth, page)`` of a page of the book; a number or a word may stand before its title."""
    found = [
        (index, depth, page)
        for index, (line, depth, page) in enumerate(outline())
        if line == title(stem) or (depth and re.fullmatch(rf"(\d+\. |Notebook: ){re.escape(title(stem))}", line))
    ]
    assert len(found) == 1, f"{title(stem)!r} stands {len(found)} times in the outline"
    return found[0]


def tagged(kind: str):
    """Elements of that kind in the tree of tags, in reading order."""

    def below(node):
        children = node.get("/K", [])
        children = children.get_object() if hasattr(children, "get_object") else children
        for child in children if isinstance(children, list) else [children]:
            child = child.get_object() if hasattr(child, "get_object") else child
            if isinstance(child, dict) and "/S" in child:
                if child["/S"] == kind:
                    yield child
                yield from below(child)

    return below(pdf().trailer["/Root"]["/StructTreeRoot"])


def drawn(figure) -> int:
    """How many strokes a figure of the PDF is made of."""
    page = next(page for page in pdf().pages if page.indirect_reference == figure.raw_get("/Pg"))
    part = re.search(rb"/MCID %d\s*>>\s*BDC(.*?)EMC" % figure["/K"], page.get_contents().get_data(), re.DOTALL)
    return len(PATHS.findall(part[1])) if part else 0


def test_the_outline_lists_every_page_in_order():
    places = [place(stem) for stem in STEMS]
    assert [index for index, _, _ in places] == sorted(index for index, _, _ in places)
    assert len({page for _, _, page in places}) == len(STEMS), "two pages of the book begin on one page of the PDF"


def test_the_outline_nests_notebooks_and_sections_under_chapters():
    depths = {stem: place(stem)[1] for stem in STEMS}
    assert depths[TOC["root"]] == 0
    chapters = [entry for part in TOC["parts"] for entry in part["chapters"] if entry["file"] in STEMS]
    for chapter in chapters:
        assert depths[chapter["file"]] == 1
        assert {depths[section["file"]] for section in chapter.get("sections", [])} <= {2}
    for stem in STEMS[1:]:
        index, depth, _ = place(stem)
        sections = [section for section in page_of_site(stem).find_all("h2")]
        assert not sections or outline()[index + 1][1] == depth + 1, f"the sections of {stem} are not below it"


def test_it_is_tagged_and_says_what_it_is_and_in_which_language():
    root = pdf().trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf().metadata.title == title(TOC["root"])
    for kind in ("/H1", "/H2", "/H3", "/P", "/L", "/Table", "/TH", "/Link"):
        assert next(tagged(kind), None), f"nothing is tagged as {kind}"


def test_no_page_is_blank():
    assert len(pdf().pages) > 20
    for number, page in enumerate(pdf().pages, start=1):
        written = page.get_contents().get_data().count(b" Tj")
        assert written > 40, f"page {number} has {written} pieces of text"  # its number alone is one or two


def test_text_can_be_copied_and_nothing_is_folded_or_hidden():
    stem = STEMS[len(STEMS) // 2] if "book/04-human-core" not in STEMS else "book/04-human-core"
    question = page_of_site(stem).select_one(".question")
    (_, _, first), following = place(stem), place(STEMS[STEMS.index(stem) + 1])[2]
    printed = "".join(flat(pdf().pages[page].extract_text()) for page in range(first, following))
    assert flat(page_of_site(stem).select_one("article p:not(.facts p)").get_text())[:80] in printed
    for reason in question.select(".reason p:not(.verdict)"):
        assert flat(reason.get_text())[:40] in printed, "the reason of an option is not on paper"
    assert "I have read this chapter" not in printed and flat("Report a mistake") not in printed


def flat(text: str) -> str:
    """Letters and digits alone: lines, ligatures and spaces differ between a page and paper."""
    return re.sub(r"[\W_]", "", text.replace("ﬁ", "fi").replace("ﬂ", "fl").replace("ﬀ", "ff").replace("ﬃ", "ffi"))


def test_every_picture_is_there_with_its_words():
    wanted = [image["alt"] for stem in STEMS for image in page_of_site(stem).select("article img")]
    figures = list(tagged("/Figure"))
    assert [figure.get("/Alt") for figure in figures] == wanted
    assert all(drawn(figure) > 10 for figure in figures), "a picture is missing: only its words are there"


def test_links_within_the_book_stay_in_the_pdf():
    addresses = {
        str(note.get_object()["/A"].get_object().get("/URI"))
        for page in pdf().pages
        for note in page.get("/Annots") or []
        if "/A" in note.get_object()
    }
    assert not {address for address in addresses if not address.startswith(("https://", "http://"))}
    # Chromium drops a link that leads nowhere, so those are looked for on the page that it printed.
    soup = BeautifulSoup(PAGE.read_text(encoding="utf-8"), "html.parser")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids)), "two places have one name: links may arrive at the wrong one"
    inside = {a["href"] for a in soup.select("a[href]") if not a["href"].startswith("http")}
    assert len(inside) > len(STEMS)
    assert not {address for address in inside if address.removeprefix("#") not in ids}


def test_nothing_is_cut_off_at_the_edge_of_the_paper(visitor):
    page = visitor.browser.new_page(viewport={"width": 642, "height": 900})  # A4 without its margins, in CSS pixels
    page.emulate_media(media="print")
    page.goto(PAGE.as_uri())
    cut_off = """() => [...document.querySelectorAll("article *")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 60)}`)"""
    assert page.evaluate(cut_off) == []
    scrolling = """() => [...document.querySelectorAll("article *")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1)
        .filter((one) => !["visible", "clip"].includes(getComputedStyle(one).overflowX))
        .map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 60)}`)"""
    assert page.evaluate(scrolling) == [], "what scrolls on a screen is lost on paper"
    page.close()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    assert ZIP.is_file(), "make it first: make downloads"
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(ZIP) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    assert [path.name for path in folder.iterdir()] == [NAME]
    return folder / NAME


def test_the_zip_has_every_page_and_is_complete(unpacked):
    assert (unpacked / "index.html").is_file()
    for stem in STEMS + sorted(ON_SCREEN_ONLY):
        assert (unpacked / f"{stem}.html").read_bytes() == (HTML / f"{stem}.html").read_bytes()
    assert not (unpacked / "downloads").exists()


def missing_or_elsewhere(page, folder) -> list[str]:
    """Addresses on a page that lead to no file of the folder, and what the page loads from elsewhere."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    wrong = []
    for name, attribute in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("form", "action")):
        for tag in soup.find_all(name):
            address = urlsplit(tag.get(attribute) or "")
            if address.scheme or address.netloc:
                loaded = name in ("img", "script") or (name == "link" and tag["rel"] != ["canonical"])
                if loaded and address.scheme != "data":
                    wrong.append(f"loaded from elsewhere: {tag[attribute]}")
            elif address.path and (
                address.path.startswith("/")
                or not (page.parent / unquote(address.path)).resolve().is_relative_to(folder)
            ):
                wrong.append(f"leaves the folder: {tag[attribute]}")
            elif address.path and not (page.parent / unquote(address.path)).is_file():
                wrong.append(f"no such file: {tag[attribute]}")
    return wrong


def test_answers_of_exercises_are_in_neither_download(unpacked):
    """A check's metadata hold wrong and right answers, for the prover alone. The PDF is printed from PAGE."""
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    for path in [PAGE, *files]:
        content = path.read_bytes()
        assert b"wrong_answers" not in content and b"right_answers" not in content, path.name
    assert not [path for path in files if path.suffix == ".ipynb"]


def test_links_in_the_zip_arrive_and_nothing_comes_from_elsewhere(unpacked):
    pages = sorted(unpacked.rglob("*.html"))
    assert len(pages) > len(STEMS)
    found = {str(page.relative_to(unpacked)): missing_or_elsewhere(page, unpacked.resolve()) for page in pages}
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_the_reader_above_finds_what_is_wrong(tmp_path):
    page = tmp_path / "a.html"
    page.write_text(
        '<a href="gone.html">x</a><a href="/top.html">x</a><a href="../up.html">x</a><a href="https://example.org">x</a>'
        '<img src="https://example.org/p.png"><script src="//example.org/s.js"></script><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="https://example.org/s.css"><link rel="canonical" href="https://example.org/">'
    )
    assert [line.partition(":")[0] for line in missing_or_elsewhere(page, tmp_path.resolve())] == [
        *("no such file", "leaves the folder", "leaves the folder"),
        *["loaded from elsewhere"] * 3,
    ]


def test_the_same_site_gives_the_same_zip(tmp_path):
    for path in (tmp_path / "one.zip", tmp_path / "other.zip"):
        pack_site(path)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes() == ZIP.read_bytes()


def test_a_double_click_opens_it(visitor, unpacked):
    page = visitor.browser.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    assert title(TOC["root"]) in page.locator("h1").inner_text()
    page.locator(".chapters a[data-page]").first.click()
    page.wait_for_url(f"**/{STEMS[1]}.html")
    assert title(STEMS[1]) in page.locator("h1").inner_text()
    background = page.evaluate("getComputedStyle(document.querySelector('.bar')).position")
    assert background == "sticky", "the style sheet did not load"
    assert said == []
    assert all(address.startswith(("file:", "data:")) for address in asked)
    page.close()
