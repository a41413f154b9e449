"""Several tables on one print: the clinic's head once, big numbers, then each table with its own title and chart."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from forms.chart import HEIGHT, Chart, draw_chart
from forms.print import (
    BOLD,
    GREY,
    INK,
    MARGIN,
    PAPERS,
    REGULAR,
    RULE,
    Column,
    Head,
    Table,
    draw_head,
    numbered_canvas,
    text_width,
    wrap,
)  # fmt: skip

SIZE = 8.0
_ACROSS, _BOX = 4, 46.0
_LEAST_TABLE = 64.0
_TOGETHER = 8
"""Lines of the note that go to another page together rather than part with it."""


@dataclass(frozen=True)
class Part:
    """One table of several. Without columns only ``facts`` are told."""

    title: str
    facts: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[str]] = ()
    totals: Sequence[str] | None = None
    strong: Collection[int] = ()
    chart: Chart | None = None
    empty: str = "Nothing to show."


@dataclass(frozen=True)
class Figure:
    """A number told big: what it is, the number, how it moved."""

    label: str
    value: str
    moved: str = ""


def parts_pdf(
    title: str, facts: str, figures: Sequence[Figure], parts: Sequence[Part], *, clinic: Head, paper: str = "letter",
    definition: str = "", footer: str = "",
) -> bytes:  # fmt: skip
    """All of it as one PDF with page n of m; across the page where a table needs the room."""
    tall = PAPERS.get(paper, PAPERS["letter"])
    room = tall[0] - 2 * MARGIN
    wide = any(Table.wanted(part.columns, part.rows, SIZE, part.totals) > room * 1.05 for part in parts)
    page = (tall[1], tall[0]) if wide else tall
    file = io.BytesIO()
    canvas = numbered_canvas(file, page, footer, title=title, author=clinic.name)
    y = draw_head(canvas, page, clinic, title, facts)
    if figures:
        y = _figures(canvas, figures, page, y)
    for part in parts:
        y = _part(canvas, part, page, y)
    _note(canvas, definition, page, y)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _figures(canvas: Any, figures: Sequence[Figure], page: tuple[float, float], top: float) -> float:
    width = (page[0] - 2 * MARGIN) / _ACROSS
    for number, one in enumerate(figures):
        x, y = MARGIN + (number % _ACROSS) * width, top - (number // _ACROSS) * _BOX - 10
        canvas.setFillGray(GREY)
        canvas.setFont(REGULAR, 8)
        canvas.drawString(x, y, wrap(one.label, 8, width - 8, 1)[0])
        canvas.setFillGray(INK)
        size = 15.0
        while size > 9 and text_width(one.value, size, True) > width - 8:
            size -= 1
        canvas.setFont(BOLD, size)
        canvas.drawString(x, y - 16, one.value)
        if one.moved:
            canvas.setFillGray(GREY)
            canvas.setFont(REGULAR, 7.5)
            canvas.drawString(x, y - 26, wrap(one.moved, 7.5, width - 8, 1)[0])
    return top - ((len(figures) - 1) // _ACROSS + 1) * _BOX


def _part(canvas: Any, part: Part, page: tuple[float, float], top: float) -> float:
    needed = 34 + _LEAST_TABLE + (HEIGHT + 40 if part.chart else 0)
    if top - needed < MARGIN:
        canvas.showPage()
        top = page[1] - MARGIN
    y = top - 12
    canvas.setStrokeGray(RULE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, y + 6, page[0] - MARGIN, y + 6)
    y -= 10
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN, y, wrap(part.title, 11, page[0] - 2 * MARGIN, 1, bold=True)[0])
    y -= 12
    if part.facts:
        canvas.setFont(REGULAR, 8)
        canvas.setFillGray(GREY)
        for line in wrap(part.facts, 8, page[0] - 2 * MARGIN, 4):
            canvas.drawString(MARGIN, y, line)
            y -= 10.5
    if part.chart is not None:
        y = draw_chart(canvas, part.chart, page, y)
    if not part.columns:
        return y
    table = Table.of(part.columns, part.rows, SIZE, page, part.totals)
    table.draw(canvas, y, part.rows, part.totals, part.empty, strong=frozenset(part.strong))
    return table.y - 6


def _note(canvas: Any, text: str, page: tuple[float, float], y: float) -> None:
    lines = wrap(text, 7.5, page[0] - 2 * MARGIN, 200) if text else []
    y -= 16
    if y - 10 * min(len(lines), _TOGETHER) < MARGIN:
        canvas.showPage()
        y = page[1] - MARGIN - 8
    for line in lines:
        if y < MARGIN:
            canvas.showPage()
            y = page[1] - MARGIN - 8
        canvas.setFont(REGULAR, 7.5)
        canvas.setFillGray(GREY)
        canvas.drawString(MARGIN, y, line)
        y -= 10
