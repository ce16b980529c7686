"""What the project says of itself: data sheets, requirements, files that point at each other."""

import csv
import json
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import generate_devcontainers
import pytest
import yaml
from chapters import CHAPTERS
from packaging.requirements import Requirement
from run_notebooks import JUNK, ROOT, files_under

SHEETS = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
DATA = [path for path in files_under(ROOT / "data") if path.suffix != ".md"]  # a guideline is a text, not data

# Packages that nothing imports: where each is used instead.
USED_BY_NAME = {
    "jupyter-book": ("tools/build_book.py", "jupyter-book"),
    "jupyterlab": ("README.md", "jupyter lab"),
    "nbmake": ("tools/run_notebooks.py", "--nbmake"),
    "azure-ai-ml": ("requirements.in", "azure-ai-ml"),  # the owner's choice; chapters import it from chapter 8 on
    "httptools": ("local_azure/proxy.py", "httptools_impl"),
    "pytest-xdist": ("tools/run_notebooks.py", '"-n"'),
    "sphinxext-opengraph": ("_config.yml", "sphinxext.opengraph"),
    "sphinx-sitemap": ("_config.yml", "sphinx_sitemap"),
    "ruff": ("tools/run_tests.py", '"ruff"'),
}


def sheet(name: str) -> str:
    """The section of data/README.md about one file."""
    sections = re.split(r"^## ", SHEETS, flags=re.M)[1:]
    found = [section for section in sections if section.split("\n", 1)[0].strip(" `") == name]
    assert len(found) == 1, f"data/README.md needs exactly one section '## {name}'"
    return found[0]


def columns_described(name: str) -> set[str]:
    """The columns that a data sheet names in the first cells of its table, and those of a sheet it refers to."""
    text = sheet(name)
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    own = {column for cell in cells for column in re.findall(r"`([^`]+)`", cell)}
    refers = re.search(r"[Cc]olumns as in `([^`]+)`(?: but for `([^`]+)`)?", text)
    return own | (columns_described(refers[1]) - {refers[2]} if refers else set())


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in DATA])
def test_data_sheet(path):
    text = sheet(path.name).lower()
    for word in ("source", "licence", "flaws"):
        assert word in text, f"the data sheet of {path.name} does not speak of its {word}"
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert len(header) == len(set(header))
        assert columns_described(path.name) == set(header)


def test_no_data_sheet_without_data():
    named = {line[3:].strip(" `") for line in SHEETS.splitlines() if line.startswith("## ")}
    assert {name for name in named if "." in name} == {path.name for path in DATA}


def chosen() -> list[tuple[Requirement, str]]:
    """``(requirement, comment)`` of each line of requirements.in; local projects (``-e .``) left out."""
    found = []
    for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines():
        wanted, _, comment = line.partition("#")
        if wanted.strip() and not wanted.startswith("-"):
            found.append((Requirement(wanted.strip()), comment.strip()))
    return found


def locked() -> dict[str, str]:
    """Name to version of each line of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [
        line.split("#")[0].strip(" \\") for line in lines if not line.startswith((" ", "#", "-")) and line.strip()
    ]
    pairs = [re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;]+)( ?;.*)?", line) for line in wanted]
    assert all(pairs), f"not pinned: {[line for line, pair in zip(wanted, pairs, strict=True) if not pair]}"
    return {pair[1].lower(): pair[2] for pair in pairs}


@pytest.mark.parametrize(("requirement", "comment"), chosen(), ids=lambda value: getattr(value, "name", None))
def test_requirement_says_what_for_and_is_locked(requirement, comment):
    assert comment, f"requirements.in does not say what {requirement.name} is for"
    version = locked().get(requirement.name.lower())
    assert version, f"{requirement.name} is not in requirements.txt: make lock"
    assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is locked at {version}: make lock"


@pytest.mark.parametrize("requirement", [pytest.param(r, id=r.name) for r, _ in chosen()])
def test_requirement_is_used(requirement):
    if requirement.name in USED_BY_NAME:
        file, word = USED_BY_NAME[requirement.name]
        assert word in (ROOT / file).read_text(encoding="utf-8"), f"{requirement.name} is no longer used in {file}"
        return
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("local_azure", "notebooks", "tests", "tools", "book")
        for path in files_under(ROOT / folder)
        if path.suffix in (".py", ".ipynb")
    )
    modules = own_modules(requirement.name)
    imported = [module for module in modules if re.search(rf"\b(import|from) [^\n#]*\b{re.escape(module)}\b", code)]
    named = [module for module in modules if f'"{module}"' in code]  # loaded by name, as spaCy's models are
    assert imported or named, f"nothing imports {requirement.name}: use it, or take it out of requirements.in"


def own_modules(distribution: str) -> set[str]:
    """The outermost packages and modules that a distribution installs; below ``azure``, which many share, the next."""
    files = [Path(str(file)) for file in metadata.files(distribution) or [] if str(file).endswith(".py")]
    packages = {".".join(file.parent.parts) for file in files if file.name == "__init__.py"}
    packages |= {file.stem for file in files if len(file.parts) == 1}
    return {name for name in packages if not any(name.startswith(f"{other}.") for other in packages)}


def test_python_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert "3, 11" in (ROOT / "Makefile").read_text() and "3, 14" in (ROOT / "Makefile").read_text()
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]["versions"]["strategy"]["matrix"]["python"]) == {"3.12", "3.13"}


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_actions_are_pinned_by_hash(workflow):
    for line in workflow.read_text(encoding="utf-8").splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40}  ?# v\d+\.\d+\.\d+$", line), line
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_files_named_in_the_readme_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text) + re.findall(
        r'src="(?!https?:)([^"]+)"', text
    ):
        assert (ROOT / target).exists(), f"{page} links to {target}"


def test_readme_names_only_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"`?make ([a-z-]+)`", (ROOT / page).read_text(encoding="utf-8")))
        assert named <= targets, named - targets


def test_ci_runs_the_command_of_the_readme():
    assert re.search(r"^(exec )?make test$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.M)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_of_this_machine_is_committed():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode or len(ROOT.parts) < 3:
        pytest.skip("not a git checkout, or one whose path is too short to look for")
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and not JUNK & set(path.parts):
            assert str(ROOT).encode() not in path.read_bytes(), f"{name} names {ROOT}"


def test_a_codespace_opens_each_notebook():
    assert generate_devcontainers.main(["--check"]) == 0, "run: python tools/generate_devcontainers.py"


def test_devcontainers_follow_the_notebooks(tmp_path, monkeypatch):
    default = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    (tmp_path / "devcontainer.json").write_text(json.dumps(default), encoding="utf-8")
    gone = tmp_path / "99-gone" / "devcontainer.json"
    gone.parent.mkdir()
    gone.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(generate_devcontainers, "FOLDER", tmp_path)
    assert generate_devcontainers.main(["--check"]) == 1
    assert generate_devcontainers.main([]) == 0
    assert generate_devcontainers.main(["--check"]) == 0
    assert not gone.parent.exists()
    written = list(tmp_path.glob("*/devcontainer.json"))
    assert written
    for path in written:
        container = json.loads(path.read_text(encoding="utf-8"))
        (opened,) = container["customizations"].pop("codespaces")["openFiles"]
        assert (ROOT / opened).is_file() and Path(opened).stem == path.parent.name
        assert container | {"name": default["name"]} == default


def test_the_readme_says_how_far_the_book_has_come():
    chapters = re.findall(r"file: book/\d\d-", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(chapters)} of {len(CHAPTERS)} chapters are here" in " ".join(readme.split())
    landing = (ROOT / "book/_theme/templates/part-written.html").read_text(encoding="utf-8")
    assert f"of {len(CHAPTERS)} chapters are here" in landing
