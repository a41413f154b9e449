"""How far the money of an outage's slips came: what processors settled of each payment, and what speaks against it.

What was matched stands in the matches of card reconciliation; nothing is matched here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import select

from data.models import Payment, PaymentMatch, PaymentMatchPart, SettledTransaction, Variance
from data.session import ClinicSession
from outage.account import Account, SettledFacts

TO_ACCEPT = "to_accept"


def read_settled(session: ClinicSession, account: Account, first: date) -> None:
    """What was settled of the payments of an account; ``first`` is the outage's first day."""
    if not account.payments:
        return
    found = _matched(session, account)
    marked = _marked(session, account, first)
    for one in account.payments.values():
        facts = found.get(one.id, SettledFacts())
        left = one.net_cents - facts.same_day_cents - facts.later_cents
        if left and one.id in marked:
            kind, written_off = marked[one.id]
            facts = replace(facts, written_off_cents=left) if written_off else replace(facts, trouble=kind)
        account.payments[one.id] = replace(one, settled=facts)


def _matched(session: ClinicSession, account: Account) -> dict[str, SettledFacts]:
    """By payment, what the settled transactions it was matched with brought."""
    mine = select(PaymentMatchPart.match_id).where(
        PaymentMatchPart.payment_id.in_(list(account.payments)), PaymentMatchPart.stands
    )
    parts = session.execute(
        select(
            PaymentMatch.id, PaymentMatch.state, PaymentMatch.kind, PaymentMatchPart.payment_id, Payment.amount_cents,
            SettledTransaction.id, SettledTransaction.amount_cents, SettledTransaction.day, SettledTransaction.status,
        )
        .join(
            PaymentMatchPart,
            (PaymentMatchPart.clinic_id == PaymentMatch.clinic_id) & (PaymentMatchPart.match_id == PaymentMatch.id),
        )
        .outerjoin(
            Payment, (Payment.clinic_id == PaymentMatchPart.clinic_id) & (Payment.id == PaymentMatchPart.payment_id)
        )
        .outerjoin(
            SettledTransaction,
            (SettledTransaction.clinic_id == PaymentMatchPart.clinic_id)
            & (SettledTransaction.id == PaymentMatchPart.settled_id),
        )
        .where(PaymentMatch.id.in_(mine), PaymentMatch.state != "rejected", PaymentMatchPart.stands)
        .order_by(PaymentMatch.id, PaymentMatchPart.id)
    )  # fmt: skip
    matches = defaultdict(list)
    for row in parts:
        matches[row[0], row[1], row[2]].append(row)
    found: dict[str, SettledFacts] = {}
    for (_, state, kind), rows in matches.items():
        ours = [account.payments[row[3]] for row in rows if row[3] in account.payments]
        if state != "accepted":
            found |= {one.id: SettledFacts(trouble=TO_ACCEPT) for one in ours}
            continue
        others = sum(row[4] for row in rows if row[3] and row[3] not in account.payments and row[4])
        settled = [row for row in rows if row[5] and row[8] == "settled"]
        if not settled:
            continue
        left = sum(row[6] for row in settled) - others
        last = max(row[7] for row in settled)
        for number, one in enumerate(ours, 1):
            # what is over or short stays with the last one, so that no cent is lost on the way
            cents = left if number == len(ours) else min(left, one.net_cents)
            left -= cents
            late = last > one.day
            found[one.id] = SettledFacts(
                0 if late else cents, cents if late else 0, trouble=kind if cents != one.net_cents else ""
            )
    return found


def _marked(session: ClinicSession, account: Account, first: date) -> dict[str, tuple[str, bool]]:
    """By payment, what reconciliation found wrong with it, and whether that was written off."""
    rows = session.execute(
        select(Variance.kind, Variance.state, Variance.payment_ids)
        .where(Variance.day >= first - timedelta(days=1), Variance.state.in_(("open", "carried", "written_off")))
        .order_by(Variance.id)
    )
    found: dict[str, tuple[str, bool]] = {}
    for kind, state, payments in rows:
        for payment_id in payments:
            if payment_id in account.payments and (payment_id not in found or state == "written_off"):
                found[payment_id] = (kind, state == "written_off")
    return found
