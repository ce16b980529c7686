"""axe-core on a page: what it forbids, and what it cannot decide and a person has to look at once."""

import json
from functools import cache
from pathlib import Path

from build_book import BUILD

REVIEWED = Path(__file__).with_name("axe_reviewed.json")
DOUBTS = BUILD / "axe-review"  # a file per page and setting, which the end of the test run puts together
SUMMARY = BUILD / "axe-review.json"


@cache
def reviewed() -> list[dict]:
    """The kinds of doubt that a person has looked at: rule, reason, a selector of the places, and what was seen."""
    return json.loads(REVIEWED.read_text(encoding="utf-8"))


def kinds_of(doubt: dict) -> tuple[str, str, str]:
    return doubt["rule"], doubt["reason"], doubt.get("where", "")


def reason_of(node: dict) -> str:
    """Why axe could not decide about an element: the key of its message, or the message."""
    for check in [*node["any"], *node["all"], *node["none"]]:
        data = check.get("data")
        if isinstance(data, dict) and data.get("messageKey"):
            return data["messageKey"]
    checks = [*node["any"], *node["all"], *node["none"]]
    return checks[0]["message"] if checks else node.get("failureSummary", "")


# A notebook has thousands of coloured words, each an element that axe measures. Those of one colour, size and
# background are as legible as each other: one of each stays an element, and a check takes one second, not ten.
ALIKE = """() => {
    const seen = new Set()
    for (const word of document.querySelectorAll("pre span")) {
        const { color, fontSize, fontWeight, backgroundColor } = getComputedStyle(word)
        const block = word.closest(".highlight")
        const on = block && getComputedStyle(block).backgroundColor
        const kind = [word.className, color, fontSize, fontWeight, backgroundColor, on].join()
        if (seen.has(kind) && !word.children.length) word.replaceWith(...word.childNodes)
        seen.add(kind)
    }
    document.body.normalize()
}"""

# Text colour against the nearest background that is not transparent, by the formula of WCAG 2; whatever lies over it.
CONTRAST = """(selector) => {
    const element = document.querySelector(selector)
    const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
    const channels = (colour) => {
        paint.clearRect(0, 0, 1, 1)
        paint.fillStyle = colour
        paint.fillRect(0, 0, 1, 1)
        return [...paint.getImageData(0, 0, 1, 1).data]
    }
    const light = (colour) => {
        const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
        const [r, g, b] = channels(colour).map((c) => linear(c / 255))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const clear = (e) => channels(getComputedStyle(e).backgroundColor)[3] === 0
    let under = element
    while (under.parentElement && clear(under)) under = under.parentElement
    const [ink, paper] = [light(getComputedStyle(element).color), light(getComputedStyle(under).backgroundColor)]
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)
}"""


def run_axe(page) -> tuple[list[str], list[dict]]:
    """``(violations, doubts)``: the first as lines to read, the second as dicts of rule, reason, target and html."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate(ALIKE)
    options = {"resultTypes": ["violations", "incomplete"]}
    found = Axe().run(page, options=options).response
    violations = [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    doubts = [
        {"rule": rule["id"], "reason": reason_of(node), "target": node["target"][0], "html": node["html"][:300]}
        for rule in found["incomplete"]
        for node in rule["nodes"]
    ]
    for doubt in doubts:
        if doubt["rule"] == "color-contrast":
            doubt["contrast"] = round(page.evaluate(CONTRAST, doubt["target"]), 2)
    return violations, doubts


def unreviewed(page, doubts: list[dict]) -> list[dict]:
    """The doubts that no entry of the kept list covers, and all about text whose contrast, computed, is too low."""

    def covered(doubt) -> bool:
        if doubt.get("contrast", 21) < 4.5:
            return False
        places = [e["where"] for e in reviewed() if (e["rule"], e["reason"]) == (doubt["rule"], doubt["reason"])]
        matches = "([target, where]) => document.querySelector(target)?.matches(where) ?? false"
        return any(page.evaluate(matches, [doubt["target"], where]) for where in places)

    return [doubt for doubt in doubts if not covered(doubt)]


def write_down(name: str, setting: str, doubts: list[dict]) -> None:
    """Keep the doubts of a page for the summary."""
    DOUBTS.mkdir(parents=True, exist_ok=True)
    file = DOUBTS / f"{name.replace('/', '.')}.{setting}.json"
    file.write_text(json.dumps([{"page": name, "setting": setting, **doubt} for doubt in doubts]), encoding="utf-8")


def summarise() -> list[str]:
    """Put the doubts of all pages into one file. Returns lines that count them."""
    doubts = [doubt for file in sorted(DOUBTS.glob("*.json")) for doubt in json.loads(file.read_text(encoding="utf-8"))]
    SUMMARY.write_text(json.dumps(doubts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    counts: dict[tuple[str, str], set] = {}
    for doubt in doubts:
        counts.setdefault((doubt["rule"], doubt["reason"]), set()).add((doubt["page"], doubt["setting"]))
    return [f"{rule} ({reason}): on {len(where)} of the pages and settings" for (rule, reason), where in counts.items()]
