"""The refund dialog where a client paid on the processor's page: it says that the money goes back there."""

from __future__ import annotations

import pytest

from billing import tickets
from tests import screen


@pytest.mark.parametrize("till", ["mx"], indirect=True)
def test_the_dialog_says_that_the_card_gets_its_money_back_with_the_same_click(till):
    request = till.paid(6_000)
    till.fake.world.settle(till.kind)
    invoice = tickets.ticket(till.row(request).invoice_id, by=till.by)
    at = screen.opened(till.clinic, "mona", "money/invoice.py", id=invoice.id)
    at.button(key="refund").click().run()
    assert "goes back to the card there, with the same click" in " ".join(one.value for one in at.caption)
