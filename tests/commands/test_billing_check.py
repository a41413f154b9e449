"""``ballast billing check`` tells every total again; the worker does each night, and administrators hear of a fault."""

from __future__ import annotations

import json

from sqlalchemy import select

import worker
from billing import checkout
from billing.payments import Tender, take_payment
from cli import run
from data import jobs
from data.models import Job, PaymentAllocation
from data.session import write
from data.types import clock
from security.alerts import alerts
from tests.billing.visits import visit


def test_the_exit_code_tells_and_the_nightly_check_alerts_administrators(sqlite_clinic, capsys, monkeypatch):
    clinic = sqlite_clinic
    ticket = checkout.open_ticket(visit(clinic)[0], by=clinic.operator)
    taken = take_payment([ticket], 1_000, Tender("cash"), by=clinic.operator)
    assert run(["billing", "check"]) == 0
    assert "every total is the sum of its rows" in capsys.readouterr().out

    def alerted(username: str) -> list[str]:
        return [one.sentence for one in alerts(by=clinic.actor(username)) if one.page == "reconciliation"]

    monkeypatch.setattr(worker, "RECURRING", {"books": worker.RECURRING["books"]})

    def nightly() -> None:
        with write(clinic.id) as session:
            jobs.ensure(session, "books", worker.RECURRING["books"], "America/New_York")
            session.flush()
            session.scalars(select(Job).where(Job.kind == "books")).one().due_at = clock.now()
        worker.Worker().round()

    nightly()
    assert alerted("adam") == []
    with write(clinic.id) as session:
        session.add(PaymentAllocation(
            payment_id=taken.payment_id, invoice_id=ticket, amount_cents=5, event_at=clock.now()
        ))  # fmt: skip
    assert run(["billing", "check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["equal"], told["payments"]) == (False, 1)
    (fault,) = told["faults"]
    assert (fault["what"], fault["row"]) == ("a payment pays more than it is", taken.payment_id)
    nightly()
    (sentence,) = alerted("adam")
    assert sentence.startswith("One total of the books is not the sum of its rows")
    assert alerted("sam") == []
