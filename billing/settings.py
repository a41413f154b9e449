"""The price list, taxes and funds: definitions an administrator changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from sqlalchemy import select

from data import definitions
from data.models import Fund, Service
from data.session import ClinicSession


class PriceBand(definitions.Document):
    """A price for one species and a range of weights."""

    species: str = ""
    from_grams: int = Field(default=0, ge=0)
    to_grams: int = Field(default=0, ge=0)
    """0 = no upper end."""
    price_cents: int = Field(ge=0)


class ServiceDocument(definitions.Document):
    """A line of the price list."""

    name: str = Field(min_length=1, max_length=160)
    category: str = Field(default="", max_length=80)
    price_cents: int = Field(ge=0)
    prices: list[PriceBand] = Field(default_factory=list)
    tax_code: str = ""
    procedure: str = Field(default="", max_length=80)
    reminder_days: int | None = Field(default=None, ge=1, le=3650)
    active: bool = True


class Tax(definitions.Document):
    """A tax: its rate in millionths (8.25 % = 82500), and whether prices include it (as GST does)."""

    label: str = Field(min_length=1, max_length=60)
    rate_millionths: int = Field(ge=0, le=1_000_000)
    included: bool = False


class TaxRules(definitions.Document):
    """How tax is rounded: on each line or on the invoice's total."""

    rounding: Literal["line", "invoice"] = "line"


class FundDocument(definitions.Document):
    """A grant or voucher: what it takes off the client's line and what it takes out of the pot."""

    name: str = Field(min_length=1, max_length=160)
    kind: Literal["grant", "voucher", "third_party"] = "grant"
    discount_cents: int = Field(default=0, ge=0)
    deduction_cents: int = Field(default=0, ge=0)
    active: bool = True


class PackageItem(definitions.Document):
    """A service in a package, and how many of it."""

    service: str = Field(min_length=1, max_length=80)
    quantity: int = Field(default=1, ge=1, le=99)


class PackageDocument(definitions.Document):
    """Several services at one price, which ``prices`` narrow by species and weight as a service's do."""

    label: str = Field(min_length=1, max_length=80)
    price_cents: int = Field(ge=0)
    species: str = Field(default="", max_length=60)
    """Offered for this species alone; empty for every one."""
    items: list[PackageItem] = Field(min_length=1, max_length=30)
    prices: list[PriceBand] = Field(default_factory=list)
    active: bool = True


class DiscountDocument(definitions.Document):
    """A discount of the clinic's list: a share of each charge it applies to, or an amount off them together."""

    label: str = Field(min_length=1, max_length=80)
    reason: str = Field(default="", max_length=200)
    rate_millionths: int = Field(default=0, ge=0, le=1_000_000)
    amount_cents: int = Field(default=0, ge=0, le=100_000_00)
    services: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)
    """It applies to these services and to those of these categories; to every one where both are empty."""
    needs_permission: bool = True
    """Only for those who may give discounts; otherwise everybody at the counter gives it."""
    active: bool = True

    @model_validator(mode="after")
    def _one_of_two(self) -> DiscountDocument:
        if bool(self.rate_millionths) == bool(self.amount_cents):
            raise ValueError("Enter either a percentage or an amount, and leave the other at zero")
        return self


def _project_service(session: ClinicSession, slug: str, document: ServiceDocument) -> None:
    row = session.scalars(select(Service).where(Service.code == slug)).one_or_none()
    if row is None:
        row = Service(code=slug)
        session.add(row)
    for field, value in document.model_dump(mode="json").items():
        setattr(row, field, value)


def _project_fund(session: ClinicSession, slug: str, document: FundDocument) -> None:
    row = session.scalars(select(Fund).where(Fund.code == slug)).one_or_none()
    if row is None:
        row = Fund(code=slug)
        session.add(row)
    for field, value in document.model_dump().items():
        setattr(row, field, value)


SERVICE = definitions.register("service", "Service", ServiceDocument, _project_service)
TAX = definitions.register("tax", "Tax", Tax)
TAX_RULES = definitions.register("tax-rules", "Tax rules", TaxRules)
FUND = definitions.register("fund", "Grant or voucher", FundDocument, _project_fund)
PACKAGE = definitions.register("package", "Package", PackageDocument)
DISCOUNT = definitions.register("discount", "Discount", DiscountDocument)


def _spay(cents: int, procedure: str, species: str, heavy: tuple[tuple[int, int, int], ...] = ()) -> ServiceDocument:
    bands = [PriceBand(species=species, from_grams=a, to_grams=b, price_cents=c) for a, b, c in heavy]
    return ServiceDocument(
        name=f"{species.capitalize()} {procedure}", category="Surgery", price_cents=cents, prices=bands,
        procedure=procedure,
    )  # fmt: skip


DEFAULT_SERVICES = {
    "cat-spay": _spay(9_500, "spay", "cat"),
    "cat-neuter": _spay(6_500, "neuter", "cat"),
    "dog-spay": _spay(14_500, "spay", "dog", ((0, 11_340, 14_500), (11_340, 22_680, 17_500), (22_680, 0, 21_500))),
    "dog-neuter": _spay(12_500, "neuter", "dog", ((0, 11_340, 12_500), (11_340, 22_680, 15_000), (22_680, 0, 18_500))),
    "rabbit-spay": _spay(12_000, "spay", "rabbit"),
    "rabbit-neuter": _spay(9_000, "neuter", "rabbit"),
    "cryptorchid": ServiceDocument(name="Cryptorchid surcharge", category="Surgery", price_cents=4_000),
    "hernia": ServiceDocument(name="Umbilical hernia repair", category="Surgery", price_cents=3_500),
    "pregnant": ServiceDocument(name="Pregnancy surcharge", category="Surgery", price_cents=3_000),
    "rabies": ServiceDocument(name="Rabies vaccine", category="Vaccines", price_cents=1_800, reminder_days=365),
    "dhpp": ServiceDocument(name="DHPP vaccine", category="Vaccines", price_cents=2_200, reminder_days=365),
    "fvrcp": ServiceDocument(name="FVRCP vaccine", category="Vaccines", price_cents=2_200, reminder_days=365),
    "microchip": ServiceDocument(name="Microchip", category="Services", price_cents=2_500),
    "fiv-felv": ServiceDocument(name="FIV/FeLV test", category="Services", price_cents=3_000),
    "heartworm": ServiceDocument(name="Heartworm test", category="Services", price_cents=2_800),
    "nail-trim": ServiceDocument(name="Nail trim", category="Services", price_cents=1_000),
    "ear-tip": ServiceDocument(name="Ear tip", category="Services", price_cents=0),
    "pain-meds": ServiceDocument(
        name="Take-home pain relief", category="Products", price_cents=1_600, tax_code="sales"
    ),
    "e-collar": ServiceDocument(name="E-collar", category="Products", price_cents=1_200, tax_code="sales"),
    "flea-treatment": ServiceDocument(name="Flea treatment", category="Products", price_cents=1_400, tax_code="sales"),
}
DEFAULT_PACKAGES = {
    "cat-vaccines": PackageDocument(
        label="Cat vaccines and microchip",
        species="cat",
        price_cents=5_900,
        items=[PackageItem(service=code) for code in ("rabies", "fvrcp", "microchip")],
    ),
    "dog-vaccines": PackageDocument(
        label="Dog vaccines and microchip",
        species="dog",
        price_cents=5_900,
        items=[PackageItem(service=code) for code in ("rabies", "dhpp", "microchip")],
    ),
}
DEFAULT_DISCOUNTS = {
    "rescue-partner": DiscountDocument(label="Rescue partner", rate_millionths=100_000, categories=["Surgery"]),
    "hardship": DiscountDocument(label="Hardship", amount_cents=2_500),
}
HUMAN_SERVICES = {
    "visit": ServiceDocument(name="Office visit", category="Visits", price_cents=9_000),
    "follow-up": ServiceDocument(name="Follow-up visit", category="Visits", price_cents=6_000),
}


def create_defaults(session: ClinicSession, kind: str) -> None:
    """What a new clinic of this kind starts with."""
    for slug, service in (DEFAULT_SERVICES if kind == "veterinary" else HUMAN_SERVICES).items():
        definitions.save(session, SERVICE, slug, service, by_user_id=None)
    if kind == "veterinary":
        for slug, package in DEFAULT_PACKAGES.items():
            definitions.save(session, PACKAGE, slug, package, by_user_id=None)
    for slug, discount in DEFAULT_DISCOUNTS.items():
        if kind == "veterinary" or not discount.categories:
            definitions.save(session, DISCOUNT, slug, discount, by_user_id=None)
    definitions.save(session, TAX, "sales", Tax(label="Sales tax", rate_millionths=70_000), by_user_id=None)
    definitions.save(session, TAX_RULES, "rules", TaxRules(), by_user_id=None)
