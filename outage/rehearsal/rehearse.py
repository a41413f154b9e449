"""A rehearsal from its beginning to its end: the practice clinic, its paper, the stack that comes back, how far it is.

``begin`` and ``last`` belong to the real clinic, everything else to the practice clinic the person has stepped over to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select

from appointments.times import instant_of
from billing import deposits, matching
from billing.processors.settings import PROCESSOR
from billing.settlement.files import import_settlement
from data import definitions
from data.blobs import BlobStore
from data.engine import database
from data.errors import Refusal
from data.models import Appointment, Clinic, DocumentPage, Outage, Rehearsal, ScanFile
from data.session import ClinicSession, write
from data.types import clock
from outage.entry_queue import Waiting, to_enter
from outage.outages import declare
from outage.pack import Pack, make_pack
from outage.rehearsal import by_truth, till
from outage.rehearsal.by_truth import STACK_NAME
from outage.rehearsal.practice import close_practice, make_practice_clinic
from outage.rehearsal.stack import Stack, make_stack
from outage.rehearsal.story import Story, tell
from outage.rehearsal.till import Dealt
from outage.review import count_waiting
from outage.scanning import receive
from security import audit
from security.actor import Actor
from security.clinics import clinic_of, practice_clinics
from security.rules import act, look
from security.sessions import mint_ticket

VISITS = 40
SETTLING, TYPING = 0.15, 0.95
"""The share of ``go_on`` that is done when every page is settled, and when everything is typed."""
FROM, TO = time(7, 30), time(16, 30)


class PractisingAlready(Refusal):
    """This is a practice clinic. Begin a new practice in the real one."""


class NothingToPractise(Refusal):
    """No practice is going on here. Begin one on the page Practise an outage."""


class NotThere(Refusal):
    """You were not with the clinic when this practice began. Begin a new one."""


class PrintFirst(Refusal):
    """The pack is not printed yet. Print it first: the evening before is when that happens."""


class FillFirst(Refusal):
    """The paper is not filled in yet. Let the day happen first."""


class EnterFirst(Refusal):
    """What was done is not keyed yet, so nobody knows what it costs. Finish Back entry first."""


class DealFirst(Refusal):
    """No card slip was written yet. Let the cards be taken first."""


class KeyFirst(Refusal):
    """Card slips that are not keyed yet: {count}. Key them first, or let the rest be keyed."""


@dataclass(frozen=True)
class Last:
    """The latest rehearsal of a clinic: when it began, whether it was finished, and where it is practised."""

    id: str
    day: date
    began_at: datetime
    finished_at: datetime | None
    practice_clinic_id: str | None
    result: dict[str, Any]

    @property
    def is_through(self) -> bool:
        """Whether both of its parts are closed."""
        return self.finished_at is not None and bool(self.result.get("money"))


@dataclass(frozen=True)
class Progress:
    """How far a practice is, in the practice clinic; counts are of now."""

    day: date
    real: str
    began_at: datetime
    ended_at: datetime
    visits: int
    printed: int
    """Sheets that were printed."""
    stack_pages: int
    outage_id: str | None
    handed_in: bool
    read: int
    """Pages that were read."""
    reading: bool
    attached: int
    review: int
    """Pages that wait for a person."""
    to_enter: int
    """Visits and logs of bottles that are to be keyed."""
    entered: int
    closed: bool
    dealt: bool = False
    """Whether the cards were taken: card slips lie there, or nothing was open."""
    slips: tuple[Dealt, ...] = ()
    """The slips as they were written."""
    to_slip: tuple[Dealt, ...] = ()
    """Those that nobody keyed yet."""
    met: int = 0
    """Slips whose money was met by the terminal's settlement."""
    money_closed: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether every slip is keyed and met its settlement."""
        return self.dealt and not self.to_slip and self.met == len(self.slips)


def begin(*, by: Actor, visits: int = VISITS, seed: int = 1, key: str | None = None) -> str:
    """Begin a rehearsal: makes a practice clinic with yesterday's day booked, and closes the one before it. Returns the
    rehearsal's id. Raises PractisingAlready, NotPermitted."""
    if by.clinic_id in practice_clinics():
        raise PractisingAlready()
    day = clock.today(clinic_of(by.clinic_id).zone) - timedelta(days=1)
    with act(by, "outage.print", key=key) as work:
        if work.repeated:
            return str(work.result)
        earlier = work.session.scalars(select(Rehearsal).where(Rehearsal.practice_clinic_id.is_not(None))).all()
        before = [str(one.practice_clinic_id) for one in earlier]
        row = Rehearsal(day=day, began_at=clock.now(), by_user_id=by.user_id)
        work.session.add(row)
        work.session.flush()
        work.audit("rehearsal.begun", "rehearsal", row.id, visits=visits)
        work.result = rehearsal_id = row.id
    for one in before:
        close_practice(one)
    practice, people = make_practice_clinic(by.clinic_id, day, visits=visits, seed=seed)
    zone = clinic_of(practice).zone
    began, ended = instant_of(day, FROM, zone), instant_of(day, TO, zone)
    with write(practice) as session:
        told = {
            "real": by.clinic_id, "rehearsal": rehearsal_id, "seed": seed, "visits": visits,
            "began": began.isoformat(), "ended": ended.isoformat(),
        }  # fmt: skip
        session.add(Rehearsal(day=day, began_at=clock.now(), result=told))
        audit.append(session, _self(practice), "rehearsal.begun", "rehearsal", rehearsal_id)
    with act(by, "outage.print") as work:
        row = work.session.scalars(select(Rehearsal).where(Rehearsal.id == rehearsal_id)).one()
        row.practice_clinic_id, row.result = practice, {"people": people}
        work.audit("rehearsal.ready", "rehearsal", rehearsal_id, practice=practice)
    return rehearsal_id


def last(*, by: Actor) -> Last | None:
    """The latest rehearsal of this clinic; a finished one before one that was only begun. Raises NotPermitted."""
    with look(by, None) as session:
        rows = session.scalars(select(Rehearsal).order_by(Rehearsal.began_at.desc()).limit(20)).all()
        row = next((one for one in rows if one.finished_at), rows[0] if rows else None)
        return None if row is None else _last(row)


def open_practice(*, by: Actor) -> Last | None:
    """The rehearsal that was begun last, if its practice clinic is there. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        row = session.scalars(select(Rehearsal).order_by(Rehearsal.began_at.desc())).first()
        return _last(row) if row is not None and row.practice_clinic_id else None


def step_over(browser: str, *, by: Actor) -> str:
    """A sign-in ticket for the same person in the practice clinic, with the role they have. Raises NothingToPractise,
    NotThere, NotPermitted."""
    found = open_practice(by=by)
    if found is None or found.practice_clinic_id is None or clinic_of(found.practice_clinic_id).closed_at:
        raise NothingToPractise()
    there = found.result.get("people", {}).get(by.user_id)
    if there is None:
        raise NotThere()
    with act(by, "outage.print") as work:
        work.audit("rehearsal.entered", "rehearsal", found.id)
    return mint_ticket(found.practice_clinic_id, there, browser=browser)


def print_pack(*, by: Actor) -> Pack:
    """Print the practised day's pack, the same again when asked twice. Raises NothingToPractise, NotPermitted."""
    with look(by, "outage.print") as session:
        row = _mine(session)
        day, told, rehearsal_id = row.day, _state(row), row.id
    pack = _pack(day, rehearsal_id, by)
    if "serials" not in told:
        _keep(by, serials=[serial for file in pack.files for serial in file.serials])
    return pack


def _pack(day: date, rehearsal_id: str, by: Actor) -> Pack:
    """The same key gives the same serials."""
    return make_pack(day, by=_self(by.clinic_id), key=f"rehearsal-{rehearsal_id}")


def fill(*, by: Actor, told: Callable[[str], None] | None = None) -> int:
    """Let the day happen: the outage is declared, the printed paper is filled in, spoiled and shuffled into one stack,
    which is kept. Returns its number of pages. Raises PrintFirst, NothingToPractise, NotPermitted."""
    with look(by, "outage.print") as session:
        row = _mine(session)
        day, state, rehearsal_id = row.day, _state(row), row.id
    if "serials" not in state:
        raise PrintFirst()
    if state.get("stack"):
        return int(state["pages"])
    say = told or (lambda _: None)
    say("The pack is handed out")
    self = _self(by.clinic_id)
    began, ended = (datetime.fromisoformat(state[name]) for name in ("began", "ended"))
    paper = [file for file in _pack(day, rehearsal_id, by).files if file.serials]
    story = tell(state["serials"], day, began, ended, by=self, seed=int(state["seed"]))
    say("Pens write on the paper")
    stack = make_stack(paper, story, by=self, seed=int(state["seed"]))
    say("The stack is put together")
    blob = BlobStore(database().home).put(stack.pdf)
    outage_id = declare("all", began, ended, "Practice", by=self, key=f"rehearsal-{rehearsal_id}")
    _keep(by, stack=blob, pages=len(stack.pages), outage=outage_id, truth=truth_in(story, stack))
    return len(stack.pages)


def stack_of(*, by: Actor) -> bytes:
    """The filled-in stack as the PDF a scanner makes. Raises FillFirst, NothingToPractise, NotPermitted."""
    with look(by, "outage.scan") as session:
        blob = _state(_mine(session)).get("stack")
    if not blob:
        raise FillFirst()
    return BlobStore(database().home).get(str(blob))


def hand_in(*, by: Actor, key: str | None = None) -> str:
    """Put the stack into the scan, as if it had come from the scanner; returns the scan's id. Raises FillFirst,
    NothingToPractise, NotPermitted."""
    scan_id = receive(STACK_NAME, stack_of(by=by), by=by, key=key)
    _keep(by, scan=scan_id)
    return scan_id


def truth_of(*, by: Actor) -> dict[str, Any]:
    """What was really written on the sheets, by serial, and what happened to whom. Raises FillFirst,
    NothingToPractise, NotPermitted."""
    with look(by, "outage.enter") as session:
        truth = _state(_mine(session)).get("truth")
    if not truth:
        raise FillFirst()
    return dict(truth)


def go_on(*, by: Actor, told: Callable[[float, str], None] | None = None) -> tuple[int, int]:
    """Let the machine do what is left of the typing: settle the pages that wait and enter the sheets as they were
    really written, through the same rules; the rest of the staff verifies the drug lines. What nobody found or needed
    is left for the board. Returns how many pages were settled and how many visits and logs entered.

    It takes a minute or two: ``told`` is told as it goes the share that is done, 0 to 1, and what is done just now.
    Raises FillFirst, NothingToPractise, NotPermitted and what those rules raise.
    """
    truth = truth_of(by=by)
    with look(by, "outage.enter") as session:
        outage_id = str(_state(_mine(session))["outage"])
    say = told or (lambda _, __: None)
    settled = by_truth.settle_rest(
        truth, by=by, told=lambda done, of: say(SETTLING * done / of, f"Settling page {done + 1} of {of}")
    )
    entered = by_truth.enter_rest(
        outage_id, truth, by=by,
        told=lambda done, of: say(
            SETTLING + (TYPING - SETTLING) * done / of, f"Typing what is written, visit or log {done + 1} of {of}"
        ),
    )  # fmt: skip
    say(TYPING, "A second person looks at the drug lines")
    by_truth.verify_rest(outage_id, by=_self(by.clinic_id))
    return settled, entered


def take_cards(*, by: Actor) -> int:
    """Write a card slip for every ticket of the day with something open, once the day is keyed; returns how many.
    Raises EnterFirst, FillFirst, NothingToPractise, NotPermitted."""
    with look(by, "outage.print") as session:
        row = _mine(session)
        day, state = row.day, _state(row)
    if "slips" in state:
        return len(state["slips"])
    if not state.get("outage"):
        raise FillFirst()
    outage_id = str(state["outage"])
    waiting = to_enter(by=by, outage_id=outage_id)
    if any(_to_key(one) for one in waiting) or not any(one.state == "entered" for one in waiting):
        raise EnterFirst()
    slips = till.deal_over(outage_id, day, state["serials"], by=by, seed=int(state["seed"]))
    _keep(by, slips=till.kept(slips))
    return len(slips)


def key_slips(*, by: Actor) -> int:
    """Let the machine key the slips that are left, complete the tickets and shred the paper, through the same rules;
    returns how many slips it keyed. Raises DealFirst, NothingToPractise, NotPermitted and what those rules raise."""
    day, slips = _slips(by)
    return till.key_rest(slips, day, by=by)


def batch_file(*, by: Actor) -> bytes:
    """What the practised terminal sent in at night: a settlement file of the kind ``plain``. The terminal is added to
    the practice clinic's processors. Raises DealFirst, KeyFirst, NothingToPractise, NotPermitted."""
    _, slips = _slips(by)
    if left := till.unkeyed(slips, by=by):
        raise KeyFirst(count=len(left))
    with act(by, "outage.print") as work:
        clinic = work.session.get_one(Clinic, by.clinic_id)
        if till.TERMINAL not in definitions.load_all(work.session, PROCESSOR):
            definitions.save(
                work.session, PROCESSOR, till.TERMINAL, till.terminal(), by_user_id=by.user_id, comment="to practise"
            )
            work.audit("rehearsal.went_on", "clinic", by.clinic_id, fields=["terminal"])
        return till.batch_of(slips, _mine(work.session).day + timedelta(days=1), clinic)


def settle_up(*, by: Actor) -> int:
    """Import the terminal's batch and match it with the slips, as a manager does; returns how many slips met it. Raises
    DealFirst, KeyFirst, NothingToPractise, NotPermitted."""
    _, slips = _slips(by)
    content = batch_file(by=by)
    import_settlement(content, by=by, name="practice-batch.csv", make="mapping:plain", processor=till.TERMINAL)
    matching.reconcile_days(by=by)
    deposits.find_deposits(by=by)
    with look(by, "reconciliation.use") as session:
        return till.met(session, slips)


def _slips(by: Actor) -> tuple[date, list[Dealt]]:
    with look(by, "outage.enter") as session:
        row = _mine(session)
        if "slips" not in row.result:
            raise DealFirst()
        return row.day, till.again(_state(row)["slips"])


def _to_key(one: Waiting) -> bool:
    """Whether it waits to be keyed. Of a visit that is keyed but for a sheet that never came back, the board says so:
    nobody can key what was lost."""
    done = any(sheet.entry in ("entered", "verified") for sheet in one.sheets)
    lost = all(not sheet.scanned for sheet in one.sheets if sheet.entry not in ("entered", "verified"))
    return one.state in ("waiting", "begun", "printed") and not (done and lost)


def progress(*, by: Actor) -> Progress | None:
    """How far the practice of this practice clinic is; nothing in a real one. Raises NotPermitted."""
    if by.clinic_id not in practice_clinics():
        return None
    with look(by, "outage.print") as session:
        row = _mine(session)
        state, done = _state(row), row.finished_at is not None
        outage_id = str(state.get("outage", "")) or None
        outage = session.scalars(select(Outage).where(Outage.id == outage_id)).one_or_none() if outage_id else None
        attached = session.scalar(select(func.count()).where(DocumentPage.state == "attached"))
        scans = session.scalars(select(ScanFile)).all()
        visits = session.scalar(select(func.count()).select_from(Appointment))
        slips = till.again(state.get("slips", ()))
        to_slip, met = till.left_of(session, slips), till.met(session, slips)
    keying = to_enter(by=by, outage_id=outage_id) if outage_id else []
    found = Progress(
        day=row.day, real=clinic_of(state["real"]).name, began_at=datetime.fromisoformat(state["began"]),
        ended_at=datetime.fromisoformat(state["ended"]), visits=visits or 0, printed=len(state.get("serials", ())),
        stack_pages=int(state.get("pages", 0)), outage_id=outage_id, handed_in=bool(scans),
        read=sum(scan.pages for scan in scans if scan.state == "read"),
        reading=any(scan.state == "waiting" for scan in scans), attached=attached or 0,
        review=count_waiting(by=by), to_enter=sum(_to_key(one) for one in keying),
        entered=sum(one.state == "entered" for one in keying),
        closed=outage is not None and outage.clinical_closed_at is not None,
        dealt="slips" in state, slips=tuple(slips), to_slip=tuple(to_slip), met=met,
        money_closed=outage is not None and outage.money_closed_at is not None,
    )  # fmt: skip
    if found.closed and not done:
        _finish(by.clinic_id, found)
    if found.money_closed and not state.get("money"):
        _finish_money(by.clinic_id)
    return found


def _finish(practice: str, found: Progress) -> None:
    """The practice is through: its date is kept in the real clinic."""
    with write(practice) as session:
        row = _mine(session)
        row.finished_at = clock.now()
        real, rehearsal_id = str(row.result["real"]), str(row.result["rehearsal"])
        audit.append(session, _self(practice), "rehearsal.finished", "rehearsal", row.id)
    with write(real) as session:
        mine = session.scalars(select(Rehearsal).where(Rehearsal.id == rehearsal_id)).one()
        mine.finished_at = clock.now()
        mine.result = mine.result | {"pages": found.stack_pages, "entered": found.entered}
        audit.append(session, Actor(real, "command", name="rehearsal"), "rehearsal.finished", "rehearsal", mine.id)


def _finish_money(practice: str) -> None:
    """The money part is through as well: nothing leads back into this practice any more."""
    with write(practice) as session:
        row = _mine(session)
        row.result = row.result | {"money": True}
        real, rehearsal_id = str(row.result["real"]), str(row.result["rehearsal"])
        audit.append(session, _self(practice), "rehearsal.settled", "rehearsal", row.id)
    with write(real) as session:
        mine = session.scalars(select(Rehearsal).where(Rehearsal.id == rehearsal_id)).one()
        mine.result = mine.result | {"money": True}
        audit.append(session, _self(real), "rehearsal.settled", "rehearsal", mine.id)


def _self(clinic_id: str) -> Actor:
    """What a practice does by itself: no person of the clinic did it."""
    return Actor(clinic_id, "command", name="rehearsal")


def _mine(session: ClinicSession) -> Rehearsal:
    """The rehearsal of this practice clinic; raises NothingToPractise."""
    row = session.scalars(select(Rehearsal).order_by(Rehearsal.began_at.desc())).first()
    if row is None or "real" not in row.result:
        raise NothingToPractise()
    return row


def _state(row: Rehearsal) -> dict[str, Any]:
    return dict(row.result)


def _keep(by: Actor, **found: Any) -> None:
    with act(by, "outage.print") as work:
        row = _mine(work.session)
        row.result = row.result | found
        work.audit("rehearsal.went_on", "rehearsal", row.id, fields=sorted(found))


def _last(row: Rehearsal) -> Last:
    return Last(row.id, row.day, row.began_at, row.finished_at, row.practice_clinic_id, dict(row.result))


def truth_in(story: Story, stack: Stack) -> dict[str, Any]:
    """What was written and what happened, as it is kept beside the stack."""
    return {
        "sheets": {str(serial): asdict(one) for serial, one in story.filled.items()},
        "no_shows": story.no_shows, "walk_ins": [asdict(one) for one in story.walk_ins], "lost": story.lost,
        "torn": story.torn, "scanned_twice": story.scanned_twice, "slip": story.slip, "drawn": story.drawn,
        "pages": [asdict(one) for one in stack.pages],
    }  # fmt: skip
