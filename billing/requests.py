"""Payment requests: an amount of an invoice that a client is asked to pay on the processor's own page.

A request stands (``open``: asked for; ``live``: the processor has a page for it) until it is paid, withdrawn, expired,
or the money arrives another way (``billing/open_links.py``). The client finds it in the portal; the mail that tells of
it names neither the amount nor what it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from billing import ledger
from billing.amounts import decimal_text
from billing.client_billing import check_on, portal_address
from billing.open_links import STANDING, end_request, end_requests, standing_requests
from billing.payments import NothingDue, Tender, TooMuch, checked_reason, receive_payment
from data.errors import BadInput, NotFound, Refusal
from data.models import CardSlip, Client, Clinic, Invoice, Payment, PaymentRequest, User
from data.session import ClinicSession
from data.types import clock, is_id
from messages.outbox import queue
from records.access import client_for
from security.actor import Actor
from security.profile import profile
from security.rules import Work, act, look, together

__all__ = [
    "STANDING", "NoAddress", "Request", "RequestOver", "address_for", "end_requests", "paid", "request_payment",
    "requests_of", "return_address", "standing_request", "tell_client", "withdraw",
]  # fmt: skip

STATES = {
    "open": "Sent", "live": "Being paid", "paid": "Paid", "expired": "Expired", "withdrawn": "Withdrawn",
    "failed": "Failed",
}  # fmt: skip


class NoAddress(Refusal):
    """{client} has no e-mail address, so nothing can be sent. Print the invoice instead, or add the address to the
    client first."""


class RequestOver(Refusal):
    """This payment request is {state} already. Look at the invoice again."""


@dataclass(frozen=True)
class Request:
    """One request of an invoice."""

    id: str
    amount_cents: int
    state: str
    label: str
    because: str
    sent_at: datetime | None
    ended_at: datetime | None
    by: str
    slip_id: str | None
    reference: str
    """Of the payment that came of it."""

    @property
    def stands(self) -> bool:
        """Whether it can still be paid."""
        return self.state in STANDING


def address_for(invoice_id: str, *, by: Actor) -> str:
    """Where a mail about an invoice goes, to be shown before it does. Raises NoAddress, NotFound, RestrictedRecord,
    NotPermitted."""
    with look(by, "billing.view") as session:
        invoice = session.held(Invoice, invoice_id) if is_id(invoice_id) else None
        if invoice is None:
            raise NotFound(what="invoice", name="with this address")
        client = client_for(session, invoice.client_id, by)
        if not client.email:
            raise NoAddress(client=_name(client))
        return client.email


def request_payment(
    invoice_id: str,
    amount_cents: int | None = None,
    *,
    slip_id: str | None = None,
    site: str = "",
    by: Actor,
    key: str | None = None,
) -> str:
    """Ask the client by mail to pay what is open on an invoice, or a part of it; returns the request's id.

    The same request asked for again is mailed again and stays one. Another amount takes the place of the one that
    stands, except that of a card slip, which has a request of its own (``slip_id``). ``site`` as in
    ``client_billing.portal_address``. Raises ServiceOff, NoPortalAddress, NoAddress, NothingDue, TooMuch,
    InvoiceClosed, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        check_on(session)
        invoice, stands = ledger.live_invoice(work, invoice_id)
        cents = stands.balance if amount_cents is None else amount_cents
        if not stands.balance:
            raise NothingDue()
        if cents <= 0:
            raise BadInput(problem="Enter the amount to be asked for: more than zero.")
        if cents > stands.balance:
            raise TooMuch(
                amount=decimal_text(cents, currency=invoice.currency),
                balance=decimal_text(stands.balance, currency=invoice.currency),
            )
        request = standing_request(work, invoice, cents, slip_id)
        tell_client(work, invoice, f"request-{request.id}-{request.version}", site)
        request.sent_at = clock.now()
        work.audit("request.sent", "payment_request", request.id, invoice=invoice.id, amount_cents=cents, slip=slip_id)
        work.result = request.id
        return request.id


def standing_request(work: Work, invoice: Invoice, cents: int, slip_id: str | None = None) -> PaymentRequest:
    """The request of this amount that stands on an invoice, made where there is none; one of another amount ends."""
    for known in standing_requests(work.session, invoice.id):
        if known.card_slip_id != slip_id:
            continue
        if known.amount_cents == cents:
            return known
        end_request(work, known, "withdrawn", "another amount was asked for")
    request = PaymentRequest(
        invoice_id=invoice.id, client_id=client_for(work.session, invoice.client_id, work.by).id, amount_cents=cents,
        currency=invoice.currency, card_slip_id=slip_id, by_user_id=work.by.user_id,
    )  # fmt: skip
    work.session.add(request)
    work.session.flush()
    return request


def tell_client(work: Work, invoice: Invoice, dedupe_key: str, site: str) -> None:
    """Mail the client that there is an invoice: neither what for nor how much, and nobody's name. Raises NoAddress,
    NoPortalAddress, RestrictedRecord."""
    session = work.session
    client = client_for(session, invoice.client_id, work.by)
    where = portal_address(session, site)
    if not client.email:
        raise NoAddress(client=_name(client))
    clinic = session.get_one(Clinic, session.clinic_id).name
    queue(
        session, purpose="alert", dedupe_key=dedupe_key[:160], recipient=client.email,
        subject="There is an invoice for you",
        text=f"Hello,\n\nThere is an invoice for you at {clinic}. Sign in with this e-mail address to see it:\n\n"
        f"{where}\n\nYou get a code by mail; there is no password. If you did not expect this, call the clinic.\n",
        reply_to=profile(session).email,
    )  # fmt: skip


def withdraw(request_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Take a request back: its link dies. Raises RequestOver, ReasonMissing, NotFound, RestrictedRecord,
    NotPermitted."""
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        reason = checked_reason(reason)[:200]
        request = _request(work.session, request_id)
        ledger.locked_invoice(work, request.invoice_id)
        if request.state not in STANDING:
            raise RequestOver(state=STATES[request.state].lower())
        end_request(work, request, "withdrawn", reason)


def paid(
    request_id: str,
    amount_cents: int,
    *,
    last4: str = "",
    brand: str = "",
    authorization: str = "",
    tender: str = "card",
    processor: str = "",
    event_at: datetime | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """The processor took the money of a request: record the payment; returns its id. A request that is paid already
    answers with the payment it has. Money that arrives on a request that was ended is recorded all the same: what
    exceeds the balance shows as overpaid, to be given back.

    Raises NotPermitted, NotFound, CardNumberTyped, DetailMissing.
    """
    with together(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        request = _request(work.session, request_id)
        work.session.head()
        if request.payment_id:
            work.result = request.payment_id
            return request.payment_id
        before = request.state
        request.state, request.ended_at = "paid", clock.now()
        if before in STANDING:
            request.ended_because = ""
        work.session.flush()
        kind = Tender(tender, last4, brand, authorization, channel="payment_request", processor=processor)
        taken = receive_payment(request.invoice_id, amount_cents, kind, event_at=event_at, by=by)
        request.payment_id = taken.payment_id
        _mark_slip(work.session, request)
        work.audit(
            "request.paid", "payment_request", request.id, payment=taken.payment_id, amount_cents=amount_cents,
            was=before,
        )  # fmt: skip
        work.result = taken.payment_id
        return taken.payment_id


def requests_of(invoice_id: str, *, by: Actor) -> list[Request]:
    """The requests of an invoice, the newest first. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "billing.view") as session:
        ledger.invoice_row(session, invoice_id, by)
        rows = session.execute(
            select(PaymentRequest, User.name, Payment.reference)
            .outerjoin(User, (User.clinic_id == PaymentRequest.clinic_id) & (User.id == PaymentRequest.by_user_id))
            .outerjoin(
                Payment, (Payment.clinic_id == PaymentRequest.clinic_id) & (Payment.id == PaymentRequest.payment_id)
            )
            .where(PaymentRequest.invoice_id == invoice_id)
            .order_by(PaymentRequest.entered_at.desc(), PaymentRequest.id.desc())
        )
        return [
            Request(
                row.id, row.amount_cents, row.state, STATES[row.state], row.ended_because, row.sent_at, row.ended_at,
                name or "", row.card_slip_id, reference or "",
            )
            for row, name, reference in rows
        ]  # fmt: skip


def _mark_slip(session: ClinicSession, request: PaymentRequest) -> None:
    """The slip of an outage that was asked for is paid by this, unless it was charged another way before."""
    slip = session.held(CardSlip, request.card_slip_id, fresh=True) if request.card_slip_id else None
    if slip is None:
        return
    voided = select(Payment.id).where(Payment.reverses_id == slip.payment_id, Payment.kind == "void")
    if slip.payment_id is None or session.scalar(voided) is not None:
        slip.payment_id, slip.claimed_at, slip.claimed_by_id = request.payment_id, None, None


def return_address(session: ClinicSession, request_id: str, site: str = "") -> str:
    """Where a processor sends a client back to after its page: what is known of the payment stands there. Raises
    NotFound, NoPortalAddress."""
    request = _request(session, request_id)
    return f"{portal_address(session, site)}/invoices/{request.invoice_id}?back={request.id}"


def _request(session: ClinicSession, request_id: str) -> PaymentRequest:
    found = session.held(PaymentRequest, request_id) if is_id(request_id) else None
    if found is None:
        raise NotFound(what="payment request", name="like this")
    return found


def _name(client: Client) -> str:
    return f"{client.first_name} {client.last_name}".strip()
