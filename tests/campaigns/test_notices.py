"""What mail servers write about mail of ours is understood, whatever form it has; what strangers write does no harm."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.notices import Notice, read_notices

ONE = "01a20559-bef3-7000-beaf-3ce76204f472"
TWO = "01a20559-bef3-7000-beaf-3ce76204f999"
ORIGINAL = f"""From: clinic@clinic.example
To: dana@example.org
Subject: News
Message-ID: <{ONE}@ballast.invalid>
X-Ballast-Message: {ONE}

Hello
"""


def report(action="failed", status="5.1.1", diagnostic="smtp; 550 5.1.1 <dana@example.org> user unknown",
           original=ORIGINAL, kind="message/rfc822"):  # fmt: skip
    return f"""Return-Path: <>
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: clinic@clinic.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="BB"

--BB
Content-Type: text/plain

I'm sorry.

--BB
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Sun, 22 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; dana@example.org
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--BB
Content-Type: {kind}

{original}
--BB--
""".encode()


COMPLAINT = f"""From: <feedback@mail.example>
Subject: FW: News
Content-Type: multipart/report; report-type=feedback-report; boundary="CC"

--CC
Content-Type: text/plain

This is a report for an e-mail message.
--CC
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <dana@example.org>

--CC
Content-Type: message/rfc822

{ORIGINAL}
--CC--
""".encode()

QMAIL = f"""Return-Path: <>
From: MAILER-DAEMON@qmail.example
Subject: failure notice

Hi. This is the qmail-send program at qmail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<dana@example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{ORIGINAL}
""".encode()

EXIM = f"""From: Mail Delivery System <Mailer-Daemon@exim.example>
X-Failed-Recipients: dana@example.org
Subject: Mail delivery failed: returning message to sender
Auto-Submitted: auto-replied

A message that you sent could not be delivered:
  dana@example.org
    host mx.example [192.0.2.1]
    SMTP error from remote mail server after RCPT TO: 452 4.2.2 mailbox full, try again later

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}
""".encode()

AWAY = f"""From: dana@example.org
Subject: Re: News
In-Reply-To: <{ONE}@ballast.invalid>
Auto-Submitted: auto-replied

I am away. The delivery of my parcel has failed.
> Message-ID: <{ONE}@ballast.invalid>
""".encode()


@pytest.mark.parametrize(
    ("mail", "found"),
    [
        (report(), [Notice("hard_bounce", ONE, "550 5.1.1")]),
        (report(kind="text/rfc822-headers"), [Notice("hard_bounce", ONE, "550 5.1.1")]),
        (report(status="4.4.1", diagnostic="smtp; 421 later"), [Notice("soft_bounce", ONE, "421 4.4.1")]),
        (report(status="5.2.2", diagnostic="smtp; 552 5.2.2 mailbox full"), [Notice("soft_bounce", ONE, "552 5.2.2")]),
        (report(status="5.7.1", diagnostic="smtp; 554 5.7.1 spam"), [Notice("soft_bounce", ONE, "554 5.7.1")]),
        (report(status="5.0.0", diagnostic="smtp; 550 No such user here"), [Notice("hard_bounce", ONE, "550 5.0.0")]),
        (report(action="delivered", status="2.0.0", diagnostic=""), [Notice("delivered", ONE)]),
        (report(action="delayed", status="4.4.1"), []),
        (report(original="From: x@y.org\nMessage-ID: <other@y.org>\n\nHello"), []),
        (COMPLAINT, [Notice("complaint", ONE, "abuse")]),
        (COMPLAINT.replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam"), []),
        (QMAIL, [Notice("hard_bounce", ONE, "5.1.1")]),
        (EXIM, [Notice("soft_bounce", ONE, "452 4.2.2")]),
        (AWAY, []),
        (ORIGINAL.encode(), []),
        (b"", []),
        (b"\xff" * 4_000, []),
    ],
)
def test_reports_are_understood(mail, found):
    assert read_notices(mail) == found
    assert read_notices(mail.replace(b"\n", b"\r\n")) == found


def test_an_address_quoted_in_a_report_is_not_kept():
    for one in read_notices(report()) + read_notices(QMAIL):
        assert "dana" not in one.detail


def test_mails_made_to_do_harm_are_over_quickly():
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(5_000))
    wide = b'Content-Type: multipart/mixed; boundary="w"\n\n' + b"--w\n\nx\n" * 60_000
    long = b"Subject: " + b"=?utf-8?q?" * 50_000 + b"\n\n" + f"<{ONE}@".encode() * 9_000
    slow = b"From: <>\nSubject: failure\n\n" + f"<{ONE}@x> ".encode() + b"recipient mailbox " * 30_000
    deep = b"".join(b"Content-Type: multipart/mixed; Boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300))
    deep += b"Content-Type: text/plain\n\n" + b"a\n" * 240_000
    began = time.process_time()
    read_notices(deep)
    assert time.process_time() - began < 1, "two hundred of them are read in one look"
    for mail in (nested, wide, long, slow, b"Content-Type: message/rfc822\n\n" * 20_000, b"a:" * 250_000):
        began = time.process_time()
        read_notices(mail)
        assert time.process_time() - began < 3


PIECES = st.sampled_from([report(), COMPLAINT, QMAIL, EXIM, b"--BB\n", b"Content-Type: message/delivery-status\n\n",
                          b"Content-Transfer-Encoding: base64\n", b"\x00", b"Content-Type: text/plain; charset=nope\n",
                          f"<{TWO}@".encode(), b"Action: failed\n"])  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=60)), max_size=6), st.integers(0, 3_000))
def test_whatever_comes_is_read_or_left(pieces, cut):
    for one in read_notices(b"".join(pieces)[cut:]):
        assert one.kind in ("hard_bounce", "soft_bounce", "complaint", "delivered") and len(one.message) == 36
