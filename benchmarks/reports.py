"""Five reference reports: the product's own path against the same SQL run bare, on a mart of a start from a snapshot.

    python -m benchmarks.reports [--rows 1000000]

The product's path is ``reports.run.run``: permission, parameters, compile, one transaction on the mart, rows, audit
look-up. Medians of nine runs each, milliseconds, and SQLite's own answer to the first report for scale.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any

from benchmarks.mart import opened, timed
from benchmarks.seed import sized_clinic
from data import mart
from data.engine import database
from reports import run as running
from reports import spec as library
from reports.compile import Reader, compile_spec
from security.actor import Actor
from security.permissions import PERMISSIONS

REFERENCE = (
    ("revenue-by-service", {}), ("no-show-rate", {}), ("cash-received", {"by": "month-tender"}),
    ("ar-ageing", {"as_of": "2024-01-31", "by": "none"}), ("no-show-rate", {"by": "month"}),
)  # fmt: skip
ROUNDS = 9


def measure(rows: int) -> dict[str, Any]:
    """Times of both paths and their ratio."""
    clinic_id = sized_clinic(rows)
    first = mart.Mart(database(), use_snapshots=False)
    first.keep(clinic_id)
    first.close()
    mart.mart().refresh(clinic_id)
    by, answer = Actor.operator(clinic_id), []
    for name, params in REFERENCE:
        spec = library.built_in()[name]
        chosen = running.parameters(name, spec, params, "America/New_York")
        query = compile_spec(spec, {**chosen, "opening_before": None}, Reader(frozenset(PERMISSIONS)))
        with mart.reading(clinic_id) as cursor:
            bare_rows = cursor.execute(query.sql, query.values).fetchall()
            bare = [timed(lambda q=query, c=cursor: c.execute(q.sql, q.values).fetchall()) for _ in range(ROUNDS)]
        result = running.run(name, params, by=by)
        own = [timed(lambda n=name, p=params: running.run(n, p, by=by)) for _ in range(ROUNDS)]
        body = [row[1:] for row in bare_rows if not query.has_levels or row[0] == 0]
        same = (body if query.has_levels else bare_rows) == result.rows
        answer.append(
            {"report": name, "params": params, "bare_ms": 1000 * statistics.median(bare),
             "product_ms": 1000 * statistics.median(own), "rows": len(result.rows), "same": same}
        )  # fmt: skip
    bare_sum, own_sum = (sum(line[key] for line in answer) for key in ("bare_ms", "product_ms"))
    return {
        "rows": rows, "reports": answer, "bare_sum_ms": bare_sum, "product_sum_ms": own_sum,
        "ratio": own_sum / bare_sum, "sqlite_revenue_ms": 1000 * _sqlite_revenue(),
        "load_average": os.getloadavg(),
    }  # fmt: skip


def _sqlite_revenue() -> float:
    sql = (
        "SELECT substr(l.day, 1, 7), s.name, sum(l.net_cents) FROM invoice_line l JOIN invoice i ON "
        "i.clinic_id = l.clinic_id AND i.id = l.invoice_id LEFT JOIN service s ON s.clinic_id = l.clinic_id AND "
        "s.id = l.service_id WHERE l.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM invoice_event e WHERE "
        "e.clinic_id = i.clinic_id AND e.invoice_id = i.id AND e.kind = 'voided') GROUP BY 1, 2"
    )
    with database().reader.connect() as connection:
        began = time.perf_counter()
        connection.exec_driver_sql(sql).all()
        return time.perf_counter() - began


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    chosen = options.parse_args()
    opened(None)
    print(json.dumps(measure(chosen.rows), indent=1, default=str))
