"""The worked example under the tax settings: it follows what is typed."""

from __future__ import annotations

from typing import Any

import streamlit as st

from billing.pricing import Rounding
from billing.tax_example import Example, worked
from pages.components import folding, frame, show
from security import settings

WORDS: dict[Rounding, str] = {"line": "Rounded on each line", "invoice": "Rounded on the invoice's total"}


def of_tax(entered: dict[str, Any]) -> None:
    """A tax as it is typed, rounded as the clinic does."""
    rules = settings.entries("tax-rules", by=frame.actor())
    rounding: Rounding = rules[0].body["rounding"] if rules else "line"
    st.markdown("**Worked example**")
    _table(worked(int(entered["rate_millionths"] or 0), bool(entered["included"]), rounding))
    st.caption(f"{WORDS[rounding]}, as set under Tax rounding.")


def of_rounding(entered: dict[str, Any]) -> None:
    """The clinic's taxes under both ways of rounding, the chosen one first."""
    chosen: Rounding = entered["rounding"]
    other: Rounding = "invoice" if chosen == "line" else "line"
    taxes = settings.entries("tax", by=frame.actor())
    if not taxes:
        st.caption("There is no tax yet, so nothing is rounded.")
        return
    for entry in taxes:
        rate, included = int(entry.body["rate_millionths"]), bool(entry.body["included"])
        example, instead = worked(rate, included, chosen), worked(rate, included, other)
        st.markdown(f"**Worked example: {show.plain(str(entry.body['label']))}**")
        _table(example)
        apart = f"{show.money(instead.tax_cents)} tax, {show.money(instead.total_cents)} in all"
        same = instead.tax_cents == example.tax_cents
        st.caption(show.plain(f"{WORDS[other]} instead: {'the same sums' if same else apart}."))


def _table(example: Example) -> None:
    folding.table(
        {
            "": [f"Service {number}" for number in range(1, len(example.lines) + 1)] + ["Total"],
            "Price": [show.money(price) for price, _, _ in example.lines] + [""],
            "Net": [show.money(net) for _, net, _ in example.lines] + [show.money(example.net_cents)],
            "Tax": [show.money(tax) for _, _, tax in example.lines] + [show.money(example.tax_cents)],
            "Client pays": [show.money(net + tax) for _, net, tax in example.lines] + [show.money(example.total_cents)],
        },
        label="Worked example of tax", right=["Price", "Net", "Tax", "Client pays"],
    )  # fmt: skip


EXAMPLES = {"tax": of_tax, "tax-rules": of_rounding}
