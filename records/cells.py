"""The cells of a clinic's export: every value as text that comes back exactly, and that no spreadsheet runs.

An empty cell is no value. A text that begins with an apostrophe, blank space or a sign that a spreadsheet takes for a
formula (= + - @ | %, full-width too), and the empty text, get an apostrophe in front; reading takes it off again. Times
are UTC in ISO 8601 with Z, days ISO, truth true or false, JSON with sorted keys (a text like any other), bytes base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, LargeBinary
from sqlalchemy.types import TypeEngine

from data.spreadsheet import FORMULA
from data.types import UTCDateTime

MARK = "'"


def protect(text: str) -> str:
    """The text as a cell."""
    if not text or text[0] == MARK or text[0] in FORMULA or text[0].isspace() or not text[0].isprintable():
        return MARK + text
    return text


def recover(cell: str) -> str:
    """The text of a cell."""
    return cell[1:] if cell.startswith(MARK) else cell


def writer(column: Column[Any]) -> Callable[[Any], str]:
    """How values of a column become cells."""
    kind = column.type
    if isinstance(kind, JSON):
        return lambda value: protect(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return _optional(_write(kind))


def reader(column: Column[Any]) -> Callable[[str], Any]:
    """How cells of a column become values. The function raises ValueError for anything ``writer`` did not make."""
    kind = column.type
    if isinstance(kind, JSON):
        return lambda cell: json.loads(recover(cell))
    read = _read(kind)
    return lambda cell: None if cell == "" else read(cell)


def _optional(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "" if value is None else write(value)


def _write(kind: TypeEngine[Any]) -> Callable[[Any], str]:
    if isinstance(kind, UTCDateTime):
        return lambda value: value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(kind, Date):
        return date.isoformat
    if isinstance(kind, Boolean):
        return lambda value: "true" if value else "false"
    if isinstance(kind, Integer | BigInteger):
        return str
    if isinstance(kind, LargeBinary):
        return lambda value: protect(base64.b64encode(value).decode())
    return lambda value: protect(str(value))


def _read(kind: TypeEngine[Any]) -> Callable[[str], Any]:
    if isinstance(kind, UTCDateTime):
        return lambda cell: datetime.fromisoformat(cell).astimezone(UTC)
    if isinstance(kind, Date):
        return date.fromisoformat
    if isinstance(kind, Boolean):
        return lambda cell: {"true": True, "false": False}[cell]
    if isinstance(kind, Integer | BigInteger):
        return int
    if isinstance(kind, LargeBinary):
        return lambda cell: base64.b64decode(recover(cell), validate=True)
    return recover
