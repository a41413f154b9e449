"""The code on a printed page: which edition of which form, which page of how many, which serial. It names nobody.

Twenty-five characters of A-Z and 0-9 (QR version 2 at level Q takes no more): edition 4, page 1, of 1, serial 8, and
11 of a keyed hash, all in base 36. The hash guards against misreading and forgery; it authorises nothing. A card slip
carries a code of its own class, ``NOSCAN`` and its serial, which is recognised without any key, so that a slip is
stopped wherever it comes from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
from dataclasses import dataclass

from data.errors import BadInput

ALPHABET = string.digits + string.ascii_uppercase
LENGTH = 25
LARGEST_EDITION = 36**4 - 1
LARGEST_SERIAL = 36**8 - 1
MOST_PAGES = 35
SLIP = "NOSCAN"
_SHAPE = re.compile(r"[0-9A-Z]{25}")
_MAC_BITS = 55
_MAC_CHARACTERS = 11


class CodeRefused(BadInput):
    """The code on this page was not printed by this clinic, or it was altered or misread. Check the page and attach it
    by hand."""


@dataclass(frozen=True)
class PageCode:
    """What a page says of itself. ``edition`` is the clinic's number of one published form on one paper size."""

    edition: int
    page: int
    of: int
    serial: int

    def __post_init__(self) -> None:
        if not (
            1 <= self.edition <= LARGEST_EDITION
            and 1 <= self.page <= self.of <= MOST_PAGES
            and 1 <= self.serial <= LARGEST_SERIAL
        ):
            raise ValueError(f"no page can be {self}")

    @property
    def body(self) -> str:
        """The fourteen characters the hash is made over."""
        return _base36(self.edition, 4) + _base36(self.page, 1) + _base36(self.of, 1) + _base36(self.serial, 8)


def token(code: PageCode, key: bytes) -> str:
    """The text of the page's code under the key of its edition."""
    return code.body + _mac(code.body, key)


def claimed(text: str) -> PageCode:
    """What a text says it is, before its hash is checked: tells which key to check with. Raises CodeRefused."""
    if not _SHAPE.fullmatch(text) or is_slip(text):
        raise CodeRefused()
    try:
        return PageCode(int(text[:4], 36), int(text[4], 36), int(text[5], 36), int(text[6:14], 36))
    except ValueError:
        raise CodeRefused() from None


def verified(text: str, key: bytes) -> PageCode:
    """The page a text names, once its hash fits under the key; raises CodeRefused."""
    code = claimed(text)
    if not hmac.compare_digest(text[14:], _mac(text[:14], key)):
        raise CodeRefused()
    return code


def slip_token(serial: int, part: int, key: bytes) -> str:
    """The code of a card slip: ``part`` is its place on the sheet, 1 to 35."""
    body = SLIP + _base36(serial, 7) + _base36(part, 1)
    return body + _mac(body, key)


def is_slip(text: str) -> bool:
    """Whether a code says 'do not scan', whoever printed it."""
    return text.startswith(SLIP)


def readable(text: str) -> str:
    """A token as it stands in print, in groups that an eye can follow."""
    return " ".join(text[start : start + 5] for start in range(0, len(text), 5))


def typed(text: str) -> str:
    """What somebody typed off a page, as the token: without spaces, in capitals."""
    return re.sub(r"[\s-]+", "", text).upper()


def _mac(body: str, key: bytes) -> str:
    digest = hmac.new(key, f"ballast page {body}".encode(), hashlib.sha256).digest()
    return _base36(int.from_bytes(digest[:8], "big") >> (64 - _MAC_BITS), _MAC_CHARACTERS)


def _base36(value: int, width: int) -> str:
    out = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        out = ALPHABET[digit] + out
    if value:
        raise ValueError("too large for its place")
    return out
