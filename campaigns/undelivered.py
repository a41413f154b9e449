"""Messages that may not have arrived, and those that were refused: what is known of each, and what is made of it.

Mail, text messages and letters of every purpose stand here, of campaigns or not. Addresses are told in part only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from data.errors import BadInput, NotFound, Refusal
from data.models import AuditLog, CampaignRun, Client, Clinic, OutboxMessage
from data.session import ClinicSession
from data.types import is_id
from messages import delivery
from records.access import NAME, Closed
from security import looks
from security.actor import Actor
from security.rules import act, authorize, look

STATES = ("uncertain", "failed")
PAGE = 50
MOST = 500
"""Messages that are decided upon at once."""
KINDS = {
    "alert": "Invoice or notice to staff", "receipt": "Receipt", "invitation": "Invitation", "reset": "New password",
    "vault": "The Vault", "reminder": "Reminder", "notice": "Notice", "portal-code": "Code of the portal",
    "schedule": "Report by mail", "marketing": "News and offers", "test": "Test",
}  # fmt: skip
"""What a message is about, as a person reads it."""
DECIDED = {
    "message.taken_as_sent": "taken as arrived", "message.sent_again": "sent again", "message.let_go": "let go",
}  # fmt: skip


class NothingChosen(BadInput):
    """Choose the messages first, up to 500 at once."""


class StoppedCampaign(Refusal):
    """{name} was stopped, so nothing of it goes out again. Take these out of the choice."""


@dataclass(frozen=True)
class Filters:
    """Which of them: a state, a launch, a purpose, a calendar day of the clinic; empty means all."""

    state: str = ""
    run: str = ""
    kind: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Doubt:
    """One message. ``address`` is told in part, ``said`` is what the mail server or the service answered, ``decided``
    what somebody made of it before, with name and time."""

    id: str
    state: str
    kind: str
    channel: str
    campaign: str
    client: str
    address: str
    said: str
    at: datetime
    attempts: int
    decided: str
    decided_at: datetime | None


@dataclass(frozen=True)
class Doubts:
    """A page of them, the newest first, and how many there are by state under the other filters."""

    rows: list[Doubt]
    counts: dict[str, int]
    total: int


@dataclass(frozen=True)
class Choices:
    """What the filters offer: launches by id and purposes that have such a message, and its days."""

    runs: dict[str, str]
    kinds: list[str]
    days: list[date]


def doubts(filters: Filters, *, page: int = 0, by: Actor) -> Doubts:
    """One page; looking at it is written down, once in five minutes. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        named = by.is_trusted or "clients.view" in authorize(session, by, "settings.edit")
        zone = session.get_one(Clinic, session.clinic_id).zone
        wanted = _wanted(filters, zone)
        found = _counts(session, wanted)
        states = (filters.state,) if filters.state in STATES else STATES
        rows = session.execute(
            select(
                OutboxMessage.id, OutboxMessage.state, OutboxMessage.purpose, OutboxMessage.channel,
                OutboxMessage.recipient, OutboxMessage.reply, OutboxMessage.due_at, OutboxMessage.attempts,
                OutboxMessage.client_id, CampaignRun.name.label("campaign"), Client.first_name, Client.last_name,
                Client.restricted,
            )
            .outerjoin(
                CampaignRun,
                (CampaignRun.clinic_id == OutboxMessage.clinic_id) & (CampaignRun.id == OutboxMessage.run_id),
            )
            .outerjoin(Client, (Client.clinic_id == OutboxMessage.clinic_id) & (Client.id == OutboxMessage.client_id))
            .where(*wanted, OutboxMessage.state.in_(states))
            .order_by(OutboxMessage.due_at.desc(), OutboxMessage.id)
            .offset(max(0, page) * PAGE)
            .limit(PAGE)
        ).all()  # fmt: skip
        decided, closed = _decided(session, [row.id for row in rows]), Closed(session, by)
        told = Doubts([_doubt(row, closed, decided.get(row.id), named=named) for row in rows], found,
                      sum(count for state, count in found.items() if state in states))  # fmt: skip
    if told.rows and looks.is_new(by, "undelivered"):
        with act(by, "settings.edit") as work:
            work.session.quiet = True
            work.audit("message.doubts_looked_at", "outbox", "", rows=len(told.rows))
    return told


def choices(*, by: Actor) -> Choices:
    """What can be filtered by. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        zone = session.get_one(Clinic, session.clinic_id).zone
        rows = session.execute(
            select(OutboxMessage.run_id, OutboxMessage.purpose, OutboxMessage.due_at)
            .where(OutboxMessage.state.in_(STATES))
            .order_by(OutboxMessage.due_at.desc())
            .limit(20_000)
        ).all()
        ids = {row.run_id for row in rows if row.run_id}
        named = select(CampaignRun.id, CampaignRun.name, CampaignRun.day).where(CampaignRun.id.in_(ids))
        runs = {row.id: f"{row.name}, {row.day.isoformat()}" for row in session.execute(named)} if ids else {}
        days = dict.fromkeys(row.due_at.astimezone(ZoneInfo(zone)).date() for row in rows)
        return Choices(runs, sorted({row.purpose for row in rows}), list(days))


def take_as_sent(ids: Collection[str], *, by: Actor, key: str | None = None) -> int:
    """Somebody found out that messages in doubt did arrive; returns how many were in doubt still.

    Raises NothingChosen, NotFound, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        rows = [row for row in _rows(work.session, ids) if row.state == "uncertain"]
        for row in rows:
            delivery.take_as_sent(work.session, row.id)
            work.audit("message.taken_as_sent", "outbox_message", row.id, purpose=row.purpose)
        work.result = len(rows)
        return len(rows)


def send_again(ids: Collection[str], *, by: Actor, key: str | None = None) -> int:
    """Put messages on their way once more, under the same Message-ID; returns how many. A launch that had ended goes on
    for them; what speaks against a message is looked at again before it goes.

    Raises NothingChosen, NotFound, StoppedCampaign, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        rows = [row for row in _rows(work.session, ids) if row.state in STATES]
        for run_id in {row.run_id for row in rows if row.run_id}:
            run = work.session.get_one(CampaignRun, (by.clinic_id, run_id))
            if run.state in ("stopped", "failed"):
                raise StoppedCampaign(name=run.name)
            if run.state == "finished":
                run.state, run.ended_at = "running", None
        for row in rows:
            was = row.state
            delivery.send_again(work.session, row.id)
            work.audit("message.sent_again", "outbox_message", row.id, purpose=row.purpose, was=was)
        work.result = len(rows)
        return len(rows)


def let_go(ids: Collection[str], *, by: Actor, key: str | None = None) -> int:
    """Leave messages that were refused as they are: they are not sent and wait for nobody any more; returns how many.

    Raises NothingChosen, NotFound, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        rows = [row for row in _rows(work.session, ids) if row.state == "failed"]
        for row in rows:
            row.state, row.reply = "suppressed", f"let go after: {row.reply}"[:500]
            work.audit("message.let_go", "outbox_message", row.id, purpose=row.purpose)
        work.result = len(rows)
        return len(rows)


def part_of(channel: str, address: str) -> str:
    """As much of an address as tells it from others, and not the whole: k…@example.org, …4477."""
    if channel == "email":
        name, _, place = address.rpartition("@")
        return f"{name[:1]}…@{place}" if name else ""
    return f"…{address[-4:]}" if channel == "sms" and len(address) > 6 else ""


def kind_words(kind: str) -> str:
    """A purpose for a person."""
    return KINDS.get(kind, kind.replace("-", " ").capitalize())


def _rows(session: ClinicSession, ids: Collection[str]) -> list[OutboxMessage]:
    wanted = sorted(set(ids))
    if not wanted or len(wanted) > MOST:
        raise NothingChosen()
    if not all(is_id(one) for one in wanted):
        raise NotFound(what="message", name="that was chosen")
    found = session.scalars(select(OutboxMessage).where(OutboxMessage.id.in_(wanted)).with_for_update()).all()
    if len(found) != len(wanted):
        raise NotFound(what="message", name="that was chosen")
    return list(found)


def _wanted(filters: Filters, zone: str) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.run and is_id(filters.run):
        wanted.append(OutboxMessage.run_id == filters.run)
    if filters.kind:
        wanted.append(OutboxMessage.purpose == filters.kind)
    if filters.day:
        begin, end = (
            datetime.combine(filters.day + timedelta(days=more), time(), ZoneInfo(zone)).astimezone(UTC)
            for more in (0, 1)
        )
        wanted += [OutboxMessage.due_at >= begin, OutboxMessage.due_at < end]
    return wanted


def _counts(session: ClinicSession, wanted: list[ColumnElement[bool]]) -> dict[str, int]:
    rows = session.execute(
        select(OutboxMessage.state, func.count())
        .where(*wanted, OutboxMessage.state.in_(STATES))
        .group_by(OutboxMessage.state)
    ).tuples()
    return {state: int(count) for state, count in rows}


def _decided(session: ClinicSession, ids: list[str]) -> dict[str, tuple[str, datetime]]:
    """What was made of these before, by whom and when: the last of it."""
    rows = session.execute(
        select(AuditLog.entity_id, AuditLog.action, AuditLog.actor, AuditLog.at)
        .where(AuditLog.entity == "outbox_message", AuditLog.entity_id.in_(ids), AuditLog.action.in_(DECIDED))
        .order_by(AuditLog.seq)
    ).all()  # fmt: skip
    return {row.entity_id: (f"{DECIDED[row.action]} by {row.actor}", row.at) for row in rows}


def _doubt(row: Any, closed: Closed, decided: tuple[str, datetime] | None, *, named: bool) -> Doubt:
    hidden = bool(row.client_id) and closed.hides(row.client_id, bool(row.restricted))
    name = NAME if hidden else f"{row.first_name or ''} {row.last_name or ''}".strip() if named else ""
    words, at = decided or ("", None)
    return Doubt(
        row.id, row.state, row.purpose, row.channel, row.campaign or "", name,
        "" if hidden else part_of(row.channel, row.recipient), _said(row.reply), row.due_at, row.attempts, words, at,
    )  # fmt: skip


def _said(reply: str) -> str:
    """What was answered, without the addresses that servers like to quote."""
    return " ".join(word for word in reply.split() if "@" not in word)
