"""The electronic half of the pack: a day's roster and the drugs' balances as files that open without Ballast.

They are plain files with names and phone numbers in them: whoever asks for them keeps them where only colleagues look.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from html import escape

from sqlalchemy import select

from appointments.drug_register import BottleRow, bottles
from appointments.quantities import words as quantity
from appointments.roster import RosterRow, rows_where
from data.models import Appointment, Clinic, FormSheet
from data.spreadsheet import safe
from data.types import clock
from data.wording import Wording
from outage import facts
from outage.pack import PackFile
from outage.printing import GONE, STAYS_AWAY
from security.actor import Actor
from security.rules import look
from security.viewing import note_view

HEADS = {
    "time": "Time", "number": "No.", "owner": "Owner", "phone": "Phone", "animal": "Patient", "details": "Details",
    "services": "Services", "caution": "Caution, notes", "owed": "Owed", "deposit": "Deposit", "funding": "Funding",
}  # fmt: skip
DRUG_HEADS = ("Bottle", "Drug", "Strength", "Lot", "Expires", "Balance")

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#1a1d21;background:#fff}
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}
p{margin:.2rem 0 1rem;color:#555}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:.35rem .55rem;border-bottom:1px solid #ccd2d9}
th{background:#f1f3f5;position:sticky;top:0}
@media print{body{margin:0;font-size:11px}table{font-size:10.5px}tr{break-inside:avoid}th{position:static}}
"""


def electronic_kit(day: date, *, by: Actor, location_id: str = "") -> list[PackFile]:
    """The roster of a day and the open bottles as CSV and as one page for a browser; canceled and missed visits are
    left out. The reading is audited. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        clinic = session.get_one(Clinic, session.clinic_id)
        words = Wording.of(clinic)
        wanted = [Appointment.day == day, Appointment.stage.not_in(STAYS_AWAY)]
        if location_id:
            wanted.append(Appointment.location_id == location_id)
        rows = rows_where(session, *wanted, by=by)
        sheets: dict[str | None, list[str]] = {}
        statement = select(FormSheet.appointment_id, FormSheet.serial).order_by(FormSheet.serial)
        ids = [row.id for row in rows]
        for appointment, serial in session.execute(
            statement.where(FormSheet.appointment_id.in_(ids), FormSheet.state.not_in(GONE))
        ):
            sheets.setdefault(appointment, []).append(str(serial))
        name = clinic.name
    note_view(by, "roster", day.isoformat())
    standing = [one for one in bottles(by=by) if one.state == "open"]
    heads = [*(HEADS | {"owner": words.owner}).values(), "Sheets"]
    lines = [[*_line(row, words), ", ".join(sheets.get(row.id, []))] for row in rows]
    drugs = [_drug(one, words) for one in standing]
    made = f"Saved {words.moment(clock.now())}. It does not change any more: what is written on paper since counts."
    page = _page(f"{name}: {words.day(day, style='heading')}", made, heads, lines, drugs)
    return [
        PackFile(f"roster-{day}.csv", _csv(heads, lines)),
        PackFile(f"drugs-{day}.csv", _csv(DRUG_HEADS, drugs)),
        PackFile(f"roster-{day}.html", page.encode()),
    ]


def _line(row: RosterRow, words: Wording) -> list[str]:
    line = facts.line(row, words)
    return [line[name] for name in HEADS]


def _drug(one: BottleRow, words: Wording) -> list[str]:
    expires = words.day(one.expires_on, missing="")
    return [one.number, one.drug, one.strength, one.lot, expires, quantity(one.balance, one.unit)]


def _csv(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> bytes:
    """With a mark at the front by which spreadsheets know the letters; what they would run as a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([safe(cell) for cell in line] for line in lines)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _page(
    title: str, made: str, heads: Sequence[str], lines: Sequence[Sequence[str]], drugs: Sequence[Sequence[str]]
) -> str:
    roster = _table(heads, lines) if lines else "<p>Nobody is booked for this day.</p>"
    open_bottles = _table(DRUG_HEADS, drugs) if drugs else "<p>No bottle is open.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(made)}</p>{roster}<h2>Open bottles</h2>{open_bottles}</body></html>\n"
    )


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
