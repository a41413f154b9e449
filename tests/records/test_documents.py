"""Documents: looked at before they are kept, encrypted at rest, opened under their access level."""

import contextlib
import struct
import time
import zlib

import pytest
from sqlalchemy import select

from data.card_numbers import CardNumberTyped
from data.errors import BadInput, NotFound, NotPermitted
from data.models import AuditLog, Document, Patient
from data.session import read, write
from records import clients, documents, file_kinds
from records.clients import ClientForm


def png(width=2, height=2):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg(width=3, height=4):
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xe0\x00\x04ab" + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def tiff(width=5, height=6, next_page=0):
    entries = struct.pack("<HHII", 256, 4, 1, width) + struct.pack("<HHIHH", 257, 3, 1, height, 0)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 2) + entries + struct.pack("<I", next_page)


PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(PDF, "application/pdf"), (png(), "image/png"), (jpeg(), "image/jpeg"), (tiff(), "image/tiff"),
     ("Grüße\n".encode(), "text/plain")],
)  # fmt: skip
def test_a_file_is_what_its_bytes_say_whatever_its_name(content, media_type):
    assert file_kinds.examine("photo.exe", content).media_type == media_type


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", file_kinds.FileEmpty),
        (b"MZ\x90\0\x03", file_kinds.FileNotAccepted),
        (b"PK\x03\x04zip", file_kinds.FileNotAccepted),
        (b"\x89PNG\r\n\x1a\n", file_kinds.FileNotAccepted),
        (b"\xff\xd8\xff\xe0\x00", file_kinds.FileNotAccepted),
        (b"\xff\xd8\xff\xe0\x00\x00", file_kinds.FileNotAccepted),
        (b"II*\0\x08\0\0\0", file_kinds.FileNotAccepted),
        (tiff(next_page=8), file_kinds.FileNotAccepted),
        (png(40_000, 40_000), file_kinds.ImageTooLarge),
        (jpeg(65_000, 65_000), file_kinds.ImageTooLarge),
        (tiff(1_000_000, 60_000), file_kinds.ImageTooLarge),
        (png(0, 1), file_kinds.FileNotAccepted),
        (b"\0" * (25 * 1024 * 1024 + 1), file_kinds.FileTooLarge),
        (b"x" * (4 * 1024 * 1024 + 1), file_kinds.FileTooLarge),
        (b"paid with 4111 1111 1111 1111", CardNumberTyped),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_sentence(content, failure):
    with pytest.raises(failure, match=r"scan\.pdf"):
        file_kinds.examine("scan.pdf", content)


def test_html_and_svg_are_kept_as_text_and_never_served_as_markup():
    for content in (b"<html><script>alert(1)</script>", b"<svg onload=alert(1)>"):
        assert file_kinds.examine("x.html", content).media_type == "text/plain"


def test_a_document_is_encrypted_at_rest_and_comes_back_whole(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    content = b"canary-heron " * 1000
    document_id = documents.attach(client_id, "C:\\scans\\consent.txt", content, by=sam, key="d1")
    assert documents.attach(client_id, "consent.txt", content, by=sam, key="d1") == document_id
    (line,) = documents.of_client(client_id, by=sam)
    assert (line.title, line.author, line.size) == ("consent.txt", "Sam Stone", len(content))
    opened = documents.open_document(document_id, by=sam)
    assert (opened.content, opened.file_name) == (content, "consent.txt")
    stored = [path.read_bytes() for path in clinic.home.blobs.rglob("*") if path.is_file()]
    assert stored
    assert not [part for part in stored if b"heron" in part]
    with read(clinic.id) as session:
        actions = session.scalars(select(AuditLog.action).where(AuditLog.entity_id == document_id)).all()
    assert sorted(actions) == ["document.attached", "document.viewed"]


def test_a_document_is_not_attached_to_another_clients_patient(clinic):
    sam = clinic.actor("sam")
    client_id, other = clients.add(ClientForm("Lee"), by=sam), clients.add(ClientForm("Moss"), by=sam)
    with write(clinic.id) as session:
        patient = Patient(client_id=other, name="Fern", species="cat", sex="female")
        session.add(patient)
    with pytest.raises(NotFound):
        documents.attach(client_id, "a.pdf", PDF, patient_id=patient.id, by=sam)


def test_the_same_file_is_not_attached_twice(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    documents.attach(client_id, "a.pdf", PDF, by=sam)
    with pytest.raises(documents.AlreadyAttached, match="already attached as"):
        documents.attach(client_id, "b.pdf", PDF, by=sam)


def test_a_refused_copy_does_not_tell_the_title_of_a_document_that_one_may_not_know_of(clinic):
    clara, sam = clinic.actor("clara"), clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    documents.attach(client_id, "suspected abuse.pdf", PDF, access="author", by=clara)
    documents.attach(client_id, "scan.pdf", PDF, access="author", by=sam)
    assert [line.title for line in documents.of_client(client_id, by=sam)] == ["scan.pdf"]


def test_a_document_is_not_attached_to_another_clients_visit(clinic):
    from data.types import new_id

    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    for appointment_id in (new_id(), "not an id"):
        with pytest.raises(NotFound):
            documents.attach(client_id, "a.pdf", PDF, appointment_id=appointment_id, by=sam)


def test_a_small_file_that_claims_millions_of_entries_is_refused_at_once():
    pages = b"".join(
        struct.pack("<H", 60_000) + b"\0" * 720_000 + struct.pack("<I", 8 + 720_006 * (number + 1))
        for number in range(30)
    )
    segments = b"\xff\xd8" + b"\xff\xe0\x00\x02" * 4_000_000
    for content in (b"II*\0" + struct.pack("<I", 8) + pages, segments):
        began = time.process_time()
        with pytest.raises(file_kinds.FileNotAccepted):
            file_kinds.examine("scan.tif", content)
        assert time.process_time() - began < 0.5


def test_a_document_opens_for_whom_its_level_names(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    document_id = documents.attach(client_id, "a.pdf", PDF, access="administrators", by=sam)
    for name, may in (("olive", True), ("adam", True), ("mona", False), ("clara", False), ("sam", True)):
        person = clinic.actor(name)
        assert bool(documents.of_client(client_id, by=person)) == may, name
        if may:
            assert documents.open_document(document_id, by=person).content == PDF
        else:
            with pytest.raises(NotFound):
                documents.open_document(document_id, by=person)
            with pytest.raises((NotFound, NotPermitted)):
                documents.remove(document_id, reason="x", by=person)


def test_a_document_taken_off_is_gone_from_lists_and_its_address(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    document_id = documents.attach(client_id, "a.pdf", PDF, by=sam)
    documents.remove(document_id, reason="other client", by=sam)
    assert documents.of_client(client_id, by=sam) == []
    with pytest.raises(NotFound):
        documents.open_document(document_id, by=sam)
    with read(clinic.id, include_deleted=True) as session:
        assert session.scalars(select(Document.id)).all() == [document_id]


def test_the_examiner_never_breaks_on_any_bytes():
    from hypothesis import given
    from hypothesis import strategies as st

    heads = st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"%PDF-"])

    @given(heads, st.binary(max_size=200))
    def run(head, rest):
        with contextlib.suppress(BadInput):
            file_kinds.examine("f", head + rest)

    run()
