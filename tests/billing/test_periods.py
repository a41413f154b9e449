"""What happens late in a closed period counts on the first open day; when it happened stays as it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from billing import checkout, payments
from billing.payments import Tender
from billing.periods import PeriodClosed, closed_period, counting_day, refuse_closed
from data.models import BooksPeriod, Payment
from data.session import read, write
from data.types import clock
from tests.billing.visits import today, visit


def close(clinic, first, last, state="closed") -> None:
    with write(clinic.id) as session:
        session.add(
            BooksPeriod(
                first=first, last=last, state=state, closed_by_id=clinic.users["mona"], closed_at=clock.now(), totals={}
            )
        )


CARD = Tender("card", last4="4242", authorization="OK1")


def test_what_is_posted_late_counts_on_the_first_open_day(clinic):
    by, day = clinic.actor("mona"), today()
    close(clinic, day - timedelta(days=6), day - timedelta(days=3))
    close(clinic, day - timedelta(days=2), day - timedelta(days=2))
    close(clinic, day - timedelta(days=1), day - timedelta(days=1), state="reopened")
    invoice_id = checkout.open_ticket(visit(clinic)[0], by=by)
    happened = clock.now() - timedelta(days=4)
    late = payments.take_payment([invoice_id], 1_000, CARD, event_at=happened, source="paper", by=by)
    now = payments.take_payment([invoice_id], 1_000, CARD, by=by)
    payments.void_payment(late.payment_id, "keyed by mistake", by=by)
    with read(clinic.id) as session:
        rows = {row.reference: row for row in session.scalars(select(Payment))}
        assert rows[late.reference].day == day - timedelta(days=1)
        assert rows[late.reference].event_at == happened
        assert rows[now.reference].day == day
        assert {row.day for row in rows.values() if row.kind == "void"} == {day}
        assert counting_day(session, day - timedelta(days=6)) == day - timedelta(days=1)
        assert closed_period(session, day - timedelta(days=1)) is None
        with pytest.raises(PeriodClosed, match="closed and locked"):
            refuse_closed(session, day - timedelta(days=2))
        refuse_closed(session, day)
