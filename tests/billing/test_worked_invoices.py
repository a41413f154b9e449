"""Invoices worked out on paper: counted here with decimals by other rules than the product's code, and held to the cent
against the ticket, the printed receipt, the statement and the exported rows."""

from __future__ import annotations

import csv
import io
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import product

import pytest
from pypdf import PdfReader

from billing import checkout, packages, receipt, tickets
from billing.payments import Given, Tender, take_payment, take_split
from billing.settings import (
    DISCOUNT,
    PACKAGE,
    SERVICE,
    TAX,
    TAX_RULES,
    DiscountDocument,
    PackageDocument,
    PackageItem,
    PriceBand,
    ServiceDocument,
    Tax,
    TaxRules,
)
from billing.statement import statement
from data import definitions
from data.session import write
from records.clinic_export import export_clinic
from tests.billing.visits import pot, visit

CENT = Decimal("0.01")
TAXES = {"": (Decimal(0), False), "city": (Decimal("0.08375"), False), "gst": (Decimal("0.10"), True)}
PRICES = {"spay": "145.35", "drops": "9.95", "food": "33.33", "chip": "24.99"}
BANDS = (("dog", 0, 11_340, "145.35"), ("dog", 11_340, 22_680, "175.45"), ("dog", 22_680, 0, "215.05"))
CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")


def cents(amount: Decimal) -> int:
    return int((amount * 100).to_integral_exact())


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def worked(lines, rounding):
    """What lines of (tax, quantity, price, discount, subsidy) come to: net and tax, as decimals."""
    bases: dict[str, list[Decimal]] = {}
    for tax, quantity, price, discount, subsidy in lines:
        base = rounded(Decimal(quantity) * Decimal(price)) - Decimal(discount) - Decimal(subsidy)
        bases.setdefault(tax, []).append(base)
    net = taxed = Decimal(0)
    for tax, some in bases.items():
        rate, included = TAXES[tax]
        share = rate / (1 + rate) if included else rate
        found = rounded(sum(some) * share) if rounding == "invoice" else sum(rounded(one * share) for one in some)
        net += sum(some) - (found if included else 0)
        taxed += found
    return net, taxed


@pytest.fixture
def priced(sqlite_clinic):
    """Prices that do not divide evenly, one of each way of taxing, a package, two discounts, a grant."""
    with write(sqlite_clinic.id) as session:
        keep = lambda kind, slug, one: definitions.save(session, kind, slug, one, by_user_id=None)  # noqa: E731
        for code, (rate, included) in TAXES.items():
            if code:
                keep(TAX, code, Tax(label=code.upper(), rate_millionths=int(rate * 1_000_000), included=included))
        bands = [PriceBand(species=s, from_grams=a, to_grams=b, price_cents=cents(Decimal(p))) for s, a, b, p in BANDS]
        for code, tax in (("spay", ""), ("drops", "city"), ("food", "city"), ("chip", "gst")):
            keep(SERVICE, code, ServiceDocument(
                name=code.title(), procedure="spay" if code == "spay" else "", tax_code=tax,
                price_cents=cents(Decimal(PRICES[code])), prices=bands if code == "spay" else [],
            ))  # fmt: skip
        keep(PACKAGE, "pair", PackageDocument(
            label="Drops and chip", price_cents=3_001, items=[PackageItem(service=one) for one in ("drops", "chip")]
        ))  # fmt: skip
        keep(DISCOUNT, "tenth", DiscountDocument(label="Shelter", reason="Shelter", rate_millionths=125_000))
    return sqlite_clinic


def rules(clinic, rounding):
    with write(clinic.id) as session:
        definitions.save(session, TAX_RULES, "rules", TaxRules(rounding=rounding), by_user_id=None)


def words_of(printed):
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages)


def dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def held(clinic, ticket, lines, rounding):
    """That a ticket comes to what was worked out; returns the total."""
    net, tax = worked(lines, rounding)
    shown = tickets.ticket(ticket, by=clinic.operator)
    assert (shown.standing.net, shown.standing.tax) == (cents(net), cents(tax)), (rounding, lines)
    assert sum(one.net_cents + one.tax_cents for one in shown.all_lines) == cents(net + tax) == shown.standing.total
    added = sum(tax_cents for _, tax_cents, included in shown.taxes if not included)
    left = shown.gross_cents - shown.discounts_cents - shown.subsidies_cents
    assert left + added == cents(net + tax), "what stands on the screen adds up"
    return net + tax


@pytest.mark.parametrize("rounding", ["line", "invoice"])
def test_bands_taxes_quantities_and_a_discount_come_to_what_was_worked_out(priced, rounding):
    rules(priced, rounding)
    by = priced.operator
    for weight, quantity in product((11_339, 11_340, 22_680), (1_000, 2_500, 333)):
        ticket = checkout.open_ticket(visit(priced, weight=weight, services=("spay",))[0], by=by)
        for code in ("drops", "food", "drops", "chip", "chip"):
            checkout.add_line(ticket, code, quantity=quantity, by=by)
        band = next(price for _, low, high, price in BANDS if low <= weight and (weight < high or not high))
        many = Decimal(quantity) / 1000
        plain = [("", 1, band, 0, 0)] + [
            (tax, many, PRICES[code], 0, 0)
            for code, tax in (("drops", "city"), ("food", "city"), ("drops", "city"), ("chip", "gst"), ("chip", "gst"))
        ]
        held(priced, ticket, plain, rounding)
        packages.give_discount(ticket, "tenth", by=by)
        off = [
            (tax, count, price, rounded(rounded(Decimal(count) * Decimal(price)) * Decimal("0.125")), 0)
            for tax, count, price, _, _ in plain
        ]
        held(priced, ticket, off, rounding)


@pytest.mark.parametrize("rounding", ["line", "invoice"])
def test_grant_package_deposit_split_and_several_patients_on_screen_receipt_statement_and_export(
    priced, rounding, tmp_path
):
    rules(priced, rounding)
    by = priced.operator
    pot(priced, discount=5_005, deduction=6_500)
    first, client = visit(priced, services=("spay", "food"), funding="grant", weight=12_000)
    second, _ = visit(priced, client_id=client, name="Moss", services=("chip", "drops"))
    early, _ = visit(priced, client_id=client, name="Fern", services=("food",), stage="booked")
    one, two, three = (checkout.open_ticket(at, by=by) for at in (first, second, early))
    packages.add_package(two, "pair", by=by)
    shown = tickets.ticket(two, by=by)
    pair = [line for line in shown.lines if line.package_id]
    assert sum(line.gross_cents - line.discount_cents for line in pair) == 3_001, "a package costs its price"
    parts = {"drops": Decimal("30.01") * Decimal("9.95") / (Decimal("9.95") + Decimal("24.99"))}
    drops = next(line.gross_cents - line.discount_cents for line in pair if line.tax_label == "CITY")
    assert abs(drops - parts["drops"] * 100) < 1
    share = Decimal(drops) / 100
    kept = [("gst", 1, "24.99", 0, 0), ("city", 1, "9.95", 0, 0), ("city", 1, share, 0, 0),
            ("gst", 1, Decimal("30.01") - share, 0, 0)]  # fmt: skip
    if not [line for line in shown.lines if not line.package_id]:
        kept = kept[2:]
    total_two = held(priced, two, kept, rounding)
    total_one = held(priced, one, [("", 1, "175.45", 0, "50.05"), ("city", 1, "33.33", 0, 0)], rounding)
    total_three = held(priced, three, [("city", 1, "33.33", 0, 0)], rounding)

    deposit = take_payment([three], 2_000, CARD, by=by)
    assert deposit.deposit_cents == 2_000
    cash = Decimal("100.00")
    rest = total_one + total_two - cash
    take_split([one, two], [Given(Tender("cash"), cents(cash), 12_000), Given(CARD, cents(rest))], by=by)
    for ticket, total in ((one, total_one), (two, total_two)):
        stands = tickets.ticket(ticket, by=by).standing
        assert (stands.total, stands.paid, stands.balance) == (cents(total), cents(total), 0)
        assert dollars(total) in words_of(receipt.receipt(ticket, by=by))
    left = total_three - 20
    assert tickets.ticket(three, by=by).standing.balance == cents(left)
    checkout.open_ticket(early, by=by)
    assert dollars(left) in words_of(receipt.receipt(three, by=by))
    owed = words_of(statement(client, by=by))
    assert dollars(total_one) not in re.sub(r"\s+", " ", owed), "what is paid is on no statement"

    export_clinic(tmp_path / "out", by=by)
    files = {path.stem: path for path in (tmp_path / "out").rglob("*.csv")}
    with files["invoice_line"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for ticket, total in ((one, total_one), (two, total_two), (three, total_three)):
        mine = [row for row in rows if row["invoice_id"] == ticket]
        assert sum(int(row["net_cents"]) + int(row["tax_cents"]) for row in mine) == cents(total)
    with files["payment"].open(encoding="utf-8-sig", newline="") as file:
        paid = sum(int(row["amount_cents"]) for row in csv.DictReader(file))
    assert paid == cents(total_one + total_two) + 2_000
