"""Paper that turns up after the clinical part of an outage was closed.

It is known, and an addendum to the signed report can be signed over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from data.blobs import BlobStore
from data.engine import database
from data.errors import Refusal
from data.models import Appointment, AuditLog, BackEntry, Clinic, DocumentPage, FormSheet, Outage, User
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from forms.editions import editions_of
from forms.print import Head, within
from forms.signed_report import REPORT_SECONDS, file_report, sign
from outage.board import ChangedMeanwhile, board_in
from outage.closing_report import KIND, content_of, report_pdf
from outage.outages import days_of, outage_for, zone_of
from security import audit
from security.actor import Actor
from security.profile import profile
from security.rules import act, look, remembered

ADDENDUM = "outage.addendum"


class NothingLate(Refusal):
    """No paper came to this outage since its report was signed, so there is nothing to add to it."""


@dataclass(frozen=True)
class LateSheet:
    """A sheet that was scanned or entered after the closing; ``visit`` is the number of its visit, if it has one."""

    id: str
    serial: int
    title: str
    visit: int | None
    appointment_id: str | None
    pages: int
    entered_by: str
    at: datetime
    is_told: bool
    """Whether an addendum tells of it."""


@dataclass(frozen=True)
class Addendum:
    """A signed addendum to the report."""

    document_id: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Late:
    """What came after the closing, and the addenda that were signed over it."""

    sheets: tuple[LateSheet, ...] = ()
    addenda: tuple[Addendum, ...] = ()

    @property
    def untold(self) -> tuple[LateSheet, ...]:
        """The sheets no addendum tells of."""
        return tuple(sheet for sheet in self.sheets if not sheet.is_told)


@remembered("outage.enter")
def late_paper(outage_id: str, *, by: Actor) -> Late:
    """What was scanned or entered after the clinical part was closed. Raises NotFound, NotPermitted."""
    with look(by, "outage.enter") as session:
        return late_in(session, outage_for(session, outage_id))


def late_in(session: ClinicSession, stored: Outage) -> Late:
    """The same within a rule."""
    closed = stored.clinical_closed_at
    if closed is None:
        return Late()
    rows = session.execute(
        select(AuditLog.at, AuditLog.actor, AuditLog.detail)
        .where(AuditLog.entity == "outage", AuditLog.entity_id == stored.id, AuditLog.action == ADDENDUM)
        .order_by(AuditLog.seq)
    ).all()
    addenda = tuple(Addendum(str(json.loads(row.detail)["report"]), row.actor, row.at) for row in rows)
    told = addenda[-1].at if addenda else closed
    pages: dict[str, tuple[int, datetime]] = {
        str(row[0]): (int(row[1]), row[2])
        for row in session.execute(
            select(DocumentPage.form_sheet_id, func.count(), func.max(DocumentPage.entered_at))
            .where(
                DocumentPage.form_sheet_id.is_not(None), DocumentPage.entered_at > closed,
                DocumentPage.superseded_by_id.is_(None), DocumentPage.state.in_(("attached", "review")),
            )
            .group_by(DocumentPage.form_sheet_id)
        )
    }  # fmt: skip
    keyed: dict[str, tuple[str, datetime]] = {
        row[0]: (row[1] or "Operator", row[2] or closed)
        for row in session.execute(
            select(BackEntry.form_sheet_id, User.name, BackEntry.keyed_at)
            .outerjoin(User, (User.clinic_id == BackEntry.clinic_id) & (User.id == BackEntry.keyed_by_id))
            .where(BackEntry.keyed_at > closed, BackEntry.state != "draft")
        )
    }
    first, last = days_of(stored.began_at, stored.ended_at, zone_of(session))
    found = session.execute(
        select(FormSheet.id, FormSheet.serial, FormSheet.edition, FormSheet.appointment_id, Appointment.number)
        .outerjoin(
            Appointment, (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id)
        )
        .where(
            FormSheet.id.in_({*pages, *keyed}),
            or_(
                FormSheet.outage_id == stored.id,
                and_(FormSheet.outage_id.is_(None), Appointment.day.between(first, last)),
            ),
        )
        .order_by(FormSheet.serial)
    ).all()
    editions = editions_of(session, {row.edition for row in found})
    sheets = []
    for row in found:
        count, came = pages.get(row.id, (0, closed))
        who, entered = keyed.get(row.id, ("", closed))
        at = max(came, entered)
        title = editions[row.edition].body.title
        sheets.append(LateSheet(row.id, row.serial, title, row.number, row.appointment_id, count, who, at, at <= told))
    return Late(tuple(sheets), addenda)


def closed_before(session: ClinicSession, outages: set[str], day: date) -> bool:
    """Whether paper of these outages, or of that day, belongs to an outage whose clinical part is closed."""
    rows = session.scalars(select(Outage).where(Outage.scope == "all", Outage.clinical_closed_at.is_not(None))).all()
    zone = zone_of(session)
    for one in rows:
        first, last = days_of(one.began_at, one.ended_at, zone)
        if one.id in outages or (not outages and first <= day <= last):
            return True
    return False


def sign_addendum(outage_id: str, *, by: Actor, key: str | None = None) -> str:
    """Sign an addendum to the report of the clinical part over the paper that came since; returns its document's id.

    The report itself stays as it was signed. Raises NothingLate, ChangedMeanwhile, PrintTookTooLong, NotFound,
    NotPermitted.
    """
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return str(work.result)
    with look(by, "outage.declare") as session:
        stored = outage_for(session, outage_id)
        late = late_in(session, stored)
        if not late.untold:
            raise NothingLate()
        found = board_in(session, outage_id, by)
        clinic = session.get_one(Clinic, session.clinic_id)
        words, about = Wording.of(clinic), profile(session)
        name = session.scalar(select(User.name).where(User.id == by.user_id)) if by.user_id else None
        content = content_of(
            found, "clinical", [], words, who=name or "Operator", user_id=by.user_id, at=clock.now(),
            head=audit.head(session), clinic_id=by.clinic_id,
        )  # fmt: skip
        content |= {"addendum_to": stored.clinical_report_id, "let_go": [], "rows": _rows(late, words)}
        letterhead = Head.of(clinic.name, about.address, words.phone(about.phone))
    pdf = within(REPORT_SECONDS, report_pdf, content, found.outage, words, letterhead, about.paper)
    blob = BlobStore(database().home).put(pdf)
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return str(work.result)
        if late_in(work.session, outage_for(work.session, outage_id)) != late:
            raise ChangedMeanwhile()
        title = f"Addendum to the outage report, {found.outage.title(words)}"
        document = file_report(work.session, pdf, blob, kind=KIND, title=title, by=by)
        work.audit(
            ADDENDUM, "outage", outage_id, part="clinical", report=document.id, sha256=document.sha256,
            signature=sign(content), rows=len(content["rows"]),
        )  # fmt: skip
        work.result = document.id
        return document.id


def _rows(late: Late, words: Wording) -> list[dict[str, Any]]:
    found = []
    for sheet in late.untold:
        about = f"{sheet.title}, visit {sheet.visit}" if sheet.visit else sheet.title
        row = {"row": f"Sheet {sheet.serial}", "id": f"form_sheet:{sheet.id}", "about": about}
        if sheet.entered_by:
            row["entered"] = f"By {sheet.entered_by}, {words.moment(sheet.at)}"
        if sheet.pages:
            row["pages"] = f"{sheet.pages} scanned since the closing"
        found.append(row)
    return found
