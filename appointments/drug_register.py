"""Reading the drug log: the bottles, one bottle's register like the paper page, and the day's reconciliation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from appointments.quantities import words
from appointments.times import instant_of
from data.errors import NotFound
from data.models import Appointment, Bottle, Client, Clinic, Drug, DrugCount, DrugLogEntry, Patient, User
from data.session import ClinicSession
from data.types import clock, is_id
from records.access import NAME, Closed
from security.actor import Actor
from security.rules import look

KINDS = {
    "received": "Received", "use": "Use", "adjusted": "Adjusted", "disposed": "Disposed",
    "transferred": "Transferred", "reversal": "Correction",
}  # fmt: skip


CLOSED_SHOWN = 300
AFTERNOON = time(14)
"""From this time of the clinic's day on, the day's PM count is due."""


@dataclass(frozen=True)
class BottleRow:
    """A bottle with its balance in thousandths and what a person should know about it."""

    id: str
    number: str
    drug_id: str
    drug: str
    strength: str
    unit: str
    schedule: str
    route: str
    stage: str
    needs_witness: bool
    lot: str
    expires_on: date | None
    size: int
    balance: int
    supplier: str
    received_on: date
    opened_at: datetime | None
    closed_at: datetime | None
    expired: bool

    @property
    def state(self) -> str:
        """in stock, open or closed."""
        return "closed" if self.closed_at else "open" if self.opened_at else "in stock"

    @property
    def title(self) -> str:
        """``Ketamine 100 mg/mL · B0012``."""
        return f"{self.drug} {self.strength} · {self.number}".replace("  ", " ")

    @property
    def flags(self) -> tuple[str, ...]:
        """What is odd about it."""
        found = []
        if self.balance < 0:
            found.append("Negative balance")
        if self.expired and not self.closed_at:
            found.append("Expired")
        return tuple(found)


@dataclass(frozen=True)
class LogLine:
    """One line of a register, in thousandths. ``balance`` is after this line; None on a line that was taken out."""

    id: str
    kind: str
    event_at: datetime
    entered_at: datetime
    source: str
    appointment_id: str | None
    number: int | None
    patient: str
    species: str
    owner: str
    address: str
    drawn: int
    given: int
    wasted: int
    delta: int
    balance: int | None
    route: str
    stage: str
    reason: str
    by: str
    witness: str
    reversed_by: str = ""
    """Why, when and by whom it was taken out; empty on lines that stand."""
    flags: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether the line counts: neither taken out nor a reversing line."""
        return not self.reversed_by and self.kind != "reversal"


def bottles(*, by: Actor, closed: bool = False) -> list[BottleRow]:
    """The bottles in stock and open, by drug and number; with ``closed`` the latest closed ones instead."""
    with look(by, "drugs.view") as session:
        if not closed:
            return _bottles(session, by.clinic_id, Bottle.closed_at.is_(None))
        latest = select(Bottle.id).where(Bottle.closed_at.is_not(None))
        latest = latest.order_by(Bottle.closed_at.desc()).limit(CLOSED_SHOWN)
        rows = _bottles(session, by.clinic_id, Bottle.id.in_(session.scalars(latest).all()))
        return sorted(rows, key=lambda row: row.closed_at or clock.now(), reverse=True)


def drugs(*, by: Actor) -> dict[str, str]:
    """The drugs in use, ``Ketamine 100 mg/mL`` by id."""
    with look(by, "drugs.view") as session:
        statement = select(Drug).where(Drug.active).order_by(Drug.name, Drug.strength)
        return {row.id: f"{row.name} {row.strength}".strip() for row in session.scalars(statement)}


def people(*, by: Actor) -> dict[str, str]:
    """Who may witness, name by id: the active people without the one who asks."""
    with look(by, "drugs.view") as session:
        statement = select(User.id, User.name).where(User.status == "active").order_by(User.name)
        return {row.id: row.name for row in session.execute(statement) if row.id != by.user_id}


def register(bottle_id: str, *, by: Actor) -> tuple[BottleRow, list[LogLine]]:
    """One bottle and its lines in the order of when they happened, the corrected ones too. Raises NotFound."""
    with look(by, "drugs.view") as session:
        found = _bottles(session, by.clinic_id, Bottle.id == bottle_id) if is_id(bottle_id) else []
        if not found:
            raise NotFound(what="bottle", name="with this number")
        return found[0], _lines(session, DrugLogEntry.bottle_id == bottle_id, found, by)


def of_visit(appointment_id: str, *, by: Actor) -> list[tuple[BottleRow, LogLine]]:
    """The lines of one visit with their bottles, in order; balances stand in each bottle's register."""
    with look(by, "drugs.view") as session:
        if not is_id(appointment_id):
            return []
        statement = select(DrugLogEntry.id, DrugLogEntry.bottle_id).where(DrugLogEntry.appointment_id == appointment_id)
        of_line = {row.id: row.bottle_id for row in session.execute(statement)}
        if not of_line:
            return []
        named = {row.id: row for row in _bottles(session, by.clinic_id, Bottle.id.in_(set(of_line.values())))}
        lines = _lines(session, DrugLogEntry.appointment_id == appointment_id, named.values(), by, whole=False)
        return [(named[of_line[line.id]], replace(line, balance=None)) for line in lines]


def _bottles(session: ClinicSession, clinic_id: str, *which) -> list[BottleRow]:  # type: ignore[no-untyped-def]
    """Of the bottles asked for only: summing the log of every bottle there ever was takes half a second a year."""
    zone = session.execute(select(Clinic.zone).where(Clinic.id == clinic_id)).scalar_one()
    today = clock.today(zone)
    held = select(func.coalesce(func.sum(DrugLogEntry.delta), 0)).where(DrugLogEntry.bottle_id == Bottle.id)
    statement = (
        select(Bottle, Drug, held.correlate(Bottle).scalar_subquery().label("held"))
        .join(Drug, Drug.id == Bottle.drug_id)
        .where(*which)
        .order_by(Drug.name, Drug.strength, Bottle.opened_at.is_(None), Bottle.number)
    )
    return [
        BottleRow(
            bottle.id, bottle.number, drug.id, drug.name, drug.strength, drug.unit, drug.schedule, drug.route,
            drug.stage, drug.needs_witness, bottle.lot, bottle.expires_on, bottle.size, int(held), bottle.supplier,
            bottle.received_on, bottle.opened_at, bottle.closed_at,
            bottle.expires_on is not None and bottle.expires_on < today,
        )
        for bottle, drug, held in session.execute(statement)
    ]  # fmt: skip


def _lines(  # type: ignore[no-untyped-def]
    session: ClinicSession, which, bottles: Iterable[BottleRow], by: Actor, *, whole: bool = True
) -> list[LogLine]:
    """The lines asked for, of these bottles. ``whole`` says that they are every line of a bottle, so that its balance
    can be followed."""
    witnessed = {bottle.id for bottle in bottles if bottle.needs_witness}
    statement = (
        select(DrugLogEntry, Appointment.number, Patient.name, Patient.species, Client)
        .outerjoin(Appointment, Appointment.id == DrugLogEntry.appointment_id)
        .outerjoin(Patient, Patient.id == DrugLogEntry.patient_id)
        .outerjoin(Client, Client.id == Patient.client_id)
        .where(which)
        .order_by(DrugLogEntry.event_at, DrugLogEntry.entered_at, DrugLogEntry.id)
    )
    rows = session.execute(statement).all()
    names = {row.id: row for row in session.execute(select(User.id, User.name, User.initials))}
    taken_out = {row[0].reverses_id: row[0] for row in rows if row[0].reverses_id}
    found, held, closed = [], 0, Closed(session, by)
    for entry, number, patient, species, client in rows:
        hidden = client is not None and closed.hides(client.id, client.restricted)
        reversal = taken_out.get(entry.id)
        stands = reversal is None and entry.kind != "reversal"
        held += entry.delta if stands else 0
        flags = []
        if entry.wasted > 0 and entry.bottle_id in witnessed and not entry.witness_id and stands:
            flags.append("No witness")
        if whole and stands and held < 0:
            flags.append("Negative balance")
        why = ""
        if reversal is not None:
            who = names[reversal.by_user_id].name if reversal.by_user_id in names else "the operator"
            why = f"Taken out by {who}: {reversal.reason}"
        line = LogLine(
            entry.id, entry.kind, entry.event_at, entry.entered_at, entry.source,
            entry.appointment_id, number, patient or "",
            species or "", f"{client.first_name} {client.last_name}".strip() if client else "",
            ", ".join(filter(None, (client.address, client.city, client.postal_code))) if client else "",
            entry.drawn, entry.given, entry.wasted, entry.delta, held if stands else None, entry.route,
            entry.stage, entry.reason, _short(names, entry.by_user_id), _short(names, entry.witness_id), why,
            tuple(flags),
        )  # fmt: skip
        found.append(replace(line, patient=NAME, owner="", address="", reason="", reversed_by="") if hidden else line)
    return found


def _short(names: dict[str, Any], user_id: str | None) -> str:
    person = names.get(user_id or "")
    return (person.initials or person.name) if person else ""


@dataclass(frozen=True)
class DayRow:
    """One bottle on one day, in thousandths. Counts are None where nobody counted."""

    bottle: BottleRow
    opening: int
    received: int
    given: int
    wasted: int
    adjusted: int
    closing: int
    am: int | None
    am_expected: int | None
    pm: int | None
    pm_expected: int | None
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    needs_am: bool = True
    """Whether it was open when the morning was counted; a bottle opened later had nothing to count."""
    needs_pm: bool = True
    """Whether anything was left to count in the evening: neither closed during the day nor empty."""
    pm_due: bool = True
    """Whether the time of the PM count has come."""


def reconciliation(day: date, *, by: Actor) -> list[DayRow]:
    """The bottles that were open on a day, with what moved and what was counted.

    closing = opening + received - given - wasted +/- adjusted, by when things happened.
    """
    with look(by, "drugs.view") as session:
        zone = session.execute(select(Clinic.zone).where(Clinic.id == by.clinic_id)).scalar_one()
        begin, end = instant_of(day, time(0), zone), instant_of(day + timedelta(days=1), time(0), zone)
        still_open = or_(Bottle.closed_at.is_(None), Bottle.closed_at >= begin)
        found = _bottles(session, by.clinic_id, Bottle.opened_at < end, still_open)
        ids = [row.id for row in found]
        before = _sums(session, DrugLogEntry.bottle_id.in_(ids), DrugLogEntry.event_at < begin)
        entries = session.scalars(
            select(DrugLogEntry).where(
                DrugLogEntry.bottle_id.in_(ids), DrugLogEntry.event_at >= begin, DrugLogEntry.event_at < end
            )
        ).all()
        counts: dict[tuple[str, str], DrugCount] = {}
        for line in session.scalars(
            select(DrugCount)
            .where(DrugCount.day == day, or_(DrugCount.bottle_id.in_(ids), DrugCount.bottle_id.is_(None)))
            .order_by(DrugCount.entered_at, DrugCount.id)
        ):
            counts[line.bottle_id, line.session] = line
        first = min((line.event_at for (_, part), line in counts.items() if part == "AM"), default=begin)
        return [
            _day_row(
                row,
                before.get(row.id, 0),
                entries,
                counts,
                in_use_from=max(first, begin),
                until=end,
                pm_due=clock.now() >= instant_of(day, AFTERNOON, zone),
            )
            for row in found
        ]


def _sums(session: ClinicSession, *where) -> dict[str, int]:  # type: ignore[no-untyped-def]
    statement = (
        select(DrugLogEntry.bottle_id, func.sum(DrugLogEntry.delta)).where(*where).group_by(DrugLogEntry.bottle_id)
    )
    return {bottle_id: int(total) for bottle_id, total in session.execute(statement)}


def _day_row(
    row: BottleRow, opening: int, entries: Sequence[DrugLogEntry], counts: dict[tuple[str, str], DrugCount], *,
    in_use_from: datetime, until: datetime, pm_due: bool,
) -> DayRow:  # fmt: skip
    mine = [entry for entry in entries if entry.bottle_id == row.id]
    reversed_kinds = {entry.id: entry.kind for entry in mine}
    received = _total(mine, reversed_kinds, ("received",))
    adjusted = _total(mine, reversed_kinds, ("adjusted", "disposed", "transferred"))
    given, wasted = sum(entry.given for entry in mine), sum(entry.wasted for entry in mine)
    am, pm = counts.get((row.id, "AM")), counts.get((row.id, "PM"))
    closing = opening + sum(entry.delta for entry in mine)
    needs_am = row.opened_at is not None and row.opened_at < in_use_from
    needs_pm = (row.closed_at is None or row.closed_at >= until) and closing != 0
    flags = list(row.flags)
    if am is None and needs_am:
        flags.append("No AM count")
    if pm is None and needs_pm and pm_due:
        flags.append("No PM count")
    for name, line in (("AM", am), ("PM", pm)):
        if line is not None and line.counted != line.expected:
            flags.append(f"{name} {words(line.counted - line.expected, row.unit, sign=True)}")
    unwitnessed = [
        entry
        for entry in mine
        if entry.kind == "use" and entry.wasted and not entry.witness_id and row.needs_witness
        and not any(other.reverses_id == entry.id for other in mine)
    ]  # fmt: skip
    if unwitnessed:
        flags.append(f"{len(unwitnessed)} without witness")
    return DayRow(
        row, opening, received, given, wasted, adjusted, closing,
        am.counted if am else None, am.expected if am else None, pm.counted if pm else None,
        pm.expected if pm else None, tuple(line.reason for line in (am, pm) if line and line.reason), tuple(flags),
        needs_am, needs_pm, pm_due,
    )  # fmt: skip


def _total(mine: Iterable[DrugLogEntry], kinds: dict[str, str], wanted: tuple[str, ...]) -> int:
    return sum(
        entry.delta
        for entry in mine
        if entry.kind in wanted or (entry.kind == "reversal" and kinds.get(entry.reverses_id or "") in wanted)
    )
