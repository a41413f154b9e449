"""The ``ballast`` command: one group, its commands in commands/, failures as sentences and exit codes.

Exit 0 done, 1 a check failed, 2 bad usage or bad input, 3 permission refused, 4 environment. Standard error gets one
line per error, at most twenty; nobody ever sees a traceback unless ``BALLAST_DEBUG`` is set.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path

import click

from data.errors import Refusal

COMMANDS = {
    "init": "setup", "serve": "serve", "demo": "setup", "keys": "keys",
    "user": "users", "role": "users", "backup": "backups", "worker": "work",
    "report": "reports", "audit": "users",
    "import": "transfer", "export": "transfer", "subscription": "subscriptions",
    "forms": "forms", "scan": "scan", "pack": "pack", "outage": "outage",
    "rehearse": "rehearse",
    "settlement": "settlement", "bank": "settlement", "schema": "schema",
    "reconcile": "reconcile", "billing": "billing",
    "watch": "watch", "incident": "watch", "vault": "vault", "snapshot": "snapshot",
    "campaign": "campaign",
}  # fmt: skip
"""Command name to the module in commands/ that holds it; loaded only when called."""


class Lazy(click.Group):
    """A group that imports a command's module when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command."""
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """One command."""
        module = COMMANDS.get(name)
        if module is None:
            return None
        function = name.replace("-", "_")
        loaded = importlib.import_module(f"commands.{module}")
        found = getattr(loaded, function, None) or getattr(loaded, f"{function}_")
        assert isinstance(found, click.Command)
        return found


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path), help="The data directory (or BALLAST_HOME).")
@click.option("--clinic", help="Which clinic, where the home holds several.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def ballast(ctx: click.Context, home: Path | None, clinic: str | None, as_json: bool) -> None:
    """The back office of a small clinic that keeps its feet in an outage."""
    if home is not None:
        os.environ["BALLAST_HOME"] = str(home.expanduser().resolve())
    ctx.obj = {"clinic": clinic, "json": as_json}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; answers with the exit code and ends the process with it."""
    gc.disable()  # until the command runs: imports leave no garbage, and looking for it takes a tenth of their time
    code = run(sys.argv[1:] if arguments is None else arguments)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    from sqlalchemy.exc import DBAPIError

    try:
        result = ballast(args=arguments, prog_name="ballast", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as failure:
        click.echo(f"ballast: {failure.format_message()}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("ballast: stopped", err=True)
        return 1
    except Refusal as refusal:
        for line in getattr(refusal, "lines", None) or [refusal.message]:
            click.echo(f"ballast: {line}", err=True)
        return refusal.exit_code
    except DBAPIError as failure:
        return _environment("The database did not answer as it should.", failure)
    except OSError as failure:
        return _environment(f"{failure.strerror or failure}: {failure.filename or ''}", failure)
    except Exception as failure:
        sentence = f"Something went wrong that nobody foresaw ({type(failure).__name__}). BALLAST_DEBUG=1 shows where."
        return _environment(sentence, failure)


def _environment(sentence: str, failure: Exception) -> int:
    if os.environ.get("BALLAST_DEBUG"):
        raise failure
    click.echo(f"ballast: {sentence}", err=True)
    return 4


if __name__ == "__main__":
    main()
