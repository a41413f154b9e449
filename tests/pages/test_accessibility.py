"""Every page keeps the rules of axe-core, in the light theme and, where colours matter, in the dark one; on a phone, in
the dark one, all of them again."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from sqlalchemy import select

from appointments import drug_log, drug_register
from appointments.drug_log import NewBottle
from benchmarks.campaign_data import furnish
from billing import checkout
from campaigns.links import Out, address_hash, token
from data.models import Appointment
from data.session import read, write
from reports import dashboards
from reports.dashboards import Dashboard
from reports.schedules import Only, Schedule, save_schedule
from security import audit, devices, invitations
from security.clinic_secrets import links_key
from tests.billing.visits import today, visit
from tests.campaigns.launched import launched
from tests.conftest import ROOT, start_app
from tests.window import turn_to

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = (ROOT / "tests" / "assets" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

# What Streamlit draws itself and we cannot mark up: its grids paint on a canvas, its date fields, lists and upload
# boxes bring their own markup, and its fade while a page is running lowers every contrast for a moment.
OF_STREAMLIT = (
    '[data-testid="stDataFrame"]',
    '[data-testid="stDateInput"]',
    '[data-testid="stFileUploader"]',
    '[data-testid="stSelectbox"]',
    '[data-testid="stMultiSelect"]',
    '[data-testid="stNumberInput"]',
    '[data-testid="stColorPicker"]',
    '[data-testid="stTooltipIcon"]',
    '[data-testid="stSidebarCollapseButton"]',
    '[data-testid="stPlotlyChart"]',
    '[data-testid="stSkeleton"]',
    '[data-testid="stToast"]',
)
# Left out: the menu as a list, whose heads Streamlit puts between the items; and the rule that a name repeats the words
# on a button to the letter, as the calendar says "10:45 PM" where it shows 10:45.
SCAN = """([rules, only, leave]) => axe.run({exclude: leave.map(part => [part])}, {
    runOnly: only ? {type: "rule", values: only} : {type: "tag", values: rules}, resultTypes: ["violations"],
    rules: only ? {} : {"label-content-name-mismatch": {enabled: false}},
}).then(found => {
    const menu = node => document.querySelector([].concat(node.target[0])[0])?.closest('[data-testid="stSidebarNav"]')
    const told = (fault, node) => `${fault.id}: ${node.target.flat().join(" ")} :: ${node.html.slice(0, 160)}`
    return found.violations.filter(fault => ["serious", "critical"].includes(fault.impact)).flatMap(fault =>
        fault.nodes.filter(node => !(/^list/.test(fault.id) && menu(node))).map(node => told(fault, node)))
})"""
QUIET = """() => !document.querySelector(
    '[data-testid="stStatusWidget"], [data-testid="stSkeleton"], [data-stale="true"]')"""

DARK = """() => getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor
    .match(/\\d+/g).slice(0, 3).every(part => Number(part) < 80)"""

BOARD = Dashboard.model_validate({
    "title": "Clinic day", "preset": "all_time", "filters": [{"field": "patient.species", "label": "Species"}],
    "tiles": [
        {"id": "t1", "report": "no-show-rate", "show": "number", "number": "all_rows", "width": 1, "height": 1},
        {"id": "t2", "report": "no-show-rate", "show": "table"},
        {"id": "t3", "report": "revenue-by-service", "show": "chart"},
        {"id": "t4", "report": "never"},
    ],
})  # fmt: skip


def faults(page: Any, *, phone: bool = True) -> list[str]:
    """The serious and critical faults of the page as it stands, in both themes, and as a dark phone shows it."""
    page.wait_for_function(QUIET, timeout=20_000)
    page.wait_for_timeout(250)
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found = [f"light {fault}" for fault in page.evaluate(SCAN, [RULES, None, list(OF_STREAMLIT)])]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(DARK, timeout=5_000)
    page.wait_for_timeout(250)
    found += [f"dark {fault}" for fault in page.evaluate(SCAN, [RULES, ["color-contrast"], list(OF_STREAMLIT)])]
    if phone:
        wide = page.viewport_size
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(400)
        page.wait_for_function(QUIET, timeout=20_000)
        found += [f"phone {fault}" for fault in page.evaluate(SCAN, [RULES, None, list(OF_STREAMLIT)])]
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            found.append(f"phone: {width} px wide")
        page.set_viewport_size(wide)
    page.emulate_media(color_scheme="light")
    return found


def paths() -> list[str]:
    """The path of every page, read from the map without running it."""
    tree = ast.parse((ROOT / "pages" / "navigation.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Page")
    return [str(ast.literal_eval(call.args[4])) for call in calls]


def address(path: str, ids: dict[str, str]) -> str:
    """Where the page stands when it has something to show."""
    if path in ("ticket", "invoice"):
        return f"/{path}?id={ids['invoice']}"
    if path in ("client", "patient", "visit"):
        return f"/{path}?id={ids[path]}"
    if path == "new-patient":
        return f"/new-patient?client={ids['client']}"
    if path == "dashboard":
        return f"/dashboard?name={ids['dashboard']}"
    if path in ("report", "subscription"):
        return f"/{path}?name={ids[path]}"
    if path == "subscribe":
        return f"/subscribe?name={ids['subscription']}"
    return f"/{path}"


def test_every_page_can_be_read_and_worked_by_everybody(served, browser):
    with served.clinic() as clinic:
        appointment = visit(clinic, name="Nutmeg")[0]
        ids = {
            "visit": appointment,
            "invoice": checkout.open_ticket(appointment, by=clinic.operator),
            "report": "revenue-by-service",
            "dashboard": dashboards.save_dashboard(BOARD, by=clinic.actor("olive")),
            "subscription": _subscription(clinic),
        } | _people(clinic, appointment)
    page = browser("olive", "/home")
    wrong: dict[str, list[str]] = {}
    for path in paths():
        turn_to(page, address(path, ids))
        page.get_by_test_id("stMainBlockContainer").locator("h1").first.wait_for(timeout=20_000)
        if path == "dashboard":
            page.get_by_test_id("stMetric").first.wait_for(timeout=20_000)
        if found := faults(page):
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}\n  " + "\n  ".join(found) for path, found in wrong.items())


def test_the_sign_in_can_be_read_and_worked_by_everybody(browser):
    page = browser(None, "/")
    page.get_by_label("Username").wait_for(timeout=20_000)
    assert faults(page) == []


def _subscription(clinic: Any) -> str:
    only = Only(rule="over", number="no_shows", value=3)
    one = Schedule(title="Missed", report="no-show-rate", addresses=["books@example.com"], only=only, message="Look")
    return save_schedule(one, by=clinic.actor("olive"))


def _people(clinic: Any, appointment: str) -> dict[str, str]:
    with read(clinic.id) as session:
        row = session.scalars(select(Appointment).where(Appointment.id == appointment)).one()
        return {"client": row.client_id, "patient": row.patient_id}


def test_dialogs_wall_board_and_invitation_can_be_read_and_worked_by_everybody(served, browser):
    with served.clinic() as clinic:
        by = clinic.operator
        drug = next(iter(drug_register.drugs(by=by)))
        bottle = drug_log.receive(NewBottle(drug, "AXE-1", 10_000, today()), by=by)
        drug_log.open_bottle(bottle, by=by)
        link = invitations.invite("axel", "staff", name="Axel Ames", by=by)
        display = devices.enrol(devices.make_code("display", "Recovery", "initials", by=by))[1]
        ticket = checkout.open_ticket(visit(clinic, name="Juniper")[0], by=by)
    page = browser("olive", "/home")
    wrong: dict[str, list[str]] = {}

    def scan(name: str) -> None:
        if found := faults(page):
            wrong[name] = found

    def opened(path: str, button: str) -> Any:
        turn_to(page, path)
        page.get_by_role("button", name=button).first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button").first.wait_for()
        return dialog

    opened("/appointments", "Book appointment").get_by_role("button", name="New client").click()
    page.get_by_role("dialog").get_by_label("Patient's name").wait_for()
    scan("booking")
    for button in ("Log a drug", "Receive bottle", "Do the AM count"):
        opened("/drug-log", button)
        scan(button)
    page.goto(f"{served.url}/ticket?id={ticket}")
    page.get_by_label("Last four digits").wait_for()
    scan("payment")
    page.goto(served.url + link.path)
    page.get_by_role("textbox", name="Password").first.wait_for()
    scan("invitation")
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "ballast_session", "value": display, "url": served.url, "httpOnly": True}])
    page.goto(served.url)
    page.locator(".wall h1").wait_for()
    scan("wall board")
    assert not wrong, "\n".join(f"{path}\n  " + "\n  ".join(found) for path, found in wrong.items())


def test_campaigns_ways_out_and_snapshot_can_be_read_and_worked_by_everybody(served, browser):
    with served.clinic() as clinic:
        furnish(clinic.id, [("Kim", "kim.axe@example.org")], b_templates={"email": "other"})
        launched(clinic, [("sent", "a", ""), ("uncertain", "b", ""), ("excluded", "a", "no e-mail address"),
                          ("held_out", "hold", "")], hold_out_percent=25)  # fmt: skip
        with write(clinic.id) as session:
            out = token(links_key(session), Out(clinic.id, "email", address_hash(links_key(session), "email", "a@b.c")))
            audit.append(session, clinic.operator, "test.prepared", "clinic", "", {})
    page = browser("olive", "/home")
    wrong: dict[str, list[str]] = {}
    for path in (
        *(f"/campaign?name=news&view={view}" for view in ("setup", "check", "progress", "outcome", "log")),
        "/segment?name=all", "/segment?like=0", "/template?name=hello", "/template?name=hello-sms",
        "/template?name=hello-letter",
    ):  # fmt: skip
        turn_to(page, path)
        page.get_by_test_id("stMainBlockContainer").locator("h1").first.wait_for(timeout=20_000)
        assert not page.get_by_test_id("stException").count(), path
        if found := faults(page):
            wrong[path] = found
    for path in (f"/u/{out}", f"/u/{out}/choices", "/u/nothing", "/snapshot/"):
        page.goto(served.url + path)
        page.locator("h1").first.wait_for(timeout=20_000)
        if found := _plain_faults(page):
            wrong[path] = found
    assert not wrong, "\n".join(f"{path}\n  " + "\n  ".join(found) for path, found in wrong.items())


def _plain_faults(page: Any) -> list[str]:
    """The same of a page that is not Streamlit's."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for wide in (1280, 390):
            page.set_viewport_size({"width": wide, "height": 844})
            if not page.evaluate("typeof axe === 'object'"):
                page.evaluate(AXE)
            found += [f"{scheme} {wide} {fault}" for fault in page.evaluate(SCAN, [RULES, None, []])]
            if (width := page.evaluate("document.documentElement.scrollWidth")) > wide:
                found.append(f"{scheme} {wide}: {width} px wide")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 844})
    return found


def test_the_first_run_can_be_read_and_worked_by_everybody(tmp_path, browser):
    url, process = start_app(tmp_path / "empty", tmp_path / "empty.key", tmp_path / "log")
    try:
        page = browser(None, "/")
        page.goto(url)
        page.get_by_role("button", name="Set up the clinic").wait_for(timeout=30_000)
        assert faults(page) == []
    finally:
        process.terminate()
        process.wait(20)
