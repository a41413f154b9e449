"""Drafts: kept encrypted for one person and place, across sign-outs, and counted as input."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from data.errors import SessionEnded
from data.models import AuditLog, Draft, UserSession
from data.session import read
from data.types import clock
from security import drafts, sessions


def test_a_draft_survives_a_sign_out_and_is_nobody_elses(clinic):
    sam = clinic.actor("sam")
    drafts.save("note:1", "He bites <img src=x>", by=sam)
    drafts.save("form", {"name": "Lee", "born_on": {"day": "2020-01-01"}}, by=sam)
    sessions.end(clinic.id, sam.session_id, "signed out")
    again = clinic.actor("sam")
    assert drafts.load("note:1", by=again) == "He bites <img src=x>"
    assert drafts.load("form", by=again)["name"] == "Lee"
    assert drafts.load("note:2", by=again) is None
    assert drafts.load("note:1", by=clinic.actor("mona")) is None
    assert sorted(drafts.places(by=again)) == ["form", "note:1"]


def test_a_draft_is_changed_in_place_and_discarded_by_emptying(clinic):
    sam = clinic.actor("sam")
    for text in ("a", "ab", "abc"):
        drafts.save("note:1", text, by=sam)
    with read(clinic.id) as session:
        assert len(session.scalars(select(Draft)).all()) == 1
    drafts.save("note:1", "", by=sam)
    assert drafts.load("note:1", by=sam) is None
    drafts.discard("note:1", by=sam)


def test_a_draft_is_encrypted_and_bound_to_its_person_and_place(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    drafts.save("note:1", "canary-otter", by=sam)
    with read(clinic.id) as session:
        (row,) = session.scalars(select(Draft)).all()
    assert b"otter" not in row.body
    assert drafts._unseal(row.body, "note:1", sam) == "canary-otter"
    assert drafts._unseal(row.body, "note:2", sam) is None
    assert drafts._unseal(row.body, "note:1", mona) is None


def test_typing_counts_as_input_and_leaves_no_audit_row(clinic):
    sam = clinic.actor("sam")
    with read(clinic.id) as session:
        before = len(session.scalars(select(AuditLog.seq)).all())
    start = clock.now()
    clock.set(start + timedelta(minutes=29))
    drafts.save("note:1", "still here", by=sam)
    clock.set(start + timedelta(minutes=45))
    drafts.save("note:1", "still here, writing", by=sam)
    with read(clinic.id) as session:
        last = session.scalars(select(UserSession.last_input_at).where(UserSession.id == sam.session_id)).one()
        assert len(session.scalars(select(AuditLog.seq)).all()) == before
    assert last == clock.now()


def test_a_draft_of_an_ended_session_is_refused(clinic):
    sam = clinic.actor("sam")
    sessions.end(clinic.id, sam.session_id, "signed out by owner")
    with pytest.raises(SessionEnded):
        drafts.save("note:1", "too late", by=sam)


def test_a_draft_that_is_far_too_long_is_refused(sqlite_clinic):
    with pytest.raises(drafts.DraftTooLong):
        drafts.save("note:1", "x" * 300_000, by=sqlite_clinic.actor("sam"))
