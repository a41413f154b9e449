"""Emergency access: reason, password, one hour, review by somebody else within 72."""

import datetime as dt

import pytest

from data.errors import BadInput, NotPermitted
from data.models import AuditLog, Client, OutboxMessage, User
from data.session import read, write
from data.types import clock
from messages.outbox import content_of
from records import clients, search
from records.access import RestrictedRecord
from security import audit, break_glass, users
from security.confirm import WrongPassword
from security.sessions import open_session, resume
from tests.conftest import PASSWORD

REASON = "Seizing at the front desk, need the history"


def sealed(clinic):
    with write(clinic.id) as session:
        client = Client(number=7, first_name="Vera", last_name="Vane", restricted=True)
        session.add(client)
        session.flush()
        audit.append(session, clinic.operator, "client.added", "client", client.id)
        return client.id


def is_open(clinic, by, client_id):
    with read(clinic.id) as session:
        return break_glass.active(session, by, client_id) is not None


def test_a_record_opens_for_an_hour_for_that_person_alone(clinic):
    client, adam, olive = sealed(clinic), clinic.actor("adam"), clinic.actor("olive")
    assert not is_open(clinic, adam, client)
    opening = break_glass.open_record(client, REASON, PASSWORD, by=adam, key="k")
    assert break_glass.open_record(client, REASON, PASSWORD, by=adam, key="k") == opening
    assert is_open(clinic, adam, client) and not is_open(clinic, olive, client)
    assert [row.client_number for row in break_glass.my_openings(by=adam)] == [7]
    with read(clinic.id) as session:
        assert session.query(AuditLog).filter_by(action="record.opened_in_emergency").count() == 1
    clock.set(clock.now() + dt.timedelta(minutes=60, seconds=1))
    assert not is_open(clinic, adam, client)


def test_whoever_loses_the_right_loses_what_it_opened(clinic):
    client, adam, olive = sealed(clinic), clinic.actor("adam"), clinic.actor("olive")
    break_glass.open_record(client, REASON, PASSWORD, by=adam)
    assert clients.open_client(client, by=adam).client.number == 7
    users.set_role(clinic.users["adam"], "staff", by=olive)
    demoted = clinic.actor("adam")
    with pytest.raises(RestrictedRecord):
        clients.open_client(client, by=demoted)
    assert [one.restricted for one in search.recent(by=demoted)] == [True]
    assert break_glass.my_openings(by=demoted) == []


def test_without_right_reason_or_password_nothing_opens(clinic):
    client = sealed(clinic)
    with pytest.raises(NotPermitted):
        break_glass.open_record(client, REASON, PASSWORD, by=clinic.actor("sam"))
    adam = clinic.actor("adam")
    with pytest.raises(BadInput):
        break_glass.open_record(client, "urgent", PASSWORD, by=adam)
    with pytest.raises(WrongPassword):
        break_glass.open_record(client, REASON, "guess", by=adam)
    assert not is_open(clinic, adam, client)


def test_it_can_be_given_back_early(clinic):
    client, adam = sealed(clinic), clinic.actor("adam")
    opening = break_glass.open_record(client, REASON, PASSWORD, by=adam)
    break_glass.close_record(opening, by=adam)
    assert not is_open(clinic, adam, client)


def test_somebody_else_reviews_it_and_a_late_review_shows(clinic):
    client, adam = sealed(clinic), clinic.actor("adam")
    opening = break_glass.open_record(client, REASON, PASSWORD, by=adam)
    with pytest.raises(break_glass.OwnReview):
        break_glass.review(opening, "Fine", by=adam)
    clock.set(clock.now() + dt.timedelta(hours=73))
    with write(clinic.id) as session:
        token = open_session(session, clinic.users["olive"])
    olive = resume(token, touch=False).actor
    assert [row.is_overdue for row in break_glass.openings(by=olive, only_waiting=True)] == [True]
    break_glass.review(opening, "Needed: the animal was in danger", by=olive)
    assert break_glass.openings(by=olive, only_waiting=True) == []
    assert break_glass.openings(by=olive)[0].reviewer == "Olive Owens"


def test_an_owner_alone_may_review_their_own(clinic):
    client, olive = sealed(clinic), clinic.actor("olive")
    users.disable(clinic.users["adam"], by=olive)
    opening = break_glass.open_record(client, REASON, PASSWORD, by=olive)
    break_glass.review(opening, "I was alone that day", by=olive)
    assert break_glass.openings(by=olive, only_waiting=True) == []


def test_the_owner_is_mailed_without_name_or_reason(clinic):
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, clinic.users["olive"])).email = "olive@example.org"
    break_glass.open_record(sealed(clinic), REASON, PASSWORD, by=clinic.actor("adam"))
    with read(clinic.id) as session:
        mail = session.query(OutboxMessage).one()
        text = content_of(mail).text
    assert mail.recipient == "olive@example.org" and "client 7" in text
    assert "Vane" not in text and "Seizing" not in text
