"""What Streamlit tells the browser about the theme and the settings, put together once instead of with every click.

At the start of each run Streamlit builds a message of theme and configuration out of its some three hundred options,
six times over: a fifth of what a page costs. Neither changes while the app serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamlit.runtime import app_session

PARTS = ("_populate_theme_msg", "_populate_config_msg")


def keep_what_stands() -> None:
    """Wrap the two functions that fill the message, once a process."""
    for name in PARTS:
        fill = getattr(app_session, name)
        if not hasattr(fill, "filled"):
            setattr(app_session, name, kept(fill))


def kept(fill: Callable[..., None]) -> Callable[..., None]:
    """``fill`` that works out each section of its message the first time only."""
    filled: dict[tuple[str, ...], Any] = {}

    def refill(message: Any, *section: str) -> None:
        if section not in filled:
            empty = type(message)()
            fill(empty, *section)
            filled[section] = empty
        if filled[section].ByteSize():  # merging nothing would say that there is an empty theme
            message.MergeFrom(filled[section])

    refill.filled = filled  # type: ignore[attr-defined]
    return refill
