"""Which visit a number that was typed for a slip means."""

from __future__ import annotations

from data.errors import BadInput
from outage.slips import visits_like
from pages.components import frame


def visit_named(text: str) -> str | None:
    """The visit of a number or a serial; nothing where nothing was typed. Raises BadInput."""
    if not text.strip():
        return None
    found = visits_like(text, by=frame.actor())
    if not found:
        raise BadInput(problem=f"No visit has the number or a sheet with the serial {text.strip()}. Check the slip.")
    if len(found) > 1:
        told = " or ".join(f"visit {one.number} ({one.whose})" for one in found[:3])
        raise BadInput(problem=f"{text.strip()} may be {told}. Type the other number of the visit.")
    return found[0].appointment_id
