"""In a real browser: a slice of a pie opens the rows behind it, all of them go out as a file, and a dashboard that is
being changed survives a refresh."""

import re

import pytest

from reports import dashboards, saved
from reports.dashboards import Dashboard, Tile
from reports.spec import ReportSpec
from tests.reports.small_clinic import Small

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def built(served):
    """A pie of three no-shows and one visit that was checked out, and a dashboard with it."""
    with served.clinic() as clinic:
        small = Small(clinic)
        small.count = 810_000
        patient = small.patient(species="ferret")
        for day, stage in enumerate(("no_show", "no_show", "no_show", "checked_out"), 1):
            small.visit(f"2024-03-{day:02d}", stage, patient_id=patient)
        spec = ReportSpec.model_validate({
            "title": "Ferrets by stage", "entity": "appointment", "measures": ["all_rows"], "period": "day",
            "preset": "all_time", "breakdowns": [{"name": "s", "label": "Stage", "by": [{"field": "stage"}]}],
            "filters": [{"field": "patient.species", "op": "is", "value": "ferret"}],
            "chart": {"kind": "pie", "y": "all_rows"},
        })  # fmt: skip
        olive = clinic.actor("olive")
        name = saved.save_report(spec, by=olive)
        return name, dashboards.save_dashboard(
            Dashboard(title="Ferrets", tiles=[Tile(id="t1", report=name)]), by=olive
        )  # fmt: skip


def test_from_a_slice_to_its_rows_and_out_as_a_file(built, browser):
    name, board = built
    page = browser("olive", f"/report?name={name}")
    slice_ = page.locator(".st-key-report_chart .pielayer .slice path.surface").first
    slice_.wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    box = page.locator(".st-key-report_chart .pielayer .slice path.surface").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    rows = page.get_by_role("dialog")
    rows.get_by_text("No-show · All appointments · 3 rows").wait_for()
    rows.get_by_role("button", name=re.compile("Download")).click()
    link = page.get_by_role("link", name="Download CSV").get_attribute("href")
    sent = page.request.get(page.url.partition("/report")[0] + link)
    assert sent.ok and sent.text().count("\r\n") == 4 and "attachment" in sent.headers["content-disposition"]
    assert browser("adam").request.get(page.url.partition("/report")[0] + link).status == 404

    page.goto(f"{page.url.partition('/report')[0]}/dashboard?name={board}&change=1")
    page.get_by_label("What it is for").fill("Only ferrets")
    page.get_by_label("What it is for").press("Tab")
    page.get_by_text("How it will look").wait_for()
    page.wait_for_timeout(1_500)
    page.reload()
    page.get_by_text(re.compile("Kept from")).wait_for(timeout=30_000)
    page.locator('input[value="Only ferrets"]').wait_for()
    page.get_by_role("button", name="Save dashboard").click()
    page.get_by_role("heading", name="Ferrets", exact=True).wait_for()
    page.get_by_text("Only ferrets").wait_for()
    assert not page.problems
