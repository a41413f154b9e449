"""A form as an administrator designs it: sections of fields on a grid of twelve columns, prose, repeating lines.

The document says what is asked and where answers go; where it stands on paper is decided by forms/layout.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from data.definitions import Document

ACROSS = 12
"""Columns of the grid a section's fields stand on."""
MOST_FIELDS = 200
MERGE = re.compile(r"\{([a-z_]+(?:\.[a-z0-9_]+)+)\}")

FieldKind = Literal[
    "fact", "check", "single", "multi", "digits", "bubble_digits", "text", "date", "time", "initials", "signature",
    "grid", "prose",
]  # fmt: skip
CellKind = Literal["text", "digits", "time", "initials", "check", "single"]
TARGET = r"^(custom\.(client|patient|appointment)\.[a-z0-9_-]+|[a-z_]+(\.[a-z0-9_]+)?)?$"
"""``entity.column``, an entity for repeating lines, or ``custom.entity.field``."""
BOXED = frozenset({"check", "single", "multi", "bubble_digits"})
"""Kinds that are answered by marking boxes, which the machine reads; all others are shown to a person as a picture."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

FACTS = {
    "clinic": ("name", "phone", "address"),
    "client": ("name", "first_name", "last_name", "phone", "other_phone", "email", "address", "number", "caution"),
    "patient": (
        "name", "species", "breed", "colour", "sex", "altered", "born", "age", "weight", "microchip", "caution",
    ),
    "appointment": (
        "number", "day", "time", "type", "services", "funding", "deposit", "owed", "caution", "notes", "location",
    ),
    "drug": ("name", "strength", "unit", "schedule"),
    "bottle": ("number", "lot", "expires", "opened", "balance", "size"),
    "roster": ("day", "count", "location"),
}  # fmt: skip
"""What may be printed into a form, by record; ``custom`` fields of client, patient and appointment are allowed too."""
SUBJECTS = {
    "appointment": ("clinic", "client", "patient", "appointment"),
    "bottle": ("clinic", "drug", "bottle"),
    "day": ("clinic", "roster"),
    "nothing": ("clinic",),
}


class Option(Document):
    """One answer of a choice."""

    value: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    label: str = Field(min_length=1, max_length=60)


class Cell(Document):
    """A column of the repeating lines. ``width`` is a share of the line; ``fact`` names what is printed into it."""

    key: Key
    label: str = Field(min_length=1, max_length=40)
    type: CellKind = "text"
    width: float = Field(default=1.0, gt=0, le=20)
    digits: int = Field(default=3, ge=1, le=8)
    decimals: int = Field(default=0, ge=0, le=4)
    options: list[Option] = Field(default_factory=list, max_length=4)
    fact: str = Field(default="", max_length=60)
    unit: str = Field(default="", max_length=12)
    target: str = Field(default="", max_length=80, pattern=TARGET)
    critical: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Cell:
        if self.type == "single" and len(self.options) < 2:
            raise ValueError("a choice needs at least two answers")
        values = [option.value for option in self.options]
        if len(set(values)) != len(values):
            raise ValueError("two answers of this choice are called the same")
        if self.type == "digits" and self.decimals >= self.digits:
            raise ValueError("a number needs at least one digit before its decimals")
        return self


class FormField(Document):
    """One thing asked for or told.

    ``width`` in twelfths of the line. ``target`` is the column an answer lands in (``exam.weight_grams``) or a custom
    field (``custom.patient.housing``). ``critical`` answers are never filled in by the machine. ``fact`` is printed
    into the field where it is known and left to be written where it is not. ``digits``/``decimals`` shape a number;
    ``least``/``most`` are its range in ``unit``. ``lines`` is room to write, or the lines of a grid.
    """

    key: Key
    type: FieldKind
    label: str = Field(default="", max_length=200)
    help: str = Field(default="", max_length=200)
    width: int = Field(default=ACROSS, ge=1, le=ACROSS)
    options: list[Option] = Field(default_factory=list, max_length=24)
    per_line: int = Field(default=0, ge=0, le=8)
    fact: str = Field(default="", max_length=60)
    text: str = Field(default="", max_length=4000)
    strong: bool = False
    lines: int = Field(default=1, ge=1, le=40)
    digits: int = Field(default=3, ge=1, le=16)
    decimals: int = Field(default=0, ge=0, le=4)
    unit: str = Field(default="", max_length=12)
    least: float | None = None
    most: float | None = None
    cells: list[Cell] = Field(default_factory=list, max_length=14)
    target: str = Field(default="", max_length=80, pattern=TARGET)
    required: bool = False
    critical: bool = False

    @model_validator(mode="after")
    def _whole(self) -> FormField:
        if self.type in ("single", "multi") and len(self.options) < 2:
            raise ValueError("a choice needs at least two answers")
        values = [option.value for option in self.options]
        if len(set(values)) != len(values):
            raise ValueError("two answers of this choice are called the same")
        if self.type == "grid" and not self.cells:
            raise ValueError("repeating lines need at least one column")
        keys = [cell.key for cell in self.cells]
        if len(set(keys)) != len(keys):
            raise ValueError("two columns of these lines are called the same")
        if self.type == "prose" and not self.text:
            raise ValueError("must not be empty: write what is to be read here")
        if self.decimals >= self.digits and self.type in ("digits", "bubble_digits"):
            raise ValueError("a number needs at least one digit before its decimals")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("the least is more than the most")
        if self.type not in ("prose", "grid", "fact") and not self.label:
            raise ValueError("needs a label: the words beside the field")
        return self

    @property
    def is_boxed(self) -> bool:
        """Whether the machine reads it."""
        return self.type in BOXED

    def answers(self) -> list[str]:
        """The option of each box, as zones and results name it: of a number ``place:digit``, places from the left."""
        if self.type == "bubble_digits":
            return [f"{place}:{digit}" for place in range(1, self.digits + 1) for digit in range(10)]
        if self.type == "check":
            return [""]
        return [option.value for option in self.options]


class Section(Document):
    """Fields under one heading; ``new_page`` begins a page with it."""

    title: str = Field(default="", max_length=80)
    help: str = Field(default="", max_length=200)
    new_page: bool = False
    fields: list[FormField] = Field(min_length=1, max_length=60)


class Form(Document):
    """A form. ``subject`` is whom one printed set belongs to; ``repeats`` lets its one page continue for as many lines
    as there are; ``slip`` marks paper that must never be scanned."""

    title: str = Field(min_length=1, max_length=80)
    purpose: str = Field(default="", max_length=200)
    subject: Literal["appointment", "bottle", "day", "nothing"] = "appointment"
    landscape: bool = False
    repeats: bool = False
    slip: bool = False
    low_stock: int = Field(default=20, ge=0, le=10_000)
    sections: list[Section] = Field(min_length=1, max_length=40)

    @field_validator("sections")
    @classmethod
    def _distinct(cls, sections: list[Section]) -> list[Section]:
        keys = [field.key for section in sections for field in section.fields]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"two fields are called {twice[0]}")
        if len(keys) > MOST_FIELDS:
            raise ValueError(f"has {len(keys)} fields, at most {MOST_FIELDS} fit")
        return sections

    @model_validator(mode="after")
    def _facts_known(self) -> Form:
        for place, name in self._named_facts():
            record, _, field = name.partition(".")
            if record not in SUBJECTS[self.subject] or not self._is_fact(record, field):
                raise ValueError(f"{place}: nothing is called {{{name}}} on a form for one {self.subject}")
        grids = [field for field in self.fields() if field.type == "grid"]
        if self.repeats and len(grids) != 1:
            raise ValueError("a form that continues needs exactly one set of lines")
        if self.slip and any(field.is_boxed for field in self.fields()):
            raise ValueError("a slip that is never scanned has no boxes to be read")
        return self

    @staticmethod
    def _is_fact(record: str, field: str) -> bool:
        if field.startswith("custom."):
            return record in ("client", "patient", "appointment") and bool(re.fullmatch(r"custom\.[a-z0-9_-]+", field))
        return field in FACTS[record]

    def _named_facts(self) -> Iterator[tuple[str, str]]:
        for field in self.fields():
            if field.fact:
                yield field.key, field.fact
            for name in MERGE.findall(field.text):
                yield field.key, name

    def fields(self) -> list[FormField]:
        """Every field in the order of the paper."""
        return [field for section in self.sections for field in section.fields]

    def field(self, key: str) -> FormField | None:
        """One field by its key."""
        return next((field for field in self.fields() if field.key == key), None)

    def facts_used(self) -> set[str]:
        """The names of all facts that are printed into it."""
        return {name for _, name in self._named_facts()}
