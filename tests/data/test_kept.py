"""Answers kept until the clinic changes are never older than the last change, and never another person's."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from data.errors import SessionEnded
from data.kept import LASTS, kept
from data.models import BreakGlass, Client, Location
from data.models.base import new_id
from data.session import read, write
from data.types import clock
from records import clients
from security import drafts, sessions
from security.clinics import NewClinic, add_user, create_clinic
from security.rules import remembered
from security.viewing import note_view


def names(session):
    def ask():
        return session.scalars(select(Client.last_name).order_by(Client.number)).all()

    return kept(session.clinic_id, session.seen_change(), ("names",), ask)


def add(clinic, name):
    return clients.add(clients.ClientForm(first_name="Ann", last_name=name), by=clinic.operator)


def test_the_next_look_after_a_change_sees_it(clinic):
    add(clinic, "Abel")
    with read(clinic.id) as session:
        first = names(session)
    with read(clinic.id) as session:
        assert names(session) is first, "nothing changed, so nothing was asked again"
    add(clinic, "Baker")
    with read(clinic.id) as session:
        assert names(session) == ["Abel", "Baker"]


def test_a_snapshot_from_before_a_change_keeps_its_own_answer_to_itself(clinic):
    add(clinic, "Abel")
    with read(clinic.id) as old:
        assert old.seen_change()
        add(clinic, "Baker")
        with read(clinic.id) as new:
            assert names(new) == ["Abel", "Baker"]
        assert names(old) == ["Abel"]
    with read(clinic.id) as session:
        assert names(session) == ["Abel", "Baker"]


def test_an_answer_does_not_outlive_its_seconds(clinic, monkeypatch):
    with read(clinic.id) as session:
        first = names(session)
    later = clock.now() + LASTS
    monkeypatch.setattr(clock, "now", lambda: later)
    with read(clinic.id) as session:
        assert names(session) is not first


def test_transactions_that_write_and_looks_at_deleted_rows_always_ask(clinic):
    with read(clinic.id) as session:
        first = names(session)
    with write(clinic.id) as session:
        assert names(session) is not first
    with read(clinic.id, include_deleted=True) as session:
        assert names(session) is not first


@remembered("clients.view")
def shared(what, *, by):
    return what, by.user_id, object()


@remembered("clients.view", personal=True)
def own(what, *, by):
    return what, by.user_id, object()


def test_those_who_may_do_the_same_share_an_answer_and_nobody_else(clinic):
    sam, olive = clinic.actor("sam"), clinic.actor("olive")
    sara = clinic.actor("sam")  # another session with the same rights
    assert shared(1, by=sam) is shared(1, by=sara)
    assert shared(1, by=sam) is not shared(2, by=sam)
    assert shared(1, by=olive)[1] == olive.user_id
    assert own(1, by=sam) is own(1, by=sara) and own(1, by=olive)[1] == olive.user_id


def test_who_opened_a_restricted_record_shares_nothing_with_those_who_did_not(clinic):
    client_id = add(clinic, "Abel")
    other = add_user("anna", "administrator", "river-lantern-maple-47", by=clinic.operator)
    with write(clinic.id) as session:
        token = sessions.open_session(session, other)
    adam, anna = clinic.actor("adam"), sessions.resume(token, touch=False).actor
    until = clock.now() + timedelta(seconds=5)
    with write(clinic.id) as session:
        session.add(BreakGlass(user_id=adam.user_id, client_id=client_id, reason="Emergency", until=until))
    assert shared(1, by=adam) is not shared(1, by=anna)
    clock.set(until + timedelta(seconds=1))
    try:
        assert shared(1, by=adam) is shared(1, by=anna), "the hour is over, to the second"
    finally:
        clock.set(None)


def test_an_answer_read_after_a_change_is_not_kept_for_those_from_before_it(clinic):
    sam = clinic.actor("sam")

    @remembered("clients.view")
    def slow(*, by):
        add(clinic, "Abel")  # somebody else, between the look at the change number and the reading
        return object()

    before = len(clinic.database.answers)
    assert slow(by=sam) is not None
    assert not [what for what in list(clinic.database.answers)[before:] if "slow" in str(what)]


def test_the_permission_is_asked_for_each_time(clinic):
    sam = clinic.actor("sam")

    @remembered("clients.view")
    def mine(*, by):
        return "the answer"

    mine(by=sam)
    sessions.end(clinic.id, sam.session_id, "signed out by owner")
    with pytest.raises(SessionEnded):
        mine(by=sam)


def test_looking_and_typing_change_no_answer_but_saving_does(clinic):
    sam = clinic.actor("sam")
    first = shared(1, by=sam)
    note_view(sam, "client", new_id())
    drafts.save("note:new", {"body": "half a sentence"}, by=sam)
    assert shared(1, by=sam) is first
    add(clinic, "Abel")
    assert shared(1, by=sam) is not first


def test_a_transaction_that_calls_itself_quiet_cannot_change_what_pages_show(clinic):
    with pytest.raises(AssertionError, match="quiet"), write(clinic.id, quiet=True) as session:
        session.add(Location(name="Annex", zone="UTC"))


def test_clinics_do_not_share_answers(clinic):
    other = create_clinic(NewClinic("other", "Other"))
    add(clinic, "Abel")
    with read(clinic.id) as session:
        assert names(session) == ["Abel"]
    with read(other) as session:
        assert names(session) == []


def test_many_who_ask_at_once_wait_for_one_answer(sqlite_clinic):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier
    from time import sleep

    asked, together = [], Barrier(6)

    def compute():
        asked.append(1)
        sleep(0.1)
        return "answer"

    def ask(_):
        together.wait()
        return kept(sqlite_clinic.id, 1, ("slow",), compute)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == ["answer"] * 6
    assert len(asked) == 1


def test_who_waits_for_an_answer_that_fails_works_it_out_alone(sqlite_clinic):
    from threading import Event, Thread

    began, go, failed = Event(), Event(), []

    def fails():
        began.set()
        go.wait(5)
        raise ValueError

    def first():
        try:
            kept(sqlite_clinic.id, 1, ("broken",), fails)
        except ValueError:
            failed.append(1)

    one = Thread(target=first)
    one.start()
    began.wait(5)
    Thread(target=lambda: (__import__("time").sleep(0.05), go.set())).start()
    assert kept(sqlite_clinic.id, 1, ("broken",), lambda: "mine") == "mine"
    one.join()
    assert failed
