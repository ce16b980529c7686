"""What a job installs is the job's own: the course's packages stay as they are, and the next job has them again."""

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version

import pytest

from local_azure.engines import environments

pytest_plugins = ["ml_workspace"]

posix = pytest.mark.skipif(os.name != "posix", reason="the commands are for a POSIX shell")


def wheel(folder, name, number):
    """A wheel with one module that knows its version."""
    info = f"{name}-{number}.dist-info"
    files = {
        f"{name}/__init__.py": f"__version__ = {number!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(inner, text)
    return path


@pytest.fixture(scope="module")
def code(workspace, tmp_path_factory):
    """Code with two wheels: one older than any pandas, one that the course has not."""
    from azure.ai.ml.entities._assets import Code

    folder = tmp_path_factory.mktemp("src")
    wheel(folder, "pandas", "0.0.1")
    wheel(folder, "harbour_tools", "1.0")
    return workspace.ml._code.create_or_update(Code(path=str(folder))).id


def said(workspace, name, command, code=None):
    workspace.put_job(name, command=command, codeId=code)
    job = workspace.wait(name)
    assert job["status"] == "Completed", workspace.log(name)
    return workspace.log(name)


WHICH = "python -c 'import pandas, sys; print(pandas.__version__, sys.prefix)'"


@posix
@pytest.mark.parametrize("pip", ["pip", "python -m pip", "pip3"])
def test_a_job_installs_for_itself_alone(workspace, code, pip):
    name = f"installs-{pip.replace(' ', '')}"
    log = said(workspace, name, f"{pip} install --no-index *.whl && {WHICH} && python -c 'import harbour_tools'", code)
    assert "0.0.1 " in log and str(workspace.home) not in sys.prefix
    assert version("pandas") != "0.0.1"
    assert f"{version('pandas')} " in said(workspace, f"{name}-next", WHICH)
    answer = subprocess.run([sys.executable, "-c", "import harbour_tools"], capture_output=True)
    assert b"No module named 'harbour_tools'" in answer.stderr


@posix
def test_a_job_cannot_remove_the_courses_packages(workspace, code):
    log = said(
        workspace,
        "removes",
        "pip uninstall -y pandas; pip install --no-index harbour*.whl; pip uninstall -y harbour_tools; " + WHICH,
        code,
    )
    assert "outside environment" in log and "Successfully uninstalled harbour_tools" in log
    assert f"{version('pandas')} " in log


@posix
def test_pip_says_that_it_is_in_the_jobs_own_folder(workspace):
    log = said(workspace, "says", "pip --version; python -m pip --version; command -v python; pip list --format json")
    places = log.splitlines()[:3]
    assert all("/nodes/" in line for line in places), log
    listed = [one["name"] for one in json.loads(log.splitlines()[3])]
    assert listed.count("pip") <= 1 and "pandas" in listed


@posix
def test_temporary_files_go_with_the_job(workspace):
    log = said(workspace, "temporary", "python -c 'import tempfile; print(tempfile.mkstemp()[1])'; mktemp")
    assert [os.path.exists(path) for path in log.split()] == [False, False] and "/nodes/" in log


@posix
def test_without_pip_in_the_course_pip_is_made(tmp_path, monkeypatch):
    """uv makes environments without it."""
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda name: None)
    environments.make(tmp_path / "own")
    answer = subprocess.run([tmp_path / "own" / "bin" / "pip", "--version"], capture_output=True, text=True)
    assert answer.stdout.startswith("pip ") and str(tmp_path) in answer.stdout, answer
