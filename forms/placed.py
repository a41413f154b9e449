"""What a form is once it is laid out: its pages, what is printed on them, where facts go and where answers stand.

Measures in points from the top left of the page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from forms.print import text_width

TEAR_OFF = 66.0
"""Points at the foot of a slip for the card's number, torn off and shredded once the card is charged."""


class Zone(NamedTuple):
    """One place to write or mark. A choice has one zone for each box, with the option it stands for."""

    key: str
    option: str
    type: str
    x: float
    y: float
    w: float
    h: float


class Slot(NamedTuple):
    """A place that a fact is printed into: ``name`` of the fact, or running text with facts in it."""

    name: str
    x: float
    y: float
    w: float
    h: float
    size: float
    bold: bool
    lines: int
    text: str = ""
    lead: str = ""


class Place(NamedTuple):
    """Where a field stands as a whole, words and all: for showing which is which, never for reading."""

    page: int
    key: str
    x: float
    y: float
    w: float
    h: float


class Words(NamedTuple):
    """A text that is the same on every sheet; ``align`` left, center or right of x."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    gray: float = 0.1
    align: str = "left"


class Line(NamedTuple):
    """A rule."""

    x: float
    y: float
    to_x: float
    to_y: float
    width: float = 0.5
    gray: float = 0.6


class Rect(NamedTuple):
    """A box or a field of grey; ``fill`` None for an outline alone."""

    x: float
    y: float
    w: float
    h: float
    width: float = 0.6
    gray: float = 0.5
    fill: float | None = None


Ink = Words | Line | Rect


@dataclass
class Page:
    """One page: what is printed on it, where facts go, where answers stand."""

    size: tuple[float, float]
    ink: list[Ink] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)


@dataclass
class Layout:
    """All pages of a form on one paper. ``lines`` is how many repeating lines a page takes, where it continues."""

    paper: str
    pages: list[Page]
    lines: int = 0
    places: list[Place] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        """What is kept of it for good: sizes and zones, in hundredths of a point."""
        return {
            "unit": "pt", "lines": self.lines,
            "pages": [
                {"size": list(page.size), "zones": [_rounded(zone) for zone in page.zones]} for page in self.pages
            ],
        }  # fmt: skip

    def sha256(self) -> str:
        """The fingerprint of the whole layout, what is printed included."""
        whole = {"paper": self.paper, "pages": [vars(page) for page in self.pages]}
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()


def zones_of(document: dict[str, object]) -> list[tuple[tuple[float, float], list[Zone]]]:
    """The pages' sizes and zones out of ``Layout.document``."""
    return [
        (tuple(page["size"]), [Zone(*zone) for zone in page["zones"]])
        for page in document["pages"]  # type: ignore[attr-defined]
    ]


def _rounded(zone: Zone) -> list[object]:
    return [round(value, 2) if isinstance(value, float) else value for value in zone]


@lru_cache(maxsize=4096)
def running(text: str, lead: str, width: float, size: float, bold: bool = False) -> list[list[tuple[str, bool]]]:
    """Running text in lines of (words, bold) pieces; ``lead`` begins it in bold."""
    words = [(word, True) for word in lead.split()] + [(word, bold) for word in text.split()]
    lines: list[list[tuple[str, bool]]] = [[]]
    used = 0.0
    space = text_width(" ", size)
    for word, strong in words:
        needed = text_width(word, size, strong)
        if lines[-1] and used + space + needed > width:
            lines.append([])
            used = 0.0
        if lines[-1] and lines[-1][-1][1] == strong:
            lines[-1][-1] = (f"{lines[-1][-1][0]} {word}", strong)
        else:
            lines[-1].append((word, strong))
        used += needed + (space if used else 0)
    return lines


def line_of_words(line: Sequence[tuple[str, bool]], x: float, y: float, size: float) -> list[Ink]:
    """The pieces of one line of running text, side by side."""
    placed: list[Ink] = []
    for words, bold in line:
        placed.append(Words(x, y, words, size, bold))
        x += text_width(words + " ", size, bold)
    return placed
