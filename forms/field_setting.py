"""Setting one field on paper: how high it is, what is printed of it, and where its answers stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from data.errors import BadInput
from forms.definition import ACROSS, MERGE, Cell, FormField
from forms.furniture import BOX, PITCH
from forms.placed import Line, Page, Rect, Slot, Words, Zone, line_of_words, running
from forms.print import text_width, wrap

GAP = 10.0
LABEL, SMALL, TEXT, FACT = 7.4, 6.4, 8.8, 10.0
CELL_WIDTH, CELL_HEIGHT = 15.6, 20.5
RULE_PITCH = 19.0
LINE_HEIGHT = 24.0
NARROWEST = 9.0
"""The least width of a cell that a digit can be written into."""
FILLER = "n" * 20
"""Room that a fact in running text is given."""

BEFORE = frozenset({"$", "£", "US$", "C$", "A$"})
"""Units that are written before the number."""

Order = Literal["mdy", "dmy", "ymd"]


class DoesNotFit(BadInput):
    """'{label}' does not fit on a page. Give it fewer lines or answers, or shorter words."""


class FieldSetter:
    """Sets one field at a place of the page at hand: what is printed of it, and its zones."""

    def __init__(self, order: Order, width: float) -> None:
        self.order, self.width = order, width
        self.row_height = 0.0
        self.page: Page

    def inner(self, one: FormField) -> float:
        """The width a field has of the twelve columns, in points."""
        return one.width * (self.width + GAP) / ACROSS - GAP

    def height(self, one: FormField) -> float:
        """What a field needs, in points, air included."""
        width = self.inner(one)
        label = 10.5 * len(self._label_lines(one, width)) if one.label else 2.0
        if one.type == "prose":
            return 11.6 * len(self._prose_lines(one, width)) + 4.5
        if one.type == "grid":
            return self.grid_head(one, width) + LINE_HEIGHT * one.lines + 5
        if one.type == "check":
            return max(PITCH, 11.0 * len(wrap(one.label, TEXT, width - BOX - 6, 3)) + 9)
        if one.type in ("single", "multi"):
            return label + PITCH * len(self._option_rows(one, width)) + 4
        return {
            "fact": 27.0, "bubble_digits": CELL_HEIGHT + 9 + PITCH * one.digits, "signature": label + 32.0,
            "text": label + RULE_PITCH * one.lines + 4,
        }.get(one.type, label + CELL_HEIGHT + 6)  # fmt: skip

    def set_field(self, one: FormField, x: float, y: float, w: float) -> None:
        """Set a field with its top left at (x, y)."""
        setters = {
            "fact": self._fact, "check": self._check, "single": self._choice, "multi": self._choice,
            "bubble_digits": self._bubbles, "digits": self._digits, "time": self._time, "date": self._date,
            "text": self._text, "initials": self._initials, "signature": self._signature, "prose": self._prose,
            "grid": self.set_grid,
        }  # fmt: skip
        setters[one.type](one, x, y, w)

    def _label_lines(self, one: FormField, width: float) -> list[str]:
        text = one.label + (f", {one.unit}" if one.unit and one.type == "text" else "")
        return wrap(text + (" *" if one.required else ""), LABEL, width, 2) if text else []

    def _labelled(self, one: FormField, x: float, y: float, w: float) -> float:
        """Draw the label; the y beneath it."""
        lines = self._label_lines(one, w)
        for number, line in enumerate(lines):
            self.page.ink.append(Words(x, y + 7.4 + 10 * number, line, LABEL, gray=0.25))
        if one.help and len(lines) == 1:
            start = x + text_width(lines[0], LABEL) + 8
            if start < x + w - 20:
                hint = wrap(one.help, SMALL, x + w - start, 1)[0]
                self.page.ink.append(Words(start, y + 7.4, hint, SMALL, gray=0.45))
        return y + (10.5 * len(lines) if lines else 2.0)

    def _zone(self, key: str, option: str, kind: str, x: float, y: float, w: float, h: float) -> None:
        self.page.zones.append(Zone(key, option, kind, round(x, 2), round(y, 2), round(w, 2), round(h, 2)))

    def _box(self, key: str, option: str, kind: str, x: float, y: float) -> None:
        self.page.ink.append(Rect(x, y, BOX, BOX, 0.8, 0.45))
        self._zone(key, option, kind, x, y, BOX, BOX)

    def _fact(self, one: FormField, x: float, y: float, w: float) -> None:
        self.page.ink.append(Words(x, y + 7, wrap(one.label, SMALL, w, 1)[0], SMALL, gray=0.4))
        self.page.ink.append(Line(x, y + 23, x + w, y + 23, 0.5, 0.75))
        if one.fact:
            self.page.slots.append(Slot(one.fact, x, y + 9, w, 13, FACT, one.strong, 1))
        self._zone(one.key, "", "text", x, y + 8, w, 15)

    def _check(self, one: FormField, x: float, y: float, w: float) -> None:
        lines = wrap(one.label + (" *" if one.required else ""), TEXT, w - BOX - 6, 3)
        top = y + max((self.row_height - BOX) / 2 - 1, 1) if len(lines) == 1 else y + 3
        self._box(one.key, "", "check", x, top)
        for number, line in enumerate(lines):
            self.page.ink.append(Words(x + BOX + 6, top + 9.2 + 11 * number, line, TEXT))

    def _option_rows(self, one: FormField, width: float) -> list[list[tuple[float, str, str]]]:
        """The answers in rows: offset of the box, value, words."""
        if one.per_line:
            step = width / one.per_line
            if step < PITCH:
                raise DoesNotFit(label=one.label)
            rows: list[list[tuple[float, str, str]]] = []
            for number, option in enumerate(one.options):
                if number % one.per_line == 0:
                    rows.append([])
                words = wrap(option.label, TEXT, max(step - BOX - 9, 12), 1)[0]
                rows[-1].append(((number % one.per_line) * step, option.value, words))
            return rows
        rows, at = [[]], 0.0
        for option in one.options:
            words = wrap(option.label, TEXT, width - BOX - 5, 1)[0]
            needed = BOX + 5 + text_width(words, TEXT)
            if rows[-1] and at + needed > width + 0.5:
                rows.append([])
                at = 0.0
            rows[-1].append((at, option.value, words))
            at += max(needed + 13, PITCH)
        return rows

    def _choice(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w) + 2
        for row in self._option_rows(one, w):
            for offset, value, words in row:
                self._box(one.key, value, one.type, x + offset, y)
                self.page.ink.append(Words(x + offset + BOX + 5, y + 9.2, words, TEXT))
            y += PITCH

    @staticmethod
    def _wide(one: FormField | Cell, usual: float, room: float) -> float:
        """How wide a cell gets; raises DoesNotFit where nobody could write into it."""
        if room < NARROWEST:
            raise DoesNotFit(label=one.label)
        return min(usual, room)

    def _cells(self, x: float, y: float, one: FormField | Cell, width: float = CELL_WIDTH) -> float:
        """Cells for the digits of a number, with its decimal point; the x behind them."""
        for place in range(one.digits):
            if one.decimals and place == one.digits - one.decimals:
                self.page.ink.append(Words(x + 2.5, y + CELL_HEIGHT - 3, ".", 12, True, 0.2, "center"))
                x += 5
            self.page.ink.append(Rect(x, y, width, CELL_HEIGHT, 0.5, 0.55))
            x += width
        return x

    def _digits(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w) + 1
        room = w - (text_width(one.unit, TEXT) + 6 if one.unit else 0) - (5 if one.decimals else 0)
        if one.unit in BEFORE:
            self.page.ink.append(Words(x, y + 14, one.unit, TEXT, gray=0.25))
            x += text_width(one.unit, TEXT) + 4
        end = self._cells(x, y, one, self._wide(one, CELL_WIDTH, room / one.digits))
        if one.unit and one.unit not in BEFORE:
            self.page.ink.append(Words(end + 4, y + 14, one.unit, TEXT, gray=0.25))
        self._zone(one.key, "", "digits", x, y, end - x, CELL_HEIGHT)

    def _bubbles(self, one: FormField, x: float, y: float, w: float) -> None:
        needed = 24 + PITCH * 10
        if needed > w + 8:
            raise DoesNotFit(label=one.label)
        text = one.label + (f", {one.unit}" if one.unit else "") + (" *" if one.required else "")
        self.page.ink.append(Words(x, y + 9, text, LABEL + 0.6, True, 0.15))
        hint = "Write it, then mark one digit in each line"
        cells = CELL_WIDTH * one.digits + (5 if one.decimals else 0)
        end = x + 24 + PITCH * 10 - 8.6
        self.page.ink.append(Words(x, y + 18, wrap(hint, SMALL, end - cells - x - 4, 1)[0], SMALL, gray=0.45))
        self._cells(end - cells, y + 1, one)
        self._zone(one.key, "", "digits_written", end - cells, y + 1, cells, CELL_HEIGHT)
        y += CELL_HEIGHT + 6
        for place in range(one.digits):
            power = one.digits - one.decimals - 1 - place
            caption = str(10**power) if power >= 0 else "." + "0" * (-power - 1) + "1"
            self.page.ink.append(Words(x + 12, y + 9, caption, LABEL, gray=0.35, align="right"))
            for digit in range(10):
                at = x + 24 + digit * PITCH
                self.page.ink.append(Words(at - 1.8, y + 8.6, str(digit), 7, gray=0.3, align="right"))
                self._box(one.key, f"{place + 1}:{digit}", "bubble_digits", at, y)
            y += PITCH

    def _time(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w) + 1
        end = self._clock(x, y, self._wide(one, CELL_WIDTH, (w - 6) / 4))
        self._zone(one.key, "", "time", x, y, end - x, CELL_HEIGHT)

    def _clock(self, x: float, y: float, width: float) -> float:
        for place in range(4):
            if place == 2:
                self.page.ink.append(Words(x + 3, y + 14, ":", 11, True, 0.2, "center"))
                x += 6
            self.page.ink.append(Rect(x, y, width, CELL_HEIGHT, 0.5, 0.55))
            x += width
        return x

    def _date(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w) + 1
        start = x
        parts = {"m": "MM", "d": "DD", "y": "YYYY"}
        width = self._wide(one, CELL_WIDTH - 1, (w - 8) / 8)
        for number, part in enumerate(self.order):
            if number:
                x += 4
            for letter in parts[part]:
                self.page.ink.append(Rect(x, y, width, CELL_HEIGHT, 0.5, 0.55))
                self.page.ink.append(Words(x + width / 2, y + CELL_HEIGHT - 3, letter, 6, gray=0.72, align="center"))
                x += width
        self._zone(one.key, "", "date", start, y, x - start, CELL_HEIGHT)

    def _text(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w)
        for number in range(1, one.lines + 1):
            self.page.ink.append(Line(x, y + RULE_PITCH * number - 2, x + w, y + RULE_PITCH * number - 2))
        if one.fact:
            self.page.slots.append(Slot(one.fact, x, y + 2, w, RULE_PITCH * one.lines - 4, FACT, False, one.lines))
        self._zone(one.key, "", "text", x, y, w, RULE_PITCH * one.lines)

    def _initials(self, one: FormField, x: float, y: float, w: float) -> None:
        y = self._labelled(one, x, y, w) + 1
        width = min(w, 58.0)
        self.page.ink.append(Rect(x, y, width, CELL_HEIGHT, 0.5, 0.55))
        self._zone(one.key, "", "initials", x, y, width, CELL_HEIGHT)

    def _signature(self, one: FormField, x: float, y: float, w: float) -> None:
        self.page.ink.append(Line(x, y + 29, x + w, y + 29, 0.7, 0.35))
        label = one.label + (" *" if one.required else "")
        self.page.ink.append(Words(x, y + 37, wrap(label, LABEL, w, 1)[0], LABEL, gray=0.25))
        self.page.ink.append(Words(x, y + 26, "×", 11, gray=0.55))
        self._zone(one.key, "", "signature", x, y + 2, w, 27)

    def _prose_lines(self, one: FormField, width: float) -> list[list[tuple[str, bool]]]:
        return running(MERGE.sub(FILLER, one.text), one.label, width, TEXT, one.strong)

    def _prose(self, one: FormField, x: float, y: float, w: float) -> None:
        lines = self._prose_lines(one, w)
        if MERGE.search(one.text):
            slot = Slot("", x, y, w, 11.6 * len(lines), TEXT, one.strong, len(lines), one.text, one.label)
            self.page.slots.append(slot)
            return
        for number, line in enumerate(lines):
            self.page.ink += line_of_words(line, x, y + 9 + 11.6 * number, TEXT)

    def grid_head(self, one: FormField, width: float) -> float:
        """How high the heads of a grid's columns are, its label included."""
        shares = _shares(one.cells, width)
        lines = max(len(wrap(c.label, SMALL + 0.4, w - 5, 2)) for c, w in zip(one.cells, shares, strict=True))
        return (10.5 if one.label else 0.0) + 8.5 * lines + 4

    def set_grid(self, one: FormField, x: float, y: float, w: float) -> None:
        """Set repeating lines: heads, rules and cells."""
        top = self._labelled(one, x, y, w) if one.label else y
        shares = _shares(one.cells, w)
        head = self.grid_head(one, w) - (top - y if one.label else 0.0)
        ink = self.page.ink
        bottom = top + head + LINE_HEIGHT * one.lines
        ink.append(Rect(x, top, w, head, 0, 0, 0.93))
        for number in range(1, one.lines + 1):
            ink.append(Line(x, top + head + LINE_HEIGHT * number, x + w, top + head + LINE_HEIGHT * number, 0.5, 0.6))
        at = x
        for cell, share in zip(one.cells, shares, strict=True):
            for number, line in enumerate(wrap(cell.label, SMALL + 0.4, share - 5, 2)):
                ink.append(Words(at + 3, top + 8.5 * (number + 1), line, SMALL + 0.4, True, 0.25))
            if at > x:
                ink.append(Line(at, top + head, at, bottom, 0.4, 0.78))
            for number in range(one.lines):
                key = f"{one.key}.{number + 1}.{cell.key}"
                self._cell(cell, key, number, at, top + head + LINE_HEIGHT * number, share)
            at += share
        ink.append(Rect(x, top, w, bottom - top, 0.7, 0.45))

    def _cell(self, cell: Cell, key: str, number: int, x: float, y: float, w: float) -> None:
        inside = y + (LINE_HEIGHT - CELL_HEIGHT) / 2 + 0.5
        if cell.fact:
            self.page.slots.append(Slot(f"line.{number}.{cell.fact}", x + 3, y + 0.6, w - 5, 22.8, 8.2, False, 2))
        if cell.type == "digits":
            room = (w - 6 - (5 if cell.decimals else 0)) / cell.digits
            if room < 11:
                raise DoesNotFit(label=cell.label)
            self._cells(x + 3, inside, cell, min(CELL_WIDTH, room))
        elif cell.type == "time":
            self._clock(x + 3, inside, self._wide(cell, CELL_WIDTH, (w - 12) / 4))
        elif cell.type in ("check", "single"):
            self._cell_boxes(cell, key, x, y + (LINE_HEIGHT - BOX) / 2, w)
            return
        self._zone(key, "", cell.type, x + 1, y + 1, w - 2, LINE_HEIGHT - 2)

    def _cell_boxes(self, cell: Cell, key: str, x: float, y: float, w: float) -> None:
        answers = [("", "")] if cell.type == "check" else [(o.value, o.label) for o in cell.options]
        step = w / len(answers)
        for number, (value, label) in enumerate(answers):
            lead = text_width(label, LABEL) + 3 if label else 0.0
            if lead + BOX + 6 > step or step < PITCH:
                raise DoesNotFit(label=cell.label)
            at = x + step * number + (step - BOX - lead) / 2
            if label:
                self.page.ink.append(Words(at, y + 9, label, LABEL, gray=0.3))
            self._box(key, value, cell.type, at + lead, y)


def _shares(cells: Sequence[Cell], width: float) -> list[float]:
    total = sum(cell.width for cell in cells)
    return [width * cell.width / total for cell in cells]
