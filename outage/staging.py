"""Where scanned files wait, encrypted and apart from every backup, until their pages are read."""

from __future__ import annotations

import os
from pathlib import Path

from data.engine import database
from data.sealed import BlobDamaged, seal, unseal


def place_of(staged: str) -> Path:
    """The file that a scan waits in."""
    return database().home.path / "scans" / staged


def stage(staged: str, content: bytes) -> None:
    """Encrypted and on the disk before anything is decoded."""
    target = place_of(staged)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seal(content, database().home.key("blob")))
        file.flush()
        os.fsync(file.fileno())


def staged_bytes(staged: str) -> bytes:
    """What a waiting scan holds. Raises BlobDamaged where it is gone or was altered."""
    try:
        return unseal(place_of(staged).read_bytes(), database().home.key("blob"), staged)
    except FileNotFoundError:
        raise BlobDamaged(name=staged) from None
