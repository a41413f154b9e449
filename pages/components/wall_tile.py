"""One patient on the wall board."""

from __future__ import annotations

from html import escape

from appointments.flow import Card
from appointments.stages import ON_SITE
from pages.components import show
from records.access import NAME


def tile(card: Card, shows: str) -> str:
    """By number, initials or name, as the clinic chose for the screen; what is closed to everybody by number alone."""
    if card.patient == NAME:
        shows = "number"
    names = {
        "patient": card.patient,
        "initials": "".join(part[0] for part in card.patient.split()[:2]).upper(),
    }
    title = names.get(shows, str(card.number))
    about = " · ".join(part for part in (str(card.number) if shows in names else "", card.species.capitalize()) if part)
    since = f"<i>{escape(show.minutes(card.elapsed_minutes))}</i>" if card.stage in ON_SITE else ""
    return f"<p><b>{escape(title)}</b> <small>{escape(about)}</small> {since}</p>"
