"""A glossary term in the text is a button that opens its definition beside it; no page needs to be left.

The definitions of the terms that a page uses stand at its end, in elements that are shown only when asked for
(the popover attribute of HTML), so this works without JavaScript and without fetching anything.
"""

from docutils import nodes
from sphinx import addnodes


class term_button(nodes.Inline, nodes.TextElement):
    """A term in the text; ``target`` is the id of its definition on the page."""


class term_definition(nodes.General, nodes.Element):
    """The definition of a term; ``target`` is its id, ``uri`` the place in the glossary."""


def definitions(env) -> dict[str, tuple[str, list]]:
    """``{anchor: (word, nodes of the definition)}`` for every entry of every glossary."""
    found = {}
    for docname in glossaries(env):
        for glossary in env.get_doctree(docname).findall(addnodes.glossary):
            for item in glossary.findall(nodes.definition_list_item):
                *words, definition = item.children
                found |= {anchor: (word.astext(), definition.children) for word in words for anchor in word["ids"]}
    return found


def glossaries(env) -> set[str]:
    """The pages that define terms."""
    objects = env.get_domain("std").get_objects()
    return {docname for _, _, kind, docname, _, _ in objects if kind == "term"}


def replace_references(app, doctree, docname):
    """Turn references to terms into buttons; put the definitions at the end. Not on the glossary itself."""
    if app.builder.name != "html" or docname in glossaries(app.env):
        return
    if not hasattr(app.env, "course_terms"):
        app.env.course_terms = definitions(app.env)
    used = {}
    for reference in list(doctree.findall(nodes.reference)):
        anchor = reference.get("refuri", "").rpartition("#")[2]
        if anchor in app.env.course_terms and any("std-term" in n.get("classes", ()) for n in reference.children):
            used[anchor] = reference["refuri"]
            text = reference.astext()
            reference.replace_self(term_button(text, text, target=f"def-{anchor}"))
    for anchor, uri in sorted(used.items()):
        word, content = app.env.course_terms[anchor]
        box = term_definition("", *(node.deepcopy() for node in content), target=f"def-{anchor}", word=word, uri=uri)
        for paragraph in list(box.findall(nodes.paragraph))[-1:]:
            paragraph += nodes.Text(" ")
            paragraph += nodes.reference("", "Glossary", refuri=uri, internal=True)
        for pending in list(box.findall(addnodes.pending_xref)):
            pending.replace_self(nodes.inline("", pending.astext()))
        doctree += box


def visit_button(self, node):
    self.body.append(f'<button type="button" class="term" popovertarget="{node["target"]}">')


def depart_button(self, node):
    self.body.append("</button>")


def visit_definition(self, node):
    self.body.append(f'<div popover id="{node["target"]}" class="definition" role="note">')
    self.body.append(f'<p class="word">{self.encode(node["word"])}</p>')


def depart_definition(self, node):
    self.body.append("</div>\n")


def setup(app):
    app.add_node(term_button, html=(visit_button, depart_button))
    app.add_node(term_definition, html=(visit_definition, depart_definition))
    app.connect("doctree-resolved", replace_references)
