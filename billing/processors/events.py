"""Messages of processors: checked, kept once, then handled by asking the processor how things stand.

A message is a reason to ask, never the answer: so one that is late, out of order, sent twice or lost changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from billing.processors import orders
from billing.processors.base import Forged, Notice, ProcessorRefused, ProcessorSilent, ProcessorUnready
from billing.processors.known import adapter_for, settings_of
from data.card_numbers import holds_card_number
from data.errors import NotFound
from data.models import Clinic, ProcessorEvent, ProcessorOrder
from data.session import ClinicSession, everywhere
from data.types import clock, is_id
from security.actor import Actor
from security.rules import act, look

GIVEN_UP = timedelta(days=3)
FIELDS = ("reference", "external_id", "transaction")


def receive(clinic_slug: str, slug: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """A message that came in from outside. It is kept once and handled; a repeat changes nothing.

    Raises Forged, with nothing stored, for whatever is not a fresh message of this clinic's processor.
    """
    if "\0" in clinic_slug + slug:  # PostgreSQL takes none
        raise Forged("no such clinic")
    with everywhere() as session:
        clinic_id = session.scalar(select(Clinic.id).where(Clinic.slug == clinic_slug))
    if clinic_id is None:
        raise Forged("no such clinic")
    by = Actor.worker(clinic_id)
    with look(by, None) as read:
        try:
            if not settings_of(read, slug).active:
                raise Forged("switched off")
            adapter = adapter_for(read, slug)
        except (NotFound, ProcessorUnready) as failure:
            raise Forged("no such processor") from failure
    notice = adapter.parse_webhook(body, headers, query)
    if notice is None:
        return
    event_id = _keep(slug, notice, by)
    if event_id is not None and notice.about != "dispute":
        handle(event_id, clinic_id=clinic_id)


def _keep(slug: str, notice: Notice, by: Actor) -> str | None:
    """The row of a message; None where it is here already."""
    facts = {name: getattr(notice, name)[:120] for name in FIELDS if getattr(notice, name)}
    if any(holds_card_number(text) for text in (notice.event_id, *facts.values())):
        raise Forged("it holds a card number")
    if any("\0" in text for text in (notice.event_id, notice.kind, *facts.values())):
        raise Forged("it holds what is no text")
    known = select(ProcessorEvent.id).where(
        ProcessorEvent.processor == slug, ProcessorEvent.external_id == notice.event_id[:120]
    )
    try:
        with act(by, None) as work:
            work.session.head()
            if work.session.scalar(known) is not None:
                return None
            event = ProcessorEvent(
                processor=slug, external_id=notice.event_id[:120], kind=notice.kind[:60],
                happened_at=notice.happened_at, facts=facts | {"about": notice.about},
            )  # fmt: skip
            work.session.add(event)
            work.audit("processor.told", "processor_event", event.id, kind=notice.kind[:60], processor=slug)
            return event.id
    except IntegrityError:  # the same message at the same moment
        return None


def handle(event_id: str, *, clinic_id: str) -> str:
    """Ask about what a message is about and write down what came of it; returns the state of the event then."""
    by = Actor.worker(clinic_id)
    with look(by, None) as session:
        event = session.get_one(ProcessorEvent, (session.clinic_id, event_id))
        if event.state != "waiting":
            return event.state
        order = _order_of(session, event)
    try:
        state = _asked(event, order, by)
        problem = ""
    except ProcessorSilent as failure:
        state, problem = ("waiting", failure.message)
        if clock.now() - event.happened_at > GIVEN_UP:
            state = "failed"
    except (ProcessorRefused, ProcessorUnready) as failure:
        state, problem = "failed", failure.message
    return _ended(event_id, state, problem, by)


def _asked(event: ProcessorEvent, order: ProcessorOrder | None, by: Actor) -> str:
    about = str(event.facts.get("about", ""))
    if about == "dispute":
        from billing.processors.fetch import fetch_settlements

        day = event.happened_at.date()
        fetch_settlements(event.processor, day - timedelta(days=2), day + timedelta(days=1), by=by)
        return "handled"
    if order is None:
        return "ignored"
    if order.kind == "checkout":
        orders.look_at_page(order.id, clinic_id=by.clinic_id)
    elif order.kind == "refund":
        if order.state in ("sent", "uncertain"):
            orders.carry_out(order.id, clinic_id=by.clinic_id)
        elif order.state == "done" and event.kind.endswith("refund.failed"):
            orders.check_refund(order.id, clinic_id=by.clinic_id)
    return "handled"


def _ended(event_id: str, state: str, problem: str, by: Actor) -> str:
    with act(by, None) as work:
        work.session.head()
        event = work.session.held(ProcessorEvent, event_id, fresh=True)
        assert event is not None
        if event.state == "waiting" and (state != "waiting" or event.problem != problem[:300]):
            event.state, event.problem = state, problem[:300]
            work.audit(f"processor.event_{state}", "processor_event", event.id, kind=event.kind)
        return event.state


def _order_of(session: ClinicSession, event: ProcessorEvent) -> ProcessorOrder | None:
    """The order of ours a message is about: by our number, our request, or the processor's own id."""
    facts = {name: str(event.facts.get(name, "")) for name in FIELDS}
    mine = select(ProcessorOrder).where(ProcessorOrder.processor == event.processor)
    ways = [mine.where(ProcessorOrder.order_key == facts["reference"])]
    if is_id(facts["reference"]):
        ways.append(
            mine.where(ProcessorOrder.payment_request_id == facts["reference"], ProcessorOrder.kind == "checkout")
        )
    ways += [mine.where(ProcessorOrder.external_id == facts[name]) for name in ("external_id", "transaction")]
    asked = ("reference", *(("reference",) if is_id(facts["reference"]) else ()), "external_id", "transaction")
    for name, way in zip(asked, ways, strict=True):
        found = session.scalars(way.order_by(ProcessorOrder.id.desc()).limit(1)).first() if facts[name] else None
        if found is not None:
            return found
    return None
