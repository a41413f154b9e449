"""The portal's doors: one answer for everybody, codes that work once, and nobody else's invoice."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from billing import checkout, payments, requests, sending
from billing.client_billing import ONLY, SERVICE, ClientBilling
from billing.payments import Tender
from billing.portal import door
from billing.processors.settings import PROCESSOR, Processor
from data import definitions
from data.models import AuditLog, Client, Clinic, Invoice, OutboxMessage, PortalCode, PortalSession
from data.session import read, write
from data.types import clock, new_id
from messages.outbox import content_of
from tests import everything
from tests.billing.test_requests import SITE, address, switch_on
from tests.billing.visits import visit
from web.portal import app as portal
from web.portal import guard
from web.routes import middleware

HOME = "/portal/harbor"
MAIL = "dana@example.org"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for limit in (portal.ASKS, portal.ASKS_OF_CLINIC, portal.GUESSES, portal.GUESSES_OF_CLINIC, portal.PRINTS,
                  portal.PAYS):  # fmt: skip
        limit.clear()
    monkeypatch.setattr(portal, "ANSWER_TAKES", 0.0)


@pytest.fixture
def dana(sqlite_clinic):
    """A client with an address and an invoice that was sent."""
    return someone(sqlite_clinic, MAIL)


def someone(clinic, email, words="Recheck of the knee", cents=12_300):
    switch_on(clinic, words="Call us on weekdays.")
    _, client = visit(clinic)
    address(clinic, client, email)
    mona = clinic.actor("mona")
    made = sending.create_invoice(client, words, cents, by=mona)
    sending.send_invoice(made, site=SITE, by=mona)
    return client, made


def browser(**more):
    app = Starlette(routes=[Mount("/portal", app=portal.app)], middleware=middleware)
    return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 5000), follow_redirects=False, **more)


def field(answer):
    return re.search(r'name="form" value="([0-9a-f]{64})"', answer.text)[1]


def send(window, path, **fields):
    """Fill in the form on the page that shows it."""
    shown = window.get(fields.pop("on", path))
    return window.post(path, data={"form": field(shown), **fields})


def newest_code(clinic, recipient=MAIL):
    with read(clinic.id) as session:
        row = session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.purpose == "portal-code", OutboxMessage.recipient == recipient)
            .order_by(OutboxMessage.entered_at.desc(), OutboxMessage.id.desc())
        ).first()
        return re.search(r"(\d{4}) (\d{4})", content_of(row).text)[0] if row else None


def signed_in(clinic, email=MAIL):
    window = browser()
    assert send(window, HOME, email=email).headers["location"] == f"{HOME}/code"
    entered = send(window, f"{HOME}/code", code=newest_code(clinic, email))
    assert entered.status_code == 303, entered.text
    return window


def codes(clinic):
    with read(clinic.id) as session:
        return len(session.scalars(select(PortalCode.id)).all())


def test_a_client_signs_in_and_sees_what_is_theirs(sqlite_clinic, dana):
    _, invoice = dana
    window = signed_in(sqlite_clinic)
    listed = window.get(f"{HOME}/invoices")
    assert "Dana Fielding" in listed.text and "Recheck of the knee" in listed.text and "$123.00" in listed.text
    assert "Call us on weekdays." in listed.text
    shown = window.get(f"{HOME}/invoices/{invoice}")
    assert "Mona" not in shown.text and "$123.00" in shown.text
    assert window.get(f"{HOME}/invoices/{invoice}/receipt").content.startswith(b"%PDF")
    assert window.get(f"{HOME}/statement").content.startswith(b"%PDF")
    assert window.get(HOME).headers["location"] == f"{HOME}/invoices"
    out = send(window, f"{HOME}/out", on=f"{HOME}/invoices")
    assert out.headers["location"] == HOME
    assert window.get(f"{HOME}/invoices").headers["location"] == HOME
    with read(sqlite_clinic.id) as session:
        done = session.scalars(select(AuditLog.action).where(AuditLog.source == "portal")).all()
    assert {"portal.code_sent", "portal.signed_in", "portal.signed_out", "client.viewed"} <= set(done)


def test_strangers_get_the_same_answer_as_clients(sqlite_clinic, dana):
    answers = []
    for path, email in ((HOME, MAIL), (HOME, "nobody@example.org"), ("/portal/no-such", MAIL)):
        window = browser()
        first = window.get(path)
        asked = window.post(path, data={"form": field(first), "email": email})
        second = window.get(f"{path}/code")
        wrong = window.post(f"{path}/code", data={"form": field(second), "code": "0000 0000"})
        alike = [re.sub(r'value="[0-9a-f]{64}"|no-such|harbor', "", one.text.replace(email, "")) for one in
                 (first, second, wrong)]  # fmt: skip
        answers.append(([one.status_code for one in (first, asked, second, wrong)], alike))
    assert answers[0] == answers[1] == answers[2]
    assert "Harbor" not in "".join(answers[0][1])
    assert codes(sqlite_clinic) == 1


def test_a_switched_off_service_and_a_restricted_record_have_no_portal(sqlite_clinic, dana):
    client, _ = dana
    window = signed_in(sqlite_clinic)
    with write(sqlite_clinic.id) as session:
        session.get_one(Client, (sqlite_clinic.id, client)).restricted = True
        everything.seal(session, sqlite_clinic)
    assert window.get(f"{HOME}/invoices").headers["location"] == f"{HOME}?over=1"
    assert send(browser(), HOME, email=MAIL).status_code == 303
    assert codes(sqlite_clinic) == 1
    with write(sqlite_clinic.id) as session:
        session.get_one(Client, (sqlite_clinic.id, client)).restricted = False
        definitions.save(session, SERVICE, ONLY, ClientBilling(enabled=False), by_user_id=None)
        everything.seal(session, sqlite_clinic)
    assert send(browser(), HOME, email=MAIL).status_code == 303
    assert codes(sqlite_clinic) == 1


def test_a_code_works_once_for_ten_minutes_and_five_tries(sqlite_clinic, dana):
    now = clock.now()
    clock.set(now)
    used = signed_in(sqlite_clinic)
    right = newest_code(sqlite_clinic)
    other = browser()
    send(other, HOME, email=MAIL)
    fresh = newest_code(sqlite_clinic)
    assert fresh != right
    assert send(other, f"{HOME}/code", code=right).status_code == 400, "used before"
    clock.set(now + door.CODE_LIFE)
    assert send(other, f"{HOME}/code", code=fresh).status_code == 400, "too old"
    clock.set(now + timedelta(minutes=16))
    send(other, HOME, email=MAIL)
    fresh = newest_code(sqlite_clinic)
    for _ in range(door.TRIES):
        assert send(other, f"{HOME}/code", code="1").status_code == 400
    assert send(other, f"{HOME}/code", code=fresh).status_code == 400, "tried too often"
    assert used.get(f"{HOME}/invoices").status_code == 200


def test_codes_are_not_sent_without_end(sqlite_clinic, dana):
    for _ in range(6):
        assert send(browser(), HOME, email=MAIL).status_code == 303
    assert codes(sqlite_clinic) == door.CODES[0][0]
    for _ in range(20):
        answer = send(browser(), HOME, email="nobody@example.org")
    assert answer.status_code == 429


def test_guesses_are_counted_by_network_address(sqlite_clinic, dana):
    window = browser()
    send(window, HOME, email="nobody@example.org")
    seen = {send(window, f"{HOME}/code", code="12345678").status_code for _ in range(portal.GUESSES.most + 1)}
    assert seen == {400, 429}


def test_nobody_reaches_the_invoice_of_another_client(sqlite_clinic, dana):
    _, theirs = someone(sqlite_clinic, "other@example.org", "Something else", 700)
    window = signed_in(sqlite_clinic)
    assert "Something else" not in window.get(f"{HOME}/invoices").text
    for path in ("", "/receipt"):
        for wanted in (theirs, new_id(), "x", "%27", theirs.upper()):
            answer = window.get(f"{HOME}/invoices/{wanted}{path}")
            assert answer.status_code == 404 and "Something else" not in answer.text
    token = field(window.get(f"{HOME}/invoices/{dana[1]}"))
    assert window.post(f"{HOME}/invoices/{theirs}/pay", data={"form": token}).status_code == 404
    assert window.post(f"{HOME}/who", data={"form": token, "client": new_id()}).status_code == 404
    foreign = requests.request_payment(theirs, site=SITE, by=sqlite_clinic.actor("mona"))
    assert window.get(f"{HOME}/invoices/{dana[1]}?back={foreign}").status_code == 200
    assert "confirmed" not in window.get(f"{HOME}/invoices/{dana[1]}?back={foreign}").text
    window.post(f"{HOME}/invoices/{dana[1]}/pay", data={"form": token, "request": foreign})
    own = [one.amount_cents for one in requests.requests_of(dana[1], by=sqlite_clinic.actor("mona"))]
    assert own == [12_300], "a request of another invoice was paid for"


def test_void_invoices_and_tickets_in_the_making_are_not_shown(sqlite_clinic, dana):
    from billing.invoices import void_invoice

    client, invoice = dana
    mona = sqlite_clinic.actor("mona")
    ticket = checkout.open_ticket(visit(sqlite_clinic, client_id=client)[0], by=mona)
    void_invoice(invoice, "by mistake", by=mona)
    window = signed_in(sqlite_clinic)
    assert "There are no invoices for you yet" in window.get(f"{HOME}/invoices").text
    assert window.get(f"{HOME}/invoices/{ticket}").status_code == 404
    assert window.get(f"{HOME}/invoices/{invoice}").status_code == 404
    requests.request_payment(ticket, 5_000, site=SITE, by=mona)
    assert "Payment asked for" in window.get(f"{HOME}/invoices").text
    assert window.get(f"{HOME}/invoices/{ticket}").status_code == 200


def test_a_form_of_another_page_is_refused(sqlite_clinic, dana):
    window = signed_in(sqlite_clinic)
    good = field(window.get(f"{HOME}/invoices"))
    path = f"{HOME}/out"
    for data, headers in (
        ({}, {}),
        ({"form": "0" * 64}, {}),
        ({"form": field(browser().get(HOME))}, {}),
        ({"form": good}, {"Origin": "https://evil.example"}),
        ({"form": good}, {"Origin": "null"}),
        ({"form": good}, {"Sec-Fetch-Site": "cross-site"}),
        ({"form": good, "more": "x" * guard.LARGEST_FORM}, {}),
    ):
        assert window.post(path, data=data, headers=headers).status_code == 409, (data, headers)
    assert window.get(f"{HOME}/invoices").status_code == 200
    assert window.post(path, data={"form": good}, headers={"Origin": "http://localhost"}).status_code == 303


def test_a_session_planted_before_the_sign_in_is_nobody(sqlite_clinic, dana):
    window = browser()
    window.cookies.set("ballast_portal", "planted." + door.address_hash(sqlite_clinic.id, MAIL))
    assert window.get(f"{HOME}/invoices").status_code == 303
    send(window, HOME, email=MAIL)
    entered = send(window, f"{HOME}/code", code=newest_code(sqlite_clinic))
    given = entered.cookies["ballast_portal"]
    assert not given.startswith("planted")
    flags = entered.headers["set-cookie"]
    assert "HttpOnly" in flags and "SameSite=lax" in flags
    with read(sqlite_clinic.id) as session:
        [row] = session.scalars(select(PortalSession)).all()
        assert given not in (row.token_hash,)


def test_a_session_ends_by_idling_by_staff_and_with_its_address(sqlite_clinic, dana):
    client, _ = dana
    now = clock.now()
    clock.set(now)
    window = signed_in(sqlite_clinic)
    clock.set(now + timedelta(minutes=29))
    assert window.get(f"{HOME}/invoices").status_code == 200
    clock.set(now + timedelta(minutes=58))
    assert window.get(f"{HOME}/invoices").status_code == 200
    clock.set(now + timedelta(minutes=89))
    assert window.get(f"{HOME}/invoices").status_code == 303
    window = signed_in(sqlite_clinic)
    assert door.end_portal_sessions(client, by=sqlite_clinic.actor("sam")) == 1
    assert window.get(f"{HOME}/invoices").status_code == 303
    window = signed_in(sqlite_clinic)
    address(sqlite_clinic, client, "new@example.org")
    assert window.get(f"{HOME}/invoices").status_code == 303


def test_several_clients_with_one_address_choose(sqlite_clinic, dana):
    second, _ = someone(sqlite_clinic, MAIL.upper(), "Vaccine", 900)
    with write(sqlite_clinic.id) as session:
        session.get_one(Client, (sqlite_clinic.id, second)).first_name = "Alex"
        everything.seal(session, sqlite_clinic)
    window = browser()
    send(window, HOME, email=MAIL)
    entered = send(window, f"{HOME}/code", code=newest_code(sqlite_clinic))
    assert entered.headers["location"] == f"{HOME}/who"
    old = window.cookies["ballast_portal"]
    chosen = send(window, f"{HOME}/who", client=second)
    assert chosen.status_code == 303
    assert "Alex Fielding" in window.get(f"{HOME}/invoices").text and window.cookies["ballast_portal"] != old
    assert browser(cookies={"ballast_portal": old}).get(f"{HOME}/invoices").status_code == 303, "the old one is over"


def test_every_answer_is_private_and_strict(sqlite_clinic, dana):
    window = signed_in(sqlite_clinic)
    for path in ("", "/code", "/invoices", f"/invoices/{dana[1]}", "/nothing/here", f"/invoices/{dana[1]}/receipt"):
        answer = window.get(HOME + path) if path else browser().get(HOME)
        assert answer.headers["cache-control"] == "no-store", path
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 303 or ("default-src 'none'" in policy and "unsafe" not in policy), path
        assert answer.headers["x-frame-options"] in ("DENY", "SAMEORIGIN")
        assert "<script" not in answer.text
    assert window.get(HOME, headers={"Host": "evil.example"}).status_code == 421
    assert browser().get(f"{HOME}/nothing/here").status_code == 404


def test_what_staff_typed_is_text_and_card_numbers_are_not_taken(sqlite_clinic):
    someone(sqlite_clinic, MAIL, '<img src=x onerror="hacked()">')
    window = browser()
    first = window.get(HOME)
    refused = window.post(HOME, data={"form": field(first), "email": "4242424242424242@x.org"})
    assert refused.status_code == 400 and "4242" not in refused.text
    listed = signed_in(sqlite_clinic).get(f"{HOME}/invoices").text
    assert "<img" not in listed and "&lt;img" in listed


def test_paying_without_a_processor_is_told_in_words(sqlite_clinic, dana):
    window = signed_in(sqlite_clinic)
    page = window.get(f"{HOME}/invoices/{dana[1]}")
    assert "Pay at the clinic" in page.text
    answer = window.post(f"{HOME}/invoices/{dana[1]}/pay", data={"form": field(page)})
    assert answer.status_code == 409 and "cannot take payments here" in answer.text and "Settings" not in answer.text


def test_a_processor_without_its_credentials_is_not_offered_and_not_spoken_of(sqlite_clinic, dana):
    with write(sqlite_clinic.id) as session:
        document = Processor(label="Stripe", type="stripe", takes_online=True)
        definitions.save(session, PROCESSOR, "stripe", document, by_user_id=None)
    window = signed_in(sqlite_clinic)
    page = window.get(f"{HOME}/invoices/{dana[1]}")
    assert "Pay at the clinic" in page.text and "Pay $" not in page.text
    answer = window.post(f"{HOME}/invoices/{dana[1]}/pay", data={"form": field(page)})
    assert answer.status_code == 409 and "cannot take payments here" in answer.text and "key" not in answer.text


def test_what_a_client_comes_back_to_says_what_is_known(sqlite_clinic, dana):
    mona = sqlite_clinic.actor("mona")
    made = requests.request_payment(dana[1], site=SITE, by=mona)
    window = signed_in(sqlite_clinic)
    path = f"{HOME}/invoices/{dana[1]}?back={made}"
    assert "Nothing was paid" in window.get(path).text
    requests.paid(made, 12_300, last4="4242", brand="Visa", processor="stripe", by=sqlite_clinic.operator)
    told = window.get(path).text
    assert "Your payment of $123.00 has arrived" in told and "Visa 4242" in told and "Pay $" not in told
    refund = payments.refund(dana[1], 12_300, Tender("cash"), "sent twice", by=mona)
    assert refund.amount_cents == -12_300
    assert "Given back" in window.get(path).text and "sent twice" not in window.get(path).text


def test_merged_clients_keep_their_invoices_together(sqlite_clinic, dana):
    client, invoice = dana
    other, second = someone(sqlite_clinic, "other@example.org", "Something else", 700)
    with write(sqlite_clinic.id) as session:
        session.get_one(Client, (sqlite_clinic.id, other)).merged_into_id = client
        everything.seal(session, sqlite_clinic)
    window = signed_in(sqlite_clinic)
    assert window.get(f"{HOME}/invoices/{second}").status_code == 200
    assert window.get(f"{HOME}/invoices/{invoice}").status_code == 200
    assert send(browser(), HOME, email="other@example.org").status_code == 303
    assert newest_code(sqlite_clinic, "other@example.org") is None
    with read(sqlite_clinic.id) as session:
        assert len(session.scalars(select(Invoice.id)).all()) == 2


def test_only_a_sample_clinic_shows_its_codes_and_only_here(sqlite_clinic, dana, monkeypatch):
    window = browser()
    send(window, HOME, email=MAIL)
    assert "sample clinic" not in window.get(f"{HOME}/code").text
    with write(sqlite_clinic.id) as session:
        session.get_one(Clinic, sqlite_clinic.id).is_demo = True
        everything.seal(session, sqlite_clinic)
    assert newest_code(sqlite_clinic) in window.get(f"{HOME}/code").text
    assert not door.demo_code("harbor", MAIL, "203.0.113.9")
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:1")
    assert "sample clinic" not in window.get(f"{HOME}/code").text
