"""The demo's card money: what processors settled in the last weeks, what reached the bank, and what does not add up.

The rows are made up beside the history and written with it, each as what the import of its week brought: a file of each
processor and one of the bank, which can be taken back like any other. Matches, deposits and differences are then found by the
rules people use. Everything before last week is closed and locked.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from billing import client_billing
from billing.closing import close_period
from billing.deposits import find_deposits
from billing.fees import Terms
from billing.matching import reconcile_days
from billing.processors.settings import PROCESSOR, Processor
from billing.variances import assign, comment
from data import definitions
from data.models import User, Variance
from data.session import ClinicSession, read
from data.types import clock
from opening.demo_history import ONLINE, Maker, Row
from security.actor import Actor

WEEKS = 5
"""Whole weeks with settlements before the one in progress; the last of them is open, those before it are closed."""
MX, TERMINAL, STRIPE = "mx", "terminal", ONLINE
PROCESSORS = {
    MX: Processor(label="MX Merchant, front desk", type="mx", merchant_id="8076", cut_off="20:00",
                  rate_millionths=26_000, per_item_cents=10, deposit_days=1, bank_text="BANKCARD 8076"),
    TERMINAL: Processor(label="Stand-alone terminal", type="terminal", merchant_id="0417", rate_millionths=27_500,
                        per_item_cents=8, deposit_days=1, bank_text="MERCHANT SVCS 0417"),
    STRIPE: Processor(label="Stripe, payment requests", type="stripe", rate_millionths=29_000, per_item_cents=30,
                      deposit_days=2, bank_text="STRIPE TRANSFER", takes_online=True, test=True),
}  # fmt: skip
SAYS = {MX: "BANKCARD 8076 MTOT DEP", TERMINAL: "MERCHANT SVCS 0417 DEP", STRIPE: "STRIPE TRANSFER HARBOR SPAY"}
"""What the bank writes beside their deposits."""
ACCOUNT = "Operating account"
FILES = {MX: "mx-settlement-{day:%Y-%m-%d}.csv", TERMINAL: "terminal-batches-{day:%Y-%m-%d}.csv",
         STRIPE: "payout-reconciliation-{day:%Y-%m-%d}.csv", ACCOUNT: "operating-{day:%Y-%m-%d}.ofx"}  # fmt: skip
SOURCES = {MX: "mx", STRIPE: "stripe", ACCOUNT: "ofx"}
SIGNS = "Maya Ortiz"
"""Who closed the weeks before the last."""
SETTLED = {"location_id": None, "related_reference": "", "source": "import", "status": "settled", "fee_cents": None}


def set_up(session: ClinicSession) -> None:
    """Three merchant accounts without anything that would sign in there, and client billing switched on."""
    for slug, one in PROCESSORS.items():
        definitions.save(session, PROCESSOR, slug, one, by_user_id=None)
    service = client_billing.ClientBilling(enabled=True, words="Questions about an invoice: (845) 555-0140")
    definitions.save(session, client_billing.SERVICE, client_billing.ONLY, service, by_user_id=None)


def begins(today: date) -> date:
    """The first day with settlements, a Monday."""
    return today - timedelta(days=today.weekday() + 7 * WEEKS)


def last_week(today: date) -> tuple[date, date]:
    """Monday and Sunday of the week before this one."""
    monday = today - timedelta(days=today.weekday() + 7)
    return monday, monday + timedelta(days=6)


def settle(maker: Maker) -> None:
    """Batches, settled transactions, lines of the bank and payment requests of the last weeks, into the history."""
    first = begins(maker.s.today)
    cards = [row for row in maker.out.rows["payment"] if row["tender"] == "card" and row["day"] >= first]
    cards = sorted((row for row in cards if row["day"] < maker.s.today), key=lambda row: row["event_at"])
    if cards:
        _Weeks(maker, cards).tell()
    _requests(maker, first)


class _Weeks:
    """What the processors did with these payments."""

    def __init__(self, maker: Maker, cards: list[Row]) -> None:
        self.maker, self.cards = maker, cards
        self.rows: dict[tuple[str, date], list[Row]] = defaultdict(list)
        self.count = 0
        self.runs: dict[tuple[str, date], Row] = {}
        self.fees = {slug: Terms(one.rate_millionths, one.per_item_cents) for slug, one in PROCESSORS.items()}

    def tell(self) -> None:
        """All of it."""
        alone = self._alone()
        mine = {}
        for payment in self.cards:
            slug = STRIPE if payment["channel"] == "payment_request" else MX
            mine[payment["reference"]] = self.charge(TERMINAL if payment["reference"] in alone else slug, payment)
        self._faults(mine)
        self._imports("settlement", [(slug, day, row) for (slug, day), some in self.rows.items() for row in some])
        arrived: dict[tuple[str, date], int] = defaultdict(int)
        for number, (slug, day) in enumerate(sorted(self.rows, key=lambda key: (key[1], key[0])), start=1):
            arrived[slug, self._posted(slug, day)] += self._batch(slug, day, number)
        self._bank(arrived)

    def _alone(self) -> set[str]:
        """Each Wednesday the desk's own device is out for an hour and the stand-alone terminal takes its place."""
        by_day: dict[date, list[str]] = defaultdict(list)
        for row in self.cards:
            if row["day"].weekday() == 2 and row["kind"] == "sale" and row["channel"] == "terminal":
                by_day[row["day"]].append(row["reference"])
        return {reference for some in by_day.values() for reference in some[2:5]}

    def charge(self, slug: str, payment: Row, **more: Any) -> Row:
        """One row of a settlement, as the payment says unless told otherwise."""
        self.count += 1
        cents = more.get("amount_cents", payment["amount_cents"])
        at = payment["event_at"] + timedelta(seconds=25 + 7 * self.count % 60)
        sale = cents > 0
        head = {MX: "3084", TERMINAL: "T04", STRIPE: "txn_1Q"}[slug]
        row = SETTLED | {
            "id": self.maker.id(at), "processor": slug, "reference": f"{head}{self.count:06d}", "event_at": at,
            "kind": "sale" if sale else "refund", "amount_cents": cents, "currency": payment["currency"],
            "fee_cents": self.fees[slug].fee(cents) if sale else 0, "last4": payment["last4"],
            "brand": payment["brand"], "authorization": payment["authorization"], "day": payment["day"],
            "invoice_reference": "", "entry_mode": "online" if slug == STRIPE else "chip",
        } | more  # fmt: skip
        row |= {
            "settled_on": row["day"], "counts_on": row["day"], "entered_at": self._evening(row["day"]),
            "row_hash": hashlib.sha256(row["reference"].encode()).hexdigest(), "batch_id": None, "by_user_id": None,
        }  # fmt: skip
        self.rows[slug, row["day"]].append(row)
        return row

    def _evening(self, day: date) -> datetime:
        return min(self.maker.at(day + timedelta(days=1), time(6, 30)), self.maker.s.now - timedelta(minutes=30))

    def _faults(self, mine: dict[str, Row]) -> None:
        """Last week's differences, each of its own kind."""
        monday, sunday = last_week(self.maker.s.today)
        inside = [
            row for row in self.cards
            if monday <= row["day"] <= sunday and row["kind"] == "sale" and mine[row["reference"]]["processor"] == MX
        ]  # fmt: skip
        if len(inside) < 12:
            return
        tip, declined, twice, unknown = (inside[len(inside) * place // 5] for place in range(4))
        more = mine[tip["reference"]]
        more["amount_cents"] += 500
        more["fee_cents"] = self.fees[MX].fee(more["amount_cents"])
        mine[declined["reference"]] |= {
            "status": "declined",
            "fee_cents": None,
            "authorization": "",
            "settled_on": None,
        }
        later = twice["event_at"] + timedelta(minutes=3)
        self.charge(MX, twice | {"event_at": later, "authorization": f"{int(twice['authorization']) ^ 77:06d}"})
        stranger = {"last4": "7306", "authorization": "553018", "brand": "Visa", "amount_cents": 4_000}
        self.charge(MX, unknown | stranger | {"event_at": unknown["event_at"] + timedelta(minutes=41)})
        old = next((row for row in self.cards if row["kind"] == "sale" and row["amount_cents"] > 9_000), None)
        if old is not None and old["day"] < monday:
            moment = {"day": unknown["day"], "event_at": unknown["event_at"] + timedelta(minutes=5)}
            self.charge(
                MX, old | moment, amount_cents=-old["amount_cents"], kind="chargeback", fee_cents=1_500,
                related_reference=mine[old["reference"]]["reference"],
            )  # fmt: skip

    def _imports(self, kind: str, rows: list[tuple[str, date, Row]]) -> None:
        """The file of each week and processor, or account, that brought these rows."""
        files: dict[tuple[date, str], list[tuple[date, Row]]] = defaultdict(list)
        for target, day, row in rows:
            files[day - timedelta(days=day.weekday()), target].append((day, row))
        for (monday, target), held in sorted(files.items()):
            kept, at = sorted({day for day, _ in held}), self._evening(monday + timedelta(days=6))
            name = FILES[target].format(day=kept[-1])
            run = self.maker.out.add("import_run", {
                "id": self.maker.id(at), "kind": kind, "file_name": name, "entered_at": at, "undone_at": None,
                "sha256": hashlib.sha256(f"{name} {len(held)}".encode()).hexdigest(), "by_user_id": None,
                "mapping": {
                    "source": SOURCES.get(target, "mapping:plain"), "target": target, "first": kept[0].isoformat(),
                    "last": kept[-1].isoformat(), "batches": len(kept) if kind == "settlement" else 0, "replaced": [],
                },
                "counts": {"rows": len(held), "added": len(held), "replaced": 0, "skipped": 0},
            })  # fmt: skip
            for day, row in held:
                row["import_id"], row["entered_at"] = run["id"], at
                self.runs[target, day] = run

    def _batch(self, slug: str, day: date, number: int) -> int:
        """Close one day's batch; returns what is to arrive for it."""
        rows, run = self.rows[slug, day], self.runs[slug, day]
        at = run["entered_at"]
        moved = [row for row in rows if row["status"] == "settled"]
        gross = sum(row["amount_cents"] for row in moved)
        fees = sum(row["fee_cents"] or 0 for row in moved)
        stated = slug != TERMINAL
        batch = self.maker.out.add("settlement_batch", {
            "id": self.maker.id(at), "processor": slug, "entered_at": at, "settled_on": day, "brand": "",
            "external_id": f"po_1Q{number:06d}" if slug == STRIPE else f"{slug}-{day:%y%m%d}",
            "number": "" if slug == STRIPE else f"{number % 900 + 100:04d}", "currency": self.maker.s.currency,
            "location_id": None, "gross_cents": gross if stated else None, "fee_cents": fees if stated else None,
            "net_cents": gross - fees if stated else None, "import_id": run["id"],
        })  # fmt: skip
        for row in rows:
            row["batch_id"] = batch["id"] if row["status"] == "settled" else None
            self.maker.out.add("settled_transaction", row)
        return gross - fees

    def _posted(self, slug: str, day: date) -> date:
        """So many working days later."""
        left = PROCESSORS[slug].deposit_days
        while left or day.weekday() > 4:
            day += timedelta(days=1)
            left -= left > 0 and day.weekday() < 5
        return day

    def _bank(self, arrived: dict[tuple[str, date], int]) -> None:
        """The statement of the account until yesterday: deposits, one of them short, cash paid in and wages."""
        today, (monday, sunday) = self.maker.s.today, last_week(self.maker.s.today)
        lines = [(day, cents, f"{SAYS[slug]} {day:%y%m%d}") for (slug, day), cents in arrived.items() if cents]
        short = max((line for line in lines if SAYS[MX] in line[2] and monday <= line[0] <= sunday), default=None)
        if short is not None:
            lines[lines.index(short)] = (short[0], short[1] - 2_500, short[2])
        first = begins(today)
        for week in range(WEEKS + 1):
            friday = first + timedelta(days=7 * week + 4)
            cash = [row for row in self.maker.out.rows["payment"] if row["tender"] != "card"]
            taken = sum(row["amount_cents"] for row in cash if friday - timedelta(days=6) <= row["day"] <= friday)
            lines += [(friday, taken, "COUNTER DEPOSIT MILLBROOK"), (friday, -1_846_250, "PAYROLL HARBOR SPAY")]
        told = []
        for number, (day, cents, words) in enumerate(sorted(line for line in lines if line[0] < today), start=1):
            at = self.maker.at(day, time(12))
            told.append((ACCOUNT, day, {
                "id": self.maker.id(at), "account": ACCOUNT, "external_id": f"{day:%Y%m%d}-{number}", "posted_on": day,
                "amount_cents": cents, "currency": self.maker.s.currency, "description": words, "counts_on": day,
                "row_hash": hashlib.sha256(f"{number} {words}".encode()).hexdigest(), "event_at": at,
                "entered_at": at, "source": "import", "by_user_id": None,
            }))  # fmt: skip
        self._imports("bank", told)
        for _, _, line in told:
            self.maker.out.add("bank_line", line)


def _requests(maker: Maker, first: date) -> None:
    """A paid request for each payment that came by one, and open ones for what nobody paid of late."""
    pays = {row["payment_id"]: row["invoice_id"] for row in maker.out.rows["payment_allocation"]}
    for row in maker.out.rows["payment"]:
        if row["channel"] == "payment_request":
            _request(maker, pays[row["id"]], row["client_id"], row["amount_cents"], row["event_at"], row)
    paid, mail = set(pays.values()), {row["id"] for row in maker.clients if row["email"]}
    owed = {row["invoice_id"]: row["amount_cents"] for row in maker.out.rows["invoice_event"]}
    for invoice in maker.out.rows["invoice"]:
        known = first <= invoice["issued_on"] < maker.s.today and invoice["client_id"] in mail
        if known and invoice["id"] not in paid and owed.get(invoice["id"]):
            asked = maker.at(invoice["issued_on"], time(17, 5))
            _request(maker, invoice["id"], invoice["client_id"], owed[invoice["id"]], asked, None)


def _request(maker: Maker, invoice: str, client: str, cents: int, at: datetime, payment: Row | None) -> None:
    sent = at - timedelta(days=1, minutes=17) if payment else at
    maker.request_number += 1
    maker.out.add("payment_request", {
        "id": maker.id(sent), "invoice_id": invoice, "client_id": client, "amount_cents": cents,
        "currency": maker.s.currency, "processor": STRIPE if payment else "", "url": "", "ended_because": "",
        "external_id": f"cs_test_{maker.request_number:06d}" if payment else "", "state": "paid" if payment else "open",
        "card_slip_id": None, "payment_id": payment["id"] if payment else None, "sent_at": sent, "expires_at": None,
        "ended_at": at if payment else None, "by_user_id": maker.s.staff[0], "entered_at": sent,
    })  # fmt: skip


def reconcile(clinic_id: str, maker: Maker) -> None:
    """Find matches, deposits and differences, and close what lies before last week."""
    with read(clinic_id) as session:
        people = {row.username: row.id for row in session.scalars(select(User))}
    by = Actor(clinic_id, "demo", people["manager"])
    monday, _ = last_week(maker.s.today)
    first, last = begins(maker.s.today), monday - timedelta(days=1)
    with clock.told(maker.s.now - timedelta(minutes=22)):
        find_deposits(by=by)
        reconcile_days(first, maker.s.today, by=by)
        close_period(first, last, SIGNS, by=by)
        with read(clinic_id) as session:
            cases = {row.kind: row.id for row in session.scalars(select(Variance).where(Variance.state == "open"))}
        for kind, who, words in (
            ("chargeback", "owner", "The bank asks for the signed estimate by the end of next week."),
            ("missing_in_ledger", "manager", "Perhaps the donation somebody gave by card on the phone."),
        ):
            if kind in cases:
                assign([cases[kind]], people[who], by=by)
                comment(cases[kind], words, by=by)
