"""Segments and templates as pages: what they begin with, what they count and show, what they keep."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns import shelf, starting
from campaigns.settings import SEGMENT, TEMPLATE, Segment, Template
from data.models import OutboxMessage, User
from data.session import read, write
from messages.outbox import content_of
from security import audit
from security.actor import Actor
from tests.reports import small_clinic
from tests.screen import opened, told


@pytest.fixture
def small(sqlite_clinic):
    return small_clinic.Small(sqlite_clinic)


def widget(found, label):
    return next(one for one in found if one.label == label)


def test_a_segment_is_begun_counted_saved_and_listed(small):
    clinic = small.clinic
    owner = small.client("Rivera", email="kim@example.org")
    small.patient(owner, "cat", name="Milo")
    small.patient(small.client("Stone"), "dog", name="Rex")
    page = opened(clinic, "adam", "campaigns/segments.py")
    assert "Due within 30 days" in str([one.label for one in page.get("page_link")]) or "agreed to" in told(page)
    like = [one.label for one in starting.segments("veterinary")].index("Agreed to news by e-mail")
    page = opened(clinic, "adam", "campaigns/segment.py", like=str(like))
    assert "Nobody fits" in told(page)
    page = opened(clinic, "adam", "campaigns/segment.py", like="")
    widget(page.selectbox, "About").select("patient").run()
    widget(page.button, "Add a test").click().run()
    widget(page.selectbox, "Field").select("species").run()
    widget(page.multiselect, "What Species is compared with").set_value(["cat"]).run()
    assert [metric.value for metric in page.metric][:2] == ["1", "1"]
    assert "Milo" in told(page) and "Rex" not in told(page)
    widget(page.text_input, "Name").set_value("Cats").run()
    widget(page.button, "Save segment").click().run()
    [kept] = shelf.every(SEGMENT, by=clinic.actor("adam"))
    assert (kept.slug, kept.document.entity, len(kept.document.filters)) == ("cats", "patient", 1)
    page = opened(clinic, "adam", "campaigns/segments.py")
    assert "1 client, 1 patient" in told(page).replace("\\", "")


def test_a_stretch_away_from_today_is_chosen_in_words(small):
    by = small.clinic.actor("adam")
    tests = [{"field": "last_day", "op": "within", "value": "11_to_13_months_ago"}]
    slug = shelf.keep(SEGMENT, Segment(label="A year ago", entity="service_had", filters=tests), by=by)
    page = opened(small.clinic, "adam", "campaigns/segment.py", name=slug)
    assert [one.value for one in page.number_input] == [11, 13]
    page.number_input[1].set_value(14).run()
    widget(page.button, "Save segment").click().run()
    assert shelf.one(SEGMENT, slug, by=by).document.filters[0].value == "11_to_14_months_ago"


def test_a_segment_of_a_field_that_is_gone_says_so_and_can_be_mended(small):
    by = small.clinic.actor("adam")
    tests = [{"field": "own_gone", "op": "is", "value": True}, {"field": "city", "op": "in", "value": ["Troy"]}]
    slug = shelf.keep(SEGMENT, Segment(label="Gone", filters=tests), by=by)
    assert "no longer there" in told(opened(small.clinic, "adam", "campaigns/segments.py"))
    page = opened(small.clinic, "adam", "campaigns/segment.py", name=slug)
    assert "asks about 'gone'" in told(page) and len(page.selectbox) >= 3


def test_a_template_is_seen_as_a_client_gets_it_and_sent_to_oneself(small):
    clinic = small.clinic
    by = clinic.actor("adam")
    owner = small.client("Rivera", first_name="Kim", search=" rivera kim ")
    small.patient(owner, "cat", name="Milo")
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, clinic.users["adam"])).email = "adam@example.org"
        session.flush()
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})
    one = Template(label="Hi", subject="Hello {{ client_first_name }}", body="About {{ patient_name }}.")
    slug = shelf.keep(TEMPLATE, one, by=by)
    page = opened(clinic, "adam", "campaigns/template.py", name=slug)
    assert "Hello Kim" in told(page), "with made-up values"
    widget(page.text_input, "As this client would get it").set_value("rivera").run()
    assert "did not permit" in told(page)
    assert "About your pet." in page.code[0].value
    widget(page.button, "Send a test to me").click().run()
    with read(clinic.id) as session:
        [row] = session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "test"))
        assert (row.recipient, row.subject) == ("adam@example.org", "Test: Hello Kim")
        content = content_of(row)
    assert "About your pet." in content.text and "prefers-color-scheme" in content.html and "Milo" not in content.html
    widget(page.text_input, "Subject").set_value("About {{ patient_name }}").run()
    assert "names what is protected" in told(page)
    widget(page.text_input, "Subject").set_value("Hello").run()
    widget(page.button, "Save template").click().run()
    kept = shelf.one(TEMPLATE, slug, by=by)
    assert (kept.number, kept.document.subject) == (2, "Hello")
    assert "Hi" in str(page.title) or kept.document.label == "Hi"


def test_staff_do_not_reach_them(small):
    opened(small.clinic, "adam", "campaigns/segments.py")
    for script in ("campaigns/segments.py", "campaigns/template.py"):
        opened(small.clinic, "adam", script)
        at = opened(small.clinic, "sam", script)
        assert [title.value for title in at.title] == ["This page is not open to you"]
