"""The one way in which transactions of a processor come in, from a file or by its API: all or nothing, known again.

A row that is here already is skipped where it says the same, refused where it says something else. One whose status
has moved on since (authorized, then pending, then settled, voided or declined) takes the place of the earlier one,
which is hidden. Rows are written a few hundred at a time under a run that is still arriving, so that no session sees
them; one short last transaction says that all of it is here. What was cut off in the middle is taken back by whoever
imports next, and by the worker.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as item
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import Row as Found
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from appointments.importers import Places
from billing.periods import counting_day
from billing.settlement.rows import BatchRow, Reading, SettledRow, noon
from billing.settlement.terms import Terms, terms_of
from data.card_numbers import without_card_numbers
from data.jobs import enqueue
from data.models import (
    BankLine,
    Base,
    Clinic,
    ImportRun,
    PaymentMatchPart,
    SettledTransaction,
    SettlementBatch,
)
from data.models.base import Arriving
from data.session import ClinicSession, read, write
from data.types import clock, new_id
from records.imports import CHUNK, Ground, ImportCollided, ImportRefused, Plan, Row, mark_rows
from records.mapping import ImportMapping
from records.reading import Table
from security.actor import Actor
from security.rules import act, authorize, earlier, look

LOOKED_UP = 500
RANK = {"authorized": 0, "pending": 1, "settled": 2, "declined": 2, "voided": 2}
"""How far a transaction has come; what has ended does not move any more."""
LABELS = {
    "amount_cents": "amount", "fee_cents": "fee", "invoice_reference": "invoice", "related_reference": "related",
    "settled_on": "settlement day", "event_at": "time", "entry_mode": "entry mode", "location_id": "location",
}  # fmt: skip
FILLED = ("fee_cents", "settled_on", "last4", "brand", "authorization", "invoice_reference", "entry_mode",
          "related_reference", "location_id")  # fmt: skip
"""What one file may leave out and another say."""
WORDING = ("entry_mode",)
"""What an API and a file of the same processor call differently: the word that came first stays."""
_NUMBER_AND_DAY = re.compile(r".+ \d{4}-\d{2}-\d{2}")
Progress = Callable[[float], None]
AT_IT = timedelta(minutes=2)
"""Whoever brings rows in and is not heard of for so long has stopped."""
MATCHING = "reconcile"
MATCHED_WITHIN = timedelta(minutes=1)
"""The worker matches what came in by then; a page that brought it in does so at once."""


@dataclass(frozen=True)
class Landed:
    """What came in, or would. ``replaced`` are rows whose status moved on, ``skipped`` those that were here."""

    kind: str
    file: str
    sha256: str
    source: str
    target: str
    """The processor, or the account of the bank."""
    rows: int
    added: int
    replaced: int
    skipped: int
    batches: int
    first: date | None
    last: date | None
    remarks: list[str]
    run_id: str | None = None
    """None for a trial, and where nothing was new."""
    is_trial: bool = False

    def sentence(self) -> str:
        """In one line."""
        done = "would come in" if self.is_trial else "came in"
        told = f"{self.added:,} of {self.rows:,} {'lines' if self.kind == 'bank' else 'transactions'}"
        if self.batches and not self.rows:
            told = f"{self.batches:,} {'batch' if self.batches == 1 else 'batches'}"
        text = f"{self.file}: {told} {done}"
        text += f", {self.replaced:,} moved on" if self.replaced else ""
        return text + (f", {self.skipped:,} were already here" if self.skipped else "")

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        target = "account" if self.kind == "bank" else "processor"
        return {
            "kind": self.kind, "file": self.file, "sha256": self.sha256, "source": self.source, target: self.target,
            "rows": self.rows, "added": self.added, "replaced": self.replaced, "skipped": self.skipped,
            "batches": self.batches, "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(), "remarks": self.remarks, "import": self.run_id,
        }  # fmt: skip


@dataclass
class Landing:
    """What will be written: rows by table, rows that give way to a later state, what else is done at the end."""

    inserts: list[tuple[type[Base], list[dict[str, Any]]]] = item(default_factory=list)
    replaced: list[tuple[str, str]] = item(default_factory=list)
    """(row that is hidden, row that takes its place)."""
    finish: list[Callable[[ClinicSession, str], None]] = item(default_factory=list)
    skipped: int = 0
    completes: bool = False
    """Whether something that is here is told more of, without a new row."""

    def add(self, model: type[Base], rows: list[dict[str, Any]]) -> None:
        """Rows of one table, if there are any."""
        if rows:
            self.inserts.append((model, rows))


def refuse_problems(reading: Reading) -> None:
    """Raise ImportRefused where anything stands in the way."""
    if reading.problems:
        count = len(reading.problems)
        cells = "one place" if count == 1 else f"{count:,} places"
        raise ImportRefused(file=reading.file, cells=cells, problems=reading.problems)


def land_settlement(
    reading: Reading,
    *,
    by: Actor,
    processor: str = "",
    dry_run: bool = False,
    key: str | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Bring in transactions and batches, of a file or as an API answered. ``processor`` is the slug of its settings;
    left out, the only one of the reading's kind.

    Raises ImportRefused with every problem, ProcessorUnclear, NotFound, ImportCollided, NotPermitted, SessionEnded.
    """
    with look(by, "reconciliation.use") as session:
        repeated = repeated_landing(session, by, key)
        if repeated is not None:
            return repeated
        clinic = session.get_one(Clinic, by.clinic_id)
        terms = terms_of(session, clinic, reading.processor_type, processor, otherwise=reading.source)
        refuse_problems(reading)
        landing, days = _Planner(session, clinic, terms, reading, by).plan()
    refuse_problems(reading)
    added = sum(len(rows) for model, rows in landing.inserts if model is SettledTransaction) - len(landing.replaced)
    batches = sum(len(rows) for model, rows in landing.inserts if model is SettlementBatch)
    landed = Landed(
        "settlement", without_card_numbers(reading.file)[:200], reading.sha256, reading.source, terms.slug,
        len(reading.rows), added, len(landing.replaced), landing.skipped, batches, min(days, default=None),
        max(days, default=None), reading.remarks,
    )  # fmt: skip
    if dry_run:
        return replace(landed, is_trial=True)
    return write_landing(landing, landed, reading, by=by, key=key, progress=progress)


class _Planner:
    """Rows of one reading against what is here."""

    def __init__(self, session: ClinicSession, clinic: Clinic, terms: Terms, reading: Reading, by: Actor) -> None:
        self.session, self.clinic, self.terms, self.reading, self.by = session, clinic, terms, reading, by
        self.landing = Landing()
        self.extra = Plan()
        table = Table(reading.file, (), [], 1, reading.sha256, "", "")
        self.ground = Ground(session, clinic, table, ImportMapping(kind="settlement", fields={}), by)
        self.places = Places(self.ground, self.extra)
        self.now = clock.now()
        self._located: dict[str, dict[str, Any] | None] = {"": None}
        self._counting: dict[date, date] = {}

    def plan(self) -> tuple[Landing, list[date]]:
        """What will be written, and the days of the rows."""
        reading, landing = self.reading, self.landing
        stored = self._stored(row.reference for row in reading.rows)
        batches = _Batches(self)
        seen: dict[str, SettledRow] = {}
        made: list[dict[str, Any]] = []
        days = []
        for row in reading.rows:
            if self._again(row, seen) or not self._sound(row):
                continue
            before = stored.get(row.reference)
            new = self._made(row, before)
            days.append(new["day"])
            if before is not None and not self._moves_on(row, new, before):
                landing.skipped += 1
                continue
            new["batch_id"] = batches.of(row, new["day"]) or (before.batch_id if before is not None else None)
            made.append(new)
        for stated in reading.batches:
            batches.stated(stated)
        for model, rows in self.extra.inserts:
            landing.add(model, rows)
        landing.finish += self.extra.finish
        landing.add(SettlementBatch, batches.made)
        landing.finish.append(batches.finish)
        landing.completes = batches.changed
        landing.add(SettledTransaction, made)
        reading.remarks += [text for _, text in self.ground.notices]
        moved = Counter(row["counts_on"] for row in made if row["counts_on"] != row["day"])
        for on, count in sorted(moved.items()):
            reading.remark("", f"{count:,} of them lie in a closed period and count on {on.isoformat()}")
        return landing, days

    def _again(self, row: SettledRow, seen: dict[str, SettledRow]) -> bool:
        """Whether the file has told this transaction before; a problem where it said something else."""
        first = seen.setdefault(row.reference, row)
        if first is row:
            return False
        if _facts(first) == _facts(row):
            self.landing.skipped += 1
        else:
            self.reading.problem(
                row.place, f"reference: '{row.reference}' stands in {first.place} already and says something else."
            )  # fmt: skip
        return True

    def _moves_on(self, row: SettledRow, new: dict[str, Any], before: Found[Any]) -> bool:
        """Whether a row takes the place of the one that is here; a problem where it says something else."""
        differs = self._against(row, new, before)
        if differs is None:
            self.landing.replaced.append((before.id, new["id"]))
            return True
        if differs:
            self.reading.problem(
                row.place, f"{differs}: '{row.reference}' is here already with another {differs}. Take the row out of "
                "the file, or take back the import that brought the other.",
            )  # fmt: skip
        return False

    def _stored(self, references: Iterable[str]) -> dict[str, Found[Any]]:
        found: dict[str, Found[Any]] = {}
        wanted = list(dict.fromkeys(references))
        columns = SettledTransaction.__table__.c
        for start in range(0, len(wanted), LOOKED_UP):
            part = wanted[start : start + LOOKED_UP]
            rows = select(*(getattr(SettledTransaction, column.name) for column in columns))
            for row in self.session.execute(rows.where(SettledTransaction.reference.in_(part))):
                found[row.reference] = row
        return found

    def _sound(self, row: SettledRow) -> bool:
        """Whether a row can be taken at all."""
        problem = self.reading.problem
        if row.currency != self.clinic.currency:
            problem(row.place, f"currency: '{row.currency}' is not the clinic's currency {self.clinic.currency}.")
            return False
        if row.zone and not _is_zone(row.zone):
            problem(row.place, f"zone: '{row.zone}' is not a time zone. Write it like America/Chicago.")
            return False
        if row.processed_at is not None and row.processed_at > self.now + timedelta(days=2):
            problem(row.place, "processed at: it lies in the future, and money cannot have moved yet.")
            return False
        return True

    def _place(self, row: SettledRow) -> dict[str, Any] | None:
        """The location of a row; made when it is new."""
        name = row.location.strip()
        if name not in self._located:
            self._located[name] = self.places.of(Row(0, {"location": name, "zone": row.zone}))
        return self._located[name]

    def _made(self, row: SettledRow, before: Found[Any] | None) -> dict[str, Any]:
        place = self._place(row)
        zone = ZoneInfo(place["zone"]) if place else self.terms.zone
        at = row.processed_at or (before.event_at if before is not None else noon(row.settled_on or date.min, zone))
        day = self._day(at, zone, has_time=row.processed_at is not None)
        return {
            "id": new_id(), "processor": self.terms.slug, "reference": row.reference, "batch_id": None,
            "kind": row.kind, "status": row.status, "amount_cents": row.amount_cents, "fee_cents": row.fee_cents,
            "currency": row.currency, "day": day, "settled_on": row.settled_on, "last4": row.last4,
            "brand": row.brand, "authorization": row.authorization, "invoice_reference": row.invoice,
            "entry_mode": row.entry_mode, "location_id": place["id"] if place else None,
            "related_reference": row.related, "counts_on": self._counts_on(day), "row_hash": _hash(row),
            "event_at": at, "entered_at": self.now, "source": "import", "by_user_id": self.by.user_id,
        }  # fmt: skip

    def _day(self, at: datetime, zone: ZoneInfo, *, has_time: bool) -> date:
        """The business day: what is processed after the cut-off belongs to the next."""
        here = at.astimezone(zone)
        late = has_time and self.terms.cut_off is not None and here.time() >= self.terms.cut_off
        return here.date() + timedelta(days=1) if late else here.date()

    def _counts_on(self, day: date) -> date:
        if day not in self._counting:
            self._counting[day] = counting_day(self.session, day)
        return self._counting[day]

    def _against(self, row: SettledRow, new: dict[str, Any], before: Found[Any]) -> str | None:
        """In what a row differs from the one that is here: empty where it does not, None where it takes its place."""
        for name in ("processor", "kind", "currency"):
            if getattr(before, name) != new[name]:
                return name
        if before.row_hash == new["row_hash"]:
            return ""
        came, was = RANK[row.status], RANK[before.status]
        if came != was or came < RANK["settled"]:
            return None if came >= was else ""
        for name in ("status", "amount_cents"):
            if getattr(before, name) != new[name]:
                return LABELS.get(name, name)
        told = noon(row.settled_on or before.event_at.date(), self.terms.zone)
        if row.processed_at is not None and before.event_at != told and not _same(before.event_at, row.processed_at):
            return "time"
        return self._filled(new, before)

    def _filled(self, new: dict[str, Any], before: Found[Any]) -> str | None:
        """The same for what a file may leave out: a row that says more takes the place of one that says less, except
        in a closed period."""
        fuller = False
        for name in FILLED:
            was, says = getattr(before, name), new[name]
            if says in (None, "") or (name in WORDING and was):
                new[name] = was
            elif says != was and was not in (None, ""):
                return LABELS.get(name, name)
            else:
                fuller = fuller or says != was
        return None if fuller and self._counts_on(before.counts_on) == before.counts_on else ""


class _Batches:
    """Batches by their id at the processor: those that are here, and new ones."""

    def __init__(self, planner: _Planner) -> None:
        self.planner = planner
        reading = planner.reading
        self._other_names = {
            row.external_id: f"{row.number} {row.settled_on}"
            for row in reading.batches
            if row.number and row.settled_on
        }
        wanted = {row.batch for row in reading.rows if row.batch} | {row.external_id for row in reading.batches}
        wanted |= set(self._other_names.values())
        self.known: dict[str, SettlementBatch] = {}
        ids = sorted(wanted)
        for start in range(0, len(ids), LOOKED_UP):
            part = select(SettlementBatch).where(
                SettlementBatch.processor == planner.terms.slug,
                SettlementBatch.external_id.in_(ids[start : start + LOOKED_UP]),
            )
            self.known.update({batch.external_id: batch for batch in planner.session.scalars(part)})
        self._same_under_another_name(wanted)
        self.made: list[dict[str, Any]] = []
        self._new: dict[str, dict[str, Any]] = {}
        self._changes: dict[str, dict[str, Any]] = defaultdict(dict)

    def _same_under_another_name(self, wanted: set[str]) -> None:
        """A file calls a batch by its number and day where the API has an id of its own and tells number and day."""
        for external_id, name in self._other_names.items():
            if external_id not in self.known and name in self.known:
                self.known[external_id] = self.known[name]
        open_names = {name for name in wanted - self.known.keys() if _NUMBER_AND_DAY.fullmatch(name)}
        if not open_names:
            return
        of_the_day = select(SettlementBatch).where(
            SettlementBatch.processor == self.planner.terms.slug,
            SettlementBatch.settled_on.in_({date.fromisoformat(name[-10:]) for name in open_names}),
            SettlementBatch.number.in_({name[:-11] for name in open_names}),
        )
        for batch in self.planner.session.scalars(of_the_day):
            name = f"{batch.number} {batch.settled_on}"
            if name in open_names:
                self.known[name] = batch

    def of(self, row: SettledRow, day: date) -> str | None:
        """The id of a row's batch; made when it is new."""
        if not row.batch:
            return None
        settled_on = row.settled_on or day
        known = self.known.get(row.batch)
        if known is not None:
            if row.settled_on:
                self._later(known, row.settled_on)
            return known.id
        new = self._new.get(row.batch)
        if new is None:
            place = self.planner._place(row)
            new = self._make(row.batch, settled_on, row.currency, place["id"] if place else None)
        elif settled_on > new["settled_on"]:
            new["settled_on"] = settled_on
        return str(new["id"])

    def _make(self, external_id: str, settled_on: date, currency: str, location_id: str | None) -> dict[str, Any]:
        new = {
            "id": new_id(), "processor": self.planner.terms.slug, "external_id": external_id, "number": "",
            "brand": "", "settled_on": settled_on, "currency": currency, "location_id": location_id,
            "gross_cents": None, "fee_cents": None, "net_cents": None, "entered_at": self.planner.now,
        }  # fmt: skip
        self._new[external_id] = new
        self.made.append(new)
        return new

    def _later(self, known: SettlementBatch, settled_on: date) -> None:
        change = self._changes[known.id]
        if settled_on > change.get("settled_on", known.settled_on) and (
            self.planner._counts_on(known.settled_on) == known.settled_on
        ):
            change["settled_on"] = settled_on

    def stated(self, row: BatchRow) -> None:
        """What a processor says of a whole batch."""
        reading = self.planner.reading
        if row.currency != self.planner.clinic.currency:
            currency = self.planner.clinic.currency
            reading.problem(row.place, f"currency: '{row.currency}' is not the clinic's currency {currency}.")
            return
        says = {
            name: getattr(row, name)
            for name in ("number", "brand", "gross_cents", "fee_cents", "net_cents")
            if getattr(row, name) not in (None, "")
        }
        known = self.known.get(row.external_id)
        if known is None:
            new = self._new.get(row.external_id)
            if new is None:
                if row.settled_on is None:
                    return
                new = self._make(row.external_id, row.settled_on, row.currency, None)
            new.update(says)
            new["settled_on"] = row.settled_on or new["settled_on"]
            return
        for name, value in says.items():
            stored = getattr(known, name)
            if stored in (None, ""):
                self._changes[known.id][name] = value
            elif stored != value:
                label = LABELS.get(name, name.removesuffix("_cents"))
                reading.problem(row.place, f"batch {row.external_id} is here already with another {label}.")
        if row.settled_on:
            self._later(known, row.settled_on)

    @property
    def changed(self) -> bool:
        """Whether something is new about batches that are here."""
        return any(self._changes.values())

    def finish(self, session: ClinicSession, _run_id: str) -> None:
        """What is new about batches that were here."""
        changes = {batch_id: change for batch_id, change in self._changes.items() if change}
        for batch_id, change in changes.items():
            batch = session.scalars(select(SettlementBatch).where(SettlementBatch.id == batch_id)).one_or_none()
            for name, value in change.items():
                setattr(batch, name, value)


@functools.cache
def _is_zone(name: str) -> bool:
    """Whether a time zone is called so; asked once for each name, as the answer is looked up on the disk."""
    return name in available_timezones()


def _same(one: datetime, other: datetime) -> bool:
    """Whether two times are one: an API tells milliseconds where a file of the same processor tells minutes."""
    early, late = sorted((one, other))
    return early in (late, late.replace(microsecond=0), late.replace(second=0, microsecond=0))


def _facts(row: SettledRow) -> tuple[Any, ...]:
    """What a row says, without where it stands."""
    return (
        row.reference, row.kind, row.status, row.amount_cents, row.currency,
        row.processed_at and row.processed_at.isoformat(), row.settled_on and row.settled_on.isoformat(), row.batch,
        row.fee_cents, row.last4, row.brand, row.authorization, row.invoice, row.entry_mode, row.location, row.related,
    )  # fmt: skip


def _hash(row: SettledRow) -> str:
    return hashlib.sha256(json.dumps(_facts(row), ensure_ascii=False).encode()).hexdigest()


# ---- writing


def write_landing(
    landing: Landing, landed: Landed, reading: Reading, *, by: Actor, key: str | None, progress: Progress | None
) -> Landed:
    """Write the rows hidden, in chunks, and show them in one last transaction; with what came in and the run's id.
    Where nothing is new, nothing is written."""
    with look(by, "reconciliation.use"):
        if not landing.inserts and not landing.completes:
            return landed
    take_back_unfinished(by.clinic_id)
    run_id = _begin(landing, landed, reading, by)
    hidden, later = {"import_id": run_id, "deleted_at": clock.now()}, {after for _, after in landing.replaced}
    total, done = sum(len(rows) for _, rows in landing.inserts) or 1, 0
    try:
        for model, rows in landing.inserts:
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                with write(by.clinic_id) as session:
                    authorize(session, by, "reconciliation.use")
                    _go_on(session, run_id, landed.file)
                    if not issubclass(model, Arriving):
                        chunk = [hidden | row for row in chunk]
                    else:
                        chunk = [(hidden if row["id"] in later else {}) | row | {"import_id": run_id} for row in chunk]
                    session.bulk(model, chunk)
                done += len(chunk)
                if progress:
                    progress(done / total)
        shown = _show(landing, landed, run_id, by=by, key=key)
    except IntegrityError as failure:
        _take_back(by.clinic_id, run_id)
        raise ImportCollided(file=landed.file) from failure
    except BaseException:
        _take_back(by.clinic_id, run_id)
        raise
    if shown.run_id != run_id:
        _take_back(by.clinic_id, run_id)
    return shown


def _begin(landing: Landing, landed: Landed, reading: Reading, by: Actor) -> str:
    """The run under which rows come in, of which nobody is told yet."""
    told = {"source": landed.source, "target": landed.target, "first": landed.first and landed.first.isoformat(),
            "last": landed.last and landed.last.isoformat(), "batches": landed.batches}  # fmt: skip
    with write(by.clinic_id) as session:
        authorize(session, by, "reconciliation.use")
        run = ImportRun(
            kind=landed.kind, file_name=landed.file[:200], sha256=landed.sha256, by_user_id=by.user_id,
            mapping={**told, "replaced": landing.replaced, "mapping": reading.mapping}, counts=_counts(landing, landed),
            arriving_until=clock.now() + AT_IT,
        )  # fmt: skip
        session.add(run)
        session.flush()
        return run.id


def _counts(landing: Landing, landed: Landed) -> dict[str, int]:
    return {
        "rows": landed.rows, "added": landed.added, "replaced": landed.replaced, "skipped": landed.skipped,
        **{model.__tablename__: len(rows) for model, rows in landing.inserts},
    }  # fmt: skip


def _go_on(session: ClinicSession, run_id: str, file: str) -> ImportRun:
    """The run, still at it. Raises ImportCollided where it was given up and taken back meanwhile."""
    session.head()
    run = session.get(ImportRun, (session.clinic_id, run_id))
    if run is None or run.arriving_until is None:
        raise ImportCollided(file=file)
    if run.arriving_until - clock.now() < AT_IT / 2:
        run.arriving_until = clock.now() + AT_IT
    return run


def take_back_unfinished(clinic_id: str) -> int:
    """Hide what imports brought that were cut off in the middle; returns how many imports that were."""
    with read(clinic_id) as session:
        found = session.scalars(select(ImportRun.id).where(ImportRun.arriving_until < clock.now())).all()
    for run_id in found:
        _take_back(clinic_id, run_id)
    return len(found)


def _take_back(clinic_id: str, run_id: str) -> None:
    """Hide the rows of a run that did not come to its end, a few hundred at a time; last of all the run itself."""
    for model in (SettledTransaction, SettlementBatch, BankLine):
        table = model.__table__
        some = select(table.c.id).where(
            table.c.clinic_id == clinic_id, table.c.import_id == run_id, table.c.deleted_at.is_(None)
        )
        count = 1
        while count:
            with write(clinic_id) as session:
                hide = update(table).where(table.c.clinic_id == clinic_id, table.c.id.in_(some.limit(CHUNK)))  # type: ignore[arg-type]
                session.info["flushed"] = True
                done: Any = session.execute(hide.values(deleted_at=clock.now(), change=session.change))
                count = done.rowcount
    with write(clinic_id) as session:
        run = session.get(ImportRun, (clinic_id, run_id))
        if run is not None and run.arriving_until is not None:
            run.arriving_until, run.deleted_at = None, clock.now()


def _show(landing: Landing, landed: Landed, run_id: str, *, by: Actor, key: str | None) -> Landed:
    """The last transaction: everything counts, what it replaces disappears, with the audit row."""
    with act(by, "reconciliation.use", key=key) as work:
        session = work.session
        if work.repeated:
            return repeated_landing(session, by, key) or landed
        run = _go_on(session, run_id, landed.file)
        _give_way(session, landing.replaced, landed.file)
        for model in dict.fromkeys(model for model, _ in landing.inserts if not issubclass(model, Arriving)):
            mark_rows(session, model.__table__, run_id, None)  # type: ignore[arg-type]
        run.arriving_until = None
        session.flush()
        for finish in landing.finish:
            finish(session, run_id)
        work.audit(
            f"{landed.kind}.imported", "import_run", run_id, source=landed.source, target=landed.target,
            sha256=landed.sha256, **_counts(landing, landed),
        )  # fmt: skip
        enqueue(session, MATCHING, f"{MATCHING}:{run_id}", {}, clock.now() + MATCHED_WITHIN)
        work.result = run_id
        return replace(landed, run_id=run_id)


def _give_way(session: ClinicSession, replaced: list[tuple[str, str]], file: str) -> None:
    """Hide the rows whose state moved on; what was matched with them is matched with those in their place."""
    if not replaced:
        return
    table, now = SettledTransaction.__table__, clock.now()
    places = dict(replaced)
    for start in range(0, len(replaced), LOOKED_UP):
        old = [before for before, _ in replaced[start : start + LOOKED_UP]]
        hide = (
            update(table)  # type: ignore[arg-type]
            .where(table.c.clinic_id == session.clinic_id, table.c.id.in_(old), table.c.deleted_at.is_(None))
            .values(deleted_at=now, change=session.change)
        )
        session.info["flushed"] = True
        if session.execute(hide).rowcount != len(old):  # type: ignore[attr-defined]
            raise ImportCollided(file=file)
        show = update(table).where(table.c.clinic_id == session.clinic_id, table.c.id.in_([places[one] for one in old]))  # type: ignore[arg-type]
        session.execute(show.values(deleted_at=None, change=session.change))
        for part in session.scalars(select(PaymentMatchPart).where(PaymentMatchPart.settled_id.in_(old))):
            part.settled_id = places[str(part.settled_id)]


def repeated_landing(session: ClinicSession, by: Actor, key: str | None) -> Landed | None:
    """What the same form brought in before, when a person sends it twice."""
    done = earlier(session, by, "reconciliation.use", key) if key else None
    run = session.scalars(select(ImportRun).where(ImportRun.id == str(done.result))).one_or_none() if done else None
    return landed_of(run) if run is not None else None


def landed_of(run: ImportRun) -> Landed:
    """What an import brought, from its run."""
    told: Mapping[str, Any] = run.mapping
    counts: Mapping[str, Any] = run.counts
    first, last = (date.fromisoformat(told[name]) if told.get(name) else None for name in ("first", "last"))
    return Landed(
        run.kind, run.file_name, run.sha256, str(told.get("source", "")), str(told.get("target", "")),
        int(counts.get("rows", 0)), int(counts.get("added", 0)), int(counts.get("replaced", 0)),
        int(counts.get("skipped", 0)), int(told.get("batches", 0)), first, last, [], run.id,
    )  # fmt: skip
