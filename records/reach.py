"""Under which address a client is reached, and what of it counts as the same."""

from __future__ import annotations

import re
import unicodedata


def folded_address(channel: str, address: str) -> str:
    """An address as it is compared: mail in lower case, a phone by its digits, a letter's without white space, marks
    and case. Dots and what follows a plus stay: only their owner's mail server knows what they mean."""
    text = unicodedata.normalize("NFKC", address).strip()
    if channel == "email":
        return text.lower()
    if channel == "sms":
        return ("+" if text.startswith("+") else "") + re.sub(r"\D", "", text)
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()
