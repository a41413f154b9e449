"""The background worker: schedules, deliveries, backups. One process, started and watched by ``ballast serve``.

Every part of its work is a row: a leased job or a message of the outbox. A worker that dies loses nothing; two
workers never do the same job twice at a time.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

import billing.portal.door  # noqa: F401 - says which codes are too old to be sent
from billing.processors import polling
from billing.settlement.land import take_back_unfinished
from campaigns import letters, recurring, sending, trouble
from campaigns.returns import mailbox_in
from data import jobs
from data.engine import Database, database, use
from data.errors import Refusal
from data.home import Home
from data.models import Clinic, Heartbeat, Job, Ticket
from data.session import ClinicSession, write
from data.types import clock, new_id
from messages import delivery, outbox, sms
from outage import memo_notice, reading, vault, watched
from reports import mailing
from security import audit, backups
from security.actor import Actor
from security.clinics import clinics
from web.faults import place

log = logging.getLogger("ballast.worker")
BEAT = timedelta(seconds=20)
ASK_PROCESSORS = timedelta(seconds=20)
"""Between two looks at what card processors are asked."""
PAUSE = 2.0
LEAVE = 6.0
"""Seconds that messages on their way have when the worker is to stop."""

Deliver = Callable[[str, str], dict[str, int]]
Handler = Callable[[Clinic, Job], dict[str, object]]


def back_up(clinic: Clinic, job: Job) -> dict[str, object]:
    """The daily full backup."""
    made = backups.make_backup(by=Actor.worker(clinic.id, job.id))
    return {"file": made.file.name, "size": made.size}


def tidy(clinic: Clinic, job: Job) -> dict[str, object]:
    """Hide tickets that can no longer be used, and empty the files of mails that went out long ago."""
    with write(clinic.id) as session:
        rows = session.scalars(select(Ticket).where(Ticket.expires_at < clock.now() - timedelta(days=30))).all()
        for row in rows:
            row.deleted_at = clock.now()
        files = outbox.let_go_of_files(session)
        if rows or files:
            session.flush()
            detail = {"rows": len(rows), "files": files}
            audit.append(session, Actor.worker(clinic.id, job.id), "tickets.tidied", detail=detail)
    return {"tickets": len(rows), "files": files}


def keep_report_data(clinic: Clinic, _job: Job) -> dict[str, object]:
    """The nightly snapshot of the report data, built anew from the records, so that the next start is quick."""
    from data.mart import Mart

    fresh = Mart(database(), use_snapshots=False)
    try:
        return {"rows": fresh.refresh(clinic.id), "size": fresh.keep(clinic.id)}
    finally:
        fresh.close()


def reconcile(clinic: Clinic, job: Job) -> dict[str, object]:
    """Match payments, settlements and deposits: after each import, and once a night for what was keyed since."""
    from billing.deposits import find_deposits
    from billing.matching import reconcile_days

    by = Actor.worker(clinic.id, job.id)
    ran = reconcile_days(by=by)
    return {"matches": ran.made, "cases": ran.opened, "deposits": find_deposits(by=by)}


def check_books(clinic: Clinic, job: Job) -> dict[str, object]:
    """Every total told again from its rows; what does not come out is an alert on the administrators' home."""
    from billing.rebuild import tell_again

    told = tell_again(by=Actor.worker(clinic.id, job.id))
    for fault in told.faults[:20]:
        log.error("the books: %s, %s %s", fault.what, fault.row_id, fault.detail)
    return {"invoices": told.invoices, "faults": len(told.faults)}


def read_returns(clinic: Clinic, job: Job) -> dict[str, object]:
    """Bounces and complaints out of the mailbox they come to."""
    from campaigns.mailbox import read_mailbox

    return dict(vars(read_mailbox(by=Actor.worker(clinic.id, job.id))))


def read_replies(clinic: Clinic, job: Job) -> dict[str, object]:
    """STOP and START in reply to text messages, where the service cannot call us."""
    from campaigns.text_replies import ask

    return dict(vars(ask(by=Actor.worker(clinic.id, job.id))))


def take_back_memos(clinic: Clinic, job: Job) -> dict[str, object]:
    """Copies of withdrawn memos that still stand on the status page."""
    return {"copies": memo_notice.take_back_copies(by=Actor.worker(clinic.id, job.id))}


HANDLERS: dict[str, Handler] = {
    "backup": back_up, "tidy": tidy, "snapshot": keep_report_data, "schedule": mailing.carry_out,
    "reconcile": reconcile, "books": check_books, "letters": letters.carry_out, "vault": vault.carry_out,
    "campaign": recurring.carry_out,
    "mailbox": read_returns, "replies": read_replies,
    "memo-copies": take_back_memos,
}  # fmt: skip
BESIDE = frozenset(("schedule", "reconcile", "books", "campaign", "letters", "mailbox", "replies", "memo-copies"))
"""Kinds that are done one at a time beside the loop: a long one holds up neither mail nor backups."""

RECURRING = {
    "backup": "daily 01:30", "tidy": "daily 03:10", "snapshot": "daily 02:20", "reconcile": "daily 04:10",
    "books": "daily 04:40",
}  # fmt: skip
"""Kind to local rule. A whole-home job such as the backup runs for the first clinic only."""
READ_MAILBOX = "every 10 minutes"
"""For clinics that have set a mailbox for bounces."""


def _asked_often(session: ClinicSession) -> list[str]:
    """What is looked into every ten minutes, where the clinic has set it up."""
    set_up = {
        "mailbox": mailbox_in(session).active, "replies": sms.is_set_up(session),
        "memo-copies": memo_notice.has_copies_to_take_back(session),
    }  # fmt: skip
    return [kind for kind, is_set in set_up.items() if is_set]


class Worker:
    """The loop."""

    def __init__(self) -> None:
        self.owner = f"worker-{os.getpid()}-{new_id()[-6:]}"
        self.stopping = threading.Event()
        self._beats: dict[str, datetime] = {}
        self._beside: threading.Thread | None = None
        self._senders: dict[str, threading.Thread] = {}
        self._reader: threading.Thread | None = None
        self._watched = watched.Watched()
        self._tender: threading.Thread | None = None
        self._tended_at = datetime.min.replace(tzinfo=UTC)

    def run(self) -> None:
        """Work until asked to stop."""
        log.info("worker started")
        while not self.stopping.is_set():
            try:
                busy = self.round(wait=False)
            except Exception as failure:
                log.error("a round of the worker failed: %s", place(failure))
                busy = False
            if not busy:
                self.stopping.wait(PAUSE)
        until = time.monotonic() + LEAVE
        for sender in self._senders.values():  # what is under way is marked as what it became
            sender.join(max(0.0, until - time.monotonic()))
        log.info("worker stopped")

    def round(self, *, wait: bool = True) -> bool:
        """One look at every clinic; returns whether something was done. Without ``wait`` what is done beside the loop
        goes on after it."""
        busy = False
        known = clinics()
        for index, clinic in enumerate(known):
            self._prepare(clinic, whole_home=index == 0)
            if not index:
                self._send(known, wait=wait)
            busy |= self._look_after(clinic)
            while not self.stopping.is_set() and (job := self._claim(clinic, but=BESIDE)) is not None:
                self._carry_out(clinic, job)
                busy = True
            while not self.stopping.is_set() and self._start_beside(clinic):
                busy = True
                if not wait:
                    break
                self._wait_beside()
        self._send(known, wait=wait)
        self._read_scans(known, wait=wait)
        self._tend_processors(known, wait=wait)
        return busy

    def _send(self, known: Sequence[Clinic], *, wait: bool) -> None:
        """What is due goes out beside the loop, each channel by itself: a server that hangs holds up nothing else."""
        for channel, deliver in (("email", delivery.deliver), ("sms", sms.deliver)):
            sender = self._senders.get(channel)
            if sender is None or not sender.is_alive():
                about = (channel, deliver, known, wait)
                sender = threading.Thread(target=self._messages, args=about, name=f"send-{channel}", daemon=True)
                self._senders[channel] = sender
                sender.start()
            if wait:
                sender.join()

    def _messages(self, channel: str, deliver: Deliver, known: Sequence[Clinic], once: bool) -> None:
        busy = True
        while busy and not self.stopping.is_set():
            busy = False
            for clinic in known:
                try:
                    trouble.go_on(clinic.id, channel)
                    busy |= bool(deliver(clinic.id, self.owner))
                except Exception as failure:  # the other clinics' go out
                    log.error("messages could not be sent: %s", place(failure))
            if once:
                return

    def _look_after(self, clinic: Clinic) -> bool:
        """Begin, go on with and end campaigns."""
        try:
            return sending.tend(clinic.id)
        except Exception as failure:  # nothing else waits for a campaign
            log.error("campaigns could not be looked after: %s", place(failure))
            return False

    def _read_scans(self, known: Sequence[Clinic], *, wait: bool) -> None:
        """Scanned pages are read beside the loop too: a stack takes a minute."""
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._scans, args=(known,), name="scans", daemon=True)
            self._reader.start()
        if wait:
            self._reader.join()

    def _scans(self, known: Sequence[Clinic]) -> None:
        for clinic in known:
            try:
                self._watched.look(clinic.id, clinic.slug, alone=len(known) == 1)
                reading.read_waiting(clinic.id, self.stopping.is_set)
            except Exception as failure:
                log.error("scans could not be looked at: %s", place(failure))

    def _tend_processors(self, known: Sequence[Clinic], *, wait: bool) -> None:
        """Card processors are asked beside the loop: one that does not answer takes its time."""
        now = clock.now()
        running = self._tender is not None and self._tender.is_alive()
        if not running and (wait or now - self._tended_at >= ASK_PROCESSORS):
            self._tended_at = now
            self._tender = threading.Thread(target=self._processors, args=(known,), name="processors", daemon=True)
            self._tender.start()
        if wait and self._tender is not None:
            self._tender.join()

    def _processors(self, known: Sequence[Clinic]) -> None:
        for clinic in known:
            try:
                take_back_unfinished(clinic.id)
                polling.tend(clinic.id, self.stopping.is_set)
            except Exception as failure:
                log.error("card processors could not be asked: %s", place(failure))

    def _claim(self, clinic: Clinic, *, only: Collection[str] = (), but: Collection[str] = ()) -> Job | None:
        return jobs.claim(clinic.id, self.owner, clinic.zone, only=only, but=but)

    def _start_beside(self, clinic: Clinic) -> bool:
        if self._beside is not None and self._beside.is_alive():
            return False
        job = self._claim(clinic, only=BESIDE)
        if job is None:
            return False
        self._beside = threading.Thread(target=self._carry_out, args=(clinic, job), name="beside", daemon=True)
        self._beside.start()
        return True

    def _wait_beside(self) -> None:
        if self._beside is not None:
            self._beside.join()

    def _prepare(self, clinic: Clinic, *, whole_home: bool) -> None:
        now = clock.now()
        if now - self._beats.get(clinic.id, now - BEAT) < BEAT:
            return
        self._beats[clinic.id] = now
        delivery.settle_expired(clinic.id)
        if whole_home and database().home.sweep():
            log.warning("removed what an export or backup that broke off had left in the staging folder")
        try:
            mailing.plan(clinic.id, clinic.zone)
        except Exception as failure:  # the rest of the worker's work does not wait for it
            log.error("subscriptions could not be looked at: %s", place(failure))
        try:
            recurring.plan(clinic.id, clinic.zone)
        except Exception as failure:
            log.error("campaigns that go out by themselves could not be looked at: %s", place(failure))
        try:
            vault.plan(clinic.id, clinic.zone)
        except Exception as failure:
            log.error("the Vault could not be looked at: %s", place(failure))
        with write(clinic.id) as session:
            session.head()  # two workers take turns
            row = session.scalars(select(Heartbeat).where(Heartbeat.part == "worker")).one_or_none()
            if row is None:
                session.add(Heartbeat(part="worker", seen_at=now))
            else:
                row.seen_at = now
            for kind, rule in RECURRING.items():
                if whole_home or kind != "backup":
                    jobs.ensure(session, kind, rule, clinic.zone)
            for kind in _asked_often(session):
                jobs.ensure(session, kind, READ_MAILBOX, clinic.zone)

    @staticmethod
    def _carry_out(clinic: Clinic, job: Job) -> None:
        handler = HANDLERS.get(job.kind)
        if handler is None:
            jobs.fail(clinic.id, job, clinic.zone, f"no worker knows how to do {job.kind}")
            return
        try:
            result: dict[str, Any] = handler(clinic, job)
        except Refusal as refusal:
            log.warning("job %s: %s", job.kind, refusal.message)
            jobs.fail(clinic.id, job, clinic.zone, refusal.message)
        except Exception as failure:
            log.error("job %s failed: %s", job.kind, place(failure))
            jobs.fail(clinic.id, job, clinic.zone, type(failure).__name__)
        else:
            jobs.finish(clinic.id, job, clinic.zone, result)


def main() -> None:
    """``python -m worker``: work until SIGTERM, or until the parent that started it is gone."""
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--home")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--now")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    home = Home.locate(options.home)
    _ = home.id
    use(Database(home))
    run(once=options.once, now=options.now)


def run(*, once: bool = False, now: str | None = None) -> None:
    """Work in this process: one round with ``once``, at a given instant with ``now`` (ISO, for tests)."""
    if now:
        clock.set(datetime.fromisoformat(now))
    worker = Worker()
    if once:
        worker.round()
        return
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    threading.Thread(target=_end_with, args=(parent, worker), daemon=True).start()
    worker.run()


def _end_with(parent: int, worker: Worker) -> None:
    while not worker.stopping.wait(3):
        if os.getppid() != parent:
            worker.stopping.set()


if __name__ == "__main__":
    main()
