"""Practise an outage: begun in the real clinic, gone through in the practice clinic, step by step."""

import pytest

from outage.rehearsal import rehearse
from security.sessions import redeem_ticket, resume
from tests.conftest import TestClinic
from tests.screen import opened

PAGE = "paper/practise.py"


@pytest.mark.slow
def test_a_practice_is_begun_stepped_into_and_led_from_step_to_step(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", PAGE)
    assert "Never practised yet" in at.markdown.values[0] + str([one.value for one in at.caption])
    at.button(key="practise_begin").click().run()
    assert not at.exception
    sam = sqlite_clinic.actor("sam")
    assert rehearse.open_practice(by=sam) is not None
    assert at.button(key="practise_enter").label == "Go to the practice clinic"

    person = resume(redeem_ticket(rehearse.step_over("", by=sam)), touch=False)
    there = TestClinic(
        person.actor.clinic_id, sqlite_clinic.home, sqlite_clinic.database, {"sam": str(person.actor.user_id)}
    )
    at = opened(there, "sam", PAGE)
    assert [button.label for button in at.button if button.key and button.key.startswith("practice_")] == [
        "Print the pack"
    ]
    told = " ".join(one.value for one in at.caption)
    assert "the stack lies there" in told and "0 pages" not in told and "0 visits and" not in told
    at.button(key="practice_print").click().run()
    assert not at.exception
    assert rehearse.progress(by=person.actor).printed > 0
    assert at.button(key="practice_fill").label == "Let the day happen"
    at = opened(there, "sam", "paper/scan.py")
    assert any("nothing here is real" in one.value for one in at.markdown)
    at = opened(sqlite_clinic, "sam", "paper/scan.py")
    assert not any("nothing here is real" in one.value for one in at.markdown)
