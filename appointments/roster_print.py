"""The roster on paper: A4 or letter by the clinic's profile, a box to tick where nobody has arrived yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from appointments.roster import CONSENTS, Filters, RosterRow, facts, rows_where
from appointments.stages import BEFORE_ARRIVAL
from data.models import Appointment, Clinic, User
from data.types import clock
from data.wording import Wording
from forms.print import Column, Head, table_pdf, within
from security.actor import Actor
from security.profile import profile
from security.rules import act

COLUMNS = (
    Column("Time", lines=1), Column("No.", align="right"), Column("Owner", bold=True), Column("Phone", lines=1),
    Column("Patient", bold=True), Column("Details"), Column("Services", lines=3, width=1),
    Column("Caution, notes", lines=4, width=1), Column("Consent", box=True), Column("Deposit", align="right"),
    Column("Owed", align="right"), Column("Funding"), Column("Arrived", align="center", box=True),
)  # fmt: skip
DEFINITION = (
    "Owed: what the client still owes on all invoices. Deposit: what the client paid that no invoice has used yet. "
    "Consent: on file means given before this visit. Canceled appointments are left out."
)
DEADLINE_SECONDS = 10


def print_roster(day: date, *, by: Actor, filters: Filters | None = None, told: str = "") -> bytes:
    """The PDF of a day's roster, audited as printed. ``told`` says in words what was filtered.

    Raises NotPermitted, PrintTookTooLong.
    """
    with act(by, "appointments.view") as work:
        session = work.session
        clinic = session.get_one(Clinic, session.clinic_id)
        words = Wording.of(clinic)
        settings = profile(session)
        rows = [
            row
            for row in rows_where(session, Appointment.day == day, filters=filters, by=by)
            if row.stage != "cancelled"
        ]
        user = session.get(User, (session.clinic_id, by.user_id)) if by.user_id else None
        work.audit("roster.printed", "roster", day.isoformat(), rows=len(rows))
    line = facts_line(rows, told)
    printed = f"Printed {words.moment(clock.now())}" + (f" by {user.name}" if user else "")
    return within(
        DEADLINE_SECONDS,
        table_pdf,
        f"Roster, {words.day(day, style='heading')}",
        line,
        columns(words),
        [cells(row, words) for row in rows],
        clinic=Head.of(clinic.name, settings.address, settings.phone),
        paper=settings.paper,
        definition=DEFINITION,
        footer=printed,
        landscape=True,
        size=7.5,
        empty="Nobody is booked for this day.",
    )


def columns(words: Wording) -> list[Column]:
    """The heads, with the clinic's word for the owner."""
    return [replace(column, label=words.owner) if column.label == "Owner" else column for column in COLUMNS]


def facts_line(rows: list[RosterRow], told: str = "") -> str:
    """What stands beneath the heading."""
    counted = facts(rows)
    parts = [f"{counted.count} appointments", f"{counted.arrived} arrived"]
    if counted.no_shows:
        parts.append(f"{counted.no_shows} no-shows")
    return " · ".join([*parts, told] if told else parts)


def cells(row: RosterRow, words: Wording) -> list[str]:
    """One line of the print, in the order of ``COLUMNS``."""
    age = words.age(row.born_on, row.day, estimated=row.born_estimated, missing="")
    weight = words.weight(row.weight_grams, missing="")
    if row.arrived_at is not None:
        arrived = words.clock_time(row.arrived_at, zone=row.zone)
    else:
        arrived = "" if row.stage in BEFORE_ARRIVAL else row.stage_label
    return [
        words.clock_time(row.starts_at, zone=row.zone),
        str(row.number),
        row.owner,
        words.phone(row.phone),
        row.animal,
        " · ".join(part for part in (row.species, row.details[1], age, weight) if part),
        ", ".join(row.services) or row.type_label,
        " · ".join(part for part in (row.caution, row.notes, row.own) if part),
        "" if row.consent == "missing" else CONSENTS[row.consent],
        words.money(row.deposit_cents) if row.deposit_cents else "",
        words.money(row.owed_cents) if row.owed_cents else "",
        row.funding,
        arrived,
    ]
