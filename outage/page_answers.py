"""What a person may answer to a page that waits, and what each answer does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput
from data.models import Document, DocumentPage, ScanFile
from forms.editions import edition_of
from forms.reading.answers import answers
from outage.doubts import NoSuchAnswer, asked_by, checked
from outage.outages import bind_used
from outage.page_pictures import PAPER
from outage.page_states import leave_sheet, take_place, taken_by
from outage.sheets import bound, doubts_in, sheet_of, visit_of
from records.access import client_for
from security.rules import Work

KINDS = {
    "consent": "Signed consent", "letter": "Letter", "lab": "Lab report", "vaccines": "Vaccination record",
    "bill": "Bill or receipt", "id": "Identification", "other": "Other paper",
}  # fmt: skip
"""What a page that is none of our forms may be."""
ASIDE = {
    "blank": "Nothing is on it", "not_ours": "Not ours", "scan_again": "The paper is scanned again",
}  # fmt: skip
"""Why a page is put aside. It stays in the scan and is attached to nobody."""


class PageThere(BadInput):
    """Page {page} of sheet {serial} was scanned before. Choose 'Replace the earlier scan' to let this one take its
    place; the earlier one is kept as well."""


class SheetSpoiled(BadInput):
    """Sheet {serial} was marked as spoiled. Choose another sheet."""


class StillDoubtful(BadInput):
    """Choose an answer for: {fields}."""


class NothingToSettle(BadInput):
    """This cannot be done with this page: {problem}"""


@dataclass(frozen=True)
class PutToSheet:
    """The page belongs to a sheet: told by the code printed under the square, typed by hand, or by the sheet and the
    number of the page. ``replace`` lets it take the place of an earlier scan."""

    code: str = ""
    sheet_id: str = ""
    page: int = 1
    replace: bool = False


@dataclass(frozen=True)
class BindTo:
    """The blank sheet of this page belongs to a visit."""

    appointment_id: str


@dataclass(frozen=True)
class Boxes:
    """What stands in the doubtful fields, by their keys: true or false for a check, an option, a list of options, the
    digits of a number as text, None where nothing was marked."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class KeepFirst:
    """The earlier scan of the page stays."""


@dataclass(frozen=True)
class TakeThis:
    """This page counts: instead of an earlier scan, though its sheet was spoiled, or though its boxes cannot be
    read."""


@dataclass(frozen=True)
class AttachAs:
    """The page is none of our forms; ``kind`` is a key of KINDS. It is put to a visit, or to a client."""

    kind: str
    appointment_id: str = ""
    client_id: str = ""


@dataclass(frozen=True)
class PutAside:
    """``why`` is a key of ASIDE."""

    why: str


@dataclass(frozen=True)
class Destroy:
    """A card number stands on the page: it is cut out of what is kept, and its pictures are destroyed."""


@dataclass(frozen=True)
class NoCard:
    """No card number stands on the page: it is kept, and waits only for what else is open about it."""


ALIKE: dict[str, PutAside | KeepFirst] = {"blank": PutAside("blank"), "duplicate": KeepFirst()}
"""Reasons whose pages may be settled together, and how."""

Answer = PutToSheet | BindTo | Boxes | KeepFirst | TakeThis | AttachAs | PutAside | NoCard | Destroy


Found = dict[str, Any]


def _put_to_sheet(work: Work, page: DocumentPage, answer: PutToSheet, reading: Any) -> Found:
    sheet = sheet_of(work.session, reading[0].id)
    _, number, edition, read = reading
    if sheet.state == "spoiled":
        raise SheetSpoiled(serial=sheet.serial)
    if sheet.appointment_id is not None:
        visit_of(work.session, sheet.appointment_id, work.by)
    leave_sheet(work.session, page)
    replaced = taken_by(work.session, sheet.id, number, page)
    if replaced is not None and not answer.replace:
        raise PageThere(page=number, serial=sheet.serial)
    bind_used(work.session, [sheet])
    page.form_sheet_id, page.page, page.fields = sheet.id, number, {}
    if read is not None and not read.trouble:
        found = answers(edition.body, edition.page(number)[1], read.marks)
        page.fields = {key: answer.document() for key, answer in found.items()}
        page.picture, page.is_upright = BlobStore(database().home).put(read.upright), True
    if replaced is not None:
        replaced.superseded_by_id = page.id
    take_place(page, sheet, edition)
    return {"sheet": sheet.id, "page": number, "replaced": replaced.id if replaced is not None else None}


def _bind_to(work: Work, page: DocumentPage, answer: BindTo, _: Any) -> Found:
    if page.form_sheet_id is None or page.reason != "unbound":
        raise NothingToSettle(problem="it is no page of a blank sheet.")
    bound(work, sheet_of(work.session, page.form_sheet_id), answer.appointment_id)
    return {"appointment": answer.appointment_id}


def _boxes(work: Work, page: DocumentPage, answer: Boxes, _: Any) -> Found:
    if page.form_sheet_id is None or page.reason != "doubtful":
        raise NothingToSettle(problem="no box of it is doubtful.")
    sheet = sheet_of(work.session, page.form_sheet_id)
    form = edition_of(work.session, sheet.edition).body
    doubtful = doubts_in(page)
    left = [asked_by(form, key)[0] for key in doubtful if key not in answer.values]
    if left:
        raise StillDoubtful(fields=", ".join(left))
    fields = dict(page.fields)
    for key in doubtful:
        told = fields[key]
        assert isinstance(told, dict)
        value = checked(form, key, answer.values[key])
        machine = told.get("machine") or {name: told.get(name) for name in ("value", "confidence", "reason")}
        fields[key] = {"value": value, "confidence": 1.0, "state": "read", "by": "person", "machine": machine}
    page.fields, page.reason = fields, ""
    return {"fields": sorted(doubtful)}


def _keep_first(work: Work, page: DocumentPage, _answer: KeepFirst, _: Any) -> Found:
    sheet_id, number = page.form_sheet_id, page.page
    there = sheet_id and number and taken_by(work.session, sheet_id, number, page)
    if page.state != "duplicate" or not there:
        raise NothingToSettle(problem="no earlier scan of it is known.")
    return {"sheet": page.form_sheet_id, "page": page.page}


def _take_this(work: Work, page: DocumentPage, _answer: TakeThis, _: Any) -> Found:
    if page.form_sheet_id is None or page.page is None:
        raise NothingToSettle(problem="say first which sheet it is.")
    session = work.session
    sheet = sheet_of(session, page.form_sheet_id)
    if sheet.state == "spoiled":
        sheet.state, sheet.reason = "used", ""
    replaced = taken_by(session, sheet.id, page.page, page)
    if replaced is not None:
        replaced.superseded_by_id = page.id
    take_place(page, sheet, edition_of(session, sheet.edition))
    return {"sheet": sheet.id, "page": page.page, "replaced": replaced.id if replaced is not None else None}


def _no_card(work: Work, page: DocumentPage, _answer: NoCard, _: Any) -> Found:
    if page.reason != "maybe_card":
        raise NothingToSettle(problem="nothing on it was taken for a card number.")
    session = work.session
    told = {"sheet": page.form_sheet_id, "page": page.page}
    if page.form_sheet_id is None or page.page is None:
        page.reason = "no_code"
        return told
    sheet = sheet_of(session, page.form_sheet_id)
    if taken_by(session, sheet.id, page.page, page) is not None:
        page.state, page.reason = "duplicate", "duplicate"
    elif sheet.state == "spoiled":
        page.reason = "spoiled"
    elif not page.is_upright:
        page.reason = "not_placed"
    else:
        take_place(page, sheet, edition_of(session, sheet.edition))
    return told


def _attach_as(work: Work, page: DocumentPage, answer: AttachAs, _: Any) -> Found:
    session = work.session
    if answer.kind not in KINDS:
        raise NoSuchAnswer(value=answer.kind, field="what this page is")
    if not page.picture:
        raise NothingToSettle(problem="it has no picture. Scan the paper again.")
    patient_id = None
    if answer.appointment_id:
        visit = visit_of(session, answer.appointment_id, work.by)
        client_id, patient_id = visit.client_id, visit.patient_id
        page.appointment_id = visit.id
    else:
        client_id = client_for(session, answer.client_id, work.by).id
    source = session.scalars(select(ScanFile.name).where(ScanFile.document_id == page.document_id)).first() or "scan"
    content = BlobStore(database().home).get(page.picture)
    paper = Document(
        title=f"{KINDS[answer.kind]}, page {page.index + 1} of {source}"[:200], kind=PAPER, media_type="image/jpeg",
        size=len(content), blob=page.picture, sha256=hashlib.sha256(content).hexdigest(), client_id=client_id,
        patient_id=patient_id, appointment_id=page.appointment_id, by_user_id=work.by.user_id, access="everyone",
    )  # fmt: skip
    session.add(paper)
    leave_sheet(session, page)
    page.form_sheet_id, page.page, page.fields = None, None, {}
    page.state, page.reason, page.kind = "attached", "", answer.kind
    return {"client": client_id, "appointment": page.appointment_id, "kind": answer.kind, "document": paper.id}


def _put_aside(work: Work, page: DocumentPage, answer: PutAside, _: Any) -> Found:
    if answer.why not in ASIDE:
        raise NoSuchAnswer(value=answer.why, field="why it is put aside")
    sheet_id, number = page.form_sheet_id, page.page
    leave_sheet(work.session, page)
    page.state, page.reason, page.kind, page.form_sheet_id, page.page = "foreign", answer.why, "aside", None, None
    return {"sheet": sheet_id, "page": number}


ANSWERS: dict[type, Callable[[Work, DocumentPage, Any, Any], Found]] = {
    PutToSheet: _put_to_sheet, BindTo: _bind_to, Boxes: _boxes, KeepFirst: _keep_first, TakeThis: _take_this,
    AttachAs: _attach_as, PutAside: _put_aside, NoCard: _no_card,
}  # fmt: skip
