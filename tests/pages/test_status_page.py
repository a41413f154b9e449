"""Settings > Status page: the address leads people there, the secret is shown once."""

from outage import status_page
from outage.wellbeing import detail
from tests.screen import opened, told


def test_the_secret_is_shown_once_and_the_address_stands_at_the_door(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/status_page.py")
    at.text_input(key="status_url").set_value("http://status.example.org")
    next(one for one in at.button if one.label == "Save address").click().run()
    assert "must begin with https://" in at.error[0].value
    at.text_input(key="status_url").set_value("http://127.0.0.1:9")
    next(one for one in at.button if one.label == "Save address").click().run()
    assert not at.exception and not at.error
    assert status_page.link(by=sqlite_clinic.operator) == "http://127.0.0.1:9"
    at.button(key="status_draw").click().run()
    secret = at.code[0].value
    assert detail(secret) is not None
    at.button(key="status_test").click().run()
    assert "did not answer" in at.error[0].value
    at.run()
    assert secret not in told(at) and all(secret not in one.value for one in at.code)
    assert status_page.link_for_anybody() == "http://127.0.0.1:9"
