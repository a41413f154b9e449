"""Under which address a client is reached, and what of it counts as the same."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from messages.phone import dialled

CHANNELS = {"email": "E-mail", "sms": "Text message", "letter": "Letter"}
"""The ways a clinic writes by."""


def address_of(channel: str, client: Any) -> str:
    """Where this client is reached by a channel: an e-mail address, a phone number, or the lines of a letter; empty
    where the clinic has none. ``client`` is a client's row, or one that has the same columns."""
    if channel == "email":
        return str(client.email or "").strip()
    if channel == "sms":
        return str(client.phone or "").strip()
    if not (client.address or "").strip():
        return ""
    region = " ".join(part for part in (client.region, client.postal_code) if part)
    town = ", ".join(part for part in (client.city, region) if part)
    return "\n".join(part for part in (client.address.strip(), town) if part)


def folded_address(channel: str, address: str) -> str:
    """An address as it is compared: mail in lower case with its domain in ASCII, a phone as it is dialled, a letter's
    without white space, marks and case. Dots and what follows a plus stay: only their owner's mail server knows what
    they mean."""
    text = unicodedata.normalize("NFKC", address).strip()
    if channel == "email":
        local, at, domain = text.lower().rpartition("@")
        return local + at + _in_ascii(domain)
    if channel == "sms":
        return dialled(text) or re.sub(r"\D", "", text)
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _in_ascii(domain: str) -> str:
    """A domain as mail servers are told it, whichever way it was typed."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
