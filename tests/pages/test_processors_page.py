"""Settings > Card processors: the type first, credentials written and never shown."""

from streamlit.testing.v1 import AppTest

from billing.processors.credentials import credentials_set
from tests.conftest import ROOT


def opened(clinic) -> AppTest:
    at = AppTest.from_file(ROOT / "pages/navigation.py", default_timeout=30)
    at.user = {"session": clinic.token("adam")}
    at.run()
    at.switch_page("settings/processors.py")
    at.run()
    assert not at.exception
    return at


def text_of(at: AppTest) -> str:
    return " ".join(str(one.value) for one in (*at.caption, *at.markdown, *at.success, *at.error, *at.info))


def test_a_processor_is_added_by_its_type_and_its_secrets_are_never_shown_again(sqlite_clinic, fake):
    at = opened(sqlite_clinic)
    assert "There is no processor yet" in text_of(at)
    at.button(key="add").click().run()
    at.segmented_control[0].select("authorize_net").run()
    assert not at.exception
    labels = [one.label for one in at.text_input]
    assert "Name" in labels and "Merchant id" not in labels
    next(one for one in at.text_input if one.label == "Name").input("Cards at the desk").run()
    next(one for one in at.toggle if one.label == "Test account").set_value(True).run()
    next(one for one in at.button if one.label == "Save processor").click().run()
    assert not at.exception and "credentials missing" in text_of(at)
    secrets = {"API login ID": "login", "Transaction key": "transaction-key", "Signature key": "AB" * 64}
    for label, text in secrets.items():
        next(one for one in at.text_input if one.label == label).input(text)
    at.button(key="credentials-cards-at-the-desk").click().run()
    assert not at.exception
    assert credentials_set("cards-at-the-desk", by=sqlite_clinic.operator).missing == ()
    shown = text_of(at) + " ".join(str(one.value) for one in at.text_input)
    assert "transaction-key" not in shown and "by adam: " in shown
    at.button(key="try-cards-at-the-desk").click().run()
    assert "Signed in at Authorize.net" in text_of(at)


def test_a_terminal_is_asked_for_no_credentials(sqlite_clinic):
    at = opened(sqlite_clinic)
    at.button(key="add").click().run()
    at.segmented_control[0].select("terminal").run()
    next(one for one in at.text_input if one.label == "Name").input("Terminal").run()
    assert not [one for one in at.toggle if one.label == "Clients pay on its page"]
    next(one for one in at.button if one.label == "Save processor").click().run()
    assert not at.exception and "Credentials" not in text_of(at)
