"""Every total told again from the append-only rows, by other code than the one that tells it day by day.

What is found is a fault of ours, never of a person: a test or ``check`` says it, and nothing is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from billing import ledger
from billing.books import moved_in
from billing.pricing import TaxRate, gross_of, tax_in
from data.models import BooksPeriod, FundEntry, Invoice, InvoiceEvent, InvoiceLine, Payment, PaymentAllocation
from data.session import ClinicSession
from records.standing import standing, standings
from security.actor import Actor
from security.rules import look


@dataclass(frozen=True)
class Fault:
    """A sum that does not come out: what, on which row, and by how much."""

    what: str
    row_id: str
    detail: str = ""


@dataclass(frozen=True)
class ToldAgain:
    """How many rows were told again, and what did not come out."""

    invoices: int
    lines: int
    payments: int
    periods: int
    faults: tuple[Fault, ...]

    @property
    def words(self) -> str:
        """One sentence: how much was told, and whether it came out."""
        told = f"{self.invoices:,} invoices, {self.lines:,} lines and {self.payments:,} payments were added up again"
        if not self.faults:
            return f"{told}: every total is the sum of its rows."
        if len(self.faults) == 1:
            return f"{told}: one total is not the sum of its rows."
        return f"{told}: {len(self.faults):,} totals are not the sum of their rows."


@dataclass
class Books:
    """The columns that count of all rows of money of a clinic, by what they belong to."""

    invoices: list[str] = field(default_factory=list)
    lines: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Allocations by payment."""
    payments: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Of pots, by the line they are for."""


def check(*, by: Actor) -> list[Fault]:
    """Tell all the clinic's money again; nothing found is as it must be. Raises NotPermitted."""
    return list(tell_again(by=by).faults)


def tell_again(*, by: Actor) -> ToldAgain:
    """The same, with how much was told: a second for every 30,000 rows. Raises NotPermitted."""
    with look(by, "billing.invoices") as session:
        return told_again(session)


def told_again(session: ClinicSession) -> ToldAgain:
    """Tell everything again inside another rule's look."""
    books = _books(session)
    closed = session.scalars(select(BooksPeriod).where(BooksPeriod.state == "closed")).all()
    faults = [*_of_lines(books), *_of_payments(books), *_of_pots(books), *_of_invoices(session, books)]
    faults += _of_periods(session, closed)
    lines = sum(len(some) for some in books.lines.values())
    return ToldAgain(len(books.invoices), lines, len(books.payments), len(closed), tuple(faults))


def _books(session: ClinicSession) -> Books:
    books, line, event, part = Books(), InvoiceLine, InvoiceEvent, PaymentAllocation
    books.invoices = list(session.scalars(select(Invoice.id)))
    for row in session.execute(
        select(
            line.id, line.invoice_id, line.reverses_id, line.fund_id, line.quantity, line.unit_price_cents,
            line.discount_cents, line.subsidy_cents, line.net_cents, line.tax_cents, line.tax_included, line.tax_code,
            line.tax_rate_millionths, line.source,
        ).order_by(line.entered_at, line.id)
    ):  # fmt: skip
        books.lines[row.invoice_id].append(row)
    for said in session.execute(
        select(event.invoice_id, event.kind, event.amount_cents).order_by(event.entered_at, event.id)
    ):
        books.events[said.invoice_id].append(said)
    for paid in session.execute(select(part.payment_id, part.invoice_id, part.amount_cents, part.deposit)):
        books.parts[paid.payment_id].append(paid)
    moved = select(
        Payment.id, Payment.kind, Payment.amount_cents, Payment.deposit_cents, Payment.reverses_id, Payment.source
    )
    books.payments = {sale.id: sale for sale in session.execute(moved)}
    held = select(FundEntry.invoice_line_id, FundEntry.fund_id, FundEntry.kind, FundEntry.amount_cents)
    for entry in session.execute(held.where(FundEntry.invoice_line_id.is_not(None))):
        books.entries[str(entry.invoice_line_id)].append(entry)
    return books


def _of_lines(books: Books) -> list[Fault]:
    """Each line comes to its quantity, price, discount and subsidy; a reversal is its mirror, and there is one."""
    faults = []
    for lines in books.lines.values():
        by_id = {line.id: line for line in lines}
        reversed_ids = [line.reverses_id for line in lines if line.reverses_id]
        for line in lines:
            base = gross_of(line.quantity, line.unit_price_cents) - line.discount_cents - line.subsidy_cents
            came = line.net_cents + (line.tax_cents if line.tax_included else 0)
            if line.source != "import" and came != base:
                faults.append(Fault("a line is not its price less what is taken off", line.id, f"{came} for {base}"))
            rate = TaxRate(line.tax_code, line.tax_rate_millionths, line.tax_included)
            if line.source != "import" and abs(line.tax_cents - tax_in(base, rate)) > len(lines):
                faults.append(Fault("the tax of a line is not that of its rate", line.id, str(line.tax_cents)))
            old = by_id.get(line.reverses_id or "")
            if line.reverses_id and (old is None or _without_tax(old) != -_without_tax(line)):
                faults.append(Fault("a reversal is not the mirror of its line", line.id))
        faults += [Fault("a line is reversed twice", one) for one in set(reversed_ids) if reversed_ids.count(one) > 1]
    return faults


def _without_tax(line: Any) -> int:
    return int(line.net_cents + (line.tax_cents if line.tax_included else 0))


def _of_payments(books: Books) -> list[Fault]:
    """No payment pays more than it is, none goes back more than it was, and its deposits are those of its parts."""
    faults: list[Fault] = []
    back: dict[str, int] = defaultdict(int)
    for payment in books.payments.values():
        parts = books.parts[payment.id]
        held = sum(part.amount_cents for part in parts)
        sign = 1 if payment.kind == "sale" else -1
        if sign * payment.amount_cents <= 0 or not 0 <= sign * held <= sign * payment.amount_cents:
            faults.append(Fault("a payment pays more than it is", payment.id, f"{held} of {payment.amount_cents}"))
        deposits = sum(part.amount_cents for part in parts if part.deposit)
        if payment.source != "import" and deposits != payment.deposit_cents:
            faults.append(Fault("a deposit is not the sum of its parts", payment.id, str(deposits)))
        if payment.reverses_id:
            back[payment.reverses_id] += payment.amount_cents
    for sale_id, cents in back.items():
        sale = books.payments.get(sale_id)
        if sale is None or -cents > sale.amount_cents:
            faults.append(Fault("more went back than was paid", sale_id, str(cents)))
    return faults


def _of_pots(books: Books) -> list[Fault]:
    """A line that does not count holds nothing of a pot, and one that does holds it once."""
    faults = []
    for lines in books.lines.values():
        gone = {line.reverses_id for line in lines}
        for line in lines:
            held: dict[str, int] = defaultdict(int)
            for entry in books.entries[line.id]:
                held[entry.fund_id] += {"released": -1}.get(entry.kind, 1) * entry.amount_cents
            taken_back = line.id in gone or line.reverses_id is not None
            if any(cents < 0 for cents in held.values()) or (taken_back and any(held.values())):
                faults.append(Fault("a line that does not count holds money of a pot", line.id))
            if not taken_back and set(held) - {line.fund_id}:
                faults.append(Fault("a line holds money of another pot than its own", line.id))
    return faults


def _of_invoices(session: ClinicSession, books: Books) -> list[Fault]:
    """Where each invoice stands, told from its rows one by one, is what the queries tell."""
    faults = []
    paid: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for parts in books.parts.values():
        for part in parts:
            paid[part.invoice_id].append((books.payments[part.payment_id].kind, part.amount_cents))
    told, open_ids = standings(session, select(Invoice.id)), ledger.open_ids(session)
    for invoice_id in books.invoices:
        again = standing(
            [(line.net_cents, line.tax_cents) for line in books.lines[invoice_id]],
            [(event.kind, event.amount_cents) for event in books.events[invoice_id]],
            paid[invoice_id],
        )
        if again != told[invoice_id]:
            faults.append(Fault("an invoice is not the sum of its rows", invoice_id, _differs(again, told[invoice_id])))
        if again.paid < 0 or again.balance < 0:
            faults.append(Fault("an invoice stands below nothing", invoice_id, f"paid {again.paid}"))
        unbalanced = again.document != "void" and again.total != again.paid
        if unbalanced != (invoice_id in open_ids):
            faults.append(Fault("an invoice is missing among the open ones, or one too many", invoice_id))
    return faults


def _of_periods(session: ClinicSession, closed: Sequence[BooksPeriod]) -> list[Fault]:
    """What was paid and settled on the days of a closed period is what was signed."""
    faults = []
    for period in closed:
        paid, _, settled, _ = moved_in(session, period.first, period.last)
        for name, again in (("payments", paid), ("settled", settled)):
            if (signed := period.totals.get(name)) != again:
                detail = f"{name} {again} for {signed}"
                faults.append(Fault("a closed period is not what was signed", period.id, detail))
    return faults


def _differs(again: Any, told: Any) -> str:
    names = [name for name in vars(again) if getattr(again, name) != getattr(told, name)]
    return ", ".join(f"{name} {getattr(told, name)} for {getattr(again, name)}" for name in names)
