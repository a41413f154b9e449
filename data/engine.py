"""The connection to the system of record: SQLCipher SQLite, or PostgreSQL by ``BALLAST_DATABASE_URL``.

One ``Database`` is open in a process; ``database()`` gives it. SQLite: raw key, WAL, synchronous=FULL, foreign keys
on, write transactions by BEGIN IMMEDIATE behind the writer lock. PostgreSQL: psycopg 3, reads in REPEATABLE READ.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlcipher3
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

from data.errors import EnvironmentFailure
from data.home import Home
from data.lock import WriterLock

MINIMUM_SQLITE = (3, 51, 3)  # older builds can lose a WAL reset


class SQLiteTooOld(EnvironmentFailure):
    """This machine's SQLCipher carries SQLite {found}, which can corrupt a write-ahead log. Version 3.51.3 or newer
    is needed: reinstall the sqlcipher3 package."""


class KeyDoesNotFit(EnvironmentFailure):
    """The key file does not open the database in {home}: it belongs to another home, or the database file is damaged.
    Put the right key file back, or restore a backup."""


class Database:
    """An open system of record."""

    def __init__(self, home: Home) -> None:
        self.home = home
        url = make_url(home.database_url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(home) if self.is_sqlite else _postgres_engine(home.database_url)
        read_options: dict[str, Any] = {"ballast_read": True}
        if not self.is_sqlite:
            read_options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self.reader: Engine = self.engine.execution_options(**read_options)
        self._writer_lock = WriterLock(home.locks) if self.is_sqlite else None
        self.answers: OrderedDict[tuple[Hashable, ...], tuple[int, datetime, Any]] = OrderedDict()
        """What ``data.kept`` remembers of this database."""

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """The turn to write. PostgreSQL has its own row locks, so there it costs nothing."""
        return self._writer_lock or contextlib.nullcontext()

    @contextlib.contextmanager
    def filling(self) -> Iterator[None]:
        """While a new home is filled for the first time: nothing in it is worth waiting for the disk yet.

        At the end all of it is on the disk. If the power fails before, the home is made anew.
        """
        if not self.is_sqlite:
            yield
            return
        self.engine.dispose()
        event.listen(self.engine, "connect", _hurry)
        try:
            yield
        finally:
            event.remove(self.engine, "connect", _hurry)
            self.engine.dispose()
        with self.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")

    @contextlib.contextmanager
    def filling_beside(self) -> Iterator[None]:
        """Like ``filling``, for a second process while the first one fills: that one brings all of it to the disk.

        On SQLite rows may come before those they point to; whoever fills sees that none is missing at the end.
        """
        if self.is_sqlite:
            event.listen(self.engine, "connect", _hurry)
            event.listen(self.engine, "connect", _in_any_order)
        yield
        self.close()

    def is_up(self) -> bool:
        """Whether it answers. A SQLite file that was moved away still answers whoever has it open, and is down."""
        try:
            if self.is_sqlite and not Path(str(self.engine.url.database)).is_file():
                return False
            with self.reader.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Exception:
            return False
        return True

    def close(self) -> None:
        """Close every connection and lock file."""
        self.engine.dispose()
        if self._writer_lock:
            self._writer_lock.close()


def _hurry(connection: Any, _record: object) -> None:
    for pragma in ("synchronous=OFF", "wal_autocheckpoint=0", "cache_size=-300000"):
        connection.execute(f"PRAGMA {pragma}")


def _in_any_order(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")


def _sqlite_engine(home: Home) -> Engine:
    import sqlcipher3.dbapi2 as driver

    found = tuple(int(part) for part in driver.sqlite_version.split("."))
    if found < MINIMUM_SQLITE:
        raise SQLiteTooOld(found=driver.sqlite_version)
    engine = create_engine(
        home.database_url,
        module=driver,
        connect_args={"timeout": 30, "check_same_thread": False},
        pool_size=16,
        max_overflow=48,
        hide_parameters=True,  # an error may end up in a log, and the values are people's
    )
    pragmas = (
        "PRAGMA cipher_log_level=NONE",  # else it writes to standard error by itself
        f"PRAGMA key=\"x'{home.key('db').hex()}'\"",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA temp_store=MEMORY",
        "PRAGMA cache_size=-32000",
    )

    @event.listens_for(engine, "connect")
    def _open(connection: sqlcipher3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by the event below, never by the driver
        cursor = connection.cursor()
        try:
            for pragma in pragmas:
                cursor.execute(pragma)
        except sqlcipher3.DatabaseError as failure:
            if "not a database" in str(failure):
                raise KeyDoesNotFit(home=home.path) from None
            raise
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("ballast_read")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: str) -> Engine:
    return create_engine(
        url,
        pool_size=16,
        max_overflow=32,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": "-c statement_timeout=60000 -c timezone=UTC"},
    )


_current: Database | None = None
_guard = threading.Lock()


def database() -> Database:
    """The database of this process, opened on first use from ``BALLAST_HOME``; raises NoHome, KeyMissing."""
    global _current
    with _guard:
        if _current is None:
            home = Home.locate()
            _ = home.id
            _current = Database(home)
        return _current


def is_open() -> bool:
    """Whether this process has a database open already."""
    with _guard:
        return _current is not None


def use(opened: Database | None) -> None:
    """Make this the database of the process: the command and the tests choose theirs. ``None`` forgets it."""
    global _current
    with _guard:
        _current = opened
