"""What a stranger, a stolen id and a foreign page get at the doors: nothing. Against the real app on loopback."""

import re
import socket

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from data.session import write
from security import devices, sessions
from tests.attacks.stream import stream
from tests.conftest import ROOT

SIGN_IN = 'label: "Username"'
NAME = "Sam Stone"
CLINIC = "Harbor Spay"


def paths_of_pages():
    """Every path of the table of pages."""
    text = (ROOT / "pages" / "navigation.py").read_text()
    table = text[text.index("HOME = ") : text.index("def main")]
    return sorted(set(re.findall(r'"([a-z][a-z-]*)"(?:, in_menu|,?\s*\))', table)))


def test_the_table_of_pages_is_read_by_these_tests():
    assert {"home", "flow", "users", "audit-log"} <= set(paths_of_pages())


@pytest.fixture(scope="module")
def stranger(served):
    with httpx.Client(base_url=served.url, follow_redirects=False) as client:
        yield client


def test_a_signed_in_person_is_let_in(served):
    with stream(served.url, cookies=served.cookies("sam")) as sam:
        assert NAME in sam.run()


def test_without_a_cookie_there_is_only_the_sign_in_page(served):
    with stream(served.url) as nobody:
        drawn = nobody.run()
    assert SIGN_IN in drawn
    assert CLINIC not in drawn


@pytest.mark.parametrize("value", ["sam", "olive", "'; --", "x" * 4000])
def test_an_invented_cookie_or_identity_header_is_nobody(served, value):
    forged = {"X-Ballast-Session": value}
    with stream(served.url, cookies={"ballast_session": value}, headers=forged) as nobody:
        assert SIGN_IN in nobody.run()


def test_a_real_token_in_the_identity_header_is_stripped(served):
    with stream(served.url, headers={"X-Ballast-Session": served.token("sam")}) as nobody:
        drawn = nobody.run()
    assert SIGN_IN in drawn
    assert NAME not in drawn


def test_a_stolen_streamlit_session_id_shows_the_thief_only_their_own(served):
    with stream(served.url, cookies=served.cookies("sam")) as sam:
        assert NAME in sam.run()
        stolen = sam.session_id
    for cookies, own in ((None, SIGN_IN), (served.cookies("mona"), "Mona Marsh")):
        with stream(served.url, cookies=cookies, session_id=stolen) as thief:
            drawn = thief.run()
            assert own in drawn
            assert NAME not in drawn


def test_a_revoked_session_draws_nothing_more_on_the_open_connection(served):
    with stream(served.url, cookies=served.cookies("sam")) as sam:
        assert NAME in sam.run()
        with served.clinic() as clinic:
            revoke(clinic, "sam")
        drawn = sam.run()
    assert SIGN_IN in drawn
    assert NAME not in drawn


def test_revocation_holds_inside_a_fragment_that_reruns_by_itself(served):
    with stream(served.url, cookies=served.cookies("sam")) as sam:
        assert NAME in sam.run(page="flow")
        (board,) = sam.timed
        with served.clinic() as clinic:
            revoke(clinic, "sam")
        for fragment in sam.fragments - sam.timed:
            assert NAME not in sam.run(page="flow", fragment=fragment)
        drawn = sam.run(page="flow", fragment=board) + sam.run(page="flow", fragment=board)
    assert NAME not in drawn
    assert SIGN_IN in drawn


def revoke(clinic, username):
    from sqlalchemy import select

    from data.models import UserSession

    with write(clinic.id) as session:
        live = session.scalars(
            select(UserSession.id).where(
                UserSession.user_id == clinic.users[username], UserSession.revoked_at.is_(None)
            )
        ).all()
    for session_id in live:
        sessions.end(clinic.id, session_id, "revoked by a test")


@pytest.mark.parametrize("path", paths_of_pages())
def test_a_cold_deep_link_leads_a_stranger_to_the_sign_in_page_and_back(stranger, path):
    answer = stranger.get(f"/{path}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/?next=/{path}"


def test_a_cold_deep_link_to_a_record_leads_back_to_that_record(served, stranger):
    answer = stranger.get("/report?name=revenue&from=2026-01-01&note=caf%C3%A9")
    target = httpx.URL(answer.headers["location"]).params["next"]
    assert target == "/report?name=revenue&from=2026-01-01&note=caf%C3%A9"
    with served.clinic() as clinic:
        ticket = sessions.mint_ticket(clinic.id, clinic.users["sam"], browser="mine")
    with httpx.Client(base_url=served.url, follow_redirects=False, cookies={"ballast_browser": "mine"}) as client:
        assert client.get("/auth/finish", params={"t": ticket, "next": target}).headers["location"] == target


@pytest.mark.parametrize("path", ["flow", "users", "audit-log", "staff-profile"])
def test_a_stranger_asking_the_websocket_for_a_page_gets_the_sign_in_page(served, path):
    with stream(served.url) as nobody:
        drawn = nobody.run(page=path)
    assert SIGN_IN in drawn
    assert CLINIC not in drawn


@pytest.mark.parametrize(
    "path",
    ["/media/0123456789abcdef.png", "/_stcore/upload_file/x/y", "/_stcore/metrics", "/documents/1", "/account/x",
     "/scanned/1", "/report-files/x",
     "/_stcore/agent/mcp", "/_stcore/agent/openapi.json", "/_stcore/x", "/static/../media/x", "/MEDIA/x", "//media/x"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
def test_files_uploads_metrics_and_documents_need_a_session(stranger, method, path):
    answer = stranger.request(method, path)
    assert answer.status_code in (303, 400, 401, 404, 405), answer.status_code
    assert CLINIC not in answer.text


def test_the_allow_list_for_strangers_is_exactly_this():
    from web.gate import ANONYMOUS_EXACT, ANONYMOUS_PREFIXES

    assert {
        "/", "/healthz", "/health/detail", "/favicon.png", "/favicon.ico", "/manifest.webmanifest", "/watch.js",
        "/auth/finish", "/auth/out", "/auth/left", "/auth/device", "/snapshot",
        "/_stcore/health", "/_stcore/host-config", "/_stcore/script-health-check", "/_stcore/stream",
    } == ANONYMOUS_EXACT  # fmt: skip
    assert set(ANONYMOUS_PREFIXES) == {
        "/static/",
        "/icons/",
        "/u/",
        "/hooks/",
        "/bounces/",
        "/texts/",
        "/pay/",
        "/portal/",
        "/snapshot/",
        "/component/",
        "/_stcore/bidi-components/",
    }


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "user@127.0.0.1:9", "[::1", "127.0.0.1:x"]
)
def test_a_foreign_host_is_refused_on_pages_and_sockets(served, stranger, host):
    assert stranger.get("/", headers={"Host": host}).status_code in (400, 421)
    with pytest.raises((InvalidStatus, ConnectionClosed)), stream(served.url, host=host or "evil.example") as socket:
        socket.run()


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_websocket_from_another_page_or_none_is_refused(served, origin):
    with (
        pytest.raises((InvalidStatus, ConnectionClosed)),
        stream(served.url, cookies=served.cookies("sam"), origin=origin) as socket,
    ):
        socket.run()


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP"])
def test_a_proxy_nobody_told_of_is_refused(stranger, name):
    assert stranger.get("/", headers={name: "127.0.0.1"}).status_code == 403


def test_signing_out_ends_the_cookie_everywhere(served):
    cookies = served.cookies("sam")
    with httpx.Client(base_url=served.url, cookies=cookies, follow_redirects=False) as client:
        assert client.get("/flow").status_code == 200
        assert client.get("/auth/out").status_code == 303
    with httpx.Client(base_url=served.url, cookies=cookies, follow_redirects=False) as replay:
        assert replay.get("/flow").status_code == 303
    with stream(served.url, cookies=cookies) as replayed:
        assert SIGN_IN in replayed.run()


def test_a_foreign_page_cannot_sign_a_person_out(served):
    cookies = served.cookies("sam")
    with httpx.Client(base_url=served.url, cookies=cookies, follow_redirects=False) as client:
        client.get("/auth/out", headers={"Sec-Fetch-Site": "cross-site"})
    with httpx.Client(base_url=served.url, cookies=cookies, follow_redirects=False) as client:
        assert client.get("/flow").status_code == 200


def test_a_picture_drawn_in_a_page_signs_nobody_out(served):
    cookies = served.cookies("sam")
    with httpx.Client(base_url=served.url, cookies=cookies, follow_redirects=False) as client:
        picture = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}
        answer = client.get("/auth/out", headers=picture)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert client.get("/flow").status_code == 200


def test_a_wall_board_has_one_address_and_gets_no_files(served):
    with served.clinic() as clinic:
        code = devices.make_code("display", "Recovery", by=clinic.actor("adam"))
        token = devices.enrol(code)[1]
    with httpx.Client(base_url=served.url, cookies={"ballast_session": token}, follow_redirects=False) as board:
        assert board.get("/").status_code == 200
        for path in ("/roster", "/flow?x=1", "/no-such-page", "/client"):
            answer = board.get(path)
            assert (answer.status_code, answer.headers.get("location")) == (303, "/"), path
        for path in (
            "/documents/x",
            "/report-files/x",
            "/receipts/x",
            "/media/x.pdf",
            "/_stcore/metrics",
            "/_stcore/upload_file/a/b",
        ):
            assert board.get(path).status_code in (303, 403), path
        assert board.get("/auth/left").json()["left"] is None
        assert board.get("/_stcore/health").status_code == 200


def test_a_ticket_makes_one_session_and_only_in_the_browser_that_earned_it(served):
    with served.clinic() as clinic:
        ticket = sessions.mint_ticket(clinic.id, clinic.users["sam"], browser="mine")
    with httpx.Client(base_url=served.url, follow_redirects=False) as other:
        answer = other.get(f"/auth/finish?t={ticket}", cookies={"ballast_browser": "another"})
        assert (answer.headers["location"], "set-cookie" in answer.headers) == ("/?again=1", False)
    with httpx.Client(base_url=served.url, follow_redirects=False) as own:
        answer = own.get(f"/auth/finish?t={ticket}&next=/flow", cookies={"ballast_browser": "mine"})
        cookie = answer.headers["set-cookie"]
        assert answer.headers["location"] == "/flow"
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Domain" not in cookie
        again = own.get(f"/auth/finish?t={ticket}", cookies={"ballast_browser": "mine"})
        assert again.headers["location"] == "/?again=1"


@pytest.mark.parametrize("cookies", [{}, {"ballast_browser": "of-the-victim"}])
def test_a_ticket_earned_without_a_browser_cookie_signs_nobody_in_as_the_one_who_sent_it(served, cookies):
    with served.clinic() as clinic:
        ticket = sessions.mint_ticket(clinic.id, clinic.users["sam"])
    with httpx.Client(base_url=served.url, follow_redirects=False, cookies=cookies) as victim:
        answer = victim.get(f"/auth/finish?t={ticket}")
    assert (answer.headers["location"], "set-cookie" in answer.headers) == ("/?again=1", False)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example?x=1",
        "//evil.example?next=/flow",
    ],
)
def test_the_way_after_signing_in_never_leaves_this_site(served, target):
    with served.clinic() as clinic:
        ticket = sessions.mint_ticket(clinic.id, clinic.users["sam"], browser="mine")
    with httpx.Client(base_url=served.url, follow_redirects=False, cookies={"ballast_browser": "mine"}) as client:
        assert client.get("/auth/finish", params={"t": ticket, "next": target}).headers["location"] == "/"


def test_pages_carry_the_headers_that_shut_others_out(stranger):
    headers = stranger.get("/").headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "object-src 'none'", "frame-ancestors 'self'", "base-uri 'self'"):
        assert part in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("path", "header", "status"), [
    ("/roster", {}, 303), ("/documents/x", {}, 401), ("/", {"host": "evil.example"}, 421),
    ("/", {"x-forwarded-for": "1.2.3.4"}, 403), ("/auth/finish?ticket=x", {}, 303), ("/static/none.js", {}, None),
])  # fmt: skip
def test_what_is_refused_carries_them_too_and_is_kept_by_no_cache(stranger, path, header, status):
    answer = stranger.get(path, headers=header, follow_redirects=False)
    assert status is None or answer.status_code == status
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert status is None or answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [
    "/static/../documents/x", "/static/%2e%2e/documents/x", "//documents/x", "/DOCUMENTS/x", "/documents/%00",
    "/component/a/..%2f..%2f..%2f..%2fetc/passwd", "/_stcore/bidi-components/x/..%2f..%2f..%2fetc/passwd",
    "/icons/..%2f..%2fgate.py", "/static/..%2f..%2f..%2fcli.py",
])  # fmt: skip
def test_no_spelling_of_a_path_gets_around_the_gate(served, path):
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), timeout=10) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    status = int(answer.split()[1])
    assert status in (303, 400, 401, 404), answer[:200]
    assert b"root:" not in answer and b"import" not in answer.split(b"\r\n\r\n", 1)[1]


def test_the_first_page_and_the_manifest_name_no_clinic(stranger):
    for path in ("/", "/manifest.webmanifest", "/healthz"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert CLINIC not in answer.text
    page = stranger.get("/").text
    for part in ("apple-touch-icon", "manifest.webmanifest", "apple-mobile-web-app-capable", "theme-color"):
        assert part in page
    assert stranger.get("/icons/icon-180.png").headers["content-type"] == "image/png"


def test_asking_how_long_the_sign_in_lasts_is_no_input_and_another_site_may_not_prolong_it(served):
    cookies = served.cookies("sam")
    with httpx.Client(base_url=served.url, cookies=cookies) as client:
        assert 0 < client.get("/auth/left").json()["left"] <= 1800
        assert client.post("/auth/left", headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.post("/auth/left", headers={"Origin": served.url}).status_code == 200
    assert httpx.get(f"{served.url}/auth/left").json() == {"left": None}
