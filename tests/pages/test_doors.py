"""The doors in a real browser: signing in with a name and password, and where a deep link leads."""

import pytest

from tests.conftest import PASSWORD
from tests.window import settled


def sign_in(page, name):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Login").click()


@pytest.mark.browser
def test_a_deep_link_survives_the_sign_in_and_no_script_sets_a_cookie(browser):
    page = browser(path="/flow")
    assert page.url.endswith("/?next=/flow")
    sign_in(page, "sam")
    page.get_by_test_id("stSidebarContent").wait_for()
    page.wait_for_url("**/flow")
    ours = {cookie["name"]: cookie for cookie in page.context.cookies() if cookie["name"] != "_streamlit_xsrf"}
    assert set(ours) == {"ballast_browser", "ballast_session"}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in ours.values())
    assert page.problems == []


@pytest.mark.browser
def test_a_wrong_password_says_one_sentence_and_names_nothing(browser):
    page = browser()
    sign_in(page, "nobody-here")
    page.get_by_text("do not fit together").wait_for()
    assert page.problems == []


@pytest.mark.browser
def test_a_session_that_was_ended_elsewhere_blanks_the_page_without_a_click(browser, served):
    from security import sessions

    page = browser("clara")
    page.get_by_text("Clara Chen").first.wait_for()
    with served.clinic():
        token = next(c["value"] for c in page.context.cookies() if c["name"] == "ballast_session")
        sessions.sign_out(token)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_label("Username").wait_for(timeout=20_000)
    assert page.get_by_text("Clara Chen").count() == 0


@pytest.mark.browser
def test_two_minutes_before_the_end_a_person_is_warned_and_can_stay(browser, served):
    from datetime import timedelta

    from sqlalchemy import select

    from data.models import UserSession
    from data.session import write
    from data.types import clock
    from security.sessions import fingerprint

    page = browser("mona")
    settled(page, 800)  # its last run counts as input too
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "ballast_session")
    with served.clinic() as clinic, write(clinic.id) as session:
        row = session.scalars(select(UserSession).where(UserSession.token_hash == fingerprint(token))).one()
        row.last_input_at = clock.now() - timedelta(minutes=28, seconds=30)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_text("You will be signed out in").wait_for(timeout=20_000)
    page.get_by_role("button", name="Stay signed in").click()
    page.get_by_text("You will be signed out in").wait_for(state="detached", timeout=20_000)
