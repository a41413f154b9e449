"""What the machine could not settle is settled by a person: nothing is overwritten, nothing filed twice, and a card
number leaves no trace."""

import json
from datetime import timedelta

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from data.blobs import BlobStore
from data.engine import database
from data.errors import NotFound, NotPermitted
from data.models import Appointment, AuditLog, Client, Document, DocumentPage, FormSheet, ScanFile
from data.session import everywhere, read, write
from data.types import clock
from forms.reading.codes import read_codes
from forms.token import readable
from outage import destroying, entry, page_answers, review, sheets
from outage.counter import take_page
from outage.doubts import NoSuchAnswer
from outage.outages import declare
from outage.page_answers import AttachAs, BindTo, Boxes, Destroy, KeepFirst, PutAside, PutToSheet, TakeThis
from outage.page_pictures import field_pictures, page_picture
from outage.printing import print_blank, print_for_appointment, print_for_roster
from outage.review import settle, waiting
from outage.scanning import scan_file
from records import documents
from records.access import RestrictedRecord
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from tests.outage.test_scanning import DPI, cross, drawn, tiff

LETTER = "Dear doctor, these are the records"


@pytest.fixture
def paper(clinic, visits):
    """Travel sheets for both visits as pictures, with what was printed."""
    day, found = visits
    printed = print_for_roster(["travel-sheet"], day, by=clinic.actor("sam"))
    return found, printed, drawn(printed.pdf)


def without_codes(gray):
    """Both codes scrawled over; the markers stay."""
    out = gray.copy()
    height, width = out.shape
    mm = DPI / 25.4
    for left, top in ((19, 8), (width / mm - 39, height / mm - 28)):
        x, y = round(left * mm), round(top * mm)
        cv2.rectangle(out, (x, y), (x + round(20 * mm), y + round(20 * mm)), 0, -1)
    return out


def letter(like):
    out = np.full_like(like, 255)
    cv2.putText(out, LETTER, (60, 300), 0, 1, 10, 2)
    return out


def rows(clinic, model):
    with read(clinic.id) as session:
        return list(session.scalars(select(model).order_by(model.id)))


def actions(clinic, action):
    with read(clinic.id) as session:
        found = session.scalars(select(AuditLog.detail).where(AuditLog.action == action).order_by(AuditLog.seq))
        return [json.loads(detail) for detail in found]


def test_a_page_without_readable_codes_is_put_to_its_sheet_by_the_typed_code_and_its_boxes_are_read(clinic, paper):
    visits, printed, pages = paper
    sam = clinic.actor("sam")
    zones = printed.pages[0]["zones"]
    cross(pages[0], zones, {("sex_found", "female"), ("approved", "yes")})
    (line,) = scan_file("one.tif", tiff([without_codes(pages[0])]), by=sam)
    assert (line.state, line.reason) == ("review", "code_unreadable")
    (row,) = waiting(by=sam)
    assert (row.source, row.has_picture, row.sheet_id) == ("one.tif", True, "")
    code = read_codes(drawn(printed.pdf)[0])[0].text
    wrong = ("0" if code[20] != "0" else "1").join((code[:20], code[21:]))
    for typed in (wrong, code[:24], "", "<script>"):
        with pytest.raises((review.CodeMistyped, NotFound)):
            settle(row.id, PutToSheet(code=typed), by=sam)
    with pytest.raises(review.CodeOfSlip):
        settle(row.id, PutToSheet(code="NOSCAN0000000000000000000"), by=sam)
    lay = BlobStore(database().home).path(rows(clinic, DocumentPage)[0].picture)
    settle(row.id, PutToSheet(code=readable(code).lower()), by=sam, key="k")
    assert not lay.exists(), "the picture as it lay goes with the better one"
    settle(row.id, PutToSheet(code=readable(code).lower()), by=sam, key="k")
    (page,) = rows(clinic, DocumentPage)
    assert (page.state, page.reason, page.page, page.is_upright) == ("attached", "", 1, True)
    assert page.fields["sex_found"]["value"] == "female" and page.settled_by_id == clinic.users["sam"]
    assert "weight" in field_pictures(page.id, by=sam)
    assert not waiting(by=sam)
    (told,) = actions(clinic, "page.settled")
    assert told["from"] == ["review", "code_unreadable"] and told["to"] == ["attached", ""]
    with pytest.raises(review.AlreadySettled, match="Sam Stone settled"):
        settle(row.id, PutAside("not_ours"), by=clinic.actor("mona"))
    assert [sheet.missing for sheet in sheets.missing_pages(by=sam)] == [[2]]
    assert sheets.pages_of(visits[0], by=sam).missing == 1


def test_blank_stock_is_bound_to_a_visit_with_all_its_pages(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    blank = drawn(print_blank("travel-sheet", 1, by=sam).pdf)
    lines = scan_file("walk.tif", tiff(blank), by=sam)
    assert [line.reason for line in lines] == ["unbound", "unbound"]
    first, second = waiting(by=sam)
    with pytest.raises(NotFound):
        settle(first.id, BindTo("nobody"), by=sam)
    settle(first.id, BindTo(visits[1]), by=sam)
    assert not waiting(by=sam)
    sheet = next(one for one in rows(clinic, FormSheet) if one.id == first.sheet_id)
    assert (sheet.appointment_id, sheet.state) == (visits[1], "used")
    with pytest.raises(review.AlreadySettled):
        settle(second.id, BindTo(visits[0]), by=sam)
    with pytest.raises(Exception, match="printed for another visit"):
        sheets.bind(sheet.id, visits[0], by=sam)
    review.reopen(second.id, by=sam)
    assert [row.reason for row in waiting(by=sam)] == ["unbound", "unbound"], "it is nobody's again, as a whole"
    settle(second.id, BindTo(visits[1]), by=sam)
    there = sheets.pages_of(visits[1], by=sam)
    assert [(one.serial, one.missing) for one in there.sheets] == [(sheet.serial, [])]
    assert pages


@pytest.mark.slow
def test_of_two_scans_of_a_page_a_person_keeps_the_first_or_lets_the_second_supersede_it(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    again = [cv2.GaussianBlur(page, (0, 0), 0.8) for page in pages[:2]]
    scan_file("a.tif", tiff(pages[:2]), by=sam)
    scan_file("b.tif", tiff(again), by=sam)
    keep, take = waiting(by=sam)
    assert {keep.reason, take.reason} == {"duplicate"}
    settle(keep.id, KeepFirst(), by=sam)
    settle(take.id, TakeThis(), by=sam)
    old, replaced, kept, newer = rows(clinic, DocumentPage)
    assert (old.superseded_by_id, kept.state, kept.superseded_by_id) == (None, "duplicate", None)
    assert (replaced.superseded_by_id, replaced.state, newer.state) == (newer.id, "attached", "attached")
    assert replaced.fields and page_picture(replaced.id, by=sam), "what was there before is kept"
    assert not waiting(by=sam)
    review.reopen(newer.id, by=sam)
    (row,) = waiting(by=sam)
    assert row.reason == "reopened" and rows(clinic, DocumentPage)[1].superseded_by_id is None
    sheet = rows(clinic, FormSheet)[0]
    with pytest.raises(page_answers.PageThere):
        settle(row.id, PutToSheet(sheet_id=sheet.id, page=2), by=sam)
    settle(row.id, PutToSheet(sheet_id=sheet.id, page=2, replace=True), by=sam)
    assert rows(clinic, DocumentPage)[1].superseded_by_id == newer.id


@pytest.mark.slow
def test_a_page_put_to_the_wrong_sheet_leaves_no_trace_there_when_it_is_taken_away(clinic, paper, visits):
    _, _, pages = paper
    sam = clinic.actor("sam")
    own, other = rows(clinic, FormSheet)[:2]
    scan_file("a.tif", tiff([without_codes(pages[0])]), by=sam)
    (row,) = waiting(by=sam)
    settle(row.id, PutToSheet(sheet_id=other.id, page=1), by=sam)
    assert [one.state for one in rows(clinic, FormSheet)[:2]] == ["printed", "used"]
    review.reopen(row.id, by=sam)
    assert rows(clinic, FormSheet)[1].state == "printed", "nothing of it came back"
    settle(row.id, PutToSheet(sheet_id=own.id, page=1), by=sam)
    assert [one.state for one in rows(clinic, FormSheet)[:2]] == ["used", "printed"]

    again = cv2.GaussianBlur(pages[0], (0, 0), 0.8)
    scan_file("b.tif", tiff([again]), by=sam)
    (twin,) = waiting(by=sam)
    review.reopen(row.id, by=sam)
    with pytest.raises(page_answers.NothingToSettle, match="no earlier scan"):
        settle(twin.id, KeepFirst(), by=sam)
    settle(twin.id, TakeThis(), by=sam)
    settle(row.id, PutToSheet(sheet_id=own.id, page=1, replace=True), by=sam)
    with write(clinic.id) as session:  # one of its boxes is doubtful
        session.get_one(DocumentPage, (clinic.id, row.id)).reason = "doubtful"
        session.flush()
        audit.append(session, clinic.operator, "test.made", "document_page", "")
    settle(row.id, PutAside("scan_again"), by=sam)
    first, second = rows(clinic, DocumentPage)
    assert (first.state, second.state, second.superseded_by_id) == ("foreign", "attached", None)


def test_neither_a_slip_nor_a_card_number_in_a_name_gets_in_by_hand(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    print_blank("card-slip", 1, by=sam)
    slip = rows(clinic, FormSheet)[-1]
    lines = scan_file("4242 4242 4242 4242.tif", tiff([letter(pages[0])]), by=sam)
    with pytest.raises(review.CodeOfSlip):
        settle(lines[0].id, PutToSheet(sheet_id=slip.id), by=sam)
    assert [one.name for one in rows(clinic, ScanFile)] == ["scan.tif"]
    assert [one.title for one in rows(clinic, Document)] == ["scan.tif"]


def test_a_sheet_printed_after_the_outage_was_declared_is_its_own_once_it_is_used(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    outage = declare("all", clock.now() - timedelta(minutes=1), by=clinic.actor("mona"))
    late = drawn(print_for_appointment("consent", visits[0], by=sam).pdf)
    scan_file("a.tif", tiff([*late, *pages[:2]]), by=sam)
    row = next(one for one in entry.to_enter(by=sam, outage_id=outage) if one.id == visits[0])
    assert [sheet.form for sheet in row.sheets] == ["travel-sheet", "consent"]


def test_a_sheet_that_was_let_go_and_comes_back_is_to_be_entered(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    entry.no_show(visits[0], by=sam)
    assert rows(clinic, FormSheet)[0].state == "waived"
    scan_file("a.tif", tiff(pages[:2]), by=sam)
    assert rows(clinic, FormSheet)[0].state == "used"
    (row,) = entry.to_enter(by=sam)
    assert (row.id, row.state) == (visits[0], "waiting")


def test_doubtful_boxes_are_decided_field_by_field_and_the_machines_value_is_kept_beside(clinic, paper):
    _, printed, pages = paper
    sam = clinic.actor("sam")
    cross(pages[0], printed.pages[0]["zones"], {("sex_found", "female"), ("sex_found", "male"), ("weight", "2:4")})
    scan_file("a.tif", tiff([pages[0]]), by=sam)
    (row,) = waiting(by=sam)
    assert row.reason == "doubtful"
    doubts = {doubt.key: doubt for doubt in row.doubts}
    assert doubts["sex_found"].why == "several" and ("female", "Female") in doubts["sex_found"].options
    assert doubts["weight"].kind == "bubble_digits" and doubts["weight"].unit
    with pytest.raises(page_answers.StillDoubtful, match="eight"):
        settle(row.id, Boxes({"sex_found": "female"}), by=sam)
    for wrong in ("dragon", ["female"], 1, True):
        with pytest.raises(NoSuchAnswer):
            settle(row.id, Boxes({"sex_found": wrong, "weight": None}), by=sam)
    for wrong in ("9999", "٤.0", "4,0", "-1.0", 4.0, "4."):
        with pytest.raises(NoSuchAnswer):
            settle(row.id, Boxes({"sex_found": None, "weight": wrong}), by=sam)
    settle(row.id, Boxes({"sex_found": "female", "weight": None, "approved": "yes"}), by=sam)
    (page,) = rows(clinic, DocumentPage)
    assert page.reason == "" and page.fields["sex_found"]["value"] == "female"
    assert page.fields["sex_found"]["machine"] == {"value": None, "confidence": 0.5, "reason": "several"}
    assert page.fields["approved"]["value"] is None, "only what was doubtful is answered"
    review.reopen(page.id, by=sam)
    assert [doubt.key for doubt in waiting(by=sam)[0].doubts] == [doubt.key for doubt in row.doubts]


def test_a_foreign_page_becomes_a_document_of_the_client_and_can_be_taken_up_again(clinic, paper):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    scan_file("mail.tif", tiff([letter(pages[0]), np.full_like(pages[0], 255)]), by=sam)
    foreign, blank = waiting(by=sam)
    assert (foreign.state, blank.reason) == ("foreign", "blank")
    with pytest.raises(NoSuchAnswer):
        settle(foreign.id, AttachAs("spell", visits[0]), by=sam)
    with pytest.raises(NotFound):
        settle(foreign.id, AttachAs("letter"), by=sam)
    settle(foreign.id, AttachAs("letter", visits[0]), by=sam)
    settle(blank.id, PutAside("blank"), by=sam)
    assert not waiting(by=sam)
    (other,) = sheets.pages_of(visits[0], by=sam).others
    assert other.title == "Letter, page 1 of mail.tif"
    assert documents.open_document(other.document_id, by=sam).content.startswith(b"\xff\xd8")
    with read(clinic.id) as session:
        client = session.scalars(select(Appointment.client_id).where(Appointment.id == visits[0])).one()
    assert [line.title for line in documents.of_client(client, by=sam)] == [other.title]
    review.reopen(foreign.id, by=sam)
    assert [row.reason for row in waiting(by=sam)] == ["reopened"]
    assert not documents.of_client(client, by=sam) and not sheets.pages_of(visits[0], by=sam).others
    settle(foreign.id, AttachAs("other", client_id=client), by=sam)
    assert [line.title for line in documents.of_client(client, by=sam)] == ["Other paper, page 1 of mail.tif"]
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client)).restricted = True
        audit.append(session, clinic.operator, "client.restricted", "client", client)
    with pytest.raises(RestrictedRecord):
        page_picture(foreign.id, by=sam)
    with pytest.raises(RestrictedRecord):
        review.reopen(foreign.id, by=sam)


@pytest.mark.slow
def test_a_page_with_a_card_number_is_cut_out_and_its_pictures_are_gone(clinic, paper, monkeypatch):
    visits, _, pages = paper
    sam = clinic.actor("sam")
    scan_file("a.tif", tiff([pages[0], letter(pages[0]), pages[1]]), by=sam)
    (row,) = waiting(by=sam)
    before = [one.blob for one in rows(clinic, Document)] + [rows(clinic, DocumentPage)[1].picture]
    settle(row.id, AttachAs("letter", visits[0]), by=sam)
    review.reopen(row.id, by=sam)
    (row,) = waiting(by=sam)
    store = BlobStore(database().home)
    with monkeypatch.context() as patch:
        patch.setattr(review, "destroy", lambda _: None)  # as if the process ended here
        settle(row.id, Destroy(), by=sam)
    assert all(store.path(blob).exists() for blob in before)
    destroying.finish()
    assert not any(store.path(blob).exists() for blob in before)
    page = rows(clinic, DocumentPage)[1]
    with everywhere() as session:
        assert not set(session.scalars(select(Document.blob))) & set(before)
    assert (page.state, page.reason, page.picture, page.fields) == ("quarantined", "card_number", "", {})
    assert rows(clinic, ScanFile)[0].destroyed == 1 and not waiting(by=sam)
    assert [told["how"] for told in actions(clinic, "page.settled")] == ["AttachAs", "Destroy"]
    with pytest.raises(page_answers.NothingToSettle):
        review.reopen(page.id, by=sam)
    third = rows(clinic, DocumentPage)[2]
    review.reopen(third.id, by=sam)
    settle(third.id, PutToSheet(sheet_id=rows(clinic, FormSheet)[0].id, page=2), by=sam)
    assert rows(clinic, DocumentPage)[2].is_upright, "the place of a page in what is kept moves with the cut"


def test_a_note_of_what_is_to_be_destroyed_harms_nothing_that_is_still_named(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    (line,) = scan_file("a.tif", tiff([pages[0]]), by=sam)
    destroying.plan_to_destroy([rows(clinic, DocumentPage)[0].picture])
    destroying.finish()
    assert page_picture(line.id, by=sam)
    assert not list((clinic.home.path / "scans").iterdir())


def test_spoiled_sheets_count_neither_as_missing_nor_as_stock_and_a_page_of_one_asks(clinic, paper):
    _, _, pages = paper
    sam = clinic.actor("sam")
    sheet, other = rows(clinic, FormSheet)
    scan_file("b.tif", tiff([pages[3]]), by=sam)
    with pytest.raises(Exception, match="no spoiled sheet"):
        sheets.spoil(other.id, "torn", by=sam)
    with pytest.raises(Exception, match="reason"):
        sheets.spoil(sheet.id, " ", by=sam)
    sheets.spoil(sheet.id, "Coffee", by=sam)
    scan_file("a.tif", tiff([pages[0]]), by=sam)
    (row,) = waiting(by=sam)
    assert row.reason == "spoiled"
    settle(row.id, TakeThis(), by=sam)
    assert rows(clinic, FormSheet)[0].state == "used"
    assert [one.serial for one in sheets.missing_pages(by=sam)] == [sheet.serial, other.serial]


def test_neither_another_clinic_nor_another_role_nor_a_closed_record_gets_at_a_page(clinic, paper):
    visits, printed, pages = paper
    sam = clinic.actor("sam")
    cross(pages[0], printed.pages[0]["zones"], {("sex_found", "female"), ("sex_found", "male")})
    scan_file("a.tif", tiff([pages[0]]), by=sam)
    (row,) = waiting(by=sam)
    stranger = Actor.operator(create_clinic(NewClinic("lake", "Lake Clinic", zone="UTC")))
    assert waiting(by=stranger) == []
    for attempt in (
        lambda: settle(row.id, PutAside("not_ours"), by=stranger),
        lambda: review.reopen(row.id, by=stranger),
        lambda: sheets.bind(row.sheet_id, visits[0], by=stranger),
        lambda: sheets.spoil(row.sheet_id, "x", by=stranger),
        lambda: sheets.pages_of(visits[0], by=stranger),
        lambda: page_picture(row.id, by=stranger),
        lambda: settle("nothing", PutAside("not_ours"), by=sam),
    ):
        with pytest.raises(NotFound):
            attempt()
    with write(clinic.id) as session:
        client = session.scalars(select(Appointment.client_id).where(Appointment.id == visits[0])).one()
        session.get_one(Client, (clinic.id, client)).restricted = True
        audit.append(session, clinic.operator, "client.restricted", "client", client)
    (row,) = waiting(by=sam)
    assert row.closed and row.who == "Restricted record" and not row.doubts
    for attempt in (
        lambda: settle(row.id, Boxes({"sex_found": "female"}), by=sam),
        lambda: settle(row.id, Destroy(), by=sam),
        lambda: sheets.pages_of(visits[0], by=sam),
    ):
        with pytest.raises(RestrictedRecord):
            attempt()
    limited = sam.__class__(**{**vars(sam), "within": frozenset({"clients.view"})})
    for attempt in (lambda: waiting(by=limited), lambda: settle(row.id, KeepFirst(), by=limited)):
        with pytest.raises(NotPermitted):
            attempt()


@pytest.mark.slow
def test_a_page_taken_at_the_counter_goes_where_it_belongs_and_says_so(clinic, paper):
    visits, printed, pages = paper
    sam = clinic.actor("sam")
    blank = drawn(print_blank("travel-sheet", 1, by=sam).pdf)
    slip = drawn(print_blank("card-slip", 1, by=sam).pdf)[0]

    def take(gray, kind=""):
        (told,) = take_page(visits[0], "photo.png", tiff([gray]), kind=kind, by=sam)
        return told.tone, told.sentence

    first, second = printed.serials
    assert take(pages[0]) == ("good", f"Page 1 of 2, sheet {first}, was attached.")
    assert take(pages[2]) == (
        "elsewhere",
        f"Page 1 of 2, sheet {second}, belongs to Rex (Ada Marsh): it was attached there.",
    )
    assert take(pages[0])[0] == "review" and take(cv2.GaussianBlur(pages[0], (0, 0), 0.8))[0] == "review"
    assert take(blank[0])[1].endswith("blank stock: it belongs to this visit now.")
    assert take(slip)[0] == "gone" and "destroyed" in take(slip)[1]
    assert take(letter(pages[0]), "letter") == ("good", "The page was attached to this visit.")
    assert take(without_codes(pages[1])) == (
        "review",
        "This is a page of a form, but neither of its codes can be read. Choose the sheet by hand. It waits in Review.",
    )
    there = sheets.pages_of(visits[0], by=sam)
    assert [(sheet.serial, sheet.missing) for sheet in there.sheets] == [(first, [2]), (second + 1, [2])]
    assert [other.kind for other in there.others] == ["letter"]
    with pytest.raises(NotFound):
        take_page("nobody", "photo.png", tiff([pages[1]]), by=sam)
