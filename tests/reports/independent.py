# ruff: noqa: E501
"""The numbers of the reports once more, by plain SQL over the system of record and sums in Python.

Nothing of reports/, billing/ or the mart is used here: rows are read as they lie in the database, joined and added up
anew. ``differences`` runs each report and says where the two disagree. By hand, over any home:

    BALLAST_HOME=... BALLAST_KEY_FILE=... python -m tests.reports.independent
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

Rows = Callable[[str], list[Any]]
CAME = {"checked_in", "examined", "premedicated", "induced", "in_surgery", "recovering", "ready", "held_overnight",
        "checked_out", "declined", "died"}  # fmt: skip
BILLED = """
  AND NOT EXISTS (SELECT 1 FROM invoice_event e WHERE e.clinic_id = i.clinic_id AND e.invoice_id = i.id AND e.kind = 'voided')
  AND (NOT EXISTS (SELECT 1 FROM invoice_event e WHERE e.clinic_id = i.clinic_id AND e.invoice_id = i.id AND e.kind = 'drafted')
       OR EXISTS (SELECT 1 FROM invoice_event e WHERE e.clinic_id = i.clinic_id AND e.invoice_id = i.id AND e.kind IN ('opened', 'forgiven')))
"""


def reader(database: Any, clinic_id: str) -> Rows:
    """Runs SQL in which ``:clinic`` stands for this clinic; rows that were removed must be left out by the SQL."""

    def rows(sql: str) -> list[Any]:
        with database.reader.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            clinic = clinic_id.replace("-", "") if sqlite else clinic_id
            return list(connection.execute(text(sql), {"clinic": clinic}))

    return rows


def day(value: Any) -> date:
    """A calendar day as either database gives it."""
    return value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def local(value: Any, zone: str) -> date:
    """The clinic's day of an instant as either database gives it."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(zone)).date()


def revenue(rows: Rows, zone: str) -> dict[Any, Any]:
    """Month and service: quantity, discounts, grants, revenue."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for on, service, *numbers in rows(
        f"""SELECT l.day, s.name, l.quantity, l.discount_cents, l.subsidy_cents, l.net_cents FROM invoice_line l
        JOIN invoice i ON i.clinic_id = l.clinic_id AND i.id = l.invoice_id LEFT JOIN service s ON s.clinic_id = l.clinic_id AND s.id = l.service_id
        WHERE l.clinic_id = :clinic AND l.deleted_at IS NULL AND i.deleted_at IS NULL {BILLED}"""
    ):
        key = (day(on).replace(day=1), service or "Not on the price list")
        found[key] = [have + more for have, more in zip(found[key], numbers, strict=True)]
    return {key: (quantity / 1000, *rest) for key, (quantity, *rest) in found.items()}


def cash(rows: Rows, zone: str) -> dict[Any, Any]:
    """Tender: payments, received, given back, net, of it deposits."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for tender, kind, cents, deposit in rows(
        "SELECT tender, kind, amount_cents, deposit_cents FROM payment WHERE clinic_id = :clinic AND deleted_at IS NULL"
    ):
        sale = kind == "sale"
        added = (sale, cents * sale, -cents * (not sale), cents, deposit)
        found[tender] = [have + more for have, more in zip(found[tender], added, strict=True)]
    return {key: tuple(value) for key, value in found.items()}


def surgeries(rows: Rows, zone: str) -> dict[Any, Any]:
    """Species, sex, owner type: surgeries."""
    found: dict[Any, int] = defaultdict(int)
    for key in rows(
        """SELECT p.species, p.sex, c.owner_type FROM surgery s JOIN appointment a ON a.clinic_id = s.clinic_id AND a.id = s.appointment_id
        JOIN patient p ON p.clinic_id = a.clinic_id AND p.id = a.patient_id JOIN client c ON c.clinic_id = p.clinic_id AND c.id = p.client_id
        WHERE s.clinic_id = :clinic AND s.deleted_at IS NULL"""
    ):
        found[tuple(key)] += 1
    return {key: (count,) for key, count in found.items()}


def no_shows(rows: Rows, zone: str) -> dict[Any, Any]:
    """Weekday: no-shows, attended, cancelled, all, share of arrivals, share of all."""
    found: dict[int, list[str]] = defaultdict(list)
    for on, stage in rows("SELECT day, stage FROM appointment WHERE clinic_id = :clinic AND deleted_at IS NULL"):
        found[day(on).isoweekday()].append(stage)
    told = {}
    for weekday, stages in found.items():
        missed, came = stages.count("no_show"), sum(stage in CAME for stage in stages)
        share = missed / (missed + came) if missed + came else None
        told[weekday] = (missed, came, stages.count("cancelled"), len(stages), share, missed / len(stages))
    return told


def tax(rows: Rows, zone: str) -> dict[Any, Any]:
    """Tax and rate: lines, taxable, tax."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for code, rate, net, cents in rows(
        f"""SELECT l.tax_code, l.tax_rate_millionths, l.net_cents, l.tax_cents FROM invoice_line l
        JOIN invoice i ON i.clinic_id = l.clinic_id AND i.id = l.invoice_id
        WHERE l.clinic_id = :clinic AND l.deleted_at IS NULL AND l.tax_code <> '' {BILLED}"""
    ):
        key = (code, rate / 1_000_000)
        found[key] = [have + more for have, more in zip(found[key], (1, net, cents), strict=True)]
    return {key: tuple(value) for key, value in found.items()}


def ageing(rows: Rows, zone: str, as_of: date) -> dict[Any, Any]:
    """Client number: 0-30, 31-60, 61-90, over 90, owed, credit. All credits pay the oldest charges first."""
    charges: dict[int, dict[tuple[date, str], int]] = defaultdict(lambda: defaultdict(int))
    credit: dict[int, int] = defaultdict(int)
    for client, invoice, on, original, cents in rows(
        f"""SELECT c.number, i.id, l.day, o.day, l.net_cents + l.tax_cents FROM invoice_line l
        JOIN invoice i ON i.clinic_id = l.clinic_id AND i.id = l.invoice_id JOIN client c ON c.clinic_id = i.clinic_id AND c.id = i.client_id
        LEFT JOIN invoice_line o ON o.clinic_id = l.clinic_id AND o.id = l.reverses_id
        WHERE l.clinic_id = :clinic AND l.deleted_at IS NULL {BILLED}"""
    ):
        if day(on) <= as_of:
            charges[client][day(original or on), str(invoice)] += cents
    for client, on, cents in rows(
        """SELECT c.number, p.day, p.amount_cents FROM payment p JOIN client c ON c.clinic_id = p.clinic_id AND c.id = p.client_id
        WHERE p.clinic_id = :clinic AND p.deleted_at IS NULL"""
    ):
        credit[client] += cents if day(on) <= as_of else 0
    for client, at, cents in rows(
        f"""SELECT c.number, f.event_at, f.amount_cents FROM invoice_event f JOIN invoice i ON i.clinic_id = f.clinic_id AND i.id = f.invoice_id
        JOIN client c ON c.clinic_id = i.clinic_id AND c.id = i.client_id WHERE f.clinic_id = :clinic AND f.kind = 'forgiven' {BILLED}"""
    ):
        credit[client] += cents if local(at, zone) <= as_of else 0
    told = {}
    for client in {*charges, *credit}:
        left = credit[client] - sum(cents for cents in charges[client].values() if cents < 0)
        buckets = [0, 0, 0, 0]
        for (on, _), cents in sorted(charges[client].items()):
            open_cents = max(0, max(cents, 0) - max(left, 0)) if left > 0 else max(cents, 0)
            if left < 0 < cents:  # more was given back than paid: the client owes that too
                open_cents, left = cents - left, 0
            elif cents > 0:
                left = max(0, left - cents)
            age = (as_of - on).days
            buckets[0 if age <= 30 else 1 if age <= 60 else 2 if age <= 90 else 3] += open_cents
        if any(buckets) or left > 0:
            told[str(client)] = (*buckets, sum(buckets), max(0, left))
    return told


def drug_usage(rows: Rows, zone: str) -> dict[Any, Any]:
    """Bottle: received, given, wasted, adjusted, closing, in units."""
    entries = rows(
        """SELECT b.number, e.id, e.kind, e.delta, e.given, e.wasted, e.reverses_id FROM drug_log_entry e
        JOIN bottle b ON b.clinic_id = e.clinic_id AND b.id = e.bottle_id WHERE e.clinic_id = :clinic AND e.deleted_at IS NULL"""
    )
    gone = {str(entry.reverses_id) for entry in entries if entry.reverses_id}
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for entry in entries:
        sums = found[entry.number]
        sums[4] += entry.delta
        if entry.kind == "reversal" or str(entry.id) in gone:
            continue  # what was taken out and what took it out cancel
        if entry.kind == "use":
            sums[1], sums[2] = sums[1] + entry.given, sums[2] + entry.wasted
        else:
            sums[0 if entry.kind == "received" else 3] += entry.delta
    return {key: tuple(Decimal(value) / 1000 for value in sums) for key, sums in found.items()}


def grants(rows: Rows, zone: str) -> dict[Any, Any]:
    """Fund: received, used, adjusted, in the pot, promised, free."""
    found: dict[Any, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for fund, kind, cents in rows(
        """SELECT f.name, e.kind, e.amount_cents FROM fund_entry e JOIN fund f ON f.clinic_id = e.clinic_id AND f.id = e.fund_id
        WHERE e.clinic_id = :clinic AND e.deleted_at IS NULL"""
    ):
        found[fund][kind] += cents
    told = {}
    for fund, sums in found.items():
        pot, promised = sums["received"] + sums["adjusted"] - sums["used"], sums["pending"] - sums["released"]
        told[fund] = (sums["received"], sums["used"], sums["adjusted"], pot, promised, pot - promised)
    return told


REPORTS: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...], dict[str, str]]] = {
    "revenue-by-service": (revenue, ("month", "service"), ("quantity", "discount", "subsidy", "revenue"), {}),
    "cash-received": (cash, ("tender",), ("payments", "received", "refunded", "net", "deposits"), {}),
    "surgeries": (surgeries, ("species", "sex", "owner_type"), ("surgeries",), {}),
    "no-show-rate": (
        no_shows, ("weekday",),
        ("no_shows", "attended", "cancelled", "all_rows", "rate_of_arrivals", "rate_of_all"), {},
    ),
    "tax": (tax, ("tax_code", "rate"), ("lines", "taxable", "tax"), {}),
    "ar-ageing": (
        ageing, ("client_number",), ("current", "days_31_60", "days_61_90", "over_90", "total", "credit"), {},
    ),
    "drug-usage": (drug_usage, ("bottle",), ("received", "given", "wasted", "adjusted", "closing"), {}),
    "grants": (grants, ("fund",), ("received", "used", "adjusted", "balance", "pending", "available"), {}),
}  # fmt: skip


def differences(database: Any, clinic_id: str, zone: str, by: Any, *, as_of: date) -> dict[str, list[Any]]:
    """Where a report and the independent sums disagree: (key, report, independent) for each report; empty is right."""
    from reports.run import run

    rows, wrong = reader(database, clinic_id), {}
    for name, (count, keys, numbers, params) in REPORTS.items():
        extra = {"as_of": as_of} if name == "ar-ageing" else {}
        expected = count(rows, zone, *extra.values())
        result = run(name, params | extra, by=by, form="command")
        told = {}
        for row in result.rows:
            key = tuple(row[result.index(column)] for column in keys)
            told[key if len(key) > 1 else key[0]] = tuple(row[result.index(column)] for column in numbers)
        wrong[name] = [
            (key, told.get(key), expected.get(key))
            for key in {*told, *expected}
            if _same(told.get(key)) != _same(expected.get(key))
        ]
    return wrong


def _same(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Numbers as they compare: to nine places, nothing as zero."""
    if values is None:
        return None
    return tuple(Decimal(str(v or 0)).quantize(Decimal("1e-9"), ROUND_HALF_EVEN) for v in values)


def main() -> None:
    """Compare the clinics of the home at hand."""
    from data.engine import Database, use
    from data.home import Home
    from data.types import clock
    from security.actor import Actor

    database = Database(Home.locate())
    use(database)
    with database.reader.connect() as connection:
        clinics = connection.execute(text("SELECT id, name, zone FROM clinic")).all()
    for raw, name, zone in clinics:
        import uuid

        clinic_id = str(uuid.UUID(str(raw)))
        found = differences(database, clinic_id, zone, Actor.operator(clinic_id), as_of=clock.today(zone))
        for report, wrong in found.items():
            print(f"{name}: {report}: {'equal' if not wrong else f'{len(wrong)} rows differ, first {wrong[0]}'}")  # noqa: T201


if __name__ == "__main__":
    main()
