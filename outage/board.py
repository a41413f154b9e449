"""The recovery board: what of an outage is settled, what is missing, and closing it once nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import Clinic, DocumentPage, FormSheet, User, Waiver
from data.session import ClinicSession
from data.types import clock, is_id
from forms.print import Head, within
from forms.signed_report import REPORT_SECONDS, file_report, sign
from outage.account import Account
from outage.account_reading import read_account
from outage.closing_report import KIND, content_of, report_pdf
from outage.disposal import Paper, disposal
from outage.identities import Identity, identities
from outage.outages import OutageRow, PartClosed, bind_to, outage_for
from outage.rows import BoardRow, Judge
from records.checks import check_texts
from security import audit
from security.actor import Actor
from security.profile import profile
from security.rules import Work, act, look, remembered
from security.viewing import note_view

MOST_AT_ONCE = 500


class StillLasts(Refusal):
    """This outage lasts still. Say first that it is over."""

    exit_code = 1


class StillMissing(Refusal):
    """The {part} part cannot be closed yet. {count} still open: {what}"""

    exit_code = 1

    @property
    def lines(self) -> list[str]:
        """One line for each thing that is missing, at most twenty."""
        told = self.facts["told"]
        return [str(line) for line in told] if isinstance(told, list) else []


class PartUnknown(BadInput):
    """An outage like this has no such part. Its parts are: {parts}."""


class ChangedMeanwhile(Refusal):
    """Something changed on the board while the report was being made, so nothing was closed. Look at the board, and
    close it again."""


class ReasonMissing(BadInput):
    """Say why this row is let go: a few words are enough, and they stand in the signed report beside your name."""


class NotOnBoard(BadInput):
    """This row is not on the board of this outage any more. Look at the board again."""


class NotMissing(BadInput):
    """{row} is settled, so there is nothing to let go."""


@dataclass(frozen=True)
class Board:
    """An outage with every row and the identities. ``scans_waiting`` files are not read yet."""

    outage: OutageRow
    rows: tuple[BoardRow, ...]
    identities: tuple[Identity, ...]
    scans_waiting: int = 0

    def missing(self, part: str) -> list[BoardRow]:
        """The rows that keep a part from being closed: each visit once, its sheets with it."""
        return [row for row in self.rows if row.part == part and row.is_open and not row.inside]

    def open_rows(self, part: str) -> list[BoardRow]:
        """Every row of a part with something to do, sheets of visits among them."""
        return [row for row in self.rows if row.part == part and row.is_open]

    def let_go(self, part: str) -> list[BoardRow]:
        """The rows of a part that somebody let go."""
        return [row for row in self.rows if row.part == part and row.waiver is not None]


def board(outage_id: str, *, by: Actor) -> Board:
    """The recovery board of an outage. The reading is audited. Raises NotFound, NotPermitted."""
    found = _board(outage_id, by=by)
    note_view(by, "outage", outage_id)
    return found


@remembered("outage.enter")
def _board(outage_id: str, *, by: Actor) -> Board:
    with look(by, "outage.enter") as session:
        return board_in(session, outage_id, by)


def board_in(session: ClinicSession, outage_id: str, by: Actor) -> Board:
    """The board within a rule."""
    return judged(read_account(session, outage_id, by))


def judged(account: Account) -> Board:
    """The board of an account."""
    judge = Judge(account)
    return Board(account.outage, tuple(judge.rows), identities(account, judge), account.scans_waiting)


def waive(outage_id: str, entity: str, entity_id: str, reason: str, *, by: Actor, key: str | None = None) -> str:
    """Let one row go, by name and with a reason; returns the waiver's id. Raises what ``waive_rows`` raises."""
    return waive_rows(outage_id, [(entity, entity_id)], reason, by=by, key=key)[0]


def waive_rows(
    outage_id: str, rows: Sequence[tuple[str, str]], reason: str, *, by: Actor, key: str | None = None
) -> list[str]:
    """Let several rows go for the same reason. A printed sheet let go counts as waived from then on.

    Raises ReasonMissing, NotOnBoard, NotMissing, PartClosed, TooLong, CardNumberTyped, NotFound, NotPermitted.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise ReasonMissing()
    check_texts({"The reason": (reason, 300)})
    if not rows or len(rows) > MOST_AT_ONCE:
        raise BadInput(problem=f"Choose at least one row, and at most {MOST_AT_ONCE} at once.")
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return list(work.result)
    with look(by, "outage.declare") as session:  # judging the whole board takes longer than others should wait
        parts = _open_parts(board_in(session, outage_id, by), rows)
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return list(work.result)
        session = work.session
        _check_still(session, outage_id, rows, parts)
        made = []
        for entity, entity_id in dict.fromkeys(rows):
            waiver = Waiver(
                outage_id=outage_id, entity=entity, entity_id=entity_id, reason=reason, by_user_id=_who(work)
            )
            session.add(waiver)
            made.append(waiver.id)
            if entity == "form_sheet":
                _mark_sheet(session, entity_id, reason)
            work.audit("outage.waived", entity, entity_id, outage=outage_id, waiver=waiver.id, reason=reason)
        work.result = made
        return made


def _open_parts(found: Board, rows: Sequence[tuple[str, str]]) -> set[str]:
    """The parts that rows to be let go belong to. Raises NotOnBoard, PartClosed, NotMissing."""
    known = {(row.entity, row.entity_id): row for row in found.rows}
    parts = set()
    for entity, entity_id in rows:
        row = known.get((entity, entity_id))
        if row is None:
            raise NotOnBoard()
        if found.outage.closed_at(row.part) is not None:
            raise PartClosed(part=row.part)
        if not row.is_open:
            raise NotMissing(row=row.title)
        parts.add(row.part)
    return parts


def _check_still(session: ClinicSession, outage_id: str, rows: Sequence[tuple[str, str]], parts: set[str]) -> None:
    """What somebody else may have done since the board was looked at. Raises PartClosed, NotMissing."""
    outage = outage_for(session, outage_id)
    for part in parts:
        if (outage.money_closed_at if part == "money" else outage.clinical_closed_at) is not None:
            raise PartClosed(part=part)
    gone = session.execute(select(Waiver.entity, Waiver.entity_id).where(Waiver.outage_id == outage_id)).tuples().all()
    if set(gone) & {tuple(one) for one in rows}:
        raise NotMissing(row="One of these rows")


def undo_waiver(waiver_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a waiver back: the row is missing again. Raises NotFound, PartClosed, NotPermitted."""
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return
        session = work.session
        row = None
        if is_id(waiver_id):
            row = session.scalars(select(Waiver).where(Waiver.id == waiver_id)).one_or_none()
        if row is None:
            raise NotFound(what="waiver", name="with this address")
        outage = outage_for(session, row.outage_id)
        part = "money" if row.entity in ("ticket", "card_slip", "payment") else "clinical"
        if (outage.money_closed_at if part == "money" else outage.clinical_closed_at) is not None:
            raise PartClosed(part=part)
        row.deleted_at = clock.now()
        if row.entity == "form_sheet":
            _unmark_sheet(session, row.entity_id)
        work.audit("outage.waiver_undone", row.entity, row.entity_id, outage=row.outage_id, waiver=row.id)


@remembered("outage.enter")
def papers(outage_id: str, *, by: Actor) -> list[Paper]:
    """Which paper of an outage may be destroyed now, and which must stay. Raises NotFound, NotPermitted."""
    with look(by, "outage.enter") as session:
        return disposal(session, read_account(session, outage_id, by))


def close(outage_id: str, part: str, *, by: Actor, key: str | None = None) -> str:
    """Close the clinical or the money part: nothing of it may be missing. Writes the signed report and returns the id
    of its document. Raises StillLasts, StillMissing, PartClosed, PartUnknown, ChangedMeanwhile, PrintTookTooLong,
    NotFound, NotPermitted.
    """
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return str(work.result)
    with look(by, "outage.declare") as session:
        seen = session.seen_change()
        account = read_account(session, outage_id, by)
        found = judged(account)
        if part not in found.outage.parts:
            raise PartUnknown(parts=", ".join(found.outage.parts))
        if found.outage.closed_at(part) is not None:
            raise PartClosed(part=part)
        _check_closable(found, part)
        clinic = session.get_one(Clinic, session.clinic_id)
        about = profile(session)
        name = session.scalar(select(User.name).where(User.id == by.user_id)) if by.user_id else None
        head = audit.head(session)
        content = content_of(
            found, part, disposal(session, account, closing=part), account.words, who=name or "Operator",
            user_id=by.user_id, at=clock.now(), head=head, clinic_id=by.clinic_id,
        )  # fmt: skip
        letterhead = Head.of(clinic.name, about.address, account.words.phone(about.phone))
    pdf = within(REPORT_SECONDS, report_pdf, content, found.outage, account.words, letterhead, about.paper)
    blob = BlobStore(database().home).put(pdf)
    with act(by, "outage.declare", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        stored = outage_for(session, outage_id)
        if (stored.clinical_closed_at if part == "clinical" else stored.money_closed_at) is not None:
            raise PartClosed(part=part)
        if session.head().content_change != seen and board_in(session, outage_id, by) != found:
            raise ChangedMeanwhile()
        title = f"Outage report, {part} part, {found.outage.title(account.words)}"
        document = file_report(session, pdf, blob, kind=KIND, title=title, by=by)
        if part == "clinical":
            stored.clinical_closed_at, stored.clinical_closed_by_id = clock.now(), by.user_id
            stored.clinical_report_id = document.id
            bind_to(work, [sheet.id for sheet in account.sheets.values() if not sheet.is_gap], stored)
        else:
            stored.money_closed_at, stored.money_closed_by_id = clock.now(), by.user_id
            stored.money_report_id = document.id
        work.audit(
            "outage.closed", "outage", outage_id, part=part, report=document.id, sha256=document.sha256,
            signature=sign(content),
            rows=len(content["rows"]), let_go=len(content["let_go"]),
        )  # fmt: skip
        work.result = document.id
        return document.id


MOST_TOLD = 6


def _check_closable(found: Board, part: str) -> None:
    if found.outage.lasts:
        raise StillLasts()
    missing = found.missing(part)
    unequal = [one.title for one in found.identities if one.part == part and not one.is_equal]
    lines = [f"{row.title}: {row.missing}" for row in missing]
    lines += [f"{title}: the sums are not equal" for title in unequal if not missing]
    if part == "clinical" and found.scans_waiting:
        lines.append(f"{found.scans_waiting} scanned files are not read yet")
    if lines:
        count = f"{len(lines)} {'row is' if len(lines) == 1 else 'rows are'}"
        more = f" and {len(lines) - MOST_TOLD} more" if len(lines) > MOST_TOLD else ""
        raise StillMissing(part=part, count=count, what="; ".join(lines[:MOST_TOLD]) + more + ".", told=lines[:20])


def _who(work: Work) -> str:
    """Whose name stands on a waiver. The operator has none of their own, so an id of zeros stands for them."""
    return work.by.user_id or "00000000-0000-0000-0000-000000000000"


def _mark_sheet(session: ClinicSession, sheet_id: str, reason: str) -> None:
    sheet = session.scalars(select(FormSheet).where(FormSheet.id == sheet_id)).one()
    if sheet.state in ("printed", "used") and sheet.outage_id is not None:
        sheet.state, sheet.reason = "waived", reason[:200]


def _unmark_sheet(session: ClinicSession, sheet_id: str) -> None:
    sheet = session.scalars(select(FormSheet).where(FormSheet.id == sheet_id)).one_or_none()
    if sheet is not None and sheet.state == "waived":
        scanned = session.scalars(select(DocumentPage.id).where(DocumentPage.form_sheet_id == sheet_id)).first()
        sheet.state, sheet.reason = "used" if scanned else "printed", ""
