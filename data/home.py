"""The data directory of one installation, and the root key that lies outside it.

Layout of a home: ``home.json`` (id, created), ``ballast.db`` (SQLCipher; absent with PostgreSQL), ``blobs/``
(encrypted documents), ``staging/``, ``backups/``, ``locks/``, ``mart/`` (report snapshots,
encrypted). The root key is 32 random bytes in a file of mode 0600 in the platform's configuration directory, named by
the home's id, or where ``BALLAST_KEY_FILE`` says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import platformdirs
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data.errors import EnvironmentFailure
from data.types import clock, new_id

LEFT_BEHIND = 900.0
"""Seconds without a write after which nobody works in a staging folder any more."""

PURPOSES = ("db", "blob", "index", "audit", "backup", "token", "mart", "draft", "credential")


class NoHome(EnvironmentFailure):
    """There is no clinic in {path} yet. Run 'ballast demo' for a sample clinic or 'ballast init' for an empty one."""


class KeyMissing(EnvironmentFailure):
    """The key file {path} is missing. Put it back from where you keep it, or type in the recovery sheet with
    'ballast keys recover'. Without it the data cannot be read by anyone."""


class KeyUnsafe(EnvironmentFailure):
    """The key file {path} can be read by other users of this machine. Run: chmod 600 {path}"""


class KeyInsideHome(EnvironmentFailure):
    """The key file {path} lies inside the data directory, so one copied folder would give away both. Move it
    elsewhere and set BALLAST_KEY_FILE."""


@dataclass(frozen=True)
class Home:
    """One installation: where its data lies, and its keys."""

    path: Path

    @staticmethod
    def locate(path: str | Path | None = None) -> Home:
        """The home named by the argument, by ``BALLAST_HOME``, or the platform's data directory."""
        chosen = path or os.environ.get("BALLAST_HOME") or platformdirs.user_data_dir("ballast", appauthor=False)
        return Home(Path(chosen).expanduser().resolve())

    @property
    def exists(self) -> bool:
        """Whether a clinic was ever made here."""
        return (self.path / "home.json").is_file()

    @cached_property
    def id(self) -> str:
        """The installation's id; raises NoHome."""
        if not self.exists:
            raise NoHome(path=self.path)
        return str(json.loads((self.path / "home.json").read_text())["id"])

    @property
    def key_file(self) -> Path:
        """Where the root key lies: outside the home, one file for each home."""
        override = os.environ.get("BALLAST_KEY_FILE")
        if override:
            return Path(override).expanduser().resolve()
        return Path(platformdirs.user_config_dir("ballast", appauthor=False)) / "keys" / f"{self.id}.key"

    @property
    def blobs(self) -> Path:
        """Encrypted documents."""
        return self.path / "blobs"

    @property
    def backups(self) -> Path:
        """Local encrypted backups."""
        return self.path / "backups"

    @property
    def locks(self) -> Path:
        """The turnstile files shared by app, worker and command."""
        return self.path / "locks"

    @property
    def database_url(self) -> str:
        """PostgreSQL by ``BALLAST_DATABASE_URL``, else the SQLCipher file of this home."""
        return os.environ.get("BALLAST_DATABASE_URL") or f"sqlite:///{self.path / 'ballast.db'}"

    def create(self) -> None:
        """Lay out the directory and make the root key. Existing parts are left alone."""
        for folder in (self.path, self.blobs, self.backups, self.locks, self.path / "staging"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker = self.path / "home.json"
        if not marker.exists():
            marker.write_text(json.dumps({"id": new_id(), "created": clock.now().isoformat()}))
        self.__dict__.pop("id", None)
        if self.key_file.resolve().is_relative_to(self.path):
            raise KeyInsideHome(path=self.key_file)
        if not self.key_file.exists():
            write_key_file(self.key_file, os.urandom(32))
            found = json.loads(marker.read_text())
            marker.write_text(json.dumps(found | {"key_check": self._check_of(self.root_key)}))

    def sweep(self) -> int:
        """Remove what a killed export or backup left in ``staging/``, readable to whoever gets at the disk; returns how
        many. What was written to within the last quarter of an hour may be at work and stays."""
        swept = 0
        for entry in (self.path / "staging").glob("*"):
            try:
                latest = max(path.stat().st_mtime for path in (entry, *entry.rglob("*")))
            except OSError:
                continue  # it is being tidied away at this moment
            if time.time() - latest < LEFT_BEHIND:
                continue
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
            swept += 1
        return swept

    def _check_of(self, key: bytes) -> str:
        return hmac.new(key, f"ballast/check/{self.id}".encode(), hashlib.sha256).hexdigest()[:32]

    def fits(self, key: bytes) -> bool | None:
        """Whether this is the root key of this home; None where nothing tells. Raises NoHome."""
        _ = self.id
        kept = json.loads((self.path / "home.json").read_text()).get("key_check")
        return hmac.compare_digest(str(kept), self._check_of(key)) if kept else None

    @cached_property
    def root_key(self) -> bytes:
        """The 32 bytes everything else is derived from; raises KeyMissing, KeyUnsafe."""
        path = self.key_file
        try:
            text = path.read_text()
        except FileNotFoundError:
            raise KeyMissing(path=path) from None
        if path.stat().st_mode & 0o077:
            raise KeyUnsafe(path=path)
        return base64.b64decode(text.strip())

    def key(self, purpose: str) -> bytes:
        """The 32-byte key for one purpose, derived with HKDF-SHA256 (RFC 5869)."""
        if purpose not in PURPOSES:
            raise ValueError(f"no such key purpose: {purpose}")
        return HKDF(algorithm=SHA256(), length=32, salt=self.id.encode(), info=f"ballast/{purpose}".encode()).derive(
            self.root_key
        )


def write_key_file(path: Path, key: bytes) -> None:
    """Write a root key, readable by its owner alone, and make sure it has reached the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(key).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
