"""Who owes the clinic what, by how long, client by client. Invoices only: a ticket in the making is not owed yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from billing import ledger
from data.models import Client, Invoice
from records.access import NAME, Closed
from records.standing import standings
from security.actor import Actor
from security.rules import look, remembered

BUCKETS = ("To 30 days", "31 to 60 days", "61 to 90 days", "Over 90 days")
_ENDS = (30, 60, 90)


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
    """Who owes what on a day, the most first. What is open counts from the day the invoice was due.

    Raises NotPermitted.
    """
    with look(by, "billing.invoices") as session:
        stands = standings(session, ledger.open_ids(session))
        rows = session.execute(
            select(Invoice.id, Invoice.issued_on, Invoice.due_on, Client)
            .join(Client, Client.id == Invoice.client_id)
            .where(Invoice.id.in_(list(stands)))
            .order_by(Invoice.issued_on)
        )
        closed, found = Closed(session, by), dict[str, Debtor]()
        for invoice_id, issued_on, due_on, client in rows:
            one, since = stands[invoice_id], due_on or issued_on
            if one.document != "open" or not (one.balance or one.overpaid):
                continue
            hidden = closed.hides(client.id, client.restricted)
            name = NAME if hidden else f"{client.first_name} {client.last_name}".strip()
            debtor = found.setdefault(client.id, Debtor(client.id, name, "" if hidden else client.phone, since))
            debtor.open_cents[bucket_of((day - since).days)] += one.balance
            debtor.credit_cents += one.overpaid
            debtor.invoices += bool(one.balance)
            debtor.oldest = min(debtor.oldest, since)
        owing = [debtor for debtor in found.values() if debtor.total_cents]
        return sorted(owing, key=lambda debtor: (-debtor.total_cents, debtor.client))
