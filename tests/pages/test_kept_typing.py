"""No typed work is lost: what was typed into any form is there again for the same person in a new session, and only
for them; a newer version of a record never swallows it."""

import re
from time import monotonic

import pytest
from streamlit.testing.v1 import AppTest

from appointments import booking
from appointments.booking import Details
from billing import checkout
from records import clients
from records.clients import ClientForm
from security import drafts
from tests.appointments.conftest import Desk, next_monday
from tests.billing.visits import visit
from tests.conftest import ROOT


def opened(clinic, name, page, **query):
    """The page for this person in a browser that was never here before."""
    at = AppTest.from_file(ROOT / "pages" / "navigation.py", default_timeout=60)
    at.user = {"session": clinic.token(name)}
    at.run()
    for key, value in query.items():
        at.query_params[key] = value
    at.switch_page(page)
    at.run()
    assert not at.exception, at.exception
    return at


def captions(at):
    return " ".join(caption.value for caption in at.caption)


def test_a_half_typed_booking_is_there_again_and_only_for_who_typed_it(sqlite_clinic):
    Desk(sqlite_clinic)

    def begin(name):
        at = opened(sqlite_clinic, name, "appointments/calendar.py", day=next_monday().isoformat())
        at.button(key="cal_book").click().run()
        return at

    at = begin("sam")
    assert "Kept from" not in captions(at)
    at.button(key="book_new").click().run()
    at.text_input(key="book_last").set_value("Okafor").run()
    at.text_input(key="book_animal").set_value("Nala").run()
    at.text_input(key="book_notes").set_value("Hides under the sofa").run()
    at.date_input(key="book_day").set_value(next_monday(1)).run()

    again = begin("sam")
    assert "Kept from" in captions(again) and not again.exception
    typed = {name: again.text_input(key=f"book_{name}").value for name in ("last", "animal", "notes")}
    assert typed == {"last": "Okafor", "animal": "Nala", "notes": "Hides under the sofa"}
    assert again.date_input(key="book_day").value == next_monday(1)

    other = begin("mona")
    assert "Kept from" not in captions(other) and not [one for one in other.text_input if one.key == "book_last"]

    again.button(key="let-go-book:").click().run()
    assert "Kept from" not in captions(begin("sam"))


def test_a_saved_booking_leaves_no_draft_behind(sqlite_clinic):
    desk = Desk(sqlite_clinic)
    client_id, _ = desk.patient()
    at = opened(sqlite_clinic, "sam", "appointments/calendar.py", book=client_id)
    at.text_input(key="book_notes").set_value("Bring the papers").run()
    assert drafts.places(by=sqlite_clinic.actor("sam")) == [f"book:{client_id}"]
    at.date_input(key="book_day").set_value(next_monday()).run()
    at.button(key="book_save").click().run()
    assert not at.error and not at.exception
    assert drafts.places(by=sqlite_clinic.actor("sam")) == []


def test_a_stale_tab_keeps_what_was_typed_over_the_newer_appointment(sqlite_clinic):
    desk = Desk(sqlite_clinic)
    one = desk.book()
    at = opened(sqlite_clinic, "sam", "appointments/calendar.py", appointment=one)
    at.text_input(key="visit_notes").set_value("Muzzle").run()
    version = desk.row(one).version
    details = Details([], "", "", "Bites", None)
    booking.change(one, details, version=version, by=sqlite_clinic.actor("mona"))
    at.button(key="visit_save").click().run()
    assert (desk.row(one).caution, desk.row(one).notes) == ("Bites", ""), "nothing was written over"
    assert "saved a newer version" in at.warning[-1].value
    assert at.text_input(key="visit_notes").value == "Muzzle" and at.text_input(key="visit_caution").value == "Bites"
    at.button(key="visit_save").click().run()
    assert not at.error
    assert (desk.row(one).caution, desk.row(one).notes) == ("Bites", "Muzzle")


def test_a_stale_tab_keeps_what_was_typed_over_the_newer_client(sqlite_clinic):
    sam, mona = sqlite_clinic.actor("sam"), sqlite_clinic.actor("mona")
    one = clients.add(ClientForm("Lee", first_name="Ann"), by=mona)
    at = opened(sqlite_clinic, "sam", "clients/client.py", id=one)
    at.button(key=f"to_edit_client:{one}").click().run()
    at.text_input(key=f"client:{one}:city").set_value("Salem").run()
    held = clients.open_client(one, by=mona).client
    clients.change(one, ClientForm("Lee", first_name="Ann", phone="555-0101"), version=held.version, by=mona)
    at.button(key="save_changes").click().run()
    now = clients.open_client(one, by=sam).client
    assert (now.phone, now.city) == ("555-0101", "")
    assert any("saved a newer version" in warning.value for warning in at.warning)
    assert at.text_input(key=f"client:{one}:city").value == "Salem"
    at.button(key="save_changes").click().run()
    now = clients.open_client(one, by=sam).client
    assert (now.phone, now.city) == ("555-0101", "Salem")


def test_a_half_typed_payment_is_there_again(sqlite_clinic):
    invoice_id = checkout.open_ticket(visit(sqlite_clinic)[0], by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    at.text_input(key=f"pay:{invoice_id}:amount").set_value("20.00").run()
    at.text_input(key=f"pay:{invoice_id}:code").set_value("OK77").run()
    again = opened(sqlite_clinic, "sam", "today/ticket.py", id=invoice_id)
    assert again.text_input(key=f"pay:{invoice_id}:amount").value == "20.00"
    assert again.text_input(key=f"pay:{invoice_id}:code").value == "OK77"
    assert "Kept from" in captions(again)
    again.button(key=f"let-go-pay:{invoice_id}").click().run()
    assert again.text_input(key=f"pay:{invoice_id}:amount").value == "163.00"


@pytest.mark.browser
def test_a_reload_in_the_middle_of_a_booking_loses_nothing(browser, served):
    page = browser("mona", f"/appointments?day={next_monday()}")
    page.get_by_role("button", name="Book appointment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="New client").click()
    dialog.get_by_label("Last name").fill("Quimby")
    dialog.get_by_label("Notes").press_sequentially("Arrives by bus", delay=20)
    with served.clinic() as clinic:
        mona, ends = clinic.actor("mona"), monotonic() + 20
        while (drafts.load("book:", by=mona) or {}).get("notes") != "Arrives by bus":  # without leaving the field
            assert monotonic() < ends
            page.wait_for_timeout(200)
    page.reload()
    page.get_by_role("button", name="Book appointment").click()
    page.get_by_text(re.compile("^Kept from")).wait_for()
    assert dialog.get_by_label("Last name").input_value() == "Quimby"
    assert dialog.get_by_label("Notes").input_value() == "Arrives by bus"
    dialog.get_by_role("button", name="Discard").click()
    dialog.get_by_label("Client or patient").wait_for()
    assert page.problems == []
