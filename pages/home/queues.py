"""Home of the manager: what is open and waits for a decision."""

from __future__ import annotations

from datetime import date

from appointments import drug_register
from appointments.today import unclosed
from billing import books
from billing.today import OpenTicket, open_tickets
from pages.components import frame, show
from pages.home import paper
from pages.home.cards import Card, Wait, cards
from pages.home.links import Link

OPEN_INVOICES = Link("money/invoices.py", "invoices", {"status": "open", "issued": "all"})
RECONCILE = Link("money/reconciliation.py", "reconciliation", {"period": "month"})
DRUG_LOG = Link("today/drug_log.py", "drug-log")
MOST = 5
FIRST = 4


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    shown = [_unpaid()]
    if "appointments.view" in may:
        shown.append(_unclosed())
    if "drugs.view" in may:
        shown.append(_drugs())
    if "outage.print" in may:
        shown.append(paper.card())
    if "reconciliation.use" in may:
        shown += _reconciliation()
    cards(shown, key="home_queues")


def _unpaid() -> Card:
    rows, count, cents = _open_tickets(show.today())
    lines = [
        Wait(
            row.client,
            _about(row),
            show.money(row.balance),
            Link("money/invoice.py", "invoice", {"id": row.invoice_id}),
        )
        for row in rows
    ]
    return Card(
        f"Unpaid invoices ({show.number(count)})" if count else "Unpaid invoices", lines, "Every invoice is paid.",
        note=f"{show.money(cents)} open. The largest:" if count else "", left_out=count - len(rows),
        rest=OPEN_INVOICES, tall=True,
    )  # fmt: skip


def _about(row: OpenTicket) -> str:
    what = "Ticket not closed" if row.is_draft else f"Invoice {row.number}"
    return " · ".join(part for part in (what, row.patient, show.day(row.issued_on)) if part)


def _unclosed() -> Card:
    rows, count = unclosed(show.today(), limit=60, by=frame.actor())
    lines = [
        Wait(row.patient, f"{row.label} · {row.client}", show.day(row.day, style="weekday"),
             Link("appointments/roster.py", "roster", {"appointment": row.appointment_id}))
        for row in rows
    ]  # fmt: skip
    title = f"Earlier visits not closed ({show.number(count)})" if count else "Earlier visits not closed"
    return Card(title, lines, "Every visit before today has its end.", first=FIRST)


def _drugs() -> Card:
    odd = _odd_bottles(show.today())
    lines = [
        Wait(title, flags, "", Link(DRUG_LOG.script, DRUG_LOG.path, {"bottle": bottle}))
        for bottle, title, flags in odd[:MOST]
    ]
    return Card(
        f"Drug log exceptions ({len(odd)})" if odd else "Drug log exceptions", lines,
        "Every bottle balances, and none has expired.", left_out=len(odd) - len(lines), rest=DRUG_LOG,
        shape="minmax(0, 1.6fr) minmax(0, 1fr) auto",
    )  # fmt: skip


def _reconciliation() -> list[Card]:
    """What of the card payments does not add up; no card where no settlement was ever matched."""
    found = books.waiting(by=frame.actor())
    lines = []
    if found.cases:
        lines.append(Wait(show.count(found.cases, "variance"), "Do not add up", show.money(found.cents), RECONCILE))
    if found.deposits:
        lines.append(Wait(show.count(found.deposits, "deposit"), "Missing or unexplained", "", RECONCILE))
    if found.to_confirm:
        lines.append(Wait(show.count(found.to_confirm, "match", "matches"), "Wait for your yes or no", "", RECONCILE))
    return [Card("Reconciliation", lines, "")] if lines else []


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
