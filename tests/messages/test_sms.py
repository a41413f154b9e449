"""Text messages over HTTP: each in the state that is true of it, whatever the service answers."""

import base64
import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import httpx
import pytest
from sqlalchemy import select

from campaigns import launch, sending
from data.models import CampaignRun
from data.session import read, write
from data.types import clock
from messages import delivery, sms
from security import audit
from security.actor import Actor
from security.clinic_secrets import keep_secret
from tests.campaigns.reach import by_state, furnished, rows

ACCOUNT = {"account": "AC1", "token": "t0ken", "sender": "+15550100"}
PEOPLE = [(name, "") for name in ("Amy", "Bea", "Cal")]


@contextmanager
def fake():
    """A loopback Twilio: ``answers`` by the last digits of the number; ``got`` is what it accepted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            signed = self.headers["Authorization"] == "Basic " + base64.b64encode(b"AC1:t0ken").decode()
            status, told = self.server.answers.get(form["To"][-1], (201, {"sid": "SM1"}))
            if not signed:
                status, told = 401, {"code": 20003, "message": "Authenticate"}
            if status in (201, 0):
                self.server.got.append(form | {"path": self.path})
            if status == 0:
                self.server.over.wait(3)
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.got, server.over = {}, [], threading.Event()
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def twilio(monkeypatch):
    with fake() as server:
        monkeypatch.setenv("BALLAST_SMS_AT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(sms, "TIMEOUT", httpx.Timeout(0.5))
        yield server


def set_up(clinic, account=ACCOUNT):
    with write(clinic.id) as session:
        keep_secret(session, "sms", json.dumps(account))
        audit.append(session, Actor.operator(clinic.id), "secret.kept", "clinic", "", {})


@contextmanager
def launched(clinic, monkeypatch):
    texts = {"channels": ["email", "sms"], "templates": {"email": "hello", "sms": "hello-sms"}}
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    with furnished(clinic, monkeypatch, PEOPLE, **texts):
        launch.launch("news", key="k", by=Actor.operator(clinic.id))
        yield


def test_who_has_no_mail_gets_a_text_and_it_names_the_account(clinic, monkeypatch, twilio):
    set_up(clinic)
    with launched(clinic, monkeypatch):
        assert delivery.deliver(clinic.id, "w") == {}
        sms.deliver(clinic.id, "w")
        sending.tend(clinic.id)
        assert by_state(clinic) == {"sent": 3}
        assert {form["To"] for form in twilio.got} == {f"+1555010000{n}" for n in range(3)}
        assert {form["From"] for form in twilio.got} == {"+15550100"}
        assert twilio.got[0]["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
        assert any(form["Body"].startswith("Dear Amy") for form in twilio.got)


def test_each_answer_has_its_state(sqlite_clinic, monkeypatch, twilio):
    clinic = sqlite_clinic
    set_up(clinic)
    twilio.answers = {
        "0": (429, {"code": 20429, "message": "Too Many Requests"}),
        "1": (400, {"code": 21211, "message": "Invalid 'To' Phone Number"}), "2": (0, {}),
    }  # fmt: skip
    with launched(clinic, monkeypatch):
        sms.deliver(clinic.id, "w")
        found = {row.recipient[-1]: row for row in rows(clinic)}
        assert (found["0"].state, found["1"].state, found["2"].state) == ("deferred", "failed", "sending")
        assert "21211" in found["1"].reply
        clock.set(clock.now() + timedelta(minutes=6))
        delivery.settle_expired(clinic.id)
        assert {row.recipient[-1]: row.state for row in rows(clinic)}["2"] == "uncertain"
        twilio.answers = {}
        launch_paused(clinic)
        sms.deliver(clinic.id, "w")
        assert by_state(clinic) == {"sent": 1, "failed": 1, "uncertain": 1}
        assert len([form for form in twilio.got if form["To"].endswith("2")]) == 1, "what may have arrived goes once"


def launch_paused(clinic):
    """Resume what the hanging service has paused."""
    with read(clinic.id) as session:
        run = session.scalars(select(CampaignRun)).one()
    launch.resume(run.id, by=Actor.operator(clinic.id))


@pytest.mark.parametrize("strange", [[], "busy", None, [[[]]], {"code": [1], "message": {"a": 1}}])
def test_an_answer_of_another_shape_leaves_no_message_in_doubt(sqlite_clinic, monkeypatch, twilio, strange):
    """A list where an object belongs ended the worker's round, and what was being sent stood there as uncertain."""
    clinic = sqlite_clinic
    set_up(clinic)
    twilio.answers = {digit: (503, strange) for digit in "012"}
    with launched(clinic, monkeypatch):
        sms.deliver(clinic.id, "w")
        assert by_state(clinic) == {"deferred": 3}


def test_a_refused_sign_in_pauses_the_run(sqlite_clinic, monkeypatch, twilio):
    set_up(sqlite_clinic, ACCOUNT | {"token": "wrong"})
    with launched(sqlite_clinic, monkeypatch):
        sms.deliver(sqlite_clinic.id, "w")
        assert by_state(sqlite_clinic) == {"pending": 3}
        with read(sqlite_clinic.id) as session:
            run = session.scalars(select(CampaignRun)).one()
        assert run.state == "paused" and "does not let us in" in run.reason


def test_a_launch_by_text_is_blocked_until_the_account_is_set(sqlite_clinic, monkeypatch):
    texts = {"channels": ["sms"], "templates": {"sms": "hello-sms"}}
    with furnished(sqlite_clinic, monkeypatch, PEOPLE, **texts):
        found = launch.check("news", by=Actor.operator(sqlite_clinic.id))
        assert "sms" in {problem.what for problem in found if problem.blocks}


@pytest.mark.parametrize(
    ("typed", "whole"), [("(555) 010-0199", "+15550100199"), ("+44 20 7946 0018", "+442079460018"),
                         ("1-555-010-0199", "+15550100199")]
)  # fmt: skip
def test_a_number_as_people_write_it(typed, whole):
    assert sms.number_of(typed) == whole


@pytest.mark.parametrize("typed", ["", "12345", "x", "+1", "5" * 20])
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(ValueError):
        sms.number_of(typed)
