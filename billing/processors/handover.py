"""A pay page that takes its token by a form: what is posted where, for whoever holds the link of the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from data.models import PaymentRequest, ProcessorOrder
from data.session import everywhere, read
from data.types import clock, is_id


@dataclass(frozen=True)
class Page:
    """Where to post what; ``post_to`` is empty where there is no page any more, then ``back`` says where to go."""

    post_to: str
    fields: Mapping[str, str]
    back: str


def page_of(request_id: str) -> Page | None:
    """The page of a payment request, by its id alone: it names nobody. None where there never was one."""
    if not is_id(request_id):
        return None
    with everywhere() as session:
        clinic_id = session.scalar(select(PaymentRequest.clinic_id).where(PaymentRequest.id == request_id))
    if clinic_id is None:
        return None
    with read(clinic_id) as session:
        request = session.get_one(PaymentRequest, (clinic_id, request_id))
        order = session.scalars(
            select(ProcessorOrder)
            .where(ProcessorOrder.payment_request_id == request_id, ProcessorOrder.kind == "checkout")
            .order_by(ProcessorOrder.id.desc())
            .limit(1)
        ).first()
        if order is None:
            return None
        facts = order.facts
        fields, back = facts.get("fields"), str(facts.get("return", ""))
        lives = request.state == "live" and (request.expires_at is None or request.expires_at > clock.now())
        if not lives or not isinstance(fields, dict) or not fields:
            return Page("", {}, back)
        return Page(str(facts["post_to"]), {str(name): str(value) for name, value in fields.items()}, back)
