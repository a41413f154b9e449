"""A result as a document: JSON, CSV, spreadsheet, Parquet. PDF is drawn by forms/ from ``table``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from data.spreadsheet import safe
from reports.compile import ResultColumn
from reports.run import Result
from reports.values import is_number, is_shown, plain, wording_of, words

FORMATS = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet",
           "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
           "pdf": "application/pdf"}  # fmt: skip
_MAX_SHEET_ROWS = 1_048_575


def document(result: Result) -> dict[str, Any]:
    """The JSON form: money in cents, days as ISO text. The columns' names are kept stable."""
    lines = [[plain(column, value) for column, value in zip(result.columns, row, strict=True)] for row in result.rows]
    total = result.total
    return {
        "report": result.name,
        "title": result.title,
        "params": {key: str(value) if isinstance(value, date) else value for key, value in result.params.items()},
        "definition": result.definition,
        "currency": result.clinic.currency,
        "columns": [
            {"name": c.name, "type": c.type, "label": c.label, "definition": c.definition} for c in result.columns
        ],
        "rows": lines,
        "total": None if total is None else [plain(c, v) for c, v in zip(result.columns, total, strict=True)],
        "left_out": list(result.left_out),
    }  # fmt: skip


def to_json(result: Result) -> bytes:
    """The document as bytes."""
    return (json.dumps(document(result), indent=1, ensure_ascii=False) + "\n").encode()


def to_csv(result: Result) -> bytes:
    """Comma-separated, UTF-8, the columns' names on top; money as decimals; text that a spreadsheet would run as a
    formula gets an apostrophe in front. The total row is left out, so that summing a column gives it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in result.columns])
    for row in result.rows:
        writer.writerow([_cell(column, value) for column, value in zip(result.columns, row, strict=True)])
    return out.getvalue().encode()


def to_xlsx(result: Result) -> bytes:
    """A workbook: the table with real numbers and days, and a sheet that says what was asked and what it means."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bottom": 1})
    styles = {kind: book.add_format({"num_format": code}) for kind, code in _SHEET_FORMATS.items()}
    sheet = book.add_worksheet("Report")
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(result.columns):
        sheet.set_column(place, place, 28 if column.type == "text" else 16)
        sheet.write_string(0, place, column.label, bold)
    lines = [*result.rows[:_MAX_SHEET_ROWS], *([result.total] if result.total else [])]
    for number, row in enumerate(lines, start=1):
        for place, (column, value) in enumerate(zip(result.columns, row, strict=True)):
            _write(sheet, number, place, column, value, styles)
    about = book.add_worksheet("About")
    about.set_column(0, 0, 24)
    about.set_column(1, 1, 110)
    facts = [("Report", result.title), ("Clinic", result.clinic.name), ("Chosen", result.facts)]
    facts += [("Definition", result.definition), *((c.label, c.definition) for c in result.columns if c.definition)]
    for number, (label, value) in enumerate(facts):
        about.write_string(number, 0, label, bold)
        about.write_string(number, 1, value)
    book.close()
    return out.getvalue()


def to_parquet(result: Result) -> bytes:
    """Columns with their types; money in whole cents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for place, column in enumerate(result.columns):
        values = [plain(column, row[place]) for row in result.rows]
        columns[column.name] = pa.array(values, type=_arrow_type(column))
    out = io.BytesIO()
    about = {"report": result.name, "chosen": result.facts, "definition": result.definition}
    pq.write_table(pa.table(columns).replace_schema_metadata(about), out)
    return out.getvalue()


@dataclass(frozen=True)
class Printed:
    """The table in words: (label, whether it is a number) for each column, the rows, the total row."""

    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    total: list[str] | None


def table(result: Result) -> Printed:
    """The table as people read it; ids stay out."""
    shown = [place for place, column in enumerate(result.columns) if is_shown(column)]
    wording = wording_of(result.clinic)

    def line(row: tuple[Any, ...]) -> list[str]:
        return [words(result.columns[place], row[place], wording) for place in shown]

    total = None
    if result.total:
        total = [
            "" if not result.columns[p].is_measure else text for p, text in zip(shown, line(result.total), strict=True)
        ]
        total[0] = "Total"
    columns = [(result.columns[place].label, is_number(result.columns[place])) for place in shown]
    return Printed(columns, [line(row) for row in result.rows], total)


def render(result: Result, form: str) -> bytes:
    """The bytes of a format other than PDF."""
    makers = {"csv": to_csv, "json": to_json, "xlsx": to_xlsx, "parquet": to_parquet}
    return makers[form](result)


_SHEET_FORMATS = {
    "money": "#,##0.00", "whole": "#,##0", "number": "#,##0.###", "ratio": "0.0%", "per_10000": "0.0",
    "minutes": "0.0", "day": "yyyy-mm-dd", "month": "mmm yyyy", "week": "yyyy-mm-dd", "quarter": "yyyy-mm-dd",
    "year": "yyyy", "instant": "yyyy-mm-dd hh:mm",
}  # fmt: skip


def _cell(column: ResultColumn, value: Any) -> str:
    told = plain(column, value)
    if told is None:
        return ""
    if column.type == "money":
        return f"{'-' if told < 0 else ''}{abs(told) // 100}.{abs(told) % 100:02d}"
    if is_number(column):
        return f"{told:.9f}".rstrip("0").rstrip(".") if isinstance(told, float) else str(told)
    return safe(str(told))


def _write(sheet: Any, line: int, place: int, column: ResultColumn, value: Any, styles: dict[str, Any]) -> None:
    if value is None:
        return
    style = styles.get(column.type)
    if column.type == "money":
        sheet.write_number(line, place, value / 100, style)
    elif is_number(column):
        sheet.write_number(line, place, float(value), style)
    elif isinstance(value, datetime | date):
        sheet.write_datetime(line, place, value, style)
    else:
        sheet.write_string(line, place, str(plain(column, value)))


def _arrow_type(column: ResultColumn) -> Any:
    import pyarrow as pa

    if column.type in ("money", "whole", "hour"):
        return pa.int64()
    if column.type in ("number", "minutes", "ratio", "per_10000"):
        return pa.float64()
    return pa.bool_() if column.type == "yes_no" else pa.string()


def file_name(result: Result, form: str) -> str:
    """A name for the file: the report and its days."""
    parts: Sequence[str] = [result.name, *(str(v) for v in result.params.values() if isinstance(v, date))]
    return "_".join(parts) + f".{form}"
