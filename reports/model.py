"""The semantic layer: what can be asked about, in words. One TOML file in ``entities/`` for each entity.

An entity is one kind of row. Fields may come through joins, and every join is many-to-one: each row of the entity
finds at most one row on the other side, so that no sum can double. A measure adds up the entity's own columns only.
SQL stands in these files alone, which ship with the product; a report spec never holds any.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field as field
from pydantic import model_validator

from data.definitions import Document
from data.errors import BadInput

FOLDER = Path(__file__).parent / "entities"

FieldType = Literal[
    "text", "choice", "whole", "number", "money", "day", "month", "quarter", "year", "week", "weekday", "hour",
    "instant", "clock", "minutes", "yes_no", "ratio", "per_10000", "id",
]  # fmt: skip
Aggregate = Literal["count", "count_distinct", "sum", "avg", "median", "min", "max"]
Op = Literal[
    "is", "is_not", "in", "not_in", "from", "to", "after", "before", "contains", "empty", "not_empty", "within",
]  # fmt: skip


class UnknownWord(BadInput):
    """There is no {what} called {name} in {where}. It knows: {known}."""


class Condition(Document):
    """A test of one field. ``parameter`` takes the value from the person's choice instead of ``value``; an empty
    choice means the test is left out. ``within`` takes a period such as this_month (reports/periods.py); ``is`` with
    no value means that there is none."""

    field: str
    op: Op
    value: str | int | float | bool | list[str] | list[int] | None = None
    parameter: str = ""


class AllOf(Document):
    """Tests that must all hold."""

    all: list[Condition] = field(min_length=1)


class AnyOf(Document):
    """Tests of which one must hold."""

    any: list[Condition | AllOf] = field(min_length=1)


Filter = Condition | AnyOf


class Column(Document):
    """One field. In ``sql`` stands ``@.column`` for the row and ``@join.column`` for a row it finds; without it the
    column is called as the field is. ``phi`` fields need the right to see clients, ``money`` fields the right to see
    money in reports."""

    label: str
    type: FieldType = "text"
    sql: str = ""
    phi: bool = False

    @property
    def money(self) -> bool:
        """Whether it is an amount."""
        return self.type == "money"


class Join(Document):
    """A row on the other side: ``on`` is the column here, ``key`` the unique column there."""

    entity: str
    on: str
    key: Literal["id", "slug"] = "id"
    where: str = ""


class Measure(Document):
    """Something counted or added up, or the ratio of two such (``num`` / ``den``), so that a total is exact."""

    label: str
    type: FieldType = "whole"
    definition: str = ""
    agg: Aggregate | None = None
    of: str = ""
    scale: int = 1
    where: list[Condition] = field(default_factory=list)
    num: str = ""
    den: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Measure:
        if bool(self.agg) == bool(self.num and self.den):
            raise ValueError("a measure is either an aggregate or a ratio of two measures")
        if self.agg and self.agg != "count" and not self.of:
            raise ValueError("this aggregate needs a column to work on")
        return self


class Entity(Document):
    """One kind of row, its words and its numbers. ``source`` is SQL over the mart where a table alone will not do."""

    label: str
    row: str
    """What one row is, in words."""
    table: str = ""
    source: str = ""
    joins: dict[str, Join] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    """Columns here that hold what a path leads to: the key of a row further on, or a field of one. They save joins."""
    fields: dict[str, Column] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    offered: bool = False
    """Whether one may build a report on it; the others only help."""
    day: str = ""
    """The field whose day the period of a report limits."""
    rows: list[str] = field(default_factory=list)
    """What a look at the rows behind a number shows."""
    where: list[Condition] = field(default_factory=list)
    """Tests that always hold: which rows count at all."""
    own: str = ""
    """SQL that tells whether a row is of the person ``$me``; without it, who sees only their own sees none."""
    permission: str = ""
    """What one must be allowed besides reports to ask about it."""

    @model_validator(mode="after")
    def _sound(self) -> Entity:
        if bool(self.table) == bool(self.source):
            raise ValueError("an entity has either a table or a source")
        for name, measure in self.measures.items():
            for part in (measure.num, measure.den):
                if part and part not in self.measures:
                    raise ValueError(f"{name} divides by way of {part}, which is not a measure here")
            if re.search(r"(^|[^@\w.])\w+\.\w|@\w+\.", measure.of):
                raise ValueError(f"{name} adds up {measure.of}, a column of another row: it would count twice")
        return self


class Model:
    """Every entity by name: those the product ships with, and the clinic's own fields among their fields."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self.entities = dict(entities)
        for name, entity in self.entities.items():
            for join_name, join in entity.joins.items():
                if join.entity not in self.entities:
                    raise UnknownWord(what="entity", name=join.entity, where=f"{name}.{join_name}",
                                      known=", ".join(self.entities))  # fmt: skip

    def with_fields(self, extra: Mapping[str, Mapping[str, Column]]) -> Model:
        """The same with further fields, by entity and name; a field that is there already stays as it is."""
        entities = dict(self.entities)
        for name, fields in extra.items():
            entities[name] = entities[name].model_copy(update={"fields": {**fields, **entities[name].fields}})
        return Model(entities)

    def entity(self, name: str) -> Entity:
        """One entity; raises UnknownWord."""
        if name not in self.entities:
            raise UnknownWord(what="entity", name=name, where="the report model", known=", ".join(self.entities))
        return self.entities[name]

    def resolve(self, start: str, path: str) -> tuple[tuple[str, ...], str, Column]:
        """Follow ``client.name`` from an entity: the joins on the way, the last entity, and the field there."""
        *steps, last = path.split(".")
        here = self.resolve_entity(start, tuple(steps))
        fields = self.entity(here).fields
        if last not in fields:
            raise UnknownWord(what="field", name=last, where=self.entity(here).label, known=", ".join(fields))
        return tuple(steps), here, fields[last]

    def resolve_entity(self, start: str, steps: tuple[str, ...]) -> str:
        """The entity at the end of a path of joins; raises UnknownWord."""
        here = start
        for step in steps:
            joins = self.entity(here).joins
            if step not in joins:
                raise UnknownWord(what="link", name=step, where=self.entity(here).label, known=", ".join(joins))
            here = joins[step].entity
        return here

    def measure(self, start: str, name: str) -> Measure:
        """A measure of an entity; raises UnknownWord."""
        entity = self.entity(start)
        if name not in entity.measures:
            raise UnknownWord(what="measure", name=name, where=entity.label, known=", ".join(entity.measures))
        return entity.measures[name]


@cache
def built_in() -> Model:
    """The model the product ships with."""
    return Model({
        path.stem: Entity.model_validate(tomllib.loads(path.read_text())) for path in sorted(FOLDER.glob("*.toml"))
    })  # fmt: skip
