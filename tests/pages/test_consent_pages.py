"""Consent is asked where the client stands and seen where somebody looks; a stopped address is seen nowhere."""

from streamlit.testing.v1 import AppTest

from campaigns import suppressions
from records import consents
from tests import everything
from tests.campaigns.test_consents import MAIL, a_client, stop
from tests.conftest import ROOT


def page(clinic, who, script, **query):
    at = AppTest.from_file(ROOT / "pages" / "navigation.py", default_timeout=30)
    at.user = {"session": clinic.token(who)}
    at.run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page(script).run()
    assert not at.exception, at.exception
    return at


def test_check_in_asks_once(sqlite_clinic):
    made = everything.record(sqlite_clinic, "Fielding", stage="checked_in")
    sam = sqlite_clinic.actor("sam")
    at = page(sqlite_clinic, "sam", "today/visit.py", id=made.appointment_id)
    at.session_state[f"section_{made.appointment_id}"] = "check_in"
    at.run()
    at.button_group(key=f"ask:{made.client_id}:phi").set_value(True).run()
    at.button_group(key=f"ask:{made.client_id}:marketing").set_value(["email"]).run()
    at.button(key="save_consents").click().run()
    assert not at.exception and not at.error
    found = consents.consents_of(made.client_id, by=sam)
    assert found.standing("letter", "phi").given and found.standing("email", "marketing").given
    assert found.standing("sms", "marketing").given is False and found.history[0].origin == "check-in"
    assert "save_consents" not in {button.key for button in at.button}


def test_the_client_page_says_what_may_be_sent_and_takes_an_answer(sqlite_clinic):
    client = a_client(sqlite_clinic, "phi")
    stop(sqlite_clinic, "email", "marketing", "unsubscribed")
    at = page(sqlite_clinic, "sam", "clients/client.py", id=client)
    shown = " ".join(str(html.proto.body) for html in at.get("html"))
    assert "Details by name" in shown and "E-mail, news and offers: unsubscribed" in shown
    at.button(key="save_consent").click().run()
    assert not at.exception and not at.error
    said = consents.consents_of(client, by=sqlite_clinic.actor("sam")).history[0]
    assert (said.channel, said.purpose, said.given, said.origin) == ("email", "marketing", True, "counter")


def test_an_administrator_stops_an_address_looks_it_up_and_lifts_it(sqlite_clinic):
    adam = sqlite_clinic.actor("adam")
    at = page(sqlite_clinic, "adam", "settings/do_not_contact.py")
    at.text_input(key="suppress:address").set_value(MAIL).run()
    at.button(key="suppress_save").click().run()
    assert not at.exception and not at.error
    [stopped] = suppressions.suppressions(by=adam).newest
    assert "1 stopped" in " ".join(caption.value for caption in at.caption)
    at.text_input(key="look_address").set_value(MAIL.lower()).run()
    at.button(key=f"lift_go_found_{stopped.id}").click().run()
    assert "Say why" in at.error[0].value
    at.text_input(key=f"why_found_{stopped.id}").set_value("They asked for it").run()
    at.button(key=f"lift_go_found_{stopped.id}").click().run()
    assert not suppressions.look_up("email", MAIL, by=adam)
