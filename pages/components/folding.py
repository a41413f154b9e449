"""A table to read: columns on a desk, one block of words for each row on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st


def table(columns: Mapping[str, Sequence[str]], *, label: str, right: Sequence[str] = ()) -> None:
    """Draw it: the texts of each column under its head, those named in ``right`` on the right. The first column is what
    a row is called; ``label`` is what screen readers call the table. Columns without a word are left out."""
    shown = [name for place, name in enumerate(columns) if not place or any(columns[name])]
    heads = "".join(f'<th scope="col"{_kind(name in right)}>{escape(name)}</th>' for name in shown)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{_kind(name in right)} data-head="{escape(name)}">{escape(columns[name][row])}</td>' for name in shown
        )
        + "</tr>"
        for row in range(len(columns[shown[0]]))
    )
    st.html(
        f'<div class="report-table folds" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _kind(is_right: bool) -> str:
    return ' class="n"' if is_right else ""
