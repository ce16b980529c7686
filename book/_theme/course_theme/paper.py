"""The whole book on one page, from which the PDF is printed: a cover, the contents, then every page in order.

Sphinx's singlehtml builder puts all pages into one tree, where two of them may use the same id and where headings
follow from the nesting alone. Here ids get the name of their page, and parts of the book get a heading.
"""

from datetime import UTC, datetime

from docutils import nodes
from sphinx import addnodes

from .launch import repository
from .outline import in_words
from .pages import put_facts

SCREEN_ONLY = {"book/progress"}  # works by script, and says nothing on paper


class cover(nodes.General, nodes.Element):
    """What stands below the book's title on its first page, and the list of contents on the second."""


def parts(outline) -> dict[str, list]:
    """``{caption: pages}`` of what is printed, the book's first page left out."""
    found: dict[str, list] = {}
    for page in outline.values():
        if page.part and page.docname not in SCREEN_ONLY:
            found.setdefault(page.part, []).append(page)
    return found


def within(page, kind=nodes.Element):
    """Elements of one page's tree, without those of pages that are nested in it."""
    for child in page.children:
        if isinstance(child, addnodes.start_of_file):
            continue
        if isinstance(child, kind):
            yield child
        if isinstance(child, nodes.Element):
            yield from within(child, kind)


def make_ids_unique(pages, published):
    """Put the page's name before each id, and let references follow. ``published(docname)`` is a page on the web."""
    ids = {docname: {one for node in within(page) for one in node.get("ids", ())} for docname, page in pages.items()}
    for docname, page in pages.items():
        for node in within(page):
            for name in ("ids", "backrefs"):
                if node.get(name):
                    node[name] = [f"{docname}/{one}" for one in node[name]]
            if node.get("refid") in ids[docname]:
                node["refid"] = f"{docname}/{node['refid']}"
            target, _, place = node.get("refuri", "").removeprefix("#document-").partition("#")
            if target in SCREEN_ONLY:
                node["refuri"] = published(target)
            elif place in ids.get(target, ()):
                node["refuri"] = f"#{target}/{place}"


def arrange(app, doctree, docname):
    """From the tree of all pages make the tree that is printed."""
    if app.builder.name != "singlehtml":
        return
    outline = app.env.course_outline
    for left_out in [one for one in doctree.findall(addnodes.start_of_file) if one["docname"] in SCREEN_ONLY]:
        left_out.parent.remove(left_out)
    pages = {one["docname"]: one for one in doctree.findall(addnodes.start_of_file)}
    make_ids_unique({docname: doctree} | pages, lambda name: f"{app.config.html_baseurl}{name}.html")
    for image in doctree.findall(nodes.image):
        image.attributes.pop("loading", None)  # paper does not scroll
    chapters = {name: page for name, page in pages.items() if outline[name].parent is None}
    for chapter in chapters.values():
        chapter.parent.remove(chapter)
    for name, page in pages.items():
        title = next(page.findall(nodes.title))
        put_facts(title)
        if outline[name].is_notebook:
            title.insert(0, nodes.Text("Notebook: "))
        elif outline[name].number:
            title.insert(0, nodes.Text(f"{outline[name].number}. "))
    first = next(doctree.findall(nodes.section))
    first["ids"].append(f"document-{docname}")
    title, *content = first.children
    preface = nodes.section("", nodes.title("", "Preface"), *content, ids=["preface"], classes=["preface"])
    first.children = []
    first.extend([title, cover(), preface])
    for caption, listed in parts(outline).items():
        identifier = f"part-{nodes.make_id(caption)}"
        part = nodes.section("", nodes.title("", caption), ids=[identifier], classes=["book-part"])
        part.extend(chapters[page.docname] for page in listed if page.docname in chapters)
        doctree.append(part)


def visit_cover(self, node):
    builder = self.builder
    context = {
        "author": builder.config.author,
        "address": builder.config.html_baseurl,
        "repository": repository(builder.config)["url"],
        "description": builder.env.course_outline[builder.config.root_doc].description,
        "today": in_words(f"{datetime.now(UTC):%Y-%m-%d}"),
        "parts": parts(builder.env.course_outline),
        "url": lambda docname: builder.get_relative_uri("", docname),
    }
    self.body.append(builder.templates.render("part-cover.html", context))
    raise nodes.SkipNode


def visit_page(self, node):
    """As Sphinx does, with a box around the page instead of an empty place before it, which may stay behind."""
    self.docnames.append(node["docname"])
    self.body.append(f'<div class="page" id="document-{node["docname"]}">\n')


def depart_page(self, node):
    self.docnames.pop()
    self.body.append("</div>\n")


def no_permalinks(app):
    """Signs behind headings, to copy a heading's address, would stand in the outline of the PDF."""
    if app.builder.name == "singlehtml":
        app.config.html_permalinks = False


def setup(app):
    app.connect("builder-inited", no_permalinks)
    app.add_node(cover, html=(visit_cover, None))
    app.add_node(addnodes.start_of_file, override=True, html=(visit_page, depart_page))
    app.connect("doctree-resolved", arrange, priority=800)
