"""Triggers that make append-only tables append-only, on both databases.

UPDATE is refused for every column but the tombstone and the change number; DELETE is refused outright.
"""

from __future__ import annotations

from sqlalchemy import Connection

from data.models import Base

MAY_CHANGE = {"deleted_at", "change"}


def append_only_tables() -> list[str]:
    """The tables whose rows are never changed."""
    return sorted(m.class_.__tablename__ for m in Base.registry.mappers if getattr(m.class_, "append_only", False))


def create_triggers(connection: Connection) -> None:
    """Create or recreate every trigger. Alembic's batch mode drops them, so each migration run ends here."""
    tables = append_only_tables()
    present = set(connection.dialect.get_table_names(connection))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION ballast_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING MESSAGE = 'append only: ' || TG_TABLE_NAME; END $$"
        )
    for table in tables:
        if table not in present:
            continue
        columns = ", ".join(
            f'"{column.name}"' for column in Base.metadata.tables[table].columns if column.name not in MAY_CHANGE
        )
        for verb, event in (("update", f"UPDATE OF {columns}"), ("delete", "DELETE")):
            name = f"{table}_no_{verb}"
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW "
                    "EXECUTE FUNCTION ballast_append_only()"
                )
            else:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'append only: {table}'); END"
                )
