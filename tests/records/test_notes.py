"""Notes: permanent, and read only by whom their type names."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from data.card_numbers import CardNumberTyped
from data.errors import NotFound, NotPermitted
from data.models import AuditLog, BreakGlass, Note, User
from data.session import read, write
from data.types import clock
from records import checks, clients, notes
from records.clients import ClientForm
from security import audit

READERS = {
    "everyone": {"olive", "adam", "mona", "clara", "sam"},
    "clinicians": {"olive", "adam", "clara", "sam"},
    "administrators": {"olive", "adam", "sam"},
    "author": {"sam"},
}
"""Who reads a note that Sam, who is staff, wrote."""


def bodies(client_id, by):
    return {note.body for note in notes.of_client(client_id, by=by)}


def test_each_type_is_read_by_whom_it_names_and_by_its_author(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    for access in READERS:
        notes.write(client_id, access, access=access, by=sam)
    for name in ("olive", "adam", "mona", "clara", "sam"):
        expected = {access for access, readers in READERS.items() if name in readers}
        assert bodies(client_id, clinic.actor(name)) == expected, name


def test_a_promoted_administrator_does_not_read_what_is_for_its_author(clinic):
    from security.roles import permissions_of

    clara = clinic.actor("clara")
    client_id = clients.add(ClientForm("Lee"), by=clara)
    notes.write(client_id, "mine", access="author", by=clara)
    with write(clinic.id) as session:
        user = session.scalars(select(User).where(User.username == "mona")).one()
        user.role = "administrator"
        assert "notes.administrators" in permissions_of(session, "administrator")
        session.flush()
        audit.append(session, clinic.operator, "user.role", "user", user.id)
    assert bodies(client_id, clinic.actor("mona")) == set()
    assert bodies(client_id, clara) == {"mine"}


def test_broken_glass_opens_one_client_for_an_hour_to_one_person(clinic):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    first, second = (clients.add(ClientForm(name), by=sam) for name in ("Lee", "Ray"))
    for client_id in (first, second):
        notes.write(client_id, "mine", access="author", by=sam)
    now = clock.now()
    with write(clinic.id) as session:
        until = now + timedelta(hours=1)
        session.add(BreakGlass(user_id=adam.user_id, client_id=first, reason="seizure", until=until))
        session.flush()
        audit.append(session, adam, "glass.broken", "client", first)
    assert bodies(first, adam) == {"mine"}
    assert bodies(second, adam) == set()
    assert bodies(first, clinic.actor("olive")) == set()
    clock.set(now + timedelta(minutes=61))
    assert bodies(first, clinic.actor("adam")) == set()


def test_a_note_cannot_be_changed_or_deleted(clinic):
    sam = clinic.actor("sam")
    note_id = notes.write(clients.add(ClientForm("Lee"), by=sam), "as written", access="everyone", by=sam)
    for statement in ("UPDATE note SET body = 'other'", "DELETE FROM note"):
        with pytest.raises(DBAPIError, match="append only"), clinic.database.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    with read(clinic.id) as session:
        assert session.scalars(select(Note.body).where(Note.id == note_id)).all() == ["as written"]


def test_a_correction_names_the_note_it_corrects(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    wrong = notes.write(client_id, "left paw", access="everyone", by=sam)
    right = notes.write(client_id, "right paw", access="everyone", corrects_id=wrong, by=mona)
    newest, oldest = notes.of_client(client_id, by=sam)
    assert (newest.id, newest.corrects, newest.author) == (right, wrong, "Mona Marsh")
    assert oldest.corrected_by == (right,)


def test_what_cannot_be_read_cannot_be_corrected_or_hinted_at(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    hidden = notes.write(client_id, "for me", access="author", by=sam)
    with pytest.raises(NotFound):
        notes.write(client_id, "guess", access="everyone", corrects_id=hidden, by=mona)
    notes.write(client_id, "shown", access="everyone", corrects_id=hidden, by=sam)
    assert [note.corrects for note in notes.of_client(client_id, by=mona)] == [""]


def test_a_note_needs_a_type_a_text_and_no_card_number(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    with pytest.raises(notes.ReaderUnknown, match="who may read"):
        notes.write(client_id, "x", access="", by=sam)
    with pytest.raises(checks.Missing):
        notes.write(client_id, " \n ", access="everyone", by=sam)
    with pytest.raises(CardNumberTyped):
        notes.write(client_id, "card 5555 5555 5555 4444 exp 12/27", access="everyone", by=sam)
    with pytest.raises(checks.TooLong):
        notes.write(client_id, "x" * 20_001, access="everyone", by=sam)
    assert bodies(client_id, sam) == set()


def test_a_double_click_writes_one_note_and_its_text_stays_out_of_the_audit_log(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    for _ in range(2):
        note_id = notes.write(client_id, "canary-walrus", access="everyone", by=sam, key="n1")
    assert len(notes.of_client(client_id, by=sam)) == 1
    with read(clinic.id) as session:
        rows = session.scalars(select(AuditLog)).all()
    assert not [row for row in rows if "walrus" in row.detail]
    assert [(row.action, row.entity_id) for row in rows if row.entity == "note"] == [("note.written", note_id)]
    assert [row.action for row in rows if row.action == "notes.viewed"] == ["notes.viewed"]


def test_a_role_without_the_right_writes_none(clinic):
    from security.roles import ROLE, Role

    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    with write(clinic.id) as session:
        from data import definitions

        definitions.save(session, ROLE, "staff", Role(label="Staff", permissions=["clients.view"]), by_user_id=None)
        session.flush()
        audit.append(session, adam, "role.changed", "role", "staff")
    with pytest.raises(NotPermitted, match="write notes"):
        notes.write(client_id, "x", access="everyone", by=sam)
