"""Home: how ready the clinic is for an outage."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from outage.readiness import Readiness, readiness
from pages.components import frame, show
from pages.home.cards import Card, Wait
from pages.home.links import Link

PRINT = "paper/print.py", "print-forms"
ACTIONS = Link("paper/readiness.py", "readiness")
PRACTISE = Link("paper/practise.py", "practise")


def card() -> Card:
    """The next day's pack, blank stock and the last practice, each a link to where one does something about it."""
    found = _readiness(show.today())
    day = show.day(found.day, style="weekday") if found.day else ""
    stock = f"{', '.join(found.low[:2])}{f' and {len(found.low) - 2} more' if len(found.low) > 2 else ''} low"
    lines = [
        Wait("Pack" + (f" for {day}" if day else ""), _pack(found), "", Link(*PRINT)),
        Wait("Blank stock", stock if found.low else "Enough of every form", "", Link(*PRINT, {"tab": "Blank stock"})),
        Wait("Practice", show.practised(found.practised), _when(found.practised), PRACTISE),
    ]
    if frame.may() & {"settings.edit", "outage.declare"}:
        lines.append(Wait("The six actions", "See what is ready and print the card", "", ACTIONS))
    return Card("Ready for an outage", lines, "", shape="minmax(0, 1fr) minmax(0, 1.5fr) auto")


def _pack(found: Readiness) -> str:
    if found.day is None:
        return "Nobody is booked after today"
    if not found.printed:
        return f"{show.count(found.visits, 'visit')}, not printed yet"
    if found.printed < found.visits:
        return f"Printed for {show.number(found.printed)} of {show.count(found.visits, 'visit')}"
    return f"Printed for {show.count(found.visits, 'visit')}"


def _when(finished: datetime | None) -> str:
    return show.day(finished.astimezone(ZoneInfo(frame.clinic().zone)).date()) if finished else ""


@frame.kept_for(30)
def _readiness(day: date) -> Readiness:
    return readiness(day, by=frame.actor())
