"""The watcher's own store: one SQLite file with what was measured, incidents, subscribers and mails on their way.

A connection per use, WAL, synchronous=FULL: the probing, the mailing, the server and the command line each write in
short transactions of their own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS part (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, since REAL NOT NULL, words TEXT NOT NULL DEFAULT '',
    looked_at REAL NOT NULL, bad INTEGER NOT NULL DEFAULT 0, good INTEGER NOT NULL DEFAULT 0,
    bad_since REAL, good_since REAL, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS measured (
    part TEXT NOT NULL, day TEXT NOT NULL, up REAL NOT NULL DEFAULT 0, down REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (part, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS look (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, part TEXT NOT NULL, state TEXT NOT NULL, ms INTEGER,
    reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS look_at ON look (at);
CREATE TABLE IF NOT EXISTS incident (
    id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, part TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL,
    title TEXT NOT NULL, state TEXT NOT NULL, opened_at REAL NOT NULL, resolved_at REAL, until REAL,
    by_hand INTEGER NOT NULL DEFAULT 0, reopened INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS incident_update (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL REFERENCES incident (id), at REAL NOT NULL, state TEXT NOT NULL,
    body TEXT NOT NULL, by TEXT NOT NULL, key TEXT UNIQUE);
CREATE INDEX IF NOT EXISTS incident_update_incident ON incident_update (incident, at);
CREATE TABLE IF NOT EXISTS subscriber (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, state TEXT NOT NULL, nonce TEXT NOT NULL,
    asked_at REAL NOT NULL, confirmed_at REAL);
CREATE TABLE IF NOT EXISTS mail (
    id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, subscriber TEXT NOT NULL DEFAULT '', recipient TEXT NOT NULL,
    purpose TEXT NOT NULL, incident_update TEXT NOT NULL DEFAULT '', state TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, made_at REAL NOT NULL, sent_at REAL, reply TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS mail_due ON mail (state, due_at);
CREATE TABLE IF NOT EXISTS attempt (what TEXT NOT NULL, who TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_who ON attempt (what, who, at);
"""


class AlreadyRunning(Exception):
    """Another watcher works on this store."""


class Store:
    """An open store. A file that is damaged is put aside, and a new one begun: watching goes on."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.put_aside: Path | None = None
        try:
            self._prepare()
        except sqlite3.DatabaseError as failure:
            if isinstance(failure, sqlite3.OperationalError) and "malformed" not in str(failure):
                raise
            self.put_aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            for tail in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self.path}{tail}").rename(f"{self.put_aside}{tail}")
            self._prepare()
        if os.name == "posix":
            self.path.chmod(0o600)  # it holds addresses

    def _prepare(self) -> None:
        with self._connected() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(SCHEMA)
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("malformed")
        with self.write() as db:
            for name, value in (("sign", secrets.token_hex(32)), ("feed", f"urn:uuid:{uuid.uuid4()}")):
                db.execute("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, value))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=15, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA foreign_keys=ON")
            yield db
        finally:
            db.close()

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent look."""
        with self._connected() as db:
            db.execute("BEGIN")
            yield db

    def fact(self, name: str, default: str = "") -> str:
        """Something remembered."""
        with self.read() as db:
            return fact(db, name, default)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts, no other watcher works on this store. Raises AlreadyRunning."""
        db = sqlite3.connect(f"{self.path}.lock", timeout=0, isolation_level=None)
        try:
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            db.close()
            raise AlreadyRunning(f"another watcher already works on {self.path}.") from None
        try:
            yield
        finally:
            db.close()


def fact(db: sqlite3.Connection, name: str, default: str = "") -> str:
    """Something remembered."""
    row = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else default


def remember(db: sqlite3.Connection, name: str, value: object) -> None:
    """Keep something."""
    db.execute(
        "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, str(value))
    )


def new_id() -> str:
    """A random id."""
    return uuid.uuid4().hex


def allowed(db: sqlite3.Connection, what: str, who: str, now: float, most: int, within: float) -> bool:
    """Whether somebody may do something once more, and note that they did: at most so often within so many seconds."""
    db.execute("DELETE FROM attempt WHERE at < ? OR at > ?", (now - 86_400, now + 60))
    done = db.execute(
        "SELECT count(*) FROM attempt WHERE what = ? AND who = ? AND at > ?", (what, who, now - within)
    ).fetchone()[0]
    if done >= most:
        return False
    db.execute("INSERT INTO attempt VALUES (?, ?, ?)", (what, who, now))
    return True
