"""A scanned page beside what is asked about it: fitted, enlarged, dragged and turned in the browser."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parent / "assets"


def _button(act: str, label: str, drawn: str) -> str:
    return (
        f'<button type="button" data-act="{act}" aria-label="{label}" title="{label}">'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{drawn}"/></svg></button>'
    )


HTML = (
    '<div class="view"><div class="bar"><span class="name"></span>'
    + _button("out", "Smaller (-)", "M5 12h14")
    + _button("in", "Larger (+)", "M5 12h14M12 5v14")
    + _button("fit", "Whole page (#)", "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5")
    + _button("turn", "Turn the page (T)", "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6")
    + '</div><div class="stage" tabindex="0" role="group" aria-label="Scanned page">'
    '<div class="paper"><img alt="" draggable="false"><div class="frame" hidden></div></div></div></div>'
)
_view = st.components.v2.component(
    "ballast_page_view",
    html=HTML,
    css=(ASSETS / "page_view.css").read_text(encoding="utf-8"),
    js=(ASSETS / "page_view.js").read_text(encoding="utf-8"),
)


def address(picture: bytes) -> str:
    """A picture as an address that needs no further request."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def draw(
    picture: bytes,
    name: str,
    *,
    key: str,
    places: Mapping[str, tuple[float, float, float, float]] | None = None,
    low: bool = False,
) -> None:
    """Show a page. ``places`` are fields that may be asked about, as shares of the page; ``low`` leaves room below, as
    in a dialog."""
    told = {field: list(place) for field, place in (places or {}).items()}
    _view(key=key, data={"picture": address(picture), "name": name, "places": told, "low": low})
