"""The calendar, the roster and their dialogs, run through Streamlit's own test bench."""

from datetime import time

import pytest

from appointments import booking as rules
from data.types import clock
from tests.appointments.conftest import Desk, next_monday
from tests.screen import opened


@pytest.fixture
def desk(sqlite_clinic):
    return Desk(sqlite_clinic)


def page(clinic, script, user="sam", **query):
    return opened(clinic, user, script, **query)


def words(at):
    return " ".join(
        str(part.value) for kind in (at.markdown, at.caption, at.title, at.error, at.warning) for part in kind
    ).replace("\\", "")


def button(at, key):
    return next((one for one in at.button if one.key == key), None)


def test_the_calendar_tells_how_much_is_taken(desk):
    desk.book()
    at = page(desk.clinic, "appointments/calendar.py", day=next_monday().isoformat())
    assert "1 booked" in words(at)
    assert button(at, "cal_book") is not None


def test_an_appointment_is_opened_by_address_and_confirmed_moved_and_cancelled(desk):
    one = desk.book()
    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    assert "Bella" in words(at)
    button(at, "visit_confirm").click().run()
    assert desk.row(one).stage == "confirmed"

    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    at.date_input(key="visit_day").set_value(next_monday(1)).run()
    at.selectbox(key="visit_time").set_value("9:45\xa0AM").run()
    button(at, "visit_move").click().run()
    assert not at.error
    assert (desk.row(one).day, desk.row(one).starts_at.minute) == (next_monday(1), 45)

    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    button(at, "visit_cancel").click().run()
    assert "Say why the appointment is canceled" in words(at)
    at.selectbox(key="visit_reason").set_value("Client ill").run()
    button(at, "visit_cancel").click().run()
    assert (desk.row(one).stage, desk.row(one).cancel_reason) == ("cancelled", "Client ill")

    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    button(at, "visit_restore").click().run()
    assert desk.row(one).stage == "confirmed"


def test_cancelling_a_visit_with_a_deposit_asks_about_the_money(desk):
    from billing import checkout
    from billing.payments import Tender, take_payment

    one, by = desk.book(desk.patient(species="dog"), services=("dog-spay",)), desk.clinic.operator
    take_payment([checkout.open_ticket(one, by=by)], 2_500, Tender("cash"), by=by)
    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    at.selectbox(key="visit_reason").set_value("Client ill").run()
    button(at, "visit_cancel").click().run()
    assert "$25.00 was paid ahead for this visit" in words(at) and desk.row(one).stage == "booked"
    keep = at.checkbox(key="visit_keep")
    assert keep.label.replace("\\", "") == "The ticket keeps the $25.00 paid ahead"
    keep.check().run()
    button(at, "visit_cancel").click().run()
    assert desk.row(one).stage == "cancelled" and not at.exception


def test_a_known_client_is_booked_from_their_record(desk):
    from appointments.roster import roster

    client_id, _ = desk.patient()
    at = page(desk.clinic, "appointments/calendar.py", book=client_id)
    at.date_input(key="book_day").set_value(next_monday()).run()
    button(at, "book_save").click().run()
    assert not at.error
    assert [row.animal for row in roster(next_monday(), by=desk.clinic.operator)] == ["Bella"]


def test_a_full_day_says_so_and_is_not_booked(desk):
    desk.type("surgery", capacity=1)
    desk.book()
    client_id, _ = desk.patient("Milo")
    at = page(desk.clinic, "appointments/calendar.py", book=client_id)
    at.date_input(key="book_day").set_value(next_monday()).run()
    assert "All 1 places are taken" in words(at)
    button(at, "book_save").click().run()
    assert "1 of 1 places are taken" in words(at)


def test_a_walk_in_with_a_new_client_is_checked_in(desk):
    from appointments.roster import roster

    at = page(desk.clinic, "appointments/roster.py")
    button(at, "roster_walk_in").click().run()
    button(at, "book_new").click().run()
    at.text_input(key="book_last").set_value("Okafor").run()
    at.text_input(key="book_animal").set_value("Nala").run()
    button(at, "book_save").click().run()
    assert not at.error
    rows = roster(clock.today("America/New_York"), by=desk.clinic.operator)
    assert [(row.animal, row.owner, row.stage, row.walk_in) for row in rows] == [("Nala", "Okafor", "checked_in", True)]


def test_the_roster_counts_and_filters(desk):
    today = clock.today("America/New_York")
    by = desk.clinic.operator
    desk.book(day=today, by=by, overbook=True)
    missed = desk.book(day=today, by=by, overbook=True, time=time(0, 30))
    rules.mark_no_show(missed, version=desk.row(missed).version, by=by)
    at = page(desk.clinic, "appointments/roster.py")
    assert "2 booked" in words(at)
    assert "1 no-shows" in words(at)
    at.selectbox(key="roster_stage").set_value("No-show").run()
    assert "1 booked" in words(at)
    button(at, "roster_clear").click().run()
    assert "2 booked" in words(at)


def test_text_that_people_typed_is_never_markup(desk):
    nasty = "<img src=x onerror=alert(1)> **bold** [a](javascript:b) :material/bug:"
    one = desk.book(desk.patient(name=nasty[:100], last_name="<script>"), notes=nasty, caution=nasty)
    at = page(desk.clinic, "appointments/calendar.py", appointment=one)
    shown = [part.value for part in (*at.markdown, *at.warning)]
    assert any("alert" in text for text in shown)
    assert not any("<img" in text.replace("\\<", "") or "<script>" in text.replace("\\<", "") for text in shown)


def test_who_may_only_look_cannot_book(desk):
    from sqlalchemy import select

    from data.models import Definition
    from security.rules import act

    with act(desk.clinic.operator, "security.roles") as work:
        role = work.session.scalars(
            select(Definition).where(Definition.kind == "role", Definition.slug == "staff")
        ).one()
        body = dict(role.body)
        body["permissions"] = [name for name in body["permissions"] if name != "appointments.book"]
        role.body = body
        work.audit("role.changed", "role", "staff")
    at = page(desk.clinic, "appointments/calendar.py")
    assert button(at, "cal_book") is None
    assert button(page(desk.clinic, "appointments/roster.py"), "roster_walk_in") is None
