"""The encrypted file format ``BLS1``, as a stream.

A random 32-byte data key, wrapped by the caller's key (AES-256-GCM), then chunks of 1 MiB, each sealed with AES-256-GCM
under nonce = 7 random bytes, 4-byte counter, 1 last-chunk flag: a flipped bit, a cut, a swap and an appended tail are
all noticed. No more than two chunks are held in memory.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import EnvironmentFailure

MAGIC = b"BLS1"
CHUNK = 1 << 20
_TAG = 16


class BlobDamaged(EnvironmentFailure):
    """The stored file {name} is damaged or incomplete. Restore it from the latest backup."""


class SealedWriter(io.RawIOBase):
    """Encrypts what is written to it; complete only after ``close``."""

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        data_key, wrap_nonce, self._prefix = os.urandom(32), os.urandom(12), os.urandom(7)
        target.write(MAGIC + wrap_nonce + AESGCM(key).encrypt(wrap_nonce, data_key, MAGIC) + self._prefix)
        self._cipher = AESGCM(data_key)
        self._target = target
        self._pending = bytearray()
        self._number = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Take some bytes."""
        view = memoryview(data)  # type: ignore[arg-type]
        self._pending += view
        while len(self._pending) > CHUNK:
            self._flush_chunk(CHUNK, last=False)
        return view.nbytes

    def close(self) -> None:
        """Seal the last chunk; the target stays open."""
        if not self.closed:
            self._flush_chunk(len(self._pending), last=True)
        super().close()

    def _flush_chunk(self, size: int, *, last: bool) -> None:
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes([last])
        self._target.write(self._cipher.encrypt(nonce, bytes(self._pending[:size]), None))
        del self._pending[:size]
        self._number += 1


def opened(source: BinaryIO, key: bytes, name: str = "") -> Iterator[bytes]:
    """The plain chunks of a sealed stream; raises BlobDamaged at the first byte that is not as it was written."""
    try:
        head = source.read(len(MAGIC) + 12 + 48 + 7)
        if head[:4] != MAGIC or len(head) < 71:
            raise InvalidTag
        data_key, prefix = AESGCM(key).decrypt(head[4:16], head[16:64], MAGIC), head[64:71]
        cipher, number = AESGCM(data_key), 0
        block = source.read(CHUNK + _TAG)
        while True:
            following = source.read(CHUNK + _TAG)
            nonce = prefix + number.to_bytes(4, "big") + bytes([not following])
            yield cipher.decrypt(nonce, block, None)
            if not following:
                return
            block, number = following, number + 1
    except InvalidTag:
        raise BlobDamaged(name=name) from None


def fits(source: BinaryIO, key: bytes) -> bool:
    """Whether a sealed stream opens with this key, told from its head; the stream is left where it was."""
    place = source.tell()
    head = source.read(len(MAGIC) + 12 + 48)
    source.seek(place)
    try:
        AESGCM(key).decrypt(head[4:16], head[16:64], MAGIC)
    except (InvalidTag, ValueError):
        return False
    return head[:4] == MAGIC


def seal(content: bytes, key: bytes) -> bytes:
    """Bytes as a sealed file."""
    target = io.BytesIO()
    writer = SealedWriter(target, key)
    writer.write(content)
    writer.close()
    return target.getvalue()


def unseal(sealed: bytes, key: bytes, name: str = "") -> bytes:
    """What ``seal`` was given; raises BlobDamaged for anything else."""
    return b"".join(opened(io.BytesIO(sealed), key, name))


class SealedReader(io.RawIOBase):
    """Reads the plain bytes of a sealed stream."""

    def __init__(self, source: BinaryIO, key: bytes, name: str = "") -> None:
        self._chunks = opened(source, key, name)
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer as far as the next chunk goes."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._left:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
