"""Outages: declared while they last or dated afterwards, for the whole clinic or for cards only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, EditedMeanwhile, NotFound, Refusal
from data.models import Appointment, Clinic, FormSheet, Outage, PrintRun, User
from data.session import ClinicSession
from data.types import clock, is_id
from data.wording import Wording
from security.actor import Actor
from security.profile import wording
from security.rules import Work, act, look, remembered

SCOPES = {"all": "Whole clinic", "cards": "Cards only"}
PARTS = {"clinical": "clinical", "money": "money"}
LONGEST = timedelta(days=60)


class Overlaps(BadInput):
    """There is already an outage at that time: {other}. Change its times, or choose a time outside of it."""


class OutageTimes(BadInput):
    """{problem}"""


class PartClosed(Refusal):
    """The {part} part of this outage is closed and its report is signed, so its times stay as they are."""


@dataclass(frozen=True)
class OutageRow:
    """One outage. ``ended_at`` is None while it lasts; times are instants."""

    id: str
    scope: str
    began_at: datetime
    ended_at: datetime | None
    reason: str
    declared_by: str
    clinical_closed_at: datetime | None
    clinical_closed_by: str
    clinical_report_id: str | None
    money_closed_at: datetime | None
    money_closed_by: str
    money_report_id: str | None
    version: int

    @property
    def lasts(self) -> bool:
        """Whether the clinic is on paper still."""
        return self.ended_at is None

    @property
    def parts(self) -> tuple[str, ...]:
        """What there is to close: cards alone leave nothing clinical on paper."""
        return ("money",) if self.scope == "cards" else ("clinical", "money")

    def closed_at(self, part: str) -> datetime | None:
        """When a part was closed."""
        return self.clinical_closed_at if part == "clinical" else self.money_closed_at

    def report_id(self, part: str) -> str | None:
        """The signed report of a closed part."""
        return self.clinical_report_id if part == "clinical" else self.money_report_id

    @property
    def is_closed(self) -> bool:
        """Whether nothing of it is left to do."""
        return all(self.closed_at(part) for part in self.parts)

    def title(self, words: Wording) -> str:
        """``Nov 22, 2026, 9:40 AM to 3:10 PM``, or ``since …`` while it lasts."""
        if self.ended_at is None:
            return f"since {words.moment(self.began_at)}"
        zone = ZoneInfo(words.zone)
        same = self.began_at.astimezone(zone).date() == self.ended_at.astimezone(zone).date()
        end = words.clock_time(self.ended_at) if same else words.moment(self.ended_at)
        return f"{words.moment(self.began_at)} to {end}"


def declare(
    scope: str,
    began_at: datetime,
    ended_at: datetime | None = None,
    reason: str = "",
    *,
    by: Actor,
    key: str | None = None,
) -> str:
    """Say that the clinic works, or worked, on paper; returns the outage's id. ``scope`` is all or cards; without
    ``ended_at`` it lasts. The sheets printed for its days become its own.

    Raises OutageTimes, Overlaps, BadInput, CardNumberTyped, NotPermitted.
    """
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return str(work.result)
        if scope not in SCOPES:
            raise BadInput(problem="Say whether the whole clinic or only cards are out: all or cards.")
        refuse_card_numbers({"The reason": reason})
        _check_times(work.session, began_at, ended_at, None)
        outage = Outage(
            scope=scope, began_at=began_at, ended_at=ended_at, reason=" ".join(reason.split())[:300],
            declared_by_id=by.user_id,
        )  # fmt: skip
        work.session.add(outage)
        work.session.flush()
        count = bind_sheets(work.session, outage)
        work.audit(
            "outage.declared", "outage", outage.id, scope=scope, began=began_at.isoformat(),
            ended=ended_at.isoformat() if ended_at else None, sheets=count,
        )  # fmt: skip
        work.result = outage.id
        return outage.id


def over(outage_id: str, ended_at: datetime, *, version: int, by: Actor, key: str | None = None) -> None:
    """Say that it is over: from ``ended_at`` on the clinic works in the app again. Raises OutageTimes, Overlaps,
    PartClosed, EditedMeanwhile, NotFound, NotPermitted."""
    change_times(outage_id, None, ended_at, version=version, by=by, key=key)


def change_times(
    outage_id: str,
    began_at: datetime | None,
    ended_at: datetime | None,
    *,
    version: int,
    by: Actor,
    key: str | None = None,
) -> None:
    """Put the times right, until a part is closed; None for ``began_at`` leaves the start as it is, None for
    ``ended_at`` says that it lasts. Raises OutageTimes, Overlaps, PartClosed, EditedMeanwhile, NotFound, NotPermitted.
    """
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return
        outage = outage_for(work.session, outage_id)
        if outage.version != version:
            raise EditedMeanwhile(who="Somebody", what="outage")
        for part, closed in (("clinical", outage.clinical_closed_at), ("money", outage.money_closed_at)):
            if closed is not None:
                raise PartClosed(part=part)
        began_at = began_at or outage.began_at
        _check_times(work.session, began_at, ended_at, outage.id)
        outage.began_at, outage.ended_at = began_at, ended_at
        work.session.flush()
        count = bind_sheets(work.session, outage)
        work.audit(
            "outage.timed", "outage", outage.id, began=began_at.isoformat(),
            ended=ended_at.isoformat() if ended_at else None, sheets=count,
        )  # fmt: skip


def outages(*, by: Actor) -> list[OutageRow]:
    """Every outage, the newest first. Raises NotPermitted."""
    with look(by, "outage.enter") as session:
        return rows_of(session)


def outage(outage_id: str, *, by: Actor) -> OutageRow:
    """One outage. Raises NotFound, NotPermitted."""
    with look(by, "outage.enter") as session:
        return rows_of(session, outage_for(session, outage_id).id)[0]


@remembered(None)
def current(*, by: Actor) -> OutageRow | None:
    """The newest outage that is not wholly closed, for everybody: one that lasts before all others."""
    with look(by, None) as session:
        still = [row for row in rows_of(session, closed=False) if not row.is_closed]
    return next((row for row in still if row.lasts), still[0] if still else None)


def outage_for(session: ClinicSession, outage_id: str) -> Outage:
    """The outage behind an id; raises NotFound."""
    found = None
    if is_id(outage_id):
        found = session.scalars(select(Outage).where(Outage.id == outage_id)).one_or_none()
    if found is None:
        raise NotFound(what="outage", name="with this address")
    return found


def outage_at(session: ClinicSession, instant: datetime) -> Outage | None:
    """The outage that an instant lies in, the newest where an old one was never ended."""
    statement = (
        select(Outage)
        .where(Outage.began_at <= instant, or_(Outage.ended_at.is_(None), Outage.ended_at >= instant))
        .order_by(Outage.began_at.desc())
    )
    return session.scalars(statement).first()


def rows_of(session: ClinicSession, outage_id: str | None = None, *, closed: bool = True) -> list[OutageRow]:
    """The outages as people see them, within a rule; without ``closed`` only those with a part left open."""
    statement = select(Outage).order_by(Outage.began_at.desc(), Outage.id.desc())
    if outage_id is not None:
        statement = statement.where(Outage.id == outage_id)
    if not closed:
        statement = statement.where(or_(Outage.clinical_closed_at.is_(None), Outage.money_closed_at.is_(None)))
    found = session.scalars(statement).all()
    ids = {
        one
        for row in found
        for one in (row.declared_by_id, row.clinical_closed_by_id, row.money_closed_by_id)
        if one is not None
    }
    names = dict(session.execute(select(User.id, User.name).where(User.id.in_(ids))).tuples().all()) if ids else {}

    def name(user_id: str | None) -> str:
        return names.get(user_id or "", "Operator")

    return [
        OutageRow(
            row.id, row.scope, row.began_at, row.ended_at, row.reason, name(row.declared_by_id),
            row.clinical_closed_at, name(row.clinical_closed_by_id), row.clinical_report_id,
            row.money_closed_at, name(row.money_closed_by_id), row.money_report_id, row.version,
        )
        for row in found
    ]  # fmt: skip


def zone_of(session: ClinicSession) -> str:
    """The clinic's time zone."""
    return session.execute(select(Clinic.zone).where(Clinic.id == session.clinic_id)).scalar_one()


def days_of(began_at: datetime, ended_at: datetime | None, zone: str) -> tuple[date, date]:
    """The first and last calendar day of an outage at the clinic."""
    there = ZoneInfo(zone)
    return began_at.astimezone(there).date(), (ended_at or clock.now()).astimezone(there).date()


def bind_sheets(session: ClinicSession, outage: Outage) -> int:
    """Make the sheets printed for an outage's days its own, and let go those it has no claim to any more; returns how
    many are its own now. Of cards only the slips count, and they are bound when they are keyed."""
    if outage.scope == "cards":
        return 0
    first, last = days_of(outage.began_at, outage.ended_at, zone_of(session))
    statement = (
        select(FormSheet, PrintRun.day, Appointment.day)
        .join(PrintRun, (PrintRun.clinic_id == FormSheet.clinic_id) & (PrintRun.id == FormSheet.print_run_id))
        .outerjoin(
            Appointment, (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id)
        )
        .where(
            or_(
                FormSheet.outage_id == outage.id,
                FormSheet.outage_id.is_(None)
                & or_(PrintRun.day.between(first, last), Appointment.day.between(first, last)),
            )
        )
    )
    count = 0
    for sheet, printed_for, day in session.execute(statement):
        of = day or printed_for
        if of is not None and not first <= of <= last:
            sheet.outage_id = None
            continue
        sheet.outage_id = outage.id
        count += 1
    return count


def _check_times(session: ClinicSession, began_at: datetime, ended_at: datetime | None, own: str | None) -> None:
    now = clock.now()
    for instant in (began_at, ended_at):
        if instant is not None and instant.tzinfo is None:
            raise OutageTimes(problem="A time without its zone is not clear. Write it like 2026-11-22T09:40-05:00.")
    if began_at > now + timedelta(minutes=1):
        raise OutageTimes(problem="An outage cannot begin later than now. Declare it when it has begun.")
    if ended_at is not None and ended_at > now + timedelta(minutes=1):
        raise OutageTimes(problem="An outage cannot end later than now. Leave the end open until it is over.")
    if ended_at is not None and ended_at <= began_at:
        raise OutageTimes(problem="An outage must end after it began. Check the two times.")
    if (ended_at or now) - began_at > LONGEST:
        raise OutageTimes(problem=f"An outage of more than {LONGEST.days} days is not likely. Check the dates.")
    other = session.scalars(
        select(Outage)
        .where(
            or_(Outage.ended_at.is_(None), Outage.ended_at > began_at),
            Outage.began_at < ended_at if ended_at is not None else Outage.id.is_not(None),
            Outage.id != own if own else Outage.id.is_not(None),
        )
        .order_by(Outage.began_at)
    ).first()
    if other is not None:
        (row,) = rows_of(session, other.id)
        raise Overlaps(other=row.title(wording(session)))


def unclosed(session: ClinicSession, day: date | None = None) -> Outage | None:
    """The outage of the whole clinic whose clinical part is not closed: the newest, or that of a day. It gets the blank
    stock that was used."""
    statement = select(Outage).where(Outage.scope == "all", Outage.clinical_closed_at.is_(None))
    zone = zone_of(session)
    for outage in session.scalars(statement.order_by(Outage.began_at.desc())):
        first, last = days_of(outage.began_at, outage.ended_at, zone)
        if day is None or first <= day <= last:
            return outage
    return None


def bind_used(session: ClinicSession, sheets: Collection[FormSheet]) -> None:
    """Make sheets that are used the paper of an outage that is not closed, within a rule: that of the day of their
    visit, however late they were printed; of blank stock the newest."""
    free = [sheet for sheet in sheets if sheet.outage_id is None]
    visits = select(Appointment.id, Appointment.day).where(
        Appointment.id.in_({sheet.appointment_id for sheet in free if sheet.appointment_id})
    )
    days: dict[str | None, date | None] = {None: None}
    days |= dict(session.execute(visits).tuples().all()) if free else {}
    of = {day: unclosed(session, day) for day in {days[sheet.appointment_id] for sheet in free}}
    for sheet in free:
        outage = of[days[sheet.appointment_id]]
        sheet.outage_id = outage.id if outage is not None else None


def bind_to(work: Work, sheets: list[str], outage: Outage) -> None:
    """Make sheets that were used in an outage its own, in another rule's transaction."""
    for sheet in work.session.scalars(select(FormSheet).where(FormSheet.id.in_(sheets), FormSheet.outage_id.is_(None))):
        sheet.outage_id = outage.id
