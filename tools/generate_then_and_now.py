"""Write book/then-and-now.md from data/azure_services.csv.

python tools/generate_then_and_now.py            write the page
python tools/generate_then_and_now.py --check    exit 1 when the page is out of date
"""

import argparse
import csv
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTER = ROOT / "data" / "azure_services.csv"
PAGE = ROOT / "book" / "then-and-now.md"

# The order of the tables on the page; the anchor of each comes from its first word.
GROUPS = {
    "AI services": "Models behind an endpoint, and the parts of Foundry Tools.",
    "Language features": "Azure Language goes on, but not all of it: look at the years.",
    "Models": "A model is a part that wears out. The dates are Microsoft's schedule of July 2026, and they move.",
    "Machine learning": "Here the names stayed and the SDK changed underneath them.",
    "Bots and agents": "What was a bot is now an agent, and the tools for it are on their second generation already.",
    "Platform and operations": "Portal, identity, networks, hosting and telemetry.",
    "Exams": "We could not open Microsoft's own study guides; this was read in third parties that quote them.",
}


def read_register(path=REGISTER):
    """Return the rows of the register as a list of dicts, in the order of the file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def in_words(iso_date):
    """Return an ISO date as the page prints it: '2026-03-31' gives '31 March 2026'."""
    day = date.fromisoformat(iso_date)
    return f"{day.day} {day:%B %Y}"


def state(row):
    """Return the third cell: in a few words how things stand, with the date where there is one."""
    if not row["status"]:
        return "not confirmed"
    when = in_words(row["retires_on"]) if row["retires_on"] else ""
    if row["status"] == "retired":
        return f"ended {when}" if when else "ended"
    if row["status"] == "deprecated":
        return f"ends {when}" if when else "has an end date"
    words = {"renamed": "renamed", "current": "in use", "preview": "preview"}[row["status"]]
    return f"{words} until {when}" if when else words


def then(row):
    """Return the first cell: the article's word for it, or else the names it had before it was renamed."""
    if row["article_name"]:
        return f"“{row['article_name']}”"
    if row["status"] == "renamed":
        return "not in the article; was " + ", ".join(f"“{name}”" for name in row["retired_names"].split(";"))
    return "not in the article"


def instead(row):
    """Return the fourth cell: what to use, or why there is nothing to say."""
    if row["replacement"]:
        return row["replacement"]
    words = {
        "renamed": "the same, by its new name",
        "current": "no change needed",
        "preview": "try it, ship without it",
        "": "not known",
    }
    return words.get(row["status"], "none named")


def table_row(row):
    """Return one row of a list-table: five cells, the first with an anchor that other pages can link to."""
    today = [f"**{row['name']}**.", row["notes"]]
    if row["python_sdk"]:
        today.append(f"Python: `{row['python_sdk']}`.")
    source = row["source"] + (" (third party)" if row["source_kind"] == "third-party" else "")
    cells = [f"(then-and-now-{row['id']})=\n    {then(row)}", " ".join(today), state(row), instead(row), source]
    return "* - " + "\n  - ".join(cells) + "\n"


def intro(rows):
    """Return the page's opening, its counts taken from the rows."""
    named = [row for row in rows if row["article_name"]]
    gone = sum(row["status"] == "retired" for row in named)
    ending = sum(row["status"] in ("deprecated", "current") and bool(row["retires_on"]) for row in named)
    renamed = sum(row["status"] == "renamed" for row in named)
    checked = max(row["checked"] for row in rows)
    return f"""\
# Then and now

You open an article from August 2025, look for the first product that it tells you to learn, and the portal does not
know the name. Of the {len(named)} things on this page that the article names or asks for, {renamed} go by another name
on {in_words(checked)}, {gone} have ended, and {ending} more have a date on which they will. A cloud is rebuilt while
people learn it, and this page will be out of date too. Reading a notice of retirement, and moving before the day comes,
is part of the job; the tables below are what that work leaves behind.

## How to read it

Each table has five columns. *The article says* is the article's own word, in quotation marks; where the article is
silent, the cell says so, with the former name if there was one. *Today* is the name to use now, what to know about
it, and its Python package. *State* is one of the words below, with its date. *Use instead* says where to go from
there. *Source* says who told us. Press the heading of a column to sort by it, and press again to turn the order
round; by *State*, rows with the same word follow their dates.

The words for a state:

- **in use**: it works. With **until** and a date: it works, and Microsoft has announced when it stops.
- **renamed**: it works on, under the new name.
- **preview**: it works, and may change or go at short notice.
- **ends**: it works, but build nothing new on it. Where sources disagree on the day, it **has an end date**.
- **ended**: the announced day has passed. We read announcements and not the machines behind them, so a thing that
  has ended here may answer for some weeks more.
- **not confirmed**: we found no dated page that settles it, and say no more than that.
"""


OUTRO = """\
(then-and-now-checking)=
## How a row is checked

The tables are generated from one file, `data/azure_services.csv`, and nothing here is typed by hand. A row states
something only with a source that someone opened, and with the day on which they did: a page of Microsoft's where there
is one, a third party where there is none, marked as such. When two sources disagree, the row says so.

Facts about a cloud go stale while nobody touches them. The tests that run every night turn red as soon as one row is
older than 180 days, or when a date of retirement has passed and the row still calls the thing alive. They also fail, on
every change, when a page of this course uses one of the old names as if it were today's. If you find a row that is
wrong, open an issue with the page that shows it: the correction is one line in one file.
"""


def page(rows):
    """Return the whole page as MyST markdown, ending in one newline."""
    parts = [intro(rows)]
    for group, sentence in GROUPS.items():
        anchor = group.split()[0].lower()
        body = "".join(table_row(row) for row in rows if row["group"] == group)
        parts.append(
            f"(then-and-now-group-{anchor})=\n## {group}\n\n{sentence}\n\n"
            "```{list-table}\n:class: sortable\n:header-rows: 1\n:widths: 15 31 13 18 23\n\n"
            "* - The article says\n  - Today\n  - State\n  - Use instead\n  - Source\n"
            f"{body}```\n"
        )
    note = "<!-- Generated by tools/generate_then_and_now.py from data/azure_services.csv: edit those. -->\n\n"
    return note + "\n".join([*parts, OUTRO])


def main(arguments=None):
    """Write the page, or with --check compare it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is out of date")
    wanted = page(read_register())
    if parser.parse_args(arguments).check:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print("book/then-and-now.md is out of date: run python tools/generate_then_and_now.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
