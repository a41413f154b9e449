"""Who owes the clinic what, by how long, client by client. Invoices only: a ticket in the making is not owed yet.

How old it is goes by the charges, as in the report ar-ageing: what a client paid settled the oldest ones first, so
what is open are the latest that come to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from billing import ledger
from data.models import Client, Invoice, InvoiceLine
from data.session import ClinicSession
from records.access import NAME, Closed
from records.standing import standings, unbilled_ids
from security.actor import Actor
from security.rules import look, remembered

BUCKETS = ("Up to 30 days", "31 to 60 days", "61 to 90 days", "Over 90 days")
_ENDS = (30, 60, 90)
_AT_ONCE = 500


@dataclass
class Debtor:
    """One client: cents open in each of ``BUCKETS``, what was paid over, and since when the oldest is open."""

    client_id: str
    client: str
    phone: str
    oldest: date
    open_cents: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    credit_cents: int = 0
    invoices: int = 0

    @property
    def total_cents(self) -> int:
        """All that is open."""
        return sum(self.open_cents)


def bucket_of(days: int) -> int:
    """The place in ``BUCKETS`` of something open for so many days."""
    return next((place for place, end in enumerate(_ENDS) if days <= end), len(_ENDS))


@remembered("billing.invoices")
def receivables(day: date, *, by: Actor) -> list[Debtor]:
    """Who owes what on a day, the most first.

    Raises NotPermitted.
    """
    with look(by, "billing.invoices") as session:
        stands = standings(session, ledger.open_ids(session))
        rows = session.execute(
            select(Invoice.id, Client)
            .join(Client, Client.id == Invoice.client_id)
            .where(Invoice.id.in_(list(stands)))
            .order_by(Invoice.issued_on)
        )
        closed, found = Closed(session, by), dict[str, Debtor]()
        for invoice_id, client in rows:
            one = stands[invoice_id]
            if one.document != "open" or not (one.balance or one.overpaid):
                continue
            hidden = closed.hides(client.id, client.restricted)
            name = NAME if hidden else f"{client.first_name} {client.last_name}".strip()
            debtor = found.setdefault(client.id, Debtor(client.id, name, "" if hidden else client.phone, day))
            debtor.open_cents[0] += one.balance
            debtor.credit_cents += one.overpaid
            debtor.invoices += bool(one.balance)
        owing = [debtor for debtor in found.values() if debtor.total_cents]
        charges = open_charges(session, {debtor.client_id: debtor.total_cents for debtor in owing})
        for debtor in owing:
            debtor.open_cents = by_age(charges[debtor.client_id], day)
            debtor.oldest = min(on for on, _ in charges[debtor.client_id])
        return sorted(owing, key=lambda debtor: (-debtor.total_cents, debtor.client))


def by_age(charges: Iterable[tuple[date, int]], day: date) -> list[int]:
    """Cents in each of ``BUCKETS`` on a day."""
    sums = [0] * len(BUCKETS)
    for on, cents in charges:
        sums[bucket_of((day - on).days)] += cents
    return sums


def open_charges(session: ClinicSession, owed: Mapping[str, int]) -> dict[str, list[tuple[date, int]]]:
    """The charges that are open, by day, for what each client owes in cents: the latest that come to it."""
    clients, found = sorted(owed), dict[str, list[tuple[date, int]]]()
    for start in range(0, len(clients), _AT_ONCE):
        charged: dict[str, list[tuple[date, int]]] = {}
        for client_id, on, cents in session.execute(_charges(clients[start : start + _AT_ONCE])):
            charged.setdefault(client_id, []).append((on, int(cents)))
        for client_id in clients[start : start + _AT_ONCE]:
            found[client_id] = _latest(charged.get(client_id, []), owed[client_id])
    return found


def _charges(clients: list[str]) -> Any:
    """What clients were charged with tax, by invoice and day, the latest first. What was taken back counts on the day
    of what it takes back."""
    line, before = InvoiceLine, aliased(InvoiceLine)
    on = func.coalesce(before.day, line.day)
    cents = func.sum(line.net_cents + line.tax_cents)
    return (
        select(Invoice.client_id, on, cents)
        .join(line, line.invoice_id == Invoice.id)
        .outerjoin(before, before.id == line.reverses_id)
        .where(Invoice.client_id.in_(clients), Invoice.id.not_in(unbilled_ids()))
        .group_by(Invoice.client_id, Invoice.id, on)
        .having(cents > 0)
        .order_by(on.desc(), Invoice.id.desc())
    )


def _latest(charged: list[tuple[date, int]], owed: int) -> list[tuple[date, int]]:
    """The first of them that come to what is owed, the last of these in part."""
    taken, left = list[tuple[date, int]](), owed
    for on, cents in charged:
        if left <= 0:
            break
        taken.append((on, min(cents, left)))
        left -= cents
    if left > 0 and taken:  # charges that were taken back in part: the rest is as old as the oldest
        taken.append((taken[-1][0], left))
    return taken
