"""Whatever somebody drops: each reader reads it or says in a sentence why not, and amounts come back as written."""

import dataclasses
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.settlement import bank, sources
from billing.settlement.mapping import SettlementMapping, guess, read_bank, read_settlement
from billing.settlement.plain import plain_mapping
from billing.settlement.rows import Setting, amount
from data.card_numbers import holds_card_number, without_card_numbers
from data.errors import BadInput
from records.mapping import Source
from records.reading import read_table

HERE = Setting(ZoneInfo("America/New_York"))
SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "processors").rglob("*.*"))
SMALL = [path for path in SAMPLES if path.stat().st_size < 6_000]


def every_reader(content):
    """What every door of this package does with some bytes; only our own refusals may leave it."""
    for make in ("", *sources.SOURCES):
        try:
            found = sources.SOURCES[sources.recognise(content, "f", make)].read(content, "f", HERE)
        except BadInput as refusal:
            assert str(refusal)
            continue
        for row in found.rows:
            assert isinstance(row.amount_cents, int) and (row.processed_at or row.settled_on) and row.reference
            assert row.processed_at is None or row.processed_at.tzinfo is not None
            said = [value for value in dataclasses.astuple(row) if isinstance(value, str)]
            assert found.problems or not any(holds_card_number(text) for text in said[1:])
    for make in ("auto", *bank.FORMATS):
        try:
            found = bank.FORMATS[bank.recognise(content, make)].read(content, "f", HERE)
        except BadInput as refusal:
            assert str(refusal)
            continue
        for account in found.accounts:
            for row in account.rows:
                assert isinstance(row.amount_cents, int) and isinstance(row.posted_on, date)
                assert not isinstance(row.posted_on, datetime) and not holds_card_number(row.description)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=400), st.text(max_size=300).map(str.encode)))
@example(b"\0\0,\0")
@example(b"\xff\xfe")
@example(b"{}")
@example(b"[[[")
@example(b"<OFX><STMTRS><STMTTRN><DTPOSTED>99999999<TRNAMT>1e999")
@example(b"01,\n02,\n99,")
@example(b":20:\n:61:\n")
def test_any_bytes(content):
    every_reader(content)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_real_files_broken_anywhere(data):
    content = bytearray(data.draw(st.sampled_from(SMALL)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(("flip", "cut", "digit", "repeat", "end")))
        if kind == "flip":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "digit":
            content[place : place + 1] = b"9" * data.draw(st.integers(1, 30))
        elif kind == "cut":
            del content[place : place + data.draw(st.integers(1, 60))]
        elif kind == "repeat":
            content[place:place] = content[place : place + 80]
        else:
            del content[place:]
        if not content:
            return
    every_reader(bytes(content))


DAYS = [("%d.%m.%Y", "dmy"), ("%m/%d/%Y", "mdy"), ("%Y-%m-%d", "ymd"), ("%d-%b-%Y", "dmy"), ("%m/%d/%y", "mdy")]
CENTS = st.integers(-(10**9), 10**9)


def written(cents, mark):
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", "." if mark == "," else ",")
    return f"{'-' if cents < 0 else ''}{grouped}{mark}{rest:02d}"


@given(CENTS, st.sampled_from([".", ","]))
def test_an_amount_comes_back_as_it_was_written(cents, mark):
    text = written(cents, mark)
    assert amount(text, 2, mark=mark) == cents
    assert amount(text, 2) == cents
    assert amount(text.lstrip("-"), 2, mark=mark) == abs(cents)
    assert amount(f"({text.lstrip('-')})", 2, mark=mark) == -abs(cents)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.dates(date(2000, 1, 1), date(2099, 12, 31)), CENTS), min_size=1, max_size=6),
    st.sampled_from(DAYS),
    st.sampled_from([",", "."]), st.sampled_from([";", "\t", "|"]), st.sampled_from(["as_written", "inverted"]),
    st.booleans(), st.integers(0, 3), st.integers(0, 2), st.booleans(),
)  # fmt: skip
def test_whatever_way_a_table_is_written_its_mapping_reads_it(
    lines, day, mark, apart, sign, split, above, below, heading
):
    pattern, order = day
    turned = -1 if sign == "inverted" else 1
    rows = [apart.join(("When", "In", "Out") if split else ("When", "How much", ""))] if heading else []
    for on, cents in lines:
        told = turned * cents
        text = written(told, mark)
        cells = (text if told >= 0 else "", text.lstrip("-") if told < 0 else "") if split else (text, "")
        rows.append(apart.join((on.strftime(pattern), *cells)))
    text = "\n".join([f"Title {n}" for n in range(above)] + rows + ["Total"] * below)
    names = ("When", "In", "Out") if split else ("When", "How much", "")
    names = names if heading else ("Column 1", "Column 2", "Column 3")
    amounts = {"credit": Source(column=names[1]), "debit": Source(column=names[2])} if split else {
        "amount": Source(column=names[1])
    }  # fmt: skip
    mapping = SettlementMapping(
        of="bank", delimiter=apart, rows_above=above, rows_below=below, has_heading=heading, decimal_mark=mark,
        date_order=order, sign=sign, fields={"posted_on": Source(column=names[0]), **amounts},
    )  # fmt: skip
    table = read_table(text.encode(), delimiter=apart, above=above, below=below, has_heading=heading)
    found = read_bank(table, mapping, HERE)
    assert not found.problems
    assert [(row.posted_on, row.amount_cents) for row in found.accounts[0].rows] == [(on, cents) for on, cents in lines]


@given(st.lists(st.text(alphabet="0123456789 -./:ABx", max_size=60)))
def test_no_card_number_is_left_in_a_description(parts):
    text = " ".join(parts)
    left = without_card_numbers(text)
    assert not holds_card_number(left)
    assert left == text or holds_card_number(text)


@pytest.mark.parametrize("size", [2_000])
def test_a_plain_table_reads_the_same_by_its_own_names_and_by_a_guess(size):
    text = "reference,processed_at,amount,status,last4,brand\n" + "".join(
        f"T{n},2026-03-{n % 28 + 1:02d}T10:00:00-05:00,{n % 300}.{n % 100:02d},settled,{n % 10_000:04d},Visa\n"
        for n in range(1, size)
    )
    table = read_table(text.encode(), "t.csv")
    plain = read_settlement(table, plain_mapping(table), HERE)
    guessed = read_settlement(table, guess(table, "settlement"), HERE)
    assert not plain.problems and plain.rows == guessed.rows and len(plain.rows) == size - 1
