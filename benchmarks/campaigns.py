"""How fast a campaign goes out, next to a loop of smtplib and EmailMessage; and what a crash costs.

    uv run python -m benchmarks.campaigns [--messages 6000] [--kills 15] [--only speed|kills|letters]

Speed: both send the same 21 KB texts to a local SMTP server that takes all (``benchmarks.smtp_sink``), over one
connection; ours with all its marks on the disk. Kills: the sender is ended by ``kill -9`` again and again while it
sends; then the server's own list of what it took is held against the outbox. Prints JSON. BALLAST_DATABASE_URL runs it
on an empty PostgreSQL database instead.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

import campaigns.sending  # noqa: F401 - says how runs are sent
from benchmarks.campaign_data import find_only, furnish
from benchmarks.smtp_sink import sinking, taken
from campaigns import launch, letters
from campaigns.settings import Template
from campaigns.templates import compile
from data.engine import Database, use
from data.home import Home
from data.models import CampaignRun, OutboxMessage
from data.schema import upgrade
from data.session import read
from data.types import clock
from messages import delivery
from messages.wire import smtp_connection
from security.actor import Actor
from security.clinics import NewClinic, create_clinic

ROOT = Path(__file__).parent.parent
WORDS = "Your companion is due for a visit, and spring is the time of ticks. "
BODY = "Dear {{ client_first_name }},\n\n" + "\n".join(WORDS + str(line) for line in range(100))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--child", nargs=3)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    parts = {
        "speed": lambda folder: speed(folder, options.messages),
        "letters": lambda folder: letter_files(folder, options.letters),
        "kills_with_log": lambda folder: kills(folder, options.messages, options.kills, True, options.workers),
        "kills_without_log": lambda folder: kills(folder, options.messages, options.kills, False, options.workers),
    }
    told = {}
    for name, part in parts.items():
        if options.only in name:
            with tempfile.TemporaryDirectory() as folder:
                told[name] = part(Path(folder))
    print(json.dumps(told, indent=1))


def launched(folder: Path, count: int, **campaign: Any) -> tuple[str, str]:
    """A new clinic with a launched campaign to so many; its id and the run's."""
    os.environ |= {
        "BALLAST_HOME": str(folder / "home"), "BALLAST_KEY_FILE": str(folder / "key"),
        "BALLAST_SMTP_URL": "smtp://127.0.0.1:9", "BALLAST_MAIL_FROM": "hello@clinic.example.org",
        "BALLAST_PUBLIC_URL": "https://clinic.example.org",
    }  # fmt: skip
    home = Home(folder / "home")
    home.create()
    database = Database(home)
    use(database)
    if not database.is_sqlite:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            connection.commit()
    upgrade(database)
    clinic_id = create_clinic(NewClinic("bench", "Bench"))
    people = [(f"Pat {number}", f"p{number}@example.org") for number in range(count)]
    ids = furnish(clinic_id, people, **({"body": BODY} | campaign))
    find_only(ids)
    began = time.perf_counter()
    run_id = launch.launch("news", key="bench", by=Actor.operator(clinic_id))
    launched.seconds = round(time.perf_counter() - began, 2)  # type: ignore[attr-defined]
    return clinic_id, run_id


def speed(folder: Path, count: int) -> dict[str, Any]:
    """Ours and the plain loop, in turn, so that both meet the same machine."""
    clinic_id, _ = launched(folder, count)
    with sinking(folder / "log") as url:
        os.environ["BALLAST_SMTP_URL"] = url
        theirs = [_plain_loop(url, min(count, 400))]
        began, cpu = time.perf_counter(), time.process_time()
        while delivery.deliver(clinic_id, "bench", seconds=30):
            pass
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        theirs.append(_plain_loop(url, min(count, 400)))
        arrived = len(taken(folder / "log")) - sum(loop["count"] for loop in theirs)
    plain = {
        "messages_per_s": max(loop["per_s"] for loop in theirs), "cpu_ms": min(loop["cpu_ms"] for loop in theirs)
    }  # fmt: skip
    ours = {"messages_per_s": round(count / seconds), "cpu_ms": round(cpu / count * 1e3, 3), "arrived": arrived}
    return {
        "messages": count, "launch_s": launched.seconds,  # type: ignore[attr-defined]
        "ours": ours, "smtplib_and_EmailMessage": plain,
        "times_as_fast": round(ours["messages_per_s"] / plain["messages_per_s"], 1),
        "times_less_cpu": round(plain["cpu_ms"] / ours["cpu_ms"], 1),
    }  # fmt: skip


def letter_files(folder: Path, count: int) -> dict[str, Any]:
    """Letters and labels of a whole run, as the worker makes them."""
    texts = {"channels": ["letter"], "templates": {"letter": "hello-letter"}, "purpose": "reminder"}
    body = "Dear {{ client_name }},\n\n" + "\n\n".join(WORDS * 3 for _ in range(4)) + "\n\n{{ clinic_name }}"
    clinic_id, run_id = launched(folder, count, body=body, **texts)
    by, told = Actor.operator(clinic_id), []
    began = time.perf_counter()
    letters.make_letters(run_id, by=by, progress=lambda done, _: told.append(done))
    seconds = time.perf_counter() - began
    sizes = [len(letters.open_file(run_id, file_id, by=by)) for _, file_id in letters.files_of(run_id, by=by)]
    return {
        "letters": count, "seconds": round(seconds, 1), "told_how_far": len(told),
        "megabytes": round(sizes[0] / 1e6, 1), "launch_s": launched.seconds,  # type: ignore[attr-defined]
    }  # fmt: skip


def _plain_loop(url: str, count: int) -> dict[str, float]:
    template = compile(Template(label="x", subject="News", body=BODY))
    values = {"clinic_name": "Bench", "clinic_address": "1 Main St, Troy", "unsubscribe_link": "https://x.example/u/1"}
    began, cpu = time.perf_counter(), time.process_time()
    with smtp_connection(url) as server:
        for number in range(count):
            written = template.render({**values, "client_first_name": f"Pat {number}"})
            message = EmailMessage(policy=SMTP)
            message["From"], message["To"] = "hello@clinic.example.org", f"p{number}@example.org"
            message["Subject"], message["Date"] = written.subject, format_datetime(clock.now())
            message["Message-ID"] = f"<plain-{number}@example.org>"
            message.set_content(written.text)
            message.add_alternative(written.html, subtype="html")
            server.send_message(message)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"count": count, "per_s": round(count / seconds), "cpu_ms": round(cpu / count * 1e3, 2)}


def child(clinic_id: str, owner: str, at: str) -> None:
    """One sender, as the worker is one: settles what is left of the one before, then sends until nothing is due."""
    clock.set(datetime.fromisoformat(at))
    find_only([])
    print("ready", flush=True)
    delivery.settle_expired(clinic_id)
    while delivery.deliver(clinic_id, owner, seconds=60):
        pass


def kills(folder: Path, count: int, times: int, with_log: bool, workers: int = 1) -> dict[str, Any]:
    """Send with ``times`` kills in between; what was lost, doubled and held."""
    clinic_id, run_id = launched(folder, count)
    log, chance, at = folder / "log", random.Random(6), clock.now()
    os.environ.pop("BALLAST_RELAY_LOG", None)
    if with_log:
        os.environ["BALLAST_RELAY_LOG"] = f"lines:{log}"
    killed, per_kill = 0, []
    with sinking(log) as url:
        os.environ["BALLAST_SMTP_URL"] = url
        while True:
            left = _count(clinic_id, run_id, ("pending", "claimed", "sending", "deferred"))
            if not left:
                break
            at += timedelta(minutes=20)
            clock.set(at)
            before = _count(clinic_id, run_id, ("uncertain",))
            delivery.settle_expired(clinic_id)
            per_kill.append(_count(clinic_id, run_id, ("uncertain",)) - before)
            senders = [
                _sender(clinic_id, f"w{killed}-{number}", at + timedelta(minutes=5)) for number in range(workers)
            ]
            if killed < times:
                mark = len(taken(log)) + chance.randrange(5, max(6, count // (times + 2)))
                while len(taken(log)) < mark and any(one.poll() is None for one in senders):
                    time.sleep(0.002)
                for one in senders:
                    one.send_signal(signal.SIGKILL)
                killed += 1
            for one in senders:
                one.wait()
            if per_kill and killed >= times and len(per_kill) > times + 5:
                break
    names = Counter(taken(log))
    with read(clinic_id) as session:
        rows = session.execute(
            select(OutboxMessage.message_id, OutboxMessage.state).where(OutboxMessage.run_id == run_id)
        ).all()
        uncertain = [row.message_id for row in rows if row.state == "uncertain"]
        state = session.scalar(select(CampaignRun.state).where(CampaignRun.id == run_id))
    return {
        "messages": count, "kills": killed, "workers": workers,
        "lost": sum(1 for row in rows if row.message_id not in names and row.state != "uncertain"),
        "doubled": sum(1 for number in names.values() if number > 1),
        "sent_but_unknown": sum(1 for row in rows if row.state == "sent" and row.message_id not in names),
        "uncertain": len(uncertain), "of_those_arrived": sum(1 for name in uncertain if name in names),
        "most_uncertain_per_kill": max(per_kill, default=0), "states": dict(Counter(row.state for row in rows)),
        "run": state,
    }  # fmt: skip


def _count(clinic_id: str, run_id: str, states: tuple[str, ...]) -> int:
    with read(clinic_id) as session:
        query = select(func.count()).where(OutboxMessage.run_id == run_id, OutboxMessage.state.in_(states))
        return int(session.scalar(query) or 0)


def _sender(clinic_id: str, owner: str, at: datetime) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.campaigns", "--child", clinic_id, owner, at.isoformat()]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
