"""Seeded payments and settlements with known faults, for benchmarks/reconciliation.py.

Two worlds that share as little as possible. ``town``: twenty clinics, sixteen prices with add-ons, an outage on one day
in ten (slips keyed in sessions days later, stand-alone terminals, payment requests), a batch cut-off at 20:00, four
zones. ``other``: few prices, batches that skip weekends, times without a clock, two places the processor does not name,
brands spelt as processors spell them, codes that lost their zeros, other delays and another mix of faults. ``hard``
takes the digits off 30 % of the slips and all authorization codes off outage rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
FAULTS = (
    "amount_typo", "decimal_slip", "last4_typo", "missing_in_settlement", "missing_in_ledger", "amount_diff",
    "several_payments_one_charge", "split_tender", "duplicate_payment", "duplicate_charge", "refund",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What a generated world is like."""

    name: str
    sites: int
    prices: tuple[int, ...]
    addons: tuple[int, ...]
    outage: float
    shares: dict[str, float]
    """Of all payments, for each fault."""
    slip_days: tuple[int, int]
    request_days: float
    several_pets: float
    no_clock: bool
    no_location: bool
    lost_zeros: bool
    spelling: dict[str, str]
    invoice_told: float
    code_told: float
    skips_weekends: bool


TOWN = World(
    "town", 20,
    (4500, 5500, 6500, 7500, 8500, 9500, 10500, 12000, 13500, 15000, 17500, 19000, 21000, 24000, 28000, 32000),
    (1200, 1500, 1800, 2000, 2500, 3500), 0.10,
    {"amount_typo": .006, "decimal_slip": .003, "last4_typo": .008, "missing_in_settlement": .005,
     "missing_in_ledger": .005, "amount_diff": .008, "several_payments_one_charge": .008, "split_tender": .004,
     "duplicate_payment": .004, "duplicate_charge": .003, "refund": .012},
    (1, 9), 2.5, .14, False, False, False, {}, .7, .97, False,
)  # fmt: skip
OTHER = World(
    "other", 7, (2000, 4000, 6000, 9000, 15000), (), 0.16,
    {"amount_typo": .004, "decimal_slip": .004, "last4_typo": .005, "missing_in_settlement": .009,
     "missing_in_ledger": .007, "amount_diff": .004, "several_payments_one_charge": .012, "split_tender": .006,
     "duplicate_payment": .006, "duplicate_charge": .005, "refund": .008},
    (2, 13), 4.0, .25, True, True, True,
    {"Visa": "VI", "Mastercard": "MC", "Amex": "AX", "Discover": "DS"}, .25, .85, True,
)  # fmt: skip
WORLDS = {"town": TOWN, "other": OTHER}


@dataclass
class Truth:
    """What is really the same money, and what each fault is."""

    links: list[tuple[tuple[str, ...], tuple[str, ...], str]] = field(default_factory=list)
    alone: dict[str, str] = field(default_factory=dict)
    """reference -> kind of a row without a partner."""
    slips: set[str] = field(default_factory=set)


def generate(world: World, count: int, seed: int = 1, *, hard: bool = False, days: int = 100):
    """(payments, settled, truth) with about ``count`` payments."""
    rng = np.random.default_rng([seed, len(world.name), int(hard)])
    sales = _sales(world, count, rng, days)
    maker = _Maker(world, rng, hard)
    maker.fill(sales)
    payments, settled = pd.DataFrame(maker.payments), pd.DataFrame(maker.settled)
    if world.no_location:
        settled["location"] = settled["location"].where(~settled["location"].isin(["Site 1", "Site 4"]), "")
    payments = payments.sample(frac=1, random_state=seed).reset_index(drop=True)
    settled = settled.sample(frac=1, random_state=seed + 1).reset_index(drop=True)
    return payments, settled, maker.truth


def _sales(world: World, count: int, rng: np.random.Generator, days: int) -> list[dict[str, Any]]:
    """True sales: who paid what, where, when, with which card."""
    site = rng.integers(0, world.sites, count)
    day = rng.integers(0, days, count)
    down = rng.random((world.sites, days)) < world.outage
    seconds = (rng.beta(2.2, 2.0, count) * 11.2 * 3600 + 8 * 3600).astype(int)
    price = np.array(world.prices)[rng.integers(0, len(world.prices), count)]
    for _ in range(3 if world.addons else 0):
        extra = np.array(world.addons)[rng.integers(0, len(world.addons), count)]
        price = price + np.where(rng.random(count) < 0.25, extra, 0)
    cents = np.where(rng.random(count) < 0.12, price + rng.integers(1, 99, count), price) if world.addons else price
    brand = rng.choice(["Visa", "Mastercard", "Amex", "Discover"], count, p=[0.55, 0.28, 0.11, 0.06])
    last4 = rng.integers(0, 10_000, count)
    keyed = rng.integers(world.slip_days[0], world.slip_days[1] + 1, (world.sites, days))
    draw = rng.random(count)
    sales = []
    for at in range(count):
        channel = "integrated"
        if down[site[at], day[at]]:
            channel = "slip" if draw[at] < 0.55 else "terminal" if draw[at] < 0.8 else "payment_request"
        elif draw[at] < 0.02:
            channel = "payment_request"
        sales.append(
            {
                "site": int(site[at]), "day": int(day[at]), "seconds": int(seconds[at]), "cents": int(cents[at]),
                "brand": str(brand[at]), "last4": f"{last4[at]:04d}", "channel": channel,
                "keyed": int(keyed[site[at], day[at]]), "client": f"C{rng.integers(0, count // 2)}",
            }
        )  # fmt: skip
    return sales


class _Maker:
    """Writes both sides, fault by fault."""

    def __init__(self, world: World, rng: np.random.Generator, hard: bool) -> None:
        self.world, self.rng, self.hard = world, rng, hard
        self.payments: list[dict[str, Any]] = []
        self.settled: list[dict[str, Any]] = []
        self.truth = Truth()
        self.zones = [ZoneInfo(ZONES[site % len(ZONES)]) for site in range(world.sites)]
        self.invoice = 10_000

    def fill(self, sales: list[dict[str, Any]]) -> None:
        kinds = ["", *self.world.shares]
        shares = [1 - sum(self.world.shares.values()), *self.world.shares.values()]
        faults = self.rng.choice(kinds, len(sales), p=shares)
        for sale, fault in zip(sales, faults, strict=True):
            self.invoice += 1
            sale["invoice"] = f"INV-{self.invoice}"
            sale["code"] = f"{self.rng.integers(0, 1_000_000):06d}"
            getattr(self, "_" + (fault or "plain"))(sale)

    # both sides

    def _pay(self, sale: dict[str, Any], **change: Any) -> dict[str, Any]:
        local = datetime.combine((FIRST + timedelta(days=sale["day"])).date(), time(0), self.zones[sale["site"]])
        taken = local + timedelta(seconds=sale["seconds"])
        late = sale["channel"] != "integrated"
        typed = {"integrated": 1.0, "slip": 0.75, "terminal": 0.92, "payment_request": 0.85}[sale["channel"]]
        has_code = self.rng.random() < typed * self.world.code_told and not (self.hard and late)
        has_digits = not (sale["channel"] == "slip" and self.hard and self.rng.random() < 0.3)
        row = {
            "reference": f"P{len(self.payments):07d}", "taken_at": taken.astimezone(UTC), "day": taken.date(),
            "amount_cents": sale["cents"], "kind": "sale", "tender": "card", "channel": sale["channel"],
            "last4": sale["last4"] if has_digits else "", "brand": sale["brand"],
            "authorization": sale["code"] if has_code else "", "invoice": sale["invoice"], "client": sale["client"],
            "location": f"Site {sale['site']}", "currency": "USD", **change,
        }  # fmt: skip
        if self.world.no_clock:
            midnight = row["taken_at"].astimezone(self.zones[sale["site"]]).replace(hour=0, minute=0, second=0)
            row["taken_at"] = midnight.astimezone(UTC)
        self.payments.append(row)
        if row["channel"] == "slip":
            self.truth.slips.add(row["reference"])
        return row

    def _when(self, sale: dict[str, Any]) -> datetime:
        """When the processor saw it."""
        local = datetime.combine((FIRST + timedelta(days=sale["day"])).date(), time(0), self.zones[sale["site"]])
        at = local + timedelta(seconds=sale["seconds"])
        if sale["channel"] == "slip":
            session = local + timedelta(days=sale["keyed"], seconds=32_400 + 25 * (sale["seconds"] - 28_800) / 60)
            at = session + timedelta(seconds=float(self.rng.normal(0, 2400)))
            if self.rng.random() < 0.06:
                at += timedelta(days=int(self.rng.integers(1, 4)))
        elif sale["channel"] == "payment_request":
            at += timedelta(days=float(self.rng.exponential(self.world.request_days)), seconds=600)
        elif sale["channel"] == "terminal":
            at += timedelta(seconds=float(self.rng.normal(30, 200)))
        else:
            at += timedelta(seconds=float(self.rng.gamma(2, 12)))
        return at

    def _charge(self, sale: dict[str, Any], at: datetime | None = None, **change: Any) -> dict[str, Any]:
        at = at or self._when(sale)
        day = at.date() + timedelta(days=int(at.hour >= 20))
        while self.world.skips_weekends and day.weekday() >= 5:
            day += timedelta(days=1)
        reference = f"T{self.rng.integers(0, 10**12):012d}{len(self.settled)}"
        told = self.rng.random() < self.world.invoice_told and sale["channel"] in ("integrated", "payment_request")
        code = sale["code"].lstrip("0") if self.world.lost_zeros else sale["code"]
        row = {
            "reference": reference, "batch": f"{day:%j}-{sale['site']}", "settled_on": day,
            "processed_at": at.astimezone(UTC), "day": day, "amount_cents": sale["cents"], "kind": "sale",
            "status": "settled", "last4": sale["last4"],
            "brand": self.world.spelling.get(sale["brand"], sale["brand"].upper()), "authorization": code,
            "invoice": sale["invoice"] if told else reference[-8:] if self.rng.random() < 0.5 else "",
            "location": f"Site {sale['site']}", "processor": "p", "currency": "USD", "fee_cents": 0, "related": "",
            **change,
        }  # fmt: skip
        self.settled.append(row)
        return row

    def _link(self, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], kind: str) -> None:
        self.truth.links.append(
            (tuple(row["reference"] for row in ours), tuple(row["reference"] for row in theirs), kind)
        )

    # what happens

    def _plain(self, sale: dict[str, Any]) -> None:
        self._link([self._pay(sale)], [self._charge(sale)], "exact")

    def _amount_typo(self, sale: dict[str, Any]) -> None:
        text = list(str(sale["cents"]))
        if self.rng.random() < 0.4:
            at = int(self.rng.integers(0, len(text) - 2))
            if at or text[1] != "0":
                text[at], text[at + 1] = text[at + 1], text[at]
        wrong = int("".join(text))
        while wrong == sale["cents"] or wrong == 0:
            text = list(str(sale["cents"]))
            at = int(self.rng.integers(0, len(text) - 1))
            text[at] = str(self.rng.integers(1 if at == 0 else 0, 10))
            wrong = int("".join(text))
        self._link([self._pay(sale, amount_cents=wrong)], [self._charge(sale)], "amount_typo")

    def _decimal_slip(self, sale: dict[str, Any]) -> None:
        wrong = sale["cents"] * 10 if self.rng.random() < 0.5 or sale["cents"] % 10 else sale["cents"] // 10
        self._link([self._pay(sale, amount_cents=wrong)], [self._charge(sale)], "decimal_slip")

    def _last4_typo(self, sale: dict[str, Any]) -> None:
        text = list(sale["last4"])
        at = int(self.rng.integers(0, 3))
        if self.rng.random() < 0.4 and text[at] != text[at + 1]:
            text[at], text[at + 1] = text[at + 1], text[at]
        else:
            text[at] = str((int(text[at]) + self.rng.integers(1, 10)) % 10)
        self._link([self._pay(sale, last4="".join(text))], [self._charge(sale)], "last4_typo")

    def _missing_in_settlement(self, sale: dict[str, Any]) -> None:
        self.truth.alone[self._pay(sale)["reference"]] = "missing_in_settlement"

    def _missing_in_ledger(self, sale: dict[str, Any]) -> None:
        self.truth.alone[self._charge(sale)["reference"]] = "missing_in_ledger"

    def _amount_diff(self, sale: dict[str, Any]) -> None:
        draw = self.rng.random()
        if draw < 0.45:
            other = sale["cents"] + int(self.rng.choice([200, 300, 500, 1000, 1500, 2000]))
        elif draw < 0.75:
            other = round(sale["cents"] * float(self.rng.choice([1.1, 1.15, 1.18, 1.2])))
        else:
            other = sale["cents"] - int(self.rng.choice([500, 750, 1000]))
        self._link([self._pay(sale)], [self._charge(sale, amount_cents=other)], "amount_diff")

    def _several_payments_one_charge(self, sale: dict[str, Any]) -> None:
        rows, total = [], 0
        for _ in range(int(self.rng.choice([2, 3, 4], p=[0.7, 0.2, 0.1]))):
            cents = int(self.rng.choice(self.world.prices))
            self.invoice += 1
            one = {
                **sale,
                "cents": cents,
                "invoice": f"INV-{self.invoice}",
                "seconds": sale["seconds"] + len(rows) * 40,
            }
            rows.append(self._pay(one))
            total += cents
        self._link(rows, [self._charge(sale, amount_cents=total)], "several_payments_one_charge")

    def _split_tender(self, sale: dict[str, Any]) -> None:
        first = int(sale["cents"] * self.rng.uniform(0.2, 0.8)) // 500 * 500 or 500
        at = self._when(sale)
        other = {**sale, "last4": f"{self.rng.integers(0, 10_000):04d}", "code": f"{self.rng.integers(0, 10**6):06d}"}
        rows = [
            self._charge(sale, at, amount_cents=first),
            self._charge(other, at + timedelta(seconds=50), amount_cents=sale["cents"] - first),
        ]
        self._link([self._pay(sale)], rows, "split_tender")

    def _duplicate_payment(self, sale: dict[str, Any]) -> None:
        once = self._pay(sale)
        again = {**sale, "seconds": sale["seconds"] + int(self.rng.integers(60, 7_200))}
        self.truth.alone[self._pay(again, authorization=once["authorization"], last4=once["last4"])["reference"]] = (
            "duplicate_payment"
        )
        self._link([once], [self._charge(sale)], "exact")

    def _duplicate_charge(self, sale: dict[str, Any]) -> None:
        at = self._when(sale)
        once = self._charge(sale, at)
        second = {**sale, "code": f"{self.rng.integers(0, 10**6):06d}"}
        again = self._charge(second, at + timedelta(seconds=int(self.rng.integers(20, 1_800))), invoice=once["invoice"])
        self.truth.alone[again["reference"]] = "duplicate_charge"
        self._link([self._pay(sale)], [once], "exact")

    def _refund(self, sale: dict[str, Any]) -> None:
        self._plain(sale)
        share = 1.0 if self.rng.random() < 0.6 else float(self.rng.choice([0.25, 0.5]))
        cents = -round(sale["cents"] * share)
        later = {**sale, "channel": "integrated", "day": sale["day"] + 1 + int(self.rng.exponential(4)) + sale["keyed"],
                 "cents": cents, "code": f"{self.rng.integers(0, 10**6):06d}"}  # fmt: skip
        theirs = self._charge(later, kind="refund")
        if self.rng.random() < 0.3:
            self.truth.alone[theirs["reference"]] = "refund"
        else:
            self._link([self._pay(later, kind="refund")], [theirs], "refund")
