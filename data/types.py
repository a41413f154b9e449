"""Column types and small values shared by every model: ids, UTC time, clock."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, Dialect, Uuid
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

_lock = threading.Lock()
_last_ms = 0
_sequence = 0


def new_id() -> str:
    """A UUID version 7 (RFC 9562) as text: sortable by creation, unique, safe to show.

    The 12 bits behind the millisecond count up within one millisecond, so that ids of one process keep their order.
    """
    global _last_ms, _sequence
    with _lock:
        now = time.time_ns() // 1_000_000
        if now <= _last_ms:
            _sequence += 1
            if _sequence > 0xFFF:
                _last_ms, _sequence = _last_ms + 1, 0
        else:
            _last_ms, _sequence = now, 0
        ms, sequence = _last_ms, _sequence
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (ms << 80) | (0x7 << 76) | (sequence << 64) | (0b10 << 62) | random
    return str(uuid.UUID(int=value))


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. Naive values are refused, since SQLite would drop their zone silently.

    On SQLite the column holds ``YYYY-MM-DD HH:MM:SS.ffffff``, written and read by the C code of datetime: SQLAlchemy's
    own conversion takes five times as long.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """UTC on the way in."""
        as_text = dialect.name == "sqlite"

        def to_utc(value: datetime | None) -> Any:
            if value is None:
                return None
            if value.tzinfo is None:
                raise ValueError(f"a time without a zone cannot be stored: {value}")
            if value.tzinfo is not UTC:
                value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")[:26] if as_text else value

        return to_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """Aware UTC on the way out."""
        if dialect.name == "sqlite":
            return lambda text: None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
        return lambda value: None if value is None else value.astimezone(UTC)


Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]


class Clock:
    """Now, in UTC; tests and ``worker --now`` set it."""

    def __init__(self) -> None:
        self._fixed: datetime | None = None
        self._here = threading.local()

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return getattr(self._here, "told", None) or self._fixed or datetime.now(UTC)

    @contextlib.contextmanager
    def told(self, instant: datetime) -> Iterator[None]:
        """In this thread it is ``instant`` meanwhile: rules tell a sample clinic what happened then."""
        before = getattr(self._here, "told", None)
        self._here.told = instant
        try:
            yield
        finally:
            self._here.told = before

    def set(self, instant: datetime | None) -> None:
        """Hold the clock at an instant, or let it run again with ``None``."""
        self._fixed = instant

    def today(self, zone: str) -> date:
        """The calendar day in a zone such as ``America/New_York``."""
        return self.now().astimezone(ZoneInfo(zone)).date()


clock = Clock()


def is_id(text: object) -> bool:
    """Whether a text, such as one out of an address, can be the id of a row at all."""
    try:
        return str(uuid.UUID(str(text))) == text
    except ValueError:
        return False
