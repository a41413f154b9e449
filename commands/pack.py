"""``ballast pack``: the printed kit for a day."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from commands.context import common, operator, tell
from outage.pack import make_pack


@click.command()
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to write into.")
@common
def pack(day: datetime, output: Path) -> None:
    """Print everything for working DATE on paper: guide, roster, sheets, drug logs, blank stock, slips, phone list."""
    made = make_pack(day.date(), by=operator())
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in made.files:
        (output / one.name).write_bytes(one.content)
    document = made.document() | {"folder": str(output)}
    (output / "pack.json").write_text(json.dumps(document, indent=1))
    words = "\n".join(f"{output / one.name}" + (f": {one.sheets} sheets" if one.sheets else "") for one in made.files)
    tell(document, words)
