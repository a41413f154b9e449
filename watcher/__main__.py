"""``python3 -m watcher``: watch, look once, post an incident, print the schema of the configuration."""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import signal
import sqlite3
import ssl
import sys
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from watcher import incidents, probes, remote, settings
from watcher.clock import Clock, read_iso
from watcher.mailing import Mailer
from watcher.server import Server
from watcher.settings import BadConfig, Config
from watcher.store import AlreadyRunning, Store
from watcher.watch import Watch, checked_at, write_page

log = logging.getLogger("watcher")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 done, 1 a check failed, 2 bad usage or input, 4 disk or network."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (BadConfig, incidents.BadIncident) as failure:
        return _fail(2, str(failure))
    except AlreadyRunning as failure:
        return _fail(4, str(failure))
    except (OSError, sqlite3.Error) as failure:
        return _fail(4, f"{failure}")
    except KeyboardInterrupt:
        return 1


def _fail(code: int, words: str) -> int:
    print(f"watcher: {words}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="watcher", description="The status page's own process.")
    parser.add_argument("--config", help="the configuration file (TOML)")
    parser.add_argument("--once", action="store_true", help="look once, write the page, send what is due, and end")
    parser.set_defaults(run=watch)
    commands = parser.add_subparsers(metavar="COMMAND")
    probe = commands.add_parser("check", help="check the configuration and look at the app once, writing nothing")
    probe.add_argument("--config", required=True)
    probe.set_defaults(run=check)
    commands.add_parser("schema", help="print the JSON schema of the configuration").set_defaults(run=schema)
    add_incident(commands.add_parser("incident", help="open, update, resolve or list incidents"))
    return parser


def add_incident(incident: argparse.ArgumentParser) -> None:
    """The options of ``incident``."""
    steps = incident.add_subparsers(metavar="STEP", required=True)
    for name, words in (("open", "put an incident on the page"), ("update", "add a step"), ("resolve", "end it"),
                        ("list", "what stands")):  # fmt: skip
        step = steps.add_parser(name, help=words)
        step.add_argument("--config", help="of the watcher on this machine")
        step.add_argument("--url", default="", help="of a watcher on another machine; else the variable WATCHER_URL")
        step.add_argument("--secret-file", default="", help="the shared secret; else the variable WATCHER_SECRET")
        step.add_argument("--json", action="store_true")
        step.set_defaults(run=post, step=name)
        if name == "open":
            step.add_argument("title")
            step.add_argument("--kind", default="outage", choices=list(incidents.KINDS))
            step.add_argument("--until", help="ends by itself: 2026-11-30T17:00:00-05:00")
        elif name in ("update", "resolve"):
            step.add_argument("id", help="the incident's id, or its first letters; - for the only open one")
        if name == "update":
            step.add_argument("--state", default="", choices=["", *incidents.STATES])
        if name != "list":
            step.add_argument("--text", default="" if name != "resolve" else "It is over.", required=name != "resolve")
            step.add_argument("--key", default="", help="posted once, however often this is run")


def watch(options: argparse.Namespace) -> int:
    """Watch until SIGTERM, or once."""
    if not options.config:
        raise BadConfig("say which configuration: --config FILE")
    config = settings.load(options.config)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    clock, store = Clock(), Store(config.store)
    with store.alone():
        if store.put_aside:
            log.error("the store was damaged; it lies at %s, and a new one was begun", store.put_aside)
        mailer = Mailer(config, store, clock)
        looking = Watch(config, store, clock, told=lambda: _ping(config, mailer))
        if options.once:
            looking.round()
            while mailer.send_due():
                pass
            return 0
        return _serve(config, store, clock, looking, mailer)


def _serve(config: Config, store: Store, clock: Clock, looking: Watch, mailer: Mailer) -> int:
    stopping = threading.Event()

    def end(*_: object) -> None:
        stopping.set()
        mailer.wake.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    threads = [threading.Thread(target=mailer.run, args=(stopping,), name="mail", daemon=True)]
    server = None
    if not config.server.off:
        server = Server(config, store, clock, mailer.wake)
        threads.append(threading.Thread(target=server.serve_forever, name="server", daemon=True))
        log.info("answering on %s port %s", config.server.host, config.server.port)
    for thread in threads:
        thread.start()
    looking.run(stopping)
    mailer.wake.set()
    if server is not None:
        server.shutdown()
        server.server_close()
    threads[0].join(25)
    return 0


def _ping(config: Config, mailer: Mailer) -> None:
    mailer.wake.set()
    if config.ping_url:
        threading.Thread(target=_ask, args=(config.ping_url,), name="ping", daemon=True).start()


def _ask(url: str) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=10)
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        connection.getresponse().read(1000)
        connection.close()
    except (OSError, http.client.HTTPException, ssl.SSLError) as failure:
        log.warning("the ping did not go out: %s", type(failure).__name__)


def check(options: argparse.Namespace) -> int:
    """Look once and say what was found."""
    config = settings.load(options.config)
    found = probes.look(config)
    for part, one in found.items():
        print(f"{probes.PARTS[part]}: {one.state}. {one.words}{f' ({one.reason})' if one.reason else ''}")
    if not config.app.secret:
        print("No secret: only the app and its records are watched. Draw one under Settings > Status page.")
    elif all(one.words == "The app does not tell" for part, one in found.items() if part not in ("app", "database")):
        print("The app does not know this secret: draw one under Settings > Status page and copy it here.")
    if not config.mail.url:
        print("No mail server: nobody gets mails.")
    return 0 if all(one.state != "down" for one in found.values()) else 1


def schema(_options: argparse.Namespace) -> int:
    """Print the JSON schema."""
    print(json.dumps(settings.schema(), indent=1))
    return 0


def post(options: argparse.Namespace) -> int:
    """Open, update, resolve or list incidents. The running watcher sends the mails."""
    if not options.config:
        return _post_there(options)
    config = settings.load(options.config)
    clock, store = Clock(), Store(config.store)
    now = clock.now()
    if options.step == "list":
        with store.read() as db:
            there = [one for one in incidents.listed(db, since=now) if one.is_open]
        lines = [f"{one.id[:8]}  {one.kind:<11}  {one.state:<13}  {one.title}" for one in there]
        _told(options, [incidents.shown(one) for one in there], "\n".join(lines) or "None.")
        return 0
    key = f"command:{options.key}" if options.key else ""
    with store.write() as db:
        if options.step == "open":
            try:
                until = read_iso(options.until) if options.until else None
            except ValueError:
                raise incidents.BadIncident("--until must be an instant such as 2026-11-30T17:00:00-05:00.") from None
            number = incidents.open_incident(db, config, now, options.title, options.text, by="the command line",
                                             kind=options.kind, key=key, until=until)  # fmt: skip
        else:
            number = _number(db, options.id, now)
            state = "resolved" if options.step == "resolve" else options.state
            incidents.update_incident(
                db, config, now, number, options.text, by="the command line", state=state, key=key
            )
        one = incidents.found(db, number)
        mails = db.execute("SELECT count(*) FROM mail WHERE state = 'waiting'").fetchone()[0]
    write_page(config, store, max(now, checked_at(store)))
    assert one is not None
    waiting = f" {mails} mail{' waits' if mails == 1 else 's wait'} for the running watcher." if mails else ""
    _told(options, incidents.shown(one) | {"mails_waiting": mails}, f"{one.id[:8]}  {one.state}  {one.title}.{waiting}")
    return 0


def _post_there(options: argparse.Namespace) -> int:
    """The same at a watcher on another machine."""
    url = options.url or os.environ.get("WATCHER_URL", "")
    if not url:
        raise BadConfig("say which watcher: --config FILE on its machine, else --url and --secret-file")
    secret = remote.secret_of(options.secret_file)
    if options.step == "list":
        there = remote.listed(url, secret)
        _told(options, there, "\n".join(_line(one) for one in there) or "None.")
        return 0
    if options.step == "open":
        answer = remote.open_one(url, secret, title=options.title, body=options.text, kind=options.kind,
                                 until=options.until or "", key=options.key)  # fmt: skip
    else:
        state = "resolved" if options.step == "resolve" else options.state
        answer = remote.add_step(url, secret, options.id, body=options.text, state=state, key=options.key)
    one = answer.get("incident") or {}
    _told(options, one | {"mails_waiting": answer.get("mails_waiting", 0)}, f"{_line(one)}.")
    return 0


def _line(one: dict[str, object]) -> str:
    return (
        f"{str(one.get('id', ''))[:8]}  {one.get('kind', ''):<11}  {one.get('state', ''):<13}  {one.get('title', '')}"
    )


def _number(db: sqlite3.Connection, given: str, now: float) -> str:
    there = [one for one in incidents.listed(db, since=now - 90 * 86_400, most=1000)]
    fitting = [one for one in there if one.is_open] if given == "-" else [
        one for one in there if given and one.id.startswith(given.lower())
    ]  # fmt: skip
    if len(fitting) != 1:
        what = "open incident" if given == "-" else f"incident that begins with {given}"
        raise incidents.BadIncident(f"There is {'no' if not fitting else 'more than one'} {what}.")
    return fitting[0].id


def _told(options: argparse.Namespace, document: object, words: str) -> None:
    print(json.dumps(document, indent=1) if options.json else words)


if __name__ == "__main__":
    sys.exit(main())
