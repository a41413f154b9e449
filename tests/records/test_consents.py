"""The last answer of a client counts, and each is kept with the words that were asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from data import definitions
from data.errors import BadInput, NotPermitted
from data.models import AuditLog, Client, Clinic
from data.session import read, write
from data.types import clock
from records import clients, consents
from records.access import RestrictedRecord
from records.clients import ClientForm
from records.consents import WORDING, Answer, ConsentWording
from security import audit


def a_client(clinic, **more):
    return clients.add(ClientForm("Fielding", **more), by=clinic.actor("sam"))


def standing(clinic, client, channel, purpose):
    with read(clinic.id) as session:
        return consents.standing_answers(session, [client], channel, purpose).get(client)


def test_the_last_answer_counts_whatever_was_entered_later(clinic):
    sam, client = clinic.actor("sam"), a_client(clinic)
    assert standing(clinic, client, "email", "marketing") is None
    consents.record_consent(client, "email", "marketing", True, "", "check-in", by=sam, key="k")
    consents.record_consent(client, "email", "marketing", True, "", "check-in", by=sam, key="k")
    assert standing(clinic, client, "email", "marketing") is True
    assert standing(clinic, client, "sms", "marketing") is None
    consents.record_consent(client, "any", "marketing", False, "Own words", "phone", by=sam)
    earlier = clock.now() - timedelta(days=2)
    yes = [Answer("email", "marketing", True)]
    consents.record_consents(client, yes, "form", at=earlier, source="paper", by=sam)
    for channel in ("email", "sms", "letter"):
        assert standing(clinic, client, channel, "marketing") is False
    found = consents.consents_of(client, by=sam)
    assert len(found.history) == 3, "a double click writes once"
    last = found.standing("sms", "marketing")
    assert (last.given, last.wording, last.origin, last.who) == (False, "Own words", "phone", "Sam Stone")
    assert "news and offers" in found.history[1].wording, "the question is kept with the answer"
    assert found.history[2].source == "paper" and found.standing("email", "phi") is None
    with read(clinic.id) as session:
        told = session.scalars(select(AuditLog).where(AuditLog.action == "consent.recorded")).all()
        assert len(told) == 3 and "Own words" not in str([one.detail for one in told])


def test_a_human_clinic_needs_each_channel_by_itself_for_details(clinic):
    sam, client = clinic.actor("sam"), a_client(clinic)
    consents.record_consent(client, "any", "phi", True, "", "check-in", by=sam)
    assert standing(clinic, client, "email", "phi") is True
    with write(clinic.id) as session:
        session.get_one(Clinic, clinic.id).kind = "human"
        audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)
    assert standing(clinic, client, "email", "phi") is None
    consents.record_consent(client, "email", "phi", True, "", "check-in", by=sam)
    assert standing(clinic, client, "email", "phi") is True and standing(clinic, client, "sms", "phi") is None
    consents.record_consent(client, "any", "phi", False, "", "check-in", by=sam)
    assert standing(clinic, client, "email", "phi") is False
    assert consents.consents_of(client, by=sam).standing("email", "phi").given is False


def test_answers_of_a_merged_client_count_for_the_one_that_stayed(clinic):
    sam, stays, goes = clinic.actor("sam"), a_client(clinic), a_client(clinic)
    consents.record_consent(goes, "sms", "marketing", True, "", "counter", by=sam)
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, goes)).merged_into_id = stays
        audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)
    assert standing(clinic, stays, "sms", "marketing") is True
    assert consents.consents_of(goes, by=sam).standing("sms", "marketing").given
    consents.record_consent(goes, "sms", "marketing", False, "", "counter", by=sam)
    assert standing(clinic, stays, "sms", "marketing") is False


def test_who_may_not_see_a_client_records_nothing_and_nonsense_is_refused(clinic):
    client = a_client(clinic)
    clients.restrict(client, True, reason="Asked for it", by=clinic.actor("adam"))
    for work in (
        lambda by: consents.record_consent(client, "email", "phi", True, "", "check-in", by=by),
        lambda by: consents.consents_of(client, by=by),
    ):
        with pytest.raises(RestrictedRecord):
            work(clinic.actor("sam"))
    for channel, purpose, origin in (("fax", "phi", "form"), ("email", "all", "form"), ("email", "phi", "hearsay")):
        with pytest.raises(BadInput):
            consents.record_consent(client, channel, purpose, True, "", origin, by=clinic.actor("adam"))
    with write(clinic.id) as session:
        role = definitions.load(session, definitions.KINDS["role"], "staff")
        definitions.save(session, definitions.KINDS["role"], "staff",
                         role.model_copy(update={"permissions": ["clients.view"]}), by_user_id=None)  # fmt: skip
        audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)
    with pytest.raises(NotPermitted):
        consents.record_consent(client, "email", "phi", True, "", "counter", by=clinic.actor("sam"))


def test_the_clinic_asks_in_its_own_words(clinic):
    sam, client = clinic.actor("sam"), a_client(clinic)
    assert "pet by name" in consents.wordings(by=sam)["any", "phi"]
    with write(clinic.id) as session:
        own = ConsentWording(purpose="marketing", channel="sms", question="May we text you our offers?")
        definitions.save(session, WORDING, "marketing-sms", own, by_user_id=None)
        audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)
    asked = consents.wordings(by=sam)
    assert asked["sms", "marketing"] == "May we text you our offers?" != asked["email", "marketing"]
    consents.record_consent(client, "sms", "marketing", True, "", "counter", by=sam)
    assert consents.consents_of(client, by=sam).history[0].wording == "May we text you our offers?"
