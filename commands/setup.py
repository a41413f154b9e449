"""``ballast init`` and ``demo``."""

from __future__ import annotations

import click

from commands.context import chosen_slug, common, open_home, tell
from data.home import Home
from opening.start import start_clinic
from security.clinics import NewClinic


@click.command()
@click.option("--no-input", is_flag=True, expose_value=False)
@click.option("--slug", hidden=True)
@click.option("--name", default="My clinic")
@click.option("--zone", default="America/New_York")
@click.option("--currency", default="USD")
@click.option("--kind", type=click.Choice(["veterinary", "human"]), default="veterinary")
@common
def init(slug: str | None, name: str, zone: str, currency: str, kind: str) -> None:
    """Make an empty clinic; a second call adds another."""
    home = Home.locate()
    home.create()
    open_home()
    new = NewClinic(chosen_slug() or slug or "clinic", name, zone, currency, kind)
    opened = start_clinic(new)
    sign_in = {"role": "owner", "username": opened.username, "password": opened.password, "totp_secret": None}
    tell(
        {"url": "http://127.0.0.1:8501", "home": str(home.path), "clinic": new.slug, "sign_ins": [sign_in]},
        f"{name} is ready. Sign in as {opened.username} with {opened.password}. Key file: {home.key_file}",
    )


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
