"""Links on which a client may still pay: they die with the money that arrives another way."""

from __future__ import annotations

from sqlalchemy import select

from billing import ledger
from data.models import PaymentRequest, ProcessorOrder
from data.session import ClinicSession
from data.types import clock
from security.rules import Work

STANDING = ("open", "live")


def standing_requests(session: ClinicSession, invoice_id: str) -> list[PaymentRequest]:
    """The requests of an invoice that can still be paid, the oldest first."""
    session.flush()
    return list(
        session.scalars(
            select(PaymentRequest)
            .where(PaymentRequest.invoice_id == invoice_id, PaymentRequest.state.in_(STANDING))
            .order_by(PaymentRequest.entered_at, PaymentRequest.id)
        )
    )


def end_requests(work: Work, invoice_id: str, because: str, *, spare: str = "") -> int:
    """End the requests that ask for more than is still open on an invoice; returns how many. ``spare`` is the one that
    is being paid. Every rule that takes money or lets go of a debt calls it, in its own transaction.

    Of several that stand the oldest keep standing as far as the balance goes.
    """
    stands = ledger.standing_of(work.session, invoice_id)
    left, ended = (stands.balance if stands.is_live else 0), 0
    for request in standing_requests(work.session, invoice_id):
        if request.id == spare:
            continue
        if request.amount_cents <= left:
            left -= request.amount_cents
            continue
        end_request(work, request, "withdrawn", because)
        ended += 1
    return ended


def end_request(work: Work, request: PaymentRequest, state: str, because: str) -> None:
    """End one request. A hosted page that exists is expired by the worker: the order for that is written down here, in
    the same transaction, so that no crash leaves a page alive that nobody knows of."""
    was_live = request.state == "live" and request.external_id
    request.state, request.ended_because, request.ended_at = state, because[:200], clock.now()
    if was_live and state == "withdrawn":
        order_key = f"expire-{request.id}"
        known = select(ProcessorOrder.id).where(
            ProcessorOrder.processor == request.processor, ProcessorOrder.order_key == order_key
        )
        if work.session.scalar(known) is None:
            work.session.add(
                ProcessorOrder(
                    processor=request.processor, kind="expire", order_key=order_key, currency=request.currency,
                    invoice_id=request.invoice_id, payment_request_id=request.id, external_id=request.external_id,
                    due_at=clock.now(), by_user_id=work.by.user_id,
                )
            )  # fmt: skip
    work.session.flush()
    work.audit("request.ended", "payment_request", request.id, invoice=request.invoice_id, state=state, reason=because)
