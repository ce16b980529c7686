"""The register of services, the two exam outlines, and the page that is generated from the register.

The tests marked nightly turn red with time alone: a row nobody looked at for 180 days, a retirement that came to pass.
"""

import csv
import importlib.util
import re
from datetime import date
from pathlib import Path

import pytest
from chapters import CHAPTERS

ROOT = Path(__file__).resolve().parents[2]
MAX_AGE_DAYS = 180

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

COLUMNS = [
    "id", "group", "article_name", "name", "retired_names", "status", "retires_on", "replacement", "python_sdk",
    "source", "source_kind", "checked", "chapter", "notes",
]  # fmt: skip
OUTLINE_COLUMNS = {
    "ai103_outline.csv": [
        "id", "domain", "weight_low", "weight_high", "objective", "chapter", "chapter_stem", "microsoft", "source",
        "checked",
    ],
    "ai102_outline.csv": [
        "id", "domain", "weight_low", "weight_high", "objective", "chapter", "chapter_stem", "still_matters", "why",
        "source", "checked",
    ],
}  # fmt: skip


def read(name):
    """Return the columns and the rows of a file in data/."""
    with open(ROOT / "data" / name, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return reader.fieldnames, list(reader)


def load_generator():
    """Import tools/generate_then_and_now.py, which is a script and no package."""
    spec = importlib.util.spec_from_file_location("generate_then_and_now", ROOT / "tools" / "generate_then_and_now.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_iso_date(text):
    """True for a day that exists, written as 2026-11-23."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def stale(rows, today):
    """Return the ids of rows that were checked more than MAX_AGE_DAYS before today."""
    return [row["id"] for row in rows if (today - date.fromisoformat(row["checked"])).days > MAX_AGE_DAYS]


def overdue(rows, today):
    """Return the ids of rows whose retirement has passed while they still count as alive."""
    return [
        row["id"]
        for row in rows
        if row["status"] != "retired" and row["retires_on"] and date.fromisoformat(row["retires_on"]) < today
    ]


@pytest.fixture(scope="module")
def register():
    return read("azure_services.csv")[1]


def test_register_has_its_columns_and_enough_rows(register):
    assert read("azure_services.csv")[0] == COLUMNS
    assert len(register) >= 40
    assert all(None not in row and None not in row.values() for row in register), "a row has too many or too few cells"


def test_ids_are_unique_and_kebab_case(register):
    ids = [row["id"] for row in register]
    assert len(set(ids)) == len(ids)
    assert not [i for i in ids if not KEBAB.fullmatch(i)]


@pytest.mark.parametrize("column", ["name", "source", "notes"])
def test_no_row_leaves_these_empty(register, column):
    assert not [row["id"] for row in register if not row[column].strip()]


def test_cells_have_no_stray_spaces(register):
    assert not [(row["id"], column) for row in register for column in COLUMNS if row[column] != row[column].strip()]
    names = [name for row in register if row["retired_names"] for name in row["retired_names"].split(";")]
    assert all(name and name == name.strip() for name in names)


def test_notes_are_one_sentence(register):
    assert not [r["id"] for r in register if not r["notes"].endswith(".") or re.search(r"[.!?] [A-Z]", r["notes"])]


def test_status_and_source_kind_are_known(register):
    assert {row["status"] for row in register} <= {"current", "renamed", "preview", "deprecated", "retired", ""}
    assert {row["source_kind"] for row in register} <= {"microsoft", "third-party", ""}
    assert not [row["id"] for row in register if row["status"] and not row["source_kind"]], "a claim without a source"


def test_a_row_without_status_says_that_it_is_not_confirmed(register):
    silent = [r["id"] for r in register if not r["status"] and "not confirmed" not in r["notes"].lower()]
    assert not silent
    assert not [r["id"] for r in register if not r["status"] and r["retires_on"]], "a date without a status"


def test_dates_are_iso(register):
    assert not [row["id"] for row in register if not is_iso_date(row["checked"])]
    assert not [row["id"] for row in register if row["retires_on"] and not is_iso_date(row["retires_on"])]


def test_dates_agree_with_status(register):
    for row in register:
        if row["retires_on"]:
            passed = row["retires_on"] <= row["checked"]
            assert passed == (row["status"] == "retired"), f"{row['id']}: {row['status']}, but {row['retires_on']}"
        elif row["status"] in ("deprecated", "retired"):
            assert "not confirmed" in row["notes"], f"{row['id']} is {row['status']} with neither a date nor a reason"


def test_what_is_retired_names_a_replacement_or_says_why_not(register):
    assert not [r["id"] for r in register if r["status"] == "retired" and not (r["replacement"] or r["notes"])]


def test_what_is_renamed_says_what_it_was(register):
    assert not [
        row["id"]
        for row in register
        if row["status"] == "renamed" and not (row["retired_names"] or row["article_name"])
    ]


def test_no_name_is_retired_and_in_use_at_once(register):
    in_use = {row["name"] for row in register if row["status"] != "retired"}
    retired = [name for row in register for name in row["retired_names"].split(";") if name]
    assert not in_use & set(retired)
    assert len(set(retired)) == len(retired), "a retired name stands in two rows"


def test_chapters_exist_in_the_plan(register):
    assert len(CHAPTERS) == 28
    assert not [row["id"] for row in register if int(row["chapter"]) not in CHAPTERS]


def test_the_plan_agrees_with_the_book():
    stems = {f"{number:02d}-{name}" for number, name in CHAPTERS.items()}
    assert not [path.name for path in (ROOT / "book").glob("[0-9][0-9]-*.md") if path.stem not in stems]


def test_python_packages_look_like_packages(register):
    assert not [r["id"] for r in register if r["python_sdk"] and not KEBAB.fullmatch(r["python_sdk"])]


@pytest.mark.parametrize("name", OUTLINE_COLUMNS)
def test_outline(name):
    columns, rows = read(name)
    assert columns == OUTLINE_COLUMNS[name]
    assert len(rows) >= 30
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert all(value and value == value.strip() for value in row.values()), f"{row['id']} has an empty cell"
        assert is_iso_date(row["checked"])
        assert row["chapter_stem"] == f"{int(row['chapter']):02d}-{CHAPTERS[int(row['chapter'])]}"
    objectives = [row["objective"] for row in rows]
    assert len(set(objectives)) == len(objectives)


@pytest.mark.parametrize(("name", "domain_count"), [("ai103_outline.csv", 5), ("ai102_outline.csv", 6)])
def test_outline_weights_can_add_up_to_100(name, domain_count):
    rows = read(name)[1]
    domains = {(r["id"].split(".")[0], r["domain"], int(r["weight_low"]), int(r["weight_high"])) for r in rows}
    assert len(domains) == domain_count, "a domain has one number, one title and one range"
    assert all(low < high for *_, low, high in domains)
    assert sum(low for *_, low, _ in domains) <= 100 <= sum(high for *_, high in domains)


def test_ai102_says_what_still_matters():
    rows = read("ai102_outline.csv")[1]
    assert {row["still_matters"] for row in rows} == {"yes", "partly", "no"}


def test_page_is_up_to_date():
    assert load_generator().main(["--check"]) == 0, "run: python tools/generate_then_and_now.py"


def test_check_notices_a_changed_page(tmp_path, monkeypatch, capsys):
    generator = load_generator()
    monkeypatch.setattr(generator, "PAGE", tmp_path / "then-and-now.md")
    assert generator.main(["--check"]) == 1  # no page at all
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    generator.PAGE.write_text(generator.PAGE.read_text(encoding="utf-8") + "\nA line by hand.\n", encoding="utf-8")
    assert generator.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err


def test_page_has_an_anchor_for_every_row(register):
    page = load_generator().PAGE.read_text(encoding="utf-8")
    assert not [row["id"] for row in register if page.count(f"(then-and-now-{row['id']})=") != 1]


def test_stale_and_overdue_notice_age():
    row = {"id": "a", "checked": "2026-01-01", "retires_on": "2026-06-30", "status": "deprecated"}
    assert stale([row], date(2026, 6, 30)) == []  # 180 days
    assert stale([row], date(2026, 7, 1)) == ["a"]
    assert overdue([row], date(2026, 6, 30)) == []
    assert overdue([row], date(2026, 7, 1)) == ["a"]
    assert overdue([{**row, "status": "retired"}], date(2026, 7, 1)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["azure_services.csv", *OUTLINE_COLUMNS])
def test_no_row_is_older_than_180_days(name):
    old = stale(read(name)[1], date.today())
    assert not old, f"check these against their sources again and renew the date: {old}"


@pytest.mark.nightly
def test_no_retirement_has_passed_unnoticed(register):
    late = overdue(register, date.today())
    assert not late, f"the day of retirement has passed, look at the source and change the status: {late}"
