"""``ballast pack``: the printed and electronic kit for a day."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import click

from commands.context import common, operator, tell
from outage.kit import electronic_kit
from outage.pack import Pack, make_pack


@click.command()
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to write into.")
@click.option("--paper-only", is_flag=True, help="Leave out the roster and drug balances as CSV and HTML.")
@common
def pack(day: datetime, output: Path, paper_only: bool) -> None:
    """Make everything for working DATE on paper: guide, roster, sheets, drug logs, blank stock, slips, phone list, and
    beside them roster and balances as files to read without Ballast. Nothing in the folder is encrypted."""
    by = operator()
    made = make_pack(day.date(), by=by)
    if not paper_only:
        made = Pack(made.day, made.files + electronic_kit(day.date(), by=by))
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in made.files:
        _write(output / one.name, one.content)
    document = made.document() | {"folder": str(output)}
    _write(output / "pack.json", json.dumps(document, indent=1).encode())
    words = "\n".join(f"{output / one.name}" + (f": {one.sheets} sheets" if one.sheets else "") for one in made.files)
    tell(document, words)


def _write(target: Path, content: bytes) -> None:
    """Readable by its owner alone."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
