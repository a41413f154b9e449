"""One patient's day at one sitting: walks in, is found by phone, goes over the board with exam and drugs, pays by card,
takes the receipt home."""

import re

import pytest
from pypdf import PdfReader

from appointments import clinical, drug_log, flow
from appointments import drug_register as register
from appointments.drug_log import NewBottle
from data.types import clock
from tests.window import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TODAY = "America/New_York"


def card(page, stage):
    return page.locator(f'.col[data-column="{stage}"] .card', has_text="Quill")


def bottle(served):
    with served.clinic() as clinic:
        drugs = register.drugs(by=clinic.operator)
        drug = next(id for id, name in drugs.items() if name.startswith("Ketamine"))
        found = drug_log.receive(NewBottle(drug, "DAY-1", 10_000, clock.today(TODAY)), by=clinic.operator)
        drug_log.open_bottle(found, by=clinic.operator)
        return found


def test_from_the_door_to_the_receipt(served, browser, tmp_path):
    ketamine = bottle(served)
    page = browser("sam", "/roster")
    page.set_default_timeout(15_000)
    page.get_by_role("button", name="Take a walk-in").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="New client").click()
    dialog.get_by_label("Last name").fill("Penhaligon")
    dialog.get_by_label("Phone").fill("(845) 555-0187")
    dialog.get_by_label("Patient's name").fill("Quill")
    dialog.get_by_label("Patient's name").press("Tab")
    dialog.get_by_role("button", name="Check in walk-in").click()
    page.get_by_text("Booked and checked in.").wait_for()

    page.goto(served.url + "/clients")
    find = page.get_by_role("searchbox", name="Find a client or patient")
    find.fill("845 555 0187")
    find.press("Enter")
    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name=re.compile("Penhaligon")).first.wait_for()

    page.goto(served.url + "/flow")
    card(page, "checked_in").wait_for()
    gone = "lanes => { lanes.hidden = true; const a = getComputedStyle(lanes).display; lanes.hidden = 0; return a }"
    assert page.locator(".lanes").evaluate(gone) == "none", "an empty board shows its words instead of empty columns"
    card(page, "checked_in").locator(".go").click()
    card(page, "examined").wait_for(timeout=10_000)
    card(page, "examined").click(position={"x": 20, "y": 30})
    page.get_by_role("heading", name="Quill").wait_for()
    visit = page.url.split("id=")[1]
    page.get_by_role("radio", name="Exam").click()
    page.get_by_role("textbox", name="Weight, kg").fill("4.1")
    page.get_by_role("button", name="Save exam").click()
    page.get_by_text("Saved the exam").wait_for()
    page.get_by_role("radio", name="Induction").click()
    page.get_by_role("textbox", name="Given").wait_for()
    page.get_by_role("combobox", name=re.compile("Drug and bottle")).click()
    page.get_by_role("option", name=re.compile("DAY-1")).click()
    page.get_by_role("textbox", name="Given").fill("0.2")
    page.get_by_role("textbox", name="Wasted").fill("0.05")
    page.get_by_role("combobox", name=re.compile("Witness")).click()
    page.get_by_role("option", name="Clara Chen").click()
    page.get_by_role("button", name="Log the drug").click()
    page.get_by_role("cell", name="0.2 mL").or_(page.get_by_role("cell", name="0.2")).first.wait_for()

    page.goto(served.url + "/flow")
    card(page, "examined").wait_for()
    settled(page)
    page.keyboard.press("/")
    page.keyboard.type("quill")
    page.keyboard.press("ArrowDown")
    for stage in ("premedicated", "induced", "in_surgery", "recovering", "ready"):
        page.keyboard.press("Enter")
        card(page, stage).wait_for(timeout=5_000)
        page.wait_for_function(
            """() => [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)
                     .every(root => !root.querySelector('.card.pending'))"""
        )

    page.goto(f"{served.url}/visit?id={visit}")
    page.get_by_role("button", name="Check out").click()
    picker = page.get_by_role("combobox", name="Add a service")
    picker.click()
    picker.type("e-col")
    picker.press("Enter")
    page.get_by_text("E-collar", exact=True).wait_for()
    page.get_by_label("Last four digits").fill("4242")
    page.get_by_label("Authorization code").fill("OK77")
    page.get_by_role("button", name="Take payment").click()
    page.get_by_text(re.compile(r"\$[\d.]+ taken")).wait_for()
    answer = page.request.get(served.url + page.get_by_role("link", name="Receipt").get_attribute("href"))
    (tmp_path / "receipt.pdf").write_bytes(answer.body())
    told = " ".join(part.extract_text() for part in PdfReader(tmp_path / "receipt.pdf").pages)
    assert "Quill" in told and "Visa 4242, code OK77" in told
    page.get_by_role("button", name="Complete checkout").click()
    page.get_by_text("Quill went home. Nothing is due.").wait_for()

    with served.clinic() as clinic:
        by = clinic.operator
        assert clinical.visit(visit, by=by).exam.weight_grams == 4_100
        assert register.register(ketamine, by=by)[0].balance == 9_750
        assert [line.to_stage for line in flow.timeline(visit, by=by)][-1] == "checked_out"
    assert [problem for problem in page.problems if "404" not in problem] == []
