"""What the worker does: leased jobs, the outbox, backups, its heartbeat."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Record, belongs, id_column
from data.types import UTCDateTime, clock


class Job(Record, Base):
    """Something due at a UTC instant. ``rule`` is the local rule of a recurring job; ``dedupe_key`` makes it exist
    once; ``catch_up`` says what happens to runs missed while nothing ran: all, latest or none."""

    kind: Mapped[str] = mapped_column(String(40))
    dedupe_key: Mapped[str] = mapped_column(String(160))
    due_at: Mapped[datetime] = mapped_column(UTCDateTime())
    rule: Mapped[str] = mapped_column(String(120), default="")
    catch_up: Mapped[str] = mapped_column(String(8), default="latest")
    payload: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """waiting, running, done, failed."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str] = mapped_column(String(60), default="")
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    error: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    keys = (
        UniqueConstraint("clinic_id", "dedupe_key", name="uq_job_dedupe_key"),
        Index("ix_job_due", "state", "due_at"),
    )


class OutboxMessage(Record, Base):
    """A mail, text or letter on its way. ``dedupe_key`` makes it exist once; states as in messages/outbox.py.

    ``body`` is encrypted under the token key: it may hold a link that signs somebody in.
    """

    channel: Mapped[str] = mapped_column(String(8))
    purpose: Mapped[str] = mapped_column(String(30))
    dedupe_key: Mapped[str] = mapped_column(String(160))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    message_id: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(12), default="pending")
    """pending, claimed, sending, sent, deferred, failed, uncertain, suppressed; of a campaign also excluded (``reply``
    says why) and held_out, which never go out."""
    due_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)
    """When it may go out; from then on when it went on its way."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str] = mapped_column(String(60), default="")
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    reply: Mapped[str] = mapped_column(String(500), default="")
    run_id: Mapped[str | None] = id_column(nullable=True)
    """The launch of a campaign it belongs to. Its text is then made when it goes out, of the run's frozen template and
    the merge values that ``body`` holds."""
    client_id: Mapped[str | None] = id_column(nullable=True)
    patient_id: Mapped[str | None] = id_column(nullable=True)
    address_hash: Mapped[str | None] = mapped_column(String(64))
    """Of a campaign: an HMAC of the address, so that each gets it once; none where it was left out."""
    variant: Mapped[str] = mapped_column(String(8), default="")
    """Which of a campaign's texts: a, b; hold for those who get none, to compare with."""
    keys = (
        UniqueConstraint("clinic_id", "dedupe_key", name="uq_outbox_message_dedupe_key"),
        UniqueConstraint("clinic_id", "run_id", "address_hash", "channel", name="uq_outbox_message_run_id"),
        belongs("run_id", "campaign_run"),
        Index("ix_outbox_message_due", "state", "due_at"),
        Index("ix_outbox_message_run_due", "clinic_id", "run_id", "state", "due_at"),
        Index("ix_outbox_message_client", "clinic_id", "client_id"),
    )


class OutboxFile(Record, Base):
    """A file that goes out with mails, kept once for all who get it. ``body`` is encrypted under the token key, and
    emptied when nobody can need it any more."""

    name: Mapped[str] = mapped_column(String(200))
    mime: Mapped[str] = mapped_column(String(120))
    size: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ScheduleRun(Record, Base):
    """One run of a subscription, due at an instant or asked for: how it ended, for whom, and why not for others.

    ``schedule`` is the name of its definition; ``occasion`` is due or asked; ``key`` makes a run exist once.
    """

    schedule: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(160))
    occasion: Mapped[str] = mapped_column(String(8), default="due")
    due_at: Mapped[datetime] = mapped_column(UTCDateTime())
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """waiting, running, retrying; sent, no_data, quiet, failed, missed."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    rows: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text, default="")
    mails: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    """For each mail its message and ``to``: a person's id, or an address."""
    left_out: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    """For each who got nothing: ``who`` and ``why``."""
    asked_by: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    keys = (
        UniqueConstraint("clinic_id", "key", name="uq_schedule_run_key"),
        Index("ix_schedule_run_due", "clinic_id", "schedule", "due_at"),
    )


class BackupRun(Record, Base):
    """One backup or drill, and how it ended."""

    kind: Mapped[str] = mapped_column(String(10))
    """full, drill, restore."""
    place: Mapped[str] = mapped_column(String(300))
    file_name: Mapped[str] = mapped_column(String(200), default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(10))
    """good, failed."""
    detail: Mapped[str] = mapped_column(Text, default="")
    began_at: Mapped[datetime] = mapped_column(UTCDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())


class Heartbeat(Record, Base):
    """The last sign of life of a part of the installation."""

    part: Mapped[str] = mapped_column(String(40))
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime())
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    keys = (UniqueConstraint("clinic_id", "part", name="uq_heartbeat_part"),)
