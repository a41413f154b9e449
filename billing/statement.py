"""A client's statement: what is open, on which invoice and for how long, as a PDF like every other print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from billing import history
from billing.history import InvoiceSummary
from billing.letterhead import letterhead, template
from billing.receipt import Printed, pdf_of
from data.models import Clinic
from data.types import clock
from data.wording import Wording
from records.access import client_for
from security.actor import Actor
from security.clinics import clinic_of
from security.profile import ClinicProfile, profile
from security.rules import look
from security.viewing import note_view

BUCKETS = ((0, "Not due yet"), (30, "Up to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
LAST = "More than 90 days"


@dataclass(frozen=True)
class Aged:
    """What is open, by how long ago it was due. The sums are cents."""

    label: str
    cents: int


def statement(client_id: str, *, by: Actor) -> Printed:
    """What a client owes, invoice by invoice. Raises NotFound, RestrictedRecord, NotPermitted, NotPrinted."""
    account = history.of_client(client_id, by=by)
    with look(by, "billing.view") as session:
        client = client_for(session, client_id, by)
        about = profile(session)
        still_open = [one for one in reversed(account.invoices) if one.open_cents]
        patients = history.patients_of(session, still_open)
    note_view(by, "client", client.id)
    clinic = clinic_of(by.clinic_id)
    still_open = [replace(one, description=f"{patients[one.id]}: {one.description}") if one.id in patients else one
                  for one in still_open]  # fmt: skip
    lines = [
        part for part in (client.address, " ".join((client.city, client.region, client.postal_code))) if part.strip()
    ]
    name = f"{client.first_name} {client.last_name}".strip()
    facts = facts_of(name, lines, still_open, clinic, about, clock.today(clinic.zone))
    return Printed(f"statement-{client.number}.pdf", pdf_of(template("statement.html").render(facts)))


def ageing(invoices: list[InvoiceSummary], today: date) -> list[Aged]:
    """What is open by days since it was due, in the buckets of the report on who owes what."""
    sums = dict.fromkeys([label for _, label in BUCKETS] + [LAST], 0)
    for one in invoices:
        late = (today - (one.due_on or one.issued_on)).days
        sums[next((label for most, label in BUCKETS if late <= most), LAST)] += one.open_cents
    return [Aged(label, cents) for label, cents in sums.items()]


def facts_of(
    name: str, address: list[str], invoices: list[InvoiceSummary], clinic: Clinic, about: ClinicProfile, today: date
) -> dict[str, Any]:
    """What the template prints: finished words, no numbers left to format."""
    words = Wording.of(clinic)
    return {
        **letterhead(clinic, about),
        "client": [name, *(part for block in address for part in block.splitlines())],
        "day": words.day(today, style="long"),
        "lines": [
            {
                "number": one.number, "issued": words.day(one.issued_on), "due": words.day(one.due_on, missing=""),
                "what": one.description, "charged": words.money(one.charged_cents),
                "paid": words.money(one.paid_cents + one.forgiven_cents), "open": words.money(one.open_cents),
            }
            for one in invoices
        ],
        "ageing": [(one.label, words.money(one.cents)) for one in ageing(invoices, today)],
        "total": words.money(sum(one.open_cents for one in invoices)),
    }  # fmt: skip
