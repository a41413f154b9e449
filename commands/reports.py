"""``ballast report``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click
from sqlalchemy import select

from commands.context import chosen_clinic, common, tell, wants_json
from data.errors import BadInput, NotFound
from data.models import Clinic, User
from data.session import read
from reports import export
from reports.result import Result
from reports.run import run_spec
from reports.saved import card
from reports.saved import cards as list_reports
from reports.streamed import can_stream, write_csv
from security.actor import Actor


class BadParameter(BadInput):
    """A parameter is written name=value, such as --param from=2024-01-01; {text} is not."""


@click.group()
def report() -> None:
    """Run reports."""


@report.command("list")
@common
def report_list() -> None:
    """The reports and what they take."""
    by = Actor.operator(chosen_clinic().id)
    cards = list_reports(by=by)
    tell(
        [{"name": c.name, "title": c.spec.title, "group": c.spec.group, "purpose": c.spec.purpose,
          "parameters": c.spec.parameters, "by": [b.name for b in c.spec.breakdowns]} for c in cards],
        "\n".join(f"{c.name:<20} {c.spec.purpose}" for c in cards),
    )  # fmt: skip


@report.command("run")
@click.argument("name")
@click.option("--param", "pairs", multiple=True, metavar="NAME=VALUE", help="Such as from=2024-01-01; repeat it.")
@click.option("--as", "username", help="Run with the rights of this person.")
@click.option("--format", "form", type=click.Choice(sorted(export.FORMATS)), help="What to write; words without it.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write into this file.")
@common
def report_run(
    name: str, pairs: tuple[str, ...], username: str | None, form: str | None, output: Path | None
) -> None:  # fmt: skip
    """Run one report."""
    params = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadParameter(text=pair)
        params[key.strip()] = value.strip()
    if form is None and wants_json():
        form = "json"
    if form is None and output is not None and output.suffix.lstrip(".") in export.FORMATS:
        form = output.suffix.lstrip(".")
    clinic = chosen_clinic()
    by = _actor(clinic, username)
    spec = card(name, by=by).spec
    if form == "csv" and can_stream(spec):
        with contextlib.ExitStack() as opened:
            file = opened.enter_context(output.open("wb")) if output else sys.stdout.buffer
            write_csv(name, spec, params, file, by=by)
            file.flush()
        return
    result = run_spec(name, spec, params, by=by, form=form or "command")
    if form is None:
        text = _words(result)
        if output is None:
            click.echo(text)
        else:
            output.write_text(text + "\n", encoding="utf-8")
        return
    content = export.render(result, form)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        output.write_bytes(content)


def _actor(clinic: Clinic, username: str | None) -> Actor:
    if not username:
        return Actor.operator(clinic.id)
    with read(clinic.id) as session:
        user_id = session.scalar(select(User.id).where(User.username == username.lower()))
    if user_id is None:
        raise NotFound(what="person called", name=username)
    return Actor(clinic.id, "command", user_id=user_id)


def _words(result: Result) -> str:
    printed = export.table(result)
    heads = [label for label, _ in printed.columns]
    body = [heads, *printed.rows, *([printed.total] if printed.total else [])]
    widths = [max(len(line[place]) for line in body) for place in range(len(heads))]
    lines = [f"{result.title}  {result.facts}", ""]
    for row in body:
        cells = [
            text.rjust(width) if number else text.ljust(width)
            for text, width, (_, number) in zip(row, widths, printed.columns, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", result.definition])
