"""The press: sheets of laid-out forms as one PDF, and the zones of every page that was printed.

What is the same on every sheet of an edition is drawn once and used again, so that two hundred and forty pages take a
few seconds.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forms.definition import MERGE
from forms.furniture import Imprint, draw_fixed, draw_imprint, draw_modules
from forms.placed import TEAR_OFF, Layout, Line, Page, Rect, Slot, Words, line_of_words, running
from forms.print import BOLD, GREY, INK, PAPERS, REGULAR, register_fonts, wrap

BLANK = "_" * 18


@dataclass(frozen=True)
class Sheet:
    """One printed set: its serial, what is printed into it (fact to words), and the lines of a form that continues."""

    serial: int
    facts: Mapping[str, str] = field(default_factory=dict)
    heading: str = ""
    lines: Sequence[Mapping[str, str]] = ()
    appointment: str | None = None


@dataclass(frozen=True)
class Plate:
    """A form ready to print: its layout and what its pages say of it. ``code`` makes the text of a page's code from
    page, of and serial."""

    form: str
    version: int
    title: str
    layout: Layout
    code: Callable[[int, int, int], str]
    slip: bool = False


class Press:
    """Prints sheets, one after the other, into one PDF."""

    def __init__(self, clinic: str, printed: str, title: str = "Forms") -> None:
        from reportlab.pdfgen.canvas import Canvas

        register_fonts()
        self._file = io.BytesIO()
        self._canvas = Canvas(self._file, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setAuthor(clinic)
        self._canvas.setCreator("Ballast")
        self._clinic, self._printed = clinic, printed
        self._plates: dict[int, str] = {}
        self._keep: list[Layout] = []
        self.pages: list[dict[str, object]] = []

    def add(self, plate: Plate, sheet: Sheet, only: int = 0) -> int:
        """Print one sheet, or ``only`` one page of it; returns its number of pages."""
        if plate.slip:
            return self._slips(plate, sheet)
        layout = plate.layout
        repeats = layout.lines > 0
        of = max(1, -(-len(sheet.lines) // layout.lines)) if repeats else len(layout.pages)
        for number in (only,) if only else range(1, of + 1):
            page = layout.pages[0 if repeats else number - 1]
            first = (number - 1) * layout.lines
            self._page(plate, sheet, page, number, of, sheet.lines[first : first + layout.lines])
        return of

    def pdf(self) -> bytes:
        """The whole as a PDF."""
        self._canvas.save()
        return self._file.getvalue()

    def _page(
        self, plate: Plate, sheet: Sheet, page: Page, number: int, of: int, lines: Sequence[Mapping[str, str]]
    ) -> None:
        canvas = self._canvas
        fixed = self._fixed(plate.layout, page)
        canvas.setPageSize(page.size)
        canvas.doForm(fixed)
        for slot in page.slots:
            _draw_slot(canvas, page.size[1], slot, sheet.facts, lines)
        imprint = Imprint(
            plate.title, self._clinic, sheet.heading, number, of, sheet.serial,
            plate.code(number, of, sheet.serial), f"{plate.form}, version {plate.version} · {self._printed}",
        )  # fmt: skip
        draw_imprint(canvas, page.size, imprint)
        canvas.showPage()
        self._note(plate, sheet, page, number, of)

    def _note(self, plate: Plate, sheet: Sheet, page: Page, number: int, of: int) -> None:
        self.pages.append(
            {
                "index": len(self.pages), "size": list(page.size), "form": plate.form, "version": plate.version,
                "page": number, "of": of, "serial": sheet.serial, "appointment": sheet.appointment,
                "zones": [zone._asdict() for zone in page.zones],
            }
        )  # fmt: skip

    def _fixed(self, layout: Layout, page: Page) -> str:
        """The part that is the same on every sheet, drawn once."""
        name = self._plates.get(id(page))
        if name is None:
            name = f"fixed{len(self._plates)}"
            self._keep.append(layout)
            self._plates[id(page)] = name
            self._canvas.beginForm(name, 0, 0, *page.size)
            draw_ink(self._canvas, page)
            draw_fixed(self._canvas, page.size)
            self._canvas.endForm()
        return name

    def _slips(self, plate: Plate, sheet: Sheet) -> int:
        """Four slips on a page, to be cut apart."""
        canvas = self._canvas
        width, height = PAPERS[plate.layout.paper]
        page = plate.layout.pages[0]
        canvas.setPageSize((width, height))
        for part in range(4):
            canvas.saveState()
            canvas.translate((part % 2) * width / 2, (1 - part // 2) * height / 2)
            draw_ink(canvas, page)
            for slot in page.slots:
                _draw_slot(canvas, page.size[1], slot, sheet.facts, ())
            code = plate.code(part + 1, 4, sheet.serial)
            _slip_head(canvas, page.size, plate.title, self._clinic, code, f"{sheet.serial}-{part + 1}" if code else "")
            _tear_off(canvas, page.size)
            canvas.restoreState()
        canvas.setStrokeGray(0.6)
        canvas.setDash(3, 3)
        canvas.line(width / 2, 0, width / 2, height)
        canvas.line(0, height / 2, width, height / 2)
        canvas.setDash()
        canvas.showPage()
        whole = Page((width, height), zones=page.zones)
        self._note(plate, sheet, whole, 1, 1)
        return 1


def draw_ink(canvas: Any, page: Page) -> None:
    """Draw what a page says to everybody."""
    height = page.size[1]
    for one in page.ink:
        if isinstance(one, Words):
            canvas.setFillGray(one.gray)
            canvas.setFont(BOLD if one.bold else REGULAR, one.size)
            draw = {
                "left": canvas.drawString, "center": canvas.drawCentredString, "right": canvas.drawRightString
            }[one.align]  # fmt: skip
            draw(one.x, height - one.y, one.text)
        elif isinstance(one, Line):
            canvas.setStrokeGray(one.gray)
            canvas.setLineWidth(one.width)
            canvas.line(one.x, height - one.y, one.to_x, height - one.to_y)
        else:
            _draw_rect(canvas, height, one)


def _draw_rect(canvas: Any, height: float, one: Rect) -> None:
    canvas.setStrokeGray(one.gray)
    canvas.setLineWidth(one.width)
    if one.fill is not None:
        canvas.setFillGray(one.fill)
    filled = int(one.fill is not None)
    canvas.rect(one.x, height - one.y - one.h, one.w, one.h, stroke=int(one.width > 0), fill=filled)


def _draw_slot(
    canvas: Any, height: float, slot: Slot, facts: Mapping[str, str], lines: Sequence[Mapping[str, str]]
) -> None:
    canvas.setFillGray(INK)
    if slot.text:
        _draw_running(canvas, height, slot, facts)
        return
    if slot.name.startswith("line."):
        _, number, name = slot.name.split(".", 2)
        text = lines[int(number)].get(name, "") if int(number) < len(lines) else ""
    else:
        text = facts.get(slot.name, "")
    if not text:
        return
    size, fitting = slot.size, wrap(text, slot.size, slot.w, 99, bold=slot.bold)
    room = slot.lines
    while len(fitting) > room and size > 6.4:
        size -= 0.4
        fitting = wrap(text, size, slot.w, 99, bold=slot.bold)
        room = max(slot.lines, int(slot.h // (size * 1.16))) if slot.lines > 1 else 1
    done = wrap(text, size, slot.w, room, bold=slot.bold)
    leading = size * 1.16
    y = height - slot.y - (slot.h - leading * len(done)) / 2 - size * 0.93
    canvas.setFont(BOLD if slot.bold else REGULAR, size)
    for line in done:
        canvas.drawString(slot.x, y, line)
        y -= leading


def _draw_running(canvas: Any, height: float, slot: Slot, facts: Mapping[str, str]) -> None:
    text = MERGE.sub(lambda match: facts.get(match[1]) or BLANK, slot.text)
    size = slot.size
    lines = running(text, slot.lead, slot.w, size, slot.bold)
    while len(lines) > slot.lines and size > 6:
        size -= 0.3
        lines = running(text, slot.lead, slot.w, size, slot.bold)
    for number, line in enumerate(lines[: slot.lines]):
        for piece in line_of_words(line, slot.x, slot.y + 9 + 11.6 * number, size):
            assert isinstance(piece, Words)
            canvas.setFont(BOLD if piece.bold else REGULAR, size)
            canvas.drawString(piece.x, height - piece.y, piece.text)


def _tear_off(canvas: Any, size: tuple[float, float]) -> None:
    """The foot of a slip: number and expiry of a card that could not be charged, without a code that names a visit."""
    left, right = 26.0, size[0] - 26
    canvas.setStrokeGray(0.6)
    canvas.setDash(2, 2)
    canvas.line(0, TEAR_OFF, size[0], TEAR_OFF)
    canvas.setDash()
    canvas.setFillGray(GREY)
    canvas.setFont(REGULAR, 7.5)
    canvas.drawString(left, TEAR_OFF - 11, "Tear off · never scan · shred it once the card is charged")
    expiry = right - 74
    canvas.drawString(left, TEAR_OFF - 25, "Card number")
    canvas.drawString(expiry, TEAR_OFF - 25, "Expiry")
    canvas.line(left, 16, expiry - 12, 16)
    canvas.line(expiry, 16, right, 16)


def _slip_head(canvas: Any, size: tuple[float, float], title: str, clinic: str, code: str, number: str) -> None:
    """The head of a slip: its code, its number to be keyed, and in words that it is never scanned."""
    from forms.furniture import CODE, code_rows

    left, top = 26.0, size[1] - 22
    if code:
        draw_modules(canvas, code_rows(code), left, top, CODE)
    start = left + CODE + 14
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 14)
    canvas.drawString(start, top - 13, title)
    canvas.drawRightString(size[0] - 26, top - 13, number)
    canvas.rect(start, top - 38, size[0] - 26 - start, 17, stroke=0, fill=1)
    canvas.setFillGray(1)
    canvas.setFont(BOLD, 9)
    canvas.drawString(start + 6, top - 32.5, "DO NOT SCAN · shred after keying")
    canvas.setFillGray(GREY)
    canvas.setFont(REGULAR, 8)
    canvas.drawString(start, top - 52, wrap(clinic, 8, size[0] - 26 - start, 1)[0])
    canvas.setFont("Courier", 6.5)
    canvas.drawString(left, top - CODE - 9, code)
