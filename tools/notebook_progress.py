"""A pytest plugin for runs of notebooks: a line when one starts, a line when it ends, and what failed in which cell.

Used by run_notebooks.py as ``-p notebook_progress``. With pytest-xdist the measuring happens in the workers and the
printing in the process that started them; ``user_properties`` of a report carry the figures from one to the other.
"""

import json
import os
import re
import time
from pathlib import Path

import pytest

try:
    import resource
except ImportError:  # Windows has no such module; the CPU column stays empty there
    resource = None

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def child_seconds() -> float | None:
    """CPU seconds, user and system, of this process's finished children; kernels are such children."""
    if resource is None:
        return None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    wall, cpu = time.perf_counter(), child_seconds()
    outcome = yield
    figures = {"wall": time.perf_counter() - wall, "cpu": None if cpu is None else child_seconds() - cpu}
    result = outcome.excinfo[1].args[0] if outcome.excinfo and outcome.excinfo[1].args else None
    error = getattr(result, "error", None)
    if error is not None:
        cell = result.nb.cells[error.failing_cell_index]
        figures |= {"cell": error.failing_cell_index, "source": cell.source, "error": COLOUR.sub("", error.summary)}
    item.user_properties.append(("notebook", json.dumps(figures)))


def pytest_report_teststatus(report):
    if report.when == "call":
        return report.outcome, "", ""
    return None


class Printer:
    """Prints the lines; registered only where the terminal is."""

    def __init__(self, config):
        self.terminal = config.pluginmanager.getplugin("terminalreporter")
        self.failures: list[dict] = []
        self.figures: dict[str, dict] = {}

    def pytest_runtest_logstart(self, nodeid, location):
        self.terminal.write_line(f"  {Path(nodeid.split('::')[0]).stem} …")

    def pytest_runtest_logreport(self, report):
        if report.when != "call":
            return
        name = Path(report.nodeid.split("::")[0]).stem
        figures = json.loads(dict(report.user_properties).get("notebook", "{}"))
        cpu = f", {figures['cpu']:.1f} s of CPU" if figures.get("cpu") is not None else ""
        verdict = "done" if report.passed else "FAILED"
        self.terminal.write_line(f"  {name} {verdict} after {figures.get('wall', 0):.1f} s{cpu}")
        self.figures[name] = {key: figures.get(key) for key in ("wall", "cpu")}
        if not report.passed:
            self.failures.append({"notebook": name, **figures, "text": str(report.longrepr)})

    def pytest_sessionfinish(self):
        target = os.environ.get("NOTEBOOK_RUN_REPORT")
        if target:
            Path(target).write_text(json.dumps({"failures": self.failures, "figures": self.figures}, indent=1))


@pytest.hookimpl(trylast=True)  # after the terminal reporter has been registered
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Printer(config), "notebook-printer")
