"""Outages, printed sheets with their serials, scanned pages."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, Event, Record, belongs, id_column
from data.types import UTCDateTime, clock


class Outage(Record, Base):
    """A time on paper: the whole clinic or cards only. Clinical and money part close apart."""

    scope: Mapped[str] = mapped_column(String(10))
    """all, cards."""
    began_at: Mapped[datetime] = mapped_column(UTCDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    reason: Mapped[str] = mapped_column(Text, default="")
    declared_by_id: Mapped[str | None] = id_column(nullable=True)
    clinical_closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    clinical_closed_by_id: Mapped[str | None] = id_column(nullable=True)
    clinical_report_id: Mapped[str | None] = id_column(nullable=True)
    """The document that was signed at closing."""
    money_closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    money_closed_by_id: Mapped[str | None] = id_column(nullable=True)
    money_report_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("clinical_report_id", "document"),
        belongs("money_report_id", "document"),
        Index("ix_outage_began", "clinic_id", "began_at"),
    )


class PageKey(Record, Base):
    """A key that the codes on printed pages are made with, sealed under the installation's key. Kept for good."""

    number: Mapped[int] = mapped_column(Integer)
    sealed: Mapped[str] = mapped_column(String(160))
    keys = (Index("ix_page_key_number", "clinic_id", "number", unique=True),)


class FormEdition(Event, Base):
    """A published form on one paper, as it was printed: never changed, so that old paper stays readable. ``number`` is
    what a page's code says."""

    number: Mapped[int] = mapped_column(Integer)
    form: Mapped[str] = mapped_column(String(80))
    form_version: Mapped[int] = mapped_column(Integer)
    paper: Mapped[str] = mapped_column(String(10))
    key_number: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, object]] = mapped_column(JSON)
    layout: Mapped[dict[str, object]] = mapped_column(JSON)
    """Sizes and zones of the pages, in points from the top left."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the whole layout."""
    keys = (
        Index("ix_form_edition_number", "clinic_id", "number", unique=True),
        Index("ix_form_edition_form", "clinic_id", "form", "form_version"),
    )


class PrintRun(Record, Base):
    """One printing of one form version."""

    form: Mapped[str] = mapped_column(String(80))
    form_version: Mapped[int] = mapped_column(Integer)
    purpose: Mapped[str] = mapped_column(String(12))
    """roster, appointment, blank."""
    count: Mapped[int] = mapped_column(Integer)
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    printed_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)
    day: Mapped[date | None]
    """The day it was printed for; none for blank stock."""
    batch: Mapped[str] = mapped_column(String(36), default="")
    """The same on all runs that were printed at once, such as those of one evening's pack."""
    what: Mapped[str] = mapped_column(String(12), default="")
    """What was asked for: pack, roster, appointment, stock, again."""


class FormSheet(Record, Base):
    """One printed set of pages with its serial. Bound to an appointment when pre-printed; blank stock binds later."""

    print_run_id: Mapped[str] = id_column()
    serial: Mapped[int] = mapped_column(Integer)
    form: Mapped[str] = mapped_column(String(80))
    form_version: Mapped[int] = mapped_column(Integer)
    edition: Mapped[int] = mapped_column(Integer, default=0)
    pages: Mapped[int] = mapped_column(Integer)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    bottle_id: Mapped[str | None] = id_column(nullable=True)
    state: Mapped[str] = mapped_column(String(12), default="printed")
    """printed, used, entered, spoiled, waived."""
    reason: Mapped[str] = mapped_column(String(200), default="")
    """Why it was spoiled or waived."""
    outage_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("print_run_id", "print_run"),
        belongs("appointment_id", "appointment"),
        belongs("bottle_id", "bottle"),
        belongs("outage_id", "outage"),
        Index("ix_form_sheet_serial", "clinic_id", "serial", unique=True),
        Index("ix_form_sheet_appointment", "clinic_id", "appointment_id"),
    )


class ScanFile(Record, Base):
    """A scanned file as it came in. It waits encrypted in ``staged``, outside every backup, until its pages are read;
    what is kept of it is ``document_id``, without the pages that were destroyed."""

    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the bytes that came in."""
    staged: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """waiting, read, refused."""
    problem: Mapped[str] = mapped_column(String(20), default="")
    pages: Mapped[int] = mapped_column(Integer, default=0)
    destroyed: Mapped[int] = mapped_column(Integer, default=0)
    """Pages that were cut out and destroyed: card slips."""
    document_id: Mapped[str | None] = id_column(nullable=True)
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    reader: Mapped[str] = mapped_column(String(60), default="")
    """Who is reading it now, until ``reading_until``: one reader at a time."""
    reading_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    pages_read: Mapped[int] = mapped_column(Integer, default=0)
    """How far the reader is, for the bar on the screen."""
    keys = (belongs("document_id", "document"), Index("ix_scan_file_sha256", "clinic_id", "sha256"))


class DocumentPage(Record, Base):
    """One scanned page of a document: which sheet and page it is, what was read, what waits for a person."""

    document_id: Mapped[str] = id_column()
    index: Mapped[int] = mapped_column("page_index", Integer)
    form_sheet_id: Mapped[str | None] = id_column(nullable=True)
    page: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(12))
    """attached, review, quarantined, duplicate, foreign."""
    reason: Mapped[str] = mapped_column(String(80), default="")
    fields: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    picture: Mapped[str] = mapped_column(String(64), default="")
    """The blob of its upright picture (JPEG), the one that is shown."""
    is_upright: Mapped[bool] = mapped_column(default=False)
    """Whether the picture is laid on the paper, so that a field can be cut out of it."""
    scale: Mapped[float | None]
    """How large it was printed, 1 at actual size; none where the scan does not tell."""
    superseded_by_id: Mapped[str | None] = id_column(nullable=True)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    """Where a person put a page that is no sheet of ours; pages of sheets follow their sheet."""
    kind: Mapped[str] = mapped_column(String(40), default="")
    """What a person said such a page is."""
    settled_by_id: Mapped[str | None] = id_column(nullable=True)
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (
        belongs("document_id", "document"),
        belongs("form_sheet_id", "form_sheet"),
        belongs("appointment_id", "appointment"),
        Index("ix_document_page_state", "clinic_id", "state"),
        Index("ix_document_page_appointment", "clinic_id", "appointment_id"),
        Index("ix_document_page_document", "clinic_id", "document_id", "page_index", unique=True),
        Index("ix_document_page_sheet", "clinic_id", "form_sheet_id"),
    )


class Waiver(Record, Base):
    """A row of the recovery board that a named person let go, with the reason."""

    outage_id: Mapped[str] = id_column()
    entity: Mapped[str] = mapped_column(String(20))
    entity_id: Mapped[str] = id_column()
    reason: Mapped[str] = mapped_column(Text)
    by_user_id: Mapped[str] = id_column()
    keys = (belongs("outage_id", "outage"), Index("ix_waiver_outage", "clinic_id", "outage_id"))


class BackEntry(Record, Base):
    """What was keyed from one sheet: the typed values beside those the machine read. One per sheet."""

    form_sheet_id: Mapped[str] = id_column()
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    state: Mapped[str] = mapped_column(String(10), default="draft")
    """draft, entered, verified."""
    typed: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """By the field's key (``grid.line.column`` in repeating lines): what the person typed or confirmed."""
    machine: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What the machine had read there."""
    keyed_by_id: Mapped[str | None] = id_column(nullable=True)
    keyed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    verified_by_id: Mapped[str | None] = id_column(nullable=True)
    verified_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (
        belongs("form_sheet_id", "form_sheet"),
        belongs("appointment_id", "appointment"),
        Index("ix_back_entry_sheet", "clinic_id", "form_sheet_id", unique=True),
        Index("ix_back_entry_appointment", "clinic_id", "appointment_id"),
    )


class CardSlip(Record, Base):
    """One card slip that was keyed: each of the four on its sheet once. Never a card number.

    A slip that was spoiled has a ``reason`` and no amount; one that was not charged yet has no ``authorization``, and
    one that waits to be applied to a ticket has no payment.
    """

    form_sheet_id: Mapped[str] = id_column()
    part: Mapped[int] = mapped_column(Integer)
    """Which of the slips on the sheet, from 1."""
    outage_id: Mapped[str | None] = id_column(nullable=True)
    appointment_id: Mapped[str | None] = id_column(nullable=True)
    client_id: Mapped[str | None] = id_column(nullable=True)
    payer: Mapped[str] = mapped_column(String(120), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    last4: Mapped[str] = mapped_column(String(4), default="")
    brand: Mapped[str] = mapped_column(String(20), default="")
    authorization: Mapped[str] = mapped_column(String(20), default="")
    taken_at: Mapped[datetime] = mapped_column(UTCDateTime())
    payment_id: Mapped[str | None] = id_column(nullable=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    """Why it was spoiled."""
    processor: Mapped[str] = mapped_column(String(80), default="")
    """The slug of the processor at whose virtual terminal it is, or was, charged."""
    claimed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    """Since when somebody is charging it there; no payment request goes out meanwhile."""
    claimed_by_id: Mapped[str | None] = id_column(nullable=True)
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    destroyed_by_id: Mapped[str | None] = id_column(nullable=True)
    destroyed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (
        belongs("form_sheet_id", "form_sheet"),
        belongs("appointment_id", "appointment"),
        belongs("client_id", "client"),
        belongs("outage_id", "outage"),
        Index("ix_card_slip_sheet", "clinic_id", "form_sheet_id", "part", unique=True),
    )


class Rehearsal(Record, Base):
    """A practised outage: which day's paper, by whom, how it went."""

    day: Mapped[date]
    began_at: Mapped[datetime] = mapped_column(UTCDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    practice_clinic_id: Mapped[str | None] = id_column(nullable=True)
    """The scratch clinic it was practised in; none in a sample clinic."""
    result: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
