"""The scripts of our own components, each behind the few functions that all of them begin with."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"


def script(name: str) -> str:
    """The script ``name`` with ``common.js`` before it."""
    return (ASSETS / "common.js").read_text(encoding="utf-8") + (ASSETS / name).read_text(encoding="utf-8")
