"""The paper of an outage: which sheets are its own, what came back of them, and what was keyed from them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from appointments.quantities import BadQuantity, thousandths
from data.models import (
    Appointment,
    BackEntry,
    CardSlip,
    Document,
    DocumentPage,
    FormSheet,
    Outage,
    PrintRun,
    ScanFile,
    User,
)
from data.session import ClinicSession
from forms.definition import Form
from forms.editions import editions_of
from outage.account import Account, DrugLine, Entry, FormFacts, PageFacts, SheetFacts
from outage.outages import days_of

EMPTY = ("", "-")
"""What is typed where the paper was left empty."""


_SHEET = (
    FormSheet.id, FormSheet.serial, FormSheet.form, FormSheet.edition, FormSheet.pages, FormSheet.appointment_id,
    FormSheet.bottle_id, FormSheet.state, FormSheet.reason, PrintRun.purpose, PrintRun.id,
)  # fmt: skip


def _sheets(*conditions: ColumnElement[bool]) -> Any:
    return (
        select(*_SHEET)
        .join(PrintRun, (PrintRun.clinic_id == FormSheet.clinic_id) & (PrintRun.id == FormSheet.print_run_id))
        .where(*conditions)
        .order_by(FormSheet.serial)
    )


def read_sheets(session: ClinicSession, account: Account, stored: Outage) -> None:
    """The sheets of an outage: its own, those of its slips, blank stock that came back while it is open, and the gaps
    between."""
    slips = FormSheet.id.in_(select(CardSlip.form_sheet_id).where(CardSlip.outage_id == stored.id))
    wanted: list[ColumnElement[bool]] = [slips]
    if stored.scope == "all":
        wanted += [FormSheet.outage_id == stored.id, FormSheet.id.in_(_used_unbound(session, account, stored))]
    found = list(session.execute(_sheets(or_(*wanted))))
    spans: dict[str, list[int]] = defaultdict(list)
    for row in found:
        if row.purpose == "blank":
            spans[row[10]].append(row.serial)
    between = [
        and_(FormSheet.print_run_id == run, FormSheet.serial > min(serials), FormSheet.serial < max(serials))
        for run, serials in spans.items()
        if len(serials) > 1
    ]
    gaps = []
    if between:
        known = {row.id for row in found}
        free = (FormSheet.state.in_(("printed", "spoiled", "waived")), FormSheet.outage_id.is_(None))
        gaps = [row for row in session.execute(_sheets(or_(*between), *free)) if row.id not in known]
    about = forms_of(session, {row.edition for row in [*found, *gaps]})
    for is_gap, rows in ((False, found), (True, gaps)):
        for row in rows:
            account.sheets[row.id] = SheetFacts(
                row.id, row.serial, row.form, about.get(row.edition, FormFacts(row.form, "appointment", False)),
                row.pages, row.appointment_id, row.bottle_id, row.state, row.reason, row.purpose, row[10],
                is_gap=is_gap,
            )  # fmt: skip


def _used_unbound(session: ClinicSession, account: Account, stored: Outage) -> Select[Any]:
    """Blank stock and other sheets that came back while this outage is the newest and open, though nothing bound
    them to it."""
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    later = session.scalars(
        select(Outage.began_at)
        .where(Outage.scope == "all", Outage.began_at > stored.began_at)
        .order_by(Outage.began_at)
    ).first()
    scanned = [DocumentPage.form_sheet_id == FormSheet.id, DocumentPage.entered_at >= stored.began_at]
    keyed = [BackEntry.form_sheet_id == FormSheet.id, BackEntry.entered_at >= stored.began_at]
    if later is not None:
        scanned.append(DocumentPage.entered_at < later)
        keyed.append(BackEntry.entered_at < later)
    statement = (
        select(FormSheet.id)
        .outerjoin(
            Appointment, (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id)
        )
        .where(
            FormSheet.outage_id.is_(None), FormSheet.state.in_(("used", "entered")),
            or_(Appointment.id.is_(None), Appointment.day.between(first, last)),
            or_(
                exists().where(DocumentPage.clinic_id == FormSheet.clinic_id, *scanned),
                exists().where(BackEntry.clinic_id == FormSheet.clinic_id, *keyed),
            ),
        )
    )  # fmt: skip
    return statement if stored.clinical_closed_at is None else statement.where(FormSheet.id.is_(None))


def forms_of(session: ClinicSession, numbers: set[int]) -> dict[int, FormFacts]:
    """What the board must know of the forms behind these editions, within a rule."""
    return {number: form_facts(edition.body) for number, edition in editions_of(session, numbers).items()}


def form_facts(form: Form) -> FormFacts:
    """What the board must know of a form."""
    for grid in form.fields():
        if grid.type == "grid" and grid.target == "drug_log":
            of = {cell.target: cell.key for cell in grid.cells if cell.target}
            return FormFacts(
                form.title, form.subject, form.slip, grid.key, of.get("drug_log.bottle", ""),
                of.get("drug_log.drawn", ""), of.get("drug_log.given", ""), of.get("drug_log.wasted", ""),
                of.get("drug_log.event_at", ""),
            )  # fmt: skip
    return FormFacts(form.title, form.subject, form.slip)


def drop_unneeded(account: Account) -> None:
    """Sheets printed for visits that lie outside of the outage's time, and that never came back, are no part of it."""
    for sheet in list(account.sheets.values()):
        elsewhere = sheet.appointment_id is not None and sheet.appointment_id not in account.visits
        if elsewhere and not sheet.has_come:
            del account.sheets[sheet.id]


def read_pages(session: ClinicSession, account: Account) -> None:
    """Which pages of each sheet are attached, and which wait in review."""
    statement = select(
        DocumentPage.form_sheet_id, DocumentPage.page, DocumentPage.state, DocumentPage.reason
    ).where(
        DocumentPage.form_sheet_id.in_(list(account.sheets)), DocumentPage.superseded_by_id.is_(None),
        DocumentPage.state.in_(("attached", "review")),
    )  # fmt: skip
    for sheet_id, page, state, reason in session.execute(statement):
        sheet = account.sheets[str(sheet_id)]
        if state == "attached":
            sheet.attached.add(int(page or 0))
        else:
            sheet.review[int(page or 0)] = reason
    for sheet in account.sheets.values():
        for page in sheet.attached:
            sheet.review.pop(page, None)


def read_entries(session: ClinicSession, account: Account) -> None:
    """What was keyed from each sheet, by whom, and who verified it."""
    names: dict[str, str] = dict(session.execute(select(User.id, User.name)).tuples().all())
    statement = select(
        BackEntry.form_sheet_id, BackEntry.state, BackEntry.keyed_by_id, BackEntry.verified_by_id, BackEntry.typed
    ).where(BackEntry.form_sheet_id.in_(list(account.sheets)))
    for sheet_id, state, keyed, verified, typed in session.execute(statement):
        sheet = account.sheets[sheet_id]
        sheet.entry = Entry(
            state, names.get(keyed or "", "Operator"), names.get(verified or "", "Operator"),
            tuple(drug_lines(sheet.about, typed)), _exceptions(typed),
        )  # fmt: skip


def _exceptions(typed: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one[-1]) for one in typed.get("_exceptions") or ())


COPIED = "_copied"
"""Beside what was typed: the drug lines that were copied from another sheet and count there."""


def drug_lines(about: FormFacts, typed: dict[str, Any]) -> Iterable[DrugLine]:
    """The drug lines among what was keyed from a sheet, by the line's place."""
    if not about.lines:
        return
    rows: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in typed.items():
        parts = key.split(".")
        if len(parts) == 3 and parts[0] == about.lines and str(value if value is not None else "").strip() not in EMPTY:
            rows[parts[1]][parts[2]] = value
    for place in sorted(rows.keys() - set(typed.get(COPIED) or ()), key=lambda text: (len(text), text)):
        row = rows[place]
        written = [row[key] for key in (about.drawn, about.given, about.wasted) if row.get(key) is not None]
        if written:
            at = "".join(char for char in str(row.get(about.at, "")) if char.isdigit()).lstrip("0")
            yield DrugLine(str(row.get(about.bottle, "")).strip(), _drawn(about, row), place, at)


def _drawn(about: FormFacts, row: dict[str, Any]) -> int | None:
    """What was drawn; where only given and wasted are written, their sum."""
    try:
        if row.get(about.drawn) is not None:
            return thousandths(_bare(row[about.drawn]))
        return sum(thousandths(_bare(row[key])) for key in (about.given, about.wasted) if row.get(key) is not None)
    except BadQuantity:
        return None


def _bare(written: Any) -> str:
    """A number without the unit that somebody typed behind it."""
    return re.sub(r"\s*[^\W\d]+$", "", str(written).strip())


def read_loose_pages(session: ClinicSession, account: Account, stored: Outage) -> None:
    """Pages that came since the outage began and belong to no sheet yet; nobody settled them."""
    if stored.clinical_closed_at is not None:
        return
    statement = (
        select(DocumentPage.id, Document.title, DocumentPage.index, DocumentPage.state, DocumentPage.reason)
        .join(Document, (Document.clinic_id == DocumentPage.clinic_id) & (Document.id == DocumentPage.document_id))
        .where(
            DocumentPage.form_sheet_id.is_(None), DocumentPage.superseded_by_id.is_(None),
            DocumentPage.settled_at.is_(None), DocumentPage.entered_at >= stored.began_at,
            DocumentPage.appointment_id.is_(None), DocumentPage.state.in_(("review", "foreign")),
        )
        .order_by(DocumentPage.id)
    )  # fmt: skip
    account.pages = [PageFacts(row[0], row[1], row[2] + 1, row[3], row[4]) for row in session.execute(statement)]
    account.scans_waiting = len(session.scalars(select(ScanFile.id).where(ScanFile.state == "waiting")).all())
