"""What a new clinic can begin with: segments and templates for the usual occasions, each a copy to be changed."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from campaigns.settings import SEGMENT, TEMPLATE, Segment, Template

FOLDER = Path(__file__).parent / "definitions"


def templates(kind: str) -> list[Template]:
    """The templates to begin with at a clinic of this kind."""
    return [TEMPLATE.parse(one) for one in _read(kind)["template"]]


def segments(kind: str) -> list[Segment]:
    """The segments to begin with at a clinic of this kind."""
    return [SEGMENT.parse(one) for one in _read(kind)["segment"]]


@cache
def _read(kind: str) -> dict[str, Any]:
    name = "human" if kind == "human" else "veterinary"
    return tomllib.loads((FOLDER / f"{name}.toml").read_text())
