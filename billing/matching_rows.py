"""Payments and settled transactions as the engine reads them, and what is matched already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from data.models import BooksPeriod, Clinic, Location, Payment, PaymentMatch, PaymentMatchPart, SettledTransaction
from data.session import ClinicSession

CARD_TENDERS = ("card", "echeck")
"""What a processor settles; cash and checks meet deposits of the bank."""
MONEY_STATES = ("settled", "pending")
NO_SALE = ("fee", "adjustment")
CLIENT_NOTE = "Client: "
Ids = tuple[str, ...]
Key = tuple[Ids, Ids]
"""Payments and settled transactions of a match, by their ids, each in order."""


@dataclass(frozen=True, slots=True)
class OurRow:
    """A payment as matching knows it. ``day`` is the day it counts on; ``way`` is ``way_of`` it."""

    id: str
    reference: str
    at: datetime
    day: date
    cents: int
    way: str


@dataclass(frozen=True, slots=True)
class TheirRow:
    """A settled transaction as matching knows it; ``cents`` is 0 where no money moved (declined, voided)."""

    id: str
    reference: str
    at: datetime
    day: date
    cents: int
    status: str
    processor: str


@dataclass(slots=True)
class Standing:
    """A match the engine made earlier and nobody decided yet: it may be made again, or go."""

    id: str
    kind: str
    state: str
    is_auto: bool
    day: date
    payments: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Its rows."""
        return tuple(sorted(self.payments)), tuple(sorted(self.settled))


@dataclass
class Loaded:
    """Everything one run reads."""

    ours: dict[str, OurRow]
    """By reference; so ``theirs``."""
    theirs: dict[str, TheirRow]
    payments: Any
    settled: Any
    """Frames for the engine."""
    standing: dict[Key, Standing]
    kept: list[tuple[Standing, Ids, Ids]]
    """Matches a person decided or a closed period holds, with their references: the engine never sees their rows."""
    forbidden: frozenset[tuple[str, str]]
    """Pairs of references a person rejected."""
    rejected: frozenset[Key]


def load(session: ClinicSession, first: date | None, last: date | None) -> Loaded:
    """Rows whose days lie from ``first`` to ``last`` (none: no bound), without those of matches that are settled for
    good."""
    import pandas as pd

    closed = sorted(
        (one.first, one.last) for one in session.scalars(select(BooksPeriod).where(BooksPeriod.state == "closed"))
    )
    matches = _matches(session, first)
    fixed = {one.id for one in matches.values() if _is_fixed(one, closed)}
    held_ours = {row for one in fixed for row in matches[one].payments}
    held_theirs = {row for one in fixed for row in matches[one].settled}
    ours = [row for row in _payments(session, first, last) if row.id not in held_ours]
    names = {row.id: row.name for row in session.execute(select(Location.id, Location.name))}
    zones = _zones(session)
    by_id = {row.id: row.reference for row in ours}
    payments = pd.DataFrame(
        {
            "reference": [row.reference for row in ours],
            "taken_at": pd.to_datetime([row.event_at for row in ours], utc=True),
            "day": [_own_day(row, zones) for row in ours],
            "amount_cents": [row.amount_cents for row in ours],
            "kind": [row.kind for row in ours],
            "tender": [row.tender for row in ours],
            "channel": [row.channel for row in ours],
            "last4": [row.last4 for row in ours],
            "brand": [row.brand for row in ours],
            "authorization": [row.authorization for row in ours],
            "invoice": [row.invoice_reference for row in ours],
            "client": [row.client_id or _noted(row.notes) for row in ours],
            "location": [names.get(row.location_id, "") for row in ours],
            "currency": [row.currency for row in ours],
            "reverses": [by_id.get(row.reverses_id, "") if row.reverses_id else "" for row in ours],
        }
    )
    by_reference = {
        row.reference: OurRow(
            row.id, row.reference, row.event_at, row.counts, row.amount_cents, way_of(row.processor, row.channel)
        )
        for row in ours
    }
    del ours, by_id  # one side at a time: together the rows of 200,000 payments would double what is held
    theirs = [row for row in _settled(session, first, last) if row.id not in held_theirs]
    settled = pd.DataFrame(
        {
            "reference": [row.reference for row in theirs],
            "batch": [row.batch_id or "" for row in theirs],
            "settled_on": [row.settled_on for row in theirs],
            "processed_at": pd.to_datetime([row.event_at for row in theirs], utc=True),
            "day": [row.day for row in theirs],
            "amount_cents": [row.amount_cents for row in theirs],
            "kind": [row.kind for row in theirs],
            "status": [row.status for row in theirs],
            "last4": [row.last4 for row in theirs],
            "brand": [row.brand for row in theirs],
            "authorization": [row.authorization for row in theirs],
            "invoice": [row.invoice_reference for row in theirs],
            "location": [names.get(row.location_id, "") for row in theirs],
            "processor": [row.processor for row in theirs],
            "currency": [row.currency for row in theirs],
            "fee_cents": [row.fee_cents for row in theirs],
            "related": [row.related_reference for row in theirs],
        }
    )
    found = Loaded(
        by_reference,
        {
            row.reference: TheirRow(
                row.id, row.reference, row.event_at, row.counts_on,
                row.amount_cents if row.status in MONEY_STATES else 0, row.status, row.processor,
            )
            for row in theirs
        },
        payments, settled, {one.key: one for one in matches.values() if one.id not in fixed}, [], frozenset(),
        frozenset(),
    )  # fmt: skip
    found.kept = _told(session, [matches[one] for one in sorted(fixed)])
    found.forbidden, found.rejected = _rejected(session)
    return found


def way_of(processor: str, channel: str) -> str:
    """By which way a payment came: the processor that took it on its page, else whether it came online or at a desk."""
    return processor or ("online" if channel in ("integrated", "payment_request") else "desk")


def _payments(session: ClinicSession, first: date | None, last: date | None) -> list[Any]:
    columns = select(
        Payment.id, Payment.reference, Payment.event_at, Payment.day.label("counts"), Payment.amount_cents,
        Payment.kind, Payment.tender, Payment.channel, Payment.last4, Payment.brand, Payment.authorization,
        Payment.invoice_reference, Payment.client_id, Payment.location_id, Payment.currency, Payment.reverses_id,
        Payment.notes, Payment.processor,
    ).where(Payment.tender.in_(CARD_TENDERS))  # fmt: skip
    columns = columns.where(Payment.day >= first) if first else columns
    return list(session.execute(columns.where(Payment.day <= last) if last else columns))


def _settled(session: ClinicSession, first: date | None, last: date | None) -> list[Any]:
    row = SettledTransaction
    columns = select(
        row.id, row.reference, row.batch_id, row.settled_on, row.event_at, row.day, row.counts_on, row.amount_cents,
        row.kind, row.status, row.last4, row.brand, row.authorization, row.invoice_reference, row.location_id,
        row.processor, row.currency, row.fee_cents, row.related_reference,
    ).where(row.kind.not_in(NO_SALE))  # fmt: skip
    columns = columns.where(row.counts_on >= first) if first else columns
    return list(session.execute(columns.where(row.counts_on <= last) if last else columns))


def _own_day(row: Any, zones: dict[str | None, ZoneInfo]) -> date:
    """The day it was taken: what was posted late into a closed period counts on another."""
    at: datetime = row.event_at
    if abs((row.counts - at.date()).days) <= 1:
        return row.counts  # type: ignore[no-any-return]
    return at.astimezone(zones.get(row.location_id) or zones[None]).date()


def _zones(session: ClinicSession) -> dict[str | None, ZoneInfo]:
    clinic = session.get_one(Clinic, session.clinic_id)
    zones: dict[str | None, ZoneInfo] = {None: ZoneInfo(clinic.zone)}
    for row in session.execute(select(Location.id, Location.zone)):
        zones[row.id] = ZoneInfo(row.zone or clinic.zone)
    return zones


def _noted(notes: str) -> str:
    """The client of a payment that came in before its client did: kept in the notes."""
    return notes.rpartition(CLIENT_NOTE)[2] if CLIENT_NOTE in notes else ""


def _matches(session: ClinicSession, first: date | None) -> dict[str, Standing]:
    """Matches that stand, with their rows: those of a day before hold no row inside, those after may."""
    columns = select(
        PaymentMatch.id, PaymentMatch.kind, PaymentMatch.state, PaymentMatch.is_auto, PaymentMatch.day,
        PaymentMatch.decided_by_id, PaymentMatch.decided_at,
    ).where(PaymentMatch.state != "rejected")  # fmt: skip
    columns = columns.where(PaymentMatch.day >= first) if first else columns
    found: dict[str, Standing] = {}
    for row in session.execute(columns):
        state = "decided" if row.decided_at is not None else row.state
        found[row.id] = Standing(row.id, row.kind, state, row.is_auto, row.day)
    parts = select(PaymentMatchPart.match_id, PaymentMatchPart.payment_id, PaymentMatchPart.settled_id)
    parts = parts.join(PaymentMatch, PaymentMatch.id == PaymentMatchPart.match_id).where(PaymentMatchPart.stands)
    parts = parts.where(PaymentMatch.day >= first) if first else parts
    for match_id, payment_id, settled_id in session.execute(parts):
        one = found.get(match_id)
        if one is not None:
            (one.payments if payment_id else one.settled).append(str(payment_id or settled_id))
    return found


def _is_fixed(one: Standing, closed: list[tuple[date, date]]) -> bool:
    return one.state == "decided" or any(first <= one.day <= last for first, last in closed)


def _rejected(session: ClinicSession) -> tuple[frozenset[tuple[str, str]], frozenset[Key]]:
    rows: dict[str, tuple[dict[str, str], dict[str, str]]] = defaultdict(lambda: ({}, {}))
    parts = (
        select(
            PaymentMatchPart.match_id, Payment.id, Payment.reference, SettledTransaction.id,
            SettledTransaction.reference,
        )
        .outerjoin(Payment, Payment.id == PaymentMatchPart.payment_id)
        .outerjoin(SettledTransaction, SettledTransaction.id == PaymentMatchPart.settled_id)
        .where(PaymentMatchPart.stands.is_(False))
    )  # fmt: skip
    for match_id, payment_id, payment, settled_id, settled in session.execute(parts):
        if payment_id:
            rows[match_id][0][payment_id] = payment
        if settled_id:
            rows[match_id][1][settled_id] = settled
    pairs = {(ours, theirs) for left, right in rows.values() for ours in left.values() for theirs in right.values()}
    keys = {(tuple(sorted(left)), tuple(sorted(right))) for left, right in rows.values()}
    return frozenset(pairs), frozenset(keys)


def _told(session: ClinicSession, matches: list[Standing]) -> list[tuple[Standing, Ids, Ids]]:
    """Matches with the references of their rows."""
    ours = references(session, Payment, {row for one in matches for row in one.payments})
    theirs = references(session, SettledTransaction, {row for one in matches for row in one.settled})
    return [
        (
            one,
            tuple(sorted(ours[row] for row in one.payments if row in ours)),
            tuple(sorted(theirs[row] for row in one.settled if row in theirs)),
        )
        for one in matches
    ]


def references(session: ClinicSession, model: Any, ids: Iterable[str]) -> dict[str, str]:
    """The references of rows by their ids."""
    found: dict[str, str] = {}
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        part = select(model.id, model.reference).where(model.id.in_(wanted[start : start + 500]))
        found |= {row.id: row.reference for row in session.execute(part)}
    return found
