"""Where the work of a row of the recovery board is done."""

from __future__ import annotations

import streamlit as st

from outage.rows import BoardRow
from pages.components import frame, show

WAYS: dict[str, tuple[str, str, str]] = {
    # what: the button, the script, the permission it needs
    "review": ("Review", "paper/review.py", "outage.scan"),
    "scan": ("Scan", "paper/scan.py", "outage.scan"),
    "entry": ("Enter", "paper/back_entry.py", "outage.enter"),
    "verify": ("Verify", "paper/back_entry.py", "outage.enter"),
    "slips": ("Slips", "paper/slips.py", "outage.enter"),
    "ticket": ("Ticket", "today/ticket.py", "billing.view"),
    "settled": ("Reconcile", "money/reconciliation.py", "reconciliation.use"),
    "copies": ("Count once", "", "outage.declare"),
    "bottle": ("Drug log", "today/drug_log.py", "drugs.view"),
}


def name_of(row: BoardRow) -> str:
    """The words on the button of a row; nothing where there is no such place, or not for this person."""
    way = WAYS.get(_what(row))
    return way[0] if way and way[2] in frame.may() else ""


def go(row: BoardRow) -> None:
    """Open the place."""
    what = _what(row)
    if name_of(row):
        st.switch_page(WAYS[what][1], query_params=_asked(what, row))


def _what(row: BoardRow) -> str:
    if row.copies and "outage.declare" in frame.may():
        return "copies"
    if row.entity in ("appointment", "form_sheet"):
        if row.pages.state == "waiting" and row.pages.words.startswith("In review"):
            return "review"
        if row.pages.is_open and not row.entered.words.startswith("To be"):
            return "scan"
        if row.verified.is_open and not row.entered.is_open and not row.drugs.is_open:
            return "verify"
        return "entry"
    if row.settled.is_open and not row.money.is_open:
        return "settled"
    return {"page": "review", "card_slip": "slips"}.get(row.entity, row.entity)


def _asked(what: str, row: BoardRow) -> dict[str, str]:
    if what == "ticket":
        return {"visit": row.entity_id}
    if what in ("entry", "verify"):
        return {"id": row.appointment_id or row.entity_id}
    if what == "settled" and row.since:
        return {"from": row.since.isoformat(), "to": show.today().isoformat()}
    if what == "slips":
        return {"serial": str(row.serials[0])}
    return {"bottle": row.entity_id} if what == "bottle" else {}
