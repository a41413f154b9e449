"""The frame of every page in a real browser: who is signed in, no errors in the console, nothing overlapping."""

import pytest


@pytest.mark.slow
@pytest.mark.browser
def test_a_signed_in_person_sees_the_clinic_and_their_name(browser):
    page = browser("sam")
    page.get_by_text("Harbor Spay & Neuter").first.wait_for()
    page.get_by_text("Sam Stone").first.wait_for()
    assert page.title() in ("Ballast", "Home")
    assert page.problems == []


@pytest.mark.slow
@pytest.mark.browser
def test_the_facts_stand_below_the_title(browser):
    page = browser("sam")
    title = page.locator(".st-key-page_title h1")
    title.wait_for()
    facts = page.locator(".st-key-page_title [data-testid=stCaptionContainer]")
    if facts.count():
        assert facts.bounding_box()["y"] >= title.bounding_box()["y"] + title.bounding_box()["height"] - 1


@pytest.mark.slow
@pytest.mark.browser
def test_signing_out_ends_the_session_and_leads_to_the_sign_in_page(browser, served):
    page = browser("sam")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Username").wait_for()
    assert not any(cookie["name"] == "ballast_session" for cookie in page.context.cookies())


@pytest.mark.slow
@pytest.mark.browser
def test_a_page_that_a_role_does_not_open_says_so_and_shows_nothing_of_it(browser):
    page = browser("sam", "/audit-log")
    page.get_by_text("Your role does not include this page.").wait_for()
    assert page.url.endswith("/audit-log")
    assert page.get_by_role("heading", name="This page is not open to you").count() == 1
    assert page.get_by_text("in a chain that shows tampering").count() == 0
    page.get_by_test_id("stMainBlockContainer").get_by_role("link", name="Go to Home").click()
    page.wait_for_url("**/")
    assert page.problems == []
