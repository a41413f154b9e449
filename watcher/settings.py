"""The configuration file: TOML, checked, every mistake a sentence that names its place."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})\.[A-Za-z]{2,63}")
SHORTEST_SECRET = 20


class BadConfig(Exception):
    """Something in the configuration, in a sentence."""


@dataclass(frozen=True)
class App:
    """The installation that is watched. ``secret`` is that of Settings > Status page, or ``secret_file`` holds it."""

    url: str = ""
    secret: str = ""
    secret_file: str = ""
    timeout: float = 8.0
    ca_file: str = ""
    """A certificate authority of one's own, where the app has no public certificate."""
    control: tuple[str, ...] = ()
    """Places of the internet, as host:port. While the app is silent and none of these is reachable either, it is this
    machine's own network that is down, and the time counts as not measured."""


@dataclass(frozen=True)
class Limits:
    """When something counts as not well, and how sure one must be."""

    interval: float = 30.0
    """Seconds from one look to the next."""
    fail_after: int = 3
    """Looks in a row that must fail before an incident is opened."""
    recover_after: int = 2
    """Looks in a row that must succeed before it is closed."""
    worker_seconds: int = 180
    backup_hours: float = 26.0
    vault_minutes: int = 15
    """After local midnight the Vault must have gone out by then."""
    old_minutes: int = 5
    """The page turns grey when nothing was measured for that long."""
    goal: float = 99.99


@dataclass(frozen=True)
class Mail:
    """The watcher's own mail server: not the app's. ``url`` is smtp://user:password@host:587 (TLS by STARTTLS) or
    smtps://…; also the environment variable WATCHER_SMTP_URL."""

    url: str = ""
    sender: str = ""
    alarm: tuple[str, ...] = ()
    """Who gets every mail without subscribing: whoever mends things."""
    plain: bool = False
    """Allow a password or mail over a connection without TLS to another machine."""


@dataclass(frozen=True)
class Server:
    """The watcher's own HTTP server: the page, subscribing, and the form for incidents."""

    host: str = "127.0.0.1"
    port: int = 8650
    certificate: str = ""
    key: str = ""
    trusted_proxy: str = ""
    """The address of the reverse proxy in front, whose X-Forwarded-For is believed."""
    token: str = ""
    """Opens the form for incidents at /post; empty: there is none."""
    token_file: str = ""
    off: bool = False


@dataclass(frozen=True)
class Config:
    """All of it."""

    title: str = "Status"
    url: str = ""
    """Where people read the page."""
    service_url: str = ""
    """Where this process answers, if the page lies on a static host."""
    page: str = "site"
    """The folder that index.html, status.json and feed.atom are written to."""
    store: str = "watcher.sqlite3"
    zone: str = "UTC"
    imprint: str = ""
    """A line for the foot of page and mails: who runs this, and a postal address."""
    ping_url: str = ""
    """Asked for after each look: a service elsewhere that alarms when this stops."""
    app: App = field(default_factory=App)
    limits: Limits = field(default_factory=Limits)
    mail: Mail = field(default_factory=Mail)
    server: Server = field(default_factory=Server)

    def tz(self) -> ZoneInfo:
        """The zone whose days and months the page counts in."""
        return ZoneInfo(self.zone)

    def service(self) -> str:
        """Where this process answers."""
        return (self.service_url or self.url).rstrip("/")


TABLES = {"app": App, "limits": Limits, "mail": Mail, "server": Server}
WORDS = {str: "a text", float: "a number", int: "a whole number", bool: "true or false", tuple[str, ...]: "a list"}


def load(path: str | Path) -> Config:
    """Read and check a configuration file; paths in it count from its folder. Raises BadConfig."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise BadConfig(f"{file}: it cannot be read ({failure.strerror}).") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{file}: it is not UTF-8 text.") from None
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise BadConfig(f"{file}: it is not TOML: {failure}") from None
    try:
        return _read(body, file.resolve().parent)
    except BadConfig as failure:
        raise BadConfig(f"{file}: {failure}") from None


def _read(body: dict[str, Any], folder: Path) -> Config:
    values: dict[str, Any] = _table(Config, {key: value for key, value in body.items() if key not in TABLES}, "")
    for name, kind in TABLES.items():
        table = body.get(name, {})
        if not isinstance(table, dict):
            raise BadConfig(f"[{name}] must be a table.")
        values[name] = kind(**_table(kind, table, f"{name}."))
    app, mail, server = values["app"], values["mail"], values["server"]
    secret = app.secret or _kept(folder, app.secret_file, "app.secret_file")
    token = server.token or _kept(folder, server.token_file, "server.token_file")
    values["app"] = App(**{**_plain(app), "secret": secret, "ca_file": _place(folder, app.ca_file)})
    values["server"] = Server(
        **{**_plain(server), "token": token, "certificate": _place(folder, server.certificate),
           "key": _place(folder, server.key)}
    )  # fmt: skip
    values["mail"] = Mail(**{**_plain(mail), "url": os.environ.get("WATCHER_SMTP_URL", mail.url)})
    for name in ("page", "store"):
        values[name] = _place(folder, values.get(name, getattr(Config, name)))
    found = Config(**values)
    _check(found)
    return found


def _plain(table: Any) -> dict[str, Any]:
    return {one.name: getattr(table, one.name) for one in fields(table)}


def _table(kind: Any, table: dict[str, Any], place: str) -> dict[str, Any]:
    hints = get_type_hints(kind)
    read: dict[str, Any] = {}
    for name, value in table.items():
        wanted = hints.get(name)
        if wanted is None or name in TABLES:
            raise BadConfig(f"{place}{name} is not known here.")
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted == tuple[str, ...] and isinstance(value, list) and all(type(one) is str for one in value):
            value = tuple(value)
        elif wanted == tuple[str, ...] or type(value) is not wanted:
            raise BadConfig(f"{place}{name} must be {WORDS[wanted]}.")
        read[name] = value
    return read


def _place(folder: Path, path: str) -> str:
    return str((folder / Path(path).expanduser()).absolute()) if path else ""


def _kept(folder: Path, path: str, name: str) -> str:
    if not path:
        return ""
    file = Path(_place(folder, path))
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise BadConfig(f"{name}: others may read {file}. Allow its owner alone: chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except OSError as failure:
        raise BadConfig(f"{name}: {file} cannot be read ({failure.strerror}).") from None


def _check(config: Config) -> None:
    for name, url, needed in (
        ("url", config.url, True), ("service_url", config.service_url, False), ("app.url", config.app.url, True),
        ("ping_url", config.ping_url, False),
    ):  # fmt: skip
        if (url or needed) and not is_web(url):
            raise BadConfig(f"{name} must be a web address that begins with https:// (http:// on this machine only).")
    _check_secrets(config)
    try:
        config.tz()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problem = f"zone: this machine knows no time zone '{config.zone}'. Write UTC, or install tzdata."
        raise BadConfig(problem) from None
    for text, name, longest in ((config.title, "title", 80), (config.imprint, "imprint", 300)):
        if len(text) > longest or not text.isprintable():
            raise BadConfig(f"{name} must be one line of at most {longest} characters.")
    _check_limits(config)
    _check_mail(config.mail)


def _check_secrets(config: Config) -> None:
    for name, secret in (("app.secret", config.app.secret), ("server.token", config.server.token)):
        if secret and (len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable()):
            raise BadConfig(f"{name} must have at least {SHORTEST_SECRET} plain characters.")
    if config.app.secret and config.app.secret == config.server.token:
        raise BadConfig("server.token must not be the app's secret: people type it.")


def _check_limits(config: Config) -> None:
    limits = config.limits
    least = {"interval": 1, "fail_after": 1, "recover_after": 1, "worker_seconds": 30, "backup_hours": 0.1,
             "vault_minutes": 1, "old_minutes": 1, "goal": 50}  # fmt: skip
    for name, low in least.items():
        if getattr(limits, name) < low:
            raise BadConfig(f"limits.{name} must be at least {low}.")
    if limits.goal > 100 or limits.interval > 3600 or not 0.5 <= config.app.timeout <= 60:
        raise BadConfig("limits.goal may be at most 100, limits.interval 3600 seconds, app.timeout 0.5 to 60 seconds.")
    if not 1 <= config.server.port <= 65535 or bool(config.server.certificate) != bool(config.server.key):
        raise BadConfig("server: the port must be 1 to 65535, and a certificate needs its key.")
    for place in config.app.control:
        if not re.fullmatch(r"[A-Za-z0-9.-]+:\d{1,5}", place):
            raise BadConfig(f"app.control: '{place}' is not host:port.")


def _check_mail(mail: Mail) -> None:
    for address in (*mail.alarm, *([mail.sender] if mail.sender else [])):
        if not ADDRESS.fullmatch(address):
            raise BadConfig(f"mail: '{address}' is not an e-mail address.")
    if not mail.url:
        return
    server = smtp_of(mail.url)
    if not mail.sender:
        raise BadConfig("mail.sender must say which address the mails come from.")
    if server.user and not (server.tls or server.starttls or mail.plain):
        raise BadConfig("mail.url: a password would go out in the clear.")


@dataclass(frozen=True)
class Smtp:
    """A mail server. On another machine ``smtp://`` must offer STARTTLS."""

    host: str
    port: int
    user: str
    password: str
    tls: bool
    starttls: bool


def smtp_of(url: str) -> Smtp:
    """The parts of smtp://user:password@host:port or smtps://…. Raises BadConfig."""
    try:
        parts = urlsplit(url)
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        raise BadConfig("mail.url must look like smtp://user:password@host:587.") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadConfig("mail.url must look like smtp://user:password@host:587.")
    tls = parts.scheme == "smtps"
    return Smtp(
        parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), tls,
        not tls and not is_local(parts.hostname),
    )  # fmt: skip


def is_local(host: str) -> bool:
    """Whether this is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_web(url: str) -> bool:
    """Whether this is a plain https address, or http to this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.password or parts.fragment or not url.isascii() or not url.isprintable():
        return False
    if any(mark in url for mark in " \"'<>\\"):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_local(host))


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration file."""
    document = _schema_of(Config)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "watch"
    document["properties"] |= {name: _schema_of(kind) for name, kind in TABLES.items()}
    document["required"] = ["url", "app"]
    return document


def _schema_of(kind: Any) -> dict[str, Any]:
    types: dict[Any, dict[str, Any]] = {
        str: {"type": "string"}, float: {"type": "number"}, int: {"type": "integer"}, bool: {"type": "boolean"},
        tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
    }  # fmt: skip
    hints, properties = get_type_hints(kind), {}
    for one in fields(kind):
        if one.name in TABLES:
            continue
        default = list(one.default) if isinstance(one.default, tuple) else one.default
        properties[one.name] = types[hints[one.name]] | {"default": default}
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "additionalProperties": False,
        "properties": properties,
    }
