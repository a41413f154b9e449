"""What the fake knows: pages, charges, refunds, batches. Test card numbers stay in the request that brought them."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CARDS = {
    "4242424242424242": ("Visa", ""), "5555555555554444": ("Mastercard", ""), "378282246310005": ("Amex", ""),
    "6011111111111117": ("Discover", ""), "4000000000000002": ("Visa", "declined"),
    "4000000000009995": ("Visa", "insufficient funds"),
}  # fmt: skip
_numbers = itertools.count(1)


@dataclass
class Charge:
    """A card that was charged, or tried."""

    id: str
    kind: str
    amount: int
    currency: str
    last4: str
    brand: str
    auth: str
    state: str
    """pending, settled, voided, declined."""
    at: float
    key: str = ""
    batch: str = ""
    disputed: bool = False

    @property
    def time(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.at, UTC)


@dataclass
class Refund:
    """Money that went back."""

    id: str
    charge: str
    amount: int
    state: str
    at: float
    key: str = ""
    batch: str = ""


@dataclass
class PayPage:
    """A hosted page."""

    id: str
    kind: str
    key: str
    reference: str
    amount: int
    currency: str
    back: str
    cancel: str
    expires: float
    created: float
    state: str = "open"
    charge: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class World:
    """One processor's books."""

    def __init__(self, seed: int = 7) -> None:
        self.pages: dict[str, PayPage] = {}
        self.charges: dict[str, Charge] = {}
        self.refunds: dict[str, Refund] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Any] = {}
        """Of Stripe, by idempotency key."""
        self.faults: list[tuple[str, str]] = []
        """(part of the path, what goes wrong), each once: before, after, error, garbage."""
        self.asked: list[str] = []
        """Method and path of each call."""
        self.hooks: dict[str, str] = {}
        """By kind, the address that is told of payments."""
        self.secrets = {"stripe": "whsec_fake", "authorize_net": "AB" * 64}
        self.sent: list[tuple[str, dict[str, str], bytes]] = []
        """Messages as they went out, to send again."""
        self.random = random.Random(seed)

    def number(self, prefix: str) -> str:
        """A fresh id."""
        if prefix.endswith("-"):
            return f"{prefix}{self.random.randrange(16**8):08X}-{next(_numbers):04X}-E420C3B5041E"
        return f"{prefix}{next(_numbers):05d}{self.random.randrange(10**4):04d}"

    def page(self, kind: str, key: str, reference: str, amount: int, currency: str, back: str, cancel: str,
             life: float, **extra: Any) -> PayPage:  # fmt: skip
        """A new pay page."""
        page = PayPage(self.number("cs_test_" if kind == "stripe" else "pg"), kind, key, reference, amount, currency,
                       back, cancel, time.time() + life, time.time(), extra=extra)  # fmt: skip
        self.pages[page.id] = page
        return page

    def pay(self, page: PayPage, number: str) -> Charge:
        """Somebody enters a card on a page."""
        digits = "".join(char for char in number if char.isdigit())
        brand, trouble = CARDS.get(digits, ("Visa", "declined"))
        charge = self.charge(page.kind, page.amount, page.currency, digits[-4:], brand, page.key, trouble)
        if not trouble:
            page.state, page.charge = "paid", charge.id
        return charge

    def charge(self, kind: str, amount: int, currency: str, last4: str, brand: str, key: str = "", trouble: str = "",
               at: float | None = None) -> Charge:  # fmt: skip
        """A charge, from a page or keyed in the virtual terminal."""
        prefix = {"stripe": "ch_", "authorize_net": "6", "elavon": "180820AD3-", "mx": "1"}[kind]
        auth = "".join(self.random.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(6))
        found = Charge(self.number(prefix), kind, amount, currency, last4, brand, "" if trouble else auth,
                       "declined" if trouble else "pending", at or time.time(), key)  # fmt: skip
        self.charges[found.id] = found
        return found

    def returned(self, charge: str) -> int:
        """Cents of a charge that went back."""
        return sum(one.amount for one in self.refunds.values() if one.charge == charge and one.state != "failed")

    def give_back(self, charge: Charge, amount: int, key: str) -> Refund | None:
        """A refund; None where that is more than there is."""
        if charge.state not in ("settled", "pending") or not 0 < amount <= charge.amount - self.returned(charge.id):
            return None
        prefix = {"stripe": "re_", "authorize_net": "7", "elavon": "180820AD4-", "mx": "2"}[charge.kind]
        refund = Refund(self.number(prefix), charge.id, amount, "pending", time.time(), key)
        self.refunds[refund.id] = refund
        return refund

    def settle(self, kind: str, at: float | None = None) -> str:
        """Close the batch of now, or of a moment in seconds; returns its id."""
        batch = self.number("po_" if kind == "stripe" else "9")
        rows = [c for c in self.charges.values() if c.kind == kind and c.state == "pending"]
        for charge in rows:
            charge.state, charge.batch = "settled", batch
        backs = [r for r in self.refunds.values() if self.charges[r.charge].kind == kind and r.state == "pending"]
        for refund in backs:
            refund.state, refund.batch = "settled", batch
        self.batches[batch] = {
            "kind": kind, "at": at or time.time(), "gross": sum(c.amount for c in rows) - sum(r.amount for r in backs),
            "fee": sum(fee(c.amount) for c in rows),
        }  # fmt: skip
        return batch

    def fault(self, path: str) -> str:
        """What goes wrong with this call, if anything does."""
        for index, (part, what) in enumerate(self.faults):
            if part in path:
                del self.faults[index]
                return what
        return ""


def fee(amount: int) -> int:
    """2.9 % and 30 cents, as contracts have it."""
    return (amount * 29 + 500) // 1000 + 30
