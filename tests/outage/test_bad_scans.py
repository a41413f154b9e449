"""What people really drop: each bad file or page gets its sentence and its place; nothing is lost, nothing filed
twice."""

import io

import cv2
import numpy as np
import pikepdf
import pytest
from sqlalchemy import select

from data.models import DocumentPage, FormSheet, ScanFile
from data.session import read
from forms.reading.stack import FileNotRead
from opening.start import furnish
from outage import page_answers, reading, review
from outage.page_answers import PutAside
from outage.printing import print_blank, print_for_roster
from outage.review import settle, waiting
from outage.scanning import read_scan, receive, scan_file
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from tests.outage.test_review import letter
from tests.outage.test_scanning import drawn, tiff


@pytest.fixture
def paper(clinic, visits):
    day, found = visits
    printed = print_for_roster(["travel-sheet"], day, by=clinic.operator)
    return found, printed, drawn(printed.pdf)


def pages_of(clinic):
    with read(clinic.id) as session:
        return list(session.scalars(select(DocumentPage).order_by(DocumentPage.id)))


def refused(name, content, by):
    scan_id = receive(name, content, by=by)
    with pytest.raises(FileNotRead) as problem:
        read_scan(scan_id, by=by)
    told = next(row for row in reading.scans(by=by) if row.id == scan_id)
    assert told.state == "refused" and told.sentence == problem.value.message, "the history keeps the sentence"
    return problem.value.message


def encrypted():
    document = pikepdf.new()
    document.add_blank_page()
    out = io.BytesIO()
    document.save(out, encryption=pikepdf.Encryption(owner="a", user="b"))
    return out.getvalue()


def huge():
    """A PDF of a few kilobytes that holds a picture of 900 megapixels, between two good pages' worth of paper."""
    document = pikepdf.new()
    picture = pikepdf.Stream(document, b"\0")
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Width = picture.Height = 30_000
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    page = document.add_blank_page(page_size=(612, 792))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = document.make_stream(b"612 0 0 792 0 0 cm /Im0 Do")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def searchable(gray, words):
    """A scan that software made searchable: the picture, and invisible text over it."""
    document = pikepdf.new()
    picture = pikepdf.Stream(document, cv2.imencode(".jpg", gray)[1].tobytes())
    picture.Type, picture.Subtype, picture.Filter = pikepdf.Name.XObject, pikepdf.Name.Image, pikepdf.Name.DCTDecode
    picture.Width, picture.Height = gray.shape[1], gray.shape[0]
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    for text in words:
        page = document.add_blank_page(page_size=(612, 792))
        page.Resources = pikepdf.Dictionary(
            XObject=pikepdf.Dictionary(Im0=picture), Font=pikepdf.Dictionary(F1=document.make_indirect(font))
        )
        content = f"q 612 0 0 792 0 0 cm /Im0 Do Q BT 3 Tr /F1 12 Tf 72 500 Td ({text}) Tj ET"
        page.Contents = document.make_stream(content.encode())
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.slow
def test_files_that_cannot_be_read_at_all_say_why_and_what_to_do(clinic, paper):
    sam = clinic.actor("sam")
    heic = b"\0\0\0\x18ftypheic" + b"\0" * 400
    for name, content, words in (
        ("locked.pdf", encrypted(), "has a password. Save it without one"),
        ("IMG_0001.HEIC", heic, "Set the phone's camera to 'most compatible'"),
        ("letter.docx", b"PK\x03\x04" + b"\0" * 400, "none of PDF, TIFF, JPEG or PNG"),
        ("cut.pdf", b"%PDF-1.7\n" + b"x" * 300, "damaged and cannot be read"),
    ):
        assert words in refused(name, content, sam)
    assert not pages_of(clinic) and not waiting(by=sam) and not list((clinic.home.path / "scans").iterdir())
    assert scan_file("good.tif", tiff(paper[2][:1]), by=sam)[0].state == "attached", "and the next one is read"


def test_a_picture_of_900_megapixels_waits_in_review_with_its_sentence(clinic):
    sam = clinic.actor("sam")
    (line,) = scan_file("huge.pdf", huge(), by=sam)
    assert (line.state, line.reason) == ("review", "pixels") and "40 million pixels" in line.sentence
    (row,) = waiting(by=sam)
    assert not row.has_picture
    settle(row.id, PutAside("scan_again"), by=sam)
    assert not waiting(by=sam) and pages_of(clinic)[0].reason == "scan_again"


def test_a_stack_with_blank_backs_a_page_upside_down_and_another_print_size(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    turned = np.ascontiguousarray(pages[1][::-1, ::-1])
    width = pages[2].shape[1]
    small = np.full_like(pages[2], 255)
    shrunk = cv2.resize(pages[2], None, fx=0.94, fy=0.94, interpolation=cv2.INTER_AREA)
    small[20 : 20 + shrunk.shape[0], 25 : 25 + shrunk.shape[1]] = shrunk
    back = np.full_like(pages[0], 250)
    cv2.line(back, (0, 40), (width, 44), 235, 2)  # what the paper shows through
    lines = scan_file("both-sides.tif", tiff([pages[0], back, turned, back, small, back]), by=sam)
    assert [(line.state, line.reason) for line in lines] == [
        ("attached", ""), ("review", "blank"), ("attached", ""), ("review", "blank"), ("attached", ""),
        ("review", "blank"),
    ]  # fmt: skip
    assert [line.appointment for line in lines if line.state == "attached"] == [visits[0], visits[0], visits[1]]
    assert {row.sentence for row in waiting(by=sam)} == {"This page is blank."}
    settle(waiting(by=sam)[0].id, PutAside("blank"), by=sam)
    assert [review.settle_alike("blank", by=sam, key="all") for _ in range(2)] == [2, 2]
    with pytest.raises(page_answers.NothingToSettle):
        review.settle_alike("unbound", by=sam)
    scan = reading.scans(by=sam)[0]
    assert (scan.attached, scan.to_review, scan.aside) == (3, 0, 3)
    told = reading.pages_of_scan(scan.id, by=sam)
    assert [page.outcome for page in told][:2] == ["Attached", "Put aside: nothing is on it"]


def test_the_form_of_another_clinic_is_not_ours_and_stays_in_review(clinic, paper):
    new = NewClinic("lake", "Lake Clinic", zone="UTC")
    other = create_clinic(new)
    furnish(other, new)
    theirs = drawn(print_blank("travel-sheet", 1, by=Actor.operator(other)).pdf)
    sam = clinic.actor("sam")
    lines = scan_file("theirs.tif", tiff([theirs[0], paper[2][0]]), by=sam)
    assert [(line.state, line.reason) for line in lines] == [("review", "refused"), ("attached", "")]
    (row,) = waiting(by=sam)
    assert row.sentence.startswith("The code on this page was not printed by this clinic")
    settle(row.id, PutAside("not_ours"), by=sam)
    with read(other) as session:
        assert {sheet.state for sheet in session.scalars(select(FormSheet))} == {"printed"}


def test_the_same_stack_twice_files_nothing_again_however_it_comes(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    scan_file("monday.tif", tiff(pages), by=sam)
    again = scan_file("monday again.tif", tiff(pages), by=sam)
    assert {line.state for line in again} == {"duplicate"} and not waiting(by=sam)
    assert reading.scans(by=sam)[0].sentence == "This very file was scanned before. Nothing was filed again."
    noisy = [np.clip(page.astype(np.int16) + 3, 0, 255).astype(np.uint8) for page in pages]
    rescanned = scan_file("scanned again.tif", tiff(noisy[::-1]), by=sam)
    assert {line.state for line in rescanned} == {"duplicate"}
    standing = [page for page in pages_of(clinic) if page.state == "attached"]
    assert len({(page.form_sheet_id, page.page) for page in standing}) == len(standing) == len(pages)
    assert [row.reason for row in waiting(by=sam)] == ["duplicate"] * len(pages)
    assert review.settle_alike("duplicate", by=sam) == len(pages) and not waiting(by=sam)
    with read(clinic.id) as session:
        assert len(session.scalars(select(ScanFile)).all()) == 3


def test_a_card_number_in_the_text_of_a_page_is_destroyed_with_the_page(clinic, paper):
    sam = clinic.actor("sam")
    words = ["Visa 4242 4242 4242 4242 exp 12/29", "Microchip 985112345678903, phone 845 555 0187", "Thank you"]
    lines = scan_file("receipts.pdf", searchable(letter(paper[2][0]), words), by=sam)
    assert [(line.state, line.reason) for line in lines] == [
        ("quarantined", "card_number"), ("foreign", "no_code"), ("foreign", "no_code"),
    ]  # fmt: skip
    assert "shred the paper" in lines[0].sentence
    first = pages_of(clinic)[0]
    assert (first.picture, first.fields) == ("", {})
    for path in clinic.home.path.rglob("*"):
        assert not path.is_file() or b"4242 4242" not in path.read_bytes()
    kept = reading.scans(by=sam)[0]
    assert (kept.pages, kept.destroyed, kept.to_review) == (3, 1, 2)


def test_our_own_prints_are_never_taken_for_card_numbers(clinic, visits):
    """Scanned as PDFs with their text: serials, codes, microchips, phone numbers."""
    day, _ = visits
    sam = clinic.actor("sam")
    printed = print_for_roster(["consent", "travel-sheet", "roster"], day, by=sam)
    states = {line.state for line in scan_file("print.pdf", printed.pdf, by=sam)}
    assert states == {"attached"} and review.count_waiting(by=sam) == 0
