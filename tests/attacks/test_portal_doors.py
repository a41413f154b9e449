"""The portal from outside: other clinics, other people's codes, what cookies may do, how long answers take."""

from __future__ import annotations

import time

import pytest

from data.session import read
from security.clinics import NewClinic, create_clinic
from tests.web import test_portal
from tests.web.test_portal import HOME, MAIL, browser, newest_code, send, signed_in, someone
from web.portal import app as portal

_fresh, dana = test_portal._fresh, test_portal.dana


def test_a_session_and_a_code_are_of_one_clinic_and_one_address(sqlite_clinic, dana):
    create_clinic(NewClinic("other", "Other"))
    window = signed_in(sqlite_clinic)
    _, invoice = dana
    for path in ("invoices", f"invoices/{invoice}", f"invoices/{invoice}/receipt", "statement", "who"):
        for slug in ("other", "HARBOR", "harbor%20", "harbor%00", "..%2fharbor"):
            answer = browser(cookies=dict(window.cookies)).get(f"/portal/{slug}/{path}")
            assert answer.status_code in (303, 404) and "123.00" not in answer.text, (slug, path)
    someone(sqlite_clinic, "eve@example.org", "Something else", 700)
    send(window, f"{HOME}/out", on=f"{HOME}/invoices")
    eve, mail = browser(), browser()
    send(eve, HOME, email="eve@example.org")
    send(mail, HOME, email=MAIL)
    assert send(eve, f"{HOME}/code", code=newest_code(sqlite_clinic)).status_code == 400, "the code of another address"
    taken = {"ballast_portal_mail": mail.cookies["ballast_portal_mail"]}
    elsewhere = browser(cookies=taken).get("/portal/other/code")
    assert elsewhere.status_code == 303, "an address that was typed at another clinic"


def test_cookies_are_bound_to_the_host_and_hidden_from_scripts_and_an_address_is_not_readable(sqlite_clinic, dana):
    window = browser()
    window.base_url = "https://localhost"
    asked = send(window, HOME, email=MAIL)
    entered = send(window, f"{HOME}/code", code=newest_code(sqlite_clinic))
    for answer in (asked, entered):
        for flags in answer.headers.get_list("set-cookie"):
            assert flags.startswith("__Host-ballast_portal") and "domain" not in flags.lower(), flags
            assert all(word in flags for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/")), flags
            assert MAIL not in flags and "dana" not in flags.lower()
        assert MAIL not in answer.headers["location"] and "code=" not in answer.headers["location"]
    with read(sqlite_clinic.id):
        assert window.get(f"{HOME}/invoices").status_code == 200


@pytest.mark.slow
def test_known_and_unknown_addresses_are_answered_after_the_same_time(sqlite_clinic, dana, monkeypatch):
    monkeypatch.setattr(portal, "ANSWER_TAKES", 0.3)
    took = []
    for path, email in ((HOME, MAIL), (HOME, "nobody@example.org"), ("/portal/no-such", MAIL)):
        window = browser()
        for step, fields in (("", {"email": email}), ("/code", {"code": "0000 0000"})):
            token = test_portal.field(window.get(path + step))
            began = time.monotonic()
            window.post(path + step, data={"form": token, **fields})
            took.append(time.monotonic() - began)
    assert min(took) >= 0.3, took


def test_what_no_database_takes_is_answered_as_an_unknown_clinic_or_address(clinic):
    someone(clinic, MAIL)
    for path, email in (("/portal/%00", MAIL), ("/portal/harbor%00", MAIL), (HOME, "dana@example.org\0")):
        window = browser()
        assert send(window, path, email=email).status_code == 303, path
        assert window.get(f"{path}/invoices").status_code == 303
    assert newest_code(clinic) is None
