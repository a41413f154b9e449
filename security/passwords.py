"""Passwords: argon2id, the same work for known and unknown names, never more than two at once.

Length is the only rule besides a blocklist (NIST SP 800-63B-4: no composition rules, no rotation).
"""

from __future__ import annotations

import functools
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from data.errors import BadInput

MINIMUM, MAXIMUM = 12, 128
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_busy = threading.BoundedSemaphore(2)
_TOO_COMMON = (
    "password",
    "123456",
    "qwerty",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "clinic",
    "veterinary",
)


class WeakPassword(BadInput):
    """That password {problem}. Use at least 12 characters; a few words in a row are easy to keep in mind."""


def check_strength(password: str, *personal: str) -> None:
    """Raise WeakPassword for a short, common or personal password."""
    lowered = password.casefold()
    if len(password) < MINIMUM:
        raise WeakPassword(problem=f"has only {len(password)} characters")
    if len(password) > MAXIMUM:
        raise WeakPassword(problem=f"is longer than {MAXIMUM} characters")
    if len(set(lowered)) < 5:
        raise WeakPassword(problem="repeats the same few characters")
    for word in _TOO_COMMON:
        if word in lowered and len(lowered.replace(word, "")) < 6:
            raise WeakPassword(problem="is among the first that are tried")
    for word in personal:
        if len(word) > 3 and word.casefold() in lowered:
            raise WeakPassword(problem="contains your own name")


def hash_secret(secret: str) -> str:
    """The argon2id hash of a password or PIN."""
    with _busy:
        return _hasher.hash(secret)


@functools.lru_cache(maxsize=1)
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def matches(stored: str, secret: str) -> bool:
    """Whether the secret fits; takes as long for an empty ``stored`` as for a real one."""
    with _busy:
        try:
            return _hasher.verify(stored or _nobody(), secret[:MAXIMUM]) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False
