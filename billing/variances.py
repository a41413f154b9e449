"""What people decide about matches and about what does not add up. A decision is evidence, never money: nothing here
posts, refunds or writes off a payment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import select

from billing.matching import DIFFER, OPEN, signature
from billing.matching_rows import CARD_TENDERS, MONEY_STATES, NO_SALE
from billing.periods import closed_period, counting_day, refuse_closed
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound, Refusal
from data.models import Payment, PaymentMatch, PaymentMatchPart, SettledTransaction, User, Variance, VarianceComment
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.profile import wording
from security.rules import Work, act

T = TypeVar("T", Payment, SettledTransaction)
BY_HAND = "by_hand"
LONGEST_REASON = 300


class DecidedAlready(Refusal):
    """Somebody decided this match meanwhile, or the engine found another. Look at the list again."""


class MatchedAlready(BadInput):
    """One of these rows is matched with something else already. Take that match back first."""


class NothingChosen(BadInput):
    """Choose at least one payment and one settled transaction."""


class DiffersBy(BadInput):
    """The settled side and the payments differ by {amount}. Say in a few words why they are the same money."""


class WhyMissing(BadInput):
    """Say why in a few words: they stay with the case."""


class SettledCase(Refusal):
    """This case is settled already. Look at the list again."""


def accept(match_ids: Sequence[str], reason: str = "", *, by: Actor, key: str | None = None) -> int:
    """Say that proposed matches are right; returns how many. With a reason a difference is explained by it and written
    off; without, it stays open as a case of its own.

    Raises NotPermitted, DecidedAlready, PeriodClosed, CardNumberTyped.
    """
    reason = _words(reason)
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        for match_id in dict.fromkeys(match_ids):
            row = _decide_match(work, match_id, "accepted", reason)
            _explain(work, row)
            if row.difference_cents:
                _differs(work, row, reason)
        work.audit("match.accepted", "payment_match", match_ids[0] if match_ids else "", count=len(match_ids))
        work.result = len(match_ids)
        return len(match_ids)


def reject(match_ids: Sequence[str], reason: str = "", *, by: Actor, key: str | None = None) -> int:
    """Say that matches are wrong: their rows are open again, and the same is never proposed again. Returns how many.

    Raises NotPermitted, DecidedAlready, PeriodClosed, CardNumberTyped.
    """
    reason = _words(reason)
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        for match_id in dict.fromkeys(match_ids):
            row = _decide_match(work, match_id, "rejected", reason, also=("accepted",))
            for part in _parts(work.session, row.id):
                part.stands = False
            _open_again(work, row)
        work.audit(
            "match.rejected", "payment_match", match_ids[0] if match_ids else "", count=len(match_ids), reason=reason
        )
        work.result = len(match_ids)
        return len(match_ids)


def match_by_hand(
    payment_ids: Sequence[str], settled_ids: Sequence[str], reason: str = "", *, by: Actor, key: str | None = None
) -> str:
    """Say that payments and settled transactions are the same money, one or several on either side; returns the match.

    A difference needs its reason and is written off by it. Raises NotPermitted, NothingChosen, MatchedAlready,
    DiffersBy, NotFound, CardNumberTyped.
    """
    reason = _words(reason)
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        ours = _rows(session, Payment, payment_ids)
        theirs = _rows(session, SettledTransaction, settled_ids)
        voids = len(ours) > 1 and sum(row.amount_cents for row in ours) == 0
        if not ours or not (theirs or voids):
            raise NothingChosen()
        _check_free(session, ours, theirs)
        _check_kinds(ours, theirs)
        difference = sum(row.amount_cents for row in theirs) - sum(row.amount_cents for row in ours)
        if difference and not reason:
            raise DiffersBy(amount=wording(session).money(difference))
        day = max([row.day for row in ours] + [row.counts_on for row in theirs])
        match = PaymentMatch(
            kind=BY_HAND, state="accepted", is_auto=False, evidence=[], difference_cents=difference,
            day=counting_day(session, day), reason=reason, decided_by_id=by.user_id, decided_at=clock.now(),
        )  # fmt: skip
        session.add(match)
        session.flush()
        session.add_all(PaymentMatchPart(match_id=match.id, payment_id=row.id) for row in ours)
        session.add_all(PaymentMatchPart(match_id=match.id, settled_id=row.id) for row in theirs)
        session.flush()
        _explain(work, match)
        if difference:
            _differs(work, match, reason)
        work.audit(
            "match.made", "payment_match", match.id, payments=len(ours), settled=len(theirs),
            difference_cents=difference, reason=reason,
        )  # fmt: skip
        work.result = match.id
        return match.id


def undo(match_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a decision back: a match made by hand goes, an accepted one waits again, a rejected one may be found again.

    Raises NotPermitted, NotFound, MatchedAlready, PeriodClosed.
    """
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return
        session = work.session
        row = session.held(PaymentMatch, match_id)
        if row is None or row.decided_at is None:
            raise NotFound(what="decision", name="like this")
        refuse_closed(session, row.day)
        parts = _parts(session, row.id)
        if row.state == "accepted" and row.kind != BY_HAND:
            row.state, row.is_auto = "proposed", False
            row.decided_at = row.decided_by_id = None
            _forget_difference(work, row)
        else:
            if row.state == "accepted":
                _open_again(work, row)
            row.deleted_at = clock.now()
            for part in parts:
                part.deleted_at = clock.now()
        work.audit("match.undone", "payment_match", match_id, kind=row.kind)
        work.result = match_id


def write_off(variance_ids: Sequence[str], reason: str, *, by: Actor, key: str | None = None) -> int:
    """Settle cases without a counterpart, with a reason; posts no money. Returns how many.

    Whoever writes off the difference of a match has decided that it is one: the engine leaves it alone from then on.
    A case that was carried out of a closed period is written off on the first open day after it.

    Raises NotPermitted, WhyMissing, SettledCase, CardNumberTyped.
    """
    reason = _words(reason)
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        if not reason:
            raise WhyMissing()
        cents = 0
        for variance_id in dict.fromkeys(variance_ids):
            row = _case(work.session, variance_id)
            if row.state not in OPEN:
                raise SettledCase()
            if row.state == "carried":
                row.day = counting_day(work.session, row.day)
            row.state, row.reason = "written_off", reason
            row.settled_at, row.settled_by_id = clock.now(), by.user_id
            if row.kind in DIFFER:
                _decide(work, row)
            cents += row.amount_cents
        work.audit(
            "variance.written_off", "variance", variance_ids[0] if variance_ids else "", count=len(variance_ids),
            amount_cents=cents, reason=reason,
        )  # fmt: skip
        work.result = len(variance_ids)
        return len(variance_ids)


def reopen_case(variance_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a write-off back. Raises NotPermitted, NotFound, SettledCase, PeriodClosed."""
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return
        row = _case(work.session, variance_id)
        if row.state != "written_off":
            raise SettledCase()
        refuse_closed(work.session, row.day)
        row.state, row.reason, row.settled_at, row.settled_by_id = "open", "", None, None
        work.audit("variance.reopened", "variance", variance_id)
        work.result = variance_id


def assign(variance_ids: Sequence[str], user_id: str | None, *, by: Actor, key: str | None = None) -> int:
    """Say who looks into cases; nobody with None. Returns how many. Raises NotPermitted, NotFound."""
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        if user_id is not None and work.session.scalar(select(User.id).where(User.id == user_id)) is None:
            raise NotFound(what="person", name="like this")
        for variance_id in dict.fromkeys(variance_ids):
            _case(work.session, variance_id).assigned_to_id = user_id
        work.audit(
            "variance.assigned", "variance", variance_ids[0] if variance_ids else "", count=len(variance_ids),
            to=user_id or "",
        )  # fmt: skip
        work.result = len(variance_ids)
        return len(variance_ids)


def comment(variance_id: str, body: str, *, by: Actor, key: str | None = None) -> str:
    """Write something about a case; returns the comment's id. Raises NotPermitted, BadInput, CardNumberTyped."""
    refuse_card_numbers({"The comment": body})
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        if not body.strip():
            raise BadInput(problem="Write the comment first: what you found, or whom you asked.")
        _case(work.session, variance_id)
        row = VarianceComment(
            variance_id=variance_id, body=body.strip()[:2000], event_at=clock.now(), by_user_id=by.user_id
        )
        work.session.add(row)
        work.session.flush()
        work.audit("variance.commented", "variance", variance_id)
        work.result = row.id
        return row.id


def _words(reason: str) -> str:
    refuse_card_numbers({"The reason": reason})
    return reason.strip()[:LONGEST_REASON]


def _decide_match(work: Work, match_id: str, state: str, reason: str, *, also: tuple[str, ...] = ()) -> PaymentMatch:
    """Decide a match that is proposed, or in a state of ``also``. Raises DecidedAlready, PeriodClosed."""
    row = work.session.held(PaymentMatch, match_id)
    if row is None or row.state not in ("proposed", *also):
        raise DecidedAlready()
    refuse_closed(work.session, row.day)
    row.state, row.reason = state, reason
    row.decided_by_id, row.decided_at = work.by.user_id, clock.now()
    return row


def _parts(session: ClinicSession, match_id: str) -> list[PaymentMatchPart]:
    return list(session.scalars(select(PaymentMatchPart).where(PaymentMatchPart.match_id == match_id)))


def _rows(session: ClinicSession, model: type[T], ids: Sequence[str]) -> list[T]:
    wanted = list(dict.fromkeys(ids))
    found = list(session.scalars(select(model).where(model.id.in_(wanted))))
    if len(found) != len(wanted):
        raise NotFound(what="payment or settled transaction", name="like this")
    return found


def _check_free(session: ClinicSession, ours: Sequence[Payment], theirs: Sequence[SettledTransaction]) -> None:
    standing = select(PaymentMatchPart.id).where(
        PaymentMatchPart.stands,
        PaymentMatchPart.payment_id.in_([row.id for row in ours])
        | PaymentMatchPart.settled_id.in_([row.id for row in theirs]),
    )
    if session.scalar(standing.limit(1)) is not None:
        raise MatchedAlready()


def _check_kinds(ours: Sequence[Payment], theirs: Sequence[SettledTransaction]) -> None:
    if any(row.tender not in CARD_TENDERS for row in ours):
        raise BadInput(problem="Cash and checks meet the deposits of the bank, not a processor's settlement.")
    if any(row.kind in NO_SALE or row.status not in MONEY_STATES for row in theirs):
        raise BadInput(problem="A fee, or what was declined, voided or only authorized, is not the money of a payment.")
    if len({row.currency for row in ours} | {row.currency for row in theirs}) > 1:
        raise BadInput(problem="These rows are in different currencies.")


def _case(session: ClinicSession, variance_id: str) -> Variance:
    row = session.held(Variance, variance_id)
    if row is None:
        raise NotFound(what="case", name="like this")
    return row


def _members(session: ClinicSession, match: PaymentMatch) -> tuple[list[str], list[str]]:
    parts = _parts(session, match.id)
    return (
        [part.payment_id for part in parts if part.payment_id],
        [part.settled_id for part in parts if part.settled_id],
    )


def _explain(work: Work, match: PaymentMatch) -> None:
    """Open cases of rows that are matched now are explained."""
    ours, theirs = _members(work.session, match)
    rows = {*ours, *theirs}
    for row in work.session.scalars(select(Variance).where(Variance.state.in_(OPEN))):
        if row.kind not in DIFFER and not rows.isdisjoint((*row.payment_ids, *row.settled_ids)):
            row.state, row.settled_at, row.settled_by_id = "explained", clock.now(), work.by.user_id
            row.detail = row.detail | {"match": match.id, "was_open": True}


def _differs(work: Work, match: PaymentMatch, reason: str) -> None:
    """The difference of a match as a case: settled at once where its reason is known."""
    kind = match.kind if match.kind in DIFFER else "amount_diff"
    mark, ours, theirs = _mark(work.session, match)
    row = work.session.scalars(select(Variance).where(Variance.signature == mark)).one_or_none()
    if row is None:
        row = Variance(kind=kind, signature=mark, payment_ids=ours, settled_ids=theirs, bank_line_ids=[], batch_ids=[],
                       amount_cents=match.difference_cents, detail={}, day=match.day)  # fmt: skip
        work.session.add(row)
    row.kind, row.amount_cents, row.detail = kind, match.difference_cents, {"match": match.id}
    row.state, row.reason = ("written_off" if reason else "open"), reason
    row.settled_at, row.settled_by_id = (clock.now(), work.by.user_id) if reason else (None, None)


def _decide(work: Work, difference: Variance) -> None:
    parts = select(PaymentMatchPart.match_id).where(
        PaymentMatchPart.stands, PaymentMatchPart.payment_id.in_(difference.payment_ids)
    )
    for match in work.session.scalars(select(PaymentMatch).where(PaymentMatch.id.in_(parts))):
        if match.decided_at is None and match.state == "accepted" and not closed_period(work.session, match.day):
            match.decided_by_id, match.decided_at = work.by.user_id, clock.now()


def _forget_difference(work: Work, match: PaymentMatch) -> None:
    mark, _, _ = _mark(work.session, match)
    row = work.session.scalars(select(Variance).where(Variance.signature == mark)).one_or_none()
    if row is not None and row.state != "explained":
        row.state, row.settled_at, row.settled_by_id = "explained", clock.now(), work.by.user_id


def _mark(session: ClinicSession, match: PaymentMatch) -> tuple[str, list[str], list[str]]:
    """By what the difference of a match is known, and its rows on both sides."""
    ours, theirs = _members(session, match)
    names = [
        [row.reference for row in _rows(session, Payment, ours)],
        [row.reference for row in _rows(session, SettledTransaction, theirs)],
    ]
    return signature("amount_diff", *names), ours, theirs


def _open_again(work: Work, match: PaymentMatch) -> None:
    """The rows of a match that is none are cases again: those they were, or missing on the other side."""
    session = work.session
    _forget_difference(work, match)
    ours, theirs = _members(session, match)
    covered: set[str] = set()
    for row in session.scalars(select(Variance).where(Variance.state == "explained")):
        mine = {*row.payment_ids, *row.settled_ids}
        if row.detail.get("match") == match.id and row.detail.get("was_open"):
            row.state, row.settled_at, row.settled_by_id = "open", None, None
            row.detail = {name: value for name, value in row.detail.items() if name not in ("match", "was_open")}
            covered |= mine
    for payment in _rows(session, Payment, ours):
        if payment.id not in covered:
            _missing(
                session, "missing_in_settlement", payment.id, payment.reference, payment.day, -payment.amount_cents
            )
    for settled in _rows(session, SettledTransaction, theirs):
        if settled.id not in covered:
            kind = "missing_in_ledger" if settled.amount_cents > 0 else "refund"
            _missing(session, kind, settled.id, settled.reference, settled.counts_on, settled.amount_cents)


def _missing(session: ClinicSession, kind: str, row_id: str, reference: str, day: date, cents: int) -> None:
    ours, theirs = ([row_id], []) if kind == "missing_in_settlement" else ([], [row_id])
    mark = signature(kind, [reference] if ours else [], [reference] if theirs else [])
    row = session.scalars(select(Variance).where(Variance.signature == mark)).one_or_none()
    if row is not None:
        if row.state == "explained":
            row.state, row.settled_at, row.settled_by_id = "open", None, None
        return
    session.add(
        Variance(
            kind=kind, signature=mark, payment_ids=ours, settled_ids=theirs, bank_line_ids=[], batch_ids=[],
            amount_cents=cents, detail={}, day=counting_day(session, day),
        )
    )  # fmt: skip
