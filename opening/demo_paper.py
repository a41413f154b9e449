"""The demo's outage: a morning of the last clinic day was on paper, and its recovery is half way through.

The paper is printed, filled in, scanned and entered by the rules people use, each told when it happened, beside the
loading of the history: drawing and reading are children of their own, so that they cost the demo little.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta

from sqlalchemy import func, select

from appointments import drug_log
from data.models import FormSheet, User
from data.session import read
from data.types import clock
from forms.editions import edition_of
from opening.demo_history import Maker, Row
from outage import entry, slips
from outage.outages import declare
from outage.pack import PackFile, make_pack
from outage.rehearsal.keying import keyed
from outage.rehearsal.stack import Stack, make_stack
from outage.rehearsal.story import Story, tell
from outage.scanning import scan_file
from security.actor import Actor

VISITS = 6
BEGAN, ENDED = time(7, 20), time(12, 40)
STOCK = {"walk-in": 4, "consent": 4, "travel-sheet": 4}
SLIPS = (("4417", "Visa"), ("9021", "Mastercard"), ("2208", "Visa"))
"""Last digits and brands on the card slips that wait to be charged."""
ENTERED = 2
"""Visits that were back-entered by now."""
TABLES = ("client", "patient", "appointment", "flow_event", "bottle", "drug_log_entry")


def apart(maker: Maker) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    """The rows that the paper needs, and all others that are not on their way yet, by table."""
    visits = {row["id"] for row in maker.on_paper}
    clients = {row["client_id"] for row in maker.on_paper}
    patients = {row["patient_id"] for row in maker.on_paper}
    bottles = {row["id"] for row in maker.paper_bottles}

    def is_needed(table: str, row: Row) -> bool:
        if table in ("client", "patient", "appointment", "bottle"):
            return (
                row["id"] in {"client": clients, "patient": patients, "appointment": visits, "bottle": bottles}[table]
            )
        return row["appointment_id"] in visits if table == "flow_event" else row["bottle_id"] in bottles

    needed: dict[str, list[Row]] = {}
    others = maker.out.rest()
    for table in TABLES:
        rows, needed[table], others[table] = others[table], [], []
        for row in rows:
            (needed if is_needed(table, row) else others)[table].append(row)
    return needed, others


@contextlib.contextmanager
def outage(clinic_id: str, maker: Maker) -> Iterator[None]:
    """While the rest of the history is loaded: print, fill in, scan, enter a part."""
    printed = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        paper = beside.submit(_recover, clinic_id, maker, printed)
        printed.wait(60)  # the pack of that evening knows no visit and no bottle that came later
        yield
        story, by = paper.result()
    with clock.told(maker.s.now - timedelta(minutes=25)):  # only now, since its invoices take the next free numbers
        _count(maker, story, by)
        _key_slips(maker, _enter(story, by), by)


def _recover(clinic_id: str, maker: Maker, printed: threading.Event) -> tuple[Story, Actor]:
    day, now = maker.on_paper[0]["day"], maker.s.now
    began, ended = (maker.at(day, at) for at in (BEGAN, ENDED))
    by = Actor(clinic_id, "demo", _user(clinic_id, "staff"))
    boss = Actor(clinic_id, "demo", _user(clinic_id, "manager"))
    try:
        with clock.told(began - timedelta(hours=14)):
            paper = _print(day, by)
    finally:
        printed.set()
    with clock.told(ended + timedelta(minutes=25)):
        declare("all", began, ended, "The internet line was cut in the street.", by=boss)
        story, stack = _fill(paper, day, began, ended, by)
    with clock.told(max(ended + timedelta(hours=1), now - timedelta(minutes=50))):
        scan_file("Scan of the morning.pdf", stack.pdf, by=by)
    return story, by


def _print(day: date, by: Actor) -> list[PackFile]:
    pack = make_pack(day, by=by, stock=STOCK, slips=3)
    return [file for file in pack.files if file.serials]


def _fill(paper: list[PackFile], day: date, began: datetime, ended: datetime, by: Actor) -> tuple[Story, Stack]:
    serials = [serial for file in paper for serial in file.serials]
    story = tell(serials, day, began, ended, by=by, seed=3, no_shows=1, walk_ins=1)
    return story, make_stack(paper, story, by=by, seed=3)


def _count(maker: Maker, story: Story, by: Actor) -> None:
    """This morning's count of the bottles the paper drew from: less than the log says until all of it is entered."""
    for bottle in maker.paper_bottles:
        left = bottle["size"] - story.drawn.get(bottle["number"], 0)
        drug_log.count(
            bottle["id"], maker.s.today, "AM", left, by=by, witness_id=maker.s.staff[0],
            reason="Paper of the outage is still being entered",
        )  # fmt: skip


def _enter(story: Story, by: Actor) -> list[str]:
    """The first visits whose pages lie there as they should are keyed from their paper; returns those that wait."""
    odd = {one.serial for one in story.filled.values() if one.canceled or one.twice} | {story.lost, story.torn}
    with read(by.clinic_id) as session:
        sheets = session.scalars(select(FormSheet).where(FormSheet.appointment_id.is_not(None))).all()
        visits: dict[str, list[FormSheet]] = {}
        for sheet in sheets:
            visits.setdefault(str(sheet.appointment_id), []).append(sheet)
        forms = {number: edition_of(session, number).body for number in {sheet.edition for sheet in sheets}}
    whole = [
        (visit, mine)
        for visit, mine in visits.items()
        if all(sheet.serial in story.filled and sheet.serial not in odd for sheet in mine)
    ]
    for visit, mine in whole[:ENTERED]:
        values = {sheet.id: keyed(story.filled[sheet.serial].values, forms[sheet.edition]) for sheet in mine}
        entry.enter(visit, values, by=by)
    entered = {visit for visit, _ in whole[:ENTERED]}
    came = [visit for visit, mine in visits.items() if any(sheet.serial in story.filled for sheet in mine)]
    return [visit for visit in came if visit not in entered]


def _key_slips(maker: Maker, waiting: list[str], by: Actor) -> None:
    """Card slips of visits that wait are keyed: their cards are not charged yet."""
    with read(by.clinic_id) as session:
        sheet = session.scalars(select(func.max(FormSheet.serial)).where(FormSheet.form == "card-slip")).one()
    visits = {row["id"]: row for row in maker.on_paper}
    for part, (visit, (last4, brand)) in enumerate(zip(waiting, SLIPS, strict=False), start=1):
        row = visits[visit]
        patient = next(one for one in maker.by_client[row["client_id"]] if one["id"] == row["patient_id"])
        client = next(one for one in maker.clients if one["id"] == row["client_id"])
        cents = sum(maker.price(code, patient) for code in row["services"] if code in maker.s.services)
        taken = maker.at(row["day"], time(11, 30), 13 * part)
        slips.key_slip(
            slips.NewSlip(sheet, part, cents, taken, last4, brand, appointment_id=visit,
                          payer=f"{client['first_name']} {client['last_name']}", phone=client["phone"],
                          email=client["email"] or f"{client['last_name'].lower()}.{part}@example.org"), by=by,
        )  # fmt: skip


def _user(clinic_id: str, username: str) -> str:
    with read(clinic_id) as session:
        return session.scalars(select(User.id).where(User.username == username)).one()
