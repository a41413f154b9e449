"""Launches as rows, for what reads them."""

from datetime import timedelta

from campaigns.settings import Campaign, Segment, Template
from data.models import Appointment, CampaignRun, Client, Invoice, InvoiceLine, Location, OutboxMessage, Patient
from data.session import write
from data.types import clock, new_id


def whole(**values):
    return {"label": "News", "segment": "all", "templates": {"email": "hello"}} | values


def frozen(slug="news", **values):
    return {
        "slug": slug, "campaign": Campaign(**whole(**values)).model_dump(mode="json"),
        "segment": Segment(label="All").model_dump(mode="json"), "zone": "America/New_York",
        "templates": {"hello": Template(label="Hello", subject="Hi", body="Hello").model_dump(mode="json")},
    }  # fmt: skip


def launched(clinic, people, *, slug="news", began=None, state="finished", **values):
    """A launch to ``people``: (state, variant, reason) each; gives its id and the ids of the clients."""
    began = began or clock.now() - timedelta(days=40)
    with write(clinic.id) as session:
        run = CampaignRun(
            campaign=slug, key=new_id(), name="News", day=began.date(), state=state, frozen=frozen(slug, **values),
            audience=len(people), begins_at=began, began_at=began,
            goal=values.get("goal", {}).get("what", "booked"), goal_days=values.get("goal", {}).get("days", 30),
        )  # fmt: skip
        session.add(run)
        session.flush()
        start = 70_000 + len(session.query(Client).all())
        ids = [new_id() for _ in people]
        session.bulk(Client, [
            {"id": one, "number": start + place, "first_name": f"Kim{place}", "last_name": "Vane", "search": "",
             "email": f"kim{start + place}@example.org"} for place, one in enumerate(ids)
        ])  # fmt: skip
        session.bulk(OutboxMessage, [
            {"id": new_id(), "channel": "email", "purpose": "marketing", "dedupe_key": f"run:{run.id}:{one}",
             "recipient": "", "body": b"", "state": was, "due_at": began, "reply": reason, "run_id": run.id,
             "sent_at": began if was == "sent" else None, "client_id": one, "variant": variant,
             "address_hash": one.replace("-", "")}
            for one, (was, variant, reason) in zip(ids, people, strict=True)
        ])  # fmt: skip
        return run.id, ids


def book(clinic, client_id, entered_at, *, stage="booked"):
    """The client books a visit."""
    with write(clinic.id) as session:
        patient = Patient(client_id=client_id, name="Mo", species="cat")
        session.add(patient)
        session.flush()
        number = 40_000 + session.query(Appointment).count()
        session.add(Appointment(
            number=number, client_id=client_id, patient_id=patient.id, type="surgery", entered_at=entered_at,
            location_id=session.query(Location).first().id, starts_at=entered_at + timedelta(days=5),
            day=(entered_at + timedelta(days=5)).date(), stage=stage, stage_at=entered_at,
        ))  # fmt: skip
        return patient.id


def charge(clinic, client_id, at, cents, *, reverses=None):
    """A line of an invoice of its own, or the line that takes one back; gives its id."""
    with write(clinic.id) as session:
        invoice = Invoice(
            number=60_000 + session.query(Invoice).count(), client_id=client_id, issued_on=at.date(), currency="USD"
        )
        session.add(invoice)
        session.flush()
        line = InvoiceLine(
            invoice_id=invoice.id, day=at.date(), description="Exam", unit_price_cents=cents, net_cents=cents,
            event_at=at, reverses_id=reverses,
        )  # fmt: skip
        session.add(line)
        session.flush()
        return line.id
