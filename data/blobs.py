"""Documents at rest: each file encrypted on its own, named by a keyed hash of its content.

Format ``BLS1``: a random 32-byte data key, wrapped by the blob key (AES-256-GCM), then chunks of 1 MiB, each sealed
with AES-256-GCM under nonce = 7 random bytes, 4-byte counter, 1 last-chunk flag: a flipped bit, a cut, a swap and an
appended tail are all noticed. Written beside, flushed to disk, then renamed; the database row follows.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import EnvironmentFailure
from data.home import Home

MAGIC = b"BLS1"
CHUNK = 1 << 20
_HEAD = len(MAGIC) + 12 + 48 + 7


class BlobDamaged(EnvironmentFailure):
    """The stored file {name} is damaged or incomplete. Restore it from the latest backup."""


class BlobMissing(EnvironmentFailure):
    """The stored file {name} is missing. Restore it from the latest backup."""


def seal(content: bytes, key: bytes) -> bytes:
    """Encrypt bytes in the document format under a 32-byte key."""
    data_key, prefix, wrap_nonce = os.urandom(32), os.urandom(7), os.urandom(12)
    parts = [MAGIC, wrap_nonce, AESGCM(key).encrypt(wrap_nonce, data_key, MAGIC), prefix]
    cipher = AESGCM(data_key)
    count = max(1, -(-len(content) // CHUNK))
    for number in range(count):
        nonce = prefix + number.to_bytes(4, "big") + bytes([number == count - 1])
        parts.append(cipher.encrypt(nonce, content[number * CHUNK : (number + 1) * CHUNK], None))
    return b"".join(parts)


def unseal(sealed: bytes, key: bytes, name: str = "") -> bytes:
    """Decrypt what ``seal`` made; raises BlobDamaged for anything else."""
    try:
        if sealed[:4] != MAGIC or len(sealed) < _HEAD + 16:
            raise InvalidTag
        data_key = AESGCM(key).decrypt(sealed[4:16], sealed[16:64], MAGIC)
        cipher, prefix = AESGCM(data_key), sealed[64:71]
        return b"".join(_chunks(sealed, cipher, prefix))
    except InvalidTag:
        raise BlobDamaged(name=name) from None


def _chunks(sealed: bytes, cipher: AESGCM, prefix: bytes) -> Iterator[bytes]:
    step, position, number = CHUNK + 16, _HEAD, 0
    while position < len(sealed):
        last = position + step >= len(sealed)
        nonce = prefix + number.to_bytes(4, "big") + bytes([last])
        yield cipher.decrypt(nonce, sealed[position : position + step], None)
        position, number = position + step, number + 1


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
