"""Reports as files, by way of the product's own rules: CSV of 1.5 million rows, Excel of 100,000, a PDF of 500.

    python -m benchmarks.files [--rows 5000000] [--home DIR]

``--rows`` is the size of the clinic; CSV takes as many of its charge lines as there are, up to 1.5 million. Prints one
JSON document: wall seconds and processor seconds of the best of three runs.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.mart import opened
from benchmarks.seed import sized_clinic
from data import mart
from data.engine import database
from data.models import Clinic
from reports.export import render
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.streamed import write_csv
from security.actor import Actor

COLUMNS = ("day", "invoice.number", "invoice.client.name", "service", "quantity", "net")
WIDE = (*COLUMNS, "discount", "tax")


class Counting:
    """A file that counts its bytes and keeps none."""

    size = 0

    def write(self, text: Any) -> int:
        """Count."""
        self.size += len(text)
        return len(text)


def listing(columns: tuple[str, ...], rows: int) -> ReportSpec:
    """So many charge lines, newest first."""
    return ReportSpec.model_validate({
        "title": "Charges", "entity": "invoice_line", "columns": [{"field": name} for name in columns],
        "sort": ["-day"], "limit": rows if rows <= 1_000_000 else 0, "total": False,
    })  # fmt: skip


def best(work: Callable[[], int]) -> dict[str, float]:
    """The quickest of three runs, and what it gave."""
    runs = []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        size = work()
        runs.append((time.perf_counter() - began, time.process_time() - cpu, size))
    wall, cpu, size = min(runs)
    return {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "bytes": size}


def measure(clinic_id: str) -> dict[str, Any]:
    """All three."""
    by = Actor.operator(clinic_id)
    mart.mart().refresh(clinic_id)
    lines = {}

    def csv(rows: int) -> int:
        file = Counting()
        lines["csv"] = write_csv("charges", listing(COLUMNS, rows), {}, file, by=by)  # type: ignore[arg-type]
        return file.size

    def file(kind: str, rows: int) -> int:
        return len(render(run_spec("charges", listing(WIDE, rows), {}, by=by, form=kind), kind))

    answer: dict[str, Any] = {
        "csv": best(lambda: csv(1_500_000)),
        "xlsx, 100,000 rows of 8 columns": best(lambda: file("xlsx", 100_000)),
        "pdf, 500 rows of 8 columns": best(lambda: file("pdf", 500)),
    }
    answer["csv"]["rows"] = lines["csv"]
    return answer | {"load_average": os.getloadavg()}


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--home", type=Path)
    chosen = options.parse_args()
    opened(None, chosen.home)
    with database().reader.connect() as connection:
        known = connection.execute(select(Clinic.id).where(Clinic.slug == "bench")).scalar()
    print(json.dumps(measure(known or sized_clinic(chosen.rows)), indent=1))
