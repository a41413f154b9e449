"""A mail as bytes, put together by hand from a fixed skeleton: some forty times as fast as ``EmailMessage``.

Nothing that a person typed can begin a header: every value of a header is one line, or the mail is refused. Bodies
are base64 or quoted-printable, so that no line of theirs is a boundary, ends the mail, or is too long.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from messages.outbox import CONTROL, File

_LINE = 76
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@([^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,190})")
_MIME_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_ALTERNATIVE, _MIXED = "=_ballast_alternative", "=_ballast_mixed"
"""Boundaries: neither coding of a body ever writes ``=_``."""


class Unsendable(ValueError):
    """This one mail cannot be sent as it is; those after it can."""


def check_address(address: str) -> str:
    """An address as the mail server is told it: a domain with other letters than ASCII is written in ASCII.

    Raises Unsendable.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise Unsendable(f"{address!r} is not an e-mail address")
    local, domain = address.rsplit("@", 1)
    try:
        return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        raise Unsendable(f"{address!r} is not an e-mail address") from None


def answers_to(address: str) -> str:
    """The address as Reply-To, where it is one that a header can name; else an empty text."""
    try:
        return check_address(address) if address.isascii() else ""
    except Unsendable:
        return ""


def header(name: str, value: str) -> str:
    """One header with its line end, encoded by the standard library where it is more than short ASCII.

    Raises Unsendable for a value of more than one line.
    """
    if CONTROL.search(value):
        raise Unsendable(f"the {name.lower()} has a line break or a control character in it")
    if value.isascii() and len(name) + len(value) < _LINE and "=?" not in value:
        return f"{name}: {value}\r\n"
    coded = Header(value, "us-ascii" if value.isascii() and "=?" not in value else "utf-8", header_name=name)
    return f"{name}: " + coded.encode(linesep="\r\n") + "\r\n"


def mail(
    *,
    sender: str,
    recipient: str,
    subject: str,
    message_id: str,
    own_id: str,
    at: datetime,
    text: str,
    html: str = "",
    headers: Sequence[tuple[str, str]] = (),
    files: Sequence[File] = (),
) -> bytes:
    """A whole mail with CRLF line ends, not yet dot-stuffed. Raises Unsendable."""
    head = [
        _plain("From", sender), _to(recipient), header("Subject", subject),
        f"Date: {format_datetime(at)}\r\n", _plain("Message-ID", message_id), _plain("X-Ballast-Message", own_id),
        *(_plain(name, value) for name, value in headers),
        "MIME-Version: 1.0\r\n",
    ]  # fmt: skip
    body = _text(text)
    if html:
        parts = (body, _html(html))
        body = _joined("alternative", _ALTERNATIVE, parts)
    if files:
        body = _joined("mixed", _MIXED, (body, *map(_file, files)))
    return "".join(head).encode() + body


def dot_stuffed(content: bytes) -> bytes:
    """A mail as it goes over the wire, with the line that ends it."""
    end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
    return content.replace(b"\r\n.", b"\r\n..") + end


def _to(recipient: str) -> str:
    """An address is no text that may be coded: with other letters than ASCII it goes as it is, by SMTPUTF8."""
    if recipient.isascii():
        return header("To", recipient)
    check_address(recipient)
    return f"To: {recipient}\r\n"


def _plain(name: str, value: str) -> str:
    """A header of the machine's own making, such as a link, which must not be folded in its middle."""
    if CONTROL.search(value) or not value.isascii() or len(value) > 900:
        raise Unsendable(f"the header {name} cannot be written")
    return f"{name}: {value}\r\n"


def _text(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    coded = binascii.b2a_qp(lines + (b"" if lines.endswith(b"\n") else b"\n"), istext=True)
    head = b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head + coded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _html(html: str) -> bytes:
    head = b'Content-Type: text/html; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head + _base64(html.encode("utf-8", "replace"))


def _file(file: File) -> bytes:
    mime = file.mime if _MIME_TYPE.fullmatch(file.mime) else "application/octet-stream"
    name = CONTROL.sub(" ", file.name)
    if name.isascii() and '"' not in name and "\\" not in name:
        named = f'filename="{name}"'
    else:
        named = f"filename*=utf-8''{quote(name, safe='')}"
    head = (
        f"Content-Type: {mime}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {named}\r\n\r\n"
    )
    return head.encode() + _base64(file.content)


def _base64(content: bytes) -> bytes:
    coded = base64.b64encode(content)
    return b"\r\n".join([coded[at : at + _LINE] for at in range(0, len(coded), _LINE)]) + b"\r\n"


def _joined(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
