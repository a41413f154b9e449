"""A third world for benchmarks/reconciliation.py, written after the engine and by other habits: nothing is tuned to it.

Visits of households come first; money follows them. A household has one to four animals, one or two cards and pays by
card, check or cash; the processor lives its own life (declines before a charge that goes through, voids before the
batch, chargebacks, its own rounding of times). The ledger is typed by people of different care.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.reconciliation_data import Truth

START = datetime(2026, 6, 1, tzinfo=UTC)
LIST = {"spay": 9_800, "neuter": 7_400, "dental": 26_350, "vaccine": 2_200, "chip": 1_850, "exam": 5_125, "nails": 900}


@dataclass
class Sale:
    """What a household pays for at once."""

    site: int
    at: datetime
    when: datetime
    bills: list[int]
    card: dict[str, str]
    code: str
    how: dict[str, str]
    invoice: dict[str, str]


class Books:
    """Both books of a chain of clinics."""

    def __init__(self, seed: int, hard: bool) -> None:
        self.rng = np.random.default_rng([seed, 77])
        self.hard = hard
        self.payments: list[dict[str, Any]] = []
        self.settled: list[dict[str, Any]] = []
        self.truth = Truth()
        self.bill = 200

    def chance(self, share: float) -> bool:
        """Whether something happens that happens so often."""
        return bool(self.rng.random() < share)

    def pick(self, *values: Any) -> Any:
        """One of them."""
        return values[int(self.rng.integers(len(values)))]

    def card(self) -> dict[str, str]:
        """A card: its last digits are spread unevenly, its brand as people write it."""
        last4 = f"{int(self.rng.integers(0, 10_000)) if self.chance(0.9) else int(self.rng.integers(1000, 1100)):04d}"
        return {"last4": last4, "brand": self.pick("visa", "visa", "visa", "mastercard", "mastercard", "amex", "disc")}

    def code(self) -> str:
        """An authorization code: digits, or letters and digits."""
        return (
            f"{int(self.rng.integers(0, 10**6)):06d}" if self.chance(0.7) else f"{int(self.rng.integers(16**5)):05X}Z"
        )

    def typed(
        self, site: int, at: datetime, cents: int, card: dict[str, str], code: str, **more: Any
    ) -> dict[str, Any]:
        """What the counter wrote down."""
        channel = more.get("channel", "integrated")
        careless = 0.12 if channel == "integrated" else 0.25
        row = {
            "reference": f"PAY-{int(self.rng.integers(10**9)):09d}-{len(self.payments)}", "taken_at": at,
            "day": (at - timedelta(hours=7)).date(), "amount_cents": cents, "kind": "sale", "tender": "card",
            "channel": channel, "last4": card["last4"], "brand": "" if self.chance(0.1) else card["brand"],
            "authorization": "" if self.chance(careless) else code, "invoice": f"{self.bill}", "client": "",
            "location": f"Clinic {site}", "currency": "USD", **more,
        }  # fmt: skip
        if self.hard and channel != "integrated":
            row["authorization"] = ""
            if channel == "slip" and self.chance(0.3):
                row["last4"] = ""
        self.payments.append(row)
        if channel == "slip":
            self.truth.slips.add(row["reference"])
        return row

    def booked(
        self, site: int, at: datetime, cents: int, card: dict[str, str], code: str, **more: Any
    ) -> dict[str, Any]:
        """What the processor settled; its time is cut to minutes, its day ends at eight in the evening."""
        at = at.replace(second=0, microsecond=0)
        local = at - timedelta(hours=7)
        day = local.date() + timedelta(days=int(local.hour >= 20))
        words = {"visa": "VISA", "mastercard": "MASTERCARD", "amex": "AMERICAN EXPRESS", "disc": "DISCOVER"}
        row = {
            "reference": f"{int(self.rng.integers(10**11)):011d}-{len(self.settled)}", "batch": f"{day:%m%d}",
            "settled_on": day + timedelta(days=1), "processed_at": at, "day": day, "amount_cents": cents,
            "kind": "sale", "status": "settled", "last4": card["last4"], "brand": words[card["brand"]],
            "authorization": code,
            "invoice": "", "location": f"Clinic {site}", "processor": "x", "currency": "USD", "fee_cents": 0,
            "related": "", **more,
        }  # fmt: skip
        self.settled.append(row)
        return row

    def same(self, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], kind: str) -> None:
        """These rows are one sale."""
        names = [tuple(row["reference"] for row in rows) for rows in (ours, theirs)]
        self.truth.links.append((names[0], names[1], kind))

    def visit(self, site: int, at: datetime, down: bool, keyed: timedelta) -> None:
        """A household comes, is treated and pays; one in twenty times something goes wrong."""
        self.bill += 1
        animals = int(self.rng.choice([1, 2, 3, 4], p=[0.8, 0.14, 0.04, 0.02]))
        bills = [sum(LIST[self.pick(*LIST)] for _ in range(int(self.rng.integers(1, 4)))) for _ in range(animals)]
        card, code, client = self.card(), self.code(), f"H{int(self.rng.integers(40_000))}"
        if self.chance(0.15):
            self.typed(site, at, bills[0], card, "", tender=self.pick("cash", "check"), client=client)
            return
        channel, when = "integrated", at + timedelta(seconds=int(self.rng.integers(5, 400)))
        if down:
            channel = self.pick("slip", "slip", "slip", "terminal", "payment_request")
            when = at if channel == "terminal" else at + keyed + timedelta(minutes=float(self.rng.uniform(0, 150)))
            if channel == "payment_request":
                when = at + timedelta(hours=float(self.rng.gamma(1.3, 30)))
        invoice = {"invoice": f"{self.bill}"} if channel == "integrated" and self.chance(0.5) else {}
        self.fault(Sale(site, at, when, bills, card, code, {"channel": channel, "client": client}, invoice))

    def fault(self, sale: Sale) -> None:
        """What went wrong, if anything."""
        if len(sale.bills) > 1 and self.chance(0.35):
            self.one_swipe(sale)
            return
        draw = self.rng.random()
        for share, happens in FAULTS:
            draw -= share
            if draw < 0:
                happens(self, sale)
                return
        self.plain(sale)

    def ours(self, sale: Sale, cents: int | None = None, later: float = 0, **more: Any) -> dict[str, Any]:
        """The ledger's row of a sale."""
        at = sale.at + timedelta(seconds=later)
        cents = sale.bills[0] if cents is None else cents
        return self.typed(sale.site, at, cents, sale.card, sale.code, **{**sale.how, **more})

    def theirs(self, sale: Sale, cents: int | None = None, later: float = 0, **more: Any) -> dict[str, Any]:
        """The processor's row of a sale."""
        when = sale.when + timedelta(seconds=later)
        card, code = more.pop("card", sale.card), more.pop("code", sale.code)
        cents = sale.bills[0] if cents is None else cents
        return self.booked(sale.site, when, cents, card, code, **{**sale.invoice, **more})

    def one_swipe(self, sale: Sale) -> None:
        """Several animals, one charge."""
        rows = [self.ours(sale, cents, 70.0 * turn) for turn, cents in enumerate(sale.bills)]
        self.same(rows, [self.theirs(sale, sum(sale.bills))], "several_payments_one_charge")

    def wrong_digit(self, sale: Sale) -> None:
        """One digit of the dollars is another."""
        text = f"{sale.bills[0] / 100:.2f}"
        spot = int(self.rng.integers(0, len(text) - 3))
        wrong = text[:spot] + str((int(text[spot]) + int(self.rng.integers(1, 9))) % 10 or 1) + text[spot + 1 :]
        cents = round(float(wrong) * 100)
        kind = "amount_typo" if cents != sale.bills[0] else "exact"
        self.same([self.ours(sale, cents)], [self.theirs(sale)], kind)

    def no_point(self, sale: Sale) -> None:
        """Ten times too much."""
        self.same([self.ours(sale, sale.bills[0] * 10)], [self.theirs(sale)], "decimal_slip")

    def wrong_card(self, sale: Sale) -> None:
        """The last two digits of the card are swapped."""
        digits = sale.card["last4"]
        other = digits[:2] + digits[:1:-1]
        row = self.ours(sale, last4=other) if self.chance(0.8) or not self.hard else self.ours(sale)
        differs = row["last4"] not in ("", digits)
        self.same([row], [self.theirs(sale)], "last4_typo" if differs else "exact")

    def only_ours(self, sale: Sale) -> None:
        """Written down, never charged."""
        self.truth.alone[self.ours(sale)["reference"]] = "missing_in_settlement"

    def only_theirs(self, sale: Sale) -> None:
        """Charged, never written down."""
        self.truth.alone[self.theirs(sale)["reference"]] = "missing_in_ledger"

    def tip(self, sale: Sale) -> None:
        """The charge has a tip or was rounded up."""
        total = sale.bills[0]
        more = self.pick(round(total * 0.15), round(total * 0.2), 300, 500, -(-total // 1000) * 1000 - total or 1000)
        self.same([self.ours(sale)], [self.theirs(sale, total + more)], "amount_diff")

    def two_cards(self, sale: Sale) -> None:
        """One payment, two cards."""
        part = round(sale.bills[0] * float(self.rng.uniform(0.3, 0.7)), -2)
        second = self.theirs(sale, sale.bills[0] - part, 120, card=self.card(), code=self.code())
        self.same([self.ours(sale)], [self.theirs(sale, part), second], "split_tender")

    def typed_twice(self, sale: Sale) -> None:
        """Entered again up to five hours later."""
        once = self.ours(sale)
        again = self.ours(sale, later=60.0 * int(self.rng.integers(3, 300)))
        again["last4"] = once["last4"]
        self.truth.alone[again["reference"]] = "duplicate_payment"
        self.same([once], [self.theirs(sale)], "exact")

    def charged_twice(self, sale: Sale) -> None:
        """The machine was used again after a few minutes."""
        once = self.theirs(sale)
        again = self.theirs(sale, later=60.0 * int(self.rng.integers(1, 9)), code=self.code())
        self.truth.alone[again["reference"]] = "duplicate_charge"
        self.same([self.ours(sale)], [once], "exact")

    def no_money(self, sale: Sale) -> None:
        """Declined, voided or only authorized, and nobody saw it."""
        theirs = self.theirs(sale, code="", status=self.pick("declined", "voided", "authorized"))
        row = self.ours(sale, authorization="")
        self.truth.alone[row["reference"]] = self.truth.alone[theirs["reference"]] = "not_settled"

    def plain(self, sale: Sale) -> None:
        """A sale as it should be, with a decline before or a refund or chargeback after it now and then."""
        total = sale.bills[0]
        if self.chance(0.01):
            row = self.theirs(sale, later=-60, code="", status="declined")
            self.truth.alone[row["reference"]] = "not_settled"
        theirs = self.theirs(sale)
        self.same([self.ours(sale)], [theirs], "exact")
        later = sale.when + timedelta(days=float(self.rng.gamma(1.5, 6)))
        if self.chance(0.012):
            cents = total if self.chance(0.5) else max(round(total * float(self.rng.uniform(0.1, 0.6)), -2), 100)
            back = self.booked(sale.site, later, -cents, sale.card, self.code(), kind="refund")
            if self.chance(0.35):
                self.truth.alone[back["reference"]] = "refund"
            else:
                noted = later + timedelta(minutes=float(self.rng.normal(0, 240)))
                client = sale.how["client"]
                row = self.typed(sale.site, noted, -cents, sale.card, "", kind="refund", client=client)
                self.same([row], [back], "refund")
        if self.chance(0.001):
            row = self.booked(sale.site, later, -total, sale.card, "", kind="chargeback", related=theirs["reference"])
            self.truth.alone[row["reference"]] = "chargeback"


FAULTS = (
    (0.008, Books.wrong_digit), (0.004, Books.no_point), (0.007, Books.wrong_card), (0.006, Books.only_ours),
    (0.006, Books.only_theirs), (0.007, Books.tip), (0.005, Books.two_cards), (0.005, Books.typed_twice),
    (0.004, Books.charged_twice), (0.005, Books.no_money),
)  # fmt: skip


def generate_books(count: int, seed: int = 1, *, hard: bool = False, days: int = 60, sites: int = 9):
    """(payments, settled, truth) of about ``count`` payments."""
    books = Books(seed, hard)
    rng = np.random.default_rng([seed, 5])
    each = max(int(count / days / sites / 1.12), 1)
    for site in range(sites):
        for number in range(days):
            down = bool(rng.random() < 0.1)
            keyed = timedelta(days=int(rng.integers(1, 6)), hours=float(rng.uniform(-4, 3)))
            for _ in range(int(rng.poisson(each))):
                at = START + timedelta(days=number, hours=14 + float(rng.triangular(0, 4, 12)))
                books.visit(site, at.replace(microsecond=0), down, keyed)
    payments = pd.DataFrame(books.payments).sample(frac=1, random_state=seed)
    return payments, pd.DataFrame(books.settled).sample(frac=1, random_state=seed), books.truth
