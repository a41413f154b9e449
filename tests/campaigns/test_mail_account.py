"""Settings > Mail: what is set is told without its password, and a test mail says what the server said."""

import pytest

from campaigns import mail_account
from campaigns.mail_account import MailNotTaken, NoMailServer
from data.errors import NotPermitted, Refusal
from messages import wire
from tests.messages.rough import rough
from tests.screen import opened, told


def test_what_is_set_is_told_without_the_password(sqlite_clinic, monkeypatch):
    by = sqlite_clinic.actor("adam")
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtps://hello%40x.org:secr3t@mail.example.org")
    found = mail_account.mail_server(by=by)
    assert (found.host, found.port, found.sender) == ("mail.example.org", 465, "hello@x.org")
    assert "secr3t" not in repr(found) and "secr3t" not in told(opened(sqlite_clinic, "adam", "settings/mail.py"))
    with pytest.raises(NotPermitted):
        mail_account.mail_server(by=sqlite_clinic.actor("sam"))


def test_a_test_mail_goes_once_and_says_what_the_server_said(sqlite_clinic, monkeypatch):
    by = sqlite_clinic.actor("adam")
    monkeypatch.delenv("BALLAST_SMTP_URL", raising=False)
    with pytest.raises(NoMailServer):
        mail_account.send_test("kim@example.org", by=by)
    monkeypatch.setattr(wire, "TIMEOUT", 0.5)
    monkeypatch.setattr(wire, "BODY_TIMEOUT", 0.5)
    with rough({("RCPT", "bob"): "550 no such mailbox", ("RCPT", "eve"): "hang"}) as server:
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        for _ in range(2):
            mail_account.send_test("kim@example.org", by=by, key="k")
        assert [who for who, _ in server.mails] == ["kim"]
        with pytest.raises(MailNotTaken, match="550 no such mailbox"):
            mail_account.send_test("bob@example.org", by=by)
        with pytest.raises(MailNotTaken, match="did not answer in time"):
            mail_account.send_test("eve@example.org", by=by)
        for wrong in ("", "x", "a@b\r\nBcc: c@d.org"):
            with pytest.raises(Refusal):
                mail_account.send_test(wrong, by=by)
        assert len(server.mails) == 1
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    with pytest.raises(MailNotTaken):
        mail_account.send_test("kim@example.org", by=by)
