"""Scan and Review: a stack is dropped, read in the background, and what is left is settled page by page."""

import re

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from data.models import DocumentPage
from data.session import write
from outage import reading, review, sheets
from outage.printing import print_blank, print_for_roster
from outage.scanning import receive, scan_file
from tests.flow.conftest import Day
from tests.outage.test_review import letter, without_codes
from tests.outage.test_scanning import cross, drawn, tiff
from tests.screen import opened, told

NAME = "<img src=x onerror=alert(1)>**[a](b).tif"


def parts(at, kind):
    return " ".join(str(part.proto) for part in at.get(kind))


def pick(at, key, words):
    """The first option that says so."""
    box = at.selectbox(key)
    box.select_index(next(place for place, option in enumerate(box.options) if words in option)).run()


def stack(clinic):
    """Two visits' travel sheets with everything that can need a person."""
    day = Day(clinic)
    visits = [day.visit("Luna", stage="booked", client="Chen"), day.visit("Rex", stage="booked")]
    printed = print_for_roster(["travel-sheet"], day.today, by=clinic.operator)
    pages = drawn(printed.pdf)
    cross(pages[0], printed.pages[0]["zones"], {("sex_found", "female"), ("sex_found", "male")})
    slip = drawn(print_blank("card-slip", 1, by=clinic.operator).pdf)[0]
    blank = drawn(print_blank("travel-sheet", 1, by=clinic.operator).pdf)[0]
    again = cv2.GaussianBlur(pages[1], (0, 0), 0.8)
    empty = np.full_like(blank, 255)
    return visits, tiff([pages[0], pages[1], slip, blank, without_codes(pages[2]), letter(blank), again, empty])


@pytest.mark.slow
def test_a_dropped_stack_is_told_in_words_and_a_refused_file_with_its_sentence(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "paper/scan.py")
    assert "Nothing was scanned yet" in told(at)
    _, content = stack(sqlite_clinic)
    sam = sqlite_clinic.actor("sam")
    receive(NAME, content, by=sam)
    receive("phone.heic", b"\0\0\0\x18ftypheic" + b"\0" * 400, by=sam)
    at = opened(sqlite_clinic, "sam", "paper/scan.py")
    assert "waits for its turn" in parts(at, "progress")
    reading.read_waiting(sqlite_clinic.id)
    at = opened(sqlite_clinic, "sam", "paper/scan.py")
    text = told(at)
    assert "6 pages to settle" not in text and "6 pages to review" in text
    rows = parts(at, "bidi_component")
    assert "1 page attached, 6 to review, 1 page with card data destroyed" in rows and "HEIC photo" in rows
    assert not any(re.search(r"(?<!\\)<img", part.value) for part in (*at.markdown, *at.caption))


def test_a_page_that_may_hold_a_card_number_is_not_kept_by_pressing_enter(sqlite_clinic):
    _, content = stack(sqlite_clinic)
    scan_file(NAME, content, by=sqlite_clinic.actor("sam"))
    with write(sqlite_clinic.id) as session:
        page = session.scalars(select(DocumentPage).where(DocumentPage.reason == "no_code")).one()
        page.reason = "maybe_card"
        page_id = page.id
    at = opened(sqlite_clinic, "sam", "paper/review.py")
    keep = at.button(f"No card number is on it: keep the page_{page_id}").proto
    assert (keep.type, keep.shortcut) == ("secondary", "")
    assert at.button(f"destroy_{page_id}").label == "Destroy this page"


@pytest.mark.slow
def test_each_kind_of_page_has_its_choices_and_the_next_one_follows(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "paper/review.py")
    assert "Every scanned page is settled." in at.success[0].value
    visits, content = stack(sqlite_clinic)
    sam = sqlite_clinic.actor("sam")
    scan_file(NAME, content, by=sam)
    rows = review.waiting(by=sam)
    assert [row.reason for row in rows] == ["unbound", "doubtful", "code_unreadable", "no_code", "duplicate", "blank"]
    unbound, doubtful, unread, foreign, twice, blank = rows
    at = opened(sqlite_clinic, "sam", "paper/review.py")
    assert "6 pages to settle" in told(at) and "blank stock" in told(at)
    pick(at, f"visit_whose_{unbound.id}", "Rex")
    at.button(f"Attach to this visit_{unbound.id}").click().run()
    assert not at.exception and "Some boxes need a look." in told(at)
    at.button("review_on").click().run()
    at.text_input(f"code_{unread.id}").set_value("12345").run()
    at.button(f"Attach to this sheet_{unread.id}").click().run()
    assert "does not fit any page" in at.error[0].value, "a refusal stays beside the choices"
    at.text_input(f"code_{unread.id}").set_value("").run()
    sheet = next(
        one for one in sheets.sheets_of_day(Day(sqlite_clinic).today, by=sam) if one.appointment_id == visits[1]
    )
    at.selectbox(f"sheet_{unread.id}").set_value(sheet.id).run()
    at.button(f"Attach to this sheet_{unread.id}").click().run()
    assert not at.error and not at.exception
    pick(at, f"kind_{foreign.id}", "Lab report")
    pick(at, f"visit_other_{foreign.id}", "Luna")
    at.button(f"Attach it_{foreign.id}").click().run()
    at.button(f"Keep the first scan_{twice.id}").click().run()
    at.button(f"Nothing is on it_{blank.id}").click().run()
    assert not at.exception and [row.id for row in review.waiting(by=sam)] == [doubtful.id]
    at.button("review_undo").click().run()
    assert {row.id for row in review.waiting(by=sam)} == {doubtful.id, blank.id}
    assert not any(re.search(r"(?<!\\)<img", part.value) for part in (*at.markdown, *at.caption))
    assert sheets.pages_of(visits[0], by=sam).others[0].kind == "lab"


def test_a_page_with_a_card_number_is_destroyed_after_a_second_look(sqlite_clinic):
    sam = sqlite_clinic.actor("sam")
    blank = drawn(print_blank("travel-sheet", 1, by=sqlite_clinic.operator).pdf)[0]
    scan_file("a.tif", tiff([letter(blank)]), by=sam)
    (row,) = review.waiting(by=sam)
    at = opened(sqlite_clinic, "sam", "paper/review.py")
    assert "cannot be taken back" in told(at)
    at.button(f"destroy_{row.id}").click().run()
    assert not at.exception and "Every scanned page is settled." in at.success[0].value
    assert [page.outcome for page in reading.pages_of_scan(reading.scans(by=sam)[0].id, by=sam)] == [
        "A card number stands on this page. The page was destroyed here: shred the paper."
    ]
    assert not [button for button in at.button if button.key == "review_undo"]


@pytest.mark.slow
@pytest.mark.browser
def test_files_are_dropped_read_in_the_background_and_looked_at(served, browser):
    with served.clinic() as clinic:
        pdf = print_blank("walk-in", 2, by=clinic.operator).pdf
    page = browser("sam", "/scan")
    page.set_default_timeout(30_000)
    files = [{"name": "walk-ins.pdf", "mimeType": "application/pdf", "buffer": pdf},
             {"name": "photo.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + b"\0" * 400},
             {"name": "nothing.pdf", "mimeType": "application/pdf", "buffer": b""}]  # fmt: skip
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text("nothing.pdf is empty. Scan it again.").wait_for()
    page.get_by_role("link", name=re.compile(r"walk-ins\.pdf.*2 pages attached")).wait_for()
    page.get_by_text("This is a HEIC photo.").wait_for()
    page.get_by_text("walk-ins.pdf").first.click()
    page.get_by_role("dialog").get_by_text("Choose a line to see its page.").wait_for()
    assert not page.problems


@pytest.mark.slow
@pytest.mark.browser
def test_pages_are_settled_by_the_keyboard_alone(served, browser):
    with served.clinic() as clinic:
        day = Day(clinic)
        day.visit("Luna", stage="booked", client="Chen")
        printed = print_for_roster(["travel-sheet"], day.today, by=clinic.operator)
        page = next(one for one in printed.pages if one["page"] == 1)
        gray = drawn(printed.pdf)[page["index"]]
        cross(gray, page["zones"], {("sex_found", "female"), ("sex_found", "male")})
        extra = [np.full_like(gray, 255)] * 2
        scan_file("keys.tif", tiff([gray, *extra]), by=clinic.actor("sam"))
        assert len(review.waiting(by=clinic.operator)) == 3
    page = browser("sam", "/review")
    page.set_default_timeout(15_000)
    page.get_by_text("More than one is marked").wait_for()
    page.locator(".card").first.wait_for()
    page.wait_for_function("document.querySelector('*') && [...document.querySelectorAll('*')].some(one => "
                           "one.shadowRoot && one.shadowRoot.activeElement)")  # fmt: skip
    page.keyboard.press("1")
    page.get_by_role("button", name="Female", pressed=True).wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("This page is blank.").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("1 page to settle").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("Every scanned page is settled.").wait_for()
    assert not page.problems
    with served.clinic() as clinic:
        assert not review.waiting(by=clinic.operator)


@pytest.mark.slow
def test_the_ticket_shows_the_pages_of_its_visit_and_opens_them(sqlite_clinic):
    visits, content = stack(sqlite_clinic)
    sam = sqlite_clinic.actor("sam")
    scan_file("a.tif", content, by=sam)
    at = opened(sqlite_clinic, "sam", "today/ticket.py", visit=visits[0])
    first = sheets.pages_of(visits[0], by=sam).sheets[0]
    at.button(f"page_{first.pages[0].page_id}").click().run()
    assert not at.exception and "Some boxes need a look. It waits in Review." in told(at)
    at = opened(sqlite_clinic, "sam", "today/visit.py", id=visits[1])
    assert "page 1 missing" in told(at) and "page 2 missing" in told(at)
    at.button("page_add").click().run()
    assert not at.exception
