"""The status page as HTML: one file with everything in it, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from datetime import date, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, urlsplit

from watcher import incidents, uptime
from watcher.clock import iso
from watcher.feed import overall
from watcher.incidents import Incident, duration, moment
from watcher.probes import NOT_SET_UP, PARTS, parts_of
from watcher.settings import Config
from watcher.store import fact
from watcher.uptime import Uptime

HERE = Path(__file__).parent
STYLE = (HERE / "page.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")
BARS = 60
PAST_DAYS = 90
HEADLINES = {
    "up": "Everything works",
    "trouble": "Something is not as it should be",
    "down": "The app is down",
    "unknown": "Nothing was measured yet",
}
TAGS = {"up": "Works", "down": "Down", "unknown": "Not known"}
DOWN = {"worker": "Stopped", "backup": "Too old", "vault": "Missing"}
"""What a part is called that is down while the app can be used."""
COLOURS = {"up": "#2fa37c", "trouble": "#e0912f", "down": "#cf3a2f", "unknown": "#8a94a3"}
SIGNS = {
    "up": '<path d="M8 14.5l4 4 8-9"/>',
    "trouble": '<path d="M14 8v8M14 20v.1"/>',
    "down": '<path d="M9 9l10 10M19 9L9 19"/>',
    "unknown": '<path d="M9 14h10"/>',
}


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def policy(config: Config) -> str:
    """The content security policy of every page here: our one style and script, nothing else."""
    place = urlsplit(config.service())
    return (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; img-src data:; connect-src 'self'; "
        f"form-action 'self' {place.scheme}://{place.netloc}; base-uri 'none'"
    )


def document(config: Config, title: str, body: str, *, state: str = "unknown", script: bool = False) -> bytes:
    """A whole page."""
    icon = quote(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><circle cx="14" cy="14" r="14" '
        f'fill="{COLOURS[state]}"/><g fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round">'
        f"{SIGNS[state]}</g></svg>"
    )
    home = escape(config.url.rstrip("/") + "/")
    feed = f'<link rel="alternate" type="application/atom+xml" title="{escape(config.title)}" href="{home}feed.atom">'
    old = int(config.limits.old_minutes * 60)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(config))}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="same-origin">'
        f'<link rel="icon" href="data:image/svg+xml,{icon}">{feed}<style>{STYLE}</style></head>'
        f'<body data-old-after="{old}">{body}{f"<script>{SCRIPT}</script>" if script else ""}</body></html>\n'
    ).encode()


def head(config: Config, links: str = "") -> str:
    """What stands above every page."""
    return f"<header><b>{escape(config.title)}</b><nav>{links}</nav></header>"


def foot(config: Config) -> str:
    """What stands below every page."""
    imprint = f"<p>{escape(config.imprint)}</p>" if config.imprint else ""
    return f"<footer>{imprint}<p>Kept by a watcher of its own, apart from the app it watches.</p></footer>"


def index(db: sqlite3.Connection, config: Config, now: float) -> bytes:
    """The status page."""
    state = overall(db)
    body = (
        head(config, '<a href="feed.atom">Feed</a><a href="status.json">JSON</a>')
        + '<main><div id="live">'
        + _now(db, config, state)
        + '<div class="faded">'
        + _open(db, config, now)
        + _parts(db, config, now)
        + _months(db, config, now)
        + "</div>"
        + _past(db, config, now)
        + "</div>"
        + _subscribe(config)
        + "</main>"
        + foot(config)
    )
    return document(config, f"{HEADLINES[state]} · {config.title}", body, state=state, script=True)


def _now(db: sqlite3.Connection, config: Config, state: str) -> str:
    checked = float(fact(db, "checked_at", "0"))
    sign = (
        '<svg viewBox="0 0 28 28" aria-hidden="true"><circle cx="14" cy="14" r="14" fill="currentColor" opacity=".18"/>'
        f'<g fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round">{SIGNS[state]}</g></svg>'
    )
    when = f'<time id="checked" datetime="{iso(checked)}">{escape(moment(checked, config.tz()))}</time>'
    if not checked:
        return f'<section class="now unknown">{sign}<div><h1>{HEADLINES["unknown"]}</h1></div></section>'
    every = f"{config.limits.interval:g} seconds"
    return (
        f'<section class="now {state}" role="status">{sign}<div><h1 class="fresh">{HEADLINES[state]}</h1>'
        '<h1 class="tell">This page is old</h1>'
        '<p class="tell">Nothing was measured since the time below. What stands here may no longer be true.</p>'
        f'<p>Checked at {when} <span id="ago"></span></p>'
        f"<noscript><p>A new check is made every {every}. If that time is long past, this page is old.</p></noscript>"
        "</div></section>"
    )


def _open(db: sqlite3.Connection, config: Config, now: float) -> str:
    return "".join(incident_card(one, config) for one in incidents.listed(db, since=now) if one.is_open)


def incident_card(one: Incident, config: Config, more: str = "") -> str:
    """An incident with its steps."""
    return (
        f'<section class="card incident {one.kind}" id="i-{one.id}"><div class="line"><h3>{escape(one.title)}</h3>'
        f'<span class="tag {one.kind}">{incidents.KINDS[one.kind]}</span></div>{_steps(one, config)}{more}</section>'
    )


def _steps(one: Incident, config: Config) -> str:
    zone = config.tz()
    return (
        '<ol class="steps">'
        + "".join(
            f'<li><span class="soft"><b>{incidents.STATES[step.state]}</b> · '
            f'<time datetime="{iso(step.at)}">{escape(moment(step.at, zone))}</time></span>'
            f"<p>{escape(step.body)}</p></li>"
            for step in one.updates
        )
        + "</ol>"
    )


def _parts(db: sqlite3.Connection, config: Config, now: float) -> str:
    rows = {row["name"]: row for row in db.execute("SELECT * FROM part")}
    listed = []
    for part in parts_of(config):
        row = rows.get(part)
        state, words = (row["state"], row["words"]) if row else ("unknown", "")
        days = uptime.days(db, part, now, config.tz(), BARS)
        whole = sum((one for _, one in days), Uptime(0, 0, 0))
        share = "nothing measured"
        if whole.share is not None:
            share = f"{_percent(whole.share)} of {duration(whole.up + whole.down)} measured"
        tag = "trouble" if state == "down" and part in DOWN else state
        said = DOWN.get(part, TAGS["down"]) if state == "down" else TAGS[state]
        if words == NOT_SET_UP:
            said, words = words, ""
        listed.append(
            f'<li><div class="line"><span class="what"><b>{PARTS[part]}</b> <span class="soft">{escape(words)}</span>'
            f'</span><span class="tag {tag}">{said}</span></div>{_bars(days)}'
            f'<div class="ends"><span>{BARS} days ago</span><span>{share}</span><span>today</span></div></li>'
        )
    return f'<h2>Parts</h2><ul class="rows card">{"".join(listed)}</ul>'


def _bars(days: list[tuple[date, Uptime]]) -> str:
    bars = []
    for place, (day, one) in enumerate(days):
        if one.share is None:
            look, words = "none", "not measured"
        else:
            look = "up" if one.down < 1 else "down" if one.down > 3600 else "some"
            words = "no downtime" if one.down < 1 else f"{duration(one.down)} down"
            words += f", {duration(one.unknown)} not measured" if one.unknown >= 60 else ""
        bars.append(
            f'<rect class="{look}" x="{place * 10}" width="7" height="28" rx="2"><title>{day}: {words}</title></rect>'
        )
    return (
        f'<svg class="bars" viewBox="0 0 {len(days) * 10 - 3} 28" preserveAspectRatio="none" role="img" '
        f'aria-label="The last {len(days)} days">{"".join(bars)}</svg>'
    )


def _percent(share: float) -> str:
    return "100\u202f%" if share == 100 else f"{share:.3f}\u202f%"


def _months(db: sqlite3.Connection, config: Config, now: float) -> str:
    zone, goal = config.tz(), config.limits.goal
    months = [(first, one) for first, one in uptime.months(db, "app", now, zone) if one.total > 0]
    if not months:
        return ""
    whole = sum((one for _, one in months), Uptime(0, 0, 0))
    rows = "".join(f'<tr><th scope="row">{first:%b %Y}</th>{_cells(one, goal)}</tr>' for first, one in months)
    began = datetime.fromtimestamp(float(fact(db, "first", str(now))), zone)
    since = f"{began.day} {began:%B %Y, %H:%M} {began.tzname()}"
    others = "".join(
        f'<tr><th scope="row">{PARTS[part]}</th>'
        f"{_cells(sum((one for _, one in uptime.months(db, part, now, zone)), Uptime(0, 0, 0)), goal)}</tr>"
        for part in parts_of(config)[1:]
    )
    columns = '<th scope="col">Up</th><th scope="col">Down, of allowed</th><th scope="col">Not measured</th>'
    return (
        "<h2>Uptime of the app, month by month</h2>"
        f'<div class="card"><table><thead><tr><th>Month</th>{columns}</tr></thead><tbody>{rows}</tbody>'
        f'<tfoot><tr><th scope="row">{"Twelve months" if len(months) == 12 else "All of it"}</th>'
        f"{_cells(whole, goal)}</tr></tfoot></table>"
        f'<details id="each"><summary>The other parts, over the same time</summary><table><thead><tr>'
        f"<th>Part</th>{columns}"
        f"</tr></thead><tbody>{others}</tbody></table></details></div>"
        f'<p class="soft">Measured from outside every {config.limits.interval:g} seconds since {escape(since)}. '
        f"The goal is {goal:g} %: so many seconds may be down. Every second from a failed check to the next "
        "good one counts as down; time that nobody measured counts as neither.</p>"
    )


def _cells(one: Uptime, goal: float) -> str:
    if one.share is None:
        return f"<td>–</td><td>–</td><td>{duration(one.unknown)}</td>"
    bad = ' class="bad"' if one.down > one.allowed(goal) else ""
    return (
        f"<td>{_percent(one.share)}</td><td{bad}>{_seconds(one.down)}<small>of "
        f"{_seconds(one.allowed(goal))}</small></td>"
        f"<td>{duration(one.unknown) if one.unknown >= 1 else '0 s'}</td>"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}\u00a0s" if 0 < seconds < 10 else f"{round(seconds):,}\u00a0s".replace(",", "\u202f")


def _past(db: sqlite3.Connection, config: Config, now: float) -> str:
    past = [one for one in incidents.listed(db, since=now - PAST_DAYS * 86_400) if not one.is_open]
    if not past:
        return f'<h2>Past incidents</h2><p class="soft">None in the last {PAST_DAYS} days.</p>'
    zone, listed = config.tz(), []
    for one in past:
        lasted = "" if one.kind == "notice" else f", {duration((one.resolved_at or one.opened_at) - one.opened_at)}"
        listed.append(
            f'<details id="i-{one.id}"><summary>{escape(one.title)}<span class="soft">{incidents.KINDS[one.kind]}, '
            f"{escape(moment(one.opened_at, zone))}{lasted}</span></summary>"
            f'<div class="inside">{_steps(one, config)}</div></details>'
        )
    return f'<h2>Past incidents</h2><div class="card">{"".join(listed)}</div>'


def _subscribe(config: Config) -> str:
    if config.server.off or not config.mail.url:
        return ""
    return (
        '<h2 id="subscribe">Get a mail when something changes</h2>'
        f'<form class="card box" method="post" action="{escape(config.service())}/subscribe">'
        "<p>Mails come from here, not from the app, so they reach you while it is down. You confirm by a link, "
        'and leave by one click.</p><label for="email">E-mail address</label><div class="pair">'
        '<input id="email" name="email" type="email" required maxlength="254" autocomplete="email">'
        "<button>Send me the link</button></div></form>"
    )
