"""The form of a chapter, as far as a program can judge it.

    python tools/form.py                   every chapter
    python tools/form.py 01-the-role       this one, by the stem of its page

Each rule yields ``(bound, sentence)``. Where a bound is wrong for a place, the place says why: the comment
``<!-- form: figures, because … -->`` on the line before a paragraph lifts ``figures`` there, as ``sentence`` and (on
pages) ``twice`` do. What holds for a whole page or notebook (``words``, ``first``, ``stretch``, ``exercises``,
``calls``, ``box``, ``table``) is lifted by such a comment anywhere in it.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
from chapters import (
    LIFTED,
    ROOT,
    blocks_of,
    box_of,
    front_matter,
    markdown_of,
    minutes_of,
    notebooks_of,
    pages,
    paragraphs,
    prose,
)
from exercises import exercises_in, tags

MOST_FIGURES = {"page": 3, "notebook": 4}  # in a paragraph
LONGEST_SENTENCE = 32
PAGE_WORDS = (1000, 1500)
NOTEBOOK_WORDS = 1500
LONGEST_STRETCH = 8  # code cells in a row in which the learner writes nothing
REQUIRED = (3, 5)  # exercises of a notebook
MOST_MINUTES = 45  # of required work in a notebook
SAID_TWICE = 8  # words in a row
REASON = 5  # words, at least, of a reason to lift a bound
BOUNDS = {"figures", "sentence", "twice", "words", "first", "stretch", "exercises", "calls", "box", "table"}

MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
NUMBERED = r"(?:exercises?|chapters?|questions?|AI|rows?|Figure|Fig\.|section|Python|version)"
# No figures: code, addresses, dates, years, numbers that name something, and lists of them in parentheses
NAMES = re.compile(
    rf"`[^`]*`|\]\([^)]*\)|\b\d{{1,2}} {MONTH}(?: \d{{4}})?|\b(?:19|20)\d\d\b"
    rf"|\b{NUMBERED}[ -]\d[\d.]*(?:(?:, | and | to |–)\d[\d.]*)*|\(\d+\.\d+[^)]*\)",
    re.I,
)
FIGURE = re.compile(r"(?<![\w.:/#-])[−-]?\d[\d,]*(?:\.\d+)?(?![\w/:-]|\.\d)")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“*_`(\[])|\s+(?=[-*] |\d\. )")
CALL = re.compile(
    r"\b\w*(?:client|credential|azure|openai|mlflow)\w*\s*\.|\bbegin_\w+\(|\b\w+Client\(|\baz [a-z]+ ", re.I
)
QUESTION = re.compile(r"\A---\n.*?^---\n|^(`{3,}|:{3,})\{question\}.*?^\1\s*$", re.S | re.M)  # and front matter
FOLD = re.compile(r"<details>.*?</details>", re.S)
REAL = "## What is real here"
REAL_HEADER = "| The same as on Azure | Smaller or simpler | Missing |"
LIVE = re.compile(r"\*\*Never run on a live subscription\.\*\*|Run on a live subscription on \d{1,2} \w+ 20\d\d\.")

Findings = Iterator[tuple[str, str]]


def figures(text: str) -> int:
    """How many figures a paragraph asks its reader to hold."""
    return len(FIGURE.findall(NAMES.sub(" ", text)))


def start(text: str) -> str:
    """The beginning of a paragraph, to find it by."""
    return repr(text[:60])


def figures_per_paragraph(text: str, kind: str) -> Findings:
    for paragraph in paragraphs(text):
        count = figures(paragraph.text)
        if count > MOST_FIGURES[kind] and "figures" not in paragraph.lifted:
            yield "figures", f"{count} figures in a paragraph, more than {MOST_FIGURES[kind]}: {start(paragraph.text)}"


def length_of_sentences(text: str) -> Findings:
    for paragraph in paragraphs(text):
        for sentence in [] if "sentence" in paragraph.lifted else SENTENCE_END.split(paragraph.text):
            length = words(sentence)
            if length > LONGEST_SENTENCE:
                yield "sentence", f"a sentence of {length} words, more than {LONGEST_SENTENCE}: {start(sentence)}"


def words(text: str) -> int:
    """How many words a text has; signs that stand alone are none."""
    return sum(bool(re.search(r"\w", word)) for word in LIFTED.sub(" ", text).split())


def words_of_page(text: str) -> Findings:
    """Long is what has to be read from end to end; what boxes and tables say is something said all the same."""
    low, high = PAGE_WORDS
    if words(prose(text)) > high:
        yield "words", f"{words(prose(text)):,} words, without boxes and tables; a page has at most {high:,}"
    everything = words(QUESTION.sub(" ", re.split(r"^## Sources", text, flags=re.M)[0]))
    if everything < low:
        yield "words", f"{everything} words, without questions and sources; a page has at least {low:,}"


def words_of_notebook(notebook) -> Findings:
    count = words(FOLD.sub(" ", markdown_of(notebook)))
    if count > NOTEBOOK_WORDS:
        yield "words", f"{count:,} words of text, more than {NOTEBOOK_WORDS:,}, hints and solutions not counted"


def all_optional(notebook) -> bool:
    """Whether a notebook calls all of itself optional."""
    required, optional = minutes_of(notebook)
    return not required and bool(optional)


def stretches(notebook) -> list[int]:
    """Before each cell in which the learner has to write, the number of code cells since the one before; checks do not
    count. Such a cell is a required exercise, or has the tag ``your-turn``: no check judges what is written there.
    """
    found, watched = [], 0
    for cell in notebook.cells:
        if cell.cell_type != "code" or "check" in tags(cell):
            continue
        required = "exercise" in tags(cell) and (all_optional(notebook) or "optional" not in tags(cell))
        if required or "your-turn" in tags(cell):
            found.append(watched)
            watched = 0
        elif "exercise" not in tags(cell):
            watched += 1
    return found


def own_lines(notebook) -> Findings:
    first, *later = stretches(notebook) or [0]
    if first > LONGEST_STRETCH:
        yield "first", f"{first} code cells before the learner writes the first line; at most {LONGEST_STRETCH}"
    if max(later, default=0) > LONGEST_STRETCH:
        yield "stretch", f"{max(later)} code cells in a row without a line of the learner's; at most {LONGEST_STRETCH}"


def number_of_exercises(notebook) -> Findings:
    required = [exercise for exercise in exercises_in(notebook)[0] if not exercise.optional]
    low, high = (0, 0) if all_optional(notebook) else REQUIRED
    if not low <= len(required) <= high:
        yield "exercises", f"{len(required)} required exercises; {low} to {high} here, the others are optional"


def minutes_of_notebook(notebook) -> Findings:
    required, optional = minutes_of(notebook)
    if not required + optional:
        yield "minutes", "no **Time:** 45 minutes"
    if required > MOST_MINUTES:
        yield "minutes", f"{required} minutes of required work; at most {MOST_MINUTES}"


def calls_of_solutions(notebooks) -> Findings:
    """For a chapter: at least half of what is required calls the service."""
    required = [e for notebook in notebooks for e in exercises_in(notebook)[0] if not e.optional]
    calling = [exercise for exercise in required if CALL.search(exercise.solution)]
    if len(calling) * 2 < len(required):
        yield "calls", f"{len(calling)} of {len(required)} required solutions call a service; at least half do"


def in_a_row(text: str) -> set[str]:
    """Every run of SAID_TWICE words."""
    said = re.findall(r"[a-z']+", text.lower())
    return {" ".join(said[i : i + SAID_TWICE]) for i in range(len(said) - SAID_TWICE + 1)}


def said_twice(page: str, notebook: str) -> Findings:
    there = in_a_row(" ".join(paragraph.text for paragraph in paragraphs(notebook)))
    for paragraph in paragraphs(page):
        both = in_a_row(paragraph.text) & there
        if both and "twice" not in paragraph.lifted:
            yield "twice", f"stands on the page and in a notebook: {min(both)!r}"


def box(path: Path) -> Findings:
    """The box *On your own Azure* of a chapter with a service."""
    text, blocks = box_of(path.read_text(encoding="utf-8")), blocks_of(path)
    if not text:
        yield "box", "no box `{admonition} On your own Azure` with `:class: own-azure`"
        return
    if not any("create" in block.code for block in blocks):
        yield "box", "no ```bash block in the box creates anything"
    if not blocks or not blocks[-1].removes:
        yield "box", "the last ```bash block in the box does not remove what the others create"
    if any(block.removes for block in blocks[: -sum(block.removes for block in blocks) or None]):
        yield "box", "a block that removes stands before one that creates"
    if not LIVE.search(text):
        yield "box", "the box says neither **Never run on a live subscription.** nor when it was"


def table(text: str) -> Findings:
    section = re.search(rf"^{REAL}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    if not section:
        yield "table", f"no section '{REAL}'"
    elif not re.search(rf"^{re.escape(REAL_HEADER)}\n\|[ |:-]+\|\n\|", section[1], re.M):
        yield "table", f"no table with the header '{REAL_HEADER}' under '{REAL}'"


@cache
def exam():
    """The outline of AI-103, and the names of the other exams, as the theme reads them."""
    sys.path.insert(0, str(ROOT / "book" / "_theme"))
    from course_theme.exam import read_exam

    return read_exam(ROOT)


def rows_of_the_exam(path: Path, front: dict) -> Findings:
    if not isinstance(front.get("exam"), list):
        yield "exam", "no `exam: […]` in the front matter: which rows of AI-103 does it serve?"
        return
    named = [str(name) for name in front["exam"]]
    for name in named:
        if not exam().knows(name):
            yield "exam", f"`exam` names {name}, no row of data/ai103_outline.csv and no exam of the register"
    for row in exam().rows:
        if row["chapter_stem"] == path.stem and row["id"] not in named:
            yield "exam", f"data/ai103_outline.csv gives row {row['id']} to this chapter, and `exam` does not name it"


def minutes(front: dict, notebooks) -> Findings:
    sums = [sum(column) for column in zip(*map(minutes_of, notebooks), strict=True)] or [0, 0]
    for name, total in zip(("practice", "optional"), sums, strict=True):
        if (front.get(name) or 0) != total:
            yield "minutes", f"`{name}: {front.get(name)}`, but its notebooks name {total} minutes"


def reasons(text: str) -> Findings:
    """Whoever lifts a bound says why."""
    for comment in re.findall(r"<!-- form:.*?-->", text, re.S):
        found = LIFTED.fullmatch(comment)
        if not found or found[1] not in BOUNDS:
            yield "reason", f"{comment!r}: write <!-- form: BOUND, because … -->; BOUND is one of {sorted(BOUNDS)}"
        elif len(found[2].split()) < REASON:
            yield "reason", f"{comment!r}: a reason has at least {REASON} words"


def kept(findings: Findings, *texts: str) -> list[str]:
    """The sentences of those findings whose bound no comment in the texts lifts."""
    lifted = {name for text in texts for name, _ in LIFTED.findall(text)} - {"figures", "sentence", "twice"}
    return [sentence for bound, sentence in findings if bound not in lifted]


def departures(path: Path) -> list[str]:
    """Where a chapter, named by its page, departs from the form; each begins with the file."""
    text = path.read_text(encoding="utf-8")
    front = front_matter(text)
    notebooks = {notebook: nbformat.read(notebook, 4) for notebook in notebooks_of(path)}
    service = front.get("service", True)

    def of_page():
        yield from reasons(text)
        yield from figures_per_paragraph(text, "page")
        yield from length_of_sentences(text)
        yield from words_of_page(text)
        yield from rows_of_the_exam(path, front)
        yield from minutes(front, notebooks.values())
        if service:
            yield from box(path)
            yield from table(text)
            yield from calls_of_solutions(notebooks.values())

    def of_notebook(notebook):
        own = markdown_of(notebook)
        yield from reasons(own)
        yield from said_twice(text, own)
        yield from figures_per_paragraph(own, "notebook")
        yield from length_of_sentences(own)
        yield from words_of_notebook(notebook)
        yield from own_lines(notebook)
        yield from number_of_exercises(notebook)
        yield from minutes_of_notebook(notebook)

    found = [f"book/{path.name}: {sentence}" for sentence in kept(of_page(), text)]
    for file, notebook in notebooks.items():
        found += [f"notebooks/{file.name}: {one}" for one in kept(of_notebook(notebook), markdown_of(notebook))]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="chapters, by the stem of their page; none means all")
    names = parser.parse_args().names
    chosen = [path for path in pages() if not names or path.stem in names]
    found = [sentence for path in chosen for sentence in departures(path)]
    print("\n".join(found) or f"{len(chosen)} chapters keep the form")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
