"""What somebody who builds a report may choose from: fields in words, numbers that add up, values that exist.

Nothing that could not be built is offered: money and protected fields only to those who may see them, sums only of an
entity's own amounts, running totals only of what adds up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from data import mart
from reports.compile import Reader, adds_up, compile_spec
from reports.fields import model_of
from reports.model import Aggregate, Column, Entity, FieldType, Model
from reports.reading import watched
from reports.spec import Breakdown, By, Counted, ReportSpec
from reports.told import path_words
from security.actor import Actor
from security.rules import authorize, look

AMOUNTS: tuple[FieldType, ...] = ("money", "whole", "number", "minutes")
GROUPED: tuple[FieldType, ...] = ("text", "choice", "day", "weekday", "hour", "yes_no", "whole")
ORDERED: tuple[FieldType, ...] = (*AMOUNTS, "day", "ratio")
TESTED: tuple[FieldType, ...] = (*GROUPED, "money", "number", "minutes", "ratio")
DEEPEST = 3
MOST_VALUES = 200


@dataclass(frozen=True)
class Offer:
    """A field that may be chosen: the way to it, and its words (``Client > City``)."""

    path: str
    words: str
    column: Column


def model_for(by: Actor) -> Model:
    """The report model of this person's clinic. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        return model_of(session)


def entities(model: Model, may: frozenset[str]) -> dict[str, Entity]:
    """What this person may build a report on, by name."""
    return {
        name: entity
        for name, entity in model.entities.items()
        if entity.offered and (not entity.permission or entity.permission in may)
    }


def fields(model: Model, entity: str, may: frozenset[str]) -> list[Offer]:
    """Every field this person may choose, those of the entity first, then by way of each join.

    A row that is reached on a short way is not offered on a longer one again.
    """
    found: list[Offer] = []
    seen = {entity}
    level: list[tuple[tuple[str, ...], str]] = [((), entity)]
    for _ in range(DEEPEST + 1):
        following: list[tuple[tuple[str, ...], str]] = []
        for steps, here in level:
            found += [
                Offer(path := ".".join((*steps, name)), path_words(model, entity, path), column)
                for name, column in model.entity(here).fields.items()
                if column.type != "id" and seen_by(column, may)
            ]
            following += [((*steps, name), join.entity) for name, join in model.entity(here).joins.items()]
        level = [(steps, there) for steps, there in following if there not in seen]
        seen |= {there for _, there in level}
    return found


def seen_by(column: Column, may: frozenset[str]) -> bool:
    """Whether somebody with these rights may see a field."""
    return not (column.phi and "clients.view" not in may) and not (column.money and "reports.money" not in may)


def aggregated(offers: Iterable[Offer], agg: Aggregate) -> list[Offer]:
    """The fields that an aggregate may work on."""
    if agg == "count_distinct":
        return [one for one in offers if one.column.type in TESTED]
    if agg in ("sum", "avg", "median"):
        return [one for one in offers if one.column.type in AMOUNTS and "." not in one.path]
    return [one for one in offers if one.column.type in ORDERED]


def measures(model: Model, entity: str, may: frozenset[str]) -> dict[str, str]:
    """The named numbers this person may see, with their words."""
    known = model.entity(entity).measures

    def money(name: str) -> bool:
        one = known[name]
        return one.type == "money" or (bool(one.num) and (money(one.num) or money(one.den)))

    return {name: one.label for name, one in known.items() if "reports.money" in may or not money(name)}


def additive(model: Model, entity: str, counted: Counted) -> bool:
    """Whether the parts of a number add up to the whole, so that it has a running total and shares."""
    if counted.measure:
        known = model.entity(entity).measures.get(counted.measure)
        return known is not None and adds_up(known)
    return counted.agg in ("count", "sum")


def values_of(entity: str, path: str, *, by: Actor) -> list[object]:
    """The values that exist in a field, the most frequent first, at most 200.

    Of protected fields none are listed: one asks for what one knows. Raises NotPermitted, UnknownWord.
    """
    with look(by, "reports.view") as session:
        reader, model = Reader.of(by, authorize(session, by, "reports.view")), model_of(session)
    return values_for(reader, model, entity, path, by.clinic_id)


def values_for(reader: Reader, model: Model, entity: str, path: str, clinic_id: str) -> list[object]:
    """The same for somebody who may ask about this entity on another page."""
    if model.resolve(entity, path)[2].phi:
        return []
    by_value = Breakdown(name="value", label="Value", by=[By(field=path, name="value")])
    spec = ReportSpec(
        title="Values", entity=entity, breakdowns=[by_value],
        measures=[Counted(name="rows", agg="count")], sort=["-rows"], limit=MOST_VALUES, total=False,
    )  # fmt: skip
    from data.types import clock
    from security.clinics import clinic_of

    today = clock.today(clinic_of(clinic_id).zone)
    query = compile_spec(spec, {"today": today, "as_of": today}, reader, model)
    with mart.reading(clinic_id, max_age=mart.REFRESH_SECONDS) as cursor, watched(cursor):
        rows = cursor.execute(query.sql, query.values).fetchall()
    return [row[0] for row in rows if row[0] is not None and row[0] != ""]
