"""The recovery board on screen: it teaches when nothing is open, shows what is missing, and lets a manager act."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from data.models import Appointment
from data.session import write
from data.types import clock
from outage.board import board
from outage.outages import change_times, current, declare, outage
from pages.components import recovery_board
from security import audit
from tests.conftest import ROOT
from tests.outage.paper_day import PaperDay


def opened(clinic, who="mona", page="paper/recovery.py"):
    at = AppTest.from_file(str(ROOT / "pages/navigation.py"), default_timeout=30)
    at.user = {"session": clinic.token(who)}
    at.run()
    at.switch_page(page)
    at.run()
    assert not at.exception, at.exception
    return at


def told(at) -> str:
    return " ".join(one.value for one in [*at.markdown, *at.caption, *at.success, *at.error, *at.title]).replace(
        "\\", ""
    )


def test_no_page_shows_what_its_code_says_of_itself(sqlite_clinic):
    for page in ("paper/recovery.py", "money/invoices.py"):
        assert "So many of" not in told(opened(sqlite_clinic, page=page)), page
        assert "How many lines" not in told(opened(sqlite_clinic, page=page)), page


def test_unused_sheets_of_one_print_are_offered_to_be_let_go_at_once(sqlite_clinic):
    day = PaperDay(sqlite_clinic)
    for number in ("B1", "B2", "B3"):
        day.sheet("drug-log", bottle=day.bottle(number))
    day.sheet("travel-sheet", day.visit("Luna"))
    found = board(day.id, by=sqlite_clinic.actor("mona"))
    (offered,) = recovery_board._unused(found)
    assert offered["label"] == "Choose the 3 unused sheets: Drug log"
    assert set(recovery_board.parts_of(found, tuple(offered["rows"]))) == {"clinical"}


def test_everybody_reads_of_an_outage_and_only_a_manager_may_change_it(sqlite_clinic):
    assert "Paper only" in told(opened(sqlite_clinic, "sam"))
    assert not [one for one in opened(sqlite_clinic, "sam").button if one.key == "outage_open"]
    one = declare("all", clock.now() - timedelta(hours=2), by=sqlite_clinic.operator)
    assert "On paper until it is over" in told(opened(sqlite_clinic, "sam", "appointments/roster.py"))
    acts = {"outage_over", "outage_times", "close_clinical", "close_money"}
    assert not acts & {button.key for button in opened(sqlite_clinic, "sam").button}
    assert acts & {button.key for button in opened(sqlite_clinic).button} == {"outage_over", "outage_times"}
    row = outage(one, by=sqlite_clinic.operator)
    change_times(one, None, clock.now(), version=row.version, by=sqlite_clinic.operator)
    assert acts - {"outage_over"} <= {button.key for button in opened(sqlite_clinic).button}
    assert "Not all of its paper is accounted for" in told(opened(sqlite_clinic, "sam", "appointments/roster.py"))


@pytest.mark.slow
@pytest.mark.browser
def test_an_outage_from_declaring_to_the_signed_reports(served, browser):
    page = browser("mona", "/recovery")
    page.get_by_role("button", name="Declare an outage").click(timeout=20_000)
    page.get_by_label("What failed").fill("No internet")
    page.get_by_role("button", name="Declare the outage").click()
    page.get_by_role("button", name="Say that it is over").wait_for(timeout=20_000)
    with served.clinic() as clinic:
        row = current(by=clinic.actor("sam"))
        assert row.reason == "No internet" and row.declared_by == "Mona Marsh"
        began = clock.now() - timedelta(minutes=2)
        change_times(row.id, began, None, version=row.version, by=clinic.operator)
        with write(clinic.id) as session:  # visits of tests before this one on the same app are not of this day
            for visit in session.scalars(select(Appointment)):
                visit.day -= timedelta(days=400)
            session.flush()
            audit.append(session, clinic.operator, "test.tidied", "appointment", "")
        day = PaperDay(clinic, outage=row.id, began=began)
        for name in ("Luna", "Rex"):
            day.sheet("travel-sheet", day.visit(name, stage="checked_out", starts=0))
        day.done("Kept", after=0)
    page.reload()
    page.get_by_role("button", name="Say that it is over").click(timeout=20_000)
    page.get_by_test_id("stDialog").get_by_role("button", name="Say that it is over").click()
    page.get_by_role("button", name="Visits, 2 of 3 open").wait_for(timeout=20_000)
    page.get_by_role("button", name="Close the clinical part").click()
    page.get_by_text("2 rows are open still").wait_for()
    page.keyboard.press("Escape")
    page.get_by_title("Show the rows behind this number").first.click()
    page.get_by_text("Kept · Chen, Ada").wait_for()
    page.get_by_role("button", name="Showing the rows behind 3 rostered").click()
    for what in ("Record and paper", "Both"):
        page.get_by_label("Choose all rows shown").check()
        page.get_by_text("2 rows chosen").wait_for()
        page.get_by_role("button", name="Let them go").click()
        if what != "Both":
            page.get_by_text(what, exact=True).click()
        page.get_by_label("Why").fill("Finished in the app, sheet never used")
        page.get_by_role("button", name="Let 2 rows go").click()
        page.get_by_test_id("stDialog").wait_for(state="detached", timeout=20_000)
        page.get_by_text("2 rows chosen").wait_for(state="hidden")
    page.get_by_role("button", name="Visits, 0 of 3 open").wait_for(timeout=20_000)
    page.get_by_text("Settled rows too").click()
    page.get_by_text("Let go by Mona Marsh: Finished in the app, sheet never used").first.wait_for()
    page.get_by_role("button", name="Take back").first.click()
    page.get_by_role("button", name="Visits, 1 of 3 open").wait_for(timeout=20_000)
    page.get_by_label("Choose all rows shown").check()
    page.get_by_role("button", name="Let it go").click()
    page.get_by_label("Why").fill("Again")
    page.get_by_role("button", name="Let this row go").click()
    for part in ("clinical", "money"):
        page.get_by_role("button", name=f"Close the {part} part").click(timeout=20_000)
        page.get_by_role("button", name="Close and sign").click(timeout=20_000)
        page.get_by_text(f"The {part} part is closed").wait_for(timeout=30_000)
    page.goto(served.url + "/recovery")
    page.get_by_text("No outage is open").wait_for(timeout=20_000)
    assert not page.problems, page.problems
    with served.clinic() as clinic:
        assert (
            current(by=clinic.actor("sam")) is None and len(board(day.id, by=clinic.operator).let_go("clinical")) == 2
        )
