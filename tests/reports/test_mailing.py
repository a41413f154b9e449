"""A subscription brings each of its readers the right file once, through a real mail server, and says what it could
not do."""

import csv
import io
import threading
import time
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import select

import worker
from data import definitions, jobs
from data.errors import EnvironmentFailure, NotFound, NotPermitted
from data.models import Job, OutboxMessage, ScheduleRun, User
from data.session import read, write
from data.types import clock
from messages import delivery, outbox
from reports import dashboards, deliveries, mailing, parcels, saved, schedules
from reports.dashboards import Dashboard, Narrowing, Tile
from reports.deliveries import log, send_now, standings
from reports.queries import SavedQuery
from reports.run import UnknownParameter
from reports.schedules import Only, Schedule, save_schedule, subscription
from reports.spec import Breakdown, By, Counted, ReportSpec, Shown, built_in
from reports.when import When
from security import audit
from security.alerts import alerts
from security.reach import BeyondYourRights
from security.roles import ROLE, Role
from security.users import disable as disable_user
from tests import inbox as inboxes
from tests.reports.small_clinic import Small
from worker import Worker

MONDAY = datetime(2026, 5, 4, 10, 59, tzinfo=UTC)
"""One minute before seven in New York."""
AT_SEVEN = When(every="day")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


@pytest.fixture
def furnished(clinic, inbox, monkeypatch):
    """A clinic on each database in turn."""
    monkeypatch.setattr(worker, "RECURRING", {})  # backups take their time
    return furnish(clinic)


@pytest.fixture
def on_sqlite(sqlite_clinic, inbox, monkeypatch):
    """The same where the engine does not matter."""
    monkeypatch.setattr(worker, "RECURRING", {})
    return furnish(sqlite_clinic)


def furnish(clinic):
    """Everybody has an address; Vera Vane paid 120.00 and Lee 80.00 on Friday; two reports stand in the library."""
    clock.set(MONDAY)
    with write(clinic.id) as session:
        for user in session.scalars(select(User)):
            user.email = f"{user.username}@example.org"
    small = Small(clinic)
    for name, cents in (("Vane", 12_000), ("Lee", 8_000)):
        client = small.client(name, first_name="Vera")
        small.line(small.invoice(client, "2026-05-01"), "2026-05-01", cents)
    by = clinic.actor("adam")
    lines = ReportSpec(
        title="Charges of last week", entity="invoice_line", period="day", preset="last_week",
        columns=[Shown(field="invoice.client.name", name="client"), Shown(field="day"),
                 Shown(field="net", name="amount")],
        sort=["client"],
    )  # fmt: skip
    revenue = ReportSpec(
        title="Revenue of last week",
        entity="invoice_line",
        period="day",
        preset="last_week",
        measures=[Counted(name="lines", measure="lines"), Counted(name="revenue", measure="revenue")],
    )
    saved.save_report(lines, by=by)
    saved.save_report(revenue, by=by)
    return clinic


def person(clinic, username):
    return clinic.users[username]


def subscribe(clinic, *, by="adam", name=None, password=None, **values):
    body = {"title": "Money on Mondays", "report": "charges-of-last-week", "when": AT_SEVEN, "format": "csv",
            "people": [person(clinic, "olive")]} | values  # fmt: skip
    if "dashboard" in values:
        body["report"] = ""
    return save_schedule(Schedule(**body), name=name, password=password, by=clinic.actor(by))


def work(at=None):
    """One round of a fresh worker, which is what a restart is too."""
    if at:
        clock.set(at)
    Worker().round()


def runs(clinic, name="money-on-mondays"):
    return log(name, by=clinic.actor("adam"))


def rows_of(mail):
    return list(csv.reader(io.StringIO(inboxes.file_of(mail)[1])))


def test_it_goes_out_once_when_it_is_due_however_many_workers_there_are(furnished, inbox):
    clinic = furnished
    subscribe(clinic)
    work()
    assert inbox.mails == []
    assert standings(by=clinic.actor("adam"))["money-on-mondays"].next_at == MONDAY + MINUTE
    clock.set(MONDAY + MINUTE)
    together = [threading.Thread(target=Worker().round) for _ in range(2)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    work()
    work(MONDAY + timedelta(hours=1))
    [mail] = inbox.to("olive@example.org")
    assert len(inbox.mails) == 1
    assert mail["Subject"] == "Charges of last week, Harbor Spay & Neuter"
    name, _ = inboxes.file_of(mail)
    assert name == "charges-of-last-week_2026-04-27_2026-05-03.csv"
    assert rows_of(mail) == [
        ["client", "day", "amount"], ["Vera Lee", "2026-05-01", "80.00"], ["Vera Vane", "2026-05-01", "120.00"],
    ]  # fmt: skip
    text = mail.get_body(("plain",)).get_content()
    assert "2 rows" in text and "Every day at 7:00" in text and "Vane" not in text
    [run] = runs(clinic)
    assert (run.state, run.rows, [mail.told for mail in run.mails]) == ("sent", 2, ["delivered to the mail server"])
    with read(clinic.id) as session:
        assert audit.verify(session).bad_seq is None
        done = session.execute(select(OutboxMessage.dedupe_key)).all()
    assert len(done) == 1


def test_what_names_somebody_and_amounts_go_only_to_who_may_see_them(furnished, inbox):
    """In the bytes that leave: the owner sees all, a role without money no amounts, an address outside neither."""
    clinic = furnished
    with write(clinic.id) as session:
        poorer = Role(label="Reader", permissions=["clients.view", "reports.view", "reports.others", "reports.export"])
        definitions.save(session, ROLE, "reader", poorer, by_user_id=None)
        session.get_one(User, (clinic.id, person(clinic, "clara"))).role = "reader"
    people = [person(clinic, name) for name in ("olive", "clara")]
    subscribe(clinic, people=people, addresses=["books@example.com", "BOOKS@example.com ", "olive@example.org"])
    work(MONDAY + MINUTE)
    heads = {address: rows_of(*inbox.to(address))[0] for address in
             ("olive@example.org", "clara@example.org", "books@example.com")}  # fmt: skip
    assert heads == {
        "olive@example.org": ["client", "day", "amount"], "clara@example.org": ["client", "day"],
        "books@example.com": ["day"],
    }  # fmt: skip
    assert len(inbox.mails) == 3
    [outside] = inbox.to("books@example.com")
    assert b"Vane" not in outside.as_bytes() and b"120.00" not in outside.as_bytes()
    assert "Without Client, Revenue, which does not leave the clinic" in outside.get_body(("plain",)).get_content()
    subscribe(clinic, name="money-on-mondays", people=[], addresses=["books@example.com"], amounts_outside=True)
    work(MONDAY + timedelta(days=1, minutes=1))
    assert rows_of(inbox.to("books@example.com")[1]) == [
        ["day", "amount"], ["2026-05-01", "80.00"], ["2026-05-01", "120.00"],
    ]  # fmt: skip


def test_the_days_are_counted_from_the_day_it_goes_out():
    """A day in words stands for its last day: the roster of tomorrow, what was owed at the end of last month."""
    today = MONDAY.date()
    for report, preset, days in (
        ("roster", "tomorrow", {"date": date(2026, 5, 5)}), ("roster", "", {"date": today}),
        ("ar-ageing", "last_month", {"as_of": date(2026, 4, 30)}),
        ("no-show-rate", "yesterday", {"from": date(2026, 5, 3), "to": date(2026, 5, 3)}),
        ("no-show-rate", "", {"from": date(2025, 6, 1), "to": today}),
    ):  # fmt: skip
        one = Schedule(title="Days", report=report, preset=preset, params={"date": "2020-01-01"})
        assert parcels.chosen(one, built_in()[report], today) | days == parcels.chosen(one, built_in()[report], today)


def test_who_may_see_nothing_of_it_is_left_out_and_named(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic, report="revenue-by-service", people=[person(clinic, "sam"), person(clinic, "olive")])
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert [mail.to for mail in run.mails] == ["Olive Owens"]
    assert run.left_out == (("Sam Stone", "may not see money in reports"),)
    assert inbox.to("sam@example.org") == []


def test_a_role_that_sees_its_own_work_alone_gets_its_own_rows(on_sqlite, inbox):
    clinic = on_sqlite
    small = Small(clinic)
    small.count = 500
    for name, day in (("clara", "2026-04-28"), ("olive", "2026-04-29")):
        small.surgery(f"{day}T14:00", 20, person(clinic, name))
    with write(clinic.id) as session:
        own = Role(label="Surgeon", permissions=["clients.view", "reports.view", "reports.export"])
        definitions.save(session, ROLE, "surgeon", own, by_user_id=None)
        session.get_one(User, (clinic.id, person(clinic, "clara"))).role = "surgeon"
    spec = ReportSpec(
        title="Operated", entity="surgery", period="day", preset="last_week", columns=[Shown(field="day")], sort=["day"]
    )
    saved.save_report(spec, by=clinic.actor("adam"))
    subscribe(clinic, report="operated", people=[person(clinic, "olive"), person(clinic, "clara")])
    work(MONDAY + MINUTE)
    assert rows_of(*inbox.to("olive@example.org"))[1:] == [["2026-04-28"], ["2026-04-29"]]
    assert rows_of(*inbox.to("clara@example.org"))[1:] == [["2026-04-28"]]


def test_a_pdf_opens_with_its_password_alone_and_a_workbook_holds_numbers(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic, title="Sealed", format="pdf", password="otter-copper-94", message="As you asked.")
    subscribe(clinic, title="Sheet", format="xlsx")
    work(MONDAY + MINUTE)
    files = {name: content for name, content in map(inboxes.file_of, inbox.to("olive@example.org"))}
    sealed = files["charges-of-last-week_2026-04-27_2026-05-03.pdf"]
    assert b"Vane" not in sealed and PdfReader(io.BytesIO(sealed)).decrypt("guess") == 0
    opened = PdfReader(io.BytesIO(sealed), password="otter-copper-94")
    words = opened.pages[0].extract_text()
    assert "Vera Vane" in words and "$120.00" in words and "page 1 of 1" in words
    assert opened.trailer["/Encrypt"]["/V"] == 5 and opened.trailer["/Encrypt"]["/Length"] == 256
    with zipfile.ZipFile(io.BytesIO(files["charges-of-last-week_2026-04-27_2026-05-03.xlsx"])) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>120</v>" in sheet and "Vera Vane" in sheet
    with read(clinic.id) as session:
        body = definitions.history(session, schedules.SCHEDULE, "sealed")[0].body
    assert "otter-copper-94" not in str(body)
    kept = subscription("sealed", by=clinic.actor("adam")).schedule
    assert schedules.password_of(kept) == "otter-copper-94"
    with pytest.raises(schedules.PasswordTooShort):
        subscribe(clinic, name="sealed", format="pdf", password="short")


CONDITIONS = {
    "Any rows": (Only(rule="data"), ["no_data", "sent"]),
    "Over 199.99": (Only(rule="over", number="revenue", value=19_999), ["quiet", "sent"]),
    "Over 200.00": (Only(rule="over", number="revenue", value=20_000), ["quiet", "quiet"]),
    "Fewer than 2": (Only(rule="under", number="lines", value=2), ["sent", "quiet"]),
}
"""By title: the condition, and how the runs of two Mondays end: in the week before the first nothing was charged,
before the second 200.00 on two lines."""


def test_it_goes_out_only_where_its_condition_holds(on_sqlite, inbox):
    clinic = on_sqlite
    first = MONDAY - timedelta(days=7)
    clock.set(first)
    names = {
        title: subscribe(
            clinic, title=title, report="revenue-of-last-week", only=only, when=When(every="week", days=[0])
        )
        for title, (only, _) in CONDITIONS.items()
    }
    work(first + MINUTE)
    work(MONDAY + MINUTE)
    ended = {title: [run.state for run in runs(clinic, name)][::-1] for title, name in names.items()}
    assert ended == {title: states for title, (_, states) in CONDITIONS.items()}
    assert len(inbox.mails) == 3


def test_a_limit_is_of_the_whole_where_the_report_shows_no_total(on_sqlite, inbox):
    clinic = on_sqlite
    by_client = Breakdown(name="client", label="Client", by=[By(field="invoice.client.name", name="client")])
    asked = ReportSpec(
        title="Revenue by client", entity="invoice_line", period="day", preset="last_week", total=False,
        breakdowns=[by_client], measures=[Counted(name="revenue", measure="revenue")],
    )  # fmt: skip
    report = saved.save_report(asked, by=clinic.actor("adam"))
    for value in (19_999, 20_000):
        subscribe(clinic, title=str(value), report=report, only=Only(rule="over", number="revenue", value=value))
    work(MONDAY + MINUTE)
    assert [runs(clinic, name)[0].state for name in ("19999", "20000")] == ["sent", "quiet"]
    [mail] = inbox.to("olive@example.org")
    assert rows_of(mail) == [["client", "revenue"], ["Vera Lee", "80.00"], ["Vera Vane", "120.00"]]


def test_what_was_missed_is_made_up_for_once_and_only_if_it_was_not_long_ago(furnished, inbox):
    clinic = furnished
    subscribe(clinic)
    work(MONDAY + timedelta(days=3, hours=3))
    assert [run.state for run in runs(clinic)] == ["sent", "missed", "missed", "missed"]
    assert "made up for" in runs(clinic)[1].reason
    work(MONDAY + timedelta(days=4, hours=14))
    assert next(run.state for run in runs(clinic)) == "missed"
    assert "12 hours" in runs(clinic)[0].reason
    assert len(inbox.mails) == 1


def test_what_fell_into_a_pause_is_neither_sent_nor_missed(furnished, inbox):
    clinic = furnished
    by = clinic.actor("adam")
    subscribe(clinic)
    schedules.pause("money-on-mondays", by=by)
    assert standings(by=by)["money-on-mondays"].next_at is None
    work(MONDAY + timedelta(days=2))
    schedules.resume("money-on-mondays", by=clinic.actor("adam"))
    work()
    assert runs(clinic) == []
    work(MONDAY + timedelta(days=2, minutes=1))
    assert [run.state for run in runs(clinic)] == ["sent"]


def test_a_failure_that_passes_is_tried_again_and_one_that_stays_is_given_up_and_told(furnished, inbox, monkeypatch):
    clinic = furnished
    subscribe(clinic, people=[person(clinic, "olive")])
    make = parcels.file_of

    def broken(*_):
        raise EnvironmentFailure(problem="The disk is full.")

    monkeypatch.setattr(parcels, "file_of", broken)
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert (run.state, run.attempts, run.reason) == ("retrying", 1, "The disk is full.")
    monkeypatch.setattr(parcels, "file_of", make)
    work(MONDAY + timedelta(minutes=4))
    [run] = runs(clinic)
    assert (run.state, run.attempts) == ("sent", 2)
    monkeypatch.setattr(parcels, "file_of", broken)
    for tries in range(8):
        work(MONDAY + timedelta(days=1, minutes=1 + 20 * tries))
    run = runs(clinic)[0]
    assert (run.state, run.attempts) == ("failed", jobs.ATTEMPTS)
    assert [mail["Subject"] for mail in inbox.to("adam@example.org")] == ["Not sent: Money on Mondays"]
    assert len(inbox.to("olive@example.org")) == 1


@pytest.mark.slow
def test_what_takes_too_long_is_stopped_and_nothing_waits_for_it(on_sqlite, inbox, monkeypatch):
    clinic = on_sqlite
    subscribe(clinic)
    release = threading.Event()
    monkeypatch.setattr(mailing, "LONGEST", timedelta(seconds=0.2))
    make = parcels.file_of
    monkeypatch.setattr(parcels, "file_of", lambda *given: release.wait(10) and make(*given))
    clock.set(MONDAY + MINUTE)
    with write(clinic.id) as session:
        outbox.queue(session, purpose="alert", dedupe_key="k", recipient="x@example.org", subject="S", text="T")
    busy = Worker()
    busy.round(wait=False)
    until = time.monotonic() + 5
    while not inbox.mails and time.monotonic() < until:
        time.sleep(0.02)
    assert [mail.rcpt_tos for mail in inbox.mails] == [["x@example.org"]], "mail goes out while the file is still made"
    busy._beside.join()
    release.set()
    [run] = runs(clinic)
    assert run.state == "retrying" and "stopped after 1 minutes" in run.reason
    for thread in threading.enumerate():
        if thread.name == "subscription":
            thread.join(5)
    assert [run.state for run in runs(clinic)] == ["retrying"]


@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_runaway_query_is_broken_off(sqlite_clinic, seconds):
    from data import mart

    def ask():
        with mart.reading(sqlite_clinic.id) as cursor:
            cursor.execute("SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE a.range * b.range = 7")

    began = time.monotonic()
    with pytest.raises(mailing.TookTooLong):
        mailing.limited(timedelta(seconds=seconds), ask)
    for thread in threading.enumerate():
        if thread.name == "subscription":
            thread.join(5)
            assert not thread.is_alive()
    assert time.monotonic() - began < 6


def test_a_worker_that_dies_before_it_hands_over_sends_it_once_after_all(furnished, inbox):
    clinic = furnished
    subscribe(clinic)
    clock.set(MONDAY + MINUTE)
    mailing.plan(clinic.id, "America/New_York")
    dead = jobs.claim(clinic.id, "dead", "America/New_York", only=("schedule",))
    begun = mailing._begin(clinic.id, dead.payload["run"])
    made = mailing._make(begun)
    work(MONDAY + MINUTE + jobs.LEASE * 2)
    assert [run.state for run in runs(clinic)] == ["sent"]
    assert mailing._hand_over(clinic.id, dead.payload["run"], dead, begun, made) == {"run": "ended by another worker"}
    work()
    assert len(inbox.mails) == 1


def test_a_run_that_ends_its_worker_each_time_is_written_down_as_failed(furnished, inbox):
    clinic = furnished
    subscribe(clinic)
    clock.set(MONDAY + MINUTE)
    mailing.plan(clinic.id, "America/New_York")
    for _ in range(jobs.ATTEMPTS):
        assert jobs.claim(clinic.id, "dies", "America/New_York", only=("schedule",))
        clock.set(clock.now() + jobs.LEASE * 2)
    assert jobs.claim(clinic.id, "lives", "America/New_York", only=("schedule",)) is None
    mailing.plan(clinic.id, "America/New_York")
    [run] = runs(clinic)
    assert run.state == "failed" and "ended each time" in run.reason


def test_a_reader_who_left_is_left_out_even_at_the_last_moment(furnished, inbox):
    clinic = furnished
    subscribe(clinic, people=[person(clinic, "mona"), person(clinic, "olive")])
    disable_user(person(clinic, "mona"), by=clinic.actor("olive"))
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert run.left_out == (("Mona Marsh", "left the clinic, or cannot sign in at present"),)
    assert [mail.rcpt_tos for mail in inbox.mails] == [["olive@example.org"]]
    subscribe(clinic, name="money-on-mondays", people=[person(clinic, "clara"), person(clinic, "olive")])
    inbox.reply = "451 later"
    work(MONDAY + timedelta(days=1, minutes=1))
    disable_user(person(clinic, "clara"), by=clinic.actor("olive"))
    inbox.reply = None
    work(MONDAY + timedelta(days=1, minutes=10))
    run = runs(clinic)[0]
    assert {mail.to: mail.state for mail in run.mails} == {"Clara Chen": "suppressed", "Olive Owens": "sent"}
    assert run.told == "Sent, 1 of 2 not delivered"
    assert inbox.to("clara@example.org") == []


def test_when_the_person_it_runs_as_left_it_stops_by_itself_and_says_so(furnished, inbox):
    clinic = furnished
    subscribe(clinic, run_as=person(clinic, "mona"))
    disable_user(person(clinic, "mona"), by=clinic.actor("olive"))
    work(MONDAY + MINUTE)
    work()
    one = subscription("money-on-mondays", by=clinic.actor("adam")).schedule
    assert one.paused and one.stopped.startswith("Mona Marsh cannot sign in any more")
    assert [mail["Subject"] for mail in inbox.to("adam@example.org")] == ["Stopped: Money on Mondays"]
    assert inbox.to("olive@example.org") == []
    with pytest.raises(schedules.NotInService):
        schedules.resume("money-on-mondays", by=clinic.actor("adam"))
    subscribe(clinic, name="money-on-mondays", run_as=person(clinic, "adam"))
    assert not subscription("money-on-mondays", by=clinic.actor("adam")).schedule.stopped


def test_rights_are_those_of_the_moment_it_runs(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic, run_as=person(clinic, "mona"))
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, person(clinic, "mona"))).role = "staff"
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert (run.state, run.reason) == ("failed", "Mona Marsh's role may not run reports.")


def test_nobody_has_it_run_with_more_rights_than_their_own(furnished):
    clinic = furnished
    with write(clinic.id) as session:
        desk = Role(label="Desk", permissions=["reports.view", "reports.export", "reports.schedule"])
        definitions.save(session, ROLE, "desk", desk, by_user_id=None)
        session.get_one(User, (clinic.id, person(clinic, "sam"))).role = "desk"
    with pytest.raises(BeyondYourRights):
        subscribe(clinic, by="sam", run_as=person(clinic, "olive"))
    subscribe(clinic, by="sam")
    subscribe(clinic, title="Olive's", run_as=person(clinic, "olive"))
    with pytest.raises(BeyondYourRights):
        subscribe(clinic, by="sam", name="olive-s", run_as=person(clinic, "olive"), people=[person(clinic, "sam")])
    with pytest.raises(NotPermitted):
        subscribe(clinic, by="mona")
    with pytest.raises(schedules.CannotRunAs):
        subscribe(clinic, run_as=person(clinic, "clara"))


def test_a_report_that_is_gone_or_lost_a_field_fails_with_a_sentence_and_still_opens(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic)
    spec = saved.card("charges-of-last-week", by=clinic.actor("adam")).spec
    with write(clinic.id) as session:
        broken = spec.model_copy(update={"columns": [Shown(field="own_bite_risk")]})
        body = definitions.load(session, saved.REPORT, "charges-of-last-week").model_copy(update={"spec": broken})
        definitions.save(session, saved.REPORT, "charges-of-last-week", body, by_user_id=None)
    work(MONDAY + MINUTE)
    saved.remove_report("charges-of-last-week", by=clinic.actor("adam"))
    work(MONDAY + timedelta(days=1, minutes=1))
    gone, lost = runs(clinic)
    assert lost.state == gone.state == "failed" and lost.attempts == 1
    assert "no field called own_bite_risk" in lost.reason
    assert "no report called charges-of-last-week" in gone.reason
    assert subscription("money-on-mondays", by=clinic.actor("adam")).about == ""


def test_what_is_too_much_for_mail_says_so(on_sqlite, inbox, monkeypatch):
    clinic = on_sqlite
    subscribe(clinic)
    monkeypatch.setattr(parcels, "MOST_ROWS", 1)
    work(MONDAY + MINUTE)
    monkeypatch.setattr(parcels, "MOST_ROWS", 100)
    monkeypatch.setattr(outbox, "LARGEST_FILE", 60)
    work(MONDAY + timedelta(days=1, minutes=1))
    large, many = runs(clinic)
    assert "more than 1 rows" in many.reason and "mail takes" in large.reason
    assert [mail["Subject"] for mail in inbox.to("adam@example.org")] == ["Not sent: Money on Mondays"] * 2


def test_send_it_now_goes_to_who_asks_alone_whatever_the_condition(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic, only=Only(rule="over", number="rows", value=100), people=[person(clinic, "olive")])
    by = clinic.actor("adam")
    assert send_now("money-on-mondays", by=by, key="k") == send_now("money-on-mondays", by=by, key="k")
    work()
    assert [mail.rcpt_tos for mail in inbox.mails] == [["adam@example.org"]]
    [run] = runs(clinic)
    assert run.asked and run.state == "sent"
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, person(clinic, "adam"))).email = ""
    with pytest.raises(deliveries.NoAddressOfYours):
        send_now("money-on-mondays", by=clinic.actor("adam"))
    with write(clinic.id) as session:
        role = Role(label="Planner", permissions=["reports.view", "reports.schedule"])
        definitions.save(session, ROLE, "planner", role, by_user_id=None)
        session.get_one(User, (clinic.id, person(clinic, "clara"))).role = "planner"
    with pytest.raises(NotPermitted, match="out as files"):
        send_now("money-on-mondays", by=clinic.actor("clara"))


def test_without_a_mail_server_a_run_says_so_and_nothing_piles_up(on_sqlite, monkeypatch):
    clinic = on_sqlite
    subscribe(clinic)
    monkeypatch.delenv("BALLAST_SMTP_URL")
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert run.state == "failed" and "No mail server" in run.reason
    with read(clinic.id) as session:
        assert session.scalars(select(OutboxMessage).where(OutboxMessage.purpose == "schedule")).all() == []


@pytest.mark.slow
def test_a_dashboard_goes_out_as_one_pdf_and_as_a_sheet_for_each_tile(on_sqlite, inbox):
    clinic = on_sqlite
    tiles = [
        Tile(id="t1", report="revenue-of-last-week", show="number", number="revenue", preset="last_week", width=1),
        Tile(id="t2", report="charges-of-last-week", title="Charges/lines", show="table", preset="last_week"),
        Tile(id="t3", report="charges-of-last-week", title="Charges/lines", show="table", preset="last_month"),
        Tile(id="t4", report="gone-by-now", title="Old"),
    ]
    species = Narrowing(field="patient.species", label="Species")
    dashboards.save_dashboard(Dashboard(title="The week", tiles=tiles, filters=[species]), by=clinic.actor("adam"))
    subscribe(clinic, title="Cats", dashboard="the-week", format="pdf", only=Only(rule="data"),
              params={"patient.species": ["cat"]})  # fmt: skip
    subscribe(clinic, title="Board", dashboard="the-week", format="pdf")
    subscribe(clinic, title="Board book", dashboard="the-week", format="xlsx", addresses=["books@example.com"])
    work(MONDAY + MINUTE)
    assert [run.state for run in runs(clinic, "cats")] == ["no_data"]  # nothing was charged for a cat
    files = {name: content for name, content in map(inboxes.file_of, inbox.to("olive@example.org"))}
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(files["the-week_2026-05-04.pdf"])).pages)
    assert "The week" in words and "$200.00" in words and "Vera Vane" in words and "removed" in words
    with zipfile.ZipFile(io.BytesIO(files["the-week_2026-05-04.xlsx"])) as book:
        names = book.read("xl/workbook.xml").decode()
        assert "<v>200</v>" in book.read("xl/worksheets/sheet1.xml").decode()
    assert 'name="Figures"' in names and 'name="Charges lines"' in names and 'name="Charges lines 2"' in names
    outside = inboxes.file_of(*inbox.to("books@example.com"))[1]
    with zipfile.ZipFile(io.BytesIO(outside)) as book:
        everything = "".join(book.read(name).decode() for name in book.namelist())
    assert "Vane" not in everything and "200.00" not in everything
    with pytest.raises(schedules.NoCsvOfDashboard):
        subscribe(clinic, title="Bad", dashboard="the-week", format="csv")


def test_what_cannot_go_out_is_refused_with_its_sentence(on_sqlite):
    nobody = "0193d2a0-0000-7000-8000-000000000000"
    for values, problem in (
        ({"people": []}, schedules.NobodyToSendTo), ({"addresses": ["a@b"]}, schedules.NotAnAddress),
        ({"addresses": ["a@example.org\r\nBcc: b@example.org"]}, schedules.NotAnAddress),
        ({"addresses": [f"{'a' * 120}@example.org"]}, schedules.NotAnAddress),
        ({"report": "nothing"}, NotFound), ({"people": [nobody]}, NotFound), ({"run_as": nobody}, NotFound),
        ({"only": Only(rule="over", number="weight")}, schedules.NoSuchNumber),
        ({"params": {"by": "colour"}}, UnknownParameter),
    ):  # fmt: skip
        with pytest.raises(problem):
            subscribe(on_sqlite, **values)


def test_a_subscription_has_versions_and_can_be_put_back(on_sqlite):
    clinic = on_sqlite
    subscribe(clinic)
    subscribe(clinic, name="money-on-mondays", when=When(every="week", days=[1]), format="pdf")
    by = clinic.actor("adam")
    newest, first = schedules.schedule_versions("money-on-mondays", by=by)
    assert schedules.told_changes(first.saved, newest.saved) == ["When it goes out changed", "The format changed"]
    schedules.roll_back_schedule("money-on-mondays", 1, by=by)
    assert subscription("money-on-mondays", by=by).schedule.format == "csv"
    schedules.remove_schedule("money-on-mondays", by=by)
    assert schedules.subscriptions(by=by) == []
    assert [one.title for one in schedules.removed_schedules(by=by)] == ["Money on Mondays"]
    schedules.restore_schedule("money-on-mondays", by=by)
    assert subscription("money-on-mondays", by=by).readers == ("Olive Owens",)


def test_a_mail_cut_off_on_its_way_is_held_for_a_person_who_may_send_it_again(furnished, inbox):
    clinic = furnished
    subscribe(clinic)
    inbox.reply = "451 later"
    work(MONDAY + MINUTE)
    with write(clinic.id) as session:
        row = session.scalars(select(OutboxMessage)).one()
        row.state, row.lease_owner, row.lease_until = "sending", "dead", clock.now() - MINUTE
    inbox.reply = None
    work(MONDAY + timedelta(minutes=9))
    [run] = runs(clinic)
    assert run.told == "Not delivered" and run.mails[0].told == "may not have arrived"
    assert inbox.mails == []
    deliveries.send_again(run.id, run.mails[0].message, by=clinic.actor("adam"))
    work()
    [mail] = inbox.to("olive@example.org")
    assert mail["X-Ballast-Message"] == run.mails[0].message
    with pytest.raises(NotFound):
        deliveries.send_again(run.id, "0193d2a0-0000-7000-8000-000000000000", by=clinic.actor("adam"))


def test_what_a_closed_connection_kept_back_is_tried_again_and_never_in_doubt(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic, people=[person(clinic, name) for name in ("olive", "adam", "mona")])
    inbox.reply = "421 4.3.2 shutting down"
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert {mail.told for mail in run.mails} == {"tried again soon"}
    inbox.reply = None
    work(MONDAY + timedelta(minutes=9))
    assert sorted(mail.rcpt_tos[0] for mail in inbox.mails) == [
        "adam@example.org", "mona@example.org", "olive@example.org"
    ]  # fmt: skip


def test_a_clock_that_ran_ahead_and_was_set_back_silences_nothing_and_doubles_nothing(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic)
    work(MONDAY + MINUTE)
    work(MONDAY - MINUTE)
    work(MONDAY + 2 * MINUTE)
    assert len(inbox.mails) == 1, "a clock set back by minutes repeats nothing"
    work(MONDAY + timedelta(days=300, hours=2))
    assert len(inbox.mails) == 2
    work(MONDAY + timedelta(hours=3))
    assert len(inbox.mails) == 2
    for day in (1, 2):
        work(MONDAY + timedelta(days=day, minutes=1))
        assert len(inbox.mails) == 2 + day
    assert standings(by=clinic.actor("adam"))["money-on-mondays"].last.due_at == MONDAY + timedelta(days=2, minutes=1)


def test_the_file_of_a_mail_lies_encrypted_and_is_let_go_of_after_two_weeks(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic)
    work(MONDAY + MINUTE)
    with write(clinic.id) as session:
        content = outbox.content_of(session.scalars(select(OutboxMessage)).one())
        [file_id] = content.files
        kept = session.get_one(outbox.OutboxFile, (clinic.id, file_id))
        assert b"Vane" not in kept.body and b"Vane" in outbox.file_of(session, file_id).content
    clock.set(MONDAY + timedelta(days=15))
    with write(clinic.id) as session:
        assert outbox.let_go_of_files(session) == 1
    with read(clinic.id) as session, pytest.raises(outbox.FileLetGo):
        outbox.file_of(session, file_id)


def test_the_log_of_runs_names_nobody_who_is_treated(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic)
    work(MONDAY + MINUTE)
    with read(clinic.id) as session:
        run = session.scalars(select(ScheduleRun)).one()
        job = session.scalars(select(Job).where(Job.kind == "schedule")).one()
        kept = f"{vars(run)} {job.payload} {job.result}"
    assert "Vane" not in kept and "120" not in kept.replace(run.clinic_id, "").replace(run.id, "").replace(job.id, "")


def test_a_worker_of_another_version_leaves_a_mail_alone_that_is_not_its_own(on_sqlite, inbox):
    """Two workers: the lease of the first ran out while it was busy, the second has the message by then."""
    clinic = on_sqlite
    with write(clinic.id) as session:
        outbox.queue(session, purpose="alert", dedupe_key="k", recipient="x@example.org", subject="S", text="T")
    slow, quick = delivery.MailRound(clinic.id, "first"), delivery.MailRound(clinic.id, "second")
    first = slow.claim()
    clock.set(MONDAY + delivery.LEASE * 2)
    delivery.settle_expired(clinic.id)
    second = quick.claim()
    assert [row.id for row in second] == [row.id for row in first]
    slow._send_claimed(first)
    assert not inbox.mails
    quick._send_claimed(second)
    slow.close()
    quick.close()
    assert len(inbox.mails) == 1


@pytest.mark.slow
def test_a_question_in_sql_goes_out_with_the_rights_of_each_reader(on_sqlite, inbox):
    clinic = on_sqlite
    text = "SELECT day, net_cents FROM invoice_line ORDER BY net_cents"
    saved.save_query(SavedQuery(title="Lines in SQL", text=text), by=clinic.actor("adam"))
    subscribe(clinic, report="lines-in-sql", addresses=["books@example.com"])
    work(MONDAY + MINUTE)
    assert rows_of(*inbox.to("olive@example.org"))[1:] == [["2026-05-01", "80.00"], ["2026-05-01", "120.00"]]
    assert inbox.to("books@example.com") == []
    [run] = runs(clinic)
    assert [who for who, _ in run.left_out] == ["books@example.com"]


def test_a_restored_installation_sends_nothing_before_somebody_lets_it(on_sqlite, inbox):
    clinic = on_sqlite
    subscribe(clinic)
    paused = clinic.home.path / "sending-paused"
    paused.touch()
    work(MONDAY + MINUTE)
    [run] = runs(clinic)
    assert run.state == "missed" and "after a restore" in run.reason
    paused.unlink()
    work()
    assert inbox.mails == []
    told = [alert.sentence for alert in alerts(by=clinic.actor("adam")) if alert.page == "subscriptions"]
    assert told == ["One subscription did not go out the last time."]
