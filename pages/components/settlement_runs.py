"""The imports of settlements and bank statements, newest first, each with a way back that asks first."""

from __future__ import annotations

import streamlit as st

from billing.settlement import runs
from billing.settlement.land import Landed
from billing.settlement.runs import RunRow
from pages.components import frame, recon_run, show
from security.actor import Actor

TOLD, REMARKS, LEADS_ON = "_landed", "_landed_remarks", "_landed_on"


def landed(done: Landed, by: Actor) -> None:
    """Keep what came in to be told, and match it at once: a new row is a match or a case, never neither."""
    st.session_state[TOLD] = f"{done.sentence()}."
    st.session_state[REMARKS] = done.remarks[:10]
    if done.run_id is not None:
        _match(by)


def told() -> None:
    """Tell it once, with the way on."""
    words = st.session_state.pop(TOLD, None)
    if not words:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="settlement_told"):
        st.success(frame.plain(words), icon=":material/check_circle:")
        if st.session_state.pop(LEADS_ON, False):
            st.page_link("money/reconciliation.py", label="Open reconciliation", icon=":material/arrow_forward:")
    for remark in st.session_state.pop(REMARKS, []):
        st.caption(frame.plain(remark[:1].upper() + remark[1:]))


def _match(by: Actor) -> None:
    with frame.refusals():
        st.session_state[TOLD] = f"{st.session_state[TOLD]} Matched: {recon_run.match(by=by)}."
        st.session_state[LEADS_ON] = True


def draw(done: list[RunRow], names: dict[str, str], by: Actor) -> None:
    """Draw the list; ``names`` are the processors' by their slugs."""
    st.markdown("## Imports")
    for run in done[:30]:
        _line(run, names.get(run.target, run.target), by)
    if len(done) > 30:
        st.caption(f"The newest 30 of {show.number(len(done))} are shown.")


def _line(run: RunRow, target: str, by: Actor) -> None:
    with st.container(border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap=None, width="content"):
            st.markdown(f"**{frame.plain(run.file)}** · {frame.plain(target)}")
            what = ("line", "lines") if run.kind == "bank" else ("transaction", "transactions")
            facts = [show.moment(run.at), run.by, f"{show.count(run.added, *what)} new"]
            if run.replaced:
                facts.append(f"{show.number(run.replaced)} moved on")
            if run.skipped:
                facts.append(f"{show.number(run.skipped)} were here")
            if run.first and run.last:
                days = (
                    show.day(run.first) if run.first == run.last else f"{show.day(run.first)} to {show.day(run.last)}"
                )
                facts.append(days)
            if run.undone_at is not None:
                facts.append(f"taken back {show.moment(run.undone_at)}")
            st.caption(frame.plain(" · ".join(facts)))
        if run.undone_at is None and st.button("Take back", icon=":material/undo:", key=f"undo-{run.id}"):
            _confirm(run, by)


@st.dialog("Take back this import")
def _confirm(run: RunRow, by: Actor) -> None:
    st.markdown(
        f"What **{frame.plain(run.file)}** brought disappears, with the matches and deposits that were found for it by "
        "themselves. What had given way to it comes back. The file can be imported again."
    )
    with st.container(horizontal=True):
        if st.button("Take it back", type="primary", key="undo-yes"):
            with frame.refusals():
                hidden = runs.undo_landing(run.id, by=by, key=frame.form_key(f"undo:{run.id}"))
                st.session_state[TOLD] = (
                    f"{run.file} was taken back: {show.count(hidden, 'row is', 'rows are')} hidden."
                )
                _match(by)
                st.rerun()
        if st.button("Keep it", key="undo-no"):
            st.rerun()
