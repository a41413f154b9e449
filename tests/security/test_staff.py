"""Staff profiles: everybody reads all, each changes their own contact, the rest needs staff.edit."""

import struct

import pytest
from sqlalchemy import select

from data.errors import BadInput, EditedMeanwhile, NotFound, NotPermitted
from data.models import Document
from data.session import read
from records import documents
from security import staff
from security.reach import BeyondYourRights

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 300, 80) + b"0" * 40


def test_staff_read_all_and_change_only_their_own_contact(clinic):
    sam = clinic.actor("sam")
    assert len(staff.list_staff(by=sam)) == 5
    mine = staff.staff_profile(clinic.users["sam"], by=sam)
    staff.edit_contact("sam@example.org", "555 0100", expected=mine.version, by=sam)
    assert staff.staff_profile(mine.id, by=sam).email == "sam@example.org"
    with pytest.raises(NotPermitted):
        staff.edit_profile(clinic.users["clara"], staff.Profile("X"), expected=1, by=sam)
    with pytest.raises(EditedMeanwhile):
        staff.edit_contact("other@example.org", "", expected=mine.version, by=sam)


def test_an_administrator_edits_all_and_a_wrong_dea_number_is_refused(clinic):
    adam = clinic.actor("adam")
    clara = staff.staff_profile(clinic.users["clara"], by=adam)
    wanted = staff.Profile("Clara Chen", "CC", licence="NY 12345", dea_number="AC1234563", working_days=[0, 2])
    staff.edit_profile(clara.id, wanted, expected=clara.version, by=adam)
    now = staff.staff_profile(clara.id, by=adam)
    assert (now.dea_number, now.working_days) == ("AC1234563", (0, 2))
    with pytest.raises(BadInput, match="DEA"):
        staff.edit_profile(clara.id, staff.Profile("Clara", dea_number="AC1234567"), expected=now.version, by=adam)


def test_a_signature_is_kept_encrypted_and_only_images_are_taken(clinic):
    sam = clinic.actor("sam")
    staff.set_signature(clinic.users["sam"], PNG, by=sam)
    assert staff.signature(clinic.users["sam"], by=clinic.actor("clara")) == PNG
    assert not any(PNG in file.read_bytes() for file in clinic.home.blobs.rglob("*") if file.is_file())
    huge = PNG.replace(struct.pack(">II", 300, 80), struct.pack(">II", 30_000, 30_000))
    for image in (b"<svg onload=alert(1)>", huge, PNG[:12], b"\xff\xd8\xff\xe0"):
        with pytest.raises(BadInput):
            staff.set_signature(clinic.users["sam"], image, by=sam)
    with read(clinic.id) as session:
        kept = session.scalars(select(Document.id).where(Document.kind == "signature")).one()
    with pytest.raises(NotFound):
        documents.open_document(kept, by=clinic.actor("clara"))
    with pytest.raises(NotPermitted):
        staff.set_signature(clinic.users["clara"], PNG, by=sam)
    staff.set_signature(clinic.users["sam"], None, by=sam)
    assert staff.signature(clinic.users["sam"], by=sam) is None


def test_an_administrator_cannot_turn_the_owners_alerts_to_another_address(clinic):
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    mine = staff.staff_profile(clinic.users["olive"], by=olive)
    staff.edit_contact("olive@example.org", "", expected=mine.version, by=olive)
    now = staff.staff_profile(mine.id, by=adam)
    with pytest.raises(BeyondYourRights):
        staff.edit_profile(mine.id, staff.Profile(now.name, email=""), expected=now.version, by=adam)
    kept = staff.Profile(now.name, email=now.email, phone="555 0100")
    staff.edit_profile(mine.id, kept, expected=now.version, by=adam)
    assert staff.staff_profile(mine.id, by=adam).phone == "555 0100"
