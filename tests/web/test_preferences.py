"""A client who is signed in to the portal chooses what comes by which way, for themselves alone."""

from campaigns import leaving
from records import consents
from tests.campaigns.test_consents import link, stop, why
from tests.web import test_portal
from tests.web.test_portal import HOME, MAIL, field, signed_in

_fresh, dana = test_portal._fresh, test_portal.dana
PAGE = f"{HOME}/preferences"


def test_choosing_is_kept_as_consent_with_its_words(sqlite_clinic, dana):
    client, window = dana[0], signed_in(sqlite_clinic)
    shown = window.get(PAGE)
    assert shown.status_code == 200 and shown.text.count("checkbox") == 9 and "<script" not in shown.text
    assert shown.text.count(" checked") == 3, "reminders come until somebody refuses them"
    sent = {"form": field(shown), "marketing.email": "1", "reminders.email": "1", "reminders.letter": "1"}
    assert window.post(PAGE, data=sent).headers["location"] == f"{PAGE}?saved=1"
    found = consents.consents_of(client, by=sqlite_clinic.actor("sam"))
    assert [(one.channel, one.purpose, one.given, one.origin) for one in found.history] == [
        ("sms", "reminders", False, "portal"), ("email", "marketing", True, "portal"),
    ]  # fmt: skip
    assert why(sqlite_clinic, client) == ""
    window.post(PAGE, data=sent)
    assert len(consents.consents_of(client, by=sqlite_clinic.actor("sam")).history) == 2, "nothing changed"
    assert window.post(PAGE, data={"marketing.email": "1"}).status_code == 409, "from another site"
    assert window.post(PAGE, data=sent | {"marketing.fax": "1", "x.y.z": "1"}).status_code == 303


def test_news_that_are_wanted_again_come_again_but_not_after_a_bounce(sqlite_clinic, dana):
    client, window = dana[0], signed_in(sqlite_clinic)
    keep = {"reminders.email": "1", "reminders.sms": "1", "reminders.letter": "1", "marketing.email": "1"}
    window.post(PAGE, data={"form": field(window.get(PAGE))} | keep)
    assert leaving.unsubscribe(link(sqlite_clinic, MAIL)) and why(sqlite_clinic, client) == "unsubscribed"
    assert 'name="marketing.email" value="1">' in window.get(PAGE).text
    window.post(PAGE, data={"form": field(window.get(PAGE))} | keep)
    assert why(sqlite_clinic, client) == ""
    stop(sqlite_clinic, "email", "everything", "bounced", address=MAIL)
    window.post(PAGE, data={"form": field(window.get(PAGE))} | keep)
    assert why(sqlite_clinic, client) == "the address takes no messages"
