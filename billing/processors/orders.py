"""What processors are asked to do: pay pages, their end, refunds.

An order is written and committed before the processor is asked (``intended``, then ``sent``), and ended in the same
transaction as what comes of it in the ledger. One that got no answer is ``uncertain``: the worker asks what became of
it, and asks again under the same key where nothing did. So no crash and no cut line loses or doubles a cent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from billing import ledger, returns
from billing.amounts import decimal_text
from billing.open_links import end_request
from billing.payments import NothingDue, TooMuchBack, checked_reason, left_of
from billing.processors import posting
from billing.processors.base import (
    Ask,
    Back,
    Hosted,
    Placed,
    Processor,
    ProcessorRefused,
    ProcessorSilent,
    ProcessorUnready,
    Returned,
    Sale,
)
from billing.processors.known import adapter_for, settings_of
from billing.processors.settings import ONLINE, online_for
from billing.requests import return_address
from billing.returns import Back as Handed
from data.errors import BadInput, NotFound, Refusal
from data.models import (
    Invoice,
    Location,
    Payment,
    PaymentMatchPart,
    PaymentRequest,
    ProcessorOrder,
    SettledTransaction,
)
from data.session import ClinicSession
from data.types import clock, is_id
from security.actor import Actor
from security.rules import Work, act, look, together

PAGE_LIFE = timedelta(hours=1)
PAGE_WITHIN = timedelta(minutes=20)
"""A page of which no answer came for so long is given up: nobody was ever shown it."""
ANSWER_WITHIN = timedelta(seconds=90)
"""An order that was sent is left to whoever sent it for this long."""
AGAIN = (1, 2, 5, 15, 60, 180)
"""Minutes until an order without an answer is looked at again, by how often it was."""
LOOK_AGAIN = timedelta(minutes=3)
LATE_MONEY = timedelta(minutes=20)
"""A page that cannot be closed is looked at until this long after it lapsed."""
ENDED = ("done", "declined", "failed")


class RequestEnded(Refusal):
    """This payment request is {state}{why}. Ask for a new one if something is still to be paid."""


class PaidMeanwhile(Refusal):
    """The client paid {amount} on the processor's page a moment ago. The payment is on the invoice now: look at it
    before you take money another way."""


class BeingPrepared(Refusal):
    """The pay page is being made. Try again in a few seconds."""


class NotByProcessor(BadInput):
    """This payment did not come through a processor that can give it back from here. Give it back at the terminal or
    in its virtual terminal, and record the refund."""


class NoProcessor(BadInput):
    """No processor takes payments online for this location yet. An administrator adds one in Settings > Processors."""


class RefundDeclined(Refusal):
    """{label} did not give the money back: {answer} Nothing was changed."""


@dataclass(frozen=True)
class Ordered:
    """Where a refund stands: done, or waiting until the processor takes it (``waits`` says why)."""

    order_id: str
    state: str
    payment_id: str | None
    waits: str = ""


def ask_checkout(
    request_id: str, *, by: Actor, return_url: str = "", cancel_url: str = "", notice_url: str = ""
) -> str:
    """The address of the processor's page for a payment request; the same one while it is good.

    Raises RequestEnded, NothingDue, NoProcessor, ProcessorUnready, ProcessorSilent, ProcessorRefused, BeingPrepared,
    NotFound, NotPermitted.
    """
    _look_at_lapsed(request_id, by)
    waited = time.monotonic() + 8
    while True:
        begun = _begin_checkout(request_id, {"return": return_url, "cancel": cancel_url, "notice": notice_url}, by)
        if isinstance(begun, str):
            return begun
        if begun is not None:
            break
        if time.monotonic() > waited:
            raise BeingPrepared()
        time.sleep(0.25)
    order_id = begun[0]
    carry_out(order_id, clinic_id=by.clinic_id)
    with look(by, "billing.checkout") as session:
        request = _request(session, request_id)
        if request.state == "live" and request.url:
            return request.url
        order = session.get_one(ProcessorOrder, (session.clinic_id, order_id))
        label = settings_of(session, order.processor).label
        if request.state not in ("open", "live"):
            raise _ended(request)
        if order.state in ("declined", "failed"):
            raise ProcessorRefused(label=label, answer=order.answer)
        raise ProcessorSilent(label=label)


def _look_at_lapsed(request_id: str, by: Actor) -> None:
    """Before another page is made: a page that lapsed may have been paid in its last minute."""
    with look(by, "billing.checkout") as session:
        request = _request(session, request_id)
        lapsed = request.state == "live" and request.expires_at is not None and request.expires_at <= clock.now()
    if lapsed:
        look_up(request_id, by=by)


def _begin_checkout(request_id: str, urls: dict[str, str], by: Actor) -> str | tuple[str] | None:
    """The address where there is a good page, else the order that makes one; None while somebody else is making it."""
    with act(by, "billing.checkout") as work:
        session = work.session
        session.head()
        request = _request(session, request_id)
        now = clock.now()
        if request.state == "live" and request.url and (request.expires_at is None or request.expires_at > now):
            return request.url
        if request.state not in ("open", "live"):
            raise _ended(request)
        stands = ledger.standing_of(session, request.invoice_id)
        if stands.document not in ("forgiven",) and (not stands.is_live or stands.balance < request.amount_cents):
            raise NothingDue()
        waiting = _orders(session, request_id, "checkout", ("intended", "sent", "uncertain"))
        if waiting:
            order = waiting[0]
            if order.state == "sent" and order.due_at is not None and order.due_at > now:
                return None
            order.due_at = now
            work.audit("checkout.asked", "payment_request", request.id, processor=order.processor, again=True)
            return (order.id,)
        slug = request.processor or _online(session, request)
        adapter_for(session, slug)
        back = urls["return"] or return_address(session, request.id)
        urls = urls | {"return": back, "cancel": urls["cancel"] or back}
        order = ProcessorOrder(
            processor=slug, kind="checkout", order_key=posting.new_key(), state="intended",
            amount_cents=request.amount_cents, currency=request.currency, invoice_id=request.invoice_id,
            payment_request_id=request.id, due_at=now, by_user_id=by.user_id,
            facts={"expires_at": (now + PAGE_LIFE).isoformat(), **urls},
        )  # fmt: skip
        session.add(order)
        request.processor = slug
        work.audit("checkout.asked", "payment_request", request.id, processor=slug, amount_cents=order.amount_cents)
        return (order.id,)


def _online(session: ClinicSession, request: PaymentRequest) -> str:
    invoice = session.get_one(Invoice, (session.clinic_id, request.invoice_id))
    place = session.held(Location, invoice.location_id) if invoice.location_id else None
    slug = online_for(session, place.name if place else None)
    if slug is None:
        raise NoProcessor()
    return slug


def withdraw_request(request_id: str, because: str, *, by: Actor, key: str | None = None) -> None:
    """End a payment request; its pay page is closed at the processor first.

    Raises PaidMeanwhile (the payment is on the invoice then), ProcessorSilent (it is withdrawn as soon as the
    processor answers), RequestEnded, NotFound, NotPermitted.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        work.session.head()
        request = _request(work.session, request_id)
        if request.state == "paid":
            raise PaidMeanwhile(amount=decimal_text(request.amount_cents, currency=request.currency))
        if request.state not in ("open", "live"):
            raise _ended(request)
        order = _end_order(work, request, because)
        if order is None:
            end_request(work, request, "withdrawn", because)
        work.result = order.id if order else None
        order_id = work.result
    if order_id is None:
        return
    carry_out(order_id, clinic_id=by.clinic_id)
    with look(by, "billing.checkout") as session:
        request = _request(session, request_id)
        if request.state == "paid":
            raise PaidMeanwhile(amount=decimal_text(request.amount_cents, currency=request.currency))
        if request.state == "live":
            raise ProcessorSilent(label=settings_of(session, request.processor).label)


def _end_order(work: Work, request: PaymentRequest, because: str) -> ProcessorOrder | None:
    """The order to close the pay page of a request that was asked for one; None where there is no page."""
    session = work.session
    if not _orders(session, request.id, "checkout", ("sent", "uncertain", "done")):
        return None
    waiting = _orders(session, request.id, "expire", ("intended", "sent", "uncertain"))
    if waiting:
        work.audit("checkout.end_asked", "payment_request", request.id, again=True)
        return waiting[0]
    order = ProcessorOrder(
        processor=request.processor, kind="expire", order_key=posting.new_key(), state="intended",
        amount_cents=request.amount_cents, currency=request.currency, invoice_id=request.invoice_id,
        payment_request_id=request.id, due_at=clock.now(), by_user_id=work.by.user_id,
        facts={"because": because[:200]},
    )  # fmt: skip
    session.add(order)
    session.flush()
    work.audit("checkout.end_asked", "payment_request", request.id, reason=because[:200])
    return order


def refund_at_processor(payment_id: str, cents: int, reason: str, *, by: Actor, key: str | None = None) -> Ordered:
    """Give money back to the card it came from, the whole payment or a part.

    Raises NotByProcessor, TooMuchBack, RefundDeclined, ProcessorSilent (it is finished by itself), ReasonMissing,
    NotFound, NotPermitted.
    """
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            order_id = str(work.result)
        else:
            reason = checked_reason(reason)
            session = work.session
            session.head()
            sale = session.held(Payment, payment_id) if is_id(payment_id) else None
            if sale is None or sale.kind != "sale":
                raise NotFound(what="payment", name="like this")
            slug, _ = _charge_of(session, sale)
            left = sale.amount_cents - posting.given_back(session, sale.id) - _on_its_way(session, sale.id)
            if not 0 < cents <= left:
                raise TooMuchBack(
                    paid=decimal_text(max(left, 0), currency=sale.currency),
                    amount=decimal_text(cents, currency=sale.currency),
                )
            adapter_for(session, slug)
            order = posting.order_back(
                session, sale.id, slug, cents, sale.currency, reason=reason, by_user_id=by.user_id
            )
            work.audit("refund.ordered", "payment", sale.id, processor=slug, amount_cents=cents, reason=reason)
            order_id = work.result = order.id
    carry_out(order_id, clinic_id=by.clinic_id)
    with look(by, "billing.refund") as session:
        order = session.get_one(ProcessorOrder, (session.clinic_id, order_id))
        label = settings_of(session, order.processor).label
        if order.state in ("declined", "failed"):
            raise RefundDeclined(label=label, answer=order.answer)
        if order.state in ("sent", "uncertain"):
            raise ProcessorSilent(label=label)
        return Ordered(order.id, order.state, order.made_payment_id, order.answer if order.state != "done" else "")


def give_back(
    invoice_id: str,
    backs: Sequence[Handed],
    at_processor: Sequence[tuple[str, int]],
    reason: str,
    *,
    line_ids: Sequence[str] = (),
    by: Actor,
    key: str | None = None,
) -> list[Ordered]:
    """Give money of an invoice back in one act: lines taken off, what is handed back here, and (payment, cents) that
    go back at the processor they came through. All of it is written down at once, then the processors are asked; what
    gets no answer is finished by itself.

    Returns where each order stands: one that is ``declined`` says why, and its money stays on the invoice. Raises
    NotByProcessor, TooMuchBack, ReasonMissing, DetailMissing, LineChanged, InvoiceClosed, NotFound, BadInput,
    NotPermitted.
    """
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            order_ids = [str(one) for one in work.result]
        else:
            if not backs and not at_processor and not line_ids:
                raise BadInput(problem="Say how much is given back, and by which payment.")
            reason = checked_reason(reason)
            returns.give_back_in(work, invoice_id, backs, reason, line_ids)
            order_ids = work.result = [
                _order_part(work, invoice_id, payment_id, cents, reason) for payment_id, cents in at_processor
            ]
    for order_id in order_ids:
        carry_out(order_id, clinic_id=by.clinic_id)
    with look(by, "billing.refund") as session:
        rows = [session.get_one(ProcessorOrder, (session.clinic_id, order_id)) for order_id in order_ids]
        return [
            Ordered(row.id, row.state, row.made_payment_id, "" if row.state == "done" else _says(session, row))
            for row in rows
        ]


def _order_part(work: Work, invoice_id: str, payment_id: str, cents: int, reason: str) -> str:
    """Order back what a payment paid of an invoice, or a part of it; returns the order."""
    session = work.session
    left = left_of(session, payment_id, invoice_id)
    sale = session.get_one(Payment, (session.clinic_id, payment_id))
    if not 0 < cents <= left:
        raise TooMuchBack(
            paid=decimal_text(max(left, 0), currency=sale.currency), amount=decimal_text(cents, currency=sale.currency)
        )
    slug, _ = _charge_of(session, sale)
    adapter_for(session, slug)
    order = posting.order_back(
        session, sale.id, slug, cents, sale.currency, reason=reason, by_user_id=work.by.user_id, invoice_id=invoice_id
    )
    work.audit("refund.ordered", "payment", sale.id, processor=slug, amount_cents=cents, reason=reason)
    return order.id


def _says(session: ClinicSession, order: ProcessorOrder) -> str:
    """What an order that is not done waits for, or why it ended, as a sentence."""
    amount = decimal_text(order.amount_cents, currency=order.currency)
    try:
        label = settings_of(session, order.processor).label
    except NotFound:
        label = order.processor
    if order.state in ("declined", "failed"):
        return (
            f"{label} did not give {amount} back: {order.answer.rstrip('.')}. That money is still on the invoice; give "
            "it back another way."
        )
    if order.state == "intended" and order.answer:
        return f"{amount} goes back as soon as {label} takes it: {order.answer}"
    return f"{label} has not answered yet. {amount} goes back by itself as soon as it does; nothing is to be done."


def can_refund(payment_id: str, *, by: Actor) -> int:
    """How much of a payment can be given back through its processor, in cents; 0 where it did not come through one.

    Raises NotPermitted.
    """
    with look(by, "billing.refund") as session:
        sale = session.held(Payment, payment_id) if is_id(payment_id) else None
        if sale is None or sale.kind != "sale":
            return 0
        try:
            _charge_of(session, sale)
        except NotByProcessor:
            return 0
        return max(sale.amount_cents - posting.given_back(session, sale.id) - _on_its_way(session, sale.id), 0)


def look_up(request_id: str, *, by: Actor) -> str:
    """Ask the processor what became of a payment request's page and write it down; returns the request's state.

    Raises ProcessorSilent, ProcessorRefused, NotFound, NotPermitted.
    """
    with look(by, "billing.checkout") as session:
        request = _request(session, request_id)
        if request.state == "paid" or not request.processor:
            return request.state
        pages = _orders(session, request_id, "checkout", ("sent", "uncertain", "done"))
    for page in pages:
        look_at_page(page.id, clinic_id=by.clinic_id)
    with look(by, "billing.checkout") as session:
        return _request(session, request_id).state


# --- carrying out -----------------------------------------------------------------------------------------------


def carry_out(order_id: str, *, clinic_id: str) -> str:
    """Ask the processor for what an order says, unless somebody else is at it; returns the order's state then.

    Never raises for what the processor answers or does not: the order says it.
    """
    claimed = _claim(order_id, clinic_id)
    if claimed is None:
        with look(Actor.worker(clinic_id), None) as session:
            return session.get_one(ProcessorOrder, (session.clinic_id, order_id)).state
    order, adapter, was_sent = claimed
    try:
        answer = DO[order.kind](order, adapter, was_sent, clinic_id)
    except ProcessorSilent:
        return _unanswered(order_id, clinic_id)
    except ProcessorRefused as refusal:
        return _ended_as(order_id, "declined", str(refusal.facts.get("answer", "")), clinic_id)
    return answer


def _claim(order_id: str, clinic_id: str) -> tuple[ProcessorOrder, Processor, bool] | None:
    """Mark an order as sent, for this process alone; None where it has ended or somebody else just sent it."""
    with act(Actor.worker(clinic_id), None) as work:
        session = work.session
        session.head()
        order = session.held(ProcessorOrder, order_id, fresh=True)
        now = clock.now()
        if order is None or order.state in ENDED:
            return None
        if order.state == "sent" and order.due_at is not None and order.due_at > now:
            return None
        was_sent = order.state != "intended"
        try:
            adapter = adapter_for(session, order.processor)
        except (NotFound, ProcessorUnready) as failure:
            order.answer, order.attempts = failure.message[:300], order.attempts + 1
            order.due_at = now + timedelta(minutes=60)
            work.audit("processor.unready", "processor_order", order.id, processor=order.processor)
            return None
        order.state, order.attempts, order.due_at = "sent", order.attempts + 1, now + ANSWER_WITHIN
        work.audit("processor.asked", "processor_order", order.id, kind=order.kind, attempt=order.attempts)
        return order, adapter, was_sent


def _make_page(order: ProcessorOrder, adapter: Processor, was_sent: bool, clinic_id: str) -> str:
    """A pay page. One that was asked for before may have been paid already."""
    facts = order.facts
    if was_sent:
        sale = adapter.state_of(placed_of(order))
        if sale.state == "paid":
            return settle_event(order.id, sale, clinic_id=clinic_id)
        if clock.now() > order.entered_at + PAGE_WITHIN:
            return _ended_as(order.id, "failed", "no page was made in time", clinic_id)
    expires = datetime.fromisoformat(str(facts["expires_at"]))
    hosted = adapter.checkout(
        Ask(
            order.order_key, str(order.payment_request_id), order.amount_cents, order.currency, expires,
            str(facts.get("return", "")), str(facts.get("cancel", "")), str(facts.get("notice", "")),
        )
    )  # fmt: skip
    return _page_made(order.id, hosted, clinic_id)


def _page_made(order_id: str, hosted: Hosted, clinic_id: str) -> str:
    with act(Actor.worker(clinic_id), None) as work:
        session = work.session
        session.head()
        order = session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None
        if order.state in ENDED:
            return order.state
        request = _request(session, str(order.payment_request_id))
        order.external_id, order.answer = hosted.external_id[:120], ""
        order.facts = order.facts | {"expires_at": hosted.expires_at.isoformat(), "fields": dict(hosted.fields),
                                     "post_to": hosted.url if hosted.fields else ""}  # fmt: skip
        order.state, order.finished_at = "done", clock.now()
        order.due_at = hosted.expires_at + timedelta(minutes=2)
        if request.state in ("open", "live"):
            request.state, request.external_id = "live", order.external_id
            request.url = f"/pay/{request.id}" if hosted.fields else hosted.url
            request.expires_at = hosted.expires_at
        work.audit("checkout.made", "payment_request", request.id, processor=order.processor)
        return order.state


def _end_page(order: ProcessorOrder, adapter: Processor, was_sent: bool, clinic_id: str) -> str:  # noqa: ARG001
    """The end of a pay page: closed at the processor, or known to lapse by itself."""
    with look(Actor.worker(clinic_id), None) as session:
        pages = _orders(session, str(order.payment_request_id), "checkout", ("sent", "uncertain", "done"))
    if not pages:
        return _ended_as(order.id, "done", "there was no page", clinic_id)
    page = pages[0]
    sale = adapter.expire(placed_of(page)) if page.external_id else adapter.state_of(placed_of(page))
    if sale.state == "paid":
        settle_event(page.id, sale, clinic_id=clinic_id)
    with act(Actor.worker(clinic_id), None) as work:
        session = work.session
        session.head()
        mine = session.held(ProcessorOrder, order.id, fresh=True)
        request = _request(session, str(order.payment_request_id))
        assert mine is not None
        if mine.state in ENDED:
            return mine.state
        now = clock.now()
        if sale.state != "paid":
            if request.state in ("open", "live"):
                request.state, request.ended_at = "withdrawn", now
                request.ended_because = str(mine.facts.get("because", ""))
            held = session.held(ProcessorOrder, page.id)
            if held is not None and held.state not in ENDED:
                held.state, held.finished_at, held.answer = "failed", now, "withdrawn"
            if sale.state == "open" and held is not None:
                held.due_at = now + LOOK_AGAIN
            elif held is not None:
                held.due_at = None
        mine.state, mine.finished_at, mine.due_at, mine.answer = "done", now, None, sale.state
        work.audit("checkout.ended", "payment_request", request.id, state=sale.state)
        return mine.state


def _give_back(order: ProcessorOrder, adapter: Processor, was_sent: bool, clinic_id: str) -> str:
    """A refund. One that was asked for before is looked for first."""
    with look(Actor.worker(clinic_id), None) as session:
        sale = session.get_one(Payment, (session.clinic_id, str(order.payment_id)))
        back = _back_of(session, order, sale)
    returned = adapter.refund_found(back) if was_sent else None
    if returned is None:
        returned = adapter.refund(back)
    if returned.state == "declined":
        return _ended_as(order.id, "declined", returned.answer, clinic_id)
    if returned.state == "later":
        return _later(order.id, returned.answer, clinic_id)
    return book_refund(order.id, returned, clinic_id=clinic_id)


DO: dict[str, Callable[[ProcessorOrder, Processor, bool, str], str]] = {
    "checkout": _make_page, "expire": _end_page, "refund": _give_back,
}  # fmt: skip


def settle_event(order_id: str, sale: Sale, *, clinic_id: str) -> str:
    """Write down what a processor says became of a pay page, once; returns the order's state."""
    with together(Actor.worker(clinic_id), "billing.checkout") as work:
        session = work.session
        session.head()
        order = session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None and order.kind == "checkout"
        if order.made_payment_id is not None:
            return order.state
        request = session.held(PaymentRequest, str(order.payment_request_id), fresh=True)
        if sale.state == "paid":
            if sale.currency and sale.currency.upper() != order.currency:
                return _in_other_currency(work, order, request, sale)
            order.facts = order.facts | {"transaction": sale.transaction, "fields": {}}
            order.made_payment_id = posting.book_sale(work, order, sale)
            order.state, order.finished_at, order.due_at = "done", clock.now(), None
            work.audit("checkout.paid", "payment_request", str(order.payment_request_id), processor=order.processor,
                       payment=order.made_payment_id)  # fmt: skip
        elif sale.state in ("expired", "voided") and request is not None and request.state == "live":
            later = _orders(session, request.id, "checkout", ("intended", "sent", "uncertain", "done"))
            if later and later[-1].id == order.id:  # the newest page of the request: it may be asked for a new one
                request.state, request.url, request.external_id = "open", "", ""
            order.due_at = None
            work.audit("checkout.lapsed", "payment_request", request.id, state=sale.state)
        elif order.due_at is not None and (request is None or request.state != "live"):
            lapses = datetime.fromisoformat(str(order.facts["expires_at"])) + LATE_MONEY
            order.due_at = clock.now() + LOOK_AGAIN if clock.now() < lapses else None
            work.audit("checkout.watched", "payment_request", str(order.payment_request_id), state=sale.state)
        return order.state


def _in_other_currency(work: Work, order: ProcessorOrder, request: PaymentRequest | None, sale: Sale) -> str:
    """A page paid in another currency than it asked for: no rate is known here, so a person puts it right there."""
    if order.state != "failed":
        order.state, order.finished_at, order.due_at = "failed", clock.now(), None
        order.answer = f"paid in {sale.currency[:3].upper()}, not {order.currency}: give it back at the processor"
        if request is not None and request.state in ("open", "live"):
            request.state, request.ended_at, request.ended_because = "failed", clock.now(), order.answer[:200]
        work.audit("checkout.other_currency", "payment_request", str(order.payment_request_id),
                   processor=order.processor)  # fmt: skip
    return order.state


def book_refund(order_id: str, returned: Returned, *, clinic_id: str) -> str:
    """Write a refund down that the processor carried out, once; returns the order's state."""
    with act(Actor.worker(clinic_id), "billing.refund") as work:
        session = work.session
        session.head()
        order = session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None
        if order.made_payment_id is not None:
            return order.state
        order.made_payment_id = posting.book_return(work, order, returned)
        order.external_id, order.answer = returned.external_id[:120], returned.answer[:300]
        order.state, order.finished_at, order.due_at = "done", clock.now(), None
        return order.state


def _unanswered(order_id: str, clinic_id: str) -> str:
    """It is not known what came of it: it is asked about again."""
    with act(Actor.worker(clinic_id), None) as work:
        work.session.head()
        order = work.session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None
        if order.state not in ENDED:
            order.state, order.answer = "uncertain", "no answer"
            order.due_at = clock.now() + timedelta(minutes=AGAIN[min(order.attempts - 1, len(AGAIN) - 1)])
            work.audit("processor.silent", "processor_order", order.id, kind=order.kind, attempt=order.attempts)
        return order.state


def _later(order_id: str, answer: str, clinic_id: str) -> str:
    """The processor takes it only after the sale has settled."""
    with act(Actor.worker(clinic_id), None) as work:
        work.session.head()
        order = work.session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None
        if order.state not in ENDED:
            order.state, order.answer = "intended", answer[:300]
            order.due_at = clock.now() + timedelta(hours=1)
            work.audit("processor.later", "processor_order", order.id, kind=order.kind)
        return order.state


def _ended_as(order_id: str, state: str, answer: str, clinic_id: str) -> str:
    """The processor said no, or it came to nothing."""
    with act(Actor.worker(clinic_id), None) as work:
        work.session.head()
        order = work.session.held(ProcessorOrder, order_id, fresh=True)
        assert order is not None
        if order.state not in ENDED:
            order.state, order.answer, order.finished_at = state, answer[:300], clock.now()
            order.due_at = None
            work.audit(f"processor.{state}", "processor_order", order.id, kind=order.kind)
        return order.state


def look_at_page(order_id: str, *, clinic_id: str) -> str:
    """Ask what became of a page and write it down."""
    with look(Actor.worker(clinic_id), None) as session:
        order = session.get_one(ProcessorOrder, (session.clinic_id, order_id))
        adapter = adapter_for(session, order.processor)
    return settle_event(order_id, adapter.state_of(placed_of(order)), clinic_id=clinic_id)


def check_refund(order_id: str, *, clinic_id: str) -> str:
    """Ask again about a refund that was booked: one that its bank sent back is taken out of the books."""
    with look(Actor.worker(clinic_id), None) as session:
        order = session.get_one(ProcessorOrder, (session.clinic_id, order_id))
        sale = session.get_one(Payment, (session.clinic_id, str(order.payment_id)))
        adapter, back = adapter_for(session, order.processor), _back_of(session, order, sale)
    found = adapter.refund_found(back)
    if found is None or found.state != "declined":
        return order.state
    with act(Actor.worker(clinic_id), "billing.refund") as work:
        work.session.head()
        held = work.session.held(ProcessorOrder, order_id, fresh=True)
        assert held is not None
        if held.state == "done":
            posting.unbook_return(work, held)
            held.state, held.answer = "failed", (found.answer or "the bank of the card sent it back")[:300]
        return held.state


# --- reading ----------------------------------------------------------------------------------------------------


def placed_of(order: ProcessorOrder) -> Placed:
    """By what a processor finds a pay page again."""
    expires = order.facts.get("expires_at")
    return Placed(
        order.order_key, str(order.payment_request_id), order.external_id, str(order.facts.get("transaction", "")),
        order.amount_cents, order.currency, order.entered_at,
        datetime.fromisoformat(str(expires)) if expires else None,
    )  # fmt: skip


def _back_of(session: ClinicSession, order: ProcessorOrder, sale: Payment) -> Back:
    """What a refund asks for."""
    _, transaction = _charge_of(session, sale)
    is_whole = order.amount_cents == sale.amount_cents and posting.given_back(session, sale.id) == 0
    return Back(
        order.order_key, transaction, order.amount_cents, order.currency, is_whole, sale.last4, order.entered_at
    )


def _request(session: ClinicSession, request_id: str) -> PaymentRequest:
    found = session.held(PaymentRequest, request_id) if is_id(request_id) else None
    if found is None:
        raise NotFound(what="payment request", name="like this")
    return found


def _ended(request: PaymentRequest) -> RequestEnded:
    why = f" ({request.ended_because})" if request.ended_because else ""
    return RequestEnded(state=request.state, why=why)


def _orders(session: ClinicSession, request_id: str, kind: str, states: tuple[str, ...]) -> list[ProcessorOrder]:
    """The orders of a request, the newest first."""
    statement = select(ProcessorOrder).where(
        ProcessorOrder.payment_request_id == request_id, ProcessorOrder.kind == kind, ProcessorOrder.state.in_(states)
    )
    session.flush()
    return list(session.scalars(statement.order_by(ProcessorOrder.id.desc())))


def _on_its_way(session: ClinicSession, payment_id: str) -> int:
    """Cents of a sale that are ordered back and not booked yet."""
    rows = session.scalars(
        select(ProcessorOrder.amount_cents).where(
            ProcessorOrder.payment_id == payment_id, ProcessorOrder.kind == "refund",
            ProcessorOrder.state.in_(("intended", "sent", "uncertain")),
        )
    )  # fmt: skip
    return sum(rows)


def _charge_of(session: ClinicSession, sale: Payment) -> tuple[str, str]:
    """The processor a sale came through and its id there: by its pay page, or by the settled transaction it is matched
    with. Raises NotByProcessor."""
    page = session.scalars(
        select(ProcessorOrder).where(ProcessorOrder.made_payment_id == sale.id, ProcessorOrder.kind == "checkout")
    ).one_or_none()
    if page is not None and page.facts.get("transaction"):
        return page.processor, str(page.facts["transaction"])
    mine = select(PaymentMatchPart.match_id).where(PaymentMatchPart.payment_id == sale.id, PaymentMatchPart.stands)
    settled = session.scalars(
        select(SettledTransaction)
        .join(PaymentMatchPart, (PaymentMatchPart.settled_id == SettledTransaction.id) & PaymentMatchPart.stands)
        .where(PaymentMatchPart.match_id.in_(mine), SettledTransaction.kind == "sale")
    ).all()
    if len(settled) == 1 and settled[0].amount_cents == sale.amount_cents and sale.tender in ("card", "echeck"):
        kind = settings_or_none(session, settled[0].processor)
        if kind in ONLINE:
            return settled[0].processor, settled[0].reference
    raise NotByProcessor()


def settings_or_none(session: ClinicSession, slug: str) -> str:
    """The type of a processor, or nothing where it was removed."""
    try:
        return str(settings_of(session, slug).type)
    except NotFound:
        return ""
