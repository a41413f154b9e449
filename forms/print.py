"""What every print shares: the clinic's head, the typeface, page n of m, and the plain table.

``table_pdf`` draws rosters, reports and journals with reportlab's canvas, cell by cell: a thousand rows take a few
tenths of a second. ``within`` runs any such work outside the script thread with a deadline.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar

from data.errors import EnvironmentFailure

FONTS = Path(__file__).parent / "fonts"
REGULAR, BOLD = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"
PAPERS = {"letter": (612.0, 792.0), "a4": (595.28, 841.89)}
MARGIN = 36.0
INK, GREY, RULE, BAND = 0.1, 0.42, 0.8, 0.965

Result = TypeVar("Result")
DRAWING = Lock()
"""Held while pdfium draws pages as pictures: its library is not made for two threads."""
_printers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="print")


class PrintTookTooLong(EnvironmentFailure):
    """The print was not ready after {seconds} seconds and was stopped. Print fewer rows, or try again in a minute."""


@dataclass(frozen=True)
class Head:
    """Who prints: the clinic's name and up to two lines beneath (address, phone)."""

    name: str
    lines: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, address: str, phone: str) -> Head:
        """A head of what is known: the address (its lines as one) and the phone."""
        return cls(name, tuple(text for text in (address.replace("\n", ", "), phone) if text))


@dataclass(frozen=True)
class Column:
    """One column. ``width`` is a share of the free width, 0 = by content. Numbers and money stand on the right.

    ``lines`` is how many lines a cell may take before it is cut with an ellipsis; ``box`` draws an empty square to
    tick by hand where the cell is empty.
    """

    label: str
    align: Literal["left", "right", "center"] = "left"
    width: float = 0.0
    lines: int = 2
    box: bool = False
    bold: bool = False


def within(seconds: float, make: Callable[..., Result], *args: Any, **options: Any) -> Result:
    """Run a print outside the calling thread; raises PrintTookTooLong after ``seconds``."""
    future = _printers.submit(make, *args, **options)
    try:
        return future.result(timeout=seconds)
    except Late:
        future.cancel()
        raise PrintTookTooLong(seconds=round(seconds)) from None


@lru_cache(maxsize=1)
def register_fonts() -> None:
    """Make the bundled DejaVu faces known to reportlab, once per process."""
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in ("DejaVuSans", "DejaVuSans-Bold", REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))
    for family in ("DejaVuSans", REGULAR):
        for italic in (0, 1):
            addMapping(family, 0, italic, family)
            addMapping(family, 1, italic, f"{family}-Bold")


@lru_cache(maxsize=65_536)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Points that a text takes."""
    from reportlab.pdfbase import pdfmetrics

    register_fonts()
    return float(pdfmetrics.stringWidth(text, BOLD if bold else REGULAR, size))


def wrap(text: str, size: float, width: float, lines: int, *, bold: bool = False) -> list[str]:
    """Break a text into at most ``lines`` lines of ``width`` points; what does not fit ends in an ellipsis."""
    if text_width(text, size, bold) <= width and "\n" not in text:
        return [text]
    done: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if text_width(longer, size, bold) <= width:
                line = longer
                continue
            if line:
                done.append(line)
            while len(word) > 1 and text_width(word, size, bold) > width:
                fit = _fitting(word, size, width, bold)
                done.append(word[:fit])
                word = word[fit:]
            line = word
        done.append(line)
    if len(done) <= lines:
        return done
    return [*done[: lines - 1], _cut(" ".join(done[lines - 1 :]), size, width, bold)]


def _fitting(word: str, size: float, width: float, bold: bool) -> int:
    fit = 1
    while fit < len(word) and text_width(word[: fit + 1], size, bold) <= width:
        fit += 1
    return fit


def _cut(text: str, size: float, width: float, bold: bool) -> str:
    while text and text_width(text + "…", size, bold) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def draw_head(canvas: Any, page: tuple[float, float], head: Head, title: str, facts: str) -> float:
    """Draw the clinic's head and the title on the first page; returns the y beneath, from the bottom, in points."""
    width, height = page
    y = height - MARGIN - 11
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN, y, head.name)
    canvas.setFont(REGULAR, 8)
    canvas.setFillGray(GREY)
    top = y
    for line in head.lines[:2]:
        canvas.drawRightString(width - MARGIN, top, line)
        top -= 10.5
    y -= 13 if len(head.lines) < 2 else 21
    canvas.setStrokeGray(RULE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, y + 5, width - MARGIN, y + 5)
    y -= 15
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 15)
    canvas.drawString(MARGIN, y, title)
    y -= 13
    if facts:
        canvas.setFont(REGULAR, 9)
        canvas.setFillGray(GREY)
        for line in wrap(facts, 9, width - 2 * MARGIN, 6):
            canvas.drawString(MARGIN, y, line)
            y -= 12
    return y - 2


def draw_foot(canvas: Any, page: tuple[float, float], number: int, count: int, footer: str) -> None:
    """Draw ``footer`` at the left and ``page n of m`` at the right of the lower margin."""
    canvas.setFont(REGULAR, 7.5)
    canvas.setFillGray(GREY)
    canvas.drawRightString(page[0] - MARGIN, MARGIN - 14, f"page {number} of {count}")
    if footer:
        canvas.drawString(MARGIN, MARGIN - 14, wrap(footer, 7.5, page[0] - 2 * MARGIN - 80, 1)[0])


def numbered_canvas(file: Any, page: tuple[float, float], footer: str, *, title: str = "", author: str = "") -> Any:
    """A reportlab canvas that knows at the end how many pages there are, and draws the foot on each of them."""
    from reportlab.pdfgen.canvas import Canvas

    class _Numbered(Canvas):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(file, pagesize=page)
            self.kept: list[dict[str, Any]] = []
            self.setTitle(title)
            self.setAuthor(author)
            self.setCreator("Ballast")

        def showPage(self) -> None:
            self.kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            count = len(self.kept)
            for number, state in enumerate(self.kept, 1):
                self.__dict__.update(state)
                draw_foot(self, page, number, count, footer)
                super().showPage()
            super().save()

    register_fonts()
    return _Numbered()


def table_pdf(
    title: str,
    facts: str,
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[str]],
    *,
    clinic: Head | str,
    paper: str = "letter",
    definition: str = "",
    footer: str = "",
    landscape: bool | None = None,
    size: float = 8.0,
    totals: Sequence[str] | None = None,
    empty: str = "Nothing to show.",
    strong: Collection[int] = (),
    chart: Any = None,
) -> bytes:
    """A table as a PDF: head, title, facts, rows, an optional row of totals, and the definition of its numbers.

    The rows whose places are in ``strong`` stand out, as subtotals do; ``chart`` (forms/chart.py) is drawn above.

    Cells are plain text, already worded (data/wording.py). ``paper`` is letter or a4; ``landscape`` None decides by
    the room the columns need. Takes about 0.3 ms a row.
    """
    heads = [Column(column) if isinstance(column, str) else column for column in columns]
    head = Head(clinic) if isinstance(clinic, str) else clinic
    tall = PAPERS.get(paper, PAPERS["letter"])
    if landscape is None:
        landscape = Table.wanted(heads, rows, size, totals) > (tall[0] - 2 * MARGIN) * 1.05
    page = (tall[1], tall[0]) if landscape else tall
    table = Table.of(heads, rows, size, page, totals)
    file = io.BytesIO()
    canvas = numbered_canvas(file, page, footer, title=title, author=head.name)
    note = wrap(definition, 7.5, page[0] - 2 * MARGIN, 40) if definition else []
    top = draw_head(canvas, page, head, title, facts)
    if chart is not None:
        from forms.chart import draw_chart

        top = draw_chart(canvas, chart, page, top)
    table.draw(canvas, top, rows, totals, empty, below=table.room_for(note), strong=frozenset(strong))
    if note:
        table.note(canvas, note)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


PAD = 4.0
TOGETHER = 3
"""Rows that go to the last page with the total and the note, so that neither stands there alone."""


def _wanted(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], size: float, totals: Sequence[str] | None
) -> list[tuple[float, float]]:
    """For each column the width below which words break, and the width at which nothing wraps."""
    sample = rows if len(rows) <= 400 else [*rows[:200], *rows[:: max(1, len(rows) // 200)]]
    needed = []
    for index, column in enumerate(columns):
        cells = {str(row[index]) for row in sample}
        label = max((text_width(word, size - 0.5, True) for word in column.label.split()), default=0.0)
        ideal = max(label, max((text_width(cell, size, column.bold) for cell in cells), default=0.0))
        if totals:
            ideal = max(ideal, text_width(str(totals[index]), size, True))
        least = ideal
        if column.align != "right" and column.lines > 1:
            words = max((text_width(w, size, column.bold) for cell in cells for w in cell.split(" ")), default=0.0)
            least = max(label, min(words, 110.0))
            ideal = min(ideal, max(least, 260.0))
        needed.append((least + 2 * PAD + 1, ideal + 2 * PAD + 1))
    return needed


def _fit(columns: Sequence[Column], needed: list[tuple[float, float]], width: float) -> list[float]:
    least, ideal = [low for low, _ in needed], [high for _, high in needed]
    free = width - sum(ideal)
    if free >= 0:
        shares = [column.width for column in columns]
        if not sum(shares):
            shares = [float(column.align == "left") for column in columns]
        if not sum(shares):
            shares = [1.0] * len(columns)
        return [high + free * share / sum(shares) for high, share in zip(ideal, shares, strict=True)]
    room = width - sum(least)
    if room < 0:
        return [low * width / sum(least) for low in least]
    wishes = sum(ideal) - sum(least)
    return [low + room * (high - low) / wishes for low, high in needed]


class Table:
    """The table while it is drawn, from the top of the room down, page by page."""

    def __init__(self, columns: list[Column], widths: list[float], size: float, page: tuple[float, float]) -> None:
        self.columns, self.widths, self.size, self.page = columns, widths, size, page
        self.leading = size * 1.28
        self.y = 0.0
        self.lefts = [MARGIN + sum(widths[:index]) for index in range(len(widths))]

    @classmethod
    def of(
        cls, columns: Sequence[Column], rows: Sequence[Sequence[str]], size: float, page: tuple[float, float],
        totals: Sequence[str] | None,
    ) -> Table:  # fmt: skip
        """A table across the page, each column as wide as its content needs."""
        needed = _wanted(columns, rows, size, totals)
        return cls(list(columns), _fit(columns, needed, page[0] - 2 * MARGIN), size, page)

    @staticmethod
    def wanted(
        columns: Sequence[Column], rows: Sequence[Sequence[str]], size: float, totals: Sequence[str] | None
    ) -> float:
        """The width in points at which nothing wraps."""
        return sum(high for _, high in _wanted(columns, rows, size, totals))

    def draw(
        self, canvas: Any, top: float, rows: Sequence[Sequence[str]], totals: Sequence[str] | None, empty: str,
        *, below: float = 0.0, strong: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        """Draw all of it; ``below`` is the room in points that something after the table needs."""
        self.y = top
        self._heads(canvas)
        if not rows:
            canvas.setFont(REGULAR, self.size + 1)
            canvas.setFillGray(GREY)
            canvas.drawString(MARGIN + PAD, self.y - 16, empty)
            self.y -= 26
        for index, row in enumerate(rows):
            if index and index == len(rows) - TOGETHER:
                rest = sum(self._height(self._cells(last)) for last in rows[index:])
                rest += self._height(self._cells(totals, bold=True)) if totals else 0.0
                if self.y - rest - below < MARGIN:
                    self._next_page(canvas)
            self._row(canvas, row, shaded=index % 2 == 1, bold=index in strong)
        if totals:
            canvas.setStrokeGray(INK)
            canvas.setLineWidth(0.8)
            canvas.line(MARGIN, self.y, MARGIN + sum(self.widths), self.y)
            self._row(canvas, totals, bold=True)

    @staticmethod
    def room_for(lines: Sequence[str]) -> float:
        """What ``note`` takes, in points."""
        return 16.0 + 10 * len(lines) if lines else 0.0

    def note(self, canvas: Any, lines: Sequence[str]) -> None:
        """A paragraph beneath the table."""
        if self.y - self.room_for(lines) < MARGIN:
            canvas.showPage()
            self.y = self.page[1] - MARGIN
        self.y -= 16
        canvas.setFont(REGULAR, 7.5)
        canvas.setFillGray(GREY)
        for line in lines:
            canvas.drawString(MARGIN, self.y, line)
            self.y -= 10

    def _heads(self, canvas: Any) -> None:
        labels = [
            wrap(column.label, self.size - 0.5, width - 2 * PAD, 3, bold=True)
            for column, width in zip(self.columns, self.widths, strict=True)
        ]
        height = self.leading * max(len(lines) for lines in labels) + 6
        canvas.setFillGray(0.93)
        canvas.rect(MARGIN, self.y - height, sum(self.widths), height, stroke=0, fill=1)
        canvas.setFillGray(INK)
        canvas.setFont(BOLD, self.size - 0.5)
        for index, lines in enumerate(labels):
            offset = height - 3 - self.leading * len(lines)
            self._text(canvas, index, lines, self.y - offset - self.size - 2.2)
        self.y -= height

    def _next_page(self, canvas: Any) -> None:
        canvas.showPage()
        self.y = self.page[1] - MARGIN
        self._heads(canvas)

    def _cells(self, row: Sequence[str], *, bold: bool = False) -> list[list[str]]:
        return [
            wrap(str(cell), self.size, width - 2 * PAD, column.lines, bold=bold or column.bold)
            for cell, column, width in zip(row, self.columns, self.widths, strict=True)
        ]

    def _height(self, cells: list[list[str]]) -> float:
        return self.leading * max(len(lines) for lines in cells) + 4.5

    def _row(self, canvas: Any, row: Sequence[str], *, shaded: bool = False, bold: bool = False) -> None:
        cells = self._cells(row, bold=bold)
        height = self._height(cells)
        if self.y - height < MARGIN:
            self._next_page(canvas)
        if shaded:
            canvas.setFillGray(BAND)
            canvas.rect(MARGIN, self.y - height, sum(self.widths), height, stroke=0, fill=1)
        canvas.setStrokeGray(RULE)
        canvas.setLineWidth(0.4)
        canvas.line(MARGIN, self.y - height, MARGIN + sum(self.widths), self.y - height)
        canvas.setFillGray(INK)
        for index, (lines, column) in enumerate(zip(cells, self.columns, strict=True)):
            if column.box and not bold and lines == [""]:
                canvas.setStrokeGray(0.35)
                canvas.rect(self.lefts[index] + self.widths[index] / 2 - 4.5, self.y - height / 2 - 4.5, 9, 9)
                continue
            canvas.setFont(BOLD if bold or column.bold else REGULAR, self.size)
            self._text(canvas, index, lines, self.y - self.size - 2)
        self.y -= height

    def _text(self, canvas: Any, index: int, lines: list[str], y: float) -> None:
        left, width, align = self.lefts[index], self.widths[index], self.columns[index].align
        for line in lines:
            if align == "right":
                canvas.drawRightString(left + width - PAD, y, line)
            elif align == "center":
                canvas.drawCentredString(left + width / 2, y, line)
            else:
                canvas.drawString(left + PAD, y, line)
            y -= self.leading
