"""Permanent notes on a client: written once, never changed or deleted. A correction is a new note that names the one it
corrects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from data.errors import BadInput, NotFound
from data.models import Note, Patient, User
from data.session import ClinicSession
from data.types import clock
from records.access import LEVELS, client_for, glass_broken, may_read
from records.checks import check_texts, clean, require
from records.family import check_patient, family
from security.actor import Actor
from security.rules import act, authorize, look
from security.viewing import note_view

LONGEST = 20_000


class ReaderUnknown(BadInput):
    """Choose first who may read this note: {levels}."""


@dataclass(frozen=True)
class NoteLine:
    """A note as it is read. ``corrects`` and ``corrected_by`` are ids of notes the reader may see too."""

    id: str
    access: str
    body: str
    at: datetime
    author: str
    is_mine: bool
    patient: str
    corrects: str
    corrected_by: tuple[str, ...] = ()
    source: str = "live"


def write(
    client_id: str,
    body: str,
    *,
    access: str,
    patient_id: str | None = None,
    corrects_id: str | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """Write a note on a client; returns its id. ``access``: everyone, clinicians, administrators, author.

    Raises ReaderUnknown, Missing, TooLong, CardNumberTyped, NotFound, RestrictedRecord, NotPermitted.
    """
    if access not in LEVELS:
        raise ReaderUnknown(levels=", ".join(LEVELS.values()).lower())
    body = clean(body)
    require("The note", body)
    check_texts({"The note": (body, LONGEST)})
    with act(by, "notes.write", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        client = client_for(session, client_id, by)
        if corrects_id is not None:
            _readable(session, client.id, corrects_id, by)
        if patient_id is not None:
            check_patient(session, client.id, patient_id)
        note = Note(
            client_id=client.id, patient_id=patient_id, access=access, body=body, corrects_id=corrects_id,
            event_at=clock.now(), by_user_id=by.user_id,
        )  # fmt: skip
        session.add(note)
        work.audit("note.written", "note", note.id, client=client.id, access=access, corrects=corrects_id)
        work.result = note.id
        return note.id


def of_client(client_id: str, *, by: Actor) -> list[NoteLine]:
    """The notes of a client that this person may read, newest first. The reading is audited.

    Raises NotFound, RestrictedRecord, NotPermitted.
    """
    with look(by, "clients.view") as session:
        client = client_for(session, client_id, by)
        rows = _rows(session, client.id, by)
        lines = _lines(session, rows, by)
    note_view(by, "notes", client.id)
    return lines


def _rows(session: ClinicSession, client_id: str, by: Actor) -> list[Note]:
    may = authorize(session, by, None)
    glass = glass_broken(session, by, client_id)
    statement = select(Note).where(Note.client_id.in_(family(session, client_id)))
    rows = session.scalars(statement.order_by(Note.event_at.desc(), Note.id.desc()))
    return [row for row in rows if may_read(row.access, row.by_user_id, by=by, may=may, glass=glass)]


def _lines(session: ClinicSession, rows: list[Note], by: Actor) -> list[NoteLine]:
    authors = _names(session, User, {row.by_user_id for row in rows})
    patients = _names(session, Patient, {row.patient_id for row in rows})
    seen = {row.id for row in rows}
    return [
        NoteLine(
            id=row.id, access=row.access, body=row.body, at=row.event_at,
            author=authors.get(row.by_user_id, "Import" if row.source == "import" else "Operator"),
            is_mine=row.by_user_id is not None and row.by_user_id == by.user_id,
            patient=patients.get(row.patient_id, ""), corrects=row.corrects_id if row.corrects_id in seen else "",
            corrected_by=tuple(other.id for other in rows if other.corrects_id == row.id), source=row.source,
        )
        for row in rows
    ]  # fmt: skip


def _names(session: ClinicSession, model: type[User] | type[Patient], ids: set[str | None]) -> dict[str | None, str]:
    wanted = [value for value in ids if value]
    if not wanted:
        return {}
    statement = select(model.id, model.name).where(model.id.in_(wanted))
    return {row.id: row.name for row in session.execute(statement, execution_options={"include_deleted": True})}


def _readable(session: ClinicSession, client_id: str, note_id: str, by: Actor) -> None:
    if note_id not in {row.id for row in _rows(session, client_id, by)}:
        raise NotFound(what="note", name="of this client that you may read")
