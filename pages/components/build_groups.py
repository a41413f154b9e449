"""What a report being built counts over, what it is grouped by, which days, and how it is drawn."""

from __future__ import annotations

import streamlit as st

from pages.components import build_numbers
from pages.components.build_state import Built, add, pick, remove, typed
from reports import building, offers
from reports.periods import PERIODS, label_of

GRAINS = {"day": "by day", "week": "by week", "month": "by month", "quarter": "by quarter", "year": "by year"}
COMPARED = {"": "Nothing", "year_before": "The year before", "period_before": "The period before"}


def entity(made: Built) -> None:
    """Choosing something else to count over begins anew."""
    known = {name: one.label for name, one in offers.entities(made.model, made.may).items()}
    if made.entity not in known:
        there = made.model.entities.get(made.entity)
        known = {made.entity: there.label if there else f"{made.entity} (no longer there)"} | known
    chosen = pick("Count over", known, made.entity, made.key("entity"), help="What one line stands for is told below.")
    if chosen != made.entity:
        made.choices |= building.begin(made.model, chosen) | {"kept": made.choices["kept"]}
        st.rerun()
    one = made.model.entities.get(made.entity)
    if one:
        st.caption(f"Each is {one.row}.")


def shape(made: Built) -> None:
    """Numbers, or the rows themselves."""
    shapes = {"numbers": "Count and add up", "list": "List the rows"}
    made.choices["shape"] = typed(
        st.segmented_control, "Show", made.choices["shape"], made.key("shape"), options=list(shapes),
        format_func=shapes.get, required=True, label_visibility="collapsed", width="stretch",
    )  # fmt: skip


def columns(made: Built) -> None:
    """The columns of a list."""
    now = {one["field"]: one for one in made.choices["columns"]}
    options = {one.path: one.words for one in made.offers} | {path: made.words(path) for path in now}
    chosen = typed(st.multiselect, "Columns", list(now), made.key("columns"), options=list(options),
                   format_func=options.get, placeholder="Choose columns")  # fmt: skip
    made.choices["columns"] = [now.get(path) or building.column(path) for path in chosen]


def groups(made: Built) -> None:
    """One line for each thing to group by, from the coarse to the fine, then what goes across."""
    for line in list(made.choices["groups"]):
        _line(made, line, made.choices["groups"])
    add("Add a group", made.choices["groups"], lambda: building.group(""), made.key("add-group"))
    if made.choices["across"]:
        st.caption("Across, one column for each")
        holder = [made.choices["across"]]
        _line(made, made.choices["across"], holder, across=True)
    else:
        st.button("Spread one across", icon=":material/table_chart:", key=made.key("add-across"), type="tertiary",
                  on_click=lambda: made.choices.update(across=building.group("")))  # fmt: skip
    others = made.choices["others"]
    if others:
        st.caption(f"Also offers: {', '.join(one['label'] for one in others)}")
        st.button("Keep only this grouping", key=made.key("no-others"), type="tertiary",
                  on_click=lambda: made.choices.update(others=[]))  # fmt: skip


def _line(made: Built, line: building.Choices, among: list[building.Choices], *, across: bool = False) -> None:
    found = [one for one in made.offers if one.column.type in offers.GROUPED]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        field = pick("Field", made.among(found, line["field"]), line["field"], made.key(line["id"], "field"),
                     label_visibility="collapsed") or ""  # fmt: skip
        if field != line["field"]:
            day = made.column(field)
            line |= {"field": field, "grain": "month" if day and day.type == "day" else "", "name": "", "label": ""}
        column = made.column(field) if field else None
        if column is not None and column.type == "day":
            grain = pick("In steps of", GRAINS, line["grain"] or "day", made.key(line["id"], "grain", field), width=118,
                         label_visibility="collapsed")  # fmt: skip
            if grain != (line["grain"] or "day"):
                line |= {"grain": grain, "name": "", "label": ""}
        if across:
            st.button("Remove what goes across", icon=":material/close:", type="tertiary",
                      key=f"icononly-{made.key(line['id'], 'gone')}",
                      on_click=lambda: made.choices.update(across=None))  # fmt: skip
        else:
            remove(made.words(field) if field else "this group", among, line, made.key(line["id"], "gone"))


def period(made: Built) -> None:
    """Which day the period limits, the period it opens with, and what it is compared with."""
    days = {one.path: one.words for one in made.offers if one.column.type == "day"}
    choices = made.choices
    with st.container(horizontal=True, gap="small"):
        chosen = pick("Period of", {"": "No period"} | made.among([], choices["period"]) | days, choices["period"],
                      made.key("period"))  # fmt: skip
        choices["period"] = chosen or ""
        if choices["period"]:
            presets = (
                PERIODS if choices["preset"] in PERIODS else {choices["preset"]: label_of(choices["preset"])} | PERIODS
            )
            choices["preset"] = pick("Opens with", presets, choices["preset"], made.key("preset"))
    if not choices["period"] or choices["shape"] == "list":
        choices["compare"] = ""
        return
    compare = pick("Compare with", COMPARED, choices["compare"], made.key("compare"))
    if compare != choices["compare"]:
        choices["compare"] = compare
        build_numbers.compared(made)
        st.rerun()
