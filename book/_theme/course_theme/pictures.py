"""Pictures are fetched when they come near the screen, and their size is known before they arrive: nothing jumps."""

import re
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from sphinx.util.images import get_image_size

PIXELS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
LENGTH = re.compile(r"([\d.]+)\s*([a-z]*)$")


def pixels(length: str) -> float | None:
    """CSS pixels of a length such as ``360pt``, ``560px`` or ``560``; None for a percentage or a unit unknown here."""
    found = LENGTH.match(length.strip())
    return float(found[1]) * PIXELS[found[2]] if found and found[2] in PIXELS else None


def natural_size(path: Path) -> tuple[float, float] | None:
    """Width and height of a picture in pixels; of an SVG from its attributes or its viewBox."""
    if path.suffix != ".svg":
        return get_image_size(str(path))
    root = ElementTree.parse(path).getroot()
    size = [pixels(root.get(name, "")) for name in ("width", "height")]
    if None not in size:
        return tuple(size)
    box = root.get("viewBox", "").replace(",", " ").split()
    return (float(box[2]), float(box[3])) if len(box) == 4 else None


def prepare(app, doctree, docname):
    """Give every picture its size and let it load lazily."""
    for image in list(doctree.findall(nodes.image)):
        image["loading"] = "lazy"
        size = natural_size(Path(app.srcdir, image["uri"])) if "://" not in image["uri"] else None
        if not size:
            continue
        width = pixels(str(image.get("width", ""))) or size[0]
        image["course_size"] = (round(width), round(width * size[1] / size[0]))
        for name in ("width", "height", "scale"):
            image.attributes.pop(name, None)
        if "cell_output" in image.parent.get("classes", ()):  # a plot: on a phone it keeps its size and scrolls
            box = nodes.container(classes=["picture"])
            image.replace_self(box)
            box += image


def visit_image(self, node):
    """As the builder's own, with ``width`` and ``height`` as attributes, which CSS can scale and keep in proportion."""
    size = node.get("course_size")
    emptytag = self.emptytag

    def with_size(*arguments, **attributes):
        if size:
            attributes |= {"width": str(size[0]), "height": str(size[1]), "style": f"--width: {size[0]}"}
        return emptytag(*arguments, **attributes)

    self.emptytag = with_size
    try:
        type(self).visit_image(self, node)
    finally:
        del self.emptytag


def depart_image(self, node):
    type(self).depart_image(self, node)


def setup(app):
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    app.connect("doctree-resolved", prepare)
