"""Run the commands of the boxes *On your own Azure* with Microsoft's azure-cli, against the local Azure.

    python tools/own_azure.py                  every chapter that has a box
    python tools/own_azure.py 01-the-role      this one, by the stem of its page

A chapter's blocks run as a reader would run them: in order, each a script of its own that stops at its first error,
with the variables that the blocks before it have set. Blocks that begin with ``# needs: …`` ask for what is not on
PyPI; they are counted and named, and not run. azure-cli (tests/requirements-az.txt) has an environment of its own below
.cache, since its dependencies are pinned and would not go together with ours.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chapters import Block, blocks_of, pages
from filelock import FileLock
from run_notebooks import CACHE, ROOT, digest, environment

REQUIREMENTS = ROOT / "tests" / "requirements-az.txt"
LIMIT = 600  # seconds for a block; azure-cli takes some for each command before it begins
# Stops at the first error and says where: the script is padded so that its lines have the page's numbers.
RUN = """\
set -Eeuo pipefail
set -a
trap 'printf "%s, line %s: %s\\n" "$PAGE_OF_BLOCK" "$LINENO" "$BASH_COMMAND" >&2' ERR
trap 'env -0 > "$STATE_AFTER_BLOCK"' EXIT
source "$SCRIPT_OF_BLOCK"
"""


def azure_cli() -> Path:
    """The folder in which ``az`` is; installed when it is not there, or when another version is asked for."""
    folder = CACHE / f"azure-cli-{digest([REQUIREMENTS], ROOT, sys.version)[:12]}"
    CACHE.mkdir(exist_ok=True)
    with FileLock(CACHE / "azure-cli.lock"):
        if not (folder / "complete").is_file():
            for old in CACHE.glob("azure-cli-*/"):
                shutil.rmtree(old)
            print(f"Installing {REQUIREMENTS.relative_to(ROOT)} into {folder.relative_to(ROOT)}", flush=True)
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
            install = ["pip", "install", "--quiet", "--python", str(folder), "-r", str(REQUIREMENTS)]
            subprocess.run([*uv, *install], check=True)
            (folder / "complete").touch()
    return folder / "bin"


@dataclass
class Shell:
    """Runs blocks. ``variables`` is the environment that the next one gets."""

    folder: Path
    variables: dict[str, str]

    def run(self, block: Block) -> str:
        """What went wrong in a block, with its page and line; empty when nothing did."""
        script, state = self.folder / "block.sh", self.folder / "state"
        script.write_text("\n" * (block.line - 1) + block.code, encoding="utf-8")
        page = block.page.relative_to(ROOT) if block.page.is_relative_to(ROOT) else block.page.name
        given = {"PAGE_OF_BLOCK": str(page), "SCRIPT_OF_BLOCK": str(script), "STATE_AFTER_BLOCK": str(state)}
        command = ["bash", "-c", RUN]
        state.unlink(missing_ok=True)
        try:
            ran = subprocess.run(
                command, env=self.variables | given, cwd=self.folder, capture_output=True, text=True, timeout=LIMIT
            )
        except subprocess.TimeoutExpired:
            return f"{page}, line {block.line}: the block that begins here has not ended after {LIMIT} seconds"
        if state.is_file():  # also of a block that failed: what removes comes after it
            self.variables = dict(entry.split("=", 1) for entry in state.read_text().split("\0") if "=" in entry)
        if ran.returncode:
            said = ran.stderr.strip() or ran.stdout.strip() or f"exit {ran.returncode}"
            return f"{page}, the block at line {block.line}:\n{said[-3000:]}"
        return ""

    def ask(self, *arguments: str) -> str:
        """What a command prints."""
        ran = subprocess.run(arguments, env=self.variables, capture_output=True, text=True, timeout=LIMIT)
        if ran.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {ran.stderr.strip()[-2000:]}")
        return ran.stdout

    def groups(self) -> list[str]:
        """The names of the resource groups that there are."""
        return sorted(self.ask("az", "group", "list", "--query", "[].name", "--output", "tsv").split())


@contextmanager
def signed_in():
    """A shell in which ``az`` is signed in to a local Azure of its own, made for this and ended afterwards."""
    binaries = azure_cli()
    local_azure = [sys.executable, "-m", "local_azure"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = environment(LOCAL_AZURE_HOME=str(Path(folder, "azure")))
        told = subprocess.run(
            ["bash", "-c", 'set -e; said="$("$@")"; eval "$said"; env -0', "-", *local_azure, "env"],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        variables = dict(entry.split("=", 1) for entry in told.stdout.split("\0") if "=" in entry)
        variables.pop("PYTHONPATH", None)  # azure-cli has an environment of its own
        variables["PATH"] = os.pathsep.join([str(binaries), variables["PATH"]])
        variables |= {
            "AZURE_CONFIG_DIR": str(Path(folder, "config")),
            "AZURE_CORE_COLLECT_TELEMETRY": "no",
            "AZURE_CORE_NO_COLOR": "yes",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        }
        shell = Shell(Path(folder), variables)
        try:
            shell.ask("az", "login", "--identity")
            yield shell
        finally:
            subprocess.run([*local_azure, "down"], env=env, capture_output=True, timeout=120)


def run_box(shell: Shell, page: Path) -> list[str]:
    """Run the blocks of one page, those that remove last. Returns what went wrong, and what is left afterwards."""
    before, variables = shell.groups(), shell.variables
    blocks = [block for block in blocks_of(page) if not block.needs]
    wrong = []
    for removing in (False, True):
        for block in [one for one in blocks if one.removes == removing]:
            failed = shell.run(block)
            if failed:
                wrong.append(failed)
                break
    left = set(shell.groups()) - set(before)
    if left:
        wrong.append(f"{page.name}: its box leaves behind {', '.join(sorted(left))}")
        for group in left:  # the next chapter must not find it
            shell.ask("az", "group", "delete", "--name", group, "--yes")
    shell.variables = variables
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="chapters, by the stem of their page; none means all")
    names = parser.parse_args().names
    failed = False
    with signed_in() as shell:
        for page in pages():
            blocks = blocks_of(page)
            if not blocks or (names and page.stem not in names):
                continue
            wrong = run_box(shell, page)
            kept = [f"  not run: line {block.line} needs {block.needs}" for block in blocks if block.needs]
            print(f"{page.stem}: {len(blocks) - len(kept)} blocks run" + (", wrong:" if wrong else ""))
            print(*kept, *wrong, sep="\n", end="\n" if kept or wrong else "")
            failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
