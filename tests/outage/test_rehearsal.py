"""A rehearsal draws a day on paper that adds up, scans back to what was written, and touches no real record."""

import pytest
from sqlalchemy import func, select

from data.errors import NotPermitted
from data.models import (
    Appointment,
    AuditLog,
    Client,
    Clinic,
    DocumentPage,
    FormSheet,
    Outage,
    ScanFile,
    User,
)
from data.session import everywhere, read
from outage.board import StillMissing, board, close, waive_rows
from outage.identities import sides
from outage.rehearsal import by_truth, rehearse
from outage.rehearsal.held import held_against
from outage.rehearsal.pens import in_cells
from outage.scanning import read_scan
from outage.slips import NewSlip, key_slip
from security.actor import Actor
from security.clinics import find_clinic
from security.sessions import redeem_ticket, resume

TABLES = (Appointment, Client, DocumentPage, FormSheet, Outage, ScanFile)


def counted(clinic_id):
    with read(clinic_id) as session:
        return {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in TABLES}


@pytest.fixture
def rehearsed(sqlite_clinic):
    """The actor in the practice clinic of a rehearsal that was scanned, its lines and its truth."""
    sam = sqlite_clinic.actor("sam")
    rehearse.begin(by=sam, visits=12, key="begin")
    practice = Actor.operator(rehearse.open_practice(by=sam).practice_clinic_id)
    rehearse.print_pack(by=practice)
    rehearse.fill(by=practice)
    scan = rehearse.hand_in(by=practice, key="scan")
    assert rehearse.hand_in(by=practice, key="scan") == scan
    return sam, practice, read_scan(scan, by=practice), rehearse.truth_of(by=practice)


@pytest.mark.slow
def test_a_practised_day_comes_back_as_it_was_written_and_touches_no_real_record(sqlite_clinic, rehearsed):
    sam, practice, lines, truth = rehearsed
    comes_back_as_written(sam, practice, lines, truth)
    leaves_the_real_clinic_alone(sqlite_clinic, practice)
    is_entered_by_stepping_over(sam, practice)
    closes_with_equal_sums(sam, practice, truth)
    closes_the_money_too(sam, practice)


def comes_back_as_written(sam, practice, lines, truth):
    held = held_against(lines, truth)
    assert (held.misfiled, held.wrong) == (0, 0)
    assert held.boxes > 300
    assert held.states["quarantined"] == 1 and held.states["duplicate"] == 2
    assert {"blank", "unbound", "code_unreadable", "doubtful", "no_code"} <= set(held.reasons)
    assert not any(line.serial == truth["lost"] for line in lines)

    drawn = {}
    for sheet in truth["sheets"].values():
        for line in range(1, 13):
            value = sheet["values"].get(f"uses.{line}.drawn")
            if value:
                key = next(serial for serial, one in truth["sheets"].items() if one is sheet)
                drawn[key] = drawn.get(key, 0) + round(float(value) * 1000)
    assert sum(drawn.values()) == sum(truth["drawn"].values()) > 0
    on_travel = sum(
        round(float(text) * 1000)
        for sheet in truth["sheets"].values()
        for key, text in sheet["values"].items()
        if key.startswith("drugs.") and key.endswith(".drawn")
    )
    assert on_travel == sum(truth["drawn"].values())

    now = rehearse.progress(by=practice)
    assert (now.visits, now.read, now.entered, now.closed) == (12, len(lines), 0, False)
    assert now.review == sum(
        line.state in ("review", "foreign", "duplicate") or line.reason == "doubtful" for line in lines
    )
    assert rehearse.progress(by=sam) is None


def leaves_the_real_clinic_alone(sqlite_clinic, practice):
    assert set(counted(sqlite_clinic.id).values()) == {0}
    assert counted(practice.clinic_id)["appointment"] == 12
    assert find_clinic(None).id == sqlite_clinic.id
    with read(sqlite_clinic.id) as session:
        actions = set(session.scalars(select(AuditLog.action)))
    assert {"rehearsal.begun", "rehearsal.ready"} <= actions
    assert not actions & {"forms.printed", "outage.declared", "scan.received", "appointment.booked"}


def is_entered_by_stepping_over(sam, practice):
    ticket = rehearse.step_over("browser", by=sam)
    assert redeem_ticket(ticket, browser="another") is None
    person = resume(redeem_ticket(rehearse.step_over("browser", by=sam), browser="browser"), touch=False)
    assert person.actor.clinic_id == practice.clinic_id
    assert (person.name, person.role) == ("Sam Stone", "staff")
    with pytest.raises(rehearse.PractisingAlready):
        rehearse.begin(by=person.actor)
    with everywhere() as session:
        passwords = session.scalars(select(User.password_hash).where(User.clinic_id == practice.clinic_id)).all()
    assert set(passwords) == {""}


def closes_with_equal_sums(sam, practice, truth):
    """Everything is settled and entered, the lost sheet let go: the clinical part closes, and its day is kept."""
    with read(practice.clinic_id) as session:
        people = {user.role: user.id for user in session.scalars(select(User))}
    staff, manager = (Actor(practice.clinic_id, "demo", people[role]) for role in ("staff", "manager"))
    told = []
    settled, entered = rehearse.go_on(by=staff, told=lambda share, what: told.append((share, what)))
    assert settled > 10 and entered > 12
    shares = [share for share, _ in told]
    assert shares == sorted(shares), "a bar that goes back tells nothing"
    assert shares[0] == 0.0 and 0.9 < shares[-1] <= 1.0 and len(told) >= settled + entered
    assert told[0][1].startswith("Settling page 1 of ") and f"visit or log {entered}" in told[-2][1]
    outage_id = rehearse.progress(by=staff).outage_id
    with pytest.raises(StillMissing):
        close(outage_id, "clinical", by=manager)
    assert by_truth.let_go_rest(outage_id, truth, by=manager) >= 1
    found = board(outage_id, by=manager)
    assert [one.is_equal for one in found.identities] == [True, True, True]
    visits, drugs = ({term.label: term.value for line in one.lines for term in line} for one in found.identities[:2])
    assert (visits["rostered"], visits["no-shows"], visits["walk-ins"]) == (12, 3, 2)
    assert visits["back-entered"] == visits["form sets scanned"] == 11
    assert drugs["drawn on forms"] == drugs["taken out of bottles"] == sum(truth["drawn"].values())
    close(outage_id, "clinical", by=manager)
    assert rehearse.progress(by=staff).closed
    assert rehearse.last(by=sam).finished_at is not None


def closes_the_money_too(sam, practice):
    """Slips over what is open, keyed by hand and by machine; the terminal's batch meets every one; three equal sums."""
    with read(practice.clinic_id) as session:
        people = {user.role: user.id for user in session.scalars(select(User))}
    staff, manager = (Actor(practice.clinic_id, "demo", people[role]) for role in ("staff", "manager"))
    with pytest.raises(rehearse.DealFirst):
        rehearse.batch_file(by=staff)
    count = rehearse.take_cards(by=staff)
    assert rehearse.take_cards(by=staff) == count > 8, "the same slips again"
    now = rehearse.progress(by=staff)
    assert (now.dealt, len(now.slips), len(now.to_slip), now.is_settled) == (True, count, count, False)
    with pytest.raises(rehearse.KeyFirst):
        rehearse.batch_file(by=staff)
    first = now.slips[0]
    typed = NewSlip(first.serial, first.part, first.amount_cents, first.at, first.last4, first.brand,
                    first.authorization, first.payer, first.appointment_id)  # fmt: skip
    assert key_slip(typed, by=staff).reference
    assert rehearse.key_slips(by=staff) == count - 1
    assert rehearse.key_slips(by=staff) == 0
    with pytest.raises(NotPermitted):
        rehearse.settle_up(by=staff)
    assert rehearse.settle_up(by=manager) == rehearse.settle_up(by=manager) == count
    now = rehearse.progress(by=staff)
    assert now.is_settled and not now.money_closed
    third = board(now.outage_id, by=manager).identities[-1]
    assert third.is_equal and sides(third.lines[0]) == [sum(one.amount_cents for one in now.slips)] * 3
    assert not third.note, "nothing waits for a later batch"
    left = board(now.outage_id, by=manager).missing("money")
    assert [row.money.words for row in left] == ["No ticket yet"], "of the sheet that was lost"
    waive_rows(now.outage_id, [(row.entity, row.entity_id) for row in left], "Never billed", by=manager)
    assert not rehearse.open_practice(by=sam).is_through, "there is a way back until the money is through"
    close(now.outage_id, "money", by=manager)
    assert rehearse.progress(by=staff).money_closed
    assert rehearse.open_practice(by=sam).is_through


def test_a_new_practice_begins_once_and_closes_the_one_before(sqlite_clinic):
    sam = sqlite_clinic.actor("sam")
    first = rehearse.begin(by=sam, visits=8, key="twice")
    assert rehearse.begin(by=sam, visits=8, key="twice") == first
    before = rehearse.open_practice(by=sam).practice_clinic_id
    with pytest.raises(rehearse.PrintFirst):
        rehearse.fill(by=Actor.operator(before))
    with pytest.raises(rehearse.FillFirst):
        rehearse.hand_in(by=Actor.operator(before))
    rehearse.begin(by=sam, visits=8)
    with everywhere() as session:
        assert session.scalar(select(func.count()).select_from(Clinic)) == 3
        assert session.get_one(Clinic, before).closed_at is not None
        statuses = set(session.scalars(select(User.status).where(User.clinic_id == before)))
    assert statuses == {"disabled"}
    with pytest.raises(rehearse.NothingToPractise):
        rehearse.fill(by=sam)
    assert rehearse.last(by=sam).finished_at is None


def test_numbers_stand_in_their_cells():
    assert in_cells("4.2", {"digits": 4, "decimals": 1}) == [" ", " ", "4", "2"]
    assert in_cells("0.08", {"digits": 4, "decimals": 2}) == [" ", "0", "0", "8"]
    assert in_cells("12", {"digits": 4, "decimals": 1}) == [" ", "1", "2", "0"]
    assert in_cells("250", {"digits": 4, "decimals": 0}) == [" ", "2", "5", "0"]
