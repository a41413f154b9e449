"""The file that the Vault mails: a day's roster as a PDF that opens anywhere, with its password and nothing else."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from appointments.roster import rows_where
from data.models import Appointment, Clinic, FormSheet
from data.session import read
from data.types import clock
from data.wording import Wording
from forms.print import Column, Head, table_pdf, within
from messages.outbox import File
from outage import facts
from outage.kit import HEADS
from outage.printing import DEADLINE_SECONDS, GONE, STAYS_AWAY
from security.actor import Actor
from security.profile import profile

WIDE = {"owner": 2.0, "services": 2.0, "caution": 2.0, "details": 1.5}
"""The columns that take what room is left."""
ALWAYS = ("time", "number", "owner", "phone", "animal", "details", "services", "caution")
"""The columns that stand there even where nobody has anything in them."""


NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class RosterFile:
    """A day's roster, encrypted."""

    file: File
    visits: int


def roster_file(clinic_id: str, day: date, password: str) -> RosterFile:
    """The roster of a day as it is now, encrypted with AES-256; canceled and missed visits are left out, and of a
    restricted record it tells what everybody sees. Raises PrintTookTooLong."""
    with read(clinic_id) as session:
        clinic = session.get_one(Clinic, clinic_id)
        words, settings = Wording.of(clinic), profile(session)
        head = Head.of(clinic.name, settings.address, words.phone(settings.phone))
        reader = Actor(clinic_id, "vault", name="vault")  # nobody: it leaves the house
        rows = rows_where(session, Appointment.day == day, Appointment.stage.not_in(STAYS_AWAY), by=reader)
        sheets: dict[str | None, list[str]] = {}
        statement = select(FormSheet.appointment_id, FormSheet.serial).order_by(FormSheet.serial)
        wanted = FormSheet.appointment_id.in_([row.id for row in rows]), FormSheet.state.not_in(GONE)
        for appointment, serial in session.execute(statement.where(*wanted)):
            sheets.setdefault(appointment, []).append(str(serial))
    heads = HEADS | {"owner": words.owner, "sheets": "Sheets"}
    lines = [facts.line(row, words) | {"sheets": ", ".join(sheets.get(row.id, []))} for row in rows]
    for line in lines:
        line["phone"] = line["phone"].replace(" ", NO_BREAK)
    shown = [name for name in heads if name in ALWAYS or any(line[name] for line in lines)]
    columns = [
        Column(heads[name], align="right" if name in ("owed", "deposit") else "left", width=WIDE.get(name, 0.0),
               lines=4, bold=name in ("time", "animal"))
        for name in shown
    ]  # fmt: skip
    moment = words.moment(clock.now())
    count = f"{len(rows)} {'visit' if len(rows) == 1 else 'visits'}" if rows else "Nobody is booked"
    title = f"Roster for {words.day(day, style='heading')}"

    def make() -> bytes:
        plain = table_pdf(
            title, f"{count}. As it stood on {moment}.", columns, [[line[name] for name in shown] for line in lines],
            clinic=head, paper=settings.paper, landscape=True, size=8.5, empty="Nobody is booked for this day.",
            footer=f"Saved {moment}. What is written on paper since counts.",
        )  # fmt: skip
        return locked(plain, password)

    return RosterFile(File(f"roster-{day}.pdf", "application/pdf", within(DEADLINE_SECONDS, make)), len(rows))


def locked(plain: bytes, password: str) -> bytes:
    """A PDF encrypted with AES-256 under a password; whoever opens it may print it."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
    writer.encrypt(password, secrets.token_urlsafe(24), algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
