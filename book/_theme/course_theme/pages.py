"""What surrounds the text of a page: contents, breadcrumbs, edit and report links, and the facts under its title."""

from urllib.parse import urlencode, urlsplit

from docutils import nodes
from sphinx import addnodes

from .launch import repository
from .outline import from_outline, in_words, notebooks_of


def navigation(app, pagename, context) -> list[dict]:
    """The parts of the book with their pages. Notebooks are listed under the chapter that is open."""
    outline, pathto = app.env.course_outline, context["pathto"]
    current = outline.get(pagename)
    open_chapter = current and (current.parent or current.docname)
    parts: list[dict] = []
    for page in outline.values():
        if page.docname == app.config.root_doc:
            continue
        if not parts or parts[-1]["caption"] != page.part:
            parts.append({"caption": page.part, "pages": []})
        entry = {"page": page, "url": pathto(page.docname), "current": page.docname == pagename, "below": []}
        if page.parent is None:
            parts[-1]["pages"].append(entry)
        elif page.parent == open_chapter:
            parts[-1]["pages"][-1]["below"].append(entry)
    return parts


def breadcrumbs(app, pagename, context) -> list[tuple[str, str | None]]:
    """``(title, address)`` from the book down to the page's parent; the page itself is not among them."""
    page = app.env.course_outline.get(pagename)
    crumbs: list[tuple[str, str | None]] = [(app.config.html_title, context["pathto"](app.config.root_doc))]
    if page and page.part:
        crumbs.append((page.part, None))
    if page and page.parent:
        crumbs.append((app.env.course_outline[page.parent].title, context["pathto"](page.parent)))
    return crumbs


def places_on(app, pagename) -> str:
    """The list of a page's own sections, as HTML; empty when it has none."""
    title = next(app.env.tocs[pagename].findall(nodes.list_item), None)
    if title is None or len(title) < 2 or not isinstance(title[1], nodes.bullet_list):
        return ""
    sections = title[1].deepcopy()
    for item in list(sections.findall(addnodes.toctree)):
        item.parent.remove(item)
    for place in sections.findall(nodes.reference):
        place["refuri"] = place["anchorname"]
    return app.builder.render_partial(sections)["fragment"]


def edit_links(app, pagename) -> dict[str, str]:
    """Where to change the page's source, and where to report what is wrong on it."""
    repo = repository(app.config)
    source = app.env.metadata[pagename].get("source") or app.env.doc2path(pagename, base=False)
    title = app.env.course_outline[pagename].title
    body = f"Page: {source}\n\nThe sentence or cell:\n\nWhat I expected:\n"
    report = urlencode({"title": f"{title}: ", "body": body})
    return {
        "edit": f"{repo['url']}/edit/{repo['branch']}/{source}",
        "report": f"{repo['url']}/issues/new?{report}",
    }


def add_to_context(app, pagename, templatename, context, doctree):
    """Hand the templates what they show."""
    page = app.env.course_outline.get(pagename)
    context["course"] = {
        "page": page,
        "navigation": navigation(app, pagename, context),
        "breadcrumbs": breadcrumbs(app, pagename, context),
        "here": places_on(app, pagename) if page else "",
        "notebooks": notebooks_of(app.env.course_outline, page) if page else [],
        "links": edit_links(app, pagename) if page else None,
        "repository": repository(app.config)["url"],
        "base": urlsplit(app.config.html_baseurl).path,
    }
    context |= {"in_words": in_words, "url": context["pathto"]}  # for part-ran.html
    if page and context.get("meta") is not None:
        context["meta"]["og:description"] = page.description  # read by sphinxext-opengraph


def add_facts(app, doctree, docname):
    """Put a line under the title: how long, what before, when and with what the notebook last ran, where to run it."""
    if app.builder.name != "html" or docname not in app.env.course_outline or docname == app.config.root_doc:
        return
    title = next(doctree.findall(nodes.title), None)
    if title is not None:
        put_facts(title)


def put_facts(title):
    """Put the facts of a page under its title."""
    title.parent.insert(title.parent.index(title) + 1, from_outline(template="part-facts.html"))


def drop_thebe(app, doctree, docname):
    """Take away what sphinx-thebe, which jupyter-book always loads, has put at the end of the page: nothing uses it."""
    for raw in [node for node in doctree.children if isinstance(node, nodes.raw)]:
        if "x-thebe-config" in raw.astext() or "kernelName" in raw.astext():
            doctree.remove(raw)


def other_pages(app):
    """The page that a server shows for an address that does not exist."""
    yield "404", {"title": "No such page"}, "404.html"


def name_site(app, config):
    """Social cards name the site and its address as _config.yml does; their extension has settings of its own."""
    config.ogp_site_url = config.html_baseurl
    config.ogp_site_name = config.html_title


def setup(app):
    app.connect("config-inited", name_site)
    app.connect("doctree-resolved", add_facts)
    app.connect("doctree-resolved", drop_thebe, priority=900)
    app.connect("html-collect-pages", other_pages)
    app.connect("html-page-context", add_to_context, priority=400)  # before sphinxext-opengraph reads the description
