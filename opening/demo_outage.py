"""How ready the sample clinic is for an outage, with gaps: the Vault of the last nights, the way cards are taken, and
memos of which one is unread."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from data import definitions
from data.models import Memo, MemoReading, OutboxMessage, VaultAddress
from data.session import ClinicSession
from data.types import clock, new_id
from messages.outbox import queue
from outage.settings import PLAN, OutagePlan
from outage.vault import begins
from outage.vault_addresses import VAULT
from security.clinic_secrets import keep_secret

NIGHTS = 13
LATE = 4
"""So many nights ago the mail server was away until the morning."""
PASSWORD = "tide-7kmq-pier-4xwn"  # noqa: S105 - of made-up rosters


def keep(session: ClinicSession, zone: str, people: dict[str, str]) -> None:
    """Save all of it. ``people`` are the ids of users by role."""
    today, owner = clock.today(zone), people.get("owner")
    with clock.told(begins(today - timedelta(days=40), zone)):
        keep_secret(session, VAULT, PASSWORD)
        session.flush()
    plan = OutagePlan(slips=True, terminal=True, where="Terminal and slips lie in the second drawer of the front desk.")
    definitions.save(session, PLAN, "outage", plan, by_user_id=owner)
    desk = VaultAddress(
        id=new_id(), email="front-desk@clinic.example.com", by_user_id=owner,
        confirmed_at=begins(today - timedelta(days=40), zone),
    )  # fmt: skip
    home = VaultAddress(id=new_id(), email="owner-at-home@mail.example.com", by_user_id=owner)
    session.add_all([desk, home])
    session.flush()
    for back in range(NIGHTS, -1, -1):
        _night(session, desk, today - timedelta(days=back), zone, late=back == LATE)
    _memos(session, today, clock.now(), people)


def _night(session: ClinicSession, to: VaultAddress, day: date, zone: str, *, late: bool) -> None:
    midnight = begins(day, zone)
    with clock.told(midnight + timedelta(seconds=1)):
        queued = queue(
            session, purpose="vault", dedupe_key=f"vault:{day}:{to.id}", recipient=to.email,
            subject=f"Roster for {day}{' (late)' if late else ''}: Harbor Spay & Neuter Clinic",
            text="The roster of the day is attached.",
        )  # fmt: skip
    session.flush()
    row = session.get_one(OutboxMessage, (session.clinic_id, queued))
    went = midnight + (timedelta(hours=6, minutes=12) if late else timedelta(seconds=4))
    row.state, row.attempts, row.sent_at = "sent", 3 if late else 1, min(went, clock.now())


def _memos(session: ClinicSession, today: date, now: datetime, people: dict[str, str]) -> None:
    owner = people.get("owner")
    count = Memo(
        id=new_id(), title="Count the open bottles twice on Friday", by_user_id=owner,
        body="The inspector comes on Friday at nine.\n\nTwo people count every open bottle at opening and at closing, "
        "and both sign.",
        roles=[], posted_at=now - timedelta(hours=20), expires_on=today + timedelta(days=6),
    )  # fmt: skip
    terminal = Memo(
        id=new_id(), title="Where the stand-alone card terminal is", by_user_id=owner,
        body="It lies with the slips in the second drawer of the front desk, with its own line. Try it once.",
        roles=[], posted_at=now - timedelta(days=9),
    )  # fmt: skip
    session.add_all([count, terminal])
    session.flush()
    for hours, role in enumerate((role for role in people if role != "owner"), start=2):
        at = min(now, terminal.posted_at + timedelta(hours=hours * 5))
        reader = people[role]
        session.add(MemoReading(memo_id=terminal.id, user_id=reader, event_at=at, by_user_id=reader))
