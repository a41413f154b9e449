"""The page as it will be printed, beside the designer: the chosen field is marked on it, a click chooses a field."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import streamlit as st

from data.errors import Refusal
from forms.preview import Shown, show_page
from pages.components import frame
from pages.components.designer_state import Work

ASSETS = Path(__file__).parent / "assets"
_PAGE = st.components.v2.component(
    "ballast_form_page",
    html='<div class="leaf"></div>\n',
    css=(ASSETS / "form_page.css").read_text(encoding="utf-8"),
    js=(ASSETS / "form_page.js").read_text(encoding="utf-8"),
)
PAPERS = {"letter": "Letter", "a4": "A4"}


def inline(picture: bytes) -> str:
    """A picture as an address that holds it: one from the media store is gone when the next run is quicker than the
    browser."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def draw(work: Work) -> None:
    """Draw the choices of the preview, and the page."""
    slot = f"_shown_{work.slug}"
    with st.container(horizontal=True, vertical_alignment="center", key="preview_choices"):
        paper = st.segmented_control(
            "Paper", list(PAPERS), default=work.desk.paper, required=True, format_func=PAPERS.__getitem__,
            key=f"paper-{work.slug}", label_visibility="collapsed",
        ) or work.desk.paper  # fmt: skip
        sample = st.toggle("Sample patient", value=True, key=f"sample-{work.slug}")
        if st.button("Large", icon=":material/zoom_in:", key="preview_large", type="tertiary", help="All pages, large"):
            _large(work, paper, sample)
    place = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center")
    shown = _shown(work, paper, sample)
    if shown is None:
        shown = st.session_state.get(slot)
        st.caption("The page below is from before: mend what is marked in the list, and it follows.")
    if shown is None:
        return
    st.session_state[slot] = shown
    with place:
        _pages(work, shown)
    _leaf(work, shown)


@st.dialog("As it will print", width="large")
def _large(work: Work, paper: str, sample: bool) -> None:
    desk, page, pages = work.desk, 1, 1
    with frame.refusals():
        while page <= pages:
            try:
                shown = show_page(work.as_json, page, paper, desk.order, desk.clinic, sample=sample)
            except ValueError:
                st.info("Mend what is marked in the list first.", icon=":material/info:")
                return
            with st.container(key=f"leaf-{page}"):
                st.image(inline(shown.picture), width="stretch")
            page, pages = page + 1, shown.pages


def _shown(work: Work, paper: str, sample: bool) -> Shown | None:
    page = int(st.session_state.get(f"_page_{work.slug}", 1))
    desk = work.desk
    try:
        shown = show_page(work.as_json, page, paper, desk.order, desk.clinic, sample=sample)
        at = work.at(work.chosen)
        key = work.chosen.partition(":")[2].partition(".")[0]
        if at is not None and at.field < 0:
            key = str(work.body["sections"][at.section]["fields"][0]["key"])
        turned = f"_turned_{work.slug}"
        wanted = shown.fields.get(key, shown.page)
        if st.session_state.get(turned) != work.chosen:  # a piece chosen just now is looked for; else one may leaf
            st.session_state[turned] = work.chosen
            if wanted != shown.page:
                st.session_state[f"_page_{work.slug}"] = wanted
                shown = show_page(work.as_json, wanted, paper, desk.order, desk.clinic, sample=sample)
    except (Refusal, ValueError):
        return None
    return shown


def _pages(work: Work, shown: Shown) -> None:
    def turn(step: int) -> None:
        st.session_state[f"_page_{work.slug}"] = min(max(shown.page + step, 1), shown.pages)

    if shown.pages > 1:
        st.button("Page before", icon=":material/chevron_left:", key="page_back", on_click=turn, args=(-1,),
                  disabled=shown.page == 1, type="tertiary", help="The page before")  # fmt: skip
    st.caption(f"Page {shown.page} of {shown.pages}", width="content")
    if shown.pages > 1:
        st.button("Next page", icon=":material/chevron_right:", key="page_on", on_click=turn, args=(1,),
                  disabled=shown.page == shown.pages, type="tertiary", help="The next page")  # fmt: skip


def _leaf(work: Work, shown: Shown) -> None:
    key = f"leaf-{work.slug}"

    def answer(wish: dict[str, Any]) -> None:
        work.choose(str(wish.get("id", ""))[:100])

    def handle() -> None:
        work.hear(key, (st.session_state.get(key) or {}).get("wishes"), answer)

    done = work.hear(key, (st.session_state.get(key) or {}).get("wishes"), answer)
    width, height = shown.size
    data = {
        "picture": inline(shown.picture),
        "alt": f"Page {shown.page} of {shown.pages} of {frame.plain(str(work.body['title']))}",
        "ratio": width / height, "places": _places(work, shown), "chosen": work.chosen, "done": done,
    }  # fmt: skip
    _PAGE(key=key, data=data, on_wishes_change=handle)


def _places(work: Work, shown: Shown) -> list[dict[str, Any]]:
    """Fields and columns in shares of the page, the small ones last so that they lie on top."""
    width, height = shown.size
    found = []
    for place in shown.places:
        field = work.at(f"f:{place.key}")
        if field is None:
            continue
        one = work.body["sections"][field.section]["fields"][field.field]
        found.append(_box(f"f:{place.key}", one.get("label") or "", place.x - 3, place.y, place.w + 6, place.h))
        for cell in one.get("cells") or [] if one["type"] == "grid" else ():
            zones = [zone for zone in shown.zones if zone.key.split(".")[0] == place.key
                     and zone.key.split(".")[-1] == cell["key"]]  # fmt: skip
            if zones:
                left, top = min(zone.x for zone in zones), min(zone.y for zone in zones)
                right, bottom = max(zone.x + zone.w for zone in zones), max(zone.y + zone.h for zone in zones)
                found.append(
                    _box(f"c:{place.key}.{cell['key']}", cell["label"], left - 2, top - 14, right - left + 4,
                         bottom - top + 16)
                )  # fmt: skip
    zones = [_box(f"f:{zone.key.split('.')[0]}", "", zone.x, zone.y, zone.w, zone.h) | {"zone": True}
             for zone in shown.zones if work.chosen == f"f:{zone.key.split('.')[0]}"
             or work.chosen == f"c:{zone.key.split('.')[0]}.{zone.key.split('.')[-1]}"]  # fmt: skip
    return [
        one | {"x": one["x"] / width, "y": one["y"] / height, "w": one["w"] / width, "h": one["h"] / height}
        for one in found + zones
    ]


def _box(name: str, label: str, x: float, y: float, w: float, h: float) -> dict[str, Any]:
    return {"id": name, "label": label, "x": x, "y": y, "w": w, "h": h}
