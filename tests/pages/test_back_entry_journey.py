"""Back entry in a real browser, by keyboard alone: the scan beside the fields, nothing lost on the way, one save writes
the visit, and a second person verifies the drug lines."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from appointments import drug_log
from appointments.drug_log import NewBottle, balance
from data.models import Appointment, BackEntry, Drug, Exam, FlowEvent, FormSheet, Surgery
from data.session import read, write
from data.types import new_id
from outage.printing import print_for_appointment
from outage.scanning import scan_file
from tests.flow.conftest import Day
from tests.outage.test_scanning import cross, drawn, tiff

ZONE = ZoneInfo("America/New_York")
MARKS = {
    ("reproductive", "normal"), ("procedure", "spay"), ("sex_found", "female"), ("approved", "yes"),
    ("outcome", "checked_out"), ("services_done", "surgery"), ("abnormalities", "cryptorchid"),
}  # fmt: skip


def at(day, text):
    return datetime.combine(day, datetime.strptime(text, "%H:%M").time(), ZONE)


@pytest.fixture
def paper(served):
    """A visit of yesterday whose travel sheet was marked and scanned, one that nobody came to, and a bottle."""
    with served.clinic() as clinic:
        day = Day(clinic)
        yesterday = day.today - timedelta(days=1)
        visit = day.visit("Juniper", stage="booked", species="cat", services=["cat-spay"], day=yesterday)
        missed = day.visit("Pepper", stage="booked", species="cat", day=yesterday)
        with write(clinic.id) as session:
            for number, one in enumerate((visit, missed)):
                session.get_one(Appointment, (clinic.id, one)).starts_at = at(yesterday, f"08:0{number}")
            drug = session.scalars(select(Drug.id).where(Drug.code == "ketamine-100")).one()
        clara, sam = clinic.actor("clara"), clinic.actor("sam")
        number = f"K{new_id()[-6:]}"
        bottle = drug_log.receive(NewBottle(drug, number, 10_000, yesterday), by=clara)
        drug_log.open_bottle(bottle, by=clara)
        printed = print_for_appointment("travel-sheet", visit, by=sam)
        pages = drawn(printed.pdf)
        for picture, page in zip(pages, printed.pages, strict=True):
            cross(picture, page["zones"], MARKS)
        lines = scan_file("yesterday.tiff", tiff(pages), by=sam)
        assert {line.state for line in lines} == {"attached"}
        yield yesterday, visit, missed, (number, bottle)


def key_of(page):
    return page.evaluate(
        "() => [...document.querySelectorAll('*')].find(one => one.shadowRoot?.querySelector('.entry'))"
        ".shadowRoot.activeElement?.dataset.key?.split(' ')[1] ?? ''"
    )


def fill(page, typed, until):
    """Go on with Enter from field to field, typing where something is to be typed."""
    for _ in range(120):
        key = key_of(page)
        if key in typed:
            page.keyboard.type(typed[key])
        if key == until:
            return
        page.keyboard.press("Enter")
    raise AssertionError(f"never came to {until}")


@pytest.mark.slow
@pytest.mark.browser
def test_a_travel_sheet_is_keyed_by_keyboard_alone(browser, served, paper):
    yesterday, visit, _, (number, bottle) = paper
    page = browser("sam", f"/back-entry?id={visit}")
    page.get_by_role("heading", name="Juniper").wait_for(timeout=30_000)
    form = page.locator(".entry")
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].find(one => one.shadowRoot?.querySelector('.entry'))"
        ".shadowRoot.querySelector('.crop .ink')?.style.backgroundImage.startsWith('url(\"blob:')"
    )
    assert key_of(page) == "weight", "the first field that needs a person"
    chosen = form.get_by_role("radio", checked=True)
    assert chosen.all_inner_texts() == ["1\nNormal"], "critical answers wait for a person, though they were read"

    fill(page, {"weight": "34", "exam_at": "915"}, "temperature")
    form.get_by_text("Kept.").wait_for()
    page.reload()
    page.get_by_role("heading", name="Juniper").wait_for(timeout=30_000)
    assert form.get_by_label("Weight", exact=False).first.input_value() == "34", "a reload loses nothing"
    form.get_by_label("Weight", exact=False).first.focus()
    typed = {
        "temperature": "101.5", "exam_at": "915", "pulse": "180", "respiration": "30", "sex_found": " ",
        "approved": " ",         "drugs.1.bottle": number.lower(), "drugs.1.drawn": "0.3", "drugs.1.given": ".3",
        "drugs.1.time": "945",
        "drugs.1.by": "CC", "procedure": " ", "surgeon": "Chen", "surgery_start": "1000", "surgery_end": "1020",
        "extubated_at": "1025", "outcome": "1", "released_at": "215", "released_to": "Ada Marsh", "vet_signature": "1",
    }  # fmt: skip
    fill(page, typed, "vet_signature")
    page.keyboard.press("Control+Enter")
    form.get_by_text(re.compile("Juniper is entered: checked out")).wait_for()
    with served.clinic() as clinic, read(clinic.id) as session:
        exam = session.scalars(select(Exam).where(Exam.appointment_id == visit)).one()
        surgery = session.scalars(select(Surgery).where(Surgery.appointment_id == visit)).one()
        left = session.scalars(select(FlowEvent).where(FlowEvent.appointment_id == visit)).all()
        assert (exam.weight_grams, exam.event_at, exam.source) == (34_000, at(yesterday, "09:15"), "paper")
        assert exam.abnormalities == ["cryptorchid"] and exam.reproductive == "normal"
        assert (surgery.procedure, surgery.surgeon_id) == ("spay", served.users["clara"])
        assert max(left, key=lambda one: one.id).event_at == at(yesterday, "14:15")
        assert session.get_one(Appointment, (clinic.id, visit)).stage == "checked_out"
        assert balance(session, bottle) == 9_700
    assert page.problems == []


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.browser
def test_what_cannot_be_read_is_told_at_its_field_and_a_second_person_verifies(browser, served, paper):
    _, visit, missed, (number, _) = paper
    page = browser("sam", f"/back-entry?id={visit}")
    page.get_by_role("heading", name="Juniper").wait_for(timeout=30_000)
    form = page.locator(".entry")
    typed = {"weight": "340", "sex_found": " ", "approved": " ", "procedure": " ", "outcome": " ",
             "drugs.1.bottle": number + "8", "drugs.1.drawn": "0.3", "vet_signature": "1"}  # fmt: skip
    fill(page, typed, "vet_signature")
    page.keyboard.press("Control+Enter")
    form.get_by_text("2 answers need another look").wait_for()
    assert key_of(page) == "weight"
    page.keyboard.type("3.4")
    form.get_by_text(re.compile(f"There is no bottle {number}8. Did you mean {number}")).wait_for()
    form.get_by_role("textbox", name="Bottle, line 1").fill(number)
    assert not page.get_by_role("button", name=re.compile("to look at")).count()
    page.keyboard.press("Control+Enter")
    form.get_by_text(re.compile("Juniper is entered: checked out")).wait_for()
    page.get_by_role("button", name=re.compile("to look at")).wait_for()  # the head counts it at once

    clara = browser("clara", f"/back-entry?id={visit}")
    clara.get_by_role("button", name=re.compile("Drug lines are right")).wait_for(timeout=30_000)
    clara.get_by_role("button", name=re.compile("Drug lines are right")).focus()
    clara.keyboard.press("Control+Enter")
    clara.get_by_text("The drug lines are verified.").wait_for()
    with served.clinic() as clinic, read(clinic.id) as session:
        sheet = session.scalars(select(FormSheet.id).where(FormSheet.appointment_id == visit)).one()
        row = session.scalars(select(BackEntry).where(BackEntry.form_sheet_id == sheet)).one()
        assert (row.state, row.verified_by_id) == ("verified", served.users["clara"])

    page = browser("sam", f"/back-entry?id={missed}")
    page.get_by_role("heading", name="Pepper").wait_for(timeout=30_000)
    page.get_by_role("button", name=re.compile("no-show")).focus()
    page.keyboard.press("Alt+n")
    page.get_by_text("Pepper is a no-show.").wait_for()
    assert page.problems == [] and clara.problems == []
