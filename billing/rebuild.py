"""Every total told again from the append-only rows, by other code than the one that tells it day by day.

What is found is a fault of ours, never of a person: a test or ``check`` says it, and nothing is changed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from billing import ledger
from billing.pricing import TaxRate, gross_of, tax_in
from data.models import FundEntry, Invoice, InvoiceEvent, InvoiceLine, Payment, PaymentAllocation
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


@dataclass
class Books:
    """All rows of money of a clinic, by what they belong to."""

    lines: dict[str, list[InvoiceLine]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[InvoiceEvent]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[str, list[PaymentAllocation]] = field(default_factory=lambda: defaultdict(list))
    """Allocations by payment."""
    payments: dict[str, Payment] = field(default_factory=dict)
    entries: dict[str, list[FundEntry]] = field(default_factory=lambda: defaultdict(list))
    """Of pots, by the line they are for."""


def check(*, by: Actor) -> list[Fault]:
    """Tell all the clinic's money again; nothing found is as it must be. Raises NotPermitted."""
    with look(by, "billing.invoices") as session:
        books = _books(session)
        faults = [*_of_lines(books), *_of_payments(books), *_of_pots(books)]
        faults += _of_invoices(session, books)
        return faults


def _books(session: ClinicSession) -> Books:
    books = Books()
    for line in session.scalars(select(InvoiceLine).order_by(InvoiceLine.entered_at, InvoiceLine.id)):
        books.lines[line.invoice_id].append(line)
    for event in session.scalars(select(InvoiceEvent).order_by(InvoiceEvent.entered_at, InvoiceEvent.id)):
        books.events[event.invoice_id].append(event)
    for part in session.scalars(select(PaymentAllocation)):
        books.parts[part.payment_id].append(part)
    books.payments = {payment.id: payment for payment in session.scalars(select(Payment))}
    for entry in session.scalars(select(FundEntry).where(FundEntry.invoice_line_id.is_not(None))):
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


def _without_tax(line: InvoiceLine) -> int:
    return line.net_cents + (line.tax_cents if line.tax_included else 0)


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
    ids = list(session.scalars(select(Invoice.id)))
    told, open_ids = standings(session, select(Invoice.id)), ledger.open_ids(session)
    for invoice_id in ids:
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


def _differs(again: Any, told: Any) -> str:
    names = [name for name in vars(again) if getattr(again, name) != getattr(told, name)]
    return ", ".join(f"{name} {getattr(told, name)} for {getattr(again, name)}" for name in names)
