"""A list of cases to go through: one line each, opened by click or with the arrow keys.

Text reaches the browser as text and never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

CSS = """
:host { display: block; }
ul { list-style: none; margin: 0; padding: 0; border: 1px solid var(--st-border-color); max-height: 34rem;
  border-radius: var(--st-base-radius); overflow: auto; font: 400 .93rem/1.35 var(--st-font); }
li { display: grid; grid-template-columns: 5.2rem minmax(0, 1fr) auto; gap: 0 .8rem; align-items: center;
  min-height: 2.75rem; padding: .3rem .8rem; cursor: pointer; color: var(--st-text-color); }
li + li { border-top: 1px solid var(--st-border-color); }
li:hover { background: var(--st-secondary-background-color); }
li[aria-selected="true"] { background: color-mix(in srgb, var(--st-primary-color) 12%, transparent);
  box-shadow: inset 3px 0 0 var(--st-primary-color); }
li:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
li > * { min-width: 0; }
b { font-weight: 600; display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
small, .day { font-size: .84rem; color: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sum { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media (max-width: 640px) { ul { max-height: 16rem; } li { grid-template-columns: minmax(0, 1fr) auto; }
  .day { grid-row: 2; } }
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ul");
  list.setAttribute("aria-label", data.label);
  const part = (kind, text, name) => {
    const one = document.createElement(kind);
    one.textContent = text;
    if (name) one.className = name;
    return one;
  };
  const focused = list.contains(list.getRootNode().activeElement);
  const items = data.lines.map((line) => {
    const item = document.createElement("li");
    const chosen = line.key === data.chosen;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", chosen);
    item.tabIndex = chosen ? 0 : -1;
    const middle = document.createElement("div");
    middle.append(part("b", line.title), part("small", line.about));
    item.append(part("span", line.day, "day"), middle, part("span", line.sum, "sum"));
    item.onclick = () => setTriggerValue("open", line.key);
    return item;
  });
  list.replaceChildren(...items);
  const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (at >= 0) {
    const top = items[at].offsetTop - list.offsetTop;
    if (top < list.scrollTop || top + items[at].offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
    if (focused) items[at].focus({ preventScroll: true });
  }
  list.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && items[items.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    setTriggerValue("open", data.lines[items.indexOf(next)].key);
  };
}
"""

_list = st.components.v2.component("ballast_cases", html='<ul role="listbox" aria-label="Cases"></ul>', css=CSS, js=JS)


@dataclass(frozen=True)
class Line:
    """One case: its key, the day, what it is and about whom, the sum."""

    key: str
    day: str
    title: str
    about: str
    sum: str


def draw(lines: Sequence[Line], chosen: str, *, label: str, key: str) -> str | None:
    """Draw them; returns the key of one just opened. ``chosen`` is the one that is open."""
    data = {"lines": [vars(line) for line in lines], "chosen": chosen, "label": label}
    picked = _list(key=key, data=data, on_open_change=_nothing).open
    return picked if isinstance(picked, str) else None


def _nothing() -> None:
    """The caller reads the result."""
