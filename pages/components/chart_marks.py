"""Clicks on the marks of charts that know no selection: slices, cells of a heat map, stages of a funnel."""

from __future__ import annotations

from typing import Any

import streamlit as st

JS = """
export default function ({ data, setTriggerValue }) {
  const watch = (event) => {
    const plot = event.target.closest?.(`.st-key-${data.chart} .js-plotly-plot`);
    if (!plot || plot.tellsMarks) return;
    plot.tellsMarks = true;
    plot.on("plotly_click", ({ points }) => {
      const place = points?.[0]?.pointNumber ?? points?.[0]?.pointNumbers?.[0];
      if (place === undefined) return;
      document.dispatchEvent(new CustomEvent("ballast-mark", { detail: { chart: data.chart, place } }));
    });
  };
  const tell = ({ detail }) => {
    if (detail.chart === data.chart) setTriggerValue("mark", [detail.place].flat());
  };
  document.addEventListener("pointerdown", watch, true);
  document.addEventListener("pointerover", watch, true);
  document.addEventListener("ballast-mark", tell);
  return () => {
    document.removeEventListener("pointerdown", watch, true);
    document.removeEventListener("pointerover", watch, true);
    document.removeEventListener("ballast-mark", tell);
  };
}
"""
_marks = st.components.v2.component("ballast_chart_marks", html="<span hidden></span>", js=JS)


def clicked(chart: str) -> list[int] | None:
    """The place of the mark that was just clicked in the chart with this key: its number, of a cell line and column."""
    with st.container(key=f"report_cells_{chart}"):
        told: Any = _marks(key=f"marks_{chart}", data={"chart": chart}, on_mark_change=_nothing).mark
    return [int(place) for place in told] if isinstance(told, list) else None


def _nothing() -> None:
    """The caller reads the result."""
