"""Appointments, the patient flow, and what each clinical stage records."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column
from data.types import UTCDateTime


class Appointment(Record, Base):
    """One visit of one patient. ``stage`` repeats the last flow event, so that a roster is one query."""

    number: Mapped[int] = mapped_column(Integer)
    reference: Mapped[str] = mapped_column(String(80), default="")
    client_id: Mapped[str] = id_column()
    patient_id: Mapped[str] = id_column()
    location_id: Mapped[str] = id_column()
    type: Mapped[str] = mapped_column(String(80))
    """Slug of an appointment type (a definition)."""
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime())
    day: Mapped[date]
    """The clinic's calendar day of ``starts_at`` in the location's zone."""
    minutes: Mapped[int] = mapped_column(Integer, default=15)
    stage: Mapped[str] = mapped_column(String(20), default="booked")
    stage_at: Mapped[datetime] = mapped_column(UTCDateTime())
    walk_in: Mapped[bool] = mapped_column(default=False)
    scheduled_on: Mapped[date | None]
    provider_id: Mapped[str | None] = id_column(nullable=True)
    services: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Codes of the services asked for."""
    funding: Mapped[str] = mapped_column(String(80), default="")
    """Slug of the grant or voucher that pays part of it."""
    notes: Mapped[str] = mapped_column(Text, default="")
    caution: Mapped[str] = mapped_column(String(300), default="")
    cancel_reason: Mapped[str] = mapped_column(String(200), default="")
    keys = (
        belongs("client_id", "client"),
        belongs("patient_id", "patient"),
        belongs("location_id", "location"),
        Index("ix_appointment_day", "clinic_id", "day", "location_id"),
        Index("ix_appointment_client", "clinic_id", "client_id"),
        Index("ix_appointment_patient", "clinic_id", "patient_id"),
        Index("ix_appointment_number", "clinic_id", "number", unique=True),
        Index("ix_appointment_reference", "clinic_id", "reference"),
    )


class FlowEvent(Event, Base):
    """A patient moved from one stage to another. A mistake is undone by a compensating event (``reverts_id``)."""

    appointment_id: Mapped[str] = id_column()
    from_stage: Mapped[str] = mapped_column(String(20))
    to_stage: Mapped[str] = mapped_column(String(20))
    reverts_id: Mapped[str | None] = id_column(nullable=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    form_sheet_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_flow_event_appointment", "clinic_id", "appointment_id"),
    )


class _Stage(Record):
    """A clinical record of one appointment: when it happened, where it came from, who wrote it."""

    appointment_id: Mapped[str] = id_column()
    event_at: Mapped[datetime] = mapped_column(UTCDateTime())
    source: Mapped[str] = mapped_column(String(10), default="live")
    by_user_id: Mapped[str | None] = id_column(nullable=True)


class CheckIn(_Stage, Base):
    """Arrival: identity confirmed, consent seen, services confirmed, deposit."""

    identity_confirmed: Mapped[bool] = mapped_column(default=False)
    consent: Mapped[str] = mapped_column(String(12), default="missing")
    """signed, missing, refused."""
    services_confirmed: Mapped[bool] = mapped_column(default=False)
    fasted: Mapped[bool | None]
    dropped_off_by: Mapped[str] = mapped_column(String(120), default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_check_in_appt", "clinic_id", "appointment_id", unique=True),
    )


class Exam(_Stage, Base):
    """Examination before anaesthesia. Temperature in hundredths of a degree Celsius."""

    weight_grams: Mapped[int | None]
    weight_estimated: Mapped[bool] = mapped_column(default=False)
    temperature_hundredths: Mapped[int | None]
    pulse: Mapped[int | None]
    respiration: Mapped[int | None]
    sex_found: Mapped[str] = mapped_column(String(10), default="")
    already_altered: Mapped[bool] = mapped_column(default=False)
    reproductive: Mapped[str] = mapped_column(String(40), default="")
    """in heat, pregnant, lactating, normal."""
    body_condition: Mapped[int | None]
    """1 to 9."""
    health: Mapped[str] = mapped_column(String(20), default="normal")
    abnormalities: Mapped[list[str]] = mapped_column(JSON, default=list)
    """cryptorchid, umbilical hernia, inguinal hernia, heart murmur, flea burden …"""
    approved: Mapped[bool | None]
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_exam_appt", "clinic_id", "appointment_id", unique=True),
    )


class Surgery(_Stage, Base):
    """The surgery performed. ``ended_at`` minus ``event_at`` is the surgeon's time."""

    surgeon_id: Mapped[str | None] = id_column(nullable=True)
    procedure: Mapped[str] = mapped_column(String(80))
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    findings: Mapped[str] = mapped_column(Text, default="")
    suture: Mapped[str] = mapped_column(String(80), default="")
    tattoo: Mapped[bool] = mapped_column(default=False)
    ear_tip: Mapped[bool] = mapped_column(default=False)
    complications: Mapped[list[str]] = mapped_column(JSON, default=list)
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_surgery_appt", "clinic_id", "appointment_id", unique=True),
    )


class Recovery(_Stage, Base):
    """Waking up: extubation, first temperature, pain (0 to 10), medicines to take home."""

    extubated_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    temperature_hundredths: Mapped[int | None]
    pain: Mapped[int | None]
    complications: Mapped[list[str]] = mapped_column(JSON, default=list)
    take_home: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_recovery_appt", "clinic_id", "appointment_id", unique=True),
    )


class Discharge(_Stage, Base):
    """Going home: to whom, with which instructions."""

    released_to: Mapped[str] = mapped_column(String(120), default="")
    aftercare_given: Mapped[bool] = mapped_column(default=False)
    notes: Mapped[str] = mapped_column(Text, default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_discharge_appt", "clinic_id", "appointment_id", unique=True),
    )


class Observation(Event, Base):
    """One line of the monitoring grid, under anaesthesia or in recovery."""

    appointment_id: Mapped[str] = id_column()
    stage: Mapped[str] = mapped_column(String(20))
    temperature_hundredths: Mapped[int | None]
    heart_rate: Mapped[int | None]
    respiration: Mapped[int | None]
    mucous_membranes: Mapped[str] = mapped_column(String(20), default="")
    pain: Mapped[int | None]
    text: Mapped[str] = mapped_column(String(300), default="")
    keys = (
        belongs("appointment_id", "appointment"),
        Index("ix_observation_appt", "clinic_id", "appointment_id"),
    )
