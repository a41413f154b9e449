"""Packages and discounts of the clinic's list: what is charged is exact to the cent, line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import checkout, packages, tickets
from billing.lines import InPackage
from billing.packages import NothingToDiscount, PackageBroken, add_package, give_discount
from billing.payments import Tender, take_payment
from billing.pricing import shares_of
from billing.settings import (
    DISCOUNT,
    PACKAGE,
    SERVICE,
    DiscountDocument,
    PackageDocument,
    PackageItem,
    PriceBand,
    ServiceDocument,
)
from data import definitions
from data.definitions import BadDefinition
from data.errors import NotFound, NotPermitted
from data.session import write
from tests.billing.visits import pot, visit

PLAN = PackageDocument(
    label="Puppy plan", price_cents=10_000, items=[PackageItem(service=one) for one in ("dhpp", "rabies", "e-collar")],
    prices=[PriceBand(species="dog", from_grams=20_000, price_cents=12_000)],
)  # fmt: skip


def listed(clinic, kind, slug, document):
    with write(clinic.id) as session:
        definitions.save(session, kind, slug, document, by_user_id=None)


def ticket_of(clinic, **about):
    return checkout.open_ticket(visit(clinic, **about)[0], by=clinic.operator)


def seen(clinic, ticket):
    return tickets.ticket(ticket, by=clinic.operator)


@given(st.integers(0, 10**8), st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_shares_come_to_the_whole_and_follow_the_weights(total, weights):
    shares = shares_of(total, weights)
    assert sum(shares) == total
    whole = sum(weights) or len(weights)
    parts = weights if sum(weights) else [1] * len(weights)
    assert all(abs(share * whole - total * part) < whole for share, part in zip(shares, parts, strict=True))
    assert all(part or not share for share, part in zip(shares, parts, strict=True))


def test_a_package_is_charged_as_its_services_each_with_its_part_and_its_tax(clinic):
    """2,200 + 1,800 + 1,200 at 10,000 and at 4,000: dearer and cheaper than by themselves."""
    listed(clinic, PACKAGE, "puppy", PLAN)
    listed(clinic, PACKAGE, "cheap", PLAN.model_copy(update={"price_cents": 4_000, "prices": []}))
    for code, nets in (("puppy", [4_231, 3_461, 2_308]), ("cheap", [1_692, 1_385, 923])):
        ticket = ticket_of(clinic, services=())
        packages.add_package(ticket, code, by=clinic.actor("sam"))
        shown = seen(clinic, ticket)
        assert [line.net_cents for line in shown.lines] == nets
        assert shown.standing.net == sum(nets) == (10_000 if code == "puppy" else 4_000)
        assert shown.standing.tax == round(nets[2] * 0.07)
        assert {line.package for line in shown.lines} == {"Puppy plan"}
        assert len({line.package_id for line in shown.lines}) == 1


def test_a_package_costs_what_the_patients_weight_says_and_takes_in_what_stood_there(clinic):
    listed(clinic, PACKAGE, "puppy", PLAN)
    pot(clinic)
    ticket = ticket_of(clinic, weight=30_000, services=("rabies", "nail-trim"))
    rabies = next(line for line in seen(clinic, ticket).lines if line.description == "Rabies vaccine")
    checkout.apply_fund(rabies.id, "grant", by=clinic.operator)
    (offer,) = [one for one in packages.package_offers(ticket, by=clinic.operator) if one.code == "puppy"]
    assert (offer.price_cents, offer.apart_cents, offer.contents) == (
        12_000, 5_200, "DHPP vaccine, Rabies vaccine, E-collar")  # fmt: skip
    add_package(ticket, "puppy", by=clinic.operator)
    shown = seen(clinic, ticket)
    assert sorted(line.description for line in shown.lines) == [
        "DHPP vaccine", "E-collar", "Nail trim", "Rabies vaccine",
    ]  # fmt: skip
    assert sum(line.net_cents + line.subsidy_cents for line in shown.lines if line.package_id) == 12_000
    assert [line.fund for line in shown.lines if line.description == "Rabies vaccine"] == ["Grant"]


def test_a_line_of_a_package_is_changed_by_taking_the_package_apart(clinic):
    listed(clinic, PACKAGE, "puppy", PLAN)
    ticket = ticket_of(clinic, services=())
    package = add_package(ticket, "puppy", by=clinic.operator)
    line = seen(clinic, ticket).lines[0]
    for attempt in (
        lambda: checkout.remove_line(line.id, by=clinic.operator),
        lambda: checkout.change_line(line.id, quantity=2_000, by=clinic.operator),
        lambda: checkout.change_line(line.id, discount_cents=1, by=clinic.operator),
    ):
        with pytest.raises(InPackage):
            attempt()
    packages.take_apart(package, keep=True, by=clinic.actor("sam"))
    shown = seen(clinic, ticket)
    assert [line.net_cents for line in shown.lines] == [2_200, 1_800, 1_200]
    assert not any(line.package_id or line.discount_cents for line in shown.lines)
    again = add_package(ticket, "puppy", by=clinic.operator)
    assert seen(clinic, ticket).standing.net == 10_000
    packages.take_apart(again, keep=False, by=clinic.operator)
    assert seen(clinic, ticket).standing.total == 0


def test_a_package_that_cannot_be_given_is_refused_and_not_offered(clinic):
    listed(clinic, PACKAGE, "puppy", PLAN)
    listed(clinic, PACKAGE, "off", PLAN.model_copy(update={"active": False}))
    ticket = ticket_of(clinic)
    listed(clinic, SERVICE, "dhpp", ServiceDocument(name="DHPP vaccine", price_cents=2_200, active=False))
    assert [one.code for one in packages.package_offers(ticket, by=clinic.operator)] == []
    with pytest.raises(PackageBroken, match="DHPP vaccine"):
        add_package(ticket, "puppy", by=clinic.operator)
    with pytest.raises(NotFound):
        add_package(ticket, "off", by=clinic.operator)


def test_a_discount_of_the_list_says_what_it_gives_and_gives_it(clinic):
    """Dog spay 14,500 and rabies 1,800."""
    everybody = DiscountDocument(label="Senior", rate_millionths=150_000, needs_permission=False)
    listed(clinic, DISCOUNT, "senior", everybody)
    listed(clinic, DISCOUNT, "ten-off", DiscountDocument(label="Ten off", amount_cents=1_000))
    ticket, sam = ticket_of(clinic), clinic.actor("sam")
    offers = {one.code: one for one in packages.discount_offers(ticket, by=sam)}
    assert offers["senior"].gives_cents == 2_175 + 270
    assert offers["ten-off"].gives_cents == 1_000
    assert offers["rescue-partner"].gives_cents == 1_450, "for surgery alone"
    with pytest.raises(NotPermitted):
        give_discount(ticket, "ten-off", by=sam)
    assert give_discount(ticket, "senior", by=sam) == 2_445
    shown = seen(clinic, ticket)
    assert [(line.discount_cents, line.discount_reason) for line in shown.lines] == [(2_175, "Senior"), (270, "Senior")]
    with pytest.raises(NothingToDiscount):
        give_discount(ticket, "ten-off", by=clinic.operator)
    checkout.change_line(shown.lines[1].id, quantity=2_000, by=sam)
    assert seen(clinic, ticket).lines[1].discount_cents == 540, "a share follows the quantity"
    packages.take_discount_off(ticket, "senior", by=sam)
    assert seen(clinic, ticket).discounts_cents == 0
    give_discount(ticket, "ten-off", by=clinic.operator)
    assert sum(line.discount_cents for line in seen(clinic, ticket).lines) == 1_000


def test_a_discount_typed_by_hand_is_left_alone_and_ends_one_of_the_list(clinic):
    listed(clinic, DISCOUNT, "senior", DiscountDocument(label="Senior", rate_millionths=150_000))
    ticket = ticket_of(clinic)
    first = seen(clinic, ticket).lines[0]
    checkout.change_line(first.id, discount_cents=500, discount_reason="friend", by=clinic.operator)
    assert give_discount(ticket, "senior", by=clinic.operator) == 270
    line = seen(clinic, ticket).lines[1]
    checkout.change_line(line.id, discount_cents=100, by=clinic.operator)
    with pytest.raises(NotFound):
        packages.take_discount_off(ticket, "senior", by=clinic.operator)
    assert seen(clinic, ticket).discounts_cents == 600


def test_a_discount_that_would_leave_more_paid_than_owed_is_for_those_who_may_give_money_back(clinic):
    listed(clinic, DISCOUNT, "senior", DiscountDocument(label="S", rate_millionths=150_000, needs_permission=False))
    ticket, sam = ticket_of(clinic), clinic.actor("sam")
    take_payment([ticket], seen(clinic, ticket).standing.balance, Tender("cash"), by=sam)
    with pytest.raises(NotPermitted):
        give_discount(ticket, "senior", by=sam)
    give_discount(ticket, "senior", by=clinic.actor("mona"))
    assert seen(clinic, ticket).standing.overpaid == 2_445


def test_a_discount_is_a_percentage_or_an_amount(clinic):
    for body in ({"label": "Both", "rate_millionths": 1, "amount_cents": 1}, {"label": "Neither"}):
        with pytest.raises(BadDefinition, match="either a percentage or an amount"):
            DISCOUNT.parse(body)
