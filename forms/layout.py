"""Where everything of a form stands on paper: one pass places what is printed and the zones that are read back.

Measures in points from the top left of the page. A layout depends on the form and the paper alone, never on whom a
sheet is for: facts get fixed places, so that every sheet of an edition has the same zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data.errors import BadInput
from forms.definition import ACROSS, Form, FormField
from forms.field_setting import GAP, LABEL, LINE_HEIGHT, DoesNotFit, FieldSetter, Order
from forms.furniture import BAND, MARGIN
from forms.placed import TEAR_OFF, Layout, Line, Page, Place, Words
from forms.print import PAPERS, text_width, wrap
from forms.token import MOST_PAGES


class TooManyPages(BadInput):
    """This form takes more than {most} pages. Shorten it, or make two forms of it."""


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


class _Setter(FieldSetter):
    """Sets fields from the top of a page down, and begins the next page when one does not fit."""

    def __init__(self, size: tuple[float, float], order: Order, *, repeats: bool = False, slip: bool = False) -> None:
        self.left = 26.0 if slip else MARGIN
        super().__init__(order, size[0] - 2 * self.left)
        self.size, self.repeats = size, repeats
        self.top = 104.0 if slip else BAND + 3
        self.bottom = size[1] - (TEAR_OFF + 4.0 if slip else BAND - 2)
        self.pages: list[Page] = []
        self.places: list[Place] = []
        self.lines = 0
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
                self.set_field(one, self.left + start * self._column, self.y + down, self.inner(one))
            self.y += block.height
        self.y += 4

    def _note(self, one: FormField, x: float, y: float, height: float) -> None:
        self.places.append(Place(len(self.pages) - 1, one.key, x, y, self.inner(one), height))

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
                yield _Block.of(row, 0, 0.0, max(self.height(one) for one in row))
                del waiting[: len(row)]
                continue
            first = waiting.pop(0)
            height, used = self.height(first), 0.0
            block = _Block.of([first], 0, 0.0, height)
            while waiting and (row := _row(waiting, ACROSS - first.width)):
                needed = max(self.height(one) for one in row)
                if used + needed > height + 1:
                    break
                block.placed += _Block.of(row, first.width, used, needed).placed
                used += needed
                del waiting[: len(row)]
            yield block

    def _repeating(self, one: FormField) -> None:
        """The lines of a form that continues: as many as the page takes."""
        head = self.grid_head(one, self.width)
        self.lines = min(one.lines, int((self.bottom - self.y - head) // LINE_HEIGHT))
        if self.lines < 1:
            raise DoesNotFit(label=one.label or one.key)
        fitting = one.model_copy(update={"lines": self.lines})
        self._note(fitting, self.left, self.y, head + LINE_HEIGHT * self.lines)
        self.set_grid(fitting, self.left, self.y, self.width)
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
