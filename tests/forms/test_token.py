"""The code on a page comes back as it was made, and nothing else is taken for one."""

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from forms.token import (
    ALPHABET,
    LARGEST_EDITION,
    LARGEST_SERIAL,
    LENGTH,
    CodeRefused,
    PageCode,
    claimed,
    is_slip,
    readable,
    slip_token,
    token,
    typed,
    verified,
)  # fmt: skip

KEY = b"k" * 32
KEYS = st.binary(min_size=16, max_size=32)


@st.composite
def codes(draw):
    of = draw(st.integers(1, 35))
    page = draw(st.integers(1, of))
    return PageCode(draw(st.integers(1, LARGEST_EDITION)), page, of, draw(st.integers(1, LARGEST_SERIAL)))


@given(codes(), KEYS)
def test_a_code_comes_back_as_it_was_made_and_as_a_person_types_it(code, key):
    text = token(code, key)
    if is_slip(text):
        return  # an edition that high is never given out
    assert len(text) == LENGTH and set(text) <= set(ALPHABET)
    assert verified(text, key) == code
    assert verified(typed(readable(text).lower()), key) == code


@given(codes(), st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_refused(code, place, character):
    text = token(code, KEY)
    wrong = text[:place] + character + text[place + 1 :]
    if wrong == text:
        return
    with pytest.raises(CodeRefused):
        verified(wrong, KEY)


@given(codes(), KEYS)
def test_a_code_under_another_key_is_refused(code, key):
    if key == KEY:
        return
    with pytest.raises(CodeRefused):
        verified(token(code, key), KEY)


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_the_same_class(text):
    with pytest.raises(CodeRefused):
        verified(text, KEY)


def test_pages_out_of_order_and_lower_case_are_refused():
    text = token(PageCode(7, 2, 4, 99), KEY)
    for wrong in (text.lower(), text[:4] + "52" + text[6:], text[:4] + "00" + text[6:], text + "A", text[:-1], ""):
        with pytest.raises(CodeRefused):
            claimed(wrong)


@given(st.integers(1, 36**7 - 1), st.integers(1, 35), KEYS)
def test_a_slip_is_known_without_a_key_and_never_taken_for_a_page(serial, part, key):
    text = slip_token(serial, part, key)
    assert len(text) == LENGTH and is_slip(text)
    with pytest.raises(CodeRefused):
        claimed(text)


@given(codes())
def test_the_code_fits_the_second_size_of_qr_at_level_q(code):
    picture = segno.make(token(code, KEY), error="q", boost_error=False)
    assert (picture.version, picture.mode) == (2, "alphanumeric")
