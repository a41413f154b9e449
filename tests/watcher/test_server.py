"""The watcher's own server over real connections: subscribing by mail, leaving by one click, questions of the app, the
form, and those who try to break in."""

import contextlib
import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import inbox
from tests.conftest import free_port
from tests.watcher.bench import SECRET, TOKEN, UP, Turned, config
from watcher import incidents, server, subscribers
from watcher.__main__ import main as command
from watcher.mailing import PAUSES, Mailer
from watcher.store import Store
from watcher.watch import Watch

RIGHT = SECRET.encode()


class Bench:
    """A served watcher, its mail server and its clock."""

    def __init__(self, folder, box, smtp):
        port = free_port()
        self.config = config(folder, port=port, smtp=smtp, interval=30.0)
        self.clock, self.store, self.box = Turned(), Store(self.config.store), box
        self.mailer = Mailer(self.config, self.store, self.clock)
        self.watch = Watch(self.config, self.store, self.clock, look=lambda _: UP)
        self.server = server.Server(self.config, self.store, self.clock, threading.Event())
        self.port = port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def ask(self, method, path, body=b"", **headers):
        """One request: its status, headers and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body, given = urlencode(body).encode(), {"Content-Type": "application/x-www-form-urlencoded"} | given
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, answer.headers, text

    def told(self, path, document, secret=SECRET):
        """A question of the app."""
        status, _, text = self.ask("POST", path, json.dumps(document).encode(), Authorization=f"Bearer {secret}")
        return status, json.loads(text)

    def confirmed(self, email="ann@example.org"):
        """Somebody subscribed; the link that ends it."""
        assert self.ask("POST", "/subscribe", {"email": email})[0] == 200
        self.mailer.send_due()
        token = link_in(self.box.to(email)[-1], "confirm")
        assert self.ask("POST", "/confirm", {"t": token})[0] == 200
        return token


def link_in(mail, what):
    text = mail.get_body(("plain",)).get_content()
    return re.search(rf"/{what}\?t=(\S+)", text)[1]


@pytest.fixture
def bench(tmp_path):
    with inbox.serving() as (box, smtp):
        made = Bench(tmp_path, box, smtp)
        yield made
        made.server.shutdown()
        made.server.server_close()


def test_subscribing_takes_a_link_from_a_mail_and_leaving_one_click(bench):
    status, _, first = bench.ask("POST", "/subscribe", {"email": " Ann@Example.ORG "})
    assert status == 200 and "Look into your mailbox" in first and "nn@" not in first
    assert bench.mailer.send_due() == 1
    [mail] = bench.box.to("Ann@example.org")
    assert mail["subject"] == "Confirm: status mails of Harbor Spay & Neuter"
    token = link_in(mail, "confirm")
    status, _, asked = bench.ask("GET", f"/confirm?t={token}")
    assert status == 200 and "Ann@example.org" in asked
    with bench.store.read() as db:  # a scanner that follows links confirms nothing
        assert subscribers.count(db) == 0
    assert bench.ask("POST", "/confirm", {"t": token})[0] == 200
    assert bench.ask("POST", "/confirm", {"t": token})[0] == 200  # a second click changes nothing
    bench.watch.round()
    with bench.store.write() as db:
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down", "Since now.", by="x")
    assert bench.mailer.send_due() == 2
    [_, told] = bench.box.to("Ann@example.org")
    leave = told["list-unsubscribe"].strip("<>")
    written = [mail.content for mail in bench.box.mails if b"Down" in mail.content]
    assert any(f"\r\nList-Unsubscribe: <{leave}>\r\n".encode() in mail for mail in written)  # not folded, not encoded
    assert all(len(line) < 998 for mail in written for line in mail.split(b"\r\n"))
    assert told["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert "Since now." in told.get_body(("html",)).get_content()
    path = leave.removeprefix(f"http://127.0.0.1:{bench.port}")
    assert "Unsubscribe" in bench.ask("GET", path)[2]
    with bench.store.read() as db:  # looking at the link ended nothing
        assert subscribers.count(db) == 1
    for _ in range(2):
        assert bench.ask("POST", path, {"List-Unsubscribe": "One-Click"})[0] == 200
    with bench.store.read() as db:
        assert subscribers.count(db) == 0
        assert not db.execute("SELECT 1 FROM subscriber").fetchall()
    # the used link brings nobody back, and an old leaving link works for whoever comes again
    assert bench.ask("POST", "/confirm", {"t": token})[0] == 400
    bench.clock.pass_(86_400)
    bench.confirmed("ann@example.org")
    assert bench.ask("POST", path, {})[0] == 200
    with bench.store.read() as db:
        assert subscribers.count(db) == 0


def test_whoever_asks_cannot_learn_who_subscribed_and_floods_nobody(bench):
    bench.confirmed()
    known = bench.ask("POST", "/subscribe", {"email": "ann@example.org"})[2]
    unknown = bench.ask("POST", "/subscribe", {"email": "bob@example.org"})[2]
    assert known == unknown
    assert bench.mailer.send_due() == 1 and len(bench.box.to("ann@example.org")) == 1
    bench.ask("POST", "/subscribe", {"email": "bob@example.org"})
    bench.ask("POST", "/subscribe", {"email": "bob@example.org"})
    assert bench.ask("POST", "/subscribe", {"email": "carl@example.org"})[0] == 429  # the sixth from here in an hour
    for _ in range(4):
        bench.clock.pass_(3601)
        assert bench.ask("POST", "/subscribe", {"email": "bob@example.org"})[0] == 200
        bench.mailer.send_due()
    assert len(bench.box.to("bob@example.org")) <= 4  # three a day, however often somebody asks


def test_a_link_is_good_for_a_day_and_only_as_it_was_made(bench):
    bench.ask("POST", "/subscribe", {"email": "ann@example.org"})
    bench.mailer.send_due()
    token = link_in(bench.box.to("ann@example.org")[0], "confirm")
    number, until, sign = token.split(".")
    changed = (
        f"{number}.{int(until) + 5}.{sign}",
        f"{number}.{until}.{'0' * 64}",
        f"x.{until}.{sign}",
        f"{number}.{sign}",
    )
    forged = [*changed, "", "...", "é.1.2", "%00", "a" * 5000]
    for one in forged:
        assert bench.ask("POST", "/confirm", {"t": one})[0] == 400, one
        assert bench.ask("GET", f"/confirm?t={quote(one)}")[0] == 400, one
        assert bench.ask("POST", f"/unsubscribe?t={quote(one)}", {})[0] == 400, one
    assert bench.ask("POST", f"/unsubscribe?t={number}.{sign}", {})[0] == 400  # one purpose's sign is not the other's
    bench.clock.pass_(86_401)
    assert bench.ask("POST", "/confirm", {"t": token})[0] == 400


@pytest.mark.parametrize(
    "email",
    ["", "ann", "ann@", "@example.org", "ann@example", "ann@example.org\r\nBcc: all@example.org", "a b@example.org",
     "ann@example.org,bob@example.org", "<ann@example.org>", '"a\nb"@example.org', "a" * 300 + "@example.org",
     "ann@exam\x00ple.org", "ann@ex..ample.org", "änn@example.org",
     "=?utf-8?b?DQpCY2M6IHg=?=@x.org", "=?utf-8?q?a=40b.org=2C_c?=@x.org", "=?hex?b?}?=@x.org"],
)  # fmt: skip
def test_what_is_no_address_gets_no_mail(bench, email):
    status, _, text = bench.ask("POST", "/subscribe", {"email": email})
    assert status == 400 and "not an e-mail address" in text
    assert bench.mailer.send_due() == 0 and not bench.box.mails


def test_a_title_can_bring_no_header_into_a_mail(bench):
    bench.confirmed()
    title = "Down\r\nBcc: thief@example.org\r\n\r\nbody"
    status, answer = bench.told("/incidents", {"title": title, "body": "x\r\n.\r\nMAIL FROM:<y>", "key": "1"})
    assert status == 200, answer
    assert bench.mailer.send_due() == 2
    for mail in bench.box.mails:
        read = inbox.read(mail)
        assert read["bcc"] is None and mail.rcpt_tos in (["ann@example.org"], ["it@example.org"])
    assert "Down Bcc: thief@example.org body" in str(inbox.read(bench.box.mails[-1])["subject"])
    assert len(bench.box.mails) == 3


def test_the_app_asks_by_hashes_and_learns_of_those_alone(bench):
    bench.confirmed("ann@example.org")
    bench.ask("POST", "/subscribe", {"email": "bob@example.org"})
    ann, bob, carl = (subscribers.address_hash(f"{name}@example.org") for name in ("Ann", "bob", "carl"))
    status, told = bench.told("/check", {"hashes": [ann, bob, carl]})
    assert (status, told) == (200, {"confirmed": [ann], "subscribers": 1})
    for wrong in ("", "x" * 26, SECRET + "x", SECRET[:-1], TOKEN):
        assert bench.told("/check", {"hashes": []}, wrong)[0] == 401
    assert bench.ask("POST", "/check", b"{}")[0] == 401
    for odd in ({}, {"hashes": "x"}, {"hashes": [1]}, {"hashes": ["x"] * 5001}, []):
        assert bench.told("/check", odd)[0] == 400
    assert bench.ask("POST", "/check", b"\xff{", Authorization=f"Bearer {SECRET}")[0] == 400
    assert bench.ask("POST", "/check", b"[" * 100_000, Authorization=f"Bearer {SECRET}")[0] == 400


def test_a_notice_of_the_app_stands_once_however_often_it_is_sent(bench):
    bench.confirmed()
    notice = {"title": "Closed on Friday", "body": "Back on Monday.", "kind": "notice", "key": "memo:1"}
    first = bench.told("/incidents", notice)
    assert first[0] == 200 and bench.told("/incidents", notice) == first
    assert bench.mailer.send_due() == 2
    assert "Closed on Friday" in bench.ask("GET", "/")[2]
    number = first[1]["id"]
    for _ in range(2):
        assert (
            bench.told("/incidents", {"id": number, "body": "Over.", "state": "resolved", "key": "memo:1:end"})[0]
            == 200
        )
    assert bench.mailer.send_due() == 2
    fine = {"title": "x", "body": "x", "key": "2"}
    for odd in ({"key": ""}, {"title": ""}, {"kind": "y"}, {"body": "x" * 5000}, {"until": "soon"}, {"id": "nobody"},
                {"title": ["x"]}, {"body": {}}):  # fmt: skip
        status, told = bench.told("/incidents", fine | odd)
        assert status == 400 and told["problem"], odd


def test_guessing_secrets_and_tokens_ends_after_twenty_tries(bench):
    codes = [bench.told("/check", {"hashes": []}, f"wrong-secret-number-{turn}")[0] for turn in range(22)]
    assert codes[:20] == [401] * 20 and codes[20:] == [429, 429]
    assert bench.told("/check", {"hashes": []})[0] == 429  # a right guess among wrong ones tells nothing
    assert bench.ask("POST", "/post/enter", {"token": TOKEN})[0] == 429
    bench.clock.pass_(3700)
    assert bench.told("/check", {"hashes": []})[0] == 200


def test_the_form_takes_the_token_and_nothing_from_other_sites(bench):
    origin = f"http://127.0.0.1:{bench.port}"
    assert "Token" in bench.ask("GET", "/post")[2]
    assert bench.ask("POST", "/post/enter", {"token": "wrong-token-wrong-token"})[0] == 401
    status, headers, _ = bench.ask("POST", "/post/enter", {"token": TOKEN}, Origin=origin)
    cookie = headers["Set-Cookie"]
    assert status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    cookie = cookie.split(";")[0]
    drawn = bench.ask("GET", "/post", Cookie=cookie)[2]
    form, key = (re.search(rf'name="{name}" value="([0-9a-f]+)"', drawn)[1] for name in ("form", "key"))
    fields = {"form": form, "key": key, "title": "Down <b>", "kind": "outage", "body": "Line <i> cut"}
    assert bench.ask("POST", "/post/open", fields)[0] == 403
    assert bench.ask("POST", "/post/open", fields | {"form": "0"}, Cookie=cookie)[0] == 403
    assert bench.ask("POST", "/post/open", fields, Cookie=cookie, Origin="https://evil.example")[0] == 403
    assert bench.ask("POST", "/post/open", fields, Cookie=cookie, Origin="null")[0] == 403
    for _ in range(2):  # a double click
        assert bench.ask("POST", "/post/open", fields, Cookie=cookie, Origin=origin)[0] == 303
    drawn = bench.ask("GET", "/post?said=opened", Cookie=cookie)[2]
    assert drawn.count("Down &lt;b&gt;") == 1 and "Line &lt;i&gt; cut" in drawn and "<i>" not in drawn
    number = re.search(r'name="id" value="([0-9a-f]+)"', drawn)[1]
    step = {"form": form, "key": "k2", "id": number, "body": "Mended.", "state": "resolved"}
    assert bench.ask("POST", "/post/step", step, Cookie=cookie)[0] == 303
    assert bench.ask("POST", "/post/leave", {"form": form}, Cookie=cookie)[0] == 303
    assert bench.ask("POST", "/post/open", fields, Cookie=cookie)[0] == 403
    assert "Token" in bench.ask("GET", "/post", Cookie=cookie)[2]


@pytest.mark.parametrize(
    "path",
    ["/../w.toml", "/w.toml", "/watcher.sqlite3", "/%2e%2e/w.toml", "/..%2fw.toml", "//etc/passwd", "/site/index.html",
     "/index.html/../../w.toml", "/\\..\\w.toml", "/.index.html.x", "/post/"],
)  # fmt: skip
def test_no_path_leads_out_of_the_table(bench, path):
    bench.watch.round()
    status, _, text = bench.ask("GET", path)
    assert status in (400, 404) and TOKEN not in text and SECRET not in text


def raw(bench, data, patience=20.0):
    """Send bytes; what comes back, and after how long the connection ends."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", bench.port), timeout=patience) as connection:
        got = b""
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                got += piece
        except OSError:
            pass
    return got, time.monotonic() - began


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /subscribe HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"POST /subscribe HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
        (b"POST /subscribe HTTP/1.1\r\nContent-Length: 1e9\r\n\r\n", b"400"),
        (b"POST /subscribe HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST /check HTTP/1.1\r\nContent-Length: 9999999\r\nAuthorization: Bearer %b\r\n\r\n" % RIGHT, b"413"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 150 + b"\r\n", b"431"),
        (b"GET http://[x/ HTTP/1.1\r\n\r\n", b"400"),
        (b"DELETE / HTTP/1.1\r\n\r\n", b"501"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 nonsense\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_what_is_too_long_or_no_request_is_answered_at_once(bench, data, status):
    got, lasted = raw(bench, data)
    assert status in got[:200] or (not got and status in (b"414", b"413")), got[:200]
    assert lasted < 5
    assert bench.ask("GET", "/healthz")[0] in (200, 503)


def test_those_who_drip_a_request_are_cut_off_and_take_nobody_elses_place(bench, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    slow = [socket.create_connection(("127.0.0.1", bench.port)) for _ in range(40)]
    began = time.monotonic()
    for one in slow:
        one.sendall(b"POST /subscribe HTTP/1.1\r\nContent-Length: 50\r\n\r\nem")
    bench.watch.round()
    # sixteen places are taken from here; the rest is turned away at once, and the places come back
    while time.monotonic() - began < 10:
        for one in slow:
            try:
                one.sendall(b"a")
            except OSError:
                continue
        try:
            if bench.ask("GET", "/healthz")[0] == 200:
                break
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
    assert time.monotonic() - began < 5
    for one in slow:
        one.close()


def test_every_page_carries_the_headers_that_shut_others_out(bench):
    bench.watch.round()
    for path in ("/", "/post", "/nothing", "/status.json"):
        _, headers, _ = bench.ask("GET", path)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Server"] == "watcher"
        assert headers["Referrer-Policy"] == "same-origin"  # under no-referrer browsers say that a form is from null
    assert bench.ask("HEAD", "/")[2] == ""


def test_over_tls_too_and_who_speaks_no_tls_takes_no_place(tmp_path):
    from dataclasses import replace

    cert, key = certificate(tmp_path)
    port = free_port()
    made = config(tmp_path, port=port)
    made = replace(made, url=f"https://127.0.0.1:{port}", server=replace(made.server, certificate=cert, key=key))
    clock, store = Turned(), Store(made.store)
    Watch(made, store, clock, look=lambda _: UP).round()
    serving = server.Server(made, store, clock, threading.Event())
    threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                plain.settimeout(5)
                with contextlib.suppress(ConnectionError):
                    assert b"200" not in plain.recv(100)
        trusted = ssl.create_default_context(cafile=cert)
        asked = urllib.request.Request(f"https://127.0.0.1:{port}/post")
        with urllib.request.urlopen(asked, timeout=10, context=trusted) as answer:
            assert answer.status == 200 and answer.headers["Strict-Transport-Security"]
    finally:
        serving.shutdown()
        serving.server_close()


def certificate(folder):
    """A self-signed certificate for loopback: its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "status")]), datetime.now(UTC)
    places = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.add_extension(x509.SubjectAlternativeName(places), critical=False).sign(key, hashes.SHA256())
    (folder / "tls.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return str(folder / "tls.pem"), str(folder / "tls.key")


# mail


def test_a_mail_server_that_is_away_or_refuses_is_tried_again_and_nobody_gets_a_mail_twice(bench):
    bench.confirmed()
    bench.box.mails.clear()
    bench.box.reply = "451 later"
    with bench.store.write() as db:
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down", "x", by="x")
    assert bench.mailer.send_due() == 2
    assert bench.mailer.send_due() == 0 and not bench.box.mails
    bench.box.reply = None
    bench.clock.pass_(PAUSES[0])
    assert bench.mailer.send_due() == 2
    assert bench.mailer.send_due() == 0 and len(bench.box.mails) == 2
    bench.box.reply = "550 no such mailbox"
    with bench.store.write() as db:
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down again", "x", by="x")
    bench.mailer.send_due()
    bench.clock.pass_(90_000)
    assert bench.mailer.send_due() == 0
    with bench.store.read() as db:
        assert {row["state"] for row in db.execute("SELECT state FROM mail WHERE reply LIKE '550%'")} == {"failed"}


def test_a_mail_that_was_being_sent_when_the_process_died_goes_out_under_the_same_id(bench):
    with bench.store.write() as db:
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down", "x", by="x")
    bench.mailer.send_due()
    with bench.store.write() as db:  # as a kill between the server's 250 and our mark leaves it
        db.execute("UPDATE mail SET state = 'sending'")
    Mailer(bench.config, bench.store, bench.clock).send_due()
    ids = [inbox.read(mail)["message-id"] for mail in bench.box.mails]
    assert len(ids) == 2 and len(set(ids)) == 1


def test_a_mail_waits_for_no_time_that_a_wrong_clock_gave_it(bench):
    bench.clock.set(30 * 86_400)
    bench.box.reply = "451 later"
    with bench.store.write() as db:
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down", "x", by="x")
    bench.mailer.send_due()
    bench.clock.set(-30 * 86_400)
    bench.box.reply = None
    assert bench.mailer.send_due() == 1 and len(bench.box.mails) == 1


def test_an_address_that_no_mail_can_be_made_for_costs_nobody_else_theirs(bench, monkeypatch):
    """An address that the library trips over ended the thread that tells of outages."""
    bench.confirmed()
    bench.ask("POST", "/subscribe", {"email": "bob@example.org"})
    with bench.store.write() as db:
        db.execute("UPDATE subscriber SET email = '=?utf-8?b?DQpCY2M6IHg=?=@x.org' WHERE email LIKE 'bob%'")
        db.execute("UPDATE mail SET recipient = '=?utf-8?b?DQpCY2M6IHg=?=@x.org' WHERE recipient LIKE 'bob%'")
        incidents.open_incident(db, bench.config, bench.clock.now(), "Down", "x", by="x")
    bench.mailer.send_due()
    assert any(mail["subject"].startswith("Harbor Spay & Neuter: Down") for mail in bench.box.to("ann@example.org"))
    with bench.store.read() as db:
        assert {row["state"] for row in db.execute("SELECT state FROM mail WHERE recipient LIKE '=?%'")} == {"failed"}
    tried, stopping = [], threading.Event()

    def broken(_):
        tried.append(1)
        bench.mailer.wake.set()
        if len(tried) == 2:
            stopping.set()
        raise ValueError("whatever")

    monkeypatch.setattr(bench.mailer, "send_due", broken)
    bench.mailer.run(stopping)
    assert len(tried) == 2


def test_the_app_ends_what_it_posted_by_its_key_and_once(bench):
    notice = {"title": "Closed", "body": "Back on Monday.", "kind": "notice", "key": "memo:1"}
    number = bench.told("/incidents", notice)[1]["id"]
    end = {"of": "memo:1", "key": "memo:1:end", "state": "resolved", "body": "Withdrawn."}
    for _ in range(3):
        status, told = bench.told("/incidents", end)
        assert status == 200 and told["id"] == number and told["incident"]["state"] == "resolved"
    status, told = bench.told("/incidents", end | {"of": "memo:2"})
    assert (status, told["id"], told["incident"]) == (200, "", None), "it never stood there"
    assert bench.told("/incidents", {"list": True})[1] == {"incidents": []}
    assert bench.told("/incidents", {"list": True}, secret="x" * 40)[0] == 401


def test_incidents_are_posted_from_another_machine_with_address_and_secret_alone(bench, tmp_path, capsys, monkeypatch):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    there = ["--url", f"http://127.0.0.1:{bench.port}", "--secret-file", str(tmp_path / "secret")]

    def run(*arguments, where=there):
        code = command(["incident", *arguments, *where])
        said = capsys.readouterr()
        return code, said.out + said.err

    for _ in range(2):
        code, said = run("open", "Card terminals", "--text", "Use slips.", "--key", "k", "--json")
        number = json.loads(said)["id"]
        assert code == 0
    assert run("list")[1].count("Card terminals") == 1 and "Use slips." in bench.ask("GET", "/")[2]
    assert run("update", number[:6], "--text", "Found.", "--state", "identified")[0] == 0
    assert run("resolve", "-")[0] == 0 and "None." in run("list")[1]
    assert run("resolve", "-")[0] == 2, "nothing stands"
    assert run("open", "x", "--text", "y", "--until", "soon")[0] == 2
    (tmp_path / "wrong").write_text("w" * 40)
    code, said = run("list", where=[*there[:2], "--secret-file", str(tmp_path / "wrong")])
    assert code == 2 and "does not know this secret" in said and "w" * 40 not in said
    code, said = run("list", where=["--url", "http://status.example.org", *there[2:]])
    assert code == 2 and "https" in said
    assert run("list", where=["--url", f"http://127.0.0.1:{free_port()}", *there[2:]])[0] == 4
    monkeypatch.delenv("WATCHER_SECRET", raising=False)
    assert run("list", where=there[:2])[0] == 2 and run("list", where=[])[0] == 2
    monkeypatch.setenv("WATCHER_URL", there[1])
    monkeypatch.setenv("WATCHER_SECRET", SECRET)
    assert run("list", where=[])[0] == 0
