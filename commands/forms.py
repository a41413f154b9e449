"""``ballast forms``: which forms there are, and printing them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from commands.context import common, operator, tell
from data.errors import BadInput
from forms.settings import all_forms
from outage.print_runs import blank_stock
from outage.printing import Printed, print_blank, print_for_appointment, print_for_roster
from security.rules import look


@click.group()
def forms() -> None:
    """Forms: list them, print them."""


@forms.command("list")
@common
def list_forms() -> None:
    """Every form, what it is for, and how much blank stock is left."""
    by = operator()
    with look(by, "outage.print") as session:
        found = all_forms(session)
    left = {stock.form: stock for stock in blank_stock(by=by)}
    document = [
        {
            "form": slug, "title": one.title, "subject": one.subject, "purpose": one.purpose,
            "blank_left": left[slug].left, "low": left[slug].low,
        }
        for slug, one in found.items()
    ]  # fmt: skip
    words = "\n".join(f"{slug:16}{one.title:24}{left[slug].left:4} blank  {one.purpose}" for slug, one in found.items())
    tell({"forms": document}, words)


@forms.command("print")
@click.argument("form")
@click.option("--roster", "day", type=click.DateTime(["%Y-%m-%d"]), help="For everybody on that day's roster.")
@click.option("--appointment", help="For one appointment, by its id.")
@click.option("--blank", type=int, help="So many blank sheets.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The PDF to write.")
@click.option("--zones", type=click.Path(path_type=Path), help="Also write where every box stands, as JSON.")
@common
def print_form(
    form: str, day: object, appointment: str | None, blank: int | None, output: Path, zones: Path | None
) -> None:
    """Print FORM (such as consent, travel-sheet, drug-log, roster, walk-in, card-slip) into a PDF."""
    chosen = [one for one in (day, appointment, blank) if one is not None]
    if len(chosen) != 1:
        raise BadInput(problem="Say one of --roster DATE, --appointment ID and --blank N.")
    by = operator()
    if day is not None:
        printed = print_for_roster([form], day.date(), by=by)  # type: ignore[attr-defined]
    elif appointment is not None:
        printed = print_for_appointment(form, appointment, by=by)
    else:
        printed = print_blank(form, int(blank or 0), by=by)
    output.write_bytes(printed.pdf)
    if zones is not None:
        zones.write_text(json.dumps({"unit": "pt", "pages": printed.pages}))
    tell(_document(printed, output, zones), f"{output}: {printed.sheets} sheets, {len(printed.pages)} pages")


def _document(printed: Printed, output: Path, zones: Path | None) -> dict[str, object]:
    return {
        "file": str(output), "zones": str(zones) if zones else None, "sheets": printed.sheets,
        "pages": len(printed.pages), "serials": printed.serials, "runs": printed.runs,
    }  # fmt: skip
