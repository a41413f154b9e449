"""Pages that belong together: one entry of the menu for all, and on each of them the way to the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from pages.components.place import Page


def first(page: Page, pages: Sequence[Page], may: frozenset[str]) -> Page:
    """The page that stands in the menu for one: the first of those beside it that somebody may open."""
    return next((one for one in together(page, pages) if one.opens_for(may)), page)


def entry(page: Page, pages: Sequence[Page]) -> str:
    """What the menu calls a page and those beside it."""
    return next((one.menu for one in together(page, pages) if one.menu), page.title)


def together(page: Page, pages: Sequence[Page]) -> list[Page]:
    """A page and those that belong with it, in the order of the table."""
    head = page.beside or page.path
    return [one for one in pages if one is page or head in (one.path, one.beside)]


def draw(sections: Iterable[Sequence[Page]], may: frozenset[str], *, at: str) -> None:
    """The ways to the pages beside this one, where there are any."""
    for pages in sections:
        for page in pages:
            if page.path != at:
                continue
            ways = [one for one in together(page, pages) if one.opens_for(may)]
            if len(ways) < 2:
                return
            with st.container(key="beside", horizontal=True):
                for one in ways:
                    with st.container(key="beside_here" if one is page else f"beside_{one.path}", width="content"):
                        st.page_link(one.script, label=one.title, icon=f":material/{one.icon}:", width="content")
            return
