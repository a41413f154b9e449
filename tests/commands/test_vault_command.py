"""``ballast vault``: an address, its code, the password, and the roster at once."""

import io

import pypdf
import pytest

from tests import inbox as inboxes
from tests.commands.test_users_command import ballast


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


def test_an_address_is_added_confirmed_and_gets_the_roster_once(sqlite_clinic, capsys, inbox):
    assert ballast(capsys, "vault", "send")[0] == 2  # no password, nobody
    code, told, _ = ballast(capsys, "vault", "add", "desk@example.org")
    assert (code, told["confirmed"]) == (0, False)
    [mail] = inbox.to("desk@example.org")
    digits = next(line for line in mail.get_content().splitlines() if line.startswith("    ")).strip()
    assert ballast(capsys, "vault", "confirm", "desk@example.org", digits)[0] == 0
    password = ballast(capsys, "vault", "password")[1]["password"]
    assert ballast(capsys, "vault", "add", "home@example.org", "--vouched")[1]["confirmed"]
    code, told, _ = ballast(capsys, "vault", "send")
    assert (code, told["queued"]) == (0, 2)
    assert {(one["to"], one["state"]) for one in told["mails"]} == {
        ("desk@example.org", "sent"), ("home@example.org", "sent")
    }  # fmt: skip
    name, content = inboxes.file_of(inbox.to("desk@example.org")[-1])
    book = pypdf.PdfReader(io.BytesIO(content))
    assert name == f"roster-{told['day']}.pdf" and book.decrypt(password) == pypdf.PasswordType.USER_PASSWORD
    again = ballast(capsys, "vault", "send", "--date", told["day"])[1]
    assert (again["queued"], again["had_it_before"]) == (0, 2)
    assert ballast(capsys, "vault", "send", "--again")[1]["queued"] == 2
    assert ballast(capsys, "vault", "send", "--date", "2020-01-01")[0] == 2
    assert ballast(capsys, "vault", "send", "--date", "soon")[0] == 2
    assert ballast(capsys, "vault", "remove", "home@example.org")[0] == 0
    [left] = ballast(capsys, "vault", "list")[1]["addresses"]
    assert (left["address"], left["confirmed"]) == ("desk@example.org", True)


def test_without_a_mail_server_it_says_that_it_waits(sqlite_clinic, capsys, monkeypatch):
    monkeypatch.delenv("BALLAST_SMTP_URL", raising=False)
    ballast(capsys, "vault", "password")
    ballast(capsys, "vault", "add", "desk@example.org", "--vouched")
    code, _, said = ballast(capsys, "vault", "send")
    assert code == 4 and "BALLAST_SMTP_URL" in said
