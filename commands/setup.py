"""``ballast init``, ``serve`` and ``demo``."""

from __future__ import annotations

import os
from pathlib import Path

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
@click.option("--port", default=8501)
@common
def serve(port: int) -> None:
    """Serve the clinic to browsers."""
    open_home()
    os.chdir(Path(__file__).parent.parent)  # Streamlit looks for .streamlit/config.toml where it runs
    import streamlit_app

    streamlit_app.app.run(config={"server.port": port})


@click.command()
@common
def demo() -> None:
    """A sample clinic."""
    raise click.ClickException("not yet")
