"""Periods a manager closed: nothing in one changes any more; what comes later counts on the next open day."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from data.errors import BadInput
from data.models import BooksPeriod
from data.session import ClinicSession


class PeriodClosed(BadInput):
    """{first} to {last} is closed and locked: nothing in it can be changed any more. Enter it on a later day, or ask
    a manager to open the period again."""


def closed_period(session: ClinicSession, day: date) -> BooksPeriod | None:
    """The closed period a day lies in, if there is one."""
    return session.scalars(
        select(BooksPeriod)
        .where(BooksPeriod.state == "closed", BooksPeriod.first <= day, BooksPeriod.last >= day)
        .limit(1)
    ).first()


def counting_day(session: ClinicSession, day: date) -> date:
    """The day on which what happened on ``day`` counts: its own, or the first open one after a closed period."""
    while (closed := closed_period(session, day)) is not None:
        day = closed.last + timedelta(days=1)
    return day


def refuse_closed(session: ClinicSession, day: date) -> None:
    """Raise PeriodClosed for a day of a closed period."""
    closed = closed_period(session, day)
    if closed is not None:
        raise PeriodClosed(first=closed.first.isoformat(), last=closed.last.isoformat())
