"""What a campaign brought: who booked, and what they paid for, of those it reached against those held out.

Both groups were drawn before anybody was written to, and are looked at over the same days. Differences are told with
the interval that holds the true one in 95 of 100 cases, and as too few to tell where it holds nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from appointments.stages import ATTENDED
from campaigns.settings import CAMPAIGN, Goal
from data.models import Appointment, CampaignRun, Client, Invoice, InvoiceLine, OutboxMessage
from data.session import ClinicSession
from data.types import clock
from records.standing import unbilled_ids
from security.actor import Actor
from security.rules import look, remembered

Z = NormalDist().inv_cdf(0.975)
SMALL = 5
"""Fewer than so many who booked, or who did not, in one of the groups tell nothing about shares."""
FEW = 30
"""Fewer than so many people in one of the groups tell nothing about sums, which are never spread evenly."""
_REACHED = ("sent", "uncertain")


@dataclass(frozen=True)
class Group:
    """Some people: how many, how many of them reached the goal, and their invoices in cents, each person's sum squared
    too."""

    people: int = 0
    hits: int = 0
    cents: int = 0
    squares: int = 0

    def __add__(self, other: Group) -> Group:
        """Both together."""
        return Group(
            self.people + other.people, self.hits + other.hits, self.cents + other.cents, self.squares + other.squares
        )

    @property
    def share(self) -> float:
        """How many of them reached the goal, from 0 to 1."""
        return self.hits / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        """Cents for each of them."""
        return self.cents / self.people if self.people else 0.0


@dataclass(frozen=True)
class Difference:
    """How much the first group is above the second: the estimate, and the ends of its 95 % interval. Shares from -1 to
    1, sums in cents for each person. ``few``: the groups are too small to say anything."""

    value: float
    low: float
    high: float
    few: bool

    @property
    def tells(self) -> bool:
        """Whether it is more than chance."""
        return not self.few and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Outcome:
    """What one or several launches brought until ``until``. ``a`` and ``b`` are the two texts, where there were two."""

    goal: Goal
    runs: int
    until: datetime | None
    reached: Group
    held: Group
    a: Group
    b: Group

    @property
    def is_over(self) -> bool:
        """Whether the days that count have passed."""
        return self.until is not None and self.until <= clock.now()

    @property
    def booked(self) -> Difference | None:
        """Those reached against the hold-out; None where nobody was held out."""
        return difference_of_shares(self.reached, self.held) if self.held.people and self.reached.people else None

    @property
    def revenue(self) -> Difference | None:
        """The same for invoices, cents for each person."""
        return difference_of_means(self.reached, self.held) if self.held.people and self.reached.people else None

    @property
    def texts_booked(self) -> Difference | None:
        """Text B against text A; None where there was one text."""
        return difference_of_shares(self.b, self.a) if self.a.people and self.b.people else None

    @property
    def texts_revenue(self) -> Difference | None:
        """The same for invoices."""
        return difference_of_means(self.b, self.a) if self.a.people and self.b.people else None


def wilson(hits: int, people: int) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson, from 0 to 1."""
    if people <= 0:
        return 0.0, 1.0
    share, square = hits / people, Z * Z
    middle = share + square / (2 * people)
    half = Z * math.sqrt(share * (1 - share) / people + square / (4 * people * people))
    whole = 1 + square / people
    low, high = (middle - half) / whole, (middle + half) / whole
    return (0.0 if hits == 0 else max(0.0, low)), (1.0 if hits == people else min(1.0, high))


def difference_of_shares(first: Group, second: Group) -> Difference:
    """How much the share of the first is above the second's, after Newcombe (his method 10)."""
    (low_1, high_1), (low_2, high_2) = wilson(first.hits, first.people), wilson(second.hits, second.people)
    value = first.share - second.share
    below = math.hypot(first.share - low_1, high_2 - second.share)
    above = math.hypot(high_1 - first.share, second.share - low_2)
    cells = (first.hits, first.people - first.hits, second.hits, second.people - second.hits)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above), min(cells) < SMALL)


def difference_of_means(first: Group, second: Group) -> Difference:
    """How much the first spent above the second, cents for each person, after Welch."""
    value, few = first.mean - second.mean, min(first.people, second.people) < FEW
    if min(first.people, second.people) < 2:
        return Difference(value, -math.inf, math.inf, True)
    one, two = _spread(first) / first.people, _spread(second) / second.people
    if one + two == 0:
        return Difference(value, value, value, True)
    freedom = (one + two) ** 2 / (one**2 / (first.people - 1) + two**2 / (second.people - 1))
    half = student(freedom) * math.sqrt(one + two)
    return Difference(value, value - half, value + half, few)


def _spread(group: Group) -> float:
    """The variance between the people of a group, reckoned in whole numbers first."""
    return max(0, group.people * group.squares - group.cents**2) / (group.people * (group.people - 1))


def student(freedom: float) -> float:
    """The 97.5 % point of Student's t, by the expansion of Cornish and Fisher; right to a hundredth from three degrees
    of freedom on."""
    parts = (
        (Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96, (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
        (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / 92_160,
    )  # fmt: skip
    return Z + sum(part / freedom**power for power, part in enumerate(parts, start=1))


@remembered("campaigns.use")
def of_run(run_id: str, *, by: Actor) -> Outcome:
    """What one launch brought so far. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        return _of(session, session.scalars(select(CampaignRun).where(CampaignRun.id == run_id)).all())


@remembered("campaigns.use")
def of_campaign(slug: str, *, by: Actor) -> Outcome:
    """What all launches of a campaign brought so far, added up: a client counts once for each. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        return _of(session, session.scalars(select(CampaignRun).where(CampaignRun.campaign == slug)).all())


def _of(session: ClinicSession, runs: Iterable[CampaignRun]) -> Outcome:
    groups = {name: Group() for name in ("a", "b", "hold")}
    goal, until, count = Goal(), None, 0
    for run in sorted(runs, key=lambda one: one.entered_at):
        goal = CAMPAIGN.parse(run.frozen["campaign"], run.campaign).goal
        if run.began_at is None:
            continue
        count += 1
        until = max(filter(None, (until, run.began_at + timedelta(days=goal.days))))
        for name, group in _groups(session, run.id, run.began_at, goal).items():
            groups[name] += group
    return Outcome(goal, count, until, groups["a"] + groups["b"], groups["hold"], groups["a"], groups["b"])


def _groups(session: ClinicSession, run_id: str, began: datetime, goal: Goal) -> dict[str, Group]:
    """The people of a launch by text, counted from when it began."""
    until = began + timedelta(days=goal.days)
    stays = func.coalesce(Client.merged_into_id, Client.id)
    of_run = (
        select(stays.label("client_id"), OutboxMessage.variant, OutboxMessage.state)
        .join(Client, (Client.clinic_id == OutboxMessage.clinic_id) & (Client.id == OutboxMessage.client_id))
        .where(OutboxMessage.run_id == run_id, OutboxMessage.state.in_((*_REACHED, "held_out")))
    )
    people = {row.client_id: "hold" if row.state == "held_out" else row.variant or "a" for row in
              session.execute(of_run)}  # fmt: skip
    ids = of_run.with_only_columns(stays).scalar_subquery()
    booked = select(Appointment.client_id).distinct().where(
        Appointment.client_id.in_(ids), Appointment.entered_at >= began, Appointment.entered_at < until,
        *([Appointment.stage.in_(ATTENDED)] if goal.what == "kept" else []),
    )  # fmt: skip
    hits = set(session.scalars(booked))
    spent = _spent(session, ids, began, until)
    found: dict[str, Group] = {}
    for client_id, name in people.items():
        cents = spent.get(client_id, 0)
        one = found.get(name, Group())
        found[name] = Group(
            one.people + 1, one.hits + (client_id in hits), one.cents + cents, one.squares + cents * cents
        )
    return found


def _spent(session: ClinicSession, ids: object, began: datetime, until: datetime) -> dict[str, int]:
    """What was charged in that time by client, in cents without tax; what was taken back since is taken off, whenever
    that was."""
    before = aliased(InvoiceLine)
    charged_at = func.coalesce(before.event_at, InvoiceLine.event_at)
    rows = session.execute(
        select(Invoice.client_id, func.sum(InvoiceLine.net_cents))
        .join(InvoiceLine, (InvoiceLine.clinic_id == Invoice.clinic_id) & (InvoiceLine.invoice_id == Invoice.id))
        .join(
            before, (before.clinic_id == InvoiceLine.clinic_id) & (before.id == InvoiceLine.reverses_id), isouter=True
        )
        .where(
            Invoice.client_id.in_(ids), Invoice.id.not_in(unbilled_ids()), charged_at >= began, charged_at < until
        )
        .group_by(Invoice.client_id)
    ).tuples()  # fmt: skip
    return {client_id: int(cents or 0) for client_id, cents in rows}
