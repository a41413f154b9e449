"""From the client's page to the money: an invoice is made and sent in the app, found and paid on a phone."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from billing import tickets
from data.models import Client, Invoice, OutboxMessage
from data.session import read, write
from messages.outbox import content_of
from tests import everything
from tests.billing.processors.conftest import make_till
from tests.billing.visits import visit
from tests.conftest import ROOT
from tests.fake_processor.app import paying_app

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = (ROOT / "tests" / "assets" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
SCAN = """() => axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}})
    .then(found => found.violations.flatMap(one => one.nodes.map(node => one.id + ": " + node.html.slice(0, 120))))"""
MAIL = "dana@example.org"


@pytest.fixture(scope="module")
def app(tmp_path_factory, _template):
    """An app that pays through a processor played on loopback."""

    def asked(clinic, fake):
        make_till(clinic, fake, "stripe")
        _, client = visit(clinic)
        with write(clinic.id) as session:
            session.get_one(Client, (clinic.id, client)).email = MAIL
            everything.seal(session, clinic)
        return client

    with paying_app(tmp_path_factory.mktemp("portal"), _template, asked) as (served, _, client):
        yield served, client


def look(page, faults):
    """No page is wider than the phone, and none breaks a rule of axe-core in either theme."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(AXE)
        faults += [f"{page.url} {scheme} {fault}" for fault in page.evaluate(SCAN)]
    page.emulate_media(color_scheme="light")


def test_an_invoice_is_made_sent_found_on_a_phone_and_paid(app, _chromium):
    served, client = app
    desk = _chromium.new_context(viewport={"width": 1280, "height": 900})
    desk.add_cookies([{"name": "ballast_session", "value": served.token("mona"), "url": served.url, "httpOnly": True}])
    page = desk.new_page()
    page.goto(f"{served.url}/client?id={client}&tab=Billing")
    page.get_by_role("button", name="Create invoice").click(timeout=30_000)
    page.get_by_label("Description", exact=True).fill("Recheck of the knee")
    page.get_by_label("Amount", exact=True).fill("84.50")
    page.get_by_label("Amount", exact=True).press("Tab")
    page.get_by_role("button", name="Send invoice").click()
    page.get_by_text(re.compile(r"^Sent .*")).first.wait_for(timeout=30_000)
    page.get_by_role("button", name="Send invoice again").wait_for()
    desk.close()
    with served.clinic() as clinic, read(clinic.id) as session:
        [mail] = [content_of(row).text for row in session.scalars(select(OutboxMessage))]
        invoice = session.scalars(select(Invoice.id).where(Invoice.description != "")).one()
    assert "https://clinic.example/portal/harbor" in mail and "84" not in mail and "knee" not in mail

    phone = _chromium.new_context(viewport={"width": 390, "height": 844})
    page, faults = phone.new_page(), []
    page.goto(f"{served.url}/portal/harbor")
    look(page, faults)
    page.get_by_label("E-mail address").fill(MAIL)
    page.get_by_role("button", name="Send code").click()
    page.get_by_label("Code").wait_for()
    look(page, faults)
    with served.clinic() as clinic, read(clinic.id) as session:
        told = session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "portal-code")).one()
        code = re.search(r"\d{4} \d{4}", content_of(told).text)[0]
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Dana Fielding").wait_for()
    look(page, faults)
    page.get_by_text("Recheck of the knee").click()
    page.get_by_role("button", name="Pay $84.50").wait_for()
    look(page, faults)
    with page.expect_navigation():
        page.get_by_role("button", name="Pay $84.50").click()
    page.get_by_label("Card number").fill("4242424242424242")
    page.get_by_label("Expiry").fill("12/34")
    page.get_by_label("Code").fill("123")
    back = page.url
    assert "127.0.0.1" in back and served.url not in back
    page.route("https://clinic.example/**", lambda route: route.fulfill(status=200, body="the clinic's own address"))
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("https://clinic.example/portal/harbor/invoices/**")
    page.goto(page.url.replace("https://clinic.example", served.url))
    page.get_by_text("Your payment of $84.50 has arrived").wait_for()
    assert page.get_by_role("button", name="Pay").count() == 0
    look(page, faults)
    phone.close()
    assert not faults, faults
    with served.clinic() as clinic:
        shown = tickets.ticket(invoice, by=clinic.operator)
    assert shown.standing.balance == 0
    [paid] = shown.payments
    assert (paid.amount_cents, "4242" in paid.detail) == (8_450, True)
