"""The signed report of a closed part: a PDF that carries what it says as data, and can be checked for ever.

The data lies in the PDF as an attachment, with a keyed hash (HMAC-SHA256) over it and the head of the audit log at that
moment. The audit row of the closing holds the hash of the whole PDF, so that a changed page is found too.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from data.engine import database
from data.errors import BadInput
from data.models import AuditLog
from data.session import ClinicSession
from data.wording import Wording
from forms.print import (
    BOLD,
    GREY,
    INK,
    MARGIN,
    PAPERS,
    REGULAR,
    Column,
    Head,
    Table,
    draw_head,
    numbered_canvas,
    wrap,
)
from outage.disposal import Paper
from outage.identities import Identity, Term
from outage.outages import SCOPES, OutageRow
from outage.rows import COLUMNS, BoardRow
from security import audit
from security.actor import Actor
from security.rules import look

if TYPE_CHECKING:
    from outage.board import Board

ATTACHMENT = "outage-report.json"
KIND = "outage-report"


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


def sign(content: dict[str, Any]) -> str:
    """The keyed hash over the data of a report, in hexadecimal."""
    return hmac.new(database().home.key("audit"), audit.canonical(content).encode(), hashlib.sha256).hexdigest()


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
    file = io.BytesIO()
    page = PAPERS.get(paper, PAPERS["letter"])
    canvas = numbered_canvas(file, page, footer, title=title, author=head.name)
    facts = f"{outage.title(words)} · {SCOPES[outage.scope].lower()} · declared by {outage.declared_by}"
    y = draw_head(canvas, page, head, title, f"{facts}\n{outage.reason}" if outage.reason else facts)
    for one in content["identities"]:
        for line in one["lines"]:
            y = _text(canvas, page, y, line, bold=True)
        y = _text(canvas, page, y, "All sides are equal." if one["equal"] else "The sides differ.", grey=True)
        if one["note"]:
            y = _text(canvas, page, y, one["note"], grey=True)
        y -= 4
    if adds:
        y = _rows(canvas, page, y, content, "Paper that came after the closing")
    else:
        y = _let_go(canvas, page, y, content, words)
        y = _rows(canvas, page, y, content, "Every row")
        y = _heading(canvas, page, y, "What may be destroyed, as of this closing")
        if not content["paper"]:
            y = _text(canvas, page, y, "No paper belongs to this outage.")
        for one in content["paper"]:
            y = _text(canvas, page, y, f"{one['what']}: {one['words']}")
    y = _heading(canvas, page, y, "Signature")
    seq, chain = content["audit"]["seq"], content["audit"]["hash"]
    for line in (
        f"{done} by {content['closed_by']} on {closed_at} ({words.zone}).",
        f"Signature over the data in this file: {signature}",
        f"Audit log before {'signing' if adds else 'closing'}: row {seq}, {chain}",
        "To check it: ballast outage verify FILE, or Check the signature on the recovery board.",
    ):
        y = _text(canvas, page, y, line)
    canvas.showPage()
    canvas.save()
    return _with_data(file.getvalue(), content, signature)


def verify_report(pdf: bytes, *, by: Actor) -> Verdict:
    """Check a report against its signature and the audit log. Raises NoReport, NotPermitted."""
    content, signature = _data(pdf)
    with look(by, "outage.enter") as session:
        row = _closing(session, content, pdf)
        chained = _stands(session, content)
    signed = hmac.compare_digest(signature, sign(content))
    about = (str(content.get("outage", "")), str(content.get("part", "")), str(content.get("closed_by", "")),
             str(content.get("closed_at", "")))  # fmt: skip
    if row and chained:
        return Verdict(True, f"This report is as {about[2]} signed it.", *about)
    if signed and chained:
        return Verdict(False, "The data in this file is as it was signed, but the pages are not: they were changed.",
                       *about)  # fmt: skip
    if signed:
        return Verdict(False, "The signature fits, but the audit log does not know this report: another installation, "
                              "or a log that was changed.", *about)  # fmt: skip
    return Verdict(False, "This report was changed after it was signed, or it was not signed here.", *about)


def _closing(session: ClinicSession, content: dict[str, Any], pdf: bytes) -> bool:
    digest = hashlib.sha256(pdf).hexdigest()
    rows = session.scalars(
        select(AuditLog.detail).where(
            AuditLog.action.in_(("outage.closed", "outage.addendum")),
            AuditLog.entity_id == str(content.get("outage", "")),
        )
    )
    return any(json.loads(detail).get("sha256") == digest for detail in rows)


def _stands(session: ClinicSession, content: dict[str, Any]) -> bool:
    head = content.get("audit") or {}
    known = session.scalars(select(AuditLog.hash).where(AuditLog.seq == head.get("seq"))).one_or_none()
    return known == head.get("hash")


def _with_data(pdf: bytes, content: dict[str, Any], signature: str) -> bytes:
    import pikepdf

    signed = json.dumps({"content": content, "signature": signature}, indent=1).encode()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.attachments[ATTACHMENT] = pikepdf.AttachedFileSpec(
            document,
            signed,
            filename=ATTACHMENT,
            mime_type="application/json",
            description="What the report says",
            creation_date="",
            mod_date="",
        )
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def _data(pdf: bytes) -> tuple[dict[str, Any], str]:
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            signed = json.loads(document.attachments[ATTACHMENT].get_file().read_bytes())
        content, signature = signed["content"], str(signed["signature"])
    except (pikepdf.PdfError, KeyError, ValueError, TypeError):
        raise NoReport() from None
    if not isinstance(content, dict) or content.get("report") != KIND:
        raise NoReport()
    return content, signature


def _let_go(canvas: Any, page: tuple[float, float], y: float, content: dict[str, Any], words: Wording) -> float:
    y = _heading(canvas, page, y, "Rows let go")
    rows = [
        [one["row"], one["missing"], one["reason"], one["by"], words.moment(datetime.fromisoformat(one["at"]))]
        for one in content["let_go"]
    ]
    if not rows:
        return _text(canvas, page, y, "None: every row was settled.")
    columns = [
        Column("Row", bold=True), Column("What was missing", width=1, lines=6), Column("Reason", width=1, lines=8),
        Column("By"), Column("When"),
    ]  # fmt: skip
    return _table(canvas, page, y, columns, rows)


def _rows(canvas: Any, page: tuple[float, float], y: float, content: dict[str, Any], title: str) -> float:
    y = _heading(canvas, page, y, title)
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
    return _table(canvas, page, y, columns, rows)


def _table(canvas: Any, page: tuple[float, float], y: float, columns: list[Column], rows: list[list[str]]) -> float:
    table = Table.of(columns, rows, 7.5, page, None)
    table.draw(canvas, y, rows, None, "There was none.")
    return table.y - 8


def _heading(canvas: Any, page: tuple[float, float], y: float, text: str) -> float:
    y = _room(canvas, page, y - 22, 60)
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 11)
    canvas.drawString(MARGIN, y, text)
    return y - 8


def _text(
    canvas: Any, page: tuple[float, float], y: float, text: str, *, bold: bool = False, grey: bool = False
) -> float:
    for line in wrap(text, 9, page[0] - 2 * MARGIN, 6, bold=bold):
        y = _room(canvas, page, y, 14) - 12
        canvas.setFillGray(GREY if grey else INK)
        canvas.setFont(BOLD if bold else REGULAR, 9)
        canvas.drawString(MARGIN, y, line)
    return y - 2


def _room(canvas: Any, page: tuple[float, float], y: float, points: float) -> float:
    if y - points >= MARGIN:
        return y
    canvas.showPage()
    return page[1] - MARGIN - 6


def told(one: Identity, words: Wording) -> str:
    """An identity in words, for the command."""
    lines = "; ".join(sentence(line, words) for line in one.lines)
    return f"{one.title}: {lines}. {'Equal.' if one.is_equal else 'Not equal.'}"
