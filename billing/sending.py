"""An invoice made from the client's profile, and telling the client that there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from billing import ledger
from billing.amounts import MOST_CENTS
from billing.client_billing import check_may_bill, check_on, client_billing, may_bill
from billing.pricing import amounts_of
from billing.requests import tell_client
from billing.settings import TAX
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, Refusal
from data.models import Invoice, InvoiceEvent, InvoiceLine
from data.types import clock
from records.access import client_for
from security.actor import Actor
from security.rules import Work, act, look


class NothingCharged(Refusal):
    """Nothing is charged on this invoice yet, so there is nothing to send. Add what is owed first."""


class StillTicket(Refusal):
    """This ticket is still being made at the counter. Complete the checkout first, or send a payment request."""


class BeforeDue(BadInput):
    """An invoice cannot be due before today. Choose today or a later day."""


def may_send(*, by: Actor) -> bool:
    """Whether client billing is on and this person may create and send invoices. Raises NotPermitted."""
    with look(by, "billing.view") as session:
        return client_billing(session).enabled and may_bill(session, by)


@dataclass(frozen=True)
class Choices:
    """What the form of a new invoice offers: names of taxes by code, and in how many days it is due."""

    taxes: dict[str, str]
    due_days: int


def choices(*, by: Actor) -> Choices:
    """What the form of a new invoice offers. Raises NotPermitted."""
    with look(by, "billing.view") as session:
        taxes = {code: tax.label for code, tax in definitions.load_all(session, TAX).items()}
        return Choices(taxes, client_billing(session).due_days)


def create_invoice(
    client_id: str,
    description: str,
    amount_cents: int,
    *,
    tax_code: str = "",
    due_on: date | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """A draft of one line for a client: what it is for, in words the client reads, and the amount; returns its id.

    With a tax of the clinic the amount is net of it, or holds it where prices include it. Not due before today; without
    a day, so many days from today as the service says. Raises ServiceOff, NotPermitted, NotFound, RestrictedRecord,
    CardNumberTyped, BeforeDue, BadInput.
    """
    with act(by, "billing.view", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        check_may_bill(session, by)
        service = check_on(session)
        words = " ".join(description.split())
        refuse_card_numbers({"The description": words})
        if not words or len(words) > 300:
            raise BadInput(problem="Say what the invoice is for, in at most 300 characters. The client reads it.")
        if not 0 < amount_cents <= MOST_CENTS:
            raise BadInput(problem="Enter the amount of the invoice: more than zero.")
        client = client_for(session, client_id, by)
        today = ledger.today(session)
        due = due_on or today + timedelta(days=service.due_days)
        if due < today:
            raise BeforeDue()
        invoice = Invoice(
            number=ledger.next_invoice_number(session), client_id=client.id, description=words, issued_on=today,
            due_on=due, currency=ledger.clinic_row(session).currency,
        )  # fmt: skip
        session.add(invoice)
        session.flush()
        ledger.add_event(work, invoice.id, "drafted")
        rate = ledger.tax_rate(session, tax_code)
        amounts = amounts_of(amount_cents, rate)  # one line: per line and per invoice are the same
        session.add(
            InvoiceLine(
                invoice_id=invoice.id, day=today, description=words, unit_price_cents=amount_cents,
                net_cents=amounts.net_cents, tax_cents=amounts.tax_cents, tax_code=rate.code,
                tax_rate_millionths=rate.rate_millionths, tax_included=rate.included, provider_id=by.user_id,
                event_at=clock.now(), by_user_id=by.user_id,
            )
        )  # fmt: skip
        session.flush()
        work.audit("invoice.created", "invoice", invoice.id, number=invoice.number, amount_cents=amount_cents)
        work.result = invoice.id
        return invoice.id


def send_invoice(invoice_id: str, *, site: str = "", by: Actor, key: str | None = None) -> None:
    """Issue an invoice and tell the client by mail that there is one; again for one that was sent before.

    The mail names neither amount nor what for. Raises ServiceOff, NoPortalAddress, NoAddress, NothingCharged,
    StillTicket, InvoiceClosed, FundEmpty, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "billing.view", key=key) as work:
        if work.repeated:
            return
        check_may_bill(work.session, by)
        check_on(work.session)
        invoice = _issued(work, invoice_id)
        before = select(func.count()).select_from(InvoiceEvent)
        before = before.where(InvoiceEvent.invoice_id == invoice.id, InvoiceEvent.kind == "sent")
        count = work.session.scalar(before) or 0
        tell_client(work, invoice, f"invoice-{invoice.id}-{count + 1}", site)
        ledger.add_event(work, invoice.id, "sent")
        work.audit("invoice.sent", "invoice", invoice.id, number=invoice.number, times=count + 1)


def issue_invoice(invoice_id: str, *, by: Actor, key: str | None = None) -> None:
    """Issue an invoice without a mail: it is printed and handed over. Raises as ``send_invoice``, but for the mail."""
    with act(by, "billing.view", key=key) as work:
        if work.repeated:
            return
        check_may_bill(work.session, by)
        invoice = _issued(work, invoice_id)
        work.audit("invoice.issued", "invoice", invoice.id, number=invoice.number)


def _issued(work: Work, invoice_id: str) -> Invoice:
    """The live invoice, no draft any more."""
    invoice, stands = ledger.live_invoice(work, invoice_id)
    if not stands.total:
        raise NothingCharged()
    if stands.document == "draft" and invoice.appointment_id:
        raise StillTicket()
    ledger.open_document(work, invoice, stands=stands)
    return invoice
