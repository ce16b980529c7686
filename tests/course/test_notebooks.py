"""The form of every notebook, and that two runs of it give the same outputs, the second without a network."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import run_notebooks
from run_notebooks import ROOT, STAGE, notebooks

NOTEBOOKS = [pytest.param(path, id=path.stem) for path in notebooks()]
KNOWN_TAGS = {
    "exercise", "optional", "check", "raises-exception", "remove-output", "timing", "hide-input", "hide-output",
    "hide-cell", "remove-cell", "remove-input", "remove-stderr", "scroll-output", "your-turn",
}  # fmt: skip
ABSOLUTE = re.compile(r"""["'](/(home|Users|tmp|var|mnt|opt|content)/|[A-Za-z]:[\\/]+Users)""")
LONGEST = 15


def read(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def where(notebook, what: str, test) -> int:
    """Number of the first cell for which ``test`` is true; fails, naming ``what``, when there is none."""
    found = [number for number, cell in enumerate(notebook.cells) if test(cell)]
    assert found, f"the notebook has no {what}"
    return found[0]


def heading(text: str):
    """A test for a markdown cell with that second-level heading."""
    return lambda cell: cell.cell_type == "markdown" and re.search(rf"^## {text}", cell.source, re.M)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_committed_without_outputs(path):
    for cell in code_cells(read(path)):
        assert cell.outputs == [] and cell.execution_count is None, f"clear the outputs: {cell.source[:80]}"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_runs_on_any_python_kernel(path):
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_sections_in_order(path):
    notebook = read(path)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    assert len(notebook.cells[0].source.strip().split("\n\n")) >= 2, (
        "the title wants a paragraph: what question, for whom"
    )
    headings = [
        where(notebook, "'## Before you start'", heading("Before you start")),
        where(notebook, "set-up cell", lambda c: c.cell_type == "code" and "local_azure.start()" in c.source),
        where(notebook, "exercise", lambda c: "exercise" in c.metadata.get("tags", [])),
        where(notebook, "'## What you saw'", heading("What you saw")),
    ]
    assert headings == sorted(headings), "Before you start, set-up, exercises, What you saw: in this order"
    first_code = where(notebook, "code", lambda c: c.cell_type == "code")
    assert first_code == headings[1], "the first code cell is the set-up cell"
    assert not any("exercise" in c.metadata.get("tags", []) for c in notebook.cells[headings[3] :])


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_cells_are_short_and_known(path):
    for cell in code_cells(read(path)):
        tags = set(cell.metadata.get("tags", []))
        assert tags <= KNOWN_TAGS, tags - KNOWN_TAGS
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert "check" in tags or len(lines) <= LONGEST, f"{len(lines)} lines: {lines[0]}"
        assert "check" in tags or "raises-exception" not in tags, f"errors are caught, not shown raw: {lines[0]}"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_what_the_book_folds_jupyterlab_folds(path):
    """A check sometimes gives its exercise's answer away; its first line stays in sight and says what the cell is."""
    for cell in code_cells(read(path)):
        tags = set(cell.metadata.get("tags", []))
        if tags & {"check", "hide-input"}:
            first = cell.source.partition("\n")[0]
            assert cell.metadata.get("jupyter", {}).get("source_hidden") is True, f'no "source_hidden": {first}'
            assert "check" not in tags or first.startswith("# Check: "), first


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_no_absolute_paths(path):
    for cell in code_cells(read(path)):
        assert not ABSOLUTE.search(cell.source), ABSOLUTE.search(cell.source)[0]


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_pictures_have_words(path):
    """Of the published run: a cell whose output is a picture says in its metadata what the picture shows."""
    for cell in json.loads((STAGE / path.relative_to(ROOT)).read_text(encoding="utf-8"))["cells"]:
        data = [output.get("data", {}) for output in cell.get("outputs", [])]
        if any(kind.startswith("image/") for kinds in data for kind in kinds):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 5, f"no alt text (mystnb: image: alt): {''.join(cell['source'])[:120]}"


@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_cell_ran(path):
    """Of the published run: every code cell was executed, from the first to the last, once."""
    cells = json.loads((STAGE / path.relative_to(ROOT)).read_text(encoding="utf-8"))["cells"]
    counts = [
        cell["execution_count"] for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    assert counts == list(range(1, len(counts) + 1))


@pytest.fixture(scope="session")
def second():
    """The second run, made once in a process: tests with this mark are not to be spread over workers."""
    return run_notebooks.second_run()


@pytest.mark.notebooks
@pytest.mark.second_run
@pytest.mark.parametrize("path", NOTEBOOKS)
def test_second_run_gives_the_same_outputs(second, path):
    """Reverse order, another hash seed, another local Azure; all but cells tagged `timing`."""
    failed = [run_notebooks.explain(failure) for failure in second["failures"] if failure["notebook"] == path.stem]
    assert not failed, failed[0]
    assert not (found := run_notebooks.differences(path.stem)), "\n".join(found)


@pytest.mark.notebooks
@pytest.mark.second_run
def test_second_run_had_no_network(second):
    if not second["offline"]:
        assert not (os.environ.get("CI") and os.geteuid() == 0), "CI as root must be able to cut off the network"
        pytest.skip("this system does not permit network namespaces (unshare); the second run had a network")
    assert not second["failures"]
    assert len(second["figures"]) == len(notebooks())


@pytest.mark.notebooks
@pytest.mark.second_run
def test_second_run_left_nothing_behind(second):
    assert second["left_behind"] == []


def test_cutting_off_the_network_works(tmp_path):
    """What `offline()` returns does let a program reach loopback, and nothing else."""
    prefix = run_notebooks.offline()
    if not prefix:
        pytest.skip("this system does not permit network namespaces (unshare)")
    program = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 2).close()\n"
        "try: socket.create_connection(('192.0.2.1', 443), 2)\n"
        "except OSError as e: print('cut off')\n"
    )
    done = subprocess.run([*prefix, sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "cut off\n", done.stderr


# The reuse of outputs, on a project made for it


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    for name in ("book", "notebooks", "data", "local_azure"):
        (tmp_path / name).mkdir()
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / "data" / "d.csv").write_text("x\n1\n")
    (tmp_path / "local_azure" / "engine.py").write_text("answer = 1\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    nbformat.write(notebook, tmp_path / "notebooks" / "01-a.ipynb")
    monkeypatch.setattr(run_notebooks, "ROOT", tmp_path)
    for name, folder in (("CACHE", "cache"), ("STAGE", "stage"), ("EXECUTED", "executed")):
        monkeypatch.setattr(run_notebooks, name, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("changed", ["requirements.txt", "data/d.csv", "local_azure/engine.py", "notebooks/01-a.ipynb"])
def test_outputs_are_reused_until_something_changes(small_project, changed):
    stage = small_project / "stage"
    around = run_notebooks.surroundings()
    assert [p.name for p in run_notebooks.lay_out(stage, around)] == ["01-a.ipynb"]
    keep = run_notebooks.kept("01-a", (small_project / "notebooks" / "01-a.ipynb").read_bytes(), around)
    keep.parent.mkdir()
    keep.write_text("executed")
    assert run_notebooks.lay_out(stage, run_notebooks.surroundings()) == []
    assert (stage / "notebooks" / "01-a.ipynb").read_text() == "executed"
    path = small_project / changed
    path.write_text(path.read_text() + "\n")
    assert run_notebooks.lay_out(stage, run_notebooks.surroundings()) != []


def test_run_keeps_outputs_and_explains_a_failing_cell(small_project, capfd):
    bad = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("x / 0")])
    nbformat.write(bad, small_project / "notebooks" / "02-b.ipynb")
    assert run_notebooks.run() == 1
    said = capfd.readouterr().out
    assert "01-a done after" in said and "02-b FAILED" in said
    assert "notebooks/02-b.ipynb, cell 1 " in said and "ZeroDivisionError: division by zero" in said
    assert "tools/run_notebooks.py 02-b" in said
    bad.cells[1].source = "x / 2"
    nbformat.write(bad, small_project / "notebooks" / "02-b.ipynb")
    assert run_notebooks.run() == 0
    said = capfd.readouterr().out
    assert "01-a" not in said and "02-b done after" in said, "what had passed is not run again"
    assert run_notebooks.outputs_of(small_project / "stage/notebooks/02-b.ipynb")[1][2][0]["data"] == {
        "text/plain": ["0.5"]
    }
    assert nbformat.read(small_project / "notebooks" / "02-b.ipynb", 4).cells[1].outputs == []


def test_copy_loses_what_the_sources_lost(small_project):
    stage = small_project / "stage"
    run_notebooks.lay_out(stage, None)
    (small_project / "data" / "d.csv").unlink()
    run_notebooks.lay_out(stage, None)
    assert not (stage / "data" / "d.csv").exists()


# What the comparison of two runs looks at

SLOW = "\x1b[32mUploading src (0.0 MBs):   0%|          | 0/149 [00:00<?, ?it/s]\r"
SLOW += "\x1b[32mUploading src (0.0 MBs): 100%|##########| 149/149 [00:00<00:00, 2894.62it/s]\n\x1b[39m\n\n"


def notebook_with(tmp_path, *outputs, tags=()):
    cell = {"cell_type": "code", "source": "upload()", "metadata": {"tags": list(tags)}, "outputs": list(outputs)}
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.ipynb"
    path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    return run_notebooks.outputs_of(path)


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize("slow", [SLOW, "\x1b[39m\n", "\x1b[32m", "Downloading: 12.3 MB/s\r"])
def test_what_a_client_prints_because_it_was_slow_is_not_compared(tmp_path, slow):
    quick = notebook_with(tmp_path, stream("stdout", "before\n"), stream("stdout", "after\n"))
    assert (
        notebook_with(tmp_path, stream("stdout", "before\n"), stream("stderr", slow), stream("stdout", "after\n"))
        == quick
    )


def test_what_nobody_reads_is_not_compared(tmp_path):
    quick = notebook_with(tmp_path, tags=["remove-stderr"])
    assert notebook_with(tmp_path, stream("stderr", "Class X: This is experimental\n"), tags=["remove-stderr"]) == quick


def test_a_warning_is_compared_and_so_is_what_a_cell_prints(tmp_path):
    quiet = notebook_with(tmp_path)
    assert notebook_with(tmp_path, stream("stderr", f"{SLOW}UserWarning: no convergence\n")) != quiet
    assert notebook_with(tmp_path, stream("stdout", "100%|##| 3/3\n")) != quiet
    assert notebook_with(tmp_path, stream("stderr", "one\n")) != notebook_with(tmp_path, stream("stderr", "two\n"))


def refusal(name, words):
    return {"output_type": "error", "ename": name, "evalue": words, "traceback": [words]}


def test_an_unsolved_check_may_name_a_resource_of_this_run(tmp_path):
    first = notebook_with(tmp_path, refusal("AssertionError", "The workspace has no endpoint tern-1130."))
    assert notebook_with(tmp_path, refusal("AssertionError", "The workspace has no endpoint tern-1201.")) == first
    assert notebook_with(tmp_path, refusal("HttpResponseError", "The workspace has no endpoint tern-1130.")) != first
    assert notebook_with(tmp_path) != first
