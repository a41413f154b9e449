"""Every rule: one permission check, one transaction, one audit row, revocation at once."""

import pytest
from sqlalchemy import select

from data.errors import NotPermitted, SessionEnded
from data.models import AuditLog, Location
from data.session import read, write
from security import audit, sessions
from security.rules import act, look


def add_location(by, name="Annex", key=None):
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return work.result
        row = Location(name=name, zone="UTC")
        work.session.add(row)
        work.audit("location.added", "location", name)
        work.result = row.id
        return row.id


def names(clinic):
    with read(clinic.id) as session:
        return sorted(session.scalars(select(Location.name)))


def test_a_permitted_change_is_made_and_audited(clinic):
    add_location(clinic.actor("adam"))
    assert names(clinic) == ["Annex", "Main"]
    with read(clinic.id) as session:
        last = session.scalars(select(AuditLog).order_by(AuditLog.seq.desc())).first()
        assert (last.action, last.actor) == ("location.added", "adam")
        assert audit.verify(session).bad_seq is None


def test_a_role_without_the_permission_is_refused_and_nothing_is_written(clinic):
    with pytest.raises(NotPermitted, match="may not change settings"):
        add_location(clinic.actor("sam"))
    assert names(clinic) == ["Main"]


def test_a_change_without_an_audit_row_cannot_be_committed(clinic):
    with pytest.raises(AssertionError), act(clinic.actor("adam"), "settings.edit") as work:
        work.session.add(Location(name="Quiet", zone="UTC"))
    assert names(clinic) == ["Main"]


def test_revocation_holds_at_once(clinic):
    adam = clinic.actor("adam")
    sessions.end(clinic.id, adam.session_id, "signed out by owner")
    with pytest.raises(SessionEnded):
        add_location(adam)


def test_a_double_click_writes_once_and_answers_alike(clinic):
    adam = clinic.actor("adam")
    assert add_location(adam, key="form-1") == add_location(adam, key="form-1")
    assert names(clinic) == ["Annex", "Main"]


def test_the_key_of_one_persons_form_never_answers_another_person_or_another_right(clinic):
    """Form keys come from the browser: a key learnt or guessed must not hand out what it once did for somebody."""
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    first = add_location(adam, key="form-1")
    with act(olive, "settings.edit", key="form-1") as work:
        assert not work.repeated and work.result is None
    with act(adam, "security.users", key="form-1") as work:
        assert not work.repeated and work.result is None
    with act(clinic.operator, "settings.edit", key="form-1") as work:
        assert not work.repeated and work.result is None
    with act(olive, "settings.edit", key="form-1") as work:
        work.session.add(Location(name="Barn", zone="UTC"))
        work.audit("location.added", "location", "x")
        work.result = "olive's"
    assert add_location(adam, key="form-1") == first
    assert names(clinic) == ["Annex", "Barn", "Main"]


def test_an_actor_of_one_clinic_sees_nothing_of_another(clinic):
    from security.clinics import NewClinic, create_clinic

    other = create_clinic(NewClinic("other", "Other"))
    with look(clinic.actor("olive"), "settings.edit") as session:
        assert session.scalars(select(Location.clinic_id)).all() == [clinic.id]
    with pytest.raises(AssertionError, match="another clinic"), write(clinic.id) as session:
        session.add(Location(clinic_id=other, name="x", zone="UTC"))
        session.flush()


def test_an_altered_audit_row_is_named(sqlite_clinic):
    add_location(sqlite_clinic.actor("adam"))
    with sqlite_clinic.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_log_no_update")
        connection.exec_driver_sql("UPDATE audit_log SET action='nothing' WHERE seq=3")
    with read(sqlite_clinic.id) as session:
        verdict = audit.verify(session)
    assert verdict.bad_seq == 3
    assert "altered" in verdict.problem
