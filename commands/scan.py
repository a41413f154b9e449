"""``ballast scan``: scanned pages in, each put to its sheet and its appointment."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from commands.context import common, operator, tell
from data.errors import BadInput
from forms.reading.stack import FileNotRead
from outage.scan_lines import PageLine
from outage.scanning import BeingRead, read_scan, scan_file, waiting
from security.actor import Actor


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, type=click.Path(path_type=Path))
@common
def scan(files: tuple[Path, ...]) -> int:
    """Read scanned pages: PDF, TIFF, JPEG and PNG, in any order and any way up.

    Without a FILE it reads what waits because a process was stopped in the middle. Ends with 2 when a file could not
    be read at all; the others are read all the same.
    """
    by = operator()
    lines: list[PageLine] = []
    refused: list[dict[str, str]] = []
    for path in files:
        if not path.is_file():
            raise BadInput(problem=f"There is no file {path}.")
    steps = [(path.name, partial(_taken_in, path, by)) for path in files]
    steps += [("scan", partial(read_scan, scan_id, by=by)) for scan_id in (() if files else waiting(by=by))]
    for name, step in steps:
        try:
            lines += step()
        except FileNotRead as problem:
            refused.append({"source": name, "reason": problem.why, "sentence": problem.message})
            click.echo(f"ballast: {name}: {problem.message}", err=True)
        except BeingRead as problem:  # by the app or the worker; its pages are theirs to tell
            click.echo(f"ballast: {problem.message}", err=True)
    words = [
        f"{line.source} {line.index + 1:4}  {line.state:12}{line.form:14}{line.serial or '':>6}  {line.sentence}"
        for line in lines
    ]
    tell({"pages": [line.document() for line in lines], "refused": refused}, "\n".join(words))
    return 2 if refused else 0


def _taken_in(path: Path, by: Actor) -> list[PageLine]:
    return scan_file(path.name, path.read_bytes(), by=by)
