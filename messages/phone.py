"""A phone number however it is typed: the one way to dial it, by which it is sent to and compared."""

from __future__ import annotations

import re


def dialled(typed: str) -> str:
    """A number as networks take it: ``+`` and 7 to 15 digits. Ten digits are of North America; empty for what has no
    country code, or is no number."""
    digits = re.sub(r"\D", "", typed)
    if typed.strip().startswith("+") or (len(digits) == 11 and digits.startswith("1")):
        whole = f"+{digits}"
    elif len(digits) == 10:
        whole = f"+1{digits}"
    else:
        return ""
    return whole if 8 <= len(whole) <= 16 else ""
