"""What a page costs: CPU of a rerun of the busiest pages and of those about paper and money, then 25 people at once.

    python -m benchmarks.pages [--home DIR] [--reruns 15] [--people 25] [--seconds 20] [--years 1] [--port 8623]
                               [--only recovery,review]

Serves the demo clinic of the home (made with ``--years`` of history where there is none), signs everybody in through
the ticket route and talks to the app as a browser does, over its websocket. CPU is that of the app's process; the
wall-clock times are those of the machine as it was, so the load average is printed too. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import websockets
from sqlalchemy import select
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from data.engine import Database, use
from data.home import Home
from data.models import Client, User
from data.schema import upgrade
from data.session import read
from opening.demo import SIGN_INS, find_demo, make_demo
from security.sessions import mint_ticket

PAGES = ("home", "roster", "flow", "checkout", "client")
"""The busiest pages, which the people of the second part go through."""
PAPER = ("recovery", "scan", "review", "back-entry", "card-slips", "print-forms", "practise", "forms", "form-designer")
"""The pages about paper, on the outage that the demo holds open."""
MONEY = ("money", "invoices", "reconciliation", "settlements", "who-owes")
"""The pages about money; their costs grow with the rows of the month, so bring some in first."""
TICKS = os.sysconf("SC_CLK_TCK")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keep the answer that sets the cookie."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Follow nothing."""


class Tab:
    """One browser tab of one signed-in person."""

    def __init__(self, port: int, cookie: str, query: dict[str, str]) -> None:
        self.port, self.cookie, self.query = port, cookie, query
        self.bytes = 0
        self.failed = 0

    async def __aenter__(self) -> Tab:
        self.connection = await websockets.connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            additional_headers={"Cookie": self.cookie, "Origin": f"http://127.0.0.1:{self.port}"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def show(self, page: str) -> float:
        """Rerun a page; the seconds until it was all there."""
        asked = BackMsg()
        asked.rerun_script.page_name = "" if page == "home" else page
        asked.rerun_script.query_string = self.query.get(page, "")
        began = time.perf_counter()
        await self.connection.send(asked.SerializeToString())
        while True:
            raw = await self.connection.recv()
            self.bytes += len(raw)
            message = ForwardMsg()
            message.ParseFromString(raw)  # type: ignore[arg-type]
            kind = message.WhichOneof("type")
            if kind == "delta" and is_error(message.delta.new_element):
                self.failed += 1
            if kind == "script_finished":
                return time.perf_counter() - began


def is_error(element: Element) -> bool:
    """Whether a page failed, in Streamlit's words or in ours."""
    return element.HasField("exception") or element.alert.format == Alert.ERROR


def sign_in(port: int, clinic_id: str, user_id: str) -> str:
    """The cookie of a new session, by the route the sign-in page uses."""
    ticket = mint_ticket(clinic_id, user_id, browser="benchmark")
    address = f"http://127.0.0.1:{port}/auth/finish?t={ticket}"
    try:
        urllib.request.build_opener(NoRedirect).open(
            urllib.request.Request(address, headers={"Cookie": "ballast_browser=benchmark"})
        )
    except urllib.error.HTTPError as answer:
        for header in answer.headers.get_all("Set-Cookie") or []:
            if "session=" in header:
                return header.split(";")[0]
    raise AssertionError("the ticket did not sign in")


def cpu_seconds(process: int) -> float:
    """CPU the process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_until_up(port: int, began: float) -> float:
    """Seconds from the start until the first page was sent."""
    while time.perf_counter() - began < 120:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the app did not start")


async def first_page(port: int, began: float) -> float:
    """Seconds from the start until somebody who is not signed in was shown the sign-in page."""
    async with Tab(port, "", {}) as tab:
        await tab.show("home")
        assert not tab.failed, "the sign-in page showed an error"
    return time.perf_counter() - began


def wait_until_idle(process: int) -> float:
    """Wait for what the start leaves to the background (imports, report data); the seconds it took."""
    began, quiet = time.perf_counter(), 0
    while quiet < 2 and time.perf_counter() - began < 180:
        before = cpu_seconds(process)
        time.sleep(2)
        quiet = quiet + 1 if cpu_seconds(process) - before < 0.1 else 0
    return time.perf_counter() - began


async def measure(port: int, process: int, options: argparse.Namespace) -> dict[str, Any]:
    """The figures."""
    clinic = find_demo()
    assert clinic is not None
    with read(clinic.id) as session:
        client = session.scalars(select(Client.id).order_by(Client.number)).first()
        users: list[str] = list(session.scalars(select(User.id).where(User.username.in_(SIGN_INS))))
        owner = session.scalars(select(User.id).where(User.username == "owner")).one()
    query = {"client": f"id={client}", "form-designer": "form=travel-sheet"}
    pages: dict[str, Any] = {}
    async with Tab(port, sign_in(port, clinic.id, owner), query) as tab:
        for page in options.only.split(",") if options.only else PAGES + PAPER + MONEY:
            for _ in range(4):
                await tab.show(page)
            sent, costs, walls = tab.bytes, [], []
            for _ in range(3):
                before = cpu_seconds(process)
                walls += [await tab.show(page) for _ in range(options.reruns)]
                costs.append((cpu_seconds(process) - before) / options.reruns)
            pages[page] = {
                "cpu_ms": round(min(costs) * 1e3, 1), "wall_ms": round(statistics.median(walls) * 1e3, 1),
                "kilobytes": round((tab.bytes - sent) / options.reruns / 3 / 1000, 1),
            }  # fmt: skip
        assert not tab.failed, "a page showed an error"
    if options.only:
        return {"pages": pages}
    cookies = [sign_in(port, clinic.id, users[n % len(users)]) for n in range(options.people)]
    times: list[float] = []

    async def person(cookie: str) -> None:
        async with Tab(port, cookie, query) as tab:
            await tab.show("home")
            await asyncio.sleep(random.random() * options.think)
            while time.perf_counter() < end:
                times.append(await tab.show(random.choice(PAGES)))
                await asyncio.sleep(options.think * random.uniform(0.8, 1.2))

    end = time.perf_counter() + options.seconds + 4
    before, began = cpu_seconds(process), time.perf_counter()
    await asyncio.gather(*(person(cookie) for cookie in cookies))
    used = (cpu_seconds(process) - before) / (time.perf_counter() - began)
    times.sort()
    return {
        "pages": pages,
        "people": {
            "people": options.people, "think_s": options.think, "reruns": len(times), "cores_used": round(used, 2),
            "p50_ms": round(times[len(times) // 2] * 1e3), "p95_ms": round(times[int(len(times) * 0.95)] * 1e3),
        },
    }  # fmt: skip


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    parser.add_argument("--reruns", type=int, default=15)
    parser.add_argument("--people", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--think", type=float, default=5)
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--port", type=int, default=8623)
    parser.add_argument("--only", default="", help="Only the CPU of these pages.")
    parser.add_argument("--start-only", action="store_true", help="Only the time from the command to the first page.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.home:
            os.environ["BALLAST_HOME"] = str(Path(options.home).resolve())
        else:
            os.environ["BALLAST_HOME"], os.environ["BALLAST_KEY_FILE"] = folder + "/home", folder + "/key"
        home = Home.locate()
        home.create()
        opened = Database(home)
        use(opened)
        upgrade(opened)
        if find_demo() is None:
            make_demo(years=options.years)
        figures: dict[str, Any] = {"load_average": os.getloadavg()[0]}
        began = time.perf_counter()
        environment = dict(os.environ) | {"BALLAST_NO_WORKER": "1"}
        server = subprocess.Popen(
            [sys.executable, "cli.py", "serve", "--port", str(options.port)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            figures["start_s"] = round(wait_until_up(options.port, began), 2)
            figures["sign_in_page_s"] = round(asyncio.run(first_page(options.port, began)), 2)
            figures["start_cpu_s"] = round(cpu_seconds(server.pid), 2)
            if not options.start_only:
                figures["background_s"] = round(wait_until_idle(server.pid), 1)
                figures |= asyncio.run(measure(options.port, server.pid, options))
        finally:
            server.terminate()
            server.wait(20)
        opened.close()
    figures["load_average_after"] = os.getloadavg()[0]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
