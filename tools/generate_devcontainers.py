"""Write .devcontainer/<notebook>/devcontainer.json, so that a Codespaces link opens that very notebook.

python tools/generate_devcontainers.py            write one for each notebook that _toc.yml lists, remove the others
python tools/generate_devcontainers.py --check    exit 1 when they are out of date

A link to Codespaces cannot name a file to open; it can name a configuration, and a configuration can name the file.
Configurations cannot inherit, so each is a copy of .devcontainer/devcontainer.json. The links: course_theme/launch.py.
"""

import argparse
import json
import sys
from pathlib import Path

import yaml
from build_book import entries

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".devcontainer"


def title(notebook):
    """Return the heading that a notebook's first cell begins with."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")


def wanted():
    """Return ``{path: text}`` of the files that there should be, one for each notebook of the book."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = {}
    for entry in entries(toc):
        notebook = ROOT / f"{entry['file']}.ipynb"
        if notebook.is_file():
            container = json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))
            container["name"] = title(notebook)
            # relative to the root of the repository; absolute paths are not supported
            container["customizations"]["codespaces"] = {"openFiles": [f"{entry['file']}.ipynb"]}
            text = json.dumps(container, indent=2, ensure_ascii=False) + "\n"
            files[FOLDER / notebook.stem / "devcontainer.json"] = text
    return files


def main(arguments=None):
    """Write the files and remove those of notebooks that are gone, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is out of date")
    files = wanted()
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*/devcontainer.json")}
    if parser.parse_args(arguments).check:
        if there == files:
            return 0
        print(".devcontainer is out of date: run python tools/generate_devcontainers.py", file=sys.stderr)
        return 1
    for path in there.keys() - files.keys():
        path.unlink()
        path.parent.rmdir()
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
