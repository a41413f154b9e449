"""How long it takes to find those a campaign is for, among a million clients.

    uv run python -m benchmarks.segments [--clients 1000000] [--rounds 5]

The rows are written into the mart itself (a million clients and patients, three charges of services and one visit for
each, two answers about consent for every second), since the mart is what a segment is asked of; reading that many out
of the system of record is measured by ``benchmarks.mart``. The path is the product's: permission, compiled query, one
transaction, rows. Medians in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from campaigns import segments, starting
from campaigns.settings import Segment
from data import mart
from data.engine import Database, use
from data.home import Home
from data.schema import upgrade
from security.actor import Actor
from security.clinics import NewClinic, create_clinic

ID = "('00000000-0000-7000-{kind}-' || lpad(to_hex(i), 12, '0'))::UUID"


def fill(clinic_id: str, clients: int) -> None:
    """Write the rows into the clinic's tables of the mart."""
    made = mart.mart()
    made.refresh(clinic_id)
    cursor = made._duck.cursor()
    cursor.execute(f"USE c_{clinic_id.replace('-', '')}")
    client, patient = ID.format(kind="8001"), ID.format(kind="8002")
    service = "('00000000-0000-7000-8003-' || lpad(to_hex(i % 40), 12, '0'))::UUID"
    rows = f"FROM range({clients}) r(i)"
    day = "(DATE '{today}' - (i * 7919 % {span})::INTEGER)"
    today = time.strftime("%Y-%m-%d")
    for sql in (
        f"INSERT INTO client (id, number, first_name, last_name, name, email, phone, city, owner_type, restricted, "
        f"has_email, has_phone, has_address, change) SELECT {client}, i, 'Kim', 'C' || i, 'Kim C' || i, "
        f"CASE WHEN i % 4 > 0 THEN 'c' || i || '@example.org' ELSE '' END, '555', 'Troy', 'public', i % 5000 = 0, "
        f"i % 4 > 0, true, i % 3 > 0, 1 {rows}",
        f"INSERT INTO patient (id, client_id, name, species, sex, altered, died_on, change) "
        f"SELECT {patient}, {client}, "
        f"'Milo', CASE WHEN i % 2 = 0 THEN 'cat' ELSE 'dog' END, 'female', true, "
        f"CASE WHEN i % 50 = 0 THEN DATE '{today}' END, 1 {rows}",
        f"INSERT INTO service (id, code, name, category, reminder_days, change) SELECT {service}, 's' || i, "
        f"'Service ' || i, CASE WHEN i % 4 = 0 THEN 'Vaccines' ELSE 'Surgery' END, "
        f"CASE WHEN i % 4 = 0 THEN 365 END, 1 FROM range(40) r(i)",
        *(
            f"INSERT INTO invoice_line (id, invoice_id, day, patient_id, service_id, client_id, voided, draft, "
            f"net_cents, tax_cents, change) SELECT uuid(), uuid(), "
            f"{day.format(today=today, span=1100 + turn)}, {patient}, "
            f"{service.replace('i % 40', f'(i * {turn + 3} + {turn}) % 40')}, {client}, false, false, 2000, 0, 1 {rows}"
            for turn in range(3)
        ),
        f"INSERT INTO appointment (id, number, client_id, patient_id, day, stage, change) SELECT uuid(), i, {client}, "
        f"{patient}, {day.format(today=today, span=1100)} + CASE WHEN i % 10 = 0 THEN 1150 ELSE 0 END, "
        f"CASE WHEN i % 10 = 0 THEN 'booked' ELSE 'checked_out' END, 1 {rows}",
        f"INSERT INTO consent (id, client_id, channel, purpose, given, event_at, change) SELECT uuid(), {client}, "
        f"CASE WHEN i % 3 = 0 THEN 'any' ELSE 'email' END, CASE WHEN i % 4 = 0 THEN 'reminders' ELSE 'marketing' END, "
        f"i % 5 > 0, now()::TIMESTAMP - INTERVAL (i % 700) DAY, 1 {rows} WHERE i % 2 = 0",
    ):
        cursor.execute(sql)
    cursor.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BALLAST_HOME": f"{folder}/home", "BALLAST_KEY_FILE": f"{folder}/key"}
        home = Home(Path(folder) / "home")
        home.create()
        database = Database(home)
        use(database)
        upgrade(database)
        clinic_id = create_clinic(NewClinic("bench", "Bench"))
        fill(clinic_id, options.clients)
        told = {one.label: measure(one, Actor.operator(clinic_id), options.rounds) for one in starting.segments("")}
        everybody = Segment(label="Everybody")
        told[everybody.label] = measure(everybody, Actor.operator(clinic_id), options.rounds)
    print(json.dumps({"clients": options.clients, "median_ms": told}, indent=1))


def measure(segment: Segment, by: Actor, rounds: int) -> dict[str, Any]:
    """How long the number, a sample and the members take, and how many there are."""
    from data.engine import database

    taken: dict[str, list[float]] = {"count": [], "sample": [], "members": []}
    for _ in range(rounds):
        database().answers.clear()
        for name, ask in (("count", segments.count), ("sample", segments.sample), ("members", segments.members)):
            began = time.perf_counter()
            found = ask(segment, by=by)  # type: ignore[operator]
            taken[name].append((time.perf_counter() - began) * 1000)
    return {name: round(statistics.median(times)) for name, times in taken.items()} | {"found": len(found)}


if __name__ == "__main__":
    main()
