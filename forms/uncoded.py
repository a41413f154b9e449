"""A form as a spare PDF without a code: for copies on computers and sticks, of which nobody knows how often one is
printed. A page of it is attached by hand; printed stock, where there is any, comes first."""

from __future__ import annotations

from collections.abc import Mapping

from forms.definition import Form
from forms.field_setting import Order
from forms.layout import lay_out, lay_out_slip
from forms.press import Plate, Press, Sheet

NOTE = "Without a code: write whose it is on every page; the scan is attached by hand"


def uncoded(
    slug: str, body: Form, version: int, *, paper: str, order: Order, clinic: str, facts: Mapping[str, str]
) -> tuple[bytes, int]:
    """The blank form as PDF, and how many pages it has. Raises DoesNotFit, TooManyPages."""
    layout = lay_out_slip(body, paper, order) if body.slip else lay_out(body, paper, order)
    press = Press(clinic, NOTE, body.title)
    pages = press.add(
        Plate(slug, version, body.title, layout, lambda _page, _of, _serial: "", body.slip), Sheet(0, facts)
    )
    return press.pdf(), pages
