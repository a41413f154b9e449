"""What becomes of a scanned page and its sheet as a page takes its place, leaves it, or is taken up again."""

from __future__ import annotations

from sqlalchemy import select

from data.models import BackEntry, Document, DocumentPage, FormSheet, PrintRun
from data.session import ClinicSession
from data.types import clock
from forms.editions import Edition, edition_of
from outage.page_pictures import PAPER
from outage.sheets import doubts_in, sheet_of, standing


def undecide(page: DocumentPage) -> bool:
    """Boxes that were decided are doubtful again, and a duplicate that was kept is one to decide about.
    Tells whether the page is of either kind."""
    decided = {key: told for key, told in page.fields.items() if isinstance(told, dict) and told.get("machine")}
    if page.state == "duplicate":
        return True
    if page.state != "attached" or page.reason or not decided:
        return False
    again = {key: told["machine"] | {"state": "review"} for key, told in decided.items()}
    page.fields, page.reason = page.fields | again, "doubtful"
    return True


def unbind(session: ClinicSession, page: DocumentPage) -> bool:
    """A blank sheet that was bound by hand is nobody's again, with all its pages. Tells whether it was one."""
    sheet = sheet_of(session, page.form_sheet_id) if page.form_sheet_id is not None else None
    if sheet is None or sheet.appointment_id is None or page.state != "attached":
        return False
    purpose = session.scalar(select(PrintRun.purpose).where(PrintRun.id == sheet.print_run_id))
    if purpose != "blank" or edition_of(session, sheet.edition).body.subject != "appointment":
        return False
    sheet.appointment_id = None
    statement = standing().where(DocumentPage.form_sheet_id == sheet.id, DocumentPage.state == "attached")
    for one in session.scalars(statement):
        one.state, one.reason = "review", "unbound"
    return True


def forget(session: ClinicSession, page: DocumentPage) -> None:
    """Nothing is known of it any more but where it lies."""
    leave_sheet(session, page)
    for paper in papers_of(session, page):
        paper.deleted_at = clock.now()
    page.state, page.reason, page.kind, page.appointment_id = "review", "reopened", "", None
    page.form_sheet_id = page.page = None
    page.fields, page.is_upright = {}, False


def leave_sheet(session: ClinicSession, page: DocumentPage) -> None:
    """A page is none of its sheet's any more: the scan it had taken the place of stands again, and a sheet of which
    nothing came back and nothing was keyed is as it was printed."""
    for old in session.scalars(select(DocumentPage).where(DocumentPage.superseded_by_id == page.id)):
        old.superseded_by_id = None
    if page.form_sheet_id is None:
        return
    sheet = sheet_of(session, page.form_sheet_id)
    session.flush()
    came = standing().where(DocumentPage.form_sheet_id == sheet.id, DocumentPage.id != page.id)
    keyed = select(BackEntry.id).where(BackEntry.form_sheet_id == sheet.id)
    if sheet.state == "used" and session.scalars(came).first() is None and session.scalar(keyed) is None:
        sheet.state = "printed"


def take_place(page: DocumentPage, sheet: FormSheet, edition: Edition) -> None:
    """A page of a sheet takes its place; blank stock still has to be bound."""
    if sheet.state in ("printed", "waived"):
        sheet.state = "used"
    page.kind, page.appointment_id = "", None
    if edition.body.subject == "appointment" and sheet.appointment_id is None:
        page.state, page.reason = "review", "unbound"
    else:
        page.state, page.reason = "attached", "doubtful" if doubts_in(page) else ""


def taken_by(session: ClinicSession, sheet_id: str, number: int, page: DocumentPage) -> DocumentPage | None:
    """The page that stands where this one belongs."""
    statement = standing().where(
        DocumentPage.form_sheet_id == sheet_id, DocumentPage.page == number, DocumentPage.id != page.id
    )
    return session.scalars(statement.order_by(DocumentPage.id)).first()


def papers_of(session: ClinicSession, page: DocumentPage) -> list[Document]:
    """The documents that a page was put to clients as."""
    if not page.picture or not page.kind:
        return []
    return list(session.scalars(select(Document).where(Document.kind == PAPER, Document.blob == page.picture)))
