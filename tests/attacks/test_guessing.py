"""Somebody who guesses names and passwords learns nothing from how long a refusal takes, and costs a shut account no
work. Each protection alone: with the other two in place the sign-in tests would not miss it."""

import statistics
import time

import pytest

from data.models import User
from data.session import read, write
from data.types import clock
from security import passwords, sign_in
from tests.conftest import PASSWORD


@pytest.fixture
def shut(sqlite_clinic, monkeypatch):
    """A clinic whose account sam is locked; addresses are not slowed."""
    monkeypatch.setattr(sign_in, "slow_down", lambda address: None)
    with write(sqlite_clinic.id) as session:
        sam = session.get_one(User, (sqlite_clinic.id, sqlite_clinic.users["sam"]))
        sam.failures, sam.locked_at = sign_in.LOCK_AFTER, clock.now()
    return sqlite_clinic


def seconds(question, *asked):
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        assert not question(*asked)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def test_guesses_at_a_shut_account_cost_no_password_check_and_no_write(shut, monkeypatch):
    monkeypatch.setattr(sign_in, "FAILURE_TAKES", 0)
    monkeypatch.setattr(passwords, "matches", lambda stored, secret: pytest.fail("the password was checked"))
    for guess in ("wrong", PASSWORD):
        assert sign_in.check_password("sam", guess) is None
    with read(shut.id) as session:
        assert session.get_one(User, (shut.id, shut.users["sam"])).failures == sign_in.LOCK_AFTER


def test_a_name_nobody_has_costs_the_same_password_check_as_one_somebody_has():
    """On a busy machine the check itself takes longer than the least time of a refusal, and would tell names apart."""
    known = passwords.hash_secret(PASSWORD)
    passwords.matches("", "warm-up")
    assert 0.4 < seconds(passwords.matches, "", "wrong") / seconds(passwords.matches, known, "wrong") < 2.5


@pytest.mark.slow
def test_a_shut_account_is_not_told_by_how_fast_it_refuses(shut):
    """Its password is not checked at all: only the least time of a refusal hides that."""
    slow, fast = seconds(sign_in.check_password, "mona", "wrong"), seconds(sign_in.check_password, "sam", "wrong")
    assert 0.8 < fast / slow < 1.25
