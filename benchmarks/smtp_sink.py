"""A fast SMTP server for tests and benchmarks, in a process of its own: it writes down the Message-ID of each mail
before it says that it took it, which is the worst that a crash of the sender can meet.

    python -m benchmarks.smtp_sink LOG [--no-pipelining]

Prints its port. Each line of the log is one mail taken: Message-ID, a tab, the recipient.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _serve(connection: socket.socket, log: int, pipelining: bool) -> None:  # noqa: C901 - one loop, for its speed
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer, recipient, in_body = b"", b"", False
    connection.sendall(b"220 sink\r\n")
    while True:
        answers = []
        while True:
            if in_body:
                end = buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                head = buffer[: buffer.find(b"\r\n\r\n")]
                at = head.lower().find(b"message-id: ")
                name = head[at + 12 :].split(b"\r\n", 1)[0]
                os.write(log, name + b"\t" + recipient + b"\n")
                buffer, in_body = buffer[end + 5 :], False
                answers.append(b"250 taken\r\n")
                continue
            line, found, rest = buffer.partition(b"\r\n")
            if not found:
                break
            buffer, verb = rest, line[:4].upper()
            if verb == b"EHLO":
                answers.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n" if pipelining else b"250 sink\r\n")
            elif verb == b"DATA":
                answers.append(b"354 go on\r\n")
                in_body = True
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                if verb == b"RCPT":
                    recipient = line[8:].strip(b"<> ")
                answers.append(b"250 ok\r\n")
        if answers:
            connection.sendall(b"".join(answers))
        more = connection.recv(1 << 17)
        if not more:
            return
        buffer += more


def main() -> None:
    """Serve until standard input closes."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            arguments = (connection, log, "--no-pipelining" not in sys.argv)
            threading.Thread(target=_quietly, args=arguments, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def _quietly(connection: socket.socket, log: int, pipelining: bool) -> None:
    with suppress(OSError), connection:
        _serve(connection, log, pipelining)


@contextmanager
def sinking(log: Path, *options: str) -> Iterator[str]:
    """A running sink: its URL."""
    command = [sys.executable, "-m", "benchmarks.smtp_sink", str(log), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield f"smtp://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(10)


def taken(log: Path) -> list[str]:
    """The Message-IDs of the mails taken, in order."""
    return [line.split("\t")[0] for line in log.read_text().splitlines()] if log.exists() else []


if __name__ == "__main__":
    main()
