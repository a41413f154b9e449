"""A period as a manager sees it: payments, settlements and deposits side by side, what explains the difference to the
cent, and the cases that wait for a person, by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select

from billing.deposits import MISSING, UNKNOWN, deposits_in
from billing.fees import KIND as FEE_OFF
from billing.matching import DIFFER, OPEN
from billing.matching_rows import CARD_TENDERS, MONEY_STATES, NO_SALE
from billing.periods import closed_period
from billing.processors.settings import names_of
from data.errors import NotFound
from data.models import (
    BankLine,
    BooksPeriod,
    Client,
    Payment,
    PaymentMatch,
    PaymentMatchPart,
    SettledTransaction,
    SettlementBatch,
    User,
    Variance,
    VarianceComment,
)
from data.session import ClinicSession
from records.access import NAME
from security.actor import Actor
from security.roles import permissions_of
from security.rules import look, remembered

QUEUES: dict[str, tuple[str, tuple[str, ...]]] = {
    "missing_here": ("Missing here", ("missing_in_ledger",)),
    "missing_there": ("Missing at the processor", ("missing_in_settlement",)),
    "amount": ("Amount differs", DIFFER),
    "twice": ("Entered or charged twice", ("duplicate_payment", "duplicate_charge")),
    "next_batch": ("Next batch", ("next_batch",)),
    "refunded": ("Refunded", ("refund",)),
    "split": ("Split tender", ("split_tender",)),
    "several": ("Several patients, one swipe", ("several_payments_one_charge",)),
    "declined": ("Declined or voided", ("not_settled", "voided")),
    "chargeback": ("Chargeback", ("chargeback",)),
    "digits": ("Card digits differ", ("last4_typo",)),
    "unsure": ("Probably the same", ("exact",)),
    "deposit_missing": ("Deposit missing", (MISSING,)),
    "deposit_unknown": ("Deposit unexplained", (UNKNOWN,)),
    "fees": ("Fee off the rate", (FEE_OFF,)),
}
"""Every queue, what people call it, and the kinds of matches and cases in it."""
QUEUE_OF = {kind: name for name, (_, kinds) in QUEUES.items() for kind in kinds}
DEPOSITS = ("deposit_missing", "deposit_unknown")
AGES = ((2, "Up to 2 days"), (7, "3 to 7 days"), (30, "8 to 30 days"), (None, "Over 30 days"))
NEAR_DAYS = 10
CLOSED_OF_LATE = timedelta(days=62)
MOST = 300
"""So many cases of a queue are listed."""


@dataclass(frozen=True)
class Statement:
    """The sums of a period in cents. Settled less paid is timing, waiting, written off and unexplained, to the cent."""

    first: date
    last: date
    payments: int
    payment_count: int
    settled: int
    settled_count: int
    matched: int
    """Matches that hold a row of the period, ``by_people`` those a person decided, ``to_confirm`` those that wait."""
    by_people: int
    to_confirm: int
    timing: int
    """Counted in another period on the other side."""
    waiting: int
    """Paid, and the settlement is still to be imported."""
    written_off: int
    unexplained: int
    deposited: int
    fees: int
    expected: int
    missing: int
    closed: BooksPeriod | None

    @property
    def difference(self) -> int:
        """Settled less paid."""
        return self.settled - self.payments


@dataclass(frozen=True)
class Queue:
    """How many cases of a kind wait, and their sum."""

    key: str
    label: str
    count: int
    cents: int


@dataclass(frozen=True)
class Money:
    """One row of either side, as a case shows it."""

    id: str
    reference: str
    at: datetime
    day: date
    cents: int
    about: str
    last4: str
    brand: str
    authorization: str
    invoice: str
    status: str = ""


@dataclass(frozen=True)
class Case:
    """A proposed match or a variance that waits, or that was settled."""

    id: str
    is_match: bool
    kind: str
    day: date
    cents: int
    payments: tuple[Money, ...]
    settled: tuple[Money, ...]
    state: str
    score: int
    reason: str
    assigned: str
    assigned_id: str | None
    detail: dict[str, Any]
    text: str = ""
    """Of a deposit: the batch or the words of the bank."""

    @property
    def key(self) -> str:
        """Its name in lists."""
        return f"{'m' if self.is_match else 'v'}{self.id}"


@dataclass(frozen=True)
class Remark:
    """What somebody wrote about a case."""

    at: datetime
    who: str
    body: str


@dataclass(frozen=True)
class Opened:
    """A case with its evidence, what may be its partner, and what was written about it."""

    case: Case
    evidence: tuple[dict[str, Any], ...]
    likely: tuple[tuple[Money, float], ...]
    comments: tuple[Remark, ...]
    beside: tuple[tuple[str, Money], ...] = ()
    """What it goes back to (``payments`` or ``settled`` with the row): the first of two, the sale of a chargeback."""
    near: tuple[Case, ...] = ()
    """Of a deposit: open cases of the other side about as large, the nearest first."""


@remembered("reconciliation.use")
def statement(first: date, last: date, *, by: Actor) -> Statement:
    """The sums of a period, both days included. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        return statement_in(session, first, last)


def statement_in(session: ClinicSession, first: date, last: date) -> Statement:
    """The same in a session that is open already."""
    paid, paid_count, settled, settled_count = moved_in(session, first, last)
    sums = _Sums(session, first, last)
    found = deposits_in(session, first, last)
    one = Statement(
        first, last, paid, paid_count, settled, settled_count, sums.matched, sums.by_people, sums.to_confirm,
        sums.timing, sums.waiting, sums.written_off, sums.unexplained, sum(row.amount for row in found.arrived),
        sum(row.fees for row in found.arrived) - sum(row.amount for row in found.monthly),
        sum(row.net for row in found.expected), sum(row.net for row in found.missing), _closed_as(session, first, last),
    )  # fmt: skip
    return _as_signed(one)


def _as_signed(one: Statement) -> Statement:
    """The sums of just a closed period are those that were signed: what was decided or arrived since counts later."""
    if one.closed is None or (one.closed.first, one.closed.last) != (one.first, one.last):
        return one
    signed: dict[str, Any] = {
        field.name: one.closed.totals[field.name] for field in fields(Statement) if field.name in one.closed.totals
    }
    return replace(one, **signed)


def moved_in(session: ClinicSession, first: date, last: date) -> tuple[int, int, int, int]:
    """Cents paid by card and how many payments, cents settled and how many transactions: what closing freezes."""
    ours, theirs = _ours(first, last), _theirs(first, last)
    paid_count, paid = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.amount_cents), 0)).where(*ours)
    ).one()
    settled_count, settled = session.execute(
        select(func.count(), func.coalesce(func.sum(SettledTransaction.amount_cents), 0)).where(*theirs)
    ).one()
    return int(paid), paid_count, int(settled), settled_count


def _closed_as(session: ClinicSession, first: date, last: date) -> BooksPeriod | None:
    found = closed_period(session, first)
    return found if found is not None and found.last >= last else None


def _ours(first: date, last: date) -> tuple[Any, ...]:
    return Payment.tender.in_(CARD_TENDERS), Payment.day >= first, Payment.day <= last


def _theirs(first: date, last: date) -> tuple[Any, ...]:
    row = SettledTransaction
    return (row.kind.not_in(NO_SALE), row.status.in_(MONEY_STATES), row.counts_on >= first, row.counts_on <= last)


class _Sums:
    """What explains the difference of a period: each row of it, in a match or not, once."""

    def __init__(self, session: ClinicSession, first: date, last: date) -> None:
        self.timing = self.waiting = self.written_off = self.unexplained = 0
        self.matched = self.by_people = self.to_confirm = 0
        self.written: set[frozenset[str]] = set()
        """The rows of each difference that was written off."""
        self.states: dict[str, str] = {}
        known = select(Variance.kind, Variance.state, Variance.payment_ids, Variance.settled_ids)
        known = known.where(Variance.state.in_(OPEN) | and_(Variance.state == "written_off", Variance.day >= first))
        for kind, state, payments, theirs in session.execute(known):
            rows = (*payments, *theirs)
            if kind in DIFFER:
                self.written |= {frozenset(rows)} if state == "written_off" else set()
                continue
            for row in rows:
                if state != "written_off" or row not in self.states:
                    self.states[row] = state
        self._matches(session, first, last)
        self._loose(session, first, last)

    def _matches(self, session: ClinicSession, first: date, last: date) -> None:
        inside: dict[str, int] = defaultdict(int)
        part = PaymentMatchPart
        ours = select(part.match_id, -Payment.amount_cents).join(Payment, Payment.id == part.payment_id)
        theirs = select(part.match_id, SettledTransaction.amount_cents)
        theirs = theirs.join(SettledTransaction, SettledTransaction.id == part.settled_id)
        for statement in (
            ours.where(part.stands, *_ours(first, last)),
            theirs.where(part.stands, *_theirs(first, last)),
        ):
            for match_id, cents in session.execute(statement):
                inside[match_id] += cents
        rows: dict[str, set[str]] = defaultdict(set)
        differing = select(PaymentMatch.id).where(PaymentMatch.day >= first, PaymentMatch.difference_cents != 0)
        members = select(part.match_id, func.coalesce(part.payment_id, part.settled_id).label("row"))
        for match_id, row in session.execute(members.where(part.stands, part.match_id.in_(differing))):
            rows[match_id].add(row)
        heads = select(
            PaymentMatch.id, PaymentMatch.state, PaymentMatch.decided_at, PaymentMatch.day,
            PaymentMatch.difference_cents,
        )  # fmt: skip
        for one in session.execute(heads.where(PaymentMatch.day >= first, PaymentMatch.state != "rejected")):
            if one.id not in inside:
                continue
            self.matched += 1
            self.by_people += one.decided_at is not None
            self.to_confirm += one.state == "proposed"
            difference = one.difference_cents if one.day <= last else 0
            self.timing += inside[one.id] - difference
            if difference and frozenset(rows[one.id]) in self.written:
                self.written_off += difference
            else:
                self.unexplained += difference

    def _loose(self, session: ClinicSession, first: date, last: date) -> None:
        part = PaymentMatchPart
        taken = select(part.payment_id).where(part.stands, part.payment_id.is_not(None))
        ours = select(Payment.id, Payment.amount_cents).where(*_ours(first, last), Payment.id.not_in(taken))
        for row, cents in session.execute(ours):
            state = self.states.get(row)
            if state is None:
                self.waiting -= cents
            else:
                self._add(state, -cents)
        taken = select(part.settled_id).where(part.stands, part.settled_id.is_not(None))
        theirs = select(SettledTransaction.id, SettledTransaction.amount_cents)
        theirs = theirs.where(*_theirs(first, last), SettledTransaction.id.not_in(taken))
        for row, cents in session.execute(theirs):
            self._add(self.states.get(row, "open"), cents)

    def _add(self, state: str, cents: int) -> None:
        if state == "written_off":
            self.written_off += cents
        else:
            self.unexplained += cents


@remembered("reconciliation.use")
def queues(first: date, last: date, *, by: Actor) -> list[Queue]:
    """What waits in a period, by kind, the empty queues left out. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        counts: Counter[str] = Counter()
        cents: Counter[str] = Counter()
        for kind, amount in session.execute(select(Variance.kind, Variance.amount_cents).where(*_waits(first, last))):
            name = QUEUE_OF.get(kind, "amount")
            counts[name] += 1
            cents[name] += amount
        proposed = select(PaymentMatch.kind, PaymentMatch.difference_cents).where(*_proposed(first, last))
        for kind, amount in session.execute(proposed):
            name = QUEUE_OF.get(kind, "unsure")
            counts[name] += 1
            cents[name] += amount
    return [Queue(key, label, counts[key], cents[key]) for key, (label, _) in QUEUES.items() if counts[key]]


def _waits(first: date, last: date) -> tuple[Any, ...]:
    """Open cases of a period, and those carried into it from earlier ones."""
    return (
        Variance.state.in_(OPEN), Variance.day <= last,
        (Variance.day >= first) | (Variance.state == "carried"),
    )  # fmt: skip


def _proposed(first: date, last: date) -> tuple[Any, ...]:
    return PaymentMatch.state == "proposed", PaymentMatch.day >= first, PaymentMatch.day <= last


@remembered("reconciliation.use")
def cases(first: date, last: date, queue: str, *, by: Actor) -> list[Case]:
    """The cases of a queue, the oldest first, at most MOST. Raises NotPermitted, NotFound."""
    if queue not in QUEUES:
        raise NotFound(what="queue", name="like this")
    kinds = QUEUES[queue][1]
    with look(by, "reconciliation.use") as session:
        return cases_in(
            session,
            select(Variance).where(*_waits(first, last), Variance.kind.in_(kinds)),
            select(PaymentMatch).where(*_proposed(first, last), PaymentMatch.kind.in_(kinds)),
        )[:MOST]


def cases_in(session: ClinicSession, variances: Any = None, matches: Any = None, *, most: int = MOST) -> list[Case]:
    """Cases of two statements with their rows, the oldest first."""
    rows = (
        list(session.scalars(variances.order_by(Variance.day, Variance.id).limit(most)))
        if variances is not None
        else []
    )
    found = (
        list(session.scalars(matches.order_by(PaymentMatch.day, PaymentMatch.id).limit(most)))
        if matches is not None
        else []
    )
    members = _members(session, [one.id for one in found])
    ours = _paid(
        session, {row for one in rows for row in one.payment_ids} | {r for m in members.values() for r in m[0]}
    )
    theirs = _charged(
        session, {row for one in rows for row in one.settled_ids} | {row for m in members.values() for row in m[1]}
    )
    names = _people(session)
    texts = _deposit_words(session, rows)
    result = [
        Case(
            one.id, True, one.kind, one.day, one.difference_cents,
            tuple(ours[row] for row in members[one.id][0] if row in ours),
            tuple(theirs[row] for row in members[one.id][1] if row in theirs), one.state, one.score, one.reason, "",
            None, {"is_auto": one.is_auto, "by": names.get(one.decided_by_id or "", ""), "evidence": one.evidence},
        )
        for one in found
    ]  # fmt: skip
    result += [
        Case(
            one.id, False, one.kind, one.day, one.amount_cents,
            tuple(ours[row] for row in one.payment_ids if row in ours),
            tuple(theirs[row] for row in one.settled_ids if row in theirs), one.state, 0, one.reason,
            names.get(one.assigned_to_id or "", ""), one.assigned_to_id,
            dict(one.detail) | {"by": names.get(one.settled_by_id or "", "")}, texts.get(one.id, ""),
        )
        for one in rows
    ]  # fmt: skip
    return sorted(result, key=lambda case: (case.day, case.id))


def _members(session: ClinicSession, ids: list[str]) -> dict[str, tuple[list[str], list[str]]]:
    found: dict[str, tuple[list[str], list[str]]] = {one: ([], []) for one in ids}
    for start in range(0, len(ids), 500):
        parts = select(PaymentMatchPart).where(PaymentMatchPart.match_id.in_(ids[start : start + 500]))
        for part in session.scalars(parts.order_by(PaymentMatchPart.id)):
            if part.payment_id:
                found[part.match_id][0].append(part.payment_id)
            if part.settled_id:
                found[part.match_id][1].append(part.settled_id)
    return found


def _paid(session: ClinicSession, ids: Iterable[str]) -> dict[str, Money]:
    wanted, found = list(ids), {}
    for start in range(0, len(wanted), 500):
        rows = select(Payment, Client.first_name, Client.last_name, Client.restricted)
        rows = rows.outerjoin(Client, Client.id == Payment.client_id)
        for row, given, family, restricted in session.execute(rows.where(Payment.id.in_(wanted[start : start + 500]))):
            name = NAME if restricted else " ".join(filter(None, (given, family)))
            found[row.id] = Money(
                row.id, row.reference, row.event_at, row.day, row.amount_cents, name, row.last4, row.brand,
                row.authorization, row.invoice_reference, row.channel,
            )  # fmt: skip
    return found


def _charged(session: ClinicSession, ids: Iterable[str]) -> dict[str, Money]:
    wanted, found = list(ids), {}
    row, known = SettledTransaction, names_of(session)
    for start in range(0, len(wanted), 500):
        rows = select(row, SettlementBatch.number, SettlementBatch.external_id)
        rows = rows.outerjoin(SettlementBatch, SettlementBatch.id == row.batch_id)
        for one, number, external in session.execute(rows.where(row.id.in_(wanted[start : start + 500]))):
            batch, name = number or external, known.get(one.processor, one.processor)
            found[one.id] = Money(
                one.id, one.reference, one.event_at, one.counts_on, one.amount_cents,
                " · ".join(filter(None, (name, batch and f"batch {batch}"))), one.last4, one.brand, one.authorization,
                one.invoice_reference, one.status,
            )  # fmt: skip
    return found


def _people(session: ClinicSession) -> dict[str, str]:
    return {row.id: row.name or row.username for row in session.execute(select(User.id, User.name, User.username))}


def _deposit_words(session: ClinicSession, rows: list[Variance]) -> dict[str, str]:
    lines = {row for one in rows for row in one.bank_line_ids}
    ids = {row for one in rows for row in one.batch_ids}
    if not lines and not ids:
        return {}
    words = {row.id: row.description for row in session.scalars(select(BankLine).where(BankLine.id.in_(lines)))}
    known = names_of(session)
    for row in session.scalars(select(SettlementBatch).where(SettlementBatch.id.in_(ids))):
        words[row.id] = f"{known.get(row.processor, row.processor)} batch {row.number or row.external_id}"
    return {
        one.id: ", ".join(words[row] for row in (*one.bank_line_ids, *one.batch_ids) if row in words) for one in rows
    }


@remembered("reconciliation.use")
def opened(name: str, *, by: Actor) -> Opened:
    """One case by its name in lists, with evidence, likely partners and comments. Raises NotPermitted, NotFound."""
    with look(by, "reconciliation.use") as session:
        if name.startswith("m"):
            found = cases_in(session, matches=select(PaymentMatch).where(PaymentMatch.id == name[1:]))
        else:
            found = cases_in(session, select(Variance).where(Variance.id == name[1:]))
        if not found:
            raise NotFound(what="case", name="like this")
        case = found[0]
        names = _people(session)
        remarks = session.scalars(
            select(VarianceComment).where(VarianceComment.variance_id == case.id).order_by(VarianceComment.event_at)
        )
        comments = tuple(Remark(row.event_at, names.get(row.by_user_id or "", ""), row.body) for row in remarks)
        return Opened(
            case, _evidence(case), _likely(session, case), comments, _beside(session, case), _near(session, case)
        )


def _beside(session: ClinicSession, case: Case) -> tuple[tuple[str, Money], ...]:
    """The rows that a finding names as ``of`` and ``payments``."""
    of, payments = str(case.detail.get("of") or ""), [str(one) for one in case.detail.get("payments") or ()]
    here = [of, *payments] if case.kind == "duplicate_payment" else payments
    ours = _paid(
        session, session.scalars(select(Payment.id).where(Payment.reference.in_([one for one in here if one])))
    )
    row, theirs = SettledTransaction, {}
    if of and case.kind != "duplicate_payment":
        theirs = _charged(session, session.scalars(select(row.id).where(row.reference == of)))
    return (*(("payments", one) for one in ours.values()), *(("settled", one) for one in theirs.values()))


def _near(session: ClinicSession, case: Case) -> tuple[Case, ...]:
    """Deposits of the other side within NEAR_DAYS whose amount is at most a tenth away."""
    if case.is_match or QUEUE_OF.get(case.kind) not in DEPOSITS:
        return ()
    other = UNKNOWN if case.kind == MISSING else MISSING
    reach = timedelta(days=NEAR_DAYS)
    rows = select(Variance).where(
        Variance.kind == other, Variance.state.in_(OPEN), Variance.day.between(case.day - reach, case.day + reach)
    )
    apart = [(abs(abs(one.cents) - abs(case.cents)), one.key, one) for one in cases_in(session, rows)]
    return tuple(one for gap, _, one in sorted(apart)[:3] if gap * 10 <= abs(case.cents))


def _evidence(case: Case) -> tuple[dict[str, Any], ...]:
    """What was kept of the reasons; of rows that simply agree, or of a difference, the comparison of the rows."""
    kept = case.detail.get("evidence")
    if kept:
        return tuple(kept)
    if not case.payments or not case.settled:
        return ()
    return tuple(compared(case.payments[0], case.settled[0]))


def compared(ours: Money, theirs: Money) -> list[dict[str, Any]]:
    """Field by field, what two rows say."""
    pairs = [
        ("amount", f"{ours.cents / 100:.2f}", f"{theirs.cents / 100:.2f}"),
        ("last4", ours.last4, theirs.last4),
        ("authorization", ours.authorization, theirs.authorization),
        ("invoice", ours.invoice, theirs.invoice),
        ("brand", ours.brand.upper(), theirs.brand.upper()),
        ("delay", ours.at.isoformat(), theirs.at.isoformat()),
    ]
    return [{"field": name, "says": _says(name, mine, yours), "ours": mine, "theirs": yours, "weight": None}
            for name, mine, yours in pairs]  # fmt: skip


def _says(name: str, mine: str, yours: str) -> str:
    if not mine or not yours:
        return "unknown"
    if name == "delay":
        apart = datetime.fromisoformat(yours) - datetime.fromisoformat(mine)
        return "agrees" if abs(apart) <= timedelta(days=1) else "differs"
    return "agrees" if mine.lstrip("0") == yours.lstrip("0") else "differs"


def _likely(session: ClinicSession, case: Case) -> tuple[tuple[Money, float], ...]:
    """Rows without a partner that may be this one's, the best first."""
    pairs: list[Any] = list(case.detail.get("likely") or ())
    references = [str(pair[0]) for pair in pairs]
    if not references:
        return ()
    part = PaymentMatchPart
    if case.payments:
        taken = select(part.settled_id).where(part.stands, part.settled_id.is_not(None))
        ids = session.scalars(
            select(SettledTransaction.id).where(
                SettledTransaction.reference.in_(references), SettledTransaction.id.not_in(taken)
            )
        )
        found = _charged(session, ids)
    else:
        taken = select(part.payment_id).where(part.stands, part.payment_id.is_not(None))
        ids = session.scalars(select(Payment.id).where(Payment.reference.in_(references), Payment.id.not_in(taken)))
        found = _paid(session, ids)
    by_reference = {row.reference: row for row in found.values()}
    return tuple((by_reference[str(name)], float(score)) for name, score in pairs if str(name) in by_reference)


@dataclass(frozen=True)
class Loose:
    """Rows without a partner on both sides, to choose from by hand."""

    payments: tuple[Money, ...]
    settled: tuple[Money, ...]


@remembered("reconciliation.use")
def loose(first: date, last: date, *, by: Actor) -> Loose:
    """Payments and settled transactions of these days that are in no match. Raises NotPermitted."""
    part = PaymentMatchPart
    with look(by, "reconciliation.use") as session:
        taken = select(part.payment_id).where(part.stands, part.payment_id.is_not(None))
        begins = session.scalar(select(func.min(SettledTransaction.day)).where(*_theirs(date.min, date.max)))
        first_paid = max(first, begins or last)  # what was paid before any settlement that is known never meets one
        ours = _paid(
            session, session.scalars(select(Payment.id).where(*_ours(first_paid, last), Payment.id.not_in(taken)))
        )
        taken = select(part.settled_id).where(part.stands, part.settled_id.is_not(None))
        theirs = _charged(
            session,
            session.scalars(
                select(SettledTransaction.id).where(*_theirs(first, last), SettledTransaction.id.not_in(taken))
            ),
        )
    return Loose(
        tuple(sorted(ours.values(), key=lambda row: (row.at, row.id))),
        tuple(sorted(theirs.values(), key=lambda row: (row.at, row.id))),
    )


@dataclass(frozen=True)
class Age:
    """How many cases are how old, and their sum."""

    label: str
    count: int
    cents: int


@remembered("reconciliation.use")
def ageing(today: date, *, by: Actor) -> list[Age]:
    """Open cases by their age on a day. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        counts: Counter[str] = Counter()
        cents: Counter[str] = Counter()
        open_rows = select(Variance.day, Variance.amount_cents).where(Variance.state.in_(OPEN))
        for day, amount in session.execute(open_rows):
            label = age(day, today)
            counts[label] += 1
            cents[label] += amount
    return [Age(label, counts[label], cents[label]) for _, label in AGES]


def age(day: date, today: date) -> str:
    """How old something is, in words of the ageing."""
    days = (today - day).days
    return next(label for most, label in AGES if most is None or days <= most)


@dataclass(frozen=True)
class Waiting:
    """What waits for a manager: for the home page."""

    cases: int
    cents: int
    to_confirm: int
    deposits: int
    first: date | None = None
    """The day of the oldest of them."""

    @property
    def count(self) -> int:
        """All of them."""
        return self.cases + self.to_confirm + self.deposits


@remembered("reconciliation.use")
def waiting(*, by: Actor) -> Waiting:
    """How many cases, proposals and deposits wait. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        rows = list(
            session.execute(select(Variance.kind, Variance.amount_cents, Variance.day).where(Variance.state.in_(OPEN)))
        )
        proposed, first = session.execute(
            select(func.count(), func.min(PaymentMatch.day)).where(PaymentMatch.state == "proposed")
        ).one()
    money = [cents for kind, cents, _ in rows if QUEUE_OF.get(kind) not in DEPOSITS]
    days = [day for _, _, day in rows] + ([first] if first else [])
    return Waiting(len(money), sum(money), int(proposed), len(rows) - len(money), min(days, default=None))


@remembered("reconciliation.use")
def not_closed(today: date, *, by: Actor) -> tuple[date, date]:
    """The days a manager has before them: all since the last closed period. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        last = session.scalar(select(func.max(BooksPeriod.last)).where(BooksPeriod.state == "closed"))
    return days_left(today, last)


def days_left(today: date, closed: date | None) -> tuple[date, date]:
    """From the day after the last closed one until today. A clinic that closed nothing for two months begins with last
    week's Monday, one that closed today with it looks at the last seven days."""
    if closed is not None and closed >= today:
        return today - timedelta(days=6), today
    if closed is None or closed < today - CLOSED_OF_LATE:
        return today - timedelta(days=today.weekday() + 7), today
    return closed + timedelta(days=1), today


@remembered("reconciliation.use")
def settled_cases(first: date, last: date, *, by: Actor) -> list[Case]:
    """What people decided in a period, the latest first: to look at, and to take back. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        found = cases_in(
            session,
            select(Variance).where(Variance.state == "written_off", Variance.day >= first, Variance.day <= last),
            select(PaymentMatch).where(
                PaymentMatch.decided_at.is_not(None), PaymentMatch.day >= first, PaymentMatch.day <= last
            ),
        )
    return found[::-1]


@remembered("reconciliation.use")
def matched(first: date, last: date, kind: str = "", *, limit: int = 200, by: Actor) -> tuple[int, list[Case]]:
    """How many matches of a period stand, and the newest of them. Raises NotPermitted."""
    where = [PaymentMatch.state == "accepted", PaymentMatch.day >= first, PaymentMatch.day <= last]
    if kind:
        where.append(PaymentMatch.kind == kind)
    with look(by, "reconciliation.use") as session:
        count = session.scalar(select(func.count()).select_from(PaymentMatch).where(*where))
        ids = list(
            session.scalars(select(PaymentMatch.id).where(*where).order_by(PaymentMatch.day.desc()).limit(limit))
        )
        rows = cases_in(session, matches=select(PaymentMatch).where(PaymentMatch.id.in_(ids)))
    return int(count or 0), rows[::-1]


@remembered("reconciliation.use")
def reconcilers(*, by: Actor) -> dict[str, str]:
    """The people who may look into cases: their names by id. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        active = session.execute(
            select(User.id, User.name, User.username, User.role).where(User.status == "active").order_by(User.name)
        ).all()
        able = {role for role in {row.role for row in active} if "reconciliation.use" in permissions_of(session, role)}
    return {row.id: row.name or row.username for row in active if row.role in able}
