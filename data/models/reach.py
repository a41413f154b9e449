"""Reaching people: launched campaigns, who must not be written to, what came back, the Vault, snapshots, memos."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Index, Integer, LargeBinary, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column
from data.types import UTCDateTime


class CampaignRun(Record, Base):
    """One launch of a campaign: once, for a day of a recurring one, or for a day of a triggered one.

    Its audience is frozen: one outbox row for everybody, those left out and the hold-out group included. It is
    ``preparing`` until all of them are written and rendered, and what is preparing sends nothing.
    """

    campaign: Mapped[str] = mapped_column(String(80))
    """The slug of the campaign's definition."""
    key: Mapped[str] = mapped_column(String(160))
    """Makes a launch exist once: its idempotency key, or its day."""
    name: Mapped[str] = mapped_column(String(120))
    day: Mapped[date]
    """The clinic's day it is for; outcomes are counted from ``began_at``."""
    state: Mapped[str] = mapped_column(String(10), default="preparing")
    """preparing, waiting (for its hour), running, paused, finished, stopped, failed."""
    reason: Mapped[str] = mapped_column(String(300), default="")
    """Why it is paused, stopped or failed, in words for a person."""
    frozen: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """The definitions of the campaign, its segment and its templates as they were."""
    audience: Mapped[int] = mapped_column(Integer, default=0)
    goal: Mapped[str] = mapped_column(String(8), default="booked")
    goal_days: Mapped[int] = mapped_column(Integer, default=30)
    """What counts as success within so many days, as in ``frozen``: a visit booked, or kept."""
    begins_at: Mapped[datetime] = mapped_column(UTCDateTime())
    began_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    launched_by_id: Mapped[str | None] = id_column(nullable=True)
    document_id: Mapped[str | None] = id_column(nullable=True)
    """The file of its letters."""
    keys = (
        UniqueConstraint("clinic_id", "key", name="uq_campaign_run_key"),
        Index("ix_campaign_run_campaign", "clinic_id", "campaign", "day"),
        Index("ix_campaign_run_state", "clinic_id", "state"),
    )


class Suppression(Record, Base):
    """An address that must not be written to. It names no client and outlives an erasure: ``address_hash`` is an HMAC
    under the clinic's own secret."""

    address_hash: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(10))
    """email, sms, letter."""
    scope: Mapped[str] = mapped_column(String(10))
    """marketing, or everything (an address that does not exist)."""
    reason: Mapped[str] = mapped_column(String(16))
    """unsubscribed, complained, bounced, by_hand."""
    run_id: Mapped[str | None] = id_column(nullable=True)
    lifted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (Index("ix_suppression_address", "clinic_id", "address_hash", "channel"),)


class MailEvent(Event, Base):
    """What came back about a message: a bounce, a complaint, a confirmed delivery. ``external_id`` makes it count
    once."""

    outbox_id: Mapped[str | None] = id_column(nullable=True)
    address_hash: Mapped[str] = mapped_column(String(64), default="")
    kind: Mapped[str] = mapped_column(String(12))
    """hard_bounce, soft_bounce, complaint, delivered, unsubscribed."""
    external_id: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(String(500), default="")
    keys = (
        belongs("outbox_id", "outbox_message"),
        UniqueConstraint("clinic_id", "external_id", name="uq_mail_event_external_id"),
        Index("ix_mail_event_outbox", "clinic_id", "outbox_id"),
    )


class ClinicSecret(Record, Base):
    """Something secret of a clinic, encrypted under the credential key; never exported in the clear, never shown again.
    The one named ``links`` is drawn once: addresses are hashed and links signed with it for as long as the clinic
    lives."""

    name: Mapped[str] = mapped_column(String(40))
    """links, vault (the PDF's password), sms, mailbox, status_page."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    keys = (UniqueConstraint("clinic_id", "name", name="uq_clinic_secret_name"),)


class VaultAddress(Record, Base):
    """An address that gets the roster every night, once it was confirmed by the code mailed to it."""

    email: Mapped[str] = mapped_column(String(254))
    code_hash: Mapped[str] = mapped_column(String(64), default="")
    code_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    tries: Mapped[int] = mapped_column(Integer, default=0)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    by_user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    keys = (Index("ix_vault_address_email", "clinic_id", "email"),)


class SnapshotDevice(Record, Base):
    """A computer that keeps the offline snapshot. ``token_hash`` is empty until its one-time code was used. That
    it refreshed itself changes no answer that pages keep."""

    is_quiet = True
    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), default="")
    code_hash: Mapped[str] = mapped_column(String(64), default="")
    code_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    enrolled_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    refreshed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    """When it last got a whole snapshot and said that it has stored it."""
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    by_user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    keys = (Index("ix_snapshot_device_token", "clinic_id", "token_hash"),)


class Memo(Record, Base):
    """A notice to everybody, or to roles, until a day; it stands on the home page until acknowledged."""

    title: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Slugs of roles; none means everybody."""
    posted_at: Mapped[datetime] = mapped_column(UTCDateTime())
    expires_on: Mapped[date | None]
    by_user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    on_status_page_at: Mapped[datetime | None] = mapped_column(UTCDateTime())


class MemoReading(Event, Base):
    """Somebody acknowledged a memo."""

    memo_id: Mapped[str] = id_column()
    user_id: Mapped[str] = id_column()
    keys = (
        belongs("memo_id", "memo"),
        UniqueConstraint("clinic_id", "memo_id", "user_id", name="uq_memo_reading_memo_id"),
    )
