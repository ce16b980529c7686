"""Tables: sortable ones carry their column's name in each cell, for phones; those of pandas get a proper corner."""

from bs4 import BeautifulSoup
from docutils import nodes


def name_columns(app, doctree):
    """In tables of class ``sortable``, begin each cell with the name of its column, which wide screens hide."""
    for table in doctree.findall(nodes.table):
        if "sortable" not in table["classes"]:
            continue
        head, body = next(table.findall(nodes.thead)), next(table.findall(nodes.tbody))
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
    app.connect("doctree-read", name_columns)
    app.connect("doctree-resolved", mend_data_frames)
