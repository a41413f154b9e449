"""How ready a clinic is for an outage: the next day's pack, the blank stock, the last practice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from data.models import Appointment, Rehearsal
from outage.pack import VISIT
from outage.print_runs import blank_stock, forms_to_print, sheets_of_day
from outage.printing import STAYS_AWAY
from security.actor import Actor
from security.rules import look


@dataclass(frozen=True)
class Readiness:
    """``day`` is the next one with visits; ``printed`` of its ``visits`` have their sheets; ``low`` forms run out."""

    day: date | None
    visits: int
    printed: int
    low: tuple[str, ...]
    practised: datetime | None


def readiness(today: date, *, by: Actor) -> Readiness:
    """How ready the clinic is, seen from a day. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        coming = Appointment.day > today, Appointment.stage.not_in(STAYS_AWAY)
        day = session.scalar(select(func.min(Appointment.day)).where(*coming))
        practised = session.scalar(select(func.max(Rehearsal.finished_at)))
    forms = [form for form in VISIT if form in forms_to_print(by=by)]
    sheets = sheets_of_day(day, forms, by=by) if day else None
    low = tuple(one.title for one in blank_stock(by=by) if one.low and one.subject != "day")
    if sheets is None:
        return Readiness(None, 0, 0, low, practised)
    printed = min((sheets.have.get(form, 0) for form in forms), default=0)
    return Readiness(day, sheets.booked, printed, low, practised)
