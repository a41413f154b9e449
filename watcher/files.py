"""Files that are whole whenever anybody reads them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def put(file: Path, body: bytes) -> None:
    """Write a file beside, bring it to the disk, and put it in place: readers get the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)  # a web server under another user reads it
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    if os.name == "posix":
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
