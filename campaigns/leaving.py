"""What somebody may do with the link of a message: say that they want no more of it, and take that back.

The link alone is the right to it, for the one address it was made for. Nothing here says whether a client exists: it
works on the address's hash, after the client was erased as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from billing.client_billing import client_billing
from campaigns.consents import lift, standing, suppress
from campaigns.links import Out, clinic_in, read_token
from data.models import Clinic, MailEvent, OutboxMessage, Suppression
from data.session import ClinicSession, everywhere, read
from data.types import clock
from security.actor import Actor
from security.profile import profile
from security.rules import Work, act

OWN = ("unsubscribed", "complained")
"""What whoever has the link may take back; a bounce and what the clinic has set stay."""


@dataclass(frozen=True)
class Wishes:
    """What one address gets. ``stopped`` are the scopes its owner, a bounce or the clinic has stopped; ``fixed`` those
    of them that the link does not lift. ``portal`` is where other channels are chosen; empty where there is none."""

    clinic: str
    channel: str
    stopped: frozenset[str]
    fixed: frozenset[str]
    portal: str

    def gets(self, scope: str) -> bool:
        """Whether messages of this sort still come."""
        return not self.stopped & {scope, "everything"}


def wishes(text: str) -> Wishes | None:
    """What the address of a link gets now; None for what is no link of a clinic here."""
    clinic = _clinic(text)
    if clinic is None:
        return None
    with read(clinic.id) as session:
        out = read_token(session, text)
        if out is None:
            return None
        rows = standing(session, out.address_hash, out.channel)
        name = profile(session).legal_name or clinic.name
        portal = f"/portal/{clinic.slug}/preferences" if client_billing(session).enabled else ""
        fixed = frozenset(row.scope for row in rows if row.reason not in OWN)
        return Wishes(name, out.channel, frozenset(row.scope for row in rows), fixed, portal)


def unsubscribe(text: str, run: str = "") -> bool:
    """Stop marketing to the address of a link, at once and as often as it is asked; False for what is no link.

    ``run`` is the launch of a campaign as the link names it, believed where a message of it went to this address.
    """
    return choose(text, {"marketing": False}, run=run)


def choose(text: str, gets: dict[str, bool], *, run: str = "") -> bool:
    """Stop or let through marketing and reminders as the owner of the address wishes; False for what is no link."""
    with _leaving(text) as found:
        if found is None:
            return False
        work, out = found
        session = work.session
        before = {row.id for row in standing(session, out.address_hash, out.channel)}
        message = _message(session, out, run)
        lifted = 0
        for scope in ("marketing", "reminders"):
            if scope not in gets:
                continue
            if gets[scope]:
                lifted += lift(session, out.address_hash, out.channel, scopes=(scope,), reasons=OWN)
            else:
                suppress(session, out.address_hash, out.channel, scope, "unsubscribed",
                         message.run_id if message else None)  # fmt: skip
        new = [row for row in standing(session, out.address_hash, out.channel) if row.id not in before]
        for row in new:
            _note(session, out, row, message)
        if new or lifted:
            work.audit("address.left" if new else "address.came_back", "address", out.address_hash[:12],
                       channel=out.channel, stopped=sorted(row.scope for row in new), lifted=lifted)  # fmt: skip
        return True


@contextmanager
def _leaving(text: str) -> Iterator[tuple[Work, Out] | None]:
    """A writing transaction for a link that this home has signed; None for any other."""
    clinic = _clinic(text)
    if clinic is None:
        yield None
        return
    with read(clinic.id) as session:  # whoever guesses takes no turn among those who write
        out = read_token(session, text)
    if out is None:
        yield None
        return
    with act(Actor.portal(clinic.id, "the link in a message"), None) as work:
        yield work, out


def _clinic(text: str) -> Clinic | None:
    """The clinic a link names, closed ones included: what they have sent still reaches people."""
    clinic_id = clinic_in(text) if len(text) < 200 else ""
    if not clinic_id:
        return None
    with everywhere() as session:
        return session.scalars(select(Clinic).where(Clinic.id == clinic_id)).one_or_none()


def _message(session: ClinicSession, out: Out, run: str) -> OutboxMessage | None:
    """The message of a launch that went to this address."""
    try:
        run_id = str(UUID(run)) if len(run) == 32 else ""
    except ValueError:
        run_id = ""
    if not run_id:
        return None
    return session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.run_id == run_id, OutboxMessage.address_hash == out.address_hash,
            OutboxMessage.channel == out.channel,
        )
    ).one_or_none()  # fmt: skip


def _note(session: ClinicSession, out: Out, row: Suppression, message: OutboxMessage | None) -> None:
    """What came back about the message, for the delivery log and the campaign's outcome."""
    session.add(
        MailEvent(
            outbox_id=message.id if message else None, address_hash=out.address_hash, kind="unsubscribed",
            external_id=f"left:{row.id}", event_at=clock.now(), detail=row.scope,
        )
    )  # fmt: skip
