"""Folding for the search, phone digits, the card number guard."""

import itertools
import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data import card_numbers
from data.card_numbers import holds_card_number, luhn, refuse_card_numbers
from records.folding import fold, phone_digits, terms
from records.search import search_text

words = st.text(max_size=40)


@given(words)
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_text_folds_as_the_same_text_beside_an_accent(text):
    assert fold(text + " é") == f"{fold(text)} e".strip()


@given(words)
def test_folding_leaves_lower_case_words_one_space_apart(text):
    folded = fold(text)
    assert folded == folded.strip()
    assert "  " not in folded
    assert all(char.isalnum() or char == " " for char in folded)


@given(words)
def test_case_never_matters(text):
    assume(text.upper().casefold() == text.casefold())
    assert fold(text.upper()) == fold(text)


@pytest.mark.parametrize(
    ("typed", "folded"),
    [("Núñez-O'Brien", "nunez obrien"), ("STRASSE", "strasse"), ("Straße", "strasse"),
     ("Łukasz Ørsted", "lukasz orsted"),
     ("İzmir", "izmir"), ("a.b+c@example.org", "a b c example org"), ("Ｆｕｌｌ", "full"), ("李 小龙", "李 小龙")],
)  # fmt: skip
def test_names_of_the_world(typed, folded):
    assert fold(typed) == folded


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), min_size=2, max_size=30))
def test_a_name_finds_itself(name):
    assume(fold(name))
    text = search_text({"number": 7, "last_name": name}, ())
    assert all(term in text for term in terms(name))


@given(st.integers(10**6, 10**14), st.lists(st.sampled_from([" ", "-", ".", "(", ")", "/"]), max_size=12), st.data())
def test_punctuation_never_changes_a_phone_number(number, marks, data):
    digits = str(number)
    typed = digits
    for mark in marks:
        place = data.draw(st.integers(0, len(typed)))
        typed = typed[:place] + mark + typed[place:]
    assert phone_digits(typed) == phone_digits(digits)


def test_the_country_code_of_north_america_is_the_same_number():
    assert phone_digits("+1 (212) 555-0101") == phone_digits("212.555.0101") == "2125550101"
    assert phone_digits("٢١٢٥٥٥٠١٠١") == "2125550101"


CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000",
         "30569309025904", "2223003122003222", "4222222222222", "6304000000000000", "6212345678901232"]  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("between", ["", " ", "-", ".", "\u2009", "\u2013"])
def test_card_numbers_are_seen_however_they_are_spaced(card, between):
    assert luhn(card)
    spaced = between.join(card[start : start + 4] for start in range(0, len(card), 4))
    for text in (spaced, f"Visa {spaced} 12/27", f"x{spaced}y", f"{spaced} 123", f"a\n{spaced}\nb"):
        assert holds_card_number(text), text


@pytest.mark.parametrize(
    "text",
    ["", "985112003456789", "chip 985 112 003 456 789", "981020012345678", "+1 212 555 0101 / +1 212 555 0102",
     "2026-11-22 2026-11-23", "4111 1111 1111 1112", "1234567890123", "call +49 1512 3456789", "0000000000000000",
     "weights 12.5 13.5 14.25 15.75 16.5", "41111111 on 11/11/1111"],
)  # fmt: skip
def test_chips_phones_and_dates_pass(text):
    assert not holds_card_number(text)


@given(st.integers(0, 10**12 - 1))
def test_no_phone_number_is_a_card_number(number):
    assert not holds_card_number(f"+{number}")


def joined_one_by_one(text):
    """The guard's rule at its plainest: every joining of neighbouring groups of digits is tried."""
    for run in card_numbers._RUN.findall(text):
        groups = re.findall(r"\d+", run)
        for start, end in itertools.combinations(range(len(groups) + 1), 2):
            digits = "".join(groups[start:end])
            phone = run.startswith("+") and not start and len(digits) < 15
            scheme = card_numbers._FIFTEEN if len(digits) == 15 else card_numbers._SCHEMES
            if 13 <= len(digits) <= 19 and not phone and scheme.match(digits) and luhn(digits):
                return True
    return False


@given(st.text("0123456789445566 -+.x", max_size=60), st.sampled_from(["", CARDS[0], "4 1 1 1 " * 4]))
def test_looking_at_sums_finds_what_trying_every_joining_finds(text, card):
    for whole in (text, text + card, card + text):
        assert holds_card_number(whole) == joined_one_by_one(whole)


def test_a_long_text_of_single_digits_holds_nobody_up():
    began = time.perf_counter()
    assert not holds_card_number("5 " * 200_000)
    assert time.perf_counter() - began < 5


@given(st.sampled_from(["4", "51", "6011", "222300"]), st.integers(0, 10**15))
def test_any_valid_number_of_a_scheme_is_refused_with_its_field_named(scheme, rest):
    body = (scheme + str(rest).rjust(15, "0"))[:15]
    card = next(body + str(digit) for digit in range(10) if luhn(body + str(digit)))
    with pytest.raises(Exception, match="The caution looks as if it holds a card number"):
        refuse_card_numbers({"The phone": "", "The caution": card})


def test_an_id_of_ours_is_no_card_number_though_its_digits_fit():
    digits = next(text for text in map(str, itertools.count(4000_8027_0000_0000)) if luhn(text))
    one = f"01a2038f-b75c-{digits[:4]}-{digits[4:8]}-{digits[8:]}0000"
    assert not holds_card_number(f"people/{one}") and holds_card_number(digits)
