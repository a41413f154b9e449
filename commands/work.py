"""``ballast worker``."""

from __future__ import annotations

import click

from commands.context import common, open_home


@click.command()
@click.option("--once", is_flag=True, help="One round, then stop.")
@click.option("--now", help="Pretend it is this ISO instant (for tests).")
@common
def worker(once: bool, now: str | None) -> None:
    """Carry out schedules, deliveries and backups. 'ballast serve' starts one by itself."""
    open_home()
    import worker as background

    background.run(once=once, now=now)
