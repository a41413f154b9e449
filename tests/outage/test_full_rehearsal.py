"""The whole loop of an outage, as a clinic goes through it: the demo clinic, tomorrow's pack, a day on paper, one
shuffled stack, review and back entry in a real browser, slips and the batch, both parts closed with equal sums."""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timedelta
from datetime import time as clock_time
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from appointments.times import instant_of
from billing.matching import reconcile_days
from billing.processors.settings import PROCESSOR
from billing.settlement.files import import_settlement
from data import definitions
from data.engine import Database, use
from data.home import Home
from data.models import Appointment, AuditLog, Clinic, DocumentPage, DrugLogEntry, FormSheet, Outage, User
from data.schema import upgrade
from data.session import read, write
from data.types import clock
from forms.editions import edition_of
from opening.demo import make_demo
from outage import page_answers, review
from outage.board import board, close, waive_rows
from outage.identities import sides
from outage.outages import declare
from outage.pack import make_pack
from outage.rehearsal import by_truth, till
from outage.rehearsal.keying import keyed
from outage.rehearsal.practice import book_day
from outage.rehearsal.rehearse import truth_in
from outage.rehearsal.stack import make_stack
from outage.rehearsal.story import tell
from security import audit, sessions
from security.actor import Actor
from tests.conftest import start_app

ZONE = "America/New_York"
VISITS = 40
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def days():
    """The day before and the day of the outage: the last weekday that is over, so that its paper has happened."""
    day = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    while day.weekday() > 4 or (day.month, day.day) in ((1, 1), (7, 4), (12, 24), (12, 25), (12, 31)):
        day -= timedelta(days=1)
    return day - timedelta(days=1), day


class Rehearsal:
    """The demo clinic with a day that was on paper."""

    def __init__(self, root):
        self.home, self.key = Home(root / "home"), root / "key"
        self.home.create()
        self.database = Database(self.home)
        use(self.database)
        upgrade(self.database)
        before, self.day = days()
        clock.set(instant_of(before, clock_time(18), ZONE))
        self.clinic = make_demo(years=1).id
        self.by = Actor.operator(self.clinic)
        with read(self.clinic) as session:
            self.people = dict(session.execute(select(User.username, User.id)).tuples().all())
            booked = session.scalar(select(func.count()).where(Appointment.day == self.day))
        book_day(self.clinic, self.day, VISITS - booked, Random(5), self.by)
        for row in review.waiting(by=self.by):  # of the demo's own outage
            review.settle(row.id, page_answers.PutAside("scan_again"), by=self.by)
        pack = make_pack(self.day, by=self.as_("staff"), key="evening")
        clock.set(None)
        began, ended = (instant_of(self.day, at, ZONE) for at in (clock_time(7, 30), clock_time(16, 30)))
        self.outage = declare("all", began, ended, "Rehearsed", by=self.as_("manager"))
        printed = [file for file in pack.files if file.serials]
        serials = [serial for file in printed for serial in file.serials]
        self.story = tell(serials, self.day, began, ended, by=self.by)
        stack = make_stack(printed, self.story, by=self.by)
        self.file = root / "practice-stack.pdf"
        self.file.write_bytes(stack.pdf)
        self.truth = truth_in(self.story, stack)

    def as_(self, username):
        return Actor(self.clinic, "demo", self.people[username])

    def token(self, username):
        with write(self.clinic) as session:
            return sessions.open_session(session, self.people[username])

    def ours(self):
        return [row for row in review.waiting(by=self.by) if row.source == self.file.name]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    root = tmp_path_factory.mktemp("rehearsal")
    patch = pytest.MonkeyPatch()
    patch.setenv("BALLAST_KEY_FILE", str(root / "key"))
    patch.setenv("BALLAST_HOME", str(root / "home"))
    patch.delenv("BALLAST_DATABASE_URL", raising=False)
    made = Rehearsal(root)
    yield made
    clock.set(None)
    made.database.close()
    use(None)
    patch.undo()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def app(rehearsal):
    url, process = start_app(rehearsal.home.path, rehearsal.key, rehearsal.key.parent / "log")
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture
def page_of(rehearsal, app, _chromium):
    contexts = []

    def opened(username, path):
        context = _chromium.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        context.set_default_timeout(60_000)
        token = rehearsal.token(username)
        context.add_cookies([{"name": "ballast_session", "value": token, "url": app, "httpOnly": True}])
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
        page.goto(app + path)
        page.get_by_test_id("stSidebarContent").wait_for(state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()


def until(told, seconds=60):
    """Wait for something to be so in the database."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if told():
            return
        time.sleep(0.2)
    raise AssertionError(f"not so after {seconds} s")


def scan(page, rehearsal):
    page.get_by_text("Drop scanned files here").wait_for()
    page.locator("input[type=file]").set_input_files(str(rehearsal.file))
    page.get_by_text(f"{rehearsal.file.name}").first.wait_for()

    def is_read():
        with read(rehearsal.clinic) as session:
            filed = session.scalar(select(func.count()).select_from(DocumentPage))
        return filed > len(rehearsal.truth["pages"])

    until(is_read, 120)
    page.get_by_text("card slip").first.wait_for()


def settle(page, row, rehearsal, visits):
    """One page, as a person settles it. The page on screen is the first that waits."""
    answer = by_truth.answer_to(row, rehearsal.truth, visits, rehearsal.by)
    if isinstance(answer, page_answers.KeepFirst):
        page.get_by_role("button", name="Keep the first scan").click()
    elif isinstance(answer, page_answers.PutAside):
        if row.reason != "blank":
            page.get_by_role("button", name="Put aside", exact=True).or_(
                page.get_by_role("radio", name="Put aside", exact=True)
            ).first.click()
        page.get_by_role("button", name=page_answers.ASIDE[answer.why]).click()
    elif isinstance(answer, page_answers.BindTo):
        one = next(walk for walk in rehearsal.truth["walk_ins"] if row.serial in walk["serials"].values())
        page.get_by_role("combobox", name="Visit").fill(one["animal"])
        page.get_by_role("option").filter(has_text=one["animal"]).first.click()
        page.get_by_role("button", name="Attach to this visit").click()
    elif isinstance(answer, page_answers.PutToSheet):
        true = rehearsal.truth["pages"][row.index]
        page.get_by_role("combobox", name="Or choose the sheet").fill(f"sheet {true['serial']}")
        page.get_by_role("option").filter(has_text=f"sheet {true['serial']}").first.click()
        page.get_by_role("button", name="Attach to this sheet").click()
    else:
        for doubt in row.doubts:
            card = page.get_by_role("group", name=doubt.label).first
            value = answer.values[doubt.key]
            labels = dict(doubt.options)
            if doubt.kind == "check":
                labels = {True: "Yes", False: "No"} | labels
            chosen = value if isinstance(value, list) else [value]
            for one in chosen or [None]:
                name = labels.get(one, labels.get("yes" if one is True else "no" if one is False else one, "Nothing"))
                card.get_by_role("button", name=name).first.click()
        page.get_by_role("button", name="Save").first.click()


def key_by_hand(page, rehearsal, visit):
    """Every field of a visit's sheets typed into the form, the boxes that were read left as they are."""
    with read(rehearsal.clinic) as session:
        sheets = session.scalars(select(FormSheet).where(FormSheet.appointment_id == visit)).all()
        forms = {sheet.id: edition_of(session, sheet.edition).body for sheet in sheets}
    for sheet in sheets:
        typed = keyed(by_truth.written_on(rehearsal.truth, sheet.serial, 1), forms[sheet.id])
        for key, value in typed.items():
            control = page.locator(f'[data-key="{sheet.id} {key}"]')
            if control.evaluate("node => node.tagName") == "INPUT":
                control.fill(str(value))
            elif value == "-":
                control.press("-")
            else:
                for one in value if isinstance(value, list) else [value]:
                    field = forms[sheet.id].field(key)
                    place = 1 if one is True else [option.value for option in field.options].index(one) + 1
                    if control.locator("button").nth(place - 1).get_attribute("aria-checked") != "true":
                        control.press(str(place))
    page.keyboard.press("Control+Enter")


def test_a_day_on_paper_is_scanned_reviewed_entered_and_closed_with_equal_sums(rehearsal, page_of):
    truth = rehearsal.truth
    assert (len(truth["no_shows"]), len(truth["walk_ins"])) == (3, 2)
    assert truth["lost"] and truth["torn"] and truth["scanned_twice"] and truth["slip"]
    scan(page_of("staff", "/scan"), rehearsal)
    with read(rehearsal.clinic) as session:
        states = dict(
            session.execute(select(DocumentPage.state, func.count()).group_by(DocumentPage.state)).tuples().all()
        )
        assert states["quarantined"] == 2, "the slip of this stack and of the demo's own"

    visits = by_truth.enter_walk_ins(truth, by=rehearsal.as_("staff"))
    screen = page_of("staff", "/review")
    seen = set()
    while rows := rehearsal.ours():
        seen.add(rows[0].reason)
        screen.get_by_text(f"{len(rows)} page").first.wait_for()
        settle(screen, rows[0], rehearsal, visits)
        left = {row.id for row in rows}
        until(lambda left=left: {row.id for row in rehearsal.ours()} < left)
        screen.goto(screen.url)
    assert {"unbound", "doubtful", "code_unreadable", "no_code", "duplicate", "blank"} <= seen
    screen.get_by_text("Every scanned page is settled.").wait_for()
    assert not screen.problems

    hand = [
        one.appointment_id
        for serial, one in rehearsal.story.filled.items()
        if one.form == "travel-sheet" and one.appointment_id and serial not in (truth["lost"], truth["torn"])
    ]
    for visit in hand[:2]:
        screen = page_of("staff", f"/back-entry?id={visit}")
        screen.locator("[data-key]").first.wait_for()
        key_by_hand(screen, rehearsal, visit)

        def is_entered(visit=visit):
            with read(rehearsal.clinic) as session:
                sheets = select(FormSheet.state).where(FormSheet.appointment_id == visit)
                return set(session.scalars(sheets)) == {"entered"}

        until(is_entered)
    entered = by_truth.enter_rest(
        rehearsal.outage, truth, by=rehearsal.as_("staff"), second=rehearsal.as_("clinician")
    )  # fmt: skip
    assert entered >= VISITS - 2

    manager = rehearsal.as_("manager")
    by_truth.let_go_rest(rehearsal.outage, truth, by=manager)
    found = board(rehearsal.outage, by=manager)
    assert [f"{row.title}: {row.missing}" for row in found.missing("clinical")] == []
    assert [one.is_equal for one in found.identities] == [True, True, True]
    counts, drugs = ({term.label: term.value for line in one.lines for term in line} for one in found.identities[:2])
    assert counts["rostered"] == VISITS and counts["no-shows"] == 3 and counts["walk-ins"] == 2
    assert counts["back-entered"] == counts["form sets scanned"] == VISITS - 3 + 2
    assert drugs["drawn on forms"] == drugs["taken out of bottles"] == sum(truth["drawn"].values()) > 0
    with read(rehearsal.clinic) as session:
        of_day = select(Appointment.id).where(Appointment.day == rehearsal.day)
        drawn = session.scalar(
            select(func.sum(DrugLogEntry.drawn)).where(
                DrugLogEntry.source == "paper", DrugLogEntry.appointment_id.in_(of_day)
            )
        )
        assert drawn == sum(truth["drawn"].values()), "each use once, whichever paper told it"
        stages = dict(session.execute(
            select(Appointment.stage, func.count()).where(Appointment.day == rehearsal.day).group_by(Appointment.stage)
        ).tuples().all())  # fmt: skip
        assert stages["no_show"] == 3 and stages["checked_out"] >= VISITS - 5
    close(rehearsal.outage, "clinical", by=manager)
    close_the_money(rehearsal, page_of, manager)
    with read(rehearsal.clinic) as session:
        assert audit.verify(session).bad_seq is None
        assert session.scalar(select(func.count()).where(AuditLog.action == "outage.closed")) == 2
    assert not screen.problems


def key_one(page, one):
    """A slip typed into the form as it lies there."""
    zone = ZoneInfo(ZONE)
    for label, text in (
        ("Slip no.", one.name), ("Total", f"{one.amount_cents / 100:.2f}"), ("Last four digits", one.last4),
        ("Card brand", one.brand), ("Authorization code", one.authorization),
        ("Time", f"{one.at.astimezone(zone):%H:%M}"), ("Visit no. or serial", str(one.visit)),
    ):  # fmt: skip
        page.get_by_role("textbox", name=label, exact=True).first.fill(text)
    page.get_by_role("button", name="Key the slip").click()
    page.get_by_text(f"Slip {one.name}, ").first.wait_for()


def close_the_money(rehearsal, page_of, manager):
    """The slips of the day keyed, two of them by hand, the batch matched, the money part closed by a click."""
    with read(rehearsal.clinic) as session:
        serials = session.scalars(select(FormSheet.serial).where(FormSheet.form == "card-slip")).all()
        clinic = session.get_one(Clinic, rehearsal.clinic)
    slips = till.deal_over(rehearsal.outage, rehearsal.day, serials, by=rehearsal.as_("staff"))
    assert len(slips) > VISITS // 2
    screen = page_of("staff", "/card-slips")
    for one in slips[:2]:
        key_one(screen, one)
    until(lambda: len(till.unkeyed(slips, by=manager)) == len(slips) - 2)
    assert till.key_rest(slips, rehearsal.day, by=rehearsal.as_("staff")) == len(slips) - 2
    with write(rehearsal.clinic) as session:
        definitions.save(session, PROCESSOR, till.TERMINAL, till.terminal(), by_user_id=None)
        audit.append(session, rehearsal.by, "rehearsal.went_on")
    batch = till.batch_of(slips, rehearsal.day + timedelta(days=1), clinic)
    import_settlement(batch, by=manager, name="batch.csv", make="mapping:plain", processor=till.TERMINAL)
    reconcile_days(rehearsal.day, by=manager)
    found = board(rehearsal.outage, by=manager)
    third = found.identities[-1]
    assert third.is_equal and sides(third.lines[0]) == [sum(one.amount_cents for one in slips)] * 3
    assert not third.note, "nothing is left for a later batch"
    left = [(row.entity, row.entity_id) for row in found.missing("money")]
    if left:
        waive_rows(rehearsal.outage, left, "Never billed", by=manager)
    screen = page_of("manager", f"/recovery?outage={rehearsal.outage}")
    screen.get_by_role("button", name="Close the money part").click()
    screen.get_by_role("dialog").get_by_role("button", name="Close and sign").click()

    def is_closed():
        with read(rehearsal.clinic) as session:
            return session.get_one(Outage, (rehearsal.clinic, rehearsal.outage)).money_closed_at is not None

    until(is_closed)
    assert not screen.problems
