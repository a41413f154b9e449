"""The links in messages by which people say that they want no more, and the names under which addresses are kept.

A token holds its clinic, the hash of the address and the channel, signed with the clinic's own secret: it needs no
row, so it works for years, after the client was erased and after keys were changed. It opens nothing but the way out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from data.session import ClinicSession
from records.reach import folded_address
from security.clinic_secrets import LINKS, secret

CODES = {"email": 1, "sms": 2, "letter": 3}
CHANNEL_OF = {code: channel for channel, code in CODES.items()}
_SIGNED = 16
"""Bytes of the signature."""


@dataclass(frozen=True)
class Out:
    """Who wants no more of what: what a token says."""

    clinic_id: str
    channel: str
    address_hash: str


def address_hash(key: bytes, channel: str, address: str) -> str:
    """The name under which an address is kept where it must not be known: an HMAC-SHA256 under the clinic's secret
    (``links_key``), 32 hexadecimal digits."""
    text = f"{channel}\n{folded_address(channel, address)}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def token(key: bytes, out: Out) -> str:
    """A token for one address and channel; the same each time."""
    body = UUID(out.clinic_id).bytes + bytes([CODES[out.channel]]) + bytes.fromhex(out.address_hash)
    return _written(body + _signature(key, body))


def way_out(site: str, key: bytes, out: Out, run_id: str | None = None) -> str:
    """The address of the way out for one recipient. ``run_id`` is the launch of the campaign it stands in: nobody has
    to believe it, as it only finds a message that went to this very address."""
    return f"{site}/u/{token(key, out)}" + (f"?r={run_id.replace('-', '')}" if run_id else "")


def list_unsubscribe_headers(url: str) -> tuple[tuple[str, str], ...]:
    """What mail programs draw their own way out from (RFC 2369 and 8058): they post to the address, without a cookie
    and without anybody seeing a page."""
    if any(char <= " " or char in "<>" or ord(char) > 126 for char in url):
        raise ValueError("this is no address for a header")
    return ("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


def clinic_in(text: str) -> str:
    """The id of the clinic a token names, before anything is believed; empty where it is no token."""
    body = _bytes(text)
    return str(UUID(bytes=body[:16])) if body else ""


def read_token(session: ClinicSession, text: str) -> Out | None:
    """What a token says, if this clinic has signed it."""
    body = _bytes(text)
    if not body or str(UUID(bytes=body[:16])) != str(UUID(session.clinic_id)):
        return None
    said, signature = body[:-_SIGNED], body[-_SIGNED:]
    key = secret(session, LINKS)
    if not key or said[16] not in CHANNEL_OF:
        return None
    if not hmac.compare_digest(signature, _signature(bytes.fromhex(key), said)):
        return None
    return Out(session.clinic_id, CHANNEL_OF[said[16]], said[17:].hex())


def _bytes(text: str) -> bytes:
    """The bytes of a token; none where its length or letters are off."""
    size = 16 + 1 + 16 + _SIGNED
    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    return body if len(body) == size and _written(body) == text else b""


def _written(body: bytes) -> str:
    """The one way to write a token: its last letter holds bits that say nothing."""
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"way out\n" + body, hashlib.sha256).digest()[:_SIGNED]
