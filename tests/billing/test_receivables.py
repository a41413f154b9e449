"""Who owes what, by age, and the worked example of tax."""

from datetime import timedelta

import pytest

from billing import checkout, tickets
from billing.payments import Tender, take_payment
from billing.receivables import bucket_of, receivables
from billing.tax_example import worked
from billing.today import money_today
from data.errors import NotPermitted
from reports.run import run
from tests.billing.visits import today, visit


def ageing(clinic):
    """What the report says of all clients, by age."""
    told = run("ar-ageing", {"by": "none"}, by=clinic.operator, form="command")
    return [told.rows[0][told.index(name)] for name in ("current", "days_31_60", "days_61_90", "over_90")]


def test_each_client_is_listed_once_with_what_is_open_by_its_age(clinic):
    first, client = visit(clinic, day=today() - timedelta(days=61))
    second, _ = visit(clinic, client_id=client, name="Pebble", services=("rabies",))
    _draft = checkout.open_ticket(visit(clinic, name="Moss")[0], by=clinic.operator)
    old, new = (checkout.open_ticket(one, by=clinic.operator) for one in (first, second))
    checkout.complete_checkout([old, new], open_because="pays Friday", by=clinic.operator)
    take_payment([old], 4_500, Tender("cash"), by=clinic.operator)
    (debtor,) = receivables(today(), by=clinic.actor("mona"))
    assert debtor.open_cents == [1_800, 0, 11_800, 0]
    assert ageing(clinic) == debtor.open_cents, "the page and the report tell one truth"
    take_payment([new], 500, Tender("cash"), by=clinic.operator)
    (debtor,) = receivables(today(), by=clinic.actor("mona"))
    assert debtor.open_cents == ageing(clinic) == [1_800, 0, 11_300, 0], "what is paid settles the oldest charge first"
    told = money_today(today(), by=clinic.operator)
    assert (told.outstanding, told.overdue) == (13_100, 11_300)
    take_payment([old], 500, Tender("cash"), by=clinic.operator)
    (debtor,) = receivables(today(), by=clinic.actor("mona"))
    assert (debtor.client_id, debtor.invoices, debtor.total_cents) == (client, 2, 12_600)
    assert money_today(today(), by=clinic.operator).outstanding == debtor.total_cents
    assert [one.invoice_id for one in tickets.also_open(new, by=clinic.operator)] == [old]
    with pytest.raises(NotPermitted):
        receivables(today(), by=clinic.actor("sam"))


def test_the_ages_end_where_people_end_them():
    assert [bucket_of(days) for days in (-3, 30, 31, 60, 61, 90, 91)] == [0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("rate", "included", "rounding", "net", "tax"),
    [(70_000, False, "line", 3_865, 270), (70_000, False, "invoice", 3_865, 271),
     (100_000, True, "line", 3_515, 350), (100_000, True, "invoice", 3_514, 351), (0, False, "line", 3_865, 0)],
)  # fmt: skip
def test_the_worked_example_is_what_a_ticket_would_come_to(rate, included, rounding, net, tax):
    """18.75 + 12.70 + 7.20 = 38.65; at 7 % 1.31 + 0.89 + 0.50, and at a tenth included 1.70 + 1.15 + 0.65."""
    example = worked(rate, included, rounding)
    assert example.net_cents + example.tax_cents == example.total_cents
    assert (example.net_cents, example.tax_cents) == (net, tax)
