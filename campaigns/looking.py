"""A campaign looked over beside the page that shows it: who would get it now, and what stands against a launch.

With the clients of a whole clinic that is seconds of reckoning, so no page waits for it: the answer of before stands
until the new one is there. A launch itself never trusts what was worked out here.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import select

from campaigns import launch
from campaigns.audience import Plan
from campaigns.launch import Problem
from data.engine import Database, database
from data.models import Client
from data.types import clock
from security import looks
from security.actor import Actor
from security.rules import act, authorize, look, remembered

STALE = timedelta(seconds=60)
"""For so long an answer stands, whatever changes."""
OFFERED = 12
"""Recipients of each text that are offered to look at."""
MOST = 24
NAMES = "clients.view"


@dataclass(frozen=True)
class Spot:
    """What one client of the segment gets: a message by ``channel`` with text ``variant`` about these patients, or for
    the ``reason`` nothing."""

    channel: str
    variant: str
    state: str
    reason: str
    patient_ids: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """A campaign looked over at a moment. ``first`` are some recipients by variant and channel."""

    at: datetime
    problems: tuple[Problem, ...]
    counts: dict[str, int]
    channels: dict[str, int]
    left_out: dict[str, int]
    first: dict[tuple[str, str], tuple[str, ...]]
    spots: dict[str, Spot] = field(repr=False)

    @property
    def is_ready(self) -> bool:
        """Whether nothing stands against a launch."""
        return not any(one.blocks for one in self.problems)


class Looking:
    """What is known of a campaign so far, and whether something newer is on its way."""

    def __init__(self) -> None:
        self.answer: Looked | None = None
        self.failure: BaseException | None = None
        self._at: datetime | None = None
        self._change: int | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        """Whether it is being looked over at this moment."""
        return bool(self._thread and self._thread.is_alive())

    def wait(self, seconds: float) -> Looked | None:
        """The answer, after at most so long where there is none yet. Raises what kept it from being worked out."""
        thread = self._thread
        if thread and self.answer is None:
            thread.join(seconds)
        if self.failure and not self.is_at_work:
            raise self.failure
        return self.answer

    def _follow(self, slug: str, by: Actor, change: int | None, *, arrived: bool, anew: bool) -> None:
        with self._lock:
            if self.is_at_work:
                return
            moved = change is None or change != self._change or self.failure is not None
            old = self._at is None or clock.now() - self._at > STALE
            if anew or self._at is None or (moved and (arrived or old)):
                self._thread = threading.Thread(
                    target=self._look, args=(slug, by, change), name="campaign", daemon=True
                )
                self._thread.start()

    def _look(self, slug: str, by: Actor, change: int | None) -> None:
        try:
            self.answer, self.failure = look_over(slug, by=by), None
        except BaseException as failure:
            self.failure = failure
        self._at, self._change = clock.now(), change


_held: WeakKeyDictionary[Database, OrderedDict[tuple[object, ...], Looking]] = WeakKeyDictionary()
_lock = threading.Lock()


def look_over(slug: str, *, by: Actor) -> Looked:
    """Look a campaign over here and now. Raises NotPermitted, NotFound."""
    began = clock.now()
    problems, plan = launch.preview(slug, by=by)
    return _looked(began, problems, plan)


def looking(slug: str, number: int, *, arrived: bool = False, anew: bool = False, by: Actor) -> Looking:
    """The look at one version of a campaign, begun where there is none yet.

    It is renewed beside the page when something of the clinic changed and it is a minute old, or somebody ``arrived``
    at the page just now, or wants it ``anew``. Raises NotPermitted.
    """
    with look(by, "campaigns.use") as session:
        change, may = session.seen_change(), session.info.get("may")
    key = by.clinic_id, slug, number, by.user_id, may
    with _lock:
        held = _held.setdefault(database(), OrderedDict())
        one = held.setdefault(key, Looking())
        held.move_to_end(key)
        while len(held) > MOST:
            held.popitem(last=False)
    one._follow(slug, by, change, arrived=arrived, anew=anew)
    return one


def recipients(slug: str, client_ids: tuple[str, ...], *, by: Actor) -> dict[str, str]:
    """The names of some who would get a campaign, for who may see clients; that look is written down.

    Raises NotPermitted.
    """
    found = _names(client_ids, by=by)
    if found and looks.is_new(by, "recipients", slug):
        with act(by, "campaigns.use") as work:
            work.session.quiet = True
            work.audit("campaign.recipients_looked_at", "campaign", slug, rows=len(found))
    return found


@remembered("campaigns.use")
def _names(client_ids: tuple[str, ...], *, by: Actor) -> dict[str, str]:
    with look(by, "campaigns.use") as session:
        if not client_ids or not (by.is_trusted or NAMES in authorize(session, by, "campaigns.use")):
            return {}
        rows = session.execute(
            select(Client.id, Client.first_name, Client.last_name, Client.number)
            .where(Client.id.in_(client_ids), Client.restricted.is_(False))
            .order_by(Client.last_name, Client.number)
        ).all()
    return {row.id: f"{row.first_name} {row.last_name}".strip() or f"Client {row.number}" for row in rows}


def _looked(began: datetime, problems: list[Problem], plan: Plan | None) -> Looked:
    places = plan.places if plan else []
    first: dict[tuple[str, str], list[str]] = {}
    for place in places:
        if place.state == "pending" and len(some := first.setdefault((place.variant, place.channel), [])) < OFFERED:
            some.append(place.client_id)
    return Looked(
        began, tuple(problems), dict(plan.counts) if plan else {},
        dict(plan.channels.most_common()) if plan else {},
        dict(Counter(place.reason for place in places if place.reason).most_common()),
        {key: tuple(some) for key, some in first.items()},
        {
            place.client_id: Spot(place.channel, place.variant, place.state, place.reason, place.patient_ids)
            for place in places
        },
    )  # fmt: skip
