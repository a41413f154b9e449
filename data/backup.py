"""Encrypted full backups: one file that a stranger cannot read and that proves itself.

The file is one line of JSON in clear (home id, time, schema, engine: what a restore must know before it has the key),
then a sealed stream (data/sealed.py, backup key) that holds a tar: ``manifest.json`` with the SHA-256 of every member
and the row count of every table, the database, and the documents as they lie, already encrypted. SQLite is copied by
``VACUUM INTO`` in one consistent step; PostgreSQL by COPY of every table in one REPEATABLE READ transaction.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import Connection, inspect

from data.engine import Database
from data.errors import BadInput, CheckFailed, EnvironmentFailure
from data.home import Home
from data.models import Base
from data.schema import current_revision, upgrade
from data.sealed import SealedReader, SealedWriter, fits
from data.types import clock

SUFFIX = ".ballast-backup"


class NotABackup(BadInput):
    """{file} is not a Ballast backup."""


class BackupDamaged(CheckFailed):
    """The backup {file} is damaged: {problem}. Use an older one."""


class KeyDoesNotOpen(CheckFailed):
    """The backup {file} does not open with the key {key}: either this is the key of another installation, or the file
    is damaged from its first bytes on. Try the key file or recovery sheet of the installation that made it."""


class ForeignBackup(BadInput):
    """The backup {file} was made by another installation ({home}), whose key is not here. Check it there, or bring it
    back into an empty data directory with that installation's key file or recovery sheet."""


class HomeInUse(EnvironmentFailure):
    """There is already a clinic in {path}. Restore into an empty directory (--home), then point the clinic at it."""


class WrongEngine(BadInput):
    """This backup was taken from {taken}; this installation uses {here}. Set or unset BALLAST_DATABASE_URL first."""


@dataclass(frozen=True)
class Made:
    """A finished backup."""

    file: Path
    size: int
    sha256: str
    tables: dict[str, int]


@dataclass(frozen=True)
class Head:
    """The line in clear."""

    home: str
    created: datetime
    revision: str
    engine: str


def create(database: Database, folder: Path) -> Made:
    """Write a backup of the whole home into a folder; the file appears under its name only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    home, now = database.home, clock.now()
    name = f"ballast-{now:%Y%m%dT%H%M%S}-{home.id[:8]}{SUFFIX}"
    engine = "sqlite" if database.is_sqlite else "postgresql"
    head = {"home": home.id, "created": now.isoformat(), "revision": current_revision(database), "engine": engine}
    beside = folder / f".{name}.part"
    try:
        with tempfile.TemporaryDirectory(dir=home.path / "staging") as staging, beside.open("wb") as target:
            members, tables = _members(database, Path(staging))
            target.write(json.dumps(head).encode() + b"\n")
            with SealedWriter(target, home.key("backup")) as sealed:
                _write_tar(sealed, members, tables)
            target.flush()
        final = folder / name
        beside.replace(final)
    finally:
        beside.unlink(missing_ok=True)
    return Made(final, final.stat().st_size, _hash(final), tables)


def read_head(file: Path) -> Head:
    """What a backup says of itself before it is opened; raises NotABackup."""
    try:
        with file.open("rb") as source:
            line = json.loads(source.readline(2_000))
        return Head(line["home"], datetime.fromisoformat(line["created"]), line["revision"], line["engine"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotABackup(file=file) from None


def verify(home: Home, file: Path) -> dict[str, int]:
    """Open a backup and check everything in it: hashes, database integrity, row counts. Returns the row counts.

    Raises NotABackup, ForeignBackup, KeyDoesNotOpen, BackupDamaged.
    """
    head = read_head(file)
    if head.home != home.id:
        raise ForeignBackup(file=file, home=head.home[:8])
    with tempfile.TemporaryDirectory(dir=home.path / "staging") as staging:
        manifest = _unpack(home, file, Path(staging))
        if (Path(staging) / "ballast.db").exists():
            _check_sqlite(home, file, Path(staging) / "ballast.db", manifest["tables"])
        return dict(manifest["tables"])


def restore(file: Path, home: Home) -> dict[str, int]:
    """Bring a backup back into an empty home: all or nothing. Sending is paused until somebody resumes it.

    The root key must be in its place (key file, or ``ballast keys recover`` from the recovery sheet).
    Raises HomeInUse, NotABackup, KeyDoesNotOpen, BackupDamaged, KeyMissing, WrongEngine.
    """
    head = read_head(file)
    if home.exists or (home.path.is_dir() and any(home.path.iterdir())):
        raise HomeInUse(path=home.path)
    here = "sqlite" if home.database_url.startswith("sqlite") else "postgresql"
    if here != head.engine:
        raise WrongEngine(taken=head.engine, here=here)
    created = not home.path.exists()
    home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        (home.path / "home.json").write_text(json.dumps({"id": head.home, "created": head.created.isoformat()}))
        for part in (home.blobs, home.backups, home.locks, home.path / "staging"):
            part.mkdir(mode=0o700, exist_ok=True)
        staging = home.path / "staging" / "restore"
        staging.mkdir()
        manifest = _unpack(home, file, staging)
        if head.engine == "sqlite":
            _check_sqlite(home, file, staging / "ballast.db", manifest["tables"])
            (staging / "ballast.db").replace(home.path / "ballast.db")
        else:
            _load_postgres(home, head, staging)
        if (staging / "blobs").exists():
            shutil.rmtree(home.blobs)
            (staging / "blobs").replace(home.blobs)
        shutil.rmtree(staging)
        (home.path / "sending-paused").write_text("restored from a backup\n")
    except BaseException:
        for entry in home.path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if created:
            home.path.rmdir()
        raise
    return dict(manifest["tables"])


def _members(database: Database, staging: Path) -> tuple[list[tuple[str, Path]], dict[str, int]]:
    members: list[tuple[str, Path]] = []
    if database.is_sqlite:
        copy = staging / "ballast.db"
        with database.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("VACUUM INTO ?", (str(copy),))
        tables = _sqlite_counts(copy, database.home)
        members.append(("ballast.db", copy))
    else:
        with database.reader.connect() as connection:
            tables = _dump_postgres(connection, staging)
        for table in tables:
            members += [(f"tables/{table}.{end}", staging / f"{table}.{end}") for end in ("json", "copy")]
    blobs = sorted(path for path in database.home.blobs.rglob("*") if path.is_file() and "." not in path.name)
    members += [(f"blobs/{path.relative_to(database.home.blobs)}", path) for path in blobs]
    return members, tables


def _write_tar(sealed: SealedWriter, members: list[tuple[str, Path]], tables: dict[str, int]) -> None:
    manifest = {"tables": tables, "files": {name: _hash(path) for name, path in members}}
    with tarfile.open(fileobj=sealed, mode="w|") as tar:
        content = json.dumps(manifest).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        for name, path in members:
            tar.add(path, arcname=name, recursive=False)


def _unpack(home: Home, file: Path, into: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = {}
    found: dict[str, str] = {}
    try:
        with file.open("rb") as source:
            source.readline(2_000)
            if not fits(source, home.key("backup")):
                raise KeyDoesNotOpen(file=file, key=home.key_file)
            reader = io.BufferedReader(SealedReader(source, home.key("backup"), str(file)))
            with tarfile.open(fileobj=reader, mode="r|") as tar:
                for member in tar:
                    content = tar.extractfile(member)
                    if content is None:
                        continue
                    if member.name == "manifest.json":
                        manifest = json.load(content)
                        continue
                    target = (into / member.name).resolve()
                    if not target.is_relative_to(into.resolve()):
                        raise BackupDamaged(file=file, problem=f"it names a file outside: {member.name}")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as out:
                        shutil.copyfileobj(content, out, 1 << 20)
                    found[member.name] = _hash(target)
    except (EnvironmentFailure, tarfile.TarError) as failure:
        raise BackupDamaged(file=file, problem=str(failure)) from None
    if not manifest or found != manifest["files"]:
        raise BackupDamaged(file=file, problem="its files are not those of its manifest")
    return manifest


def _sqlite(path: Path, home: Home) -> Any:
    connection = sqlcipher.connect(str(path))
    connection.execute(f"PRAGMA key=\"x'{home.key('db').hex()}'\"")
    return connection


def _sqlite_counts(path: Path, home: Home) -> dict[str, int]:
    connection = _sqlite(path, home)
    names = sorted(Base.metadata.tables)
    counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
    connection.close()
    return counts


def _check_sqlite(home: Home, file: Path, path: Path, tables: dict[str, int]) -> None:
    connection = _sqlite(path, home)
    try:
        if connection.execute("PRAGMA cipher_integrity_check").fetchall():
            raise BackupDamaged(file=file, problem="a page of its database does not decrypt")
        if connection.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
            raise BackupDamaged(file=file, problem="its database is not consistent")
        for name, expected in tables.items():
            count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            if count != expected:
                raise BackupDamaged(file=file, problem=f"{name} holds {count} rows instead of {expected}")
    except sqlcipher.DatabaseError as failure:
        raise BackupDamaged(file=file, problem=str(failure)) from None
    finally:
        connection.close()


def _dump_postgres(connection: Connection, staging: Path) -> dict[str, int]:
    counts = {}
    raw: Any = connection.connection.dbapi_connection
    for table in sorted(Base.metadata.tables):
        connection.exec_driver_sql("SELECT 1")  # the transaction, and so the snapshot, is open from here
        columns = [column["name"] for column in inspect(connection).get_columns(table)]
        (staging / f"{table}.json").write_text(json.dumps(columns))
        with raw.cursor() as cursor, (staging / f"{table}.copy").open("wb") as out:
            with cursor.copy(f"COPY {_named(table, columns)} TO STDOUT (FORMAT BINARY)") as copy:
                for piece in copy:
                    out.write(piece)
            counts[table] = cursor.rowcount
    return counts


def _load_postgres(home: Home, head: Head, staging: Path) -> None:
    database = Database(home)
    try:
        upgrade(database, head.revision)
        with database.engine.begin() as connection:
            raw: Any = connection.connection.dbapi_connection
            connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
            with raw.cursor() as cursor:
                for table in Base.metadata.sorted_tables:
                    if cursor.execute(f'SELECT 1 FROM "{table.name}" LIMIT 1').fetchone():  # noqa: S608
                        raise HomeInUse(path="the PostgreSQL database")
                    columns = json.loads((staging / "tables" / f"{table.name}.json").read_text())
                    content = staging / "tables" / f"{table.name}.copy"
                    statement = f"COPY {_named(table.name, columns)} FROM STDIN (FORMAT BINARY)"
                    with content.open("rb") as source, cursor.copy(statement) as copy:
                        while piece := source.read(1 << 20):
                            copy.write(piece)
        upgrade(database)
    finally:
        database.close()


def _named(table: str, columns: list[str]) -> str:
    return f'"{table}" (' + ", ".join(f'"{column}"' for column in columns) + ")"


def _hash(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
