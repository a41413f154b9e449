"""The analytics mart: an in-memory DuckDB of this process, fed from the system of record by change number.

Nothing of it touches the disk. Each clinic has a schema of its own; ``reading(clinic_id)`` gives one cursor inside
one transaction, so that everything a page or report shows is of one moment:

    with mart.reading(clinic_id) as cursor:
        rows = cursor.execute("SELECT stage, count(*) FROM appointment GROUP BY 1").fetchall()

Rows travel as CSV text (``COPY`` on PostgreSQL, on SQLite one concatenated string for thousands of rows) into Arrow and
from there by a plain INSERT into a native table: no step of it makes a Python object for each row, and the long ones
let go of the interpreter, so that pages go on answering. DuckDB 2.0.0 can answer wrongly when it *queries* Arrow, so
Arrow is only ever copied, and counts and sums are compared after each copy.

The first load starts from the clinic's snapshot (data/mart_snapshot.py) where one fits, and catches up from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlalchemy import Boolean, Connection, Date, DateTime, Integer, Uuid, bindparam, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator, TypeEngine

from data import mart_snapshot, models
from data.engine import Database, database
from data.errors import EnvironmentFailure, NotFound, Refusal
from data.mart_snapshot import Label, Mark, Snapshot, Unfit
from data.models import AuditLog, Base, ChainHead, Clinic, ImportRun

log = logging.getLogger("ballast.mart")
_ARRIVING = select(ImportRun.id).where(
    ImportRun.clinic_id == bindparam("clinic"), ImportRun.arriving_until.is_not(None)
).limit(1)  # fmt: skip


def _memory() -> str:
    """What the mart may take: what BALLAST_MART_MEMORY says, else a third of the machine's, at least 2 GB."""
    third = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 3
    return os.environ.get("BALLAST_MART_MEMORY") or f"{max(third, 2_000_000_000) // 1_000_000}MB"


MEMORY_LIMIT = _memory()
REFRESH_SECONDS = 1.0
KEEP_AFTER_ROWS = 20_000
"""So many rows behind, and a new snapshot is worth writing."""
_CHUNK_ROWS = 50_000
_BLOCK_ROWS = 20_000
"""Rows that SQLite joins into one string at a time: what a page waits for at most is one block, never a table."""
_LOCAL = {"local_at": "TIMESTAMP", "local_day": "DATE", "hour": "TINYINT", "weekday": "TINYINT"}


class MartFault(EnvironmentFailure):
    """The report data did not arrive whole ({table}: {problem}). Try again; if it happens twice, restart Ballast and
    report it. The records themselves are not affected."""


class MartTooSmall(EnvironmentFailure):
    """The records do not fit into the memory that reports may take ({limit}). Set BALLAST_MART_MEMORY to more, such as
    8GB, and restart Ballast. The records themselves are not affected."""


class RecordsTooOld(EnvironmentFailure):
    """The records are still in the form of an older Ballast ({table} has no {column}), so no report can be added up.
    Restart Ballast, which brings them up to date; if it stays, restore the latest backup."""


@dataclass(frozen=True)
class Fact:
    """One table of the mart: which columns of a model it carries, and what is worked out once while loading.

    ``moment`` names the instant that gives ``local_at``, ``local_day``, ``hour`` and ``weekday`` (1 Monday to 7) in
    the zone of the row's place, or of the clinic; ``place`` is the SQL that finds the place's id, in the row ``d`` or
    in the one ``p`` of the table ``through``. ``derived`` maps a column to (type, SQL over the same two); what a report
    would have to join for each row is so taken over once. ``settled`` is SQL for what hangs on further rows of the same
    clinic, run when those past ``$since`` are here; rows of ``through`` that others must follow go to ``moved_…``.
    """

    model: type[Base]
    columns: str
    moment: str = ""
    place: str = ""
    through: str = ""
    derived: tuple[tuple[str, str, str], ...] = ()
    settled: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The table's name, the same as in the system of record."""
        return str(self.model.__tablename__)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns read from the system of record."""
        return ("id", "change", *self.columns.split())


_STANDING = (
    """
    CREATE OR REPLACE TEMP TABLE standing AS
    SELECT i.id, coalesce(bool_or(e.kind = 'voided'), false) AS voided,
           coalesce(bool_or(e.kind = 'drafted') AND NOT bool_or(e.kind IN ('opened', 'reopened', 'forgiven')), false)
               AS draft
    FROM invoice i LEFT JOIN invoice_event e ON e.invoice_id = i.id
    WHERE i.change > $since OR i.id IN (SELECT invoice_id FROM invoice_event WHERE change > $since)
    GROUP BY i.id
    """,
    "INSERT INTO moved_invoice SELECT id FROM standing WHERE $since >= 0",
    """
    UPDATE invoice SET voided = s.voided, draft = s.draft FROM standing s
    WHERE s.id = invoice.id AND (s.voided <> invoice.voided OR s.draft <> invoice.draft)
    """,
)
"""What became of each invoice, as records/standing.py tells it: a void invoice stays void."""


def _as_taken_back(table: str, parent: str, column: str, there: str) -> tuple[str, ...]:
    """SQL that gives rows which take others of their table back what those have; few rows do."""
    return (
        f"CREATE OR REPLACE TEMP TABLE taking_back AS SELECT id, reverses_id FROM {table} "  # noqa: S608
        f"WHERE reverses_id IS NOT NULL AND (change > $since OR {parent}_id IN (SELECT id FROM moved_{parent}))",
        f"CREATE OR REPLACE TEMP TABLE taken_back AS SELECT b.id, o.{there} AS told "  # noqa: S608
        f"FROM {table} o JOIN taking_back b ON b.reverses_id = o.id",
        f"UPDATE {table} SET {column} = o.told FROM taken_back o WHERE o.id = {table}.id",  # noqa: S608
    )


def _of_who_stayed(table: str) -> tuple[str, ...]:
    """SQL that puts rows which stand for ever under a client that was merged under the one that stayed."""
    return (
        f"UPDATE {table} SET client_id = c.merged_into_id FROM client c "  # noqa: S608
        f"WHERE c.id = {table}.client_id AND c.merged_into_id IS NOT NULL",
    )


_TAKEN_OVER = {
    "appointment": ("location_id", "patient_id"), "bottle": ("location_id", "drug_id"), "invoice": ("client_id",),
}  # fmt: skip
"""What the rows that hang on another take over from it."""

FACTS: tuple[Fact, ...] = (
    Fact(models.Location, "name zone"),
    Fact(
        models.Definition, "kind slug body", derived=(("label", "VARCHAR", "json_extract_string(d.body, '$.label')"),)
    ),
    Fact(models.User, "name initials role"),
    Fact(
        models.Client,
        "number first_name last_name phone email address city postal_code owner_type restricted merged_into_id",
        derived=(
            ("name", "VARCHAR", "trim(concat_ws(' ', d.first_name, d.last_name))"),
            ("has_email", "BOOLEAN", "trim(coalesce(d.email, '')) <> ''"),
            ("has_phone", "BOOLEAN", "trim(coalesce(d.phone, '')) <> ''"),
            ("has_address", "BOOLEAN", "trim(coalesce(d.address, '')) <> ''"),
        ),
    ),
    Fact(models.Patient, "client_id name species breed sex altered born_on weight_grams microchip caution died_on"),
    Fact(models.Service, "code name category procedure reminder_days"),
    Fact(models.Fund, "code name kind"),
    Fact(
        models.Drug,
        "code name strength unit schedule",
        derived=(("full_name", "VARCHAR", "trim(d.name || ' ' || d.strength)"),),
    ),
    Fact(models.Bottle, "drug_id number lot expires_on size received_on location_id opened_at closed_at"),
    Fact(
        models.Appointment,
        "number client_id patient_id location_id type starts_at day minutes stage stage_at walk_in scheduled_on "
        "provider_id services funding notes caution entered_at",
        moment="starts_at",
        place="d.location_id",
        derived=(
            ("service_list", "VARCHAR", "array_to_string(json_extract_string(d.services, '$[*]'), ', ')"),
            ("lead_days", "BIGINT", "date_diff('day', d.scheduled_on, d.day)"),
        ),
    ),
    Fact(
        models.FlowEvent,
        "appointment_id from_stage to_stage reverts_id event_at",
        "event_at",
        "p.location_id",
        "appointment",
    ),
    Fact(models.CheckIn, "appointment_id consent event_at", "event_at", "p.location_id", "appointment"),
    Fact(
        models.Exam,
        "appointment_id weight_grams already_altered event_at",
        "event_at",
        "p.location_id",
        "appointment",
    ),
    Fact(
        models.Surgery,
        "appointment_id event_at surgeon_id procedure ended_at complications",
        moment="event_at",
        place="p.location_id",
        through="appointment",
        derived=(
            ("minutes", "DOUBLE", "date_diff('second', d.event_at, d.ended_at) / 60.0"),
            ("complication_count", "BIGINT", "coalesce(json_array_length(d.complications), 0)"),
            ("patient_id", "UUID", "p.patient_id"),
            ("location_id", "UUID", "p.location_id"),
        ),
    ),
    Fact(models.InvoiceEvent, "invoice_id kind amount_cents event_at entered_at", "event_at"),
    Fact(
        models.Invoice,
        "number client_id appointment_id location_id issued_on due_on",
        derived=(("voided", "BOOLEAN", "false"), ("draft", "BOOLEAN", "false")),
        settled=_STANDING,
    ),
    Fact(
        models.InvoiceLine,
        "invoice_id day patient_id service_id description quantity unit_price_cents discount_cents subsidy_cents "
        "discount_code package_code fund_id net_cents tax_cents tax_code tax_rate_millionths tax_included provider_id "
        "reverses_id event_at",
        through="invoice",
        derived=(
            ("client_id", "UUID", "p.client_id"),
            ("voided", "BOOLEAN", "coalesce(p.voided, false)"),
            ("draft", "BOOLEAN", "coalesce(p.draft, false)"),
            ("charge_day", "DATE", "d.day"),
        ),
        settled=_as_taken_back("invoice_line", "invoice", "charge_day", "day"),
    ),
    Fact(
        models.Payment,
        "reference kind amount_cents tender channel brand client_id location_id day event_at invoice_reference "
        "reverses_id deposit_cents",
        moment="event_at",
        place="d.location_id",
        settled=_of_who_stayed("payment"),
    ),
    Fact(models.PaymentAllocation, "payment_id invoice_id amount_cents event_at", "event_at"),
    Fact(
        models.SettlementBatch,
        "processor external_id number brand settled_on currency location_id gross_cents fee_cents net_cents",
    ),
    Fact(
        models.SettledTransaction,
        "processor batch_id kind status amount_cents fee_cents day settled_on counts_on "
        "brand entry_mode location_id event_at",
    ),
    Fact(models.BankLine, "account posted_on amount_cents description counts_on"),
    Fact(models.DepositLink, "bank_line_id batch_id amount_cents fee_cents auto"),
    Fact(models.PaymentMatch, "kind state is_auto score difference_cents day decided_at"),
    Fact(models.PaymentMatchPart, "match_id payment_id settled_id stands"),
    Fact(
        models.Variance,
        "kind payment_ids settled_ids bank_line_ids batch_ids amount_cents day state reason assigned_to_id settled_at",
    ),
    Fact(models.BooksPeriod, "first last state"),
    Fact(models.FundEntry, "fund_id kind amount_cents appointment_id invoice_line_id event_at", "event_at"),
    Fact(
        models.DrugLogEntry,
        "bottle_id kind delta drawn given wasted appointment_id patient_id stage route reason by_user_id witness_id "
        "reverses_id event_at source",
        moment="event_at",
        place="p.location_id",
        through="bottle",
        derived=(
            ("drug_id", "UUID", "p.drug_id"),
            ("effective_kind", "VARCHAR", "CASE WHEN d.kind = 'reversal' THEN 'adjusted' ELSE d.kind END"),
        ),
        settled=_as_taken_back("drug_log_entry", "bottle", "effective_kind", "kind"),
    ),
    Fact(models.DrugCount, "bottle_id day session counted expected by_user_id witness_id reason"),
    Fact(models.Reminder, "patient_id service_code due_on sent_at done_at"),
    Fact(models.Consent, "client_id channel purpose given event_at", settled=_of_who_stayed("consent")),
    Fact(models.CampaignRun, "campaign name day state goal goal_days began_at ended_at launched_by_id"),
    Fact(
        models.OutboxMessage,
        "run_id client_id patient_id channel purpose variant state reply sent_at attempts",
        "sent_at",
    ),
    Fact(models.MailEvent, "outbox_id kind event_at"),
    Fact(models.FormSheet, "serial form appointment_id bottle_id state"),
    Fact(models.CustomValue, "entity entity_id field value"),
    Fact(models.AuditLog, "seq logged_at user_id actor source action entity", "logged_at"),
)
"""In load order: a table whose place is found through another stands after it."""


@dataclass
class _Seen:
    """How far one clinic is loaded."""

    change: int = -1
    checked: float = 0.0
    refreshed: float = 0.0
    zone: str = ""
    behind: int = 0
    """Rows that moved since the snapshot on disk; a clinic without one is behind by all of them."""


class Mart:
    """The DuckDB of one opened system of record. Without ``use_snapshots`` it always reads the records themselves."""

    def __init__(self, source: Database, *, memory_limit: str = MEMORY_LIMIT, use_snapshots: bool = True) -> None:
        self.source, self.memory_limit = source, memory_limit
        self._use_snapshots = use_snapshots
        self._lock, self._starting = threading.Lock(), threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._progress: dict[str, float] = {}
        self._preparing: dict[str, threading.Thread] = {}
        self._at_work: dict[int, duckdb.DuckDBPyConnection] = {}
        self._given_up: set[int] = set()
        self._duck = duckdb.connect(
            ":memory:",
            config={
                "temp_directory": "",
                "memory_limit": memory_limit,
                "threads": str(min(4, os.cpu_count() or 1)),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        for setting in (
            "TimeZone = 'UTC'",
            "python_enable_replacements = false",
            "arrow_lossless_conversion = true",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._duck.execute(f"SET {setting}")

    def close(self) -> None:
        """Forget everything."""
        self._duck.close()

    @contextlib.contextmanager
    def reading(self, clinic_id: str, *, max_age: float = REFRESH_SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor over one clinic at one moment, at most ``max_age`` seconds old; 0 waits for the newest."""
        self.refresh(clinic_id, max_age=max_age)
        cursor, thread = self._duck.cursor(), threading.get_ident()
        around = self._at_work.get(thread)
        self._at_work[thread] = cursor
        try:
            cursor.execute(f"USE {_schema(clinic_id)}")
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            if thread in self._given_up:
                raise duckdb.InterruptException("given up before it asked")
            yield cursor
            cursor.execute("COMMIT")
        finally:
            if around is None:
                del self._at_work[thread]
            else:
                self._at_work[thread] = around
            cursor.close()

    def give_up(self, thread: threading.Thread, *, patience: float = 2.0) -> None:
        """Break off what a thread asks, or is about to ask: it took too long.

        An interrupt that meets a cursor between two queries is lost, so it is repeated until the thread has ended, for
        at most ``patience`` seconds.
        """
        ident = thread.ident or 0
        self._given_up.add(ident)
        until = time.monotonic() + patience
        while thread.is_alive() and time.monotonic() < until:
            cursor = self._at_work.get(ident)
            if cursor is not None:
                cursor.interrupt()
            thread.join(0.05)

    def forgive(self, ident: int) -> None:
        """A thread is over: its number may come again."""
        self._given_up.discard(ident)

    def change(self, clinic_id: str) -> int:
        """The change number the clinic's data stands at: part of every cache key over the mart."""
        seen = self._seen.get(clinic_id)
        return seen.change if seen else -1

    def progress(self, clinic_id: str) -> float:
        """How much of the clinic's data has arrived, 0 to 1; 1 means that reports answer at once."""
        return 1.0 if clinic_id in self._seen else min(self._progress.get(clinic_id, 0.0), 0.99)

    def prepare(self, clinic_id: str) -> threading.Thread | None:
        """Load the clinic beside what runs; the thread that does so, or None when the data is there.

        A load that fails is told to whoever reads next, by trying again.
        """
        if clinic_id in self._seen:
            return None
        with self._starting:
            thread = self._preparing.get(clinic_id)
            if thread is None:
                thread = threading.Thread(target=self._prepare, args=(clinic_id,), name="mart", daemon=True)
                self._preparing[clinic_id] = thread
                thread.start()
        return thread

    def _prepare(self, clinic_id: str) -> None:
        with contextlib.suppress(Refusal, duckdb.Error, DBAPIError):
            self.refresh(clinic_id)
        with self._starting:
            self._preparing.pop(clinic_id, None)

    def keep(self, clinic_id: str, *, unless_behind: int = 0) -> int:
        """Write the clinic's snapshot; its size in bytes, or 0 when it is less than ``unless_behind`` rows behind."""
        self.refresh(clinic_id)
        if self._seen[clinic_id].behind < unless_behind:
            return 0
        with self.reading(clinic_id, max_age=60) as cursor:
            (row,) = cursor.execute("SELECT change, zone, audit_seq, audit_hash FROM mart_mark").fetchall()
            label = _label(self.source, clinic_id)
            size = mart_snapshot.write(cursor, self.source.home, label, Mark(*row), _SUMS)
        self._seen[clinic_id].behind = 0
        return size

    def refresh(self, clinic_id: str, *, max_age: float = 0.0) -> int:
        """Bring the clinic up to date; returns how many rows moved. Readers of an older moment are not disturbed.

        While one thread refreshes, others read what is there, except for the first load, which all wait for.
        """
        seen = self._seen.get(clinic_id)
        if seen and max_age and time.monotonic() - seen.checked < max_age:
            return 0
        if not self._lock.acquire(blocking=not (seen and max_age)):
            return 0
        try:
            seen = self._seen.get(clinic_id)
            if seen and max_age and time.monotonic() - seen.checked < max_age:
                return 0
            return self._refresh(clinic_id, seen)
        finally:
            self._lock.release()

    def verify(self, clinic_id: str) -> dict[str, tuple[int, int]]:
        """Compare rows with the system of record; returns the tables that differ with (rows there, rows here)."""
        self.refresh(clinic_id)
        wrong = {}
        with self.source.reader.connect() as connection, self.reading(clinic_id, max_age=60) as cursor:
            for fact in FACTS:
                there = tuple(_first(connection, f"count(*), coalesce(sum({_q('change')}), 0)", fact, clinic_id))
                counted = cursor.execute(f"SELECT count(*), coalesce(sum(change), 0) FROM {fact.name}")  # noqa: S608
                here = counted.fetchone() or ()
                if tuple(map(int, there)) != tuple(map(int, here)):
                    wrong[fact.name] = (int(there[0]), int(here[0]))
        return wrong

    def _refresh(self, clinic_id: str, seen: _Seen | None) -> int:
        with self.source.reader.connect() as connection:
            checked = time.monotonic()
            head = _head(connection, clinic_id)
            if seen and seen.change == head.change and seen.zone == head.zone:
                seen.checked = checked
                return 0
            if seen and connection.scalar(_ARRIVING, {"clinic": clinic_id}):
                return 0  # a part of an import counts nowhere: what was known before it stands until all of it is here
            cursor = self._duck.cursor()
            try:
                if seen is None or head.change < seen.change or head.zone != seen.zone:
                    seen = None
                since, behind = (
                    (seen.change, seen.behind) if seen else (self._warm(connection, cursor, clinic_id, head), 0)
                )

                def tell(share: float) -> None:
                    self._progress[clinic_id] = share

                moved = _carry(connection, cursor, clinic_id, head, since, tell)
                if moved < 0:  # a location moved to another zone: every local hour is worked out anew
                    moved = _carry(connection, cursor, clinic_id, head, -1, tell)
            except duckdb.OutOfMemoryException:
                raise MartTooSmall(limit=self.memory_limit) from None
            finally:
                cursor.close()
            self._seen[clinic_id] = _Seen(head.change, checked, time.monotonic(), head.zone, behind + moved)
            return moved

    def _warm(self, connection: Connection, cursor: duckdb.DuckDBPyConnection, clinic_id: str, head: Mark) -> int:
        """Fill the clinic's tables from its snapshot; the change number they stand at, or -1 when none fits."""
        _require_columns(connection)
        if not self._use_snapshots or not mart_snapshot.path(self.source.home, clinic_id).is_file():
            return -1
        try:
            snapshot = Snapshot(self.source.home, clinic_id)
        except Unfit as why:
            log.warning("the report snapshot is passed over: %s", why)
            return -1
        cursor.execute("BEGIN")
        try:
            _require_same_history(connection, snapshot, _label(self.source, clinic_id), head)
            _create(cursor, clinic_id)
            cursor.execute(f"USE {_schema(clinic_id)}")
            for share in snapshot.pour(cursor, _SUMS):
                self._progress[clinic_id] = share
            cursor.execute("COMMIT")
        except BaseException as why:
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            if not isinstance(why, Unfit):
                raise
            log.warning("the report snapshot is passed over: %s", why)
            return -1
        finally:
            snapshot.close()
        return snapshot.mark.change


def _schema(clinic_id: str) -> str:
    return "c_" + clinic_id.replace("-", "")


def _q(name: str) -> str:
    return f'"{name}"'


def _head(connection: Connection, clinic_id: str) -> Mark:
    statement = (
        select(ChainHead.change, Clinic.zone, ChainHead.audit_seq, ChainHead.audit_hash)
        .join(Clinic, Clinic.id == ChainHead.clinic_id)
        .where(ChainHead.clinic_id == clinic_id)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(what="clinic", name=clinic_id)
    return Mark(int(row[0]), str(row[1]), int(row[2]), str(row[3]))


def _require_columns(connection: Connection) -> None:
    """Raise RecordsTooOld where a table or column is not there; SQLite would read its name as a text."""
    if connection.dialect.name == "sqlite":
        sql = "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'"
    else:
        sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    there = {(str(table), str(column)) for table, column in connection.exec_driver_sql(sql)}
    for fact in FACTS:
        for name in ("clinic_id", *fact.sources):
            if (fact.name, name) not in there:
                raise RecordsTooOld(table=fact.name, column=name)


def _label(source: Database, clinic_id: str) -> Label:
    """What a snapshot must say of itself to fit this code and these records."""
    from data.schema import current_revision

    tables = [(fact.name, [(name, _kind(fact, name)) for name in fact.sources], fact) for fact in FACTS]
    form = hashlib.sha256(repr((mart_snapshot.FORM, tables, _LOCAL, _SUMS, duckdb.__version__)).encode()).hexdigest()
    return Label(source.home.id, clinic_id, current_revision(source) or "", form)


def _require_same_history(connection: Connection, snapshot: Snapshot, label: Label, head: Mark) -> None:
    """Raise Unfit unless the clinic's records went on from where the snapshot was taken.

    After a restore of an older backup the change numbers run again over other changes; the audit chain tells.
    """
    mark = snapshot.mark
    if snapshot.label != label:
        raise Unfit("it is of another clinic or of another version")
    if mark.change > head.change or mark.zone != head.zone:
        raise Unfit("the clinic's records are older, or its zone has moved")
    if mark.audit_seq:
        statement = select(AuditLog.hash).where(AuditLog.clinic_id == label.clinic, AuditLog.seq == mark.audit_seq)
        if connection.execute(statement).scalar_one_or_none() != mark.audit_hash:
            raise Unfit("the clinic's records have another history")


def _first(connection: Connection, what: str, fact: Fact, clinic_id: str) -> Any:
    sqlite = connection.dialect.name == "sqlite"
    value = clinic_id.replace("-", "") if sqlite else clinic_id
    live = "AND deleted_at IS NULL" if "deleted_at" in fact.model.__table__.c else ""
    return connection.exec_driver_sql(f"SELECT {what} FROM {fact.name} WHERE clinic_id = '{value}' {live}").one()  # noqa: S608


def _create(cursor: duckdb.DuckDBPyConnection, clinic_id: str) -> None:
    schema = _schema(clinic_id)
    cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    cursor.execute(f"CREATE SCHEMA {schema}")
    for fact in FACTS:
        columns = [f"{_q(name)} {_kind(fact, name).duck}" for name in fact.sources]
        columns += [f"{_q(name)} {type_}" for name, type_, _ in fact.derived]
        columns += [f"{name} {type_}" for name, type_ in _LOCAL.items() if fact.moment]
        cursor.execute(f"CREATE TABLE {schema}.{fact.name} ({', '.join(columns)})")
    cursor.execute(
        f"CREATE TABLE {schema}.mart_mark (change BIGINT, zone VARCHAR, audit_seq BIGINT, audit_hash VARCHAR)"
    )


def _carry(
    connection: Connection,
    cursor: duckdb.DuckDBPyConnection,
    clinic_id: str,
    head: Mark,
    since: int,
    tell: Callable[[float], None],
) -> int:
    """Copy every row past a change number, in one transaction; -1 when a location's zone moved.

    ``tell`` hears how much of a first load is done.
    """
    moved = 0
    sizes = _sizes(connection) if since < 0 else {}
    whole, done = sum(sizes.values()) or 1, 0
    cursor.execute("BEGIN")
    try:
        if since < 0:
            _create(cursor, clinic_id)
        _enter(cursor, clinic_id)
        for fact in FACTS:
            count = 0
            for chunk in _chunks(connection, fact, clinic_id, since):
                _stage(cursor, fact, chunk)
                if since >= 0 and not _make_room(cursor, fact):
                    cursor.execute("ROLLBACK")
                    return -1
                _settle(cursor, fact, head.zone)
                count += chunk.num_rows
                if since < 0:
                    tell((done + min(count, sizes.get(fact.name, 0))) / whole)
            if since >= 0 and fact.through:
                _move_along(cursor, fact, head.zone)
            for sql in fact.settled:
                cursor.execute(sql, {"since": since} if "$since" in sql else {})
            done += sizes.get(fact.name, 0)
            moved += count
        cursor.execute("DELETE FROM mart_mark")
        cursor.execute(
            "INSERT INTO mart_mark VALUES (?, ?, ?, ?)", [head.change, head.zone, head.audit_seq, head.audit_hash]
        )
        cursor.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
        raise
    return moved


def _zone_moved(cursor: duckdb.DuckDBPyConnection) -> bool:
    row = cursor.execute(
        "SELECT count(*) FROM location l JOIN stage s ON s.id = l.id WHERE s.gone OR s.zone IS DISTINCT FROM l.zone"
    ).fetchone()
    return bool(row and row[0])


def _enter(cursor: duckdb.DuckDBPyConnection, clinic_id: str) -> None:
    cursor.execute(f"USE {_schema(clinic_id)}")
    for table in _TAKEN_OVER:
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE moved_{table} (id UUID)")


def _make_room(cursor: duckdb.DuckDBPyConnection, fact: Fact) -> bool:
    """Take out what the staged rows replace; False when they move a location to another zone."""
    if fact.model is models.Location and _zone_moved(cursor):
        return False
    if fact.name in _TAKEN_OVER:
        _note_moved(cursor, fact.name)
    cursor.execute(f"DELETE FROM {fact.name} USING stage WHERE {fact.name}.id = stage.id")  # noqa: S608
    return True


def _note_moved(cursor: duckdb.DuckDBPyConnection, table: str) -> None:
    """Which of the rows that arrived have another place, or whatever else others take over from them, than before;
    what was removed or is here for the first time counts, as rows that hang on it may be here."""
    differs = " OR ".join(f"s.{name} IS DISTINCT FROM p.{name}" for name in _TAKEN_OVER[table])
    cursor.execute(
        f"INSERT INTO moved_{table} SELECT s.id FROM stage s LEFT JOIN {table} p ON p.id = s.id "  # noqa: S608
        f"WHERE s.gone OR p.id IS NULL OR {differs}"
    )


def _move_along(cursor: duckdb.DuckDBPyConnection, fact: Fact, zone: str) -> None:
    """Work out anew what hangs on a row that moved; most of it did not change itself and so did not arrive."""
    moved, columns = f"moved_{fact.through}", ", ".join(f"d.{_q(name)}" for name in fact.sources)
    if cursor.execute(f"SELECT 1 FROM {moved} LIMIT 1").fetchone() is None:  # noqa: S608
        return
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE stage AS SELECT {columns}, false AS gone FROM {fact.name} d "  # noqa: S608
        f"WHERE d.{fact.through}_id IN (SELECT id FROM {moved})"
    )
    cursor.execute(f"DELETE FROM {fact.name} USING stage WHERE {fact.name}.id = stage.id")  # noqa: S608
    _settle(cursor, fact, zone)


def _stage(cursor: duckdb.DuckDBPyConnection, fact: Fact, chunk: Any) -> None:
    """Copy Arrow into a native temporary table, then compare counts and sums."""
    columns = (*fact.sources, "gone")
    casts = ", ".join(f"{_q(name)}::{_kind(fact, name).duck} AS {_q(name)}" for name in columns)
    cursor.register("arrived", chunk)
    try:
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE stage AS SELECT {casts} FROM arrived")  # noqa: S608
    finally:
        with contextlib.suppress(duckdb.Error):  # after a failure nothing but a rollback is open
            cursor.unregister("arrived")
    import pyarrow as pa
    import pyarrow.compute as pc

    expected, checks = [], []
    for name in columns:
        column = chunk.column(name)
        expected.append(chunk.num_rows - column.null_count)
        checks.append(f"count({_q(name)})")
        if pa.types.is_integer(column.type):
            expected.append(pc.sum(column).as_py() or 0)
            checks.append(f"coalesce(sum({_q(name)}::BIGINT), 0)")
    found = cursor.execute(f"SELECT {', '.join(checks)} FROM stage").fetchone() or ()  # noqa: S608
    if [int(value) for value in found] != expected:
        raise MartFault(table=fact.name, problem=f"{chunk.num_rows} rows read, and their sums differ after the copy")


def _settle(cursor: duckdb.DuckDBPyConnection, fact: Fact, zone: str) -> None:
    """Move the staged rows that are not tombstones into the table, with what is worked out on the way."""
    values = [f"d.{_q(name)}" for name in fact.sources] + [sql for _, _, sql in fact.derived]
    joins = f"LEFT JOIN {fact.through} p ON p.id = d.{fact.through}_id" if fact.through else ""
    if fact.moment:
        where = "$zone"
        if fact.place:
            joins += f" LEFT JOIN location l ON l.id = {fact.place}"
            where = "coalesce(l.zone, $zone)"
        local = f"timezone({where}, timezone('UTC', d.{_q(fact.moment)}))"
        values += [local, f"{local}::DATE", f"hour({local})", f"isodow({local})"]
    sql = f"INSERT INTO {fact.name} SELECT {', '.join(values)} FROM stage d {joins} WHERE NOT d.gone"  # noqa: S608
    cursor.execute(sql, {"zone": zone} if fact.moment else {})


@dataclass(frozen=True)
class _Kind:
    """How one column travels: SQL on either database to CSV, Arrow type, DuckDB type."""

    duck: str
    arrow: str
    sqlite: str = "coalesce({c}, '')"
    postgres: str = "{c}"


_UUID = _Kind("UUID", "string")
_INSTANT = _Kind("TIMESTAMP", "timestamp[us]", postgres="({c} AT TIME ZONE 'UTC')")
_DATE = _Kind("DATE", "date32")
_BOOLEAN = _Kind("BOOLEAN", "int64", postgres="{c}::int")
_WHOLE = _Kind("BIGINT", "int64")
_TEXT = _Kind("VARCHAR", "string", "coalesce('\"' || replace({c}, '\"', '\"\"') || '\"', '')", "{c}::text")


def _kind(fact: Fact, name: str) -> _Kind:
    if name == "gone":
        return _Kind("BOOLEAN", "int64", "({c})", "({c})::int")
    type_: TypeEngine[Any] | TypeDecorator[Any] = fact.model.__table__.c[name].type
    if isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    for sql_type, kind in ((Uuid, _UUID), (DateTime, _INSTANT), (Date, _DATE), (Boolean, _BOOLEAN), (Integer, _WHOLE)):
        if isinstance(type_, sql_type):
            return kind
    return _TEXT


def _chunks(connection: Connection, fact: Fact, clinic_id: str, since: int) -> Iterator[Any]:
    """The rows past a change number as Arrow tables; tombstones too, unless it is the first load."""
    sqlite = connection.dialect.name == "sqlite"
    tombstoned = "deleted_at" in fact.model.__table__.c
    quoted = "[{}]" if sqlite else '"{}"'  # SQLite reads an unknown name in double quotes as a text
    parts = []
    for name in (*fact.sources, "gone"):
        column = ("deleted_at IS NOT NULL" if tombstoned else "1 = 0") if name == "gone" else quoted.format(name)
        kind = _kind(fact, name)
        parts.append((kind.sqlite if sqlite else kind.postgres).format(c=column))
    value = clinic_id.replace("-", "") if sqlite else clinic_id
    where = f"clinic_id = '{value}'"
    if since >= 0:
        where += f" AND change > {since:d}"
    elif tombstoned:
        where += " AND deleted_at IS NULL"
    raw: Any = connection.connection.driver_connection
    if sqlite:
        line = f"concat_ws(',', {', '.join(parts)})"
        blocks = _all_blocks(raw, fact, line, where) if since < 0 else _late_blocks(raw, fact, line, where)
        for text in blocks:
            yield _arrow(fact, text)
        return
    copy = f"COPY (SELECT {', '.join(parts)} FROM {fact.name} WHERE {where}) TO STDOUT (FORMAT csv)"  # noqa: S608
    with raw.cursor() as cursor, cursor.copy(copy) as stream:
        held: list[bytes] = []
        for block in stream:
            held.append(bytes(block))
            if len(held) == _CHUNK_ROWS:
                yield _arrow(fact, b"".join(held))
                held = []
        if held:
            yield _arrow(fact, b"".join(held))


def _all_blocks(raw: Any, fact: Fact, line: str, where: str) -> Iterator[bytes]:
    """A whole SQLite table as CSV, a range of rowids at a time; SQLite joins the rows without the interpreter."""
    bound = f"SELECT min(rowid) FROM {fact.name} WHERE rowid >= ?"  # noqa: S608
    block = (
        f"SELECT CAST(group_concat({line}, char(10)) AS BLOB) FROM {fact.name} NOT INDEXED "  # noqa: S608
        f"WHERE rowid BETWEEN ? AND ? AND {where}"
    )
    (low,) = raw.execute(bound, (-(1 << 63),)).fetchone()
    while low is not None:
        (text,) = raw.execute(block, (low, low + _BLOCK_ROWS - 1)).fetchone()
        if text:
            yield text
        (low,) = raw.execute(bound, (low + _BLOCK_ROWS,)).fetchone()


def _late_blocks(raw: Any, fact: Fact, line: str, where: str) -> Iterator[bytes]:
    """The rows past a change number, found by the index on it: few."""
    rows = raw.execute(f"SELECT {line} FROM {fact.name} WHERE {where}")  # noqa: S608
    while lines := rows.fetchmany(_CHUNK_ROWS):
        yield "\n".join([text for (text,) in lines]).encode()


def _sizes(connection: Connection) -> dict[str, int]:
    """About how many rows each table has, for all clinics, without counting."""
    if connection.dialect.name == "sqlite":
        tables = " UNION ALL ".join(f"SELECT '{f.name}', (SELECT max(rowid) FROM {f.name})" for f in FACTS)  # noqa: S608
    else:
        tables = "SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)"
    found = {str(name): int(rows or 0) for name, rows in connection.exec_driver_sql(tables)}
    return {fact.name: max(1, found.get(fact.name, 1)) for fact in FACTS}


def _sum_checks(fact: Fact) -> list[str]:
    """SQL of what must be the same after a copy: values of every column, sums of every number."""
    names = [*fact.sources, *(name for name, _, _ in fact.derived), *(_LOCAL if fact.moment else ())]
    kinds = {name: _kind(fact, name).duck for name in fact.sources}
    numbers = [name for name in names if kinds.get(name) == "BIGINT"]
    return [
        "count(*)",
        *(f"count({_q(name)})" for name in names),
        *(f"coalesce(sum({_q(name)}), 0)" for name in numbers),
    ]


_SUMS = {fact.name: _sum_checks(fact) for fact in FACTS}


def _arrow(fact: Fact, text: bytes) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    names = [*fact.sources, "gone"]
    types = {name: pa.type_for_alias(_kind(fact, name).arrow) for name in names}
    return csv.read_csv(
        io.BytesIO(text),
        read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(text) + 1, 1 << 16)),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )


_current: Mart | None = None
_guard = threading.Lock()


def mart() -> Mart:
    """The mart of this process's database; a new database gets a new mart."""
    global _current
    opened = database()
    with _guard:
        if _current is None or _current.source is not opened:
            before, _current = _current, Mart(opened)
            if before is not None:
                with contextlib.suppress(duckdb.Error):  # somebody still asks it: it goes when they are done
                    before.close()
        return _current


def reading(
    clinic_id: str, *, max_age: float = REFRESH_SECONDS
) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
    """A cursor over the clinic's mart at one moment; see Mart.reading."""
    return mart().reading(clinic_id, max_age=max_age)
