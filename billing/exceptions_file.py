"""The cases of a period as files for a spreadsheet; nothing in them is ever a formula."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from billing.books import Case, age, cases_in
from billing.matching import OPEN
from billing.period_report import LABELS
from data.models import Clinic, PaymentMatch, Variance
from data.spreadsheet import safe
from data.types import clock
from security.actor import Actor
from security.rules import act, look

COLUMNS = ("Kind", "Day", "Age", "State", "Payments", "Settled transactions", "Paid", "Settled", "Unexplained",
           "Looks into it", "About")  # fmt: skip


@dataclass(frozen=True)
class Files:
    """The same rows twice."""

    csv: bytes
    xlsx: bytes


def exceptions(first: date, last: date, *, by: Actor) -> Files:
    """Open cases, proposals and write-offs of a period. What leaves the clinic is audited. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        today = clock.today(session.get_one(Clinic, session.clinic_id).zone)
        states = (*OPEN, "written_off")
        variances = select(Variance).where(Variance.state.in_(states), Variance.day >= first, Variance.day <= last)
        proposed = select(PaymentMatch).where(
            PaymentMatch.state == "proposed", PaymentMatch.day >= first, PaymentMatch.day <= last
        )
        rows = [_row(case, today) for case in cases_in(session, variances, proposed, most=100_000)]
    with act(by, "reconciliation.use") as work:
        work.audit("variances.exported", "variance", "", first=first.isoformat(), last=last.isoformat(), rows=len(rows))
    return Files(_csv(rows), _xlsx(rows))


def _row(case: Case, today: date) -> list[Any]:
    paid, settled = sum(row.cents for row in case.payments), sum(row.cents for row in case.settled)
    return [
        LABELS.get(case.kind, case.kind), case.day.isoformat(), age(case.day, today), case.state.replace("_", " "),
        ", ".join(row.reference for row in case.payments), ", ".join(row.reference for row in case.settled),
        paid / 100, settled / 100, case.cents / 100, case.assigned, case.text or case.reason,
    ]  # fmt: skip


def _csv(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([f"{cell:.2f}" if isinstance(cell, float) else safe(str(cell)) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _xlsx(rows: list[list[Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet, bold, money = book.add_worksheet("Cases"), book.add_format({"bold": True}), "#,##0.00"
        cents = book.add_format({"num_format": money})
        sheet.write_row(0, 0, COLUMNS, bold)
        for place, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, float):
                    sheet.write_number(place, column, cell, cents)
                else:
                    sheet.write_string(place, column, safe(str(cell)))
        sheet.set_column(0, len(COLUMNS) - 1, 20)
        sheet.freeze_panes(1, 0)
    return out.getvalue()
