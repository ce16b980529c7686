"""Each exercise both ways: as shipped, or answered lazily, its check fails and teaches; with its solution it passes."""

import json

import nbformat
import pytest
from exercises import CHECK_TAGS, a_sentence, exercises_in, lazy, problems, tags
from run_notebooks import ROOT, STAGE, notebooks

NOTEBOOKS = [pytest.param(path, id=path.stem) for path in notebooks()]


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_form(path):
    notebook = nbformat.read(path, 4)
    found, wrong = exercises_in(notebook)
    assert not wrong, "\n".join(wrong)
    assert found, "a notebook without an exercise"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_numbered_in_order_and_by_chapter(path):
    found, _ = exercises_in(nbformat.read(path, 4))
    chapter = int(path.stem[:2]) if path.stem[:2].isdigit() else 0
    own = [tuple(map(int, exercise.name.split()[1].split("."))) for exercise in found]
    assert {first for first, _ in own} <= {chapter}
    assert [second for _, second in own] == sorted({second for _, second in own})


def test_grade_ids_are_unique_in_the_course():
    ids = [exercise.grade_id for path in notebooks() for exercise in exercises_in(nbformat.read(path, 4))[0]]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_checks_fail_and_teach_as_shipped(path):
    """In the very run that is published."""
    cells = json.loads((STAGE / path.relative_to(ROOT)).read_text(encoding="utf-8"))["cells"]
    checks = [cell for cell in cells if "check" in cell["metadata"].get("tags", [])]
    assert checks
    for cell in checks:
        errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
        assert errors, "passes as shipped: " + "".join(cell["source"])[:200]
        assert errors[0]["ename"] == "AssertionError", errors[0]["ename"] + ": " + errors[0]["evalue"]
        assert a_sentence(errors[0]["evalue"]), f"no sentence: {errors[0]['evalue']!r}"


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_only_the_solution_passes(path):
    wrong = problems(path)
    assert not wrong, "\n".join(wrong)


# The prover itself, on a notebook made for it


def a_notebook(check: str):
    """A notebook with one exercise, whose check is given."""
    new = nbformat.v4
    grading = {
        "grade": True,
        "grade_id": "one",
        "locked": True,
        "points": 1,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    return new.new_notebook(
        cells=[
            new.new_markdown_cell("### Exercise 1.1: double\n<details><summary>Hint</summary>\n\nTwice.\n</details>"),
            new.new_code_cell("def double(x):\n    ...", metadata={"tags": ["exercise"]}),
            new.new_code_cell(check, metadata={"tags": sorted(CHECK_TAGS), "nbgrader": grading}),
            new.new_markdown_cell(
                "<details><summary>Solution</summary>\n\n```python\ndef double(x):\n    return 2 * x\n```\n</details>"
            ),
        ]
    )


def proved(tmp_path, check: str) -> list[str]:
    path = tmp_path / "made.ipynb"
    nbformat.write(a_notebook(check), path)
    return problems(path)


def test_prover_accepts_a_check_that_bites(tmp_path):
    assert proved(tmp_path, "assert double(2) == 4, 'Twice two is not what your function returns.'") == []


@pytest.mark.parametrize(
    ("check", "complaint"),
    [
        ("double(2)", "passes as shipped"),
        ("assert double(2) == 4", "not an AssertionError with a sentence"),
        ("assert double(2) + 0 == 4, 'The double of two is not four yet.'", "gives TypeError"),
        ("assert double(0) == 0, 'The double of nothing is not nothing.'", "always 0"),
        ("assert double(2) == 5, 'Twice two is not what you think it is.'", "with the solution"),
    ],
)
def test_prover_rejects(tmp_path, check, complaint):
    assert any(complaint in sentence for sentence in proved(tmp_path, check))


def test_form_of_an_exercise_is_checked():
    notebook = a_notebook("assert double(2) == 4, 'Twice two is not what your function returns.'")
    assert exercises_in(notebook)[1] == []
    notebook.cells[2].metadata.tags = ["check"]
    assert "must be code tagged" in exercises_in(notebook)[1][0]
    del notebook.cells[2]
    assert "must be code tagged" in exercises_in(notebook)[1][0]
    assert tags(notebook.cells[1]) == {"exercise"}


def test_lazy_answers_replace_functions_and_variables():
    assert (
        lazy("limit = ...\ndef f(x):\n    '''Why.'''\n    ...", "True") == "limit = True\n\ndef f(x):\n    return True"
    )
