"""What every table has in common.

``ClinicRow``: the clinic in the key, so that no row can be read or joined across clinics and the schema can be
distributed by ``clinic_id``; a change number. ``Tombstoned``: rows are never deleted. ``Record``: a thing people edit
(version for optimistic locking). ``Event``: a thing that happened and is never changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, MetaData, String, Uuid, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from data.types import UTCDateTime, clock, new_id

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """One schema."""

    metadata = MetaData(naming_convention=NAMES)
    append_only: ClassVar[bool] = False
    """Triggers refuse UPDATE (of anything but the tombstone) and DELETE."""


class ClinicRow:
    """A row of one clinic. ``is_quiet``: no answer kept for pages depends on it."""

    is_quiet: ClassVar[bool] = False
    clinic_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True, default=new_id)
    change: Mapped[int] = mapped_column(BigInteger)

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("_")  # type: ignore[attr-defined]

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        name = cls.__tablename__
        indexes = [Index(f"ix_{name}_change", "clinic_id", "change")]
        if issubclass(cls, Tombstoned):  # type: ignore[arg-type]
            brought = text("import_id IS NOT NULL")
            indexes.append(
                Index(
                    f"ix_{name}_import", "clinic_id", "import_id", sqlite_where=brought, postgresql_where=brought
                )
            )  # fmt: skip
        return (*getattr(cls, "keys", ()), *indexes)


@event.listens_for(ClinicRow, "init", propagate=True)
def _name_at_birth(_row: ClinicRow, _args: object, columns: dict[str, Any]) -> None:
    """A row has its id from the start, so that an audit row can name it before anything is flushed."""
    columns.setdefault("id", new_id())


class Tombstoned:
    """A row that is hidden, not deleted; ``import_id`` is the import that brought it, so that it can be undone."""

    deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    import_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))


class Arriving:
    """A row of an import that counts only once all of it is here: until then no session sees it (``data.session``)."""

    import_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))


class Record(ClinicRow, Tombstoned):
    """A thing people edit."""

    version: Mapped[int] = mapped_column(Integer, default=1)
    entered_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return (
            {"version_id_col": cls.__table__.c.version}
            if hasattr(cls, "__table__")
            else {"version_id_col": cls.version}
        )


class Event(ClinicRow, Tombstoned):
    """A thing that happened: when (``event_at``), when it was written down, by whom, from what.

    ``source`` is live, paper (back entry) or import.
    """

    append_only = True
    event_at: Mapped[datetime] = mapped_column(UTCDateTime())
    entered_at: Mapped[datetime] = mapped_column(UTCDateTime(), default=clock.now)
    source: Mapped[str] = mapped_column(String(10), default="live")
    by_user_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))


def id_column(*, nullable: bool = False) -> Any:
    """A column that holds the id of a row of the same clinic."""
    return mapped_column(Uuid(as_uuid=False), nullable=nullable)


def belongs(column: str, table: str) -> ForeignKeyConstraint:
    """A foreign key inside the clinic: (clinic_id, column) to (clinic_id, id) of the table."""
    return ForeignKeyConstraint(["clinic_id", column], [f"{table}.clinic_id", f"{table}.id"])
