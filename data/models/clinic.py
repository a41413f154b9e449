"""The clinic, its locations, its chain head, and every setting as a versioned definition."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, ClinicRow, Record, belongs, id_column
from data.types import UTCDateTime, clock, new_id


class Clinic(Base):
    """One clinic of this home. ``kind`` is veterinary or human; ``zone`` an IANA name; ``currency`` ISO 4217."""

    __tablename__ = "clinic"
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    zone: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(String(3))
    locale: Mapped[str] = mapped_column(String(20), default="en_US")
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())


class ChainHead(Base):
    """One row per clinic, locked by every write: the last change number and the head of the audit chain.

    ``content_change`` is the last change that was more than a look, a sign of life or half-typed words: while it
    stands, what pages show still holds.
    """

    __tablename__ = "chain_head"
    clinic_id: Mapped[str] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    change: Mapped[int] = mapped_column(BigInteger, default=0)
    content_change: Mapped[int] = mapped_column(BigInteger, default=0)
    audit_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    audit_hash: Mapped[str] = mapped_column(String(64), default="0" * 64)


class Location(Record, Base):
    """A place where the clinic works. ``opening`` maps weekday (0 Monday) to [open, close] as HH:MM, absent = shut.
    ``code`` is the slug of its definition, so that it can be renamed."""

    code: Mapped[str] = mapped_column(String(80), default="")
    name: Mapped[str] = mapped_column(String(120))
    zone: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(Text, default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    opening: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    active: Mapped[bool] = mapped_column(default=True)


class Definition(Record, Base):
    """Something an administrator changes as data: a role, a report, an appointment type. Its body lives in versions."""

    kind: Mapped[str] = mapped_column(String(40))
    slug: Mapped[str] = mapped_column(String(80))
    number: Mapped[int] = mapped_column(Integer)
    """The current version's number."""
    body: Mapped[dict[str, object]] = mapped_column(JSON)
    """The current version's body, so that reading needs no join."""
    keys = (UniqueConstraint("clinic_id", "kind", "slug", name="uq_definition_kind_slug"),)


class DefinitionVersion(ClinicRow, Base):
    """One saved version; never changed. A rollback is a new version with an old body."""

    append_only = True
    definition_id: Mapped[str] = id_column()
    number: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, object]] = mapped_column(JSON)
    comment: Mapped[str] = mapped_column(String(300), default="")
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    at: Mapped[datetime] = mapped_column("saved_at", UTCDateTime(), default=clock.now)
    keys = (
        belongs("definition_id", "definition"),
        UniqueConstraint("clinic_id", "definition_id", "number", name="uq_definition_version_number"),
    )


class CustomValue(Record, Base):
    """The answer to a custom field (a definition of kind custom-field) on a client, patient or appointment."""

    entity: Mapped[str] = mapped_column(String(20))
    entity_id: Mapped[str] = id_column()
    field: Mapped[str] = mapped_column(String(80))
    value: Mapped[object] = mapped_column(JSON)
    keys = (Index("ix_custom_value_entity", "clinic_id", "entity", "entity_id", "field", unique=True),)
