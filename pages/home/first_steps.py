"""First steps of a new clinic: a short list on top of the home, each line a link to the page where one does it.

One component, like the other blocks of the home. Text reaches the browser as text and never as markup.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from opening.first_steps import FirstSteps, first_steps, hide_first_steps, settle_step
from pages.components import frame
from pages.home.links import Link

CSS = """
:host { display: block; }
section { padding: .9rem 1rem .7rem; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  font: 400 .95rem/1.35 var(--st-font); color: var(--st-text-color); font-variant-numeric: tabular-nums; }
header { display: flex; align-items: center; gap: .2rem 1rem; flex-wrap: wrap; }
h2 { margin: 0; font: 600 1.05rem/1.35 var(--st-heading-font); }
p { margin: 0; flex: 1; font-size: .88rem; color: var(--quiet); }
section { --quiet: color-mix(in srgb, var(--st-text-color) 75%, transparent); }
progress { appearance: none; display: block; width: 100%; height: 4px; margin: .55rem 0 .35rem; border: 0;
  border-radius: 4px; overflow: hidden; background: var(--st-border-color); }
progress::-webkit-progress-bar { background: var(--st-border-color); }
progress::-webkit-progress-value { background: var(--st-primary-color); }
progress::-moz-progress-bar { background: var(--st-primary-color); }
ol { list-style: none; margin: 0 -.35rem; padding: 0; }
li { display: grid; grid-template-columns: 1.6rem 15.5rem minmax(0, 1fr) auto; gap: 0 .7rem;
  align-items: center; min-height: 2.5rem; padding: .2rem .35rem; position: relative; }
li + li { border-top: 1px solid var(--st-border-color); }
li:hover { background: var(--st-secondary-background-color); }
svg { width: 1.25rem; height: 1.25rem; justify-self: center; }
circle { fill: none; stroke: color-mix(in srgb, var(--st-text-color) 55%, transparent); stroke-width: 1.5; }
.done circle { fill: var(--st-primary-color); stroke: var(--st-primary-color); }
path { fill: none; stroke: var(--st-background-color); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
a { color: var(--st-text-color); text-decoration: none; font-weight: 600; }
a::after { content: ""; position: absolute; inset: 0; }
a:focus-visible { outline: none; }
a:focus-visible::after, button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.done a { font-weight: 400; color: var(--quiet); }
span { min-width: 0; font-size: .9rem; color: var(--quiet); }
li div { display: flex; flex-wrap: wrap; gap: 0 .4rem; justify-content: flex-end; }
button { position: relative; z-index: 1; padding: .3rem .55rem; border: 0; border-radius: 6px; background: none;
  font: 500 .9rem/1.35 var(--st-font); color: var(--st-link-color); cursor: pointer; white-space: nowrap; }
button:hover { background: color-mix(in srgb, var(--st-primary-color) 12%, transparent); }
@media (max-width: 640px) {
  li { grid-template-columns: 1.6rem minmax(0, 1fr); padding-block: .45rem; min-height: 44px; }
  li span, li div { grid-column: 2; justify-content: flex-start; }
  button { min-height: 44px; }
  li div button { margin: -.3rem 0 -.4rem -.55rem; }
  li.done > :is(span, div) { display: none; }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const made = (kind, text, name) => {
    const one = document.createElement(kind);
    if (text) one.textContent = text;
    if (name) one.className = name;
    return one;
  };
  const tick = (done) => {
    const drawn = (kind, facts) => {
      const one = document.createElementNS("http://www.w3.org/2000/svg", kind);
      Object.entries(facts).forEach(([name, value]) => one.setAttribute(name, value));
      return one;
    };
    const box = drawn("svg", { viewBox: "0 0 20 20", role: "img", "aria-label": done ? "Done" : "To do" });
    box.append(drawn("circle", { cx: 10, cy: 10, r: 8.5 }));
    if (done) box.append(drawn("path", { d: "M6 10.4 8.8 13 14 7.4" }));
    return box;
  };
  const button = (words, event, value) => {
    const one = made("button", words);
    one.type = "button";
    one.onclick = () => setTriggerValue(event, value);
    return one;
  };
  const line = (step) => {
    const item = made("li", "", step.done ? "done" : "");
    const link = made("a", step.title);
    link.href = step.href;
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("open", step.name);
    };
    const acts = made("div");
    if (step.other) acts.append(button(step.other, "other", step.name));
    if (step.settle) acts.append(button(step.settle, "settle", step.name));
    item.append(tick(step.done), link, made("span", step.done ? "" : step.about), acts);
    return item;
  };
  const root = parentElement.querySelector("section");
  const head = made("header");
  head.append(made("h2", data.title), made("p", data.facts), button(data.hide, "hide", true));
  const bar = made("progress");
  bar.max = data.steps.length;
  bar.value = data.steps.filter((step) => step.done).length;
  bar.setAttribute("aria-label", data.facts);
  const list = made("ol");
  list.setAttribute("aria-label", data.title);
  list.append(...data.steps.map(line));
  root.replaceChildren(head, bar, list);
}
"""

_list = st.components.v2.component("ballast_first_steps", html="<section></section>", css=CSS, js=JS)


@dataclass(frozen=True)
class Line:
    """How a step is put to people: its words, where one does it, what settles it, and another way to do it."""

    title: str
    about: str
    to: Link
    settle: str = ""
    other: str = ""
    other_to: Link | None = None


def _setting(kind: str) -> Link:
    return Link("settings/editor.py", "setting", {"kind": kind})


LINES = {
    "profile": Line(
        "Fill in the clinic profile", "The address and phone number head every receipt and letter.",
        _setting("clinic-profile"),
    ),
    "opening-days": Line(
        "Check the opening days", "They decide on which days the calendar takes bookings.", _setting("location"),
        settle="They are right",
    ),
    "prices": Line(
        "Check the price list", "Prices and taxes as checkout will charge them.",
        Link("settings/price_list.py", "price-list"), settle="It is right",
    ),
    "people": Line(
        "Invite your people", "Each signs in with a name and a role of their own.",
        Link("settings/users.py", "users"), settle="I work alone",
    ),
    "second-factor": Line(
        "Turn on the second factor", "A code from a phone besides the password, for everybody who manages users.",
        Link("account/my_account.py", "my-account"),
    ),
    "off-site": Line(
        "Set an off-site place for backups", "A folder on another machine, so that a fire or theft takes nothing.",
        _setting("clinic-profile"),
    ),
    "clients": Line(
        "Import your clients", "From the files of the software before this one.",
        Link("settings/imports.py", "import-files"), other="Add the first by hand",
        other_to=Link("clients/new_client.py", "new-client"),
    ),
    "appointment": Line(
        "Book the first appointment", "Choose a day, a client and what is to be done.",
        Link("appointments/calendar.py", "appointments"),
    ),
}  # fmt: skip


def draw(may: frozenset[str]) -> None:
    """Draw it, for who may do something about it and while something is left to do."""
    if "settings.edit" not in may:
        return
    found = first_steps(by=frame.actor())
    if found is None:
        return
    told = _list(
        key="home_first_steps",
        data={
            "title": "First steps", "facts": f"{found.done} of {len(found.steps)} done", "hide": "Hide this list",
            "steps": _steps(found),
        },
        on_open_change=_nothing, on_other_change=_nothing, on_settle_change=_nothing, on_hide_change=_nothing,
    )  # fmt: skip
    if told.open in LINES:
        LINES[told.open].to.follow()
    if told.other in LINES and (other := LINES[told.other].other_to):
        other.follow()
    if told.settle in LINES:
        settle_step(told.settle, by=frame.actor())
        st.rerun()
    if told.hide:
        hide_first_steps(by=frame.actor())
        st.toast("The list is hidden. Settings can show it again.", icon=":material/check:")
        st.rerun()


def _steps(found: FirstSteps) -> list[dict[str, object]]:
    return [
        {
            "name": step.name, "title": LINES[step.name].title, "about": LINES[step.name].about,
            "href": LINES[step.name].to.href, "done": step.done,
            "settle": LINES[step.name].settle if step.may_settle else "",
            "other": "" if step.done else LINES[step.name].other,
        }
        for step in found.steps
    ]  # fmt: skip


def _nothing() -> None:
    """The caller reads the result."""
