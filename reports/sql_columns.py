"""What a query answered, as the typed columns of a report."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from data.errors import BadInput
from reports.compile import ResultColumn
from reports.model import FieldType
from reports.spec import Chart

_NUMBERS = ("whole", "number", "money")
_CENTS = re.compile(r"_cents\W?$")


class DayTooFar(BadInput):
    """The column {column} holds a day before the year 1 or after 9999, which no calendar here shows. Leave such days
    out."""


def typed_columns(table: Any) -> tuple[tuple[ResultColumn, ...], list[tuple[Any, ...]]]:
    """An Arrow table as typed columns and rows."""
    columns, values = [], []
    for field, held in zip(table.schema, table.columns, strict=True):
        try:
            cells = held.to_pylist()
        except (OverflowError, ValueError):
            raise DayTooFar(column=field.name) from None
        type_, spell = _type(field, cells)
        number = type_ in _NUMBERS
        columns.append(ResultColumn(field.name, type_, _label(field.name, type_), is_measure=number))
        values.append([None if cell is None else spell(cell) for cell in cells])
    return tuple(columns), list(zip(*values, strict=True)) if values else []


def drawn_along(columns: tuple[ResultColumn, ...], chart: Chart) -> tuple[ResultColumn, ...]:
    """The columns as the chart takes them: what it is drawn along or split by is no number."""
    return tuple(
        replace(one, is_measure=one.type in _NUMBERS and one.name not in (chart.x, chart.series)) for one in columns
    )


def _type(field: Any, cells: list[Any]) -> tuple[FieldType, Any]:
    import pyarrow as pa

    kind = field.type
    if pa.types.is_boolean(kind):
        return "yes_no", bool
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return ("money" if _CENTS.search(field.name) else "whole"), int
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return "number", _finite
    if pa.types.is_date(kind):
        return "day", _same
    if pa.types.is_timestamp(kind):
        if all(cell is None or cell.timetz() in (time(0), time(0, tzinfo=UTC)) for cell in cells):
            return "day", datetime.date
        return "instant", _naive
    return "text", str


def _finite(value: float | Decimal) -> float | None:
    number = float(value)
    return number if abs(number) < float("inf") else None


def _same(value: Any) -> Any:
    return value


def _naive(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _label(name: str, type_: FieldType) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return name
    return (name.removesuffix("_cents") if type_ == "money" else name).replace("_", " ").capitalize()
