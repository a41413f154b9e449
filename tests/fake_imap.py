"""A tiny IMAP server on loopback, with as much of the protocol as a reader of a mailbox needs."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator


class Mailbox:
    """The mails of one folder by their number, and which were seen."""

    def __init__(self, password: str = "open sesame") -> None:
        self.password, self.mails, self.seen, self.port = password, {}, set(), 0

    def put(self, mail: bytes) -> None:
        """A new mail."""
        self.mails[len(self.mails) + 1] = mail


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:  # noqa: C901 - one line for each command
        box = self.server.box
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            verb = rest.split(" ")[0].upper()
            if verb == "UID":
                verb = rest.split(" ")[1].upper()
            done = "OK"
            if verb == "CAPABILITY":
                self._say("* CAPABILITY IMAP4rev1")
            elif verb == "LOGIN":
                done = "OK" if box.password in rest else "NO [AUTHENTICATIONFAILED]"
            elif verb == "SELECT":
                done = "OK" if '"INBOX"' in rest else "NO no such folder"
                self._say(f"* {len(box.mails)} EXISTS")
            elif verb == "SEARCH":
                self._say("* SEARCH " + " ".join(str(one) for one in box.mails if one not in box.seen))
            elif verb == "FETCH":
                self._fetch(int(re.search(r"FETCH (\d+)", rest)[1]))
            elif verb == "STORE":
                box.seen.add(int(re.search(r"STORE (\d+)", rest)[1]))
            elif verb == "LOGOUT":
                self._say("* BYE")
            self._say(f"{tag} {done} done")
            if verb == "LOGOUT":
                return

    def _fetch(self, number: int) -> None:
        mail = self.server.box.mails[number]
        self.wfile.write(f"* {number} FETCH (UID {number} BODY[]<0> {{{len(mail)}}}\r\n".encode() + mail + b")\r\n")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextlib.contextmanager
def serving() -> Iterator[Mailbox]:
    """A running server; its port is in the mailbox."""
    box = Mailbox()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.box = True, box
    box.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
