"""The clinic's own fields from the editor in Settings to the dialogs of the front desk."""

from records import search
from records.settings import CustomField
from security import settings
from tests.appointments.conftest import Desk, next_monday
from tests.screen import opened


def button(at, key):
    return next(one for one in at.button if one.key == key)


def by_label(widgets, label):
    return next(one for one in widgets if one.label.removesuffix(" \\*") == label)


def words(at) -> str:
    kinds = (at.markdown, at.caption, at.error, at.warning)
    return " ".join(str(part.value) for kind in kinds for part in kind).replace("\\", "")


def test_a_field_made_in_settings_is_asked_at_the_booking_kept_changed_and_found(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="custom-field")
    button(at, "add").click().run()
    by_label(at.text_input, "Question").set_value("Trap number").run()
    by_label(at.selectbox, "Asked on").set_value("appointment").run()
    by_label(at.toggle, "An answer is needed").set_value(True).run()
    by_label(at.toggle, "Find clients by it").set_value(True).run()
    button(at, "save-custom-field-new").click().run()
    assert not at.exception and not at.error
    assert "Asked when an appointment is booked or opened. 0 records answer it." in words(at)
    assert any("{appointment.custom.trap-number}" in code.value for code in at.code)

    desk = Desk(sqlite_clinic)
    client, _ = desk.patient()
    at = opened(sqlite_clinic, "sam", "appointments/calendar.py", book=client)
    at.date_input(key="book_day").set_value(next_monday()).run()
    button(at, "book_save").click().run()
    assert "Trap number is needed" in words(at)
    at.text_input(key="book_own_trap-number").set_value("T-17").run()
    button(at, "book_save").click().run()
    assert not at.error
    found = search.find("t 17", by=sqlite_clinic.actor("sam"))
    assert [one.id for one in found] == [client]


def test_an_appointment_shows_its_answers_and_takes_others(sqlite_clinic):
    adam = sqlite_clinic.actor("adam")
    for slug, facts in {
        "ride": {"entity": "appointment", "label": "Needs a ride", "kind": "check", "required": True},
        "from": {"entity": "appointment", "label": "Comes from", "kind": "choice", "choices": ["Barn", "Dock"]},
    }.items():
        settings.save_definition("custom-field", slug, CustomField(**facts), expected=0, by=adam)
    desk = Desk(sqlite_clinic)
    one = desk.book()
    at = opened(sqlite_clinic, "sam", "appointments/roster.py", appointment=one)
    at.selectbox(key="visit_own_from").set_value("Dock").run()
    button(at, "visit_save").click().run()
    assert "Needs a ride is needed" in words(at)
    at.segmented_control(key="visit_own_ride").set_value("No").run()
    button(at, "visit_save").click().run()
    at = opened(sqlite_clinic, "sam", "appointments/roster.py", appointment=one)
    told = words(at)
    assert ":small[Comes from]  \nDock" in told and ":small[Needs a ride]  \nNo" in told
