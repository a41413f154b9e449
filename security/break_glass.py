"""Breaking glass: opening one restricted record in an emergency, with a reason, for an hour, and under review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from data.errors import BadInput, NotFound, Refusal
from data.models import BreakGlass, Client, User
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.confirm import confirm_password
from security.owner_mail import alert_owners
from security.roles import permissions_of
from security.rules import act, look, remembered

PERMISSION = "security.break_glass"
LASTS = timedelta(minutes=60)
REVIEW_WITHIN = timedelta(hours=72)
SHORTEST_REASON = 10


class OwnReview(Refusal):
    """You opened this record yourself, so somebody else has to review it. Ask another administrator or the owner."""


@dataclass(frozen=True)
class Opening:
    """One emergency access. The client is named by number; the name needs the right to see clients."""

    id: str
    user_id: str
    person: str
    client_id: str
    client_number: int
    reason: str
    opened_at: datetime
    until: datetime
    review_by: datetime
    reviewed_at: datetime | None
    reviewer: str
    review: str

    @property
    def is_open(self) -> bool:
        """Whether the record is still readable through it."""
        return self.until > clock.now()

    @property
    def is_overdue(self) -> bool:
        """Whether the review is late."""
        return self.reviewed_at is None and self.review_by < clock.now()


def open_record(client_id: str, reason: str, password: str, *, by: Actor, key: str | None = None) -> str:
    """Open a client's restricted record and restricted notes for 60 minutes; returns the id of the opening.

    The owner is alerted and the opening waits for a review within 72 hours.
    Raises NotPermitted, WrongPassword, BadInput, NotFound.
    """
    with look(by, PERMISSION):
        pass
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise BadInput(problem="Say in a few words why this record has to be opened now.")
    confirm_password(by, password)
    with act(by, PERMISSION, key=key) as work:
        if work.repeated:
            return str(work.result)
        if by.user_id is None:
            raise BadInput(problem="Only a signed-in person can open a restricted record.")
        client = work.session.scalars(select(Client).where(Client.id == client_id)).one_or_none()
        if client is None:
            raise NotFound(what="client", name=client_id)
        standing = active(work.session, by, client_id)
        if standing is None:
            standing = BreakGlass(user_id=by.user_id, client_id=client_id, reason=reason, until=clock.now() + LASTS)
            work.session.add(standing)
            work.session.flush()
            _alert_owners(work.session, standing, client.number)
            work.audit("record.opened_in_emergency", "client", client_id, opening=standing.id, minutes=60)
        work.result = standing.id
        return standing.id


def active(session: ClinicSession, by: Actor, client_id: str) -> BreakGlass | None:
    """The opening through which this person may read the client's restricted parts now, if there is one. Whoever has
    lost the right to open records has lost what it opened."""
    if by.user_id is None or not still_may(session, by):
        return None
    return session.scalars(
        select(BreakGlass)
        .where(BreakGlass.user_id == by.user_id, BreakGlass.client_id == client_id, BreakGlass.until > clock.now())
        .order_by(BreakGlass.until.desc())
        .limit(1)
    ).one_or_none()


def still_may(session: ClinicSession, by: Actor) -> bool:
    """Whether the person may open records at all, as their role stands in this transaction."""
    may = session.info.get("may")
    if may is None:
        role = session.scalar(select(User.role).where(User.id == by.user_id, User.status == "active"))
        may = permissions_of(session, role) if role else frozenset()
    return PERMISSION in may


def close_record(opening_id: str, *, by: Actor) -> None:
    """Give the record back before the hour is over; only by the person who opened it. Raises NotFound."""
    with act(by, None) as work:
        row = _find(work.session, opening_id)
        if row.user_id != by.user_id:
            raise NotFound(what="open record", name=opening_id)
        if row.until > clock.now():
            row.until = clock.now()
            work.audit("record.closed_after_emergency", "client", row.client_id, opening=row.id)


@remembered(None, personal=True)
def my_openings(*, by: Actor) -> list[Opening]:
    """The records that are open to this person now, for the banner."""
    with look(by, None) as session:
        if not still_may(session, by):
            return []
        return [row for row in _openings(session) if row.user_id == by.user_id and row.is_open]


def openings(*, by: Actor, only_waiting: bool = False) -> list[Opening]:
    """Every emergency access, the newest first; ``only_waiting`` leaves out the reviewed ones."""
    with look(by, "security.audit") as session:
        return [row for row in _openings(session) if not (only_waiting and row.reviewed_at)]


def review(opening_id: str, words: str, *, by: Actor, key: str | None = None) -> None:
    """Record that somebody else looked at an emergency access, and what they found.

    Who is alone in the clinic with this right may review their own. Raises NotFound, OwnReview, BadInput.
    """
    words = words.strip()
    if not words:
        raise BadInput(problem="Write what you found: whether the access was needed, and what follows.")
    with act(by, "security.audit", key=key) as work:
        row = _find(work.session, opening_id)
        if work.repeated:
            return
        if row.reviewed_at is not None:
            raise BadInput(problem="This access has been reviewed already.")
        if row.user_id == by.user_id and _others_may_review(work.session, by):
            raise OwnReview()
        row.reviewed_at, row.reviewed_by_user_id, row.review = clock.now(), by.user_id, words
        work.audit("record.emergency_reviewed", "client", row.client_id, opening=row.id)


def _find(session: ClinicSession, opening_id: str) -> BreakGlass:
    row = session.scalars(select(BreakGlass).where(BreakGlass.id == opening_id)).one_or_none()
    if row is None:
        raise NotFound(what="emergency access", name=opening_id)
    return row


def _openings(session: ClinicSession) -> list[Opening]:
    names = {user.id: user.name for user in session.scalars(select(User))}
    found = session.execute(
        select(BreakGlass, Client.number)
        .join(Client, (Client.clinic_id == BreakGlass.clinic_id) & (Client.id == BreakGlass.client_id))
        .order_by(BreakGlass.entered_at.desc())
    )
    return [
        Opening(
            row.id, row.user_id, names.get(row.user_id, ""), row.client_id, number, row.reason, row.entered_at,
            row.until, row.entered_at + REVIEW_WITHIN, row.reviewed_at, names.get(row.reviewed_by_user_id or "", ""),
            row.review,
        )
        for row, number in found
    ]  # fmt: skip


def _others_may_review(session: ClinicSession, by: Actor) -> bool:
    others = session.scalars(select(User.role).where(User.status == "active", User.id != by.user_id))
    return any("security.audit" in permissions_of(session, role) for role in others)


def _alert_owners(session: ClinicSession, opening: BreakGlass, number: int) -> None:
    """A mail to each owner who has an address; on the screen the waiting review itself is the alert."""
    person = session.scalar(select(User.name).where(User.id == opening.user_id))
    text = (
        f"{person} opened the restricted record of client {number} in an emergency.\n\n"
        f"Reason given: see Settings > Emergency access.\n"
        "The access ends after 60 minutes and has to be reviewed within 72 hours.\n"
    )
    subject = "A restricted record was opened in an emergency"
    alert_owners(session, f"break-glass-{opening.id}", subject, text)
