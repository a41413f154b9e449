"""Drugs, bottles and the drug log. Quantities are whole thousandths of the drug's unit (1 mL = 1000)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column
from data.types import UTCDateTime


class Drug(Record, Base):
    """A drug in one strength. ``schedule`` is II to V or empty; ``unit`` is mL, tablet or capsule."""

    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
    strength: Mapped[str] = mapped_column(String(60), default="")
    unit: Mapped[str] = mapped_column(String(20), default="mL")
    schedule: Mapped[str] = mapped_column(String(4), default="")
    route: Mapped[str] = mapped_column(String(20), default="")
    stage: Mapped[str] = mapped_column(String(20), default="")
    """Where it is usually given: premedicated, induced, in_surgery, recovering, ready."""
    needs_witness: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    keys = (Index("ix_drug_code", "clinic_id", "code", unique=True),)


class Bottle(Record, Base):
    """One container. Its balance is the sum of its log entries' ``delta``; negative is flagged, never blocked."""

    drug_id: Mapped[str] = id_column()
    number: Mapped[str] = mapped_column(String(30))
    lot: Mapped[str] = mapped_column(String(40), default="")
    expires_on: Mapped[date | None]
    size: Mapped[int] = mapped_column(BigInteger)
    supplier: Mapped[str] = mapped_column(String(120), default="")
    supplier_registration: Mapped[str] = mapped_column(String(40), default="")
    received_on: Mapped[date]
    location_id: Mapped[str | None] = id_column(nullable=True)
    opened_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (
        belongs("drug_id", "drug"),
        belongs("location_id", "location"),
        Index("ix_bottle_number", "clinic_id", "number", unique=True),
        Index("ix_bottle_drug", "clinic_id", "drug_id"),
    )


class DrugLogEntry(Event, Base):
    """One line of a bottle's log; never changed. A correction is a ``reversal`` of the line and a new line.

    ``kind``: received, use (drawn = given + wasted), adjusted, disposed, transferred, reversal. ``delta`` is what it
    does to the balance. 21 CFR 1304.22(c) names what a record holds; dates are those of the event (1304.21(d)).
    """

    bottle_id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(String(12))
    delta: Mapped[int] = mapped_column(BigInteger)
    drawn: Mapped[int] = mapped_column(BigInteger, default=0)
    given: Mapped[int] = mapped_column(BigInteger, default=0)
    wasted: Mapped[int] = mapped_column(BigInteger, default=0)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    patient_id: Mapped[str | None] = id_column(nullable=True)
    stage: Mapped[str] = mapped_column(String(20), default="")
    route: Mapped[str] = mapped_column(String(20), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    witness_id: Mapped[str | None] = id_column(nullable=True)
    reverses_id: Mapped[str | None] = id_column(nullable=True)
    form_sheet_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("bottle_id", "bottle"),
        belongs("appointment_id", "appointment"),
        belongs("patient_id", "patient"),
        Index("ix_drug_log_entry_bottle", "clinic_id", "bottle_id", "event_at"),
        Index("ix_drug_log_entry_appointment", "clinic_id", "appointment_id"),
        Index("ix_drug_log_entry_reverses", "clinic_id", "reverses_id", unique=True),
    )


class DrugCount(Event, Base):
    """A physical count of one bottle at the open (AM) or close (PM) of business."""

    bottle_id: Mapped[str] = id_column()
    day: Mapped[date]
    session: Mapped[str] = mapped_column(String(2))
    """AM or PM."""
    counted: Mapped[int] = mapped_column(BigInteger)
    expected: Mapped[int] = mapped_column(BigInteger)
    witness_id: Mapped[str | None] = id_column(nullable=True)
    reason: Mapped[str] = mapped_column(String(300), default="")
    keys = (belongs("bottle_id", "bottle"), Index("ix_drug_count_day", "clinic_id", "day"))
