"""``ballast snapshot``: a copy of the day for a USB stick, and the computers that keep one by themselves."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from commands.context import chosen_clinic, common, operator, tell
from data.errors import NotFound
from data.wording import Wording
from outage import snapshot_devices
from outage.snapshot_devices import STATES, SnapshotComputer


@click.group()
def snapshot() -> None:
    """The offline snapshot: roster, drug log, phone numbers and blank forms for an outage."""


@snapshot.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")
@common
def write(folder: Path, passphrase_stdin: bool) -> None:
    """Write the snapshot into DIR, for a USB stick: open index.html there in any browser and type the passphrase.

    Written again, it replaces the files of that name and takes away the rosters of earlier days.
    """
    from outage.snapshot_stick import check_passphrase, stick

    by = operator()
    if passphrase_stdin:
        passphrase = sys.stdin.readline().rstrip("\r\n")
    else:
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt="The same again", err=True)
    check_passphrase(passphrase)
    files = stick(passphrase, by=by)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for one in files:
        _write(folder / one.name, one.content)
    names = {one.name for one in files}
    for old in folder.glob("roster-????-??-??.pdf"):
        if old.name not in names:
            old.unlink()
    document = {"folder": str(folder), "files": [{"name": one.name, "size": len(one.content)} for one in files]}
    tell(document, "\n".join(str(folder / one.name) for one in files))


@snapshot.command()
@click.argument("name")
@common
def add(name: str) -> None:
    """Print a one-time code for the computer NAME: type it there at the address /snapshot/ within an hour."""
    code = snapshot_devices.add_computer(name, by=operator())
    tell({"name": name, "code": code, "path": "/snapshot/"}, code)


@snapshot.command("list")
@common
def list_() -> None:
    """The computers that keep a snapshot, and how fresh it is."""
    words = Wording.of(chosen_clinic())
    rows = snapshot_devices.computers(by=operator())
    lines = [f"{one.id}  {STATES[one.state]:<15} {words.moment(one.refreshed_at, missing='never'):<24} {one.name}"
             for one in rows]  # fmt: skip
    tell({"computers": [_told(one) for one in rows]}, "\n".join(lines) or "No computer keeps a snapshot yet.")


@snapshot.command()
@click.argument("computer")
@common
def revoke(computer: str) -> None:
    """Take a computer off the list, by its id or its name: it erases its copy when it next asks."""
    by = operator()
    found = [one for one in snapshot_devices.computers(by=by) if computer in (one.id, one.name)]
    if len(found) != 1:
        raise NotFound(what="computer" if not found else "single computer", name=computer)
    snapshot_devices.revoke_computer(found[0].id, by=by)
    tell({"revoked": found[0].id}, f"{found[0].name} is taken off the list.")


def _told(one: SnapshotComputer) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "state": one.state, "enrolled_at": one.enrolled_at,
        "refreshed_at": one.refreshed_at,
    }  # fmt: skip


def _write(target: Path, content: bytes) -> None:
    """Readable by its owner alone; whole or not at all, also where the stick is pulled out."""
    fresh = target.with_name(f".{target.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)
