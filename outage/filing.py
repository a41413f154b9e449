"""Each page of a read file put to its sheet and its appointment, at once for the whole file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from data.models import Document, DocumentPage, FormSheet, ScanFile
from data.session import ClinicSession
from forms.editions import Edition
from forms.reading.answers import answers
from forms.reading.stack import PageRead
from forms.token import PageCode
from outage.outages import bind_used
from security.rules import Work

MEDIA = {b"%PDF": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}
DESTROYED = ("slip", "card_number")
"""Pages that are cut out and destroyed before anything of a file is kept."""


@dataclass(frozen=True)
class Told:
    """What a code turned out to be while reading."""

    code: PageCode
    edition: Edition


def file_pages(
    work: Work, row: ScanFile, pages: list[PageRead], pictures: dict[int, str], kept: bytes, blob: str, slips: int
) -> None:
    """All pages of a file, the document that is kept of it, and what became of the sheets, at once."""
    session = work.session
    document = Document(
        title=row.name, kind="scan", media_type=_media(kept), size=len(kept), blob=blob,
        by_user_id=row.by_user_id or work.by.user_id,
        sha256=hashlib.sha256(kept).hexdigest(), access="everyone",
    )  # fmt: skip
    session.add(document)
    session.flush()
    sheets = _sheets(session, pages)
    taken = _taken(session, sheets)
    counts: dict[str, int] = {}
    for page in pages:
        one = _page(page, document.id, pictures.get(page.index, ""), sheets)
        if one.state in ("attached", "review") and one.form_sheet_id is not None:
            _against_earlier(one, taken)
        if page.maybe_card and one.state != "quarantined":
            one.state, one.reason = "review", "maybe_card"
        session.add(one)
        counts[one.state] = counts.get(one.state, 0) + 1
    bind_used(session, sheets.values())
    for sheet in sheets.values():
        if sheet.state in ("printed", "waived"):
            sheet.state = "used"
    row.state, row.document_id, row.pages, row.destroyed = "read", document.id, len(pages), slips
    row.pages_read, row.reader, row.reading_until = len(pages), "", None
    if slips:
        work.audit("scan.slips_destroyed", "scan_file", row.id, pages=slips)
    session.flush()
    told = [[page.id, page.state] for page in session.scalars(
        select(DocumentPage).where(DocumentPage.document_id == document.id).order_by(DocumentPage.index))]  # fmt: skip
    work.audit("scan.read", "scan_file", row.id, document=document.id, counts=counts, pages=told)


def _page(page: PageRead, document_id: str, picture: str, sheets: dict[int, FormSheet]) -> DocumentPage:
    """What is written of one page before it is held against earlier scans."""
    one = DocumentPage(
        document_id=document_id, index=page.index, state="review", reason=page.trouble, picture=picture,
        is_upright=page.is_upright, scale=page.scale,
    )  # fmt: skip
    if page.trouble in DESTROYED:
        one.state, one.picture = "quarantined", ""
        return one
    if page.trouble == "no_code":
        one.state = "foreign"
    if page.known is None:
        return one
    told: Told = page.known
    sheet = sheets.get(told.code.serial)
    if sheet is None or sheet.edition != told.edition.number or told.code.of != sheet.pages:
        one.reason = "unknown"
        return one
    one.form_sheet_id, one.page = sheet.id, told.code.page
    if page.trouble:
        return one
    _, zones = told.edition.page(told.code.page)
    found = answers(told.edition.body, zones, page.marks)
    one.fields = {key: answer.document() for key, answer in found.items()}
    if sheet.state == "spoiled":
        one.reason = "spoiled"
    elif told.edition.body.subject == "appointment" and sheet.appointment_id is None:
        one.reason = "unbound"
    else:
        one.state = "attached"
        one.reason = "doubtful" if any(answer.state == "review" for answer in found.values()) else ""
    return one


def _against_earlier(one: DocumentPage, taken: dict[tuple[str, int], DocumentPage]) -> None:
    """A page of a sheet is filed once. A better scan takes the place of one that could not be read; nothing is
    overwritten."""
    assert one.form_sheet_id is not None and one.page is not None
    place = one.form_sheet_id, one.page
    earlier = taken.get(place)
    if earlier is None:
        taken[place] = one
    elif one.state == "attached" and earlier.reason in ("not_placed", "memory", "time", "damaged"):
        earlier.superseded_by_id = one.id
        taken[place] = one
    else:
        one.state, one.reason = "duplicate", "duplicate"


def _sheets(session: ClinicSession, pages: Sequence[PageRead]) -> dict[int, FormSheet]:
    serials = {page.known.code.serial for page in pages if page.known is not None}
    return {sheet.serial: sheet for sheet in session.scalars(select(FormSheet).where(FormSheet.serial.in_(serials)))}


def _taken(session: ClinicSession, sheets: dict[int, FormSheet]) -> dict[tuple[str, int], DocumentPage]:
    """The pages of these sheets that stand."""
    statement = select(DocumentPage).where(
        DocumentPage.form_sheet_id.in_([sheet.id for sheet in sheets.values()]),
        DocumentPage.superseded_by_id.is_(None), DocumentPage.state.in_(("attached", "review")),
    )  # fmt: skip
    return {(str(page.form_sheet_id), int(page.page or 0)): page for page in session.scalars(statement)}


def _media(content: bytes) -> str:
    return next((kind for start, kind in MEDIA.items() if content.startswith(start)), "image/tiff")
