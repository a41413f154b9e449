"""Reading a clinic's export back: the same clinic row for row, with ids, change numbers, documents and audit.

Everything is checked first: hashes, row counts, columns, the audit chain, names that are taken. Then one transaction
writes it all, so that a failure leaves nothing. The clinic's own audit log stays as it was exported, so that it still
verifies; the command prints what was done.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Column, Table
from sqlalchemy import select as sql_select

from data.blobs import BlobStore
from data.bulk import bulk_insert
from data.engine import database
from data.errors import BadInput
from data.home import Home
from data.models import Base, Clinic, User
from data.schema import head_revision
from data.session import everywhere
from data.types import clock
from records.cells import reader
from records.clinic_export import DERIVED, FORMAT, SEALED, Journey, Progress, resealed, rows_of, tables
from reports.schedules import SCHEDULE
from security import audit


class NoExport(BadInput):
    """{folder} is not an export of a clinic: it has no manifest.json. Name the folder or the ZIP file that an export
    made."""


class ExportDamaged(BadInput):
    """The export {folder} cannot be trusted: {problem}. Nothing was written. Export the clinic again, or use another
    copy."""


class ExportTooLarge(BadInput):
    """The export {folder} was not read: {problem}. Nothing was written. Use the export as Ballast wrote it."""


class ExportTooNew(BadInput):
    """The export {folder} was made by another version of Ballast: {problem}. Bring both installations to the same
    version, then export again."""


class ClinicAlreadyHere(BadInput):
    """The clinic {name} is already in this installation. An export comes back into an installation that does not have
    it."""


class NamesTaken(BadInput):
    """The export cannot come in, as this installation already uses the {what} {names}. Change it here first, or use
    an empty data directory."""


@dataclass
class Imported:
    """What came in. ``remarks`` are sentences about what could not."""

    clinic_id: str
    slug: str
    name: str
    tables: dict[str, int]
    documents: int
    remarks: list[str] = field(default_factory=list)
    ended: int = 0
    """Sessions, links and codes that were still good in the old installation, and are not here."""
    resting: int = 0
    """Subscriptions that went out by themselves in the old installation, and may do so still."""


SWELLS_FROM, SWELLS = 8 << 20, 150
"""A table of more bytes than the first may unpack to at most this many times its size: real ones reach 40."""
LARGEST_DOCUMENT = 64 << 20
LARGEST_TABLE = 16 << 30
LARGEST_MANIFEST = 512 << 20
MOST_DOCUMENTS = 2_000_000
WAITING = ("pending", "claimed", "deferred", "sending")
"""States of a message that the old installation may send, or have sent, itself."""
RESTS = "The clinic moved to this installation, and the old one may still send it. Resume it when that has ended."


class Archive:
    """An export as a folder or a ZIP file, read only by the names its manifest may hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path) if path.is_file() and zipfile.is_zipfile(path) else None
        self._names = {info.filename: info for info in self._zip.infolist()} if self._zip else {}
        if not self.has("manifest.json"):
            raise NoExport(folder=path)

    def size(self, name: str) -> int:
        """The bytes a file unpacks to; raises ExportTooLarge where it swells as no export of a clinic does."""
        if not self.has(name):
            return 0
        if not self._zip:
            return (self.path / name).stat().st_size
        info = self._names[name]
        swells = not name.startswith("documents/") and info.file_size > SWELLS_FROM
        if swells and info.file_size > SWELLS * max(info.compress_size, 1):
            problem = f"{name} would unpack from {_size(info.compress_size)} to {_size(info.file_size)}"
            raise ExportTooLarge(folder=self.path, problem=problem)
        return info.file_size

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return name in self._names if self._zip else (self.path / name).is_file()

    def open(self, name: str) -> Any:
        """The file as bytes; raises ExportDamaged."""
        if not self.has(name):
            raise ExportDamaged(folder=self.path, problem=f"the file {name} is missing")
        return self._zip.open(name) if self._zip else (self.path / name).open("rb")

    def digest(self, name: str) -> str:
        """The SHA-256 of a file."""
        found = hashlib.sha256()
        with self.open(name) as file:
            while part := file.read(1 << 20):
                found.update(part)
        return found.hexdigest()

    def rows(self, name: str) -> Iterator[list[str]]:
        """The rows of a CSV file, heading first."""
        with self.open(name) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as file:
            yield from rows_of(file)

    def close(self) -> None:
        """Close the ZIP file."""
        if self._zip:
            self._zip.close()


def import_clinic(path: Path, *, progress: Progress | None = None) -> Imported:
    """Bring a clinic in from its export. Whoever runs the command on this machine may; the home must be open.

    Raises NoExport, ExportDamaged, ExportTooLarge, ExportTooNew, ClinicAlreadyHere, NamesTaken.
    """
    archive = None
    try:
        archive = Archive(path)
        return _bring(archive, progress or (lambda _share: None))
    # zipfile says NotImplementedError of a compression it does not know, RuntimeError of a file with a password
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, UnicodeError, csv.Error) as failure:
        raise ExportDamaged(folder=path, problem=f"a file in it cannot be read ({type(failure).__name__})") from None
    finally:
        if archive is not None:
            archive.close()


def _bring(archive: Archive, progress: Progress) -> Imported:
    manifest = _manifest(archive)
    clinic_id = str(manifest["clinic"]["id"])
    _check_sizes(archive, manifest)
    _check_files(archive, manifest)
    progress(0.2)
    plans = {table.name: _Reader(archive, manifest, table) for table in tables()}
    _check_audit(archive, manifest, plans["audit_log"], clinic_id)
    _check_names(manifest, plans["app_user"])
    progress(0.3)
    imported = Imported(clinic_id, manifest["clinic"]["slug"], manifest["clinic"]["name"], {}, 0)
    blobs, fresh = _store_documents(archive, manifest)
    try:
        _insert(plans, blobs, imported, progress)
    except BaseException:
        for stored in fresh:
            stored.unlink(missing_ok=True)
        raise
    imported.documents = len(blobs)
    imported.remarks += _remarks(manifest, plans, imported)
    return imported


def _manifest(archive: Archive) -> dict[str, Any]:
    _bounded(archive, "manifest.json", LARGEST_MANIFEST)
    with archive.open("manifest.json") as file:
        try:
            manifest: dict[str, Any] = json.loads(file.read(LARGEST_MANIFEST))
            known = {table.name for table in tables()}
            strange = sorted(set(manifest["tables"]) - known)
            absent = sorted(known - set(manifest["tables"]))
            _ = manifest["clinic"]["id"], manifest["head"]["audit_seq"], manifest["documents"].items()
            _ = [entry.get("file") for kind in ("tables", "documents") for entry in manifest[kind].values()]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ExportDamaged(folder=archive.path, problem="manifest.json cannot be read") from None
    if manifest.get("format") != FORMAT:
        raise ExportTooNew(folder=archive.path, problem=f"its format is {manifest.get('format')}, not {FORMAT}")
    if strange:
        raise ExportTooNew(folder=archive.path, problem=f"it has a table '{strange[0]}' that this one lacks")
    if absent and manifest.get("schema") == head_revision():
        raise ExportDamaged(folder=archive.path, problem=f"the table '{absent[0]}' is missing")
    return manifest


def _check_sizes(archive: Archive, manifest: dict[str, Any]) -> None:
    """Before anything is unpacked: no file larger than a clinic has, and all together no more than fits on the disk."""
    if len(manifest["documents"]) > MOST_DOCUMENTS:
        raise ExportTooLarge(folder=archive.path, problem=f"it lists {len(manifest['documents']):,} documents")
    total = 0
    for name in manifest["tables"]:
        total += _bounded(archive, f"{name}.csv", LARGEST_TABLE)
    for document_id in manifest["documents"]:
        total += _bounded(archive, f"documents/{document_id}", LARGEST_DOCUMENT)
    free = shutil.disk_usage(database().home.path).free
    if total > free:
        problem = f"it unpacks to {_size(total)}, and {_size(free)} are free on this disk"
        raise ExportTooLarge(folder=archive.path, problem=problem)


def _bounded(archive: Archive, name: str, limit: int) -> int:
    size = archive.size(name)
    if size > limit:
        problem = f"{name} has {_size(size)}, at most {_size(limit)} are read"
        raise ExportTooLarge(folder=archive.path, problem=problem)
    return size


def _size(count: int) -> str:
    return f"{count / (1 << 30):,.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):,.1f} MB"


def _check_files(archive: Archive, manifest: dict[str, Any]) -> None:
    for name, entry in manifest["tables"].items():
        if entry.get("file") != f"{name}.csv" or archive.digest(f"{name}.csv") != entry.get("sha256"):
            raise ExportDamaged(folder=archive.path, problem=f"{name}.csv was changed after the export")
    for document_id, entry in manifest["documents"].items():
        if entry.get("file") != f"documents/{document_id}" or "/" in document_id or ".." in document_id:
            raise ExportDamaged(folder=archive.path, problem="manifest.json names a file outside of it")
        if archive.digest(entry["file"]) != entry.get("sha256"):
            raise ExportDamaged(folder=archive.path, problem=f"{entry['file']} was changed after the export")


class _Reader:
    """The rows of one table, as they go into this home."""

    def __init__(self, archive: Archive, manifest: dict[str, Any], table: Table) -> None:
        self.table, self.archive = table, archive
        self.entry = manifest["tables"].get(table.name)
        self.clinic_id = manifest["clinic"]["id"]
        self.home: Home = database().home
        self.journey = Journey(self.home)
        self.same_key = self.journey.check(self.clinic_id) == manifest.get("key_check")
        self.dropped = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row; raises ExportDamaged, ExportTooNew."""
        if self.entry is None:
            return
        lines = self.archive.rows(self.entry["file"])
        heading = next(lines, [])
        columns = self._columns(heading)
        owner = "id" if self.table.name == "clinic" else "clinic_id"
        readers = [(column.name, self._reader(column)) for column in columns]
        count = 0
        for number, line in enumerate(lines, 2):
            count += 1
            try:
                row = {name: read(cell) for (name, read), cell in zip(readers, line, strict=True)}
            except (ValueError, KeyError, TypeError):
                raise self._damaged(f"row {number} cannot be read") from None
            if row[owner] != self.clinic_id:
                raise self._damaged(f"row {number} belongs to another clinic")
            yield row
        if count != self.entry["rows"]:
            raise self._damaged(f"it has {count} rows, the manifest says {self.entry['rows']}")

    def _damaged(self, problem: str) -> ExportDamaged:
        return ExportDamaged(folder=self.archive.path, problem=f"{self.table.name}.csv: {problem}")

    def _columns(self, heading: list[str]) -> list[Column[Any]]:
        for name in heading:
            if name not in self.table.columns:
                problem = f"{self.table.name} has a column '{name}' that this one lacks"
                raise ExportTooNew(folder=self.archive.path, problem=problem)
        for column in self.table.columns:
            if column.name not in heading and not column.nullable and column.default is None:
                problem = f"{self.table.name} lacks the column '{column.name}' that this one needs"
                raise ExportTooNew(folder=self.archive.path, problem=problem)
        return [self.table.columns[name] for name in heading]

    def _reader(self, column: Column[Any]) -> Callable[[str], Any]:
        plain, place = reader(column), (self.table.name, column.name)
        if place in DERIVED:
            return lambda _cell: "0" * 64
        if place not in SEALED:
            return plain
        is_bytes = column.type.python_type is bytes

        def read(cell: str) -> Any:
            if not cell.startswith("sealed:"):
                return plain(cell)
            if not self.same_key:
                self.dropped += 1
                return None if column.nullable else (b"" if is_bytes else "")
            try:
                content = resealed(place, self.journey.open(cell.removeprefix("sealed:")), self.home)
            except InvalidTag:
                raise ValueError from None
            return content if is_bytes else content.decode()

        return read


def _check_audit(archive: Archive, manifest: dict[str, Any], log: _Reader, clinic_id: str) -> None:
    rows = (SimpleNamespace(**row, at=row["logged_at"]) for row in log.rows())
    head = (manifest["head"]["audit_seq"], manifest["head"]["audit_hash"])
    verdict = audit.check_rows(rows, clinic_id, head)
    if verdict.bad_seq is not None:
        raise ExportDamaged(folder=archive.path, problem=f"the audit log does not verify, {verdict.problem}")


def _check_names(manifest: dict[str, Any], users: _Reader) -> None:
    clinic = manifest["clinic"]
    with everywhere() as session:
        if session.get(Clinic, clinic["id"]) is not None:
            raise ClinicAlreadyHere(name=clinic["name"])
        if session.scalar(sql_select(Clinic.id).where(Clinic.slug == clinic["slug"])):
            raise NamesTaken(what="short name", names=clinic["slug"])
        taken = set(session.scalars(sql_select(User.username)))
    double = sorted(row["username"] for row in users.rows() if row["username"] in taken)
    if double:
        shown = ", ".join(double[:5]) + (f" and {len(double) - 5} more" if len(double) > 5 else "")
        raise NamesTaken(what="user name" if len(double) == 1 else "user names", names=shown)


def _store_documents(archive: Archive, manifest: dict[str, Any]) -> tuple[dict[str, str], list[Path]]:
    store = BlobStore(database().home)
    blobs: dict[str, str] = {}
    fresh: list[Path] = []
    for document_id, entry in manifest["documents"].items():
        with archive.open(entry["file"]) as file:
            content = file.read()
        name, path = _put(store, content)
        blobs[document_id] = name
        if path is not None:
            fresh.append(path)
    return blobs, fresh


def _put(store: BlobStore, content: bytes) -> tuple[str, Path | None]:
    """Keep a document; returns its name, and its path if it was not there before."""
    name = hmac.new(database().home.key("index"), content, hashlib.sha256).hexdigest()
    was_there = store.path(name).exists()
    name = store.put(content)
    return name, None if was_there else store.path(name)


def _insert(plans: dict[str, _Reader], blobs: dict[str, str], imported: Imported, progress: Progress) -> None:
    models = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]
    opened = database()
    total = sum(plan.entry["rows"] for plan in plans.values() if plan.entry) or 1
    done = 0
    with opened.writing(), opened.engine.begin() as connection:
        for name, plan in plans.items():
            count = bulk_insert(connection, models[name], _placed(name, plan, blobs, imported), {})
            imported.tables[name] = count
            done += count
            progress(0.3 + 0.7 * done / total)


def _placed(name: str, plan: _Reader, blobs: dict[str, str], imported: Imported) -> Iterator[dict[str, Any]]:
    for row in plan.rows():
        if name == "document":
            row["blob"] = blobs.get(row["id"], row["blob"])
        elif name == "user_session" and row["revoked_at"] is None:
            row["revoked_at"], row["revoked_reason"] = clock.now(), "imported"
            imported.ended += 1
        elif name == "ticket" and row["used_at"] is None:
            row["used_at"] = clock.now()
            imported.ended += 1
        elif (
            name == "definition"
            and row["kind"] == SCHEDULE.name
            and not row["deleted_at"]
            and not row["body"]["paused"]
        ):
            row["body"] = {**row["body"], "paused": True, "stopped": RESTS}
            imported.resting += 1
        elif name == "outbox_message" and row["state"] in WAITING:
            if not row["body"]:
                row["state"], row["reply"] = "failed", "The text stayed behind with the key of the old installation."
            elif row["due_at"] <= clock.now() or row["purpose"] in ("invitation", "reset"):
                row["state"], row["reply"] = "failed", "It was due when the clinic moved here, and was not sent twice."
        yield row


def _remarks(manifest: dict[str, Any], plans: dict[str, _Reader], imported: Imported) -> list[str]:
    remarks = []
    if imported.resting:
        remarks.append("Subscriptions rest until somebody resumes them here, so that nothing goes out twice.")
    if imported.ended:
        remarks.append("Everyone has to sign in again; links and codes that were not used yet have to be made anew.")
    if any(plan.dropped for plan in plans.values()):
        remarks.append(
            "The root key of the old installation is not here, so PINs, second factors, unsent mail and drafts stayed "
            "behind: people set up PIN and second factor again. Passwords work as before. Forms on paper from before "
            "are not known by their codes here: print new ones."
        )
    if manifest.get("missing_documents"):
        count = len(manifest["missing_documents"])
        remarks.append(f"{count} stored files were already missing when the export was made.")
    return remarks
