"""The pots of grants and vouchers: what came in, what visits promise and use, and putting a count right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select

from appointments.funding import add_fund_entry, left_of, pot_sums
from billing.amounts import MOST_CENTS
from data.errors import BadInput, NotFound
from data.models import Fund, FundEntry, User
from data.types import clock
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import act, look


class PotAmount(BadInput):
    """Enter an amount above zero."""


class PotReason(BadInput):
    """Say why the pot is put right: a few words, they stay in its history."""


class ReceivedLater(BadInput):
    """That day has not come yet. Enter the day on which the money arrived, at the latest today."""


@dataclass(frozen=True)
class Pot:
    """One grant or voucher, in cents."""

    fund_id: str
    code: str
    name: str
    kind: str
    active: bool
    received: int
    adjusted: int
    promised: int
    used: int
    left: int
    """In the pot and not promised to anybody."""


@dataclass(frozen=True)
class Entry:
    """One line of a pot's history; ``cents`` is negative where money left the pot."""

    day: date
    fund: str
    kind: str
    cents: int
    reason: str
    person: str


def pots(*, by: Actor) -> list[Pot]:
    """Every pot by name, those no longer in use last. Raises NotPermitted."""
    with look(by, "billing.invoices") as session:
        sums = pot_sums(session)
        return [
            _pot(fund, sums[fund.id]) for fund in session.scalars(select(Fund).order_by(Fund.active.desc(), Fund.name))
        ]


def _pot(fund: Fund, sums: dict[str, int]) -> Pot:
    received, adjusted, pending, released, used = (
        sums.get(kind, 0) for kind in ("received", "adjusted", "pending", "released", "used")
    )
    return Pot(
        fund.id, fund.code, fund.name, fund.kind, fund.active, received, adjusted, pending - released, used,
        left_of(sums),
    )  # fmt: skip


def entries(*, fund_id: str | None = None, limit: int = 50, by: Actor) -> list[Entry]:
    """The latest money into and out of the pots, without promises. Raises NotPermitted."""
    zone = ZoneInfo(clinic_of(by.clinic_id).zone)
    with look(by, "billing.invoices") as session:
        statement = (
            select(FundEntry, Fund.name, User.name)
            .join(Fund, Fund.id == FundEntry.fund_id)
            .outerjoin(User, User.id == FundEntry.by_user_id)
            .where(FundEntry.kind.in_(("received", "adjusted", "used")))
            .order_by(FundEntry.event_at.desc(), FundEntry.id.desc())
            .limit(limit)
        )
        if fund_id:
            statement = statement.where(FundEntry.fund_id == fund_id)
        return [
            Entry(
                row.event_at.astimezone(zone).date(), fund, row.kind,
                -row.amount_cents if row.kind == "used" else row.amount_cents, row.reason, person or "",
            )
            for row, fund, person in session.execute(statement)
        ]  # fmt: skip


def receive(fund_id: str, cents: int, day: date, reason: str = "", *, by: Actor, key: str | None = None) -> None:
    """Money that came into a pot on a day of the clinic. Raises PotAmount, ReceivedLater, NotFound, NotPermitted."""
    zone = ZoneInfo(clinic_of(by.clinic_id).zone)
    if day > clock.today(str(zone)):
        raise ReceivedLater()
    if not 0 < cents <= MOST_CENTS:
        raise PotAmount()
    at = min(clock.now(), datetime.combine(day, time(12), zone).astimezone(UTC))
    _enter(fund_id, "received", cents, at, reason, by, key)


def put_right(fund_id: str, cents: int, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Correct what a pot holds by an amount, up or down, with the reason; nothing is erased.

    Raises PotAmount, PotReason, NotFound, NotPermitted.
    """
    if not 0 < abs(cents) <= MOST_CENTS:
        raise PotAmount()
    if not reason.strip():
        raise PotReason()
    _enter(fund_id, "adjusted", cents, clock.now(), reason, by, key)


def _enter(fund_id: str, kind: str, cents: int, at: datetime, reason: str, by: Actor, key: str | None) -> None:
    with act(by, "billing.funds", key=key) as work:
        if work.repeated:
            return
        fund = work.session.scalars(select(Fund).where(Fund.id == fund_id)).one_or_none()
        if fund is None:
            raise NotFound(what="grant or voucher", name="like this")
        add_fund_entry(work, fund_id, kind, cents, None, None, reason.strip()[:200], at)
        work.audit(f"fund.{kind}", "fund", fund.code, cents=cents)
