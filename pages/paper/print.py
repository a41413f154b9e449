"""Print forms: the pack of a day, forms for the roster or one visit, blank stock, and what was printed before."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from appointments.roster import open_appointment
from forms.definition import Form
from outage.print_runs import Stock, blank_stock, forms_to_print, past_prints, sheets_of_day
from outage.printing import MOST, print_for_appointment, print_stock
from pages.components import frame, print_day, print_past, print_ready, show
from pages.components.print_ready import counted
from records.search import beside

VIEWS = ("Day", "One visit", "Blank stock", "Past prints")


def main() -> None:
    """The page."""
    by = frame.actor()
    if visit := st.query_params.pop("appointment", None):
        st.session_state["print_visit"], st.session_state["print_view"] = visit, "One visit"
    if (tab := st.query_params.pop("tab", None)) in VIEWS:
        st.session_state["print_view"] = tab
    forms = forms_to_print(by=by)
    stock = {one.form: one for one in blank_stock(by=by)}
    low = [one for one in stock.values() if one.low and one.subject != "day"]
    facts = "Paper for tomorrow, for one visit, and for the drawer"
    frame.head("Print forms", f"{facts} · {counted(len(low), 'form')} low on blank stock" if low else facts)
    if said := st.session_state.pop("print_said", None):
        st.toast(said, icon=":material/check:")
    print_ready.draw(WAYS)
    view = st.segmented_control(
        "View", VIEWS, default="Day", key="print_view", label_visibility="collapsed", required=True
    )
    with frame.refusals():
        if view == "One visit":
            _visit(forms)
        elif view == "Blank stock":
            _stock(stock)
        elif view == "Past prints":
            print_past.draw(past_prints(by=by))
        else:
            _day(forms, stock)


def _day(forms: Mapping[str, Form], stock: Mapping[str, Stock]) -> None:
    day, place = print_day.toolbar()
    visits = [slug for slug in ("consent", "travel-sheet") if slug in forms]
    sheets = sheets_of_day(day, visits, by=frame.actor(), location_id=place)
    st.caption(frame.plain(print_day.told(day, sheets)))
    left, right = st.columns([3, 2])
    with left:
        print_day.pack(day, place, sheets, stock, forms)
    with right:
        print_day.some(day, place, sheets, forms)


def _visit(forms: Mapping[str, Form]) -> None:
    visit = st.session_state.get("print_visit")
    if not visit:
        st.info("Open a visit on the roster and choose “Print forms” there.", icon=":material/info:")
        st.page_link("appointments/roster.py", label="Open the roster", icon=":material/list_alt:")
        return
    row = open_appointment(visit, by=frame.actor()).row
    offered = {slug: one.title for slug, one in forms.items() if one.subject == "appointment"}
    with st.container(border=True, key="print_visit_card"):
        who = " · ".join(part for part in (row.animal, beside(row.animal, row.owner)) if part)
        st.markdown(f"## {frame.plain(who)}")
        st.caption(frame.plain(f"Visit {row.number} · {show.day(row.day, style='heading')} · {row.type_label}"))
        chosen = st.pills(
            "Forms", list(offered), selection_mode="multi", key="print_visit_forms",
            format_func=lambda slug: frame.plain(offered[slug]),
            default=[slug for slug in ("consent", "travel-sheet") if slug in offered],
        )  # fmt: skip
        if st.button("Print for this visit", type="primary", icon=":material/print:", key="print_one",
                     disabled=not chosen):  # fmt: skip
            _print_visit(visit, chosen)


def _print_visit(visit: str, forms: list[str]) -> None:
    by = frame.actor()
    row = open_appointment(visit, by=by).row
    title = f"Forms for {row.animal}, visit {row.number}"
    with print_ready.asked("visit", title, visit=visit, forms=forms) as key:
        printed = print_for_appointment(forms, visit, by=by, key=key)
    print_ready.offer_sheets(title, printed, f"visit-{row.number}.pdf")


def _stock(stock: Mapping[str, Stock]) -> None:
    st.caption(
        "Blank sheets carry a serial and no name. Write the name on them, and scan them like any other. "
        "How many to print stands at the right; of card slips there are four on a sheet."
    )
    counts: dict[str, int] = {}
    for one in stock.values():
        if one.subject == "day":
            continue
        with st.container(border=True, horizontal=True, horizontal_alignment="distribute",
                          vertical_alignment="center", key=f"print_stock_{one.form}"):  # fmt: skip
            with st.container(gap=None, width=560):
                badge = " :orange-badge[low]" if one.low else ""
                st.markdown(f"**{frame.plain(one.title)}**{badge}")
                st.caption(frame.plain(_lying(one)))
            counts[one.form] = st.number_input(
                f"{frame.plain(one.title)}, sheets to print", 0, MOST, 0, step=5, key=f"print_count_{one.form}",
                width=150,
                label_visibility="collapsed", help="Sheets to print",
            )  # fmt: skip
    wanted = {form: count for form, count in counts.items() if count}
    total = sum(wanted.values())
    label = f"Print {counted(total, 'blank sheet')}" if total else "Print blank sheets"
    if st.button(label, type="primary", icon=":material/print:", key="print_blank", disabled=not wanted):
        _print_stock(wanted)


def _print_stock(counts: dict[str, int]) -> None:
    by = frame.actor()
    title = "Blank: " + ", ".join(one.title for slug, one in forms_to_print(by=by).items() if slug in counts)
    with print_ready.asked("stock", title, counts=counts) as key:
        printed = print_stock(counts, by=by, key=key)
    print_ready.offer_sheets(title, printed, "blank-forms.pdf")


def _lying(one: Stock) -> str:
    if not one.left:
        return f"None unused. Keep at least {one.wanted}."
    older = f" · {one.older} of an earlier version, still readable" if one.older else ""
    return f"{one.left} unused, serials {one.serials}. Keep at least {one.wanted}.{older}"


WAYS = {
    "pack": print_day.make, "roster": print_day.roster, "visit": _print_visit, "stock": _print_stock,
    "again": print_past.again,
}  # fmt: skip


main()
