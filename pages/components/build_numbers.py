"""The numbers of a report being built: which, and what of each is shown."""

from __future__ import annotations

import streamlit as st

from pages.components import build_tests
from pages.components.build_state import Built, add, pick, remove, typed
from reports import building, offers
from reports.compile import HOW
from reports.spec import Counted

ROWS, FIELD, RATIO = "count", "field", "ratio"
SHOWS = {
    "value": "The number", "running": "Running total", "share": "Share of the whole", "before": "Before",
    "change": "Change", "change_percent": "Change in %",
}  # fmt: skip


def draw(made: Built) -> None:
    """One line for each number."""
    for line in list(made.choices["numbers"]):
        _line(made, line)
    add("Add a number", made.choices["numbers"], lambda: _another(made), made.key("add-number"))


def _another(made: Built) -> building.Choices:
    """The first named number that is not shown yet."""
    shown = {line["measure"] for line in made.choices["numbers"]}
    known = offers.measures(made.model, made.entity, made.may)
    free = next((name for name in known if name not in shown), "")
    return building.number(measure=free) if free else building.number(agg="count")


def _line(made: Built, line: building.Choices) -> None:
    known = {f"m:{name}": words for name, words in offers.measures(made.model, made.entity, made.may).items()}
    options = known | {ROWS: "Number of rows", FIELD: "Work out from a field", RATIO: "Divide one number by another"}
    now = (
        f"m:{line['measure']}"
        if line["measure"]
        else ROWS
        if line["agg"] == "count"
        else FIELD
        if line["agg"]
        else RATIO
    )
    if now not in options:
        options = {now: f"{line['measure']} (no longer there)"} | options
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=made.key("row", line["id"])):
        chosen = pick("Number", options, now, made.key(line["id"], "kind"), label_visibility="collapsed")
        with st.popover("How it is shown", icon=":material/tune:", key=f"icononly-{made.key(line['id'], 'more')}"):
            _more(made, line)
        remove(options[now], made.choices["numbers"], line, made.key(line["id"], "gone"))
    if chosen != now:
        _become(line, chosen)
        st.rerun()
    if chosen == FIELD:
        _of_a_field(made, line)
    elif chosen == RATIO:
        _ratio(made, line)


def _become(line: building.Choices, chosen: str) -> None:
    line |= {"measure": "", "agg": None, "of": "", "num": "", "den": "", "names": {}, "labels": {}, "label": ""}
    if chosen.startswith("m:"):
        line["measure"] = chosen[2:]
    elif chosen in (ROWS, FIELD):
        line["agg"] = "count" if chosen == ROWS else "sum"
    if not chosen.startswith("m:") and chosen != ROWS:
        line["shows"] = ["value"]


def _of_a_field(made: Built, line: building.Choices) -> None:
    hows = {agg: words.capitalize() for agg, words in HOW.items() if agg != "count"}
    with st.container(horizontal=True, gap="small"):
        agg = pick("How", hows, line["agg"], made.key(line["id"], "agg"), width=150, label_visibility="collapsed")
        found = offers.aggregated(made.offers, agg)
        of = pick(
            "Field", made.among(found, line["of"]), line["of"], made.key(line["id"], "of", agg),
            label_visibility="collapsed",
        )  # fmt: skip
    if (agg, of) != (line["agg"], line["of"]):
        line |= {"agg": agg, "of": of or "", "names": {}, "labels": {}}


def _ratio(made: Built, line: building.Choices) -> None:
    others = {
        one["id"]: told(made, one)
        for one in made.choices["numbers"]
        if one["id"] != line["id"] and (one["measure"] or one["agg"])
    }
    if len(others) < 2:
        st.caption("Add the two numbers to divide first, then choose them here.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        waits = {"label_visibility": "collapsed", "placeholder": "This number"}
        num = pick("Number", others, line["num"], made.key(line["id"], "num"), **waits)
        st.markdown("÷", width="content")
        den = pick("Divided by", others, line["den"], made.key(line["id"], "den"), **waits)
    line |= {"num": num or "", "den": den or ""}


def _more(made: Built, line: building.Choices) -> None:
    """What of a number is shown; only what can be worked out is offered."""
    offered = {show: words for show, words in SHOWS.items() if show in possible(made, line) or show in line["shows"]}
    key = made.key(line["id"], "shows", *offered)
    shows = typed(
        st.pills, "Show", [show for show in line["shows"] if show in offered], key, options=list(offered),
        format_func=offered.get, selection_mode="multi",
    )  # fmt: skip
    line["shows"] = [show for show in SHOWS if show in shows] or ["value"]
    line["label"] = typed(st.text_input, "Words over it", line["label"], made.key(line["id"], "label"), max_chars=80,
                          placeholder=told(made, line)).strip()  # fmt: skip
    if not line["measure"] and not line["agg"]:
        line["percent"] = typed(st.checkbox, "In percent", line["percent"], made.key(line["id"], "percent"))
    else:
        st.caption("Only where")
        build_tests.lines(made, line["where"], made.key(line["id"], "where"))


def possible(made: Built, line: building.Choices) -> list[str]:
    """What of a number can be shown as things are chosen."""
    shows = ["value"]
    if line["measure"] or line["agg"] == "count" or (line["agg"] and line["of"]):
        counted = Counted(name="n", measure=line["measure"], agg=line["agg"], of=line["of"])
        if offers.additive(made.model, made.entity, counted):
            groups = [*made.choices["groups"], *([made.choices["across"]] if made.choices["across"] else [])]
            by_time = any(one["grain"] or one["field"] == made.choices["period"] for one in groups)
            shows += ["running", "share"] if by_time else ["share"]
    return [*shows, "before", "change", "change_percent"] if made.choices["compare"] else shows


def told(made: Built, line: building.Choices) -> str:
    """A number in words."""
    if line["label"]:
        return str(line["label"])
    if line["measure"]:
        known = made.model.entity(made.entity).measures.get(line["measure"])
        return known.label if known else line["measure"]
    if line["agg"]:
        return (
            "Number of rows"
            if line["agg"] == "count"
            else f"{HOW[line['agg']].capitalize()} of {made.words(line['of'])}"
        )
    return "Ratio"


def compared(made: Built) -> None:
    """A period to compare with was chosen or let go: each number shows what that brings."""
    for line in made.choices["numbers"]:
        plain = [show for show in line["shows"] if show not in ("before", "change", "change_percent")]
        more = ["before", "change_percent"] if made.choices["compare"] else []
        line["shows"] = [show for show in SHOWS if show in {*plain, *more}] or ["value"]
