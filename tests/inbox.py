"""A real SMTP server that keeps what it gets, and what is in the mails."""

import contextlib
import email
import email.policy
import socket

from aiosmtpd.controller import Controller


class Inbox:
    """The mails so far; ``reply`` is what it answers to the next recipients, ``after`` is called with each mail."""

    def __init__(self):
        self.mails, self.reply, self.after = [], None, None

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.reply:
            return self.reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        if self.after:
            self.after(envelope)
        return "250 OK"

    def to(self, address):
        """What one address got, oldest first."""
        return [read(mail) for mail in self.mails if mail.rcpt_tos == [address]]


@contextlib.contextmanager
def serving():
    """A running server: the inbox and its URL."""
    box = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    controller.start()
    try:
        yield box, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def read(envelope):
    """A mail as its reader's program takes it apart."""
    return email.message_from_bytes(envelope.content, policy=email.policy.default)


def file_of(mail):
    """The name and the bytes of what is attached."""
    [part] = list(mail.iter_attachments())
    return part.get_filename(), part.get_content()
