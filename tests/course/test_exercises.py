"""Each exercise every way: as shipped, answered lazily or wrongly, its check fails and teaches; right answers pass."""

import json

import nbformat
import pytest
from exercises import CHECK_TAGS, a_sentence, exercises_in, lazy, problems, tags, too_few
from run_notebooks import ROOT, STAGE, notebooks

NOTEBOOKS = [pytest.param(path, id=path.stem) for path in notebooks()]


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_form(path):
    notebook = nbformat.read(path, 4)
    found, wrong = exercises_in(notebook)
    assert not wrong, "\n".join(wrong)
    assert found, "a notebook without an exercise"
    missing = [sentence for exercise in found for sentence in too_few(exercise)]
    assert not missing, "\n".join(missing)


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
def test_only_right_answers_pass(path):
    wrong = problems(path)
    assert not wrong, "\n".join(wrong)


# The prover itself, on a notebook made for it


CHECK = """\
assert double(2) != 2, 'You gave back the number itself: a double is twice as much.'
assert double(2) == 4, 'Twice two is not what your function returns.'
assert double(3) == 6, 'It is right for two alone: three was asked as well.'
"""
WRONG = [
    {"code": "def double(x):\n    return x", "message": "the number itself"},
    {"code": "def double(x):\n    return x + 1", "message": "Twice two"},
    {"code": "def double(x):\n    return x * x", "message": "for two alone"},
    {"code": "def double(x):\n    return 4", "message": "for two alone"},
]
RIGHT = ["def double(x):\n    return x + x"]


STUB = "def double(x):\n    ..."
SOLUTION = "def double(x):\n    return 2 * x"


def a_notebook(check=CHECK, *, before="", stub=STUB, solution=SOLUTION, heading="1.1", **metadata):
    """A notebook with one exercise. Further keywords go into the metadata of its check."""
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
    metadata = {"wrong_answers": WRONG, "right_answers": RIGHT} | metadata
    task = f"### Exercise {heading}: double\n<details><summary>Hint</summary>\n\nTwice.\n</details>"
    return new.new_notebook(
        cells=[
            new.new_code_cell(before),
            new.new_markdown_cell(task),
            new.new_code_cell(stub, metadata={"tags": ["exercise"]}),
            new.new_code_cell(check, metadata={"tags": sorted(CHECK_TAGS), "nbgrader": grading} | metadata),
            new.new_markdown_cell(f"<details><summary>Solution</summary>\n\n```python\n{solution}\n```\n</details>"),
        ]
    )


def proved(tmp_path, check: str = CHECK, limit: int = 60, **given) -> list[str]:
    path = tmp_path / "99-made.ipynb"
    nbformat.write(a_notebook(check, **given), path)
    return problems(path, limit=limit)


def test_prover_accepts_a_check_that_bites(tmp_path):
    assert proved(tmp_path) == []


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


def test_prover_names_the_attempt(tmp_path):
    """Each of these is wrong in a way of its own; what is right in the same notebook is not reported."""
    wrong = [
        *WRONG,
        {"code": "def double(x):\n    return 2 * x + 0", "message": "the number itself"},
        {"code": "def double(x):\n    return x - 1", "message": "the number itself"},
        {"code": "def double(x):\n    return y", "message": "the number itself"},
        {"code": "double = 3 / 0", "message": "division by zero"},
        {"code": "answer = 3 / 0", "message": "division by zero", "raises": True},
        {"code": "answer = 4 / 0", "message": "no such money", "raises": True},
        {"code": "def double(x):\n    return 3", "message": "division by zero", "raises": True},
        {"code": "answer = 4", "message": "Twice two"},
    ]
    right = [*RIGHT, "def double(x):\n    return float(x) ** 2"]
    said = proved(tmp_path, wrong_answers=wrong, right_answers=right)
    name = "exercise 1.1, "
    assert said == [
        f"{name}wrong answer 5: the check passes",
        f"{name}wrong answer 6: 'the number itself' is not in what it is told: "
        "'Twice two is not what your function returns.'",
        f"{name}wrong answer 7: the check gives NameError \"name 'y' is not defined\", "
        "not an AssertionError with a sentence",
        f"{name}wrong answer 8: it fails before its check (ZeroDivisionError: division by zero); "
        'say "raises": true where that is meant',
        f"{name}wrong answer 10: it raises 'ZeroDivisionError: division by zero', not its message",
        f"{name}wrong answer 11: it raises nothing by itself",
        # nothing of the attempts before it is left
        f"{name}wrong answer 12: the check gives NameError \"name 'double' is not defined\", "
        "not an AssertionError with a sentence",
        f"{name}right answer 2: it gives AssertionError: It is right for two alone: three was asked as well.",
    ]


def test_prover_wants_enough_answers(tmp_path):
    assert proved(tmp_path, wrong_answers=WRONG[:3], right_answers=[]) == [
        "exercise 1.1: its check has 3 wrong_answers in its metadata; at least 4",
        "exercise 1.1: its check has 0 right_answers in its metadata; at least 1",
    ]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"wrong_answers": [{"code": "x = 1"}]}, "a wrong answer is"),
        ({"wrong_answers": [{"code": "x = 1", "message": "a"}]}, "name a piece that no other message has"),
        ({"right_answers": [{"code": "x = 1"}]}, "are code, as strings"),
        ({"right_answers": RIGHT * 2}, "are the same"),
    ],
)
def test_prover_wants_answers_in_their_form(given, complaint):
    assert complaint in exercises_in(a_notebook(**given))[1][0]


# An exercise that creates: the service is a dictionary, and the check reads back what stands in it
CREATING = {
    "before": "service = {}",
    "check": "assert service.get('rg') == 'north', 'The service knows no group rg in the region north.'",
    "stub": "# create the group",
    "solution": "service['rg'] = 'north'",
    "wrong_answers": [
        {"code": code, "message": "no group rg"}
        for code in ("service['rg'] = 'south'", "service['gr'] = 'north'", "rg = 'north'", "service = {'rg': 'south'}")
    ],
    "right_answers": ["service.update(rg='north')"],
}


@pytest.mark.parametrize(
    ("undo", "said"),
    [
        ("service.clear()", []),
        ("", ["after a right answer the stub passes too", "need an `undo`"]),
        ("service.pop('gr', None)", ["after a right answer the stub passes too", "its `undo` does not remove it"]),
        ("del service['rg']", ["exercise 1.1, the stub as shipped: `undo` fails after it (KeyError: 'rg')"]),
    ],
)
def test_prover_undoes_what_an_attempt_made(tmp_path, undo, said):
    found = proved(tmp_path, **CREATING, undo=undo)
    assert bool(found) == bool(said), found
    assert all(piece in "\n".join(found) for piece in said), found


def test_undo_runs_after_constants_too(tmp_path):
    given = CREATING | {"stub": "region = ...\nservice['tries'] = service.get('tries', 0) + 1"}
    given["check"] = "assert service['tries'] == 1, 'Another attempt was here before this one.'\n" + CREATING["check"]
    given["solution"] = "service.update(tries=1, rg='north')"
    given["right_answers"] = ["service.update(rg='north', tries=1)"]
    given["wrong_answers"] = [
        {"code": f"{answer['code']}\nservice['tries'] = 1", "message": "no group rg"}
        for answer in CREATING["wrong_answers"]
    ]
    assert proved(tmp_path, **given, undo="service.clear()") == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import time\nwhile True:\n    time.sleep(1)", "exercise 1.1, wrong answer 2 has not ended after 5 seconds"),
        ("import os\nos._exit(1)", "exercise 1.1, wrong answer 2 ends the kernel"),
    ],
)
def test_prover_ends_an_attempt_that_hangs(tmp_path, code, complaint):
    wrong = [WRONG[0], {"code": code, "message": "Twice two"}, *WRONG[1:]]
    assert proved(tmp_path, wrong_answers=wrong, limit=5) == [f"{complaint}; nothing after it was proved"]


def test_form_of_an_exercise_is_checked():
    notebook = a_notebook()
    assert exercises_in(notebook)[1] == []
    notebook.cells[3].metadata.tags = ["check"]
    assert "must be code tagged" in exercises_in(notebook)[1][0]
    del notebook.cells[3]
    assert "must be code tagged" in exercises_in(notebook)[1][0]
    assert tags(notebook.cells[2]) == {"exercise"}


def test_optional_is_said_twice():
    notebook = a_notebook(heading="1.1 (optional)")
    assert "`optional` and the word" in exercises_in(notebook)[1][0]
    notebook.cells[2].metadata.tags.append("optional")
    found, wrong = exercises_in(notebook)
    assert wrong == [] and found[0].optional and found[0].name == "exercise 1.1"
    notebook.cells[1].source = notebook.cells[1].source.replace(" (optional)", "")
    assert "`optional` and the word" in exercises_in(notebook)[1][0]


def test_lazy_answers_replace_functions_and_variables():
    assert (
        lazy("limit = ...\ndef f(x):\n    '''Why.'''\n    ...", "True") == "limit = True\n\ndef f(x):\n    return True"
    )
