"""Weeks of days with how far each is: a sign, a word and a colour, and the way to the day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from pages.home.links import Link

CSS = """
:host { display: block; }
section { font-family: var(--st-font); font-variant-numeric: tabular-nums; display: grid; gap: .3rem;
  grid-template-columns: repeat(7, minmax(0, 1fr)); }
span.head { font-size: .8rem; text-align: center; color: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.cell { display: block; min-height: 2.75rem; padding: .25rem .4rem; border-radius: 8px;
  border: 1px solid var(--st-border-color); color: var(--st-text-color); text-decoration: none;
  box-sizing: border-box; overflow: hidden; }
p.cell { border-style: dashed; margin: 0; }
a:hover { filter: brightness(.96); }
a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
b, small { display: block; line-height: 1.3; white-space: nowrap; }
b { font-size: .8rem; font-weight: 500; color: color-mix(in srgb, var(--st-text-color) 78%, transparent); }
small { font-size: .8rem; font-weight: 600; overflow: hidden; text-overflow: ellipsis; }
i { font-style: normal; margin-right: .25rem; }
.today b { font-weight: 700; color: var(--st-text-color); text-decoration: underline; text-underline-offset: 2px; }
.reconciled { background: light-dark(#e6f6f1, #12352f); } .reconciled small { color: light-dark(#0b5d56, #5eead4); }
.waits { background: light-dark(#fdf3e2, #33281a); } .waits small { color: light-dark(#8a4b05, #f5c07a); }
.differs { background: light-dark(#fdeceb, #3b1f1f); border-color: light-dark(#e0857f, #8f4a45); }
.differs small { color: light-dark(#a3231b, #f5a9a2); }
.closed { background: var(--st-secondary-background-color); }
.closed small { color: color-mix(in srgb, var(--st-text-color) 78%, transparent); }
@media (max-width: 640px) {
  section { gap: .2rem; } .cell { padding: .25rem .1rem; text-align: center; } small span { display: none; }
  i { margin: 0; }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const made = (kind, text, name) => {
    const part = document.createElement(kind);
    if (text) part.textContent = text;
    if (name) part.className = name;
    return part;
  };
  const root = parentElement.querySelector("section");
  root.setAttribute("aria-label", data.label);
  const heads = data.heads.map((text) => made("span", text, "head"));
  const cells = data.days.map((day, place) => {
    const cell = made(day.href ? "a" : "p", "", "cell " + day.state + (day.today ? " today" : ""));
    const state = made("small");
    if (day.word) {
      const sign = made("i", day.sign);
      sign.setAttribute("aria-hidden", "true");
      state.append(sign, made("span", day.word));
    }
    cell.append(made("b", day.day), state);
    cell.title = day.told;
    if (!day.href) return cell;
    cell.setAttribute("aria-label", day.told);
    cell.href = day.href;
    cell.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("open", place);
    };
    return cell;
  });
  root.replaceChildren(...heads, ...cells);
}
"""

_grid = st.components.v2.component("ballast_day_states", html='<section role="group"></section>', css=CSS, js=JS)
STATES = {
    "reconciled": ("✓", "Reconciled"), "waits": ("…", "Waits"), "differs": ("≠", "Differs"), "closed": ("▪", "Closed"),
}  # fmt: skip
"""Each state's sign and word."""


@dataclass(frozen=True)
class Cell:
    """One day: what stands on it, what is told of it in words, and where it leads; nowhere where nothing happened."""

    day: str
    state: str
    told: str
    to: Link | None = None
    is_today: bool = False


def draw(cells: Iterable[Cell], heads: list[str], label: str, *, key: str) -> None:
    """Draw whole weeks; a click or Enter on a day goes there."""
    shown = list(cells)
    days = [
        {"day": one.day, "state": one.state, "told": one.told, "today": one.is_today,
         "sign": STATES.get(one.state, ("", ""))[0], "word": STATES.get(one.state, ("", ""))[1],
         "href": one.to.href if one.to else ""}
        for one in shown
    ]  # fmt: skip
    picked = _grid(key=key, data={"days": days, "heads": heads, "label": label}, on_open_change=_nothing).open
    if isinstance(picked, int) and 0 <= picked < len(shown) and (to := shown[picked].to):
        to.follow()


def _nothing() -> None:
    """The caller reads the result."""
