"""What the worker does for processors: finishes what got no answer, asks about pages that live, handles messages."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import and_, or_, select

from billing.processors import events, orders
from billing.processors.base import ProcessorRefused, ProcessorSilent, ProcessorUnready
from data.errors import NotFound
from data.models import PaymentRequest, ProcessorEvent, ProcessorOrder
from data.types import clock
from security.actor import Actor
from security.rules import look

MOST = 50
"""Calls of one round for one clinic."""


def tend(clinic_id: str, stopping: Callable[[], bool] = lambda: False) -> int:
    """One round for a clinic; returns how much there was to do. What it does is done once, by whomever."""
    by = Actor.worker(clinic_id)
    now = clock.now()
    with look(by, None) as session:
        waiting = list(
            session.scalars(
                select(ProcessorOrder.id)
                .where(ProcessorOrder.state.in_(("intended", "sent", "uncertain")), ProcessorOrder.due_at <= now)
                .order_by(ProcessorOrder.due_at)
                .limit(MOST)
            )
        )
        request = and_(
            PaymentRequest.clinic_id == ProcessorOrder.clinic_id, PaymentRequest.id == ProcessorOrder.payment_request_id
        )
        pages = list(
            session.scalars(
                select(ProcessorOrder.id)
                .outerjoin(PaymentRequest, request)
                .where(
                    ProcessorOrder.kind == "checkout", ProcessorOrder.state == "done",
                    ProcessorOrder.made_payment_id.is_(None),
                    or_(
                        and_(PaymentRequest.state == "live", PaymentRequest.external_id == ProcessorOrder.external_id),
                        ProcessorOrder.due_at <= now,
                    ),
                )
                .limit(MOST)
            )
        )  # fmt: skip
        told = list(session.scalars(select(ProcessorEvent.id).where(ProcessorEvent.state == "waiting").limit(MOST)))
    unforeseen: Exception | None = None
    every: list[tuple[Callable[..., str], str]] = [(orders.carry_out, one) for one in waiting]
    every += [(events.handle, one) for one in told] + [(orders.look_at_page, one) for one in pages]
    for do, row_id in every:
        if stopping():
            break
        try:
            do(row_id, clinic_id=clinic_id)
        except (ProcessorSilent, ProcessorRefused, ProcessorUnready, NotFound):
            continue
        except Exception as failure:  # one that nobody foresaw must not hold up the others
            unforeseen = unforeseen or failure
    if unforeseen is not None:
        raise unforeseen
    return len(every)
