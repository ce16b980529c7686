"""Run the notebooks that changed, build the site from them, say where to open it.

    python tools/build_book.py            what `make book` does
    python tools/build_book.py --draft    leave out pages that _toc.yml lists and nobody has written yet

A warning is an error: a broken link would otherwise reach readers. When nothing has changed since the last good build
nothing is built. When anything has, everything is: sidebars and links of all pages depend on the titles of all pages.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from run_notebooks import ROOT, STAGE, alone, digest, environment, files_under, run

BUILD = ROOT / "_build"
HTML = BUILD / "html"
STAMP = BUILD / "built"


def entries(node) -> list[dict]:
    """Every ``file:`` entry of a parsed _toc.yml, root excluded."""
    if isinstance(node, list):
        return [entry for item in node for entry in entries(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "file" in node else []
    return own + [entry for value in node.values() for entry in entries(value)]


def exists(stem: str) -> bool:
    """Whether a page of that name is among the sources."""
    return any((STAGE / f"{stem}{suffix}").is_file() for suffix in (".md", ".ipynb"))


def without_missing(node):
    """The table of contents without what is not written yet, and without parts that are empty then."""
    if isinstance(node, list):
        pruned = [without_missing(item) for item in node if not ("file" in item and not exists(item["file"]))]
        return [item for item in pruned if item.get("chapters", True)]
    if isinstance(node, dict):
        return {key: without_missing(value) if isinstance(value, list) else value for key, value in node.items()}
    return node


def state() -> str:
    """Digest of all that the site is made of."""
    return digest(files_under(STAGE), STAGE, (ROOT / "requirements.txt").read_text(encoding="utf-8"))


def build(strict: bool) -> int:
    """jupyter-book over the copy of the sources, into _build/html. Its warnings are shown, its good news is ours."""
    shutil.rmtree(HTML, ignore_errors=True)  # no page of an earlier table of contents may stay
    shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)  # nor anything that the theme's code made of an earlier one
    jupyter_book = shutil.which("jupyter-book", path=str(Path(sys.executable).parent)) or "jupyter-book"
    command = [jupyter_book, "build", str(STAGE), "--path-output", str(ROOT), "--all", "-n", "-q"]
    if strict:
        command += ["-W", "--keep-going"]
    built = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    if built.returncode:
        print(built.stdout)
    return built.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draft", action="store_true", help="leave out pages that are not written yet")
    with alone():
        return run_and_build(draft=parser.parse_args().draft)


def run_and_build(draft: bool) -> int:
    """Everything that `make book` does after the installation. Returns 0, or 1 when a notebook or the build failed."""
    if run():
        print("\nThe book is not built: it shows only notebooks that ran.")
        return 1
    toc = yaml.safe_load((STAGE / "_toc.yml").read_text(encoding="utf-8"))
    missing = [entry["file"] for entry in entries(toc) if not exists(entry["file"])]
    if missing and not draft:
        print("_toc.yml lists what is not there: " + ", ".join(missing))
        return 1
    if missing:
        print("left out, not written yet: " + ", ".join(missing))
        (STAGE / "_toc.yml").write_text(yaml.safe_dump(without_missing(toc), sort_keys=False), encoding="utf-8")
    now = state()
    if STAMP.is_file() and STAMP.read_text() == now and (HTML / "index.html").is_file():
        print("Nothing has changed since the last build.")
    else:
        STAMP.unlink(missing_ok=True)
        if build(strict=not missing):  # links to pages that are not written yet must be allowed to dangle
            print(
                "\nThe build found what the lines above say. Pages are named as in .cache/book, a copy of the sources."
            )
            return 1
        STAMP.write_text(now)
    print(
        f"\nThe book is at {HTML / 'index.html'}\nOpen that file, or type `make serve` to read it on http://127.0.0.1:8000/"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
