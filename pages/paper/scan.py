"""Scan: files are dropped, read in the background, and what became of their pages is told."""

from __future__ import annotations

import streamlit as st

from data.errors import Refusal
from outage import page_pictures, reading, review, scanning, sheets
from outage.reading import ScannedPage, ScanRow
from pages.components import frame, page_view, scan_words, show
from pages.components.rows import Row
from pages.components.rows import rows as rows_of

REFRESH_SECONDS = 1.0
MISSING = "minmax(8rem, 1.6fr) minmax(0, 3fr) auto 0"
SHAPE = "minmax(8rem, 1.6fr) minmax(0, 3fr) auto auto"
HELP = (
    "PDF, TIFF, JPEG or PNG, up to 100 MB and 300 pages a file, best at 200 to 300 dpi in gray. Any order, any way up, "
    "several forms and days in one stack. Never scan card slips: one that is found is cut out and destroyed."
)


def main() -> None:
    """The page."""
    by = frame.actor()
    waiting = review.count_waiting(by=by)
    facts = f"{show.count(waiting, 'page')} to review" if waiting else "Nothing waits for review"
    with frame.head("Scan", facts):
        label = f"Review {show.count(waiting, 'page')}"
        if waiting and st.button(label, type="primary", icon=":material/fact_check:", key="to_review"):
            st.switch_page("paper/review.py")
    _drop()
    for name, sentence in st.session_state.get("_not_taken", ()):
        st.error(f"**{frame.plain(name)}** · {frame.said(sentence)}", icon=":material/error:")
    scans = reading.scans(by=by)
    if any(not row.is_done for row in scans):
        _bars()
    _missing()
    done = [row for row in scans if row.is_done]
    if done or not scans:
        _history(done)


def _drop() -> None:
    """Whatever is dropped is taken in at once; the place is empty again for the next stack."""
    turn = st.session_state.setdefault("_scan_turn", 0)
    files = st.file_uploader(
        "Drop scanned files here", accept_multiple_files=True, key=f"scan_files_{turn}", max_upload_size=100
    )
    st.caption(HELP)
    if not files:
        return
    refused = []
    with st.spinner("Taking the files in …", show_time=False):
        for file in files:
            try:
                scanning.receive(file.name, file.getvalue(), by=frame.actor(), key=f"scan-{file.file_id}")
            except Refusal as refusal:
                refused.append((file.name, refusal.message))
    reading.begin(frame.actor().clinic_id)
    st.session_state["_scan_turn"], st.session_state["_not_taken"] = turn + 1, refused
    st.rerun()


@st.fragment(run_every=REFRESH_SECONDS)
def _bars() -> None:
    """How far the reading is; it goes on when this page is left."""
    with frame.refusals():
        left = [row for row in reversed(reading.scans(by=frame.actor())) if not row.is_done]
        if not left:
            st.session_state["_timed"] = True
            st.rerun()
        with st.container(border=True, key="scan_progress"):
            for row in left:
                st.progress(_share(row), text=f"{frame.plain(row.name)} · {_how_far(row)}")
            st.caption("The pages are read in the background. You may leave this page and come back.")


def _share(row: ScanRow) -> float:
    return min(row.pages_read / row.pages, 1.0) if row.pages else 0.0


def _how_far(row: ScanRow) -> str:
    if row.state == "reading" and row.pages:
        return f"{row.pages_read} of {show.count(row.pages, 'page')} read"
    return "being opened" if row.state == "reading" else "waits for its turn"


def _history(done: list[ScanRow]) -> None:
    st.subheader("Scanned files", anchor=False)
    if not done:
        st.caption(
            "Nothing was scanned yet. Put the filled-in forms through the scanner as they lie, and drop the file."
        )
        return
    lines = []
    for row in done:
        tag, tone = scan_words.tag(row)
        lines.append(
            Row(
                row.id, row.name, f"{scan_words.outcome(row)} · {row.who}", show.moment(row.at), "Pages",
                tag=tag, tone=tone, action="action",
            )
        )  # fmt: skip
    if opened := rows_of(lines, path="/scan", label="Scanned files", key="scan_rows", shape=SHAPE):
        _pages(next(row for row in done if row.id == opened))


@st.dialog("Pages of this scan", width="large")
def _pages(row: ScanRow) -> None:
    import pandas as pd

    with frame.refusals():
        st.markdown(f"**{frame.plain(row.name)}** · {frame.plain(scan_words.outcome(row))}")
        if row.note:
            st.info(row.note, icon=":material/print:")
        found = reading.pages_of_scan(row.id, by=frame.actor())
        if found:
            table = [
                {
                    "Page": page.index + 1, "Form": page.title, "Sheet": page.sheet, "Of": page.who,
                    "What became of it": page.outcome,
                }
                for page in found
            ]  # fmt: skip
            chosen = st.dataframe(
                pd.DataFrame(table), hide_index=True, width="stretch", height=260, key=f"scan_pages_{row.id}",
                on_select="rerun", selection_mode="single-row",
            )  # fmt: skip
            picked = chosen["selection"]["rows"]
            if picked and picked[0] < len(found):
                _page(found[picked[0]])
            else:
                st.caption("Choose a line to see its page.")


def _page(page: ScannedPage) -> None:
    """One page of a scan, large."""
    if page.is_settled and st.button("Take it up again", icon=":material/undo:", key=f"again_{page.id}"):
        review.reopen(page.id, by=frame.actor(), key=frame.form_key(f"reopen_{page.id}"))
        frame.new_form_key(f"reopen_{page.id}")
        st.session_state["_review_at"] = page.id, 0
        st.switch_page("paper/review.py")
    if page.has_picture:
        picture = page_pictures.page_picture(page.id, by=frame.actor())
        page_view.draw(picture, f"Page {page.index + 1}", key="scan_page", low=True)


def _missing() -> None:
    """Sheets of which a page did not come back."""
    begun = sheets.missing_pages(by=frame.actor())
    if not begun:
        return
    st.subheader(f"Pages missing ({show.count(len(begun), 'sheet')})", anchor=False)
    st.caption(
        "Some pages of these sheets were scanned and others not. Look through the paper, and scan what is found."
    )
    lines = []
    for sheet in begun[-60:]:
        numbers = " and ".join(f"page {number}" for number in sheet.missing)
        href = f"/ticket?visit={sheet.appointment_id}" if sheet.appointment_id else "/review"
        about = f"{sheet.title}, sheet {sheet.serial}"
        lines.append(
            Row(sheet.id, sheet.who or "Blank stock", about, f"{numbers.capitalize()} of {sheet.of} missing", href=href)
        )
    if opened := rows_of(lines, path="/ticket", label="Sheets with pages missing", key="missing_rows", shape=MISSING):
        visit = next(sheet.appointment_id for sheet in begun if sheet.id == opened)
        if visit and "billing.view" in frame.may():
            st.switch_page("today/ticket.py", query_params={"visit": visit})
        st.switch_page("paper/review.py")


main()
