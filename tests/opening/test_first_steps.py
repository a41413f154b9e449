"""A new clinic is told what to do first, from its own data, and no longer than it needs."""

from datetime import time, timedelta

import pytest
from sqlalchemy import select

from appointments.booking import Booking, book
from data.errors import NotFound, NotPermitted
from data.models import AuditLog, Location, User
from data.session import read, write
from data.types import clock
from opening.first_steps import NEEDS, RUNNING, are_hidden, first_steps, hide_first_steps, settle_step
from records import clients, patients
from records.clients import ClientForm
from records.patients import PatientForm
from security import settings
from tests.screen import opened, start, told

DONE_AT_FIRST = {"people"}


def done(by):
    found = first_steps(by=by)
    return None if found is None else {step.name for step in found.steps if step.done}


def add_patient(by):
    client = clients.add(ClientForm("Reyes", "Ana", phone="(555) 010-1234"), by=by)
    patient = patients.add(client, PatientForm("Bella", "cat", sex="female"), by=by)
    return client, patient


def book_on(clinic, ahead, client, patient, by):
    with read(clinic.id) as session:
        place = session.scalar(select(Location.id))
    day = clock.today("America/New_York") + timedelta(days=ahead)
    day += timedelta(days=(7 - day.weekday()) % 7)
    return book(Booking(client, patient, place, "recheck", day, time(8)), by=by, overbook=True)


def change(kind, slug, by, **fields):
    now = {entry.slug: entry for entry in settings.entries(kind, by=by)}.get(slug)
    body, number = (now.body, now.number) if now else ({}, 0)
    settings.save_definition(kind, slug, body | fields, expected=number, by=by)


def test_each_step_is_done_when_the_data_say_so_and_the_list_goes_when_all_are(clinic):
    by = clinic.actor("adam")
    assert [step.name for step in first_steps(by=by).steps] == list(NEEDS)
    assert done(by) == DONE_AT_FIRST, "four others work here already; nothing else was done"

    change("clinic-profile", "clinic", by, address="12 Harbor Rd")
    assert done(by) == DONE_AT_FIRST, "an address without a telephone number is half a profile"
    change("clinic-profile", "clinic", by, phone="(845) 555-0140")
    change("location", "main", by, opening={"0": ["07:30", "15:00"]})
    change("service", "rabies", by, price_cents=2_000)
    assert done(by) == DONE_AT_FIRST | {"profile", "opening-days", "prices"}

    change("clinic-profile", "clinic", by, off_site_backup="/mnt/elsewhere")
    with write(clinic.id) as session:
        for user in session.scalars(select(User).where(User.role.in_(("owner", "administrator")))):
            user.totp_secret = b"sealed"
    client, patient = add_patient(by)
    assert done(by) == set(NEEDS) - {"appointment"}
    book_on(clinic, 1, client, patient, by)
    assert first_steps(by=by) is None, "all is done: the list is gone"


def test_what_is_right_as_shipped_is_settled_by_a_word_and_only_that(clinic):
    by = clinic.actor("olive")
    settle_step("opening-days", by=by)
    settle_step("opening-days", by=by)
    settle_step("prices", by=by)
    assert done(by) == DONE_AT_FIRST | {"opening-days", "prices"}
    assert not any(step.may_settle for step in first_steps(by=by).steps)
    with pytest.raises(NotFound):
        settle_step("off-site", by=by)
    with read(clinic.id) as session:
        settled = session.scalars(select(AuditLog.action).where(AuditLog.action == "first_steps.settled")).all()
    assert len(settled) == 2, "saying it twice says it once"


def test_the_list_is_hidden_for_the_whole_clinic_and_comes_back(clinic):
    olive, adam = clinic.actor("olive"), clinic.actor("adam")
    assert not are_hidden(by=adam)
    hide_first_steps(by=olive)
    assert first_steps(by=adam) is None and are_hidden(by=adam)
    hide_first_steps(hidden=False, by=adam)
    assert first_steps(by=olive) is not None


def test_a_running_clinic_is_left_alone_and_staff_are_not_asked(clinic):
    by = clinic.actor("adam")
    for rule in (first_steps, are_hidden, hide_first_steps):
        with pytest.raises(NotPermitted):
            rule(by=clinic.actor("mona"))
    client, patient = add_patient(by)
    for week in range(RUNNING):
        assert first_steps(by=by) is not None
        book_on(clinic, 1 + 7 * week, client, patient, by)
    assert first_steps(by=by) is None and not are_hidden(by=by)


def test_only_those_who_manage_users_need_a_second_factor(clinic):
    by = clinic.actor("adam")
    with write(clinic.id) as session:
        for user in session.scalars(select(User)):
            user.totp_secret = b"sealed" if user.role == "owner" else None
    assert "second-factor" not in done(by), "the administrator has none"
    with write(clinic.id) as session:
        session.scalars(select(User).where(User.role == "administrator")).one().totp_secret = b"sealed"
    assert "second-factor" in done(by)


def test_home_shows_the_list_to_those_who_set_the_clinic_up_until_they_hide_it(sqlite_clinic):
    at = start(sqlite_clinic.token("adam"))
    assert not at.exception
    assert "Fill in the clinic profile" in told(at) and "1 of 8 done" in told(at)
    assert "First steps" not in told(start(sqlite_clinic.token("sam")))
    hide_first_steps(by=sqlite_clinic.actor("olive"))
    assert "First steps" not in told(start(sqlite_clinic.token("adam")))
    at = opened(sqlite_clinic, "adam", "settings/index.py")
    at.button(key="first_steps_show").click().run()
    assert not are_hidden(by=sqlite_clinic.actor("adam"))
