"""Many rows at the speed of the driver: values are converted column by column, then sent with one executemany a chunk.

About four times as fast as an ORM bulk insert, which converts row by row and splits rows with different keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Table, insert

from data.models.base import Base

CHUNK = 10_000


def bulk_insert(
    connection: Connection, model: type[Base], rows: Iterable[Mapping[str, Any]], stamp: Mapping[str, Any]
) -> int:
    """Insert rows into a model's table; ``stamp`` goes into every one. Returns how many."""
    table = model.__table__
    assert isinstance(table, Table)
    columns = list(table.columns)
    names = [column.name for column in columns]
    statement = str(insert(table).compile(dialect=connection.dialect, column_keys=names))
    convert = [_converter(column, connection) for column in columns]
    defaults = [_default(column) for column in columns]
    positional = connection.dialect.positional
    count, source = 0, iter(rows)
    while chunk := list(islice(source, CHUNK)):
        present: set[str] = set().union(*(row.keys() for row in chunk))
        vectors = []
        for name, to_driver, default in zip(names, convert, defaults, strict=True):
            if name in stamp or name not in present:
                value = stamp[name] if name in stamp else default()
                vectors.append([to_driver(value) if to_driver else value] * len(chunk))
                continue
            values = [row[name] if name in row else default() for row in chunk]
            vectors.append(_converted(values, to_driver) if to_driver else values)
        tuples = list(zip(*vectors, strict=True))
        sent = tuples if positional else [dict(zip(names, values, strict=True)) for values in tuples]
        connection.exec_driver_sql(statement, sent)
        count += len(chunk)
    return count


def _converted(values: list[Any], to_driver: Callable[[Any], Any]) -> list[Any]:
    """Each distinct object converted once: an event's two times are mostly the same one."""
    known: dict[int, Any] = {}
    converted = []
    for value in values:
        mark = id(value)
        if mark not in known:
            known[mark] = to_driver(value)
        converted.append(known[mark])
    return converted


def _converter(column: Column[Any], connection: Connection) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)


def _default(column: Column[Any]) -> Callable[[], Any]:
    default = column.default
    if default is None:
        return lambda: None
    argument = default.arg  # type: ignore[attr-defined]
    return (lambda: argument(None)) if default.is_callable else (lambda: argument)
