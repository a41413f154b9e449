"""The pages of a scan as they are told: where each stands, and in words what a person has to settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from data.models import Definition, DocumentPage, FormSheet, ScanFile
from data.session import ClinicSession
from forms.reading.stack import SENTENCES

MORE_SENTENCES = SENTENCES | {
    "unbound": "This sheet is blank stock: choose whose it is.",
    "doubtful": "Some boxes need a look.",
    "duplicate": "This page was scanned before; the first scan stays.",
    "spoiled": "This sheet was marked as spoiled.",
    "reopened": "This page was taken up again: say what it is.",
    "same_file": "This very file was scanned before. Nothing was filed again.",
}


@dataclass(frozen=True)
class PageLine:
    """One page as the scan tells it. ``sentence`` says what a person has to settle."""

    id: str
    source: str
    index: int
    state: str
    reason: str
    form: str = ""
    version: int | None = None
    page: int | None = None
    of: int | None = None
    serial: int | None = None
    appointment: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    newest: int | None = None
    """The version of its form that is printed now."""
    scale: float | None = None
    """How large it was printed; none where the scan does not tell."""

    @property
    def sentence(self) -> str:
        """What is wrong with it, in words."""
        return MORE_SENTENCES.get(self.reason, "")

    @property
    def note(self) -> str:
        """What is worth knowing of a page that needs nobody."""
        said = [scale_note(self.scale)]
        if self.version is not None and self.newest and self.version != self.newest:
            said.append(
                f"Printed as version {self.version}; version {self.newest} is printed now. It is read as it was "
                "printed."
            )
        return " ".join(filter(None, said))

    def document(self) -> dict[str, Any]:
        """As ``ballast scan --json`` tells it."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "id"}
        return told | {"version": self.version, "sentence": self.sentence, "note": self.note}


OFF_SCALE = 0.03
"""How far from actual size a page may be printed before the printer's settings are worth a word."""


def scale_note(scale: float | None) -> str:
    """A calm word about a page that was not printed at actual size: it was read by its markers all the same."""
    if scale is None or abs(scale - 1) <= OFF_SCALE:
        return ""
    return f"Printed at {scale:.0%}, and read all the same. Set the printer to actual size (100 %) for the next print."


def lines_of(session: ClinicSession, row: ScanFile) -> list[PageLine]:
    """The pages of a scan as they stand, within a rule."""
    statement = (
        select(DocumentPage, FormSheet)
        .outerjoin(
            FormSheet, (FormSheet.clinic_id == DocumentPage.clinic_id) & (FormSheet.id == DocumentPage.form_sheet_id)
        )
        .where(DocumentPage.document_id == row.document_id)
        .order_by(DocumentPage.index)
    )
    newest: dict[str, int] = {slug: number for slug, number in session.execute(
        select(Definition.slug, Definition.number).where(Definition.kind == "form"))}  # fmt: skip
    return [_line(page, sheet, row.name, newest) for page, sheet in session.execute(statement)]


def _line(page: DocumentPage, sheet: FormSheet | None, source: str, newest: Mapping[str, int]) -> PageLine:
    found: dict[str, Any] = {"id": page.id, "source": source, "index": page.index, "state": page.state}
    found["reason"], found["scale"] = page.reason, page.scale
    if sheet is not None:
        found |= {
            "form": sheet.form, "version": sheet.form_version, "page": page.page, "of": sheet.pages,
            "serial": sheet.serial, "appointment": sheet.appointment_id, "fields": dict(page.fields),
            "newest": newest.get(sheet.form),
        }  # fmt: skip
    return PageLine(**found)


def again(line: PageLine, source: str) -> PageLine:
    """A page of a file that was read before; what was destroyed then was never kept of this one either."""
    if line.state == "quarantined":
        return replace(line, source=source)
    return replace(line, source=source, state="duplicate", reason="duplicate")
