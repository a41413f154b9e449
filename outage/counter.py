"""One page taken at the counter, by upload or camera, for the visit on screen."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import Refusal
from outage.page_answers import AttachAs
from outage.review import settle
from outage.scan_lines import PageLine
from outage.scanning import scan_file
from outage.sheets import bind, sheet_of_serial, visit_of, who_of
from security.actor import Actor
from security.rules import look


@dataclass(frozen=True)
class Taken:
    """What became of one page. ``tone`` is good, elsewhere (another visit's), review or gone."""

    tone: str
    sentence: str


def take_page(appointment_id: str, name: str, content: bytes, *, kind: str = "", by: Actor) -> list[Taken]:
    """Take in a file for a visit and say of each page where it went. A page of another visit goes there; blank stock
    becomes this visit's; a page without a code is attached as ``kind`` (a key of outage.review.KINDS), or waits in
    Review where none is given.

    Raises ScanEmpty, ScanTooLarge, FileNotRead, BeingRead, NotFound, RestrictedRecord, NotPermitted.
    """
    with look(by, "outage.scan") as session:
        visit_of(session, appointment_id, by)
    return [_taken(line, appointment_id, kind, by) for line in scan_file(name, content, by=by, processes=1)]


def _taken(line: PageLine, appointment_id: str, kind: str, by: Actor) -> Taken:
    what = f"Page {line.page} of {line.of}, sheet {line.serial}," if line.serial else "The page"
    if line.state == "attached":
        look_at = " Some boxes need a look in Review." if line.reason == "doubtful" else ""
        if line.appointment == appointment_id:
            return Taken("good", f"{what} was attached.{look_at}")
        return Taken("elsewhere", f"{what} belongs to {_owner(line, by)}: it was attached there.{look_at}")
    if line.state == "quarantined":
        return Taken("gone", line.sentence)
    if line.state == "duplicate":
        there = "" if line.appointment in (None, appointment_id) else f" It belongs to {_owner(line, by)}."
        return Taken("review", f"{what} was scanned before. The first scan stays.{there}")
    try:
        if line.reason == "unbound" and line.serial is not None:
            with look(by, "outage.scan") as session:
                sheet_id = sheet_of_serial(session, line.serial).id
            bind(sheet_id, appointment_id, by=by)
            return Taken("good", f"{what} was blank stock: it belongs to this visit now.")
        if line.state == "foreign" and kind:
            settle(line.id, AttachAs(kind, appointment_id=appointment_id), by=by)
            return Taken("good", "The page was attached to this visit.")
    except Refusal as refusal:
        return Taken("review", refusal.message)
    return Taken("review", f"{line.sentence} It waits in Review.")


def _owner(line: PageLine, by: Actor) -> str:
    """Whose a page is, as far as this person may know."""
    if line.appointment is None:
        return "nobody's visit"
    with look(by, "outage.scan") as session:
        return who_of(session, [line.appointment], by).get(line.appointment, "another visit")
