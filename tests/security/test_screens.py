"""Wall boards and shared stations: enrolled once by a code, revocable at once, read-only; PINs that run out."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select

from appointments import flow
from data.errors import NotPermitted, SessionEnded
from data.models import UserSession
from data.session import read
from data.types import clock
from security import devices, own_access, second_factor, sessions, sign_in
from security.rules import act, look
from tests.conftest import PASSWORD

PIN = "582913"


def screen(clinic, kind="display", shows="initials"):
    code = devices.make_code(kind, "Recovery room", shows, by=clinic.actor("adam"))
    return devices.enrol(code.lower())[1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(devices, "FAILURE_TAKES", 0)
    monkeypatch.setattr(devices, "slow_down", lambda address: None)
    monkeypatch.setattr(sign_in, "FAILURE_TAKES", 0)


def test_only_those_allowed_make_codes(clinic):
    with pytest.raises(NotPermitted):
        devices.make_code("display", "Mine", by=clinic.actor("sam"))


def test_a_code_enrols_one_screen_within_a_quarter_of_an_hour(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    code = devices.make_code("display", "Recovery room", by=clinic.actor("adam"))
    late = devices.make_code("display", "Late", by=clinic.actor("adam"))
    assert devices.enrol(code) is not None
    assert devices.enrol(code) is None
    assert devices.enrol("ABCD-EFGH") is None
    clock.set(start + timedelta(minutes=15))
    assert devices.enrol(late) is None


def test_a_wall_board_reads_the_flow_and_nothing_else_and_writes_nothing(clinic):
    who = sessions.resume(screen(clinic), touch=False)
    assert (who.kind, who.actor.user_id) == ("display", None)
    assert flow.board(clock.today("America/New_York"), by=who.actor) == []
    with pytest.raises(NotPermitted):
        look(who.actor, "clients.view").__enter__()
    for permission in ("flow.move", "flow.view", None):
        with pytest.raises(NotPermitted), act(who.actor, permission):
            pass


def test_a_wall_board_outlasts_the_idle_time_and_ends_when_taken_away(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    token = screen(clinic)
    clock.set(start + timedelta(days=30))
    who = sessions.resume(token, touch=False)
    devices.revoke(who.actor.session_id, by=clinic.actor("adam"))
    assert not sessions.token_is_live(token)
    with pytest.raises(SessionEnded):
        flow.board(clock.today("America/New_York"), by=who.actor)


def test_a_station_opens_nothing_by_itself(clinic):
    token = screen(clinic, "station")
    assert not sessions.token_is_live(token)
    assert devices.tiles(token) == []
    assert devices.tiles("invented") is None


def test_a_pin_switches_person_at_a_station_for_ten_idle_minutes(clinic):
    token = screen(clinic, "station")
    own_access.set_pin(PASSWORD, PIN, by=clinic.actor("sam"))
    assert [tile.name for tile in devices.tiles(token)] == ["Sam Stone"]
    ticket = devices.switch(token, clinic.users["sam"], PIN)
    who = sessions.resume(sessions.redeem_ticket(ticket), touch=False)
    assert (who.username, who.idle_minutes) == ("sam", devices.STATION_IDLE)
    assert devices.switch("invented", clinic.users["sam"], PIN) is None


def test_whoever_switched_to_themselves_at_a_station_leaves_with_it(clinic):
    token = screen(clinic, "station")
    own_access.set_pin(PASSWORD, PIN, by=clinic.actor("sam"))
    switch = lambda: devices.switch(token, clinic.users["sam"], PIN)  # noqa: E731
    here, elsewhere = sessions.redeem_ticket(switch()), clinic.token("sam")
    under_way = switch()
    station = next(row for row in devices.list_devices(by=clinic.actor("adam")) if row.kind == "station")
    devices.revoke(station.id, by=clinic.actor("adam"))
    assert not sessions.token_is_live(here)
    assert sessions.redeem_ticket(under_way) is None
    assert sessions.token_is_live(elsewhere)


def test_five_wrong_pins_need_the_password_which_frees_the_pin(clinic):
    token, sam = screen(clinic, "station"), clinic.users["sam"]
    own_access.set_pin(PASSWORD, PIN, by=clinic.actor("sam"))
    for _ in range(5):
        assert devices.switch(token, sam, "000000") is None
    assert devices.switch(token, sam, PIN) is None
    assert devices.pin_is_spent(sam, token)
    assert sign_in.check_password("sam", PASSWORD) is not None
    assert devices.switch(token, sam, PIN) is not None


def test_a_role_with_a_second_factor_has_no_pin(clinic):
    with pytest.raises(own_access.NoPinForRole):
        own_access.set_pin(PASSWORD, PIN, by=clinic.actor("adam"))


@pytest.mark.parametrize("pin", ["123456", "654321", "111111", "121212", "457457", "12345", "12345x", ""])
def test_pins_that_are_tried_first_are_refused(sqlite_clinic, pin):
    with pytest.raises(own_access.BadPin):
        own_access.set_pin(PASSWORD, pin, by=sqlite_clinic.actor("sam"))


def test_a_new_password_signs_the_other_devices_out(clinic):
    here, other = clinic.actor("sam"), clinic.actor("sam")
    with pytest.raises(own_access.WrongPassword):
        own_access.change_password("wrong", "new-words-for-sam-1", by=here)
    assert own_access.change_password(PASSWORD, "new-words-to-keep-1", by=here) == 1
    with pytest.raises(SessionEnded):
        own_access.own_sessions(by=other)
    assert [row.here for row in own_access.own_sessions(by=here)] == [True]
    assert sign_in.check_password("sam", PASSWORD) is None
    assert sign_in.check_password("sam", "new-words-to-keep-1") is not None


def test_one_can_end_only_ones_own_sessions(clinic):
    from data.errors import NotFound

    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    with pytest.raises(NotFound):
        own_access.end_own_session(mona.session_id, by=sam)
    second = clinic.actor("sam")
    own_access.end_own_session(second.session_id, by=sam)
    with read(clinic.id) as session:
        row = session.scalars(select(UserSession).where(UserSession.id == second.session_id)).one()
    assert row.revoked_at is not None


def test_guessing_the_own_password_in_a_borrowed_session_locks_the_account(clinic, monkeypatch):
    monkeypatch.setattr(sign_in, "FAILURE_TAKES", 0.0)
    monkeypatch.setattr(sign_in, "slow_down", lambda _address: None)
    borrowed = clinic.actor("sam")
    for _ in range(sign_in.LOCK_AFTER):
        with pytest.raises(own_access.WrongPassword):
            own_access.change_password("a-guess-of-many", "new-words-to-keep-1", by=borrowed)
    with pytest.raises(own_access.WrongPassword):
        own_access.change_password(PASSWORD, "new-words-to-keep-1", by=borrowed)


def test_a_borrowed_session_cannot_put_its_own_phone_in_place(clinic):
    sam = clinic.actor("sam")
    enrolment = second_factor.begin("sam")
    code = pyotp.TOTP(enrolment.secret).now()
    with pytest.raises(own_access.WrongPassword):
        own_access.set_second_factor(enrolment, code, "a-guess-of-many", by=sam)
    assert not own_access.own_access(by=sam).has_second_factor
    own_access.set_second_factor(enrolment, code, PASSWORD, by=sam)
    assert own_access.own_access(by=sam).has_second_factor
