"""Review: one page after the other that the machine could not settle, its picture beside the choices."""

from __future__ import annotations

from collections import Counter
from datetime import date
from zoneinfo import ZoneInfo

import streamlit as st

from outage import outages, page_answers, page_pictures, review
from outage.page_answers import Answer, Boxes
from outage.review import ReviewRow
from pages.components import box_choices, frame, page_view, review_choices, show

SHORT = {
    "unbound": "Blank stock", "doubtful": "Boxes to look at", "not_placed": "Corners missing",
    "code_unreadable": "Code not readable", "codes_differ": "Two codes", "unknown": "Unknown sheet",
    "refused": "Not printed here", "spoiled": "Spoiled sheet", "no_code": "Other paper", "duplicate": "Scanned twice",
    "blank": "Blank", "reopened": "Taken up again", "maybe_card": "Possible card number",
}  # fmt: skip
THIS, FIRST = "This scan", "First scan"
AT, LAST, AGAIN = "_review_at", "_review_last", "_review_again"


def main() -> None:
    """The page."""
    rows = review.waiting(by=frame.actor())
    last = st.session_state.get(LAST)
    counts = Counter(SHORT.get(row.reason, "Damaged") for row in rows)
    kinds = ", ".join(f"{name.lower()} {show.number(count)}" for name, count in counts.items())
    facts = f"{show.count(len(rows), 'page')} to settle: {kinds}"
    with frame.head("Review", facts if rows else "Nothing waits"):
        if last and st.button("Take the last page up again", icon=":material/undo:", key="review_undo"):
            _take_up(last)
        if st.button("Scan", icon=":material/document_scanner:", key="to_scan"):
            st.switch_page("paper/scan.py")
    if not rows:
        _empty()
        return
    place = _place(rows)
    row = rows[place]
    left, right = st.columns([1.55, 1], gap="medium")
    with right:
        _steps(rows, place)
        st.markdown(f"**{_title(row)}**")
        st.markdown(row.sentence)
        _settled_here(row)
        _together(row, counts)
    with left:
        _picture(row)


def _empty() -> None:
    st.success("Every scanned page is settled.", icon=":material/check_circle:")
    st.caption("Pages come here when a code cannot be read, a box is unclear, or it is not known whose a page is.")
    st.page_link("paper/scan.py", label="Scan pages", icon=":material/document_scanner:", width="content")


def _place(rows: list[ReviewRow]) -> int:
    """The page on screen; the one that follows where that was settled."""
    at, place = st.session_state.get(AT, ("", 0))
    ids = [row.id for row in rows]
    place = ids.index(at) if at in ids else min(place, len(rows) - 1)
    st.session_state[AT] = ids[place], place
    return place


def _steps(rows: list[ReviewRow], place: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="review_steps"):
        if st.button("", icon=":material/arrow_back:", key="review_back", shortcut="Left", help="Page before",
                     disabled=place == 0):  # fmt: skip
            _go(rows, place - 1)
        labels = [_label(number, row) for number, row in enumerate(rows, 1)]
        chosen = st.selectbox(
            "Page to settle", range(len(rows)), index=place, key=f"review_pick_{rows[place].id}_{len(rows)}",
            format_func=labels.__getitem__, label_visibility="collapsed",
        )  # fmt: skip
        if st.button("", icon=":material/arrow_forward:", key="review_on", shortcut="Right", help="Page after",
                     disabled=place + 1 == len(rows)):  # fmt: skip
            _go(rows, place + 1)
        if chosen != place:
            _go(rows, chosen)


def _label(number: int, row: ReviewRow) -> str:
    what = SHORT.get(row.reason, "Damaged")
    about = row.who or (f"sheet {row.serial}" if row.serial else row.source)
    return f"{number}. {what} · {about}"


def _title(row: ReviewRow) -> str:
    """Which form, sheet and page it is, and whose; of an unknown page where it lies in the scan."""
    if row.serial is None:
        return frame.plain(f"{row.source}, page {row.index + 1}")
    return frame.plain(
        " · ".join(
            part
            for part in (
                row.who, row.title, f"sheet {row.serial}, page {row.page} of {row.of}",
                "printed as an earlier version" if row.is_older else "",
            )
            if part
        )
    )  # fmt: skip


def _picture(row: ReviewRow) -> None:
    if row.closed or not row.has_picture:
        with st.container(border=True):
            st.caption("No picture is shown of this page." if row.closed else "This page could not be shown.")
        return
    name, shown = f"{row.source}, page {row.index + 1}", row.id
    if row.first_id:
        choice = st.segmented_control(
            "Which scan is shown", [THIS, FIRST], default=THIS, key=f"shown_{row.id}", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        name, shown = (name, row.id) if choice == THIS else ("The first scan of this page", row.first_id)
    picture = page_pictures.page_picture(shown, by=frame.actor())
    page_view.draw(picture, name, key="review_page", places={doubt.key: doubt.place for doubt in row.doubts})


def _settled_here(row: ReviewRow) -> None:
    with frame.refusals():
        if row.reason == "doubtful" and not row.closed:
            pictures = page_pictures.field_pictures(row.id, by=frame.actor())
            values = box_choices.ask(row.id, row.doubts, pictures, again=st.session_state.get(AGAIN, 0))
            if values is not None:
                st.session_state[AGAIN] = st.session_state.get(AGAIN, 0) + 1
                _say(row, Boxes(values))
        review_choices.draw(row, lambda answer: _say(row, answer), _day())


def _together(row: ReviewRow, counts: Counter[str]) -> None:
    """Many blank backs, or a stack that was scanned twice, at once."""
    count = counts[SHORT.get(row.reason, "")]
    if row.reason not in page_answers.ALIKE or count < 3:
        return
    label = f"All {count} are blank" if row.reason == "blank" else f"Keep the first scan of all {count}"
    with st.popover(label, icon=":material/done_all:", key="alike"), frame.refusals():
        st.markdown("Go through them with the arrow keys first. Each can be taken up again from its scan.")
        if st.button(f"Settle {count} pages", key="alike_go", type="primary"):
            review.settle_alike(row.reason, by=frame.actor(), key=frame.form_key("alike"))
            frame.new_form_key("alike")
            st.session_state[LAST] = None
            st.rerun()


def _day() -> date:
    """The day that pages most likely belong to: that of the outage that is not closed, else today."""
    outage = outages.current(by=frame.actor())
    return outage.began_at.astimezone(ZoneInfo(frame.clinic().zone)).date() if outage else show.today()


def _say(row: ReviewRow, answer: Answer) -> None:
    """Settle the page and go on with the next; a refusal stays beside the choices."""
    place = f"settle_{row.id}_{row.reason}"
    with st.spinner("Reading the page …", show_time=False):
        review.settle(row.id, answer, by=frame.actor(), key=frame.form_key(place))
    frame.new_form_key(place)
    st.session_state[LAST] = None if isinstance(answer, page_answers.Destroy) else row.id
    st.rerun()


def _take_up(page_id: str) -> None:
    with frame.refusals():
        review.reopen(page_id, by=frame.actor(), key=frame.form_key(f"reopen_{page_id}"))
        frame.new_form_key(f"reopen_{page_id}")
        st.session_state[LAST], st.session_state[AT] = None, (page_id, 0)
        st.rerun()


def _go(rows: list[ReviewRow], place: int) -> None:
    st.session_state[AT] = rows[place].id, place
    st.rerun()


main()
