"""The guard that keeps card numbers out: every free text field, import and recognised text passes it.

A card number is 13 to 19 digits, however spaced, whose first digits belong to a card scheme and whose check digit
(Luhn) fits. Microchips (15 digits, ISO 11784), phone numbers and dates do not begin like that and pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import accumulate

from data.errors import BadInput

_RUN = re.compile(r"\+?\d+(?:[^\S\r\n]*[-\u2010-\u2015\u2212./_\u00b7]?\s?\d+)*")
_SCHEMES = re.compile(
    r"4|5[0-8]|6|3[04-9]|220[0-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"  # Visa, Mastercard, Discover, Maestro, Mir …
)
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""Our own ids (RFC 9562): one in some hundred thousand would otherwise pass for a card number by chance."""
_GROUP = re.compile(r"\d+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
SHORTEST, LONGEST = 13, 19
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
    text = _ID.sub("id", text)
    plain = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return any(_holds(run) for run in _RUN.findall(plain))


def refuse_card_numbers(fields: Mapping[str, str | None]) -> None:
    """Raise CardNumberTyped for the first field (its label as people read it) that holds a card number."""
    for label, text in fields.items():
        if text and holds_card_number(text):
            raise CardNumberTyped(field=label)


def without_card_numbers(text: str) -> str:
    """A text in which each number that could be a card's is cut to its last four digits, so that the rest can be kept.

    For what banks write and nobody can put right; what a person types is refused instead.
    """
    if not holds_card_number(text):
        return text
    text = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    text = _RUN.sub(lambda found: _cut(found.group()) if _holds(found.group()) else found.group(), text)
    return text if not holds_card_number(text) else "(a number was left out)"


def _cut(run: str) -> str:
    """A run of digits without the first neighbouring groups that make a card number, and without the next ones."""
    groups = list(_GROUP.finditer(run))
    for last in range(len(groups)):
        for first in range(last, max(last - LONGEST, -1), -1):
            part = run[groups[first].start() : groups[last].end()]
            if _holds(part):
                ending = "".join(_GROUP.findall(part))[-4:]
                rest = run[groups[last].end() :]
                return f"{run[: groups[first].start()]}…{ending}{_cut(rest) if _holds(rest) else rest}"
    return "…"


def _holds(run: str) -> bool:
    """Whether some neighbouring groups of digits in a run make a card number.

    By sums over the run, so that a long text of single digits costs no more than a long text of anything else.
    """
    groups = _GROUP.findall(run)
    digits = "".join(groups)
    if len(digits) < SHORTEST:
        return False
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(char)) for char in digits)
    ends = list(accumulate(map(len, groups)))
    even, odd = _sums(digits)
    phone, first = run.startswith("+"), 0
    for place, start in enumerate([0, *ends[:-1]]):
        if digits[start] in "0789":
            continue
        first = max(first, place)
        while first < len(ends) and ends[first] - start < SHORTEST:
            first += 1
        for end in ends[first : first + LONGEST - SHORTEST + 1]:
            if end - start > LONGEST:
                break
            sums = even if end % 2 else odd  # the last digit counts once, the one before it twice
            if (sums[end] - sums[start]) % 10 or (phone and not start and end - start < 15):
                continue
            if (_FIFTEEN if end - start == 15 else _SCHEMES).match(digits, start):
                return True
    return False


def _sums(digits: str) -> tuple[list[int], list[int]]:
    """Running sums in which the digits at odd places are doubled as Luhn has it, and those at even places."""
    values = [int(char) for char in digits]
    doubled = [_DOUBLED[value] for value in values]
    even, odd = values.copy(), values
    even[1::2], odd[0::2] = doubled[1::2], doubled[0::2]
    return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))
