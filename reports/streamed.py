"""A list of any length as CSV, written by the engine itself: no step of it makes a Python object for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from data import mart
from reports.compile import ResultColumn
from reports.reading import watched
from reports.run import asked_by, audit_run
from reports.spec import ReportSpec
from reports.values import NUMBERS, WEEKDAYS
from security.actor import Actor

BATCH_ROWS = 100_000
LONGEST = 600.0
"""Seconds: whoever takes the rows may be slow."""
_BLANKS = r"\s\x{0b}\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_FORMULA = rf"^([\t\r\n]|[{_BLANKS}]*[=+\-@|%＝＋－＠])"
_HARMLESS = (
    "({c} >= '0' AND {c} < ':' OR {c} >= 'A' AND {c} < '[' OR {c} >= 'a' AND {c} < '{{') AND NOT (contains({c}, ',') "
    "OR contains({c}, '\"') OR contains({c}, chr(10)) OR contains({c}, chr(13)))"
)
"""What most cells are: a letter or digit first and nothing to quote. Comparing costs less than a regular expression."""
_DAYS = ", ".join(f"'{day}'" for day in WEEKDAYS)
_CELL = {
    "money": "(({c})::BIGINT * 0.01)::VARCHAR",
    "day": "strftime({c}, '%Y-%m-%d')",
    "week": "strftime({c}, '%Y-%m-%d')",
    "month": "strftime({c}, '%Y-%m')",
    "quarter": "year({c}) || '-Q' || quarter({c})",
    "year": "year({c})::VARCHAR",
    "weekday": f"[{_DAYS}][{{c}}::INTEGER]",
    "instant": "CASE WHEN microsecond({c}) % 1000000 = 0 THEN strftime({c}, '%Y-%m-%dT%H:%M:%SZ') "
               "ELSE strftime({c}, '%Y-%m-%dT%H:%M:%S.%fZ') END",
    "yes_no": "CASE {c} WHEN true THEN 'True' WHEN false THEN 'False' END",
    "whole": "{c}::BIGINT::VARCHAR",
    "hour": "{c}::BIGINT::VARCHAR",
}  # fmt: skip


def can_stream(spec: ReportSpec) -> bool:
    """Whether it lists rows; what counts is never long."""
    return bool(spec.columns)


def write_csv(
    name: str, spec: ReportSpec, params: Mapping[str, Any] | None, file: IO[bytes], *, by: Actor
) -> int:  # fmt: skip
    """Write the list into ``file``, the same bytes as reports.export.to_csv gives; returns the rows.

    Raises what reports.run.run_spec raises.
    """
    asked = asked_by(name, spec, params, by=by, form="csv")
    columns = asked.query.columns
    file.write((",".join(column.name for column in columns) + "\r\n").encode())
    line = f"concat_ws(',', {', '.join(_quoted(column) for column in columns)})"
    if len(columns) == 1:
        line = f"coalesce(nullif({line}, ''), '\"\"')"
    rest = asked.query.sql.removesuffix(asked.query.order)
    # the line is made before its order is found: both cores make lines, one alone hands out what is in order
    sql = f"SELECT {line} || chr(13) || chr(10) AS line, * FROM (\n{rest}\n)"  # noqa: S608 - compiled
    sql = f"SELECT line FROM ({sql}) {asked.query.order}"  # noqa: S608 - compiled
    rows = 0
    try:
        with mart.reading(by.clinic_id, max_age=0) as cursor, watched(cursor, LONGEST):
            for batch in cursor.sql(sql, params=asked.query.values).to_arrow_reader(BATCH_ROWS):
                rows += batch.num_rows
                _write(batch.column(0), file)
    finally:  # what was broken off on the way has left too
        audit_run(name, asked, rows, "csv", by)
    return rows


def _write(lines: Any, file: IO[bytes]) -> None:
    """The text of all the lines as it lies in Arrow's memory, one behind the other."""
    import pyarrow as pa

    if not len(lines):
        return
    if lines.type != pa.string():
        lines = lines.cast(pa.string())
    _, offsets, text = lines.buffers()
    ends = memoryview(offsets).cast("i")
    file.write(memoryview(text)[ends[lines.offset] : ends[lines.offset + len(lines)]])


def _quoted(column: ResultColumn) -> str:
    name = '"' + column.name.replace('"', '""') + '"'
    if column.type in _CELL:
        return f"coalesce({_CELL[column.type].format(c=name)}, '')"
    if column.type in NUMBERS:
        told = f"rtrim(rtrim(printf('%.9f', {name}::DOUBLE), '0'), '.')"
        even = f"{name} = trunc({name}) AND abs({name}) BETWEEN 1 AND 1e15"
        return f"coalesce(CASE WHEN {even} THEN {name}::BIGINT::VARCHAR ELSE {told} END, '')"
    safe = f"CASE WHEN regexp_matches({name}::VARCHAR, '{_FORMULA}') THEN '''' ELSE '' END || {name}::VARCHAR"
    quoted = f"'\"' || replace({safe}, '\"', '\"\"') || '\"'"
    return (
        f"coalesce(CASE WHEN {_HARMLESS.format(c=f'{name}::VARCHAR')} THEN {name}::VARCHAR "
        f"WHEN regexp_matches({name}::VARCHAR, '[\",\\r\\n]') THEN {quoted} ELSE {safe} END, '')"
    )  # fmt: skip
