"""People, their sessions, what they did, and what they had half typed."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, ClinicRow, Record, belongs, id_column
from data.types import UTCDateTime, clock


class User(Record, Base):
    """A person who signs in, and their staff profile. Names are unique in the home, so that sign-in asks no clinic."""

    __tablename__ = "app_user"
    username: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    initials: Mapped[str] = mapped_column(String(6), default="")
    role: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(10), default="active")
    """active, disabled, invited."""
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    licence: Mapped[str] = mapped_column(String(60), default="")
    dea_number: Mapped[str] = mapped_column(String(20), default="")
    working_days: Mapped[list[int]] = mapped_column(JSON, default=list)
    """Weekdays, 0 = Monday."""
    signature_document_id: Mapped[str | None] = id_column(nullable=True)
    colour: Mapped[str] = mapped_column(String(9), default="")
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    pin_hash: Mapped[str] = mapped_column(String(200), default="")
    pin_failures: Mapped[int] = mapped_column(Integer, default=0)
    """Wrong PINs in a row; after five only the password helps."""
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Encrypted under the token key."""
    totp_last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The last TOTP step accepted, so that a code works once."""
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (belongs("signature_document_id", "document"),)


class UserSession(Record, Base):
    """A signed-in person on one device, or a wall display. Revoking the row ends it at once."""

    is_quiet = True
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str | None] = id_column(nullable=True)
    kind: Mapped[str] = mapped_column(String(10), default="person")
    """person, station (switches person by PIN), display (read-only board)."""
    device: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    last_input_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)
    idle_minutes: Mapped[int] = mapped_column(Integer, default=30)
    """Signed out after so long without input; 0 for a display, which shows and never writes."""
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    revoked_reason: Mapped[str] = mapped_column(String(80), default="")
    options: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    keys = (belongs("user_id", "app_user"),)


class Ticket(Record, Base):
    """A one-time secret: sign-in ticket (30 s), invitation, password reset, display enrolment."""

    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[str | None] = id_column(nullable=True)
    bound_to: Mapped[str] = mapped_column(String(64), default="")
    """Hash of the pre-login cookie of the browser that may use it, against login CSRF."""
    options: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime())
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (belongs("user_id", "app_user"),)


class AuditLog(ClinicRow, Base):
    """Who did or saw what. Each row's hash covers the row and the hash before it."""

    append_only = True
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column("logged_at", UTCDateTime(), default=clock.now)
    user_id: Mapped[str | None] = id_column(nullable=True)
    actor: Mapped[str] = mapped_column(String(120))
    session_id: Mapped[str | None] = id_column(nullable=True)
    source: Mapped[str] = mapped_column(String(12))
    """web, command, worker, portal, demo."""
    action: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(40), default="")
    entity_id: Mapped[str] = mapped_column(String(60), default="")
    detail: Mapped[str] = mapped_column(Text, default="{}")
    """Canonical JSON: names of fields, ids, counts, reasons. Never clinical or contact values."""
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    keys = (
        UniqueConstraint("clinic_id", "seq", name="uq_audit_log_seq"),
        Index("ix_audit_log_entity", "clinic_id", "entity", "entity_id"),
        Index("ix_audit_log_at", "clinic_id", "logged_at"),
    )


class Idempotency(ClinicRow, Base):
    """The result of a write that a person could have sent twice, by the key of the form it came from. Who wrote and
    by which right belong to the key, so that it answers nobody else."""

    is_quiet = True
    key: Mapped[str] = mapped_column(String(80))
    who: Mapped[str] = mapped_column(String(80))
    """The user's id; for the worker and the operator their name."""
    permission: Mapped[str] = mapped_column(String(60))
    result: Mapped[object] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column("done_at", UTCDateTime(), default=clock.now)
    keys = (UniqueConstraint("clinic_id", "who", "permission", "key", name="uq_idempotency_key"),)


class Draft(ClinicRow, Base):
    """What a person typed and has not saved. One per user and place; encrypted under the draft key."""

    is_quiet = True
    user_id: Mapped[str] = id_column()
    place: Mapped[str] = mapped_column(String(160))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column("typed_at", UTCDateTime(), default=clock.now)
    keys = (UniqueConstraint("clinic_id", "user_id", "place", name="uq_draft_place"),)


class BreakGlass(Record, Base):
    """Emergency access to restricted notes of one client: reason, one hour, reviewed within 72 hours."""

    user_id: Mapped[str] = id_column()
    client_id: Mapped[str] = id_column()
    reason: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime] = mapped_column(UTCDateTime())
    reviewed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    reviewed_by_user_id: Mapped[str | None] = id_column(nullable=True)
    review: Mapped[str] = mapped_column(Text, default="")
    keys = (belongs("user_id", "app_user"), belongs("client_id", "client"))


class Training(Record, Base):
    """A staff member's training or agreement with its expiry (the owner's register)."""

    user_id: Mapped[str] = id_column()
    title: Mapped[str] = mapped_column(String(200))
    done_on: Mapped[date]
    expires_on: Mapped[date | None]
    keys = (belongs("user_id", "app_user"),)
