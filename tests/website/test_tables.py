"""Tables of the book: which can be sorted, which become blocks on phones, and that sorting gives the right order."""

import re
import sys

import generate_then_and_now as register
import pytest
from browser import PHONE, WIDE
from docutils import nodes
from run_notebooks import ROOT

sys.path.insert(0, str(ROOT / "book" / "_theme"))
from course_theme.tables import LONG, WORDY, prepare


def table(head, rows, classes=()):
    """A table as docutils has it."""

    def row(texts):
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in texts))

    group = nodes.tgroup("", nodes.thead("", row(head)), nodes.tbody("", *map(row, rows)), cols=len(head))
    return nodes.table("", group, classes=list(classes))


def prepared(*arguments, **options):
    """The classes that a table gets, and the text of its first row's cells."""
    one = table(*arguments, **options)
    prepare(None, nodes.section("", one))
    first = next(one.findall(nodes.tbody))[0]
    return one["classes"], [entry.astext() for entry in first]


def test_short_rows_stay_as_they_are():
    assert prepared(["set", "right"], [["de", "0.65"]] * (LONG - 1)) == ([], ["de", "0.65"])


def test_many_rows_can_be_sorted():
    assert prepared(["set", "right"], [["de", "0.65"]] * LONG) == (["sortable"], ["de", "0.65"])
    assert prepared(["set", "right"], [["de", "0.65"]], classes=["sortable"])[0] == ["sortable"]


def test_one_wordy_row_lets_every_cell_name_its_column():
    rows = [["de", "0.65"], ["en", "x" * WORDY]]
    classes, first = prepared(["set", "right"], rows)
    assert classes == ["stacked"]
    assert [text.split() for text in first] == [["set", "de"], ["right", "0.65"]]


def test_a_table_without_a_head_is_left_alone():
    one = nodes.table("", nodes.tgroup("", nodes.tbody("", nodes.row("", nodes.entry("", nodes.paragraph("", "a"))))))
    prepare(None, nodes.section("", one))
    assert one["classes"] == []


def column(table, number):
    """What stands in one column of a table, from above; without the column's name."""
    cells = table.locator(f"tbody td:nth-child({number})")
    return cells.evaluate_all("(all) => all.map((cell) => cell.lastElementChild.textContent.trim())")


@pytest.mark.site
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_states_sort_by_word_and_then_by_date(visit, size):
    def word_and_date(row):
        return re.sub(r" \d+ \w+ \d{4}$", "", register.state(row)), row["retires_on"]

    tables = visit("book/then-and-now", **size).page.locator("article table")
    assert tables.count() == len(register.GROUPS)
    for table, group in zip(tables.all(), register.GROUPS, strict=True):
        rows = [row for row in register.read_register() if row["group"] == group]
        assert column(table, 3) == [register.state(row) for row in rows]
        for direction in ("ascending", "descending"):
            heading = table.locator("th").nth(2)
            heading.locator("button").click()
            assert heading.get_attribute("aria-sort") == direction
            in_order = sorted(rows, key=word_and_date, reverse=direction == "descending")
            assert column(table, 3) == [register.state(row) for row in in_order]


@pytest.mark.site
def test_numbers_sort_by_what_they_are(visit):
    values = ["1,046", "0.7", "290", "0.65 (0.54 to 0.75)", "-3", "12 %", "none"]
    table = visit("book/then-and-now").page.locator("article table").first
    row = "`<tr><td><p>${value}</p></td></tr>`"
    table.evaluate(
        f"(table, values) => {{ table.tBodies[0].innerHTML = values.map((value) => {row}).join('') }}", values
    )
    table.locator("th button").first.click()
    assert column(table, 1) == ["-3", "0.65 (0.54 to 0.75)", "0.7", "12 %", "290", "1,046", "none"]


@pytest.mark.site
def test_every_link_into_a_table_finds_its_row(visit):
    page = visit("book/then-and-now", **PHONE).page
    for row in register.read_register():
        first_cell = page.locator(f"td:first-child:has(#then-and-now-{row['id']})")
        assert first_cell.count() == 1 and register.then(row) in first_cell.inner_text(), row["id"]
        assert first_cell.locator(".column").inner_text() == "The article says"
