"""Match what people took with what processors settled: the engine runs outside of any transaction, then what is new is
written in short ones.

What a person decided stays as it is, what a closed period holds too; a rejected pair is never proposed again. A run
that finds nothing new writes nothing.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from billing.matching_rows import MONEY_STATES, Ids, Key, Loaded, load, way_of
from data.models import BooksPeriod, Payment, PaymentMatch, PaymentMatchPart, SettledTransaction, Variance
from data.session import ClinicSession
from data.types import clock, new_id
from security.actor import Actor
from security.rules import Work, act, look

if TYPE_CHECKING:
    from billing.reconciliation.outcome import Finding, Match, Outcome

MARGIN = timedelta(days=40)
"""So far around a period rows are read: slips are keyed days later, refunds come after weeks."""
RARE = 20
"""A processor that settles less than one in so many payments of a way is none that settles it."""
CHUNK = 200
MANY = 2_000
"""New matches and differences from which a collection of garbage would be felt by others."""
DIFFER = ("amount_typo", "decimal_slip", "amount_diff")
OPEN = ("open", "carried")


@dataclass(frozen=True)
class FoundMatch:
    """A match of a run, or one that stood, by references. ``match`` is the engine's own, with its reasons."""

    payments: Ids
    settled: Ids
    kind: str
    score: float
    is_auto: bool
    day: date
    difference_cents: int = 0
    match: Match | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class FoundVariance:
    """Something that does not add up, by the references of its rows."""

    kind: str
    payments: Ids
    settled: Ids
    cents: int
    day: date
    detail: dict[str, Any]

    @property
    def signature(self) -> str:
        """The same trouble found again is the same row."""
        return signature(self.kind, self.payments, self.settled)


@dataclass
class Ran:
    """What a run found in its period, and how much of it was new."""

    first: date | None
    last: date | None
    matches: list[FoundMatch]
    findings: list[Finding]
    variances: list[FoundVariance]
    waiting: list[str] = field(default_factory=list)
    """Payments whose settlement has not been imported yet."""
    summary: dict[str, Any] = field(default_factory=dict)
    made: int = 0
    gone: int = 0
    opened: int = 0
    explained: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.made or self.gone or self.opened or self.explained)


def signature(kind: str, *references: Sequence[str]) -> str:
    """The hash of a kind and the references of its rows. A difference is known by its rows alone: whether it is a tip
    or a slip of the finger is learnt from all the others, and more of them may turn it."""
    text = "\n".join(["differs" if kind in DIFFER else kind, *("\t".join(sorted(part)) for part in references)])
    return hashlib.sha256(text.encode()).hexdigest()


def reconcile_days(first: date | None = None, last: date | None = None, *, by: Actor) -> Ran:
    """Match everything that counts on these days, both included; all days where left out. Raises NotPermitted."""
    while True:
        changes, found, closed = _looked(first, last, by)
        if _store(changes, found, closed, by):
            return found


def _looked(first: date | None, last: date | None, by: Actor) -> tuple[_Changes, Ran, list[tuple[date, date]]]:
    """What is to be written, what was found, and the periods that were closed by then."""
    with look(by, "reconciliation.use") as session:
        known = session.execute(
            select(func.min(SettledTransaction.day), func.max(SettledTransaction.day)).where(
                SettledTransaction.status.in_(MONEY_STATES)
            )
        ).one()
        period = _Period(session, first, last, *known)
        begins = max(filter(None, (first, known[0])), default=None)
        if known[0] is None and session.scalar(select(PaymentMatch.id).limit(1)) is None:
            nothing = Ran(first, last, [], [], [], summary=_summary(Ran(first, last, [], [], [])))
            return _Changes(), nothing, period.closed
        loaded = load(session, begins and begins - MARGIN, last and last + MARGIN)
        outcome = _engine(loaded)
        loaded.payments = loaded.settled = None  # the engine has read them
        period.reach = _reach(session, loaded, outcome, period)
        found = _judged(loaded, outcome, period)
        return _changes(session, loaded, found, period), found, period.closed


def _engine(loaded: Loaded) -> Outcome:
    from billing.reconciliation.engine import reconcile
    from billing.reconciliation.outcome import Options

    return reconcile(loaded.payments, loaded.settled, options=Options(forbidden=loaded.forbidden))


class _Period:
    """Which days a run is about, and on which day something counts."""

    def __init__(
        self, session: ClinicSession, first: date | None, last: date | None, begins: date | None, ends: date | None
    ) -> None:
        self.first, self.last = first, last
        self.begins, self.ends = begins, ends
        self.closed = _closed(session)
        self.reach: dict[str, date] = {}

    def holds(self, day: date) -> bool:
        """Whether a day lies in it."""
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    def counts(self, days: Iterable[date]) -> date:
        """The day on which rows of these days count together."""
        day = max(days)
        for first, last in self.closed:
            if first <= day <= last:
                day = last + timedelta(days=1)
        return day

    def is_known(self, day: date, way: str) -> bool:
        """Whether settlements of this way were imported for a day: what lies after the last one waits for its own."""
        ends = self.reach.get(way, self.ends)
        return self.begins is not None and ends is not None and self.begins <= day <= ends


def _reach(session: ClinicSession, loaded: Loaded, outcome: Outcome, period: _Period) -> dict[str, date]:
    """Until when settlements are here by the way a payment came: one processor's file says nothing of what another one
    settles. Which processors settle which way is seen from what is matched."""
    row, part = SettledTransaction, PaymentMatchPart
    last = select(row.processor, func.max(row.day)).where(row.status.in_(MONEY_STATES)).group_by(row.processor)
    ends = dict(session.execute(last).tuples().all())
    if len(ends) < 2:
        return {}
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for one in outcome.matches:
        for paid in one.payments:
            seen[loaded.ours[paid].way].update(loaded.theirs[name].processor for name in one.settled)
    if period.closed:
        theirs, until = aliased(part), period.closed[-1][1]
        ways = (
            select(Payment.processor, Payment.channel, row.processor, func.count())
            .join(part, part.payment_id == Payment.id)
            .join(theirs, (theirs.match_id == part.match_id) & theirs.settled_id.is_not(None))
            .join(row, row.id == theirs.settled_id)
            .where(part.stands, theirs.stands, Payment.day.between(until - MARGIN, until))
            .group_by(Payment.processor, Payment.channel, row.processor)
        )
        for own, channel, processor, count in session.execute(ways):
            seen[way_of(own, channel)][processor] += count
    reach = {}
    for way, counts in seen.items():
        rare = sum(counts.values()) / RARE
        if days := [ends[one] for one, count in counts.items() if one in ends and count >= rare]:
            reach[way] = max(days)
    return reach | ends


def _closed(session: ClinicSession) -> list[tuple[date, date]]:
    """The periods that are closed now."""
    closed = select(BooksPeriod.first, BooksPeriod.last).where(BooksPeriod.state == "closed")
    return sorted((row.first, row.last) for row in session.execute(closed))


def _judged(loaded: Loaded, outcome: Outcome, period: _Period) -> Ran:
    """What of the outcome is about the period."""
    judge = _Judge(loaded, period)
    findings = list(outcome.exceptions)
    for one in outcome.matches:
        if loaded.rejected and _key(loaded, one.payments, one.settled) in loaded.rejected:
            findings += _missing(one.payments, one.settled)
        else:
            judge.match(one)
    for finding in findings:
        judge.finding(finding)
    judge.likely(outcome)
    found = judge.found
    found.matches += [
        FoundMatch(payments, settled, one.kind, 0.0, False, one.day)
        for one, payments, settled in loaded.kept
        if period.holds(one.day)
    ]
    found.summary = _summary(found)
    return found


class _Judge:
    """Takes what the engine found into a run, as far as it is about its period."""

    def __init__(self, loaded: Loaded, period: _Period) -> None:
        self.ours, self.theirs, self.period = loaded.ours, loaded.theirs, period
        self.found = Ran(period.first, period.last, [], [], [])

    def _days(self, payments: Ids, settled: Ids) -> list[date]:
        return [self.ours[row].day for row in payments] + [self.theirs[row].day for row in settled]

    def match(self, one: Match) -> None:
        """A match; where it is sure and the amounts differ, the difference is a variance."""
        day = self.period.counts(self._days(one.payments, one.settled))
        if not self.period.holds(day):
            return
        cents = one.difference_cents
        self.found.matches.append(
            FoundMatch(one.payments, one.settled, one.kind, one.score, one.is_auto, day, cents, one)
        )
        if cents and one.is_auto:
            self.found.variances.append(FoundVariance(one.kind, one.payments, one.settled, cents, day, {}))

    def finding(self, one: Finding) -> None:
        """A finding. A payment whose settlement is still to come waits; a decline nobody took for money is told."""
        latest = max(self._days(one.payments, one.settled))
        day = self.period.counts([latest])
        if not self.period.holds(latest) and not self.period.holds(day):
            return
        if one.payments and not one.settled and not self.period.is_known(latest, self.ours[one.payments[0]].way):
            self.found.waiting += one.payments
            return
        self.found.findings.append(one)
        if not one.detail.get("harmless"):
            cents = sum(self.theirs[row].cents for row in one.settled) - sum(
                self.ours[row].cents for row in one.payments
            )
            self.found.variances.append(
                FoundVariance(one.kind, one.payments, one.settled, cents, day, dict(one.detail))
            )

    def likely(self, outcome: Outcome) -> None:
        """Beside what is missing, what may be its partner."""
        near: dict[str, list[tuple[str, float]]] = {}
        for pair in outcome.likely:
            near.setdefault(pair.payment, []).append((pair.settled, pair.score))
            near.setdefault(pair.settled, []).append((pair.payment, pair.score))
        for variance in self.found.variances:
            some = [pair for row in (*variance.payments, *variance.settled) for pair in near.get(row, [])]
            if some:
                variance.detail["likely"] = [list(pair) for pair in sorted(some, key=lambda one: (-one[1], one[0]))[:3]]


def _missing(payments: Ids, settled: Ids) -> list[Finding]:
    """The rows of a match that a person rejected, each by itself."""
    from billing.reconciliation.outcome import Finding

    alone = [Finding("missing_in_settlement", (row,), ()) for row in payments]
    return alone + [Finding("missing_in_ledger", (), (row,)) for row in settled]


def _summary(found: Ran) -> dict[str, Any]:
    auto = sum(one.is_auto for one in found.matches)
    return {
        "matches": len(found.matches),
        "auto": auto,
        "auto_share": round(auto / len(found.matches), 5) if found.matches else None,
        "kinds": dict(sorted(Counter(one.kind for one in found.matches).items())),
        "exceptions": dict(sorted(Counter(one.kind for one in found.findings).items())),
        "waiting": len(found.waiting),
        "unexplained_cents": sum(one.cents for one in found.variances),
    }


@dataclass
class _Changes:
    """What a run would write."""

    made: list[tuple[FoundMatch, Ids, Ids]] = field(default_factory=list)
    """New matches with the ids of their rows."""
    moved: list[tuple[str, FoundMatch]] = field(default_factory=list)
    """Matches that stand under another kind now."""
    gone: list[str] = field(default_factory=list)
    variances: list[tuple[FoundVariance, Ids, Ids]] = field(default_factory=list)
    again: list[tuple[str, FoundVariance, Ids, Ids]] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)


def _key(loaded: Loaded, payments: Ids, settled: Ids) -> Key:
    return (
        tuple(sorted(loaded.ours[row].id for row in payments)),
        tuple(sorted(loaded.theirs[row].id for row in settled)),
    )


def _changes(session: ClinicSession, loaded: Loaded, found: Ran, period: _Period) -> _Changes:
    changes = _Changes()
    seen: set[Key] = set()
    for one in found.matches:
        if one.match is None:
            continue
        key = _key(loaded, one.payments, one.settled)
        seen.add(key)
        before = loaded.standing.get(key)
        if before is None:
            changes.made.append((one, *key))
        elif (before.kind, before.is_auto, before.day) != (one.kind, one.is_auto, one.day):
            changes.moved.append((before.id, one))
    changes.gone = [one.id for key, one in loaded.standing.items() if key not in seen and period.holds(one.day)]
    _variances(session, loaded, found, period, changes)
    return changes


def _variances(session: ClinicSession, loaded: Loaded, found: Ran, period: _Period, changes: _Changes) -> None:
    """Variances that are new, that came again, and that vanished."""
    new = {one.signature: one for one in found.variances}
    stored = _stored(session, list(new), period)
    for mark, one in new.items():
        ids = (
            tuple(loaded.ours[row].id for row in one.payments),
            tuple(loaded.theirs[row].id for row in one.settled),
        )
        before = stored.get(mark)
        if before is None:
            changes.variances.append((one, *ids))
        elif before.state == "explained" or (
            before.state in OPEN and (before.settled_ids, before.kind) != (list(ids[1]), one.kind)
        ):
            changes.again.append((before.id, one, *ids))
    for mark, row in stored.items():
        if mark in new or row.state not in OPEN or row.bank_line_ids or row.batch_ids:
            continue
        if period.holds(row.day) and not (row.kind in DIFFER and _still_differs(session, row)):
            changes.explained.append(row.id)
    ours = {loaded.ours[row].id for one in found.matches for row in one.payments if row in loaded.ours}
    rows = ours | {loaded.theirs[row].id for one in found.matches for row in one.settled if row in loaded.theirs}
    carried = select(Variance).where(Variance.state == "carried")
    for row in session.scalars(carried):
        mine = {*row.payment_ids, *row.settled_ids}
        if row.kind not in DIFFER and mine and mine <= rows and row.id not in changes.explained:
            changes.explained.append(row.id)


def _still_differs(session: ClinicSession, row: Variance) -> bool:
    """Whether its rows are in a match a person decided: then the difference is not the engine's to explain."""
    parts = select(PaymentMatchPart.match_id).join(PaymentMatch, PaymentMatch.id == PaymentMatchPart.match_id)
    parts = parts.where(PaymentMatchPart.stands, PaymentMatch.decided_at.is_not(None))
    return session.scalar(parts.where(PaymentMatchPart.payment_id.in_(row.payment_ids)).limit(1)) is not None


def _stored(session: ClinicSession, signatures: list[str], period: _Period) -> dict[str, Variance]:
    """Open variances of the period, and those that a run found again."""
    inside = select(Variance).where(Variance.state.in_(OPEN))
    inside = inside.where(Variance.day >= period.first) if period.first else inside
    inside = inside.where(Variance.day <= period.last) if period.last else inside
    found = {row.signature: row for row in session.scalars(inside)}
    for start in range(0, len(signatures), 500):
        known = select(Variance).where(Variance.signature.in_(signatures[start : start + 500]))
        found |= {row.signature: row for row in session.scalars(known)}
    return found


# ---- writing


def _store(changes: _Changes, found: Ran, closed: list[tuple[date, date]], by: Actor) -> bool:
    """What is new, a few hundred rows at a time: what goes first, so that its rows are free. Whether all was written:
    once a period was closed or opened meanwhile, nothing more is, and the run has to look again."""
    if len(changes.made) + len(changes.variances) < MANY:
        return _stored_all(changes, found, closed, by)
    gc.collect()
    gc.freeze()  # what was read stays until all is written: looking for garbage in it would hold a transaction up
    try:
        return _stored_all(changes, found, closed, by)
    finally:
        gc.unfreeze()


def _stored_all(changes: _Changes, found: Ran, closed: list[tuple[date, date]], by: Actor) -> bool:
    for part in _parts(changes.gone):
        with act(by, "reconciliation.use") as work:
            if _closed(work.session) != closed:
                return False
            found.gone += _let_go(work.session, part)
            work.audit("reconciliation.released", "payment_match", detail="found otherwise", matches=len(part))
    for match_part in _parts(changes.made):
        with act(by, "reconciliation.use") as work:
            if _closed(work.session) != closed:
                return False
            made = _insert(work.session, match_part)
            if made:
                found.made += made
                work.audit("reconciliation.matched", "payment_match", matches=made)
    parts = (changes.moved, changes.variances, changes.again, changes.explained)
    longest = max(len(part) for part in parts)
    for start in range(0, longest, CHUNK):
        with act(by, "reconciliation.use") as work:
            if _closed(work.session) != closed:
                return False
            _store_cases(work, changes, found, slice(start, start + CHUNK))
    return True


def _store_cases(work: Work, changes: _Changes, found: Ran, part: slice) -> None:
    opened, explained = _note(work.session, changes.variances[part], changes.again[part], changes.explained[part])
    for match_id, one in changes.moved[part]:
        row = work.session.held(PaymentMatch, match_id)
        if row is not None and row.decided_at is None:
            row.kind, row.is_auto, row.day = one.kind, one.is_auto, one.day
            row.state, row.score = "accepted" if one.is_auto else "proposed", round(one.score * 1000)
            row.evidence = evidence_of(one)
    found.opened += opened
    found.explained += explained
    work.audit("reconciliation.noted", "variance", opened=opened, explained=explained, moved=len(changes.moved[part]))


def _parts(rows: list[Any]) -> Iterable[list[Any]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _let_go(session: ClinicSession, ids: list[str]) -> int:
    """Matches nobody decided, and their rows, are free again."""
    now, gone = clock.now(), 0
    for row in session.scalars(select(PaymentMatch).where(PaymentMatch.id.in_(ids), PaymentMatch.decided_at.is_(None))):
        row.deleted_at = now
        gone += 1
        for part in session.scalars(select(PaymentMatchPart).where(PaymentMatchPart.match_id == row.id)):
            part.deleted_at = now
    session.flush()
    return gone


def _insert(session: ClinicSession, rows: list[tuple[FoundMatch, Ids, Ids]]) -> int:
    """New matches, except those one row of which is matched or gone since the engine looked."""
    taken = _taken(session, rows)
    matches, parts = [], []
    now = clock.now()
    for one, payments, settled in rows:
        if not taken.isdisjoint((*payments, *settled)):
            continue
        match_id = new_id()
        matches.append(
            {
                "id": match_id, "kind": one.kind, "state": "accepted" if one.is_auto else "proposed",
                "is_auto": one.is_auto, "score": round(one.score * 1000), "evidence": evidence_of(one),
                "difference_cents": one.difference_cents, "day": one.day, "entered_at": now,
            }
        )  # fmt: skip
        parts += [_part(match_id, now, payment_id=row) for row in payments]
        parts += [_part(match_id, now, settled_id=row) for row in settled]
    if matches:
        session.bulk(PaymentMatch, matches)
        session.bulk(PaymentMatchPart, parts)
    return len(matches)


def _part(match_id: str, now: Any, *, payment_id: str | None = None, settled_id: str | None = None) -> dict[str, Any]:
    return {
        "id": new_id(), "match_id": match_id, "payment_id": payment_id, "settled_id": settled_id, "stands": True,
        "entered_at": now,
    }  # fmt: skip


def _taken(session: ClinicSession, rows: list[tuple[FoundMatch, Ids, Ids]]) -> set[str]:
    """Which rows are matched meanwhile, or not here any more."""
    ours = [row for _, payments, _ in rows for row in payments]
    theirs = [row for _, _, settled in rows for row in settled]
    taken: set[str] = set()
    for start in range(0, len(ours), 500):
        some = ours[start : start + 500]
        found = select(PaymentMatchPart.payment_id).where(
            PaymentMatchPart.stands, PaymentMatchPart.payment_id.in_(some)
        )
        taken |= {str(row) for row in session.scalars(found)}
    for start in range(0, len(theirs), 500):
        some = theirs[start : start + 500]
        found = select(PaymentMatchPart.settled_id).where(
            PaymentMatchPart.stands, PaymentMatchPart.settled_id.in_(some)
        )
        taken |= {str(row) for row in session.scalars(found)}
        here = set(session.scalars(select(SettledTransaction.id).where(SettledTransaction.id.in_(some))))
        taken |= set(some) - here
    return taken


def evidence_of(one: FoundMatch) -> list[dict[str, Any]]:
    """What is kept of the reasons. Of a match the engine is sure of whose rows simply agree nothing is: they speak for
    themselves."""
    if one.match is None or (one.is_auto and one.kind in ("exact", "next_batch", "voided")):
        return []
    return [
        {"field": say.field, "says": say.says, "ours": say.ours, "theirs": say.theirs,
         "weight": round(say.weight * 1000)}
        for say in one.match.evidence
    ]  # fmt: skip


def _note(
    session: ClinicSession,
    new: list[tuple[FoundVariance, Ids, Ids]],
    again: list[tuple[str, FoundVariance, Ids, Ids]],
    explained: list[str],
) -> tuple[int, int]:
    signatures = select(Variance.signature).where(Variance.signature.in_([one[0].signature for one in new]))
    here = set(session.scalars(signatures))
    opened = 0
    for one, payments, settled in new:
        if one.signature in here:
            continue
        session.add(
            Variance(
                kind=one.kind, signature=one.signature, payment_ids=list(payments), settled_ids=list(settled),
                bank_line_ids=[], batch_ids=[], amount_cents=one.cents, detail=one.detail, day=one.day,
            )
        )  # fmt: skip
        opened += 1
    for variance_id, one, payments, settled in again:
        row = session.held(Variance, variance_id)
        if row is None or row.state == "written_off":
            continue
        row.kind, row.payment_ids, row.settled_ids = one.kind, list(payments), list(settled)
        row.amount_cents, row.detail = one.cents, one.detail
        if row.state == "explained":
            row.state, row.settled_at, row.settled_by_id, row.reason = "open", None, None, ""
            opened += 1
    done = 0
    for variance_id in explained:
        row = session.held(Variance, variance_id)
        if row is not None and row.state in OPEN:
            row.state, row.settled_at = "explained", clock.now()
            done += 1
    session.flush()
    return opened, done
