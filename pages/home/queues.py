"""Home of the manager: what is open and waits for a decision."""

from __future__ import annotations

from datetime import date

import streamlit as st

from appointments import drug_register
from appointments.today import unclosed
from billing.today import OpenTicket, open_tickets
from pages.components import frame, show
from pages.home.tiles import Link, Wait, more, waits

OPEN_INVOICES = Link("money/invoices.py", "invoices", {"status": "open", "issued": "all"})
DRUG_LOG = Link("today/drug_log.py", "drug-log")
MOST = 5
FIRST = 4


def draw(may: frozenset[str]) -> None:
    """Draw it. What is slow is read before its frame is drawn, so that no frame stands empty."""
    by = frame.actor()
    _open_tickets(show.today())
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_unpaid"):
        _unpaid()
    with right:
        if "appointments.view" in may:
            unclosed(show.today(), limit=60, by=by)
            with st.container(border=True, key="home_unclosed"):
                _unclosed()
        if "drugs.view" in may:
            _odd_bottles(show.today())
            with st.container(border=True, key="home_drugs"):
                _drugs()


def _unpaid() -> None:
    rows, count, cents = _open_tickets(show.today())
    st.subheader(f"Unpaid invoices ({show.number(count)})" if count else "Unpaid invoices", anchor=False)
    if count:
        st.caption(f"{show.money(cents)} open. The largest:".replace("$", "\\$"))
    lines = [
        Wait(
            row.client,
            _about(row),
            show.money(row.balance),
            Link("money/invoice.py", "invoice", {"id": row.invoice_id}),
        )
        for row in rows
    ]
    waits(lines, "Every invoice is paid.", label="Unpaid invoices", key="unpaid_rows")
    more(count - len(rows), OPEN_INVOICES, key="unpaid_more")


def _about(row: OpenTicket) -> str:
    what = "Ticket not closed" if row.is_draft else f"Invoice {row.number}"
    return " · ".join(part for part in (what, row.patient, show.day(row.issued_on)) if part)


def _unclosed() -> None:
    by = frame.actor()
    rows, count = unclosed(show.today(), limit=60, by=by)
    st.subheader(f"Earlier visits not closed ({show.number(count)})" if count else "Earlier visits not closed",
                 anchor=False)  # fmt: skip
    lines = [
        Wait(row.patient, f"{row.label} · {row.client}", show.day(row.day, style="weekday"),
             Link("appointments/roster.py", "roster", {"appointment": row.appointment_id}))
        for row in rows
    ]  # fmt: skip
    waits(lines[:FIRST], "Every visit before today has its end.", label="Earlier visits not closed",
          key="unclosed_rows")  # fmt: skip
    if lines[FIRST:]:
        with st.expander(f"{show.number(count - FIRST)} more"):
            waits(lines[FIRST:], "", label="More earlier visits not closed", key="unclosed_rest")


def _drugs() -> None:
    odd = _odd_bottles(show.today())
    st.subheader(f"Drug log exceptions ({len(odd)})" if odd else "Drug log exceptions", anchor=False)
    lines = [
        Wait(title, flags, "", Link(DRUG_LOG.script, DRUG_LOG.path, {"bottle": bottle}))
        for bottle, title, flags in odd[:MOST]
    ]
    waits(lines, "Every bottle balances, and none has expired.", label="Drug log exceptions", key="drug_rows",
          shape="minmax(0, 1.6fr) minmax(0, 1fr) auto")  # fmt: skip
    more(len(odd) - len(lines), DRUG_LOG, key="drug_more")


@frame.kept_for(20)
def _open_tickets(day: date) -> tuple[list[OpenTicket], int, int]:
    return open_tickets(day, limit=8, by=frame.actor())


@frame.kept_for(30)
def _odd_bottles(day: date) -> list[tuple[str, str, str]]:
    by = frame.actor()
    bottles, days = drug_register.bottles(by=by), drug_register.reconciliation(day, by=by)
    flags = {row.id: (row.title, row.flags) for row in bottles if row.flags}
    for row in days:  # counts still to come today stand under Drug counts
        odd = tuple(flag for flag in row.flags if flag not in ("No AM count", "No PM count"))
        if odd:
            flags[row.bottle.id] = row.bottle.title, odd
    return [(id, title, ", ".join(found)) for id, (title, found) in flags.items()]
