"""``ballast backup``."""

from __future__ import annotations

from pathlib import Path

import click

from commands.context import common, operator, tell
from data import backup as files
from data.home import Home
from security import backups


@click.group()
def backup() -> None:
    """Encrypted backups of everything: make, list, check, bring back."""


@backup.command("create")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Another folder.")
@common
def create(folder: Path | None) -> None:
    """Make a full backup now; the clinic goes on meanwhile."""
    made = backups.make_backup(by=operator(), folder=folder)
    document = {"file": str(made.file), "size": made.size, "sha256": made.sha256, "tables": made.tables}
    tell(document, f"{made.file} ({made.size / 1e6:,.1f} MB)")


@backup.command("list")
@common
def list_backups() -> None:
    """Every backup and check, newest first."""
    runs = backups.list_backups(by=operator())
    rows = [
        {"kind": run.kind, "file": run.file_name, "place": run.place, "size": run.size, "state": run.state,
         "at": run.began_at.isoformat()}
        for run in runs
    ]  # fmt: skip
    tell({"backups": rows}, "\n".join(f"{r['at'][:16]}  {r['state']:<7}{r['kind']:<9}{r['file']}" for r in rows))


@backup.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
def verify(file: Path) -> None:
    """Open a backup and check every byte of it."""
    counts = backups.check_backup(file, by=operator())
    tell({"file": str(file), "tables": counts}, f"Good: {len(counts)} tables, {sum(counts.values()):,} rows.")


@backup.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
def restore(file: Path) -> None:
    """Bring a backup back into an empty home (--home). Sending stays paused until you resume it."""
    home = Home.locate()
    counts = files.restore(file, home)
    from commands.context import open_home
    from security.sessions import end_all_after_restore

    open_home()
    ended = end_all_after_restore()
    document = {"home": str(home.path), "tables": counts, "sessions_ended": ended}
    words = f"Restored {sum(counts.values()):,} rows into {home.path}. Everyone must sign in again; sending is paused."
    tell(document, words)
