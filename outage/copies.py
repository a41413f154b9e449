"""A drug line that was copied onto a second sheet of the same visit: somebody says so, and it counts once."""

from __future__ import annotations

from sqlalchemy import select

from data.errors import Refusal
from data.models import BackEntry
from outage.account_paper import COPIED
from outage.board import board_in
from outage.outages import PartClosed, outage_for
from security.actor import Actor
from security.rules import act, look


class NotTwice(Refusal):
    """No drug line of this visit stands on two of its sheets any more. Look at the board again."""


def count_once(outage_id: str, appointment_id: str, *, by: Actor, key: str | None = None) -> None:
    """Count the drug lines once that stand on two sheets of a visit to the minute; the paper and what was typed stay
    as they are. Raises NotTwice, PartClosed, NotFound, NotPermitted."""
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return
    with look(by, "outage.declare") as session:
        rows = board_in(session, outage_id, by).rows
    mine = (row.copies for row in rows if (row.entity, row.entity_id) == ("appointment", appointment_id))
    copies = next(mine, ())
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return
        if outage_for(work.session, outage_id).clinical_closed_at is not None:
            raise PartClosed(part="clinical")
        places: dict[str, list[str]] = {}
        for sheet, place in copies:
            places.setdefault(sheet, []).append(place)
        keyed = work.session.scalars(select(BackEntry).where(BackEntry.form_sheet_id.in_(places))).all()
        if not copies or any(entry.state == "draft" for entry in keyed):
            raise NotTwice()
        for entry in keyed:
            before = entry.typed.get(COPIED)
            known = before if isinstance(before, list) else []
            entry.typed = entry.typed | {COPIED: [*known, *places[entry.form_sheet_id]]}
        work.audit(
            "outage.counted_once", "appointment", appointment_id, outage=outage_id, sheets=list(places),
            lines=len(copies),
        )  # fmt: skip
