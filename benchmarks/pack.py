"""The evening's pack: sixty visits, about 240 pages of sheets, from the database to the files, on letter and A4.

``python -m benchmarks.pack`` builds a clinic of its own and prints processor time and time by the clock. To reach: the
240 pages of sheets within 10 s.
"""

from __future__ import annotations

import os
import tempfile
import time

VISITS = 60


def main() -> None:
    """One clinic, two papers, each twice: the first run also reads the forms back and makes their editions."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BALLAST_HOME": f"{folder}/home", "BALLAST_KEY_FILE": f"{folder}/key"}
        os.environ.pop("BALLAST_DATABASE_URL", None)
        from benchmarks.seed import visits_of_a_day

        actor, day = visits_of_a_day(VISITS)
        print(
            f"{VISITS} visits\n{'paper':8}{'run':>4}{'what':>10}{'pages':>7}{'processor s':>13}{'clock s':>9}{'MB':>6}"
        )
        for paper in ("letter", "a4"):
            _paper(actor, paper)
            for run in (1, 2):
                _time(actor, day, paper, run)


def _time(actor: object, day: object, paper: str, run: int) -> None:
    from outage.pack import make_pack
    from outage.printing import print_for_roster

    begun, clock = time.process_time(), time.perf_counter()
    printed = print_for_roster(["consent", "travel-sheet"], day, by=actor)  # type: ignore[arg-type]
    _line(paper, run, "sheets", len(printed.pages), begun, clock, len(printed.pdf))
    begun, clock = time.process_time(), time.perf_counter()
    pack = make_pack(day, by=actor)  # type: ignore[arg-type]
    whole = pack.as_pdf()
    _line(paper, run, "pack", pack.pages, begun, clock, len(whole))


def _line(paper: str, run: int, what: str, pages: int, begun: float, clock: float, size: int) -> None:
    spent, passed = time.process_time() - begun, time.perf_counter() - clock
    print(f"{paper:8}{run:>4}{what:>10}{pages:>7}{spent:>13.2f}{passed:>9.2f}{size / 1e6:>6.1f}", flush=True)


def _paper(actor: object, paper: str) -> None:
    from security import settings

    found = {entry.slug: entry for entry in settings.entries("clinic-profile", by=actor)}  # type: ignore[arg-type]
    entry = found.get("clinic")
    body = (entry.body if entry else {}) | {"paper": paper}
    settings.save_definition("clinic-profile", "clinic", body, expected=entry.number if entry else 0, by=actor)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
