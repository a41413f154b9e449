"""``ballast billing``: what an operator asks of the books."""

from __future__ import annotations

import click

from billing import rebuild
from commands.context import common, operator, tell

SHOWN = 20


@click.group()
def billing() -> None:
    """The clinic's money."""


@billing.command("check")
@common
def billing_check() -> None:
    """Tell every total again from its rows and compare; ends with 1 where one does not come out."""
    told = rebuild.tell_again(by=operator())
    faults = [{"what": one.what, "row": one.row_id, "detail": one.detail} for one in told.faults]
    counts = {"invoices": told.invoices, "lines": told.lines, "payments": told.payments, "periods": told.periods}
    words = f"{told.words}\n" + "\n".join(
        f"  {one.what}: {one.row_id} {one.detail}".rstrip() for one in told.faults[:SHOWN]
    )
    tell(counts | {"equal": not faults, "faults": faults}, words.strip())
    if faults:
        raise click.exceptions.Exit(1)
