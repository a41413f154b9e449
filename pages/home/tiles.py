"""Numbers as tiles and strips on the home page. Each leads to the page where one acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from pages.home.links import Link

CSS = """
:host { display: block; }
section { font-family: var(--st-font); font-variant-numeric: tabular-nums; }
a { display: block; min-width: 0; color: var(--st-text-color); text-decoration: none; }
a:hover { background: var(--st-secondary-background-color); }
a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
span, small { color: color-mix(in srgb, var(--st-text-color) 78%, transparent); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .9rem; }
.tiles a { border: 1px solid var(--st-border-color); border-radius: 10px; padding: .8rem 1rem .85rem; }
.tiles span { display: block; font-size: .9rem; }
.tiles b { display: block; font-size: 1.55rem; line-height: 1.35; font-weight: 650; letter-spacing: -.015em;
  overflow-wrap: anywhere; }
.tiles small { display: block; font-size: .84rem; line-height: 1.35; }
small.good { color: light-dark(#0b6b5f, #5eead4); }
small.bad { color: light-dark(#b3261e, #f19a92); }
.strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(5.4rem, 1fr)); overflow: hidden;
  border: 1px solid var(--st-border-color); border-radius: 10px; }
.strip a { padding: .6rem .8rem .65rem; box-shadow: 1px 0 0 var(--st-border-color), 0 1px 0 var(--st-border-color); }
.strip b { display: block; font-size: 1.4rem; line-height: 1.25; font-weight: 650; }
.strip span { display: block; font-size: .84rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.strip .none b { font-weight: 500; color: color-mix(in srgb, var(--st-text-color) 62%, transparent); }
@media (max-width: 640px) {
  .tiles { grid-template-columns: 1fr 1fr; gap: .6rem; } .tiles a { padding: .65rem .75rem; }
  .tiles b { font-size: 1.25rem; } .strip { grid-template-columns: repeat(3, 1fr); }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const part = (kind, text, tone) => {
    const made = document.createElement(kind);
    made.textContent = text;
    if (tone) made.className = tone;
    return made;
  };
  const root = parentElement.querySelector("section");
  root.className = data.shape;
  root.replaceChildren(...data.items.map((item, place) => {
    const link = document.createElement("a");
    link.href = item.href;
    if (item.quiet) link.className = "none";
    link.append(...(data.shape === "strip"
      ? [part("b", item.value), part("span", item.label)]
      : [part("span", item.label), part("b", item.value), part("small", item.note, item.tone)]));
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("open", place);
    };
    return link;
  }));
}
"""

_numbers = st.components.v2.component("ballast_numbers", html="<section></section>", css=CSS, js=JS)


@dataclass(frozen=True)
class Tile:
    """A number with what it is, where it leads, and how it compares. ``tone`` good, bad or empty colours the note."""

    label: str
    value: str
    to: Link
    note: str = ""
    tone: str = ""


def tiles(items: Iterable[Tile], *, key: str) -> None:
    """Side by side on a desk, two abreast on a phone."""
    _draw("tiles", list(items), key)


def strip(items: Iterable[Tile], *, key: str) -> None:
    """Counts in one row."""
    _draw("strip", list(items), key)


def _draw(shape: str, items: list[Tile], key: str) -> None:
    shown = [
        {"label": item.label, "value": item.value, "note": item.note, "tone": item.tone, "href": item.to.href,
         "quiet": item.value == "0"}
        for item in items
    ]  # fmt: skip
    picked = _numbers(key=key, data={"shape": shape, "items": shown}, on_open_change=_nothing).open
    if isinstance(picked, int) and 0 <= picked < len(items):
        items[picked].to.follow()


def _nothing() -> None:
    """The caller reads the result."""
