"""A Python of its own for a command: it imports all that this course has, and what it installs stays in its folder.

A virtual environment without pip, made in milliseconds, that sees the course's packages after its own. A package that a
command installs comes before the course's, and goes with the folder; the course's are never touched. pip takes its
place in it when it is first called.
"""

import importlib.util
import os
import sys
import venv
from pathlib import Path

LINK = "import site; list(map(site.addsitedir, {0!r}))\n"
# In the place of the package pip: comes before the course's, puts a copy of it in its own place, and hands over to it.
PIP = '''\
"""pip, which will be here when it is first run."""
SOURCE = {0!r}
if SOURCE:
    __path__.append(SOURCE)
    __version__ = {1!r}
'''
PIP_MAIN = """\
import glob, os, shutil, subprocess, sys, zipfile
from pip import SOURCE
here = os.path.dirname(os.path.abspath(__file__))
aside = here + "-" + str(os.getpid())
if SOURCE:
    shutil.copytree(SOURCE, aside)
else:
    import ensurepip
    for wheel in glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl")):
        zipfile.ZipFile(wheel).extractall(aside + "-whole")
        os.rename(os.path.join(aside + "-whole", "pip"), aside)
os.rename(here, aside + "-stub")
if os.path.isdir(aside):
    os.rename(aside, here)
else:
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
command = [sys.executable, "-m", "pip", *sys.argv[1:]]
if os.name == "posix":
    os.execv(sys.executable, command)
sys.exit(subprocess.run(command).returncode)
"""
SCRIPT = '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n'
WINDOWS_SCRIPT = '@"%~dp0python.exe" -m pip %*\r\n'
BIN = "bin" if os.name == "posix" else "Scripts"


def make(folder):
    """Make the environment in a folder that is not there yet. Blocks for some milliseconds."""
    builder = venv.EnvBuilder(with_pip=False, symlinks=os.name == "posix")
    builder.create(folder)
    packages = _packages(folder)
    (packages / "course.pth").write_text(LINK.format(_course()), encoding="utf-8")
    pip = importlib.util.find_spec("pip")
    source = os.path.dirname(pip.origin) if pip and pip.origin else None
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").write_text(PIP.format(source, _version()), encoding="utf-8")
    (packages / "pip" / "__main__.py").write_text(PIP_MAIN, encoding="utf-8")
    for name in ("pip", "pip3"):
        script = Path(folder, BIN, name if os.name == "posix" else f"{name}.bat")
        script.write_text(SCRIPT if os.name == "posix" else WINDOWS_SCRIPT, encoding="utf-8", newline="")
        script.chmod(0o755)


def _course():
    """The folders from which this program imports packages."""
    return [one for one in sys.path if os.path.basename(one) in ("site-packages", "dist-packages")]


def _version():
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pip")
    except PackageNotFoundError:
        return None


def _packages(folder):
    if os.name != "posix":
        return Path(folder, "Lib", "site-packages")
    return Path(folder, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


def variables(folder, path):
    """What a command needs, so that its `python` and `pip` are those of a folder. path: its PATH until now."""
    return {
        "VIRTUAL_ENV": str(folder),
        "PATH": os.pathsep.join([str(Path(folder, BIN)), os.path.dirname(sys.executable), path]),
        "PIP_USER": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def python_of(environment):
    """The interpreter that such variables name; this program's own otherwise."""
    found = Path(environment.get("VIRTUAL_ENV") or os.devnull, BIN, "python" if os.name == "posix" else "python.exe")
    return str(found) if found.is_file() else sys.executable
