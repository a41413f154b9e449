"""A result as a document: JSON, CSV, spreadsheet, Parquet, and PDF (reports/paper.py)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from data.spreadsheet import safe
from reports.compile import ResultColumn
from reports.laid_out import LaidOut, Line, lay_out
from reports.result import Result
from reports.values import is_number, is_shown, plain, wording_of, words

FORMATS = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet",
           "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
           "pdf": "application/pdf"}  # fmt: skip
_MAX_SHEET_ROWS, _LONGEST_CELL = 1_048_574, 32_767


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
    writer.writerow([safe(column.name) for column in result.columns])
    for row in result.rows:
        writer.writerow([_cell(column, value) for column, value in zip(result.columns, row, strict=True)])
    return out.getvalue().encode()


def to_xlsx(result: Result) -> bytes:
    """A workbook: the table with real numbers and days, its pivot and subtotals kept, and a sheet that says what was
    asked and what it means."""
    return workbook([("Report", result)])


@dataclass(frozen=True)
class Figure:
    """One number on the sheet in front: what it is, its column, the number, and how it moved, in words."""

    title: str
    column: ResultColumn
    number: Any
    moved: str = ""


def workbook(
    sheets: Sequence[tuple[str, Result]], figures: Sequence[Figure] = (), remarks: Sequence[tuple[str, str]] = ()
) -> bytes:
    """A workbook with a sheet for each result, and one that says what was asked. ``figures`` stand on a sheet of their
    own in front, with ``remarks`` beneath."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    if figures or remarks:
        _front(book, figures, remarks, bold)
    for name, result in sheets:
        _sheet(book, name, result, bold)
    about = book.add_worksheet("About")
    about.set_column(0, 0, 24)
    about.set_column(1, 1, 110, book.add_format({"text_wrap": True}))
    lines = [line for _, result in sheets for line in [*_about(result), ("", "")]]
    for number, (label, value) in enumerate(lines[:-1]):
        about.write_string(number, 0, label, bold if label else None)
        about.write_string(number, 1, value)
    book.close()
    return out.getvalue()


def _front(book: Any, figures: Sequence[Figure], remarks: Sequence[tuple[str, str]], bold: Any) -> None:
    sheet = book.add_worksheet("Figures")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 2, 24)
    for place, head in enumerate(("", "", "Against the year before") if figures else ()):
        sheet.write_string(0, place, head, bold)
    for number, one in enumerate(figures, 1):
        sheet.write_string(number, 0, one.title)
        if one.number is not None:
            _writer(sheet, one.column, book, strong=False)(number, 1, one.number)
        sheet.write_string(number, 2, one.moved)
    for number, (title, remark) in enumerate(remarks, len(figures) + 1):
        sheet.write_string(number, 0, title)
        sheet.write_string(number, 1, remark)


def sheet_name(title: str, taken: Collection[str]) -> str:
    """A name that a workbook takes: at most 31 characters, none of those it refuses, none twice."""
    base = re.sub(r"[\[\]:*?/\\']", " ", title).strip()[:31] or "Sheet"
    used = {name.lower() for name in (*taken, "figures", "about", "history")}
    names = [base, *(f"{base[:28]} {count}" for count in range(2, len(used) + 3))]
    return next(name for name in names if name.lower() not in used)


def _sheet(book: Any, name: str, result: Result, bold: Any) -> None:
    sheet = book.add_worksheet(name)
    laid = lay_out(result, wording_of(result.clinic))
    top = _heads(sheet, laid, bold)
    plain_cells, strong_cells = (_writers(sheet, laid.columns, book, strong=strong) for strong in (False, True))
    for number, line in enumerate(laid.lines[:_MAX_SHEET_ROWS], start=top):
        for place, (write, value) in enumerate(
            zip(strong_cells if line.label else plain_cells, line.cells, strict=True)
        ):
            if value is not None:
                write(number, place, value)
        if line.label:
            sheet.write_string(number, _label_place(laid, line), line.label, bold)


def _heads(sheet: Any, laid: LaidOut, bold: Any) -> int:
    """The line of column names, and the values of a pivot above it; frozen. Returns the first line beneath."""
    top = 2 if laid.has_above else 1
    for place, column in enumerate(laid.columns):
        sheet.set_column(place, place, 28 if column.type in ("text", "choice") else 16)
    if laid.has_above:
        for place, text in enumerate(laid.above):
            if text and (place == 0 or laid.above[place - 1] != text):
                sheet.write_string(0, place, text, bold)
    for place, column in enumerate(laid.columns):
        sheet.write_string(top - 1, place, column.label, bold)
    sheet.freeze_panes(top, 0)
    return top


def _label_place(laid: LaidOut, line: Line) -> int:
    """Where "Subtotal" or "Total" stands: in the first column that the line adds up."""
    groups = sum(not column.is_measure for column in laid.columns)
    return max(groups - line.adds, 0)


def _about(result: Result) -> list[tuple[str, str]]:
    """What was asked and what it means, line by line."""
    facts = [("Report", result.title), ("Clinic", result.clinic.name), ("Chosen", result.facts)]
    facts += [("Only where", test) for test in result.filters]
    facts += [("Definition", result.definition), *((c.label, c.definition) for c in result.columns if c.definition)]
    facts += [("Left out", f"{', '.join(result.left_out)}: not open to the role")] * bool(result.left_out)
    return [*facts, ("Rows", str(len(result.rows)))]


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
    """The table in words: (label, whether it is a number) for each column, the rows, the total row, and which of the
    rows are subtotals."""

    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    total: list[str] | None
    strong: frozenset[int] = frozenset()


def table(result: Result) -> Printed:
    """The table as people read it, spread and with its subtotals; ids stay out."""
    wording = wording_of(result.clinic)
    laid = lay_out(result, wording)
    shown = [place for place, column in enumerate(laid.columns) if is_shown(column)]
    rows: list[list[str]] = []
    strong: set[int] = set()
    total = None
    for line in laid.lines:
        cells = [words(laid.columns[place], line.cells[place], wording) for place in shown]
        if line.label:
            heads = sum(not column.is_measure for column in laid.columns)
            for position, place in enumerate(shown):
                if not laid.columns[place].is_measure and place >= heads - line.adds:
                    cells[position] = ""
            first = next((p for p, place in enumerate(shown) if place >= heads - line.adds), 0)
            cells[first if not cells[first] else 0] = line.label
        if line.label == "Total":
            total = cells
        else:
            strong |= {len(rows)} if line.label else set()
            rows.append(cells)
    columns = [
        (" ".join(filter(None, (laid.above[place], laid.columns[place].label))), is_number(laid.columns[place]))
        for place in shown
    ]
    return Printed(columns, rows, total, frozenset(strong))


def render(result: Result, form: str) -> bytes:
    """The bytes of a format. Raises TooLongForPaper."""
    if form == "pdf":
        from reports.paper import to_pdf

        return to_pdf(result)
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


def _writers(sheet: Any, columns: Sequence[ResultColumn], book: Any, *, strong: bool) -> list[Callable[..., Any]]:
    """For each column what puts a value into a cell, in the column's own form."""
    return [_writer(sheet, column, book, strong) for column in columns]


def _writer(sheet: Any, column: ResultColumn, book: Any, strong: bool) -> Callable[..., Any]:
    form = {"num_format": _SHEET_FORMATS[column.type]} if column.type in _SHEET_FORMATS else {}
    style = book.add_format(form | ({"bold": True, "top": 1} if strong else {})) if form or strong else None
    number, text = sheet._write_number, sheet._write_string
    if column.type == "money":
        return lambda row, place, value: number(row, place, value / 100, style)
    if is_number(column):
        return lambda row, place, value: number(row, place, float(value), style)
    if column.type in ("day", "month", "week", "quarter", "year", "instant"):
        return lambda row, place, value: sheet.write_datetime(row, place, value, style)
    spelled: dict[Any, str] = {}

    def write(row: int, place: int, value: Any) -> None:
        told = spelled.get(value)
        if told is None:
            told = str(plain(column, value))[:_LONGEST_CELL]
            if len(spelled) < 10_000:
                spelled[value] = told
        text(row, place, told, style)

    return write


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
