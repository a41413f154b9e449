"""How one gets to a subscription from a report or dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components import frame, shelf
from reports.periods import PERIODS


def item(**query: str) -> None:
    """The line of a report's or dashboard's menu that begins a subscription to it."""
    if "reports.schedule" in frame.may() and shelf.item("Subscribe", "schedule_send", "subscribe"):
        st.switch_page("reporting/subscribe.py", query_params={name: value for name, value in query.items() if value})


def of_report(name: str, params: Mapping[str, Any]) -> None:
    """The same with what a report is shown with just now."""
    presets = {label: preset for preset, label in PERIODS.items()}
    period = presets.get(str(st.session_state.get("period", "")), "")
    item(report=name, group=str(params.get("by") or ""), days=period)  # the report's own names are bound to its choices
