"""What the book consists of: parts, pages, and what a reader can do on each. Made once all pages have been read."""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .exam import planned, read_exam
from .exercises import exercise
from .launch import launch_links, repository
from .questions import question, right_option

# Careful reading of technical prose, by readers of whom many have English as a second language.
WORDS_PER_MINUTE = 120
DESCRIPTION = 155  # characters of a description that search engines and cards show

logger = logging.getLogger(__name__)


@dataclass
class Page:
    """One page of the book, in the order of ``_toc.yml``. ``minutes``, ``practice`` and ``optional`` are minutes: to
    read, to do what is required, and to do the rest. ``exam`` is None on a page that says nothing about exams.
    """

    docname: str
    title: str
    description: str
    part: str | None  # caption of the part of the book it belongs to
    parent: str | None  # docname of the chapter that a notebook belongs to
    minutes: int
    practice: int | None = None
    optional: int | None = None
    exam: list[str] | None = None  # rows of AI-103 by id, other exams by name
    needs: list[str] = field(default_factory=list)
    exercises: list[str] = field(default_factory=list)
    questions: dict[str, int] = field(default_factory=dict)  # id: number of the right option
    ran: dict | None = None  # of a notebook: date, python, packages

    @property
    def is_notebook(self) -> bool:
        return self.docname.startswith("notebooks/")

    @property
    def number(self) -> int | None:
        """The number of a chapter."""
        found = re.match(r"book/(\d\d)-", self.docname)
        return int(found[1]) if found else None


def places(site_map):
    """Yield ``(docname, caption of its part, parent)`` for every page of a SiteMap of sphinx-external-toc, in order."""
    root = site_map.root

    def below(document, caption, parent):
        for tree in document.subtrees:
            for item in tree.files():
                yield item, caption or tree.caption, parent
                yield from below(site_map[item], caption or tree.caption, item)

    yield root.docname, None, None
    yield from below(root, None, None)


def first_paragraph(doctree) -> str:
    """The first paragraph of running text, cut at a sentence, or at a word, that fits a description."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, (nodes.section, nodes.document)):
            text = " ".join(paragraph.astext().split())
            if len(text) <= DESCRIPTION:
                return text
            sentence = max(text.rfind(end, 60, DESCRIPTION) for end in (". ", "? ", "! "))
            return text[: sentence + 1] if sentence > 0 else text[: DESCRIPTION - 1].rsplit(" ", 1)[0] + "…"
    return ""


def minutes_to_read(doctree) -> int:
    """Minutes for the prose. Code, outputs and tables of reference are looked at, not read, and do not count."""
    skipped = (nodes.literal_block, nodes.table, nodes.raw, addnodes.glossary)
    words = 0
    for text in doctree.findall(nodes.Text):
        node = text.parent
        while node is not None and not isinstance(node, skipped) and "cell_output" not in node.get("classes", ()):
            node = node.parent
        if node is None:
            words += len(text.split())
    return max(1, math.ceil(words / WORDS_PER_MINUTE))


def minutes_to_practise(text: str) -> tuple[int, int]:
    """Required and optional minutes, as a notebook says them of itself: ``**Time:** 45 minutes``, perhaps followed by
    ``, 20 more for the optional exercises`` or by ``, all of it optional``.
    """
    found = re.search(r"\bTime: (\d+) minutes(?:(, all of it optional)|, (\d+) more for the optional exercises)?", text)
    if not found:
        return 0, 0
    return (0, int(found[1])) if found[2] else (int(found[1]), int(found[3] or 0))


def read_page(env, docname, part, parent) -> Page:
    """Collect what the outline says of one page from its doctree and its front matter."""
    doctree = env.get_doctree(docname)
    meta = env.metadata[docname]
    description = " ".join(str(meta.get("description", "")).split()) or first_paragraph(doctree)
    source = Path(env.doc2path(docname))
    ran, practice, optional = None, meta.get("practice"), meta.get("optional")
    if source.suffix == ".ipynb":
        ran = json.loads(source.read_text("utf-8"))["metadata"].get("last_run")
        practice, optional = minutes_to_practise(doctree.astext())
    return Page(
        docname=docname,
        title=env.titles[docname].astext(),
        description=description,
        part=part,
        parent=parent,
        minutes=minutes_to_read(doctree),
        practice=int(practice) if practice else None,
        optional=int(optional) if optional else None,
        exam=listed(meta["exam"]) if "exam" in meta else None,
        needs=listed(meta.get("needs")),
        exercises=[node["number"] for node in doctree.findall(exercise)],
        questions={node["ids"][0]: right_option(node) for node in doctree.findall(question)},
        ran=ran,
    )


def listed(value) -> list[str]:
    """Front matter gives a list as a list or as its text, depending on who parsed it."""
    if not value:
        return []
    return re.findall(r"[\w./-]+", value) if isinstance(value, str) else [str(item) for item in value]


def for_script(outline) -> list[dict]:
    """What the script needs to show a reader's progress: the chapters, and what there is to do on their pages."""
    return [
        {
            "page": chapter.docname,
            "right": chapter.questions,
            "exercises": [
                f"{notebook.docname}#{number}"
                for notebook in notebooks_of(outline, chapter)
                for number in notebook.exercises
            ],
        }
        for chapter in chapters(outline)
    ]


def make_outline(app, env):
    """Put the outline, a dict of Page by docname, on the environment."""
    env.course_outline = {
        docname: read_page(env, docname, part, parent) for docname, part, parent in places(env.external_site_map)
    }
    env.course_exam = read_exam(Path(env.srcdir))
    for page in env.course_outline.values():
        for name in page.exam or ():
            if not env.course_exam.knows(name):
                logger.warning("front matter: `exam` names %s, no row and no exam", name, location=page.docname)
        for needed in page.needs:
            if needed not in env.course_outline:
                logger.warning("front matter: `needs` names %s, which is no page", needed, location=page.docname)
    return []


def chapters(outline) -> list[Page]:
    """The pages that have a notebook below them."""
    with_notebook = {page.parent for page in outline.values() if page.is_notebook}
    return [page for page in outline.values() if page.docname in with_notebook]


def notebooks_of(outline, chapter) -> list[Page]:
    """The notebooks of a chapter."""
    return [page for page in outline.values() if page.parent == chapter.docname and page.is_notebook]


class from_outline(nodes.General, nodes.Element):
    """A place on a page which a template fills from the outline."""


class FromOutline(SphinxDirective):
    """```{from-outline} chapters``` shows the template ``part-chapters.html``."""

    required_arguments = 1

    def run(self):
        return [from_outline(template=f"part-{self.arguments[0]}.html")]


def in_words(iso: str) -> str:
    """``23 November 2026`` for ``2026-11-23``."""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def visit_from_outline(self, node):
    builder = self.builder
    here, outline = self.docnames[-1], builder.env.course_outline  # the last: one file can hold several pages
    context = {
        "page": outline[here],
        "outline": outline,
        "chapters": chapters(outline),
        "exam": builder.env.course_exam,
        "planned": planned,
        "notebooks_of": lambda chapter: notebooks_of(outline, chapter),
        "url": lambda docname: builder.get_relative_uri(here, docname),
        "in_words": in_words,
        "repository_url": repository(builder.config)["url"],
        "heading": f"h{self.section_level + 1}",
        "launch": launch_links(builder.config, here) if outline[here].is_notebook else [],
    }
    self.body.append(builder.templates.render(node["template"], context))
    raise nodes.SkipNode


def setup(app):
    app.add_directive("from-outline", FromOutline)
    app.add_node(from_outline, html=(visit_from_outline, None))
    app.connect("env-updated", make_outline)
