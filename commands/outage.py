"""``ballast outage``: declare an outage, see what is open, close it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from commands.context import chosen_clinic, common, operator, tell
from data.errors import BadInput, NotFound
from data.models import Clinic
from data.types import clock
from data.wording import Wording
from outage import outages
from outage.board import StillMissing, board, close, papers
from outage.closing_report import sentence, told, verify_report
from outage.identities import Identity, sides
from outage.outages import OutageRow
from outage.rows import BoardRow
from records.documents import open_document
from security.actor import Actor


class _Instant(click.ParamType[datetime]):
    """An ISO time; without an offset it is the clinic's."""

    name = "ISO"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a time. Write it like 2026-11-22T09:40.", param, ctx)


INSTANT = _Instant()


@click.group()
def outage() -> None:
    """Outages: declare one, see what is open, close it."""


@outage.command("open")
@click.option("--from", "began", type=INSTANT, required=True, help="When it began.")
@click.option("--to", "ended", type=INSTANT, help="When it ended; left out while it lasts.")
@click.option("--scope", type=click.Choice(["all", "cards"]), required=True, help="The whole clinic, or cards only.")
@click.option("--reason", default="", help="What failed, in a few words.")
@common
def open_outage(began: datetime, ended: datetime | None, scope: str, reason: str) -> None:
    """Declare an outage, live or dated afterwards."""
    clinic = chosen_clinic()
    by = operator()
    zone = ZoneInfo(clinic.zone)
    outage_id = outages.declare(scope, _aware(began, zone), ended and _aware(ended, zone), reason, by=by)
    row = outages.outage(outage_id, by=by)
    tell(_told(row), f"Outage {row.title(_words(clinic))}, {outages.SCOPES[row.scope].lower()}: declared.")


@outage.command("end")
@click.option("--at", "ended", type=INSTANT, help="When it ended; now where left out.")
@common
def end_outage(ended: datetime | None) -> None:
    """Say that the outage is over."""
    clinic = chosen_clinic()
    by = operator()
    row = _open(by)
    _end(row, ended and _aware(ended, ZoneInfo(clinic.zone)), by)
    row = outages.outage(row.id, by=by)
    tell(_told(row), f"Outage {row.title(_words(clinic))}: over. Its paper has to come back now.")


@outage.command("status")
@click.option("--id", "outage_id", default="", help="Of another outage than the open one.")
@common
def outage_status(outage_id: str) -> None:
    """What of the open outage is settled and what is missing; exit code 0 also while something is."""
    clinic = chosen_clinic()
    by, words = operator(), _words(clinic)
    row = outages.outage(outage_id, by=by) if outage_id else outages.current(by=by)
    if row is None:
        tell({"outage": None}, "There is no open outage.")
        return
    found = board(row.id, by=by)
    kept = papers(row.id, by=by)
    document = _told(row) | {
        "identities": [_identity(one, words) for one in found.identities],
        "missing": {part: [_row(one) for one in found.missing(part)] for part in row.parts},
        "let_go": {part: [_row(one) for one in found.let_go(part)] for part in row.parts},
        "scans_waiting": found.scans_waiting,
        "paper": [{"what": one.what, "may_be_destroyed": one.may_go, "words": one.words} for one in kept],
    }
    lines = [f"Outage {row.title(words)}, {outages.SCOPES[row.scope].lower()}"]
    lines += [told(one, words) for one in found.identities]
    for part in row.parts:
        missing = found.missing(part)
        closed = row.closed_at(part)
        state = f"closed {words.moment(closed)}" if closed else f"{len(missing)} rows open" if missing else "ready"
        lines.append(f"The {part} part: {state}.")
        lines += [f"  {one.title}: {one.missing}" for one in missing[:20]]
    tell(document, "\n".join(lines))


@outage.command("close")
@click.option("--part", type=click.Choice(["clinical", "money"]), help="Only this part; both where left out.")
@click.option("--to", "ended", type=INSTANT, help="When it ended, where it lasts still; now where left out.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Write the reports here too.")
@common
def close_outage(part: str | None, ended: datetime | None, output: Path | None) -> None:
    """Close the open outage: the clinical part, the money part, or both; each with its signed report.

    An outage that lasts is ended first. A part with anything missing stays open, and what is missing is listed.
    """
    clinic = chosen_clinic()
    by = operator()
    row = _open(by)
    if row.lasts:
        _end(row, ended and _aware(ended, ZoneInfo(clinic.zone)), by)
    wanted = [one for one in row.parts if part in (None, one) and row.closed_at(one) is None]
    if not wanted:
        raise BadInput(problem=f"The {part} part of this outage is closed, or it has none.")
    done: dict[str, str] = {}
    missing: list[StillMissing] = []
    for one in wanted:
        try:
            done[one] = close(row.id, one, by=by)
        except StillMissing as refusal:
            missing.append(refusal)
    files = [_written(output, name, document, by) for name, document in done.items()] if output else []
    if missing:
        lines = [f"{one.facts['part']}: {line}" for one in missing for line in one.lines]
        for line in lines[:20]:
            click.echo(f"ballast: {line}", err=True)
    row = outages.outage(row.id, by=by)
    words = [f"The {name} part is closed." for name in done] or ["Nothing was closed."]
    tell(_told(row) | {"reports": done, "files": files}, "\n".join([*words, *files]))
    if missing:
        raise click.exceptions.Exit(1)


@outage.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
def verify_outage(file: Path) -> None:
    """Check the signature of an outage's report."""
    found = verify_report(file.read_bytes(), by=operator())
    tell(
        {"file": str(file), "genuine": found.is_genuine, "outage": found.outage_id, "part": found.part,
         "closed_by": found.closed_by, "closed_at": found.closed_at, "words": found.words},
        found.words,
    )  # fmt: skip
    if not found.is_genuine:
        raise click.exceptions.Exit(1)


def _written(folder: Path, part: str, document: str, by: Actor) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"outage-{part}.pdf"
    target.write_bytes(open_document(document, by=by).content)
    return str(target)


def _identity(one: Identity, words: Wording) -> dict[str, object]:
    return {
        "key": one.key, "equal": one.is_equal, "note": one.note,
        "lines": [
            {
                "sentence": sentence(line, words), "sides": sides(line),
                "terms": [
                    {"sign": term.sign, "label": term.label, "value": term.value, "kind": term.kind, "unit": term.unit,
                     "rows": list(term.rows)}
                    for term in line
                ],
            }
            for line in one.lines
        ],
    }  # fmt: skip


def _row(one: BoardRow) -> dict[str, object]:
    return {
        "entity": one.entity, "id": one.entity_id, "row": one.title, "missing": one.missing,
        "serials": list(one.serials), "appointment": one.appointment_id,
        "let_go": {"by": one.waiver.who, "reason": one.waiver.reason} if one.waiver else None,
    }  # fmt: skip


def _end(row: OutageRow, ended: datetime | None, by: Actor) -> None:
    outages.over(row.id, ended or clock.now(), version=row.version, by=by)


def _open(by: Actor) -> OutageRow:
    row = outages.current(by=by)
    if row is None:
        raise NotFound(what="outage", name="that is open")
    return row


def _aware(instant: datetime, zone: ZoneInfo) -> datetime:
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)


def _words(clinic: Clinic) -> Wording:
    return Wording.of(clinic)


def _told(row: OutageRow) -> dict[str, object]:
    return {
        "outage": row.id, "scope": row.scope, "from": row.began_at.isoformat(),
        "to": row.ended_at.isoformat() if row.ended_at else None, "lasts": row.lasts, "reason": row.reason,
        "closed": {part: bool(row.closed_at(part)) for part in row.parts},
    }  # fmt: skip
