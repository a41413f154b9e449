"""Where a number or a line of the home page leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import streamlit as st


@dataclass(frozen=True)
class Link:
    """A page of the app with what it is to show: its script, its path and its query."""

    script: str
    path: str
    query: dict[str, str] = field(default_factory=dict)

    @property
    def href(self) -> str:
        """The address, for a new tab."""
        return f"/{self.path}?{urlencode(self.query)}" if self.query else f"/{self.path}"

    def follow(self) -> None:
        """Go there. Ends the run."""
        st.switch_page(self.script, query_params=self.query)
