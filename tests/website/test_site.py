"""The built site, read as files: every link arrives, every picture has words, nothing of the build machine shows."""

import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from build_book import HTML, entries
from run_notebooks import ROOT

pytestmark = pytest.mark.site

PAGES = sorted(page for page in HTML.rglob("*.html") if "_static" not in page.relative_to(HTML).parts)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
STEMS = [TOC["root"], *(entry["file"] for entry in entries(TOC))]
LINKS = (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("source", "src"), ("object", "data"))


def each_page():
    """A test for every page but the redirect from the site's root to the first page."""
    pages = [page for page in PAGES if page != HTML / "index.html"]
    return pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(HTML))) for page in pages])


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> frozenset[str]:
    return frozenset(
        tag.get("id") or tag.get("name") for tag in soup(page).find_all(lambda t: t.get("id") or t.get("name"))
    )


def content(page: Path):
    """The part of the page that is ours, without the theme's bars."""
    return soup(page).find("article") or soup(page).find("main") or soup(page)


def test_there_is_a_site():
    assert (HTML / "index.html").is_file(), "build it first: make book"


@pytest.mark.parametrize("stem", STEMS)
def test_every_listed_page_is_built(stem):
    assert (HTML / f"{stem}.html").is_file()


def test_no_page_that_is_not_listed():
    generated = {"index", "genindex", "search", "py-modindex", "404"}
    built = {str(page.relative_to(HTML).with_suffix("")) for page in PAGES}
    assert built - generated == set(STEMS)


def broken_links(page: Path) -> list[str]:
    """Addresses on a page, within the site, at which there is no file or no such place."""
    broken = []
    for name, attribute in LINKS:
        for tag in soup(page).find_all(name):
            address = urlsplit(tag.get(attribute) or "")
            if address.scheme or address.netloc or not (address.path or address.fragment):
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                broken.append(f"{tag.get(attribute)}: no such file")
            elif address.fragment and target.suffix == ".html" and unquote(address.fragment) not in anchors(target):
                broken.append(f"{tag.get(attribute)}: no such place on that page")
    return broken


def wordless_pictures(part) -> list[str]:
    """What is wrong with the alternative texts of the pictures in a part of a page."""
    wrong = []
    for image in part.find_all("img"):
        alt = (image.get("alt") or "").strip()
        if not alt:
            wrong.append(f"no alt text: {image.get('src')}")
        elif re.search(r"(^|/)_images/|\.(png|svg|jpe?g|gif)$", alt):
            wrong.append(f"a file name as alt text: {alt}")
        elif len(alt.split()) < 3:
            wrong.append(f"alt text that says nothing: {alt}")
    return wrong


@each_page()
def test_links_arrive(page):
    assert broken_links(page) == []


@each_page()
def test_pictures_have_words(page):
    assert wordless_pictures(content(page)) == []


def test_the_readers_above_find_what_is_wrong(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">x</a><a href="b.html#gone">x</a><a href="c.html">x</a><a href="#no">x</a>'
        '<a href="https://example.org/none">x</a><img src="p.png" alt="../_images/p.png"><img src="p.png">'
        '<img src="p.png" alt="plot"><img src="p.png" alt="A line that rises">'
    )
    (tmp_path / "b.html").write_text('<p id="here">x</p>')
    (tmp_path / "p.png").write_bytes(b"")
    page = tmp_path / "a.html"
    assert [line.split(":")[0] for line in broken_links(page)] == ["b.html#gone", "c.html", "#no"]
    assert len(wordless_pictures(soup(page))) == 3


@each_page()
def test_nothing_of_the_build_machine_shows(page):
    text = page.read_text(encoding="utf-8")
    places = {f"{place}/" for place in (ROOT, sys.prefix, Path.home(), tempfile.gettempdir())}
    for place in places:
        assert place not in text, f"{place} stands on the page"
    assert "site-packages" not in text and not re.search(r"ipykernel_\d+", text)


@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem.startswith("notebooks/")])
def test_notebook_pages_can_be_launched(stem):
    links = [a["href"] for a in soup(HTML / f"{stem}.html").find_all("a", href=True)]
    path = f"{stem}.ipynb"
    assert any("mybinder.org" in link and path in unquote(link) for link in links)
    assert any("colab.research.google.com" in link and path in unquote(link) for link in links)


@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem.startswith("notebooks/")])
def test_notebook_pages_show_outputs_and_hide_unsolved_checks(stem):
    page = content(HTML / f"{stem}.html")
    assert page.select(".cell_output"), "no output on the page: the notebook was not executed"
    shown = "\n".join(output.get_text() for output in page.select(".cell_output"))
    assert "Traceback" not in shown and "AssertionError" not in shown, "the failing check of an unsolved exercise shows"


@each_page()
def test_one_visible_title(page):
    assert len(content(page).find_all("h1")) <= 1
    assert soup(page).title and soup(page).title.get_text(strip=True)
    assert soup(page).html.get("lang") == "en"


CHAPTERS = [entry for entry in entries(TOC) if re.match(r"book/\d\d-", entry["file"])]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda entry: entry["file"])
def test_every_question_of_a_chapter_is_one_on_its_page(chapter):
    """A code span in the first line of a question ends the fence, and its answers stand there as plain text."""
    source = (ROOT / f"{chapter['file']}.md").read_text(encoding="utf-8")
    page = soup(HTML / f"{chapter['file']}.html")
    assert len(page.select(".question")) == source.count("{question}")
    assert "{question}" not in page.get_text() and ":right:" not in page.get_text()


def test_answers_of_exercises_stand_nowhere_in_the_site():
    """A check's metadata hold wrong and right answers, for the prover alone."""
    for path in HTML.rglob("*"):
        if path.suffix in (".html", ".js", ".json", ".txt"):
            text = path.read_text(encoding="utf-8")
            assert "wrong_answers" not in text and "right_answers" not in text, path.relative_to(HTML)
    assert not list(HTML.rglob("*.ipynb")), "nor the notebooks themselves, which hold them"


def test_no_two_pages_have_one_title():
    """In search results and bookmarks a page is its title."""
    titles = [soup(HTML / f"{stem}.html").title.get_text(strip=True) for stem in STEMS]
    assert sorted(titles) == sorted(set(titles))
