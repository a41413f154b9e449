"""``ballast settlement`` and ``ballast bank``: what processors and banks say happened, out of their files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from billing.processors.fetch import fetch_settlements
from billing.settlement import runs
from billing.settlement.bank import FORMATS
from billing.settlement.files import import_bank, import_settlement
from billing.settlement.land import Landed
from billing.settlement.sources import SOURCES
from commands.context import common, operator, tell


@click.group()
def settlement() -> None:
    """Settlements of card processors: import a file, list imports, take one back."""


@settlement.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--source", "make", default="", help=f"{', '.join(SOURCES)} or mapping:NAME; left out, the file tells.")
@click.option("--processor", default="", help="The processor it is of, where several are set up.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@common
def import_settlement_(source: Path, make: str, processor: str, dry_run: bool) -> None:
    """Import a settlement: all or nothing, and the same file again changes nothing."""
    landed = import_settlement(source, make=make, processor=processor, dry_run=dry_run, by=operator())
    tell(landed.document(), _words(landed))


@settlement.command("fetch")
@click.argument("processor", metavar="PROCESSOR")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day.")
@common
def fetch(processor: str, first: datetime, last: datetime) -> None:
    """Fetch what a processor settled on some days by its API, and bring it in."""
    landed = fetch_settlements(processor, first.date(), last.date(), by=operator())
    tell(landed.document(), _words(landed))


@settlement.command("list")
@common
def list_() -> None:
    """Imports of settlements and bank statements, newest first."""
    found = runs.list_runs(by=operator())
    document = [
        {
            "import": run.id, "kind": run.kind, "file": run.file, "source": run.source, "target": run.target,
            "at": run.at.isoformat(), "rows": run.rows, "added": run.added, "replaced": run.replaced,
            "skipped": run.skipped, "undone_at": run.undone_at and run.undone_at.isoformat(),
        }
        for run in found
    ]  # fmt: skip
    words = [
        f"{run.id}  {run.at:%Y-%m-%d %H:%M}  {run.target}: {run.file}, {run.added:,} of {run.rows:,}"
        + (", taken back" if run.undone_at else "")
        for run in found
    ]
    tell({"imports": document}, "\n".join(words) or "Nothing has been imported yet.")


@settlement.command("undo")
@click.argument("run", metavar="IMPORT")
@common
def undo(run: str) -> None:
    """Take an import of a settlement or bank statement back."""
    hidden = runs.undo_landing(run, by=operator())
    tell({"import": run, "hidden": hidden}, f"Taken back: {hidden:,} rows are hidden.")


@click.group()
def bank() -> None:
    """Bank statements."""


@bank.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--format", "make", default="auto", help=f"auto, {', '.join(FORMATS)} or mapping:NAME.")
@click.option("--account", default="", help="Your own name for the account; its number is never kept.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@common
def import_bank_(source: Path, make: str, account: str, dry_run: bool) -> None:
    """Import a bank statement: all or nothing, and an overlapping one adds only what is new."""
    landed = import_bank(source, make=make, account=account, dry_run=dry_run, by=operator())
    tell(landed.document(), _words(landed))


def _words(landed: Landed) -> str:
    shown = [f"  {remark}" for remark in landed.remarks[:10]]
    more = len(landed.remarks) - len(shown)
    return "\n".join([f"{landed.target}: {landed.sentence()}", *shown, *([f"  and {more:,} more"] if more > 0 else [])])
