"""The book to take along: one PDF, and the site in a zip file. Readers get both from _build/html/downloads.

    python tools/make_downloads.py      what `make downloads` does, after `make book`

The PDF is printed by Chromium from one long page (book/_theme/course_theme/paper.py). When the book has not changed
since the last time, nothing is made.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import chromium
from bs4 import BeautifulSoup
from build_book import BUILD, HTML, STAMP
from build_book import state as state_of_book
from run_notebooks import ROOT, STAGE, alone, digest, environment, files_under

WORK = BUILD / "downloads-work"
PAGE = WORK / "_build" / "singlehtml" / "index.html"
DOWNLOADS = HTML / "downloads"
NAME = "becoming-an-azure-ai-engineer"
PDF = DOWNLOADS / f"{NAME}.pdf"
ZIP = DOWNLOADS / f"{NAME}.zip"
STATE = WORK / "made"
# Of no use in a folder: pictures for cards in social networks, and what a server shows or search engines read.
ONLINE_ONLY = {"downloads", "_images/social_previews", "404.html", "sitemap.xml", "objects.inv"}
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same book, whenever it is packed


def state() -> str:
    """Digest of all that the files are made of."""
    return digest([Path(__file__), ROOT / "tests" / "requirements.txt"], ROOT, STAMP.read_text())


def make_page() -> bool:
    """The whole book as one page, PAGE; False when that failed."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    jupyter_book = shutil.which("jupyter-book", path=str(Path(sys.executable).parent)) or "jupyter-book"
    command = [jupyter_book, "build", str(STAGE), "--path-output", str(WORK), "--builder", "singlehtml"]
    command += ["--all", "-n", "-q", "-W", "--keep-going"]
    built = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    if built.returncode:
        print(built.stdout)
        return False
    # Sphinx writes the page into the folder of the first page, and links in it as if it lay at the top.
    shutil.move(PAGE.parent / "book" / "index.html", PAGE)
    return True


def print_page(target: Path) -> None:
    """Let Chromium print PAGE: tagged, with an outline, without the lines that browsers put above and below."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [chromium.find(), "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        command += [f"--user-data-dir={profile}", "--no-pdf-header-footer", "--generate-pdf-document-outline"]
        command += ["--export-tagged-pdf", f"--print-to-pdf={target}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # which does not work for the superuser
        ran = subprocess.run([*command, PAGE.as_uri()], capture_output=True, text=True, timeout=300)
    if not target.is_file():
        raise SystemExit(f"Chromium printed nothing. It said:\n{ran.stderr}")


def number_contents(pdf) -> None:
    """Write into the list of contents on PAGE the numbers that its pages had in ``pdf``."""
    numbers = {page.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    places = {name.lstrip("/"): numbers[place[0].objgen] for name, place in pdf.Root.Dests.items()}
    soup = BeautifulSoup(PAGE.read_text(encoding="utf-8"), "html.parser")
    for span in soup.select(".contents .page-number"):
        span.string = str(places[span.find_previous("a")["href"].removeprefix("#")])
    PAGE.write_text(str(soup), encoding="utf-8")


def name_outline(pdf) -> None:
    """Give the outline the headings of PAGE: Chromium forgets the space where a heading goes on in a second line."""
    soup = BeautifulSoup(PAGE.read_text(encoding="utf-8"), "html.parser")
    headings = [" ".join(heading.get_text().split()) for heading in soup.find_all(re.compile("^h[1-6]$"))]

    def in_order(items):
        for item in items:
            yield item
            yield from in_order(item.children)

    with pdf.open_outline(max_depth=9) as outline:
        for item, heading in zip(in_order(outline.root), headings, strict=True):
            if item.title.replace(" ", "") != heading.replace(" ", ""):
                raise SystemExit(f"The outline says {item.title!r} where the page says {heading!r}.")
            item.title = heading


def unwrap_figures(pdf) -> None:
    """A picture and its caption come as a figure around a figure, the outer one without words: make that a group."""
    import pikepdf

    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Dictionary) and thing.get("/S") == "/Figure" and "/Alt" not in thing:
            thing.S = pikepdf.Name.Div


def make_pdf(target: Path) -> None:
    """Print PAGE twice, since the contents can name pages only when these are known, and compress the second."""
    import pikepdf  # here, so that the module can be imported without tests/requirements.txt

    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "book.pdf")
        print_page(printed)
        with pikepdf.open(printed) as pdf:
            number_contents(pdf)
        printed.unlink()
        print_page(printed)
        with pikepdf.open(printed) as pdf:
            name_outline(pdf)
            unwrap_figures(pdf)
            pdf.Root.PageMode = pikepdf.Name.UseOutlines
            pdf.docinfo["/Creator"] = "make downloads"
            target.parent.mkdir(parents=True, exist_ok=True)
            # Chromium leaves two thirds of the file uncompressed.
            pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def for_folder(path: Path) -> bool:
    """Whether a file of the site belongs into the zip."""
    name = path.relative_to(HTML)
    return not {str(name), *map(str, name.parents)} & ONLINE_ONLY


def pack_site(target: Path) -> None:
    """The site in one folder; a double click on its index.html opens it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in filter(for_folder, files_under(HTML)):
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(HTML).as_posix()}", LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def main() -> int:
    with alone():
        if not STAMP.is_file() or STAMP.read_text() != state_of_book():
            print("The book is not built, or older than its sources: make book")
            return 1
        now = state()
        if STATE.is_file() and STATE.read_text() == now and PDF.is_file() and ZIP.is_file():
            print("The downloads are up to date.")
            return 0
        chromium.find()  # before the work of a minute
        if not make_page():
            return 1
        make_pdf(PDF)
        pack_site(ZIP)
        STATE.write_text(now)
    for path in (PDF, ZIP):
        print(f"{path.stat().st_size / 1e6:.1f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
