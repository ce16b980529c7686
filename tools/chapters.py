"""The chapters as files: pages, front matter, notebooks, and what of them is prose. For tools and tests."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BREAK = re.compile(r"\n\s*\n")
FENCE = re.compile(r"^(`{3,}|~{3,}|:{3,}).*?^\1\s*$", re.S | re.M)
LIFTED = re.compile(r"<!-- form: ([a-z]+), because (.+?) -->", re.S)  # before a paragraph; see tools/form.py
TIME = re.compile(
    r"\*\*Time:\*\* (\d+) minutes(?:(, all of it optional)|, (\d+) more for the optional (?:exercises|questions))?"
)
BOX = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{admonition\} On your own Azure\n:class: own-azure\n(?P<text>.*?)^(?P=fence)\s*$",
    re.S | re.M,
)
BASH = re.compile(r"^```bash\n(?P<code>.*?)^```", re.S | re.M)

# Every chapter that the book will have, by number; what exists already stands in _toc.yml.
CHAPTERS = dict(
    enumerate(
        [
            # 1, the role
            "the-role", "platform", "certification-path", "human-core",
            # 2, foundations and toolkit
            "azure-foundations", "networks", "how-models-learn", "azure-machine-learning", "language", "vision",
            "speech-and-translation", "knowledge-mining", "generative-ai", "bots-and-agents", "where-it-runs",
            "design-decisions", "foresight",
            # 3, engineering
            "from-problem-to-model", "deployment", "observability", "fairness", "interpretability",
            "feedback-and-releases", "inclusive-design",
            # 4, the career
            "pay-and-demand", "industries", "growing", "capstone",
        ],
        start=1,
    )
)  # fmt: skip


def pages() -> list[Path]:
    """The pages of the chapters that are written, in order."""
    return sorted((ROOT / "book").glob("[0-9][0-9]-*.md"))


def notebooks_of(page: Path) -> list[Path]:
    """The notebooks of a chapter."""
    return sorted((ROOT / "notebooks").glob(f"{page.name[:3]}*.ipynb"))


def front_matter(text: str) -> dict:
    """What stands between the first two lines of three hyphens."""
    found = re.match(r"---\n(.*?)^---\n", text, re.S | re.M)
    return yaml.safe_load(found[1]) if found else {}


def prose(text: str) -> str:
    """Markdown without front matter, fenced blocks (questions and boxes are such), tables, headings and sources."""
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.S | re.M)
    text = FENCE.sub("\n", text)
    text = re.split(r"^## Sources", text, flags=re.M)[0]
    return "\n".join(line for line in text.splitlines() if not line.startswith(("|", "[", "#")))


@dataclass
class Paragraph:
    """Running text between two empty lines. ``lifted`` are the bounds that do not hold here."""

    text: str
    lifted: set[str]


def paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of markdown that have more than eight words."""
    found = []
    for block in BREAK.split(prose(text)):
        words = LIFTED.sub(" ", block)
        if len(words.split()) > 8:
            found.append(Paragraph(" ".join(words.split()), {name for name, _ in LIFTED.findall(block)}))
    return found


def markdown_of(notebook) -> str:
    """The text of a notebook."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def minutes_of(notebook) -> tuple[int, int]:
    """Required and optional minutes, as a notebook says them of itself."""
    found = TIME.search(markdown_of(notebook))
    if not found:
        return 0, 0
    return (0, int(found[1])) if found[2] else (int(found[1]), int(found[3] or 0))


@dataclass
class Block:
    """A block of shell commands in the box *On your own Azure*. ``line`` is that of its first command in the page."""

    page: Path
    line: int
    code: str

    @property
    def needs(self) -> str:
        """What has to be installed before it can run; empty for what azure-cli itself knows."""
        found = re.match(r"# needs: (.+)", self.code)
        return found[1].strip() if found else ""

    @property
    def removes(self) -> bool:
        """Whether it takes away what was made, and makes nothing."""
        verbs = set(re.findall(r"\b(create|delete|purge)\b", self.code))
        return bool(verbs) and "create" not in verbs


def box_of(text: str) -> str:
    """The text of a page's box *On your own Azure*; empty where there is none."""
    found = BOX.search(text)
    return found["text"] if found else ""


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page's box, in order."""
    text = page.read_text(encoding="utf-8")
    box = BOX.search(text)
    if not box:
        return []
    return [
        Block(page, text.count("\n", 0, box.start("text") + found.start("code")) + 1, found["code"])
        for found in BASH.finditer(box["text"])
    ]
