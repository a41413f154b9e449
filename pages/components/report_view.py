"""The result of a report: its totals, its chart, its table, and beside them what each number means."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from data.wording import Wording
from pages.components import chart_kinds, chart_marks, charts, frame, report_grid, report_rows, show
from reports.compile import ResultColumn
from reports.grid import grid
from reports.queries import Written
from reports.result import Result
from reports.spec import ReportSpec
from reports.values import is_number, is_shown, plain, wording_of, words

HTML_ROWS = 400
MARKED = "_marked_row"


def facts(result: Result) -> str:
    """One line beneath the title: the days, and how many rows."""
    params, parts = result.params, []
    if "from" in params:
        start, end = params["from"], params["to"]
        parts.append(f"{show.day(start)} to {show.day(end)}" if start and end else "All time")
    if params.get("as_of"):
        parts.append(f"As of {show.day(params['as_of'])}")
    if params.get("date"):
        parts.append(show.day(params["date"], style="heading"))
    count = len(result.rows)
    parts.append(f"{show.number(count)} {'row' if count == 1 else 'rows'}")
    if result.cut:
        parts[-1] = f"The first {parts[-1]}"
    if result.left_out:
        parts.append(f"without {', '.join(result.left_out)}, which your role does not see")
    return " · ".join(parts)


def draw(spec: ReportSpec, result: Result, *, narrow: bool = False) -> None:
    """Draw all of it; ``narrow`` puts what the numbers mean beneath instead of beside."""
    st.caption(frame.plain(facts(result)))
    if spec.chart.kind != "number":
        _totals(result)
    if spec.columns or narrow:
        chart(spec, result)
        _table(spec, result)
        _definitions(result)
        return
    left, right = st.columns([3, 1], gap="large")
    with left:
        chart(spec, result)
        _table(spec, result)
    with right:
        _definitions(result)


def _table(spec: ReportSpec, result: Result) -> None:
    """The table, and where a number or a mark of the chart was chosen, the rows behind it."""
    if spec.chart.kind == "number" and len(result.rows) == 1 and all(one.is_measure for one in result.columns):
        return  # the number says it all
    marked = st.session_state.pop(MARKED, None)
    laid_out = grid(spec, result) if spec.measures and len(result.rows) <= HTML_ROWS else None
    if laid_out is None:
        table(result)
    else:
        wording = wording_of(result.clinic)
        digits = {
            one.place: _digits(result, one.place, wording) for one in laid_out.over if one.column.type == "number"
        }  # fmt: skip
        st.html(report_grid.html(laid_out, result.title, wording, "report", digits))
        cell = report_grid.clicked("report")
        if cell is not None and cell[0] < len(laid_out.lines) and cell[1] < len(laid_out.over):
            report_rows.ask(spec, result, *laid_out.at(*cell))
            return
    if marked:
        report_rows.ask(spec, result, marked if isinstance(marked, dict) else _at(result, marked), spec.chart.y)


def _at(result: Result, marked: list[int]) -> dict[str, Any]:
    """The values of the first two groups on the lines that a mark stands for."""
    lines = [result.rows[place] for place in marked if 0 <= place < len(result.rows)]
    found = {}
    for group in [column for column in result.columns if not column.is_measure][:2]:
        values = list(dict.fromkeys(line[result.index(group.name)] for line in lines))
        found[group.name] = values if len(values) > 1 else values[0] if values else None
    return found if lines else {}


def _mark() -> None:
    """A mark of the chart was chosen: its customdata holds the rows it stands for."""
    points = st.session_state["report_chart"].selection.points
    data = points[0].get("customdata") if points else None
    if isinstance(data, list | tuple) and len(data) > 1 and data[1]:
        st.session_state[MARKED] = [int(place) for place in str(data[1]).split()]


def table(result: Result) -> None:
    """The rows, numbers on the right, the total beneath. Long ones in a grid that scrolls."""
    if len(result.rows) <= HTML_ROWS:
        st.html(_html(result))
    else:
        _grid(result)


def _totals(result: Result) -> None:
    line = result.total
    if line is None and len(result.rows) == 1:
        line = result.rows[0]
    if line is None:
        return
    wording = wording_of(result.clinic)
    with st.container(key="report_totals", horizontal=True, gap="large"):
        for column, value in zip(result.columns, line, strict=True):
            if column.is_measure:
                st.metric(frame.said(column.label), words(column, value, wording), width="content")


def chart(spec: ReportSpec, result: Result) -> None:
    """The chart of a result, if it has one, with its finding in words."""
    if isinstance(spec, Written):
        result = charts.of_query(spec, result)
    if spec.chart.kind == "number":
        chart_kinds.number(spec, result)
        return
    if spec.chart.kind == "none" or not charts.drawable(spec, result):
        return
    if spec.chart.title:
        st.markdown(f"**{frame.plain(spec.chart.title)}**")
    figure = charts.kept(spec, result)
    whole = spec.chart.kind in chart_kinds.WHOLE
    drills: dict[str, Any] = {"on_select": _mark, "selection_mode": "points"} if spec.measures and not whole else {}
    st.plotly_chart(figure, key="report_chart", config=charts.CONFIG, alt=charts.told(spec, result) or None, **drills)
    if spec.measures and whole:
        mark = chart_marks.clicked("report_chart")
        if mark is not None:
            st.session_state[MARKED] = chart_kinds.behind(spec, result, mark)
    st.caption(frame.plain(charts.told(spec, result)))


def _definitions(result: Result) -> None:
    with st.container(key="report_definitions", border=True):
        st.markdown("**What these numbers mean**")
        if isinstance(result.spec, Written):
            _query(result.spec)
            return
        st.caption(frame.plain(result.definition))
        for column in result.columns:
            if column.definition and column.definition != result.definition:
                st.caption(f"**{frame.plain(column.label)}** – {frame.plain(column.definition)}")


def _query(spec: Written) -> None:
    """What a question in SQL is for, and its text."""
    if spec.purpose:
        st.caption(frame.plain(spec.purpose))
    st.caption("Asked in SQL, over tables that hold no names, notes or contact details.")
    with st.expander("The query", key="report_query"):
        st.code(spec.sql, language="sql", wrap_lines=True)


def _html(result: Result) -> str:
    wording = wording_of(result.clinic)
    shown = [(place, column) for place, column in enumerate(result.columns) if is_shown(column)]

    digits = {place: _digits(result, place, wording) for place, column in shown if column.type == "number"}

    def line(values: tuple[Any, ...], tag: str, *, total: bool = False) -> str:
        cells = []
        for position, (place, column) in enumerate(shown):
            text = words(column, values[place], wording)
            if digits.get(place) and values[place] is not None:
                text = wording.number(values[place], digits=digits[place])
            if total and not column.is_measure:
                text = "Total" if position == 0 else ""
            cells.append(f'<{tag} class="{_kind(column, values[place], text)}">{escape(text)}</{tag}>')
        return f"<tr>{''.join(cells)}</tr>"

    heads = "".join(
        f'<th scope="col"{" class=n" if is_number(column) else ""}>{escape(column.label)}</th>' for _, column in shown
    )
    body = "".join(line(row, "td") for row in result.rows)
    foot = f"<tfoot>{line(result.total, 'td', total=True)}</tfoot>" if result.total else ""
    return (
        f'<div class="report-table" tabindex="0" role="region" aria-label="{escape(result.title)}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def _digits(result: Result, place: int, wording: Wording) -> int:
    """The decimals of a column of quantities: as many on each line as the finest of them needs."""
    from babel.numbers import get_decimal_symbol

    point = get_decimal_symbol(wording.locale)
    column, lines = result.columns[place], [*result.rows, *([result.total] if result.total else [])]
    return max((len(words(column, line[place], wording).partition(point)[2]) for line in lines), default=0)


def _kind(column: ResultColumn, value: Any, text: str) -> str:
    """Numbers stand on the right, zeros step back, long text may take several lines."""
    if is_number(column):
        return "n z" if value == 0 else "n"
    return "w" if len(text) > 32 else "s"


def _grid(result: Result) -> None:
    import pandas as pd

    wording = wording_of(result.clinic)
    data: dict[str, list[Any]] = {}
    config: dict[str, Any] = {}
    for place, column in enumerate(result.columns):
        if not is_shown(column):
            continue
        values = [row[place] for row in result.rows]
        label = column.label
        if column.type == "money":
            data[label] = [None if value is None else value / 100 for value in values]
            config[label] = st.column_config.NumberColumn(format="dollar" if wording.currency == "USD" else "%.2f")
        elif column.type == "ratio":
            data[label] = values
            config[label] = st.column_config.NumberColumn(format="percent")
        elif is_number(column):
            data[label] = [plain(column, value) for value in values]
        elif column.type == "day":
            data[label] = values
            config[label] = st.column_config.DateColumn(format="localized")
        else:
            data[label] = [words(column, value, wording) for value in values]
    st.dataframe(pd.DataFrame(data), hide_index=True, column_config=config, height=560, key="report_grid",
                 alt=result.title)  # fmt: skip
