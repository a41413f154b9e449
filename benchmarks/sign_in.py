"""A thousand sign-in attempts at once: every one is answered, the lock holds, and somebody else still gets in.

    python benchmarks/sign_in.py [--attempts 1000] [--threads 100]

Runs at the rule behind the form, on a fresh clinic on SQLCipher. One attempt in ten carries the right password, and
comes after ten wrong ones; none of those may succeed.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PASSWORD = "river-lantern-maple-47"


def main() -> None:
    """Set up, attack, report."""
    options = argparse.ArgumentParser()
    options.add_argument("--attempts", type=int, default=1_000)
    options.add_argument("--threads", type=int, default=100)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BALLAST_HOME"] = str(Path(folder) / "home")
        os.environ["BALLAST_KEY_FILE"] = str(Path(folder) / "key")
        os.environ.pop("BALLAST_DATABASE_URL", None)
        print(json.dumps(measure(chosen.attempts, chosen.threads), indent=1))


def measure(attempts: int, threads: int) -> dict[str, object]:
    """The numbers of one run."""
    from data.session import read
    from opening.start import first_run
    from security import sign_in
    from security.actor import Actor
    from security.clinics import NewClinic, add_user

    done = first_run(NewClinic("bench", "Bench"), username="olga", password=PASSWORD, owner="Olga Owner")
    by = Actor.operator(done.opened.clinic_id)
    victim = add_user("victim", "staff", PASSWORD, by=by)
    add_user("colleague", "staff", PASSWORD, by=by)
    for _ in range(10):
        sign_in.check_password("victim", "wrong", address="203.0.113.1")
    times: list[float] = []
    guard = threading.Lock()

    def attempt(number: int) -> bool:
        started = time.perf_counter()
        password = PASSWORD if number % 10 == 0 else f"guess-{number}"
        found = sign_in.check_password("victim", password, address=f"203.0.113.{number % 50}")
        with guard:
            times.append(time.perf_counter() - started)
        return found is not None

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(attempt, number) for number in range(attempts)]
        time.sleep(0.5)
        began = time.perf_counter()
        colleague = sign_in.check_password("colleague", PASSWORD, address="198.51.100.7")
        waited = time.perf_counter() - began
        let_in = sum(job.result() for job in running)
    took = time.perf_counter() - started
    with read(by.clinic_id) as session:
        from data.models import User

        locked = session.get_one(User, (by.clinic_id, victim)).locked_at is not None
    times.sort()
    assert let_in == 0
    assert locked
    assert colleague is not None
    return {
        "attempts": attempts, "threads": threads, "answered": len(times), "let_in": let_in, "locked": locked,
        "seconds": round(took, 1), "per_second": round(attempts / took, 1),
        "p50_seconds": round(times[len(times) // 2], 2), "p99_seconds": round(times[int(len(times) * 0.99)], 2),
        "colleague_seconds": round(waited, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
