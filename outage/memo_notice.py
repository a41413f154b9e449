"""A copy of a memo on the status page, for those who cannot sign in."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from data.models import Clinic, Memo
from data.session import ClinicSession
from data.types import clock
from outage.status_page import end_incident, post_incident
from security import memos
from security.actor import Actor
from security.rules import act, look

STANDS = timedelta(days=7)
"""How long the copy of a memo without an end stands there."""


def copy_to_status_page(memo_id: str, *, by: Actor) -> None:
    """Put a memo on the status page too, until its last day is over, and mail it to its subscribers; the second time
    nothing more stands there. It is public: the page says so before. Raises NotFound, NotPermitted, NoStatusPage,
    WatcherSilent, WatcherRefused."""
    with look(by, "settings.edit") as session:
        memo = memos.standing(session, memo_id)
        if memo.on_status_page_at is not None:
            return
        zone = ZoneInfo(session.get_one(Clinic, session.clinic_id).zone)
        title, body, last = memo.title, memo.body, memo.expires_on
    until = datetime.combine(last + timedelta(days=1), time(), zone) if last else clock.now() + STANDS
    post_incident(title, body, by=by, key=f"memo:{memo_id}", kind="notice", until=until)
    with act(by, "settings.edit") as work:
        row = memos.standing(work.session, memo_id)
        row.on_status_page_at = clock.now()
        work.audit("memo.copied", "memo", memo_id)


def take_back_copies(*, by: Actor) -> int:
    """Withdraw from the status page what was withdrawn here; returns how many copies. What the watcher does not take
    now is tried again by the worker. One whose last day is over ended there by itself.

    Raises NotPermitted, NoStatusPage, WatcherSilent, WatcherRefused.
    """
    with look(by, "settings.edit") as session:
        ids = session.scalars(_left()).all()
    for memo_id in ids:
        end_incident(f"memo:{memo_id}", "This notice was withdrawn.", by=by)
        with act(by, "settings.edit") as work:
            work.session.get_one(Memo, (by.clinic_id, memo_id)).on_status_page_at = None
            work.audit("memo.copy_withdrawn", "memo", memo_id)
    return len(ids)


def has_copies_to_take_back(session: ClinicSession) -> bool:
    """Whether the copy of a withdrawn memo still stands on the status page."""
    return session.scalar(_left().limit(1)) is not None


def _left() -> Select[str]:
    return select(Memo.id).where(Memo.withdrawn_at.is_not(None), Memo.on_status_page_at.is_not(None))
