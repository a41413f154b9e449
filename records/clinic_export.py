"""The whole clinic as files: a manifest, one CSV for each table, every document. Complete enough to come back from.

Amounts are cents, times UTC. Rows that were removed are there too, with their ``deleted_at``. Columns that could be
abused (PIN hashes, second factors, mail texts, drafts) are sealed under the installation's root key: they come back
only where that key is. How cells are written: ``records/cells.py``.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Table, func, select

from data.blobs import BlobDamaged, BlobMissing, BlobStore
from data.engine import database
from data.errors import BadInput
from data.home import Home
from data.models import Base, Client, User
from data.schema import head_revision
from data.sealed import seal, unseal
from data.session import ClinicSession, read
from data.types import clock, new_id
from forms.editions import PageKeyClosed, open_page_key, seal_page_key
from records.cells import writer
from security.actor import Actor
from security.confirm import confirm_password
from security.owner_mail import alert_owners
from security.rules import act, authorize

FORMAT = 1
KEYED = {
    ("app_user", "totp_secret"): "token", ("outbox_message", "body"): "token", ("outbox_file", "body"): "token",
    ("clinic_secret", "body"): "credential",
    ("processor_secret", "body"): "credential",
}  # fmt: skip
"""Columns stored encrypted under a key of the home: opened, then sealed for the journey."""
PAGE_KEY = ("page_key", "sealed")
"""The keys of printed pages, in a form of their own: where they come along, old paper stays readable."""
SEALED = {("app_user", "pin_hash"), ("draft", "body"), PAGE_KEY, *KEYED}
DERIVED = {("document", "blob")}
"""Columns that depend on the home; left empty and made anew."""

Progress = Callable[[float], None]


class FolderInUse(BadInput):
    """The folder {folder} holds other files. Name an empty folder, or one that holds an earlier export."""


class FolderInside(BadInput):
    """The folder {folder} lies inside the data directory. An export is readable by whoever has it, so it belongs
    elsewhere."""


@dataclass(frozen=True)
class Exported:
    """What an export holds. ``missing`` are documents whose stored file is damaged or gone."""

    folder: str
    tables: dict[str, int]
    documents: int
    missing: list[str]

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(self.tables.values())


def export_clinic(folder: Path, *, by: Actor, progress: Progress | None = None) -> Exported:
    """Write the clinic into a folder. An earlier export there is replaced once the new one is complete.

    Raises NotPermitted, FolderInUse, FolderInside.
    """
    folder = folder.expanduser().resolve()
    if folder.is_relative_to(database().home.path):
        raise FolderInside(folder=folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        raise FolderInUse(folder=folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        exported = _write(beside, by, progress)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Exported(str(folder), exported.tables, exported.documents, exported.missing)


def export_zip(*, password: str, by: Actor, progress: Progress | None = None) -> bytes:
    """The same as one ZIP file, for the browser; the person enters their password again first.

    Raises WrongPassword, NotPermitted.
    """
    with read(by.clinic_id) as session:
        authorize(session, by, "data.export")
    confirm_password(by, password)
    staging = database().home.path / "staging" / new_id()
    packed = staging.with_suffix(".zip")
    try:
        _write(staging, by, progress)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
            for path in sorted(staging.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(staging).as_posix())
        return packed.read_bytes()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        packed.unlink(missing_ok=True)


def _tell_owners(session: ClinicSession, by: Actor, restricted: int) -> None:
    """An export is the one way past restricted records and notes for others that leaves the building."""
    person = session.scalar(select(User.name).where(User.id == by.user_id))
    text = (
        f"{person} exported the whole clinic on {clock.now():%Y-%m-%d at %H:%M} UTC, with every note and document"
        + (f" and {restricted} restricted record{'s' * (restricted != 1)}" if restricted else "")
        + ".\n\nIf you do not know of this, ask them, and look at Settings > Audit log.\n"
    )
    alert_owners(session, f"export-{new_id()}", "The whole clinic was exported", text)


def tables() -> list[Table]:
    """Every table of a clinic, parents before children."""
    return [table for table in Base.metadata.sorted_tables if table.name == "clinic" or "clinic_id" in table.c]


def _write(folder: Path, by: Actor, progress: Progress | None) -> Exported:
    with act(by, "data.export") as work:
        restricted = work.session.scalar(select(func.count()).select_from(Client).where(Client.restricted)) or 0
        if restricted:
            authorize(work.session, by, "security.break_glass")
        if not by.is_trusted:
            _tell_owners(work.session, by, restricted)
        work.audit("clinic.exported", "clinic", by.clinic_id, restricted=restricted)
    folder.mkdir(parents=True, mode=0o700)
    home, counts, entries = database().home, {}, {}
    chosen = tables()
    with read(by.clinic_id, include_deleted=True) as session:
        connection = session.connection()
        for number, table in enumerate(chosen):
            entry = _write_table(connection, table, by.clinic_id, folder, home)
            entries[table.name] = entry
            counts[table.name] = entry["rows"]
            if progress:
                progress(0.9 * (number + 1) / len(chosen))
        documents, missing = _write_documents(connection, by.clinic_id, folder)
        clinic, head = _heads(session)
    manifest = {
        "format": FORMAT, "product": "ballast", "schema": head_revision(), "made_at": clock.now().isoformat(),
        "clinic": clinic, "head": head, "tables": entries, "documents": documents, "missing_documents": missing,
        "key_check": Journey(home).check(by.clinic_id),
    }  # fmt: skip
    _private(folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), "utf-8")
    if progress:
        progress(1.0)
    return Exported(str(folder), counts, len(documents), missing)


def _heads(session: ClinicSession) -> tuple[dict[str, Any], dict[str, Any]]:
    clinic = Base.metadata.tables["clinic"]
    row = session.connection().execute(select(clinic).where(clinic.c.id == session.clinic_id)).one()
    head = Base.metadata.tables["chain_head"]
    held = session.connection().execute(select(head).where(head.c.clinic_id == session.clinic_id)).one()
    names = ("id", "slug", "name", "kind", "zone", "currency", "locale")
    return (
        {name: getattr(row, name) for name in names},
        {"change": held.change, "audit_seq": held.audit_seq, "audit_hash": held.audit_hash},
    )


def _private(path: Path) -> Path:
    """An empty file that only its owner reads."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return path


def _write_table(connection: Connection, table: Table, clinic_id: str, folder: Path, home: Home) -> dict[str, Any]:
    # Core selects bypass the session's narrowing, which is wanted for removed rows: so the clinic is named here.
    owner = table.c.id if table.name == "clinic" else table.c.clinic_id
    order = [table.c.seq] if table.name == "audit_log" else list(table.primary_key)
    statement = select(table).where(owner == clinic_id).order_by(*order).execution_options(yield_per=5_000)
    journey = Journey(home)
    writers = [_cell_writer(table, column, journey, home) for column in table.columns]
    path, count, digest = _private(folder / f"{table.name}.csv"), 0, hashlib.sha256()
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(_Hashed(file, digest))
        out.writerow([column.name for column in table.columns])
        for part in connection.execute(statement).partitions():
            out.writerows([[write(value) for write, value in zip(writers, row, strict=True)] for row in part])
            count += len(part)
    return {"file": path.name, "rows": count, "sha256": digest.hexdigest()}


class _Hashed:
    """A text file that keeps the hash of what is written to it."""

    def __init__(self, file: Any, digest: Any) -> None:
        self._file, self._digest = file, digest

    def write(self, text: str) -> int:
        self._digest.update(text.encode())
        return int(self._file.write(text))


def _cell_writer(table: Table, column: Any, journey: Journey, home: Home) -> Callable[[Any], str]:
    place = (table.name, column.name)
    if place in DERIVED:
        return lambda _value: ""
    plain = writer(column)
    if place not in SEALED:
        return plain
    purpose = KEYED.get(place)

    def write(value: Any) -> str:
        if not value:
            return plain(value)
        content = value if isinstance(value, bytes) else value.encode()
        try:
            if place == PAGE_KEY:
                content = open_page_key(value, home.key("token"))
            elif purpose:
                content = unseal(content, home.key(purpose))
        except (BlobDamaged, InvalidTag, PageKeyClosed):
            return plain(None if column.nullable else type(value)())
        return "sealed:" + journey.seal(content)

    return write


def _write_documents(connection: Connection, clinic_id: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    table, store = Base.metadata.tables["document"], BlobStore(database().home)
    found: dict[str, Any] = {}
    missing: list[str] = []
    statement = select(table.c.id, table.c.blob).where(table.c.clinic_id == clinic_id).order_by(table.c.id)
    (folder / "documents").mkdir(mode=0o700)
    for document_id, blob in connection.execute(statement).all():
        try:
            content = store.get(blob)
        except (BlobMissing, BlobDamaged):
            missing.append(document_id)
            continue
        path = _private(folder / "documents" / document_id)
        path.write_bytes(content)
        found[document_id] = {
            "file": f"documents/{document_id}", "size": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
    return found, missing


class Journey:
    """The key that seals secrets for the journey: of the root key alone, so that another home with it can open them.

    The same content gives the same seal (AES-SIV), so that two exports of the same rows are the same files.
    """

    def __init__(self, home: Home) -> None:
        derived = HKDF(algorithm=SHA256(), length=96, salt=b"ballast", info=b"ballast/export").derive(home.root_key)
        self._cipher, self._mac = AESSIV(derived[:64]), derived[64:]

    def check(self, clinic_id: str) -> str:
        """What tells whether the same root key is there."""
        return hmac.new(self._mac, clinic_id.encode(), hashlib.sha256).hexdigest()[:32]

    def seal(self, content: bytes) -> str:
        """Sealed, as text."""
        return self._cipher.encrypt(content, None).hex()

    def open(self, sealed: str) -> bytes:
        """The content; raises InvalidTag."""
        return self._cipher.decrypt(bytes.fromhex(sealed), None)


def resealed(place: tuple[str, str], content: bytes, home: Home) -> bytes:
    """Opened content as the table keeps it in this home."""
    if place == PAGE_KEY:
        return seal_page_key(content, home.key("token")).encode()
    purpose = KEYED.get(place)
    return seal(content, home.key(purpose)) if purpose else content


def rows_of(file: Any) -> Iterator[list[str]]:
    """The rows of an exported CSV, heading first."""
    csv.field_size_limit(1 << 27)
    return csv.reader(file)
