"""The properties of the chosen piece of a form, in words; what is typed reaches the form after a short pause."""

from __future__ import annotations

import contextlib
from typing import Any

import streamlit as st

from forms import editing
from forms.definition import SUBJECTS
from forms.editing import At, Body
from forms.preview import LINE_WORDS, show_kind
from forms.targets import MOST_DIGITS, SUBJECT_WORDS, Target, fitting
from pages.components import frame, prose_text
from pages.components.designer_preview import inline
from pages.components.designer_state import FORM, Work

NOWHERE = ""
CRITICAL = (
    "The machine never fills this in. Whoever enters the paper looks at it and types or ticks the answer, even where "
    "the scan read it. For weights, doses, sex and consent."
)
UNITS = ("kg", "lb", "g", "°F", "°C", "/min", "mL", "mg", "$", "€", "£", "%", "cm", "days")
ANSWERED = frozenset(editing.KINDS) - {"fact", "prose", "signature", "initials"}


def draw(work: Work) -> None:
    """Draw the panel of the chosen piece."""
    name = work.chosen
    at = work.at(name)
    _told(work, at)
    if at is None:
        _form(work)
    elif at.field < 0:
        _section(work, name, at)
    elif at.cell < 0:
        _field(work, name, at)
    else:
        _cell(work, name, at)


def _told(work: Work, at: At | None) -> None:
    for problem in work.problems():
        if problem.at == at:
            st.error(frame.plain(problem.sentence), icon=":material/error:")


class _Inputs:
    """Widgets for the properties of one piece; each writes to the form as soon as it changes."""

    def __init__(self, work: Work, name: str, values: Body) -> None:
        self.work, self.name, self.values = work, name, values

    def take(self, prop: str, key: str) -> None:
        """Write what a widget holds to the form."""
        self.work.put(self.name, prop, st.session_state[key])

    def _how(self, prop: str) -> dict[str, Any]:
        key = self.work.key(prop)
        return {"key": key, "on_change": self.take, "args": (prop, key)}

    def text(self, label: str, prop: str, longest: int, **more: Any) -> None:
        """One line of text."""
        st.text_input(
            label, str(self.values.get(prop) or ""), max_chars=longest, live="500ms", **self._how(prop), **more
        )

    def switch(self, label: str, prop: str, **more: Any) -> None:
        """Yes or no."""
        st.toggle(label, bool(self.values.get(prop)), **self._how(prop), **more)

    def number(
        self, label: str, prop: str, low: Any, high: Any, *, start: Any = None, step: Any = 1, **more: Any
    ) -> None:
        """A number in its range."""
        value = self.values.get(prop)
        value = start if value is None else value
        with contextlib.suppress(TypeError):
            value = min(max(value, low), high)
        st.number_input(label, low, high, value, step, **self._how(prop), **more)

    def one_of(self, label: str, prop: str, options: dict[str, str], **more: Any) -> None:
        """One of a list; what stands in the form and is not offered stays visible."""
        now = str(self.values.get(prop) or "")
        offered = options if now in options else {**options, now: f"{now} (not known)"}
        st.selectbox(
            label, list(offered), index=list(offered).index(now), format_func=offered.__getitem__, **self._how(prop),
            **more,
        )  # fmt: skip

    def lines(self, label: str, prop: str, text: str, *, longest: int, chips: dict[str, str] | None = None,
              take: Any = None) -> None:  # fmt: skip
        """A long text."""
        put = take or (lambda typed: self.work.put(self.name, prop, typed))
        prose_text.draw(label, text, chips or {}, longest=longest, key=self.work.key(prop), take=put)


def _form(work: Work) -> None:
    one = _Inputs(work, FORM, work.body)
    st.markdown("#### The form")
    one.text("Title", "title", 80, help="Printed at the head of every page.")
    one.text("Purpose", "purpose", 200, help="For your colleagues, in the list of forms.")
    if work.body.get("slip"):
        st.caption("A card slip: four on a page, never scanned, destroyed after it was keyed.")
    else:
        words = {key: SUBJECT_WORDS[key].capitalize() for key in SUBJECTS}
        one.one_of("One printed set is for", "subject", words,
                   help="Decides what can be printed into it. A form for nobody yet is blank stock.")  # fmt: skip
        one.switch("Landscape", "landscape")
        if work.body.get("subject") == "day":
            one.switch("Its lines go on over as many pages as needed", "repeats")
    one.number("Warn when fewer blank sheets are left than", "low_stock", 0, 10_000, start=20)


def _section(work: Work, name: str, at: At) -> None:
    one = _Inputs(work, name, editing.piece(work.body, at))
    st.markdown("#### Section")
    one.text("Heading", "title", 80)
    one.text("Sentence beside the heading", "help", 200)
    one.switch("Begins a new page", "new_page")


def _field(work: Work, name: str, at: At) -> None:
    values = editing.piece(work.body, at)
    one = _Inputs(work, name, values)
    kind = str(values["type"])
    _kind(work, name, kind)
    if kind == "prose":
        facts = {f"{{{fact}}}": words for fact, words in _facts(work).items()}
        one.text("Bold beginning", "label", 200)
        one.lines("Text", "text", str(values.get("text", "")), longest=4000, chips=facts)
    else:
        one.text("Words beside it" if kind == "check" else "Label", "label", 200)
    _shape(work, one, kind, values)
    if kind not in ("prose", "fact", "grid", "signature", "check"):
        one.text("Small words beside the label", "help", 200)
    if kind in ANSWERED:
        _landing(work, one, kind, None)
    if kind not in ("prose", "fact", "grid"):
        one.switch("Needed", "required", help="A star beside the label; an empty answer is asked about.")
    if kind in ANSWERED and kind != "grid":
        _critical(one)
    if kind != "grid":
        width = work.key("width")
        st.slider("Width, in twelfths of the line", 1, 12, int(values.get("width", 12)), key=width,
                  on_change=one.take, args=("width", width))  # fmt: skip


def _critical(one: _Inputs) -> None:
    one.switch("Critical", "critical", help=CRITICAL)
    if one.values.get("critical"):
        st.caption(CRITICAL)


def _kind(work: Work, name: str, kind: str) -> None:
    """Which kind of field, with a picture of what it prints."""
    kinds = {key: words for key, (words, _) in editing.KINDS.items()}
    key = work.key("type")

    def convert() -> None:
        at = work.at(name)
        if at is not None:
            field = editing.converted(work.body, editing.piece(work.body, at), st.session_state[key])
            work.step(editing.replaced(work.body, at, field))
            work.again()

    st.selectbox("Kind", list(kinds), index=list(kinds).index(kind), format_func=kinds.__getitem__, key=key,
                 on_change=convert)  # fmt: skip
    with st.container(key="kind_picture", gap="xxsmall"):
        st.image(inline(show_kind(kind)))
        st.caption(editing.KINDS[kind][1])


def _shape(work: Work, one: _Inputs, kind: str, values: Body) -> None:
    """What only some kinds have: answers, digits, lines, what is printed."""
    if kind in ("single", "multi"):
        _answers(work, one, values)
    if kind in ("digits", "bubble_digits"):
        _number(one, values)
    if kind in ("text", "grid"):
        one.number("Lines", "lines", 1, 40, start=1)
    if kind == "grid":
        _columns(work, one.name)
    if kind == "fact":
        one.one_of("What is printed", "fact", _facts(work))
    if kind == "text":
        one.one_of("Print what is known already", "fact", {"": "Nothing", **_facts(work)})
    if kind in ("fact", "prose"):
        one.switch("Bold", "strong")


def _facts(work: Work) -> dict[str, str]:
    """What can be printed on a form for its subject."""
    records = SUBJECTS[str(work.body.get("subject", "appointment"))]
    return {fact: words for fact, words in work.desk.facts.items() if fact.partition(".")[0] in records}


def _answers(work: Work, one: _Inputs, values: Body) -> None:
    target = work.desk.places.get(str(values.get("target")))
    options = [dict(option) for option in values.get("options") or []]

    def take(typed: str) -> None:
        at = work.at(one.name)
        if at is None:
            return
        lines = [line.strip()[:60] for line in typed.splitlines() if line.strip()][:24]
        field = editing.piece(work.body, at)
        work.put(one.name, "options", editing.with_answers(field, lines, target))

    one.lines("Answers, one on each line", "options", "\n".join(o["label"] for o in options), longest=1600, take=take)
    offered = _known_answers(work, target)
    if offered:
        words = "Take the answers it knows" if target and target.answers else "Take them from the price list"

        def fill() -> None:
            work.put(one.name, "options", [{"value": code, "label": said[:60]} for code, said in offered.items()][:24])
            work.again()

        st.button(words, key=work.key("fill"), on_click=fill, type="tertiary", icon=":material/list:")
        with st.expander("What each answer stands for", key=work.key("stands")):
            for number, option in enumerate(options):
                _stands_for(work, one, number, option, offered)
    one.number("Answers in one line (0: as many as fit)", "per_line", 0, 8, start=0)


def _known_answers(work: Work, target: Target | None) -> dict[str, str]:
    if target is None:
        return {}
    if target.name in ("checkout.services", "appointment.services"):
        return dict(work.desk.services)
    return {code: said.capitalize() for code, said in target.answers.items()}


def _stands_for(work: Work, one: _Inputs, number: int, option: Body, offered: dict[str, str]) -> None:
    now = str(option["value"])
    codes = offered if now in offered else {**offered, now: f"{now} (not known there)"}
    key = work.key(f"stands-{number}")

    def take() -> None:
        at = work.at(one.name)
        if at is None:
            return
        options = [dict(each) for each in editing.piece(work.body, at)["options"]]
        if number < len(options):
            options[number]["value"] = st.session_state[key]
            work.put(one.name, "options", options)

    st.selectbox(f"“{frame.plain(option['label'])}”", list(codes), index=list(codes).index(now),
                 format_func=codes.__getitem__, key=key, on_change=take)  # fmt: skip


def _number(one: _Inputs, values: Body) -> None:
    digits, decimals = st.columns(2)
    with digits:
        one.number("Digits", "digits", 1, MOST_DIGITS[str(values["type"])], start=3)
    with decimals:
        one.number("Of them decimals", "decimals", 0, 4, start=0)
    key = one.work.key("unit")
    unit = str(values.get("unit") or "")
    units = list(dict.fromkeys(["", unit, *UNITS]))
    st.selectbox("Unit", units, index=units.index(unit), format_func=lambda one: one or "None",
                 key=key, on_change=one.take, args=("unit", key), accept_new_options=True)  # fmt: skip
    low, high = st.columns(2)
    with low:
        one.number("Least", "least", None, None, step=0.1, placeholder="Any")
    with high:
        one.number("Most", "most", None, None, step=0.1, placeholder="Any")


def _columns(work: Work, name: str) -> None:
    def add() -> None:
        at = work.at(name)
        if at is not None:
            work.step(*editing.added_cell(work.body, at))

    st.button("Add a column", icon=":material/add_column_right:", key=work.key("column"), on_click=add)
    st.caption("Its columns stand under it in the list: choose one to change it.")


def _cell(work: Work, name: str, at: At) -> None:
    values = editing.piece(work.body, at)
    lines = editing.piece(work.body, At(at.section, at.field))
    one = _Inputs(work, name, values)
    kind = str(values.get("type", "text"))
    st.markdown("#### Column")
    one.text("Heading", "label", 40)
    _cell_kind(work, one, kind)
    if kind == "digits":
        _cell_number(one, values)
    if kind == "single":
        target = work.desk.places.get(str(values.get("target")))

        def take(typed: str) -> None:
            now = work.at(name)
            words = [line.strip()[:60] for line in typed.splitlines() if line.strip()][:4]
            if now is not None:
                work.put(name, "options", editing.with_answers(editing.piece(work.body, now), words, target))

        text = "\n".join(option["label"] for option in values.get("options") or [])
        one.lines("Answers, one on each line, short", "options", text, longest=300, take=take)
    if work.body.get("subject") == "day":
        words = {"": "Nothing"} | {key: said for key, (said, _) in LINE_WORDS.items()}
        one.one_of("What is printed into it", "fact", words)
    _landing(work, one, kind, str(lines.get("target") or ""))
    _critical(one)
    key = work.key("width")
    st.slider("Width, as a share of the table", 0.5, 10.0, float(values.get("width", 1.0)), 0.1, key=key,
              on_change=one.take, args=("width", key))  # fmt: skip


def _cell_kind(work: Work, one: _Inputs, kind: str) -> None:
    key = work.key("type")

    def convert() -> None:
        at = work.at(one.name)
        if at is not None:
            cell = editing.converted_cell(editing.piece(work.body, at), st.session_state[key])
            work.step(editing.replaced(work.body, at, cell))
            work.again()

    kinds = list(editing.CELLS)
    st.selectbox("Kind", kinds, index=kinds.index(kind), format_func=editing.CELLS.__getitem__, key=key,
                 on_change=convert)  # fmt: skip


def _cell_number(one: _Inputs, values: Body) -> None:
    digits, decimals, unit = st.columns(3)
    with digits:
        one.number("Digits", "digits", 1, 8, start=3)
    with decimals:
        one.number("Decimals", "decimals", 0, 4, start=0)
    with unit:
        now = str(values.get("unit") or "")
        one.one_of("Unit", "unit", {unit: unit or "None" for unit in dict.fromkeys(["", now, *UNITS])})


def _landing(work: Work, one: _Inputs, kind: str, inside: str | None) -> None:
    """Where the answer lands: only places that exist and fit."""
    subject = str(work.body.get("subject", "appointment"))
    if inside == "":
        st.caption("The lines land nowhere: choose a place for the lines first.")
        return
    found = fitting(kind, subject, work.desk.places, inside)
    offered = {NOWHERE: "Nowhere: it stays on the scanned paper", **{target.name: target.words for target in found}}
    now = str(one.values.get("target") or "")
    if now and now not in offered:
        offered[now] = work.desk.places[now].words if now in work.desk.places else f"{now} (gone)"
    key = work.key("target")

    def take() -> None:
        wanted = str(st.session_state[key])
        work.put(one.name, "target", wanted)
        target = work.desk.places.get(wanted)
        if target and len(target.units) > 1 and one.values.get("unit") not in target.units:
            work.put(one.name, "unit", target.units[0])
            work.again()

    st.selectbox("Where the answer lands", list(offered), index=list(offered).index(now),
                 format_func=offered.__getitem__, key=key, on_change=take,
                 help="The place in the records that is filled when the paper is entered.")  # fmt: skip
