"""What computes: one module per capability. An engine takes text and gives Python values; it never sees a request.

Every module states its `ENGINE` and loads its model on first use. Positions are in Unicode code points of the text
given (`start`, `length`); the services convert them to what the caller asked for. Scores are between 0 and 1.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """Who answers. `name` and `version` are sent with every reply; the rest is printed in *What runs locally*."""

    name: str
    version: str
    languages: frozenset[str]  # ISO 639-1 codes it answers for; empty: any language
    source: str  # where the model comes from
    licence: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text: `start` and `length` in code points."""

    start: int
    length: int

    def of(self, text: str) -> str:
        return text[self.start : self.start + self.length]


def words(text: str) -> frozenset[str]:
    """The words of a string: how the engines write their word lists."""
    return frozenset(text.split())
