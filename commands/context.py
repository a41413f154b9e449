"""What every command needs: options in either place, the open home, the clinic, output as JSON or words."""

from __future__ import annotations

import functools
import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from data.engine import Database, use
from data.home import Home
from data.models import Clinic
from data.schema import upgrade
from security.actor import Actor
from security.clinics import find_clinic


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let --home, --clinic and --json stand behind the command's name as well as before it."""

    @click.option("--home", type=click.Path(path_type=Path), hidden=True)
    @click.option("--clinic", hidden=True)
    @click.option("--json", "as_json", is_flag=True, hidden=True)
    @click.pass_context
    @functools.wraps(command)
    def wrapped(
        ctx: click.Context, *args: Any, home: Path | None, clinic: str | None, as_json: bool, **options: Any
    ) -> Any:
        if home is not None:
            os.environ["BALLAST_HOME"] = str(home.expanduser().resolve())
        root = ctx.find_root().obj
        root["clinic"] = clinic or root["clinic"]
        root["json"] = as_json or root["json"]
        gc.enable()
        return command(*args, **options)

    return wrapped


def open_home() -> Home:
    """The home with its database at the current schema; raises NoHome, KeyMissing, SchemaTooNew."""
    home = Home.locate()
    _ = home.id
    database = Database(home)
    upgrade(database)
    use(database)
    return home


def chosen_clinic() -> Clinic:
    """The clinic of --clinic, or the only one."""
    open_home()
    return find_clinic(chosen_slug())


def chosen_slug() -> str | None:
    """What --clinic said."""
    value = click.get_current_context().find_root().obj["clinic"]
    return str(value) if value else None


def operator() -> Actor:
    """The operator of the chosen clinic."""
    return Actor.operator(chosen_clinic().id)


def wants_json() -> bool:
    """Whether --json was given."""
    return bool(click.get_current_context().find_root().obj["json"])


def tell(document: Any, words: str) -> None:
    """Print the JSON document with --json, else the words."""
    click.echo(json.dumps(document, indent=1, default=str) if wants_json() else words)
