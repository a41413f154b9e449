"""Bringing a database to the current schema with Alembic.

SQLite: on a connection of its own with foreign keys off (batch mode would otherwise delete the children of every
table it rebuilds), then checked, then the triggers are made again. Alembic is imported only when there is something
to do: every command and every start comes through here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from data.engine import Database
from data.errors import EnvironmentFailure
from data.triggers import create_triggers

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaTooNew(EnvironmentFailure):
    """This database was made by a newer Ballast (schema {found}). Update this installation before opening it."""


class BrokenReferences(EnvironmentFailure):
    """The upgrade was not carried out: {count} rows of {table} would lose what they belong to. Restore the backup
    that was taken before it and report this."""


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to a revision. Nothing happens when it is there already. Raises BrokenReferences."""
    if revision in ("head", head_revision()) and current_revision(database) == head_revision():
        return
    from alembic import command

    with database.writing(), database.engine.connect() as connection:
        if database.is_sqlite:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                _refuse_newer(connection)
                command.upgrade(_config(connection), revision)
                if database.is_sqlite:
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                    if broken:
                        raise BrokenReferences(count=len(broken), table=broken[0][0])
                create_triggers(connection)
        finally:
            if database.is_sqlite:
                connection.invalidate()  # the next user gets a connection with foreign keys on


def current_revision(database: Database) -> str | None:
    """The revision the database stands at; None when it is empty."""
    with database.reader.connect() as connection:
        try:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
        except DBAPIError:  # no such table; a database that cannot be read at all says so in what follows
            return None
    return str(found) if found else None


def head_revision() -> str:
    """The revision this code needs: that of the newest migration, whose file is named after it."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _refuse_newer(connection: Connection) -> None:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    found = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaTooNew(found=found)
