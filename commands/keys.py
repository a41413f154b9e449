"""``ballast keys``: how the root key stands, its recovery sheet, and the way back from paper."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import click

from commands.context import common, open_home, tell
from data.errors import BadInput, CheckFailed
from data.home import Home
from security import keys as rules
from security.clinics import clinics


class KeyNotGood(CheckFailed):
    """The key file {path} {problem}."""


class SheetThere(BadInput):
    """{path} exists already. Name another file for the recovery sheet."""


@click.group()
def keys() -> None:
    """The key that everything is encrypted under."""


@keys.command("status")
@common
def show_status() -> None:
    """Say where the key file lies and whether all is well with it; exit 1 when it is not."""
    found = rules.status(Home.locate())
    words = [f"Data directory: {found.home}", f"Key file:       {found.key_file}"]
    problem = _problem(found)
    tell(dataclasses.asdict(found) | {"good": found.good}, "\n".join([*words, problem or "All is well with it."]))
    if problem:
        raise KeyNotGood(path=found.key_file, problem=problem)


def _problem(found: rules.KeyStatus) -> str:
    if not found.present:
        return "is missing; put it back, or type 'ballast keys recover'"
    if not found.private:
        return "can be read by other users of this machine; run chmod 600 on it"
    if not found.outside:
        return "lies inside the data directory; move it elsewhere and set BALLAST_KEY_FILE"
    return "is not the key of this data directory" if found.fits is False else ""


@keys.command("sheet")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The PDF to write.")
@common
def sheet(output: Path | None) -> None:
    """Write the recovery sheet again, to print it."""
    home = open_home()
    written = write_sheet(home, output, [clinic.name for clinic in clinics()])
    tell({"recovery_sheet": str(written)}, f"Recovery sheet: {written}\nPrint it, then delete the file.")


@keys.command("recover")
@common
def recover() -> None:
    """Type the recovery sheet back, and have the key file written anew."""
    home = Home.locate()
    _ = home.id
    if sys.stdin.isatty():
        lines = []
        for number in range(1, rules.LINES + 1):
            typed = click.prompt(f"Line {number} (5 words)")
            if typed.startswith("BALLAST-KEY:"):
                lines = [typed]
                break
            lines.append(typed)
        typed = "\n".join(lines)
    else:
        typed = sys.stdin.read()
    written = rules.recover(typed, home)
    tell({"key_file": str(written)}, f"The key file is back: {written}")


def write_sheet(home: Home, target: Path | None, names: list[str]) -> Path:
    """Write the recovery sheet, readable by its owner alone; beside the key file where nothing else is said."""
    target = target or home.key_file.with_name(f"{home.key_file.stem}-recovery-sheet.pdf")
    content = rules.sheet(home, names)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SheetThere(path=target) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return target
