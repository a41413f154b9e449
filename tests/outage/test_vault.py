"""The Vault: the roster goes at midnight, once for each clinic, day and address, encrypted, or somebody is told."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pypdf
import pytest
from sqlalchemy import select

from data import jobs
from data.errors import NotPermitted
from data.models import Client, Clinic, Job, OutboxMessage, User
from data.session import read, write
from data.types import clock
from messages import delivery
from outage import readiness, vault, vault_addresses, wellbeing
from outage.vault_addresses import add_address, confirm_address, remove_address, set_password
from security import audit
from tests import inbox as inboxes
from tests.flow.conftest import Day
from worker import Worker

ZONE = "America/New_York"
PASSWORD = "copper-kettle-41"
DESK, HOME = "desk@example.org", "home@example.org"


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


@pytest.fixture(autouse=True)
def _clock():
    yield
    clock.set(None)


def at(year, month, day, hour=0, minute=0, second=0, zone=ZONE):
    """Hold the clock at a local time."""
    clock.set(datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone)).astimezone(UTC))


def pass_by(**span):
    clock.set(clock.now() + timedelta(**span))


def code_in(mail):
    [line] = [line for line in mail.get_content().splitlines() if line.startswith("    ")]
    return line.strip()


def set_up(clinic, inbox, *emails):
    """Password and confirmed addresses, as people do it."""
    adam = clinic.actor("adam")
    set_password(PASSWORD, by=adam)
    for email in emails:
        number = add_address(email, by=adam)
        delivery.deliver(clinic.id, "w")
        confirm_address(number, code_in(inbox.to(email)[-1]), by=adam)


def work(clinic):
    """What a round of the worker does about the Vault."""
    found, worker = _clinic(clinic), Worker()
    delivery.settle_expired(clinic.id)
    vault.plan(found.id, found.zone)
    while (job := jobs.claim(found.id, worker.owner, found.zone, only=("vault",))) is not None:
        worker._carry_out(found, job)
    delivery.deliver(clinic.id, worker.owner)


def rosters(inbox, email):
    return [mail for mail in inbox.to(email) if "Roster" in mail["Subject"]]


def opened(mail):
    """The text of the file, by the password."""
    _, content = inboxes.file_of(mail)
    book = pypdf.PdfReader(io.BytesIO(content))
    assert book.is_encrypted
    assert book.decrypt("wrong-password-1") == pypdf.PasswordType.NOT_DECRYPTED
    assert book.decrypt(PASSWORD) == pypdf.PasswordType.USER_PASSWORD
    return "\n".join(page.extract_text() for page in book.pages)


def test_the_roster_goes_at_midnight_once_to_each_address_encrypted(clinic, inbox):
    at(2026, 6, 9, 15)
    set_up(clinic, inbox, DESK, HOME)
    day = Day(clinic)
    wednesday = datetime(2026, 6, 10).date()
    day.visit("Pretzel", stage="booked", client="Quillfeather", day=wednesday)
    day.visit("Gone", stage="cancelled", client="Nobodyhere", day=wednesday)
    work(clinic)  # both were added today: they get today's at once
    assert "added today" in rosters(inbox, DESK)[0].get_body().get_content()
    inbox.mails.clear()
    at(2026, 6, 9, 23, 59, 55)
    work(clinic)
    assert inbox.mails == []
    at(2026, 6, 10, 0, 0, 1)
    work(clinic)
    work(clinic)
    for email in (DESK, HOME):
        [mail] = rosters(inbox, email)
        assert mail["Subject"] == "Roster for Wednesday, June 10, 2026: Harbor Spay & Neuter"
        assert inboxes.file_of(mail)[0] == "roster-2026-06-10.pdf"
        text = opened(mail)
        assert "Pretzel" in text and "Quillfeather" in text and "Nobodyhere" not in text
        whole = mail.get_body().get_content()
        assert "1 visit is booked" in whole and "late" not in whole
        assert not {"Pretzel", "Quillfeather"} & set((whole + str(mail["Subject"])).split())
    with read(clinic.id) as session:
        assert wellbeing.vault_state(session, wednesday) == {"state": "sent", "day": "2026-06-10"}
        keys = [row.dedupe_key for row in session.scalars(select(OutboxMessage)) if "2026-06-10" in row.dedupe_key]
    assert len(keys) == 2 and all(key.startswith("vault:2026-06-10:") for key in keys)


def test_an_empty_day_and_a_restricted_record(clinic, inbox):
    at(2026, 6, 9, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    assert "Nobody is booked" in rosters(inbox, DESK)[0].get_body().get_content()
    assert "Nobody is booked for this day" in opened(rosters(inbox, DESK)[0])
    visit = Day(clinic).visit("Secret", client="Hiddenname", day=datetime(2026, 6, 10).date(), stage="booked")
    with write(clinic.id) as session:
        session.scalars(select(Client).where(Client.last_name == "Hiddenname")).one().restricted = True
        session.flush()
        audit.append(session, clinic.operator, "test.restricted", "client", visit)
    at(2026, 6, 10)
    work(clinic)
    text = opened(rosters(inbox, DESK)[1])
    assert "Restricted record" in text and "Hiddenname" not in text and "Secret" not in text


def test_what_was_missed_goes_late_on_its_day_says_so_and_never_after_it(clinic, inbox):
    with write(clinic.id) as session:
        session.scalars(select(User).where(User.username == "olive")).one().email = "olive@example.org"
        session.flush()
        audit.append(session, clinic.operator, "test.address", "user")
    at(2026, 6, 8, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    inbox.mails.clear()
    at(2026, 6, 10, 9, 30)  # nothing ran for two midnights
    with read(clinic.id) as session:
        assert wellbeing.vault_state(session, clock.today(ZONE))["state"] == "missing"
    adam = clinic.actor("adam")
    assert "did not reach one address" in vault.alarms(by=adam)[0].sentence
    work(clinic)
    work(clinic)
    [mail] = rosters(inbox, DESK)
    assert mail["Subject"] == "Roster for Wednesday, June 10, 2026 (late): Harbor Spay & Neuter"
    assert "It is late" in mail.get_body().get_content()
    [alarm] = inbox.to("olive@example.org")
    assert alarm["Subject"] == "The Vault did not go out"
    assert vault.alarms(by=adam) == []
    told = {(one.day.day, one.state, one.late) for one in vault.nights(by=adam)}
    assert told == {(8, "sent", False), (9, "missed", False), (10, "sent", True)}


def test_a_mail_that_waits_past_a_quarter_says_that_it_is_late_and_is_let_go_when_its_day_is_over(clinic, inbox):
    at(2026, 6, 8, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    inbox.mails.clear()
    inbox.reply = "451 try later"
    for day in (9, 10):
        at(2026, 6, day, 0, 0, 2)
        work(clinic)
    at(2026, 6, 10, 0, 14)
    assert vault.alarms(by=clinic.actor("adam")) == []
    at(2026, 6, 10, 0, 16)
    work(clinic)
    assert len(vault.alarms(by=clinic.actor("adam"))) == 1
    inbox.reply = None
    pass_by(hours=3)
    work(clinic)
    [mail] = rosters(inbox, DESK)
    assert "June 10, 2026 (late)" in mail["Subject"] and mail.get_body().get_content().startswith("It is late")
    states = {(one.day.day, one.state): one.reason for one in vault.nights(by=clinic.actor("adam"))}
    assert states[9, "withdrawn"] == "the day was over before it could be sent"


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25)])
def test_both_changes_of_the_clock_are_one_mail_at_local_midnight_each(clinic, inbox, day, hours):
    year, month, number = day
    at(year, month, number - 1 if number > 1 else number, 0) if number > 1 else at(2026, 10, 31, 0)
    set_up(clinic, inbox, DESK)
    work(clinic)
    begin = vault.begins(datetime(*day).date(), ZONE)
    assert vault.begins(datetime(*day).date() + timedelta(days=1), ZONE) - begin == timedelta(hours=hours)
    inbox.mails.clear()
    for instant in (begin, begin + timedelta(hours=hours)):
        clock.set(instant - timedelta(seconds=21))
        work(clinic)
        before = len(inbox.mails)
        clock.set(instant + timedelta(seconds=1))
        work(clinic)
        assert len(inbox.mails) == before + 1
    for hour in range(hours):  # and none in any hour between
        clock.set(begin + timedelta(hours=hour, minutes=30))
        work(clinic)
    assert len(rosters(inbox, DESK)) == 2
    assert not any("late" in mail["Subject"] for mail in rosters(inbox, DESK))


def test_where_midnight_is_skipped_the_day_begins_an_hour_later(clinic, inbox):
    beirut, spring = "Asia/Beirut", datetime(2026, 3, 29).date()
    with write(clinic.id) as session:
        session.get_one(Clinic, clinic.id).zone = beirut
        session.flush()
        audit.append(session, clinic.operator, "test.zone", "clinic")
    assert vault.begins(spring, beirut).astimezone(ZoneInfo(beirut)).hour == 1
    at(2026, 3, 28, 12, zone=beirut)
    set_up(clinic, inbox, DESK)
    work(clinic)
    inbox.mails.clear()
    clock.set(vault.begins(spring, beirut) - timedelta(seconds=1))
    work(clinic)
    assert inbox.mails == []
    clock.set(vault.begins(spring, beirut))
    work(clinic)
    assert "March 29" in rosters(inbox, DESK)[0]["Subject"]


def test_a_clock_that_jumps_sends_each_day_once(clinic, inbox):
    at(2026, 6, 8, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    inbox.mails.clear()
    at(2026, 6, 9, 0, 0, 1)
    work(clinic)
    at(2026, 6, 8, 23, 59, 40)  # set back by a few seconds: what went is not sent again
    work(clinic)
    at(2026, 6, 9, 0, 0, 1)
    work(clinic)
    assert len(inbox.mails) == 1
    at(2026, 6, 20, 3)  # eleven days ahead for a while: that day's goes
    work(clinic)
    assert len(inbox.mails) == 2 and "June 20" in inbox.to(DESK)[-1]["Subject"]
    at(2026, 6, 9, 9)
    work(clinic)
    at(2026, 6, 10, 0, 0, 1)
    work(clinic)
    assert len(inbox.mails) == 3
    at(2026, 6, 20, 0, 0, 1)  # its own midnight: what went ahead of time does not stand for it
    work(clinic)
    subjects = [mail["Subject"] for mail in rosters(inbox, DESK)]
    assert len(subjects) == 4 and "June 20" in subjects[-1] and "late" not in subjects[-1]


def test_nothing_goes_without_password_or_confirmed_address_nor_to_a_removed_one(clinic, inbox):
    at(2026, 6, 9, 15)
    adam = clinic.operator
    number = add_address(DESK, by=adam)
    with pytest.raises(vault.NoVaultPassword):
        vault.send_now(by=adam, key="k")
    set_password(PASSWORD, by=adam)
    with pytest.raises(vault.NobodyToSendTo):
        vault.send_night(by=adam)
    work(clinic)
    at(2026, 6, 10, 1)
    work(clinic)
    assert rosters(inbox, DESK) == []
    assert vault.alarms(by=adam) == []
    vault_addresses.mail_code(number, by=adam)
    delivery.deliver(clinic.id, "w")
    confirm_address(number, code_in(inbox.to(DESK)[-1]), by=adam)
    sent = vault.send_night(by=adam)
    assert (sent.mails, sent.before) == (1, 0)
    remove_address(number, by=adam)
    delivery.deliver(clinic.id, "w")
    assert rosters(inbox, DESK) == []
    with read(clinic.id) as session:
        assert session.scalars(select(OutboxMessage.state).where(OutboxMessage.purpose == "vault")).all() == [
            "suppressed"
        ]
    again = add_address(DESK, by=adam)  # a removed one that comes back gets the day's, once
    delivery.deliver(clinic.id, "w")
    confirm_address(again, code_in(inbox.to(DESK)[-1]), by=adam)
    work(clinic)
    remove_address(again, by=adam)
    third = add_address(DESK.upper(), by=adam)
    vault_addresses.vouch_for(third, by=clinic.operator)
    work(clinic)
    assert len(rosters(inbox, DESK)) == 1 and len(rosters(inbox, DESK.upper())) == 0


def test_send_now_is_a_copy_that_a_double_click_sends_once(clinic, inbox):
    at(2026, 6, 9, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    adam = clinic.operator
    assert vault.send_now(by=adam, key="one").mails == 1
    assert vault.send_now(by=adam, key="one") == vault.Sent(clock.today(ZONE), 0, 1, 0)
    tomorrow = clock.today(ZONE) + timedelta(days=1)
    assert vault.send_night(tomorrow, by=adam).mails == 1
    assert vault.send_night(tomorrow, by=adam).mails == 0
    work(clinic)
    assert len(rosters(inbox, DESK)) == 3
    at(2026, 6, 10)
    work(clinic)
    assert len(rosters(inbox, DESK)) == 4  # midnight's own goes all the same
    with pytest.raises(vault.DayOver):
        vault.send_now(tomorrow - timedelta(days=1), by=adam, key="two")
    with read(clinic.id) as session:
        assert wellbeing.vault_state(session, tomorrow) == {"state": "sent", "day": "2026-06-10"}


def test_codes_run_out_can_be_tried_five_times_and_are_not_mailed_without_end(clinic, inbox):
    at(2026, 6, 9, 15)
    adam = clinic.operator
    number = add_address(DESK, by=adam)
    delivery.deliver(clinic.id, "w")
    right = code_in(inbox.to(DESK)[-1])
    wrong = "000 000" if right != "000 000" else "111 111"
    for _ in range(5):
        with pytest.raises(vault_addresses.WrongCode):
            confirm_address(number, wrong, by=adam)
    with pytest.raises(vault_addresses.CodeOver):
        confirm_address(number, right, by=adam)
    vault_addresses.mail_code(number, by=adam)
    delivery.deliver(clinic.id, "w")
    newer = code_in(inbox.to(DESK)[-1])
    pass_by(minutes=31)
    with pytest.raises(vault_addresses.CodeOver):
        confirm_address(number, newer, by=adam)
    for _ in range(3):
        vault_addresses.mail_code(number, by=adam)
    with pytest.raises(vault_addresses.TooManyCodes):
        vault_addresses.mail_code(number, by=adam)
    remove_address(number, by=adam)
    with pytest.raises(vault_addresses.TooManyCodes):  # nor by removing and adding it
        add_address(DESK, by=adam)
    with read(clinic.id) as session:
        assert not vault_addresses.confirmed(session)


@pytest.mark.parametrize(
    "email", ["", "desk", "a@b", "a b@example.org", "a@example.org\r\nBcc: x@y.org", "dé@example.org", "@x.org"]
)
def test_what_is_no_address_is_refused(sqlite_clinic, email):
    with pytest.raises(vault_addresses.NoAddress):
        add_address(email, by=sqlite_clinic.actor("adam"))


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", " copper-kettle-41", "kühler-kessel-41", "x" * 65])
def test_a_weak_or_untypable_password_is_refused(sqlite_clinic, password):
    with pytest.raises(vault_addresses.BadVaultPassword):
        set_password(password, by=sqlite_clinic.actor("adam"))


def test_only_those_who_edit_settings_touch_the_vault(sqlite_clinic):
    sam = sqlite_clinic.actor("sam")
    for attempt in (
        lambda: add_address(DESK, by=sam), lambda: set_password(PASSWORD, by=sam), lambda: vault.nights(by=sam),
        lambda: vault.send_now(by=sam, key="k"), lambda: vault_addresses.addresses(by=sam),
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            attempt()
    number = add_address(DESK, by=sqlite_clinic.actor("adam"))
    with pytest.raises(vault_addresses.BadInput):
        vault_addresses.vouch_for(number, by=sqlite_clinic.actor("adam"))


def test_a_roster_that_its_address_sent_back_did_not_reach_it(sqlite_clinic, inbox):
    clinic = sqlite_clinic
    with write(clinic.id) as session:
        session.scalars(select(User).where(User.username == "olive")).one().email = "olive@example.org"
        session.flush()
        audit.append(session, clinic.operator, "test.address", "user")
    at(2026, 6, 8, 15)
    set_up(clinic, inbox, DESK, HOME)
    work(clinic)
    at(2026, 6, 9, 0, 0, 1)
    work(clinic)

    def returned(key):
        with write(clinic.id) as session:
            mail = session.scalars(select(OutboxMessage).where(
                OutboxMessage.dedupe_key.startswith(key), OutboxMessage.recipient == HOME
            )).one()  # fmt: skip
            mail.reply = "came back: there is no such address 550 5.1.1"
            session.flush()
            audit.append(session, clinic.operator, "test.returned", "outbox")

    at(2026, 6, 9, 9)
    adam = clinic.actor("adam")
    assert vault.alarms(by=adam) == []
    returned("vault:2026-06-09:")
    work(clinic)
    assert "did not reach one address" in vault.alarms(by=adam)[0].sentence
    [line] = [one for one in readiness.actions(by=adam) if one.name == "vault"]
    assert line.state == "missing" and "to 1 of 2 addresses" in line.fact
    assert {mail.email: mail.state for mail in vault.nights(by=adam) if mail.day.day == 9} == {
        DESK: "sent", HOME: "returned"
    }  # fmt: skip
    [alarm] = inbox.to("olive@example.org")
    assert "June 9, 2026" in alarm.get_content() and "has to be replaced" in " ".join(alarm.get_content().split())
    with read(clinic.id) as session:
        assert wellbeing.vault_state(session, clock.today(ZONE))["state"] == "failed"
    vault.send_now(by=adam, key="again")
    work(clinic)
    assert vault.alarms(by=adam) == [], "a copy that has not come back is believed"
    returned("vault-now:2026-06-09:")
    assert vault.alarms(by=adam)
    [line] = [one for one in readiness.actions(by=adam) if one.name == "vault"]
    assert "to 1 of 2 addresses" in line.fact


def test_two_workers_at_midnight_send_one_mail(clinic, inbox):
    at(2026, 6, 8, 15)
    set_up(clinic, inbox, DESK)
    work(clinic)
    inbox.mails.clear()
    at(2026, 6, 9, 0, 0, 1)
    first, second = Worker(), Worker()
    first._prepare(_clinic(clinic), whole_home=True)
    second._prepare(_clinic(clinic), whole_home=True)
    with read(clinic.id) as session:
        job = session.scalars(select(Job).where(Job.dedupe_key == "vault:2026-06-09")).one()
    vault.carry_out(_clinic(clinic), job)
    vault.carry_out(_clinic(clinic), job)  # as one whose lease ran out meanwhile
    first.round()
    assert len(rosters(inbox, DESK)) == 1


def _clinic(clinic):
    with read(clinic.id) as session:
        return session.get_one(Clinic, clinic.id)
