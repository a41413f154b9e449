"""What became of a scanned file, in words."""

from __future__ import annotations

from outage.reading import ScanRow
from pages.components import show


def outcome(row: ScanRow) -> str:
    """``38 pages attached, 2 to review, 1 card slip destroyed``."""
    if row.reason:
        return row.sentence
    parts = []
    if row.attached or not (row.to_review or row.destroyed or row.aside):
        parts.append(f"{show.count(row.attached, 'page')} attached")
    if row.to_review:
        parts.append(f"{show.number(row.to_review)} to review")
    if row.aside:
        parts.append(f"{show.number(row.aside)} put aside")
    if row.destroyed:
        parts.append(f"{show.count(row.destroyed, 'page')} with card data destroyed")
    if row.scale is not None and row.note:
        parts.append(f"printed at {row.scale:.0%}")
    return ", ".join(parts)


def tag(row: ScanRow) -> tuple[str, str]:
    """The state of it and its tone, as ``rows`` draws them."""
    if row.state == "refused":
        return "Not read", "warm"
    if row.reason == "same_file":
        return "Scanned before", "quiet"
    return ("To review", "warm") if row.to_review else ("Done", "good")
