"""The part of a practice that is not done by hand: pages settled and sheets entered as they were really written.

It goes through the same rules as people do, and says as little as they would: a page whose code is torn off is put to
its sheet, a walk-in becomes a visit before its sheets are bound, a sheet that nobody finds is let go by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from data.models import FormSheet
from data.session import ClinicSession
from forms.editions import edition_of
from outage import board, doubts, entry, page_answers, review
from outage.bottle_sheets import enter_bottle
from outage.entry_queue import Waiting, to_enter
from outage.rehearsal.keying import keyed
from outage.walk_ins import enter_walk_in
from security.actor import Actor
from security.rules import look

Truth = Mapping[str, Any]
Told = Callable[[int, int], None]
"""Is told after each one how many are done, of how many."""
STACK_NAME = "practice-stack.pdf"
LOST, UNUSED = "The sheet was not found again", "Not used that day"


def _nothing(_: int, __: int) -> None:
    """Told to nobody."""


def enter_walk_ins(truth: Truth, *, by: Actor) -> dict[int, str]:
    """Make the walk-ins' visits from their registrations; returns the visit of each of their serials. Raises what
    ``enter_walk_in`` raises."""
    visits: dict[int, str] = {}
    for one in truth["walk_ins"]:
        serials = {form: int(serial) for form, serial in one["serials"].items()}
        with look(by, "outage.enter") as session:
            sheet = _sheet(session, serials["walk-in"])
            there, sheet_id = sheet.appointment_id, sheet.id
            values = _values(session, sheet, truth)
        visit = there or enter_walk_in(sheet_id, values, by=by)
        visits |= dict.fromkeys(serials.values(), visit)
    return visits


def settle_rest(truth: Truth, *, by: Actor, source: str = STACK_NAME, told: Told = _nothing) -> int:
    """Settle the pages of the practice stack that wait, the walk-ins' visits made first; returns how many. A page that
    is put to its sheet may wait again for its boxes, so there may come more. Raises what ``settle`` and
    ``enter_walk_in`` raise."""
    visits = enter_walk_ins(truth, by=by)
    settled = 0
    while rows := [row for row in review.waiting(by=by) if row.source == source]:
        told(settled, settled + len(rows))
        review.settle(rows[0].id, answer_to(rows[0], truth, visits, by), by=by)
        settled += 1
    return settled


def answer_to(row: review.ReviewRow, truth: Truth, visits: Mapping[int, str], by: Actor) -> page_answers.Answer:
    """What a person who has the paper at hand would say of a page."""
    page = _true_page(row, truth)
    if row.reason == "duplicate":
        return page_answers.KeepFirst()
    if row.reason == "blank":
        return page_answers.PutAside("blank")
    if row.reason == "unbound" and row.serial is not None:
        return page_answers.BindTo(visits[row.serial])
    if row.reason == "doubtful":
        written = written_on(truth, int(page["serial"]), int(page["page"]))
        return page_answers.Boxes({doubt.key: _box(doubt, written.get(doubt.key)) for doubt in row.doubts})
    if page["serial"]:
        with look(by, "outage.scan") as session:
            return page_answers.PutToSheet(sheet_id=_sheet(session, int(page["serial"])).id, page=int(page["page"]))
    return page_answers.PutAside("not_ours")


def enter_rest(outage_id: str, truth: Truth, *, by: Actor, second: Actor | None = None, but: int = 0,
               told: Told = _nothing) -> int:  # fmt: skip
    """Enter what is left to key, but for the last ``but`` visits: visits, no-shows, then the logs of the bottles.
    ``second`` verifies the drug lines. Returns how many were entered. Raises what ``enter`` raises."""
    done = 0
    waiting = [one for one in to_enter(by=by, outage_id=outage_id) if one.state not in ("entered", "away")]
    visits = [one for one in waiting if one.kind == "visit"]
    keep = {one.id for one in visits[len(visits) - but :]} if but else set()
    left = [one for one in (*visits, *(one for one in waiting if one.kind == "bottle")) if one.id not in keep]
    for place, one in enumerate(left):
        told(place, len(left))
        done += _enter(one, truth, by)
    if second is not None:
        verify_rest(outage_id, by=second)
    return done


def verify_rest(outage_id: str, *, by: Actor) -> int:
    """A second person has looked at the drug lines of everything that waits for it; returns how many sheets."""
    sheets = [
        sheet.id for one in to_enter(by=by, outage_id=outage_id) for sheet in one.sheets if sheet.to_verify
    ]  # fmt: skip
    for sheet_id in sheets:
        entry.verify(sheet_id, by=by)
    return len(sheets)


def let_go_rest(outage_id: str, truth: Truth, *, by: Actor) -> int:
    """Let the sheets go that did not come back: the one that was lost, and those nobody needed. Returns how many."""
    count = 0
    found = board.board(outage_id, by=by)
    for row in found.open_rows("clinical"):
        if row.entity != "form_sheet" or row.entered.state == "waiting":
            continue
        reason = LOST if truth["lost"] in row.serials else UNUSED
        board.waive(outage_id, "form_sheet", row.entity_id, reason, by=by)
        count += 1
    return count


def written_on(truth: Truth, serial: int, page: int) -> dict[str, Any]:
    """What really stands on a page of a sheet."""
    sheet = truth["sheets"].get(str(serial), {"pages": {}, "values": {}})
    return dict(sheet["pages"].get(str(page)) or sheet["pages"].get(page) or sheet["values"])


def _enter(one: Waiting, truth: Truth, by: Actor) -> int:
    if one.id in truth["no_shows"]:
        entry.no_show(one.id, by=by)
        return 1
    with look(by, "outage.enter") as session:
        sheets = [session.scalars(select(FormSheet).where(FormSheet.id == line.id)).one() for line in one.sheets]
        values = {
            sheet.id: _values(session, sheet, truth)
            for sheet in sheets
            if sheet.state == "used" and str(sheet.serial) in truth["sheets"]
        }
    if not values:
        return 0
    if one.kind == "bottle":
        for sheet_id, typed in values.items():
            enter_bottle(sheet_id, typed, by=by)
    else:
        entry.enter(one.id, values, by=by)
    return 1


def _values(session: ClinicSession, sheet: FormSheet, truth: Truth) -> dict[str, Any]:
    return keyed(written_on(truth, sheet.serial, 1), edition_of(session, sheet.edition).body)


def _box(doubt: doubts.Doubt, value: Any) -> Any:
    if doubt.kind == "check":
        return bool(value)
    return value if value not in ("", None) else ([] if doubt.kind == "multi" else None)


def _sheet(session: ClinicSession, serial: int) -> FormSheet:
    return session.scalars(select(FormSheet).where(FormSheet.serial == serial)).one()


def _true_page(row: review.ReviewRow, truth: Truth) -> Mapping[str, Any]:
    """What a page of the practice stack really is, by its place in it."""
    pages: list[Mapping[str, Any]] = truth["pages"]
    if row.index < len(pages):
        return pages[row.index]
    return {"serial": row.serial or 0, "page": row.page or 1}
