"""The ``question`` directive: a question, its options, and a reason under each.

Every option is a ``<details>``: to open one is to answer, and the reason appears at once, with the keyboard, with a
screen reader and without JavaScript. The script only remembers what was opened, and in which order.
"""

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class question(nodes.General, nodes.Element):
    """The whole question; its children are ``asked`` and the options."""


class asked(nodes.General, nodes.TextElement):
    """The text of the question; ``number`` counts from 1 on its page."""


class answer(nodes.General, nodes.Element):
    """One option; its children are ``choice`` and ``reason``. ``number`` counts from 1; ``right`` is a bool."""


def right_option(node) -> int:
    """The number of the option of a question that is right."""
    return next(child["number"] for child in node.findall(answer) if child["right"])


class choice(nodes.General, nodes.TextElement):
    """The text of an option."""


class reason(nodes.General, nodes.Element):
    """Why an option is right or wrong."""


class Question(SphinxDirective):
    """Content is a definition list: the terms are the options, the definitions the reasons."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {"right": directives.positive_int}  # noqa: RUF012  (docutils wants a class attribute)

    def run(self):
        content = self.parse_content_to_nodes()
        options = [item for part in content for item in part.findall(nodes.definition_list_item)]
        right = self.options.get("right")
        if len(content) != 1 or not isinstance(content[0], nodes.definition_list) or not 2 <= len(options) <= 5:
            raise self.error("a question holds one definition list with two to five options, and nothing else")
        if right is None or right > len(options):
            raise self.error(f":right: must say which of the {len(options)} options is right")
        inlines, messages = self.parse_inline(self.arguments[0])
        count = self.env.temp_data["course-questions"] = self.env.temp_data.get("course-questions", 0) + 1
        text = nodes.TextElement("", "", *inlines).astext()
        whole = question("", asked("", "", *inlines, number=count), ids=[f"question-{nodes.make_id(text)[:60]}"])
        self.state.document.note_explicit_target(whole, whole)
        for number, item in enumerate(options, start=1):
            term, definition = item.children
            whole += answer(
                "",
                choice("", "", *term.children),
                reason("", *definition.children),
                number=number,
                right=number == right,
            )
        self.set_source_info(whole)
        return [whole, *messages]


def visit_question(self, node):
    identifier = node["ids"][0]
    self.body.append(f'<div class="question" id="{identifier}" role="group" aria-labelledby="{identifier}-asked">')


def depart_question(self, node):
    self.body.append('</ol><p class="outcome" role="status"></p></div>\n')


def visit_asked(self, node):
    identifier = node.parent["ids"][0]
    self.body.append(f'<p class="asked" id="{identifier}-asked"><span class="number">{node["number"]}.</span> ')


def depart_asked(self, node):
    self.body.append('</p><ol class="options" type="A">')


def visit_answer(self, node):
    right = " data-right" if node["right"] else ""
    self.body.append(f'<li><details data-option="{node["number"]}"{right}>')


def depart_answer(self, node):
    self.body.append("</details></li>")


def visit_choice(self, node):
    self.body.append("<summary>")


def depart_choice(self, node):
    self.body.append("</summary>")


def visit_reason(self, node):
    verdict = "Right." if node.parent["right"] else "No."
    self.body.append(f'<div class="reason"><p class="verdict">{verdict}</p>')


def depart_reason(self, node):
    self.body.append("</div>")


def setup(app):
    app.add_directive("question", Question)
    app.add_node(question, html=(visit_question, depart_question))
    app.add_node(asked, html=(visit_asked, depart_asked))
    app.add_node(answer, html=(visit_answer, depart_answer))
    app.add_node(choice, html=(visit_choice, depart_choice))
    app.add_node(reason, html=(visit_reason, depart_reason))
