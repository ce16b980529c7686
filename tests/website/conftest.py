"""Of the built site: a browser, and a word at the end about what axe could not decide."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def visitor():
    """Opens pages of the built site in Chromium: one browser and one server for each worker."""
    from browser import visitor

    with visitor() as opened:
        yield opened


@pytest.fixture
def visit(visitor):
    """``visit(page, **options)`` opens a page. Complaints in the console and requests elsewhere fail any test."""
    yield visitor.open
    assert visitor.close() == [], "said in the console, or asked for elsewhere, during this test"


def pytest_terminal_summary(terminalreporter):
    """After the browser tests: what axe could not decide, counted; all of it is in _build/axe-review.json."""
    if any("test_axe" in report.nodeid for report in terminalreporter.getreports("passed")):
        from axe import SUMMARY, summarise

        terminalreporter.section(f"what axe could not decide: {SUMMARY.relative_to(ROOT)}")
        terminalreporter.write_line("\n".join(summarise()) or "nothing")
