"""Past prints: who printed what and when, which serials, and what can still be done about them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from outage.print_runs import Batch, Run, print_again, serials_of, throw_away
from pages.components import frame, print_ready, show
from pages.components.print_ready import counted
from pages.components.rows import Row, rows

WHATS = {
    "pack": "Pack", "roster": "Forms for the roster", "appointment": "Forms for one visit", "stock": "Blank stock",
    "again": "Printed again",
}  # fmt: skip


def draw(batches: Sequence[Batch]) -> None:
    """The list; one opens in a dialog."""
    if not batches:
        st.info("Nothing was printed yet. Print the pack under Day, or blank stock.", icon=":material/info:")
        return
    lines = [
        Row(
            batch.id, _title(batch), ", ".join(_forms(batch)),
            f"{show.moment(batch.at)} · {batch.who}", counted(batch.sheets, "sheet"),
        )
        for batch in batches
    ]  # fmt: skip
    opened = rows(lines, path="/print-forms", label="Past prints", key="print_past", shape="1.5fr 2fr 1.4fr 6.5rem")
    if opened:
        frame.new_form_key("print_past")
        _dialog(next(batch for batch in batches if batch.id == opened))


def _title(batch: Batch) -> str:
    name = WHATS.get(batch.what, "Print")
    return f"{name} for {show.day(batch.day, style='weekday')}" if batch.day else name


def _named(run: Run) -> str:
    return f"{run.title}, blank" if run.is_blank else run.title


def _forms(batch: Batch) -> list[str]:
    return list(dict.fromkeys(run.title for run in batch.runs))


@st.dialog("Past print", width="large")
def _dialog(batch: Batch) -> None:
    st.markdown(f"### {frame.plain(_title(batch))}")
    st.caption(frame.plain(f"{show.moment(batch.at)} by {batch.who} · {counted(batch.sheets, 'sheet')}"))
    st.dataframe(
        [
            {"Form": _named(run), "Version": run.version, "Sheets": run.count, "Serials": run.serials,
             "Scanned": run.used, "Spoiled or waived": run.gone, "Unused": run.unused}
            for run in batch.runs
        ],
        hide_index=True, width="stretch",
    )  # fmt: skip
    left = [run for run in batch.runs if run.unused]
    if not left:
        st.caption("Every sheet of this print was scanned, spoiled or waived.")
        return
    with frame.refusals():
        _again(left)


def _again(left: list[Run]) -> None:
    st.markdown("#### Did the paper jam, or is it gone?")
    names = {run.id: f"{_named(run)} ({run.unused})" for run in left}
    chosen = st.pills(
        "Unused sheets of", list(names), selection_mode="multi", format_func=lambda run: frame.plain(names[run]),
        default=list(names) if len(names) == 1 else None, key="print_again_runs",
    )  # fmt: skip
    one, two = st.columns(2)
    typed = one.text_input(
        "Only these serials", key="print_again_serials", placeholder="All of them, or such as 12 to 14, 20",
        help="The serial stands at the top right of every sheet.",
    )  # fmt: skip
    why = two.text_input("Why", key="print_again_why", placeholder="Paper jam, thrown away by mistake", max_chars=120)
    st.caption(
        "Printed again, sheets get new serials. The old ones count as spoiled: nothing waits for them, and if one is "
        "scanned all the same, it goes to review."
    )
    with st.container(horizontal=True):
        press = st.button("Print again", type="primary", key="print_again", disabled=not chosen)
        away = st.button("Only say they are gone", key="print_gone", disabled=not chosen)
    by, key = frame.actor(), frame.form_key("print_past")
    if press:
        again(chosen, why, sorted(serials_of(typed)))
    if away:
        count = throw_away(chosen, why, only=serials_of(typed), by=by, key=key)
        frame.new_form_key("print_past")
        st.session_state["print_said"] = f"{counted(count, 'sheet')} will not be waited for."
        st.rerun()


def again(runs: list[str], why: str, only: list[int]) -> None:
    """Print sheets that nobody used once more."""
    title = "Printed again, with new serials"
    with (
        st.spinner("The sheets are being printed …", show_time=False),
        print_ready.asked("again", title, runs=runs, why=why, only=only) as key,
    ):
        printed = print_again(runs, why, only=only, by=frame.actor(), key=key)
    print_ready.offer_sheets(title, printed, "printed-again.pdf")
