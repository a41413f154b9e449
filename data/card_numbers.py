"""The guard that keeps card numbers out: every free text field, import and recognised text passes it.

A card number is 13 to 19 digits, however spaced, whose first digits belong to a card scheme and whose check digit
(Luhn) fits. Microchips (15 digits, ISO 11784), phone numbers and dates do not begin like that and pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from data.errors import BadInput

_RUN = re.compile(r"\+?\d+(?:[^\S\r\n]*[-\u2010-\u2015\u2212./_\u00b7]?\s?\d+)*")
_SCHEMES = re.compile(
    r"4|5[0-8]|6|3[04-9]|220[0-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"  # Visa, Mastercard, Discover, Maestro, Mir …
)
_FIFTEEN = re.compile(r"3[47]|1800|2131")  # Amex and JCB; any other 15 digits are a microchip


class CardNumberTyped(BadInput):
    """{field} looks as if it holds a card number. Card numbers are never kept here: leave it out and write only the
    last four digits."""


def luhn(digits: str) -> bool:
    """Whether the check digit of a row of digits fits."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def holds_card_number(text: str) -> bool:
    """Whether a card number stands anywhere in a text, with or without spaces, dashes or dots in it."""
    if sum(char.isdigit() for char in text) < 13:
        return False
    plain = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return any(_is_card(digits) for run in _RUN.findall(plain) for digits in _candidates(run))


def refuse_card_numbers(fields: Mapping[str, str | None]) -> None:
    """Raise CardNumberTyped for the first field (its label as people read it) that holds a card number."""
    for label, text in fields.items():
        if text and holds_card_number(text):
            raise CardNumberTyped(field=label)


def _candidates(run: str) -> Iterator[str]:
    """Every joining of neighbouring groups of digits that has a card number's length."""
    phone = run.startswith("+")
    groups = re.findall(r"\d+", run)
    for start in range(len(groups)):
        joined = ""
        for group in groups[start:]:
            joined += group
            if len(joined) > 19:
                break
            if len(joined) >= 13 and not (phone and start == 0 and len(joined) < 15):
                yield joined


def _is_card(digits: str) -> bool:
    scheme = _FIFTEEN if len(digits) == 15 else _SCHEMES
    ascii_digits = "".join(str(unicodedata.decimal(char)) for char in digits)
    return bool(scheme.match(ascii_digits)) and luhn(ascii_digits)
