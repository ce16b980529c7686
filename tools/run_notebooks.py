"""Execute the notebooks, in a copy of the book's sources, and keep the outputs of those that have not changed.

    python tools/run_notebooks.py                    those whose outputs are out of date
    python tools/run_notebooks.py --fresh            all of them
    python tools/run_notebooks.py 04-human-core      this one
    python tools/run_notebooks.py --verify           all again: reverse order, another hash seed, no network; compare

The copy lies in ``.cache/book`` so that notebooks in the checkout stay without outputs. (Not in ``_build``: nbmake
passes over every notebook in a folder of that name.) Outputs are reused when the notebook, ``data/``, ``local_azure/``,
``requirements.txt`` and the Python version are what they were: code alone would not notice a new engine.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
STAGE = CACHE / "book"
EXECUTED = CACHE / "executed"
SECOND = CACHE / "second-run"
# Published plots are SVG: sharp on every screen, a few kilobytes, and the same bytes in every run.
KERNEL_CONFIG = """\
c.InlineBackend.figure_formats = ["svg"]
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
c.InlineBackend.rc = {"svg.hashsalt": "course"}
c.HistoryManager.enabled = False
"""
JUNK = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def files_under(folder: Path) -> list[Path]:
    """Every file below ``folder``, sorted, without caches."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not JUNK & set(p.parts))


def sources() -> list[Path]:
    """The files that the book is made of, notebooks included."""
    found = [ROOT / "_config.yml", ROOT / "_toc.yml"]
    for folder in ("book", "notebooks", "data"):
        found += files_under(ROOT / folder)
    found += [p for p in files_under(ROOT / "local_azure") if p.suffix == ".md"]  # pages include some of them
    return [p for p in found if p.exists()]


def notebooks() -> list[Path]:
    """The notebooks of the checkout, the template among them."""
    return [p for p in files_under(ROOT / "notebooks") if p.suffix == ".ipynb"]


def surroundings() -> str:
    """Digest of all that a notebook's outputs depend on, except the notebook."""
    files = [ROOT / "requirements.txt", *files_under(ROOT / "data"), *files_under(ROOT / "local_azure")]
    pages = sorted(page.name for page in (ROOT / "book").glob("*.md"))  # chapter 3 links to the chapters that exist
    return digest([path for path in files if path.suffix != ".md"], ROOT, sys.version, KERNEL_CONFIG, *pages)


def digest(files: list[Path], base: Path, *more: str) -> str:
    """Changes when a file, its place below ``base``, or one of the other strings does."""
    found = hashlib.sha256("\0".join(more).encode())
    for path in files:
        found.update(str(path.relative_to(base)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def kept(stem: str, content: bytes, around: str) -> Path:
    """Where the outputs of a notebook with that content, in those surroundings, are kept."""
    return EXECUTED / f"{stem}.{hashlib.sha256(content + around.encode()).hexdigest()[:20]}.ipynb"


def put(content: bytes, target: Path) -> None:
    """Write unless the file has that content already, so that the build sees what really changed."""
    if not (target.is_file() and target.read_bytes() == content):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def lay_out(stage: Path, around: str | None) -> list[Path]:
    """Make ``stage`` a copy of the sources, with kept outputs where ``around`` allows; return the notebooks to run."""
    wanted, to_run = set(), []
    for source in sources():
        target = stage / source.relative_to(ROOT)
        wanted.add(target)
        content = source.read_bytes()
        if source.suffix == ".ipynb":
            outputs = kept(source.stem, content, around) if around else None
            if outputs is None or not outputs.is_file():
                to_run.append(target)
            else:
                content = outputs.read_bytes()
        put(content, target)
    for path in files_under(stage):
        if path not in wanted:
            path.unlink()
    return to_run


def environment(**more: str) -> dict[str, str]:
    """The environment of a run: always the local Azure, whatever a ``.env`` says, for a build may cost nobody money;
    and one of this checkout's own, so that no other course folder replaces the server in the middle of a run.
    """
    unwanted = ("PYTHONDONTWRITEBYTECODE", "LOCAL_AZURE", "MPLBACKEND")
    env = {k: v for k, v in os.environ.items() if k not in unwanted and not k.startswith("PYTEST_")}
    env |= {"LOCAL_AZURE_ALWAYS": "1", "LOCAL_AZURE_HOME": str(CACHE / "azure"), "PYTHONHASHSEED": "0"}
    env["IPYTHONDIR"] = str(CACHE / "ipython")
    path = [str(Path(__file__).parent), str(ROOT), env.get("PYTHONPATH", "")]
    return env | {"PYTHONPATH": os.pathsep.join(p for p in path if p)} | more


def execute(
    paths: list[Path],
    *,
    workers: str = "auto",
    junit: Path | None = None,
    prefix: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
) -> dict:
    """Run notebooks in place with nbmake. Returns ``failures`` and, per notebook, wall and CPU seconds."""
    put(KERNEL_CONFIG.encode(), CACHE / "ipython" / "profile_default" / "ipython_kernel_config.py")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *prefix, sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "-n", workers, "--nbmake-timeout=300",
            "-p", "notebook_progress", "-q", "--no-header", "--no-summary", "--tb=short", "--color=no",
        ]  # fmt: skip
        if junit:
            junit.parent.mkdir(parents=True, exist_ok=True)
            command.append(f"--junit-xml={junit}")
        finished = subprocess.run(
            [*command, *map(str, paths)], cwd=ROOT, env=(env or environment()) | {"NOTEBOOK_RUN_REPORT": str(report)}
        )
        if not report.is_file():
            sys.exit(f"The run of the notebooks ended with {finished.returncode} before it could report.")
        return json.loads(report.read_text())


def explain(failure: dict) -> str:
    """What failed, where, and what to do now."""
    name = failure["notebook"]
    if "cell" not in failure:
        return f"\n{name}: {failure['text']}"
    source = "\n".join("    " + line for line in failure["source"].splitlines())
    return (
        f"\nnotebooks/{name}.ipynb, cell {failure['cell']} (counted from 0) failed:\n\n{source}\n\n"
        f"  {failure['error']}\n\n"
        f"  Open it with  {Path(sys.executable).parent / 'jupyter'} lab notebooks/{name}.ipynb,  or run it alone with\n"
        f"  {sys.executable} tools/run_notebooks.py {name}"
    )


def imported(path: Path) -> list[str]:
    """The top-level modules that a notebook's code cells import, in alphabetical order."""
    modules = set()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        lines = [line for line in "".join(cell["source"]).splitlines() if not line.lstrip().startswith(("%", "!"))]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    return sorted(modules)


def versions(modules: list[str]) -> dict[str, str]:
    """``{package: version}`` for the modules that come from a package, this project's own left out."""
    by_module = packages_distributions()
    found = {}
    for module in modules:
        candidates = by_module.get(module.split(".")[0], [])
        # `azure` belongs to many packages: the right one has the module's name, with hyphens for dots
        named = [name for name in candidates if module.replace(".", "-").startswith(name.lower())]
        for name in (named or candidates)[:1]:
            if name != "local-azure":
                found[name] = version(name)
    return dict(sorted(found.items()))


def note_run(path: Path) -> None:
    """Write into an executed notebook when and with what it ran; its page says so."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    python = ".".join(map(str, sys.version_info[:3]))
    ran = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "python": python, "packages": versions(imported(path))}
    notebook["metadata"]["last_run"] = ran
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run(names: list[str] | None = None, *, fresh: bool = False, junit: Path | None = None) -> int:
    """Lay out the sources, execute what is out of date (``fresh``: everything). Returns 0, or 1 when a cell failed."""
    around = surroundings()
    to_run = lay_out(STAGE, None if fresh else around)
    if names:
        to_run = [STAGE / p.relative_to(ROOT) for p in notebooks() if p.stem in names]
        for path in to_run:
            put((ROOT / path.relative_to(STAGE)).read_bytes(), path)
    reused = len(notebooks()) - len(to_run)
    if not to_run:
        print(f"{reused} notebooks, all with outputs that are up to date")
        return 0
    print(
        f"Running {len(to_run)} notebooks" + (f"; {reused} are up to date" if reused and not names else ""), flush=True
    )
    places = {path: kept(path.stem, path.read_bytes(), around) for path in to_run}  # before outputs are written into it
    result = execute(to_run, junit=junit)
    failed = {failure["notebook"] for failure in result["failures"]}
    EXECUTED.mkdir(parents=True, exist_ok=True)
    for path in to_run:
        if path.stem in result["figures"] and path.stem not in failed:
            for old in EXECUTED.glob(f"{path.stem}.*.ipynb"):
                old.unlink()
            note_run(path)
            shutil.copyfile(path, places[path])
    for failure in result["failures"]:
        print(explain(failure))
    return 1 if failed or len(result["figures"]) < len(to_run) else 0


def outputs_of(path: Path) -> list[tuple[int, str, list]]:
    """``(cell number, source, outputs)`` of a notebook's code cells, without those tagged ``timing``; without what
    nobody reads (``remove-stderr``), and without what a client prints because it was slow. Of an error, which only an
    unsolved exercise's check may raise, its name alone: its words may hold the name of a resource of that run.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = []
    for number, cell in enumerate(cells):
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "timing" not in tags:
            outputs = [{k: v for k, v in output.items() if k != "execution_count"} for output in cell["outputs"]]
            outputs = steady(merged(outputs), "remove-stderr" in tags)
            found.append((number, "".join(cell["source"]), merged(outputs)))
    return found


ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours, and movements of the cursor
BAR = re.compile(r"\d+%\|.*\||\d+(\.\d+)? ?[kKMG]?i?B/s|\bit/s")  # a line of a progress bar


def steady(outputs: list[dict], unread: bool) -> list[dict]:
    """Outputs without the progress bars and colours on stderr, which come when something takes long; without all of
    stderr if it is ``unread``.
    """
    kept = []
    for output in outputs:
        if output.get("name") == "stderr":
            output = output | {"text": "" if unread else without_progress(output["text"])}
            if not output["text"]:
                continue
        if output["output_type"] == "error":
            output = {key: output[key] for key in ("output_type", "ename")}
        kept.append(output)
    return kept


def without_progress(text: str) -> str:
    """The lines of a text as they stood in the end, without progress bars, colours and empty lines."""
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in ESCAPE.sub("", text).split("\n")]
    return "\n".join(line for line in lines if line and not BAR.search(line))


def merged(outputs: list[dict]) -> list[dict]:
    """Outputs with neighbouring pieces of one stream joined: how a kernel cuts its text depends on timing."""
    joined: list[dict] = []
    for output in outputs:
        if output["output_type"] == "stream":
            text = "".join(output["text"])
            if joined and joined[-1].get("name") == output["name"]:
                joined[-1]["text"] += text
                continue
            output = output | {"text": text}
        joined.append(output)
    return joined


def offline() -> tuple[str, ...]:
    """A command prefix that leaves a program only the loopback interface; empty where the system does not permit it."""
    prefix = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    prefix += ("--map-root-user",) if os.geteuid() else ()  # the superuser needs no namespace of users for it
    prefix += (sys.executable, str(ROOT / "tools" / "loopback_only.py"))
    try:
        tried = subprocess.run([*prefix, "true"], capture_output=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ()
    return prefix if tried.returncode == 0 else ()


def second_run() -> dict:
    """Run every notebook once more, elsewhere: reverse order, another hash seed, its own local Azure, and no network
    where the system permits. Returns ``failures``, ``figures``, ``offline`` and ``left_behind`` (files it created).
    """
    shutil.rmtree(SECOND, ignore_errors=True)
    shutil.copytree(STAGE, SECOND)  # the sources of the first run, even when somebody has edited theirs since
    before = set(files_under(SECOND))
    paths = sorted((SECOND / "notebooks").glob("**/*.ipynb"))
    prefix = offline()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        env = environment(PYTHONHASHSEED="4242", LOCAL_AZURE_HOME=home)
        result = execute(paths[::-1], prefix=prefix, env=env)
        if not prefix:  # with a namespace of its own, the server has ended with it
            subprocess.run([sys.executable, "-m", "local_azure", "down"], env=env, capture_output=True)
    left = sorted(str(p.relative_to(SECOND)) for p in set(files_under(SECOND)) - before)
    return result | {"offline": bool(prefix), "left_behind": left}


def differences(name: str) -> list[str]:
    """Where the second run's outputs of one notebook differ from the published ones; a sentence each."""
    first, second = (outputs_of(base / "notebooks" / f"{name}.ipynb") for base in (STAGE, SECOND))
    return [
        f"{name}, cell {number}: outputs differ between two runs\n"
        f"--- first\n{json.dumps(one)[:1500]}\n--- second\n{json.dumps(two)[:1500]}"
        for (number, _, one), (_, _, two) in zip(first, second, strict=True)
        if one != two
    ]


def verify() -> int:
    """``--verify``: run again and compare with the outputs at hand."""
    if run():
        return 1
    result = second_run()
    print("without a network" if result["offline"] else "with the network: this system does not permit cutting it off")
    found = [explain(f) for f in result["failures"]] + [f"left behind: {path}" for path in result["left_behind"]]
    if not result["failures"]:
        found += [text for path in notebooks() for text in differences(path.stem)]
    print("\n".join(found) or "Both runs gave the same outputs.")
    return 1 if found else 0


def alone() -> FileLock:
    """A lock: two builds of one checkout would write into the same folders."""
    CACHE.mkdir(exist_ok=True)
    return FileLock(CACHE / "building.lock")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="notebooks to run, by stem; none means all that are out of date")
    parser.add_argument("--fresh", action="store_true", help="reuse nothing")
    parser.add_argument("--verify", action="store_true", help="run everything a second time and compare")
    parser.add_argument("--junit", type=Path, help="write the results there, as JUnit XML")
    args = parser.parse_args()
    unknown = set(args.names) - {p.stem for p in notebooks()}
    if unknown:
        parser.error(f"no such notebook: {', '.join(sorted(unknown))}")
    with alone():
        return verify() if args.verify else run(args.names, fresh=args.fresh, junit=args.junit)


if __name__ == "__main__":
    sys.exit(main())
