"""All the tests, each step before those that make no sense without it, and one total at the end: `make test`."""

import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

from run_notebooks import CACHE, ROOT, environment

RESULTS = CACHE / "tests"
PYTEST = [sys.executable, "-m", "pytest", "-q", "--no-header"]


def pytest_step(name: str, *arguments: str) -> list[str]:
    """The command of a step whose results go to RESULTS/name.xml."""
    return [*PYTEST, *arguments, f"--junit-xml={RESULTS / name}.xml"]


TOOLS = [sys.executable, str(ROOT / "tools" / "run_notebooks.py")]
UNIT = "not nightly and not site and not notebooks and not az"
STEPS = {
    "style": [sys.executable, "-m", "ruff", "check", "--quiet", "."],
    "samples to test with": [sys.executable, str(ROOT / "tools" / "fetch_sdk_samples.py")],
    "unit and contract tests": pytest_step("unit", "tests", "-n", "2", "--dist", "loadfile", "-m", UNIT),
    "az commands": pytest_step("az", "tests/course/test_own_azure.py", "-m", "az", "-rs"),
    "notebooks": [*TOOLS, "--fresh", f"--junit={RESULTS / 'notebooks.xml'}"],
    "notebooks again": pytest_step("again", "tests", "-m", "second_run"),
    "exercises": pytest_step("exercises", "tests", "-n", "2", "-m", "notebooks and not second_run"),
    "book": [sys.executable, str(ROOT / "tools" / "build_book.py")],
    "browser": [sys.executable, str(ROOT / "tools" / "prepare_browser.py")],
    "downloads": [sys.executable, str(ROOT / "tools" / "make_downloads.py")],
    "site": pytest_step("site", "tests", "-n", "2", "-m", "site"),
}
# no sense without
NEEDED = {
    "notebooks again": "notebooks",
    "exercises": "notebooks",
    "book": "notebooks",
    "downloads": "book",
    "site": "book",
}


def counted() -> tuple[int, int, int]:
    """``(passed, failed, skipped)`` over the XML files of the steps that ran under pytest."""
    ran = failed = skipped = 0
    for path in RESULTS.glob("*.xml"):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            ran += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    return ran - failed - skipped, failed, skipped


def main() -> int:
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    verdicts: dict[str, str] = {}
    for name, command in STEPS.items():
        if name in NEEDED and verdicts[NEEDED[name]] != "passed":
            verdicts[name] = f"not run, because of: {NEEDED[name]}"
            continue
        print(f"\n── {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment()).returncode
        verdicts[name] = "passed" if code == 0 else f"FAILED (exit {code})"
        print(f"── {name}: {verdicts[name]}, {time.monotonic() - started:.0f} s", flush=True)
    passed, failed, skipped = counted()
    # style, book and downloads are one check each; a step that broke without a failed test counts as one failure
    for name, verdict in verdicts.items():
        if name in ("style", "book", "downloads"):
            passed, failed = passed + (verdict == "passed"), failed + verdict.startswith("FAILED")
    wrong = [name for name, verdict in verdicts.items() if verdict != "passed"]
    failed = max(failed, len(wrong))
    print("\n" + "\n".join(f"{name}: {verdict}" for name, verdict in verdicts.items()))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
