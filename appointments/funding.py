"""What a grant or voucher holds for a visit it was chosen for.

Choosing it at booking promises money out of its pot (a pending entry). The promise is released when the visit is
cancelled, missed or declined, when another funding is chosen, and when the visit gets its ticket: from then on the
lines of the ticket promise and use (billing.checkout). A pot is never promised twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from data.errors import Refusal
from data.models import Appointment, Fund, FundEntry, Invoice, InvoiceLine
from data.session import ClinicSession
from data.types import clock, new_id
from records.standing import voided_ids
from security.rules import Work

HOLDS = (*BEFORE_ARRIVAL, *ON_SITE)
"""Stages in which the visit may still be paid out of the pot."""

OFF = {"cancelled": "cancelled", "no_show": "did not come"}
"""Stages in which also what a ticket promises goes back, and why."""


class FundEmpty(Refusal):
    """{fund} has too little left for this visit. Fill the fund, or take another one."""


def follow(work: Work, appointment: Appointment, *, must: bool = False) -> None:
    """Make the promises for a visit what its funding and its stage ask for.

    An empty pot promises nothing, and never stands in the way of a patient; with ``must``, where a person chose it
    just now, it raises FundEmpty.
    """
    session = work.session
    session.flush()
    entries = session.scalars(
        select(FundEntry).where(FundEntry.appointment_id == appointment.id).order_by(FundEntry.entered_at, FundEntry.id)
    ).all()
    if not entries and not appointment.funding:
        return
    held: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.invoice_line_id is None:
            held[entry.fund_id] += {"pending": 1, "released": -1}.get(entry.kind, 0) * entry.amount_cents
    fund = None
    if appointment.funding and appointment.stage in HOLDS and not _has_ticket(session, appointment.id):
        fund = session.scalars(
            select(Fund).where(Fund.code == appointment.funding, Fund.active.is_(True))
        ).one_or_none()
    for fund_id, cents in held.items():
        if cents and (fund is None or fund_id != fund.id):
            _enter(work, fund_id, "released", cents, appointment, _why(appointment))
    if fund is not None and fund.deduction_cents and not held.get(fund.id):
        session.head()
        if has_enough(session, fund):
            _enter(work, fund.id, "pending", fund.deduction_cents, appointment, "booked")
        elif must:
            raise FundEmpty(fund=fund.name)
    _follow_lines(work, appointment, entries, must=must)
    session.flush()


def _follow_lines(work: Work, appointment: Appointment, entries: Sequence[FundEntry], *, must: bool) -> None:
    """What the lines of an early ticket promise goes back while the visit is off, and is promised again when it is on
    again."""
    session = work.session
    by_line: defaultdict[tuple[str, str], list[FundEntry]] = defaultdict(list)
    for entry in entries:
        if entry.invoice_line_id is not None:
            by_line[entry.fund_id, entry.invoice_line_id].append(entry)
    standing = _standing(session, {line_id for _, line_id in by_line})
    for (fund_id, line_id), mine in by_line.items():
        held = sum({"pending": 1, "released": -1}.get(entry.kind, 0) * entry.amount_cents for entry in mine)
        last = mine[-1]
        if held > 0 and appointment.stage in OFF:
            add_fund_entry(work, fund_id, "released", held, line_id, appointment.id, OFF[appointment.stage])
        elif held or line_id not in standing or appointment.stage not in HOLDS:
            continue
        elif last.kind == "released" and last.reason in OFF.values():
            fund = session.get_one(Fund, (session.clinic_id, fund_id))
            if has_enough(session, fund):
                add_fund_entry(work, fund_id, "pending", last.amount_cents, line_id, appointment.id, "on again")
            elif must:
                raise FundEmpty(fund=fund.name)


def _standing(session: ClinicSession, line_ids: set[str]) -> set[str]:
    """Those of the lines that nobody took off their ticket, and whose ticket is not void."""
    if not line_ids:
        return set()
    gone = select(InvoiceLine.reverses_id).where(InvoiceLine.reverses_id.in_(line_ids))
    statement = select(InvoiceLine.id).where(InvoiceLine.id.in_(line_ids), InvoiceLine.id.not_in(gone))
    return set(session.scalars(statement.where(InvoiceLine.invoice_id.not_in(voided_ids()))))


def give_back(work: Work, line_id: str, reason: str = "line removed") -> None:
    """Return to its pot what a line of a ticket had been promised or had used."""
    entries = work.session.scalars(select(FundEntry).where(FundEntry.invoice_line_id == line_id)).all()
    for fund_id in {entry.fund_id for entry in entries}:
        of_fund = [entry for entry in entries if entry.fund_id == fund_id]
        sums = {
            kind: sum(entry.amount_cents for entry in of_fund if entry.kind == kind)
            for kind in ("pending", "released", "used")
        }
        for kind, cents in (("released", sums["pending"] - sums["released"]), ("used", -sums["used"])):
            if cents:
                visit = of_fund[0].appointment_id
                add_fund_entry(work, fund_id, kind, cents, line_id, visit, reason)
    work.session.flush()


def fund_balance(session: ClinicSession, fund_id: str) -> tuple[int, bool]:
    """What a pot still holds for new promises, and whether anybody ever filled it."""
    session.flush()
    sums = pot_sums(session, fund_id)[fund_id]
    return left_of(sums), "received" in sums


def pot_sums(session: ClinicSession, fund_id: str | None = None) -> defaultdict[str, dict[str, int]]:
    """What came in, was put right, promised, released and used, in cents, of every pot or of one."""
    statement = select(FundEntry.fund_id, FundEntry.kind, func.sum(FundEntry.amount_cents))
    if fund_id:
        statement = statement.where(FundEntry.fund_id == fund_id)
    sums: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for pot, kind, cents in session.execute(statement.group_by(FundEntry.fund_id, FundEntry.kind)):
        sums[pot][kind] = int(cents)
    return sums


def left_of(sums: dict[str, int]) -> int:
    """What is in a pot and promised to nobody, from its sums by kind of entry."""
    signs = {"received": 1, "adjusted": 1, "pending": -1, "released": 1, "used": -1}
    return sum(signs[kind] * cents for kind, cents in sums.items())


def visits_left(session: ClinicSession, fund: Fund) -> int | None:
    """How many more visits a pot can promise; None for one without end: nobody fills it, or it is billed afterwards."""
    left, filled = fund_balance(session, fund.id)
    if fund.kind == "third_party" or not filled or (left >= 0 and not fund.deduction_cents):
        return None
    return max(0, left // fund.deduction_cents) if fund.deduction_cents else 0


def has_enough(session: ClinicSession, fund: Fund) -> bool:
    """Whether a pot can promise another visit."""
    return visits_left(session, fund) != 0


def promise_imported(session: ClinicSession, run_id: str, by_user_id: str | None) -> None:
    """Promise what the visits of an import that are still to come ask of the pots, the earliest first, as far as the
    pots go. Done in the import's last transaction; undoing the import takes the promises back."""
    session.head()
    asked: defaultdict[str, list[str]] = defaultdict(list)
    statement = (
        select(Appointment.id, Appointment.funding)
        .where(Appointment.import_id == run_id, Appointment.funding != "", Appointment.stage.in_(HOLDS))
        .order_by(Appointment.starts_at, Appointment.number)
    )
    for appointment_id, code in session.execute(statement):
        asked[code].append(appointment_id)
    funds = select(Fund).where(Fund.code.in_(asked), Fund.active.is_(True), Fund.deduction_cents > 0)
    for fund in session.scalars(funds):
        entry = {
            "fund_id": fund.id, "kind": "pending", "amount_cents": fund.deduction_cents, "reason": "booked",
            "event_at": clock.now(), "source": "import", "by_user_id": by_user_id, "import_id": run_id,
        }  # fmt: skip
        promised = asked[fund.code][: visits_left(session, fund)]
        session.bulk(FundEntry, [entry | {"id": new_id(), "appointment_id": visit} for visit in promised])


def add_fund_entry(
    work: Work,
    fund_id: str,
    kind: str,
    cents: int,
    line_id: str | None,
    appointment_id: str | None,
    reason: str = "",
    event_at: datetime | None = None,
    source: str = "live",
) -> None:
    """Money promised by, released to or taken out of a pot."""
    work.session.add(
        FundEntry(
            fund_id=fund_id, kind=kind, amount_cents=cents, invoice_line_id=line_id, appointment_id=appointment_id,
            reason=reason, event_at=event_at or clock.now(), source=source, by_user_id=work.by.user_id,
        )
    )  # fmt: skip


def _enter(work: Work, fund_id: str, kind: str, cents: int, appointment: Appointment, reason: str) -> None:
    add_fund_entry(work, fund_id, kind, cents, None, appointment.id, reason)


def _why(appointment: Appointment) -> str:
    if appointment.stage not in HOLDS:
        return appointment.stage.replace("_", " ")
    return "on the ticket" if appointment.funding else "other funding"


def _has_ticket(session: ClinicSession, appointment_id: str) -> bool:
    mine = Invoice.appointment_id == appointment_id
    statement = select(Invoice.id).where(mine, Invoice.id.not_in(voided_ids())).limit(1)
    return session.scalar(statement) is not None
