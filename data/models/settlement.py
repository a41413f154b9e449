"""What card processors and banks say happened, how it was matched with our payments, and which periods are closed.

Money is whole cents, days are days of the clinic. Never a card number: last four digits, brand, authorization.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Arriving, Base, Event, Record, belongs, id_column
from data.types import UTCDateTime


def _once(name: str, *columns: str, where: str = "deleted_at IS NULL") -> Index:
    """A unique index over the rows that count. SQLite takes it only where a query says the same words."""
    lite = where.replace("stands AND", "stands = 1 AND")
    return Index(name, "clinic_id", *columns, unique=True, sqlite_where=text(lite), postgresql_where=text(where))


class ProcessorSecret(Record, Base):
    """What signs us in at a processor, encrypted under the credential key; never exported, never shown again."""

    processor: Mapped[str] = mapped_column(String(80))
    """The slug of the processor's definition."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    names: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Which of its credentials are set."""
    keys = (Index("ix_processor_secret_processor", "clinic_id", "processor", unique=True),)


class ProcessorOrder(Record, Base):
    """Something a processor was asked to do. Written before it is asked, so that a crash never asks for it twice under
    another key; whoever finds one unanswered asks again under the same ``order_key``."""

    processor: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(12))
    """checkout (a hosted page), expire, refund, void, look_up."""
    order_key: Mapped[str] = mapped_column(String(80))
    """The idempotency key or reference the processor gets."""
    state: Mapped[str] = mapped_column(String(12), default="intended")
    """intended, sent, done, declined, failed, uncertain."""
    amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    invoice_id: Mapped[str | None] = id_column(nullable=True)
    payment_request_id: Mapped[str | None] = id_column(nullable=True)
    payment_id: Mapped[str | None] = id_column(nullable=True)
    """The payment a refund is of."""
    made_payment_id: Mapped[str | None] = id_column(nullable=True)
    """The payment or refund of ours that came of it."""
    external_id: Mapped[str] = mapped_column(String(120), default="")
    facts: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What else is needed to finish it (allocations, reason, tender), never card data."""
    answer: Mapped[str] = mapped_column(String(300), default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        Index("ix_processor_order_key", "clinic_id", "processor", "order_key", unique=True),
        Index("ix_processor_order_state", "clinic_id", "state", "due_at"),
        Index("ix_processor_order_request", "clinic_id", "payment_request_id"),
        Index("ix_processor_order_payment", "clinic_id", "payment_id"),
    )


class ProcessorEvent(Record, Base):
    """A signed message of a processor, or what polling found: each counts once."""

    processor: Mapped[str] = mapped_column(String(80))
    external_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(60))
    happened_at: Mapped[datetime] = mapped_column(UTCDateTime())
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """waiting, handled, ignored, failed."""
    facts: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Ids, amounts in cents and states only."""
    problem: Mapped[str] = mapped_column(String(300), default="")
    keys = (
        Index("ix_processor_event_once", "clinic_id", "processor", "external_id", unique=True),
        Index("ix_processor_event_state", "clinic_id", "state"),
    )


class PaymentRequest(Record, Base):
    """A link on which a client may pay an invoice. It dies when the money arrived another way."""

    invoice_id: Mapped[str] = id_column()
    client_id: Mapped[str] = id_column()
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    processor: Mapped[str] = mapped_column(String(80), default="")
    external_id: Mapped[str] = mapped_column(String(120), default="")
    url: Mapped[str] = mapped_column(Text, default="")
    """The processor's own page, once there is one."""
    state: Mapped[str] = mapped_column(String(12), default="open")
    """open (asked for), live (a hosted page exists), paid, expired, withdrawn, failed."""
    ended_because: Mapped[str] = mapped_column(String(200), default="")
    card_slip_id: Mapped[str | None] = id_column(nullable=True)
    """The outage slip it asks the money of."""
    payment_id: Mapped[str | None] = id_column(nullable=True)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    by_user_id: Mapped[str | None] = id_column(nullable=True)
    keys = (
        belongs("invoice_id", "invoice"),
        belongs("client_id", "client"),
        belongs("payment_id", "payment"),
        Index("ix_payment_request_invoice", "clinic_id", "invoice_id"),
        Index("ix_payment_request_client", "clinic_id", "client_id"),
        Index("ix_payment_request_external", "clinic_id", "processor", "external_id"),
        _once(
            "ix_payment_request_slip",
            "card_slip_id",
            where="card_slip_id IS NOT NULL AND state IN ('open', 'live') AND deleted_at IS NULL",
        ),
    )


class PortalCode(Record, Base):
    """A one-time code by which a client signs in to the portal: its keyed hash, how often it was tried."""

    is_quiet = True
    client_id: Mapped[str] = id_column()
    address_hash: Mapped[str] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime())
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (belongs("client_id", "client"), Index("ix_portal_code_address", "clinic_id", "address_hash"))


class PortalSession(Record, Base):
    """A client signed in to the portal."""

    is_quiet = True
    client_id: Mapped[str] = id_column()
    token_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime())
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (belongs("client_id", "client"), Index("ix_portal_session_token", "clinic_id", "token_hash", unique=True))


class SettlementBatch(Record, Arriving, Base):
    """A batch of a processor as it was closed. ``external_id`` is unique at the processor, ``number`` may recycle."""

    processor: Mapped[str] = mapped_column(String(80))
    external_id: Mapped[str] = mapped_column(String(120))
    number: Mapped[str] = mapped_column(String(40), default="")
    brand: Mapped[str] = mapped_column(String(20), default="")
    """Where a processor batches one kind of card apart."""
    settled_on: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    location_id: Mapped[str | None] = id_column(nullable=True)
    gross_cents: Mapped[int | None] = mapped_column(BigInteger)
    """As the processor states it; none where only its rows are known. So ``fee_cents`` and ``net_cents``."""
    fee_cents: Mapped[int | None] = mapped_column(BigInteger)
    net_cents: Mapped[int | None] = mapped_column(BigInteger)
    keys = (
        _once("ix_settlement_batch_external", "processor", "external_id"),
        Index("ix_settlement_batch_day", "clinic_id", "settled_on"),
    )


class SettledTransaction(Event, Arriving, Base):
    """One row of a processor's settlement. ``event_at`` is when it was processed; ``amount_cents`` is negative for
    refunds and chargebacks. A row whose status moved on is hidden and a new one takes its place."""

    processor: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(120))
    """The processor's id of the transaction; unique in the clinic."""
    batch_id: Mapped[str | None] = id_column(nullable=True)
    kind: Mapped[str] = mapped_column(String(12))
    """sale, refund, chargeback, fee, adjustment."""
    status: Mapped[str] = mapped_column(String(12))
    """settled, pending, authorized, declined, voided."""
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    fee_cents: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    day: Mapped[date]
    """The business day of its location: by the processor's cut-off."""
    settled_on: Mapped[date | None]
    last4: Mapped[str] = mapped_column(String(4), default="")
    brand: Mapped[str] = mapped_column(String(20), default="")
    authorization: Mapped[str] = mapped_column(String(20), default="")
    invoice_reference: Mapped[str] = mapped_column(String(80), default="")
    entry_mode: Mapped[str] = mapped_column(String(20), default="")
    location_id: Mapped[str | None] = id_column(nullable=True)
    related_reference: Mapped[str] = mapped_column(String(120), default="")
    """Of a refund or chargeback: the sale it goes back to."""
    counts_on: Mapped[date]
    """The day it counts on: its own, or the first open one where its own lies in a closed period."""
    row_hash: Mapped[str] = mapped_column(String(64))
    """Of what the row says, so that the same row is known again."""
    keys = (
        belongs("batch_id", "settlement_batch"),
        _once("ix_settled_transaction_reference", "reference"),
        Index("ix_settled_transaction_day", "clinic_id", "counts_on"),
        Index("ix_settled_transaction_batch", "clinic_id", "batch_id"),
    )


class BankLine(Event, Arriving, Base):
    """One line of a bank statement. ``account`` is the clinic's own name for it, never its number."""

    account: Mapped[str] = mapped_column(String(60))
    external_id: Mapped[str] = mapped_column(String(120))
    """The bank's id of the line, or one made of what it says and which of several equal ones it is."""
    posted_on: Mapped[date]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    description: Mapped[str] = mapped_column(String(300), default="")
    row_hash: Mapped[str] = mapped_column(String(64))
    counts_on: Mapped[date]
    keys = (
        _once("ix_bank_line_external", "account", "external_id"),
        Index("ix_bank_line_day", "clinic_id", "counts_on"),
    )


class DepositLink(Event, Base):
    """A batch that arrived with a line of the bank statement; taken back by its tombstone."""

    bank_line_id: Mapped[str] = id_column()
    batch_id: Mapped[str] = id_column()
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    fee_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    auto: Mapped[bool] = mapped_column(default=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    keys = (
        belongs("bank_line_id", "bank_line"),
        belongs("batch_id", "settlement_batch"),
        _once("ix_deposit_link_batch", "batch_id"),
        Index("ix_deposit_link_line", "clinic_id", "bank_line_id"),
    )


class PaymentMatch(Record, Base):
    """Payments of ours and settled transactions that are the same money, with what speaks for it."""

    kind: Mapped[str] = mapped_column(String(32))
    """exact, split_tender …: the words of docs/reconciliation.md."""
    state: Mapped[str] = mapped_column(String(10), default="proposed")
    """proposed, accepted, rejected."""
    is_auto: Mapped[bool] = mapped_column(default=False)
    """Accepted by the engine, without a person."""
    score: Mapped[int] = mapped_column(Integer, default=0)
    """Thousandths of log-odds."""
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """For each field: ``field``, ``says`` (agrees, differs, unknown), the two values, ``weight`` in thousandths."""
    difference_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """Settled less paid."""
    day: Mapped[date]
    """The latest day its rows count on."""
    reason: Mapped[str] = mapped_column(String(300), default="")
    decided_by_id: Mapped[str | None] = id_column(nullable=True)
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (Index("ix_payment_match_day", "clinic_id", "day"),)


class PaymentMatchPart(Record, Base):
    """One payment or one settled transaction of a match. A row is in one match that stands, and in no other."""

    match_id: Mapped[str] = id_column()
    payment_id: Mapped[str | None] = id_column(nullable=True)
    settled_id: Mapped[str | None] = id_column(nullable=True)
    stands: Mapped[bool] = mapped_column(default=True)
    """False in a match that was rejected, kept so that the same is not proposed again."""
    keys = (
        belongs("match_id", "payment_match"),
        belongs("payment_id", "payment"),
        belongs("settled_id", "settled_transaction"),
        Index("ix_payment_match_part_match", "clinic_id", "match_id"),
        _once("ix_payment_match_part_payment", "payment_id", where="stands AND deleted_at IS NULL"),
        _once("ix_payment_match_part_settled", "settled_id", where="stands AND deleted_at IS NULL"),
    )


class Variance(Record, Base):
    """Something that does not add up yet: an exception of a period, with who looks into it and how it ended."""

    kind: Mapped[str] = mapped_column(String(32))
    signature: Mapped[str] = mapped_column(String(64))
    """Of its kind and rows: the same trouble found again is the same row."""
    payment_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    settled_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    bank_line_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    batch_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    """What is unexplained: settled less paid, or deposited less expected."""
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """The likely slip (swapped digits, decimal, tip), the likely partner."""
    day: Mapped[date]
    state: Mapped[str] = mapped_column(String(12), default="open")
    """open, explained (its rows matched or it vanished), written_off, carried (into the next period)."""
    reason: Mapped[str] = mapped_column(String(300), default="")
    assigned_to_id: Mapped[str | None] = id_column(nullable=True)
    settled_by_id: Mapped[str | None] = id_column(nullable=True)
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    keys = (
        _once("ix_variance_signature", "signature"),
        Index("ix_variance_state", "clinic_id", "state", "day"),
    )


class VarianceComment(Event, Base):
    """What somebody wrote about a variance."""

    variance_id: Mapped[str] = id_column()
    body: Mapped[str] = mapped_column(Text)
    keys = (belongs("variance_id", "variance"), Index("ix_variance_comment_variance", "clinic_id", "variance_id"))


class BooksPeriod(Record, Base):
    """A period a manager closed: nothing that counts in it changes any more. Both days included."""

    first: Mapped[date]
    last: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="closed")
    """closed, reopened."""
    totals: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    document_id: Mapped[str | None] = id_column(nullable=True)
    """The signed report."""
    signed_as: Mapped[str] = mapped_column(String(120), default="")
    closed_by_id: Mapped[str] = id_column()
    closed_at: Mapped[datetime] = mapped_column(UTCDateTime())
    reopened_by_id: Mapped[str | None] = id_column(nullable=True)
    reopened_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    reason: Mapped[str] = mapped_column(String(300), default="")
    keys = (Index("ix_books_period_days", "clinic_id", "first", "last"),)
