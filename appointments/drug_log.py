"""The drug log: bottles received, opened, drawn from, counted and closed, as append-only lines.

A bottle's balance is the sum of its lines, in the order of when things happened, not when they were written down. A
wrong line is never changed: a reversing line takes it out and a new one says what was right. A negative balance (the
overfill of a bottle, or a line still missing) is flagged and never blocked. Quantities are whole thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import func, select

from appointments import moves
from appointments.times import instant_of
from data.errors import BadInput, NotFound, Refusal
from data.models import Appointment, Bottle, Clinic, Drug, DrugCount, DrugLogEntry, Location, User
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.rules import Work, act


class NumberTaken(BadInput):
    """There is already a bottle {number} here. Give each bottle a number of its own."""


class NotPositive(BadInput):
    """The quantity of {what} must be more than zero."""


class DoesNotAddUp(BadInput):
    """Drawn must be given plus wasted. Check the three quantities."""


class PatientMissing(BadInput):
    """Say for which visit the drug was given. Only waste and adjustments have no patient."""


class WitnessMissing(BadInput):
    """{what} of {drug} needs a witness. Ask a colleague to watch, and choose their name."""


class WitnessIsPerformer(BadInput):
    """The witness must be somebody else than the person who did it."""


class ReasonMissing(BadInput):
    """Write down the reason: {what}."""


class BottleNotOpen(Refusal):
    """Bottle {number} is {state}. {hint}"""


class AlreadyReversed(Refusal):
    """This line was already corrected. Look at the log again."""


class NotReversible(Refusal):
    """A correcting line is not corrected itself. Enter the right line as a new one."""


@dataclass(frozen=True)
class NewBottle:
    """A container as it arrives. ``size`` in thousandths of the drug's unit."""

    drug_id: str
    number: str
    size: int
    received_on: date
    lot: str = ""
    expires_on: date | None = None
    supplier: str = ""
    supplier_registration: str = ""
    location_id: str | None = None


@dataclass(frozen=True)
class Use:
    """One drawing from a bottle, in thousandths. ``drawn`` may be left out: it is given plus wasted.

    ``performed_by`` is who did it when somebody else keys the paper; the person who enters it otherwise.
    """

    bottle_id: str
    given: int = 0
    wasted: int = 0
    drawn: int | None = None
    appointment_id: str | None = None
    stage: str = ""
    route: str = ""
    reason: str = ""
    witness_id: str | None = None
    event_at: datetime | None = None
    source: str = "live"
    performed_by: str | None = None
    form_sheet_id: str | None = None


def receive(bottle: NewBottle, *, by: Actor, key: str | None = None) -> str:
    """Take a bottle into stock; returns its id. Raises NumberTaken, NotPositive, NotFound, InTheFuture."""
    with act(by, "drugs.bottles", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        session.head()
        number = bottle.number.strip()
        if not number:
            raise BadInput(problem="The bottle needs a number: write it on the label and here.")
        if bottle.size <= 0:
            raise NotPositive(what="the bottle")
        drug = _drug(session, bottle.drug_id)
        taken = select(Bottle.id).where(func.lower(Bottle.number) == number.lower())
        if session.scalar(taken, execution_options={"include_deleted": True}):
            raise NumberTaken(number=number)
        zone = session.execute(select(Clinic.zone).where(Clinic.id == by.clinic_id)).scalar_one()
        today = clock.today(zone)
        if bottle.received_on > today:
            raise moves.InTheFuture()
        at = clock.now() if bottle.received_on == today else instant_of(bottle.received_on, time(12), zone)
        row = Bottle(
            drug_id=drug.id, number=number, lot=bottle.lot.strip(), expires_on=bottle.expires_on, size=bottle.size,
            supplier=bottle.supplier.strip(), supplier_registration=bottle.supplier_registration.strip(),
            received_on=bottle.received_on, location_id=bottle.location_id,
        )  # fmt: skip
        session.add(row)
        session.flush()
        _line(work, row, "received", bottle.size, at)
        work.audit("bottle.received", "bottle", row.id, number=number, drug=drug.code)
        work.result = row.id
        return row.id


def open_bottle(bottle_id: str, *, by: Actor, event_at: datetime | None = None, key: str | None = None) -> None:
    """Begin to use a bottle. Raises BottleNotOpen when it is open or closed already, InTheFuture."""
    with act(by, "drugs.bottles", key=key) as work:
        if work.repeated:
            return
        row = _bottle(work.session, bottle_id)
        if row.closed_at or row.opened_at:
            state = "closed" if row.closed_at else "open already"
            raise BottleNotOpen(number=row.number, state=state, hint="Choose another bottle.")
        row.opened_at = _when(event_at)
        work.audit("bottle.opened", "bottle", row.id, number=row.number)


def log_use(use: Use, *, by: Actor, key: str | None = None) -> str:
    """Log a drug drawn, given and wasted; returns the line's id.

    Live entry refuses a closed or unopened bottle and waste without the witness its drug needs; paper is taken as it
    was written and the missing witness is flagged. Raises NotPositive, DoesNotAddUp, PatientMissing, WitnessMissing,
    WitnessIsPerformer, BottleNotOpen, InTheFuture, NotFound.
    """
    with act(by, "drugs.log", key=key) as work:
        if work.repeated:
            return str(work.result)
        line = add_use(work, use)
        work.audit(
            "drug.logged", "drug_log_entry", line.id, bottle=use.bottle_id, appointment=use.appointment_id,
            source=use.source, wasted=bool(use.wasted), witnessed=use.witness_id is not None,
        )  # fmt: skip
        work.result = line.id
        return line.id


def add_use(work: Work, use: Use) -> DrugLogEntry:
    """The line of a use, checked, inside another rule's transaction (back entry, a clinical stage)."""
    session = work.session
    row = _bottle(session, use.bottle_id)
    drug = _drug(session, row.drug_id)
    if use.given < 0 or use.wasted < 0 or use.given + use.wasted <= 0:
        raise NotPositive(what=drug.name)
    if use.drawn is not None and use.drawn != use.given + use.wasted:
        raise DoesNotAddUp()
    appointment = None
    if use.appointment_id:
        appointment = session.held(Appointment, use.appointment_id)
        if appointment is None:
            raise NotFound(what="visit", name="with this number")
    if use.given and appointment is None:
        raise PatientMissing()
    live = use.source == "live"
    if live:
        _must_be_open(row)
    if use.wasted and drug.needs_witness and not use.witness_id and live:
        raise WitnessMissing(what="Waste", drug=drug.name)
    performer = use.performed_by or work.by.user_id
    _check_performer(session, use.performed_by)
    _check_witness(session, use.witness_id, performer)
    return _line(
        work, row, "use", -(use.given + use.wasted), _when(use.event_at), drawn=use.given + use.wasted,
        given=use.given, wasted=use.wasted, appointment_id=use.appointment_id,
        patient_id=appointment.patient_id if appointment else None, stage=use.stage[:20], route=use.route.strip()[:20],
        reason=use.reason.strip()[:300], witness_id=use.witness_id, source=use.source, by_user_id=performer,
        form_sheet_id=use.form_sheet_id,
    )  # fmt: skip


def adjust(
    bottle_id: str, delta: int, reason: str, witness_id: str | None, *, by: Actor,
    event_at: datetime | None = None, source: str = "live", key: str | None = None,
) -> str:  # fmt: skip
    """Set the balance right by ``delta`` thousandths (hub loss, overfill, spill); returns the line's id.

    Always with a reason and a witness. Raises NotPositive, ReasonMissing, WitnessMissing, WitnessIsPerformer.
    """
    return _by_hand("adjusted", bottle_id, delta, reason, witness_id, by, event_at, source, key)


def dispose(
    bottle_id: str, quantity: int, manner: str, witness_id: str | None, *, by: Actor,
    event_at: datetime | None = None, source: str = "live", key: str | None = None,
) -> str:  # fmt: skip
    """Dispose of ``quantity`` thousandths: date and manner are recorded (21 CFR 1304.22(c)). Raises as ``adjust``."""
    if quantity <= 0:
        raise NotPositive(what="what was disposed of")
    return _by_hand("disposed", bottle_id, -quantity, manner, witness_id, by, event_at, source, key)


def _by_hand(
    kind: str, bottle_id: str, delta: int, reason: str, witness_id: str | None, by: Actor,
    event_at: datetime | None, source: str, key: str | None,
) -> str:  # fmt: skip
    with act(by, "drugs.bottles", key=key) as work:
        if work.repeated:
            return str(work.result)
        row = _bottle(work.session, bottle_id)
        line = _adjusting(work, row, kind, delta, reason, witness_id, event_at, source)
        work.audit(f"drug.{kind}", "drug_log_entry", line.id, bottle=bottle_id, reason=reason.strip()[:300])
        work.result = line.id
        return line.id


def _adjusting(
    work: Work, row: Bottle, kind: str, delta: int, reason: str, witness_id: str | None,
    event_at: datetime | None, source: str,
) -> DrugLogEntry:  # fmt: skip
    drug = _drug(work.session, row.drug_id)
    if delta == 0:
        raise NotPositive(what="the adjustment")
    if not reason.strip():
        raise ReasonMissing(what="what happened to it" if kind == "disposed" else "why the balance was off")
    if not witness_id and source == "live":
        raise WitnessMissing(what="Disposal" if kind == "disposed" else "An adjustment", drug=drug.name)
    _check_witness(work.session, witness_id, work.by.user_id)
    return _line(
        work, row, kind, delta, _when(event_at), reason=reason.strip()[:300], witness_id=witness_id, source=source
    )


def close_bottle(
    bottle_id: str, *, by: Actor, reason: str = "", witness_id: str | None = None, key: str | None = None
) -> None:
    """Close an empty bottle. What is left, or drawn beyond its label, is adjusted away with reason and witness.

    Raises BottleNotOpen, ReasonMissing, WitnessMissing, WitnessIsPerformer.
    """
    with act(by, "drugs.bottles", key=key) as work:
        if work.repeated:
            return
        session = work.session
        session.head()
        row = _bottle(session, bottle_id)
        if row.closed_at:
            raise BottleNotOpen(number=row.number, state="closed already", hint="Nothing needs to be done.")
        left = balance(session, bottle_id)
        if left:
            _adjusting(work, row, "adjusted", -left, reason, witness_id, None, "live")
        row.closed_at = clock.now()
        work.audit("bottle.closed", "bottle", row.id, number=row.number, adjusted=bool(left))


def count(
    bottle_id: str, day: date, part: str, counted: int, *, by: Actor, witness_id: str | None = None,
    reason: str = "", event_at: datetime | None = None, source: str = "live", key: str | None = None,
) -> int:  # fmt: skip
    """Write down a physical count, ``part`` AM or PM; returns counted minus expected, in thousandths.

    Expected is what the log says at that time. A difference needs a reason; a drug that needs a witness needs one
    here. A second count of the same half day replaces the first on the screens; both stay. Raises ReasonMissing,
    WitnessMissing, WitnessIsPerformer, InTheFuture.
    """
    if part not in ("AM", "PM"):
        raise BadInput(problem="A count is the AM or the PM count.")
    if counted < 0:
        raise BadInput(problem="A count cannot be less than zero.")
    with act(by, "drugs.log", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        session.head()
        row = _bottle(session, bottle_id)
        drug = _drug(session, row.drug_id)
        at = _when(event_at)
        zone = session.scalar(select(Location.zone).where(Location.id == row.location_id)) if row.location_id else None
        if day > clock.today(
            zone or session.execute(select(Clinic.zone).where(Clinic.id == by.clinic_id)).scalar_one()
        ):
            raise moves.InTheFuture()
        expected = balance(session, bottle_id, at)
        if counted != expected and not reason.strip():
            raise ReasonMissing(what="the count differs from the log")
        if drug.needs_witness and not witness_id and source == "live":
            raise WitnessMissing(what="The count", drug=drug.name)
        _check_witness(session, witness_id, by.user_id)
        line = DrugCount(
            bottle_id=row.id, day=day, session=part, counted=counted, expected=expected, witness_id=witness_id,
            reason=reason.strip()[:300], event_at=at, source=source, by_user_id=by.user_id,
        )  # fmt: skip
        session.add(line)
        work.audit("drug.counted", "drug_count", line.id or "", bottle=row.id, part=part, differs=counted != expected)
        work.result = counted - expected
        return counted - expected


def correct(entry_id: str, reason: str, *, by: Actor, instead: Use | None = None, key: str | None = None) -> str:
    """Take a wrong line out by a reversing line, and enter ``instead`` what was right; returns the reversal's id.

    Both lines stay and are shown, the wrong one struck through. Raises ReasonMissing, AlreadyReversed, NotReversible
    and whatever ``log_use`` raises for the new line.
    """
    with act(by, "drugs.correct", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        session.head()
        if not reason.strip():
            raise ReasonMissing(what="what was wrong with the line")
        wrong = session.get(DrugLogEntry, (session.clinic_id, entry_id))
        if wrong is None or wrong.deleted_at:
            raise NotFound(what="line", name="in the drug log with this number")
        if wrong.kind == "reversal":
            raise NotReversible()
        if session.scalar(select(DrugLogEntry.id).where(DrugLogEntry.reverses_id == entry_id)):
            raise AlreadyReversed()
        row = _bottle(session, wrong.bottle_id)
        line = _line(
            work, row, "reversal", -wrong.delta, wrong.event_at, drawn=-wrong.drawn, given=-wrong.given,
            wasted=-wrong.wasted, appointment_id=wrong.appointment_id, patient_id=wrong.patient_id, stage=wrong.stage,
            reason=reason.strip()[:300], reverses_id=wrong.id,
        )  # fmt: skip
        new = add_use(work, instead) if instead else None
        work.audit(
            "drug.corrected", "drug_log_entry", line.id, reverses=wrong.id, instead=new.id if new else None,
            bottle=wrong.bottle_id,
        )  # fmt: skip
        work.result = line.id
        return line.id


def balance(session: ClinicSession, bottle_id: str, at: datetime | None = None) -> int:
    """What a bottle holds by the log, now or at a time, in thousandths."""
    statement = select(func.coalesce(func.sum(DrugLogEntry.delta), 0)).where(DrugLogEntry.bottle_id == bottle_id)
    if at is not None:
        statement = statement.where(DrugLogEntry.event_at <= at)
    return int(session.scalar(statement) or 0)


def _line(
    work: Work, row: Bottle, kind: str, delta: int, at: datetime, *, source: str = "live",
    by_user_id: str | None = None, **fields: object,
) -> DrugLogEntry:  # fmt: skip
    work.session.head()
    line = DrugLogEntry(
        bottle_id=row.id, kind=kind, delta=delta, event_at=at, source=source,
        by_user_id=by_user_id or work.by.user_id, **fields,
    )  # fmt: skip
    work.session.add(line)
    work.session.flush()
    return line


def _bottle(session: ClinicSession, bottle_id: str) -> Bottle:
    row = session.held(Bottle, bottle_id)
    if row is None:
        raise NotFound(what="bottle", name="with this number")
    return row


def _drug(session: ClinicSession, drug_id: str) -> Drug:
    row = session.held(Drug, drug_id)
    if row is None:
        raise NotFound(what="drug", name="in the drug list")
    return row


def _must_be_open(row: Bottle) -> None:
    if row.closed_at:
        raise BottleNotOpen(number=row.number, state="closed", hint="Choose an open bottle.")
    if not row.opened_at:
        raise BottleNotOpen(number=row.number, state="not opened yet", hint="Open it first on the Drug log page.")


def _check_witness(session: ClinicSession, witness_id: str | None, performer: str | None) -> None:
    if not witness_id:
        return
    if witness_id == performer:
        raise WitnessIsPerformer()
    witness = session.held(User, witness_id)
    if witness is None or witness.status != "active":
        raise NotFound(what="person", name="with this name who could have been the witness")


def _check_performer(session: ClinicSession, performer: str | None) -> None:
    """Somebody who is not there could stand between a person and their own witness."""
    if performer and session.held(User, performer) is None:
        raise NotFound(what="person", name="with this name who could have drawn it")


def _when(event_at: datetime | None) -> datetime:
    now = clock.now()
    if event_at is not None and event_at > now + moves.CLOCK_SLACK:
        raise moves.InTheFuture()
    return event_at or now
