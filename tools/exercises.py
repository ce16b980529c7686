"""The exercises of a notebook: find them, and prove each one in a kernel.

    python tools/exercises.py                  every notebook
    python tools/exercises.py 04-human-core    this one

An exercise is four cells in a row: the task (markdown), the stub (tagged ``exercise``), the check (tagged ``check``)
and the folded solution (markdown). One kernel per notebook runs everything in order. At each exercise it runs the
check after the stub as shipped, after stubs that return a constant, and after the solution: only the last may pass.
It goes on with the solution.
"""

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from run_notebooks import environment, notebooks

CHECK_TAGS = {"check", "raises-exception", "remove-output"}
HEADING = re.compile(r"^### Exercise (\d+)\.(\d+): \S", re.M)
SOLUTION = re.compile(r"<details>\s*<summary>Solution</summary>\s*```python\n(.*?)```\s*.*?</details>", re.S)
CONSTANTS = ("None", "True", "False", "0", "1", "''", "[]", "{}")


@dataclass
class Exercise:
    """One exercise. ``at`` is the number of its check cell, counted from 0."""

    name: str
    stub: str
    check: str
    solution: str
    at: int
    points: float
    grade_id: str


def tags(cell) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def exercises_in(notebook) -> tuple[list[Exercise], list[str]]:
    """The exercises of a notebook node, and a sentence for each way in which one departs from the form."""
    found, wrong = [], []
    cells = notebook.cells
    for number, cell in enumerate(cells):
        if "check" in tags(cell) and (number == 0 or "exercise" not in tags(cells[number - 1])):
            wrong.append(f"cell {number}: a check that does not follow its exercise cell")
        if "exercise" not in tags(cell):
            continue
        task, check, answer = (cells[i] if 0 <= i < len(cells) else None for i in (number - 1, number + 1, number + 2))
        heading = HEADING.search(task.source) if task is not None and task.cell_type == "markdown" else None
        if heading is None:
            wrong.append(f"cell {number}: no '### Exercise N.M: …' in the markdown cell before the stub")
            continue
        name = f"exercise {heading[1]}.{heading[2]}"
        if "<summary>Hint</summary>" not in task.source:
            wrong.append(f"{name}: no folded hint")
        if check is None or check.cell_type != "code" or not tags(check) >= CHECK_TAGS:
            wrong.append(f"{name}: the cell after the stub must be code tagged {', '.join(sorted(CHECK_TAGS))}")
            continue
        solution = SOLUTION.search(answer.source) if answer is not None and answer.cell_type == "markdown" else None
        if solution is None:
            wrong.append(f"{name}: the cell after the check must fold a ```python solution in <details>")
            continue
        grading = check.metadata.get("nbgrader", {})
        expected = {"grade": True, "solution": False, "locked": True, "schema_version": 3, "task": False}
        if any(grading.get(key) != value for key, value in expected.items()) or not grading.get("points", 0) > 0:
            wrong.append(f"{name}: its check needs nbgrader metadata {expected} with points and a grade_id")
        found.append(
            Exercise(
                name,
                cell.source,
                check.source,
                solution[1],
                number + 1,
                grading.get("points", 0),
                grading.get("grade_id", ""),
            )
        )
    ids = [exercise.grade_id for exercise in found]
    wrong += [f"grade_id {one!r} is not a name used once" for one in sorted(set(ids)) if not one or ids.count(one) > 1]
    return found, wrong


def lazy(stub: str, constant: str) -> str:
    """The stub with every function returning ``constant`` and every variable set to it: no thought given."""
    tree = ast.parse(stub)
    value = ast.parse(constant, mode="eval").body
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Return(value)]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            node.value = value
    return ast.unparse(ast.fix_missing_locations(tree))


def outcome(client: NotebookClient, source: str, at: int) -> tuple[str, str] | None:
    """Run code as a cell. Returns the name and the message of its error, or None when it passes."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]})
    client.execute_cell(cell, at)
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return (errors[0].ename, errors[0].evalue) if errors else None


def a_sentence(message: str) -> bool:
    """Whether a check's message can teach: at least four words."""
    return len(re.findall(r"\w+", message)) >= 4


def prove(client: NotebookClient, exercise: Exercise) -> list[str]:
    """Run one exercise every way, in a kernel that stands just before it; say what is wrong."""
    wrong = []

    def attempt(code: str):
        failed_itself = outcome(client, code, exercise.at)
        return failed_itself, outcome(client, exercise.check, exercise.at)

    itself, verdict = attempt(exercise.stub)
    if itself:
        wrong.append(f"{exercise.name}: the stub as shipped fails by itself ({itself[0]}: {itself[1]})")
    if verdict is None:
        wrong.append(f"{exercise.name}: its check passes as shipped")
    elif verdict[0] != "AssertionError" or not a_sentence(verdict[1]):
        got = f"{verdict[0]} {verdict[1]!r}"
        wrong.append(f"{exercise.name}: as shipped its check gives {got}, not an AssertionError with a sentence")
    for constant in CONSTANTS:
        if attempt(lazy(exercise.stub, constant))[1] is None:
            wrong.append(f"{exercise.name}: its check passes when the answer is always {constant}")
    itself, verdict = attempt(exercise.solution)
    if itself or verdict:
        wrong.append(f"{exercise.name}: with the solution it gives {': '.join(itself or verdict)}")
    return wrong


def problems(path: Path) -> list[str]:
    """Prove every exercise of a notebook. Returns a sentence for each that is wrong."""
    notebook = nbformat.read(path, 4)
    found, wrong = exercises_in(notebook)
    by_check = {exercise.at: exercise for exercise in found}
    place = {"metadata": {"path": str(path.parent)}}
    quiet = ["--log-level=ERROR"]
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place, extra_arguments=quiet)
    with client.setup_kernel(env=environment()):
        for number, cell in enumerate(notebook.cells):
            if number in by_check:
                wrong += prove(client, by_check[number])
            elif cell.cell_type == "code" and number + 1 not in by_check:
                try:
                    client.execute_cell(cell, number)
                except CellExecutionError as error:
                    return [
                        *wrong,
                        f"cell {number} fails once the exercises before it are solved: {error.ename}: {error.evalue}",
                    ]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks, by stem; none means all")
    names = parser.parse_args().names
    failed = False
    for path in notebooks():
        if names and path.stem not in names:
            continue
        wrong = problems(path)
        count = len(exercises_in(nbformat.read(path, 4))[0])
        print(
            f"{path.stem}: {count} exercises, "
            + ("each fails as shipped and lazily, and passes with its solution" if not wrong else "wrong:")
        )
        for sentence in wrong:
            print(f"  {sentence}")
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
