"""How clients are found: one folded text per client, with the names and chips of their patients."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def fold(text: str) -> str:
    """Lower case without accents or doubled spaces, so that 'José  Peña' is found by 'jose pena'."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def digits(text: str) -> str:
    """The digits of a phone number or chip."""
    return "".join(c for c in text if c.isdecimal() and c.isascii())


def search_text(client: Mapping[str, Any], patients: Iterable[Mapping[str, Any]]) -> str:
    """The text kept in ``client.search`` for a client and its patients."""
    first, last = client.get("first_name", ""), client["last_name"]
    parts = [
        f"{first} {last}", f"{last} {first}",
        str(client["number"]), client.get("phone_digits", ""), client.get("email", ""), client.get("reference", ""),
    ]  # fmt: skip
    parts += [part for p in patients for part in (p["name"], p.get("microchip", ""), p.get("reference", ""))]
    return fold(" | ".join(part for part in parts if part))
