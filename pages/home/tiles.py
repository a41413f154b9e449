"""Numbers as tiles and strips, and short lists: the pieces of the home page. Each leads to the page where one acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import streamlit as st

from pages.components.rows import Row, rows

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
class Link:
    """A page of the app with what it is to show: its script, its path and its query."""

    script: str
    path: str
    query: dict[str, str] = field(default_factory=dict)

    @property
    def href(self) -> str:
        """The address, for a new tab."""
        return f"/{self.path}?{urlencode(self.query)}" if self.query else f"/{self.path}"

    def follow(self) -> None:
        """Go there. Ends the run."""
        st.switch_page(self.script, query_params=self.query)


@dataclass(frozen=True)
class Tile:
    """A number with what it is, where it leads, and how it compares. ``tone`` good, bad or empty colours the note."""

    label: str
    value: str
    to: Link
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Wait:
    """A line of a short list: who, what about it, a time or amount on the right, and where one acts on it."""

    title: str
    about: str
    right: str
    to: Link


def tiles(items: Iterable[Tile], *, key: str) -> None:
    """Side by side on a desk, two abreast on a phone."""
    _draw("tiles", list(items), key)


def strip(items: Iterable[Tile], *, key: str) -> None:
    """Counts in one row."""
    _draw("strip", list(items), key)


def waits(
    items: Sequence[Wait], empty: str, *, label: str, key: str, shape: str = "minmax(6rem, 1fr) minmax(0, 1.5fr) auto"
) -> None:
    """A short list of links; ``label`` is what screen readers call it, ``shape`` the widths of its columns."""
    if not items:
        st.caption(empty)
        return
    lines = [Row(str(n), one.title, one.about, one.right, href=one.to.href) for n, one in enumerate(items)]
    picked = rows(lines, path="", label=label, key=key, shape=shape, framed=False)
    if picked is not None and int(picked) < len(items):
        items[int(picked)].to.follow()


def more(count: int, to: Link, *, key: str) -> None:
    """The way to the rest of a list that was cut short."""
    if count > 0 and st.button(f"See {count} more", key=key, type="tertiary"):
        to.follow()


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
