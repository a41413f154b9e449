"""The drug log: today's counts and quantities, each bottle's register, the stock."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appointments import drug_log, drug_print
from appointments import drug_register as register
from appointments.drug_register import BottleRow, DayRow
from appointments.quantities import decimal_of, words
from pages.components import drug_forms, drug_sheet, frame, show
from pages.components.rows import Row
from pages.components.rows import rows as rows_of

VIEWS = ("Day", "Bottle", "Stock")


def main() -> None:
    """The page."""
    by = frame.actor()
    may = frame.may()
    bottles = register.bottles(by=by)
    in_use = [row for row in bottles if row.opened_at]
    low = sum(bool(row.flags) for row in bottles)
    open_ones = "1 bottle open" if len(in_use) == 1 else f"{len(in_use)} bottles open"
    facts = f"{open_ones} · {len(bottles) - len(in_use)} in stock" + (f" · {low} to look at" if low else "")
    with frame.head("Drug log", facts):
        if "drugs.bottles" in may and st.button("Receive bottle", key="drug_receive"):
            drug_forms.receive()
        if "drugs.log" in may and in_use and st.button("Log a drug", key="drug_use", type="primary"):
            drug_forms.log_use()
    if said := st.session_state.pop("drug_said", None):
        st.toast(said)
    if not bottles and not register.bottles(by=by, closed=True):
        st.info("No bottle yet. Receive the first one: its number, size, lot and expiry are asked for.")
        return
    if asked := st.query_params.pop("bottle", None):
        st.session_state["drug_bottle"] = asked
        st.session_state["drug_go_bottle"] = True
    if st.session_state.pop("drug_go_bottle", False):
        st.session_state["drug_view"] = "Bottle"
    view = st.segmented_control("View", VIEWS, default="Day", key="drug_view", label_visibility="collapsed")
    if view == "Bottle":
        _bottle(bottles, may)
    elif view == "Stock":
        _stock(bottles)
    else:
        _day(in_use, may)


def _day(in_use: list[BottleRow], may: frozenset[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        day = st.date_input(
            "Day", show.today(), max_value=show.today(), key="drug_day", width=160, format=show.date_pattern()
        )
        if "drugs.log" in may and day == show.today():
            for part in ("AM", "PM"):
                if st.button(f"Do the {part} count", key=f"drug_count_{part}"):
                    drug_forms.count(day, part, in_use)
    rows = register.reconciliation(day, by=frame.actor())
    if not rows:
        st.info("No bottle was open on this day. Open one in the Bottle view before the first patient.")
        return
    morning = [row.am for row in rows if row.needs_am or row.am is not None]
    evening = [row.pm for row in rows if row.needs_pm or row.pm is not None]
    later = not rows[0].pm_due and not any(count is not None for count in evening)
    pm = f"PM count from {show.clock_time(register.AFTERNOON)} on" if later else _counted("PM", evening)
    st.caption(f"{_counted('AM', morning)} · {pm}")
    numbers = ("Opening", "Received", "Given", "Wasted", "Adjusted", "Closing", "AM count", "PM count")
    table = pd.DataFrame([_day_line(row) for row in rows])
    one_unit = table["Unit"].nunique() == 1
    fine = any(value % 10 for row in rows for value in _quantities(row).values() if value)
    number = st.column_config.NumberColumn(format="%.3f" if fine else "%.2f")
    with st.container(key="drug_day_desk"):
        picked = st.dataframe(
            table.drop(columns="Unit") if one_unit else table,
            hide_index=True,
            placeholder="–",
            key="drug_day_rows",
            on_select="rerun",
            selection_mode="single-row",
            column_config=dict.fromkeys(numbers, number) | {"To look at": st.column_config.Column(width="medium")},
        )
    with st.container(key="drug_day_phone"):
        lines = [_phone_line(row) for row in rows]
        if tapped := rows_of(lines, path="/drug-log", label="Bottles of the day", key="drug_day_list", framed=False):
            _open_register(tapped)
    unit = f"All in {frame.plain(rows[0].bottle.unit)}. " if one_unit else ""
    st.caption(
        f"{unit}Closing = opening + received − given − wasted ± adjusted, by when it happened. "
        "Select a bottle to see its log."
    )
    if picked.selection.rows:
        _open_register(rows[picked.selection.rows[0]].bottle.id)


def _counted(part: str, counts: list[int | None]) -> str:
    done = sum(count is not None for count in counts)
    return f"{part} counted {done} of {len(counts)}" if counts else f"{part}: no bottle to count"


def _quantities(row: DayRow) -> dict[str, int | None]:
    return {
        "Opening": row.opening, "Received": row.received, "Given": row.given, "Wasted": row.wasted,
        "Adjusted": row.adjusted, "Closing": row.closing, "AM count": row.am, "PM count": row.pm,
    }  # fmt: skip


def _day_line(row: DayRow) -> dict[str, object]:
    shown = {name: None if value is None else float(decimal_of(value)) for name, value in _quantities(row).items()}
    notes = "; ".join((*row.flags, *row.reasons))
    return {"Bottle": row.bottle.title, "Unit": row.bottle.unit, **shown, "To look at": notes}


def _phone_line(row: DayRow) -> Row:
    """The line of the day's table where there is no room for its columns."""
    unit = row.bottle.unit
    moved = [("from", row.opening), ("received", row.received), ("given", row.given), ("wasted", row.wasted),
             ("adjusted", row.adjusted)]  # fmt: skip
    parts = [f"{name} {words(value, unit)}" for name, value in moved if value or name == "from"]
    parts += [f"{name} count {words(value, unit)}" for name, value in (("AM", row.am), ("PM", row.pm))
              if value is not None]  # fmt: skip
    about = "; ".join((", ".join(parts), *row.reasons))
    return Row(
        row.bottle.id, row.bottle.title, about[:1].upper() + about[1:], "; ".join(row.flags),
        words(row.closing, unit), href=f"/drug-log?bottle={row.bottle.id}",
    )  # fmt: skip


def _open_register(bottle_id: str) -> None:
    st.session_state["drug_bottle"] = bottle_id
    st.session_state["drug_go_bottle"] = True
    st.rerun()


def _bottle(bottles: list[BottleRow], may: frozenset[str]) -> None:
    by = frame.actor()
    wanted = st.session_state.get("drug_bottle")
    choices = list(bottles)
    if st.toggle("Show closed bottles", key="drug_closed") or (wanted and wanted not in {row.id for row in bottles}):
        choices += register.bottles(by=by, closed=True)
    if not choices:
        st.info("Every bottle is closed. Receive a new one, or show the closed bottles.")
        return
    ids = {row.id: row for row in choices}
    if wanted not in ids:
        st.session_state["drug_bottle"] = choices[0].id
    chosen = st.selectbox(
        "Bottle", list(ids), key="drug_bottle", format_func=lambda id: f"{ids[id].title} · {ids[id].state}"
    )
    bottle, lines = register.register(str(chosen), by=by)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(drug_sheet.facts(bottle))
        _actions(bottle, lines, may)
    for flag in bottle.flags:
        st.warning(flag, icon=":material/flag:")
    drug_sheet.draw(lines, bottle.unit)


def _actions(bottle: BottleRow, lines: list[register.LogLine], may: frozenset[str]) -> None:
    by = frame.actor()
    if "drugs.bottles" in may and bottle.state == "in stock" and st.button("Open bottle", key="drug_open"):
        with frame.refusals():
            drug_log.open_bottle(bottle.id, by=by, key=frame.form_key(f"open:{bottle.id}"))
            st.rerun()
    if "drugs.log" in may and bottle.state == "open" and st.button("Log from it", key="drug_use_here"):
        drug_forms.log_use(bottle)
    if "drugs.bottles" in may and bottle.state != "closed" and st.button("Adjust or close", key="drug_settle"):
        drug_forms.settle(bottle)
    if "drugs.correct" in may and any(line.stands for line in lines) and st.button("Correct a line", key="drug_fix"):
        drug_forms.correct(bottle, lines)
    st.download_button(
        "Print log", lambda: drug_print.sheet(bottle.id, wording=show.wording(), by=by), key="drug_print",
        file_name=f"drug-log-{bottle.number}.pdf", mime="application/pdf", icon=":material/print:",
    )  # fmt: skip


def _stock(bottles: list[BottleRow]) -> None:
    table = pd.DataFrame(
        {
            "Drug": f"{row.drug} {row.strength}",
            "Bottle": row.number,
            "Schedule": row.schedule,
            "Balance": float(decimal_of(row.balance)),
            "Unit": row.unit,
            "Lot": row.lot,
            "Expires": row.expires_on,
            "State": row.state,
            "To look at": ", ".join(row.flags),
        }
        for row in bottles
    )
    columns = {
        "Balance": st.column_config.NumberColumn(format="%.2f"),
        "Expires": st.column_config.DateColumn(format="MMM D, YYYY"),
    }
    picked = st.dataframe(
        table, hide_index=True, placeholder="–", key="drug_stock_rows", on_select="rerun", selection_mode="single-row",
        column_config=columns,
    )  # fmt: skip
    if picked.selection.rows:
        _open_register(bottles[picked.selection.rows[0]].id)


main()
