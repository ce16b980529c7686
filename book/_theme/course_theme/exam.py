"""Exam AI-103 as the book has it: the rows of its outline, from data/, and which pages serve each."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass
class Exam:
    """``rows`` are those of ``data/ai103_outline.csv``, in order; ``others`` the names of the other exams."""

    rows: list[dict]
    others: list[str]

    @cached_property
    def by_id(self) -> dict[str, dict]:
        return {row["id"]: row for row in self.rows}

    def knows(self, name: str) -> bool:
        """Whether ``name`` is a row of AI-103, or another exam of the register."""
        return name in self.by_id or name in self.others

    def rows_of(self, page) -> list[dict]:
        """The rows of AI-103 that a page serves, in the order of the outline."""
        return [row for row in self.rows if row["id"] in (page.exam or ())]

    def others_of(self, page) -> list[str]:
        """The other exams that a page serves."""
        return [name for name in page.exam or () if name not in self.by_id]

    def serving(self, row, outline) -> list:
        """The pages that serve a row."""
        return [page for page in outline.values() if row["id"] in (page.exam or ())]

    @property
    def domains(self) -> list[dict]:
        """Title, weights and rows of each domain."""
        found: dict[str, dict] = {}
        for row in self.rows:
            new = {"title": row["domain"], "low": row["weight_low"], "high": row["weight_high"], "rows": []}
            found.setdefault(row["domain"], new)["rows"].append(row)
        return list(found.values())

    @property
    def sources(self) -> list[tuple[str, str]]:
        """``(source, day it was read)`` of the rows, each once."""
        return sorted({(row["source"], row["checked"]) for row in self.rows})


def planned(row) -> str:
    """The chapter that a row waits for, in words: ``chapter 18, from problem to model``."""
    number, *words = row["chapter_stem"].split("-")
    return f"chapter {int(number)}, {' '.join(words).replace(' ai', ' AI')}"


def table(path: Path) -> list[dict]:
    """The rows of a file; none where a book has no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_exam(folder: Path) -> Exam:
    """The exam, from the ``data/`` of a book's sources."""
    register = table(folder / "data" / "azure_services.csv")
    others = [row["id"].upper() for row in register if row["group"] == "Exams"]
    return Exam(table(folder / "data" / "ai103_outline.csv"), others)
