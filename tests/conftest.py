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
