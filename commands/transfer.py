"""``ballast import`` and ``ballast export``: data in and out."""

from __future__ import annotations

from pathlib import Path

import click

from commands.context import common, operator, tell
from data.errors import BadInput
from opening.importing import FOLDERS, import_folder
from records.imports import Report, find_mapping, import_file


@click.command("import")
@click.argument("kind")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--mapping", help="A mapping file (TOML or JSON), or the name of a saved one.")
@click.option("--encoding", default="", help="The file's text encoding, such as windows-1252.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@common
def import_(kind: str, source: Path, mapping: str | None, encoding: str, dry_run: bool) -> None:
    """Import a file: clients, patients, staff, appointments, services, invoices, payments.

    All or nothing. 'medscheduler DIR' and 'synthea DIR' import the files of those programs.
    """
    by = operator()
    if kind in FOLDERS:
        if dry_run:
            raise BadInput(
                problem=f"A dry run takes one file at a time; '{kind}' imports several that build on another."
            )
        reports = import_folder(kind, source, by=by)
    else:
        chosen = find_mapping(mapping, by=by) if mapping else None
        reports = [import_file(source, kind, by=by, mapping=chosen, encoding=encoding, dry_run=dry_run)]
    document = reports[0].document() if kind not in FOLDERS else {"imports": [r.document() for r in reports]}
    tell(document, "\n".join(_words(report) for report in reports))


def _words(report: Report) -> str:
    shown = [f"  {notice}" for notice in report.notices[:10]]
    more = len(report.notices) - len(shown)
    return "\n".join([report.sentence(), *shown, *([f"  and {more:,} more remarks"] if more > 0 else [])])
