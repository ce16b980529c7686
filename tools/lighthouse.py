"""Lighthouse on every page of the built site, as a phone sees it: `make lighthouse`.

    python tools/lighthouse.py                       all pages, median of three runs each
    python tools/lighthouse.py --compare DIR         the same for another built site, side by side
    python tools/lighthouse.py --runs 1 book/index   one page, once

The site is served on loopback, gzipped, as it will be published. A run's report is for Lighthouse's own slow phone and
slow network, simulated; the speed of this machine shows in it all the same, so close what else is busy. Prints a
Markdown table and writes _build/lighthouse.json. Needs Node.js with npx, which fetches the pinned Lighthouse.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median_low

import chromium
import yaml
from build_book import BUILD, HTML, entries
from run_notebooks import ROOT
from site_server import serve

LIGHTHOUSE = "lighthouse@12.8.2"  # the last that runs on Node.js 20; 13 wants 22
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
OUT = BUILD / "lighthouse.json"


def all_pages() -> list[str]:
    """The pages of the book, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(entry["file"] for entry in entries(toc))]


def report(url: str) -> dict:
    """One run: scores from 0 to 100, what keeps a score below 100, requests and gzipped KB."""
    flags = ["--headless=new", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's own sandbox does not run as root
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = [shutil.which("npx"), "--yes", LIGHTHOUSE, url, "--quiet", "--output=json", f"--output-path={file}"]
        command += [f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={' '.join(flags)}"]
        ran = subprocess.run(
            command, env=os.environ | {"CHROME_PATH": chromium.find()}, capture_output=True, text=True, timeout=300
        )
        if ran.returncode or not file.is_file():
            raise SystemExit(f"Lighthouse failed on {url}:\n{ran.stderr.strip()}")
        found = json.loads(file.read_text(encoding="utf-8"))
    if found.get("runtimeError"):
        raise SystemExit(f"Lighthouse failed on {url}: {found['runtimeError']['message']}")
    audits = found["audits"]
    failed = [
        audit["id"]
        for category in CATEGORIES
        for audit in found["categories"][category]["auditRefs"]
        if category != "performance" and audit["weight"] and (audits[audit["id"]]["score"] or 0) < 1
        and audits[audit["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual", "informative")
    ]
    requests = [r for r in audits["network-requests"]["details"]["items"] if r["url"].startswith("http")]
    return {name: round(found["categories"][name]["score"] * 100) for name in CATEGORIES} | {
        "failed": sorted(set(failed)),
        "requests": len(requests),
        "kb": round(sum(r.get("transferSize") or 0 for r in requests) / 1000),
        "largest paint ms": round(audits["largest-contentful-paint"]["numericValue"]),
        "blocking ms": round(audits["total-blocking-time"]["numericValue"]),
        "layout shift": round(audits["cumulative-layout-shift"]["numericValue"], 3),
    }


def median(reports: list[dict]) -> dict:
    """The median of each value for itself; ``failed`` holds what any of the runs found."""
    found = {key: median_low([one[key] for one in reports]) for key in reports[0] if key != "failed"}
    failed = sorted({line for one in reports for line in one["failed"]})
    return found | {"failed": failed, "performance of each run": [one["performance"] for one in reports]}


def measure(folders: list[Path], pages: list[str], runs: int) -> list[dict[str, dict]]:
    """For each folder: page to the median of its runs. The folders take turns, so that both meet the same machine."""
    results: list[dict[str, dict]] = [{} for _ in folders]
    with ExitStack() as stack:
        sites = [stack.enter_context(serve(folder)) for folder in folders]
        for page in pages:
            there = [n for n, folder in enumerate(folders) if (folder / f"{page}.html").is_file()]
            reports: dict[int, list[dict]] = {n: [] for n in there}
            for _ in range(runs):
                for n in there:
                    reports[n].append(report(f"{sites[n].url}{page}.html"))
            for n in there:
                results[n][page] = median(reports[n])
                print(f"{page}: {scores(results[n][page])}", file=sys.stderr, flush=True)
    return results


def scores(one: dict) -> str:
    return "/".join(str(one[name]) for name in CATEGORIES)


def table(results: dict[str, dict], other: dict[str, dict]) -> str:
    """The results as Markdown, those of the other site beside them."""
    sides = ["Requests", "KB gzip", "Perf/a11y/practices/SEO", "LCP s"]
    heads = ["Page", *sides, *([f"{side}, compared" for side in sides] if other else []), "Failed"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for page, one in results.items():
        cells = [page]
        for side in (one, other.get(page)) if other else (one,):
            numbers = side and [side["requests"], side["kb"], scores(side), f"{side['largest paint ms'] / 1000:.1f}"]
            cells += map(str, numbers or ["–"] * len(sides))
        lines.append(f"| {' | '.join([*cells, ', '.join(one['failed']) or '–'])} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="pages such as book/index; all when none is given")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compare", type=Path, metavar="DIR", help="another built site with the same pages")
    options = parser.parse_args()
    if not shutil.which("npx"):
        print("Lighthouse needs Node.js 18.16 or newer with npx. On Debian and Ubuntu: sudo apt install npm")
        return 1
    if not (HTML / "index.html").is_file():
        print("There is no built site: make book")
        return 1
    pages = options.pages or all_pages()
    folders = [HTML, options.compare] if options.compare else [HTML]
    results, other = [*measure(folders, pages, options.runs), {}][:2]
    kept = {"lighthouse": LIGHTHOUSE, "runs": options.runs, "pages": results, "compared": other}
    OUT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(table(results, other))
    return 0


if __name__ == "__main__":
    sys.exit(main())
