"""The Sphinx extension behind the book's pages. What it replaces in the stock theme, and why, is in ../README.md.

One module per thing that a page shows; each has a ``setup(app)`` of its own.
"""

from . import exercises, maths, outline, pages, paper, pictures, questions, static, tables, terms


def setup(app):
    for module in (outline, questions, exercises, terms, tables, pictures, maths, pages, paper, static):
        module.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
