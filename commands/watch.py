"""``ballast watch`` and ``ballast incident``: the status page's own process, which needs nothing else of Ballast."""

from __future__ import annotations

import sys

import click

from watcher import __main__ as watcher

AS_IT_IS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.command(context_settings=AS_IT_IS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def watch(arguments: tuple[str, ...]) -> int:
    """Watch the app for the status page (--config FILE, --once); the same as python3 -m watcher."""
    return _run(list(arguments))


@click.command(context_settings=AS_IT_IS, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def incident(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Post to the status page, also while the app is dead: open, update, resolve, list."""
    given = list(arguments)
    if ctx.find_root().obj["json"] and given and "--json" not in given:
        given.insert(1, "--json")
    return _run(["incident", *given])


def _run(arguments: list[str]) -> int:
    try:
        return watcher.main(arguments)
    except SystemExit as leaving:  # argparse has said what is wrong, or printed its help
        code = int(leaving.code or 0) if not isinstance(leaving.code, str) else 2
        if code == 0:
            sys.exit(0)
        return code
