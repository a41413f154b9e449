"""``ballast init`` and ``demo``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from commands.context import chosen_slug, common, open_home, tell, wants_json
from commands.keys import SheetThere, write_sheet
from data.home import Home
from opening.start import start_clinic
from security.clinics import LOCALES, NewClinic

DEFAULTS = {"name": "My clinic", "zone": "America/New_York", "currency": "USD", "kind": "veterinary",
            "owner": "Owner", "username": ""}  # fmt: skip


@click.command()
@click.option("--no-input", is_flag=True, help="Ask nothing; take what the options say.")
@click.option("--slug", hidden=True)
@click.option("--name", help="The clinic's name.")
@click.option("--zone", help="Its time zone, like America/Chicago.")
@click.option("--currency", help="Its currency, like USD.")
@click.option("--kind", type=click.Choice(["veterinary", "human"]))
@click.option("--owner", help="The owner's name.")
@click.option("--username", help="The owner's user name.")
@click.option("--recovery-sheet", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it (PDF).")
@common
def init(no_input: bool, slug: str | None, recovery_sheet: Path | None, **given: str | None) -> None:
    """Make an empty clinic; a second call adds another. The first writes the recovery sheet of the key."""
    answers = dict(DEFAULTS) | {name: value for name, value in given.items() if value}
    password = ""
    if not no_input and not wants_json() and sys.stdin.isatty():
        password = _ask(answers, given)
    home = Home.locate()
    fresh = not home.exists
    new = NewClinic(
        chosen_slug() or slug or _slug(answers["name"]), answers["name"], answers["zone"], answers["currency"],
        answers["kind"], LOCALES.get(answers["currency"], "en_US"),
    )  # fmt: skip
    new.check()
    if recovery_sheet and recovery_sheet.exists():
        raise SheetThere(path=recovery_sheet)
    home.create()
    open_home()
    opened = start_clinic(new, username=answers["username"], password=password, owner=answers["owner"])
    sign_in = {"role": "owner", "username": opened.username, "password": opened.password, "totp_secret": None}
    document = {"url": "http://127.0.0.1:8501", "home": str(home.path), "clinic": new.slug, "sign_ins": [sign_in],
                "key_file": str(home.key_file)}  # fmt: skip
    words = [
        f"{new.name} is ready.",
        f"Sign in as {opened.username}" + ("" if password else f" with {opened.password}"),
    ]
    if fresh or recovery_sheet:
        written = write_sheet(home, recovery_sheet, [new.name])
        document["recovery_sheet"] = str(written)
        words += [
            f"Key file:       {home.key_file}",
            f"Recovery sheet: {written}",
            "Print the sheet twice, keep one copy in another building, then delete the file. Without key file and",
            "sheet nobody can read the data, backups included. Keep backups elsewhere than the sheet.",
        ]
    tell(document, "\n".join([*words, "Start it with: ballast serve"]))


def _ask(answers: dict[str, str], given: dict[str, str | None]) -> str:
    questions = {
        "name": "Name of the clinic", "kind": "Kind (veterinary or human)", "zone": "Time zone", "currency": "Currency",
        "owner": "Your name", "username": "Your user name",
    }  # fmt: skip
    for name, question in questions.items():
        if not given.get(name):
            answers[name] = click.prompt(question, default=answers[name] or None)
    password: str = click.prompt("Password (12 characters or more)", hide_input=True, confirmation_prompt=True)
    return password


def _slug(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain if len(plain) > 1 and name != DEFAULTS["name"] else "clinic"


@click.command()
@click.option("--port", default=8501, show_default=True)
@click.option("--years", default=3, show_default=True, type=click.IntRange(1, 10), help="Years of history.")
@click.option("--seed", default=7, show_default=True, help="Another seed makes another clinic.")
@click.option("--no-serve", is_flag=True, help="Make the clinic and stop.")
@common
@click.pass_context
def demo(ctx: click.Context, port: int, years: int, seed: int, no_serve: bool) -> None:
    """A sample clinic: made once, then reused; prints how to sign in, and serves it."""
    from commands.serve import serve
    from opening.demo import find_demo, make_demo, sign_ins

    home = Home.locate()
    home.create()
    open_home()
    found = find_demo()
    if found is None:
        click.echo(f"Making {years} years of a sample clinic, about 20 seconds …", err=True)
        found = make_demo(years=years, seed=seed)
    url = f"http://127.0.0.1:{port}"
    people = sign_ins()
    lines = [f"{found.name}: {url}", ""]
    lines += [f"  {person['role']:<14} {person['username']:<14} {person['password']}" for person in people]
    document = {"url": url, "home": str(home.path), "clinic": found.slug, "sign_ins": people}
    tell(document, "\n".join(lines))
    if not no_serve:
        ctx.invoke(serve, port=port)
