"""Many rows at the speed of the driver: values are converted column by column, then sent with one executemany a chunk.

About four times as fast as an ORM bulk insert, which converts row by row and splits rows with different keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice, repeat
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
    convert = {column.name: _converter(column, connection) for column in columns}
    defaults = {column.name: _default(column) for column in columns}
    count, source = 0, iter(rows)
    while chunk := list(islice(source, CHUNK)):
        shapes = [set(shape) for shape in {tuple(row) for row in chunk}]
        present, always = set[str]().union(*shapes), set.intersection(*shapes)
        vectors: dict[str, Iterable[Any]] = {}
        for name, to_driver in convert.items():
            if name in stamp or name not in present:
                value = stamp[name] if name in stamp else defaults[name]()
                if value is not None:
                    vectors[name] = repeat(to_driver(value) if to_driver else value, len(chunk))
                continue
            if name in always:
                values = [row[name] for row in chunk]
            else:
                default = defaults[name]
                values = [row[name] if name in row else default() for row in chunk]
            vectors[name] = _converted(values, to_driver) if to_driver else values
        statement = str(insert(table).compile(dialect=connection.dialect, column_keys=list(vectors)))
        tuples = list(zip(*vectors.values(), strict=True))
        positional = connection.dialect.positional
        connection.exec_driver_sql(
            statement, tuples if positional else [dict(zip(vectors, row, strict=True)) for row in tuples]
        )
        count += len(chunk)
    return count


def _converted(values: list[Any], to_driver: Callable[[Any], Any]) -> list[Any]:
    """Each distinct object converted once: an event's two times are mostly the same one."""
    marks = list(map(id, values))
    known = {mark: to_driver(value) for mark, value in dict(zip(marks, values, strict=True)).items()}
    return list(map(known.__getitem__, marks))


def _converter(column: Column[Any], connection: Connection) -> Callable[[Any], Any] | None:
    return column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)


def _default(column: Column[Any]) -> Callable[[], Any]:
    default = column.default
    if default is None:
        return lambda: None
    argument = default.arg  # type: ignore[attr-defined]
    return (lambda: argument(None)) if default.is_callable else (lambda: argument)
