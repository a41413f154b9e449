"""The six actions: each with its state as measured, what to do next, and the card with the Vault's password."""

import io
from datetime import timedelta

import pypdf
import pytest
from sqlalchemy import select

from data.errors import NotPermitted
from data.models import AuditLog, OutboxMessage, Rehearsal, SnapshotDevice
from data.session import read, write
from data.types import clock
from outage import status_page
from outage.printing import print_stock
from outage.readiness import actions, next_step
from outage.readiness_card import readiness_card
from outage.vault import begins
from outage.vault_addresses import add_address, set_password, vouch_for
from security import audit
from security.settings import save_definition

PASSWORD = "copper-kettle-41"


def states(by):
    return {line.name: line.state for line in actions(by=by)}


def put(clinic, *rows):
    with write(clinic.id) as session:
        session.add_all(rows)
        session.flush()
        audit.append(session, clinic.operator, "test.put", "clinic")


def test_each_line_is_measured_from_missing_to_ready(clinic, monkeypatch):
    by, now = clinic.operator, clock.now()
    assert states(by) == dict.fromkeys(
        ("status", "group", "vault", "snapshot", "stock", "cards", "practice"), "missing"
    )  # fmt: skip
    assert next_step(actions(by=by)).name == "status"
    save_definition("status-page", "status", {"url": "https://status.example.org"}, expected=0, by=by)
    assert states(by)["status"] == "unknown"
    told = {}
    monkeypatch.setattr(status_page, "subscribed", lambda emails, *, by: told)
    put(clinic, SnapshotDevice(name="Front desk", enrolled_at=now, refreshed_at=now - timedelta(hours=25)))
    number = add_address("desk@example.org", by=by)
    assert states(by)["vault"] == "missing"
    vouch_for(number, by=by)
    assert "password" in next(line.fact for line in actions(by=by) if line.name == "vault")
    set_password(PASSWORD, by=by)
    profile = {"community_link": "https://groups.example.org/clinics"}
    save_definition("clinic-profile", "clinic", profile, expected=_number(clinic, "clinic-profile"), by=by)
    save_definition("outage-readiness", "outage", {"slips": True, "where": "Desk"}, expected=0, by=by)
    print_stock({"consent": 3}, by=by)
    put(clinic, Rehearsal(day=clock.today("UTC"), began_at=now, finished_at=now - timedelta(days=200)))
    assert states(by) | {"status": ""} == {
        "status": "", "group": "ready", "vault": "weak", "snapshot": "missing", "stock": "weak", "cards": "weak",
        "practice": "weak",
    }  # fmt: skip
    today = clock.today("America/New_York")
    put(
        clinic,
        SnapshotDevice(name="Surgery", enrolled_at=now, refreshed_at=now),
        Rehearsal(day=today, began_at=now, finished_at=now),
        OutboxMessage(channel="email", purpose="vault", dedupe_key=f"vault:{today}:{number}", body=b"",
                      recipient="desk@example.org", state="sent", sent_at=begins(today, "America/New_York")),
    )  # fmt: skip
    print_stock({"card-slip": 1}, by=by)
    found = {line.name: line for line in actions(by=by)}
    assert [found[name].state for name in ("vault", "cards", "practice", "snapshot")] == [
        "ready", "ready", "ready", "weak"
    ]  # fmt: skip
    assert found["snapshot"].names[0].startswith("Front desk")
    assert "Desk" in found["cards"].fact


def _number(clinic, kind):
    from security.settings import entries

    return next((one.number for one in entries(kind, by=clinic.operator)), 0)


def test_who_is_not_subscribed_is_named(sqlite_clinic, monkeypatch):
    by = sqlite_clinic.operator
    save_definition("status-page", "status", {"url": "https://status.example.org"}, expected=0, by=by)
    monkeypatch.setattr(status_page, "subscribed", lambda emails, *, by: dict.fromkeys(emails, True))
    line = actions(by=by)[0]
    assert (line.state, len(line.names)) == ("weak", 5) and "Sam Stone" in line.names  # nobody has an address
    assert line.link == "https://status.example.org"


def test_the_card_is_one_page_and_holds_the_password_for_those_who_may_set_it(sqlite_clinic):
    clinic = sqlite_clinic
    set_password(PASSWORD, by=clinic.operator)
    text = _text(readiness_card(by=clinic.actor("adam")))
    assert PASSWORD in text and "Outage card" in text
    with read(clinic.id) as session:
        assert "vault.password_printed" in session.scalars(select(AuditLog.action)).all()
    assert PASSWORD not in _text(readiness_card(by=clinic.actor("mona")))
    with pytest.raises(NotPermitted):
        actions(by=clinic.actor("sam"))
    with pytest.raises(NotPermitted):
        readiness_card(by=clinic.actor("sam"))


def _text(pdf):
    [page] = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return page.extract_text()
