"""From a number of a report to the rows behind it: the same question, listed instead of added up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from reports.model import AllOf, AnyOf, Condition, Model
from reports.periods import months_before
from reports.spec import By, Counted, ReportSpec, Shown
from reports.told import head

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def drill(spec: ReportSpec, model: Model, at: Mapping[str, Any], number: str = "", *, limit: int = 0) -> ReportSpec:
    """The rows that a number adds up. ``at`` holds the values of the group columns that stand on its line (fewer on a
    subtotal, none on the total; a list where it stands for several), ``number`` is the column. Raises UnknownWord.

    Its parameters are those of the report. Rows of a ratio are those of its divisor; a distinct count lists each row
    that it looked at.
    """
    entity = model.entity(spec.entity)
    filters = list(spec.filters)
    for by in _groups(spec):
        if by.column in at:
            filters += _equal(by, at[by.column])
    filters += _tests(spec, model, number)
    columns = [
        Shown(field=path, name=path.replace(".", "_"), label=head(spec.entity, path, model)) for path in entity.rows
    ]
    by_day = entity.day if entity.day in entity.rows else ""
    return ReportSpec(
        title=spec.title, group=spec.group, entity=spec.entity, permission=spec.permission, period=spec.period,
        takes=spec.takes, asks=spec.asks, filters=filters, columns=columns, sort=[f"-{by_day}"] if by_day else [],
        limit=limit, definition=f"The rows behind {spec.title}, one line for {entity.row}.",
        empty="No rows stand behind this number.",
    )  # fmt: skip


def _groups(spec: ReportSpec) -> list[By]:
    found = {by.column: by for choice in spec.breakdowns for by in choice.by}
    if spec.across:
        found[spec.across.column] = spec.across
    return list(found.values())


def counting(listing: ReportSpec) -> ReportSpec:
    """How many rows a listing has in all, as its one number."""
    rows = Counted(name="rows", label="Rows", agg="count")
    body = listing.model_dump() | {"columns": [], "measures": [rows], "sort": [], "limit": 0, "total": False}
    return ReportSpec.model_validate(body)


def _among(by: By, values: list[Any]) -> AnyOf:
    """One of several values, as a mark for all the others stands for."""
    tests = [_equal(by, value) for value in values]
    parts = [one for test in tests for one in (test if len(test) == 1 else [AllOf(all=test)])]
    return AnyOf(any=parts)


def _equal(by: By, value: Any) -> list[Any]:
    if isinstance(value, list):
        return [_among(by, value)]
    if value is None:
        return [Condition(field=by.field, op="is")]
    if by.grain in ("week", *_MONTHS) and isinstance(value, date):
        return [
            Condition(field=by.field, op="from", value=value.isoformat()),
            Condition(field=by.field, op="before", value=_end(by.grain, value).isoformat()),
        ]
    return [Condition(field=by.field, op="is", value=value.isoformat() if isinstance(value, date) else value)]


def _end(grain: str, start: date) -> date:
    return start + timedelta(days=7) if grain == "week" else months_before(start, -_MONTHS[grain])


def _tests(spec: ReportSpec, model: Model, number: str) -> list[Condition]:
    """What a number asks of its rows besides what the whole report asks."""
    known: dict[str, Counted] = {counted.name: counted for counted in spec.numbers}
    counted = known.get(number)
    while counted is not None and counted.den:
        counted = known.get(counted.den)
    if counted is None:
        return []
    tests = list(counted.where)
    if counted.measure:
        measure = model.measure(spec.entity, counted.measure)
        while measure.den:
            measure = model.measure(spec.entity, measure.den)
        tests += measure.where
    return tests
