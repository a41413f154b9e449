"""``ballast import`` and ``ballast export``: data in and out."""

from __future__ import annotations

from pathlib import Path

import click

from commands.context import common, open_home, operator, tell
from data.errors import BadInput
from data.home import Home
from opening.importing import FOLDERS, import_folder
from records.clinic_export import export_clinic
from records.clinic_import import import_clinic
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

    All or nothing. 'medscheduler DIR' and 'synthea DIR' import the files of those programs; 'clinic DIR' reads back
    what 'ballast export' wrote, keeping ids.
    """
    if kind == "clinic":
        _import_clinic(source)
        return
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


def _import_clinic(source: Path) -> None:
    if not source.exists():
        raise BadInput(problem=f"There is no export {source}. Check the name and the folder.")
    home = Home.locate()
    home.create()
    open_home()
    found = import_clinic(source)
    rows = sum(found.tables.values())
    words = (
        f"{found.name} ({found.slug}) is here: {rows:,} rows, {found.documents:,} documents. Key file: {home.key_file}"
    )
    document = {
        "clinic": found.slug, "id": found.clinic_id, "tables": found.tables, "documents": found.documents,
        "remarks": found.remarks, "home": str(home.path),
    }  # fmt: skip
    tell(document, "\n".join([words, *found.remarks]))


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@common
def export(folder: Path) -> None:
    """Write the whole clinic into a folder: a manifest, one CSV for each table, every document.

    Whoever has the folder can read everything in it.
    """
    done = export_clinic(folder, by=operator())
    lost = [f"The stored file of document {name} is missing." for name in done.missing]
    document = {
        "folder": done.folder, "tables": done.tables, "rows": done.rows, "documents": done.documents,
        "missing_documents": done.missing,
    }  # fmt: skip
    tell(document, "\n".join([f"{done.rows:,} rows and {done.documents:,} documents are in {done.folder}.", *lost]))


def _words(report: Report) -> str:
    shown = [f"  {notice}" for notice in report.notices[:10]]
    more = len(report.notices) - len(shown)
    return "\n".join([report.sentence(), *shown, *([f"  and {more:,} more remarks"] if more > 0 else [])])
