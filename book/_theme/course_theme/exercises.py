"""Under the heading of each exercise a box to tick, which works by script alone and is hidden until there is one; and
a fold around its check, which is code to run and may name what the reader is asked to find.
"""

import re

from docutils import nodes

HEADING = re.compile(r"Exercise (\d+\.\d+)\b")


class exercise(nodes.General, nodes.Element):
    """The box of one exercise; ``number`` is, for example, ``4.2``."""


class check(nodes.General, nodes.Element):
    """The fold around the code of a cell tagged ``check``; ``number`` is that of its exercise."""


def fold_checks(app, doctree):
    """Put the code of every check into a fold."""
    for cell in doctree.findall(nodes.container):
        if "tag_check" in cell["classes"]:
            code = next(part for part in cell.children if "cell_input" in part.get("classes", ()))
            fold = check(number=number_of(cell))
            code.replace_self(fold)
            fold += code


def number_of(cell) -> str:
    """The number of the exercise in whose section a cell stands."""
    section = cell.parent
    while section is not None:
        found = isinstance(section, nodes.section) and HEADING.match(section[0].astext())
        if found:
            return found[1]
        section = section.parent
    return ""


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


def visit_check(self, node):
    self.body.append(f"<details><summary>The check of exercise {node['number']}</summary>\n")


def depart_check(self, node):
    self.body.append("</details>\n")


def setup(app):
    app.add_node(check, html=(visit_check, depart_check))
    app.connect("doctree-read", fold_checks)
    app.add_node(exercise, html=(visit_exercise, None))
    app.connect("doctree-read", add_boxes)
