"""``ballast reconcile``: match payments with settlements and batches with deposits, and say what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from billing.deposits import Deposits, deposits, find_deposits
from billing.matching import FoundMatch, Ran, reconcile_days
from billing.period_report import verify_period
from billing.reconciliation.outcome import FINDING_KINDS, MATCH_KINDS
from commands.context import common, operator, tell, wants_json

DAY = click.DateTime(["%Y-%m-%d"])
ALL = (date(1970, 1, 1), date(9999, 12, 31))


@click.command()
@click.option("--from", "first", type=DAY, help="The first day, in the clinic's zone.")
@click.option("--to", "last", type=DAY, help="The last day, included.")
@click.option("--verify", "report", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Only check the signature of a period's report.")  # fmt: skip
@common
def reconcile(first: datetime | None, last: datetime | None, report: Path | None) -> None:
    """Match payments, settlements and deposits of these days, or of all days, and print what was found.

    What people decided stands. The same again changes nothing.
    """
    by = operator()
    if report is not None:
        found = verify_period(report.read_bytes(), by=by)
        tell({"file": str(report), "genuine": found.is_genuine, "first": found.first, "last": found.last,
              "closed_by": found.closed_by, "words": found.words}, found.words)  # fmt: skip
        if not found.is_genuine:
            raise click.exceptions.Exit(1)
        return
    days = first and first.date(), last and last.date()
    ran = reconcile_days(*days, by=by)
    find_deposits(by=by)
    arrived = deposits(days[0] or ALL[0], days[1] or ALL[1], by=by)
    if not wants_json():
        click.echo(_words(ran, arrived))
        return
    for part in _document(ran, arrived):
        click.echo(part, nl=False)
    click.echo()


def _document(ran: Ran, found: Deposits) -> Iterator[str]:
    """One JSON document, a row on each line: 200,000 matches are never one object."""
    yield '{"matches": ['
    yield from _rows(_match(one) for one in ran.matches)
    yield '],\n"exceptions": ['
    yield from _rows(
        {"kind": one.kind, "payments": list(one.payments), "settled": list(one.settled), "detail": one.detail}
        for one in ran.findings
    )
    yield '],\n"deposits": ['
    yield from _rows(
        {"deposit": one.reference, "posted_on": one.posted_on.isoformat(),
         "batches": [batch.external for batch in one.batches], "gross": one.gross, "fees": one.fees, "net": one.net,
         "amount": one.amount, "difference": one.difference, "auto": one.is_auto}
        for one in found.arrived
    )  # fmt: skip
    summary = ran.summary | {
        "made": ran.made, "gone": ran.gone, "waiting": ran.waiting,
        "deposits_expected": [
            {"batch": one.external, "settled_on": one.settled_on.isoformat(), "net": one.net, "late": one.is_late}
            for one in found.expected
        ],
        "lines_unexplained": sum(one.named for one in found.lines),
    }  # fmt: skip
    yield f'],\n"summary": {json.dumps(summary)}}}'


def _rows(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    begun = False
    for row in rows:
        yield (",\n" if begun else "\n") + json.dumps(row)
        begun = True


def _match(one: FoundMatch) -> dict[str, Any]:
    says = one.match.evidence if one.match else ()
    return {
        "payments": list(one.payments), "settled": list(one.settled), "class": one.kind, "score": one.score,
        "auto": one.is_auto, "difference": one.difference_cents, "decided": one.match is None,
        "evidence": [
            {"field": say.field, "says": say.says, "ours": say.ours, "theirs": say.theirs, "weight": say.weight}
            for say in says
        ],
    }  # fmt: skip


def _words(ran: Ran, found: Deposits) -> str:
    summary = ran.summary
    lines = [f"{summary['matches']:,} matches, {summary['auto']:,} of them sure; {ran.made:,} are new."]
    lines += [f"  {MATCH_KINDS.get(kind, kind)}: {count:,}" for kind, count in summary["kinds"].items()]
    lines += [f"  {FINDING_KINDS.get(kind, kind)}: {count:,}" for kind, count in summary["exceptions"].items()]
    if ran.waiting:
        lines.append(f"  {len(ran.waiting):,} payments wait for their settlement.")
    lines.append(f"{len(found.arrived):,} deposits explained, {len(found.missing):,} batches should have arrived.")
    return "\n".join(lines)
