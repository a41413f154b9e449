"""Where everything of a form stands on paper: one pass places what is printed and the zones that are read back.

Measures in points from the top left of the page. A layout depends on the form and the paper alone, never on whom a
sheet is for: facts get fixed places, so that every sheet of an edition has the same zones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from data.errors import BadInput
from forms.definition import ACROSS, MERGE, Cell, Form, FormField
from forms.furniture import BAND, BOX, MARGIN, PITCH
from forms.print import PAPERS, text_width, wrap
from forms.token import MOST_PAGES

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


class TooManyPages(BadInput):
    """This form takes more than {most} pages. Shorten it, or make two forms of it."""


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
        whole = {"paper": self.paper, "pages": [asdict(page) for page in self.pages]}
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode()).hexdigest()


def zones_of(document: dict[str, object]) -> list[tuple[tuple[float, float], list[Zone]]]:
    """The pages' sizes and zones out of ``Layout.document``."""
    return [
        (tuple(page["size"]), [Zone(*zone) for zone in page["zones"]])
        for page in document["pages"]  # type: ignore[attr-defined]
    ]


def _rounded(zone: Zone) -> list[object]:
    return [round(value, 2) if isinstance(value, float) else value for value in zone]


def lay_out(form: Form, paper: str = "letter", order: Order = "mdy") -> Layout:
    """Place a form on ``letter`` or ``a4``; ``order`` is how the clinic writes dates.

    Raises DoesNotFit, TooManyPages.
    """
    width, height = PAPERS[paper]
    size = (height, width) if form.landscape else (width, height)
    setter = _Setter(size, order, repeats=form.repeats)
    for section in form.sections:
        setter.section(section.title, section.help, section.fields, new_page=section.new_page)
    if len(setter.pages) > MOST_PAGES:
        raise TooManyPages(most=MOST_PAGES)
    if form.repeats and len(setter.pages) > 1:
        raise DoesNotFit(label=form.title)
    return Layout(paper, setter.pages, setter.lines, setter.places)


def lay_out_slip(form: Form, paper: str = "letter", order: Order = "mdy") -> Layout:
    """A slip: a quarter of the page, printed four times on it. Its zones are those of the first."""
    width, height = PAPERS[paper]
    setter = _Setter((width / 2, height / 2), order, slip=True)
    for section in form.sections:
        setter.section(section.title, section.help, section.fields, new_page=False)
    if len(setter.pages) > 1:
        raise DoesNotFit(label=form.title)
    return Layout(paper, setter.pages, places=setter.places)


class _Setter:
    """Sets fields from the top of a page down, and begins the next page when one does not fit."""

    def __init__(self, size: tuple[float, float], order: Order, *, repeats: bool = False, slip: bool = False) -> None:
        self.size, self.order, self.repeats = size, order, repeats
        self.left = 26.0 if slip else MARGIN
        self.top = 104.0 if slip else BAND + 3
        self.bottom = size[1] - (16.0 if slip else BAND - 2)
        self.width = size[0] - 2 * self.left
        self.pages: list[Page] = []
        self.places: list[Place] = []
        self.lines = 0
        self.row_height = 0.0
        self.page: Page
        self._next_page()

    def _next_page(self) -> None:
        self.page = Page(self.size)
        self.pages.append(self.page)
        self.y = self.top

    def section(self, title: str, hint: str, fields: Sequence[FormField], *, new_page: bool) -> None:
        """One section: its heading stays with its first row."""
        blocks = list(self._blocks(fields))
        head = (19.0 if title else 0.0) + (11.0 if hint and not title else 0.0)
        if new_page and self.y > self.top:
            self._next_page()
        grows = self.repeats and blocks[0].first.type == "grid"
        if self.y + head + (0.0 if grows else blocks[0].height) > self.bottom and self.y > self.top:
            self._next_page()
        self._heading(title, hint)
        for block in blocks:
            if self.repeats and block.first.type == "grid":
                self._repeating(block.first)
                continue
            if self.y + block.height > self.bottom and self.y > self.top:
                self._next_page()
            if self.y + block.height > self.bottom:
                raise DoesNotFit(label=block.first.label or block.first.key)
            for one, start, down, height in block.placed:
                self.row_height = height
                self._note(one, self.left + start * self._column, self.y + down, height)
                self._set(one, self.left + start * self._column, self.y + down, self._inner(one))
            self.y += block.height
        self.y += 4

    def _note(self, one: FormField, x: float, y: float, height: float) -> None:
        self.places.append(Place(len(self.pages) - 1, one.key, x, y, self._inner(one), height))

    def _heading(self, title: str, hint: str) -> None:
        ink = self.page.ink
        if title:
            ink.append(Line(self.left, self.y + 1, self.left + self.width, self.y + 1, 0.9, 0.25))
            ink.append(Words(self.left, self.y + 13, title, 10.5, True))
            start = self.left + text_width(title, 10.5, True) + 10
            if hint:
                (line,) = wrap(hint, LABEL, self.left + self.width - start, 1)
                ink.append(Words(start, self.y + 13, line, LABEL, gray=0.4))
            self.y += 19
        elif hint:
            ink.append(Words(self.left, self.y + 7, wrap(hint, LABEL, self.width, 1)[0], LABEL, gray=0.4))
            self.y += 11

    @property
    def _column(self) -> float:
        return (self.width + GAP) / ACROSS

    def _blocks(self, fields: Sequence[FormField]) -> Iterator[_Block]:
        """Fields side by side as long as they fit; beside a tall field of bubbles as many rows as it is high."""
        waiting = list(fields)
        while waiting:
            tall = waiting[0].type == "bubble_digits" and waiting[0].width < ACROSS
            if not tall:
                row = _row(waiting, ACROSS)
                yield _Block.of(row, 0, 0.0, max(self._height(one) for one in row))
                del waiting[: len(row)]
                continue
            first = waiting.pop(0)
            height, used = self._height(first), 0.0
            block = _Block.of([first], 0, 0.0, height)
            while waiting and (row := _row(waiting, ACROSS - first.width)):
                needed = max(self._height(one) for one in row)
                if used + needed > height + 1:
                    break
                block.placed += _Block.of(row, first.width, used, needed).placed
                used += needed
                del waiting[: len(row)]
            yield block

    def _inner(self, one: FormField) -> float:
        return one.width * (self.width + GAP) / ACROSS - GAP

    def _height(self, one: FormField) -> float:
        """What a field needs, in points, air included."""
        width = self._inner(one)
        label = 10.5 * len(self._label_lines(one, width)) if one.label else 2.0
        if one.type == "prose":
            return 11.6 * len(self._prose_lines(one, width)) + 4.5
        if one.type == "grid":
            return self._grid_head(one, width) + LINE_HEIGHT * one.lines + 5
        if one.type == "check":
            return max(PITCH, 11.0 * len(wrap(one.label, TEXT, width - BOX - 6, 3)) + 9)
        if one.type in ("single", "multi"):
            return label + PITCH * len(self._option_rows(one, width)) + 4
        return {
            "fact": 27.0, "bubble_digits": CELL_HEIGHT + 9 + PITCH * one.digits, "signature": label + 32.0,
            "text": label + RULE_PITCH * one.lines + 4,
        }.get(one.type, label + CELL_HEIGHT + 6)  # fmt: skip

    def _set(self, one: FormField, x: float, y: float, w: float) -> None:
        setters = {
            "fact": self._fact, "check": self._check, "single": self._choice, "multi": self._choice,
            "bubble_digits": self._bubbles, "digits": self._digits, "time": self._time, "date": self._date,
            "text": self._text, "initials": self._initials, "signature": self._signature, "prose": self._prose,
            "grid": self._grid,
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

    def _grid_head(self, one: FormField, width: float) -> float:
        shares = _shares(one.cells, width)
        lines = max(len(wrap(c.label, SMALL + 0.4, w - 5, 2)) for c, w in zip(one.cells, shares, strict=True))
        return (10.5 if one.label else 0.0) + 8.5 * lines + 4

    def _grid(self, one: FormField, x: float, y: float, w: float) -> None:
        top = self._labelled(one, x, y, w) if one.label else y
        shares = _shares(one.cells, w)
        head = self._grid_head(one, w) - (top - y if one.label else 0.0)
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

    def _repeating(self, one: FormField) -> None:
        """The lines of a form that continues: as many as the page takes."""
        head = self._grid_head(one, self.width)
        self.lines = min(one.lines, int((self.bottom - self.y - head) // LINE_HEIGHT))
        if self.lines < 1:
            raise DoesNotFit(label=one.label or one.key)
        fitting = one.model_copy(update={"lines": self.lines})
        self._note(fitting, self.left, self.y, head + LINE_HEIGHT * self.lines)
        self._grid(fitting, self.left, self.y, self.width)
        self.y += head + LINE_HEIGHT * self.lines


@dataclass
class _Block:
    """Fields that stay together: each with its first column, how far down it stands, and the height of its row."""

    placed: list[tuple[FormField, int, float, float]]
    height: float

    @classmethod
    def of(cls, row: Sequence[FormField], start: int, down: float, height: float) -> _Block:
        """One row."""
        placed = []
        for one in row:
            placed.append((one, start, down, height))
            start += one.width
        return cls(placed, height)

    @property
    def first(self) -> FormField:
        """The field it begins with."""
        return self.placed[0][0]


def _row(fields: Sequence[FormField], room: int) -> list[FormField]:
    """The first fields that fit side by side into so many twelfths."""
    row: list[FormField] = []
    for one in fields:
        room -= one.width
        if room < 0:
            break
        row.append(one)
    return row


def _shares(cells: Sequence[Cell], width: float) -> list[float]:
    total = sum(cell.width for cell in cells)
    return [width * cell.width / total for cell in cells]


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
