"""20 people write at once while the worker's process writes as fast as it can: p99 of a rule, and nothing lost.

    uv run python -m benchmarks.writers [--seconds 8] [--people 20] [--pace 0]

Each write is a whole rule: permission read again, a versioned update, an audit row in the chain, COMMIT. ``pace``
is the pause of a person between two writes (0 = as fast as it goes). Prints JSON. BALLAST_DATABASE_URL runs it on an
empty PostgreSQL database instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import select

from data.engine import Database, use
from data.home import Home
from data.models import Location
from data.schema import upgrade
from data.session import read, write
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic
from security.rules import act
from security.sessions import open_session, resume


def bump(location_id: str, by: Actor) -> None:
    """One rule: read, change, audit."""
    with act(by, "settings.edit") as work:
        row = work.session.get_one(Location, (by.clinic_id, location_id))
        row.phone = str(int(row.phone or 0) + 1)
        work.audit("bench.bumped", "location", location_id)


def other_process(clinic_id: str, location_id: str) -> None:
    """The worker's stand-in: writes until its standard input closes, then prints how often."""
    use(Database(Home.locate()))
    by, count, done = Actor.worker(clinic_id), 0, threading.Event()

    def wait() -> None:
        sys.stdin.read()
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    while not done.is_set():
        bump(location_id, by)
        count += 1
    print(count)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--other", nargs=2)
    options = parser.parse_args()
    if options.other:
        other_process(*options.other)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BALLAST_HOME"], os.environ["BALLAST_KEY_FILE"] = folder + "/home", folder + "/key"
        print(json.dumps(measure(Path(folder), options.seconds, options.people, options.pace), indent=1))


def measure(folder: Path, seconds: float, people: int, pace: float) -> dict[str, object]:
    """Run it; returns the figures."""
    home = Home(folder / "home")
    home.create()
    database = Database(home)
    use(database)
    upgrade(database)
    clinic_id = create_clinic(NewClinic("bench", "Bench"))
    user_id = add_user("adam", "administrator", "river-lantern-maple-47", by=Actor.operator(clinic_id))
    with write(clinic_id) as session:
        places = [Location(name=f"L{n}", zone="UTC") for n in range(people + 1)]
        session.add_all(places)
        session.flush()
        audit.append(session, Actor.operator(clinic_id), "bench.set_up")
    actors = []
    for _ in range(people):
        with write(clinic_id) as session:
            token = open_session(session, user_id)
        actors.append(resume(token, touch=False).actor)
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.writers", "--other", clinic_id, places[-1].id],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(3)
    times: list[float] = []
    stop = threading.Event()

    def person(number: int) -> None:
        while not stop.is_set():
            began = time.perf_counter()
            bump(places[number].id, actors[number])
            times.append(time.perf_counter() - began)
            if pace:
                time.sleep(pace)

    threads = [threading.Thread(target=person, args=(n,)) for n in range(people)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    other = int(child.communicate()[0])
    with read(clinic_id) as session:
        total = sum(int(row.phone or 0) for row in session.scalars(select(Location).where(Location.name.like("L%"))))
        verdict = audit.verify(session)
    times.sort()
    n = len(times)
    return {
        "engine": "SQLCipher" if database.is_sqlite else "PostgreSQL", "people": people, "pace_s": pace,
        "writes_per_s": round(n / seconds), "p50_ms": round(times[n // 2] * 1e3, 1),
        "p99_ms": round(times[int(n * 0.99)] * 1e3, 1), "max_ms": round(times[-1] * 1e3, 1),
        "worker_writes_per_s": round(other / seconds), "lost": n + other - total,
        "audit_chain": verdict.problem or "whole",
    }  # fmt: skip


if __name__ == "__main__":
    main()
