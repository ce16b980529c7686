"""A box to tick under the heading of each exercise. It works by script alone, so it is hidden until there is one."""

import re

from docutils import nodes

HEADING = re.compile(r"Exercise (\d+\.\d+)\b")


class exercise(nodes.General, nodes.Element):
    """The box of one exercise; ``number`` is, for example, ``4.2``."""


def add_boxes(app, doctree):
    """Put a box under each heading that names an exercise, in notebooks."""
    if not app.env.docname.startswith("notebooks/"):
        return
    for section in doctree.findall(nodes.section):
        found = HEADING.match(section[0].astext())
        if found:
            section.insert(1, exercise(number=found[1]))


def visit_exercise(self, node):
    key = f"{self.builder.current_docname}#{node['number']}"
    self.body.append(
        f'<label class="tick script-only"><input type="checkbox" data-exercise="{key}"> '
        f"I have solved exercise {node['number']}</label>"
    )
    raise nodes.SkipNode


def setup(app):
    app.add_node(exercise, html=(visit_exercise, None))
    app.connect("doctree-read", add_boxes)
