"""Open slips on their page: claimed, charged with the code that was typed, or asked for."""

from streamlit.testing.v1 import AppTest

from outage.slips import slips
from tests.conftest import ROOT
from tests.outage.test_slip_claims import SlipDay


def test_an_open_slip_is_claimed_and_charged_and_another_is_asked_for(sqlite_clinic, monkeypatch):
    day = SlipDay(sqlite_clinic, monkeypatch)
    one, two = day.open_slip(1), day.open_slip(2)
    at = AppTest.from_file(str(ROOT / "pages/navigation.py"), default_timeout=30)
    at.user = {"session": sqlite_clinic.token("sam")}
    at.run()
    at.switch_page("paper/slips.py")
    at.run()
    assert any("Not charged yet (2)" in head.value for head in at.subheader)
    at.button(f"slip_claim_{one}").click().run()
    assert not at.exception and not at.error and day.of(one).claimed_by == "Sam Stone"
    at.button(f"slip_charged_{one}").click().run()
    assert "authorization code" in at.error[0].value and day.payments() == []
    at.button(f"slip_look_{one}").click().run()
    assert any("no charge of this amount" in caption.value for caption in at.caption)
    at.text_input(f"slip_code_{one}").input("A77")
    at.button(f"slip_charged_{one}").click().run()
    assert "paid" in at.success[0].value and day.payments() == [("slip", 8500)]
    at.button(f"slip_ask_{two}").click().run()
    assert not at.error and day.of(two).request_id
    at.button(f"slip_withdraw_{two}").click().run()
    assert [row.request_id for row in slips(day.id, by=sqlite_clinic.operator)] == ["", ""] and not at.exception
