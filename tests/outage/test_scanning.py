"""Scanned stacks find their sheets and visits; nothing is filed twice, nothing lost, and no slip is kept."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import func, select

from data.blobs import BlobStore
from data.engine import database
from data.errors import NotFound
from data.models import Appointment, AuditLog, Client, Document, DocumentPage, FormSheet, ScanFile
from data.session import read, write
from forms.reading.stack import FileNotRead
from outage import page_answers, reading, review, scanning
from outage.page_pictures import field_pictures, page_picture
from outage.printing import print_blank, print_for_roster
from outage.scanning import ScanEmpty, read_scan, receive, scan_file, waiting
from records.access import RestrictedRecord
from records.documents import open_document
from security import audit

DPI = 120


def drawn(pdf):
    pages = []
    for leaf in pypdfium2.PdfDocument(pdf):
        bitmap = leaf.render(scale=DPI / 72, grayscale=True)
        pages.append(np.ascontiguousarray(bitmap.to_numpy().reshape(bitmap.height, bitmap.width)).copy())
    return pages


def cross(gray, zones, wanted):
    """Marks in the boxes named."""
    for zone in zones:
        if (zone["key"], zone["option"]) in wanted:
            x, y, w = (round(zone[name] * DPI / 72) for name in ("x", "y", "w"))
            cv2.line(gray, (x, y), (x + w, y + w), 20, 2, cv2.LINE_AA)
            cv2.line(gray, (x + w, y), (x, y + w), 20, 2, cv2.LINE_AA)


def tiff(pages):
    first, *others = [Image.fromarray(gray) for gray in pages]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others, compression="tiff_deflate")
    return out.getvalue()


@pytest.fixture
def paper(clinic, visits):
    """Travel sheets for both visits as pictures, with what was printed."""
    day, found = visits
    printed = print_for_roster(["travel-sheet"], day, by=clinic.actor("sam"))
    return found, printed, drawn(printed.pdf)


def pages_of(clinic):
    with read(clinic.id) as session:
        rows = session.execute(
            select(DocumentPage, FormSheet)
            .outerjoin(FormSheet, FormSheet.id == DocumentPage.form_sheet_id)
            .order_by(DocumentPage.id)
        ).all()
        return [(page.state, page.reason, sheet and sheet.serial, page.page) for page, sheet in rows]


def test_a_shuffled_stack_with_a_slip_a_letter_and_a_page_twice(clinic, paper):
    visits, printed, pages = paper
    sam = clinic.actor("sam")
    cross(
        pages[0],
        printed.pages[0]["zones"],
        {("sex_found", "female"), ("abnormalities", "flea_burden"), ("approved", "yes")},
    )
    slips = drawn(print_blank("card-slip", 1, by=sam).pdf)[0]
    blank = drawn(print_blank("travel-sheet", 1, by=sam).pdf)
    letter = np.full_like(pages[0], 255)
    cv2.putText(letter, "Dear doctor, these are the records", (60, 300), 0, 1, 10, 2)
    upside_down = np.ascontiguousarray(pages[3][::-1, ::-1])
    stack = tiff([pages[1], slips, upside_down, letter, pages[0], blank[0], pages[0], np.full_like(letter, 255)])
    lines = scan_file("monday.tif", stack, by=sam)
    first, second = printed.serials
    assert [(line.state, line.reason, line.serial, line.page) for line in lines] == [
        ("attached", "", first, 2), ("quarantined", "slip", None, None), ("attached", "", second, 2),
        ("foreign", "no_code", None, None), ("attached", "", first, 1), ("review", "unbound", second + 2, 1),
        ("duplicate", "duplicate", first, 1), ("review", "blank", None, None),
    ]  # fmt: skip
    assert [line.appointment for line in lines if line.state == "attached"] == [visits[0], visits[1], visits[0]]
    fields = lines[4].fields
    told = {
        key: fields[key]["value"] for key in ("sex_found", "abnormalities", "approved", "weight", "already_altered")
    }
    assert told == {
        "sex_found": "female", "abnormalities": ["flea_burden"], "approved": "yes", "weight": None,
        "already_altered": False,
    }  # fmt: skip
    with read(clinic.id) as session:
        document = session.scalars(select(Document).where(Document.kind == "scan")).one()
        kept = BlobStore(database().home).get(document.blob)
        frames = Image.open(io.BytesIO(kept)).n_frames
        assert frames == 7, "the slip is cut out of what is kept"
        states = {sheet.serial: sheet.state for sheet in session.scalars(select(FormSheet))}
        assert (states[first], states[second], states[second + 1]) == ("used", "used", "printed")
        actions = list(session.scalars(select(AuditLog.action).where(AuditLog.action.like("scan.%"))))
        assert sorted(actions) == ["scan.read", "scan.received", "scan.slips_destroyed"]
        quarantined = session.scalars(select(DocumentPage).where(DocumentPage.state == "quarantined")).one()
        assert quarantined.picture == ""
    assert not list((clinic.home.path / "scans").iterdir()), "nothing waits in the staging area any more"


def test_the_same_file_twice_files_nothing_and_another_scan_of_a_page_is_a_duplicate(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    stack = tiff(pages[:2])
    assert [line.state for line in scan_file("a.tif", stack, by=sam)] == ["attached", "attached"]
    assert [line.state for line in scan_file("b.tif", stack, by=sam)] == ["duplicate", "duplicate"]
    assert len(pages_of(clinic)) == 2
    again = cv2.GaussianBlur(pages[0], (0, 0), 1.0)
    assert [line.state for line in scan_file("c.tif", tiff([again]), by=sam)] == ["duplicate"]
    assert [state for state, *_ in pages_of(clinic)] == ["attached", "attached", "duplicate"]


@pytest.mark.slow
def test_a_better_scan_takes_the_place_of_one_whose_corners_were_hidden(clinic, paper):
    _, printed, pages = paper
    sam = clinic.actor("sam")
    torn = pages[0].copy()
    height, width = torn.shape
    torn[round(0.6 * height) :, :] = 255
    torn[:, round(0.8 * width) :] = 255
    torn[: round(0.07 * height), : round(0.085 * width)] = 255
    assert [(line.state, line.reason) for line in scan_file("torn.tif", tiff([torn]), by=sam)] == [
        ("review", "not_placed")
    ]
    assert [line.state for line in scan_file("whole.tif", tiff([pages[0]]), by=sam)] == ["attached"]
    with read(clinic.id) as session:
        rows = session.scalars(select(DocumentPage).order_by(DocumentPage.id)).all()
        assert rows[0].superseded_by_id == rows[1].id and rows[0].picture != ""
    assert printed.serials


@pytest.mark.slow
def test_a_process_killed_in_the_middle_files_every_page_exactly_once(clinic, paper, monkeypatch):
    _, _, pages = paper
    sam = clinic.actor("sam")
    scan_id = receive("stack.tif", tiff(pages), by=sam)

    class Killed(BaseException):
        pass

    def die(*_args, **_options):
        raise Killed

    for place in ("read_stack", "file_pages"):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(scanning, place, die)
            read_scan(scan_id, by=sam)
        assert waiting(by=sam) == [scan_id] and pages_of(clinic) == []
    assert len(read_scan(scan_id, by=sam)) == 4
    assert len(read_scan(scan_id, by=sam)) == 4
    assert waiting(by=sam) == [] and len(pages_of(clinic)) == 4


def test_what_waits_is_encrypted_and_what_cannot_be_read_is_forgotten_with_its_reason(clinic, paper):
    sam = clinic.actor("sam")
    document = pikepdf.new()
    document.add_blank_page()
    out = io.BytesIO()
    document.save(out, encryption=pikepdf.Encryption(owner="a", user="b"))
    scan_id = receive("../../etc/locked.pdf", out.getvalue(), by=sam)
    (staged,) = (clinic.home.path / "scans").iterdir()
    assert b"%PDF" not in staged.read_bytes()
    with pytest.raises(FileNotRead, match="password"):
        read_scan(scan_id, by=sam)
    assert not staged.exists()
    with read(clinic.id) as session:
        row = session.scalars(select(ScanFile)).one()
        assert (row.name, row.state, row.problem) == ("locked.pdf", "refused", "password")
        assert session.scalar(select(func.count()).select_from(DocumentPage)) == 0
    with pytest.raises(ScanEmpty):
        receive("none.pdf", b"", by=sam)


@pytest.mark.slow
def test_kill_minus_nine_in_the_middle_of_a_stack_and_again(sqlite_clinic, tmp_path):
    clinic = sqlite_clinic
    printed = print_blank("walk-in", 25, by=clinic.actor("sam"))
    (tmp_path / "stack.pdf").write_bytes(printed.pdf)
    scans = clinic.home.path / "scans"
    command = [sys.executable, "cli.py", "scan", "--json"]
    first = subprocess.Popen([*command, str(tmp_path / "stack.pdf")], stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while not (scans.exists() and any(scans.iterdir())) and time.monotonic() < until:
        time.sleep(0.02)
    while not waiting(by=clinic.actor("sam")) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert len(waiting(by=clinic.actor("sam"))) == 1 and pages_of(clinic) == []
    again = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert [page["serial"] for page in again["pages"]] == printed.serials
    assert {page["state"] for page in again["pages"]} == {"attached"}
    assert sorted(serial for _, _, serial, _ in pages_of(clinic)) == printed.serials
    assert not any(scans.iterdir())


def test_pages_are_shown_only_to_whoever_may_see_the_record_and_the_raw_stack_to_nobody(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    lines = scan_file("a.tif", tiff([pages[0], pages[2]]), by=sam)
    assert page_picture(lines[0].id, by=sam).startswith(b"\xff\xd8")
    cut = field_pictures(lines[0].id, by=sam)
    assert cut["weight"].startswith(b"\x89PNG") and "drugs.1.given" in cut and "exam_notes" in cut
    with write(clinic.id) as session:
        client = session.scalars(select(Appointment.client_id).where(Appointment.id == visits[0])).one()
        session.get_one(Client, (clinic.id, client)).restricted = True
        audit.append(session, clinic.operator, "client.restricted", "client", client)
    for show in (page_picture, field_pictures):
        with pytest.raises(RestrictedRecord):
            show(lines[0].id, by=sam)
        with pytest.raises(NotFound):
            show("nothing", by=sam)
    assert page_picture(lines[1].id, by=sam)
    with read(clinic.id) as session:
        stack = session.scalars(select(Document.id).where(Document.kind == "scan")).one()
        assert session.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.entity == "document_page")) >= 2
    with pytest.raises(NotFound):
        open_document(stack, by=clinic.operator)


def test_a_page_printed_at_94_percent_is_read_and_says_so_and_one_at_actual_size_or_photographed_says_nothing(
    clinic, paper
):
    _, printed, pages = paper
    sam = clinic.actor("sam")
    cross(pages[0], printed.pages[0]["zones"], {("approved", "approved"), ("sex", "female")})
    height, width = pages[0].shape
    smaller = np.array([[0.94, 0, 0.03 * width], [0, 0.94, 0.02 * height]])
    small = cv2.warpAffine(pages[0], smaller, (width, height), flags=cv2.INTER_AREA, borderValue=255)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners + np.array([[90, 50], [-90, 30], [-10, -40], [10, -20]], np.float32)
    leaning = cv2.getPerspectiveTransform(corners, seen)
    photo = cv2.warpPerspective(pages[2], leaning, (width, height), borderValue=90)
    turned = np.rot90(pages[3], 1)
    first, plain, tilted, lying = scan_file("stack.tif", tiff([small, pages[1], photo, turned]), by=sam)
    assert (first.state, first.serial) == ("attached", printed.serials[0])
    assert first.scale == pytest.approx(0.94, abs=0.004)
    assert first.note.startswith("Printed at 94%, and read all the same.")
    assert (plain.scale, plain.note) == (pytest.approx(1, abs=0.004), "")
    assert (tilted.state, tilted.scale, tilted.note) == ("attached", None, "")
    assert (lying.state, lying.scale) == ("attached", pytest.approx(1, abs=0.004))
    assert {"scale", "note"} <= first.document().keys()
    (row,) = reading.scans(by=sam)
    assert row.scale == pytest.approx(0.94, abs=0.004) and row.note == first.note


def printed(gray, number, y=640):
    """A receipt taped on a page."""
    face = ImageFont.truetype("forms/fonts/DejaVuSans.ttf", 4 * 20)
    label = Image.new("L", (4 * 420, 4 * 60), 255)
    ImageDraw.Draw(label).text((60, 60), number, fill=0, font=face)
    out = gray.copy()
    out[y : y + 60, 200:620] = np.asarray(label.resize((420, 60), Image.Resampling.BOX))
    return out


@pytest.mark.slow
def test_a_page_with_a_card_number_in_print_is_destroyed_and_one_that_may_have_one_waits(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    receipt = printed(np.full_like(pages[0], 255), "4111 1111 1111 1111")
    sideways = np.ascontiguousarray(np.rot90(printed(np.full_like(pages[0], 255), "5500 0055 5555 5559")))
    lines = scan_file("a.tif", tiff([pages[0], receipt, sideways, printed(pages[1], "3782 822463 10005")]), by=sam)
    gone = ("quarantined", "card_number")
    assert [(line.state, line.reason) for line in lines] == [("attached", ""), gone, gone, gone]
    with read(clinic.id) as session:
        document = session.scalars(select(Document).where(Document.kind == "scan")).one()
        assert Image.open(io.BytesIO(BlobStore(database().home).get(document.blob))).n_frames == 1
        destroyed = session.scalars(select(DocumentPage).where(DocumentPage.state == "quarantined")).all()
        assert [page.picture for page in destroyed] == ["", "", ""]

    long = "4111 1111 1111 1111 4111 1111"
    (line,) = scan_file("b.tif", tiff([printed(np.full_like(pages[0], 255), long)]), by=sam)
    (filed, twice) = scan_file("c.tif", tiff([printed(pages[1], long), printed(pages[0], long)]), by=sam)
    told = {line.reason for line in (line, filed, twice)}
    assert told == {"maybe_card"} and line.sentence == "This may hold a card number: look, and destroy it or keep it."
    for one in (line, filed, twice):
        review.settle(one.id, page_answers.NoCard(), by=sam)
    with pytest.raises(page_answers.NothingToSettle):
        review.settle(line.id, page_answers.NoCard(), by=sam)
    with read(clinic.id) as session:
        pages_now = [session.get_one(DocumentPage, (clinic.id, one.id)) for one in (line, filed, twice)]
        assert [(page.state, page.reason) for page in pages_now] == [
            ("review", "no_code"), ("attached", ""), ("duplicate", "duplicate"),
        ]  # fmt: skip
        assert pages_now[1].is_upright and pages_now[1].fields
    assert len(review.waiting(by=sam)) == 2, "what it is, and which scan stays, is still to be said"
