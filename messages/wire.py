"""The wire to the mail server: one connection for many mails, with MAIL, RCPT and DATA of the next mail sent along
with the body of the one before, where the server takes that.

What became of a mail is told exactly: refused, taken, or cut off. Only a mail whose body was under way when the
connection broke may have arrived although nobody said so.
"""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from data.errors import BadInput
from messages.mime import dot_stuffed

TIMEOUT = 20.0
"""Seconds that the mail server may take for an answer."""
BODY_TIMEOUT = 60.0
"""Seconds it may take to say that it has taken a mail."""


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
            parts.hostname, parts.port or 465, timeout=TIMEOUT, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(parts.hostname, parts.port or 25, timeout=TIMEOUT)
    try:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
        if parts.username:
            if not isinstance(server.sock, ssl.SSLSocket) and not _is_this_machine(server):
                raise Unencrypted()
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server
    finally:
        _leave(server)


def _is_this_machine(server: smtplib.SMTP) -> bool:
    assert server.sock is not None
    return ipaddress.ip_address(server.sock.getpeername()[0]).is_loopback


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye where somebody still listens, without waiting long for the answer."""
    try:
        if server.sock is not None:
            server.sock.settimeout(2)
            server.docmd("QUIT")
    except (OSError, smtplib.SMTPException):
        pass
    finally:
        server.close()


@dataclass(frozen=True)
class Mail:
    """What goes over the wire. ``recipient`` and ``sender`` are bare addresses, checked before."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True)
class Told:
    """What the server said about one mail. ``code`` 0: the connection broke. ``about``: connection, sender, recipient
    or content. ``may_have_arrived``: its body was under way, and no answer came."""

    code: int
    text: str = ""
    about: str = "content"
    may_have_arrived: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether the server has taken it over."""
        return 200 <= self.code < 300

    @property
    def is_broken(self) -> bool:
        """Whether nothing more goes over this connection."""
        return self.code in (0, 421)


NOT_TRIED = Told(0, "", "connection")


def send_all(server: smtplib.SMTP, mails: Sequence[Mail]) -> list[Told]:
    """Send mails over one connection; says of each what became of it. Once the connection is broken the rest are
    ``NOT_TRIED``, of which nothing went out."""
    told: list[Told] = []
    talk = _Talk(server)
    offered = False
    for index, mail in enumerate(mails):
        following = mails[index + 1] if index + 1 < len(mails) else None
        said, offered = talk.send(mail, following, offered)
        told.append(said)
        if said.is_broken or talk.is_over:
            break
    return told + [NOT_TRIED] * (len(mails) - len(told))


class _Talk:
    """One connection, and whether its server takes commands ahead of its answers."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self.server = server
        self.ahead = server.has_extn("pipelining")
        self.wide = server.has_extn("smtputf8")

    @property
    def is_over(self) -> bool:
        return self.server.sock is None

    def send(self, mail: Mail, following: Mail | None, offered: bool) -> tuple[Told, bool]:
        """One mail; whether the commands of the following one went out with it."""
        if not self._may_be_named(mail):
            told = Told(553, "the mail server takes no address with such letters", "recipient")
            return told, False
        began = False
        try:
            if not offered:
                self._write(self._commands(mail) if self.ahead else b"")
            refused = self._answers(mail)
            if refused is not None:
                return refused, False
            together = self.ahead and following is not None and self._may_be_named(following)
            body = dot_stuffed(mail.content)
            began = True
            self._write(body + self._commands(following) if together and following else body)
            self._wait(BODY_TIMEOUT)
            code, text = self.server.getreply()
            self._wait(TIMEOUT)
        except (OSError, smtplib.SMTPException) as failure:
            self.server.close()
            return Told(0, _words(failure), "connection", may_have_arrived=began), False
        if code == 421:
            self.server.close()
        return Told(code, text.decode(errors="replace")), together

    def _may_be_named(self, mail: Mail) -> bool:
        return self.wide or (mail.recipient.isascii() and mail.sender.isascii())

    def _commands(self, mail: Mail) -> bytes:
        return b"".join(command for command, _ in self._steps(mail))

    def _steps(self, mail: Mail) -> list[tuple[bytes, str]]:
        wide = "" if mail.recipient.isascii() and mail.sender.isascii() else " SMTPUTF8 BODY=8BITMIME"
        return [
            (f"MAIL FROM:<{mail.sender}>{wide}\r\n".encode(), "sender"),
            (f"RCPT TO:<{mail.recipient}>\r\n".encode(), "recipient"),
            (b"DATA\r\n", "content"),
        ]

    def _answers(self, mail: Mail) -> Told | None:
        """The answers to MAIL, RCPT and DATA: None where the body may come, else the first refusal."""
        refused: Told | None = None
        for command, about in self._steps(mail):
            if not self.ahead:
                self._write(command)
            code, text = self.server.getreply()
            wanted = 354 if about == "content" else 250
            if code == wanted or (about == "recipient" and code == 251):
                if about == "content" and refused is not None:  # it wants a body for nobody
                    self._write(b".\r\n")
                    self.server.getreply()
                continue
            if refused is None:
                refused = Told(code, text.decode(errors="replace"), about)
            if code == 421:
                self.server.close()
                return Told(421, text.decode(errors="replace"), "connection")
            if not self.ahead:
                break
        if refused is not None and self.server.sock is not None:
            self._write(b"RSET\r\n")
            self.server.getreply()
        return refused

    def _write(self, content: bytes) -> None:
        if self.server.sock is None:
            raise smtplib.SMTPServerDisconnected("the mail server closed the connection after the mail before")
        if content:
            self.server.sock.sendall(content)

    def _wait(self, seconds: float) -> None:
        if self.server.sock is not None:
            self.server.sock.settimeout(seconds)


def _words(failure: Exception) -> str:
    if isinstance(failure, TimeoutError) or "timed out" in str(failure):
        return "the mail server did not answer in time"
    return str(failure) or type(failure).__name__
