"""What a case of the reconciliation is called, and what a pair of amounts looks like."""

from __future__ import annotations

from datetime import datetime

from billing.books import Case, Money
from billing.reconciliation.outcome import FINDING_KINDS, MATCH_KINDS
from pages.components import show

KINDS = {
    **MATCH_KINDS, **FINDING_KINDS, "exact": "Probably the same", "by_hand": "Matched by hand",
    "deposit_missing": "Deposit missing", "deposit_unknown": "Deposit unexplained", "refund": "Refund on one side only",
    "fee_off_rate": "Fee off the rate",
}  # fmt: skip
FIELDS = {
    "amount": "Amount", "last4": "Last four digits", "authorization": "Authorization", "invoice": "Invoice",
    "brand": "Card brand", "location": "Location", "delay": "Time",
}  # fmt: skip
SAYS = {"agrees": "agrees", "differs": "differs", "unknown": "not known"}
MEANS = {
    "missing_in_ledger": "The processor settled it and nothing here explains it. Look for a payment nobody recorded.",
    "missing_in_settlement": "It was recorded here and never settled. Look whether the card was really charged.",
    "duplicate_payment": "It looks like a payment that was recorded twice. If so, void one of them.",
    "duplicate_charge": "It looks like a card that was charged twice. If so, refund one at the processor.",
    "refund": "Money went back at the processor and no refund is recorded here.",
    "not_settled": "It was taken for money here, and the processor declined, voided or only authorized it.",
    "chargeback": "The bank took the money back for the cardholder. Answer it at the processor in time.",
    "deposit_missing": "This batch should be in the bank by now and no line of the statement is its sum.",
    "deposit_unknown": "This line names a processor and no batch, or run of batches, comes to just its sum.",
    "fee_off_rate": "The processor took another fee than the rate agreed with it (Settings > Processors). Ask it why.",
}  # fmt: skip
"""What each kind means and where to look."""


def title(case: Case) -> str:
    """Whose or what it is."""
    if case.text:
        return case.text
    rows = [*case.payments, *case.settled]
    names = dict.fromkeys(row.about for row in case.payments if row.about)
    return ", ".join(names) or (card(rows[0]) or rows[0].reference if rows else kind(case))


def about(case: Case) -> str:
    """Its kind, and the card."""
    rows = [*case.payments, *case.settled]
    named = any(row.about for row in case.payments)
    cards = dict.fromkeys(card(row) if named else row.about for row in rows if row.last4 or not named)
    return " · ".join(filter(None, (kind(case), ", ".join(cards), case.assigned and f"with {case.assigned}")))


def kind(case: Case) -> str:
    """What people call its kind."""
    return KINDS.get(case.kind, case.kind.replace("_", " ").capitalize())


def card(row: Money) -> str:
    """Brand and last four digits."""
    return " ".join(filter(None, (row.brand, row.last4 and f"···{row.last4}")))


def sum_of(case: Case) -> str:
    """The amount a list shows: of a match what was paid, of a case what is unexplained."""
    if case.is_match:
        return show.money(sum(row.cents for row in case.payments) or sum(row.cents for row in case.settled))
    return show.money(case.cents)


def sureness(thousandths: int) -> str:
    """A score in words."""
    score = thousandths / 1000
    if score >= 8:
        return "Hardly anything else can be meant"
    return "Very likely" if score >= 4 else "Likely" if score >= 1 else "Possible"


def slip(paid: int, settled: int) -> str:
    """The likely slip behind two amounts that differ, in the engine's eyes."""
    from billing.reconciliation import slips

    words = {
        slips.DECIMAL: "The decimal point may have slipped.",
        slips.SWAP: "Two digits may be swapped.",
        slips.DIGIT: "One digit may be mistyped.",
        slips.DROPPED: "A digit may have been left out.",
        slips.TIP: f"It may be a tip of {show.money(settled - paid)}.",
    }
    return words.get(slips.what_slipped(paid, settled), "") if paid and settled else ""


def said(field: str, text: str) -> str:
    """A value of the evidence as people read it."""
    if field == "delay" and text:
        return show.moment(datetime.fromisoformat(text))
    return text


def weighs(weight: int | None) -> str:
    """How much a field speaks for it or against it."""
    if weight is None:
        return ""
    score = weight / 1000
    strength = "strongly " if abs(score) >= 4 else "" if abs(score) >= 1 else "little "
    return "" if abs(score) < 0.2 else f"{strength}{'for' if score > 0 else 'against'} it"
