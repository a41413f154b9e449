"""A campaign reaches each address once, says of everybody else why not, and looks again before each message."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns import audience, launch, runs, sending, shelf
from campaigns.consents import suppress
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE
from data import definitions
from data.models import Appointment, CampaignRun, Client, Clinic, Consent, Location, OutboxMessage, Patient
from data.session import read, write
from data.types import clock, new_id
from messages import delivery
from messages.outbox import queue
from messages.pace import quiet_until
from security import audit
from security.actor import Actor
from security.profile import PROFILE, ClinicProfile
from tests import inbox as inboxes
from tests.campaigns.reach import Member, by_state, furnished, rows
from tests.messages.rough import rough

pytestmark = pytest.mark.usefixtures("inbox")
PEOPLE = [("Amy", "amy@example.org"), ("Bea", "bea@example.org"), ("Cal", "cal@example.org")]


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


def by(clinic):
    return Actor.operator(clinic.id)


def send(clinic, times=1):
    for _ in range(times):
        delivery.deliver(clinic.id, "w")
    sending.tend(clinic.id)


def run_of(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(CampaignRun)).one()


def change(clinic, what):
    """Something happens at the counter."""
    with write(clinic.id) as session:
        what(session)
        session.flush()
        audit.append(session, by(clinic), "sample.changed", "clinic", "", {})


def test_a_campaign_goes_to_each_once_and_ends(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        run_id = launch.launch("news", key="k", by=by(clinic))
        assert launch.launch("news", key="k", by=by(clinic)) == run_id
        send(clinic, 2)
        assert sorted(mail.rcpt_tos[0] for mail in inbox.mails) == [address for _, address in PEOPLE]
        assert by_state(clinic) == {"sent": 3} and run_of(clinic).state == "finished"
        [mail] = inbox.to("amy@example.org")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["List-Unsubscribe"].startswith("<https://clinic.example.org/u/")
        text = mail.get_body(("plain",)).get_content()
        assert mail["Reply-To"] == "desk@clinic.example.org"
        assert "\n-- \n" in text.replace("\r\n", "\n"), "a mail program knows by it where the end begins"
        assert "Dear Amy" in text and "1 Main St, Troy" in text and "/u/" in text
        ids = {row.message_id for row in rows(clinic)}
        row = next(row for row in rows(clinic) if row.recipient == "amy@example.org")
        assert mail["Message-ID"] in ids and row.message_id == launch.message_id(run_id, "email", row.address_hash)


def test_one_address_gets_one_message_and_everybody_else_a_reason(clinic, inbox, monkeypatch):
    people = [*PEOPLE, ("Dan", "AMY@example.org"), ("Eve", ""), ("Fay", "not an address"), ("Gus", "gus@example.org")]
    with furnished(clinic, monkeypatch, people) as ids:
        three_pets = [Member(ids[0], new_id()) for _ in range(3)]
        monkeypatch.setattr(launch, "members", lambda *_, **__: [*map(Member, ids[1:]), *three_pets])

        def refuse(session):
            from campaigns.links import address_hash
            from security.clinic_secrets import links_key

            suppress(
                session,
                address_hash(links_key(session), "email", "gus@example.org"),
                "email",
                "marketing",
                "unsubscribed",
            )

        change(clinic, refuse)
        launch.launch("news", key="k", by=by(clinic))
        whys = {row.client_id: row.reply for row in rows(clinic) if row.state == "excluded"}
        assert [whys.get(one, "") for one in ids] == [
            "", "", "", "shares the address with another client who gets it", "no e-mail address",
            "the e-mail address is not written like one", "unsubscribed",
        ]  # fmt: skip


@pytest.mark.parametrize(("kind", "slug"), [(CAMPAIGN, "news"), (SEGMENT, "all"), (TEMPLATE, "hello")])
def test_nothing_is_launched_that_was_written_while_somebody_looked(sqlite_clinic, inbox, monkeypatch, kind, slug):
    """A colleague saved another text between the question and the click, and that one went to everybody."""
    clinic = sqlite_clinic
    with furnished(clinic, monkeypatch, PEOPLE):
        seen = clock.now() + timedelta(seconds=1)
        clock.set(seen + timedelta(seconds=1))
        changed = shelf.one(kind, slug, by=by(clinic)).document.model_copy(update={"label": "Other"})
        shelf.keep(kind, changed, slug=slug, by=by(clinic))
        with pytest.raises(launch.ChangedSince):
            launch.launch("news", key="k", seen_at=seen, by=by(clinic))
        assert rows(clinic) == []
        launch.launch("news", key="k", seen_at=clock.now(), by=by(clinic))
        assert by_state(clinic) == {"pending": 3}


def test_two_windows_launch_once(clinic, inbox, monkeypatch):
    """Each window has a key of its own: a reminder without a cap went to everybody twice."""
    with furnished(clinic, monkeypatch, PEOPLE, purpose="reminder", frequency_cap_days=0):
        seen, told, ready = clock.now(), [], threading.Barrier(2)

        def window(key):
            ready.wait(20)
            try:
                told.append(launch.launch("news", key=key, seen_at=seen, by=by(clinic)))
            except launch.LaunchedSince as refusal:
                told.append(type(refusal))

        windows = [threading.Thread(target=window, args=(key,)) for key in ("one", "two")]
        for one in windows:
            one.start()
        for one in windows:
            one.join()
        assert told.count(launch.LaunchedSince) == 1 and len(told) == 2
        assert by_state(clinic) == {"pending": 3}
        assert launch.launch("news", key="later", seen_at=clock.now(), by=by(clinic)), "again, by somebody who saw it"


def test_a_field_that_is_empty_for_anyone_keeps_all_from_going(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, [*PEOPLE, ("", "x@example.org")]):
        with pytest.raises(launch.NotReady, match="'client_first_name' is empty for client 90003"):
            launch.launch("news", key="k", by=by(clinic))
        assert rows(clinic) == []


def test_a_launch_is_blocked_without_what_the_law_wants(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        monkeypatch.delenv("BALLAST_PUBLIC_URL")
        monkeypatch.delenv("BALLAST_MAIL_FROM")
        monkeypatch.setattr(launch, "profile", lambda _: ClinicProfile())
        found = {problem.what for problem in launch.check("news", by=by(clinic)) if problem.blocks}
        assert {"address", "sender", "unsubscribe"} <= found
        monkeypatch.setattr(launch, "members", lambda *_, **__: [])
        assert "audience" in {problem.what for problem in launch.check("news", by=by(clinic))}


def test_what_changes_after_the_launch_is_seen_before_each_message(clinic, inbox, monkeypatch):
    people = [(name, f"{name}@example.org") for name in ("amy", "bea", "cal", "dan", "eve")]
    with furnished(clinic, monkeypatch, people, purpose="reminder") as ids:
        pets = [new_id() for _ in ids]
        with write(clinic.id) as session:
            session.bulk(
                Patient, [{"id": pet, "client_id": one, "name": "Rex"} for pet, one in zip(pets, ids, strict=True)]
            )
            audit.append(session, by(clinic), "sample.made", "clinic", "", {})
        monkeypatch.setattr(launch, "members", lambda *_, **__: [*map(Member, ids, pets)])
        launch.launch("news", key="k", by=by(clinic))

        def later(session):
            session.get_one(Patient, (clinic.id, pets[1])).died_on = date(2026, 1, 2)
            session.get_one(Patient, (clinic.id, pets[2])).client_id = ids[0]
            session.get_one(Client, (clinic.id, ids[3])).email = "other@example.org"
            session.get_one(Client, (clinic.id, ids[4])).deleted_at = clock.now()

        change(clinic, later)
        send(clinic)
        assert [mail.rcpt_tos[0] for mail in inbox.mails] == ["amy@example.org"]
        assert by_state(clinic) == {"sent": 1, "suppressed": 4}
        whys = {row.client_id: row.reply for row in rows(clinic)}
        assert whys[ids[1]] and "address" in whys[ids[3]] and whys[ids[4]] == "no such client any more"


def test_a_permission_withdrawn_and_a_visit_cancelled_after_the_launch_count(sqlite_clinic, inbox, monkeypatch):
    clinic = sqlite_clinic
    body = "Dear {{ client_first_name }}, about {{ patient_name }} on {{ next_visit_day }}."
    with furnished(clinic, monkeypatch, PEOPLE, body=body, purpose="reminder") as ids:
        pets, visits = [new_id() for _ in ids], [new_id() for _ in ids]
        at = clock.now() + timedelta(days=3)
        with write(clinic.id) as session:
            place = Location(name="L", zone="UTC")
            session.add(place)
            session.flush()
            pairs = list(zip(pets, ids, visits, strict=True))
            session.bulk(Patient, [{"id": pet, "client_id": one, "name": "Rexine"} for pet, one, _ in pairs])
            session.bulk(Appointment, [
                {"id": visit, "number": 70_000 + n, "client_id": one, "patient_id": pet, "location_id": place.id,
                 "type": "spay", "starts_at": at, "day": at.date(), "stage_at": clock.now()}
                for n, (pet, one, visit) in enumerate(pairs)
            ])  # fmt: skip
            audit.append(session, by(clinic), "sample.made", "clinic", "", {})
        monkeypatch.setattr(launch, "members", lambda *_, **__: [*map(Member, ids, pets)])
        launch.launch("news", key="k", by=by(clinic))

        def later(session):
            refusal = {"client_id": ids[1], "channel": "any", "purpose": "phi", "given": False, "origin": "phone"}
            session.add(Consent(event_at=clock.now() + timedelta(seconds=1), **refusal))
            session.get_one(Appointment, (clinic.id, visits[2])).stage = "cancelled"

        change(clinic, later)
        send(clinic)
        texts = {who: inbox.to(f"{who}@example.org") for who in ("amy", "bea", "cal")}
        assert "about Rexine" in texts["amy"][0].get_body(("plain",)).get_content()
        assert "Rexine" not in str(texts["bea"][0]) and "your pet" in texts["bea"][0].get_body(("plain",)).get_content()
        assert texts["cal"] == [] and by_state(clinic) == {"sent": 2, "suppressed": 1}


def test_a_way_out_taken_while_it_runs_counts_for_the_very_next_group(sqlite_clinic, inbox, monkeypatch):
    clinic = sqlite_clinic
    people = [(f"p{n:02d}", f"p{n:02d}@example.org") for n in range(30)]
    with furnished(clinic, monkeypatch, people):
        launch.launch("news", key="k", by=by(clinic))

        def leave(mail):
            if len(inbox.mails) == 1:
                late = [row for row in rows(clinic) if row.recipient > "p10"]
                change(
                    clinic,
                    lambda session: [
                        suppress(session, row.address_hash, "email", "marketing", "unsubscribed") for row in late
                    ],
                )

        inbox.after = leave
        send(clinic)
        states = by_state(clinic)
        assert states["suppressed"] >= 15 and states["sent"] == len(inbox.mails)
        sent = {mail.rcpt_tos[0] for mail in inbox.mails}
        assert not sent & {row.recipient for row in rows(clinic) if row.state == "suppressed"}


def test_pause_resume_and_stop(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        run_id = launch.launch("news", key="k", by=by(clinic))
        launch.pause(run_id, "wrong price", by=by(clinic))
        send(clinic)
        assert inbox.mails == [] and by_state(clinic) == {"pending": 3}
        launch.resume(run_id, by=by(clinic))
        launch.stop(run_id, "never mind", by=by(clinic))
        send(clinic)
        assert inbox.mails == [] and by_state(clinic) == {"suppressed": 3}
        with pytest.raises(launch.NotRunning):
            launch.resume(run_id, by=by(clinic))


def test_a_throttle_and_a_window_are_counted_from_what_went_out_by_any_worker(clinic, inbox, monkeypatch):
    people = [(f"p{n:02d}", f"p{n:02d}@example.org") for n in range(30)]
    window = {"messages": 15, "minutes": 10}
    clock.set(datetime(2026, 3, 2, 15, tzinfo=UTC))
    with furnished(clinic, monkeypatch, people, throttle_per_minute=8, window=window):
        launch.launch("news", key="k", by=by(clinic))
        told = []
        for _ in range(14):
            send(clinic)
            sending._known.clear()  # another worker, started anew
            told.append(len(inbox.mails))
            clock.set(clock.now() + timedelta(seconds=61))
        assert told[:4] == [8, 15, 15, 15] and told[-1] > 15 and max(told) <= 30
        assert told[9] == 15 and told[10] > 15


def test_a_clock_that_was_ahead_for_a_while_holds_up_no_throttle(sqlite_clinic, inbox, monkeypatch):
    """What went out while the clock was days ahead used up the throttle of every minute until then."""
    clinic, start = sqlite_clinic, datetime(2026, 3, 2, 15, tzinfo=UTC)
    clock.set(start)
    people = [(f"p{n}", f"p{n}@example.org") for n in range(6)]
    with furnished(clinic, monkeypatch, people, throttle_per_minute=2, window={"messages": 2, "minutes": 1}):
        launch.launch("news", key="k", by=by(clinic))
        told = []
        for at in (start, start + timedelta(days=3), start + timedelta(minutes=2)):
            clock.set(at)
            send(clinic)
            told.append(len(inbox.mails))
        assert told == [2, 4, 6]


def test_quiet_hours_are_the_recipients_and_follow_daylight_saving(clinic, inbox, monkeypatch):
    # the night before daylight saving begins in America: 08:00 in New York is 12:00 UTC from then on
    clock.set(datetime(2026, 3, 8, 5, tzinfo=UTC))
    quiet = {"begin": "20:00", "end": "08:00"}
    with furnished(clinic, monkeypatch, PEOPLE, quiet_hours=quiet) as ids:
        change(clinic, lambda session: setattr(session.get_one(Client, (clinic.id, ids[1])), "region", "CA"))
        launch.launch("news", key="k", by=by(clinic))
        send(clinic)
        assert inbox.mails == []
        clock.set(datetime(2026, 3, 8, 11, 59, tzinfo=UTC))
        send(clinic)
        assert inbox.mails == []
        clock.set(datetime(2026, 3, 8, 12, 1, tzinfo=UTC))
        send(clinic)
        assert len(inbox.mails) == 2 and by_state(clinic) == {"sent": 2, "pending": 1}
        clock.set(datetime(2026, 3, 8, 15, 1, tzinfo=UTC))
        send(clinic)
        assert len(inbox.mails) == 3 and run_of(clinic).state == "finished"


@pytest.mark.parametrize(
    ("at", "zone", "until"),
    [
        (datetime(2026, 7, 1, 3, tzinfo=UTC), "America/New_York", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        (datetime(2026, 7, 1, 13, tzinfo=UTC), "America/New_York", None),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "America/New_York", datetime(2026, 11, 1, 13, tzinfo=UTC)),
        (datetime(2026, 10, 3, 15, tzinfo=UTC), "Australia/Sydney", datetime(2026, 10, 3, 21, tzinfo=UTC)),
    ],
)
def test_the_end_of_quiet_hours_is_reckoned_on_the_wall(at, zone, until):
    assert quiet_until("20:00", "08:00", zone, at) == until


def test_the_hour_that_comes_twice_ends_quiet_hours_at_its_second_time():
    at = datetime(2026, 11, 1, 6, 15, tzinfo=UTC)  # 01:15 for the second time
    assert quiet_until("20:00", "01:30", "America/New_York", at) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_nobody_is_written_to_more_often_than_the_cap_allows_across_campaigns(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE, frequency_cap_days=7):
        launch.launch("news", key="first", by=by(clinic))
        with pytest.raises(launch.NotReady, match="within 7 days"):
            launch.launch("news", key="second", by=by(clinic))
        send(clinic)
        clock.set(clock.now() + timedelta(days=8))
        launch.launch("news", key="third", by=by(clinic))
        send(clinic)
        assert len(inbox.mails) == 6


def test_two_workers_with_a_launch_each_write_to_nobody_twice_within_the_cap(clinic, inbox, monkeypatch):
    """Launched in one moment and judged before either had sent, each took the other's people for unreached."""
    with furnished(clinic, monkeypatch, PEOPLE, frequency_cap_days=7):
        launch.launch("news", key="first", by=by(clinic))
        with monkeypatch.context() as patch:
            patch.setattr(audience, "recently_reached", lambda *_, **__: set())
            launch.launch("news", key="second", by=by(clinic))
        workers = [delivery.MailRound(clinic.id, f"w{number}") for number in range(2)]
        judged = [worker._judged(worker.claim()) for worker in workers]
        assert [len(rows) for rows in judged] == [3, 3] and judged[0][0].run_id != judged[1][0].run_id
        assert [len(worker._begin(rows)) for worker, rows in zip(workers, judged, strict=True)] == [3, 0]
        for worker in workers:
            worker._beside.shutdown()


def test_some_get_the_other_text_and_some_none_to_compare_with(clinic, inbox, monkeypatch):
    people = [(f"p{n:03d}", f"p{n:03d}@example.org") for n in range(200)]
    with furnished(clinic, monkeypatch, people, b_templates={"email": "other"}, b_share=30, hold_out_percent=20):
        launch.launch("news", key="k", by=by(clinic))
        found = {variant: [row for row in rows(clinic) if row.variant == variant] for variant in ("a", "b", "hold")}
        assert 20 <= len(found["hold"]) <= 60 and 25 <= len(found["b"]) <= 80
        assert {row.state for row in found["hold"]} == {"held_out"}
        with read(clinic.id) as session:
            row = found["b"][0]
            table = OutboxMessage.__table__
            columns = session.connection().execute(select(*table.c).where(table.c.id == row.id)).one()
        assert sending.compose(clinic.id, columns).text.startswith("B: ")


def test_a_launch_that_broke_off_goes_on_and_doubles_nobody(clinic, inbox, monkeypatch):
    people = [(f"p{n:03d}", f"p{n:03d}@example.org") for n in range(250)]
    with furnished(clinic, monkeypatch, people):
        real, calls = launch._freeze, []

        def dies(*args):
            if len(calls) == 1:
                raise KeyboardInterrupt
            calls.append(args)
            real(*args)

        monkeypatch.setattr(launch, "_freeze", dies)
        with pytest.raises(KeyboardInterrupt):
            launch.launch("news", key="k", by=by(clinic))
        monkeypatch.setattr(launch, "_freeze", real)
        assert run_of(clinic).state == "preparing" and by_state(clinic) == {"pending": launch.CHUNK}
        send(clinic)
        assert inbox.mails == [], "what is in preparation sends nothing"
        clock.set(clock.now() + timedelta(minutes=3))
        sending.tend(clinic.id)
        assert run_of(clinic).state == "running" and by_state(clinic) == {"pending": 250}
        launch.launch("news", key="k", by=by(clinic))
        assert by_state(clinic) == {"pending": 250} and run_of(clinic).audience == 250


def test_a_dead_mail_server_pauses_the_run_and_says_why(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        launch.launch("news", key="k", by=by(clinic))
        monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
        send(clinic)
        run = run_of(clinic)
        assert run.state == "paused" and run.reason.startswith("The mail server takes nothing")
        assert by_state(clinic) == {"pending": 3} and {row.attempts for row in rows(clinic)} == {0}


def test_a_restored_backup_sends_nothing_of_a_campaign(clinic, inbox, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        launch.launch("news", key="k", by=by(clinic))
        (clinic.home.path / "sending-paused").write_text("restored")
        send(clinic)
        assert inbox.mails == [] and by_state(clinic) == {"pending": 3} and run_of(clinic).state == "running"


def test_two_workers_at_once_send_nothing_twice(clinic, inbox, monkeypatch):
    people = [(f"p{n:02d}", f"p{n:02d}@example.org") for n in range(60)]
    with furnished(clinic, monkeypatch, people):
        launch.launch("news", key="k", by=by(clinic))
        monkeypatch.setattr(delivery, "BATCH", 15)
        workers = [threading.Thread(target=delivery.deliver, args=(clinic.id, f"w{n}")) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(mail.rcpt_tos[0] for mail in inbox.mails) == [address for _, address in people]
        assert by_state(clinic) == {"sent": 60}


def test_what_a_server_answers_names_nobody_in_logs_and_reports(sqlite_clinic, monkeypatch):
    clinic = sqlite_clinic
    said = "550 5.1.1 <amy@example.org>: amy@example.org not at 203.0.113.25, call +1 212 555 0100, id 4F12345678901"
    people = [*PEOPLE, ("Odd", "odd@exa mple.org")]
    with rough({("RCPT", "amy"): said}, pipelining=True) as server, furnished(clinic, monkeypatch, people):
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        run_id = launch.launch("news", key="k", by=by(clinic))
        delivery.deliver(clinic.id, "w")
        [failed] = [row for row in rows(clinic) if row.state == "failed"]
        assert failed.reply == "550 5.1.1 <\u2026>: \u2026 not at 203.0.113.25, call \u2026, id 4F12345678901"
        assert "@" not in str(runs.why_left_out(run_id, by=by(clinic)))


def test_a_control_character_in_a_name_or_subject_costs_nobody_their_mail(sqlite_clinic, inbox, monkeypatch):
    """A bell that came along when the clinic's name was pasted kept every mail of the clinic back, the Vault's too."""
    clinic = sqlite_clinic
    with furnished(clinic, monkeypatch, PEOPLE, subject="News\x07 for {{ client_first_name }}"):
        name = "Harbor\x07 Spay\x1b"
        change(clinic, lambda session: setattr(session.get_one(Clinic, clinic.id), "name", name))
        change(
            clinic,
            lambda session: definitions.save(
                session, PROFILE, "clinic", ClinicProfile(legal_name=name, address="1 Main St"), by_user_id=None
            ),
        )
        with write(clinic.id) as session:
            queue(session, purpose="test", dedupe_key="v", recipient="v@example.org", subject=name, text="x")
            audit.append(session, by(clinic), "test.queued", "outbox", "", {})
        launch.launch("news", key="k", by=by(clinic))
        send(clinic, 2)
        assert inbox.to("amy@example.org")[0]["subject"] == "News for Amy"
        assert inbox.to("v@example.org")[0]["subject"] == "Harbor Spay" and by_state(clinic) == {"sent": 3}
        assert {mail["from"].addresses[0].display_name for mail in map(inboxes.read, inbox.mails)} == {"Harbor Spay"}


def test_no_merge_value_makes_a_header(clinic, inbox, monkeypatch):
    bad = "Amy\r\nBcc: all@example.org\r\n\r\n.\r\nRCPT TO:<evil@example.org>"
    with furnished(clinic, monkeypatch, [(bad, "amy@example.org")], subject="For {{ client_first_name }}"):
        launch.launch("news", key="k", by=by(clinic))
        send(clinic)
        [mail] = inbox.to("amy@example.org")
        assert len(inbox.mails) == 1 and mail["Bcc"] is None and "Bcc" in mail["Subject"]
        assert "RCPT TO:<evil@example.org>" in mail.get_body(("plain",)).get_content()


def test_marks_throw_away_no_answer_kept_for_pages(sqlite_clinic, inbox, monkeypatch):
    clinic = sqlite_clinic
    people = [(f"p{n:02d}", f"p{n:02d}@example.org") for n in range(25)]
    with furnished(clinic, monkeypatch, people):
        launch.launch("news", key="k", by=by(clinic))
        with read(clinic.id) as session:
            before = session.seen_change()
        delivery.deliver(clinic.id, "w")
        with read(clinic.id) as session:
            assert session.seen_change() == before and by_state(clinic) == {"sent": 25}
            assert min(session.scalars(select(OutboxMessage.change).where(OutboxMessage.run_id.is_not(None)))) > before


def test_a_mail_of_no_campaign_names_the_clinic_and_who_answers(sqlite_clinic, inbox):
    with write(sqlite_clinic.id) as session:
        name = session.get_one(Clinic, sqlite_clinic.id).name
        for place, answers in enumerate(("desk@clinic.example.org", "x\r\nBcc: all@example.org")):
            queue(session, purpose="alert", dedupe_key=f"k{place}", recipient=f"a{place}@example.org", subject="Hi",
                  text="Hello", reply_to=answers)  # fmt: skip
    delivery.deliver(sqlite_clinic.id, "w")
    [first], [other] = inbox.to("a0@example.org"), inbox.to("a1@example.org")
    assert first["From"].addresses[0].display_name == name and first["Reply-To"] == "desk@clinic.example.org"
    assert first["Auto-Submitted"] == "auto-generated" and other["Reply-To"] is other["Bcc"] is None
