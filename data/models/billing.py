"""Services, taxes, grants, invoices and payments. Money is whole cents; every total is the sum of append-only rows."""

from __future__ import annotations

from datetime import date

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column


class Service(Record, Base):
    """A line of the price list. ``prices`` narrows ``price_cents`` by species and weight: [{species, from_grams,
    to_grams, price_cents}]; the first that fits wins."""

    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(160))
    category: Mapped[str] = mapped_column(String(80), default="")
    price_cents: Mapped[int] = mapped_column(BigInteger)
    prices: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    tax_code: Mapped[str] = mapped_column(String(40), default="")
    procedure: Mapped[str] = mapped_column(String(80), default="")
    """spay, neuter …: what a surgery of this service is called."""
    reminder_days: Mapped[int | None]
    active: Mapped[bool] = mapped_column(default=True)
    keys = (Index("ix_service_code", "clinic_id", "code", unique=True),)


class Fund(Record, Base):
    """A grant or voucher pot. Its balance is the sum of its entries."""

    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(160))
    kind: Mapped[str] = mapped_column(String(12))
    """grant, voucher, third_party."""
    discount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """Taken off the client's line."""
    deduction_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """Taken out of the pot for that line: not always the same number."""
    active: Mapped[bool] = mapped_column(default=True)
    keys = (Index("ix_fund_code", "clinic_id", "code", unique=True),)


class FundEntry(Event, Base):
    """Money into (received) or out of (used) a pot, or promised (pending; released when the visit falls through)."""

    fund_id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(String(10))
    """received, pending, released, used, adjusted."""
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    invoice_line_id: Mapped[str | None] = id_column(nullable=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    keys = (belongs("fund_id", "fund"), Index("ix_fund_entry_fund", "clinic_id", "fund_id"))


class Invoice(Record, Base):
    """The head of an invoice: whose, when. Amounts and states are the sums of its lines, events and allocations."""

    number: Mapped[int] = mapped_column(Integer)
    reference: Mapped[str] = mapped_column(String(80), default="")
    client_id: Mapped[str] = id_column()
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    location_id: Mapped[str | None] = id_column(nullable=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    issued_on: Mapped[date]
    due_on: Mapped[date | None]
    currency: Mapped[str] = mapped_column(String(3))
    keys = (
        belongs("client_id", "client"),
        belongs("appointment_id", "appointment"),
        Index("ix_invoice_number", "clinic_id", "number", unique=True),
        Index("ix_invoice_client", "clinic_id", "client_id"),
        Index("ix_invoice_appointment", "clinic_id", "appointment_id"),
        Index("ix_invoice_reference", "clinic_id", "reference"),
    )


class InvoiceLine(Event, Base):
    """One charge. Net = quantity x unit price - discount - subsidy; ``tax_cents`` on top, or inside when included.

    ``net_cents`` never holds the tax; net + tax is what the client owes for the line. A correction is a reversing
    line with the amounts negated.
    """

    invoice_id: Mapped[str] = id_column()
    day: Mapped[date]
    """Service date in the clinic's zone: accrual revenue counts here."""
    patient_id: Mapped[str | None] = id_column(nullable=True)
    service_id: Mapped[str | None] = id_column(nullable=True)
    description: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int] = mapped_column(BigInteger, default=1000)
    """Thousandths."""
    unit_price_cents: Mapped[int] = mapped_column(BigInteger)
    discount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    discount_reason: Mapped[str] = mapped_column(String(200), default="")
    discount_code: Mapped[str] = mapped_column(String(80), default="")
    """The discount of the clinic's list it came from; empty for one typed by hand."""
    package_code: Mapped[str] = mapped_column(String(80), default="")
    package_id: Mapped[str | None] = id_column(nullable=True)
    """Shared by the lines of one package on a ticket; each carries its part of the package's price."""
    subsidy_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """The part a grant or voucher pays."""
    fund_id: Mapped[str | None] = id_column(nullable=True)
    net_cents: Mapped[int] = mapped_column(BigInteger)
    tax_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    tax_code: Mapped[str] = mapped_column(String(40), default="")
    tax_rate_millionths: Mapped[int] = mapped_column(BigInteger, default=0)
    tax_included: Mapped[bool] = mapped_column(default=False)
    provider_id: Mapped[str | None] = id_column(nullable=True)
    reverses_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("invoice_id", "invoice"),
        belongs("service_id", "service"),
        belongs("fund_id", "fund"),
        Index("ix_invoice_line_invoice", "clinic_id", "invoice_id"),
        Index("ix_invoice_line_day", "clinic_id", "day"),
    )


class InvoiceEvent(Event, Base):
    """The life of the document: drafted, opened, sent, voided, forgiven, reopened. Payment state is derived apart."""

    invoice_id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(String(12))
    amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    reason: Mapped[str] = mapped_column(String(300), default="")
    keys = (belongs("invoice_id", "invoice"), Index("ix_invoice_event_invoice", "clinic_id", "invoice_id"))


class Payment(Event, Base):
    """Money that moved. ``amount_cents`` is positive for a sale, negative for a refund or the void of a sale.

    Never a card number: last4, brand, authorization. ``reference`` is unique per clinic.
    """

    reference: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(8))
    """sale, refund, void."""
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    tender: Mapped[str] = mapped_column(String(20))
    """cash, check, card, echeck, copay, other …"""
    channel: Mapped[str] = mapped_column(String(20), default="other")
    """integrated, slip, terminal, payment_request, other."""
    last4: Mapped[str] = mapped_column(String(4), default="")
    brand: Mapped[str] = mapped_column(String(20), default="")
    authorization: Mapped[str] = mapped_column(String(20), default="")
    check_number: Mapped[str] = mapped_column(String(20), default="")
    client_id: Mapped[str | None] = id_column(nullable=True)
    location_id: Mapped[str | None] = id_column(nullable=True)
    invoice_reference: Mapped[str] = mapped_column(String(80), default="")
    reverses_id: Mapped[str | None] = id_column(nullable=True)
    deposit_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """How much of the amount was taken before the service it pays for: the sum of the allocations marked so."""
    processor: Mapped[str] = mapped_column(String(40), default="")
    form_sheet_id: Mapped[str | None] = id_column(nullable=True)
    tendered_cents: Mapped[int | None] = mapped_column(BigInteger)
    """Cash handed over; what exceeds the amount was given back as change."""
    day: Mapped[date]
    """Posted day in the clinic's zone."""
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("client_id", "client"),
        Index("ix_payment_day", "clinic_id", "day"),
        Index("ix_payment_client", "clinic_id", "client_id"),
        Index(
            "ix_payment_reference",
            "clinic_id",
            "reference",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )


class PaymentAllocation(Event, Base):
    """How much of a payment pays which invoice."""

    payment_id: Mapped[str] = id_column()
    invoice_id: Mapped[str] = id_column()
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    deposit: Mapped[bool] = mapped_column(default=False)
    """Taken before the service it pays for; a refund or void of it carries the same mark."""
    keys = (
        belongs("payment_id", "payment"),
        belongs("invoice_id", "invoice"),
        Index("ix_payment_allocation_payment", "clinic_id", "payment_id"),
        Index("ix_payment_allocation_invoice", "clinic_id", "invoice_id"),
    )
