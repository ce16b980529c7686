"""Each chapter keeps the form (tools/form.py), and each rule of the form turns red on a text that breaks it."""

import form
import nbformat
import pytest
from chapters import ROOT, blocks_of, minutes_of, pages, paragraphs, prose
from exercises import exercises_in
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CHAPTERS = [pytest.param(path, id=path.stem) for path in pages()]


@pytest.mark.parametrize("path", CHAPTERS)
def test_chapter_keeps_the_form(path):
    assert form.departures(path) == []


def test_template_shows_the_form():
    notebook = nbformat.read(ROOT / "notebooks" / "template.ipynb", 4)
    text = form.markdown_of(notebook)
    assert list(form.figures_per_paragraph(text, "notebook")) == list(form.length_of_sentences(text)) == []
    assert list(form.own_lines(notebook)) == []
    assert form.stretches(notebook), "its exercises are required"
    assert list(form.calls_of_solutions([notebook])) == []
    found, _ = exercises_in(notebook)
    assert any(exercise.optional for exercise in found) and any(exercise.undo for exercise in found)


# The rules, on texts made for them


def bounds(findings) -> list[str]:
    return [bound for bound, _ in findings]


FOUR = "In the first month 40 of 90 messages were wrong, which 2.5 people noticed within 7 days of it.\n"
LONG = " ".join(["word"] * 33).capitalize() + ".\n"
BECAUSE = "<!-- form: {}, because this paragraph is about nothing but that -->\n"


def test_figures_in_a_paragraph():
    assert form.figures(FOUR) == 4
    assert bounds(form.figures_per_paragraph(f"# T\n\n{FOUR}", "page")) == ["figures"]
    assert bounds(form.figures_per_paragraph(FOUR, "notebook")) == []
    assert bounds(form.figures_per_paragraph(FOUR.replace("noticed", "of 3 noticed"), "notebook")) == ["figures"]
    table = "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n"
    assert bounds(form.figures_per_paragraph(table + "\n```python\n1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n```\n", "page")) == []


@pytest.mark.parametrize(
    "name",
    ["on 30 November 2026", "exercises 1.2, 1.3 and 1.4", "chapter 8", "`0.05`", "[a](b9.md#4)", "AI-103", "in 2026"],
)
def test_what_names_something_is_no_figure(name):
    assert form.figures(f"This was said {name} by somebody.") == 0


def test_length_of_a_sentence():
    assert bounds(form.length_of_sentences(LONG)) == ["sentence"]
    assert bounds(form.length_of_sentences(LONG.replace("word word", "word. Word", 1))) == []
    items = "\n".join(f"- item {n} of a list is {'long ' * 10}\n" for n in range(9)).replace("\n\n", "\n")
    assert bounds(form.length_of_sentences(items)) == [], "each item is a sentence of its own"


@pytest.mark.parametrize(("rule", "text"), [("figures", FOUR), ("sentence", LONG)])
def test_a_place_can_say_why_a_bound_is_wrong_for_it(rule, text):
    def found(markdown):
        both = [*form.figures_per_paragraph(markdown, "page"), *form.length_of_sentences(markdown)]
        return bounds(both)

    other = {"figures": "sentence", "sentence": "figures"}[rule]
    assert found(BECAUSE.format(rule) + text) == []
    assert found(BECAUSE.format(other) + text) == [rule], "one comment lifts one bound"
    assert found(f"{BECAUSE.format(rule)}{text}\n{text}") == [rule], "and in one paragraph"


@pytest.mark.parametrize(
    "comment",
    [
        "<!-- form: figures -->",
        "<!-- form: figures, because I want -->",
        "<!-- form: everything, because this paragraph is about nothing else -->",
    ],
)
def test_a_reason_is_a_reason(comment):
    assert bounds(form.reasons(f"Text.\n\n{comment}\nMore text.\n")) == ["reason"]
    assert bounds(form.reasons(BECAUSE.format("figures"))) == []


def test_words_of_a_page():
    assert bounds(form.words_of_page("word " * 999)) == ["words"]
    assert bounds(form.words_of_page("word " * 1000)) == bounds(form.words_of_page("word " * 1500)) == []
    assert bounds(form.words_of_page("word " * 1501)) == ["words"]
    uncounted = f"```{{question}} What?\n:right: 1\n\n{'No. ' * 900}\n: Why.\n```\n\n## Sources\n\n{'word ' * 900}"
    assert bounds(form.words_of_page(f"---\ndescription: a b c\n---\n{'word ' * 998} & –\n\n{uncounted}")) == ["words"]
    boxed = f"````{{admonition}} A box\n{'word ' * 900}\n````\n"
    assert bounds(form.words_of_page(f"{'word ' * 700}\n\n{boxed}")) == []


def code(*wanted: str):
    """A notebook of code cells: "c" is one, "y" is the learner's turn, "e" a required exercise, "o" an optional one."""
    cells = []
    for kind in wanted:
        if kind in "cy":
            cells.append(new_code_cell("1", metadata={"tags": ["your-turn"] if kind == "y" else []}))
            continue
        number = f"1.{len(cells)}" + (" (optional)" if kind == "o" else "")
        tags = ["exercise", "optional"] if kind == "o" else ["exercise"]
        cells += [
            new_markdown_cell(f"### Exercise {number}: do it\n<details><summary>Hint</summary>\nSo.\n</details>"),
            new_code_cell("x = ...", metadata={"tags": tags}),
            new_code_cell("assert x", metadata={"tags": ["check", "raises-exception", "remove-output"]}),
            new_markdown_cell("<details><summary>Solution</summary>\n\n```python\nx = 1\n```\n</details>"),
        ]
    return new_notebook(cells=cells)


def timed(notebook, time: str):
    notebook.cells.insert(0, new_markdown_cell(f"**Time:** {time}. **Cost here:** none."))
    return notebook


def test_first_own_line_and_longest_stretch():
    assert form.stretches(code(*"ccecoce")) == [2, 2], "checks do not count, and what is optional breaks no stretch"
    assert form.stretches(code(*"cyccce")) == [1, 3]
    assert bounds(form.own_lines(code(*"c" * 8, "e", *"c" * 8, "e", *"c" * 20))) == []
    assert bounds(form.own_lines(code(*"c" * 9, "e", *"c" * 8, "e"))) == ["first"]
    assert bounds(form.own_lines(code(*"c" * 8, "e", *"c" * 5, "o", *"c" * 4, "e"))) == ["stretch"]


def test_number_of_required_exercises():
    assert bounds(form.number_of_exercises(code(*"eeoooo"))) == ["exercises"]
    assert bounds(form.number_of_exercises(code(*"eee"))) == bounds(form.number_of_exercises(code(*"eeeeeo"))) == []
    assert bounds(form.number_of_exercises(code(*"eeeeee"))) == ["exercises"]
    assert bounds(form.number_of_exercises(timed(code(*"oo"), "30 minutes, all of it optional"))) == []
    assert bounds(form.number_of_exercises(timed(code(*"oo"), "30 minutes"))) == ["exercises"]


def test_words_of_a_notebook():
    def of(count, folded=0):
        return new_notebook(cells=[new_markdown_cell("word " * count + f"\n<details>{'word ' * folded}</details>")])

    assert bounds(form.words_of_notebook(of(1500, 900))) == []
    assert bounds(form.words_of_notebook(of(1501))) == ["words"]


def test_half_of_the_required_solutions_call_the_service():
    def solved(*solutions):
        notebook = code(*"e" * len(solutions), "o")
        for number, solution in enumerate(solutions):
            cell = notebook.cells[4 * number + 3]
            cell.source = cell.source.replace("x = 1", solution)
        return notebook

    call, own = "group = client.resource_groups.create_or_update('rg', {})", "x = 2"
    assert bounds(form.calls_of_solutions([solved(call, own), solved(own, call)])) == []
    assert bounds(form.calls_of_solutions([solved(call, own, own)])) == ["calls"]


def test_said_once():
    said = "The endpoint answers with the name of the engine that it asked. "
    other = "A key of the wrong account is refused with 401, and that is all."
    assert bounds(form.said_twice(said, other)) == []
    assert bounds(form.said_twice(f"# T\n\nHere {said}", f"There {said.upper()}")) == ["twice"]
    assert bounds(form.said_twice(BECAUSE.format("twice") + said, said)) == []
    assert bounds(form.said_twice(said, f"```python\n# {said}\n```\n")) == []


BOX = """\
# T

````{admonition} On your own Azure
:class: own-azure
Text. **Never run on a live subscription.**

```bash
az group create --name rg
az cognitiveservices account create --name a
```

Remove it:

```bash
az group delete --name rg --yes
```
````
"""


RUN = "Run on a live subscription on 1 December 2026."


def boxed(tmp_path, text):
    path = tmp_path / "05-a.md"
    path.write_text(text)
    return bounds(form.box(path))


def test_box_is_read(tmp_path):
    assert boxed(tmp_path, BOX) == []
    first, last = blocks_of(tmp_path / "05-a.md")
    assert (first.line, last.line) == (8, 15)
    assert BOX.splitlines()[last.line - 1] == "az group delete --name rg --yes"
    assert last.removes and not first.removes and not first.needs
    assert boxed(tmp_path, BOX.replace("**Never run on a live subscription.**", RUN)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("own-azure", "note"),
        ("create", "show"),
        ("delete", "show"),
        ("**Never run on a live subscription.**", "Run."),
        ("Remove it:\n", "```bash\naz group delete --name rg\n```\n\n```bash\naz group create --name rg\n```\n"),
    ],
)
def test_box_is_whole(tmp_path, old, new):
    assert boxed(tmp_path, BOX.replace(old, new)) == ["box"]


def test_table_of_what_is_real():
    rows = "| --- | --- | --- |\n| a | b | – |\n"
    good = f"{form.REAL}\n\nWhat the chapter uses.\n\n{form.REAL_HEADER}\n{rows}\n## More\n"
    assert bounds(form.table(good)) == []
    assert bounds(form.table(good.replace("real here", "true here"))) == ["table"]
    assert bounds(form.table(good.replace("Missing", "Absent"))) == ["table"]
    assert bounds(form.table(good.replace("| a | b | – |\n", ""))) == ["table"]


def test_rows_of_the_exam():
    page = ROOT / "book" / "06-networks.md"
    assert bounds(form.rows_of_the_exam(page, {"exam": ["1.3.5", "4.1.2", "AI-901"]})) == []
    assert bounds(form.rows_of_the_exam(page, {})) == ["exam"]
    assert bounds(form.rows_of_the_exam(page, {"exam": ["1.3.5", "9.9.9", "AI-999"]})) == ["exam", "exam"]
    assert bounds(form.rows_of_the_exam(page, {"exam": ["4.1.2"]})) == ["exam"], "the outline gives it 1.3.5"


def test_minutes_are_the_sum_of_the_notebooks():
    times = ("45 minutes, 20 more for the optional exercises", "30 minutes, all of it optional")
    given = [timed(code(), time) for time in times]
    assert [minutes_of(notebook) for notebook in given] == [(45, 20), (0, 30)]
    assert bounds(form.minutes({"practice": 45, "optional": 50}, given)) == []
    assert bounds(form.minutes({"practice": 40}, given)) == ["minutes", "minutes"]
    assert bounds(form.minutes({"practice": 45}, given[:1])) == ["minutes"]


def test_a_notebook_is_an_evening_at_most():
    assert bounds(form.minutes_of_notebook(timed(code(), "45 minutes, 20 more for the optional exercises"))) == []
    assert bounds(form.minutes_of_notebook(timed(code(), "50 minutes, all of it optional"))) == []
    assert bounds(form.minutes_of_notebook(timed(code(), "50 minutes"))) == ["minutes"]
    assert bounds(form.minutes_of_notebook(code())) == ["minutes"]


def test_a_bound_of_a_whole_page_is_lifted_anywhere_in_it():
    found = [("words", "too long"), ("table", "no table"), ("figures", "too many")]
    comment = BECAUSE.format("words")
    assert form.kept(iter(found), comment) == ["no table", "too many"]
    assert form.kept(iter(found), BECAUSE.format("figures")) == ["too long", "no table", "too many"]


def test_prose_is_what_is_read_from_end_to_end():
    text = f"---\na: b\n---\n# Title\n\nOne.\n\n{BOX[5:]}\n| a | b |\n\nTwo.\n\n## Sources\n\n- three\n"
    assert prose(text).split() == ["One.", "Two."]
    assert paragraphs("Too short for a paragraph.\n") == []
