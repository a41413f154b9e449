"""Packages and the discounts of the clinic's list, as a ticket takes them.

A package becomes one line for each of its services, each with its part of the package's price: tax, revenue by service
and every report stay exact to the cent. A discount becomes what each line it applies to has off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from billing import ledger
from billing.lines import (
    Item,
    LineChanged,
    add_item,
    as_item,
    charging,
    charging_day,
    item_for,
    patient_facts,
    price_for,
    reverse,
    standing_lines,
    visit_of,
)
from billing.pricing import MILLION, gross_of, half_up, price_of, shares_of
from billing.settings import DISCOUNT, PACKAGE, DiscountDocument, PackageDocument
from data import definitions
from data.errors import NotFound, Refusal
from data.models import Appointment, Invoice, InvoiceLine, Service
from data.session import ClinicSession
from data.types import is_id, new_id
from security.actor import Actor
from security.rules import Work, act, authorize, look, remembered


class PackageBroken(Refusal):
    """{package} holds {service}, which is not in use any more. Ask an administrator to change the package."""


class NothingToDiscount(Refusal):
    """{discount} takes nothing off this ticket: no service it is for stands there without a discount or package."""


@dataclass(frozen=True)
class PackageOffer:
    """A package at its price for the ticket's patient, and what its services would cost one by one."""

    code: str
    label: str
    contents: str
    count: int
    """How many services."""
    price_cents: int
    apart_cents: int


@dataclass(frozen=True)
class DiscountOffer:
    """A discount of the list and what it takes off this ticket. ``is_given``: it stands on the ticket already."""

    code: str
    label: str
    gives_cents: int
    is_given: bool
    needs_permission: bool


def add_package(invoice_id: str, code: str, *, by: Actor, key: str | None = None) -> str:
    """Charge a package; returns the id its lines share. A service of it that stands on the ticket by itself becomes
    part of it, with its grant.

    Raises NotPermitted, NotFound, InvoiceClosed, PackageBroken, FundEmpty.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        invoice, stands = ledger.live_invoice(work, invoice_id)
        package = definitions.load_all(session, PACKAGE).get(code)
        if package is None or not package.active:
            raise NotFound(what="package", name=code)
        appointment = visit_of(session, invoice)
        day, package_id = charging_day(session, invoice, stands.document), new_id()
        alone = [line for line in standing_lines(session, invoice_id) if line.package_id is None]
        with charging(work, invoice_id):
            for item in _split(session, package, code, package_id, appointment):
                taken = next((line for line in alone if _same(line, item)), None)
                if taken is not None:
                    alone.remove(taken)
                    item = replace(item, fund=as_item(session, taken).fund)
                    reverse(work, invoice, taken, day)
                add_item(work, invoice, item, day, None, "live")
        work.audit("ticket.package_added", "invoice", invoice_id, package=code)
        work.result = package_id
        return package_id


def take_apart(package_id: str, *, keep: bool, by: Actor, key: str | None = None) -> None:
    """Take a package off the ticket; with ``keep`` its services stay, each at the price list's price.

    Raises NotPermitted, LineChanged, InvoiceClosed, FundEmpty.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        session = work.session
        session.head()
        if not is_id(package_id):
            raise LineChanged()
        invoice_id = session.scalar(select(InvoiceLine.invoice_id).where(InvoiceLine.package_id == package_id).limit(1))
        every = standing_lines(session, invoice_id) if invoice_id else []
        lines = [line for line in every if line.package_id == package_id]
        if not invoice_id or not lines:
            raise LineChanged()
        invoice, stands = ledger.live_invoice(work, invoice_id)
        day = charging_day(session, invoice, stands.document)
        with charging(work, invoice.id):
            for line in lines:
                on = line.day if stands.document == "draft" else day
                reverse(work, invoice, line, on)
                if keep:
                    add_item(work, invoice, _by_itself(session, invoice, line), on, None, "live")
        work.audit("ticket.package_removed", "invoice", invoice.id, package=lines[0].package_code, kept=keep)


def give_discount(invoice_id: str, code: str, *, by: Actor, key: str | None = None) -> int:
    """Give a discount of the clinic's list on every line it is for that has none; returns the cents it takes off.

    Needs billing.discount where the discount says so. Raises NotPermitted, NotFound, InvoiceClosed, NothingToDiscount.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        invoice, stands = ledger.live_invoice(work, invoice_id)
        discount = definitions.load_all(session, DISCOUNT).get(code)
        if discount is None or not discount.active:
            raise NotFound(what="discount", name=code)
        if discount.needs_permission:
            authorize(session, by, "billing.discount")
        lines = standing_lines(session, invoice_id)
        given = _cents_off(discount, _applies_to(session, discount, code, lines))
        if not any(cents for _, cents in given) or any(line.discount_code == code for line in lines):
            raise NothingToDiscount(discount=discount.label)
        _change_discounts(work, invoice, stands.document, given, discount.reason or discount.label, code)
        total = sum(cents for _, cents in given)
        work.audit("ticket.discounted", "invoice", invoice_id, discount=code, cents=total, lines=len(given))
        work.result = total
        return total


def take_discount_off(invoice_id: str, code: str, *, by: Actor, key: str | None = None) -> None:
    """Charge again in full what a discount of the list had taken off. Raises NotPermitted, NotFound, InvoiceClosed."""
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        invoice, stands = ledger.live_invoice(work, invoice_id)
        lines = [line for line in standing_lines(work.session, invoice_id) if line.discount_code == code]
        if not lines:
            raise NotFound(what="discount", name=code)
        _change_discounts(work, invoice, stands.document, [(line, 0) for line in lines], "", "")
        work.audit("ticket.discount_removed", "invoice", invoice_id, discount=code, lines=len(lines))


@remembered("billing.view")
def package_offers(invoice_id: str, *, by: Actor) -> list[PackageOffer]:
    """The packages in use for the ticket's patient, by name. One with a service out of use is left out.

    Raises NotPermitted, NotFound, RestrictedRecord.
    """
    with look(by, "billing.view") as session:
        appointment = visit_of(session, ledger.invoice_row(session, invoice_id, by))
        species, _ = patient_facts(session, appointment)
        found = []
        for code, package in definitions.load_all(session, PACKAGE).items():
            if not package.active or (package.species and species and package.species.lower() != species.lower()):
                continue
            try:
                items = _split(session, package, code, "", appointment)
            except PackageBroken:
                continue
            apart = sum(_apart(session, item, appointment) for item in items)
            names = [f"{item.quantity // 1000} × " * (item.quantity != 1000) + item.description for item in items]
            found.append(
                PackageOffer(
                    code, package.label, ", ".join(names), len(items), sum(_left(item) for item in items), apart
                )
            )
        return sorted(found, key=lambda one: one.label)


def discount_offers(invoice_id: str, *, by: Actor) -> list[DiscountOffer]:
    """The discounts in use, by name, with what each takes off this ticket. Raises NotPermitted, NotFound."""
    with look(by, "billing.view") as session:
        ledger.invoice_row(session, invoice_id, by)
        lines = standing_lines(session, invoice_id)
        found = []
        for code, discount in definitions.load_all(session, DISCOUNT).items():
            given = [line.discount_cents for line in lines if line.discount_code == code]
            if not discount.active and not given:
                continue
            cents = sum(given) or sum(
                one for _, one in _cents_off(discount, _applies_to(session, discount, code, lines))
            )
            found.append(DiscountOffer(code, discount.label, cents, bool(given), discount.needs_permission))
        return sorted(found, key=lambda one: one.label)


def _split(
    session: ClinicSession, package: PackageDocument, code: str, package_id: str, appointment: Appointment | None
) -> list[Item]:
    """The services of a package with the package's price spread over them as their own prices are."""
    listed = {row.code: row for row in session.hold(Service, Service.code.in_([one.service for one in package.items]))}
    items = []
    for one in package.items:
        service = listed.get(one.service)
        if service is None or not service.active:
            raise PackageBroken(package=package.label, service=service.name if service else one.service)
        items.append(replace(item_for(session, service, appointment), quantity=one.quantity * 1000))
    species, weight = patient_facts(session, appointment)
    bands = [band.model_dump() for band in package.prices]
    price = price_of(package.price_cents, bands, species=species, weight_grams=weight)
    shares = shares_of(price, [gross_of(item.quantity, item.unit_price_cents) for item in items])
    return [_at(item, share, package, code, package_id) for item, share in zip(items, shares, strict=True)]


def _at(item: Item, share: int, package: PackageDocument, code: str, package_id: str) -> Item:
    """A service at its part of the package's price: less than by itself as a discount, more as another price."""
    each = max(item.unit_price_cents, -(-share * 1000 // item.quantity))
    off = gross_of(item.quantity, each) - share
    return replace(
        item, unit_price_cents=each, discount_cents=off, discount_reason=package.label if off else "",
        package_code=code, package_id=package_id,
    )  # fmt: skip


def _same(line: InvoiceLine, item: Item) -> bool:
    return line.service_id == item.service_id and line.quantity == item.quantity


def _by_itself(session: ClinicSession, invoice: Invoice, line: InvoiceLine) -> Item:
    item = replace(
        as_item(session, line), discount_cents=0, discount_reason="", discount_code="", package_code="", package_id=None
    )
    service = session.held(Service, line.service_id) if line.service_id else None
    return replace(item, unit_price_cents=price_for(session, service, visit_of(session, invoice))) if service else item


def _left(item: Item) -> int:
    return gross_of(item.quantity, item.unit_price_cents) - item.discount_cents


def _apart(session: ClinicSession, item: Item, appointment: Appointment | None) -> int:
    service = session.held(Service, item.service_id or "")
    return gross_of(item.quantity, price_for(session, service, appointment)) if service else 0


def _applies_to(
    session: ClinicSession, discount: DiscountDocument, code: str, lines: Sequence[InvoiceLine]
) -> list[InvoiceLine]:
    """The lines a discount is for: those of its services and categories that have no other discount."""
    free = [line for line in lines if line.package_id is None and line.discount_code in ("", code)]
    free = [line for line in free if line.discount_code or not line.discount_cents]
    if not discount.services and not discount.categories:
        return free
    ids = {line.service_id for line in free if line.service_id}
    wanted = {
        row.id
        for row in session.hold(Service, Service.id.in_(ids))
        if row.code in discount.services or row.category in discount.categories
    }
    return [line for line in free if line.service_id in wanted]


def _cents_off(discount: DiscountDocument, lines: Sequence[InvoiceLine]) -> list[tuple[InvoiceLine, int]]:
    """What each of these lines has off; an amount is spread over them as their prices are, and never more than them."""
    grosses = [gross_of(line.quantity, line.unit_price_cents) for line in lines]
    if discount.rate_millionths:
        cents = [half_up(gross * discount.rate_millionths, MILLION) for gross in grosses]
    else:
        cents = shares_of(min(discount.amount_cents, sum(grosses)), grosses) if grosses else []
    return [(line, off) for line, off in zip(lines, cents, strict=True) if off]


def _change_discounts(
    work: Work, invoice: Invoice, document: str, given: Sequence[tuple[InvoiceLine, int]], reason: str, code: str
) -> None:
    with charging(work, invoice.id):
        for line, cents in given:
            day = line.day if document == "draft" else ledger.today(work.session)
            item = replace(
                as_item(work.session, line), discount_cents=cents, discount_reason=reason, discount_code=code
            )
            reverse(work, invoice, line, day)
            add_item(work, invoice, item, day, None, "live")
