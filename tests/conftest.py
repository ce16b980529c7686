"""Shared by all tests: the tools are importable, and no test ever talks to a real Azure."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))


def pytest_addoption(parser):
    parser.addoption("--renew-screenshots", action="store_true", help="keep what test_screenshots.py sees from now on")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


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
