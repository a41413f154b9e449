"""Card slips are keyed on their page from the paper, and what cannot be right says so without losing what was typed."""

from zoneinfo import ZoneInfo

from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from data.models import Client, FormSheet
from data.session import read
from outage.slips import slips
from tests.conftest import ROOT
from tests.outage.paper_day import PaperDay


def test_a_slip_is_keyed_from_the_paper_and_the_next_one_is_offered(sqlite_clinic):
    day = PaperDay(sqlite_clinic)
    visit = day.visit("Luna", stage="checked_out")
    day.ticket(visit, 8500)
    sheet = day.sheet("card-slip")
    with read(sqlite_clinic.id) as session:
        serial = session.get_one(FormSheet, (sqlite_clinic.id, sheet)).serial
    at = AppTest.from_file(str(ROOT / "pages/navigation.py"), default_timeout=30)
    at.user = {"session": sqlite_clinic.token("sam")}
    at.run()
    at.switch_page("paper/slips.py")
    at.run()
    typed = {"number": f"{serial}-1", "amount": "85.00", "last4": "42", "brand": "visa", "code": "A77", "visit": "1"}
    typed |= {"phone": "212 555 0101", "email": "ada@"}
    typed["at"] = day.began.astimezone(ZoneInfo("America/New_York")).strftime("%H:%M")
    for name, value in typed.items():
        at.text_input(f"slip_{name}").input(value)
    at.button("slip_save").click().run()
    assert "last four digits" in at.error[0].value and at.text_input("slip_amount").value == "85.00"
    at.text_input("slip_last4").input("4242")
    at.text_input("slip_payer").input("4111 1111 1111 1111")
    at.button("slip_save").click().run()
    assert "card number" in at.error[0].value and slips(day.id, by=sqlite_clinic.operator) == []
    at.text_input("slip_payer").input("")
    at.button("slip_save").click().run()
    assert "not an e-mail address" in at.error[0].value
    at.text_input("slip_email").input("ada@example.org")
    at.button("slip_save").click().run()
    assert not at.exception and not at.error, [one.value for one in at.error]
    (row,) = slips(day.id, by=sqlite_clinic.operator)
    assert (row.name, row.visit, row.brand, bool(row.reference)) == (f"{serial}-1", 1, "Visa", True)
    assert at.text_input("slip_number").value == f"{serial}-2" and at.text_input("slip_amount").value == ""
    # A browser keeps what stands in a field unless it is told otherwise: the next slip must not begin with this one's.
    told = {name: at.text_input(f"slip_{name}").proto for name in (*typed, "payer") if name != "number"}
    assert {name for name, one in told.items() if not one.set_value or one.value} == set()
    assert "paid" in at.success[0].value
    # What the record of the client lacks is offered, and written there by one button.
    assert (row.new_phone, row.new_email) == ("212 555 0101", "ada@example.org")
    at.button(f"slip_keep_{row.id}").click().run()
    assert not at.exception and "can be reached" in at.success[0].value
    with read(sqlite_clinic.id) as session:
        (client,) = session.scalars(select(Client)).all()
        assert (client.phone, client.email) == ("212 555 0101", "ada@example.org")
    assert not [one for one in at.button if str(one.key).startswith("slip_keep_")]
