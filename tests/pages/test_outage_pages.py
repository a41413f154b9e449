"""Settings > The Vault, Outage readiness and Memos, as people use them."""

import pytest
from streamlit.testing.v1 import AppTest

from messages import delivery
from outage import vault, vault_addresses
from pages.home import alerts as home_alerts
from security import memos
from security.alerts import Alert
from tests import inbox as inboxes
from tests.conftest import ROOT


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


def opened(clinic, who, page) -> AppTest:
    at = AppTest.from_file(ROOT / "pages/navigation.py", default_timeout=60)
    at.user = {"session": clinic.token(who)}
    at.run()
    at.switch_page(page)
    at.run()
    assert not at.exception
    return at


def text_of(at: AppTest) -> str:
    return " ".join(
        str(one.value) for one in (*at.caption, *at.markdown, *at.success, *at.error, *at.info, *at.warning)
    )


def test_the_vault_is_set_up_and_sent_from_its_page(sqlite_clinic, inbox):
    at = opened(sqlite_clinic, "adam", "settings/vault.py")
    assert "needs a password and a confirmed address" in text_of(at) and at.button(key="vault_send").disabled
    at.button(key="vault_draw").click().run()
    assert not at.exception
    password = at.code[0].value
    at.text_input(key="vault_email").input("nonsense")
    at.button(key="vault_add").click().run()
    assert "is not an e-mail address" in text_of(at)
    at.text_input(key="vault_email").input("desk@example.org")
    at.button(key="vault_add").click().run()
    assert not at.exception
    [one] = vault_addresses.addresses(by=sqlite_clinic.operator)
    delivery.deliver(sqlite_clinic.id, "w")
    [mail] = inbox.to("desk@example.org")
    code = next(line.strip() for line in mail.get_content().splitlines() if line.startswith("    "))
    at.text_input(key=f"vault-code-{one.id}").input(code)
    at.button(key=f"vault-confirm-{one.id}").click().run()
    assert not at.exception and not at.button(key="vault_send").disabled
    at.button(key="vault_send").click().run()
    assert "is on its way to 1 address" in text_of(at)
    delivery.deliver(sqlite_clinic.id, "w")
    assert len(inbox.to("desk@example.org")) == 2
    at = opened(sqlite_clinic, "adam", "settings/vault.py")
    assert "asked for" in str(at.dataframe[0].value.to_dict()) and not at.code
    assert password not in text_of(at)
    at.button(key=f"vault-out-{one.id}").click().run()
    assert vault_addresses.addresses(by=sqlite_clinic.operator) == []


def test_readiness_leads_to_the_first_thing_to_do(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "paper/readiness.py")
    assert "0 of 7 are ready" in text_of(at) and "Nobody has practised one yet" in text_of(at)
    at = opened(sqlite_clinic, "mona", "paper/readiness.py")
    assert not [one for one in at.button if one.key == "ready_go_vault"]  # who may not change it is not led there


def test_an_alarm_of_the_vault_stands_on_the_administrators_home(sqlite_clinic, monkeypatch):
    late = [Alert("danger", "Today's roster did not reach one address of the Vault.", "vault")]
    monkeypatch.setattr(vault, "alarms", lambda *, by: late)
    found = []
    monkeypatch.setattr(home_alerts, "cards", lambda items, *, key: found.extend(items))
    opened(sqlite_clinic, "adam", "home/home.py")
    told = {line.about for card in found for line in card.lines if "Vault" in line.about}
    assert told == {late[0].sentence}


def test_a_memo_is_posted_read_on_the_home_page_and_withdrawn(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "staff/memos.py")
    at.button(key="memo_post").click().run()
    assert "needs a title and a text" in text_of(at)
    adam = sqlite_clinic.actor("adam")
    memo = memos.post("Count *twice*", "One\n\n<b>two</b>", by=adam)
    at = opened(sqlite_clinic, "sam", "home/home.py")
    assert "Count \\*twice\\*" in text_of(at) and "\\<b\\>two" in text_of(at)
    at.button(key=f"memo_ack-{memo}").click().run()
    assert not at.exception and "Count" not in text_of(at)
    at = opened(sqlite_clinic, "sam", "staff/memos.py")
    assert "You read it" in text_of(at)
    at = opened(sqlite_clinic, "adam", "staff/memos.py")
    assert "1 of 4 have read it" in text_of(at) and "Sam Stone" in text_of(at)
    at.button(key=f"memo-edit-{memo}").click().run()
    assert "In its place" in text_of(at)
    at.button(key=f"memo-out-{memo}").click().run()
    assert memos.posted(by=adam)[0].state == "withdrawn"


@pytest.mark.slow
@pytest.mark.browser
def test_the_outage_card_is_made_when_it_is_asked_for(browser):
    page = browser("adam", path="/readiness")
    button = page.get_by_role("button", name="Print the outage card")
    button.wait_for(timeout=30_000)
    with page.expect_download(timeout=30_000) as download:
        button.click()
    assert download.value.suggested_filename == "outage-card.pdf"
    assert download.value.path().read_bytes().startswith(b"%PDF")
