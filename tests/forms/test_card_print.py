"""A card number in print is found on a page whichever way it lies; nothing else that is printed is taken for one."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from data.card_numbers import holds_card_number, luhn
from forms.layout import lay_out
from forms.press import Plate, Press, Sheet
from forms.reading.card_print import find_card_number, judge
from forms.settings import shipped
from forms.token import PageCode, token
from tests.outage.test_scanning import drawn

FONT = "forms/fonts/DejaVuSans.ttf"


def strip(*lines: str, points: float = 10, dpi: int = 200, font: str | None = FONT) -> np.ndarray:
    """Lines of print on a strip of paper, as scanned."""
    size, fine = points * dpi / 72, 4
    face = ImageFont.truetype(font, size * fine) if font else ImageFont.load_default(size * fine)
    paper = Image.new("L", (round(5 * dpi) * fine, round((len(lines) + 1) * 1.6 * size) * fine), 255)
    for number, line in enumerate(lines):
        ImageDraw.Draw(paper).text((0.3 * dpi * fine, (0.6 + 1.6 * number) * size * fine), line, fill=0, font=face)
    gray = np.asarray(paper)
    return cv2.resize(gray, None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize(
    "number", ["4111 1111 1111 1111", "5500 0055 5555 5559", "3782 822463 10005", "4929530127863484"]
)
def test_a_printed_number_is_found_whichever_way_the_page_lies(number, quarters):
    lines = "HARBOR ANIMAL HOSPITAL", "MERCHANT COPY", f"VISA {number}" if quarters else number, "TOTAL 85.00"
    assert find_card_number(np.ascontiguousarray(np.rot90(strip(*lines), quarters))) == "sure"


@pytest.mark.parametrize(("points", "dpi"), [(8, 200), (12, 200), (14, 150), (7, 300), (12, 300)])
def test_small_and_large_print_is_found(points, dpi):
    assert find_card_number(strip("6011 0009 9013 9424", points=points, dpi=dpi)) == "sure"


@pytest.mark.slow
@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(13, 19).flatmap(lambda count: st.text("0123456789", min_size=count, max_size=count)), st.booleans())
def test_figures_that_are_no_card_number_are_never_destroyed(digits, spaced):
    text = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4)) if spaced else digits
    if find_card_number(strip(text)) == "sure":
        assert holds_card_number(text), "only what the guard of every text field refuses"


@settings(max_examples=40, deadline=None, database=None)
@given(st.text("0123456789", min_size=14, max_size=14))
def test_a_number_that_fails_the_check_digit_is_never_destroyed(rest):
    body = "4" + rest
    wrong = next(last for last in "0123456789" if not luhn(body + last))
    digits = body + wrong
    text = " ".join(digits[at : at + 4] for at in range(0, 16, 4))
    assert find_card_number(strip(text)) != "sure"


@pytest.mark.parametrize(
    "line",
    [
        "(555) 010-4477   (555) 010-4478", "985 112 003 456 789", "985112003456789", "2026-11-22 2026-11-23 2026-11-24",
        "4111 1111 1111", "4111 1111 1111 1112", "7F3KQ-92MZT-4W8LN-X5R2P-6HJVC", "0001 0002 0003 0004 0005 0006",
        "Dear doctor, these are the records of her", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "OOOO IIII SSSS BBBB",
    ],
)  # fmt: skip
def test_what_clinics_print_is_not_taken_for_a_card_number(line):
    for gray in (strip(line), np.ascontiguousarray(strip(line)[::-1, ::-1])):
        assert find_card_number(gray) == ""


def test_a_longer_number_that_holds_one_goes_to_a_person_at_most():
    assert find_card_number(strip("4111 1111 1111 1111 4111 1111", points=9)) != "sure"


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_no_page_of_a_form_looks_like_a_card_number(paper):
    for slug, form in shipped().items():
        lines = [{"owner": "Maria Chen", "animal": "Luna", "phone": "(555) 010-4477"}] * 5 if form.repeats else ()
        press = Press("Harbor Spay & Neuter", "Printed")

        def code(page: int, of: int, serial: int) -> str:
            return token(PageCode(7, page, of, serial), b"key" * 11)

        press.add(Plate(slug, 1, form.title, lay_out(form, paper), code), Sheet(41_111_111, {}, "Luna", lines))
        for gray in drawn(press.pdf()):
            assert find_card_number(gray) == "", f"{slug} on {paper}"


def likeness(text: str, doubtful: dict[int, str] = {}) -> np.ndarray:  # noqa: B006
    """Figures read for certain, but for some that may as well be another."""
    told = np.full((len(text), 10), 0.3)
    for place, char in enumerate(text):
        told[place, int(char)] = 0.95
        if place in doubtful:
            told[place, int(doubtful[place])] = 0.94
    return told


def test_a_number_that_is_not_read_for_certain_is_left_to_a_person():
    number, groups = "4111111111111111", (4, 4, 4, 4)
    assert judge(likeness(number), groups) == "sure"
    assert judge(likeness(number, {3: "7"}), groups) == "maybe"
    assert judge(likeness("4171111111111111", {2: "1"}), groups) == "maybe"
    assert judge(likeness(number), groups, longer=True) == "maybe"
    assert judge(likeness("4111111111111112"), groups) == ""
    assert judge(likeness(number, dict.fromkeys(range(5), "7")), groups) == "", "fewer than twelve are certain"
    assert judge(likeness("9111111111111111"), groups) == "", "no card begins like that"
