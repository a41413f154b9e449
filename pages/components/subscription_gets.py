"""Who gets which part of a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from reports.readers import Gets


def gets(found: Sequence[Gets]) -> None:
    """Who gets it, and what they get it without."""
    lines = []
    for one in found:
        names = escape(", ".join(one.names))
        if one.why_not:
            lines.append(f'<li class="run-bad">{names}: nothing, as they {escape(_they(one.why_not))}</li>')
        elif one.without:
            lines.append(f'<li class="run-calm">{names}, without {escape(", ".join(one.without))}</li>')
        else:
            lines.append(f'<li class="run-good">{names}</li>')
    st.html(f'<ul class="gets">{"".join(lines)}</ul>')


def _they(why: str) -> str:
    """A reason said of several."""
    for one, several in (("has ", "have "), ("sees ", "see ")):
        if why.startswith(one):
            return several + why.removeprefix(one)
    return why
