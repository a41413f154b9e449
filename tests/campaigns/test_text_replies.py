"""STOP and START in reply to text messages: believed where Twilio signed them, counted once, effective at once."""

import base64
import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from campaigns import text_account, text_replies
from campaigns.text_account import BadTextAccount, NoTextAccount, TextNotTaken
from campaigns.text_replies import meaning
from data.errors import NotPermitted
from data.models import AuditLog, ClinicSecret, MailEvent
from data.session import read
from data.types import clock
from messages import sms
from tests.campaigns.test_consents import a_client, stop, why
from tests.screen import opened, told
from web.routes import middleware, routes

SID, TOKEN, SENDER = "AC" + "1" * 32, "t" * 32, "+15550100000"
NUMBER = "+15550104477"
URL = "http://localhost/texts/{}"


@contextmanager
def service(monkeypatch):
    """A loopback Twilio: takes messages, and tells of ``inbound`` replies two a page."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status, told):
            signed = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
            if self.headers["Authorization"] != signed:
                status, told = 401, {"code": 20003, "message": "Authenticate"}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def do_GET(self):
            at = int(self.path.partition("Page=")[2] or 0) if "&" not in self.path else 0
            more = f"/2010-04-01/Accounts/{SID}/Messages.json?Page={at + 2}" if at + 2 < len(server.inbound) else None
            self.answer(200, {"messages": server.inbound[at : at + 2], "next_page_uri": more})

        def do_POST(self):
            server.got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.answer(201, {"sid": "SM1"})

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.inbound, server.got, server.daemon_threads = [], [], True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("BALLAST_SMS_AT", f"http://127.0.0.1:{server.server_port}")
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def set_up(clinic):
    text_account.save_account(SID, TOKEN, SENDER, by=clinic.actor("adam"))


def slug(clinic):
    from security.clinics import clinic_of

    return clinic_of(clinic.id).slug


def signed(clinic, form, token=TOKEN, url=""):
    """As Twilio documents it, written a second time."""
    text = (url or URL.format(slug(clinic))) + "".join(k + v for k, v in sorted(form.items()))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def reply(number=1, body="STOP", **more):
    return {"MessageSid": f"SM{number:032x}", "AccountSid": SID, "From": NUMBER, "To": SENDER, "Body": body} | more


def call(clinic, form, signature=None, path=""):
    ways = [route for route in routes if getattr(route, "path", "").startswith("/texts/")]
    window = TestClient(Starlette(routes=ways, middleware=middleware), base_url="http://localhost",
                        client=("127.0.0.1", 5000))  # fmt: skip
    return window.post(path or f"/texts/{slug(clinic)}", data=form, headers={
        "X-Twilio-Signature": signed(clinic, form) if signature is None else signature
    })  # fmt: skip


def events(clinic):
    with read(clinic.id) as session:
        return [row.kind for row in session.scalars(select(MailEvent).order_by(MailEvent.event_at, MailEvent.id))]


def test_stop_ends_every_text_at_once_and_start_takes_that_back(clinic):
    set_up(clinic)
    client = a_client(clinic, "marketing", "reminders")
    answer = call(clinic, reply())
    assert answer.status_code == 200 and "<Response></Response>" in answer.text
    assert why(clinic, client, "sms") == "unsubscribed" and why(clinic, client, "sms", "reminder") == "unsubscribed"
    assert why(clinic, client, "email") == "", "by mail it still comes"
    assert call(clinic, reply()).status_code == 200 and events(clinic) == ["unsubscribed"], "told twice counts once"
    assert call(clinic, reply(2, " Start. ")).status_code == 200
    assert why(clinic, client, "sms") == "" and why(clinic, client, "sms", "reminder") == ""
    assert call(clinic, reply()).status_code == 200 and why(clinic, client, "sms") == "", "an old STOP played again"
    call(clinic, reply(3, "help"))
    call(clinic, reply(4, "See you at ten"))
    assert sorted(events(clinic)) == ["asked_help", "came_back", "unsubscribed"]
    with read(clinic.id) as session:
        rows = session.execute(select(AuditLog.action, AuditLog.detail).where(AuditLog.entity == "address")).all()
    assert [row.action for row in rows] == ["address.left", "address.came_back", "address.asked_for_help"]
    assert not any("4477" in row.detail for row in rows)


def test_start_lifts_neither_a_bounce_nor_what_the_clinic_has_set(sqlite_clinic):
    set_up(sqlite_clinic)
    client = a_client(sqlite_clinic, "marketing")
    stop(sqlite_clinic, "sms", "everything", "by_hand", NUMBER)
    call(sqlite_clinic, reply(1, "START"))
    assert why(sqlite_clinic, client, "sms") == "asked not to be written to"


def test_what_twilio_did_not_sign_changes_nothing(sqlite_clinic):
    clinic = sqlite_clinic
    client, form = a_client(clinic, "marketing"), reply()
    assert call(clinic, form).status_code == 403, "no account is set"
    set_up(clinic)
    good = signed(clinic, form)
    forged = [
        (form, ""), (form, "é"), (form, signed(clinic, form, "x" * 32)), (form | {"From": "+15550100001"}, good),
        (form | {"Extra": "1"}, good), ({**form, "AccountSid": "AC" + "2" * 32}, None),
        (form, signed(clinic, form, url="https://elsewhere.example/texts/x")),
    ]  # fmt: skip
    for changed, signature in forged:
        sent = signature if signature is None or signature.isascii() else signature.encode("latin-1")
        assert call(clinic, changed, sent).status_code == 403, changed
    assert call(clinic, form, good, "/texts/nobody").status_code == 403
    assert call(clinic, form, good, "/texts/%00").status_code == 403
    assert why(clinic, client, "sms") == "" and not events(clinic)
    odd = {**form, "MessageSid": "'; --"}
    assert call(clinic, odd).status_code == 200 and not events(clinic), "signed, and yet no reply that can be counted"


def test_replies_are_asked_for_in_order_and_count_once(clinic, monkeypatch):
    set_up(clinic)
    client, now = a_client(clinic, "marketing"), clock.now()

    def inbound(number, body, minutes, **more):
        at = format_datetime(now - timedelta(minutes=minutes))
        return {"sid": f"SM{number:032x}", "from": NUMBER, "body": body, "date_sent": at, "direction": "inbound"} | more

    with service(monkeypatch) as server:
        server.inbound = [inbound(3, "STOP", 1), inbound(2, "START", 5), inbound(1, "Stop", 9),
                          inbound(9, "STOP", 0, direction="outbound-api")]  # fmt: skip
        found = text_replies.ask(by=clinic.operator)
        assert (found.stopped, found.started, found.known) == (2, 1, 0)
        assert why(clinic, client, "sms") == "unsubscribed"
        assert text_replies.ask(by=clinic.operator).known == 3
        call(clinic, reply(4, "START"))
        server.inbound = [inbound(5, "STOP", 2)]
        text_replies.ask(by=clinic.operator)
        assert why(clinic, client, "sms") == "", "what is asked for late does not undo a later START"
        text_account.save_account("", "w" * 32, SENDER, by=clinic.actor("adam"))
        with pytest.raises(sms.NotAnswered, match="20003"):
            text_replies.ask(by=clinic.operator)


@pytest.mark.parametrize(
    ("body", "what"),
    [("STOP", "stop"), (" stop ", "stop"), ("Stop texting me", "stop"), ("opt out please", "stop"), ("Opt-out", "stop"),
     ("UNSUBSCRIBE", "stop"), ("quit", "stop"), ("revoke", "stop"), ("Stop all", "stop"), ("start", "start"),
     ("UNSTOP", "start"), ("help?", "help"), ("Can I stop by at 3?", ""), ("Please start him on pills", ""),
     ("yes", ""), ("", ""), ("cancel my visit", "")],
)  # fmt: skip
def test_what_a_reply_asks_for(body, what):
    assert meaning(body) == what


def test_twilios_own_word_counts():
    assert meaning("ARRET", "STOP") == "stop" and meaning("oui", "START") == "start"


def test_the_account_is_sealed_masked_and_tried(clinic, monkeypatch):
    by = clinic.actor("adam")
    with pytest.raises(NoTextAccount):
        text_account.send_test(NUMBER, by=by)
    for wrong in (("x", TOKEN, SENDER), (SID, "", SENDER), (SID, TOKEN, "12"), (SID, "a b" * 8, SENDER)):
        with pytest.raises(BadTextAccount):
            text_account.save_account(*wrong, by=by)
    set_up(clinic)
    found = text_account.text_account(by=by)
    assert found.account == "AC11…1111" and TOKEN not in repr(found)
    with pytest.raises(BadTextAccount):
        text_account.save_account("AC" + "2" * 32, "", SENDER, by=by)  # another account needs its own token
    with pytest.raises(NotPermitted):
        text_account.save_account(SID, TOKEN, SENDER, by=clinic.actor("sam"))
    with read(clinic.id) as session:
        [kept] = session.scalars(select(ClinicSecret.body).where(ClinicSecret.name == "sms"))
        assert TOKEN.encode() not in kept
        assert not any(TOKEN in row for row in session.scalars(select(AuditLog.detail)))
    with service(monkeypatch) as server:
        assert "took the message" in text_account.send_test("(555) 010-4477", by=by, key="k")
        text_account.send_test("(555) 010-4477", by=by, key="k")
        assert len(server.got) == 1 and "To=%2B15550104477" in server.got[0]
        text_account.save_account("", "w" * 32, SENDER, by=by)
        with pytest.raises(TextNotTaken, match="does not let us in"):
            text_account.send_test(NUMBER, by=by)
    text_account.forget_account(by=by)
    assert text_account.text_account(by=by) is None


def test_the_pages_open_and_never_show_the_token(sqlite_clinic, monkeypatch):
    page = opened(sqlite_clinic, "adam", "settings/text_messages.py")
    assert "No account is set" in told(page)
    page.text_input(key="sms_account_0").set_value(SID)
    page.text_input(key="sms_token_0").set_value(TOKEN)
    page.text_input(key="sms_sender_0").set_value(SENDER)
    page.button(key="sms_save").click().run()
    assert not page.exception and not page.error
    assert TOKEN not in told(page) and SID not in told(page) and "AC11" in told(page)
    assert page.code[0].value.endswith(f"/texts/{slug(sqlite_clinic)}")
    monkeypatch.delenv("BALLAST_SMTP_URL", raising=False)
    assert "No mail server is set" in told(opened(sqlite_clinic, "adam", "settings/mail.py"))
