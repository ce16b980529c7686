"""The expressions in a job's command: ${{inputs.x}}, ${{outputs.y}}, and $[[…]] around what may be left out."""

import re

REFERENCE = re.compile(r"\$\{\{\s*([\w.\-]+)\s*\}\}")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


def references(text):
    """The names that a text needs, such as inputs.x; what lies within $[[…]] is not needed."""
    return REFERENCE.findall(OPTIONAL.sub("", text))


def expand(text, values):
    """The text with names replaced by values; $[[…]] goes when a name within it has none. KeyError for others."""

    def optional(found):
        named = REFERENCE.findall(found[1])
        return found[1] if all(name in values for name in named) else ""

    return REFERENCE.sub(lambda found: str(values[found[1]]), OPTIONAL.sub(optional, text))
