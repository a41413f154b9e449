"""What a client sees in the portal, and paying. Every id that comes in is looked up among the client's own invoices."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from sqlalchemy import select

from billing import history, ledger, receipt, statement, tickets
from billing.client_billing import client_billing
from billing.history import InvoiceSummary
from billing.open_links import standing_requests
from billing.payments import NothingDue
from billing.portal.door import Visitor, own_ids
from billing.processors import orders
from billing.processors.credentials import can_be_asked
from billing.processors.settings import online_for, processors
from billing.receipt import Printed
from billing.requests import return_address, standing_request
from billing.tickets import Ticket
from data.errors import NotFound, Refusal
from data.models import Client, Invoice, Location, PaymentRequest
from data.session import ClinicSession, read
from data.types import is_id
from records.standing import Standing
from security.profile import profile
from security.rules import act

HIDDEN = ("void", "draft")


@dataclass(frozen=True)
class Account:
    """A client's page: the open invoices first, each part the newest first."""

    name: str
    open: list[InvoiceSummary]
    settled: list[InvoiceSummary]
    open_cents: int
    patients: dict[str, str]
    """By invoice, where it belongs to a visit."""


@dataclass(frozen=True)
class Asked:
    """An amount that can be paid now; ``request_id`` is empty where nobody asked and the balance is offered."""

    request_id: str
    amount_cents: int


@dataclass(frozen=True)
class Shown:
    """One invoice as its client sees it."""

    ticket: Ticket
    asked: list[Asked]


@dataclass(frozen=True)
class Contact:
    """Whom a client turns to: what stands below every page."""

    clinic: str
    phone: str
    email: str
    words: str


def contact(clinic_id: str, name: str) -> Contact:
    """The clinic as its clients know it."""
    with read(clinic_id) as session:
        about = profile(session)
        return Contact(about.legal_name or name, about.phone, about.email, client_billing(session).words)


def account(visitor: Visitor) -> Account:
    """The client's invoices, but for void ones and tickets that are still being made; one of these shows where its
    payment was asked for."""
    every = history.of_client(visitor.client_id, by=visitor.actor)
    with read(visitor.clinic_id) as session:
        patients = history.patients_of(session, every.invoices)
        client = session.get_one(Client, (visitor.clinic_id, visitor.client_id))
        name = f"{client.first_name} {client.last_name}".strip()
        asked = set(
            session.scalars(
                select(PaymentRequest.invoice_id).where(
                    PaymentRequest.invoice_id.in_([one.id for one in every.invoices if one.state == "draft"]),
                    PaymentRequest.state.in_(("open", "live")),
                )
            )
        )
    shown = [one for one in every.invoices if one.state not in HIDDEN or one.id in asked]
    still_open = [one for one in shown if one.open_cents or one.id in asked]
    settled = [one for one in shown if one not in still_open]
    return Account(name, still_open, settled, sum(one.open_cents for one in still_open), patients)


def invoice(visitor: Visitor, invoice_id: str) -> Shown:
    """One invoice of this client, with what can be paid on it now. Raises NotFound."""
    with read(visitor.clinic_id) as session:
        row, stands = _own(session, visitor, invoice_id)
        asked = _asked(session, row, stands)
    return Shown(tickets.ticket(row.id, by=visitor.actor), asked)


def request_state(visitor: Visitor, invoice_id: str, request_id: str) -> tuple[str, int] | None:
    """The state and amount of a request on this client's invoice; None for any other. Raises NotFound."""
    with read(visitor.clinic_id) as session:
        row, _ = _own(session, visitor, invoice_id)
        request = session.held(PaymentRequest, request_id) if is_id(request_id) else None
        return (request.state, request.amount_cents) if request and request.invoice_id == row.id else None


def begin_payment(visitor: Visitor, invoice_id: str, request_id: str = "") -> str:
    """The request this client is going to pay: the one named, else one over what is open; returns its id.

    Raises NotFound, NothingDue.
    """
    by = visitor.actor
    with act(by, "billing.checkout") as work:
        work.session.head()
        row, stands = _own(work.session, visitor, invoice_id)
        asked = _asked(work.session, row, stands)
        if not asked:
            raise NothingDue()
        chosen = next((one for one in asked if one.request_id == request_id), asked[0])
        found = chosen.request_id or standing_request(work, row, chosen.amount_cents).id
        work.audit("portal.paying", "payment_request", found, invoice=row.id, amount_cents=chosen.amount_cents)
        return found


def pay(visitor: Visitor, invoice_id: str, request_id: str, site: str) -> str:
    """The address of the processor's page on which this client pays. Raises NotFound, NothingDue, NoProcessor and what
    a processor can refuse."""
    found = begin_payment(visitor, invoice_id, request_id)
    with read(visitor.clinic_id) as session:
        back = return_address(session, found, site)
    return orders.ask_checkout(found, by=visitor.actor, return_url=back, cancel_url=back.partition("?")[0])


def look_up(visitor: Visitor, request_id: str) -> None:
    """Ask the processor what became of a payment; where it does not answer, the message it sends will tell."""
    with contextlib.suppress(Refusal):
        orders.look_up(request_id, by=visitor.actor)


def takes_payments(visitor: Visitor, invoice_id: str) -> bool:
    """Whether a processor of the clinic takes payments online for this invoice, and can be asked. Raises NotFound."""
    with read(visitor.clinic_id) as session:
        row, _ = _own(session, visitor, invoice_id)
        place = session.held(Location, row.location_id) if row.location_id else None
        slug = online_for(session, place.name if place else None)
        return slug is not None and can_be_asked(session, slug, processors(session)[slug].type)


def receipt_of(visitor: Visitor, invoice_id: str) -> Printed:
    """The invoice or receipt as a PDF. Raises NotFound, NotPrinted."""
    with read(visitor.clinic_id) as session:
        row, _ = _own(session, visitor, invoice_id)
    return receipt.receipt(row.id, by=visitor.actor)


def statement_of(visitor: Visitor) -> Printed:
    """What is open, as a PDF. Raises NotPrinted."""
    return statement.statement(visitor.client_id, by=visitor.actor)


def _asked(session: ClinicSession, row: Invoice, stands: Standing) -> list[Asked]:
    """What can be paid: each request that still fits, else the balance of an issued invoice."""
    if not stands.is_live or not stands.balance:
        return []
    standing = [one for one in standing_requests(session, row.id) if one.amount_cents <= stands.balance]
    if standing:
        return [Asked(one.id, one.amount_cents) for one in standing]
    return [Asked("", stands.balance)] if stands.document == "open" else []


def _own(session: ClinicSession, visitor: Visitor, invoice_id: str) -> tuple[Invoice, Standing]:
    """The invoice, if it is this client's and may be seen. Raises NotFound for every other alike."""
    row = session.held(Invoice, invoice_id) if is_id(invoice_id) else None
    if row is None or row.client_id not in own_ids(session, visitor):
        raise NotFound(what="invoice", name="with this address")
    stands = ledger.standing_of(session, row.id)
    if stands.document == "void" or (
        stands.document == "draft" and not stands.received and not standing_requests(session, row.id)
    ):
        raise NotFound(what="invoice", name="with this address")
    return row, stands
