"""Tables: long ones can be sorted, wordy ones become blocks on phones, those of pandas get a proper corner, and the one
that says what is real has colours of its own.

Authors need not ask for any of it, and cannot forget it: a table shows itself what it needs.
"""

from bs4 import BeautifulSoup
from docutils import nodes

LONG = 8  # rows; fewer are taken in at a glance
REAL = "What is real here"  # the heading of the section whose table compares the local Azure with Azure
WORDY = 100  # characters in a row; with fewer, a phone shows the columns side by side, which numbers need


def prepare(app, doctree):
    """Give tables the classes ``sortable`` and ``stacked``; cells of the latter begin with their column's name, which
    wide screens hide. A ``list-table`` can have ``:class: sortable`` without being long."""
    for table in doctree.findall(nodes.table):
        head, body = next(table.findall(nodes.thead), None), next(table.findall(nodes.tbody))
        if head is None:
            continue
        if isinstance(table.parent, nodes.section) and table.parent[0].astext() == REAL:
            table["classes"].append("real")
        elif len(body) >= LONG and "sortable" not in table["classes"]:
            table["classes"].append("sortable")
        if max(len(row.astext()) for row in body) > WORDY:
            table["classes"].append("stacked")
            names = [entry.astext() for entry in head[-1]]
            for row in body:
                for name, entry in zip(names, row, strict=True):
                    entry.insert(0, nodes.paragraph("", name, classes=["column"]))


def mend_data_frames(app, doctree, docname):
    """pandas writes an empty header cell in the corner, a style sheet of its own and a frame of 1990: drop them."""
    for raw in list(doctree.findall(nodes.raw)):
        if raw.get("format") != "html" or 'class="dataframe"' not in raw.rawsource + raw.astext():
            continue
        soup = BeautifulSoup(raw.astext(), "html.parser")
        for style in soup.find_all("style"):
            style.decompose()
        for table in soup.find_all("table"):
            del table["border"]
            for cell in table.find_all("th"):
                if not cell.get_text(strip=True):
                    cell.name = "td"
                else:
                    cell["scope"] = "col" if cell.find_parent("thead") else "row"
            for wrapper in table.find_parents("div"):
                del wrapper["style"]
            for row in table.find_all("tr"):
                del row["style"]
        raw.replace_self(nodes.raw("", str(soup), format="html"))


def setup(app):
    app.connect("doctree-read", prepare)
    app.connect("doctree-resolved", mend_data_frames)
