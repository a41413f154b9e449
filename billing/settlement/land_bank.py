"""The one way in which lines of a bank statement come in: all or nothing, an overlapping statement changes nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing.periods import counting_day
from billing.settlement.accounts import name_of, remember
from billing.settlement.land import Landed, Landing, Progress, refuse_problems, repeated_landing, write_landing
from billing.settlement.rows import Account, BankRow, Reading, noon, words
from data.card_numbers import holds_card_number, without_card_numbers
from data.engine import database
from data.errors import BadInput
from data.models import BankLine, Clinic
from data.session import ClinicSession
from data.types import clock, new_id
from security.actor import Actor
from security.rules import look


class AccountUnclear(BadInput):
    """{file} holds the statements of {count} accounts, so one name does not do for it. Leave the name out."""


def land_bank(
    reading: Reading,
    *,
    by: Actor,
    account: str = "",
    dry_run: bool = False,
    key: str | None = None,
    progress: Progress | None = None,
) -> Landed:
    """Bring in the lines of one or more accounts. ``account`` is the clinic's own name for the account; left out, the
    name it had last time, or one made of its last four digits.

    Raises ImportRefused with every problem, AccountUnclear, AccountTaken, ImportCollided, NotPermitted, SessionEnded.
    """
    with look(by, "reconciliation.use") as session:
        repeated = repeated_landing(session, by, key)
        if repeated is not None:
            return repeated
        clinic = session.get_one(Clinic, by.clinic_id)
        refuse_problems(reading)
        accounts = _joined(reading.accounts)
        if account and len(accounts) > 1:
            raise AccountUnclear(file=reading.file, count=len(accounts))
        landing, days, names = Landing(), list[date](), list[str]()
        made: list[dict[str, Any]] = []
        for one in accounts:
            name = name_of(session, one, account)
            names.append(name)
            rows = _made(session, clinic, one, name, reading, by)
            days += [row.posted_on for row in one.rows]
            landing.skipped += len(one.rows) - len(rows)
            made += rows
            landing.finish.append(
                lambda session, run_id, one=one, name=name: remember(session, one, name, run_id, by.user_id)  # type: ignore[misc]
            )
    refuse_problems(reading)
    moved = Counter(row["counts_on"] for row in made if row["counts_on"] != row["posted_on"])
    for on, count in sorted(moved.items()):
        reading.remark("", f"{count:,} of them lie in a closed period and count on {on.isoformat()}")
    landing.add(BankLine, made)
    landed = Landed(
        "bank", without_card_numbers(reading.file)[:200], reading.sha256, reading.source, ", ".join(names),
        sum(len(one.rows) for one in accounts), len(made), 0, landing.skipped, 0, min(days, default=None),
        max(days, default=None), reading.remarks,
    )  # fmt: skip
    if dry_run:
        return replace(landed, is_trial=True)
    return write_landing(landing, landed, reading, by=by, key=key, progress=progress)


def _joined(accounts: list[Account]) -> list[Account]:
    """One entry for each account: a file may hold several statements of one."""
    found: dict[str, Account] = {}
    for one in accounts:
        before = found.get(one.number)
        found[one.number] = Account(one.number, one.currency, (*before.rows, *one.rows)) if before else one
    return list(found.values())


def _made(
    session: ClinicSession, clinic: Clinic, account: Account, name: str, reading: Reading, by: Actor
) -> list[dict[str, Any]]:
    """The lines of an account that are not here yet, as rows of the table."""
    zone, now = ZoneInfo(clinic.zone), clock.now()
    columns = (BankLine.external_id, BankLine.posted_on, BankLine.amount_cents, BankLine.row_hash)
    stored = {row.external_id: row for row in session.execute(select(*columns).where(BankLine.account == name))}
    counting: dict[date, date] = {}
    times = Counter[str]()
    seen: dict[str, str] = {}
    made = []
    met = set[str]()
    for row in account.rows:
        if row.currency != clinic.currency:
            reading.problem(row.place, f"currency: '{row.currency}' is not the clinic's currency {clinic.currency}.")
            continue
        description = words(row.description)
        says = _hash(row.posted_on.isoformat(), str(row.amount_cents), " ".join(description.upper().split()))
        external, known = _external(row, says, times, seen, stored)
        met.add(known)
        if external is None:
            continue
        if row.posted_on not in counting:
            counting[row.posted_on] = counting_day(session, row.posted_on)
        made.append(
            {
                "id": new_id(), "account": name, "external_id": external, "posted_on": row.posted_on,
                "amount_cents": row.amount_cents, "currency": row.currency, "description": description,
                "row_hash": says, "counts_on": counting[row.posted_on], "event_at": noon(row.posted_on, zone),
                "entered_at": now, "source": "import", "by_user_id": by.user_id,
            }
        )  # fmt: skip
    _remark_doubles(reading, made, [row for external, row in stored.items() if external not in met])
    return made


def _remark_doubles(reading: Reading, made: list[dict[str, Any]], others: list[Any]) -> None:
    """New lines that have the day and amount of lines this file does not know: perhaps the same money in another
    format."""
    here = {(row.posted_on, row.amount_cents) for row in others}
    count = sum(1 for row in made if (row["posted_on"], row["amount_cents"]) in here)
    if count:
        reading.remark(
            "", f"{count:,} of them have the same day and amount as lines that are here already and read differently. "
            "Where this is the same statement in another format, do not import it",
        )  # fmt: skip


def _external(
    row: BankRow, says: str, times: Counter[str], seen: dict[str, str], stored: dict[str, Any]
) -> tuple[str | None, str]:
    """The id a line will be known by, None where it is here already; and the id it has here.

    The bank's id where it has one. Banks use one again (some number each statement from 1), so where it stands for
    another day or amount already, day and amount are part of it. Without one, it is what the line says and which of
    several equal ones it is.
    """
    if not row.reference:
        times[says] += 1
        external = f"{row.posted_on.isoformat()} {row.amount_cents} {says[:16]} {times[says]}"
        return (None if external in stored else external), external
    plain = _safe(row.reference)
    longer = _safe(f"{plain} {row.posted_on.isoformat()} {row.amount_cents}")
    for external in (plain, longer):
        before = stored.get(external)
        if before is not None and (before.posted_on, before.amount_cents) == (row.posted_on, row.amount_cents):
            return None, external
    for external in (plain, longer, f"{longer[:100]} {says[:16]}"):
        if seen.get(external) == says:
            return None, external
        if external not in seen and external not in stored:
            seen[external] = says
            return external, external
    return None, plain


def _safe(reference: str) -> str:
    """The bank's id, or a keyed hash of one that is too long or could be a card number."""
    if len(reference) <= 100 and not holds_card_number(reference) and reference.isprintable():
        return reference
    return "id " + hmac.new(database().home.key("index"), reference.encode(), hashlib.sha256).hexdigest()[:32]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
