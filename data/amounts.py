"""Between what people type and what is stored: money in whole cents, rates in millionths, weights in grams."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from data.wording import POUND_GRAMS


def to_cents(amount: float | str | Decimal) -> int:
    """An amount of currency as whole cents, half a cent up: 95.1 is 9510."""
    return int((Decimal(str(amount)) * 100).to_integral_value(ROUND_HALF_UP))


def from_cents(cents: int) -> float:
    """Whole cents as an amount, for an entry field that shows two decimals."""
    return float(Decimal(cents) / 100)


def to_millionths(percent: float | str) -> int:
    """A rate in percent as millionths: 8.25 is 82500."""
    return int((Decimal(str(percent)) * 10_000).to_integral_value(ROUND_HALF_UP))


def from_millionths(rate: int) -> float:
    """Millionths as percent."""
    return float(Decimal(rate) / 10_000)


def to_grams(weight: float, *, pounds: bool) -> int:
    """Pounds or kilograms as whole grams."""
    return round(weight * (POUND_GRAMS if pounds else 1000))


def from_grams(grams: int, *, pounds: bool) -> float:
    """Grams as pounds or kilograms, unrounded, so that grams come back unchanged."""
    return grams / (POUND_GRAMS if pounds else 1000)
