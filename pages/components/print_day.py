"""Printing for a day: the evening's pack, or some forms for everybody on the roster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import streamlit as st

from appointments import days
from forms.definition import Form
from outage.kit import electronic_kit
from outage.pack import SLIPS, STOCK, VISIT, Pack, make_pack
from outage.print_runs import DaySheets, Stock, forms_to_print, sheets_of_day
from outage.printing import print_for_roster
from pages.components import frame, print_ready, show
from pages.components.print_ready import PDF, ZIP, counted

SETS = ("walk-in", "consent", "travel-sheet")
"""What a walk-in gets."""
ROSTER = "the roster, sheets for {visits}, drug logs with the balance of every open bottle, "


def toolbar() -> tuple[date, str]:
    """Which day, and which location where there are several."""
    tomorrow = show.today() + timedelta(days=1)
    if "print_day" not in st.session_state:
        st.session_state["print_day"] = tomorrow
    offered = days.choices(by=frame.actor()).locations
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="print_bar"):
        st.button(
            "", icon=":material/chevron_left:", key="print_before", help="The day before", on_click=_go, args=(-1,)
        )
        st.button("Tomorrow", key="print_tomorrow", on_click=_go, args=(0,))
        st.button("", icon=":material/chevron_right:", key="print_after", help="The day after", on_click=_go, args=(1,))
        day = st.date_input("Day", key="print_day", label_visibility="collapsed", width=150, format=show.date_pattern())
        place = ""
        if len(offered) > 1:
            place = st.selectbox(
                "Location", ["", *offered], key="print_place", label_visibility="collapsed", width=180,
                format_func=lambda id: offered[id].name if id else "All locations",
            )  # fmt: skip
    return day or tomorrow, place or ""


def _go(on: int) -> None:
    start = st.session_state["print_day"] or show.today()
    st.session_state["print_day"] = start + timedelta(days=on) if on else show.today() + timedelta(days=1)


def told(day: date, sheets: DaySheets) -> str:
    """How far a day is on paper, in one line."""
    parts = [show.day(day, style="heading"), counted(sheets.booked, "visit") + " booked"]
    if sheets.have:
        parts.append(f"{min(sheets.have.values())} with their sheets")
    return " · ".join(parts)


def pack(day: date, place: str, sheets: DaySheets, stock: Mapping[str, Stock], forms: Mapping[str, Form]) -> None:
    """The evening's pack: what goes in, and one button."""
    with st.container(border=True, key="print_pack_card"):
        st.markdown("## The evening's pack")
        st.caption(
            "Everything for working the day on paper: what to do when it is down, "
            + (ROSTER.format(visits=counted(sheets.booked, "visit")) if sheets.booked else "")
            + "blank stock, card slips, phone list."
            + ("" if sheets.booked else " Nobody is booked for this day yet.")
        )
        per_visit = {slug: one.title for slug, one in forms.items() if one.subject == "appointment"}
        chosen = st.multiselect(
            "Sheets for every visit", list(per_visit), [slug for slug in VISIT if slug in per_visit],
            format_func=per_visit.__getitem__, key="print_visit_sheets", placeholder="Choose forms",
        )  # fmt: skip
        left, right = st.columns(2)
        lying = min((stock[form].left for form in SETS if form in stock), default=0)
        sets = left.number_input(
            "Sets for walk-ins", 0, 100, max(0, STOCK["walk-in"] - lying), key=f"print_sets_{lying}",
            help=f"Registration, consent and travel sheet, blank. {lying} sets lie unused.",
        )  # fmt: skip
        slips_left = stock["card-slip"].left if "card-slip" in stock else 0
        slips = right.number_input(
            "Pages of card slips, four on each", 0, 100, max(0, SLIPS - slips_left), key=f"print_slips_{slips_left}",
            help=f"{counted(slips_left, 'page')} of slips lie unused.",
        )  # fmt: skip
        kit = st.checkbox(
            "Also the roster and balances as files for a laptop",
            key="print_kit",
            help="CSV and HTML in the ZIP file. They are not encrypted: keep them where only colleagues look.",
        )
        missing = False
        if have := min(sheets.have.values(), default=0):
            missing = st.checkbox(
                f"Leave out the {counted(have, 'visit')} whose sheets were printed before", True, key="print_rest",
                help="Drug logs that were printed for this day are left out too; the roster is printed anew.",
            )  # fmt: skip
        if st.button("Print the pack", type="primary", icon=":material/print:", key="print_pack"):
            make(day.isoformat(), place, chosen, int(sets), int(slips), kit, missing_only=missing)


def make(day: str, place: str, forms: list[str], sets: int, slips: int, kit: bool, missing_only: bool) -> None:
    """Print the pack of a day (ISO), with a bar that says how far it is."""
    on = date.fromisoformat(day)
    title = f"The pack for {show.day(on, style='heading')}"
    details = {"day": day, "place": place, "forms": forms, "sets": sets, "slips": slips, "kit": kit}
    bar = st.progress(0.0, "The pack is being printed …")
    blank = {form: sets for form in SETS} | {"drug-log": 0 if missing_only else STOCK["drug-log"]}
    by = frame.actor()
    with print_ready.asked("pack", title, **details, missing_only=missing_only) as key:
        done = make_pack(
            on, by=by, location_id=place, forms=forms, stock=blank, slips=slips, missing_only=missing_only, key=key,
            told=lambda share, what: bar.progress(share, f"Printing {what} …"),
        )  # fmt: skip
    bar.progress(0.96, "Putting the pages together …")
    whole = done.as_pdf()
    files = Pack(on, done.files + electronic_kit(on, by=by, location_id=place)) if kit else done
    facts = f"{counted(done.pages, 'page')}, {counted(done.sheets, 'sheet')} with a serial."
    print_ready.offer(
        f"{title} is ready", facts,
        (f"Download {counted(done.pages, 'page')} as one PDF", f"pack-{day}.pdf", whole, PDF),
        ("Download its files as ZIP", f"pack-{day}.zip", files.as_zip(), ZIP),
    )  # fmt: skip


def some(day: date, place: str, sheets: DaySheets, forms: Mapping[str, Form]) -> None:
    """Some forms for the whole roster."""
    offered = {slug: one.title for slug, one in forms.items() if one.subject != "nothing"}
    with st.container(border=True, key="print_some_card"):
        st.markdown("## Only some forms")
        chosen = st.multiselect(
            "Forms", list(offered), [slug for slug in ("consent", "travel-sheet") if slug in offered],
            format_func=offered.__getitem__, key="print_forms", placeholder="Choose what to print",
        )  # fmt: skip
        missing = st.checkbox(
            "Only visits that have none yet",
            key="print_missing",
            help="For visits booked after the pack was printed.",
        )
        have = sheets_of_day(day, chosen, by=frame.actor(), location_id=place).have if chosen else {}
        per_visit = [slug for slug in chosen if forms[slug].subject == "appointment"]
        if per_visit and sheets.booked:
            said = [f"{offered[slug]}: {have.get(slug, 0)} of {counted(sheets.booked, 'visit')}" for slug in per_visit]
            st.caption(frame.plain("Printed already: " + " · ".join(said)))
        if st.button("Print these forms", icon=":material/print:", key="print_roster", disabled=not chosen):
            roster(day.isoformat(), place, chosen, missing)


def roster(day: str, place: str, forms: list[str], missing: bool) -> None:
    """Print some forms for the roster of a day (ISO)."""
    on, by = date.fromisoformat(day), frame.actor()
    titles = ", ".join(one.title for slug, one in forms_to_print(by=by).items() if slug in forms)
    title = f"{titles} for {show.day(on, style='heading')}"
    with print_ready.asked("roster", title, day=day, place=place, forms=forms, missing=missing) as key:
        printed = print_for_roster(forms, on, by=by, location_id=place, missing_only=missing, key=key)
    print_ready.offer_sheets(title, printed, f"forms-{day}.pdf")
