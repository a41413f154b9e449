"""Campaigns on screen: set up, looked over, launched once, watched, paused, and what they brought."""

import pytest

from campaigns import runs, shelf
from campaigns.settings import CAMPAIGN
from data.models import Client, Job
from data.session import write
from data.types import clock
from pages.components import campaign_check
from security import audit
from security.actor import Actor
from tests import inbox as inboxes
from tests.campaigns.launched import book, launched
from tests.campaigns.reach import furnished
from tests.screen import opened, told

LIST, ONE = "campaigns/campaigns.py", "campaigns/campaign.py"


@pytest.fixture
def reachable(sqlite_clinic, monkeypatch):
    with inboxes.serving() as (_, url), furnished(sqlite_clinic, monkeypatch, [("Amy", "a@example.org"), ("Bea", "")]):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        monkeypatch.setattr(campaign_check, "PATIENCE", 30)
        yield sqlite_clinic


def test_a_campaign_is_set_up_looked_over_launched_once_and_paused(reachable):
    by = Actor.operator(reachable.id)
    at = opened(reachable, "adam", ONE)
    assert not at.exception
    at.button(key="save_campaign").click().run()
    assert "Choose whom to write to" in told(at)
    at.text_input(key="campaign::label").set_value("Spring news").run()
    at.selectbox(key="campaign::segment").select("all").run()
    at.selectbox(key="campaign::a_email").select("hello").run()
    at.button(key="save_campaign").click().run()
    assert not at.exception
    saved = shelf.one(CAMPAIGN, "spring-news", by=by).document
    assert (saved.segment, saved.templates, saved.when.active) == ("all", {"email": "hello"}, False)

    at = opened(reachable, "adam", ONE, name="spring-news", view="check")
    assert not at.exception and [one.value for one in at.metric] == ["1", "1"]
    assert "Dear Amy, come and see us" in at.code[0].value, "as the first recipient gets it"
    with write(reachable.id) as session:
        session.query(Client).filter_by(first_name="Bea").one().search = " bea vane "
    at.text_input(key="seen_find").set_value("bea").run()
    assert "gets nothing: no e-mail address" in told(at).replace("\\", "")
    at.text_input(key="seen_find").set_value("").run()
    assert "Nothing stands against a launch" in told(at)
    assert "no e-mail address" in " ".join(one.value for one in at.text)
    at.button(key="launch_open").click().run()
    at.button(key="launch_open").click()  # the bench draws a dialog only in the run that opens it
    at.button(key="launch_go").click().run()
    assert not at.exception
    [run] = runs.runs_of("spring-news", by=by)
    assert (run.meant, run.audience) == (1, 2) and run.is_open
    at = opened(reachable, "adam", ONE, name="spring-news")
    at.text_input(key="pause_why").set_value("the phone is down").run()
    at.button(key="pause_go").click().run()
    assert not at.exception and runs.run(run.id, by=by).state == "paused"
    at = opened(reachable, "adam", LIST)
    assert not at.exception and "the phone is down" in told(at)
    at = opened(reachable, "adam", ONE, name="spring-news")
    at.button(key="resume_go").click().run()
    assert runs.run(run.id, by=by).state in ("running", "waiting")


def test_one_comes_from_a_segment_and_a_template_and_what_was_written_stays(reachable):
    at = opened(reachable, "adam", ONE)
    at.text_input(key="campaign::label").set_value("Spring").run()
    at = opened(reachable, "adam", ONE, segment="all")
    assert [at.text_input(key="campaign::label").value, at.selectbox(key="campaign::segment").value] == [
        "Spring",
        "all",
    ]
    at = opened(reachable, "adam", ONE, template="hello-sms")
    assert at.selectbox(key="campaign::segment").value == "all"
    assert at.multiselect(key="campaign::channels").value == ["sms"]
    assert at.selectbox(key="campaign::a_sms").value == "hello-sms"
    at.button(key="save_campaign").click().run()
    assert shelf.one(CAMPAIGN, "spring", by=Actor.operator(reachable.id)).document.templates == {"sms": "hello-sms"}


def test_what_did_not_go_out_by_itself_says_so_everywhere_and_goes_with_one_button(reachable):
    by = Actor.operator(reachable.id)
    news = shelf.one(CAMPAIGN, "news", by=by).document
    daily = news.model_copy(update={"when": news.when.model_copy(update={"kind": "recurring", "active": True})})
    shelf.keep(CAMPAIGN, daily, slug="news", by=by)
    day = clock.today("America/New_York")
    with write(reachable.id) as session:
        session.add(Job(
            kind="campaign", dedupe_key=f"campaign:news:{day.isoformat()}", state="failed", due_at=clock.now(),
            payload={"campaign": "news", "day": day.isoformat(), "due": 0}, error="News cannot be launched: no server.",
        ))  # fmt: skip
        session.flush()
        audit.append(session, by, "test.changed", "", "", {})
    assert "no server" in told(opened(reachable, "adam", LIST)).replace("\\", "")
    [alert] = [one for one in not_launched(reachable) if "did not go out" in one]
    assert "News did not go out on" in alert and "no server." in alert
    at = opened(reachable, "adam", ONE, name="news")
    assert "no server" in told(at).replace("\\", "")
    at.button(key="launch_failed_day").click().run()
    assert not at.exception
    [run] = runs.runs_of("news", by=by)
    assert run.day == day and run.is_open
    at = opened(reachable, "adam", ONE, name="news")
    assert "did not go out" not in told(at) and "launch_open" not in [one.key for one in at.button]


def not_launched(clinic):
    return [str(component.proto.json) for component in opened(clinic, "adam", "home/home.py").get("bidi_component")]


def test_the_outcome_says_what_the_hold_out_tells_and_the_log_why(reachable):
    people = [("sent", "a", "")] * 80 + [("held_out", "hold", "")] * 80 + [("excluded", "", "unsubscribed")]
    run_id, ids = launched(reachable, people, slug="news", hold_out_percent=50)
    began = runs.run(run_id, by=Actor.operator(reachable.id)).began_at
    for one in (*ids[:40], *ids[80:92]):
        book(reachable, one, began)
    at = opened(reachable, "adam", ONE, name="news")
    at.segmented_control[0].set_value("outcome").run()
    assert not at.exception
    words = told(at).replace("\\", "")
    assert "40 of 80 who were written to booked a visit (50.0%); of 80 held out, 12 (15.0%)" in words
    assert "Visits: better" in words and "about 28 visits more than without it" in words
    assert "Invoices: too few to tell" in words and "comes about by chance too" in words
    at.segmented_control[0].set_value("log").run()
    assert not at.exception and "Kim0 Vane" in " ".join(block.proto.body for block in at.get("html"))
    at.selectbox(key=f"log_state_{run_id}").select("excluded").run()
    assert "Unsubscribed" in " ".join(block.proto.body for block in at.get("html"))
