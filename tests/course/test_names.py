"""No page calls a thing by a name that is retired, unless it says that the name is retired.

The names come from the register, data/azure_services.csv. A retired name may stand

- in quotation marks, “…” or "…";
- in a block whose opening line, or :class: option, contains then-and-now;
- on a line with the comment <!-- then-and-now -->;
- in code, and in the address of a link: there it is what a machine wants to read;
- in book/then-and-now.md, the page that is about old names.
"""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Azure's built-in roles keep the family name that the services have lost.
ROLES = r"Cognitive Services( (OpenAI|Language|Speech|Face|Custom Vision))? (User|Reader|Contributor|Owner)"

FENCE = re.compile(r"^[ \t>]*(?P<mark>`{3,}|~{3,}|:{3,})[ \t]*(?P<info>.*)$")
CODE = re.compile(r"\{(code|code-block|code-cell|sourcecode|math)\}")
QUOTED = re.compile(r"“[^”]{1,300}”|(?<!\w)\"(?=\S)(?:[^\"\n]|\n(?!\s*\n)){1,300}?\"(?!\w)")
UNSEEN = [
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"(?<![}`])(`+)(?!`)(?:[^`\n]|\n(?!\s*\n))+?\1(?!`)"),  # inline code, but not the text of a role
    re.compile(r"(?<=\])\([^)\s]*\)"),
    re.compile(r"<?https?://[^\s>)]+"),
]


def register_names():
    """Return the retired names and the names in use, two lists."""
    with open(ROOT / "data" / "azure_services.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    retired = [name for row in rows for name in row["retired_names"].split(";") if name]
    return retired, [row["name"] for row in rows if row["status"] != "retired"]


def one_of(names):
    """Compile a pattern that finds any of the names as whole words, the longest first, across line ends too."""

    def bounded(name):
        words = r"\s+".join(map(re.escape, name.split()))
        # A hyphen belongs to a name such as gpt-4o, and ends one such as LUIS in "LUIS-based".
        edge = r"[\w-]" if "-" in name else r"\w"
        return rf"(?<!{edge}){words}(?!{edge})"

    return re.compile("|".join(bounded(name) for name in sorted(names, key=len, reverse=True)))


def blank(match):
    """Replace a match by as many spaces, keeping its line ends, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", match.group())


def without_allowed_blocks(text):
    """Blank out code blocks, then-and-now blocks and marked lines of a MyST text; keep its number of lines."""
    lines = text.split("\n")
    kept, open_blocks = [], []  # open_blocks: (fence mark, whether its content is blanked)
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        inside_allowed = bool(open_blocks) and open_blocks[-1][1]
        if fence and not fence["info"] and open_blocks and closes(fence["mark"], open_blocks[-1][0]):
            open_blocks.pop()
            line = ""
        elif fence and not inside_allowed:
            open_blocks.append((fence["mark"], is_allowed_block(fence, lines[number + 1 :])))
            line = "" if open_blocks[-1][1] else line.replace(fence["mark"], " " * len(fence["mark"]))
        elif inside_allowed or "<!-- then-and-now -->" in line:
            line = ""
        kept.append(line)
    return "\n".join(kept)


def closes(mark, opened):
    """True when a bare fence ends the block that `opened` began: same sign, at least as many."""
    return mark[0] == opened[0] and len(mark) >= len(opened)


def is_allowed_block(fence, following):
    """True when a fence begins code, or a directive whose first line or options say then-and-now."""
    info = fence["info"].strip()
    if fence["mark"][0] != ":" and not info.startswith("{"):
        return True
    options = []
    for line in following:
        if not re.match(r"[ \t>]*:[\w-]+:", line):
            break
        options.append(line)
    return bool(CODE.match(info)) or any("then-and-now" in line for line in [info, *options])


def retired_uses(text, retired, in_use):
    """Return [(line, name), …] for every use of a retired name that the text does not account for."""
    text = without_allowed_blocks(text)
    for pattern in [*UNSEEN, QUOTED, re.compile(ROLES)]:
        text = pattern.sub(blank, text)
    # A name in use may contain a retired one: Text Analytics for health.
    text = one_of(in_use).sub(blank, text)
    return [
        (text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()))
        for match in one_of(retired).finditer(text)
    ]


def find_retired_names(root):
    """Look through root/book/*.md and the markdown cells of root/notebooks/*.ipynb; return messages."""
    retired, in_use = register_names()
    texts = [
        (path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((root / "book").glob("*.md"))
        if path.name != "then-and-now.md"
    ]
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts += [
            (f"{path.relative_to(root).as_posix()} cell {number}", "".join(cell["source"]))
            for number, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "markdown"
        ]
    return [
        f"{where}, line {line}: {name}" for where, text in texts for line, name in retired_uses(text, retired, in_use)
    ]


def test_no_page_uses_a_retired_name():
    found = find_retired_names(ROOT)
    assert not found, "use today's name, or quote the old one:\n" + "\n".join(found)


# From here on: proof that the check bites, and that it lets through what it should.


def uses(text):
    return [name for _, name in retired_uses(text, *register_names())]


@pytest.mark.parametrize("name", register_names()[0])
def test_every_retired_name_is_caught(name):
    assert uses(f"We open {name}, and it answers.") == [name]


def test_planted_names_are_caught_in_pages_and_notebooks(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "01-a.md").write_text("# A\n\nOpen Azure AI Studio.\n", encoding="utf-8")
    (tmp_path / "book" / "then-and-now.md").write_text("# Then\n\nLUIS has ended.\n", encoding="utf-8")
    cells = [
        {"cell_type": "code", "source": ["# LUIS in a comment is code"]},
        {"cell_type": "markdown", "source": ["Fine.\n", "\n", "Now call LUIS."]},
    ]
    (tmp_path / "notebooks" / "01-a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert find_retired_names(tmp_path) == [
        "book/01-a.md, line 3: Azure AI Studio",
        "notebooks/01-a.ipynb cell 2, line 3: LUIS",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The article says “Cognitive Services”, we do not.",
        'The article says "Cognitive Services", we do not.',
        'A quotation "that runs on to the\nnext line about LUIS" and ends.',
        "```{admonition} Then and now\n:class: then-and-now\nLUIS has ended.\n```",
        ":::{admonition} Then and now\n:class: tip then-and-now\n\nLUIS has ended.\n:::",
        "```{then-and-now} LUIS\nLUIS has ended.\n```",
        "````{admonition} Then and now\n:class: then-and-now\nLUIS\n```python\nx = 1\n```\nLUIS again\n````",
        "LUIS has ended. <!-- then-and-now -->",
        "```python\nclient = LUIS()\n```",
        "Call `LUIS()` no more.",
        "[Microsoft on the end of it](https://learn.microsoft.com/LUIS)",
        "<!-- a note to ourselves on LUIS -->",
        "Text Analytics for health continues.",
        "Give it the role Cognitive Services User.",
        "Computer vision is a field, and text analytics a task.",
        "Deploy gpt-4o-transcribe, which is another model.",
    ],
)
def test_allowed_contexts_pass(text):
    assert uses(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A name over two lines: Cognitive\nServices.", ["Cognitive Services"]),
        ("A LUIS-based bot.", ["LUIS"]),
        ("## Why LUIS matters", ["LUIS"]),
        ("**LUIS** and *LUIS*", ["LUIS", "LUIS"]),
        ("[LUIS](https://example.org)", ["LUIS"]),
        ("{ref}`LUIS <then-and-now-luis>`", ["LUIS"]),
        ("Azure Cognitive Services", ["Azure Cognitive Services"]),
        ("Text Analytics for finance", ["Text Analytics"]),
        ("```{note}\nUse LUIS.\n```", ["LUIS"]),
        ("```{note}\nFine.\n```\nUse LUIS.", ["LUIS"]),
        ("```{admonition} Then and now\n:class: then-and-now\nLUIS\n```\nUse LUIS.", ["LUIS"]),
        ("````{note}\n```python\nx = 1\n```\nUse LUIS.\n````", ["LUIS"]),
        ('A rack of 19" and then LUIS on a 24" screen.', ["LUIS"]),
        ("“Quoted” LUIS “quoted”", ["LUIS"]),
        ('"Quoted" LUIS "quoted"', ["LUIS"]),
        ("LUIS here.\nLUIS there. <!-- then-and-now -->", ["LUIS"]),
        ("Ask gpt-4o.", ["gpt-4o"]),
        ("```\nplain code\n```\nUse LUIS.", ["LUIS"]),
        ("One ` alone, LUIS, and another ` alone\n\nUse LUIS.", ["LUIS"]),
        (":::{note}\n```{then-and-now} x\nLUIS\n```\nUse LUIS.\n:::", ["LUIS"]),
        ("```{note} On LUIS\nFine.\n```", ["LUIS"]),
    ],
)
def test_other_contexts_do_not(text, names):
    assert uses(text) == names
