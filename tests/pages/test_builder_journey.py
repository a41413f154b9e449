"""An administrator's question in a real browser: revenue per surgeon per month, cats only, against last year; saved,
and followed down to the rows."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from data.models import Clinic, User
from data.session import read
from data.types import clock
from reports import saved
from tests.reports.small_clinic import Small

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def charges(clinic):
    """This month: cats 100.00 + 30.00 by Clara, a dog 999.00; the same month a year before: a cat 80.00."""
    small = Small(clinic)
    small.count = 700_000
    with read(clinic.id) as session:
        zone = session.get(Clinic, clinic.id).zone
        clara = session.scalars(select(User.id).where(User.username == "clara")).one()
    today = clock.today(zone)
    before = (today.replace(day=1) - timedelta(days=360)).replace(day=1)
    client = small.client("Journey")
    for day, species, cents in (
        (today, "cat", 10_000), (today, "cat", 3_000), (today, "dog", 99_900), (before, "cat", 8_000),
    ):  # fmt: skip
        patient = small.patient(client, species=species, name=f"{species.capitalize()} {cents}")
        small.line(small.invoice(client, str(day)), str(day), cents, patient_id=patient, provider_id=clara)
    return today


def choose(page, label, words, nth=0):
    box = page.locator(f'input[role=combobox][aria-label="{label}"]:visible').nth(nth)
    box.click()
    box.fill(words)
    page.get_by_role("option", name=words, exact=True).click()


def table(page):
    return page.locator(".report-table.drills")


def cats_by_surgeon(page, app):
    """Build it, as far as the test for cats."""
    page.goto(f"{app}/report-builder")
    table(page).or_(page.locator(".st-key-report_empty")).first.wait_for(timeout=60_000)
    choose(page, "Count over", "Charges")
    page.get_by_text("Each is one line of an invoice.", exact=True).wait_for()
    choose(page, "Number", "Revenue")
    page.get_by_role("button", name="Add a group").click()
    choose(page, "Field", "Provider > Name", nth=1)
    table(page).get_by_text("Clara Chen").first.wait_for()
    page.get_by_role("tab", name="Only where").click()
    page.get_by_role("tabpanel").get_by_role("button", name="Add a test").click()
    choose(page, "Field", "Patient > Species")
    choose(page, "What Species is compared with", "Cat")
    page.keyboard.press("Escape")


def test_revenue_per_surgeon_per_month_cats_only_against_last_year(served, browser):
    with served.clinic() as clinic:
        charges(clinic)

    page = browser("olive", "/reports")
    cats_by_surgeon(page, served.url)
    table(page).locator("tbody tr", has_text="Clara Chen").get_by_text("$130.00", exact=True).wait_for()
    choose(page, "Compare with", "The year before")
    row = table(page).locator("tbody tr", has_text="Clara Chen").first
    row.get_by_text("$80.00", exact=True).wait_for()
    assert row.locator("td").all_inner_texts()[2:] == ["$130.00", "$80.00", "62.5%"]

    page.reload()
    page.get_by_text(re.compile("Kept from")).wait_for(timeout=30_000)
    row.get_by_text("$80.00", exact=True).wait_for()

    page.get_by_role("button", name="Save report").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title", exact=True).fill("Cats by surgeon")
    dialog.get_by_label("What it answers").fill("How much do the surgeons earn with cats?")
    dialog.get_by_label("What it answers").press("Tab")
    page.wait_for_timeout(300)
    dialog.get_by_role("button", name="Save report").click()
    page.get_by_role("heading", name="Cats by surgeon").wait_for(timeout=20_000)
    with served.clinic() as clinic:
        [card] = [card for card in saved.cards(by=clinic.actor("olive")) if card.spec.title == "Cats by surgeon"]
    assert card.spec.compare == "year_before" and [by.field for by in card.spec.breakdowns[0].by] == [
        "day", "provider.name",
    ]  # fmt: skip

    row.get_by_role("button", name="$130.00").click()
    page.get_by_role("dialog").get_by_text("2 rows").wait_for()
    behind = page.get_by_role("dialog").locator(".report-table tbody tr").all_inner_texts()
    assert sorted(re.search(r"\$\d+\.00", line)[0] for line in behind) == ["$100.00", "$30.00"]
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")

    year_before = row.get_by_role("button", name="$80.00")
    row.get_by_role("button", name="$130.00").focus()
    page.keyboard.press("ArrowRight")
    assert year_before.evaluate("one => one === document.activeElement")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("1 row", exact=False).wait_for()
    assert "$80.00" in page.get_by_role("dialog").locator(".report-table").inner_text()
    assert not page.problems
