"""In a real browser: a form with one field of each kind is made by keys and mouse and survives a refresh; it is
published, and its paper comes back as it was written."""

import re

import numpy as np
import pytest

from forms import designs, editing
from outage.printing import print_for_appointment
from outage.rehearsal.pens import write_page
from outage.scanning import scan_file
from tests.flow.conftest import Day
from tests.outage.test_scanning import DPI, drawn, tiff
from tests.window import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def keys_of(page):
    """The chosen row of the list, with the keyboard on it."""
    row = page.locator("li[aria-selected=true]")
    row.focus()
    return row


def test_a_form_of_every_kind_from_an_empty_page_to_its_scan(served, browser):
    page = browser("adam", "/forms")
    page.get_by_role("button", name="New form").click()
    page.get_by_label("Title").fill("Dental day")
    page.get_by_label("Title").press("Tab")
    page.get_by_role("button", name="Open it").click()
    tree = page.get_by_role("tree")
    tree.wait_for(timeout=30_000)
    page.get_by_role("treeitem", name="First question").click()
    for words, _ in editing.KINDS.values():
        settled(page)
        page.get_by_role("button", name="Add a field").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name=words, exact=True).click()
        dialog.wait_for(state="detached")
        page.locator("li[aria-selected=true]", has_text=words).wait_for()
    settled(page)
    row = keys_of(page)
    assert "Text to read" in row.inner_text()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Delete")
    page.keyboard.press("Control+z")
    settled(page, 600)
    page.get_by_role("treeitem", name=re.compile("^Check box")).click()
    label = page.get_by_label("Words beside it")
    label.fill("Teeth were cleaned")
    page.get_by_role("treeitem", name=re.compile("^Teeth were cleaned")).wait_for()
    box = page.locator(".leaf .place.on").bounding_box()
    leaf = page.locator(".leaf").bounding_box()
    assert box["x"] >= leaf["x"] and box["y"] + box["height"] <= leaf["y"] + leaf["height"]
    page.locator(".leaf .place[title='Single choice']").click()
    page.locator("li[aria-selected=true]", has_text="Single choice").wait_for()
    settled(page, 600)
    page.reload()
    page.get_by_text(re.compile("Kept from")).wait_for(timeout=30_000)
    page.get_by_role("treeitem", name=re.compile("^Teeth were cleaned")).wait_for()
    page.get_by_role("button", name="Publish").click()
    page.get_by_text(re.compile("boxes read as empty")).wait_for(timeout=30_000)
    page.get_by_role("button", name="Publish the form").click()
    page.get_by_text("Version 1 is in use").wait_for(timeout=30_000)
    assert not page.problems
    with served.clinic() as clinic:
        _write_and_read(clinic)


def _write_and_read(clinic):
    adam, sam = clinic.actor("adam"), clinic.actor("sam")
    design = designs.design("dental-day", by=adam)
    fields = [field for section in design.body["sections"] for field in section["fields"]]
    keys = {kind: [field["key"] for field in fields if field["type"] == kind][-1] for kind in editing.KINDS}
    assert keys["check"] == "teeth_were_cleaned"
    visit = Day(clinic).visit("Molar", stage="booked", client="Denton")
    printed = print_for_appointment("dental-day", visit, by=sam)
    values = {keys["check"]: True, keys["single"]: "yes", keys["multi"]: ["yes", "no"], keys["bubble_digits"]: "120.4"}
    shapes = {keys["bubble_digits"]: {"digits": 4, "decimals": 1}}
    pictures = drawn(printed.pdf)
    for gray, page in zip(pictures, printed.pages, strict=True):
        write_page(np.random.default_rng(7), gray, DPI, page["zones"], values, shapes)
    lines = scan_file("dental.tif", tiff(pictures), by=sam)
    assert {line.state for line in lines} == {"attached"}
    found = {key: one["value"] for line in lines for key, one in line.fields.items()}
    assert {key: found[key] for key in values} == values
