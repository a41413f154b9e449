"""Rules that belong together are one transaction: all of it or nothing, each with its own check and audit rows."""

import threading

import pytest
from sqlalchemy import select

from data.errors import NotFound, NotPermitted
from data.models import AuditLog, Location
from data.session import read
from records import clients
from security import audit
from security.rules import act, look, together
from security.viewing import note_view
from tests.security.test_rules import add_location, names


def actions(clinic):
    with read(clinic.id) as session:
        assert audit.verify(session).bad_seq is None
        return list(session.scalars(select(AuditLog.action).order_by(AuditLog.seq)))


def count(by):
    with look(by, "settings.edit") as session:
        return len(session.scalars(select(Location)).all())


def test_joined_rules_see_one_another_and_are_written_and_audited_as_one(clinic):
    adam = clinic.actor("adam")
    before = len(actions(clinic))
    with together(adam, "clients.edit", key="whole") as work:
        first = add_location(adam, "Annex")
        assert count(adam) == 2
        assert names(clinic) == ["Main"], "nobody else sees it yet"
        client = clients.add(clients.ClientForm("Chen"), by=adam)
        assert clients.open_client(client, by=adam).name == "Chen"
        work.audit("all.done", "location", first)
        work.result = first
    assert names(clinic) == ["Annex", "Main"]
    assert actions(clinic)[before:] == ["location.added", "client.added", "client.viewed", "all.done"]
    with together(adam, "clients.edit", key="whole") as work:
        assert work.repeated and work.result == first


@pytest.mark.parametrize("caught", [False, True])
def test_a_refusal_of_one_undoes_all_even_where_it_is_caught(clinic, caught):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    before = actions(clinic)
    with pytest.raises(NotPermitted), together(sam, "clients.edit", key="whole") as work:
        clients.add(clients.ClientForm("Chen"), by=sam, key="inner")
        work.audit("all.done")
        try:
            add_location(sam)
        except NotPermitted:
            if not caught:
                raise
    assert actions(clinic) == before
    assert names(clinic) == ["Main"]
    with together(sam, "clients.edit", key="whole") as work:
        assert not work.repeated, "what was undone was never done"
        clients.add(clients.ClientForm("Chen"), by=sam, key="inner")
        work.audit("all.done")
    assert actions(clinic)[len(before) :] == ["client.added", "all.done"]
    add_location(adam)
    assert names(clinic) == ["Annex", "Main"], "the next rule stands alone again"


def test_a_joined_rule_answers_its_own_repeated_key(clinic):
    adam = clinic.actor("adam")
    first = add_location(adam, "Annex", key="form-1")
    with together(adam, "settings.edit") as work:
        assert add_location(adam, "Annex", key="form-1") == first
        second = add_location(adam, "Barn", key="form-2")
        assert add_location(adam, "Barn", key="form-2") == second
        with together(adam, "settings.edit", key="form-3") as inner:
            add_location(adam, "Cellar")
            inner.audit("inner.done")
        work.audit("all.done")
    assert names(clinic) == ["Annex", "Barn", "Cellar", "Main"]
    assert add_location(adam, "Barn", key="form-2") == second


def test_what_a_joined_rule_changes_it_audits_itself(clinic):
    adam = clinic.actor("adam")
    with pytest.raises(AssertionError, match="without an audit row"), together(adam, "settings.edit") as work:
        work.audit("before")
        with act(adam, "settings.edit") as inner:
            inner.session.add(Location(name="Quiet", zone="UTC"))
    with pytest.raises(AssertionError, match="without an audit row"), together(adam, "settings.edit"):
        add_location(adam)
    assert names(clinic) == ["Main"]


def test_nobody_else_joins_and_nothing_waits_for_itself(clinic):
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    with pytest.raises(AssertionError, match="two people"), together(adam, "settings.edit"):
        add_location(adam, "Annex")
        assert count(olive) == 1, "another person reads what stands"
        add_location(olive, "Barn")
    assert names(clinic) == ["Main"]


def test_a_rule_in_another_thread_has_its_own_transaction(clinic):
    adam = clinic.actor("adam")
    begun, seen = threading.Event(), []

    def other():
        begun.set()
        add_location(adam, "Barn")
        seen.append(count(adam))

    thread = threading.Thread(target=other)
    with pytest.raises(NotFound), together(adam, "settings.edit"):
        add_location(adam, "Annex")
        thread.start()
        begun.wait(5)
        note_view(adam, "client", "x")
        raise NotFound(what="thing", name="x")
    thread.join(20)
    assert seen == [2] and names(clinic) == ["Barn", "Main"]
