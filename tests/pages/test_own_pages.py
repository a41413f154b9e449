"""My account, screens, the wall board and the first run, as a person drives them."""

from dataclasses import replace
from datetime import UTC, datetime
from html import escape

import pytest

from records import clients, patients
from records.clients import ClientForm
from records.patients import PatientForm
from security import devices, own_access, sign_in
from security.clinics import clinic_of
from tests.conftest import PASSWORD
from tests.screen import opened, start, told


def test_a_person_changes_their_own_password(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "account/my_account.py")
    at.text_input(key="own_now").input(PASSWORD)
    at.text_input(key="own_new").input("four-new-words-here")
    at.text_input(key="own_again").input("four-new-words-here")
    next(button for button in at.button if button.label == "Change password").click().run()
    assert "Your password is changed" in at.success[0].value
    assert sign_in.check_password("sam", "four-new-words-here") is not None


def test_a_refused_pin_says_why(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "account/my_account.py")
    at.text_input(key="own_pin_digits").input("123456")
    at.text_input(key="own_pin_now").input(PASSWORD)
    next(button for button in at.button if button.label == "Set PIN").click().run()
    assert "among the first that are tried" in at.error[0].value
    assert not own_access.own_access(by=sqlite_clinic.actor("sam")).has_pin


def test_an_administrator_makes_a_code_that_enrols_a_board(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/screens.py")
    at.text_input(key="device_name").input("Recovery room")
    at.button(key="device_make").click().run()
    code = at.session_state["_device_code"]
    kind, token = devices.enrol(code)
    assert kind == "display"
    wall = start(token)
    assert len(wall.sidebar.button) == 0, "a board has no way out and no menu"
    assert not wall.error and not wall.exception
    assert escape(clinic_of(sqlite_clinic.id).name) in told(wall)


@pytest.mark.parametrize(("shows", "title"), [("number", "12"), ("initials", "RB"), ("patient", "Rory Bell")])
def test_a_board_shows_what_was_chosen_and_of_a_closed_record_only_the_number(shows, title):
    from appointments.flow import Card
    from pages.components.wall_tile import tile
    from records.access import NAME

    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    card = Card("a", 12, "Rory Bell", "dog", "male", "Bell", "booked", at, 0, (), "", "", None, False, False, False,
                at, at.date(), False)  # fmt: skip
    assert tile(card, shows).startswith(f"<p><b>{title}</b>")
    assert tile(replace(card, patient=NAME), shows).startswith("<p><b>12</b>")


def test_staff_do_not_reach_the_screens(sqlite_clinic):
    at = start(sqlite_clinic.token("sam"))
    with pytest.raises(ValueError, match="screens"):
        at.switch_page("settings/screens.py")
        at.run()
        if not [title for title in at.title if title.value == "Displays and stations"]:
            raise ValueError("screens are not reached")


def test_an_empty_home_is_greeted_by_the_first_run(tmp_path, monkeypatch):
    from data.engine import use

    use(None)
    monkeypatch.setattr("opening.start.is_loopback", lambda address: True)
    monkeypatch.setenv("BALLAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
    at = start()
    at.text_input(key="clinic_name").input("Paws & Tails")
    at.text_input(key="owner_name").input("Olga Owner")
    at.text_input(key="owner_username").input("olga")
    at.text_input(key="owner_password").input("stone-lamp-river-9")
    at.text_input(key="owner_again").input("stone-lamp-river-9")
    next(button for button in at.button if button.label == "Set up the clinic").click().run()
    assert not at.exception
    assert [error.value for error in at.error] == []
    assert str(tmp_path / "key") in [code.value for code in at.code]
    assert sign_in.check_password("olga", "stone-lamp-river-9").must_enrol
    use(None)


def test_two_clients_to_merge_are_told_apart_by_what_hangs_on_them(sqlite_clinic):
    by = sqlite_clinic.operator
    stays, goes = (clients.add(ClientForm("Lee", first_name=name), by=by) for name in ("Ann", "Anne"))
    for client_id, names in ((stays, ("Rex",)), (goes, ("Ida", "Uma"))):
        for name in names:
            patients.add(client_id, PatientForm(name, species="cat"), by=by)
    at = opened(sqlite_clinic, "mona", "clients/merge.py", stays=stays, goes=goes)
    told = [caption.value for caption in at.caption]
    assert "Ann Lee · 1 patient" in told and "Anne Lee · 2 patients" in told
