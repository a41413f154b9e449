"""Sending what is due, one state at a time so that a crash loses nothing and doubles nothing silently.

pending or deferred -> claimed (with a lease) -> sending (committed before the first byte goes out) -> sent, deferred
(a passing refusal, tried again later) or failed (a final one). A message found ``sending`` after its lease ended may
have gone out: it becomes ``uncertain`` for a person to judge, except reminders and alerts, which go again under the
same Message-ID.
"""

from __future__ import annotations

import ipaddress
import os
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from sqlalchemy import or_, select

from data.engine import database
from data.errors import BadInput, EnvironmentFailure
from data.models import OutboxMessage
from data.session import ClinicSession, read, write
from data.types import clock
from messages.outbox import Content, File, content_of, file_of

LEASE = timedelta(minutes=5)
RETRY = (1, 5, 15, 60, 240, 720)
"""Minutes until the next try after a passing failure."""
RESEND = {"alert", "invitation", "reset", "vault", "reminder", "portal-code"}
"""Purposes for which a duplicate is better than a miss."""
Judge = Callable[[ClinicSession, OutboxMessage], str]
JUDGES: dict[str, Judge] = {}
"""By purpose what says, just before a message goes out, why it must not go any more; an empty text lets it pass."""


class BadMailAddress(BadInput):
    """The mail server setting '{url}' cannot be read. Write it like smtp://user:password@mail.example.org:587."""


class Unencrypted(smtplib.SMTPException):
    """The mail server offers no encryption, so the password was not sent to it: use smtps://, or a server with
    STARTTLS."""

    def __str__(self) -> str:
        return " ".join((self.__doc__ or "").split())


@contextmanager
def smtp_connection(url: str) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server of an smtp:// or smtps:// URL. STARTTLS is used wherever it is offered; without
    it a password goes to this very machine alone, as whoever sits in between can take the offer away."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadMailAddress(url=parts.scheme or "?")
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            parts.hostname, parts.port or 465, timeout=20, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(parts.hostname, parts.port or 25, timeout=20)
    with server:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        if parts.username:
            if not isinstance(server.sock, ssl.SSLSocket) and not _is_this_machine(server):
                raise Unencrypted()
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server


def _is_this_machine(server: smtplib.SMTP) -> bool:
    assert server.sock is not None
    return ipaddress.ip_address(server.sock.getpeername()[0]).is_loopback


def mail_server() -> str:
    """The mail server's URL, or an empty text where none is set."""
    return os.environ.get("BALLAST_SMTP_URL", "")


def is_paused() -> bool:
    """Whether nothing may leave this installation: a restored backup must not send again what was sent before."""
    return (database().home.path / "sending-paused").exists()


def deliver(clinic_id: str, owner: str, *, limit: int = 50) -> dict[str, int]:
    """Send what is due for one clinic over one connection; returns how many ended in which state."""
    ended: dict[str, int] = {}
    url = mail_server()
    if not url or is_paused():
        return ended
    claimed = _claim(clinic_id, owner, limit)
    if not claimed:
        return ended
    try:
        with smtp_connection(url) as server:
            for message_id in claimed:
                state = _send(clinic_id, message_id, server, owner)
                ended[state] = ended.get(state, 0) + 1
    except (OSError, smtplib.SMTPException) as failure:
        ended["deferred"] = ended.get("deferred", 0) + _defer_claimed(clinic_id, owner, str(failure))
    return ended


def settle_expired(clinic_id: str) -> None:
    """Give back claims whose worker died; a ``sending`` one is sent again or held, by its purpose."""
    with write(clinic_id) as session:
        rows = session.scalars(
            select(OutboxMessage).where(
                OutboxMessage.state.in_(("claimed", "sending")), OutboxMessage.lease_until < clock.now()
            )
        )
        for row in rows:
            if row.state == "claimed":
                row.state, row.lease_owner, row.lease_until = "pending", "", None
            elif row.purpose in RESEND:
                _settle(row, "deferred", "the connection broke off while it was being sent")
            else:
                row.state, row.lease_owner, row.lease_until = "uncertain", "", None


def _claim(clinic_id: str, owner: str, limit: int) -> list[str]:
    now = clock.now()
    with write(clinic_id) as session:
        rows = session.scalars(
            select(OutboxMessage)
            .where(
                or_(OutboxMessage.state == "pending", OutboxMessage.state == "deferred"), OutboxMessage.due_at <= now
            )
            .order_by(OutboxMessage.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.state, row.lease_owner, row.lease_until = "claimed", owner, now + LEASE
        return [row.id for row in rows]


def _send(clinic_id: str, message_id: str, server: smtplib.SMTP, owner: str) -> str:
    with write(clinic_id) as session:
        row = session.get_one(OutboxMessage, (clinic_id, message_id))
        if row.state != "claimed" or row.lease_owner != owner:
            return row.state  # its lease ran out meanwhile, and another worker has it
        if server.sock is None:  # nothing of this one went out
            raise smtplib.SMTPServerDisconnected("the mail server closed the connection after the mail before")
        judge = JUDGES.get(row.purpose)
        why_not = judge(session, row) if judge else ""
        if why_not:
            _settle(row, "suppressed", why_not)
            return row.state
        row.state, row.attempts, row.lease_until = "sending", row.attempts + 1, clock.now() + LEASE
    try:
        server.send_message(_compose(row, *_content(clinic_id, row)), from_addr=sender(), to_addrs=[row.recipient])
        state, reply = "sent", ""
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = next(iter(refused.recipients.values()))
        state, reply = ("failed" if code >= 500 else "deferred"), f"{code} {text.decode(errors='replace')}"
    except smtplib.SMTPResponseException as refused:
        permanent = 500 <= refused.smtp_code < 600
        state, reply = ("failed" if permanent else "deferred"), f"{refused.smtp_code} {refused.smtp_error!r}"
    except (ValueError, UnicodeError, smtplib.SMTPNotSupportedError, EnvironmentFailure) as unsendable:
        state, reply = "failed", str(unsendable)  # this one alone: what comes after it can be sent
    with write(clinic_id) as session:
        row = session.get_one(OutboxMessage, (clinic_id, message_id))
        _settle(row, state, reply)
        return row.state


def send_again(session: ClinicSession, message_id: str) -> None:
    """Put a message that may not have arrived, or failed, on its way once more, under the same Message-ID."""
    row = session.get_one(OutboxMessage, (session.clinic_id, message_id))
    if row.state in ("uncertain", "failed"):
        row.state, row.attempts, row.due_at, row.reply = "pending", 0, clock.now(), ""


def _content(clinic_id: str, row: OutboxMessage) -> tuple[Content, list[File]]:
    content = content_of(row)
    if not content.files:
        return content, []
    with read(clinic_id) as session:
        return content, [file_of(session, file_id) for file_id in content.files]


def _settle(row: OutboxMessage, state: str, reply: str) -> None:
    row.reply, row.lease_owner, row.lease_until = reply[:500], "", None
    if state == "sent":
        row.sent_at = clock.now()
    if state == "deferred":
        if row.attempts > len(RETRY):
            state = "failed"
        else:
            row.due_at = clock.now() + timedelta(minutes=RETRY[max(0, row.attempts - 1)])
    row.state = state


def _defer_claimed(clinic_id: str, owner: str, reason: str) -> int:
    with write(clinic_id) as session:
        rows = session.scalars(
            select(OutboxMessage).where(OutboxMessage.lease_owner == owner, OutboxMessage.state == "claimed")
        ).all()
        for row in rows:
            row.attempts += 1
            _settle(row, "deferred", reason)
        return len(rows)


def sender() -> str:
    """The address mails come from: ``BALLAST_MAIL_FROM``, else the user of the mail server's URL."""
    set_by_hand = os.environ.get("BALLAST_MAIL_FROM", "")
    user = unquote(urlsplit(mail_server()).username or "")
    return set_by_hand or (user if "@" in user else "ballast@localhost.localdomain")


def _compose(row: OutboxMessage, content: Content, files: list[File]) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender()
    message["To"] = row.recipient
    message["Subject"] = row.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = row.message_id
    message["X-Ballast-Message"] = row.id  # some servers write a Message-ID of their own
    message.set_content(content.text)
    if content.html:
        message.add_alternative(content.html, subtype="html")
    for file in files:
        kind, _, sort = file.mime.partition("/")
        message.add_attachment(file.content, maintype=kind, subtype=sort, filename=file.name)
    return message
