"""A result as a document: JSON, CSV, spreadsheet, Parquet. PDF is drawn by forms/ from ``table``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from reports.compile import ResultColumn
from reports.run import Result

FORMATS = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet",
           "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
           "pdf": "application/pdf"}  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DANGEROUS = frozenset("=+-@\t\r\n|%＝＋－＠")
_MAX_SHEET_ROWS = 1_048_575


def document(result: Result) -> dict[str, Any]:
    """The JSON form: money in cents, days as ISO text. The columns' names are kept stable."""
    plain = [[_plain(column, value) for column, value in zip(result.columns, row, strict=True)] for row in result.rows]
    total = result.total
    return {
        "report": result.name,
        "title": result.title,
        "params": {key: value.isoformat() if isinstance(value, date) else value for key, value in result.params.items()},
        "definition": result.definition,
        "currency": result.clinic.currency,
        "columns": [
            {"name": c.name, "type": c.type, "label": c.label, "definition": c.definition} for c in result.columns
        ],
        "rows": plain,
        "total": None if total is None else [_plain(c, v) for c, v in zip(result.columns, total, strict=True)],
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
    facts = [("Report", result.title), ("Clinic", result.clinic.name), ("Chosen", result.facts),
             ("Definition", result.definition), *((c.label, c.definition) for c in result.columns if c.definition)]  # fmt: skip
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
        values = [_plain(column, row[place]) for row in result.rows]
        columns[column.name] = pa.array(values, type=_arrow_type(column))
    out = io.BytesIO()
    about = {"report": result.name, "chosen": result.facts, "definition": result.definition}
    pq.write_table(pa.table(columns).replace_schema_metadata(about), out)
    return out.getvalue()


def table(result: Result) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """The columns and rows of the printed table, in words, the total row last; ids stay out."""
    shown = [place for place, column in enumerate(result.columns) if column.type != "id"]
    columns = [
        {"label": result.columns[p].label, "align": "right" if is_number(result.columns[p]) else "left"} for p in shown
    ]
    rows = [[words(result.columns[p], row[p], result.clinic.locale, result.clinic.currency) for p in shown]
            for row in result.rows]  # fmt: skip
    if result.total:
        first = "Total"
        total = [words(result.columns[p], result.total[p], result.clinic.locale, result.clinic.currency) for p in shown]
        rows.append([first, *total[1:]])
    return columns, rows


def is_number(column: ResultColumn) -> bool:
    """Whether it is read from the right."""
    return column.type in ("whole", "number", "money", "ratio", "per_10000")


def words(column: ResultColumn, value: Any, locale: str, currency: str) -> str:
    """One value as people of this locale write it."""
    from babel.dates import format_date, get_day_names
    from babel.numbers import format_currency, format_decimal, format_percent

    if value is None:
        return "" if not is_number(column) else "–"
    match column.type:
        case "money":
            return str(format_currency(value / 100, currency, locale=locale))
        case "whole":
            return str(format_decimal(value, locale=locale))
        case "number":
            return str(format_decimal(round(float(value), 3), locale=locale))
        case "per_10000":
            return str(format_decimal(round(float(value), 1), format="#,##0.0", locale=locale))
        case "ratio":
            return str(format_percent(value, format="#,##0.0##%" if 0 < value < 0.001 else "#,##0.0%", locale=locale))
        case "day" | "week":
            return str(format_date(value, "medium", locale=locale))
        case "month":
            return str(format_date(value, "MMM y", locale=locale))
        case "quarter":
            return str(format_date(value, "QQQ y", locale=locale))
        case "year":
            return str(value.year)
        case "weekday":
            return str(get_day_names("wide", locale=locale)[int(value) - 1])
        case "hour":
            return f"{int(value):02d}:00"
        case "instant":
            return str(value)[:16]
        case "yes_no":
            return "Yes" if value else "No"
        case "choice":
            return str(value).replace("_", " ").capitalize()
    return str(value)


def render(result: Result, form: str) -> bytes:
    """The bytes of a format other than PDF."""
    makers = {"csv": to_csv, "json": to_json, "xlsx": to_xlsx, "parquet": to_parquet}
    return makers[form](result)


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    if text and (text[0] in _DANGEROUS or text.lstrip()[:1] in _DANGEROUS):
        return "'" + text
    return text


_SHEET_FORMATS = {"money": "#,##0.00", "whole": "#,##0", "number": "#,##0.###", "ratio": "0.0%", "per_10000": "0.0",
                  "day": "yyyy-mm-dd", "month": "mmm yyyy", "week": "yyyy-mm-dd", "quarter": "yyyy-mm-dd",
                  "year": "yyyy", "instant": "yyyy-mm-dd hh:mm"}  # fmt: skip


def _plain(column: ResultColumn, value: Any) -> Any:
    """A value for machines."""
    if value is None:
        return None
    match column.type:
        case "money" | "whole" | "hour":
            return int(value)
        case "number" | "ratio" | "per_10000":
            return round(float(value), 9)
        case "month":
            return value.strftime("%Y-%m")
        case "quarter":
            return f"{value.year}-Q{(value.month + 2) // 3}"
        case "year":
            return str(value.year)
        case "day" | "week":
            return value.isoformat()
        case "weekday":
            return WEEKDAYS[int(value) - 1]
        case "instant":
            return value.isoformat() + "Z"
        case "yes_no":
            return bool(value)
    return str(value)


def _cell(column: ResultColumn, value: Any) -> str:
    plain = _plain(column, value)
    if plain is None:
        return ""
    if column.type == "money":
        return f"{'-' if plain < 0 else ''}{abs(plain) // 100}.{abs(plain) % 100:02d}"
    if is_number(column):
        return f"{plain:.9f}".rstrip("0").rstrip(".") if isinstance(plain, float) else str(plain)
    return safe(str(plain))


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
        sheet.write_string(line, place, str(_plain(column, value)))


def _arrow_type(column: ResultColumn) -> Any:
    import pyarrow as pa

    if column.type in ("money", "whole", "hour"):
        return pa.int64()
    if column.type in ("number", "ratio", "per_10000"):
        return pa.float64()
    return pa.bool_() if column.type == "yes_no" else pa.string()


def file_name(result: Result, form: str) -> str:
    """A name for the file: the report and its days."""
    parts: Sequence[str] = [result.name, *(str(v) for v in result.params.values() if isinstance(v, date))]
    return "_".join(parts) + f".{form}"
