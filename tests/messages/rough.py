"""A mail server that misbehaves by a script: what it answers, or does, for each command in turn."""

import contextlib
import re
import socket
import threading
import time


class Rough:
    """``script`` maps (verb, recipient's local part) to an answer, or to 'drop' or 'hang'. ``END`` is the end of a
    body, ``HELLO`` the greeting. Mails it took are in ``mails``."""

    def __init__(self, script, *, pipelining=True, drop_after=0):
        self.script, self.pipelining, self.drop_after = script, pipelining, drop_after
        self.mails, self.connections = [], 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.server.getsockname()[1]}"

    def _accept(self):
        while not self.over.is_set():
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), connection:
            self._serve(connection, connection.makefile("rb"))

    def _serve(self, connection, lines):  # noqa: C901 - one conversation
        who, taken = "", 0
        said = self._told("HELLO", "", "220 rough")
        if not self._say(connection, said):
            return
        while line := lines.readline():
            verb = line[:4].decode().upper()
            if verb == "EHLO":
                connection.sendall(b"250-rough\r\n250 PIPELINING\r\n" if self.pipelining else b"250 rough\r\n")
                continue
            if verb == "RCPT":
                who = re.search(rb"<([^@>]*)", line)[1].decode()
            fine = {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
            # the recipient of MAIL is not known yet: the script names it by the sender then
            said = self._told(verb, who if verb != "MAIL" else "", fine)
            if verb == "RCPT" and not said.startswith("250"):
                who = ""  # it will still want a body, for nobody
            if not self._say(connection, said):
                return
            if verb == "DATA" and said.startswith("354"):
                body = b""
                while (line := lines.readline()) not in (b".\r\n", b""):
                    body += line
                if not line:
                    return
                said = self._told("END", who, "250 taken") if who else "554 no valid recipients"
                if said.startswith("250") or said == "take-drop":
                    self.mails.append((who, body))
                    taken += 1
                if said == "take-drop" or not self._say(connection, said):
                    return
                if self.drop_after and taken >= self.drop_after:
                    return
            if verb == "QUIT":
                return

    def _told(self, verb, who, fine):
        said = self.script.get((verb, who), self.script.get((verb, "*"), fine))
        if isinstance(said, list):
            said = said.pop(0) if said else fine
        return said

    def _say(self, connection, said):
        if said == "drop":
            return False
        if said == "hang":
            self.over.wait(5)
            return False
        time.sleep(0)
        connection.sendall(said.encode() + b"\r\n")
        return True

    def close(self):
        self.over.set()
        self.server.close()


@contextlib.contextmanager
def rough(script, **options):
    server = Rough(script, **options)
    try:
        yield server
    finally:
        server.close()
