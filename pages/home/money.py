"""Home of the owner: revenue today and this month against last year, what is outstanding, and the last two years."""

from __future__ import annotations

from datetime import date

from billing.today import Compared, MoneyToday, money_today
from pages.components import frame, show
from pages.home import months
from pages.home.links import Link
from pages.home.tiles import Tile, tiles


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    today = show.today()
    found = _numbers(today)
    weekday = show.day(found.compared_day, style="weekday")
    this_day = {"period": "Choose days", "from": today.isoformat(), "to": today.isoformat()}
    tiles(
        (
            Tile("Revenue today", show.money(found.today.now), report("revenue-by-service", by="Service", **this_day),
                 *_against(found.today, f"all of {weekday}", running=True)),
            Tile("Revenue this month", show.money(found.month.now),
                 Link("money/overview.py", "money"),
                 *_against(found.month, "same days last year")),
            Tile("Cash received today", show.money(found.received_today), report("cash-received", **this_day),
                 "payments less refunds"),
            Tile("Outstanding", show.money(found.outstanding), _invoices(may), *_outstanding(found)),
        ),
        key="home_money",
    )  # fmt: skip
    months.place()


def report(name: str, **choices: str) -> Link:
    """A report with its choices as they stand in its address."""
    return Link("reporting/report.py", "report", {"name": name, **choices})


def _invoices(may: frozenset[str]) -> Link:
    if "billing.invoices" in may:
        return Link("money/invoices.py", "invoices", {"status": "open", "issued": "all"})
    return report("ar-ageing")


@frame.kept_for(20)
def _numbers(day: date) -> MoneyToday:
    return money_today(day, by=frame.actor())


def _against(value: Compared, what: str, *, running: bool = False) -> tuple[str, str]:
    """How it compares, and the tone. A day that is still ``running`` is behind a whole one by nature."""
    change = value.change_percent
    if value.before is None:
        return "no numbers of last year yet", ""
    if change is None:
        return f"nothing on {what.removeprefix('all of ')}", ""
    sign = "+" if change > 0 else "" if change == 0 else "−"
    tone = "good" if change >= 0 else "" if running else "bad"
    return f"{sign}{abs(change)}% against {show.money(value.before)} ({what})", tone


def _outstanding(found: MoneyToday) -> tuple[str, str]:
    if not found.outstanding:
        return "everything is paid", "good"
    invoices = "1 invoice" if found.outstanding_count == 1 else f"{show.number(found.outstanding_count)} invoices"
    if not found.overdue:
        return f"{invoices}, none older than 30 days", "good"
    return f"{invoices}, {show.money(found.overdue)} older than 30 days", "bad"
