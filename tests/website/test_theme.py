"""The theme on a small book with everything that a page may hold: what chapters to come will use must work before."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from axe import run_axe
from browser import PHONE, SETTINGS, Visitor
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from run_notebooks import ROOT, environment
from site_server import serve

pytestmark = pytest.mark.site

sys.path.insert(0, str(ROOT / "book" / "_theme"))
from course_theme.outline import minutes_to_practise  # noqa: E402

SPECIMEN = Path(__file__).parent / "specimen"
TOC = {
    "format": "jb-book",
    "root": "book/02-other",
    "parts": [
        {
            "caption": "Everything",
            "chapters": [{"file": "book/01-specimen", "sections": [{"file": "notebooks/01-specimen"}]}],
        }
    ],
}
# a red dot; one pixel of PNG is enough to see how a picture that is no drawing is treated
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
FRAME = (
    "<div><style scoped>.dataframe tbody tr th {vertical-align: top}</style>"
    '<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
    + "".join(f"<th>a rather long column {n}</th>" for n in range(9))
    + "</tr></thead><tbody><tr><th>first</th>"
    + "<td>1.0</td>" * 9
    + "</tr></tbody></table></div>"
)


TRACEBACK = [
    "\x1b[31mZeroDivisionError\x1b[39m                Traceback (most recent call last)",
    "\x1b[32m----> 1\x1b[39m \x1b[32m1\x1b[39m \x1b[34m/\x1b[39m \x1b[35m0\x1b[39m \x1b[33m# why\x1b[39m",
    "\x1b[36mcyan\x1b[39m \x1b[1mbold\x1b[0m \x1b[90mgrey\x1b[39m \x1b[37mwhite\x1b[39m \x1b[43mmarked\x1b[49m",
]
EXERCISE = """\
## Exercises

### Exercise 1.1: something to do

The task.
<details><summary>Hint</summary>

A hint.
</details>"""


def notebook():
    """A notebook with every kind of output, as if it had been executed."""

    def cell(source, *outputs, **metadata):
        return new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)

    def value(**data):
        kinds = {kind.replace("_", "/", 1): content for kind, content in data.items()}
        return new_output("execute_result", data=kinds, execution_count=1)

    error = new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=TRACEBACK)
    drawing = new_output("display_data", data={"image/svg+xml": (SPECIMEN / "specimen.svg").read_text()})
    alt = {"mystnb": {"image": {"alt": "A red dot, drawn for the tests."}}}
    cells = [
        new_markdown_cell(
            "# A notebook with everything\n\nA paragraph.\n\n**Time:** 7 minutes, 5 more for the optional exercises."
        ),
        cell("print(1)", new_output("stream", name="stdout", text="a line of output that is long " * 9)),
        cell("warn()", new_output("stream", name="stderr", text="a warning of some library\n")),
        cell("1 / 0", error, tags=["raises-exception"]),
        cell("frame", value(text_html=FRAME, text_plain="frame")),
        cell("dot", new_output("display_data", data={"image/png": PNG}), **alt),
        cell("plot", drawing, **alt),
        cell("mapping", value(text_plain="{'a': 1}")),
        cell("hidden = 1", new_output("stream", name="stdout", text="shown"), tags=["hide-input"]),
        new_markdown_cell(EXERCISE),
        cell("answer = ...", tags=["exercise"]),
        cell(
            "assert answer == 42, 'The answer is another one.'",
            new_output("error", ename="AssertionError", evalue="The answer is another one.", traceback=TRACEBACK),
            tags=["check", "raises-exception", "remove-output"],
            wrong_answers=[{"code": "answer = 54  # a_wrong_answer_of_the_specimen", "message": "another one"}],
            right_answers=["answer = 6 * 7  # a_right_answer_of_the_specimen"],
            undo="answer = 'an_undo_of_the_specimen'",
        ),
    ]
    last_run = {"date": "2026-11-23", "python": "3.11.2", "packages": {"azure-identity": "1.0", "pandas": "2.0"}}
    return new_notebook(cells=cells, metadata={"last_run": last_run, "language_info": {"name": "python"}})


@pytest.fixture(scope="module")
def specimen(tmp_path_factory):
    """The folder of the specimen, built as the book is."""
    folder = tmp_path_factory.mktemp("specimen")
    shutil.copytree(ROOT / "book" / "_theme", folder / "book" / "_theme")
    for source in SPECIMEN.iterdir():
        shutil.copyfile(source, folder / "book" / source.name)
    (folder / "notebooks").mkdir()
    nbformat.write(notebook(), folder / "notebooks" / "01-specimen.ipynb")
    (folder / "_toc.yml").write_text(yaml.safe_dump(TOC))
    shutil.copyfile(ROOT / "_config.yml", folder / "_config.yml")
    shutil.copytree(ROOT / "data", folder / "data")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "--all", "-n", "-q", "-W", "--keep-going"]
    built = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def page(specimen):
    return BeautifulSoup((specimen / "book" / "01-specimen.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def practice(specimen):
    return BeautifulSoup((specimen / "notebooks" / "01-specimen.html").read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def opened(visitor, specimen):
    """Opens pages of the specimen, in the browser in which the book's own pages are opened."""
    with serve(specimen) as site:
        yield Visitor(visitor.browser, site)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["book/01-specimen", "notebooks/01-specimen"])
def test_axe_finds_nothing(opened, name, setting):
    visit = opened.open(name, **SETTINGS[setting])
    visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
    violations, _ = run_axe(visit.page)
    assert not violations, "\n".join(violations)
    assert opened.close() == []


@pytest.mark.parametrize("name", ["book/01-specimen", "notebooks/01-specimen"])
def test_nothing_is_wider_than_a_phone(opened, name):
    visit = opened.open(name, **{**PHONE, "viewport": {"width": 320, "height": 700}})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
    opened.close()


def test_formulas_are_made_at_build_time(page):
    assert len(page.find_all("math")) == 2
    assert [script.get("src") for script in page.find_all("script", src=True)] == [
        "../_static/outline.js",
        "../_static/course.js",
    ]


def test_a_question_needs_no_script(page):
    options = page.select(".question details")
    assert [option.summary.get_text() for option in options] == ["The first, with code.", "The second."]
    assert [option.select_one(".verdict").get_text() for option in options] == ["No.", "Right."]
    assert not any(option.has_attr("open") for option in options)


def test_a_term_opens_its_definition_on_the_page(page):
    button = page.select_one("button.term")
    assert "short-lived certificate" in page.find(id=button["popovertarget"]).get_text()


def test_pictures_have_their_size_and_wait(page, practice):
    for image in [*page.select("article img"), *practice.select("article img")]:
        assert image["loading"] == "lazy"
        assert int(image["width"]) > 0 and int(image["height"]) > 0
    figure = page.select_one("figure img")
    assert (figure["width"], figure["height"]) == ("200", "100")


def test_data_frames_have_scopes_and_no_empty_heading(practice):
    table = practice.select_one("table.dataframe")
    assert not table.has_attr("border") and not practice.select(".cell_output style")
    headings = table.find_all("th")
    assert len(headings) == 10 and all(th.get_text() and th["scope"] in ("col", "row") for th in headings)


def test_facts_follow_from_front_matter_and_run(page, practice):
    facts = " ".join(page.select_one(".facts").get_text().split())
    assert re.search(r"\d+ minutes to read, 7 to practise, 5 more for what is optional\.", facts)
    assert "Its notebook last ran on 23 November 2026." in facts
    ran = " ".join(page.select_one("footer .ran").get_text().split())
    assert ran.endswith("last ran on 23 November 2026 with Python 3.11.2, azure-identity 1.0 and pandas 2.0.")
    own = " ".join(practice.select_one(".facts").get_text().split())
    assert "7 minutes of practice, 5 more for the optional exercises, for chapter 1," in own


def test_facts_name_the_rows_of_the_exam(page):
    fold = page.select_one(".facts details.exam")
    assert fold.summary.get_text() == "Serves 2 rows of exam AI-103, and AI-901"
    assert [item.strong.get_text() for item in fold.select("li")] == ["1.3.4", "4.1.2"]
    assert "Replace keys by managed identity" in fold.get_text() and "as transcribed by" in fold.get_text()
    assert not fold.has_attr("open")


def test_a_notebook_says_how_long_it_takes():
    assert minutes_to_practise("Time: 45 minutes. Cost here: none") == (45, 0)
    assert minutes_to_practise("Time: 45 minutes, 20 more for the optional exercises.") == (45, 20)
    assert minutes_to_practise("Time: 30 minutes, all of it optional.") == (0, 30)
    assert minutes_to_practise("No time at all.") == (0, 0)


def test_the_box_shows_its_commands(page):
    box = page.select_one(".admonition.own-azure")
    assert box.select_one(".admonition-title").get_text() == "On your own Azure"
    assert [block.get_text().split()[2] for block in box.select(".highlight-bash pre")] == ["create", "delete"]


def test_the_table_of_what_is_real_is_known(page):
    (table,) = page.select("table.real")
    assert "stacked" in table["class"] and "sortable" not in table["class"]
    headings = [th.get_text() for th in table.select("thead th")]
    assert headings == ["The same as on Azure", "Smaller or simpler", "Missing"]


def test_answers_of_an_exercise_stand_nowhere_in_the_site(specimen):
    """The check's metadata hold answers for the prover; a reader finds none of them, in no file."""
    shown = BeautifulSoup((specimen / "notebooks" / "01-specimen.html").read_text(encoding="utf-8"), "html.parser")
    assert "assert answer == 42" in shown.get_text(), "the check itself is for everybody"
    for path in specimen.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for kept in (b"a_wrong_answer_of", b"a_right_answer_of", b"an_undo_of", b"wrong_answers", b"right_answers"):
                assert kept not in content, f"{kept.decode()} stands in {path.relative_to(specimen)}"


def test_an_exercise_has_a_box_to_tick(practice):
    assert practice.select_one("input[data-exercise]")["data-exercise"] == "notebooks/01-specimen#1.1"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("```{question} What?\n:right: 3\n\nOne.\n: Why.\n\nTwo.\n: Why.\n```", "which of the 2 options is right"),
        ("```{question} What?\n:right: 1\n\nNo options.\n```", "one definition list with two to five options"),
        ("```{question} What?\n\nOne.\n: Why.\n\nTwo.\n: Why.\n```", "which of the 2 options is right"),
        (("---\nexam: [4.1.2, 9.9.9]\n---\n", "A row that there is not."), "`exam` names 9.9.9"),
    ],
)
def test_what_is_no_question_or_no_row_stops_the_build(tmp_path, broken, said):
    (tmp_path / "book").mkdir()
    shutil.copytree(ROOT / "book" / "_theme", tmp_path / "book" / "_theme")
    shutil.copyfile(ROOT / "_config.yml", tmp_path / "_config.yml")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "book/page"}))
    front, broken = broken if isinstance(broken, tuple) else ("", broken)
    (tmp_path / "book" / "page.md").write_text(f"{front}# A page\n\nText.\n\n{broken}\n")
    (tmp_path / "data").symlink_to(ROOT / "data")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "--all", "-n", "-q", "-W", "--keep-going"]
    built = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert built.returncode != 0 and said in built.stdout + built.stderr
