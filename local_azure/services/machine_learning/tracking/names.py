"""Which names and values MLflow takes, and the names it makes up for runs that have none."""

import posixpath
import re
import secrets

from .. import limits
from .search import invalid

FIRST = (
    "amber", "brave", "calm", "clever", "coral", "crisp", "eager", "gentle", "golden", "hardy", "honest", "keen",
    "lively", "mellow", "nimble", "olive", "patient", "plucky", "quiet", "sturdy", "sunny", "tidy", "upbeat", "witty",
)  # fmt: skip
SECOND = (
    "apple", "bean", "carrot", "cherry", "date", "fennel", "fig", "garlic", "ginger", "grape", "kale", "leek", "lemon",
    "mango", "nutmeg", "onion", "pear", "pepper", "plum", "quince", "radish", "sage", "thyme", "walnut",
)  # fmt: skip


def invented():
    """A name for a run, such as calm_lemon_3f09c1d2."""
    return f"{secrets.choice(FIRST)}_{secrets.choice(SECOND)}_{secrets.token_hex(4)}"


def check(field, name):
    """400 unless `name` can name a metric, a parameter or a tag."""
    if not isinstance(name, str) or not name:
        raise invalid(f"Invalid value {name!r} for parameter '{field}' supplied: a name must be given.")
    if not re.fullmatch(r"[/\w.\- :]+", name):
        raise invalid(
            f"Invalid value {name!r} for parameter '{field}' supplied: names may only contain alphanumerics, "
            "underscores (_), dashes (-), periods (.), spaces ( ), colons (:) and slashes (/)."
        )
    if posixpath.normpath(name) != name or name == "." or name.startswith(("..", "/")):
        raise invalid(
            f"Invalid value {name!r} for parameter '{field}' supplied: as a file's name it would be "
            f"{posixpath.normpath(name)!r}."
        )
    check_length(field, name, limits.KEY)


def check_length(what, value, most):
    if len(value) > most:
        raise invalid(f"{what} '{value[:100]}…' had length {len(value)}, which exceeded length limit of {most}")


def check_experiment(name):
    """400 unless an experiment may have this name."""
    if not isinstance(name, str) or not name.strip():
        raise invalid(f"Invalid experiment name: {name!r}")
    limits.check("ExperimentDto.Name/Length", limits.EXPERIMENT, len(name))
