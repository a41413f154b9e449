"""The front desk in a real browser: a new client is booked, found in the calendar, moved by a typed time, cancelled,
taken back, checked in from the roster."""

import re

import pytest
from sqlalchemy import select

from data.models import Appointment, Patient
from data.session import read
from tests.appointments.conftest import next_monday


def appointment_of(served, animal):
    with served.clinic() as clinic, read(clinic.id) as session:
        joined = select(Appointment).join(Patient, Patient.id == Appointment.patient_id).where(Patient.name == animal)
        return session.scalars(joined).one()


@pytest.mark.slow
@pytest.mark.browser
def test_book_move_cancel_and_take_back(browser, served):
    monday = next_monday()
    page = browser("sam", f"/appointments?day={monday}")
    page.get_by_role("button", name="Book appointment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="New client").click()
    dialog.get_by_label("Last name").fill("Okafor")
    dialog.get_by_label("Patient's name").fill("Nala")
    dialog.get_by_label("Patient's name").press("Tab")
    dialog.get_by_role("button", name=re.compile("^Book for Mon")).click()
    page.get_by_text(re.compile("^Booked for Mon")).wait_for()
    assert appointment_of(served, "Nala").day == monday

    page.get_by_role("button", name=re.compile("Nala, Okafor")).click()
    page.get_by_role("heading", name=re.compile("Nala")).wait_for()
    time = dialog.get_by_role("combobox", name="New time")
    time.click()
    time.fill("9:40")
    time.press("Enter")
    dialog.get_by_role("button", name=re.compile("^Move to Mon.*9:40")).click()
    page.get_by_text(re.compile("^Moved to Mon")).wait_for()
    assert appointment_of(served, "Nala").starts_at.minute == 40

    page.get_by_role("button", name=re.compile("Nala, Okafor")).click()
    dialog.get_by_role("tab", name="Cancel").click()
    dialog.get_by_role("combobox", name="Reason").click()
    page.get_by_role("option", name="Client ill").click()
    dialog.get_by_role("button", name="Cancel appointment").click()
    page.get_by_text("The appointment of Nala is canceled.").wait_for()
    assert (appointment_of(served, "Nala").stage, appointment_of(served, "Nala").cancel_reason) == (
        "cancelled",
        "Client ill",
    )

    page.get_by_text("1 canceled or missed").click()
    page.get_by_role("button", name=re.compile("Nala, Okafor")).click()
    dialog.get_by_role("button", name="Undo cancellation").click()
    page.get_by_text("Nala is booked again.").wait_for()
    assert appointment_of(served, "Nala").stage == "booked"
    assert page.problems == []


@pytest.mark.slow
@pytest.mark.browser
def test_the_roster_checks_in_with_one_click_and_prints(browser, served):
    from tests.appointments.conftest import Desk

    with served.clinic() as clinic:
        from data.types import clock

        desk = Desk(clinic)
        desk.book(
            desk.patient("Milo", "Abbott"), day=clock.today("America/New_York"), by=clinic.operator, overbook=True
        )
    page = browser("sam", "/roster")
    page.get_by_role("button", name="Check in Milo, Abbott, Ana").click()
    page.get_by_text("Milo is checked in.").wait_for()
    assert appointment_of(served, "Milo").stage == "checked_in"
    with page.expect_download() as download:
        page.get_by_role("button", name="Print roster").click()
    assert download.value.suggested_filename.endswith(".pdf")
    with download.value.path().open("rb") as file:
        assert file.read(5) == b"%PDF-"
    assert page.problems == []


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("path", ["/appointments", "/roster"])
def test_nothing_is_wider_than_a_phone(browser, path):
    page = browser("sam", path, phone=True)
    page.get_by_role("button", name="Take a walk-in").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.problems == []


@pytest.mark.slow
@pytest.mark.browser
def test_the_calendar_is_walked_by_arrow_keys(browser, served):
    from tests.appointments.conftest import Desk

    with served.clinic() as clinic:
        desk = Desk(clinic)
        desk.book(desk.patient("Ada", "Abbott"), by=clinic.operator)
        desk.book(desk.patient("Bo", "Baker"), by=clinic.operator)
    page = browser("sam", f"/appointments?day={next_monday()}")
    page.get_by_role("button", name=re.compile("Ada, Abbott")).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("Bo · Baker")).wait_for()
