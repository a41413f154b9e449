"""A worked example of tax, as the settings page shows it: the same arithmetic that tickets use."""

from __future__ import annotations

from dataclasses import dataclass

from billing.pricing import Rounding, Running, TaxRate, amounts_of

PRICES = (1_875, 1_270, 720)
"""Cents; chosen so that rounding on each line and on the total come apart at common rates."""


@dataclass(frozen=True)
class Example:
    """Three prices under one tax: net and tax of each line, and their sums, all in cents."""

    rounding: Rounding
    lines: tuple[tuple[int, int, int], ...]
    """Price, net and tax."""
    net_cents: int
    tax_cents: int

    @property
    def total_cents(self) -> int:
        """What the client pays."""
        return self.net_cents + self.tax_cents


def worked(rate_millionths: int, included: bool, rounding: Rounding) -> Example:
    """The example under a tax, rounded in this way."""
    rate, so_far, lines = TaxRate("example", rate_millionths, included), Running(), []
    for price in PRICES:
        amounts = amounts_of(price, rate, rounding, so_far)
        so_far = Running(so_far.base_cents + price, so_far.tax_cents + amounts.tax_cents)
        lines.append((price, amounts.net_cents, amounts.tax_cents))
    return Example(rounding, tuple(lines), sum(net for _, net, _ in lines), so_far.tax_cents)
