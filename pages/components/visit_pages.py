"""The paper of one visit: which pages are scanned and which are missing, opened large, and one more taken."""

from __future__ import annotations

import streamlit as st

from outage import counter, page_pictures, review, sheets
from outage.page_answers import KINDS
from outage.sheets import SheetPages, VisitPages
from pages.components import frame, page_view, show

TONES = {"good": st.success, "elsewhere": st.warning, "review": st.info, "gone": st.warning}
FROM_DISK, CAMERA = "File", "Camera"


def draw(appointment_id: str, may: frozenset[str], *, heading: bool = True) -> None:
    """Draw it for somebody who may scan; nothing for others."""
    if "outage.scan" not in may:
        return
    there = sheets.pages_of(appointment_id, by=frame.actor())
    with st.container(key="visit_pages", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            if heading:
                st.subheader("Paper", anchor=False)
            if st.button("Add a page", key="page_add", icon=":material/add_a_photo:", type="tertiary"):
                _take(appointment_id)
        if not there.sheets and not there.others:
            st.caption("No form of this visit was printed or scanned.")
        for sheet in there.sheets:
            _sheet(sheet)
        _others(there)


def _sheet(sheet: SheetPages) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"paper_{sheet.id}"):
        earlier = " · printed as an earlier version" if sheet.is_older else ""
        st.markdown(f"{show.plain(sheet.title)} :gray[sheet {sheet.serial}{earlier}]")
        for page in sheet.pages:
            if not page.page_id:
                st.markdown(f":gray[:material/hourglass_empty: page {page.number} missing]")
            elif st.button(
                f"Page {page.number}", key=f"page_{page.page_id}", help=page.sentence or "Open the scanned page",
                icon=":material/error:" if page.reason else ":material/check:", type="tertiary",
            ):  # fmt: skip
                _open(page.page_id, f"{sheet.title}, page {page.number} of {sheet.of}", page.sentence)


def _others(there: VisitPages) -> None:
    for other in there.others:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"paper_{other.page_id}"):
            st.markdown(show.plain(KINDS.get(other.kind, other.title)))
            if st.button("Open", key=f"page_{other.page_id}", icon=":material/check:", type="tertiary"):
                _open(other.page_id, other.title, "")


@st.dialog("Scanned page", width="large")
def _open(page_id: str, title: str, sentence: str) -> None:
    with frame.refusals():
        page_view.draw(page_pictures.page_picture(page_id, by=frame.actor()), title, key="visit_page", low=True)
        if sentence:
            st.info(f"{sentence} It waits in Review.")
            st.page_link("paper/review.py", label="Open Review", icon=":material/fact_check:", width="content")
        with st.popover("This page belongs elsewhere", icon=":material/undo:", type="tertiary", key="page_elsewhere"):
            st.markdown("It is taken off this visit and waits in Review, where somebody says whose it is.")
            if st.button("Send it to Review", key="page_reopen"):
                review.reopen(page_id, by=frame.actor(), key=frame.form_key(f"reopen_{page_id}"))
                frame.new_form_key(f"reopen_{page_id}")
                st.rerun()


@st.dialog("Add a page to this visit", on_dismiss="rerun")
def _take(appointment_id: str) -> None:
    told = st.session_state.pop("_page_taken", [])
    for tone, sentence in told:
        TONES[tone](frame.said(sentence))
    way = st.segmented_control(
        "How", [FROM_DISK, CAMERA], default=FROM_DISK, required=True, key="page_way", label_visibility="collapsed"
    )
    turn = st.session_state.setdefault("_page_turn", 0)
    kind = st.selectbox(
        "Without a code of ours it is", list(KINDS), index=len(KINDS) - 1, key="page_kind",
        format_func=KINDS.__getitem__, help="A page of our own forms is known by its code and goes where it belongs.",
    )  # fmt: skip
    if way == CAMERA:
        file = st.camera_input("Hold the page flat, all four corners in view", key=f"page_camera_{turn}",
                               resolution="1080p")  # fmt: skip
    else:
        file = st.file_uploader("PDF, TIFF, JPEG or PNG", key=f"page_file_{turn}", max_upload_size=100)
    if file is None:
        return
    with frame.refusals(), st.spinner("Reading the page …", show_time=False):
        found = counter.take_page(appointment_id, file.name, file.getvalue(), kind=kind or "", by=frame.actor())
        st.session_state["_page_taken"] = [(one.tone, one.sentence) for one in found]
        st.session_state["_page_turn"] = turn + 1
        st.rerun(scope="fragment")
