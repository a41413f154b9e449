"""How many parts a text message is sent in, as phones count them."""

from __future__ import annotations

from dataclasses import dataclass

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = frozenset("^{}\\[~]|€\f")
MOST_PARTS = 10


@dataclass(frozen=True)
class Parts:
    """``coding`` is GSM-7 or UCS-2, ``length`` in its units, ``left`` how many fit before another part begins."""

    coding: str
    length: int
    parts: int
    left: int


def parts_of(text: str) -> Parts:
    """How a text is taken apart: 160 letters in one message, 153 in each of several; 70 and 67 with any other sign."""
    if all(letter in _GSM or letter in _TWICE for letter in text):
        return _counted("GSM-7", [2 if letter in _TWICE else 1 for letter in text], 160, 153)
    return _counted("UCS-2", [2 if ord(letter) > 0xFFFF else 1 for letter in text], 70, 67)


def _counted(coding: str, sizes: list[int], alone: int, several: int) -> Parts:
    length = sum(sizes)
    if length <= alone:
        return Parts(coding, length, 1, alone - length)
    parts, used = 1, 0
    for size in sizes:  # a sign of two units is never cut in two
        if used + size > several:
            parts, used = parts + 1, 0
        used += size
    return Parts(coding, length, parts, several - used)


def strange_signs(text: str) -> str:
    """The signs that make a text cost more than plain letters would, each once."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in _GSM and letter not in _TWICE))
