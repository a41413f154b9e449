"""One dashboard: its tiles with one period and filters over them, its full screen, and changing it without code."""

from __future__ import annotations

import streamlit as st

from data.types import clock
from pages.components import board_choices, board_edit, board_shelf, board_tiles, frame, preparing, show
from reports import dashboards
from reports.dashboards import Board

REFRESH_SECONDS = 60
_ASKED = "_board_asked"
FULL = """<style>
[data-testid="stSidebar"], [data-testid="stHeader"], .st-key-banner { display: none; }
[data-testid="stMainBlockContainer"] { max-width: none; padding: 1rem 1.25rem; }
</style>"""


def main() -> None:
    """The page."""
    name, by = st.query_params.get("name", ""), frame.actor()
    if not name:
        st.switch_page("reporting/library.py")
    with frame.refusals():
        board = dashboards.board(name, by=by)
        if "full" in st.query_params:
            _full(name)
        elif "change" in st.query_params and "reports.build" in frame.may():
            board_edit.draw(board)
        else:
            _calm(board)


def _calm(board: Board) -> None:
    with st.container(key="report_back"):
        st.page_link("reporting/library.py", label="All reports", icon=":material/arrow_back:")
    one = board.dashboard
    actions = frame.head(one.title, one.description)
    with actions:
        full = bool(one.tiles) and st.button("Full screen", icon=":material/fullscreen:", key="board_full")
        board_shelf.menu(board)
    if not one.tiles:
        _first_step()
        return
    preparing.wait()
    chosen = board_choices.choose(board)
    if full:
        board_choices.hang(chosen)
        st.rerun()
    board_tiles.grid(one, *chosen)


def _full(name: str) -> None:
    """Nothing but the tiles; they follow the clinic by themselves, which never counts as somebody being there."""
    st.html(FULL)
    st.session_state[_ASKED] = True
    _self_refreshing(name)


@st.fragment(run_every=REFRESH_SECONDS)
def _self_refreshing(name: str) -> None:
    timed = not st.session_state.pop(_ASKED, False)
    with frame.refusals():
        board = dashboards.board(name, by=frame.actor())
        one = board.dashboard
        hung = board_choices.hung(one)
        told = board_choices.told(hung)
        action = frame.head(one.title, f"{' · '.join(told)} · as of {show.clock_time(clock.now())}")
        leave = action.button(
            "Leave full screen", icon=":material/fullscreen_exit:", key="board_calm", type="tertiary",
            on_click=board_choices.take_down, args=(one, hung),
        )  # fmt: skip
        if leave:
            st.rerun()
        preparing.wait()
        board_tiles.grid(one, *hung, timed=timed)


def _first_step() -> None:
    with st.container(key="board_empty", horizontal_alignment="center"):
        st.markdown(":material/dashboard_customize: There is nothing on this dashboard yet.")
        if "reports.build" in frame.may():
            if st.button("Add reports", type="primary", key="board_start"):
                st.query_params["change"] = "1"
                st.rerun()
        else:
            st.caption("Whoever builds reports can put some here.")


main()
