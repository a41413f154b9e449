"""Text in files that people open in a spreadsheet program: nothing in them is ever a formula."""

from __future__ import annotations

FORMULA = frozenset("=+-@\t\r\n|%＝＋－＠")
"""Signs with which some spreadsheet program begins a formula or a command, the full-width ones included."""


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    if text and (text[0] in FORMULA or text.lstrip()[:1] in FORMULA):
        return "'" + text
    return text
