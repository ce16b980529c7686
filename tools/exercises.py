"""The exercises of a notebook: find them, and prove each one in a kernel.

    python tools/exercises.py                  every notebook
    python tools/exercises.py 04-human-core    this one

An exercise is four cells in a row: the task (markdown), the stub (tagged ``exercise``), the check (tagged ``check``)
and the folded solution (markdown). The metadata of the check hold answers to try:

    "wrong_answers": [{"code": "…", "message": "part of what the check must say"}, …]       four or more
    "right_answers": ["…", …]                                                               one or more
    "undo": "…"                  optional: puts the service back as it was, whatever the attempt had made there

One kernel per notebook runs everything in order. At each exercise it runs the check after the stub as shipped, after
stubs that return a constant, after each wrong answer, each right answer, and the solution. Only the right ones and the
solution may pass, and each wrong one has to end in its message. Every attempt finds the names of the notebook as they
were before the exercise, and ``undo`` has run. The kernel goes on with the solution.
"""

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from run_notebooks import environment, notebooks

CHECK_TAGS = {"check", "raises-exception", "remove-output"}
HEADING = re.compile(r"^### Exercise (\d+)\.(\d+)( \(optional\))?: \S", re.M)
SOLUTION = re.compile(r"<details>\s*<summary>Solution</summary>\s*```python\n(.*?)```\s*.*?</details>", re.S)
CONSTANTS = ("None", "True", "False", "0", "1", "''", "[]", "{}")
LIMIT = 300  # seconds for one cell; what takes longer hangs
FEWEST_WRONG, FEWEST_RIGHT = 4, 1


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
    optional: bool
    wrong_answers: list[dict]
    right_answers: list[str]
    undo: str


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
        optional = "optional" in tags(cell)
        if optional != bool(heading[3]):
            wrong.append(f"{name}: the tag `optional` and the word in '### Exercise N.M (optional): …' go together")
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
                optional,
                check.metadata.get("wrong_answers", []),
                check.metadata.get("right_answers", []),
                check.metadata.get("undo", ""),
            )
        )
        wrong += [f"{name}: {sentence}" for sentence in malformed(found[-1])]
    ids = [exercise.grade_id for exercise in found]
    wrong += [f"grade_id {one!r} is not a name used once" for one in sorted(set(ids)) if not one or ids.count(one) > 1]
    return found, wrong


def malformed(exercise: Exercise) -> list[str]:
    """What is wrong with the form of an exercise's answers, whatever they do."""
    for answer in exercise.wrong_answers:
        if not isinstance(answer, dict) or not {"code", "message"} <= set(answer) <= {"code", "message", "raises"}:
            return ['a wrong answer is {"code": …, "message": …}, and perhaps "raises": true']
        if len(re.findall(r"\w", answer["message"])) < 4:
            return [f"a wrong answer whose message is {answer['message']!r}: name a piece that no other message has"]
    if not all(isinstance(code, str) for code in [*exercise.right_answers, exercise.undo]):
        return ["right answers and `undo` are code, as strings"]
    tried = [answer["code"] for answer in exercise.wrong_answers] + exercise.right_answers
    tried = [code.strip() for code in [exercise.stub, exercise.solution, *tried]]
    return [] if len(set(tried)) == len(tried) else ["two of its answers (stub and solution count) are the same"]


def too_few(exercise: Exercise) -> list[str]:
    """A sentence for each kind of answer of which an exercise has too few to be proved."""
    given = {"wrong": len(exercise.wrong_answers), "right": len(exercise.right_answers)}
    least = {"wrong": FEWEST_WRONG, "right": FEWEST_RIGHT}
    return [
        f"{exercise.name}: its check has {given[kind]} {kind}_answers in its metadata; at least {least[kind]}"
        for kind in given
        if given[kind] < least[kind]
    ]


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


class Stuck(Exception):
    """An attempt ran out of time or ended the kernel, which then is of no more use. The text says which."""


def outcome(client: NotebookClient, source: str, at: int, what: str) -> tuple[str, str] | None:
    """Run code as a cell. Returns the name and the message of its error, or None when it passes."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]})
    try:
        client.execute_cell(cell, at)
    except CellTimeoutError:
        raise Stuck(f"{what} has not ended after {client.timeout} seconds") from None
    except DeadKernelError:
        raise Stuck(f"{what} ends the kernel") from None
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return (errors[0].ename, errors[0].evalue) if errors else None


# Names of the notebook, kept and put back in the kernel. What IPython keeps for itself begins with an underscore.
KEEP = "_names_before = {name: value for name, value in globals().items() if not name.startswith('_')}"
PUT_BACK = """\
for _name in [name for name in globals() if not name.startswith("_") and name not in _names_before]:
    del globals()[_name]
globals().update(_names_before)"""


def a_sentence(message: str) -> bool:
    """Whether a check's message can teach: at least four words."""
    return len(re.findall(r"\w+", message)) >= 4


def prove(client: NotebookClient, exercise: Exercise) -> list[str]:
    """Run one exercise every way, in a kernel that stands just before it; say what is wrong."""
    wrong = []

    def run(code: str, what: str):
        return outcome(client, code, exercise.at, what)

    def attempt(code: str, what: str, last: bool = False):
        """What the answer's own cell raises, and what the check after it says; then everything is as it was."""
        what = f"{exercise.name}, {what}"
        itself, verdict = run(code, what), run(exercise.check, f"{what}: its check")
        if not last:
            run(PUT_BACK, what)
            failed = exercise.undo and run(exercise.undo, f"{what}: `undo`")
            if failed:
                wrong.append(f"{what}: `undo` fails after it ({': '.join(failed)})")
            run(PUT_BACK, what)
        return itself, verdict

    run(KEEP, exercise.name)
    itself, verdict = attempt(exercise.stub, "the stub as shipped")
    if itself:
        wrong.append(f"{exercise.name}: the stub as shipped fails by itself ({': '.join(itself)})")
    if verdict is None:
        wrong.append(f"{exercise.name}: its check passes as shipped")
    elif not teaches(verdict):
        got = f"{verdict[0]} {verdict[1]!r}"
        wrong.append(f"{exercise.name}: as shipped its check gives {got}, not an AssertionError with a sentence")
    different = {lazy(exercise.stub, constant): constant for constant in reversed(CONSTANTS)}
    for code, constant in reversed(different.items()):
        if code != ast.unparse(ast.parse(exercise.stub)) and attempt(code, f"always {constant}")[1] is None:
            wrong.append(f"{exercise.name}: its check passes when the answer is always {constant}")
    for number, answer in enumerate(exercise.wrong_answers, start=1):
        what = f"wrong answer {number}"
        sentence = judged(answer, *attempt(answer["code"], what))
        if sentence:
            wrong.append(f"{exercise.name}, {what}: {sentence}")
    for number, code in enumerate(exercise.right_answers, start=1):
        itself, verdict = attempt(code, f"right answer {number}")
        if itself or verdict:
            wrong.append(f"{exercise.name}, right answer {number}: it gives {': '.join(itself or verdict)}")
    if exercise.right_answers and attempt(exercise.stub, "the stub once more")[1] is None:
        wrong.append(
            f"{exercise.name}: after a right answer the stub passes too. What the answer made is still there: "
            + ("its `undo` does not remove it" if exercise.undo else "the check's metadata need an `undo`")
        )
    itself, verdict = attempt(exercise.solution, "the solution", last=True)
    if itself or verdict:
        wrong.append(f"{exercise.name}: with the solution it gives {': '.join(itself or verdict)}")
    return wrong


def teaches(verdict: tuple[str, str]) -> bool:
    """Whether a check failed by an assertion whose message is a sentence."""
    return verdict[0] == "AssertionError" and a_sentence(verdict[1])


def judged(answer: dict, itself, verdict) -> str:
    """What is wrong with how a wrong answer fared; empty when it failed as it says."""
    if answer.get("raises"):  # the learner meets the error of the service itself, and the message is a piece of that
        if itself is None:
            return "it raises nothing by itself"
        if verdict is None:
            return "the check passes although the answer raises"
        return "" if answer["message"] in ": ".join(itself) else f"it raises {': '.join(itself)!r}, not its message"
    if itself:
        return f'it fails before its check ({": ".join(itself)}); say "raises": true where that is meant'
    if verdict is None:
        return "the check passes"
    if not teaches(verdict):
        return f"the check gives {verdict[0]} {verdict[1]!r}, not an AssertionError with a sentence"
    return "" if answer["message"] in verdict[1] else f"{answer['message']!r} is not in what it is told: {verdict[1]!r}"


def problems(path: Path, limit: int = LIMIT) -> list[str]:
    """Prove every exercise of a notebook. Returns a sentence for each that is wrong."""
    notebook = nbformat.read(path, 4)
    found, wrong = exercises_in(notebook)
    wrong += [sentence for exercise in found for sentence in too_few(exercise)]
    by_check = {exercise.at: exercise for exercise in found}
    place = {"metadata": {"path": str(path.parent)}}
    quiet = ["--log-level=ERROR"]
    client = NotebookClient(notebook, timeout=limit, kernel_name="python3", resources=place, extra_arguments=quiet)
    client.log.disabled = True  # it would say of a cell that hangs what the sentence below says
    with client.setup_kernel(env=environment()):
        for number, cell in enumerate(notebook.cells):
            try:
                if number in by_check:
                    wrong += prove(client, by_check[number])
                elif cell.cell_type == "code" and number + 1 not in by_check:
                    client.execute_cell(cell, number)
            except Stuck as error:
                return [*wrong, f"{error}; nothing after it was proved"]
            except CellTimeoutError:
                return [*wrong, f"cell {number} has not ended after {limit} seconds; nothing after it was proved"]
            except CellExecutionError as error:
                said = f"{error.ename}: {error.evalue}"
                return [*wrong, f"cell {number} fails once the exercises before it are solved: {said}"]
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
            + ("each wrong answer fails as it should, each right one passes" if not wrong else "wrong:")
        )
        for sentence in wrong:
            print(f"  {sentence}")
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
