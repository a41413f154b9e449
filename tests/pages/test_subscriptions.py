"""Subscriptions on screen: from a report to what goes out in a few choices, what will happen in words, and the log."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

import worker
from data.errors import NotPermitted
from data.models import User
from data.session import write
from data.types import clock
from reports import dashboards, deliveries, schedules
from reports.dashboards import Dashboard, Narrowing, Tile
from reports.schedules import Only, Schedule, save_schedule, subscription
from reports.when import When
from tests import inbox as inboxes
from tests.reports.small_clinic import Small
from tests.screen import opened, told
from worker import Worker

MONDAY = datetime(2026, 5, 4, 10, 59, tzinfo=UTC)
LIST, ONE, SET_UP = (f"reporting/{page}.py" for page in ("subscriptions", "subscription", "subscribe"))


@pytest.fixture
def furnished(sqlite_clinic, monkeypatch):
    clock.set(MONDAY)
    monkeypatch.setattr(worker, "RECURRING", {})
    with write(sqlite_clinic.id) as session:
        for user in session.scalars(select(User)):
            user.email = f"{user.username}@example.org"
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        sqlite_clinic.inbox = box
        yield sqlite_clinic


def kept(clinic, **values):
    body = {"title": "Missed visits", "report": "no-show-rate", "when": When(every="weekday"),
            "people": [clinic.users["olive"]], "addresses": ["books@example.com"]} | values  # fmt: skip
    return save_schedule(Schedule(**body), by=clinic.actor("adam"))


def html(at):
    return " ".join(block.proto.body for block in at.get("html"))


def test_a_subscription_is_set_up_from_a_report_and_says_what_will_happen(furnished):
    at = opened(furnished, "adam", "reporting/report.py", name="revenue-by-service")
    at.button(key="subscribe").click().run()
    assert not at.exception and at.selectbox(key="sub_what").value == "report:revenue-by-service"
    at = opened(furnished, "adam", SET_UP, report="revenue-by-service")  # the bench forgets the address of the click
    at.selectbox(key="sub_preset").select("last_month").run()
    at.selectbox(key="sub_every").select("month").run()
    at.selectbox(key="sub_day").select(31).run()
    at.time_input(key="sub_at").set_value(time(6, 30)).run()
    at.multiselect(key="sub_people").set_value([furnished.users["olive"], furnished.users["sam"]]).run()
    at.selectbox(key="sub_rule").select("under").run()
    at.selectbox(key="sub_number").select("revenue").run()
    at.number_input(key="sub_limit").set_value(1250.5).run()
    at.checkbox(key="sub_protect").check().run()
    assert "On the 31st of each month, or on the last day where there is none, at 6:30" in told(at).replace("\\", "")
    assert "Sun, May 31, 6:30" in html(at).replace("\u202f", " ").replace("\xa0", " ")
    assert "Olive Owens" in html(at) and "Sam Stone: nothing, as they may not see money in reports" in html(at)
    at.button(key="save_subscription").click().run()
    assert "Enter the password of the PDF" in told(at)
    at.text_input(key="subscription_password").set_value("otter-copper-94").run()
    at.button(key="save_subscription").click().run()
    assert not at.error and not at.exception
    [card] = schedules.subscriptions(by=furnished.actor("adam"))
    one = card.schedule
    assert (one.when, one.preset) == (When(every="month", days=[0], day=31, at="06:30"), "last_month")
    assert one.only == Only(rule="under", number="revenue", value=125_050)
    assert one.run_as == furnished.users["adam"] and schedules.password_of(one) == "otter-copper-94"
    page = opened(furnished, "adam", ONE, name=card.name)
    assert "Only if revenue is below $1,250.50" in html(page) and "PDF with a password" in html(page)


def test_what_was_chosen_comes_back_and_a_change_keeps_the_password(furnished):
    name = kept(furnished, format="pdf", only=Only(rule="over", number="rate_of_arrivals", value=0.125))
    save_schedule(
        subscription(name, by=furnished.actor("adam")).schedule, name=name, password="otter-copper-94",
        by=furnished.actor("adam"),
    )  # fmt: skip
    at = opened(furnished, "adam", SET_UP, name=name)
    assert at.number_input(key="sub_limit").value == 12.5
    assert at.multiselect(key="sub_outside").value == ["books@example.com"]
    at.text_input(key="sub_subject").set_value("As every morning").run()
    at.text_input(key="sub_title").set_value("Missed").run()
    again = opened(furnished, "adam", SET_UP, name=name)
    assert again.text_input(key="sub_subject").value == "As every morning"
    again.button(key="save_subscription").click().run()
    card = subscription(name, by=furnished.actor("adam"))
    assert (card.schedule.title, card.schedule.subject, card.number) == ("Missed", "As every morning", 3)
    assert card.schedule.only.value == 0.125 and schedules.password_of(card.schedule) == "otter-copper-94"


def test_a_dashboard_goes_out_with_its_filters(furnished):
    tile = Tile(id="t1", report="surgeries", show="number", number="surgeries")
    species = Narrowing(field="patient.species", label="Species")
    board = dashboards.save_dashboard(
        Dashboard(title="Day", tiles=[tile], filters=[species]), by=furnished.actor("adam")
    )
    Small(furnished).surgery("2026-05-01T14:00", 20)
    at = opened(furnished, "adam", SET_UP, board=board)
    assert at.button_group(key="sub_format").options == ["PDF", "Excel"]
    at.multiselect(key=f"sub_narrow_{board}_0").set_value(["dog"]).run()
    at.button(key="save_subscription").click().run()
    [card] = schedules.subscriptions(by=furnished.actor("adam"))
    assert (card.schedule.dashboard, card.schedule.params) == (board, {"patient.species": ["dog"]})


def test_the_page_of_one_tells_its_runs_and_sends_one_to_oneself(furnished):
    name = kept(furnished)
    at = opened(furnished, "adam", ONE, name=name)
    assert "It has not gone out yet" in told(at) and "books@example.com" in html(at)
    box = furnished.inbox
    at.button(key="send_now").click().run()
    Worker().round()
    assert [mail.rcpt_tos for mail in box.mails] == [["adam@example.org"]]
    box.reply = "550 no such mailbox"
    clock.set(MONDAY + timedelta(minutes=1))
    Worker().round()
    at.run()
    assert "Not delivered" in html(at) and "550 no such mailbox" in html(at)
    run = deliveries.log(name, by=furnished.actor("adam"))[0]
    box.reply = None
    at.button(key=f"again-{run.mails[0].message}").click().run()
    Worker().round()
    at.run()
    assert len(box.mails) == 2
    assert "Sent, 1 of 2 not delivered" in html(at) and "asked for" in html(at) and not at.exception


def test_a_subscription_rests_is_removed_and_put_back(furnished):
    name = kept(furnished)
    at = opened(furnished, "adam", ONE, name=name)
    at.button(key="pause_subscription").click().run()
    assert "Paused" in told(at) and not at.exception
    at.button(key="resume_subscription").click().run()
    at.button(key="remove_subscription").click().run()
    assert "goes out no longer" in told(at)
    at.button(key="remove_subscription").click()  # the bench runs whole pages, so the dialog is opened again
    at.button(key="remove_subscription_yes").click().run()
    assert schedules.subscriptions(by=furnished.actor("adam")) == []
    at = opened(furnished, "adam", LIST)
    assert "Nothing goes out by itself yet" in told(at)
    at.button(key=f"restore_subscription_{name}").click().run()
    assert [one.name for one in schedules.subscriptions(by=furnished.actor("adam"))] == [name]
    assert "Every weekday at 7:00" in told(at).replace("\\", "") and not at.exception
    versions = opened(furnished, "adam", "reporting/versions.py", subscription=name)
    assert "put back" in told(versions) and not versions.exception


def test_who_may_not_mail_reports_sees_no_way_to_it(furnished):
    kept(furnished)
    at = opened(furnished, "mona", "reporting/report.py", name="no-show-rate")
    assert not [one for one in at.button if one.key == "subscribe"]
    with pytest.raises(NotPermitted):
        schedules.subscriptions(by=furnished.actor("mona"))
