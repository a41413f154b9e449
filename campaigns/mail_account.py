"""Settings > Mail: which mail server is set, from where, and one mail to try it."""

from __future__ import annotations

import os
import smtplib
from dataclasses import dataclass
from urllib.parse import urlsplit

from data.errors import BadInput, EnvironmentFailure
from data.types import clock, new_id
from messages import delivery
from messages.mime import Unsendable, check_address, mail
from messages.wire import Mail, send_all, smtp_connection
from records.checks import check_email
from security.actor import Actor
from security.profile import profile
from security.rules import act, look


class NoMailServer(BadInput):
    """No mail server is set. Whoever runs Ballast sets BALLAST_SMTP_URL and starts it again: docs/running.md."""


class MailHeldBack(BadInput):
    """Sending is paused since a backup was restored: nothing goes out until the file sending-paused is removed."""


class MailNotTaken(EnvironmentFailure):
    """The mail server did not take the mail: {problem}"""


@dataclass(frozen=True)
class MailServer:
    """What is set: host and port, the user in part, how it is kept private, the sender, and the settings it comes from.
    ``host`` is empty where none is set; ``relay_log`` is whether the server's own log is read."""

    host: str = ""
    port: int = 0
    user: str = ""
    kept: str = ""
    sender: str = ""
    paused: bool = False
    relay_log: bool = False


def mail_server(*, by: Actor) -> MailServer:
    """What is set for this installation; no password is told. Raises NotPermitted."""
    with look(by, "settings.edit"):
        pass
    parts = urlsplit(delivery.mail_server())
    paused = delivery.is_paused()
    if not parts.hostname:
        return MailServer(paused=paused)
    name = parts.username or ""
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 25)
    except ValueError:
        port = 0
    return MailServer(
        parts.hostname, port, f"{name[:2]}…" if name else "",
        "TLS from the start" if parts.scheme == "smtps" else "STARTTLS where the server offers it",
        delivery.sender(), paused, bool(os.environ.get("BALLAST_RELAY_LOG")),
    )  # fmt: skip


def send_test(address: str, *, by: Actor, key: str | None = None) -> str:
    """Send one mail now, beside the outbox; what the server answered. A second click sends none.

    Raises BadEmail, NoMailServer, MailHeldBack, MailNotTaken, NotPermitted.
    """
    address = address.strip()
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        if not address:
            raise BadInput(problem="Enter the address that the test goes to.")
        check_email(address)
        if not delivery.mail_server():
            raise NoMailServer()
        if delivery.is_paused():
            raise MailHeldBack()
        name = profile(work.session).legal_name or "the clinic"
        work.audit("mail.tested", "clinic", by.clinic_id)
        work.result = "The mail was asked for by the first click."
    own = new_id()
    try:
        whole = mail(
            sender=delivery.sender(), recipient=check_address(address), subject="A test of Ballast",
            message_id=f"<{own}@ballast.invalid>", own_id=own, at=clock.now(),
            text=f"This is a test of the mail of {name}. Nobody needs to answer it.\n",
        )  # fmt: skip
        with smtp_connection(delivery.mail_server()) as server:
            [told] = send_all(server, [Mail(delivery.sender(), check_address(address), whole)])
    except (OSError, smtplib.SMTPException, Unsendable) as failure:
        raise MailNotTaken(problem=_words(str(failure))) from None
    if not told.is_sent:
        raise MailNotTaken(problem=_words(f"{told.code or ''} {told.text}"))
    return "The mail server took the mail. It says no more than that: look into the mailbox."


def _words(text: str) -> str:
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return (plain[:200].rstrip(".") or "it closed the connection") + "."
