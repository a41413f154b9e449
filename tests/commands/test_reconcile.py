"""``ballast reconcile --json`` is one document: matches, exceptions, deposits, summary; the worker does the same."""

from __future__ import annotations

import json
from datetime import timedelta

from cli import run
from data.models import PaymentMatch
from tests.settlement.books import DAY, Books
from tests.settlement.test_matching import stored
from worker import reconcile


def test_the_document_names_every_match_exception_and_deposit(sqlite_clinic, capsys):
    rows = Books(sqlite_clinic)
    pairs = rows.month(20)
    batch = rows.batch(DAY, external_id="mx-77", number="7", gross_cents=20_000, fee_cents=500)
    rows.line(19_500, DAY + timedelta(days=3), external_id="L-9")
    rows.pay(8_800, day=DAY + timedelta(days=1))
    assert run(["reconcile", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"matches", "exceptions", "deposits", "summary"} and batch
    assert len(found["matches"]) == len(pairs)
    one = found["matches"][0]
    assert (one["class"], one["auto"]) == ("exact", True) and one["payments"][0].startswith("P-")
    assert {say["field"] for say in one["evidence"]} >= {"amount", "last4", "authorization"}
    assert [(row["kind"], len(row["payments"]), row["settled"]) for row in found["exceptions"]] == [
        ("missing_in_settlement", 1, [])
    ]
    assert [(row["deposit"], row["batches"], row["gross"], row["fees"], row["net"], row["difference"])
            for row in found["deposits"]] == [("L-9", ["mx-77"], 20_000, 500, 19_500, 0)]  # fmt: skip
    assert run(["reconcile", "--from", "2026-03-02", "--to", "2026-03-02"]) == 0
    assert "0 are new" in capsys.readouterr().out
    assert run(["reconcile", "--from", "2020-01-01", "--to", "2020-01-31", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matches"] == []


def test_the_worker_matches_and_a_clinic_without_settlements_costs_nothing(sqlite_clinic):
    class Job:
        id = None

    class Clinic:
        id = sqlite_clinic.id

    rows = Books(sqlite_clinic)
    paid = rows.pay()
    assert reconcile(Clinic(), Job()) == {"matches": 0, "cases": 0, "deposits": 0}
    rows.settle(paid)
    assert reconcile(Clinic(), Job())["matches"] == 1 == len(stored(sqlite_clinic, PaymentMatch))
