"""The little CSS that the theme in .streamlit/config.toml cannot say."""

from __future__ import annotations

import streamlit as st

CSS = """
<style>
header[data-testid="stHeader"] { height: 2.75rem; background: transparent; }
[data-testid="stMainBlockContainer"] { padding: 1.25rem 1.75rem 3rem; max-width: 1500px; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.5rem; font-weight: 650; padding: 0; letter-spacing: -.01em; }
[data-testid="stMainBlockContainer"] h2 { font-size: 1.125rem; padding: .25rem 0 0; }
[data-testid="stMainBlockContainer"] h3 { font-size: 1rem; padding: .25rem 0 0; }
[data-testid="stMetricValue"] { font-size: 1.5rem; font-variant-numeric: tabular-nums; }
[data-testid="stAppDeployButton"], [data-testid="stMainMenu"] { display: none; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 3rem 1rem 4rem; }
  .stButton button, .stFormSubmitButton button, .stLinkButton a { min-height: 44px; }
}
@media (min-width: 641px) { [data-testid="stMainBlockContainer"] { padding-top: 1.5rem; } }
</style>
"""


def apply() -> None:
    """Add the style sheet to this run."""
    st.html(CSS)
