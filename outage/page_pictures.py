"""The pictures of scanned pages and of their fields, for those who may see the record they belong to."""

from __future__ import annotations

from sqlalchemy import select

from data.blobs import BlobStore
from data.engine import database
from data.errors import NotFound
from data.models import Appointment, Document, DocumentPage, FormSheet
from data.session import ClinicSession
from data.types import is_id
from forms.editions import edition_of
from forms.placed import Zone
from records.access import client_for
from security.actor import Actor
from security.rules import look
from security.viewing import note_view

PAPER = "paper"
"""The kind of a document that is one page of a stack, put to a client by hand."""


def page_picture(page_id: str, *, by: Actor) -> bytes:
    """The upright picture of a page as JPEG, audited. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "outage.scan") as session:
        page, _, _ = _seen(session, page_id, by)
        blob = page.picture
    note_view(by, "document_page", page_id)
    return BlobStore(database().home).get(blob)


def field_pictures(page_id: str, *, by: Actor) -> dict[str, bytes]:
    """What stands in each field of a page, cut out of its picture as PNG, by the field's key (``grid.line.column`` in
    repeating lines); nothing where the page could not be laid on its paper. Raises NotFound, RestrictedRecord,
    NotPermitted."""
    from forms.reading.page import crops

    with look(by, "outage.scan") as session:
        page, sheet, zones = _seen(session, page_id, by)
        blob, upright = page.picture, page.is_upright
    if sheet is None or not upright:
        return {}
    around: dict[str, tuple[float, float, float, float]] = {}
    for zone in zones:
        left, top, right, bottom = around.get(zone.key, (zone.x, zone.y, zone.x + zone.w, zone.y + zone.h))
        around[zone.key] = (
            min(left, zone.x), min(top, zone.y), max(right, zone.x + zone.w), max(bottom, zone.y + zone.h)
        )  # fmt: skip
    places = {key: (left, top, right - left, bottom - top) for key, (left, top, right, bottom) in around.items()}
    return crops(BlobStore(database().home).get(blob), places)


def _seen(session: ClinicSession, page_id: str, by: Actor) -> tuple[DocumentPage, FormSheet | None, list[Zone]]:
    """A page that this person may see, with its sheet and zones."""
    page = (
        session.scalars(select(DocumentPage).where(DocumentPage.id == page_id)).one_or_none()
        if is_id(page_id)
        else None
    )
    if page is None or not page.picture:
        raise NotFound(what="scanned page", name="with this address")
    for client_id in clients_of(session, page):
        client_for(session, client_id, by)
    if page.form_sheet_id is None:
        return page, None, []
    sheet = session.scalars(select(FormSheet).where(FormSheet.id == page.form_sheet_id)).one()
    return page, sheet, edition_of(session, sheet.edition).page(page.page or 1)[1]


def clients_of(session: ClinicSession, page: DocumentPage) -> list[str]:
    """Whose record a page belongs to: through its sheet, or where a person put it."""
    visits = [page.appointment_id] if page.appointment_id else []
    if page.form_sheet_id is not None:
        bound = session.scalar(select(FormSheet.appointment_id).where(FormSheet.id == page.form_sheet_id))
        visits += [bound] if bound else []
    found = list(session.scalars(select(Appointment.client_id).where(Appointment.id.in_(visits)))) if visits else []
    if page.kind and page.picture:
        statement = select(Document.client_id).where(
            Document.kind == PAPER, Document.blob == page.picture, Document.client_id.is_not(None)
        )
        kept = statement.execution_options(include_deleted=True)  # taken off the record, it stays that client's page
        found += [str(one) for one in session.scalars(kept)]
    return found
