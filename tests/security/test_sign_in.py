"""Signing in: same answer and time for every wrong try, lockout by person, codes that work once, the demo's buttons."""

import statistics
import threading
import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from data.errors import NotPermitted
from data.models import Clinic, User
from data.session import read, write
from data.types import clock
from security import second_factor, sessions, sign_in, users
from security.sign_in import LOCK_AFTER
from tests.conftest import PASSWORD


def user_row(clinic, name):
    with read(clinic.id) as session:
        return session.get_one(User, (clinic.id, clinic.users[name]))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(sign_in, "FAILURE_TAKES", 0)
    monkeypatch.setattr(sign_in, "slow_down", lambda address: None)


def test_the_right_password_names_the_person_whatever_the_case_of_the_name(clinic):
    assert sign_in.check_password(" SAM ", PASSWORD).user_id == clinic.users["sam"]


def test_staff_need_no_code_and_an_owner_must_enrol(clinic):
    sam, olive = sign_in.check_password("sam", PASSWORD), sign_in.check_password("olive", PASSWORD)
    assert (sam.needs_code, sam.must_enrol) == (False, False)
    assert (olive.needs_code, olive.must_enrol) == (False, True)


def test_ten_wrong_passwords_lock_the_person_until_another_administrator_releases(clinic, quick):
    for _ in range(10):
        assert sign_in.check_password("sam", "wrong") is None
    assert sign_in.check_password("sam", PASSWORD) is None
    assert sign_in.check_password("mona", PASSWORD) is not None
    with pytest.raises(NotPermitted):
        users.release(clinic.users["sam"], by=clinic.actor("mona"))
    users.release(clinic.users["sam"], by=clinic.actor("adam"))
    assert sign_in.check_password("sam", PASSWORD) is not None


def test_guesses_at_the_same_moment_are_all_counted(clinic, quick):
    start = threading.Barrier(LOCK_AFTER)

    def guess():
        start.wait()
        sign_in.check_password("sam", "wrong-password")

    guesses = [threading.Thread(target=guess) for _ in range(LOCK_AFTER)]
    for one in guesses:
        one.start()
    for one in guesses:
        one.join()
    assert user_row(clinic, "sam").failures == LOCK_AFTER
    assert sign_in.check_password("sam", PASSWORD) is None


def test_a_right_guess_that_was_under_way_when_the_lock_fell_is_refused(sqlite_clinic, quick):
    answers = []

    def guess(password):
        answers.append(sign_in.check_password("sam", password))

    threads = [threading.Thread(target=guess, args=("wrong",)) for _ in range(40)]
    threads.append(threading.Thread(target=guess, args=(PASSWORD,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * 41
    assert user_row(sqlite_clinic, "sam").locked_at is not None


def test_an_address_is_slowed_and_never_shut_out(sqlite_clinic, monkeypatch):
    monkeypatch.setattr(sign_in, "FAILURE_TAKES", 0)
    waited = []
    monkeypatch.setattr(sign_in.time, "sleep", waited.append)
    for number in range(30):
        sign_in.check_password(f"nobody{number}", "wrong", address="203.0.113.9")
    assert max(waited) <= 1.0
    assert sign_in.check_password("sam", PASSWORD, address="203.0.113.9") is not None


@pytest.mark.slow
def test_unknown_names_and_wrong_passwords_take_the_same_time(sqlite_clinic, monkeypatch):
    monkeypatch.setattr(sign_in, "LOCK_AFTER", 1_000)
    monkeypatch.setattr(sign_in, "slow_down", lambda address: None)

    def seconds(name):
        started = time.perf_counter()
        sign_in.check_password(name, "wrong-password")
        return time.perf_counter() - started

    sign_in.check_password("warm", "up")
    known, unknown = [], []
    for number in range(6):
        known.append(seconds("sam"))
        unknown.append(seconds(f"nobody{number}"))
    assert 0.8 < statistics.median(known) / statistics.median(unknown) < 1.25


def enrolled(clinic, name="olive"):
    person = sign_in.check_password(name, PASSWORD)
    enrolment = second_factor.begin(name)
    code = pyotp.TOTP(enrolment.secret).at(int(clock.now().timestamp()))
    assert second_factor.confirm_at_sign_in(person.clinic_id, person.user_id, enrolment, code)
    return enrolment


def test_a_code_works_once_within_one_step_and_the_secret_is_kept_encrypted(clinic, quick):
    start = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
    clock.set(start)
    enrolment = enrolled(clinic)
    totp = pyotp.TOTP(enrolment.secret)
    assert enrolment.secret.encode() not in user_row(clinic, "olive").totp_secret
    person = sign_in.check_password("olive", PASSWORD)
    assert person.needs_code
    assert not sign_in.check_code(person, totp.at(int(start.timestamp()))), "the code of the enrolment was used"
    clock.set(start + timedelta(seconds=60))
    code = totp.at(int(start.timestamp()) + 30)
    assert sign_in.check_code(person, code), "one step late is accepted"
    assert not sign_in.check_code(person, code)
    assert not sign_in.check_code(person, totp.at(int(start.timestamp()) + 150))


def test_a_code_in_the_digits_of_another_script_is_read_and_no_other_sign_breaks_the_check(sqlite_clinic):
    start = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)
    clock.set(start)
    enrolment = enrolled(sqlite_clinic)
    person = sign_in.check_password("olive", PASSWORD)
    clock.set(start + timedelta(seconds=60))
    code = pyotp.TOTP(enrolment.secret).at(int(clock.now().timestamp()))
    assert not sign_in.check_code(person, "²³¹²³¹")
    assert sign_in.check_code(person, code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")))


def test_wrong_codes_lock_like_wrong_passwords(sqlite_clinic, quick):
    enrolled(sqlite_clinic)
    person = sign_in.check_password("olive", PASSWORD)
    for _ in range(10):
        assert not sign_in.check_code(person, "000000")
    assert user_row(sqlite_clinic, "olive").locked_at is not None


def test_role_buttons_stand_only_in_a_demo_clinic_and_on_this_machine(sqlite_clinic):
    assert sign_in.demo_people("127.0.0.1") == []
    with write(sqlite_clinic.id) as session:
        session.get_one(User, (sqlite_clinic.id, sqlite_clinic.users["sam"])).username = "staff"
        session.get_one(Clinic, sqlite_clinic.id).is_demo = True
    assert [person[2] for person in sign_in.demo_people("127.0.0.1")] == ["staff"]
    assert sign_in.demo_people("192.168.1.20") == []
    assert sign_in.demo_sign_in(sqlite_clinic.users["sam"], "192.168.1.20") is None
    assert sign_in.demo_sign_in(sqlite_clinic.users["sam"], "::1").username == "staff"
    assert sign_in.demo_sign_in(sqlite_clinic.users["olive"], "::1") is None


def test_a_session_ends_when_nothing_was_typed_for_its_idle_time_and_input_keeps_it(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    token = clinic.token("sam")
    clock.set(start + timedelta(minutes=29))
    assert sessions.resume(token, touch=False).seconds_left == 60
    sessions.resume(token, touch=True)
    clock.set(start + timedelta(minutes=58))
    assert sessions.token_is_live(token)
    clock.set(start + timedelta(minutes=59, seconds=1))
    assert not sessions.token_is_live(token)


def test_no_input_carries_a_session_past_twelve_hours(sqlite_clinic):
    start = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    clock.set(start)
    token = sqlite_clinic.token("sam")
    for half_hours in range(1, 24):
        clock.set(start + timedelta(minutes=29) * half_hours)
        sessions.resume(token, touch=True)
    clock.set(start + timedelta(hours=12))
    assert not sessions.token_is_live(token)


def test_a_rule_that_writes_counts_as_input_and_one_that_reads_does_not(clinic):
    from security.rules import act, look

    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    sam = clinic.actor("sam")
    clock.set(start + timedelta(minutes=20))
    with look(sam, "clients.view"):
        pass
    clock.set(start + timedelta(minutes=25))
    with act(sam, None) as work:
        work.audit("test.done")
    clock.set(start + timedelta(minutes=50))
    with look(sam, "clients.view"):
        pass


def test_a_ticket_works_once_within_its_time_in_its_own_browser(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    sam = clinic.users["sam"]
    ticket = sessions.mint_ticket(clinic.id, sam, browser="mine")
    assert sessions.redeem_ticket(ticket, browser="another") is None
    assert sessions.redeem_ticket(ticket, browser="mine")
    assert sessions.redeem_ticket(ticket, browser="mine") is None
    assert sessions.redeem_ticket(sessions.mint_ticket(clinic.id, sam), browser="of-a-victim") is None
    late = sessions.mint_ticket(clinic.id, sam)
    clock.set(start + timedelta(seconds=31))
    assert sessions.redeem_ticket(late) is None
