"""What a charge comes to: price, discount, subsidy, tax. Pure, and in whole cents throughout.

Rounding is half up, away from zero (as tax offices write it), so that a reversal is the exact mirror of its line.
Where the clinic rounds tax per line, each line's tax is rounded for itself. Where it rounds per invoice, a line
carries the difference that brings the tax of its rate to the rounded tax of the whole: the lines still sum to the
invoice, to the cent, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MILLION = 1_000_000
Rounding = Literal["line", "invoice"]


@dataclass(frozen=True)
class TaxRate:
    """A tax as a line carries it. The rate is in millionths; ``included`` prices hold the tax inside (GST)."""

    code: str = ""
    rate_millionths: int = 0
    included: bool = False


NO_TAX = TaxRate()


@dataclass(frozen=True)
class Amounts:
    """What a line adds to the invoice: ``net`` never holds the tax."""

    net_cents: int
    tax_cents: int

    @property
    def owed_cents(self) -> int:
        """What the client owes for it."""
        return self.net_cents + self.tax_cents


@dataclass(frozen=True)
class Running:
    """What lines of one tax rate came to so far on the invoice: their taxable base and their tax."""

    base_cents: int = 0
    tax_cents: int = 0


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded to a whole number, halves away from zero. The denominator is positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def price_of(
    price_cents: int, bands: Iterable[Mapping[str, object]], *, species: str = "", weight_grams: int | None = None
) -> int:
    """The price of a service for this animal: the first band that fits, else the plain price.

    A band fits when its species is empty or the animal's, and the weight lies from ``from_grams`` up to, not
    including, ``to_grams`` (0 = no upper end). An unknown weight fits only a band that names no weight.
    """
    for band in bands:
        low, high = _whole(band.get("from_grams")), _whole(band.get("to_grams"))
        if str(band.get("species") or "").lower() not in ("", species.lower()):
            continue
        if not low and not high:
            return _whole(band["price_cents"])
        if weight_grams is not None and low <= weight_grams and (not high or weight_grams < high):
            return _whole(band["price_cents"])
    return price_cents


def gross_of(quantity: int, unit_price_cents: int) -> int:
    """Quantity (thousandths) times unit price, in cents."""
    return half_up(quantity * unit_price_cents, 1000)


def subsidy_of(left_cents: int, fund_discount_cents: int) -> int:
    """What a fund takes off a line: its discount, never more than the line still costs the client.

    What the pot gives for it is another number (the fund's deduction), agreed with whoever filled the pot.
    """
    return max(0, min(left_cents, fund_discount_cents))


def tax_in(base_cents: int, rate: TaxRate) -> int:
    """The tax on, or inside, an amount."""
    if rate.included:
        return half_up(base_cents * rate.rate_millionths, MILLION + rate.rate_millionths)
    return half_up(base_cents * rate.rate_millionths, MILLION)


def amounts_of(base_cents: int, rate: TaxRate, rounding: Rounding = "line", before: Running | None = None) -> Amounts:
    """Net and tax of a line whose quantity x price - discount - subsidy is ``base_cents`` (negative for a reversal).

    ``before`` is what the invoice's earlier lines of this rate came to; needed where tax is rounded per invoice.
    """
    if rounding == "invoice":
        so_far = before or Running()
        tax = tax_in(so_far.base_cents + base_cents, rate) - so_far.tax_cents
    else:
        tax = tax_in(base_cents, rate)
    return Amounts(base_cents - tax, tax) if rate.included else Amounts(base_cents, tax)


def shares_of(total: int, weights: Sequence[int]) -> list[int]:
    """A whole amount spread in proportion to weights (equally where all are nothing), to the cent: the cents that
    remain go to the largest remainders, the earlier first. No share is more than one cent off its exact part."""
    parts = list(weights) if any(weights) else [1] * len(weights)
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: (-(total * parts[place] % whole), place))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def _whole(value: object) -> int:
    return int(str(value)) if value else 0
