"""The migrations make the schema the models describe, keep every row, and guard what is append-only."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from data.models import Base
from data.schema import current_revision, head_revision, upgrade
from data.triggers import append_only_tables


def test_migrations_and_models_agree(clinic):
    assert current_revision(clinic.database) == head_revision()
    with clinic.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(clinic):
    upgrade(clinic.database)
    assert current_revision(clinic.database) == head_revision()


@pytest.mark.parametrize("verb", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"])
def test_append_only_tables_refuse_change(clinic, verb):
    with pytest.raises(DBAPIError, match="append only"), clinic.database.engine.begin() as connection:
        connection.exec_driver_sql(verb)


def test_every_table_of_a_clinic_carries_a_change_number(clinic):
    tables = set(inspect(clinic.database.engine).get_table_names()) - {
        "alembic_version",
        "clinic",
        "chain_head",
    }
    for name in tables:
        columns = {column["name"] for column in inspect(clinic.database.engine).get_columns(name)}
        assert {"clinic_id", "change"} <= columns, name
    assert set(append_only_tables()) <= tables
