"""A mail put together by hand is the mail that was meant, and no value in it becomes a header or a part."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messages.delivery import _named
from messages.mime import Unsendable, check_address, dot_stuffed, mail
from messages.outbox import File

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)


def made(text, **other):
    options = {
        "sender": "a@example.org", "recipient": "b@example.org", "subject": "S", "message_id": "<1@x>", "own_id": "1",
        "at": AT, "text": text,
    }  # fmt: skip
    return mail(**(options | other))


def read(content):
    return email.message_from_bytes(content, policy=email.policy.default)


LINES = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n.=-"), max_size=300)


@given(LINES, LINES)
@example(".\n..\nFrom x\n--=_ballast_alternative--\n.", "<p>.</p>\n.\n")
@example("a" * 5000, "é" * 3000)
def test_what_is_read_is_what_was_written(text, html):
    content = made(text, html=html or "x")
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\r\n.\r\n" not in dot_stuffed(content)[:-5]
    assert dot_stuffed(content).endswith(b"\r\n.\r\n")
    found = read(content)
    for kind, meant in (("plain", text), ("html", html or "x")):
        got = found.get_body((kind,)).get_content().replace("\r\n", "\n")
        assert got.rstrip("\n") == meant.rstrip("\n")
    assert len(list(found.iter_parts())) == 2


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
@example("x\r\nBcc: all@example.org")
@example("=?utf-8?q?=0ABcc=3A_a=40b?=")
def test_no_subject_makes_a_header(subject):
    try:
        content = made("t", subject=subject)
    except Unsendable:
        return
    found = read(content)
    assert [name.lower() for name in found] == [
        "from", "to", "subject", "date", "message-id", "x-ballast-message", "mime-version", "content-type",
        "content-transfer-encoding",
    ]  # fmt: skip
    assert " ".join(str(found["Subject"]).split()) == " ".join(subject.split())


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b", "a b@c.org", "a@b@c.org", "a@b.org\r\nX: y", "<a@b.org>", "a@b.org>", 'a"@b.org',
                "a,b@c.org", "a@" + "x" * 300]
)  # fmt: skip
def test_a_malformed_address_is_refused(address):
    with pytest.raises(Unsendable):
        check_address(address)


def test_a_domain_in_other_letters_is_written_in_ascii():
    assert check_address("a@bücher.example") == "a@xn--bcher-kva.example"


def test_an_address_in_other_letters_stands_in_its_header_as_it_is():
    found = made("t", recipient=check_address("jürgen@bücher.example"))
    assert "\r\nTo: jürgen@xn--bcher-kva.example\r\n".encode() in found, "an address is no text that may be coded"


def test_files_arrive_with_their_names():
    content = made("t", html="<p>h</p>", files=[File('Plan "ü".pdf', "application/pdf", b"%PDF\x00\xff" * 50)])
    [part] = read(content).iter_attachments()
    assert part.get_filename() == 'Plan "ü".pdf' and part.get_content() == b"%PDF\x00\xff" * 50


@pytest.mark.parametrize("name", ["=?utf-8?q?Bank_=3Cpay=40bank.example=3E?=", 'Harbor, "Inc"', "Klinik am Überweg"])
def test_a_senders_name_is_read_as_it_was_typed(name):
    """Words that look encoded were decoded by mailboxes into another sender."""
    mail = read(made("x", sender=_named(name, "hello@clinic.example.org")))
    assert mail["from"].addresses[0].display_name == name
    assert mail["from"].addresses[0].addr_spec == "hello@clinic.example.org"
