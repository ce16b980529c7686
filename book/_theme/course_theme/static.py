"""What the site's ``_static`` folder holds: our style sheet and scripts, and what Sphinx's search needs. No more."""

import json
import shutil
from pathlib import Path

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name

from .outline import for_script

# The search page loads these, and a page that is reached from a search loads the last one.
SEARCH = {"documentation_options.js", "doctools.js", "language_data.js", "searchtools.js", "sphinx_highlight.js"}
OURS = {"course.css", "course.js"}
LIGHT, DARK = "a11y-high-contrast-light", "a11y-high-contrast-dark"


def colours_of_code() -> str:
    """Rules for every token of Pygments, with a colour for each of the two modes."""
    light, dark = (get_style_by_name(name) for name in (LIGHT, DARK))
    names = HtmlFormatter(style=light).ttype2class
    rules = []
    for token in sorted(names, key=str):
        one, other = light.style_for_token(token)["color"], dark.style_for_token(token)["color"]
        if names[token] and one and other:
            rules.append(f".highlight .{names[token]} {{ color: light-dark(#{one}, #{other}); }}")
    return "\n".join(rules) + "\n"


def tidy(app, exception):
    """Write what is made from the book, remove what the stock theme and other extensions have left."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for leftover in ("_sphinx_design_static", "_sources", ".doctrees"):
        shutil.rmtree(out / leftover, ignore_errors=True)
    for path in (out / "_static").iterdir():
        if path.name not in SEARCH | OURS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with open(out / "_static" / "course.css", "a", encoding="utf-8") as sheet:
        sheet.write("\n/* Colours of code, made by static.py from two styles of Pygments. */\n" + colours_of_code())
    outline = json.dumps(for_script(app.env.course_outline), ensure_ascii=False, separators=(",", ":"))
    (out / "_static" / "outline.js").write_text(f"const COURSE = {outline};\n", encoding="utf-8")


def setup(app):
    app.connect("build-finished", tidy, priority=900)
