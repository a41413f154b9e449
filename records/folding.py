"""Text as the search sees it: lower case, no accents, no punctuation."""

from __future__ import annotations

import re
import unicodedata

_STROKES = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i", "ħ": "h", "ŧ": "t"}
)
_APOSTROPHES = re.compile("['\u2019\u2018\u02bc`\u00b4]")
_PLAIN = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)} | {
    ord("'"): None,
    ord("`"): None,
}
"""What becomes of each ASCII character: most names need nothing else, and it takes a tenth of the time."""
_PHONE_LIKE = re.compile(r"[\s\d()+./#-]+")


def fold(text: str) -> str:
    """Words in lower case without accents, one space between them: "O'Brien-Núñez" becomes "obrien nunez"."""
    if text.isascii():
        return " ".join(text.translate(_PLAIN).split())
    text = _APOSTROPHES.sub("", text)
    for _ in range(2):  # folding case can bring new marks, as in the Turkish dotted I
        text = unicodedata.normalize("NFKD", text).casefold().translate(_STROKES)
    text = unicodedata.normalize("NFKD", text)
    kept = "".join(char for char in text if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in kept).split())


def phone_digits(phone: str) -> str:
    """The digits of a phone number, at most 20; an eleven-digit number that begins with 1 loses that 1, so that
    "+1 (212) 555-0101" and "212 555 0101" are the same."""
    if not phone:
        return ""
    digits = "".join(str(unicodedata.decimal(char)) for char in phone if char.isdecimal())
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits[:20]


def terms(query: str) -> list[str]:
    """What each match must hold. Digits with the punctuation of a phone number count as one term."""
    if _PHONE_LIKE.fullmatch(query) and any(char.isdecimal() for char in query):
        return [phone_digits(query)]
    return list(dict.fromkeys(fold(query).split()))[:8]
