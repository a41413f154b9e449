"""The mart: first load, snapshot and warm start, refresh of 0.1 % changed rows, twenty readers while rows arrive.

    python -m benchmarks.mart [--rows 1000000] [--url postgresql://…]

Prints one JSON document. Times are wall-clock seconds on this machine, ``_cpu_s`` processor time; readers' figures are
milliseconds. ``held_ms`` tells how late a thread came that wanted to run every 5 ms beside a load, as a page does: once
beside a load, and ``idle`` beside nothing, which is what the machine itself costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.seed import sized_clinic
from data import mart
from data.engine import Database, database, use
from data.home import Home
from data.mart import Mart
from data.models import Appointment
from data.schema import upgrade
from data.session import write

SQL = "SELECT service_id, date_trunc('month', day), sum(net_cents) FROM invoice_line GROUP BY ALL"


def opened(url: str | None, root: Path | None = None) -> None:
    """A home in ``root``, the one that stands there already, or an empty one in a temporary directory."""
    root = root or Path(tempfile.mkdtemp(prefix="ballast-bench-"))
    os.environ["BALLAST_KEY_FILE"] = str(root / "key")
    if url:
        os.environ["BALLAST_DATABASE_URL"] = url
    home = Home(root / "home")
    if not home.path.exists():
        home.create()
    use(Database(home))
    upgrade(database())


def measure(rows: int) -> dict[str, Any]:
    """Everything, in one run."""
    began = time.perf_counter()
    clinic_id = sized_clinic(rows)
    answer: dict[str, Any] = {"rows": rows, "seed_s": time.perf_counter() - began, "cpu": os.cpu_count()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - not a part of what is measured

    answer["idle"] = loading(lambda: time.sleep(3))
    answer["load"] = loading(lambda: mart.mart().refresh(clinic_id))
    answer["load_mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    answer["snapshot"] = loading(lambda: mart.mart().keep(clinic_id))
    warm = Mart(database())
    answer["warm"] = loading(lambda: warm.refresh(clinic_id))
    answer["warm_cpu_part_of_load"] = answer["warm"]["cpu_s"] / answer["load"]["cpu_s"]
    answer["warm_verify_differs"] = warm.verify(clinic_id)
    warm.close()
    answer["refresh_s"] = [touch(clinic_id, rows // 1000) for _ in range(3)]
    answer["idle_check_ms"] = 1000 * timed(lambda: mart.mart().refresh(clinic_id))
    answer["verify_differs"] = mart.mart().verify(clinic_id)
    answer |= readers(clinic_id, rows // 1000)
    answer["load_average"] = os.getloadavg()
    return answer | {"machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"}


def loading(work: Any) -> dict[str, Any]:
    """What a load gave, its seconds, its processor time, and how late a thread beside it came at worst and at p99."""
    stop, late = threading.Event(), [0.0]

    def tick() -> None:
        while not stop.is_set():
            due = time.perf_counter() + 0.005
            time.sleep(0.005)
            late.append(time.perf_counter() - due)

    beside = threading.Thread(target=tick)
    beside.start()
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    beside.join()
    late.sort()
    held = [round(1000 * late[int(len(late) * share)], 1) for share in (0.5, 0.99)] + [round(1000 * late[-1], 1)]
    return {"result": result, "wall_s": took, "cpu_s": cpu, "held_ms_p50_p99_max": held}


def timed(work: Any) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def touch(clinic_id: str, count: int) -> float:
    """Change ``count`` appointments and refresh; the seconds of the refresh."""
    with write(clinic_id) as session:
        for row in session.query(Appointment).order_by(text("random()")).limit(min(count, 2_000)):
            row.stage = "no_show" if row.stage != "no_show" else "checked_out"
        session.flush()
        session.info["flushed"] = True
    return timed(lambda: mart.mart().refresh(clinic_id))


def readers(clinic_id: str, count: int, seconds: float = 6.0) -> dict[str, Any]:
    """Twenty threads that ask without pause, a refresh every half second."""
    stop, times, errors = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            try:
                began = time.perf_counter()
                with mart.reading(clinic_id, max_age=1.0) as cursor:
                    cursor.execute(SQL).fetchall()
                times.append(time.perf_counter() - began)
            except Exception as failure:
                errors.append(repr(failure))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    refreshed, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        refreshed.append(touch(clinic_id, count // 5))
        time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    times.sort()
    return {
        "reads": len(times), "read_p50_ms": 1000 * statistics.median(times),
        "read_p99_ms": 1000 * times[int(len(times) * 0.99)], "read_errors": errors[:3],
        "refresh_under_readers_s": max(refreshed),
    }  # fmt: skip


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--url")
    chosen = options.parse_args()
    opened(chosen.url)
    print(json.dumps(measure(chosen.rows), indent=1, default=lambda value: round(value, 4)))
