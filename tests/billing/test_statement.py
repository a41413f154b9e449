"""A statement: what is open, by age, to the cent, and nothing of what is not owed."""

from datetime import date, timedelta

import pypdfium2
from hypothesis import given
from hypothesis import strategies as st

from billing import sending, statement
from billing.history import InvoiceSummary
from tests.billing.test_requests import SITE, address, switch_on
from tests.billing.visits import visit

TODAY = date(2026, 11, 22)


def invoice(number: int, late: int, cents: int) -> InvoiceSummary:
    day = TODAY - timedelta(days=late)
    return InvoiceSummary(str(number), number, day, day, "", "USD", cents, 0, 0, cents, "open")


@given(st.lists(st.tuples(st.integers(-400, 400), st.integers(1, 10**7)), max_size=12))
def test_the_buckets_hold_every_cent_once(found):
    aged = statement.ageing([invoice(n, late, cents) for n, (late, cents) in enumerate(found)], TODAY)
    assert sum(one.cents for one in aged) == sum(cents for _, cents in found)
    assert aged[0].cents == sum(cents for late, cents in found if late <= 0)
    assert aged[-1].cents == sum(cents for late, cents in found if late > 90)


def test_a_statement_is_printed_with_what_is_open(sqlite_clinic):
    switch_on(sqlite_clinic)
    _, client = visit(sqlite_clinic)
    address(sqlite_clinic, client)
    mona = sqlite_clinic.actor("mona")
    sending.create_invoice(client, "Only a draft", 99_900, by=mona)
    sending.send_invoice(sending.create_invoice(client, "Recheck", 12_345, by=mona), site=SITE, by=mona)
    printed = statement.statement(client, by=mona)
    assert printed.content.startswith(b"%PDF") and printed.file_name.startswith("statement-")
    text = pypdfium2.PdfDocument(printed.content)[0].get_textpage().get_text_range()
    assert "Recheck" in text and "$123.45" in text and "Only a draft" not in text
