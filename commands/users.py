"""``ballast user`` and ``ballast role``."""

from __future__ import annotations

import sys

import click

from commands.context import common, operator, tell
from security.clinics import add_user


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("add")
@click.argument("name")
@click.option("--role", required=True)
@click.option(
    "--password-stdin", is_flag=True, required=True, expose_value=False, help="Read the password from standard input."
)
@common
def user_add(name: str, role: str) -> None:
    """Add a person."""
    password = sys.stdin.readline().rstrip("\n")
    by = operator()
    add_user(name, role, password, by=by)
    tell({"username": name.lower(), "role": role}, f"{name} can sign in as {role}.")


@click.group()
def role() -> None:
    """What roles may do."""
