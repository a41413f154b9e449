"""How well and how fast payments are matched, beside what a spreadsheet person would do.

    python -m benchmarks.reconciliation [--rows 200000] [--seed 1] [--world town|other|books] [--hard] [--all]

Prints, for each set, precision and recall of pairs, of slips and of each kind, how much is accepted without a person
and how precisely, time and memory; and the same for pandas merges and exact keys in SQL over the same rows. JSON with
--json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from benchmarks.reconciliation_books import generate_books
from benchmarks.reconciliation_data import FAULTS, WORLDS, Truth, generate
from billing.reconciliation.engine import reconcile
from billing.reconciliation.outcome import Outcome

SETS = ("town", "other", "books")
Pairs = set[tuple[str, str]]


def pairs_of(links: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]) -> Pairs:
    """Every payment with every settled row of its match."""
    return {(one, other) for ours, theirs in links for one in ours for other in theirs}


def quality(found: Pairs, true: Pairs) -> dict[str, Any]:
    """Precision and recall."""
    right = len(found & true)
    return {
        "precision": round(right / len(found), 5) if found else None,
        "recall": round(right / len(true), 5) if true else None,
        "found": len(found),
        "true": len(true),
    }


def kinds(outcome: Outcome, truth: Truth) -> dict[str, Any]:
    """Precision and recall of each kind: the same rows under the same word."""
    said: dict[str, set[Any]] = {kind: set() for kind in FAULTS}
    real: dict[str, set[Any]] = {kind: set() for kind in FAULTS}
    for match in outcome.matches:
        if match.kind in said:
            said[match.kind].add((match.payments, match.settled))
    for finding in outcome.exceptions:
        if finding.kind in said:
            said[finding.kind].add((finding.payments, finding.settled))
    for ours, theirs, kind in truth.links:
        if kind in real:
            real[kind].add((tuple(sorted(ours)), tuple(sorted(theirs))))
    for reference, kind in truth.alone.items():
        real.setdefault(kind, set()).add(((reference,), ()) if reference.startswith("P") else ((), (reference,)))
    return {kind: quality(said[kind], real[kind]) for kind in FAULTS}


def judged(outcome: Outcome, truth: Truth) -> dict[str, Any]:
    """All figures of one run of the engine."""
    true = pairs_of((ours, theirs) for ours, theirs, _ in truth.links)
    found = pairs_of((match.payments, match.settled) for match in outcome.matches)
    auto = pairs_of((match.payments, match.settled) for match in outcome.matches if match.is_auto)
    slips = [{pair for pair in side if pair[0] in truth.slips} for side in (found, true)]
    right = len(auto & true) / max(len(auto), 1)
    return {
        "pairs": quality(found, true),
        "slips": quality(*slips),
        "auto": {"share": round(len(auto) / max(len(found), 1), 5), "precision": round(right, 6)},
        "kinds": kinds(outcome, truth),
    }


def keys_of(settled: pd.DataFrame) -> list[str]:
    """What a merge goes by: amount, day and place, where the processor names it."""
    return ["amount_cents", "day", *(["location"] if settled["location"].ne("").all() else [])]


def merged(payments: pd.DataFrame, settled: pd.DataFrame, true: Pairs) -> dict[str, Any]:
    """A merge gives every combination; counted, since there can be too many to hold."""
    on = keys_of(settled)
    sizes = pd.merge(payments.groupby(on).size().rename("p"), settled.groupby(on).size().rename("s"), on=on)
    found = int((sizes["p"] * sizes["s"]).sum())
    mine = dict(zip(payments["reference"], payments[on].itertuples(index=False, name=None), strict=True))
    yours = dict(zip(settled["reference"], settled[on].itertuples(index=False, name=None), strict=True))
    right = sum(mine[one] == yours[other] for one, other in true)
    share = {"precision": round(right / max(found, 1), 5), "recall": round(right / len(true), 5)}
    return {**share, "found": found, "true": len(true)}


def merged_once(payments: pd.DataFrame, settled: pd.DataFrame, true: Pairs) -> dict[str, Any]:
    """The same, the first with the first."""
    on = keys_of(settled)
    left = payments.sort_values("taken_at").assign(turn=lambda frame: frame.groupby(on).cumcount())
    right = settled.sort_values("processed_at").assign(turn=lambda frame: frame.groupby(on).cumcount())
    found = left[[*on, "turn", "reference"]].merge(
        right[[*on, "turn", "reference"]], on=[*on, "turn"], suffixes=("_p", "_s")
    )
    return quality(set(zip(found["reference_p"], found["reference_s"], strict=True)), true)


def exact_keys(payments: pd.DataFrame, settled: pd.DataFrame, true: Pairs) -> dict[str, Any]:
    """Invoice and amount, or authorization and amount, where they stand once on each side."""
    found: Pairs = set()
    for key in ('"authorization"', "invoice"):
        sql = f"""
            WITH p AS (SELECT any_value(reference) AS r, {key} AS k, amount_cents AS a FROM payments WHERE {key} <> ''
                       GROUP BY ALL HAVING count(*) = 1),
                 s AS (SELECT any_value(reference) AS r, {key} AS k, amount_cents AS a FROM settled WHERE {key} <> ''
                       GROUP BY ALL HAVING count(*) = 1)
            SELECT p.r, s.r FROM p JOIN s ON p.k = s.k AND p.a = s.a"""
        found |= set(duckdb.sql(sql).fetchall())
    return quality(found, true)


def cost(payments: pd.DataFrame, settled: pd.DataFrame) -> dict[str, Any]:
    """Time and memory of one run, in a process that holds these frames and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        payments.to_parquet(path / "payments")
        settled.to_parquet(path / "settled")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.reconciliation", "--cost", str(path)], capture_output=True, check=True
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def spent(path: Path) -> dict[str, Any]:
    """What a run over stored frames takes, in a process that has matched something small before."""
    payments, settled = pd.read_parquet(path / "payments"), pd.read_parquet(path / "settled")
    reconcile(payments.head(500), settled.head(500))
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    began, cpu = time.perf_counter(), time.process_time()
    reconcile(payments, settled)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"seconds": round(took, 2), "cpu_seconds": round(cpu, 2), "peak_mb": resident("VmHWM"), "before_mb": before}


def resident(name: str) -> int:
    """Megabytes of this process as Linux counts them: VmRSS now, VmHWM at most since that was cleared."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024


def measure(world: str, rows: int, seed: int, hard: bool) -> dict[str, Any]:
    """One set: the engine and its baselines."""
    if world == "books":
        payments, settled, truth = generate_books(rows, seed, hard=hard)
    else:
        payments, settled, truth = generate(WORLDS[world], rows, seed, hard=hard)
    true = pairs_of((ours, theirs) for ours, theirs, _ in truth.links)
    outcome = reconcile(payments, settled)
    answer = {
        "world": world, "hard": hard, "payments": len(payments), "settled": len(settled), **cost(payments, settled),
        **judged(outcome, truth), "baselines": {},
    }  # fmt: skip
    plans: dict[str, Callable[[pd.DataFrame, pd.DataFrame, Pairs], dict[str, Any]]] = {
        "merge amount + day": merged,
        "the same, one to one": merged_once,
        "exact keys in SQL": exact_keys,
    }
    for name, plan in plans.items():
        began = time.perf_counter()
        found = plan(payments, settled, true)
        answer["baselines"][name] = {"seconds": round(time.perf_counter() - began, 2), **found}
    return answer


def show(answer: dict[str, Any]) -> None:
    """The figures of one set as lines."""
    print(f"\n{answer['world']}{' hard' if answer['hard'] else ''}: {answer['payments']:,} payments, "
          f"{answer['settled']:,} settled, {answer['seconds']} s ({answer['cpu_seconds']} s CPU), "
          f"{answer['peak_mb']} MB of which {answer['before_mb']} before it began")  # fmt: skip
    for name in ("pairs", "slips"):
        print(f"  {name:30} P {answer[name]['precision']} R {answer[name]['recall']}")
    print(f"  {'auto':30} {answer['auto']['share']:.2%} at P {answer['auto']['precision']}")
    for name, one in {**answer["kinds"], **answer["baselines"]}.items():
        print(f"  {name:30} P {one['precision']} R {one['recall']}  ({one['found']} found, {one['true']} true)")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", choices=SETS, default="town")
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cost", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cost:
        print(json.dumps(spent(asked.cost)))
        return
    sets = [(world, hard) for world in SETS for hard in (False, True)]
    answers = []
    for world, hard in sets if asked.all else [(asked.world, asked.hard)]:
        answers.append(measure(world, asked.rows, asked.seed, hard))
        if not asked.json:
            show(answers[-1])
    if asked.json:
        machine = {"cpu": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(),
                   "load": os.getloadavg()[0]}  # fmt: skip
        print(json.dumps({"machine": machine, "sets": answers}, indent=1))


if __name__ == "__main__":
    main()
