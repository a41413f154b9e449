"""Documents at rest: each file encrypted on its own (data/sealed.py), named by a keyed hash of its content.

Written beside, flushed to disk, then renamed; the database row follows.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from data.errors import EnvironmentFailure
from data.home import Home
from data.sealed import BlobDamaged, seal, unseal

__all__ = ["BlobDamaged", "BlobMissing", "BlobStore"]


class BlobMissing(EnvironmentFailure):
    """The stored file {name} is missing. Restore it from the latest backup."""


class BlobStore:
    """The encrypted documents of one home."""

    def __init__(self, home: Home) -> None:
        self._root = home.blobs
        self._key = home.key("blob")
        self._index = home.key("index")

    def path(self, name: str) -> Path:
        """Where a blob lies."""
        return self._root / name[:2] / name

    def put(self, content: bytes) -> str:
        """Keep content; returns its name. The same content is kept once."""
        name = hmac.new(self._index, content, hashlib.sha256).hexdigest()
        target = self.path(name)
        if target.exists():
            return name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = target.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(seal(content, self._key))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        return name

    def get(self, name: str) -> bytes:
        """The content of a blob; raises BlobMissing, BlobDamaged."""
        try:
            sealed = self.path(name).read_bytes()
        except FileNotFoundError:
            raise BlobMissing(name=name) from None
        content = unseal(sealed, self._key, name)
        if hmac.new(self._index, content, hashlib.sha256).hexdigest() != name:
            raise BlobDamaged(name=name)
        return content
