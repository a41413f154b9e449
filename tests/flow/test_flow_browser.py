"""The board in real browsers: drag, click and keys; two stations see each other; a conflict loses nothing."""

import re
from datetime import timedelta

import pytest

from appointments import drug_log, flow
from appointments import drug_register as register
from appointments.drug_log import NewBottle
from appointments.stages import ON_SITE
from data.models import UserSession
from data.session import read, write
from data.types import clock

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def column(page, stage):
    return page.locator(f'.col[data-column="{stage}"]')


def card(page, stage, name):
    return column(page, stage).locator(".card", has_text=name)


def settled(page):
    """Wait until the server has answered every move."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)
                 .every(root => !root.querySelector('.card.pending'))"""
    )


def board(browser, who, **look):
    page = browser(who, "/flow", **look)
    page.locator(".board .lanes").wait_for(timeout=20_000)
    return page


def drag(page, source, target):
    start, end = source.bounding_box(), target.bounding_box()
    page.mouse.move(start["x"] + 30, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 60, start["y"] + 30, steps=4)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 60, steps=8)
    page.mouse.up()


@pytest.fixture
def day(served, day_in):
    """Visits in the running app's clinic; those of earlier tests leave the board."""
    with served.clinic() as clinic:
        for old in flow.board(day_in(clinic).today, by=clinic.operator):
            if old.stage in ON_SITE:
                flow.advance(old.id, old.stage, "checked_out", by=clinic.operator)
        yield day_in(clinic)


@pytest.mark.slow
def test_a_patient_goes_from_arrival_to_ready_by_click_drag_and_keys_on_two_stations(day, browser):
    visit = day.visit(patient="Momo", stage="booked")
    day.visit(patient="Zed", stage="recovering")
    front, back = board(browser, "sam"), board(browser, "clara")
    card(front, "expected", "Momo").locator(".go").click()
    card(front, "checked_in", "Momo").wait_for(timeout=1_000)
    settled(front)
    card(back, "checked_in", "Momo").wait_for(timeout=8_000)
    drag(back, card(back, "checked_in", "Momo"), column(back, "examined"))
    card(back, "examined", "Momo").wait_for(timeout=1_000)
    settled(back)
    card(front, "examined", "Momo").wait_for(timeout=8_000)
    front.keyboard.press("/")
    front.keyboard.type("momo")
    front.keyboard.press("ArrowDown")
    for stage in ("premedicated", "induced", "in_surgery", "recovering", "ready"):
        front.keyboard.press("Enter")
        card(front, stage, "Momo").wait_for(timeout=2_000)
        settled(front)
    assert day.stage_of(visit) == "ready"
    front.keyboard.press("Backspace")
    card(front, "recovering", "Momo").wait_for(timeout=5_000)
    front.keyboard.press("Enter")
    card(front, "ready", "Momo").wait_for(timeout=2_000)
    settled(front)
    card(back, "ready", "Momo").wait_for(timeout=8_000)
    lines = flow.timeline(visit, by=day.clinic.operator)
    assert [line.to_stage for line in lines if not line.undone and not line.undoes] == [
        "checked_in", "examined", "premedicated", "induced", "in_surgery", "recovering", "ready",
    ]  # fmt: skip
    assert sum(line.undoes for line in lines) == 1
    assert not [problem for problem in front.problems + back.problems if "404" not in problem]


def test_two_stations_move_one_patient_at_once_and_the_later_hears_it_calmly(day, browser):
    visit = day.visit(patient="Kiki", stage="checked_in")
    front, back = board(browser, "sam"), board(browser, "clara")
    card(back, "checked_in", "Kiki").wait_for()
    # both see Kiki at Checked in; the stations act before the next refresh of either
    card(front, "checked_in", "Kiki").locator(".go").click()
    drag(back, card(back, "checked_in", "Kiki"), column(back, "premedicated"))
    settled(front)
    settled(back)
    moves = [(line.from_stage, line.to_stage) for line in flow.timeline(visit, by=day.clinic.operator)]
    told = front.locator(".toast").text_content() + back.locator(".toast").text_content()
    assert len(moves) == 1
    assert re.search(r"Kiki: (Sam Stone|Clara Chen) already moved this patient to", told)
    stage = day.stage_of(visit)
    for page in (front, back):
        card(page, stage, "Kiki").wait_for(timeout=8_000)


def test_many_quick_moves_are_all_kept(day, browser):
    visits = [day.visit(patient=f"Quick{n}", stage="checked_in") for n in range(8)]
    page = board(browser, "sam")
    for n in range(8):
        card(page, "checked_in", f"Quick{n}").locator(".go").click()
    settled(page)
    assert [day.stage_of(visit) for visit in visits] == ["examined"] * 8


def test_names_on_the_board_are_text_and_a_reason_is_asked_for_an_exit(day, browser):
    visit = day.visit(patient="<img src=x onerror=alert(1)>", stage="examined", caution="<b>bites</b>")
    page = board(browser, "sam")
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    shown = column(page, "examined").locator(".card")
    assert shown.locator(".name").text_content() == "<img src=x onerror=alert(1)>"
    assert shown.locator("img, b").count() == 0
    shown.hover()
    shown.locator(".more").click()
    page.locator("dialog button", has_text="Declined").click()
    page.locator("dialog .main").click()
    assert day.stage_of(visit) == "examined"
    page.locator("dialog input").fill("fever")
    page.keyboard.press("Enter")
    settled(page)
    assert day.stage_of(visit) == "declined"
    assert flow.timeline(visit, by=day.clinic.operator)[-1].reason == "fever"


def test_on_a_phone_one_column_with_a_stage_picker(day, browser):
    visit = day.visit(patient="Pico", stage="in_surgery")
    page = board(browser, "sam", phone=True)
    page.locator(".picker button", has_text="In surgery").click()
    assert page.locator(".col:visible").count() == 1
    button = card(page, "in_surgery", "Pico").locator(".go")
    assert button.bounding_box()["height"] >= 44
    button.click()
    settled(page)
    assert day.stage_of(visit) == "recovering"


@pytest.mark.slow
def test_a_card_opens_the_record_and_an_exam_is_saved_there_with_its_drugs(day, browser):
    clinic = day.clinic
    visit = day.visit(patient="Dora", stage="checked_in")
    drug = next(id for id, name in register.drugs(by=clinic.operator).items() if name.startswith("Midazolam"))
    bottle = drug_log.receive(NewBottle(drug, f"T-{visit[-6:]}", 10_000, day.today), by=clinic.operator)
    drug_log.open_bottle(bottle, by=clinic.operator)
    page = board(browser, "sam")
    card(page, "checked_in", "Dora").click(position={"x": 20, "y": 30})
    page.get_by_role("heading", name="Dora").wait_for()
    assert visit in page.url
    page.get_by_role("textbox", name="Weight, kg").fill("3.2")
    page.get_by_role("textbox", name="Temperature, °F").fill("101.5")
    page.get_by_role("textbox", name="Pulse").fill("a lot")
    page.get_by_role("button", name="Save exam").click()
    page.get_by_text("'a lot' is not a number for the pulse").wait_for()
    page.get_by_role("textbox", name="Pulse").fill("160")
    page.get_by_role("button", name="Save exam").click()
    page.get_by_text("Saved the exam").wait_for()
    page.get_by_role("button", name="Move to Examined").last.click()
    page.get_by_role("textbox", name="Given").wait_for()
    page.get_by_role("textbox", name="Given").fill("0.16")
    page.get_by_role("button", name="Log the drug").click()
    page.get_by_role("cell", name="0.16 mL").wait_for()
    from appointments import clinical

    exam = clinical.visit(visit, by=clinic.operator).exam
    assert (exam.weight_grams, exam.temperature_hundredths, exam.pulse) == (3_200, 3_861, 160)
    assert register.register(bottle, by=clinic.operator)[0].balance == 9_840
    assert day.stage_of(visit) == "examined"


@pytest.mark.slow
def test_a_bottle_is_received_opened_and_counted_and_a_difference_asks_for_its_reason(day, browser):
    clinic = day.clinic
    page = browser("clara", "/drug-log")
    page.get_by_role("button", name="Receive bottle").click()
    page.get_by_role("textbox", name="Bottle number").fill("K-7")
    page.get_by_role("button", name="Receive the bottle").click()
    page.get_by_text("Bottle K-7 is in stock").wait_for()
    bottle = next(row for row in register.bottles(by=clinic.operator) if row.number == "K-7")
    assert (bottle.balance, bottle.state) == (10_000, "in stock")
    drug_log.open_bottle(bottle.id, by=clinic.operator)
    page.reload()
    page.get_by_role("button", name="Do the AM count").click()
    page.get_by_role("textbox", name=re.compile("K-7")).fill("9.9")
    page.get_by_role("button", name="Save the AM count").click()
    page.get_by_text("Write down the reason: the count differs from the log").wait_for()
    place = page.get_by_role("textbox", name=re.compile("K-7")).locator("xpath=following::input[1]")
    place.fill("meniscus")
    if bottle.needs_witness:
        page.get_by_role("combobox", name=re.compile("Witness")).click()
        page.get_by_role("option", name="Sam Stone").click()
    page.get_by_role("button", name="Save the AM count").click()
    page.get_by_text("1 count saved").wait_for()
    row = next(row for row in register.reconciliation(day.today, by=clinic.operator) if row.bottle.id == bottle.id)
    assert (row.am, row.am_expected, row.reasons) == (9_900, 10_000, ("meniscus",))


def test_the_board_refreshes_by_itself_without_counting_as_input_and_a_move_counts(day, browser):
    day.visit(patient="Idle", stage="checked_in")
    page = board(browser, "mona")
    mona = day.clinic.users["mona"]

    def newest():
        with read(day.clinic.id) as session:
            rows = [row for row in session.query(UserSession).all() if row.user_id == mona]
            return max(rows, key=lambda row: row.entered_at)

    old = clock.now() - timedelta(minutes=5)
    with write(day.clinic.id) as session:
        session.get_one(UserSession, (day.clinic.id, newest().id)).last_input_at = old
    seen = day.visit(patient="Later", stage="checked_in")
    card(page, "checked_in", "Later").wait_for(timeout=10_000)
    assert newest().last_input_at - old < timedelta(seconds=1)
    card(page, "checked_in", "Later").locator(".go").click()
    settled(page)
    assert day.stage_of(seen) == "examined"
    assert newest().last_input_at - old > timedelta(minutes=4)
