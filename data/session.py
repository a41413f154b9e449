"""Transactions that cannot leave their clinic.

``write(clinic_id)`` and ``read(clinic_id)`` give an ORM session whose every SELECT is narrowed to that clinic and to
rows that are not deleted, whatever the query forgot. A write session draws one change number per transaction from
the clinic's locked chain-head row and stamps it on every row it adds or changes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Insert, String, bindparam, event, inspect, or_, select, update
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.sql.base import ExecutableOption

from data.bulk import bulk_insert
from data.card_numbers import refuse_card_numbers
from data.engine import database
from data.errors import EditedMeanwhile
from data.models.base import Arriving, Base, ClinicRow, Tombstoned
from data.models.clients import ImportRun
from data.models.clinic import ChainHead

R = TypeVar("R")
DEFINITIONS = "definition"
_HEAD = ChainHead.__table__
_RUN = ImportRun.__table__
_LOCK_HEAD = (
    select(_HEAD.c.change, _HEAD.c.content_change, _HEAD.c.audit_seq, _HEAD.c.audit_hash)
    .where(_HEAD.c.clinic_id == bindparam("clinic"))
    .with_for_update()
)
_SEEN = select(_HEAD.c.content_change).where(_HEAD.c.clinic_id == bindparam("clinic"))
_KEEP_HEAD = update(ChainHead.__table__).where(_HEAD.c.clinic_id == bindparam("clinic"))  # type: ignore[arg-type]
_KEEP_HEAD = _KEEP_HEAD.values(
    {name: bindparam(name) for name in ("change", "content_change", "audit_seq", "audit_hash")}
)


@dataclass
class Head:
    """The chain head as this transaction will leave it."""

    change: int
    content_change: int
    audit_seq: int
    audit_hash: str


class ClinicSession(Session):
    """A session bound to one clinic."""

    clinic_id: str
    include_deleted: bool = False
    reads_only: bool = False
    quiet: bool = False
    """Whether this transaction only records a look or half-typed words, so that answers kept for pages still hold."""
    _head: Head | None = None
    _seen: int | None = None
    _narrowing: tuple[ExecutableOption, ...] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: dict[tuple[type[Any], str], Any] = {}
        self._last: list[tuple[Insert, dict[str, Any]]] = []

    def held(self, model: type[R], row_id: str, *, fresh: bool = False) -> R | None:
        """A row by its id, None where there is none or it is deleted.

        While this transaction holds the head nobody else changes it, so it is read once. ``fresh`` reads it over what
        was loaded before the head was held.
        """
        there = self._held.get((model, row_id))
        if there is None:
            key = (self.clinic_id, row_id) if issubclass(model, ClinicRow) else row_id
            there = self.get(model, key, populate_existing=fresh)
            if there is not None and self._head is not None:
                self._held[model, row_id] = there
        gone = getattr(there, "deleted_at", None) is not None and not self.include_deleted
        return None if gone else there

    def hold(self, model: type[R], *which: ColumnElement[bool]) -> list[R]:
        """Read rows that ``held`` is going to be asked for, all at once; returns them."""
        rows = list(self.scalars(select(model).where(*which)))
        if self._head is not None:
            self._held |= {(model, row.id): row for row in rows}  # type: ignore[attr-defined]
        return rows

    def is_held(self, row: Any) -> bool:
        """Whether a row was read since this transaction holds the head."""
        return self._held.get((type(row), row.id)) is row

    def standing_change(self) -> int | None:
        """The number of the clinic's last change where nothing of its definitions changed since, else None."""
        if self.reads_only or self._head is None:
            return self.seen_change()
        return None if self.include_deleted or self.info.get("defined") else self._head.content_change

    def at_last(self, statement: Insert, row: dict[str, Any]) -> None:
        """Insert a row that nothing in this transaction reads, together with all others like it, before the commit."""
        self._last.append((statement, row))

    def head(self) -> Head:
        """The clinic's chain head, locked until the transaction ends. It numbers changes and the audit chain."""
        if self._head is None:
            row = self.connection().execute(_LOCK_HEAD, {"clinic": self.clinic_id}).one()
            self._head = Head(row.change + 1, row.content_change, row.audit_seq, row.audit_hash)
        return self._head

    def keep_head(self) -> None:
        """Write the chain head back, as the last thing before the commit."""
        for statement in dict.fromkeys(statement for statement, _ in self._last):
            self.connection().execute(statement, [row for one, row in self._last if one is statement])
        self._last = []
        if self._head is not None:
            if not self.quiet:
                self._head.content_change = self._head.change
            self.connection().execute(_KEEP_HEAD, {"clinic": self.clinic_id} | asdict(self._head))

    def seen_change(self, known: int | None = None) -> int | None:
        """The last change of the clinic's content in the snapshot read here; None where answers must not be kept.

        ``known`` is that number where a statement of this snapshot has brought it along.
        """
        if not self.reads_only or self.include_deleted:
            return None
        if self._seen is None:
            self._seen = known if known is not None else self.connection().scalar(_SEEN, {"clinic": self.clinic_id})
        return self._seen

    def narrowing(self) -> tuple[ExecutableOption, ...]:
        """What every SELECT of this session is narrowed to: its clinic, rows that are not deleted, and no import of
        which only a part is here."""
        if not self._narrowing:
            clinic_id = self.clinic_id
            mine = _RUN.c.clinic_id == clinic_id
            unfinished = select(_RUN.c.id).where(mine, _RUN.c.arriving_until.is_not(None))
            self._narrowing = (
                with_loader_criteria(ClinicRow, lambda row: row.clinic_id == clinic_id, include_aliases=True),
                with_loader_criteria(Tombstoned, lambda row: row.deleted_at.is_(None), include_aliases=True),
                with_loader_criteria(
                    Arriving,
                    lambda row: or_(row.import_id.is_(None), row.import_id.not_in(unfinished)),
                    include_aliases=True,
                ),
            )
        return self._narrowing

    @property
    def change(self) -> int:
        """The change number of this transaction."""
        return self.head().change

    def bulk(self, model: type[Base], rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert many rows at the speed of the driver, stamped like any other; returns how many.

        Keys are column names; what a row leaves out gets the column's default.
        """
        self.info["flushed"] = True
        self.info["defined"] = self.info.get("defined") or model.__tablename__ == DEFINITIONS
        stamp: dict[str, Any] = {"clinic_id": self.clinic_id, "change": self.change}
        return bulk_insert(self.connection(), model, rows, stamp)


@event.listens_for(ClinicSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    if not state.is_select or state.is_column_load or state.is_relationship_load:
        return
    session = state.session
    assert isinstance(session, ClinicSession)
    everything = session.include_deleted or state.execution_options.get("include_deleted")
    state.statement = state.statement.options(*session.narrowing()[: 1 if everything else None])


@event.listens_for(ClinicSession, "before_flush")
def _stamp(session: ClinicSession, _context: object, _instances: object) -> None:
    touched = [row for row in (*session.new, *session.dirty) if isinstance(row, ClinicRow)]
    touched = [row for row in touched if row in session.new or session.is_modified(row)]
    if not touched:
        return
    session.info["flushed"] = True
    if any(row.__tablename__ == DEFINITIONS for row in touched):
        session.info["defined"] = True
    if session.quiet and any(not row.is_quiet for row in touched):
        raise AssertionError("a quiet transaction changed what pages show")
    change = session.change
    for row in touched:
        _refuse_card_numbers(row)
        if row.clinic_id is None:
            row.clinic_id = session.clinic_id
        elif row.clinic_id != session.clinic_id:
            raise AssertionError(f"{type(row).__name__} of another clinic in this transaction")
        row.change = change
    if session.deleted and any(isinstance(row, Tombstoned) for row in session.deleted):
        raise AssertionError("rows are tombstoned by deleted_at, never deleted")


_WORDS = frozenset(
    {
        "abnormalities", "body", "cancel_reason", "caution", "comment", "complications", "description",
        "discount_reason", "dropped_off_by", "findings", "licence", "lot", "mucous_membranes", "name", "notes", "phone",
        "reason", "released_to", "review", "route", "supplier",
        "supplier_registration", "suture", "take_home", "text", "title",
    }
)  # fmt: skip
"""The columns that hold words a person types; codes, numbers and hashes stand in others."""


@functools.cache
def _words_of(table: Any) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if column.name in _WORDS and isinstance(column.type, String | JSON))


def _refuse_card_numbers(row: ClinicRow) -> None:
    """The last guard, whichever rule wrote the words. Raises CardNumberTyped."""
    state = inspect(row)
    for name in _words_of(state.mapper.local_table):
        if state.attrs[name].history.has_changes():
            value = getattr(row, name)
            for text in value if isinstance(value, list) else [value]:
                refuse_card_numbers({f"The {name.replace('_', ' ')}": text})


@contextlib.contextmanager
def write(clinic_id: str, *, include_deleted: bool = False, quiet: bool = False) -> Iterator[ClinicSession]:
    """One write transaction of one clinic: commits at the end, rolls back on any error. ``quiet`` as in the session.

    Raises EditedMeanwhile when another transaction changed a row first (its version moved).
    """
    opened = database()
    with opened.writing(), ClinicSession(opened.engine, autoflush=False, expire_on_commit=False) as session:
        session.clinic_id = clinic_id
        session.include_deleted = include_deleted
        session.quiet = quiet
        try:
            yield session
            session.flush()
            session.keep_head()
            session.commit()
        except StaleDataError as failure:
            session.rollback()
            raise EditedMeanwhile(who="Somebody else", what="record") from failure
        except BaseException:
            session.rollback()
            raise


@contextlib.contextmanager
def everywhere() -> Iterator[Session]:
    """Read across the clinics of this home: for finding out whose session, name or due job this is, nothing else."""
    with Session(database().reader, autoflush=False, expire_on_commit=False) as session:
        yield session


@contextlib.contextmanager
def read(clinic_id: str, *, include_deleted: bool = False) -> Iterator[ClinicSession]:
    """One consistent snapshot of one clinic; nothing can be written through it."""
    with ClinicSession(database().reader, autoflush=False, expire_on_commit=False) as session:
        session.clinic_id = clinic_id
        session.include_deleted = include_deleted
        session.reads_only = True
        yield session
