"""A clinic of a given size for the benchmarks of mart and reports: plain rows written in bulk, the same each time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from data.models import (
    Appointment,
    Bottle,
    Client,
    Drug,
    DrugLogEntry,
    Invoice,
    InvoiceLine,
    Location,
    Patient,
    Payment,
    Service,
)
from data.session import write
from data.types import clock, new_id
from opening.start import furnish
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, create_clinic

STAGES = ("checked_out",) * 8 + ("no_show", "cancelled")
CHUNK = 20_000


def sized_clinic(rows: int, *, drug_lines: bool = False) -> str:  # noqa: C901 - one small function for each table
    """Write a clinic of about ``rows`` fact rows: 2 appointments : 5 lines : 2 payments, and 1 invoice; its id.

    With ``drug_lines`` there is a line of the drug log for each invoice beside them.
    """
    new = NewClinic("bench", "Bench clinic")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    visits = rows // 10 * 2
    random = Random(7)
    with write(clinic_id) as session:
        location = session.scalars(select(Location.id)).first()
        services = list(session.execute(select(Service.id, Service.price_cents)))
    clients = [new_id() for _ in range(max(1, visits // 3))]
    patients = [new_id() for _ in clients]
    invoices = [new_id() for _ in range(visits // 2)]
    begin = datetime(2020, 1, 6, 13, tzinfo=UTC)

    def moment(n: int, count: int) -> datetime:
        return begin + timedelta(minutes=(n * 2_500_000) // count)

    def client(n: int) -> dict[str, Any]:
        return {"id": clients[n], "number": n, "last_name": f"Client {n}", "owner_type": ("public", "rescue")[n % 2]}

    def patient(n: int) -> dict[str, Any]:
        return {"id": patients[n], "client_id": clients[n], "name": "Rex", "species": ("dog", "cat")[n % 2]}

    def visit(n: int) -> dict[str, Any]:
        at, who = moment(n, visits), n % len(clients)
        return {
            "id": new_id(), "number": n, "client_id": clients[who], "patient_id": patients[who],
            "location_id": location, "type": "surgery", "starts_at": at, "day": at.date(),
            "stage": random.choice(STAGES), "stage_at": at,
        }  # fmt: skip

    def invoice(n: int) -> dict[str, Any]:
        at = moment(n, len(invoices))
        return {"id": invoices[n], "number": n, "client_id": clients[n % len(clients)], "issued_on": at.date(),
                "currency": "USD"}  # fmt: skip

    def line(n: int) -> dict[str, Any]:
        at = moment(n, visits // 2 * 5)
        service, price = services[n % len(services)]
        return {
            "id": new_id(), "invoice_id": invoices[n // 5], "event_at": at, "day": at.date(), "service_id": service,
            "description": "", "unit_price_cents": price, "net_cents": price - n % 500, "discount_cents": n % 500,
        }  # fmt: skip

    def payment(n: int) -> dict[str, Any]:
        at = moment(n, visits)
        return {
            "id": new_id(), "reference": f"p{n}", "kind": "sale", "amount_cents": 5_000 + n % 9_000,
            "currency": "USD", "tender": ("cash", "card", "check")[n % 3], "client_id": clients[n % len(clients)],
            "event_at": at, "day": at.date(),
        }  # fmt: skip

    drugs, bottles = [new_id() for _ in range(6)], [new_id() for _ in range(60)]

    def drug(n: int) -> dict[str, Any]:
        return {"id": drugs[n], "code": f"bench-{n}", "name": f"Bench drug {n}"}

    def bottle(n: int) -> dict[str, Any]:
        return {"id": bottles[n], "drug_id": drugs[n % 6], "number": f"B{n}", "size": 10**9,
                "received_on": begin.date(), "location_id": location}  # fmt: skip

    def drawn(n: int) -> dict[str, Any]:
        return {
            "id": new_id(), "bottle_id": bottles[n % 60], "kind": "use", "delta": -500 - n % 7, "given": 500 + n % 7,
            "patient_id": patients[n % len(patients)], "event_at": moment(n, len(invoices)),
        }  # fmt: skip

    logged = (
        (Drug, drug, len(drugs)), (Bottle, bottle, len(bottles)), (DrugLogEntry, drawn, len(invoices))
    )  # fmt: skip
    plan = (
        (Client, client, len(clients)), (Patient, patient, len(patients)), (Appointment, visit, visits),
        (Invoice, invoice, len(invoices)), (InvoiceLine, line, len(invoices) * 5), (Payment, payment, visits),
        *(logged if drug_lines else ()),
    )  # fmt: skip
    for model, make, count in plan:
        for start in range(0, count, CHUNK):
            with write(clinic_id) as session:
                session.bulk(model, map(make, range(start, min(start + CHUNK, count))))
                audit.append(session, Actor.operator(clinic_id), "bench.filled", model.__tablename__, "")
    return clinic_id


def visits_of_a_day(count: int) -> tuple[Actor, date]:
    """A new home with one clinic, which has so many visits tomorrow and eight open bottles; its operator and the
    day."""
    from data.engine import Database, use
    from data.home import Home
    from data.schema import upgrade

    home = Home.locate()
    home.create()
    database = Database(home)
    upgrade(database)
    use(database)
    new = NewClinic("bench", "Bench Spay & Neuter Clinic")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    by, day = Actor.operator(clinic_id), clock.today("America/New_York") + timedelta(days=1)
    begin = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    with write(clinic_id) as session:
        location = session.scalars(select(Location.id)).first()
        codes = list(session.scalars(select(Service.code).limit(3)))
        drug = {"id": new_id(), "code": "bench", "name": "Bench drug", "strength": "10 mg/mL", "schedule": "III"}
        people: list[dict[str, Any]] = [
            {"id": new_id(), "number": 1001 + n, "first_name": "Alexandra", "last_name": f"Featherstonehaugh {n}",
             "phone": f"(845) 555-{n:04}", "address": f"{n} Old Mill Road", "city": "Millbrook", "region": "NY",
             "postal_code": "12545", "email": f"client{n}@example.org"} for n in range(count)
        ]  # fmt: skip
        animals = [
            {"id": new_id(), "client_id": one["id"], "name": "Biscuit", "species": ("cat", "dog")[n % 2],
             "sex": "female", "weight_grams": 4_200, "breed": "Domestic Shorthair", "colour": "Brown tabby"}
            for n, one in enumerate(people)
        ]  # fmt: skip
        visits = [
            {"id": new_id(), "number": 1 + n, "client_id": people[n]["id"], "patient_id": animals[n]["id"],
             "location_id": location, "type": "surgery", "starts_at": begin + timedelta(minutes=3 * n), "day": day,
             "stage": "booked", "stage_at": begin, "services": codes} for n in range(count)
        ]  # fmt: skip
        bottles = [
            {"id": new_id(), "drug_id": drug["id"], "number": f"B{n}", "size": 10_000, "received_on": day,
             "opened_at": begin - timedelta(days=1), "location_id": location} for n in range(8)
        ]  # fmt: skip
        for model, rows in ((Client, people), (Patient, animals), (Appointment, visits), (Drug, [drug]),
                            (Bottle, bottles)):  # fmt: skip
            session.bulk(model, rows)
        audit.append(session, by, "bench.filled", "appointment", "")
    return by, day
