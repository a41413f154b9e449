"""Documents on a client: attached after a look at what they are, kept encrypted, opened under the rules of their access
level."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePath

from sqlalchemy import select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput, NotFound
from data.models import Appointment, Document, Patient, User
from data.session import ClinicSession
from data.types import clock
from records.access import LEVELS, client_for, glass_broken, may_read
from records.checks import check_texts, clean, require
from records.family import check_patient, family, is_id
from records.file_kinds import KINDS, PDF, Kind, examine
from security.actor import Actor
from security.rules import act, authorize, look
from security.viewing import note_view


class AlreadyAttached(BadInput):
    """This very file is already attached as '{title}'. Nothing was added."""


@dataclass(frozen=True)
class DocumentLine:
    """A document in a list. ``size`` in bytes."""

    id: str
    title: str
    kind: Kind
    size: int
    access: str
    at: object
    author: str
    patient: str


@dataclass(frozen=True)
class OpenedDocument:
    """A document with its content."""

    title: str
    kind: Kind
    content: bytes

    @property
    def file_name(self) -> str:
        """A name to save it under."""
        stem = PurePath(self.title).name.strip(". ") or "document"
        return stem if stem.lower().endswith(self.kind.ending) else stem + self.kind.ending


def attach(
    client_id: str,
    name: str,
    content: bytes,
    *,
    title: str = "",
    access: str = "everyone",
    patient_id: str | None = None,
    appointment_id: str | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """Attach a file to a client; returns the document's id. The title defaults to the file's name.

    Raises FileEmpty, FileTooLarge, FileNotAccepted, ImageTooLarge, CardNumberTyped, AlreadyAttached, TooLong, NotFound,
    RestrictedRecord, NotPermitted.
    """
    kind = examine(name, content)
    title = clean(title) or clean(PurePath(name.replace("\\", "/")).name)
    require("The title", title)
    check_texts({"The title": (title, 200)})
    if access not in LEVELS:
        raise BadInput(problem="Choose who may open this document.")
    sha256 = hashlib.sha256(content).hexdigest()
    with look(by, "clients.documents") as session:
        client_for(session, client_id, by)
    blob = BlobStore(database().home).put(content)  # the file is on disk before the row that names it
    with act(by, "clients.documents", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        client = client_for(session, client_id, by)
        if patient_id is not None:
            check_patient(session, client.id, patient_id)
        if appointment_id is not None:
            _check_visit(session, client.id, appointment_id)
        may, glass = authorize(session, by, None), glass_broken(session, by, client.id)
        twins = session.scalars(select(Document).where(Document.client_id == client.id, Document.sha256 == sha256))
        for twin in twins:
            if twin.access == access and may_read(twin.access, twin.by_user_id, by=by, may=may, glass=glass):
                raise AlreadyAttached(title=twin.title)
        document = Document(
            title=title, media_type=kind.media_type, size=len(content), blob=blob, sha256=sha256, client_id=client.id,
            patient_id=patient_id, appointment_id=appointment_id, by_user_id=by.user_id, access=access,
        )  # fmt: skip
        session.add(document)
        work.audit("document.attached", "document", document.id, client=client.id, media=kind.media_type)
        work.result = document.id
        return document.id


def of_client(client_id: str, *, by: Actor) -> list[DocumentLine]:
    """The documents of a client that this person may open, newest first. Raises NotFound, RestrictedRecord."""
    with look(by, "clients.view") as session:
        client = client_for(session, client_id, by)
        may, glass = authorize(session, by, None), glass_broken(session, by, client.id)
        statement = (
            select(Document, User.name, Patient.name)
            .outerjoin(User, (User.clinic_id == Document.clinic_id) & (User.id == Document.by_user_id))
            .outerjoin(Patient, (Patient.clinic_id == Document.clinic_id) & (Patient.id == Document.patient_id))
            .where(Document.client_id.in_(family(session, client.id)))
            .order_by(Document.entered_at.desc(), Document.id.desc())
        )
        return [
            DocumentLine(
                row.id, row.title, KINDS.get(row.media_type, PDF), row.size, row.access, row.entered_at,
                author or ("Import" if row.import_id else "Operator"), patient or "",
            )
            for row, author, patient in session.execute(statement)
            if may_read(row.access, row.by_user_id, by=by, may=may, glass=glass)
        ]  # fmt: skip


def open_document(document_id: str, *, by: Actor) -> OpenedDocument:
    """A document with its content. The reading is audited.

    Raises NotFound (also for one that this person may not know of), RestrictedRecord, NotPermitted, BlobMissing,
    BlobDamaged.
    """
    with look(by, "clients.view") as session:
        row = None
        if is_id(document_id):
            row = session.scalars(select(Document).where(Document.id == document_id)).one_or_none()
        if row is None or row.kind in ("signature", "scan"):  # shown on a profile, and page by page on its own screen
            raise NotFound(what="document", name="with this address")
        glass = False
        owner = row.client_id or _owner(session, row)
        if owner is not None:
            client = client_for(session, owner, by)
            glass = glass_broken(session, by, client.id)
        may = authorize(session, by, None)
        if not may_read(row.access, row.by_user_id, by=by, may=may, glass=glass):
            raise NotFound(what="document", name="with this address")
    content = BlobStore(database().home).get(row.blob)
    note_view(by, "document", row.id)
    return OpenedDocument(row.title, KINDS.get(row.media_type, PDF), content)


def _check_visit(session: ClinicSession, client_id: str, appointment_id: str) -> None:
    ids = family(session, client_id)
    statement = select(Appointment.id).where(Appointment.id == appointment_id, Appointment.client_id.in_(ids))
    if not is_id(appointment_id) or session.scalar(statement) is None:
        raise NotFound(what="appointment", name="of this client")


def _owner(session: ClinicSession, row: Document) -> str | None:
    """Whose record a document belongs to that names only the patient or the visit."""
    if row.patient_id is not None:
        return session.scalar(select(Patient.client_id).where(Patient.id == row.patient_id))
    return session.scalar(select(Appointment.client_id).where(Appointment.id == row.appointment_id))


def remove(document_id: str, *, reason: str, by: Actor, key: str | None = None) -> None:
    """Take a document that was attached by mistake off the record; the file and the audit row stay.

    Raises Missing, TooLong, CardNumberTyped, NotFound, RestrictedRecord, NotPermitted.
    """
    require("The reason", reason)
    check_texts({"The reason": (reason, 200)})
    with act(by, "clients.documents", key=key) as work:
        if work.repeated:
            return
        session = work.session
        row = None
        if is_id(document_id):
            row = session.scalars(select(Document).where(Document.id == document_id)).one_or_none()
        if row is None or row.client_id is None:
            raise NotFound(what="document", name="with this address")
        client = client_for(session, row.client_id, by)
        may, glass = authorize(session, by, None), glass_broken(session, by, client.id)
        if not may_read(row.access, row.by_user_id, by=by, may=may, glass=glass):
            raise NotFound(what="document", name="with this address")
        row.deleted_at = clock.now()
        work.audit("document.removed", "document", row.id, client=client.id, reason=reason)
