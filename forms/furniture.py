"""What every scannable page carries: four corner markers, its code twice, n of m, and how to mark a box.

All measures in points from the top left. The corner markers are ArUco 4x4_50, ids 0 to 3 clockwise from the top left;
a reader that finds them knows where every box stands, however the page lies. The code stands top left and bottom
right, so that one torn corner or one scrawl leaves the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from forms.print import BOLD, GREY, INK, REGULAR, wrap
from forms.token import readable

MM = 72 / 25.4
MARKER = 9 * MM
INSET = 8 * MM
CODE = 20 * MM
CODE_INSET = 21 * MM
"""From the side of the page to the code: the marker, then white."""
MARGIN = 12 * MM
BAND = INSET + CODE + 2.5 * MM
"""Height of the furniture at the top and at the bottom."""
BOX = 12.0
"""A box to mark: 4.2 mm."""
PITCH = 20.6
"""From one box to the next: 3 mm lie between them."""
MODULES = 25

MARKERS = (
    ("111111", "101001", "110101", "111001", "111011", "111111"),
    ("111111", "111111", "100001", "101101", "101011", "111111"),
    ("111111", "111001", "111001", "111011", "100101", "111111"),
    ("111111", "101101", "101101", "110111", "110011", "111111"),
)
"""Dark modules of the four markers, their black border included."""


@dataclass(frozen=True)
class Imprint:
    """What is printed around the content of one page."""

    title: str
    clinic: str
    heading: str
    page: int
    of: int
    serial: int
    code: str
    note: str = ""
    """Form, version and when it was printed."""


def marker_corners(page: tuple[float, float]) -> list[list[tuple[float, float]]]:
    """The four corners of each marker, clockwise from its top left, in the order of the ids."""
    width, height = page
    far_x, far_y = width - INSET - MARKER, height - INSET - MARKER
    starts = [(INSET, INSET), (far_x, INSET), (far_x, far_y), (INSET, far_y)]
    return [[(x, y), (x + MARKER, y), (x + MARKER, y + MARKER), (x, y + MARKER)] for x, y in starts]


def code_corners(page: tuple[float, float]) -> list[list[tuple[float, float]]]:
    """The corners of both codes, each clockwise from its top left."""
    width, height = page
    starts = [(CODE_INSET, INSET), (width - CODE_INSET - CODE, height - INSET - CODE)]
    return [[(x, y), (x + CODE, y), (x + CODE, y + CODE), (x, y + CODE)] for x, y in starts]


def draw_modules(canvas: Any, rows: tuple[str, ...], x: float, y: float, size: float) -> None:
    """Draw a square of dark and light modules as vectors; ``y`` is the top from the bottom of the page."""
    module = size / len(rows)
    path = canvas.beginPath()
    for number, row in enumerate(rows):
        start = 0
        while (start := row.find("1", start)) >= 0:
            end = row.find("0", start)
            end = len(row) if end < 0 else end
            path.rect(x + start * module, y - (number + 1) * module, (end - start) * module, module)
            start = end
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1)


def draw_fixed(canvas: Any, page: tuple[float, float]) -> None:
    """Markers and the legend, the same on every page."""
    for rows, corners in zip(MARKERS, marker_corners(page), strict=True):
        x, y = corners[0]
        draw_modules(canvas, rows, x, page[1] - y, MARKER)
    _legend(canvas, CODE_INSET, INSET + CODE - 9)


def draw_imprint(canvas: Any, page: tuple[float, float], imprint: Imprint) -> None:
    """The code twice, title, whose page it is, n of m and the code as text; without a code nothing stands for it."""
    width, height = page
    if imprint.code:
        rows = code_rows(imprint.code)
        for corners in code_corners(page):
            draw_modules(canvas, rows, corners[0][0], height - corners[0][1], CODE)
    left, right = CODE_INSET + CODE + 4 * MM, width - INSET - MARKER - 4 * MM
    top = height - INSET
    numbers = f"Page {imprint.page} of {imprint.of}"
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 15)
    canvas.drawString(left, top - 13, wrap(imprint.title, 15, right - left - 90, 1, bold=True)[0])
    canvas.setFont(BOLD, 9)
    canvas.drawRightString(right, top - 10, numbers)
    canvas.setFont(REGULAR, 9)
    canvas.setFillGray(GREY)
    canvas.drawRightString(right, top - 22, f"Sheet {imprint.serial}" if imprint.serial else "Sheet without a code")
    canvas.setFont(REGULAR, 8.5)
    canvas.drawString(left, top - 26, wrap(imprint.clinic, 8.5, right - left - 90, 1)[0])
    canvas.setFillGray(INK)
    if imprint.heading:
        lines = wrap(imprint.heading, 10, right - left, 2, bold=True)
        canvas.setFont(BOLD, 10)
        for number, line in enumerate(lines):
            canvas.drawString(left, top - 41 - 12 * number, line)
    else:
        _blank_name(canvas, left, right, top - 52)
    canvas.setFont(REGULAR, 7)
    canvas.setFillGray(GREY)
    foot_right = width - CODE_INSET - CODE - 4 * MM
    canvas.drawString(CODE_INSET, INSET + 13, wrap(imprint.note, 7, foot_right - CODE_INSET, 1)[0])
    canvas.setFont("Courier-Bold", 8.5)
    canvas.setFillGray(INK)
    canvas.drawString(CODE_INSET, INSET + 1, readable(imprint.code) if imprint.code else "")


def _blank_name(canvas: Any, left: float, right: float, y: float) -> None:
    """Blank stock: a line to write the name on, so that no page is a stranger."""
    canvas.setFont(REGULAR, 7)
    canvas.setFillGray(GREY)
    canvas.drawString(left, y + 2, "Name, visit no.")
    canvas.setStrokeGray(0.6)
    canvas.setLineWidth(0.5)
    canvas.line(left + 56, y, right, y)


def _legend(canvas: Any, x: float, y: float) -> None:
    """How to mark, drawn: a cross, and a full box."""
    size = 8.0
    canvas.setStrokeGray(0.2)
    canvas.setLineWidth(0.6)

    def words(text: str) -> None:
        nonlocal x
        canvas.setFillGray(INK)
        canvas.setFont(REGULAR, 8)
        canvas.drawString(x, y, text)
        x += canvas.stringWidth(text, REGULAR, 8) + 5

    def box(filled: bool) -> None:
        nonlocal x
        canvas.setFillGray(0.15)
        canvas.rect(x, y - 1.2, size, size, stroke=1, fill=int(filled))
        if not filled:
            canvas.setLineWidth(1.1)
            canvas.line(x + 1.2, y, x + size - 1.2, y + size - 2.4)
            canvas.line(x + 1.2, y + size - 2.4, x + size - 1.2, y)
            canvas.setLineWidth(0.6)
        x += size + 5

    words("Dark pen.  Mark")
    box(False)
    words(" Wrong? Fill the box")
    box(True)
    words(" and it is canceled.   * needed")


@lru_cache(maxsize=4096)
def code_rows(code: str) -> tuple[str, ...]:
    """The square of a code, row by row: ``1`` for a dark module."""
    import segno

    picture = segno.make(code, error="q", boost_error=False)
    return tuple("".join("1" if dark else "0" for dark in row) for row in picture.matrix)
