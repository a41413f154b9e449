"""What is asked around an outage: declaring it, its times, letting rows go, closing a part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from appointments.times import instant_of
from data.types import clock
from outage import outages
from outage.board import Board, close, waive_rows
from outage.outages import SCOPES, OutageRow
from outage.rows import BoardRow
from pages.components import frame, recovery_board, show

SHOWN = 8
PART_WORDS = {"clinical": "Clinical part", "money": "Money part"}


def button(key: str) -> bool:
    """Draw the button that asks for declaring an outage, for whoever may and while none is open; whether it was
    clicked."""
    if "outage.declare" not in frame.may() or outages.current(by=frame.actor()) is not None:
        return False
    return st.button("Declare an outage", icon=":material/power_off:", key=key, type="tertiary",
                     help="Say that the clinic is on paper now, or was")  # fmt: skip


@st.dialog("Declare an outage")
def declare() -> None:
    """When it began, whether it lasts, what is out."""
    st.caption(
        "From the time it began the clinic is on paper. Declare it now, or afterwards with the times written on the "
        "wall sheet."
    )
    scope = st.radio(
        "What is out", list(SCOPES), format_func=SCOPES.__getitem__, key="outage_scope", horizontal=True,
        captions=("Everything goes on paper.", "Only card slips go on paper."),
    )  # fmt: skip
    now = clock.now()
    began = _instant("Began", now, "outage_began")
    lasts = st.checkbox("It lasts still", value=True, key="outage_lasts")
    ended = None if lasts else _instant("Ended", now, "outage_ended")
    reason = st.text_input(
        "What failed", key="outage_reason", max_chars=200, placeholder="Optional: internet, power, card processor …"
    )
    if not st.button("Declare the outage", type="primary", key="outage_declare", width="stretch"):
        return
    with frame.refusals():
        outages.declare(str(scope), began(), ended() if ended else None, reason or "", by=frame.actor(),
                        key=frame.form_key("outage"))  # fmt: skip
        frame.new_form_key("outage")
        st.session_state["outage_told"] = "The outage is declared. Everybody sees it on top of every page."
        st.switch_page("paper/recovery.py")


@st.dialog("Times of the outage")
def times(row: OutageRow, *, ends: bool) -> None:
    """Say that it is over, or put its times right. ``ends`` begins with an end of now."""
    began = _instant("Began", row.began_at, f"times_began_{row.id}")
    lasts = False
    if not ends:
        lasts = st.checkbox("It lasts still", value=row.lasts, key=f"times_lasts_{row.id}")
    ended = None if lasts else _instant("Ended", row.ended_at or clock.now(), f"times_ended_{row.id}")
    if ends:
        st.caption("From then on the clinic works here again. The paper stays to be scanned and entered.")
    label = "Say that it is over" if ends else "Save the times"
    if not st.button(label, type="primary", key="times_save", width="stretch"):
        return
    with frame.refusals():
        outages.change_times(
            row.id, began(), ended() if ended else None, version=row.version, by=frame.actor(),
            key=frame.form_key("outage_times"),
        )  # fmt: skip
        frame.new_form_key("outage_times")
        st.session_state["outage_told"] = "It is over. Scan the paper next." if ends else "The times are saved."
        st.rerun()


@st.dialog("Let rows go")
def let_go(outage_id: str, parts: Mapping[str, list[BoardRow]]) -> None:
    """Say why, for the rows that were chosen."""
    wanted = list(parts)
    if len(parts) > 1:
        chosen = st.radio(
            "What of them", ["both", *wanted], key="waive_part", horizontal=True,
            format_func=lambda part: {"both": "Both", "clinical": "Record and paper", "money": "Money"}[part],
        )  # fmt: skip
        wanted = wanted if chosen == "both" else [str(chosen)]
    rows = [row for part in wanted for row in parts[part]]
    lines = [f"- **{frame.plain(row.title)}**: {frame.plain(row.missing)}" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"- and {len(rows) - SHOWN} more")
    st.markdown("\n".join(lines))
    reason = st.text_input(
        "Why", key="waive_reason", max_chars=300, placeholder="Such as: finished in the app, sheet never used"
    )
    st.caption(f"The reason and your name, {frame.plain(frame.person().name)}, stand in the signed report.")
    count = len({row.title for row in rows})  # a visit with paper and money open is one row of the board
    label = "Let this row go" if count == 1 else f"Let {count} rows go"
    if not st.button(label, type="primary", key="waive_save", width="stretch"):
        return
    with frame.refusals():
        waive_rows(
            outage_id, [(row.entity, row.entity_id) for row in rows], reason or "", by=frame.actor(),
            key=frame.form_key("waive"),
        )  # fmt: skip
        frame.new_form_key("waive")
        st.session_state[recovery_board.LET_GO] = st.session_state.get(recovery_board.LET_GO, 0) + 1
        st.rerun()


@st.dialog("Close a part")
def close_part(found: Board, part: str) -> None:
    """What is missing still, or the last word before the report is signed."""
    words = show.wording()
    missing = found.missing(part)
    st.markdown(f"**{PART_WORDS[part]}** · {frame.plain(found.outage.title(words))}")
    if missing:
        count = "One row is" if len(missing) == 1 else f"{len(missing)} rows are"
        st.markdown(f"{count} open still. Settle each, or let it go by name with a reason.")
        lines = [f"- **{frame.plain(row.title)}**: {frame.plain(row.missing)}" for row in missing[:SHOWN]]
        if len(missing) > SHOWN:
            lines.append(f"- and {len(missing) - SHOWN} more")
        st.markdown("\n".join(lines))
        return
    rows = [row for row in found.rows if row.part == part and not row.inside]
    count = len(found.let_go(part))
    gone = "none was let go" if not count else f"{count} of them {'was' if count == 1 else 'were'} let go"
    st.markdown(f"{len(rows)} rows are settled, {gone}. A report with every row is written and signed with your name, "
                f"{frame.plain(frame.person().name)}. After that the part cannot be changed.")  # fmt: skip
    if not st.button("Close and sign", type="primary", key="close_sign", width="stretch"):
        return
    with frame.refusals():
        key = frame.form_key(f"close_{part}")
        with st.spinner("Writing the report …"):
            close(found.outage.id, part, by=frame.actor(), key=key)
        frame.new_form_key(f"close_{part}")
        st.session_state["outage_told"] = f"The {part} part is closed, and its report is signed."
        st.query_params["outage"] = found.outage.id
        st.rerun()


class _instant:
    """A day and a time at the clinic, drawn side by side; called, it is the instant."""

    def __init__(self, label: str, begin: datetime, key: str) -> None:
        local = begin.astimezone(ZoneInfo(frame.clinic().zone))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            self.day = st.date_input(
                f"{label}, day", value=local.date(), key=f"{key}_day", format=show.date_pattern(),
                min_value=show.today() - timedelta(days=400), max_value=show.today(), width=160,
            )  # fmt: skip
            self.at = st.time_input(
                f"{label}, time", value=local.time().replace(second=0, microsecond=0), key=f"{key}_time", step=60,
                format=show.time_format(), width=140,
            )  # fmt: skip

    def __call__(self) -> datetime:
        return instant_of(self.day, self.at, frame.clinic().zone, wording=show.wording())
