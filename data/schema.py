"""Bringing a database to the current schema with Alembic.

SQLite: on a connection of its own with foreign keys off (batch mode would otherwise delete the children of every
table it rebuilds), then checked, then the triggers are made again.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from data.engine import Database
from data.errors import EnvironmentFailure
from data.triggers import create_triggers


class SchemaTooNew(EnvironmentFailure):
    """This database was made by a newer Ballast (schema {found}). Update this installation before opening it."""


class BrokenReferences(EnvironmentFailure):
    """The upgrade was not carried out: {count} rows of {table} would lose what they belong to. Restore the backup
    that was taken before it and report this."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema to a revision. Nothing happens when it is there already. Raises BrokenReferences."""
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
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The revision this code needs."""
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    head = script.get_current_head()
    assert head is not None
    return head


def _refuse_newer(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaTooNew(found=found)
