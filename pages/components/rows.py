"""A list of records as links: one line each, opened by click, Enter or in a new tab.

Text reaches the browser as text and never as markup.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

CSS = """
:host { display: block; }
ul { list-style: none; margin: 0; padding: 0; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); overflow: hidden; }
ul.bare { border: 0; border-radius: 0; }
ul.bare a { padding-inline: 0; min-height: 2.6rem; }
ul.bare .sub { white-space: normal; }
.number:empty { display: none; }
li + li { border-top: 1px solid var(--st-border-color); }
a { display: grid; grid-template-columns: var(--shape); gap: 0 1rem; align-items: center; min-height: 2.9rem;
  padding: .25rem .9rem; text-decoration: none; font: 400 .95rem/1.35 var(--st-font); color: var(--st-text-color); }
a:hover { background: var(--st-secondary-background-color); }
a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
a > * { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.title { font-weight: 600; }
.sub, .side, .number { color: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.tag { margin-left: .6rem; padding: .05rem .5rem; border-radius: 99px; font-size: .8rem; font-weight: 600;
  color: light-dark(#465160, #b9c2ce); background: light-dark(#eef0f3, #262e39); }
.tag.good { color: light-dark(#0b5d56, #5eead4); background: light-dark(#dcf5ee, #12352f); }
.tag.warm { color: light-dark(#8a4b05, #f5c07a); background: light-dark(#fdf0dc, #3a2a12); }
.action { justify-self: end; padding: .3rem .85rem; border: 1px solid var(--st-border-color); border-radius: 8px;
  font-weight: 500; color: var(--st-text-color); }
.action.strong { border-color: var(--st-primary-color); color: var(--st-link-color); }
.badge { display: inline-block; margin-left: .5rem; padding: 0 .45rem; border-radius: 99px; font-size: .78rem;
  font-weight: 500; vertical-align: 1px; color: var(--st-text-color);
  background: color-mix(in srgb, var(--st-orange-color, #c2710c) 22%, transparent); }
.acts .sub { white-space: normal; }
@media (max-width: 640px) {
  a { grid-template-columns: 1fr auto; min-height: 3.4rem; padding: .45rem .8rem; }
  .sub { grid-row: 2; grid-column: 1; } .side { grid-row: 2; grid-column: 2; text-align: right; }
  .number { grid-row: 1; grid-column: 2; }
  .acts .title { white-space: normal; }
  .acts .sub { grid-column: 1 / -1; }
  .acts .side { grid-row: 3; grid-column: 1 / -1; text-align: left; }
}
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ul");
  list.setAttribute("aria-label", data.label);
  list.style.setProperty("--shape", data.shape);
  list.className = data.framed ? "" : "bare";
  const part = (kind, text) => {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  };
  list.replaceChildren(...data.rows.map((row) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    if (row.action) link.className = "acts";
    link.href = row.href || data.path + "?id=" + encodeURIComponent(row.id);
    const title = part("title", row.title);
    for (const badge of row.badges) title.append(part("badge", badge));
    const side = part("side", row.side);
    if (row.tag) side.append(part("tag " + row.tone, row.tag));
    link.append(title, part("sub", row.sub), side, part("number " + row.action, row.number));
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("open", row.id);
    };
    item.append(link);
    return item;
  }));
  list.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...list.querySelectorAll("a")];
    const next = links[links.indexOf(event.target) + step];
    if (next) { next.focus(); event.preventDefault(); }
  };
}
"""

_list = st.components.v2.component("ballast_rows", html="<ul></ul>", css=CSS, js=JS)


@dataclass(frozen=True)
class Row:
    """One line: the record's id and its texts; ``href`` where it leads somewhere of its own. ``tag`` is a state beside
    the side text, in the ``tone`` good, warm or quiet; ``action`` (``action`` or ``action strong``) makes the number
    look like the button that says what a click does."""

    id: str
    title: str
    sub: str = ""
    side: str = ""
    number: str = ""
    badges: tuple[str, ...] = ()
    href: str = ""
    tag: str = ""
    tone: str = ""
    action: str = ""


def rows(
    lines: list[Row], *, path: str, label: str, key: str, shape: str = "2.2fr 2.6fr 9rem 4.5rem", framed: bool = True
) -> str | None:
    """Draw the lines; returns the id of one just clicked. ``path`` is the page they lead to, ``label`` what screen
    readers call the list, ``shape`` the widths of title, sub, side and number; ``framed`` draws a border around it."""
    data = {"rows": [vars(line) for line in lines], "path": path, "label": label, "shape": shape,
            "framed": framed}  # fmt: skip
    clicked = _list(key=key, data=data, on_open_change=_nothing)
    return clicked.open if isinstance(clicked.open, str) else None


def _nothing() -> None:
    """The caller reads the result."""
