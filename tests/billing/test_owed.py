"""What a client owes is one number, wherever it is shown: roster, client's page, invoices, home and the report."""

from datetime import timedelta

import pytest

from appointments.roster import deposits_of, owed_by
from billing import checkout, history, invoices, payments
from billing.payments import Tender, take_payment
from billing.today import money_today
from data.models import Client
from data.session import read
from data.types import clock
from records.merging import merge
from reports.run import run
from tests.billing.visits import today, visit

CASH = Tender("cash")


def shown(clinic, client_id):
    """Owed by roster, client's account, the client's invoices, the owner's home, and the report's ageing."""
    mona = clinic.actor("mona")
    with read(clinic.id) as session:
        roster = owed_by(session, [client_id]).get(client_id, 0)
    rows = [row for row in invoices.invoices_of(client_id, by=mona) if row.document != "draft"]
    ageing = run("ar-ageing", {}, by=clinic.operator, form="command")
    return {
        "roster": roster,
        "account": history.of_client(client_id, by=mona).open_cents,
        "invoices": sum(row.balance for row in rows),
        "home": money_today(today(), by=clinic.operator).outstanding,
        "ageing": sum(row[ageing.index("total")] for row in ageing.rows),
    }


def draft(clinic, ticket):
    return 0


def draft_with_a_deposit_given_back(clinic, ticket):
    take_payment([ticket], 1_000, CASH, by=clinic.operator)
    payments.refund(ticket, 1_000, CASH, "asked for it", by=clinic.operator)
    return 0


def left_open_from_paper(clinic, ticket):
    """Written down today as having happened an hour ago, before the ticket itself was made."""
    at = clock.now() - timedelta(hours=1)
    checkout.complete_checkout([ticket], open_because="pays Friday", event_at=at, source="paper", by=clinic.operator)
    return 1


def part_paid_then_forgiven_then_refunded(clinic, ticket):
    checkout.complete_checkout([ticket], open_because="pays Friday", by=clinic.operator)
    take_payment([ticket], 1_000, CASH, by=clinic.operator)
    invoices.forgive(ticket, "hardship", by=clinic.operator)
    payments.refund(ticket, 400, CASH, "too much", by=clinic.operator)
    return 400


def void(clinic, ticket):
    invoices.void_invoice(ticket, "by mistake", by=clinic.operator)
    return 0


@pytest.mark.parametrize(
    "story", [draft, draft_with_a_deposit_given_back, left_open_from_paper, part_paid_then_forgiven_then_refunded, void]
)
def test_every_page_says_the_same_of_what_is_owed(sqlite_clinic, story):
    visit_id, client_id = visit(sqlite_clinic, stage="in_surgery")
    ticket = checkout.open_ticket(visit_id, by=sqlite_clinic.operator)
    total = invoices.invoices_of(client_id, by=sqlite_clinic.operator)[0].total
    owed = story(sqlite_clinic, ticket)
    owed = total if owed == 1 else owed
    assert shown(sqlite_clinic, client_id) == dict.fromkeys(("roster", "account", "invoices", "home", "ageing"), owed)


def test_after_a_merge_the_money_of_both_counts_for_the_client_who_stays(sqlite_clinic):
    """Payments stay with the client they were taken from; what they pay has moved."""
    clinic, mona = sqlite_clinic, sqlite_clinic.actor("mona")
    first, goes = visit(clinic)
    early, _ = visit(clinic, client_id=goes, name="Pebble", stage="in_surgery", services=("rabies",))
    other, stays = visit(clinic, name="Moss")
    paid, ahead, owed = (checkout.open_ticket(one, by=clinic.operator) for one in (first, early, other))
    take_payment([paid], invoices.invoices_of(goes, by=mona)[-1].total, CASH, by=clinic.operator)
    take_payment([ahead], 1_000, CASH, by=clinic.operator)
    checkout.complete_checkout([owed], open_because="pays Friday", by=clinic.operator)
    total = invoices.invoices_of(stays, by=mona)[0].total
    with read(clinic.id) as session:
        versions = tuple(session.get_one(Client, (clinic.id, one)).version for one in (stays, goes))
    merge(stays, goes, versions=versions, by=clinic.operator)
    told = shown(clinic, stays)
    assert told.pop("ageing") == total - 1_000, "the ageing counts a deposit against the oldest charge"
    assert told == dict.fromkeys(told, total)
    with read(clinic.id) as session:
        assert deposits_of(session, [stays]) == {stays: 1_000}
