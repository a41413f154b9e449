"""Setting up a subscription: what goes out, when, to whom, as what, and what it says, each as a person would ask it."""

from __future__ import annotations

from datetime import time
from typing import Any

import streamlit as st

from pages.components import frame, preparing, report_choices, show
from pages.components.draft_form import DraftForm
from pages.components.draft_text import long_text
from reports import dashboards, offers, saved, schedules, tiles
from reports.periods import PERIODS, label_of
from reports.saved import Card
from reports.schedules import FORMATS, MOST_READERS, SCHEDULE, Only, Schedule, Subscription
from reports.values import choice
from reports.when import DAYS, LAST, When, ordinal

EVERY = {
    "weekday": "Every weekday", "day": "Every day", "week": "Every week", "month": "Once a month",
    "quarter": "Once a quarter",
}  # fmt: skip
RULES = {
    "always": "Always", "data": "Only if there is something in it", "over": "Only if a number is above a limit",
    "under": "Only if a number is below a limit",
}  # fmt: skip
PASSWORD = "subscription_password"  # noqa: S105 - the key of its field


class Form:
    """The fields of one subscription, kept as a draft while they are typed; the password is not."""

    def __init__(self, card: Subscription | None, report: str, board: str, by: str, preset: str) -> None:
        self.card = card
        self.reports = {one.name: one for one in saved.cards(by=frame.actor())}
        self.boards = {one.name: one.dashboard for one in dashboards.boards(by=frame.actor())}
        self.people = schedules.people(by=frame.actor())
        start = card.schedule if card else _begun(report, board, by, preset)
        place = f"subscription:{card.name if card else report or board or 'new'}"
        self.start = start
        self.form = DraftForm(place, _fields(start), prefix="sub_", version=card.number if card else None)

    @property
    def what(self) -> tuple[Card | None, str]:
        """The report chosen, or the name of the dashboard."""
        kind, _, name = str(self.form["what"] or "").partition(":")
        return (self.reports.get(name) if kind == "report" else None), (name if kind == "board" else "")

    def draw(self) -> Schedule | None:
        """All fields; the subscription as it stands, or None before it is told what goes out."""
        form = self.form
        form.line()
        _title("What")
        params = self._what()
        report, board = self.what
        if report is None and not board:
            form.keep()
            return None
        _title("When")
        self._when()
        _title("To whom")
        self._readers(bool(board))
        _title("How")
        self._how(bool(board))
        form.keep()
        return self.schedule(params)

    def schedule(self, params: dict[str, Any]) -> Schedule:
        """What was entered, as a subscription. Raises BadDefinition."""
        form, (report, board) = self.form, self.what
        at: time = form["at"] or time(7)
        rule = str(form["rule"])
        title = str(form["title"] or "").strip() or (report.spec.title if report else self.boards[board].title)
        body = {
            "title": title or "Subscription", "report": report.name if report else "", "dashboard": board,
            "params": params, "preset": str(form["preset"] or ""), "run_as": str(form["run_as"] or ""),
            "when": {
                "every": form["every"], "days": [DAYS.index(day) for day in form["days"]] or [0],
                "day": int(form["day" if form["every"] == "month" else "edge"]), "at": f"{at:%H:%M}",
            },
            "people": list(form["people"]), "addresses": list(form["outside"]),
            "amounts_outside": bool(form["amounts"]),
            "only": {"rule": rule, "number": str(form["number"] or ""), "value": self._limit()},
            "format": form["format"], "subject": str(form["subject"] or "").strip(),
            "message": str(form["message"] or "").strip(), "owner": self.start.owner,
            "paused": self.start.paused and not self.start.stopped,
        }  # fmt: skip
        return SCHEDULE.parse(body, title)

    def password(self) -> str | None:
        """The password to set: None where it stays as it is."""
        if not self.form["protect"]:
            return ""
        return st.session_state.get(PASSWORD) or (None if self.start.password else "")

    def _what(self) -> dict[str, Any]:
        form = self.form
        names = {f"report:{name}": one.spec.title for name, one in self.reports.items()}
        names |= {f"board:{name}": f"{one.title} (dashboard)" for name, one in self.boards.items()}
        form.among("what", [None, *names])
        st.selectbox(
            "Report or dashboard", list(names), index=None, format_func=names.__getitem__, key=form.key("what"),
            placeholder="Choose what goes out",
        )  # fmt: skip
        report, board = self.what
        if report is None and not board:
            return {}
        params: dict[str, Any] = {}
        with st.container(horizontal=True, vertical_alignment="bottom", key="subrow_what"):
            if report is None or {"from", "as_of", "date"} & set(report.spec.parameters):
                self._period(report)
            if report is not None and "by" in report.spec.parameters:
                choices = {one.name: one.label for one in report.spec.breakdowns}
                form.among("by", choices)
                st.selectbox(
                    "Broken down by", list(choices), format_func=choices.__getitem__, key=form.key("by"), width=230
                )
                params["by"] = form["by"]
        if report is not None and report.spec.asks:
            answered = [
                ask.model_copy(update={"default": self.start.params.get(ask.name, ask.default)})
                for ask in report.spec.asks
            ]
            spec = report.spec.model_copy(update={"asks": answered})
            params |= report_choices.asks(spec, offers.model_for(frame.actor()))
        return params | (self._narrowed(board) if board else {})

    def _narrowed(self, board: str) -> dict[str, list[str]]:
        """What the filters of a dashboard are set to; one left open narrows nothing."""
        one, chosen = self.boards[board], {}
        if one.filters:
            preparing.wait()
        for place, narrowing in enumerate(one.filters):
            start = self.start.params.get(narrowing.field)
            start = start if isinstance(start, list) else []
            known = tiles.choices(one, narrowing.field, by=frame.actor())
            options = list(dict.fromkeys([*known, *start]))
            found = st.multiselect(
                narrowing.label, options, start, key=f"sub_narrow_{board}_{place}", format_func=_value,
                placeholder="All",
            )  # fmt: skip
            if found:
                chosen[narrowing.field] = found
        return chosen

    def _period(self, report: Card | None) -> None:
        form = self.form
        own = "Today" if report and "from" not in report.spec.parameters else "As it is set there"
        if report and "from" in report.spec.parameters:
            own = f"As the report has it: {label_of(report.spec.preset).lower()}"
        presets = ["", *PERIODS, *([form["preset"]] if form["preset"] not in ("", None, *PERIODS) else [])]
        st.selectbox(
            "Days it is about", presets, format_func=lambda name: label_of(name) if name else own,
            key=form.key("preset"), width=310, help="Counted anew each time it goes out, on the clinic's calendar.",
        )  # fmt: skip

    def _when(self) -> None:
        form = self.form
        with st.container(horizontal=True, vertical_alignment="bottom", key="subrow_when"):
            st.selectbox("How often", list(EVERY), format_func=EVERY.__getitem__, key=form.key("every"), width=230)
            if form["every"] == "month":
                days = [*range(1, 32), LAST]
                st.selectbox(
                    "On the", days, format_func=lambda day: "last day" if day == LAST else ordinal(day),
                    key=form.key("day"), width=130,
                )  # fmt: skip
            if form["every"] == "quarter":
                st.selectbox(
                    "On the", [1, LAST], format_func=lambda day: "last day" if day == LAST else "first day",
                    key=form.key("edge"), width=130,
                )  # fmt: skip
            st.time_input("At", key=form.key("at"), step=900, width=130, format=show.time_format())
        if form["every"] == "week":
            st.pills(
                "Weekdays", DAYS, selection_mode="multi", key=form.key("days"), format_func=lambda day: day[:3],
            )  # fmt: skip

    def _readers(self, board: bool) -> None:
        form = self.form
        names = {one.id: one.name if one.reachable else f"{one.name} (no e-mail address)" for one in self.people}
        form.among("people", names)
        st.multiselect(
            "People of the clinic", list(names), format_func=names.__getitem__, key=form.key("people"),
            max_selections=MOST_READERS, placeholder="Choose people", help="Each gets what their own role sees.",
        )  # fmt: skip
        st.multiselect(
            "Addresses outside the clinic", list(form["outside"]), key=form.key("outside"), accept_new_options=True,
            max_selections=MOST_READERS, placeholder="Type an address",
            help="They never get names of clients or patients.",
        )  # fmt: skip
        if form["outside"]:
            st.checkbox("Amounts may go to addresses outside", key=form.key("amounts"))
        rules = [rule for rule in RULES if not board or rule in ("always", "data")]
        form.among("rule", rules)
        with st.container(horizontal=True, vertical_alignment="bottom", key="subrow_only"):
            st.selectbox("Send it", rules, format_func=RULES.__getitem__, key=form.key("rule"), width=270)
            if form["rule"] in ("over", "under"):
                numbers = self._numbers()
                form.among("number", numbers)
                st.selectbox(
                    "Number", list(numbers), format_func=numbers.__getitem__, key=form.key("number"), width=170
                )
                unit, digits = {100.0: (f", {show.currency_symbol()}", 2), 0.01: (", %", 1)}.get(self._scale(), ("", 0))
                st.number_input(f"Limit{unit}", key=form.key("limit"), width=120, step=1.0, format=f"%.{digits}f")

    def _how(self, board: bool) -> None:
        form = self.form
        ways = [way for way in FORMATS if way != "csv" or not board]
        form.among("format", ways)
        with st.container(horizontal=True, vertical_alignment="bottom", key="subrow_how"):
            st.segmented_control("Format", ways, format_func=FORMATS.__getitem__, key=form.key("format"), required=True)
            if form["format"] == "pdf":
                st.checkbox("It opens with a password", key=form.key("protect"))
        if form["format"] == "pdf" and form["protect"]:
            st.text_input(
                "Password of the PDF", type="password", key=PASSWORD, autocomplete="new-password", width=320,
                live=form.live,
                placeholder="Stays as it is" if self.start.password else "At least 8 characters",
                help="Tell it to the readers by phone or in person; it is in no mail.",
            )  # fmt: skip
        runners = {one.id: one.name for one in self.people if one.can_run or one.id == self.start.run_as}
        form.among("run_as", runners)
        st.selectbox(
            "Runs with the rights of", list(runners), format_func=runners.__getitem__, key=form.key("run_as"),
            help="As they are at the time it goes out. When this person leaves, it stops and says so.",
        )  # fmt: skip
        with st.expander("Title and words of the mail", key="subrow_words"):
            st.text_input("Title of the subscription", key=form.key("title"), max_chars=80, live=form.live,
                          placeholder="As the report is called")  # fmt: skip
            st.text_input("Subject", key=form.key("subject"), max_chars=150, live=form.live,
                          placeholder="The report and the clinic")  # fmt: skip
            st.session_state[form.key("message")] = long_text(
                "Message", key=f"sub_text_{form.born}", text=str(form["message"] or ""), longest=2_000,
                placeholder="Stands above the facts of the report",
            )  # fmt: skip

    def _numbers(self) -> dict[str, str]:
        report, _ = self.what
        found = tiles.numbers(report.name, by=frame.actor()) if report and not report.in_sql else {}
        return found or {"rows": "Number of rows"}

    def _scale(self) -> float:
        """What a limit as it is typed is multiplied by: amounts are kept in cents, rates as fractions."""
        report, _ = self.what
        if report is None or report.in_sql:
            return 1.0
        type_ = tiles.number_types(report.name, by=frame.actor()).get(str(self.form["number"]), "whole")
        return {"money": 100.0, "ratio": 0.01}.get(type_, 1.0)

    def _limit(self) -> float:
        typed, scale = float(self.form["limit"] or 0), self._scale()
        return float(round(typed * 100)) if scale == 100.0 else typed * scale


def limit_told(card: Subscription) -> str:
    """The condition of a subscription in words; empty where it always goes out."""
    only, report = card.schedule.only, card.schedule.report
    if only.rule in ("always", "data"):
        return "" if only.rule == "always" else RULES["data"]
    names = tiles.numbers(report, by=frame.actor()) or {}
    type_ = tiles.number_types(report, by=frame.actor()).get(only.number, "whole")
    value = show.money(round(only.value)) if type_ == "money" else show.number(only.value)
    value = f"{show.number(round(only.value * 100, 3))} %" if type_ == "ratio" else value
    name = names.get(only.number, "Number of rows")
    return f"Only if {name[:1].lower()}{name[1:]} is {'above' if only.rule == 'over' else 'below'} {value}"


def _value(value: str) -> str:
    return {"true": "Yes", "false": "No"}.get(value) or choice(value)


def _title(words: str) -> None:
    st.subheader(words, anchor=False)


def _begun(report: str, board: str, by: str, preset: str) -> Schedule:
    me = frame.actor().user_id or ""
    return Schedule.model_construct(
        title="", report=report, dashboard=board, params={"by": by} if by else {}, preset=preset,
        when=When(every="week", days=[0]), run_as=me, people=[me], addresses=[], amounts_outside=False, only=Only(),
        format="pdf", password="", subject="", message="", paused=False, stopped="", owner="", shared=True, folder="",
    )  # fmt: skip


def _fields(one: Schedule) -> dict[str, Any]:
    what = f"report:{one.report}" if one.report else f"board:{one.dashboard}" if one.dashboard else None
    return {
        "what": what, "title": one.title, "preset": one.preset, "by": one.params.get("by"), "every": one.when.every,
        "days": [DAYS[day] for day in one.when.days], "day": one.when.day,
        "edge": one.when.day if one.when.day in (1, LAST) else 1, "at": time.fromisoformat(one.when.at),
        "people": list(one.people), "outside": list(one.addresses), "amounts": one.amounts_outside,
        "rule": one.only.rule, "number": one.only.number or None, "limit": _shown_limit(one),
        "format": one.format, "protect": bool(one.password), "run_as": one.run_as, "subject": one.subject,
        "message": one.message,
    }  # fmt: skip


def _shown_limit(one: Schedule) -> float:
    if one.only.rule not in ("over", "under") or not one.report:
        return 0.0
    type_ = tiles.number_types(one.report, by=frame.actor()).get(one.only.number, "whole")
    return one.only.value / {"money": 100.0, "ratio": 0.01}.get(type_, 1.0)
