"""What the engine answers: matches with their evidence, findings, likely pairs; and the words for their kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

MATCH_KINDS: dict[str, str] = {
    "exact": "Agrees",
    "next_batch": "Settled in a later batch",
    "amount_typo": "Amount mistyped",
    "decimal_slip": "Decimal point slipped",
    "amount_diff": "Tip or adjustment",
    "last4_typo": "Card digits mistyped",
    "several_payments_one_charge": "Several payments, one charge",
    "split_tender": "One payment, several charges",
    "refund": "Refund",
    "voided": "Voided, nothing settled",
}
"""Every kind a match can have, and what people call it."""

FINDING_KINDS: dict[str, str] = {
    "missing_in_settlement": "Missing at the processor",
    "missing_in_ledger": "Missing here",
    "duplicate_payment": "Entered twice here",
    "duplicate_charge": "Charged twice",
    "refund": "Refunded at the processor, not here",
    "not_settled": "Declined, voided or only authorized",
    "chargeback": "Chargeback",
}
"""Every kind a finding can have, and what people call it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for.

    ``auto_score`` and ``auto_margin`` are log-odds: a match is accepted without a person when its score reaches the
    first and it is ahead of every rival by the second. ``forbidden`` holds pairs (payment, settled) a person rejected.
    """

    auto_score: float = 8.0
    auto_margin: float = 3.0
    forbidden: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one field says about a match: agrees, differs or unknown, both values, its weight in log-odds."""

    field: str
    says: str
    ours: str
    theirs: str
    weight: float


class Reasons(Protocol):
    """Knows why the matches of one step were made."""

    def evidence(self, at: int) -> tuple[Evidence, ...]:
        """What each field says about match number ``at`` of that step."""
        ...


@dataclass(slots=True)
class Match:
    """Payments and settled transactions that are the same money. ``difference_cents`` is settled less paid: where it is
    not 0 the pair is known but the difference is still to be explained."""

    payments: tuple[str, ...]
    settled: tuple[str, ...]
    kind: str
    score: float
    is_auto: bool
    difference_cents: int = 0
    reasons: Reasons | None = field(default=None, repr=False, compare=False)
    at: int = field(default=0, repr=False, compare=False)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What each field says; made when it is asked for, so that 200,000 matches do not cost a million rows."""
        return self.reasons.evidence(self.at) if self.reasons else ()


@dataclass(slots=True)
class Finding:
    """Something that does not add up by itself: rows without a partner, and in ``detail`` what they may be about."""

    kind: str
    payments: tuple[str, ...]
    settled: tuple[str, ...]
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Likely:
    """A payment and a settled transaction without partners that may be one another's; too weak to be proposed."""

    payment: str
    settled: str
    score: float


@dataclass(slots=True)
class Outcome:
    """Everything a run found. Every payment and every settled row is in exactly one match, one finding or, where it
    never meets a processor or is no sale (cash, fees, zero), in ``left_out``."""

    matches: list[Match]
    exceptions: list[Finding]
    likely: list[Likely]
    left_out_payments: tuple[str, ...]
    left_out_settled: tuple[str, ...]
    summary: dict[str, object]
