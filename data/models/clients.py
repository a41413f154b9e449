"""Clients (the responsible people), patients, notes, documents, consents, reminders, imports."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column
from data.types import UTCDateTime


class Client(Record, Base):
    """The responsible person. ``number`` is what staff say on the phone; ``reference`` the id of an import's source."""

    number: Mapped[int] = mapped_column(Integer)
    reference: Mapped[str] = mapped_column(String(80), default="")
    first_name: Mapped[str] = mapped_column(String(120), default="")
    last_name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    phone_digits: Mapped[str] = mapped_column(String(20), default="")
    other_phone: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(Text, default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(80), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    owner_type: Mapped[str] = mapped_column(String(20), default="public")
    """public, rescue, feral caretaker, shelter: words of the clinic."""
    caution: Mapped[str] = mapped_column(String(300), default="")
    search: Mapped[str] = mapped_column(Text, default="")
    """Name, number, phones, e-mail and the patients' names and chips, folded to lower case without accents."""
    merged_into_id: Mapped[str | None] = id_column(nullable=True)
    restricted: Mapped[bool] = mapped_column(default=False)
    """Only seen by breaking glass."""
    keys = (
        Index("ix_client_number", "clinic_id", "number", unique=True),
        Index("ix_client_last_name", "clinic_id", "last_name", "first_name"),
        Index("ix_client_phone_digits", "clinic_id", "phone_digits"),
        Index("ix_client_reference", "clinic_id", "reference"),
        Index("ix_client_merged_into", "clinic_id", "merged_into_id"),
    )


class Patient(Record, Base):
    """An animal or a person. A human patient may be their own client (``is_client``)."""

    client_id: Mapped[str] = id_column()
    reference: Mapped[str] = mapped_column(String(80), default="")
    name: Mapped[str] = mapped_column(String(120))
    is_client: Mapped[bool] = mapped_column(default=False)
    species: Mapped[str] = mapped_column(String(60), default="")
    breed: Mapped[str] = mapped_column(String(120), default="")
    colour: Mapped[str] = mapped_column(String(80), default="")
    sex: Mapped[str] = mapped_column(String(10), default="unknown")
    """female, male, unknown."""
    altered: Mapped[bool | None]
    born_on: Mapped[date | None]
    born_estimated: Mapped[bool] = mapped_column(default=False)
    weight_grams: Mapped[int | None]
    microchip: Mapped[str] = mapped_column(String(40), default="")
    caution: Mapped[str] = mapped_column(String(300), default="")
    died_on: Mapped[date | None]
    keys = (
        belongs("client_id", "client"),
        Index("ix_patient_client", "clinic_id", "client_id"),
        Index("ix_patient_microchip", "clinic_id", "microchip"),
        Index("ix_patient_reference", "clinic_id", "reference"),
    )


class Note(Event, Base):
    """A permanent note on a client. ``access``: everyone, clinicians, administrators, author. A correction is a new
    note that names the one it corrects."""

    client_id: Mapped[str] = id_column()
    patient_id: Mapped[str | None] = id_column(nullable=True)
    access: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    corrects_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("client_id", "client"),
        belongs("patient_id", "patient"),
        Index("ix_note_client", "clinic_id", "client_id"),
    )


class Document(Record, Base):
    """A stored file, encrypted in the blob store under ``blob`` (a keyed hash of its content)."""

    title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40), default="file")
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    blob: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the original bytes."""
    client_id: Mapped[str | None] = id_column(nullable=True)
    patient_id: Mapped[str | None] = id_column(nullable=True)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    access: Mapped[str] = mapped_column(String(16), default="everyone")
    keys = (
        belongs("client_id", "client"),
        belongs("patient_id", "patient"),
        Index("ix_document_client", "clinic_id", "client_id"),
        Index("ix_document_appointment", "clinic_id", "appointment_id"),
    )


class Consent(Event, Base):
    """What a client allowed or refused: per channel and purpose, with source and wording. The last one counts."""

    client_id: Mapped[str] = id_column()
    channel: Mapped[str] = mapped_column(String(10))
    """email, sms, letter, phone, any."""
    purpose: Mapped[str] = mapped_column(String(20))
    """marketing, reminders, phi (details may be named), treatment."""
    given: Mapped[bool]
    wording: Mapped[str] = mapped_column(Text, default="")
    origin: Mapped[str] = mapped_column(String(40), default="")
    """check-in, form, portal, import, phone."""
    keys = (belongs("client_id", "client"), Index("ix_consent_client", "clinic_id", "client_id"))


class Reminder(Record, Base):
    """Something due for a patient, from a service's interval; done, sent and declined are kept."""

    patient_id: Mapped[str] = id_column()
    service_code: Mapped[str] = mapped_column(String(60))
    due_on: Mapped[date]
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (belongs("patient_id", "patient"), Index("ix_reminder_due", "clinic_id", "due_on"))


class ImportRun(Record, Base):
    """One import, all or nothing; undoing it tombstones every row it brought."""

    kind: Mapped[str] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    mapping: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    counts: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    arriving_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    """While its rows come in, none of which counts yet: until when whoever brings them is believed to be at it."""
