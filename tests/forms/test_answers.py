"""Marks become answers only where they leave no doubt."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from forms.definition import Form
from forms.layout import lay_out
from forms.reading.answers import answers


@dataclass
class Box:
    state: str
    fill: float


ABC = [{"value": value, "label": value} for value in "abc"]
STATES = ["empty", "marked", "unclear", "dense", "stained", "unseen"]
FIELDS = [
    {"key": "ok", "type": "check", "label": "OK", "width": 4},
    {"key": "sex", "type": "single", "label": "Sex", "options": ABC},
    {"key": "found", "type": "multi", "label": "F", "options": ABC},
    {"key": "kg", "type": "bubble_digits", "label": "kg", "digits": 4, "decimals": 1, "least": 0.2, "most": 120},
]
FORM = Form.model_validate({"title": "Any", "subject": "nothing", "sections": [{"fields": FIELDS}]})
ZONES = lay_out(FORM).pages[0].zones
BOXED = [zone for zone in ZONES if zone.type in ("check", "single", "multi", "bubble_digits")]
EMPTY, MARKED = Box("empty", 0.0), Box("marked", 0.3)


def read(**marked):
    wanted = {(key, option) for key, options in marked.items() for option in options}
    return answers(FORM, ZONES, [MARKED if (zone.key, zone.option) in wanted else EMPTY for zone in BOXED])


def number(text):
    digits = text.replace(".", "").rjust(4, " ")
    return [f"{place}:{digit}" for place, digit in enumerate(digits, 1) if digit != " "]


def test_plain_marks_are_read():
    told = read(ok=[""], sex=["b"], found=["a", "c"], kg=number("12.5"))
    assert {key: one.value for key, one in told.items()} == {"ok": True, "sex": "b", "found": ["a", "c"], "kg": "12.5"}
    assert {one.state for one in told.values()} == {"read"} and min(one.confidence for one in told.values()) > 0.9
    blank = read()
    assert {key: one.value for key, one in blank.items()} == {"ok": False, "sex": None, "found": [], "kg": None}
    assert {one.state for one in blank.values()} == {"read"}


def test_two_answers_to_one_question_go_to_a_person():
    assert (read(sex=["a", "b"])["sex"].value, read(sex=["a", "b"])["sex"].reason) == (None, "several")
    assert read(kg=["1:1", "1:2", "2:0", "3:0", "4:0"])["kg"].reason == "several"
    assert read(kg=["1:1", "4:0"])["kg"].reason == "incomplete"
    assert read(kg=number("999.9"))["kg"].reason == "range"
    assert read(kg=number("0.1"))["kg"].reason == "range"


@given(st.integers(2, 1200))
def test_every_weight_in_bubbles_comes_back(tenths):
    text = f"{tenths // 10}.{tenths % 10}"
    assert read(kg=number(text))["kg"].value == text


@given(st.lists(st.sampled_from(STATES), min_size=len(BOXED), max_size=len(BOXED)))
def test_no_doubtful_box_ever_passes_as_read(states):
    fills = {"empty": 0.0, "marked": 0.3, "unclear": 0.09, "dense": 0.95, "stained": 0.2, "unseen": 0.0}
    told = answers(FORM, ZONES, [Box(state, fills[state]) for state in states])
    for zone, state in zip(BOXED, states, strict=True):
        if state in ("unclear", "dense", "stained", "unseen"):
            assert told[zone.key].state == "review", (zone, state)
