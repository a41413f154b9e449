"""Reading the rows of a compiled query: no more than is asked for, and no longer than somebody waits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import duckdb

from data.errors import BadInput
from reports.audited import SCREENS
from reports.compile import Query

SCREEN_ROWS = 10_000
"""What a screen shows of a long list; files hold the rest."""
FILE_ROWS = 1_048_574
"""What a sheet of Excel holds beneath its heads. CSV of a list takes any number: it is streamed."""
SECONDS = 60.0


class TakesTooLong(BadInput):
    """The report was stopped after {seconds} seconds, so that nothing else waits for it. Choose a shorter period, or
    fewer groups."""


class NotEnoughMemory(BadInput):
    """The report needs more memory than reports may take. Choose a shorter period, or fewer groups. Whoever keeps the
    server can give reports more by setting BALLAST_MART_MEMORY."""


class TooManyRows(BadInput):
    """The report has more than {most} rows, more than this file holds. Choose a shorter period; a list has any number
    of rows as CSV."""


class DoesNotFit(BadInput):
    """This report cannot be worked out: one of its tests, groups or numbers does not fit what its field holds. Choose
    that part anew in the report builder."""


_UNFIT = (duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)
"""What the engine says of it may quote a value, so that is told to nobody."""


def read(cursor: duckdb.DuckDBPyConnection, query: Query, form: str) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows, and whether there are more: a screen shows the first of them. Raises TakesTooLong, NotEnoughMemory,
    DoesNotFit, TooManyRows."""
    most = SCREEN_ROWS if form in SCREENS else FILE_ROWS
    with watched(cursor):
        rows: list[tuple[Any, ...]] = cursor.execute(query.first(most + 1), query.values).fetchall()
    if len(rows) <= most:
        return rows, False
    if form in SCREENS:
        return rows[:most], True
    raise TooManyRows(most=f"{most:,}")


@contextlib.contextmanager
def watched(cursor: duckdb.DuckDBPyConnection, seconds: float | None = None) -> Iterator[None]:
    """Stop what the cursor does when it takes longer. Raises TakesTooLong, NotEnoughMemory, DoesNotFit."""
    patience = seconds or SECONDS
    watch = threading.Timer(patience, cursor.interrupt)
    watch.daemon = True
    watch.start()
    try:
        yield
    except duckdb.InterruptException:
        raise TakesTooLong(seconds=round(patience)) from None
    except duckdb.OutOfMemoryException:
        raise NotEnoughMemory() from None
    except _UNFIT:
        raise DoesNotFit() from None
    finally:
        watch.cancel()
