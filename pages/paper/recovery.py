"""The recovery board: an outage is over when every row of it is accounted for."""

from __future__ import annotations

import streamlit as st

from outage import outages
from outage.board import Board, board, papers, undo_waiver
from outage.closing_report import verify_report
from outage.copies import count_once
from outage.late import late_paper, sign_addendum
from outage.outages import SCOPES, OutageRow
from outage.rehearsal import rehearse
from outage.rows import BoardRow
from pages.components import frame, outage_dialogs, outage_ways, recovery_board, show
from pages.components.rows import Row, rows

STEPS = (
    ("Before", "Every evening, print the pack for tomorrow: roster, sheets with codes, drug logs, blank stock, slips."),
    ("During", "Paper only. Declare the outage here, or date it afterwards with the times from the wall sheet."),
    ("After", "Scan the whole stack in any order, look through what the machine could not settle, enter each visit."),
    ("This board", "Shows what is missing row by row, and closes when nothing is: with a report that is signed."),
)
LOOKED_AT = 3
"""So many of the newest other outages are looked at for paper that came late."""


def main() -> None:
    """The page."""
    by = frame.actor()
    may = "outage.declare" in frame.may()
    every = outages.outages(by=by)
    row = _chosen(every)
    if row is None:
        _teach(may, every)
        return
    words = show.wording()
    facts = [row.title(words), SCOPES[row.scope].lower(), f"declared by {row.declared_by}"]
    with frame.head("Recovery board", " · ".join([*facts, row.reason] if row.reason else facts)):
        if may and row.lasts:
            if st.button("Say that it is over", type="primary", icon=":material/check:", key="outage_over"):
                outage_dialogs.times(row, ends=True)
        elif may and row.is_closed and st.button("Declare an outage", icon=":material/power_off:", key="outage_open"):
            outage_dialogs.declare()
        changes = may and not any(row.closed_at(part) for part in row.parts)
        if changes and st.button("Change times", icon=":material/schedule:", key="outage_times"):
            outage_dialogs.times(row, ends=False)
    if told := st.session_state.pop("outage_told", ""):
        st.success(told, icon=":material/check:")
    found = board(row.id, by=by)
    if found.scans_waiting:
        st.info(f"{found.scans_waiting} scanned files are being read. Their pages appear here by themselves.")
    _parts(found, may)
    wish = recovery_board.draw(found, words=words, may=may, ways=outage_ways.name_of)
    _answer(found, wish)
    _late(row, may)
    _paper(row)
    _history([one for one in every if one.id != row.id])
    _check()
    _practise()


def _chosen(every: list[OutageRow]) -> OutageRow | None:
    wanted = st.query_params.get("outage")
    if wanted:
        return next((row for row in every if row.id == wanted), None)
    still = [row for row in every if not row.is_closed]
    return next((row for row in still if row.lasts), still[0] if still else None)


def _parts(found: Board, may: bool) -> None:
    """Each part with what is open, and the way to close it."""
    with st.container(key="outage_parts"):
        for part in found.outage.parts:
            with st.container(key=f"outage_part_{part}", horizontal=True, vertical_alignment="center"):
                closed, missing = found.outage.closed_at(part), found.missing(part)
                state = f"{len(missing)} of its rows open" if missing else "nothing missing"
                if len(missing) == 1:
                    state = "one row open"
                by = found.outage.clinical_closed_by if part == "clinical" else found.outage.money_closed_by
                if closed:
                    state = f"closed {show.moment(closed)} by {by}"
                st.markdown(f"**{outage_dialogs.PART_WORDS[part]}** · {frame.plain(state)}")
                if closed:
                    st.link_button("Open the report", f"/documents/{found.outage.report_id(part)}",
                                   icon=":material/description:")  # fmt: skip
                elif may and not found.outage.lasts:
                    label = f"Close the {part} part"
                    if st.button(label, key=f"close_{part}", type="secondary" if missing else "primary"):
                        outage_dialogs.close_part(found, part)


def _answer(found: Board, wish: recovery_board.Wish) -> None:
    with frame.refusals():
        if wish.undo:
            undo_waiver(wish.undo, by=frame.actor(), key=f"undo-{wish.undo}")
            st.rerun()
        if wish.waive:
            parts = recovery_board.parts_of(found, wish.waive)
            if parts:
                outage_dialogs.let_go(found.outage.id, parts)
        if wish.open:
            row = _row(found, wish.open)
            if row is not None and row.copies and "outage.declare" in frame.may():
                count_once(found.outage.id, row.entity_id, by=frame.actor(), key=frame.form_key("once"))
                frame.new_form_key("once")
                st.session_state["outage_told"] = f"{row.title}: the line that stands on two sheets counts once now."
                st.rerun()
            elif row is not None:
                outage_ways.go(row)


def _row(found: Board, line: str) -> BoardRow | None:
    ids = {line, line.replace("appointment:", "ticket:")}
    return next((row for row in found.rows if row.id in ids and row.is_open), None)


def _late(row: OutageRow, may: bool) -> None:
    """What came after the clinical part was closed, and the addendum that can be signed over it."""
    if row.closed_at("clinical") is None:
        return
    late = late_paper(row.id, by=frame.actor())
    if not (late.sheets or late.addenda):
        return
    count = len(late.untold)
    words = f"{count} {'sheet' if count == 1 else 'sheets'} the report does not tell of" if count else "told in addenda"
    with st.container(horizontal=True, vertical_alignment="center", key="outage_late"):
        st.subheader("Late paper since closing", anchor=False, width="content")
        st.caption(words, width="content")
        if count and may and st.button("Sign an addendum", icon=":material/signature:", key="outage_addendum"):
            with frame.refusals(), st.spinner("Writing the addendum …"):
                sign_addendum(row.id, by=frame.actor(), key=frame.form_key(f"addendum_{row.id}"))
                frame.new_form_key(f"addendum_{row.id}")
                st.session_state["outage_told"] = "The addendum is signed. The report itself stays as it was."
                st.rerun()
    for sheet in late.sheets:
        whose = f"visit {sheet.visit}" if sheet.visit else ""
        done = f"entered by {sheet.entered_by}" if sheet.entered_by else "scanned, not entered"
        told = "in an addendum" if sheet.is_told else ""
        parts = [sheet.title, whose, done, show.moment(sheet.at), told]
        st.markdown(f"**Sheet {sheet.serial}** · {frame.plain(' · '.join(filter(None, parts)))}")
    for number, one in enumerate(late.addenda, 1):
        st.link_button(f"Open addendum {number}", f"/documents/{one.document_id}", icon=":material/description:",
                       help=f"Signed by {one.who}, {show.moment(one.at)}")  # fmt: skip


def _paper(row: OutageRow) -> None:
    st.subheader("What may be destroyed", anchor=False)
    kept = papers(row.id, by=frame.actor())
    if not kept:
        st.caption("No printed sheet belongs to this outage yet.")
    for one in kept:
        icon = ":material/check_circle:" if one.may_go else ":material/block:"
        st.markdown(f"{icon} **{frame.plain(one.what)}** · {frame.plain(one.words)}")


def _history(others: list[OutageRow]) -> None:
    if not others:
        return
    st.subheader("Other outages", anchor=False)
    words = show.wording()
    lines = [
        Row(
            row.id, row.title(words), " · ".join(filter(None, (SCOPES[row.scope], row.declared_by, row.reason))),
            tag=tag, tone="good" if tag == "Closed" else "warm", href=f"/recovery?outage={row.id}",
        )
        for number, row in enumerate(others)
        for tag in [_tag(row, look=number < LOOKED_AT)]
    ]  # fmt: skip
    if opened := rows(lines, path="/recovery", label="Other outages", key="outage_history"):
        st.switch_page("paper/recovery.py", query_params={"outage": opened})


def _tag(row: OutageRow, *, look: bool) -> str:
    if not row.is_closed:
        return "Open"
    return "Late paper" if look and late_paper(row.id, by=frame.actor()).untold else "Closed"


def _check() -> None:
    with st.expander("Check the signature of a report"):
        file = st.file_uploader("The report as a PDF", type=["pdf"], key="outage_check")
        if file is not None:
            with frame.refusals():
                verdict = verify_report(file.getvalue(), by=frame.actor())
                (st.success if verdict.is_genuine else st.error)(frame.said(verdict.words))


def _teach(may: bool, every: list[OutageRow]) -> None:
    with frame.head("Recovery board", "No outage is open"):
        if may and st.button("Declare an outage", type="primary", icon=":material/power_off:", key="outage_open"):
            outage_dialogs.declare()
    with st.container(key="outage_steps"):
        for title, text in STEPS:
            with st.container(border=True):
                st.markdown(f"**{title}**")
                st.caption(text)
    if not may:
        st.caption("A manager declares an outage and closes it.")
    _history(every)
    if any(row.is_closed for row in every):
        _check()
    _practise()


def _practise() -> None:
    """The way to a rehearsal, and when the last one was."""
    if "outage.print" not in frame.may():
        return
    now = rehearse.progress(by=frame.actor())
    if now is not None:  # in a practice clinic every page leads back to its steps; closing is two of them
        if now.money_closed and now.closed:
            st.success("That was the whole way. The date of this practice is kept in your clinic.",
                       icon=":material/celebration:")  # fmt: skip
        elif now.closed:
            st.success("The date of this practice is kept in your clinic. Go on with the card slips.",
                       icon=":material/check:")  # fmt: skip
            st.page_link("paper/practise.py", label="Steps of the practice", icon=":material/school:", width="content")
        return
    last = rehearse.last(by=frame.actor())
    with st.container(horizontal=True, vertical_alignment="center", key="practise_line"):
        st.page_link("paper/practise.py", label="Practise an outage", icon=":material/school:", width="content")
        st.caption(show.practised(last.finished_at if last else None), width="content")


main()
