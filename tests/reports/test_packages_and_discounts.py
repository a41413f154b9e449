"""Charges by package and by kind of discount, against plain SQL over the rows of the system of record."""

from __future__ import annotations

from billing import checkout, tickets
from billing.packages import add_package, give_discount
from billing.payments import Tender, take_payment
from billing.settings import DISCOUNT, PACKAGE, DiscountDocument, PackageDocument, PackageItem
from data import definitions
from data.session import write
from reports.run import run
from tests.billing.visits import visit
from tests.reports.independent import BILLED, reader


def test_charges_by_package_and_by_kind_of_discount_are_those_of_plain_sql(clinic):
    by = clinic.operator
    plan = PackageDocument(label="Puppy plan", price_cents=10_000,
                           items=[PackageItem(service=one) for one in ("dhpp", "rabies", "e-collar")])  # fmt: skip
    with write(clinic.id) as session:
        definitions.save(session, PACKAGE, "puppy", plan, by_user_id=None)
        for slug, label in (("rescue", "Rescue group"), ("gone", "Of last year")):
            document = DiscountDocument(label=label, rate_millionths=100_000)
            definitions.save(session, DISCOUNT, slug, document, by_user_id=None)
    for number in range(5):
        ticket = checkout.open_ticket(visit(clinic, services=("dog-spay", "microchip"))[0], by=by)
        if number in (0, 1):
            add_package(ticket, "puppy", by=by)
        if number in (1, 2, 3):
            give_discount(ticket, ("rescue", "rescue", "gone")[number - 1], by=by)
        if number == 4:
            line = tickets.ticket(ticket, by=by).lines[0]
            checkout.change_line(line.id, discount_cents=150, discount_reason="partner", by=by)
        take_payment([ticket], tickets.ticket(ticket, by=by).standing.balance, Tender("cash"), by=by)
        checkout.complete_checkout([ticket], by=by)
    with write(clinic.id) as session:
        definitions.remove(session, DISCOUNT, "gone")
    rows = reader(clinic.database, clinic.id)(
        f"""SELECT l.package_code, l.discount_code, l.discount_cents, l.net_cents FROM invoice_line l
        JOIN invoice i ON i.clinic_id = l.clinic_id AND i.id = l.invoice_id
        WHERE l.clinic_id = :clinic AND l.deleted_at IS NULL {BILLED}"""
    )
    labels = {"puppy": "Puppy plan", "rescue": "Rescue group", "": "No package"}

    def kind(package, code, cents):
        if code:
            return labels.get(code, code)
        return "Package price" if package else "Typed by hand" if cents else "No discount"

    assert len(rows) > 15
    for name, field, of in (
        ("package", "package", lambda one: labels[one[0]]), ("discount", "discount_given", lambda one: kind(*one[:3])),
    ):  # fmt: skip
        wanted: dict[str, list[int]] = {}
        for one in rows:
            sums = wanted.setdefault(of(one), [0, 0])
            sums[0], sums[1] = sums[0] + one[2], sums[1] + one[3]
        found = run("revenue-by-service", {"by": name}, by=by, form="command")
        places = [found.index(column) for column in (field, "discount", "revenue")]
        assert {row[places[0]]: [row[places[1]], row[places[2]]] for row in found.rows} == wanted
        assert len(wanted) > 1
