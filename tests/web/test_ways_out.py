"""The link in a message: anybody who has it may leave, nobody learns anything by it, and no program needs a cookie."""

from __future__ import annotations

import re
import secrets

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from data.models import Suppression
from data.session import read
from security import settings
from security.clinics import NewClinic, create_clinic
from security.profile import ClinicProfile
from tests.campaigns.test_consents import MAIL, a_client, link, stop, why
from web import ways_out
from web.routes import middleware, routes


@pytest.fixture(autouse=True)
def _fresh():
    ways_out.UNKNOWN.clear()
    ways_out.ONE_LINK.clear()


def browser(address="127.0.0.1", **more):
    ways = [route for route in routes if getattr(route, "path", "").startswith("/u/")]
    app = Starlette(routes=ways, middleware=middleware)
    return TestClient(app, base_url="http://localhost", client=(address, 5000), follow_redirects=False, **more)


def suppressions(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None))).all()


def test_looking_changes_nothing_and_one_click_leaves(clinic):
    client, window, path = a_client(clinic, "marketing"), browser(), f"/u/{link(clinic)}"
    for method in ("get", "head"):
        answer = getattr(window, method)(path)
        assert answer.status_code == 200 and not suppressions(clinic)
        assert "set-cookie" not in answer.headers and answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in answer.headers["content-security-policy"]
    shown = window.get(path).text
    assert "Harbor Spay" in shown and "<script" not in shown and MAIL.lower() not in shown.lower()
    for _ in range(2):
        clicked = window.post(path, data={"List-Unsubscribe": "One-Click"})
        assert clicked.status_code == 200 and "set-cookie" not in clicked.headers
    assert "You are unsubscribed" in window.get(path).text
    assert why(clinic, client) == "unsubscribed" and why(clinic, client, purpose="reminder") == ""
    assert len(suppressions(clinic)) == 1
    multipart = browser().post(f"/u/{link(clinic, 'b@example.org')}", files={"List-Unsubscribe": (None, "One-Click")})
    assert multipart.status_code == 200 and len(suppressions(clinic)) == 2


def test_the_button_and_the_choices_do_the_same_without_a_script(sqlite_clinic):
    client, window, path = a_client(sqlite_clinic, "marketing"), browser(), f"/u/{link(sqlite_clinic)}"
    action = re.search(r'<form method="post" action="([^"]+)"', window.get(path).text)[1]
    assert window.post(action, data={"leave": "1"}).headers["location"] == path
    assert why(sqlite_clinic, client) == "unsubscribed"
    chosen = window.get(f"{path}/choices").text
    assert re.search(r'name="marketing" value="1">', chosen) and 'name="reminders" value="1" checked>' in chosen
    assert window.post(f"{path}/choices", data={"marketing": "1"}).status_code == 303
    assert why(sqlite_clinic, client) == "" and why(sqlite_clinic, client, purpose="reminder") == "unsubscribed"
    stop(sqlite_clinic, "email", "everything", "bounced")
    assert window.get(f"{path}/choices").text.count("disabled") == 2
    before = len(suppressions(sqlite_clinic))
    window.post(f"{path}/choices", data={})
    assert len(suppressions(sqlite_clinic)) == before


def test_what_is_no_link_gets_one_answer_whatever_exists(sqlite_clinic):
    a_client(sqlite_clinic, "marketing")
    good, window = link(sqlite_clinic), browser()
    other = create_clinic(NewClinic("other", "Other"))
    forged = [
        good[:-1] + ("A" if good[-1] != "A" else "B"), good[:30], good + "AAAA", secrets.token_urlsafe(65),
        "x", "%00", "%2e%2e", "<script>alert(1)</script>", "é" * 20, "A" * 5_000, good.swapcase(),
    ]  # fmt: skip
    answers = {(a.status_code, a.text) for token in forged for a in (window.get(f"/u/{token}"),) if a.text}
    assert len(answers) == 1 and next(iter(answers))[0] == 404
    assert "Harbor" not in next(iter(answers))[1]
    for token in forged:
        assert window.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert not suppressions(sqlite_clinic) and other
    for _ in range(ways_out.UNKNOWN.most):
        window.get("/u/guess")
    assert window.get("/u/guess").status_code == 429
    assert window.get(f"/u/{good}").status_code == 200, "who has a link is not kept out by a neighbour who guesses"
    assert window.post(f"/u/{good}", content=b"x" * 10_000).status_code == 413


def test_a_clinics_name_is_text_and_a_link_asks_no_more_often_than_people_do(sqlite_clinic):
    by = sqlite_clinic.actor("olive")
    name = '<img src=x onerror="alert(1)">'
    settings.save_definition("clinic-profile", "clinic", ClinicProfile(legal_name=name), expected=0, by=by)
    window, path = browser(), f"/u/{link(sqlite_clinic)}"
    shown = window.get(f"{path}?r=%22%3E%3Cscript%3E").text
    assert "<img" not in shown and "&lt;img" in shown and "<script" not in shown
    for _ in range(ways_out.ONE_LINK.most):
        window.get(path)
    assert window.get(path).status_code == 429
    other = link(sqlite_clinic, "other@example.org")
    assert browser("127.0.0.1").get(f"/u/{other}").status_code == 200
