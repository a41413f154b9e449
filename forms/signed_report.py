"""Signed reports: a PDF that carries what it says as data, so that it can be checked for ever.

The data lies in the PDF as an attachment, with a keyed hash (HMAC-SHA256) over it and the head of the audit log at that
moment. The audit row of the closing holds the hash of the whole PDF, so that a changed page is found too. What a report
says, and in which sentences its check answers, is its own module's.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from typing import Any

from sqlalchemy import select

from data.engine import database
from data.models import AuditLog, Document
from data.session import ClinicSession
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
from security import audit
from security.actor import Actor

REPORT_SECONDS = 30
"""The longest that drawing one may take."""


class ReportSheet:
    """A report as it is drawn, from the top of its first page downward; ``y`` is where the next piece goes."""

    def __init__(self, title: str, facts: str, footer: str, *, head: Head, paper: str) -> None:
        self._file = io.BytesIO()
        self.page = PAPERS.get(paper, PAPERS["letter"])
        self.canvas = numbered_canvas(self._file, self.page, footer, title=title, author=head.name)
        self.y = draw_head(self.canvas, self.page, head, title, facts)

    def room(self, points: float) -> None:
        """A new page where that much does not fit."""
        if self.y - points < MARGIN:
            self.canvas.showPage()
            self.y = self.page[1] - MARGIN - 6

    def heading(self, text: str) -> None:
        """A heading."""
        self.y -= 22
        self.room(60)
        self.canvas.setFillGray(INK)
        self.canvas.setFont(BOLD, 11)
        self.canvas.drawString(MARGIN, self.y, text)
        self.y -= 8

    def text(self, text: str, *, bold: bool = False, grey: bool = False, before: float = 0) -> None:
        """A paragraph, ``before`` points beneath what stands above."""
        self.y -= before
        for line in wrap(text, 9, self.page[0] - 2 * MARGIN, 6, bold=bold):
            self.room(14)
            self.y -= 12
            self.canvas.setFillGray(GREY if grey else INK)
            self.canvas.setFont(BOLD if bold else REGULAR, 9)
            self.canvas.drawString(MARGIN, self.y, line)
        self.y -= 2

    def table(self, columns: list[Column], rows: list[list[str]], size: float = 8) -> None:
        """A table over as many pages as it takes."""
        self.room(50)
        table = Table.of(columns, rows, size, self.page, None)
        table.draw(self.canvas, self.y, rows, None, "There was none.")
        self.y = table.y - 8

    def signed(self, content: dict[str, Any]) -> bytes:
        """The finished PDF, with ``content`` and its signature in it. Draw nothing after."""
        self.canvas.showPage()
        self.canvas.save()
        return _with_data(self._file.getvalue(), content)


def sign(content: dict[str, Any]) -> str:
    """The keyed hash over the data of a report, in hexadecimal."""
    return hmac.new(database().home.key("audit"), audit.canonical(content).encode(), hashlib.sha256).hexdigest()


def attachment(kind: str) -> str:
    """The name that the data of a report has in its PDF."""
    return f"{kind}.json"


def _with_data(pdf: bytes, content: dict[str, Any]) -> bytes:
    import pikepdf

    name = attachment(content["report"])
    data = json.dumps({"content": content, "signature": sign(content)}, indent=1).encode()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.attachments[name] = pikepdf.AttachedFileSpec(
            document, data, filename=name, mime_type="application/json", description="What the report says",
            creation_date="", mod_date="",
        )  # fmt: skip
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def data_of(pdf: bytes, kind: str) -> tuple[dict[str, Any], str] | None:
    """What a PDF says of itself as a report of this kind, and the signature it carries; nothing where it is none."""
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            signed = json.loads(document.attachments[attachment(kind)].get_file().read_bytes())
        content, signature = signed["content"], str(signed["signature"])
    except (pikepdf.PdfError, KeyError, ValueError, TypeError):
        return None
    return (content, signature) if isinstance(content, dict) and content.get("report") == kind else None


def is_signed(content: dict[str, Any], signature: str) -> bool:
    """Whether the signature is this installation's over this data."""
    return hmac.compare_digest(signature.encode("utf-8", "replace"), sign(content).encode())


def is_chained(session: ClinicSession, content: dict[str, Any]) -> bool:
    """Whether the audit log has the row that the report names as its head."""
    match content.get("audit"):
        case {"seq": int(seq), "hash": str(told)} if 0 < seq < 2**63:
            known = session.scalars(select(AuditLog.hash).where(AuditLog.seq == seq)).one_or_none()
            return known == told
    return False


def is_filed(session: ClinicSession, pdf: bytes, *actions: str) -> bool:
    """Whether an audit row of one of these actions holds the hash of exactly this file."""
    digest = hashlib.sha256(pdf).hexdigest()
    rows = session.scalars(select(AuditLog.detail).where(AuditLog.action.in_(actions)))
    return any(json.loads(detail).get("sha256") == digest for detail in rows)


def file_report(session: ClinicSession, pdf: bytes, blob: str, *, kind: str, title: str, by: Actor) -> Document:
    """Keep a report that lies in ``blob`` as a document everyone may open; it has its id at once."""
    document = Document(
        title=title[:200], kind=kind, media_type="application/pdf", size=len(pdf), blob=blob,
        sha256=hashlib.sha256(pdf).hexdigest(), by_user_id=by.user_id, access="everyone",
    )  # fmt: skip
    session.add(document)
    session.flush()
    return document
