"""Payments meet what processors settled: each kind by a small example, and what holds for any rows."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reconciliation import judged
from benchmarks.reconciliation_data import TOWN, generate
from billing.reconciliation.engine import reconcile
from billing.reconciliation.outcome import FINDING_KINDS, MATCH_KINDS, Options

NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)


def paid(reference, cents=12_000, minutes=0, **more):
    row = {
        "reference": reference, "taken_at": NOON + timedelta(minutes=minutes), "amount_cents": cents, "kind": "sale",
        "tender": "card", "channel": "integrated", "last4": "4242", "brand": "Visa", "authorization": "",
        "invoice": "", "client": "", "location": "Main", "currency": "USD",
    } | more  # fmt: skip
    return row | {"day": more.get("day", row["taken_at"].date())}


def charged(reference, cents=12_000, minutes=1, **more):
    row = {
        "reference": reference, "batch": "B1", "processed_at": NOON + timedelta(minutes=minutes),
        "amount_cents": cents, "kind": "sale", "status": "settled", "last4": "4242", "brand": "VI",
        "authorization": "", "invoice": "", "location": "Main", "processor": "mx", "currency": "USD", "fee_cents": 0,
        "related": "",
    } | more  # fmt: skip
    day = row["processed_at"].date()
    return row | {"day": more.get("day", day), "settled_on": more.get("settled_on", day)}


def ordinary(count=60):
    """An ordinary week around the rows of a test: the engine learns from it what agreement means."""
    ours, theirs = [], []
    for at in range(count):
        same = {"last4": f"{1000 + at * 37}", "authorization": f"A{at:05d}", "invoice": f"{7000 + at}"}
        cents, minutes = 5_500 + 500 * (at % 16), (at - 30) * 97
        ours.append(paid(f"o{at:03d}", cents, minutes, client=f"c{at}", **same))
        theirs.append(charged(f"t{at:03d}", cents, minutes + 1, **same))
    return ours, theirs


def found(payments, settled, **options):
    ours, theirs = ordinary()
    outcome = reconcile(pd.DataFrame(ours + payments), pd.DataFrame(theirs + settled), options=Options(**options))
    mine = {row["reference"] for row in payments + settled}
    matches = [one for one in outcome.matches if mine & {*one.payments, *one.settled}]
    exceptions = [one for one in outcome.exceptions if mine & {*one.payments, *one.settled}]
    return matches, exceptions, outcome


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ({"authorization": "00123A"}, {"authorization": "123a"}, "exact"),
        ({"invoice": "INV-0815"}, {"invoice": "815"}, "exact"),
        ({}, {}, "exact"),
        ({}, {"minutes": 60 * 26}, "next_batch"),
        ({"cents": 12_300}, {"cents": 13_200}, "amount_typo"),
        ({"cents": 12_000}, {"cents": 120_000}, "decimal_slip"),
        ({"cents": 12_000}, {"cents": 14_000}, "amount_diff"),
        ({"last4": "4224", "authorization": "77A"}, {"authorization": "77A"}, "last4_typo"),
        ({"cents": -4_000, "kind": "refund"}, {"cents": -4_000, "kind": "refund"}, "refund"),
        ({"cents": 4_000, "kind": "refund"}, {"cents": -4_000, "kind": "refund"}, "refund"),
    ],
)
def test_one_payment_and_one_charge_are_matched_under_the_right_word(ours, theirs, kind):
    matches, exceptions, _ = found([paid("P", **ours)], [charged("S", **theirs)])
    assert [(one.payments, one.settled, one.kind) for one in matches] == [(("P",), ("S",), kind)]
    assert not exceptions
    evidence = {one.field: one for one in matches[0].evidence}
    assert set(evidence) == {"amount", "last4", "authorization", "invoice", "brand", "location", "delay"}
    differs = evidence["amount"].says == "differs"
    assert differs == (kind in ("amount_typo", "decimal_slip", "amount_diff"))
    assert (matches[0].difference_cents != 0) == differs


def test_several_payments_of_one_client_meet_their_one_charge():
    pets = [paid("P1", 9_000, client="x", invoice="8001"), paid("P2", 6_500, 2, client="x", invoice="8002")]
    other = paid("P3", 9_000, 4, client="y", last4="9999", invoice="8003")
    matches, exceptions, _ = found([*pets, other], [charged("S1", 15_500), charged("S2", 9_000, 5, last4="9999")])
    assert {(one.payments, one.settled, one.kind) for one in matches} == {
        (("P1", "P2"), ("S1",), "several_payments_one_charge"),
        (("P3",), ("S2",), "exact"),
    }
    assert not exceptions


@pytest.mark.parametrize("invoice", ["8001", ""])
def test_one_payment_meets_its_two_charges(invoice):
    parts = [charged("S1", 9_000, invoice=invoice), charged("S2", 6_500, 2, invoice=invoice, last4="0007")]
    matches, exceptions, _ = found([paid("P", 15_500, invoice="8001")], parts)
    assert [(one.payments, one.settled, one.kind) for one in matches] == [(("P",), ("S1", "S2"), "split_tender")]
    assert matches[0].difference_cents == 0 and not exceptions


def test_what_was_entered_or_charged_twice_is_told_from_what_is_missing():
    ours = [paid("P1", invoice="8001", client="x"), paid("P2", minutes=30, invoice="8001", client="x"),
            paid("P3", 7_000, last4="0011", minutes=9)]  # fmt: skip
    theirs = [charged("S1"), charged("S4", 3_300, last4="3333"),
              charged("S2", 8_800, 40, last4="2222", authorization="Q1"),
              charged("S3", 8_800, 44, last4="2222", authorization="Q2")]  # fmt: skip
    matches, exceptions, _ = found([*ours, paid("P4", 8_800, 39, last4="2222", authorization="Q1")], theirs)
    assert {(one.payments, one.settled) for one in matches} == {(("P1",), ("S1",)), (("P4",), ("S2",))}
    assert {(one.kind, one.payments, one.settled, one.detail.get("of")) for one in exceptions} == {
        ("duplicate_payment", ("P2",), (), "P1"),
        ("duplicate_charge", (), ("S3",), "S2"),
        ("missing_in_settlement", ("P3",), (), None),
        ("missing_in_ledger", (), ("S4",), None),
    }


def test_what_is_no_money_is_never_taken_for_money():
    ours = [paid("P1"), paid("P2", 5_000, 50, last4="5555"), paid("P3", 6_000, tender="cash"), paid("P4", 0)]
    theirs = [
        charged("S1", status="declined"), charged("S2", minutes=3, authorization="OK1"),
        charged("S3", 5_000, 51, last4="5555", status="voided"), charged("S4", -30, kind="fee"),
        charged("S5", -12_000, 60 * 24 * 9, kind="chargeback", related="S2"),
        charged("S6", -2_000, 60 * 24, kind="refund", related="S2"),
    ]  # fmt: skip
    matches, exceptions, outcome = found(ours, theirs)
    assert [(one.payments, one.settled) for one in matches] == [(("P1",), ("S2",))]
    assert {(one.kind, one.payments, one.settled) for one in exceptions} == {
        ("not_settled", ("P2",), ("S3",)),
        ("not_settled", (), ("S1",)),
        ("chargeback", (), ("S5",)),
        ("refund", (), ("S6",)),
    }
    assert [one.detail["payments"] for one in exceptions if one.kind in ("chargeback", "refund")] == [["P1"], ["P1"]]
    assert outcome.left_out_payments == ("P3", "P4") and outcome.left_out_settled == ("S4",)


def test_a_sale_and_its_void_need_nothing_at_the_processor():
    ours = [paid("P1", client="x"), paid("P2", -12_000, 20, kind="void", client="x", reverses="P1")]
    matches, exceptions, _ = found(ours, [])
    assert [(one.payments, one.settled, one.kind) for one in matches] == [(("P1", "P2"), (), "voided")]
    assert not exceptions


def test_an_invoice_number_the_processor_made_up_speaks_against_nothing():
    """MX fills in the last eight characters of its own reference where it is told no invoice."""
    matches, _, _ = found([paid("P", invoice="8001")], [charged("S", invoice="9F3C77E1")])
    assert matches[0].evidence[3].says == "unknown" and matches[0].is_auto


def test_other_currencies_and_rejected_pairs_never_meet():
    matches, exceptions, _ = found([paid("P", currency="CAD")], [charged("S")])
    assert not matches and len(exceptions) == 2
    matches, exceptions, outcome = found([paid("P")], [charged("S")], forbidden=frozenset({("P", "S")}))
    assert not matches and {one.kind for one in exceptions} == {"missing_in_settlement", "missing_in_ledger"}
    assert not [one for one in outcome.likely if one.payment == "P"]


def test_pairs_too_weak_to_propose_are_shown_as_likely():
    payments = [paid("P", 41_300, last4="", brand="", minutes=0)]
    _, exceptions, outcome = found(payments, [charged("S", 47_300, 60 * 24 * 6, last4="8080", brand="AX")])
    assert len(exceptions) == 2
    assert not outcome.likely or outcome.likely[0].payment == "P"


def test_a_reference_that_is_missing_or_stands_twice_is_refused():
    with pytest.raises(ValueError, match="reference of its own"):
        reconcile(pd.DataFrame([paid("P"), paid("P")]), pd.DataFrame([charged("S")]))


@pytest.mark.parametrize(("payments", "settled"), [([], []), ([paid("P")], []), ([], [charged("S")])])
def test_nothing_to_compare_is_an_answer(payments, settled):
    columns = list(paid("x")), list(charged("x"))
    outcome = reconcile(pd.DataFrame(payments, columns=columns[0]), pd.DataFrame(settled, columns=columns[1]))
    assert not outcome.matches and len(outcome.exceptions) == len(payments) + len(settled)


def test_columns_may_be_absent():
    keep = ["reference", "amount_cents", "last4", "day"]
    ours, theirs = ordinary()
    outcome = reconcile(pd.DataFrame(ours)[keep], pd.DataFrame(theirs)[keep])
    right = [one for one in outcome.matches if one.payments[0][1:] == one.settled[0][1:]]
    assert len(right) == len(outcome.matches) >= 55


cents = st.sampled_from([5_000, 6_000, 11_000, 12_000, 500, 15_000])
few = st.sampled_from(["", "1234", "1243", "9999"])
moments = st.integers(0, 60 * 24 * 6)
our_rows = st.lists(
    st.tuples(cents, moments, few, st.sampled_from(["", "A1", "B2"]), st.sampled_from(["", "70", "71"]),
              st.sampled_from(["", "x", "y"]), st.sampled_from(["integrated", "slip", "terminal"]),
              st.sampled_from(["sale", "sale", "sale", "refund", "void"]),
              st.sampled_from(["card", "card", "card", "cash"])),
    max_size=14,
)  # fmt: skip
their_rows = st.lists(
    st.tuples(cents, moments, few, st.sampled_from(["", "A1", "B2"]), st.sampled_from(["", "70", "71", "ZZ"]),
              st.sampled_from(["sale", "sale", "sale", "refund", "chargeback", "fee"]),
              st.sampled_from(["settled", "settled", "settled", "declined", "voided", "pending"])),
    max_size=14,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(our_rows, their_rows, st.randoms(use_true_random=False))
def test_every_row_is_told_once_and_the_order_of_rows_tells_nothing(ours, theirs, shuffle):
    payments = [
        paid(f"P{at}", amount if kind == "sale" else -amount, minutes, last4=last4, authorization=code, invoice=invoice,
             client=client, channel=channel, kind=kind, tender=tender)
        for at, (amount, minutes, last4, code, invoice, client, channel, kind, tender) in enumerate(ours)
    ]  # fmt: skip
    settled = [
        charged(f"S{at}", amount if kind == "sale" else -amount, minutes, last4=last4, authorization=code,
                invoice=invoice, kind=kind, status=status)
        for at, (amount, minutes, last4, code, invoice, kind, status) in enumerate(theirs)
    ]  # fmt: skip
    columns = list(paid("x")), list(charged("x"))
    outcome = reconcile(pd.DataFrame(payments, columns=columns[0]), pd.DataFrame(settled, columns=columns[1]))
    told = [*outcome.left_out_payments, *outcome.left_out_settled]
    for one in [*outcome.matches, *outcome.exceptions]:
        told += [*one.payments, *one.settled]
    assert sorted(told) == sorted(row["reference"] for row in payments + settled)
    assert {one.kind for one in outcome.matches} <= set(MATCH_KINDS)
    assert {one.kind for one in outcome.exceptions} <= set(FINDING_KINDS)
    amount = {row["reference"]: row["amount_cents"] for row in payments + settled}
    for one in outcome.matches:
        assert sum(amount[r] for r in one.settled) - sum(amount[r] for r in one.payments) == one.difference_cents
        assert not (one.difference_cents and (len(one.payments) > 1 or len(one.settled) > 1))
    shuffle.shuffle(payments)
    shuffle.shuffle(settled)
    again = reconcile(pd.DataFrame(payments, columns=columns[0]), pd.DataFrame(settled, columns=columns[1]))
    assert (again.matches, again.exceptions, again.likely) == (outcome.matches, outcome.exceptions, outcome.likely)
    assert [one.evidence for one in again.matches] == [one.evidence for one in outcome.matches]


@pytest.mark.slow
def test_a_month_of_a_clinic_is_matched_as_well_as_promised():
    """The benchmark's own data, small: the figures of docs/reconciliation.md come from 200,000 rows."""
    payments, settled, truth = generate(TOWN, 5_000, seed=3)
    answer = judged(reconcile(payments, settled), truth)
    assert answer["pairs"]["precision"] > 0.999 and answer["pairs"]["recall"] > 0.998
    assert answer["slips"]["precision"] > 0.99 and answer["slips"]["recall"] > 0.97
    assert answer["auto"]["share"] > 0.97 and answer["auto"]["precision"] > 0.9995
    weak = {kind: one for kind, one in answer["kinds"].items() if min(one["precision"], one["recall"]) < 0.85}
    assert not weak
