"""Imports that would make the first visitor wait, done in the background at start.

Streamlit runs a full garbage collection after each script; freezing what is already there takes a page rerun from
about 110 ms to 7 ms of CPU.
"""

from __future__ import annotations

import gc
import importlib

HEAVY = (
    "pandas",
    "plotly.graph_objects",
    "duckdb",
    "pages.sign_in.form",
    "babel.dates",
    "xhtml2pdf.pisa",
)


def warm() -> None:
    """Import the heavy modules, then freeze."""
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
