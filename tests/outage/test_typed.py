"""What people type from paper is read as they mean it, or told with its field; nothing is guessed."""

import contextlib
from datetime import date, time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.times import NotATime
from data.errors import BadInput
from forms.definition import FormField
from outage.landing import celsius, quantities
from outage.typed import House, Wrong, clock_time, from_machine, read, read_sheet

OPENS = time(7, 30), time(17)


def person(initials, name, status="active"):
    return SimpleNamespace(
        id=initials.lower(), initials=initials, name=name, username=name.split()[0].lower(), status=status
    )


HOUSE = House(
    [person("CC", "Clara Chen"), person("SS", "Sam Stone"), person("CX", "Carl Xu", "disabled")], {},
    "America/New_York", date(2026, 5, 4), True, OPENS,
)  # fmt: skip
WEIGHT = FormField(key="w", type="digits", label="Weight", digits=4, decimals=1, unit="kg", least=0.2, most=120)
SEX = FormField.model_validate(
    {"key": "sex", "type": "single", "label": "Sex", "critical": True,
     "options": [{"value": "f", "label": "Female"}, {"value": "m", "label": "Male"}]}
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("930", "09:30"), ("0930", "09:30"), ("9:30", "09:30"), ("9.30", "09:30"), ("215", "14:15"), ("2:15 pm", "14:15"),
     ("0215", "02:15"), ("2:15 am", "02:15"), ("12", "12:00"), ("630", "06:30"), ("1745", "17:45")],
)  # fmt: skip
def test_times_are_read_as_people_write_them(typed, meant):
    assert clock_time(typed, OPENS) == time.fromisoformat(meant)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.builds(time, st.integers(0, 23), st.integers(0, 59)))
def test_a_time_written_in_full_is_never_another(moment):
    assert clock_time(f"{moment:%H:%M}", OPENS) == moment
    assert clock_time(f"{moment:%H%M}", OPENS) == moment


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_refused(text):
    with contextlib.suppress(NotATime):
        assert clock_time(text, OPENS).second == 0


@given(st.decimals(min_value="0.2", max_value="120", places=1))
def test_a_number_comes_back_to_the_digit_with_comma_or_unit(value):
    for typed in (str(value), str(value).replace(".", ","), f"{value} kg"):
        assert read(WEIGHT, typed, HOUSE) == value


@pytest.mark.parametrize("typed", ["121", "0.1", "-3", "1e3", "nan", "12.34567", "twelve", "1" * 40, "٣"])
def test_what_cannot_be_right_is_refused(typed):
    try:
        assert Decimal("0.2") <= read(WEIGHT, typed, HOUSE) <= 120
    except BadInput as refusal:
        assert refusal.message


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_two_of_three_quantities_tell_the_third(given_, wasted):
    drawn = given_ + wasted
    if not drawn:
        with pytest.raises(Wrong):
            quantities(drawn, given_, wasted)
        return
    assert quantities(drawn, given_, wasted) == (given_, wasted)
    assert quantities(drawn, given_, None) == (given_, wasted)
    assert quantities(drawn, None, wasted) == (given_, wasted)
    assert quantities(None, given_, wasted) == (given_, wasted)
    with pytest.raises(Wrong):
        quantities(drawn + 1, given_, wasted)


def test_who_signed():
    assert HOUSE.person("cc") == "cc" and HOUSE.person("Chen") == "cc" and HOUSE.person("C.C.") == "cc"
    assert HOUSE.person("CX") == "cx", "somebody who left signed then"
    initials = FormField(key="by", type="initials", label="By")
    assert read(initials, "?", HOUSE) is None
    assert read(initials, "CC SS", HOUSE) == ["cc", "ss"]
    with pytest.raises(BadInput, match=r"Nobody here signs 'QQ'\. Known: CC, SS"):
        read(initials, "QQ", HOUSE)
    text = FormField(key="t", type="text", label="Note")
    with pytest.raises(BadInput, match="card number"):
        read(text, "paid by 4111 1111 1111 1111", HOUSE)


def test_units_of_the_paper_become_those_of_the_record():
    assert celsius(Decimal("101.5"), "°F") == 3861 == celsius(Decimal("101.5"), "")
    assert celsius(Decimal("38.6"), "°C") == 3860 == celsius(Decimal("38.6"), "")


def test_a_critical_or_doubtful_box_is_never_filled_in_by_the_machine():
    sure = {"value": "spay", "state": "read"}
    assert from_machine(sure) == "spay" and from_machine(sure, critical=True) is None
    assert from_machine({"value": "spay", "state": "review"}) is None and from_machine(None) is None


def test_a_critical_answer_that_differs_from_what_was_read_is_told_and_kept():
    form = SimpleNamespace(fields=lambda: [WEIGHT.model_copy(update={"critical": True}), SEX])
    machine = {"w": {"value": "3.1", "state": "read"}, "sex": {"value": "f", "state": "read"}}

    told = read_sheet("s", form, {"w": "31", "sex": "m"}, machine, HOUSE)
    assert told.values == {"w": Decimal(31), "sex": "m"}, "a person decides"
    assert told.left == [
        ("w", "Weight: 31 was typed, but 3.1 is marked."), ("sex", "Sex: Male was typed, but Female is marked."),
    ]  # fmt: skip
    assert read_sheet("s", form, {"w": "3,10", "sex": "F"}, machine, HOUSE).left == []

    unsure = {key: one | {"state": "review"} for key, one in machine.items()}
    assert read_sheet("s", form, {"w": "31", "sex": "m"}, unsure, HOUSE).left == []
