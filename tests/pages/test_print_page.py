"""Print forms, run through Streamlit's own test bench: what is printed can be taken, and is printed once."""

import pytest
from sqlalchemy import func, select

from data.models import FormSheet
from data.session import read
from tests.flow.conftest import Day
from tests.screen import opened


@pytest.fixture
def day(sqlite_clinic):
    return Day(sqlite_clinic)


def sheets(clinic) -> int:
    with read(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(FormSheet)) or 0


def words(at) -> str:
    kinds = (at.markdown, at.caption, at.title, at.error, at.info)
    return " ".join(str(part.value) for kind in kinds for part in kind).replace("\\", "")


def test_the_pack_is_made_once_until_it_is_taken_and_stands_in_the_list(day):
    day.visit("Luna", stage="booked")
    at = opened(day.clinic, "sam", "paper/print.py")
    at.button(key="print_before").click().run()
    assert "1 visit booked" in words(at)
    at.number_input(key="print_sets_0").set_value(1).run()
    at.number_input(key="print_slips_0").set_value(1).run()
    at.checkbox(key="print_kit").check().run()
    at.button(key="print_pack").click().run()
    assert not at.exception and not at.error
    assert "The pack for" in words(at) and "is ready" in words(at)
    first = sheets(day.clinic)
    assert first == 1 + 2 + 3 + 2 + 1
    at.segmented_control(key="print_view").set_value("Blank stock").run()
    assert "1 unused" in words(at)
    at.number_input(key="print_count_walk-in").set_value(3).run()
    at.button(key="print_blank").click().run()
    at.button(key="print_blank").click().run()
    assert sheets(day.clinic) == first + 3
    at.button(key="print_done").click().run()
    at.button(key="print_blank").click().run()
    assert sheets(day.clinic) == first + 6
    at.segmented_control(key="print_view").set_value("Past prints").run()
    assert not at.exception


def test_a_print_that_was_not_taken_is_offered_again_after_a_reload_with_its_serials(day):
    day.visit("Luna", stage="booked")
    at = opened(day.clinic, "sam", "paper/print.py")
    at.button(key="print_before").click().run()
    at.button(key="print_roster").click().run()
    assert "serials 1 to 2." in words(at) and sheets(day.clinic) == 2
    at = opened(day.clinic, "sam", "paper/print.py")  # the page is loaded anew
    assert "its file was not taken" in words(at) and "Surgery consent, Medical travel sheet for" in words(at)
    at.button(key="print_left_again").click().run()
    assert not at.exception and not at.error
    assert "serials 1 to 2." in words(at) and sheets(day.clinic) == 2
    at.button(key="print_done").click().run()
    at = opened(day.clinic, "sam", "paper/print.py")
    assert "was not taken" not in words(at)
    at.button(key="print_before").click().run()
    at.button(key="print_roster").click().run()
    assert sheets(day.clinic) == 4
    day.visit("Rex", stage="booked")
    at = opened(day.clinic, "sam", "paper/print.py")
    at.button(key="print_left_again").click().run()
    assert len(at.error) == 1 and sheets(day.clinic) == 4
    assert "was not taken" not in words(opened(day.clinic, "sam", "paper/print.py"))


def test_one_visit_is_printed_from_its_appointment(day):
    one = day.visit("Luna", stage="booked")
    at = opened(day.clinic, "sam", "appointments/roster.py", appointment=one)
    assert any(button.key == "visit_print_forms" for button in at.button)
    at = opened(day.clinic, "sam", "paper/print.py", appointment=one)
    assert "Luna" in words(at)
    at.button(key="print_one").click().run()
    assert "Forms for Luna" in words(at) and sheets(day.clinic) == 2


def test_whoever_is_booked_nowhere_is_told_so(day):
    at = opened(day.clinic, "sam", "paper/print.py")
    at.button(key="print_roster").click().run()
    assert "nobody is booked for this day" in words(at)
