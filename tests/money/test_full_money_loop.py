"""A day without the card line, to the last cent: slips keyed and charged, clients asked and paying on their phones, the
terminal's batch imported the next day, the bank's statement, the three sums equal, the outage and the period closed."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pypdf
import pytest
from sqlalchemy import select

from billing import closing
from billing.deposits import deposits, find_deposits
from billing.matching import reconcile_days
from billing.processors.fetch import fetch_settlements
from billing.processors.settings import PROCESSOR, Processor
from billing.settlement.files import import_bank, import_settlement
from data import definitions
from data.models import Appointment, BooksPeriod, Client, OutboxMessage, Payment, SettlementBatch, Variance
from data.session import read, write
from data.types import clock
from messages.outbox import content_of
from outage import outages
from outage.board import board
from outage.closing_report import verify_report
from outage.identities import sides
from outage.slips import slips
from records.documents import open_document
from tests.billing.processors.conftest import make_till
from tests.fake_processor.app import paying_app
from tests.outage.paper_day import PaperDay
from tests.outage.test_slips import serial_of
from tests.window import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ZONE = ZoneInfo("America/New_York")
MAIL = "ada.{}@example.org"
TICKETS = (8_500, 6_000, 12_550, 4_500)
RATE, ITEM = 26_000, 10


@pytest.fixture(scope="module")
def app(tmp_path_factory, _template):
    """An app that pays through a processor played on loopback, the morning after a day without it."""
    with paying_app(tmp_path_factory.mktemp("loop"), _template, OutageDay) as paying:
        yield paying


class OutageDay:
    """Yesterday morning on paper: four visits with tickets, a sheet of card slips, two merchant accounts."""

    def __init__(self, clinic, fake) -> None:
        make_till(clinic, fake, "stripe")
        with write(clinic.id) as session:
            terminal = Processor(label="Counter terminal", type="terminal", rate_millionths=RATE, per_item_cents=ITEM,
                                 bank_text="BANKCARD 8076")  # fmt: skip
            definitions.save(session, PROCESSOR, "terminal", terminal, by_user_id=None)
        self.today = clock.today(ZONE.key)
        self.day = self.today - timedelta(days=1)
        began = datetime.combine(self.day, datetime.min.time(), ZONE).replace(hour=9).astimezone(UTC)
        self.id = outages.declare("all", began, began + timedelta(hours=4), "The line was cut", by=clinic.operator)
        paper = PaperDay(clinic, outage=self.id, began=began)
        for number, cents in enumerate(TICKETS, 1):
            visit = paper.visit(f"Luna{number}", stage="checked_out")
            paper.ticket(visit, cents)
            with write(clinic.id) as session:
                row = session.get_one(Appointment, (clinic.id, visit))
                session.get_one(Client, (clinic.id, row.client_id)).email = MAIL.format(number)
                paper._done(session)
        self.serial = serial_of(clinic, paper.sheet("card-slip"))


def sign_in(chromium, served, who, path):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    context.add_cookies([{"name": "ballast_session", "value": served.token(who), "url": served.url, "httpOnly": True}])
    page = context.new_page()
    page.goto(f"{served.url}{path}")
    page.get_by_test_id("stSidebarContent").wait_for(state="attached", timeout=30_000)
    settled(page, 500)
    return page


def key_slip(page, number, amount, visit, *, last4="4242", code=""):
    """One slip from the paper, typed as it lies there."""
    for label, text in (("Slip no.", number), ("Total", amount), ("Last four digits", last4), ("Card brand", "visa"),
                        ("Authorization code", code), ("Time", "10:15"), ("Visit no. or serial", visit)):  # fmt: skip
        page.get_by_role("textbox", name=label, exact=True).first.fill(text)
    page.get_by_role("button", name="Key the slip").click()
    page.get_by_text(re.compile(rf"^Slip {number}, ")).first.wait_for(timeout=30_000)
    settled(page)


def row_of(page, slips_found, part):
    """The row of an open slip."""
    one = next(row for row in slips_found if row.part == part)
    return page.locator(f".st-key-slip_open_{one.id}")


def pay_on_a_phone(chromium, served, number, amount):
    """The client signs in to the portal by a code, and pays on the processor's own page."""
    phone = chromium.new_context(viewport={"width": 390, "height": 844})
    page = phone.new_page()
    page.goto(f"{served.url}/portal/harbor")
    page.get_by_label("E-mail address").fill(MAIL.format(number))
    page.get_by_role("button", name="Send code").click()
    page.get_by_label("Code").wait_for()
    with served.clinic() as clinic, read(clinic.id) as session:
        told = session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "portal-code")).all()
        code = re.search(r"\d{4} \d{4}", content_of(told[-1]).text)[0]
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Ada Chen").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name=re.compile(re.escape(amount))).first.click()
    with page.expect_navigation():
        page.get_by_role("button", name=f"Pay {amount}").click()
    page.get_by_label("Card number").fill("5555555555554444")
    page.get_by_label("Expiry").fill("12/34")
    page.get_by_label("Code").fill("123")
    page.route("https://clinic.example/**", lambda route: route.fulfill(status=200, body="the clinic's own address"))
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("https://clinic.example/portal/harbor/invoices/**")
    page.goto(page.url.replace("https://clinic.example", served.url))
    page.get_by_text(f"Your payment of {amount} has arrived").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()


def terminal_batch(day) -> bytes:
    """What the stand-alone terminal sent in at night, as a plain settlement file."""
    fee = (TICKETS[0] * RATE + 500_000) // 1_000_000 + ITEM
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["reference", "batch", "settled_on", "processed_at", "amount", "fee", "currency", "kind", "status",
                    "last4", "brand", "authorization"])  # fmt: skip
    at = datetime.combine(day.day, datetime.min.time(), ZONE).replace(hour=10, minute=16)
    table.writerow(["T-1", "B-77", day.today.isoformat(), at.isoformat(), "85.00", f"{fee / 100:.2f}", "USD", "sale",
                    "settled", "4242", "Visa", "T1001"])  # fmt: skip
    return out.getvalue().encode()


def statement(lines) -> bytes:
    """A statement of the bank with these deposits, as OFX."""
    rows = "".join(
        f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{on:%Y%m%d}<TRNAMT>{cents / 100:.2f}<FITID>{number}<NAME>{name}</STMTTRN>"
        for number, (on, cents, name) in enumerate(lines, 1)
    )
    first, last = lines[0][0], lines[-1][0]
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
        "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
        f"<DTSERVER>{last:%Y%m%d}<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS>"
        "<CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>77012<ACCTTYPE>CHECKING"
        f"</BANKACCTFROM><BANKTRANLIST><DTSTART>{first:%Y%m%d}<DTEND>{last:%Y%m%d}{rows}</BANKTRANLIST><LEDGERBAL>"
        f"<BALAMT>1.00<DTASOF>{last:%Y%m%d}</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    ).encode()


def test_every_cent_of_a_day_without_the_card_line_is_explained(app, _chromium):
    served, fake, day = app
    serial = day.serial
    page = sign_in(_chromium, served, "sam", "/card-slips")
    key_slip(page, f"{serial}-1", "85.00", "1", code="T1001")
    key_slip(page, f"{serial}-2", "60.00", "2")
    key_slip(page, f"{serial}-3", "125.50", "3")
    key_slip(page, f"{serial}-4", "45.00", "4")
    with served.clinic() as clinic:
        found = slips(day.id, by=clinic.operator)

    # one card is charged at the processor's own terminal, and its authorization is found there
    row = row_of(page, found, 2)
    row.get_by_role("button", name="Charge the card").click()
    row.get_by_role("link", name=re.compile("^.*Open ")).wait_for()
    assert row.get_by_role("link", name=re.compile("Open ")).get_attribute("target") == "_blank"
    keyed = fake.world.charge("stripe", TICKETS[1], "usd", "4242", "Visa")
    row.get_by_role("button", name="Look for the charge").click()
    settled(page, 600)
    assert row.get_by_role("textbox", name="Authorization code").input_value() == keyed.auth
    row.get_by_role("button", name="It was charged").click()
    page.get_by_text(re.compile(rf"^Slip {serial}-2, .*paid")).wait_for()
    settled(page)

    # both others are asked for; one pays on a phone, the other's link dies as the card is charged after all
    page.get_by_role("button", name="Send 2 payment requests").click()
    page.get_by_text("2 clients were asked to pay").wait_for()
    settled(page)
    pay_on_a_phone(_chromium, served, 3, "$125.50")
    row = row_of(page, found, 4)
    row.get_by_role("button", name="Charge the card").click()
    row.get_by_role("button", name="It was not charged").wait_for()
    fake.world.charge("stripe", TICKETS[3], "usd", "4242", "Visa")
    row.get_by_role("button", name="Look for the charge").click()
    settled(page, 600)
    row.get_by_role("button", name="It was charged").click()
    page.get_by_text(re.compile(rf"^Slip {serial}-4, .*paid")).wait_for()
    settled(page)
    page.get_by_role("button", name="Record the shredding of 4 slips").click()
    page.get_by_role("button", name="I destroyed these slips").click()
    page.get_by_text("4 slips are destroyed").wait_for()
    page.context.close()
    with served.clinic() as clinic:
        with read(clinic.id) as session:
            paid = sorted(session.execute(select(Payment.channel, Payment.amount_cents)).tuples())
        assert paid == sorted([("slip", 8_500), ("slip", 6_000), ("payment_request", 12_550), ("slip", 4_500)])
        assert board(day.id, by=clinic.operator).missing("money"), "nothing is settled yet"

    # the next day: the terminal's batch, the processor's payout, the bank
    with served.clinic() as clinic:
        mona = clinic.actor("mona")
        fake.world.settle("stripe", datetime.combine(day.today, datetime.min.time(), UTC).timestamp())
        import_settlement(terminal_batch(day), by=mona, name="terminal.csv", make="mapping:plain", processor="terminal")
        fetch_settlements("stripe", day.day, day.today, by=mona)
        with read(clinic.id) as session:
            nets = {row.processor: row.net_cents for row in session.scalars(select(SettlementBatch))}
        nets["terminal"] = 8_500 - 231
        assert nets["stripe"] == sum(TICKETS[1:]) - sum((cents * 29 + 500) // 1000 + 30 for cents in TICKETS[1:])
        lines = [(day.today, nets["terminal"], "BANKCARD 8076 MTOT DEP"), (day.today, nets["stripe"], "STRIPE PAYOUT")]
        import_bank(statement(lines), by=mona, name="bank.ofx", account="Checking")
        reconcile_days(by=mona)
        find_deposits(by=mona)
        assert not deposits(day.day, day.today + timedelta(days=1), by=mona).expected
        with read(clinic.id) as session:
            left = session.scalars(select(Variance).where(Variance.state == "open")).all()
            assert [(row.kind, row.detail) for row in left] == []
        third = board(day.id, by=mona).identities[-1]
        assert third.is_equal and sides(third.lines[0]) == [sum(TICKETS)] * 3
        assert not any(term.label == "not settled yet" for term in third.lines[0])

    # a manager closes the money part on the board, then the period
    page = sign_in(_chromium, served, "mona", "/recovery")
    page.get_by_role("button", name="Close the money part").click()
    page.get_by_role("dialog").get_by_role("button", name="Close and sign").click()
    page.get_by_text(re.compile("closed .* by Mona Marsh")).wait_for(timeout=60_000)
    page.context.close()
    with served.clinic() as clinic:
        mona = clinic.actor("mona")
        report = open_document(str(outages.outage(day.id, by=mona).money_report_id), by=mona).content
        assert verify_report(report, by=mona).is_genuine
        text = " ".join(" ".join(one.extract_text().split()) for one in pypdf.PdfReader(io.BytesIO(report)).pages)
        assert "$315.50 on card slips = $315.50 in payments" in text and "settled" in text
        signed = closing.close_period(day.day, day.today, signed_as="Mona Marsh", by=mona, key="close")
        pdf = open_document(signed, by=mona).content
        assert "Mona Marsh" in " ".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages)
        with read(clinic.id) as session:
            assert [row.state for row in session.scalars(select(BooksPeriod))] == ["closed"]
