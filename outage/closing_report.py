"""The signed report of a closed part: what it says, how it is drawn, and whether one stands as it was signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from data.errors import BadInput
from data.wording import Wording
from forms.print import Column, Head
from forms.signed_report import ReportSheet, data_of, is_chained, is_filed, is_signed, sign
from outage.disposal import Paper
from outage.identities import Identity, Term
from outage.outages import SCOPES, OutageRow
from outage.rows import COLUMNS, BoardRow
from security.actor import Actor
from security.rules import look

if TYPE_CHECKING:
    from outage.board import Board

KIND = "outage-report"
TABLE_SIZE = 7.5


class NoReport(BadInput):
    """This file is no report of an outage made here: it carries no signed data."""


@dataclass(frozen=True)
class Verdict:
    """Whether a report stands as it was signed, with the sentence that says so."""

    is_genuine: bool
    words: str
    outage_id: str = ""
    part: str = ""
    closed_by: str = ""
    closed_at: str = ""


def content_of(
    found: Board, part: str, papers: list[Paper], words: Wording, *, who: str, user_id: str | None, at: datetime,
    head: tuple[int, str], clinic_id: str,
) -> dict[str, Any]:  # fmt: skip
    """What the report says, as data. Of visits only their numbers; names stay in the records."""
    outage = found.outage
    return {
        "report": KIND, "clinic": clinic_id, "outage": outage.id, "part": part, "scope": outage.scope,
        "began": outage.began_at.isoformat(), "ended": outage.ended_at.isoformat() if outage.ended_at else None,
        "reason": outage.reason, "declared_by": outage.declared_by,
        "closed_by": who, "closed_by_id": user_id, "closed_at": at.isoformat(),
        "identities": [
            {"key": one.key, "equal": one.is_equal, "lines": [sentence(line, words) for line in one.lines],
             "note": one.note}
            for one in found.identities if one.part == part
        ],
        "rows": [_row(row) for row in found.rows if row.part == part],
        "let_go": [
            {"row": row.title, "reason": row.waiver.reason, "by": row.waiver.who, "at": row.waiver.at.isoformat(),
             "missing": row.missing}
            for row in found.let_go(part) if row.waiver
        ],
        "paper": [{"what": one.what, "may_go": one.may_go, "words": one.words} for one in papers],
        "audit": {"seq": head[0], "hash": head[1]},
    }  # fmt: skip


def _row(row: BoardRow) -> dict[str, str]:
    told = {"row": row.title, "id": row.id, "about": "" if row.entity in ("appointment", "ticket") else row.detail}
    if row.entity == "form_sheet":
        told["about"] = row.detail.split(" · ")[0]
    told |= {name: cell.words for name, cell in row.cells() if cell.words}
    if row.notes:
        told["notes"] = "; ".join(row.notes)
    if row.waiver or row.is_covered:
        told["let_go"] = "yes"
    return told


def sentence(line: tuple[Term, ...], words: Wording) -> str:
    """A line of an identity in one sentence: ``38 rostered − 3 no-shows + 2 walk-ins = 37 back-entered``."""
    return " ".join(f"{term.sign} {value(term, words)} {term.label}".strip() for term in line)


def value(term: Term, words: Wording) -> str:
    """A number of an identity as people write it."""
    from appointments.quantities import words as quantity

    if term.kind == "money":
        return words.money(term.value)
    return quantity(term.value, term.unit) if term.kind == "quantity" else words.number(term.value)


def report_pdf(content: dict[str, Any], outage: OutageRow, words: Wording, head: Head, paper: str) -> bytes:
    """The report as a PDF with its data in it."""
    signature = sign(content)
    closed_at = words.moment(datetime.fromisoformat(content["closed_at"]))
    adds = bool(content.get("addendum_to"))
    title = (
        f"Addendum to the outage report: {content['part']} part" if adds else f"Outage report: {content['part']} part"
    )
    done = "Signed" if adds else "Closed"
    footer = f"{done} by {content['closed_by']}, {closed_at} · {signature[:16]}"
    facts = f"{outage.title(words)} · {SCOPES[outage.scope].lower()} · declared by {outage.declared_by}"
    facts = f"{facts}\n{outage.reason}" if outage.reason else facts
    sheet = ReportSheet(title, facts, footer, head=head, paper=paper)
    for one in content["identities"]:
        for line in one["lines"]:
            sheet.text(line, bold=True)
        sheet.text("All sides are equal." if one["equal"] else "The sides differ.", grey=True)
        if one["note"]:
            sheet.text(one["note"], grey=True)
        sheet.y -= 4
    if adds:
        _rows(sheet, content, "Paper that came after the closing")
    else:
        _let_go(sheet, content, words)
        _rows(sheet, content, "Every row")
        sheet.heading("What may be destroyed, as of this closing")
        if not content["paper"]:
            sheet.text("No paper belongs to this outage.")
        for one in content["paper"]:
            sheet.text(f"{one['what']}: {one['words']}")
    sheet.heading("Signature")
    seq, chain = content["audit"]["seq"], content["audit"]["hash"]
    for line in (
        f"{done} by {content['closed_by']} on {closed_at} ({words.zone}).",
        f"Signature over the data in this file: {signature}",
        f"Audit log before {'signing' if adds else 'closing'}: row {seq}, {chain}",
        "To check it: ballast outage verify FILE, or Check the signature on the recovery board.",
    ):
        sheet.text(line)
    return sheet.signed(content)


def verify_report(pdf: bytes, *, by: Actor) -> Verdict:
    """Check a report against its signature and the audit log. Raises NoReport, NotPermitted."""
    found = data_of(pdf, KIND)
    if found is None:
        raise NoReport()
    content, signature = found
    with look(by, "outage.enter") as session:
        filed = is_filed(session, pdf, "outage.closed", "outage.addendum")
        chained = is_chained(session, content)
    signed = is_signed(content, signature)
    about = (str(content.get("outage", "")), str(content.get("part", "")), str(content.get("closed_by", "")),
             str(content.get("closed_at", "")))  # fmt: skip
    if filed and chained:
        return Verdict(True, f"This report is as {about[2]} signed it.", *about)
    if signed and chained:
        return Verdict(False, "The data in this file is as it was signed, but the pages are not: they were changed.",
                       *about)  # fmt: skip
    if signed:
        return Verdict(False, "The signature fits, but the audit log does not know this report: another installation, "
                              "or a log that was changed.", *about)  # fmt: skip
    return Verdict(False, "This report was changed after it was signed, or it was not signed here.", *about)


def _let_go(sheet: ReportSheet, content: dict[str, Any], words: Wording) -> None:
    sheet.heading("Rows let go")
    rows = [
        [one["row"], one["missing"], one["reason"], one["by"], words.moment(datetime.fromisoformat(one["at"]))]
        for one in content["let_go"]
    ]
    if not rows:
        sheet.text("None: every row was settled.")
        return
    columns = [
        Column("Row", bold=True), Column("What was missing", width=1, lines=6), Column("Reason", width=1, lines=8),
        Column("By"), Column("When"),
    ]  # fmt: skip
    sheet.table(columns, rows, TABLE_SIZE)


def _rows(sheet: ReportSheet, content: dict[str, Any], title: str) -> None:
    sheet.heading(title)
    shown = [name for name in COLUMNS if any(name in row for row in content["rows"])]
    rows = [
        [
            row["row"],
            " · ".join(filter(None, (row["about"], row.get("notes")))),
            *(row.get(name, "") for name in shown),
            "let go" if row.get("let_go") else "",
        ]
        for row in content["rows"]
    ]
    columns = [Column("Row", bold=True), Column("What", lines=6)]
    columns += [Column(COLUMNS[name], lines=6, width=1) for name in shown] + [Column("")]
    sheet.table(columns, rows, TABLE_SIZE)


def told(one: Identity, words: Wording) -> str:
    """An identity in words, for the command."""
    lines = "; ".join(sentence(line, words) for line in one.lines)
    return f"{one.title}: {lines}. {'Equal.' if one.is_equal else 'Not equal.'}"
