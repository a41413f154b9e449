"""The mailbox that bounces and complaints come to, read by IMAP."""

from __future__ import annotations

import hashlib
import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.notices import LARGEST, Notice, read_notices
from campaigns.returns import Taken, mailbox_in, take_in
from campaigns.settings import MAILBOX, ONLY_MAILBOX, Mailbox
from data import definitions
from data.errors import BadInput, EnvironmentFailure
from data.session import read
from security.actor import Actor
from security.clinic_secrets import keep_secret, secret
from security.rules import act, look

PASSWORD = "mailbox"  # noqa: S105 - the name it is kept under
AT_ONCE = 200
"""Mails of one look."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailboxClosed(EnvironmentFailure):
    """The mailbox of {user} at {host} could not be read: {problem}. Check server, user and password."""


class BadPassword(BadInput):
    """The mailbox's password holds characters that no mail server takes. Type it again."""


def save_mailbox(
    entered: Mailbox, password: str = "", *, expected: int, by: Actor, key: str | None = None
) -> int:  # fmt: skip
    """Keep how the mailbox is read; an empty password leaves the one before. Returns the version's number.

    Raises BadPassword, BadDefinition, EditedMeanwhile, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        if len(password) > 300 or not all(char.isprintable() for char in password):
            raise BadPassword()
        number = definitions.save(
            work.session, MAILBOX, ONLY_MAILBOX, entered, by_user_id=by.user_id, expected=expected or None
        )
        if password:
            keep_secret(work.session, PASSWORD, password)
        work.audit("mailbox.saved", "mailbox", ONLY_MAILBOX, version=number, password=bool(password))
        work.result = number
        return number


def mailbox(*, by: Actor) -> tuple[Mailbox, int, bool]:
    """How it is read, its version's number, and whether a password is kept. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return mailbox_in(session), definitions.number_of(session, MAILBOX, ONLY_MAILBOX), bool(
            secret(session, PASSWORD))  # fmt: skip


def read_mailbox(*, by: Actor) -> Taken:
    """Take in what is new in the mailbox; what was read is marked so. Nothing where it is switched off.

    Raises MailboxClosed, NotPermitted.
    """
    with read(by.clinic_id) as session:
        settings, password = mailbox_in(session), secret(session, PASSWORD)
    with look(by, "settings.edit"):
        pass
    if not settings.active:
        return Taken()
    told: list[tuple[str, Notice]] = []
    seen: list[str] = []
    try:
        with _opened(settings, password) as server:
            for uid, raw in _new(server):
                seen.append(uid)
                name = hashlib.sha256(raw).hexdigest()[:40]
                told += [(f"mail:{name}:{number}", one) for number, one in enumerate(read_notices(raw))]
            taken = take_in(told, by=by)
            for uid in seen:
                server.uid("STORE", uid, "+FLAGS", r"(\Seen)")
            return taken
    except (OSError, imaplib.IMAP4.error, ssl.SSLError, ValueError) as failure:
        raise MailboxClosed(user=settings.user, host=settings.host, problem=_problem(failure)) from None


@contextmanager
def _opened(settings: Mailbox, password: str) -> Iterator[imaplib.IMAP4]:
    """Signed in with the folder open, over TLS from the start or by STARTTLS; on this very machine also without."""
    context = ssl.create_default_context()
    if settings.port == 993:
        server: imaplib.IMAP4 = imaplib.IMAP4_SSL(settings.host, settings.port, ssl_context=context, timeout=20)
    else:
        server = imaplib.IMAP4(settings.host, settings.port, timeout=20)
    try:
        if settings.port != 993 and "STARTTLS" in server.capabilities:
            server.starttls(context)
        elif settings.port != 993 and settings.host not in LOOPBACK:
            raise imaplib.IMAP4.error("the server offers no encryption")
        server.login(_quoted(settings.user), password)
        state, _ = server.select(_quoted(settings.folder))
        if state != "OK":
            raise imaplib.IMAP4.error(f"there is no folder {settings.folder}")
        yield server
    finally:
        try:
            server.logout()
        except (OSError, imaplib.IMAP4.error):
            server.shutdown()


def _new(server: imaplib.IMAP4) -> Iterator[tuple[str, bytes]]:
    _, found = server.uid("SEARCH", "UNSEEN")
    uids = re.findall(rb"\d{1,10}", found[0] or b"") if found else []
    for uid in uids[:AT_ONCE]:
        _, parts = server.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{LARGEST}>)")
        for part in parts or []:
            if isinstance(part, tuple) and len(part) > 1 and isinstance(part[1], bytes):
                yield uid.decode(), part[1][:LARGEST]
                break


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _problem(failure: Exception) -> str:
    """What a mail server said, without what could be drawn from it."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(failure)).split())
    return (text.removeprefix("b'").rstrip("'.") or type(failure).__name__)[:160]
