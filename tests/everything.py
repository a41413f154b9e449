"""A clinic in which every column that holds what people typed, holds the same text: for tests that look for it.

``CODED`` names the text columns whose values the product itself chooses; every other one is filled, and a test in
tests/attacks holds this to the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import String, select

from data import models
from data.blobs import BlobStore
from data.engine import database
from data.models.base import Base
from data.session import ClinicSession, write
from data.types import clock, new_id
from security import audit

CODED = {
    "app_user": "username role status colour password_hash pin_hash",
    "appointment": "type stage funding",
    "audit_log": "source action entity entity_id prev_hash hash detail",
    "backup_run": "kind sha256 state",
    "bank_line": "account external_id currency source row_hash",
    "books_period": "state",
    "campaign_run": "campaign key state",
    "card_slip": "processor",
    "chain_head": "audit_hash",
    "check_in": "consent source",
    "client": "phone_digits owner_type search",
    "clinic_secret": "name",
    "clinic": "slug kind zone currency locale",
    "consent": "channel purpose source",
    "custom_value": "entity field",
    "definition": "kind slug",
    "deposit_link": "source",
    "discharge": "source",
    "document": "kind media_type blob sha256 access",
    "document_page": "state reason",
    "draft": "place",
    "drug": "code stage",
    "drug_count": "session source",
    "drug_log_entry": "kind stage source",
    "exam": "sex_found reproductive health source",
    "flow_event": "from_stage to_stage source",
    "form_sheet": "form state",
    "fund": "code kind",
    "fund_entry": "kind source",
    "heartbeat": "part",
    "idempotency": "key permission",
    "import_run": "kind sha256",
    "invoice": "currency",
    "invoice_event": "kind source",
    "invoice_line": "tax_code discount_code package_code source",
    "job": "kind dedupe_key rule catch_up state lease_owner",
    "location": "zone",
    "mail_event": "address_hash kind external_id source",
    "memo_reading": "source",
    "note": "access source",
    "observation": "stage source",
    "outage": "scope",
    "outbox_file": "mime",
    "outbox_message": "channel purpose dedupe_key message_id state lease_owner address_hash variant",
    "patient": "sex",
    "payment": "kind currency tender channel source",
    "payment_allocation": "source",
    "payment_match": "kind state",
    "payment_request": "currency processor external_id url state",
    "portal_code": "address_hash code_hash",
    "portal_session": "token_hash",
    "print_run": "form purpose",
    "processor_event": "processor external_id kind state",
    "processor_order": "processor kind order_key state currency external_id",
    "processor_secret": "processor",
    "recovery": "source",
    "reminder": "service_code",
    "scan_file": "reader sha256 staged state problem",
    "schedule_run": "schedule key occasion state",
    "service": "code tax_code",
    "settled_transaction": "processor reference kind status currency source row_hash",
    "settlement_batch": "processor external_id currency",
    "snapshot_device": "token_hash code_hash",
    "suppression": "address_hash channel scope reason",
    "surgery": "source",
    "ticket": "secret_hash purpose bound_to",
    "user_session": "token_hash kind revoked_reason",
    "variance": "kind signature state",
    "variance_comment": "source",
    "vault_address": "code_hash",
    "waiver": "entity",
}


def typed(model: type[Any]) -> dict[str, int]:
    """The columns of a model that hold what people typed, or what came with a file, and how long they may be."""
    coded = CODED.get(model.__tablename__, "").split()
    return {
        column.name: column.type.length or 2_000
        for column in model.__table__.columns
        if isinstance(column.type, String) and column.name not in coded
    }


def every_model() -> list[type[Any]]:
    """Every mapped class."""
    return [mapper.class_ for mapper in Base.registry.mappers]


def fill(row: Any, text: str, **but: Any) -> Any:
    """Put a text into every typed column of a row that is not named in ``but``."""
    for name, length in typed(type(row)).items():
        if name not in but:
            setattr(row, name, text[:length])
    return row


@dataclass(frozen=True)
class Record:
    """One client with everything that can hang on it."""

    client_id: str
    patient_id: str
    appointment_id: str
    invoice_id: str
    payment_id: str
    line_id: str
    document_id: str
    note_id: str
    bottle_id: str
    entry_id: str


def record(clinic: Any, text: str, *, species: str = "cat", stage: str = "ready", restricted: bool = False) -> Record:
    """A client, a patient in the house today and all that was written on them, each typed column holding ``text``."""
    now, today = clock.now(), clock.today("America/New_York")
    with write(clinic.id) as session:

        def add(model: type[Any], **values: Any) -> Any:
            row = fill(model(id=new_id(), **values), text, **values)
            session.add(row)
            session.flush()
            return row

        number = 8_100 + session.head().change % 1_000
        client = add(models.Client, number=number, restricted=restricted, search=f" {number} {text.lower()} ",
                     phone="(555) 010-9977", phone_digits="5550109977", email="canary@example.org")  # fmt: skip
        patient = add(models.Patient, client_id=client.id, species=species, sex="female", weight_grams=4_321)
        place = session.scalars(select(models.Location.id).order_by(models.Location.name)).first()
        visit = add(
            models.Appointment, number=number, client_id=client.id, patient_id=patient.id, location_id=place,
            type="surgery", starts_at=now, day=today, stage=stage, stage_at=now - timedelta(minutes=5), services=[],
        )  # fmt: skip
        add(models.FlowEvent, appointment_id=visit.id, from_stage="recovering", to_stage=stage, event_at=now)
        for model in (models.CheckIn, models.Exam, models.Surgery, models.Recovery, models.Discharge):
            listed = {"abnormalities": [text]} if model is models.Exam else {}
            listed |= {"complications": [text]} if model in (models.Surgery, models.Recovery) else {}
            add(model, appointment_id=visit.id, event_at=now, **listed)
        add(models.Observation, appointment_id=visit.id, event_at=now, stage="in_surgery")
        note = add(models.Note, client_id=client.id, patient_id=patient.id, access="everyone", event_at=now)
        blob = BlobStore(database().home).put(b"%PDF-1.4 " + text.encode())
        document = add(
            models.Document, client_id=client.id, patient_id=patient.id, media_type="application/pdf", size=9,
            blob=blob, sha256="0" * 64,
        )  # fmt: skip
        add(models.Consent, client_id=client.id, channel="any", purpose="treatment", given=True, event_at=now)
        service = session.scalars(select(models.Service).order_by(models.Service.code)).first()
        invoice = add(
            models.Invoice, number=number, client_id=client.id, appointment_id=visit.id, location_id=place,
            issued_on=today - timedelta(days=40), due_on=today, currency="USD",
        )  # fmt: skip
        line = add(
            models.InvoiceLine, invoice_id=invoice.id, day=today, patient_id=patient.id, service_id=service.id,
            unit_price_cents=5_000, net_cents=5_000, event_at=now,
        )  # fmt: skip
        add(models.InvoiceEvent, invoice_id=invoice.id, kind="opened", event_at=now)
        payment = add(
            models.Payment, reference=f"P-{number}", kind="sale", amount_cents=1_000, currency="USD", tender="card",
            client_id=client.id, location_id=place, day=today, event_at=now,
        )  # fmt: skip
        add(models.PaymentAllocation, payment_id=payment.id, invoice_id=invoice.id, amount_cents=1_000, event_at=now)
        drug = session.scalars(select(models.Drug).order_by(models.Drug.name)).first()
        bottle = add(models.Bottle, drug_id=drug.id, number=f"B{number}", size=10_000, received_on=today,
                     lot="L1", supplier="Acme", supplier_registration="", opened_at=now)  # fmt: skip
        entry = add(
            models.DrugLogEntry, bottle_id=bottle.id, kind="use", delta=-100, drawn=100, given=100,
            appointment_id=visit.id, patient_id=patient.id, route="IM", event_at=now,
        )  # fmt: skip
        seal(session, clinic)
        return Record(
            client.id, patient.id, visit.id, invoice.id, payment.id, line.id, document.id, note.id, bottle.id, entry.id
        )  # fmt: skip


def seal(session: ClinicSession, clinic: Any) -> None:
    """The audit row that every change needs."""
    session.flush()
    audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)
