"""Campaigns as people look at them: each with how its last launch stands, one launch with its counts, and the log of
who got what, when, and of everybody else why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from campaigns.settings import CAMPAIGN, Campaign
from campaigns.shelf import OPEN
from data import definitions
from data.errors import NotFound
from data.models import CampaignRun, Client, MailEvent, OutboxMessage, User
from data.session import ClinicSession
from records.access import NAME, Closed
from security import looks
from security.actor import Actor
from security.rules import act, authorize, look, remembered

PAGE = 50
WAITS = ("pending", "deferred", "claimed", "sending")
"""States of a message that is still to go out."""
NAMES = "clients.view"


@dataclass(frozen=True)
class Run:
    """One launch. ``counts`` are its messages by state, ``channels`` those that went or go out by channel, and
    ``came_back`` what the world answered: hard_bounce, complaint, unsubscribed."""

    id: str
    campaign: str
    document: Campaign
    name: str
    day: date
    state: str
    reason: str
    audience: int
    begins_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    by: str
    letters_id: str | None
    counts: dict[str, int]
    channels: dict[str, int]
    came_back: dict[str, int]
    next_at: datetime | None = None
    """When the next message may go, of a launch that is not over: later than now in quiet hours."""

    @property
    def is_open(self) -> bool:
        """Whether something may still go out."""
        return self.state in OPEN

    @property
    def reached(self) -> int:
        """How many were written to; one of which nobody knows whether it arrived is counted."""
        return self.counts.get("sent", 0) + self.counts.get("uncertain", 0)

    @property
    def left(self) -> int:
        """How many messages are still to go out."""
        return sum(self.counts.get(state, 0) for state in WAITS)

    @property
    def meant(self) -> int:
        """How many messages it has, gone or not; those left out and the hold-out group are none."""
        return self.audience - self.counts.get("excluded", 0) - self.counts.get("held_out", 0)

    @property
    def share_done(self) -> float:
        """How much of it is dealt with, from 0 to 1."""
        return (self.meant - self.left) / self.meant if self.meant > 0 else 1.0


@dataclass(frozen=True)
class Line:
    """A campaign in the list with its newest launch, if it had one, and how many it had."""

    slug: str
    document: Campaign
    run: Run | None
    runs: int


@dataclass(frozen=True)
class Delivery:
    """One line of the log. ``name`` is empty for whoever may not see clients; ``client_id`` too where the record is
    closed to the reader."""

    number: int
    client_id: str
    name: str
    channel: str
    variant: str
    state: str
    reason: str
    at: datetime | None
    attempts: int
    came_back: str


@dataclass(frozen=True)
class Log:
    """One page of the log, and how many lines there are in all."""

    total: int
    lines: list[Delivery]


@remembered("campaigns.use")
def lines(*, by: Actor) -> list[Line]:
    """Every campaign, those at work first, then by label. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        found = []
        for slug, document in definitions.load_all(session, CAMPAIGN).items():
            rows = _runs(session, slug)
            newest = _told(session, rows[:1])
            found.append(Line(slug, document, newest[0] if newest else None, len(rows)))
    return sorted(found, key=lambda one: (not (one.run and one.run.is_open), one.document.label.casefold()))


@remembered("campaigns.use")
def runs_of(slug: str, *, by: Actor, most: int = 60) -> list[Run]:
    """The launches of a campaign, the newest first. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        return _told(session, _runs(session, slug)[:most])


@remembered("campaigns.use")
def run(run_id: str, *, by: Actor) -> Run:
    """One launch. Raises NotPermitted, NotFound."""
    with look(by, "campaigns.use") as session:
        return _one(session, run_id)


@remembered("campaigns.use")
def why_left_out(run_id: str, *, by: Actor) -> dict[str, int]:
    """The reasons why people got nothing and how many each kept out, the most frequent first. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        rows = session.execute(
            select(OutboxMessage.reply, func.count())
            .where(OutboxMessage.run_id == run_id, OutboxMessage.state.in_(("excluded", "suppressed", "failed")))
            .group_by(OutboxMessage.reply)
            .order_by(func.count().desc(), OutboxMessage.reply)
        ).tuples()
        return {reason: count for reason, count in rows}


def deliveries(run_id: str, *, state: str = "", page: int = 0, size: int = PAGE, by: Actor) -> Log:
    """A page of the log, of one state or of all; looking at it is written down, once in five minutes.

    Raises NotPermitted, NotFound.
    """
    with look(by, "campaigns.use") as session:
        _one(session, run_id)
        named = NAMES in authorize(session, by, "campaigns.use") or by.is_trusted
        wanted = [OutboxMessage.run_id == run_id, *([OutboxMessage.state == state] if state else [])]
        total = session.scalar(select(func.count()).select_from(OutboxMessage).where(*wanted)) or 0
        rows = session.execute(
            select(
                OutboxMessage.id, OutboxMessage.channel, OutboxMessage.variant, OutboxMessage.state,
                OutboxMessage.reply, OutboxMessage.sent_at, OutboxMessage.due_at, OutboxMessage.attempts,
                Client.id.label("client_id"), Client.number, Client.first_name, Client.last_name, Client.restricted,
            )
            .join(
                Client, (Client.clinic_id == OutboxMessage.clinic_id) & (Client.id == OutboxMessage.client_id),
                isouter=True,
            )
            .where(*wanted)
            .order_by(Client.number, OutboxMessage.id)
            .offset(max(0, page) * size)
            .limit(size)
        ).all()  # fmt: skip
        back = _came_back(session, [row.id for row in rows])
        closed = Closed(session, by)
        found = [_delivery(row, closed, back.get(row.id, ""), named=named) for row in rows]
    if named:
        _note(run_id, len(found), by)
    return Log(int(total), found)


def _delivery(row: Any, closed: Closed, back: str, *, named: bool) -> Delivery:
    name = f"{row.first_name or ''} {row.last_name or ''}".strip()
    client_id = row.client_id or ""
    if row.client_id is None:
        name = "A client who is no longer kept"
    elif closed.hides(row.client_id, row.restricted):
        name, client_id = NAME, ""
    elif not named:
        name, client_id = "", ""
    went = row.sent_at or (row.due_at if row.state in ("sending", "uncertain", "failed") else None)
    number = row.number if client_id or not named else 0
    return Delivery(
        number or 0, client_id, name, row.channel, row.variant, row.state, row.reply, went, row.attempts, back
    )


def _came_back(session: ClinicSession, ids: list[str]) -> dict[str, str]:
    if not ids:
        return {}
    rows = session.execute(
        select(MailEvent.outbox_id, MailEvent.kind)
        .where(MailEvent.outbox_id.in_(ids), MailEvent.kind.in_(("hard_bounce", "complaint", "unsubscribed")))
        .order_by(MailEvent.event_at)
    ).tuples()
    return {str(outbox_id): kind for outbox_id, kind in rows}


def _runs(session: ClinicSession, slug: str) -> list[CampaignRun]:
    newest = select(CampaignRun).where(CampaignRun.campaign == slug).order_by(CampaignRun.entered_at.desc())
    return list(session.scalars(newest))


def _one(session: ClinicSession, run_id: str) -> Run:
    row = session.get(CampaignRun, (session.clinic_id, run_id))
    if row is None:
        raise NotFound(what="campaign run", name=run_id)
    return _told(session, [row])[0]


def _told(session: ClinicSession, rows: list[CampaignRun]) -> list[Run]:
    """Launches with their counts, in three queries for all."""
    ids = [row.id for row in rows]
    if not ids:
        return []
    counts: dict[str, dict[str, int]] = {one: {} for one in ids}
    channels: dict[str, dict[str, int]] = {one: {} for one in ids}
    back: dict[str, dict[str, int]] = {one: {} for one in ids}
    told = session.execute(
        select(OutboxMessage.run_id, OutboxMessage.state, OutboxMessage.channel, func.count())
        .where(OutboxMessage.run_id.in_(ids))
        .group_by(OutboxMessage.run_id, OutboxMessage.state, OutboxMessage.channel)
    ).tuples()
    for run_id, state, channel, count in told:
        own = counts[str(run_id)]
        own[state] = own.get(state, 0) + count
        if state not in ("excluded", "held_out"):
            channels[str(run_id)][channel] = channels[str(run_id)].get(channel, 0) + count
    events = session.execute(
        select(OutboxMessage.run_id, MailEvent.kind, func.count(func.distinct(OutboxMessage.id)))
        .join(MailEvent, (MailEvent.clinic_id == OutboxMessage.clinic_id) & (MailEvent.outbox_id == OutboxMessage.id))
        .where(OutboxMessage.run_id.in_(ids))
        .group_by(OutboxMessage.run_id, MailEvent.kind)
    ).tuples()
    for run_id, kind, count in events:
        back[str(run_id)][kind] = count
    going = [row.id for row in rows if row.state in OPEN]
    due = select(OutboxMessage.run_id, func.min(OutboxMessage.due_at)).where(
        OutboxMessage.run_id.in_(going), OutboxMessage.state.in_(("pending", "deferred"))
    )  # fmt: skip
    following = dict(session.execute(due.group_by(OutboxMessage.run_id)).tuples().all()) if going else {}
    users = {row.launched_by_id for row in rows if row.launched_by_id}
    people = dict(session.execute(select(User.id, User.name).where(User.id.in_(users))).tuples().all()) if users else {}
    return [
        Run(
            row.id, row.campaign, CAMPAIGN.parse(row.frozen["campaign"], row.campaign),
            row.name, row.day, row.state, row.reason, row.audience or sum(counts[row.id].values()),
            row.begins_at, row.began_at, row.ended_at, people.get(row.launched_by_id or "", ""),
            row.document_id, counts[row.id], channels[row.id], back[row.id],
            following.get(row.id),
        )
        for row in rows
    ]  # fmt: skip


def _note(run_id: str, rows: int, by: Actor) -> None:
    """Write down that somebody looked at the people of a launch; again within five minutes is one look."""
    if not looks.is_new(by, "run", run_id):
        return
    with act(by, "campaigns.use") as work:
        work.session.quiet = True
        work.audit("campaign.log_looked_at", "campaign_run", run_id, rows=rows)
